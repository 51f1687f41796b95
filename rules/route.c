#include "rules/route.h"

#define ROUTES_MAX 256u
#define ROUTES_BYTES (64u << 20)
#define FILTER_MIN 8u /* log2 of octets */
#define FILTER_MAX 14u /* what stays in the nearest cache */
#define ROUTE_SLOTS (2 * ROUTES_MAX)

int routes_init(struct routes *r, const struct env *env, const struct ruleset *set)
{
	*r = (struct routes){.env = env, .set = set};
	arena_init(&r->arena, env, 0);
	buffer_init(&r->key, env);
	r->slots = env_zalloc(env, ROUTE_SLOTS * sizeof *r->slots);
	return r->slots ? 0 : -ERROR_MEMORY;
}

void routes_free(struct routes *r)
{
	if (!r->env)
		return;
	env_free(r->env, r->slots);
	arena_free(&r->arena);
	buffer_free(&r->key);
}

static void add_part(struct buffer *key, struct slice part)
{
	buffer_add_u32(key, (uint32_t)part.len);
	buffer_add_slice(key, part);
}

static bool concerns(const struct detection *d, const struct logsource *logsources, uint32_t count, bool listed)
{
	if (!listed)
		return count == 0 || logsource_agrees(&d->rule.logsource, &logsources[0]);
	for (uint32_t i = 0; i < count; i++)
		if (logsource_holds(&d->rule.logsource, &logsources[i]))
			return true;
	return false;
}

/* ---- hanging rules on their witnesses ---- */

static const struct detection *rule_of(const struct routes *r, const struct route *route, uint32_t i)
{
	return rule_detection(r->set->rules[route->all[i]]);
}

static uint32_t field_of(const struct route *route, const struct witness *w)
{
	return w->field == WITNESS_TEXTS ? route->texts : w->field;
}

/* The slot of a witness that is not PRESENT; a free one when it has none yet. */
static struct route_slot *slot_of(const struct route *route, const struct witness *w)
{
	const struct route_table *t = witness_is_inside(w->kind) ? &route->literals : &route->keys;
	uint64_t hash = witness_hash(field_of(route, w), w->kind, w->key), at = hash & t->mask;
	while (t->slots[at].hash != hash && t->slots[at].count)
		at = (at + 1) & t->mask;
	t->slots[at].hash = hash;
	return &t->slots[at];
}

/* The tables of a route while they are made. */
struct making {
	struct route *route;
	struct route_field *fields;
	uint32_t *hanging;
	struct route_needle *needles;
	uint32_t hanging_count, needle_count;
};

static void each_witness(struct routes *r, struct making *m,
						 void (*visit)(struct making *m, const struct witness *w, uint32_t rule))
{
	for (uint32_t i = 0; i < m->route->all_count; i++) {
		const struct detection *d = rule_of(r, m->route, i);
		for (uint32_t k = 0; k < d->witness_count; k++)
			visit(m, &d->witnesses[k], m->route->all[i]);
	}
}

static void count_all(struct making *m, const struct witness *w, uint32_t rule)
{
	(void)rule;
	m->needle_count += witness_is_inside(w->kind);
	m->hanging_count += !witness_is_inside(w->kind);
}

static void count_witness(struct making *m, const struct witness *w, uint32_t rule)
{
	struct route_field *f = &m->fields[field_of(m->route, w)];
	(void)rule;
	f->quad_count += w->kind == WITNESS_INSIDE;
	f->pair_count += w->kind == WITNESS_INSIDE_SHORT;
	if (w->kind == WITNESS_PRESENT) {
		f->count++;
		return;
	}
	f->kinds |= (uint16_t)(1u << w->kind);
	if (w->kind == WITNESS_START_SHORT)
		f->start_lens |= (uint8_t)(1u << short_key_len(w->key));
	if (w->kind == WITNESS_END_SHORT)
		f->end_lens |= (uint8_t)(1u << short_key_len(w->key));
	slot_of(m->route, w)->count++;
}

/* Where a list ends; filling goes down from there, so that `first` ends up as the beginning. */
static void place_slot(struct making *m, const struct witness *w, uint32_t rule)
{
	(void)rule;
	if (w->kind == WITNESS_PRESENT)
		return;
	struct route_slot *slot = slot_of(m->route, w);
	uint32_t *end = witness_is_inside(w->kind) ? &m->needle_count : &m->hanging_count;
	if (slot->first == 0)
		slot->first = *end += slot->count;
}

static void place_present(struct making *m)
{
	for (uint32_t f = 0; f <= m->route->texts; f++)
		m->fields[f].first = m->hanging_count += m->fields[f].count;
}

static void fill_witness(struct making *m, const struct witness *w, uint32_t rule)
{
	struct route_field *f = &m->fields[field_of(m->route, w)];
	if (w->kind == WITNESS_PRESENT) {
		m->hanging[--f->first] = rule;
		return;
	}
	struct route_slot *slot = slot_of(m->route, w);
	if (!witness_is_inside(w->kind)) {
		m->hanging[--slot->first] = rule;
		return;
	}
	const struct route_filter *filter = w->kind == WITNESS_INSIDE ? &f->quads : &f->pairs;
	filter->octets[route_key_place((uint32_t)w->key, filter->shift)] = 1;
	m->needles[--slot->first] = (struct route_needle){w->literal.ptr, (uint32_t)w->literal.len, w->at, rule};
}

