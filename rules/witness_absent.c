/* What a tree comes to in a row without its fields: a `not` promises the fields of what it negates where that holds without. */
#include "rules/matcher.h"

static enum verdict matcher_absent(const struct matcher *m)
{
	bool holds = m->kind == MATCH_NULL || (m->kind == MATCH_EXISTS && !m->truth);
	if (m->own_time)
		return VERDICT_UNKNOWN; /* the time of the row decides */
	return holds ? VERDICT_TRUE : VERDICT_FALSE;
}

static enum verdict item_absent(const struct item *item)
{
	enum verdict sum = item->all ? VERDICT_TRUE : VERDICT_FALSE;
	for (uint32_t i = 0; i < item->count; i++) {
		enum verdict one = matcher_absent(&item->matchers[i]);
		if (item->all ? one < sum : one > sum)
			sum = one;
	}
	return item->keyword ? VERDICT_UNKNOWN : sum;
}

enum verdict node_absent(const struct node *n)
{
	if (n->kind == NODE_ITEM)
		return item_absent(n->item);
	if (n->kind == NODE_NOT)
		return (enum verdict)(VERDICT_TRUE - node_absent(n->children[0]));
	bool all = n->kind == NODE_AND;
	enum verdict sum = all ? VERDICT_TRUE : VERDICT_FALSE;
	for (uint32_t i = 0; i < n->count; i++) {
		enum verdict one = node_absent(n->children[i]);
		if (all ? one < sum : one > sum)
			sum = one;
	}
	return sum;
}
