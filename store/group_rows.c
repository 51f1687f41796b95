/* The text of a row: cut at the ends of its fields, each piece put into the template or into a column. */
#include "store/group_writer.h"

/* ---- pieces ---- */

static inline bool is_remembered(const struct group_writer *g, const struct shape_piece *piece, struct slice text)
{
	if (piece->len != text.len || piece->epoch != g->epoch)
		return false;
	if (text.len > SHORT_MAX)
		return memcmp((const void *)(uintptr_t)piece->begin, text.ptr, text.len) == 0;
	uint64_t end;
	return shorts_load_ahead(text, &end) == piece->begin && end == piece->end;
}

static inline int put_piece(struct group_writer *g, struct shape *s, uint32_t k, struct slice text)
{
	struct shape_piece *piece = &s->pieces[k];
	if (text.len < piece->column_below) {
		group_set_word(g, s, k, piece->column << 2 | WORD_VALUE);
		return values_add(&g->columns[piece->column].values, text);
	}
	if (!is_remembered(g, piece, text))
		return group_put_other(g, s, k, text);
	if (piece->calm < CALM_ROWS)
		piece->calm++;
	group_set_word(g, s, k, piece->word);
	return 0;
}

static int put_pieces(struct group_writer *g, struct shape *s)
{
	const uint32_t piece_count = s->bound_count - 1, *bounds = g->bounds;
	const uint8_t *p = g->text.ptr;
	for (uint32_t k = 0; k < piece_count;) {
		const struct shape_piece *piece = &s->pieces[k];
		size_t len = bounds[k + 1] - bounds[k];
		if (!piece->is_end && words_join(p[-1], p[0]))
			g->joined[g->joined_count++] = (uint16_t)k;
		if (piece->span && group_is_span(g, s, k, p)) {
			k += piece->span;
			len = s->span_ends[k - 1];
		} else if (put_piece(g, s, k++, slice_of(p, len)) != 0) {
			return -ERROR_MEMORY;
		}
		p += len;
	}
	return 0;
}

static int put_row(struct group_writer *g, struct shape *s)
{
	uint32_t *smalls = s->key + KEY_PIECES + s->bound_count - 1;
	g->joined_count = 0;
	g->changed = s->code == 0;
	int result = put_pieces(g, s);
	if (g->small_count > 0 && memcmp(smalls, g->smalls, g->small_count * sizeof *smalls) != 0) {
		memcpy(smalls, g->smalls, g->small_count * sizeof *smalls);
		g->changed = true;
	}
	if (result == 0 && ++s->rows % SPAN_ROWS == 0)
		group_make_spans(g, s);
	return result;
}

/* A field that is not a short slice: sets its ends. */
static void gather_other(struct group_writer *g, const struct batch *batch, const struct batch_row *row, uint32_t i)
{
	struct batch_value value;
	uint32_t *ends = g->ends + END_FIELDS + 2 * i;
	ends[0] = ends[1] = 0;
	if (g->fields[i] >> 16 == VALUE_SMALL)
		g->smalls[g->small_count++] = (uint32_t)(batch_value_octets(batch, row, row->field_first + i) >> 32);
	if (!field_has_text(g->fields[i]))
		return;
	batch_get_value(batch, row, row->field_first + i, &value);
	ends[0] = (uint32_t)(value.text.ptr - row->text.ptr);
	ends[1] = ends[0] + (uint32_t)value.text.len;
}

static struct shape_map map_shape(const struct group_writer *g, const uint8_t *fields, uint32_t count, uint32_t *out)
{
	struct shape_map m = {.hash = g->key_factor, .is_short = true};
	for (uint32_t i = 0; i < count; i++) {
		uint32_t field = get_u32(fields + (size_t)i * 4);
		m.is_short &= batch_octets_short(field);
		out[i] = g->name_map[field & 0xffff] | (field & 0xff0000);
		m.hash = (m.hash ^ out[i]) * g->key_factor;
	}
	m.hash ^= m.hash >> 32;
	return m;
}

