/* The temporal stage: made from its configuration, and freed. */
#include "correlate/spill.h"

static int wheels_init(struct part *part)
{
	const struct temporal *t = part->temporal;
	for (uint32_t i = 1; i <= t->plan->level_max; i++) {
		struct wheel *wheel = env_alloc(t->env, sizeof(*wheel));
		if (wheel == NULL)
			return -ERROR_MEMORY;
		wheel_init(wheel, &part->slab, TIME_NONE);
		part->levels[i].wheel = wheel;
	}
	return 0;
}

/* Room for the slots of any rule. */
static int bench_init(struct temporal *t)
{
	uint32_t most = 1;
	for (uint32_t i = 0; i < t->plan->count; i++)
		if (slot_count(&t->plan->rules[i]) > most)
			most = slot_count(&t->plan->rules[i]);
	t->bench_slots = env_alloc(t->env, sizeof(*t->bench_slots) * most);
	return t->bench_slots == NULL ? -ERROR_MEMORY : 0;
}

static int part_init(struct temporal *t, struct part *part, uint32_t partition)
{
	uint8_t collector[16];
	uint64_t seed = 0;
	part->temporal = t;
	slab_init(&part->slab, t->env);
	part->partition = partition;
	part->observed_ns = part->minute_ns = part->newest_ns = TIME_NONE;
	for (uint32_t i = 0; i < LIMIT_LEVELS; i++)
		part->levels[i].watermark_ns = part->levels[i].told_ns = TIME_NONE;
	if (wheels_init(part) < 0)
		return -ERROR_MEMORY;
	if (t->env->random.fill != NULL && t->env->random.fill(t->env->random.ctx, &seed, sizeof(seed)) < 0)
		return -ERROR_IO;
	output_collector(t->config.collector, "matches", partition, collector);
	if (texts_init(&part->texts, t->env, &part->slab, seed) < 0 || table_init(part) < 0)
		return -ERROR_MEMORY;
	if (outbox_init(&part->outbox, t->env, t->config.incidents_partitions, collector, t->config.epoch) < 0)
		return -ERROR_MEMORY;
	part->rule_groups = env_zalloc(t->env, sizeof(*part->rule_groups) * (t->plan->count + 1));
	part->refusals = env_zalloc(t->env, sizeof(*part->refusals) * (t->plan->count + 1));
	part->begun = env_zalloc(t->env, sizeof(*part->begun) * (t->plan->count + 1));
	if (part->rule_groups == NULL || part->refusals == NULL || part->begun == NULL)
		return -ERROR_MEMORY;
	return t->config.spill_dir == NULL ? 0 : spill_new(part);
}

/* What put a key on a list may lie so far back. */
static int64_t longest_list(const struct plan_rule *p)
{
	int64_t longest = 0;
	for (uint32_t i = 0; i < p->list_count; i++)
		if (p->lists[i].ttl_ns > longest)
			longest = p->lists[i].ttl_ns;
	return longest;
}

/* T12: how far back a replay has to begin, in observed time. A laid window depends on where its period began, so such a
 * rule needs one period more, and what is judged late is open for longer; each level of a chain adds what lies below it. */
static int64_t keep_span(const struct plan *plan)
{
	int64_t levels[LIMIT_LEVELS] = {0}, span = 0;
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_rule *p = &plan->rules[i];
		int64_t own = add_saturated(p->period_ns, add_saturated(p->timespan_ns, p->timespan_ns));
		own = add_saturated(own, add_saturated(p->timespan_ns, p->mode == PLAN_LAID ? p->period_ns : 0));
		own = add_saturated(own, add_saturated(p->delay_ns, add_saturated(p->history_ns, p->suppress_ns)));
		own = add_saturated(own, longest_list(p));
		if (own > levels[p->level])
			levels[p->level] = own;
	}
	for (uint32_t i = 1; i < LIMIT_LEVELS; i++)
		span = add_saturated(span, levels[i]);
	return add_saturated(span, LATENESS_NS + FUTURE_MAX_NS);
}

