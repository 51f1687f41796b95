#include "common/slice.h"

int slice_compare(struct slice a, struct slice b)
{
	size_t least = a.len < b.len ? a.len : b.len;
	int order = least == 0 ? 0 : memcmp(a.ptr, b.ptr, least);
	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static uint8_t lower(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet | 0x20) : octet;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

size_t slice_find(struct slice s, struct slice needle, size_t from)
{
	if (from > s.len || needle.len > s.len - from)
		return SIZE_MAX;
	if (needle.len == 0)
		return from;
	/* memchr looks at 32 octets at once, memmem at one. A text full of the first octet is left to memmem, which is linear
	 * whatever it is given. */
	const uint8_t *at = s.ptr + from, *end = s.ptr + s.len - needle.len + 1;
	for (unsigned tries = 0; tries < 16; tries++, at++) {
		at = at < end ? memchr(at, needle.ptr[0], (size_t)(end - at)) : NULL;
		if (at == NULL)
			return SIZE_MAX;
		if (memcmp(at, needle.ptr, needle.len) == 0)
			return (size_t)(at - s.ptr);
	}
	at = memmem(at, (size_t)(s.ptr + s.len - at), needle.ptr, needle.len);
	return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

size_t slice_find_octet(struct slice s, uint8_t octet, size_t from)
{
	if (from >= s.len)
		return SIZE_MAX;
	const uint8_t *hit = memchr(s.ptr + from, octet, s.len - from);
	return hit == NULL ? SIZE_MAX : (size_t)(hit - s.ptr);
}

static bool is_space(uint8_t octet)
{
	return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool slice_to_u64(struct slice s, uint64_t *out)
{
	uint64_t value = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)s.ptr[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*out = value;
	return true;
}

bool slice_to_i64(struct slice s, int64_t *out)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	uint64_t value;
	if (!slice_to_u64(negative ? slice_from(s, 1) : s, &value))
		return false;
	if (value > (uint64_t)INT64_MAX + negative)
		return false;
	/* Negating in unsigned arithmetic: INT64_MIN has no positive twin. */
	*out = (int64_t)(negative ? 0 - value : value);
	return true;
}
