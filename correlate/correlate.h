/* The door of correlate/: batches and a ruleset become matches, findings and incidents.
 *
 * Two stages that meet only through records: `detect` reads batches of events and writes match records (docs/
 * format-match.md) and finding and ledger rows; `temporal` reads match records and writes incident rows. Time is the time of
 * events and the promises of ticks; there is no wall clock here. Results do not depend on arrival order inside the
 * lateness, batch cuts, partitions or restarts. One thread per struct.
 */
#ifndef CORRELATE_CORRELATE_H
#define CORRELATE_CORRELATE_H

#include "common/common.h"
#include "rules/rules.h"

/* Where records go: the caller puts them on the bus. Negative: could not take it, offer again. */
struct correlate_sink {
	int (*matches)(void *ctx, uint32_t partition, struct slice record);
	int (*incidents)(void *ctx, uint32_t partition, struct slice batch);
	void *ctx;
};

/* T17: a correlation of rules that were in force before, which goes on beside those that are: a new form of it begins empty, so
 * what lies across the change of rules is whole to the old one alone. Of what it refers to, what is in force is shared. */
struct retiring {
	struct ruleset *ruleset; /* of then */
	uint8_t digest[32]; /* of the correlation; one that is in force is passed over */
	int64_t
		until_ns; /* it takes no match and gives no verdict that is later: event time, so every reading of the log ends alike */
};

/* ---- detect ---- */

struct detect;

struct detect_config {
	struct ruleset *ruleset;
	const struct retiring *retiring; /* read by detect_new only */
	uint32_t retiring_count;
	uint32_t matches_partitions, incidents_partitions;
	const uint32_t *events_partitions; /* the ones this detector owns */
	uint32_t events_count;
	uint8_t collector[16]; /* identity of the rows it writes into incidents */
	uint64_t epoch;
	bool no_lateness; /* scan: everything is in time, no clocks */
	bool plain; /* every rule is tried on every row (evaluator_set_plain) */
	bool past; /* hunt: rows come by detect_past, in any order, each once */
	/* Live: what YARA rules cost is counted, and one that costs more than the budget is put into quarantine (evaluator_watch).
	 * Only for a ruleset that no other evaluator uses, and not with `past` or `plain`. */
	bool watch;
	uint64_t yara_budget_ns; /* 0: none is put into quarantine */
	/* Null, or: the log sources that a row counts as instead of its own (scan). 0 = its own. */
	uint32_t (*logsources)(void *ctx, const struct batch_identity *identity, uint32_t row,
						   const struct logsource **out);
	void *logsources_ctx;
	struct correlate_sink sink;
};

struct detect_stats {
	uint64_t batches, rows, events, matches, findings, late, duplicates, gaps, refused, rules_tried,
		values_tested; /* by those that were tried */
};

int detect_new(const struct env *env, const struct detect_config *config, struct detect **out, struct error *error);
/* A bus record of an events partition. Damaged batches are counted and passed over (the store keeps them). */
int detect_record(struct detect *d, uint32_t partition, uint64_t offset, struct slice octets, struct error *error);
/* The same for a record that somebody has opened; null: it does not validate. Nothing of it is kept. */
int detect_batch(struct detect *d, uint32_t partition, uint64_t offset, const struct batch *batch, struct error *error);
/* Hands over what is pending. Afterwards everything up to the last record is in the sink. A refusal of the sink is
 * ERROR_FULL, retriable: what is left waits for the next flush. */
int detect_flush(struct detect *d, struct error *error);
void detect_stats(const struct detect *d, struct detect_stats *out);
/* A YARA rule that is judged no more. Kept in the saved state: what comes out follows from state and events, not from the
 * clock that decided it. */
