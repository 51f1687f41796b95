/* Digests against published vectors; the CRC table against its polynomial. */
#include "tests/unit/common/test.h"

#include "common/crc32c_table.h"

static void assert_hex(const uint8_t *octets, size_t n, const char *wanted)
{
	char text[130];
	hex_print(octets, n, text);
	assert_string_equal(text, wanted);
}

static void sha256_vectors(void **state)
{
	(void)state;
	uint8_t out[32];
	struct sha256 *s = sha256_new();
	assert_non_null(s);
	/* FIPS 180-4 examples. */
	sha256_add(s, "a", 1);
	sha256_add(s, NULL, 0);
	sha256_add(s, "bc", 2);
	sha256_end(s, out);
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_start(s);
	sha256_end(s, out);
	assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_of(SLICE("abc"), out);
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* Parts do not run into each other. */
	uint8_t other[32], plain[32];
	sha256_start(s);
	sha256_part(s, SLICE("ab"));
	sha256_part(s, SLICE("c"));
	sha256_end(s, out);
	sha256_start(s);
	sha256_part(s, SLICE("a"));
	sha256_part(s, SLICE("bc"));
	sha256_end(s, other);
	assert_memory_not_equal(out, other, 32);
	sha256_of(SLICE("\2\0\0\0\0\0\0\0ab\1\0\0\0\0\0\0\0c"), plain);
	assert_memory_equal(out, plain, 32);
	sha256_free(s);
}

/* RFC 4648 section 10, and what is none. */
static void base64_vectors(void **state)
{
	static const char *const pairs[][2] = {{"", ""},
										   {"Zg==", "f"},
										   {"Zm8=", "fo"},
										   {"Zm9v", "foo"},
										   {"Zm9vYg==", "foob"},
										   {"Zm9vYmE=", "fooba"},
										   {"Zm9vYmFy", "foobar"},
										   {"+/+/", "\xfb\xff\xbf"}};
	static const char *const wrong[] = {
		"Z", "Zg=", "Zg", "Zh==", "Zm9=", "====", "Zg==Zg==", "Zm 9", "Zm-_", "Z===", "Zm9v\n"};
	uint8_t out[16];
	size_t len;
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		assert_true(base64_parse(slice_str(pairs[i][0]), out, &len));
		assert_int_equal(len, strlen(pairs[i][1]));
		assert_memory_equal(out, pairs[i][1], len);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(base64_parse(slice_str(wrong[i]), out, &len));
}

static uint32_t bit_by_bit(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
	}
	return ~crc;
}

static void crc32c_agrees(void **state)
{
	(void)state;
	uint8_t text[100];
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u); /* the check value of RFC 3720's polynomial */
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof text; len++) {
		assert_int_equal(crc32c(0, text, len), bit_by_bit(text, len));
		assert_int_equal(crc32c(crc32c(0, text, len / 3), text + len / 3, len - len / 3), bit_by_bit(text, len));
	}
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (unsigned k = 0; k < 8; k++) {
			for (unsigned bit = 0; bit < 8; bit++)
				crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
			assert_int_equal(crc32c_table[k][i], crc);
		}
	}
}

static void xxh3_vectors(void **state)
{
	(void)state;
	assert_true(xxh3(SLICE_NONE) == UINT64_C(0x2d06800538d394c2));
	assert_true(xxh3_seeded(SLICE("a"), 0) == xxh3(SLICE("a")));
	assert_true(xxh3_seeded(SLICE("a"), 1) != xxh3(SLICE("a")));
	uint8_t octets[3000];
	for (unsigned i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)(i * i >> 3);
	for (size_t len = 0; len < sizeof octets; len += len < 600 ? 1 : 97)
		for (size_t head = 0; head <= len; head += 32) {
			struct slice parts[] = {slice_of(octets, head), slice_of(octets + head, (len - head) / 2), SLICE_NONE};
			parts[2] = slice_of(octets + head + parts[1].len, len - head - parts[1].len);
			assert_true(xxh3_seeded_parts(parts, 3, len) == xxh3_seeded(slice_of(octets, len), len));
		}
}

static void hex(void **state)
{
	(void)state;
	uint8_t out[2];
	assert_true(hex_parse(SLICE("0aFf"), out, 2) && out[0] == 0x0a && out[1] == 0xff);
	assert_false(hex_parse(SLICE("0aF"), out, 2));
	assert_false(hex_parse(SLICE("0aF"), out, 1));
	assert_false(hex_parse(SLICE("0ag0"), out, 2));
	assert_false(hex_parse(SLICE("0aff00"), out, 2));
	assert_false(hex_parse(SLICE("0a@f"), out, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_vectors),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(crc32c_agrees),
		cmocka_unit_test(xxh3_vectors),
		cmocka_unit_test(hex),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
