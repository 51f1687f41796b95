/* Texts of up to 16 octets as two numbers, made by loads that overlap: together with the length they are the text, so
 * that hashing and comparing it needs no loop. For tables in memory only: the numbers depend on the machine's order.
 */
#ifndef STORE_SHORTS_H
#define STORE_SHORTS_H

#include "common/slice.h"

#define SHORT_MAX 16u

static inline uint64_t shorts_load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t shorts_load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* Returns the text's beginning, *end its end. */
static inline uint64_t shorts_load(struct slice text, uint64_t *end)
{
	if (text.len >= 8) {
		*end = shorts_load64(text.ptr + text.len - 8);
		return shorts_load64(text.ptr);
	}
	if (text.len >= 4) {
		*end = shorts_load32(text.ptr + text.len - 4);
		return shorts_load32(text.ptr);
	}
	*end = 0;
	if (text.len == 0)
		return 0;
	return text.ptr[0] | (uint64_t)text.ptr[text.len / 2] << 8 | (uint64_t)text.ptr[text.len - 1] << 16;
}

/* The text again; `out` has room for SHORT_MAX octets. */
static inline void shorts_store(uint64_t begin, uint64_t end, uint32_t len, uint8_t *out)
{
	if (len >= 8) {
		memcpy(out, &begin, 8);
		memcpy(out + len - 8, &end, 8);
	} else if (len >= 4) {
		uint32_t first = (uint32_t)begin, last = (uint32_t)end;
		memcpy(out, &first, 4);
		memcpy(out + len - 4, &last, 4);
	} else if (len > 0) {
		out[0] = (uint8_t)begin;
		out[len / 2] = (uint8_t)(begin >> 8);
		out[len - 1] = (uint8_t)(begin >> 16);
	}
}

/* 32 bits in which all of the text has a part; key: 16 octets drawn. */
static inline uint32_t shorts_hash(uint64_t begin, uint64_t end, uint64_t len, const uint8_t *key)
{
	__uint128_t product = (__uint128_t)(begin ^ shorts_load64(key) ^ len) * (end ^ shorts_load64(key + 8));
	return (uint32_t)(product >> 64) ^ (uint32_t)(product >> 32) ^ (uint32_t)product;
}

#endif
