/* Bodies: JSON, CEF and LEEF as fields of the row; what breaks its format leaves nothing behind. */
#include "ingest/body.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct bench {
	struct fake *fake;
	struct dictionary dictionary;
	struct body_scratch *scratch;
	struct batch_builder *builder;
	struct batch batch;
	struct batch_row row;
	enum format format;
};

static void bench_open(struct bench *t)
{
	memset(t, 0, sizeof *t);
	t->fake = fake_new(1);
	assert_int_equal(dictionary_init(&t->dictionary, &t->fake->env, 1), 0);
	t->scratch = body_scratch_new(&t->fake->env, &t->dictionary);
	t->builder = batch_builder_new(&t->fake->env, &t->dictionary);
	assert_non_null(t->scratch);
	assert_non_null(t->builder);
}

static void bench_close(struct bench *t)
{
	batch_builder_free(t->builder);
	body_scratch_free(t->scratch);
	dictionary_free(&t->dictionary);
	assert_int_equal(t->fake->memory.outstanding, 0);
	fake_free(t->fake);
}

static void parse(struct bench *t, struct slice text)
{
	struct slice octets;
	struct error error = {0};
	batch_begin(t->builder, &(struct batch_identity){0}, 0, 0);
	assert_int_equal(batch_row(t->builder, ROW_EVENT, 0, text), 0);
	t->format = FORMAT_PLAIN;
	assert_int_equal(body_parse(t->scratch, t->builder, batch_row_text(t->builder), &t->format), 0);
	assert_int_equal(batch_row_end(t->builder), 0);
	assert_int_equal(batch_finish(t->builder, &octets, &error), 0);
	assert_int_equal(batch_open(&t->batch, octets, &error), 0);
	batch_get_row(&t->batch, 0, &t->row);
}

/* All fields as "name=value" with a letter for the type (s i u f b n), joined by '|'. */
static const char *all(struct bench *t)
{
	static char out[65536];
	size_t n = 0;
	out[0] = 0;
	for (uint32_t i = 0; i < t->row.field_count; i++) {
		struct batch_value v;
		batch_get_value(&t->batch, &t->row, t->row.field_first + i, &v);
		struct slice name = batch_name(&t->batch, v.name);
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s=%c%.*s", n ? "|" : "", SLICE_PRINT(name),
							  "siufbnat"[v.type], SLICE_PRINT(v.text));
	}
	return out;
}

static void check(struct bench *t, const char *text, enum format format, const char *fields)
{
	parse(t, slice_str(text));
	if (t->format != format || strcmp(all(t), fields) != 0)
		fail_msg("%s\n  format %d, fields %s", text, t->format, all(t));
}

static void json_objects(void **state)
{
	static const struct {
		const char *text, *fields;
	} cases[] = {
		{"{\"a\":1,\"b\":\"x\"}", "a=i1|b=sx"},
		{"{\"a\":{\"b\":{\"c\":true}},\"d\":null}", "a.b.c=btrue|d=n"},
		{"{\"a\":[1,\"2\",{\"b\":3},[4]],\"c\":5}", "a=i1|a=s2|a.b=i3|a=i4|c=i5"},
		{"{\"a\":1.50,\"b\":-0,\"c\":18446744073709551615,\"d\":1e400,\"e\":99999999999999999999}",
		 "a=f1.50|b=i-0|c=u18446744073709551615|d=f1e400|e=f99999999999999999999"},
		{"{\"a\":\"x\\ny\\u0041\",\"b\\u002e\":\"z\"}", "a=sx\nyA|b.=sz"},
		{"{\"a\":1,\"a\":2}", "a=i1|a=i2"},
		{"{}", ""},
		{"  {\"a\":\"\"} \n", "a=s"},
		{"{\"a\":{},\"b\":[]}", ""},
	};
	struct bench t;
	(void)state;
	bench_open(&t);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(&t, cases[i].text, FORMAT_JSON, cases[i].fields);
	bench_close(&t);
}

static void broken_json_is_plain(void **state)
{
	static const char *const cases[] = {"{\"a\":1", "{\"a\":1}x", "{a:1}",       "{\"a\":1,}",      "[1,2]",
										"\"a\"",    "{",          "{\"a\":tru}", "{\"a\":\"x\ny\"}"};
	struct bench t;
	(void)state;
	bench_open(&t);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(&t, cases[i], FORMAT_PLAIN, "");
	bench_close(&t);
}

static void depth_has_a_limit(void **state)
{
	struct bench t;
	(void)state;
	bench_open(&t);
	for (int64_t depth = LIMIT_json_depth; depth <= LIMIT_json_depth + 1; depth++) {
		char text[512] = "";
		for (int64_t i = 0; i < depth; i++)
			strcat(text, "{\"a\":");
		strcat(text, "1");
		for (int64_t i = 0; i < depth; i++)
			strcat(text, "}");
		parse(&t, slice_str(text));
		assert_int_equal(t.format, depth <= LIMIT_json_depth ? FORMAT_JSON : FORMAT_PLAIN);
	}
	bench_close(&t);
}

