/* A slide: the matches of one window, and what the condition makes of them, while its two ends move forward over the members
 * of a group. It is made for one pass and thrown away: what it says depends on the members between its ends and on nothing
 * that was there before.
 */
#ifndef CORRELATE_SLIDE_H
#define CORRELATE_SLIDE_H

#include "correlate/sum.h"
#include "correlate/window.h"

struct slide {
	struct part *part;
	struct group *group;
	uint32_t from, to; /* members [from, to) are in it */
	uint64_t count; /* matches, events, or numbers */
	struct tally *tally; /* value_count */
	uint32_t *of_rule; /* temporal: matches of each rule */
	struct sum *sum; /* sum, average */
	double *sorted; /* percentile: the distinct numbers of the pass, and how many of each lie in the window (Fenwick) */
	uint32_t *tree;
	uint32_t sorted_count;
};

/* Empty, at `from`; never goes beyond `end`. -ERROR_MEMORY; close it in any case. */
int slide_open(struct slide *s, struct part *part, struct group *g, uint32_t from, uint32_t end);
void slide_close(struct slide *s);
/* Moves both ends, forward only. */
void slide_move(struct slide *s, uint32_t from, uint32_t to);
/* 1 when the condition holds for what is in it, else 0; -ERROR_MEMORY. */
int slide_holds(struct slide *s);

#endif
