/* The `detection` map of a rule: named selections and the condition over them. */
#include "rules/load.h"

/* In all of these *out is null where pipelines dropped everything. */
static int selection_compile(struct loader *l, const struct tree_node *node, const struct node **out);

int sigma_items(struct loader *l, const struct tree_node *map, const struct node **out)
{
	struct node *all = node_new(&l->set->arena, NODE_AND, map->count);
	if (!all)
		return NO_MEMORY;
	for (uint32_t i = 0; i < map->count; i++) {
		int rc = sigma_item(l, map->pairs[i].key, map->pairs[i].value, &all->children[all->count]);
		if (rc)
			return rc;
		all->count += all->children[all->count] != NULL;
	}
	*out = all->count == 0 ? NULL : all->count == 1 ? all->children[0] : all;
	return 0;
}

static int selection_map(struct loader *l, const struct tree_node *map, const struct node **out)
{
	if (map->count == 0)
		return loader_refuse_at(l, "sigma-empty-selection", map,
								"an empty selection: write at least one field or keyword");
	return sigma_items(l, map, out);
}

static bool list_is_mixed(const struct tree_node *list)
{
	bool scalars = false, others = false;
	for (uint32_t i = 0; i < list->count; i++) {
		scalars |= tree_is_scalar(list->items[i]);
		others |= !tree_is_scalar(list->items[i]);
	}
	return scalars && others;
}

/* A list: of keywords, of maps, or of both; one of them must hold. */
static int selection_list(struct loader *l, const struct tree_node *list, const struct node **out)
{
	if (list->count == 0)
		return loader_refuse_at(l, "sigma-empty-selection", list,
								"an empty selection: write at least one map or keyword");
	bool keywords = true;
	for (uint32_t i = 0; i < list->count; i++)
		keywords &= tree_is_scalar(list->items[i]);
	if (keywords)
		return sigma_item(l, NULL, list, out);
	if (list_is_mixed(list))
		loader_warn(l, "sigma-mixed-list", list, "maps and keywords in one list: one of the entries must hold");
	struct node *any = node_new(&l->set->arena, NODE_OR, list->count);
	if (!any)
		return NO_MEMORY;
	for (uint32_t i = 0; i < list->count; i++) {
		int rc = selection_compile(l, list->items[i], &any->children[any->count]);
		if (rc)
			return rc;
		any->count += any->children[any->count] != NULL;
	}
	*out = any->count == 0 ? NULL : any->count == 1 ? any->children[0] : any;
	return 0;
}

static int selection_compile(struct loader *l, const struct tree_node *node, const struct node **out)
{
	if (node->type == TREE_MAP)
		return selection_map(l, node, out);
	if (node->type == TREE_LIST)
		return selection_list(l, node, out);
	return sigma_item(l, NULL, node, out);
}

/* ---- the whole section ---- */

/* For `rules explain`. */
static int selection_name(struct loader *l, const struct selection *selection)
{
	struct node *n = (struct node *)(uintptr_t)selection->node;
	if (!n) /* a pipeline dropped all of it */
		return 0;
	n->selection = loader_copy(l, selection->name);
	return n->selection.ptr ? 0 : NO_MEMORY;
}

static bool name_is_plain(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];
		if (!(c == '_' || c == '-' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')))
			return false;
	}
	return true;
}

/* `other`: a key that is no selection, beside condition. */
static int selections_read(struct loader *l, const struct tree_node *detection, struct slice other,
						   struct selections *s)
{
	s->list = arena_zalloc(&l->tree, (detection->count ? detection->count : 1) * sizeof *s->list);
	if (!s->list)
		return NO_MEMORY;
	for (uint32_t i = 0; i < detection->count; i++) {
		const struct tree_pair *pair = &detection->pairs[i];
		if (slice_equal(pair->key->text, SLICE("condition")) || (other.len && slice_equal(pair->key->text, other)))
			continue;
		if (slice_equal(pair->key->text, SLICE("timeframe")))
			return loader_refuse_at(l, "sigma-timeframe", pair->key,
									"timeframe is no longer part of Sigma: write a correlation");
		if (pair->key->text.len == 0)
			return loader_refuse_at(l, "sigma-selection-name", pair->key, "a selection needs a name");
		if (!name_is_plain(pair->key->text))
			loader_warn(l, "sigma-selection-name", pair->key,
						"only a pattern with a star can name this selection: use letters, digits, '_' and '-'");
		struct selection *selection = &s->list[s->count++];
		selection->name = pair->key->text;
		selection->at = pair->key;
		int rc = selection_compile(l, pair->value, &selection->node);
		if (!rc)
			rc = selection_name(l, selection);
		if (rc)
			return rc;
	}
	return s->count ? 0
					: loader_refuse_at(l, "sigma-no-selection", detection, "a detection needs at least one selection");
}

static int conditions_compile(struct loader *l, const struct tree_node *condition, struct selections *s,
							  const struct node **out)
{
	if (condition->type != TREE_LIST)
		return condition_compile(l, condition, s, out);
	if (condition->count == 0)
		return loader_refuse_at(l, "sigma-condition", condition, "an empty list of conditions");
	struct node *any = node_new(&l->set->arena, NODE_OR, condition->count);
	if (!any)
		return NO_MEMORY;
	for (uint32_t i = 0; i < condition->count; i++) {
		int rc = condition_compile(l, condition->items[i], s, &any->children[any->count]);
		if (rc)
			return rc;
		any->count += any->children[any->count] != NULL;
	}
	*out = any->count == 0 ? NULL : any->count == 1 ? any->children[0] : any;
	return 0;
}

static int detection_compile(struct loader *l, const struct tree_node *detection, struct slice other,
							 const struct node **out)
{
	if (detection->type != TREE_MAP)
		return loader_refuse_at(l, "sigma-detection", detection,
								"detection must be a map of selections and a condition, not %s",
								tree_type_name(detection));
	const struct tree_node *condition = tree_get(detection, "condition");
	if (!condition)
		return loader_refuse_at(l, "sigma-no-condition", detection, "a detection needs a condition");
	struct selections s = {0};
	int rc = selections_read(l, detection, other, &s);
	if (!rc)
		rc = conditions_compile(l, condition, &s, out);
	if (!rc && !*out)
		rc = loader_refuse_at(l, "pipeline-empty", condition, "the pipelines drop all that this condition looks at");
	for (uint32_t i = 0; !rc && i < s.count; i++)
		if (!s.list[i].used)
			loader_warn(l, "sigma-unused-selection", s.list[i].at, "no condition uses the selection '%.*s'",
						SLICE_PRINT(s.list[i].name));
	return rc;
}

int sigma_detection(struct loader *l, const struct tree_node *detection, const struct node **out)
{
	return detection_compile(l, detection, SLICE_NONE, out);
}

int sigma_filter_detection(struct loader *l, const struct tree_node *body, const struct node **out)
{
	return detection_compile(l, body, SLICE("rules"), out);
}
