#include "tests/unit/rules/sigma_rig.h"

#include "rules/pattern.h"

/* The simplest matcher there is, over code points and units. */
static bool simple_match(const uint32_t *units, uint32_t n, const uint8_t *s, size_t len)
{
	if (n == 0)
		return len == 0;
	if (units[0] == UNIT_STAR) {
		if (simple_match(units + 1, n - 1, s, len))
			return true;
		uint32_t skipped;
		unsigned step = len ? utf8_decode(s, len, &skipped) : 0;
		step = step ? step : 1;
		return len && simple_match(units, n, s + step, len - step);
	}
	uint32_t code_point;
	unsigned octets = len ? utf8_decode(s, len, &code_point) : 0;
	if (len == 0)
		return false;
	if (octets == 0) { /* invalid: one octet, no character */
		octets = 1;
		code_point = UNIT_OCTET + s[0];
	}
	bool dash = code_point == '-' || code_point == '/' || (code_point >= 0x2013 && code_point <= 0x2015);
	bool same = units[0] == UNIT_ONE || (units[0] == UNIT_DASH ? dash : units[0] == code_point);
	return same && simple_match(units + 1, n - 1, s + octets, len - octets);
}

static void the_pattern_agrees_with_a_simpler_one(void **state)
{
	static const uint32_t unit_set[] = {'a', 'b', 0xe9, 0x4e2d, UNIT_STAR, UNIT_STAR, UNIT_ONE, UNIT_DASH, 0x2013};
	static const char *const text_set[] = {"a", "b", "\xc3\xa9", "\xe4\xb8\xad", "-", "/", "\xe2\x80\x93", "\n"};
	struct fake *fake = fake_new(20261123);
	struct arena arena;
	unsigned held = 0;
	(void)state;
	arena_init(&arena, &fake->env, 0);
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t units[8];
		struct unit_text t = {units, (uint32_t)fake_random_below(fake, 7)};
		for (uint32_t i = 0; i < t.count; i++)
			units[i] = unit_set[fake_random_below(fake, COUNT(unit_set))];
		struct pattern *p = pattern_new(&arena, &t, true);
		assert_non_null(p);
		for (unsigned k = 0; k < 8; k++) {
			char text[64] = "";
			for (uint64_t n = fake_random_below(fake, 8); n > 0; n--)
				strcat(text, text_set[fake_random_below(fake, COUNT(text_set))]);
			size_t len = strlen(text);
			bool want = simple_match(units, t.count, (const uint8_t *)text, len);
			held += want;
			if (pattern_match(p, slice_of(text, len)) == want)
				continue;
			for (uint32_t i = 0; i < t.count; i++)
				print_message("%x ", units[i]);
			fail_msg("round %u: %s, wanted %d", round, text, want);
		}
		arena_reset(&arena);
	}
	assert_true(held > 2000); /* the property was not about nothing */
	arena_free(&arena);
	fake_free(fake);
}

/* Hints never say no to a text that matches, and mostly do to one that does not. */
static void hints_miss_nothing(void **state)
{
	static const char *const words[] = {"*",    "*", "?",        "cmd",          ".EXE", "windows",
										"\\\\", "a", "\xc3\x84", "\xe2\x84\xaa", "net"};
	struct fake *fake = fake_new(3);
	struct arena arena;
	unsigned matched = 0, told = 0, other = 0;
	(void)state;
	arena_init(&arena, &fake->env, 0);
	for (unsigned round = 0; round < 40000; round++) {
		char written[128] = "", text[128] = "";
		uint8_t folded[FOLD_ROOM(sizeof text)];
		uint64_t bits[8] = {0};
		struct unit_text t;
		struct pattern_text ends;
		for (uint64_t n = 1 + fake_random_below(fake, 5); n > 0; n--)
			strcat(written, words[fake_random_below(fake, COUNT(words))]);
		for (uint64_t n = fake_random_below(fake, 7); n > 0; n--)
			strcat(text, words[2 + fake_random_below(fake, COUNT(words) - 2)]);
		arena_reset(&arena);
		assert_true(unit_text_parse(&arena, slice_str(written), &t));
		const struct pattern *p = pattern_new(&arena, &t, false);
		assert_non_null(p);
		struct slice value = slice_of(folded, fold(slice_str(text), folded));
		pattern_text_ends(&ends, value);
		if (round % 2)
			pattern_text_pairs(&ends, value, bits, 511);
		bool may = pattern_may(p, &ends), match = pattern_match(p, value);
		if (match && !may)
			fail_msg("%s matches %s, the hints say no", text, written);
		matched += match;
		told += !match && !may;
		other += !match && may;
	}
	printf("%u match, %u told by hints, %u not\n", matched, told, other);
	assert_true(matched > 2000 && told > 2 * other);
	arena_free(&arena);
	fake_free(fake);
}

static void octets_that_are_no_text(void **state)
{
	struct fake *fake = fake_new(1);
	struct arena arena;
	struct unit_text t;
	(void)state;
	arena_init(&arena, &fake->env, 0);
	assert_true(unit_text_parse(&arena, SLICE("a?b"), &t));
	struct pattern *p = pattern_new(&arena, &t, true);
	assert_true(pattern_match(p, SLICE("a\xff"
									   "b")));
	assert_true(pattern_match(p, SLICE("a\0b")));
	assert_false(pattern_match(p, SLICE("a\xc3"
										"bb")));
	uint32_t units[] = {UNIT_OCTET + 0xff, 'x'};
	p = pattern_new(&arena, &(struct unit_text){units, 2}, true);
	assert_true(pattern_match(p, SLICE("\xffx")));
	arena_free(&arena);
	fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pattern_agrees_with_a_simpler_one),
		cmocka_unit_test(hints_miss_nothing),
		cmocka_unit_test(octets_that_are_no_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
