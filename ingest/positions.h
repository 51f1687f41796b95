/* The positions of followed files: what was read of each, in a file of its own (docs/format-positions.md).
 *
 * Append-only records; a smaller file with the same meaning takes its place now and then. A position that a batch brings
 * about is written before the batch is given to the bus and names it (a fence): it holds when that batch has arrived, which
 * is asked once, at the next start. So lines and position never part, though the log is another file:
 *
 * P1  The record of a fenced position is durable before its batch can be.
 * P2  Fences of one partition arrive in order: when a later one has arrived, so have those before it.
 * P3  Of the positions of a file, the last one written that holds is the one.
 *
 * One owner, one thread.
 */
#ifndef INGEST_POSITIONS_H
#define INGEST_POSITIONS_H

#include "common/common.h"

#define POSITION_GONE UINT64_MAX /* as an offset: the file is forgotten */
#define POSITION_PATH_MAX 4096u

/* Which file, by its number below LIMIT_follow_files. A number is used again after its file is gone. */
struct position_file {
	uint64_t device, inode;
	uint8_t source[32]; /* digest in the source line */
	struct slice path;
};

struct position {
	uint64_t offset; /* octets whose records were taken */
	uint64_t head_hash; /* XXH3-64 of the first head_len octets */
	uint32_t head_len; /* the lesser of offset and LIMIT_follow_head_bytes */
};

/* The batch that ends before `sequence`; `place` is for whoever knows the bus. */
struct fence {
	uint64_t epoch, sequence, place;
	uint32_t partition;
};

struct positions {
	const struct env *env;
	char path[POSITION_PATH_MAX];
	int fd; /* -1: none yet */
	uint64_t key, size; /* octets of whole records */
	bool dirty, broken;
};

/* Told of every record that holds, in order; a negative result stops. */
struct positions_visitor {
	int (*file)(void *ctx, uint32_t id, const struct position_file *file);
	int (*position)(void *ctx, uint32_t id, const struct position *position);
	int (*arrived)(void *ctx, const struct fence *fence, struct error *error); /* 1, 0 or negative */
	void *ctx;
};

int positions_init(struct positions *p, const struct env *env, const char *path, struct error *error);
/* Reads what is there; no file is no positions. */
int positions_load(struct positions *p, const struct positions_visitor *visitor, struct error *error);
/* Records into a buffer, for the two calls below. */
void positions_put_file(const struct positions *p, struct buffer *out, uint32_t id, const struct position_file *file);
void positions_put(const struct positions *p, struct buffer *out, uint32_t id, const struct position *position,
				   const struct fence *fence); /* null: holds at once */
/* All of it or nothing: ERROR_FULL is retriable. */
int positions_append(struct positions *p, struct slice records, struct error *error);
/* A new file with these records in the place of the old one. What fails before the renaming leaves the old one in use. */
int positions_replace(struct positions *p, struct slice records, struct error *error);
/* What was appended goes to the medium. A failure is ERROR_FATAL for good. */
int positions_sync(struct positions *p, struct error *error);
void positions_close(struct positions *p);

#endif
