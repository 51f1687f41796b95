/* Queries over a real store: partitions, sealed and not, whose rows overlap in time, against a plain sort. */
#include "tests/unit/store/test_query_source.h"

#include <inttypes.h>

#define PARTITIONS 3
#define BATCHES 12
#define ROWS_A_BATCH 25
#define ROWS (BATCHES * ROWS_A_BATCH)

struct plain_row {
	int64_t when;
	uint32_t partition;
	uint64_t offset;
	uint32_t row;
	int user;
};

struct scene {
	struct rows rows;
	struct store *store;
	struct plain_row plain[ROWS];
	uint64_t sequence[PARTITIONS];
};

static uint32_t below(struct scene *s, uint32_t n)
{
	return (uint32_t)fake_random_below(s->rows.fake, n);
}

static void add_row(struct scene *s, struct plain_row *plain, int64_t base)
{
	char text[64], user[16];
	plain->when = base + (int64_t)below(s, 40) * NS_PER_S;
	plain->user = (int)below(s, 20);
	snprintf(user, sizeof(user), "user%d", plain->user);
	snprintf(text, sizeof(text), "login of %s at gate %u", user, below(s, 5));
	rows_row(&s->rows, ROW_EVENT, slice_str(text));
	batch_row_time(s->rows.builder, plain->when, TIME_PRESENT);
	rows_field(&s->rows, "user", VALUE_STRING, slice_str(user));
	rows_field(&s->rows, "other", VALUE_STRING, slice_str(text));
	rows_end(&s->rows);
}

static void add_batch(struct scene *s, uint32_t index)
{
	struct error error = {0};
	uint32_t partition = below(s, PARTITIONS);
	uint64_t offset = s->sequence[partition] / ROWS_A_BATCH;
	struct batch_identity identity = {.collector = {(uint8_t)(partition + 1)},
									  .epoch = 1,
									  .partition = partition,
									  .first_sequence = s->sequence[partition]};
	batch_begin(s->rows.builder, &identity, 0, TEST_NOW);
	for (uint32_t i = 0; i < ROWS_A_BATCH; i++) {
		struct plain_row *plain = &s->plain[index * ROWS_A_BATCH + i];
		*plain = (struct plain_row){.partition = partition, .offset = offset, .row = i};
		add_row(s, plain, TEST_NOW - NS_PER_HOUR + (int64_t)index * 10 * NS_PER_S);
	}
	s->sequence[partition] += ROWS_A_BATCH;
	rows_finish(&s->rows);
	assert_int_equal(
		store_append(s->store, (struct store_partition){0, partition}, offset, s->rows.batch.octets, &error), 0);
	if (below(s, 4) == 0)
		assert_int_equal(store_step(s->store, true, &error), 0);
}

static void scene_init(struct scene *s, uint64_t seed)
{
	struct store_config config = {.dir = "/data/store", .name = "s1"};
	struct error error = {0};
	memset(s, 0, sizeof(*s));
	rows_init(&s->rows);
	s->rows.fake->random = seed;
	s->rows.source = s->rows.decoder = BATCH_NO_INDEX;
	assert_int_equal(store_open(&s->rows.fake->env, &config, &s->store, &error), 0);
	for (uint32_t i = 0; i < BATCHES; i++)
		add_batch(s, i);
}

static void scene_free(struct scene *s)
{
	store_close(s->store);
	rows_free(&s->rows);
}

static int compare(const void *left, const void *right)
{
	const struct plain_row *a = left, *b = right;
	if (a->when != b->when)
		return a->when < b->when ? -1 : 1;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return a->row < b->row ? -1 : a->row > b->row;
}

/* user -1: all. */
static char *wanted_lines(const struct scene *s, const struct query_options *options, int user)
{
	char *out = calloc(1, ROWS * 80), *at = out;
	assert_non_null(out);
	uint64_t given = 0;
	for (uint32_t i = 0; i < ROWS && (options->limit == 0 || given < options->limit); i++) {
		const struct plain_row *r = &s->plain[options->descending ? ROWS - 1 - i : i];
		if ((user >= 0 && r->user != user) || r->when < options->from_ns || r->when >= options->to_ns)
			continue;
		at += sprintf(at, "{\"partition\":%u,\"offset\":%" PRIu64 ",\"row\":%u,\"user\":\"user%d\"}\n", r->partition,
					  r->offset, r->row, r->user);
		given++;
	}
	return out;
}

