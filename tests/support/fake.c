#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>

void *fake_must(void *ptr)
{
	if (!ptr) {
		fprintf(stderr, "test double: out of memory\n");
		abort();
	}
	return ptr;
}

/* ---- clock ---- */

static int64_t look(struct fake *fake, int64_t *which)
{
	fake->clock.now_ns += fake->clock.tick_ns;
	fake->clock.boot_ns += fake->clock.tick_ns;
	return *which;
}

static int64_t now_ns(void *ctx)
{
	struct fake *fake = ctx;
	return look(fake, &fake->clock.now_ns);
}

static int64_t boot_ns(void *ctx)
{
	struct fake *fake = ctx;
	return look(fake, &fake->clock.boot_ns);
}

void fake_clock_set(struct fake *fake, int64_t ns)
{
	fake->clock.now_ns = ns;
}

void fake_clock_advance(struct fake *fake, int64_t ns)
{
	fake->clock.now_ns += ns;
	fake->clock.boot_ns += ns;
}

/* ---- randomness: splitmix64 ---- */

uint64_t fake_random(struct fake *fake)
{
	uint64_t z = fake->random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t fake_random_below(struct fake *fake, uint64_t n)
{
	return n ? fake_random(fake) % n : 0;
}

static int fill(void *ctx, void *buf, size_t len)
{
	uint8_t *p = buf;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)fake_random(ctx);
	return 0;
}

/* ---- memory ---- */

static void *resize(void *ctx, void *ptr, size_t size)
{
	struct fake_memory *memory = &((struct fake *)ctx)->memory;
	memory->calls++;
	if (memory->fail_at &&
		(memory->calls == memory->fail_at || (memory->fail_forever && memory->calls > memory->fail_at))) {
		memory->failed++;
		return NULL;
	}
	void *out = fake_must(realloc(ptr, size));
	if (!ptr)
		memory->outstanding++;
	return out;
}

static void release(void *ctx, void *ptr)
{
	if (!ptr)
		return;
	((struct fake *)ctx)->memory.outstanding--;
	free(ptr);
}

struct fake *fake_new(uint64_t seed)
{
	struct fake *fake = fake_must(calloc(1, sizeof(*fake)));
	fake->random = seed;
	fake->clock.now_ns = INT64_C(1767225600) * 1000000000;
	fake->clock.boot_ns = INT64_C(1000) * 1000000000;
	fake->env.clock = (struct env_clock){now_ns, boot_ns, fake};
	fake->env.random = (struct env_random){fill, fake};
	fake->env.memory = (struct env_memory){resize, release, fake};
	fake_files_init(fake);
	fake_sockets_init(fake);
	return fake;
}

void fake_free(struct fake *fake)
{
	if (!fake)
		return;
	fake_files_free(fake);
	fake_sockets_free(fake);
	free(fake);
}
