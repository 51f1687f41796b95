/* The bus of one machine: joins writers, readers and trimming behind struct bus_ops. */
#include "bus/log.h"

#define SYNC_BYTES ((uint64_t)4 * 1024 * 1024)
#define TRIM_NS (500 * NS_PER_MS)
#define TRIM_BLOCKED_NS (50 * NS_PER_MS)
#define NEVER INT64_MIN

enum local_counter {
	COUNT_PRODUCED,
	COUNT_SYNCS,
	COUNT_FULL,
	COUNT_TRIMMED,
	COUNT_OVERTAKEN,
	COUNT_COUNT,
};

struct local {
	struct bus bus; /* first */
	const struct env *env;
	struct bus_local_config config;
	char dir[LOG_PATH_MAX]; /* config.dir points here */
	struct log_writer *writers;
	uint32_t writer_count;
	uint64_t pending_bytes; /* queued, or written and not synced */
	int64_t pending_since; /* boot time of the first record that waits */
	int64_t trimmed; /* boot time, or NEVER */
	bool full; /* the last write found no room */
	bool broken; /* ERROR_FATAL was given */
	bool told; /* the listener knows */
	struct error full_error, broken_error;
	struct counter counters[COUNT_COUNT];
};

static struct local *of(struct bus *bus)
{
	return (struct local *)bus;
}

static struct log_writer *writer_of(struct local *l, enum bus_topic topic, uint32_t partition)
{
	for (uint32_t i = 0; i < l->writer_count; i++)
		if (l->writers[i].place.topic == topic && l->writers[i].place.partition == partition)
			return &l->writers[i];
	return NULL;
}

static int broken(const struct local *l, struct error *error)
{
	error_set(error, ERROR_IO, "the log failed and has to be opened anew: %s", l->broken_error.text);
	if (error)
		error->flags = ERROR_FATAL;
	return -ERROR_IO;
}

/* Says it to this caller as it is; from now on every call is told of it. */
static int break_down(struct local *l, int result, const struct error *why, struct error *error)
{
	l->broken = true;
	l->broken_error = *why;
	if (error)
		*error = *why;
	return result;
}

static int place_check(const struct local *l, enum bus_topic topic, uint32_t partition, struct error *error)
{
	if (log_place_has(&l->config, topic, partition))
		return 0;
	return error_set(error, ERROR_NOT_FOUND, "there is no partition %u of topic %u", partition, (unsigned)topic);
}

/* ---- produce ---- */

static int refuse_full(struct local *l, const struct log_writer *w, struct error *error)
{
	counter_add(&l->counters[COUNT_FULL], 1);
	if (w->blocked)
		error_set(error, ERROR_FULL, "%s", w->blocked_text);
	else if (error)
		*error = l->full_error;
	if (error)
		error->flags = ERROR_RETRIABLE;
	return -ERROR_FULL;
}

static int local_produce(struct bus *bus, enum bus_topic topic, uint32_t partition, struct slice payload,
						 uint64_t *ticket, struct error *error)
{
	struct local *l = of(bus);
	struct log_writer *w = writer_of(l, topic, partition);
	if (l->broken)
		return broken(l, error);
	if (!w) {
		int result = place_check(l, topic, partition, error);
		return result ? result
					  : error_set(error, ERROR_USAGE, "this process does not write partition %u of %s", partition,
								  bus_topic_name(topic));
	}
	if (l->full || w->blocked)
		return refuse_full(l, w, error);
	struct error why = {0};
	bool early = l->config.early_bytes && payload.len >= l->config.early_bytes;
	int result = early ? log_writer_early(w, payload, &why) : log_writer_queue(w, payload, &why);
	if (result < 0 && (why.flags & ERROR_FATAL))
		return break_down(l, result, &why, error);
	if (result < 0) {
		if (error)
			*error = why;
		return result;
	}
	if (l->pending_bytes == 0)
		l->pending_since = env_boot(l->env);
	l->pending_bytes += log_frame_size(payload.len);
	counter_add(&l->counters[COUNT_PRODUCED], 1);
	if (ticket)
		*ticket = w->next - w->first;
	return 0;
}

