/* value_count: how many distinct values stand in the window of a match (T10).
 *
 * Small groups are counted back from the match. A large group has a tally: for each value how often it stands in the window
 * of the group's newest member, so that the usual match, which is the newest, costs constant time. A match that comes out
 * of order is added to the tally when it lies in that window; only the verdicts between it and the newest are counted
 * back.
 */
#include "correlate/window.h"

#define TALLY_MEMBERS 64u /* groups of fewer are counted back */

struct tally {
	uint32_t size, used, distinct; /* places, places taken (zero counts included), values with a count */
	uint32_t from; /* first member of the newest one's window */
	struct tally_place {
		uint32_t value; /* the number of its text; 0: free */
		uint32_t count;
	} places[];
};

static uint32_t value_place(const struct text *value, uint32_t size)
{
	return (uint32_t)(((uintptr_t)value >> 4) * 0x9e3779b97f4a7c15u >> 32) & (size - 1);
}

/* ---- counting back ---- */

/* Distinct values among members [from, to), counted from the newest back until `enough`. Negative: no memory. */
static int64_t values_count(struct part *part, const struct group *g, uint32_t from, uint32_t to, uint64_t enough)
{
	uint32_t size = 16;
	while (size < 2 * (uint64_t)(to - from) && size < (1u << 30) && size / 4 < enough)
		size *= 2;
	const struct env *env = part->temporal->env;
	const struct text *small[64] = {NULL}, **seen = size <= 64 ? small : env_zalloc(env, sizeof(*seen) * size);
	if (seen == NULL)
		return -ERROR_MEMORY;
	int64_t n = 0;
	for (uint32_t i = to; i > from && (uint64_t)n < enough; i--) {
		const struct text *value = group_member(g, i - 1)->value;
		uint32_t at = value_place(value, size);
		while (seen[at] != NULL && seen[at] != value)
			at = (at + 1) & (size - 1);
		n += seen[at] == NULL;
		seen[at] = value;
	}
	if (seen != small)
		env_free(env, seen);
	return n;
}

/* ---- the tally ---- */

static uint32_t tally_home(const struct tally *t, uint32_t number)
{
	return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->size - 1);
}

static struct tally_place *tally_place(struct tally *t, uint32_t number)
{
	uint32_t at = tally_home(t, number);
	while (t->places[at].value != 0 && t->places[at].value != number)
		at = (at + 1) & (t->size - 1);
	return &t->places[at];
}

void tally_add(struct tally *t, const struct text *value)
{
	struct tally_place *place = tally_place(t, text_number(value));
	t->used += place->value == 0;
	place->value = text_number(value);
	t->distinct += place->count++ == 0;
}

void tally_take(struct tally *t, const struct text *value)
{
	struct tally_place *place = tally_place(t, text_number(value));
	CHECK(place->value == text_number(value) && place->count > 0);
	t->distinct -= --place->count == 0;
}

struct tally *tally_new(const struct env *env, uint32_t values)
{
	uint32_t size = 64;
	while (size < 2 * (uint64_t)values && size < (1u << 30))
		size *= 2;
	struct tally *t = env_zalloc(env, sizeof(*t) + sizeof(*t->places) * size);
	if (t != NULL)
		t->size = size;
	return t;
}

uint32_t tally_distinct(const struct tally *t)
{
	return t->distinct;
}

void values_drop(struct part *part, struct group *g)
{
	env_free(part->temporal->env, g->tally);
	g->tally = NULL;
}

static bool tally_full(const struct tally *t)
{
	return t->used + 1 >= t->size / 4 * 3 && t->size < (1u << 30);
}

/* Of the members from t->from on; false: there are more values than it has room for. */
static bool tally_fill(struct tally *t, const struct group *g)
{
	for (uint32_t i = t->from; i < g->count; i++) {
		if (tally_full(t))
			return false;
		tally_add(t, group_member(g, i)->value);
	}
	return true;
}

/* Counts the window of the newest member anew. Its room follows from the values, of which there may be far fewer than members:
 * what is small stays in the cache. It is full again when half as many new ones have come, and each of those stays for a whole
 * window: that happens a few times in a window at most. A place whose count is zero may name a value that is gone, and another may
 * have got its number: harmless, since its count then speaks of that other one. */
