/* Two processes on a real file system: one writes, is killed, recovers and goes on; the other reads what is durable, each
 * record once and in order.
 */
#include "tests/unit/bus/rig.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILLS 12u

static struct bus_local_config config_of(const char *dir, bool writes)
{
	return (struct bus_local_config){
		.dir = dir, .partitions = {1, 0, 0, 0}, .write_topics = writes ? 1u : 0, .file_bytes = 30000};
}

/* Each record holds its own offset. Never returns. */
static _Noreturn void write_for_ever(const char *dir)
{
	struct env env = env_system();
	struct bus_local_config config = config_of(dir, true);
	struct bus *bus;
	uint8_t payload[PAYLOAD_MAX];
	uint64_t next;
	if (bus_local_recover(&env, &config, NULL, NULL) < 0 || bus_local_open(&env, &config, &bus, NULL) < 0 ||
		bus_durable(bus, TOPIC_EVENTS, 0, NULL, &next) < 0)
		_exit(1);
	for (;; next++) {
		size_t len = rig_payload(next, payload);
		if (bus_produce(bus, TOPIC_EVENTS, 0, slice_of(payload, len), NULL, NULL) < 0 ||
			bus_step(bus, next % 7 == 0, NULL) < 0)
			_exit(2);
	}
}

static void wait_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Reads until nothing is left; returns the next offset. */
static uint64_t read_on(struct bus_reader *reader, uint64_t next)
{
	struct error error;
	struct bus_record record;
	uint8_t payload[PAYLOAD_MAX];
	int result;
	while ((result = bus_poll(reader, &record, &error)) == 1) {
		size_t len = rig_payload(next, payload);
		assert_int_equal(record.offset, next);
		assert_true(slice_equal(record.payload, slice_of(payload, len)));
		next++;
	}
	rig_must(result, &error);
	return next;
}

static void a_reader_follows_a_writer_that_is_killed(void **state)
{
	(void)state;
	char dir[] = "/tmp/cresset-bus-XXXXXX", log[64], command[128];
	assert_non_null(mkdtemp(dir));
	snprintf(log, sizeof(log), "%s/log", dir);
	struct env env = env_system();
	struct bus_local_config config = config_of(log, false);
	struct error error;
	struct bus *bus;
	struct bus_reader *reader;
	uint64_t next = 0, at_kill = 0, offset;
	rig_must(bus_local_recover(&env, &config, NULL, &error), &error);
	rig_must(bus_local_open(&env, &config, &bus, &error), &error);
	rig_must(bus_open_reader(bus, "detect", TOPIC_EVENTS, 0, &reader, &error), &error);
	for (unsigned kill_number = 0; kill_number < KILLS; kill_number++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_for_ever(log);
		uint64_t before = next;
		for (unsigned i = 0; i < 400 && next < before + 30 + kill_number * 5; i++) {
			wait_ms(5);
			next = read_on(reader, next);
		}
		assert_true(next > before);
		wait_ms(kill_number % 4);
		assert_int_equal(kill(pid, SIGKILL), 0);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		next = read_on(reader, next);
		rig_must(bus_durable(bus, TOPIC_EVENTS, 0, NULL, &offset), &error);
		assert_int_equal(next, offset);
		assert_true(next >= at_kill);
		at_kill = next;
		rig_must(bus_commit(reader, next, next > 100 ? next - 100 : 0, &error), &error);
	}
	print_message("%llu records, %u kills\n", (unsigned long long)next, KILLS);
	bus_reader_close(reader);
	bus_close(bus);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_follows_a_writer_that_is_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
