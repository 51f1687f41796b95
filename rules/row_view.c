#include "rules/row_view.h"

#define SCRATCH_BYTES 262144u
#define SEARCHES_BARE 16u /* of a value, before its pairs are noted */
#define PAIR_PLACES_MAX 65536u

int row_view_init(struct row_view *v, const struct env *env, const struct dictionary *fields)
{
	*v = (struct row_view){.env = env, .fields = fields};
	arena_init(&v->scratch, env, SCRATCH_BYTES);
	v->slots = env_zalloc(env, fields->count * sizeof *v->slots);
	return v->slots ? 0 : -ERROR_MEMORY;
}

void row_view_free(struct row_view *v)
{
	if (!v->env)
		return;
	env_free(v->env, v->bound);
	env_free(v->env, v->slots);
	env_free(v->env, v->links);
	env_free(v->env, v->values);
	env_free(v->env, v->texts);
	env_free(v->env, v->shapes);
	env_free(v->env, v->shape_fields);
	arena_free(&v->scratch);
}

static bool room_for(const struct env *env, void *array, uint32_t *room, uint32_t need, size_t size)
{
	void **p = array;
	if (need <= *room)
		return true;
	uint32_t wanted = *room ? *room : 64;
	while (wanted < need)
		wanted *= 2;
	void *grown = env_resize(env, *p, wanted * size);
	if (!grown)
		return false;
	*p = grown;
	*room = wanted;
	return true;
}

/* ---- entering ---- */

int row_view_bind_new(struct row_view *v, const struct batch *batch, uint64_t sum)
{
	v->batch_ptr = NULL;
	v->entered = false;
	if (!room_for(v->env, &v->bound, &v->bound_room, batch->name_count + 1, sizeof *v->bound))
		return -ERROR_MEMORY;
	/* without interning the dictionary is only read, so evaluators may share it */
	batch_bind(batch, (struct dictionary *)(uintptr_t)v->fields, false, v->bound);
	v->shape_field_count = 0;
	if (++v->batch_stamp == 0) { /* once in 2^32 batches */
		memset(v->shapes, 0, v->shape_room * sizeof *v->shapes);
		v->batch_stamp = 1;
	}
	v->batch_ptr = batch->octets.ptr;
	v->batch_len = batch->octets.len;
	v->batch_sum = sum;
	return 0;
}

static void next_stamp(struct row_view *v)
{
	if (++v->stamp)
		return;
	for (uint32_t i = 0; i < v->fields->count; i++) /* once in 2^32 rows */
		v->slots[i].stamp = 0;
	v->stamp = 1;
}

static void view_value_init(struct view_value *x, const struct batch_value *value)
{
	x->value = *value;
	x->has_folded = x->has_number = x->has_address = false;
	x->text = value->type == VALUE_SMALL ? batch_value_text(value, x->small) : value->text;
	if (!x->text.ptr)
		x->text.ptr = (const uint8_t *)""; /* so that the library may be asked about empty texts */
}

void row_view_read(struct row_view *v, uint32_t at)
{
	struct batch_value value;
	batch_get_value(v->batch, &v->row, v->links[at].index, &value);
	view_value_init(&v->values[at], &value);
	v->links[at].index = NO_VALUE;
}

static void add_value(struct row_view *v, uint32_t field, uint32_t at, uint32_t index)
{
	struct view_slot *slot = &v->slots[field];
	v->links[at] = (struct view_link){index, NO_VALUE};
	if (slot->stamp == v->stamp)
		v->links[slot->last].next = at;
	else
		*slot = (struct view_slot){v->stamp, at, at};
	slot->last = at;
}

/* Null: no memory. The first row of a shape in its batch writes down what the others will look at. */
static const struct view_shape *shape_of(struct row_view *v, const struct batch_row *row)
{
	uint32_t before = v->shape_room;
	if (!room_for(v->env, &v->shapes, &v->shape_room, row->shape + 1u, sizeof *v->shapes))
		return NULL;
	memset(v->shapes + before, 0, (v->shape_room - before) * sizeof *v->shapes);
	struct view_shape *s = &v->shapes[row->shape];
	if (s->stamp == v->batch_stamp)
		return s;
	if (!room_for(v->env, &v->shape_fields, &v->shape_field_room, v->shape_field_count + row->field_count,
				  sizeof *v->shape_fields))
		return NULL;
	*s = (struct view_shape){v->batch_stamp, v->shape_field_count, 0};
	for (uint32_t at = 0; at < row->field_count; at++) {
		uint32_t field = v->bound[batch_value_name(row, row->field_first + at)];
		if (field != DICTIONARY_NONE)
			v->shape_fields[s->first + s->count++] = (struct view_field){field, at};
	}
	v->shape_field_count += s->count;
	return s;
}

