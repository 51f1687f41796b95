/* Pipelines and the rules they are for, in one text: the same documents are read as the one and as the other. What is
 * loaded can be judged, by witnesses as the plain way. */
#include "rules/example.h"
#include "rules/filter.h"
#include "rules/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(void *ctx, const struct diagnostic *d)
{
	(void)ctx;
	CHECK(d->text[0] != 0 && d->id[0] != 0);
}

static void hit(void *ctx, uint32_t rule)
{
	uint64_t *hits = ctx;
	*hits = *hits * 31 + rule + 1;
}

static uint64_t judge_way(struct evaluator *e, const struct batch *batch, bool plain)
{
	uint64_t hits = 0;
	evaluator_set_plain(e, plain);
	CHECK(evaluator_row(e, batch, 0, NULL, 0, hit, &hits, NULL) == 0);
	return hits;
}

static void judge(const struct env *env, struct ruleset *set)
{
	static const char event[] =
		"{a: x, b: y, c: 1, user: {name: root}, f: 'a -b c', '@timestamp': '2025-03-04T05:06:07Z'}";
	static const struct batch_identity identity;
	struct evaluator *e;
	struct dictionary names;
	struct arena arena;
	struct yaml_tree tree;
	struct slice octets;
	struct batch batch;
	CHECK(evaluator_new(env, set, &e, NULL) == 0 && dictionary_init(&names, env, 1) == 0);
	struct batch_builder *b = batch_builder_new(env, &names);
	arena_init(&arena, env, 0);
	CHECK(b && yaml_tree_parse(&arena, SLICE(event), &tree, NULL) == 0);
	batch_begin(b, &identity, 0, 0);
	CHECK(example_row(b, &names, tree.documents[0].root, SLICE(event)) == 0);
	CHECK(batch_finish(b, &octets, NULL) == 0 && batch_open(&batch, octets, NULL) == 0);
	CHECK(judge_way(e, &batch, false) == judge_way(e, &batch, true));
	arena_free(&arena);
	batch_builder_free(b);
	dictionary_free(&names);
	evaluator_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env env = env_system();
	struct loader l;
	struct slice text = slice_of(data, size);
	if (size > 65536)
		return 0;
	CHECK(loader_init(&l, &env, tell, NULL) == 0);
	l.file = "input.yml";
	CHECK(pipeline_text(&l, text) == 0);
	CHECK(loader_text(&l, "input.yml", text) == 0);
	CHECK(filters_apply(&l) == 0);
	CHECK(correlations_resolve(&l) == 0);
	CHECK(ruleset_make_columns(l.set, NULL) == 0);
	CHECK(ruleset_make_digest(l.set) == 0);
	CHECK(l.set->count + l.counts.refused == l.counts.rules);
	judge(&env, l.set);
	ruleset_release(l.set);
	loader_free(&l);
	return 0;
}
