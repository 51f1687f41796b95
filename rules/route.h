/* Routes: which rules a log source can concern and by what they are found, worked out once and kept. Only files of rules/
 * include it.
 *
 * A rule is left out when its log source conflicts with what is known of the row's, or, where all that the row counts as
 * is listed, when no entry of the list has all that the rule's names. Of the rest, a rule hangs on its witnesses
 * (witness.h): a field that is there, a field whose value has a certain key, or a text that holds a literal. Rules that
 * promise none are always tried. One thread.
 */
#ifndef RULES_ROUTE_H
#define RULES_ROUTE_H

#include "rules/witness.h"

/* Rules that hang on one witness: [first, first + count) of hanging or of needles. */
struct route_slot {
	uint64_t hash;
	uint32_t first, count; /* count 0: free */
};

struct route_table {
	struct route_slot *slots; /* open addressing by witness_hash, at most half full */
	uint64_t mask;
};

/* A rule that hangs on a literal: `at` octets of it stand before the key. */
struct route_needle {
	const uint8_t *ptr;
	uint32_t len, at, rule;
};

/* Which keys of a kind may be in a table: octets by key_place, 0 is none. */
struct route_filter {
	uint8_t *octets;
	uint32_t shift; /* 32 - log2 of how many */
};

struct route_field {
	uint32_t first, count; /* those that hang on its presence */
	uint16_t kinds; /* bits of the other kinds that are in use */
	uint8_t start_lens, end_lens; /* bits of the lengths in use of START_SHORT and END_SHORT */
	uint32_t quad_count, pair_count;
	struct route_filter quads, pairs; /* of INSIDE and INSIDE_SHORT, where these are in use */
};

struct route {
	struct slice key;
	uint64_t hash;
	const uint32_t *all; /* every rule that it concerns: what the plain way tries */
	const uint32_t *always;
	uint32_t all_count, always_count;
	const struct route_field *fields; /* by field id; the last is for WITNESS_TEXTS */
	uint32_t texts; /* its place */
	struct route_table keys, literals; /* apart, because keys may collide: literals are INSIDE and INSIDE_SHORT */
	const uint32_t *hanging; /* what presence and keys speak of */
	const struct route_needle *needles; /* what literals speak of */
};

struct routes {
	const struct env *env;
	const struct ruleset *set;
	struct arena arena;
	struct route **slots;
	uint32_t count;
	struct buffer key;
	uint32_t generation; /* grows when kept routes were thrown away */
};

int routes_init(struct routes *r, const struct env *env, const struct ruleset *set);
void routes_free(struct routes *r);
/* Null: no memory. Valid until the generation changes. Not listed: one log source of which some may be unknown, or none
 * (count 0). Listed: every log source that the row counts as, in full. */
const struct route *routes_find(struct routes *r, const struct logsource *logsources, uint32_t count, bool listed);
static inline bool route_field_used(const struct route_field *f)
{
	return f->count || f->kinds;
}

/* Where a key of two or four octets stands in a filter. */
static inline uint32_t route_key_place(uint32_t key, uint32_t shift)
{
	return key * UINT32_C(0x9e3779b1) >> shift;
}

/* Those that hang on this key, or null. */
static inline const struct route_slot *route_find(const struct route_table *t, uint32_t field, enum witness_kind kind,
												  uint64_t key)
{
	uint64_t hash = witness_hash(field, kind, key), at = hash & t->mask;
	for (; t->slots[at].count; at = (at + 1) & t->mask)
		if (t->slots[at].hash == hash)
			return &t->slots[at];
	return NULL;
}

bool logsource_holds(const struct logsource *outer, const struct logsource *inner);

#endif
