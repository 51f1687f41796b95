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

int64_t judge_due(const struct plan_rule *rule, int64_t when_ns)
{
	return rule->mode == PLAN_LAID ? add_saturated(when_ns, rule->timespan_ns) : when_ns;
}

/* The set [from, to) holds: its last member is a firing point, once, even when windows of two periods end with it. */
static int judged(struct part *part, struct group *g, uint32_t from, uint32_t to, int64_t start_ns)
{
	struct member *m = group_member(g, to - 1);
	if ((m->flags & MEMBER_FIRED) != 0)
		return 0;
	m->flags |= MEMBER_FIRED;
	if (g->rule->told && part->temporal->config.each && tell_firing(part, g, from, to, to - 1) < 0)
		return -ERROR_MEMORY;
	if (told_by_excursion(part, g->rule) && excursion_fire(part, g, to - 1, start_ns) < 0)
		return -ERROR_MEMORY;
	return g->rule->outer_count > 0 ? chain_forward(part, g, from, to, to - 1) : 0;
}

/* ---- settled ---- */

static int settle(struct slide *s, uint32_t first, uint32_t end)
{
	struct group *g = s->group;
	for (uint32_t i = first; i < end; i++) {
		int64_t start = sub_saturated(group_member(g, i)->when_ns, g->rule->timespan_ns);
		uint32_t from = s->from;
		while (group_member(g, from)->when_ns < start)
			from++;
		slide_move(s, from, i + 1);
		int holds = slide_holds(s);
		if (holds < 0 || (holds > 0 && judged(s->part, g, from, i + 1, start) < 0))
			return -ERROR_MEMORY;
	}
	return 0;
}

static int judge_settled(struct part *part, struct group *g, int64_t watermark_ns)
{
	uint32_t first = group_lower(g, g->judged_ns), end = group_lower(g, watermark_ns);
	if (first < end) {
		struct slide s;
		uint32_t from = group_lower(g, sub_saturated(group_member(g, first)->when_ns, g->rule->timespan_ns));
		int result = slide_open(&s, part, g, from, end);
		if (result == 0)
			result = settle(&s, first, end);
		slide_close(&s);
		if (result < 0)
			return result;
	}
	g->judged_ns = watermark_ns;
	return 0;
}

/* ---- laid ---- */

static int64_t next_period_ns(const struct plan_rule *rule, int64_t when_ns)
{
	int64_t next;
	if (__builtin_mul_overflow(period_number(rule, when_ns) + 1, rule->period_ns, &next))
		return INT64_MAX;
	return next;
}

static int judge_window(struct part *part, struct group *g, uint32_t from, uint32_t to)
{
	struct slide s;
	int result = slide_open(&s, part, g, from, to);
	if (result == 0) {
		slide_move(&s, from, to);
		result = slide_holds(&s);
	}
	slide_close(&s);
	return result > 0 ? judged(part, g, from, to, group_member(g, from)->when_ns) : result;
}

/* One after another, from the first match of a period on. */
static int judge_laid(struct part *part, struct group *g, int64_t watermark_ns)
{
	for (;;) {
		uint32_t from = group_lower(g, g->judged_ns);
		if (from == g->count)
			return 0;
		int64_t begin = group_member(g, from)->when_ns, end = add_saturated(begin, g->rule->timespan_ns);
		if (end >= watermark_ns)
			return 0;
		if (judge_window(part, g, from, group_upper(g, end)) < 0)
			return -ERROR_MEMORY;
		int64_t cut = next_period_ns(g->rule, begin);
		g->judged_ns = cut <= end ? cut : end + 1;
	}
}

int group_judge(struct part *part, struct group *g, int64_t watermark_ns)
{
	return g->rule->mode == PLAN_LAID ? judge_laid(part, g, watermark_ns) : judge_settled(part, g, watermark_ns);
}
