/* Inside of the local log: layouts (docs/format-log.md) and the parts that bus_local.c joins. Only for bus/.
 *
 * The invariants L1-L7 are stated in docs/format-log.md and cited by number here.
 */
#ifndef BUS_LOG_H
#define BUS_LOG_H

#include "bus/bus.h"

#define LOG_PATH_MAX 1024u
#define LOG_DIR_MAX 900u
#define LOG_NAME_MAX 32u /* octets of a reader's name */

/* ---- names and folders: log_dir.c ---- */

/* A partition of a topic, and the folder it lives in. */
struct log_place {
	enum bus_topic topic;
	uint32_t partition;
	char dir[LOG_PATH_MAX]; /* LOG/events/0 */
};

int log_place_set(struct log_place *place, const char *log_dir, enum bus_topic topic, uint32_t partition,
				  struct error *error);
void log_partition_name(uint32_t partition, char out[16]); /* "0", "import", "audit" */
void log_file_path(const struct log_place *place, uint64_t base, char out[LOG_PATH_MAX]);
void log_mark_path(const struct log_place *place, char out[LOG_PATH_MAX]);
void log_positions_dir(const char *log_dir, char out[LOG_PATH_MAX]);
bool log_reader_name_check(const char *name); /* a-z 0-9 _ -, 1 to LOG_NAME_MAX */
void log_position_path(const char *log_dir, const char *reader, const struct log_place *place, char out[LOG_PATH_MAX]);

/* Bases of the files of a folder, ascending. Freed by log_files_free, whatever was returned. */
struct log_files {
	const struct env *env;
	uint64_t *bases;
	size_t count, size;
};

int log_files_list(const struct env *env, const struct log_place *place, struct log_files *out, struct error *error);
void log_files_free(struct log_files *files);

/* All partitions that a configuration has, special ones included: given in turn, 0 .. log_place_count-1. */
uint32_t log_place_count(const struct bus_local_config *config);
void log_place_at(const struct bus_local_config *config, uint32_t index, enum bus_topic *topic, uint32_t *partition);
bool log_place_has(const struct bus_local_config *config, enum bus_topic topic, uint32_t partition);
bool log_place_written(const struct bus_local_config *config, enum bus_topic topic, uint32_t partition);

/* ---- file heads and frames: log_frame.c ---- */

#define LOG_HEAD_BYTES 72u
#define LOG_FRAME_HEAD 32u
#define LOG_FRAME_EXTRA (LOG_FRAME_HEAD + 8u) /* octets of a frame besides its padded payload */
#define LOG_NO_BASE UINT64_MAX

struct log_head {
	uint64_t base, key, previous_base, previous_size;
	enum bus_topic topic;
	uint32_t partition;
};

struct log_frame {
	uint64_t offset, durable;
	int64_t appended_ns;
	struct slice payload;
	size_t size; /* octets of the whole frame */
};

static inline size_t log_frame_size(size_t payload)
{
	return LOG_FRAME_EXTRA + ((payload + 7) & ~(size_t)7);
}

void log_head_put(uint8_t out[LOG_HEAD_BYTES], const struct log_head *head);
int log_head_get(struct slice octets, struct log_head *out, struct error *error);
/* What a frame has around its payload, for a payload that stays where it is. */
struct log_frame_ends {
	uint8_t head[LOG_FRAME_HEAD], tail[16];
	struct slice parts[3]; /* head, payload, tail: valid as long as they stay */
};

void log_frame_around(struct log_frame_ends *out, uint64_t key, const struct log_frame *frame);
/* `out` has room for log_frame_size(payload.len). */
void log_frame_put(uint8_t *out, uint64_t key, const struct log_frame *frame);
/* Octets the frame claims to have, from its first LOG_FRAME_HEAD octets; 0 when they cannot begin a frame. */
size_t log_frame_claim(const uint8_t *octets, uint64_t key);
/* `octets` has what was claimed; false when the checksum or padding does not hold. */
bool log_frame_get(const uint8_t *octets, size_t size, uint64_t key, struct log_frame *out);

/* ---- a file read frame by frame: log_scan.c ---- */

/* A window over one open file; nothing at or past `end` is looked at. Owns neither fd nor path. */
struct log_scan {
	const struct env *env;
	int fd;
	uint64_t key, end;
	uint8_t *window;
	size_t window_size, window_len;
	uint64_t window_at;
};

#define LOG_SCAN_GOOD 1
#define LOG_SCAN_END 0
#define LOG_SCAN_BAD 2 /* octets that are no frame, or not all of one */

