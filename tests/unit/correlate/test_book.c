/* The book of incidents: what is told, changed, replaced, and read again in another order. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/pipeline.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define INCIDENT(id, state, seen, more) \
	"{\"incident\":{\"id\":\"" id "\",\"state\":\"" state \
	"\",\"rule\":{\"id\":null,\"title\":\"t\"},\"group\":{\"u\":\"}\\\"\"}," \
	"\"first_seen\":\"2026-01-01T00:00:00Z\",\"last_seen\":\"2026-01-01T00:00:" seen "Z\",\"count\":3" more \
	",\"events\":[]}}"

struct desk {
	struct fake *fake;
	struct incident_book *book;
	struct dictionary dictionary;
	struct batch_builder *builder;
	uint64_t sequences[4];
	struct buffer out;
};

static void desk_open(struct desk *d)
{
	*d = (struct desk){.fake = fake_new(1)};
	assert_int_equal(dictionary_init(&d->dictionary, &d->fake->env, 1), 0);
	d->builder = batch_builder_new(&d->fake->env, &d->dictionary);
	buffer_init(&d->out, &d->fake->env);
	assert_int_equal(incident_book_new(&d->fake->env, &d->book, NULL), 0);
}

static void desk_close(struct desk *d)
{
	incident_book_free(d->book);
	batch_builder_free(d->builder);
	dictionary_free(&d->dictionary);
	buffer_free(&d->out);
	assert_int_equal(d->fake->memory.outstanding, 0);
	fake_free(d->fake);
}

static struct slice batch_of(struct desk *d, uint32_t partition, enum row_kind kind, const char *json)
{
	struct slice octets;
	struct batch_identity identity = {.partition = partition, .first_sequence = d->sequences[partition]++};
	batch_begin(d->builder, &identity, 0, T0);
	assert_int_equal(batch_row(d->builder, kind, T0, slice_str(json)), 0);
	batch_row_tables(d->builder, BATCH_NO_INDEX, BATCH_NO_INDEX, BATCH_NO_INDEX);
	assert_int_equal(batch_row_end(d->builder), 0);
	assert_int_equal(batch_finish(d->builder, &octets, NULL), 0);
	return octets;
}

static void feed(struct desk *d, uint32_t partition, enum row_kind kind, const char *json)
{
	assert_int_equal(incident_book_add(d->book, batch_of(d, partition, kind, json), NULL), 0);
}

static const char *listed(struct desk *d, bool only_open)
{
	buffer_reset(&d->out);
	assert_int_equal(incident_book_list(d->book, only_open, &d->out), 0);
	buffer_add_octet(&d->out, 0);
	return (const char *)d->out.ptr;
}

static const char *shown(struct desk *d, const char *id)
{
	buffer_reset(&d->out);
	assert_int_equal(incident_book_show(d->book, slice_str(id), &d->out, NULL), 0);
	buffer_add_octet(&d->out, 0);
	return (const char *)d->out.ptr;
}

static int set(struct desk *d, const char *id, uint64_t version, enum incident_status status, struct error *error)
{
	buffer_reset(&d->out);
	int result = incident_book_set(d->book, slice_str(id), version, status, SLICE("ann"), SLICE("note \"x\""), T0,
								   &d->out, error);
	buffer_add_octet(&d->out, 0);
	return result;
}

static void test_newest_first_and_once(void **state)
{
	struct desk d;
	(void)state;
	desk_open(&d);
	feed(&d, 0, ROW_INCIDENT, INCIDENT(ID_A, "provisional", "01", ""));
	feed(&d, 0, ROW_INCIDENT, INCIDENT(ID_B, "provisional", "09.5", ""));
	feed(&d, 0, ROW_FINDING, "{\"finding\":{\"id\":\"x\"}}");
	feed(&d, 0, ROW_INCIDENT, INCIDENT(ID_A, "final", "09", ""));
	const char *text = listed(&d, false), *a = strstr(text, ID_A), *b = strstr(text, ID_B);
	assert_true(b != NULL && a > b);
	assert_non_null(strstr(a, "\"state\":\"final\""));
	assert_non_null(strstr(a, "\"group\":{\"u\":\"}\\\"\"}"));
	assert_null(strstr(a + 1, ID_A));
	desk_close(&d);
}

static void test_batches_again(void **state)
{
	struct desk d;
	(void)state;
	desk_open(&d);
	struct slice batch = batch_of(&d, 1, ROW_INCIDENT, INCIDENT(ID_A, "provisional", "01", ""));
	uint8_t *copy = fake_must(malloc(batch.len));
	memcpy(copy, batch.ptr, batch.len);
	assert_int_equal(incident_book_add(d.book, slice_of(copy, batch.len), NULL), 0);
	feed(&d, 1, ROW_INCIDENT, INCIDENT(ID_A, "final", "02", ""));
	assert_int_equal(incident_book_add(d.book, slice_of(copy, batch.len), NULL), 0);
	assert_non_null(strstr(listed(&d, false), "\"state\":\"final\""));
	copy[batch.len / 2] ^= 1;
	assert_true(incident_book_add(d.book, slice_of(copy, batch.len), NULL) < 0);
	free(copy);
	desk_close(&d);
}

static void test_compare_and_set(void **state)
{
	struct desk d;
	struct error error = {0};
	(void)state;
	desk_open(&d);
	feed(&d, 0, ROW_INCIDENT, INCIDENT(ID_A, "final", "01", ""));
	assert_int_equal(set(&d, ID_A, 0, INCIDENT_IN_PROGRESS, &error), 0);
	char *first = fake_must(strdup((const char *)d.out.ptr));
	assert_int_equal(set(&d, ID_A, 0, INCIDENT_CLOSED, &error), 0);
	char *second = fake_must(strdup((const char *)d.out.ptr));
	feed(&d, 2, ROW_AUDIT, first);
	feed(&d, 2, ROW_AUDIT, second); /* saw the same version, came later: does not count */
	assert_non_null(strstr(shown(&d, ID_A), "\"version\":1,\"status\":\"in_progress\""));
	assert_non_null(strstr(shown(&d, ID_A), "\"note\":\"note \\\"x\\\"\""));
	assert_int_equal(set(&d, ID_A, 0, INCIDENT_CLOSED, &error), -ERROR_CONFLICT);
	assert_non_null(strstr(error.text, "version 1"));
	assert_int_equal(set(&d, ID_B, 0, INCIDENT_CLOSED, &error), -ERROR_NOT_FOUND);
	assert_int_equal(set(&d, "nonsense", 0, INCIDENT_CLOSED, &error), -ERROR_NOT_FOUND);
	assert_int_equal(set(&d, ID_A, 1, INCIDENT_RESOLVED, &error), 0);
	char *third = fake_must(strdup((const char *)d.out.ptr));
	feed(&d, 2, ROW_AUDIT, third);
	assert_non_null(strstr(listed(&d, false), ID_A));
	assert_null(strstr(listed(&d, true), ID_A));
	free(first);
	free(second);
	free(third);
	desk_close(&d);
}

