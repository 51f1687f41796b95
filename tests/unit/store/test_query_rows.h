/* Rows for the tests of the query: batches written by hand or at random. */
#ifndef TEST_QUERY_ROWS_H
#define TEST_QUERY_ROWS_H

#include "common/common.h"
#include "common/row_json.h"
#include "store/query.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TEST_NOW INT64_C(1767225600000000000) /* 2026-01-01T00:00:00Z */

struct rows {
	struct fake *fake;
	struct dictionary dictionary;
	struct batch_builder *builder;
	uint16_t source, decoder;
	struct batch batch;
};

static inline void rows_begin(struct rows *r, uint64_t first_sequence)
{
	struct batch_identity id = {.collector = {1}, .epoch = 1, .partition = 0, .first_sequence = first_sequence};
	batch_begin(r->builder, &id, 0, TEST_NOW);
	assert_int_equal(batch_source(r->builder, SLICE("ip 10.1.2.3 host web1"), &r->source), 0);
	assert_int_equal(batch_decoder(r->builder, SLICE("openssh"), 1, &r->decoder), 0);
}

static inline void rows_init(struct rows *r)
{
	*r = (struct rows){.fake = fake_new(1)};
	assert_int_equal(dictionary_init(&r->dictionary, &r->fake->env, 7), 0);
	r->builder = batch_builder_new(&r->fake->env, &r->dictionary);
	assert_non_null(r->builder);
	rows_begin(r, 0);
}

static inline void rows_finish(struct rows *r)
{
	struct slice octets;
	struct error error = {0};
	assert_int_equal(batch_finish(r->builder, &octets, &error), 0);
	assert_int_equal(batch_open(&r->batch, octets, &error), 0);
}

static inline void rows_free(struct rows *r)
{
	batch_builder_free(r->builder);
	dictionary_free(&r->dictionary);
	assert_int_equal(r->fake->memory.outstanding, 0);
	fake_free(r->fake);
}

static inline void rows_field(struct rows *r, const char *name, enum value_type type, struct slice value)
{
	uint32_t id = dictionary_intern(&r->dictionary, slice_str(name));
	assert_true(batch_field_slice(r->builder, id, type, value) >= 0);
}

/* Opens a row; fields follow; rows_end closes it. */
static inline void rows_row(struct rows *r, enum row_kind kind, struct slice original)
{
	assert_true(batch_row(r->builder, kind, TEST_NOW, original) >= 0);
	batch_row_tables(r->builder, r->source, r->decoder, BATCH_NO_INDEX);
}

static inline void rows_end(struct rows *r)
{
	assert_true(batch_row_end(r->builder) >= 0);
}

static inline struct query *query_of(struct rows *r, const char *text)
{
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	struct query *q = NULL;
	struct error error = {0};
	char buf[1024];
	if (query_compile(&r->fake->env, slice_str(text), &options, &q, &error) < 0)
		fail_msg("%s: %s", text, error_print(&error, buf, sizeof(buf)));
	return q;
}

static inline bool row_matches(struct query *q, const struct batch *batch, uint32_t index)
{
	struct batch_row row;
	batch_get_row(batch, index, &row);
	return query_predicate(q)->test(query_predicate(q), batch, &row);
}

#endif
