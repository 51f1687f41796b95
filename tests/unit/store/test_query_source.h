/* A source of rows for the tests of the query: batches in memory, given as the scan of a store gives them.
 *
 * It is as unkind as the contract allows: it gives fewer fields than the rows have (only what the hints ask for, and no
 * original), and passes over batches as soon as the hints' promises let it. So a query that promises too much, or looks
 * at a field that it did not name, gives a wrong answer here.
 */
#ifndef TEST_QUERY_SOURCE_H
#define TEST_QUERY_SOURCE_H

#include "store/query_run.h"
#include "tests/unit/store/test_query_rows.h"

struct list_item {
	struct batch batch;
	uint8_t *octets;
	struct store_partition partition;
	uint64_t offset;
	int64_t least, greatest;
};

struct list {
	struct rows *rows;
	struct list_item items[64];
	uint32_t count;
	bool narrow, pass_over;
	bool from_zero; /* rows of a record are counted from 0, as in a store; else from 100 */
	uint32_t opened;
	uint64_t sequence;
	uint64_t skip; /* the first row of each batch is a duplicate when its bit is set here */
};

struct list_scan {
	struct list *list;
	const struct scan_hints *hints;
	struct list_item *order[64];
	uint32_t at;
	struct batch_builder *builder;
	struct batch narrow;
	struct scan_stats stats;
	uint64_t skip;
};

/* Takes what the builder of list->rows holds, and begins a new batch. */
static inline void list_take(struct list *list, struct store_partition partition, uint64_t offset)
{
	struct list_item *item = &list->items[list->count++];
	struct error error = {0};
	assert_true(list->count <= 64);
	rows_finish(list->rows);
	struct slice octets = list->rows->batch.octets;
	item->octets = malloc(octets.len);
	assert_non_null(item->octets);
	memcpy(item->octets, octets.ptr, octets.len);
	assert_int_equal(batch_open(&item->batch, slice_of(item->octets, octets.len), &error), 0);
	item->partition = partition;
	item->offset = offset;
	item->least = INT64_MAX;
	item->greatest = INT64_MIN;
	for (uint32_t i = 0; i < item->batch.row_count; i++) {
		struct batch_row row;
		batch_get_row(&item->batch, i, &row);
		int64_t when = batch_row_when(&row);
		item->least = when < item->least ? when : item->least;
		item->greatest = when > item->greatest ? when : item->greatest;
	}
	list->sequence += item->batch.row_count;
	rows_begin(list->rows, list->sequence);
}

static inline void list_free(struct list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		free(list->items[i].octets);
	list->count = 0;
}

/* ---- promises ---- */

