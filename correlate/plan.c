#include "correlate/plan.h"

#include <stdlib.h>

#define SINGLE_TIMESPAN_NS NS_PER_HOUR

static bool makes_incidents_alone(const struct rule *rule)
{
	return rule->kind != RULE_CORRELATION && rule->told && rule->level >= LEVEL_HIGH;
}

static int64_t period_of(int64_t timespan_ns)
{
	return timespan_ns > NS_PER_DAY ? timespan_ns : NS_PER_DAY;
}

static bool is_lower(enum compare compare)
{
	return compare == COMPARE_GT || compare == COMPARE_GTE;
}

static bool has_not(const struct correlation *c)
{
	bool found = c->absent != 0;
	for (uint32_t i = 0; i < c->expression_count; i++)
		found |= c->expression[i].kind == EXPRESSION_NOT;
	return found;
}

/* gt n is gte n + 1; what holds from the first match on is gte 1. */
static void take_bounds(struct plan_rule *p, const struct correlation_bound *bound,
						const struct correlation_bound *upper)
{
	p->bounds[p->bound_count++] = *bound;
	if (upper != NULL)
		p->bounds[p->bound_count++] = *upper;
	p->need = bound->compare == COMPARE_GT && bound->count < UINT64_MAX ? bound->count + 1 : bound->count;
	if (p->need == 0)
		p->need = 1;
}

/* T4. A sum, an average or a percentile may fall again with a match that comes later and lies earlier. */
static void take_mode(struct plan_rule *p, const struct correlation *c)
{
	bool lower = p->bound_count == 1 && is_lower(p->bounds[0].compare);
	bool falls = p->numeric || c->until || c->history_ns > 0;
	if (c->seen_ns > 0 || c->key_count > 0)
		p->mode = PLAN_ABSENT;
	else if (c->window >= WINDOW_BEFORE)
		p->mode = PLAN_PIVOT;
	else if (!lower || has_not(c) || c->window != WINDOW_SLIDING)
		p->mode = PLAN_LAID;
	else
		p->mode = falls ? PLAN_SETTLED : PLAN_AT_ONCE;
	bool waits = p->mode == PLAN_LAID || p->mode == PLAN_ABSENT || c->window == WINDOW_AFTER;
	p->delay_ns = waits ? p->timespan_ns : 0;
	/* Windows of a whole timespan leave nothing between two that are near; shorter ones do, and are found late. */
	bool gaps = c->window != WINDOW_SLIDING || c->until;
	p->kept_ns = add_saturated(p->timespan_ns, gaps ? p->delay_ns : 0);
}

static void take_window(struct plan_rule *p, const struct correlation *c)
{
	p->window = c->window;
	p->gap_ns = c->gap_ns;
	p->writer_slot = c->rule_count - c->writer_count;
	p->lists = c->lists;
	p->list_count = c->list_count;
	p->until_slot = c->until ? p->writer_slot - 1 : PLAN_NONE;
	p->pivot_slot = c->window >= WINDOW_BEFORE ? c->pivot : PLAN_NONE;
	p->history_ns = c->history_ns;
	p->suppress_ns = c->suppress_ns;
}

static void take_single(struct plan_rule *p, struct sha256 *sha, const struct rule *rule, const uint32_t *index)
{
	uint8_t text[64];
	memcpy(text, "cresset single rule incident", 28);
	memset(text + 28, 0, 4);
	memcpy(text + 32, rule->digest, 32);
	sha256_start(sha);
	sha256_add(sha, text, sizeof(text));
	sha256_end(sha, p->digest);
	p->rule = rule;
	p->number = rule->index;
	p->type = CORRELATION_EVENT_COUNT;
	p->rules = index;
	p->rule_count = p->writer_slot = 1;
	p->group_count = 2;
	p->until_slot = p->pivot_slot = PLAN_NONE;
	p->timespan_ns = p->kept_ns = SINGLE_TIMESPAN_NS;
	p->told = true;
	p->level = 1;
	take_bounds(p, &(struct correlation_bound){.compare = COMPARE_GTE, .count = 1}, NULL);
}

