#include "rules/modifier.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- small helpers ---- */

static int refuse_here(struct literals *v, const char *id, const char *text, struct slice name)
{
	return loader_refuse(v->l, id, v->key->line, v->column, "%s: '%.*s'", text, SLICE_PRINT(name));
}

int literal_to_text(struct literals *v, struct literal *x)
{
	char text[32];
	struct slice s = x->node->text;
	if (x->number.type == NUMBER_I64)
		s = slice_of(text, (size_t)snprintf(text, sizeof text, "%" PRId64, x->number.i64));
	else if (x->number.type == NUMBER_U64)
		s = slice_of(text, (size_t)snprintf(text, sizeof text, "%" PRIu64, x->number.u64));
	x->kind = LITERAL_TEXT;
	return unit_text_plain(literal_arena(v), s, &x->text) ? 0 : NO_MEMORY;
}

/* ---- contains, startswith, endswith ---- */

static int add_stars(struct literals *v, struct literal *x, bool start, bool end)
{
	uint32_t n = x->text.count;
	start = start && !(n && x->text.units[0] == UNIT_STAR);
	end = end && !(n && x->text.units[n - 1] == UNIT_STAR);
	uint32_t *units = arena_alloc(literal_arena(v), ((size_t)n + 2) * sizeof *units);
	if (!units)
		return NO_MEMORY;
	uint32_t at = 0;
	if (start)
		units[at++] = UNIT_STAR;
	memcpy(units + at, x->text.units, n * sizeof *units);
	at += n;
	if (end && !(n == 0 && start))
		units[at++] = UNIT_STAR;
	x->text = (struct unit_text){units, at};
	return 0;
}

static int place_literal(struct literals *v, struct literal *x, enum text_place place)
{
	int rc = 0;
	switch (x->kind) {
	case LITERAL_NUMBER:
		loader_warn(v->l, "sigma-number-as-text", x->node, "a number where a string is meant: quote it");
		rc = literal_to_text(v, x);
		break;
	case LITERAL_TEXT:
		break;
	case LITERAL_FIELD:
		x->place = place;
		return 0;
	case LITERAL_REGEX:
		x->regex_flags |= place == PLACE_START ? REGEX_AT_START : place == PLACE_END ? REGEX_AT_END : 0;
		return 0;
	default:
		return literal_refuse(v, "sigma-modifier-value", x, "contains, startswith and endswith need a string");
	}
	if (!rc && x->text.count == 0)
		loader_warn(v->l, "sigma-empty-contains", x->node,
					"an empty string here holds for every value that is present");
	return rc ? rc : add_stars(v, x, place != PLACE_START, place != PLACE_END);
}

