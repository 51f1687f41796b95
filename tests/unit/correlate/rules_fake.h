/* A ruleset in the test's hand: the door of rules/ with rules that hold when a row has the field `hit` with their title.
 * Correlations are what the test says they are. Included once by each test program. */
#ifndef TEST_RULES_FAKE_H
#define TEST_RULES_FAKE_H

#include "rules/rules.h"

#include <stdlib.h>

#define FAKE_RULES 64
#define FAKE_SLOTS 8

struct ruleset {
	struct rule *rules[FAKE_RULES];
	struct correlation *correlations[FAKE_RULES];
	uint32_t count;
};

struct evaluator {
	const struct env *env;
	struct ruleset *ruleset;
};

static inline struct ruleset *rules_new(void)
{
	return calloc(1, sizeof(struct ruleset));
}

static inline void rules_name(struct rule *rule, struct ruleset *r, const char *title)
{
	rule->index = r->count;
	rule->title = slice_str(title);
	rule->id = slice_str(title);
	sha256_of(slice_str(title), rule->digest);
}

static inline uint32_t rules_base(struct ruleset *r, const char *title, bool told, enum rule_level level)
{
	struct rule *rule = calloc(1, sizeof(*rule));
	rules_name(rule, r, title);
	rule->told = told;
	rule->level = level;
	r->rules[r->count] = rule;
	return r->count++;
}

/* `names` and `titles` are lists ended by null. */
static inline struct correlation *rules_correlation(struct ruleset *r, const char *title, enum correlation_type type,
													const uint32_t *rules, uint32_t rule_count,
													const char *const *group, const char *const *values,
													int64_t timespan_ns, enum compare compare, uint64_t threshold)
{
	struct correlation *c = calloc(1, sizeof(*c));
	uint32_t *list = malloc(sizeof(*list) * rule_count);
	memcpy(list, rules, sizeof(*list) * rule_count);
	rules_name(&c->rule, r, title);
	c->rule.kind = RULE_CORRELATION;
	c->rule.told = true;
	c->rule.level = LEVEL_MEDIUM;
	c->type = type;
	c->rules = list;
	c->rule_count = rule_count;
	c->timespan_ns = timespan_ns;
	c->bound = (struct correlation_bound){compare, threshold, (double)threshold};
	c->level = 1;
	for (uint32_t i = 0; i < rule_count; i++)
		if (r->correlations[rules[i]] != NULL && r->correlations[rules[i]]->level >= c->level)
			c->level = r->correlations[rules[i]]->level + 1;
	for (int which = 0; which < 2; which++) {
		const char *const *names = which == 0 ? group : values;
		struct correlation_field *fields = calloc(FAKE_SLOTS, sizeof(*fields));
		uint32_t n = 0;
		for (; names != NULL && names[n] != NULL; n++) {
			struct slice *per_rule = calloc(rule_count, sizeof(*per_rule));
			fields[n].name = slice_str(names[n]);
			for (uint32_t i = 0; i < rule_count; i++)
				per_rule[i] = fields[n].name;
			fields[n].per_rule = per_rule;
		}
		if (which == 0) {
			c->group_by = fields;
			c->group_count = n;
		} else {
			c->values = fields;
			c->value_count = n;
		}
	}
	r->rules[r->count] = &c->rule;
	r->correlations[r->count++] = c;
	return c;
}

static inline void rules_drop(struct ruleset *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct correlation *c = r->correlations[i];
		if (c == NULL) {
			free(r->rules[i]);
			continue;
		}
		for (uint32_t k = 0; k < c->group_count; k++)
			free((void *)(uintptr_t)c->group_by[k].per_rule);
		for (uint32_t k = 0; k < c->value_count; k++)
			free((void *)(uintptr_t)c->values[k].per_rule);
		free((void *)(uintptr_t)c->group_by);
		free((void *)(uintptr_t)c->values);
		free((void *)(uintptr_t)c->rules);
		free((void *)(uintptr_t)c->expression);
		free((void *)(uintptr_t)c->steps);
		free((void *)(uintptr_t)c->keys);
		free((void *)(uintptr_t)c->lists);
		free(c);
	}
	free(r);
}

/* ---- the door ---- */

struct ruleset *ruleset_hold(struct ruleset *r)
{
	return r;
}

void ruleset_release(struct ruleset *r)
{
	(void)r;
}

void ruleset_digest(const struct ruleset *r, uint8_t out[32])
{
	memset(out, (int)r->count, 32);
}

uint32_t ruleset_count(const struct ruleset *r)
{
	return r->count;
}

const struct rule *ruleset_rule(const struct ruleset *r, uint32_t index)
{
	return r->rules[index];
}

const struct correlation *ruleset_correlation(const struct ruleset *r, uint32_t index)
{
	return r->correlations[index];
}

int evaluator_new(const struct env *env, struct ruleset *r, struct evaluator **out, struct error *error)
{
	*out = env_zalloc(env, sizeof(**out));
	if (*out == NULL)
		return error_set(error, ERROR_MEMORY, "no memory");
	(*out)->env = env;
	(*out)->ruleset = r;
	return 0;
}

void evaluator_free(struct evaluator *e)
{
	env_free(e->env, e);
}

uint64_t evaluator_tried(const struct evaluator *e)
{
	(void)e;
	return 0;
}

uint64_t evaluator_tests(const struct evaluator *e)
{
	(void)e;
	return 0;
}

uint64_t evaluator_undecided(const struct evaluator *e)
{
	(void)e;
	return 0;
}

uint32_t evaluator_values(struct evaluator *e, const struct batch *batch, const struct batch_row *row,
						  struct slice field, struct batch_value *out, uint32_t max)
{
	uint32_t n = 0;
	(void)e;
	for (uint32_t i = row->field_first; i < row->field_first + row->field_count && n < max; i++) {
		struct batch_value value;
		batch_get_value(batch, row, i, &value);
		if (slice_equal(batch_name(batch, value.name), field))
			out[n++] = value;
	}
	return n;
}

/* Nothing here costs anything. */
int evaluator_watch(struct evaluator *e, uint64_t budget_ns, struct error *error)
{
	(void)e, (void)budget_ns, (void)error;
	return 0;
}

uint32_t evaluator_quarantined(const struct evaluator *e, const struct yara_quarantine **out)
{
	(void)e;
	*out = NULL;
	return 0;
}

int evaluator_quarantine(struct evaluator *e, uint32_t rule, struct error *error)
{
	(void)e, (void)rule, (void)error;
	return 0;
}

void evaluator_lift(struct evaluator *e)
{
	(void)e;
}

void evaluator_set_plain(struct evaluator *e, bool plain)
{
	(void)e;
	(void)plain;
}

int evaluator_batch(struct evaluator *e, const struct batch *batch, uint32_t first, struct error *error)
{
	(void)e;
	(void)batch;
	(void)first;
	(void)error;
	return 0;
}

int evaluator_judge(struct evaluator *e, const struct batch *batch, const struct batch_row *row,
					const struct logsource *logsources, uint32_t logsource_count, void (*hit)(void *ctx, uint32_t rule),
					void *ctx, struct error *error)
{
	struct batch_value values[16];
	(void)logsources;
	(void)logsource_count;
	(void)error;
	uint32_t n = evaluator_values(e, batch, row, SLICE("hit"), values, 16);
	for (uint32_t r = 0; r < e->ruleset->count; r++)
		for (uint32_t i = 0; e->ruleset->correlations[r] == NULL && i < n; i++)
			if (slice_equal(values[i].text, e->ruleset->rules[r]->title)) {
				hit(ctx, r);
				break;
			}
	return 0;
}

#endif
