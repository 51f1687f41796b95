/* Templates, values and rows of a row group. */
#include "store/group_reader.h"

/* ---- templates ---- */

static bool read_pieces(struct group *g, struct reader *r, struct group_structure *s)
{
	uint64_t pieces = reader_varint(r), original = reader_varint(r);
	if (r->failed || pieces > reader_left(r) || original > pieces)
		return false;
	s->piece_count = (uint32_t)pieces;
	s->original_pieces = (uint32_t)original;
	s->pieces = group_room(g, pieces, sizeof *s->pieces);
	if (!s->pieces)
		return false;
	for (uint32_t i = 0; i < s->piece_count; i++) {
		struct structure_piece *piece = &s->pieces[i];
		*piece = (struct structure_piece){.from = reader_u8(r)};
		if (piece->from == PIECE_LITERAL) {
			s->literal_count++;
		} else if (piece->from == PIECE_VALUE) {
			uint64_t column = reader_varint(r);
			r->failed |= column >= g->from.column_count;
			piece->column = (uint32_t)column;
		} else if (piece->from == PIECE_TIME) {
			piece->form = reader_u8(r);
			uint64_t quarters = reader_varint(r);
			r->failed |= !timetext_known(piece->form) || quarters > 255;
			piece->quarters = (int8_t)(quarters >> 1 ^ (~(quarters & 1) + 1));
		} else {
			r->failed = true;
		}
	}
	return !r->failed;
}

static bool list_columns(struct group *g, struct group_structure *s)
{
	s->value_columns = group_room(g, s->piece_count, sizeof *s->value_columns);
	for (uint32_t i = 0; s->value_columns && i < s->piece_count; i++)
		if (s->pieces[i].from == PIECE_VALUE)
			s->value_columns[s->value_count++] = s->pieces[i].column;
	return s->value_columns != NULL;
}

static bool read_fields(struct group *g, struct reader *r, struct group_structure *s)
{
	uint64_t fields = reader_varint(r);
	if (r->failed || fields > reader_left(r) / 2)
		return false;
	s->field_count = (uint32_t)fields;
	s->fields = group_room(g, fields, sizeof *s->fields);
	if (!s->fields)
		return false;
	for (uint32_t i = 0; i < s->field_count && !r->failed; i++) {
		struct structure_field *field = &s->fields[i];
		*field = (struct structure_field){0};
		uint64_t name = reader_varint(r);
		field->name = (uint16_t)name;
		field->type = reader_u8(r);
		r->failed |= name >= g->name_count || field->type >= VALUE_TYPE_COUNT;
		s->small_count += field->type == VALUE_SMALL;
		if (field->type == VALUE_SMALL || field->type == VALUE_NULL)
			continue;
		uint64_t first = reader_varint(r), count = reader_varint(r);
		r->failed |= first > s->piece_count || count > s->piece_count - first;
		field->first = (uint32_t)first;
		field->count = (uint32_t)count;
	}
	return !r->failed;
}

/* Nearly all numbers of a template are below 128. */
static inline uint64_t short_varint(struct reader *r)
{
	return r->ptr < r->end && *r->ptr < 0x80 ? *r->ptr++ : reader_varint(r);
}

static bool read_template(struct group *g, struct reader *r, struct group_template *t)
{
	uint64_t structure = short_varint(r);
	if (r->failed || structure >= g->structure_count)
		return false;
	const struct group_structure *s = t->structure = &g->structures[structure];
	if ((uint64_t)s->literal_count + s->small_count > reader_left(r))
		return false;
	struct slice *literals = group_room(g, s->literal_count, sizeof *literals);
	uint32_t *smalls = group_room(g, s->small_count, sizeof *smalls);
	if (!literals || !smalls)
		return false;
	for (uint32_t i = 0; i < s->literal_count; i++) {
		uint64_t len = short_varint(r);
		if (r->failed || len > reader_left(r))
			return false;
		literals[i] = slice_of(r->ptr, (size_t)len);
		r->ptr += len;
	}
	for (uint32_t i = 0; i < s->small_count; i++) {
		uint64_t small = short_varint(r);
		r->failed |= small > UINT32_MAX;
		smalls[i] = (uint32_t)small;
	}
	t->literals = literals;
	t->smalls = smalls;
	return !r->failed;
}

