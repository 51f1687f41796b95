#include "rules/yara_lexer.h"

struct cutter {
	struct yara_lexer lexer;
	struct arena *arena;
	struct yara_token token; /* the one that is looked at */
	struct yara_rule_text *rules;
	struct slice *imports;
	uint32_t rule_count, rule_room, import_count, import_room;
	bool failed; /* no memory */
};

static bool next(struct cutter *c)
{
	return yara_lex(&c->lexer, false, &c->token);
}

/* The place of one more at the end of a list that lives in the arena. */
static void *one_more(struct cutter *c, void **list, uint32_t *count, uint32_t *room, size_t size)
{
	if (*count == *room) {
		uint32_t more = *room ? *room * 2 : 16;
		uint8_t *grown = arena_zalloc(c->arena, more * size);
		if (!grown) {
			c->failed = true;
			return NULL;
		}
		if (*count)
			memcpy(grown, *list, *count * size);
		*list = grown;
		*room = more;
	}
	return (uint8_t *)*list + (*count)++ * size;
}

static bool take(struct cutter *c, const char *text)
{
	return yara_token_is(&c->token, text) && next(c);
}

/* name = value pairs, until a section begins: its name and a colon, which no key is followed by. */
static bool cut_meta(struct cutter *c)
{
	while (c->token.type == YARA_WORD && !yara_token_is(&c->token, "strings") &&
		   !yara_token_is(&c->token, "condition")) {
		if (!next(c) || !take(c, "="))
			return false;
		if (yara_token_is(&c->token, "-") && !next(c))
			return false;
		bool word = yara_token_is(&c->token, "true") || yara_token_is(&c->token, "false");
		if ((!word && c->token.type != YARA_NUMBER && c->token.type != YARA_TEXT) || !next(c))
			return false;
	}
	return true;
}

/* Modifiers and what stands in brackets behind them: xor(1-2), base64("..."). */
static bool cut_modifiers(struct cutter *c)
{
	while (c->token.type != YARA_STRING && !yara_token_is(&c->token, "condition")) {
		bool allowed = c->token.type == YARA_WORD || c->token.type == YARA_NUMBER || c->token.type == YARA_TEXT ||
					   yara_token_is(&c->token, "(") || yara_token_is(&c->token, ")") || yara_token_is(&c->token, "-");
		if (!allowed || !next(c))
			return false;
	}
	return true;
}

static bool cut_strings(struct cutter *c, struct yara_rule_text *r)
{
	struct slice *names = NULL;
	uint32_t room = 0;
	while (c->token.type == YARA_STRING) {
		struct slice *name = one_more(c, (void **)&names, &r->string_count, &room, sizeof *names);
		if (!name)
			return false;
		*name = c->token.text;
		struct yara_token value;
		if (!next(c) || !yara_token_is(&c->token, "=") || !yara_lex(&c->lexer, true, &value))
			return false;
		if (value.type != YARA_TEXT && value.type != YARA_REGEX && value.type != YARA_HEX)
			return false;
		if (!next(c) || !cut_modifiers(c))
			return false;
	}
	r->strings = names;
	return true;
}

/* Up to the brace that closes the rule: none stands inside a condition. */
static bool cut_condition(struct cutter *c, struct yara_rule_text *r)
{
	struct yara_token *tokens = NULL;
	uint32_t room = 0;
	for (;;) {
		struct yara_token *t = one_more(c, (void **)&tokens, &r->condition_count, &room, sizeof *tokens);
		if (!t)
			return false;
		*t = c->token;
		if (c->token.type == YARA_END)
			return false;
		if (yara_token_is(&c->token, "}"))
			break;
		if (!next(c))
			return false;
	}
	tokens[--r->condition_count].type = YARA_END;
	r->condition = tokens;
	return true;
}

static bool cut_tags(struct cutter *c)
{
	if (!yara_token_is(&c->token, ":"))
		return true;
	if (!next(c))
		return false;
	while (c->token.type == YARA_WORD)
		if (!next(c))
			return false;
	return true;
}

static bool cut_sections(struct cutter *c, struct yara_rule_text *r, size_t first)
{
	if (yara_token_is(&c->token, "meta") && (!next(c) || !take(c, ":") || !cut_meta(c)))
		return false;
	if (yara_token_is(&c->token, "strings") && (!next(c) || !take(c, ":") || !cut_strings(c, r)))
		return false;
	if (!take(c, "condition") || !yara_token_is(&c->token, ":"))
		return false;
	r->head = slice_of(c->lexer.text.ptr + first, c->token.at + 1 - first);
	return next(c) && cut_condition(c, r);
}

