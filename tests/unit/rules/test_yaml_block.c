#include "rules/yaml_block.h"

#include "tests/unit/rules/sigma_rig.h"

struct both {
	struct fake *fake;
	struct arena quick, any;
	struct yaml_tree a, b;
};

static void both_open(struct both *t)
{
	t->fake = fake_new(1);
	arena_init(&t->quick, &t->fake->env, 0);
	arena_init(&t->any, &t->fake->env, 0);
}

static void both_close(struct both *t)
{
	arena_free(&t->quick);
	arena_free(&t->any);
	assert_int_equal(t->fake->memory.outstanding, 0);
	fake_free(t->fake);
}

static int both_parse(struct both *t, const char *text)
{
	arena_reset(&t->quick);
	arena_reset(&t->any);
	assert_int_equal(yaml_tree_parse_any(&t->any, slice_str(text), &t->b, NULL), 0);
	return yaml_block_parse(&t->quick, slice_str(text), &t->a);
}

static bool same_node(const struct tree_node *a, const struct tree_node *b)
{
	if (a->type != b->type || a->line != b->line || a->column != b->column || a->weight != b->weight ||
		a->quoted != b->quoted || a->block != b->block || !slice_equal(a->text, b->text) || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		bool map = a->type == TREE_MAP;
		if (map && !same_node(a->pairs[i].key, b->pairs[i].key))
			return false;
		if (!same_node(map ? a->pairs[i].value : a->items[i], map ? b->pairs[i].value : b->items[i]))
			return false;
	}
	return true;
}

static bool same_trees(const struct yaml_tree *a, const struct yaml_tree *b)
{
	bool same = a->count == b->count && !b->cut;
	for (uint32_t i = 0; same && i < a->count; i++)
		same = b->documents[i].root && a->documents[i].line == b->documents[i].line &&
			   same_node(a->documents[i].root, b->documents[i].root);
	return same;
}

static void what_rules_are_written_in(void **state)
{
	static const char *const texts[] = {
		"",
		"# nothing\n",
		"---\n---\n# c\n",
		"a: 1\n---\nb: 2\n--- \n- c\n",
		"\n  a: 1\n  b: 2",
		"a:\nb:   # c\nc: ~\nd: -1\n",
		"a:\n- x\n- y:  z\n  w: 0x1f\nb: yes\n",
		"a:\n  -   x\n  - - y\n    -\n    - z\n  -\n    u: v\n  - # c\nb: c\n",
		"a: one two # three\nb: four#five six:seven\nc: -x\n",
		"a: one\n  two\n\n\n  three\n# end\nb:\n    four - five\n  six\n",
		"- a\n  b\n- c\n",
		"a:\n- x\n  - y\n",
		"a: 'it''s'\nb: \"x\\\\y\\\"z\"\n'c d' : \"\" # e\n'|all':\n  - ''\n",
		"a: |\n  x\n   y\n\n  z\n\nb: >-\n\n  x\n  y\n\n   z\n  w\nc: |+\n  x\n\n\nd: >\n  x\n",
		"a: |\n  x",
		"a: |-\n  x\n \nb: |\n      x\n     \n  # no comment\n# comment\n",
		"\xc3\xa9\xc3\xa9: x # \xe2\x82\xac\n\"\xf0\x9f\x98\x80\":  y\n",
		"\"\\\\\xf0\x9f\x98\x80\": x\nb: {\"\\\\\xc3\xa9\": y}\n",
		"a: ::1/128\n:b: c\n'e': :f\n",
		"a: &x 1 # y\nb: *x\nc: &y\n- &z-1 {d: e}\n- *x\n- *z-1\nf: &g # h\n  i: *y\nj: &k |\n  l\nm:\n  - &n\n    - o\n  - &p q\n    r\n",
		"a: &x b\nc: *x\n---\na: &x c\nd: *x\n",
		"a b c: d\n<: e\nf\\g|re: h\n1: i\n",
		"--- # c\na: ---\nb: ...\n",
		"a: {b: c d, 'e': [f, -1, \"g\", {h: a::1:2}], \"i\" : 0x1f} # j\n",
		"a: []\nb: {}\nc: [ ]\n",
		"- [d, [e]]\n- { f: g , h: 'i' }\n-\n  [\xc3\xa9, k]\n",
	};
	struct both t;
	(void)state;
	both_open(&t);
	for (size_t i = 0; i < COUNT(texts); i++)
		if (both_parse(&t, texts[i]) != 0 || !same_trees(&t.a, &t.b))
			fail_msg("%s", texts[i]);
	both_close(&t);
}

