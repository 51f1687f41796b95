/* POSIX TZ rules: "CET-1CEST,M3.5.0,M10.5.0/3". */
#include "ingest/zone_rule.h"

#define DAY_S INT64_C(86400)

struct rule_reader {
	const uint8_t *ptr, *end;
	bool failed;
};

static uint8_t look(const struct rule_reader *r)
{
	return r->ptr < r->end ? *r->ptr : 0;
}

static bool take(struct rule_reader *r, uint8_t octet)
{
	if (look(r) != octet)
		return false;
	r->ptr++;
	return true;
}

static int32_t number(struct rule_reader *r, int32_t max)
{
	int32_t v = 0, n = 0;
	for (; look(r) >= '0' && look(r) <= '9' && n < 4; n++)
		v = v * 10 + (*r->ptr++ - '0');
	if (n == 0 || v > max)
		r->failed = true;
	return v;
}

static void name(struct rule_reader *r)
{
	const uint8_t *start = r->ptr;
	if (take(r, '<')) {
		while (look(r) != '>' && r->ptr < r->end)
			r->ptr++;
		r->failed |= !take(r, '>');
		return;
	}
	while ((look(r) >= 'a' && look(r) <= 'z') || (look(r) >= 'A' && look(r) <= 'Z'))
		r->ptr++;
	r->failed |= r->ptr - start < 3;
}

static int32_t clock_time(struct rule_reader *r, int32_t max_hours)
{
	int32_t sign = take(r, '-') ? -1 : 1;
	take(r, '+');
	int32_t seconds = number(r, max_hours) * 3600;
	if (take(r, ':'))
		seconds += number(r, 59) * 60;
	if (take(r, ':'))
		seconds += number(r, 59);
	return sign * seconds;
}

static struct zone_change change(struct rule_reader *r)
{
	struct zone_change c = {.second = 7200};
	if (take(r, 'M')) {
		c.kind = CHANGE_MONTH;
		c.month = number(r, 12);
		r->failed |= !take(r, '.') || c.month == 0;
		c.week = number(r, 5);
		r->failed |= !take(r, '.') || c.week == 0;
		c.day = number(r, 6);
	} else {
		c.kind = take(r, 'J') ? CHANGE_JULIAN : CHANGE_DAY;
		c.day = number(r, 365);
		r->failed |= c.kind == CHANGE_JULIAN && c.day == 0;
	}
	if (take(r, '/'))
		c.second = clock_time(r, 167);
	return c;
}

bool zone_rule_parse(struct slice text, struct zone_rule *out)
{
	struct rule_reader r = {text.ptr, text.ptr + text.len, false};
	*out = (struct zone_rule){0};
	name(&r);
	out->standard = -clock_time(&r, 24);
	if (r.ptr == r.end)
		return !r.failed;
	name(&r);
	out->has_daylight = true;
	out->daylight = out->standard + 3600;
	if (look(&r) != ',')
		out->daylight = -clock_time(&r, 24);
	r.failed |= !take(&r, ',');
	out->start = change(&r);
	r.failed |= !take(&r, ',');
	out->end = change(&r);
	return !r.failed && r.ptr == r.end;
}

static bool is_leap(int32_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Day of the change, in days since 1970. */
static int64_t change_day(const struct zone_change *c, int32_t year)
{
	int64_t first = clock_days_from_civil(year, 1, 1);
	if (c->kind == CHANGE_JULIAN)
		return first + c->day - 1 + (is_leap(year) && c->day >= 60);
	if (c->kind == CHANGE_DAY)
		return first + c->day;
	int64_t month = clock_days_from_civil(year, (unsigned)c->month, 1);
	int64_t next =
		c->month == 12 ? clock_days_from_civil(year + 1, 1, 1) : clock_days_from_civil(year, (unsigned)c->month + 1, 1);
	int64_t weekday = ((month + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
	int64_t day = month + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
	while (day >= next)
		day -= 7;
	return day;
}

static int32_t year_of(int64_t seconds)
{
	struct calendar c;
	int64_t limit = INT64_C(9000000000); /* year 2255: the calendar's end */
	seconds = seconds > limit ? limit : seconds < -limit ? -limit : seconds;
	clock_to_calendar(seconds * NS_PER_S, &c);
	return c.year;
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc, int64_t *from, int64_t *until)
{
	*from = INT64_MIN;
	*until = INT64_MAX;
	if (!rule->has_daylight)
		return rule->standard;
	int32_t year = year_of(utc), offset = rule->standard;
	/* The changes of three years, in no particular order between north and south: the newest at or before utc decides. */
	for (int32_t y = year - 1; y <= year + 1; y++) {
		int64_t on = change_day(&rule->start, y) * DAY_S + rule->start.second - rule->standard;
		int64_t off = change_day(&rule->end, y) * DAY_S + rule->end.second - rule->daylight;
		int64_t at[2] = {on, off};
		for (int i = 0; i < 2; i++) {
			if (at[i] <= utc && at[i] >= *from) {
				*from = at[i];
				offset = i == 0 ? rule->daylight : rule->standard;
			} else if (at[i] > utc && at[i] < *until) {
				*until = at[i];
			}
		}
	}
	return offset;
}
