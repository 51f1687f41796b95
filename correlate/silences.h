/* Silences: incidents that somebody does not want to hear of for a while, said and signed with a reason. A projection of
 * rows, like the book that holds it: a later row of the same id takes the place of an earlier one. Included by book.c and
 * silences.c only.
 *
 * A silence never hides an event nor an incident from the record: it marks incidents. It covers those whose newest event
 * lies before its end and of which all its terms hold; none when it ends before it was said.
 */
#ifndef CORRELATE_SILENCES_H
#define CORRELATE_SILENCES_H

#include "correlate/book_row.h"
#include "correlate/correlate.h"

struct silence {
	struct silence *next;
	uint8_t id[16];
	int64_t until_ns;
	struct slice json; /* the inner object, behind this */
};

/* A row that is none, or is wrong, changes nothing: 0. -ERROR_MEMORY. */
int silences_add(struct silence **list, const struct env *env, struct slice row);
void silences_free(struct silence **list, const struct env *env);
/* The first that covers the incident, or null. */
const struct silence *silences_find(const struct silence *list, const struct book_row *incident, int64_t last_seen_ns);

#endif
