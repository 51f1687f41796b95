/* Groups: entries opened to be worked on, and closed again (W6). */
#include "correlate/sieve.h"

uint32_t slot_count(const struct plan_rule *rule)
{
	if (rule->type == CORRELATION_TEMPORAL_ORDERED)
		return rule->chain_count;
	return rule->type == CORRELATION_TEMPORAL ? rule->rule_count : 0;
}

static uint64_t group_bytes(const struct group *g)
{
	return sizeof(*g) + 2 * sizeof(void *) + sizeof(*g->slots) * slot_count(g->rule) + sieve_bytes(g->rule);
}

static bool on_bench(const struct part *part, const struct group *g)
{
	return g == &part->temporal->bench;
}

/* ---- small ---- */

/* Nothing is known but a few matches: everything else of the group follows from them. With lists a match that is known is one
 * that counted, and what the lists say stands beside it. */
static bool is_small(const struct group *g)
{
	uint32_t flags = 0;
	if (g->rule->list_count > 0 || g->count == 0 || g->count > PACKED_MAX || g->excursion_count > 0 ||
		g->judged_ns != TIME_NONE || (g->rule->history_ns > 0 && g->history != NULL))
		return false;
	for (uint32_t i = 0; i < g->count; i++)
		flags |= group_member(g, i)->flags;
	return flags == 0;
}

bool group_outgrown(const struct part *part, const struct group *g)
{
	return on_bench(part, g) && !is_small(g);
}

bool entry_leaves_whole(const struct part *part, const struct entry *e)
{
	return e->packed > 0 && part->temporal->plan->rules[e->rule].mode == PLAN_AT_ONCE;
}

/* ---- open ---- */

static void slots_clear(struct group *g)
{
	for (uint32_t i = 0; i < slot_count(g->rule); i++)
		g->slots[i] = TIME_NONE;
}

/* Slots stand behind it, then what it needs for lists. */
static struct group *group_new(const struct env *env, const struct plan_rule *rule, uint32_t room)
{
	uint32_t slots = slot_count(rule);
	struct group *g = env_alloc(env, sizeof(*g) + sizeof(*g->slots) * slots + sieve_bytes(rule));
	if (g == NULL)
		return NULL;
	*g = (struct group){.members = room == 0 ? NULL : env_alloc(env, sizeof(*g->members) * room)};
	if (room > 0 && g->members == NULL) {
		env_free(env, g);
		return NULL;
	}
	if (slots > 0)
		g->slots = (int64_t *)(g + 1);
	g->room = room;
	return g;
}

static struct group *take_bench(struct temporal *t, const struct plan_rule *rule)
{
	t->bench = (struct group){.members = t->bench_members, .room = PACKED_MAX + 1};
	if (slot_count(rule) > 0)
		t->bench.slots = t->bench_slots;
	return &t->bench;
}

/* The block stays until it is known what becomes of the matches. */
static void unfold(struct part *part, struct group *g, const struct plan_rule *rule, uint32_t number)
{
	struct entry *e = entry_at(part, number);
	g->rule = rule;
	g->entry = e;
	g->number = number;
	g->judged_ns = TIME_NONE;
	slots_clear(g);
	if (rule->list_count > 0)
		sieve_init(g);
	part->bytes += group_bytes(g);
	part->temporal->bench_block = e->packed > 1 ? e->block : 0;
	part->temporal->bench_block_bytes = block_bytes(e, e->packed);
	if (e->packed > 0) {
		g->count = entry_members(part, e, g->members);
		part->bytes += member_bytes(g) * g->count - block_bytes(e, e->packed);
	}
	e->packed = 0;
	e->group = g;
}

struct group *group_unfold(struct part *part, uint32_t number)
{
	struct temporal *t = part->temporal;
	const struct entry *e = entry_at(part, number);
	const struct plan_rule *rule = &t->plan->rules[e->rule];
	if (e->packed == 0 && e->group != NULL)
		return e->group;
	/* with lists what joins waits elsewhere, and may never come here */
	struct group *g = rule->list_count == 0 ? take_bench(t, rule) : group_new(t->env, rule, 0);
	if (g != NULL)
		unfold(part, g, rule, number);
	return g;
}

struct group *group_unfold_new(struct part *part, uint32_t number)
{
	const struct entry *e = entry_at(part, number);
	const struct plan_rule *rule = &part->temporal->plan->rules[e->rule];
	CHECK(e->packed == 0 && e->group == NULL);
	struct group *g = group_new(part->temporal->env, rule, rule->list_count > 0 ? 0 : 2);
	if (g != NULL)
		unfold(part, g, rule, number);
	return g;
}

/* Those that could have left (W3) do not count towards what can be packed. */
struct group *group_unfold_join(struct part *part, uint32_t number)
{
	bool packed = entry_at(part, number)->packed > 0;
	struct group *g = group_unfold(part, number);
	if (g == NULL || !packed)
		return g;
	int64_t watermark = part->levels[g->rule->level].watermark_ns;
	uint32_t gone = g->rule->mode == PLAN_AT_ONCE ? group_lower(g, sub_saturated(watermark, g->rule->kept_ns)) : 0;
	if (gone > 0 && excursion_fold(part, g, gone) < 0)
		return NULL;
	return slot_count(g->rule) > 0 && condition_rebuild(part, g) < 0 ? NULL : g;
}

