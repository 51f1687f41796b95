/* The local log, from dull to less dull: what goes in comes out, when, for whom, and what is refused. */
#include "tests/unit/bus/rig.h"

static void a_record_is_seen_when_it_is_durable_and_not_before(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus_reader *reader;
	struct bus_record record;
	uint64_t ticket, tickets, offset;
	rig_start(&rig, 1, 0);
	rig_begin(&rig);
	rig_must(bus_open_reader(rig.bus, "store", TOPIC_EVENTS, 1, &reader, &error), &error);
	rig_must(bus_produce(rig.bus, TOPIC_EVENTS, 1, SLICE("one"), &ticket, &error), &error);
	assert_int_equal(ticket, 1);
	rig_must(bus_durable(rig.bus, TOPIC_EVENTS, 1, &tickets, &offset), &error);
	assert_int_equal(tickets, 0);
	assert_int_equal(offset, 0);
	assert_int_equal(bus_poll(reader, &record, &error), 0);
	assert_int_equal(rig.fake->files.count[FAKE_SYNC] > 0, 1);
	assert_int_equal(bus_step(rig.bus, true, &error), BUS_IDLE);
	rig_must(bus_durable(rig.bus, TOPIC_EVENTS, 1, &tickets, &offset), &error);
	assert_int_equal(tickets, 1);
	assert_int_equal(offset, 1);
	assert_int_equal(bus_poll(reader, &record, &error), 1);
	assert_int_equal(record.offset, 0);
	assert_int_equal(record.appended_ns, rig.fake->clock.now_ns);
	assert_int_equal(record.partition, 1);
	assert_true(slice_equal(record.payload, SLICE("one")));
	assert_int_equal((uintptr_t)record.payload.ptr % 8, 0);
	assert_int_equal(bus_poll(reader, &record, &error), 0);
	bus_reader_close(reader);
	rig_end(&rig);
}

static void the_timer_syncs_after_100_ms_and_4_mib_at_once(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	uint64_t tickets;
	rig_start(&rig, 1, 0);
	rig_begin(&rig);
	assert_int_equal(bus_step(rig.bus, false, &error), BUS_IDLE);
	rig_must(bus_produce(rig.bus, TOPIC_EVENTS, 0, SLICE("x"), NULL, &error), &error);
	assert_int_equal(bus_step(rig.bus, false, &error), 100);
	fake_clock_advance(rig.fake, 99 * NS_PER_MS);
	assert_int_equal(bus_step(rig.bus, false, &error), 1);
	bus_durable(rig.bus, TOPIC_EVENTS, 0, &tickets, NULL);
	assert_int_equal(tickets, 0);
	fake_clock_set(rig.fake, 0); /* a step of the wall clock changes nothing */
	fake_clock_advance(rig.fake, NS_PER_MS);
	assert_int_equal(bus_step(rig.bus, false, &error), BUS_IDLE);
	bus_durable(rig.bus, TOPIC_EVENTS, 0, &tickets, NULL);
	assert_int_equal(tickets, 1);

	uint8_t *large = calloc(1, (size_t)LIMIT_batch_bytes_max + 1);
	rig_must(bus_produce(rig.bus, TOPIC_EVENTS, 0, slice_of(large, (size_t)LIMIT_batch_bytes_max), NULL, &error),
			 &error);
	assert_int_equal(bus_step(rig.bus, false, &error), BUS_IDLE);
	bus_durable(rig.bus, TOPIC_EVENTS, 0, &tickets, NULL);
	assert_int_equal(tickets, 2);
	assert_int_equal(
		bus_produce(rig.bus, TOPIC_EVENTS, 0, slice_of(large, (size_t)LIMIT_batch_bytes_max + 1), NULL, &error),
		-ERROR_LIMIT);
	free(large);
	rig_end(&rig);
}

static void the_queue_is_bounded(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	rig_start(&rig, 1, 0);
	rig_begin(&rig);
	uint8_t *large = calloc(1, (size_t)LIMIT_batch_bytes_max);
	int result = 0, queued = 0;
	for (; result == 0 && queued < 10; queued++)
		result = bus_produce(rig.bus, TOPIC_EVENTS, 0, slice_of(large, (size_t)LIMIT_batch_bytes_max), NULL, &error);
	assert_int_equal(result, -ERROR_FULL);
	assert_int_equal(error.flags, ERROR_RETRIABLE);
	assert_true(queued > 1 && queued <= 4);
	assert_int_equal(bus_step(rig.bus, true, &error), BUS_IDLE);
	rig_must(bus_produce(rig.bus, TOPIC_EVENTS, 0, slice_of(large, (size_t)LIMIT_batch_bytes_max), NULL, &error),
			 &error);
	free(large);
	rig_end(&rig);
}

