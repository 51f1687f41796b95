#include "cli/engine.h"

#include <stdio.h>
#include <unistd.h>

#define COMMIT_NS (2 * NS_PER_S)
#define SETTLE_WAIT_NS (10 * NS_PER_S)
#define SETTLE_NAP_US 5000

int engine_sink_matches(void *ctx, uint32_t partition, struct slice record)
{
	struct engine *e = ctx;
	struct error error = {0};
	return bus_produce(e->bus, TOPIC_MATCHES, partition, record, &e->written[TOPIC_MATCHES][partition], &error);
}

int engine_sink_incidents(void *ctx, uint32_t partition, struct slice batch)
{
	struct engine *e = ctx;
	struct error error = {0};
	return bus_produce(e->bus, TOPIC_INCIDENTS, partition, batch, &e->written[TOPIC_INCIDENTS][partition], &error);
}

void engine_audit(struct engine *e, struct slice json)
{
	struct error error = {0};
	if (!e->audit_on || own_writer_row(&e->audit, ROW_AUDIT, json, NULL, &error))
		e->audit_lost++;
}

int engine_change(struct engine *e, struct slice json, struct error *error)
{
	struct slice batch;
	int result = own_writer_row(&e->changes, ROW_AUDIT, json, &batch, error);
	if (!result)
		result = bus_step(e->bus, true, error);
	if (result < 0)
		return result;
	return incident_book_add(e->book, batch, error);
}

void engine_listen(struct engine *e, struct engine_listener *l)
{
	l->next = e->listeners;
	e->listeners = l;
}

void engine_unlisten(struct engine *e, struct engine_listener *l)
{
	for (struct engine_listener **p = &e->listeners; *p; p = &(*p)->next)
		if (*p == l) {
			*p = l->next;
			return;
		}
}

/* ---- working ---- */

static int flush_stages(struct engine *e, struct error *error)
{
	struct error why = {0};
	int result = e->detect ? detect_flush(e->detect, &why) : 0;
	if (!result && e->temporal)
		result = temporal_flush(e->temporal, &why);
	if (result < 0 && (why.flags & ERROR_RETRIABLE)) {
		e->blocked = true;
		snprintf(e->blocked_text, sizeof e->blocked_text, "%s", why.text);
		return 0;
	}
	if (result < 0 && error)
		*error = why;
	return result;
}

static int store_part(struct engine *e, bool flush, struct error *error)
{
	struct error why = {0};
	if (!e->store)
		return 0;
	int result = store_step(e->store, flush, &why);
	if (result < 0 && (why.flags & ERROR_RETRIABLE)) {
		e->blocked = true;
		snprintf(e->blocked_text, sizeof e->blocked_text, "%s", why.text);
		return 0;
	}
	if (result < 0 && error)
		*error = why;
	return result;
}

/* While a commit waits nothing new is judged; over Kafka nothing is read at all. */
static bool rests(const struct engine *e, const struct feed *f)
{
	return e->settling && (!e->config.special || f->duty == FEED_DETECT);
}

static int step(struct engine *e, bool flush, struct error *error)
{
	int busy = 0;
	e->blocked = false;
	for (unsigned i = 0; i < e->feed_count; i++) {
		if (rests(e, &e->feeds[i]))
			continue;
		int result = engine_feed_step(e, &e->feeds[i], error);
		if (result < 0)
			return result;
		busy |= result;
	}
	int result = flush_stages(e, error);
	if (result >= 0)
		result = bus_step(e->bus, flush, error);
	if (result < 0 && error && (error->flags & ERROR_RETRIABLE)) {
		e->blocked = true;
		snprintf(e->blocked_text, sizeof e->blocked_text, "%s", error->text);
		result = 0;
	}
	if (result >= 0)
		result = store_part(e, false, error);
	/* Sealed since: the bus has to hear of it even when nothing new comes, since intake may be waiting for just that. */
	e->dirty |= e->store && engine_store_committed(e) != e->told;
	return result < 0 ? result : busy;
}

int engine_step(struct engine *e, struct error *error)
{
	int busy = step(e, false, error);
	if (busy >= 0)
		engine_yara_tell(e);
	if (busy >= 0 && e->temporal && temporal_pressed(e->temporal))
		e->hurry = e->dirty = true;
	if (busy >= 0 && e->dirty && (e->hurry || env_boot(e->env) - e->committed_boot_ns >= COMMIT_NS)) {
		int result = engine_commit(e, error);
		if (result < 0)
			return result;
	}
	return busy;
}

/* 1: it read something, 0: idle. Between two tries of a commit; over Kafka only time helps. */
static int settle_step(struct engine *e, struct error *error)
{
	int busy = e->config.special ? step(e, false, error) : 0;
	if (busy == 0)
		usleep(SETTLE_NAP_US);
	return busy;
}

int engine_settle(struct engine *e, struct error *error)
{
	int64_t until = env_boot(e->env) + SETTLE_WAIT_NS;
	engine_yara_lift(e);
	int result = engine_commit(e, error);
	while (result >= 0 && e->dirty && env_boot(e->env) < until) {
		result = settle_step(e, error);
		if (result >= 0)
			result = engine_commit(e, error);
	}
	return result >= 0 && e->dirty ? engine_commit_now(e, error) : result;
}

int engine_drain(struct engine *e, bool seal, struct error *error)
{
	/* Rows that one stage writes are read by the next: quiet means that a whole round, with everything synced, found
	 * nothing anywhere. On Kafka the others go on, and what was not read stays there for the next start. */
	for (int quiet = e->config.special ? 0 : 2; quiet < 2;) {
		int busy = step(e, true, error);
		if (busy < 0)
			return busy;
		if (e->blocked && !busy)
			break;
		quiet = busy ? 0 : quiet + 1;
	}
	int result = seal ? store_part(e, true, error) : 0;
	return result < 0 ? result : engine_settle(e, error);
}

void engine_close(struct engine *e)
{
	engine_feeds_close(e);
	env_free(e->env, e->feeds);
	for (unsigned t = 0; t < TOPIC_COUNT; t++)
		env_free(e->env, e->written[t]);
	if (e->detect)
		detect_free(e->detect);
	if (e->temporal)
		temporal_free(e->temporal);
	if (e->book)
		incident_book_free(e->book);
	shadow_free(e->shadow);
	if (e->store)
		store_close(e->store);
	if (e->audit_on)
		own_writer_free(&e->audit);
	if (e->changes_on)
		own_writer_free(&e->changes);
	if (e->control_on)
		own_writer_free(&e->control);
	if (e->log)
		commitlog_close(e->log);
	*e = (struct engine){0};
}
