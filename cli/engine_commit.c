/* The commit log of detect and temporal.
 *
 * DATA/engine/commit.log (kind "engine"), a record: generation u64, correlate epoch u64, ruleset digest 32.
 * DATA/engine/checkpoint-<generation>: engine_checkpoint.c.
 *
 * A checkpoint only shortens the way: what it says follows from the bus. One that is missing or damaged is passed over, and
 * told: detect goes on from what its readers committed, and temporal reads `matches` again from where they are kept, silently
 * up to what it had read (temporal_rebuild), both under a new epoch. The same for temporal alone when the rules changed: the
 * positions and detect's state are independent of rules, windows are not. A record or two after the last commit may be judged
 * again then: events and matches have an identity, so windows count them once.
 *
 *   C1  On the bus of one machine a commit of detect says that temporal has read all that detect wrote until then. Whoever
 *       starts under other rules does not know the rules of those records: an incident still in them would be lost.
 *       Over Kafka they are of many writers, and their end is not to be waited for.
 *   C2  What a process wrote and did not commit is judged again, by its own rules before any others (engine_unfinished.c).
 */
#include "cli/engine.h"

#include <errno.h>
#include <stdio.h>

#define RECORD_BYTES 48

static int take_record(void *arg, const struct commitlog_record *record)
{
	struct engine_newest *n = arg;
	if (record->body.len != RECORD_BYTES)
		return -ERROR_FORMAT;
	n->any = true;
	n->generation = get_u64(record->body.ptr);
	n->epoch = get_u64(record->body.ptr + 8);
	memcpy(n->digest, record->body.ptr + 16, 32);
	return 0;
}

int engine_newest(const struct env *env, const char *data, struct engine_newest *newest, struct error *error)
{
	char path[4300];
	uint64_t torn;
	*newest = (struct engine_newest){0};
	snprintf(path, sizeof path, "%s/engine/commit.log", data);
	return commitlog_read(env, path, "engine", take_record, newest, &torn, error);
}

int engine_commit_open(struct engine *e, struct buffer *checkpoint, struct error *error)
{
	char path[4300];
	uint64_t cut;
	uint8_t digest[32];
	struct engine_newest newest = {0};
	snprintf(path, sizeof path, "%s/engine", e->config.data);
	int result = env_make_dirs(e->env, path);
	if (result && result != -EEXIST)
		return error_io(error, result, "cannot make %s", path);
	snprintf(path, sizeof path, "%s/engine/commit.log", e->config.data);
	result = commitlog_open(e->env, path, "engine", take_record, &newest, &cut, &e->log, error);
	/* Rows are told apart by epoch and sequence: two series that differ must never share an epoch, or readers pass over
	 * the second as known. The process's epoch was never used before. */
	e->new_series = !newest.any;
	e->correlate_epoch = e->config.epoch;
	if (result || !newest.any)
		return result;
	e->generation = newest.generation;
	e->correlate_epoch = newest.epoch;
	if (!e->config.ruleset)
		return 0; /* a verb that only asks neither detects nor correlates */
	struct error why = {0};
	result = engine_checkpoint_read(e->env, e->config.data, e->generation, checkpoint, &why);
	e->rebuild = result == -ERROR_NOT_FOUND || result == -ERROR_DAMAGED;
	if (e->rebuild)
		fprintf(stderr, "cresset: %s; it is made again from the bus\n", why.text);
	else if (result && error)
		*error = why;
	ruleset_digest(e->config.ruleset, digest);
	/* other rules make other rows */
	e->new_series = e->rebuild || e->config.begin_anew || memcmp(digest, newest.digest, 32) != 0;
	if (e->new_series)
		e->correlate_epoch = e->config.epoch;
	return e->rebuild ? 0 : result;
}

/* Windows from the records that are kept; nothing is told again for those below `read`. */
static void rebuild_windows(struct engine *e, struct feed *f, uint64_t read, uint64_t first, uint64_t keep)
{
	if (keep > 0 && keep < first)
		fprintf(stderr, "cresset: matches partition %u: what is older than record %llu is no longer on the bus\n",
				f->partition, (unsigned long long)first);
	f->next = keep < first ? first : keep;
	if (read > f->next)
		temporal_rebuild(e->temporal, f->partition, read);
}

