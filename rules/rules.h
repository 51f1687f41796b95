/* The door of rules/: rule text becomes an immutable, digested ruleset.
 *
 * Sigma detection rules and correlations (reference: the Sigma specification 2.1; our choices where it leaves them open
 * are in docs/rules.md), YARA rules as libyara takes them. A bad rule is refused with file, line, column and reason, the
 * rest load. A ruleset is counted; evaluators are per thread.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "common/common.h"
#include "rules/decoders.h" /* diagnostics */

struct ruleset;

enum rule_kind {
	RULE_DETECTION,
	RULE_CORRELATION,
	RULE_YARA
};
enum rule_level {
	LEVEL_NONE,
	LEVEL_INFORMATIONAL,
	LEVEL_LOW,
	LEVEL_MEDIUM,
	LEVEL_HIGH,
	LEVEL_CRITICAL
};

struct rule {
	enum rule_kind kind;
	uint32_t index; /* in the ruleset */
	struct slice id; /* empty when the rule has none */
	struct slice name, title, description, status;
	enum rule_level level;
	const struct slice *tags;
	uint32_t tag_count;
	struct logsource logsource; /* detection only */
	uint8_t digest[32]; /* T17: of the rule and all it depends on */
	struct slice file;
	uint32_t line;
	bool referred; /* some correlation refers to it */
	bool told; /* its matches are findings: not referred, or generate: true */
	bool generate;
};

enum correlation_type {
	CORRELATION_EVENT_COUNT,
	CORRELATION_VALUE_COUNT,
	CORRELATION_TEMPORAL,
	CORRELATION_TEMPORAL_ORDERED,
	CORRELATION_VALUE_SUM,
	CORRELATION_VALUE_AVG,
	CORRELATION_VALUE_PERCENTILE /* value_median is the 50th */
};
enum compare {
	COMPARE_GT,
	COMPARE_GTE,
	COMPARE_LT,
	COMPARE_LTE,
	COMPARE_EQ,
	COMPARE_NEQ
};

/* A group-by or value field, resolved for each rule referred to (aliases applied). */
struct correlation_field {
	struct slice name; /* as in group-by: the name in incidents */
	const struct slice *per_rule; /* field of rule rules[i], count = rule_count; for evaluator_values as it is: the own
	                               * name, then the mapped ones behind NUL octets. Of an inner correlation: the name in
	                               * its own group-by */
};

/* One side of a condition. Thresholds of counts are whole; 1.9 with gt is told as gte 2. */
struct correlation_bound {
	enum compare compare;
	uint64_t count; /* types that count */
	double number; /* types over numbers */
};

enum expression_kind {
	EXPRESSION_RULE,
	EXPRESSION_NOT,
	EXPRESSION_AND,
	EXPRESSION_OR
};
/* A condition over names of rules, its parts behind what they join (postfix). */
struct expression {
	enum expression_kind kind;
	uint32_t rule; /* place in rules[] */
};
/* What the sets of a correlation are (docs/correlation.md). */
enum correlation_window {
	WINDOW_SLIDING, /* the timespan before each match, or windows laid one after another */
	WINDOW_TUMBLING, /* between multiples of the timespan since 1970 */
	WINDOW_SESSION, /* matches at most `gap` apart, a timespan long at most */
	WINDOW_BEFORE, /* the timespan before each match of the pivot rule */
	WINDOW_AFTER /* and behind it */
};
/* T18: a list of keys. Rules put the key of their match on it, for a time, and take it off; the correlation counts what its
 * condition speaks of only while the key is on the list, or only while it is not. */
struct correlation_list {
	struct slice name;
	uint64_t add, remove; /* bits of places in rules[] */
	int64_t ttl_ns;
	bool absent; /* the key must not be on it */
};
#define CORRELATION_LISTS_MAX 8u /* LIMIT_correlation_lists */
#define EXPRESSION_RULES_MAX 64u /* LIMIT_expression_rules: one bit each */
#define EXPRESSION_PARTS_MAX 512u /* LIMIT_expression_parts */

