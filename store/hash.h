/* XXH3-64 compiled in place: hashing short texts is the innermost loop of sealing. The same function as xxh3() and
 * xxh3_seeded() of common/digest.h.
 */
#ifndef STORE_HASH_H
#define STORE_HASH_H

#include "common/slice.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t hash_seeded(struct slice s, uint64_t seed)
{
	return XXH3_64bits_withSeed(s.ptr, s.len, seed);
}

/* What formats say: seed 0. */
static inline uint64_t hash_format(const void *ptr, size_t len)
{
	return XXH3_64bits(ptr, len);
}

#endif
