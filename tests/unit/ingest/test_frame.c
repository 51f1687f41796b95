/* Frames: every stream gives the same frames however it is cut into pieces, and frames come back octet for octet. */
#include "ingest/frame.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct seen {
	struct buffer text; /* "<flags>:<full_len>:<octets>|" of each frame */
	unsigned count;
	uint8_t last_hash[32];
};

static void see(struct seen *seen, const struct frame *frame)
{
	buffer_add_format(&seen->text, "%u:%llu:", frame->flags, (unsigned long long)frame->full_len);
	buffer_add_slice(&seen->text, frame->octets);
	buffer_add_octet(&seen->text, '|');
	memcpy(seen->last_hash, frame->hash, 32);
	seen->count++;
}

static void feed(struct framer *f, struct slice piece, struct seen *seen)
{
	struct frame frame;
	/* A copy of exact size, so that reading past it is noticed. */
	uint8_t *copy = malloc(piece.len + 1);
	if (piece.len > 0)
		memcpy(copy, piece.ptr, piece.len);
	struct slice in = slice_of(copy, piece.len);
	int result;
	while ((result = framer_next(f, &in, &frame)) == 1)
		see(seen, &frame);
	assert_int_equal(result, 0);
	assert_int_equal(in.len, 0);
	free(copy);
}

static void finish(struct framer *f, struct seen *seen)
{
	struct frame frame;
	if (framer_end(f, &frame) == 1)
		see(seen, &frame);
	assert_false(framer_inside(f));
}

struct setup {
	enum framing framing;
	bool is_file;
	size_t limit;
};

/* Pieces end at `cuts` (ascending). */
static void run(struct fake *fake, const struct setup *setup, struct slice stream, const size_t *cuts, size_t n,
				struct seen *seen)
{
	struct framer f;
	size_t at = 0;
	framer_init(&f, &fake->env, setup->framing, setup->is_file, setup->limit);
	buffer_init(&seen->text, &fake->env);
	seen->count = 0;
	for (size_t i = 0; i <= n; i++) {
		size_t end = i < n ? cuts[i] : stream.len;
		feed(&f, slice_of(stream.ptr + at, end - at), seen);
		at = end;
	}
	finish(&f, seen);
	framer_free(&f);
}

static void expect_same(const struct seen *whole, const struct seen *cut, size_t at)
{
	if (!slice_equal(buffer_slice(&whole->text), buffer_slice(&cut->text)))
		fail_msg("cut at %zu: \"%.*s\" instead of \"%.*s\"", at, SLICE_PRINT(buffer_slice(&cut->text)),
				 SLICE_PRINT(buffer_slice(&whole->text)));
	assert_memory_equal(whole->last_hash, cut->last_hash, 32);
}

/* Unsplit, at every octet, and octet by octet. Gives what the unsplit stream gave. */
static struct seen every_split(struct fake *fake, const struct setup *setup, struct slice stream)
{
	struct seen whole, cut;
	size_t *all = calloc(stream.len + 1, sizeof(*all));
	run(fake, setup, stream, NULL, 0, &whole);
	for (size_t i = 0; i <= stream.len; i++) {
		all[i] = i;
		run(fake, setup, stream, &i, 1, &cut);
		expect_same(&whole, &cut, i);
		buffer_free(&cut.text);
	}
	run(fake, setup, stream, all, stream.len + 1, &cut);
	expect_same(&whole, &cut, SIZE_MAX);
	buffer_free(&cut.text);
	free(all);
	return whole;
}

#define LIMIT 40

