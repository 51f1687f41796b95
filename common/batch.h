/* A batch: the bounded set of events that moves as one. In memory it is its own wire form (docs/format-batch.md).
 *
 * Two sides. A `batch_builder` makes the octets: ingest, import and every writer of own rows. A `batch` is a checked
 * view over octets that somebody else owns (a bus buffer, a segment reader's scratch): batch_open validates every slice
 * once, afterwards access is unchecked and cheap. One bus partition, one collector and epoch, sequences dense from
 * `first_sequence`. A batch has one owner and moves; a view dies with its octets. One thread at a time.
 */
#ifndef COMMON_BATCH_H
#define COMMON_BATCH_H

#include "common/buffer.h"
#include "common/dictionary.h"
#include "common/error.h"
#include "common/field.h"
#include "common/format.h"

/* Row kinds. Unknown kinds are carried and stored. */
enum row_kind {
	ROW_EVENT = 0,
	ROW_GAP = 1,
	ROW_QUARANTINE = 2,
	ROW_FINDING = 3,
	ROW_INCIDENT = 4,
	ROW_LEDGER = 5,
	ROW_AUDIT = 6,
	ROW_TICK = 7,
};

/* time_quality: bits of what is known about time_ns. */
#define TIME_PRESENT 1u /* time_ns is set */
#define TIME_ZONE_EXPLICIT 2u /* the source wrote the zone */
#define TIME_ZONE_INFERRED 4u /* zone from configuration or decoder */
#define TIME_YEAR_INFERRED 8u
#define TIME_AMBIGUOUS 16u /* the hour that a zone has twice (or not at all) */
#define TIME_LEAP 32u /* :60, kept as :59.999999999 */
#define TIME_FUTURE 64u /* more than 5 min after observed: when = observed */
#define TIME_FROM_BODY 128u /* from a structured body, not the header */

/* Row flags. */
#define ROW_TRUNCATED 1u /* cut at the size limit: fields event.original_length, event.original_hash say more */
#define ROW_HEADER_INVALID 2u /* no header that a standard or a known device writes: kept verbatim */
#define ROW_CHARSET_INVALID 4u /* octets that the charset does not have */
#define ROW_PARTIAL 8u /* the connection was cut inside this frame */
#define ROW_LATE 16u /* T3, set by the store from what detect said */
#define ROW_FIELDS_DROPPED 32u /* more fields than the limit */

/* Charsets of `original`. */
enum charset {
	CHARSET_UTF8 = 0, /* and ASCII */
	CHARSET_GB18030 = 1,
	CHARSET_BIG5 = 2,
	CHARSET_LATIN1 = 3,
	CHARSET_UNKNOWN = 255,
};

/* Body formats, for `parse` and for choosing decoders. */
enum format {
	FORMAT_PLAIN = 0, /* no syslog header */
	FORMAT_RFC3164 = 1,
	FORMAT_RFC5424 = 2,
	FORMAT_JSON = 3,
	FORMAT_CEF = 4,
	FORMAT_LEEF = 5,
};

#define BATCH_FLAG_BACKFILL 1u /* must-refuse word: an import; detect skips it */

struct batch_identity {
	uint8_t collector[16];
	uint64_t epoch;
	uint32_t partition;
	uint64_t first_sequence;
};

/* Sigma log source; empty = unknown. */
struct logsource {
	struct slice product, category, service;
};

/* ---- writing ---- */

struct batch_builder; /* opaque; made once, used for batch after batch without allocating */

struct batch_builder *batch_builder_new(const struct env *env, struct dictionary *dictionary);
void batch_builder_free(struct batch_builder *b);
/* Starts an empty batch. observed_base_ns: no row may be observed before it or 4 s after it. */
void batch_begin(struct batch_builder *b, const struct batch_identity *identity, uint32_t must_flags,
				 int64_t observed_base_ns);
/* Indexes of this batch's tables; equal texts give equal indexes. -ERROR_LIMIT past 65,535, -ERROR_MEMORY. */
int batch_source(struct batch_builder *b, struct slice source_line, uint16_t *index);
int batch_decoder(struct batch_builder *b, struct slice name, uint16_t version, uint16_t *index);
int batch_logsource(struct batch_builder *b, const struct logsource *logsource, uint16_t *index);
/* Of the batch being built: no other of this process has it. What an index was can be remembered under it. Never 0. */
uint64_t batch_serial(const struct batch_builder *b);
#define BATCH_NO_INDEX 0xffffu

