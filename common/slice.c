#include "common/slice.h"

#include "common/cpu.h"

static inline uint64_t big_endian(uint64_t memory)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(memory) : memory;
}

int slice_compare(struct slice a, struct slice b)
{
	/* Most differ in the first octets. Zeros behind the shorter one come before any octet, as its end does. */
	uint64_t first = slice_head(a), second = slice_head(b);
	if (first != second)
		return big_endian(first) < big_endian(second) ? -1 : 1;
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

#ifdef __SSE2__
#include <emmintrin.h>

/* Places among 16 where both octets stand, the one from p on and the other from q on: a bit each. */
static inline uint32_t both_at(const uint8_t *p, const uint8_t *q, __m128i one, __m128i other)
{
	__m128i a = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), one);
	__m128i b = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)q), other);
	return (uint32_t)_mm_movemask_epi8(_mm_and_si128(a, b));
}

#ifdef CPU_WIDE
/* The same as below, 32 places at a time while there are as many. */
CPU_WIDE static const uint8_t *find_wider(const uint8_t *at, const uint8_t *end, struct slice needle, size_t one,
										  size_t other, unsigned *tries, bool *hit)
{
	__m256i a = _mm256_set1_epi8((char)needle.ptr[one]), b = _mm256_set1_epi8((char)needle.ptr[other]);
	for (; end - at >= 32 && *tries > 0; at += 32) {
		__m256i p = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(const void *)(at + one)), a);
		__m256i q = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(const void *)(at + other)), b);
		uint32_t bits = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(p, q));
		for (; bits != 0; bits &= bits - 1) {
			const uint8_t *place = at + __builtin_ctz(bits);
			*hit = memcmp(place, needle.ptr, needle.len) == 0;
			if (*hit)
				return place;
			*tries -= *tries > 0;
		}
	}
	return at;
}
#endif

/* Sixteen places at a time, by two octets of the needle: of ordinary text hardly a place is left to be compared in full.
 * The last step looks at sixteen places that end at `end`, some of them for the second time. Looks at [at, end) when there
 * are sixteen places and returns where it stopped; *hit when found. A text made to have many such places is left to memmem
 * after a few, which is linear whatever it is given. */
static const uint8_t *find_wide(const uint8_t *at, const uint8_t *end, struct slice needle, size_t one, size_t other,
								bool *hit)
{
	__m128i a = _mm_set1_epi8((char)needle.ptr[one]), b = _mm_set1_epi8((char)needle.ptr[other]);
	unsigned tries = 64;
	if (end - at < 16)
		return at;
#ifdef CPU_WIDE
	if (end - at >= 64 && cpu_is_wide())
		at = find_wider(at, end, needle, one, other, &tries, hit);
#endif
	while (!*hit && at < end && tries > 0) {
		const uint8_t *from = end - at < 16 ? end - 16 : at;
		for (uint32_t bits = both_at(from + one, from + other, a, b); bits != 0; bits &= bits - 1) {
			const uint8_t *p = from + __builtin_ctz(bits);
			if (memcmp(p, needle.ptr, needle.len) == 0) {
				*hit = true;
				return p;
			}
			tries -= tries > 0;
		}
		at = from + 16;
	}
	return at;
}

size_t slice_count_octet(struct slice s, uint8_t octet)
{
	size_t i = 0, count = 0;
	__m128i wanted = _mm_set1_epi8((char)octet), sums = _mm_setzero_si128();
	for (; s.len - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(s.ptr + i));
		__m128i ones = _mm_and_si128(_mm_cmpeq_epi8(v, wanted), _mm_set1_epi8(1));
		sums = _mm_add_epi64(sums, _mm_sad_epu8(ones, _mm_setzero_si128()));
	}
	for (; i < s.len; i++)
		count += s.ptr[i] == octet;
	return count + (size_t)_mm_cvtsi128_si64(sums) + (size_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums));
}
#else
static const uint8_t *find_wide(const uint8_t *at, const uint8_t *end, struct slice needle, size_t one, size_t other,
								bool *hit)
{
	(void)end, (void)needle, (void)one, (void)other, (void)hit;
	return at;
}

size_t slice_count_octet(struct slice s, uint8_t octet)
{
	size_t count = 0;
	for (size_t i = 0; i < s.len; i++)
		count += s.ptr[i] == octet;
	return count;
}
#endif

size_t slice_find_by(struct slice s, struct slice needle, size_t from, size_t one, size_t other)
{
	if (from > s.len || needle.len > s.len - from)
		return SIZE_MAX;
	if (needle.len < 2)
		return needle.len == 0 ? from : slice_find_octet(s, needle.ptr[0], from);
	const uint8_t *at = s.ptr + from, *end = s.ptr + s.len - needle.len + 1;
	bool hit = false;
	at = find_wide(at, end, needle, one, other, &hit);
	if (hit)
		return (size_t)(at - s.ptr);
	for (unsigned tries = 0; tries < 16; tries++, at++) {
		at = at < end ? memchr(at + one, needle.ptr[one], (size_t)(end - at)) : NULL;
		if (at == NULL)
			return SIZE_MAX;
		at -= one;
		if (memcmp(at, needle.ptr, needle.len) == 0)
			return (size_t)(at - s.ptr);
	}
	at = memmem(at, (size_t)(s.ptr + s.len - at), needle.ptr, needle.len);
	return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

size_t slice_find(struct slice s, struct slice needle, size_t from)
{
	return slice_find_by(s, needle, from, 0, needle.len - (needle.len > 0));
}

static bool is_space(uint8_t octet)
{
	return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

struct slice slice_trim_ends(struct slice s)
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

bool slice_star_match(struct slice pattern, struct slice text)
{
	size_t p = 0, n = 0, star = SIZE_MAX, mark = 0;
	while (n < text.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			mark = n;
		} else if (p < pattern.len && pattern.ptr[p] == text.ptr[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++mark;
		} else
			return false;
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}
