/* An answer: found rows put in order with bounded memory.
 *
 * Rows come in any order. The answer keeps the first ones; when they grow past the budget the last half goes, and the least
 * of what went is the cut: a row at or behind it is refused from then on. So all that is kept stands before the cut, in
 * full, and another pass over the same rows with the old cut as its floor gives what comes behind. No row is lost or
 * given twice, because the order is total. One owner, one thread.
 */
#ifndef STORE_QUERY_ANSWER_H
#define STORE_QUERY_ANSWER_H

#include "store/query_line.h"

struct answer_entry {
	int64_t when_ns;
	uint64_t offset;
	uint32_t partition, number, line_len;
	uint8_t topic;
	struct order_value
		*sort; /* start of the entry's own memory: keys, their texts, the line; null when nothing is kept */
	uint8_t *line;
	size_t bytes;
};

struct answer {
	const struct query *q;
	const struct env *env;
	struct answer_entry *entries;
	size_t head, ready, count, room; /* given up to head; released up to ready; kept up to count */
	size_t bytes, bytes_max;
	uint64_t wanted; /* rows still to be given: more are not kept */
	struct answer_entry cut, floor; /* set when has_... */
	bool has_cut, has_floor;
};

void answer_init(struct answer *a, const struct query *q, const struct env *env, uint64_t wanted, size_t bytes_max);
/* Whether a row with these keys would be kept. `key` is filled, its texts borrowed. */
bool answer_wants(struct answer *a, const struct query_row *row, struct answer_entry *key,
				  struct order_value sort[QUERY_SORT_MAX], struct value_scratch scratch[QUERY_SORT_MAX]);
/* Keeps a copy of key and line. -ERROR_MEMORY. */
int answer_keep(struct answer *a, const struct answer_entry *key, struct slice line);
/* No later row has when < bound (descending: > bound): what stands before it may be given. Default order only. */
void answer_release(struct answer *a, int64_t bound);
/* Everything that is kept may be given. */
void answer_release_all(struct answer *a);
/* The next line in order; empty when nothing is released. Freed by answer_given. */
struct slice answer_line(const struct answer *a);
void answer_given(struct answer *a);
/* After a pass: rows were refused that are still wanted. Makes the cut the floor of the next pass. */
bool answer_next_pass(struct answer *a);
void answer_free(struct answer *a);

#endif
