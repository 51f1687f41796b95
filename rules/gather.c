#include "rules/gather.h"

#include "common/check.h"
#include "common/digest.h"

#define SLOTS_MIN 256u

int gather_init(struct gather *g, const struct env *env, const struct columns *columns)
{
	uint32_t n = columns->count + 1;
	*g = (struct gather){.env = env, .columns = columns, .slot_mask = SLOTS_MIN - 1, .serial = 1, .words = n / 64 + 1};
	if (env->random.fill(env->random.ctx, &g->seed, sizeof g->seed) < 0)
		g->seed = UINT64_C(0x9e3779b97f4a7c15); /* only guards against chosen collisions, and octets are compared */
	buffer_init(&g->text, env);
	g->heads = env_alloc(env, n * sizeof *g->heads);
	g->touched = env_alloc(env, n * sizeof *g->touched);
	g->last = env_zalloc(env, (columns->literal_count + 1) * sizeof *g->last);
	g->slots = env_zalloc(env, SLOTS_MIN * sizeof *g->slots);
	if (!g->heads || !g->touched || !g->last || !g->slots)
		return -ERROR_MEMORY;
	memset(g->heads, 0xff, n * sizeof *g->heads);
	for (uint32_t i = 0; i < columns->count; i++)
		if (columns->list[i].literals && literal_scratch_fit(&g->scratch, columns->list[i].literals))
			return -ERROR_MEMORY;
	return 0;
}

void gather_free(struct gather *g)
{
	if (!g->env)
		return;
	literal_scratch_free(g->scratch);
	buffer_free(&g->text);
	env_free(g->env, g->heads);
	env_free(g->env, g->touched);
	env_free(g->env, g->last);
	env_free(g->env, g->slots);
	env_free(g->env, g->values);
	env_free(g->env, g->value_hits);
	env_free(g->env, g->value_columns);
	env_free(g->env, g->links);
	env_free(g->env, g->hits);
	env_free(g->env, g->entries);
	env_free(g->env, g->rows);
	env_free(g->env, g->ends);
}