struct correlation {
	struct rule rule;
	enum correlation_type type;
	const uint32_t *rules; /* indexes of rules referred to, in document order */
	uint32_t rule_count;
	const struct correlation_field *group_by;
	uint32_t group_count;
	const struct correlation_field *values; /* value_count: distinct tuples; types over numbers: one */
	uint32_t value_count;
	int64_t timespan_ns;
	struct correlation_bound bound; /* temporal without condition: gte rule_count; with an expression: not used */
	struct correlation_bound upper; /* of a range: lt or lte */
	bool ranged;
	double percentile; /* 0 to 100 */
	/* temporal: a condition over names. One that says only that all rules are there is told as gte rule_count. */
	const struct expression *expression;
	uint32_t expression_count;
	/* temporal_ordered with such a condition: which rules (bits of places in rules[]) may stand in each place of the chain,
	 * and of which there must be none. */
	const uint64_t *steps;
	uint32_t step_count;
	uint64_t absent;
	enum correlation_window window;
	int64_t gap_ns; /* of a session */
	uint32_t pivot; /* place in rules[] */
	bool until; /* the last of rules[] but those that write lists is not counted: a match of it ends windows */
	int64_t seen_ns; /* T5: 0, or absence of keys that were seen in so long a time */
	const struct slice *keys; /* T5: absence of these: group_count texts for each, as rules write them */
	uint32_t key_count;
	int64_t history_ns; /* 0, or value_count counts values that were not there for so long */
	const struct correlation_list *lists;
	uint32_t list_count;
	uint32_t writer_count; /* so many of the last of rules[] are not counted and only write lists */
	int64_t suppress_ns; /* T13: 0, or for so long after an incident others of its group are quiet */
	bool distinct_events; /* T7 */
	bool missing_group; /* T8 */
	bool key_cased; /* T9 */
	uint32_t level; /* 1 when all it refers to are detections, else 1 + the deepest */
};

struct ruleset_options {
	const struct slice *mappings; /* paths of mapping files or folders; null: none */
	uint32_t mapping_count;
	const struct slice *pipelines; /* paths of processing pipelines: files or folders; a bad one fails the load */
	uint32_t pipeline_count;
	bool yara; /* load *.yar, *.yara found under the paths */
	int32_t zone_minutes; /* zone of times without one, and in which hour, day and the like are told; 0: UTC */
	const char *cache; /* a folder of ours alone, where what was compiled is kept for the next load; null: none */
};

struct ruleset_counts {
	uint32_t files, rules, loaded, refused, warnings;
};

/* Paths: files or folders, read recursively in sorted order: *.yml, *.yaml (all documents), *.yar, *.yara. */
int ruleset_load(const struct env *env, const char *const *paths, size_t path_count,
				 const struct ruleset_options *options, diagnostic_fn *tell, void *ctx, struct ruleset **out,
				 struct ruleset_counts *counts, struct error *error);
/* The rule files under these paths, as a load would read them. Not 0 from `each` ends it. */
int ruleset_files(const struct env *env, const char *const *paths, size_t path_count, bool yara,
				  int (*each)(void *ctx, const char *path), void *ctx, struct error *error);
struct ruleset *ruleset_hold(struct ruleset *r);
void ruleset_release(struct ruleset *r);
void ruleset_digest(const struct ruleset *r, uint8_t out[32]);
uint32_t ruleset_count(const struct ruleset *r);
const struct rule *ruleset_rule(const struct ruleset *r, uint32_t index);
/* Null when rule `index` is not a correlation. */
const struct correlation *ruleset_correlation(const struct ruleset *r, uint32_t index);
/* The number that a text is, as rules read numbers; false when it is none. */
bool rules_number(struct slice text, double *out);
/* `present`: bits of the places in rules[] that have a match. */
bool expression_holds(const struct expression *e, uint32_t count, uint64_t present);

/* ---- the exact evaluator: written to be obviously right, and the oracle of anything faster ---- */

struct evaluator;

int evaluator_new(const struct env *env, struct ruleset *r, struct evaluator **out, struct error *error);
void evaluator_free(struct evaluator *e);
/* The events of the batch from row `first` on may be judged next, in any order: they are looked at together, which costs less
 * than each by itself. Ends with the next call; a batch that goes away is followed by one, of null when there is no other.
 * A row of another batch, or one whose log sources are listed, is looked at by itself. */
int evaluator_batch(struct evaluator *e, const struct batch *batch, uint32_t first, struct error *error);
/* Every detection and YARA rule that holds for the row, in index order. `batch` may be a new one each call (names are
 * bound once per batch). logsources: null to use the row's (a rule is tried unless it conflicts with what is known);
 * else every log source that the row counts as: a rule is tried when one of them has all that the rule's names. */
int evaluator_row(struct evaluator *e, const struct batch *batch, uint32_t row, const struct logsource *logsources,
				  uint32_t logsource_count, void (*hit)(void *ctx, uint32_t rule), void *ctx, struct error *error);
