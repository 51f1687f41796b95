/* Keys on disk (T16): what comes out is what would have come out with memory without end, through restarts, a full disk and
 * damaged files; and what is on disk goes when its time has passed. SEEDS=n and SEED=first choose the streams. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

#define DIR_SPILL "/spill"
#define EVENTS 1200u

/* ---- a stream of many keys ---- */

struct world {
	struct scene s;
	struct buffer detect, temporal; /* saved */
	uint32_t detected, correlated;
	bool saved;
	uint64_t random;
	uint64_t bytes, refused, spilled, unspilled, failures; /* bytes: the most */
};

static uint32_t below(struct world *w, uint32_t n)
{
	uint64_t z = (w->random += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % n);
}

static void world_open(struct world *w, uint64_t seed, uint64_t window_bytes, bool spill)
{
	*w = (struct world){.random = seed};
	scene_begin(&w->s);
	correlate(&w->s, CORRELATION_EVENT_COUNT, 1, by_user, 600, COMPARE_GTE, 3);
	uint32_t refers[] = {w->s.a, w->s.b};
	rules_correlation(w->s.rules, "hosts", CORRELATION_VALUE_COUNT, refers, 2, by_user, by_host, 900 * NS_PER_S,
					  COMPARE_GTE, 3);
	rules_correlation(w->s.rules, "both", CORRELATION_TEMPORAL, refers, 2, by_user, NULL, 300 * NS_PER_S, COMPARE_GTE,
					  2);
	rules_correlation(w->s.rules, "then", CORRELATION_TEMPORAL_ORDERED, refers, 2, by_user, NULL, 400 * NS_PER_S,
					  COMPARE_GTE, 2);
	w->s.p.fake = fake_new(seed);
	assert_int_equal(w->s.p.fake->env.files.mkdir(w->s.p.fake->env.files.ctx, DIR_SPILL), 0);
	w->s.p.window_bytes = window_bytes;
	w->s.p.spill_dir = spill ? DIR_SPILL : NULL;
	pipeline_open(&w->s.p, w->s.rules, 1, 1, 1);
	buffer_init(&w->detect, &w->s.p.fake->env);
	buffer_init(&w->temporal, &w->s.p.fake->env);
}

static void world_close(struct world *w)
{
	buffer_free(&w->detect);
	buffer_free(&w->temporal);
	scene_close(&w->s);
}

static void look(struct world *w, bool last)
{
	struct temporal_stats s;
	temporal_stats(w->s.p.temporal, &s);
	if (s.window_bytes > w->bytes)
		w->bytes = s.window_bytes;
	if (!last)
		return;
	w->refused += s.refused_keys;
	w->spilled += s.spilled;
	w->unspilled += s.unspilled;
	w->failures += s.spill_failures;
}

static void save(struct world *w)
{
	pipeline_run(&w->s.p);
	assert_int_equal(detect_save(w->s.p.detect, &w->detect), 0);
	assert_int_equal(temporal_save(w->s.p.temporal, &w->temporal), 0);
	w->detected = w->s.p.detected[0];
	w->correlated = w->s.p.correlated[0];
	w->saved = true;
}

static void stop(struct world *w)
{
	look(w, true);
	detect_free(w->s.p.detect);
	temporal_free(w->s.p.temporal);
}

/* From what was saved; negative: it does not hold. */
static int start(struct world *w, struct error *error)
{
	w->s.p.detect = pipeline_detect_new(&w->s.p);
	w->s.p.temporal = pipeline_temporal_new(&w->s.p);
	assert_true(w->s.p.detect != NULL && w->s.p.temporal != NULL);
	w->s.p.detected[0] = w->s.p.correlated[0] = 0;
	if (!w->saved)
		return 0;
	assert_int_equal(detect_restore(w->s.p.detect, buffer_slice(&w->detect), error), 0);
	int result = temporal_restore(w->s.p.temporal, buffer_slice(&w->temporal), error);
	w->s.p.detected[0] = w->detected;
	w->s.p.correlated[0] = w->correlated;
	return result;
}

