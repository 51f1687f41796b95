/* Memory that fails at the nth call, for every n, in detect, temporal and restoring; checkpoints with damage. Nothing
 * leaks, nothing crashes, and what failed says so from then on. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/pipeline.h"

static struct ruleset *some_rules(void)
{
	static const char *const by_user[] = {"user", NULL}, *const by_host[] = {"host", NULL};
	struct ruleset *r = rules_new();
	uint32_t base[] = {rules_base(r, "a", true, LEVEL_HIGH), rules_base(r, "b", false, LEVEL_LOW)};
	struct correlation *few =
		rules_correlation(r, "few", CORRELATION_EVENT_COUNT, base, 1, by_user, NULL, 10 * NS_PER_S, COMPARE_LTE, 5);
	struct correlation *many =
		rules_correlation(r, "many", CORRELATION_EVENT_COUNT, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE, 2);
	rules_correlation(r, "values", CORRELATION_VALUE_COUNT, base, 2, by_user, by_host, 10 * NS_PER_S, COMPARE_GTE, 2);
	rules_correlation(r, "both", CORRELATION_TEMPORAL, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE, 2)
		->distinct_events = true;
	rules_correlation(r, "ordered", CORRELATION_TEMPORAL_ORDERED, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE,
					  2);
	static const char *const by_amount[] = {"amount", NULL};
	rules_correlation(r, "sum", CORRELATION_VALUE_SUM, base, 2, by_user, by_amount, 10 * NS_PER_S, COMPARE_GTE, 3)
		->suppress_ns = 20 * NS_PER_S;
	rules_correlation(r, "middle", CORRELATION_VALUE_PERCENTILE, base, 2, by_user, by_amount, 10 * NS_PER_S, COMPARE_LT,
					  3)
		->percentile = 50;
	rules_correlation(r, "new", CORRELATION_VALUE_COUNT, base, 2, by_user, by_host, 10 * NS_PER_S, COMPARE_GTE, 1)
		->history_ns = 15 * NS_PER_S;
	rules_correlation(r, "until", CORRELATION_TEMPORAL_ORDERED, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE, 1)
		->until = true;
	struct correlation *silent =
		rules_correlation(r, "silent", CORRELATION_EVENT_COUNT, base, 1, by_user, NULL, 10 * NS_PER_S, COMPARE_EQ, 0);
	struct slice *keys = fake_must(calloc(2, sizeof(*keys)));
	keys[0] = SLICE("ann");
	keys[1] = SLICE("10.0.0.1");
	silent->keys = keys;
	silent->key_count = 2;
	struct correlation *listed =
		rules_correlation(r, "listed", CORRELATION_TEMPORAL, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE, 2);
	struct correlation_list *list = fake_must(calloc(1, sizeof(*list)));
	*list = (struct correlation_list){SLICE("on"), .add = 2, .ttl_ns = 20 * NS_PER_S};
	listed->lists = list;
	listed->list_count = 1;
	uint32_t inner[] = {many->rule.index, few->rule.index};
	rules_correlation(r, "outer", CORRELATION_TEMPORAL, inner, 2, by_host, NULL, 60 * NS_PER_S, COMPARE_GTE, 1);
	return r;
}

static void write_some(struct pipeline *p, int count, bool end)
{
	static const char *const users[] = {"ann", "bob", "cid"}, *const hosts[] = {"h1", "h2"},
							 *const sources[] = {"ip 1", "ip 2"};
	for (int i = 0; i < count; i++) {
		const char *fields[] = {
			"hit", i % 3 == 0 ? "b" : "a", "user", users[i % 3], "host", hosts[i / 7 % 2], "amount", "1.5", NULL};
		put_event(p, 0, 0, sources[i % 2], T0 + i / 2 * NS_PER_S, T0 + i * NS_PER_S, fields);
		if (i % 5 == 0)
			put_tick(p, 0, 0, T0 + i * NS_PER_S);
	}
	if (end)
		tick_all(p, 1, T0 + 40 * NS_PER_DAY);
	batch_close(p);
}

/* As pipeline_run, but gives up at the first error. */
static bool run_until_failure(struct pipeline *p)
{
	for (uint32_t i = 0; i < p->events[0].count; i++)
		if (detect_record(p->detect, 0, i, queue_at(&p->events[0], i), NULL) < 0)
			return false;
	if (detect_flush(p->detect, NULL) < 0)
		return false;
	for (uint32_t i = 0; i < p->matches[0].count; i++) {
		if (temporal_record(p->temporal, 0, i, queue_at(&p->matches[0], i), NULL) < 0)
			return false;
		if (temporal_flush(p->temporal, NULL) < 0)
			return false;
	}
	return true;
}

static void test_nth_allocation(void **state)
{
	struct ruleset *rules = some_rules();
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct pipeline p = {0};
		pipeline_open(&p, rules, 1, 1, 1);
		write_some(&p, 60, true);
		p.fake->memory.calls = p.fake->memory.failed = 0;
		p.fake->memory.fail_at = n;
		bool whole = run_until_failure(&p);
		bool reached = p.fake->memory.failed > 0;
		p.fake->memory.fail_at = 0;
		assert_true(whole || reached);
		/* growing a table is not needed to be right, so a refused allocation may go unnoticed; a noticed one stays */
		pipeline_close(&p);
		if (!reached)
			break;
	}
	rules_drop(rules);
}

