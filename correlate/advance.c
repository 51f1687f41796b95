/* What happens to a group: when a match joins it, and when the watermark passes. */
#include "correlate/sieve.h"
#include "correlate/spill.h"

#include <stdlib.h>

#define READY_AHEAD 8u
#define LEAVING_SHARE 4u /* a fourth of the members of a group may stay though they could leave */

/* Firing points that can only be passed on when their set is complete. */
static bool waits_for_set(const struct part *part, const struct plan_rule *rule)
{
	bool each = rule->told && part->temporal->config.each;
	return rule->mode == PLAN_AT_ONCE && (each || (rule->outer_count > 0 && rule->carried_count > 0));
}

/* ---- a match has joined ---- */

static int64_t excursions_due(const struct group *g)
{
	int64_t due = INT64_MAX;
	for (uint32_t i = 0; i < g->excursion_count; i++) {
		int64_t next = excursion_due_ns(g, i);
		if (next < due)
			due = next;
	}
	return due;
}

static int take_fired(struct part *part, struct group *g)
{
	const struct temporal *t = part->temporal;
	bool at_once = g->rule->outer_count > 0 && g->rule->carried_count == 0;
	for (uint32_t i = 0; i < t->fired_count; i++) {
		uint32_t index = t->fired[i];
		int64_t when = group_member(g, index)->when_ns;
		if (told_by_excursion(part, g->rule) &&
			excursion_fire(part, g, index, sub_saturated(when, g->rule->timespan_ns)) < 0)
			return -ERROR_MEMORY;
		if (at_once && chain_forward(part, g, index, index + 1, index) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

/* At once, and again when it has doubled: a flood does not become a flood of rows. */
static int tell_provisional(struct part *part, struct group *g)
{
	for (uint32_t i = 0; i < g->excursion_count; i++) {
		const struct excursion *e = &g->excursions[i];
		if (!e->ended && (e->changed || e->firing_points >= 2 * e->told_size) && tell_incident(part, g, i, false) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

static inline int take(struct part *part, struct group *g, uint32_t place)
{
	if (condition_update(part, g, place) < 0)
		return -ERROR_MEMORY;
	return part->temporal->fired_count > 0 ? take_fired(part, g) : 0;
}

int group_take(struct part *part, struct group *g, uint32_t place)
{
	return take(part, g, place);
}

int group_update(struct part *part, struct group *g, uint32_t place)
{
	const struct temporal *t = part->temporal;
	if (take(part, g, place) < 0)
		return -ERROR_MEMORY;
	const struct member *m = group_member(g, place);
	int64_t due = add_saturated(m->when_ns, g->rule->kept_ns); /* members before it were seen to when they joined */
	if (g->rule->mode != PLAN_AT_ONCE) {
		int64_t judged = judge_due(g->rule, m);
		due = judged < due ? judged : due;
	}
	if (t->fired_count > 0) {
		if (tell_provisional(part, g) < 0)
			return -ERROR_MEMORY;
		int64_t excursions = excursions_due(g), fired = group_member(g, t->fired[0])->when_ns;
		if (excursions < due)
			due = excursions;
		if (waits_for_set(part, g->rule) && fired < due)
			due = fired;
	}
	bool outgrown = group_outgrown(part, g);
	if (outgrown && group_due(part, g) < due)
		due = group_due(part, g);
	/* Too early is allowed: the group is looked at and placed anew. Packed matches leave with the newest of them at the latest, so
	 * one that fires nothing finds the group placed well. */
	if (g->rule->mode == PLAN_AT_ONCE && t->fired_count == 0 && !outgrown && g->entry->link.slot != 0)
		return 0;
	int64_t before = group_placed(part, g);
	return group_place(part, g, due < before ? due : before);
}

/* ---- the watermark has passed ---- */

static int pass_sets(struct part *part, struct group *g, int64_t watermark_ns)
{
	const struct plan_rule *rule = g->rule;
	uint32_t end = group_lower(g, watermark_ns);
	for (uint32_t i = group_lower(g, g->judged_ns); i < end; i++) {
		const struct member *m = group_member(g, i);
		if ((m->flags & MEMBER_FIRED) == 0)
			continue;
		uint32_t from = group_lower(g, sub_saturated(m->when_ns, rule->timespan_ns));
		uint32_t to = rule->type == CORRELATION_TEMPORAL_ORDERED ? group_upper(g, m->when_ns) : i + 1;
		if (rule->told && part->temporal->config.each && tell_firing(part, g, from, to, i) < 0)
			return -ERROR_MEMORY;
		if (rule->carried_count > 0 && rule->outer_count > 0 && chain_forward(part, g, from, to, i) < 0)
			return -ERROR_MEMORY;
	}
	g->judged_ns = watermark_ns;
	return 0;
}

/* In order: whether an excursion is kept quiet depends on those before it. */
static int finish_excursions(struct part *part, struct group *g, int64_t watermark_ns)
{
	for (;;) {
		uint32_t i = g->excursion_count > 0 && g->excursions[0].ended && excursion_due_ns(g, 0) >= watermark_ns;
		if (i == g->excursion_count || excursion_due_ns(g, i) >= watermark_ns)
			return 0;
		if (g->excursions[i].ended) {
			excursion_drop(part, g, i);
			continue;
		}
		if (tell_incident(part, g, i, true) < 0)
			return -ERROR_MEMORY;
		excursion_end(part, g, i);
	}
}

int64_t group_due(const struct part *part, const struct group *g)
{
	int64_t due = excursions_due(g), history = history_newest(g);
	int64_t sieve = g->rule->list_count > 0 ? sieve_due(g) : INT64_MAX;
	if (sieve < due)
		due = sieve;
	if (history != TIME_NONE && add_saturated(history, g->rule->history_ns) < due)
		due = add_saturated(history, g->rule->history_ns);
	if (g->count == 0)
		return due;
	/* members leave together: a large group is not looked at for each of them */
	const struct member *leaving = group_member(g, g->count / LEAVING_SHARE);
	int64_t leave = add_saturated(leaving->when_ns, g->rule->kept_ns), judged = judge_next(g);
	if (leave < due)
		due = leave;
	if (judged < due)
		due = judged;
	if (!waits_for_set(part, g->rule))
		return due;
	for (uint32_t i = group_lower(g, g->judged_ns); i < g->count && group_member(g, i)->when_ns < due; i++)
		if ((group_member(g, i)->flags & MEMBER_FIRED) != 0)
			due = group_member(g, i)->when_ns;
	return due;
}

static int group_advance(struct part *part, struct group *g, int64_t watermark_ns)
{
	bool lists = g->rule->list_count > 0;
	if (lists && sieve_pass(part, g, watermark_ns) < 0)
		return -ERROR_MEMORY;
	if (g->rule->mode != PLAN_AT_ONCE && group_judge(part, g, watermark_ns) < 0)
		return -ERROR_MEMORY;
	if ((lists || g->rule->mode != PLAN_AT_ONCE) && tell_provisional(part, g) < 0)
		return -ERROR_MEMORY;
	if (waits_for_set(part, g->rule) && pass_sets(part, g, watermark_ns) < 0)
		return -ERROR_MEMORY;
	if (finish_excursions(part, g, watermark_ns) < 0)
		return -ERROR_MEMORY;
	uint32_t gone = group_lower(g, sub_saturated(watermark_ns, g->rule->kept_ns));
	if (gone > 0 && excursion_fold(part, g, gone) < 0)
		return -ERROR_MEMORY;
	bool known = lists && !sieve_empty(g);
	if (g->count == 0 && g->excursion_count == 0 && history_newest(g) == TIME_NONE && !known) {
		table_drop(part, g->number);
		return 0;
	}
	int64_t due = group_due(part, g);
	CHECK(due >= watermark_ns);
	return group_place(part, g, due) < 0 ? -ERROR_MEMORY : group_fold(part, g);
}

/* Entries that go, each a few later than it is met: by then its place in the table is there. */
struct going {
	uint32_t numbers[READY_AHEAD], count;
};

static void going_add(struct part *part, struct going *going, uint32_t number)
{
	uint32_t at = going->count++ % READY_AHEAD;
	const struct entry *e = entry_at(part, number);
	table_prefetch(part, key_hash(part, &part->temporal->plan->rules[e->rule], entry_key(e)));
	if (going->count > READY_AHEAD)
		table_drop(part, going->numbers[at]);
	going->numbers[at] = number;
}

static void going_end(struct part *part, const struct going *going)
{
	for (uint32_t i = 0; i < READY_AHEAD && i < going->count; i++)
		table_drop(part, going->numbers[i]);
}

/* Rows come out in an order that follows from the content: how the wheel lies does not show. */
static int compare_ready(const void *a, const void *b)
{
	const struct entry *x = ((const struct ready *)a)->entry, *y = ((const struct ready *)b)->entry;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return slice_compare(entry_key(x), entry_key(y));
}

static int ready_add(struct temporal *t, uint32_t count, struct ready due)
{
	if (count == t->ready_room) {
		uint32_t room = t->ready_room == 0 ? 64 : t->ready_room * 2;
		struct ready *ready = env_resize(t->env, t->ready, sizeof(*ready) * room);
		if (ready == NULL)
			return -ERROR_MEMORY;
		t->ready = ready;
		t->ready_room = room;
	}
	t->ready[count] = due;
	return 0;
}

/* Nothing fired, so there is nothing to tell or to send on: the entry goes with its newest match, in any order. */
static int pass_whole(struct part *part, struct wheel *wheel, struct going *going, uint32_t number,
					  int64_t watermark_ns)
{
	const struct entry *e = entry_at(part, number);
	int64_t kept = part->temporal->plan->rules[e->rule].kept_ns;
	if (e->when_ns >= sub_saturated(watermark_ns, kept))
		return wheel_put(wheel, number, add_saturated(e->when_ns, kept));
	going_add(part, going, number);
	return 0;
}

/* Numbers of what is due, taken a little before it is looked at: by then it is there. */
struct coming {
	uint32_t numbers[READY_AHEAD], next, count;
};

/* The next one, out of the wheel; 0: that was all. */
static uint32_t coming_take(struct part *part, struct wheel *wheel, struct coming *c)
{
	for (;;) {
		uint32_t *place = &c->numbers[c->next++ % READY_AHEAD], number = *place;
		*place = wheel_take(wheel);
		if (*place != 0)
			entry_prefetch(entry_at(part, *place));
		c->count += (*place != 0) - (number != 0);
		uint32_t half = c->numbers[(c->next + READY_AHEAD / 2) % READY_AHEAD];
		if (half != 0)
			entry_prefetch_group(part, entry_at(part, half));
		if (number != 0)
			entry_at(part, number)->link.slot = 0;
		if (number != 0 || c->count == 0)
			return number;
	}
}

/* All that is due; what needs no looking at is seen to at once, however much it is. Negative: no memory. */
static int64_t take_due(struct part *part, uint32_t level, int64_t watermark_ns)
{
	struct wheel *wheel = part->levels[level].wheel;
	struct coming coming = {.count = 0};
	struct going going = {.count = 0};
	uint32_t count = 0;
	int result = wheel_move(wheel, watermark_ns);
	for (uint32_t number; result == 0 && (number = coming_take(part, wheel, &coming)) != 0;) {
		if (entry_leaves_whole(part, entry_at(part, number)))
			result = pass_whole(part, wheel, &going, number, watermark_ns);
		else
			result = ready_add(part->temporal, count++, (struct ready){entry_at(part, number), number});
	}
	going_end(part, &going);
	return result < 0 ? result : (int64_t)count;
}

int level_advance(struct part *part, uint32_t level)
{
	struct temporal *t = part->temporal;
	int64_t watermark = part->levels[level].watermark_ns, count = take_due(part, level, watermark);
	if (part->spill != NULL)
		spill_pass(part, level);
	if (count > 1)
		qsort(t->ready, (size_t)count, sizeof(*t->ready), compare_ready);
	for (int64_t i = 0; i < count; i++) {
		if (i + READY_AHEAD < count)
			entry_prefetch_group(part, t->ready[i + READY_AHEAD].entry);
		if (i + READY_AHEAD / 2 < count)
			entry_prefetch_members(t->ready[i + READY_AHEAD / 2].entry);
		struct group *g = group_unfold(part, t->ready[i].number);
		if (g == NULL || group_advance(part, g, watermark) < 0)
			return -ERROR_MEMORY;
	}
	return count < 0 ? -ERROR_MEMORY : 0;
}
