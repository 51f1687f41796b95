/* Dictionaries, and what they stand on: arenas and buffers. */
#include "tests/unit/common/test.h"

#include "tests/support/support.h"

static void knows_the_fields_first(void **state)
{
	(void)state;
	struct env env = env_system();
	struct dictionary d;
	assert_int_equal(dictionary_init(&d, &env, 1), 0);
	assert_int_equal(dictionary_find(&d, SLICE("source.ip")), FIELD_SOURCE_IP);
	assert_int_equal(dictionary_intern(&d, SLICE("message")), FIELD_MESSAGE);
	assert_slice(dictionary_name(&d, FIELD_TIMESTAMP), SLICE("@timestamp"));
	assert_true(dictionary_find(&d, SLICE("EventID")) == DICTIONARY_NONE);
	assert_int_equal(dictionary_intern(&d, SLICE("EventID")), FIELD_COUNT);
	assert_int_equal(dictionary_intern(&d, SLICE("")), FIELD_COUNT + 1);
	assert_int_equal(dictionary_find(&d, SLICE_NONE), FIELD_COUNT + 1);
	dictionary_free(&d);
}

static struct slice numbered(char *room, unsigned i)
{
	return slice_of(room, (size_t)snprintf(room, 24, "field %u", i));
}

static void fills_and_resets(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	struct dictionary d;
	char name[24];
	assert_int_equal(dictionary_init(&d, &fake->env, 99), 0);
	uint32_t own = dictionary_intern(&d, SLICE("EventID"));
	dictionary_keep(&d);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < LIMIT_dictionary_names - own - 1; i++)
			assert_int_equal(dictionary_intern(&d, numbered(name, i)), own + 1 + i);
		assert_true(dictionary_intern(&d, SLICE("one more")) == DICTIONARY_NONE);
		assert_int_equal(dictionary_intern(&d, numbered(name, 5)), own + 6);
		assert_slice(dictionary_name(&d, own + 6), SLICE("field 5"));
		dictionary_reset(&d);
		assert_int_equal(d.count, own + 1);
		assert_int_equal(dictionary_find(&d, SLICE("EventID")), own);
		assert_true(dictionary_find(&d, SLICE("field 5")) == DICTIONARY_NONE);
	}
	dictionary_free(&d);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void bounds_names(void **state)
{
	(void)state;
	struct env env = env_system();
	struct dictionary d;
	uint8_t name[2048];
	memset(name, 'n', sizeof name);
	assert_int_equal(dictionary_init(&d, &env, 1), 0);
	assert_true(dictionary_intern(&d, slice_of(name, (size_t)LIMIT_field_name_bytes + 1)) == DICTIONARY_NONE);
	assert_int_equal(dictionary_intern(&d, slice_of(name, (size_t)LIMIT_field_name_bytes)), FIELD_COUNT);
	dictionary_free(&d);
}

static void survives_every_failed_allocation(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct fake *fake = fake_new(1);
		struct dictionary d;
		char name[24];
		fake->memory.calls = 0;
		fake->memory.fail_at = n;
		if (dictionary_init(&d, &fake->env, 1) == 0) {
			for (unsigned i = 0; i < 20000; i++) {
				uint32_t id = dictionary_intern(&d, numbered(name, i));
				assert_true(id == DICTIONARY_NONE || slice_equal(dictionary_name(&d, id), numbered(name, i)));
			}
			dictionary_free(&d);
		}
		assert_int_equal(fake->memory.outstanding, 0);
		bool reached = fake->memory.failed > 0;
		fake_free(fake);
		if (!reached)
			break;
	}
}

static void arena_rewinds(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	struct arena arena;
	arena_init(&arena, &fake->env, 256);
	struct arena_mark empty = arena_mark(&arena);
	for (unsigned round = 0; round < 4; round++) {
		char *kept = arena_string(&arena, SLICE("kept"));
		struct arena_mark mark = arena_mark(&arena);
		for (unsigned i = 0; i < 100; i++) {
			uint8_t *p = arena_zalloc(&arena, i * 7);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p & 7, 0);
			memset(p, 0xee, i * 7);
		}
		arena_rewind(&arena, mark);
		assert_string_equal(kept, "kept");
		assert_int_equal(arena.used_bytes, 8);
		if (round == 1)
			arena_rewind(&arena, empty);
		else
			arena_reset(&arena);
		assert_int_equal(arena.used_bytes, 0);
		assert_int_equal(fake->memory.outstanding, 1);
	}
	assert_null(arena_string(&arena, SLICE("a\0b")));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_non_null(arena_copy(&arena, SLICE_NONE).ptr);
	arena_free(&arena);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void buffers_hold_and_fail(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	struct buffer b;
	static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
	buffer_init(&b, &fake->env);
	buffer_add_octet(&b, 1);
	buffer_add_u16(&b, 0x0302);
	buffer_add_u32(&b, 0x07060504);
	buffer_add_format(&b, "%s-%d", "x", 7);
	buffer_align8(&b);
	assert_slice(buffer_slice(&b), SLICE("\1\2\3\4\5\6\7x-7\0\0\0\0\0\0"));
	buffer_reset(&b);
	for (size_t i = 0; i < COUNT(values); i++)
		buffer_add_varint(&b, values[i]);
	struct reader r = reader_of(buffer_slice(&b));
	for (size_t i = 0; i < COUNT(values); i++)
		assert_true(reader_varint(&r) == values[i]);
	assert_true(!r.failed && reader_left(&r) == 0);
	assert_int_equal(reader_u32(&r), 0);
	assert_true(r.failed);
	buffer_reset(&b);
	fake->memory.calls = 0;
	fake->memory.fail_at = 1;
	buffer_add_zeros(&b, 100000);
	assert_true(b.failed && b.len == 0);
	buffer_add_octet(&b, 1);
	assert_int_equal(b.len, 0);
	buffer_reset(&b);
	buffer_add_octet(&b, 1);
	assert_int_equal(b.len, 1);
	assert_null(buffer_room(&b, SIZE_MAX));
	buffer_free(&b);
	fake_free(fake);
}

