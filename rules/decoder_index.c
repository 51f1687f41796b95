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

static inline uint16_t pair_place(uint8_t first, uint8_t second)
{
	return (uint16_t)(((uint32_t)first << 5 ^ second) & (PAIR_PLACES - 1));
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

struct pair_places pair_places_of(struct slice literal)
{
	struct pair_places out = {{0, 0}};
	int best = 3, second = 3;
	CHECK(literal.len > 1);
	for (size_t i = 1; i < literal.len; i++) {
		int common = is_common(literal.ptr[i - 1]) + is_common(literal.ptr[i]);
		uint16_t place = pair_place(literal.ptr[i - 1], literal.ptr[i]);
		if (common < best) {
			out.place[1] = best == 3 ? place : out.place[0];
			out.place[0] = place;
			second = best == 3 ? 3 : best;
			best = common;
		} else if (common < second) {
			out.place[1] = place;
			second = common;
		}
	}
	return out;
}

static uint32_t group_of(struct decoder_index *x, uint16_t place)
{
	for (uint32_t g = 0; g < x->group_count; g++)
		if (x->group_places[g] == place)
			return g;
	if (x->group_count == sizeof x->groups / sizeof x->groups[0])
		return UINT32_MAX;
	x->group_places[x->group_count] = place;
	return x->group_count++;
}

static void index_contains(struct decoder_index *x, const struct decoder_sign *s, uint32_t decoder)
{
	if (s->contain_count == 0)
		mark(x->contains_any, decoder);
	for (uint16_t i = 0; i < s->contain_count; i++) {
		uint32_t group = s->contains[i].len > 1 ? group_of(x, s->contain_places[i].place[0]) : UINT32_MAX;
		mark(group == UINT32_MAX ? x->contains_any : x->groups[group], decoder);
	}
}

static inline uint32_t start_pair(struct slice s)
{
	return ((uint32_t)s.ptr[0] << 4 ^ s.ptr[1]) & (START_PAIRS - 1);
}

static void index_starts(struct decoder_index *x, const struct decoder_sign *s, uint32_t decoder)
{
	for (uint16_t i = 0; i < s->start_count; i++)
		mark(s->starts[i].len > 1 ? x->start_pairs[start_pair(s->starts[i])] : x->starts[s->starts[i].ptr[0]], decoder);
}

static bool any_empty(const struct slice *list, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		if (list[i].len == 0)
			return true;
	return false;
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
		index_starts(x, s, decoder);
	} else if (s->field_count > 0) {
		for (uint8_t f = 0; f < 8; f++)
			if (!s->has_format || s->format == f)
				mark(x->fields[f], decoder);
	} else {
		mark(s->msgid_count > 0 && !any_empty(s->msgids, s->msgid_count) ? x->msgids : x->others, decoder);
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
	for (unsigned f = 0; f < 8; f++)
		for (uint32_t w = 0; w < DECODER_WORDS; w++)
			x->fields[f][w] |= x->others[w];
	d->index = x;
	return 0;
}

static bool names_program(const struct decoder *d, struct slice program, uint64_t head)
{
	for (uint16_t i = 0; i < d->sign_count; i++)
		if (d->signs[i].class == CLASS_STRONG && d->signs[i].program_count > 0 &&
			decoder_sign_names(&d->signs[i], program, head))
			return true;
	return false;
}

/* The decoders of which a strong sign has this name, exactly. */
static void ask_programs(const struct decoders *d, struct slice program, uint64_t head, uint32_t words, uint64_t *mask)
{
	const struct decoder_index *x = d->index;
	const struct program_slot *slot = find_slot(x, program);
	const uint64_t *first = x->program_first[lower(program.ptr[0])];
	for (uint32_t w = 0; w < words; w++) {
		mask[w] = 0;
		for (uint64_t bits = (slot->program.ptr != NULL ? slot->mask[w] : 0) | first[w]; bits != 0; bits &= bits - 1)
			if (names_program(d->list[w * 64 + (uint32_t)__builtin_ctzll(bits)], program, head))
				mask[w] |= bits & -bits;
	}
}

/* The same, remembered by the name's octets. */
static const uint64_t *known_program(const struct decoders *d, struct decoder_scratch *s, struct slice program,
									 uint32_t words)
{
	uint64_t tail = slice_head(slice_from(program, program.len > 8 ? program.len - 8 : 0));
	uint64_t hash = (s->program_head ^ tail << 1 ^ program.len) * UINT64_C(0x9e3779b97f4a7c15);
	struct program_memo *m = &s->programs[hash >> 32 & (PROGRAM_MEMOS - 1)];
	if (program.len > PROGRAM_MEMO_LEN)
		m = &s->long_program;
	else if (m->len == program.len && memcmp(m->program, program.ptr, program.len) == 0)
		return m->mask;
	ask_programs(d, program, s->program_head, words, m->mask);
	if (program.len <= PROGRAM_MEMO_LEN) {
		memcpy(m->program, program.ptr, program.len);
		m->len = (uint8_t)program.len;
	}
	return m->mask;
}

void decoder_index_ask(const struct decoders *d, struct decoder_scratch *s, const struct decode_input *in,
					   struct slice text, uint32_t words, uint64_t *mask)
{
	static const uint64_t none[DECODER_WORDS];
	const struct decoder_index *x = d->index;
	const uint64_t *named = in->program.len > 0 ? known_program(d, s, in->program, words) : none;
	const uint64_t *start = text.len > 0 ? x->starts[text.ptr[0]] : none;
	const uint64_t *pair = text.len > 1 ? x->start_pairs[start_pair(text)] : none;
	const uint64_t *msgid = in->msgid.len > 0 ? x->msgids : none;
	for (uint32_t w = 0; w < words; w++)
		mask[w] = x->fields[in->format & 7][w] | named[w] | start[w] | pair[w] | msgid[w];
}

void decoder_index_contains(const struct decoder_index *x, const struct pair_filter *f, uint32_t words, uint64_t *mask)
{
	memcpy(mask, x->contains_any, words * sizeof *mask);
	for (uint32_t g = 0; g < x->group_count; g++) {
		if (f->places[x->group_places[g]] != f->stamp)
			continue;
		for (uint32_t w = 0; w < words; w++)
			mask[w] |= x->groups[g][w];
	}
}

#ifdef __SSE2__
#include <emmintrin.h>

/* Eight pairs at a time; returns the second octet of the first pair that is left. */
static size_t fill_wide(uint8_t *places, uint8_t stamp, struct slice text)
{
	size_t i = 1;
	const __m128i zero = _mm_setzero_si128(), mask = _mm_set1_epi16(PAIR_PLACES - 1);
	for (; i + 8 <= text.len; i += 8) {
		__m128i first = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(text.ptr + i - 1)), zero);
		__m128i second = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(text.ptr + i)), zero);
		__m128i p = _mm_and_si128(_mm_xor_si128(_mm_slli_epi16(first, 5), second), mask);
		places[_mm_extract_epi16(p, 0)] = stamp;
		places[_mm_extract_epi16(p, 1)] = stamp;
		places[_mm_extract_epi16(p, 2)] = stamp;
		places[_mm_extract_epi16(p, 3)] = stamp;
		places[_mm_extract_epi16(p, 4)] = stamp;
		places[_mm_extract_epi16(p, 5)] = stamp;
		places[_mm_extract_epi16(p, 6)] = stamp;
		places[_mm_extract_epi16(p, 7)] = stamp;
	}
	return i;
}
#else
static size_t fill_wide(uint8_t *places, uint8_t stamp, struct slice text)
{
	(void)places, (void)stamp, (void)text;
	return 1;
}
#endif

void pair_filter_fill(struct pair_filter *f, struct slice text)
{
	if (++f->stamp == 0) {
		memset(f->places, 0, sizeof f->places);
		f->stamp = 1;
	}
	uint8_t stamp = f->stamp, *places = f->places;
	size_t i = fill_wide(places, stamp, text);
	for (; i < text.len; i++)
		places[pair_place(text.ptr[i - 1], text.ptr[i])] = stamp;
}
