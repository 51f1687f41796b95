/* Reading stamps. Every reader returns the octets it took, 0 for none, and never looks at or past `end`. */
#include "ingest/stamp.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool two(const uint8_t *p, uint8_t *out)
{
	if (!is_digit(p[0]) || !is_digit(p[1]))
		return false;
	*out = (uint8_t)((p[0] - '0') * 10 + (p[1] - '0'));
	return true;
}

static int32_t four(const uint8_t *p)
{
	if (!is_digit(p[0]) || !is_digit(p[1]) || !is_digit(p[2]) || !is_digit(p[3]))
		return -1;
	return (p[0] - '0') * 1000 + (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
}

/* Octets of a fraction with its mark; digits past the ninth are read and dropped. */
static size_t fraction(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	if (end - p < 2 || (p[0] != '.' && p[0] != ',' && p[0] != ':') || !is_digit(p[1]))
		return 0;
	uint32_t value = 0, place = 100000000;
	size_t n = 1;
	for (; p + n < end && is_digit(p[n]); n++) {
		value += place * (uint32_t)(p[n] - '0');
		place /= 10;
	}
	/* After a colon only milliseconds are meant: "17:08:35:809". */
	if (p[0] == ':' && n != 4)
		return 0;
	if (p[0] != '.' || n > 7)
		out->strict = false;
	out->nanosecond = value;
	return n;
}

static size_t time_of_day(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	if (end - p < 8 || p[2] != ':' || p[5] != ':' || !two(p, &out->hour) || !two(p + 3, &out->minute) ||
		!two(p + 6, &out->second))
		return 0;
	if (out->hour > 23 || out->minute > 59 || out->second > 60)
		return 0;
	return 8 + fraction(p + 8, end, out);
}

/* Z, +hh:mm, +hhmm, +hh; also " +0800" and the doubled "+00:00Z" that some relays write. */
static size_t zone_text(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	size_t n = 0;
	uint8_t hours, minutes = 0;
	if (p < end && (*p == 'Z' || *p == 'z')) {
		out->has_zone = true;
		out->strict &= *p == 'Z';
		return 1;
	}
	if (end - p >= 6 && *p == ' ' && (p[1] == '+' || p[1] == '-') && is_digit(p[4]) && is_digit(p[5])) {
		out->strict = false;
		n = 1;
	}
	if (end - p < (ptrdiff_t)n + 3 || (p[n] != '+' && p[n] != '-') || !two(p + n + 1, &hours) || hours > 23)
		return 0;
	int32_t sign = p[n] == '-' ? -1 : 1;
	n += 3;
	size_t colon = p + n < end && p[n] == ':';
	if (end - (p + n + colon) >= 2 && two(p + n + colon, &minutes)) {
		if (minutes > 59)
			return 0;
		n += colon + 2;
		out->strict &= colon == 1;
	} else {
		out->strict = false;
	}
	if (p + n < end && p[n] == 'Z')
		n++;
	out->has_zone = true;
	out->zone_s = sign * (hours * 3600 + minutes * 60);
	return n;
}

/* yyyy-mm-ddThh:mm:ss, yyyy/mm/dd hh:mm:ss. */
static size_t iso(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	if (end - p < 19 || (p[4] != '-' && p[4] != '/') || p[7] != p[4] || !two(p + 5, &out->month) ||
		!two(p + 8, &out->day))
		return 0;
	out->year = four(p);
	out->separator_t = p[10] == 'T';
	out->strict = p[4] == '-' && p[10] == 'T';
	if (out->year <= 0 || out->month < 1 || out->month > 12 || out->day < 1 || out->day > 31 ||
		(p[10] != 'T' && p[10] != 't' && p[10] != ' '))
		return 0;
	size_t n = time_of_day(p + 11, end, out);
	if (n == 0)
		return 0;
	out->iso = true;
	n += 11;
	n += zone_text(p + n, end, out);
	out->strict &= out->has_zone;
	return n;
}

#define MONTH(a, b, c) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))

static uint8_t month_number(const uint8_t *p)
{
	switch (MONTH(p[0] | 0x20, p[1] | 0x20, p[2] | 0x20)) {
	case MONTH('j', 'a', 'n'):
		return 1;
	case MONTH('f', 'e', 'b'):
		return 2;
	case MONTH('m', 'a', 'r'):
		return 3;
	case MONTH('a', 'p', 'r'):
		return 4;
	case MONTH('m', 'a', 'y'):
		return 5;
	case MONTH('j', 'u', 'n'):
		return 6;
	case MONTH('j', 'u', 'l'):
		return 7;
	case MONTH('a', 'u', 'g'):
		return 8;
	case MONTH('s', 'e', 'p'):
		return 9;
	case MONTH('o', 'c', 't'):
		return 10;
	case MONTH('n', 'o', 'v'):
		return 11;
	case MONTH('d', 'e', 'c'):
		return 12;
	default:
		return 0;
	}
}

/* "Oct", or the whole name in any case. */
static size_t month(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	static const char *const rest[] = {"uary", "ruary", "ch",     "il",   "",      "e",
									   "y",    "ust",   "tember", "ober", "ember", "ember"};
	if (end - p < 4 || (out->month = month_number(p)) == 0)
		return 0;
	if (p[3] == ' ')
		return 3;
	size_t len = strlen(rest[out->month - 1]);
	if ((size_t)(end - p) < 4 + len || p[3 + len] != ' ' ||
		!slice_equal_nocase(slice_of(p + 3, len), slice_str(rest[out->month - 1])))
		return 0;
	return 3 + len;
}

static size_t spaces(const uint8_t *p, const uint8_t *end)
{
	size_t n = 0;
	while (p + n < end && p[n] == ' ' && n < 4)
		n++;
	return n;
}

/* Four digits that are a year and stand alone. */
static size_t lone_year(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	if (end - p < 4 || (end - p > 4 && p[4] != ' ' && p[4] != ':'))
		return 0;
	int32_t year = four(p);
	if (year < 1970 || year > 2199)
		return 0;
	out->year = year;
	return 4;
}

static size_t day(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	if (end - p < 2 || !is_digit(p[0]))
		return 0;
	size_t n = is_digit(p[1]) ? 2 : 1;
	out->day = (uint8_t)(n == 2 ? (p[0] - '0') * 10 + (p[1] - '0') : p[0] - '0');
	return out->day >= 1 && out->day <= 31 ? n : 0;
}

/* "Oct  9 [2009] 14:59:04[.123] [2009]". */
static size_t bsd(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	size_t n = month(p, end, out), step;
	if (n == 0 || (step = spaces(p + n, end)) == 0)
		return 0;
	n += step;
	if ((step = day(p + n, end, out)) == 0)
		return 0;
	n += step;
	if ((step = spaces(p + n, end)) == 0)
		return 0;
	n += step;
	if (out->year == 0 && (step = lone_year(p + n, end, out)) > 0 && p + n + step < end && p[n + step] == ' ')
		n += step + spaces(p + n + step, end);
	if ((step = time_of_day(p + n, end, out)) == 0)
		return 0;
	n += step;
	if (p + n < end && (p[n] == '+' || p[n] == '-' || p[n] == 'Z'))
		n += zone_text(p + n, end, out);
	if (out->year == 0 && end - p > (ptrdiff_t)n + 4 && p[n] == ' ' && (step = lone_year(p + n + 1, end, out)) > 0)
		n += 1 + step;
	return n;
}

/* "Oct  9 14:59:04 " and "Oct 19 14:59:04 2009", as nearly all write it: what bsd() reads there, without asking for what
 * else could stand in each place. 0: not this form, or not a time; bsd() says which. */
static size_t bsd_plain(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	if (end - p < 17 || p[3] != ' ' || !is_digit(p[5]) || p[6] != ' ' || p[9] != ':' || p[12] != ':' || p[15] != ' ')
		return 0;
	if (p[4] != ' ' && !is_digit(p[4]))
		return 0;
	uint8_t tens = p[4] == ' ' ? 0 : (uint8_t)(p[4] - '0');
	out->month = month_number(p);
	out->day = (uint8_t)(tens * 10 + (p[5] - '0'));
	if (out->month == 0 || out->day == 0 || out->day > 31 || !two(p + 7, &out->hour) || !two(p + 10, &out->minute) ||
		!two(p + 13, &out->second) || out->hour > 23 || out->minute > 59 || out->second > 60)
		return 0;
	size_t year = is_digit(p[16]) && end - p > 19 ? lone_year(p + 16, end, out) : 0;
	return year > 0 ? 16 + year : 15;
}

/* "Fri Nov 22 ...": the day of the week says nothing that the date does not. */
static size_t weekday(const uint8_t *p, const uint8_t *end)
{
	static const char names[] = "sunmontuewedthufrisat";
	if (end - p < 5 || (p[3] != ' ' && p[3] != ','))
		return 0;
	for (const char *name = names; *name != 0; name += 3) {
		if ((p[0] | 0x20) == name[0] && (p[1] | 0x20) == name[1] && (p[2] | 0x20) == name[2])
			return p[3] == ',' ? 4 + spaces(p + 4, end) : 4;
	}
	return 0;
}

size_t stamp_parse(const uint8_t *p, const uint8_t *end, struct stamp *out)
{
	*out = (struct stamp){0};
	if (end - p < 14)
		return 0;
	if (is_alpha(p[0])) {
		size_t n = bsd_plain(p, end, out);
		if (n > 0)
			return n;
		*out = (struct stamp){0};
		n = bsd(p, end, out);
		if (n > 0)
			return n;
		size_t skip = weekday(p, end);
		*out = (struct stamp){0};
		n = skip > 0 ? bsd(p + skip, end, out) : 0;
		return n > 0 ? skip + n : 0;
	}
	if (!is_digit(p[0]))
		return 0;
	if (p[4] == ' ') { /* "2022 Oct  9 14:59:04" */
		int32_t year = four(p);
		if (year < 1970 || year > 2199)
			return 0;
		out->year = year;
		size_t n = bsd(p + 5, end, out);
		return n > 0 ? 5 + n : 0;
	}
	return iso(p, end, out);
}

struct moment moment_of(int64_t ns)
{
	struct calendar c;
	clock_to_calendar(ns, &c);
	return (struct moment){ns, c.year};
}

static bool day_exists(int32_t year, unsigned month_of_year, unsigned day_of_month)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (month_of_year < 1 || month_of_year > 12 || day_of_month < 1 || day_of_month > days[month_of_year - 1])
		return false;
	return month_of_year != 2 || day_of_month != 29 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* Seconds as if the reading were UTC. */
static int64_t wall_seconds(const struct stamp *s, int32_t year)
{
	return clock_days_from_civil(year, s->month, s->day) * 86400 + s->hour * 3600 + s->minute * 60 +
		   (s->second == 60 ? 59 : s->second);
}

/* The year that puts the reading nearest to the reference: within half a year of it, at most four for 29 February. */
static bool nearest_year(const struct stamp *s, const struct moment *reference, int32_t *year)
{
	int64_t best = INT64_MAX, now = reference->ns / NS_PER_S;
	for (int32_t step = 0; step <= 8 && (step <= 2 || best == INT64_MAX); step++) {
		int32_t y = reference->year + (step % 2 == 0 ? step / 2 : -(step + 1) / 2);
		if (!day_exists(y, s->month, s->day))
			continue;
		int64_t distance = wall_seconds(s, y) - now;
		distance = distance < 0 ? -distance : distance;
		if (distance < best) {
			best = distance;
			*year = y;
		}
		if (distance < INT64_C(182) * 86400)
			break;
	}
	return best != INT64_MAX;
}

/* Abbreviations that mean one thing only. CST, IST, BST and their like mean several: they are read by the source's zone. */
static bool known_abbreviation(struct slice name, int32_t *offset)
{
	static const struct {
		char name[6];
		int16_t minutes;
	} table[] = {{"UTC", 0},     {"GMT", 0},     {"WET", 0},    {"WEST", 60},  {"CET", 60},   {"CEST", 120},
				 {"EET", 120},   {"EEST", 180},  {"MSK", 180},  {"JST", 540},  {"KST", 540},  {"EST", -300},
				 {"EDT", -240},  {"CDT", -300},  {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420},
				 {"AKST", -540}, {"AKDT", -480}, {"HST", -600}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (slice_equal(name, slice_str(table[i].name))) {
			*offset = table[i].minutes * 60;
			return true;
		}
	}
	return false;
}

static int32_t offset_of(const struct stamp *s, struct zone *zone, int64_t local, uint32_t *quality)
{
	int32_t offset;
	if (s->has_zone) {
		*quality |= TIME_ZONE_EXPLICIT;
		return s->zone_s;
	}
	*quality |= TIME_ZONE_INFERRED;
	if (s->zone_name.len > 0 &&
		(zone_abbreviation(zone, s->zone_name, &offset) || known_abbreviation(s->zone_name, &offset)))
		return offset;
	bool ambiguous;
	offset = zone_offset_of_local(zone, local, &ambiguous);
	*quality |= ambiguous ? TIME_AMBIGUOUS : 0;
	return offset;
}

bool stamp_resolve(const struct stamp *s, struct zone *zone, const struct moment *reference, int64_t *ns,
				   uint32_t *quality)
{
	int32_t year = s->year;
	*quality = TIME_PRESENT;
	if (year == 0) {
		if (!nearest_year(s, reference, &year))
			return false;
		*quality |= TIME_YEAR_INFERRED;
	}
	if (year < 1678 || year > 2261 || !day_exists(year, s->month, s->day))
		return false;
	int64_t local = wall_seconds(s, year);
	uint32_t fraction_ns = s->nanosecond;
	if (s->second == 60) {
		*quality |= TIME_LEAP;
		fraction_ns = 999999999;
	}
	int64_t utc = local - offset_of(s, zone, local, quality);
	if (utc <= INT64_MIN / NS_PER_S + 1 || utc >= INT64_MAX / NS_PER_S - 1)
		return false;
	*ns = utc * NS_PER_S + fraction_ns;
	return true;
}

static bool same_second(const struct stamp_memo *m, const struct stamp *s)
{
	return m->stamp.second == s->second && m->stamp.minute == s->minute && m->stamp.hour == s->hour &&
		   m->stamp.day == s->day && m->stamp.month == s->month && m->stamp.year == s->year &&
		   m->stamp.has_zone == s->has_zone && m->stamp.zone_s == s->zone_s;
}

bool stamp_resolve_again(struct stamp_memo *memo, const struct stamp *s, struct zone *zone,
						 const struct moment *reference, int64_t *ns, uint32_t *quality)
{
	bool plain = s->zone_name.len == 0 && s->second < 60;
	if (!plain || memo->zone != zone || memo->reference_ns != reference->ns || !same_second(memo, s)) {
		struct stamp whole = *s;
		whole.nanosecond = plain ? 0 : s->nanosecond;
		if (!stamp_resolve(&whole, zone, reference, ns, quality))
			return false;
		if (!plain)
			return true;
		*memo = (struct stamp_memo){whole, zone, reference->ns, *ns, *quality};
	}
	*ns = memo->ns + s->nanosecond;
	*quality = memo->quality;
	return true;
}