struct detect_quarantine {
	const struct rule *rule;
	uint64_t spent_ns, events; /* what it cost in the span of work that decided it */
	int64_t from_ns; /* every event observed before was judged by it, of all partitions */
	bool told;
};
/* Those in quarantine, until the next record. */
uint32_t detect_quarantined(const struct detect *d, const struct detect_quarantine **out);
/* The caller has told the operator of the i-th of them. */
void detect_quarantine_told(struct detect *d, uint32_t i);
/* All are judged again: before the state of a planned end is saved, so that whoever starts next judges by all rules. */
void detect_lift(struct detect *d);
/* What the rules cost (evaluator_yara_cost). */
const struct evaluator *detect_evaluator(const struct detect *d);
/* Rows of the past instead of a partition of the bus (`past`): a batch of a store, of which rows of `skip` (bit i of
 * skip[i / 64]; null: none) are left out. */
struct detect_past {
	const struct batch *batch;
	const uint64_t *skip;
	int64_t from_ns, to_ns; /* from <= when < to, to INT64_MAX is open */
	bool late_too; /* correlations get late rows */
};
/* Lateness is told by the row alone (T3: seen more than L after its time, or flagged by the store); rows of imports are in
 * time. */
int detect_past(struct detect *d, const struct detect_past *rows, struct error *error);
/* No row with a `when` before this one comes any more. */
void detect_past_bound(struct detect *d, int64_t when_ns);
/* State to be kept with the positions (marks, clocks, sequences): own format, for detect_restore, which takes the epoch of
 * its rows from there, unless it was saved under other rules: these number their rows anew under the epoch of the config.
 * Only after a flush, else -ERROR_BUSY. Any error of detect_record but ERROR_FULL and ERROR_USAGE is
 * final: restore into a new one. */
int detect_save(const struct detect *d, struct buffer *out);
int detect_restore(struct detect *d, struct slice state, struct error *error);
/* Under the same rules, and other ones that retire: rows are numbered anew too. After detect_restore. */
void detect_begin_series(struct detect *d);
void detect_free(struct detect *d);

/* ---- temporal ---- */

struct temporal;

struct temporal_config {
	struct ruleset *ruleset;
	const struct retiring *retiring; /* the same as detect's; read by temporal_new only */
	uint32_t retiring_count;
	uint32_t matches_partitions, incidents_partitions;
	uint32_t events_partitions; /* the watermark waits for the clock of each; 0 = of those that are announced */
	const uint32_t *owned; /* matches partitions this one owns */
	uint32_t owned_count;
	uint8_t collector[16];
	uint64_t epoch;
	bool each; /* told per firing point instead of per excursion (scan --fire each) */
	bool final_only; /* no provisional rows (scan) */
	uint64_t window_bytes; /* 0 = limits.h */
	/* A directory for keys that find no room in memory (docs/format-spill.md); null: they are refused. Nobody else uses it. */
	const char *spill_dir;
	uint64_t spill_bytes; /* on disk; 0 = limits.h */
	/* Checkpoints are kept: files that they name stay until temporal_saved, and keys are refused from a checkpoint on only. */
	bool spill_keep;
	struct correlate_sink sink;
};

struct temporal_stats {
	uint64_t records, matches, duplicates, late, missing_key, windows, window_bytes, provisional, final, refused_keys;
	uint64_t refused_matches; /* of keys that were there: the state is at twice its budget */
	uint64_t refused_records;
	uint64_t spilled_keys, spill_bytes; /* now */
	uint64_t spilled, unspilled, spill_failures; /* keys that went to disk, that came back; writes that failed */
	int64_t watermark_ns;
};

int temporal_new(const struct env *env, const struct temporal_config *config, struct temporal **out,
				 struct error *error);
/* A bus record of an owned matches partition, in offset order; one below what was read already is passed over. Where
 * correlations refer to correlations it hands records to sink.matches, which come back here from the bus. */
int temporal_record(struct temporal *t, uint32_t partition, uint64_t offset, struct slice record, struct error *error);
/* The end of all input (scan): the watermark passes everything; final rows come out. For one that owns all partitions and
 * has been given back everything that it handed to sink.matches (flush, then feed until nothing new comes). */