int group_open_templates(struct group *g, struct slice octets, struct error *error)
{
	struct reader r = reader_of(octets);
	g->template_octets = octets;
	uint64_t structures = reader_varint(&r);
	if (r.failed || structures > reader_left(&r) / 3)
		return group_bad(error, "number of structures is wrong");
	g->structure_count = (uint32_t)structures;
	g->structures = group_room(g, structures + 1, sizeof *g->structures);
	for (uint32_t i = 0; g->structures && i < structures; i++) {
		g->structures[i] = (struct group_structure){0};
		if (!read_pieces(g, &r, &g->structures[i]) || !list_columns(g, &g->structures[i]) ||
			!read_fields(g, &r, &g->structures[i]))
			return group_bad(error, "a structure is wrong");
	}
	uint64_t templates = reader_varint(&r);
	if (r.failed || !g->structures || templates > reader_left(&r))
		return group_bad(error, "number of templates is wrong");
	g->template_count = (uint32_t)templates;
	g->templates = group_room(g, templates + 1, sizeof *g->templates);
	for (uint32_t i = 0; g->templates && i < templates; i++)
		if (!read_template(g, &r, &g->templates[i]))
			return group_bad(error, "a template is wrong");
	return g->templates && reader_left(&r) == 0 ? 0 : group_bad(error, "octets after the templates");
}

/* ---- values ---- */

int group_load_column(struct group *g, uint32_t number, struct error *error)
{
	struct slice octets;
	uint8_t encoding;
	if (g->loaded[number])
		return 0;
	int result = g->from.fetch(g->from.ctx, COLUMN_VALUES, number, &g->arena, &octets, &encoding, error);
	if (result != 0)
		return result;
	result = values_open(&g->columns[number], g->env, encoding, g->from.value_counts[number], octets);
	if (result != 0)
		return error_set(error, (enum error_code) - result, "row group: values of column %u: %s", number,
						 error_name((enum error_code) - result));
	g->loaded[number] = true;
	return 0;
}

int group_load_all(struct group *g, struct error *error)
{
	for (uint32_t i = 0; i < g->from.column_count; i++) {
		int result = group_load_column(g, i, error);
		if (result != 0)
			return result;
	}
	return 0;
}

static bool is_wanted(const struct group *g, uint16_t name, const struct slice *names, uint32_t name_count)
{
	for (uint32_t i = 0; i < name_count; i++)
		if (slice_equal(g->names[name], names[i]))
			return true;
	return false;
}

static int load_field(struct group *g, struct group_structure *s, struct structure_field *field, struct error *error)
{
	int result = 0;
	for (uint32_t k = field->first; k < field->first + field->count && result == 0; k++) {
		s->pieces[k].needed = true;
		if (s->pieces[k].from == PIECE_VALUE) {
			result = group_load_column(g, s->pieces[k].column, error);
			g->narrow_values = true;
		}
	}
	return result;
}

int group_load_names(struct group *g, const struct slice *names, uint32_t name_count, struct error *error)
{
	uint8_t *wanted = group_room(g, (size_t)g->name_count + 1, 1);
	if (!wanted)
		return error_set(error, ERROR_MEMORY, "row group: no memory");
	for (uint32_t i = 0; i < g->name_count; i++)
		wanted[i] = is_wanted(g, (uint16_t)i, names, name_count);
	for (uint32_t i = 0; i < g->structure_count; i++) {
		struct group_structure *s = &g->structures[i];
		for (uint32_t f = 0; f < s->field_count; f++) {
			s->fields[f].wanted = wanted[s->fields[f].name];
			int result = s->fields[f].wanted ? load_field(g, s, &s->fields[f], error) : 0;
			if (result != 0)
				return result;
		}
	}
	return 0;
}

/* ---- rows ---- */

static inline int add_text(struct group *g, struct slice text, struct error *error)
{
	if (text.len > GROUP_ROW_TEXT_MAX - g->text.len)
		return group_bad(error, "a row has more than 4 MiB of text");
	if (text.len <= g->text.size - g->text.len && !g->text.failed) {
		if (text.len)
			memcpy(g->text.ptr + g->text.len, text.ptr, text.len);
		g->text.len += text.len;
		return 0;
	}
	buffer_add_slice(&g->text, text);
	return g->text.failed ? error_set(error, ERROR_MEMORY, "no memory for a row") : 0;
}

