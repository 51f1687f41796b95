/* What a full log could not take is told after the next start, by source and once. */
#include "tests/unit/cli/rig.h"

#include "cli/reserve.h"

#include <errno.h>

#define DATA "/data"

/* A batch of one row. */
static void count_row(struct fake *fake, struct reserve *r, const char *source, enum row_kind kind, const char *text)
{
	struct dictionary dictionary;
	struct batch_identity identity = {.epoch = 1};
	struct slice octets;
	uint16_t index = BATCH_NO_INDEX;
	assert_int_equal(dictionary_init(&dictionary, &fake->env, 1), 0);
	struct batch_builder *b = batch_builder_new(&fake->env, &dictionary);
	batch_begin(b, &identity, 0, 1000);
	if (*source)
		assert_int_equal(batch_source(b, slice_str(source), &index), 0);
	assert_int_equal(batch_row(b, kind, 1000, slice_str(text)), 0);
	batch_row_tables(b, index, BATCH_NO_INDEX, BATCH_NO_INDEX);
	assert_int_equal(batch_row_end(b), 0);
	assert_int_equal(batch_finish(b, &octets, NULL), 0);
	assert_int_equal(reserve_count(r, octets), 0);
	batch_builder_free(b);
	dictionary_free(&dictionary);
}

static struct fake *fake_with_data(void)
{
	struct fake *fake = fake_new(3);
	fake_file_put(fake, DATA "/lock", "", 0);
	return fake;
}

static void open_well(struct fake *fake, struct reserve *r)
{
	struct error error = {0};
	if (reserve_open(r, &fake->env, DATA, 2, &error))
		fail_msg("%s", error.text);
}

struct told {
	uint64_t lines, events;
	char text[4096]; /* of the first ones */
};

/* Whatever the next process finds. */
static struct told tell(struct fake *fake)
{
	struct told told = {0};
	struct reserve r;
	struct slice source, json;
	open_well(fake, &r);
	while (reserve_next(&r, &source, &json)) {
		size_t at = slice_find(json, SLICE("\"count\":"), 0);
		if (at != SIZE_MAX)
			told.events += strtoull((const char *)json.ptr + at + 8, NULL, 10);
		size_t n = strlen(told.text);
		snprintf(told.text + n, sizeof told.text - n, "%.*s|%.*s\n", SLICE_PRINT(source), SLICE_PRINT(json));
		told.lines++;
		reserve_given(&r, 0, told.lines);
	}
	reserve_close(&r);
	return told;
}

