/* Every call fails once, and for ever; the power goes before every call. What was acknowledged stays, once and in order. */
#include "tests/unit/bus/rig.h"

/* Some of everything: making the log, recovering it, writing over several files, reading, positions, trimming. Errors
 * are looked at as a program would: retriable ones are tried again, a fatal one ends this process's bus. */
static bool is_fatal(int result, const struct error *error)
{
	return result < 0 && (error->flags & ERROR_FATAL);
}

static int produce_some(struct rig *rig, unsigned round, struct error *error)
{
	for (unsigned i = 0; i < 6; i++) {
		int result = rig_produce(rig, (round + i) % RIG_PARTITIONS, error);
		if (is_fatal(result, error))
			return result;
	}
	fake_clock_advance(rig->fake, NS_PER_S);
	int result = rig_step(rig, round & 1, error);
	return is_fatal(result, error) ? result : 0;
}

static void read_some(struct rig *rig)
{
	struct error error;
	struct bus_reader *reader;
	struct bus_record record;
	uint64_t first, committed, keep, next;
	if (bus_open_reader(rig->bus, "store", TOPIC_EVENTS, 0, &reader, &error) < 0)
		return;
	int result = 1;
	for (unsigned i = 0; i < 5 && result == 1; i++)
		if ((result = bus_poll(reader, &record, &error)) == 1)
			rig_check_record(rig, &record);
	reader->ops->position(reader, &first, &committed, &keep, &next);
	if (bus_commit(reader, next, next > 2 ? next - 2 : 0, &error) == 0)
		bus_seek(reader, next > 1 ? next - 1 : next, &error);
	bus_reader_close(reader);
}

static void workload(struct rig *rig)
{
	struct error error;
	for (unsigned life = 0; life < 2; life++) {
		int result = rig_recover(rig, &error);
		if (result == 0)
			result = rig_open(rig, &error);
		if (result < 0) {
			assert_int_not_equal(result, -ERROR_DAMAGED);
			continue;
		}
		rig_resume(rig);
		for (unsigned round = 0; round < 6; round++) {
			if (produce_some(rig, round, &error) < 0)
				break;
			read_some(rig);
		}
		rig_close(rig);
	}
}

enum trouble {
	TROUBLE_CALL,
	TROUBLE_MEMORY,
	TROUBLE_CUT,
	TROUBLE_SHORT
};

static void set_trouble(struct rig *rig, enum trouble trouble, uint64_t n, bool forever, int errno_value)
{
	struct fake *fake = rig->fake;
	if (trouble == TROUBLE_CALL) {
		fake->files.fail_at = n;
		fake->files.fail_forever = forever;
		fake->files.fail_errno = errno_value;
	} else if (trouble == TROUBLE_MEMORY) {
		fake->memory.fail_at = n;
		fake->memory.fail_forever = forever;
	} else if (trouble == TROUBLE_CUT) {
		fake->files.cut_at = n;
	} else {
		fake->files.short_at = n;
		fake->files.short_octets = n % 37 + 1;
	}
}

static bool was_reached(const struct rig *rig, enum trouble trouble, uint64_t n)
{
	const struct fake *fake = rig->fake;
	if (trouble == TROUBLE_CALL)
		return fake->files.failed > 0;
	if (trouble == TROUBLE_MEMORY)
		return fake->memory.failed > 0;
	if (trouble == TROUBLE_CUT)
		return fake->files.is_cut;
	return fake->files.count[FAKE_PWRITE] >= n;
}

/* CRESSET_TEST_LONG: every place in every way; otherwise every place in one way and every `stride`th in the others. */
static uint64_t long_or(uint64_t stride)
{
	return getenv("CRESSET_TEST_LONG") ? 1 : stride;
}

static uint32_t early_bytes; /* 0, or records of that size are written as they come */

