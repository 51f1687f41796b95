#include "tests/unit/rules/sigma_rig.h"

struct text_tree {
	struct fake *fake;
	struct arena arena;
	struct yaml_tree tree;
};

static void text_open(struct text_tree *t)
{
	t->fake = fake_new(1);
	arena_init(&t->arena, &t->fake->env, 0);
}

static void text_parse(struct text_tree *t, struct slice text)
{
	struct error error = {0};
	arena_reset(&t->arena);
	assert_int_equal(yaml_tree_parse(&t->arena, text, &t->tree, &error), 0);
}

static void text_close(struct text_tree *t)
{
	arena_free(&t->arena);
	assert_int_equal(t->fake->memory.outstanding, 0);
	fake_free(t->fake);
}

static void scalars_have_the_types_of_yaml_1_1(void **state)
{
	static const struct {
		const char *text;
		enum tree_type type;
		bool differs;
		double value;
	} cases[] = {
		{"", TREE_NULL, false, 0},
		{"~", TREE_NULL, false, 0},
		{"Null", TREE_NULL, false, 0},
		{"true", TREE_BOOL, false, 1},
		{"False", TREE_BOOL, false, 0},
		{"yes", TREE_BOOL, true, 1},
		{"OFF", TREE_BOOL, true, 0},
		{"y", TREE_STRING, false, 0},
		{"yEs", TREE_STRING, false, 0},
		{"0", TREE_INT, false, 0},
		{"-12", TREE_INT, false, -12},
		{"+12", TREE_INT, false, 12},
		{"017", TREE_INT, true, 15},
		{"0x1F", TREE_INT, false, 31},
		{"0b101", TREE_INT, true, 5},
		{"1_000", TREE_INT, true, 1000},
		{"1:30", TREE_INT, true, 90},
		{"1:60", TREE_STRING, false, 0},
		{"018", TREE_STRING, false, 0},
		{"0x", TREE_STRING, false, 0},
		{"0o17", TREE_STRING, false, 0},
		{"1.5", TREE_FLOAT, false, 1.5},
		{"-1.5e+3", TREE_FLOAT, false, -1500},
		{"1e3", TREE_STRING, false, 0},
		{".5", TREE_FLOAT, false, 0.5},
		{".", TREE_STRING, false, 0},
		{"1.2.3", TREE_STRING, false, 0},
		{"2024-01-02", TREE_STRING, false, 0},
		{"9223372036854775807", TREE_INT, false, 9223372036854775807.0},
		{"9223372036854775808", TREE_UINT, false, 9223372036854775808.0},
		{"-9223372036854775808", TREE_INT, false, -9223372036854775808.0},
		{"18446744073709551616", TREE_STRING, false, 0},
		{"-9223372036854775809", TREE_STRING, false, 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tree_node n = {.text = slice_str(cases[i].text)};
		tree_resolve(&n);
		double value = n.type == TREE_BOOL    ? n.truth
					   : n.type == TREE_INT   ? (double)n.i64
					   : n.type == TREE_UINT  ? (double)n.u64
					   : n.type == TREE_FLOAT ? n.f64
											  : 0;
		if (n.type != cases[i].type || n.differs != cases[i].differs || value < cases[i].value ||
			value > cases[i].value)
			fail_msg("'%s': type %d, differs %d, %f", cases[i].text, n.type, n.differs, value);
	}
}

static void places_and_quotes(void **state)
{
	struct text_tree t;
	(void)state;
	text_open(&t);
	text_parse(&t, SLICE("a: 'yes'\nb:\n  - \"\xc3\xa9\", \n  - !!str 5\n---\n---\nc: |\n  x\n"));
	assert_int_equal(t.tree.count, 1);
	assert_int_equal(t.tree.documents[0].error.code, ERROR_SYNTAX); /* the comma behind a quoted item */
	text_parse(&t, SLICE("a: 'yes'\nb:\n  - \"\xc3\xa9\"\n  - !!str 5\n---\n---\nc: |\n  x\n"));
	assert_int_equal(t.tree.count, 2); /* the empty document is left out */
	struct tree_node *root = t.tree.documents[0].root, *b = tree_get(root, "b");
	assert_int_equal(tree_get(root, "a")->type, TREE_STRING);
	assert_true(tree_get(root, "a")->quoted);
	assert_int_equal(tree_get(root, "a")->column, 4);
	assert_int_equal(b->items[0]->line, 3);
	assert_int_equal(b->items[0]->column, 5);
	assert_int_equal(b->items[1]->type, TREE_STRING);
	assert_true(tree_get(t.tree.documents[1].root, "c")->block);
	assert_null(tree_get(root, "nosuch"));
	text_close(&t);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
		uint32_t line, column;
	} cases[] = {
		{"a: 1\nb: 2\na: 3\n", "'a' stands here again, first in line 1", 3, 1},
		{"a: {b: 1, b: 2}\n", "'b' stands here again", 1, 11},
		{"a: *x\n", "without an anchor", 1, 4},
		{"a: &x [1, *x]\n", "inside the node", 1, 11},
		{"? [a]\n: b\n", "a key must be a scalar", 1, 3},
		{"a: !x b\n", "tag", 1, 4},
		{"a: !!python/object:x []\n", "tag", 1, 4},
		{"<<: {a: 1}\n", "merge", 1, 1},
		{"a: [1\n", "not YAML", 2, 1},
		{"a: \"\\q\"\n", "not YAML", 1, 5},
	};
	struct text_tree t;
	(void)state;
	text_open(&t);
	for (size_t i = 0; i < COUNT(cases); i++) {
		text_parse(&t, slice_str(cases[i].text));
		const struct yaml_document *d = &t.tree.documents[0];
		if (t.tree.count != 1 || d->root || !strstr(d->error.text, cases[i].says) || d->error.line != cases[i].line ||
			d->error.column != cases[i].column)
			fail_msg("%s: %u:%u %s", cases[i].text, d->error.line, d->error.column, d->error.text);
	}
	/* the document after one that is wrong in itself still counts */
	text_parse(&t, SLICE("a: 1\na: 2\n---\nb: 1\n"));
	assert_int_equal(t.tree.count, 2);
	assert_null(t.tree.documents[0].root);
	assert_non_null(t.tree.documents[1].root);
	text_close(&t);
}