static int add_time(struct group *g, const struct structure_piece *piece, struct error *error)
{
	uint8_t printed[TIMETEXT_MAX];
	struct timetext form = {piece->form, piece->quarters};
	size_t len = timetext_print(&g->times_printed, form, (int64_t)g->times[g->row], printed);
	if (len == 0)
		return group_bad(error, "a time that has no text");
	return add_text(g, slice_of(printed, len), error);
}

static int add_pieces(struct group *g, const struct group_template *t, bool whole, bool values, struct error *error)
{
	const struct group_structure *s = t->structure;
	const struct slice *literal = t->literals;
	uint8_t scratch[24];
	int result = 0;
	for (uint32_t k = 0; k < s->piece_count && result == 0; k++) {
		const struct structure_piece *piece = &s->pieces[k];
		bool needed = whole || piece->needed;
		g->bounds[k] = (uint32_t)g->text.len;
		if (piece->from == PIECE_VALUE) {
			uint32_t at = values ? g->cursors[piece->column]++ : 0;
			if (needed)
				result = add_text(g, values_get(&g->columns[piece->column], at, scratch), error);
		} else if (piece->from == PIECE_LITERAL) {
			if (needed)
				result = add_text(g, *literal, error);
			literal++;
		} else if (needed) {
			result = add_time(g, piece, error);
		}
	}
	g->bounds[s->piece_count] = (uint32_t)g->text.len;
	return result;
}

static void add_fields(struct group *g, const struct group_template *t, bool whole, struct group_row *out)
{
	const struct group_structure *s = t->structure;
	const uint32_t *small = t->smalls;
	out->field_count = 0;
	out->fields = g->fields;
	for (uint32_t i = 0; i < s->field_count; i++) {
		const struct structure_field *from = &s->fields[i];
		uint32_t value = from->type == VALUE_SMALL ? *small++ : 0;
		if (!whole && !from->wanted)
			continue;
		struct group_field *field = &g->fields[out->field_count++];
		*field = (struct group_field){from->name, from->type, 0, 0, value};
		if (from->type == VALUE_SMALL || from->type == VALUE_NULL)
			continue;
		field->offset = g->bounds[from->first];
		field->len = g->bounds[from->first + from->count] - field->offset;
	}
}

/* The values of rows of which none were needed are passed over when the next one is. */
static void pay(struct group *g)
{
	for (; g->owed > 0; g->owed--) {
		const struct group_structure *s = g->templates[g->template_codes[g->row - g->owed]].structure;
		for (uint32_t i = 0; i < s->value_count; i++)
			g->cursors[s->value_columns[i]]++;
	}
}

int group_next(struct group *g, bool whole, struct group_row *out, struct error *error)
{
	CHECK(g->row < g->from.rows);
	const struct group_template *t = &g->templates[g->template_codes[g->row]];
	bool values = whole || g->narrow_values;
	if (values)
		pay(g);
	buffer_reset(&g->text);
	int result = add_pieces(g, t, whole, values, error);
	if (result != 0)
		return result;
	add_fields(g, t, whole, out);
	out->head = &g->heads[g->head_codes[g->row]];
	out->time_ns = (int64_t)g->times[g->row];
	out->observed_ns = (int64_t)g->observed[g->row];
	out->text = buffer_slice(&g->text);
	out->original_len = g->bounds[t->structure->original_pieces];
	g->row++;
	g->owed += !values;
	return 0;
}

void group_skip(struct group *g)
{
	CHECK(g->row < g->from.rows);
	g->row++;
	g->owed++;
}

void group_save(struct group *g)
{
	memcpy(g->saved, g->cursors, g->from.column_count * sizeof *g->saved);
	g->saved_row = g->row;
	g->saved_owed = g->owed;
}

void group_restore(struct group *g)
{
	memcpy(g->cursors, g->saved, g->from.column_count * sizeof *g->cursors);
	g->row = g->saved_row;
	g->owed = g->saved_owed;
}
