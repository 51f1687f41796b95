/* A sealed segment: one immutable file of one bus partition (docs/format-segment.md).
 *
 * segment_build makes the whole file in memory and segment_verify reads it back from there against the rows; segment_open
 * believes nothing of what it reads. A struct segment has one owner and one thread.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "store/group.h"
#include "store/store.h"

#define SEGMENT_HEAD_BYTES 96u
#define SEGMENT_BLOCK_HEAD 32u
#define SEGMENT_TRAILER_BYTES 48u
#define SEGMENT_GROUPS_MAX 4096u
#define SEGMENT_MARKS_MAX 65536u
#define SEGMENT_SOURCES_UNLISTED UINT32_MAX

struct segment_mark {
	uint8_t collector[16];
	uint64_t epoch, first, next; /* sequences first .. next - 1 were taken */
};

struct segment_column {
	uint8_t kind, encoding;
	uint16_t number;
	uint32_t values;
	uint64_t offset; /* in the file */
	uint32_t blocks, octets, stored; /* stored: in the file, heads and padding included */
};

struct segment_group {
	uint32_t rows, column_count, source_count;
	struct zone zone;
	const uint64_t *sources; /* hashes, sorted; source_count may be SEGMENT_SOURCES_UNLISTED */
	const struct segment_column *columns;
};

/* What head, footer and trailer say. */
struct segment_index {
	uint8_t uuid[16], salt_key[16];
	struct store_partition partition;
	uint64_t first_offset, last_offset, rows, first_leaf, footer_hash, file_bytes;
	int64_t made_ns;
	uint32_t block_count, group_count, mark_count;
	struct zone zone;
	struct segment_group *groups;
	struct segment_mark *marks;
};

/* ---- writing ---- */

struct segment_input {
	uint8_t uuid[16];
	struct store_partition partition;
	const struct row_run *runs; /* in bus order; the batches live until the segment is verified */
	uint32_t run_count;
	const struct segment_mark *marks; /* sorted by collector, epoch */
	uint32_t mark_count;
	uint64_t first_offset, last_offset, first_leaf;
	int64_t made_ns;
	uint32_t group_rows; /* of one row group at most; 0 = GROUP_ROWS_MAX */
};

struct segment_writer; /* scratch kept from segment to segment */

/* level: of zstd; 0 = 3. */
struct segment_writer *segment_writer_new(const struct env *env, int level);
void segment_writer_free(struct segment_writer *w);
/* The whole file, owned by the writer, valid until the next build. */
int segment_build(struct segment_writer *w, const struct segment_input *input, struct slice *file, struct error *error);
const struct zone *segment_writer_zone(const struct segment_writer *w);
uint64_t segment_writer_footer_hash(const struct segment_writer *w);
/* Reads the file's octets as a stranger would and compares every row with where it came from: ERROR_DAMAGED when one
 * differs. */
int segment_verify(const struct env *env, struct slice file, const struct segment_input *input, struct error *error);

/* ---- reading ---- */

struct segment {
	const struct env *env;
	int fd; /* -1: in memory */
	struct slice image;
	char path[512];
	struct arena arena; /* holds the index */
	struct segment_index index;
	struct buffer scratch;
	void *unzip; /* ZSTD_DCtx */
};

int segment_open(struct segment *s, const struct env *env, const char *path, struct error *error);
/* Over octets that outlive the segment. */
int segment_open_image(struct segment *s, const struct env *env, struct slice image, struct error *error);
void segment_close(struct segment *s);
/* One column's octets, every block checked, into the arena. */
int segment_fetch(struct segment *s, uint32_t group, const struct segment_column *column, struct arena *arena,
				  struct slice *octets, struct error *error);
const struct segment_column *segment_find(const struct segment_group *group, enum column_kind kind, uint32_t number);

/* A row group of a segment, as struct group wants its columns. */
struct segment_rows {
	struct segment *segment;
	uint32_t number;
	uint32_t *value_counts;
	struct group group;
};

int segment_rows_open(struct segment_rows *rows, struct segment *s, uint32_t number, struct error *error);
/* Without the times: group_load_times reads them when a row is wanted. */
int segment_rows_open_codes(struct segment_rows *rows, struct segment *s, uint32_t number, struct error *error);
void segment_rows_close(struct segment_rows *rows);

/* Parses head, footer and trailer that are in memory (segment_index.c). footer_offset from the trailer. */
int segment_read_head(struct slice octets, struct segment_index *index, struct error *error);
int segment_read_trailer(struct slice octets, struct segment_index *index, uint64_t *footer_offset,
						 uint32_t *footer_len, struct error *error);
int segment_read_footer(struct slice octets, uint64_t footer_offset, struct segment_index *index, struct arena *arena,
						struct error *error);
/* Checks one block at its place; *used = head, octets and padding. */
struct segment_block {
	uint8_t kind, encoding;
	uint16_t group, column, block;
	uint32_t octets, stored, number;
};
int segment_read_block(struct slice octets, struct segment_block *block, size_t *used, struct error *error);

#endif
