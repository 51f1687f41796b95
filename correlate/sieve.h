/* Lists with a time to live (T18): what a correlation with lists keeps of a key beside its group.
 *
 * Whether a key is on a list at an event follows from the matches before it, in the order of T12: it is when the newest that
 * put it there is at most a time to live older (as windows are closed, T1, the whole of it counts) and none took it off
 * since. An event sees the lists as they stood before it; what it does to them itself is for those behind it, and what it
 * both puts on and takes off is off. So matches wait here until the watermark has passed them; then they pass in order, those
 * that count join the group as if they came then, and of the others nothing remains but when they wrote: one time for each
 * list. The group never learns that there are lists, so every type and every window works as it does without.
 */
#ifndef CORRELATE_SIEVE_H
#define CORRELATE_SIEVE_H

#include "correlate/window.h"

struct sieve {
	struct group waiting; /* members and nothing else, none of them behind the watermark */
	int64_t on_ns[]; /* of each list: the newest match that put the key on it; TIME_NONE: none, or it was taken off */
};

static inline size_t sieve_bytes(const struct plan_rule *rule)
{
	return rule->list_count == 0 ? 0 : sizeof(struct sieve) + sizeof(int64_t) * rule->list_count;
}

/* It lies behind the slots of the group; there is one when the rule has lists. */
static inline struct sieve *sieve_of(const struct group *g)
{
	return (struct sieve *)((int64_t *)(uintptr_t)(g + 1) + slot_count(g->rule));
}

/* All of these ask for a rule with lists. */
void sieve_init(struct group *g);
void sieve_free(struct part *part, struct group *g);
bool sieve_empty(const struct group *g);
/* The watermark that the next match waits for, or that makes what is known worthless; INT64_MAX: nothing is there. */
int64_t sieve_due(const struct group *g);
/* A match waits, and is owned. 0, 1 when it was there already, -ERROR_MEMORY. */
int sieve_join(struct part *part, struct group *g, struct member *m);
/* Matches before the watermark pass. */
int sieve_pass(struct part *part, struct group *g, int64_t watermark_ns);

#endif
