/* Templates and strings of a group, folded once for all words of a query. */
#include "store/query_sift_inside.h"

/* Does the text end with the beginning of a character? Folding it alone is then not what folding it with the text behind
 * it would be. */
static bool is_torn(struct slice text)
{
	for (size_t n = 1; n <= 3 && n <= text.len; n++) {
		uint8_t c = text.ptr[text.len - n];
		if (c < 0x80)
			return false;
		if (c >= 0xc0)
			return n < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u);
	}
	return false;
}

/* ---- templates ---- */

#define NEAR 16u

/* Sixteen octets at once: the vector extension of gcc and clang, which every processor we build for can do. */
typedef uint8_t sixteen __attribute__((vector_size(NEAR)));

/* Folds a literal like fold(). Literals are many and short, and others stand behind them: sixteen octets are read and
 * written though fewer count, unless that would be past `limit`. */
static inline size_t fold_literal(struct slice s, const uint8_t *limit, uint8_t *out)
{
	for (size_t i = 0; i < s.len; i += NEAR) {
		const uint8_t *p = s.ptr + i;
		sixteen v;
		if ((size_t)(limit - p) < NEAR || ((get_u64(p) | get_u64(p + 8)) & UINT64_C(0x8080808080808080)) != 0)
			return i + fold(slice_from(s, i), out + i);
		memcpy(&v, p, sizeof v);
		v |= (sixteen)((v - 'A') < 26) & 0x20;
		memcpy(out + i, &v, sizeof v);
	}
	return s.len;
}

static void count_room(const struct group *g, size_t *octets, size_t *spans)
{
	*octets = 64;
	*spans = 0;
	for (uint32_t i = 0; i < g->template_count; i++) {
		const struct group_structure *s = g->templates[i].structure;
		*spans += s->piece_count - s->literal_count + 1;
		*octets += s->piece_count;
		for (uint32_t k = 0; k < s->literal_count; k++)
			*octets += FOLD_ROOM(g->templates[i].literals[k].len);
	}
}

static void end_span(struct sift_texts *t, struct sift_template *to, const struct structure_piece *behind)
{
	struct sift_span *span = &t->spans[t->span_count++];
	uint32_t begin = to->count == 0 ? to->begin : span[-1].end + 1;
	*span = (struct sift_span){begin, t->len, behind};
	to->count++;
}

static void add_template(struct sift_texts *t, const struct group_template *from, const uint8_t *limit,
						 struct sift_template *to)
{
	const struct group_structure *s = from->structure;
	const struct slice *literal = from->literals;
	*to = (struct sift_template){.begin = t->len, .original_end = t->len, .first = t->span_count};
	for (uint32_t k = 0; k < s->piece_count; k++) {
		t->borders[t->len / 64] |= UINT64_C(1) << t->len % 64;
		if (k == s->original_pieces)
			to->original_end = t->len;
		if (s->pieces[k].from == PIECE_LITERAL) {
			to->torn |= is_torn(*literal);
			t->len += (uint32_t)fold_literal(*literal++, limit, t->folded + t->len);
		} else {
			end_span(t, to, &s->pieces[k]);
			t->folded[t->len++] = 0xff;
		}
	}
	if (s->original_pieces == s->piece_count)
		to->original_end = t->len;
	to->end = t->len;
	t->borders[t->len / 64] |= UINT64_C(1) << t->len % 64;
	end_span(t, to, NULL);
	t->folded[t->len++] = 0xff; /* nothing found goes from one template into the next */
}

int sift_texts(struct sift *s, const struct sift_texts **out, struct error *error)
{
	size_t octets, spans;
	if (s->texts) {
		*out = s->texts;
		return 0;
	}
	count_room(s->g, &octets, &spans);
	octets += s->g->template_count;
	struct sift_texts *t = arena_zalloc(&s->arena, sizeof *t);
	if (!t || octets > UINT32_MAX)
		return sift_no_memory(error);
	t->templates = arena_alloc(&s->arena, s->g->template_count * sizeof *t->templates);
	t->spans = arena_alloc(&s->arena, spans * sizeof *t->spans);
	t->folded = arena_alloc(&s->arena, octets);
	t->borders = arena_zalloc(&s->arena, (octets / 64 + 1) * sizeof *t->borders);
	if (!t->templates || !t->spans || !t->folded || !t->borders)
		return sift_no_memory(error);
	const uint8_t *limit = s->g->template_octets.ptr + s->g->template_octets.len;
	for (uint32_t i = 0; i < s->g->template_count; i++)
		add_template(t, &s->g->templates[i], limit, &t->templates[i]);
	CHECK(t->len <= octets && t->span_count <= spans);
	*out = s->texts = t;
	return 0;
}

/* ---- columns ---- */

static bool is_ascii(const uint8_t *p, size_t len)
{
	uint64_t all = 0;
	size_t i = 0;
	for (; i + 8 <= len; i += 8)
		all |= get_u64(p + i);
	for (; i < len; i++)
		all |= p[i];
	return (all & UINT64_C(0x8080808080808080)) == 0;
}

/* Folding ASCII changes no length. */
static int fold_ascii_column(struct sift *s, struct sift_column *c, const struct values_view *v)
{
	size_t len = v->starts[c->count];
	uint8_t *text = arena_alloc(&s->arena, FOLD_ROOM(len));
	if (!text)
		return -ERROR_MEMORY;
	fold(slice_of(v->heap, len), text);
	c->text = text;
	c->starts = v->starts;
	return 0;
}

static int fold_each(struct sift *s, struct sift_column *c, const struct values_view *v)
{
	uint64_t *starts = arena_alloc(&s->arena, ((size_t)c->count + 1) * sizeof *starts);
	uint8_t *text = arena_alloc(&s->arena, FOLD_ROOM(v->starts[c->count]) + 4 * (size_t)c->count);
	if (!starts || !text)
		return -ERROR_MEMORY;
	starts[0] = 0;
	for (uint32_t i = 0; i < c->count; i++) {
		struct slice value = slice_of(v->heap + v->starts[i], (size_t)(v->starts[i + 1] - v->starts[i]));
		c->torn |= is_torn(value);
		starts[i + 1] = starts[i] + fold(value, text + starts[i]);
	}
	c->text = text;
	c->starts = starts;
	return 0;
}

int sift_column(struct sift *s, uint32_t number, const struct sift_column **out, struct error *error)
{
	struct sift_column *c = &s->columns[number];
	const struct values_view *v = &s->g->columns[number];
	*out = c;
	if (c->ready)
		return 0;
	int result = group_load_column(s->g, number, error);
	if (result != 0)
		return result;
	c->count = v->encoding == VALUES_DICTIONARY ? v->known_count : v->count;
	if (v->encoding == VALUES_STRINGS || v->encoding == VALUES_DICTIONARY)
		result = is_ascii(v->heap, (size_t)v->starts[c->count]) ? fold_ascii_column(s, c, v) : fold_each(s, c, v);
	if (result != 0)
		return sift_no_memory(error);
	c->ready = true;
	return 0;
}
