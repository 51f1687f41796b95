#include "rules/yara_reading.h"

#define DEPTH_MAX 64u /* brackets inside brackets; deeper ones need nothing */

static const struct yara_need never = {.kind = NEED_NEVER}, current = {.kind = NEED_CURRENT};

static const struct yara_need *read_or(struct reading *r, struct part p);

const struct yara_need yara_nothing = {.kind = NEED_NOTHING};

struct yara_need *need_make(struct reading *r, enum yara_need_kind kind)
{
	struct yara_need *n = arena_zalloc(r->arena, sizeof *n);
	r->failed |= !n;
	if (n)
		n->kind = kind;
	return n;
}

/* ---- and, or ---- */

const struct yara_need *need_join(struct reading *r, enum yara_need_kind kind, const struct yara_need *a,
								  const struct yara_need *b)
{
	enum yara_need_kind neutral = kind == NEED_ALL ? NEED_NOTHING : NEED_NEVER;
	enum yara_need_kind decided = kind == NEED_ALL ? NEED_NEVER : NEED_NOTHING;
	if (a->kind == neutral || b->kind == decided)
		return b;
	if (b->kind == neutral || a->kind == decided)
		return a;
	struct yara_need *n = need_make(r, kind);
	const struct yara_need **children = arena_alloc(r->arena, 2 * sizeof *children);
	r->failed |= !children;
	if (!n || !children)
		return &yara_nothing;
	children[0] = a;
	children[1] = b;
	n->children = children;
	n->count = 2;
	return n;
}

int depth_change(const struct yara_token *t)
{
	if (yara_token_is(t, "(") || yara_token_is(t, "["))
		return 1;
	return yara_token_is(t, ")") || yara_token_is(t, "]") ? -1 : 0;
}

/* Up to that word outside of brackets; p goes on behind it. False: the word is not there, out is all of p. */
static bool cut_at(struct part *p, const char *word, struct part *out)
{
	int depth = 0;
	*out = *p;
	for (const struct yara_token *t = p->first; t < p->end; t++) {
		depth += depth_change(t);
		if (depth != 0 || !yara_token_is(t, word))
			continue;
		out->end = t;
		p->first = t + 1;
		return true;
	}
	return false;
}

/* ---- strings ---- */

static void set_add(uint64_t *set, uint32_t index)
{
	set[index / 64] |= UINT64_C(1) << (index % 64);
}

/* Strings of that name, or whose names begin so where it ends with a star. The count is that of places: a string named
 * twice in a list counts twice for libyara. */
static uint32_t set_named(struct reading *r, struct slice name, uint64_t *set)
{
	bool begins = name.len && name.ptr[name.len - 1] == '*';
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->rule->string_count; i++) {
		struct slice s = r->rule->strings[i];
		if (begins ? !slice_starts(s, slice_of(name.ptr, name.len - 1)) : !slice_equal(s, name))
			continue;
		set_add(set, i);
		n++;
	}
	return n;
}

static uint32_t set_size(struct reading *r, const uint64_t *set)
{
	uint32_t n = 0;
	for (uint32_t w = 0; w < yara_words(r->rule->string_count); w++)
		n += (uint32_t)__builtin_popcountll(set[w]);
	return n;
}

static uint64_t *set_new(struct reading *r)
{
	uint64_t *set = arena_zalloc(r->arena, yara_words(r->rule->string_count) * sizeof *set);
	r->failed |= !set;
	return set;
}

static const struct yara_need *need_strings(struct reading *r, const uint64_t *set, uint32_t least)
{
	struct yara_need *n = need_make(r, NEED_STRINGS);
	if (!n)
		return &yara_nothing;
	n->set = set;
	n->words = yara_words(r->rule->string_count);
	n->least = least;
	return n;
}

/* One string by name; the empty name is the one that a loop stands at. */
const struct yara_need *need_string(struct reading *r, struct slice name)
{
	if (name.len == 0)
		return &current;
	uint64_t *set = set_new(r);
	if (!set || set_named(r, name, set) != 1)
		return &yara_nothing;
	return need_strings(r, set, 1);
}