bool group_map_shapes(struct group_writer *g, const struct batch *batch)
{
	uint32_t total = batch_shape_fields(batch), at = 0;
	buffer_reset(&g->shape_maps);
	buffer_reset(&g->shape_fields);
	struct shape_map *maps = (void *)buffer_room(&g->shape_maps, (batch->shape_count + 1) * sizeof *maps);
	uint32_t *fields = (void *)buffer_room(&g->shape_fields, ((size_t)total + 1) * sizeof *fields);
	for (uint32_t i = 0; maps && fields && i < batch->shape_count; i++) {
		uint32_t count;
		const uint8_t *from = batch_shape(batch, (uint16_t)i, &count);
		maps[i] = map_shape(g, from, count, fields + at);
		maps[i].first = at;
		at += count;
	}
	return maps && fields;
}

/* Ends of the row's fields. Returns the hash of the fields. */
static uint64_t gather(struct group_writer *g, const struct batch *batch, const struct batch_row *row)
{
	const struct shape_map *map = (const struct shape_map *)(const void *)g->shape_maps.ptr + row->shape;
	const uint8_t *places = batch->places + (size_t)row->field_first * 4;
	uint32_t *ends = g->ends + END_FIELDS;
	g->fields = (const uint32_t *)(const void *)g->shape_fields.ptr + map->first;
	for (uint32_t i = 0; i < row->field_count; i++) {
		uint32_t place = get_u32(places + (size_t)i * 4);
		ends[2 * i] = place & 0xffff;
		ends[2 * i + 1] = (place & 0xffff) + (place >> 16);
	}
	for (uint32_t i = 0; !map->is_short && i < row->field_count; i++)
		if (!batch_octets_short(get_u32(row->shape_fields + (size_t)i * 4)))
			gather_other(g, batch, row, i);
	return map->hash ^ ((row->quality & TIME_PRESENT) ? g->key_factor : 0);
}

static void begin_row(struct group_writer *g, const struct batch_row *row)
{
	CHECK(row->field_count <= ROW_FIELDS_MAX);
	g->has_time = row->quality & TIME_PRESENT;
	g->time_ns = row->time_ns;
	g->text = row->text;
	g->original_len = (uint32_t)row->original.len;
	g->field_count = row->field_count;
	g->small_count = 0;
	g->ends[END_ZERO] = 0;
	g->ends[END_ORIGINAL] = g->original_len;
	g->ends[END_TEXT] = (uint32_t)row->text.len;
}

/* The first row of its template: words that all others share, and whether there are templates enough now. */
static void add_new(struct group_writer *g, struct shape *s)
{
	for (uint32_t i = 0; i < g->joined_count; i++)
		group_add_divided_words(g, s, g->bounds[g->joined[i]], s->pieces[g->joined[i]].crossed);
	group_spare_templates(g, s);
	if (g->literals_off || g->templates.count <= TEMPLATES_FREE || g->templates.count <= g->row_count / 2)
		return;
	/* What pieces were until now they are no more. */
	g->literals_off = true;
	group_forget_shapes(g);
}

int group_add_text(struct group_writer *g, const struct batch *batch, const struct batch_row *row, uint32_t *code)
{
	begin_row(g, row);
	struct shape *shape = group_find_shape(g, gather(g, batch, row));
	if (!shape)
		return -ERROR_MEMORY;
	int result = put_row(g, shape);
	if (result != 0)
		return result;
	if (g->joined_count > 0)
		group_add_joined_words(g, shape);
	if (row->charset == CHARSET_GB18030 || row->charset == CHARSET_BIG5)
		words_add_multibyte(&g->words, row->original);
	result = group_find_template(g, shape, code);
	if (result == 0 && g->is_new)
		add_new(g, shape);
	return result;
}
