/* A slice: octets that somebody else owns.
 *
 * Never NUL-terminated, may hold any octet. It lives as long as the arena, batch or file buffer it points
 * into; whoever keeps it longer copies it. An empty slice may have a null pointer. Any thread.
 */
#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *ptr;
	size_t len; /* octets */
};

#define SLICE_NONE ((struct slice){NULL, 0})
/* A slice over a string literal. */
#define SLICE(literal) ((struct slice){(const uint8_t *)(literal), sizeof(literal) - 1})
/* For printf("%.*s"): the text must be known to hold no NUL. */
#define SLICE_PRINT(s) (int)(s).len, (const char *)(s).ptr

static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){ptr, len};
}

static inline struct slice slice_str(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* Up to eight octets as a number, in the order of memory, zeros behind the end. */
static inline uint64_t slice_head(struct slice s)
{
	uint64_t head = 0;
	uint32_t first = 0, last = 0;
	if (s.len >= 8) {
		memcpy(&head, s.ptr, 8);
		return head;
	}
	if (s.len == 0)
		return 0;
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	memcpy(&head, s.ptr, s.len);
	return head;
#endif
	unsigned tail = 8 * (unsigned)s.len - 8;
	if (s.len < 4) { /* the first, one in the middle and the last: all there are */
		head = s.ptr[0] | (uint64_t)s.ptr[s.len / 2] << 8 * (s.len / 2) | (uint64_t)s.ptr[s.len - 1] << tail;
	} else {
		memcpy(&first, s.ptr, 4);
		memcpy(&last, s.ptr + s.len - 4, 4);
		head = first | (uint64_t)last << (tail - 24);
	}
	return head;
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	/* most texts that differ differ in the first octet: no call for those */
	return a.len == b.len && (a.len == 0 || (a.ptr[0] == b.ptr[0] && memcmp(a.ptr, b.ptr, a.len) == 0));
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len &&
		   (prefix.len == 0 || (s.ptr[0] == prefix.ptr[0] && memcmp(s.ptr, prefix.ptr, prefix.len) == 0));
}

static inline bool slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* The octets from `from` on; empty when `from` is past the end. */
static inline struct slice slice_from(struct slice s, size_t from)
{
	return from >= s.len ? SLICE_NONE : slice_of(s.ptr + from, s.len - from);
}

/* Order of octets, then of length: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);
/* ASCII letters equal whatever their case; all other octets exactly. */
bool slice_equal_nocase(struct slice a, struct slice b);
/* Index of the first occurrence at or after `from`, or SIZE_MAX. */
size_t slice_find(struct slice s, struct slice needle, size_t from);
/* The same by two of the needle's octets, best such that are rare: their places in it, which may be one. */
size_t slice_find_by(struct slice s, struct slice needle, size_t from, size_t one, size_t other);
static inline size_t slice_find_octet(struct slice s, uint8_t octet, size_t from)
{
	const uint8_t *hit = from >= s.len ? NULL : memchr(s.ptr + from, octet, s.len - from);
	return hit == NULL ? SIZE_MAX : (size_t)(hit - s.ptr);
}
size_t slice_count_octet(struct slice s, uint8_t octet);
/* Without ASCII white space at either end. */
struct slice slice_trim_ends(struct slice s);
static inline struct slice slice_trim(struct slice s)
{
	return s.len > 0 && s.ptr[0] > ' ' && s.ptr[s.len - 1] > ' ' ? s : slice_trim_ends(s);
}
/* Is it the whole text? '*' in the pattern stands for any octets, none included. Linear but for stars: at most the product
 * of both lengths. */
bool slice_star_match(struct slice pattern, struct slice text);
/* Strict decimal (an optional leading '-'; no '+', no spaces, no empty text); false on overflow. */
bool slice_to_i64(struct slice s, int64_t *out);
bool slice_to_u64(struct slice s, uint64_t *out);

#endif