int temporal_end(struct temporal *t, struct error *error);
int temporal_flush(struct temporal *t, struct error *error);
/* Oldest `matches` offset of a partition still needed for a replay (keep-from). */
uint64_t temporal_keep_from(const struct temporal *t, uint32_t partition);
/* A checkpoint (docs/format-checkpoint.md); only after a flush, else -ERROR_BUSY. What is made from the records after it
 * comes out again with the same identity and sequence, so readers pass over it by their marks. */
int temporal_save(struct temporal *t, struct buffer *out);
/* The newest checkpoint is durable, and none before it will be read again: spill files that only those named go. */
void temporal_saved(struct temporal *t);
/* Memory is full and disk is of no help: a checkpoint is wanted now, from which on keys are refused. So every reading of the
 * log refuses the same ones. */
bool temporal_pressed(const struct temporal *t);
/* Into a new one, before any record. Read on from temporal_position of each partition. ERROR_DAMAGED: the checkpoint, or a spill
 * file that it names, is missing or does not hold. */
int temporal_restore(struct temporal *t, struct slice checkpoint, struct error *error);
uint64_t temporal_position(const struct temporal *t, uint32_t partition); /* offset of the next record */
/* Without a checkpoint, in a new one and under a new epoch: records from the keep-from position on that lie below `offset`
 * (the greatest that the commit log says was read and handed over) only rebuild the windows; nothing is told for them
 * again. Part of a checkpoint. */
void temporal_rebuild(struct temporal *t, uint32_t partition, uint64_t offset);
/* The newest observed time of all that was read, and the time that every level of every partition has passed; the least value
 * there is: not known. */
int64_t temporal_observed(const struct temporal *t);
int64_t temporal_passed(const struct temporal *t);
void temporal_stats(const struct temporal *t, struct temporal_stats *out);
void temporal_free(struct temporal *t);

/* ---- incidents: the book of what was told and what people did with it ---- */

enum incident_status {
	INCIDENT_NEW,
	INCIDENT_IN_PROGRESS,
	INCIDENT_ON_HOLD,
	INCIDENT_RESOLVED,
	INCIDENT_CLOSED
};

struct incident_book; /* a projection of the rows of `incidents`; rebuilt by reading them again */

int incident_book_new(const struct env *env, struct incident_book **out, struct error *error);
/* Feeds a batch of the incidents topic (rows of other kinds are passed over). */
int incident_book_add(struct incident_book *book, struct slice batch, struct error *error);
/* One JSON object per incident, newest first; only_open leaves out resolved and closed ones, and new ones that another keeps
 * quiet. */
int incident_book_list(const struct incident_book *book, bool only_open, struct buffer *ndjson);
int incident_book_show(const struct incident_book *book, struct slice id, struct buffer *json, struct error *error);
/* Makes the row (JSON text) of a change of status or of a note; `version` must be the incident's newest
 * (ERROR_CONFLICT names it). The caller writes the row to the bus and feeds it back. */
int incident_book_set(struct incident_book *book, struct slice id, uint64_t version, enum incident_status status,
					  struct slice who, struct slice note, int64_t now_ns, struct buffer *row, struct error *error);
/* A silence: incidents of which all terms hold and whose newest event lies before its end are marked, and left out of
 * the list of open ones. A term is KEY:TEXT, KEY being rule (id or title), level, tag or a group-by field; '*' in the text
 * stands for anything, case does not count. A row with the id of an earlier one takes its place (until = now ends it). */
struct incident_silence {
	uint8_t id[16];
	const struct slice *terms;
	uint32_t term_count;
	int64_t until_ns;
	struct slice who, reason;
};
/* Makes the row (JSON text); the caller writes it to the bus and feeds it back. ERROR_USAGE tells what is wrong. */
int incident_silence_row(const struct incident_silence *silence, int64_t now_ns, struct buffer *row,
						 struct error *error);
/* One JSON object per silence: as its newest row, and "incidents", how many it marks now. */
int incident_book_silences(const struct incident_book *book, struct buffer *ndjson);
void incident_book_free(struct incident_book *book);

#endif
