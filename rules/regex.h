/* A regular expression of a rule: PCRE2 with a match limit, so that no event can make it run for long.
 *
 * Unanchored search over the octets of a value; invalid UTF-8 is allowed in the value and matches nothing. The compiled
 * code is immutable and shared between threads; a regex_scratch belongs to one. PCRE2 allocates by itself.
 */
#ifndef RULES_REGEX_H
#define RULES_REGEX_H

#include "common/env.h"
#include "common/error.h"
#include "common/slice.h"

#define REGEX_IGNORE_CASE 1u
#define REGEX_MULTI_LINE 2u
#define REGEX_DOT_ALL 4u
#define REGEX_AT_START 8u /* the modifiers startswith and endswith after re */
#define REGEX_AT_END 16u

struct regex;
struct regex_scratch;

enum regex_result {
	REGEX_NO,
	REGEX_YES,
	REGEX_UNDECIDED /* a limit was hit */
};

int regex_compile(const struct env *env, struct slice text, uint32_t flags, struct regex **out, struct error *error);
void regex_free(struct regex *r);
struct regex_scratch *regex_scratch_new(const struct env *env); /* null: no memory */
void regex_scratch_free(struct regex_scratch *s);
enum regex_result regex_search(const struct regex *r, struct regex_scratch *s, struct slice value);

#endif
