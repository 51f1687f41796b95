/* Comparisons and calls: what they are undefined or false without. An undefined operand makes a comparison undefined, and
 * that is as good as false wherever it stands without `not`. */
#include "rules/yara_reading.h"

/* ---- guards ---- */

static bool relation_of(const struct yara_token *t, bool turned, enum yara_relation *out)
{
	static const struct {
		const char *text;
		enum yara_relation plain, turned;
	} all[] = {{"==", RELATION_EQ, RELATION_EQ}, {"!=", RELATION_NE, RELATION_NE}, {"<", RELATION_LT, RELATION_GT},
			   {"<=", RELATION_LE, RELATION_GE}, {">", RELATION_GT, RELATION_LT},  {">=", RELATION_GE, RELATION_LE}};
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (yara_token_is(t, all[i].text)) {
			*out = turned ? all[i].turned : all[i].plain;
			return true;
		}
	return false;
}

bool yara_read_width(struct slice name, struct yara_guard *g)
{
	static const struct {
		const char *text;
		uint8_t width;
		bool is_signed, is_big;
	} all[] = {{"uint8", 1, false, false},   {"uint16", 2, false, false},  {"uint32", 4, false, false},
			   {"uint16be", 2, false, true}, {"uint32be", 4, false, true}, {"int8", 1, true, false},
			   {"int16", 2, true, false},    {"int32", 4, true, false},    {"int16be", 2, true, true},
			   {"int32be", 4, true, true}};
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (slice_equal(name, slice_str(all[i].text))) {
			g->width = all[i].width;
			g->is_signed = all[i].is_signed;
			g->is_big = all[i].is_big;
			return true;
		}
	return false;
}

/* filesize or uint16(0): how many tokens, 0 when it is neither. */
static size_t read_subject(struct part p, size_t at, struct yara_guard *g)
{
	if (is_at(p, at, "filesize")) {
		g->kind = GUARD_SIZE;
		return 1;
	}
	g->kind = GUARD_READ;
	if (token_at(p, at)->type != YARA_WORD || !yara_read_width(token_at(p, at)->text, g) || !is_at(p, at + 1, "(") ||
		token_at(p, at + 2)->type != YARA_NUMBER || !is_at(p, at + 3, ")"))
		return 0;
	g->at = token_at(p, at + 2)->value;
	return 4;
}

/* SUBJECT relation NUMBER, or the other way round, and nothing else. */
static bool read_guard(struct part p, struct yara_guard *g)
{
	size_t len = read_subject(p, 0, g), number = len + 1;
	bool turned = len == 0;
	if (turned) {
		len = read_subject(p, 2, g);
		number = 0;
	}
	if (len == 0 || part_len(p) != len + 2 || token_at(p, number)->type != YARA_NUMBER)
		return false;
	g->value = token_at(p, number)->value;
	return relation_of(token_at(p, turned ? 1 : len), turned, &g->relation);
}

static const struct yara_need *need_guard(struct reading *r, const struct yara_guard *guard)
{
	struct yara_need *n = need_make(r, NEED_GUARD);
	if (!n)
		return &yara_nothing;
	n->guard = *guard;
	return n;
}

/* ---- counts and offsets of strings ---- */

/* The only comparison in p, or null. */
static const struct yara_token *only_relation(struct part p, enum yara_relation *relation)
{
	const struct yara_token *found = NULL;
	for (const struct yara_token *t = p.first; t < p.end; t++) {
		enum yara_relation one;
		if (!relation_of(t, false, &one))
			continue;
		if (found)
			return NULL;
		found = t;
		*relation = one;
	}
	return found;
}

/* Sums of counts, and of numbers where they are allowed: never less than zero. */
static bool is_sum(struct part p, bool numbers)
{
	for (const struct yara_token *t = p.first; t < p.end; t++)
		if (t->type != YARA_COUNT && !(numbers && t->type == YARA_NUMBER) && !yara_token_is(t, "+") &&
			!yara_token_is(t, "(") && !yara_token_is(t, ")"))
			return false;
	return p.first < p.end;
}

