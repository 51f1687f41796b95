#include "tests/support/fake_bus.h"

#include <stdlib.h>

#define READERS_MAX 64u

struct stored {
	uint8_t *octets;
	size_t len;
	int64_t appended_ns;
};

struct shelf {
	enum bus_topic topic;
	uint32_t partition;
	struct stored *records;
	uint64_t count, durable, first; /* offsets */
	uint64_t opened_at; /* count when the bus was opened: tickets begin there */
};

/* What a reader's name remembers. */
struct place {
	char name[64];
	struct shelf *shelf;
	uint64_t committed, keep_from;
	bool is_open;
};

struct fake_bus {
	struct bus bus; /* first */
	struct fake *fake;
	struct fake_bus_config config;
	struct shelf *shelves;
	uint32_t shelf_count;
	struct place places[READERS_MAX];
	unsigned place_count;
	struct bus_listener listener;
	bool told, is_open;
};

struct fake_reader {
	struct bus_reader reader; /* first */
	struct fake_bus *all;
	struct shelf *shelf;
	struct place *place; /* null: a look */
	uint64_t next;
};

static struct shelf *shelf_at(const struct fake_bus *all, enum bus_topic topic, uint32_t partition)
{
	for (uint32_t i = 0; i < all->shelf_count; i++)
		if (all->shelves[i].topic == topic && all->shelves[i].partition == partition)
			return &all->shelves[i];
	return NULL;
}

static bool chance(struct fake_bus *all, unsigned percent)
{
	return fake_random_below(all->fake, 100) < percent;
}

static int not_there(struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "there is no such partition");
}

/* ---- writing ---- */

static int produce(struct bus *bus, enum bus_topic topic, uint32_t partition, struct slice payload, uint64_t *ticket,
				   struct error *error)
{
	struct fake_bus *all = (struct fake_bus *)bus;
	struct shelf *s = shelf_at(all, topic, partition);
	if (!s)
		return not_there(error);
	if (payload.len > (uint64_t)LIMIT_batch_bytes_max)
		return error_set(error, ERROR_LIMIT, "the record is too large");
	if (chance(all, all->config.full_percent)) {
		error_set(error, ERROR_FULL, "full, says the seed");
		if (error)
			error->flags = ERROR_RETRIABLE;
		return -ERROR_FULL;
	}
	s->records = fake_must(realloc(s->records, (s->count + 1) * sizeof(*s->records)));
	struct stored *r = &s->records[s->count++];
	*r = (struct stored){fake_must(malloc(payload.len + 1)), payload.len, env_now(&all->fake->env)};
	if (payload.len)
		memcpy(r->octets, payload.ptr, payload.len);
	if (ticket)
		*ticket = s->count - s->opened_at;
	return 0;
}

static void tell(struct fake_bus *all)
{
	all->told = true;
	for (uint32_t i = 0; all->listener.given && i < all->shelf_count; i++)
		all->listener.given(all->listener.ctx, all->shelves[i].topic, all->shelves[i].partition);
}

/* A flush makes one more record durable at least, so that a caller who steps on always gets there. */
static int step(struct bus *bus, bool flush, struct error *error)
{
	struct fake_bus *all = (struct fake_bus *)bus;
	bool pending = false;
	(void)error;
	if (!all->told)
		tell(all);
	for (uint32_t i = 0; i < all->shelf_count; i++) {
		struct shelf *s = &all->shelves[i];
		bool forced = flush;
		while (s->durable < s->count && (forced || !chance(all, all->config.delay_percent))) {
			s->durable++;
			forced = false;
		}
		pending |= s->durable < s->count;
	}
	return pending ? 1 : BUS_IDLE;
}

static int durable(struct bus *bus, enum bus_topic topic, uint32_t partition, uint64_t *tickets, uint64_t *offset)
{
	const struct shelf *s = shelf_at((struct fake_bus *)bus, topic, partition);
	if (!s)
		return -ERROR_NOT_FOUND;
	if (tickets)
		*tickets = s->durable > s->opened_at ? s->durable - s->opened_at : 0;
	if (offset)
		*offset = s->durable;
	return 0;
}