/* ---- closed ---- */

static void bench_block_give(struct part *part)
{
	struct temporal *t = part->temporal;
	if (t->bench_block != 0)
		slab_give(&part->slab, t->bench_block);
	t->bench_block = 0;
	t->bench_block_bytes = 0;
}

/* What the group took for itself; its matches and excursions are gone or somebody else's. */
static void group_free(struct part *part, struct group *g)
{
	const struct env *env = part->temporal->env;
	part->bytes -= group_bytes(g) + member_bytes(g) * g->count;
	env_free(env, g->excursions);
	if (slot_count(g->rule) == 0)
		env_free(env, g->tally);
	if (on_bench(part, g))
		return;
	env_free(env, g->members);
	env_free(env, g);
}

/* From the bench to a place of its own. */
static int group_settle(struct part *part, struct group *from)
{
	struct group *g = group_new(part->temporal->env, from->rule, from->count + 1);
	if (g == NULL)
		return -ERROR_MEMORY;
	struct member *members = g->members;
	int64_t *slots = g->slots;
	CHECK(members != NULL); /* there is room */
	*g = *from;
	g->members = members;
	g->first = 0;
	g->room = from->count + 1;
	memcpy(members, from->members + from->first, sizeof(*members) * from->count);
	g->entry->group = g;
	bench_block_give(part);
	if (slot_count(g->rule) == 0)
		return 0;
	g->slots = slots;
	slots_clear(g);
	return condition_rebuild(part, g);
}

/* Into the block that they came from, if they fit as before. */
static int group_pack(struct part *part, struct group *g)
{
	struct temporal *t = part->temporal;
	struct entry *e = g->entry;
	struct member members[PACKED_MAX];
	uint32_t count = g->count, block = 0;
	size_t bytes = block_bytes(e, count);
	if (count > 1 && t->bench_block_bytes != bytes) {
		block = slab_take(&part->slab, bytes);
		if (block == 0)
			return -ERROR_MEMORY;
	}
	if (block == 0 && count > 1) {
		block = t->bench_block;
		t->bench_block = 0;
	}
	bench_block_give(part);
	memcpy(members, g->members + g->first, sizeof(*members) * count);
	group_free(part, g);
	part->bytes += bytes;
	if (count == 1)
		pack_one(e, members);
	else
		pack_several(part, e, members, count, block);
	return 0;
}

int entry_refill(struct part *part, uint32_t number, const struct member *members, uint32_t count)
{
	struct entry *e = entry_at(part, number);
	const struct plan_rule *rule = &part->temporal->plan->rules[e->rule];
	int64_t due = add_saturated(members[count - 1].when_ns, rule->kept_ns);
	uint32_t block = count > 1 ? slab_take(&part->slab, block_bytes(e, count)) : 0;
	if (count > 1 && block == 0)
		return -ERROR_MEMORY;
	if (wheel_put(part->levels[rule->level].wheel, number, due) < 0) {
		if (block != 0)
			slab_give(&part->slab, block);
		return -ERROR_MEMORY;
	}
	part->bytes += block_bytes(e, count);
	if (count == 1)
		pack_one(e, members);
	else
		pack_several(part, e, members, count, block);
	return 0;
}

int group_fold(struct part *part, struct group *g)
{
	if (is_small(g))
		return group_pack(part, g);
	return on_bench(part, g) ? group_settle(part, g) : 0;
}

void entry_clear(struct part *part, struct entry *e)
{
	struct member members[PACKED_MAX];
	struct group *g = e->packed > 0 ? NULL : e->group;
	uint32_t count = entry_members(part, e, members);
	for (uint32_t i = 0; i < count; i++)
		member_release(part, &members[i]);
	part->bytes -= block_bytes(e, count);
	if (count > 1)
		slab_give(&part->slab, e->block);
	if (g == NULL)
		return;
	while (g->excursion_count > 0)
		excursion_drop(part, g, g->excursion_count - 1);
	for (uint32_t i = 0; i < g->count; i++)
		member_release(part, group_member(g, i));
	if (g->rule->history_ns > 0)
		history_free(part, g);
	if (g->rule->list_count > 0)
		sieve_free(part, g);
	if (on_bench(part, g))
		bench_block_give(part);
	group_free(part, g);
}

int group_place(struct part *part, struct group *g, int64_t due_ns)
{
	struct wheel *wheel = part->levels[g->rule->level].wheel;
	if (g->entry->link.slot != 0) {
		if (wheel_due(wheel, g->number) == due_ns)
			return 0;
		wheel_remove(wheel, g->number);
	}
	return wheel_put(wheel, g->number, due_ns);
}

int64_t group_placed(const struct part *part, const struct group *g)
{
	return g->entry->link.slot == 0 ? INT64_MAX : wheel_due(part->levels[g->rule->level].wheel, g->number);
}
