/* Checking a batch, once, so that reading it needs no checks: layout in batch_layout.h.
 *
 * Numbers are brought into size_t before they are multiplied or added: all are below 2^32 and an entry has at most 40
 * octets, so nothing overflows, and the sum of sizes is compared with the octets that are there before any is read.
 */
#include "common/batch_layout.h"

#include "common/digest.h"
#include "common/limits.h"

_Static_assert(sizeof(size_t) >= 8, "sizes of sections are added up in size_t");

static int bad(struct error *error, size_t offset, const char *what)
{
	return error_set(error, ERROR_FORMAT, "batch: %s at offset %zu", what, offset);
}

static int read_head(struct batch *batch, struct slice octets, struct format_head *head, struct error *error)
{
	const uint8_t *p = octets.ptr;
	if (octets.len > (size_t)LIMIT_batch_bytes_max)
		return error_set(error, ERROR_LIMIT, "batch: %zu octets; at most %lld", octets.len,
						 (long long)LIMIT_batch_bytes_max);
	int result = format_get_head(octets, BATCH_MAGIC, BATCH_VERSION, BATCH_MUST_KNOWN, head, error);
	if (result != 0)
		return result;
	if (head->head_bytes < BATCH_HEAD_BYTES)
		return bad(error, 6, "head too short");
	if (octets.len < (size_t)head->head_bytes + BATCH_CHECKSUM_BYTES || (octets.len & 7) != 0 ||
		get_u32(p + HEAD_TOTAL) != octets.len)
		return bad(error, HEAD_TOTAL, "number of octets is not what is there");
	if (get_u32(p + HEAD_ZERO) != 0)
		return bad(error, HEAD_ZERO, "reserved octets not zero");
	batch->octets = octets;
	batch->may_flags = head->may_flags;
	batch->must_flags = head->must_flags;
	batch->row_count = get_u32(p + HEAD_ROWS);
	memcpy(batch->identity.collector, p + HEAD_COLLECTOR, 16);
	batch->identity.epoch = get_u64(p + HEAD_EPOCH);
	batch->identity.first_sequence = get_u64(p + HEAD_SEQUENCE);
	batch->identity.partition = get_u32(p + HEAD_PARTITION);
	batch->observed_base_ns = (int64_t)get_u64(p + HEAD_OBSERVED);
	batch->field_count = get_u32(p + HEAD_PLACES);
	batch->shape_count = get_u32(p + HEAD_SHAPES);
	batch->wide_count = get_u32(p + HEAD_WIDES);
	batch->name_count = get_u32(p + HEAD_NAMES);
	batch->source_count = get_u32(p + HEAD_SOURCES);
	batch->decoder_count = get_u32(p + HEAD_DECODERS);
	batch->logsource_count = get_u32(p + HEAD_LOGSOURCES);
	batch->text_len = get_u32(p + HEAD_TEXT);
	return 0;
}

static int check_numbers(const struct batch *batch, struct error *error)
{
	if (batch->observed_base_ns > INT64_MAX - (int64_t)BATCH_OBSERVED_MAX)
		return bad(error, HEAD_OBSERVED, "observed base too large");
	if (batch->identity.first_sequence > UINT64_MAX - batch->row_count)
		return bad(error, HEAD_SEQUENCE, "sequences past 2^64");
	if (batch->name_count > BATCH_NO_INDEX || batch->source_count > BATCH_NO_INDEX ||
		batch->decoder_count > BATCH_NO_INDEX || batch->logsource_count > BATCH_NO_INDEX ||
		batch->shape_count > BATCH_NO_INDEX)
		return bad(error, HEAD_NAMES, "table with more than 65535 entries");
	return 0;
}

static bool zeros(const uint8_t *p, size_t len)
{
	while (len > 0 && *p == 0) {
		p++;
		len--;
	}
	return len == 0;
}

/* A place in the octets, moved from section to section; `end` is where the checksum begins. */
struct walk {
	const uint8_t *start, *end;
	size_t at;
	unsigned section;
	struct error *error;
};

static size_t left(const struct walk *w)
{
	return (size_t)(w->end - w->start) - w->at;
}

/* Begins the next section: it must start here and have `bytes` octets at least. Null when not. */
static const uint8_t *section(struct walk *w, size_t bytes)
{
	size_t field = HEAD_OFFSETS + 4 * (size_t)w->section++;
	if (get_u32(w->start + field) != w->at || left(w) < bytes) {
		bad(w->error, field, "section not where it must be");
		return NULL;
	}
	const uint8_t *p = w->start + w->at;
	w->at += bytes;
	return p;
}

/* Passes over the texts of a table and the padding behind them. */
static bool texts(struct walk *w, size_t bytes)
{
	size_t padded = batch_align(w->at + bytes) - w->at;
	if (left(w) < padded || !zeros(w->start + w->at + bytes, padded - bytes)) {
		bad(w->error, w->at, "texts or padding wrong");
		return false;
	}
	w->at += padded;
	return true;
}