static void test_nth_allocation_in_new(void **state)
{
	struct ruleset *rules = some_rules();
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct pipeline p = {0};
		pipeline_open(&p, rules, 1, 2, 2);
		p.fake->memory.calls = p.fake->memory.failed = 0;
		p.fake->memory.fail_at = n;
		struct detect *d = pipeline_detect_new(&p);
		struct temporal *t = pipeline_temporal_new(&p);
		bool reached = p.fake->memory.failed > 0;
		p.fake->memory.fail_at = 0;
		assert_true(reached == (d == NULL || t == NULL));
		detect_free(d);
		temporal_free(t);
		pipeline_close(&p);
		if (!reached)
			break;
	}
	rules_drop(rules);
}

static void make_checkpoint(struct pipeline *p, struct buffer *out)
{
	write_some(p, 60, false);
	pipeline_run(p);
	buffer_init(out, &p->fake->env);
	assert_int_equal(temporal_save(p->temporal, out), 0);
}

static void test_nth_allocation_in_restore(void **state)
{
	struct ruleset *rules = some_rules();
	struct pipeline p = {0};
	struct buffer saved;
	(void)state;
	pipeline_open(&p, rules, 1, 1, 1);
	make_checkpoint(&p, &saved);
	for (uint64_t n = 1;; n++) {
		struct temporal *t = pipeline_temporal_new(&p);
		p.fake->memory.calls = p.fake->memory.failed = 0;
		p.fake->memory.fail_at = n;
		int result = temporal_restore(t, buffer_slice(&saved), NULL);
		bool reached = p.fake->memory.failed > 0;
		p.fake->memory.fail_at = 0;
		assert_true(result == 0 || reached);
		if (result < 0)
			assert_true(temporal_flush(t, NULL) < 0);
		temporal_free(t);
		if (!reached)
			break;
	}
	buffer_free(&saved);
	pipeline_close(&p);
	rules_drop(rules);
}

/* A restored stage saves what it was restored from: same windows, same texts, whatever the order they lie in. */
static void test_restored_is_the_same(void **state)
{
	struct ruleset *rules = some_rules();
	struct pipeline p = {0};
	struct buffer saved, again;
	struct temporal_stats before, after;
	(void)state;
	pipeline_open(&p, rules, 1, 1, 1);
	make_checkpoint(&p, &saved);
	buffer_init(&again, &p.fake->env);
	struct temporal *t = pipeline_temporal_new(&p);
	assert_int_equal(temporal_restore(t, buffer_slice(&saved), NULL), 0);
	assert_int_equal(temporal_save(t, &again), 0);
	assert_int_equal(saved.len, again.len);
	temporal_stats(p.temporal, &before);
	temporal_stats(t, &after);
	assert_true(before.windows == after.windows && before.windows > 5);
	assert_true(before.window_bytes == after.window_bytes);
	temporal_free(t);
	buffer_free(&saved);
	buffer_free(&again);
	pipeline_close(&p);
	rules_drop(rules);
}

static void try_checkpoint(struct pipeline *p, const uint8_t *octets, size_t len, bool may_hold)
{
	struct temporal *t = pipeline_temporal_new(p);
	int result = temporal_restore(t, slice_of(octets, len), NULL);
	assert_true(may_hold || result < 0);
	if (result == 0)
		assert_int_equal(temporal_end(t, NULL), 0);
	temporal_free(t);
}

static void test_damaged_checkpoints(void **state)
{
	struct ruleset *rules = some_rules();
	struct pipeline p = {0};
	struct buffer saved;
	(void)state;
	pipeline_open(&p, rules, 1, 1, 1);
	make_checkpoint(&p, &saved);
	uint8_t *copy = fake_must(malloc(saved.len));
	for (size_t cut = 0; cut < saved.len; cut += cut < 512 ? 1 : 97)
		try_checkpoint(&p, saved.ptr, cut, false);
	for (size_t at = 0; at < saved.len; at += 1 + at / 4096) {
		memcpy(copy, saved.ptr, saved.len);
		copy[at] ^= (uint8_t)(1u << at % 8);
		if (at % 31 == 0)
			try_checkpoint(&p, copy, saved.len, false);
		if (at >= saved.len - 8)
			continue;
		put_u64(copy + saved.len - 8, xxh3(slice_of(copy, saved.len - 8)));
		try_checkpoint(&p, copy, saved.len, true);
	}
	free(copy);
	buffer_free(&saved);
	pipeline_close(&p);
	rules_drop(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nth_allocation),
		cmocka_unit_test(test_nth_allocation_in_new),
		cmocka_unit_test(test_nth_allocation_in_restore),
		cmocka_unit_test(test_restored_is_the_same),
		cmocka_unit_test(test_damaged_checkpoints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
