/* A scan: the rows of a store, sealed and not yet sealed, one block at a time. The query uses it, and whoever judges rows himself (hunt).
 *
 * store_scan_open pins what there is at that moment: the sealed segments that the commit log knows and the batches of the
 * tail. What is appended or sealed later is not seen, and what is pinned stays readable until store_scan_close, whatever
 * the store does meanwhile. One thread, the store's.
 *
 * A block is a run of rows of one bus record: one partition, one bus offset, one identity, rows counted from row_first.
 * Row i of block.batch is row (row_first + i) of the bus record at that offset; sifted blocks have numbers
 * instead of i. Unknown row kinds come as they are. Ticks are never given.
 *
 * Order. Blocks come from "items" (a sealed row group, or a batch of the tail). Items are taken by their least `when`,
 * ascending (or by their greatest, descending); ties by partition, then offset. Inside an item blocks come in bus order.
 * Each block carries `bound`: every row of every later block has when >= bound (descending: when <= bound). So a
 * caller that wants (when, partition, offset, row) keeps found rows in a heap and lets go those with when < bound; what
 * it must hold is bounded by the items that overlap in time.
 *
 * Passing over. An item is not read when its zone maps (when, kinds, sources) or its token filter show that no row of it
 * can be wanted. Otherwise all its rows are given: the caller tests each row, time and kind included. With a sieve only
 * the rows that it wants are made and given.
 */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include "store/store.h"

/* A text that a wanted row holds somewhere: in its original octets, its derived text or a field's value (SMALL values as
 * decimal digits). It says nothing about field names. */
struct scan_literal {
	struct slice folded; /* folded as fold() does */
	bool whole_left, whole_right; /* the term's end does not touch [A-Za-z0-9_]: so the token there is a whole one */
};

struct segment_rows;
struct group_row;

enum sift_verdict {
	SIFT_NO,
	SIFT_MAYBE,
	SIFT_YES
};

/* Asks a sealed row group as a whole, by its templates and columns, which rows are wanted, before any row is made. */
struct scan_sieve {
	/* One verdict a row. Loads the columns it needs. 0 or a negative error. */
	int (*sift)(void *ctx, struct segment_rows *rows, uint8_t *verdicts, struct error *error);
	/* Whether a whole row of a group is wanted: for those that may be. */
	bool (*test)(void *ctx, struct segment_rows *rows, const struct group_row *row);
	void *ctx;
	/* Nothing but how many rows are wanted: sealed blocks have a count and no rows. */
	bool count_only;
	/* What is looked at of rows that are wanted, as `columns` below of rows that must be tested. */
	bool all_columns;
	const struct slice *columns;
	uint32_t column_count;
};

struct scan_hints {
	int64_t from_ns, to_ns; /* from <= when < to; INT64_MIN / INT64_MAX = open */
	uint32_t kinds; /* bit 1 << kind, kinds above 31 as bit 31; 0 = all */
	bool descending;
	/* Fields that the test looks at. all_columns: blocks are whole rows from the start. Otherwise a sealed block holds
	 * only fields of these names, and `original` and `text` of its rows are NOT the row's (only the octets those fields
	 * need); store_scan_whole gives the whole rows. */
	bool all_columns;
	const struct slice *columns;
	uint32_t column_count;
	/* A wanted row holds at least one of them; none = no such promise. At most SCAN_LITERALS_MAX are used for passing
	 * over; more mean that the filter is not asked. */
	const struct scan_literal *literals;
	uint32_t literal_count;
	/* Null: none. Otherwise sealed blocks hold only rows that it wants (`sifted`), and `columns` above says nothing. */
	const struct scan_sieve *sieve;
	/* Wanted source lines (exact octets); none = all. */
	const struct slice *sources;
	uint32_t source_count;
};

#define SCAN_LITERALS_MAX 1024u

struct scan_block {
	const struct batch *batch; /* valid until the next store_scan_next or close; whole rows when `whole` */
	bool whole;
	bool sealed; /* from a segment, not from the tail */
	struct store_partition partition;
	uint64_t offset; /* of the bus record */
	uint32_t row_first; /* index in the bus record of the batch's row 0 */
	/* The rows of batch that belong to the store: a tail batch may begin with duplicates, or have some in between.
	 * Null: all of them. Otherwise bit i of skip[i / 64] set: row i is not a row of the store (duplicate or tick). */
	const uint64_t *skip;
	/* The sieve wants all rows of batch, which are not all of the run: row i is row (row_first + numbers[i]) of the bus
	 * record. A block may then be without rows. */
	bool sifted;
	const uint32_t *numbers; /* null: i */
	uint32_t rows; /* gone through, left out ones included */
	uint32_t count; /* of wanted rows; only with count_only */
	int64_t bound; /* see above */
};

struct scan_stats {
	uint64_t rows; /* given so far */
	uint32_t items, items_passed_over; /* row groups and tail batches */
	uint32_t segments; /* pinned */
	uint32_t damaged; /* row groups that could not be read: the answer is not complete */
	struct error damage; /* the last of them, with file and group */
};

struct store_scan;

/* Copies nothing of the hints but the scalars: slices in it must live as long as the scan. */
int store_scan_open(struct store *s, const struct scan_hints *hints, struct store_scan **out, struct error *error);
/* 1: a block; 0: the end; negative: error (memory). A damaged row group is counted and passed over. Reads at most one
 * row group from disk. */
int store_scan_next(struct store_scan *scan, struct scan_block *block, struct error *error);
/* The whole rows of the block just given, same row numbers (fields, original, text): for rows that the test found.
 * Returns at once what block->batch is when it was whole. 1 and *batch; negative: error, ERROR_DAMAGED when the columns
 * left out before cannot be read. */
int store_scan_whole(struct store_scan *scan, const struct batch **batch, struct error *error);
/* Sequence of the batch's row i = batch->identity.first_sequence + i (numbers[i] when sifted), collector and epoch there
 * too (whole or not). */
void store_scan_stats(const struct store_scan *scan, struct scan_stats *out);
void store_scan_close(struct store_scan *scan);

/* The partitions that have rows or a position, in (topic, partition) order; returns how many there are. For `sources`. */
uint32_t store_partitions(const struct store *s, struct store_partition *out, uint32_t max);
const struct env *store_env(const struct store *s);

#endif
