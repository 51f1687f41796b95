/* Reading a batch that batch_open (batch_open.c) has checked: layout in batch_layout.h. */
#include "common/batch_layout.h"

#include "common/check.h"
#include "common/clock.h"

static uint32_t text_end(const struct batch *batch, uint32_t row)
{
	if (row + 1 == batch->row_count)
		return (uint32_t)batch->text_len;
	return get_u32(batch->rows + (size_t)(row + 1) * BATCH_ROW_BYTES + ROW_AT_TEXT);
}

const uint8_t *batch_shape(const struct batch *batch, uint16_t shape, uint32_t *field_count)
{
	CHECK(shape < batch->shape_count);
	const uint8_t *p = batch->shapes + (size_t)shape * BATCH_SHAPE_BYTES;
	*field_count = get_u16(p + 4);
	return batch->shape_fields + (size_t)get_u32(p) * BATCH_FIELD_BYTES;
}

uint32_t batch_shape_fields(const struct batch *batch)
{
	return get_u32(batch->octets.ptr + HEAD_SHAPE_FIELDS);
}

void batch_get_row(const struct batch *batch, uint32_t row, struct batch_row *out)
{
	CHECK(row < batch->row_count);
	const uint8_t *p = batch->rows + (size_t)row * BATCH_ROW_BYTES;
	uint32_t from = get_u32(p + ROW_AT_TEXT), flags = get_u16(p + ROW_AT_FLAGS);
	out->index = row;
	out->time_ns = (int64_t)get_u64(p + ROW_AT_TIME);
	out->observed_ns = batch->observed_base_ns + get_u32(p + ROW_AT_OBSERVED);
	out->original = slice_of(batch->text + from, get_u32(p + ROW_AT_ORIGINAL));
	out->text = slice_of(batch->text + from, text_end(batch, row) - from);
	out->shape = get_u16(p + ROW_AT_SHAPE);
	const uint8_t *shape = batch->shapes + (size_t)out->shape * BATCH_SHAPE_BYTES;
	out->shape_fields = batch->shape_fields + (size_t)get_u32(shape) * BATCH_FIELD_BYTES;
	out->field_first = get_u32(p + ROW_AT_PLACE);
	out->field_count = get_u16(shape + 4);
	out->source = get_u16(p + ROW_AT_SOURCE);
	out->decoder = get_u16(p + ROW_AT_DECODER);
	out->logsource = get_u16(p + ROW_AT_LOGSOURCE);
	out->index = row;
	out->quality = get_u32(p + ROW_AT_QUALITY);
	out->kind = p[ROW_AT_KIND];
	out->charset = p[ROW_AT_CHARSET];
	out->flags = flags & BATCH_ROW_FLAGS;
	out->format = (uint8_t)(flags >> 12);
}

void batch_get_value(const struct batch *batch, const struct batch_row *row, uint32_t index, struct batch_value *out)
{
	CHECK(index - row->field_first < row->field_count);
	const uint8_t *field = row->shape_fields + (size_t)(index - row->field_first) * BATCH_FIELD_BYTES;
	uint32_t place = get_u32(batch->places + (size_t)index * BATCH_PLACE_BYTES);
	uint32_t offset = place & 0xffff, len = place >> 16;
	out->name = get_u16(field);
	out->type = field[2];
	out->small = 0;
	out->in_original = 0;
	out->text = SLICE_NONE;
	if (out->type == VALUE_SMALL)
		out->small = place;
	if (out->type == VALUE_SMALL || out->type == VALUE_NULL)
		return;
	if ((field[3] & BATCH_FIELD_WIDE) != 0) {
		const uint8_t *wide = batch->wides + (size_t)place * BATCH_WIDE_BYTES;
		offset = get_u32(wide);
		len = get_u32(wide + 4);
	}
	out->text = slice_of(row->text.ptr + offset, len);
	out->in_original = offset + (uint64_t)len <= row->original.len;
}

static struct slice entry_text(const uint8_t *table, uint32_t count, uint16_t index)
{
	const uint8_t *p = table + (size_t)index * BATCH_ENTRY_BYTES;
	return slice_of(table + (size_t)count * BATCH_ENTRY_BYTES + get_u32(p), get_u16(p + 4));
}

struct slice batch_name(const struct batch *batch, uint16_t index)
{
	CHECK(index < batch->name_count);
	return entry_text(batch->names, batch->name_count, index);
}

struct slice batch_source_line(const struct batch *batch, uint16_t index)
{
	if (index == BATCH_NO_INDEX)
		return SLICE_NONE;
	CHECK(index < batch->source_count);
	return entry_text(batch->sources, batch->source_count, index);
}

struct slice batch_decoder_name(const struct batch *batch, uint16_t index, uint16_t *version)
{
	if (version != NULL)
		*version = 0;
	if (index == BATCH_NO_INDEX)
		return SLICE_NONE;
	CHECK(index < batch->decoder_count);
	if (version != NULL)
		*version = get_u16(batch->decoders + (size_t)index * BATCH_ENTRY_BYTES + 6);
	return entry_text(batch->decoders, batch->decoder_count, index);
}

struct logsource batch_get_logsource(const struct batch *batch, uint16_t index)
{
	struct logsource out = {SLICE_NONE, SLICE_NONE, SLICE_NONE};
	if (index == BATCH_NO_INDEX)
		return out;
	CHECK(index < batch->logsource_count);
	const uint8_t *p = batch->logsources + (size_t)index * BATCH_LOGSOURCE_BYTES;
	const uint8_t *text = batch->logsources + (size_t)batch->logsource_count * BATCH_LOGSOURCE_BYTES + get_u32(p);
	out.product = slice_of(text, get_u16(p + 4));
	out.category = slice_of(text + out.product.len, get_u16(p + 6));
	out.service = slice_of(text + out.product.len + out.category.len, get_u16(p + 8));
	return out;
}

void batch_bind(const struct batch *batch, struct dictionary *d, bool intern, uint32_t *ids)
{
	for (uint32_t i = 0; i < batch->name_count; i++) {
		struct slice name = batch_name(batch, (uint16_t)i);
		ids[i] = intern ? dictionary_intern(d, name) : dictionary_find(d, name);
	}
}

bool batch_find(const struct batch *batch, const struct batch_row *row, struct slice name, struct batch_value *out)
{
	for (uint32_t i = 0; i < row->field_count; i++) {
		batch_get_value(batch, row, row->field_first + i, out);
		if (slice_equal(batch_name(batch, out->name), name))
			return true;
	}
	return false;
}

struct slice batch_value_text(const struct batch_value *value, char *scratch)
{
	if (value->type != VALUE_SMALL)
		return value->text;
	char *at = scratch + 12;
	uint32_t left = value->small;
	do
		*--at = (char)('0' + left % 10);
	while ((left /= 10) != 0);
	return slice_of(at, (size_t)(scratch + 12 - at));
}

int64_t batch_row_when(const struct batch_row *row)
{
	int64_t latest;
	if ((row->quality & TIME_PRESENT) == 0)
		return row->observed_ns;
	if (__builtin_add_overflow(row->observed_ns, FUTURE_MAX_NS, &latest))
		latest = INT64_MAX;
	return row->time_ns <= latest ? row->time_ns : row->observed_ns;
}
