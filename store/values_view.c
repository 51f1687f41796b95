/* The values of a column, read back. */
#include "store/ints.h"
#include "store/values.h"

/* Lengths into starts; the strings must be exactly `octets` long together. */
static bool sum_lengths(uint64_t *starts, uint32_t n, uint64_t octets)
{
	uint64_t at = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t len = starts[i];
		if (len > octets - at)
			return false;
		starts[i] = at;
		at += len;
	}
	starts[n] = at;
	return at == octets;
}

/* False also covers a count for which the octets cannot suffice; what is allocated is bounded by the caller's caps. */
static bool open_strings(struct values_view *v, struct reader *r, uint32_t n, bool with_size)
{
	if (!ints_decode(r, v->starts, n))
		return false;
	uint64_t octets = with_size ? reader_u32(r) : reader_left(r);
	if (r->failed || octets > reader_left(r))
		return false;
	v->heap = r->ptr;
	reader_slice(r, (size_t)octets);
	return sum_lengths(v->starts, n, octets);
}

static int open_known(struct values_view *v, const struct env *env, struct reader *r)
{
	v->known_count = reader_u32(r);
	if (r->failed || v->known_count > VALUES_KNOWN_MAX || v->known_count > v->count)
		return -ERROR_FORMAT;
	v->starts = env_alloc(env, ((size_t)v->known_count + 1) * sizeof *v->starts);
	v->codes = env_alloc(env, ((size_t)v->count + 1) * sizeof *v->codes);
	if (!v->starts || !v->codes)
		return -ERROR_MEMORY;
	if (!open_strings(v, r, v->known_count, true) || !ints_decode_codes(r, v->codes, v->count, v->known_count))
		return -ERROR_FORMAT;
	return 0;
}

static int open_plain(struct values_view *v, const struct env *env, struct reader *r)
{
	if (v->encoding == VALUES_IPV4) {
		v->heap = r->ptr;
		reader_slice(r, (size_t)v->count * 4);
		return r->failed ? -ERROR_FORMAT : 0;
	}
	v->starts = env_alloc(env, ((size_t)v->count + 1) * sizeof *v->starts);
	if (!v->starts)
		return -ERROR_MEMORY;
	bool good =
		v->encoding == VALUES_DECIMAL ? ints_decode(r, v->starts, v->count) : open_strings(v, r, v->count, false);
	return good ? 0 : -ERROR_FORMAT;
}

int values_open(struct values_view *v, const struct env *env, uint8_t encoding, uint32_t count, struct slice octets)
{
	*v = (struct values_view){.count = count};
	if (encoding >= VALUES_ENCODINGS)
		return -ERROR_FORMAT;
	v->encoding = (enum values_encoding)encoding;
	struct reader r = reader_of(octets);
	int result = encoding == VALUES_DICTIONARY ? open_known(v, env, &r) : open_plain(v, env, &r);
	if (result == 0 && (r.failed || reader_left(&r) != 0))
		result = -ERROR_FORMAT;
	if (result != 0)
		values_close(v, env);
	return result;
}

/* The two digits of a number below 100. */
static const char PAIRS[100][2] = {
	"00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16",
	"17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33",
	"34", "35", "36", "37", "38", "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49", "50",
	"51", "52", "53", "54", "55", "56", "57", "58", "59", "60", "61", "62", "63", "64", "65", "66", "67",
	"68", "69", "70", "71", "72", "73", "74", "75", "76", "77", "78", "79", "80", "81", "82", "83", "84",
	"85", "86", "87", "88", "89", "90", "91", "92", "93", "94", "95", "96", "97", "98", "99",
};

/* Two digits at a time. */
static struct slice print_decimal(uint64_t n, uint8_t *scratch)
{
	uint8_t *p = scratch + 20;
	for (; n >= 10; n /= 100)
		memcpy(p -= 2, PAIRS[n % 100], 2);
	if (n > 0 || p == scratch + 20)
		*--p = (uint8_t)('0' + n);
	return slice_of(p, (size_t)(scratch + 20 - p));
}

static struct slice print_ipv4(const uint8_t *octets, uint8_t *scratch)
{
	uint8_t *p = scratch;
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = octets[i];
		if (n >= 100)
			*p++ = (uint8_t)('0' + n / 100);
		if (n >= 10)
			*p++ = (uint8_t)('0' + n / 10 % 10);
		*p++ = (uint8_t)('0' + n % 10);
		*p++ = '.';
	}
	return slice_of(scratch, (size_t)(p - 1 - scratch));
}

struct slice values_known(const struct values_view *v, uint32_t i, uint8_t *scratch)
{
	if (v->encoding == VALUES_DECIMAL)
		return print_decimal(v->starts[i], scratch);
	if (v->encoding == VALUES_IPV4)
		return print_ipv4(v->heap + 4 * (size_t)i, scratch);
	return slice_of(v->heap + v->starts[i], (size_t)(v->starts[i + 1] - v->starts[i]));
}

struct slice values_get(const struct values_view *v, uint32_t i, uint8_t *scratch)
{
	return values_known(v, v->encoding == VALUES_DICTIONARY ? v->codes[i] : i, scratch);
}

void values_close(struct values_view *v, const struct env *env)
{
	env_free(env, v->starts);
	env_free(env, v->codes);
	*v = (struct values_view){0};
}
