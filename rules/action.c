#include "rules/action.h"

/* A file of one megabyte can ask for a thousand times its size: what is merged is bounded for each file. */
#define MERGED_NODES (4 * YAML_TREE_NODES)
#define MERGED_COMPARED (UINT32_C(1) << 24)

void action_begin_file(struct loader *l)
{
	l->action = (struct action_state){0};
}

/* ---- merging ---- */

static int merge_refused(struct loader *l, const struct tree_node *at)
{
	return loader_refuse_at(l, "sigma-action", at, "the documents of this file are too large to be merged so often");
}

static int merge(struct loader *l, const struct tree_node *base, const struct tree_node *own, bool tell,
				 const struct tree_node **out);

/* What `own` says about the key of `pair`, merged. */
static int merge_pair(struct loader *l, const struct tree_pair *pair, const struct tree_node *own, bool tell,
					  struct tree_pair *out)
{
	const struct tree_node *value = tree_get_slice(own, pair->key->text), *merged = pair->value;
	int rc = value ? merge(l, pair->value, value, tell, &merged) : 0;
	*out = (struct tree_pair){pair->key, (struct tree_node *)(uintptr_t)merged};
	return rc;
}

static int merge_maps(struct loader *l, const struct tree_node *base, const struct tree_node *own, bool tell,
					  const struct tree_node **out)
{
	struct tree_node *n = arena_alloc(&l->tree, sizeof *n);
	struct tree_pair *pairs = arena_alloc(&l->tree, ((size_t)base->count + own->count) * sizeof *pairs);
	if (!n || !pairs)
		return NO_MEMORY;
	*n = *own;
	n->pairs = pairs;
	n->count = 0;
	n->weight = base->weight + own->weight;
	l->action.compared += (uint64_t)base->count * own->count;
	if (l->action.compared > MERGED_COMPARED)
		return merge_refused(l, own);
	for (uint32_t i = 0; i < base->count; i++) {
		int rc = merge_pair(l, &base->pairs[i], own, tell, &pairs[n->count++]);
		if (rc)
			return rc;
	}
	for (uint32_t i = 0; i < own->count; i++)
		if (!tree_get_slice(base, own->pairs[i].key->text))
			pairs[n->count++] = own->pairs[i];
	*out = n;
	return 0;
}

static int merge(struct loader *l, const struct tree_node *base, const struct tree_node *own, bool tell,
				 const struct tree_node **out)
{
	*out = own;
	if (base->type == TREE_MAP && own->type == TREE_MAP)
		return merge_maps(l, base, own, tell, out);
	if (tell && !(tree_is_scalar(base) && tree_is_scalar(own) && slice_equal(base->text, own->text)))
		loader_warn(l, "sigma-action-conflict", own,
					"the 'action: global' above says otherwise: here the rule's own counts, elsewhere the global one");
	return 0;
}

static int merge_documents(struct loader *l, const struct tree_node *base, const struct tree_node *own, bool tell,
						   const struct tree_node **out)
{
	l->action.nodes += base->weight + own->weight;
	if (l->action.nodes > MERGED_NODES)
		return merge_refused(l, own);
	return merge(l, base, own, tell, out);
}

static int without(struct loader *l, const struct tree_node *map, const char *key, const struct tree_node **out)
{
	struct tree_node *n = arena_alloc(&l->tree, sizeof *n);
	struct tree_pair *pairs = arena_alloc(&l->tree, map->count * sizeof *pairs);
	if (!n || !pairs)
		return NO_MEMORY;
	*n = *map;
	n->pairs = pairs;
	n->count = 0;
	for (uint32_t i = 0; i < map->count; i++)
		if (!slice_equal(map->pairs[i].key->text, slice_str(key)))
			pairs[n->count++] = map->pairs[i];
	*out = n;
	return 0;
}

/* Who a rule is cannot be inherited twice: the first rule keeps it. */
static int settle_identity(struct loader *l, const struct tree_node *own, const struct tree_node **merged)
{
	static const char *const keys[] = {"id", "name"};
	for (unsigned i = 0; i < 2; i++) {
		const struct tree_node *n = tree_get(*merged, keys[i]);
		if (!n || tree_get(own, keys[i]) || !tree_is_scalar(n) || !loader_find(l, n->text))
			continue;
		loader_warn(l, "sigma-action-identity", own, "the %s '%.*s' belongs to a rule above: this one is without",
					keys[i], SLICE_PRINT(n->text));
		int rc = without(l, *merged, keys[i], merged);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- actions ---- */

static int action_global(struct loader *l, const struct tree_node *root)
{
	struct action_state *a = &l->action;
	const struct tree_node *own;
	a->global_refused = true; /* until it is merged */
	if (tree_get(root, "correlation") || tree_get(root, "filter"))
		return loader_refuse_at(l, "sigma-action", root, "filters and correlations cannot be 'action: global'");
	int rc = without(l, root, "action", &own);
	if (!rc)
		rc = a->global ? merge_documents(l, a->global, own, false, &own) : 0;
	if (rc)
		return rc;
	a->global = a->previous = own;
	a->global_refused = false;
	return 0;
}

static int action_repeat(struct loader *l, const struct tree_node *root, const struct tree_node **out)
{
	struct action_state *a = &l->action;
	const struct tree_node *own;
	if (tree_get(root, "correlation") || tree_get(root, "filter"))
		return loader_refuse_at(l, "sigma-action", root, "filters and correlations cannot be 'action: repeat'");
	if (!a->previous)
		return loader_refuse_at(l, "sigma-action", root, "'action: repeat' needs a rule above it in this file");
	int rc = without(l, root, "action", &own);
	if (!rc)
		rc = merge_documents(l, a->previous, own, false, out);
	if (rc)
		return rc;
	a->previous = *out;
	return settle_identity(l, own, out);
}

static int action_do(struct loader *l, const struct tree_node *root, const struct tree_node *action,
					 const struct tree_node **out)
{
	struct slice word = tree_is_scalar(action) ? action->text : SLICE_NONE;
	bool global = slice_equal(word, SLICE("global")), reset = slice_equal(word, SLICE("reset"));
	if (!global && !reset && !slice_equal(word, SLICE("repeat")))
		return loader_refuse_at(l, "sigma-action", action, "action is one of global, reset, repeat");
	loader_warn(l, "sigma-action-legacy", action, "'action' is legacy: write each rule as a whole");
	if (!global && !reset)
		return action_repeat(l, root, out);
	*out = NULL;
	if (global)
		return action_global(l, root);
	l->action.global = NULL;
	l->action.global_refused = false;
	return 0;
}

int action_merge(struct loader *l, const struct tree_node *root, const struct tree_node **out)
{
	struct action_state *a = &l->action;
	const struct tree_node *action = tree_get(root, "action");
	*out = root;
	if (root->type != TREE_MAP)
		return 0;
	if (action)
		return action_do(l, root, action, out);
	if (tree_get(root, "correlation") || tree_get(root, "filter"))
		return 0;
	if (a->global_refused)
		return loader_refuse_at(l, "sigma-action", root,
								"this rule needs the 'action: global' above it, which was refused");
	int rc = a->global ? merge_documents(l, a->global, root, true, out) : 0;
	a->previous = *out;
	return rc || *out == root ? rc : settle_identity(l, root, out);
}
