/* base64, base64offset and the utf16 family: text of a rule as a program would have written it. */
#include "rules/modifier.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* An octet as a unit: ASCII as a character, so that it still folds. */
static uint32_t octet_unit(uint8_t octet)
{
	return octet < 0x80 ? octet : UNIT_OCTET + octet;
}

static void put_utf16(struct unit_text *out, uint32_t unit, bool big_endian)
{
	uint8_t high = (uint8_t)(unit >> 8), low = (uint8_t)unit;
	out->units[out->count++] = octet_unit(big_endian ? high : low);
	out->units[out->count++] = octet_unit(big_endian ? low : high);
}

int encode_utf16(struct literals *v, struct literal *x, bool big_endian, bool mark)
{
	if (x->kind != LITERAL_TEXT || x->encoded)
		return literal_refuse(v, "sigma-modifier-value", x,
							  "the utf16 modifiers need a string that is not encoded yet");
	struct unit_text out = {arena_alloc(literal_arena(v), (4 * (size_t)x->text.count + 2) * sizeof(uint32_t)), 0};
	if (!out.units)
		return NO_MEMORY;
	if (mark)
		put_utf16(&out, 0xfeff, big_endian);
	for (uint32_t i = 0; i < x->text.count; i++) {
		uint32_t u = x->text.units[i];
		if (u >= UNIT_STAR)
			out.units[out.count++] = u;
		else if (u < 0x10000)
			put_utf16(&out, u, big_endian);
		else {
			put_utf16(&out, 0xd800 + ((u - 0x10000) >> 10), big_endian);
			put_utf16(&out, 0xdc00 + ((u - 0x10000) & 0x3ff), big_endian);
		}
	}
	x->text = out;
	x->encoded = true;
	return 0;
}

/* base64 of `zeros` zero octets followed by s, with padding. */
static uint32_t base64_units(uint32_t *out, unsigned zeros, struct slice s)
{
	uint32_t n = 0;
	size_t len = s.len + zeros;
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = 0;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (i + k >= zeros && i + k < len ? s.ptr[i + k - zeros] : 0);
		for (unsigned k = 0; k < 4; k++)
			out[n++] = i + k > len ? '=' : (uint32_t)alphabet[v >> (18 - 6 * k) & 63];
	}
	return n;
}

static int literal_octets(struct literals *v, struct literal *x, struct slice *out)
{
	if (x->kind == LITERAL_NUMBER) {
		int rc = literal_to_text(v, x);
		if (rc)
			return rc;
	}
	if (x->kind != LITERAL_TEXT)
		return literal_refuse(v, "sigma-modifier-value", x, "base64 needs a string");
	if (unit_text_has_wildcard(&x->text))
		return literal_refuse(v, "sigma-base64-wildcard", x,
							  "base64 cannot encode a wildcard: write \\* or \\? for the character");
	return unit_text_octets(literal_arena(v), &x->text, out) ? 0 : NO_MEMORY;
}

static int base64_text(struct literals *v, struct slice octets, unsigned zeros, struct unit_text *out)
{
	out->units = arena_alloc(literal_arena(v), ((octets.len + zeros) / 3 + 1) * 4 * sizeof(uint32_t));
	if (!out->units)
		return NO_MEMORY;
	out->count = base64_units(out->units, zeros, octets);
	return 0;
}

int encode_base64(struct literals *v, struct literal *x)
{
	struct slice octets;
	int rc = literal_octets(v, x, &octets);
	if (!rc)
		rc = base64_text(v, octets, 0, &x->text);
	x->encoded = true;
	return rc;
}

/* The three ways a text can lie in base64 of something longer: what of it does not depend on its neighbours. */
static int one_offset(struct literals *v, struct slice octets, unsigned zeros, struct literal *out)
{
	static const uint32_t skip[3] = {0, 2, 3}, cut[3] = {0, 3, 2};
	int rc = base64_text(v, octets, zeros, &out->text);
	if (rc)
		return rc;
	out->text.units += skip[zeros];
	out->text.count -= skip[zeros] + cut[(octets.len + zeros) % 3];
	out->encoded = true;
	return 0;
}

int encode_base64_offsets(struct literals *v)
{
	struct literal *list = arena_alloc(literal_arena(v), 3 * (size_t)v->count * sizeof *list);
	if (!list)
		return NO_MEMORY;
	uint32_t n = 0;
	for (uint32_t i = 0; i < v->count; i++) {
		struct slice octets;
		int rc = literal_octets(v, &v->list[i], &octets);
		if (!rc && octets.len < 2)
			rc = literal_refuse(v, "sigma-base64-short", &v->list[i],
								"base64offset needs at least two octets: of fewer nothing is certain");
		for (unsigned zeros = 0; !rc && zeros < 3; zeros++) {
			list[n] = v->list[i];
			rc = one_offset(v, octets, zeros, &list[n++]);
		}
		if (rc)
			return rc;
	}
	v->list = list;
	v->count = n;
	return 0;
}
