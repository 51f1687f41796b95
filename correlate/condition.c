/* Conditions that hold at once: for each type, which members complete a set. What is judged behind the watermark is in
 * judge.c.
 *
 * A match can only change the verdict on itself and on members at most a timespan after it. The usual match is the newest
 * of its group, and then only its own verdict is open: that case takes constant or logarithmic time. Matches that come
 * out of order pay for a sweep over the two timespans around them.
 */
#include "correlate/window.h"

int fired_add(struct part *part, struct group *g, uint32_t index)
{
	struct temporal *t = part->temporal;
	if (t->fired_count == t->fired_room) {
		uint32_t room = t->fired_room == 0 ? 64 : t->fired_room * 2;
		uint32_t *fired = env_resize(t->env, t->fired, sizeof(*fired) * room);
		if (fired == NULL)
			return -ERROR_MEMORY;
		t->fired = fired;
		t->fired_room = room;
	}
	group_member(g, index)->flags |= MEMBER_FIRED;
	t->fired[t->fired_count++] = index;
	return 0;
}

/* ---- counting ---- */

static uint64_t count_events(const struct group *g, uint32_t from, uint32_t to)
{
	uint64_t n = 0;
	for (uint32_t i = from; i < to; i++)
		n += i == from || !member_same_event(group_member(g, i), group_member(g, i - 1));
	return n;
}

static uint64_t count_matches(const struct group *g, uint32_t from, uint32_t to)
{
	return g->rule->distinct_events ? count_events(g, from, to) : to - from;
}

/* ---- distinct rules ---- */

static bool slots_hold(const struct group *g, const int64_t *newest, int64_t since)
{
	const struct correlation *c = g->rule->correlation;
	uint64_t n = 0, present = 0;
	for (uint32_t i = 0; i < g->rule->rule_count; i++) {
		bool there = newest[i] != TIME_NONE && newest[i] >= since;
		n += there;
		present |= (uint64_t)there << (i & 63);
	}
	return c->expression_count > 0 ? expression_holds(c->expression, c->expression_count, present) : n >= g->rule->need;
}

/* One rule looks for an event of its own; an event already given away is asked for when its holder finds another. */
static bool assign_event(const struct group *g, uint32_t slot, uint32_t from, uint32_t to, int64_t *holder, bool *asked)
{
	for (uint32_t i = from, event = 0; i < to; i++) {
		event = i > from && member_same_event(group_member(g, i), group_member(g, i - 1)) ? event : i - from;
		if (group_member(g, i)->slot != slot || asked[event])
			continue;
		asked[event] = true;
		if (holder[event] < 0 || assign_event(g, (uint32_t)holder[event], from, to, holder, asked)) {
			holder[event] = slot;
			return true;
		}
	}
	return false;
}

/* T7 with distinct_events: the most rules that can each have an event of their own among members [from, to). When
 * `complete` the last member must stand for its rule. */
static int64_t assign(struct part *part, const struct group *g, uint32_t from, uint32_t to, bool complete)
{
	const struct env *env = part->temporal->env;
	uint32_t n = to - from, own = n - 1;
	int64_t *holder = env_alloc(env, sizeof(*holder) * n), total = complete ? 1 : 0;
	bool *asked = env_alloc(env, n);
	if (holder == NULL || asked == NULL) {
		env_free(env, holder);
		env_free(env, asked);
		return -ERROR_MEMORY;
	}
	for (uint32_t i = 0; i < n; i++)
		holder[i] = -1;
	while (own > 0 && member_same_event(group_member(g, from + own), group_member(g, from + own - 1)))
		own--;
	for (uint32_t slot = 0; slot < g->rule->rule_count; slot++) {
		if (complete && slot == group_member(g, to - 1)->slot)
			continue;
		memset(asked, 0, n);
		asked[own] = complete;
		total += assign_event(g, slot, from, to, holder, asked);
	}
	env_free(env, holder);
	env_free(env, asked);
	return total;
}

int64_t count_assigned(struct part *part, const struct group *g, uint32_t from, uint32_t to)
{
	return from == to ? 0 : assign(part, g, from, to, false);
}

