/* A witness: what must be in a row for a rule to hold. Only files of rules/ include it.
 *
 * Each rule promises a set of witnesses, or none: when no witness of the set is in the row, the rule is false there, not
 * true and not unknown. The opposite is not promised: a witness that is there only makes the rule worth judging. So keys
 * may collide and may tell less than the rule does; they must never miss.
 *
 * A text is known by its ends, the first and last eight octets with ASCII letters in lower case. That is the same for a
 * value and for its folded form as long as the ends are ASCII: folding works on code points, an ASCII octet is never part
 * of a longer one and folds to one octet, so nothing in the middle changes the ends.
 */
#ifndef RULES_WITNESS_H
#define RULES_WITNESS_H

#include "rules/ruleset.h"

enum witness_kind { /* in this order: the earlier says more */
	WITNESS_NUMBER, /* equal to a number */
	WITNESS_EXACT, /* equal to a text */
	WITNESS_START, /* begins with eight octets */
	WITNESS_END,
	WITNESS_START_SHORT, /* begins with three octets */
	WITNESS_END_SHORT,
	WITNESS_PRESENT, /* the field is there, whatever it holds */
	WITNESS_KINDS
};

#define WITNESS_SHORT 3u
#define WITNESS_LONG 8u

struct witness {
	uint32_t field; /* into ruleset.fields */
	enum witness_kind kind;
	uint64_t key;
};

struct text_ends {
	uint64_t head,
		tail; /* the first octet of head is the lowest, the last octet of tail the highest; zeros before it */
	size_t len;
	bool ascii; /* of both ends */
};

/* The set of a tree, in the arena; count 0: nothing is promised. -ERROR_MEMORY. */
int witness_make(struct arena *arena, const struct node *root, const struct witness **out, uint32_t *count);

void text_ends(struct slice text, struct text_ends *out);
uint64_t number_key(const struct number *n);

static inline uint64_t exact_key(const struct text_ends *e)
{
	return e->head ^ (e->tail << 29 | e->tail >> 35);
}

static inline uint64_t start_short_key(const struct text_ends *e)
{
	return e->head & 0xffffff;
}

static inline uint64_t end_short_key(const struct text_ends *e)
{
	return e->tail >> 40;
}

/* Where a witness stands in a table. */
static inline uint64_t witness_hash(uint32_t field, enum witness_kind kind, uint64_t key)
{
	uint64_t h = (key ^ ((uint64_t)field << 8 | kind)) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return h ^ h >> 32;
}

#endif
