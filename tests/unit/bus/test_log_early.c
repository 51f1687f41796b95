/* Records that are written when they are produced, from where they lie (early_bytes): as durable as others, in the same order,
 * and taken or refused whole. */
#include "tests/unit/bus/rig.h"

static void early_begin(struct rig *rig, uint64_t file_bytes)
{
	rig_start(rig, 11, file_bytes);
	rig->config.early_bytes = 1;
	rig_begin(rig);
}

static uint64_t newest_size(struct rig *rig)
{
	char path[LOG_PATH_MAX];
	size_t len = 0;
	rig_file(path, 0, rig_newest(rig, 0, NULL));
	assert_non_null(fake_file_get(rig->fake, path, &len));
	return len;
}

/* In the file at once, by one write; durable, and seen, no sooner than others. */
static void an_early_record_is_durable_with_the_step(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus_reader *reader;
	struct bus_record record;
	uint64_t offset, tickets;
	early_begin(&rig, 20000);
	rig_must(bus_open_reader(rig.bus, NULL, TOPIC_EVENTS, 0, &reader, &error), &error);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t before = newest_size(&rig), writes = rig.fake->files.count[FAKE_PWRITE];
		rig_must(rig_produce(&rig, 0, &error), &error);
		assert_int_equal(rig.fake->files.count[FAKE_PWRITE], writes + 1);
		assert_true(newest_size(&rig) > before);
		assert_int_equal(bus_durable(rig.bus, TOPIC_EVENTS, 0, &tickets, &offset), 0);
		assert_true(tickets == 0 && offset == 0);
		assert_int_equal(bus_poll(reader, &record, &error), 0);
	}
	fake_clock_advance(rig.fake, NS_PER_S);
	uint64_t writes = rig.fake->files.count[FAKE_PWRITE];
	rig_must(rig_step(&rig, false, &error), &error);
	assert_int_equal(rig.fake->files.count[FAKE_PWRITE], writes + 1); /* the mark */
	assert_int_equal(bus_durable(rig.bus, TOPIC_EVENTS, 0, &tickets, &offset), 0);
	assert_true(tickets == 5 && offset == 5);
	bus_reader_close(reader);
	rig_check_all(&rig);
	rig_end(&rig);
}

/* Behind one that queues it queues too; a new file is the step's to make. */
static void early_records_keep_the_order(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	size_t files;
	early_begin(&rig, 1500);
	for (unsigned i = 0; i < 60; i++) {
		rig_must(rig_produce(&rig, i & 1, &error), &error);
		if (i % 7 == 0)
			rig_must(rig_step(&rig, true, &error), &error);
	}
	rig_must(rig_step(&rig, true, &error), &error);
	rig_newest(&rig, 0, &files);
	assert_true(files > 3);
	assert_int_equal(rig.accounts[0].durable, 30);
	rig_check_all(&rig);
	rig_restart(&rig, FAKE_CUT_LOSE_ALL);
	assert_int_equal(rig.accounts[0].durable, 30);
	rig_end(&rig);
}

/* No room in the middle of it: the file is cut back, the record is taken and queues, and the step says that it is full. */
static void an_early_record_finds_no_room(void **state)
{
	(void)state;
	struct rig rig;
	for (uint64_t room = 0; room < 100; room += 9) {
		struct error error = {0};
		early_begin(&rig, 20000);
		rig_must(bus_produce(rig.bus, TOPIC_EVENTS, 0, SLICE("before"), NULL, &error), &error);
		uint64_t size = newest_size(&rig);
		rig.fake->files.capacity = fake_files_used(rig.fake) + room;
		static const char text[100];
		rig_must(bus_produce(rig.bus, TOPIC_EVENTS, 0, slice_of(text, sizeof(text)), NULL, &error), &error);
		assert_int_equal(newest_size(&rig), size);
		assert_int_equal(bus_step(rig.bus, true, &error), -ERROR_FULL);
		assert_int_equal(error.flags, ERROR_RETRIABLE);
		uint64_t offset;
		assert_int_equal(bus_durable(rig.bus, TOPIC_EVENTS, 0, NULL, &offset), 0);
		assert_int_equal(offset, 1);
		assert_int_equal(bus_produce(rig.bus, TOPIC_EVENTS, 0, SLICE("x"), NULL, &error), -ERROR_FULL);
		rig.fake->files.capacity = 0;
		rig_must(bus_step(rig.bus, true, &error), &error);
		assert_int_equal(bus_durable(rig.bus, TOPIC_EVENTS, 0, NULL, &offset), 0);
		assert_int_equal(offset, 2);
		rig_end(&rig);
	}
}

