#include "tests/unit/cli/rig.h"

#include "cli/json_tree.h"

static void with_tree(const char *text, size_t len, void (*look)(const struct json_node *root))
{
	struct fake *fake = fake_new(1);
	struct arena arena;
	arena_init(&arena, &fake->env, 0);
	look(json_tree(&arena, slice_of(text, len)));
	arena_free(&arena);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void look_members(const struct json_node *root)
{
	assert_non_null(root);
	assert_string_equal(json_member_str(root, "a", ""), "x\"y");
	assert_int_equal(json_member_i64(root, "n", 0), INT64_MIN);
	assert_int_equal(json_member_i64(root, "big", 7), 7); /* does not fit: not cut, not there */
	assert_int_equal(json_member_i64(root, "f", 7), 7);
	assert_true(json_member_true(root, "t"));
	assert_false(json_member_true(root, "a"));
	assert_string_equal(json_member_str(root, "n", "none"), "none");
	assert_null(json_member(root, "missing"));
	assert_null(json_member(NULL, "a"));
	const struct json_node *o = json_member(root, "o");
	assert_true(slice_equal(o->text, SLICE("{\"b\":[1,{\"c\":null}]}")));
	assert_true(slice_equal(json_member(o, "b")->text, SLICE("[1,{\"c\":null}]")));
	assert_int_equal(json_member(json_member(o, "b")->first->next, "c")->type, JSON_NULL);
}

static void members_are_found(void **state)
{
	static const char text[] =
		"{\"a\":\"x\\\"y\",\"n\":-9223372036854775808,\"big\":9223372036854775808,\"f\":1.5,\"t\":true,"
		"\"o\":{\"b\":[1,{\"c\":null}]}}";
	(void)state;
	with_tree(text, sizeof text - 1, look_members);
}

static void look_nul(const struct json_node *root)
{
	assert_true(slice_equal(json_member_slice(root, "q"), SLICE("a\0b")));
	assert_int_equal(json_member_slice(root, "n").len, 0);
}

static void nul_is_kept(void **state)
{
	static const char text[] = "{\"q\":\"a\\u0000b\",\"n\":1}";
	(void)state;
	with_tree(text, sizeof text - 1, look_nul);
}

static void look_null(const struct json_node *root)
{
	assert_null(root);
}

static void look_some(const struct json_node *root)
{
	assert_non_null(root);
}

static void wrong_text_gives_nothing(void **state)
{
	static const char *const wrong[] = {"",    "{",         "{\"a\"}",   "[1,]", "{}x", "{\"a\":1}{}",
										"nul", "\"\\ud8\"", "{\"a\":01}"};
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		with_tree(wrong[i], strlen(wrong[i]), look_null);
}

static void depth_has_an_end(void **state)
{
	char text[4096];
	(void)state;
	for (unsigned depth = 1; depth < 2000; depth = depth < 100 ? depth + 1 : depth * 2) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		with_tree(text, 2 * depth, depth <= (unsigned)LIMIT_json_depth ? look_some : look_null);
	}
}

/* A key or a text that memory was not there for is no empty one: the whole is no tree. */
static void no_memory_is_no_tree(void **state)
{
	static const char text[] = "{\"key\":\"value\",\"long\":\"%0300d\"}";
	char json[400];
	(void)state;
	snprintf(json, sizeof json, text, 7);
	for (uint64_t n = 1;; n++) {
		struct fake *fake = fake_new(1);
		struct arena arena;
		arena_init(&arena, &fake->env, 64);
		fake->memory.fail_at = n;
		const struct json_node *root = json_tree(&arena, slice_str(json));
		bool failed = fake->memory.failed > 0;
		if (failed)
			assert_null(root);
		else
			assert_string_equal(json_member_str(root, "key", ""), "value");
		arena_free(&arena);
		fake_free(fake);
		if (!failed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found),        cmocka_unit_test(nul_is_kept),
		cmocka_unit_test(wrong_text_gives_nothing), cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(no_memory_is_no_tree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
