#include "store/values.h"
#include "store/ints.h"

#define KNOWN_TRIAL 2048u /* so many values are looked up before the dictionary must have paid */
#define KNOWN_MAX 65536u

void values_init(struct values *v, const struct env *env)
{
	*v = (struct values){.env = env};
	strings_init(&v->known, env, NULL);
}

static int grow(struct values *v)
{
	uint32_t room = v->room ? v->room * 2 : 256;
	struct slice *items = env_resize(v->env, v->items, room * sizeof *items);
	if (!items)
		return -ERROR_MEMORY;
	v->items = items;
	uint32_t *codes = env_resize(v->env, v->codes, room * sizeof *codes);
	if (!codes)
		return -ERROR_MEMORY;
	v->codes = codes;
	v->room = room;
	return 0;
}

int values_add(struct values *v, struct slice text, bool *is_new)
{
	*is_new = true;
	if (v->count == v->room && grow(v) != 0)
		return -ERROR_MEMORY;
	if (!v->known_off) {
		uint32_t code = strings_intern(&v->known, text, is_new);
		if (code == STRINGS_NONE)
			return -ERROR_MEMORY;
		v->codes[v->count] = code;
		uint32_t known = v->known.count;
		v->known_off = known >= KNOWN_MAX || (v->count >= KNOWN_TRIAL && known > v->count / 2);
	}
	v->items[v->count++] = text;
	return 0;
}

/* ---- which encoding ---- */

/* Unsigned, no leading zero, at most 19 digits: what printing gives back. */
static bool decimal(struct slice s, uint64_t *out)
{
	if (s.len == 0 || s.len > 19 || (s.ptr[0] == '0' && s.len > 1))
		return false;
	uint64_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		n = n * 10 + s.ptr[i] - '0';
	}
	*out = n;
	return true;
}

static bool ipv4(struct slice s, uint8_t out[4])
{
	size_t at = 0;
	for (unsigned part = 0; part < 4; part++) {
		size_t begin = at;
		unsigned n = 0;
		while (at < s.len && at - begin < 3 && s.ptr[at] >= '0' && s.ptr[at] <= '9')
			n = n * 10 + s.ptr[at++] - '0';
		if (at == begin || n > 255 || (s.ptr[begin] == '0' && at - begin > 1))
			return false;
		out[part] = (uint8_t)n;
		if (part < 3 && (at == s.len || s.ptr[at++] != '.'))
			return false;
	}
	return at == s.len;
}

/* The distinct values as numbers, when all of them are; *range_bits: what the widest distance takes. */
static bool all_decimal(const struct slice *items, uint32_t n, uint64_t *numbers, unsigned *range_bits)
{
	uint64_t low = UINT64_MAX, high = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!decimal(items[i], &numbers[i]))
			return false;
		low = numbers[i] < low ? numbers[i] : low;
		high = numbers[i] > high ? numbers[i] : high;
	}
	*range_bits = n && high != low ? 64u - (unsigned)__builtin_clzll(high - low) : 0;
	return true;
}

/* The same for addresses, four octets in each number. */
static bool all_ipv4(const struct slice *items, uint32_t n, uint64_t *numbers)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t octets[4];
		if (!ipv4(items[i], octets))
			return false;
		numbers[i] = get_u32(octets);
	}
	return true;
}

/* A guess in bits; zstd halves text roughly. */
static enum values_encoding choose(const struct values *v, uint64_t *numbers)
{
	const struct slice *distinct = v->known_off ? v->items : v->known.items;
	uint32_t n = v->known_off ? v->count : v->known.count;
	unsigned range_bits = 0;
	bool is_decimal = all_decimal(distinct, n, numbers, &range_bits);
	bool is_ipv4 = !is_decimal && all_ipv4(distinct, n, numbers);
	if (v->known_off)
		return is_decimal ? VALUES_DECIMAL : is_ipv4 ? VALUES_IPV4 : VALUES_STRINGS;
	uint64_t known_octets = 0;
	for (uint32_t i = 0; i < n; i++)
		known_octets += distinct[i].len + 1;
	unsigned code_bits = n > 1 ? 32u - (unsigned)__builtin_clz(n - 1) : 0;
	uint64_t as_codes = known_octets * 4 + (uint64_t)v->count * code_bits;
	if (is_decimal && (uint64_t)range_bits * v->count < as_codes)
		return VALUES_DECIMAL;
	if (is_ipv4 && UINT64_C(32) * v->count < as_codes)
		return VALUES_IPV4;
	return (uint64_t)n * 4 > (uint64_t)v->count * 3 ? VALUES_STRINGS : VALUES_DICTIONARY;
}

