/* The envelope of events on Kafka: there and back, and every way in which its octets may lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/kafka_envelope.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <zstd.h>

static struct fake *fake;
static struct envelope there, back;

static int setup(void **state)
{
	(void)state;
	fake = fake_new(1);
	envelope_init(&there, &fake->env);
	envelope_init(&back, &fake->env);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	envelope_free(&there);
	envelope_free(&back);
	int64_t left = fake->memory.outstanding;
	fake_free(fake);
	return left != 0;
}

static void a_payload_of_any_size_comes_back(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 7, 8, 1000, 65536, 4194303, 4194304};
	for (unsigned i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
		size_t size = sizes[i / 2];
		struct slice wrapped, out;
		struct error error;
		uint8_t *octets = calloc(1, size + 1);
		for (size_t k = 0; i % 2 && k < size; k++) /* text that does not compress, and zeros that do */
			octets[k] = (uint8_t)fake_random(fake);
		assert_int_equal(envelope_wrap(&there, slice_of(octets, size), &wrapped, &error), 0);
		assert_true(wrapped.len < 8388608);
		assert_int_equal(envelope_unwrap(&back, wrapped, &out, &error), 0);
		assert_true(slice_equal(out, slice_of(octets, size)));
		assert_int_equal((uintptr_t)out.ptr % 8, 0);
		free(octets);
	}
}

static void one_octet_too_many_is_refused(void **state)
{
	(void)state;
	struct slice out;
	struct error error;
	uint8_t *octets = calloc(1, 4194305);
	assert_int_equal(envelope_wrap(&there, slice_of(octets, 4194305), &out, &error), -ERROR_LIMIT);
	free(octets);
}

static void every_cut_and_every_lie_about_size_is_refused(void **state)
{
	(void)state;
	struct slice wrapped, out;
	struct error error;
	uint8_t octets[600], copy[800];
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * i >> 3);
	assert_int_equal(envelope_wrap(&there, slice_of(octets, sizeof(octets)), &wrapped, &error), 0);
	for (size_t len = 0; len < wrapped.len; len++)
		assert_true(envelope_unwrap(&back, slice_of(wrapped.ptr, len), &out, &error) < 0);
	assert_true(wrapped.len + 1 < sizeof(copy));
	memcpy(copy, wrapped.ptr, wrapped.len);
	copy[wrapped.len] = 0;
	assert_int_equal(envelope_unwrap(&back, slice_of(copy, wrapped.len + 1), &out, &error), -ERROR_FORMAT);
	for (size_t at = 0; at < 32; at++) /* the head: every bit of it is looked at, but for the flags one may ignore */
		for (unsigned bit = 0; bit < 8; bit++) {
			copy[at] ^= (uint8_t)(1u << bit);
			int result = envelope_unwrap(&back, slice_of(copy, wrapped.len), &out, &error);
			assert_int_equal(result < 0, at < 8 || at >= 12);
			copy[at] ^= (uint8_t)(1u << bit);
		}
	for (size_t at = 32; at < wrapped.len; at++) { /* the frame: refused, or 600 octets of something */
		copy[at] ^= 0x55;
		int result = envelope_unwrap(&back, slice_of(copy, wrapped.len), &out, &error);
		assert_true(result < 0 || out.len == sizeof(octets));
		copy[at] ^= 0x55;
	}
}

/* 64 MiB of zeros in a few thousand octets, with a head that tells the truth, and one that does not. */
static void a_bomb_costs_nothing(void **state)
{
	(void)state;
	size_t size = (size_t)64 << 20, room = ZSTD_compressBound(size);
	uint8_t *zeros = calloc(1, size), *octets = calloc(1, room + 32);
	struct slice wrapped, out;
	struct error error;
	assert_int_equal(envelope_wrap(&there, SLICE("x"), &wrapped, &error), 0);
	memcpy(octets, wrapped.ptr, 32);
	size_t len = ZSTD_compress(octets + 32, room, zeros, size, 1);
	assert_false(ZSTD_isError(len));
	uint64_t calls = fake->memory.calls;
	put_u32(octets + 24, (uint32_t)size);
	assert_int_equal(envelope_unwrap(&back, slice_of(octets, len + 32), &out, &error), -ERROR_LIMIT);
	put_u32(octets + 24, 4096);
	assert_int_equal(envelope_unwrap(&back, slice_of(octets, len + 32), &out, &error), -ERROR_FORMAT);
	assert_int_equal(fake->memory.calls, calls);
	free(zeros);
	free(octets);
}

static void no_memory_is_an_answer(void **state)
{
	(void)state;
	struct slice wrapped, out;
	struct error error;
	fake->memory.calls = 0;
	fake->memory.fail_at = 1;
	assert_int_equal(envelope_wrap(&there, SLICE("some text"), &wrapped, &error), -ERROR_MEMORY);
	assert_int_equal(envelope_wrap(&there, SLICE("some text"), &wrapped, &error), 0);
	fake->memory.calls = 0;
	assert_int_equal(envelope_unwrap(&back, wrapped, &out, &error), -ERROR_MEMORY);
	assert_int_equal(envelope_unwrap(&back, wrapped, &out, &error), 0);
	assert_true(slice_equal(out, SLICE("some text")));
	fake->memory.fail_at = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_payload_of_any_size_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(one_octet_too_many_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(every_cut_and_every_lie_about_size_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bomb_costs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory_is_an_answer, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
