/* Row groups as batches again: one batch for each run. For scan.c only. */
#ifndef STORE_SCAN_BLOCK_H
#define STORE_SCAN_BLOCK_H

#include "store/inside.h"
#include "store/scan.h"

struct scan_blocks;

struct scan_blocks *scan_blocks_new(const struct env *env); /* null: no memory */
void scan_blocks_free(struct scan_blocks *b);
/* A group that is open and whose values are loaded; it outlives the use. */
void scan_blocks_begin(struct scan_blocks *b, struct group *g);
/* The same, of the rows of a segment that a sieve has given verdicts of (one a row, of which there are `wanted` other
 * than SIFT_NO): changed while rows are tested. They outlive the use too. */
void scan_blocks_sift(struct scan_blocks *b, struct segment_rows *rows, const struct scan_sieve *sieve,
					  uint8_t *verdicts, uint32_t wanted);
bool scan_blocks_more(const struct scan_blocks *b);
/* Fills batch, offset, row_first, rows and what the sieve has to say. A sifted block without rows has no offset. */
int scan_blocks_next(struct scan_blocks *b, bool whole, struct scan_block *block, struct error *error);
/* The block given last, whole. 1 or a negative error. */
int scan_blocks_whole(struct scan_blocks *b, const struct batch **batch, struct error *error);
/* The block given last is this batch (of the tail). */
void scan_blocks_whole_is(struct scan_blocks *b, const struct batch *batch);

#endif
