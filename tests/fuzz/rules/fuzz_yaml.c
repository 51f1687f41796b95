/* The quick reader of YAML: what it takes is read as libyaml reads it, to the place of every node. */
#include "common/check.h"
#include "common/env.h"
#include "rules/yaml_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct tree_node *a, const struct tree_node *b)
{
	CHECK(a->type == b->type && a->line == b->line && a->column == b->column && a->weight == b->weight);
	CHECK(a->quoted == b->quoted && a->block == b->block && a->differs == b->differs && a->truth == b->truth);
	CHECK(a->i64 == b->i64 && a->u64 == b->u64 && memcmp(&a->f64, &b->f64, sizeof a->f64) == 0);
	CHECK(slice_equal(a->text, b->text) && a->count == b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->type == TREE_MAP)
			compare(a->pairs[i].key, b->pairs[i].key);
		compare(a->type == TREE_MAP ? a->pairs[i].value : a->items[i],
				b->type == TREE_MAP ? b->pairs[i].value : b->items[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env env = env_system();
	struct arena quick, any;
	struct yaml_tree a, b;
	arena_init(&quick, &env, 0);
	arena_init(&any, &env, 0);
	int rc = yaml_block_parse(&quick, slice_of(data, size), &a);
	CHECK(rc == 0 || rc == BLOCK_DECLINED);
	if (rc == 0) {
		CHECK(yaml_tree_parse_any(&any, slice_of(data, size), &b, NULL) == 0);
		CHECK(!b.cut && a.count == b.count);
		for (uint32_t i = 0; i < a.count; i++) {
			CHECK(b.documents[i].root && a.documents[i].line == b.documents[i].line);
			compare(a.documents[i].root, b.documents[i].root);
		}
	}
	arena_free(&quick);
	arena_free(&any);
	return 0;
}
