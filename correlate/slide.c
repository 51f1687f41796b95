#include "correlate/slide.h"

#include <math.h>
#include <stdlib.h>

static double member_number(const struct member *m)
{
	double number = 0;
	CHECK(tuple_number(text_slice(m->value), &number));
	return number;
}

/* ---- percentiles: how many of each number ---- */

static int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int sorted_open(struct slide *s, uint32_t from, uint32_t end)
{
	const struct env *env = s->part->temporal->env;
	uint32_t n = end - from, distinct = 0;
	s->sorted = env_alloc(env, sizeof(*s->sorted) * (n + 1));
	s->tree = env_zalloc(env, sizeof(*s->tree) * (n + 1));
	if (s->sorted == NULL || s->tree == NULL)
		return -ERROR_MEMORY;
	n = 0;
	for (uint32_t i = from; i < end; i++)
		if (plan_counts(s->group->rule, group_member(s->group, i)->slot))
			s->sorted[n++] = member_number(group_member(s->group, i));
	qsort(s->sorted, n, sizeof(*s->sorted), compare_numbers);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || s->sorted[i] != s->sorted[i - 1])
			s->sorted[distinct++] = s->sorted[i];
	s->sorted_count = distinct;
	return 0;
}

static void sorted_change(struct slide *s, double number, uint32_t by)
{
	uint32_t low = 0, high = s->sorted_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (s->sorted[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint32_t i = low + 1; i <= s->sorted_count; i += i & -i)
		s->tree[i] += by; /* modulo 2^32: taking is adding the complement */
}

/* The number with `rank` smaller or equal ones before it in the window. */
static double sorted_at(const struct slide *s, uint64_t rank)
{
	uint32_t place = 0, step = 1;
	while (step <= s->sorted_count / 2)
		step *= 2;
	for (; step > 0; step /= 2)
		if (place + step <= s->sorted_count && s->tree[place + step] <= rank) {
			place += step;
			rank -= s->tree[place];
		}
	return s->sorted[place];
}

/* Between the two numbers beside the place, as far as it lies between them. */
static double sorted_percentile(const struct slide *s, double percentile)
{
	double place = percentile * (double)(s->count - 1) / 100, below = floor(place);
	double low = sorted_at(s, (uint64_t)below);
	if (place == below)
		return low;
	double high = sorted_at(s, (uint64_t)below + 1);
	return low + (high - low) * (place - below);
}

/* ---- one member comes or goes ---- */

static void change_rule(struct slide *s, const struct member *m, bool in)
{
	uint32_t *n = &s->of_rule[m->slot];
	s->count += in && *n == 0;
	*n += in ? 1 : UINT32_MAX;
	s->count -= !in && *n == 0;
}

/* Is the event of member `index` counted by another member that stays in the window, from `beside` on by `step`? */
static bool event_stays(const struct slide *s, uint32_t index, uint32_t beside, uint32_t step)
{
	const struct group *g = s->group;
	for (; beside - s->from < s->to - s->from; beside += step) {
		if (!member_same_event(group_member(g, index), group_member(g, beside)))
			return false;
		if (plan_counts(g->rule, group_member(g, beside)->slot))
			return true;
	}
	return false;
}

/* An event counts once. What comes stands behind all that is there, what goes before it. */
static void change_event(struct slide *s, uint32_t index, bool in)
{
	bool distinct = s->group->rule->distinct_events;
	if (distinct && (in ? event_stays(s, index, index - 1, UINT32_MAX) : event_stays(s, index, index + 1, 1)))
		return;
	s->count += in ? 1 : UINT64_MAX;
}

static void change(struct slide *s, uint32_t index, bool in)
{
	const struct member *m = group_member(s->group, index);
	if (!plan_counts(s->group->rule, m->slot))
		return;
	switch (s->group->rule->type) {
	case CORRELATION_EVENT_COUNT:
		change_event(s, index, in);
		return;
	case CORRELATION_VALUE_COUNT:
		if (s->group->rule->history_ns > 0 && (m->flags & MEMBER_NEW) == 0)
			return;
		if (in)
			tally_add(s->tally, m->value);
		else
			tally_take(s->tally, m->value);
		return;
	case CORRELATION_TEMPORAL:
		change_rule(s, m, in);
		return;
	case CORRELATION_TEMPORAL_ORDERED:
		return;
	case CORRELATION_VALUE_SUM:
	case CORRELATION_VALUE_AVG:
		s->count += in ? 1 : UINT64_MAX;
		if (in)
			sum_add(s->sum, member_number(m));
		else
			sum_take(s->sum, member_number(m));
		return;
	case CORRELATION_VALUE_PERCENTILE:
		s->count += in ? 1 : UINT64_MAX;
		sorted_change(s, member_number(m), in ? 1 : UINT32_MAX);
		return;
	}
}

/* ---- the door ---- */

static int allocate(struct slide *s, uint32_t from, uint32_t end)
{
	const struct env *env = s->part->temporal->env;
	switch (s->group->rule->type) {
	case CORRELATION_EVENT_COUNT:
	case CORRELATION_TEMPORAL_ORDERED:
		return 0;
	case CORRELATION_VALUE_COUNT:
		s->tally = tally_new(env, end - from);
		return s->tally == NULL ? -ERROR_MEMORY : 0;
	case CORRELATION_TEMPORAL:
		s->of_rule = env_zalloc(env, sizeof(*s->of_rule) * s->group->rule->rule_count);
		return s->of_rule == NULL ? -ERROR_MEMORY : 0;
	case CORRELATION_VALUE_SUM:
	case CORRELATION_VALUE_AVG:
		s->sum = env_zalloc(env, sizeof(*s->sum));
		return s->sum == NULL ? -ERROR_MEMORY : 0;
	case CORRELATION_VALUE_PERCENTILE:
		return sorted_open(s, from, end);
	}
	return 0;
}

int slide_open(struct slide *s, struct part *part, struct group *g, uint32_t from, uint32_t end)
{
	*s = (struct slide){.part = part, .group = g, .from = from, .to = from};
	return allocate(s, from, end);
}

void slide_close(struct slide *s)
{
	const struct env *env = s->part->temporal->env;
	env_free(env, s->tally);
	env_free(env, s->of_rule);
	env_free(env, s->sum);
	env_free(env, s->sorted);
	env_free(env, s->tree);
}

void slide_move(struct slide *s, uint32_t from, uint32_t to)
{
	CHECK(from >= s->from && to >= s->to && from <= to);
	for (; s->to < to; s->to++)
		change(s, s->to, true);
	for (; s->from < from; s->from++)
		change(s, s->from, false);
}

static bool bound_holds(const struct correlation_bound *b, uint64_t n)
{
	switch (b->compare) {
	case COMPARE_GT:
		return n > b->count;
	case COMPARE_GTE:
		return n >= b->count;
	case COMPARE_LT:
		return n < b->count;
	case COMPARE_LTE:
		return n <= b->count;
	case COMPARE_EQ:
		return n == b->count;
	case COMPARE_NEQ:
		return n != b->count;
	}
	return false;
}

static bool number_holds(const struct correlation_bound *b, double n)
{
	switch (b->compare) {
	case COMPARE_GT:
		return n > b->number;
	case COMPARE_GTE:
		return n >= b->number;
	case COMPARE_LT:
		return n < b->number;
	case COMPARE_LTE:
		return n <= b->number;
	case COMPARE_EQ:
		return n == b->number;
	case COMPARE_NEQ:
		return n != b->number;
	}
	return false;
}

static bool numbers_hold(const struct slide *s)
{
	const struct plan_rule *rule = s->group->rule;
	if (s->count == 0)
		return false;
	double n = rule->type == CORRELATION_VALUE_PERCENTILE ? sorted_percentile(s, rule->correlation->percentile)
														  : sum_value(s->sum);
	if (rule->type == CORRELATION_VALUE_AVG)
		n /= (double)s->count;
	for (uint32_t i = 0; i < rule->bound_count; i++)
		if (!number_holds(&rule->bounds[i], n))
			return false;
	return true;
}

static bool rules_hold(const struct slide *s)
{
	const struct correlation *c = s->group->rule->correlation;
	uint64_t present = 0;
	for (uint32_t i = 0; i < s->group->rule->rule_count; i++)
		present |= (uint64_t)(s->of_rule[i] > 0) << i;
	return expression_holds(c->expression, c->expression_count, present);
}

int slide_holds(struct slide *s)
{
	const struct plan_rule *rule = s->group->rule;
	int64_t n = (int64_t)s->count;
	if (rule->numeric)
		return numbers_hold(s);
	if (rule->type == CORRELATION_TEMPORAL_ORDERED)
		return ordered_holds(s->part, s->group, s->from, s->to);
	if (rule->type == CORRELATION_TEMPORAL && rule->correlation->expression_count > 0)
		return rules_hold(s);
	if (rule->type == CORRELATION_VALUE_COUNT)
		n = tally_distinct(s->tally);
	if (rule->type == CORRELATION_TEMPORAL && rule->distinct_events)
		n = count_assigned(s->part, s->group, s->from, s->to);
	if (n < 0)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < rule->bound_count; i++)
		if (!bound_holds(&rule->bounds[i], (uint64_t)n))
			return 0;
	return 1;
}
