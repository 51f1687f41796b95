/* T16, as an attacker tries it: unique keys without end, so that memory runs out or the window that watches him is thrown
 * away. Neither happens: what is there goes on, keys past the budget are refused and counted, and memory is what the budget
 * says; with a directory to spill to none is refused at all. FLOOD=10000000 is the whole flood against the budget of a real engine; without it both are a fiftieth of that. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

#define FLOOD_KEYS 200000u
#define FLOOD_WHOLE 10000000u

/* ---- memory that says how much of it is out ---- */

struct meter {
	uint64_t now, most;
};

#define METER_HEAD 16u /* the size, and the alignment of malloc */

static void *meter_resize(void *ctx, void *ptr, size_t size)
{
	struct meter *meter = ctx;
	uint8_t *old = ptr == NULL ? NULL : (uint8_t *)ptr - METER_HEAD;
	uint64_t before = old == NULL ? 0 : get_u64(old);
	uint8_t *block = fake_must(realloc(old, size + METER_HEAD));
	put_u64(block, size);
	meter->now += size - before;
	if (meter->now > meter->most)
		meter->most = meter->now;
	return block + METER_HEAD;
}

static void meter_release(void *ctx, void *ptr)
{
	struct meter *meter = ctx;
	if (ptr == NULL)
		return;
	meter->now -= get_u64((uint8_t *)ptr - METER_HEAD);
	free((uint8_t *)ptr - METER_HEAD);
}

/* ---- matches ---- */

struct flood {
	struct scene s;
	struct meter meter;
	struct match_writer writer;
	struct buffer key;
	const uint8_t *rule;
	uint64_t sequence, offset;
};

static void match(struct flood *f, const struct correlation *c, int64_t second, const char *user)
{
	buffer_reset(&f->key);
	tuple_add(&f->key, KEY_TEXT, slice_str(user));
	struct match_entry entry = {.kind = MATCH_ENTRY,
								.when_ns = T0 + second * NS_PER_S,
								.observed_ns = T0 + second * NS_PER_S,
								.event = {.collector = {1}, .epoch = 1, .sequence = f->sequence++},
								.correlation = c->rule.digest,
								.rule = f->rule,
								.source = SLICE("ip 192.0.2.1"),
								.key = buffer_slice(&f->key),
								.spelling = buffer_slice(&f->key)};
	match_writer_add(&f->writer, &entry);
}

static void hand_over(struct flood *f, int64_t second)
{
	struct slice record;
	struct match_entry clock = {.kind = MATCH_CLOCK, .offset = f->offset, .clock_ns = T0 + second * NS_PER_S};
	match_writer_add(&f->writer, &clock);
	assert_int_equal(match_writer_finish(&f->writer, &record, NULL), 0);
	assert_int_equal(temporal_record(f->s.p.temporal, 0, f->offset++, record, NULL), 0);
	match_writer_reset(&f->writer);
	assert_int_equal(temporal_flush(f->s.p.temporal, NULL), 0);
}

static struct temporal_stats stats_of(const struct flood *f)
{
	struct temporal_stats stats;
	temporal_stats(f->s.p.temporal, &stats);
	return stats;
}

/* Half an hour of keys that nobody has seen. */
static void flood_keys(struct flood *f, const struct correlation *c, uint64_t from, uint64_t keys)
{
	for (uint64_t n = 0; n < keys; n++) {
		char user[32];
		int64_t second = 60 + (int64_t)(n * 1800 / keys);
		snprintf(user, sizeof(user), "user%012llu", (unsigned long long)(from + n));
		match(f, c, second, user);
		if (n % 1000 == 999 || n + 1 == keys)
			hand_over(f, second);
	}
}

static void flood_open(struct flood *f, uint64_t keys)
{
	f->s.p.window_bytes = (uint64_t)LIMIT_window_bytes * keys / FLOOD_WHOLE;
	if (f->s.p.fake == NULL)
		f->s.p.fake = fake_new(1);
	f->s.p.fake->env.memory = (struct env_memory){meter_resize, meter_release, &f->meter};
	f->rule = f->s.rules->rules[f->s.a]->digest;
	pipeline_open(&f->s.p, f->s.rules, 1, 1, 1);
	match_writer_init(&f->writer, &f->s.p.fake->env);
	buffer_init(&f->key, &f->s.p.fake->env);
}

static uint64_t ledger_keys(const struct scene *s)
{
	uint64_t told = 0;
	char keys[32];
	for (uint32_t i = 0; i < s->t.count; i++)
		if (s->t.rows[i].kind == ROW_LEDGER && json_says(s->t.rows[i].json, "keys", keys, sizeof(keys)))
			told += strtoull(keys, NULL, 10);
	return told;
}

static uint64_t keys_wanted(void)
{
	const char *wanted = getenv("FLOOD");
	return wanted != NULL ? strtoull(wanted, NULL, 10) : FLOOD_KEYS;
}

