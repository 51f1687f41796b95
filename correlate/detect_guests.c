/* Detections of before that only retiring correlations ask for: each ruleset of before has an evaluator of its own. Their hits
 * are no findings, and do not count as matches of the rules in force. */
#include "correlate/detector.h"

int guests_open(struct detect *d, struct error *error)
{
	uint32_t n = d->plan->guest_count;
	int result = 0;
	if (n == 0)
		return 0;
	d->guests = env_zalloc(d->env, sizeof(*d->guests) * n);
	if (d->guests == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for retiring rules");
	for (uint32_t i = 0; i < n && result == 0; i++)
		if (d->plan->guests[i].judges)
			result = evaluator_new(d->env, d->plan->guests[i].ruleset, &d->guests[i], error);
	return result;
}

void guests_free(struct detect *d)
{
	for (uint32_t i = 0; d->guests != NULL && i < d->plan->guest_count; i++)
		if (d->guests[i] != NULL)
			evaluator_free(d->guests[i]);
	env_free(d->env, d->guests);
}

/* In the time that a correlation retires, rows are in time at most this long after it. */
static bool is_awake(const struct detect *d, uint32_t i)
{
	return d->guests[i] != NULL && sub_saturated(d->lane->seen_ns, LATENESS_NS) <= d->plan->guests[i].until_ns;
}

int guests_batch(struct detect *d, uint32_t first, struct error *error)
{
	int result = 0;
	for (uint32_t i = 0; i < d->plan->guest_count && result == 0; i++)
		if (is_awake(d, i))
			result = evaluator_batch(d->guests[i], d->batch, first, error);
	return result;
}

void guests_batch_end(struct detect *d)
{
	for (uint32_t i = 0; d->guests != NULL && i < d->plan->guest_count; i++)
		if (d->guests[i] != NULL)
			(void)evaluator_batch(d->guests[i], NULL, 0, NULL);
}

static void take_hit(void *ctx, uint32_t index)
{
	struct detect *d = ctx;
	const struct plan_guest *g = d->guest;
	if (g->rules[index].number == g->first + index) /* one that is in force is asked there */
		detect_refer(d, g->first + index, ruleset_rule(g->ruleset, index));
}

int guests_judge(struct detect *d, struct error *error)
{
	int result = 0;
	for (uint32_t i = 0; i < d->plan->guest_count && result == 0; i++) {
		d->guest = &d->plan->guests[i];
		if (d->guests[i] != NULL && batch_row_when(&d->row) <= d->guest->until_ns)
			result = evaluator_judge(d->guests[i], d->batch, &d->row, NULL, 0, take_hit, d, error);
	}
	return result;
}