/* ---- step ---- */

static void tell_listener(struct local *l)
{
	const struct bus_listener *listener = &l->config.listener;
	l->told = true;
	for (uint32_t i = 0; listener->given && i < log_place_count(&l->config); i++) {
		enum bus_topic topic;
		uint32_t partition;
		log_place_at(&l->config, i, &topic, &partition);
		listener->given(listener->ctx, topic, partition);
	}
}

static int64_t ms_until_sync(const struct local *l)
{
	int64_t passed = env_boot(l->env) - l->pending_since, all = l->config.sync_ms * NS_PER_MS;
	return passed >= all ? 0 : (all - passed + NS_PER_MS - 1) / NS_PER_MS;
}

/* Writes all partitions before it syncs any, so that the medium can work on them together. A partition that finds no
 * room does not keep the others from being synced. */
static int group_commit(struct local *l, struct error *error)
{
	int full = 0;
	for (uint32_t i = 0; i < l->writer_count; i++) {
		int result = log_writer_write(&l->writers[i], error);
		if (result == 0)
			continue;
		if (!error || (error->flags & ERROR_FATAL))
			return result;
		full = result;
		l->full_error = *error;
	}
	for (uint32_t i = 0; i < l->writer_count; i++) {
		if (!l->writers[i].dirty)
			continue;
		int result = log_writer_sync(&l->writers[i], error);
		if (result < 0)
			return result;
		counter_add(&l->counters[COUNT_SYNCS], 1);
	}
	l->full = full != 0;
	l->pending_bytes = 0;
	for (uint32_t i = 0; i < l->writer_count; i++)
		l->pending_bytes += l->writers[i].pending_len;
	if (full)
		*error = l->full_error;
	return full;
}

static bool is_blocked(const struct local *l)
{
	for (uint32_t i = 0; i < l->writer_count; i++)
		if (l->writers[i].blocked)
			return true;
	return false;
}

static int trim_when_due(struct local *l, struct error *error)
{
	int64_t boot = env_boot(l->env), wait = is_blocked(l) || l->full ? TRIM_BLOCKED_NS : TRIM_NS;
	if (l->trimmed != NEVER && boot - l->trimmed < wait)
		return 0;
	l->trimmed = boot;
	struct log_trim trim = {.max_bytes = l->config.max_bytes,
							.keep_bytes = l->config.keep_bytes,
							.removed = &l->counters[COUNT_TRIMMED],
							.overtaken = &l->counters[COUNT_OVERTAKEN]};
	for (uint32_t i = 0; i < l->writer_count; i++) {
		int result = log_trim(&l->writers[i], l->config.dir, &trim, error);
		if (result < 0)
			return result;
	}
	return 0;
}

static int step(struct local *l, bool flush, struct error *error)
{
	if (!l->told)
		tell_listener(l);
	bool due = l->pending_bytes && (flush || l->pending_bytes >= SYNC_BYTES || ms_until_sync(l) == 0);
	int result = due ? group_commit(l, error) : 0;
	if (result < 0 && (error->flags & ERROR_FATAL))
		return break_down(l, result, error, NULL);
	/* Trimming also when the disk is full: that is when it is wanted most. */
	struct error trim_error;
	int trimmed = trim_when_due(l, &trim_error);
	if (result == 0 && trimmed < 0) {
		*error = trim_error;
		return trimmed;
	}
	if (result < 0)
		return result;
	if (l->pending_bytes)
		return (int)ms_until_sync(l);
	return is_blocked(l) ? (int)(TRIM_BLOCKED_NS / NS_PER_MS) : BUS_IDLE;
}

static int local_step(struct bus *bus, bool flush, struct error *error)
{
	struct local *l = of(bus);
	struct error own = {0};
	if (l->broken)
		return broken(l, error);
	int result = step(l, flush, &own);
	if (result < 0 && error)
		*error = own;
	return result;
}

