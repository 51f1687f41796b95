/* The inside of a store: for the files of store/ that make up struct store (store*.c, tail.c, seal.c, recover.c, scan.c).
 *
 * Invariants:
 *  S1 A row is in a segment that the commit log names, or in the tail of its partition, or its offset is not below
 *     next_offset: never in two of them.
 *  S2 committed_offset <= the offset of the first batch of the tail <= next_offset.
 *  S3 The marks in the commit log are those of the offsets below committed_offset; those in memory of all below
 *     next_offset. What lies between is in `moves`.
 *  S4 A segment file is never written again after its sync, and is removed only while the commit log does not name it.
 */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include "store/commit.h"

#define STORE_FAILURES_MAX 3u
#define STORE_RETRY_NS NS_PER_S /* between attempts while the disk is full */
#define STORE_POSITION_NS (60 * NS_PER_S) /* offsets without rows are committed so often */
#define STORE_MOVES_MAX 8192u /* of one segment */
#define STORE_SEAL_BYTES (64u << 20) /* of batches in one segment */

struct mark {
	uint8_t collector[16];
	uint64_t epoch, next;
};

/* A batch took sequences [first, next) of a mark. */
struct mark_move {
	uint64_t offset;
	uint32_t mark;
	uint64_t first, next;
};

/* Counted, because a scan may outlive its being sealed. */
struct tail_batch {
	const struct env *env;
	uint32_t references;
	bool opened; /* batch is one; else only its octets count */
	struct batch batch;
	uint64_t offset;
	uint64_t *skip; /* null: every row is the store's */
	uint32_t rows; /* the store's */
	uint64_t raw_bytes;
	size_t bytes; /* of memory */
	struct zone zone;
	int64_t boot_ns; /* when it came */
	int32_t month; /* of observed time: months since year 0 */
};

struct partition {
	struct store_partition id;
	uint64_t next_offset, committed_offset, leaf_count;
	struct mark *marks;
	uint32_t mark_count, mark_room, mark_last;
	struct mark_move *moves;
	uint32_t move_count, move_room;
	struct tail_batch **tail;
	uint32_t tail_count, tail_room;
	uint64_t tail_rows;
	int64_t moved_boot_ns; /* when next_offset left committed_offset without rows */
	bool has_quarantine;
	uint64_t quarantine_offset; /* the last batch that did not validate */
};

struct sealed {
	char name[COMMIT_NAME_MAX];
	struct store_partition partition;
	uint64_t size, rows, first_offset, last_offset;
	struct zone zone;
	bool missing;
};

struct store {
	const struct env *env;
	struct store_config config;
	char dir[400], segments[440], orphans[440], log_path[440], name[64];
	struct commitlog *log;
	struct partition **partitions; /* sorted by topic, partition */
	uint32_t partition_count;
	struct sealed *sealed;
	uint32_t sealed_count, sealed_room;
	struct segment_writer *writer;
	struct dictionary dictionary;
	bool has_dictionary;
	struct batch_builder *builder;
	struct sha256 *sha;
	size_t tail_bytes;
	uint32_t failures; /* syncs that failed */
	bool fatal;
	char fatal_text[256];
	int64_t retry_boot_ns; /* no sealing before it: the disk was full */
	struct store_stats stats;
};

/* partition.c */
struct partition *partition_find(const struct store *s, struct store_partition id);
struct partition *partition_need(struct store *s, struct store_partition id); /* null: no memory */
void partition_free(const struct env *env, struct partition *p);
/* Index of the mark, made with next = 0 when new (*is_new); UINT32_MAX: no memory. */
uint32_t partition_mark(const struct env *env, struct partition *p, const uint8_t collector[16], uint64_t epoch,
						bool *is_new);
int partition_move(const struct env *env, struct partition *p, const struct mark_move *move);

/* tail.c */
struct tail_batch *tail_batch_new(const struct env *env, struct slice octets);
void tail_batch_release(struct tail_batch *t);
void tail_batch_begin(struct tail_batch *t, uint64_t offset, int64_t boot_ns); /* none of its rows was looked at yet */
int tail_reserve(struct store *s, struct partition *p); /* room for one more */
void tail_push(struct store *s, struct partition *p, struct tail_batch *t); /* counted once more */
void tail_drop(struct store *s, struct partition *p, uint32_t count); /* the first ones, sealed now */

/* audit.c: own rows, told to the caller */
void audit_gap(struct store *s, struct partition *p, const struct batch_identity *identity, uint64_t from, uint64_t to,
			   uint64_t offset);
void audit_offsets(struct store *s, struct partition *p, uint64_t from, uint64_t to);
void audit_quarantine(struct store *s, struct partition *p, uint64_t offset, const struct error *why);
void audit_segment(struct store *s, const struct sealed *segment, const char *reason);

/* seal.c */
int seal_due(struct store *s, struct partition *p, bool flush, struct error *error);
int store_fail(struct store *s, struct error *error, const char *what); /* from now on nothing is stored */
int store_refuse_failed(const struct store *s, struct error *error);
bool store_reserve_sealed(struct store *s); /* room for one more */
void store_add_sealed(struct store *s, const struct commit *c);
uint64_t *tail_skip_alloc(const struct env *env, uint32_t rows);
int32_t month_of(int64_t ns);

/* recover.c */
int store_recover(struct store *s, struct error *error);

#endif
