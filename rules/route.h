/* Routes: which rules a log source can concern, worked out once and kept. Only files of rules/ include it.
 *
 * A rule is left out when its log source conflicts with what is known of the row's, or, where all that the row counts as
 * is listed, when no entry of the list has all that the rule's names. Of the rest, a rule hangs on its witnesses
 * (witness.h) in columns; rules that promise none are always tried. One thread.
 */
#ifndef RULES_ROUTE_H
#define RULES_ROUTE_H

#include "rules/columns.h"

struct route_field {
	uint32_t column; /* where its rules hang on more than presence, or COLUMN_NONE */
	bool present; /* some hang on its presence */
};

struct route {
	struct slice key;
	uint64_t hash;
	uint64_t number; /* no other route has or had it: another may come to lie at the same address */
	const uint64_t *bits; /* of the rules that it concerns */
	const uint32_t *all; /* the same as a list: what the plain way tries */
	const uint32_t *always; /* those without witnesses */
	uint32_t all_count, always_count;
	const struct route_field *fields; /* by field id */
	const uint32_t *texts; /* columns of texts that its rules hang in */
	uint32_t text_count;
};

struct routes {
	const struct env *env;
	const struct ruleset *set;
	struct arena arena;
	struct route **slots;
	uint32_t count;
	struct buffer key;
	uint64_t made;
	uint32_t generation; /* grows when kept routes were thrown away */
};

int routes_init(struct routes *r, const struct env *env, const struct ruleset *set);
void routes_free(struct routes *r);
/* Null: no memory. Valid until the generation changes. Not listed: one log source of which some may be unknown, or none
 * (count 0). Listed: every log source that the row counts as, in full. */
const struct route *routes_find(struct routes *r, const struct logsource *logsources, uint32_t count, bool listed);
static inline bool route_field_used(const struct route_field *f)
{
	return f->column != COLUMN_NONE || f->present;
}

static inline bool route_has(const struct route *r, uint32_t rule)
{
	return r->bits[rule / 64] >> rule % 64 & 1;
}

bool logsource_holds(const struct logsource *outer, const struct logsource *inner);

#endif
