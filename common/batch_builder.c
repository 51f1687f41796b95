/* Building a batch: rows, places, wides and texts grow side by side and are laid one behind the other at the end. */
#include "common/batch_builder.h"

#include <stdatomic.h>

struct batch_builder *batch_builder_new(const struct env *env, struct dictionary *dictionary)
{
	CHECK(LIMIT_row_fields == ROW_FIELDS);
	struct batch_builder *b = env_zalloc(env, sizeof *b);
	if (b == NULL)
		return NULL;
	b->env = env;
	b->dictionary = dictionary;
	struct buffer *buffers[] = {&b->rows, &b->places, &b->wides, &b->text, &b->out, &b->name_stamps, &b->name_ids};
	struct batch_table *tables[] = {&b->names, &b->sources, &b->decoders, &b->logsources};
	for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
		buffer_init(buffers[i], env);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		batch_table_init(tables[i], env, dictionary->seed);
	batch_shapes_init(&b->shapes, env, dictionary->seed);
	return b;
}

void batch_builder_free(struct batch_builder *b)
{
	if (b == NULL)
		return;
	struct buffer *buffers[] = {&b->rows, &b->places, &b->wides, &b->text, &b->out, &b->name_stamps, &b->name_ids};
	struct batch_table *tables[] = {&b->names, &b->sources, &b->decoders, &b->logsources};
	for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
		buffer_free(buffers[i]);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		batch_table_free(tables[i]);
	batch_shapes_free(&b->shapes);
	env_free(b->env, b);
}

static _Atomic uint64_t batches_begun;

uint64_t batch_serial(const struct batch_builder *b)
{
	CHECK(b->begun);
	return b->serial;
}

void batch_begin(struct batch_builder *b, const struct batch_identity *identity, uint32_t must_flags,
				 int64_t observed_base_ns)
{
	CHECK((must_flags & ~BATCH_MUST_KNOWN) == 0);
	CHECK(observed_base_ns <= INT64_MAX - (int64_t)BATCH_OBSERVED_MAX);
	b->identity = *identity;
	b->must_flags = must_flags;
	b->observed_base_ns = observed_base_ns;
	b->row_count = 0;
	b->is_open = false;
	b->begun = true;
	b->serial = atomic_fetch_add_explicit(&batches_begun, 1, memory_order_relaxed) + 1;
	struct buffer *buffers[] = {&b->rows, &b->places, &b->wides, &b->text, &b->out, &b->name_ids};
	for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
		buffer_reset(buffers[i]);
	batch_table_begin(&b->names);
	batch_table_begin(&b->sources);
	batch_table_begin(&b->decoders);
	batch_table_begin(&b->logsources);
	batch_shapes_begin(&b->shapes);
	if (++b->stamp == 0) {
		memset(b->name_stamps.ptr, 0, b->name_stamps.len);
		b->stamp = 1;
	}
}

/* ---- tables ---- */

/* The address is only a hint: the texts are compared. */
static bool holds(const struct batch_table *t, uint16_t index, const struct slice parts[3], uint16_t version)
{
	const struct table_entry *entry = &batch_table_entries(t)[index];
	const uint8_t *text = t->octets.ptr + entry->offset;
	if (index >= t->count || entry->version != version)
		return false;
	for (unsigned i = 0; i < 3; text += parts[i++].len)
		if (entry->lens[i] != parts[i].len || (parts[i].len > 0 && memcmp(text, parts[i].ptr, parts[i].len) != 0))
			return false;
	return true;
}

static int intern_recent(struct batch_builder *b, struct batch_table *t, struct recent recent[RECENT],
						 const struct slice parts[3], uint16_t version, uint16_t *index)
{
	uintptr_t from = (uintptr_t)parts[0].ptr ^ (uintptr_t)parts[1].ptr >> 1 ^ (uintptr_t)parts[2].ptr >> 2;
	struct recent *r = &recent[(from >> 3 ^ from >> 8) % RECENT];
	if (r->stamp == b->stamp && holds(t, r->index, parts, version)) {
		*index = r->index;
		return 0;
	}
	int result = batch_table_intern(t, parts, version, index);
	if (result == 0)
		*r = (struct recent){b->stamp, *index};
	return result;
}

int batch_source(struct batch_builder *b, struct slice source_line, uint16_t *index)
{
	struct slice parts[3] = {source_line, SLICE_NONE, SLICE_NONE};
	return batch_table_intern(&b->sources, parts, 0, index);
}