static int tally_build(struct part *part, struct group *g)
{
	int64_t since = sub_saturated(group_member(g, g->count - 1)->when_ns, g->rule->timespan_ns);
	uint32_t from = group_lower(g, since), room = g->tally == NULL ? 0 : g->tally->distinct;
	for (bool whole = false; !whole; room = g->tally->size) {
		values_drop(part, g);
		g->tally = tally_new(part->temporal->env, room);
		if (g->tally == NULL)
			return -ERROR_MEMORY;
		g->tally->from = from;
		whole = tally_fill(g->tally, g);
	}
	return 0;
}

/* After an insertion: the tally holds the window of the newest member again. */
static int tally_update(struct part *part, struct group *g, uint32_t place)
{
	struct tally *t = g->tally;
	if (t == NULL || tally_full(t))
		return tally_build(part, g);
	int64_t since = sub_saturated(group_member(g, g->count - 1)->when_ns, g->rule->timespan_ns);
	/* before the window, or at its edge and too old for it: it only shifts what follows */
	if (place < t->from || (place == t->from && group_member(g, place)->when_ns < since)) {
		t->from++;
		return 0;
	}
	tally_add(t, group_member(g, place)->value);
	for (; group_member(g, t->from)->when_ns < since; t->from++)
		tally_take(t, group_member(g, t->from)->value);
	return 0;
}

static bool has_tally(const struct group *g)
{
	return g->rule->type == CORRELATION_VALUE_COUNT && g->rule->history_ns == 0 && g->tally != NULL;
}

void values_prefetch(const struct group *g, unsigned step)
{
	const struct tally *t = has_tally(g) ? g->tally : NULL;
	if (t == NULL)
		return;
	if (step == 0)
		__builtin_prefetch(t, 1);
	else if (t->from < g->count && step == 1)
		__builtin_prefetch(group_member(g, t->from), 1);
	else if (t->from < g->count)
		__builtin_prefetch(&t->places[tally_home(t, text_number(group_member(g, t->from)->value))], 1);
}

void values_prefetch_value(const struct group *g, const struct text *value)
{
	if (has_tally(g))
		__builtin_prefetch(&g->tally->places[tally_home(g->tally, text_number(value))], 1);
}

void values_leave(struct part *part, struct group *g, uint32_t count)
{
	if (!has_tally(g))
		return;
	if (count > g->tally->from)
		values_drop(part, g);
	else
		g->tally->from -= count;
}

/* ---- verdicts ---- */

/* The tally is of the window of the newest member, and knows where that begins. */
static int judge_newest(struct part *part, struct group *g)
{
	uint32_t index = g->count - 1;
	bool open = (group_member(g, index)->flags & MEMBER_FIRED) == 0;
	return open && g->tally->distinct >= g->rule->need ? fired_add(part, g, index) : 0;
}

static int judge_value(struct part *part, struct group *g, uint32_t index)
{
	const struct member *m = group_member(g, index);
	if (g->tally != NULL && index + 1 == g->count)
		return judge_newest(part, g);
	uint32_t from = group_lower(g, sub_saturated(m->when_ns, g->rule->timespan_ns));
	if ((m->flags & MEMBER_FIRED) != 0 || index + 1 - from < g->rule->need)
		return 0;
	int64_t n = values_count(part, g, from, index + 1, g->rule->need);
	if (n < 0)
		return -ERROR_MEMORY;
	return (uint64_t)n >= g->rule->need ? fired_add(part, g, index) : 0;
}

int values_update(struct part *part, struct group *g, uint32_t place, int64_t until)
{
	if (g->count >= TALLY_MEMBERS && tally_update(part, g, place) < 0)
		return -ERROR_MEMORY;
	if (g->count < TALLY_MEMBERS)
		values_drop(part, g); /* small again: what is not kept up is not kept */
	for (uint32_t i = place; i < g->count && group_member(g, i)->when_ns <= until; i++)
		if (judge_value(part, g, i) < 0)
			return -ERROR_MEMORY;
	return 0;
}
