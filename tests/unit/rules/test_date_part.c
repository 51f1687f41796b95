/* Times that sources write, and the modifiers that look at a part of them. */
#include "tests/unit/rules/sigma_rig.h"

#include "rules/date_part.h"

static int64_t at(int32_t year, unsigned month, unsigned day, unsigned hour, unsigned minute)
{
	struct calendar c = {
		.year = year, .month = (uint8_t)month, .day = (uint8_t)day, .hour = (uint8_t)hour, .minute = (uint8_t)minute};
	int64_t ns;
	assert_true(clock_from_calendar(&c, &ns));
	return ns;
}

static void times_are_read(void **state)
{
	const int64_t noon = at(2025, 3, 4, 12, 30);
	const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{"2025-03-04T12:30:00Z", noon},
		{" 2025-03-04 12:30:00.000 ", noon},
		{"2025-03-04T12:30:00+02:00", noon - 2 * NS_PER_HOUR},
		{"2025/03/04 12:30:00", noon},
		{"2025-03-04", at(2025, 3, 4, 0, 0)},
		{"2025/03/04", at(2025, 3, 4, 0, 0)},
		{"1741091400", noon},
		{"1741091400.75", noon},
		{"1741091400000", noon},
		{"1741091400000000", noon},
		{"1741091400000000000", noon},
		{"04/Mar/2025:12:30:00 +0800", noon - 8 * NS_PER_HOUR},
		{"Tue, 04 Mar 2025 12:30:00 GMT", noon},
		{"Tue, 4 Mar 2025 12:30:00 -0130", noon + 90 * NS_PER_MIN},
		{"Tue Mar  4 12:30:00 2025", noon},
	};
	static const char *const none[] = {"",
									   "soon",
									   "3",
									   "99999999",
									   "-1741091400",
									   "1741091400.x",
									   "2025-02-30",
									   "2025-13-01",
									   "2025-03-04T25:00:00Z",
									   "04/Foo/2025:12:30:00 +0800",
									   "04/Mar/2025:12:30:00 east",
									   "04/Mar/2025:12:30:00 +08000",
									   "Tue Mar  4 12:30:00 2025 x",
									   "2025-03-04T12:30:00Z and much more text behind it, so that it is too long",
									   "99999999999999999999"};
	int64_t ns;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (!date_read(slice_str(cases[i].text), 0, &ns) || ns != cases[i].ns)
			fail_msg("%s: %lld, not %lld", cases[i].text, (long long)ns, (long long)cases[i].ns);
	for (size_t i = 0; i < COUNT(none); i++)
		if (date_read(slice_str(none[i]), 0, &ns))
			fail_msg("%s was read", none[i]);
	/* the zone is that of texts without one */
	assert_true(date_read(SLICE("2025-03-04 12:30:00"), 480, &ns) && ns == noon - 8 * NS_PER_HOUR);
	assert_true(date_read(SLICE("2025-03-04 12:30:00Z"), 480, &ns) && ns == noon);
}

static void parts_are_taken(void **state)
{
	static const struct {
		int32_t year;
		unsigned month, day;
		int32_t week;
	} weeks[] = {{2024, 12, 29, 52}, {2024, 12, 30, 1}, {2025, 1, 1, 1},    {2020, 12, 31, 53}, {2021, 1, 3, 53},
				 {2021, 1, 4, 1},    {2026, 1, 1, 1},   {2026, 12, 31, 53}, {1969, 12, 29, 1},  {1969, 12, 28, 52}};
	(void)state;
	for (size_t i = 0; i < COUNT(weeks); i++) {
		int64_t ns = at(weeks[i].year, weeks[i].month, weeks[i].day, 23, 59);
		if (date_part(ns, 0, DATE_WEEK) != weeks[i].week)
			fail_msg("%d-%u-%u is in week %d", weeks[i].year, weeks[i].month, weeks[i].day,
					 date_part(ns, 0, DATE_WEEK));
	}
	int64_t ns = at(2025, 12, 31, 23, 59);
	assert_int_equal(date_part(ns, 0, DATE_MINUTE), 59);
	assert_int_equal(date_part(ns, 0, DATE_HOUR), 23);
	assert_int_equal(date_part(ns, 0, DATE_DAY), 31);
	assert_int_equal(date_part(ns, 0, DATE_MONTH), 12);
	assert_int_equal(date_part(ns, 0, DATE_YEAR), 2025);
	assert_int_equal(date_part(ns, 1, DATE_YEAR), 2026);
	assert_int_equal(date_part(INT64_MAX, 1440, DATE_YEAR), 2262);
	assert_int_equal(date_part(INT64_MIN, -1440, DATE_YEAR), 1677);
	assert_true(date_part(INT64_MAX, 1440, DATE_WEEK) > 0 && date_part(INT64_MIN, -1440, DATE_WEEK) > 0);
}

