/* Spans: pieces of a shape that have long been the same are compared together, as one text. */
#include "store/group_writer.h"

/* A span has joined bounds of its own, which are the row's too. */
static void add_joins(struct group_writer *g, const struct shape *s, uint32_t k)
{
	for (uint32_t i = k + 1; i < k + s->pieces[k].span; i++)
		if (s->pieces[i].joins)
			g->joined[g->joined_count++] = (uint16_t)i;
}

bool group_is_span(struct group_writer *g, const struct shape *s, uint32_t k, const uint8_t *text)
{
	const struct shape_piece *piece = &s->pieces[k];
	const uint32_t count = piece->span, from = g->bounds[k], *bounds = g->bounds + k + 1, *ends = s->span_ends + k;
	uint32_t wrong = piece->epoch ^ g->epoch;
	for (uint32_t i = 0; i < count; i++)
		wrong |= ends[i] ^ (bounds[i] - from);
	if (wrong != 0 || memcmp(text, piece->span_text, ends[count - 1]) != 0)
		return false;
	if (piece->span_joins)
		add_joins(g, s, k);
	return true;
}

/* Where values go no text is remembered, so that nothing but group_put_other changes the word of a piece in a span. */
static bool is_calm(const struct group_writer *g, const struct shape *s, uint32_t k)
{
	const struct shape_piece *piece = &s->pieces[k];
	return piece->calm == CALM_ROWS && piece->epoch == g->epoch && piece->column_below == 0 && k + 1 != s->time_piece;
}

/* From the row at hand. A text that a batch holds stays as long as the group. */
static void make_span(struct group_writer *g, struct shape *s, uint32_t first, uint32_t end)
{
	struct shape_piece *pieces = &s->pieces[first];
	const uint8_t *text = g->text.ptr + g->bounds[first];
	pieces->span = (uint16_t)(end - first);
	pieces->span_text = text;
	for (uint32_t k = first; k < end; k++) {
		const uint8_t *p = g->text.ptr + g->bounds[k];
		s->pieces[k].span_first = (uint16_t)(first + 1);
		s->span_ends[k] = g->bounds[k + 1] - g->bounds[first];
		s->pieces[k].joins = k > first && !s->pieces[k].is_end && words_join(p[-1], p[0]);
		pieces->span_joins |= s->pieces[k].joins;
	}
}

void group_make_spans(struct group_writer *g, struct shape *s)
{
	const uint32_t piece_count = s->bound_count - 1;
	for (uint32_t k = 0; k < piece_count; k++) {
		s->pieces[k].span = s->pieces[k].span_first = 0;
		s->pieces[k].span_joins = false;
	}
	for (uint32_t first = 0, end; first < piece_count; first = end + 1) {
		for (end = first; end < piece_count && is_calm(g, s, end); end++)
			;
		if (end - first > 1)
			make_span(g, s, first, end);
	}
}
