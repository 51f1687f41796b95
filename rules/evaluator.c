/* The exact evaluator: every rule that its log source and its witnesses allow is judged by walking its tree. The plain way
 * judges every rule that the log source allows; it is the oracle of the other. */
#include "rules/matcher.h"
#include "rules/route.h"
#include "rules/yara_rules.h"

struct evaluator {
	const struct env *env;
	struct ruleset *set;
	struct row_view view;
	struct routes routes;
	struct regex_scratch *regex;
	struct yara_scanner *yara;
	const struct route **batch_routes; /* by log source of the bound batch; the last is for none */
	uint32_t batch_routes_room, routes_generation;
	uint64_t *candidates; /* a bit for each rule */
	uint32_t words;
	uint64_t undecided, tried;
	bool plain;
};

int evaluator_new(const struct env *env, struct ruleset *r, struct evaluator **out, struct error *error)
{
	struct evaluator *e = env_zalloc(env, sizeof *e);
	if (!e)
		return error_set(error, ERROR_MEMORY, "no memory for an evaluator");
	e->env = env;
	e->set = ruleset_hold(r);
	e->words = (r->count + 63) / 64;
	e->regex = regex_scratch_new(env);
	e->candidates = env_zalloc(env, (e->words + 1) * sizeof *e->candidates);
	int rc = e->regex && e->candidates ? row_view_init(&e->view, env, &r->fields) : -ERROR_MEMORY;
	if (!rc)
		rc = routes_init(&e->routes, env, r);
	if (!rc && r->yara) {
		e->yara = yara_scanner_new(env, r);
		rc = e->yara ? 0 : -ERROR_MEMORY;
	}
	if (rc) {
		evaluator_free(e);
		return error_set(error, ERROR_MEMORY, "no memory for an evaluator");
	}
	*out = e;
	return 0;
}

void evaluator_free(struct evaluator *e)
{
	if (!e)
		return;
	yara_scanner_free(e->yara);
	regex_scratch_free(e->regex);
	row_view_free(&e->view);
	routes_free(&e->routes);
	env_free(e->env, e->batch_routes);
	env_free(e->env, e->candidates);
	ruleset_release(e->set);
	env_free(e->env, e);
}

uint64_t evaluator_undecided(const struct evaluator *e)
{
	return e->undecided;
}

uint64_t evaluator_tried(const struct evaluator *e)
{
	return e->tried;
}

void evaluator_set_plain(struct evaluator *e, bool plain)
{
	e->plain = plain;
}

/* ---- routes of the batch ---- */

static int forget_routes(struct evaluator *e, const struct batch *batch)
{
	uint32_t need = batch->logsource_count + 1;
	if (need > e->batch_routes_room) {
		const struct route **grown = env_resize(e->env, e->batch_routes, need * sizeof *grown);
		if (!grown)
			return -ERROR_MEMORY;
		e->batch_routes = grown;
		e->batch_routes_room = need;
	}
	memset(e->batch_routes, 0, need * sizeof *e->batch_routes);
	e->routes_generation = e->routes.generation;
	return 0;
}

static const struct route *route_of_row(struct evaluator *e, const struct batch *batch, const struct batch_row *row)
{
	uint32_t at = row->logsource == BATCH_NO_INDEX ? batch->logsource_count : row->logsource;
	if (e->routes_generation != e->routes.generation && forget_routes(e, batch))
		return NULL;
	if (!e->batch_routes[at]) {
		struct logsource known = batch_get_logsource(batch, row->logsource);
		const struct route *route = routes_find(&e->routes, &known, row->logsource == BATCH_NO_INDEX ? 0 : 1, false);
		if (e->routes_generation != e->routes.generation && forget_routes(e, batch))
			return NULL;
		e->batch_routes[at] = route;
	}
	return e->batch_routes[at];
}

/* ---- a row ---- */

static void candidate(struct evaluator *e, uint32_t rule)
{
	e->candidates[rule / 64] |= UINT64_C(1) << (rule % 64);
}

static void candidates(struct evaluator *e, const uint32_t *rules, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		candidate(e, rules[i]);
}