/* ---- what is durable ---- */

static int mark_of_others(struct local *l, enum bus_topic topic, uint32_t partition, uint64_t *offset)
{
	struct log_place place;
	struct log_slots mark;
	char path[LOG_PATH_MAX];
	int result = log_place_set(&place, l->config.dir, topic, partition, NULL);
	if (result < 0)
		return result;
	log_mark_path(&place, path);
	int fd = l->env->files.open(l->env->files.ctx, path, ENV_READ);
	if (fd < 0)
		return error_io(NULL, fd, "cannot open %s", path);
	result = log_slots_read(l->env, fd, LOG_MARK_MAGIC, &place, &mark, NULL);
	l->env->files.close(l->env->files.ctx, fd);
	if (result == 0 && mark.generation == 0)
		result = -ERROR_DAMAGED;
	if (result == 0)
		*offset = mark.values[0];
	return result;
}

static int local_durable(struct bus *bus, enum bus_topic topic, uint32_t partition, uint64_t *tickets, uint64_t *offset)
{
	struct local *l = of(bus);
	struct log_writer *w = writer_of(l, topic, partition);
	uint64_t durable = w ? w->durable : 0;
	int result = w ? 0 : place_check(l, topic, partition, NULL);
	if (result == 0 && !w)
		result = mark_of_others(l, topic, partition, &durable);
	if (result < 0)
		return result;
	if (tickets)
		*tickets = w ? durable - w->first : 0;
	if (offset)
		*offset = durable;
	return 0;
}

/* ---- readers ---- */

static int local_reader(struct bus *bus, const char *name, enum bus_topic topic, uint32_t partition,
						struct bus_reader **out, struct error *error)
{
	struct local *l = of(bus);
	struct log_place place;
	struct error own = {0};
	*out = NULL;
	int result = place_check(l, topic, partition, &own);
	if (result == 0)
		result = log_place_set(&place, l->config.dir, topic, partition, &own);
	if (result == 0) {
		*out = log_reader_open(l->env, l->config.dir, l->bus.ops, &place, name, &own);
		result = *out ? 0 : -(int)own.code;
	}
	if (result < 0 && error)
		*error = own;
	return result;
}

/* Queued records that no step made durable are given up: nobody was told of them. */
static void local_close(struct bus *bus)
{
	struct local *l = of(bus);
	for (uint32_t i = 0; i < l->writer_count; i++)
		log_writer_close(&l->writers[i], !l->broken);
	env_free(l->env, l->writers);
	env_free(l->env, l);
}

static const struct bus_ops local_ops = {
	.produce = local_produce,
	.step = local_step,
	.durable = local_durable,
	.reader = local_reader,
	.poll = log_reader_poll,
	.seek = log_reader_seek,
	.pass = log_reader_pass,
	.commit = log_reader_commit,
	.position = log_reader_position,
	.reader_close = log_reader_close,
	.close = local_close,
};

/* ---- open ---- */

static void config_set(struct local *l, const struct bus_local_config *config)
{
	l->config = *config;
	size_t octets = strlen(config->dir);
	CHECK(octets <= LOG_DIR_MAX); /* bus_local_open has looked */
	memcpy(l->dir, config->dir, octets + 1);
	l->config.dir = l->dir;
	if (!l->config.file_bytes)
		l->config.file_bytes = (uint64_t)LIMIT_log_file_bytes;
	if (!l->config.max_bytes)
		l->config.max_bytes = (uint64_t)LIMIT_bus_max_bytes;
	if (!l->config.keep_bytes)
		l->config.keep_bytes = (uint64_t)LIMIT_bus_keep_bytes;
	if (!l->config.sync_ms)
		l->config.sync_ms = (uint32_t)LIMIT_sync_ms;
}

