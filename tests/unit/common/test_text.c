/* UTF-8 against the grammar of RFC 3629, folding over all code points, addresses, screens. */
#include "tests/unit/common/test.h"

/* RFC 3629 section 4, row by row: how many octets of s are one character. */
static unsigned oracle(const uint8_t *s, size_t len)
{
	static const struct {
		unsigned n;
		uint8_t low[4], high[4];
	} rows[] = {
		{1, {0x00}, {0x7f}},
		{2, {0xc2, 0x80}, {0xdf, 0xbf}},
		{3, {0xe0, 0xa0, 0x80}, {0xe0, 0xbf, 0xbf}},
		{3, {0xe1, 0x80, 0x80}, {0xec, 0xbf, 0xbf}},
		{3, {0xed, 0x80, 0x80}, {0xed, 0x9f, 0xbf}},
		{3, {0xee, 0x80, 0x80}, {0xef, 0xbf, 0xbf}},
		{4, {0xf0, 0x90, 0x80, 0x80}, {0xf0, 0xbf, 0xbf, 0xbf}},
		{4, {0xf1, 0x80, 0x80, 0x80}, {0xf3, 0xbf, 0xbf, 0xbf}},
		{4, {0xf4, 0x80, 0x80, 0x80}, {0xf4, 0x8f, 0xbf, 0xbf}},
	};
	for (size_t r = 0; r < COUNT(rows); r++) {
		unsigned i = 0;
		while (i < rows[r].n && i < len && s[i] >= rows[r].low[i] && s[i] <= rows[r].high[i])
			i++;
		if (i == rows[r].n)
			return i;
	}
	return 0;
}

static void decodes_by_the_grammar(void **state)
{
	(void)state;
	static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	for (unsigned first = 0; first < 65536; first++) {
		for (unsigned rest = 0; rest < COUNT(edges) * COUNT(edges); rest++) {
			uint8_t s[4] = {(uint8_t)(first >> 8), (uint8_t)first, edges[rest / COUNT(edges)],
							edges[rest % COUNT(edges)]};
			uint32_t code_point;
			size_t len = 1 + rest % 4;
			if (utf8_decode(s, len, &code_point) != oracle(s, len))
				fail_msg("%02x %02x %02x %02x, %zu octets", s[0], s[1], s[2], s[3], len);
		}
	}
}

static void encodes_back(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++) {
		uint8_t s[4];
		uint32_t back = 0;
		unsigned n = utf8_encode(c, s);
		bool surrogate = c >= 0xd800 && c < 0xe000;
		if (utf8_decode(s, n, &back) != (surrogate ? 0 : n) || (!surrogate && back != c))
			fail_msg("U+%04X", c);
	}
	assert_true(utf8_valid(SLICE("ascii only, more than eight")));
	assert_true(utf8_valid(SLICE("\xe4\xb8\xad\xe6\x96\x87 text \xf0\x9f\x98\x80")));
	assert_false(utf8_valid(SLICE("12345678\xff")));
	assert_false(utf8_valid(SLICE("1234567\xe4\xb8")));
	assert_true(utf8_valid(SLICE_NONE));
}

static void folds_every_code_point(void **state)
{
	(void)state;
	unsigned changed = 0;
	for (uint32_t c = 0; c < 0x110000; c++) {
		uint32_t f = fold_code_point(c);
		uint8_t before[4], after[8], room[FOLD_ROOM(4)];
		changed += f != c;
		if (fold_code_point(f) != f)
			fail_msg("U+%04X folds to U+%04X, which folds again", c, f);
		if (c >= 0xd800 && c < 0xe000)
			continue;
		unsigned n = utf8_encode(c, before), m = utf8_encode(f, after);
		if (m > n + n / 2)
			fail_msg("U+%04X grows from %u to %u octets", c, n, m);
		size_t got = fold(slice_of(before, n), room);
		assert_slice(slice_of(room, got), slice_of(after, m));
	}
	assert_int_equal(changed, 26 + 1428);
}

static void folds_text(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"", ""},
		{"ABCXYZ[]@`{}abcxyz0189", "abcxyz[]@`{}abcxyz0189"},
		{"PowerShell.EXE -EncodedCommand", "powershell.exe -encodedcommand"},
		{"\xc3\x84\xc3\x96\xc3\x9c\xc3\x9f", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f"},
		{"\xd0\x9f\xd0\xa0\xd0\x98", "\xd0\xbf\xd1\x80\xd0\xb8"}, /* Cyrillic */
		{"\xe2\x84\xaa", "k"}, /* Kelvin */
		{"\xc5\xbf", "s"}, /* long s */
		{"\xcf\x82\xce\xa3", "\xcf\x83\xcf\x83"}, /* sigmas */
		{"\xe1\xba\x9e", "\xc3\x9f"}, /* capital sharp s */
		{"\xc4\xb0", "\xc4\xb0"}, /* dotted capital I */
		{"\xe4\xb8\xad\xe6\x96\x87 LOG", "\xe4\xb8\xad\xe6\x96\x87 log"},
		{"A\xff\xfe\x42", "a\xff\xfe\x62"},
		{"\xc8\xba\xc8\xba", "\xe2\xb1\xa5\xe2\xb1\xa5"}, /* grows by half */
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t room[64];
		struct slice from = slice_str(cases[i].from), to = slice_str(cases[i].to);
		assert_true(FOLD_ROOM(from.len) <= sizeof room);
		assert_slice(slice_of(room, fold(from, room)), to);
		assert_true(fold_equal(from, to));
		assert_true(fold_equal(to, from));
	}
	assert_false(fold_equal(SLICE("a"), SLICE("ab")));
	assert_false(fold_equal(SLICE("\xff"), SLICE("\xfe")));
	assert_false(fold_equal(SLICE("\xff"), SLICE("\xc3\xbf")));
}

