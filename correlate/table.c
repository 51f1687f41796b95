/* Groups by key, their budget, and the order in which they fall due. */
#include "correlate/window.h"

int table_init(struct part *part)
{
	part->table_size = 64;
	part->table = env_zalloc(part->temporal->env, sizeof(*part->table) * part->table_size);
	return part->table == NULL ? -ERROR_MEMORY : 0;
}

static bool group_is(const struct group *g, const struct plan_rule *rule, struct slice key, uint64_t hash)
{
	return g->hash == (uint32_t)hash && g->rule == rule && slice_equal(slice_of(g->key, g->key_len), key);
}

static void table_put(struct group **table, uint32_t size, struct group *g)
{
	uint32_t at = g->hash & (size - 1);
	while (table[at] != NULL)
		at = (at + 1) & (size - 1);
	table[at] = g;
}

static int table_grow(struct part *part)
{
	if (part->group_count + 1 < part->table_size / 4 * 3)
		return 0;
	uint32_t size = part->table_size * 2;
	struct group **table = env_zalloc(part->temporal->env, sizeof(*table) * size);
	if (table == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < part->table_size; i++)
		if (part->table[i] != NULL)
			table_put(table, size, part->table[i]);
	env_free(part->temporal->env, part->table);
	part->table = table;
	part->table_size = size;
	return 0;
}

/* T16: past the budget the rule with the most keys gets no new ones; of equals, the one that came later. An eighth above
 * it nobody does. Counted and told in the ledger by who calls. */
static bool budget_refuses(const struct part *part, const struct plan_rule *rule)
{
	uint64_t bytes = part->bytes + part->texts.bytes, budget = part->temporal->part_bytes;
	if (bytes < budget)
		return false;
	if (bytes >= budget + budget / 8)
		return true;
	uint32_t most = 0;
	for (uint32_t i = 0; i < part->temporal->plan->count; i++)
		if (part->rule_groups[i] >= part->rule_groups[most])
			most = i;
	return most == rule->index;
}

static uint32_t slot_count(const struct plan_rule *rule)
{
	if (rule->type == CORRELATION_TEMPORAL_ORDERED)
		return rule->chain_count;
	return rule->type == CORRELATION_TEMPORAL ? rule->rule_count : 0;
}

static uint64_t group_bytes(const struct group *g)
{
	return sizeof(*g) + g->key_len + 3 * sizeof(void *) + sizeof(*g->slots) * slot_count(g->rule);
}

static struct group *group_new(struct part *part, const struct plan_rule *rule, struct slice key, uint64_t hash)
{
	const struct env *env = part->temporal->env;
	size_t size = offsetof(struct group, key) + key.len;
	struct group *g = env_alloc(env, size > sizeof(*g) ? size : sizeof(*g));
	if (g == NULL)
		return NULL;
	*g = (struct group){.rule = rule, .hash = (uint32_t)hash, .due_ns = INT64_MAX, .heap_index = UINT32_MAX};
	g->key_len = (uint32_t)key.len;
	g->judged_ns = TIME_NONE;
	if (key.len > 0)
		memcpy(g->key, key.ptr, key.len);
	uint32_t slots = slot_count(rule);
	if (slots > 0) {
		g->slots = env_alloc(env, sizeof(*g->slots) * slots);
		if (g->slots == NULL) {
			env_free(env, g);
			return NULL;
		}
		for (uint32_t i = 0; i < slots; i++)
			g->slots[i] = TIME_NONE;
	}
	return g;
}

/* A place in the heap for every group of the level, so that placing one cannot fail. */
static int heap_room(struct part *part, uint32_t number)
{
	struct level *level = &part->levels[number];
	if (level->groups < level->room)
		return 0;
	uint32_t room = level->room == 0 ? 16 : level->room * 2;
	struct group **heap = env_resize(part->temporal->env, level->heap, sizeof(*heap) * room);
	if (heap == NULL)
		return -ERROR_MEMORY;
	level->heap = heap;
	level->room = room;
	return 0;
}

static struct group *table_find(const struct part *part, const struct plan_rule *rule, struct slice key, uint64_t hash)
{
	uint32_t mask = part->table_size - 1;
	for (uint32_t at = (uint32_t)hash & mask; part->table[at] != NULL; at = (at + 1) & mask)
		if (group_is(part->table[at], rule, key, hash))
			return part->table[at];
	return NULL;
}

static struct group *table_add(struct part *part, const struct plan_rule *rule, struct slice key, uint64_t hash)
{
	if (table_grow(part) < 0 || heap_room(part, rule->level) < 0)
		return NULL;
	struct group *g = group_new(part, rule, key, hash);
	if (g == NULL)
		return NULL;
	table_put(part->table, part->table_size, g);
	part->group_count++;
	part->levels[rule->level].groups++;
	part->rule_groups[rule->index]++;
	part->bytes += group_bytes(g);
	part->temporal->stats.windows++;
	return g;
}

