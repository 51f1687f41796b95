/* Is the next row of a group this one? The row is not put together: its template's literals are compared in runs, its
 * values one by one, with the text that it must have. A place in the text is then the octets of the literals before it,
 * which the template knows, and those of the values before it, which are summed up while comparing.
 */
#include "store/group_reader.h"
#include "store/shorts.h"

struct compare_field {
	uint16_t name;
	uint8_t type;
	uint32_t from, to; /* varying pieces before its ends; of a field without text 0 */
};

struct compare_structure {
	uint32_t varying_count, original; /* original: varying pieces in it */
	const struct structure_piece **varying;
	struct compare_field *fields;
};

struct compare_template {
	const struct compare_structure *structure;
	const uint8_t *octets; /* all literals, joined */
	uint32_t *runs; /* so many of them before each varying piece, and behind the last one */
	uint32_t *fields; /* octets of literals before the field and in it, 16 bits each; of a small one the number */
	uint32_t original;
};

static bool has_text(uint8_t type)
{
	return type != VALUE_SMALL && type != VALUE_NULL;
}

/* ---- structures and templates, made when a row first needs them ---- */

static bool open_structure(struct group_compare *c, const struct group_structure *s, struct compare_structure *out)
{
	struct arena *arena = c->arena;
	out->varying = arena_alloc(arena, s->piece_count * sizeof(struct structure_piece *));
	out->fields = arena_alloc(arena, s->field_count * sizeof *out->fields);
	uint32_t *before = arena_alloc(arena, ((size_t)s->piece_count + 1) * sizeof *before);
	if (!out->varying || !out->fields || !before)
		return false;
	for (uint32_t k = 0; k < s->piece_count; k++) {
		before[k] = out->varying_count;
		if (s->pieces[k].from != PIECE_LITERAL)
			out->varying[out->varying_count++] = &s->pieces[k];
	}
	before[s->piece_count] = out->varying_count;
	out->original = before[s->original_pieces];
	for (uint32_t i = 0; i < s->field_count; i++) {
		const struct structure_field *f = &s->fields[i];
		out->fields[i] = (struct compare_field){f->name, f->type, 0, 0};
		if (has_text(f->type)) {
			out->fields[i].from = before[f->first];
			out->fields[i].to = before[f->first + f->count];
		}
	}
	return true;
}

static struct compare_structure *structure_of(struct group_compare *c, const struct group_structure *s)
{
	struct compare_structure **known = &c->structures[s - c->group->structures];
	if (!*known) {
		struct compare_structure *made = arena_zalloc(c->arena, sizeof *made);
		if (!made || !open_structure(c, s, made))
			return NULL;
		*known = made;
	}
	return *known;
}

/* Joins the literals; before[k]: octets of those before piece k. */
static void join_literals(const struct group_template *from, struct compare_template *t, uint8_t *joined,
						  uint32_t *before)
{
	const struct group_structure *s = from->structure;
	uint32_t at = 0, literal = 0, varying = 0;
	t->octets = joined;
	t->runs[0] = 0;
	for (uint32_t k = 0; k < s->piece_count; k++) {
		before[k] = at;
		if (s->pieces[k].from != PIECE_LITERAL) {
			t->runs[++varying] = 0;
			continue;
		}
		struct slice text = from->literals[literal++];
		if (text.len)
			memcpy(joined + at, text.ptr, text.len);
		at += (uint32_t)text.len;
		t->runs[varying] += (uint32_t)text.len;
	}
	before[s->piece_count] = at;
}

static void open_fields(const struct group_template *from, struct compare_template *t, const uint32_t *before)
{
	const struct group_structure *s = from->structure;
	const uint32_t *small = from->smalls;
	t->original = before[s->original_pieces];
	for (uint32_t i = 0; i < s->field_count; i++) {
		const struct structure_field *f = &s->fields[i];
		if (has_text(f->type))
			t->fields[i] = before[f->first] | (before[f->first + f->count] - before[f->first]) << 16;
		else
			t->fields[i] = f->type == VALUE_SMALL ? *small++ : 0;
	}
}