#define CHANGE(id, version, status) \
	"{\"incident_change\":{\"id\":\"" id "\",\"version\":" version ",\"status\":\"" status \
	"\",\"note\":\"\",\"who\":\"w\"," \
	"\"time\":\"2026-01-01T00:00:00Z\"}}"

/* What was done with a provisional incident stays with the one that replaces it, in whatever order rows are read. */
static void test_replaced(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		struct desk d;
		struct error error = {0};
		desk_open(&d);
		if (order == 1)
			feed(&d, 3, ROW_AUDIT, CHANGE(ID_A, "1", "on_hold"));
		feed(&d, 0, ROW_INCIDENT, INCIDENT(ID_A, "provisional", "01", ""));
		feed(&d, 0, ROW_INCIDENT, INCIDENT(ID_B, "final", "01", ",\"replaces\":[\"" ID_A "\"]"));
		if (order == 0)
			feed(&d, 3, ROW_AUDIT, CHANGE(ID_A, "1", "on_hold"));
		assert_non_null(strstr(listed(&d, false), "\"id\":\"" ID_B "\",\"version\":1,\"status\":\"on_hold\""));
		assert_null(strstr(listed(&d, false), "\"id\":\"" ID_A));
		assert_non_null(strstr(shown(&d, ID_A), "\"replaced_by\":\"" ID_B "\""));
		assert_int_equal(set(&d, ID_A, 1, INCIDENT_CLOSED, &error), -ERROR_CONFLICT);
		assert_non_null(strstr(error.text, ID_B));
		desk_close(&d);
	}
}