static const uint8_t *table(struct walk *w, uint32_t count, bool versions)
{
	const uint8_t *entries = section(w, (size_t)count * BATCH_ENTRY_BYTES);
	size_t sum = 0;
	for (uint32_t i = 0; entries != NULL && i < count; i++) {
		const uint8_t *p = entries + (size_t)i * BATCH_ENTRY_BYTES;
		if (get_u32(p) != sum || (!versions && get_u16(p + 6) != 0)) {
			bad(w->error, (size_t)(p - w->start), "table entry wrong");
			return NULL;
		}
		sum += get_u16(p + 4);
	}
	return entries != NULL && texts(w, sum) ? entries : NULL;
}

static const uint8_t *logsource_table(struct walk *w, uint32_t count)
{
	const uint8_t *entries = section(w, (size_t)count * BATCH_LOGSOURCE_BYTES);
	size_t sum = 0;
	for (uint32_t i = 0; entries != NULL && i < count; i++) {
		const uint8_t *p = entries + (size_t)i * BATCH_LOGSOURCE_BYTES;
		if (get_u32(p) != sum || !zeros(p + 10, 6)) {
			bad(w->error, (size_t)(p - w->start), "log source entry wrong");
			return NULL;
		}
		sum += (size_t)get_u16(p + 4) + get_u16(p + 6) + get_u16(p + 8);
	}
	return entries != NULL && texts(w, sum) ? entries : NULL;
}

static bool field_known(const struct batch *batch, const uint8_t *p)
{
	uint32_t type = p[2];
	bool slice = type < VALUE_SMALL && type != VALUE_NULL;
	return get_u16(p) < batch->name_count && type < VALUE_TYPE_COUNT &&
		   (p[3] == 0 || (p[3] == BATCH_FIELD_WIDE && slice));
}

/* Shapes and their fields, which stand behind them in their order. */
static bool shape_table(struct batch *batch, struct walk *w)
{
	size_t fields = get_u32(w->start + HEAD_SHAPE_FIELDS), sum = 0;
	const uint8_t *shapes = section(w, (size_t)batch->shape_count * BATCH_SHAPE_BYTES);
	for (uint32_t i = 0; shapes != NULL && i < batch->shape_count; i++) {
		const uint8_t *p = shapes + (size_t)i * BATCH_SHAPE_BYTES;
		uint32_t count = get_u16(p + 4);
		if (get_u32(p) != sum || get_u16(p + 6) != 0 || count > LIMIT_row_fields) {
			bad(w->error, (size_t)(p - w->start), "shape wrong");
			return false;
		}
		sum += count;
	}
	if (shapes == NULL)
		return false;
	batch->shapes = shapes;
	batch->shape_fields = shapes + (size_t)batch->shape_count * BATCH_SHAPE_BYTES;
	if (sum != fields || !texts(w, sum * BATCH_FIELD_BYTES)) {
		bad(w->error, HEAD_SHAPE_FIELDS, "fields of the shapes wrong");
		return false;
	}
	for (size_t i = 0; i < sum; i++) {
		if (field_known(batch, batch->shape_fields + i * BATCH_FIELD_BYTES))
			continue;
		bad(w->error, (size_t)(batch->shape_fields + i * BATCH_FIELD_BYTES - w->start), "field of a shape wrong");
		return false;
	}
	return true;
}

/* Numbers of 4 octets and the padding behind them. */
static const uint8_t *place_section(struct walk *w, uint32_t count)
{
	const uint8_t *p = section(w, 0);
	return p != NULL && texts(w, (size_t)count * BATCH_PLACE_BYTES) ? p : NULL;
}

static bool find_sections(struct batch *batch, struct walk *w)
{
	batch->rows = section(w, (size_t)batch->row_count * BATCH_ROW_BYTES);
	if (batch->rows == NULL || (batch->places = place_section(w, batch->field_count)) == NULL)
		return false;
	if ((batch->wides = section(w, (size_t)batch->wide_count * BATCH_WIDE_BYTES)) == NULL)
		return false;
	if ((batch->names = table(w, batch->name_count, false)) == NULL)
		return false;
	if ((batch->sources = table(w, batch->source_count, false)) == NULL)
		return false;
	if ((batch->decoders = table(w, batch->decoder_count, true)) == NULL)
		return false;
	if ((batch->logsources = logsource_table(w, batch->logsource_count)) == NULL)
		return false;
	if (!shape_table(batch, w))
		return false;
	if ((batch->text = section(w, 0)) == NULL || !texts(w, batch->text_len))
		return false;
	if (left(w) != 0) {
		bad(w->error, w->at, "octets between text and checksum");
		return false;
	}
	return true;
}