static int apply_place(struct literals *v, int place)
{
	v->placed = true;
	for (uint32_t i = 0; i < v->count; i++) {
		int rc = place_literal(v, &v->list[i], (enum text_place)place);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- flags of the whole item ---- */

static int apply_all(struct literals *v, int unused)
{
	(void)unused;
	if (v->count < 2 && v->key)
		loader_warn(v->l, "sigma-all-single", v->key, "'all' over one value says nothing");
	v->all = true;
	return 0;
}

static int apply_cased(struct literals *v, int unused)
{
	(void)unused;
	v->cased = true;
	return 0;
}

static int apply_neq(struct literals *v, int unused)
{
	(void)unused;
	v->negated = true;
	return 0;
}

/* ---- values of other kinds ---- */

static int apply_re(struct literals *v, int unused)
{
	(void)unused;
	for (uint32_t i = 0; i < v->count; i++) {
		struct literal *x = &v->list[i];
		if (v->applied && (x->kind != LITERAL_TEXT || v->placed || x->encoded))
			return literal_refuse(v, "sigma-re-modified", x, "re must come before modifiers that change the value");
		if (x->kind == LITERAL_NULL || x->kind == LITERAL_BOOL)
			return literal_refuse(v, "sigma-modifier-value", x, "re needs a string");
		x->kind = LITERAL_REGEX;
	}
	return 0;
}

static int apply_regex_flag(struct literals *v, int flag)
{
	for (uint32_t i = 0; i < v->count; i++) {
		if (v->list[i].kind != LITERAL_REGEX)
			return literal_refuse(v, "sigma-re-flag", &v->list[i], "i, m and s stand after re only");
		v->list[i].regex_flags |= (uint32_t)flag;
	}
	return 0;
}

static int apply_cidr(struct literals *v, int unused)
{
	(void)unused;
	for (uint32_t i = 0; i < v->count; i++) {
		struct literal *x = &v->list[i];
		unsigned bits;
		bool host_bits;
		if (x->kind != LITERAL_TEXT || v->placed || !network_parse(x->node->text, x->network, &bits, &host_bits))
			return literal_refuse(v, "sigma-cidr", x, "cidr needs a network such as 10.0.0.0/8 or 2001:db8::/32");
		if (host_bits)
			loader_warn(v->l, "sigma-cidr-host-bits", x->node, "bits behind the prefix are set: they are ignored");
		x->bits = (uint8_t)bits;
		x->kind = LITERAL_NETWORK;
	}
	return 0;
}

static int apply_compare(struct literals *v, int compare)
{
	for (uint32_t i = 0; i < v->count; i++) {
		struct literal *x = &v->list[i];
		if (x->kind != LITERAL_NUMBER && !(x->kind == LITERAL_DATE && x->compare == COMPARE_EQ))
			return literal_refuse(v, "sigma-compare-number", x, "lt, lte, gt and gte need a number, without quotes");
		x->kind = x->kind == LITERAL_DATE ? LITERAL_DATE : LITERAL_COMPARE;
		x->compare = (enum compare)compare;
	}
	return 0;
}

static int apply_date(struct literals *v, int part)
{
	int32_t least, most;
	date_part_range((enum date_part)part, &least, &most);
	for (uint32_t i = 0; i < v->count; i++) {
		struct literal *x = &v->list[i];
		if (x->kind == LITERAL_COMPARE)
			return literal_refuse(v, "sigma-date", x,
								  "minute, hour, day, week, month and year stand before lt, lte, gt, gte");
		if (x->kind != LITERAL_NUMBER || x->number.type != NUMBER_I64)
			return literal_refuse(v, "sigma-date", x,
								  "minute, hour, day, week, month and year need a whole number, without quotes");
		if (x->number.i64 < least || x->number.i64 > most)
			loader_warn(v->l, "sigma-date-range", x->node, "no time has this: the values go from %d to %d", least,
						most);
		x->kind = LITERAL_DATE;
		x->compare = COMPARE_EQ;
		x->part = (enum date_part)part;
	}
	return 0;
}

static int apply_exists(struct literals *v, int unused)
{
	(void)unused;
	if (v->applied || v->count != 1 || v->list[0].kind != LITERAL_BOOL)
		return literal_refuse(v, "sigma-exists", &v->list[0], "exists stands alone and takes one true or false");
	v->list[0].kind = LITERAL_EXISTS;
	return 0;
}

static int apply_fieldref(struct literals *v, int unused)
{
	(void)unused;
	for (uint32_t i = 0; i < v->count; i++) {
		struct literal *x = &v->list[i];
		if (x->kind != LITERAL_TEXT || x->node->text.len == 0 || x->encoded)
			return literal_refuse(v, "sigma-fieldref", x, "fieldref needs the name of a field");
		x->kind = LITERAL_FIELD;
		x->field = x->node->text;
		x->place = PLACE_WHOLE;
	}
	return 0;
}

/* ---- windash ---- */

static bool is_dash(uint32_t u)
{
	return u == '-' || u == '/' || (u >= 0x2013 && u <= 0x2015);
}

static bool is_word(uint32_t u)
{
	if (u >= UNIT_STAR)
		return false;
	return u == '_' || (u >= '0' && u <= '9') || ((u | 32) >= 'a' && (u | 32) <= 'z') || (u >= 0xc0 && !is_dash(u));
}

/* A dash that begins an option: nothing of a word before it, a word after it. It becomes a class, so five dashes in one
 * value cost five classes, not 5^5 values. */
static int apply_windash(struct literals *v, int unused)
{
	(void)unused;
	for (uint32_t i = 0; i < v->count; i++) {
		struct literal *x = &v->list[i];
		if (x->kind == LITERAL_NUMBER) { /* windash: -1 */
			int rc = literal_to_text(v, x);
			if (rc)
				return rc;
		}
		if (x->kind != LITERAL_TEXT)
			return literal_refuse(v, "sigma-modifier-value", x, "windash needs a string");
		uint32_t *u = x->text.units;
		for (uint32_t k = 0; k + 1 < x->text.count; k++)
			if (is_dash(u[k]) && (k == 0 || !is_word(u[k - 1])) && is_word(u[k + 1]))
				u[k] = UNIT_DASH;
	}
	return 0;
}

/* ---- expand ---- */

/* The units [from, to) are the name of a placeholder; *unit stands for it from now on. */
static int placeholder_new(struct literals *v, const uint32_t *units, uint32_t count, uint32_t *unit)
{
	struct unit_text name = {(uint32_t *)(uintptr_t)units, count};
	uint32_t n = v->placeholder_count;
	if ((n & (n - 1)) == 0) { /* room for twice as many */
		struct slice *grown = arena_alloc(&v->l->tree, (n ? 2 * (size_t)n : 1) * sizeof *grown);
		if (!grown)
			return NO_MEMORY;
		if (n)
			memcpy(grown, v->placeholders, n * sizeof *grown);
		v->placeholders = grown;
	}
	if (!unit_text_octets(&v->l->tree, &name, &v->placeholders[n]))
		return NO_MEMORY;
	*unit = UNIT_PLACEHOLDER + v->placeholder_count++;
	return 0;
}

/* Reads the text of a rule along with its units: `\\%` and `\%` are both a backslash and a percent sign there, but only
 * the second takes the meaning of the sign away. */
struct escape_cursor {
	struct slice raw;
	size_t at;
};

/* Whether the next backslash before a percent sign stands alone. */
static bool escape_next(struct escape_cursor *c)
{
	while (c->at < c->raw.len) {
		bool backslash = c->raw.ptr[c->at] == '\\', twice = false;
		uint8_t next = c->at + 1 < c->raw.len ? c->raw.ptr[c->at + 1] : 0;
		if (backslash && (next == '\\' || next == '*' || next == '?')) {
			twice = next == '\\';
			c->at++;
		}
		c->at++;
		if (backslash && (twice || next == '%') && c->at < c->raw.len && c->raw.ptr[c->at] == '%')
			return !twice;
	}
	return true;
}

static bool name_ends_at(const struct unit_text *t, uint32_t from, uint32_t *end)
{
	*end = from;
	while (*end < t->count && is_word(t->units[*end]))
		++*end;
	return *end > from && *end < t->count && t->units[*end] == '%';
}

static void warn_escaped(struct literals *v, const struct literal *x, uint32_t at)
{
	uint32_t end;
	if (name_ends_at(&x->text, at + 2, &end))
		loader_warn(v->l, "sigma-placeholder-escaped", x->node,
					"a backslash before '%%' makes it a character: write two for a backslash and a placeholder");
}

static int expand_literal(struct literals *v, struct literal *x)
{
	struct unit_text *t = &x->text;
	struct escape_cursor cursor = {x->node->text, 0};
	uint32_t n = 0, end;
	for (uint32_t i = 0; i < t->count; i++) {
		bool pair = t->units[i] == '\\' && i + 1 < t->count && t->units[i + 1] == '%';
		if (pair && escape_next(&cursor)) {
			warn_escaped(v, x, i);
			t->units[n++] = t->units[++i];
		} else if (t->units[i] == '%' && name_ends_at(t, i + 1, &end)) {
			int rc = placeholder_new(v, t->units + i + 1, end - i - 1, &t->units[n++]);
			if (rc)
				return rc;
			i = end;
		} else
			t->units[n++] = t->units[i];
	}
	t->count = n;
	return 0;
}

static int apply_expand(struct literals *v, int unused)
{
	(void)unused;
	for (uint32_t i = 0; i < v->count; i++) {
		if (v->list[i].kind != LITERAL_TEXT || v->list[i].encoded)
			return literal_refuse(v, "sigma-modifier-value", &v->list[i], "expand needs a string");
		int rc = expand_literal(v, &v->list[i]);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- encodings ---- */

enum {
	UTF16_LITTLE,
	UTF16_BIG,
	UTF16_MARK
};

static int apply_utf16(struct literals *v, int form)
{
	int rc = 0;
	for (uint32_t i = 0; !rc && i < v->count; i++)
		rc = encode_utf16(v, &v->list[i], form == UTF16_BIG, form == UTF16_MARK);
	return rc;
}

static int apply_base64(struct literals *v, int unused)
{
	(void)unused;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < v->count; i++)
		rc = encode_base64(v, &v->list[i]);
	return rc;
}

static int apply_base64offset(struct literals *v, int unused)
{
	(void)unused;
	return encode_base64_offsets(v);
}

/* ---- the table ---- */

static const struct modifier {
	const char *name;
	int (*apply)(struct literals *v, int argument);
	int argument;
} modifiers[] = {
	{"contains", apply_place, PLACE_INSIDE},
	{"startswith", apply_place, PLACE_START},
	{"endswith", apply_place, PLACE_END},
	{"all", apply_all, 0},
	{"cased", apply_cased, 0},
	{"exists", apply_exists, 0},
	{"neq", apply_neq, 0},
	{"re", apply_re, 0},
	{"i", apply_regex_flag, REGEX_IGNORE_CASE},
	{"m", apply_regex_flag, REGEX_MULTI_LINE},
	{"s", apply_regex_flag, REGEX_DOT_ALL},
	{"base64", apply_base64, 0},
	{"base64offset", apply_base64offset, 0},
	{"wide", apply_utf16, UTF16_LITTLE},
	{"utf16le", apply_utf16, UTF16_LITTLE},
	{"utf16be", apply_utf16, UTF16_BIG},
	{"utf16", apply_utf16, UTF16_MARK},
	{"windash", apply_windash, 0},
	{"lt", apply_compare, COMPARE_LT},
	{"lte", apply_compare, COMPARE_LTE},
	{"gt", apply_compare, COMPARE_GT},
	{"gte", apply_compare, COMPARE_GTE},
	{"minute", apply_date, DATE_MINUTE},
	{"hour", apply_date, DATE_HOUR},
	{"day", apply_date, DATE_DAY},
	{"week", apply_date, DATE_WEEK},
	{"month", apply_date, DATE_MONTH},
	{"year", apply_date, DATE_YEAR},
	{"cidr", apply_cidr, 0},
	{"expand", apply_expand, 0},
	{"fieldref", apply_fieldref, 0},
};

int modifier_apply(struct literals *v, struct slice name)
{
	for (size_t i = 0; i < sizeof modifiers / sizeof *modifiers; i++) {
		if (!slice_equal(name, slice_str(modifiers[i].name)))
			continue;
		if (v->applied && v->list[0].kind == LITERAL_EXISTS)
			return refuse_here(v, "sigma-exists", "exists stands alone, without", name);
		int rc = modifiers[i].apply(v, modifiers[i].argument);
		v->applied++;
		return rc;
	}
	return refuse_here(v, "sigma-unknown-modifier", "there is no such modifier", name);
}
