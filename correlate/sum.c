#include "correlate/sum.h"

#include <math.h>

#define SMALLEST_EXPONENT (-1074)

/* Adds or takes the magnitude; what is carried stops where a word does not overflow. */
static void apply(struct sum *s, double number, bool add)
{
	uint64_t bits, low, high;
	memcpy(&bits, &number, 8);
	unsigned exponent = (unsigned)(bits >> 52 & 0x7ff), shift = exponent > 0 ? exponent - 1 : 0;
	uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | (uint64_t)(exponent > 0) << 52;
	unsigned word = shift / 64, bit = shift % 64;
	low = mantissa << bit;
	high = bit > 0 ? mantissa >> (64 - bit) : 0;
	bool carry;
	if (add) {
		carry = __builtin_add_overflow(s->words[word], low, &s->words[word]);
		high += carry; /* at most 53 bits: it does not overflow */
		carry = __builtin_add_overflow(s->words[word + 1], high, &s->words[word + 1]);
		for (word += 2; carry && word < SUM_WORDS; word++)
			carry = ++s->words[word] == 0;
		return;
	}
	carry = __builtin_sub_overflow(s->words[word], low, &s->words[word]);
	high += carry;
	carry = __builtin_sub_overflow(s->words[word + 1], high, &s->words[word + 1]);
	for (word += 2; carry && word < SUM_WORDS; word++)
		carry = s->words[word]-- == 0;
}

void sum_add(struct sum *s, double number)
{
	apply(s, number, !signbit(number));
}

void sum_take(struct sum *s, double number)
{
	apply(s, number, signbit(number) != 0);
}

static void negate(struct sum *s)
{
	bool carry = true;
	for (unsigned i = 0; i < SUM_WORDS; i++) {
		s->words[i] = ~s->words[i] + carry;
		carry = carry && s->words[i] == 0;
	}
}

/* 64 bits with the highest set one on top; what lies below them is told by the lowest bit, so that rounding sees it. */
static uint64_t top_bits(const struct sum *s, unsigned highest)
{
	if (highest < 64)
		return s->words[0];
	unsigned low = highest - 63, word = low / 64, bit = low % 64;
	uint64_t top = s->words[word] >> bit | (bit > 0 ? s->words[word + 1] << (64 - bit) : 0);
	bool below = bit > 0 && (s->words[word] & ((UINT64_C(1) << bit) - 1)) != 0;
	while (!below && word > 0)
		below = s->words[--word] != 0;
	return top | below;
}

double sum_value(const struct sum *sum)
{
	struct sum s = *sum;
	bool negative = s.words[SUM_WORDS - 1] >> 63;
	if (negative)
		negate(&s);
	unsigned word = SUM_WORDS;
	while (word > 0 && s.words[word - 1] == 0)
		word--;
	if (word == 0)
		return 0;
	unsigned highest = word * 64 - 1 - (unsigned)__builtin_clzll(s.words[word - 1]);
	int exponent = SMALLEST_EXPONENT + (highest < 64 ? 0 : (int)highest - 63);
	double value = ldexp((double)top_bits(&s, highest), exponent);
	return negative ? -value : value;
}