/* A disk that fails: refused as fatal, with the cause, and so is everything after it. */
static void an_early_record_meets_a_failing_disk(void **state)
{
	(void)state;
	struct rig rig;
	struct error error = {0};
	early_begin(&rig, 20000);
	rig.fake->files.fail_kinds = FAKE_BIT(FAKE_PWRITE);
	rig.fake->files.calls = 0;
	rig.fake->files.fail_at = 1;
	assert_int_equal(bus_produce(rig.bus, TOPIC_EVENTS, 0, SLICE("x"), NULL, NULL), -ERROR_IO);
	assert_int_equal(bus_step(rig.bus, true, &error), -ERROR_IO);
	assert_int_equal(error.flags, ERROR_FATAL);
	assert_non_null(strstr(error.text, "cannot write to"));
	assert_int_equal(bus_produce(rig.bus, TOPIC_EVENTS, 0, SLICE("x"), NULL, &error), -ERROR_IO);
	rig_end(&rig);
}

/* The power goes with some of it written and nothing synced, torn in every way: what was durable is there, the rest is whole
 * or gone. */
static void the_power_goes_over_early_records(void **state)
{
	(void)state;
	static const enum fake_cut ways[] = {FAKE_CUT_LOSE_ALL, FAKE_CUT_KEEP_ALL, FAKE_CUT_RANDOM};
	unsigned more = 0, none = 0;
	for (unsigned n = 0; n < 90; n++) {
		struct rig rig;
		struct error error;
		early_begin(&rig, 20000);
		for (unsigned i = 0; i < n; i++)
			fake_random(rig.fake);
		for (unsigned i = 0; i < 3; i++)
			rig_must(rig_produce(&rig, 0, &error), &error);
		rig_must(rig_step(&rig, true, &error), &error);
		for (unsigned i = 0; i < 4; i++)
			rig_must(rig_produce(&rig, 0, &error), &error);
		fake_power_cut(rig.fake, ways[n % 3]); /* before the bus can give anything up */
		rig_restart(&rig, FAKE_CUT_LOSE_ALL);
		more += rig.accounts[0].durable > 3;
		none += rig.accounts[0].durable == 3;
		assert_in_range(rig.accounts[0].durable, 3, 7);
		rig_end(&rig);
	}
	assert_true(more >= 30 && none >= 10);
}

/* A bus that is closed gives up what no step made durable, and another one goes on without recovery. */
static void early_records_are_given_up(void **state)
{
	(void)state;
	for (unsigned before = 0; before < 3; before++) {
		struct rig rig;
		struct error error;
		early_begin(&rig, 2000);
		for (unsigned i = 0; i < before * 10; i++)
			rig_must(rig_produce(&rig, 0, &error), &error);
		rig_must(rig_step(&rig, true, &error), &error);
		uint64_t size = newest_size(&rig);
		rig_must(rig_produce(&rig, 0, &error), &error);
		assert_true(newest_size(&rig) > size);
		rig_close(&rig);
		assert_int_equal(newest_size(&rig), size);
		rig_must(rig_open(&rig, &error), &error);
		rig_resume(&rig);
		assert_int_equal(rig.accounts[0].produced, before * 10);
		rig_must(rig_produce(&rig, 0, &error), &error);
		rig_must(rig_step(&rig, true, &error), &error);
		rig_check_all(&rig);
		rig_end(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_early_record_is_durable_with_the_step),
		cmocka_unit_test(early_records_keep_the_order),
		cmocka_unit_test(an_early_record_finds_no_room),
		cmocka_unit_test(an_early_record_meets_a_failing_disk),
		cmocka_unit_test(the_power_goes_over_early_records),
		cmocka_unit_test(early_records_are_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
