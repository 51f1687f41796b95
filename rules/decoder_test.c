/* The test lines that stand inside decoders: each runs through the whole set, as a live message would. */
#include "rules/decoder.h"

#include <stdarg.h>
#include <stdio.h>

struct test_bench {
	const struct decoders *d;
	diagnostic_fn *tell;
	void *ctx;
	struct dictionary dictionary;
	struct decoder_scratch *scratch;
	struct batch_builder *builder;
	struct buffer original;
	const struct decoder *decoder;
	const struct decoder_test *test;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void fail(struct test_bench *t, const char *format, ...)
{
	char text[512], file[256], name[64];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(file, sizeof file, "%.*s", SLICE_PRINT(t->decoder->file));
	snprintf(name, sizeof name, "%.*s", SLICE_PRINT(t->decoder->name));
	t->failed = true;
	if (t->tell != NULL)
		t->tell(t->ctx, &(struct diagnostic){DIAGNOSTIC_ERROR, "decoder-test", file, t->test->line, 1, name, text});
}

static bool holds_value(const struct batch *batch, const struct batch_row *row, const struct decoder_constant *c,
						struct slice name, struct slice *found)
{
	struct batch_value v;
	*found = SLICE_NONE;
	for (uint32_t i = 0; i < row->field_count; i++) {
		batch_get_value(batch, row, row->field_first + i, &v);
		if (!slice_equal(batch_name(batch, v.name), name))
			continue;
		*found = v.text;
		if (c->type == VALUE_NULL || slice_equal(v.text, c->value))
			return true;
	}
	return false;
}

static void compare_fields(struct test_bench *t, const struct batch *batch, const struct batch_row *row)
{
	for (uint16_t i = 0; i < t->test->expected_count; i++) {
		const struct decoder_constant *c = &t->test->expected[i];
		struct slice name = dictionary_name(&t->d->names, c->name), found;
		bool holds = holds_value(batch, row, c, name, &found);
		if (c->type == VALUE_NULL && holds)
			fail(t, "%.*s must not be there, it is '%.*s'", SLICE_PRINT(name), SLICE_PRINT(found));
		else if (c->type != VALUE_NULL && !holds)
			fail(t, "%.*s must be '%.*s', it is %s%.*s%s", SLICE_PRINT(name), SLICE_PRINT(c->value),
				 found.ptr ? "'" : "missing", SLICE_PRINT(found), found.ptr ? "'" : "");
	}
}

static void compare_rest(struct test_bench *t, const struct batch *batch, const struct decode_result *r)
{
	uint16_t version;
	struct slice name = batch_decoder_name(batch, r->decoder, &version);
	if (slice_equal(name, t->decoder->name) == t->test->refused)
		fail(t, "decoded by '%.*s'", SLICE_PRINT(name));
	if (t->test->has_time && (!r->has_time || r->time_ns != t->test->time_ns)) {
		char text[36] = "none";
		if (r->has_time)
			clock_print(r->time_ns, text);
		fail(t, "the time is %s", text);
	}
	struct logsource s = batch_get_logsource(batch, r->logsource);
	if (t->test->has_logsource &&
		!(slice_equal(s.product, t->test->product) && slice_equal(s.category, t->test->category) &&
		  slice_equal(s.service, t->test->service)))
		fail(t, "the log source is product '%.*s', category '%.*s', service '%.*s'", SLICE_PRINT(s.product),
			 SLICE_PRINT(s.category), SLICE_PRINT(s.service));
}

static int decode_test(struct test_bench *t, struct decode_result *result)
{
	const struct decoder_test *test = t->test;
	struct slice row;
	size_t head = test->program.len > 0 ? test->program.len + 2 : 0;
	buffer_reset(&t->original);
	buffer_add_slice(&t->original, test->program);
	buffer_add_str(&t->original, head > 0 ? ": " : "");
	buffer_add_slice(&t->original, test->message);
	batch_begin(t->builder, &(struct batch_identity){0}, 0, test->observed_ns);
	if (t->original.failed || batch_row(t->builder, ROW_EVENT, test->observed_ns, buffer_slice(&t->original)) != 0)
		return -ERROR_MEMORY;
	for (uint16_t i = 0; i < test->given_count; i++) {
		const struct decoder_constant *c = &test->given[i];
		if (batch_field_slice(t->builder, t->scratch->ids[c->name], c->type, c->value) != 0)
			return -ERROR_MEMORY;
	}
	row = batch_row_text(t->builder);
	struct decode_input in = {.program = slice_of(row.ptr, test->program.len),
							  .msgid = test->msgid,
							  .message =
								  test->message.len > 0 ? slice_of(row.ptr + head, test->message.len) : SLICE_NONE,
							  .format = (enum format)test->format,
							  .observed_ns = test->observed_ns};
	return decoders_apply(t->d, t->scratch, t->builder, &in, result);
}

static int run_test(struct test_bench *t)
{
	struct decode_result result;
	struct slice octets;
	struct error error;
	struct batch batch;
	struct batch_row row;
	int code = decode_test(t, &result);
	if (code == 0)
		code = batch_row_end(t->builder);
	if (code == 0)
		code = batch_finish(t->builder, &octets, &error);
	if (code != 0)
		return code;
	CHECK(batch_open(&batch, octets, &error) == 0);
	batch_get_row(&batch, 0, &row);
	compare_fields(t, &batch, &row);
	compare_rest(t, &batch, &result);
	return 0;
}

static int run_all(struct test_bench *t, uint32_t *tests)
{
	int failures = 0;
	for (uint32_t i = 0; i < t->d->count; i++) {
		t->decoder = t->d->list[i];
		for (uint16_t k = 0; k < t->decoder->test_count; k++) {
			t->test = &t->decoder->tests[k];
			t->failed = false;
			int result = run_test(t);
			if (result != 0)
				return result;
			failures += t->failed;
			++*tests;
		}
	}
	return failures;
}

int decoders_test(const struct decoders *d, const struct env *env, diagnostic_fn *tell, void *ctx, uint32_t *tests)
{
	struct test_bench t = {.d = d, .tell = tell, .ctx = ctx};
	*tests = 0;
	int result = dictionary_init(&t.dictionary, env, 0);
	if (result != 0)
		return result;
	buffer_init(&t.original, env);
	t.scratch = decoder_scratch_new(d, env, &t.dictionary);
	t.builder = t.scratch != NULL ? batch_builder_new(env, &t.dictionary) : NULL;
	result = t.builder != NULL ? run_all(&t, tests) : -ERROR_MEMORY;
	batch_builder_free(t.builder);
	decoder_scratch_free(t.scratch);
	buffer_free(&t.original);
	dictionary_free(&t.dictionary);
	return result;
}
