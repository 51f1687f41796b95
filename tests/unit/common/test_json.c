/* The JSON reader over good and bad texts, and the writer read back. */
#include "tests/unit/common/test.h"

/* Tokens as letters: { } [ ] k s n t f 0, '.' at the end, '!' for an error. */
static void shape(const char *text, size_t len, char *out)
{
	static const char letters[] = {
		[JSON_END] = '.',    [JSON_ERROR] = '!',     [JSON_OBJECT] = '{', [JSON_OBJECT_END] = '}',
		[JSON_ARRAY] = '[',  [JSON_ARRAY_END] = ']', [JSON_KEY] = 'k',    [JSON_STRING] = 's',
		[JSON_NUMBER] = 'n', [JSON_TRUE] = 't',      [JSON_FALSE] = 'f',  [JSON_NULL] = '0'};
	struct json_reader r;
	struct json_token token;
	enum json_type type;
	/* In a room of exactly this size, so that a read past the end is seen. */
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	memcpy(copy, text, len);
	json_reader_init(&r, slice_of(copy, len));
	do {
		type = json_next(&r, &token);
		*out++ = letters[type];
	} while (type != JSON_END && type != JSON_ERROR);
	*out = 0;
	assert_int_equal(json_next(&r, &token), type);
	free(copy);
}