/* One event, some of whose users come again and again. */
static void event(struct world *w, uint32_t i)
{
	static const char *const hits[] = {"a", "b", "a", "c"}, *const hosts[] = {"h1", "h2", "h3", "h4"};
	char user[32];
	int64_t observed = (int64_t)i * 2, when = observed - below(w, 200);
	snprintf(user, sizeof(user), "user%u", below(w, 3) == 0 ? below(w, 40) : 40 + below(w, 2000));
	const char *fields[] = {"hit", hits[below(w, 4)], "user", user, "host", hosts[below(w, 4)], NULL};
	put_event(&w->s.p, 0, 0, "ip 10.0.0.1", T0 + when * NS_PER_S, T0 + observed * NS_PER_S, fields);
	if (i % 16 == 15)
		tick_all(&w->s.p, 1, T0 + observed * NS_PER_S);
}

static void run(struct world *w, bool restarts)
{
	struct error error = {0};
	for (uint32_t i = 0; i < EVENTS; i++) {
		event(w, i);
		if (i % 8 == 7)
			pipeline_run(&w->s.p);
		look(w, false);
		/* chance of its own, so that the stream stays the same */
		uint64_t fate = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u >> 32;
		if (restarts && fate % 50 == 0) {
			save(w);
			if (fate % 3 != 0)
				temporal_saved(w->s.p.temporal);
		}
		if (restarts && fate % 97 == 0) {
			pipeline_run(&w->s.p);
			stop(w);
			if (start(w, &error) < 0)
				fail_msg("restore: %s", error.text);
		}
	}
	pipeline_run(&w->s.p);
	scene_end(&w->s);
	look(w, true);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static uint32_t finals(const struct scene *s, const char **out, uint32_t room)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->t.count; i++)
		if (s->t.rows[i].kind == ROW_INCIDENT && s->t.rows[i].final && n < room)
			out[n++] = s->t.rows[i].json;
	qsort(out, n, sizeof(*out), by_text);
	return n;
}

static void same(const struct world *a, const struct world *b)
{
	static const char *x[8192], *y[8192];
	uint32_t n = finals(&a->s, x, 8192), m = finals(&b->s, y, 8192);
	assert_int_equal(n, m);
	assert_true(n > 10);
	for (uint32_t i = 0; i < n; i++)
		assert_string_equal(x[i], y[i]);
}

static void run_seed(uint64_t seed)
{
	struct world whole, once, often;
	world_open(&whole, seed, 0, false);
	run(&whole, false);
	uint64_t budget = whole.bytes / 3 * 2;
	world_open(&once, seed, budget, true);
	run(&once, false);
	world_open(&often, seed, budget, true);
	run(&often, true);
	if (getenv("VERBOSE") != NULL)
		fprintf(stderr, "seed %llu: %llu octets, spilled %llu %llu, came back %llu %llu, refused %llu %llu\n",
				(unsigned long long)seed, (unsigned long long)whole.bytes, (unsigned long long)once.spilled,
				(unsigned long long)often.spilled, (unsigned long long)once.unspilled,
				(unsigned long long)often.unspilled, (unsigned long long)once.refused,
				(unsigned long long)often.refused);
	assert_true(once.spilled > 100 && often.spilled > 100 && once.unspilled > 10 && often.unspilled > 10);
	assert_true(once.refused == 0 && often.refused == 0 && once.failures + often.failures == 0);
	same(&whole, &once);
	same(&whole, &often);
	world_close(&whole);
	world_close(&once);
	world_close(&often);
}

static void test_same_as_without_end(void **state)
{
	const char *seeds = getenv("SEEDS"), *first = getenv("SEED");
	uint64_t from = first != NULL ? strtoull(first, NULL, 10) : 1;
	uint64_t count = seeds != NULL ? strtoull(seeds, NULL, 10) : 6;
	(void)state;
	for (uint64_t seed = from; seed < from + count; seed++)
		run_seed(seed);
}

/* ---- files that are not as they were written ---- */

struct chosen {
	char path[64];
	uint32_t count;
};

static int choose(void *arg, const char *path)
{
	struct chosen *c = arg;
	if (strstr(path, "spill-") == NULL)
		return 0;
	if (c->count++ == 0)
		snprintf(c->path, sizeof(c->path), "%s", path);
	return 0;
}

static struct chosen spilled_file(struct world *w)
{
	struct chosen c = {.count = 0};
	fake_file_each(w->s.p.fake, choose, &c);
	return c;
}

