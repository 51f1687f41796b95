/* The layout of a commit log, for commitlog.c and commitlog_scan.c only. The treaty is docs/format-commitlog.md; these
 * are its tables again.
 *
 *   head: offset size                               record: offset  size
 *   0      24   common head (format.h), "CRSL"      0       4    octets of the body
 *   24     16   kind, zero padded                   4       4    zero
 *   40     8    sequence of the first record        8       8    sequence
 *   48     32   hash that this file continues       16      8    time, ns, signed
 *   80     4    zero                                24      32   hash of the record before (of the head for the first)
 *   84     4    CRC-32C of octets 0..83             56      n    body, then zeros to a multiple of 8
 *   88          end of head                         56+n'   4    zero
 *                                                   60+n'   4    CRC-32C of all octets of the record before it
 *
 * Hash = SHA-256 over all octets of a record, or of the head. Records follow each other without holes.
 */
#ifndef COMMON_COMMITLOG_LAYOUT_H
#define COMMON_COMMITLOG_LAYOUT_H

#include "common/buffer.h"
#include "common/commitlog.h"
#include "common/digest.h"
#include "common/format.h"

#define LOG_MAGIC "CRSL"
#define LOG_VERSION 0
#define LOG_HEAD_BYTES 88u
#define LOG_KIND_BYTES 16u
#define LOG_RECORD_HEAD 56u
#define LOG_RECORD_LEAST 64u

enum log_head_at {
	LOG_AT_KIND = 24,
	LOG_AT_FIRST = 40,
	LOG_AT_CONTINUES = 48,
	LOG_AT_ZERO = 80,
	LOG_AT_CRC = 84,
};

enum record_at {
	RECORD_AT_LEN = 0,
	RECORD_AT_ZERO = 4,
	RECORD_AT_SEQUENCE = 8,
	RECORD_AT_TIME = 16,
	RECORD_AT_PREV = 24,
};

/* What a scan of a whole file found. */
struct log_scan {
	uint64_t first_sequence, count;
	uint64_t good_bytes; /* head and records that hold; what is behind them is torn */
	uint8_t head[32]; /* hash of the last record, or of the head */
};

void log_write_head(uint8_t out[LOG_HEAD_BYTES], const char *kind, uint64_t first_sequence,
					const uint8_t continues[32]);
/* Appends a record to a buffer that is 8-aligned so far. */
void log_write_record(struct buffer *out, uint64_t sequence, int64_t time_ns, const uint8_t prev[32],
					  struct slice body);
/* Checks head and records of a whole file. 0 with a torn tail too; ERROR_DAMAGED when something valid follows it. */
int log_scan(struct slice file, const char *kind, struct sha256 *sha, struct log_scan *out, struct error *error);
/* Calls each() for the records of a file that log_scan has accepted. */
int log_replay(struct slice file, const struct log_scan *scan,
			   int (*each)(void *arg, const struct commitlog_record *record), void *arg);

#endif