static void by_source_and_only_what_is_lost(void **state)
{
	struct fake *fake = fake_with_data();
	struct reserve r;
	uint64_t events;
	(void)state;
	open_well(fake, &r);
	for (int i = 0; i < 3; i++)
		count_row(fake, &r, "ip 10.0.0.1", ROW_EVENT, "x");
	count_row(fake, &r, "ip 10.0.0.2 host h", ROW_EVENT, "x");
	count_row(fake, &r, "ip 10.0.0.2 host h", ROW_QUARANTINE, "x");
	count_row(fake, &r, "file 00", ROW_EVENT, "read again");
	count_row(fake, &r, "", ROW_TICK, "");
	count_row(fake, &r, "", ROW_GAP, "{\"reason\":\"kernel_drop\",\"count\":7}");
	assert_int_equal(reserve_write(&r, &events, NULL), 0);
	reserve_close(&r);
	assert_int_equal(events, 5);
	struct told told = tell(fake);
	assert_int_equal(told.lines, 3);
	assert_int_equal(told.events, 5 + 7);
	assert_non_null(
		strstr(told.text, "ip 10.0.0.1|{\"reason\":\"stopped_while_full\",\"count\":3,\"source\":\"ip 10.0.0.1\""));
	assert_non_null(strstr(told.text, "ip 10.0.0.2 host h|{\"reason\":\"stopped_while_full\",\"count\":2,"));
	assert_non_null(strstr(told.text, "|{\"reason\":\"kernel_drop\",\"count\":7}\n"));
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

/* However many sources and gaps: nothing is left out of the sum. */
static void more_than_has_room(void **state)
{
	struct fake *fake = fake_with_data();
	struct reserve r;
	uint64_t events;
	char source[1100];
	(void)state;
	open_well(fake, &r);
	for (unsigned i = 0; i < RESERVE_SOURCES + 9; i++) {
		snprintf(source, sizeof source, "ip 10.0.0.1 host %0900u", i);
		count_row(fake, &r, source, ROW_EVENT, "x");
		count_row(fake, &r, source, ROW_EVENT, "x");
	}
	for (int i = 0; i < 2000; i++)
		count_row(fake, &r, "", ROW_GAP, "{\"reason\":\"kernel_drop\",\"more\":7}");
	assert_int_equal(reserve_write(&r, &events, NULL), 0);
	reserve_close(&r);
	assert_int_equal(events, 2 * (RESERVE_SOURCES + 9));
	struct told told = tell(fake);
	assert_int_equal(told.events, events);
	assert_true(told.lines > 500);
	fake_free(fake);
}

/* The room was taken before: a disk without any is no matter. */
static void on_a_full_disk(void **state)
{
	struct fake *fake = fake_with_data();
	struct reserve r;
	uint64_t events;
	(void)state;
	open_well(fake, &r);
	fake->files.capacity = 1;
	count_row(fake, &r, "ip 10.0.0.1", ROW_EVENT, "x");
	assert_int_equal(reserve_write(&r, &events, NULL), 0);
	reserve_close(&r);
	fake_power_cut(fake, FAKE_CUT_LOSE_ALL);
	assert_int_equal(tell(fake).events, 1);
	fake_free(fake);
}

/* Told again until it is durable, and what comes meanwhile is added. */
static void a_second_stop_before_the_first_was_told(void **state)
{
	struct fake *fake = fake_with_data();
	struct reserve r;
	uint64_t events;
	(void)state;
	for (int i = 0; i < 2; i++) {
		fake_clock_advance(fake, NS_PER_S);
		open_well(fake, &r);
		count_row(fake, &r, "ip 10.0.0.1", ROW_EVENT, "x");
		assert_int_equal(reserve_write(&r, &events, NULL), 0);
		reserve_close(&r);
	}
	struct told told = tell(fake);
	assert_int_equal(told.lines, 2);
	assert_int_equal(told.events, 2);
	fake_free(fake);
}

static void every_call_fails_once(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct fake *fake = fake_with_data();
		struct reserve r;
		struct error error = {0};
		uint64_t events = 0;
		fake->files.fail_at = n;
		int result = reserve_open(&r, &fake->env, DATA, 2, &error);
		if (result == 0) {
			count_row(fake, &r, "ip 10.0.0.1", ROW_EVENT, "x");
			result = reserve_write(&r, &events, &error);
		}
		reserve_close(&r);
		bool reached = fake->files.failed > 0;
		fake_power_cut(fake, FAKE_CUT_RANDOM);
		/* It says that it failed, or it is there. */
		uint64_t told = tell(fake).events;
		assert_true(result == 0 ? told == 1 : told <= 1 && error.text[0]);
		assert_int_equal(fake->memory.outstanding, 0);
		assert_int_equal(fake_files_open(fake), 0);
		fake_free(fake);
		if (!reached)
			break;
	}
}

static void damage_is_nothing_to_tell(void **state)
{
	(void)state;
	for (size_t at = 0; at < 140; at++) {
		struct fake *fake = fake_with_data();
		struct reserve r;
		uint64_t events;
		size_t len;
		open_well(fake, &r);
		count_row(fake, &r, "ip 10.0.0.1", ROW_EVENT, "x");
		assert_int_equal(reserve_write(&r, &events, NULL), 0);
		reserve_close(&r);
		fake_file_get(fake, DATA "/reserve", &len)[at] ^= 0x21;
		struct told told = tell(fake);
		assert_true(told.lines == 0 || (at >= 8 && at < 12)); /* flags that may be ignored */
		assert_int_equal(len, RESERVE_BYTES);
		fake_free(fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_source_and_only_what_is_lost),
		cmocka_unit_test(more_than_has_room),
		cmocka_unit_test(on_a_full_disk),
		cmocka_unit_test(a_second_stop_before_the_first_was_told),
		cmocka_unit_test(every_call_fails_once),
		cmocka_unit_test(damage_is_nothing_to_tell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
