/* Integer streams: n numbers of 64 bits in byte planes (docs/format-segment.md, "Integers"). Any thread; no state. */
#ifndef STORE_INTS_H
#define STORE_INTS_H

#include "common/common.h"

#define INTS_HEAD_BYTES 24u

/* Chooses base or differences, whatever is narrower. */
void ints_encode(struct buffer *out, const uint64_t *v, uint32_t n);
/* Small numbers without an order worth keeping: base 0, no differences. */
void ints_encode_codes(struct buffer *out, const uint32_t *v, uint32_t n);
/* Exactly n numbers, or false: the stream is not one of n numbers. */
bool ints_decode(struct reader *r, uint64_t *v, uint32_t n);
/* The same, every number below `limit` (at most 2^32). */
bool ints_decode_codes(struct reader *r, uint32_t *v, uint32_t n, uint64_t limit);

#endif