void engine_rebuild(struct engine *e, bool detect)
{
	for (unsigned i = 0; i < e->feed_count; i++) {
		struct feed *f = &e->feeds[i];
		uint64_t first, committed, keep, next;
		f->reader->ops->position(f->reader, &first, &committed, &keep, &next);
		if (f->duty == FEED_DETECT && detect)
			f->next = committed;
		else if (f->duty == FEED_TEMPORAL)
			rebuild_windows(e, f, detect ? committed : f->next, first, keep);
	}
}

static struct feed *find_feed(struct engine *e, uint32_t duty, uint32_t partition)
{
	for (unsigned i = 0; i < e->feed_count; i++)
		if (e->feeds[i].duty == duty && e->feeds[i].partition == partition)
			return &e->feeds[i];
	return NULL;
}

static void restore_positions(struct engine *e, const struct engine_saved *saved)
{
	for (uint32_t i = 0; i < saved->position_count; i++) {
		struct engine_position p = engine_position_at(saved, i);
		struct feed *f = find_feed(e, p.kind, p.partition);
		/* The store knows its own place, and the book is read from the start. */
		if (f && (p.kind == FEED_DETECT || p.kind == FEED_TEMPORAL))
			f->next = p.offset;
	}
}

/* What was spilled is part of the checkpoint: where it does not hold, windows are made again from the bus, and their rows are a
 * series of their own. Detect goes on as it was. */
static int restore_windows(struct engine *e, struct slice octets, struct error *error)
{
	struct error why = {0};
	int result = temporal_restore(e->temporal, octets, &why);
	if (result != -ERROR_DAMAGED) {
		if (result && error)
			*error = why;
		return result;
	}
	fprintf(stderr, "cresset: %s; windows are made again from the bus\n", why.text);
	e->new_series = true;
	e->correlate_epoch = e->config.epoch;
	result = engine_temporal_anew(e, error);
	if (!result)
		engine_rebuild(e, false);
	return result;
}

int engine_restore(struct engine *e, struct slice octets, struct error *error)
{
	struct engine_saved saved;
	uint8_t digest[32];
	int result = engine_checkpoint_open(octets, &saved, error);
	if (result)
		return result;
	restore_positions(e, &saved);
	engine_take_past(e, &saved);
	ruleset_digest(e->config.ruleset, digest);
	bool same = memcmp(digest, saved.digest.ptr, 32) == 0;
	if (same) /* C2 */
		engine_take_judged(e, &saved);
	if (e->detect && saved.detect.len)
		result = detect_restore(e->detect, saved.detect, error);
	if (!result && e->detect && e->config.begin_anew)
		detect_begin_series(e->detect);
	if (result || !e->temporal || !saved.temporal.len)
		return result;
	if (!same || e->config.begin_anew) {
		engine_rebuild(e, false);
		return 0;
	}
	return restore_windows(e, saved.temporal, error);
}

uint64_t engine_store_committed(const struct engine *e)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < e->feed_count; i++)
		if (e->feeds[i].duty == FEED_STORE)
			sum += store_committed_offset(e->store,
										  (struct store_partition){(uint8_t)e->feeds[i].topic, e->feeds[i].partition});
	return sum;
}

/* `all`: detect and temporal too, which have just committed. The store and the book have no need to wait for them. */
static void tell_bus(struct engine *e, bool all)
{
	for (unsigned i = 0; i < e->feed_count; i++) {
		struct feed *f = &e->feeds[i];
		if (!all && (f->duty == FEED_DETECT || f->duty == FEED_TEMPORAL))
			continue;
		struct error ignored = {0}; /* advisory: the next commit tells it again */
		uint64_t committed = f->next, keep = f->next;
		if (f->duty == FEED_STORE)
			committed = keep =
				store_committed_offset(e->store, (struct store_partition){(uint8_t)f->topic, f->partition});
		else if (f->duty == FEED_TEMPORAL)
			keep = temporal_keep_from(e->temporal, f->partition);
		else if (f->duty == FEED_BOOK)
			keep = 0; /* the book is read again at every start; but it has read, and must not stop intake */
		(void)bus_commit(f->reader, committed, keep < committed ? keep : committed, &ignored);
	}
}

