/* A row group: up to 64 Ki rows as columns (docs/format-segment.md, "A row group"). Writer and reader.
 *
 * The writer takes runs of rows of bus batches and gives columns; what it is given must live until group_finish. The
 * reader takes columns and gives the rows back, in order. Both have one owner and one thread.
 */
#ifndef STORE_GROUP_H
#define STORE_GROUP_H

#include "store/strings.h"
#include "store/timetext.h"
#include "store/values.h"
#include "store/words.h"

enum column_kind {
	COLUMN_TABLES = 1,
	COLUMN_RUNS = 2,
	COLUMN_TEMPLATES = 3,
	COLUMN_TEMPLATE_CODES = 4,
	COLUMN_HEAD_CODES = 5,
	COLUMN_TIME = 6,
	COLUMN_OBSERVED = 7,
	COLUMN_VALUES = 8,
	COLUMN_FILTER = 9,
};

#define GROUP_ROWS_MAX 65536u
#define GROUP_COLUMNS_MAX 4096u
#define GROUP_TEXT_BYTES (16u << 20) /* the writer begins a new group past it */
#define GROUP_BATCH_BYTES (32u << 20) /* the same for text, fields and rows together */
#define GROUP_MEMORY_MAX (256u << 20) /* of a reader's tables; what a writer makes needs less than half */
#define GROUP_ROW_TEXT_MAX (4u << 20) /* of one row; a batch is not larger */
#define GROUP_COLUMN_BYTES_MAX (96u << 20) /* of one column decompressed; a reader refuses more */
#define GROUP_SOURCES_LISTED 256u
#define COLUMN_ANONYMOUS 0xffffu

/* Where a piece of text comes from. */
enum piece_from {
	PIECE_LITERAL = 0,
	PIECE_VALUE = 1,
	PIECE_TIME = 2,
};

/* What most rows have in common. Indexes are of the group's tables, + 1; 0 = none. */
struct row_head {
	uint32_t kind, charset, format, flags, quality, source, decoder, logsource;
};

/* Least and greatest; what a reader can pass over by. */
struct zone {
	int64_t when_min, when_max, observed_min, observed_max;
	uint32_t kinds;
};

#define ZONE_EMPTY ((struct zone){INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, 0})

void zone_join(struct zone *zone, const struct zone *other);
static inline uint32_t zone_kind_bit(uint32_t kind)
{
	return UINT32_C(1) << (kind > 31 ? 31 : kind);
}

/* Rows first .. first + count - 1 of a batch that came at a bus offset; row 0 of the batch is row 0 of the record. */
struct row_run {
	const struct batch *batch;
	uint64_t offset;
	uint32_t first, count;
};

/* ---- writing ---- */

struct group_writer;

/* Takes a finished column. Non-zero stops. */
typedef int group_put(void *ctx, enum column_kind kind, uint8_t encoding, uint16_t number, uint32_t values,
					  struct slice octets);

struct group_writer *group_writer_new(const struct env *env);
void group_writer_free(struct group_writer *g);
/* rows_expected: of this group; small groups are not worth many columns. Only a guess. */
void group_begin(struct group_writer *g, uint64_t rows_expected);
/* Would this batch still fit? Otherwise finish and begin anew. A new group holds any batch. */
bool group_fits(const struct group_writer *g, const struct batch *batch);
int group_add(struct group_writer *g, const struct row_run *run, struct error *error);
uint32_t group_rows(const struct group_writer *g);
const struct zone *group_zone(const struct group_writer *g);
/* Source lines of the group. */
const struct strings *group_sources(const struct group_writer *g);
/* offset_base: the segment's first bus offset. */
int group_finish(struct group_writer *g, uint64_t offset_base, group_put *put, void *ctx, struct error *error);

/* ---- reading ---- */

struct group_run {
	uint8_t collector[16];
	uint64_t epoch, first_sequence, offset;
	uint32_t rows, row_first; /* row_first: in the bus record */
	uint32_t may_flags, must_flags;
	int64_t observed_base_ns;
};

