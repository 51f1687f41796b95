/* The engine: joins the steps of detect, temporal and store over the bus. It holds no thread; somebody calls its step.
 *
 * Duties say what this one does: all of them in `run`, one in each stage of a cluster. What a stage has done is committed in
 * its own log: the store's by itself; detect's and temporal's here (DATA/engine/commit.log names a checkpoint file and the
 * next offset of every partition). Order: rows are durable on the bus, then the checkpoint, then the commit record, then what
 * tells the bus about it.
 */
#ifndef CLI_ENGINE_H
#define CLI_ENGINE_H

#include "bus/bus.h"
#include "cli/own_rows.h"
#include "cli/retiring.h"
#include "cli/shadow.h"
#include "correlate/correlate.h"
#include "rules/rules.h"
#include "store/store.h"

#include <limits.h>

#define DUTY_DETECT 1u
#define DUTY_TEMPORAL 2u
#define DUTY_STORE 4u
#define DUTY_ALL 7u

struct engine_config {
	const char *data; /* data directory */
	uint8_t uuid[16];
	uint64_t epoch; /* for own rows; never used before */
	unsigned duties;
	uint32_t partitions[TOPIC_COUNT];
	/* Owned partitions of events (detect, store), matches (temporal) and incidents (store). Null: all. */
	const uint32_t *own_events, *own_matches, *own_incidents;
	uint32_t own_events_count, own_matches_count, own_incidents_count;
	bool special; /* PARTITION_IMPORT and PARTITION_AUDIT are on this bus */
	struct ruleset *ruleset; /* null: detect and temporal have no duty */
	struct ruleset *shadow; /* null: none; with the duty of detect */
	/* Null, or: beside the ruleset, all of them loaded; the caller's, until the engine is closed. With the duties of detect and
	 * temporal on the bus of one machine. */
	struct retiring_list *retiring;
	bool
		begin_anew; /* the ruleset is that of the checkpoint, and fewer retire: a series of rows of its own, as with other rules */
	const char *store_name;
	int zstd_level;
	uint32_t segment_rows, segment_age_s;
	bool verify_read_back;
	uint64_t yara_budget_ns; /* of a YARA rule for each event; 0: they are only counted */
	uint64_t window_bytes, spill_bytes; /* of correlation state in memory and on disk; 0 = limits.h */
};

enum feed_duty {
	FEED_DETECT,
	FEED_TEMPORAL,
	FEED_STORE,
	FEED_BOOK
};

#define NO_FEED UINT_MAX

struct feed {
	enum feed_duty duty;
	enum bus_topic topic;
	uint32_t partition;
	struct bus_reader *reader;
	uint64_t next; /* offset after the last record handed on */
	/* Detect: below it these rules judged before this process began, or may have (engine_unfinished.c). */
	uint64_t judged;
	bool pending; /* a record was polled and not taken yet */
	struct bus_record record;
	/* Detect and store of one partition (engine_feed.c): the other's number, or NO_FEED. */
	unsigned pair;
	bool passed; /* store: its reader rests, detect's has read up to `next` */
	struct tail_batch *held; /* store: the pending record, when detect's reader gave it */
};

/* Told of each durable batch of events, in order: `tail` listens. */
struct engine_listener {
	void (*batch)(void *ctx, enum bus_topic topic, uint32_t partition, uint64_t offset, struct slice octets);
	void *ctx;
	struct engine_listener *next;
};

struct engine {
	const struct env *env;
	struct engine_config config;
	struct bus *bus;
	struct store *store;
	struct detect *detect;
	struct temporal *temporal;
	struct incident_book *book;
	struct shadow *shadow; /* null: none */
	struct feed *feeds;
	unsigned feed_count;
	struct own_writer audit, changes, control;
	bool audit_on, changes_on, control_on;
	struct commitlog *log;
	uint64_t generation; /* of the newest checkpoint file */
	uint64_t correlate_epoch; /* of the rows of detect and temporal: the process's own where their series began */
	int64_t committed_boot_ns;
	bool dirty; /* something was read, or sealed, since the last commit */
	bool rebuild; /* the checkpoint that the commit log names is missing or damaged */
	bool new_series; /* detect and temporal begin to number their rows anew, under correlate_epoch */
	/* Of event time, as far as was ever known (T17): the newest observed, and what every partition and level has passed. */
	int64_t observed_ns, passed_ns;
	uint64_t told; /* sum of the store's committed offsets that the bus was told of */
	/* A commit is due and waits: for what was written to be durable, and temporal to have read what detect wrote. */
	bool settling;
	bool hurry; /* a commit is due at once */
	uint64_t *written[TOPIC_COUNT]; /* newest ticket of each partition of matches and incidents */
	bool blocked; /* the bus or the store is full: intake waits */
	char blocked_text[512];
	struct engine_listener *listeners;
	uint64_t audit_lost;
};

/* 1: something under `data` was judged and not committed, by other rules than those of `config`; their digest. 0: nothing was,
 * or nobody can tell (no checkpoint). For the owner of a local bus, before engine_open. */
int engine_unfinished(const struct env *env, const struct engine_config *config, struct bus *bus, uint8_t digest[32],
					  struct error *error);