static inline bool edge_octet(const struct slice *s, size_t at)
{
	uint8_t c = s->ptr[at];
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static inline bool holds_literal(struct slice text, const struct scan_literal *l)
{
	uint8_t *folded = malloc(FOLD_ROOM(text.len));
	assert_non_null(folded);
	struct slice f = slice_of(folded, fold(text, folded));
	bool held = false;
	for (size_t at = 0; at + l->folded.len <= f.len && !held; at++) {
		if (memcmp(f.ptr + at, l->folded.ptr, l->folded.len) != 0)
			continue;
		size_t end = at + l->folded.len;
		bool left = !l->whole_left || !edge_octet(&l->folded, 0) || at == 0 || !edge_octet(&f, at - 1);
		bool right =
			!l->whole_right || !edge_octet(&l->folded, l->folded.len - 1) || end == f.len || !edge_octet(&f, end);
		held = left && right;
	}
	free(folded);
	return held;
}

static inline bool row_holds(const struct batch *batch, const struct batch_row *row, const struct scan_literal *l)
{
	char scratch[16];
	struct batch_value value;
	if (holds_literal(row->original, l))
		return true;
	for (uint32_t i = 0; i < row->field_count; i++) {
		batch_get_value(batch, row, row->field_first + i, &value);
		if (holds_literal(batch_value_text(&value, scratch), l))
			return true;
	}
	return false;
}

static inline bool row_possible(const struct list_item *item, uint32_t i, const struct scan_hints *hints)
{
	struct batch_row row;
	batch_get_row(&item->batch, i, &row);
	int64_t when = batch_row_when(&row);
	if (when < hints->from_ns || (when >= hints->to_ns && hints->to_ns != INT64_MAX))
		return false;
	if (hints->kinds != 0 && (hints->kinds >> (row.kind > 31 ? 31 : row.kind) & 1) == 0)
		return false;
	bool held = hints->literal_count == 0;
	for (uint32_t l = 0; l < hints->literal_count && !held; l++)
		held = row_holds(&item->batch, &row, &hints->literals[l]);
	return held;
}

static inline bool item_possible(const struct list_item *item, const struct scan_hints *hints)
{
	for (uint32_t i = 0; i < item->batch.row_count; i++)
		if (row_possible(item, i, hints))
			return true;
	return false;
}

/* ---- narrow batches ---- */

static inline bool hints_name(const struct scan_hints *hints, struct slice name)
{
	for (uint32_t i = 0; i < hints->column_count; i++)
		if (slice_equal(hints->columns[i], name))
			return true;
	return false;
}

static inline void narrow_row(struct list_scan *scan, const struct batch *batch, uint32_t i)
{
	struct batch_row row;
	struct batch_value value;
	uint16_t version, source = BATCH_NO_INDEX, decoder = BATCH_NO_INDEX;
	batch_get_row(batch, i, &row);
	assert_true(batch_row(scan->builder, row.kind, row.observed_ns, SLICE_NONE) >= 0);
	if (row.source != BATCH_NO_INDEX)
		assert_int_equal(batch_source(scan->builder, batch_source_line(batch, row.source), &source), 0);
	struct slice name = batch_decoder_name(batch, row.decoder, &version);
	if (name.len > 0)
		assert_int_equal(batch_decoder(scan->builder, name, version, &decoder), 0);
	batch_row_tables(scan->builder, source, decoder, BATCH_NO_INDEX);
	if ((row.quality & TIME_PRESENT) != 0)
		batch_row_time(scan->builder, row.time_ns, row.quality);
	batch_row_flags(scan->builder, row.flags, row.charset, row.format);
	for (uint32_t f = 0; f < row.field_count; f++) {
		batch_get_value(batch, &row, row.field_first + f, &value);
		if (!hints_name(scan->hints, batch_name(batch, value.name)))
			continue;
		uint32_t id = dictionary_intern(&scan->list->rows->dictionary, batch_name(batch, value.name));
		if (value.type == VALUE_SMALL)
			assert_true(batch_field_small(scan->builder, id, value.small) >= 0);
		else
			assert_true(batch_field_slice(scan->builder, id, value.type, value.text) >= 0);
	}
	assert_true(batch_row_end(scan->builder) >= 0);
}

static inline const struct batch *narrow_batch(struct list_scan *scan, const struct batch *batch)
{
	struct slice octets;
	struct error error = {0};
	batch_begin(scan->builder, &batch->identity, 0, TEST_NOW);
	for (uint32_t i = 0; i < batch->row_count; i++)
		narrow_row(scan, batch, i);
	assert_int_equal(batch_finish(scan->builder, &octets, &error), 0);
	assert_int_equal(batch_open(&scan->narrow, octets, &error), 0);
	return &scan->narrow;
}

/* ---- the source ---- */

static inline int list_open(void *ctx, const struct scan_hints *hints, void **out, struct error *error)
{
	struct list *list = ctx;
	struct list_scan *scan = calloc(1, sizeof(*scan));
	(void)error;
	assert_non_null(scan);
	scan->list = list;
	scan->hints = hints;
	scan->builder = batch_builder_new(&list->rows->fake->env, &list->rows->dictionary);
	list->opened++;
	for (uint32_t i = 0; i < list->count; i++) {
		uint32_t k = i;
		struct list_item *item = &list->items[i];
		for (; k > 0 && (hints->descending ? scan->order[k - 1]->greatest < item->greatest
										   : scan->order[k - 1]->least > item->least);
			 k--)
			scan->order[k] = scan->order[k - 1];
		scan->order[k] = item;
	}
	*out = scan;
	return 0;
}

static inline int64_t list_bound(const struct list_scan *scan)
{
	if (scan->hints->descending)
		return scan->at < scan->list->count ? scan->order[scan->at]->greatest : INT64_MIN;
	return scan->at < scan->list->count ? scan->order[scan->at]->least : INT64_MAX;
}

static inline int list_next(void *ctx, struct scan_block *block, struct error *error)
{
	struct list_scan *scan = ctx;
	(void)error;
	while (scan->at < scan->list->count && scan->list->pass_over &&
		   !item_possible(scan->order[scan->at], scan->hints)) {
		scan->stats.items_passed_over++;
		scan->at++;
	}
	if (scan->at == scan->list->count)
		return 0;
	const struct list_item *item = scan->order[scan->at++];
	bool narrow = scan->list->narrow && !scan->hints->all_columns;
	*block = (struct scan_block){.batch = narrow ? narrow_batch(scan, &item->batch) : &item->batch,
								 .whole = !narrow,
								 .partition = item->partition,
								 .offset = item->offset,
								 .rows = item->batch.row_count,
								 .row_first = scan->list->from_zero ? 0 : 100};
	scan->skip = scan->list->skip & 1;
	if (scan->skip != 0)
		block->skip = &scan->skip;
	block->bound = list_bound(scan);
	scan->stats.items++;
	scan->stats.rows += item->batch.row_count;
	return 1;
}

static inline int list_whole(void *ctx, const struct batch **batch, struct error *error)
{
	struct list_scan *scan = ctx;
	(void)error;
	*batch = &scan->order[scan->at - 1]->batch;
	return 1;
}

static inline void list_stats(const void *ctx, struct scan_stats *out)
{
	*out = ((const struct list_scan *)ctx)->stats;
}

static inline void list_close(void *ctx)
{
	struct list_scan *scan = ctx;
	batch_builder_free(scan->builder);
	free(scan);
}

static inline uint32_t list_partitions(void *ctx, struct store_partition *out, uint32_t max)
{
	(void)ctx;
	for (uint32_t i = 0; i < 8 && i < max; i++)
		out[i] = (struct store_partition){0, i};
	return 8;
}

static inline uint64_t list_end(void *ctx, struct store_partition partition)
{
	const struct list *list = ctx;
	uint64_t end = 0;
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i].partition.partition == partition.partition && list->items[i].offset >= end)
			end = list->items[i].offset + 1;
	return end;
}