int batch_decoder(struct batch_builder *b, struct slice name, uint16_t version, uint16_t *index)
{
	struct slice parts[3] = {name, SLICE_NONE, SLICE_NONE};
	return intern_recent(b, &b->decoders, b->recent_decoders, parts, version, index);
}

int batch_logsource(struct batch_builder *b, const struct logsource *logsource, uint16_t *index)
{
	struct slice parts[3] = {logsource->product, logsource->category, logsource->service};
	return intern_recent(b, &b->logsources, b->recent_logsources, parts, 0, index);
}

/* ---- rows ---- */

/* What the texts of a batch may add up to, so that every offset fits; batch_row_end looks at the whole batch. */
static bool text_fits(const struct batch_builder *b, size_t len)
{
	return len <= (size_t)LIMIT_batch_bytes_max && b->text.len + len <= (size_t)LIMIT_batch_bytes_max;
}

int batch_row(struct batch_builder *b, enum row_kind kind, int64_t observed_ns, struct slice original)
{
	CHECK(b->begun && !b->is_open);
	int64_t delta;
	if (__builtin_sub_overflow(observed_ns, b->observed_base_ns, &delta) || delta < 0 ||
		delta > (int64_t)BATCH_OBSERVED_MAX)
		return -ERROR_LIMIT;
	if (!text_fits(b, original.len))
		return -ERROR_LIMIT;
	b->start = (struct row_start){b->places.len, b->wides.len, b->text.len, b->names.count};
	/* As many fields as a row may have: adding one need not look for room. */
	bool room = buffer_room(&b->places, LIMIT_row_fields * BATCH_PLACE_BYTES) != NULL;
	b->places.failed = false;
	if (room)
		buffer_add_slice(&b->text, original);
	if (!room || b->text.failed) {
		b->text.failed = false;
		return -ERROR_MEMORY;
	}
	b->row = (struct open_row){.given = original,
							   .observed = (uint32_t)delta,
							   .original_len = (uint32_t)original.len,
							   .source = BATCH_NO_INDEX,
							   .decoder = BATCH_NO_INDEX,
							   .logsource = BATCH_NO_INDEX,
							   .kind = (uint8_t)kind};
	b->is_open = true;
	return 0;
}

void batch_row_time(struct batch_builder *b, int64_t time_ns, uint32_t quality)
{
	b->row.time_ns = (quality & TIME_PRESENT) != 0 ? time_ns : 0;
	b->row.quality = quality;
}

void batch_row_tables(struct batch_builder *b, uint16_t source, uint16_t decoder, uint16_t logsource)
{
	CHECK(source == BATCH_NO_INDEX || source < b->sources.count);
	CHECK(decoder == BATCH_NO_INDEX || decoder < b->decoders.count);
	CHECK(logsource == BATCH_NO_INDEX || logsource < b->logsources.count);
	b->row.source = source;
	b->row.decoder = decoder;
	b->row.logsource = logsource;
}

void batch_row_flags(struct batch_builder *b, uint32_t flags, enum charset charset, enum format format)
{
	CHECK((flags & ~BATCH_ROW_FLAGS) == 0 && (unsigned)charset < 256 && (unsigned)format < 16);
	b->row.flags = flags | (b->row.flags & ROW_FIELDS_DROPPED);
	b->row.charset = (uint8_t)charset;
	b->row.format = (uint8_t)format;
}

struct slice batch_row_text(const struct batch_builder *b)
{
	size_t len = b->text.len - b->start.text;
	return len == 0 ? SLICE_NONE : slice_of(b->text.ptr + b->start.text, len);
}

int batch_row_derive(struct batch_builder *b, struct slice text, uint32_t *offset)
{
	CHECK(b->is_open);
	if (!text_fits(b, text.len))
		return -ERROR_LIMIT;
	*offset = (uint32_t)(b->text.len - b->start.text);
	/* The text may be a part of the row's own, which moves when the buffer grows. */
	uintptr_t inside = (uintptr_t)text.ptr - (uintptr_t)b->text.ptr;
	bool own = b->text.ptr != NULL && inside < b->text.len;
	uint8_t *room = buffer_room(&b->text, text.len);
	if (room == NULL) {
		b->text.failed = false;
		return -ERROR_MEMORY;
	}
	if (text.len > 0)
		memcpy(room, own ? b->text.ptr + inside : text.ptr, text.len);
	b->text.len += text.len;
	return 0;
}

/* ---- end of a row ---- */

struct batch_row_mark batch_row_mark(const struct batch_builder *b)
{
	CHECK(b->is_open);
	return (struct batch_row_mark){.text = b->text.len,
								   .wides = b->wides.len,
								   .fields = b->row.field_count,
								   .names = b->names.count,
								   .flags = b->row.flags};
}