static bool cut_marks(struct cutter *c, struct yara_rule_text *r)
{
	while (yara_token_is(&c->token, "global") || yara_token_is(&c->token, "private")) {
		r->is_global |= yara_token_is(&c->token, "global");
		r->is_private |= yara_token_is(&c->token, "private");
		if (!next(c))
			return false;
	}
	return true;
}

static bool cut_rule(struct cutter *c)
{
	struct yara_rule_text *r = one_more(c, (void **)&c->rules, &c->rule_count, &c->rule_room, sizeof *c->rules);
	size_t first = c->token.at;
	if (!r || !cut_marks(c, r))
		return false;
	size_t head = c->token.at;
	if (!take(c, "rule") || c->token.type != YARA_WORD)
		return false;
	r->name = c->token.text;
	if (!next(c) || !cut_tags(c) || !take(c, "{") || !cut_sections(c, r, head))
		return false;
	r->whole = slice_of(c->lexer.text.ptr + first, c->token.at + 1 - first);
	return next(c);
}

static bool cut_import(struct cutter *c)
{
	size_t first = c->token.at;
	if (!next(c) || c->token.type != YARA_TEXT)
		return false;
	struct slice *import = one_more(c, (void **)&c->imports, &c->import_count, &c->import_room, sizeof *c->imports);
	if (!import)
		return false;
	*import = slice_of(c->lexer.text.ptr + first, c->token.at + c->token.text.len - first);
	return next(c);
}

/* ---- which rules belong together ---- */

static uint32_t unit_of(struct yara_rule_text *rules, uint32_t i)
{
	while (rules[i].unit != i)
		i = rules[i].unit = rules[rules[i].unit].unit;
	return i;
}

static void join(struct yara_rule_text *rules, uint32_t a, uint32_t b)
{
	a = unit_of(rules, a);
	b = unit_of(rules, b);
	rules[a > b ? a : b].unit = a > b ? b : a;
}

/* The rules of a file by name: rule index + 1 for each id of the dictionary. */
struct rule_names {
	struct dictionary ids;
	uint32_t *rules, room;
};

static bool names_add(struct cutter *c, struct rule_names *n, uint32_t index)
{
	uint32_t id = dictionary_intern(&n->ids, c->rules[index].name);
	bool good = id < n->room;
	if (good)
		n->rules[id] = index + 1;
	return good;
}

static bool names_init(struct cutter *c, struct rule_names *n)
{
	if (dictionary_init(&n->ids, c->arena->env, c->rule_count))
		return false;
	n->room = n->ids.count + c->rule_count;
	n->rules = arena_zalloc(c->arena, (n->room + 1) * sizeof *n->rules);
	return n->rules != NULL;
}

/* A name of another rule anywhere in a condition joins the two: it may mean something else, which costs nothing. */
static void join_named(struct cutter *c, const struct rule_names *n, uint32_t index, const struct yara_token *t)
{
	uint32_t id = dictionary_find(&n->ids, t->text);
	if (id < n->room && n->rules[id])
		join(c->rules, index, n->rules[id] - 1);
	for (uint32_t k = 0; yara_token_is(t + 1, "*") && k < c->rule_count; k++) /* rule*: in a list of rules */
		if (slice_starts(c->rules[k].name, t->text))
			join(c->rules, index, k);
}

static bool join_rules(struct cutter *c)
{
	struct rule_names n = {0};
	bool good = names_init(c, &n), global = false;
	c->failed |= !good;
	for (uint32_t i = 0; good && i < c->rule_count; i++) {
		c->rules[i].unit = i;
		global |= c->rules[i].is_global;
		good = names_add(c, &n, i); /* more names than a dictionary takes: not understood */
	}
	for (uint32_t i = 0; good && i < c->rule_count; i++) {
		if (global)
			join(c->rules, 0, i);
		for (const struct yara_token *t = c->rules[i].condition; !global && t->type != YARA_END; t++)
			if (t->type == YARA_WORD)
				join_named(c, &n, i, t);
	}
	for (uint32_t i = 0; good && i < c->rule_count; i++)
		c->rules[i].unit = unit_of(c->rules, i);
	if (n.ids.arena.env)
		dictionary_free(&n.ids);
	return good;
}

bool yara_file_cut(struct arena *arena, struct slice text, struct yara_file_text *out, bool *failed)
{
	struct cutter c = {.lexer = {.text = text}, .arena = arena};
	bool good = next(&c);
	while (good && c.token.type != YARA_END)
		good = yara_token_is(&c.token, "import") ? cut_import(&c) : cut_rule(&c);
	good = good && join_rules(&c);
	*failed = c.failed;
	*out = (struct yara_file_text){c.imports, c.rules, c.import_count, c.rule_count};
	return good;
}
