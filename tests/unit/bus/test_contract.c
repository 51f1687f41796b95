/* One contract, three buses: the local log, librdkafka against its mock cluster, and a real broker when
 * CRESSET_TEST_BOOTSTRAP names one (tests/kafka/start prints it). Then what only Kafka does: brokers that fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/bus.h"
#include "bus/kafka_envelope.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

#ifdef TSAN
/* librdkafka makes its threads with C11's functions, which the thread sanitizer does not see; nor does it see the locks
 * and atomics inside the library, so everything that happens there looks like a race. What is left to it is our own code,
 * which has one thread here. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:librdkafka.so\nrace:librdkafka.so\n";
}

struct start {
	thrd_start_t run;
	void *arg;
};

static void *start_run(void *arg)
{
	struct start start = *(struct start *)arg;
	free(arg);
	return (void *)(intptr_t)start.run(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *arg)
{
	struct start *start = malloc(sizeof(*start));
	*start = (struct start){run, arg};
	return pthread_create(thread, NULL, start_run, start) == 0 ? thrd_success : thrd_error;
}

int thrd_join(thrd_t thread, int *result)
{
	void *value;
	if (pthread_join(thread, &value) != 0)
		return thrd_error;
	if (result)
		*result = (int)(intptr_t)value;
	return thrd_success;
}
#endif

enum kind {
	KIND_LOCAL,
	KIND_MOCK,
	KIND_REAL
};

struct world {
	enum kind kind;
	struct env env;
	char dir[64], log[96], prefix[64], bootstrap[256];
	rd_kafka_t *mock_handle;
	rd_kafka_mock_cluster_t *mock;
	struct bus *bus;
	uint64_t given;
};

#define EVENTS 2u
#define MATCHES 1u

static void must(int result, const struct error *error)
{
	if (result < 0)
		fail_msg("%s: %s", error_name(error->code), error->text);
}

static void wait_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void count_given(void *ctx, enum bus_topic topic, uint32_t partition)
{
	(void)topic;
	(void)partition;
	((struct world *)ctx)->given++;
}

/* ---- worlds ---- */

static struct bus_local_config local_config(struct world *w)
{
	return (struct bus_local_config){.dir = w->log,
									 .partitions = {EVENTS, MATCHES, 0, 0},
									 .write_topics = 1u << TOPIC_EVENTS | 1u << TOPIC_MATCHES,
									 .file_bytes = 20000,
									 .listener = {.given = count_given, .ctx = w}};
}

static struct bus_kafka_config kafka_config(struct world *w)
{
	return (struct bus_kafka_config){.bootstrap = w->bootstrap,
									 .topic_prefix = w->prefix,
									 .client_id = "contract",
									 .partitions = {EVENTS, MATCHES, 0, 0},
									 .replication = 1,
									 .listener = {.given = count_given, .ctx = w}};
}

static void world_open(struct world *w)
{
	struct error error;
	if (w->kind == KIND_LOCAL) {
		struct bus_local_config config = local_config(w);
		must(bus_local_recover(&w->env, &config, NULL, &error), &error);
		must(bus_local_open(&w->env, &config, &w->bus, &error), &error);
	} else {
		struct bus_kafka_config config = kafka_config(w);
		must(bus_kafka_open(&w->env, &config, &w->bus, &error), &error);
	}
}

static void mock_start(struct world *w)
{
	char text[256], name[128];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);
	w->mock_handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	assert_non_null(w->mock_handle);
	w->mock = rd_kafka_mock_cluster_new(w->mock_handle, 1);
	assert_non_null(w->mock);
	snprintf(w->bootstrap, sizeof(w->bootstrap), "%s", rd_kafka_mock_cluster_bootstraps(w->mock));
	/* The mock has no admin interface: the topics are there before. */
	snprintf(name, sizeof(name), "%sevents", w->prefix);
	assert_int_equal(rd_kafka_mock_topic_create(w->mock, name, EVENTS, 1), 0);
	snprintf(name, sizeof(name), "%smatches", w->prefix);
	assert_int_equal(rd_kafka_mock_topic_create(w->mock, name, MATCHES, 1), 0);
}