/* One that another keeps quiet is not among the open ones, until somebody takes it up. */
static void test_suppressed(void **state)
{
	struct desk d;
	(void)state;
	desk_open(&d);
	feed(&d, 0, ROW_INCIDENT, INCIDENT(ID_A, "final", "01", ""));
	feed(&d, 0, ROW_INCIDENT, INCIDENT(ID_B, "final", "02", ",\"suppressed_by\":\"" ID_A "\",\"suppressed\":1"));
	assert_null(strstr(listed(&d, true), "\"id\":\"" ID_B));
	assert_non_null(strstr(listed(&d, true), "\"id\":\"" ID_A));
	assert_non_null(strstr(listed(&d, false), "\"suppressed_by\":\"" ID_A "\""));
	feed(&d, 3, ROW_AUDIT, CHANGE(ID_B, "1", "on_hold"));
	assert_non_null(strstr(listed(&d, true), "\"id\":\"" ID_B));
	desk_close(&d);
}

/* Rows of nobody's making do no harm. */
static void test_strange_rows(void **state)
{
	static const char *const rows[] = {"",
									   "{",
									   "[]",
									   "{\"incident\":3}",
									   "{\"incident\":{\"id\":\"zz\"}}",
									   "{\"incident\":{\"id\":\"" ID_A "\"",
									   "{\"incident_change\":{\"id\":\"" ID_A "\"}}",
									   "{\"incident\":{\"id\":\"" ID_A "\",\"replaces\":[\"" ID_A "\",\"\",\"x\"]}}",
									   "{\"incident_change\":{\"id\":\"" ID_A "\",\"version\":-1,\"status\":\"new\"}}"};
	struct desk d;
	(void)state;
	desk_open(&d);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		feed(&d, 0, i % 2 == 0 ? ROW_INCIDENT : ROW_AUDIT, rows[i]);
	listed(&d, false);
	desk_close(&d);
}

static void test_memory_fails(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct desk d;
		desk_open(&d);
		struct slice batch =
			batch_of(&d, 1, ROW_INCIDENT, INCIDENT(ID_A, "final", "01", ",\"replaces\":[\"" ID_B "\"]"));
		d.fake->memory.calls = d.fake->memory.failed = 0;
		d.fake->memory.fail_at = n;
		int result = incident_book_add(d.book, batch, NULL);
		bool reached = d.fake->memory.failed > 0;
		d.fake->memory.fail_at = 0;
		assert_true(reached == (result < 0));
		desk_close(&d);
		if (!reached)
			break;
	}
}

/* ---- silences ---- */

#define SILENCE(id, terms, until) \
	"{\"silence\":{\"id\":\"" id "\",\"terms\":{" terms "},\"until\":\"2026-01-01T" until \
	"Z\",\"reason\":\"r\",\"who\":\"w\",\"time\":\"2026-01-01T00:00:00Z\"}}"
#define RULED(id, seen) \
	"{\"incident\":{\"id\":\"" id \
	"\",\"state\":\"final\",\"rule\":{\"id\":\"r-1\",\"title\":\"Port scan \\\"x\\\"\",\"level\":\"high\"," \
	"\"tags\":[\"attack.t1046\",\"site.a\"]},\"group\":{\"source.ip\":\"10.0.0.5\",\"user\":null}," \
	"\"first_seen\":\"2026-01-01T00:00:00Z\",\"last_seen\":\"2026-01-01T00:00:" seen "Z\",\"count\":3,\"events\":[]}}"

/* Is the incident, whose newest event is at :10, covered by a silence with these terms until then? */
static bool covered(const char *row)
{
	struct desk d;
	desk_open(&d);
	feed(&d, 0, ROW_INCIDENT, RULED(ID_A, "10"));
	feed(&d, 0, ROW_AUDIT, row);
	bool open = strstr(listed(&d, true), ID_A) != NULL, marked = strstr(listed(&d, false), "\"silenced_by\"") != NULL;
	assert_non_null(strstr(listed(&d, false), ID_A)); /* never gone */
	assert_int_equal(open, !marked);
	desk_close(&d);
	return marked;
}

