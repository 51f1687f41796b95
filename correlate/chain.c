/* Chains (T14): a firing point is a match for the correlations that refer to its rule. */
#include "correlate/window.h"

#define LEVEL_STEP_NS NS_PER_S

/* ---- keys of the outer correlation ---- */

/* The value on which all members of the set agree in carried field `index`; missing when they do not. */
static struct slice common_carried(const struct group *g, uint32_t from, uint32_t to, uint32_t index, enum key_tag *tag)
{
	struct slice common = tuple_at(text_slice(group_member(g, from)->carried), index, tag);
	for (uint32_t i = from + 1; i < to && *tag != KEY_MISSING; i++) {
		const struct member *m = group_member(g, i);
		if (m->carried == group_member(g, i - 1)->carried)
			continue;
		enum key_tag other;
		struct slice value = tuple_at(text_slice(m->carried), index, &other);
		if (other == KEY_MISSING || !fold_equal(value, common))
			*tag = KEY_MISSING;
	}
	return common;
}

static bool inner_field(const struct plan_rule *rule, struct slice name, uint32_t *index)
{
	for (*index = 0; *index < rule->group_count; ++*index)
		if (slice_equal(plan_group_name(rule, *index), name))
			return true;
	return false;
}

/* The field as spelled: from the group's key, or common to the set. */
static struct slice outer_value(const struct group *g, uint32_t from, uint32_t to, uint32_t completing,
								struct slice name, enum key_tag *tag)
{
	const struct plan_rule *rule = g->rule;
	uint32_t index;
	if (inner_field(rule, name, &index))
		return tuple_at(member_spelling(g, group_member(g, completing)), index, tag);
	for (index = 0; index < rule->carried_count; index++)
		if (slice_equal(rule->carried[index], name))
			return common_carried(g, from, to, index, tag);
	*tag = KEY_MISSING;
	return SLICE_NONE;
}

struct outer {
	const struct group *group;
	uint32_t from, to, index, slot;
	const struct plan_rule *rule;
};

static bool put_group(struct temporal *t, const struct outer *o)
{
	for (uint32_t i = 0; i < o->rule->group_count; i++) {
		enum key_tag tag;
		struct slice name = o->rule->correlation->group_by[i].per_rule[o->slot];
		struct slice value = outer_value(o->group, o->from, o->to, o->index, name, &tag);
		if (tag == KEY_MISSING && !plan_missing_group(o->rule))
			return false;
		tuple_add(&t->spelling, tag == KEY_MISSING ? KEY_MISSING : KEY_TEXT, value);
		if (tag == KEY_MISSING)
			tuple_add(&t->key, KEY_MISSING, SLICE_NONE);
		else
			tuple_add_canonical(&t->key, value, plan_key_cased(o->rule));
	}
	return true;
}

static bool put_value(struct temporal *t, const struct outer *o)
{
	double number;
	if (!o->rule->values || !plan_counts(o->rule, o->slot))
		return true;
	for (uint32_t i = 0; i < o->rule->correlation->value_count; i++) {
		enum key_tag tag;
		struct slice name = o->rule->correlation->values[i].per_rule[o->slot];
		struct slice value = outer_value(o->group, o->from, o->to, o->index, name, &tag);
		if (tag == KEY_MISSING || (o->rule->numeric && !rules_number(value, &number)))
			return false;
		if (o->rule->numeric)
			tuple_add_number(&t->value, number);
		else
			tuple_add_canonical(&t->value, value, true);
	}
	return true;
}

static void put_carried(struct temporal *t, const struct outer *o)
{
	for (uint32_t i = 0; i < o->rule->carried_count; i++) {
		enum key_tag tag;
		struct slice value = outer_value(o->group, o->from, o->to, o->index, o->rule->carried[i], &tag);
		if (tag == KEY_MISSING)
			value = SLICE_NONE;
		tuple_add(&t->carried, tag == KEY_MISSING ? KEY_MISSING : KEY_TEXT, value);
	}
}