static const struct {
	enum framing framing;
	bool is_file;
	const char *stream;
	size_t len;
	const char *frames;
} table[] = {
#define S(text) text, sizeof(text) - 1
	/* sockets, decided per frame */
	{FRAMING_AUTO, false, S("<13>a\n<14>b\n"), "0:5:<13>a|0:5:<14>b|"},
	{FRAMING_AUTO, false, S("<13>a\r\n<14>b\0<15>c\n"), "0:5:<13>a|0:5:<14>b|0:5:<15>c|"},
	{FRAMING_AUTO, false, S("5 <13>a6 <14>bb"), "0:5:<13>a|0:6:<14>bb|"},
	{FRAMING_AUTO, false, S("5 <13>a\n6 <14>bb\n"), "0:5:<13>a|0:6:<14>bb|"},
	{FRAMING_AUTO, false, S("<13>a\n6 <14>bb<15>c\n"), "0:5:<13>a|0:6:<14>bb|0:5:<15>c|"},
	{FRAMING_AUTO, false, S("7 <13>a\nb6 <14>bb"), "0:7:<13>a\nb|0:6:<14>bb|"},
	{FRAMING_AUTO, false, S("7 <13>a\0b6 <14>bb"), "0:7:<13>a\0b|0:6:<14>bb|"},
	/* lines that begin with digits are lines */
	{FRAMING_AUTO, false, S("12 monkeys\n<13>a\n"), "0:10:12 monkeys|0:5:<13>a|"},
	{FRAMING_AUTO, false, S("12 <b>x\n2026-01-01 x\n"), "0:7:12 <b>x|0:12:2026-01-01 x|"},
	{FRAMING_AUTO, false, S("3 <13>a\n"), "0:7:3 <13>a|"},
	{FRAMING_AUTO, false, S("007 <13>abc\n"), "0:11:007 <13>abc|"},
	{FRAMING_AUTO, false, S("12\n12 \n12 <\n12 <1\n12 <13\n"), "0:2:12|0:3:12 |0:4:12 <|0:5:12 <1|0:6:12 <13|"},
	/* once counted, a count and a space are enough */
	{FRAMING_AUTO, false, S("5 <13>a4 {\"}x3 a\nb"), "0:5:<13>a|0:4:{\"}x|0:3:a\nb|"},
	/* a count of more than ten digits: back to LF */
	{FRAMING_AUTO, false, S("12345678901 <13>a\n5 <13>a\n"), "0:17:12345678901 <13>a|0:7:5 <13>a|"},
	/* empty frames are passed over on sockets */
	{FRAMING_AUTO, false, S("\n\n<13>a\n\r\n\0\0<14>b\n\0"), "0:5:<13>a|0:5:<14>b|"},
	{FRAMING_OCTET, false, S("0 3 abc"), "0:3:abc|"},
	/* cut inside */
	{FRAMING_AUTO, false, S("<13>a\n<14>b"), "0:5:<13>a|8:5:<14>b|"},
	{FRAMING_AUTO, false, S("9 <13>a"), "8:5:<13>a|"},
	{FRAMING_AUTO, false, S("<13>a\n9"), "0:5:<13>a|8:1:9|"},
	{FRAMING_AUTO, false, S("5 <13>a9 "), "0:5:<13>a|8:0:|"},
	/* one kind only */
	{FRAMING_LF, false, S("5 <13>a\na\0b\n"), "0:7:5 <13>a|0:3:a\0b|"},
	{FRAMING_NUL, false, S("a\nb\0c\r\0\0"), "0:3:a\nb|0:2:c\r|"},
	{FRAMING_OCTET, false, S("3 abc2 \n\n"), "0:3:abc|0:2:\n\n|"},
	/* files: an empty line is a record, the first record decides */
	{FRAMING_AUTO, true, S("a\n\nb\n"), "0:1:a|0:0:|0:1:b|"},
	{FRAMING_AUTO, true, S("a\n5 <13>b\n"), "0:1:a|0:7:5 <13>b|"},
	{FRAMING_AUTO, true, S("5 <13>b5 <14>c\n5 <15>d"), "0:5:<13>b|0:5:<14>c|0:5:<15>d|"},
	{FRAMING_AUTO, true, S("a\nb"), "0:1:a|0:1:b|"},
	{FRAMING_AUTO, true, S("a\nb\r"), "0:1:a|0:2:b\r|"},
	{FRAMING_AUTO, true, S("\n"), "0:0:|"},
	{FRAMING_AUTO, true, S(""), ""},
	{FRAMING_AUTO, true, S("a\0b\n"), "0:3:a\0b|"},
	{FRAMING_OCTET, true, S("0 3 abc0 "), "0:0:|0:3:abc|0:0:|"},
	{FRAMING_OCTET, true, S("5 abc"), "8:3:abc|"},
	{FRAMING_OCTET, true, S("x\n3 abc"), "0:1:x|0:3:abc|"},
};

static void table_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct fake *fake = fake_new(1);
		struct setup setup = {table[i].framing, table[i].is_file, LIMIT};
		struct seen seen = every_split(fake, &setup, slice_of(table[i].stream, table[i].len));
		size_t len = 0;
		/* The expected text may hold NUL: its length is that of what was seen, and the octets after it are a NUL. */
		len = seen.text.len;
		if (len > 0 && memcmp(seen.text.ptr, table[i].frames, len) != 0)
			fail_msg("row %zu \"%s\": \"%.*s\" instead of \"%s\"", i, table[i].stream,
					 SLICE_PRINT(buffer_slice(&seen.text)), table[i].frames);
		assert_int_equal(table[i].frames[len], 0);
		buffer_free(&seen.text);
		assert_int_equal(fake->memory.outstanding, 0);
		fake_free(fake);
	}
}

/* ---- the limit ---- */

