/* Shapes of rows (group_writer.h): found by the fields and the order of their ends, made when they are new. */
#include "store/group_writer.h"

_Static_assert(ENDS_MAX <= UINT16_MAX, "ends and bounds are kept in 16 bits");

void group_forget_shapes(struct group_writer *g)
{
	arena_reset(&g->shape_arena);
	strings_reset(&g->several);
	memset(g->shapes, 0, sizeof g->shapes);
	if (g->slots)
		memset(g->slots, 0, g->slot_count * sizeof *g->slots);
	g->slots_used = 0;
}

/* ---- a known shape ---- */

/* Do the row's ends stand as the shape has them? Fills the bounds. Texts are far shorter than 2 GiB: a distance that is not
 * positive shows in the highest bit of one less. */
static bool fits(struct group_writer *g, const struct shape *s)
{
	uint32_t *ends = g->ends, *bounds = g->bounds, before = 0, backward = 0, wrong;
	const uint16_t *bound_ends = s->bound_ends;
	const struct shape_end *other = s->others, *others_end = other + s->other_count;
	ends[END_TIME_FROM] = s->time_piece ? ends[s->time_end] + s->time_offset : 0;
	ends[END_TIME_TO] = ends[END_TIME_FROM] + s->time_len;
	bounds[0] = 0;
	wrong = ends[*bound_ends]; /* the end that names bound 0 may be that of a field, and has to be there too */
	const uint32_t *bounds_end = bounds + s->bound_count;
	for (uint32_t *bound = bounds + 1; bound < bounds_end; bound++) {
		uint32_t at = ends[*++bound_ends];
		backward |= at - before - 1;
		*bound = before = at;
	}
	for (; other < others_end; other++)
		wrong |= bounds[other->bound] ^ ends[other->end];
	g->bound_count = s->bound_count;
	return (wrong | backward >> 31) == 0;
}

static bool same_fields(const struct group_writer *g, const struct shape *s, uint64_t hash)
{
	return s->hash == hash && s->field_count == g->field_count &&
		   memcmp(s->fields, g->fields, g->field_count * sizeof *g->fields) == 0;
}

static bool same_time(struct group_writer *g, const struct shape *s)
{
	struct slice text = slice_of(g->text.ptr + g->ends[END_TIME_FROM], s->time_len);
	return timetext_is(&g->times_printed, s->time_form, g->time_ns, text);
}

/* A shape whose time is that of the row, else one without. */
static struct shape *look_up(struct group_writer *g, uint64_t hash)
{
	struct shape **bucket = &g->shapes[hash >> 32 & (SHAPE_BUCKETS - 1)], *before = NULL, *plain = NULL;
	unsigned tries = 0;
	for (struct shape *s = *bucket; s && tries < SHAPE_TRIES; before = s, s = s->next, tries++) {
		if (!same_fields(g, s, hash) || !fits(g, s))
			continue;
		if (s->time_piece ? !same_time(g, s) : g->has_time) {
			plain = s->time_piece ? plain : s;
			continue;
		}
		if (before) {
			before->next = s->next;
			s->next = *bucket;
			*bucket = s;
		}
		return s;
	}
	if (plain)
		fits(g, plain); /* it does: this sets the bounds once more */
	return plain;
}

/* ---- a new shape ---- */

/* The ends in order, by a bit for each place of the text. */
static bool sort_ends(struct group_writer *g)
{
	size_t words = g->text.len / 64 + 1;
	buffer_reset(&g->bits);
	uint64_t *bits = (uint64_t *)(void *)buffer_room(&g->bits, words * sizeof *bits);
	if (!bits)
		return false;
	memset(bits, 0, words * sizeof *bits);
	for (uint32_t e = 0; e < END_FIELDS + 2 * g->field_count; e++)
		bits[g->ends[e] / 64] |= UINT64_C(1) << g->ends[e] % 64;
	g->bound_count = 0;
	for (size_t i = 0; i < words; i++)
		for (uint64_t word = bits[i]; word; word &= word - 1)
			g->bounds[g->bound_count++] = (uint32_t)i * 64 + (uint32_t)__builtin_ctzll(word);
	return true;
}