static void a_row_has_a_limit_of_fields(void **state)
{
	struct bench t;
	char text[16384];
	(void)state;
	bench_open(&t);
	for (int64_t fields = LIMIT_row_fields; fields <= LIMIT_row_fields + 1; fields++) {
		size_t n = 0;
		for (int64_t i = 0; i < fields; i++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%c\"f%d\":%d", i ? ',' : '{', (int)i, (int)i);
		snprintf(text + n, sizeof text - n, "}");
		parse(&t, slice_str(text));
		assert_int_equal(t.row.field_count, LIMIT_row_fields);
		assert_int_equal((t.row.flags & ROW_FIELDS_DROPPED) != 0, fields > LIMIT_row_fields);
	}
	bench_close(&t);
}

static void cef(void **state)
{
	struct bench t;
	(void)state;
	bench_open(&t);
	check(
		&t, "CEF:0|Ven|Pro|1.0|42|A name|7|src=192.0.2.1 msg=two words dst=192.0.2.2", FORMAT_CEF,
		"cef.version=s0|observer.vendor=sVen|observer.product=sPro|observer.version=s1.0|event.code=s42|cef.name=sA name|"
		"event.severity=s7|src=s192.0.2.1|msg=stwo words|dst=s192.0.2.2");
	check(&t, "CEF:0|V\\|W|P\\\\Q|1|1|n|1|a=x\\=y b=line\\nbreak c=C:\\dir", FORMAT_CEF,
		  "cef.version=s0|observer.vendor=sV|W|observer.product=sP\\Q|observer.version=s1|event.code=s1|cef.name=sn|"
		  "event.severity=s1|a=sx=y|b=sline\nbreak|c=sC:\\dir");
	check(&t, "host1 CEF:1|V|P|1|1|n|Low|cs1=block cs1Label=Policy", FORMAT_CEF,
		  "cef.version=s1|observer.vendor=sV|observer.product=sP|observer.version=s1|event.code=s1|cef.name=sn|"
		  "event.severity=sLow|cs1=sblock|Policy=sblock|cs1Label=sPolicy");
	check(&t, "CEF:0|V|P|1|1|n", FORMAT_PLAIN, "");
	check(&t, "xCEF:0|V|P|1|1|n|1|a=b", FORMAT_PLAIN, "");
	check(
		&t, "CEF:0|V|P|1|1|n|1|", FORMAT_CEF,
		"cef.version=s0|observer.vendor=sV|observer.product=sP|observer.version=s1|event.code=s1|cef.name=sn|event.severity=s1");
	bench_close(&t);
}

static void leef(void **state)
{
	static const char head[] =
		"leef.version=s%s|observer.vendor=sV|observer.product=sP|observer.version=s1|event.code=sE|%s";
	static const struct {
		const char *text, *version, *rest;
	} cases[] = {
		{"LEEF:1.0|V|P|1|E|a=1\tb=two words", "1.0", "a=s1|b=stwo words"},
		{"LEEF:1.0|V|P|1|E|a=1 b=2", "1.0", "a=s1|b=s2"},
		{"LEEF:2.0|V|P|1|E|^|a=1^b=x=y", "2.0", "a=s1|b=sx=y"},
		{"LEEF:2.0|V|P|1|E|0x5E|a=1^b=2", "2.0", "a=s1|b=s2"},
		{"LEEF:2.0|V|P|1|E|x7C|a=1|b=2", "2.0", "a=s1|b=s2"},
		{"LEEF:2.0|V|P|1|E||a=1\tb=2", "2.0", "a=s1|b=s2"},
		{"LEEF:2.0|V|P|1|E|a=1\tb=2", "2.0", "a=s1|b=s2"},
	};
	struct bench t;
	char fields[1024];
	(void)state;
	bench_open(&t);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(fields, sizeof fields, head, cases[i].version, cases[i].rest);
#pragma GCC diagnostic pop
		check(&t, cases[i].text, FORMAT_LEEF, fields);
	}
	check(&t, "LEEF:1.0|V|P|1", FORMAT_PLAIN, "");
	bench_close(&t);
}

static void memory_may_run_out(void **state)
{
	static const char *const texts[] = {"{\"a\":\"x\\ny\",\"b\\n\":{\"c\":[1,2]}}",
										"CEF:0|V\\|W|P|1|1|n|1|cs1Label=A\\=B cs1=x\\=y z=1"};
	(void)state;
	for (size_t k = 0; k < 2; k++) {
		for (uint64_t n = 1;; n++) {
			struct bench t;
			bench_open(&t);
			batch_begin(t.builder, &(struct batch_identity){0}, 0, 0);
			assert_int_equal(batch_row(t.builder, ROW_EVENT, 0, slice_str(texts[k])), 0);
			t.fake->memory.calls = 0;
			t.fake->memory.fail_at = n;
			int result = body_parse(t.scratch, t.builder, batch_row_text(t.builder), &t.format);
			bool reached = t.fake->memory.failed > 0;
			/* A name that found no room in the dictionary drops its field and flags the row: that is no failure here. */
			assert_true(result == 0 || result == -ERROR_MEMORY);
			if (!reached)
				assert_int_equal(result, 0);
			batch_row_abandon(t.builder);
			bench_close(&t);
			if (!reached)
				break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_objects),
		cmocka_unit_test(broken_json_is_plain),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(a_row_has_a_limit_of_fields),
		cmocka_unit_test(cef),
		cmocka_unit_test(leef),
		cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
