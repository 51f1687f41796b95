/* The outline of a regular expression: the literals that stand in every match, in their order. Only files of rules/ include
 * it.
 *
 * A text that does not hold them one behind the other cannot match, which is asked in a fraction of the time. A part of
 * PCRE2's syntax is understood; an expression with anything else in it has no outline. No state; any thread.
 */
#ifndef RULES_OUTLINE_H
#define RULES_OUTLINE_H

#include "rules/pattern.h"

struct outline {
	struct unit_text units; /* of an uncased pattern; count 0: no outline */
	bool whole; /* the expression is nothing but them with .* between, and does not mind case or has no letters */
};

/* The pattern is for the folded text whether or not the expression minds case: what PCRE2 takes for an ASCII letter of the
 * other case, U+017F and U+212A too, folds to it. False: no memory. */
bool outline_read(struct arena *arena, struct slice regex, bool ignore_case, struct outline *out);

#endif
