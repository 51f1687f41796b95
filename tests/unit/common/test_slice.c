/* Slices, error texts. */
#include "tests/unit/common/test.h"

#include <errno.h>

static void compares(void **state)
{
	(void)state;
	assert_true(slice_equal(SLICE_NONE, SLICE("")));
	assert_false(slice_equal(SLICE("a"), SLICE("b")));
	assert_false(slice_equal(SLICE("a"), SLICE("ab")));
	assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
	assert_false(slice_starts(SLICE("a"), SLICE("ab")));
	assert_true(slice_starts(SLICE_NONE, SLICE_NONE));
	assert_true(slice_ends(SLICE("abc"), SLICE("bc")));
	assert_false(slice_ends(SLICE("abc"), SLICE("ab")));
	assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
	assert_true(slice_compare(SLICE("ab"), SLICE("a")) > 0);
	assert_true(slice_compare(SLICE("\xff"), SLICE("a")) > 0);
	assert_int_equal(slice_compare(SLICE_NONE, SLICE("")), 0);
	assert_true(slice_equal_nocase(SLICE("AbZ[@"), SLICE("aBz[@")));
	assert_false(slice_equal_nocase(SLICE("@"), SLICE("`")));
	assert_false(slice_equal_nocase(SLICE("["), SLICE("{")));
}

static void finds(void **state)
{
	(void)state;
	struct slice s = SLICE("one two two");
	assert_int_equal(slice_find(s, SLICE("two"), 0), 4);
	assert_int_equal(slice_find(s, SLICE("two"), 5), 8);
	assert_true(slice_find(s, SLICE("two"), 9) == SIZE_MAX);
	assert_true(slice_find(s, SLICE("x"), 100) == SIZE_MAX);
	assert_int_equal(slice_find(s, SLICE_NONE, 11), 11);
	assert_true(slice_find(SLICE_NONE, SLICE("x"), 0) == SIZE_MAX);
	assert_int_equal(slice_find_octet(s, ' ', 4), 7);
	assert_true(slice_find_octet(SLICE_NONE, ' ', 0) == SIZE_MAX);
	assert_slice(slice_trim(SLICE(" \t\r\nx y\v\f ")), SLICE("x y"));
	assert_slice(slice_trim(SLICE(" \t ")), SLICE(""));
	assert_slice(slice_from(SLICE("abc"), 1), SLICE("bc"));
	assert_slice(slice_from(SLICE("abc"), 3), SLICE(""));
}

static size_t find_naively(struct slice s, struct slice needle, size_t from)
{
	for (size_t at = from; at + needle.len <= s.len; at++)
		if (needle.len == 0 || memcmp(s.ptr + at, needle.ptr, needle.len) == 0)
			return at;
	return SIZE_MAX;
}

/* Few letters, so that beginnings and ends of the needle stand in many wrong places; the text ends where its room ends,
 * so that the address sanitizer sees a look past it. */
static void finds_as_a_naive_search(void **state)
{
	(void)state;
	uint32_t seed = 1;
	for (unsigned round = 0; round < 40000; round++) {
		uint8_t text[200], needle[12];
		size_t len = (seed = seed * 1103515245u + 12345u) >> 16 & 127, needle_len = seed >> 8 & 7, count = 0;
		unsigned letters = 1 + (round & 3);
		uint8_t *from = text + sizeof text - len;
		for (size_t i = 0; i < len; i++)
			from[i] = (uint8_t)('a' + ((seed = seed * 1103515245u + 12345u) >> 16) % letters);
		for (size_t i = 0; i < needle_len; i++)
			needle[i] = (uint8_t)('a' + ((seed = seed * 1103515245u + 12345u) >> 16) % letters);
		struct slice s = slice_of(from, len), n = slice_of(needle, needle_len);
		size_t start = len > 0 ? seed % (len + 1) : 0;
		assert_true(slice_find(s, n, start) == find_naively(s, n, start));
		size_t one = needle_len > 0 ? round % needle_len : 0, other = needle_len > 0 ? (round >> 3) % needle_len : 0;
		assert_true(slice_find_by(s, n, start, one, other) == find_naively(s, n, start));
		for (size_t i = 0; i < len; i++)
			count += from[i] == 'b';
		assert_int_equal(slice_count_octet(s, 'b'), count);
	}
	uint8_t many[4096];
	memset(many, 'a', sizeof many);
	many[4000] = 'b';
	assert_int_equal(slice_find(slice_of(many, sizeof many), SLICE("aaaaabaaa"), 0), 3995);
	assert_true(slice_find(slice_of(many, sizeof many), SLICE("aabaabaaa"), 0) == SIZE_MAX);
	assert_int_equal(slice_find_by(slice_of(many, sizeof many), SLICE("aaaaabaaa"), 0, 3, 7), 3995);
	assert_true(slice_find_by(slice_of(many, sizeof many), SLICE("aabaabaaa"), 0, 1, 8) == SIZE_MAX);
}