static inline struct query_source list_source(struct list *list)
{
	return (struct query_source){list_open,  list_next,       list_whole, list_stats,
								 list_close, list_partitions, list_end,   list};
}

/* All lines of a query; the caller frees. */
static inline char *source_answer(const struct env *env, const struct query_source *source, const char *text,
								  const struct query_options *options, size_t bytes_max, char **summary)
{
	struct query *q = NULL;
	struct query_run *run = NULL;
	struct error error = {0};
	struct buffer out, json;
	char buf[1024];
	int rc;
	buffer_init(&out, env);
	buffer_init(&json, env);
	if (query_compile(env, slice_str(text), options, &q, &error) < 0)
		fail_msg("%s: %s", text, error_print(&error, buf, sizeof(buf)));
	assert_int_equal(query_run_open(env, source, q, bytes_max, &run, &error), 0);
	while ((rc = query_next(run, &out, 3, &error)) > 0)
		;
	if (rc < 0)
		fail_msg("%s: %s", text, error_print(&error, buf, sizeof(buf)));
	assert_int_equal(query_summary(run, &json), 0);
	buffer_add_octet(&out, 0);
	buffer_add_octet(&json, 0);
	char *lines = strdup((const char *)out.ptr);
	if (summary != NULL)
		*summary = strdup((const char *)json.ptr);
	buffer_free(&out);
	buffer_free(&json);
	query_run_free(run);
	query_free(q);
	return lines;
}

static inline char *list_answer(struct list *list, const char *text, const struct query_options *options,
								size_t bytes_max, char **summary)
{
	struct query_source source = list_source(list);
	return source_answer(&list->rows->fake->env, &source, text, options, bytes_max, summary);
}

#endif