/* ---- updates ---- */

static int update_count(struct part *part, struct group *g, uint32_t place, int64_t until)
{
	if (g->count < g->rule->need)
		return 0;
	uint32_t from = group_lower(g, sub_saturated(group_member(g, place)->when_ns, g->rule->timespan_ns));
	for (uint32_t i = place; i < g->count && group_member(g, i)->when_ns <= until; i++) {
		const struct member *m = group_member(g, i);
		while (group_member(g, from)->when_ns < sub_saturated(m->when_ns, g->rule->timespan_ns))
			from++;
		if ((m->flags & MEMBER_FIRED) == 0 && count_matches(g, from, i + 1) >= g->rule->need &&
			fired_add(part, g, i) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

static int update_assigned(struct part *part, struct group *g, uint32_t place, int64_t until)
{
	for (uint32_t i = place; i < g->count && group_member(g, i)->when_ns <= until; i++) {
		const struct member *m = group_member(g, i);
		if ((m->flags & MEMBER_FIRED) != 0)
			continue;
		uint32_t from = group_lower(g, sub_saturated(m->when_ns, g->rule->timespan_ns));
		int64_t n = assign(part, g, from, i + 1, true);
		if (n < 0 || ((uint64_t)n >= g->rule->need && fired_add(part, g, i) < 0))
			return -ERROR_MEMORY;
	}
	return 0;
}

/* Walks from `from` to the end with the newest `when` of each rule: verdicts on members [place, until], and in the end
 * the state from which the next newest match is judged. */
static int sweep_rules(struct part *part, struct group *g, uint32_t from, uint32_t place, int64_t until)
{
	for (uint32_t i = 0; i < g->rule->rule_count; i++)
		g->slots[i] = TIME_NONE;
	for (uint32_t i = from; i < g->count; i++) {
		const struct member *m = group_member(g, i);
		g->slots[m->slot] = m->when_ns;
		if (i < place || m->when_ns > until || (m->flags & MEMBER_FIRED) != 0)
			continue;
		if (slots_hold(g, g->slots, sub_saturated(m->when_ns, g->rule->timespan_ns)) && fired_add(part, g, i) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

static int update_rules(struct part *part, struct group *g, uint32_t place, int64_t until)
{
	const struct member *m = group_member(g, place);
	int64_t since = sub_saturated(m->when_ns, g->rule->timespan_ns);
	if (g->rule->distinct_events)
		return update_assigned(part, g, place, until);
	if (place + 1 < g->count)
		return sweep_rules(part, g, group_lower(g, since), place, until);
	g->slots[m->slot] = m->when_ns;
	return slots_hold(g, g->slots, since) ? fired_add(part, g, place) : 0;
}

int condition_update(struct part *part, struct group *g, uint32_t place)
{
	part->temporal->fired_count = 0;
	if (g->rule->mode != PLAN_AT_ONCE)
		return 0;
	int64_t when = group_member(g, place)->when_ns, until = add_saturated(when, g->rule->timespan_ns);
	switch (g->rule->type) {
	case CORRELATION_EVENT_COUNT:
		return update_count(part, g, place, until);
	case CORRELATION_VALUE_COUNT:
		return values_update(part, g, place, until);
	case CORRELATION_TEMPORAL:
		return update_rules(part, g, place, until);
	case CORRELATION_TEMPORAL_ORDERED:
		return ordered_update(part, g, place, until);
	case CORRELATION_VALUE_SUM:
	case CORRELATION_VALUE_AVG:
	case CORRELATION_VALUE_PERCENTILE:
		return 0; /* never at once */
	}
	return 0;
}

int condition_rebuild(struct part *part, struct group *g)
{
	part->temporal->fired_count = 0;
	if (g->rule->mode != PLAN_AT_ONCE || g->count == 0)
		return 0;
	if (g->rule->type == CORRELATION_TEMPORAL && !g->rule->distinct_events)
		return sweep_rules(part, g, 0, g->count, TIME_NONE);
	return g->rule->type == CORRELATION_TEMPORAL_ORDERED ? ordered_rebuild(part, g) : 0;
}
