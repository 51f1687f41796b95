#include "tests/unit/cli/rig.h"

#include "cli/data.h"

static void epochs_are_never_given_twice(void **state)
{
	struct fake *fake = fake_new(1);
	struct data d;
	struct error error = {0};
	uint8_t uuid[16];
	uint64_t epoch, last = 0;
	(void)state;
	for (int run = 0; run < 5; run++) {
		assert_int_equal(data_own(&d, &fake->env, "/d", true, &error), 0);
		if (run)
			assert_memory_equal(uuid, d.uuid, 16);
		memcpy(uuid, d.uuid, 16);
		assert_int_equal(d.uuid[6] >> 4, 4);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(data_epoch(&d, &epoch, &error), 0);
			assert_true(epoch > last);
			last = epoch;
		}
		data_release(&d);
		data_release(&d); /* twice does no harm */
	}
	assert_int_equal(fake_files_open(fake), 0);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void one_owner(void **state)
{
	struct fake *fake = fake_new(1);
	struct data a, b;
	struct error error = {0};
	long pid = 0;
	(void)state;
	assert_false(data_owned(&fake->env, "/d", &pid));
	assert_int_equal(data_own(&a, &fake->env, "/d", false, &error), -ERROR_NOT_FOUND);
	assert_int_equal(data_own(&a, &fake->env, "/d", true, &error), 0);
	assert_true(data_owned(&fake->env, "/d", &pid));
	assert_int_equal(pid, getpid());
	assert_int_equal(data_own(&b, &fake->env, "/d", true, &error), -ERROR_BUSY);
	assert_true(data_owned(&fake->env, "/d", &pid)); /* the loser let go of nothing that is not its own */
	data_release(&a);
	assert_false(data_owned(&fake->env, "/d", &pid));
	assert_int_equal(data_own(&b, &fake->env, "/d", true, &error), 0);
	data_release(&b);
	assert_int_equal(fake_files_open(fake), 0);
	fake_free(fake);
}

static void a_file_is_no_data_directory(void **state)
{
	struct fake *fake = fake_new(1);
	struct data d;
	struct error error = {0};
	(void)state;
	fake_file_put(fake, "/f", "x", 1);
	assert_int_equal(data_own(&d, &fake->env, "/f", true, &error), -ERROR_USAGE);
	fake_free(fake);
}

/* Every call may fail: an error comes back, nothing stays open, and afterwards it works and no epoch comes again. */
static void every_failure(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct fake *fake = fake_new(n);
		struct data d;
		struct error error = {0};
		uint64_t epoch = 0, again;
		fake->files.fail_at = n;
		int result = data_own(&d, &fake->env, "/d", true, &error);
		if (!result) {
			(void)data_epoch(&d, &epoch, &error);
			data_release(&d);
		}
		bool reached = fake->files.failed > 0;
		fake->files.fail_at = 0;
		assert_int_equal(fake_files_open(fake), 0);
		assert_int_equal(data_own(&d, &fake->env, "/d", true, &error), 0);
		assert_int_equal(data_epoch(&d, &again, &error), 0);
		assert_true(again > 0);
		if (!error.code)
			assert_true(again > epoch);
		data_release(&d);
		assert_int_equal(fake->memory.outstanding, 0);
		fake_free(fake);
		if (!reached)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(epochs_are_never_given_twice),
		cmocka_unit_test(one_owner),
		cmocka_unit_test(a_file_is_no_data_directory),
		cmocka_unit_test(every_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
