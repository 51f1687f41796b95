#include "common/json.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_writer_init(struct json_writer *w, struct buffer *out)
{
	*w = (struct json_writer){.out = out};
}

/* The comma before a value or key, and the note that the next one needs one. */
static void before(struct json_writer *w)
{
	uint64_t bit = UINT64_C(1) << w->depth;
	if ((w->need_comma & bit) != 0)
		buffer_add_octet(w->out, ',');
	w->need_comma |= bit;
}

static void open_level(struct json_writer *w, uint8_t octet)
{
	before(w);
	CHECK(w->depth < 63);
	w->depth++;
	w->need_comma &= ~(UINT64_C(1) << w->depth);
	buffer_add_octet(w->out, octet);
}

static void close_level(struct json_writer *w, uint8_t octet)
{
	CHECK(w->depth > 0);
	w->depth--;
	buffer_add_octet(w->out, octet);
}

void json_object(struct json_writer *w)
{
	open_level(w, '{');
}

void json_object_end(struct json_writer *w)
{
	close_level(w, '}');
}

void json_array(struct json_writer *w)
{
	open_level(w, '[');
}

void json_array_end(struct json_writer *w)
{
	close_level(w, ']');
}

static void escape_code_point(struct buffer *out, uint32_t code_point)
{
	static const char letters[] = "btn.fr"; /* from 0x08; 0x0b has none */
	if (code_point == '"' || code_point == '\\')
		buffer_add_format(out, "\\%c", (int)code_point);
	else if (code_point >= 8 && code_point <= 13 && code_point != 11)
		buffer_add_format(out, "\\%c", letters[code_point - 8]);
	else
		buffer_add_format(out, "\\u%04x", code_point);
}

/* Octets that go out as they are: printable ASCII but for quote and backslash. */
static bool is_plain(uint8_t octet)
{
	return octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\';
}

static void quoted(struct buffer *out, struct slice s)
{
	size_t i = 0, from = 0;
	buffer_add_octet(out, '"');
	while (i < s.len) {
		uint32_t code_point = 0;
		unsigned n = 1;
		if (is_plain(s.ptr[i])) {
			i++;
			continue;
		}
		n = utf8_decode(s.ptr + i, s.len - i, &code_point);
		if (n > 1 && !text_unsafe(code_point)) {
			i += n;
			continue;
		}
		buffer_add(out, s.ptr + from, i - from);
		if (n == 0)
			buffer_add_str(out, "\xef\xbf\xbd");
		else
			escape_code_point(out, code_point);
		i += n == 0 ? 1 : n;
		from = i;
	}
	if (i > from)
		buffer_add(out, s.ptr + from, i - from);
	buffer_add_octet(out, '"');
}

void json_key_slice(struct json_writer *w, struct slice key)
{
	before(w);
	quoted(w->out, key);
	buffer_add_octet(w->out, ':');
	w->need_comma &= ~(UINT64_C(1) << w->depth);
}

void json_key(struct json_writer *w, const char *key)
{
	json_key_slice(w, slice_str(key));
}

void json_string(struct json_writer *w, struct slice s)
{
	before(w);
	quoted(w->out, s);
}

void json_str(struct json_writer *w, const char *s)
{
	json_string(w, slice_str(s));
}

/* Digits of v into the end of a room of 20; returns where they begin. */
static size_t digits_of(uint64_t v, char room[20])
{
	size_t at = 20;
	do {
		room[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	return at;
}

static void number(struct json_writer *w, uint64_t v, bool negative)
{
	char room[20] = {0};
	size_t at = digits_of(v, room);
	before(w);
	if (negative)
		buffer_add_octet(w->out, '-');
	buffer_add(w->out, room + at, sizeof room - at);
}

void json_u64(struct json_writer *w, uint64_t v)
{
	number(w, v, false);
}

void json_member_u64(struct json_writer *w, const char *key, uint64_t v)
{
	json_key(w, key);
	json_u64(w, v);
}

void json_i64(struct json_writer *w, int64_t v)
{
	number(w, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

void json_f64(struct json_writer *w, double v)
{
	char text[40];
	if (!isfinite(v)) {
		json_null(w);
		return;
	}
	/* The fewest digits that read back as the same number; 17 always do. */
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof text, "%.*g", precision, v);
		if (strtod(text, NULL) == v)
			break;
	}
	before(w);
	buffer_add_str(w->out, text);
}

void json_bool(struct json_writer *w, bool v)
{
	before(w);
	buffer_add_str(w->out, v ? "true" : "false");
}

void json_null(struct json_writer *w)
{
	before(w);
	buffer_add_str(w->out, "null");
}

void json_raw(struct json_writer *w, struct slice json)
{
	before(w);
	buffer_add_slice(w->out, json);
}

void json_time(struct json_writer *w, int64_t ns)
{
	char text[40];
	size_t len = clock_print(ns, text);
	json_string(w, slice_of(text, len));
}

void json_hex(struct json_writer *w, const uint8_t *octets, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	before(w);
	buffer_add_octet(w->out, '"');
	for (size_t i = 0; i < n; i++) {
		buffer_add_octet(w->out, (uint8_t)digits[octets[i] >> 4]);
		buffer_add_octet(w->out, (uint8_t)digits[octets[i] & 15]);
	}
	buffer_add_octet(w->out, '"');
}

/* RFC 4648 section 4, padded. */
void json_base64(struct json_writer *w, struct slice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	before(w);
	buffer_add_octet(w->out, '"');
	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = s.len - i < 3 ? s.len - i : 3;
		uint32_t v = (uint32_t)s.ptr[i] << 16 | (n > 1 ? (uint32_t)s.ptr[i + 1] << 8 : 0) | (n > 2 ? s.ptr[i + 2] : 0);
		char out[4] = {digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
					   n > 2 ? digits[v & 63] : '='};
		buffer_add(w->out, out, 4);
	}
	buffer_add_octet(w->out, '"');
}
