#include "common/batch_table.h"

#include "common/batch.h"
#include "common/check.h"
#include "common/digest.h"
#include "common/error.h"
#include "common/limits.h"

void batch_table_init(struct batch_table *t, const struct env *env, uint64_t seed)
{
	*t = (struct batch_table){.seed = seed};
	buffer_init(&t->entries, env);
	buffer_init(&t->octets, env);
}

void batch_table_begin(struct batch_table *t)
{
	buffer_reset(&t->entries);
	buffer_reset(&t->octets);
	t->count = 0;
	/* After 2^32 batches an old slot could look new: then they are cleared for once. */
	if (++t->stamp == 0) {
		if (t->slots != NULL)
			memset(t->slots, 0, t->slot_count * sizeof *t->slots);
		t->stamp = 1;
	}
}

void batch_table_cut(struct batch_table *t, uint32_t count)
{
	CHECK(count <= t->count);
	if (count < t->count)
		t->octets.len = batch_table_entries(t)[count].offset;
	t->entries.len = count * sizeof(struct table_entry);
	t->count = count;
	t->entries.failed = false;
	t->octets.failed = false;
}

static void put_slot(struct table_slot *slots, uint32_t slot_count, struct table_slot slot)
{
	uint32_t at = (uint32_t)slot.hash & (slot_count - 1);
	while (slots[at].stamp == slot.stamp)
		at = (at + 1) & (slot_count - 1);
	slots[at] = slot;
}

static bool grow(struct batch_table *t)
{
	uint32_t slot_count = t->slot_count == 0 ? 64 : t->slot_count * 2;
	struct table_slot *slots = env_zalloc(t->octets.env, slot_count * sizeof *slots);
	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < t->slot_count; i++) {
		if (t->slots[i].stamp == t->stamp)
			put_slot(slots, slot_count, t->slots[i]);
	}
	env_free(t->octets.env, t->slots);
	t->slots = slots;
	t->slot_count = slot_count;
	return true;
}

/* Adds the entry whose texts are the octets from `offset` on. */
static int add_entry(struct batch_table *t, const struct table_entry *entry, uint16_t *index)
{
	if (t->count >= BATCH_NO_INDEX)
		return -ERROR_LIMIT;
	buffer_add(&t->entries, entry, sizeof *entry);
	if (t->entries.failed || t->octets.failed)
		return -ERROR_MEMORY;
	*index = (uint16_t)t->count++;
	return 0;
}

static bool same(const struct batch_table *t, uint32_t index, const struct table_entry *wanted, struct slice text)
{
	const struct table_entry *entry = &batch_table_entries(t)[index];
	return memcmp(entry->lens, wanted->lens, sizeof entry->lens) == 0 && entry->version == wanted->version &&
		   slice_equal(slice_of(t->octets.ptr + entry->offset, text.len), text);
}

static bool find(const struct batch_table *t, uint64_t hash, const struct table_entry *wanted, struct slice text,
				 uint16_t *index)
{
	if (t->slot_count == 0)
		return false;
	uint32_t at = (uint32_t)hash & (t->slot_count - 1);
	for (; t->slots[at].stamp == t->stamp; at = (at + 1) & (t->slot_count - 1)) {
		if (t->slots[at].hash == hash && same(t, t->slots[at].index, wanted, text)) {
			*index = (uint16_t)t->slots[at].index;
			return true;
		}
	}
	return false;
}

/* The key's texts are now the last octets of the table: finds it further up, or makes them an entry. */
static int intern_last(struct batch_table *t, struct table_entry *wanted, uint16_t *index)
{
	struct slice text = slice_of(t->octets.ptr + wanted->offset, t->octets.len - wanted->offset);
	uint64_t hash = xxh3_seeded(text, t->seed + wanted->version);
	if (find(t, hash, wanted, text, index)) {
		t->octets.len = wanted->offset;
		return 0;
	}
	if ((t->count + 1) * 2 > t->slot_count && !grow(t))
		return -ERROR_MEMORY;
	int result = add_entry(t, wanted, index);
	if (result == 0)
		put_slot(t->slots, t->slot_count, (struct table_slot){t->stamp, *index, hash});
	return result;
}

/* Takes back what a failed call added, so that the table is what it was. */
static int undo(struct batch_table *t, size_t octets, int result)
{
	t->octets.len = octets;
	t->octets.failed = false;
	t->entries.len = t->count * sizeof(struct table_entry);
	t->entries.failed = false;
	return result;
}

int batch_table_intern(struct batch_table *t, const struct slice parts[3], uint16_t version, uint16_t *index)
{
	struct table_entry entry = {.offset = (uint32_t)t->octets.len, .version = version};
	for (unsigned i = 0; i < 3; i++) {
		if (parts[i].len > UINT16_MAX || t->octets.len + parts[i].len > (size_t)LIMIT_batch_bytes_max)
			return undo(t, entry.offset, -ERROR_LIMIT);
		entry.lens[i] = (uint16_t)parts[i].len;
		buffer_add_slice(&t->octets, parts[i]);
	}
	/* Three empty texts: there must be a place to point at. */
	if (t->octets.failed || buffer_room(&t->octets, 1) == NULL)
		return undo(t, entry.offset, -ERROR_MEMORY);
	int result = intern_last(t, &entry, index);
	return result == 0 ? 0 : undo(t, entry.offset, result);
}

int batch_table_append(struct batch_table *t, struct slice text, uint16_t *index)
{
	struct table_entry entry = {.offset = (uint32_t)t->octets.len};
	if (text.len > UINT16_MAX || t->octets.len + text.len > (size_t)LIMIT_batch_bytes_max)
		return -ERROR_LIMIT;
	entry.lens[0] = (uint16_t)text.len;
	buffer_add_slice(&t->octets, text);
	int result = add_entry(t, &entry, index);
	return result == 0 ? 0 : undo(t, entry.offset, result);
}

void batch_table_free(struct batch_table *t)
{
	env_free(t->octets.env, t->slots);
	buffer_free(&t->entries);
	buffer_free(&t->octets);
}