static struct world *world_new(enum kind kind)
{
	static unsigned number;
	struct world *w = calloc(1, sizeof(*w));
	w->kind = kind;
	w->env = env_system();
	snprintf(w->prefix, sizeof(w->prefix), "t%ld-%d-%u.", (long)time(NULL), (int)getpid(), number++);
	strcpy(w->dir, "/tmp/cresset-contract-XXXXXX");
	if (kind == KIND_LOCAL)
		assert_non_null(mkdtemp(w->dir));
	snprintf(w->log, sizeof(w->log), "%s/log", w->dir);
	if (kind == KIND_MOCK)
		mock_start(w);
	if (kind == KIND_REAL)
		snprintf(w->bootstrap, sizeof(w->bootstrap), "%s", getenv("CRESSET_TEST_BOOTSTRAP"));
	world_open(w);
	return w;
}

static void world_free(struct world *w)
{
	char command[128];
	bus_close(w->bus);
	if (w->mock)
		rd_kafka_mock_cluster_destroy(w->mock);
	if (w->mock_handle)
		rd_kafka_destroy(w->mock_handle);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	if (w->kind == KIND_LOCAL)
		assert_int_equal(system(command), 0);
	free(w);
}

static int setup_local(void **state)
{
	*state = world_new(KIND_LOCAL);
	return 0;
}

static int setup_mock(void **state)
{
	*state = world_new(KIND_MOCK);
	return 0;
}

static int setup_real(void **state)
{
	*state = world_new(KIND_REAL);
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* ---- helpers ---- */

static void step_until(struct world *w, enum bus_topic topic, uint32_t partition, uint64_t tickets)
{
	struct error error;
	uint64_t durable = 0;
	for (unsigned i = 0; i < 30000; i++) {
		must(bus_step(w->bus, true, &error), &error);
		assert_int_equal(bus_durable(w->bus, topic, partition, &durable, NULL), 0);
		assert_true(durable <= tickets);
		if (durable == tickets)
			return;
		wait_ms(1);
	}
	fail_msg("%llu of %llu tickets durable", (unsigned long long)durable, (unsigned long long)tickets);
}

static int poll_wait(struct bus_reader *reader, struct bus_record *record, struct error *error)
{
	for (unsigned i = 0; i < 20000; i++) {
		int result = bus_poll(reader, record, error);
		if (result != 0)
			return result;
		wait_ms(1);
	}
	return 0;
}

static size_t text_of(unsigned n, char out[2000])
{
	size_t len = (size_t)sprintf(out, "record %u ", n);
	size_t more = n % 3 * 400;
	memset(out + len, 'a' + (int)(n % 26), more);
	return len + more;
}

static void produce(struct world *w, enum bus_topic topic, uint32_t partition, unsigned from, unsigned to)
{
	char text[2000];
	struct error error;
	for (unsigned n = from; n < to; n++) {
		uint64_t ticket = 0;
		size_t len = text_of(n, text);
		must(bus_produce(w->bus, topic, partition, slice_of(text, len), &ticket, &error), &error);
		assert_true(ticket > 0);
	}
}

static void expect(struct bus_reader *reader, unsigned from, unsigned to)
{
	char text[2000];
	struct error error;
	struct bus_record record;
	for (unsigned n = from; n < to; n++) {
		int result = poll_wait(reader, &record, &error);
		must(result, &error);
		assert_int_equal(result, 1);
		assert_int_equal(record.offset, n);
		assert_true(record.appended_ns > INT64_C(1700000000) * NS_PER_S);
		assert_true(slice_equal(record.payload, slice_of(text, text_of(n, text))));
	}
}

/* The mock cluster does not check an idempotent producer's sequence numbers: after a lost answer it keeps a record twice,
 * where a real broker keeps it once. So: every record, first appearances in order. */
static void expect_at_least_once(struct bus_reader *reader, unsigned from, unsigned to)
{
	char text[2000];
	struct error error;
	struct bus_record record;
	while (from < to) {
		unsigned n;
		int result = poll_wait(reader, &record, &error);
		must(result, &error);
		assert_int_equal(result, 1);
		snprintf(text, sizeof(text), "%.*s", (int)record.payload.len, (const char *)record.payload.ptr);
		assert_int_equal(sscanf(text, "record %u ", &n), 1);
		assert_true(n <= from);
		assert_true(slice_equal(record.payload, slice_of(text, text_of(n, text))));
		from += n == from;
	}
}

/* ---- the contract ---- */

static void what_is_produced_is_read_in_order(void **state)
{
	struct world *w = *state;
	struct error error;
	struct bus_reader *events, *other, *matches;
	uint64_t offset;
	produce(w, TOPIC_EVENTS, 1, 0, 200);
	produce(w, TOPIC_MATCHES, 0, 0, 50);
	step_until(w, TOPIC_EVENTS, 1, 200);
	step_until(w, TOPIC_MATCHES, 0, 50);
	assert_int_equal(bus_durable(w->bus, TOPIC_EVENTS, 1, NULL, &offset), 0);
	assert_int_equal(offset, 200);
	assert_int_equal(bus_durable(w->bus, TOPIC_EVENTS, 0, NULL, &offset), 0);
	assert_int_equal(offset, 0);
	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 1, &events, &error), &error);
	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 0, &other, &error), &error);
	must(bus_open_reader(w->bus, "temporal", TOPIC_MATCHES, 0, &matches, &error), &error);
	expect(events, 0, 200);
	expect(matches, 0, 50);
	struct bus_record record;
	assert_int_equal(bus_poll(events, &record, &error), 0);
	assert_int_equal(bus_poll(other, &record, &error), 0);
	produce(w, TOPIC_EVENTS, 1, 200, 210);
	step_until(w, TOPIC_EVENTS, 1, 210);
	expect(events, 200, 210);
	assert_int_equal(w->given, EVENTS + MATCHES + (w->kind == KIND_LOCAL ? 2 : 0));
	bus_reader_close(events);
	bus_reader_close(other);
	bus_reader_close(matches);
}

