/* What of the pipelines concerns a rule. */
#include "rules/pipeline.h"

static const struct plan no_plan;

static uint32_t count_transformations(const struct loader *l)
{
	uint32_t n = 0;
	for (const struct pipeline *p = l->pipelines; p; p = p->next)
		for (const struct transformation *t = p->first; t; t = t->next)
			n++;
	return n;
}

/* ---- rules ---- */

static int apply_to_rule(struct rule_state *s, const struct transformation *t)
{
	struct plan *plan = s->plan;
	s->applied[s->applied_count++] = t;
	if (transformation_of_items(t->kind))
		plan->list[plan->count++] = t;
	else if (t->kind == CHANGE_ADD_CONDITION)
		plan->additions[plan->addition_count++] = (struct addition){t, plan->count};
	else if (t->kind == CHANGE_LOGSOURCE)
		s->rule->logsource = t->logsource;
	else if (t->kind == CHANGE_FAIL_RULE)
		return loader_refuse_at(s->l, "pipeline-refuses", s->root, "the pipeline refuses this rule (%s:%u): %.*s",
								t->pipeline->file, t->at->line, SLICE_PRINT(t->text));
	return 0;
}

static int apply_all(struct rule_state *s)
{
	for (const struct pipeline *p = s->l->pipelines; p; p = p->next)
		for (const struct transformation *t = p->first; t; t = t->next) {
			bool holds;
			int rc = rule_conditions_hold(s, &t->rule, &holds);
			if (!rc && holds)
				rc = apply_to_rule(s, t);
			if (rc)
				return rc;
		}
	return 0;
}

int plan_make(struct loader *l, const struct tree_node *root, struct rule *rule, const struct plan **out)
{
	uint32_t count = count_transformations(l);
	*out = &no_plan;
	if (count == 0)
		return 0;
	struct plan *plan = arena_zalloc(&l->whole, sizeof *plan);
	struct rule_state s = {l, root, rule, arena_alloc(&l->tree, count * sizeof *s.applied), 0, plan};
	if (!plan || !s.applied)
		return NO_MEMORY;
	plan->list = arena_alloc(&l->whole, count * sizeof *plan->list);
	plan->additions = arena_alloc(&l->whole, count * sizeof *plan->additions);
	if (!plan->list || !plan->additions)
		return NO_MEMORY;
	*out = plan;
	return apply_all(&s);
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
	return a->count == b->count && (a->count == 0 || memcmp(a->list, b->list, a->count * sizeof *a->list) == 0);
}

/* ---- added conditions ---- */

static int add_condition(struct loader *l, const struct addition *a, const struct node **root)
{
	const struct node *added;
	struct node *all = node_new(&l->set->arena, NODE_AND, 2), *turned = node_new(&l->set->arena, NODE_NOT, 1);
	if (!all || !turned)
		return NO_MEMORY;
	l->plan_from = a->from;
	int rc = sigma_items(l, a->by->value, &added);
	l->plan_from = 0;
	if (rc || !added)
		return rc;
	turned->children[turned->count++] = added;
	all->children[all->count++] = a->by->negated ? turned : added;
	all->children[all->count++] = *root;
	*root = all;
	return 0;
}

int plan_add_conditions(struct loader *l, const struct plan *plan, const struct node **root)
{
	const char *file = l->file;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < plan->addition_count; i++) {
		l->file = plan->additions[i].by->pipeline->file;
		l->silent = true; /* it would be said once for each rule */
		rc = add_condition(l, &plan->additions[i], root);
		l->silent = false;
	}
	l->file = file;
	return rc;
}

/* ---- names ---- */

static bool changes_names(const struct transformation *t)
{
	return t->kind <= CHANGE_FIELD_SUFFIX && t->item.count == 0;
}

static int one_name(struct loader *l, const struct transformation *t, struct slice name, struct slice *out,
					uint32_t *count)
{
	bool holds;
	uint32_t n = 0;
	int rc = field_conditions_hold(l, name, &t->field, &holds);
	if (!rc && holds)
		rc = transformation_names(l, t, name, out + *count, PLAN_NAMES - *count, &n);
	if (!rc && n == 0 && *count < PLAN_NAMES)
		out[*count + n++] = name;
	*count += n;
	return rc;
}

int plan_names(struct loader *l, const struct plan *plan, struct slice field, struct slice out[PLAN_NAMES],
			   uint32_t *count)
{
	out[0] = field;
	*count = 1;
	for (uint32_t i = 0; field.len && i < plan->count; i++) {
		struct slice before[PLAN_NAMES];
		uint32_t n = *count;
		if (!changes_names(plan->list[i]))
			continue;
		memcpy(before, out, n * sizeof *before);
		*count = 0;
		for (uint32_t k = 0; k < n; k++) {
			int rc = one_name(l, plan->list[i], before[k], out, count);
			if (rc)
				return rc;
		}
	}
	return 0;
}
