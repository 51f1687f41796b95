/* A set of decoders from text, one message through it, and the fields that came out. */
#ifndef TESTS_UNIT_RULES_DECODER_RIG_H
#define TESTS_UNIT_RULES_DECODER_RIG_H

#include "rules/decoders.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define RIG_TOLD_MAX 16

struct told {
	char id[64], text[512], rule[64];
	uint32_t line, column;
};

struct decoder_rig {
	struct fake *fake;
	struct decoders *decoders;
	struct dictionary dictionary;
	struct decoder_scratch *scratch;
	struct batch_builder *builder;
	struct told told[RIG_TOLD_MAX];
	uint32_t told_count;
	struct batch batch;
	struct batch_row row;
	struct decode_result result;
	uint8_t octets[1 << 18];
	struct slice forced; /* for rig_decode */
};

static inline void rig_tell(void *ctx, const struct diagnostic *d)
{
	struct decoder_rig *rig = ctx;
	if (rig->told_count == RIG_TOLD_MAX)
		return;
	struct told *t = &rig->told[rig->told_count++];
	snprintf(t->id, sizeof t->id, "%s", d->id);
	snprintf(t->text, sizeof t->text, "%s", d->text);
	snprintf(t->rule, sizeof t->rule, "%s", d->rule);
	t->line = d->line;
	t->column = d->column;
}

/* Loads the text as /d/x.yml; the number of diagnostics stands in told_count. */
static inline struct decoder_rig *rig_new(const char *yaml)
{
	static const char *const paths[] = {"/d"};
	struct decoder_rig *rig = test_calloc(1, sizeof *rig);
	struct error error = {0};
	rig->fake = fake_new(1);
	fake_file_put(rig->fake, "/d/x.yml", yaml, strlen(yaml));
	assert_int_equal(decoders_load(&rig->fake->env, paths, 1, rig_tell, rig, &rig->decoders, &error), 0);
	assert_int_equal(dictionary_init(&rig->dictionary, &rig->fake->env, 1), 0);
	rig->scratch = decoder_scratch_new(rig->decoders, &rig->fake->env, &rig->dictionary);
	rig->builder = batch_builder_new(&rig->fake->env, &rig->dictionary);
	assert_non_null(rig->scratch);
	assert_non_null(rig->builder);
	return rig;
}

static inline void rig_free(struct decoder_rig *rig)
{
	batch_builder_free(rig->builder);
	decoder_scratch_free(rig->scratch);
	dictionary_free(&rig->dictionary);
	decoders_free(rig->decoders);
	assert_int_equal(rig->fake->memory.outstanding, 0);
	fake_free(rig->fake);
	test_free(rig);
}

/* One message through the set: true when a decoder held. */
static inline bool rig_decode(struct decoder_rig *rig, const char *program, const char *message, enum format format)
{
	struct slice octets;
	struct error error = {0};
	int64_t now = INT64_C(1767225600) * NS_PER_S;
	batch_begin(rig->builder, &(struct batch_identity){0}, 0, now);
	assert_int_equal(batch_row(rig->builder, ROW_EVENT, now, slice_str(message)), 0);
	struct decode_input in = {.program = slice_str(program),
							  .message = batch_row_text(rig->builder),
							  .format = format,
							  .forced = rig->forced,
							  .observed_ns = now};
	assert_int_equal(decoders_apply(rig->decoders, rig->scratch, rig->builder, &in, &rig->result), 0);
	assert_int_equal(batch_row_end(rig->builder), 0);
	assert_int_equal(batch_finish(rig->builder, &octets, &error), 0);
	assert_true(octets.len <= sizeof rig->octets);
	memcpy(rig->octets, octets.ptr, octets.len);
	assert_int_equal(batch_open(&rig->batch, slice_of(rig->octets, octets.len), &error), 0);
	batch_get_row(&rig->batch, 0, &rig->row);
	return rig->result.decoder != BATCH_NO_INDEX;
}

/* The first value of a field; "<none>" when there is none. Valid until the next call. */
static inline const char *rig_field(struct decoder_rig *rig, const char *name)
{
	static char text[4096];
	struct batch_value v;
	if (!batch_find(&rig->batch, &rig->row, slice_str(name), &v))
		return "<none>";
	snprintf(text, sizeof text, "%.*s", SLICE_PRINT(v.text));
	return text;
}

static inline const char *rig_decoder(struct decoder_rig *rig)
{
	static char text[256];
	uint16_t version;
	struct slice name = batch_decoder_name(&rig->batch, rig->result.decoder, &version);
	snprintf(text, sizeof text, "%.*s", SLICE_PRINT(name));
	return text;
}

#endif
