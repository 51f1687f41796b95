/* Routes: which rules a log source can concern and by what they are found, worked out once and kept. Only files of rules/
 * include it.
 *
 * A rule is left out when its log source conflicts with what is known of the row's, or, where all that the row counts as
 * is listed, when no entry of the list has all that the rule's names. Of the rest, a rule hangs on its witnesses
 * (witness.h): a field that is there, or a field whose value has a certain key. Rules that promise none are always
 * tried. One thread.
 */
#ifndef RULES_ROUTE_H
#define RULES_ROUTE_H

#include "rules/witness.h"

/* Rules that hang on one witness: hanging[first .. first + count). */
struct route_slot {
	uint64_t hash;
	uint32_t first, count; /* count 0: free */
};

struct route_field {
	uint32_t first, count; /* those that hang on its presence */
	uint32_t kinds; /* bits of the other kinds that are in use */
};

struct route {
	struct slice key;
	uint64_t hash;
	const uint32_t *all; /* every rule that it concerns: what the plain way tries */
	const uint32_t *always;
	uint32_t all_count, always_count;
	const struct route_field *fields; /* by field id */
	const struct route_slot *slots; /* open addressing by witness_hash, at most half full */
	uint64_t slot_mask;
	const uint32_t *hanging;
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
/* Those that hang on this key, or null. */
static inline const struct route_slot *route_slot_find(const struct route *r, uint32_t field, enum witness_kind kind,
													   uint64_t key)
{
	uint64_t hash = witness_hash(field, kind, key), at = hash & r->slot_mask;
	for (; r->slots[at].count; at = (at + 1) & r->slot_mask)
		if (r->slots[at].hash == hash)
			return &r->slots[at];
	return NULL;
}

bool logsource_holds(const struct logsource *outer, const struct logsource *inner);

#endif