static void test_flood_of_keys(void **state)
{
	struct flood f = {0};
	uint64_t keys = keys_wanted();
	(void)state;
	scene_begin(&f.s);
	uint32_t refers[] = {f.s.a};
	const struct correlation *slow = correlate(&f.s, CORRELATION_EVENT_COUNT, 1, by_user, 86400, COMPARE_GTE, 3);
	const struct correlation *other = rules_correlation(f.s.rules, "other", CORRELATION_EVENT_COUNT, refers, 1, by_user,
														NULL, 86400 * NS_PER_S, COMPARE_GTE, 2);
	flood_open(&f, keys);
	uint64_t budget = f.s.p.window_bytes;
	match(&f, slow, 0, "slow burner");
	hand_over(&f, 30);
	uint64_t before = f.meter.now;
	flood_keys(&f, slow, 0, keys); /* the same rule: his own keys cost him new ones, not the window */
	struct temporal_stats stats = stats_of(&f);
	assert_int_equal(stats.windows + stats.refused_keys, keys + 1);
	assert_true(stats.refused_keys > keys / 2 && stats.windows > keys / 4);
	assert_true(stats.window_bytes <= budget + budget / 8);
	assert_true(f.meter.most <= before + budget + budget / 4);
	/* rules that are not flooded get keys as before; so does nobody past an eighth more */
	match(&f, other, 2000, "somebody");
	match(&f, other, 2001, "somebody");
	match(&f, slow, 2002, "slow burner");
	match(&f, slow, 2003, "slow burner");
	hand_over(&f, 2400);
	assert_int_equal(stats_of(&f).windows, stats.windows + 1);
	/* and when his windows have passed, so have the octets */
	hand_over(&f, 3 * 86400);
	assert_int_equal(stats_of(&f).window_bytes, 0);
	assert_true(f.meter.now <= before + budget / 8);
	assert_true(f.meter.most <= before + budget + budget / 4);
	match(&f, slow, 3 * 86400, "new again");
	hand_over(&f, 3 * 86400 + 60);
	assert_int_equal(stats_of(&f).windows, 1);
	tellings_read(&f.s.p, &f.s.t);
	assert_int_equal(tellings_count(&f.s.t, ROW_INCIDENT, true), 2);
	says(final_of(&f.s, "slow burner"), "count", "3");
	says(final_of(&f.s, "somebody"), "count", "2");
	assert_int_equal(ledger_keys(&f.s), stats.refused_keys);
	match_writer_free(&f.writer);
	buffer_free(&f.key);
	scene_close(&f.s);
	assert_int_equal(f.meter.now, 0);
}

/* The same flood, with a disk: every key is taken, memory is what the budget says, and one that was spilled goes on. */
static void test_flood_spilled(void **state)
{
	struct flood f = {0};
	uint64_t keys = keys_wanted();
	(void)state;
	scene_begin(&f.s);
	const struct correlation *slow = correlate(&f.s, CORRELATION_EVENT_COUNT, 1, by_user, 86400, COMPARE_GTE, 3);
	f.s.p.spill_dir = "/spill";
	f.s.p.fake = fake_new(1);
	assert_int_equal(f.s.p.fake->env.files.mkdir(f.s.p.fake->env.files.ctx, "/spill"), 0);
	flood_open(&f, keys);
	uint64_t budget = f.s.p.window_bytes, before = f.meter.now;
	match(&f, slow, 0, "slow burner");
	hand_over(&f, 30);
	flood_keys(&f, slow, 0, keys);
	struct temporal_stats stats = stats_of(&f);
	assert_int_equal(stats.windows, keys + 1);
	assert_int_equal(stats.refused_keys, 0);
	assert_true(stats.spilled_keys > keys / 2 && stats.window_bytes <= budget && stats.spill_bytes > 0);
	assert_true(f.meter.most <= before + budget + budget / 4);
	if (getenv("FLOOD") != NULL)
		print_message("spilled %llu, disk %llu, state %llu, memory %llu\n", (unsigned long long)stats.spilled_keys,
					  (unsigned long long)stats.spill_bytes, (unsigned long long)stats.window_bytes,
					  (unsigned long long)f.meter.most);
	match(&f, slow, 2002, "slow burner");
	match(&f, slow, 2003, "slow burner");
	hand_over(&f, 2400);
	assert_int_equal(stats_of(&f).windows, keys + 1);
	assert_true(stats_of(&f).unspilled >= 1);
	hand_over(&f, 3 * 86400);
	stats = stats_of(&f);
	assert_true(stats.windows == 0 && stats.window_bytes == 0 && stats.spilled_keys == 0 && stats.spill_bytes == 0);
	assert_int_equal(fake_files_used(f.s.p.fake), 0);
	assert_true(f.meter.now <= before + budget / 8);
	tellings_read(&f.s.p, &f.s.t);
	assert_int_equal(tellings_count(&f.s.t, ROW_INCIDENT, true), 1);
	says(final_of(&f.s, "slow burner"), "count", "3");
	assert_int_equal(tellings_count(&f.s.t, ROW_LEDGER, false), 0);
	match_writer_free(&f.writer);
	buffer_free(&f.key);
	scene_close(&f.s);
	assert_int_equal(f.meter.now, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood_of_keys),
		cmocka_unit_test(test_flood_spilled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
