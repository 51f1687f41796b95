/* A commit log: the only truth of a stateful stage (docs/format-commitlog.md).
 *
 * Append-only records, each with length, sequence, hash of the record before, CRC-32C; appended and synced one at a
 * time: commitlog_append returning 0 is the commit point. After a failed sync the log is dead (every later append
 * fails): open it again from the file. Opening replays: a bad record at the end with nothing valid after it is a torn
 * tail and is cut; a bad record followed by a valid one is damage and is refused (ERROR_DAMAGED) with its offset.
 * One writer; the owner of the data directory's lock. Not shared between threads.
 */
#ifndef COMMON_COMMITLOG_H
#define COMMON_COMMITLOG_H

#include "common/env.h"
#include "common/error.h"

struct commitlog;

struct commitlog_record {
	uint64_t sequence; /* dense from 0; compaction does not start it again */
	int64_t time_ns; /* when it was appended; information only */
	struct slice body; /* valid during the callback */
};

/* Makes the file when it is missing. `kind` is a short name ("store", "temporal"; at most 15 octets) checked against the
 * file's head: another one is ERROR_CONFLICT. The whole file is checked before the first each(), and synced, so that
 * what was replayed is durable. each() is called for every record in order; a non-zero return stops and is returned (the
 * callback fills `error` if it wants to). `each` and `cut` may be null. *cut is set to the octets of torn tail that were
 * removed. */
int commitlog_open(const struct env *env, const char *path, const char *kind,
				   int (*each)(void *arg, const struct commitlog_record *record), void *arg, uint64_t *cut,
				   struct commitlog **out, struct error *error);
/* Writes and syncs one record; `sequence` may be null. ERROR_LIMIT refuses a record (limits.h: commit_bytes,
 * commitlog_bytes) and leaves the log alive; every other failure makes it dead. */
int commitlog_append(struct commitlog *log, struct slice body, uint64_t *sequence, struct error *error);
/* Hash over all records so far: what the next record will carry as `prev`. */
void commitlog_head(const struct commitlog *log, uint8_t out[32]);
/* Records in the file: 1 after a compaction. */
uint64_t commitlog_count(const struct commitlog *log);
/* Replaces the log by one whose first record is `body` (a full state), atomically: written beside it, synced, renamed.
 * The chain goes on: the new file's head names the hash it continues.
 * When that fails before the rename, the old log stays and is alive; after it, the log is dead. */
int commitlog_compact(struct commitlog *log, struct slice body, struct error *error);
void commitlog_close(struct commitlog *log);
/* Reads without owning or repairing; *torn tells of octets after the last good record. */
int commitlog_read(const struct env *env, const char *path, const char *kind,
				   int (*each)(void *arg, const struct commitlog_record *record), void *arg, uint64_t *torn,
				   struct error *error);

#endif