/* A sum of counts that is more than something else is more than zero. */
static const struct yara_need *read_counts(struct reading *r, struct part p)
{
	enum yara_relation relation;
	const struct yara_token *at = only_relation(p, &relation);
	if (!at)
		return &yara_nothing;
	bool turned = relation == RELATION_LT || relation == RELATION_LE;
	struct part more = turned ? (struct part){at + 1, p.end} : (struct part){p.first, at};
	struct part less = turned ? (struct part){p.first, at} : (struct part){at + 1, p.end};
	bool strict = relation == RELATION_GT || relation == RELATION_LT;
	bool one = part_len(less) == 1 && less.first->type == YARA_NUMBER && less.first->value > 0;
	if (!is_sum(more, false) || !is_sum(less, true) || !(strict || (one && relation != RELATION_NE)))
		return &yara_nothing;
	static const struct yara_need never = {.kind = NEED_NEVER};
	const struct yara_need *any = &never;
	for (const struct yara_token *t = more.first; t < more.end; t++)
		if (t->type == YARA_COUNT)
			any = need_join(r, NEED_ANY, any, need_string(r, t->text));
	return any;
}

static bool is_plain_word(const struct yara_token *t)
{
	static const char *const operators[] = {"not",  "defined", "of",  "for",      "in",         "at",
											"them", "matches", "and", "contains", "startswith", "or"};
	struct yara_guard guard;
	for (unsigned i = 0; i < sizeof operators / sizeof *operators; i++)
		if (yara_token_is(t, operators[i]))
			return false;
	return yara_read_width(t->text, &guard) || (!yara_token_is(t + 1, "(") && !yara_token_is(t + 1, "."));
}

/* Arithmetic on offsets and lengths: those of a string that is not there are undefined. */
static const struct yara_need *read_offsets(struct reading *r, struct part p)
{
	enum yara_relation relation;
	const struct yara_need *all = &yara_nothing;
	if (!only_relation(p, &relation))
		return &yara_nothing;
	for (const struct yara_token *t = p.first; t < p.end; t++) {
		bool plain = t->type == YARA_NUMBER || t->type == YARA_COUNT || t->type == YARA_OFFSET ||
					 t->type == YARA_LENGTH || t->type == YARA_SIGN || (t->type == YARA_WORD && is_plain_word(t));
		if (!plain)
			return &yara_nothing;
	}
	for (const struct yara_token *t = p.first; t < p.end; t++)
		if (t->type == YARA_OFFSET || t->type == YARA_LENGTH)
			all = need_join(r, NEED_ALL, all, need_string(r, t->text));
	return all;
}

/* ---- values that come from elsewhere ---- */

static bool is_text_relation(const struct yara_token *t)
{
	static const char *const all[] = {
		"contains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "iequals",
		"matches",  "==",        "!=",         "<",           "<=",       ">",         ">="};
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (yara_token_is(t, all[i]))
			return true;
	return false;
}

/* The end of pe.name, its indexes and arguments; null when it is none. Names in capitals are constants. */
static const struct yara_token *pe_value_end(struct part p)
{
	int depth = 0;
	const struct yara_token *name = token_at(p, 2), *t = name + 1;
	if (!is_at(p, 0, "pe") || !is_at(p, 1, ".") || name->type != YARA_WORD || name->text.ptr[0] < 'a' ||
		yara_token_is(name, "is_pe"))
		return NULL;
	for (; t < p.end; t++) {
		bool goes_on = depth > 0 || yara_token_is(t, "(") || yara_token_is(t, "[") || yara_token_is(t, ".") ||
					   yara_token_is(t - 1, ".");
		if (!goes_on)
			break;
		depth += depth_change(t);
		if (depth < 0)
			break;
	}
	return t;
}

