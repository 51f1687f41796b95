/* A pattern: a word, a phrase or a value with wildcards, looked for in folded text.
 *
 * It is made of parts between `*`; a part may hold `?` (exactly one character). Everything is about folded text: the term
 * is folded when the pattern is made, the text by the caller (fold of common/text.h). So a Kelvin sign is a k in both, and
 * touches a word as a k does. Lives in the arena it was made in; immutable; any thread.
 */
#ifndef STORE_QUERY_PATTERN_H
#define STORE_QUERY_PATTERN_H

#include "common/common.h"

/* In the text that a pattern is made from: octets that no UTF-8 has, so that an escaped `*` stays an ordinary one. */
#define PATTERN_MANY 0xff
#define PATTERN_ONE 0xfe

struct pattern_part {
	struct slice text; /* folded, never empty, with PATTERN_ONE in it */
	uint32_t characters;
	bool has_one;
};

struct pattern {
	const struct pattern_part *parts;
	uint32_t count; /* 0: nothing but `*` */
	bool open_left, open_right; /* a `*` at that end */
	bool word_left, word_right; /* that end is one of [a-z0-9_] and must not touch another (pattern_occurs only) */
};

/* A piece of a pattern without wildcards, for passing over: every text that fits holds it. */
struct pattern_literal {
	struct slice text;
	bool whole_left, whole_right; /* the end is an end of the pattern where nothing of [a-z0-9_] can touch it */
};

/* `marked`: valid UTF-8 and the two marks. -ERROR_MEMORY. */
int pattern_make(struct arena *arena, struct slice marked, struct pattern *out);
/* The word rule: somewhere in the text, with its boundaries. */
bool pattern_occurs(const struct pattern *p, struct slice folded);
/* The whole text. */
bool pattern_equals(const struct pattern *p, struct slice folded);
/* The longest literal; empty when there is none. */
struct pattern_literal pattern_longest(const struct pattern *p);

#endif