static void readers_cross_files_and_come_back_to_where_they_were(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus_reader *reader, *twin;
	struct bus_record record;
	uint64_t first, committed, keep, next;
	size_t files;
	rig_start(&rig, 7, 2000);
	rig_begin(&rig);
	for (unsigned i = 0; i < 100; i++) {
		rig_must(rig_produce(&rig, 0, &error), &error);
		if (i % 9 == 0)
			rig_must(rig_step(&rig, true, &error), &error);
	}
	rig_must(rig_step(&rig, true, &error), &error);
	rig_newest(&rig, 0, &files);
	assert_true(files > 10);
	rig_must(bus_open_reader(rig.bus, "detect", TOPIC_EVENTS, 0, &reader, &error), &error);
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(bus_poll(reader, &record, &error), 1);
		assert_int_equal(record.offset, i);
		rig_check_record(&rig, &record);
	}
	assert_int_equal(bus_open_reader(rig.bus, "detect", TOPIC_EVENTS, 0, &twin, &error), -ERROR_BUSY);
	assert_int_equal(bus_commit(reader, 50, 51, &error), -ERROR_USAGE);
	assert_int_equal(bus_commit(reader, 101, 0, &error), -ERROR_USAGE);
	rig_must(bus_commit(reader, 55, 20, &error), &error);
	bus_reader_close(reader);
	rig_close(&rig);

	rig_begin(&rig);
	rig_must(bus_open_reader(rig.bus, "detect", TOPIC_EVENTS, 0, &reader, &error), &error);
	reader->ops->position(reader, &first, &committed, &keep, &next);
	assert_int_equal(first, 0);
	assert_int_equal(committed, 55);
	assert_int_equal(keep, 20);
	assert_int_equal(next, 55);
	static const uint64_t places[] = {55, 0, 99, 20, 21, 100, 3};
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		rig_must(bus_seek(reader, places[i], &error), &error);
		int result = bus_poll(reader, &record, &error);
		assert_int_equal(result, places[i] < 100);
		if (result)
			rig_check_record(&rig, &record);
		if (result)
			assert_int_equal(record.offset, places[i]);
	}
	assert_int_equal(bus_seek(reader, 101, &error), -ERROR_NOT_FOUND);
	bus_reader_close(reader);
	rig_check_all(&rig);
	rig_end(&rig);
}

/* A reader for which another one reads: it holds no file, hears of damage and of what is gone only when it polls, and its
 * positions hold what they say. */
