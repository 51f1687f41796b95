/* What an ingest under test has emitted: every row, copied out of its batch, in the order of arrival. */
#ifndef TESTS_UNIT_INGEST_COLLECT_H
#define TESTS_UNIT_INGEST_COLLECT_H

#include "ingest/ingest.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct collected {
	uint32_t partition;
	uint64_t sequence;
	struct batch_row row; /* slices point into text */
	char source[1024];
	uint8_t *text;
	char fields[2048]; /* "name=value;" in order */
};

struct collect {
	struct fake *fake;
	struct ingest *ingest;
	struct collected *rows;
	size_t count, room;
	uint64_t next[16]; /* sequence expected next, per partition */
	unsigned batches;
	unsigned refuse; /* this many batches are refused first */
	uint64_t refused;
};

static inline void collect_fields(struct collected *c, const struct batch *batch)
{
	size_t n = 0;
	for (uint32_t i = 0; i < c->row.field_count; i++) {
		struct batch_value value;
		char scratch[16];
		batch_get_value(batch, &c->row, c->row.field_first + i, &value);
		struct slice text = batch_value_text(&value, scratch), name = batch_name(batch, value.name);
		if (n + name.len + text.len + 3 >= sizeof(c->fields))
			break;
		n += (size_t)snprintf(c->fields + n, sizeof(c->fields) - n, "%.*s=%.*s;", SLICE_PRINT(name), SLICE_PRINT(text));
	}
}

static inline void collect_row(struct collect *c, const struct batch *batch, uint32_t i)
{
	if (c->count == c->room) {
		c->room = c->room == 0 ? 64 : c->room * 2;
		c->rows = realloc(c->rows, c->room * sizeof(*c->rows));
	}
	struct collected *out = &c->rows[c->count++];
	memset(out, 0, sizeof(*out));
	batch_get_row(batch, i, &out->row);
	out->partition = batch->identity.partition;
	out->sequence = batch->identity.first_sequence + i;
	collect_fields(out, batch);
	struct slice line = batch_source_line(batch, out->row.source);
	snprintf(out->source, sizeof(out->source), "%.*s", SLICE_PRINT(line));
	out->text = malloc(out->row.text.len + 1);
	if (out->row.text.len > 0)
		memcpy(out->text, out->row.text.ptr, out->row.text.len);
	out->text[out->row.text.len] = 0;
	out->row.text = slice_of(out->text, out->row.text.len);
	out->row.original = slice_of(out->text, out->row.original.len);
}

/* Checks what every batch must be: valid, of its partition, dense sequences. */
static inline int collect_emit(void *ctx, uint32_t partition, struct slice octets, uint32_t rows)
{
	struct collect *c = ctx;
	struct batch batch;
	struct error error = {0};
	if (c->refuse > 0) {
		c->refuse--;
		c->refused++;
		return -1;
	}
	if (batch_open(&batch, octets, &error) < 0)
		fail_msg("a bad batch: %s", error.text);
	assert_int_equal(batch.row_count, rows);
	assert_int_equal(batch.identity.partition, partition);
	assert_true(partition < 16);
	assert_int_equal(batch.identity.first_sequence, c->next[partition]);
	c->next[partition] += rows;
	c->batches++;
	for (uint32_t i = 0; i < rows; i++)
		collect_row(c, &batch, i);
	return 0;
}

static inline struct ingest_config collect_config(struct collect *c)
{
	struct ingest_config config = {.partitions = 4, .epoch = 7, .emit = collect_emit, .ctx = c};
	config.defaults.charset_auto = true;
	memset(config.collector, 0xcc, sizeof(config.collector));
	return config;
}

/* config null: the usual one. */
static inline void collect_start(struct collect *c, const struct ingest_config *config)
{
	struct error error = {0};
	*c = (struct collect){.fake = fake_new(11)};
	struct ingest_config usual = collect_config(c);
	if (config != NULL) {
		usual = *config;
		usual.ctx = c;
	}
	if (ingest_new(&c->fake->env, &usual, &c->ingest, &error) < 0)
		fail_msg("no ingest: %s", error.text);
}

static inline void collect_flush(struct collect *c)
{
	for (int i = 0; i < 8; i++)
		ingest_step(c->ingest, true, NULL);
	assert_false(ingest_blocked(c->ingest));
}

static inline void collect_stop(struct collect *c)
{
	ingest_free(c->ingest);
	for (size_t i = 0; i < c->count; i++)
		free(c->rows[i].text);
	free(c->rows);
	assert_int_equal(c->fake->memory.outstanding, 0);
	fake_free(c->fake);
}

/* A record through a stream of its own kind. */
static inline void collect_octets(struct collect *c, const char *source, enum framing framing, struct slice octets)
{
	struct ingest_stream *stream;
	size_t taken;
	assert_int_equal(ingest_stream_new(c->ingest, slice_str(source), framing, &stream, NULL), 0);
	while (octets.len > 0) {
		assert_int_equal(ingest_stream_add(stream, octets, &taken, NULL), 0);
		octets = slice_from(octets, taken);
		if (ingest_blocked(c->ingest))
			ingest_step(c->ingest, false, NULL);
	}
	while (ingest_stream_end(stream, NULL) < 0)
		ingest_step(c->ingest, false, NULL);
	ingest_stream_free(stream);
}

static inline bool collect_has(const struct collected *row, const char *field)
{
	return strstr(row->fields, field) != NULL;
}

#endif
