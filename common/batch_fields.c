/* Fields of the open row: a word of its shape and a place each. */
#include "common/batch_builder.h"

/* ---- names ---- */

static __attribute__((noinline)) bool more_stamps(struct batch_builder *b)
{
	size_t wanted = (size_t)b->dictionary->count * sizeof(struct name_stamp);
	buffer_add_zeros(&b->name_stamps, wanted - b->name_stamps.len);
	bool failed = b->name_stamps.failed;
	b->name_stamps.failed = false;
	b->stamps = (struct name_stamp *)(void *)b->name_stamps.ptr;
	b->stamp_count = (uint32_t)(b->name_stamps.len / sizeof(struct name_stamp));
	return !failed;
}

/* The stamp of a dictionary id; grows with the dictionary. */
static inline struct name_stamp *stamp_of(struct batch_builder *b, uint32_t name)
{
	if (name >= b->stamp_count && !more_stamps(b))
		return NULL;
	return &b->stamps[name];
}

/* The new index, or a negative error. Apart from what happens for every field. */
static __attribute__((noinline)) int new_name(struct batch_builder *b, uint32_t name, struct name_stamp *stamp)
{
	uint16_t index;
	buffer_add(&b->name_ids, &name, sizeof name);
	if (b->name_ids.failed) {
		b->name_ids.failed = false;
		return -ERROR_MEMORY;
	}
	int result = batch_table_append(&b->names, dictionary_name(b->dictionary, name), &index);
	if (result != 0) {
		b->name_ids.len -= sizeof name;
		return result;
	}
	*stamp = (struct name_stamp){b->stamp, index};
	return index;
}

/* The index of a name that this batch has not named yet, or a negative error. */
static __attribute__((noinline)) int name_index(struct batch_builder *b, uint32_t name)
{
	CHECK(name < b->dictionary->count);
	struct name_stamp *stamp = stamp_of(b, name);
	if (stamp == NULL)
		return -ERROR_MEMORY;
	return stamp->stamp == b->stamp ? stamp->index : new_name(b, name, stamp);
}

/* ---- fields ---- */

static __attribute__((cold, noinline)) int dropped(struct batch_builder *b, int result)
{
	b->row.flags |= ROW_FIELDS_DROPPED;
	return result;
}

static inline int add_field(struct batch_builder *b, uint32_t name, enum value_type type, uint32_t flags,
							uint32_t place)
{
	CHECK(b->is_open && (unsigned)type < VALUE_TYPE_COUNT);
	if (b->row.field_count >= LIMIT_row_fields || name == DICTIONARY_NONE)
		return dropped(b, -ERROR_LIMIT);
	uint32_t index;
	if (name < b->stamp_count && b->stamps[name].stamp == b->stamp) {
		index = b->stamps[name].index;
	} else {
		int result = name_index(b, name);
		if (result < 0)
			return dropped(b, result);
		index = (uint32_t)result;
	}
	b->shape_fields[b->row.field_count++] = index | (uint32_t)type << 16 | flags << 24;
	put_u32(b->places.ptr + b->places.len, place); /* batch_row has made the room */
	b->places.len += BATCH_PLACE_BYTES;
	return 0;
}

static __attribute__((noinline)) int add_wide(struct batch_builder *b, uint32_t name, enum value_type type,
											  uint32_t offset, uint32_t len)
{
	uint32_t index = (uint32_t)(b->wides.len / BATCH_WIDE_BYTES);
	uint8_t *room = buffer_room(&b->wides, BATCH_WIDE_BYTES);
	if (room == NULL) {
		b->wides.failed = false;
		return dropped(b, -ERROR_MEMORY);
	}
	put_u32(room, offset);
	put_u32(room + 4, len);
	int result = add_field(b, name, type, BATCH_FIELD_WIDE, index);
	if (result == 0)
		b->wides.len += BATCH_WIDE_BYTES;
	return result;
}

int batch_field(struct batch_builder *b, uint32_t name, enum value_type type, uint32_t offset, uint32_t len)
{
	CHECK(b->is_open && (uint64_t)offset + len <= b->text.len - b->start.text);
	CHECK(type != VALUE_SMALL);
	if (type == VALUE_NULL)
		return add_field(b, name, type, 0, 0);
	if (offset > UINT16_MAX || len > UINT16_MAX)
		return add_wide(b, name, type, offset, len);
	return add_field(b, name, type, 0, offset | len << 16);
}

int batch_field_small(struct batch_builder *b, uint32_t name, uint32_t value)
{
	return add_field(b, name, VALUE_SMALL, 0, value);
}

/* Whether the octets of `value` are octets of `text`, by address: *offset from its start. */
static bool lies_in(struct slice value, struct slice text, uint32_t *offset)
{
	uintptr_t at = (uintptr_t)value.ptr - (uintptr_t)text.ptr;
	if (text.ptr == NULL || at > text.len || value.len > text.len - at)
		return false;
	*offset = (uint32_t)at;
	return true;
}

int batch_field_slice(struct batch_builder *b, uint32_t name, enum value_type type, struct slice value)
{
	uint32_t offset = 0;
	CHECK(b->is_open);
	if (value.len == 0)
		return batch_field(b, name, type, 0, 0);
	if (lies_in(value, b->row.given, &offset) || lies_in(value, batch_row_text(b), &offset))
		return batch_field(b, name, type, offset, (uint32_t)value.len);
	/* Octets for a field that will be dropped would only fill the batch. */
	if (b->row.field_count >= LIMIT_row_fields || name == DICTIONARY_NONE)
		return dropped(b, -ERROR_LIMIT);
	int result = batch_row_derive(b, value, &offset);
	if (result != 0)
		return dropped(b, result);
	return batch_field(b, name, type, offset, (uint32_t)value.len);
}

uint32_t batch_row_field_count(const struct batch_builder *b)
{
	CHECK(b->is_open);
	return b->row.field_count;
}

struct batch_row_look batch_row_look(const struct batch_builder *b)
{
	_Static_assert(BATCH_PLACE_BYTES == 4 && BATCH_WIDE_BYTES == 8, "as batch_look_field reads them");
	CHECK(b->is_open);
	return (struct batch_row_look){.fields = b->shape_fields,
								   .ids = (const uint32_t *)(const void *)b->name_ids.ptr,
								   .places = b->places.ptr + b->start.places,
								   .wides = b->wides.ptr};
}