const struct yara_need *read_pe(struct reading *r, struct part p, bool begins)
{
	static const struct yara_guard is_pe = {
		.kind = GUARD_READ, .relation = RELATION_EQ, .width = 2, .at = 0, .value = 0x5a4d};
	const struct yara_token *end = pe_value_end(p);
	if (!end || !(begins || end == p.end || is_text_relation(end)))
		return &yara_nothing;
	for (const struct yara_token *t = end; !begins && t < p.end; t++)
		if (t > end && is_text_relation(t))
			return &yara_nothing; /* a comparison of comparisons */
	return need_guard(r, &is_pe);
}

/* ---- variables ---- */

static bool is_literal(struct slice text, size_t i)
{
	uint8_t c = text.ptr[i], next = text.ptr[i + 1];
	bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
	return letter && text.ptr[i - 1] != '\\' && next != '*' && next != '?' && next != '{';
}

/* The place of the bracket that closes the class begun at i. */
static size_t class_end(struct slice text, size_t i)
{
	i++;
	if (i < text.len && text.ptr[i] == '^')
		i++;
	if (i < text.len && text.ptr[i] == ']') /* first in a class it is one of its octets */
		i++;
	for (; i < text.len && text.ptr[i] != ']'; i++)
		i += text.ptr[i] == '\\';
	return i;
}

/* Does the expression, between its slashes, never match the empty text? Sure when it has a letter of its own, outside of
 * groups and classes, and no alternatives. */
static bool regex_needs_octet(struct slice text)
{
	int depth = 0;
	bool found = false;
	size_t end = text.len;
	while (end > 1 && text.ptr[end - 1] != '/')
		end--;
	for (size_t i = 1; i + 1 < end; i++) {
		uint8_t c = text.ptr[i];
		if (c == '|')
			return false;
		if (c == '\\')
			i++;
		else if (c == '[')
			i = class_end(text, i);
		else if (c == '(' || c == ')')
			depth += c == '(' ? 1 : -1;
		else
			found |= depth == 0 && is_literal(text, i);
	}
	return found && depth == 0;
}

/* VARIABLE relation TEXT: false as long as the variable is empty, which it nearly always is. */
static bool read_variable(struct part p, struct yara_guard *g)
{
	static const char *const equal[] = {"==",         "iequals",     "contains", "icontains",
										"startswith", "istartswith", "endswith", "iendswith"};
	const struct yara_token *text = token_at(p, 2);
	*g = (struct yara_guard){.kind = GUARD_VARIABLE};
	if (part_len(p) != 3 || !yara_variable_find(token_at(p, 0)->text, &g->at))
		return false;
	if (is_at(p, 1, "matches"))
		return text->type == YARA_REGEX && regex_needs_octet(text->text);
	for (unsigned i = 0; i < sizeof equal / sizeof *equal; i++)
		if (is_at(p, 1, equal[i]))
			return text->type == YARA_TEXT && text->text.len > 2;
	return false;
}

static bool read_comparison(struct reading *r, struct part p, struct yara_guard *g)
{
	const struct yara_token *at = only_relation(p, &g->relation);
	g->kind = GUARD_EXPRESSION;
	g->left = at ? read_expression(r, (struct part){p.first, at}) : NULL;
	g->right = g->left ? read_expression(r, (struct part){at + 1, p.end}) : NULL;
	return g->right != NULL;
}

const struct yara_need *read_relation(struct reading *r, struct part p)
{
	struct yara_guard guard = {0};
	if (read_guard(p, &guard) || read_variable(p, &guard))
		return need_guard(r, &guard);
	if (read_comparison(r, p, &guard))
		return need_guard(r, &guard);
	const struct yara_need *n = read_counts(r, p);
	if (n->kind == NEED_NOTHING)
		n = read_offsets(r, p);
	return n->kind == NEED_NOTHING ? read_pe(r, p, false) : n;
}
