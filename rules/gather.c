#include "rules/gather.h"

#include "common/check.h"
#include "common/digest.h"

#define GATHER_PRESENT 0x80000000u
#define SLOTS_MIN 256u

int gather_init(struct gather *g, const struct env *env, const struct columns *columns)
{
	uint32_t n = columns->count + 1;
	*g = (struct gather){.env = env, .columns = columns, .slot_mask = SLOTS_MIN - 1, .serial = 1};
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
	env_free(g->env, g->hits);
	env_free(g->env, g->entries);
	env_free(g->env, g->rows);
	env_free(g->env, g->ends);
}

/* Room for one more. */
static bool room_for_one(const struct env *env, void *array, uint32_t *room, uint32_t count, size_t size)
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
	room_for_one((g)->env, &(g)->array, &(g)->what##_room, (g)->what##_count, sizeof *(g)->array)

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
	g->value_count = g->hit_count = g->entry_count = g->row_count = 0;
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
	if (a->hash != b->hash || a->column != b->column || a->is_small != b->is_small)
		return false;
	return a->is_small ? a->small == b->small : slice_equal(a->text, b->text);
}

/* GATHER_END: no memory. */
static uint32_t add_value(struct gather *g, struct gather_value *v)
{
	if (2 * (g->value_count + 1) > g->slot_mask && !grow_slots(g))
		return GATHER_END;
	if (!ROOM(g, values, value))
		return GATHER_END;
	if (g->heads[v->column] == GATHER_END)
		g->touched[g->touched_count++] = v->column;
	v->next = g->heads[v->column];
	v->hits = GATHER_END;
	g->heads[v->column] = g->value_count;
	*free_slot(g, v->hash) = g->value_count;
	g->values[g->value_count] = *v;
	return g->value_count++;
}

static uint32_t find_value(struct gather *g, struct gather_value *v)
{
	uint64_t seed = g->seed + v->column * UINT64_C(0x9e3779b97f4a7c15);
	v->hash = v->is_small ? (seed ^ v->small) * UINT64_C(0xbf58476d1ce4e5b9) : xxh3_seeded(v->text, seed);
	v->hash ^= v->hash >> 32;
	for (uint32_t at = (uint32_t)v->hash & g->slot_mask; g->slots[at].stamp == g->stamp; at = (at + 1) & g->slot_mask)
		if (same_value(&g->values[g->slots[at].value], v))
			return g->slots[at].value;
	return add_value(g, v);
}

/* ---- rows ---- */

static int add_entry(struct gather *g, uint32_t entry)
{
	if (entry == GATHER_END || !ROOM(g, entries, entry))
		return -ERROR_MEMORY;
	g->entries[g->entry_count++] = entry;
	return 0;
}

static int add_to_column(struct gather *g, uint32_t column, const struct batch_value *value)
{
	struct gather_value v = {.text = value->text, .column = column};
	v.is_small = value->type == VALUE_SMALL;
	v.small = value->small;
	return add_entry(g, find_value(g, &v));
}

static int take_field(struct gather *g, const struct route_field *f, uint32_t field, const struct batch *batch,
					  const struct batch_row *row, uint32_t index)
{
	struct batch_value value;
	if (f->present && add_entry(g, GATHER_PRESENT | g->columns->of_field[field]))
		return -ERROR_MEMORY;
	if (f->column == COLUMN_NONE)
		return 0;
	batch_get_value(batch, row, index, &value);
	return value.type == VALUE_NULL ? 0 : add_to_column(g, f->column, &value);
}

static int take_text(struct gather *g, const struct route *route, const struct batch_value *text)
{
	for (uint32_t i = 0; i < route->text_count; i++)
		if (add_to_column(g, route->texts[i], text))
			return -ERROR_MEMORY;
	return 0;
}

/* The texts of row_view_texts: of a structured body every string, else what is named message, else all of it. Mappings give
 * the same octets several names, mostly one behind the other. */
static int structured_texts(struct gather *g, const struct route *route, const struct batch *batch,
							const struct batch_row *row)
{
	struct slice before = SLICE_NONE;
	for (uint32_t i = row->field_first; i < row->field_first + row->field_count; i++) {
		struct batch_value value;
		batch_get_value(batch, row, i, &value);
		if (value.type != VALUE_STRING && value.type != VALUE_ADDRESS && value.type != VALUE_TIME)
			continue;
		bool again = value.text.ptr == before.ptr && value.text.len == before.len;
		if ((!again || value.text.len == 0) && take_text(g, route, &value))
			return -ERROR_MEMORY;
		before = value.text;
	}
	return 0;
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
		if (take_text(g, route, &value))
			return -ERROR_MEMORY;
	}
	value = (struct batch_value){.type = VALUE_STRING, .text = row->original};
	return message ? 0 : take_text(g, route, &value);
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
	if (begin_row(g))
		return -ERROR_MEMORY;
	for (uint32_t i = row->field_first; i < row->field_first + row->field_count; i++) {
		uint32_t field = names[batch_value_name(row, i)];
		if (field != DICTIONARY_NONE && take_field(g, &route->fields[field], field, batch, row, i))
			return -ERROR_MEMORY;
	}
	if (route->text_count == 0)
		return 0;
	if (row->format == FORMAT_JSON || row->format == FORMAT_CEF || row->format == FORMAT_LEEF)
		return structured_texts(g, route, batch, row);
	return message_texts(g, route, bound, batch, row);
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
	uint32_t end = index + 1 < g->row_count ? g->rows[index + 1] : g->entry_count;
	CHECK(index < g->row_count);
	candidates_add(c, route->always, route->always_count);
	for (uint32_t i = g->rows[index]; i < end; i++) {
		uint32_t entry = g->entries[i];
		if (entry & GATHER_PRESENT) {
			add_allowed(g, g->columns->list[entry & ~GATHER_PRESENT].present, route, c);
			continue;
		}
		for (uint32_t h = g->values[entry].hits; h != GATHER_END; h = g->hits[h].next)
			add_allowed(g, g->hits[h].rules, route, c);
	}
}