static void modifiers_look_at_them(void **state)
{
	static const struct value_case cases[] = {
		{"{f|hour: 3}", "{f: '2024-07-10T03:45:00Z'}", true},
		{"{f|hour: 3}", "{f: '2024-07-10T14:45:00Z'}", false},
		{"{f|hour: [3, 14]}", "{f: '2024-07-10T14:45:00Z'}", true},
		{"{f|hour: 19}", "{f: '2024-07-10T03:45:00+08:00'}", true},
		{"{f|hour|gte: 22}", "{f: '2024-07-10T22:00:00Z'}", true},
		{"{f|hour|gte: 22}", "{f: '2024-07-10T21:59:59Z'}", false},
		{"{f|hour|lt: 6}", "{f: '2024-07-10T05:59:59Z'}", true},
		{"{f|hour|neq: 3}", "{f: '2024-07-10T03:45:00Z'}", false},
		{"{f|hour|neq: 3}", "{g: x}", true},
		{"{f|minute: 45}", "{f: '2024-07-10T03:45:00Z'}", true},
		{"{f|day: 10}", "{f: '2024-07-10T03:45:00Z'}", true},
		{"{f|day: 10}", "{f: 1720583100}", true},
		{"{f|day: 10}", "{f: 10}", false}, /* no time of any log */
		{"{f|week: 28}", "{f: '2024-07-10T03:45:00Z'}", true},
		{"{f|month: 7}", "{f: '2024-07-10T03:45:00Z'}", true},
		{"{f|month: 7}", "{f: [x, '2024-07-10T03:45:00Z']}", true},
		{"{f|year: 2024}", "{f: '2024-07-10'}", true},
		{"{f|year|lte: 2023}", "{f: '2024-07-10'}", false},
		{"{f|hour: 3}", "{f: three}", false},
		{"{f|hour: 3}", "{f: null}", false},
		{"{f|hour: 3}", "{f: true}", false},
		{"{f|hour: 0}", "{g: x}", false},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

/* The row's own time stands in for a field that only its header had. */
static void the_time_of_the_row_counts(void **state)
{
	static const struct batch_identity identity;
	static const char *const selections[] = {"{'@timestamp|hour': 3}", "{'@timestamp|hour|neq': 4}"};
	struct rig rig;
	struct error error = {0};
	struct slice octets;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < 2; i++) {
		rig_load_selection(&rig, selections[i]);
		for (unsigned hour = 3; hour < 5; hour++) {
			batch_begin(rig.builder, &identity, 0, at(2025, 3, 4, 12, 0));
			assert_int_equal(batch_row(rig.builder, ROW_EVENT, at(2025, 3, 4, 12, 0), SLICE("x")), 0);
			batch_row_time(rig.builder, at(2025, 3, 4, hour, 30), TIME_PRESENT);
			assert_int_equal(batch_row_end(rig.builder), 0);
			assert_int_equal(batch_finish(rig.builder, &octets, &error), 0);
			assert_int_equal(batch_open(&rig.batch, octets, &error), 0);
			assert_int_equal(rig_judge(&rig), hour == 3);
		}
		/* said in the body, that is what counts */
		assert_int_equal(rig_holds(&rig, "{'@timestamp': '2025-03-04T03:10:00Z'}"), 1);
		assert_int_equal(rig_holds(&rig, "{'@timestamp': '2025-03-04T04:10:00Z'}"), 0);
	}
	rig_close(&rig);
}

static void the_zone_is_an_option(void **state)
{
	struct rig rig;
	const char *paths[] = {"/r/rules.yml"};
	struct ruleset_options options = {.zone_minutes = 480};
	uint8_t utc[32];
	(void)state;
	rig_open(&rig);
	rig_load_selection(&rig, "{f|hour: 3}");
	memcpy(utc, ruleset_rule(rig.set, 0)->digest, 32);
	rig_load_paths(&rig, paths, 1, &options);
	assert_int_equal(rig_holds(&rig, "{f: '2024-07-09T19:45:00Z'}"), 1);
	assert_int_equal(rig_holds(&rig, "{f: '2024-07-10 03:45:00'}"), 1);
	assert_int_equal(rig_holds(&rig, "{f: '2024-07-10T03:45:00Z'}"), 0);
	assert_memory_not_equal(utc, ruleset_rule(rig.set, 0)->digest, 32);
	rig_close(&rig);
}

static void what_never_holds_is_said(void **state)
{
	static const char *const odd[] = {"{f|hour: 24}", "{f|day: 0}", "{f|week: 54}", "{f|month|gt: 13}",
									  "{f|minute: 60}"};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(odd); i++) {
		rig_load_selection(&rig, odd[i]);
		assert_int_equal(rig.counts.loaded, 1);
		assert_int_equal(rig.told_count, 1);
		assert_string_equal(rig.told[0].id, "sigma-date-range");
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read),         cmocka_unit_test(parts_are_taken),
		cmocka_unit_test(modifiers_look_at_them), cmocka_unit_test(the_time_of_the_row_counts),
		cmocka_unit_test(the_zone_is_an_option),  cmocka_unit_test(what_never_holds_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
