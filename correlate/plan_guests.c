/* Retiring correlations in a plan (T17).
 *
 * A correlation of before needs the detections and correlations that it refers to, and those that these refer to. What is in
 * force with the same digest is the same rule and is shared: its hits, or its firing points, go to the retiring one too. Of the
 * others, a correlation goes on as part of the plan, told only if it was asked for itself, and a detection is judged by an
 * evaluator of its ruleset (detect_guests.c).
 */
#include "correlate/plan.h"

#define UNTIL_NONE INT64_MIN

/* ---- what is needed ---- */

static int guest_open(struct plan *plan, struct plan_guest *g, struct ruleset *ruleset)
{
	uint32_t n = ruleset_count(ruleset);
	struct plan_guest_rule *rules = arena_alloc(&plan->arena, sizeof(*rules) * (n + 1));
	if (rules == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < n; i++)
		rules[i] = (struct plan_guest_rule){.number = PLAN_NONE, .until_ns = UNTIL_NONE};
	*g = (struct plan_guest){ruleset_hold(ruleset), plan->number_count, n, rules, false, UNTIL_NONE};
	plan->number_count += n;
	plan->guest_count++;
	return 0;
}

static struct plan_guest *guest_of(struct plan *plan, struct ruleset *ruleset)
{
	struct plan_guest *g = plan->guests;
	for (; g < plan->guests + plan->guest_count; g++)
		if (g->ruleset == ruleset)
			return g;
	return guest_open(plan, g, ruleset) < 0 ? NULL : g;
}

static void prolong(int64_t *until_ns, int64_t to_ns)
{
	if (*until_ns < to_ns)
		*until_ns = to_ns;
}

static void ask_for(struct plan_guest *g, const struct retiring *r)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (ruleset_correlation(g->ruleset, i) != NULL &&
			memcmp(ruleset_rule(g->ruleset, i)->digest, r->digest, 32) == 0) {
			prolong(&g->rules[i].until_ns, r->until_ns);
			g->rules[i].told = true;
		}
}

/* From the outermost inwards: what one refers to is needed as long as it is. */
static void spread(struct plan_guest *g)
{
	for (uint32_t level = LIMIT_chain_depth; level > 0; level--)
		for (uint32_t i = 0; i < g->count; i++) {
			const struct correlation *c = ruleset_correlation(g->ruleset, i);
			if (c == NULL || (c->level > 0 ? c->level : 1) != level || g->rules[i].until_ns == UNTIL_NONE)
				continue;
			for (uint32_t s = 0; s < c->rule_count; s++)
				prolong(&g->rules[c->rules[s]].until_ns, g->rules[i].until_ns);
		}
}

/* ---- who is who ---- */

static uint32_t in_force(const struct plan *plan, const uint8_t digest[32])
{
	for (uint32_t i = 0; i < ruleset_count(plan->ruleset); i++)
		if (memcmp(ruleset_rule(plan->ruleset, i)->digest, digest, 32) == 0)
			return i;
	return PLAN_NONE;
}

/* Two rulesets of before may have the same inner correlation: one stands for both, as long as either needs it. */
static uint32_t in_guests(struct plan *plan, const struct plan_guest *end, const uint8_t digest[32], int64_t until_ns)
{
	for (struct plan_guest *g = plan->guests; g < end; g++)
		for (uint32_t i = 0; i < g->count; i++)
			if (g->rules[i].number == g->first + i && memcmp(ruleset_rule(g->ruleset, i)->digest, digest, 32) == 0) {
				prolong(&g->rules[i].until_ns, until_ns);
				return g->first + i;
			}
	return PLAN_NONE;
}

static void number_rule(struct plan *plan, struct plan_guest *g, uint32_t i)
{
	const struct rule *rule = ruleset_rule(g->ruleset, i);
	bool correlation = ruleset_correlation(g->ruleset, i) != NULL;
	uint32_t number = in_force(plan, rule->digest);
	if (number == PLAN_NONE && correlation)
		number = in_guests(plan, g, rule->digest, g->rules[i].until_ns);
	g->judges |= number == PLAN_NONE && !correlation;
	g->rules[i].number = number == PLAN_NONE ? g->first + i : number;
}

static void number_rules(struct plan *plan)
{
	for (struct plan_guest *g = plan->guests; g < plan->guests + plan->guest_count; g++)
		for (uint32_t i = 0; i < g->count; i++)
			if (g->rules[i].until_ns != UNTIL_NONE)
				number_rule(plan, g, i);
	for (struct plan_guest *g = plan->guests; g < plan->guests + plan->guest_count; g++)
		for (uint32_t i = 0; i < g->count; i++)
			prolong(&g->until_ns, g->rules[i].until_ns);
}

int plan_find_guests(struct plan *plan, const struct retiring *retiring, uint32_t count)
{
	plan->number_count = ruleset_count(plan->ruleset);
	plan->guests = arena_zalloc(&plan->arena, sizeof(*plan->guests) * ((size_t)count + 1));
	if (plan->guests == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		struct plan_guest *g = guest_of(plan, retiring[i].ruleset);
		if (g == NULL)
			return -ERROR_MEMORY;
		ask_for(g, &retiring[i]);
	}
	for (uint32_t i = 0; i < plan->guest_count; i++)
		spread(&plan->guests[i]);
	number_rules(plan);
	return 0;
}

/* ---- taken ---- */

static int take(struct plan *plan, const struct plan_guest *g, uint32_t i)
{
	const struct correlation *c = ruleset_correlation(g->ruleset, i);
	uint32_t *rules = arena_alloc(&plan->arena, sizeof(*rules) * (c->rule_count + 1));
	if (rules == NULL)
		return -ERROR_MEMORY;
	for (uint32_t s = 0; s < c->rule_count; s++)
		rules[s] = g->rules[c->rules[s]].number;
	struct plan_rule *p = plan_add(plan, c, g->first + i);
	p->rules = rules;
	p->until_ns = g->rules[i].until_ns;
	p->told = g->rules[i].told && c->rule.told;
	return 0;
}

int plan_take_guests(struct plan *plan)
{
	for (struct plan_guest *g = plan->guests; g < plan->guests + plan->guest_count; g++)
		for (uint32_t i = 0; i < g->count; i++)
			if (g->rules[i].number == g->first + i && ruleset_correlation(g->ruleset, i) != NULL &&
				take(plan, g, i) < 0)
				return -ERROR_MEMORY;
	return 0;
}
