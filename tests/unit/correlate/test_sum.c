/* Sums without error: what comes and goes in any order leaves the same number, rounded once. */
#include "correlate/sum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static double sum_of(const double *numbers, size_t count)
{
	struct sum s = {0};
	for (size_t i = 0; i < count; i++)
		sum_add(&s, numbers[i]);
	return sum_value(&s);
}

#define SUM(...) sum_of((const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* Each is wrong, or depends on the order, when doubles are added one to another. */
static void test_known_sums(void **state)
{
	(void)state;
	assert_true(SUM(1e16, 1, -1e16) == 1);
	assert_true(SUM(1e300, -1e300, 0x1p-1074) == 0x1p-1074);
	assert_true(SUM(1, 0x1p-53) == 1); /* a tie goes to the even neighbour */
	assert_true(SUM(1, 0x1p-53, 0x1p-1074) == 1 + 0x1p-52); /* what lies far below the tie decides it */
	assert_true(SUM(1 + 0x1p-52, 0x1p-53) == 1 + 0x1p-51);
	assert_true(SUM(-1, -0x1p-53, -0x1p-1074) == -(1 + 0x1p-52));
	assert_true(SUM(0.1, 0.2, -0.3) == 0x1p-55); /* 2^-54 when it is rounded twice */
	assert_true(SUM(0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023) == 0);
	assert_true(SUM(0x1.fffffffffffffp1023, 0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023) == 0x1.fffffffffffffp1023);
	assert_true(isinf(SUM(0x1.fffffffffffffp1023, 0x1.fffffffffffffp1023)));
	assert_true(SUM(0x1p-1022, -0x1p-1074) == 0x0.fffffffffffffp-1022);
	assert_true(SUM(-3, 1) == -2);
	assert_true(SUM(-0.0) == 0 && SUM(0) == 0);
}

static uint64_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 11;
}

/* Any finite double, small and large ones alike. */
static double any(uint64_t *state)
{
	for (;;) {
		uint64_t bits = next(state) << 32 ^ next(state);
		double d;
		memcpy(&d, &bits, 8);
		if (isfinite(d))
			return d;
	}
}

static void test_what_came_goes(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (int round = 0; round < 300; round++) {
		double numbers[40], some = 0;
		struct sum s = {0}, again = {0};
		for (int i = 0; i < 40; i++) {
			numbers[i] = any(&seed);
			sum_add(&s, numbers[i]);
		}
		some = numbers[7];
		for (int i = 0; i < 40; i++)
			if (i != 7)
				sum_take(&s, numbers[i]);
		assert_true(sum_value(&s) == some);
		for (int i = 39; i >= 0; i--)
			sum_add(&again, numbers[i]);
		sum_take(&s, some);
		assert_true(sum_value(&s) == 0);
		for (int i = 0; i < 40; i++)
			sum_add(&s, numbers[i]);
		assert_memory_equal(&s, &again, sizeof(s));
	}
}

/* Against whole numbers, which doubles add without error. */
static void test_whole_numbers(void **state)
{
	(void)state;
	uint64_t seed = 2;
	struct sum s = {0};
	int64_t expected = 0;
	for (int i = 0; i < 100000; i++) {
		int64_t n = (int64_t)(next(&seed) % 2000001) - 1000000;
		expected += n;
		sum_add(&s, (double)n);
		if (i % 97 == 0)
			assert_true(sum_value(&s) == (double)expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_sums),
		cmocka_unit_test(test_what_came_goes),
		cmocka_unit_test(test_whole_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
