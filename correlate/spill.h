/* Keys that find no room in memory: on disk, each but its place in the table (docs/format-spill.md, T16).
 *
 * Only a key that is packed (W6) and of a correlation that holds at once is spilled: nothing has to be told when it leaves. Its
 * record lies in a file of its rule, named by file and offset in the place. Files are written to at their end, and go as a whole:
 * when time has passed all that is in them, or when the last key has come back. What was written last is still in memory (the
 * tail), of one file at a time.
 *
 *  S1  what is read back is what was written (checksum, key, rule), or the part is at its end: never less, never something else.
 *  S2  a file that a checkpoint names stays as far as it was written then, until a later checkpoint is durable.
 *  S3  which keys are spilled is nobody's business but memory's (W8). So keys are refused by what a checkpoint says, where there
 *      are checkpoints: whoever reads the log again from there refuses the same ones.
 *
 * A struct spill belongs to its part and the part's thread. Octets unless said.
 */
#ifndef CORRELATE_SPILL_H
#define CORRELATE_SPILL_H

#include "correlate/window.h"

#define SPILL_FILES 256u
#define SPILL_OFFSET_BITS 23u /* of a place: granules of 8 octets */
#define SPILL_FILE_BYTES (64u << 20)
#define SPILL_RECORD_MAX (1u << 20) /* a longer one stays in memory */
#define SPILL_TAIL_BYTES (256u << 10)
#define SPILL_HEAD_BYTES 80u
#define SPILL_RECORD_HEAD 24u
#define SPILL_NONE UINT32_MAX
#define SPILL_PLACE_BYTES (2 * sizeof(struct table_place)) /* what a spilled key is charged */

struct spill_file {
	const struct plan_rule *rule; /* null: the id is free */
	uint64_t serial;
	int fd;
	bool writing; /* records are still put behind what is there */
	bool named; /* by a checkpoint */
	uint32_t records, live;
	uint8_t *alive; /* bit i: record i is of a key that has not come back */
	size_t alive_bytes;
	uint64_t bytes, written, synced; /* with the tail; in the file; durable */
	int64_t newest_ns; /* `when` of the newest match in it */
	int64_t first_ns; /* the same of the first key in it; TIME_NONE: there is none */
};

/* A file whose keys are gone, and that a checkpoint names. */
struct spill_leaving {
	uint64_t serial, bytes;
	bool spare; /* the newest checkpoint does not */
};

struct spill {
	struct spill_file files[SPILL_FILES];
	bool going[SPILL_FILES];
	char *dir;
	bool keep;
	uint64_t budget, bytes; /* on disk; bytes: with the tail, what is leaving, and what is foreign */
	uint64_t foreign; /* of processes before */
	uint64_t next_serial;
	bool dir_changed;
	struct buffer tail, read;
	uint32_t tail_file, tail_first; /* SPILL_NONE; the first record in the tail */
	uint32_t keys, *rule_keys; /* spilled now; of each rule */
	bool *tried; /* rules, in one search for what can be spilled */
	bool stuck; /* a write failed: no more in this search */
	/* The last search found too little: the next one waits until memory or time has moved. */
	bool idle;
	uint64_t idle_bytes;
	int64_t idle_ns;
	/* S3: as budget_passed; what the newest checkpoint says. */
	uint32_t refused, refused_rule;
	struct spill_leaving *leaving;
	uint32_t leaving_count, leaving_room;
	uint64_t spilled, unspilled, failures;
};

static inline bool spill_failed(int result)
{
	return result == -ERROR_DAMAGED || result == -ERROR_IO;
}

/* ---- spill.c: what goes to disk, what comes back ---- */

/* Memory above the budget: keys go to disk until it is an eighth below, if that helps. Negative: no memory. */
int spill_press(struct part *part);
/* The same, even if the last search has just found too little. */
int spill_search(struct part *part);

static inline int spill_relieve(struct part *part)
{
	return part->spill == NULL || part->bytes + part->texts.bytes < part->temporal->part_bytes ? 0 : spill_press(part);
}

enum spill_result {
	SPILL_BACK, /* the place has the entry now */
	SPILL_OTHER, /* the place is another key's */
	SPILL_PASSED /* its time has passed: the place is to be taken out */
};

/* Of a spilled place: is it this key's? Negative: no memory, or the record can not be read (S1). */
int spill_take_back(struct part *part, struct table_place *place, const struct plan_rule *rule, struct slice key);
/* The watermark of the level has moved: files go that it has passed. */
void spill_pass(struct part *part, uint32_t level);
/* S3 */
bool spill_refuses(const struct spill *s, const struct plan_rule *rule);
void spill_stats(const struct spill *s, struct temporal_stats *out);
/* Records of the tail come back: they could not be written. -ERROR_MEMORY. */
int spill_recall(struct part *part);
/* A key is spilled, or is no more. */
void spill_count(struct part *part, const struct plan_rule *rule);
void spill_uncount(struct part *part, const struct plan_rule *rule);

/* ---- spill_file.c: files ---- */

int spill_new(struct part *part);
void spill_free(struct part *part);
/* A free id; SPILL_NONE: there is none, or no memory for its end. */
uint32_t spill_id(struct part *part);
/* The id of a file of the rule to write to, whose tail is in memory; SPILL_NONE: there is none. */
uint32_t spill_writable(struct part *part, const struct plan_rule *rule);
/* The tail into its file. It stays where it is when that fails: negative, and it has to be called back. */
int spill_flush(struct part *part);
void spill_file_gone(struct part *part, uint32_t id);
/* The file is not written to any more. */
void spill_seal(struct part *part, uint32_t id);
/* Room for one more record. */
bool spill_alive_room(const struct part *part, struct spill_file *f);
bool spill_alive(const struct spill_file *f, uint32_t record);
/* The octets of a record, until the next is read. -ERROR_MEMORY, -ERROR_IO, -ERROR_DAMAGED. */
int spill_read(struct part *part, const struct spill_file *f, uint64_t offset, struct slice *out);
void spill_path(const struct part *part, uint64_t serial, char *out, size_t size);

#define SPILL_PATH_BYTES 4300u

/* ---- spill_save.c: in checkpoints ---- */

/* What is on disk is durable, and what is refused from here on is known. -ERROR_IO, -ERROR_MEMORY. */
int spill_settle(struct temporal *t);
void spill_save(struct temporal *t, struct buffer *out);
int spill_restore(struct temporal *t, struct reader *r);

/* ---- spill_record.c: octets ---- */

struct spill_record {
	uint32_t bytes, number; /* number: of the record in its file */
	struct slice key;
	uint32_t matches;
	struct reader content;
};

void spill_head_put(struct buffer *out, uint32_t partition, uint64_t serial, const uint8_t digest[32]);
bool spill_head_holds(struct slice octets, uint32_t partition, uint64_t serial, const uint8_t digest[32]);
void spill_record_put(struct buffer *out, uint64_t serial, uint32_t number, struct slice key,
					  const struct member *members, uint32_t count);
/* Octets that a record begins with, SPILL_RECORD_HEAD at least: how long it says it is; 0: that is no length of a record. */
uint32_t spill_record_bytes(const uint8_t *head);
/* Of a file with this serial. -ERROR_DAMAGED. */
int spill_record_open(struct slice octets, uint64_t serial, struct spill_record *out);
/* The next match; false: there are no more, or (content.failed) it does not hold. */
bool spill_record_next(struct spill_record *record, struct member_octets *m);
/* Can all of it be what was known of a key of the rule? *newest_ns: of its matches. */
bool spill_record_fits(struct spill_record record, const struct plan_rule *rule, int64_t *newest_ns);

#endif