static int commit_correlate(struct engine *e, struct error *error)
{
	char path[4300];
	uint8_t body[RECORD_BYTES], digest[32] = {0};
	if (e->config.ruleset)
		ruleset_digest(e->config.ruleset, digest);
	int result = engine_checkpoint_write(e, e->generation + 1, digest, error);
	put_u64(body, e->generation + 1);
	put_u64(body + 8, e->correlate_epoch);
	memcpy(body + 16, digest, 32);
	if (!result && commitlog_count(e->log) >= 1000)
		result = commitlog_compact(e->log, slice_of(body, sizeof body), error);
	else if (!result)
		result = commitlog_append(e->log, slice_of(body, sizeof body), NULL, error);
	if (result)
		return result;
	engine_checkpoint_path(e->config.data, e->generation, path, sizeof path);
	if (e->generation)
		(void)e->env->files.unlink(e->env->files.ctx, path); /* a leftover costs room, nothing else */
	e->generation++;
	if (e->temporal)
		temporal_saved(e->temporal);
	return 0;
}

/* What the state says was written must be durable before the state is. A full bus: not now. */
static int flush_for_commit(struct engine *e, struct error *error)
{
	int result = e->detect ? detect_flush(e->detect, error) : 0;
	if (!result && e->temporal)
		result = temporal_flush(e->temporal, error);
	if (result >= 0)
		result = bus_step(e->bus, true, error);
	return result < 0 ? result : 0;
}

/* Over Kafka a flush has handed over, not yet heard back. */
static bool is_durable(const struct engine *e)
{
	for (unsigned t = 0; t < TOPIC_COUNT; t++)
		for (uint32_t p = 0; e->written[t] && p < e->config.partitions[t]; p++) {
			uint64_t tickets = 0, offset;
			if (bus_durable(e->bus, (enum bus_topic)t, p, &tickets, &offset) || tickets < e->written[t][p])
				return false;
		}
	return true;
}

/* C1 */
static bool is_level(const struct engine *e)
{
	for (unsigned i = 0; i < e->feed_count && e->config.special; i++) {
		const struct feed *f = &e->feeds[i];
		uint64_t tickets, durable = 0;
		if (f->duty == FEED_TEMPORAL &&
			(f->pending || bus_durable(e->bus, f->topic, f->partition, &tickets, &durable) || f->next < durable))
			return false;
	}
	return true;
}

/* `level`: C1, else where it stands. */
static int commit(struct engine *e, bool level, struct error *error)
{
	struct error why = {0};
	engine_end_retiring(e);
	int result = flush_for_commit(e, &why);
	if (result && (why.flags & ERROR_RETRIABLE)) {
		e->settling = false;
		tell_bus(e, false); /* what was refused may wait for just these positions */
		return 0;
	}
	e->settling = !result && (!is_durable(e) || (level && !is_level(e)));
	if (e->settling)
		return 0;
	if (result) {
		if (error)
			*error = why;
		return result;
	}
	if (e->detect || e->temporal)
		result = commit_correlate(e, error);
	if (result)
		return result;
	tell_bus(e, true);
	e->told = engine_store_committed(e);
	e->dirty = e->hurry = false;
	e->committed_boot_ns = env_boot(e->env);
	return 0;
}

/* Refused while it waits: detect goes on, and the store seals what makes room. The next try is one interval later. */
static int give_up_settling(struct engine *e)
{
	e->settling = e->hurry = false;
	e->committed_boot_ns = env_boot(e->env);
	tell_bus(e, false);
	return 0;
}

int engine_commit(struct engine *e, struct error *error)
{
	if (e->settling && e->config.special && e->blocked)
		return give_up_settling(e);
	if (e->settling && !is_level(e))
		return 0; /* a flush would only cost time */
	return commit(e, true, error);
}

int engine_commit_now(struct engine *e, struct error *error)
{
	return commit(e, false, error);
}
