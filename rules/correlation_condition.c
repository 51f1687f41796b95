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
	};
	static const char *const later[] = {"value_sum", "value_avg", "value_percentile", "value_median"};
	const struct tree_node *n = tree_get(body, "type");
	if (!n || !tree_is_scalar(n))
		return loader_refuse_at(l, "correlation-type", n ? n : body, "a correlation needs a type");
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
		if (slice_equal(n->text, slice_str(types[i].name))) {
			c->type = types[i].type;
			return 0;
		}
	for (unsigned i = 0; i < sizeof later / sizeof *later; i++)
		if (slice_equal(n->text, slice_str(later[i])))
			return loader_refuse_at(l, "sigma-unsupported", n, "the correlation type %s is not supported yet",
									later[i]);
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

/* A threshold with a fraction says the same as a whole one beside it: counts are whole. */
static int threshold_from(struct loader *l, const struct tree_node *n, struct correlation *c)
{
	struct number v = {.type = NUMBER_NONE};
	if (n->type == TREE_STRING && (v = number_parse(n->text)).type != NUMBER_NONE)
		loader_warn(l, "correlation-threshold", n, "a threshold is a number: write it without quotes");
	if (n->type == TREE_INT)
		v = (struct number){.type = NUMBER_I64, .i64 = n->i64};
	if (n->type == TREE_UINT)
		v = (struct number){.type = NUMBER_U64, .u64 = n->u64};
	if (n->type == TREE_FLOAT)
		v = (struct number){.type = NUMBER_F64, .f64 = n->f64};
	if (v.type == NUMBER_NONE)
		return loader_refuse_at(l, "correlation-threshold", n, "a threshold must be a number, not %s",
								tree_type_name(n));
	double f = v.type == NUMBER_F64 ? v.f64 : 0;
	if ((v.type == NUMBER_I64 && v.i64 < 0) || f < 0 || f >= 9e15)
		return loader_refuse_at(l, "correlation-threshold", n, "a threshold must not be negative or beyond all counts");
	c->threshold = v.type == NUMBER_U64 ? v.u64 : v.type == NUMBER_I64 ? (uint64_t)v.i64 : (uint64_t)floor(f);
	if (v.type != NUMBER_F64 || f == floor(f))
		return 0;
	if (c->compare == COMPARE_EQ || c->compare == COMPARE_NEQ)
		return loader_refuse_at(l, "correlation-threshold", n, "a count is whole: it never equals this threshold");
	c->compare = c->compare == COMPARE_GT || c->compare == COMPARE_GTE ? COMPARE_GTE : COMPARE_LTE;
	c->threshold += c->compare == COMPARE_GTE;
	return 0;
}

/* T5: what only no match at all could fulfil needs a list of keys that ought to be there; windows begin at a match. */
static bool only_at_zero(const struct correlation *c)
{
	return (c->compare == COMPARE_LT && c->threshold <= 1) || (c->compare == COMPARE_LTE && c->threshold == 0) ||
		   (c->compare == COMPARE_EQ && c->threshold == 0);
}

static int temporal_condition(struct loader *l, const struct tree_node *at, struct pending_correlation *p)
{
	struct correlation *c = p->c;
	uint64_t n = p->reference_count;
	if (c->compare == COMPARE_GT && c->threshold < UINT64_MAX) {
		c->compare = COMPARE_GTE;
		c->threshold++;
	}
	if (c->type == CORRELATION_TEMPORAL_ORDERED && (c->compare != COMPARE_GTE || c->threshold != n))
		return loader_refuse_at(l, "correlation-ordered", at,
								"temporal_ordered needs all its rules: write gte: %llu or leave the condition out",
								(unsigned long long)n);
	if ((c->compare == COMPARE_GTE || c->compare == COMPARE_EQ) && c->threshold > n)
		return loader_refuse_at(l, "correlation-never", at, "this can never hold: the correlation has only %llu rules",
								(unsigned long long)n);
	return 0;
}

static int read_operator(struct loader *l, const struct tree_node *condition, struct correlation *c,
						 const struct tree_node **at)
{
	static const char *const operators[] = {
		[COMPARE_GT] = "gt",   [COMPARE_GTE] = "gte", [COMPARE_LT] = "lt",
		[COMPARE_LTE] = "lte", [COMPARE_EQ] = "eq",   [COMPARE_NEQ] = "neq",
	};
	*at = NULL;
	for (uint32_t i = 0; i < condition->count; i++) {
		const struct tree_pair *pair = &condition->pairs[i];
		unsigned op = 0;
		while (op < 6 && !slice_equal(pair->key->text, slice_str(operators[op])))
			op++;
		if (op == 6 && slice_equal(pair->key->text, SLICE("field")))
			continue;
		if (op == 6)
			return loader_refuse_at(l, "correlation-condition", pair->key,
									"a condition knows gt, gte, lt, lte, eq, neq and field, not '%.*s'",
									SLICE_PRINT(pair->key->text));
		if (*at)
			return loader_refuse_at(l, "sigma-unsupported", pair->key, "a range of two operators is not supported yet");
		*at = pair->key;
		c->compare = (enum compare)op;
		int rc = threshold_from(l, pair->value, c);
		if (rc)
			return rc;
	}
	return *at ? 0
			   : loader_refuse_at(l, "correlation-condition", condition,
								  "a condition needs one of gt, gte, lt, lte, eq, neq");
}

static int read_values(struct loader *l, const struct tree_node *condition, struct pending_correlation *p)
{
	const struct tree_node *field = tree_get(condition, "field");
	bool wanted = p->c->type == CORRELATION_VALUE_COUNT;
	if (!field)
		return wanted
				   ? loader_refuse_at(l, "correlation-field", condition, "value_count needs a field in its condition")
				   : 0;
	if (!wanted)
		return loader_refuse_at(l, "correlation-field", field, "only value_count takes a field");
	int rc = correlation_names(l, field, "field", &p->values, &p->value_count);
	if (!rc && p->value_count == 0)
		rc = loader_refuse_at(l, "correlation-field", field, "value_count needs at least one field");
	return rc;
}

int correlation_condition_read(struct loader *l, const struct tree_node *body, struct pending_correlation *p)
{
	struct correlation *c = p->c;
	const struct tree_node *n = tree_get(body, "condition"), *at;
	bool temporal = c->type == CORRELATION_TEMPORAL || c->type == CORRELATION_TEMPORAL_ORDERED;
	if (!n && temporal) {
		c->compare = COMPARE_GTE;
		c->threshold = p->reference_count;
		return 0;
	}
	if (!n)
		return loader_refuse_at(l, "correlation-condition", body, "this correlation needs a condition such as gte: 10");
	if (n->type == TREE_STRING)
		return loader_refuse_at(l, "sigma-unsupported", n, "conditions over names of rules are not supported yet");
	if (n->type != TREE_MAP)
		return loader_refuse_at(l, "correlation-condition", n, "a condition must be a map such as {gte: 10}, not %s",
								tree_type_name(n));
	int rc = read_operator(l, n, c, &at);
	if (!rc)
		rc = read_values(l, n, p);
	if (!rc && only_at_zero(c))
		rc = loader_refuse_at(
			l, "correlation-population", at,
			"only the absence of all matches would fulfil this: that needs a population of keys, which is not supported yet");
	return rc || !temporal ? rc : temporal_condition(l, at, p);
}