static void look_up(struct evaluator *e, const struct route *route, uint32_t field, enum witness_kind kind,
					uint64_t key)
{
	const struct route_slot *slot = route_slot_find(route, field, kind, key);
	if (slot)
		candidates(e, route->hanging + slot->first, slot->count);
}

static void look_up_number(struct evaluator *e, const struct route *route, uint32_t field,
						   const struct batch_value *value)
{
	struct number n = {.type = NUMBER_I64, .i64 = value->small};
	if (value->type != VALUE_SMALL)
		n = number_parse(value->text);
	if (n.type != NUMBER_NONE && value->type != VALUE_BOOL)
		look_up(e, route, field, WITNESS_NUMBER, number_key(&n));
}

static int look_up_text(struct evaluator *e, const struct route *route, uint32_t field, const struct batch_value *value)
{
	uint32_t kinds = route->fields[field].kinds;
	struct text_ends ends;
	char small[12];
	struct slice text = batch_value_text(value, small);
	text_ends(text, &ends);
	if (!ends.ascii) {
		struct arena_mark mark = arena_mark(&e->view.scratch);
		uint8_t *room = arena_alloc(&e->view.scratch, FOLD_ROOM(text.len));
		if (!room)
			return -ERROR_MEMORY;
		text_ends(slice_of(room, fold(text, room)), &ends);
		arena_rewind(&e->view.scratch, mark);
	}
	if (kinds & 1u << WITNESS_EXACT)
		look_up(e, route, field, WITNESS_EXACT, exact_key(&ends));
	if (kinds & 1u << WITNESS_START && ends.len >= WITNESS_LONG)
		look_up(e, route, field, WITNESS_START, ends.head);
	if (kinds & 1u << WITNESS_END && ends.len >= WITNESS_LONG)
		look_up(e, route, field, WITNESS_END, ends.tail);
	if (kinds & 1u << WITNESS_START_SHORT && ends.len >= WITNESS_SHORT)
		look_up(e, route, field, WITNESS_START_SHORT, start_short_key(&ends));
	if (kinds & 1u << WITNESS_END_SHORT && ends.len >= WITNESS_SHORT)
		look_up(e, route, field, WITNESS_END_SHORT, end_short_key(&ends));
	return 0;
}

static int gather_field(struct evaluator *e, const struct route *route, uint32_t field, const struct batch *batch,
						const struct batch_row *row, uint32_t index)
{
	const struct route_field *f = &route->fields[field];
	struct batch_value value;
	candidates(e, route->hanging + f->first, f->count);
	if (!f->kinds)
		return 0;
	batch_get_value(batch, row, index, &value);
	if (value.type == VALUE_NULL)
		return 0;
	if (f->kinds & 1u << WITNESS_NUMBER)
		look_up_number(e, route, field, &value);
	return f->kinds & ~(1u << WITNESS_NUMBER) ? look_up_text(e, route, field, &value) : 0;
}

/* All values count, of each field and of each name it may have: that is at least what judging looks at. */
static int gather(struct evaluator *e, const struct route *route, const struct batch *batch,
				  const struct batch_row *row)
{
	memset(e->candidates, 0, e->words * sizeof *e->candidates);
	if (e->plain) {
		candidates(e, route->all, route->all_count);
		return 0;
	}
	candidates(e, route->always, route->always_count);
	for (uint32_t i = 0; i < row->field_count; i++) {
		uint32_t field = e->view.bound[batch_value_name(batch, row->field_first + i)];
		if (field != DICTIONARY_NONE && gather_field(e, route, field, batch, row, row->field_first + i))
			return -ERROR_MEMORY;
	}
	return 0;
}

static bool any_candidate(const struct evaluator *e)
{
	uint64_t any = 0;
	for (uint32_t w = 0; w < e->words; w++)
		any |= e->candidates[w];
	return any != 0;
}

