/* Rule text: whatever it says, it is loaded or refused, and what was loaded can be judged and digested; by witnesses the
 * same holds as the plain way. */
#include "rules/example.h"
#include "rules/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(void *ctx, const struct diagnostic *d)
{
	unsigned *told = ctx;
	CHECK(d->text[0] != 0 && d->id[0] != 0);
	*told += d->level == DIAGNOSTIC_ERROR;
}

static void hit(void *ctx, uint32_t rule)
{
	uint64_t *hits = ctx;
	*hits = *hits * 31 + rule + 1;
}

/* What holds, and what was given up. */
static uint64_t judge_way(struct evaluator *e, const struct batch *batch, bool plain)
{
	uint64_t hits = 0, undecided = evaluator_undecided(e);
	evaluator_set_plain(e, plain);
	CHECK(evaluator_row(e, batch, 0, NULL, 0, hit, &hits, NULL) == 0);
	return hits ^ (evaluator_undecided(e) - undecided) << 48;
}

static void judge(const struct env *env, struct ruleset *set)
{
	static const char event[] = "{f: 'a -b c', a: 1, g: [x, null, 2.5], u: 10.1.2.3, h: {i: true}}";
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
	unsigned told = 0;
	if (size > 65536)
		return 0;
	CHECK(loader_init(&l, &env, tell, &told) == 0);
	CHECK(loader_text(&l, "input.yml", slice_of(data, size)) == 0);
	CHECK(filters_apply(&l) == 0);
	CHECK(correlations_resolve(&l) == 0);
	CHECK(ruleset_make_columns(l.set, NULL) == 0);
	CHECK(ruleset_make_digest(l.set) == 0);
	CHECK(l.set->count + l.counts.refused == l.counts.rules); /* each is one or the other */
	CHECK(told >= l.counts.refused);
	judge(&env, l.set);
	ruleset_release(l.set);
	loader_free(&l);
	return 0;
}
