/* The match record: what is written is read; what is damaged is refused, wherever the damage is. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/pipeline.h"

static uint8_t digest_one[32] = {1}, digest_two[32] = {2};

static void fill(struct match_writer *w)
{
	static const uint8_t key[] = {KEY_TEXT, 3, 'a', 'n', 'n'}, missing[] = {KEY_MISSING, 0};
	struct match_entry match = {.kind = MATCH_ENTRY,
								.when_ns = T0,
								.observed_ns = T0 + 1,
								.correlation = digest_one,
								.rule = digest_two,
								.source = SLICE("ip 10.0.0.1")};
	match.event = (struct event_identity){.epoch = 3, .partition = 2, .sequence = UINT64_MAX};
	memset(match.event.collector, 7, 16);
	match.key = match.spelling = slice_of(key, sizeof(key));
	match_writer_add(w, &match);
	match.key = match.spelling = match.carried = slice_of(missing, sizeof(missing));
	match_writer_add(w, &match);
	struct match_entry clock = {.kind = MATCH_CLOCK, .partition = 2, .offset = 9, .clock_ns = T0};
	match_writer_add(w, &clock);
	clock.clock_ns++;
	match_writer_add(w, &clock); /* takes the place of the one before */
	struct match_entry level = {.kind = MATCH_LEVEL, .partition = 1, .level = 2, .clock_ns = INT64_MIN};
	match_writer_add(w, &level);
}

static void test_written_and_read(void **state)
{
	struct fake *fake = fake_new(1);
	struct match_writer w;
	struct match_record record;
	struct match_entry e;
	struct slice octets;
	uint32_t place = 0;
	(void)state;
	match_writer_init(&w, &fake->env);
	fill(&w);
	assert_int_equal(match_writer_finish(&w, &octets, NULL), 0);
	assert_int_equal(match_open(&record, octets, NULL), 0);
	assert_int_equal(record.entry_count, 4);
	assert_int_equal(record.digest_count, 2);
	assert_int_equal(record.origin_count, 1);
	assert_true(match_next(&record, &place, &e));
	assert_int_equal(e.kind, MATCH_ENTRY);
	assert_true(e.event.sequence == UINT64_MAX && e.event.epoch == 3 && e.event.partition == 2);
	assert_memory_equal(e.correlation, digest_one, 32);
	assert_memory_equal(e.rule, digest_two, 32);
	assert_true(slice_equal(e.source, SLICE("ip 10.0.0.1")) && e.key.len == 5 && e.value.len == 0);
	assert_true(match_next(&record, &place, &e));
	assert_int_equal(e.carried.len, 2);
	assert_true(match_next(&record, &place, &e));
	assert_true(e.kind == MATCH_CLOCK && e.clock_ns == T0 + 1 && e.offset == 9);
	assert_true(match_next(&record, &place, &e));
	assert_true(e.kind == MATCH_LEVEL && e.clock_ns == INT64_MIN && e.level == 2 && e.partition == 1);
	assert_false(match_next(&record, &place, &e));
	match_writer_free(&w);
	fake_free(fake);
}

/* Any flipped bit and any cut is refused; so is damage under a right checksum, or it is read without harm. */
static void test_damage(void **state)
{
	struct fake *fake = fake_new(1);
	struct match_writer w;
	struct match_record record;
	struct slice octets;
	(void)state;
	match_writer_init(&w, &fake->env);
	fill(&w);
	assert_int_equal(match_writer_finish(&w, &octets, NULL), 0);
	for (size_t cut = 0; cut < octets.len; cut++) {
		uint8_t *copy = fake_must(malloc(cut + 1)); /* exact size: a sanitizer sees a read past the end */
		memcpy(copy, octets.ptr, cut);
		assert_true(match_open(&record, slice_of(copy, cut), NULL) < 0);
		free(copy);
	}
	uint8_t *copy = fake_must(malloc(octets.len));
	for (size_t bit = 0; bit < octets.len * 8; bit++) {
		memcpy(copy, octets.ptr, octets.len);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(match_open(&record, slice_of(copy, octets.len), NULL) < 0);
		if (bit / 8 >= octets.len - 8)
			continue;
		put_u64(copy + octets.len - 8, xxh3(slice_of(copy, octets.len - 8)));
		if (match_open(&record, slice_of(copy, octets.len), NULL) < 0)
			continue;
		struct match_entry e;
		for (uint32_t place = 0; match_next(&record, &place, &e);)
			if (e.kind == MATCH_ENTRY)
				assert_true(tuple_check(e.key, NULL));
	}
	free(copy);
	match_writer_free(&w);
	fake_free(fake);
}

static void component(const char *text, bool cased, enum key_tag expected_tag, const char *expected)
{
	struct fake *fake = fake_new(1);
	struct buffer out;
	enum key_tag tag;
	buffer_init(&out, &fake->env);
	tuple_add_canonical(&out, slice_str(text), cased);
	struct slice octets = tuple_at(buffer_slice(&out), 0, &tag);
	assert_int_equal(tag, expected_tag);
	if (expected != NULL)
		assert_true(slice_equal(octets, slice_str(expected)));
	else
		assert_int_equal(octets.len, 16);
	assert_true(tuple_check(buffer_slice(&out), NULL));
	buffer_free(&out);
	fake_free(fake);
}

static void test_canonical(void **state)
{
	(void)state;
	component("10.0.0.1", false, KEY_ADDRESS, NULL);
	component("2001:DB8::1", true, KEY_ADDRESS, NULL);
	component("0", false, KEY_INTEGER, "0");
	component("-17", false, KEY_INTEGER, "-17");
	component("18446744073709551615", false, KEY_INTEGER, "18446744073709551615");
	component("007", false, KEY_TEXT, "007");
	component("-0", false, KEY_TEXT, "-0");
	component("1.0", false, KEY_TEXT, "1.0");
	component("", false, KEY_TEXT, "");
	component("Ann", false, KEY_TEXT, "ann");
	component("Ann", true, KEY_TEXT, "Ann");
	component("\xc3\x84"
			  "B",
			  false, KEY_TEXT,
			  "\xc3\xa4"
			  "b");
	char large[2001];
	memset(large, 'A', 2000);
	large[2000] = 0;
	char small[2001];
	memset(small, 'a', 2000);
	small[2000] = 0;
	component(large, false, KEY_TEXT, small);
	for (unsigned len = 126; len <= 130; len++) { /* where the length begins to take two octets */
		component(large + 2000 - len, false, KEY_TEXT, small + 2000 - len);
		component(large + 2000 - len, true, KEY_TEXT, large + 2000 - len);
	}
}

/* The ids are what the documents say, computed by hand from the parts. */
static void test_ids(void **state)
{
	struct event_identity event = {.epoch = 1, .partition = 2, .sequence = 3};
	uint8_t id[16], full[32], parts[256];
	size_t n = 0;
	struct sha256 *sha = sha256_new();
	(void)state;
	memset(event.collector, 9, 16);
	match_id(sha, &event, digest_one, SLICE("key"), id);
	const struct slice list[] = {slice_of(event.collector, 16), SLICE("\1\0\0\0\0\0\0\0"), SLICE("\2\0\0\0"),
								 SLICE("\3\0\0\0\0\0\0\0"),     slice_of(digest_one, 32),  SLICE("key")};
	for (unsigned i = 0; i < 6; i++) {
		put_u64(parts + n, list[i].len);
		memcpy(parts + n + 8, list[i].ptr, list[i].len);
		n += 8 + list[i].len;
	}
	sha256_of(slice_of(parts, n), full);
	assert_memory_equal(id, full, 16);
	sha256_free(sha);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_and_read),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
