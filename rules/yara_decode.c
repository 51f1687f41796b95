#include "rules/yara_decode.h"

#include <zlib.h>

#define RUN_MIN 24u /* digits of base64: fewer say nothing */
#define ESCAPES_MIN 3u
#define UTF16_MIN 8u

static void decode(struct yara_decoding *d, struct slice text, unsigned depth);

/* Room for what may come out, or null. */
static uint8_t *room_for(struct yara_decoding *d, size_t len)
{
	if (len == 0 || len > d->left) {
		d->cut |= len > 0;
		return NULL;
	}
	uint8_t *room = arena_alloc(d->arena, len);
	d->failed |= !room;
	return room;
}

/* A text that came out: told, and looked into. */
static void tell(struct yara_decoding *d, struct slice text, unsigned depth)
{
	d->left -= text.len;
	d->each(d->ctx, text);
	decode(d, text, depth + 1);
}

/* ---- base64 ---- */

static const uint8_t digits[256] = {
#define D(c, n) [c] = (n) + 1
	D('A', 0),  D('B', 1),  D('C', 2),  D('D', 3),  D('E', 4),  D('F', 5),  D('G', 6),  D('H', 7),  D('I', 8),
	D('J', 9),  D('K', 10), D('L', 11), D('M', 12), D('N', 13), D('O', 14), D('P', 15), D('Q', 16), D('R', 17),
	D('S', 18), D('T', 19), D('U', 20), D('V', 21), D('W', 22), D('X', 23), D('Y', 24), D('Z', 25), D('a', 26),
	D('b', 27), D('c', 28), D('d', 29), D('e', 30), D('f', 31), D('g', 32), D('h', 33), D('i', 34), D('j', 35),
	D('k', 36), D('l', 37), D('m', 38), D('n', 39), D('o', 40), D('p', 41), D('q', 42), D('r', 43), D('s', 44),
	D('t', 45), D('u', 46), D('v', 47), D('w', 48), D('x', 49), D('y', 50), D('z', 51), D('0', 52), D('1', 53),
	D('2', 54), D('3', 55), D('4', 56), D('5', 57), D('6', 58), D('7', 59), D('8', 60), D('9', 61), D('+', 62),
	D('/', 63), D('-', 62), D('_', 63),
#undef D
};

/* Letters of both cases, not only digits of base 16 and not words with dashes: what is left is rarely anything else. */
static bool run_is_likely(struct slice run)
{
	bool upper = false, lower = false, beyond = false;
	for (size_t i = 0; i < run.len; i++) {
		uint8_t c = run.ptr[i];
		upper |= c >= 'A' && c <= 'Z';
		lower |= c >= 'a' && c <= 'z';
		beyond |= (c | 0x20) > 'f' && c != '_';
	}
	return upper && lower && beyond;
}

static void decode_run(struct yara_decoding *d, struct slice run, unsigned depth)
{
	uint8_t *out = run_is_likely(run) ? room_for(d, run.len / 4 * 3 + 3) : NULL;
	uint32_t bits = 0, held = 0;
	size_t n = 0;
	if (!out)
		return;
	for (size_t i = 0; i < run.len; i++) {
		bits = bits << 6 | (digits[run.ptr[i]] - 1u);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		out[n++] = (uint8_t)(bits >> held);
	}
	tell(d, slice_of(out, n), depth);
}

/* A run that is long enough has a digit at every RUN_MIN-th octet. */
static void find_runs(struct yara_decoding *d, struct slice text, unsigned depth)
{
	size_t from = 0;
	for (size_t at = RUN_MIN - 1; at < text.len; at += RUN_MIN) {
		if (!digits[text.ptr[at]])
			continue;
		size_t first = at, end = at;
		while (first > from && digits[text.ptr[first - 1]])
			first--;
		while (end < text.len && digits[text.ptr[end]])
			end++;
		if (end - first >= RUN_MIN)
			decode_run(d, slice_of(text.ptr + first, end - first), depth);
		from = end;
		at = end > at ? end - 1 : at;
	}
}

/* ---- URL escapes ---- */

