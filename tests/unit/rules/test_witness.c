/* Witnesses leave out only what cannot hold: rules and rows made up at random are judged both ways (rig_judge does). */
#include "tests/unit/rules/sigma_rig.h"

/* ---- made up ---- */

static uint32_t below(struct rig *rig, uint32_t n)
{
	uint32_t v = 0;
	rig->fake->env.random.fill(rig->fake->env.random.ctx, &v, sizeof v);
	return v % n;
}

static const char *const fields[] = {"Image", "CommandLine", "EventID", "user.name", "flag", "source.ip"};

/* Texts that begin and end like one another, of every length around the widths of keys, in several scripts and cases. */
static const char *const texts[] = {
	"",
	"a",
	"AB",
	"abc",
	"cmd",
	"CMD.EXE",
	"cmd.exe",
	"\\cmd.exe",
	"C:\\Windows\\System32\\cmd.exe",
	"c:\\windows\\system32\\CMD.exe",
	"C:\\Windows\\System32\\powershell.exe",
	"powershell.exe",
	"true",
	"TRUE",
	"false",
	"4625",
	"4625.0",
	"4.625e3",
	"-0",
	"0",
	"18446744073709551615",
	"10.1.2.3",
	"2001:db8::1",
	("K\xe2\x84\xaa"
	 "elvin.exe"),
	"kkelvin.exe",
	"\xc3\x84pfel.exe",
	"\xc3\xa4pfel.exe",
	"\xd0\x9f\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c",
	"\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c",
	"svchost.exe -k netsvcs",
	"abcdefgh",
	"ABCDEFGHI",
	"xabcdefgh",
	"abcdefghijklmnopqrstuvwxyz",
	"abcdefghijklmnoXqrstuvwxyz",
};
static const char *const numbers[] = {"0", "-0.0", "4625", "4625.0", "1.5", "18446744073709551615", "5", "-7"};
static const char *const modifiers[] = {
	"",
	"",
	"",
	"|contains",
	"|startswith",
	"|endswith",
	"|cased",
	"|startswith|cased",
	"|endswith|cased",
	"|contains|all",
	"|re",
	"|exists",
	"|cidr",
	"|gte",
	"|neq",
	"|fieldref",
	"|windash|contains",
	"|endswith|all",
};

static const char *pick(struct rig *rig, const char *const *list, size_t count)
{
	return list[below(rig, (uint32_t)count)];
}

/* A value as the modifier wants it, in YAML and JSON alike. */
static size_t put_value(struct rig *rig, const char *modifier, char *to, size_t room)
{
	if (strcmp(modifier, "|exists") == 0)
		return (size_t)snprintf(to, room, "%s", below(rig, 2) ? "true" : "false");
	if (strcmp(modifier, "|cidr") == 0)
		return (size_t)snprintf(to, room, "%s", below(rig, 2) ? "10.0.0.0/8" : "'2001:db8::/32'");
	if (strcmp(modifier, "|gte") == 0)
		return (size_t)snprintf(to, room, "%s", pick(rig, numbers, COUNT(numbers)));
	if (strcmp(modifier, "|fieldref") == 0)
		return (size_t)snprintf(to, room, "%s", pick(rig, fields, COUNT(fields)));
	if (strcmp(modifier, "|re") == 0)
		return (size_t)snprintf(to, room, "%s", below(rig, 2) ? "'(?i)cmd'" : "'^(a|aa)+$'");
	uint32_t kind = below(rig, 12);
	bool bare = *modifier == 0 || strcmp(modifier, "|neq") == 0;
	if (kind == 0 && bare)
		return (size_t)snprintf(to, room, "null");
	if (kind == 1 && bare)
		return (size_t)snprintf(to, room, "%s", below(rig, 2) ? "true" : "false");
	if (kind <= 4 && bare)
		return (size_t)snprintf(to, room, "%s", pick(rig, numbers, COUNT(numbers)));
	const char *text = pick(rig, texts, COUNT(texts));
	size_t len = strlen(text);
	if (kind <= 6 && bare && len > 3)
		return below(rig, 2) ? (size_t)snprintf(to, room, "'*%s'", text + below(rig, 2))
							 : (size_t)snprintf(to, room, "'%.*s*'", (int)strlen(text) - 1, text);
	return (size_t)snprintf(to, room, "'%s'", text);
}