/* "them" or a list in brackets, from token `at` on. 0: it is something else. */
static uint32_t read_set(struct reading *r, struct part p, size_t at, uint64_t *set, size_t *behind)
{
	uint32_t n = 0;
	if (is_at(p, at, "them")) {
		*behind = at + 1;
		return set_named(r, SLICE("*"), set);
	}
	if (!is_at(p, at++, "("))
		return 0;
	for (;; at++) {
		if (token_at(p, at)->type != YARA_STRING)
			return 0;
		n += set_named(r, token_at(p, at)->text, set);
		at++;
		if (is_at(p, at, ")"))
			break;
		if (!is_at(p, at, ","))
			return 0;
	}
	*behind = at + 1;
	return n;
}

/* How many of `size` strings a quantifier asks for, 0: unknown, or none. *len: its tokens. */
static uint32_t read_quantifier(struct part p, uint32_t size, size_t *len)
{
	const struct yara_token *t = token_at(p, 0);
	*len = 1;
	if (yara_token_is(t, "any"))
		return 1;
	if (yara_token_is(t, "all"))
		return size;
	if (t->type != YARA_NUMBER || t->value <= 0)
		return 0;
	if (!is_at(p, 1, "%"))
		return t->value > size ? size : (uint32_t)t->value;
	*len = 2;
	return 1; /* of one per cent and more, at least one */
}

/* A list that names a string twice asks for fewer distinct ones: then one is all that is sure. */
static uint32_t distinct_least(struct reading *r, const uint64_t *set, uint32_t places, uint32_t least)
{
	return places == set_size(r, set) || least == 0 ? least : 1;
}

/* Q of SET, also followed by "in (...)" or "at ...". */
static const struct yara_need *read_of(struct reading *r, struct part p)
{
	uint64_t *set = set_new(r);
	size_t len, behind;
	(void)read_quantifier(p, 0, &len);
	if (!set || !is_at(p, len, "of"))
		return &yara_nothing;
	uint32_t places = read_set(r, p, len + 1, set, &behind);
	uint32_t least = distinct_least(r, set, places, read_quantifier(p, places, &len));
	if (places == 0 || least == 0)
		return &yara_nothing;
	bool ends = behind == part_len(p) || is_at(p, behind, "in") || is_at(p, behind, "at");
	return ends ? need_strings(r, set, least) : &yara_nothing;
}

/* ---- loops ---- */

/* The body of a loop: in brackets, up to the end. */
static const struct yara_need *read_body(struct reading *r, struct part p)
{
	if (!is_at(p, 0, "(") || part_len(p) < 3 || !is_at(p, part_len(p) - 1, ")"))
		return &yara_nothing;
	return read_or(r, (struct part){p.first + 1, p.end - 1});
}

/* for Q of SET : (body). The strings are needed when the body cannot hold for one that is missing. */
static const struct yara_need *read_for_of(struct reading *r, struct part head, size_t len,
										   const struct yara_need *body)
{
	uint64_t *set = set_new(r);
	size_t behind = 0;
	struct yara_known missing = {.strings = STRINGS_ALL, .guards = GUARDS_HOLD, .current_missing = true};
	if (!set || yara_need_met(body, &missing))
		return &yara_nothing;
	uint32_t places = read_set(r, head, len + 1, set, &behind);
	uint32_t least = distinct_least(r, set, places, read_quantifier(head, places, &len));
	return places && least && behind == part_len(head) ? need_strings(r, set, least) : &yara_nothing;
}

static bool body_has_current(const struct yara_need *n)
{
	bool found = n->kind == NEED_CURRENT;
	for (uint32_t i = 0; i < n->count; i++)
		found |= body_has_current(n->children[i]);
	return found;
}

/* for any i in ... : (body). The body holds once at least; "all" may go over nothing. What the loop goes over is missing
 * where there is no PE file. */
