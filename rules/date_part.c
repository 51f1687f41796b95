#include "rules/date_part.h"

/* ---- reading ---- */

/* Numbers below are no times of logs: 1973 in seconds. */
#define EPOCH_LEAST INT64_C(100000000)

/* Seconds, ms, us or ns since 1970 by size; a fraction is of the last second and passed over. */
static bool read_epoch(struct slice text, int64_t *ns)
{
	int64_t n;
	size_t dot = slice_find_octet(text, '.', 0);
	if (dot != SIZE_MAX) {
		for (size_t i = dot + 1; i < text.len; i++)
			if (text.ptr[i] < '0' || text.ptr[i] > '9')
				return false;
		text.len = dot;
	}
	if (!slice_to_i64(text, &n) || n < EPOCH_LEAST)
		return false;
	int64_t unit = n < INT64_C(100000000000)         ? NS_PER_S
				   : n < INT64_C(100000000000000)    ? NS_PER_MS
				   : n < INT64_C(100000000000000000) ? 1000
													 : 1;
	*ns = n * unit;
	return true;
}

/* ---- forms with the name of a month ---- */

static bool take_number(const char **at, unsigned digits, int *out)
{
	unsigned n = 0;
	*out = 0;
	for (; n < digits && **at >= '0' && **at <= '9'; n++)
		*out = *out * 10 + *(*at)++ - '0';
	return n > 0;
}

static bool take(const char **at, char c)
{
	bool there = **at == c;
	*at += there;
	return there;
}

static bool take_month(const char **at, uint8_t *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (unsigned i = 0; i < 12; i++)
		if (strncmp(*at, months + 3 * (size_t)i, 3) == 0) {
			*out = (uint8_t)(i + 1);
			*at += 3;
			return true;
		}
	return false;
}

static bool take_weekday(const char **at)
{
	for (unsigned i = 0; i < 3; i++)
		if (((*at)[i] | 32) < 'a' || ((*at)[i] | 32) > 'z')
			return false;
	*at += 3;
	return true;
}

static bool take_clock(const char **at, struct calendar *c)
{
	int hour, minute, second;
	if (!take_number(at, 2, &hour) || !take(at, ':') || !take_number(at, 2, &minute) || !take(at, ':') ||
		!take_number(at, 2, &second))
		return false;
	c->hour = (uint8_t)hour;
	c->minute = (uint8_t)minute;
	c->second = (uint8_t)second;
	return true;
}

static bool take_day(const char **at, struct calendar *c)
{
	int day;
	bool there = take_number(at, 2, &day);
	c->day = (uint8_t)day;
	return there;
}

/* Nothing, or behind a blank Z, UTC, GMT, +hhmm, +hh:mm; then the end. */
static bool take_zone(const char **at, bool *has_zone, int64_t *offset_ns)
{
	int hours, minutes;
	*offset_ns = 0;
	*has_zone = take(at, ' ');
	const char *zone = *at;
	if (!*has_zone || !strcmp(zone, "Z") || !strcmp(zone, "UTC") || !strcmp(zone, "GMT"))
		return *has_zone || *zone == 0;
	if ((!take(at, '+') && !take(at, '-')) || !take_number(at, 2, &hours))
		return false;
	(void)take(at, ':');
	if (!take_number(at, 2, &minutes) || **at)
		return false;
	*offset_ns = (*zone == '-' ? -1 : 1) * (hours * NS_PER_HOUR + minutes * NS_PER_MIN);
	return true;
}

/* 10/Jul/2024:03:45:00 +0800 */
static bool web_form(const char *at, struct calendar *c, bool *has_zone, int64_t *offset)
{
	return take_day(&at, c) && take(&at, '/') && take_month(&at, &c->month) && take(&at, '/') &&
		   take_number(&at, 4, &c->year) && take(&at, ':') && take_clock(&at, c) && take_zone(&at, has_zone, offset);
}

/* Wed, 10 Jul 2024 03:45:00 GMT */
static bool mail_form(const char *at, struct calendar *c, bool *has_zone, int64_t *offset)
{
	return take_weekday(&at) && take(&at, ',') && take(&at, ' ') && take_day(&at, c) && take(&at, ' ') &&
		   take_month(&at, &c->month) && take(&at, ' ') && take_number(&at, 4, &c->year) && take(&at, ' ') &&
		   take_clock(&at, c) && take_zone(&at, has_zone, offset);
}