/* A row is open from batch_row to batch_row_end. `original` is copied to the start of the row's text; it must stay where it
 * is until the row ends if batch_field_slice is to find slices in it. -ERROR_LIMIT: observed is outside the batch's four
 * seconds, or the text would pass batch_bytes_max: finish this batch and begin another; -ERROR_MEMORY. No row is open
 * then. Kinds, flags and tables come after it; without them: event, no flags, no index. */
int batch_row(struct batch_builder *b, enum row_kind kind, int64_t observed_ns, struct slice original);
void batch_row_time(struct batch_builder *b, int64_t time_ns, uint32_t quality);
void batch_row_tables(struct batch_builder *b, uint16_t source, uint16_t decoder, uint16_t logsource);
void batch_row_flags(struct batch_builder *b, uint32_t flags, enum charset charset, enum format format);
/* Appends derived text (unescaped, re-coded) to the row's text and returns its offset within the row's text. */
int batch_row_derive(struct batch_builder *b, struct slice text, uint32_t *offset);
/* Adds a field whose value is text[offset, offset+len) of the row's text. Order of adding is kept. A field that cannot be
 * added (past row_fields, name DICTIONARY_NONE, no memory) is dropped: -ERROR_LIMIT or -ERROR_MEMORY comes back for
 * information, the row gets ROW_FIELDS_DROPPED by itself and stays open. */
int batch_field(struct batch_builder *b, uint32_t name, enum value_type type, uint32_t offset, uint32_t len);
/* The same for a value given as a slice: found by address when it lies in the row's text (as given by
 * batch_row_text) or in the caller's `original`, else derived. */
int batch_field_slice(struct batch_builder *b, uint32_t name, enum value_type type, struct slice value);
int batch_field_small(struct batch_builder *b, uint32_t name, uint32_t value);
/* The open row's text so far; valid until the next derive. */
struct slice batch_row_text(const struct batch_builder *b);
uint32_t batch_row_field_count(const struct batch_builder *b);
/* A look at the open row's fields so far, in order of adding; good until something is added. */
struct batch_row_look {
	const uint32_t *fields, *ids; /* name (its place in ids), type and flags; dictionary ids */
	const uint8_t *places, *wides;
};
struct batch_row_look batch_row_look(const struct batch_builder *b);
#define BATCH_FIELD_WIDE 1u
/* Of a field below the count: name is a dictionary id, the value a place in the row's text (none for NULL and SMALL). */
static inline void batch_look_field(const struct batch_row_look *l, uint32_t index, uint32_t *name,
									enum value_type *type, uint32_t *offset, uint32_t *len)
{
	uint32_t field = l->fields[index], place = get_u32(l->places + (size_t)index * 4);
	*name = l->ids[field & 0xffff];
	*type = (enum value_type)(field >> 16 & 0xff);
	*offset = place & UINT16_MAX;
	*len = place >> 16;
	if (*type == VALUE_SMALL || *type == VALUE_NULL) {
		*offset = *len = 0;
	} else if ((field >> 24 & BATCH_FIELD_WIDE) != 0) {
		*offset = get_u32(l->wides + (size_t)place * 8);
		*len = get_u32(l->wides + (size_t)place * 8 + 4);
	}
}
static inline uint32_t batch_look_name(const struct batch_row_look *l, uint32_t index)
{
	return l->ids[l->fields[index] & 0xffff];
}
/* How far the open row has come, and back to there: fields, texts and names added since are gone, as are the row's flags of
 * dropped ones. For a body that turns out to be illegal at its end. */
struct batch_row_mark {
	size_t text, wides;
	uint32_t fields, names, flags;
};
struct batch_row_mark batch_row_mark(const struct batch_builder *b);
void batch_row_cut(struct batch_builder *b, const struct batch_row_mark *mark);
/* -ERROR_LIMIT when the row would make the batch larger than batch_bytes_max, -ERROR_MEMORY: the row is abandoned then. */
int batch_row_end(struct batch_builder *b);
void batch_row_abandon(struct batch_builder *b); /* as if batch_row had not been called */

uint32_t batch_builder_rows(const struct batch_builder *b);
size_t batch_builder_bytes(const struct batch_builder *b); /* what batch_finish would give, within 64 octets */
/* The whole batch with its checksum, owned by the builder, valid until the next batch_begin. */
int batch_finish(struct batch_builder *b, struct slice *out, struct error *error);