static void test_silence_terms(void **state)
{
	(void)state;
	assert_true(covered(SILENCE(ID_B, "\"rule\":\"r-1\"", "00:00:11")));
	assert_true(covered(SILENCE(ID_B, "\"rule\":\"PORT SCAN \\\"x\\\"\"", "00:00:11")));
	assert_true(covered(SILENCE(ID_B, "\"rule\":\"port*\",\"source.ip\":\"10.*.5\",\"level\":\"high\"", "01:00:00")));
	assert_true(covered(SILENCE(ID_B, "\"tag\":\"site.*\"", "00:00:11")));
	assert_false(covered(SILENCE(ID_B, "\"tag\":\"site\"", "00:00:11")));
	assert_false(covered(SILENCE(ID_B, "\"rule\":\"port*\",\"source.ip\":\"10.0.0.6\"", "00:00:11")));
	assert_false(covered(SILENCE(ID_B, "\"user\":\"*\"", "00:00:11"))); /* missing in the key */
	assert_false(covered(SILENCE(ID_B, "\"host\":\"*\"", "00:00:11")));
	assert_false(covered(SILENCE(ID_B, "", "00:00:11")));
	assert_false(covered(SILENCE(ID_B, "\"rule\":[\"r-1\"]", "00:00:11")));
	/* its newest event is not before the end; an end before it was said takes it back */
	assert_false(covered(SILENCE(ID_B, "\"rule\":\"*\"", "00:00:10")));
	assert_false(covered("{\"silence\":{\"id\":\"" ID_B
						 "\",\"terms\":{\"rule\":\"*\"},\"until\":\"2026-01-01T00:01:00Z\","
						 "\"reason\":\"r\",\"who\":\"w\",\"time\":\"2026-01-01T00:01:00Z\"}}"));
	assert_false(covered("{\"silence\":{\"id\":\"" ID_B "\",\"terms\":{\"rule\":\"*\"},\"until\":5}}"));
	assert_false(covered("{\"silence\":7}"));
}

/* A later row of the same id takes the earlier one's place; an incident that goes on past the end comes back. */
static void test_silence_changes(void **state)
{
	struct desk d;
	(void)state;
	desk_open(&d);
	feed(&d, 0, ROW_INCIDENT, RULED(ID_A, "10"));
	feed(&d, 0, ROW_AUDIT, SILENCE(ID_B, "\"rule\":\"nobody\"", "01:00:00"));
	assert_null(strstr(listed(&d, false), "silenced_by"));
	feed(&d, 0, ROW_AUDIT, SILENCE(ID_B, "\"rule\":\"r-1\"", "00:00:20"));
	assert_non_null(strstr(listed(&d, false), "\"silenced_by\":\"" ID_B "\""));
	buffer_reset(&d.out);
	assert_int_equal(incident_book_silences(d.book, &d.out), 0);
	buffer_add_octet(&d.out, 0);
	assert_non_null(strstr((const char *)d.out.ptr, "\"reason\":\"r\""));
	assert_non_null(strstr((const char *)d.out.ptr, "},\"incidents\":1}\n"));
	assert_null(strstr((const char *)d.out.ptr, "nobody"));
	feed(&d, 0, ROW_INCIDENT, RULED(ID_A, "30"));
	assert_null(strstr(listed(&d, false), "silenced_by"));
	desk_close(&d);
}

/* What is written is what is read. */
static void test_silence_row(void **state)
{
	struct desk d;
	struct error error = {0};
	static const struct slice good[] = {{(const uint8_t *)"rule:Port \"scan*", 16},
										{(const uint8_t *)"source.ip:a:b", 13}};
	static const char *const wrong[] = {"rule", ":x", "rule:", "rule:\xff"};
	struct incident_silence s = {
		.terms = good, .term_count = 2, .until_ns = T0 + NS_PER_S, .who = SLICE("w"), .reason = SLICE("why")};
	(void)state;
	desk_open(&d);
	assert_int_equal(incident_silence_row(&s, T0, &d.out, &error), 0);
	buffer_add_octet(&d.out, 0);
	assert_non_null(
		strstr((const char *)d.out.ptr, "\"terms\":{\"rule\":\"Port \\\"scan*\",\"source.ip\":\"a:b\"},\"until\":"));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct slice term = slice_str(wrong[i]);
		s.terms = &term;
		s.term_count = 1;
		buffer_reset(&d.out);
		assert_int_equal(incident_silence_row(&s, T0, &d.out, &error), -ERROR_USAGE);
	}
	s.terms = good;
	s.term_count = 0;
	assert_int_equal(incident_silence_row(&s, T0, &d.out, &error), -ERROR_USAGE);
	s.term_count = 2;
	s.reason = SLICE_NONE;
	assert_int_equal(incident_silence_row(&s, T0, &d.out, &error), -ERROR_USAGE);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newest_first_and_once),
		cmocka_unit_test(test_batches_again),
		cmocka_unit_test(test_compare_and_set),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_strange_rows),
		cmocka_unit_test(test_memory_fails),
		cmocka_unit_test(test_suppressed),
		cmocka_unit_test(test_silence_terms),
		cmocka_unit_test(test_silence_changes),
		cmocka_unit_test(test_silence_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
