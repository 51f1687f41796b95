/* Times: years that are not written, days that hardly exist, hours that come twice, zones of many kinds. */
#include "ingest/stamp.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define P TIME_PRESENT
#define Y TIME_YEAR_INFERRED
#define Z TIME_ZONE_INFERRED
#define E TIME_ZONE_EXPLICIT
#define A TIME_AMBIGUOUS
#define L TIME_LEAP

static const struct {
	const char *zone, *now, *stamp, *expected; /* expected "": no such time */
	uint32_t quality;
} table[] = {
	/* New Year, both ways; a relay half a day away */
	{"", "2026-01-01T00:00:05Z", "Dec 31 23:59:58", "2025-12-31T23:59:58Z", P | Y | Z},
	{"", "2025-12-31T23:59:58Z", "Jan  1 00:00:05", "2026-01-01T00:00:05Z", P | Y | Z},
	{"+08:00", "2025-12-31T16:00:01Z", "Jan  1 00:00:00", "2025-12-31T16:00:00Z", P | Y | Z},
	{"-11:00", "2026-01-01T08:00:00Z", "Dec 31 21:00:00", "2026-01-01T08:00:00Z", P | Y | Z},
	/* half a year away: the nearer one */
	{"", "2026-01-10T00:00:00Z", "Jul  1 00:00:00", "2026-07-01T00:00:00Z", P | Y | Z},
	{"", "2026-01-10T00:00:00Z", "Aug  1 00:00:00", "2025-08-01T00:00:00Z", P | Y | Z},
	/* 29 February */
	{"", "2024-03-01T00:00:00Z", "Feb 29 12:00:00", "2024-02-29T12:00:00Z", P | Y | Z},
	{"", "2025-03-01T00:00:00Z", "Feb 29 12:00:00", "2024-02-29T12:00:00Z", P | Y | Z},
	{"", "2027-06-01T00:00:00Z", "Feb 29 12:00:00", "2028-02-29T12:00:00Z", P | Y | Z},
	{"", "2026-03-01T00:00:00Z", "Feb 29 2023 12:00:00", "", 0},
	{"", "2026-03-01T00:00:00Z", "Feb 30 12:00:00", "", 0},
	{"", "2026-03-01T00:00:00Z", "2023-02-29T12:00:00Z", "", 0},
	{"", "2026-03-01T00:00:00Z", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z", P | E},
	/* leap seconds */
	{"", "2026-03-01T00:00:00Z", "2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z", P | E | L},
	{"+08:00", "2017-01-01T00:00:00Z", "Jan  1 07:59:60", "2016-12-31T23:59:59.999999999Z", P | Y | Z | L},
	/* Berlin: the hour that does not exist, and the one that comes twice */
	{"Europe/Berlin", "2026-03-29T12:00:00Z", "Mar 29 01:59:59", "2026-03-29T00:59:59Z", P | Y | Z},
	{"Europe/Berlin", "2026-03-29T12:00:00Z", "Mar 29 02:30:00", "2026-03-29T01:30:00Z", P | Y | Z | A},
	{"Europe/Berlin", "2026-03-29T12:00:00Z", "Mar 29 03:00:00", "2026-03-29T01:00:00Z", P | Y | Z},
	{"Europe/Berlin", "2026-10-25T12:00:00Z", "Oct 25 01:59:59", "2026-10-24T23:59:59Z", P | Y | Z},
	{"Europe/Berlin", "2026-10-25T12:00:00Z", "Oct 25 02:30:00", "2026-10-25T00:30:00Z", P | Y | Z | A},
	{"Europe/Berlin", "2026-10-25T12:00:00Z", "Oct 25 03:00:00", "2026-10-25T02:00:00Z", P | Y | Z},
	/* New York, and a year that only the footer's rule knows */
	{"America/New_York", "2026-03-08T12:00:00Z", "Mar  8 02:00:00", "2026-03-08T07:00:00Z", P | Y | Z | A},
	{"America/New_York", "2026-03-08T12:00:00Z", "Mar  8 03:00:00", "2026-03-08T07:00:00Z", P | Y | Z},
	{"America/New_York", "2026-11-01T12:00:00Z", "Nov  1 01:00:00", "2026-11-01T05:00:00Z", P | Y | Z | A},
	{"America/New_York", "2026-11-01T12:00:00Z", "Nov  1 02:00:00", "2026-11-01T07:00:00Z", P | Y | Z},
	{"America/New_York", "2100-07-01T00:00:00Z", "Jul  1 12:00:00", "2100-07-01T16:00:00Z", P | Y | Z},
	/* south of the equator, half an hour of summer time */
	{"Australia/Lord_Howe", "2026-10-04T00:00:00Z", "Oct  4 02:15:00", "2026-10-03T15:45:00Z", P | Y | Z | A},
	{"Australia/Lord_Howe", "2026-01-10T00:00:00Z", "Jan 10 12:00:00", "2026-01-10T01:00:00Z", P | Y | Z},
	{"Australia/Lord_Howe", "2026-06-10T00:00:00Z", "Jun 10 12:00:00", "2026-06-10T01:30:00Z", P | Y | Z},
	/* China has no summer time today and had it until 1991; Urumqi's own clock is two hours behind */
	{"Asia/Shanghai", "2026-07-01T00:00:00Z", "Jul  1 12:00:00", "2026-07-01T04:00:00Z", P | Y | Z},
	{"Asia/Shanghai", "2026-07-01T00:00:00Z", "1988-07-01 12:00:00", "1988-07-01T03:00:00Z", P | Z},
	{"Asia/Urumqi", "2026-07-01T00:00:00Z", "Jul  1 12:00:00", "2026-07-01T06:00:00Z", P | Y | Z},
	/* a written zone wins */
	{"Asia/Shanghai", "2026-07-01T00:00:00Z", "2026-07-01T12:00:00-05:00", "2026-07-01T17:00:00Z", P | E},
	{"+05:30", "2026-07-01T00:00:00Z", "2026/07/01 12:00:00", "2026-07-01T06:30:00Z", P | Z},
	{"", "2026-07-01T00:00:00Z", "2026-07-01 12:00:00 +0800", "2026-07-01T04:00:00Z", P | E},
};

static void parse(const char *text, struct stamp *out)
{
	size_t len = strlen(text);
	uint8_t *copy = malloc(len);
	memcpy(copy, text, len);
	if (stamp_parse(copy, copy + len, out) != len)
		fail_msg("\"%s\" is not read whole", text);
	free(copy);
}

static struct moment moment(const char *text)
{
	int64_t ns;
	bool has_zone, leap;
	assert_true(clock_parse_iso(slice_str(text), &ns, &has_zone, &leap) > 0);
	return moment_of(ns);
}

static void stamps_to_instants(void **state)
{
	struct env env = env_system();
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct zone *zone;
		struct stamp stamp;
		struct error error;
		char time[40] = "";
		int64_t ns;
		uint32_t quality = 0;
		struct moment now = moment(table[i].now);
		if (zone_open(&env, slice_str(table[i].zone), &zone, &error) < 0) {
			print_message("skipped: %s\n", error.text);
			continue;
		}
		parse(table[i].stamp, &stamp);
		if (stamp_resolve(&stamp, zone, &now, &ns, &quality))
			clock_print(ns, time);
		else
			quality = 0;
		if (strcmp(time, table[i].expected) != 0 || quality != table[i].quality)
			fail_msg("%s in \"%s\": \"%s\" %x instead of \"%s\" %x", table[i].stamp, table[i].zone, time, quality,
					 table[i].expected, table[i].quality);
		/* Once more, with what the zone has learned. */
		assert_int_equal(stamp_resolve(&stamp, zone, &now, &ns, &quality), table[i].expected[0] != 0);
		zone_free(&env, zone);
	}
}