static uint64_t every(enum trouble trouble, bool forever, int errno_value, enum fake_cut how, uint64_t stride)
{
	static uint64_t runs;
	for (uint64_t n = 1;; n += stride) {
		struct rig rig;
		rig_start(&rig, ++runs, 1500);
		rig.config.early_bytes = early_bytes;
		set_trouble(&rig, trouble, n, forever, errno_value);
		workload(&rig);
		bool reached = was_reached(&rig, trouble, n);
		if (!reached)
			assert_true(rig.accounts[0].durable > 20 && rig.accounts[1].durable > 20);
		rig_restart(&rig, how);
		rig_restart(&rig, FAKE_CUT_LOSE_ALL); /* recovery itself was durable, and a second one changes nothing */
		rig_end(&rig);
		if (!reached)
			return n - 1;
	}
}

static void every_file_call_fails(void **state)
{
	(void)state;
	uint64_t calls = every(TROUBLE_CALL, false, EIO, FAKE_CUT_LOSE_ALL, 1);
	assert_true(calls > 300);
	every(TROUBLE_CALL, true, EIO, FAKE_CUT_LOSE_ALL, long_or(13));
	every(TROUBLE_CALL, false, ENOSPC, FAKE_CUT_KEEP_ALL, long_or(13));
	every(TROUBLE_CALL, true, ENOSPC, FAKE_CUT_RANDOM, long_or(13));
	print_message("%llu file calls failed\n", (unsigned long long)calls);
}

static void every_allocation_fails(void **state)
{
	(void)state;
	uint64_t calls = every(TROUBLE_MEMORY, false, 0, FAKE_CUT_LOSE_ALL, 1);
	assert_true(calls > 30);
	every(TROUBLE_MEMORY, true, 0, FAKE_CUT_RANDOM, long_or(13));
	print_message("%llu allocations failed\n", (unsigned long long)calls);
}

static void the_power_goes_before_every_call(void **state)
{
	(void)state;
	uint64_t calls = every(TROUBLE_CUT, false, 0, FAKE_CUT_LOSE_ALL, 1);
	every(TROUBLE_CUT, false, 0, FAKE_CUT_KEEP_ALL, long_or(13));
	every(TROUBLE_CUT, false, 0, FAKE_CUT_RANDOM, long_or(13));
	every(TROUBLE_CUT, false, 0, FAKE_CUT_RANDOM, long_or(13));
	print_message("power cut before each of %llu calls\n", (unsigned long long)calls);
}

static void every_write_is_short(void **state)
{
	(void)state;
	every(TROUBLE_SHORT, false, 0, FAKE_CUT_LOSE_ALL, 1);
}

/* Trouble, a restart that meets trouble of its own, then a quiet one. */
static void the_power_goes_again_during_recovery(void **state)
{
	(void)state;
	uint64_t states = 0;
	for (uint64_t n = 1;; n += long_or(101)) {
		bool reached = true;
		for (uint64_t m = 1; reached; m++) {
			struct rig rig;
			struct error error;
			rig_start(&rig, n * 1000 + m, 1500);
			rig.config.early_bytes = early_bytes;
			set_trouble(&rig, TROUBLE_CUT, n, false, 0);
			workload(&rig);
			if (!rig.fake->files.is_cut) {
				rig_end(&rig);
				print_message("%llu pairs of cuts\n", (unsigned long long)states);
				return;
			}
			fake_power_cut(rig.fake, FAKE_CUT_RANDOM);
			rig.fake->files.cut_at = m;
			int result = rig_recover(&rig, &error);
			assert_int_not_equal(result, -ERROR_DAMAGED);
			reached = rig.fake->files.is_cut;
			rig_restart(&rig, FAKE_CUT_RANDOM);
			rig_end(&rig);
			states++;
		}
	}
}

static int none_early(void **state)
{
	(void)state;
	early_bytes = 0;
	return 0;
}

static int half_early(void **state)
{
	(void)state;
	early_bytes = 350;
	return 0;
}

#define BOTH(test) cmocka_unit_test_setup(test, none_early), cmocka_unit_test_setup(test, half_early)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(every_file_call_fails),
		BOTH(every_allocation_fails),
		BOTH(the_power_goes_before_every_call),
		BOTH(every_write_is_short),
		BOTH(the_power_goes_again_during_recovery),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
