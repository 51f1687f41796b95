/* Finding guesses the form from the look of the text and the zone from its hour and minute, then prints and compares:
 * only what comes back octet for octet counts.
 */
#include "store/timetext.h"

#include <stdio.h>

enum {
	FORM_BSD = 1,
	FORM_BSD_ZERO = 2,
	FORM_BSD_YEAR = 3,
	FORM_BSD_YEAR_ZERO = 4,
	FORM_APACHE = 5,
	FORM_ISO = 16
};

static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

bool timetext_known(uint8_t form)
{
	if (form >= FORM_BSD && form <= FORM_APACHE)
		return true;
	return form >= FORM_ISO && form < FORM_ISO + 64 && (form & 15) <= 9;
}

static uint8_t *put2(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)('0' + v / 10 % 10);
	p[1] = (uint8_t)('0' + v % 10);
	return p + 2;
}

static uint8_t *put4(uint8_t *p, unsigned v)
{
	return put2(put2(p, v / 100), v % 100);
}

static uint8_t *put_clock(uint8_t *p, const struct calendar *c)
{
	p = put2(p, c->hour);
	*p++ = ':';
	p = put2(p, c->minute);
	*p++ = ':';
	return put2(p, c->second);
}

static uint8_t *put_bsd(uint8_t *p, const struct calendar *c, uint8_t form)
{
	memcpy(p, MONTHS + 3 * (c->month - 1), 3);
	p += 3;
	*p++ = ' ';
	put2(p, c->day);
	if (c->day < 10 && (form == FORM_BSD || form == FORM_BSD_YEAR))
		*p = ' ';
	p += 2;
	*p++ = ' ';
	if (form >= FORM_BSD_YEAR) {
		p = put4(p, (unsigned)c->year);
		*p++ = ' ';
	}
	return put_clock(p, c);
}

static uint8_t *put_apache(uint8_t *p, const struct calendar *c)
{
	p = put2(p, c->day);
	*p++ = '/';
	memcpy(p, MONTHS + 3 * (c->month - 1), 3);
	p += 3;
	*p++ = '/';
	p = put4(p, (unsigned)c->year);
	*p++ = ':';
	return put_clock(p, c);
}

static uint8_t *put_iso(uint8_t *p, const struct calendar *c, uint8_t form)
{
	p = put4(p, (unsigned)c->year);
	*p++ = '-';
	p = put2(p, c->month);
	*p++ = '-';
	p = put2(p, c->day);
	*p++ = (form >> 4) % 2 ? 'T' : ' ';
	return put_clock(p, c);
}

/* The text up to the seconds. */
static size_t print_second(uint8_t form, int64_t second, uint8_t *out)
{
	struct calendar c;
	clock_to_calendar(second * NS_PER_S, &c);
	if (c.year < 1000 || c.year > 9999)
		return 0;
	uint8_t *end;
	if (form >= FORM_ISO)
		end = put_iso(out, &c, form);
	else
		end = form == FORM_APACHE ? put_apache(out, &c) : put_bsd(out, &c, form);
	return (size_t)(end - out);
}

static size_t put_fraction(uint8_t *out, uint8_t form, uint32_t ns)
{
	unsigned digits = form & 15;
	if (form < FORM_ISO || digits == 0)
		return 0;
	static const uint32_t cut[10] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
	out[0] = (form >> 4) >= 3 ? ',' : '.';
	ns /= cut[digits];
	for (unsigned i = digits; i > 0; i--) {
		out[i] = (uint8_t)('0' + ns % 10);
		ns /= 10;
	}
	return 1 + digits;
}

/* The text up to the seconds, *ns behind it; null when the time is outside the calendar. */
static const struct timetext_second *find_second(struct timetext_cache *cache, struct timetext form, int64_t time_ns,
												 uint32_t *ns)
{
	int64_t at;
	if (__builtin_add_overflow(time_ns, (int64_t)form.quarters * 15 * NS_PER_MIN, &at))
		return NULL;
	int64_t second = at / NS_PER_S - (at % NS_PER_S < 0);
	*ns = (uint32_t)(at - second * NS_PER_S);
	/* Fractions share the cached second: the form is compared without its digits. */
	uint8_t whole = form.form >= FORM_ISO ? form.form & 0xf0 : form.form;
	/* Sources of several forms share a second: each has a place of its own. */
	struct timetext_second *known = &cache->seconds[((uint64_t)second + whole * 5u) % TIMETEXT_SECONDS];
	if (known->len == 0 || known->second != second || known->form != whole) {
		known->len = (uint8_t)print_second(whole, second, known->text);
		known->second = second;
		known->form = whole;
	}
	bool good = known->len && !__builtin_sub_overflow(time_ns, (int64_t)*ns, &cache->last_from);
	cache->last = good ? (uint32_t)(known - cache->seconds) + 1 : 0;
	cache->last_form = form;
	return known->len ? known : NULL;
}