static void what_is_left_to_libyaml(void **state)
{
	static const char *const texts[] = {
		"x",
		"a: {b: c\n  }\n",
		"a: [b,]\n",
		"a: [b, , c]\n",
		"a: [b: c]\n",
		"a: {b}\n",
		"a: {b: }\n",
		"a: {b:c}\n",
		"a: {b: 1, b: 2}\n",
		"a: {<<: b}\n",
		"a: [-]\n",
		"a: [::1]\n",
		": a\n",
		"a: [b #c]\n",
		"a: [*b, &c d]\n",
		"a: [b] c\n",
		"a: {b: c}: d\n",
		"[a, b]: c\n",
		"a: [b?c]\n",
		"a: &b c: d\n",
		"- &a b: c\n",
		"a: &b\n  c\n",
		"a: &b\nc: d\n",
		"a: &b &c d\n",
		"a: &b 1\nc: &b 2\n",
		"a: &b [*b]\n",
		"a: &b\n  c: *b\n",
		"a: &b 1\nc: &d *b\n",
		"a: &b 1\n*b : c\n",
		"a: &b 1\nc:\n  *b\n",
		"a: &b. c\n",
		"a: &b 1\n---\nc: *b\n",
		"a: *b\n",
		"a: !!str 1\n",
		"? a\n: b\n",
		"a:\tb\n",
		"a: b\r\n",
		"a: 'b\n  c'\n",
		"a: \"\\n\"\n",
		"a: |2\n  b\n",
		"a: |\n   \n  b\n",
		"a: |\nb: c\n",
		"--- a\n",
		"a: b\n...\n",
		"%YAML 1.1\n---\na: b\n",
		"a: b: c\n",
		"a: b\n  c: d\n",
		"a:\n    b: c\n  d: e\n",
		"a:\n  - b\n - c\n",
		"- a\nb: c\n",
		"a: - b\n",
		"a: 'b' c\n",
		"a: 'b'#c\n",
		"a: b\nc\n",
		"a: 1\nb: 2\na: 3\n",
		"<<: a\n",
		"a: \xc2\x85\n",
		"a: \xe2\x80\xa8\n",
		"\357\273\277a: b\n",
		"a: \xff\n",
		"a: \x7f\n",
		"a: `b`\n",
		"a: @b\n",
	};
	struct both t;
	(void)state;
	both_open(&t);
	for (size_t i = 0; i < COUNT(texts); i++)
		if (both_parse(&t, texts[i]) != BLOCK_DECLINED || t.quick.used_bytes != 0)
			fail_msg("%s", texts[i]);
	both_close(&t);
}

/* As deep as a document may be, and one deeper. */
static void depth(void **state)
{
	char text[512];
	struct both t;
	(void)state;
	both_open(&t);
	for (unsigned deep = YAML_TREE_DEPTH - 3; deep <= YAML_TREE_DEPTH + 1; deep++) {
		for (unsigned i = 0; i < deep; i++)
			memcpy(text + 2 * i, "- ", 3);
		strcat(text, "a: b\n");
		int rc = both_parse(&t, text);
		assert_true(rc == BLOCK_DECLINED || same_trees(&t.a, &t.b));
		assert_int_equal(rc == 0, deep < YAML_TREE_DEPTH - 1);
		text[2 * deep - 1] = 0; /* a list whose last item is not there */
		rc = both_parse(&t, text);
		assert_true(rc == BLOCK_DECLINED || same_trees(&t.a, &t.b));
	}
	both_close(&t);
}

/* Anchors are looked for one by one, keys of a large map are not. */
static void many_names(void **state)
{
	char text[8192];
	struct both t;
	(void)state;
	both_open(&t);
	for (unsigned count = 63; count <= 65; count++) {
		size_t len = 0;
		for (unsigned i = 0; i < count; i++)
			len += (size_t)snprintf(text + len, sizeof text - len, "- &a%u x\n", i);
		int rc = both_parse(&t, text);
		assert_int_equal(rc == 0, count <= 64);
		assert_true(rc == BLOCK_DECLINED || same_trees(&t.a, &t.b));
	}
	for (unsigned again = 0; again < 2; again++) {
		size_t len = 0;
		for (unsigned i = 0; i < 500; i++)
			len += (size_t)snprintf(text + len, sizeof text - len, "k%u: x\n", i);
		snprintf(text + len, sizeof text - len, again ? "k7: y\n" : "k500: y\n");
		int rc = both_parse(&t, text);
		assert_int_equal(rc, again ? BLOCK_DECLINED : 0);
		assert_true(again || same_trees(&t.a, &t.b));
	}
	both_close(&t);
}

static void no_memory(void **state)
{
	struct both t;
	(void)state;
	both_open(&t);
	for (uint64_t nth = 1; nth <= 8; nth++) {
		arena_free(&t.quick);
		arena_init(&t.quick, &t.fake->env, 64);
		t.fake->memory.calls = 0;
		t.fake->memory.fail_at = nth;
		assert_int_equal(yaml_block_parse(&t.quick, SLICE("a:\n  - b\n  - c: d\n"), &t.a), -ERROR_MEMORY);
		t.fake->memory.fail_at = 0;
	}
	both_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_rules_are_written_in),
		cmocka_unit_test(what_is_left_to_libyaml),
		cmocka_unit_test(depth),
		cmocka_unit_test(many_names),
		cmocka_unit_test(no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
