/* How records reach the stages.
 *
 * Detect and store want the same records of `events`, and each has a place of its own in them: what it has done is committed
 * by itself. While their places are equal, detect's reader reads for both: the record is copied into the store's memory,
 * checked there once, and handed to both. They part when one of them refuses a record, and start apart after a restart;
 * then each reads for itself. They meet again because the store never goes past detect, unless that one is held up:
 *
 *   F1  Neither waits for the other while the other is refused.
 *   F2  The store at or past detect's place waits for detect to come there; detect never waits for the store. So the one
 *       that is behind always moves, and both are at the same place in the end.
 *   F3  What a refusal leaves pending is handed on again to that stage alone.
 */
#include "cli/engine.h"

#include <stdio.h>

/* Records taken from one feed in one step: keeps a step short enough for the control socket. */
#define FEED_BUDGET 64

static struct feed *pair_of(struct engine *e, const struct feed *f)
{
	return f->pair == NO_FEED ? NULL : &e->feeds[f->pair];
}

void engine_feeds_pair(struct engine *e)
{
	for (unsigned d = 0; d < e->feed_count && bus_can_pass(e->bus); d++)
		for (unsigned s = 0; s < e->feed_count; s++) {
			struct feed *detect = &e->feeds[d], *store = &e->feeds[s];
			if (detect->duty != FEED_DETECT || store->duty != FEED_STORE || detect->topic != store->topic ||
				detect->partition != store->partition)
				continue;
			detect->pair = s;
			store->pair = d;
		}
}

void engine_feeds_close(struct engine *e)
{
	for (unsigned i = 0; i < e->feed_count; i++) {
		store_release(e->feeds[i].held);
		bus_reader_close(e->feeds[i].reader);
	}
}

/* ---- one stage ---- */

/* Listeners after the store took it: one that is refused comes again. */
static int hand_to_store(struct engine *e, struct feed *f, struct tail_batch *held, struct error *error)
{
	const struct bus_record *r = &f->record;
	struct store_partition p = {(uint8_t)f->topic, f->partition};
	int result = held ? store_append_held(e->store, p, r->offset, held, error)
					  : store_append(e->store, p, r->offset, r->payload, error);
	for (struct engine_listener *l = e->listeners; l && !result; l = l->next)
		l->batch(l->ctx, f->topic, f->partition, r->offset, r->payload);
	return result;
}

static int hand_on(struct engine *e, struct feed *f, struct error *error)
{
	const struct bus_record *r = &f->record;
	int result = 0;
	switch (f->duty) {
	case FEED_DETECT:
		return detect_record(e->detect, f->partition, r->offset, r->payload, error);
	case FEED_TEMPORAL:
		return temporal_record(e->temporal, f->partition, r->offset, r->payload, error);
	case FEED_BOOK:
		/* What is no batch of ours the store keeps in quarantine; the book passes over it, as detect does. */
		result = incident_book_add(e->book, r->payload, error);
		return result == -ERROR_MEMORY ? result : 0;
	case FEED_STORE:
		return hand_to_store(e, f, f->held, error);
	}
	return result;
}

/* 1: it has the record, 0: not now, it stays pending; or a negative error. */
static int outcome(struct engine *e, struct feed *f, int result, const struct error *why, struct error *error)
{
	f->pending = result < 0;
	if (result >= 0) {
		store_release(f->held);
		f->held = NULL;
		f->next = f->record.offset + 1;
		e->dirty = true;
		if (e->shadow && f->duty == FEED_DETECT)
			shadow_record(e->shadow, f->partition, f->record.offset, f->record.payload);
		return 1;
	}
	if (why->flags & ERROR_RETRIABLE) {
		e->blocked = true;
		snprintf(e->blocked_text, sizeof e->blocked_text, "%s", why->text);
		return 0;
	}
	if (error)
		*error = *why;
	return result;
}

static int take_alone(struct engine *e, struct feed *f, struct error *error)
{
	struct error why = {0};
	int result = hand_on(e, f, &why);
	return outcome(e, f, result, &why, error);
}

/* ---- both ---- */

/* Is the record that detect's feed has just read also the store's next one? */
static bool is_shared(const struct feed *detect, const struct feed *store)
{
	return store && detect->duty == FEED_DETECT && !store->pending && store->next == detect->record.offset;
}

static int take_both(struct engine *e, struct feed *detect, struct feed *store, struct error *error)
{
	struct error why = {0};
	struct tail_batch *held;
	int result = store_hold(e->store, detect->record.payload, &held, error);
	if (result)
		return result;
	if (!store->passed)
		bus_pass(store->reader, store->next);
	store->passed = true;
	store->held = held;
	store->record = detect->record;
	store->record.payload = store_held_octets(held);
	store->pending = true;
	result = detect_batch(e->detect, detect->partition, detect->record.offset, store_held_batch(held), &why);
	int detected = outcome(e, detect, result, &why, error);
	if (detected < 0)
		return detected;
	int stored = take_alone(e, store, error);
	return stored < 0 ? stored : detected;
}

/* F2 */
static bool waits(const struct feed *f, const struct feed *pair)
{
	return pair && f->duty == FEED_STORE && !pair->pending && f->next >= pair->next;
}

static int poll_record(struct feed *f, struct error *error)
{
	if (f->passed)
		bus_pass(f->reader, f->next);
	f->passed = false;
	int result = bus_poll(f->reader, &f->record, error);
	f->pending = result > 0;
	return result;
}

/* A retriable refusal leaves the record pending: it is handed on again at the next step. */
int engine_feed_step(struct engine *e, struct feed *f, struct error *error)
{
	struct feed *pair = pair_of(e, f);
	for (unsigned done = 0; done < FEED_BUDGET; done++) {
		bool again = f->pending;
		if (!again && waits(f, pair))
			return done > 0;
		int result = again ? 1 : poll_record(f, error);
		if (result <= 0)
			return result < 0 ? result : done > 0;
		result = !again && is_shared(f, pair) ? take_both(e, f, pair, error) : take_alone(e, f, error);
		if (result <= 0)
			return result < 0 ? result : done > 0;
	}
	return 1;
}
