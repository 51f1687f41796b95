/* What YARA rules cost: rules cost, and the member of status. */
#include "cli/request.h"

#include <stdlib.h>

static void put_costs(struct json_writer *w, const struct engine *e)
{
	struct yara_costs c;
	evaluator_yara_costs(detect_evaluator(e->detect), &c);
	json_member_u64(w, "events", c.events);
	json_member_u64(w, "shared_ns", c.shared_ns);
	json_member_u64(w, "exact_ns", c.exact_ns);
	json_member_u64(w, "trial_ns", c.trial_ns);
	json_member_u64(w, "shared_given_up", c.shared_given_up);
	json_member_u64(w, "budget_ns_per_event", e->config.yara_budget_ns);
}

void request_yara_status(struct json_writer *w, const struct engine *e)
{
	const struct detect_quarantine *q;
	uint32_t n = detect_quarantined(e->detect, &q);
	json_key(w, "yara");
	json_object(w);
	put_costs(w, e);
	json_key(w, "quarantined");
	json_array(w);
	for (uint32_t i = 0; i < n; i++) {
		json_object(w);
		engine_yara_quarantine(w, e, &q[i]);
		json_object_end(w);
	}
	json_array_end(w);
	json_object_end(w);
}

/* ---- rules cost ---- */

struct priced {
	const struct rule *rule;
	struct yara_cost cost;
};

static int by_cost(const void *a, const void *b)
{
	const struct priced *left = a, *right = b;
	if (left->cost.cost_ns != right->cost.cost_ns)
		return left->cost.cost_ns > right->cost.cost_ns ? -1 : 1;
	return left->rule->index < right->rule->index ? -1 : 1;
}

/* Those that cost anything, or are in quarantine. */
static uint32_t price_rules(const struct engine *e, struct buffer *list)
{
	for (uint32_t i = 0; i < ruleset_count(e->config.ruleset); i++) {
		struct priced one = {.rule = ruleset_rule(e->config.ruleset, i)};
		bool there = evaluator_yara_cost(detect_evaluator(e->detect), i, &one.cost);
		if (there && (one.cost.judged || one.cost.cost_ns || one.cost.quarantined))
			buffer_add(list, &one, sizeof one);
	}
	uint32_t n = (uint32_t)(list->len / sizeof(struct priced));
	if (n > 1)
		qsort(list->ptr, n, sizeof(struct priced), by_cost);
	return n;
}

static void put_price(const struct priced *p, struct buffer *out)
{
	struct json_writer w;
	json_writer_init(&w, out);
	json_object(&w);
	engine_yara_rule(&w, p->rule);
	json_member_u64(&w, "judged", p->cost.judged);
	json_member_u64(&w, "matched", p->cost.matched);
	json_member_u64(&w, "given_up", p->cost.given_up);
	json_member_u64(&w, "cost_ns", p->cost.cost_ns);
	json_key(&w, "quarantined");
	json_bool(&w, p->cost.quarantined);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}

static int cost_step(struct request *r, struct buffer *out)
{
	const struct engine *e = r->host->engine;
	struct buffer list;
	struct json_writer w;
	if (!e->detect)
		return error_set(&r->error, ERROR_UNSUPPORTED,
						 "nobody judges rules here: 'cresset run' or 'cresset detect' does");
	buffer_init(&list, r->host->env);
	uint32_t n = price_rules(e, &list);
	for (uint32_t i = 0; i < n && !list.failed; i++)
		put_price((const struct priced *)list.ptr + i, out);
	json_writer_init(&w, &r->summary);
	json_object(&w);
	put_costs(&w, e);
	json_object_end(&w);
	int result = list.failed ? -ERROR_MEMORY : REQUEST_DONE;
	buffer_free(&list);
	return result;
}

const struct request_kind request_rules_cost = {"rules cost", true, NULL, cost_step, NULL};
