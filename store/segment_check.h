/* Asking a segment for all that it promises: for fsck and show. */
#ifndef STORE_SEGMENT_CHECK_H
#define STORE_SEGMENT_CHECK_H

#include "store/segment.h"

/* Every octet between head and footer belongs to a sound block, numbered in order. */
int segment_check_blocks(struct segment *s, struct error *error);
/* Every column's checksums, every row decoded, zone maps, marks and source hashes as the rows say. */
int segment_check_group(struct segment *s, uint32_t group, struct error *error);
/* A file whose footer cannot be read: sound blocks from the head on, and the row groups they are of. */
int segment_walk(const struct env *env, const char *path, uint32_t *blocks, uint32_t *groups);

#endif