/* All of it in one piece, for rows come in no order of templates. */
static bool open_template(struct group_compare *c, const struct group_template *from, struct compare_template **out)
{
	const struct group_structure *s = from->structure;
	const struct compare_structure *structure = structure_of(c, s);
	size_t octets = 0;
	for (uint32_t i = 0; i < s->literal_count; i++)
		octets += from->literals[i].len;
	if (!structure || octets > GROUP_COLUMN_BYTES_MAX)
		return false;
	size_t runs = (size_t)structure->varying_count + 1, numbers = runs + s->field_count;
	/* shorts_load_ahead reads up to eight octets past the last literal. */
	struct compare_template *t = arena_alloc(c->arena, sizeof *t + numbers * sizeof(uint32_t) + octets + 8);
	if (!t)
		return false;
	t->structure = structure;
	t->runs = (uint32_t *)(t + 1);
	t->fields = t->runs + runs;
	join_literals(from, t, (uint8_t *)(t->runs + numbers), c->group->bounds);
	open_fields(from, t, c->group->bounds);
	*out = t;
	return true;
}

static const struct compare_template *template_of(struct group_compare *c, uint32_t code)
{
	struct compare_template **t = &c->templates[code];
	return *t || open_template(c, &c->group->templates[code], t) ? *t : NULL;
}

int group_compare_open(struct group_compare *c, struct group *g, struct arena *arena, struct error *error)
{
	uint32_t most = 0;
	for (uint32_t i = 0; i < g->structure_count; i++)
		most = g->structures[i].piece_count > most ? g->structures[i].piece_count : most;
	*c = (struct group_compare){.group = g, .arena = arena};
	c->structures = arena_zalloc(arena, g->structure_count * sizeof(struct compare_structure *));
	c->templates = arena_zalloc(arena, g->template_count * sizeof(struct compare_template *));
	c->lengths = arena_alloc(arena, ((size_t)most + 1) * sizeof *c->lengths);
	c->names = arena_alloc(arena, g->name_count * sizeof *c->names);
	if (!c->structures || !c->templates || !c->lengths || !c->names)
		return error_set(error, ERROR_MEMORY, "no memory to compare a row group");
	return 0;
}

/* ---- a row ---- */

/* Of a row's text and a literal; behind both eight more octets can be read. */
static inline bool same_literal(const uint8_t *row, const uint8_t *literal, size_t len)
{
	if (len > SHORT_MAX)
		return memcmp(row, literal, len) == 0;
	uint64_t ends[2], begin = shorts_load_ahead(slice_of(row, len), &ends[0]);
	return begin == shorts_load_ahead(slice_of(literal, len), &ends[1]) && ends[0] == ends[1];
}

static inline bool same_value(const uint8_t *row, struct slice value)
{
	if (value.len > SHORT_MAX)
		return memcmp(row, value.ptr, value.len) == 0;
	uint64_t ends[2], begin = shorts_load_ahead(slice_of(row, value.len), &ends[0]);
	return begin == shorts_load(value, &ends[1]) && ends[0] == ends[1];
}

/* The text of a varying piece; empty and null when a time has none. */
static inline struct slice varying_text(struct group *g, const struct structure_piece *piece, uint8_t *scratch)
{
	if (piece->from == PIECE_VALUE)
		return values_get(&g->columns[piece->column], g->cursors[piece->column]++, scratch);
	struct timetext form = {piece->form, piece->quarters};
	return slice_of(scratch, timetext_print(&g->times_printed, form, (int64_t)g->times[g->row], scratch));
}

/* Fills lengths: octets of the varying pieces before each of them, and of all. */
static bool same_text(struct group_compare *c, const struct compare_template *t, struct slice text)
{
	const uint8_t *p = text.ptr, *end = text.ptr + text.len, *literal = t->octets;
	uint32_t sum = 0, count = t->structure->varying_count;
	uint8_t scratch[TIMETEXT_MAX];
	for (uint32_t i = 0; i < count; i++) {
		uint32_t run = t->runs[i];
		if (run > (size_t)(end - p) || !same_literal(p, literal, run))
			return false;
		p += run;
		literal += run;
		c->lengths[i] = sum;
		struct slice value = varying_text(c->group, t->structure->varying[i], scratch);
		if (value.len > (size_t)(end - p) || !same_value(p, value))
			return false;
		p += value.len;
		sum += (uint32_t)value.len;
	}
	c->lengths[count] = sum;
	return t->runs[count] == (size_t)(end - p) && same_literal(p, literal, t->runs[count]);
}

/* Names, types and places. */
static bool same_fields_whole(const struct group_compare *c, const struct compare_template *t,
							  const struct batch_row *row)
{
	const struct compare_field *fields = t->structure->fields;
	const uint32_t *lengths = c->lengths, *names = c->names, *literals = t->fields;
	uint64_t wrong = 0;
	for (uint32_t i = 0; i < row->field_count; i++) {
		uint32_t from = lengths[fields[i].from], len = lengths[fields[i].to] - from;
		uint64_t expected = names[fields[i].name] | (uint64_t)fields[i].type << 16;
		expected |= (uint64_t)(literals[i] + from + (len << 16)) << 32;
		wrong |= expected ^ batch_value_octets(c->batch, row, row->field_first + i);
	}
	return wrong == 0;
}

