/* A pattern: text with wildcards, as a Sigma string value means it.
 *
 * Built from units: code points, raw octets (what the utf16 modifiers give), `*` (any octets, newlines too), `?` (one
 * code point; an invalid octet counts as one) and dash (any character that Windows programs take for the dash of an
 * option). Immutable; lives in the arena it was built in. Any thread.
 */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include "common/arena.h"

#define UNIT_OCTET 0x110000u /* + octet: not a code point but this very octet */
#define UNIT_STAR 0x200000u
#define UNIT_ONE 0x200001u
#define UNIT_DASH 0x200002u /* - / en dash, em dash, horizontal bar */

struct unit_text {
	uint32_t *units;
	uint32_t count;
};

/* What stands between two stars. */
struct segment_part {
	uint32_t special; /* UNIT_ONE, UNIT_DASH or 0: literal */
	struct slice literal;
};

struct segment {
	struct slice literal; /* the whole segment when it has no special part */
	uint32_t rare[2]; /* where in the literal its least common octets stand: what a search looks for */
	const struct segment_part *parts;
	uint32_t part_count; /* 0: literal only */
	uint32_t longest; /* of the parts the one with the longest literal; it may be empty */
};

/* What a text is asked before it is compared: its first and last octets, and which pairs of octets are in it. */
#define PATTERN_PAIRS 4u
struct pattern_hint {
	uint64_t head, head_mask, tail, tail_mask; /* of eight octets, as in slice_head; masks 0: any */
	uint32_t pairs[PATTERN_PAIRS]; /* pair_place of some that it must have */
	uint32_t pair_count;
};

/* A text as hints are compared with it. */
struct pattern_text {
	uint64_t head, tail; /* the last octet is the highest */
	const uint64_t *pairs; /* bits by pair_place, or null */
	uint32_t pair_mask;
};

static inline uint32_t pair_place(uint8_t first, uint8_t second)
{
	return (uint32_t)(first << 8 | second) * UINT32_C(0x9e3779b1) >> 12;
}

struct pattern {
	struct pattern_hint hint; /* of one that is not cased */
	const struct segment *segments;
	uint32_t count;
	bool open_start, open_end; /* a star there */
	bool cased; /* false: compare with folded values */
	size_t len_min; /* octets a value must have at least */
};

/* The escapes of Sigma: \* and \? are the characters, \\ is one backslash, before anything else the backslash is
 * itself. False: no memory. */
bool unit_text_parse(struct arena *arena, struct slice text, struct unit_text *out);
/* Literal text without wildcards. */
bool unit_text_plain(struct arena *arena, struct slice text, struct unit_text *out);
bool unit_text_has_wildcard(const struct unit_text *t);
/* The octets of a text without wildcards. */
bool unit_text_octets(struct arena *arena, const struct unit_text *t, struct slice *out);

/* Null: no memory. */
struct pattern *pattern_new(struct arena *arena, const struct unit_text *t, bool cased);
/* `value` must be folded unless the pattern is cased. */
bool pattern_match(const struct pattern *p, struct slice value);

/* False: a folded text of this kind does not match. */
static inline bool pattern_may(const struct pattern *p, const struct pattern_text *t)
{
	const struct pattern_hint *h = &p->hint;
	uint32_t found = 0;
	if (((t->head ^ h->head) & h->head_mask) | ((t->tail ^ h->tail) & h->tail_mask))
		return false;
	for (; t->pairs && found < h->pair_count; found++) {
		uint32_t place = h->pairs[found] & t->pair_mask;
		if (!(t->pairs[place / 64] >> place % 64 & 1))
			return false;
	}
	return true;
}
/* The ends of a folded text, and room for no pairs. */
void pattern_text_ends(struct pattern_text *t, struct slice text);
/* Marks the pairs of a text: places [0, mask], mask + 1 a power of two of 64 or more, `bits` zeros. */
void pattern_text_pairs(struct pattern_text *t, struct slice text, uint64_t *bits, uint32_t mask);

#endif
