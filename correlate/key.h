/* Keys: what a match is grouped and told apart by.
 *
 * A tuple is a row of components, each: tag (1 octet), length (varint), octets. Canonical tuples make equal what means
 * the same: an IP address in any spelling is its 16 octets, a canonical decimal integer its digits, other text is folded
 * unless `cased`. A spelling tuple holds the same components as their source wrote them (tag KEY_TEXT). Octets of a
 * tuple are compared whole. No state; any thread.
 */
#ifndef CORRELATE_KEY_H
#define CORRELATE_KEY_H

#include "common/common.h"

enum key_tag {
	KEY_MISSING = 0, /* no such field, and the rule groups by its absence */
	KEY_ADDRESS = 1, /* 16 octets, IPv4 mapped */
	KEY_INTEGER = 2, /* decimal text without leading zeros */
	KEY_TEXT = 3,
	KEY_NUMBER = 4, /* the 8 octets of an f64, little-endian; only as a value */
};

#define TUPLE_COMPONENTS_MAX 64u

struct event_identity {
	uint8_t collector[16];
	uint64_t epoch;
	uint32_t partition;
	uint64_t sequence;
};

void tuple_add(struct buffer *out, enum key_tag tag, struct slice octets);
/* Adds the canonical component of a value's text. */
void tuple_add_canonical(struct buffer *out, struct slice text, bool cased);
/* The next component; false at the end or when the octets are no tuple (then reader->failed). */
bool tuple_next(struct reader *reader, enum key_tag *tag, struct slice *octets);
/* A value of a type over numbers. */
void tuple_add_number(struct buffer *out, double number);
bool tuple_number(struct slice tuple, double *number);
/* Well formed? *count (optional): components. */
bool tuple_check(struct slice tuple, uint32_t *count);
/* Component `index` of a checked tuple. */
struct slice tuple_at(struct slice tuple, uint32_t index, enum key_tag *tag);

/* XXH3-64(digest || key) mod count. `scratch` is reset and used; 0 when memory is out (scratch->failed). */
uint32_t key_partition(struct buffer *scratch, const uint8_t digest[32], struct slice key, uint32_t count);
/* H(event identity, digest of the rule that held, canonical key): first 128 bits. */
void match_id(struct sha256 *sha, const struct event_identity *event, const uint8_t digest[32], struct slice key,
			  uint8_t out[16]);
/* H(rule digest, canonical key, match id of the first firing point). */
void incident_id(struct sha256 *sha, const uint8_t digest[32], struct slice key, const uint8_t match[16],
				 uint8_t out[16]);
/* The collector uuid of rows made from one partition: dense sequences need one writer per identity, and what is made
 * from a partition depends on nothing else. */
void output_collector(const uint8_t collector[16], const char *topic, uint32_t partition, uint8_t out[16]);

static inline int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

static inline int64_t sub_saturated(int64_t a, int64_t b)
{
	int64_t difference;
	if (__builtin_sub_overflow(a, b, &difference))
		return b > 0 ? INT64_MIN : INT64_MAX;
	return difference;
}

#endif