static void a_reader_comes_back_to_what_it_committed(void **state)
{
	struct world *w = *state;
	struct error error;
	struct bus_reader *reader;
	uint64_t first, committed, keep, next;
	produce(w, TOPIC_EVENTS, 0, 0, 100);
	step_until(w, TOPIC_EVENTS, 0, 100);
	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	expect(reader, 0, 70);
	assert_int_equal(bus_commit(reader, 50, 51, &error), -ERROR_USAGE);
	assert_int_equal(bus_commit(reader, 1000, 0, &error), -ERROR_USAGE);
	must(bus_commit(reader, 60, 40, &error), &error);
	bus_reader_close(reader);
	bus_close(w->bus);
	world_open(w);
	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	reader->ops->position(reader, &first, &committed, &keep, &next);
	assert_int_equal(first, 0);
	assert_int_equal(committed, 60);
	assert_int_equal(keep, 40);
	assert_int_equal(next, 60);
	expect(reader, 60, 100);
	must(bus_seek(reader, 40, &error), &error);
	expect(reader, 40, 45);
	must(bus_seek(reader, 99, &error), &error);
	expect(reader, 99, 100);
	must(bus_seek(reader, 100, &error), &error);
	assert_int_equal(bus_seek(reader, 101, &error), -ERROR_NOT_FOUND);
	produce(w, TOPIC_EVENTS, 0, 100, 110);
	step_until(w, TOPIC_EVENTS, 0, 10); /* tickets begin anew with each opening */
	expect(reader, 100, 110);
	bus_reader_close(reader);
	must(bus_open_reader(w->bus, NULL, TOPIC_EVENTS, 0, &reader, &error), &error);
	expect(reader, 0, 3);
	assert_int_equal(bus_commit(reader, 1, 1, &error), -ERROR_USAGE);
	bus_reader_close(reader);
}

static void what_does_not_exist_is_refused(void **state)
{
	struct world *w = *state;
	struct error error;
	struct bus_reader *reader;
	assert_int_equal(bus_produce(w->bus, TOPIC_EVENTS, EVENTS, SLICE("x"), NULL, &error), -ERROR_NOT_FOUND);
	assert_int_equal(bus_produce(w->bus, TOPIC_CONTROL, 0, SLICE("x"), NULL, &error), -ERROR_NOT_FOUND);
	assert_int_equal(bus_open_reader(w->bus, "x", TOPIC_MATCHES, MATCHES, &reader, &error), -ERROR_NOT_FOUND);
	assert_int_equal(bus_durable(w->bus, TOPIC_CONTROL, 0, NULL, NULL), -ERROR_NOT_FOUND);
	size_t size = (size_t)LIMIT_batch_bytes_max + 1;
	uint8_t *large = calloc(1, size);
	assert_int_equal(bus_produce(w->bus, TOPIC_EVENTS, 0, slice_of(large, size), NULL, &error), -ERROR_LIMIT);
	must(bus_produce(w->bus, TOPIC_EVENTS, 0, slice_of(large, size - 1), NULL, &error), &error);
	step_until(w, TOPIC_EVENTS, 0, 1);
	must(bus_open_reader(w->bus, "x", TOPIC_EVENTS, 0, &reader, &error), &error);
	struct bus_record record;
	assert_int_equal(poll_wait(reader, &record, &error), 1);
	assert_int_equal(record.payload.len, size - 1);
	assert_memory_equal(record.payload.ptr, large, size - 1);
	bus_reader_close(reader);
	free(large);
	bus_close(w->bus);
	w->bus = NULL;
	if (w->kind == KIND_LOCAL) {
		struct bus_local_config config = local_config(w);
		config.partitions[TOPIC_EVENTS]++;
		assert_int_equal(bus_local_open(&w->env, &config, &w->bus, &error), -ERROR_CONFLICT);
	} else {
		struct bus_kafka_config config = kafka_config(w);
		config.partitions[TOPIC_EVENTS]++;
		assert_int_equal(bus_kafka_open(&w->env, &config, &w->bus, &error), -ERROR_CONFLICT);
	}
}