/* Half of the stream, saved while keys are on disk. */
static void half(struct world *w, uint64_t seed)
{
	world_open(w, seed, 80000, true);
	for (uint32_t i = 0; i < EVENTS / 2; i++)
		event(w, i);
	save(w);
	struct temporal_stats s;
	temporal_stats(w->s.p.temporal, &s);
	assert_true(s.spilled_keys > 20 && s.refused_keys == 0);
}

/* Every eighth bit of the file, or without its end, or without it: the checkpoint does not hold. */
static void test_damage_is_refused(void **state)
{
	struct world w;
	struct error error = {0};
	size_t len = 0;
	(void)state;
	half(&w, 3);
	stop(&w);
	struct chosen c = spilled_file(&w);
	assert_true(c.count > 0);
	(void)fake_file_get(w.s.p.fake, c.path, &len);
	for (size_t at = 0; at < len; at += 1 + len / 300) {
		uint8_t *octets = fake_file_get(w.s.p.fake, c.path, &len);
		octets[at] ^= (uint8_t)(1u << at % 8);
		assert_int_equal(start(&w, &error), -ERROR_DAMAGED);
		assert_int_equal(error.code, ERROR_DAMAGED);
		stop(&w);
		octets = fake_file_get(w.s.p.fake, c.path, &len);
		octets[at] ^= (uint8_t)(1u << at % 8);
	}
	assert_int_equal(start(&w, &error), 0);
	stop(&w);
	fake_file_resize(w.s.p.fake, c.path, len - 8);
	assert_int_equal(start(&w, &error), -ERROR_DAMAGED);
	stop(&w);
	assert_int_equal(w.s.p.fake->env.files.unlink(w.s.p.fake->env.files.ctx, c.path), 0);
	assert_int_equal(start(&w, &error), -ERROR_DAMAGED);
	world_close(&w);
}

/* While it runs: the record is not believed, and the part is at its end. */
static void test_damage_at_run_time(void **state)
{
	struct world w;
	struct error error = {0};
	size_t len = 0;
	int result = 0;
	(void)state;
	half(&w, 4);
	struct chosen c = spilled_file(&w);
	uint8_t *octets = fake_file_get(w.s.p.fake, c.path, &len);
	for (size_t at = 100; at < len; at += 16)
		octets[at] ^= 1;
	for (uint32_t i = EVENTS / 2; i < EVENTS; i++)
		event(&w, i);
	batch_close(&w.s.p);
	while (detect_one(&w.s.p, 0))
		;
	assert_int_equal(detect_flush(w.s.p.detect, NULL), 0);
	for (uint32_t i = w.s.p.correlated[0]; result == 0 && i < w.s.p.matches[0].count; i++)
		result = temporal_record(w.s.p.temporal, 0, i, queue_at(&w.s.p.matches[0], i), &error);
	assert_int_equal(result, -ERROR_DAMAGED);
	assert_true(temporal_flush(w.s.p.temporal, NULL) < 0);
	world_close(&w);
}

/* ---- disks that are full or fail ---- */

static void full_disk(uint64_t capacity, uint64_t spill_bytes)
{
	struct world whole, w;
	world_open(&whole, 5, 0, false);
	run(&whole, false);
	world_open(&w, 5, whole.bytes / 3 * 2, true);
	w.s.p.fake->files.capacity = capacity;
	w.s.p.spill_bytes = spill_bytes;
	stop(&w);
	assert_int_equal(start(&w, NULL), 0);
	run(&w, false);
	/* nothing is refused without a checkpoint that says so, up to twice the budget */
	same(&whole, &w);
	assert_true(w.bytes > whole.bytes / 3 * 2);
	assert_true(capacity == 0 || w.failures > 0);
	world_close(&whole);
	world_close(&w);
}

static void test_disk_is_full(void **state)
{
	(void)state;
	full_disk(3000, 0);
	full_disk(0, 9000);
}

