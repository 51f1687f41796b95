/* Excursions (T12): firing points of a group that lie at most a timespan apart, cut at the periods. */
#include "correlate/window.h"

int64_t period_number(const struct plan_rule *rule, int64_t when_ns)
{
	int64_t n = when_ns / rule->period_ns;
	return when_ns % rule->period_ns < 0 ? n - 1 : n;
}

/* May two firing points, a before b, be of one excursion? */
static bool near(const struct plan_rule *rule, int64_t a_ns, int64_t b_ns)
{
	return sub_saturated(b_ns, a_ns) <= rule->timespan_ns;
}

static bool joined(const struct plan_rule *rule, int64_t a_ns, int64_t b_ns)
{
	return near(rule, a_ns, b_ns) && period_number(rule, a_ns) == period_number(rule, b_ns);
}

/* A laid window is judged only when its end has passed, so its firing point may still come late. */
int64_t excursion_final_ns(const struct group *g, const struct excursion *e)
{
	int64_t end = add_saturated(e->last.when_ns, g->rule->timespan_ns);
	return add_saturated(end, g->rule->delay_ns);
}

int64_t fired_ns(const struct plan_rule *rule, const struct member *m)
{
	return rule->mode == PLAN_ABSENT ? add_saturated(m->when_ns, rule->timespan_ns) : m->when_ns;
}

static void member_replace(struct part *part, struct member *to, const struct member *from)
{
	member_hold(from);
	member_release(part, to);
	*to = *from;
}

/* ---- a new firing point ---- */

static struct excursion *excursion_new(struct part *part, struct group *g, uint32_t at)
{
	struct excursion *all = env_resize(part->temporal->env, g->excursions, sizeof(*all) * (g->excursion_count + 1));
	if (all == NULL)
		return NULL;
	g->excursions = all;
	memmove(all + at + 1, all + at, sizeof(*all) * (g->excursion_count - at));
	memset(&all[at], 0, sizeof(*all));
	g->excursion_count++;
	part->bytes += sizeof(*all);
	return &all[at];
}

static int start(struct part *part, struct group *g, uint32_t at, const struct member *m, int64_t start_ns)
{
	struct excursion *e = excursion_new(part, g, at);
	if (e == NULL)
		return -ERROR_MEMORY;
	e->first = e->last = *m;
	member_hold(m);
	member_hold(m);
	e->start_ns = start_ns;
	e->firing_points = 1;
	e->changed = true;
	return 0;
}

static void extend(struct part *part, struct excursion *e, const struct member *m, int64_t start_ns)
{
	if (member_compare(m, &e->first) < 0) {
		member_replace(part, &e->first, m);
		e->changed = true;
	}
	if (member_compare(m, &e->last) > 0)
		member_replace(part, &e->last, m);
	if (start_ns < e->start_ns)
		e->start_ns = start_ns;
	e->firing_points++;
}

static int grow_told(struct part *part, struct excursion *e, uint32_t more)
{
	uint8_t(*told)[16] = env_resize(part->temporal->env, e->told, sizeof(*told) * (e->told_count + more));
	if (told == NULL)
		return -ERROR_MEMORY;
	e->told = told;
	return 0;
}

/* The excursion after `at` joins it. Nothing of the later one is folded yet: the match that joins them was in time, so the
 * watermark is not past it, and the later one begins at most a timespan before it (W3). */
static int merge(struct part *part, struct group *g, uint32_t at)
{
	struct excursion *e = &g->excursions[at], *next = e + 1;
	CHECK(next->folded == 0);
	if (next->told_count > 0) {
		if (grow_told(part, e, next->told_count) < 0)
			return -ERROR_MEMORY;
		memcpy(e->told + e->told_count, next->told, sizeof(*e->told) * next->told_count);
		e->told_count += next->told_count;
		part->bytes += sizeof(*e->told) * next->told_count;
	}
	member_replace(part, &e->last, &next->last);
	e->firing_points += next->firing_points;
	e->told_size = e->told_size > next->told_size ? e->told_size : next->told_size;
	e->changed = true;
	excursion_drop(part, g, at + 1);
	return 0;
}

int excursion_fire(struct part *part, struct group *g, uint32_t index, int64_t start_ns)
{
	const struct member m = *group_member(g, index);
	uint32_t at = 0;
	while (at < g->excursion_count && member_compare(&g->excursions[at].last, &m) < 0)
		at++;
	/* excursions[at] is the first that does not end before m */
	bool after = at < g->excursion_count && (member_compare(&g->excursions[at].first, &m) <= 0 ||
											 joined(g->rule, m.when_ns, g->excursions[at].first.when_ns));
	bool before = at > 0 && joined(g->rule, g->excursions[at - 1].last.when_ns, m.when_ns);
	if (before) {
		extend(part, &g->excursions[at - 1], &m, start_ns);
		return after ? merge(part, g, at - 1) : 0;
	}
	if (!after)
		return start(part, g, at, &m, start_ns);
	extend(part, &g->excursions[at], &m, start_ns);
	return 0;
}

/* ---- what belongs to it ---- */

