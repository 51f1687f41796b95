/* The octets of a finished batch: its parts, one behind the other. */
#include "common/batch_builder.h"

#include "common/digest.h"

static void write_head(const struct batch_builder *b, uint8_t *p, size_t total)
{
	struct format_head head = {BATCH_VERSION, BATCH_HEAD_BYTES, 0, b->must_flags};
	memset(p, 0, BATCH_HEAD_BYTES);
	format_put_head(p, BATCH_MAGIC, &head);
	put_u32(p + HEAD_TOTAL, (uint32_t)total);
	put_u32(p + HEAD_ROWS, b->row_count);
	memcpy(p + HEAD_COLLECTOR, b->identity.collector, 16);
	put_u64(p + HEAD_EPOCH, b->identity.epoch);
	put_u64(p + HEAD_SEQUENCE, b->identity.first_sequence);
	put_u32(p + HEAD_PARTITION, b->identity.partition);
	put_u64(p + HEAD_OBSERVED, (uint64_t)b->observed_base_ns);
	put_u32(p + HEAD_SHAPE_FIELDS, (uint32_t)(b->shapes.fields.len / BATCH_FIELD_BYTES));
	put_u32(p + HEAD_SHAPES, b->shapes.count);
	put_u32(p + HEAD_PLACES, (uint32_t)(b->places.len / BATCH_PLACE_BYTES));
	put_u32(p + HEAD_WIDES, (uint32_t)(b->wides.len / BATCH_WIDE_BYTES));
	put_u32(p + HEAD_NAMES, b->names.count);
	put_u32(p + HEAD_SOURCES, b->sources.count);
	put_u32(p + HEAD_DECODERS, b->decoders.count);
	put_u32(p + HEAD_LOGSOURCES, b->logsources.count);
	put_u32(p + HEAD_TEXT, (uint32_t)b->text.len);
}

static void write_table(struct buffer *out, const struct batch_table *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct table_entry *entry = &batch_table_entries(t)[i];
		buffer_add_u32(out, entry->offset);
		buffer_add_u16(out, entry->lens[0]);
		buffer_add_u16(out, entry->version);
	}
	buffer_add_slice(out, buffer_slice(&t->octets));
	buffer_align8(out);
}

static void write_logsources(struct buffer *out, const struct batch_table *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct table_entry *entry = &batch_table_entries(t)[i];
		buffer_add_u32(out, entry->offset);
		for (unsigned part = 0; part < 3; part++)
			buffer_add_u16(out, entry->lens[part]);
		buffer_add_zeros(out, 6);
	}
	buffer_add_slice(out, buffer_slice(&t->octets));
	buffer_align8(out);
}

/* All sections behind the head; notes in `offsets` where each began. */
static void write_sections(struct batch_builder *b, uint32_t offsets[BATCH_SECTIONS])
{
	struct buffer *out = &b->out;
	offsets[0] = (uint32_t)out->len;
	buffer_add_slice(out, buffer_slice(&b->rows));
	offsets[1] = (uint32_t)out->len;
	buffer_add_slice(out, buffer_slice(&b->places));
	buffer_align8(out);
	offsets[2] = (uint32_t)out->len;
	buffer_add_slice(out, buffer_slice(&b->wides));
	offsets[3] = (uint32_t)out->len;
	write_table(out, &b->names);
	offsets[4] = (uint32_t)out->len;
	write_table(out, &b->sources);
	offsets[5] = (uint32_t)out->len;
	write_table(out, &b->decoders);
	offsets[6] = (uint32_t)out->len;
	write_logsources(out, &b->logsources);
	offsets[7] = (uint32_t)out->len;
	buffer_add_slice(out, buffer_slice(&b->shapes.entries));
	buffer_add_slice(out, buffer_slice(&b->shapes.fields));
	buffer_align8(out);
	offsets[8] = (uint32_t)out->len;
	buffer_add_slice(out, buffer_slice(&b->text));
	buffer_align8(out);
}

int batch_finish(struct batch_builder *b, struct slice *out, struct error *error)
{
	uint32_t offsets[BATCH_SECTIONS];
	size_t total = batch_builder_bytes(b);
	CHECK(b->begun && !b->is_open);
	if (total > (size_t)LIMIT_batch_bytes_max)
		return error_set(error, ERROR_LIMIT, "a batch of %zu octets; at most %lld", total,
						 (long long)LIMIT_batch_bytes_max);
	buffer_reset(&b->out);
	uint8_t *room = buffer_room(&b->out, total);
	if (room == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a batch of %zu octets", total);
	write_head(b, room, total);
	b->out.len = BATCH_HEAD_BYTES;
	write_sections(b, offsets);
	for (unsigned i = 0; i < BATCH_SECTIONS; i++)
		put_u32(b->out.ptr + HEAD_OFFSETS + 4 * i, offsets[i]);
	buffer_add_u64(&b->out, xxh3(buffer_slice(&b->out)));
	CHECK(!b->out.failed && b->out.len == total);
	*out = buffer_slice(&b->out);
	return 0;
}
