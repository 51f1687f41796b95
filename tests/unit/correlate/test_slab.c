/* The slab and the wheel against plain models: whatever is taken, given back and moved, blocks keep their octets, and what is
 * due comes out at once and once. */
#include "correlate/wheel.h"

#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define BLOCKS 600u

struct model {
	uint32_t number;
	uint32_t bytes;
	uint8_t fill;
	int64_t due_ns;
	bool in;
};

static bool holds(const struct slab *slab, const struct model *m)
{
	const uint8_t *octets = slab_at(slab, m->number);
	for (uint32_t i = 0; i < m->bytes; i++)
		if (octets[i] != m->fill)
			return false;
	return (uintptr_t)octets % SLAB_GRANULE == 0;
}

static uint32_t some_bytes(struct fake *fake)
{
	static const uint32_t edges[] = {
		1, 7, 8, 9, SLAB_SHARED_GRANULES * SLAB_GRANULE, SLAB_SHARED_GRANULES * SLAB_GRANULE + 1, 100000};
	return fake_random_below(fake, 10) == 0 ? edges[fake_random_below(fake, 7)]
											: 1 + (uint32_t)fake_random_below(fake, 200);
}

static void test_blocks_keep_their_octets(void **state)
{
	struct fake *fake;
	struct slab slab;
	static struct model all[BLOCKS];
	(void)state;
	fake = fake_new(7);
	uint64_t before = fake->memory.outstanding;
	slab_init(&slab, &fake->env);
	memset(all, 0, sizeof(all));
	for (uint32_t round = 0; round < 20000; round++) {
		/* mostly taken, then mostly given back: pages fill up and go */
		bool fill = round / 2000 % 2 == 0;
		struct model *m = &all[fake_random_below(fake, BLOCKS)];
		if (m->number != 0 && (!fill || fake_random_below(fake, 4) == 0)) {
			assert_true(holds(&slab, m));
			slab_give(&slab, m->number);
			m->number = 0;
		} else if (m->number == 0 && (fill || fake_random_below(fake, 4) == 0)) {
			*m = (struct model){.bytes = some_bytes(fake), .fill = (uint8_t)round};
			m->number = slab_take(&slab, m->bytes);
			assert_int_not_equal(m->number, 0);
			memset(slab_at(&slab, m->number), m->fill, m->bytes);
		}
	}
	for (uint32_t i = 0; i < BLOCKS; i++)
		if (all[i].number != 0) {
			assert_true(holds(&slab, &all[i]));
			slab_give(&slab, all[i].number);
		}
	for (uint32_t i = 1; i < slab.page_count; i++)
		assert_null(slab.octets[i]); /* what is empty is given back */
	slab_free(&slab);
	assert_int_equal(fake->memory.outstanding, before);
	fake_free(fake);
}

static void test_no_memory_for_a_block(void **state)
{
	struct slab slab;
	(void)state;
	struct fake *fake = fake_new(1);
	uint64_t before = fake->memory.outstanding;
	slab_init(&slab, &fake->env);
	for (uint64_t n = 1; n <= 3; n++) { /* two arrays of pages, and a page */
		fake->memory.calls = 0;
		fake->memory.fail_at = n;
		assert_int_equal(slab_take(&slab, 40), 0);
	}
	fake->memory.fail_at = 0;
	assert_int_not_equal(slab_take(&slab, 40), 0);
	slab_free(&slab);
	assert_int_equal(fake->memory.outstanding, before);
	fake_free(fake);
}

/* ---- the wheel ---- */

static int64_t some_due(struct fake *fake, int64_t now_ns)
{
	int64_t far = (int64_t)(fake_random(fake) >> (1 + fake_random_below(fake, 63)));
	if (fake_random_below(fake, 20) == 0 && now_ns > INT64_MIN + 1000)
		return fake_random_below(fake, 2) == 0 ? INT64_MAX : now_ns - far % 1000; /* never, and overdue */
	return now_ns > INT64_MAX - far ? INT64_MAX : now_ns + far;
}

