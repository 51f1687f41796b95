#include "common/text.h"

#include <stdio.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Four numbers of 0 to 255 without leading zeros. */
static bool parse_four(struct slice s, uint8_t out[4])
{
	size_t at = 0;
	for (unsigned part = 0; part < 4; part++) {
		unsigned value = 0;
		if (part > 0 && (at >= s.len || s.ptr[at] != '.'))
			return false;
		at += part > 0;
		size_t from = at;
		for (; at < s.len && at - from < 4 && s.ptr[at] >= '0' && s.ptr[at] <= '9'; at++)
			value = value * 10 + s.ptr[at] - '0';
		if (at == from || value > 255 || (at - from > 1 && s.ptr[from] == '0'))
			return false;
		out[part] = (uint8_t)value;
	}
	return at == s.len;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four hex digits at *at. */
static bool parse_group(struct slice s, size_t *at, unsigned *value)
{
	size_t from = *at;
	*value = 0;
	while (*at < s.len && *at - from < 4 && hex_digit(s.ptr[*at]) >= 0)
		*value = *value << 4 | (unsigned)hex_digit(s.ptr[(*at)++]);
	return *at > from;
}

/* Groups filled from the left; where "::" stood, what came after it is moved to the right end. */
static bool place_groups(uint8_t out[16], size_t filled, size_t gap)
{
	if (gap == SIZE_MAX)
		return filled == 16;
	if (filled > 14)
		return false;
	memmove(out + 16 - (filled - gap), out + gap, filled - gap);
	memset(out + gap, 0, 16 - filled);
	return true;
}

static bool parse_six(struct slice s, uint8_t out[16])
{
	size_t at = 0, filled = 0, gap = SIZE_MAX;
	if (slice_starts(s, SLICE("::"))) {
		gap = 0;
		at = 2;
	}
	while (at < s.len) {
		size_t from = at;
		unsigned value;
		if (filled > 14 || !parse_group(s, &at, &value))
			return false;
		if (at < s.len && s.ptr[at] == '.')
			return filled <= 12 && parse_four(slice_from(s, from), out + filled) && place_groups(out, filled + 4, gap);
		out[filled++] = (uint8_t)(value >> 8);
		out[filled++] = (uint8_t)value;
		if (at == s.len)
			break;
		if (s.ptr[at++] != ':' || at == s.len)
			return false;
		if (s.ptr[at] == ':') {
			if (gap != SIZE_MAX)
				return false;
			gap = filled;
			at++;
		}
	}
	return place_groups(out, filled, gap);
}

bool address_parse(struct slice s, uint8_t out[16])
{
	if (slice_find_octet(s, ':', 0) == SIZE_MAX) {
		memcpy(out, mapped_prefix, 12);
		return s.len >= 7 && s.len <= 15 && parse_four(s, out + 12);
	}
	size_t percent = slice_find_octet(s, '%', 0);
	if (percent != SIZE_MAX && percent + 1 == s.len)
		return false;
	s.len = percent == SIZE_MAX ? s.len : percent;
	return s.len <= 45 && parse_six(s, out);
}

/* The longest run of two zero groups or more, the first of equals. */
static void longest_zeros(const uint8_t address[16], unsigned *first, unsigned *count)
{
	unsigned run = 0;
	*first = 8;
	*count = 1;
	for (unsigned i = 0; i < 8; i++) {
		run = address[2 * i] == 0 && address[2 * i + 1] == 0 ? run + 1 : 0;
		if (run > *count) {
			*count = run;
			*first = i + 1 - run;
		}
	}
}

/* Printed for every datagram, so without printf. */
static char *print_octet(char *out, uint8_t octet)
{
	if (octet >= 100)
		*out++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*out++ = (char)('0' + octet / 10 % 10);
	*out++ = (char)('0' + octet % 10);
	return out;
}

static size_t print_four(const uint8_t address[4], char *out)
{
	char *at = out;
	for (unsigned i = 0; i < 4; i++) {
		at = print_octet(at, address[i]);
		*at++ = i < 3 ? '.' : 0;
	}
	return (size_t)(at - 1 - out);
}

size_t address_print(const uint8_t address[16], char *out)
{
	if (memcmp(address, mapped_prefix, 12) == 0)
		return print_four(address + 12, out);
	unsigned first, count;
	char *at = out;
	longest_zeros(address, &first, &count);
	for (unsigned i = 0; i < 8; i++) {
		if (i == first) {
			*at++ = ':';
			i += count - 1;
			if (i == 7)
				*at++ = ':';
			continue;
		}
		if (i > 0)
			*at++ = ':';
		at += snprintf(at, 5, "%x", (unsigned)(address[2 * i] << 8 | address[2 * i + 1]));
	}
	*at = 0;
	return (size_t)(at - out);
}

static uint8_t mask_of(unsigned bits, unsigned octet)
{
	unsigned before = octet * 8;
	if (bits >= before + 8)
		return 0xff;
	if (bits <= before)
		return 0;
	return (uint8_t)(0xffu << (8 - (bits - before)));
}

bool network_parse(struct slice s, uint8_t out[16], unsigned *bits, bool *host_bits_set)
{
	size_t slash = slice_find_octet(s, '/', 0);
	struct slice address = slash == SIZE_MAX ? s : slice_of(s.ptr, slash);
	if (!address_parse(address, out))
		return false;
	bool four = slice_find_octet(address, ':', 0) == SIZE_MAX;
	uint64_t given = four ? 32 : 128;
	if (slash != SIZE_MAX) {
		struct slice text = slice_from(s, slash + 1);
		if (text.len > 3 || !slice_to_u64(text, &given) || given > (four ? 32 : 128))
			return false;
	}
	*bits = (unsigned)given + (four ? 96 : 0);
	*host_bits_set = false;
	for (unsigned i = 0; i < 16; i++) {
		uint8_t mask = mask_of(*bits, i);
		*host_bits_set |= (out[i] & ~mask) != 0;
		out[i] &= mask;
	}
	return true;
}

bool network_holds(const uint8_t network[16], unsigned bits, const uint8_t address[16])
{
	for (unsigned i = 0; i < 16; i++) {
		if (((network[i] ^ address[i]) & mask_of(bits, i)) != 0)
			return false;
	}
	return true;
}
