/* What is encoded in a text is looked at too, in chains, up to the limits. */
#include "rules/yara_decode.h"
#include "tests/unit/rules/sigma_rig.h"

#include <zlib.h>

struct out {
	struct buffer texts; /* each with a line end */
	unsigned count;
};

static void each(void *ctx, struct slice text)
{
	struct out *out = ctx;
	buffer_add_slice(&out->texts, text);
	buffer_add_octet(&out->texts, '\n');
	out->count++;
}

static struct yara_decoding run(struct rig *rig, struct out *out, struct slice text)
{
	struct yara_decoding d = {.arena = &rig->arena, .each = each, .ctx = out, .left = (size_t)LIMIT_yara_decode_bytes};
	arena_reset(&rig->arena);
	buffer_reset(&out->texts);
	out->count = 0;
	yara_decode(&d, text);
	assert_false(d.failed);
	return d;
}

static bool has(const struct out *out, const char *text)
{
	return slice_find(buffer_slice(&out->texts), slice_str(text), 0) != SIZE_MAX;
}

static void put_base64(struct buffer *b, struct slice text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < text.len; i += 3) {
		uint32_t three = 0;
		for (size_t k = 0; k < 3; k++)
			three = three << 8 | (i + k < text.len ? text.ptr[i + k] : 0u);
		for (unsigned k = 0; k < 4; k++)
			buffer_add_octet(b, i + k > text.len ? '=' : (uint8_t)digits[three >> (18 - 6 * k) & 63]);
	}
}

static void put_utf16(struct buffer *b, const char *text)
{
	for (; *text; text++) {
		buffer_add_octet(b, (uint8_t)*text);
		buffer_add_octet(b, 0);
	}
}

static void put_packed(struct buffer *b, struct slice text, int bits)
{
	uint8_t packed[4096];
	z_stream z = {.next_in = (Bytef *)(uintptr_t)text.ptr,
				  .avail_in = (uInt)text.len,
				  .next_out = packed,
				  .avail_out = sizeof packed};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buffer_add(b, packed, sizeof packed - z.avail_out);
	deflateEnd(&z);
}

static void encodings_are_undone(void **state)
{
	struct rig rig;
	struct out out = {0};
	struct buffer inner, text;
	(void)state;
	rig_open(&rig);
	buffer_init(&out.texts, &rig.fake->env);
	buffer_init(&inner, &rig.fake->env);
	buffer_init(&text, &rig.fake->env);
	run(&rig, &out,
		SLICE("Accepted publickey for otto from 192.0.2.7 port 50022 ssh2: 0123456789abcdef0123456789abcdef"));
	assert_int_equal(out.count, 0);
	run(&rig, &out, SLICE("GET /?q=%3Cscript%3Ealert%281%29 HTTP/1.1"));
	assert_true(has(&out, "<script>alert(1)"));
	put_utf16(&inner, "Invoke-Mimikatz -DumpCreds");
	buffer_add_str(&text, "powershell.exe -enc ");
	put_base64(&text, buffer_slice(&inner));
	run(&rig, &out, buffer_slice(&text));
	assert_int_equal(out.count, 2);
	assert_true(has(&out, "\nInvoke-Mimikatz -DumpCreds\n"));
	static const int bits[] = {15, 15 + 16};
	for (unsigned i = 0; i < COUNT(bits); i++) {
		buffer_reset(&inner);
		buffer_reset(&text);
		put_packed(&inner, SLICE("a needle in a haystack, a needle in a haystack"), bits[i]);
		buffer_add_str(&text, "data=");
		put_base64(&text, buffer_slice(&inner));
		run(&rig, &out, buffer_slice(&text));
		assert_true(has(&out, "a needle in a haystack, a needle"));
	}
	buffer_free(&out.texts);
	buffer_free(&inner);
	buffer_free(&text);
	rig_close(&rig);
}

/* A text in base64 in base64, `depth` times. */
static void wrap(struct buffer *text, struct buffer *spare, unsigned depth)
{
	buffer_reset(text);
	buffer_add_str(text, "the innermost Needle of all of them");
	for (unsigned i = 0; i < depth; i++) {
		struct buffer old = *text;
		buffer_reset(spare);
		put_base64(spare, buffer_slice(text));
		*text = *spare;
		*spare = old;
	}
}

static void depth_and_size_are_limited(void **state)
{
	struct rig rig;
	struct out out = {0};
	struct buffer spare, text;
	(void)state;
	rig_open(&rig);
	buffer_init(&out.texts, &rig.fake->env);
	buffer_init(&spare, &rig.fake->env);
	buffer_init(&text, &rig.fake->env);
	for (unsigned depth = 1; depth <= LIMIT_yara_decode_depth + 1; depth++) {
		wrap(&text, &spare, depth);
		assert_false(run(&rig, &out, buffer_slice(&text)).cut);
		assert_int_equal(has(&out, "innermost Needle"), depth <= LIMIT_yara_decode_depth);
	}
	/* a bomb gives what fits and says that it was not all */
	uint8_t *zeros = calloc(1, 200000);
	assert_non_null(zeros);
	memcpy(zeros, "needle", 6);
	buffer_reset(&text);
	put_packed(&text, slice_of(zeros, 200000), 15);
	struct yara_decoding d = run(&rig, &out, buffer_slice(&text));
	assert_true(d.cut);
	assert_true(has(&out, "needle"));
	assert_true(out.texts.len <= (size_t)LIMIT_yara_decode_bytes + 8);
	buffer_reset(&text);
	put_packed(&text, slice_of(zeros, (size_t)LIMIT_yara_decode_bytes), 15);
	assert_false(run(&rig, &out, buffer_slice(&text)).cut);
	assert_int_equal(out.count, 1);
	free(zeros);
	buffer_free(&out.texts);
	buffer_free(&spare);
	buffer_free(&text);
	rig_close(&rig);
}

/* The evaluator looks at what is encoded in the original text and at values whose escapes are undone. */
static void rules_see_what_was_encoded(void **state)
{
	static const struct ruleset_options options = {.yara = true};
	struct rig rig;
	const char *paths[] = {"/y"};
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/y/a.yar",
			"rule mimi { strings: $a = \"Invoke-Mimikatz\" condition: $a }\n"
			"rule alone { strings: $a = \"Invoke-Mimikatz\" condition: $a at 0 }\n"
			"rule path { strings: $a = \"C:\\\\Tools\\\\x.exe\" condition: $a }\n");
	rig_load_paths(&rig, paths, 1, &options);
	assert_int_equal(rig_holds(&rig, "{m: Invoke-Mimikatz}"), 1);
	assert_int_equal(rig_holds(&rig, "{m: SW52b2tlLU1pbWlrYXR6IC1EdW1wQ3JlZHM=}"), 2);
	assert_int_equal(rig_holds(&rig, "{m: Invoke%2DMimi%6Batz%20%2D}"), 1);
	assert_int_equal(rig_holds(&rig, "{CommandLine: \"C:\\\\Tools\\\\x.exe\"}"), 1);
	assert_int_equal(rig_holds(&rig, "{Other: \"C:\\\\Tools\\\\x.exe\"}"), 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodings_are_undone),
		cmocka_unit_test(depth_and_size_are_limited),
		cmocka_unit_test(rules_see_what_was_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
