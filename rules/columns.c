#include "rules/columns_cache.h"

#include "common/check.h"

#include <stdlib.h>

/* A literal that a rule hangs on. */
struct hook {
	struct slice literal;
	uint32_t column, rule;
};

struct making {
	struct columns *c;
	const struct ruleset *set;
	struct hook *hooks;
	uint32_t key_count, present_count, hook_count, rule_count;
};

static void each_witness(struct making *m,
						 void (*visit)(struct making *m, const struct detection *d, const struct witness *w))
{
	for (uint32_t i = 0; i < m->set->count; i++) {
		const struct detection *d = rule_detection(m->set->rules[i]);
		for (uint32_t k = 0; d && k < d->witness_count; k++)
			visit(m, d, &d->witnesses[k]);
	}
}

/* ---- which columns there are ---- */

uint32_t columns_find(const struct columns *c, const struct witness *w, struct slice product)
{
	if (w->field != WITNESS_TEXTS)
		return c->of_field[w->field];
	for (uint32_t i = c->text_first; i < c->count; i++)
		if (slice_equal_nocase(c->list[i].product, product))
			return i;
	return COLUMN_NONE;
}

static uint32_t column_of(const struct making *m, const struct detection *d, const struct witness *w)
{
	return columns_find(m->c, w, d->rule.logsource.product);
}

static void count_witness(struct making *m, const struct detection *d, const struct witness *w)
{
	(void)d;
	m->hook_count += w->kind == WITNESS_INSIDE;
	m->present_count += w->kind == WITNESS_PRESENT;
	m->key_count += w->kind != WITNESS_INSIDE && w->kind != WITNESS_PRESENT;
	if (w->field != WITNESS_TEXTS)
		m->c->of_field[w->field] = 0;
}

static void add_texts(struct making *m, const struct detection *d, const struct witness *w)
{
	struct columns *c = m->c;
	if (w->field == WITNESS_TEXTS && column_of(m, d, w) == COLUMN_NONE)
		c->list[c->count++] = (struct column){.field = WITNESS_TEXTS, .product = d->rule.logsource.product};
}

/* Products are few, but nobody promises it: there is room for each rule to name its own. */
static int make_list(struct making *m)
{
	struct columns *c = m->c;
	uint32_t fields = m->set->fields.count;
	c->of_field = arena_alloc(&c->arena, fields * sizeof *c->of_field);
	c->list = arena_zalloc(&c->arena, (fields + (size_t)m->set->count) * sizeof *c->list);
	if (!c->of_field || !c->list)
		return -ERROR_MEMORY;
	memset(c->of_field, 0xff, fields * sizeof *c->of_field);
	each_witness(m, count_witness);
	for (uint32_t i = 0; i < fields; i++)
		if (c->of_field[i] != COLUMN_NONE) {
			c->of_field[i] = c->count;
			c->list[c->count++].field = i;
		}
	c->text_first = c->count;
	each_witness(m, add_texts);
	return 0;
}

/* ---- keys and presence ---- */

static struct column_slot *slot_of(const struct making *m, uint32_t column, const struct witness *w)
{
	const struct columns *c = m->c;
	uint64_t hash = witness_hash(column, w->kind, w->key), at = hash & c->mask;
	while (c->slots[at].hash != hash && c->slots[at].rules.count)
		at = (at + 1) & c->mask;
	c->slots[at].hash = hash;
	return &c->slots[at];
}

static void count_key(struct making *m, const struct detection *d, const struct witness *w)
{
	uint32_t column = column_of(m, d, w);
	struct column *x = &m->c->list[column];
	x->present.count += w->kind == WITNESS_PRESENT;
	if (w->kind == WITNESS_PRESENT || w->kind == WITNESS_INSIDE)
		return;
	x->kinds |= (uint16_t)(1u << w->kind);
	if (w->kind == WITNESS_START_SHORT)
		x->start_lens |= (uint8_t)(1u << short_key_len(w->key));
	if (w->kind == WITNESS_END_SHORT)
		x->end_lens |= (uint8_t)(1u << short_key_len(w->key));
	slot_of(m, column, w)->rules.count++;
}

/* Where each list ends; filling goes down from there, so that `first` ends up as the beginning. */
static void place_keys(struct making *m)
{
	for (uint32_t i = 0; i < m->c->count; i++)
		m->c->list[i].present.first = m->rule_count += m->c->list[i].present.count;
	for (uint64_t at = 0; at <= m->c->mask; at++)
		m->c->slots[at].rules.first = m->rule_count += m->c->slots[at].rules.count;
}

static void fill_key(struct making *m, const struct detection *d, const struct witness *w)
{
	uint32_t column = column_of(m, d, w);
	if (w->kind == WITNESS_PRESENT)
		m->c->rules[--m->c->list[column].present.first] = d->rule.index;
	else if (w->kind == WITNESS_INSIDE)
		m->hooks[m->hook_count++] = (struct hook){w->literal, column, d->rule.index};
	else
		m->c->rules[--slot_of(m, column, w)->rules.first] = d->rule.index;
}

