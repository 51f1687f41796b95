/* Whether a rule looks at a field, or at a field with a value, as its pipelines have left it so far. */
#include "rules/pipeline.h"

struct contained {
	struct rule_state *s;
	const struct pipeline_condition *c;
	bool found;
};

static bool units_equal(const struct unit_text *a, const struct unit_text *b)
{
	return a->count == b->count && (a->count == 0 || memcmp(a->units, b->units, a->count * sizeof *a->units) == 0);
}

static int literal_equal(struct loader *l, const struct literal *x, const struct tree_node *value, bool *equal)
{
	struct unit_text text;
	struct number n = {.type = value->type == TREE_INT     ? NUMBER_I64
							   : value->type == TREE_FLOAT ? NUMBER_F64
														   : NUMBER_NONE,
					   .i64 = value->i64,
					   .f64 = value->f64};
	*equal = false;
	if (x->kind == LITERAL_NUMBER && n.type != NUMBER_NONE)
		*equal = number_order(&x->number, &n) == 0;
	else if (x->kind == LITERAL_BOOL && value->type == TREE_BOOL)
		*equal = x->truth == value->truth;
	else if (x->kind == LITERAL_TEXT && value->type == TREE_STRING) {
		if (!unit_text_parse(&l->tree, value->text, &text))
			return NO_MEMORY;
		*equal = units_equal(&x->text, &text);
	}
	return 0;
}

/* Complaints about the item come when it is compiled. */
static int contained_value(struct contained *w, const struct tree_node *key, const struct tree_node *value)
{
	struct loader *l = w->s->l;
	struct literals v;
	struct slice field;
	diagnostic_fn *tell = l->tell;
	uint32_t warnings = l->counts.warnings;
	l->tell = NULL;
	int rc = item_literals(l, key, value, &v, &field);
	l->tell = tell;
	l->counts.warnings = warnings;
	for (uint32_t i = 0; !rc && i < v.count && !w->found; i++)
		rc = literal_equal(l, &v.list[i], w->c->value, &w->found);
	return rc == REFUSED ? 0 : rc;
}

static int contained_item(struct contained *w, const struct tree_node *key, const struct tree_node *value)
{
	struct slice names[PLAN_NAMES], field = key->text;
	uint32_t count;
	size_t bar = slice_find_octet(field, '|', 0);
	field.len = bar == SIZE_MAX ? field.len : bar;
	int rc = plan_names(w->s->l, w->s->plan, field, names, &count);
	for (uint32_t i = 0; !rc && i < count && !w->found; i++) {
		if (!slice_equal(names[i], w->c->text))
			continue;
		w->found = w->c->value == NULL;
		if (!w->found)
			rc = contained_value(w, key, value);
	}
	return rc;
}

static int contained_in(struct contained *w, const struct tree_node *selection)
{
	int rc = 0;
	for (uint32_t i = 0; selection->type == TREE_LIST && !rc && i < selection->count && !w->found; i++)
		rc = contained_in(w, selection->items[i]);
	for (uint32_t i = 0; selection->type == TREE_MAP && !rc && i < selection->count && !w->found; i++)
		rc = contained_item(w, selection->pairs[i].key, selection->pairs[i].value);
	return rc;
}

int rule_contains(struct rule_state *s, const struct pipeline_condition *c, bool *holds)
{
	struct contained w = {s, c, false};
	const struct tree_node *detection = tree_get(s->root, "detection");
	int rc = 0;
	for (uint32_t i = 0; detection->type == TREE_MAP && !rc && i < detection->count && !w.found; i++)
		if (!slice_equal(detection->pairs[i].key->text, SLICE("condition")))
			rc = contained_in(&w, detection->pairs[i].value);
	*holds = w.found;
	return rc;
}