void excursion_range(const struct group *g, const struct excursion *e, uint32_t *from, uint32_t *to)
{
	*from = group_lower(g, e->start_ns);
	bool slides = g->rule->mode == PLAN_AT_ONCE || g->rule->mode == PLAN_SETTLED;
	if (g->rule->type == CORRELATION_TEMPORAL_ORDERED && slides) {
		*to = group_upper(g, e->last.when_ns); /* a tie has no order: the whole block belongs */
		return;
	}
	uint32_t end = group_upper(g, e->last.when_ns);
	while (end > *from && member_compare(group_member(g, end - 1), &e->last) > 0)
		end--;
	*to = end;
}

bool excursion_continues(const struct group *g, uint32_t index)
{
	const struct excursion *e = &g->excursions[index];
	return e->continues || (index > 0 && near(g->rule, g->excursions[index - 1].last.when_ns, e->first.when_ns));
}

static int evidence_add(struct part *part, struct excursion *e, const struct member *m)
{
	e->folded++;
	if (e->evidence_count >= (uint32_t)LIMIT_incident_events)
		return 0;
	if (e->evidence_count == e->evidence_room) {
		uint32_t room = e->evidence_room == 0 ? 8 : e->evidence_room * 2;
		struct member *evidence = env_resize(part->temporal->env, e->evidence, sizeof(*evidence) * room);
		if (evidence == NULL)
			return -ERROR_MEMORY;
		e->evidence = evidence;
		e->evidence_room = room;
	}
	member_hold(m);
	e->evidence[e->evidence_count++] = *m;
	part->bytes += sizeof(*m);
	return 0;
}

int excursion_fold(struct part *part, struct group *g, uint32_t count)
{
	for (uint32_t k = 0; k < g->excursion_count; k++) {
		struct excursion *e = &g->excursions[k];
		uint32_t from, to;
		if (e->ended)
			continue;
		excursion_range(g, e, &from, &to);
		for (uint32_t i = from; i < to && i < count; i++)
			if (evidence_add(part, e, group_member(g, i)) < 0)
				return -ERROR_MEMORY;
	}
	values_leave(part, g, count);
	for (uint32_t i = 0; i < count; i++)
		member_release(part, group_member(g, i));
	g->first += count;
	g->count -= count;
	part->bytes -= member_bytes(g) * count;
	return 0;
}

/* What is only needed to tell it. */
static void forget(struct part *part, struct excursion *e)
{
	for (uint32_t i = 0; i < e->evidence_count; i++)
		member_release(part, &e->evidence[i]);
	part->bytes -= sizeof(*e->evidence) * e->evidence_count + sizeof(*e->told) * e->told_count;
	env_free(part->temporal->env, e->evidence);
	env_free(part->temporal->env, e->told);
	e->evidence = NULL;
	e->told = NULL;
	e->evidence_count = e->evidence_room = e->told_count = 0;
}

void excursion_drop(struct part *part, struct group *g, uint32_t index)
{
	struct excursion *e = &g->excursions[index];
	member_release(part, &e->first);
	member_release(part, &e->last);
	forget(part, e);
	part->bytes -= sizeof(*e);
	if (index + 1 < g->excursion_count && near(g->rule, e->last.when_ns, g->excursions[index + 1].first.when_ns))
		g->excursions[index + 1].continues = true;
	memmove(e, e + 1, sizeof(*e) * (g->excursion_count - index - 1));
	g->excursion_count--;
}

/* ---- T13 ---- */

static bool quiets(const struct group *g, const struct excursion *by, const struct excursion *e)
{
	return sub_saturated(e->first.when_ns, by->first.when_ns) <= g->rule->suppress_ns;
}

uint32_t excursion_anchor(const struct group *g, uint32_t index)
{
	uint32_t anchor = 0;
	if (g->rule->suppress_ns == 0)
		return index;
	for (uint32_t k = 1; k <= index; k++)
		if (!quiets(g, &g->excursions[anchor], &g->excursions[k]))
			anchor = k;
	return anchor;
}

/* An anchor is needed as long as an excursion that begins in its time can still come or is not final. */
int64_t excursion_due_ns(const struct group *g, uint32_t index)
{
	const struct excursion *e = &g->excursions[index];
	if (!e->ended)
		return excursion_final_ns(g, e);
	if (index + 1 < g->excursion_count && quiets(g, e, e + 1))
		return INT64_MAX;
	return add_saturated(add_saturated(e->first.when_ns, g->rule->suppress_ns), g->rule->delay_ns);
}

void excursion_end(struct part *part, struct group *g, uint32_t index)
{
	uint32_t anchor = excursion_anchor(g, index);
	struct excursion *e = &g->excursions[index];
	if (g->rule->suppress_ns == 0 || anchor != index) {
		if (anchor != index)
			g->excursions[anchor].suppressed++;
		excursion_drop(part, g, index);
		return;
	}
	forget(part, e);
	e->folded = 0;
	e->ended = true;
	if (index > 0) /* the one before it keeps nobody quiet any more */
		excursion_drop(part, g, 0);
}
