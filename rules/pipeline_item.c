/* An item of a selection on its way through the plan of its rule. */
#include "rules/pipeline.h"

#define VALUES_MAX 65536u
#define SPLITS_MAX 256u /* names that one field may become, step by step */

/* ---- names ---- */

static int join(struct loader *l, struct slice a, struct slice b, struct slice *out)
{
	uint8_t *text = arena_alloc(&l->tree, a.len + b.len);
	if (!text)
		return NO_MEMORY;
	if (a.len)
		memcpy(text, a.ptr, a.len);
	if (b.len)
		memcpy(text + a.len, b.ptr, b.len);
	*out = slice_of(text, a.len + b.len);
	return 0;
}

static int mapped(struct loader *l, const struct transformation *t, struct slice field, struct slice *out,
				  uint32_t room, uint32_t *count)
{
	bool beginnings = t->kind == CHANGE_FIELD_PREFIXES;
	for (uint32_t i = 0; i < t->pair_count; i++) {
		const struct name_pair *pair = &t->pairs[i];
		if (beginnings ? !slice_starts(field, pair->from) : !slice_equal(field, pair->from))
			continue;
		for (uint32_t k = 0; k < pair->count && *count < room; k++) {
			out[*count] = pair->to[k];
			int rc = beginnings ? join(l, pair->to[k], slice_from(field, pair->from.len), &out[*count]) : 0;
			if (rc)
				return rc;
			(*count)++;
		}
		return 0;
	}
	return 0;
}

int transformation_names(struct loader *l, const struct transformation *t, struct slice field, struct slice *out,
						 uint32_t room, uint32_t *count)
{
	*count = 0;
	if (room == 0)
		return 0;
	if (t->kind == CHANGE_FIELD_NAMES || t->kind == CHANGE_FIELD_PREFIXES)
		return mapped(l, t, field, out, room, count);
	if (t->kind != CHANGE_FIELD_PREFIX && t->kind != CHANGE_FIELD_SUFFIX)
		return 0;
	*count = 1;
	return t->kind == CHANGE_FIELD_PREFIX ? join(l, t->text, field, out) : join(l, field, t->text, out);
}

/* ---- lists of values ---- */

struct literal_list {
	struct literals *v;
	struct literal *list;
	uint32_t count, room;
};

static int list_add(struct literal_list *out, const struct literal *x)
{
	struct literals *v = out->v;
	if (out->count == VALUES_MAX)
		return loader_refuse_at(v->l, "pipeline-values", x->node, "a pipeline makes more than %u values of this",
								VALUES_MAX);
	if (out->count == out->room) {
		uint32_t room = out->room ? out->room * 2 : v->count + 8;
		struct literal *grown = arena_alloc(&v->l->tree, room * sizeof *grown);
		if (!grown)
			return NO_MEMORY;
		if (out->count)
			memcpy(grown, out->list, out->count * sizeof *grown);
		out->list = grown;
		out->room = room;
	}
	out->list[out->count++] = *x;
	return 0;
}

static void list_take(struct literal_list *out)
{
	out->v->list = out->list;
	out->v->count = out->count;
}

/* Names of other fields among the values are renamed like fields. */
static int rename_references(struct literals *v, const struct transformation *t)
{
	struct literal_list out = {.v = v};
	for (uint32_t i = 0; i < v->count; i++) {
		struct slice names[PLAN_NAMES];
		uint32_t count = 0;
		struct literal x = v->list[i];
		bool holds = false;
		int rc = x.kind == LITERAL_FIELD ? field_conditions_hold(v->l, x.field, &t->field, &holds) : 0;
		if (!rc && holds)
			rc = transformation_names(v->l, t, x.field, names, PLAN_NAMES, &count);
		for (uint32_t k = 0; !rc && k < count; k++) {
			x.field = names[k];
			rc = list_add(&out, &x);
		}
		if (!rc && count == 0)
			rc = list_add(&out, &x);
		if (rc)
			return rc;
	}
	list_take(&out);
	return 0;
}

static bool has_references(const struct literals *v)
{
	bool any = false;
	for (uint32_t i = 0; i < v->count; i++)
		any |= v->list[i].kind == LITERAL_FIELD;
	return any;
}

/* ---- placeholders ---- */

static bool placeholder_meant(const struct transformation *t, struct slice name)
{
	bool named = false;
	for (uint32_t i = 0; i < t->name_count; i++)
		named |= slice_equal(t->names[i], name);
	return named != t->excludes;
}

/* The last pipeline that has the variable says what it is. */
static const struct tree_node *variable(const struct loader *l, struct slice name)
{
	const struct tree_node *found = NULL;
	for (const struct pipeline *p = l->pipelines; p; p = p->next) {
		const struct tree_node *n = p->vars ? tree_get_slice(p->vars, name) : NULL;
		found = n ? n : found;
	}
	return found;
}

