/* One border each: words over the ends of values, of characters, of what is looked at of a long word, in sealed groups
 * (store/query_sift.h); and what is said when there is no memory to look into one. test_query_sift.c does the same at
 * random.
 */
#include "store/query_sift.h"
#include "tests/unit/store/test_query_source.h"

struct scene {
	struct rows rows;
	struct list list;
	struct store *store;
};

static void field_at(struct rows *r, const char *name, enum value_type type, size_t offset, size_t len)
{
	uint32_t id = dictionary_intern(&r->dictionary, slice_str(name));
	assert_int_equal(batch_field(r->builder, id, type, (uint32_t)offset, (uint32_t)len), 0);
}

static void scene_close(struct scene *s)
{
	store_close(s->store);
	list_free(&s->list);
	rows_free(&s->rows);
}

#define ROWS_A_KIND 50

/* A line, and where its fields stand in it: @ before and after each, none within another. */
static void add_marked(struct rows *r, const char *marked, enum value_type type)
{
	static const char *const fields[] = {"a", "b", "c"};
	char line[512];
	size_t at[6], len = 0;
	unsigned marks = 0;
	for (const char *p = marked; *p != 0; p++)
		if (*p == '@')
			at[marks++] = len;
		else
			line[len++] = *p;
	rows_row(r, ROW_EVENT, slice_of(line, len));
	for (unsigned i = 0; i < marks / 2; i++)
		field_at(r, fields[i], type, at[2 * i], at[2 * i + 1] - at[2 * i]);
	rows_end(r);
}

#define LONG "one two three four five six seven eight nine ten eleven twelve thirteen "

static void add_kind(struct rows *r, unsigned kind, unsigned i)
{
	char line[512];
	switch (kind) {
	case 0:
		snprintf(line, sizeof(line), "gate\xc5@\xbf open@");
		break;
	case 1:
		snprintf(line, sizeof(line),
				 "to @u%u\xc5@\xbf"
				 "door",
				 i);
		break;
	case 2:
		snprintf(line, sizeof(line), i < 25 ? "v @w%u38@@@@27%uz@" : "v @w%u38@@b%ux@@27z@", i, i);
		break;
	case 3:
		snprintf(line, sizeof(line), "p@%u@1q-of-@%u@33y", 400 + i, 900 + i);
		break;
	case 4:
		snprintf(line, sizeof(line),
				 "gate\xc5@\xbf"
				 "door %u to@",
				 i);
		break;
	default:
		snprintf(line, sizeof(line), "<" LONG "%s>", i % 2 == 0 ? "fourteen" : "fifteen");
	}
	add_marked(r, line, kind == 4 ? VALUE_F64 : VALUE_STRING); /* words are not looked for in numbers */
}

static void border_scene(struct scene *s, unsigned kind)
{
	struct store_config config = {.dir = "/data/store", .name = "s1"};
	struct error error = {0};
	*s = (struct scene){.list = {.from_zero = true}};
	rows_init(&s->rows);
	s->list.rows = &s->rows;
	for (unsigned i = 0; i < ROWS_A_KIND; i++)
		add_kind(&s->rows, kind, i);
	list_take(&s->list, (struct store_partition){0, 0}, 0);
	assert_int_equal(store_open(&s->rows.fake->env, &config, &s->store, &error), 0);
	assert_int_equal(store_append(s->store, (struct store_partition){0, 0}, 0, s->list.items[0].batch.octets, &error),
					 0);
	assert_int_equal(store_step(s->store, true, &error), 0);
}

static void test_borders(void **state)
{
	(void)state;
	static const struct {
		unsigned kind, count;
		const char *word;
	} cases[] = {{0, 0, "gate"},          {0, 50, "gates"},      {0, 50, "open"},   {1, 0, "door"},
				 {1, 50, "*door*"},       {1, 1, "u12sdoor"},    {1, 1, "u12"},     {2, 25, "*3827*"},
				 {2, 1, "w73827*"},       {2, 25, "27z"},        {3, 1, "p4171q"},  {3, 1, "*94133*"},
				 {3, 10, "*4?1q*"},       {3, 1, "417"},         {3, 50, "*of-9*"}, {3, 10, "*of-91*"},
				 {4, 0, "door"},          {4, 50, "*door*"},     {4, 50, "to"},     {5, 25, LONG "fourteen"},
				 {5, 25, LONG "fifteen"}, {5, 0, LONG "sixteen"}};
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene s;
		char query[256], wanted[64];
		border_scene(&s, cases[i].kind);
		bool open = strchr(cases[i].word, '*') != NULL;
		snprintf(query, sizeof(query), open ? "%s | count" : "\"%s\" | count", cases[i].word);
		snprintf(wanted, sizeof(wanted), "{\"count\":%u}\n", cases[i].count);
		struct query_source source = query_source_store(s.store);
		char *given = source_answer(&s.rows.fake->env, &source, query, &options, 0, NULL);
		if (strcmp(given, wanted) != 0)
			fail_msg("%s gives %s instead of %s", query, given, wanted);
		free(given);
		scene_close(&s);
	}
}

/* Without memory a query says so; it never gives another answer and calls it complete. */
static int answer_with_failure(struct scene *s, const char *text, uint64_t fail_at, struct buffer *out, bool *complete)
{
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	struct query_source source = query_source_store(s->store);
	struct fake_memory *memory = &s->rows.fake->memory;
	struct query *q = NULL;
	struct query_run *run = NULL;
	struct error error = {0};
	buffer_reset(out);
	assert_int_equal(query_compile(&s->rows.fake->env, slice_str(text), &options, &q, &error), 0);
	memory->calls = 0;
	memory->fail_at = fail_at;
	int rc = query_run_open(&s->rows.fake->env, &source, q, 0, &run, &error);
	for (int more = rc == 0; more > 0;)
		more = rc = query_next(run, out, 100, &error);
	memory->fail_at = 0;
	struct buffer summary;
	buffer_init(&summary, &s->rows.fake->env);
	assert_true(run == NULL || query_summary(run, &summary) == 0);
	*complete = slice_find(buffer_slice(&summary), SLICE("\"truncated\":null"), 0) != SIZE_MAX;
	buffer_free(&summary);
	query_run_free(run);
	query_free(q);
	return rc;
}

static void test_without_memory(void **state)
{
	(void)state;
	static const char *const queries[] = {"*3827* or not (a:w1* \"27z\") | count", "w1238 b:* | fields a, row"};
	struct scene s;
	struct buffer out, wanted;
	bool complete;
	border_scene(&s, 2);
	buffer_init(&out, &s.rows.fake->env);
	buffer_init(&wanted, &s.rows.fake->env);
	for (size_t i = 0; i < 2; i++) {
		uint64_t refused = 0;
		assert_int_equal(answer_with_failure(&s, queries[i], 0, &wanted, &complete), 0);
		assert_true(complete && wanted.len > 0);
		buffer_room(&out, 4096);
		for (uint64_t n = 1, last = s.rows.fake->memory.calls; n <= last; n++) {
			int rc = answer_with_failure(&s, queries[i], n, &out, &complete);
			refused += rc == -ERROR_MEMORY;
			assert_true(rc == 0 || rc == -ERROR_MEMORY);
			if (rc == 0 && complete)
				assert_true(slice_equal(buffer_slice(&out), buffer_slice(&wanted)));
		}
		assert_true(refused > 10);
	}
	buffer_free(&out);
	buffer_free(&wanted);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_borders), cmocka_unit_test(test_without_memory)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
