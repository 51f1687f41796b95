/* A condition: parsed or refused with a place inside it. */
#include "rules/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(void *ctx, const struct diagnostic *d)
{
	const size_t *size = ctx;
	CHECK(d->line == 1 && d->column >= 1 && d->column <= *size + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"sel_a", "sel_b", "flt-x", "_own", "1", "of"};
	struct env env = env_system();
	struct loader l;
	struct selection list[sizeof names / sizeof *names] = {0};
	if (size > 8192)
		return 0;
	CHECK(loader_init(&l, &env, tell, &size) == 0);
	struct selections selections = {list, sizeof names / sizeof *names};
	for (uint32_t i = 0; i < selections.count; i++) {
		list[i].name = slice_str(names[i]);
		list[i].node = node_new(&l.set->arena, NODE_ITEM, 0);
		CHECK(list[i].node);
	}
	const struct tree_node text = {.type = TREE_STRING, .line = 1, .column = 1, .text = slice_of(data, size)};
	const struct node *root = NULL;
	int rc = condition_compile(&l, &text, &selections, &root);
	CHECK(rc == REFUSED || (rc == 0 && root));
	ruleset_release(l.set);
	loader_free(&l);
	return 0;
}
