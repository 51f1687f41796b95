/* The ingest process: sockets and files in, batches on the bus. */
#include "cli/control.h"
#include "cli/own_rows.h"
#include "cli/reserve.h"
#include "cli/run.h"
#include "cli/run_follow.h"
#include "cli/setup.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define READ_BUDGET (256u << 10)
#define UDP_BUDGET 4096u
#define BLOCKED_WAIT_MS 5
#define CONTROL_WAIT_MS 50 /* how long a question may wait: this socket is asked, not watched */
#define ACKNOWLEDGE_TRIES 6000 /* times BLOCKED_WAIT_MS: 30 s for the brokers to take what is queued at the end */
#define CALM_MS 3 /* with nothing due and sockets quiet, wait a little so that batches grow */

enum watched {
	WATCH_UDP,
	WATCH_LISTENER,
	WATCH_CONNECTION
};

struct watch {
	enum watched what;
	void *object;
	int fd;
	struct watch *next, **link; /* connections */
};

struct collector {
	struct run *run;
	struct bus *bus;
	struct ingest *ingest;
	int epoll;
	struct watch fixed[128];
	unsigned fixed_count;
	struct watch *connections;
	struct run_follow files;
	struct reserve reserve; /* local bus */
	bool over; /* batches are counted as lost now */
	uint64_t epoch;
	struct control *control; /* over Kafka, where no engine beside it answers for it */
	struct error error;
};

static int emit(void *ctx, uint32_t partition, struct slice batch, uint32_t rows)
{
	struct collector *c = ctx;
	if (c->over)
		return reserve_count(&c->reserve, batch);
	return run_follow_produce(&c->files, partition, batch, rows, &c->error);
}

static int watch_fd(struct collector *c, struct watch *w)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, w->fd, &event) ? -errno : 0;
}

static int add_fixed(struct collector *c, enum watched what, void *object, int fd)
{
	CHECK(c->fixed_count < sizeof c->fixed / sizeof *c->fixed);
	struct watch *w = &c->fixed[c->fixed_count++];
	*w = (struct watch){.what = what, .object = object, .fd = fd};
	return watch_fd(c, w);
}

static int add_input(struct collector *c, const struct bound_input *in)
{
	struct ingest_udp *udp;
	struct ingest_listener *listener;
	int result = 0;
	if (in->udp >= 0) {
		result = ingest_udp_new(c->ingest, in->udp, &udp, &c->error);
		if (!result)
			result = add_fixed(c, WATCH_UDP, udp, in->udp);
	}
	if (!result && in->tcp >= 0) {
		result = ingest_listener_new(c->ingest, in->tcp, in->input->framing, &listener, &c->error);
		if (!result)
			result = add_fixed(c, WATCH_LISTENER, listener, in->tcp);
	}
	return result;
}

/* Connections and followed files are many more than what most systems grant at first. */
static void raise_descriptors(void)
{
	struct rlimit most;
	if (getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur < most.rlim_max) {
		most.rlim_cur = most.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &most);
	}
}

static int collector_open(struct collector *c, uint64_t epoch)
{
	const struct config *config = &c->run->config;
	struct ingest_config ic = {.epoch = epoch,
							   .partitions = config->partitions[TOPIC_EVENTS],
							   .ticks = true,
							   .message_bytes = config->message_bytes,
							   .defaults = config->defaults,
							   .decoders = c->run->decoders,
							   .emit = emit,
							   .ctx = c};
	own_uuid(c->run->uuid, "collector", ic.collector);
	raise_descriptors();
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	int result = run_follow_settings(&c->files, c->run, &ic, &c->error);
	if (!result)
		result = ingest_new(c->run->env, &ic, &c->ingest, &c->error);
	if (!result)
		result = run_follow_open(&c->files, c->bus, c->ingest, &c->error);
	if (!result && !config->bus_kafka)
		result = reserve_open(&c->reserve, c->run->env, c->run->data, config->partitions[TOPIC_EVENTS], &c->error);
	for (uint32_t i = 0; !result && i < config->input_count; i++)
		result = add_input(c, &c->run->inputs[i]);
	return result;
}

static void drop_connection(struct watch *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	env_free(setup_env(), w);
}

static void accept_all(struct collector *c, struct ingest_listener *listener)
{
	struct ingest_connection *connection;
	while (ingest_accept(listener, &connection, &c->error) > 0) {
		struct watch *w = env_zalloc(c->run->env, sizeof *w);
		if (!w) {
			ingest_connection_close(connection);
			return;
		}
		*w = (struct watch){.what = WATCH_CONNECTION, .object = connection, .fd = ingest_connection_fd(connection)};
		w->link = &c->connections;
		w->next = c->connections;
		if (w->next)
			w->next->link = &w->next;
		c->connections = w;
		if (watch_fd(c, w)) {
			ingest_connection_close(connection);
			drop_connection(w);
		}
	}
}

