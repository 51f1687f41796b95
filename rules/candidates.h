/* The candidates of a row: the rules that its witnesses do not leave out. Only files of rules/ include it.
 *
 * A bit for each rule, none set between rows. Gathering looks at every value of every field and never misses a rule that
 * could hold: the exact evaluator is asked about the rest. One thread.
 */
#ifndef RULES_CANDIDATES_H
#define RULES_CANDIDATES_H

#include "rules/route.h"

struct candidates {
	uint64_t *bits;
	uint64_t *touched; /* a bit for each word of bits that may be other than zero */
	uint32_t words;
	bool some; /* false: no bit is set */
	uint32_t compared; /* literals compared in this row */
	struct buffer folded;
};

int candidates_init(struct candidates *c, const struct env *env, uint32_t rules);
void candidates_free(struct candidates *c, const struct env *env);
void candidates_clear(struct candidates *c);
/* The first at or behind `from`, or CANDIDATES_END. */
#define CANDIDATES_END UINT32_MAX
uint32_t candidates_next(const struct candidates *c, uint32_t from);
static inline void candidates_drop(struct candidates *c, uint32_t rule)
{
	c->bits[rule / 64] &= ~(UINT64_C(1) << (rule % 64));
}
/* For who sets bits of these rules itself. */
void candidates_touch(struct candidates *c, uint32_t first, uint32_t count);
void candidates_add(struct candidates *c, const uint32_t *rules, uint32_t count);
/* All values count, of each field and of each name it may have: that is at least what judging looks at. bound: the field
 * of each name of the batch, or DICTIONARY_NONE; names: the same, where fields that nothing hangs on may be left out.
 * -ERROR_MEMORY. */
int candidates_gather(struct candidates *c, const struct route *route, const uint32_t *names, const uint32_t *bound,
					  const struct batch *batch, const struct batch_row *row);

#endif
