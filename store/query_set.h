/* A set of values for dc(): two seeded 64-bit hashes stand for a value, so that a chosen collision needs the seeds and an
 * accidental one is out of reach for any number of values that fits memory. One owner, one thread.
 */
#ifndef STORE_QUERY_SET_H
#define STORE_QUERY_SET_H

#include "common/common.h"

struct value_set {
	uint64_t (*slots)[2]; /* open addressing; 0, 0 = free */
	uint64_t count, slot_count;
};

enum set_result {
	SET_THERE,
	SET_ADDED,
	SET_FULL,
	SET_MEMORY
};

/* Grows by at most *bytes_left octets, which it takes off. */
enum set_result value_set_add(struct value_set *s, const struct env *env, uint64_t a, uint64_t b, size_t *bytes_left);
void value_set_free(struct value_set *s, const struct env *env);

#endif