/* Leaves the bits of those that hold. */
static int judge(struct evaluator *e)
{
	for (uint32_t w = 0; w < e->words; w++) {
		for (uint64_t left = e->candidates[w]; left; left &= left - 1) {
			uint32_t rule = w * 64 + (uint32_t)__builtin_ctzll(left);
			enum verdict verdict = node_judge(rule_detection(e->set->rules[rule])->root, &e->view, e->regex);
			if (e->view.failed)
				return -ERROR_MEMORY;
			e->undecided += verdict == VERDICT_UNKNOWN;
			e->tried++;
			if (verdict != VERDICT_TRUE)
				e->candidates[w] &= ~(left & (0 - left));
		}
	}
	return 0;
}

static void tell_hits(struct evaluator *e, void (*hit)(void *ctx, uint32_t rule), void *ctx)
{
	for (uint32_t w = 0; w < e->words; w++)
		for (uint64_t left = e->candidates[w]; left; left &= left - 1)
			hit(ctx, w * 64 + (uint32_t)__builtin_ctzll(left));
}

int evaluator_row(struct evaluator *e, const struct batch *batch, uint32_t row, const struct logsource *logsources,
				  uint32_t logsource_count, void (*hit)(void *ctx, uint32_t rule), void *ctx, struct error *error)
{
	struct batch_row r;
	bool rebound;
	batch_get_row(batch, row, &r);
	int rc = row_view_bind(&e->view, batch, &rebound);
	if (!rc && (rebound || !e->batch_routes))
		rc = forget_routes(e, batch);
	const struct route *route = NULL;
	if (!rc)
		route = logsources ? routes_find(&e->routes, logsources, logsource_count, true) : route_of_row(e, batch, &r);
	if (!route) {
		e->view.batch_ptr = NULL; /* bound again next time, routes with it */
		return error_set(error, ERROR_MEMORY, "no memory for judging a row");
	}
	rc = gather(e, route, batch, &r);
	if (!rc && any_candidate(e)) {
		rc = row_view_enter(&e->view, batch, &r, &rebound);
		if (!rc)
			rc = judge(e);
	}
	if (rc)
		return error_set(error, ERROR_MEMORY, "no memory for judging a row");
	if (e->yara)
		e->undecided += (uint64_t)yara_scanner_scan(e->yara, r.original, e->candidates);
	tell_hits(e, hit, ctx);
	return 0;
}

/* ---- keys ---- */

static uint32_t values_of_id(struct evaluator *e, uint32_t id, struct batch_value *out, uint32_t max)
{
	uint32_t n = 0;
	if (e->view.slots[id].stamp != e->view.stamp)
		return 0;
	for (uint32_t at = e->view.slots[id].first; at != NO_VALUE && n < max; at = e->view.values[at].next)
		if (e->view.values[at].value.type != VALUE_NULL)
			out[n++] = e->view.values[at].value;
	return n;
}

/* A name no rule looks at: the slow way. */
static uint32_t values_of_name(const struct batch *batch, const struct batch_row *row, struct slice name,
							   struct batch_value *out, uint32_t max)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < row->field_count && n < max; i++) {
		batch_get_value(batch, row, row->field_first + i, &out[n]);
		if (out[n].type != VALUE_NULL && slice_equal(batch_name(batch, out[n].name), name))
			n++;
	}
	return n;
}

uint32_t evaluator_values(struct evaluator *e, const struct batch *batch, const struct batch_row *row,
						  struct slice field, struct batch_value *out, uint32_t max)
{
	bool rebound, entered = row_view_enter(&e->view, batch, row, &rebound) == 0;
	if (entered && rebound && forget_routes(e, batch))
		e->view.batch_ptr = NULL;
	uint32_t n = 0;
	for (size_t at = 0; n == 0 && at <= field.len;) {
		size_t end = slice_find_octet(field, 0, at);
		if (end == SIZE_MAX)
			end = field.len;
		struct slice name = slice_of(field.ptr + at, end - at);
		uint32_t id = entered ? dictionary_find(&e->set->fields, name) : DICTIONARY_NONE;
		n = id == DICTIONARY_NONE ? values_of_name(batch, row, name, out, max) : values_of_id(e, id, out, max);
		at = end + 1;
	}
	return n;
}
