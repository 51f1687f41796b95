/* Taking in rows. What is taken of a row follows from its shape and its route: that is worked out once for a batch, as
 * steps. Most values of a batch come again and again: by their length and ends a memo knows them without a hash of all of
 * them. What keywords are looked for in is mostly the message alone, where it holds the other values.
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

/* Whether a literal that is found in a part of a text is found in the whole of it, too: in all columns of texts. */
static bool texts_are_bare(const struct gather *g, const struct route *route)
{
	for (uint32_t i = 0; i < route->text_count; i++)
		if (!g->columns->list[route->texts[i]].bare)
			return false;
	return route->text_count > 0;
}

/* A field makes two steps at most. Of a structured body the message is all of it: as loose as that of a plain line. */
static bool add_steps(struct gather *g, const struct route *route, const uint32_t *names, const uint32_t *bound,
					  const struct batch_row *row, struct gather_shape *s)
{
	bool structured = is_structured(row), any = route->text_count > 0, message = false;
	if (!gather_room_for(g->env, &g->steps, &g->step_room, g->step_count + 2 * row->field_count + 1, sizeof *g->steps))
		return false;
	for (uint32_t at = 0; at < row->field_count; at++) {
		uint16_t name = batch_value_name(row, row->field_first + at);
		uint8_t type = batch_value_type(row, row->field_first + at);
		bool is_message = any && bound[name] == FIELD_MESSAGE;
		struct gather_step step = {.at = at,
								   .kind = kind_of(get_u16(row->shape_fields + (size_t)at * 4 + 2)),
								   .texts = structured ? any && is_text(type) : is_message,
								   .is_loose = is_message && !(structured && message)};
		if (step.is_loose && step.texts && structured && texts_are_bare(g, route))
			s->message = at;
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
	*s = (struct gather_shape){
		.route = route->number, .first = g->step_count, .message = GATHER_END, .is_structured = is_structured(row)};
	if (!add_steps(g, route, names, bound, row, s))
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

static inline struct slice text_at(const struct batch *batch, const struct batch_row *row, uint32_t at, uint8_t kind)
{
	uint32_t place = get_u32(batch->places + (row->field_first + (size_t)at) * 4);
	struct batch_value value;
	if (kind == GATHER_SHORT)
		return slice_of(row->text.ptr + (place & UINT16_MAX), place >> 16);
	batch_get_value(batch, row, row->field_first + at, &value);
	return value.text;
}

/* GATHER_END: no memory. */
static uint32_t small_value(struct gather *g, const struct batch *batch, const struct batch_row *row, uint32_t at)
{
	struct batch_value value;
	batch_get_value(batch, row, row->field_first + at, &value);
	struct gather_value v = {.is_small = true, .small = value.small};
	return gather_find(g, &v);
}

static inline bool continues(uint8_t octet)
{
	return (octet & 0xc0) == 0x80;
}

/* Whether the text is a part of the message, of whole characters, so that it is folded in there as it is by itself: what is
 * found in it is found in the message. */
static inline bool is_part(struct slice text, struct slice message)
{
	uintptr_t at = (uintptr_t)text.ptr - (uintptr_t)message.ptr;
	if (at > message.len || text.len > message.len - at)
		return false;
	return text.len == 0 ||
		   (!continues(text.ptr[0]) && (at + text.len == message.len || !continues(text.ptr[text.len])));
}

static bool put_texts(struct gather *g, const struct route *route, uint32_t value)
{
	add_entry(g, value, GATHER_TEXTS);
	for (uint32_t i = 0; i < route->text_count; i++)
		if (!put_into(g, value, route->texts[i]))
			return false;
	return true;
}

/* Into a column of its field, into the columns of texts, or both. What stands in `message` is looked for there. */
static bool take(struct gather *g, const struct route *route, const struct gather_step *step, const struct batch *batch,
				 const struct batch_row *row, struct slice message)
{
	if (step->at == STEP_PRESENT) {
		add_entry(g, GATHER_END, step->column);
		return true;
	}
	struct slice text = step->at == STEP_WHOLE       ? row->original
						: step->kind == GATHER_SMALL ? SLICE_NONE
													 : text_at(batch, row, step->at, step->kind);
	bool texts = step->texts && (step->is_loose || message.len == 0 || !is_part(text, message));
	if (!texts && step->column == COLUMN_NONE)
		return true;
	uint32_t value = step->kind == GATHER_SMALL ? small_value(g, batch, row, step->at)
					 : step->is_loose           ? new_value(g, text, true)
												: known_value(g, text);
	if (value == GATHER_END)
		return false;
	if (step->column != COLUMN_NONE) {
		add_entry(g, value, step->column);
		if (!put_into(g, value, step->column))
			return false;
	}
	return !texts || put_texts(g, route, value);
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
	struct slice message = SLICE_NONE;
	if (shape->message != GATHER_END)
		message = text_at(batch, row, shape->message, GATHER_OTHER);
	for (uint32_t i = 0; i < shape->count; i++)
		if (!take(g, route, &g->steps[shape->first + i], batch, row, message))
			return -ERROR_MEMORY;
	return 0;
}
