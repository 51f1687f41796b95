/* The condition of a detection.
 *
 *	or    := and {"or" and}          and  := not {"and" not}      not := "not" not | prim
 *	prim  := "(" or ")" | ("1" | "any" | "all") "of" pattern | name
 *
 * Keywords are lower case. A pattern is "them" or a name with stars; "them" and patterns that do not begin with '_' leave
 * out names that do. A pattern that names nothing is an error: silently true or false helps nobody.
 */
#include "rules/lint.h"

#define CONDITION_DEPTH 64u
#define CONDITION_TOKENS 4096u

enum token_type {
	TOKEN_END,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_WORD
};

struct condition {
	struct loader *l;
	const struct tree_node *node;
	struct selections *selections;
	struct slice text;
	size_t at; /* behind the token */
	size_t start; /* of the token */
	enum token_type token;
	struct slice word;
	uint32_t tokens, depth;
};

/* "text 'word'", or only the text when there is no word. */
static int condition_refuse_as(struct condition *c, const char *id, size_t at, const char *text, struct slice word)
{
	uint32_t column = c->node->column;
	if (!c->node->block)
		column += (uint32_t)at + c->node->quoted;
	if (word.len == 0)
		return loader_refuse(c->l, id, c->node->line, column, "%s", text);
	word.len = word.len > 100 ? 100 : word.len;
	return loader_refuse(c->l, id, c->node->line, column, "%s '%.*s'", text, SLICE_PRINT(word));
}

static int condition_refuse(struct condition *c, size_t at, const char *text, struct slice word)
{
	return condition_refuse_as(c, "sigma-condition", at, text, word);
}