struct group_field {
	uint16_t name; /* index into the group's names */
	uint8_t type;
	uint32_t offset, len; /* in the row's text */
	uint32_t small;
};

struct group_row {
	const struct row_head *head;
	int64_t time_ns, observed_ns;
	struct slice text; /* valid until the next row */
	uint32_t original_len, field_count;
	const struct group_field *fields;
};

struct group_decoder {
	struct slice name;
	uint16_t version;
};

struct group_structure;
struct group_template;
struct group;

/* Where the columns come from. fetch puts the octets of a column into the arena: kind, and for values the column counted
 * from 0 among them. 0 or a negative error. */
struct group_columns {
	int (*fetch)(void *ctx, enum column_kind kind, uint32_t number, struct arena *arena, struct slice *octets,
				 uint8_t *encoding, struct error *error);
	void *ctx;
	const uint32_t *value_counts; /* of each values column */
	uint32_t column_count; /* of values */
	uint64_t offset_base; /* the segment's first bus offset */
	uint32_t rows, partition;
	bool times_later; /* group_load_times is called before a row is read */
};

struct group {
	const struct env *env;
	struct arena arena;
	struct group_columns from;
	struct slice *names, *sources;
	struct group_decoder *decoders;
	struct logsource *logsources;
	struct slice *collectors;
	struct row_head *heads;
	struct group_run *runs;
	struct group_structure *structures;
	struct group_template *templates;
	struct slice template_octets; /* their literals lie in it */
	uint32_t name_count, source_count, decoder_count, logsource_count, collector_count, head_count, run_count,
		structure_count, template_count;
	uint32_t *template_codes, *head_codes;
	uint64_t *times, *observed;
	struct values_view *columns;
	bool *loaded; /* columns whose values were read */
	uint32_t *cursors, *saved; /* next unread value of each column, but for the values of the last `owed` rows */
	uint32_t row, saved_row; /* next row */
	uint32_t owed, saved_owed;
	bool narrow_values; /* fields asked for by name need values */
	struct group_field *fields; /* of the row given last */
	uint32_t *bounds;
	struct buffer text;
	struct timetext_cache times_printed;
};

/* Reads all but the values. Every length, index and count is checked here, so that reading rows need not. `from` is
 * kept; what it points to must live until group_close. After an error the group is closed. */
int group_open(struct group *g, const struct env *env, const struct group_columns *from, struct error *error);
/* Reads time and observed, when they were not read yet. */
int group_load_times(struct group *g, struct error *error);
/* Reads the values that fields of these names need. */
int group_load_names(struct group *g, const struct slice *names, uint32_t name_count, struct error *error);
int group_load_all(struct group *g, struct error *error);
/* The next row (there must be one). Not whole: only the fields named to group_load_names, with only the text they need.
 * ERROR_FORMAT when the row cannot be, ERROR_MEMORY. */
int group_next(struct group *g, bool whole, struct group_row *out, struct error *error);
/* Goes on by a row without looking at it. */
void group_skip(struct group *g);
/* Comparing rows with what they should be, for whoever has just written them. All values must be loaded; the tables it
 * makes for itself go into the arena. */
struct group_compare {
	struct group *group;
	struct arena *arena;
	struct compare_structure **structures; /* null: not needed yet */
	struct compare_template **templates;
	uint32_t *lengths; /* of the row at hand: octets of values before each of its values */
	const struct batch *batch;
	uint32_t *names; /* of each name of the group the name of the batch that was found equal; UINT32_MAX: none yet */
	const struct compare_structure **shapes; /* of each shape of the batch one whose fields have its names and types */
	uint32_t shape_room;
};

int group_compare_open(struct group_compare *c, struct group *g, struct arena *arena, struct error *error);
/* Goes on by a row like group_next. 1: it has exactly the text, the original and the fields (names, types, places,
 * numbers) of this row; 0: it has not, and no more rows can be asked for; -ERROR_MEMORY. */
int group_compare_next(struct group_compare *c, const struct batch *batch, const struct batch_row *row);
/* A place to come back to. */
void group_save(struct group *g);
void group_restore(struct group *g);
void group_close(struct group *g);

#endif
