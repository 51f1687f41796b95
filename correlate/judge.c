/* Verdicts that wait for the watermark (T4): conditions that a further match could make false.
 *
 * Settled: the window before each match, as for conditions that hold at once, judged when the watermark has passed the match.
 * Laid: windows that do not overlap, judged when the watermark has passed their end; the last match is the firing point.
 */
#include "correlate/slide.h"

bool told_by_excursion(const struct part *part, const struct plan_rule *rule)
{
	return rule->told && !part->temporal->config.each;
}

static int64_t tumbling_end(const struct plan_rule *rule, int64_t when_ns)
{
	int64_t rest = when_ns % rule->timespan_ns;
	int64_t begin = when_ns - (rest < 0 ? rest + rule->timespan_ns : rest);
	return add_saturated(begin, rule->timespan_ns - 1);
}

static int64_t next_period_ns(const struct plan_rule *rule, int64_t when_ns)
{
	int64_t next;
	if (__builtin_mul_overflow(period_number(rule, when_ns) + 1, rule->period_ns, &next))
		return INT64_MAX;
	return next;
}

/* Never later than the window of the match ends, so that what is told when does not depend on what was seen first. */
int64_t judge_due(const struct plan_rule *rule, const struct member *m)
{
	int64_t when = m->when_ns, due = add_saturated(when, rule->timespan_ns);
	if (rule->mode == PLAN_SETTLED || rule->window == WINDOW_BEFORE || m->slot == rule->until_slot)
		return when;
	if (rule->window == WINDOW_TUMBLING)
		return tumbling_end(rule, when);
	if (rule->window != WINDOW_SESSION)
		return due;
	int64_t gap = add_saturated(when, rule->gap_ns), cut = next_period_ns(rule, when) - 1;
	due = gap < due ? gap : due;
	return cut < due ? cut : due;
}

/* The set [from, to) is completed by the firing point `index`. */
static int tell_judged(struct part *part, struct group *g, uint32_t from, uint32_t to, uint32_t index, int64_t start_ns)
{
	if (g->rule->told && part->temporal->config.each && tell_firing(part, g, from, to, index) < 0)
		return -ERROR_MEMORY;
	if (told_by_excursion(part, g->rule) && excursion_fire(part, g, index, start_ns) < 0)
		return -ERROR_MEMORY;
	return g->rule->outer_count > 0 ? chain_forward(part, g, from, to, index) : 0;
}

/* The set [from, to) holds: its last member is a firing point, once, even when windows of two periods end with it. */
static int judged(struct part *part, struct group *g, uint32_t from, uint32_t to, int64_t start_ns)
{
	struct member *m = group_member(g, to - 1);
	if ((m->flags & MEMBER_FIRED) != 0)
		return 0;
	m->flags |= MEMBER_FIRED;
	return tell_judged(part, g, from, to, to - 1, start_ns);
}

static int judge_set(struct slide *s, uint32_t from, uint32_t to, int64_t start_ns)
{
	slide_move(s, from, to);
	int holds = slide_holds(s);
	return holds > 0 ? judged(s->part, s->group, from, to, start_ns) : holds;
}

static bool ends_windows(const struct group *g, uint32_t index)
{
	return group_member(g, index)->slot == g->rule->until_slot;
}

/* ---- settled ---- */

/* Where the set of member `index` begins: a timespan before it, or behind the instant of the last match before it that ends
 * windows. */
static int64_t set_start(const struct group *g, uint32_t index)
{
	int64_t when = group_member(g, index)->when_ns, start = sub_saturated(when, g->rule->timespan_ns);
	if (g->rule->until_slot == PLAN_NONE)
		return start;
	for (uint32_t i = index; i > 0 && group_member(g, i - 1)->when_ns >= start; i--)
		if (ends_windows(g, i - 1) && group_member(g, i - 1)->when_ns < when)
			return group_member(g, i - 1)->when_ns + 1;
	return start;
}

/* The last match before an instant that ends windows, while members pass in order. */
struct fence {
	int64_t before_ns; /* TIME_NONE: none is near */
	int64_t block_ns, block_fence_ns; /* the instant passing now, and one in it, which counts for later instants */
};

static int64_t fence_pass(struct fence *f, const struct group *g, uint32_t index)
{
	int64_t when = group_member(g, index)->when_ns, start = sub_saturated(when, g->rule->timespan_ns);
	if (when != f->block_ns) {
		if (f->block_fence_ns != TIME_NONE)
			f->before_ns = f->block_fence_ns;
		f->block_ns = when;
		f->block_fence_ns = TIME_NONE;
	}
	if (ends_windows(g, index))
		f->block_fence_ns = when;
	return f->before_ns != TIME_NONE && f->before_ns >= start ? f->before_ns + 1 : start;
}

