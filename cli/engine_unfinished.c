/* What rules judged and did not commit.
 *
 * Records of a process that was killed are durable up to 2 s beyond its last commit. The next one judges those events again:
 * under the same rules it makes the same rows and matches once more, which everybody passes over; under others it would make
 * other ones, and an event would have been judged by two rulesets. So before others open, the old ones go on to where they
 * may have been:
 *
 *   U1  Something was judged since a commit when `matches` is longer than temporal had read (C1: at a commit it is not), or
 *       `incidents` longer than it was, by more than changes that people made.
 *   U2  How far is not known, but not beyond the end of `events` when the next process opens. That is what `judged` of detect's
 *       feed says from then on.
 *   U3  A commit that comes before detect is there again says so (POSITION_JUDGED): whoever starts from it may find nothing of
 *       U1, since temporal has read the matches of before.
 *
 * Only on the bus of one machine. Over Kafka others write too, and a ruleset is brought in stage by stage.
 */
#include "cli/engine.h"

#include <stdio.h>

/* Kinds of positions in a checkpoint beside the duties of feeds. */
enum {
	POSITION_JUDGED = 4, /* of a partition of events: U3 */
	POSITION_INCIDENTS = 5 /* of a partition of incidents: its end at the commit */
};

/* ---- in a checkpoint ---- */

struct engine_position engine_position_at(const struct engine_saved *saved, uint32_t i)
{
	CHECK(i < saved->position_count);
	const uint8_t *p = saved->positions.ptr + (size_t)i * ENGINE_POSITION_BYTES;
	return (struct engine_position){get_u32(p), get_u32(p + 4), get_u64(p + 8)};
}

static void put(struct buffer *out, uint32_t kind, uint32_t partition, uint64_t offset)
{
	buffer_add_u32(out, kind);
	buffer_add_u32(out, partition);
	buffer_add_u64(out, offset);
}

static bool is_behind(const struct feed *f)
{
	return f->duty == FEED_DETECT && f->next < f->judged;
}

static uint64_t end_of(struct bus *bus, enum bus_topic topic, uint32_t partition)
{
	uint64_t tickets, end = 0;
	return bus_durable(bus, topic, partition, &tickets, &end) ? 0 : end;
}

void engine_put_positions(const struct engine *e, struct buffer *out)
{
	uint32_t incidents = e->config.special ? e->config.partitions[TOPIC_INCIDENTS] : 0,
			 count = e->feed_count + incidents;
	for (unsigned i = 0; i < e->feed_count; i++)
		count += is_behind(&e->feeds[i]);
	buffer_add_u32(out, count);
	for (unsigned i = 0; i < e->feed_count; i++) {
		const struct feed *f = &e->feeds[i];
		put(out, f->duty, f->partition, f->next);
		if (is_behind(f))
			put(out, POSITION_JUDGED, f->partition, f->judged);
	}
	for (uint32_t p = 0; p < incidents; p++)
		put(out, POSITION_INCIDENTS, p, end_of(e->bus, TOPIC_INCIDENTS, p));
}

/* ---- looking ---- */

/* Is there a row from `offset` on that nobody but the engine's rules can have made? A record that cannot be read is not ours to
 * judge: who reads it in its turn tells. */
static bool told_since(struct bus *bus, const uint8_t uuid[16], uint32_t partition, uint64_t offset)
{
	struct bus_reader *reader;
	struct bus_record record;
	struct batch batch;
	uint8_t changes[16];
	bool found = false;
	if (end_of(bus, TOPIC_INCIDENTS, partition) <= offset)
		return false;
	if (bus_open_reader(bus, NULL, TOPIC_INCIDENTS, partition, &reader, NULL))
		return true;
	own_uuid(uuid, "changes", changes);
	int result = bus_seek(reader, offset, NULL);
	while (!result && !found && bus_poll(reader, &record, NULL) > 0)
		found = batch_open(&batch, record.payload, NULL) == 0 && memcmp(batch.identity.collector, changes, 16) != 0;
	bus_reader_close(reader);
	return found || result;
}

/* U1 */
static bool written_since(struct bus *bus, const uint8_t uuid[16], const struct engine_saved *saved)
{
	bool written = false;
	for (uint32_t i = 0; i < saved->position_count && !written; i++) {
		struct engine_position p = engine_position_at(saved, i);
		if (p.kind == FEED_TEMPORAL)
			written = p.offset < end_of(bus, TOPIC_MATCHES, p.partition);
		else if (p.kind == POSITION_INCIDENTS)
			written = told_since(bus, uuid, p.partition, p.offset);
	}
	return written;
}

static bool says_behind(const struct engine_saved *saved)
{
	for (uint32_t i = 0; i < saved->position_count; i++)
		if (engine_position_at(saved, i).kind == POSITION_JUDGED)
			return true;
	return false;
}

static int look(const struct env *env, const struct engine_config *config, struct bus *bus, uint64_t generation,
				struct error *error)
{
	struct buffer octets;
	struct engine_saved saved;
	struct error why = {0};
	buffer_init(&octets, env);
	int result = engine_checkpoint_read(env, config->data, generation, &octets, &why);
	if (result == -ERROR_NOT_FOUND || result == -ERROR_DAMAGED)
		result = 0; /* told by who opens */
	else if (!result)
		result = engine_checkpoint_open(buffer_slice(&octets), &saved, &why);
	if (result && error)
		*error = why;
	if (!result && octets.len)
		result = says_behind(&saved) || written_since(bus, config->uuid, &saved);
	buffer_free(&octets);
	return result;
}

int engine_left(const struct env *env, const struct engine_config *config, struct bus *bus, struct error *error)
{
	struct engine_newest newest;
	int result = engine_newest(env, config->data, &newest, error);
	if (result == -ERROR_NOT_FOUND)
		return 0;
	return result || !newest.any ? result : look(env, config, bus, newest.generation, error);
}

int engine_unfinished(const struct env *env, const struct engine_config *config, struct bus *bus, uint8_t digest[32],
					  struct error *error)
{
	struct engine_newest newest;
	uint8_t now[32];
	int result = engine_newest(env, config->data, &newest, error);
	if (result == -ERROR_NOT_FOUND)
		return 0;
	if (result || !newest.any)
		return result;
	ruleset_digest(config->ruleset, now);
	memcpy(digest, newest.digest, 32);
	return memcmp(now, digest, 32) == 0 ? 0 : look(env, config, bus, newest.generation, error);
}

/* ---- at work ---- */

/* U2 */
void engine_all_judged(struct engine *e)
{
	for (unsigned i = 0; i < e->feed_count && e->config.special; i++)
		if (e->feeds[i].duty == FEED_DETECT)
			e->feeds[i].judged = end_of(e->bus, TOPIC_EVENTS, e->feeds[i].partition);
}

void engine_take_judged(struct engine *e, const struct engine_saved *saved)
{
	if (!e->config.special)
		return;
	if (written_since(e->bus, e->config.uuid, saved)) {
		engine_all_judged(e);
		return;
	}
	for (uint32_t i = 0; i < saved->position_count; i++) {
		struct engine_position p = engine_position_at(saved, i);
		for (unsigned k = 0; k < e->feed_count && p.kind == POSITION_JUDGED; k++)
			if (e->feeds[k].duty == FEED_DETECT && e->feeds[k].partition == p.partition)
				e->feeds[k].judged = p.offset;
	}
}

bool engine_caught_up(const struct engine *e)
{
	for (unsigned i = 0; i < e->feed_count; i++)
		if (is_behind(&e->feeds[i]))
			return false;
	return true;
}