static uint16_t bound_at(const struct group_writer *g, uint32_t at)
{
	uint32_t low = 0, high = g->bound_count;
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;
		if (g->bounds[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	CHECK(g->bounds[low] == at);
	return (uint16_t)low;
}

static struct shape *shape_room(struct group_writer *g)
{
	uint32_t ends = END_FIELDS + 2 * g->field_count;
	struct shape *s = arena_zalloc(&g->shape_arena, sizeof *s);
	uint32_t *fields = arena_alloc(&g->shape_arena, g->field_count * sizeof *fields);
	struct shape_piece *pieces = arena_zalloc(&g->shape_arena, g->bound_count * sizeof *pieces);
	uint16_t *end_bounds = arena_alloc(&g->shape_arena, ends * sizeof *end_bounds);
	uint16_t *bound_ends = arena_alloc(&g->shape_arena, g->bound_count * sizeof *bound_ends);
	struct shape_end *others = arena_alloc(&g->shape_arena, ends * sizeof *others);
	uint32_t *span_ends = arena_alloc(&g->shape_arena, g->bound_count * sizeof *span_ends);
	uint32_t key_words = KEY_PIECES + g->bound_count - 1 + g->small_count;
	uint32_t *key = arena_zalloc(&g->shape_arena, key_words * sizeof *key);
	if (!s || !fields || !pieces || !end_bounds || !bound_ends || !others || !span_ends || !key)
		return NULL;
	memcpy(fields, g->fields, g->field_count * sizeof *fields);
	s->fields = fields;
	s->pieces = pieces;
	s->end_bounds = end_bounds;
	s->bound_ends = bound_ends;
	s->others = others;
	s->span_ends = span_ends;
	s->key = key;
	s->key_words = key_words;
	s->field_count = g->field_count;
	s->bound_count = g->bound_count;
	return s;
}

/* Which field is exactly this piece (the first one), and where a cut goes through fields. */
static void find_owners(struct shape *s)
{
	for (uint32_t k = 0; k < s->bound_count; k++)
		s->pieces[k] = (struct shape_piece){.owner = OWNER_NONE, .may_be_time = true};
	for (uint32_t i = 0; i < s->field_count; i++) {
		uint32_t first = s->end_bounds[END_FIELDS + 2 * i], last = s->end_bounds[END_FIELDS + 2 * i + 1];
		struct shape_piece *piece = &s->pieces[first];
		if (last == first + 1 && piece->owner == OWNER_NONE) {
			piece->owner = s->fields[i] & 0xffff;
			piece->may_be_time = s->fields[i] >> 16 == VALUE_TIME;
		}
		for (uint32_t k = first + 1; k < last; k++)
			s->pieces[k].crossed = true;
	}
	struct shape_piece *original = &s->pieces[s->end_bounds[END_ORIGINAL]];
	original->is_end = !original->crossed;
	s->pieces[0].is_end = s->pieces[s->bound_count - 1].is_end = true;
}

/* Ends of the time name a bound only where no other end is. */
static void sort_out_ends(struct group_writer *g, struct shape *s)
{
	uint32_t end_count = END_FIELDS + 2 * g->field_count;
	for (uint32_t e = 0; e < end_count; e++)
		s->end_bounds[e] = bound_at(g, g->ends[e]);
	for (uint32_t e = END_TIME_FROM; e <= END_TIME_TO; e++)
		s->bound_ends[s->end_bounds[e]] = (uint16_t)e;
	for (uint32_t e = 0; e < end_count; e++)
		if (e != END_TIME_FROM && e != END_TIME_TO)
			s->bound_ends[s->end_bounds[e]] = (uint16_t)e;
	for (uint32_t e = 0; e < end_count; e++)
		if (s->bound_ends[s->end_bounds[e]] != e)
			s->others[s->other_count++] = (struct shape_end){(uint16_t)e, s->end_bounds[e]};
}

/* From the row's ends; the time's may be among them. */
static struct shape *make_shape(struct group_writer *g, uint64_t hash)
{
	struct shape *s = sort_ends(g) ? shape_room(g) : NULL;
	if (!s)
		return NULL;
	sort_out_ends(g, s);
	find_owners(s);
	struct shape **bucket = &g->shapes[hash >> 32 & (SHAPE_BUCKETS - 1)];
	s->hash = hash;
	s->number = g->shape_count++;
	s->key[0] = s->number;
	s->next = *bucket;
	*bucket = s;
	return s;
}

/* ---- the time of the header ---- */

/* Where in the piece a time may begin. */
static bool time_in_piece(struct group_writer *g, const struct shape *plain, uint32_t k, struct shape *out)
{
	uint32_t from = g->bounds[k], to = g->bounds[k + 1];
	for (uint32_t at = from; at < from + 8 && at + 15 <= to; at++) {
		uint8_t c = g->text.ptr[at];
		if (!((c >= '0' && c <= '3') || (c >= 'A' && c <= 'S')) || (at > from && words_octet(g->text.ptr[at - 1])))
			continue;
		struct slice text = slice_of(g->text.ptr + at, to - at);
		size_t len = timetext_find(&g->times_printed, text, g->time_ns, &out->time_form);
		if (len == 0)
			continue;
		out->time_end = plain->bound_ends[k];
		out->time_offset = at - from;
		out->time_len = (uint32_t)len;
		return true;
	}
	return false;
}

static bool find_time(struct group_writer *g, const struct shape *plain, struct shape *out)
{
	uint32_t tried = 0;
	for (uint32_t k = 0; k + 1 < g->bound_count && tried < 4 && g->bounds[k + 1] <= g->original_len; k++) {
		if (g->bounds[k + 1] - g->bounds[k] < 15 || !plain->pieces[k].may_be_time)
			continue;
		tried++;
		if (time_in_piece(g, plain, k, out))
			return true;
	}
	return false;
}

static struct shape *make_timed(struct group_writer *g, uint64_t hash, const struct shape *time)
{
	g->ends[END_TIME_FROM] = g->ends[time->time_end] + time->time_offset;
	g->ends[END_TIME_TO] = g->ends[END_TIME_FROM] + time->time_len;
	struct shape *s = make_shape(g, hash);
	if (!s)
		return NULL;
	s->time_end = time->time_end;
	s->time_offset = time->time_offset;
	s->time_len = time->time_len;
	s->time_form = time->time_form;
	s->time_piece = s->end_bounds[END_TIME_FROM] + 1u;
	s->key[KEY_PIECES + s->time_piece - 1] = WORD_VALUE;
	return s;
}

static struct shape *find_timed(struct group_writer *g, uint64_t hash, struct shape *plain)
{
	struct shape time;
	return find_time(g, plain, &time) ? make_timed(g, hash, &time) : plain;
}

struct shape *group_find_shape(struct group_writer *g, uint64_t hash)
{
	struct shape *s;
	if (g->shape_arena.used_bytes > SHAPE_BYTES_MAX)
		group_forget_shapes(g);
	s = look_up(g, hash);
	if (s && (s->time_piece || !g->has_time))
		return s;
	if (!s) {
		g->ends[END_TIME_FROM] = g->ends[END_TIME_TO] = 0;
		s = make_shape(g, hash);
	}
	return s && g->has_time ? find_timed(g, hash, s) : s;
}
