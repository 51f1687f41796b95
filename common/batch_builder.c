/* Building a batch: rows, places, wides and texts grow side by side and are laid one behind the other at the end. */
#include "common/batch_layout.h"
#include "common/batch_shapes.h"
#include "common/batch_table.h"

#include "common/check.h"
#include "common/digest.h"
#include "common/limits.h"

#include <stdatomic.h>

/* Of a dictionary id: its index in this batch's names, if the stamp is this batch's. */
struct name_stamp {
	uint32_t stamp;
	uint16_t index;
};

/* Where everything ended before the open row. */
struct row_start {
	size_t places, wides, text;
	uint32_t names;
};

struct open_row {
	struct slice given; /* the caller's original, to find slices by address */
	int64_t time_ns;
	uint32_t observed, original_len, field_count, quality, flags;
	uint16_t source, decoder, logsource;
	uint8_t kind, charset, format;
};

/* Where a text was found last, by the address it came from. Rows name few decoders and log sources, and always from the
 * same places. */
#define RECENT 32u
struct recent {
	uint32_t stamp;
	uint16_t index;
};

#define ROW_FIELDS 512u /* limits.h: row_fields */

struct batch_builder {
	const struct env *env;
	struct dictionary *dictionary;
	struct batch_identity identity;
	uint32_t must_flags, row_count, stamp;
	uint64_t serial;
	int64_t observed_base_ns;
	struct buffer rows, places, wides, text, out;
	struct batch_shapes shapes;
	uint32_t shape_fields[ROW_FIELDS]; /* of the open row */
	struct batch_table names, sources, decoders, logsources;
	struct recent recent_decoders[RECENT], recent_logsources[RECENT];
	struct buffer name_stamps, name_ids;
	struct name_stamp *stamps; /* in name_stamps */
	uint32_t stamp_count;
	struct row_start start;
	struct open_row row;
	bool is_open, begun;
};

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

void batch_row_field(const struct batch_builder *b, uint32_t index, uint32_t *name, enum value_type *type,
					 uint32_t *offset, uint32_t *len)
{
	CHECK(b->is_open && index < b->row.field_count);
	uint32_t field = b->shape_fields[index];
	uint32_t place = get_u32(b->places.ptr + b->start.places + (size_t)index * BATCH_PLACE_BYTES);
	*name = ((const uint32_t *)(const void *)b->name_ids.ptr)[field & 0xffff];
	*type = (enum value_type)(field >> 16 & 0xff);
	*offset = place & UINT16_MAX;
	*len = place >> 16;
	if (*type == VALUE_SMALL || *type == VALUE_NULL) {
		*offset = *len = 0;
	} else if ((field >> 24 & BATCH_FIELD_WIDE) != 0) {
		const uint8_t *wide = b->wides.ptr + (size_t)place * BATCH_WIDE_BYTES;
		*offset = get_u32(wide);
		*len = get_u32(wide + 4);
	}
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

/* ---- the whole ---- */

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
