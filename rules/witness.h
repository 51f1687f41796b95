/* A witness: what must be in a row for a rule to hold. Only files of rules/ include it.
 *
 * Each rule promises a set of witnesses, or none: when no witness of the set is in the row, the rule is false there, not
 * true and not unknown. The opposite is not promised: a witness that is there only makes the rule worth judging. So keys
 * may collide and may tell less than the rule does; they must never miss.
 *
 * A text is known by its ends, the first and last eight octets with ASCII letters in lower case. That is the same for a
 * value and for its folded form as long as the ends are ASCII: folding works on code points, an ASCII octet is never part
 * of a longer one and folds to one octet, so nothing in the middle changes the ends. Or it is known by a literal that its
 * folded form holds somewhere, or at one of its ends: there WITNESS_EDGE stands for where the text is over.
 */
#ifndef RULES_WITNESS_H
#define RULES_WITNESS_H

#include "rules/ruleset.h"

enum witness_kind {
	WITNESS_NUMBER, /* equal to a number */
	WITNESS_EXACT, /* equal to a text */
	WITNESS_START, /* begins with eight octets */
	WITNESS_END,
	WITNESS_START_SHORT, /* begins with one to seven octets; the key says how many */
	WITNESS_END_SHORT,
	WITNESS_INSIDE, /* holds a literal of two octets or more */
	WITNESS_PRESENT, /* the field is there, whatever it holds */
	WITNESS_KINDS
};

#define WITNESS_LONG 8u
#define WITNESS_INSIDE_MIN 2u
#define WITNESS_INSIDE_MAX 64u /* octets of a literal; of a longer one a part is enough */
#define WITNESS_EDGE 0xffu /* before and behind each text that literals are looked for in; no UTF-8 text holds it */
#define WITNESS_TEXTS UINT32_MAX /* in the place of a field: the texts that keywords are looked for in; never PRESENT */

struct witness {
	uint32_t field; /* into ruleset.fields, or WITNESS_TEXTS */
	enum witness_kind kind;
	uint64_t key;
	struct slice literal; /* INSIDE: folded, with its edges */
	bool at_start, at_end; /* INSIDE: it has an edge there */
};

struct text_ends {
	uint64_t head,
		tail; /* the first octet of head is the lowest, the last octet of tail the highest; zeros before it */
	size_t len;
	bool ascii; /* of both ends */
};

/* Once for each item that is complete; trees are made of those. */
void witness_weigh(struct item *item);
/* The set of a tree, in the arena; count 0: nothing is promised. -ERROR_MEMORY. */
int witness_make(struct arena *arena, const struct node *root, const struct witness **out, uint32_t *count);

/* How likely a tree holds, by what it promises. */
double witness_chance(const struct node *n);
/* Of an `and` the part that its witnesses are in, or null: nothing is promised. */
const struct node *witness_part(const struct node *n);

void text_ends(struct slice text, struct text_ends *out);
uint64_t number_key(const struct number *n);

static inline uint64_t exact_key(const struct text_ends *e)
{
	return e->head ^ (e->tail << 29 | e->tail >> 35);
}

/* len: 1 to 7, at most that of the text. */
static inline uint64_t start_short_key(const struct text_ends *e, uint32_t len)
{
	return (e->head & ((UINT64_C(1) << 8 * len) - 1)) | (uint64_t)len << 56;
}

static inline uint64_t end_short_key(const struct text_ends *e, uint32_t len)
{
	return e->tail >> (64 - 8 * len) | (uint64_t)len << 56;
}

static inline uint32_t short_key_len(uint64_t key)
{
	return (uint32_t)(key >> 56);
}

/* Where a witness stands in a table. */
static inline uint64_t witness_hash(uint32_t field, enum witness_kind kind, uint64_t key)
{
	uint64_t h = (key ^ ((uint64_t)field << 8 | kind)) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return h ^ h >> 32;
}

#endif