/* Sixteen octets for each key, so that one of sixteen places is taken at most where the table is not the largest. */
static bool filter_make(struct arena *arena, uint32_t count, struct route_filter *out)
{
	uint32_t log2 = FILTER_MIN;
	if (count == 0)
		return true;
	while (log2 < FILTER_MAX && (1u << log2) / 16 < count)
		log2++;
	out->shift = 32 - log2;
	out->octets = arena_zalloc(arena, (size_t)1 << log2);
	return out->octets != NULL;
}

static bool filters_make(struct arena *arena, struct making *m)
{
	for (uint32_t f = 0; f <= m->route->texts; f++)
		if (!filter_make(arena, m->fields[f].quad_count, &m->fields[f].quads) ||
			!filter_make(arena, m->fields[f].pair_count, &m->fields[f].pairs))
			return false;
	return true;
}

static bool table_make(struct arena *arena, uint32_t count, struct route_table *out)
{
	uint64_t size = 2;
	while (size < 2 * (uint64_t)count + 2)
		size *= 2;
	out->mask = size - 1;
	out->slots = arena_zalloc(arena, size * sizeof *out->slots);
	return out->slots != NULL;
}

static int route_hang(struct routes *r, struct route *route)
{
	struct making m = {.route = route};
	each_witness(r, &m, count_all);
	route->fields = m.fields = arena_zalloc(&r->arena, (route->texts + 1) * sizeof *m.fields);
	route->hanging = m.hanging = arena_alloc(&r->arena, m.hanging_count * sizeof *m.hanging);
	route->needles = m.needles = arena_alloc(&r->arena, m.needle_count * sizeof *m.needles);
	if (!m.fields || !m.hanging || !m.needles || !table_make(&r->arena, m.hanging_count, &route->keys) ||
		!table_make(&r->arena, m.needle_count, &route->literals))
		return -ERROR_MEMORY;
	each_witness(r, &m, count_witness);
	if (!filters_make(&r->arena, &m))
		return -ERROR_MEMORY;
	m.hanging_count = m.needle_count = 0;
	place_present(&m);
	each_witness(r, &m, place_slot);
	each_witness(r, &m, fill_witness);
	return 0;
}

static int route_fill(struct routes *r, struct route *route, const uint32_t *rules, uint32_t count)
{
	uint32_t *all = arena_alloc(&r->arena, count * sizeof *all),
			 *always = arena_alloc(&r->arena, count * sizeof *always);
	if (!all || !always)
		return -ERROR_MEMORY;
	memcpy(all, rules, count * sizeof *all);
	route->all = all;
	route->all_count = count;
	route->always = always;
	for (uint32_t i = 0; i < count; i++)
		if (rule_of(r, route, i)->witness_count == 0)
			always[route->always_count++] = rules[i];
	route->texts = r->set->fields.count;
	return route_hang(r, route);
}

static struct route *route_new(struct routes *r, const struct logsource *logsources, uint32_t count, bool listed,
							   struct slice key, uint64_t hash)
{
	struct route *route = arena_zalloc(&r->arena, sizeof *route);
	uint32_t *rules = env_alloc(r->env, (r->set->count + 1) * sizeof *rules);
	uint32_t n = 0;
	if (route && rules) {
		for (uint32_t i = 0; i < r->set->count; i++) {
			const struct detection *d = rule_detection(r->set->rules[i]);
			if (d && concerns(d, logsources, count, listed))
				rules[n++] = i;
		}
		route->key = arena_copy(&r->arena, key);
		route->hash = hash;
		if (!route->key.ptr || route_fill(r, route, rules, n))
			route = NULL;
	}
	env_free(r->env, rules);
	return rules ? route : NULL;
}

const struct route *routes_find(struct routes *r, const struct logsource *logsources, uint32_t count, bool listed)
{
	buffer_reset(&r->key);
	buffer_add_octet(&r->key, listed);
	for (uint32_t i = 0; i < count; i++) {
		add_part(&r->key, logsources[i].product);
		add_part(&r->key, logsources[i].category);
		add_part(&r->key, logsources[i].service);
	}
	if (r->key.failed)
		return NULL;
	struct slice key = buffer_slice(&r->key);
	uint64_t hash = xxh3(key);
	uint32_t at = (uint32_t)hash & (ROUTE_SLOTS - 1);
	for (; r->slots[at]; at = (at + 1) & (ROUTE_SLOTS - 1))
		if (r->slots[at]->hash == hash && slice_equal(r->slots[at]->key, key))
			return r->slots[at];
	if (r->count == ROUTES_MAX || r->arena.used_bytes > ROUTES_BYTES) { /* told names of sources can be without end */
		memset(r->slots, 0, ROUTE_SLOTS * sizeof *r->slots);
		arena_reset(&r->arena);
		r->count = 0;
		r->generation++;
		at = (uint32_t)hash & (ROUTE_SLOTS - 1);
	}
	struct route *route = route_new(r, logsources, count, listed, key, hash);
	if (route) {
		r->slots[at] = route;
		r->count++;
	}
	return route;
}
