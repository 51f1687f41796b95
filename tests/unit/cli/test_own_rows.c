#include "tests/unit/cli/rig.h"

#include "cli/own_rows.h"
#include "tests/support/fake_bus.h"

/* Sequences are dense also where the bus refused a row: what was refused took no number. */
static void numbers_are_dense(void **state)
{
	struct fake *fake = fake_new(5);
	struct fake_bus_config config = {.partitions = {1, 1, 1, 1}, .full_percent = 40};
	struct fake_bus *all = fake_bus_new(fake, &config);
	struct bus *bus = fake_bus_open(all, NULL);
	struct own_writer w;
	struct error error = {0};
	uint8_t uuid[16] = {1}, other[16];
	uint64_t taken = 0, refused = 0;
	(void)state;
	assert_int_equal(own_writer_init(&w, &fake->env, bus, TOPIC_INCIDENTS, 0, uuid, "changes", 9), 0);
	own_uuid(uuid, "audit", other);
	assert_memory_not_equal(other, w.identity.collector, 16);
	for (int i = 0; i < 200; i++) {
		char text[64];
		struct slice octets = SLICE_NONE;
		struct batch batch;
		struct batch_row row;
		int len = snprintf(text, sizeof text, "{\"n\":%d}", i);
		int result = own_writer_row(&w, ROW_AUDIT, slice_of(text, (size_t)len), &octets, &error);
		(void)bus_step(bus, true, &error);
		if (result) {
			assert_int_equal(result, -ERROR_FULL);
			refused++;
			continue;
		}
		assert_int_equal(batch_open(&batch, octets, &error), 0);
		assert_int_equal(batch.identity.first_sequence, taken++);
		assert_int_equal(batch.identity.epoch, 9);
		batch_get_row(&batch, 0, &row);
		assert_int_equal(row.kind, ROW_AUDIT);
		assert_true(slice_equal(row.original, slice_of(text, (size_t)len)));
	}
	assert_true(taken > 0 && refused > 0);
	assert_int_equal(fake_bus_count(all, TOPIC_INCIDENTS, 0), taken);
	own_writer_free(&w);
	bus_close(bus);
	fake_bus_free(all);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_are_dense)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
