/* One Sigma document: what all kinds have in common, and the detection rule. */
#include "rules/lint.h"
#include "rules/pipeline.h"
#include "rules/witness.h"

#define TITLE_MAX 256u

/* ---- the head ---- */

static int head_text(struct loader *l, const struct tree_node *root, const char *key, struct slice *out)
{
	const struct tree_node *n = tree_get(root, key);
	*out = SLICE_NONE;
	if (!n || n->type == TREE_NULL)
		return 0;
	if (!tree_is_scalar(n))
		return loader_refuse_at(l, "sigma-head", n, "%s must be a string, not %s", key, tree_type_name(n));
	*out = loader_copy(l, n->text);
	return out->ptr ? 0 : NO_MEMORY;
}

static int head_level(struct loader *l, const struct tree_node *root, struct rule *rule)
{
	static const char *const names[] = {"", "informational", "low", "medium", "high", "critical"};
	const struct tree_node *n = tree_get(root, "level");
	if (!n || n->type == TREE_NULL)
		return 0;
	for (unsigned i = 1; i < sizeof names / sizeof *names; i++)
		if (tree_is_scalar(n) && slice_equal(n->text, slice_str(names[i]))) {
			rule->level = (enum rule_level)i;
			return 0;
		}
	return loader_refuse_at(l, "sigma-level", n, "level is one of informational, low, medium, high, critical");
}

static int head_tags(struct loader *l, const struct tree_node *root, struct rule *rule)
{
	const struct tree_node *n = tree_get(root, "tags");
	if (!n || n->type == TREE_NULL)
		return 0;
	if (n->type != TREE_LIST)
		return loader_refuse_at(l, "sigma-tags", n, "tags must be a list, not %s", tree_type_name(n));
	struct slice *tags = arena_zalloc(&l->set->arena, (n->count ? n->count : 1) * sizeof *tags);
	if (!tags)
		return NO_MEMORY;
	for (uint32_t i = 0; i < n->count; i++) {
		if (!tree_is_scalar(n->items[i]))
			return loader_refuse_at(l, "sigma-tags", n->items[i], "a tag must be a string");
		tags[i] = loader_copy(l, n->items[i]->text);
		if (!tags[i].ptr)
			return NO_MEMORY;
	}
	rule->tags = tags;
	rule->tag_count = n->count;
	return 0;
}

static int head_generate(struct loader *l, const struct tree_node *root, struct rule *rule)
{
	const struct tree_node *n = tree_get(root, "generate");
	if (!n)
		return 0;
	if (n->type != TREE_BOOL)
		return loader_refuse_at(l, "sigma-generate", n, "generate must be true or false");
	rule->generate = n->truth;
	return 0;
}

int sigma_head(struct loader *l, const struct tree_node *root, struct rule *rule)
{
	static const char *const keys[] = {"title", "id", "name", "description", "status"};
	struct slice *texts[] = {&rule->title, &rule->id, &rule->name, &rule->description, &rule->status};
	int rc = 0;
	for (unsigned i = 0; !rc && i < sizeof keys / sizeof *keys; i++)
		rc = head_text(l, root, keys[i], texts[i]);
	if (!rc && rule->title.len == 0)
		rc = loader_refuse_at(l, "sigma-no-title", root, "a rule needs a title");
	if (!rc && rule->title.len > TITLE_MAX)
		loader_warn(l, "sigma-long-title", tree_get(root, "title"), "a title has at most 256 characters");
	if (!rc)
		rc = head_level(l, root, rule);
	if (!rc)
		rc = head_tags(l, root, rule);
	if (!rc)
		rc = head_generate(l, root, rule);
	rule->file = slice_str(l->file);
	rule->line = root->line;
	return rc;
}

/* ---- log source ---- */

int sigma_logsource(struct loader *l, const struct tree_node *node, struct logsource *out)
{
	static const char *const keys[] = {"product", "category", "service"};
	struct slice *texts[] = {&out->product, &out->category, &out->service};
	*out = (struct logsource){0};
	if (node->type != TREE_MAP)
		return loader_refuse_at(l, "sigma-logsource", node, "logsource must be a map, not %s", tree_type_name(node));
	int rc = 0;
	for (unsigned i = 0; !rc && i < 3; i++)
		rc = head_text(l, node, keys[i], texts[i]);
	return rc;
}

static bool one_agrees(struct slice rule, struct slice event)
{
	return rule.len == 0 || event.len == 0 || slice_equal_nocase(rule, event);
}