/* What is due comes out, and nothing that is not due by what the wheel knows of it. */
static void move_on(struct slab *slab, struct wheel *wheel, struct model *all, int64_t now_ns)
{
	bool early[BLOCKS];
	for (uint32_t i = 0; i < BLOCKS; i++)
		early[i] = all[i].in && wheel_due(wheel, all[i].number) < now_ns;
	assert_int_equal(wheel_move(wheel, now_ns), 0);
	for (uint32_t number; (number = wheel_take(wheel)) != 0;) {
		uint32_t i = 0;
		while (all[i].number != number)
			i++;
		assert_true(all[i].in && early[i]);
		wheel_link(slab, number)->slot = 0;
		all[i].in = false;
	}
	for (uint32_t i = 0; i < BLOCKS; i++)
		assert_true(!all[i].in || all[i].due_ns >= now_ns);
}

static void put_in(struct wheel *wheel, const struct model *m, int64_t now_ns)
{
	assert_int_equal(wheel_put(wheel, m->number, m->due_ns), 0);
	int64_t kept = wheel_due(wheel, m->number), due = m->due_ns < now_ns ? now_ns : m->due_ns;
	assert_true(kept >= now_ns && kept <= due && due - kept < INT64_C(1) << 28);
	if ((uint64_t)due >> 36 == (uint64_t)now_ns >> 36)
		assert_int_equal(kept, due); /* within a minute it is exact */
}

static void test_due_comes_out(void **state)
{
	struct slab slab;
	struct wheel wheel;
	static struct model all[BLOCKS];
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		int64_t now_ns = seed % 2 == 0 ? INT64_MIN : INT64_C(1767225600000000000);
		struct fake *fake = fake_new(seed);
		slab_init(&slab, &fake->env);
		wheel_init(&wheel, &slab, now_ns);
		for (uint32_t i = 0; i < BLOCKS; i++)
			all[i] = (struct model){.number = slab_take(&slab, sizeof(struct wheel_link))};
		for (uint32_t round = 0; round < 20000; round++) {
			struct model *m = &all[fake_random_below(fake, BLOCKS)];
			if (fake_random_below(fake, 200) == 0) {
				int64_t next_ns = some_due(fake, now_ns);
				if (next_ns > now_ns && next_ns < INT64_MAX) {
					move_on(&slab, &wheel, all, next_ns);
					now_ns = next_ns;
				}
				continue;
			}
			if (m->in)
				wheel_remove(&wheel, m->number);
			m->in = !m->in;
			m->due_ns = some_due(fake, now_ns);
			if (m->in)
				put_in(&wheel, m, now_ns);
		}
		move_on(&slab, &wheel, all, INT64_MAX);
		slab_free(&slab);
		fake_free(fake);
	}
}

/* Put and removed without end: what was given up is used again. */
static void test_slots_are_used_again(void **state)
{
	struct slab slab;
	struct wheel wheel;
	static uint32_t numbers[BLOCKS];
	(void)state;
	struct fake *fake = fake_new(1);
	slab_init(&slab, &fake->env);
	wheel_init(&wheel, &slab, 0);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		numbers[i] = slab_take(&slab, sizeof(struct wheel_link));
		assert_int_equal(wheel_put(&wheel, numbers[i], NS_PER_S), 0);
	}
	uint32_t pages = slab.page_count;
	for (uint32_t round = 0; round < 200000; round++) {
		uint32_t i = (uint32_t)fake_random_below(fake, BLOCKS);
		wheel_remove(&wheel, numbers[i]);
		assert_int_equal(wheel_put(&wheel, numbers[i], NS_PER_S + (int64_t)fake_random_below(fake, 1000)), 0);
	}
	assert_true(slab.page_count <= 2 * pages);
	for (uint32_t i = 0; i < BLOCKS; i++)
		wheel_remove(&wheel, numbers[i]);
	assert_int_equal(wheel_move(&wheel, INT64_MAX), 0);
	assert_int_equal(wheel_take(&wheel), 0);
	slab_free(&slab);
	fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_keep_their_octets),
		cmocka_unit_test(test_no_memory_for_a_block),
		cmocka_unit_test(test_due_comes_out),
		cmocka_unit_test(test_slots_are_used_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
