/* Rule text, and behind a NUL an event: whatever they say, rules are loaded or refused, and what was loaded can be judged and
 * digested; by witnesses the same holds as the plain way, for a row by itself and for a batch as a whole. */
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

/* The told event twice, or one that is always there. */
static void put_rows(struct batch_builder *b, struct dictionary *names, struct arena *arena, struct slice event)
{
	static const char known[] = "{f: 'a -b c', a: 1, g: [x, null, 2.5], u: 10.1.2.3, h: {i: true}}";
	struct yaml_tree tree;
	bool good = event.len && yaml_tree_parse(arena, event, &tree, NULL) == 0 && tree.count == 1 &&
				tree.documents[0].root && tree.documents[0].root->type == TREE_MAP;
	if (good && example_row(b, names, tree.documents[0].root, event) == 0 &&
		example_row(b, names, tree.documents[0].root, event) == 0)
		return;
	CHECK(yaml_tree_parse(arena, SLICE(known), &tree, NULL) == 0);
	CHECK(example_row(b, names, tree.documents[0].root, SLICE(known)) == 0);
}

static void judge(const struct env *env, struct ruleset *set, struct slice event)
{
	static const struct batch_identity identity;
	struct evaluator *e;
	struct dictionary names;
	struct arena arena;
	struct slice octets;
	struct batch batch;
	CHECK(evaluator_new(env, set, &e, NULL) == 0 && dictionary_init(&names, env, 1) == 0);
	struct batch_builder *b = batch_builder_new(env, &names);
	arena_init(&arena, env, 0);
	CHECK(b);
	batch_begin(b, &identity, 0, 0);
	put_rows(b, &names, &arena, event);
	CHECK(batch_finish(b, &octets, NULL) == 0 && batch_open(&batch, octets, NULL) == 0);
	uint64_t plain = judge_way(e, &batch, true);
	CHECK(judge_way(e, &batch, false) == plain);
	CHECK(evaluator_batch(e, &batch, 0, NULL) == 0);
	CHECK(judge_way(e, &batch, false) == plain);
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
	struct slice all = slice_of(data, size);
	size_t end = slice_find_octet(all, 0, 0);
	CHECK(loader_text(&l, "input.yml", end == SIZE_MAX ? all : slice_of(data, end)) == 0);
	CHECK(filters_apply(&l) == 0);
	CHECK(correlations_resolve(&l) == 0);
	CHECK(ruleset_make_columns(l.set, NULL) == 0);
	CHECK(ruleset_make_digest(l.set) == 0);
	CHECK(l.set->count + l.counts.refused == l.counts.rules); /* each is one or the other */
	CHECK(told >= l.counts.refused);
	judge(&env, l.set, end == SIZE_MAX ? SLICE_NONE : slice_from(all, end + 1));
	ruleset_release(l.set);
	loader_free(&l);
	return 0;
}