/* A place that is no short slice. *wides counts those used so far: each wide has one field, in order. */
static bool other_place_fits(const struct batch *batch, uint32_t type_and_flags, uint32_t place, uint32_t text_len,
							 uint32_t *wides)
{
	if ((type_and_flags & 0xff) == VALUE_SMALL)
		return true;
	if ((type_and_flags & 0xff) == VALUE_NULL)
		return place == 0;
	if (place != *wides || *wides >= batch->wide_count)
		return false;
	const uint8_t *wide = batch->wides + (size_t)(*wides)++ * BATCH_WIDE_BYTES;
	return (uint64_t)get_u32(wide) + get_u32(wide + 4) <= text_len;
}

/* The places of one row, by the fields of its shape, which were checked. Null: all fit. */
static const uint8_t *bad_place(const struct batch *batch, uint32_t first, const uint8_t *shape, uint32_t text_len,
								uint32_t *wides)
{
	const uint8_t *field = batch->shape_fields + (size_t)get_u32(shape) * BATCH_FIELD_BYTES;
	const uint8_t *end = field + (size_t)get_u16(shape + 4) * BATCH_FIELD_BYTES;
	const uint8_t *p = batch->places + (size_t)first * BATCH_PLACE_BYTES;
	for (; field < end; field += BATCH_FIELD_BYTES, p += BATCH_PLACE_BYTES) {
		uint32_t type_and_flags = get_u16(field + 2), place = get_u32(p);
		/* The usual field: a short slice, whatever its type. */
		if (type_and_flags < VALUE_SMALL && type_and_flags != VALUE_NULL) {
			if ((place & 0xffff) + (place >> 16) > text_len)
				return p;
		} else if (!other_place_fits(batch, type_and_flags, place, text_len, wides)) {
			return p;
		}
	}
	return NULL;
}

static bool index_fits(uint16_t index, uint32_t count)
{
	return index < count || index == BATCH_NO_INDEX;
}

/* A row's own numbers; its text is [from, end). */
static bool row_fits(const struct batch *batch, const uint8_t *p, uint32_t from, uint32_t end)
{
	if (from > end || end > batch->text_len || get_u32(p + ROW_AT_ORIGINAL) > end - from)
		return false;
	if (get_u32(p + ROW_AT_OBSERVED) > BATCH_OBSERVED_MAX || get_u16(p + ROW_AT_SHAPE) >= batch->shape_count)
		return false;
	if ((get_u32(p + ROW_AT_QUALITY) & TIME_PRESENT) == 0 && get_u64(p + ROW_AT_TIME) != 0)
		return false;
	return index_fits(get_u16(p + ROW_AT_SOURCE), batch->source_count) &&
		   index_fits(get_u16(p + ROW_AT_DECODER), batch->decoder_count) &&
		   index_fits(get_u16(p + ROW_AT_LOGSOURCE), batch->logsource_count);
}

static int check_rows(const struct batch *batch, struct error *error)
{
	uint32_t fields = 0, wides = 0, from = 0;
	const uint8_t *start = batch->octets.ptr;
	for (uint32_t i = 0; i < batch->row_count; i++) {
		const uint8_t *p = batch->rows + (size_t)i * BATCH_ROW_BYTES;
		bool last = i + 1 == batch->row_count;
		uint32_t end = last ? (uint32_t)batch->text_len : get_u32(p + BATCH_ROW_BYTES + ROW_AT_TEXT);
		if (get_u32(p + ROW_AT_TEXT) != from || !row_fits(batch, p, from, end))
			return bad(error, (size_t)(p - start), "row wrong");
		const uint8_t *shape = batch->shapes + (size_t)get_u16(p + ROW_AT_SHAPE) * BATCH_SHAPE_BYTES;
		uint32_t count = get_u16(shape + 4);
		if (get_u32(p + ROW_AT_PLACE) != fields || count > batch->field_count - fields)
			return bad(error, (size_t)(p - start), "fields of a row wrong");
		const uint8_t *wrong = bad_place(batch, fields, shape, end - from, &wides);
		if (wrong != NULL)
			return bad(error, (size_t)(wrong - start), "field wrong");
		fields += count;
		from = end;
	}
	if (fields != batch->field_count || wides != batch->wide_count || from != batch->text_len)
		return bad(error, HEAD_PLACES, "fields, wides or text without a row");
	return 0;
}

int batch_open(struct batch *batch, struct slice octets, struct error *error)
{
	struct format_head head = {0};
	int result = read_head(batch, octets, &head, error);
	if (result == 0)
		result = check_numbers(batch, error);
	if (result != 0)
		return result;
	size_t covered = octets.len - BATCH_CHECKSUM_BYTES;
	if (xxh3(slice_of(octets.ptr, covered)) != get_u64(octets.ptr + covered))
		return error_set(error, ERROR_DAMAGED, "batch: checksum at offset %zu does not hold", covered);
	struct walk walk = {octets.ptr, octets.ptr + covered, head.head_bytes, 0, error};
	if (!find_sections(batch, &walk))
		return -ERROR_FORMAT;
	return check_rows(batch, error);
}
