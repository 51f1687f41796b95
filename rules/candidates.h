/* The candidates of a row: the rules that its witnesses do not leave out. Only files of rules/ include it.
 *
 * A bit for each rule, none set between rows. One thread.
 */
#ifndef RULES_CANDIDATES_H
#define RULES_CANDIDATES_H

#include "common/env.h"
#include "common/error.h"

struct candidates {
	uint64_t *bits;
	uint64_t *touched; /* a bit for each word of bits that may be other than zero */
	uint32_t words;
	bool some; /* false: no bit is set */
};

int candidates_init(struct candidates *c, const struct env *env, uint32_t rules);
void candidates_free(struct candidates *c, const struct env *env);
void candidates_clear(struct candidates *c);
/* The first at or behind `from`, or CANDIDATES_END. */
#define CANDIDATES_END UINT32_MAX
uint32_t candidates_far(const struct candidates *c, uint32_t word); /* in words at or behind this one */
static inline uint32_t candidates_next(const struct candidates *c, uint32_t from)
{
	uint32_t word = from / 64;
	uint64_t left = word < c->words ? c->bits[word] & UINT64_MAX << from % 64 : 0;
	return left ? word * 64 + (uint32_t)__builtin_ctzll(left) : candidates_far(c, word + 1);
}
static inline void candidates_drop(struct candidates *c, uint32_t rule)
{
	c->bits[rule / 64] &= ~(UINT64_C(1) << (rule % 64));
}
static inline void candidates_add_one(struct candidates *c, uint32_t rule)
{
	uint32_t word = rule / 64;
	c->bits[word] |= UINT64_C(1) << (rule % 64);
	c->touched[word / 64] |= UINT64_C(1) << (word % 64);
	c->some = true;
}
void candidates_add(struct candidates *c, const uint32_t *rules, uint32_t count);

#endif
