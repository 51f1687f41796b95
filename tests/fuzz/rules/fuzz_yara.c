/* YARA rules and records: the text up to the first NUL is rules, what stands between the following NULs are records. A batch
 * of the records finds what libyara finds on each alone; texts that libyara refuses are refused. */
#include "rules/rules.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define RULES_MAX 4096u
#define RECORDS_MAX 64u
#define HITS_MAX 4096u

struct hits {
	uint32_t rules[HITS_MAX];
	uint32_t count;
};

static struct hits by_batch[RECORDS_MAX], alone;

static void note(void *ctx, uint32_t rule)
{
	struct hits *h = ctx;
	CHECK(h->count < HITS_MAX);
	h->rules[h->count++] = rule;
}

static void judge(struct evaluator *e, const struct batch *batch)
{
	CHECK(evaluator_batch(e, batch, 0, NULL) == 0);
	for (uint32_t i = 0; i < batch->row_count; i++) {
		by_batch[i].count = 0;
		CHECK(evaluator_row(e, batch, i, NULL, 0, note, &by_batch[i], NULL) == 0);
	}
	evaluator_set_plain(e, true);
	for (uint32_t i = 0; i < batch->row_count; i++) {
		alone.count = 0;
		CHECK(evaluator_row(e, batch, i, NULL, 0, note, &alone, NULL) == 0);
		CHECK(alone.count == by_batch[i].count);
		CHECK(memcmp(alone.rules, by_batch[i].rules, alone.count * sizeof *alone.rules) == 0);
	}
	CHECK(evaluator_yara_stray(e) == 0);
}

static void add_records(struct batch_builder *b, struct slice text)
{
	static const struct batch_identity identity;
	batch_begin(b, &identity, 0, 0);
	for (unsigned i = 0; i < RECORDS_MAX; i++) {
		size_t end = slice_find_octet(text, 0, 0);
		struct slice record = slice_of(text.ptr, end == SIZE_MAX ? text.len : end);
		CHECK(batch_row(b, ROW_EVENT, 0, record) == 0 && batch_row_end(b) == 0);
		if (end == SIZE_MAX)
			break;
		text = slice_from(text, end + 1);
	}
}

static void try_rules(struct fake *fake, struct slice records)
{
	static const char *const paths[] = {"/y/a.yar"};
	struct ruleset_options options = {.yara = true};
	struct ruleset *set;
	struct evaluator *e;
	struct dictionary names;
	struct slice octets;
	struct batch batch;
	const struct env *env = &fake->env;
	CHECK(ruleset_load(env, paths, 1, &options, NULL, NULL, &set, NULL, NULL) == 0);
	CHECK(evaluator_new(env, set, &e, NULL) == 0 && dictionary_init(&names, env, 1) == 0);
	struct batch_builder *b = batch_builder_new(env, &names);
	CHECK(b);
	add_records(b, records);
	CHECK(batch_finish(b, &octets, NULL) == 0 && batch_open(&batch, octets, NULL) == 0);
	judge(e, &batch);
	batch_builder_free(b);
	dictionary_free(&names);
	evaluator_free(e);
	ruleset_release(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = slice_of(data, size);
	size_t end = slice_find_octet(all, 0, 0);
	struct slice rules = slice_of(data, end == SIZE_MAX ? size : end);
	if (rules.len > RULES_MAX || size > 65536)
		return 0;
	struct fake *fake = fake_new(1);
	fake_file_put(fake, "/y/a.yar", rules.ptr, rules.len);
	try_rules(fake, end == SIZE_MAX ? SLICE_NONE : slice_from(all, end + 1));
	CHECK(fake->memory.outstanding == 0);
	fake_free(fake);
	return 0;
}