/* The same whatever the rules are: is something judged and not committed? Negative: an error. */
int engine_left(const struct env *env, const struct engine_config *config, struct bus *bus, struct error *error);
/* engine_retiring.c: what the newest checkpoint under `data` says of its rules, and of those that retire beside them. */
struct engine_past {
	bool any; /* false: there is no checkpoint that holds */
	uint8_t digest[32];
	int64_t observed_ns, passed_ns; /* the least value there is: not known */
	struct retiring_list retiring;
};
int engine_past_open(const struct env *env, const char *data, struct engine_past *out, struct error *error);
void engine_past_close(struct engine_past *past);
/* Everything that these rules judged before this process began is judged again. */
bool engine_caught_up(const struct engine *e);
/* The bus stays the caller's. Restores what was committed. */
int engine_open(struct engine *e, const struct env *env, const struct engine_config *config, struct bus *bus,
				struct error *error);
/* Bounded work. 1: there was something to do, 0: idle, negative: fatal for the process. */
int engine_step(struct engine *e, struct error *error);
/* Commits without judging on: waits, 10 s at most, for what was written to be durable and temporal to have read it. */
int engine_settle(struct engine *e, struct error *error);
/* Steps until every feed has read what is durable, then seals (`seal`) and commits. Over Kafka, where others go on writing, it
 * reads nothing more and waits for acknowledgements, 10 s at most: what is not committed then is read again. */
int engine_drain(struct engine *e, bool seal, struct error *error);
/* What was written may be durable later (Kafka), or be matches that temporal has not read: then `settling` is set, nothing is
 * committed yet, and the next steps try again. */
int engine_commit(struct engine *e, struct error *error);
/* An access or administration row in the audit partition: JSON text. */
void engine_audit(struct engine *e, struct slice json);
/* A change of an incident: to the bus and into the book. */
int engine_change(struct engine *e, struct slice json, struct error *error);
void engine_listen(struct engine *e, struct engine_listener *l);
void engine_unlisten(struct engine *e, struct engine_listener *l);
void engine_close(struct engine *e);

/* engine_yara.c: the members "rule", "file", "line"; and what else there is to say of one in quarantine. */
void engine_yara_rule(struct json_writer *w, const struct rule *rule);
void engine_yara_quarantine(struct json_writer *w, const struct engine *e, const struct detect_quarantine *q);

/* ---- between engine*.c only ---- */
/* engine_yara.c: rules that came into quarantine since; that all of them are judged again from here on. */
void engine_yara_tell(struct engine *e);
void engine_yara_lift(struct engine *e);
int engine_commit_open(struct engine *e, struct buffer *checkpoint,
					   struct error *error); /* log and newest checkpoint */
/* The same, wherever temporal stands: at the start of a series, and when it cannot be waited for. */
int engine_commit_now(struct engine *e, struct error *error);
/* The newest commit record. */
struct engine_newest {
	bool any;
	uint64_t generation, epoch;
	uint8_t digest[32];
};
int engine_newest(const struct env *env, const char *data, struct engine_newest *newest, struct error *error);
/* The parts of a checkpoint; they point into its octets. */
struct engine_saved {
	uint32_t position_count;
	struct slice positions, digest, detect, temporal, retiring;
	int64_t observed_ns, passed_ns;
};
#define ENGINE_POSITION_BYTES 16u
struct engine_position {
	uint32_t kind, partition;
	uint64_t offset;
};
/* engine_checkpoint.c */
void engine_checkpoint_path(const char *data, uint64_t generation, char *out, size_t size);
/* Durable when it returns 0. Negative: nothing names the file. */
int engine_checkpoint_write(struct engine *e, uint64_t generation, const uint8_t digest[32], struct error *error);
/* All but its checksum, which holds; what the buffer had is gone. */
int engine_checkpoint_read(const struct env *env, const char *data, uint64_t generation, struct buffer *checkpoint,
						   struct error *error);
int engine_checkpoint_open(struct slice octets, struct engine_saved *out, struct error *error);
struct engine_position engine_position_at(const struct engine_saved *saved, uint32_t i);
void engine_put_positions(const struct engine *e, struct buffer *out);
/* engine_retiring.c: the row in `control` of a start. */
int engine_note_activation(struct engine *e, struct error *error);
/* What detect and temporal are given; the caller frees it. */
int engine_retiring_of(const struct engine *e, struct retiring **out, struct error *error);
void engine_take_past(struct engine *e, const struct engine_saved *saved);
/* Before a checkpoint is made: who is through by now. */
void engine_end_retiring(struct engine *e);
void engine_put_retiring(const struct engine *e, struct buffer *out);
/* At a start under the rules of the checkpoint; all: whatever it says (there is none). */
void engine_take_judged(struct engine *e, const struct engine_saved *saved);
void engine_all_judged(struct engine *e);
int engine_restore(struct engine *e, struct slice checkpoint, struct error *error);
/* Temporal as one that has read nothing, under correlate_epoch. */
int engine_temporal_anew(struct engine *e, struct error *error);
/* Without a checkpoint: positions and windows from the bus; `detect`: also where detect goes on. */
void engine_rebuild(struct engine *e, bool detect);
void engine_feeds_pair(struct engine *e); /* once all are open */
/* Hands on what there is, within a budget. 1: there was something, 0: nothing, or a negative error. */
int engine_feed_step(struct engine *e, struct feed *f, struct error *error);
void engine_feeds_close(struct engine *e);
uint64_t engine_store_committed(const struct engine *e);
int engine_sink_matches(void *ctx, uint32_t partition, struct slice record);
int engine_sink_incidents(void *ctx, uint32_t partition, struct slice batch);

#endif