/* ---- reading ---- */

struct batch_row {
	int64_t time_ns; /* what the source said; 0 and no TIME_PRESENT when it did not */
	int64_t observed_ns;
	struct slice original;
	struct slice text; /* original followed by derived text */
	uint32_t field_first, field_count;
	const uint8_t *shape_fields; /* in the batch: name, type and flags of each field */
	uint16_t shape; /* rows of the same shape of a batch have the same names and types in the same order */
	uint16_t source, decoder, logsource; /* table indexes or BATCH_NO_INDEX */
	uint32_t index; /* of the row in its batch */
	uint32_t quality, flags;
	uint8_t kind, charset, format;
};

struct batch_value {
	uint16_t name; /* index into the batch's name table */
	uint8_t type; /* enum value_type */
	uint8_t in_original; /* 1: the slice lies in original */
	struct slice text; /* empty for NULL and SMALL */
	uint32_t small; /* VALUE_SMALL only */
};

struct batch {
	struct slice octets;
	struct batch_identity identity;
	uint32_t may_flags, must_flags;
	int64_t observed_base_ns;
	uint32_t row_count, field_count, name_count, source_count, decoder_count, logsource_count, wide_count, shape_count;
	/* sections, inside octets */
	const uint8_t *rows, *places, *wides, *names, *sources, *decoders, *logsources, *shapes, *shape_fields, *text;
	size_t text_len;
};

/* Checks everything: head, checksum, sections, every row and slice. Never reads outside `octets`. */
int batch_open(struct batch *batch, struct slice octets, struct error *error);
void batch_get_row(const struct batch *batch, uint32_t row, struct batch_row *out);
/* index from row.field_first to row.field_first + row.field_count - 1. */
void batch_get_value(const struct batch *batch, const struct batch_row *row, uint32_t index, struct batch_value *out);
/* The value as it stands in the batch (docs/format-batch.md), for loops over all fields of a row: name in the low 16
 * bits, then type and flags 8 bits each (all three of the shape), and the place: 32 bits of which type and flags say what
 * they are. */
static inline uint64_t batch_value_octets(const struct batch *batch, const struct batch_row *row, uint32_t index)
{
	return get_u32(row->shape_fields + (size_t)(index - row->field_first) * 4) |
		   (uint64_t)get_u32(batch->places + (size_t)index * 4) << 32;
}
/* The fields of a shape, 4 octets each (name, type and flags as in the low half of batch_value_octets), and how many all
 * shapes have. */
const uint8_t *batch_shape(const struct batch *batch, uint16_t shape, uint32_t *field_count);
uint32_t batch_shape_fields(const struct batch *batch);
/* Are those 32 bits the offset and the length of the text, 16 bits each? */
static inline bool batch_octets_short(uint64_t octets)
{
	uint32_t type_and_flags = octets >> 16 & 0xffff;
	return type_and_flags < VALUE_SMALL && type_and_flags != VALUE_NULL;
}
/* Only the name of that value: an index into the batch's name table. */
static inline uint16_t batch_value_name(const struct batch_row *row, uint32_t index)
{
	return get_u16(row->shape_fields + (size_t)(index - row->field_first) * 4);
}
static inline uint8_t batch_value_type(const struct batch_row *row, uint32_t index)
{
	return row->shape_fields[(size_t)(index - row->field_first) * 4 + 2];
}
struct slice batch_name(const struct batch *batch, uint16_t index);
struct slice batch_source_line(const struct batch *batch, uint16_t index); /* empty for BATCH_NO_INDEX */
struct slice batch_decoder_name(const struct batch *batch, uint16_t index, uint16_t *version);
struct logsource batch_get_logsource(const struct batch *batch, uint16_t index);
/* Fills ids[0..name_count) with dictionary ids: interned, or only looked up when `intern` is false. */
void batch_bind(const struct batch *batch, struct dictionary *d, bool intern, uint32_t *ids);
/* First value of that name in the row; false when there is none. Linear: for tests and rare paths. */
bool batch_find(const struct batch *batch, const struct batch_row *row, struct slice name, struct batch_value *out);
/* The value's text; VALUE_SMALL is printed into `scratch` (at least 12 octets). */
struct slice batch_value_text(const struct batch_value *value, char *scratch);
/* DESIGN: time_ns if present and at most 5 min after observed, else observed. */
int64_t batch_row_when(const struct batch_row *row);

#endif