/* `units` in the place of the unit at `at`. */
static int splice(struct literals *v, const struct literal *x, uint32_t at, const struct unit_text *units,
				  struct literal *out)
{
	uint32_t rest = x->text.count - at - 1;
	uint32_t *all = arena_alloc(literal_arena(v), ((size_t)x->text.count + units->count) * sizeof *all);
	if (!all)
		return NO_MEMORY;
	memcpy(all, x->text.units, at * sizeof *all);
	if (units->count)
		memcpy(all + at, units->units, units->count * sizeof *all);
	memcpy(all + at + units->count, x->text.units + at + 1, rest * sizeof *all);
	*out = *x;
	out->text = (struct unit_text){all, at + units->count + rest};
	return 0;
}

static int fill_any(struct literals *v, struct literal_list *out, const struct literal *x, uint32_t at)
{
	uint32_t star = UNIT_STAR;
	struct literal filled;
	int rc = splice(v, x, at, &(struct unit_text){&star, 1}, &filled);
	return rc ? rc : list_add(out, &filled);
}

static int fill_values(struct literals *v, struct literal_list *out, const struct literal *x, uint32_t at,
					   struct slice name)
{
	const struct tree_node *value = variable(v->l, name);
	bool list = value && value->type == TREE_LIST;
	if (!value || value->type == TREE_MAP || (list && value->count == 0))
		return loader_refuse_at(v->l, "sigma-placeholder", x->node,
								"no pipeline has values for the placeholder %%%.*s%%", SLICE_PRINT(name));
	for (uint32_t i = 0; i < (list ? value->count : 1); i++) {
		const struct tree_node *one = list ? value->items[i] : value;
		struct unit_text units;
		struct literal filled;
		if (!tree_is_scalar(one))
			return loader_refuse_at(v->l, "sigma-placeholder", x->node, "the values of %%%.*s%% are no strings",
									SLICE_PRINT(name));
		if (!unit_text_parse(&v->l->tree, one->text, &units))
			return NO_MEMORY;
		int rc = splice(v, x, at, &units, &filled);
		if (!rc)
			rc = list_add(out, &filled);
		if (rc)
			return rc;
	}
	return 0;
}

/* The first placeholder that the transformation means, or the end of the text. */
static uint32_t next_placeholder(const struct literals *v, const struct literal *x, const struct transformation *t)
{
	uint32_t i = 0;
	while (i < x->text.count &&
		   (x->text.units[i] < UNIT_PLACEHOLDER || !placeholder_meant(t, literal_placeholder(v, x->text.units[i]))))
		i++;
	return i;
}

/* Filled values come back to the end of the list until none of them has a placeholder left. */
static int fill_placeholders(struct literals *v, const struct transformation *t)
{
	struct literal_list done = {.v = v}, todo = {.v = v};
	int rc = 0;
	for (uint32_t i = 0; !rc && i < v->count; i++) {
		todo.count = 0;
		rc = list_add(&todo, &v->list[i]);
		for (uint32_t k = 0; !rc && k < todo.count; k++) {
			const struct literal x = todo.list[k];
			uint32_t at = x.kind == LITERAL_TEXT ? next_placeholder(v, &x, t) : 0;
			if (x.kind != LITERAL_TEXT || at == x.text.count)
				rc = list_add(&done, &x);
			else if (t->kind == CHANGE_PLACEHOLDERS_ANY)
				rc = fill_any(v, &todo, &x, at);
			else
				rc = fill_values(v, &todo, &x, at, literal_placeholder(v, x.text.units[at]));
		}
	}
	list_take(&done);
	return rc;
}

/* ---- strings ---- */

struct rewriting {
	struct literals *v;
	const struct transformation *t;
	struct unit_text out;
	uint32_t room;
};

static int add_units(struct rewriting *w, const uint32_t *units, uint32_t count)
{
	if (w->out.count + count > w->room) {
		uint32_t room = (w->out.count + count) * 2;
		uint32_t *grown = arena_alloc(literal_arena(w->v), room * sizeof *grown);
		if (!grown)
			return NO_MEMORY;
		if (w->out.count)
			memcpy(grown, w->out.units, w->out.count * sizeof *grown);
		w->out.units = grown;
		w->room = room;
	}
	if (count)
		memcpy(w->out.units + w->out.count, units, count * sizeof *units);
	w->out.count += count;
	return 0;
}