/* ---- Kafka alone ---- */

static void brokers_that_refuse_are_asked_again(void **state)
{
	struct world *w = *state;
	struct error error;
	struct bus_reader *reader;
	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	static const rd_kafka_resp_err_t codes[] = {
		RD_KAFKA_RESP_ERR__TRANSPORT,          RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
		RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,   RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE};
	unsigned at = 0;
	for (unsigned i = 0; i < sizeof(codes) / sizeof(*codes); i++, at += 20) {
		rd_kafka_mock_push_request_errors(w->mock, 0 /* Produce */, 2, codes[i], codes[i]);
		produce(w, TOPIC_EVENTS, 0, at, at + 20);
		step_until(w, TOPIC_EVENTS, 0, at + 20);
		rd_kafka_mock_push_request_errors(w->mock, 1 /* Fetch */, 1, RD_KAFKA_RESP_ERR__TRANSPORT);
		expect_at_least_once(reader, at, at + 20);
	}
	bus_reader_close(reader);
}

static void a_broker_that_is_away_loses_nothing(void **state)
{
	struct world *w = *state;
	struct error error;
	struct bus_reader *reader;
	uint64_t tickets;
	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	produce(w, TOPIC_EVENTS, 0, 0, 50);
	step_until(w, TOPIC_EVENTS, 0, 50);
	assert_int_equal(rd_kafka_mock_broker_set_down(w->mock, 1), 0);
	produce(w, TOPIC_EVENTS, 0, 50, 100);
	for (unsigned i = 0; i < 100; i++) {
		must(bus_step(w->bus, true, &error), &error);
		wait_ms(5);
	}
	assert_int_equal(bus_durable(w->bus, TOPIC_EVENTS, 0, &tickets, NULL), 0);
	assert_int_equal(tickets, 50); /* queued is not delivered */
	assert_int_equal(rd_kafka_mock_broker_set_up(w->mock, 1), 0);
	step_until(w, TOPIC_EVENTS, 0, 100);
	expect_at_least_once(reader, 0, 100);
	bus_reader_close(reader);
}

static void a_full_queue_says_so_and_empties(void **state)
{
	struct world *w = *state;
	struct error error;
	uint8_t *noise = malloc((size_t)LIMIT_batch_bytes_max);
	assert_int_equal(w->env.random.fill(w->env.random.ctx, noise, (size_t)LIMIT_batch_bytes_max), 0);
	assert_int_equal(rd_kafka_mock_broker_set_down(w->mock, 1), 0);
	int result = 0;
	unsigned queued = 0;
	while (result == 0 && queued < 100) {
		result = bus_produce(w->bus, TOPIC_EVENTS, 0, slice_of(noise, (size_t)LIMIT_batch_bytes_max), NULL, &error);
		queued += result == 0;
	}
	assert_int_equal(result, -ERROR_FULL);
	assert_int_equal(error.flags, ERROR_RETRIABLE);
	assert_true(queued >= 10 && queued <= 17); /* 64 MiB */
	assert_int_equal(rd_kafka_mock_broker_set_up(w->mock, 1), 0);
	step_until(w, TOPIC_EVENTS, 0, queued);
	must(bus_produce(w->bus, TOPIC_EVENTS, 0, SLICE("x"), NULL, &error), &error);
	step_until(w, TOPIC_EVENTS, 0, queued + 1);
	free(noise);
}

