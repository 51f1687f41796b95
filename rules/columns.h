/* Columns: what the rules of a set look for, field by field, made once for the set. Only files of rules/ include it.
 *
 * A column is a field, or the texts that keywords of one product are looked for in. Rules hang in it on their witnesses
 * (witness.h): on keys of a value, on literals inside a value, on there being a value. One look at a value gives the rules
 * of the whole set that hang on it; which of them the row's log source allows is asked afterwards (route.h). Immutable,
 * shared between threads.
 */
#ifndef RULES_COLUMNS_H
#define RULES_COLUMNS_H

#include "rules/literal_set.h"
#include "rules/witness.h"

#define COLUMN_NONE UINT32_MAX

/* [first, first + count) of columns.rules. */
struct rule_list {
	uint32_t first, count;
};

struct column_slot {
	uint64_t hash;
	struct rule_list rules; /* count 0: free */
};

struct column {
	uint32_t field; /* into ruleset.fields, or WITNESS_TEXTS */
	struct slice product; /* TEXTS: what the log sources of its rules say; empty: nothing */
	uint16_t kinds; /* bits of the kinds of keys that are in use */
	uint8_t start_lens, end_lens; /* bits of the lengths in use of START_SHORT and END_SHORT */
	struct rule_list present, inside; /* all that hang on presence, on literals */
	bool bare; /* only literals hang in it, and none at an edge: what holds in a part of a text holds in the whole */
	uint32_t literal_first, literal_count; /* in columns.literals */
	struct literal_set *literals; /* null: no literals, or the machine has no way to look for them */
};

struct columns {
	const struct env *env;
	struct arena arena;
	struct column *list; /* those of fields, then those of texts */
	uint32_t count, text_first;
	uint32_t *of_field; /* by field id: into list, or COLUMN_NONE */
	struct column_slot *slots; /* of keys: open addressing by witness_hash, at most half full */
	uint64_t mask;
	struct slice *literals; /* by column, then in order of octets */
	struct rule_list *literal_rules; /* those that hang on each */
	uint32_t literal_count;
	uint32_t *rules;
};

/* -ERROR_MEMORY. The set's rules and fields do not change afterwards. cache: a folder (columns_cache.h), or null. */
int columns_new(const struct ruleset *set, const char *cache, struct columns **out);
void columns_free(struct columns *c);

/* Which column a witness of a rule hangs in; COLUMN_NONE: none does yet. */
uint32_t columns_find(const struct columns *c, const struct witness *w, struct slice product);

/* Those that hang on this key, or null. */
static inline const struct rule_list *columns_key(const struct columns *c, uint32_t column, enum witness_kind kind,
												  uint64_t key)
{
	uint64_t hash = witness_hash(column, kind, key), at = hash & c->mask;
	for (; c->slots[at].rules.count; at = (at + 1) & c->mask)
		if (c->slots[at].hash == hash)
			return &c->slots[at].rules;
	return NULL;
}

#endif