static void serve(struct collector *c, struct watch *w)
{
	switch (w->what) {
	case WATCH_UDP:
		(void)ingest_udp_step(w->object, UDP_BUDGET, &c->error);
		break;
	case WATCH_LISTENER:
		accept_all(c, w->object);
		break;
	case WATCH_CONNECTION:
		if (ingest_connection_step(w->object, READ_BUDGET, &c->error) <= 0)
			drop_connection(w);
		break;
	}
}

static void publish(struct collector *c)
{
	struct ingest_stats s;
	struct run_shared *out = c->run->shared;
	if (!out)
		return;
	ingest_stats(c->ingest, &s);
#define PUBLISH(name) atomic_store_explicit(&out->name, s.name, memory_order_relaxed)
	PUBLISH(received);
	PUBLISH(stored);
	PUBLISH(truncated);
	PUBLISH(dropped);
	PUBLISH(quarantined);
	PUBLISH(gaps);
	PUBLISH(bytes);
	PUBLISH(connections);
	PUBLISH(connections_refused);
	PUBLISH(header_invalid);
	PUBLISH(undecoded);
#undef PUBLISH
	atomic_store_explicit(&out->files, run_follow_count(&c->files), memory_order_relaxed);
	atomic_store_explicit(&out->blocked, ingest_blocked(c->ingest), memory_order_relaxed);
}