/* What was resolved last is only used for the same second in the same zone; answers never differ from those made anew. */
static void resolves_again_as_before(void **state)
{
	static const char *const zones[] = {"", "+08:00", "Europe/Berlin"};
	static const char *const stamps[] = {
		"Oct 25 01:59:59",      "Oct 25 02:30:00",           "Oct 25 02:30:00.123456", "Oct 25 03:00:00",
		"Dec 31 23:59:60",      "Jan  1 00:00:00",           "2026-10-25T02:30:00.5Z", "2026-10-25T02:30:00.5+02:00",
		"Feb 29 12:00:00",      "2027-02-29T00:00:00Z",      "Oct 25 02:30:00.9",      "2026-10-25 02:30:00",
		"2026 Oct 25 02:30:00", "2026-10-25T02:30:00+01:00", "Nov 25 02:30:00",
	};
	struct env env = env_system();
	struct stamp_memo memo = {0};
	uint32_t seed = 5;
	struct zone *zone[(sizeof(zones) / sizeof(zones[0]))];
	(void)state;
	for (size_t i = 0; i < (sizeof(zones) / sizeof(zones[0])); i++)
		if (zone_open(&env, slice_str(zones[i]), &zone[i], NULL) < 0)
			assert_int_equal(zone_open(&env, SLICE("+01:00"), &zone[i], NULL), 0); /* no time zones here */
	struct moment now[2] = {moment("2026-11-01T00:00:00Z"), moment("2027-07-01T00:00:00Z")};
	for (unsigned round = 0; round < 20000; round++) {
		struct stamp stamp;
		int64_t wanted = 0, got = 0;
		uint32_t wanted_quality = 0, got_quality = 0;
		seed = seed * 1103515245u + 12345u;
		parse(stamps[(seed >> 8) % (sizeof(stamps) / sizeof(stamps[0]))], &stamp);
		if ((seed >> 28) == 0)
			stamp.zone_name = SLICE("CET");
		struct zone *z = zone[(seed >> 16) % (sizeof(zones) / sizeof(zones[0]))];
		const struct moment *reference = &now[seed >> 24 & 1];
		bool known = stamp_resolve(&stamp, z, reference, &wanted, &wanted_quality);
		assert_int_equal(stamp_resolve_again(&memo, &stamp, z, reference, &got, &got_quality), known);
		assert_true(!known || (got == wanted && got_quality == wanted_quality));
	}
	for (size_t i = 0; i < (sizeof(zones) / sizeof(zones[0])); i++)
		zone_free(&env, zone[i]);
}

