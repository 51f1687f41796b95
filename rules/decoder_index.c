/* Which decoders are worth asking about a message: by program, by first octet, by field. */
#include "rules/decoder.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static uint32_t program_hash(struct slice program)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < program.len; i++)
		h = (h ^ lower(program.ptr[i])) * 16777619u;
	return h ^ h >> 15;
}

/* ---- pairs of octets ---- */

/* `pair` as get_u16 reads it. */
static inline uint32_t pair_place(uint32_t pair)
{
	return pair * 40503u >> 8 & (PAIR_PLACES - 1);
}

static void mark(uint64_t *mask, uint32_t decoder)
{
	mask[decoder / 64] |= UINT64_C(1) << decoder % 64;
}

static struct program_slot *find_slot(const struct decoder_index *x, struct slice program)
{
	uint32_t at = program_hash(program) & x->slot_mask;
	while (x->slots[at].program.ptr != NULL && !slice_equal_nocase(x->slots[at].program, program))
		at = (at + 1) & x->slot_mask;
	return &x->slots[at];
}

static void index_programs(struct decoder_index *x, const struct decoder_sign *s, uint32_t decoder)
{
	for (uint16_t i = 0; i < s->program_count; i++) {
		struct slice p = s->programs[i];
		if (p.ptr[p.len - 1] == '*') {
			if (p.len > 1)
				mark(x->program_first[p.ptr[0]], decoder);
			else
				mark(x->others, decoder);
			continue;
		}
		struct program_slot *slot = find_slot(x, p);
		slot->program = p;
		mark(slot->mask, decoder);
	}
}

static bool is_common(uint8_t c)
{
	return c == ' ' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* The pair of a literal that is least likely in ordinary text. */
static uint32_t telling_place(struct slice literal)
{
	size_t best = 1;
	int best_common = 3;
	for (size_t i = 1; i < literal.len; i++) {
		int common = is_common(literal.ptr[i - 1]) + is_common(literal.ptr[i]);
		if (common < best_common) {
			best = i;
			best_common = common;
		}
	}
	return pair_place(get_u16(literal.ptr + best - 1));
}

static void index_contains(struct decoder_index *x, const struct decoder_sign *s, uint32_t decoder)
{
	if (s->contain_count == 0)
		mark(x->contains_any, decoder);
	for (uint16_t i = 0; i < s->contain_count; i++) {
		uint32_t place = s->contains[i].len > 1 ? telling_place(s->contains[i]) : PAIR_PLACES;
		if (place < PAIR_PLACES && x->pair_group[place] == 0 && x->group_count < 255)
			x->pair_group[place] = (uint8_t)++x->group_count;
		if (place < PAIR_PLACES && x->pair_group[place] != 0)
			mark(x->groups[x->pair_group[place]], decoder);
		else
			mark(x->contains_any, decoder);
	}
}

/* One kind of evidence is enough for a hint: the whole sign is tested afterwards. */
static void index_sign(struct decoder_index *x, const struct decoder_sign *s, uint32_t decoder)
{
	if (s->class != CLASS_STRONG) {
		mark(x->weak[s->class], decoder);
		if (s->class == CLASS_CONTAINS)
			index_contains(x, s, decoder);
	} else if (s->program_count > 0) {
		index_programs(x, s, decoder);
	} else if (s->start_count > 0) {
		for (uint16_t i = 0; i < s->start_count; i++)
			mark(x->starts[s->starts[i].ptr[0]], decoder);
	} else if (s->field_count > 0) {
		for (uint8_t f = 0; f < 8; f++)
			if (!s->has_format || s->format == f)
				mark(x->fields[f], decoder);
	} else {
		mark(x->others, decoder);
	}
}

static uint32_t count_programs(const struct decoders *d)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < d->count; i++)
		for (uint16_t k = 0; k < d->list[i]->sign_count; k++)
			n += d->list[i]->signs[k].program_count;
	return n;
}

int decoder_index_build(struct decoders *d)
{
	struct decoder_index *x = arena_zalloc(&d->arena, sizeof *x);
	uint32_t size = 16, programs = count_programs(d);
	while (size < 2 * programs + 2)
		size *= 2;
	if (x == NULL || (x->slots = arena_zalloc(&d->arena, size * sizeof *x->slots)) == NULL)
		return -ERROR_MEMORY;
	x->slot_mask = size - 1;
	for (uint32_t i = 0; i < d->count; i++)
		for (uint16_t k = 0; k < d->list[i]->sign_count; k++)
			index_sign(x, &d->list[i]->signs[k], i);
	d->index = x;
	return 0;
}

void decoder_index_ask(const struct decoder_index *x, const struct decode_input *in, struct slice text, uint32_t words,
					   uint64_t *mask)
{
	const struct program_slot *slot = in->program.len > 0 ? find_slot(x, in->program) : NULL;
	bool named = slot != NULL && slot->program.ptr != NULL;
	const uint64_t *first = in->program.len > 0 ? x->program_first[lower(in->program.ptr[0])] : NULL;
	const uint64_t *start = text.len > 0 ? x->starts[text.ptr[0]] : NULL;
	for (uint32_t w = 0; w < words; w++)
		mask[w] = x->others[w] | x->fields[in->format & 7][w] | (named ? slot->mask[w] : 0) |
				  (first != NULL ? first[w] : 0) | (start != NULL ? start[w] : 0);
}

void decoder_index_contains(const struct decoder_index *x, struct slice text, uint32_t words, uint64_t *mask)
{
	memcpy(mask, x->contains_any, words * sizeof *mask);
	for (size_t i = 1; i < text.len; i++) {
		uint8_t group = x->pair_group[pair_place(get_u16(text.ptr + i - 1))];
		for (uint32_t w = 0; group != 0 && w < words; w++)
			mask[w] |= x->groups[group][w];
	}
}

/* ---- the pair filter ---- */

void pair_filter_fill(struct pair_filter *f, struct slice text)
{
	if (++f->stamp == 0) {
		memset(f->places, 0, sizeof f->places);
		f->stamp = 1;
	}
	for (size_t i = 1; i < text.len; i++)
		f->places[pair_place(get_u16(text.ptr + i - 1))] = f->stamp;
}

bool pair_filter_may(const struct pair_filter *f, struct slice literal)
{
	for (size_t i = 1; i < literal.len; i++)
		if (f->places[pair_place(get_u16(literal.ptr + i - 1))] != f->stamp)
			return false;
	return true;
}
