/* What the store writes to its commit log (docs/store.md, "Commit records"). */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "store/segment.h"

#define COMMIT_KIND "store"
#define COMMIT_NAME_MAX 64u

enum commit_type {
	COMMIT_SEGMENT = 1, /* rows became a segment */
	COMMIT_POSITION = 2, /* only offsets and marks moved */
};

struct commit {
	enum commit_type type;
	struct store_partition partition;
	uint64_t next_offset; /* all below it is committed */
	const struct segment_mark *marks; /* writing; reading: see commit_mark */
	uint32_t mark_count;
	/* COMMIT_SEGMENT: */
	uint64_t size, rows, raw_bytes, first_leaf, first_offset, last_offset;
	struct zone zone;
	uint8_t sha256[32];
	char name[COMMIT_NAME_MAX];
	const uint8_t *mark_octets; /* reading */
};

void commit_write(struct buffer *out, const struct commit *c);
/* The commit points into `body`. */
int commit_read(struct slice body, struct commit *c, struct error *error);
struct segment_mark commit_mark(const struct commit *c, uint32_t i);

#endif
