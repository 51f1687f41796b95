/* What a full disk keeps from the log can still be named by whoever has to end. */
#include "tests/unit/bus/rig.h"

struct named {
	unsigned count;
	char text[256];
};

static int name_one(void *ctx, enum bus_topic topic, uint32_t partition, struct slice payload)
{
	struct named *n = ctx;
	size_t len = strlen(n->text);
	assert_int_equal(topic, TOPIC_EVENTS);
	snprintf(n->text + len, sizeof(n->text) - len, "%u:%.*s ", partition, SLICE_PRINT(payload));
	n->count++;
	return n->count == 5 ? -7 : 0;
}

static void what_no_file_has(void **state)
{
	struct rig rig;
	struct error error = {0};
	struct named named = {0};
	(void)state;
	rig_start(&rig, 1, 65536);
	assert_int_equal(rig_recover(&rig, &error), 0);
	assert_int_equal(rig_open(&rig, &error), 0);
	bus_produce(rig.bus, TOPIC_EVENTS, 0, SLICE("kept"), NULL, &error);
	assert_true(bus_step(rig.bus, true, &error) >= 0);
	assert_int_equal(bus_local_unwritten(rig.bus, name_one, &named), 0);
	assert_int_equal(named.count, 0);
	rig.fake->files.capacity = 1;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bus_produce(rig.bus, TOPIC_EVENTS, 1, i ? SLICE("b") : SLICE("a"), NULL, &error), 0);
		assert_int_equal(bus_produce(rig.bus, TOPIC_EVENTS, 0, i ? SLICE("d") : SLICE("c"), NULL, &error), 0);
	}
	assert_true(bus_step(rig.bus, true, &error) < 0);
	assert_int_equal(bus_local_unwritten(rig.bus, name_one, &named), 0);
	assert_string_equal(named.text, "0:c 0:d 1:a 1:b ");
	assert_int_equal(bus_local_unwritten(rig.bus, name_one, &named), -7);
	rig.fake->files.capacity = 0;
	assert_true(bus_step(rig.bus, true, &error) >= 0);
	named = (struct named){0};
	assert_int_equal(bus_local_unwritten(rig.bus, name_one, &named), 0);
	assert_int_equal(named.count, 0);
	bus_close(rig.bus);
	fake_free(rig.fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_no_file_has)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
