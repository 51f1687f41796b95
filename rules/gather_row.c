/* Taking in rows. What is taken of a row follows from its shape and its route: that is worked out once for a batch, as
 * steps. Most values of a batch come again and again: by their length and ends a memo knows them without a hash of all of
 * them.
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

/* What a field of this type and these flags is to value_of. */
static uint8_t kind_of(uint16_t type_and_flags)
{
	if (batch_octets_short((uint64_t)type_and_flags << 16))
		return GATHER_SHORT;
	return type_and_flags == VALUE_SMALL ? GATHER_SMALL : GATHER_OTHER;
}

/* Room was made (add_steps). */
static inline void add_step(struct gather *g, struct gather_step step)
{
	g->steps[g->step_count++] = step;
}

/* `step` says all but the columns. Its texts: a text in any case, whatever its type. */
static inline void add_field(struct gather *g, const struct route *route, uint32_t field, uint8_t type,
							 struct gather_step step)
{
	const struct route_field *f = field == DICTIONARY_NONE ? NULL : &route->fields[field];
	step.column = f && type != VALUE_NULL ? f->column : COLUMN_NONE;
	if (f && f->present)
		add_step(g, (struct gather_step){.at = STEP_PRESENT, .column = g->columns->of_field[field]});
	if (step.column != COLUMN_NONE || step.texts)
		add_step(g, step);
}

/* A field makes two steps at most. */
static bool add_steps(struct gather *g, const struct route *route, const uint32_t *names, const uint32_t *bound,
					  const struct batch_row *row)
{
	bool structured = is_structured(row), any = route->text_count > 0, message = false;
	if (!gather_room_for(g->env, &g->steps, &g->step_room, g->step_count + 2 * row->field_count + 1, sizeof *g->steps))
		return false;
	for (uint32_t at = 0; at < row->field_count; at++) {
		uint16_t name = batch_value_name(row, row->field_first + at);
		uint8_t type = batch_value_type(row, row->field_first + at);
		bool is_message = any && !structured && bound[name] == FIELD_MESSAGE;
		struct gather_step step = {.at = at,
								   .kind = kind_of(get_u16(row->shape_fields + (size_t)at * 4 + 2)),
								   .texts = is_message || (any && structured && is_text(type)),
								   .is_loose = is_message};
		message |= is_message;
		add_field(g, route, names[name], type, step);
	}
	if (any && !structured && !message)
		add_step(g, (struct gather_step){.at = STEP_WHOLE, .column = COLUMN_NONE, .texts = true, .is_loose = true});
	return true;
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

/* Room was made (begin_row). */
static inline void add_entry(struct gather *g, uint32_t value, uint32_t column)
{
	g->entries[g->entry_count++] = (struct gather_entry){value, column};
}

static __attribute__((noinline)) bool link_into(struct gather *g, uint32_t value, uint32_t column)
{
	if (!GATHER_ROOM(g, links, link))
		return false;
	if (g->heads[column] == GATHER_END)
		g->touched[g->touched_count++] = column;
	g->links[g->link_count] = (struct gather_link){value, g->heads[column]};
	g->heads[column] = g->link_count++;
	return true;
}

/* Puts a value into a column where it is not yet. */
static inline bool put_into(struct gather *g, uint32_t value, uint32_t column)
{
	uint64_t *bits = &g->value_columns[(size_t)value * g->words + column / 64], bit = UINT64_C(1) << column % 64;
	bool is_there = (*bits & bit) != 0;
	*bits |= bit;
	return is_there || link_into(g, value, column);
}

static uint32_t new_value(struct gather *g, struct slice text, bool loose)
{
	struct gather_value v = {.text = text, .is_loose = loose};
	return loose ? gather_add(g, &v) : gather_find(g, &v);
}

/* The number of a value that may have come before. */
static uint32_t known_value(struct gather *g, struct slice text)
{
	uint64_t head = slice_head(text), tail = text.len > 8 ? slice_head(slice_from(text, text.len - 8)) : 0;
	uint64_t hash = (head ^ text.len) * UINT64_C(0x9e3779b97f4a7c15) ^ tail * UINT64_C(0xc2b2ae3d27d4eb4f);
	struct gather_memo *m = &g->memos[(hash ^ hash >> 32) % GATHER_MEMOS];
	if (m->stamp == g->stamp && m->head == head && m->tail == tail && m->len == text.len &&
		(text.len <= 16 || memcmp(g->values[m->value].text.ptr, text.ptr, text.len) == 0))
		return m->value;
	uint32_t value = new_value(g, text, false);
	if (value != GATHER_END)
		*m = (struct gather_memo){head, tail, text.len, value, g->stamp};
	return value;
}

/* GATHER_END: no memory. */
static uint32_t value_of(struct gather *g, const struct gather_step *step, const struct batch *batch,
						 const struct batch_row *row)
{
	const uint8_t *at = batch->places + (row->field_first + (size_t)step->at) * 4;
	struct batch_value value;
	if (step->at == STEP_WHOLE)
		return new_value(g, row->original, true);
	if (step->kind == GATHER_SMALL) {
		struct gather_value small = {.is_small = true, .small = get_u32(at)};
		return gather_find(g, &small);
	}
	struct slice text = slice_of(row->text.ptr + (get_u32(at) & UINT16_MAX), get_u32(at) >> 16);
	if (step->kind == GATHER_OTHER) {
		batch_get_value(batch, row, row->field_first + step->at, &value);
		text = value.text;
	}
	return step->is_loose ? new_value(g, text, true) : known_value(g, text);
}

/* Into a column of its field, into the columns of texts, or both. */
static bool take(struct gather *g, const struct route *route, const struct gather_step *step, const struct batch *batch,
				 const struct batch_row *row)
{
	if (step->at == STEP_PRESENT) {
		add_entry(g, GATHER_END, step->column);
		return true;
	}
	uint32_t value = value_of(g, step, batch, row);
	if (value == GATHER_END)
		return false;
	if (step->column != COLUMN_NONE) {
		add_entry(g, value, step->column);
		if (!put_into(g, value, step->column))
			return false;
	}
	for (uint32_t i = 0; step->texts && i < route->text_count; i++)
		if (!put_into(g, value, route->texts[i]))
			return false;
	if (step->texts)
		add_entry(g, value, GATHER_TEXTS);
	return true;
}

/* ---- rows ---- */

/* A row of so many steps: each adds two entries at most. */
static int begin_row(struct gather *g, uint32_t steps)
{
	if (!GATHER_ROOM(g, rows, row) ||
		!gather_room_for(g->env, &g->entries, &g->entry_room, g->entry_count + 2 * steps, sizeof *g->entries))
		return -ERROR_MEMORY;
	g->rows[g->row_count++] = g->entry_count;
	return 0;
}

int gather_no_row(struct gather *g)
{
	return begin_row(g, 0);
}

int gather_row(struct gather *g, const struct route *route, const uint32_t *names, const uint32_t *bound,
			   const struct batch *batch, const struct batch_row *row)
{
	const struct gather_shape *shape = shape_of(g, route, names, bound, row);
	if (!shape || begin_row(g, shape->count))
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < shape->count; i++)
		if (!take(g, route, &g->steps[shape->first + i], batch, row))
			return -ERROR_MEMORY;
	return 0;
}
