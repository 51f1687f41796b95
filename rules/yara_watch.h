/* What YARA rules cost on a live stream, and an end to those that cost too much. Only files of rules/yara_* include it.
 *
 * A scan by a shard is timed as a whole and shared out among the units that something spoke for. So a rule may be charged
 * for another of its shard; nothing follows from that alone. A shard that costs more than the budget of one rule is looked
 * into: each of its units is judged by itself on a text that was costly, and what the shard costs then goes by these times.
 *
 *   W1  A unit is put into quarantine only by what it cost when it was judged by itself, in STRIKES spans of work on end.
 *   W2  Nobody else is judged otherwise for it: a unit holds all rules that refer to each other (Y3).
 *   W3  Without a watch no clock is read and nothing here runs.
 *
 * One thread, as the scanner it belongs to. The sets of the ruleset stay as they are: a set in which rules are switched off
 * is a copy of this scanner's.
 */
#ifndef RULES_YARA_WATCH_H
#define RULES_YARA_WATCH_H

#include "rules/yara_scanner.h"

struct yara_unit_watch {
	uint64_t judged, given_up;
	int64_t cost_ns;
	int64_t span_ns; /* of it in this span of work */
	int64_t tried_ns; /* by itself, when its shard was looked into last */
	uint32_t strikes; /* spans on end that it was over the budget */
	bool quarantined;
};

struct yara_shard_watch {
	YR_RULES *copy; /* null: the set of the ruleset is used */
	int64_t span_ns;
	int64_t tried_ns; /* of all its units, in this span; 0: not looked into */
	bool suspect; /* it was over the budget in the span before */
	bool given_up; /* looked into because a scan was given up */
};

struct yara_match_watch {
	uint64_t events, last; /* last: number of the event that was counted last */
	uint32_t unit;
};

struct yara_watch {
	uint64_t budget_ns; /* of a rule for each event of the stream; 0: it is only counted */
	struct yara_unit_watch *units;
	struct yara_shard_watch *shards;
	struct yara_match_watch *rules; /* by index in the ruleset */
	uint32_t rule_count;
	YR_RULES *batch_copy;
	struct yara_costs all;
	int64_t span_ns; /* of this span of work */
	uint64_t span_events;
	struct buffer list; /* struct yara_quarantine */
};

/* -ERROR_MEMORY. */
int yara_watch_new(struct yara_scanner *s, uint32_t rules, uint64_t budget_ns);
void yara_watch_free(struct yara_scanner *s);
/* yara_scan by a shard, counted. *out: 1 when it was given up. -ERROR_MEMORY. */
int yara_watch_scan(struct yara_scanner *s, uint32_t shard, struct slice octets, uint64_t *out);
/* A row was judged; its hits are there. -ERROR_MEMORY. */
int yara_watch_row(struct yara_scanner *s);
/* What is spent since `before` spoke for no rule. */
void yara_watch_shared(struct yara_scanner *s, int64_t before);

/* ---- yara_quarantine.c ---- */

/* Judges each unit of the shard by itself: fills tried_ns. -ERROR_MEMORY. */
int yara_try_units(struct yara_scanner *s, uint32_t shard, struct slice octets);
/* From now on nobody judges it. -ERROR_MEMORY: nothing was done. */
int yara_quarantine_unit(struct yara_scanner *s, uint32_t unit);
/* All are judged again. */
void yara_quarantine_lift(struct yara_scanner *s);

/* Switches off the strings of rules that are: in the scan that has just begun. */
void yara_strings_off(YR_SCANNER *scanner);
/* yr_scanner_scan_mem by a copy. */
int yara_scan_switched(YR_SCANNER *scanner, const uint8_t *text, size_t len);

/* The units of a shard, one after the other: begins with *at 0; NO_RULE: no more. */
static inline uint32_t yara_next_unit(const struct yara_rules *set, uint32_t shard, uint32_t *at)
{
	const struct yara_shard *sh = &set->shards[shard];
	if (*at >= sh->count)
		return NO_RULE;
	uint32_t unit = set->entries[sh->entries[*at]].unit;
	*at += set->units[unit].count; /* those of a unit stand together */
	return unit;
}

#endif
