/* Registers wider than the build may count on, where the processor has them: a function marked CPU_WIDE is called when
 * cpu_is_wide() says so, and never otherwise. Any thread; no state.
 */
#ifndef COMMON_CPU_H
#define COMMON_CPU_H

#include <stdbool.h>

#ifdef __x86_64__
#define CPU_WIDE __attribute__((target("avx2")))
#include <immintrin.h>

static inline bool cpu_is_wide(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}
#endif

#endif
