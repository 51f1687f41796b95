/* The shipped decoders: they load without a word, every test line in them passes, and each has at least one. */
#include "rules/decoder.h"
#include "tests/unit/rules/decoder_rig.h"

static void print_told(void *ctx, const struct diagnostic *d)
{
	(void)ctx;
	print_error("%s:%u: %s: %s\n", d->file, d->line, d->rule, d->text);
}

static void shipped_decoders_pass_their_tests(void **state)
{
	static const char *const paths[] = {"rules/library/decoders"};
	struct env env = env_system();
	struct decoders *d;
	struct error error = {0};
	uint32_t tests, untested = 0;
	(void)state;
	if (decoders_load(&env, paths, 1, print_told, NULL, &d, &error) != 0)
		fail_msg("%s (run from the top of the tree)", error.text);
	assert_true(d->count > 30);
	assert_int_equal(decoders_test(d, &env, print_told, NULL, &tests), 0);
	for (uint32_t i = 0; i < d->count; i++)
		if (d->list[i]->test_count == 0) {
			print_error("%.*s has no test line\n", SLICE_PRINT(d->list[i]->name));
			untested++;
		}
	assert_int_equal(untested, 0);
	decoders_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_decoders_pass_their_tests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
