/* What every unit test here begins with. */
#ifndef TESTS_UNIT_COMMON_TEST_H
#define TESTS_UNIT_COMMON_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/common.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static inline void assert_slice(struct slice got, struct slice wanted)
{
	if (!slice_equal(got, wanted))
		fail_msg("got \"%.*s\", wanted \"%.*s\"", (int)got.len, got.len == 0 ? "" : (const char *)got.ptr,
				 (int)wanted.len, wanted.len == 0 ? "" : (const char *)wanted.ptr);
}

/* A small generator with a printed seed is enough: the same run every time. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return random_next(state) % n;
}

#endif
