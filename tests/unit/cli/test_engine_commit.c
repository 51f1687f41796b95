/* The engine over a real local log: what was committed goes on after a start, with a checkpoint, without one, with a damaged
 * one, and under other rules. */
#include "tests/unit/cli/engine_rig.h"

/* Incident rows of the correlation with that state whose count is `count`. */
static unsigned incidents(struct machine *m, const char *state, const char *count)
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
			found += row.kind == ROW_INCIDENT && slice_find(row.original, slice_str(state), 0) != SIZE_MAX &&
					 slice_find(row.original, SLICE("\"correlation\""), 0) != SIZE_MAX &&
					 slice_find(row.original, slice_str(count), 0) != SIZE_MAX;
		}
	}
	bus_reader_close(reader);
	return found;
}

struct seen {
	char path[256];
	unsigned count;
};

static int see_checkpoint(void *arg, const char *path)
{
	struct seen *s = arg;
	if (strstr(path, "d/engine/checkpoint-")) {
		snprintf(s->path, sizeof s->path, "%s%s", path[0] == '/' ? "" : "/", path);
		s->count++;
	}
	return 0;
}

static struct seen checkpoint(struct machine *m)
{
	struct seen s = {.count = 0};
	fake_file_each(m->fake, see_checkpoint, &s);
	return s;
}

/* Two of three events before, the third after: the window must have come over. */
static void two_then(struct machine *m)
{
	machine_open(m);
	event(m, 0, NULL);
	event(m, 1, "x");
	event(m, 2, "x");
	drain(m);
	assert_int_equal(incidents(m, "provisional", "\"count\":"), 0);
	assert_int_equal(checkpoint(m).count, 1);
}

static void third(struct machine *m)
{
	event(m, 3, "x");
	drain(m);
	assert_int_equal(incidents(m, "\"provisional\"", "\"count\":3"), 1);
	event(m, 3600, NULL);
	drain(m);
	assert_int_equal(incidents(m, "\"final\"", "\"count\":3"), 1);
	assert_int_equal(incidents(m, "\"final\"", "\"count\":"), 1);
}

static void a_window_comes_over_a_restart(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	restart(&m, DUTY_ALL);
	third(&m);
	machine_close(&m);
}

static void a_missing_checkpoint_is_made_again(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	assert_int_equal(m.fake->env.files.unlink(m.fake->env.files.ctx, checkpoint(&m).path), 0);
	restart(&m, DUTY_ALL);
	third(&m);
	assert_int_equal(checkpoint(&m).count, 1);
	restart(&m, DUTY_ALL); /* and it holds */
	assert_false(m.engine.rebuild);
	machine_close(&m);
}

static void a_damaged_checkpoint_is_made_again(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct machine m;
		size_t len;
		two_then(&m);
		struct seen s = checkpoint(&m);
		uint8_t *octets = fake_file_get(m.fake, s.path, &len);
		assert_non_null(octets);
		if (kind == 0)
			octets[len / 2] ^= 1;
		else
			fake_file_resize(m.fake, s.path, kind == 1 ? len - 1 : 0);
		restart(&m, DUTY_ALL);
		assert_true(m.engine.rebuild);
		third(&m);
		machine_close(&m);
	}
}

/* What was told already is not told again when windows are made anew, and goes on to its end. */
static void a_told_incident_ends_once(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	event(&m, 3, "x");
	drain(&m);
	assert_int_equal(incidents(&m, "\"provisional\"", "\"count\":3"), 1);
	assert_int_equal(m.fake->env.files.unlink(m.fake->env.files.ctx, checkpoint(&m).path), 0);
	restart(&m, DUTY_ALL);
	drain(&m);
	assert_int_equal(incidents(&m, "\"provisional\"", "\"count\":3"), 1);
	event(&m, 3600, NULL);
	drain(&m);
	assert_int_equal(incidents(&m, "\"final\"", "\"count\":3"), 1);
	machine_close(&m);
}

static void other_rules_keep_the_windows_of_the_same_ones(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	put_rules(&m, OTHER);
	uint64_t before = m.engine.correlate_epoch;
	restart(&m, DUTY_ALL);
	assert_true(m.engine.correlate_epoch > before);
	third(&m);
	machine_close(&m);
}

/* A verb that only asks needs no checkpoint, and commits none. */
static void asking_needs_no_checkpoint(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	assert_int_equal(m.fake->env.files.unlink(m.fake->env.files.ctx, checkpoint(&m).path), 0);
	restart(&m, DUTY_STORE);
	drain(&m);
	assert_int_equal(checkpoint(&m).count, 0);
	restart(&m, DUTY_ALL);
	third(&m);
	machine_close(&m);
}

/* Old generations go, one stays. */
static void generations(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	for (int i = 0; i < 5; i++) {
		event(&m, 4 + i, "z");
		drain(&m);
		assert_int_equal(checkpoint(&m).count, 1);
	}
	uint64_t generation = m.engine.generation;
	restart(&m, DUTY_ALL);
	assert_int_equal(m.engine.generation, generation);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_comes_over_a_restart),
		cmocka_unit_test(a_missing_checkpoint_is_made_again),
		cmocka_unit_test(a_damaged_checkpoint_is_made_again),
		cmocka_unit_test(a_told_incident_ends_once),
		cmocka_unit_test(other_rules_keep_the_windows_of_the_same_ones),
		cmocka_unit_test(asking_needs_no_checkpoint),
		cmocka_unit_test(generations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