void log_scan_open(struct log_scan *scan, const struct env *env, int fd, uint64_t key, uint64_t end);
void log_scan_free(struct log_scan *scan);
/* The frame at `at`; its payload lies in the window until the next call. LOG_SCAN_*, or a negative error. */
int log_scan_frame(struct log_scan *scan, uint64_t at, struct log_frame *out, struct error *error);
/* The first valid frame at or after `at`, in steps of 8: GOOD and *found, END when there is none. */
int log_scan_search(struct log_scan *scan, uint64_t at, struct log_frame *out, uint64_t *found, struct error *error);

/* ---- two-slot files: log_slots.c ---- */

#define LOG_SLOT_BYTES 128u

struct log_slots {
	uint64_t generation; /* 0 = no valid slot */
	uint64_t values[3]; /* mark: durable, base, position; reader: committed, keep-from, 0 */
};

#define LOG_MARK_MAGIC "CRSD"
#define LOG_POSITION_MAGIC "CRSP"

/* Reads both slots; generation 0 when none is valid. Slots of another place are not valid. */
int log_slots_read(const struct env *env, int fd, const char magic[4], const struct log_place *place,
				   struct log_slots *out, struct error *error);
/* Writes the older slot with generation + 1, unless the system fails. */
int log_slots_write(const struct env *env, int fd, const char magic[4], const struct log_place *place,
					struct log_slots *slots, struct error *error);

/* ---- one partition being written: log_writer.c ---- */

struct log_writer {
	const struct env *env;
	struct log_place place;
	uint64_t file_bytes;
	int mark_fd; /* locked */
	int fd; /* the newest file */
	struct log_slots mark;
	uint64_t key, base;
	uint64_t size; /* octets of the newest file, whole frames only */
	uint64_t synced; /* of them, on the medium */
	uint64_t next; /* offset of the next record that is queued */
	uint64_t written, durable; /* offsets: below they are in a file; on the medium */
	uint64_t first; /* `next` at open: tickets count from here */
	uint8_t *pending;
	size_t pending_len, pending_size;
	bool dirty, leftover; /* not synced; a file whose making failed may lie in the way */
	bool blocked; /* a reader is too far behind */
	char blocked_text[200];
};

int log_writer_open(const struct env *env, const struct log_place *place, uint64_t file_bytes, struct log_writer *out,
					struct error *error);
int log_writer_queue(struct log_writer *w, struct slice payload, struct error *error);
/* The same without a copy, into the file, when nothing waits before it and it fits; else it is queued. A file system without
 * room is no error here: the record is queued, and log_writer_write will say so. ERROR_FATAL: it was not taken. */
int log_writer_early(struct log_writer *w, struct slice payload, struct error *error);
/* Writes what is queued; a lack of room is ERROR_FULL (retriable) and leaves the rest queued. Others are ERROR_FATAL. */
int log_writer_write(struct log_writer *w, struct error *error);
/* Syncs, then publishes the durable mark (L3). Every failure is ERROR_FATAL. */
int log_writer_sync(struct log_writer *w, struct error *error);
/* The payload of the queued frame at octet *at of what is pending, and *at behind it; false at the end. */
bool log_writer_pending(const struct log_writer *w, size_t *at, struct slice *payload);
void log_writer_close(struct log_writer *w, bool settled);
/* A new file with its head, synced with its name, open for writing; a negative errno otherwise. */
int log_file_create(const struct env *env, const struct log_place *place, const struct log_head *head, bool over);

/* ---- positions and trimming: log_trim.c ---- */

struct log_trim {
	uint64_t max_bytes, keep_bytes;
	struct counter *removed, *overtaken; /* files; readers whose keep-from did not hold any more */
};

/* Removes what no reader needs and sets w->blocked. */
int log_trim(struct log_writer *w, const char *log_dir, const struct log_trim *trim, struct error *error);

/* ---- reading: log_reader.c ---- */

struct bus_reader *log_reader_open(const struct env *env, const char *log_dir, const struct bus_ops *ops,
								   const struct log_place *place, const char *name, struct error *error);
int log_reader_poll(struct bus_reader *reader, struct bus_record *out, struct error *error);
int log_reader_seek(struct bus_reader *reader, uint64_t offset, struct error *error);
void log_reader_pass(struct bus_reader *reader, uint64_t offset);
int log_reader_commit(struct bus_reader *reader, uint64_t committed, uint64_t keep_from, struct error *error);
void log_reader_position(const struct bus_reader *reader, uint64_t *first, uint64_t *committed, uint64_t *keep_from,
						 uint64_t *next);
void log_reader_close(struct bus_reader *reader);

/* ---- recovery: log_recover.c; making a log and its counts: log_create.c ---- */

int log_recover_partition(const struct env *env, const struct log_place *place, uint64_t *cut, struct error *error);
/* Makes the log when there is none, else compares the partition counts. */
int log_create(const struct env *env, const struct bus_local_config *config, struct error *error);
int log_counts_check(const struct env *env, const struct bus_local_config *config, struct error *error);

#endif
