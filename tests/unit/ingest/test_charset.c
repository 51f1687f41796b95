/* Charsets: what a source means, and what its octets become. */
#include "ingest/charset.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void expect(struct fake *fake, enum charset charset, struct slice in, const char *out, bool replaced)
{
	struct charset_converter c;
	struct slice text;
	bool was;
	charset_init(&c, &fake->env);
	assert_int_equal(charset_convert(&c, charset, in, &text, &was), 0);
	if (!slice_equal(text, slice_str(out)) || was != replaced)
		fail_msg("\"%.*s\" %d instead of \"%s\" %d", SLICE_PRINT(text), was, out, replaced);
	assert_true(utf8_valid(text));
	charset_free(&c);
}

static void conversions(void **state)
{
	struct fake *fake = fake_new(1);
	(void)state;
	expect(fake, CHARSET_GB18030, SLICE("a \xb5\xc7\xc2\xbc b"), "a \xe7\x99\xbb\xe5\xbd\x95 b", false);
	expect(fake, CHARSET_GB18030, SLICE("\x81\x30\x81\x30"), "\xc2\x80", false);
	expect(fake, CHARSET_GB18030, SLICE("\xb5"), "\xef\xbf\xbd", true);
	expect(fake, CHARSET_GB18030, SLICE("\xff\xb5\xc7"), "\xef\xbf\xbd\xe7\x99\xbb", true);
	expect(fake, CHARSET_BIG5, SLICE("\xb5n\xbf\xfd"), "\xe7\x99\xbb\xe9\x8c\x84", false);
	expect(fake, CHARSET_LATIN1, SLICE("\xe9t\xe9"), "\xc3\xa9t\xc3\xa9", false);
	expect(fake, CHARSET_UTF8, SLICE("\xe7\x99\xbb\xff\xc0\x80"), "\xe7\x99\xbb\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		   true);
	expect(fake, CHARSET_UTF8, SLICE(""), "", false);
	fake_free(fake);
}

/* Random octets in every charset: the result is valid UTF-8 and fits. */
static void random_octets(void **state)
{
	struct fake *fake = fake_new(2);
	struct charset_converter c;
	(void)state;
	charset_init(&c, &fake->env);
	for (int i = 0; i < 4000; i++) {
		uint8_t octets[64];
		size_t len = fake_random_below(fake, sizeof(octets) + 1);
		struct slice text;
		bool replaced;
		for (size_t k = 0; k < len; k++)
			octets[k] = (uint8_t)(fake_random(fake) | (i % 2 == 0 ? 0x80 : 0));
		assert_int_equal(charset_convert(&c, (enum charset)(i % 4), slice_of(octets, len), &text, &replaced), 0);
		assert_true(utf8_valid(text));
	}
	charset_free(&c);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void a_source_decides_not_a_line(void **state)
{
	struct charset_evidence fresh = {0}, chinese = {0}, modern = {0};
	struct slice ambiguous = SLICE("\xc4\xa3"); /* one character, valid in both */
	(void)state;
	assert_int_equal(charset_decide(&fresh, SLICE("ascii"), false), CHARSET_UTF8);
	assert_int_equal(charset_decide(&fresh, ambiguous, false), CHARSET_UTF8);
	assert_int_equal(charset_decide(&chinese, SLICE("\xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc"), false), CHARSET_GB18030);
	assert_int_equal(charset_decide(&chinese, ambiguous, false), CHARSET_GB18030);
	assert_int_equal(charset_decide(&modern, SLICE("\xe7\x99\xbb\xe5\xbd\x95\xe5\xa4\xb1\xe8\xb4\xa5"), false),
					 CHARSET_UTF8);
	assert_int_equal(charset_decide(&modern, ambiguous, false), CHARSET_UTF8);
	/* Broken only at its end: a cut, not another charset. */
	assert_int_equal(charset_decide(&modern, SLICE("\xe7\x99\xbb\xe5\xbd"), false), CHARSET_UTF8);
	assert_int_equal(charset_decide(&fresh, SLICE("\xe7\x99\xbb\xe5\xbd"), true), CHARSET_UTF8);
	/* Long UTF-8 from a source that has sent GB18030 (a relay of both) is UTF-8. */
	assert_int_equal(charset_decide(&chinese, SLICE("\xe7\x99\xbb\xe5\xbd\x95\xe5\xa4\xb1\xe8\xb4\xa5"), false),
					 CHARSET_UTF8);
	/* Neither: kept as UTF-8 with replacements. */
	assert_int_equal(charset_decide(&fresh, SLICE("a\xff\xff"), false), CHARSET_UTF8);
}

static void evidence_does_not_overflow(void **state)
{
	struct charset_evidence e = {0};
	(void)state;
	for (int i = 0; i < 1000; i++)
		charset_decide(&e, SLICE("\xb5\xc7\xc2\xbc"), false);
	assert_true(e.gb18030 > 100 && e.utf8 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversions),
		cmocka_unit_test(random_octets),
		cmocka_unit_test(a_source_decides_not_a_line),
		cmocka_unit_test(evidence_does_not_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
