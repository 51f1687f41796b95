/* The inside of detect: what detect*.c share. Included by them only. */
#ifndef CORRELATE_DETECTOR_H
#define CORRELATE_DETECTOR_H

#include "correlate/checkpoint.h"
#include "correlate/correlate.h"
#include "correlate/marks.h"
#include "correlate/match.h"
#include "correlate/outbox.h"
#include "correlate/plan.h"
#include "correlate/row.h"

#define PARTITION_SPECIAL_FIRST 0xfffffffeu /* import and audit partitions have no clock */
#define MINUTE_NONE INT64_MIN
#define ELEMENTS_MAX 16u

/* What one minute of one events partition came to. */
struct ledger {
	int64_t minute_ns; /* MINUTE_NONE: nothing yet */
	uint64_t events, late, duplicates, gaps, refused, missing_key, array_cut, undecided, not_numeric;
	uint32_t *rules; /* matches of each rule of the ruleset */
};

struct detect_lane {
	uint32_t partition;
	bool announced;
	struct marks marks;
	struct outbox outbox;
	struct ledger ledger;
	int64_t seen_ns; /* observed time of the first row of the newest batch; MINUTE_NONE: none since the start */
};

/* Values of one field of a key: the elements that the row has. */
struct detect_choice {
	struct batch_value values[ELEMENTS_MAX + 1];
	uint32_t count;
};

/* How each finding of a rule begins. */
struct detect_head {
	struct slice octets; /* ptr null: not made yet */
	struct json_writer writer; /* as it stands behind them */
};

struct detect {
	const struct env *env;
	struct detect_config config;
	uint32_t *owned;
	struct plan *plan;
	struct evaluator *evaluator;
	struct evaluator **guests; /* of each guest of the plan; null: it asks nothing of its own */
	const struct plan_guest *guest; /* whose hits are being taken */
	struct detect_lane *lanes;
	uint32_t lane_count;
	struct match_writer *writers; /* one for each matches partition */
	struct dictionary dictionary;
	struct batch_builder *builder;
	struct detect_choice *choices;
	struct arena arena; /* what `heads` point to */
	struct detect_head *heads; /* for each rule of the ruleset */
	struct buffer key, spelling, value, carried, json, scratch;
	struct buffer quarantined; /* struct detect_quarantine */
	struct detect_stats stats;
	bool broken;
	/* the row being looked at */
	struct detect_lane *lane;
	const struct batch *batch;
	struct batch_row row;
	struct event_identity event;
	bool late;
};

/* d->row is event `index` of d->batch: every rule is asked. */
int detect_event(struct detect *d, uint32_t index, bool late, struct error *error);
bool detect_failed(const struct detect *d);
size_t detect_pending(const struct detect *d);
/* One match for each element of the key, into the writers. */
void detect_match(struct detect *d, const struct plan_rule *rule, uint32_t slot, const struct rule *base);
void detect_finding(struct detect *d, const struct rule *rule);
/* The rule with this number holds for the row: to the correlations that refer to it. */
void detect_refer(struct detect *d, uint32_t number, const struct rule *rule);
/* detect_guests.c: detections that only retiring correlations ask for. */
int guests_open(struct detect *d, struct error *error);
void guests_free(struct detect *d);
int guests_batch(struct detect *d, uint32_t first, struct error *error);
void guests_batch_end(struct detect *d);
int guests_judge(struct detect *d, struct error *error);
/* detect_yara.c: whom the evaluator has put into quarantine meanwhile. -ERROR_MEMORY. */
int quarantine_look(struct detect *d);
/* "not_judged" of a ledger row. */
void quarantine_print(const struct detect *d, struct json_writer *w);
void quarantine_save(const struct detect *d, struct buffer *out);
/* `same`: the rules are those under which it was saved, else all of them are judged. */
int quarantine_restore(struct detect *d, struct slice state, struct reader *r, bool same, struct error *error);
/* Moves to the minute of this observed time; a finished minute becomes a row. */
void ledger_reach(struct detect *d, struct detect_lane *lane, int64_t observed_ns);

#endif