static void take_correlation(struct plan_rule *p, const struct correlation *c)
{
	memcpy(p->digest, c->rule.digest, 32);
	p->rule = &c->rule;
	p->correlation = c;
	p->type = c->type;
	p->rules = c->rules;
	p->rule_count = c->rule_count;
	p->group_count = c->group_count;
	p->timespan_ns = c->timespan_ns;
	p->distinct_events = c->distinct_events;
	p->told = c->rule.told;
	p->level = c->level > 0 ? c->level : 1;
	p->numeric =
		c->type == CORRELATION_VALUE_SUM || c->type == CORRELATION_VALUE_AVG || c->type == CORRELATION_VALUE_PERCENTILE;
	p->values = p->numeric || c->type == CORRELATION_VALUE_COUNT;
	p->chain_count = c->step_count > 0 ? c->step_count : c->rule_count - c->writer_count - c->until;
	take_window(p, c);
	take_bounds(p, &c->bound, c->ranged ? &c->upper : NULL);
	take_mode(p, c);
}

static void add_rule(struct plan *plan, struct plan_rule *p)
{
	p->index = plan->count++;
	p->until_ns = INT64_MAX;
	p->period_ns = period_of(p->timespan_ns);
	if (p->level > plan->level_max)
		plan->level_max = p->level;
}

struct plan_rule *plan_add(struct plan *plan, const struct correlation *c, uint32_t number)
{
	struct plan_rule *p = &plan->rules[plan->count];
	take_correlation(p, c);
	p->number = number;
	add_rule(plan, p);
	return p;
}

static int take_rules(struct plan *plan, struct sha256 *sha)
{
	uint32_t n = ruleset_count(plan->ruleset);
	plan->rules = arena_zalloc(&plan->arena, sizeof(*plan->rules) * (plan->number_count + 1));
	uint32_t *indexes = arena_alloc(&plan->arena, sizeof(*indexes) * (n + 1));
	if (plan->rules == NULL || indexes == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < n; i++) {
		const struct rule *rule = ruleset_rule(plan->ruleset, i);
		const struct correlation *c = ruleset_correlation(plan->ruleset, i);
		struct plan_rule *p = &plan->rules[plan->count];
		indexes[i] = i;
		if (c != NULL) {
			plan_add(plan, c, i);
		} else if (makes_incidents_alone(rule)) {
			take_single(p, sha, rule, &indexes[i]);
			add_rule(plan, p);
		}
	}
	return plan_take_guests(plan);
}

/* A rule listed twice by one correlation gives one reference, at its first place; the ordered type knows that the match
 * may stand in either. */
static bool listed_before(const struct plan_rule *p, uint32_t slot)
{
	for (uint32_t i = 0; i < slot; i++)
		if (p->rules[i] == p->rules[slot])
			return true;
	return false;
}

static int take_references(struct plan *plan)
{
	uint32_t n = plan->number_count;
	plan->references = arena_zalloc(&plan->arena, sizeof(*plan->references) * (n + 1));
	plan->reference_counts = arena_zalloc(&plan->arena, sizeof(*plan->reference_counts) * (n + 1));
	if (plan->references == NULL || plan->reference_counts == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < plan->count; i++)
		for (uint32_t s = 0; s < plan->rules[i].rule_count; s++) {
			CHECK(plan->rules[i].rules[s] < n);
			plan->reference_counts[plan->rules[i].rules[s]] += !listed_before(&plan->rules[i], s);
		}
	for (uint32_t r = 0; r < n; r++) {
		size_t bytes = sizeof(**plan->references) * (plan->reference_counts[r] + 1);
		plan->references[r] = arena_alloc(&plan->arena, bytes);
		if (plan->references[r] == NULL)
			return -ERROR_MEMORY;
		plan->reference_counts[r] = 0;
	}
	for (uint32_t i = 0; i < plan->count; i++)
		for (uint32_t s = 0; s < plan->rules[i].rule_count; s++) {
			uint32_t r = plan->rules[i].rules[s];
			if (!listed_before(&plan->rules[i], s))
				plan->references[r][plan->reference_counts[r]++] = (struct plan_reference){i, s};
		}
	return 0;
}

static bool has_name(const struct slice *names, uint32_t count, struct slice name)
{
	for (uint32_t i = 0; i < count; i++)
		if (slice_equal(names[i], name))
			return true;
	return false;
}