bool logsource_agrees(const struct logsource *rule, const struct logsource *event)
{
	return one_agrees(rule->product, event->product) && one_agrees(rule->category, event->category) &&
		   one_agrees(rule->service, event->service);
}

/* ---- order ---- */

#define WITNESS_HOLDS 0.95
#define ENDS_MIN 0.001
#define ORDER_PARTS_MAX 64u
#define ORDER_DEPTH_MAX 16u

static unsigned matcher_cost(const struct matcher *m)
{
	switch (m->kind) {
	case MATCH_NULL:
	case MATCH_EXISTS:
		return 1;
	case MATCH_BOOL:
	case MATCH_NUMBER:
	case MATCH_COMPARE:
		return 2;
	case MATCH_TEXT:
		return m->pattern->open_start && m->pattern->count ? 8 : 3;
	case MATCH_NETWORK:
		return 4;
	case MATCH_FIELD:
	case MATCH_DATE:
		return 6;
	case MATCH_REGEX:
		break;
	}
	return 40;
}

static unsigned node_cost(const struct node *n, unsigned depth)
{
	unsigned cost = 0;
	if (n->kind == NODE_ITEM) {
		for (uint32_t i = 0; i < n->item->count && cost < 10000; i++)
			cost += matcher_cost(&n->item->matchers[i]) * (n->item->keyword ? 20 : 1);
		return cost;
	}
	for (uint32_t i = 0; i < n->count && cost < 10000 && depth < 8; i++)
		cost += node_cost(n->children[i], depth + 1);
	return cost;
}

/* What a part costs until the walk ends there: little, and soon. Of an `and` the part that the rule's witnesses are in is
 * hardly ever the one that ends it: without them nobody would ask. */
static double part_weight(const struct node *parent, const struct node *part, const struct node *witness)
{
	double holds = part == witness ? WITNESS_HOLDS : witness_chance(part);
	double ends = parent->kind == NODE_OR ? holds : 1 - holds;
	return node_cost(part, 0) / (ends < ENDS_MIN ? ENDS_MIN : ends);
}

/* `and` and `or` mean the same in any order, and the first part that decides ends the walk. `asked`: the node is judged
 * because of its witnesses. */
static void node_order(const struct node *n, bool asked, unsigned depth)
{
	if (n->kind == NODE_ITEM || depth > ORDER_DEPTH_MAX)
		return;
	const struct node *witness = asked && n->kind == NODE_AND ? witness_part(n) : NULL;
	double weights[ORDER_PARTS_MAX];
	for (uint32_t i = 0; i < n->count; i++)
		node_order(n->children[i], witness != NULL && n->children[i] == witness, depth + 1);
	for (uint32_t i = 0; n->count <= ORDER_PARTS_MAX && i < n->count; i++) {
		const struct node *x = n->children[i];
		double weight = part_weight(n, x, witness);
		uint32_t k = i;
		for (; k > 0 && weights[k - 1] > weight; k--) {
			n->children[k] = n->children[k - 1];
			weights[k] = weights[k - 1];
		}
		n->children[k] = x;
		weights[k] = weight;
	}
}

int detection_finish(struct loader *l, struct detection *d)
{
	node_order(d->root, true, 0);
	return witness_make(&l->set->arena, d->root, &d->witnesses, &d->witness_count);
}

/* ---- the rule ---- */

int sigma_rule(struct loader *l, const struct tree_node *root, struct detection **out)
{
	struct detection *d = arena_zalloc(&l->set->arena, sizeof *d);
	if (!d)
		return NO_MEMORY;
	d->rule.kind = RULE_DETECTION;
	int rc = sigma_head(l, root, &d->rule);
	if (rc)
		return rc;
	const struct tree_node *logsource = tree_get(root, "logsource"), *detection = tree_get(root, "detection");
	if (!logsource)
		return loader_refuse_at(l, "sigma-logsource", root, "a rule needs a logsource");
	if (!detection)
		return loader_refuse_at(l, "sigma-detection", root, "a rule needs a detection");
	rc = sigma_logsource(l, logsource, &d->rule.logsource);
	if (!rc)
		rc = plan_make(l, root, &d->rule, &d->plan);
	l->logsource = d->rule.logsource;
	l->plan = d->plan;
	if (!rc)
		rc = sigma_detection(l, detection, &d->root);
	if (!rc)
		rc = plan_add_conditions(l, d->plan, &d->root);
	l->plan = NULL;
	if (!rc)
		lint_rule(l, root);
	*out = d;
	return rc ? rc : detection_finish(l, d);
}
