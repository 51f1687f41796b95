/* Taking in rows. What is taken of a row follows from its shape and its route: that is worked out once for a batch, as
 * steps. Each step remembers the value that the row before had, since most lines of one kind agree in most of their fields.
 *
 * Messages are loose: hardly two are the same, and looking for one costs more than searching it once more.
 */
#include "rules/gather.h"

#include "common/check.h"

#define STEP_PRESENT (UINT32_MAX - 1) /* that the field is there */
#define STEP_WHOLE UINT32_MAX /* the row as it came */

/* ---- steps ---- */

/* The texts of row_view_texts: of a structured body every string, else what is named message, else all of it. */
static bool is_structured(const struct batch_row *row)
{
	return row->format == FORMAT_JSON || row->format == FORMAT_CEF || row->format == FORMAT_LEEF;
}

static bool is_text(uint8_t type)
{
	return type == VALUE_STRING || type == VALUE_ADDRESS || type == VALUE_TIME;
}

static bool add_step(struct gather *g, uint32_t at, uint32_t column, bool texts, bool loose)
{
	if (!GATHER_ROOM(g, steps, step))
		return false;
	g->steps[g->step_count++] = (struct gather_step){at, column, GATHER_END, texts, loose};
	return true;
}

/* `texts`: a text in any case, whatever its type. */
static bool add_field(struct gather *g, const struct route *route, uint32_t field, uint32_t at, uint8_t type,
					  bool texts, bool loose)
{
	const struct route_field *f = field == DICTIONARY_NONE ? NULL : &route->fields[field];
	uint32_t column = f && type != VALUE_NULL ? f->column : COLUMN_NONE;
	if (f && f->present && !add_step(g, STEP_PRESENT, g->columns->of_field[field], false, false))
		return false;
	return (column == COLUMN_NONE && !texts) || add_step(g, at, column, texts, loose);
}

static bool add_steps(struct gather *g, const struct route *route, const uint32_t *names, const uint32_t *bound,
					  const struct batch_row *row)
{
	bool structured = is_structured(row), any = route->text_count > 0, message = false;
	for (uint32_t at = 0; at < row->field_count; at++) {
		uint16_t name = batch_value_name(row, row->field_first + at);
		uint8_t type = batch_value_type(row, row->field_first + at);
		bool is_message = any && !structured && bound[name] == FIELD_MESSAGE;
		bool texts = is_message || (any && structured && is_text(type));
		message |= is_message;
		if (!add_field(g, route, names[name], at, type, texts, is_message))
			return false;
	}
	return !any || structured || message || add_step(g, STEP_WHOLE, COLUMN_NONE, true, true);
}

static bool grow_shapes(struct gather *g, uint32_t need)
{
	uint32_t room = g->shape_room ? g->shape_room : 64;
	while (room < need)
		room *= 2;
	struct gather_shape *shapes = env_resize(g->env, g->shapes, room * sizeof *shapes);
	if (!shapes)
		return false;
	memset(shapes + g->shape_room, 0, (room - g->shape_room) * sizeof *shapes);
	g->shapes = shapes;
	g->shape_room = room;
	return true;
}

/* Null: no memory. */
static const struct gather_shape *shape_of(struct gather *g, const struct route *route, const uint32_t *names,
										   const uint32_t *bound, const struct batch_row *row)
{
	if (row->shape >= g->shape_room && !grow_shapes(g, row->shape + 1u))
		return NULL;
	struct gather_shape *s = &g->shapes[row->shape];
	if (s->stamp == g->stamp && s->route == route->number && s->is_structured == is_structured(row))
		return s;
	*s = (struct gather_shape){route->number, 0, g->step_count, 0, is_structured(row)};
	if (!add_steps(g, route, names, bound, row))
		return NULL;
	s->count = g->step_count - s->first;
	s->stamp = g->stamp;
	return s;
}

/* ---- values ---- */

static bool add_entry(struct gather *g, uint32_t value, uint32_t column)
{
	if (!GATHER_ROOM(g, entries, entry))
		return false;
	g->entries[g->entry_count++] = (struct gather_entry){value, column};
	return true;
}

/* Puts a value into a column where it is not yet. */
static bool put_into(struct gather *g, uint32_t value, uint32_t column)
{
	uint64_t *bits = &g->value_columns[(size_t)value * g->words + column / 64], bit = UINT64_C(1) << column % 64;
	if (*bits & bit)
		return true;
	if (!GATHER_ROOM(g, links, link))
		return false;
	if (g->heads[column] == GATHER_END)
		g->touched[g->touched_count++] = column;
	*bits |= bit;
	g->links[g->link_count] = (struct gather_link){value, g->heads[column]};
	g->heads[column] = g->link_count++;
	return true;
}

/* Into a column of its field, into the columns of texts, or both. */
static bool put_value(struct gather *g, const struct route *route, struct gather_step *step, struct gather_value *v)
{
	v->is_loose = step->is_loose;
	uint32_t value = step->is_loose ? gather_add(g, v) : gather_find(g, v);
	if (value == GATHER_END || (step->column != COLUMN_NONE && !put_into(g, value, step->column)))
		return false;
	for (uint32_t i = 0; step->texts && i < route->text_count; i++)
		if (!put_into(g, value, route->texts[i]))
			return false;
	step->last = value;
	return true;
}

static bool take(struct gather *g, const struct route *route, struct gather_step *step, const struct batch *batch,
				 const struct batch_row *row)
{
	struct gather_value v = {.text = row->original};
	struct batch_value value;
	if (step->at == STEP_PRESENT)
		return add_entry(g, GATHER_END, step->column);
	if (step->at != STEP_WHOLE) {
		batch_get_value(batch, row, row->field_first + step->at, &value);
		v = (struct gather_value){.text = value.text, .small = value.small, .is_small = value.type == VALUE_SMALL};
	}
	bool again = step->last != GATHER_END && gather_same(&g->values[step->last], &v);
	if (!again && !put_value(g, route, step, &v))
		return false;
	if (step->column != COLUMN_NONE && !add_entry(g, step->last, step->column))
		return false;
	return !step->texts || add_entry(g, step->last, GATHER_TEXTS);
}

/* ---- rows ---- */

static int begin_row(struct gather *g)
{
	if (!GATHER_ROOM(g, rows, row))
		return -ERROR_MEMORY;
	g->rows[g->row_count++] = g->entry_count;
	return 0;
}

int gather_no_row(struct gather *g)
{
	return begin_row(g);
}

int gather_row(struct gather *g, const struct route *route, const uint32_t *names, const uint32_t *bound,
			   const struct batch *batch, const struct batch_row *row)
{
	const struct gather_shape *shape = shape_of(g, route, names, bound, row);
	if (!shape || begin_row(g))
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < shape->count; i++)
		if (!take(g, route, &g->steps[shape->first + i], batch, row))
			return -ERROR_MEMORY;
	return 0;
}
