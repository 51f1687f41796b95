/* Conditions over names of rules: `a and (b or c) and not d`. Precedence or < and < not; lower-case words; no `1 of`.
 *
 * Read into postfix when the document is met; names become places in rules[] when the references are linked. For
 * temporal_ordered the condition is a row of steps, each a rule or several joined by `or`, and of rules that must not be
 * there: an order says something only about what is joined by `and`.
 */
#include "rules/correlation.h"

struct parser {
	struct loader *l;
	const struct tree_node *at;
	struct pending_correlation *p;
	struct slice text;
	size_t place;
	struct slice token; /* empty at the end */
	uint32_t depth;
};

static int refuse(struct parser *x, const char *what)
{
	return loader_refuse_at(x->l, "correlation-condition", x->at, "%s%s%.*s%s", what, x->token.len ? ": '" : "",
							SLICE_PRINT(x->token), x->token.len ? "'" : "");
}

static bool is_name(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void advance(struct parser *x)
{
	while (x->place < x->text.len && is_space(x->text.ptr[x->place]))
		x->place++;
	size_t end = x->place;
	while (end < x->text.len && is_name(x->text.ptr[end]))
		end++;
	if (end == x->place && end < x->text.len)
		end++;
	x->token = slice_of(x->text.ptr + x->place, end - x->place);
	x->place = end;
}

static bool token_is(const struct parser *x, const char *word)
{
	return slice_equal(x->token, slice_str(word));
}

static int emit(struct parser *x, enum expression_kind kind, uint32_t name)
{
	if (x->p->expression_count == EXPRESSION_PARTS_MAX)
		return loader_refuse_at(x->l, "correlation-condition", x->at, "a condition has at most %u parts",
								EXPRESSION_PARTS_MAX);
	x->p->expression[x->p->expression_count++] = (struct expression){kind, name};
	return 0;
}

static int take_name(struct parser *x)
{
	struct pending_correlation *p = x->p;
	uint32_t i = 0;
	while (i < p->name_count && !slice_equal(p->names[i].text, x->token))
		i++;
	if (i == EXPRESSION_RULES_MAX)
		return loader_refuse_at(x->l, "correlation-condition", x->at, "a condition names at most %u rules",
								EXPRESSION_RULES_MAX);
	if (i == p->name_count) {
		p->names[i] = (struct named_place){loader_copy(x->l, x->token), x->at->line, x->at->column};
		if (!p->names[i].text.ptr)
			return NO_MEMORY;
		p->name_count++;
	}
	int rc = emit(x, EXPRESSION_RULE, i);
	advance(x);
	return rc;
}

static int parse_or(struct parser *x);

static int parse_primary(struct parser *x)
{
	if (token_is(x, "(")) {
		advance(x);
		int rc = parse_or(x);
		if (rc)
			return rc;
		if (!token_is(x, ")"))
			return refuse(x, "the condition needs a closing bracket here");
		advance(x);
		return 0;
	}
	if (x->token.len == 0)
		return refuse(x, "the condition ends where a rule should be named");
	if (!is_name(x->token.ptr[0]) || token_is(x, "and") || token_is(x, "or") || token_is(x, "of"))
		return refuse(x, "the condition needs the id or name of a rule here");
	struct slice name = x->token;
	int rc = take_name(x);
	if (!rc && token_is(x, "of") &&
		(slice_equal(name, SLICE("1")) || slice_equal(name, SLICE("all")) || slice_equal(name, SLICE("any"))))
		rc = refuse(x, "conditions over names of rules know no quantifiers");
	return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): expression_depth bounds it */
static int parse_not(struct parser *x)
{
	if (++x->depth > (uint32_t)LIMIT_expression_depth)
		return refuse(x, "the condition is nested too deep");
	int rc;
	if (token_is(x, "not")) {
		advance(x);
		rc = parse_not(x);
		rc = rc ? rc : emit(x, EXPRESSION_NOT, 0);
	} else {
		rc = parse_primary(x);
	}
	x->depth--;
	return rc;
}

static int parse_and(struct parser *x)
{
	int rc = parse_not(x);
	while (!rc && token_is(x, "and")) {
		advance(x);
		rc = parse_not(x);
		rc = rc ? rc : emit(x, EXPRESSION_AND, 0);
	}
	return rc;
}

static int parse_or(struct parser *x)
{
	int rc = parse_and(x);
	while (!rc && token_is(x, "or")) {
		advance(x);
		rc = parse_and(x);
		rc = rc ? rc : emit(x, EXPRESSION_OR, 0);
	}
	return rc;
}

int correlation_expression_read(struct loader *l, const struct tree_node *text, struct pending_correlation *p)
{
	struct parser x = {.l = l, .at = text, .p = p, .text = text->text};
	p->expression = arena_alloc(&l->set->arena, sizeof(*p->expression) * EXPRESSION_PARTS_MAX);
	p->names = arena_alloc(&l->set->arena, sizeof(*p->names) * EXPRESSION_RULES_MAX);
	if (!p->expression || !p->names)
		return NO_MEMORY;
	p->line_of_condition = text->line;
	p->column_of_condition = text->column;
	advance(&x);
	int rc = parse_or(&x);
	if (!rc && x.token.len)
		rc = refuse(&x, "the condition should end here, or go on with 'and' or 'or'");
	return rc;
}

int correlation_expression_rules(struct loader *l, struct pending_correlation *p)
{
	p->references = arena_zalloc(&l->set->arena, sizeof(*p->references) * p->name_count);
	if (!p->references)
		return NO_MEMORY;
	p->reference_count = p->name_count;
	for (uint32_t i = 0; i < p->name_count; i++)
		p->references[i].place = p->names[i];
	return 0;
}

/* ---- resolved ---- */

static int refuse_condition(struct loader *l, const struct pending_correlation *p, const char *id, const char *text)
{
	return loader_refuse(l, id, p->line_of_condition, p->column_of_condition, "%s", text);
}

static int refuse_name(struct loader *l, const struct pending_correlation *p, struct slice name, const char *text)
{
	return loader_refuse(l, "correlation-condition", p->line_of_condition, p->column_of_condition, "'%.*s' %s",
						 SLICE_PRINT(name), text);
}

/* place[i]: where the rule that name i stands for is listed. */
static int find_places(struct loader *l, struct pending_correlation *p, uint32_t *place)
{
	uint64_t used = 0;
	uint32_t listed = correlation_listed(p);
	if (p->reference_count > EXPRESSION_RULES_MAX)
		return loader_refuse(l, "correlation-condition", p->line_of_condition, p->column_of_condition,
							 "a condition over names has at most %u rules", EXPRESSION_RULES_MAX);
	for (uint32_t i = 0; i < p->name_count; i++) {
		const struct named_rule *n = loader_find(l, p->names[i].text);
		place[i] = 0;
		while (n && place[i] < listed && p->references[place[i]].rule != n->rule)
			place[i]++;
		if (!n || !n->rule || place[i] == listed)
			return refuse_name(l, p, p->names[i].text, "is named by the condition and is not among the rules");
		used |= UINT64_C(1) << place[i];
	}
	for (uint32_t i = 0; i < listed; i++)
		if (!(used >> i & 1))
			return refuse_name(l, p, p->references[i].place.text,
							   "is among the rules and the condition does not name it");
	return 0;
}

/* Small ones are tried out: a window holds at least one match, so what only nothing fulfils never holds. */
static bool can_hold(const struct pending_correlation *p)
{
	if (correlation_listed(p) > 16)
		return true;
	for (uint64_t present = 1; present < UINT64_C(1) << correlation_listed(p); present++)
		if (expression_holds(p->expression, p->expression_count, present))
			return true;
	return false;
}

static bool only_and(const struct pending_correlation *p)
{
	for (uint32_t i = 0; i < p->expression_count; i++)
		if (p->expression[i].kind == EXPRESSION_NOT || p->expression[i].kind == EXPRESSION_OR)
			return false;
	return true;
}

static int temporal_expression(struct loader *l, struct pending_correlation *p)
{
	struct correlation *c = p->c;
	if (!can_hold(p))
		return refuse_condition(l, p, "correlation-never", "this can never hold: a window has at least one match");
	if (only_and(p)) {
		c->bound = (struct correlation_bound){COMPARE_GTE, correlation_listed(p), 0};
		return 0;
	}
	if (c->distinct_events)
		return refuse_condition(l, p, "correlation-extension",
								"distinct_events needs a condition without 'or' and 'not'");
	c->expression = p->expression;
	c->expression_count = p->expression_count;
	return 0;
}

/* What a part of the condition is as a row of steps. */
struct steps {
	uint32_t first, count; /* of c->steps */
	uint64_t absent;
	bool single; /* one step that `or` may join, and nothing absent */
};

static bool join_or(uint64_t *steps, struct steps *a, const struct steps *b)
{
	if (!a->single || !b->single)
		return false;
	steps[a->first] |= steps[b->first];
	return true;
}

static bool join_and(struct steps *a, const struct steps *b)
{
	a->count += b->count; /* they stand one behind the other */
	a->absent |= b->absent;
	a->single = false;
	return true;
}

static bool invert(const uint64_t *steps, struct steps *a)
{
	if (!a->single)
		return false;
	*a = (struct steps){.first = a->first, .absent = steps[a->first]};
	return true;
}

static int ordered_expression(struct loader *l, struct pending_correlation *p)
{
	struct steps stack[EXPRESSION_PARTS_MAX];
	uint32_t top = 0, used = 0;
	struct correlation *c = p->c;
	uint64_t *steps = arena_alloc(&l->set->arena, sizeof(*steps) * (p->expression_count + 1));
	bool taken = true;
	if (!steps)
		return NO_MEMORY;
	for (uint32_t i = 0; taken && i < p->expression_count; i++) {
		const struct expression *e = &p->expression[i];
		if (e->kind == EXPRESSION_RULE) {
			stack[top++] = (struct steps){.first = used, .count = 1, .single = true};
			steps[used++] = UINT64_C(1) << e->rule;
		} else if (e->kind == EXPRESSION_NOT) {
			CHECK(top >= 1);
			taken = invert(steps, &stack[top - 1]);
			used = stack[top - 1].first + stack[top - 1].count;
		} else {
			CHECK(top >= 2); /* what it joins stands before it */
			top--;
			taken = e->kind == EXPRESSION_OR ? join_or(steps, &stack[top - 1], &stack[top])
											 : join_and(&stack[top - 1], &stack[top]);
			used = stack[top - 1].first + stack[top - 1].count;
		}
	}
	if (!taken)
		return refuse_condition(l, p, "correlation-ordered",
								"an order is one of steps joined by 'and': rules, several joined by 'or', or 'not' "
								"of such");
	CHECK(top == 1);
	if (stack[0].count == 0)
		return refuse_condition(l, p, "correlation-never", "an order needs a rule that is there");
	c->steps = steps;
	c->step_count = stack[0].count;
	c->absent = stack[0].absent;
	c->bound = (struct correlation_bound){COMPARE_GTE, correlation_listed(p), 0};
	return 0;
}

int correlation_expression_resolve(struct loader *l, struct pending_correlation *p)
{
	uint32_t place[EXPRESSION_RULES_MAX];
	if (p->expression_count == 0)
		return 0;
	int rc = find_places(l, p, place);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < p->expression_count; i++)
		if (p->expression[i].kind == EXPRESSION_RULE)
			p->expression[i].rule = place[p->expression[i].rule];
	return p->c->type == CORRELATION_TEMPORAL ? temporal_expression(l, p) : ordered_expression(l, p);
}