static void check_oversize(enum framing framing, size_t len, bool crlf)
{
	struct fake *fake = fake_new(2);
	struct setup setup = {framing, false, LIMIT};
	char message[256], stream[600];
	uint8_t digest[32];
	for (size_t i = 0; i < len; i++)
		message[i] = (char)('a' + i % 26);
	sha256_of(slice_of(message, len), digest);
	size_t n = 0;
	if (framing == FRAMING_OCTET)
		n = (size_t)snprintf(stream, sizeof(stream), "%zu ", len);
	memcpy(stream + n, message, len);
	n += len;
	if (framing != FRAMING_OCTET)
		n += (size_t)snprintf(stream + n, 8, "%s", crlf ? "\r\n" : "\n");
	struct seen seen = every_split(fake, &setup, slice_of(stream, n));
	assert_int_equal(seen.count, 1);
	char expected[400];
	size_t kept = len > LIMIT ? LIMIT : len;
	int m =
		snprintf(expected, sizeof(expected), "%u:%zu:%.*s|", len > LIMIT ? ROW_TRUNCATED : 0, len, (int)kept, message);
	assert_int_equal(seen.text.len, m);
	assert_memory_equal(seen.text.ptr, expected, m);
	if (len > LIMIT)
		assert_memory_equal(seen.last_hash, digest, 32);
	buffer_free(&seen.text);
	fake_free(fake);
}

static void at_the_limit_and_past_it(void **state)
{
	(void)state;
	for (size_t len = LIMIT - 2; len <= LIMIT + 5; len++) {
		check_oversize(FRAMING_LF, len, false);
		check_oversize(FRAMING_LF, len, true);
		check_oversize(FRAMING_AUTO, len, true);
		check_oversize(FRAMING_OCTET, len, false);
	}
	check_oversize(FRAMING_LF, 200, true);
	check_oversize(FRAMING_OCTET, 200, false);
}

/* What lies behind the limit is never a message of its own, even when it looks like one. */
static void the_rest_is_passed_over(void **state)
{
	(void)state;
	struct fake *fake = fake_new(3);
	struct setup setup = {FRAMING_AUTO, false, LIMIT};
	static const char message[] = "<13>0123456789012345678901234567890123456\n<14>not a message\n<15>nor this";
	char stream[256], first[128];
	int n = snprintf(stream, sizeof(stream), "%zu %s5 <1>xx<15>after\n", sizeof(message) - 1, message);
	struct seen seen = every_split(fake, &setup, slice_of(stream, (size_t)n));
	n = snprintf(first, sizeof(first), "1:%zu:%.*s|0:5:<1>xx|0:9:<15>after|", sizeof(message) - 1, LIMIT, message);
	assert_int_equal(seen.text.len, n);
	assert_memory_equal(seen.text.ptr, first, n);
	buffer_free(&seen.text);
	fake_free(fake);
}

/* A CR in the middle of a truncated line belongs to it, the one in front of LF does not. */
static void carriage_returns_of_long_lines(void **state)
{
	(void)state;
	struct fake *fake = fake_new(4);
	struct setup setup = {FRAMING_LF, false, 8};
	static const char stream[] = "0123\r5678\r\r9\rab\r\r\n";
	uint8_t digest[32];
	struct seen seen = every_split(fake, &setup, SLICE(stream));
	sha256_of(slice_of(stream, sizeof(stream) - 3), digest);
	assert_int_equal(seen.count, 1);
	assert_memory_equal(seen.text.ptr, "1:16:0123\r567|", 14);
	assert_memory_equal(seen.last_hash, digest, 32);
	buffer_free(&seen.text);
	fake_free(fake);
}

static void a_line_of_ten_megabytes(void **state)
{
	(void)state;
	struct fake *fake = fake_new(5);
	size_t len = 10 * 1024 * 1024;
	uint8_t *line = malloc(len + 1), digest[32];
	struct framer f;
	struct seen seen = {.count = 0};
	memset(line, 'x', len);
	line[len] = '\n';
	sha256_of(slice_of(line, len), digest);
	framer_init(&f, &fake->env, FRAMING_AUTO, false, 65536);
	buffer_init(&seen.text, &fake->env);
	for (size_t at = 0; at < len + 1; at += 16384)
		feed(&f, slice_of(line + at, len + 1 - at < 16384 ? len + 1 - at : 16384), &seen);
	assert_int_equal(seen.count, 1);
	assert_memory_equal(seen.last_hash, digest, 32);
	assert_true(f.size <= 65537);
	assert_false(framer_inside(&f));
	framer_free(&f);
	buffer_free(&seen.text);
	free(line);
	fake_free(fake);
}

/* ---- transparency ---- */