/* Refused from a checkpoint on, and by whoever reads on from it the same. */
static void test_refused_from_a_checkpoint_on(void **state)
{
	struct world a, b;
	struct error error = {0};
	struct temporal_stats x, y;
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world *w = i == 0 ? &a : &b;
		world_open(w, 6, 60000, true);
		w->s.p.spill_bytes = 9000;
		stop(w);
		assert_int_equal(start(w, &error), 0);
		for (uint32_t k = 0; k < EVENTS / 4; k++)
			event(w, k);
		pipeline_run(&w->s.p);
		assert_true(temporal_pressed(w->s.p.temporal));
		save(w);
		assert_false(temporal_pressed(w->s.p.temporal));
		temporal_saved(w->s.p.temporal);
		if (i == 1) {
			stop(w);
			assert_int_equal(start(w, &error), 0);
		}
		for (uint32_t k = EVENTS / 4; k < EVENTS / 2; k++)
			event(w, k);
		pipeline_run(&w->s.p);
		temporal_stats(w->s.p.temporal, i == 0 ? &x : &y);
		scene_end(&w->s);
	}
	assert_true(x.refused_keys > 0 && x.refused_matches == 0);
	assert_int_equal(x.refused_keys, y.refused_keys);
	assert_int_equal(x.windows, y.windows);
	assert_int_equal(a.s.t.count, b.s.t.count);
	same(&a, &b);
	world_close(&a);
	world_close(&b);
}

static void hot(struct world *w, uint32_t from, uint32_t to)
{
	const char *fields[] = {"hit", "a", "user", "hot", "host", "h1", NULL};
	for (uint32_t i = from; i < to; i++)
		put_event(&w->s.p, 0, 0, "ip 10.0.0.1", T0 + i * NS_PER_S / 10, T0 + i * NS_PER_S / 10, fields);
	pipeline_run(&w->s.p);
}

static uint64_t matches_refused(const struct world *w)
{
	struct temporal_stats s;
	temporal_stats(w->s.p.temporal, &s);
	return s.refused_matches;
}

/* The same of matches of a key that is there; and memory has an end where no checkpoint comes. */
static void test_matches_refused_from_a_checkpoint_on(void **state)
{
	enum {
		BUDGET = 40000,
		FIRST = 500,
		SECOND = 600
	};
	struct world a, b, c;
	struct world *worlds[] = {&a, &b, &c};
	uint64_t before, refused[2];
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world *w = worlds[i];
		world_open(w, 9, BUDGET, true);
		stop(w);
		assert_int_equal(start(w, NULL), 0);
		hot(w, 0, FIRST);
		assert_true(temporal_pressed(w->s.p.temporal) && matches_refused(w) == 0);
		save(w);
		assert_false(temporal_pressed(w->s.p.temporal));
		temporal_saved(w->s.p.temporal);
		if (i == 1) {
			stop(w);
			assert_int_equal(start(w, NULL), 0);
		}
		before = matches_refused(w);
		hot(w, FIRST, SECOND);
		refused[i] = matches_refused(w) - before;
		tick_all(&w->s.p, 1, T0 + NS_PER_DAY);
		save(w); /* and takes them again */
		hot(w, 10 * 86400 + 1, 10 * 86400 + 3);
		assert_int_equal(matches_refused(w) - before, refused[i]);
		scene_end(&w->s);
	}
	assert_true(refused[0] > 0);
	assert_int_equal(refused[0], refused[1]);
	assert_int_equal(a.s.t.count, b.s.t.count);
	world_open(&c, 9, BUDGET, true);
	stop(&c);
	assert_int_equal(start(&c, NULL), 0);
	hot(&c, 0, 10 * FIRST);
	look(&c, false);
	assert_true(c.bytes < 5 * BUDGET && matches_refused(&c) > 0);
	for (int i = 0; i < 3; i++)
		world_close(worlds[i]);
}

/* Every call fails once: what comes out is right, or the part is at its end and says so. */
static bool fails_at(uint64_t n, bool memory, const struct world *whole, uint64_t budget)
{
	struct world w;
	struct error error = {0};
	int result = 0;
	world_open(&w, 7, budget, true);
	struct fake *fake = w.s.p.fake;
	for (uint32_t i = 0; i < EVENTS; i++)
		event(&w, i);
	tick_all(&w.s.p, 1, T0 + 100 * NS_PER_DAY);
	batch_close(&w.s.p);
	while (detect_one(&w.s.p, 0))
		;
	assert_int_equal(detect_flush(w.s.p.detect, NULL), 0);
	fake->memory.calls = 0;
	fake->memory.fail_at = memory ? n : 0;
	fake->files.fail_at = memory ? 0 : n;
	fake->files.calls = 0;
	for (uint32_t i = 0; result == 0 && i < w.s.p.matches[0].count; i++) {
		result = temporal_record(w.s.p.temporal, 0, i, queue_at(&w.s.p.matches[0], i), &error);
		if (result == 0 && i % 64 == 63)
			result = temporal_flush(w.s.p.temporal, &error);
		if (result == 0 && i % 256 == 255) {
			result = temporal_save(w.s.p.temporal, &w.temporal);
			if (result == 0)
				temporal_saved(w.s.p.temporal);
		}
	}
	bool failed = fake->memory.failed + fake->files.failed > 0;
	fake->memory.fail_at = fake->files.fail_at = 0;
	if (result == 0 && temporal_flush(w.s.p.temporal, NULL) == 0) {
		tellings_read(&w.s.p, &w.s.t);
		same(whole, &w);
	} else {
		assert_true(failed);
	}
	world_close(&w);
	return failed;
}

