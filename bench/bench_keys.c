/* bench_keys rate TYPE KEYS VALUES MATCHES: processor time of a match while so many keys are live. Two hours of matches, spread evenly over
 * time, over KEYS keys and VALUES values of each, against windows of one hour, with the clock going on; prints nanoseconds per
 * match. Types are those below and temporal_ordered, where every match is a first step: as many open windows as keys.
 *
 * bench_keys [KEYS] [text|address] [event_count|value_count|temporal]: what a key of temporal costs. Feeds match records of
 * KEYS (1,000,000) keys of 16 octets with one live match each, and prints "octets-per-key nanoseconds-per-match": the first
 * is the difference of the resident set, the second the whole of reading, finding and keeping. */
#include "correlate/correlate.h"
#include "correlate/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH 1000
#define START INT64_C(1767225600000000000)

static const char base[] = "title: %s\n"
						   "name: %s\n"
						   "logsource:\n"
						   "    product: bench\n"
						   "detection:\n"
						   "    one:\n"
						   "        action: %s\n"
						   "    condition: one\n"
						   "---\n";

static const char correlation[] = "title: Bench\n"
								  "correlation:\n"
								  "    type: %s\n"
								  "    rules:\n"
								  "        - a\n"
								  "        - b\n"
								  "    group-by:\n"
								  "        - user\n"
								  "    timespan: 1h\n"
								  "%s"
								  "level: medium\n";

static int take(void *ctx, uint32_t partition, struct slice octets)
{
	(void)ctx;
	(void)partition;
	(void)octets;
	return 0;
}

/* The ruleset of one correlation, from a file of its own. */
static struct ruleset *rules(const struct env *env, const char *type)
{
	char path[] = "/tmp/cresset-keys.XXXXXX.yml";
	const char *paths[] = {path}, *condition = strncmp(type, "temporal", 8) == 0 ? ""
											   : strcmp(type, "value_count") == 0
												   ? "    condition:\n        field: ip\n        gte: 1000000\n"
												   : "    condition:\n        gte: 1000000\n";
	struct ruleset_options options = {0};
	struct ruleset_counts counts;
	struct ruleset *set;
	struct error error = {0};
	FILE *file = fdopen(mkstemps(path, 4), "w");
	CHECK(file != NULL);
	fprintf(file, base, "A", "a", "a");
	fprintf(file, base, "B", "b", "b");
	fprintf(file, correlation, type, condition);
	fclose(file);
	int result = ruleset_load(env, paths, 1, &options, NULL, NULL, &set, &counts, &error);
	unlink(path);
	if (result < 0 || counts.loaded != 3) {
		fprintf(stderr, "bench_keys: rules are not loaded: %s\n", error.text);
		exit(3);
	}
	return set;
}

static uint64_t resident(void)
{
	unsigned long long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	CHECK(file != NULL && fscanf(file, "%llu %llu", &size, &pages) == 2); // NOLINT(cert-err34-c): two whole numbers
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct bench {
	struct temporal *temporal;
	struct match_writer writer;
	struct buffer key, spelling, value;
	const uint8_t *correlation, *rule;
	bool address, values;
	uint64_t offset;
};

/* Match n at this time, of this key. */
static void add(struct bench *b, uint64_t n, uint64_t key, int64_t when_ns, uint32_t value)
{
	char text[24], other[24];
	buffer_reset(&b->key);
	buffer_reset(&b->spelling);
	buffer_reset(&b->value);
	if (b->address)
		snprintf(text, sizeof text, "2001:db8::%x:%x", (unsigned)(key >> 16) + 1, (unsigned)(key & 0xffff));
	else
		snprintf(text, sizeof text, "user%012llu", (unsigned long long)key);
	tuple_add_canonical(&b->key, slice_str(text), false);
	tuple_add(&b->spelling, KEY_TEXT, slice_str(text));
	if (b->values)
		tuple_add_canonical(&b->value, slice_of(other, (size_t)snprintf(other, sizeof other, "192.0.%u", value)), true);
	match_writer_add(&b->writer, &(struct match_entry){.kind = MATCH_ENTRY,
													   .when_ns = when_ns,
													   .observed_ns = when_ns,
													   .event = {.collector = {1}, .epoch = 1, .sequence = n},
													   .correlation = b->correlation,
													   .rule = b->rule,
													   .source = SLICE("ip 192.0.2.1"),
													   .key = buffer_slice(&b->key),
													   .spelling = buffer_slice(&b->spelling),
													   .value = buffer_slice(&b->value)});
}

static void hand_over(struct bench *b)
{
	struct slice record;
	CHECK(match_writer_finish(&b->writer, &record, NULL) == 0);
	CHECK(temporal_record(b->temporal, 0, b->offset++, record, NULL) == 0);
	match_writer_reset(&b->writer);
}

static void feed(struct bench *b, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n < to; n++)
		add(b, n, n, START + (int64_t)n, 7);
	hand_over(b);
}