/* The same for who has the row already. */
int evaluator_judge(struct evaluator *e, const struct batch *batch, const struct batch_row *row,
					const struct logsource *logsources, uint32_t logsource_count, void (*hit)(void *ctx, uint32_t rule),
					void *ctx, struct error *error);
/* True unless the rule names a category, product or service that is known and different. */
bool logsource_agrees(const struct logsource *rule, const struct logsource *event);
/* Value(s) of a field for keys; arrays give several, null is no value. `field` may be several names with a NUL octet
 * between them: the first that has a value counts. Returns the count. */
uint32_t evaluator_values(struct evaluator *e, const struct batch *batch, const struct batch_row *row,
						  struct slice field, struct batch_value *out, uint32_t max);
/* Evaluations given up at a limit since the evaluator was made (never silently false). */
uint64_t evaluator_undecided(const struct evaluator *e);
/* Detection rules judged since the evaluator was made. */
uint64_t evaluator_tried(const struct evaluator *e);
/* Values that matchers looked at while rules were judged. */
uint64_t evaluator_tests(const struct evaluator *e);
/* The plain way tries every rule that the log source allows, instead of those whose witnesses are in the row. What is hit
 * and what is undecided is the same: tests prove the one by the other. */
void evaluator_set_plain(struct evaluator *e, bool plain);

/* Why a detection rule holds for a row or does not, as members of an object that is open: "holds" (true, false or
 * "undecided"), "logsource" (of rule and row, and whether they agree), "why": the rule's tree, each part with what it
 * wants, what was seen and whether it holds. Nothing is left out because the answer was known before it. */
int evaluator_explain(struct evaluator *e, uint32_t rule, const struct batch *batch, const struct batch_row *row,
					  struct json_writer *w, struct error *error);
/* ---- YARA ---- */

/* How many rules are seen by which means (docs/yara.md). */
struct ruleset_yara {
	uint32_t by_strings, by_guards, always, shards;
};
void ruleset_yara(const struct ruleset *r, struct ruleset_yara *out);

/* YARA rules that held though nothing was seen to speak for them: 0, or a reading of conditions is wrong (docs/yara.md). */
uint64_t evaluator_yara_stray(const struct evaluator *e);

/* What YARA rules cost, and an end to those that cost too much: for an evaluator of live events alone, since what follows
 * from a clock does not follow from the events. Rules that refer to each other are one: each has what all of them cost. */
struct yara_cost {
	uint64_t judged; /* texts about which its whole condition was asked */
	uint64_t matched; /* events */
	uint64_t given_up; /* texts of which that came to no end */
	uint64_t cost_ns;
	bool quarantined;
};
struct yara_costs {
	uint64_t events;
	uint64_t shared_ns; /* what is done before anything speaks for a rule */
	uint64_t exact_ns; /* what rules were asked in full */
	uint64_t trial_ns; /* finding out which rule it is that costs */
	uint64_t shared_given_up; /* batches of which all texts were judged by all rules */
};
/* A rule that is judged no more, and what it had cost in the span of work that decided it; 0, 0: put in by hand. */
struct yara_quarantine {
	uint32_t rule;
	uint64_t spent_ns, events;
};
/* From now on costs are counted, and a rule that takes more than budget_ns for each event of the stream, on and on, is
 * put into quarantine (docs/yara.md); 0: none is. libyara writes into a set while it copies it: no other evaluator of this
 * ruleset may be at work at the same time. Once. */
int evaluator_watch(struct evaluator *e, uint64_t budget_ns, struct error *error);
void evaluator_yara_costs(const struct evaluator *e, struct yara_costs *out);
/* False: no YARA rule, or no watch. */
bool evaluator_yara_cost(const struct evaluator *e, uint32_t rule, struct yara_cost *out);
/* Those in quarantine, in the order in which they came there; until the next row. */
uint32_t evaluator_quarantined(const struct evaluator *e, const struct yara_quarantine **out);
/* By hand: a YARA rule, and all that refer to each other with it. */
int evaluator_quarantine(struct evaluator *e, uint32_t rule, struct error *error);
/* All are judged again. */
void evaluator_lift(struct evaluator *e);

/* rules test: runs the example events that stand beside rules; each failure is a diagnostic. */
int rules_test(const struct env *env, const char *const *paths, size_t path_count,
			   const struct ruleset_options *options, diagnostic_fn *tell, void *ctx, uint32_t *passed,
			   uint32_t *failed, struct error *error);

#endif