static void counters_set(struct local *l)
{
	static const struct counter names[COUNT_COUNT] = {
		[COUNT_PRODUCED] = {"bus.produced", "records queued", 0},
		[COUNT_SYNCS] = {"bus.syncs", "log files synced", 0},
		[COUNT_FULL] = {"bus.full", "records refused for want of room", 0},
		[COUNT_TRIMMED] = {"bus.trimmed_files", "log files removed", 0},
		[COUNT_OVERTAKEN] = {"bus.keep_overtaken", "looks at which a keep-from lay past bus.keep_bytes", 0},
	};
	for (unsigned i = 0; i < COUNT_COUNT; i++) {
		l->counters[i].name = names[i].name;
		l->counters[i].help = names[i].help;
	}
}

const struct counter *bus_local_counters(const struct bus *bus, size_t *count)
{
	CHECK(bus->ops == &local_ops);
	*count = COUNT_COUNT;
	return ((const struct local *)bus)->counters;
}

int bus_local_unwritten(const struct bus *bus,
						int (*each)(void *ctx, enum bus_topic topic, uint32_t partition, struct slice payload),
						void *ctx)
{
	const struct local *l = (const struct local *)bus;
	CHECK(bus->ops == &local_ops);
	int result = 0;
	for (uint32_t i = 0; i < l->writer_count; i++) {
		struct slice payload;
		size_t at = 0;
		while (result == 0 && log_writer_pending(&l->writers[i], &at, &payload))
			result = each(ctx, l->writers[i].place.topic, l->writers[i].place.partition, payload);
	}
	return result;
}

static int writers_open(struct local *l, struct error *error)
{
	uint32_t count = log_place_count(&l->config);
	l->writers = env_zalloc(l->env, count * sizeof(*l->writers));
	if (!l->writers)
		return error_set(error, ERROR_MEMORY, "no memory for the log");
	for (uint32_t i = 0; i < count; i++) {
		struct log_place place;
		enum bus_topic topic;
		uint32_t partition;
		log_place_at(&l->config, i, &topic, &partition);
		if (!log_place_written(&l->config, topic, partition))
			continue;
		int result = log_place_set(&place, l->config.dir, topic, partition, error);
		if (result == 0)
			result = log_writer_open(l->env, &place, l->config.file_bytes, &l->writers[l->writer_count], error);
		if (result < 0)
			return result;
		l->writer_count++;
	}
	return 0;
}

int bus_local_open(const struct env *env, const struct bus_local_config *config, struct bus **out, struct error *error)
{
	*out = NULL;
	if (strlen(config->dir) > LOG_DIR_MAX)
		return error_set(error, ERROR_USAGE, "the log's folder has a path of at most %u octets", LOG_DIR_MAX);
	int result = log_counts_check(env, config, error);
	if (result < 0)
		return result;
	struct local *l = env_zalloc(env, sizeof(*l));
	if (!l)
		return error_set(error, ERROR_MEMORY, "no memory for the log");
	l->bus.ops = &local_ops;
	l->env = env;
	l->trimmed = NEVER;
	config_set(l, config);
	counters_set(l);
	result = writers_open(l, error);
	if (result < 0) {
		l->broken = true; /* nothing to settle */
		local_close(&l->bus);
		return result;
	}
	*out = &l->bus;
	return 0;
}

int bus_local_recover(const struct env *env, const struct bus_local_config *config, uint64_t *cut, struct error *error)
{
	uint64_t none;
	if (!cut)
		cut = &none;
	*cut = 0;
	bool all = !config->write_topics && !config->write_events_special;
	int result = log_create(env, config, error);
	for (uint32_t i = 0; i < log_place_count(config) && result == 0; i++) {
		struct log_place place;
		enum bus_topic topic;
		uint32_t partition;
		log_place_at(config, i, &topic, &partition);
		if (!all && !log_place_written(config, topic, partition))
			continue;
		result = log_place_set(&place, config->dir, topic, partition, error);
		if (result == 0)
			result = log_recover_partition(env, &place, cut, error);
	}
	return result;
}