/* Wed Jul 10 03:45:00 2024, the day with a blank before one digit */
static bool plain_form(const char *at, struct calendar *c)
{
	if (!take_weekday(&at) || !take(&at, ' ') || !take_month(&at, &c->month) || !take(&at, ' '))
		return false;
	(void)take(&at, ' ');
	return take_day(&at, c) && take(&at, ' ') && take_clock(&at, c) && take(&at, ' ') &&
		   take_number(&at, 4, &c->year) && *at == 0;
}

static bool read_named(const char *text, bool *has_zone, int64_t *ns)
{
	struct calendar c = {0};
	int64_t offset = 0;
	if (!web_form(text, &c, has_zone, &offset) && !mail_form(text, &c, has_zone, &offset)) {
		*has_zone = false;
		offset = 0;
		if (!plain_form(text, &c))
			return false;
	}
	return clock_from_calendar(&c, ns) && !__builtin_sub_overflow(*ns, offset, ns);
}

#define TIME_OCTETS 64u

/* A date alone is its first moment; slashes stand for the dashes of ISO 8601. */
static bool read_iso(char *copy, size_t len, bool *has_zone, int64_t *ns)
{
	bool leap;
	if (len < 10)
		return false;
	if (copy[4] == '/' && copy[7] == '/')
		copy[4] = copy[7] = '-';
	if (len == 10)
		memcpy(copy + 10, "T00:00:00", 10);
	struct slice text = slice_of(copy, len == 10 ? 19 : len);
	return clock_parse_iso(text, ns, has_zone, &leap) == text.len;
}

bool date_read(struct slice text, int32_t zone_minutes, int64_t *ns)
{
	char copy[TIME_OCTETS];
	bool has_zone = false;
	text = slice_trim(text);
	if (text.len == 0 || text.len > TIME_OCTETS - 16)
		return false;
	if (read_epoch(text, ns))
		return true;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = 0;
	if (!read_iso(copy, text.len, &has_zone, ns) && !read_named(copy, &has_zone, ns))
		return false;
	return has_zone || !__builtin_sub_overflow(*ns, zone_minutes * NS_PER_MIN, ns);
}

/* ---- parts ---- */

/* The week that holds the first Thursday of the year is the first. */
static int32_t iso_week(const struct calendar *c)
{
	int64_t day = clock_days_from_civil(c->year, c->month, c->day);
	int64_t weekday = ((day + 3) % 7 + 7) % 7; /* Monday is 0: 1970-01-01 was a Thursday */
	int64_t thursday = day - weekday + 3;
	struct calendar of;
	clock_to_calendar(thursday * NS_PER_DAY, &of);
	return (int32_t)((thursday - clock_days_from_civil(of.year, 1, 1)) / 7 + 1);
}

#define MARGIN_NS (30 * NS_PER_DAY) /* so that zones and weeks do not overflow */

int32_t date_part(int64_t ns, int32_t zone_minutes, enum date_part part)
{
	struct calendar c;
	ns = ns < INT64_MIN + MARGIN_NS ? INT64_MIN + MARGIN_NS : ns > INT64_MAX - MARGIN_NS ? INT64_MAX - MARGIN_NS : ns;
	clock_to_calendar(ns + zone_minutes * NS_PER_MIN, &c);
	switch (part) {
	case DATE_MINUTE:
		return c.minute;
	case DATE_HOUR:
		return c.hour;
	case DATE_DAY:
		return c.day;
	case DATE_WEEK:
		return iso_week(&c);
	case DATE_MONTH:
		return c.month;
	case DATE_YEAR:
		return c.year;
	case DATE_NONE:
		break;
	}
	return 0;
}

void date_part_range(enum date_part part, int32_t *least, int32_t *most)
{
	static const int32_t ranges[][2] = {
		[DATE_NONE] = {0, 0},  [DATE_MINUTE] = {0, 59}, [DATE_HOUR] = {0, 23},      [DATE_DAY] = {1, 31},
		[DATE_WEEK] = {1, 53}, [DATE_MONTH] = {1, 12},  [DATE_YEAR] = {1678, 2261},
	};
	*least = ranges[part][0];
	*most = ranges[part][1];
}
