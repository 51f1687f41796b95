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

/* Counting first, then filling: `starts` ends up as the beginnings. */
static int route_fill(struct routes *r, struct route *route, const uint32_t *rules, uint32_t count)
{
	uint32_t fields = r->set->fields.count, hanging = 0;
	uint32_t *starts = arena_zalloc(&r->arena, (fields + 2) * sizeof *starts);
	uint32_t *always = arena_alloc(&r->arena, count * sizeof *always);
	if (!starts || !always)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		const struct detection *d = rule_detection(r->set->rules[rules[i]]);
		if (d->witness_count == 0)
			always[route->always_count++] = rules[i];
		for (uint32_t k = 0; k < d->witness_count; k++, hanging++)
			starts[d->witness[k] + 2]++;
	}
	uint32_t *list = arena_alloc(&r->arena, hanging * sizeof *list);
	if (!list)
		return -ERROR_MEMORY;
	for (uint32_t f = 2; f < fields + 2; f++)
		starts[f] += starts[f - 1];
	for (uint32_t i = 0; i < count; i++) {
		const struct detection *d = rule_detection(r->set->rules[rules[i]]);
		for (uint32_t k = 0; k < d->witness_count; k++)
			list[starts[d->witness[k] + 1]++] = rules[i];
	}
	route->always = always;
	route->starts = starts;
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
