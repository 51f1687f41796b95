#include "rules/route.h"

#include "common/check.h"

#define ROUTES_MAX 256u
#define ROUTES_BYTES (64u << 20)
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

/* ---- what its rules hang in ---- */

static const struct detection *rule_of(const struct routes *r, uint32_t rule)
{
	return rule_detection(r->set->rules[rule]);
}

/* Text columns are marked in `texts`, by their place behind text_first. */
static void hang(const struct routes *r, const struct detection *d, struct route_field *fields, bool *texts)
{
	const struct columns *c = r->set->columns;
	for (uint32_t i = 0; i < d->witness_count; i++) {
		const struct witness *w = &d->witnesses[i];
		uint32_t column = columns_find(c, w, d->rule.logsource.product);
		CHECK(column != COLUMN_NONE);
		if (w->field == WITNESS_TEXTS)
			texts[column - c->text_first] = true;
		else if (w->kind == WITNESS_PRESENT)
			fields[w->field].present = true;
		else
			fields[w->field].column = column;
	}
}

static int route_hang(struct routes *r, struct route *route)
{
	const struct columns *c = r->set->columns;
	uint32_t fields = r->set->fields.count, text_room = c->count - c->text_first, n = 0;
	struct route_field *of_field = arena_alloc(&r->arena, fields * sizeof *of_field);
	bool *texts = arena_zalloc(&r->arena, text_room);
	uint32_t *list = arena_alloc(&r->arena, text_room * sizeof *list);
	if (!of_field || !texts || !list)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < fields; i++)
		of_field[i] = (struct route_field){COLUMN_NONE, false};
	for (uint32_t i = 0; i < route->all_count; i++)
		hang(r, rule_of(r, route->all[i]), of_field, texts);
	for (uint32_t i = 0; i < text_room; i++)
		if (texts[i])
			list[n++] = c->text_first + i;
	route->fields = of_field;
	route->texts = list;
	route->text_count = n;
	return 0;
}

static int route_fill(struct routes *r, struct route *route, const uint32_t *rules, uint32_t count)
{
	uint32_t *all = arena_alloc(&r->arena, count * sizeof *all),
			 *always = arena_alloc(&r->arena, count * sizeof *always);
	uint64_t *bits = arena_zalloc(&r->arena, (r->set->count / 64 + 1) * sizeof *bits);
	if (!all || !always || !bits)
		return -ERROR_MEMORY;
	memcpy(all, rules, count * sizeof *all);
	route->all = all;
	route->all_count = count;
	route->always = always;
	route->bits = bits;
	for (uint32_t i = 0; i < count; i++) {
		bits[rules[i] / 64] |= UINT64_C(1) << rules[i] % 64;
		if (rule_of(r, rules[i])->witness_count == 0)
			always[route->always_count++] = rules[i];
	}
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
		route->number = ++r->made;
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
