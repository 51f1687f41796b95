/* Routes: which rules a log source can concern, worked out once and kept. Only files of rules/ include it.
 *
 * A rule is left out when its log source conflicts with what is known of the row's, or, where all that the row counts as
 * is listed, when no entry of the list has all that the rule's names. Of the rest, a rule that can only
 * hold when one of certain fields is present hangs on those fields; the others are always tried. One thread.
 */
#ifndef RULES_ROUTE_H
#define RULES_ROUTE_H

#include "rules/ruleset.h"

struct route {
	struct slice key;
	uint64_t hash;
	const uint32_t *always;
	uint32_t always_count;
	const uint32_t *starts; /* by field id, count + 1: where its rules begin in `hanging` */
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
bool logsource_holds(const struct logsource *outer, const struct logsource *inner);

#endif