static int settle_one(struct slide *s, uint32_t index, int64_t start_ns)
{
	struct group *g = s->group;
	struct member *m = group_member(g, index);
	uint32_t from = s->from;
	int fresh = g->rule->history_ns > 0 ? history_pass(s->part, g, m) : 0;
	if (fresh < 0)
		return fresh;
	m->flags |= fresh > 0 ? MEMBER_NEW : 0;
	while (group_member(g, from)->when_ns < start_ns)
		from++;
	return judge_set(s, from, index + 1, start_ns);
}

static int settle(struct slide *s, uint32_t first, uint32_t end)
{
	struct group *g = s->group;
	int64_t start = set_start(g, first), whole = sub_saturated(group_member(g, first)->when_ns, g->rule->timespan_ns);
	struct fence f = {start > whole ? start - 1 : TIME_NONE, TIME_NONE, TIME_NONE};
	for (uint32_t i = first; i < end; i++) {
		start = fence_pass(&f, g, i);
		if (!ends_windows(g, i) && settle_one(s, i, start) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

static int settle_ordered(struct part *part, struct group *g, uint32_t from, uint32_t first, uint32_t end)
{
	if (ordered_settle(part, g, from, first, end) < 0)
		return -ERROR_MEMORY;
	for (uint32_t k = 0; k < part->temporal->fired_count; k++) {
		uint32_t i = part->temporal->fired[k];
		int64_t start = set_start(g, i);
		if (tell_judged(part, g, group_lower(g, start), group_upper(g, group_member(g, i)->when_ns), i, start) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

static int judge_settled(struct part *part, struct group *g, int64_t watermark_ns)
{
	uint32_t first = group_lower(g, g->judged_ns), end = group_lower(g, watermark_ns);
	int result = 0;
	if (first < end) {
		uint32_t from = group_lower(g, sub_saturated(group_member(g, first)->when_ns, g->rule->timespan_ns));
		if (g->rule->type == CORRELATION_TEMPORAL_ORDERED) {
			result = settle_ordered(part, g, from, first, end);
		} else {
			struct slide s;
			result = slide_open(&s, part, g, from, end);
			if (result == 0)
				result = settle(&s, first, end);
			slide_close(&s);
		}
	}
	if (g->rule->history_ns > 0)
		history_forget(part, g, sub_saturated(watermark_ns, g->rule->history_ns));
	g->judged_ns = watermark_ns;
	return result;
}

/* ---- laid ---- */

/* A window: nothing joins it any more when the watermark has passed `end`, and the next one begins at `next` at the earliest. */
struct window {
	uint32_t from; /* its first match */
	int64_t end_ns, next_ns;
};

static int64_t session_end(const struct group *g, uint32_t from)
{
	int64_t begin = group_member(g, from)->when_ns, limit = add_saturated(begin, g->rule->timespan_ns), last = begin;
	int64_t cut = next_period_ns(g->rule, begin);
	limit = limit < cut ? limit : cut - 1;
	for (uint32_t i = from + 1; i < g->count; i++) {
		int64_t when = group_member(g, i)->when_ns;
		if (ends_windows(g, i))
			continue;
		if (when > limit || sub_saturated(when, last) > g->rule->gap_ns)
			break;
		last = when;
	}
	int64_t end = add_saturated(last, g->rule->gap_ns);
	return end < limit ? end : limit;
}

/* Matches that end windows: the first from this one's beginning on ends it, at its instant. */
static void cut_window(const struct group *g, struct window *w, int64_t begin_ns)
{
	if (g->rule->until_slot == PLAN_NONE)
		return;
	for (uint32_t i = group_lower(g, begin_ns); i < g->count && group_member(g, i)->when_ns <= w->end_ns; i++)
		if (ends_windows(g, i)) {
			w->end_ns = group_member(g, i)->when_ns;
			w->next_ns = w->end_ns + 1;
			return;
		}
}

static bool next_window(const struct group *g, struct window *w)
{
	w->from = group_lower(g, g->judged_ns);
	while (w->from < g->count && ends_windows(g, w->from))
		w->from++;
	if (w->from == g->count)
		return false;
	int64_t begin = group_member(g, w->from)->when_ns, cut = INT64_MAX;
	if (g->rule->window == WINDOW_SESSION) {
		w->end_ns = session_end(g, w->from);
	} else if (g->rule->window == WINDOW_TUMBLING) {
		w->end_ns = tumbling_end(g->rule, begin);
	} else {
		w->end_ns = add_saturated(begin, g->rule->timespan_ns);
		cut = next_period_ns(g->rule, begin);
	}
	w->next_ns = cut <= w->end_ns ? cut : add_saturated(w->end_ns, 1);
	cut_window(g, w, begin);
	return true;
}

static int judge_window(struct part *part, struct group *g, uint32_t from, uint32_t to)
{
	struct slide s;
	while (ends_windows(g, to - 1))
		to--;
	int result = slide_open(&s, part, g, from, to);
	if (result == 0)
		result = judge_set(&s, from, to, group_member(g, from)->when_ns);
	slide_close(&s);
	return result;
}

static int judge_laid(struct part *part, struct group *g, int64_t watermark_ns)
{
	struct window w;
	while (next_window(g, &w) && w.end_ns < watermark_ns) {
		if (judge_window(part, g, w.from, group_upper(g, w.end_ns)) < 0)
			return -ERROR_MEMORY;
		g->judged_ns = w.next_ns;
	}
	return 0;
}

/* ---- around a pivot ---- */

/* Matches of the pivot rule before `end`, which judged before, or whose windows end before it. */
static int judge_pivots(struct slide *s, uint32_t first, uint32_t end)
{
	struct group *g = s->group;
	bool after = g->rule->window == WINDOW_AFTER;
	for (uint32_t i = first; i < end; i++) {
		int64_t when = group_member(g, i)->when_ns, start = sub_saturated(when, g->rule->timespan_ns);
		if (group_member(g, i)->slot != g->rule->pivot_slot)
			continue;
		uint32_t from = after ? i : group_lower(g, start);
		uint32_t to = after ? group_upper(g, add_saturated(when, g->rule->timespan_ns)) : i + 1;
		if (judge_set(s, from, to, after ? when : start) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

static int judge_pivot(struct part *part, struct group *g, int64_t watermark_ns)
{
	int64_t passed = sub_saturated(watermark_ns, g->rule->delay_ns);
	uint32_t first = group_lower(g, g->judged_ns), end = group_lower(g, passed);
	if (first < end) {
		struct slide s;
		uint32_t from = group_lower(g, sub_saturated(group_member(g, first)->when_ns, g->rule->timespan_ns));
		int result = slide_open(&s, part, g, from, group_lower(g, watermark_ns));
		if (result == 0)
			result = judge_pivots(&s, first, end);
		slide_close(&s);
		if (result < 0)
			return result;
	}
	g->judged_ns = passed > g->judged_ns ? passed : g->judged_ns;
	return 0;
}

/* ---- absence ---- */

/* T5. A match with none in the timespan after it: its key has gone silent. At the end of all input the data ends with its
 * newest match: what is silent from there on says nothing. */
static int judge_absent(struct part *part, struct group *g, int64_t watermark_ns)
{
	int64_t known = watermark_ns == INT64_MAX ? part->newest_ns : watermark_ns;
	int64_t passed = sub_saturated(known, g->rule->timespan_ns);
	uint32_t end = group_lower(g, passed);
	for (uint32_t i = group_lower(g, g->judged_ns); i < end; i++) {
		int64_t when = group_member(g, i)->when_ns, until = add_saturated(when, g->rule->timespan_ns);
		bool silent = i + 1 == g->count || group_member(g, i + 1)->when_ns > until;
		if (silent && judged(part, g, i, i + 1, when) < 0)
			return -ERROR_MEMORY;
	}
	g->judged_ns = passed > g->judged_ns ? passed : g->judged_ns;
	return 0;
}

static int64_t next_verdict(const struct group *g)
{
	struct window w;
	if (g->rule->mode == PLAN_AT_ONCE)
		return INT64_MAX;
	if (g->rule->mode == PLAN_LAID)
		return next_window(g, &w) ? w.end_ns : INT64_MAX;
	uint32_t next = group_lower(g, g->judged_ns);
	return next == g->count ? INT64_MAX : add_saturated(group_member(g, next)->when_ns, g->rule->delay_ns);
}

int64_t judge_next(const struct group *g)
{
	int64_t next = next_verdict(g);
	return next > g->rule->until_ns ? INT64_MAX : next;
}

int group_judge(struct part *part, struct group *g, int64_t watermark_ns)
{
	/* T17: of a set that ends later, a retiring correlation has not seen all. */
	if (watermark_ns > g->rule->until_ns)
		watermark_ns = g->rule->until_ns + 1;
	switch (g->rule->mode) {
	case PLAN_AT_ONCE:
		return 0;
	case PLAN_SETTLED:
		return judge_settled(part, g, watermark_ns);
	case PLAN_LAID:
		return judge_laid(part, g, watermark_ns);
	case PLAN_PIVOT:
		return judge_pivot(part, g, watermark_ns);
	case PLAN_ABSENT:
		return judge_absent(part, g, watermark_ns);
	}
	return 0;
}