/* A record that somebody else put into our topic. */
static void foreign_octets_are_told_and_can_be_passed_over(void **state)
{
	struct world *w = *state;
	struct error error;
	struct bus_reader *reader;
	struct bus_record record;
	char text[256], name[128], foreign[] = "not ours";
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", w->bootstrap, text, sizeof(text)), RD_KAFKA_CONF_OK);
	rd_kafka_t *stranger = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	assert_non_null(stranger);
	snprintf(name, sizeof(name), "%sevents", w->prefix);
	produce(w, TOPIC_EVENTS, 0, 0, 1);
	step_until(w, TOPIC_EVENTS, 0, 1);
	assert_int_equal(rd_kafka_producev(stranger, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_PARTITION(0),
									   RD_KAFKA_V_VALUE(foreign, 8), RD_KAFKA_V_END),
					 0);
	assert_int_equal(rd_kafka_flush(stranger, 20000), 0);
	rd_kafka_destroy(stranger);
	produce(w, TOPIC_EVENTS, 0, 2, 3);
	step_until(w, TOPIC_EVENTS, 0, 2);
	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	expect(reader, 0, 1);
	assert_int_equal(poll_wait(reader, &record, &error), -ERROR_DAMAGED);
	assert_non_null(strstr(error.text, "offset 1"));
	assert_int_equal(bus_poll(reader, &record, &error), -ERROR_DAMAGED);
	must(bus_seek(reader, 2, &error), &error);
	expect(reader, 2, 3);
	bus_reader_close(reader);
}

/* Retention was faster than a reader: told with the offset, never jumped over. */
static void what_retention_took_is_named(void **state)
{
	struct world *w = *state;
	struct error error;
	struct bus_reader *reader;
	struct bus_record record;
	uint64_t first, committed, keep, next;
	char text[256], name[128];
	produce(w, TOPIC_EVENTS, 0, 0, 30);
	step_until(w, TOPIC_EVENTS, 0, 30);
	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	expect(reader, 0, 5);
	must(bus_commit(reader, 5, 5, &error), &error);
	bus_reader_close(reader);

	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", w->bootstrap, text, sizeof(text)), RD_KAFKA_CONF_OK);
	rd_kafka_t *admin = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
	snprintf(name, sizeof(name), "%sevents", w->prefix);
	rd_kafka_topic_partition_list_add(before, name, 0)->offset = 20;
	rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(before);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
	rd_kafka_DeleteRecords(admin, &request, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
	assert_non_null(event);
	assert_int_equal(rd_kafka_event_error(event), 0);
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(before);
	rd_kafka_destroy(admin);

	must(bus_open_reader(w->bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	reader->ops->position(reader, &first, &committed, &keep, &next);
	assert_int_equal(first, 20);
	assert_int_equal(next, 5);
	assert_int_equal(poll_wait(reader, &record, &error), -ERROR_NOT_FOUND);
	assert_non_null(strstr(error.text, "offset 5"));
	assert_int_equal(bus_poll(reader, &record, &error), -ERROR_NOT_FOUND);
	assert_int_equal(bus_seek(reader, 19, &error), -ERROR_NOT_FOUND);
	must(bus_seek(reader, 20, &error), &error);
	expect(reader, 20, 30);
	bus_reader_close(reader);
}

#define CONTRACT(setup) \
	cmocka_unit_test_setup_teardown(what_is_produced_is_read_in_order, setup, teardown), \
		cmocka_unit_test_setup_teardown(a_reader_comes_back_to_what_it_committed, setup, teardown), \
		cmocka_unit_test_setup_teardown(what_does_not_exist_is_refused, setup, teardown)

int main(void)
{
	const struct CMUnitTest local[] = {CONTRACT(setup_local)};
	const struct CMUnitTest mock[] = {
		CONTRACT(setup_mock),
		cmocka_unit_test_setup_teardown(brokers_that_refuse_are_asked_again, setup_mock, teardown),
		cmocka_unit_test_setup_teardown(a_broker_that_is_away_loses_nothing, setup_mock, teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_says_so_and_empties, setup_mock, teardown),
		cmocka_unit_test_setup_teardown(foreign_octets_are_told_and_can_be_passed_over, setup_mock, teardown),
	};
	const struct CMUnitTest real[] = {
		CONTRACT(setup_real),
		cmocka_unit_test_setup_teardown(what_retention_took_is_named, setup_real, teardown),
		cmocka_unit_test_setup_teardown(foreign_octets_are_told_and_can_be_passed_over, setup_real, teardown),
	};
	int failed = cmocka_run_group_tests_name("local log", local, NULL, NULL);
	failed += cmocka_run_group_tests_name("mock cluster", mock, NULL, NULL);
	if (getenv("CRESSET_TEST_BOOTSTRAP"))
		failed += cmocka_run_group_tests_name("real broker", real, NULL, NULL);
	else
		printf("skipped: contract on a real broker (CRESSET_TEST_BOOTSTRAP is not set)\n");
	return failed;
}