static size_t put_item(struct rig *rig, char *to, size_t room)
{
	const char *modifier = pick(rig, modifiers, COUNT(modifiers));
	bool single = strcmp(modifier, "|exists") == 0 || strcmp(modifier, "|gte") == 0;
	bool many = strstr(modifier, "|all") != NULL;
	uint32_t count = single ? 1 : 1 + many + below(rig, 3);
	size_t n = (size_t)snprintf(to, room, "'%s%s': ", pick(rig, fields, COUNT(fields)), modifier);
	n += (size_t)snprintf(to + n, room - n, count > 1 ? "[" : "");
	for (uint32_t i = 0; i < count; i++) {
		n += (size_t)snprintf(to + n, room - n, i ? ", " : "");
		n += put_value(rig, modifier, to + n, room - n);
	}
	return n + (size_t)snprintf(to + n, room - n, count > 1 ? "]" : "");
}

static size_t put_rule(struct rig *rig, uint32_t number, char *to, size_t room)
{
	static const char *const conditions[] = {
		"a",         "a and b",     "a or b",         "a and not b",        "not a", "not (a or b)",
		"1 of them", "all of them", "(a or b) and c", "a and (b or not c)",
	};
	static const char *const categories[] = {"x", "y"};
	size_t n = (size_t)snprintf(to, room, "title: T%u\nid: t%u\nlogsource: {category: %s}\ndetection:\n", number,
								number, pick(rig, categories, 2));
	for (char name = 'a'; name <= 'c'; name++) {
		n += (size_t)snprintf(to + n, room - n, "  %c:\n", name);
		if (below(rig, 20) == 0) {
			n += (size_t)snprintf(to + n, room - n, "    - 'cmd'\n");
			continue;
		}
		bool list = below(rig, 4) == 0;
		for (uint32_t items = 1 + below(rig, 2); items > 0; items--) {
			n += (size_t)snprintf(to + n, room - n, list ? "    - " : "    ");
			n += put_item(rig, to + n, room - n);
			n += (size_t)snprintf(to + n, room - n, "\n");
		}
	}
	return n + (size_t)snprintf(to + n, room - n, "  condition: %s\n---\n", pick(rig, conditions, COUNT(conditions)));
}

static void put_json_text(char *to, size_t room, const char *text)
{
	size_t n = 0;
	to[n++] = '"';
	for (; *text && n + 4 < room; text++) {
		if (*text == '\\')
			to[n++] = '\\';
		to[n++] = *text;
	}
	to[n++] = '"';
	to[n] = 0;
}

static void put_event(struct rig *rig, char *to, size_t room)
{
	size_t n = (size_t)snprintf(to, room, "{\"other\": 1");
	char text[128];
	for (size_t i = 0; i < COUNT(fields); i++) {
		uint32_t kind = below(rig, 10);
		if (kind < 3)
			continue;
		put_json_text(text, sizeof text, pick(rig, texts, COUNT(texts)));
		const char *value = kind == 3   ? "null"
							: kind == 4 ? "true"
							: kind == 5 ? pick(rig, numbers, COUNT(numbers))
							: kind == 6 ? "[\"x\", \"cmd.exe\", 4625]"
										: text;
		n += (size_t)snprintf(to + n, room - n, ", \"%s\": %s", fields[i], value);
	}
	snprintf(to + n, room - n, "}");
}

static void both_ways_say_the_same(void **state)
{
	static char rules[262144], event[4096];
	struct rig rig;
	unsigned hits = 0, loaded = 0, events = 0;
	uint64_t fast = 0;
	(void)state;
	rig_open(&rig);
	for (unsigned round = 0; round < 30; round++) {
		size_t n = 0;
		for (uint32_t i = 0; i < 60; i++)
			n += put_rule(&rig, i, rules + n, sizeof rules - n);
		assert_true(n < sizeof rules - 1);
		rig_load(&rig, rules);
		loaded += rig.counts.loaded;
		for (unsigned k = 0; k < 60; k++, events++) {
			put_event(&rig, event, sizeof event);
			rig_event(&rig, event);
			hits += rig_judge(&rig);
		}
		fast += evaluator_tried(rig.evaluator); /* both ways together */
	}
	printf("%u rules, %u events, %u hits, %llu tried\n", loaded, events, hits, (unsigned long long)fast);
	assert_true(loaded > 600);
	assert_true(hits > 10000);
	rig_close(&rig);
}

/* ---- by hand ---- */

struct tried_case {
	const char *selection, *event;
	bool tried, holds;
};