/* Abbreviations: CST is China's in a Chinese zone, Chicago's in Chicago, and whatever was configured otherwise. */
static void abbreviations(void **state)
{
	static const struct {
		const char *zone, *name, *expected;
	} cases[] = {
		{"Asia/Shanghai", "CST", "2026-06-30T16:00:00Z"},   {"+08:00", "CST", "2026-06-30T16:00:00Z"},
		{"America/Chicago", "CST", "2026-07-01T06:00:00Z"}, {"", "CST", "2026-07-01T00:00:00Z"},
		{"+08:00", "UTC", "2026-07-01T00:00:00Z"},          {"+08:00", "CEST", "2026-06-30T22:00:00Z"},
		{"Asia/Kolkata", "IST", "2026-06-30T18:30:00Z"},    {"Europe/Dublin", "IST", "2026-06-30T23:00:00Z"},
		{"+08:00", "NOSUCH", "2026-06-30T16:00:00Z"},
	};
	struct env env = env_system();
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zone *zone;
		struct stamp stamp;
		char time[40];
		int64_t ns;
		uint32_t quality;
		struct moment now = moment("2026-07-01T00:00:00Z");
		assert_int_equal(zone_open(&env, slice_str(cases[i].zone), &zone, NULL), 0);
		parse("Jul  1 00:00:00", &stamp);
		stamp.zone_name = slice_str(cases[i].name);
		assert_true(stamp_resolve(&stamp, zone, &now, &ns, &quality));
		clock_print(ns, time);
		if (strcmp(time, cases[i].expected) != 0)
			fail_msg("%s in \"%s\": %s instead of %s", cases[i].name, cases[i].zone, time, cases[i].expected);
		assert_int_equal(quality, P | Y | Z);
		zone_free(&env, zone);
	}
}

