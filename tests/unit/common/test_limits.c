/* docs/limits.md says what common/limits.h says. Run from the root of the sources. */
#include "tests/unit/common/test.h"

static const char *const head =
	"# Limits\n"
	"\n"
	"Every limit of Cresset and what happens past it. Made from `common/limits.h`; a test compares the two.\n"
	"\n"
	"| limit | value | past it |\n"
	"| --- | ---: | --- |\n";

static void the_page_is_the_table(void **state)
{
	(void)state;
	struct env env = env_system();
	struct buffer wanted;
	uint8_t *page;
	size_t len;
	buffer_init(&wanted, &env);
	buffer_add_str(&wanted, head);
#define X(name, value, past) buffer_add_format(&wanted, "| `%s` | %lld | %s |\n", #name, (long long)(value), past);
	LIMIT_LIST(X)
#undef X
	assert_int_equal(env_read_file(&env, "docs/limits.md", 65536, &page, &len), 0);
	if (!slice_equal(slice_of(page, len), buffer_slice(&wanted)))
		fail_msg("docs/limits.md must be:\n%.*s", SLICE_PRINT(buffer_slice(&wanted)));
	env_free(&env, page);
	buffer_free(&wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_is_the_table)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
