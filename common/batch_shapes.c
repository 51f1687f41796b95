#include "common/batch_shapes.h"

#include "common/batch_layout.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields of a shape are copied as they stand");

void batch_shapes_init(struct batch_shapes *s, const struct env *env, uint64_t seed)
{
	*s = (struct batch_shapes){.seed = seed | 1};
	buffer_init(&s->entries, env);
	buffer_init(&s->fields, env);
}

void batch_shapes_begin(struct batch_shapes *s)
{
	buffer_reset(&s->entries);
	buffer_reset(&s->fields);
	s->count = 0;
	/* After 2^32 batches an old slot could look new: then they are cleared for once. */
	if (++s->stamp == 0) {
		if (s->slots != NULL)
			memset(s->slots, 0, s->slot_count * sizeof *s->slots);
		s->stamp = 1;
	}
}

void batch_shapes_free(struct batch_shapes *s)
{
	env_free(s->entries.env, s->slots);
	buffer_free(&s->entries);
	buffer_free(&s->fields);
}

/* Two fields at a time, in two chains that do not wait for each other. The seed is drawn: whoever chooses names cannot make
 * shapes collide. */
static uint64_t hash_fields(const struct batch_shapes *s, const uint32_t *fields, uint32_t count)
{
	uint64_t a = s->seed ^ count, b = ~s->seed;
	uint32_t i = 0;
	for (; i + 4 <= count; i += 4) {
		a = (a ^ (fields[i] | (uint64_t)fields[i + 1] << 32)) * UINT64_C(0x9e3779b97f4a7c15);
		b = (b ^ (fields[i + 2] | (uint64_t)fields[i + 3] << 32)) * UINT64_C(0xc2b2ae3d27d4eb4f);
	}
	for (; i < count; i++)
		a = (a ^ fields[i]) * UINT64_C(0x9e3779b97f4a7c15);
	a ^= (b ^ b >> 32) * s->seed;
	return (a ^ a >> 32) * s->seed;
}

static bool is_shape(const struct batch_shapes *s, uint32_t index, const uint32_t *fields, uint32_t count)
{
	const uint8_t *entry = s->entries.ptr + (size_t)index * BATCH_SHAPE_BYTES;
	return get_u16(entry + 4) == count &&
		   (count == 0 ||
			memcmp(s->fields.ptr + (size_t)get_u32(entry) * BATCH_FIELD_BYTES, fields, count * sizeof *fields) == 0);
}

static void put_slot(struct batch_shapes *s, struct shape_slot slot)
{
	uint32_t at = (uint32_t)(slot.hash >> 32) & (s->slot_count - 1);
	while (s->slots[at].stamp == s->stamp)
		at = (at + 1) & (s->slot_count - 1);
	s->slots[at] = slot;
}

static bool grow(struct batch_shapes *s)
{
	uint32_t old_count = s->slot_count, slot_count = old_count == 0 ? 256 : old_count * 2;
	struct shape_slot *old = s->slots, *slots = env_zalloc(s->entries.env, slot_count * sizeof *slots);
	if (slots == NULL)
		return false;
	s->slots = slots;
	s->slot_count = slot_count;
	for (uint32_t i = 0; i < old_count; i++)
		if (old[i].stamp == s->stamp)
			put_slot(s, old[i]);
	env_free(s->entries.env, old);
	return true;
}

int batch_shapes_add(struct batch_shapes *s, const uint32_t *fields, uint32_t count, uint64_t hash, uint16_t *index)
{
	size_t entries = s->entries.len, octets = s->fields.len;
	if (s->count >= BATCH_NO_INDEX)
		return -ERROR_LIMIT;
	if ((s->count + 1) * 2 > s->slot_count && !grow(s))
		return -ERROR_MEMORY;
	buffer_add_u32(&s->entries, (uint32_t)(octets / BATCH_FIELD_BYTES));
	buffer_add_u16(&s->entries, (uint16_t)count);
	buffer_add_u16(&s->entries, 0);
	buffer_add(&s->fields, fields, count * sizeof *fields);
	if (s->entries.failed || s->fields.failed) {
		s->entries.failed = s->fields.failed = false;
		s->entries.len = entries;
		s->fields.len = octets;
		return -ERROR_MEMORY;
	}
	*index = (uint16_t)s->count++;
	put_slot(s, (struct shape_slot){s->stamp, *index, hash});
	return 0;
}

bool batch_shapes_find(const struct batch_shapes *s, const uint32_t *fields, uint32_t count, uint64_t *hash,
					   uint16_t *index)
{
	*hash = hash_fields(s, fields, count);
	uint32_t mask = s->slot_count - 1, at = (uint32_t)(*hash >> 32) & mask;
	for (; s->slot_count > 0 && s->slots[at].stamp == s->stamp; at = (at + 1) & mask) {
		if (s->slots[at].hash == *hash && is_shape(s, s->slots[at].index, fields, count)) {
			*index = (uint16_t)s->slots[at].index;
			return true;
		}
	}
	return false;
}