/* ---- writing ---- */

static void put_strings(struct buffer *out, const struct slice *items, uint32_t n, uint32_t *scratch, bool with_size)
{
	uint64_t octets = 0;
	for (uint32_t i = 0; i < n; i++) {
		scratch[i] = (uint32_t)items[i].len;
		octets += items[i].len;
	}
	ints_encode_codes(out, scratch, n);
	if (with_size)
		buffer_add_u32(out, (uint32_t)octets);
	uint8_t *p = buffer_room(out, octets + 1);
	if (!p)
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (items[i].len)
			memcpy(p, items[i].ptr, items[i].len);
		p += items[i].len;
	}
	out->len += octets;
}

static int put_known(struct values *v, struct buffer *out)
{
	uint32_t n = v->known.count;
	uint32_t *scratch = env_alloc(v->env, (n + 1) * sizeof *scratch);
	if (!scratch)
		return -ERROR_MEMORY;
	buffer_add_u32(out, n);
	put_strings(out, v->known.items, n, scratch, true);
	env_free(v->env, scratch);
	ints_encode_codes(out, v->codes, v->count);
	return 0;
}

/* From one number for each distinct value to one for each value. */
static int spread(struct values *v, const uint64_t *numbers, uint64_t **out)
{
	*out = env_alloc(v->env, ((size_t)v->count + 1) * sizeof **out);
	if (!*out)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < v->count; i++)
		(*out)[i] = numbers[v->known_off ? i : v->codes[i]];
	return 0;
}

static int put_numbers(struct values *v, struct buffer *out, const uint64_t *numbers, bool is_ipv4)
{
	uint64_t *all;
	if (spread(v, numbers, &all) != 0)
		return -ERROR_MEMORY;
	uint8_t *p = is_ipv4 ? buffer_room(out, (size_t)v->count * 4 + 1) : NULL;
	for (uint32_t i = 0; p && i < v->count; i++)
		put_u32(p + 4 * (size_t)i, (uint32_t)all[i]);
	if (p)
		out->len += (size_t)v->count * 4;
	if (!is_ipv4)
		ints_encode(out, all, v->count);
	env_free(v->env, all);
	return 0;
}

int values_encode(struct values *v, struct buffer *out, enum values_encoding *encoding)
{
	int result = 0;
	uint64_t *numbers = env_alloc(v->env, ((size_t)v->count + 1) * sizeof *numbers);
	if (!numbers)
		return -ERROR_MEMORY;
	*encoding = choose(v, numbers);
	if (*encoding == VALUES_DICTIONARY)
		result = put_known(v, out);
	else if (*encoding == VALUES_STRINGS)
		put_strings(out, v->items, v->count, v->codes, false);
	else
		result = put_numbers(v, out, numbers, *encoding == VALUES_IPV4);
	env_free(v->env, numbers);
	return result ? result : out->failed ? -ERROR_MEMORY : 0;
}

void values_reset(struct values *v)
{
	strings_reset(&v->known);
	v->known_off = false;
	v->count = 0;
}

void values_free(struct values *v)
{
	strings_free(&v->known);
	env_free(v->env, v->items);
	env_free(v->env, v->codes);
	*v = (struct values){0};
}

/* ---- reading ---- */

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
	if (r->failed || v->known_count > KNOWN_MAX || v->known_count > v->count)
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

static struct slice print_decimal(uint64_t n, uint8_t *scratch)
{
	uint8_t *p = scratch + 20;
	do
		*--p = (uint8_t)('0' + n % 10);
	while (n /= 10);
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

struct slice values_get(const struct values_view *v, uint32_t i, uint8_t *scratch)
{
	if (v->encoding == VALUES_DECIMAL)
		return print_decimal(v->starts[i], scratch);
	if (v->encoding == VALUES_IPV4)
		return print_ipv4(v->heap + 4 * (size_t)i, scratch);
	uint32_t at = v->encoding == VALUES_DICTIONARY ? v->codes[i] : i;
	return slice_of(v->heap + v->starts[at], (size_t)(v->starts[at + 1] - v->starts[at]));
}

void values_close(struct values_view *v, const struct env *env)
{
	env_free(env, v->starts);
	env_free(env, v->codes);
	*v = (struct values_view){0};
}