/* Every hour of some years in some zones: the C library agrees. It reads the same files by other code. */
static void agrees_with_the_c_library(void **state)
{
	static const char *const names[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
										"Asia/Tehran",   "America/Santiago", "Europe/Dublin"};
	struct env env = env_system();
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zone *zone;
		char variable[64];
		assert_int_equal(zone_open(&env, slice_str(names[i]), &zone, NULL), 0);
		snprintf(variable, sizeof(variable), ":%s", names[i]);
		setenv("TZ", variable, 1);
		tzset();
		for (int64_t t = INT64_C(-1000000000); t < INT64_C(7000000000); t += 3600 * 25 + 1) {
			time_t seconds = (time_t)t;
			struct tm tm;
			localtime_r(&seconds, &tm);
			if (zone_offset_at(zone, t) != tm.tm_gmtoff)
				fail_msg("%s at %lld: %d instead of %ld", names[i], (long long)t, zone_offset_at(zone, t),
						 tm.tm_gmtoff);
		}
		zone_free(&env, zone);
	}
	unsetenv("TZ");
	tzset();
}

static void zones_that_are_none(void **state)
{
	static const char *const bad[] = {"+24:00",         "+08:60", "08:00",  "Mars/Olympus", "../../etc/passwd",
									  "/etc/localtime", "Asia",   "+0:800", "+123",         "a b"};
	struct env env = env_system();
	struct zone *zone;
	struct error error;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (zone_open(&env, slice_str(bad[i]), &zone, &error) == 0)
			fail_msg("\"%s\" was taken for a zone", bad[i]);
		assert_true(error.text[0] != 0);
	}
	/* "local" is UTC when there is nothing */
	struct fake *fake = fake_new(1);
	assert_int_equal(zone_open(&fake->env, SLICE("local"), &zone, NULL), 0);
	assert_int_equal(zone_offset_at(zone, 0), 0);
	zone_free(&fake->env, zone);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

/* A TZif file with any octet changed or cut anywhere is read or refused, never more. */
static void damaged_files(void **state)
{
	struct env env = env_system();
	struct fake *fake = fake_new(3);
	uint8_t *octets;
	size_t len;
	(void)state;
	if (env_read_file(&env, "/usr/share/zoneinfo/Europe/Berlin", 65536, &octets, &len) < 0) {
		print_message("skipped: no time zone files\n");
		return;
	}
	for (size_t i = 0; i < len; i++) {
		uint8_t *copy = malloc(len);
		struct zone *zone;
		memcpy(copy, octets, len);
		copy[i] ^= (uint8_t)(1u << fake_random_below(fake, 8));
		size_t kept = i % 2 == 0 ? len : i;
		uint8_t *exact = malloc(kept + 1);
		memcpy(exact, copy, kept);
		if (zone_from_octets(&fake->env, slice_of(exact, kept), &zone, NULL) == 0) {
			bool ambiguous;
			zone_offset_of_local(zone, INT64_C(1774742400), &ambiguous);
			zone_offset_at(zone, INT64_C(9000000000));
			zone_free(&fake->env, zone);
		}
		free(exact);
		free(copy);
	}
	assert_int_equal(fake->memory.outstanding, 0);
	env_free(&env, octets);
	fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps_to_instants),  cmocka_unit_test(resolves_again_as_before),
		cmocka_unit_test(abbreviations),       cmocka_unit_test(agrees_with_the_c_library),
		cmocka_unit_test(zones_that_are_none), cmocka_unit_test(damaged_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
