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
bool scan_blocks_more(const struct scan_blocks *b);
/* Fills batch, offset and row_first of the block. */
int scan_blocks_next(struct scan_blocks *b, bool whole, struct scan_block *block, struct error *error);
/* The block given last, whole. 1 or a negative error. */
int scan_blocks_whole(struct scan_blocks *b, const struct batch **batch, struct error *error);
/* The block given last is this batch (of the tail). */
void scan_blocks_whole_is(struct scan_blocks *b, const struct batch *batch);

#endif
