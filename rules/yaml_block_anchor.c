/* Anchors and aliases of the quick reader: each name once in a document, and its node whole before it is used. */
#include "rules/yaml_block.h"

#define ANCHORS_MAX 64u /* of a document: they are looked for one by one */

struct block_anchor {
	struct slice name;
	struct tree_node *node;
	struct block_anchor *next;
};

static bool is_name(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '-';
}

int block_name(struct block_reader *b, struct slice *out)
{
	const uint8_t *from = ++b->at;
	while (b->at < b->end && is_name(*b->at))
		b->at++;
	*out = slice_of(from, (size_t)(b->at - from));
	return out->len && block_blank_at(b, b->at) ? 0 : BLOCK_DECLINED;
}

static struct block_anchor *find(const struct block_reader *b, struct slice name)
{
	struct block_anchor *a = b->anchors;
	while (a && !slice_equal(a->name, name))
		a = a->next;
	return a;
}

int block_alias(struct block_reader *b, struct tree_node **out)
{
	struct slice name;
	int rc = block_name(b, &name);
	const struct block_anchor *a = rc ? NULL : find(b, name);
	if (!a)
		return BLOCK_DECLINED;
	*out = a->node;
	return 0;
}

int block_anchor(struct block_reader *b, struct slice name, struct tree_node *node)
{
	if (b->anchor_count == ANCHORS_MAX || find(b, name))
		return BLOCK_DECLINED;
	struct block_anchor *a = arena_alloc(b->arena, sizeof *a);
	if (!a)
		return -ERROR_MEMORY;
	*a = (struct block_anchor){name, node, b->anchors};
	b->anchors = a;
	b->anchor_count++;
	return 0;
}
