#include "common/dictionary.h"

#include "common/check.h"
#include "common/digest.h"
#include "common/error.h"
#include "common/field.h"
#include "common/limits.h"

/* Slots are a power of two and at most half full, so a probe always ends at a free one. */
#define SLOTS_FIRST 1024u

static uint32_t slot_of(const struct dictionary *d, struct slice name)
{
	return (uint32_t)xxh3_seeded(name, d->seed) & (d->slot_count - 1);
}

static void insert_slot(struct dictionary *d, uint32_t id)
{
	uint32_t at = slot_of(d, d->names[id]);
	while (d->slots[at] != 0)
		at = (at + 1) & (d->slot_count - 1);
	d->slots[at] = id + 1;
}

static void fill_slots(struct dictionary *d)
{
	memset(d->slots, 0, d->slot_count * sizeof *d->slots);
	for (uint32_t id = 0; id < d->count; id++)
		insert_slot(d, id);
}

static bool grow(struct dictionary *d)
{
	uint32_t slot_count = d->slot_count == 0 ? SLOTS_FIRST : d->slot_count * 2;
	struct slice *names = env_resize(d->arena.env, d->names, slot_count / 2 * sizeof *names);
	if (names == NULL)
		return false;
	d->names = names;
	uint32_t *slots = env_resize(d->arena.env, d->slots, slot_count * sizeof *slots);
	if (slots == NULL)
		return false;
	d->slots = slots;
	d->slot_count = slot_count;
	d->room = slot_count / 2;
	fill_slots(d);
	return true;
}

int dictionary_init(struct dictionary *d, const struct env *env, uint64_t seed)
{
#define X(id, name) SLICE(name),
	static const struct slice known[] = {FIELD_LIST(X)};
#undef X
	*d = (struct dictionary){.seed = seed};
	arena_init(&d->arena, env, 0);
	for (uint32_t i = 0; i < FIELD_COUNT; i++) {
		uint32_t id = dictionary_intern(d, known[i]);
		if (id == DICTIONARY_NONE) {
			dictionary_free(d);
			return -ERROR_MEMORY;
		}
		CHECK(id == i);
	}
	dictionary_keep(d);
	return 0;
}

uint32_t dictionary_find(const struct dictionary *d, struct slice name)
{
	if (d->slot_count == 0)
		return DICTIONARY_NONE;
	uint32_t at = slot_of(d, name);
	while (d->slots[at] != 0) {
		uint32_t id = d->slots[at] - 1;
		if (slice_equal(d->names[id], name))
			return id;
		at = (at + 1) & (d->slot_count - 1);
	}
	return DICTIONARY_NONE;
}

uint32_t dictionary_intern(struct dictionary *d, struct slice name)
{
	uint32_t id = dictionary_find(d, name);
	if (id != DICTIONARY_NONE)
		return id;
	if (name.len > LIMIT_field_name_bytes || d->count >= LIMIT_dictionary_names)
		return DICTIONARY_NONE;
	if (d->count == d->room && !grow(d))
		return DICTIONARY_NONE;
	struct slice copy = arena_copy(&d->arena, name);
	if (copy.ptr == NULL)
		return DICTIONARY_NONE;
	id = d->count++;
	d->names[id] = copy;
	insert_slot(d, id);
	return id;
}

/* Two overlapping looks at eight octets know a short name; only of a longer one the middle is compared. */
uint32_t dictionary_intern_again(struct dictionary *d, struct dictionary_memo *memo, struct slice name)
{
	uint64_t head = slice_head(name), tail = name.len > 8 ? slice_head(slice_from(name, name.len - 8)) : 0;
	uint64_t hash = (head ^ name.len) * UINT64_C(0x9e3779b97f4a7c15) ^ tail * UINT64_C(0xc2b2ae3d27d4eb4f);
	struct dictionary_again *a = &memo->names[(hash ^ hash >> 32) % DICTIONARY_MEMOS];
	if (memo->resets != d->resets) { /* ids that were taken back are given to others */
		memset(memo, 0, sizeof *memo);
		memo->resets = d->resets;
	} else if (a->id != 0 && a->head == head && a->tail == tail && a->len == name.len &&
			   (name.len <= 16 || memcmp(d->names[a->id - 1].ptr, name.ptr, name.len) == 0)) {
		return a->id - 1;
	}
	uint32_t id = dictionary_intern(d, name);
	if (id != DICTIONARY_NONE)
		*a = (struct dictionary_again){head, tail, (uint32_t)name.len, id + 1};
	return id;
}

struct slice dictionary_name(const struct dictionary *d, uint32_t id)
{
	CHECK(id < d->count);
	return d->names[id];
}

void dictionary_keep(struct dictionary *d)
{
	d->kept = d->count;
	d->kept_mark = arena_mark(&d->arena);
}

void dictionary_reset(struct dictionary *d)
{
	if (d->count == d->kept)
		return;
	arena_rewind(&d->arena, d->kept_mark);
	d->count = d->kept;
	d->resets++;
	fill_slots(d);
}

void dictionary_free(struct dictionary *d)
{
	env_free(d->arena.env, d->names);
	env_free(d->arena.env, d->slots);
	arena_free(&d->arena);
	d->names = NULL;
	d->slots = NULL;
	d->count = d->room = d->slot_count = d->kept = 0;
}
