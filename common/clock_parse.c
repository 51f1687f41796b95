/* Reading times: RFC 3339, the ISO 8601 forms that devices write, options and spans. */
#include "common/clock.h"

/* A place in a text. A step that does not fit leaves it where it was. */
struct cursor {
	struct slice s;
	size_t at;
};

static uint8_t peek(const struct cursor *c)
{
	return c->at < c->s.len ? c->s.ptr[c->at] : 0;
}

static bool is_digit(uint8_t octet)
{
	return octet >= '0' && octet <= '9';
}

/* Exactly `count` digits. */
static bool digits(struct cursor *c, unsigned count, uint32_t *out)
{
	uint32_t value = 0;
	if (c->s.len - c->at < count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		uint8_t octet = c->s.ptr[c->at + i];
		if (!is_digit(octet))
			return false;
		value = value * 10 + octet - '0';
	}
	c->at += count;
	*out = value;
	return true;
}

static bool octet(struct cursor *c, uint8_t wanted)
{
	if (c->at >= c->s.len || c->s.ptr[c->at] != wanted)
		return false;
	c->at++;
	return true;
}

static bool date(struct cursor *c, struct calendar *out)
{
	uint32_t year, month, day;
	if (!digits(c, 4, &year) || !octet(c, '-') || !digits(c, 2, &month) || !octet(c, '-') || !digits(c, 2, &day))
		return false;
	out->year = (int32_t)year;
	out->month = (uint8_t)month;
	out->day = (uint8_t)day;
	return true;
}

/* '.' or ',' and one digit or more; digits past the ninth are read and dropped. */
static void fraction(struct cursor *c, struct calendar *out)
{
	uint32_t value = 0, place = 100000000;
	if ((peek(c) != '.' && peek(c) != ',') || c->at + 1 >= c->s.len || !is_digit(c->s.ptr[c->at + 1]))
		return;
	for (c->at++; is_digit(peek(c)); c->at++) {
		value += place * (peek(c) - (uint32_t)'0');
		place /= 10;
	}
	out->nanosecond = value;
}

static bool time_of_day(struct cursor *c, struct calendar *out, bool *leap)
{
	uint32_t hour, minute, second;
	if (!digits(c, 2, &hour) || !octet(c, ':') || !digits(c, 2, &minute) || !octet(c, ':') || !digits(c, 2, &second))
		return false;
	out->hour = (uint8_t)hour;
	out->minute = (uint8_t)minute;
	out->second = (uint8_t)second;
	fraction(c, out);
	*leap = second == 60;
	if (*leap) {
		out->second = 59;
		out->nanosecond = 999999999;
	}
	return true;
}

/* Z, +hh:mm, +hhmm, +hh. Leaves the cursor when there is none; false when it is no time of a day (RFC 3339: hours to 23,
 * minutes to 59). */
static bool zone(struct cursor *c, int64_t *offset_ns, bool *has_zone)
{
	uint32_t hours, minutes = 0;
	uint8_t sign = peek(c);
	*has_zone = false;
	*offset_ns = 0;
	if (sign == 'Z' || sign == 'z') {
		c->at++;
		*has_zone = true;
		return true;
	}
	struct cursor ahead = *c;
	if ((sign != '+' && sign != '-') || (ahead.at++, !digits(&ahead, 2, &hours)))
		return true;
	struct cursor more = ahead;
	octet(&more, ':');
	if (digits(&more, 2, &minutes))
		ahead = more;
	if (hours > 23 || minutes > 59)
		return false;
	*c = ahead;
	*has_zone = true;
	*offset_ns = (int64_t)(hours * 60 + minutes) * NS_PER_MIN * (sign == '-' ? -1 : 1);
	return true;
}

size_t clock_parse_iso(struct slice s, int64_t *ns, bool *has_zone, bool *leap)
{
	struct cursor c = {s, 0};
	struct calendar calendar = {0};
	int64_t offset;
	if (!date(&c, &calendar) || (!octet(&c, 'T') && !octet(&c, 't') && !octet(&c, ' ')))
		return 0;
	if (!time_of_day(&c, &calendar, leap) || !clock_from_calendar(&calendar, ns) || !zone(&c, &offset, has_zone))
		return 0;
	/* Years 1678 to 2261 leave more than a day of room at either end. */
	*ns -= offset;
	return c.at;
}

bool clock_parse_span(struct slice s, int64_t *ns)
{
	static const struct {
		uint8_t letter;
		int64_t ns;
	} units[] = {
		{'s', NS_PER_S}, {'m', NS_PER_MIN}, {'h', NS_PER_HOUR}, {'d', NS_PER_DAY}, {'w', 7 * NS_PER_DAY},
	};
	int64_t count;
	if (s.len < 2 || !slice_to_i64(slice_of(s.ptr, s.len - 1), &count) || count <= 0)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (units[i].letter == s.ptr[s.len - 1])
			return !__builtin_mul_overflow(count, units[i].ns, ns);
	}
	return false;
}

/* The unit by size: seconds reach the year 5138 before they look like milliseconds, and so on. */
static bool unix_time(struct slice s, int64_t *ns)
{
	int64_t value;
	if (!slice_to_i64(s, &value) || value == INT64_MIN)
		return false;
	int64_t size = value < 0 ? -value : value;
	int64_t unit = size < INT64_C(100000000000)         ? NS_PER_S
				   : size < INT64_C(100000000000000)    ? NS_PER_MS
				   : size < INT64_C(100000000000000000) ? 1000
														: 1;
	return !__builtin_mul_overflow(value, unit, ns);
}

bool clock_parse_option(struct slice s, int64_t now_ns, int64_t *ns)
{
	bool has_zone, leap;
	int64_t span;
	if (slice_equal(s, SLICE("now"))) {
		*ns = now_ns;
		return true;
	}
	if (s.len > 1 && s.ptr[0] == '-' && clock_parse_span(slice_from(s, 1), &span))
		return !__builtin_sub_overflow(now_ns, span, ns);
	if (s.len > 1 && s.ptr[0] == '+' && clock_parse_span(slice_from(s, 1), &span))
		return !__builtin_add_overflow(now_ns, span, ns);
	struct cursor c = {s, 0};
	struct calendar day = {0};
	if (date(&c, &day) && c.at == s.len)
		return clock_from_calendar(&day, ns);
	if (s.len > 0 && clock_parse_iso(s, ns, &has_zone, &leap) == s.len)
		return true;
	return unix_time(s, ns);
}
