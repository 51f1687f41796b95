/* Type, time span and condition of a correlation. */
#include "rules/correlation.h"

#include <math.h>

int correlation_names(struct loader *l, const struct tree_node *node, const char *what, struct named_place **out,
					  uint32_t *count)
{
	bool list = node->type == TREE_LIST;
	uint32_t n = list ? node->count : 1;
	*count = 0;
	*out = arena_zalloc(&l->set->arena, (n ? n : 1) * sizeof **out);
	if (!*out)
		return NO_MEMORY;
	for (uint32_t i = 0; i < n; i++) {
		const struct tree_node *one = list ? node->items[i] : node;
		if (!tree_is_scalar(one) || one->text.len == 0)
			return loader_refuse_at(l, "correlation-names", one, "%s must be a name or a list of names", what);
		struct named_place *place = &(*out)[(*count)++];
		*place = (struct named_place){loader_copy(l, one->text), one->line, one->column};
		if (!place->text.ptr)
			return NO_MEMORY;
		for (uint32_t k = 0; k < i; k++)
			if (slice_equal((*out)[k].text, place->text))
				return loader_refuse_at(l, "correlation-names", one, "'%.*s' stands twice in %s",
										SLICE_PRINT(one->text), what);
	}
	return 0;
}

int correlation_type_read(struct loader *l, const struct tree_node *body, struct correlation *c)
{
	static const struct {
		const char *name;
		enum correlation_type type;
	} types[] = {
		{"event_count", CORRELATION_EVENT_COUNT},
		{"value_count", CORRELATION_VALUE_COUNT},
		{"temporal", CORRELATION_TEMPORAL},
		{"temporal_ordered", CORRELATION_TEMPORAL_ORDERED},
		{"value_sum", CORRELATION_VALUE_SUM},
		{"value_avg", CORRELATION_VALUE_AVG},
		{"value_percentile", CORRELATION_VALUE_PERCENTILE},
		{"value_median", CORRELATION_VALUE_PERCENTILE},
	};
	const struct tree_node *n = tree_get(body, "type");
	if (!n || !tree_is_scalar(n))
		return loader_refuse_at(l, "correlation-type", n ? n : body, "a correlation needs a type");
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
		if (slice_equal(n->text, slice_str(types[i].name))) {
			c->type = types[i].type;
			c->percentile = slice_equal(n->text, SLICE("value_median")) ? 50 : -1;
			return 0;
		}
	return loader_refuse_at(l, "correlation-type", n, "there is no correlation type '%.*s'", SLICE_PRINT(n->text));
}

int correlation_timespan_read(struct loader *l, const struct tree_node *body, struct correlation *c)
{
	const struct tree_node *n = tree_get(body, "timespan");
	if (!n)
		return loader_refuse_at(l, "correlation-timespan", body, "a correlation needs a timespan");
	if (!tree_is_scalar(n) || !clock_parse_span(n->text, &c->timespan_ns))
		return loader_refuse_at(l, "correlation-timespan", n,
								"timespan is a whole number and one of s, m, h, d, w, as in 90s or 15m");
	return 0;
}

/* ---- condition ---- */

bool correlation_numeric(const struct correlation *c)
{
	return c->type == CORRELATION_VALUE_SUM || c->type == CORRELATION_VALUE_AVG ||
		   c->type == CORRELATION_VALUE_PERCENTILE;
}

static int number_from(struct loader *l, const struct tree_node *n, double *f)
{
	double quoted;
	if (n->type == TREE_STRING && rules_number(n->text, &quoted))
		loader_warn(l, "correlation-threshold", n, "a threshold is a number: write it without quotes");
	if (n->type == TREE_STRING && rules_number(n->text, f))
		return 0;
	if (n->type != TREE_INT && n->type != TREE_UINT && n->type != TREE_FLOAT)
		return loader_refuse_at(l, "correlation-threshold", n, "a threshold must be a number, not %s",
								tree_type_name(n));
	*f = n->type == TREE_INT ? (double)n->i64 : n->type == TREE_UINT ? (double)n->u64 : n->f64;
	if (!isfinite(*f))
		return loader_refuse_at(l, "correlation-threshold", n, "a threshold must be a finite number");
	return 0;
}

/* A threshold with a fraction says the same as a whole one beside it: counts are whole. */
static int threshold_from(struct loader *l, const struct tree_node *n, bool numeric, struct correlation_bound *b)
{
	double f;
	int rc = number_from(l, n, &f);
	if (rc)
		return rc;
	b->number = f;
	if (numeric)
		return 0;
	if (f < 0 || f >= 9e15)
		return loader_refuse_at(l, "correlation-threshold", n, "a threshold must not be negative or beyond all counts");
	b->count = (uint64_t)floor(f);
	if (f == floor(f))
		return 0;
	if (b->compare == COMPARE_EQ || b->compare == COMPARE_NEQ)
		return loader_refuse_at(l, "correlation-threshold", n, "a count is whole: it never equals this threshold");
	b->compare = b->compare == COMPARE_GT || b->compare == COMPARE_GTE ? COMPARE_GTE : COMPARE_LTE;
	b->count += b->compare == COMPARE_GTE;
	return 0;
}

