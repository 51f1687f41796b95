/* What a hunt looked at: without it, "nothing found" says nothing. One thread.
 *
 * Counted are the rows of the range: events by log source and by source, late ones, gaps and what they lost. A rule is
 * covered when there was at least one event whose log source has something of the rule's and does not conflict with it:
 * lines of which nothing is known are tried too, but do not make a rule about Windows one that could have found something.
 */
#ifndef CLI_HUNT_COVERAGE_H
#define CLI_HUNT_COVERAGE_H

#include "correlate/correlate.h"

struct counted_text;

struct counted_texts {
	struct counted_text **slots;
	uint64_t count, seed;
};

struct coverage {
	const struct env *env;
	struct arena arena;
	struct counted_texts sources, logsources;
	int64_t first_ns, last_ns; /* of the events, `when` */
	uint64_t events, late, gaps, dropped;
	bool failed; /* no memory: it must not be told */
	struct buffer key;
};

int coverage_init(struct coverage *c, const struct env *env);
void coverage_free(struct coverage *c);
/* The rows that detect was given, with the same limits. */
void coverage_add(struct coverage *c, const struct detect_past *rows);
/* A source line that sent before the range and is none of those in it. */
bool coverage_is_silent(const struct coverage *c, struct slice source);
/* Members of an object that is open: what was counted, and the rules that nothing concerned. */
void coverage_print(struct coverage *c, const struct ruleset *ruleset, struct json_writer *w);

#endif
