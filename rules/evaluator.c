/* The exact evaluator: every rule that its log source and its witnesses allow is judged by walking its tree. The plain way
 * judges every rule that the log source allows; it is the oracle of the other. */
#include "rules/explain.h"
#include "rules/gather.h"
#include "rules/matcher.h"
#include "rules/yara_rules.h"

/* What a log source of the bound batch comes to. */
struct batch_route {
	const struct route *route; /* null: not asked for yet */
	const uint32_t *names; /* for each name of the batch the field, or DICTIONARY_NONE when no rule hangs on it */
};

struct evaluator {
	const struct env *env;
	struct ruleset *set;
	struct row_view view;
	struct routes routes;
	struct regex_scratch *regex;
	struct yara_scanner *yara;
	const struct batch *yara_batch; /* its rows were looked at together, from yara_from on; null: none */
	uint32_t yara_from;
	struct arena batch; /* batch_routes and what is in them */
	struct batch_route *batch_routes; /* by log source of the bound batch; the last is for none */
	struct batch_route listed; /* of the row whose log sources were listed */
	uint32_t routes_generation;
	struct candidates candidates;
	struct gather rows, row; /* of the batch from rows_from on, where has_rows; of one row by itself */
	uint32_t rows_from;
	bool has_rows;
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
	arena_init(&e->batch, env, 0);
	e->regex = regex_scratch_new(env);
	int rc = e->regex ? candidates_init(&e->candidates, env, r->count) : -ERROR_MEMORY;
	if (!rc)
		rc = row_view_init(&e->view, env, &r->fields);
	if (!rc)
		rc = routes_init(&e->routes, env, r);
	if (!rc)
		rc = gather_init(&e->rows, env, r->columns);
	if (!rc)
		rc = gather_init(&e->row, env, r->columns);
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
	gather_free(&e->rows);
	gather_free(&e->row);
	arena_free(&e->batch);
	candidates_free(&e->candidates, e->env);
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

uint64_t evaluator_tests(const struct evaluator *e)
{
	return e->view.tests;
}

uint64_t evaluator_yara_stray(const struct evaluator *e)
{
	return e->yara ? yara_scanner_stray(e->yara) : 0;
}

/* ---- what YARA rules cost ---- */

int evaluator_watch(struct evaluator *e, uint64_t budget_ns, struct error *error)
{
	if (e->yara && yara_scanner_watch(e->yara, e->set, budget_ns))
		return error_set(error, ERROR_MEMORY, "no memory for what YARA rules cost");
	return 0;
}

void evaluator_yara_costs(const struct evaluator *e, struct yara_costs *out)
{
	*out = (struct yara_costs){0};
	if (e->yara)
		yara_scanner_costs(e->yara, out);
}

bool evaluator_yara_cost(const struct evaluator *e, uint32_t rule, struct yara_cost *out)
{
	return e->yara && yara_scanner_cost(e->yara, rule, out);
}

uint32_t evaluator_quarantined(const struct evaluator *e, const struct yara_quarantine **out)
{
	*out = NULL;
	return e->yara ? yara_scanner_quarantined(e->yara, out) : 0;
}

int evaluator_quarantine(struct evaluator *e, uint32_t rule, struct error *error)
{
	CHECK(e->yara);
	if (yara_scanner_quarantine(e->yara, rule))
		return error_set(error, ERROR_MEMORY, "no memory for a quarantine");
	return 0;
}

void evaluator_lift(struct evaluator *e)
{
	const struct yara_quarantine *list;
	if (evaluator_quarantined(e, &list) > 0)
		yara_quarantine_lift(e->yara);
}

void evaluator_set_plain(struct evaluator *e, bool plain)
{
	e->plain = plain;
	e->view.plain = plain;
}

/* ---- routes of the batch ---- */

static int forget_routes(struct evaluator *e, const struct batch *batch)
{
	arena_reset(&e->batch);
	e->batch_routes = arena_zalloc(&e->batch, (batch->logsource_count + 1) * sizeof *e->batch_routes);
	e->routes_generation = e->routes.generation;
	return e->batch_routes ? 0 : -ERROR_MEMORY;
}

static const uint32_t *names_of_route(struct evaluator *e, const struct batch *batch, const struct route *route)
{
	uint32_t *names = arena_alloc(&e->batch, batch->name_count * sizeof *names);
	for (uint32_t i = 0; names && i < batch->name_count; i++) {
		uint32_t field = e->view.bound[i];
		bool used = field != DICTIONARY_NONE && route_field_used(&route->fields[field]);
		names[i] = used ? field : DICTIONARY_NONE;
	}
	return names;
}

/* Null: no memory. */
static const struct batch_route *route_of_row(struct evaluator *e, const struct batch *batch,
											  const struct batch_row *row)
{
	uint32_t at = row->logsource == BATCH_NO_INDEX ? batch->logsource_count : row->logsource;
	if (e->routes_generation != e->routes.generation && forget_routes(e, batch))
		return NULL;
	if (e->batch_routes[at].route)
		return &e->batch_routes[at];
	struct logsource known = batch_get_logsource(batch, row->logsource);
	const struct route *route = routes_find(&e->routes, &known, row->logsource == BATCH_NO_INDEX ? 0 : 1, false);
	if (e->routes_generation != e->routes.generation && forget_routes(e, batch))
		return NULL;
	const uint32_t *names = route ? names_of_route(e, batch, route) : NULL;
	if (!names)
		return NULL;
	e->batch_routes[at] = (struct batch_route){route, names};
	return &e->batch_routes[at];
}

/* ---- a row ---- */

/* Row by row, where the batch was not looked at as a whole. */
static int gather_one(struct evaluator *e, const struct batch_route *r, const struct batch *batch,
					  const struct batch_row *row)
{
	gather_begin(&e->row);
	if (gather_row(&e->row, r->route, r->names, e->view.bound, batch, row) || gather_look(&e->row))
		return -ERROR_MEMORY;
	gather_candidates(&e->row, 0, r->route, &e->candidates);
	return 0;
}

static int gather(struct evaluator *e, const struct batch_route *r, const struct batch *batch,
				  const struct batch_row *row)
{
	candidates_clear(&e->candidates);
	if (e->plain)
		candidates_add(&e->candidates, r->route->all, r->route->all_count);
	else if (r != &e->listed && e->has_rows && row->index >= e->rows_from)
		gather_candidates(&e->rows, row->index - e->rows_from, r->route, &e->candidates);
	else
		return gather_one(e, r, batch, row);
	return 0;
}

/* Leaves those that hold. */
static int judge(struct evaluator *e)
{
	struct candidates *c = &e->candidates;
	for (uint32_t rule = candidates_next(c, 0); rule != CANDIDATES_END; rule = candidates_next(c, rule + 1)) {
		enum verdict verdict = node_judge(rule_detection(e->set->rules[rule])->root, &e->view, e->regex);
		if (e->view.failed)
			return -ERROR_MEMORY;
		e->undecided += verdict == VERDICT_UNKNOWN;
		e->tried++;
		if (verdict != VERDICT_TRUE)
			candidates_drop(c, rule);
	}
	return 0;
}

static int scan_yara(struct evaluator *e, const struct batch *batch, const struct batch_row *row)
{
	const uint32_t *rules;
	bool begun = e->yara_batch == batch && row->index >= e->yara_from;
	if (!begun && yara_scanner_batch(e->yara, batch, row->index, 1))
		return -ERROR_MEMORY;
	if (!begun)
		e->yara_batch = NULL;
	int n = yara_scanner_row(e->yara, batch, row, e->plain, &rules, &e->undecided);
	if (n > 0)
		candidates_add(&e->candidates, rules, (uint32_t)n);
	return n < 0 ? n : 0;
}

static int batch_yara(struct evaluator *e, const struct batch *batch, uint32_t first)
{
	if (!e->yara)
		return 0;
	if (yara_scanner_batch(e->yara, batch, first, batch->row_count - first))
		return -ERROR_MEMORY;
	e->yara_batch = batch;
	e->yara_from = first;
	return 0;
}

static void tell_hits(struct evaluator *e, void (*hit)(void *ctx, uint32_t rule), void *ctx)
{
	const struct candidates *c = &e->candidates;
	for (uint32_t rule = candidates_next(c, 0); rule != CANDIDATES_END; rule = candidates_next(c, rule + 1))
		hit(ctx, rule);
}

/* Another batch than before: what was known of that one is gone. */
static int bind(struct evaluator *e, const struct batch *batch)
{
	bool rebound;
	int rc = row_view_bind(&e->view, batch, &rebound);
	if (rc || rebound)
		e->has_rows = false;
	return rc || ((rebound || !e->batch_routes) && forget_routes(e, batch)) ? -ERROR_MEMORY : 0;
}

static int enter(struct evaluator *e, const struct batch *batch, const struct batch_row *row)
{
	bool rebound;
	return bind(e, batch) || row_view_enter(&e->view, batch, row, &rebound) ? -ERROR_MEMORY : 0;
}

/* What is known of the row's log source, or null: no memory. */
static const struct batch_route *route_for(struct evaluator *e, const struct batch *batch, const struct batch_row *row,
										   const struct logsource *logsources, uint32_t count)
{
	if (bind(e, batch))
		return NULL;
	if (!logsources)
		return route_of_row(e, batch, row);
	e->listed = (struct batch_route){routes_find(&e->routes, logsources, count, true), e->view.bound};
	return e->listed.route ? &e->listed : NULL;
}

static int no_memory(struct error *error)
{
	return error_set(error, ERROR_MEMORY, "no memory for judging a row");
}

static int gather_rows(struct evaluator *e, const struct batch *batch, uint32_t first)
{
	gather_begin(&e->rows);
	for (uint32_t i = first; i < batch->row_count; i++) {
		struct batch_row row;
		batch_get_row(batch, i, &row);
		const struct batch_route *r = row.kind == ROW_EVENT ? route_of_row(e, batch, &row) : NULL;
		int rc = r ? gather_row(&e->rows, r->route, r->names, e->view.bound, batch, &row) : gather_no_row(&e->rows);
		if (rc || (!r && row.kind == ROW_EVENT))
			return -ERROR_MEMORY;
	}
	return gather_look(&e->rows);
}

int evaluator_batch(struct evaluator *e, const struct batch *batch, uint32_t first, struct error *error)
{
	e->has_rows = false;
	e->yara_batch = NULL;
	if (!batch || e->plain || first >= batch->row_count)
		return 0;
	if (bind(e, batch) || gather_rows(e, batch, first) || batch_yara(e, batch, first)) {
		e->view.batch_ptr = NULL;
		return no_memory(error);
	}
	e->rows_from = first;
	e->has_rows = true;
	return 0;
}

int evaluator_judge(struct evaluator *e, const struct batch *batch, const struct batch_row *row,
					const struct logsource *logsources, uint32_t logsource_count, void (*hit)(void *ctx, uint32_t rule),
					void *ctx, struct error *error)
{
	const struct batch_route *route = route_for(e, batch, row, logsources, logsource_count);
	if (!route) {
		e->view.batch_ptr = NULL; /* bound again next time, routes with it */
		return no_memory(error);
	}
	if (gather(e, route, batch, row))
		return no_memory(error);
	if (e->candidates.some && (enter(e, batch, row) || judge(e)))
		return no_memory(error);
	if (e->yara && scan_yara(e, batch, row))
		return no_memory(error);
	if (e->candidates.some)
		tell_hits(e, hit, ctx);
	return 0;
}

int evaluator_row(struct evaluator *e, const struct batch *batch, uint32_t row, const struct logsource *logsources,
				  uint32_t logsource_count, void (*hit)(void *ctx, uint32_t rule), void *ctx, struct error *error)
{
	struct batch_row r;
	batch_get_row(batch, row, &r);
	return evaluator_judge(e, batch, &r, logsources, logsource_count, hit, ctx, error);
}

/* ---- why ---- */

int evaluator_explain(struct evaluator *e, uint32_t rule, const struct batch *batch, const struct batch_row *row,
					  struct json_writer *w, struct error *error)
{
	const struct detection *d = rule_detection(e->set->rules[rule]);
	if (!d)
		return error_set(error, ERROR_UNSUPPORTED, "only detections are explained");
	if (enter(e, batch, row))
		return no_memory(error);
	struct logsource known = {0};
	if (row->logsource != BATCH_NO_INDEX)
		known = batch_get_logsource(batch, row->logsource);
	explain_rule(d, &known, &e->view, e->regex, w);
	return e->view.failed ? no_memory(error) : 0;
}

/* ---- keys ---- */

static uint32_t values_of_id(struct evaluator *e, uint32_t id, struct batch_value *out, uint32_t max)
{
	uint32_t n = 0;
	if (e->view.slots[id].stamp != e->view.stamp)
		return 0;
	for (uint32_t at = e->view.slots[id].first; at != NO_VALUE && n < max; at = e->view.links[at].next)
		if (row_view_value(&e->view, at)->value.type != VALUE_NULL)
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
	bool entered = enter(e, batch, row) == 0;
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
