#include "rules/route.h"

#define ROUTES_MAX 256u
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

static uint64_t hash_of(const struct witness *w)
{
	return witness_hash(w->field, w->kind, w->key);
}

static struct route_slot *slot_for(struct route_slot *slots, uint64_t mask, uint64_t hash)
{
	uint64_t at = hash & mask;
	while (slots[at].hash != hash && slots[at].count)
		at = (at + 1) & mask;
	slots[at].hash = hash;
	return &slots[at];
}

/* Counts into fields and slots; the number of all. */
static uint32_t count_witnesses(const struct routes *r, const struct route *route, struct route_field *fields,
								struct route_slot *slots)
{
	uint32_t total = 0;
	for (uint32_t i = 0; i < route->all_count; i++) {
		const struct detection *d = rule_of(r, route, i);
		for (uint32_t k = 0; k < d->witness_count; k++, total++) {
			const struct witness *w = &d->witnesses[k];
			if (w->kind == WITNESS_PRESENT) {
				fields[w->field].count++;
				continue;
			}
			fields[w->field].kinds |= 1u << w->kind;
			slot_for(slots, route->slot_mask, hash_of(w))->count++;
		}
	}
	return total;
}

/* Where each list ends; filling goes down from there, so that `first` ends up as the beginning. */
static void place_lists(const struct routes *r, const struct route *route, struct route_field *fields,
						struct route_slot *slots)
{
	uint32_t end = 0;
	for (uint32_t f = 0; f < r->set->fields.count; f++)
		fields[f].first = end += fields[f].count;
	for (uint64_t s = 0; s <= route->slot_mask; s++)
		slots[s].first = end += slots[s].count;
}

static void fill_lists(const struct routes *r, const struct route *route, struct route_field *fields,
					   struct route_slot *slots, uint32_t *list)
{
	for (uint32_t i = 0; i < route->all_count; i++) {
		const struct detection *d = rule_of(r, route, i);
		for (uint32_t k = 0; k < d->witness_count; k++) {
			const struct witness *w = &d->witnesses[k];
			bool present = w->kind == WITNESS_PRESENT;
			uint32_t *first = present ? &fields[w->field].first : &slot_for(slots, route->slot_mask, hash_of(w))->first;
			list[--*first] = route->all[i];
		}
	}
}

static uint64_t slots_for(const struct routes *r, const struct route *route)
{
	uint64_t keyed = 0, size = 2;
	for (uint32_t i = 0; i < route->all_count; i++) {
		const struct detection *d = rule_of(r, route, i);
		for (uint32_t k = 0; k < d->witness_count; k++)
			keyed += d->witnesses[k].kind != WITNESS_PRESENT;
	}
	while (size < 2 * keyed + 2)
		size *= 2;
	return size;
}

static int route_fill(struct routes *r, struct route *route, const uint32_t *rules, uint32_t count)
{
	uint64_t size;
	uint32_t *all = arena_alloc(&r->arena, count * sizeof *all),
			 *always = arena_alloc(&r->arena, count * sizeof *always);
	if (!all || !always)
		return -ERROR_MEMORY;
	memcpy(all, rules, count * sizeof *all);
	route->all = all;
	route->all_count = count;
	for (uint32_t i = 0; i < count; i++)
		if (rule_of(r, route, i)->witness_count == 0)
			always[route->always_count++] = rules[i];
	route->slot_mask = (size = slots_for(r, route)) - 1;
	struct route_field *fields = arena_zalloc(&r->arena, r->set->fields.count * sizeof *fields);
	struct route_slot *slots = arena_zalloc(&r->arena, size * sizeof *slots);
	if (!fields || !slots)
		return -ERROR_MEMORY;
	uint32_t *list = arena_alloc(&r->arena, count_witnesses(r, route, fields, slots) * sizeof *list);
	if (!list)
		return -ERROR_MEMORY;
	place_lists(r, route, fields, slots);
	fill_lists(r, route, fields, slots, list);
	route->always = always;
	route->fields = fields;
	route->slots = slots;
	route->hanging = list;
	return 0;
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
	if (r->count == ROUTES_MAX) { /* told names of sources can be without end */
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