static bool same_places(const struct group_compare *c, const struct compare_template *t, const struct batch_row *row)
{
	const struct compare_field *fields = t->structure->fields;
	const uint32_t *lengths = c->lengths, *literals = t->fields, count = row->field_count;
	const uint8_t *places = c->batch->places + (size_t)row->field_first * 4;
	uint32_t wrong = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t from = lengths[fields[i].from], len = lengths[fields[i].to] - from;
		wrong |= (literals[i] + from + (len << 16)) ^ get_u32(places + (size_t)i * 4);
	}
	return wrong == 0;
}

/* In a row of less than 64 KiB of text each field is eight octets that can be told beforehand: four of the shape, which
 * need be compared with the structure only once in a batch, and four of the row. */
static bool same_short_fields(struct group_compare *c, const struct compare_template *t, const struct batch_row *row)
{
	const struct compare_structure **known = &c->shapes[row->shape];
	if (*known == t->structure)
		return same_places(c, t, row);
	if (!same_fields_whole(c, t, row))
		return false;
	*known = t->structure;
	return true;
}

/* What was known of the batch before goes. */
static bool turn_to(struct group_compare *c, const struct batch *batch)
{
	if (batch->shape_count > c->shape_room) {
		c->shapes = arena_alloc(c->arena, batch->shape_count * sizeof *c->shapes);
		c->shape_room = c->shapes ? batch->shape_count : 0;
	}
	if (!c->shapes)
		return false;
	memset(c->shapes, 0, batch->shape_count * sizeof *c->shapes);
	memset(c->names, 0xff, c->group->name_count * sizeof *c->names);
	c->batch = batch;
	return true;
}

/* Places in the text of the row at hand, before each piece and at the end. */
static const uint32_t *find_places(const struct group_compare *c, const struct group_template *t)
{
	const struct group_structure *s = t->structure;
	uint32_t *places = c->group->bounds, octets = 0, literal = 0, varying = 0;
	for (uint32_t k = 0; k < s->piece_count; k++) {
		places[k] = octets + c->lengths[varying];
		if (s->pieces[k].from == PIECE_LITERAL)
			octets += (uint32_t)t->literals[literal++].len;
		else
			varying++;
	}
	places[s->piece_count] = octets + c->lengths[varying];
	return places;
}

/* Notes which name of the batch is which of the group, so that the next rows need not compare them. */
static bool same_field(struct group_compare *c, const struct structure_field *field, const struct batch_value *value)
{
	if (value->type != field->type || !slice_equal(c->group->names[field->name], batch_name(c->batch, value->name)))
		return false;
	c->names[field->name] = value->name;
	return true;
}

static bool same_fields_slowly(struct group_compare *c, const struct group_template *t, const struct batch_row *row)
{
	const uint32_t *places = find_places(c, t), *small = t->smalls;
	for (uint32_t i = 0; i < row->field_count; i++) {
		const struct structure_field *field = &t->structure->fields[i];
		struct batch_value value;
		batch_get_value(c->batch, row, row->field_first + i, &value);
		if (!same_field(c, field, &value) || (value.type == VALUE_SMALL && value.small != *small++))
			return false;
		if (!has_text(value.type))
			continue;
		uint32_t from = places[field->first], to = places[field->first + field->count];
		if (value.text.ptr != row->text.ptr + from || value.text.len != to - from)
			return false;
	}
	return true;
}

int group_compare_next(struct group_compare *c, const struct batch *batch, const struct batch_row *row)
{
	struct group *g = c->group;
	CHECK(g->row < g->from.rows);
	const struct group_template *from = &g->templates[g->template_codes[g->row]];
	const struct compare_template *t = template_of(c, g->template_codes[g->row]);
	if (!t)
		return -ERROR_MEMORY;
	if (c->batch != batch && !turn_to(c, batch))
		return -ERROR_MEMORY;
	bool same = from->structure->field_count == row->field_count && same_text(c, t, row->text) &&
				t->original + c->lengths[t->structure->original] == row->original.len &&
				((row->text.len <= UINT16_MAX && same_short_fields(c, t, row)) || same_fields_slowly(c, from, row));
	g->row++;
	return same;
}