static void aliases_share_and_bombs_do_not_grow(void **state)
{
	struct text_tree t;
	(void)state;
	text_open(&t);
	text_parse(&t, SLICE("a: &x {b: 1}\nc: *x\n"));
	assert_ptr_equal(tree_get(t.tree.documents[0].root, "a"), tree_get(t.tree.documents[0].root, "c"));
	char bomb[4096] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
	for (int i = 1; i < 12; i++) {
		snprintf(bomb + strlen(bomb), sizeof bomb - strlen(bomb), "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			snprintf(bomb + strlen(bomb), sizeof bomb - strlen(bomb), "%s*a%d", k ? ", " : "", i - 1);
		strcat(bomb, "]\n");
	}
	text_parse(&t, slice_str(bomb));
	assert_null(t.tree.documents[0].root);
	assert_non_null(strstr(t.tree.documents[0].error.text, "too many nodes"));
	assert_true(t.arena.used_bytes < 1000000);
	text_close(&t);
}

static void depth_at_the_limit_and_past_it(void **state)
{
	struct text_tree t;
	char text[3 * YAML_TREE_DEPTH];
	(void)state;
	text_open(&t);
	for (unsigned over = 0; over < 2; over++) {
		unsigned n = YAML_TREE_DEPTH + over;
		memset(text, '[', n);
		memset(text + n, ']', n);
		text_parse(&t, slice_of(text, 2 * n));
		assert_int_equal(t.tree.documents[0].root == NULL, over);
	}
	text_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_have_the_types_of_yaml_1_1),
		cmocka_unit_test(places_and_quotes),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(aliases_share_and_bombs_do_not_grow),
		cmocka_unit_test(depth_at_the_limit_and_past_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