/* Texts of many lengths are folded in wide steps; octet by octet and character by character comes to the same. */
static void folds_long_text(void **state)
{
	(void)state;
	static const char *const letters[] = {"A", "z", "@", "[", "5", "\xc3\x84", "\xe4\xb8\xad", "\xff"};
	uint32_t seed = 9;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t room[FOLD_ROOM(256)], wanted[FOLD_ROOM(256)], text[256];
		size_t len = 0, limit = (seed = seed * 1103515245u + 12345u) >> 16 & 127, to = 0;
		unsigned rare = round % 3 == 0 ? 0 : round % 3 == 1 ? 1 : 3;
		while (len < limit) {
			seed = seed * 1103515245u + 12345u;
			const char *x = letters[(seed >> 16) % ((seed >> 24) < rare * 8 ? COUNT(letters) : 5)];
			memcpy(text + len, x, strlen(x));
			len += strlen(x);
		}
		uint8_t *copy = malloc(len + 1);
		memcpy(copy + 1, text, len);
		for (size_t i = 0; i < len;) {
			uint32_t code_point;
			unsigned n = utf8_decode(text + i, len - i, &code_point);
			if (n == 0)
				wanted[to++] = text[i];
			else
				to += utf8_encode(fold_code_point(code_point), wanted + to);
			i += n == 0 ? 1 : n;
		}
		assert_slice(slice_of(room, fold(slice_of(copy + 1, len), room)), slice_of(wanted, to));
		free(copy);
	}
}

static void reads_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *printed; /* null: refused */
	} cases[] = {
		{"10.0.0.1", "10.0.0.1"},
		{"255.255.255.255", "255.255.255.255"},
		{"0.0.0.0", "0.0.0.0"},
		{"::ffff:1.2.3.4", "1.2.3.4"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"fe80::1%eth0", "fe80::1"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
		{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
		{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
		{"1:2:3:4:5:6:7:8:9", NULL},
		{"1:2:3:4:5:6:7", NULL},
		{"1::2::3", NULL},
		{":1", NULL},
		{"1:", NULL},
		{":::", NULL},
		{"12345::", NULL},
		{"::1.2.3", NULL},
		{"1:2:3:4:5:6:7:1.2.3.4", NULL},
		{"[::1]", NULL},
		{"::1%", NULL},
		{"01.2.3.4", NULL},
		{"1.2.3.256", NULL},
		{"1.2.3", NULL},
		{"1.2.3.4.", NULL},
		{"1.2.3.4.5", NULL},
		{"1..3.4", NULL},
		{"", NULL},
		{"g::", NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t octets[16], again[16];
		char out[46];
		if (address_parse(slice_str(cases[i].text), octets) != (cases[i].printed != NULL))
			fail_msg("%s", cases[i].text);
		if (cases[i].printed == NULL)
			continue;
		assert_int_equal(address_print(octets, out), strlen(cases[i].printed));
		assert_string_equal(out, cases[i].printed);
		assert_true(address_parse(slice_str(out), again));
		assert_memory_equal(octets, again, 16);
	}
}

static void networks_hold(void **state)
{
	(void)state;
	static const struct {
		const char *network, *address;
		bool good, host_bits, holds;
	} cases[] = {
		{"10.0.0.0/8", "10.255.0.1", true, false, true},
		{"10.0.0.0/8", "11.0.0.0", true, false, false},
		{"10.1.2.3/8", "10.9.9.9", true, true, true},
		{"192.168.1.7", "192.168.1.7", true, false, true},
		{"192.168.1.7", "192.168.1.8", true, false, false},
		{"2001:db8::/33", "2001:db8:7fff::", true, false, true},
		{"2001:db8::/33", "2001:db8:8000::", true, false, false},
		{"::/0", "1.2.3.4", true, false, true},
		{"0.0.0.0/0", "::1", true, false, false},
		{"1.2.3.4/33", "::", false, false, false},
		{"::/129", "::", false, false, false},
		{"1.2.3.4/", "::", false, false, false},
		{"1.2.3.4/-1", "::", false, false, false},
		{"::ffff:10.0.0.0/104", "10.2.3.4", true, false, true},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t network[16], address[16];
		unsigned bits;
		bool host_bits;
		if (network_parse(slice_str(cases[i].network), network, &bits, &host_bits) != cases[i].good)
			fail_msg("%s", cases[i].network);
		if (!cases[i].good)
			continue;
		assert_true(address_parse(slice_str(cases[i].address), address));
		assert_int_equal(host_bits, cases[i].host_bits);
		if (network_holds(network, bits, address) != cases[i].holds)
			fail_msg("%s %s", cases[i].network, cases[i].address);
	}
}

static void screens_are_safe(void **state)
{
	(void)state;
	struct env env = env_system();
	struct buffer out;
	buffer_init(&out, &env);
	text_escape_screen(&out, SLICE("a\x1b[31m\n\x7f\xc2\x9b\xe2\x80\xae\xff\xe4\xb8\xad"));
	assert_slice(buffer_slice(&out), SLICE("a\\x1b[31m\\x0a\\x7f\\u{9b}\\u{202e}\\xff\xe4\xb8\xad"));
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_by_the_grammar), cmocka_unit_test(encodes_back),
		cmocka_unit_test(folds_every_code_point), cmocka_unit_test(folds_text),
		cmocka_unit_test(folds_long_text),        cmocka_unit_test(reads_addresses),
		cmocka_unit_test(networks_hold),          cmocka_unit_test(screens_are_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
