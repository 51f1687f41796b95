/* The door of store/: batches become segments, segments answer.
 *
 * A store owns a directory (the lock is the caller's). It is fed the records of the bus partitions it keeps, in offset
 * order; what is not sealed yet is kept in memory as it came (the bus is its write-ahead log) and is searchable. A sealed
 * segment is an immutable file of one partition (docs/format-segment.md), known only once the commit log says so. One
 * thread per struct store; a query pins what it reads.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "common/common.h"

struct store;
struct tail_batch; /* a record in the store's memory, opened once for all that read it; counted */
struct query;
struct query_run;

/* A bus partition, told apart by topic name because store never includes bus. */
struct store_partition {
	uint8_t topic; /* the caller's number, kept in file and commit log; 0 = events, 2 = incidents */
	uint32_t partition;
};

struct store_config {
	const char *dir; /* DATA/store */
	const char *name; /* the store's name; audit partition "audit.<name>" */
	uint32_t segment_rows, segment_age_s; /* 0 = limits.h */
	int zstd_level; /* 0 = 3 */
	bool verify_read_back; /* read the file again from the medium before it counts */
	uint32_t tail_bytes_max; /* 0 = 256 MiB of unsealed rows, then seal */
	/* Own rows (gaps, damage): JSON text for the audit partition. May be null. */
	void (*audit)(void *ctx, enum row_kind kind, struct slice json);
	void *ctx;
};

struct store_stats {
	uint64_t segments, rows, rows_tail, bytes_raw, bytes_stored, duplicates, gaps, quarantined, orphans;
};

/* Replays the commit log; a listed segment that is missing is told as a gap, an unlisted one is moved to orphan/. */
int store_open(const struct env *env, const struct store_config *config, struct store **out, struct error *error);
/* The next offset wanted of a partition: the caller seeks its reader there. */
uint64_t store_next_offset(const struct store *s, struct store_partition p);
/* A durable record of the bus. Duplicates by mark are skipped, jumps told; a batch that does not validate becomes one
 * quarantine row. */
int store_append(struct store *s, struct store_partition p, uint64_t offset, struct slice octets, struct error *error);
/* The same in parts, where others read the record too: copied and opened, looked at, taken (the store counts itself; a
 * refusal changes nothing and the same may be offered again), and given back by who asked for it. */
int store_hold(struct store *s, struct slice octets, struct tail_batch **out, struct error *error);
struct slice store_held_octets(const struct tail_batch *held);
const struct batch *store_held_batch(const struct tail_batch *held); /* null: it does not validate */
int store_append_held(struct store *s, struct store_partition p, uint64_t offset, struct tail_batch *held,
					  struct error *error);
void store_release(struct tail_batch *held); /* null allowed */
/* Seals what is due (rows, age, month, bytes; all with `flush`). After a storage failure returns ERROR_FATAL errors. */
int store_step(struct store *s, bool flush, struct error *error);
/* The next sequence wanted of a collector's epoch in a partition: all below it are there. 0 when it was never seen. */
uint64_t store_mark(const struct store *s, struct store_partition p, const uint8_t collector[16], uint64_t epoch);
/* All below it is sealed and committed: may be trimmed from the bus. */
uint64_t store_committed_offset(const struct store *s, struct store_partition p);
void store_stats(const struct store *s, struct store_stats *out);
void store_close(struct store *s);

/* ---- asking (docs/query-language.md) ---- */

struct query_options {
	int64_t now_ns; /* for relative times */
	int64_t from_ns, to_ns; /* on `when`; INT64_MIN / INT64_MAX = open; from <= when < to */
	uint64_t limit; /* 0 = limits.h */
	bool descending;
};

/* Syntax errors carry the column (from 1) and what would have been right. */
int query_compile(const struct env *env, struct slice text, const struct query_options *options, struct query **out,
				  struct error *error);
/* A query over a foreign predicate (a rule) instead of a text. */
int query_from_predicate(const struct env *env, const struct predicate *p, const struct query_options *options,
						 struct query **out, struct error *error);
const struct predicate *query_predicate(const struct query *q);
void query_free(struct query *q);

/* Pins the store's content as of now: sealed and tail. */
int store_query(struct store *s, const struct query *q, struct query_run **out, struct error *error);
/* Appends up to `max` result objects as NDJSON lines; 1: there is more, 0: done, negative: error. Bounded work per call,
 * so that the engine keeps its other duties. Line: {"time","observed","kind","partition","offset","row","source",
 * "decoder","original"|"original_base64","fields":{...}} or the rows of a pipe's table. */
int query_next(struct query_run *run, struct buffer *ndjson, uint32_t max, struct error *error);
/* Rows looked at and found, segments pinned and passed over; last line of `search` on stderr. */
int query_summary(const struct query_run *run, struct buffer *json);
void query_run_free(struct query_run *run);

/* Names, types, counts and top values of the rows a query finds / of all sources: NDJSON. */
int store_fields(struct store *s, const struct query *q, struct buffer *ndjson, struct error *error);
int store_sources(struct store *s, struct buffer *ndjson, struct error *error);

/* ---- looking at files without owning them ---- */

int segment_show(const struct env *env, const char *path, bool rows, struct buffer *text, struct error *error);
/* Checks commit log and every segment; each finding is one NDJSON line. Returns findings, or a negative error. */
int store_fsck(const struct env *env, const char *dir, void (*progress)(void *ctx, uint64_t done, uint64_t total),
			   void *ctx, struct buffer *ndjson, struct error *error);

#endif
