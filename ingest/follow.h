/* The inside of following files: the table of files and what is done with each. Only for the files of ingest/.
 *
 * A file is known by device, inode and the octets at its beginning, and stays the same file under another name. While it is
 * open its inode cannot be used again, so between two looks only its name and its content can change.
 *
 * F1  `added` is the end of the last record that is in a batch: what a batch in hand may be said to bring about.
 * F2  Everything below `read_at` was given to the framer; behind a parked frame nothing was.
 * F3  A file is forgotten only when what was taken from it is durable.
 * F4  Octets go into records only when, after they were read, the file still began as before: so what a truncation put in the
 *     place of a file is never read on from the old position.
 */
#ifndef INGEST_FOLLOW_H
#define INGEST_FOLLOW_H

#include "ingest/collector.h"
#include "ingest/positions.h"

#define FOLLOW_NO_INPUT UINT32_MAX
#define FOLLOW_HEAD 1024u /* LIMIT_follow_head_bytes */
#define FOLLOW_TOLD 128u
#define FOLLOW_UNWRITTEN (UINT64_MAX - 1) /* as followed.written: whatever holds now is to be written */

#define NOTE_FOLLOWED 1u /* rows about the file that wait to be written */
#define NOTE_TRUNCATED 2u
#define NOTE_GONE 4u

struct followed {
	uint32_t id; /* place in the table */
	uint32_t input; /* FOLLOW_NO_INPUT: recalled, no input asks for it now */
	char *path;
	uint64_t path_hash;
	bool named; /* the path leads to it */
	bool recalled; /* from the file of positions, not found again yet */
	bool hole; /* nothing but zeros so far: what a truncation leaves in front of a writer that does not append */
	bool leaving; /* closed; forgotten as soon as F3 lets it */
	int fd; /* -1: not open */
	uint64_t device, inode;
	uint8_t digest[32];
	char line[72]; /* "file <digest>" */
	struct source source;
	uint32_t partition;
	struct framer framer;
	uint64_t size, read_at; /* size: when last looked at */
	int64_t mtime_ns, changed_boot_ns;
	uint64_t added, handed, received; /* handed: end of the record last given away, when so many had been received */
	uint64_t written; /* the offset last put into the file of positions */
	struct position settled; /* known to hold */
	uint8_t head[FOLLOW_HEAD]; /* the first octets, as far as read_at */
	uint32_t notes;
	uint64_t lost; /* for NOTE_TRUNCATED: octets that were seen and not read */
};

/* A position that holds when its batch is durable. */
struct pending {
	uint32_t id;
	uint64_t ticket;
	struct position position;
	struct fence fence;
};

struct ingest_follow {
	struct ingest *in;
	struct follow_config config;
	struct followed *files[1024]; /* LIMIT_follow_files */
	uint32_t open, unnamed; /* how many are */
	bool busy; /* something was left to read */
	uint32_t turn; /* whose turn it is to be read first */
	struct positions positions;
	struct buffer records, note; /* scratch; a note may bring about a batch, and that records */
	uint64_t snapshot; /* octets of the file of positions when it was made */
	struct pending *pending;
	size_t pending_count, pending_size;
	int64_t look_boot_ns, scan_boot_ns; /* when next */
	bool started; /* the first look at all names is over */
	uint64_t told[FOLLOW_TOLD]; /* matters that were told */
	uint32_t told_next;
};

/* follow.c */
struct followed *follow_by_path(struct ingest_follow *follow, const char *path);
struct followed *follow_by_inode(struct ingest_follow *follow, const struct env_stat *st);
/* A new place in the table; null when there is none or no memory. */
struct followed *follow_add(struct ingest_follow *follow, const char *path);
void follow_remove(struct ingest_follow *follow, struct followed *f);
void follow_tell(struct ingest_follow *follow, const char *path, int result);
void follow_untell(struct ingest_follow *follow, const char *path);
struct position followed_position(struct followed *f, uint64_t offset);

/* follow_batch.c: what is written down */
/* Its name as it is now: without it a later start looks under the old one. */
void follow_record_name(struct ingest_follow *follow, const struct followed *f);
/* File and position, holding at once. */
int follow_record(struct ingest_follow *follow, struct followed *f, struct error *error);
int follow_record_gone(struct ingest_follow *follow, const struct followed *f);
int follow_snapshot(struct ingest_follow *follow, struct error *error);
bool follow_is_pending(const struct ingest_follow *follow, const struct followed *f);

/* follow_file.c: one file */
/* A path that an input names and that no file of the table has. */
void follow_candidate(struct ingest_follow *follow, uint32_t input, const char *path, bool by_pattern);
/* Its size, its name. */
void followed_look(struct ingest_follow *follow, struct followed *f);
void followed_unname(struct ingest_follow *follow, struct followed *f);
int followed_open(struct ingest_follow *follow, const char *path, bool by_pattern, struct env_stat *st);
/* 1 when the open descriptor begins as the position says, 0, or a negative errno. Fills f->head. */
int followed_is(struct ingest_follow *follow, struct followed *f, int fd, const struct position *position);
void followed_attach(struct ingest_follow *follow, struct followed *f, int fd, const struct env_stat *st);

/* follow_read.c: octets to records */
bool followed_unread(const struct followed *f);
/* 1 when it begins as it did when it was read, 0, or a negative errno: not known. */
int followed_begins(struct ingest_follow *follow, const struct followed *f);
/* At most `budget` octets; how many were read. */
size_t followed_read(struct ingest_follow *follow, struct followed *f, size_t budget);
/* The record at the end that nothing ended. */
bool followed_finish(struct ingest_follow *follow, struct followed *f);
/* Begins again at octet 0, with what stands there now. */
void followed_restart(struct ingest_follow *follow, struct followed *f, uint64_t lost);
uint64_t followed_added(struct ingest_follow *follow, struct followed *f);
void followed_notes(struct ingest_follow *follow, struct followed *f);

/* follow_scan.c: patterns to paths */
void follow_scan(struct ingest_follow *follow);
/* Files of earlier times that no name led to: looked for in their folders. */
void follow_search(struct ingest_follow *follow);
bool follow_pattern_magic(const char *pattern);

#endif
