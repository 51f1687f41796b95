/* Judging records both ways: as a batch, and each alone by libyara with all rules. */
#ifndef TESTS_UNIT_RULES_YARA_BOTH_H
#define TESTS_UNIT_RULES_YARA_BOTH_H

#include "tests/unit/rules/sigma_rig.h"

struct both {
	struct evaluator *evaluator;
	struct batch_builder *builder;
	struct batch batch;
	uint32_t *hits[2]; /* of a row, of each way */
	uint32_t count[2], room, way;
	uint64_t rows, found;
};

static inline void both_hit(void *ctx, uint32_t rule)
{
	struct both *b = ctx;
	assert_true(b->count[b->way] < b->room);
	b->hits[b->way][b->count[b->way]++] = rule;
}

static inline void both_open(struct both *b, struct evaluator *e, struct batch_builder *builder, uint32_t rules)
{
	*b = (struct both){.evaluator = e, .builder = builder, .room = rules};
	for (unsigned i = 0; i < 2; i++) {
		b->hits[i] = calloc(rules + 1, sizeof **b->hits);
		assert_non_null(b->hits[i]);
	}
}

static inline void both_close(struct both *b)
{
	free(b->hits[0]);
	free(b->hits[1]);
}

static inline void both_begin(struct both *b)
{
	static const struct batch_identity identity;
	batch_begin(b->builder, &identity, 0, 0);
}

static inline void both_add(struct both *b, struct slice text)
{
	if (batch_row(b->builder, ROW_EVENT, 0, text) == 0)
		assert_int_equal(batch_row_end(b->builder), 0);
}

static inline void both_judge(struct both *b, uint32_t way, uint32_t row)
{
	struct error error = {0};
	b->way = way;
	b->count[way] = 0;
	evaluator_set_plain(b->evaluator, way == 1);
	if (evaluator_row(b->evaluator, &b->batch, row, NULL, 0, both_hit, b, &error))
		fail_msg("row: %s", error.text);
}

static inline void both_compare(struct both *b, const struct ruleset *set, uint32_t row)
{
	struct batch_row r;
	if (b->count[0] == b->count[1] && memcmp(b->hits[0], b->hits[1], b->count[0] * sizeof **b->hits) == 0)
		return;
	batch_get_row(&b->batch, row, &r);
	print_error("%.*s\n", (int)(r.original.len < 2000 ? r.original.len : 2000), (const char *)r.original.ptr);
	for (unsigned way = 0; way < 2; way++)
		for (uint32_t i = 0; i < b->count[way]; i++)
			print_error("%s: %.*s\n", way ? "alone" : "batch", SLICE_PRINT(ruleset_rule(set, b->hits[way][i])->title));
	fail_msg("the batch found %u rules, libyara alone %u", b->count[0], b->count[1]);
}

/* All rows that were added, the batch first and at once. */
static inline void both_finish(struct both *b, const struct ruleset *set)
{
	struct error error = {0};
	struct slice octets;
	assert_int_equal(batch_finish(b->builder, &octets, &error), 0);
	assert_int_equal(batch_open(&b->batch, octets, &error), 0);
	evaluator_set_plain(b->evaluator, false);
	uint32_t n = b->batch.row_count, *kept = calloc(n + 1, sizeof *kept), *from = calloc(n + 1, sizeof *from), used = 0;
	uint32_t *all = NULL;
	assert_int_equal(evaluator_batch(b->evaluator, &b->batch, 0, &error), 0);
	for (uint32_t i = 0; i < n; i++) {
		both_judge(b, 0, i);
		from[i] = used;
		kept[i] = b->count[0];
		used += b->count[0];
		all = realloc(all, (used + 1) * sizeof *all);
		memcpy(all + from[i], b->hits[0], kept[i] * sizeof *all);
	}
	assert_int_equal(evaluator_batch(b->evaluator, NULL, 0, &error), 0);
	for (uint32_t i = 0; i < n; i++) {
		both_judge(b, 1, i);
		b->count[0] = kept[i];
		memcpy(b->hits[0], all + from[i], kept[i] * sizeof *all);
		both_compare(b, set, i);
		b->rows++;
		b->found += kept[i];
	}
	free(all);
	free(kept);
	free(from);
	assert_int_equal(evaluator_yara_stray(b->evaluator), 0);
	evaluator_set_plain(b->evaluator, false);
}

#endif
