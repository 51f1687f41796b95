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

/* ---- packed ---- */

struct member entry_member(const struct part *part, const struct entry *e)
{
	const struct texts *texts = &part->texts;
	struct member m = {.when_ns = e->when_ns, .sequence = e->sequence, .slot = e->slot};
	m.origin = text_at(texts, e->origin);
	m.source = text_at(texts, e->source);
	m.spelling = text_at(texts, e->spelling);
	if (e->wide) {
		uint32_t numbers[2];
		memcpy(numbers, e->octets, ENTRY_WIDE_BYTES);
		m.value = text_at(texts, numbers[0]);
		m.carried = text_at(texts, numbers[1]);
	}
	return m;
}

static void pack(struct entry *e, const struct member *m)
{
	e->when_ns = m->when_ns;
	e->sequence = m->sequence;
	e->slot = (uint16_t)m->slot;
	e->origin = text_number(m->origin);
	e->source = text_number(m->source);
	e->spelling = text_number(m->spelling);
	e->alone = 1;
	if (e->wide) {
		uint32_t numbers[2] = {text_number(m->value), text_number(m->carried)};
		memcpy(e->octets, numbers, ENTRY_WIDE_BYTES);
	}
}

/* Nothing is known but one match: everything else of the group follows from it. With lists a match that is known is one that
 * counted, and what the lists say stands beside it. */
static bool is_lone(const struct group *g)
{
	return g->rule->list_count == 0 && g->count == 1 && group_member(g, 0)->flags == 0 && g->excursion_count == 0 &&
		   g->judged_ns == TIME_NONE && (g->rule->history_ns == 0 || g->history == NULL);
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
	t->bench = (struct group){.members = &t->bench_member, .room = 1};
	if (slot_count(rule) > 0)
		t->bench.slots = t->bench_slots;
	return &t->bench;
}

struct group *group_unfold(struct part *part, uint32_t number, uint32_t room)
{
	struct temporal *t = part->temporal;
	struct entry *e = entry_at(part, number);
	const struct plan_rule *rule = &t->plan->rules[e->rule];
	if (!e->alone && e->group != NULL)
		return e->group;
	bool lists = rule->list_count > 0; /* what joins waits elsewhere, and may never come here */
	struct group *g = room == 1 && !lists ? take_bench(t, rule) : group_new(t->env, rule, lists ? 0 : room);
	if (g == NULL)
		return NULL;
	g->rule = rule;
	g->entry = e;
	g->number = number;
	g->judged_ns = TIME_NONE;
	slots_clear(g);
	if (lists)
		sieve_init(g);
	part->bytes += group_bytes(g);
	if (e->alone) {
		g->members[g->count++] = entry_member(part, e);
		part->bytes += member_bytes(g);
	}
	e->alone = 0;
	e->group = g;
	return g;
}

struct group *group_unfold_join(struct part *part, uint32_t number)
{
	bool alone = entry_at(part, number)->alone;
	struct group *g = group_unfold(part, number, alone ? 2 : 1);
	return g != NULL && alone && slot_count(g->rule) > 0 && condition_rebuild(part, g) < 0 ? NULL : g;
}

/* ---- closed ---- */

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
	struct group *g = group_new(part->temporal->env, from->rule, 1);
	if (g == NULL)
		return -ERROR_MEMORY;
	struct member *members = g->members;
	int64_t *slots = g->slots;
	*g = *from;
	g->members = members;
	g->first = 0;
	if (g->count > 0)
		members[0] = *group_member(from, 0);
	g->entry->group = g;
	if (slot_count(g->rule) == 0)
		return 0;
	g->slots = slots;
	slots_clear(g);
	return condition_rebuild(part, g);
}

int group_fold(struct part *part, struct group *g)
{
	struct entry *e = g->entry;
	if (!is_lone(g))
		return on_bench(part, g) ? group_settle(part, g) : 0;
	struct member m = *group_member(g, 0);
	group_free(part, g);
	pack(e, &m);
	return 0;
}

void entry_clear(struct part *part, struct entry *e)
{
	struct group *g = e->alone ? NULL : e->group;
	if (e->alone) {
		struct member m = entry_member(part, e);
		member_release(part, &m);
	}
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
	group_free(part, g);
}

void group_place(struct part *part, struct group *g, int64_t due_ns)
{
	struct wheel *wheel = part->levels[g->rule->level].wheel;
	const struct wheel_link *link = &g->entry->link;
	if (link->before != WHEEL_OUT) {
		if (link->due_ns == due_ns)
			return;
		wheel_remove(wheel, g->number);
	}
	wheel_put(wheel, g->number, due_ns);
}
