/* Counters: what happened, for `status` and metrics. A table of u64 by name, one owner, added to without locks; other
 * threads may read a value at any time (relaxed atomics).
 */
#ifndef COMMON_COUNTERS_H
#define COMMON_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
	const char *name; /* "ingest.received" */
	const char *help;
	_Atomic uint64_t value;
};

static inline void counter_add(struct counter *c, uint64_t n)
{
	atomic_store_explicit(&c->value, atomic_load_explicit(&c->value, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t counter_get(const struct counter *c)
{
	return atomic_load_explicit(&((struct counter *)(uintptr_t)c)->value, memory_order_relaxed);
}

#endif
