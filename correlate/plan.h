/* The plan: what a ruleset asks of correlate/, laid out for running.
 *
 * One `plan_rule` for each correlation and one for each told detection or YARA rule of level high and above, which makes
 * incidents by itself (key: source and host.hostname; timespan 1 h). Detect and temporal each make their own from the same
 * ruleset and meet by digest. Immutable after plan_new; holds the ruleset.
 *
 * Retiring correlations (plan_guests.c) stand behind them. Rules are numbered through: those of the ruleset in force by their
 * index, then those of the rulesets of before.
 */
#ifndef CORRELATE_PLAN_H
#define CORRELATE_PLAN_H

#include "correlate/correlate.h"
#include "correlate/key.h"
#include "rules/rules.h"

#define PLAN_NONE UINT32_MAX

/* rules[slot] of correlation `rule`. */
struct plan_reference {
	uint32_t rule; /* index of a plan_rule */
	uint32_t slot;
};

/* When the verdict on a set is final, and what the sets are. */
enum plan_mode {
	PLAN_AT_ONCE, /* the window before each match; further matches only make it truer */
	PLAN_SETTLED, /* the same, and further matches could make it false: judged when the watermark has passed the match */
	PLAN_LAID, /* windows that do not overlap; judged when the watermark has passed their end */
	PLAN_PIVOT, /* one window for each match of the pivot rule */
	PLAN_ABSENT /* silences: no match in the timespan after one */
};

struct plan_key {
	struct slice key, spelling;
};

struct plan_rule {
	uint32_t index; /* in the plan */
	uint8_t digest[32];
	const struct rule *rule; /* whose name, level and tags the incident bears */
	uint32_t number; /* of it */
	int64_t until_ns; /* retiring: later matches and verdicts are not its own; else INT64_MAX */
	const struct correlation *correlation; /* null: a single rule by itself */
	enum correlation_type type;
	const uint32_t *rules; /* their numbers */
	uint32_t rule_count;
	uint32_t group_count;
	int64_t timespan_ns;
	int64_t period_ns; /* excursions are cut at its multiples */
	enum plan_mode mode;
	int64_t delay_ns; /* so long after its `when` a firing point may still be found behind the watermark */
	int64_t
		kept_ns; /* so long members stay behind the watermark: those between two firing points belong to the record */
	uint64_t need; /* at once: at least so many */
	struct correlation_bound bounds[2];
	uint32_t bound_count;
	bool values; /* matches bear a value */
	bool numeric; /* which is a number */
	bool distinct_events;
	uint32_t chain_count; /* ordered: places of the chain */
	enum correlation_window window;
	int64_t gap_ns; /* of a session */
	uint32_t until_slot, pivot_slot; /* PLAN_NONE: there is none */
	uint32_t writer_slot; /* matches of this slot and those behind it only write lists */
	const struct correlation_list *lists;
	uint32_t list_count;
	/* T5: keys that are missed when they are not heard, canonical and as written, in the order of their octets */
	const struct plan_key *keys;
	uint32_t key_count;
	int64_t history_ns; /* new values; 0 = all count */
	int64_t suppress_ns;
	bool told;
	uint32_t level; /* 1 = refers to base rules only */
	const struct plan_reference *outer; /* correlations that refer to this one */
	uint32_t outer_count;
	const struct slice *carried; /* fields outer ones group by and this one does not */
	uint32_t carried_count;
};

/* A rule of a ruleset of before. */
struct plan_guest_rule {
	uint32_t number; /* of the same rule where it is in force, else its own; PLAN_NONE: nobody needs it */
	int64_t until_ns;
	bool told;
};

/* A ruleset of before, of which correlations retire. */
struct plan_guest {
	struct ruleset *ruleset;
	uint32_t first, count; /* numbers of its rules */
	struct plan_guest_rule *rules;
	bool judges; /* a detection of it is needed that is not in force */
	int64_t until_ns; /* none of its correlations takes what is later */
};

struct plan {
	struct arena arena;
	struct ruleset *ruleset;
	struct plan_guest *guests;
	uint32_t guest_count;
	uint32_t number_count;
	struct plan_rule *rules;
	uint32_t count;
	uint32_t level_max;
	uint32_t key_count; /* of all rules that miss keys */
	struct plan_reference **references; /* for each number of a rule */
	uint32_t *reference_counts;
	uint32_t *by_digest; /* open addressing, index + 1 */
	uint32_t slots;
};

int plan_new(const struct env *env, struct ruleset *ruleset, const struct retiring *retiring, uint32_t retiring_count,
			 struct plan **out, struct error *error);
void plan_free(struct plan *plan);
const struct rule *plan_base(const struct plan *plan, uint32_t number);
/* Null when the digest is not of this plan: another ruleset wrote it. */
const struct plan_rule *plan_find(const struct plan *plan, const uint8_t digest[32]);
/* Which of rules[] has this digest; PLAN_NONE when none. */
uint32_t plan_slot(const struct plan *plan, const struct plan_rule *rule, const uint8_t digest[32]);
/* Does a match of this rule bear the value that is counted, or does it only begin or end windows, or write lists? */
bool plan_counts(const struct plan_rule *rule, uint32_t slot);
/* Is the key among those that are missed, or are all keys meant? */
bool plan_has_key(const struct plan_rule *rule, struct slice key);
/* Name of group-by field `index`, as output names it. */
struct slice plan_group_name(const struct plan_rule *rule, uint32_t index);
bool plan_key_cased(const struct plan_rule *rule);
bool plan_missing_group(const struct plan_rule *rule);

/* ---- between plan*.c only ---- */
/* Which rulesets of before there are, and what of them is needed. -ERROR_MEMORY. */
int plan_find_guests(struct plan *plan, const struct retiring *retiring, uint32_t count);
/* Their correlations, behind those in force. */
int plan_take_guests(struct plan *plan);
struct plan_rule *plan_add(struct plan *plan, const struct correlation *c, uint32_t number);

#endif
