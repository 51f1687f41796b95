/* A real file system loses power for real: ext4 on a loop device, shut down in the middle of writing (FS_IOC_SHUTDOWN
 * without a flush of its journal), unmounted and mounted again. Everything reported durable is there, once and in order.
 *
 * Needs root, loop devices and mkfs.ext4; otherwise it says "skipped". CRESSET_TEST_CUTS=n for more than 20 cuts.
 */
#include "tests/unit/bus/rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FS_SHUTDOWN _IOR('X', 125, uint32_t)
#define NO_LOG_FLUSH 2u

struct power {
	char dir[64], image[96], mount[96], log[128];
	_Atomic uint64_t *durable; /* shared with the writer */
};

static bool run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool run(const char *format, ...)
{
	char command[512];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command) == 0;
}

static bool attach(const struct power *at)
{
	return run("mount -o loop %s %s 2>/dev/null", at->image, at->mount);
}

static bool prepare(struct power *at)
{
	strcpy(at->dir, "/tmp/cresset-power-XXXXXX");
	assert_non_null(mkdtemp(at->dir));
	snprintf(at->image, sizeof(at->image), "%s/image", at->dir);
	snprintf(at->mount, sizeof(at->mount), "%s/mnt", at->dir);
	snprintf(at->log, sizeof(at->log), "%s/log", at->mount);
	at->durable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(at->durable != MAP_FAILED);
	return geteuid() == 0 && mkdir(at->mount, 0700) == 0 && run("truncate -s 64M %s", at->image) &&
		   run("mkfs.ext4 -q %s >/dev/null 2>&1", at->image) && attach(at);
}

static struct bus_local_config config_of(const struct power *at)
{
	return (struct bus_local_config){
		.dir = at->log, .partitions = {1, 0, 0, 0}, .write_topics = 1, .file_bytes = 200000, .early_bytes = 300};
}

static _Noreturn void write_for_ever(const struct power *at)
{
	struct env env = env_system();
	struct bus_local_config config = config_of(at);
	struct bus *bus;
	uint8_t payload[PAYLOAD_MAX];
	uint64_t next, durable;
	if (bus_local_open(&env, &config, &bus, NULL) < 0 || bus_durable(bus, TOPIC_EVENTS, 0, NULL, &next) < 0)
		_exit(1);
	for (;; next++) {
		size_t len = rig_payload(next, payload);
		if (bus_produce(bus, TOPIC_EVENTS, 0, slice_of(payload, len), NULL, NULL) < 0 ||
			bus_step(bus, next % 5 == 0, NULL) < 0)
			_exit(2);
		if (bus_durable(bus, TOPIC_EVENTS, 0, NULL, &durable) == 0)
			*at->durable = durable;
	}
}

/* Every record from the first on; returns how many. */
static uint64_t recover_and_read(const struct power *at)
{
	struct env env = env_system();
	struct bus_local_config config = config_of(at);
	struct bus *bus;
	struct bus_reader *reader;
	struct bus_record record;
	struct error error;
	uint8_t payload[PAYLOAD_MAX];
	uint64_t next = 0;
	rig_must(bus_local_recover(&env, &config, NULL, &error), &error);
	rig_must(bus_local_open(&env, &config, &bus, &error), &error);
	rig_must(bus_open_reader(bus, NULL, TOPIC_EVENTS, 0, &reader, &error), &error);
	int result;
	for (; (result = bus_poll(reader, &record, &error)) == 1; next++) {
		assert_int_equal(record.offset, next);
		assert_true(slice_equal(record.payload, slice_of(payload, rig_payload(next, payload))));
	}
	rig_must(result, &error);
	bus_reader_close(reader);
	bus_close(bus);
	return next;
}

static void cut(const struct power *at, pid_t writer)
{
	uint32_t how = NO_LOG_FLUSH;
	int status, fd = open(at->mount, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, FS_SHUTDOWN, &how), 0);
	close(fd);
	kill(writer, SIGKILL);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) > 0); /* or it saw the disk go */
	assert_true(run("umount %s", at->mount) && attach(at));
}

static struct power p;

static int teardown(void **state)
{
	(void)state;
	run("umount %s 2>/dev/null", p.mount);
	return run("rm -rf --one-file-system %s", p.dir) ? 0 : -1;
}

static void nothing_durable_is_lost_when_the_power_goes(void **state)
{
	(void)state;
	const char *many = getenv("CRESSET_TEST_CUTS");
	unsigned cuts = many ? (unsigned)atoi(many) : 20;
	uint64_t records = 0, beyond = 0;
	if (!prepare(&p)) {
		print_message("skipped: power cuts on a real file system need root, loop devices and mkfs.ext4\n");
		skip();
	}
	recover_and_read(&p);
	for (unsigned i = 0; i < cuts; i++) {
		*p.durable = records;
		pid_t writer = fork();
		assert_true(writer >= 0);
		if (writer == 0)
			write_for_ever(&p);
		nanosleep(&(struct timespec){.tv_nsec = (long)(1 + i * 7919 % 40) * 1000000}, NULL);
		cut(&p, writer);
		uint64_t durable = *p.durable;
		records = recover_and_read(&p);
		assert_true(records >= durable);
		beyond += records - durable;
	}
	print_message("%u power cuts, %llu records, %llu of them not yet reported durable\n", cuts,
				  (unsigned long long)records, (unsigned long long)beyond);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nothing_durable_is_lost_when_the_power_goes, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
