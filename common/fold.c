#include "common/text.h"

#include "common/cpu.h"
#include "common/fold_table.h"
#include "common/format.h"

#define RANGES (sizeof fold_ranges / sizeof fold_ranges[0])

uint32_t fold_code_point(uint32_t code_point)
{
	if (code_point < 0x80)
		return code_point - 'A' < 26 ? code_point | 0x20 : code_point;
	/* Chinese, Japanese kana and what lies between Coptic and Cyrillic Extended-B has no case. */
	if (code_point >= 0x2d00 && code_point < 0xa640)
		return code_point;
	size_t low = 0, high = RANGES;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (fold_ranges[middle].last < code_point)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == RANGES || code_point < fold_ranges[low].first)
		return code_point;
	const struct fold_range *r = &fold_ranges[low];
	return (code_point - r->first) % r->stride == 0 ? (uint32_t)((int32_t)code_point + r->delta) : code_point;
}

/* Sixteen octets at once: the vector extension of gcc and clang, which every processor we build for can do. */
typedef uint8_t sixteen __attribute__((vector_size(16)));

/* Folds 16 octets when all are ASCII; false and nothing of use in `out` when not. */
static bool fold_sixteen(const uint8_t *s, uint8_t *out)
{
	sixteen v;
	if (((get_u64(s) | get_u64(s + 8)) & UINT64_C(0x8080808080808080)) != 0)
		return false;
	memcpy(&v, s, sizeof v);
	v |= (sixteen)((v - 'A') < 26) & 0x20;
	memcpy(out, &v, sizeof v);
	return true;
}

/* The same for eight: an octet is a capital when adding what lacks to 0x80 from 'A' carries and from 'Z' + 1 does not. */
static bool fold_eight(const uint8_t *s, uint8_t *out)
{
	uint64_t v = get_u64(s), ones = UINT64_C(0x0101010101010101);
	if ((v & ones * 0x80) != 0)
		return false;
	put_u64(out, v | (((v + ones * (0x80 - 'A')) & ~(v + ones * (0x7f - 'Z')) & ones * 0x80) >> 2));
	return true;
}

#ifdef CPU_WIDE
/* Of many octets those before the first 32 that are not all ASCII, 32 at a time; returns how many. */
CPU_WIDE static size_t fold_wide(const uint8_t *s, size_t len, uint8_t *out)
{
	const __m256i before = _mm256_set1_epi8('A' - 1), behind = _mm256_set1_epi8('Z' + 1), bit = _mm256_set1_epi8(0x20);
	size_t i = 0;
	for (; i + 32 <= len; i += 32) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(s + i));
		if (_mm256_movemask_epi8(v) != 0)
			break;
		__m256i capital = _mm256_and_si256(_mm256_cmpgt_epi8(v, before), _mm256_cmpgt_epi8(behind, v));
		_mm256_storeu_si256((__m256i *)(void *)(out + i), _mm256_or_si256(v, _mm256_and_si256(capital, bit)));
	}
	return i;
}
#endif

/* Folds the ASCII octets at s; returns how many there were. The last octets of what is long enough are folded together
 * with some before them: twice is as good as once. */
static size_t fold_ascii(const uint8_t *s, size_t len, uint8_t *out)
{
	size_t i = 0;
#ifdef CPU_WIDE
	if (len >= 64 && cpu_is_wide())
		i = fold_wide(s, len, out);
#endif
	while (i + 16 <= len && fold_sixteen(s + i, out + i))
		i += 16;
	if (i + 16 > len && len >= 16 && i < len && fold_sixteen(s + len - 16, out + len - 16))
		return len;
	if (i + 8 <= len && fold_eight(s + i, out + i))
		i += 8;
	if (i + 8 > len && len >= 8 && i < len && fold_eight(s + len - 8, out + len - 8))
		return len;
	for (; i < len && s[i] < 0x80; i++)
		out[i] = (uint8_t)(s[i] | (s[i] - (unsigned)'A' < 26 ? 0x20 : 0));
	return i;
}

size_t fold(struct slice s, uint8_t *out)
{
	if (s.len == 0) /* and maybe no place */
		return 0;
	const uint8_t *p = s.ptr, *end = s.ptr + s.len;
	uint8_t *to = out;
	while (p < end) {
		size_t ascii = fold_ascii(p, (size_t)(end - p), to);
		p += ascii;
		to += ascii;
		while (p < end && *p >= 0x80) {
			uint32_t code_point;
			unsigned n = utf8_decode(p, (size_t)(end - p), &code_point);
			if (n == 0)
				*to++ = *p++;
			else
				to += utf8_encode(fold_code_point(code_point), to);
			p += n;
		}
	}
	return (size_t)(to - out);
}

/* The next folded code point; an invalid octet stands for itself above all code points. */
static uint32_t next_folded(struct slice *s)
{
	uint32_t code_point;
	unsigned n = utf8_decode(s->ptr, s->len, &code_point);
	if (n == 0)
		code_point = 0x80000000u | s->ptr[0];
	else
		code_point = fold_code_point(code_point);
	n = n == 0 ? 1 : n;
	s->ptr += n;
	s->len -= n;
	return code_point;
}

bool fold_equal(struct slice a, struct slice b)
{
	while (a.len > 0 && b.len > 0) {
		if (a.ptr[0] == b.ptr[0] && a.ptr[0] < 0x80) {
			a = slice_from(a, 1);
			b = slice_from(b, 1);
		} else if (next_folded(&a) != next_folded(&b)) {
			return false;
		}
	}
	return a.len == b.len;
}