static void expect(struct scene *s, const char *query, const struct query_options *options, size_t bytes, int user)
{
	struct query_source source = query_source_store(s->store);
	char *lines = source_answer(&s->rows.fake->env, &source, query, options, bytes, NULL);
	char *wanted = wanted_lines(s, options, user);
	if (strcmp(lines, wanted) != 0)
		fail_msg("%s\ngives\n%swanted\n%s", query, lines, wanted);
	free(lines);
	free(wanted);
}

static void ask(struct scene *s)
{
	static const size_t budgets[] = {0, 2000, 20000};
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	options.descending = below(s, 2) == 0;
	options.limit = below(s, 3) == 0 ? 1 + below(s, 200) : 0;
	if (below(s, 2) == 0)
		options.from_ns = s->plain[below(s, ROWS)].when;
	if (below(s, 2) == 0)
		options.to_ns = s->plain[below(s, ROWS)].when;
	size_t bytes = budgets[below(s, 3)];
	int user = (int)below(s, 20);
	char query[200];
	expect(s, "| fields partition, offset, row, user", &options, bytes, -1);
	snprintf(query, sizeof(query), "%s%d | fields partition, offset, row, user",
			 below(s, 2) == 0 ? "user" : "user:user", user);
	expect(s, query, &options, bytes, user);
}

static void test_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 25; seed++) {
		struct scene s;
		scene_init(&s, seed);
		qsort(s.plain, ROWS, sizeof(s.plain[0]), compare);
		for (int i = 0; i < 20; i++)
			ask(&s);
		scene_free(&s);
	}
}

/* Whole rows, out of segments that were read narrow, and out of the tail. */
static void test_whole(void **state)
{
	(void)state;
	struct scene s;
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	struct error error = {0};
	scene_init(&s, 9);
	struct query_source source = query_source_store(s.store);
	for (int sealed = 0; sealed < 2; sealed++) {
		char *lines = source_answer(&s.rows.fake->env, &source, "user:user3", &options, 0, NULL);
		int found = 0, wanted = 0;
		for (const char *at = lines; (at = strstr(at, "\"original\":\"login of user3 at gate ")) != NULL; at++)
			found++;
		for (const char *at = lines;
			 (at = strstr(at, "\"fields\":{\"user\":\"user3\",\"other\":\"login of user3 at gate ")) != NULL; at++)
			found++;
		for (int i = 0; i < ROWS; i++)
			wanted += s.plain[i].user == 3;
		assert_int_equal(found, 2 * wanted);
		free(lines);
		assert_int_equal(store_step(s.store, true, &error), 0);
	}
	scene_free(&s);
}

static void test_doors(void **state)
{
	(void)state;
	struct scene s;
	struct error error = {0};
	struct buffer out;
	struct query_run *run;
	scene_init(&s, 5);
	buffer_init(&out, &s.rows.fake->env);
	struct query *q = query_of(&s.rows, "* | count");
	assert_int_equal(store_query(s.store, q, &run, &error), 0);
	add_batch(&s, 0); /* after the query was opened: not in its answer */
	while (query_next(run, &out, 10, &error) > 0)
		;
	assert_true(slice_equal(buffer_slice(&out), SLICE("{\"count\":300}\n")));
	query_run_free(run);
	query_free(q);
	buffer_reset(&out);
	q = query_of(&s.rows, "user:user1");
	assert_int_equal(store_fields(s.store, q, &out, &error), 0);
	assert_true(slice_find(buffer_slice(&out), SLICE("{\"name\":\"user\",\"types\":[\"string\"],"), 0) != SIZE_MAX);
	query_free(q);
	buffer_reset(&out);
	assert_int_equal(store_sources(s.store, &out, &error), 0);
	assert_true(slice_starts(buffer_slice(&out), SLICE("{\"source\":null,\"events\":325,")));
	assert_true(slice_find(buffer_slice(&out), SLICE("\"sample\":\"login of user"), 0) != SIZE_MAX);
	buffer_free(&out);
	scene_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_whole),
									   cmocka_unit_test(test_doors)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