static void reads_good_and_bad(void **state)
{
	(void)state;
	static const struct {
		const char *text, *shape;
	} cases[] = {
		{"{}", "{}."},
		{" [ ] ", "[]."},
		{"{\"a\":1}", "{kn}."},
		{"{ \"a\" : [ 1 , -2.5e+3 , true,false,null ] , \"b\":\"x\"}\r\n", "{k[nntf0]ks}."},
		{"{\"a\":1,\"a\":2}", "{knkn}."},
		{"[[[]],{}]", "[[[]]{}]."},
		{"\"\\u00e4\\n\\\"\"", "s."},
		{"\"\\ud800\"", "s."},
		{"\"\xff\xc3\"", "s."},
		{"0", "n."},
		{"-0", "n."},
		{"1E5", "n."},
		{"0.0", "n."},
		{"", "!"},
		{" ", "!"},
		{"{", "{!"},
		{"[", "[!"},
		{"}", "!"},
		{"{]", "{!"},
		{"[}", "[!"},
		{"[1}", "[n!"},
		{"{\"a\":1]", "{kn!"},
		{"{\"a\"}", "{!"},
		{"{\"a\":}", "{k!"},
		{"{\"a\" 1}", "{!"},
		{"{a:1}", "{!"},
		{"{\"a\":1,}", "{kn!"},
		{"[1,]", "[n!"},
		{"[,1]", "[!"},
		{"[1 2]", "[n!"},
		{"[1", "[n!"},
		{"[1,", "[n!"},
		{"01", "n!"},
		{"-", "!"},
		{"+1", "!"},
		{".5", "!"},
		{"1.", "!"},
		{"1e", "!"},
		{"1e+", "!"},
		{"1x", "n!"},
		{"tru", "!"},
		{"truex", "t!"},
		{"nul", "!"},
		{"\"abc", "!"},
		{"\"a\\", "!"},
		{"\"a\\x\"", "!"},
		{"\"a\\u12\"", "!"},
		{"\"a\\u12g4\"", "!"},
		{"\"tab\there\"", "!"},
		{"\"01234567\nxxx\"", "!"},
		{"'a'", "!"},
		{"{} {}", "{}!"},
		{"1 2", "n!"},
		{"\"a\" \"b\"", "s!"},
		{"NaN", "!"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[64];
		shape(cases[i].text, strlen(cases[i].text), out);
		if (strcmp(out, cases[i].shape) != 0)
			fail_msg("%s: got %s, wanted %s", cases[i].text, out, cases[i].shape);
	}
	/* A NUL is no letter of an escape and no white space. */
	char out[8];
	shape("\"a\\\0\"", 5, out);
	assert_string_equal(out, "!");
	shape("\0", 1, out);
	assert_string_equal(out, "!");
}

/* Reading member by member where that goes tells the same as token by token: the tokens, their texts, where it fails. */
static void members_are_tokens(void **state)
{
	(void)state;
	static const char *const pieces[] = {
		"{",  "}",      "[",    "]",       ",",       ":", "\"a\"",    "\"key of 16 octet\"",
		"1",  "-0.5e3", "true", "false",   "null",    " ", "\"x\\n\"", "\"\\u00e4 and more text here\"",
		"\n", "tru",    "\"",   "{\"k\":", ",\"l\":", "-", "01",       "{\"a\":\"b\",\"c\":1"};
	uint32_t seed = 11;
	for (unsigned round = 0; round < 200000; round++) {
		char text[256] = "{\"a\":\"b\"";
		unsigned n = (seed = seed * 1103515245u + 12345u) >> 16 & 7;
		for (unsigned i = 0; i < n; i++)
			strcat(text, pieces[((seed = seed * 1103515245u + 12345u) >> 16) % COUNT(pieces)]);
		size_t len = strlen(text);
		uint8_t *copy = malloc(len);
		struct json_reader one, other;
		struct json_token a, b;
		struct slice key;
		memcpy(copy, text, len);
		json_reader_init(&one, slice_of(copy, len));
		json_reader_init(&other, slice_of(copy, len));
		do {
			bool member = json_next_member(&one, &key, &a);
			if (member) {
				assert_int_equal(json_next(&other, &b), JSON_KEY);
				assert_true(!b.escaped && b.text.ptr == key.ptr && b.text.len == key.len);
			} else {
				json_next(&one, &a);
			}
			json_next(&other, &b);
			assert_int_equal(a.type, b.type);
			assert_int_equal(a.escaped, b.escaped);
			assert_true(a.type == JSON_ERROR || (a.text.ptr == b.text.ptr && a.text.len == b.text.len));
		} while (a.type != JSON_END && a.type != JSON_ERROR);
		assert_true(a.type == JSON_END || one.error_at == other.error_at);
		free(copy);
	}
}

static void depth_is_bounded(void **state)
{
	(void)state;
	for (unsigned depth = LIMIT_json_depth; depth <= LIMIT_json_depth + 1; depth++) {
		char text[256], out[260];
		assert_true(2 * depth <= sizeof text);
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		shape(text, 2 * depth, out);
		assert_int_equal(out[strlen(out) - 1], depth <= LIMIT_json_depth ? '.' : '!');
	}
}

static void finds_ends_of_strings(void **state)
{
	(void)state;
	/* The quote, backslash or control at every place of a string longer than two words. */
	static const uint8_t specials[] = {'"', '\\', 0x1f, 0x00, 0x80, 0xa2, 0xdc, 0xff, 0x20, 0x21, 0x5d};
	for (size_t at = 0; at < 24; at++) {
		for (size_t i = 0; i < COUNT(specials); i++) {
			uint8_t text[26];
			char out[8];
			memset(text, 'x', sizeof text);
			text[0] = '"';
			text[25] = '"';
			text[1 + at] = specials[i];
			shape((const char *)text, sizeof text, out);
			/* A backslash before the last quote escapes it; before an x it is no escape. */
			const char *wanted = specials[i] == '"' ? "s!" : specials[i] == '\\' || specials[i] < 0x20 ? "!" : "s.";
			assert_string_equal(out, wanted);
		}
	}
}

static void names_where(void **state)
{
	(void)state;
	struct json_reader r;
	struct json_token token;
	json_reader_init(&r, SLICE("{\"a\":tru}"));
	while (json_next(&r, &token) != JSON_ERROR)
		;
	assert_int_equal(r.error_at, 5);
}

static void skips(void **state)
{
	(void)state;
	struct json_reader r;
	struct json_token token;
	json_reader_init(&r, SLICE("{\"a\":{\"b\":[1,{}]},\"c\":2}"));
	assert_int_equal(json_next(&r, &token), JSON_OBJECT);
	assert_int_equal(json_next(&r, &token), JSON_KEY);
	assert_int_equal(json_next(&r, &token), JSON_OBJECT);
	assert_true(json_skip(&r));
	assert_int_equal(json_next(&r, &token), JSON_KEY);
	assert_slice(token.text, SLICE("c"));
	json_reader_init(&r, SLICE("[[1"));
	json_next(&r, &token);
	assert_false(json_skip(&r));
}

static void unescapes(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
		{"a\\u00e4b", "a\xc3\xa4"
					  "b"},
		{"\\u4e2d\\u6587", "\xe4\xb8\xad\xe6\x96\x87"},
		{"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
		{"\\ud83d", "\xef\xbf\xbd"},
		{"\\ude00x", "\xef\xbf\xbdx"},
		{"\\ud83d\\u0041", "\xef\xbf\xbd"
						   "A"},
		{"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
		{"\\q", "\\q"},
		{"\\", "\\"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t out[64];
		struct slice from = slice_str(cases[i].from);
		size_t len = json_unescape(from, out);
		assert_true(len <= from.len);
		assert_slice(slice_of(out, len), slice_str(cases[i].to));
	}
}

static void writes(void **state)
{
	(void)state;
	struct env env = env_system();
	struct buffer out;
	struct json_writer w;
	buffer_init(&out, &env);
	json_writer_init(&w, &out);
	json_object(&w);
	json_key(&w, "a");
	json_array(&w);
	json_u64(&w, UINT64_MAX);
	json_i64(&w, INT64_MIN);
	json_i64(&w, 0);
	json_f64(&w, 0.1);
	json_f64(&w, 1.0 / 3);
	json_f64(&w, __builtin_inf());
	json_bool(&w, true);
	json_null(&w);
	json_array_end(&w);
	json_key_slice(&w, SLICE("q\"\\"));
	json_string(&w, SLICE("\n\x01\x0b\x7f\xc2\x85\xe2\x80\xa8\xe2\x80\xae\xff\xe4\xb8\xad"));
	json_key(&w, "t");
	json_time(&w, 0);
	json_key(&w, "h");
	json_hex(&w, (const uint8_t *)"\x00\xff", 2);
	json_key(&w, "o");
	json_object(&w);
	json_object_end(&w);
	json_key(&w, "r");
	json_raw(&w, SLICE("[1]"));
	json_object_end(&w);
	assert_slice(buffer_slice(&out),
				 SLICE("{\"a\":[18446744073709551615,-9223372036854775808,0,0.1,0.3333333333333333,null,true,null],"
					   "\"q\\\"\\\\\":\"\\n\\u0001\\u000b\\u007f\\u0085\\u2028\\u202e\xef\xbf\xbd\xe4\xb8\xad\","
					   "\"t\":\"1970-01-01T00:00:00Z\",\"h\":\"00ff\",\"o\":{},\"r\":[1]}"));
	buffer_free(&out);
}

static void writes_base64(void **state)
{
	(void)state;
	static const char *const cases[][2] = {{"", "\"\""},        {"f", "\"Zg==\""},        {"fo", "\"Zm8=\""},
										   {"foo", "\"Zm9v\""}, {"foob", "\"Zm9vYg==\""}, {"\xfb\xff", "\"+/8=\""}};
	struct env env = env_system();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer out;
		struct json_writer w;
		buffer_init(&out, &env);
		json_writer_init(&w, &out);
		json_base64(&w, slice_str(cases[i][0]));
		assert_slice(buffer_slice(&out), slice_str(cases[i][1]));
		buffer_free(&out);
	}
}

static void round_trip(void **state)
{
	(void)state;
	struct env env = env_system();
	uint64_t seed = 1;
	struct buffer out;
	buffer_init(&out, &env);
	for (unsigned round = 0; round < 3000; round++) {
		uint8_t text[60], back[400];
		size_t len = 0;
		while (len < 50)
			len += utf8_encode((uint32_t)random_below(&seed, random_below(&seed, 2) != 0 ? 0xd800 : 0x100), text + len);
		struct json_writer w;
		struct json_reader r;
		struct json_token token;
		buffer_reset(&out);
		json_writer_init(&w, &out);
		json_string(&w, slice_of(text, len));
		assert_true(utf8_valid(buffer_slice(&out)));
		json_reader_init(&r, buffer_slice(&out));
		assert_int_equal(json_next(&r, &token), JSON_STRING);
		assert_true(token.text.len <= sizeof back);
		assert_slice(slice_of(back, json_unescape(token.text, back)), slice_of(text, len));
		assert_int_equal(json_next(&r, &token), JSON_END);
	}
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_good_and_bad), cmocka_unit_test(members_are_tokens),
		cmocka_unit_test(depth_is_bounded),   cmocka_unit_test(finds_ends_of_strings),
		cmocka_unit_test(names_where),        cmocka_unit_test(skips),
		cmocka_unit_test(unescapes),          cmocka_unit_test(writes),
		cmocka_unit_test(writes_base64),      cmocka_unit_test(round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