static void test_every_call_fails(void **state)
{
	struct world whole;
	(void)state;
	world_open(&whole, 7, 0, false);
	run(&whole, false);
	uint64_t budget = whole.bytes / 3 * 2, step = 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	step = 7;
#endif
	for (uint64_t n = 1; fails_at(n, false, &whole, budget); n += step)
		;
	for (uint64_t n = 1; n < 3000 && fails_at(n, true, &whole, budget); n += step * 11)
		;
	world_close(&whole);
}

/* ---- time ---- */

/* Floods, one after the other, more of them than there are ids: what has passed leaves, and its file when a later checkpoint is
 * durable. */
static void test_ids_are_used_again(void **state)
{
	struct world w;
	uint64_t spilled = 0;
	(void)state;
	world_open(&w, 8, 24000, true);
	for (uint32_t round = 0; round < 300; round++) {
		struct temporal_stats s;
		for (uint32_t i = 0; i < 120; i++) {
			char user[32];
			snprintf(user, sizeof(user), "%u of %u", i, round);
			happen(&w.s, (int64_t)round * 4000 + i, "a", user, "h");
		}
		tick_all(&w.s.p, 1, T0 + ((int64_t)round * 4000 + 130) * NS_PER_S);
		save(&w);
		if (round % 2 == 0)
			temporal_saved(w.s.p.temporal);
		temporal_stats(w.s.p.temporal, &s);
		assert_true(s.spilled_keys > 0 && s.spilled > spilled && s.refused_keys == 0);
		assert_true(spilled_file(&w).count <= 16);
		spilled = s.spilled;
	}
	assert_int_equal(fake_files_open(w.s.p.fake), spilled_file(&w).count > 4 ? 4 : spilled_file(&w).count);
	scene_end(&w.s);
	save(&w);
	temporal_saved(w.s.p.temporal);
	assert_int_equal(spilled_file(&w).count, 0);
	world_close(&w);
}

/* ---- power ---- */

/* Cut at any moment after a checkpoint: what it names is there. */
static void test_power_is_cut(void **state)
{
	(void)state;
	for (uint32_t how = FAKE_CUT_LOSE_ALL; how <= FAKE_CUT_RANDOM; how++)
		for (uint64_t seed = 1; seed <= 4; seed++) {
			struct world whole, w;
			struct error error = {0};
			world_open(&whole, seed, 0, false);
			run(&whole, false);
			world_open(&w, seed, whole.bytes / 3 * 2, true);
			fake_file_settle(w.s.p.fake);
			for (uint32_t i = 0; i < EVENTS; i++) {
				event(&w, i);
				if (i % 8 == 7)
					pipeline_run(&w.s.p);
				if (i % 200 == 100) {
					save(&w);
					temporal_saved(w.s.p.temporal);
				}
				if (i % 300 == 299) {
					pipeline_run(&w.s.p);
					fake_power_cut(w.s.p.fake, (enum fake_cut)how);
					stop(&w);
					if (start(&w, &error) < 0)
						fail_msg("restore: %s", error.text);
				}
			}
			scene_end(&w.s);
			same(&whole, &w);
			world_close(&whole);
			world_close(&w);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_without_end),
		cmocka_unit_test(test_damage_is_refused),
		cmocka_unit_test(test_damage_at_run_time),
		cmocka_unit_test(test_disk_is_full),
		cmocka_unit_test(test_refused_from_a_checkpoint_on),
		cmocka_unit_test(test_matches_refused_from_a_checkpoint_on),
		cmocka_unit_test(test_every_call_fails),
		cmocka_unit_test(test_ids_are_used_again),
		cmocka_unit_test(test_power_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