static void a_reader_is_passed_over(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus_reader *reader;
	struct bus_record record;
	rig_start(&rig, 5, 2000);
	rig_begin(&rig);
	assert_true(bus_can_pass(rig.bus));
	for (unsigned i = 0; i < 50; i++)
		rig_must(rig_produce(&rig, 0, &error), &error);
	rig_must(rig_step(&rig, true, &error), &error);
	rig_must(bus_open_reader(rig.bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	unsigned open = fake_files_open(rig.fake);
	assert_int_equal(bus_poll(reader, &record, &error), 1);
	assert_int_equal(fake_files_open(rig.fake), open + 1);
	bus_pass(reader, 50);
	assert_int_equal(fake_files_open(rig.fake), open);
	assert_int_equal(bus_poll(reader, &record, &error), 0);
	rig_must(rig_produce(&rig, 0, &error), &error);
	rig_must(rig_step(&rig, true, &error), &error);
	bus_pass(reader, 51); /* the reader has not looked since: that much is durable all the same */
	rig_must(bus_commit(reader, 51, 30, &error), &error);
	assert_int_equal(bus_poll(reader, &record, &error), 0);
	static const uint64_t places[] = {30, 50, 31, 44};
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		bus_pass(reader, places[i]);
		assert_int_equal(bus_poll(reader, &record, &error), 1);
		assert_int_equal(record.offset, places[i]);
		rig_check_record(&rig, &record);
	}
	fake_clock_advance(rig.fake, NS_PER_S);
	rig_must(rig_step(&rig, false, &error), &error); /* trims what lies below 30 */
	bus_pass(reader, 0);
	assert_int_equal(bus_poll(reader, &record, &error), -ERROR_NOT_FOUND);
	bus_pass(reader, 30);
	assert_int_equal(bus_poll(reader, &record, &error), 1);
	assert_int_equal(record.offset, 30);
	bus_reader_close(reader);
	rig_end(&rig);
}

static void files_go_when_no_reader_needs_them(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus_reader *store, *temporal;
	uint64_t first, committed, keep, next;
	rig_start(&rig, 3, 2000);
	rig_begin(&rig);
	for (unsigned i = 0; i < 100; i++)
		rig_must(rig_produce(&rig, 0, &error), &error);
	rig_must(rig_step(&rig, true, &error), &error);
	fake_clock_advance(rig.fake, NS_PER_S);
	rig_must(rig_step(&rig, false, &error), &error);
	assert_int_equal(bus_local_counters(rig.bus, &(size_t){0})[3].value, 0); /* nobody known: nothing goes */
	rig_must(bus_open_reader(rig.bus, "store", TOPIC_EVENTS, 0, &store, &error), &error);
	rig_must(bus_open_reader(rig.bus, "temporal", TOPIC_EVENTS, 0, &temporal, &error), &error);
	rig_must(bus_commit(store, 100, 100, &error), &error);
	rig_must(bus_commit(temporal, 100, 40, &error), &error);
	fake_clock_advance(rig.fake, NS_PER_S);
	rig_must(rig_step(&rig, false, &error), &error);
	store->ops->position(store, &first, &committed, &keep, &next);
	assert_true(first > 20 && first <= 40);
	assert_int_equal(bus_seek(store, first - 1, &error), -ERROR_NOT_FOUND);
	rig_must(bus_seek(store, first, &error), &error);
	rig_must(bus_commit(temporal, 100, 100, &error), &error);
	fake_clock_advance(rig.fake, NS_PER_S);
	rig_must(rig_step(&rig, false, &error), &error);
	store->ops->position(store, &first, &committed, &keep, &next);
	assert_int_equal(first, rig_newest(&rig, 0, NULL)); /* never the newest file */
	bus_reader_close(store);
	bus_reader_close(temporal);
	rig_restart(&rig, FAKE_CUT_LOSE_ALL);
	rig_end(&rig);
}

static void a_reader_too_far_behind_stops_intake(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus_reader *reader;
	uint64_t end;
	rig_start(&rig, 3, 4000);
	rig.config.max_bytes = 20000;
	rig_begin(&rig);
	rig_must(bus_open_reader(rig.bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	int result = 0;
	for (unsigned i = 0; i < 1000 && result == 0; i++) {
		result = rig_produce(&rig, 0, &error);
		fake_clock_advance(rig.fake, NS_PER_S);
		if (result == 0)
			rig_must(rig_step(&rig, true, &error), &error);
	}
	assert_int_equal(result, -ERROR_FULL);
	assert_int_equal(error.flags, ERROR_RETRIABLE);
	assert_non_null(strstr(error.text, "\"store\""));
	assert_non_null(strstr(error.text, "events/0"));
	rig_must(rig_produce(&rig, 1, &error), &error); /* another partition goes on */
	bus_durable(rig.bus, TOPIC_EVENTS, 0, NULL, &end);
	assert_true(end > 40 && end < 90); /* 20,000 octets at about 390 */
	rig_must(bus_commit(reader, end, end, &error), &error);
	fake_clock_advance(rig.fake, NS_PER_S);
	rig_must(rig_step(&rig, false, &error), &error);
	rig_must(rig_produce(&rig, 0, &error), &error);
	bus_reader_close(reader);
	rig_end(&rig);
}

static void keep_from_is_overtaken_but_never_committed(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus_reader *reader;
	uint64_t first, committed, keep, next;
	size_t count;
	rig_start(&rig, 3, 2000);
	rig.config.keep_bytes = 10000;
	rig_begin(&rig);
	rig_must(bus_open_reader(rig.bus, "temporal", TOPIC_EVENTS, 0, &reader, &error), &error);
	for (unsigned i = 0; i < 100; i++)
		rig_must(rig_produce(&rig, 0, &error), &error);
	rig_must(rig_step(&rig, true, &error), &error);
	rig_must(bus_commit(reader, 10, 0, &error), &error);
	fake_clock_advance(rig.fake, NS_PER_S);
	rig_must(rig_step(&rig, false, &error), &error);
	reader->ops->position(reader, &first, &committed, &keep, &next);
	assert_true(first <= 10);
	rig_must(bus_commit(reader, 100, 0, &error), &error);
	fake_clock_advance(rig.fake, NS_PER_S);
	rig_must(rig_step(&rig, false, &error), &error);
	reader->ops->position(reader, &first, &committed, &keep, &next);
	assert_true(first > 50 && first < 90);
	assert_true(counter_get(&bus_local_counters(rig.bus, &count)[4]) > 0);
	bus_reader_close(reader);
	rig_end(&rig);
}

static void a_full_disk_acknowledges_nothing_and_heals_by_itself(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	uint64_t before, after;
	rig_start(&rig, 11, 3000);
	rig_begin(&rig);
	for (unsigned i = 0; i < 20; i++)
		rig_must(rig_produce(&rig, i & 1, &error), &error);
	rig_must(rig_step(&rig, true, &error), &error);
	bus_durable(rig.bus, TOPIC_EVENTS, 0, NULL, &before);
	for (unsigned room = 0; room < 1500; room += 100) { /* the disk fills inside a frame, a head, a mark */
		for (unsigned i = 0; i < 10; i++)
			rig_must(rig_produce(&rig, i & 1, &error), &error);
		rig.fake->files.capacity = fake_files_used(rig.fake) + room;
		int result = rig_step(&rig, true, &error);
		assert_int_equal(result, -ERROR_FULL);
		assert_int_equal(error.flags, ERROR_RETRIABLE);
		assert_int_equal(rig_produce(&rig, 0, &error), -ERROR_FULL);
		assert_int_equal(error.flags, ERROR_RETRIABLE);
		assert_int_equal(rig_step(&rig, true, &error), -ERROR_FULL);
		rig.fake->files.capacity = 0;
		rig_must(rig_step(&rig, true, &error), &error);
		bus_durable(rig.bus, TOPIC_EVENTS, 0, NULL, &after);
		assert_int_equal(after, before + 5);
		before = after;
		rig_must(rig_produce(&rig, 0, &error), &error);
		rig_must(rig_step(&rig, true, &error), &error);
		before++;
	}
	rig_restart(&rig, FAKE_CUT_LOSE_ALL);
	assert_int_equal(rig.accounts[0].durable, before);
	rig_end(&rig);
}

static void what_did_not_fit_is_taken_back(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	char path[LOG_PATH_MAX];
	size_t before, after;
	rig_start(&rig, 11, 0);
	rig_begin(&rig);
	for (unsigned i = 0; i < 4; i++)
		rig_must(rig_produce(&rig, 0, &error), &error);
	rig_must(rig_step(&rig, true, &error), &error);
	rig_file(path, 0, 0);
	fake_file_get(rig.fake, path, &before);
	for (unsigned i = 0; i < 4; i++)
		rig_must(rig_produce(&rig, 0, &error), &error);
	rig.fake->files.capacity = fake_files_used(rig.fake) + 50;
	assert_int_equal(rig_step(&rig, true, &error), -ERROR_FULL);
	fake_file_get(rig.fake, path, &after);
	assert_int_equal(after, before);
	rig_close(&rig);
	rig.fake->files.capacity = 0;
	rig_must(rig_open(&rig, &error), &error); /* as if nothing had been tried */
	rig_end(&rig);
}

static void after_a_failed_sync_nothing_is_believed_until_recovery(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	uint64_t before;
	rig_start(&rig, 5, 0);
	rig_begin(&rig);
	for (unsigned i = 0; i < 10; i++)
		rig_must(rig_produce(&rig, 0, &error), &error);
	rig_must(rig_step(&rig, true, &error), &error);
	before = rig.accounts[0].durable;
	rig_must(rig_produce(&rig, 0, &error), &error);
	rig.fake->files.fail_kinds = FAKE_BIT(FAKE_SYNC);
	rig.fake->files.calls = 0;
	rig.fake->files.fail_at = 1;
	assert_int_equal(rig_step(&rig, true, &error), -ERROR_IO);
	assert_int_equal(error.flags, ERROR_FATAL);
	uint64_t syncs = rig.fake->files.count[FAKE_SYNC];
	assert_int_equal(rig_step(&rig, true, &error), -ERROR_IO);
	assert_int_equal(error.flags, ERROR_FATAL);
	assert_int_equal(rig_produce(&rig, 0, &error), -ERROR_IO);
	assert_int_equal(rig.accounts[0].durable, before);
	rig_close(&rig);
	assert_int_equal(rig.fake->files.count[FAKE_SYNC], syncs); /* L6 */
	/* The process goes on without a power cut: the cache still shows the lost record, the medium does not have it. */
	assert_int_equal(rig_open(&rig, &error), -ERROR_CONFLICT);
	rig_begin(&rig);
	rig_check_all(&rig);
	assert_int_equal(rig.accounts[0].durable, before);
	rig_must(rig_produce(&rig, 0, &error), &error);
	rig_must(rig_step(&rig, true, &error), &error);
	rig_restart(&rig, FAKE_CUT_LOSE_ALL);
	assert_int_equal(rig.accounts[0].durable, before + 1);
	rig_end(&rig);
}

static void what_does_not_fit_the_configuration_is_refused(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus *other;
	rig_start(&rig, 5, 0);
	assert_int_equal(rig_open(&rig, &error), -ERROR_NOT_FOUND); /* never recovered, never made */
	rig_begin(&rig);
	assert_int_equal(bus_produce(rig.bus, TOPIC_EVENTS, 2, SLICE("x"), NULL, &error), -ERROR_NOT_FOUND);
	assert_int_equal(bus_produce(rig.bus, TOPIC_EVENTS, PARTITION_AUDIT, SLICE("x"), NULL, &error), -ERROR_USAGE);
	assert_int_equal(bus_local_open(&rig.fake->env, &rig.config, &other, &error), -ERROR_BUSY);
	assert_int_equal(rig_recover(&rig, &error), -ERROR_BUSY);
	rig_close(&rig);
	rig.config.partitions[TOPIC_EVENTS] = 3;
	assert_int_equal(rig_recover(&rig, &error), -ERROR_CONFLICT);
	assert_int_equal(rig_open(&rig, &error), -ERROR_CONFLICT);
	assert_non_null(strstr(error.text, "2 partitions of events"));
	rig.config.partitions[TOPIC_EVENTS] = 2;
	rig.config.write_topics = 0;
	rig.config.write_events_special = true;
	rig_begin(&rig);
	rig_must(bus_produce(rig.bus, TOPIC_EVENTS, PARTITION_AUDIT, SLICE("row"), NULL, &error), &error);
	rig_must(bus_produce(rig.bus, TOPIC_EVENTS, PARTITION_IMPORT, SLICE("row"), NULL, &error), &error);
	rig_must(bus_step(rig.bus, true, &error), &error);
	assert_true(fake_file_exists(rig.fake, "data/log/events/audit/00000000000000000000.log"));
	struct bus_reader *reader;
	assert_int_equal(bus_open_reader(rig.bus, "../x", TOPIC_EVENTS, 0, &reader, &error), -ERROR_USAGE);
	assert_int_equal(bus_open_reader(rig.bus, "x", TOPIC_EVENTS, 9, &reader, &error), -ERROR_NOT_FOUND);
	rig_end(&rig);
}

static unsigned given;

static void count_given(void *ctx, enum bus_topic topic, uint32_t partition)
{
	(void)ctx;
	(void)topic;
	(void)partition;
	given++;
}

static void the_listener_hears_of_every_partition_once(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	rig_start(&rig, 5, 0);
	rig.config.partitions[TOPIC_MATCHES] = 3;
	rig.config.listener.given = count_given;
	rig_begin(&rig);
	assert_int_equal(given, 0);
	rig_must(rig_step(&rig, false, &error), &error);
	rig_must(rig_step(&rig, false, &error), &error);
	assert_int_equal(given, 2 + 3 + 2);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_seen_when_it_is_durable_and_not_before),
		cmocka_unit_test(the_timer_syncs_after_100_ms_and_4_mib_at_once),
		cmocka_unit_test(the_queue_is_bounded),
		cmocka_unit_test(readers_cross_files_and_come_back_to_where_they_were),
		cmocka_unit_test(a_reader_is_passed_over),
		cmocka_unit_test(files_go_when_no_reader_needs_them),
		cmocka_unit_test(a_reader_too_far_behind_stops_intake),
		cmocka_unit_test(keep_from_is_overtaken_but_never_committed),
		cmocka_unit_test(a_full_disk_acknowledges_nothing_and_heals_by_itself),
		cmocka_unit_test(what_did_not_fit_is_taken_back),
		cmocka_unit_test(after_a_failed_sync_nothing_is_believed_until_recovery),
		cmocka_unit_test(what_does_not_fit_the_configuration_is_refused),
		cmocka_unit_test(the_listener_hears_of_every_partition_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