/* ---- reading ---- */

static struct place *place_of(struct fake_bus *all, const char *name, struct shelf *s, bool *is_new)
{
	for (unsigned i = 0; i < all->place_count; i++)
		if (all->places[i].shelf == s && strcmp(all->places[i].name, name) == 0)
			return &all->places[i];
	CHECK(all->place_count < READERS_MAX && strlen(name) < sizeof(all->places[0].name));
	struct place *p = &all->places[all->place_count++];
	*p = (struct place){.shelf = s, .committed = s->first, .keep_from = s->first};
	strcpy(p->name, name);
	*is_new = true;
	return p;
}

static int reader_open(struct bus *bus, const char *name, enum bus_topic topic, uint32_t partition,
					   struct bus_reader **out, struct error *error)
{
	struct fake_bus *all = (struct fake_bus *)bus;
	struct shelf *s = shelf_at(all, topic, partition);
	bool is_new = false;
	*out = NULL;
	if (!s)
		return not_there(error);
	struct place *place = name ? place_of(all, name, s, &is_new) : NULL;
	if (place && place->is_open)
		return error_set(error, ERROR_BUSY, "another reader has that name");
	struct fake_reader *r = env_zalloc(&all->fake->env, sizeof(*r));
	if (!r)
		return error_set(error, ERROR_MEMORY, "no memory for a reader");
	*r = (struct fake_reader){.reader = {bus->ops}, .all = all, .shelf = s, .place = place, .next = s->first};
	if (place) {
		uint64_t back = fake_random_below(all->fake, (uint64_t)all->config.repeat_records + 1);
		uint64_t room = place->committed > s->first ? place->committed - s->first : 0;
		place->committed -= back < room ? back : room;
		if (place->keep_from > place->committed)
			place->keep_from = place->committed;
		place->is_open = true;
		r->next = place->committed;
	}
	*out = &r->reader;
	return 0;
}

static int trimmed(const struct fake_reader *r, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "offset %llu was trimmed away", (unsigned long long)r->next);
}

static int poll_one(struct bus_reader *reader, struct bus_record *out, struct error *error)
{
	struct fake_reader *r = (struct fake_reader *)reader;
	const struct shelf *s = r->shelf;
	if (r->next < s->first)
		return trimmed(r, error);
	if (r->next >= s->durable || chance(r->all, r->all->config.empty_percent))
		return 0;
	const struct stored *record = &s->records[r->next];
	*out = (struct bus_record){.topic = s->topic,
							   .partition = s->partition,
							   .offset = r->next++,
							   .appended_ns = record->appended_ns,
							   .payload = slice_of(record->octets, record->len)};
	return 1;
}

static int seek(struct bus_reader *reader, uint64_t offset, struct error *error)
{
	struct fake_reader *r = (struct fake_reader *)reader;
	if (offset < r->shelf->first || offset > r->shelf->durable)
		return error_set(error, ERROR_NOT_FOUND, "offset %llu is not there", (unsigned long long)offset);
	r->next = offset;
	return 0;
}

static int commit(struct bus_reader *reader, uint64_t committed, uint64_t keep_from, struct error *error)
{
	struct fake_reader *r = (struct fake_reader *)reader;
	if (!r->place || keep_from > committed || committed > r->shelf->durable)
		return error_set(error, ERROR_USAGE, "positions are out of order");
	r->place->committed = committed;
	r->place->keep_from = keep_from;
	return 0;
}

static void position(const struct bus_reader *reader, uint64_t *first, uint64_t *committed, uint64_t *keep_from,
					 uint64_t *next)
{
	const struct fake_reader *r = (const struct fake_reader *)reader;
	*first = r->shelf->first;
	*committed = r->place ? r->place->committed : r->shelf->first;
	*keep_from = r->place ? r->place->keep_from : r->shelf->first;
	*next = r->next;
}