static int make_keys(struct making *m)
{
	struct columns *c = m->c;
	uint64_t size = 2;
	while (size < 2 * (uint64_t)m->key_count + 2)
		size *= 2;
	c->mask = size - 1;
	c->slots = arena_zalloc(&c->arena, size * sizeof *c->slots);
	c->rules = arena_alloc(&c->arena, ((size_t)m->key_count + m->present_count + m->hook_count) * sizeof *c->rules);
	if (!c->slots || !c->rules)
		return -ERROR_MEMORY;
	each_witness(m, count_key);
	place_keys(m);
	m->hook_count = 0;
	each_witness(m, fill_key);
	return 0;
}

/* ---- literals ---- */

static int hook_order(const void *a, const void *b)
{
	const struct hook *x = a, *y = b;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	int order = slice_compare(x->literal, y->literal);
	return order ? order : x->rule < y->rule ? -1 : x->rule > y->rule;
}

/* Hooks are in order: equal ones are neighbours. */
static void hang_literals(struct making *m)
{
	struct columns *c = m->c;
	for (uint32_t i = 0; i < m->hook_count; i++) {
		const struct hook *h = &m->hooks[i], *before = i ? &m->hooks[i - 1] : NULL;
		struct column *column = &c->list[h->column];
		if (column->literal_count == 0) {
			column->literal_first = c->literal_count;
			column->inside.first = m->rule_count;
		}
		bool again = before && column->literal_count && slice_equal(h->literal, before->literal);
		if (!again) {
			c->literals[c->literal_count] = h->literal;
			c->literal_rules[c->literal_count++].first = m->rule_count;
			column->literal_count++;
		}
		c->literal_rules[c->literal_count - 1].count++;
		column->inside.count++;
		c->rules[m->rule_count++] = h->rule;
	}
}

static bool at_edge(struct slice literal)
{
	return literal.ptr[0] == WITNESS_EDGE || literal.ptr[literal.len - 1] == WITNESS_EDGE;
}

static void find_bare(struct columns *c)
{
	for (struct column *x = c->list; x < c->list + c->count; x++) {
		x->bare = x->kinds == 0 && x->present.count == 0;
		for (uint32_t i = 0; i < x->literal_count; i++)
			x->bare &= !at_edge(c->literals[x->literal_first + i]);
	}
}

static int make_literals(struct making *m)
{
	struct columns *c = m->c;
	c->literals = arena_alloc(&c->arena, m->hook_count * sizeof *c->literals);
	c->literal_rules = arena_zalloc(&c->arena, m->hook_count * sizeof *c->literal_rules);
	if (!c->literals || !c->literal_rules)
		return -ERROR_MEMORY;
	if (m->hook_count)
		qsort(m->hooks, m->hook_count, sizeof *m->hooks, hook_order);
	hang_literals(m);
	find_bare(c);
	return 0;
}

static int make_sets(struct columns *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct column *x = &c->list[i];
		if (x->literal_count &&
			literal_set_new(c->env, c->literals + x->literal_first, x->literal_count, &x->literals) == -ERROR_MEMORY)
			return -ERROR_MEMORY;
	}
	return 0;
}

/* ---- the whole ---- */

static uint32_t count_hooks(const struct ruleset *set)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct detection *d = rule_detection(set->rules[i]);
		for (uint32_t k = 0; d && k < d->witness_count; k++)
			count += d->witnesses[k].kind == WITNESS_INSIDE;
	}
	return count;
}

int columns_new(const struct ruleset *set, const char *cache, struct columns **out)
{
	struct columns *c = env_zalloc(set->env, sizeof *c);
	uint32_t hooks = count_hooks(set);
	if (!c)
		return -ERROR_MEMORY;
	c->env = set->env;
	arena_init(&c->arena, set->env, 0);
	struct making m = {.c = c, .set = set, .hooks = env_alloc(set->env, (hooks + (size_t)1) * sizeof *m.hooks)};
	int rc = m.hooks ? make_list(&m) : -ERROR_MEMORY;
	if (!rc)
		rc = make_keys(&m);
	if (!rc)
		rc = make_literals(&m);
	env_free(set->env, m.hooks);
	if (!rc && (!cache || !columns_cache_read(c, cache))) {
		rc = make_sets(c);
		if (!rc && cache)
			columns_cache_write(c, cache);
	}
	if (rc)
		columns_free(c);
	else
		*out = c;
	return rc;
}

void columns_free(struct columns *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; c->list && i < c->count; i++)
		literal_set_free(c->list[i].literals);
	arena_free(&c->arena);
	env_free(c->env, c);
}
