/* Keys of witnesses: the ends of a text, the double of a number. */
#include "rules/witness.h"

#define ONES UINT64_C(0x0101010101010101)

static uint64_t lower_eight(uint64_t v)
{
	uint64_t low = v & ONES * 0x7f;
	uint64_t upper = ((low + ONES * (0x80 - 'A')) ^ (low + ONES * (0x7f - 'Z'))) & ~v & ONES * 0x80;
	return v | upper >> 2;
}

static uint64_t read_short(const uint8_t *p, size_t len)
{
	if (len >= 4)
		return get_u32(p) | (uint64_t)get_u32(p + len - 4) << 8 * (len - 4);
	if (len == 0)
		return 0;
	return p[0] | (uint64_t)p[len / 2] << 8 * (len / 2) | (uint64_t)p[len - 1] << 8 * (len - 1);
}

void text_ends(struct slice text, struct text_ends *out)
{
	uint64_t head, tail;
	if (text.len >= 8) {
		head = get_u64(text.ptr);
		tail = get_u64(text.ptr + text.len - 8);
	} else {
		head = read_short(text.ptr, text.len);
		tail = text.len ? head << 8 * (8 - text.len) : 0;
	}
	*out = (struct text_ends){lower_eight(head), lower_eight(tail), text.len, ((head | tail) & ONES * 0x80) == 0};
}

/* Numbers that are equal have equal doubles. */
uint64_t number_key(const struct number *n)
{
	uint64_t key;
	double d = n->type == NUMBER_I64 ? (double)n->i64 : n->type == NUMBER_U64 ? (double)n->u64 : n->f64;
	d = d == 0 ? 0 : d; /* -0 */
	memcpy(&key, &d, sizeof key);
	return key;
}