/* A frame of random octets, none of them an ending of its framing. */
static size_t random_frame(struct fake *fake, enum framing framing, uint8_t *out)
{
	size_t len = fake_random_below(fake, 90) + 1;
	for (size_t i = 0; i < len; i++) {
		do
			out[i] = (uint8_t)fake_random(fake);
		while ((framing == FRAMING_LF && out[i] == '\n') || (framing == FRAMING_NUL && out[i] == 0));
	}
	/* A CR in front of LF would be taken for a part of the ending, a leading LF between counted frames for padding. */
	if (framing == FRAMING_LF && out[len - 1] == '\r')
		out[len - 1] = 'r';
	return len;
}

static void octets_come_back(void **state)
{
	static const enum framing framings[] = {FRAMING_LF, FRAMING_NUL, FRAMING_OCTET};
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct fake *fake = fake_new(100 + round);
		enum framing framing = framings[round % 3];
		struct buffer stream, expected;
		struct seen seen;
		uint8_t frame[100];
		size_t cuts[3];
		buffer_init(&stream, &fake->env);
		buffer_init(&expected, &fake->env);
		for (int i = 0; i < 20; i++) {
			size_t len = random_frame(fake, framing, frame);
			if (framing == FRAMING_OCTET)
				buffer_add_format(&stream, "%zu ", len);
			buffer_add(&stream, frame, len);
			if (framing != FRAMING_OCTET)
				buffer_add_octet(&stream, framing == FRAMING_LF ? '\n' : 0);
			buffer_add_format(&expected, "0:%zu:", len);
			buffer_add(&expected, frame, len);
			buffer_add_octet(&expected, '|');
		}
		struct setup setup = {framing, round % 2 == 0, 100};
		for (int k = 0; k < 20; k++) {
			cuts[0] = fake_random_below(fake, stream.len);
			cuts[1] = cuts[0] + fake_random_below(fake, stream.len - cuts[0]);
			cuts[2] = cuts[1] + fake_random_below(fake, stream.len - cuts[1]);
			run(fake, &setup, buffer_slice(&stream), cuts, 3, &seen);
			assert_int_equal(seen.text.len, expected.len);
			assert_memory_equal(seen.text.ptr, expected.ptr, expected.len);
			buffer_free(&seen.text);
		}
		buffer_free(&stream);
		buffer_free(&expected);
		fake_free(fake);
	}
}

static void every_octet_value(void **state)
{
	(void)state;
	struct fake *fake = fake_new(6);
	struct setup setup = {FRAMING_AUTO, false, 512};
	uint8_t stream[4 + 4 + 256] = "260 <13>";
	for (int i = 0; i < 256; i++)
		stream[8 + i] = (uint8_t)i;
	struct seen seen = every_split(fake, &setup, slice_of(stream, sizeof(stream)));
	assert_int_equal(seen.count, 1);
	assert_memory_equal(seen.text.ptr, "0:260:", 6);
	assert_memory_equal(seen.text.ptr + 6, stream + 4, 260);
	buffer_free(&seen.text);
	fake_free(fake);
}

/* Memory that is short for a while loses nothing: the same octets are offered again. */
static void short_memory_loses_nothing(void **state)
{
	(void)state;
	static const char stream[] = "<13>first line\n21 <14>counted, 16 octs\n<15>the third one is longer\n";
	for (uint64_t n = 1; n < 12; n++) {
		struct fake *fake = fake_new(7);
		struct framer f;
		struct seen seen = {.count = 0};
		struct frame frame;
		buffer_init(&seen.text, &fake->env);
		buffer_room(&seen.text, 4096);
		framer_init(&f, &fake->env, FRAMING_AUTO, false, LIMIT);
		fake->memory.calls = 0;
		fake->memory.fail_at = n;
		for (size_t at = 0; at < sizeof(stream) - 1; at++) {
			struct slice in = slice_of(stream + at, 1);
			int result;
			while ((result = framer_next(&f, &in, &frame)) != 0) {
				if (result == 1)
					see(&seen, &frame);
			}
		}
		assert_int_equal(seen.count, 3);
		assert_memory_equal(seen.text.ptr, "0:14:<13>first line|0:21:", 25);
		framer_free(&f);
		buffer_free(&seen.text);
		fake_free(fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_at_every_split),    cmocka_unit_test(at_the_limit_and_past_it),
		cmocka_unit_test(the_rest_is_passed_over), cmocka_unit_test(carriage_returns_of_long_lines),
		cmocka_unit_test(a_line_of_ten_megabytes), cmocka_unit_test(octets_come_back),
		cmocka_unit_test(every_octet_value),       cmocka_unit_test(short_memory_loses_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
