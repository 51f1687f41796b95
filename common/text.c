#include "common/text.h"

static bool is_tail(uint8_t octet)
{
	return (octet & 0xc0) == 0x80;
}

unsigned utf8_decode(const uint8_t *s, size_t len, uint32_t *code_point)
{
	if (len == 0)
		return 0;
	uint8_t first = s[0];
	if (first < 0x80) {
		*code_point = first;
		return 1;
	}
	/* 0xc0, 0xc1 would be overlong; above 0xf4 lies nothing. */
	if (first < 0xc2 || first > 0xf4)
		return 0;
	unsigned n = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (len < n || !is_tail(s[1]))
		return 0;
	uint32_t value = (uint32_t)(first & (0x7f >> n)) << 6 | (s[1] & 0x3f);
	for (unsigned i = 2; i < n; i++) {
		if (!is_tail(s[i]))
			return 0;
		value = value << 6 | (s[i] & 0x3f);
	}
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	*code_point = value;
	return n;
}

bool utf8_valid(struct slice s)
{
	size_t i = 0;
	while (i < s.len) {
		uint64_t eight;
		uint32_t code_point;
		if (s.len - i >= 8) {
			memcpy(&eight, s.ptr + i, 8);
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				i += 8;
				continue;
			}
		}
		unsigned n = utf8_decode(s.ptr + i, s.len - i, &code_point);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

unsigned utf8_encode(uint32_t code_point, uint8_t out[4])
{
	if (code_point < 0x80) {
		out[0] = (uint8_t)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (uint8_t)(0xc0 | code_point >> 6);
		out[1] = (uint8_t)(0x80 | (code_point & 0x3f));
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code_point >> 12);
		out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code_point & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code_point >> 18);
	out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code_point & 0x3f));
	return 4;
}

bool text_unsafe(uint32_t code_point)
{
	if (code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0))
		return true;
	if (code_point < 0x61c)
		return false;
	return code_point == 0x61c || code_point == 0x200e || code_point == 0x200f ||
		   (code_point >= 0x2028 && code_point <= 0x202e) || (code_point >= 0x2066 && code_point <= 0x2069);
}

void text_escape_screen(struct buffer *out, struct slice s)
{
	size_t i = 0, from = 0;
	while (i < s.len) {
		uint32_t code_point = 0;
		unsigned n = utf8_decode(s.ptr + i, s.len - i, &code_point);
		if (n != 0 && !text_unsafe(code_point)) {
			i += n;
			continue;
		}
		buffer_add(out, s.ptr + from, i - from);
		if (n <= 1)
			buffer_add_format(out, "\\x%02x", s.ptr[i]);
		else
			buffer_add_format(out, "\\u{%x}", code_point);
		i += n == 0 ? 1 : n;
		from = i;
	}
	buffer_add(out, s.ptr + from, i - from);
}
