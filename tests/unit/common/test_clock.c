/* The calendar against the C library's, and the forms of time that are read. */
#include "tests/unit/common/test.h"

#include <time.h>

static void agrees_with_timegm(void **state)
{
	(void)state;
	/* Every day from 1678 to 2261, with a time of day that moves along. */
	int64_t first = clock_days_from_civil(1678, 1, 1), last = clock_days_from_civil(2261, 12, 31);
	for (int64_t day = first; day <= last; day++) {
		int64_t seconds = day * 86400 + (day * 7919 % 86400 + 86400) % 86400, ns = 0;
		time_t t = seconds;
		struct tm tm;
		struct calendar c;
		assert_non_null(gmtime_r(&t, &tm));
		clock_to_calendar(seconds * NS_PER_S + 5, &c);
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.hour * 3600 + c.minute * 60 + c.second, tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
		assert_int_equal(c.nanosecond, 5);
		assert_true(clock_from_calendar(&c, &ns));
		assert_true(ns == seconds * NS_PER_S + 5 && timegm(&tm) == seconds);
	}
}

static void refuses_what_is_no_day(void **state)
{
	(void)state;
	static const struct calendar bad[] = {
		{2026, 2, 29, 0, 0, 0, 0},  {1900, 2, 29, 0, 0, 0, 0}, {2026, 4, 31, 0, 0, 0, 0},
		{2026, 13, 1, 0, 0, 0, 0},  {2026, 0, 1, 0, 0, 0, 0},  {2026, 1, 0, 0, 0, 0, 0},
		{2026, 1, 1, 24, 0, 0, 0},  {2026, 1, 1, 0, 60, 0, 0}, {2026, 1, 1, 0, 0, 60, 0},
		{1677, 12, 31, 0, 0, 0, 0}, {2262, 1, 1, 0, 0, 0, 0},  {2026, 1, 1, 0, 0, 0, 1000000000},
	};
	int64_t ns;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(clock_from_calendar(&bad[i], &ns));
	struct calendar leap = {2000, 2, 29, 0, 0, 0, 0};
	assert_true(clock_from_calendar(&leap, &ns));
}

static void prints(void **state)
{
	(void)state;
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z"},
		{-1, "1969-12-31T23:59:59.999999999Z"},
		{1795471445123456789, "2026-11-23T22:04:05.123456789Z"},
		{1795471445123000000, "2026-11-23T22:04:05.123Z"},
		{1795471445000100000, "2026-11-23T22:04:05.000100Z"},
		{INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
		{INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[36];
		size_t len = clock_print(cases[i].ns, out);
		assert_string_equal(out, cases[i].text);
		assert_int_equal(len, strlen(out));
	}
}

static void reads_iso(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t read; /* 0: refused */
		const char *printed;
		bool has_zone, leap;
	} cases[] = {
		{"2026-11-23T22:04:05Z", 20, "2026-11-23T22:04:05Z", true, false},
		{"2026-11-23t22:04:05z rest", 20, "2026-11-23T22:04:05Z", true, false},
		{"2026-11-23 22:04:05", 19, "2026-11-23T22:04:05Z", false, false},
		{"2026-11-23T22:04:05+08:00", 25, "2026-11-23T14:04:05Z", true, false},
		{"2026-11-23T22:04:05-0330", 24, "2026-11-24T01:34:05Z", true, false},
		{"2026-11-23T22:04:05+08", 22, "2026-11-23T14:04:05Z", true, false},
		{"2026-11-23T22:04:05+08:", 22, "2026-11-23T14:04:05Z", true, false},
		{"2026-11-23T22:04:05.5Z", 22, "2026-11-23T22:04:05.500Z", true, false},
		{"2026-11-23T22:04:05,123456", 26, "2026-11-23T22:04:05.123456Z", false, false},
		{"2026-11-23T22:04:05.1234567899999Z", 34, "2026-11-23T22:04:05.123456789Z", true, false},
		{"2026-11-23T22:04:05.", 19, "2026-11-23T22:04:05Z", false, false},
		{"2016-12-31T23:59:60Z", 20, "2016-12-31T23:59:59.999999999Z", true, true},
		{"2016-12-31T23:59:60.5Z", 22, "2016-12-31T23:59:59.999999999Z", true, true},
		{"2016-12-31T23:59:61Z", 0, "", false, false},
		{"2026-02-29T00:00:00Z", 0, "", false, false},
		{"2026-11-23", 0, "", false, false},
		{"2026-11-23T22:04", 0, "", false, false},
		{"2026-11-23T22:04:05+24:00", 0, "", false, false},
		{"2026-11-23T22:04:05+08:60", 0, "", false, false},
		{"26-11-23T22:04:05Z", 0, "", false, false},
		{"1600-01-01T00:00:00Z", 0, "", false, false},
		{"", 0, "", false, false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ns;
		bool has_zone = false, leap = false;
		char out[36];
		assert_int_equal(clock_parse_iso(slice_str(cases[i].text), &ns, &has_zone, &leap), cases[i].read);
		if (cases[i].read == 0)
			continue;
		clock_print(ns, out);
		assert_string_equal(out, cases[i].printed);
		assert_int_equal(has_zone, cases[i].has_zone);
		assert_int_equal(leap, cases[i].leap);
	}
}

static void reads_options(void **state)
{
	(void)state;
	const int64_t now = INT64_C(1795471445) * NS_PER_S;
	static const struct {
		const char *text;
		bool good;
		int64_t seconds; /* after now */
	} cases[] = {
		{"now", true, 0},
		{"-1h", true, -3600},
		{"-15m", true, -900},
		{"-2d", true, -172800},
		{"-30s", true, -30},
		{"-1w", true, -604800},
		{"+8h", true, 28800},
		{"+0h", false, 0},
		{"+99999999999999w", false, 0},
		{"2026-11-23T22:04:05Z", true, 0},
		{"1795471445", true, 0},
		{"1795471445000", true, 0},
		{"1795471445000000", true, 0},
		{"1795471445000000000", true, 0},
		{"-0h", false, 0},
		{"1h", false, 0},
		{"", false, 0},
		{"yesterday", false, 0},
		{"2026-11-23T22:04:05Zx", false, 0},
		{"2026-13-01", false, 0},
		{"-99999999999999w", false, 0},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ns = 0;
		if (clock_parse_option(slice_str(cases[i].text), now, &ns) != cases[i].good)
			fail_msg("%s", cases[i].text);
		if (cases[i].good && ns != now + cases[i].seconds * NS_PER_S)
			fail_msg("%s", cases[i].text);
	}
	int64_t ns;
	assert_true(clock_parse_option(SLICE("2026-11-23"), now, &ns));
	assert_true(ns == clock_days_from_civil(2026, 11, 23) * NS_PER_DAY);
	assert_true(clock_parse_span(SLICE("90s"), &ns) && ns == 90 * NS_PER_S);
	assert_false(clock_parse_span(SLICE("0s"), &ns));
	assert_false(clock_parse_span(SLICE("s"), &ns));
	assert_false(clock_parse_span(SLICE("5y"), &ns));
	assert_false(clock_parse_span(SLICE("-5s"), &ns));
	assert_false(clock_parse_span(SLICE("20000w"), &ns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_timegm), cmocka_unit_test(refuses_what_is_no_day), cmocka_unit_test(prints),
		cmocka_unit_test(reads_iso),          cmocka_unit_test(reads_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
