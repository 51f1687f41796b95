/* The YARA rules of a ruleset, in the forms in which they are run. Only files of rules/yara_* include it.
 *
 * The same rules stand in up to three compiled sets: all of them as they are (the oracle, and where nothing else may be
 * done), the shards (the same rules, apart in units), and the batch set, whose rules carry the strings alone.
 *
 * Y1. An entry whose path is PATH_STRINGS holds only where its need is met by strings that are there.
 * Y2. An entry whose path is PATH_GUARDS holds only where one of the guards it hangs on holds, or (in_batch) as in Y1.
 * Y3. Rules that refer to each other, or that a global rule restricts, are one unit: when something speaks for one of them,
 *     all of them are judged, by the shard in which they stand as they were written.
 * Y4. So a rule that holds is always judged, and what is judged is the full condition.
 */
#ifndef RULES_YARA_SET_H
#define RULES_YARA_SET_H

#include "rules/yara_compile.h"
#include "rules/yara_condition.h"

#define NO_RULE UINT32_MAX
#define SHARD_RULES 64u

enum yara_path {
	PATH_STRINGS,
	PATH_GUARDS,
	PATH_ALWAYS
};

/* A rule of libyara's, private ones too, in the order of the whole set. */
struct yara_entry {
	const struct yara_need *need;
	uint32_t rule; /* ours, or NO_RULE */
	uint32_t unit;
	uint32_t strings;
	enum yara_path path;
	bool in_batch;
};

struct yara_unit {
	uint32_t shard; /* NO_RULE: nobody is told of any of its rules */
	uint32_t entry, count; /* its entries begin there; count of them, others may stand between */
	bool always, modules;
};

struct yara_shard {
	YR_RULES *rules;
	uint32_t *entries; /* for each of its rules */
	uint32_t count;
	bool variables; /* some condition names an external variable */
};

/* A guard that rules hang on. */
struct yara_hook {
	struct yara_guard guard;
	uint32_t first, count; /* of hung */
	uint32_t octet; /* the first octet it asks for; 256: any */
};

struct yara_rules {
	YR_RULES *rules; /* all, as they are */
	uint32_t count;
	struct yara_entry *entries; /* for each of them */
	struct yara_unit *units;
	uint32_t unit_count;
	struct yara_shard *shards;
	uint32_t shard_count;
	YR_RULES *batch; /* null: no rule is in it */
	uint32_t *batch_entries; /* for each of its rules */
	uint32_t *batch_bits; /* for each of its strings: which of its rule's */
	uint32_t words_max; /* of the strings of one rule */
	const struct yara_sieve *sieve; /* of batch */
	struct yara_hook *hooks; /* by octet */
	uint32_t hook_count, hooks_from[258]; /* hooks of octet o: from hooks_from[o] to hooks_from[o + 1] */
	uint32_t *hung; /* entries */
	uint32_t *always; /* units */
	uint32_t always_count;
	uint32_t paths[3]; /* how many rules of ours take each */
};

/* A file on its way in. */
struct yara_source {
	const char *path; /* its namespace; lives with the ruleset */
	char *text; /* NUL-terminated; of the loader's tree */
	size_t len;
	bool refused;
	const char *found; /* the rule looked up last, and its line; null: none */
	uint32_t found_line;
	bool hashed;
	uint8_t hash[32]; /* SHA-256 of the text */
	struct yara_source *next;
};

/* yara_plan.c: entries, units and shards of a set whose `rules`, `count` and entries' `rule` are filled. 0 or NO_MEMORY. */
int yara_plan(struct loader *l, struct yara_rules *set, const struct yara_source *sources);
/* yara_cost.c: a warning for each rule that is judged on every record. */
int yara_tell_costs(struct loader *l, const struct yara_rules *set);
/* yara_hooks.c */
int yara_hooks_make(struct loader *l, struct yara_rules *set);

#endif
