/* temporal_ordered (T6): one match for each rule, in the order of the rules.
 *
 * For each rule k, slots[k] is the latest time at which a chain over rules 0..k that is complete by now can have begun. A
 * match of rule k extends the chain that begins latest, so one number for each rule is enough, whatever the number of
 * matches; nothing is ever backtracked. A match of the last rule completes a set when that chain began within the
 * timespan.
 *
 * Matches with equal `when` are one block. Two of one source stand in their own order, two of different sources in any
 * (a tie), decided for neighbours in the chain. In a block a chain may therefore run against the order of T12; its last
 * rule's match completes it, and its set holds the whole block.
 */
#include "correlate/window.h"

#include <stdlib.h>

static bool slot_stands_for(const struct plan_rule *rule, uint32_t of, uint32_t slot)
{
	const struct correlation *c = rule->correlation;
	if (c->step_count > 0)
		return c->steps[slot] >> of & 1;
	return rule->rules[of] == rule->rules[slot];
}

static bool stands_for(const struct group *g, const struct member *m, uint32_t slot)
{
	return slot_stands_for(g->rule, m->slot, slot);
}

bool ordered_ends_with(const struct plan_rule *rule, uint32_t slot)
{
	return slot_stands_for(rule, slot, rule->chain_count - 1);
}

static int fire(struct part *part, struct group *g, uint32_t index, int64_t begin)
{
	const struct member *m = group_member(g, index);
	bool within = begin != TIME_NONE && begin >= sub_saturated(m->when_ns, g->rule->timespan_ns);
	if (!within || (m->flags & MEMBER_FIRED) != 0)
		return 0;
	return fired_add(part, g, index);
}

/* The matches [from, to) of one event, place by place: they stand in the order of the rules, which need not be that of the
 * chain. With distinct_events a chain is extended from what stood before the event, which is `before`. */
static int take_event(struct part *part, struct group *g, uint32_t from, uint32_t to, const int64_t *before, bool judge)
{
	uint32_t last = g->rule->chain_count - 1;
	for (uint32_t k = 0; k <= last; k++)
		for (uint32_t i = from; i < to; i++) {
			const struct member *m = group_member(g, i);
			if (!stands_for(g, m, k))
				continue;
			int64_t begin = k == 0 ? m->when_ns : before[k - 1];
			if (begin > g->slots[k])
				g->slots[k] = begin;
			if (k == last && judge && fire(part, g, i, begin) < 0)
				return -ERROR_MEMORY;
		}
	return 0;
}

