/* Texts of up to 16 octets as two numbers, the octets past the end zero: together with the length they are the text, so
 * that hashing and comparing it needs no loop. For tables in memory.
 */
#ifndef STORE_SHORTS_H
#define STORE_SHORTS_H

#include "common/format.h"
#include "common/slice.h"

#define SHORT_MAX 16u

/* Of a number's eight octets the first n. */
static inline uint64_t shorts_first(uint64_t octets, size_t n)
{
	return n >= 8 ? octets : octets & ((UINT64_C(1) << 8 * n) - 1);
}

/* The text's first eight octets; *end: the others. */
static inline uint64_t shorts_load(struct slice text, uint64_t *end)
{
	const uint8_t *p = text.ptr;
	size_t n = text.len;
	*end = 0;
	if (n >= 8) {
		*end = n == 8 ? 0 : get_u64(p + n - 8) >> 8 * (16 - n);
		return get_u64(p);
	}
	if (n >= 4)
		return get_u32(p) | (uint64_t)get_u32(p + n - 4) << 8 * (n - 4);
	if (n == 0)
		return 0;
	return p[0] | (uint64_t)p[n / 2] << 8 * (n / 2) | (uint64_t)p[n - 1] << 8 * (n - 1);
}

/* The same for text behind whose end eight more octets can be read: in a batch the checksum stands behind all text. */
static inline uint64_t shorts_load_ahead(struct slice text, uint64_t *end)
{
	if (text.len <= 8) {
		*end = 0;
		return shorts_first(get_u64(text.ptr), text.len);
	}
	*end = shorts_first(get_u64(text.ptr + 8), text.len - 8);
	return get_u64(text.ptr);
}

/* The text again, and zeros behind it: writes SHORT_MAX octets. */
static inline void shorts_store(uint64_t begin, uint64_t end, uint8_t *out)
{
	put_u64(out, begin);
	put_u64(out + 8, end);
}

/* 32 bits in which all of the text has a part; key: 16 octets drawn. */
static inline uint32_t shorts_hash(uint64_t begin, uint64_t end, uint64_t len, const uint8_t *key)
{
	__uint128_t product = (__uint128_t)(begin ^ get_u64(key) ^ len) * (end ^ get_u64(key + 8));
	return (uint32_t)(product >> 64) ^ (uint32_t)(product >> 32) ^ (uint32_t)product;
}

#endif
