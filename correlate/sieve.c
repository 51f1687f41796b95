#include "correlate/sieve.h"

void sieve_init(struct group *g)
{
	struct sieve *s = sieve_of(g);
	s->waiting = (struct group){.rule = g->rule, .entry = g->entry, .judged_ns = TIME_NONE, .number = g->number};
	for (uint32_t i = 0; i < g->rule->list_count; i++)
		s->on_ns[i] = TIME_NONE;
}

/* The first ones are gone; who is on a list for long has nothing that waits. */
static void leave(struct part *part, struct group *waiting, uint32_t count)
{
	part->bytes -= member_bytes(waiting) * count;
	waiting->first += count;
	waiting->count -= count;
	if (waiting->count > 0)
		return;
	env_free(part->temporal->env, waiting->members);
	waiting->members = NULL;
	waiting->first = waiting->room = 0;
}

void sieve_free(struct part *part, struct group *g)
{
	struct group *waiting = &sieve_of(g)->waiting;
	for (uint32_t i = 0; i < waiting->count; i++)
		member_release(part, group_member(waiting, i));
	leave(part, waiting, waiting->count);
}

static bool is_on(const struct sieve *s, const struct plan_rule *rule, uint32_t list, int64_t when_ns)
{
	return s->on_ns[list] != TIME_NONE && when_ns <= add_saturated(s->on_ns[list], rule->lists[list].ttl_ns);
}

/* When the key is on no list any more, if nothing else comes; TIME_NONE: it is on none. */
static int64_t last_ns(const struct sieve *s, const struct plan_rule *rule)
{
	int64_t last = TIME_NONE;
	for (uint32_t i = 0; i < rule->list_count; i++)
		if (s->on_ns[i] != TIME_NONE && add_saturated(s->on_ns[i], rule->lists[i].ttl_ns) > last)
			last = add_saturated(s->on_ns[i], rule->lists[i].ttl_ns);
	return last;
}

bool sieve_empty(const struct group *g)
{
	return sieve_of(g)->waiting.count == 0 && last_ns(sieve_of(g), g->rule) == TIME_NONE;
}

int64_t sieve_due(const struct group *g)
{
	const struct sieve *s = sieve_of(g);
	int64_t last = last_ns(s, g->rule);
	int64_t due = last == TIME_NONE ? INT64_MAX : last;
	if (s->waiting.count > 0 && group_member(&s->waiting, 0)->when_ns < due)
		due = group_member(&s->waiting, 0)->when_ns;
	return due;
}

int sieve_join(struct part *part, struct group *g, struct member *m)
{
	uint32_t place;
	int64_t before = group_placed(part, g);
	int result = group_insert(part, &sieve_of(g)->waiting, m, &place);
	return result == 0 ? group_place(part, g, m->when_ns < before ? m->when_ns : before) : result;
}

/* ---- passing ---- */

static bool counts(const struct sieve *s, const struct plan_rule *rule, int64_t when_ns)
{
	for (uint32_t i = 0; i < rule->list_count; i++)
		if (is_on(s, rule, i, when_ns) == rule->lists[i].absent)
			return false;
	return true;
}

/* From where it waits into the group, or away. */
static int let_through(struct part *part, struct group *g, struct member *waiting)
{
	uint32_t place = 0;
	int result = group_insert(part, g, waiting, &place);
	if (result != 0)
		return result < 0 ? result : 0;
	*waiting = (struct member){.when_ns = waiting->when_ns}; /* its texts are the group's */
	return group_take(part, g, place);
}

static bool has_bit(uint64_t bits, const struct member *m)
{
	return m->slot < EXPRESSION_RULES_MAX && (bits >> m->slot & 1) != 0;
}

/* What the event of members [from, to) does to the lists: it has been seen already. */
static void write_lists(struct sieve *s, const struct plan_rule *rule, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < rule->list_count; i++) {
		bool adds = false, removes = false;
		for (uint32_t k = from; k < to; k++) {
			adds |= has_bit(rule->lists[i].add, group_member(&s->waiting, k));
			removes |= has_bit(rule->lists[i].remove, group_member(&s->waiting, k));
		}
		if (adds)
			s->on_ns[i] = group_member(&s->waiting, from)->when_ns;
		if (removes)
			s->on_ns[i] = TIME_NONE;
	}
}

static int pass_event(struct part *part, struct group *g, uint32_t from, uint32_t to)
{
	struct sieve *s = sieve_of(g);
	bool counted = counts(s, g->rule, group_member(&s->waiting, from)->when_ns);
	write_lists(s, g->rule, from, to);
	for (uint32_t i = from; i < to; i++) {
		struct member *m = group_member(&s->waiting, i);
		bool joins = m->slot == g->rule->until_slot || (counted && m->slot < g->rule->writer_slot);
		if (joins && let_through(part, g, m) < 0)
			return -ERROR_MEMORY;
		member_release(part, m);
	}
	return 0;
}

/* What no match that is still to come can see. */
static void forget(struct sieve *s, const struct plan_rule *rule, int64_t watermark_ns)
{
	for (uint32_t i = 0; i < rule->list_count; i++)
		if (!is_on(s, rule, i, watermark_ns))
			s->on_ns[i] = TIME_NONE;
}

int sieve_pass(struct part *part, struct group *g, int64_t watermark_ns)
{
	struct sieve *s = sieve_of(g);
	struct group *waiting = &s->waiting;
	uint32_t end = group_lower(waiting, watermark_ns);
	for (uint32_t from = 0, to; from < end; from = to) {
		for (to = from + 1; to < end; to++)
			if (!member_same_event(group_member(waiting, from), group_member(waiting, to)))
				break;
		if (pass_event(part, g, from, to) < 0)
			return -ERROR_MEMORY;
	}
	leave(part, waiting, end);
	forget(s, g->rule, watermark_ns);
	return 0;
}