static bool is_upper(enum compare compare)
{
	return compare == COMPARE_LT || compare == COMPARE_LTE;
}

static bool is_lower(enum compare compare)
{
	return compare == COMPARE_GT || compare == COMPARE_GTE;
}

/* Does the condition hold for the count 0? */
static bool bound_at_zero(const struct correlation_bound *b)
{
	switch (b->compare) {
	case COMPARE_GT:
		return false;
	case COMPARE_GTE:
	case COMPARE_EQ:
		return b->count == 0;
	case COMPARE_LT:
	case COMPARE_NEQ:
		return b->count > 0;
	case COMPARE_LTE:
		return true;
	}
	return false;
}

/* T5: what only no match at all could fulfil needs a list of keys that ought to be there; windows begin at a match. */
static bool only_at_zero(const struct correlation *c)
{
	const struct correlation_bound *b = c->ranged ? &c->upper : &c->bound;
	bool zero = (b->compare == COMPARE_LT && b->count <= 1) || (b->compare == COMPARE_LTE && b->count == 0) ||
				(b->compare == COMPARE_EQ && b->count == 0);
	return zero && bound_at_zero(&c->bound) && (!c->ranged || bound_at_zero(&c->upper));
}

static int temporal_condition(struct loader *l, const struct tree_node *at, struct pending_correlation *p)
{
	struct correlation *c = p->c;
	uint64_t n = p->reference_count;
	if (c->bound.compare == COMPARE_GT && c->bound.count < UINT64_MAX) {
		c->bound.compare = COMPARE_GTE;
		c->bound.count++;
	}
	if (c->type == CORRELATION_TEMPORAL_ORDERED &&
		(c->ranged || c->bound.compare != COMPARE_GTE || c->bound.count != n))
		return loader_refuse_at(l, "correlation-ordered", at,
								"temporal_ordered needs all its rules: write gte: %llu or leave the condition out",
								(unsigned long long)n);
	if ((c->bound.compare == COMPARE_GTE || c->bound.compare == COMPARE_EQ) && c->bound.count > n)
		return loader_refuse_at(l, "correlation-never", at, "this can never hold: the correlation has only %llu rules",
								(unsigned long long)n);
	return 0;
}

/* ---- operators ---- */

static const char *const operators[] = {
	[COMPARE_GT] = "gt",   [COMPARE_GTE] = "gte", [COMPARE_LT] = "lt",
	[COMPARE_LTE] = "lte", [COMPARE_EQ] = "eq",   [COMPARE_NEQ] = "neq",
};

/* Lowest and highest count that a range takes; an empty one never holds. */
static bool range_is_empty(const struct correlation *c)
{
	if (correlation_numeric(c)) {
		bool open = c->bound.compare == COMPARE_GT || c->upper.compare == COMPARE_LT;
		return c->bound.number > c->upper.number || (open && c->bound.number == c->upper.number);
	}
	uint64_t low = c->bound.count + (c->bound.compare == COMPARE_GT);
	return c->upper.compare == COMPARE_LT ? c->upper.count <= low : c->upper.count < low;
}

/* The second operator of a range; the lower side comes to stand in `bound`. */
static int take_second(struct loader *l, const struct tree_node *at, struct correlation *c,
					   const struct correlation_bound *b)
{
	const struct correlation_bound first = c->bound;
	if (c->ranged || is_upper(first.compare) == is_upper(b->compare) || is_lower(first.compare) == is_lower(b->compare))
		return loader_refuse_at(l, "correlation-condition", at, "a range is one of gt and gte with one of lt and lte");
	c->ranged = true;
	c->bound = is_lower(first.compare) ? first : *b;
	c->upper = is_lower(first.compare) ? *b : first;
	return range_is_empty(c) ? loader_refuse_at(l, "correlation-never", at, "this can never hold: the range is empty")
							 : 0;
}

static int read_bound(struct loader *l, const struct tree_pair *pair, enum compare compare, struct correlation *c,
					  const struct tree_node **at)
{
	struct correlation_bound b = {.compare = compare};
	int rc = threshold_from(l, pair->value, correlation_numeric(c), &b);
	if (rc)
		return rc;
	if (*at)
		return take_second(l, pair->key, c, &b);
	*at = pair->key;
	c->bound = b;
	return 0;
}

