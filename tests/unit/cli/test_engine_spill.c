/* The engine with more keys than memory has room for: they come over a restart, with the files that the checkpoint names, and
 * without them; what nobody names is removed. */
#include "tests/unit/cli/engine_rig.h"

#define KEYS 300u

/* Final incidents of the correlation, each of three events. */
static unsigned incidents(struct machine *m)
{
	struct bus_reader *reader;
	struct bus_record record;
	struct error error = {0};
	unsigned found = 0;
	assert_int_equal(bus_open_reader(m->bus, NULL, TOPIC_INCIDENTS, 0, &reader, &error), 0);
	while (bus_poll(reader, &record, &error) > 0) {
		struct batch batch;
		struct batch_row row;
		assert_int_equal(batch_open(&batch, record.payload, &error), 0);
		for (uint32_t i = 0; i < batch.row_count; i++) {
			batch_get_row(&batch, i, &row);
			found += row.kind == ROW_INCIDENT && slice_find(row.original, SLICE("\"final\""), 0) != SIZE_MAX &&
					 slice_find(row.original, SLICE("\"count\":3"), 0) != SIZE_MAX;
		}
	}
	bus_reader_close(reader);
	return found;
}

struct seen {
	char path[256];
	unsigned count;
};

static int see_spill(void *arg, const char *path)
{
	struct seen *s = arg;
	if (strstr(path, "d/engine/spill/spill-")) {
		snprintf(s->path, sizeof s->path, "%s%s", path[0] == '/' ? "" : "/", path);
		s->count++;
	}
	return 0;
}

static struct seen spilled(struct machine *m)
{
	struct seen s = {.count = 0};
	fake_file_each(m->fake, see_spill, &s);
	return s;
}

static void of_key(struct machine *m, int64_t s, unsigned key)
{
	char ip[32];
	snprintf(ip, sizeof ip, "10.1.%u.%u", key / 200, key % 200);
	events(m, s, "x", ip, 1);
}

static uint64_t on_disk(const struct machine *m)
{
	struct temporal_stats s;
	temporal_stats(m->engine.temporal, &s);
	assert_int_equal(s.refused_keys, 0);
	return s.spilled_keys;
}

/* Two of three events of every key. */
static void two_of_each(struct machine *m)
{
	machine_open(m);
	m->window_bytes = 24000;
	restart(m, DUTY_ALL);
	for (unsigned i = 0; i < 2 * KEYS; i++)
		of_key(m, i / 60, i % KEYS);
	drain(m);
	assert_true(on_disk(m) > KEYS / 2 && spilled(m).count > 0);
}

/* The third of some, and time passes for all. */
static void third(struct machine *m)
{
	for (unsigned i = 0; i < KEYS; i += 30)
		of_key(m, 20, i);
	drain(m);
	event(m, 3600, NULL);
	drain(m);
	assert_int_equal(incidents(m), KEYS / 30);
	assert_int_equal(on_disk(m), 0);
	event(m, 3700, NULL);
	drain(m);
	assert_int_equal(spilled(m).count, 0);
}

static void keys_come_over_a_restart(void **state)
{
	struct machine m;
	(void)state;
	two_of_each(&m);
	uint64_t before = on_disk(&m);
	restart(&m, DUTY_ALL);
	assert_int_equal(on_disk(&m), before);
	assert_false(m.engine.new_series);
	third(&m);
	machine_close(&m);
}

static void files_that_do_not_hold_are_made_again(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		struct machine m;
		size_t len;
		two_of_each(&m);
		struct seen s = spilled(&m);
		uint8_t *octets = fake_file_get(m.fake, s.path, &len);
		assert_true(octets != NULL && len > 200);
		if (kind == 0)
			octets[150] ^= 1;
		else
			assert_int_equal(m.fake->env.files.unlink(m.fake->env.files.ctx, s.path), 0);
		restart(&m, DUTY_ALL);
		assert_true(m.engine.new_series);
		third(&m);
		restart(&m, DUTY_ALL); /* and it holds */
		assert_false(m.engine.new_series);
		machine_close(&m);
	}
}

static void what_nobody_names_is_removed(void **state)
{
	struct machine m;
	(void)state;
	machine_open(&m);
	fake_file_put(m.fake, "/d/engine/spill/spill-0-00000000000000ff", "left", 4);
	fake_file_put(m.fake, "/d/engine/spill/spill-7-0000000000000001", "left", 4);
	restart(&m, DUTY_ALL);
	event(&m, 1, "x");
	drain(&m);
	assert_int_equal(spilled(&m).count, 0);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_over_a_restart),
		cmocka_unit_test(files_that_do_not_hold_are_made_again),
		cmocka_unit_test(what_nobody_names_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