static uint64_t key_hash(const struct part *part, const struct plan_rule *rule, struct slice key)
{
	return xxh3_seeded(key, part->texts.seed ^ get_u64(rule->digest));
}

struct group *table_take(struct part *part, const struct plan_rule *rule, struct slice key, bool *refused)
{
	uint64_t hash = key_hash(part, rule, key);
	struct group *g = table_find(part, rule, key, hash);
	*refused = g == NULL && budget_refuses(part, rule);
	if (g != NULL || *refused)
		return g;
	return table_add(part, rule, key, hash);
}

struct group *table_restore(struct part *part, const struct plan_rule *rule, struct slice key)
{
	uint64_t hash = key_hash(part, rule, key);
	struct group *g = table_find(part, rule, key, hash);
	return g != NULL ? g : table_add(part, rule, key, hash);
}

void group_free(struct part *part, struct group *g)
{
	const struct env *env = part->temporal->env;
	while (g->excursion_count > 0)
		excursion_drop(part, g, g->excursion_count - 1);
	for (uint32_t i = 0; i < g->count; i++)
		member_release(part, group_member(g, i));
	part->bytes -= member_bytes(g) * g->count + group_bytes(g);
	env_free(env, g->members);
	env_free(env, g->excursions);
	if (g->rule->history_ns > 0)
		history_free(part, g);
	env_free(env, g->slots); /* or its tally */
	env_free(env, g);
}

/* ---- the heap: a level's groups by due ---- */

static void heap_set(struct level *level, uint32_t index, struct group *g)
{
	level->heap[index] = g;
	g->heap_index = index;
}

static void heap_up(struct level *level, uint32_t index)
{
	struct group *g = level->heap[index];
	for (; index > 0 && level->heap[(index - 1) / 2]->due_ns > g->due_ns; index = (index - 1) / 2)
		heap_set(level, index, level->heap[(index - 1) / 2]);
	heap_set(level, index, g);
}

static void heap_down(struct level *level, uint32_t index)
{
	struct group *g = level->heap[index];
	for (;;) {
		uint32_t child = index * 2 + 1;
		if (child >= level->count)
			break;
		if (child + 1 < level->count && level->heap[child + 1]->due_ns < level->heap[child]->due_ns)
			child++;
		if (level->heap[child]->due_ns >= g->due_ns)
			break;
		heap_set(level, index, level->heap[child]);
		index = child;
	}
	heap_set(level, index, g);
}

static void heap_remove(struct level *level, struct group *g)
{
	uint32_t index = g->heap_index;
	struct group *moved = level->heap[--level->count];
	g->heap_index = UINT32_MAX;
	if (moved == g)
		return;
	heap_set(level, index, moved);
	heap_up(level, index);
	heap_down(level, moved->heap_index);
}

void heap_place(struct part *part, struct group *g, int64_t due_ns)
{
	struct level *level = &part->levels[g->rule->level];
	g->due_ns = due_ns;
	if (g->heap_index == UINT32_MAX) {
		CHECK(level->count < level->room);
		heap_set(level, level->count, g);
		level->count++;
	}
	heap_up(level, g->heap_index);
	heap_down(level, g->heap_index);
}

struct group *heap_take(struct part *part, uint32_t number, int64_t watermark_ns)
{
	struct level *level = &part->levels[number];
	if (level->count == 0 || level->heap[0]->due_ns >= watermark_ns)
		return NULL;
	struct group *g = level->heap[0];
	heap_remove(level, g);
	return g;
}

/* Closing the hole: what stands behind it and hashes before it moves up. */
static void table_remove(struct part *part, const struct group *g)
{
	uint32_t mask = part->table_size - 1, hole = g->hash & mask;
	while (part->table[hole] != g)
		hole = (hole + 1) & mask;
	for (uint32_t at = (hole + 1) & mask; part->table[at] != NULL; at = (at + 1) & mask) {
		uint32_t home = part->table[at]->hash & mask;
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			part->table[hole] = part->table[at];
			hole = at;
		}
	}
	part->table[hole] = NULL;
}

void table_drop(struct part *part, struct group *g)
{
	if (g->heap_index != UINT32_MAX)
		heap_remove(&part->levels[g->rule->level], g);
	table_remove(part, g);
	part->group_count--;
	part->levels[g->rule->level].groups--;
	part->rule_groups[g->rule->index]--;
	part->temporal->stats.windows--;
	group_free(part, g);
}