static int read_operator(struct loader *l, const struct tree_node *condition, struct correlation *c,
						 const struct tree_node **at)
{
	*at = NULL;
	for (uint32_t i = 0; i < condition->count; i++) {
		const struct tree_pair *pair = &condition->pairs[i];
		unsigned op = 0;
		while (op < 6 && !slice_equal(pair->key->text, slice_str(operators[op])))
			op++;
		if (op == 6 &&
			(slice_equal(pair->key->text, SLICE("field")) || slice_equal(pair->key->text, SLICE("percentile"))))
			continue;
		if (op == 6)
			return loader_refuse_at(l, "correlation-condition", pair->key,
									"a condition knows gt, gte, lt, lte, eq, neq, field and percentile, not '%.*s'",
									SLICE_PRINT(pair->key->text));
		int rc = read_bound(l, pair, (enum compare)op, c, at);
		if (rc)
			return rc;
	}
	return *at ? 0
			   : loader_refuse_at(l, "correlation-condition", condition,
								  "a condition needs one of gt, gte, lt, lte, eq, neq");
}

/* `percentile` stands in the condition or beside it. */
static int read_percentile(struct loader *l, const struct tree_node *body, const struct tree_node *condition,
						   struct correlation *c)
{
	const struct tree_node *inside = tree_get(condition, "percentile"), *beside = tree_get(body, "percentile");
	const struct tree_node *n = inside ? inside : beside;
	bool wanted = c->type == CORRELATION_VALUE_PERCENTILE && c->percentile < 0;
	if (inside && beside)
		return loader_refuse_at(l, "correlation-percentile", beside, "percentile stands in the condition already");
	if (n && !wanted)
		return loader_refuse_at(l, "correlation-percentile", n, "only value_percentile takes a percentile");
	if (!wanted)
		return 0;
	if (!n)
		return loader_refuse_at(l, "correlation-percentile", condition,
								"value_percentile needs a percentile from 0 to 100: percentile: 95");
	int rc = number_from(l, n, &c->percentile);
	if (!rc && !(c->percentile >= 0 && c->percentile <= 100))
		rc = loader_refuse_at(l, "correlation-percentile", n, "a percentile is a number from 0 to 100");
	return rc;
}

static int read_values(struct loader *l, const struct tree_node *condition, struct pending_correlation *p)
{
	const struct tree_node *field = tree_get(condition, "field");
	bool numeric = correlation_numeric(p->c), wanted = numeric || p->c->type == CORRELATION_VALUE_COUNT;
	if (!field)
		return wanted ? loader_refuse_at(l, "correlation-field", condition, "%s needs a field in its condition",
										 numeric ? "a type over numbers" : "value_count")
					  : 0;
	if (!wanted)
		return loader_refuse_at(l, "correlation-field", field, "only value_count and types over numbers take a field");
	int rc = correlation_names(l, field, "field", &p->values, &p->value_count);
	if (!rc && p->value_count == 0)
		rc = loader_refuse_at(l, "correlation-field", field, "value_count needs at least one field");
	if (!rc && numeric && p->value_count != 1)
		rc = loader_refuse_at(l, "correlation-field", field, "a type over numbers takes one field");
	return rc;
}

static int read_map(struct loader *l, const struct tree_node *body, const struct tree_node *n,
					struct pending_correlation *p)
{
	const struct tree_node *at;
	struct correlation *c = p->c;
	int rc = read_operator(l, n, c, &at);
	if (!rc)
		rc = read_values(l, n, p);
	if (!rc)
		rc = read_percentile(l, body, n, c);
	if (!rc && !correlation_numeric(c) && only_at_zero(c))
		p->zero = at;
	bool temporal = c->type == CORRELATION_TEMPORAL || c->type == CORRELATION_TEMPORAL_ORDERED;
	return rc || !temporal ? rc : temporal_condition(l, at, p);
}

int correlation_condition_read(struct loader *l, const struct tree_node *body, struct pending_correlation *p)
{
	struct correlation *c = p->c;
	const struct tree_node *n = tree_get(body, "condition");
	bool temporal = c->type == CORRELATION_TEMPORAL || c->type == CORRELATION_TEMPORAL_ORDERED;
	if (!n && temporal) {
		c->bound = (struct correlation_bound){.compare = COMPARE_GTE, .count = p->reference_count};
		return 0;
	}
	if (!n)
		return loader_refuse_at(l, "correlation-condition", body, "this correlation needs a condition such as gte: 10");
	if (n->type == TREE_STRING && temporal)
		return correlation_expression_read(l, n, p);
	if (n->type == TREE_STRING)
		return loader_refuse_at(l, "correlation-condition", n,
								"only temporal and temporal_ordered take a condition over names of rules");
	if (n->type != TREE_MAP)
		return loader_refuse_at(l, "correlation-condition", n, "a condition must be a map such as {gte: 10}, not %s",
								tree_type_name(n));
	return read_map(l, body, n, p);
}
