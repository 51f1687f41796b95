/* Key=value texts as devices write them. */
#include "common/kv.h"
#include "tests/unit/rules/decoder_rig.h"

struct kv_case {
	const char *text, *separator, *assign;
	bool spaced, loose;
	const char *pairs; /* "key|value" joined by a newline */
};

static void pairs_come_out(void **state)
{
	static const struct kv_case cases[] = {
		{"a=1 b=2", " ", "=", false, false, "a|1\nb|2"},
		{"a= b=2", " ", "=", false, false, "a|\nb|2"},
		{"a=\"x y\" b=\"\"", " ", "=", false, false, "a|x y\nb|"},
		{"a=\"x \\\" y\" b=2", " ", "=", false, false, "a|x \\\" y\nb|2"},
		{"a=\"never closed", " ", "=", false, false, "a|never closed"},
		{"words before a=1 and after", " ", "=", false, false, "a|1"},
		{"a=b=c d=1", " ", "=", false, false, "a|b=c\nd|1"},
		{"msg=two words src=1", " ", "=", true, false, "msg|two words\nsrc|1"},
		{"request=http://x/?a=1&b=2 src=1", " ", "=", true, false, "request|http://x/?a=1&b=2\nsrc|1"},
		{"a=1;b=2;", ";", "=", false, false, "a|1\nb|2"},
		{"a=1;rest;b=2", ";", "=", false, false, "a|1;rest\nb|2"},
		{"a=1;rest;b=2", ";", "=", false, true, "a|1\nb|2"},
		{"head: a=1;b=2", ";", "=", false, false, "a|1\nb|2"},
		{"a=\"1;2\";b=3", ";", "=", false, false, "a|1;2\nb|3"},
		{"源IP:192.0.2.1, 动作:拒绝", ", ", ":", false, false, "源IP|192.0.2.1\n动作|拒绝"},
		{"{\"a\":1,\"b\":\"x,y\"", ",", ":", false, false, "a|1\nb|x,y"},
		{"=1 ==2 =", " ", "=", false, false, ""},
		{";;;=;", ";", "=", false, false, ""},
		/* a mark that may stand in a key */
		{"a/1 b/2/3", " ", "/", false, false, "a|1\nb|2/3"},
		{"a/1,b/2", ",", "/", false, false, "a|1\nb|2"},
		{"", " ", "=", false, false, ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kv_rules rules = {.separator = slice_str(cases[i].separator),
								 .assign = slice_str(cases[i].assign),
								 .quote = '"',
								 .spaced = cases[i].spaced,
								 .loose = cases[i].loose};
		struct kv_reader r;
		struct kv_pair pair;
		char got[1024] = "";
		size_t n = 0;
		kv_reader_init(&r, &rules, slice_str(cases[i].text));
		while (kv_next(&r, &pair))
			n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s|%.*s", n ? "\n" : "", SLICE_PRINT(pair.key),
								  SLICE_PRINT(pair.value));
		if (strcmp(got, cases[i].pairs) != 0)
			fail_msg("'%s' by '%s': got '%s'", cases[i].text, cases[i].separator, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_come_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