/* What a witness is for: the rule is not looked at. */
static void rules_without_their_witness_are_not_tried(void **state)
{
	static const struct tried_case cases[] = {
		{"{EventID: 4625}", "{\"EventID\": 4625}", true, true},
		{"{EventID: 4625}", "{\"EventID\": \"4625.0\"}", true, true},
		{"{EventID: 4625}", "{\"EventID\": 4624}", false, false},
		{"{EventID: 4625, Image|contains: x}", "{\"EventID\": 4624, \"Image\": \"x\"}", false, false},
		{"{EventID: 4625}", "{\"Image\": 4625}", false, false},
		{"{a: [yes please, 'no']}", "{\"a\": \"NO\"}", true, true},
		{"{a: [yes please, 'no']}", "{\"a\": \"nothing\"}", false, false},
		{"{a: [1, other]}", "{\"a\": \"other\"}", true, true},
		{"{a|endswith: '\\powershell.exe'}", "{\"a\": \"C:\\\\PowerShell.EXE\"}", true, true},
		{"{a|endswith: '\\powershell.exe'}", "{\"a\": \"C:\\\\cmd.exe\"}", false, false},
		{"{a|endswith: '/sh'}", "{\"a\": \"/bin/sh\"}", true, true},
		{"{a|endswith: '/sh'}", "{\"a\": \"/bin/bash\"}", false, false},
		{"{a|endswith: 'sh'}", "{\"a\": \"/bin/cat\"}", false, false},
		{"{a|endswith: h}", "{\"a\": \"/bin/cat\"}", false, false},
		{"{a|startswith: 'local-user '}", "{\"a\": \"Local-User x\"}", true, true},
		{"{a|startswith: 'local-user '}", "{\"a\": \"local\"}", false, false},
		{"{a|contains: x}", "{\"a\": \"local\"}", true, false},
		{"{a|contains: xy}", "{\"a\": \"local\"}", false, false},
		{"{a|contains: x}", "{\"b\": \"x\"}", false, false},
		{"{a|contains: x, b: y}", "{\"a\": \"x\", \"b\": \"z\"}", false, false},
		{"{a|contains|all: [x, y]}", "{\"a\": \"yx\"}", true, true},
		{"{a: null}", "{\"b\": 1}", true, true},
		{"{a|exists: false}", "{\"b\": 1}", true, true},
		{"{a|exists: true}", "{\"b\": 1}", false, false},
		{"{a|exists: true}", "{\"a\": null}", true, true},
		{"{a: [null, x]}", "{\"b\": 1}", true, true},
		{"{a|neq: x}", "{\"b\": 1}", true, true},
		{"{a|neq: null}", "{\"b\": 1}", false, false},
		{"{a|neq: null}", "{\"a\": 1}", true, true},
		{"{a|neq: [null, x]}", "{\"a\": \"x\"}", true, false},
		{"[{a: x}, {b: y}]", "{\"b\": \"y\"}", true, true},
		{"[{a: x}, {b: y}]", "{\"b\": \"x\", \"a\": \"y\"}", false, false},
		{"{a: ''}", "{\"a\": \"\"}", true, true},
		{"{a: '*'}", "{\"a\": \"\"}", true, true},
		{"{a: true}", "{\"a\": \"TRUE\"}", true, true},
		{"{a: true}", "{\"a\": false}", false, false},
		{"{a: \"\xc3\x84PFEL\"}", "{\"a\": \"\xc3\xa4pfel\"}", true, true},
		{"{a: kelvin}",
		 "{\"a\": \"\xe2\x84\xaa"
		 "elvin\"}",
		 true, true},
		{"{a|cased: kelvin}",
		 "{\"a\": \"\xe2\x84\xaa"
		 "elvin\"}",
		 true, false},
	};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct tried_case *c = &cases[i];
		rig_load_selection(&rig, c->selection);
		if (rig.counts.loaded != 1)
			fail_msg("%s was refused: %s", c->selection, rig.told[0].text);
		rig_event(&rig, c->event);
		uint64_t before = evaluator_tried(rig.evaluator);
		rig_judge_way(&rig, false, NULL, 0);
		if ((evaluator_tried(rig.evaluator) > before) != c->tried || (rig.hit_count == 1) != c->holds)
			fail_msg("%s on %s: %s and %s expected", c->selection, c->event, c->tried ? "tried" : "not tried",
					 c->holds ? "true" : "false");
		rig_judge(&rig);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_without_their_witness_are_not_tried),
		cmocka_unit_test(both_ways_say_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