static const struct yara_need *read_for_in(struct reading *r, struct part head, const struct yara_need *body)
{
	const struct yara_token *t = token_at(head, 0);
	const struct yara_need *over = &yara_nothing;
	if (!yara_token_is(t, "any") && (t->type != YARA_NUMBER || t->value <= 0 || is_at(head, 1, "%")))
		return &yara_nothing;
	for (size_t i = 0; over->kind == NEED_NOTHING && i < part_len(head); i++)
		if (is_at(head, i, "(") || is_at(head, i, "..") || is_at(head, i, "in"))
			over = read_pe(r, (struct part){head.first + i + 1, head.end}, true);
	return need_join(r, NEED_ALL, over, body_has_current(body) ? &yara_nothing : body);
}

static const struct yara_need *read_for(struct reading *r, struct part p)
{
	struct part head;
	size_t len;
	p.first++;
	if (!cut_at(&p, ":", &head))
		return &yara_nothing;
	const struct yara_need *body = read_body(r, p);
	(void)read_quantifier(head, 0, &len);
	return is_at(head, len, "of") ? read_for_of(r, head, len, body) : read_for_in(r, head, body);
}

/* ---- parts without and, or ---- */

/* Is all of it one pair of brackets? */
static bool is_bracketed(struct part p)
{
	int depth = 0;
	if (!is_at(p, 0, "("))
		return false;
	for (const struct yara_token *t = p.first; t < p.end; t++) {
		depth += depth_change(t);
		if (depth == 0)
			return t + 1 == p.end;
	}
	return false;
}

/* A rule of the same file, above this one. */
static const struct yara_need *read_rule(struct reading *r, const struct yara_token *t)
{
	for (uint32_t i = r->rule_index; i-- > 0;) {
		if (!slice_equal(r->file->rules[i].name, t->text))
			continue;
		struct yara_need *n = need_make(r, NEED_RULE);
		if (!n)
			return &yara_nothing;
		n->rule = r->file->rules[i].need;
		return n;
	}
	return &yara_nothing;
}

static const struct yara_need *read_part(struct reading *r, struct part p)
{
	const struct yara_token *t = token_at(p, 0);
	if (t->type == YARA_STRING && (part_len(p) == 1 || is_at(p, 1, "at") || is_at(p, 1, "in")))
		return need_string(r, t->text);
	if (part_len(p) == 1 && t->type == YARA_WORD)
		return yara_token_is(t, "false") ? &never : read_rule(r, t);
	if (is_bracketed(p))
		return read_or(r, (struct part){p.first + 1, p.end - 1});
	if (yara_token_is(t, "for"))
		return read_for(r, p);
	if (yara_token_is(t, "not") || yara_token_is(t, "defined"))
		return &yara_nothing; /* `not x` holds where nothing is */
	const struct yara_need *n = read_relation(r, p);
	return n->kind == NEED_NOTHING ? read_of(r, p) : n;
}

static const struct yara_need *read_and(struct reading *r, struct part p)
{
	const struct yara_need *n = &yara_nothing;
	struct part one;
	for (bool more = true; more;) {
		more = cut_at(&p, "and", &one);
		n = need_join(r, NEED_ALL, n, read_part(r, one));
	}
	return n;
}

static const struct yara_need *read_or(struct reading *r, struct part p)
{
	const struct yara_need *n = &never;
	struct part one;
	if (r->depth == DEPTH_MAX)
		return &yara_nothing;
	r->depth++;
	for (bool more = true; more;) {
		more = cut_at(&p, "or", &one);
		n = need_join(r, NEED_ANY, n, read_and(r, one));
	}
	r->depth--;
	return n;
}

bool yara_needs_read(struct arena *arena, struct yara_file_text *file)
{
	struct reading r = {.arena = arena, .file = file};
	for (uint32_t i = 0; i < file->rule_count; i++) {
		r.rule = &file->rules[i];
		r.rule_index = i;
		struct part all = {r.rule->condition, r.rule->condition + r.rule->condition_count};
		file->rules[i].need = read_or(&r, all);
	}
	return !r.failed;
}