static void reader_close(struct bus_reader *reader)
{
	struct fake_reader *r = (struct fake_reader *)reader;
	if (r->place)
		r->place->is_open = false;
	env_free(&r->all->fake->env, r);
}

static void bus_end(struct bus *bus)
{
	struct fake_bus *all = (struct fake_bus *)bus;
	for (unsigned i = 0; i < all->place_count; i++)
		CHECK(!all->places[i].is_open);
	all->is_open = false;
}

static const struct bus_ops ops = {.produce = produce,
								   .step = step,
								   .durable = durable,
								   .reader = reader_open,
								   .poll = poll_one,
								   .seek = seek,
								   .commit = commit,
								   .position = position,
								   .reader_close = reader_close,
								   .close = bus_end};

/* ---- the test's hand ---- */

static void shelf_add(struct fake_bus *all, enum bus_topic topic, uint32_t partition)
{
	all->shelves = fake_must(realloc(all->shelves, (all->shelf_count + 1) * sizeof(*all->shelves)));
	all->shelves[all->shelf_count++] = (struct shelf){.topic = topic, .partition = partition};
}

struct fake_bus *fake_bus_new(struct fake *fake, const struct fake_bus_config *config)
{
	struct fake_bus *all = fake_must(calloc(1, sizeof(*all)));
	all->bus.ops = &ops;
	all->fake = fake;
	all->config = *config;
	CHECK(config->delay_percent < 100 && config->empty_percent < 100 && config->full_percent < 100);
	for (unsigned t = 0; t < TOPIC_COUNT; t++)
		for (uint32_t p = 0; p < config->partitions[t]; p++)
			shelf_add(all, (enum bus_topic)t, p);
	shelf_add(all, TOPIC_EVENTS, PARTITION_IMPORT);
	shelf_add(all, TOPIC_EVENTS, PARTITION_AUDIT);
	return all;
}

void fake_bus_free(struct fake_bus *all)
{
	for (uint32_t i = 0; i < all->shelf_count; i++) {
		for (uint64_t k = 0; k < all->shelves[i].count; k++)
			free(all->shelves[i].records[k].octets);
		free(all->shelves[i].records);
	}
	free(all->shelves);
	free(all);
}

struct bus *fake_bus_open(struct fake_bus *all, const struct bus_listener *listener)
{
	CHECK(!all->is_open);
	all->is_open = true;
	all->told = false;
	all->listener = listener ? *listener : (struct bus_listener){0};
	for (uint32_t i = 0; i < all->shelf_count; i++)
		all->shelves[i].opened_at = all->shelves[i].count;
	return &all->bus;
}

void fake_bus_crash(struct fake_bus *all)
{
	CHECK(!all->is_open);
	for (uint32_t i = 0; i < all->shelf_count; i++) {
		struct shelf *s = &all->shelves[i];
		s->durable += fake_random_below(all->fake, s->count - s->durable + 1);
		while (s->count > s->durable)
			free(s->records[--s->count].octets);
	}
}

uint64_t fake_bus_count(const struct fake_bus *all, enum bus_topic topic, uint32_t partition)
{
	const struct shelf *s = shelf_at(all, topic, partition);
	return s ? s->durable : 0;
}

struct slice fake_bus_record(const struct fake_bus *all, enum bus_topic topic, uint32_t partition, uint64_t offset)
{
	const struct shelf *s = shelf_at(all, topic, partition);
	CHECK(s && offset < s->count);
	return slice_of(s->records[offset].octets, s->records[offset].len);
}

void fake_bus_trim(struct fake_bus *all, enum bus_topic topic, uint32_t partition, uint64_t first)
{
	struct shelf *s = shelf_at(all, topic, partition);
	CHECK(s && first >= s->first && first <= s->durable);
	s->first = first;
}