static int make_parts(struct temporal *t, const struct temporal_config *config)
{
	const struct env *env = t->env;
	t->owned = env_alloc(env, sizeof(*t->owned) * (config->owned_count + 1));
	t->parts = env_zalloc(env, sizeof(*t->parts) * (config->owned_count + 1));
	t->writers = env_zalloc(env, sizeof(*t->writers) * config->matches_partitions);
	t->sha = sha256_new();
	if (t->owned == NULL || t->parts == NULL || t->writers == NULL || t->sha == NULL || bench_init(t) < 0)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < config->matches_partitions; i++)
		match_writer_init(&t->writers[i], env);
	while (t->part_count < config->owned_count) {
		struct part *part = &t->parts[t->part_count];
		t->owned[t->part_count] = config->owned[t->part_count];
		int result = part_init(t, part, t->owned[t->part_count++]);
		if (result < 0)
			return result;
	}
	t->config.owned = t->owned;
	if (dictionary_init(&t->dictionary, env, 0) < 0)
		return -ERROR_MEMORY;
	t->builder = batch_builder_new(env, &t->dictionary);
	return t->builder == NULL ? -ERROR_MEMORY : 0;
}

static void init_buffers(struct temporal *t)
{
	struct buffer *buffers[] = {&t->json, &t->key, &t->spelling, &t->value, &t->carried, &t->scratch};
	for (unsigned i = 0; i < sizeof(buffers) / sizeof(*buffers); i++)
		buffer_init(buffers[i], t->env);
}

int temporal_new(const struct env *env, const struct temporal_config *config, struct temporal **out,
				 struct error *error)
{
	if (config->matches_partitions == 0 || config->incidents_partitions == 0)
		return error_set(error, ERROR_USAGE, "temporal needs at least one matches and one incidents partition");
	struct temporal *t = env_zalloc(env, sizeof(*t));
	if (t == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for temporal");
	t->env = env;
	t->config = *config;
	t->config.retiring = NULL; /* the plan has them */
	init_buffers(t);
	uint64_t bytes = config->window_bytes != 0 ? config->window_bytes : (uint64_t)LIMIT_window_bytes;
	t->part_bytes = config->owned_count > 0 ? bytes / config->owned_count : bytes;
	int result = plan_new(env, config->ruleset, config->retiring, config->retiring_count, &t->plan, error);
	if (result == 0) {
		t->keep_span_ns = keep_span(t->plan);
		result = make_parts(t, config);
		if (result < 0)
			error_set(error, (enum error_code) - result, "temporal cannot be set up");
	}
	if (result < 0) {
		temporal_free(t);
		return result;
	}
	*out = t;
	return 0;
}

static void part_clear(struct part *part)
{
	const struct env *env = part->temporal->env;
	spill_free(part);
	table_free(part);
	for (uint32_t i = 0; i < LIMIT_LEVELS; i++)
		env_free(env, part->levels[i].wheel);
	texts_free(&part->texts);
	slab_free(&part->slab);
	if (part->outbox.lanes != NULL)
		outbox_free(&part->outbox);
	env_free(env, part->clocks);
	env_free(env, part->samples);
	env_free(env, part->rule_groups);
	env_free(env, part->refusals);
	env_free(env, part->begun);
}

void temporal_free(struct temporal *t)
{
	if (t == NULL)
		return;
	const struct env *env = t->env;
	for (uint32_t i = 0; i < t->part_count; i++)
		part_clear(&t->parts[i]);
	for (uint32_t i = 0; t->writers != NULL && i < t->config.matches_partitions; i++)
		match_writer_free(&t->writers[i]);
	struct buffer *buffers[] = {&t->json, &t->key, &t->spelling, &t->value, &t->carried, &t->scratch};
	for (unsigned i = 0; i < sizeof(buffers) / sizeof(*buffers); i++)
		buffer_free(buffers[i]);
	if (t->builder != NULL)
		batch_builder_free(t->builder);
	if (t->dictionary.names != NULL)
		dictionary_free(&t->dictionary);
	if (t->sha != NULL)
		sha256_free(t->sha);
	plan_free(t->plan);
	env_free(env, t->fired);
	env_free(env, t->ready);
	env_free(env, t->bench_slots);
	env_free(env, t->owned);
	env_free(env, t->parts);
	env_free(env, t->writers);
	env_free(env, t);
}