static bool word_octet(uint8_t c)
{
	return c == '_' || c == '-' || c == '*' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* AND, Not: a word of the grammar in other letters, unless a selection is called so. */
static bool word_miscased(const struct condition *c)
{
	static const char *const words[] = {"and", "or", "not", "of", "them", "all", "any"};
	bool miscased = false;
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		miscased |= slice_equal_nocase(c->word, slice_str(words[i])) && !slice_equal(c->word, slice_str(words[i]));
	for (uint32_t i = 0; miscased && i < c->selections->count; i++)
		miscased = !slice_equal(c->selections->list[i].name, c->word);
	return miscased;
}

static int condition_next(struct condition *c)
{
	while (c->at < c->text.len && (c->text.ptr[c->at] == ' ' || (c->text.ptr[c->at] >= 9 && c->text.ptr[c->at] <= 13)))
		c->at++;
	c->start = c->at;
	c->word = SLICE_NONE;
	if (c->at == c->text.len) {
		c->token = TOKEN_END;
		return 0;
	}
	if (++c->tokens > CONDITION_TOKENS)
		return condition_refuse(c, c->at, "the condition is too long", SLICE_NONE);
	uint8_t first = c->text.ptr[c->at];
	if (first == '(' || first == ')') {
		c->token = first == '(' ? TOKEN_OPEN : TOKEN_CLOSE;
		c->at++;
		return 0;
	}
	if (first == '|')
		return condition_refuse(c, c->at, "'|' is no longer part of Sigma: write a correlation", SLICE_NONE);
	while (c->at < c->text.len && word_octet(c->text.ptr[c->at]))
		c->at++;
	c->word = slice_of(c->text.ptr + c->start, c->at - c->start);
	c->token = TOKEN_WORD;
	if (word_miscased(c))
		return condition_refuse_as(c, "sigma-condition-case", c->start, "words of a condition are lower case, not",
								   c->word);
	return c->word.len ? 0 : condition_refuse(c, c->at, "unexpected character", slice_of(c->text.ptr + c->at, 1));
}

static bool word_is(const struct condition *c, const char *word)
{
	return c->token == TOKEN_WORD && slice_equal(c->word, slice_str(word));
}

/* ---- patterns ---- */

static bool pattern_names(struct slice pattern, struct slice name)
{
	if (name.ptr[0] == '_' && pattern.ptr[0] != '_')
		return false;
	return slice_equal(pattern, SLICE("them")) || slice_star_match(pattern, name);
}

static int parse_quantified(struct condition *c, bool all, const struct node **out)
{
	int rc = condition_next(c);
	if (rc)
		return rc;
	if (c->token != TOKEN_WORD)
		return condition_refuse(c, c->start, "after 'of' comes 'them' or a pattern of names", SLICE_NONE);
	struct slice pattern = c->word;
	bool found = false;
	struct node *n = node_new(&c->l->set->arena, all ? NODE_AND : NODE_OR, c->selections->count);
	if (!n)
		return NO_MEMORY;
	for (uint32_t i = 0; i < c->selections->count; i++) {
		struct selection *s = &c->selections->list[i];
		if (!pattern_names(pattern, s->name))
			continue;
		s->used = found = true;
		n->children[n->count] = s->node;
		n->count += s->node != NULL;
	}
	if (!found)
		return condition_refuse(c, c->start, "no selection is named like", pattern);
	*out = n->count ? n : NULL;
	return condition_next(c);
}

/* ---- the grammar ---- */

static int parse_or(struct condition *c, const struct node **out);

static int parse_name(struct condition *c, struct slice name, size_t start, const struct node **out)
{
	for (uint32_t i = 0; i < c->selections->count; i++) {
		struct selection *s = &c->selections->list[i];
		if (!slice_equal(s->name, name))
			continue;
		s->used = true;
		*out = s->node;
		return 0;
	}
	if (slice_find_octet(name, '*', 0) != SIZE_MAX)
		return condition_refuse(c, start, "'1 of' or 'all of' must stand before the pattern", name);
	return condition_refuse(c, start, "there is no selection", name);
}

/* A word: a quantifier when "of" follows, else the name of a selection. */
static int parse_word(struct condition *c, const struct node **out)
{
	struct slice word = c->word;
	size_t start = c->start;
	if (word_is(c, "and") || word_is(c, "or") || word_is(c, "of"))
		return condition_refuse(c, start, "a selection was expected before", word);
	int rc = condition_next(c);
	if (rc)
		return rc;
	if (!word_is(c, "of"))
		return parse_name(c, word, start, out);
	bool all = slice_equal(word, SLICE("all"));
	if (!all && !slice_equal(word, SLICE("1")) && !slice_equal(word, SLICE("any")))
		return condition_refuse(c, start, "before 'of' stands 1, any or all, not", word);
	return parse_quantified(c, all, out);
}

static int parse_primary(struct condition *c, const struct node **out)
{
	if (c->token == TOKEN_WORD)
		return parse_word(c, out);
	if (c->token == TOKEN_CLOSE)
		return condition_refuse(c, c->start, "a selection was expected before ')'", SLICE_NONE);
	if (c->token == TOKEN_END)
		return condition_refuse(c, c->start, "the condition ends where a selection was expected", SLICE_NONE);
	size_t open = c->start;
	int rc = condition_next(c);
	if (!rc)
		rc = parse_or(c, out);
	if (rc)
		return rc;
	if (c->token != TOKEN_CLOSE)
		return condition_refuse(c, open, "this parenthesis is not closed", SLICE_NONE);
	return condition_next(c);
}

static int parse_not(struct condition *c, const struct node **out)
{
	bool negated = false;
	int rc = 0;
	for (; !rc && word_is(c, "not"); negated = !negated)
		rc = condition_next(c);
	if (!rc)
		rc = parse_primary(c, out);
	if (rc || !negated || !*out)
		return rc;
	struct node *n = node_new(&c->l->set->arena, NODE_NOT, 1);
	if (!n)
		return NO_MEMORY;
	n->children[n->count++] = *out;
	*out = n;
	return 0;
}

/* One more child, in the arena of the rules: a chain is short, and its length is not known before. */
static int chain_grow(struct condition *c, enum node_kind kind, const struct node *child, struct node **chain,
					  uint32_t *room)
{
	struct node *n = *chain;
	if (!n || n->count == *room) {
		struct node *grown = node_new(&c->l->set->arena, kind, *room = *room ? *room * 2 : 4);
		if (!grown)
			return NO_MEMORY;
		grown->count = n ? n->count : 0;
		if (n)
			memcpy(grown->children, n->children, n->count * sizeof *n->children);
		*chain = n = grown;
	}
	n->children[n->count++] = child;
	return 0;
}

/* operand {word operand}, as one flat node; what pipelines dropped is left out. */
static int parse_chain(struct condition *c, const char *word, enum node_kind kind,
					   int (*operand)(struct condition *, const struct node **), const struct node **out)
{
	struct node *n = NULL;
	uint32_t room = 0;
	const struct node *first = NULL;
	int rc = operand(c, &first);
	while (!rc && word_is(c, word)) {
		const struct node *next = NULL;
		rc = condition_next(c);
		if (!rc)
			rc = operand(c, &next);
		if (!rc && first && next && !n)
			rc = chain_grow(c, kind, first, &n, &room);
		if (!rc && next && n)
			rc = chain_grow(c, kind, next, &n, &room);
		first = first ? first : next;
	}
	*out = n ? n : first;
	return rc;
}

static int parse_and(struct condition *c, const struct node **out)
{
	return parse_chain(c, "and", NODE_AND, parse_not, out);
}

static int parse_or(struct condition *c, const struct node **out)
{
	if (++c->depth > CONDITION_DEPTH)
		return condition_refuse(c, c->start, "too many parentheses inside one another", SLICE_NONE);
	int rc = parse_chain(c, "or", NODE_OR, parse_and, out);
	c->depth--;
	return rc;
}

int condition_compile(struct loader *l, const struct tree_node *text, struct selections *selections,
					  const struct node **out)
{
	if (!tree_is_scalar(text) || text->type == TREE_NULL)
		return loader_refuse_at(l, "sigma-condition", text, "a condition must be a string, not %s",
								tree_type_name(text));
	struct condition c = {.l = l, .node = text, .selections = selections, .text = text->text};
	int rc = condition_next(&c);
	if (!rc)
		rc = parse_or(&c, out);
	if (rc)
		return rc;
	if (c.token == TOKEN_CLOSE)
		return condition_refuse(&c, c.start, "a ')' without its '('", SLICE_NONE);
	if (c.token != TOKEN_END)
		return condition_refuse(&c, c.start, "'and' or 'or' was expected before", c.word.len ? c.word : SLICE("("));
	lint_condition(l, text);
	return 0;
}