void batch_row_cut(struct batch_builder *b, const struct batch_row_mark *mark)
{
	const uint32_t *ids = (const uint32_t *)(const void *)b->name_ids.ptr;
	CHECK(b->is_open && mark->fields <= b->row.field_count && mark->text <= b->text.len);
	b->places.len = b->start.places + (size_t)mark->fields * BATCH_PLACE_BYTES;
	b->wides.len = mark->wides;
	b->text.len = mark->text;
	b->row.field_count = mark->fields;
	b->row.flags = mark->flags;
	for (uint32_t i = mark->names; i < b->names.count; i++)
		b->stamps[ids[i]].stamp = 0;
	batch_table_cut(&b->names, mark->names);
	b->name_ids.len = mark->names * sizeof(uint32_t);
}

void batch_row_abandon(struct batch_builder *b)
{
	struct batch_row_mark start = {.text = b->start.text, .wides = b->start.wides, .names = b->start.names};
	batch_row_cut(b, &start);
	b->is_open = false;
}

static void write_row(const struct batch_builder *b, uint8_t *p, uint16_t shape)
{
	const struct open_row *row = &b->row;
	put_u64(p + ROW_AT_TIME, (uint64_t)row->time_ns);
	put_u32(p + ROW_AT_OBSERVED, row->observed);
	put_u32(p + ROW_AT_TEXT, (uint32_t)b->start.text);
	put_u32(p + ROW_AT_ORIGINAL, row->original_len);
	put_u32(p + ROW_AT_PLACE, (uint32_t)(b->start.places / BATCH_PLACE_BYTES));
	put_u16(p + ROW_AT_SHAPE, shape);
	put_u16(p + ROW_AT_SOURCE, row->source);
	put_u16(p + ROW_AT_DECODER, row->decoder);
	put_u16(p + ROW_AT_LOGSOURCE, row->logsource);
	put_u32(p + ROW_AT_QUALITY, row->quality);
	p[ROW_AT_KIND] = row->kind;
	p[ROW_AT_CHARSET] = row->charset;
	put_u16(p + ROW_AT_FLAGS, (uint16_t)(row->flags | (uint32_t)row->format << 12));
}

/* The shape of the open row; -ERROR_LIMIT when the batch would become too large with it. A row that is abandoned leaves no
 * shape behind, for that would name its names. */
static int row_shape(struct batch_builder *b, uint16_t *index)
{
	uint64_t hash;
	uint32_t count = b->row.field_count;
	bool known = batch_shapes_find(&b->shapes, b->shape_fields, count, &hash, index);
	size_t more = BATCH_ROW_BYTES + (known ? 0 : BATCH_SHAPE_BYTES + batch_align(count * BATCH_FIELD_BYTES));
	if (batch_builder_bytes(b) + more > (size_t)LIMIT_batch_bytes_max)
		return -ERROR_LIMIT;
	return known ? 0 : batch_shapes_add(&b->shapes, b->shape_fields, count, hash, index);
}

int batch_row_end(struct batch_builder *b)
{
	uint16_t shape;
	CHECK(b->is_open);
	uint8_t *room = buffer_room(&b->rows, BATCH_ROW_BYTES);
	b->rows.failed = false;
	int result = room == NULL ? -ERROR_MEMORY : row_shape(b, &shape);
	if (result != 0) {
		batch_row_abandon(b);
		return result;
	}
	write_row(b, room, shape);
	b->rows.len += BATCH_ROW_BYTES;
	b->row_count++;
	b->is_open = false;
	return 0;
}

uint32_t batch_builder_rows(const struct batch_builder *b)
{
	return b->row_count;
}

static size_t table_bytes(const struct batch_table *t, size_t entry_bytes)
{
	return batch_align(t->count * entry_bytes + t->octets.len);
}

size_t batch_builder_bytes(const struct batch_builder *b)
{
	return BATCH_HEAD_BYTES + b->rows.len + batch_align(b->places.len) + b->wides.len + b->shapes.entries.len +
		   batch_align(b->shapes.fields.len) + table_bytes(&b->names, BATCH_ENTRY_BYTES) +
		   table_bytes(&b->sources, BATCH_ENTRY_BYTES) + table_bytes(&b->decoders, BATCH_ENTRY_BYTES) +
		   table_bytes(&b->logsources, BATCH_LOGSOURCE_BYTES) + batch_align(b->text.len) + BATCH_CHECKSUM_BYTES;
}