static bool groups_by(const struct plan_rule *p, struct slice name)
{
	for (uint32_t i = 0; i < p->group_count; i++)
		if (slice_equal(plan_group_name(p, i), name))
			return true;
	return false;
}

static uint32_t add_carried(const struct plan_rule *p, struct slice *names, uint32_t count, struct slice name)
{
	if (count < TUPLE_COMPONENTS_MAX && !groups_by(p, name) && !has_name(names, count, name))
		names[count++] = name;
	return count;
}

/* What the outer ones need from `p`: the fields they read of it, and what they carry themselves. */
static int take_carried(struct plan *plan, struct plan_rule *p)
{
	struct slice names[TUPLE_COMPONENTS_MAX];
	uint32_t count = 0;
	for (uint32_t i = 0; i < p->outer_count; i++) {
		const struct plan_rule *o = &plan->rules[p->outer[i].rule];
		uint32_t slot = p->outer[i].slot;
		for (uint32_t f = 0; f < o->correlation->group_count; f++)
			count = add_carried(p, names, count, o->correlation->group_by[f].per_rule[slot]);
		for (uint32_t f = 0; f < o->correlation->value_count; f++)
			count = add_carried(p, names, count, o->correlation->values[f].per_rule[slot]);
		for (uint32_t f = 0; f < o->carried_count; f++)
			count = add_carried(p, names, count, o->carried[f]);
	}
	struct slice *kept = arena_alloc(&plan->arena, sizeof(*kept) * (count + 1));
	if (kept == NULL)
		return -ERROR_MEMORY;
	memcpy(kept, names, sizeof(*kept) * count);
	p->carried = kept;
	p->carried_count = count;
	return 0;
}

static int take_chains(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		struct plan_rule *p = &plan->rules[i];
		if (p->correlation == NULL)
			continue;
		p->outer = plan->references[p->number];
		p->outer_count = plan->reference_counts[p->number];
	}
	for (uint32_t level = plan->level_max; level > 0; level--)
		for (uint32_t i = 0; i < plan->count; i++)
			if (plan->rules[i].level == level && take_carried(plan, &plan->rules[i]) < 0)
				return -ERROR_MEMORY;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return slice_compare(((const struct plan_key *)a)->key, ((const struct plan_key *)b)->key);
}

/* Of those written differently that are one key, the same spelling always comes first. */
static int compare_spelled(const void *a, const void *b)
{
	int order = compare_keys(a, b);
	return order != 0 ? order
					  : slice_compare(((const struct plan_key *)a)->spelling, ((const struct plan_key *)b)->spelling);
}

static struct slice take_tuple(struct plan *plan, struct buffer *tuple)
{
	return tuple->failed ? SLICE_NONE : arena_copy(&plan->arena, buffer_slice(tuple));
}

static int take_keys(struct plan *plan, struct plan_rule *p, struct buffer *key, struct buffer *spelling)
{
	const struct correlation *c = p->correlation;
	uint32_t count = c == NULL ? 0 : c->key_count, kept = 0;
	struct plan_key *keys = arena_zalloc(&plan->arena, sizeof(*keys) * (count + 1));
	if (keys == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		buffer_reset(key);
		buffer_reset(spelling);
		for (uint32_t f = 0; f < p->group_count; f++) {
			tuple_add_canonical(key, c->keys[i * p->group_count + f], plan_key_cased(p));
			tuple_add(spelling, KEY_TEXT, c->keys[i * p->group_count + f]);
		}
		keys[i] = (struct plan_key){take_tuple(plan, key), take_tuple(plan, spelling)};
		if (keys[i].key.ptr == NULL || keys[i].spelling.ptr == NULL)
			return -ERROR_MEMORY;
	}
	qsort(keys, count, sizeof(*keys), compare_spelled);
	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || !slice_equal(keys[i].key, keys[kept - 1].key))
			keys[kept++] = keys[i];
	p->keys = keys;
	p->key_count = kept;
	plan->key_count += kept;
	return 0;
}

static int take_populations(struct plan *plan)
{
	struct buffer key, spelling;
	int result = 0;
	buffer_init(&key, plan->arena.env);
	buffer_init(&spelling, plan->arena.env);
	for (uint32_t i = 0; result == 0 && i < plan->count; i++)
		result = take_keys(plan, &plan->rules[i], &key, &spelling);
	buffer_free(&key);
	buffer_free(&spelling);
	return result;
}

