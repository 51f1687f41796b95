#include "rules/outline.h"

#define DEPTH_MAX 16u

struct reading {
	struct slice text;
	size_t at;
	struct unit_text *units;
	bool strange; /* something we do not know: nothing is promised */
	bool literals_only, letters, ignore_case;
};

static int peek(const struct reading *r, size_t ahead)
{
	return r->at + ahead < r->text.len ? r->text.ptr[r->at + ahead] : -1;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static void star(struct reading *r)
{
	struct unit_text *u = r->units;
	if (u->count == 0 || u->units[u->count - 1] != UNIT_STAR)
		u->units[u->count++] = UNIT_STAR;
}

/* ---- how often ---- */

/* {n} {n,} {n,m}: the least, and its length; SIZE_MAX: it is none, and the brace is a literal. */
static size_t braces(const struct reading *r, unsigned *least)
{
	size_t n = 1;
	unsigned value = 0;
	for (; is_digit(peek(r, n)) && n < 7; n++)
		value = value * 10 + (unsigned)(peek(r, n) - '0');
	if (n == 1)
		return SIZE_MAX;
	if (peek(r, n) == ',')
		for (n++; is_digit(peek(r, n));)
			n++;
	*least = value;
	return peek(r, n) == '}' ? n + 1 : SIZE_MAX;
}

/* What stands behind a part: is it there at least once, and may it be there more than once? */
struct times {
	bool sure, once;
};

static struct times read_times(struct reading *r)
{
	struct times t = {true, true};
	unsigned least = 1;
	int c = peek(r, 0);
	size_t n = c == '*' || c == '+' || c == '?' ? 1 : c == '{' ? braces(r, &least) : SIZE_MAX;
	if (c == '{' && n == SIZE_MAX && (peek(r, 1) == ',' || peek(r, 1) == ' '))
		r->strange = true; /* later versions of PCRE2 read that as one */
	if (n == SIZE_MAX)
		return t;
	t.sure = c == '+' || (c == '{' && least > 0);
	t.once = false;
	r->at += n;
	if (peek(r, 0) == '?' || peek(r, 0) == '+')
		r->at++;
	return t;
}

/* ---- parts ---- */

static void literal(struct reading *r, uint8_t octet)
{
	struct times t = read_times(r);
	r->letters |= is_letter(octet);
	if (t.sure)
		r->units->units[r->units->count++] = octet;
	if (!t.once) {
		r->literals_only = false;
		star(r);
	}
}

/* What stands for one of several octets, or for none. */
static void other(struct reading *r)
{
	r->literals_only = false;
	star(r);
	(void)read_times(r);
}

/* `.*` may be anything in a line, so nothing else is between literals; `.*+` takes all and leaves nothing behind it. */
static void dot(struct reading *r)
{
	r->at++;
	if (peek(r, 0) != '*' || peek(r, 1) == '+')
		r->literals_only = false;
	star(r);
	(void)read_times(r);
}

static void escape(struct reading *r)
{
	int c = peek(r, 1);
	r->at += 2;
	if (c > 0 && strchr("dDwWsSbBAzZGhHvVrRntfae", c))
		other(r);
	else if (c <= 0 || c >= 0x80 || is_letter(c) || is_digit(c))
		r->strange = true;
	else
		literal(r, (uint8_t)c);
}

static void class(struct reading *r)
{
	r->at++;
	if (peek(r, 0) == '^')
		r->at++;
	if (peek(r, 0) == ']')
		r->at++;
	for (; peek(r, 0) >= 0 && peek(r, 0) != ']'; r->at++) {
		if (peek(r, 0) == '\\' && (peek(r, 1) == 'Q' || peek(r, 1) == 'E'))
			r->strange = true;
		if (peek(r, 0) == '\\')
			r->at++;
		else if (peek(r, 0) == '[' && (peek(r, 1) == ':' || peek(r, 1) == '.' || peek(r, 1) == '='))
			r->strange = true; /* [:alpha:] */
	}
	r->at++;
	other(r);
}

static void wide(struct reading *r)
{
	for (r->at++; peek(r, 0) >= 0x80 && peek(r, 0) < 0xc0;)
		r->at++;
	other(r);
}

/* ---- groups ---- */

static bool sequence(struct reading *r, unsigned depth);

enum group {
	GROUP_PLAIN,
	GROUP_SETTING, /* (?i): it is over already */
	GROUP_STRANGE,
};

static enum group open_group(struct reading *r)
{
	r->at++;
	if (peek(r, 0) == '*')
		return GROUP_STRANGE;
	if (peek(r, 0) != '?')
		return GROUP_PLAIN;
	for (r->at++; peek(r, 0) == 'i' || peek(r, 0) == 's' || peek(r, 0) == 'm' || peek(r, 0) == '-';)
		r->at++;
	int c = peek(r, 0);
	r->at++;
	return c == ':' ? GROUP_PLAIN : c == ')' ? GROUP_SETTING : GROUP_STRANGE;
}

/* What is in a group that need not be there, or has several ways, is taken back. */
static void group(struct reading *r, unsigned depth)
{
	r->literals_only = false;
	star(r);
	uint32_t count = r->units->count;
	enum group kind = open_group(r);
	if (kind == GROUP_SETTING)
		return;
	bool one_way = kind == GROUP_PLAIN && depth < DEPTH_MAX && sequence(r, depth + 1);
	if (kind == GROUP_STRANGE || depth >= DEPTH_MAX || peek(r, 0) != ')') {
		r->strange = true;
		return;
	}
	r->at++;
	if (!read_times(r).sure || !one_way)
		r->units->count = count;
	star(r);
}

/* (?i) at the very beginning is for all of it. */
static void leading_setting(struct reading *r)
{
	if (peek(r, 0) != '(' || peek(r, 1) != '?' || peek(r, 2) != 'i' || peek(r, 3) != ')')
		return;
	r->ignore_case = true;
	r->at += 4;
}

static void part(struct reading *r, unsigned depth)
{
	int c = peek(r, 0);
	if (c == '\\') {
		escape(r);
	} else if (c == '[') {
		class(r);
	} else if (c == '(') {
		group(r, depth);
	} else if (c == '.') {
		dot(r);
	} else if (c == '^' || c == '$') {
		r->at++;
		other(r);
	} else if (c >= 0x80) {
		wide(r);
	} else {
		r->at++;
		literal(r, (uint8_t)c);
	}
}

/* Up to the end or the parenthesis that closes it. False: it has several ways, and nothing of it must be there. */
static bool sequence(struct reading *r, unsigned depth)
{
	bool one_way = true;
	while (!r->strange && peek(r, 0) >= 0 && peek(r, 0) != ')') {
		if (peek(r, 0) == '|') {
			r->at++;
			one_way = false;
			star(r);
		} else {
			part(r, depth);
		}
	}
	return one_way;
}

bool outline_read(struct arena *arena, struct slice regex, bool ignore_case, struct outline *out)
{
	*out = (struct outline){{arena_alloc(arena, (2 * regex.len + 4) * sizeof *out->units.units), 0}, false};
	struct reading r = {.text = regex, .units = &out->units, .literals_only = true, .ignore_case = ignore_case};
	if (!out->units.units)
		return false;
	star(&r);
	leading_setting(&r);
	bool one_way = sequence(&r, 0);
	star(&r);
	if (!one_way || r.strange || r.at != regex.len || out->units.count < 2)
		out->units.count = 0;
	out->whole = r.literals_only && (r.ignore_case || !r.letters);
	return true;
}