static int forward_one(struct part *part, const struct outer *o)
{
	struct temporal *t = part->temporal;
	const struct member *m = group_member(o->group, o->index);
	buffer_reset(&t->key);
	buffer_reset(&t->spelling);
	buffer_reset(&t->value);
	buffer_reset(&t->carried);
	if (!put_group(t, o) || !put_value(t, o)) {
		t->stats.missing_key++;
		return 0;
	}
	put_carried(t, o);
	struct match_entry entry = {.kind = MATCH_ENTRY, .when_ns = m->when_ns, .observed_ns = part->observed_ns};
	entry.event = member_event(m);
	entry.correlation = o->rule->digest;
	entry.rule = o->group->rule->digest;
	entry.source = text_slice(m->source);
	entry.key = buffer_slice(&t->key);
	entry.spelling = buffer_slice(&t->spelling);
	entry.value = buffer_slice(&t->value);
	entry.carried = buffer_slice(&t->carried);
	uint32_t partition = key_partition(&t->scratch, entry.correlation, entry.key, t->config.matches_partitions);
	if (t->key.failed || t->spelling.failed || t->value.failed || t->carried.failed || t->scratch.failed)
		return -ERROR_MEMORY;
	match_writer_add(&t->writers[partition], &entry);
	return match_writer_failed(&t->writers[partition]) ? -ERROR_MEMORY : 0;
}

int chain_forward(struct part *part, const struct group *g, uint32_t from, uint32_t to, uint32_t index)
{
	struct outer o = {.group = g, .from = from, .to = to, .index = index};
	for (uint32_t i = 0; i < g->rule->outer_count; i++) {
		o.rule = &part->temporal->plan->rules[g->rule->outer[i].rule];
		o.slot = g->rule->outer[i].slot;
		if (forward_one(part, &o) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

/* ---- watermarks ---- */

static int64_t base_watermark(const struct part *part)
{
	int64_t least = INT64_MAX;
	uint32_t heard = 0;
	for (uint32_t i = 0; i < part->clock_count; i++)
		if (part->clocks[i].level == 0) {
			heard++;
			if (part->clocks[i].clock_ns < least)
				least = part->clocks[i].clock_ns;
		}
	return heard == 0 || heard < part->temporal->config.events_partitions ? TIME_NONE
																		  : sub_saturated(least, LATENESS_NS);
}

/* Level n waits for the clocks and for what every matches partition says of the levels below. */
int64_t chain_watermark(const struct part *part, uint32_t level)
{
	int64_t least = base_watermark(part);
	uint64_t said = 0;
	for (uint32_t i = 0; i < part->clock_count; i++) {
		const struct clock_entry *c = &part->clocks[i];
		if (c->level == 0 || c->level >= level)
			continue;
		said++;
		if (c->clock_ns < least)
			least = c->clock_ns;
	}
	return said < (uint64_t)(level - 1) * part->temporal->config.matches_partitions ? TIME_NONE : least;
}

/* So long after its `when` a firing point of the level may be told. */
static int64_t level_delay(const struct plan *plan, uint32_t level)
{
	int64_t delay = 0;
	for (uint32_t i = 0; i < plan->count; i++)
		if (plan->rules[i].level == level && plan->rules[i].outer_count > 0 && plan->rules[i].delay_ns > delay)
			delay = plan->rules[i].delay_ns;
	return delay;
}

void chain_levels(struct part *part)
{
	struct temporal *t = part->temporal;
	for (uint32_t n = 1; n < t->plan->level_max; n++) {
		struct level *level = &part->levels[n];
		int64_t promise = sub_saturated(level->watermark_ns, level_delay(t->plan, n));
		if (level->watermark_ns == TIME_NONE || promise < add_saturated(level->told_ns, LEVEL_STEP_NS))
			continue;
		level->told_ns = promise;
		struct match_entry entry = {.kind = MATCH_LEVEL, .partition = part->partition, .level = n, .clock_ns = promise};
		for (uint32_t i = 0; i < t->config.matches_partitions; i++)
			match_writer_add(&t->writers[i], &entry);
	}
}
