/* Sums of doubles without error (T11): a fixed-point number as wide as all doubles are together.
 *
 * Adding is exact, so the sum of a set is the same in whatever order its numbers come and go; it is rounded once, when it is
 * read. Plain data; any thread.
 */
#ifndef CORRELATE_SUM_H
#define CORRELATE_SUM_H

#include "common/common.h"

#define SUM_WORDS 34u /* 2,098 bits of a double, and 64 for how many of them there are, and a sign */

struct sum {
	uint64_t words[SUM_WORDS]; /* two's complement, the lowest first; bit 0 is the smallest double */
};

void sum_add(struct sum *s, double number); /* finite */
void sum_take(struct sum *s, double number);
double sum_value(const struct sum *s); /* to nearest, ties to even; infinite past the range */

#endif