static int hex_of(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static bool is_escape(struct slice text, size_t i)
{
	return text.ptr[i] == '%' && i + 2 < text.len && hex_of(text.ptr[i + 1]) >= 0 && hex_of(text.ptr[i + 2]) >= 0;
}

static void decode_escapes(struct yara_decoding *d, struct slice text, unsigned depth)
{
	uint32_t escapes = 0;
	for (size_t i = slice_find_octet(text, '%', 0); i != SIZE_MAX; i = slice_find_octet(text, '%', i + 1))
		escapes += is_escape(text, i);
	uint8_t *out = escapes >= ESCAPES_MIN ? room_for(d, text.len) : NULL;
	size_t n = 0;
	for (size_t i = 0; out && i < text.len; i++) {
		bool escape = is_escape(text, i);
		int octet = escape ? hex_of(text.ptr[i + 1]) << 4 | hex_of(text.ptr[i + 2]) : text.ptr[i];
		out[n++] = (uint8_t)octet;
		i += escape ? 2 : 0;
	}
	if (out)
		tell(d, slice_of(out, n), depth);
}

/* ---- UTF-16 ---- */

/* Which of two octets is nearly always zero: 0, 1, or 2: neither. */
static unsigned zero_side(struct slice text)
{
	size_t zeros[2] = {0, 0}, pairs = text.len / 2;
	if (text.ptr[0] && text.ptr[1] && text.ptr[2] && text.ptr[3])
		return 2; /* a mark of the order of octets may come first */
	for (size_t i = 0; i < pairs * 2; i++)
		zeros[i % 2] += text.ptr[i] == 0;
	for (unsigned side = 0; side < 2; side++)
		if (zeros[side] * 10 >= pairs * 8 && zeros[1 - side] * 10 <= pairs)
			return side;
	return 2;
}

static void decode_utf16(struct yara_decoding *d, struct slice text, unsigned depth)
{
	unsigned zero = text.len >= UTF16_MIN ? zero_side(text) : 2;
	uint8_t *out = zero < 2 ? room_for(d, text.len / 2 * 3) : NULL;
	size_t n = 0;
	for (size_t i = 0; out && i + 1 < text.len; i += 2) {
		uint32_t c = (uint32_t)text.ptr[i + 1 - zero] | (uint32_t)text.ptr[i + zero] << 8;
		if (c >= 0x800)
			out[n++] = (uint8_t)(0xe0 | c >> 12);
		if (c >= 0x80)
			out[n++] = (uint8_t)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6);
		out[n++] = (uint8_t)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
	}
	if (out)
		tell(d, slice_of(out, n), depth);
}

/* ---- gzip, zlib ---- */

static void *inflate_alloc(void *arena, uInt items, uInt size)
{
	return arena_alloc(arena, (size_t)items * size);
}

static void inflate_free(void *arena, void *ptr)
{
	(void)arena, (void)ptr;
}

static bool is_packed(struct slice text)
{
	if (text.len < 8)
		return false;
	bool gzip = text.ptr[0] == 0x1f && text.ptr[1] == 0x8b && text.ptr[2] == 8;
	return gzip || (text.ptr[0] == 0x78 && ((unsigned)text.ptr[0] << 8 | text.ptr[1]) % 31 == 0);
}

/* As far as it goes: a stream that is cut or damaged behind has said something before. */
static void decode_packed(struct yara_decoding *d, struct slice text, unsigned depth)
{
	z_stream z = {.zalloc = inflate_alloc, .zfree = inflate_free, .opaque = d->arena};
	size_t most = is_packed(text) ? d->left : 0;
	uint8_t *out = most ? room_for(d, most) : NULL;
	if (!out)
		return;
	z.next_in = (Bytef *)(uintptr_t)text.ptr;
	z.avail_in = (uInt)text.len;
	z.next_out = out;
	z.avail_out = (uInt)most;
	if (inflateInit2(&z, 15 + 32) != Z_OK) {
		d->failed = true;
		return;
	}
	int rc = inflate(&z, Z_SYNC_FLUSH);
	size_t n = most - z.avail_out;
	(void)inflateEnd(&z);
	d->cut |= rc == Z_OK && z.avail_out == 0;
	if (n)
		tell(d, slice_of(out, n), depth);
}

static void decode(struct yara_decoding *d, struct slice text, unsigned depth)
{
	if (depth > (unsigned)LIMIT_yara_decode_depth)
		return;
	decode_packed(d, text, depth);
	decode_utf16(d, text, depth);
	decode_escapes(d, text, depth);
	find_runs(d, text, depth);
}

void yara_decode(struct yara_decoding *d, struct slice text)
{
	decode(d, text, 1);
}