/* Heads and the order of texts, by looks at whole words, against octet by octet. */
static void heads_and_order(void **state)
{
	(void)state;
	uint32_t seed = 5;
	for (unsigned round = 0; round < 40000; round++) {
		uint8_t room[2][24];
		struct slice s[2];
		for (unsigned k = 0; k < 2; k++) {
			size_t len = (seed = seed * 1103515245u + 12345u) >> 16 & 15;
			s[k] = slice_of(room[k] + sizeof room[k] - len, len);
			for (size_t i = 0; i < len; i++) /* zeros and high octets too, and beginnings that are the same */
				room[k][sizeof room[k] - len + i] =
					(uint8_t)("\0a\xff"[((seed = seed * 1103515245u + 12345u) >> 16) % 3]);
		}
		uint64_t head = 0;
		memcpy(&head, s[0].ptr, s[0].len < 8 ? s[0].len : 8);
		assert_true(slice_head(s[0]) == head);
		size_t least = s[0].len < s[1].len ? s[0].len : s[1].len;
		int order = memcmp(s[0].ptr, s[1].ptr, least);
		order = order != 0 ? order : (int)s[0].len - (int)s[1].len;
		int got = slice_compare(s[0], s[1]);
		assert_true((got < 0) == (order < 0) && (got > 0) == (order > 0));
	}
	assert_true(slice_head(SLICE_NONE) == 0);
}

static void reads_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_signed, is_unsigned;
		int64_t value;
	} cases[] = {
		{"0", true, true, 0},
		{"-0", true, false, 0},
		{"00012", true, true, 12},
		{"", false, false, 0},
		{"-", false, false, 0},
		{"+1", false, false, 0},
		{" 1", false, false, 0},
		{"1 ", false, false, 0},
		{"1x", false, false, 0},
		{"9223372036854775807", true, true, INT64_MAX},
		{"-9223372036854775808", true, false, INT64_MIN},
		{"-9223372036854775809", false, false, 0},
		{"9223372036854775808", false, true, INT64_MIN},
		{"18446744073709551615", false, true, -1},
		{"18446744073709551616", false, false, 0},
		{"99999999999999999999", false, false, 0},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t s = 0;
		uint64_t u = 0;
		assert_int_equal(slice_to_i64(slice_str(cases[i].text), &s), cases[i].is_signed);
		assert_int_equal(slice_to_u64(slice_str(cases[i].text), &u), cases[i].is_unsigned);
		assert_true(!cases[i].is_signed || s == cases[i].value);
		assert_true(!cases[i].is_unsigned || u == (uint64_t)cases[i].value);
	}
}

static void errors_say_where(void **state)
{
	(void)state;
	struct error error;
	char text[900];
	assert_int_equal(error_set(&error, ERROR_SYNTAX, "wanted %d", 7), -ERROR_SYNTAX);
	assert_string_equal(error_print(&error, text, sizeof text), "wanted 7");
	error_at(&error, "a.yml", 3, 9);
	error_at(&error, "b.yml", 4, 1);
	assert_string_equal(error_print(&error, text, sizeof text), "a.yml:3:9: wanted 7");
	assert_int_equal(error_io(&error, -ENOSPC, "write %s", "x"), -ERROR_FULL);
	assert_int_equal(error.flags, ERROR_RETRIABLE);
	assert_int_equal(error_io(&error, -ENOENT, "open"), -ERROR_NOT_FOUND);
	assert_int_equal(error_io(NULL, -EIO, "open"), -ERROR_IO);
	assert_int_equal(error_set(NULL, ERROR_LIMIT, "x"), -ERROR_LIMIT);
	error_print(&error, text, 4);
	assert_int_equal(strlen(text), 3);
	for (int code = 0; code <= ERROR_USAGE; code++)
		assert_string_not_equal(error_name((enum error_code)code), "unknown");
}

static void star_patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool holds;
	} cases[] = {
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"a*", "abc", true},
		{"*c", "abc", true},
		{"a*c", "abc", true},
		{"a*c", "ab", false},
		{"*b*", "abc", true},
		{"a**c", "ac", true},
		{"*aab", "aaab", true},
		{"a*b*c", "axbxbxc", true},
		{"a*b*c", "axbxcx", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (slice_star_match(slice_str(cases[i].pattern), slice_str(cases[i].text)) != cases[i].holds)
			fail_msg("%s on %s", cases[i].pattern, cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(star_patterns),           cmocka_unit_test(compares),        cmocka_unit_test(finds),
		cmocka_unit_test(finds_as_a_naive_search), cmocka_unit_test(heads_and_order), cmocka_unit_test(reads_numbers),
		cmocka_unit_test(errors_say_where),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