/* One source, so the order of events is the order of time. */
static int take_line(struct part *part, struct group *g, uint32_t from, uint32_t to, int64_t *copy, bool judge)
{
	for (uint32_t end; from < to; from = end) {
		for (end = from + 1; end < to && member_same_event(group_member(g, end), group_member(g, from));)
			end++;
		if (g->rule->distinct_events)
			memcpy(copy, g->slots, sizeof(*copy) * g->rule->chain_count);
		if (take_event(part, g, from, end, g->rule->distinct_events ? copy : g->slots, judge) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

/* The latest beginning over a slot's members, and the latest of another source than that one's. */
struct best {
	const struct text *source;
	int64_t begin, other;
};

static void best_add(struct best *best, const struct text *source, int64_t begin)
{
	if (source == best->source) {
		if (begin > best->begin)
			best->begin = begin;
	} else if (begin > best->begin) {
		best->other = best->begin;
		best->begin = begin;
		best->source = source;
	} else if (begin > best->other) {
		best->other = begin;
	}
}

/* The latest beginning over all matches of the event whose first is `index`, where `begins` begins too. */
static int64_t event_begin(const struct group *g, uint32_t index, uint32_t to, const int64_t *begins)
{
	int64_t latest = begins[0];
	for (uint32_t i = 1; index + i < to && member_same_event(group_member(g, index + i), group_member(g, index)); i++)
		if (begins[i] > latest)
			latest = begins[i];
	return latest;
}

/* Beginnings of chains up to rule k for a block of several sources, from those up to k - 1 in the block (`lower`) and
 * before it (`before`). */
static void extend_block(struct group *g, uint32_t from, uint32_t to, uint32_t k, int64_t before, const int64_t *lower,
						 int64_t *upper)
{
	struct best best = {NULL, TIME_NONE, TIME_NONE};
	for (uint32_t i = from; i < to; i++)
		if (lower[i - from] != TIME_NONE)
			best_add(&best, group_member(g, i)->source, lower[i - from]);
	int64_t line = TIME_NONE, event = TIME_NONE; /* of the same source: before this event; of this event */
	for (uint32_t i = from; i < to; i++) {
		const struct member *m = group_member(g, i);
		bool same_source = i > from && group_member(g, i - 1)->source == m->source;
		bool same_event = same_source && member_same_event(group_member(g, i - 1), m);
		if (!same_source)
			line = event = TIME_NONE;
		else if (!same_event && event > line)
			line = event;
		if (!same_event)
			event = event_begin(g, i, to, lower + (i - from));
		int64_t begin = before > line ? before : line;
		if (!g->rule->distinct_events && event > begin)
			begin = event;
		int64_t others = best.source == m->source ? best.other : best.begin;
		if (others > begin)
			begin = others;
		upper[i - from] = stands_for(g, m, k) ? begin : TIME_NONE;
	}
}

static int take_tie(struct part *part, struct group *g, uint32_t from, uint32_t to, bool judge)
{
	uint32_t n = to - from, last = g->rule->chain_count - 1;
	int64_t *room = env_alloc(part->temporal->env, sizeof(*room) * 2 * n);
	if (room == NULL)
		return -ERROR_MEMORY;
	int64_t *lower = room, *upper = room + n, before = TIME_NONE;
	int result = 0;
	for (uint32_t k = 0; k <= last && result == 0; k++) {
		int64_t here = before;
		before = g->slots[k];
		if (k == 0)
			for (uint32_t i = 0; i < n; i++)
				upper[i] = stands_for(g, group_member(g, from + i), 0) ? group_member(g, from)->when_ns : TIME_NONE;
		else
			extend_block(g, from, to, k, here, lower, upper);
		for (uint32_t i = 0; i < n && result == 0; i++) {
			if (upper[i] > g->slots[k])
				g->slots[k] = upper[i];
			if (k == last && judge)
				result = fire(part, g, from + i, upper[i]);
		}
		int64_t *swap = lower;
		lower = upper;
		upper = swap;
	}
	env_free(part->temporal->env, room);
	return result;
}

static bool one_source(const struct group *g, uint32_t from, uint32_t to)
{
	/* Members of a block stand by source: the ends tell. */
	return group_member(g, from)->source == group_member(g, to - 1)->source;
}

/* A match of the rule that ends windows: no chain reaches from its instant over it. */
static bool ends_windows(const struct group *g, uint32_t from, uint32_t to)
{
	if (g->rule->until_slot == PLAN_NONE)
		return false;
	while (from < to && group_member(g, from)->slot != g->rule->until_slot)
		from++;
	return from < to;
}

static int sweep(struct part *part, struct group *g, uint32_t from, uint32_t end, uint32_t place, int64_t until,
				 int64_t *copy)
{
	bool ended = true; /* no chain reaches here from before */
	for (uint32_t to; from < end; from = to) {
		for (uint32_t i = 0; ended && i < g->rule->chain_count; i++)
			g->slots[i] = TIME_NONE;
		int64_t when = group_member(g, from)->when_ns;
		for (to = from + 1; to < end && group_member(g, to)->when_ns == when;)
			to++;
		bool judge = to > place && when <= until;
		int result =
			one_source(g, from, to) ? take_line(part, g, from, to, copy, judge) : take_tie(part, g, from, to, judge);
		if (result < 0)
			return result;
		ended = ends_windows(g, from, to);
	}
	return 0;
}

static int compare_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static int ordered_sweep(struct part *part, struct group *g, uint32_t from, uint32_t end, uint32_t place, int64_t until)
{
	bool distinct = g->rule->distinct_events;
	int64_t *copy = distinct ? env_alloc(part->temporal->env, sizeof(*copy) * g->rule->chain_count) : NULL;
	if (distinct && copy == NULL)
		return -ERROR_MEMORY;
	int result = sweep(part, g, from, end, place, until, copy);
	env_free(part->temporal->env, copy);
	if (part->temporal->fired_count > 1)
		qsort(part->temporal->fired, part->temporal->fired_count, sizeof(uint32_t), compare_index);
	return result;
}

int ordered_update(struct part *part, struct group *g, uint32_t place, int64_t until)
{
	const struct member *m = group_member(g, place);
	bool newest = place + 1 == g->count && !g->rule->distinct_events;
	/* its event has other matches: with steps they may stand behind this one in the chain */
	bool alone =
		g->rule->correlation->step_count == 0 || place == 0 || !member_same_event(group_member(g, place - 1), m);
	bool first = place == 0 || group_member(g, place - 1)->when_ns < m->when_ns; /* of its instant */
	if (newest && alone && (first || group_member(g, group_lower(g, m->when_ns))->source == m->source))
		return take_event(part, g, place, place + 1, g->slots, true);
	return ordered_sweep(part, g, group_lower(g, sub_saturated(m->when_ns, g->rule->timespan_ns)), g->count, place,
						 until);
}

int ordered_rebuild(struct part *part, struct group *g)
{
	return ordered_sweep(part, g, 0, g->count, g->count, TIME_NONE);
}

int ordered_settle(struct part *part, struct group *g, uint32_t from, uint32_t first, uint32_t end)
{
	part->temporal->fired_count = 0;
	return ordered_sweep(part, g, from, end, first, INT64_MAX);
}

int ordered_holds(struct part *part, struct group *g, uint32_t from, uint32_t to)
{
	uint64_t absent = g->rule->correlation->absent;
	for (uint32_t i = from; i < to && absent != 0; i++)
		if (absent >> group_member(g, i)->slot & 1)
			return 0;
	if (ordered_sweep(part, g, from, to, to, TIME_NONE) < 0)
		return -ERROR_MEMORY;
	return from < to && g->slots[g->rule->chain_count - 1] != TIME_NONE;
}