static void readers_stop_at_the_end(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "\x80", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
									  "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct reader r = reader_of(slice_str(bad[i]));
		assert_true(reader_varint(&r) == 0 && r.failed);
	}
	struct reader r = reader_of(SLICE("abc"));
	assert_int_equal(reader_slice(&r, SIZE_MAX).len, 0);
	assert_true(r.failed);
	r = reader_of(SLICE("abc"));
	assert_slice(reader_slice(&r, 2), SLICE("ab"));
	assert_int_equal(reader_u16(&r), 0);
	assert_true(r.failed);
	assert_int_equal(reader_u8(&r), 0);
}

static void heads_are_checked(void **state)
{
	(void)state;
	uint8_t p[FORMAT_HEAD_BYTES];
	struct format_head head = {0, FORMAT_HEAD_BYTES, 5, 1}, got;
	format_put_head(p, "TEST", &head);
	struct slice s = slice_of(p, sizeof p);
	assert_int_equal(format_get_head(s, "TEST", 0, 1, &got, NULL), 0);
	assert_true(got.may_flags == 5 && got.must_flags == 1 && got.head_bytes == FORMAT_HEAD_BYTES);
	assert_int_equal(format_get_head(s, "TEST", 0, 2, &got, NULL), -ERROR_VERSION);
	assert_int_equal(format_get_head(s, "ELSE", 0, 1, &got, NULL), -ERROR_FORMAT);
	assert_int_equal(format_get_head(slice_of(p, 23), "TEST", 0, 1, &got, NULL), -ERROR_FORMAT);
	for (unsigned at = 0; at < 24; at++) {
		if (at >= 8 && at < 12)
			continue; /* flags that may be ignored */
		p[at] ^= 0x40;
		assert_true(format_get_head(s, "TEST", 0, 1, &got, NULL) < 0);
		p[at] ^= 0x40;
	}
}

/* A memo is only a memo: names in any order, of all lengths, with the same ends, and after ids were given to others, are
 * what the table says. */
static void memos_never_name_another(void **state)
{
	(void)state;
	struct env env = env_system();
	struct dictionary d;
	static struct dictionary_memo memo;
	uint32_t seed = 3;
	assert_int_equal(dictionary_init(&d, &env, 7), 0);
	for (unsigned round = 0; round < 200000; round++) {
		uint8_t room[40];
		seed = seed * 1103515245u + 12345u;
		if (round % 1000 == 999)
			dictionary_reset(&d);
		size_t len = seed >> 16 & 31, letters = 1 + (seed >> 28 & 1);
		uint8_t *from = room + sizeof room - len; /* ends where its room ends */
		for (size_t i = 0; i < len; i++)
			from[i] = (uint8_t)("\0a"[((seed = seed * 1103515245u + 12345u) >> 16) % letters]);
		if (len > 20 && (seed >> 29) > 3)
			from[len / 2] = (uint8_t)(seed >> 16);
		struct slice text = slice_of(from, len);
		uint32_t id = dictionary_intern_again(&d, &memo, text);
		assert_slice(dictionary_name(&d, id), text);
		assert_int_equal(dictionary_find(&d, text), id);
	}
	assert_int_equal(dictionary_intern_again(&d, &memo, SLICE_NONE), dictionary_intern(&d, SLICE_NONE));
	dictionary_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_fields_first),
		cmocka_unit_test(fills_and_resets),
		cmocka_unit_test(bounds_names),
		cmocka_unit_test(memos_never_name_another),
		cmocka_unit_test(survives_every_failed_allocation),
		cmocka_unit_test(arena_rewinds),
		cmocka_unit_test(buffers_hold_and_fail),
		cmocka_unit_test(readers_stop_at_the_end),
		cmocka_unit_test(heads_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