bool gather_room_for(const struct env *env, void *array, uint32_t *room, uint32_t count, size_t size)
{
	void **p = array;
	if (count < *room)
		return true;
	uint32_t wanted = *room ? 2 * *room : 256;
	void *grown = env_resize(env, *p, wanted * size);
	if (!grown)
		return false;
	*p = grown;
	*room = wanted;
	return true;
}
#define ROOM(g, array, what) \
	gather_room_for((g)->env, &(g)->array, &(g)->what##_room, (g)->what##_count, sizeof *(g)->array)

static void forget_columns(struct gather *g)
{
	for (uint32_t i = 0; i < g->touched_count; i++)
		g->heads[g->touched[i]] = GATHER_END;
	g->touched_count = 0;
}

void gather_begin(struct gather *g)
{
	forget_columns(g);
	if (g->serial > UINT32_MAX / 2) {
		memset(g->last, 0, g->columns->literal_count * sizeof *g->last);
		g->serial = 1;
	}
	g->serial += g->value_count;
	g->value_count = g->link_count = g->hit_count = g->entry_count = g->row_count = 0;
	g->failed = false;
	if (++g->stamp == 0) { /* once in 2^32 batches */
		memset(g->slots, 0, (g->slot_mask + (size_t)1) * sizeof *g->slots);
		g->stamp = 1;
	}
}

/* ---- values ---- */

static uint32_t *free_slot(struct gather *g, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & g->slot_mask;
	while (g->slots[at].stamp == g->stamp)
		at = (at + 1) & g->slot_mask;
	g->slots[at].stamp = g->stamp;
	return &g->slots[at].value;
}

static bool grow_slots(struct gather *g)
{
	size_t size = 2 * (g->slot_mask + (size_t)1);
	struct gather_slot *slots = env_zalloc(g->env, size * sizeof *slots);
	if (!slots)
		return false;
	env_free(g->env, g->slots);
	g->slots = slots;
	g->slot_mask = (uint32_t)(size - 1);
	for (uint32_t i = 0; i < g->value_count; i++)
		*free_slot(g, g->values[i].hash) = i;
	return true;
}

static bool same_value(const struct gather_value *a, const struct gather_value *b)
{
	if (a->hash != b->hash || a->is_small != b->is_small)
		return false;
	return a->is_small ? a->small == b->small : slice_equal(a->text, b->text);
}

/* The three arrays of values grow together. */
static bool grow_values(struct gather *g)
{
	uint32_t room = g->value_room ? 2 * g->value_room : 256;
	struct gather_value *values = env_resize(g->env, g->values, room * sizeof *values);
	if (values)
		g->values = values;
	uint32_t *hits = values ? env_resize(g->env, g->value_hits, room * sizeof *hits) : NULL;
	if (hits)
		g->value_hits = hits;
	uint64_t *columns = hits ? env_resize(g->env, g->value_columns, room * g->words * sizeof *columns) : NULL;
	if (!columns)
		return false;
	g->value_columns = columns;
	g->value_room = room;
	return true;
}

/* GATHER_END: no memory. */
static uint32_t add_value(struct gather *g, const struct gather_value *v)
{
	if (2 * (g->value_count + 1) > g->slot_mask && !grow_slots(g))
		return GATHER_END;
	if (g->value_count == g->value_room && !grow_values(g))
		return GATHER_END;
	*free_slot(g, v->hash) = g->value_count;
	g->values[g->value_count] = *v;
	g->value_hits[g->value_count] = GATHER_END;
	memset(g->value_columns + (size_t)g->value_count * g->words, 0, g->words * sizeof *g->value_columns);
	return g->value_count++;
}

static uint32_t find_value(struct gather *g, const struct batch_value *value)
{
	struct gather_value v = {.text = value->text, .is_small = value->type == VALUE_SMALL, .small = value->small};
	v.hash = v.is_small ? (g->seed ^ v.small) * UINT64_C(0xbf58476d1ce4e5b9) : xxh3_seeded(v.text, g->seed);
	v.hash ^= v.hash >> 32;
	for (uint32_t at = (uint32_t)v.hash & g->slot_mask; g->slots[at].stamp == g->stamp; at = (at + 1) & g->slot_mask)
		if (same_value(&g->values[g->slots[at].value], &v))
			return g->slots[at].value;
	return add_value(g, &v);
}

/* ---- rows ---- */

static int add_entry(struct gather *g, uint32_t value, uint32_t column)
{
	if (!ROOM(g, entries, entry))
		return -ERROR_MEMORY;
	g->entries[g->entry_count++] = (struct gather_entry){value, column};
	return 0;
}

/* Puts a value into a column where it is not yet. */
static int put_into(struct gather *g, uint32_t value, uint32_t column)
{
	uint64_t *bits = &g->value_columns[(size_t)value * g->words + column / 64], bit = UINT64_C(1) << column % 64;
	if (*bits & bit)
		return 0;
	if (!ROOM(g, links, link))
		return -ERROR_MEMORY;
	if (g->heads[column] == GATHER_END)
		g->touched[g->touched_count++] = column;
	*bits |= bit;
	g->links[g->link_count] = (struct gather_link){value, g->heads[column]};
	g->heads[column] = g->link_count++;
	return 0;
}

/* What is in a column of its field, in the columns of texts, or both. */
static int take_value(struct gather *g, const struct route *route, uint32_t column, bool text,
					  const struct batch_value *value)
{
	uint32_t v = find_value(g, value);
	if (v == GATHER_END)
		return -ERROR_MEMORY;
	if (column != COLUMN_NONE && (put_into(g, v, column) || add_entry(g, v, column)))
		return -ERROR_MEMORY;
	for (uint32_t i = 0; text && i < route->text_count; i++)
		if (put_into(g, v, route->texts[i]))
			return -ERROR_MEMORY;
	return text ? add_entry(g, v, GATHER_TEXTS) : 0;
}

/* The texts of row_view_texts: of a structured body every string, else what is named message, else all of it. */
static bool is_structured(const struct batch_row *row)
{
	return row->format == FORMAT_JSON || row->format == FORMAT_CEF || row->format == FORMAT_LEEF;
}

static bool is_text(const struct batch_value *value)
{
	return value->type == VALUE_STRING || value->type == VALUE_ADDRESS || value->type == VALUE_TIME;
}

static int take_field(struct gather *g, const struct route *route, uint32_t field, bool texts,
					  const struct batch *batch, const struct batch_row *row, uint32_t index)
{
	struct batch_value value;
	const struct route_field *f = field == DICTIONARY_NONE ? NULL : &route->fields[field];
	uint32_t column = f ? f->column : COLUMN_NONE;
	if (f && f->present && add_entry(g, GATHER_END, g->columns->of_field[field]))
		return -ERROR_MEMORY;
	if (column == COLUMN_NONE && !texts)
		return 0;
	batch_get_value(batch, row, index, &value);
	texts = texts && is_text(&value);
	if (value.type == VALUE_NULL || (column == COLUMN_NONE && !texts))
		return 0;
	return take_value(g, route, column, texts, &value);
}

static int message_texts(struct gather *g, const struct route *route, const uint32_t *bound, const struct batch *batch,
						 const struct batch_row *row)
{
	bool message = false;
	struct batch_value value;
	for (uint32_t i = row->field_first; i < row->field_first + row->field_count; i++) {
		if (bound[batch_value_name(row, i)] != FIELD_MESSAGE)
			continue;
		message = true;
		batch_get_value(batch, row, i, &value);
		if (take_value(g, route, COLUMN_NONE, true, &value))
			return -ERROR_MEMORY;
	}
	value = (struct batch_value){.type = VALUE_STRING, .text = row->original};
	return message ? 0 : take_value(g, route, COLUMN_NONE, true, &value);
}

static int begin_row(struct gather *g)
{
	if (!ROOM(g, rows, row))
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
	bool structured = route->text_count && is_structured(row);
	if (begin_row(g))
		return -ERROR_MEMORY;
	for (uint32_t i = row->field_first; i < row->field_first + row->field_count; i++) {
		uint32_t field = names[batch_value_name(row, i)];
		if ((structured || field != DICTIONARY_NONE) && take_field(g, route, field, structured, batch, row, i))
			return -ERROR_MEMORY;
	}
	return route->text_count && !structured ? message_texts(g, route, bound, batch, row) : 0;
}

static void add_allowed(const struct gather *g, struct rule_list list, const struct route *route, struct candidates *c)
{
	const uint32_t *rules = g->columns->rules + list.first;
	for (uint32_t i = 0; i < list.count; i++)
		if (route_has(route, rules[i]))
			candidates_add_one(c, rules[i]);
}

void gather_candidates(const struct gather *g, uint32_t index, const struct route *route, struct candidates *c)
{
	CHECK(index < g->row_count);
	uint32_t end = index + 1 < g->row_count ? g->rows[index + 1] : g->entry_count;
	candidates_add(c, route->always, route->always_count);
	for (uint32_t i = g->rows[index]; i < end; i++) {
		struct gather_entry entry = g->entries[i];
		if (entry.value == GATHER_END) {
			add_allowed(g, g->columns->list[entry.column].present, route, c);
			continue;
		}
		for (uint32_t h = g->value_hits[entry.value]; h != GATHER_END; h = g->hits[h].next)
			if (g->hits[h].column == entry.column)
				add_allowed(g, g->hits[h].rules, route, c);
	}
}
