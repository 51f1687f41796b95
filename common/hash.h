/* XXH3-64 compiled in place: for the innermost loops, which hash short texts. The same function as xxh3() of
 * common/digest.h, which is the faster one for long ones.
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include "common/slice.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HASH_SECRET_BYTES XXH3_SECRET_SIZE_MIN

/* For tables in memory: the secret is drawn. (With a seed instead, every long text would pay for making a secret of it.) */
static inline uint64_t hash_secret(struct slice s, const uint8_t secret[HASH_SECRET_BYTES])
{
	return XXH3_64bits_withSecret(s.ptr, s.len, secret, HASH_SECRET_BYTES);
}

/* What formats say: seed 0. */
static inline uint64_t hash_format(const void *ptr, size_t len)
{
	return XXH3_64bits(ptr, len);
}

#endif
