#include "rules/gather.h"

#include "common/check.h"

#define SLOTS_MIN 256u

/* It only guards against chosen collisions, and octets are compared: 64 drawn bits spread over it are enough. */
static void draw_secret(struct gather *g)
{
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	(void)g->env->random.fill(g->env->random.ctx, &seed, sizeof seed);
	for (size_t i = 0; i < sizeof g->secret; i += 8) {
		uint64_t x = seed += UINT64_C(0x9e3779b97f4a7c15);
		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		put_u64(g->secret + i, x ^ x >> 31);
	}
}

int gather_init(struct gather *g, const struct env *env, const struct columns *columns)
{
	uint32_t n = columns->count + 1;
	*g = (struct gather){.env = env, .columns = columns, .slot_mask = SLOTS_MIN - 1, .serial = 1, .words = n / 64 + 1};
	draw_secret(g);
	buffer_init(&g->text, env);
	g->heads = env_alloc(env, n * sizeof *g->heads);
	g->touched = env_alloc(env, n * sizeof *g->touched);
	g->last = env_zalloc(env, (columns->literal_count + 1) * sizeof *g->last);
	g->slots = env_zalloc(env, SLOTS_MIN * sizeof *g->slots);
	g->memos = env_zalloc(env, GATHER_MEMOS * sizeof *g->memos);
	if (!g->heads || !g->touched || !g->last || !g->slots || !g->memos)
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
	env_free(g->env, g->memos);
	env_free(g->env, g->values);
	env_free(g->env, g->value_hits);
	env_free(g->env, g->value_columns);
	env_free(g->env, g->links);
	env_free(g->env, g->hits);
	env_free(g->env, g->entries);
	env_free(g->env, g->rows);
	env_free(g->env, g->ends);
	env_free(g->env, g->shapes);
	env_free(g->env, g->steps);
}

bool gather_room_for(const struct env *env, void *array, uint32_t *room, uint32_t count, size_t size)
{
	void **p = array;
	if (count < *room)
		return true;
	uint32_t wanted = *room ? 2 * *room : 256;
	while (wanted <= count)
		wanted *= 2;
	void *grown = env_resize(env, *p, wanted * size);
	if (!grown)
		return false;
	*p = grown;
	*room = wanted;
	return true;
}

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
	g->value_count = g->link_count = g->hit_count = g->entry_count = g->row_count = g->step_count = 0;
	g->failed = false;
	if (++g->stamp == 0) { /* once in 2^32 batches */
		memset(g->slots, 0, (g->slot_mask + (size_t)1) * sizeof *g->slots);
		memset(g->shapes, 0, g->shape_room * sizeof *g->shapes);
		memset(g->memos, 0, GATHER_MEMOS * sizeof *g->memos);
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
		if (!g->values[i].is_loose)
			*free_slot(g, g->values[i].hash) = i;
	return true;
}

static bool same(const struct gather_value *a, const struct gather_value *b)
{
	if (a->is_small != b->is_small)
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

uint32_t gather_add(struct gather *g, const struct gather_value *v)
{
	if (g->value_count == g->value_room && !grow_values(g))
		return GATHER_END;
	g->values[g->value_count] = *v;
	g->value_hits[g->value_count] = GATHER_END;
	memset(g->value_columns + (size_t)g->value_count * g->words, 0, g->words * sizeof *g->value_columns);
	return g->value_count++;
}

uint32_t gather_find(struct gather *g, struct gather_value *v)
{
	v->hash =
		v->is_small ? (get_u64(g->secret) ^ v->small) * UINT64_C(0xbf58476d1ce4e5b9) : hash_secret(v->text, g->secret);
	v->hash ^= v->hash >> 32;
	for (uint32_t at = (uint32_t)v->hash & g->slot_mask; g->slots[at].stamp == g->stamp; at = (at + 1) & g->slot_mask)
		if (g->values[g->slots[at].value].hash == v->hash && same(&g->values[g->slots[at].value], v))
			return g->slots[at].value;
	if (2 * (g->value_count + 1) > g->slot_mask && !grow_slots(g))
		return GATHER_END;
	uint32_t value = gather_add(g, v);
	if (value != GATHER_END)
		*free_slot(g, v->hash) = value;
	return value;
}

/* ---- what they tell ---- */

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