bool plan_has_key(const struct plan_rule *rule, struct slice key)
{
	const struct plan_key wanted = {.key = key};
	return rule->key_count == 0 ||
		   bsearch(&wanted, rule->keys, rule->key_count, sizeof(*rule->keys), compare_keys) != NULL;
}

static int take_digests(struct plan *plan)
{
	for (plan->slots = 16; plan->slots < plan->count * 2; plan->slots *= 2)
		;
	plan->by_digest = arena_zalloc(&plan->arena, sizeof(*plan->by_digest) * plan->slots);
	if (plan->by_digest == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < plan->count; i++) {
		uint32_t at = get_u32(plan->rules[i].digest) & (plan->slots - 1);
		while (plan->by_digest[at] != 0)
			at = (at + 1) & (plan->slots - 1);
		plan->by_digest[at] = i + 1;
	}
	return 0;
}

int plan_new(const struct env *env, struct ruleset *ruleset, const struct retiring *retiring, uint32_t retiring_count,
			 struct plan **out, struct error *error)
{
	struct plan *plan = env_zalloc(env, sizeof(*plan));
	if (plan == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a plan of the ruleset");
	arena_init(&plan->arena, env, 0);
	plan->ruleset = ruleset_hold(ruleset);
	struct sha256 *sha = sha256_new();
	bool failed = sha == NULL || plan_find_guests(plan, retiring, retiring_count) < 0 || take_rules(plan, sha) < 0 ||
				  take_references(plan) < 0 || take_chains(plan) < 0 || take_digests(plan) < 0 ||
				  take_populations(plan) < 0;
	sha256_free(sha);
	if (failed) {
		plan_free(plan);
		return error_set(error, ERROR_MEMORY, "no memory for a plan of the ruleset");
	}
	*out = plan;
	return 0;
}

void plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	const struct env *env = plan->arena.env;
	ruleset_release(plan->ruleset);
	for (uint32_t i = 0; i < plan->guest_count; i++)
		ruleset_release(plan->guests[i].ruleset);
	arena_free(&plan->arena);
	env_free(env, plan);
}

const struct plan_rule *plan_find(const struct plan *plan, const uint8_t digest[32])
{
	uint32_t at = get_u32(digest) & (plan->slots - 1);
	for (; plan->by_digest[at] != 0; at = (at + 1) & (plan->slots - 1)) {
		const struct plan_rule *p = &plan->rules[plan->by_digest[at] - 1];
		if (memcmp(p->digest, digest, 32) == 0)
			return p;
	}
	return NULL;
}

const struct rule *plan_base(const struct plan *plan, uint32_t number)
{
	const struct plan_guest *g = plan->guests;
	if (number < ruleset_count(plan->ruleset))
		return ruleset_rule(plan->ruleset, number);
	while (number - g->first >= g->count)
		g++;
	return ruleset_rule(g->ruleset, number - g->first);
}

uint32_t plan_slot(const struct plan *plan, const struct plan_rule *rule, const uint8_t digest[32])
{
	for (uint32_t i = 0; i < rule->rule_count; i++)
		if (memcmp(plan_base(plan, rule->rules[i])->digest, digest, 32) == 0)
			return i;
	return PLAN_NONE;
}

bool plan_counts(const struct plan_rule *rule, uint32_t slot)
{
	bool temporal = rule->type == CORRELATION_TEMPORAL || rule->type == CORRELATION_TEMPORAL_ORDERED;
	return slot < rule->writer_slot && slot != rule->until_slot && (temporal || slot != rule->pivot_slot);
}

struct slice plan_group_name(const struct plan_rule *rule, uint32_t index)
{
	if (rule->correlation != NULL)
		return rule->correlation->group_by[index].name;
	return index == 0 ? SLICE("source") : SLICE("host.hostname");
}

bool plan_key_cased(const struct plan_rule *rule)
{
	return rule->correlation != NULL && rule->correlation->key_cased;
}

bool plan_missing_group(const struct plan_rule *rule)
{
	return rule->correlation == NULL || rule->correlation->missing_group;
}