/* A run of characters between wildcards. */
static int rewrite_run(struct rewriting *w, const struct tree_node *at, uint32_t *units, uint32_t count)
{
	struct arena *tree = &w->v->l->tree;
	struct slice octets, replaced;
	struct unit_text run = {units, count}, result;
	if (!unit_text_octets(tree, &run, &octets))
		return NO_MEMORY;
	int rc = replace_text(w->v->l, w->t->replace, at, octets, &replaced);
	if (rc)
		return rc;
	bool interpret = w->t->negated;
	if (!(interpret ? unit_text_parse(tree, replaced, &result) : unit_text_plain(tree, replaced, &result)))
		return NO_MEMORY;
	return add_units(w, result.units, result.count);
}

static int rewrite(struct literals *v, const struct transformation *t, struct literal *x)
{
	struct rewriting w = {.v = v, .t = t};
	int rc = 0;
	for (uint32_t i = 0; !rc && i < x->text.count;) {
		uint32_t end = i;
		while (end < x->text.count && x->text.units[end] < UNIT_STAR)
			end++;
		if (end > i)
			rc = rewrite_run(&w, x->node, x->text.units + i, end - i);
		for (i = end; !rc && i < x->text.count && x->text.units[i] >= UNIT_STAR; i++)
			rc = add_units(&w, &x->text.units[i], 1);
	}
	x->text = w.out;
	return rc;
}

static int rewrite_all(struct literals *v, const struct transformation *t)
{
	struct literal_list out = {.v = v};
	for (uint32_t i = 0; i < v->count; i++) {
		struct literal x = v->list[i];
		int rc = x.kind == LITERAL_TEXT && x.text.count ? rewrite(v, t, &x) : 0;
		if (!rc)
			rc = list_add(&out, &x);
		if (rc)
			return rc;
	}
	list_take(&out);
	return 0;
}

static int set_value(struct literals *v, const struct transformation *t)
{
	struct literal *x = arena_zalloc(&v->l->tree, sizeof *x);
	if (!x)
		return NO_MEMORY;
	v->list = x;
	v->count = v->origins = 1;
	return literal_from(v, t->value, x);
}

/* ---- steps ---- */

static int split(struct literals *v, const struct slice *names, uint32_t count, uint32_t at, const struct node **out)
{
	struct loader *l = v->l;
	struct node *any = node_new(&l->set->arena, NODE_OR, count);
	l->splits += count;
	if (!any)
		return NO_MEMORY;
	if (l->splits > SPLITS_MAX)
		return loader_refuse_at(l, "pipeline-values", v->key, "the pipelines make more than %u fields of this",
								SPLITS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct literals copy = *v;
		int rc = pipeline_item(&copy, names[i], at, &any->children[any->count]);
		if (rc)
			return rc;
		any->count += any->children[any->count] != NULL;
	}
	*out = any->count == 0 ? NULL : any->count == 1 ? any->children[0] : any;
	return 0;
}

static int conditions(struct literals *v, struct slice field, const struct transformation *t, bool *holds)
{
	bool of_field = false;
	int rc = item_conditions_hold(v, &t->item, holds);
	if (!rc && *holds)
		rc = field_conditions_hold(v->l, field, &t->field, &of_field);
	*holds &= of_field;
	return rc;
}

static int change_values(struct literals *v, const struct transformation *t)
{
	switch (t->kind) {
	case CHANGE_REPLACE:
		return rewrite_all(v, t);
	case CHANGE_VALUE:
		return set_value(v, t);
	case CHANGE_PLACEHOLDERS:
	case CHANGE_PLACEHOLDERS_ANY:
		return fill_placeholders(v, t);
	case CHANGE_FAIL_ITEM:
		return loader_refuse_at(v->l, "pipeline-refuses", v->key, "the pipeline refuses this (%s:%u): %.*s",
								t->pipeline->file, t->at->line, SLICE_PRINT(t->text));
	default:
		return 0;
	}
}

int pipeline_item(struct literals *v, struct slice field, uint32_t at, const struct node **out)
{
	const struct plan *plan = v->l->plan;
	for (; plan && at < plan->count; at++) {
		const struct transformation *t = plan->list[at];
		struct slice names[PLAN_NAMES];
		uint32_t count = 0;
		bool holds;
		int rc = conditions(v, field, t, &holds);
		if (!rc && t->kind <= CHANGE_FIELD_SUFFIX && has_references(v))
			rc = rename_references(v, t);
		if (!rc && holds && field.len)
			rc = transformation_names(v->l, t, field, names, PLAN_NAMES, &count);
		if (!rc && holds)
			rc = change_values(v, t);
		if (rc)
			return rc;
		if (holds && t->kind == CHANGE_DROP) {
			*out = NULL;
			return 0;
		}
		if (count > 1)
			return split(v, names, count, at + 1, out);
		field = count ? names[0] : field;
	}
	return item_build(v, field, out);
}