/* ---- rate ---- */

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Keys and values in an order without a pattern, the same in every run. */
static uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

static void run_rate(struct bench *b, uint64_t keys, uint32_t values, uint64_t matches)
{
	int64_t step = 2 * 3600 * NS_PER_S / (int64_t)matches, spent = 0;
	for (uint64_t n = 0; n < matches; n++) {
		uint64_t r = mix(n + 1);
		add(b, n, r % keys, START + (int64_t)n * step, (uint32_t)(r >> 40) % values);
		if ((n + 1) % BATCH != 0)
			continue;
		match_writer_add(
			&b->writer, &(struct match_entry){.kind = MATCH_CLOCK, .offset = n, .clock_ns = START + (int64_t)n * step});
		int64_t start = cpu_ns();
		hand_over(b);
		spent += cpu_ns() - start;
	}
	printf("%.1f\n", (double)spent / (double)matches);
}

static void bench_init(struct bench *b, const struct env *env, struct ruleset *set)
{
	static const uint32_t zero[] = {0};
	struct temporal_config config = {.ruleset = set,
									 .matches_partitions = 1,
									 .incidents_partitions = 1,
									 .owned = zero,
									 .owned_count = 1,
									 .window_bytes = UINT64_C(1) << 40,
									 .sink = {take, take, NULL}};
	CHECK(temporal_new(env, &config, &b->temporal, NULL) == 0);
	match_writer_init(&b->writer, env);
	buffer_init(&b->key, env);
	buffer_init(&b->spelling, env);
	buffer_init(&b->value, env);
	for (uint32_t i = 0; i < ruleset_count(set); i++)
		if (ruleset_correlation(set, i) != NULL) {
			b->correlation = ruleset_rule(set, i)->digest;
			b->rule = ruleset_rule(set, ruleset_correlation(set, i)->rules[0])->digest;
		}
}

static int rate(const struct env *env, char **argv)
{
	struct bench b = {.values = strcmp(argv[2], "value_count") == 0};
	struct ruleset *set = rules(env, argv[2]);
	uint64_t keys = strtoull(argv[3], NULL, 10), matches = strtoull(argv[5], NULL, 10);
	uint32_t values = (uint32_t)strtoul(argv[4], NULL, 10);
	if (keys == 0 || values == 0 || matches < BATCH) {
		fprintf(stderr, "bench_keys: at least one key, one value and %d matches\n", BATCH);
		return 3;
	}
	bench_init(&b, env, set);
	run_rate(&b, keys, values, matches);
	temporal_free(b.temporal);
	ruleset_release(set);
	return 0;
}

int main(int argc, char **argv)
{
	struct env env = env_system();
	if (argc == 6 && strcmp(argv[1], "rate") == 0)
		return rate(&env, argv);
	uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	const char *type = argc > 3 ? argv[3] : "event_count";
	struct bench b = {.address = argc > 2 && strcmp(argv[2], "address") == 0,
					  .values = strcmp(type, "value_count") == 0};
	struct temporal_stats stats;
	struct ruleset *set = rules(&env, type);
	if (keys < BATCH) {
		fprintf(stderr, "bench_keys: KEYS is at least %d\n", BATCH);
		return 3;
	}
	bench_init(&b, &env, set);
	feed(&b, keys, keys + BATCH); /* what is made once */
	uint64_t before = resident();
	int64_t start = env_boot(&env);
	for (uint64_t n = 0; n < keys; n += BATCH)
		feed(&b, n, n + BATCH < keys ? n + BATCH : keys);
	int64_t spent = env_boot(&env) - start;
	temporal_stats(b.temporal, &stats);
	CHECK(stats.windows == keys + BATCH && stats.refused_keys == 0);
	printf("%.1f %.0f\n", (double)(resident() - before) / (double)keys, (double)spent / (double)keys);
	temporal_free(b.temporal);
	ruleset_release(set);
	return 0;
}
