/* Times inside bodies, by format: %Y %m %d and friends as in strptime, and the words iso, unix, clf. */
#include "rules/decoder.h"

struct time_reader {
	struct slice text;
	size_t at;
	struct calendar c;
	bool has_year, has_zone, pm, has_pm, has_unix;
	int32_t offset_s;
	int64_t unix_ns;
};

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static uint8_t two(const uint8_t *p)
{
	return (uint8_t)((p[0] - '0') * 10 + (p[1] - '0'));
}

static bool is_letter(uint8_t c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static uint8_t peek(const struct time_reader *r)
{
	return r->at < r->text.len ? r->text.ptr[r->at] : 0;
}

static bool number(struct time_reader *r, unsigned digits_max, unsigned digits_min, uint32_t *out)
{
	size_t from = r->at;
	uint32_t v = 0;
	while (r->at - from < digits_max && peek(r) >= '0' && peek(r) <= '9')
		v = v * 10 + (uint32_t)(r->text.ptr[r->at++] - '0');
	*out = v;
	return r->at - from >= digits_min;
}

static bool part(struct time_reader *r, uint8_t *out)
{
	uint32_t v;
	if (peek(r) == ' ')
		r->at++;
	bool ok = number(r, 2, 1, &v);
	*out = (uint8_t)v;
	return ok;
}

static bool month_name(struct time_reader *r)
{
	if (r->text.len - r->at < 3)
		return false;
	uint8_t m[3] = {lower(r->text.ptr[r->at]), lower(r->text.ptr[r->at + 1]), lower(r->text.ptr[r->at + 2])};
	for (unsigned i = 0; i < 12; i++) {
		if (memcmp(months + 3 * (size_t)i, m, 3) == 0) {
			r->c.month = (uint8_t)(i + 1);
			r->at += 3;
			while (is_letter(peek(r)))
				r->at++;
			return true;
		}
	}
	return false;
}

/* A mark and digits, or nothing. */
static bool fraction(struct time_reader *r)
{
	uint8_t mark = peek(r);
	if ((mark != '.' && mark != ',' && mark != ':') || r->at + 1 >= r->text.len)
		return true;
	uint32_t scale = 100000000, v = 0;
	size_t from = r->at++;
	while (peek(r) >= '0' && peek(r) <= '9') {
		v += (uint32_t)(r->text.ptr[r->at++] - '0') * scale;
		scale /= 10;
	}
	if (r->at == from + 1)
		r->at = from;
	r->c.nanosecond = v;
	return true;
}

/* Z, +08, +0800, +08:00, also behind GMT or UTC ("GMT+08:00"). */
static bool zone(struct time_reader *r)
{
	struct slice rest = slice_from(r->text, r->at);
	if (slice_starts(rest, SLICE("GMT")) || slice_starts(rest, SLICE("UTC"))) {
		r->at += 3;
		r->has_zone = true;
		if (peek(r) != '+' && peek(r) != '-')
			return true;
	} else if (peek(r) == 'Z') {
		r->at++;
		r->has_zone = true;
		return true;
	}
	uint8_t sign = peek(r);
	uint32_t hours, minutes = 0;
	if (sign != '+' && sign != '-')
		return false;
	r->at++;
	if (!number(r, 2, 1, &hours))
		return false;
	if (peek(r) == ':')
		r->at++;
	(void)number(r, 2, 0, &minutes);
	if (hours > 18 || minutes > 59)
		return false;
	r->offset_s = (int32_t)(hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
	r->has_zone = true;
	return true;
}

/* A name of a zone: only those that mean one thing. CST is China's here as everywhere in these logs' home; others are
 * passed over and the zone stays unknown. */
static bool zone_name(struct time_reader *r)
{
	size_t from = r->at;
	while (is_letter(peek(r)))
		r->at++;
	struct slice name = slice_of(r->text.ptr + from, r->at - from);
	static const struct {
		const char *name;
		int32_t hours;
	} known[] = {{"UTC", 0}, {"GMT", 0},  {"CET", 1},  {"CEST", 2}, {"MSK", 3}, {"CST", 8},
				 {"JST", 9}, {"EST", -5}, {"EDT", -4}, {"PST", -8}, {"PDT", -7}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (slice_equal(name, slice_str(known[i].name))) {
			r->has_zone = true;
			r->offset_s = known[i].hours * 3600;
		}
	}
	return name.len > 0;
}

/* Seconds, milliseconds, microseconds or nanoseconds by the number of digits; a fraction of seconds may follow. */
static bool unix_time(struct time_reader *r)
{
	size_t from = r->at;
	uint64_t v = 0;
	while (r->at - from < 19 && peek(r) >= '0' && peek(r) <= '9')
		v = v * 10 + (uint64_t)(r->text.ptr[r->at++] - '0');
	size_t digits = r->at - from;
	static const int64_t scale[] = {NS_PER_S, NS_PER_MS, 1000, 1};
	size_t unit = digits <= 11 ? 0 : digits <= 14 ? 1 : digits <= 17 ? 2 : 3;
	if (digits < 9 || v > (uint64_t)(INT64_MAX / scale[unit]))
		return false;
	r->unix_ns = (int64_t)v * scale[unit];
	if (unit == 0 && peek(r) == '.') {
		fraction(r);
		r->unix_ns += r->c.nanosecond;
	}
	r->has_unix = r->has_zone = true;
	return true;
}

static bool directive(struct time_reader *r, uint8_t d)
{
	uint32_t v;
	switch (d) {
	case 'Y':
		r->has_year = number(r, 4, 4, &v);
		r->c.year = (int32_t)v;
		return r->has_year;
	case 'y':
		r->has_year = number(r, 2, 2, &v);
		r->c.year = 2000 + (int32_t)v;
		return r->has_year;
	case 'm':
		return part(r, &r->c.month);
	case 'd':
		return part(r, &r->c.day);
	case 'H':
		return part(r, &r->c.hour);
	case 'M':
		return part(r, &r->c.minute);
	case 'S':
		return part(r, &r->c.second);
	case 'b':
		return month_name(r);
	case 'f':
		return fraction(r);
	case 'z':
		return zone(r);
	case 'Z':
		return zone_name(r);
	case 's':
		return unix_time(r);
	case 'a':
		while (is_letter(peek(r)))
			r->at++;
		return true;
	case 'p':
		r->has_pm = true;
		r->pm = lower(peek(r)) == 'p';
		if (lower(peek(r)) != 'a' && !r->pm)
			return false;
		r->at++;
		if (lower(peek(r)) == 'm')
			r->at++;
		return true;
	default:
		return false;
	}
}

static bool walk(struct time_reader *r, struct slice format)
{
	for (size_t i = 0; i < format.len; i++) {
		uint8_t c = format.ptr[i];
		if (c == '%' && i + 1 < format.len) {
			if (!directive(r, format.ptr[++i]))
				return false;
		} else if (c == ' ') {
			if (peek(r) != ' ')
				return false;
			while (peek(r) == ' ')
				r->at++;
		} else if (r->at >= r->text.len || peek(r) != c) {
			return false;
		} else {
			r->at++;
		}
	}
	return true;
}

/* The year in which the time lies nearest to `near`, at most a day after it. */
static bool infer_year(struct calendar *c, int64_t near_ns, int64_t *ns)
{
	struct calendar now;
	clock_to_calendar(near_ns, &now);
	for (int32_t year = now.year + 1; year >= now.year - 4; year--) {
		c->year = year;
		if (clock_from_calendar(c, ns) && *ns <= near_ns + NS_PER_DAY)
			return true;
	}
	return false;
}

static bool finish(struct time_reader *r, int64_t near_ns, struct time_found *out)
{
	if (r->has_unix) {
		*out = (struct time_found){.ns = r->unix_ns, .has_zone = true};
		return true;
	}
	if (r->has_pm)
		r->c.hour = (uint8_t)(r->c.hour % 12 + (r->pm ? 12 : 0));
	*out = (struct time_found){.has_zone = r->has_zone, .year_inferred = !r->has_year};
	if (r->c.second == 60) {
		r->c.second = 59;
		r->c.nanosecond = 999999999;
		out->leap = true;
	}
	if (r->c.day == 0 || !(r->has_year ? clock_from_calendar(&r->c, &out->ns) : infer_year(&r->c, near_ns, &out->ns)))
		return false;
	return !__builtin_sub_overflow(out->ns, (int64_t)r->offset_s * NS_PER_S, &out->ns);
}

/* "21/Sep/2026:14:13:24 +0000", with every number in full and no fraction, as all servers write it: what walk() reads there.
 * 0: not so, or not a time; walk() says which. */
static size_t clf_usual(struct slice text, struct time_found *out)
{
	static const char shape[] = "00/   /0000:00:00:00 +0000";
	struct time_reader r = {.text = text, .at = 3};
	const uint8_t *p = text.ptr;
	if (text.len < sizeof shape - 1 || (p[21] != '+' && p[21] != '-'))
		return 0;
	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (shape[i] == '0' ? (unsigned)p[i] - '0' > 9
							: shape[i] != ' ' && shape[i] != '+' && p[i] != (uint8_t)shape[i])
			return 0;
	if (p[20] != ' ' || !month_name(&r) || r.at != 6)
		return 0;
	r.c.day = two(p);
	r.c.year = two(p + 7) * 100 + two(p + 9);
	r.c.hour = two(p + 12);
	r.c.minute = two(p + 15);
	r.c.second = two(p + 18);
	int32_t offset_s = two(p + 22) * 3600 + two(p + 24) * 60;
	if (r.c.day == 0 || r.c.second > 59 || two(p + 22) > 18 || two(p + 24) > 59)
		return 0;
	*out = (struct time_found){.has_zone = true};
	if (!clock_from_calendar(&r.c, &out->ns) ||
		__builtin_sub_overflow(out->ns, (p[21] == '-' ? -offset_s : offset_s) * NS_PER_S, &out->ns))
		return 0;
	return sizeof shape - 1;
}

size_t decoder_time_read(struct slice format, struct slice text, int64_t near_ns, struct time_found *out)
{
	if (slice_equal(format, SLICE("iso"))) {
		*out = (struct time_found){0};
		return clock_parse_iso(text, &out->ns, &out->has_zone, &out->leap);
	}
	if (slice_equal(format, SLICE("unix"))) {
		format = SLICE("%s");
	} else if (slice_equal(format, SLICE("clf"))) {
		size_t n = clf_usual(text, out);
		if (n > 0)
			return n;
		format = SLICE("%d/%b/%Y:%H:%M:%S%f %z");
	}
	struct time_reader r = {.text = text, .c = {.month = 1}};
	return walk(&r, format) && finish(&r, near_ns, out) ? r.at : 0;
}

bool decoder_zone_parse(struct slice text, struct decoder_zone *out)
{
	struct time_reader r = {.text = text};
	if (!zone(&r) || r.at != text.len)
		return false;
	*out = (struct decoder_zone){true, r.offset_s};
	return true;
}