/* Where the values of the row are. */
static bool add_values(struct row_view *v, const struct batch_row *row)
{
	const struct view_shape *s = shape_of(v, row);
	for (uint32_t i = 0; s && i < s->count; i++) {
		struct view_field f = v->shape_fields[s->first + i];
		add_value(v, f.field, i, row->field_first + f.at);
	}
	return s != NULL;
}

static bool is_current(const struct row_view *v, const struct batch_row *row)
{
	return v->entered && v->row.field_first == row->field_first && v->row.field_count == row->field_count &&
		   v->row.text.ptr == row->text.ptr && v->row.text.len == row->text.len;
}

int row_view_enter(struct row_view *v, const struct batch *batch, const struct batch_row *row, bool *rebound)
{
	int rc = row_view_bind(v, batch, rebound);
	v->batch = batch;
	if (rc || (!v->failed && is_current(v, row)))
		return rc;
	v->entered = false;
	next_stamp(v);
	if (!room_for(v->env, &v->links, &v->link_room, row->field_count, sizeof *v->links) ||
		!room_for(v->env, &v->values, &v->value_room, row->field_count, sizeof *v->values) || !add_values(v, row)) {
		v->batch_ptr = NULL;
		return -ERROR_MEMORY;
	}
	arena_reset(&v->scratch);
	v->row = *row;
	v->text_count = 0;
	v->has_texts = v->failed = false;
	v->entered = true;
	return 0;
}

/* ---- what values are made into ---- */

struct slice view_folded(struct row_view *v, struct view_value *x)
{
	if (x->has_folded)
		return x->folded;
	uint8_t *room = arena_alloc(&v->scratch, FOLD_ROOM(x->text.len));
	if (!room) {
		v->failed = true;
		return SLICE_NONE;
	}
	x->folded = slice_of(room, fold(x->text, room));
	x->has_folded = true;
	x->searches = 0;
	pattern_text_ends(&x->hinted, x->folded);
	return x->folded;
}

/* Where a value is searched again and again, the pairs of octets that it has are written down once: a bit in eight is set at
 * most, unless the value is very long. Without memory for it nothing is wrong. */
static void note_pairs(struct row_view *v, struct view_value *x)
{
	uint32_t places = 512;
	while (places < 8 * x->folded.len && places < PAIR_PLACES_MAX)
		places *= 2;
	uint64_t *bits = arena_zalloc(&v->scratch, places / 8);
	if (bits)
		pattern_text_pairs(&x->hinted, x->folded, bits, places - 1);
}

bool view_matches(struct row_view *v, struct view_value *x, const struct pattern *p)
{
	struct slice folded = view_folded(v, x);
	if (!v->plain && !pattern_may(p, &x->hinted))
		return false;
	v->tests++;
	if (!v->plain && p->hint.pair_count && ++x->searches == SEARCHES_BARE)
		note_pairs(v, x);
	return pattern_match(p, folded);
}

const struct number *view_number(struct view_value *x)
{
	if (!x->has_number) {
		x->has_number = true;
		x->number = x->value.type == VALUE_BOOL || x->value.type == VALUE_NULL ? (struct number){.type = NUMBER_NONE}
																			   : number_parse(x->text);
	}
	return &x->number;
}

bool view_address(struct view_value *x, const uint8_t **address)
{
	if (!x->has_address) {
		x->has_address = true;
		x->is_address = address_parse(x->text, x->address);
	}
	*address = x->address;
	return x->is_address;
}

/* ---- keywords ---- */

static int add_text(struct row_view *v, const struct batch_value *value)
{
	if (!room_for(v->env, &v->texts, &v->text_room, v->text_count + 1, sizeof *v->texts))
		return -ERROR_MEMORY;
	view_value_init(&v->texts[v->text_count++], value);
	return 0;
}

static int structured_texts(struct row_view *v)
{
	for (uint32_t i = 0; i < v->row.field_count; i++) {
		struct batch_value value;
		batch_get_value(v->batch, &v->row, v->row.field_first + i, &value);
		bool string = value.type == VALUE_STRING || value.type == VALUE_ADDRESS || value.type == VALUE_TIME;
		if (string && add_text(v, &value))
			return -ERROR_MEMORY;
	}
	return 0;
}

static int message_texts(struct row_view *v)
{
	const struct view_slot *slot = &v->slots[FIELD_MESSAGE];
	struct batch_value whole = {.type = VALUE_STRING, .text = v->row.original};
	if (slot->stamp != v->stamp)
		return add_text(v, &whole);
	for (uint32_t at = slot->first; at != NO_VALUE; at = v->links[at].next)
		if (add_text(v, &row_view_value(v, at)->value))
			return -ERROR_MEMORY;
	return 0;
}

int row_view_texts(struct row_view *v)
{
	if (v->has_texts)
		return 0;
	bool structured = v->row.format == FORMAT_JSON || v->row.format == FORMAT_CEF || v->row.format == FORMAT_LEEF;
	int rc = structured ? structured_texts(v) : message_texts(v);
	v->has_texts = rc == 0;
	return rc;
}