/* The same; what was asked for last is looked at first. Nobody else has its place since: only find_second gives places. */
static inline const struct timetext_second *second_of(struct timetext_cache *cache, struct timetext form,
													  int64_t time_ns, uint32_t *ns)
{
	uint64_t past = (uint64_t)time_ns - (uint64_t)cache->last_from;
	if (past >= NS_PER_S || !cache->last || form.form != cache->last_form.form ||
		form.quarters != cache->last_form.quarters)
		return find_second(cache, form, time_ns, ns);
	*ns = (uint32_t)past;
	return &cache->seconds[cache->last - 1];
}

size_t timetext_print(struct timetext_cache *cache, struct timetext form, int64_t time_ns, uint8_t *out)
{
	uint32_t ns;
	const struct timetext_second *second = second_of(cache, form, time_ns, &ns);
	if (!second)
		return 0;
	memcpy(out, second->text, TIMETEXT_MAX);
	return second->len + put_fraction(out + second->len, form.form, ns);
}

bool timetext_is(struct timetext_cache *cache, struct timetext form, int64_t time_ns, struct slice text)
{
	uint32_t ns;
	uint8_t fraction[16];
	const struct timetext_second *second = second_of(cache, form, time_ns, &ns);
	if (!second || text.len < second->len || memcmp(text.ptr, second->text, second->len) != 0)
		return false;
	size_t len = put_fraction(fraction, form.form, ns);
	return text.len == second->len + len && memcmp(text.ptr + second->len, fraction, len) == 0;
}

static bool digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static uint8_t guess_iso(struct slice text)
{
	const uint8_t *p = text.ptr;
	if (p[4] != '-' || p[13] != ':' || (p[10] != 'T' && p[10] != ' '))
		return 0;
	unsigned row = p[10] == 'T' ? 1 : 2, digits = 0;
	if (text.len > 20 && (p[19] == '.' || p[19] == ',')) {
		while (digits < 10 && 20 + digits < text.len && digit(p[20 + digits]))
			digits++;
		if (digits > 9)
			return 0;
		row += digits && p[19] == ',' ? 2 : 0;
	}
	return (uint8_t)(row << 4 | digits);
}

/* The place of the hour is what tells the forms apart. */
static uint8_t guess(struct slice text, size_t *hour)
{
	const uint8_t *p = text.ptr;
	if (text.len < 15)
		return 0;
	if (p[3] == ' ' && p[6] == ' ' && p[9] == ':') {
		*hour = 7;
		return p[4] == '0' ? FORM_BSD_ZERO : FORM_BSD;
	}
	if (text.len < 19)
		return 0;
	if (p[3] == ' ' && p[6] == ' ' && p[11] == ' ' && text.len >= 20 && p[14] == ':') {
		*hour = 12;
		return p[4] == '0' ? FORM_BSD_YEAR_ZERO : FORM_BSD_YEAR;
	}
	if (p[2] == '/' && p[6] == '/' && p[11] == ':' && text.len >= 20) {
		*hour = 12;
		return FORM_APACHE;
	}
	*hour = 11;
	return guess_iso(text);
}

static bool same(struct timetext_cache *cache, struct slice text, int64_t time_ns, struct timetext form, size_t *len)
{
	uint8_t printed[TIMETEXT_MAX];
	*len = timetext_print(cache, form, time_ns, printed);
	return *len != 0 && *len <= text.len && memcmp(printed, text.ptr, *len) == 0;
}

size_t timetext_find(struct timetext_cache *cache, struct slice text, int64_t time_ns, struct timetext *out)
{
	size_t hour = 0, len = 0;
	uint8_t form = guess(text, &hour);
	if (form == 0)
		return 0;
	out->form = form;
	out->quarters = cache->last_found.quarters;
	if (same(cache, text, time_ns, *out, &len))
		return len;
	const uint8_t *p = text.ptr + hour;
	if (!digit(p[0]) || !digit(p[1]) || p[2] != ':' || !digit(p[3]) || !digit(p[4]))
		return 0;
	int minutes = ((p[0] - '0') * 10 + p[1] - '0') * 60 + (p[3] - '0') * 10 + p[4] - '0';
	int64_t of_day = time_ns % NS_PER_DAY;
	int utc = (int)((of_day < 0 ? of_day + NS_PER_DAY : of_day) / NS_PER_MIN);
	int distance = minutes - utc;
	distance += distance < -12 * 60 ? 24 * 60 : 0;
	distance -= distance > 14 * 60 ? 24 * 60 : 0;
	if (distance % 15 != 0)
		return 0;
	out->quarters = (int8_t)(distance / 15);
	if (!same(cache, text, time_ns, *out, &len))
		return 0;
	cache->last_found = *out;
	return len;
}
