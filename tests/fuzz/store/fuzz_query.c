/* The text of a query: whatever it is, it compiles or is refused with a column inside it; what compiles is tested against
 * a few rows, and says the same twice. */
#include "store/query.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "fuzz_query: %s\n", #condition); \
			abort(); \
		} \
	} while (0)

static struct batch rows;

static void add(struct batch_builder *b, struct dictionary *d, const char *original, enum charset charset,
				const char *value, enum value_type type)
{
	MUST(batch_row(b, ROW_EVENT, 0, slice_str(original)) >= 0);
	batch_row_flags(b, ROW_TRUNCATED, charset, FORMAT_PLAIN);
	MUST(batch_field_slice(b, dictionary_intern(d, SLICE("a")), type, slice_str(value)) >= 0);
	MUST(batch_field_small(b, dictionary_intern(d, SLICE("n")), 5) >= 0);
	MUST(batch_row_end(b) >= 0);
}

static const struct env *rows_once(void)
{
	static struct env env;
	static struct dictionary dictionary;
	struct batch_identity identity = {.epoch = 1};
	struct error error = {0};
	struct slice octets;
	if (rows.octets.ptr != NULL)
		return &env;
	env = env_system();
	MUST(dictionary_init(&dictionary, &env, 1) == 0);
	static struct batch_builder *b; /* it owns the octets of the rows */
	b = batch_builder_new(&env, &dictionary);
	MUST(b != NULL);
	batch_begin(b, &identity, 0, 0);
	add(b, &dictionary, "a b \xe7\x99\xbb 10.0.0.1", CHARSET_UTF8, "10.0.0.1", VALUE_ADDRESS);
	add(b, &dictionary, "\xff\x80\xe7", CHARSET_UNKNOWN, "5.0", VALUE_F64);
	add(b, &dictionary, "", CHARSET_GB18030, "", VALUE_NULL);
	add(b, &dictionary, "x", CHARSET_UTF8, "2026-01-01T00:00:00Z", VALUE_TIME);
	MUST(batch_finish(b, &octets, &error) == 0);
	MUST(batch_open(&rows, octets, &error) == 0);
	return &env;
}

static void test_rows(const struct query *q)
{
	const struct predicate *p = query_predicate(q);
	for (uint32_t i = 0; i < rows.row_count; i++) {
		struct batch_row row;
		batch_get_row(&rows, i, &row);
		bool first = p->test(p, &rows, &row);
		MUST(p->test(p, &rows, &row) == first);
	}
	MUST(!q->out_of_memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct query_options options = {.now_ns = INT64_C(1767225600000000000), .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	const struct env *env = rows_once();
	struct error error = {0};
	struct query *q = NULL;
	int rc = query_compile(env, slice_of(data, size), &options, &q, &error);
	MUST((rc == 0) == (q != NULL));
	if (rc == 0) {
		test_rows(q);
	} else if (rc == -ERROR_SYNTAX) {
		MUST(error.line == 1 && error.column >= 1 && error.column <= size + 1 && error.text[0] != 0);
	} else {
		MUST(rc == -ERROR_LIMIT);
	}
	query_free(q);
	return 0;
}
