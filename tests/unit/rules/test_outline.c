/* The outline of a regular expression: what it holds, and that nothing matches without it. */
#include "tests/unit/rules/sigma_rig.h"

#include "rules/outline.h"
#include "rules/regex.h"

struct outline_case {
	const char *regex, *units; /* '*' for a star; empty: no outline */
	bool whole;
};

static void print_units(const struct unit_text *u, char *to)
{
	for (uint32_t i = 0; i < u->count; i++)
		*to++ = u->units[i] == UNIT_STAR ? '*' : (char)u->units[i];
	*to = 0;
}

static void outlines_are_what_must_be_there(void **state)
{
	static const struct outline_case cases[] = {
		{"cmd", "*cmd*", false},
		{"(?i)cmd", "*cmd*", true},
		{"\\+.*\\+", "*+*+*", true},
		{"\\+.*?\\+", "*+*+*", true},
		{"\\+.*+\\+", "*+*+*", false},
		{"\\+.+\\+", "*+*+*", false},
		{"a+b", "*a*b*", false},
		{"ab?c", "*a*c*", false},
		{"ab*c", "*a*c*", false},
		{"ab{0,3}c", "*a*c*", false},
		{"ab{2,3}c", "*ab*c*", false},
		{"a{2}", "*a*", false},
		{"a{,2}", "", false},
		{"a{x", "*a{x*", false},
		{"^\\\\sessionresume_[a-zA-Z]{8}$", "*\\sessionresume_*", false},
		{"ping\\s+-n.{6,64}echo EEEE\\s?>\\s?", "*ping*-n*echo EEEE*>*", false},
		{"(?i)(?:set).*&&\\s?set.*(?:environment|invoke).*&&.*\"", "*set*&&*set*&&*\"*", false},
		{"(ab)?c", "*c*", false},
		{"(ab)+c", "*ab*c*", false},
		{"((a|b)c)d", "*c*d*", false},
		{"(a(b|(c))?)d", "*a*d*", false},
		{"a|b", "", false},
		{"[^]ab]c[\\]d]e", "*c*e*", false},
		{"[[:alpha:]]c", "", false},
		{"(?=a)b", "", false},
		{"(?<!a)b", "", false},
		{"(?#x)b", "", false},
		{"(?x)b c", "", false},
		{"a\\Qb|c\\E", "", false},
		{"\\x41b", "", false},
		{"(a)\\1b", "", false},
		{"\xc3\xa4?bc", "*bc*", false},
		{".*", "", false},
		{"", "", false},
	};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct outline o;
		char got[256];
		assert_true(outline_read(&rig.arena, slice_str(cases[i].regex), false, &o));
		print_units(&o.units, got);
		if (strcmp(got, cases[i].units) != 0 || (o.units.count && o.whole != cases[i].whole))
			fail_msg("%s: \"%s\"%s, not \"%s\"", cases[i].regex, got, o.whole ? " and nothing else" : "",
					 cases[i].units);
	}
	rig_close(&rig);
}

/* ---- made up ---- */

static uint32_t below(struct rig *rig, uint32_t n)
{
	uint32_t v = 0;
	rig->fake->env.random.fill(rig->fake->env.random.ctx, &v, sizeof v);
	return v % n;
}

static size_t put(struct rig *rig, const char *const *list, size_t count, uint32_t n, char *to, size_t room)
{
	size_t len = 0;
	to[0] = 0;
	while (n-- > 0)
		len += (size_t)snprintf(to + len, room - len, "%s", list[below(rig, (uint32_t)count)]);
	return len;
}

static const char *const regex_pieces[] = {
	"a",           "b",    "K",        "s",
	"\\.",         "\\+",  "-",        "ab",
	"+",           "*",    "?",        "{2}",
	"{0,1}",       "{1,}", "{",        "}",
	"]",           ".*",   ".",        ".+",
	"^",           "$",    "(",        ")",
	"|",           "(?:",  "(?i)",     "(?-i)",
	"[ab",         "[^",   "]",        "[a]",
	"\\d",         "\\s",  "\\",       "\\Q",
	"\\E",         "(?=",  "(?!",      "(?i:",
	"\n",          " ",    "(?>",      "\\b",
	"\\K",         "\\R",  "*+",       ".*?",
	"1",           "\\1",  "\xc3\xa4", "\xe2\x84\xaa",
	"[[:alpha:]]", "(?s)", "{,2}",     "\\x41",
};
static const char *const text_pieces[] = {
	"a",        "b",    "A",        "k", "K",   "S",     "s", ".", "+",        "-",        "ab",
	"aab",      "\n",   "\r",       " ", "1",   "{",     "}", "]", "\xc3\xa4", "\xc3\x84", "\xe2\x84\xaa",
	"\xc5\xbf", "\xff", "\xe2\x84", "Q", "b+a", "a.+b-",
};

struct tally {
	unsigned compiled, outlined, whole, matched;
};

static void compare(struct rig *rig, const struct outline *o, const struct regex *regex, struct regex_scratch *scratch,
					struct tally *tally)
{
	char text[256];
	uint8_t folded[FOLD_ROOM(sizeof text)];
	struct pattern *pattern = pattern_new(&rig->arena, &o->units, false);
	assert_non_null(pattern);
	for (unsigned i = 0; i < 30; i++) {
		struct slice value =
			slice_of(text, put(rig, text_pieces, COUNT(text_pieces), below(rig, 14), text, sizeof text));
		bool line = utf8_valid(value) && !memchr(text, '\n', value.len) && !memchr(text, '\r', value.len);
		bool outlined = pattern_match(pattern, slice_of(folded, fold(value, folded)));
		enum regex_result result = regex_search(regex, scratch, value);
		tally->matched += result == REGEX_YES;
		if ((result == REGEX_YES && !outlined) || (result == REGEX_NO && outlined && o->whole && line))
			fail_msg("\"%s\" %s", text,
					 outlined ? "has the outline and does not match" : "matches without the outline");
	}
}

static void nothing_matches_without_its_outline(void **state)
{
	struct rig rig;
	struct tally tally = {0};
	(void)state;
	rig_open(&rig);
	struct regex_scratch *scratch = regex_scratch_new(&rig.fake->env);
	for (unsigned round = 0; round < 40000; round++) {
		char text[256];
		struct regex *regex;
		struct outline o;
		uint32_t flags = below(&rig, 2) ? REGEX_IGNORE_CASE : 0;
		flags |= below(&rig, 4) == 0 ? REGEX_DOT_ALL : 0;
		flags |= below(&rig, 4) == 0 ? REGEX_MULTI_LINE : 0;
		struct slice written =
			slice_of(text, put(&rig, regex_pieces, COUNT(regex_pieces), 1 + below(&rig, 8), text, sizeof text));
		arena_reset(&rig.arena);
		assert_true(outline_read(&rig.arena, written, flags & REGEX_IGNORE_CASE, &o));
		if (regex_compile(&rig.fake->env, written, flags, &regex, NULL))
			continue;
		tally.compiled++;
		tally.outlined += o.units.count > 0;
		tally.whole += o.units.count > 0 && o.whole;
		if (o.units.count)
			compare(&rig, &o, regex, scratch, &tally);
		regex_free(regex);
	}
	regex_scratch_free(scratch);
	printf("%u compiled, %u with an outline, %u of nothing else, %u matches\n", tally.compiled, tally.outlined,
		   tally.whole, tally.matched);
	assert_true(tally.outlined > 3000 && tally.whole > 100 && tally.matched > 5000);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outlines_are_what_must_be_there),
		cmocka_unit_test(nothing_matches_without_its_outline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