/* ms until somebody wants to be called; the smaller positive one. */
static int sooner(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* What the process before us left in the reserve becomes rows, as soon as the log takes some. */
static int tell_left(struct collector *c)
{
	struct slice source, json;
	while (reserve_next(&c->reserve, &source, &json)) {
		uint32_t partition = source.len ? (uint32_t)(xxh3(source) % c->run->config.partitions[TOPIC_EVENTS]) : 0;
		struct own_writer w;
		int result =
			own_writer_init(&w, c->run->env, c->bus, TOPIC_EVENTS, partition, c->run->uuid, "reserve", c->epoch);
		w.source_line = source;
		if (!result)
			result = own_writer_once(&w, ROW_GAP, json, &c->error);
		own_writer_free(&w);
		if (result)
			return result == -ERROR_FULL || result == -ERROR_MEMORY ? 0 : result;
		reserve_given(&c->reserve, partition, run_follow_beside(&c->files, partition));
	}
	return 0;
}

static void close_idle(struct collector *c)
{
	for (struct watch *w = c->connections, *next; w; w = next) {
		next = w->next;
		if (!ingest_connection_idle(w->object))
			continue;
		ingest_connection_close(w->object);
		drop_connection(w);
	}
}

/* Fatal bus errors end the process: the supervisor recovers the log and starts it again. */
static int drive(struct collector *c, bool flush, int *wait_ms)
{
	c->error = (struct error){0};
	int a = ingest_step(c->ingest, flush, &c->error);
	c->error = (struct error){0};
	int b = tell_left(c);
	if (b == 0)
		b = run_follow_before(&c->files, &c->error);
	if (b == 0)
		b = bus_step(c->bus, flush, &c->error);
	run_follow_after(&c->files);
	if (b >= 0 && reserve_step(&c->reserve, c->bus, &c->error))
		return -ERROR_IO;
	if (b < 0 && !(c->error.flags & ERROR_RETRIABLE))
		return b;
	*wait_ms = sooner(a, b < 0 ? BLOCKED_WAIT_MS : b);
	close_idle(c);
	publish(c);
	return 0;
}

static int loop(struct collector *c)
{
	struct epoll_event events[EVENTS_MAX];
	int wait_ms = 0;
	while (!setup_stop) {
		int result = drive(c, false, &wait_ms);
		if (result)
			return result;
		bool blocked = ingest_blocked(c->ingest);
		if (blocked) {
			usleep(BLOCKED_WAIT_MS * 1000);
			continue;
		}
		int most_ms = c->control ? CONTROL_WAIT_MS : 1000;
		result = run_follow_step(&c->files, READ_BUDGET, &most_ms, &c->error);
		if (result)
			return result;
		if (c->control && control_step(c->control))
			most_ms = 0;
		int n = epoll_wait(c->epoll, events, EVENTS_MAX, wait_ms < 0 || wait_ms > most_ms ? most_ms : wait_ms);
		for (int i = 0; i < n && !ingest_blocked(c->ingest); i++)
			serve(c, events[i].data.ptr);
	}
	return 0;
}

static int count_unwritten(void *ctx, enum bus_topic topic, uint32_t partition, struct slice payload)
{
	(void)partition;
	return topic == TOPIC_EVENTS ? reserve_count(ctx, payload) : 0;
}

/* What the log has not taken, and what is still on its way to it, is written down for the next start. */
static int give_up(struct collector *c)
{
	uint64_t events = 0;
	if (c->run->config.bus_kafka)
		return error_set(&c->error, ERROR_IO,
						 "the brokers did not take all that was received: the last events are lost");
	int result = bus_local_unwritten(c->bus, count_unwritten, &c->reserve);
	c->over = true;
	for (int rounds = 0; rounds < 100 && (rounds < 3 || ingest_blocked(c->ingest)); rounds++)
		(void)ingest_step(c->ingest, true, NULL);
	if (!result)
		result = reserve_write(&c->reserve, &events, &c->error);
	if (result)
		return error_set(&c->error, ERROR_IO,
						 "the log did not take all that was received, and nothing of it could be "
						 "written down: the last events are lost");
	return error_set(&c->error, ERROR_IO,
					 "the log takes nothing more: %llu events are lost, and the next start tells them as gaps",
					 (unsigned long long)events);
}

/* Until the bus has it all: what it has not taken would be gone with us. A full disk or a slow store may give way meanwhile. */
static int acknowledge(struct collector *c)
{
	int wait_ms, result = 0;
	for (int tries = 0; tries < ACKNOWLEDGE_TRIES; tries++) {
		result = drive(c, true, &wait_ms);
		if (result < 0)
			return result;
		if (!ingest_blocked(c->ingest) && bus_step(c->bus, true, &c->error) == BUS_IDLE)
			return 0;
		usleep(BLOCKED_WAIT_MS * 1000);
	}
	return give_up(c);
}

/* What the kernel has already received is taken in; then everything is closed and synced. */
static int drain(struct collector *c)
{
	struct epoll_event events[EVENTS_MAX];
	int wait_ms, n, rounds = 0;
	while ((n = epoll_wait(c->epoll, events, EVENTS_MAX, 0)) > 0 && rounds++ < 1000) {
		for (int i = 0; i < n && !ingest_blocked(c->ingest); i++)
			serve(c, events[i].data.ptr);
		if (drive(c, false, &wait_ms))
			return -1;
	}
	while (c->connections) {
		struct watch *w = c->connections;
		ingest_connection_close(w->object);
		drop_connection(w);
	}
	return acknowledge(c);
}

static void collector_close(struct collector *c, bool settled)
{
	run_follow_close(&c->files, settled);
	for (unsigned i = 0; i < c->fixed_count; i++) {
		if (c->fixed[i].what == WATCH_UDP)
			ingest_udp_free(c->fixed[i].object);
		else
			ingest_listener_free(c->fixed[i].object);
	}
	if (c->ingest)
		ingest_free(c->ingest);
	reserve_close(&c->reserve);
	if (c->epoll >= 0)
		close(c->epoll);
}

/* Questions about the collector of a cluster: status; anything else is told that it keeps no store. */
static int answer_open(struct collector *c)
{
	static struct engine none;
	static struct request_host host;
	static struct control control;
	char path[4200];
	if (!c->run->config.bus_kafka)
		return 0;
	none.env = c->run->env;
	none.config.data = c->run->data;
	host = (struct request_host){.engine = &none,
								 .env = c->run->env,
								 .decoders = c->run->decoders,
								 .defaults = &c->run->config.defaults,
								 .ruleset_text = c->run->ruleset_text,
								 .started_ns = env_now(c->run->env),
								 .status = run_status_ingest,
								 .ctx = c->run};
	snprintf(path, sizeof path, "%s/control.sock", c->run->data);
	int result = control_open(&control, c->run->env, &host, path, &c->error);
	c->control = result ? NULL : &control;
	return result;
}

static void answer_close(struct collector *c)
{
	char path[4200];
	if (!c->control)
		return;
	control_close(c->control);
	snprintf(path, sizeof path, "%s/control.sock", c->run->data);
	(void)unlink(path);
}

int run_ingest(struct run *run, struct bus *bus, uint64_t epoch)
{
	static struct collector c;
	c = (struct collector){.run = run, .bus = bus, .epoll = -1, .epoch = epoch};
	int result = collector_open(&c, epoch);
	if (!result)
		result = answer_open(&c);
	if (!result)
		result = loop(&c);
	if (!result)
		result = drain(&c);
	int code = EXIT_OK;
	if (result < 0)
		code = setup_fail(run->args, &c.error);
	answer_close(&c);
	collector_close(&c, result == 0);
	return code;
}
