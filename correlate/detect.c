#include "correlate/detector.h"

#define PENDING_BYTES (1u << 20)

/* ---- making and freeing ---- */

static int lane_init(struct detect *d, struct detect_lane *lane, uint32_t partition)
{
	uint8_t collector[16];
	lane->partition = partition;
	lane->ledger.minute_ns = lane->seen_ns = MINUTE_NONE;
	marks_init(&lane->marks, d->env);
	output_collector(d->config.collector, "events", partition, collector);
	if (outbox_init(&lane->outbox, d->env, d->config.incidents_partitions, collector, d->config.epoch) < 0)
		return -ERROR_MEMORY;
	lane->ledger.rules = env_zalloc(d->env, sizeof(*lane->ledger.rules) * (ruleset_count(d->config.ruleset) + 1));
	return lane->ledger.rules == NULL ? -ERROR_MEMORY : 0;
}

static int make_parts(struct detect *d, const struct detect_config *config)
{
	const struct env *env = d->env;
	d->owned = env_alloc(env, sizeof(*d->owned) * (config->events_count + 1));
	d->lanes = env_zalloc(env, sizeof(*d->lanes) * (config->events_count + 1));
	d->writers = env_zalloc(env, sizeof(*d->writers) * config->matches_partitions);
	d->choices = env_alloc(env, sizeof(*d->choices) * TUPLE_COMPONENTS_MAX * 2);
	d->heads = env_zalloc(env, sizeof(*d->heads) * (ruleset_count(config->ruleset) + 1));
	if (d->owned == NULL || d->lanes == NULL || d->writers == NULL || d->choices == NULL || d->heads == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < config->matches_partitions; i++)
		match_writer_init(&d->writers[i], env);
	for (; d->lane_count < config->events_count; d->lane_count++) {
		d->owned[d->lane_count] = config->events_partitions[d->lane_count];
		if (lane_init(d, &d->lanes[d->lane_count], d->owned[d->lane_count]) < 0) {
			d->lane_count++;
			return -ERROR_MEMORY;
		}
	}
	d->config.events_partitions = d->owned;
	if (dictionary_init(&d->dictionary, env, 0) < 0)
		return -ERROR_MEMORY;
	d->builder = batch_builder_new(env, &d->dictionary);
	return d->builder == NULL ? -ERROR_MEMORY : 0;
}

int detect_new(const struct env *env, const struct detect_config *config, struct detect **out, struct error *error)
{
	if (config->matches_partitions == 0 || config->incidents_partitions == 0)
		return error_set(error, ERROR_USAGE, "detect needs at least one matches and one incidents partition");
	struct detect *d = env_zalloc(env, sizeof(*d));
	if (d == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for detect");
	d->env = env;
	d->config = *config;
	d->config.retiring = NULL; /* the plan has them */
	arena_init(&d->arena, env, 0);
	struct buffer *buffers[] = {&d->key, &d->spelling, &d->value, &d->carried, &d->json, &d->scratch, &d->quarantined};
	for (unsigned i = 0; i < sizeof(buffers) / sizeof(*buffers); i++)
		buffer_init(buffers[i], env);
	int result = plan_new(env, config->ruleset, config->retiring, config->retiring_count, &d->plan, error);
	if (result == 0)
		result = evaluator_new(env, config->ruleset, &d->evaluator, error);
	if (result == 0)
		evaluator_set_plain(d->evaluator, config->plain);
	if (result == 0 && config->watch)
		result = evaluator_watch(d->evaluator, config->yara_budget_ns, error);
	if (result == 0)
		result = guests_open(d, error);
	if (result == 0 && make_parts(d, config) < 0)
		result = error_set(error, ERROR_MEMORY, "no memory for detect");
	if (result < 0) {
		detect_free(d);
		return result;
	}
	*out = d;
	return 0;
}

void detect_free(struct detect *d)
{
	if (d == NULL)
		return;
	const struct env *env = d->env;
	for (uint32_t i = 0; i < d->lane_count; i++) {
		marks_free(&d->lanes[i].marks);
		outbox_free(&d->lanes[i].outbox);
		env_free(env, d->lanes[i].ledger.rules);
	}
	for (uint32_t i = 0; d->writers != NULL && i < d->config.matches_partitions; i++)
		match_writer_free(&d->writers[i]);
	struct buffer *buffers[] = {&d->key, &d->spelling, &d->value, &d->carried, &d->json, &d->scratch, &d->quarantined};
	for (unsigned i = 0; i < sizeof(buffers) / sizeof(*buffers); i++)
		buffer_free(buffers[i]);
	if (d->builder != NULL)
		batch_builder_free(d->builder);
	if (d->dictionary.names != NULL)
		dictionary_free(&d->dictionary);
	if (d->evaluator != NULL)
		evaluator_free(d->evaluator);
	guests_free(d);
	plan_free(d->plan);
	env_free(env, d->owned);
	env_free(env, d->lanes);
	env_free(env, d->writers);
	env_free(env, d->choices);
	env_free(env, d->heads);
	arena_free(&d->arena);
	env_free(env, d);
}

/* ---- rows ---- */

void detect_refer(struct detect *d, uint32_t number, const struct rule *rule)
{
	const struct plan_reference *references = d->plan->references[number];
	for (uint32_t i = 0; i < d->plan->reference_counts[number]; i++) {
		const struct plan_rule *p = &d->plan->rules[references[i].rule];
		if (batch_row_when(&d->row) <= p->until_ns)
			detect_match(d, p, references[i].slot, rule);
	}
}

static void take_hit(void *ctx, uint32_t index)
{
	struct detect *d = ctx;
	const struct rule *rule = ruleset_rule(d->config.ruleset, index);
	d->lane->ledger.rules[index]++;
	if (rule->told)
		detect_finding(d, rule);
	if (!d->late)
		detect_refer(d, index, rule);
}

/* T3: a property of the row and its place, so that every reading of the log decides the same. */
static bool row_late(const struct detect *d, int64_t when_ns)
{
	if (d->config.no_lateness)
		return false;
	int64_t observed = d->row.observed_ns;
	return sub_saturated(observed, when_ns) > LATENESS_NS || observed < d->lane->marks.clock_ns;
}

int detect_event(struct detect *d, uint32_t index, bool late, struct error *error)
{
	d->late = late;
	d->stats.events++;
	d->lane->ledger.events++;
	d->stats.late += d->late;
	d->lane->ledger.late += d->late;
	uint64_t undecided = evaluator_undecided(d->evaluator);
	const struct logsource *logsources = NULL;
	uint32_t count = d->config.logsources == NULL
						 ? 0
						 : d->config.logsources(d->config.logsources_ctx, &d->batch->identity, index, &logsources);
	int result = evaluator_judge(d->evaluator, d->batch, &d->row, count ? logsources : NULL, count, take_hit, d, error);
	d->lane->ledger.undecided += evaluator_undecided(d->evaluator) - undecided;
	return result == 0 && d->guests != NULL && !late ? guests_judge(d, error) : result;
}

static int take_row(struct detect *d, uint32_t index, bool *moved, struct error *error)
{
	batch_get_row(d->batch, index, &d->row);
	d->event.sequence = d->batch->identity.first_sequence + index;
	d->stats.rows++;
	if (!d->config.no_lateness)
		ledger_reach(d, d->lane, d->row.observed_ns);
	if (d->row.kind == ROW_EVENT)
		return detect_event(d, index, row_late(d, batch_row_when(&d->row)), error);
	if (d->row.kind == ROW_TICK && d->lane->partition < PARTITION_SPECIAL_FIRST && !d->config.no_lateness) {
		int result = marks_tick(&d->lane->marks, &d->batch->identity, d->row.observed_ns);
		if (result < 0)
			return error_set(error, ERROR_MEMORY, "no memory for the clock of a partition");
		*moved |= result > 0;
	}
	return 0;
}

/* ---- records ---- */

static void tell_clock(struct detect *d, const struct detect_lane *lane, uint64_t offset)
{
	struct match_entry entry = {
		.kind = MATCH_CLOCK, .partition = lane->partition, .offset = offset, .clock_ns = lane->marks.clock_ns};
	for (uint32_t i = 0; i < d->config.matches_partitions; i++)
		match_writer_add(&d->writers[i], &entry);
}

/* Before anything else is told, every owned partition makes itself known: the watermark waits for all of them, whichever
 * is read first. */
static void announce(struct detect *d)
{
	for (uint32_t i = 0; i < d->lane_count; i++) {
		struct detect_lane *lane = &d->lanes[i];
		if (!lane->announced && !d->config.no_lateness && lane->partition < PARTITION_SPECIAL_FIRST)
			tell_clock(d, lane, 0);
		lane->announced = true;
	}
}

static void lane_sees(struct detect *d, uint32_t index)
{
	struct batch_row row;
	batch_get_row(d->batch, index, &row);
	d->lane->seen_ns = row.observed_ns;
}

static int take_batch(struct detect *d, uint64_t offset, struct error *error)
{
	const struct batch *batch = d->batch;
	uint32_t skip;
	uint64_t missing;
	if (marks_batch(&d->lane->marks, &batch->identity, batch->row_count, &skip, &missing) < 0)
		return error_set(error, ERROR_MEMORY, "no memory for a mark");
	d->stats.batches++;
	d->stats.duplicates += skip;
	d->lane->ledger.duplicates += skip;
	d->stats.gaps += missing;
	d->lane->ledger.gaps += missing;
	if ((batch->must_flags & BATCH_FLAG_BACKFILL) != 0 && !d->config.no_lateness)
		return 0;
	memcpy(d->event.collector, batch->identity.collector, 16);
	d->event.epoch = batch->identity.epoch;
	d->event.partition = batch->identity.partition;
	bool moved = false;
	if (skip < batch->row_count)
		lane_sees(d, skip);
	int result = evaluator_batch(d->evaluator, batch, skip, error);
	if (result == 0 && d->guests != NULL)
		result = guests_batch(d, skip, error);
	for (uint32_t i = skip; result == 0 && i < batch->row_count; i++)
		result = take_row(d, i, &moved, error);
	if (result == 0 && d->config.watch && quarantine_look(d) < 0)
		result = error_set(error, ERROR_MEMORY, "no memory for rules in quarantine");
	if (result < 0)
		return result;
	if (moved)
		tell_clock(d, d->lane, offset + 1);
	return 0;
}

static struct detect_lane *lane_of(struct detect *d, uint32_t partition)
{
	for (uint32_t i = 0; i < d->lane_count; i++)
		if (d->lanes[i].partition == partition)
			return &d->lanes[i];
	return NULL;
}

size_t detect_pending(const struct detect *d)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < d->config.matches_partitions; i++)
		bytes += d->writers[i].entries.len;
	for (uint32_t i = 0; i < d->lane_count; i++)
		bytes += outbox_bytes(&d->lanes[i].outbox);
	return bytes;
}

bool detect_failed(const struct detect *d)
{
	bool failed = d->key.failed || d->spelling.failed || d->value.failed || d->carried.failed || d->json.failed;
	for (uint32_t i = 0; i < d->config.matches_partitions; i++)
		failed |= match_writer_failed(&d->writers[i]);
	for (uint32_t i = 0; i < d->lane_count; i++)
		failed |= outbox_failed(&d->lanes[i].outbox);
	return failed;
}

int detect_batch(struct detect *d, uint32_t partition, uint64_t offset, const struct batch *batch, struct error *error)
{
	if (d->broken)
		return error_set(error, ERROR_MEMORY, "detect failed before and must be restored");
	if (detect_pending(d) >= PENDING_BYTES) {
		int result = detect_flush(d, error);
		if (result < 0)
			return result; /* nothing of this record was taken */
	}
	d->lane = lane_of(d, partition);
	if (d->lane == NULL)
		return error_set(error, ERROR_USAGE, "events partition %u is not this detector's", partition);
	announce(d);
	if (batch == NULL) {
		d->stats.refused++;
		d->lane->ledger.refused++;
		return 0;
	}
	d->batch = batch;
	int result = take_batch(d, offset, error);
	if (result == 0 && detect_failed(d))
		result = error_set(error, ERROR_MEMORY, "no memory for matches");
	(void)evaluator_batch(d->evaluator, NULL, 0, NULL);
	guests_batch_end(d);
	d->batch = NULL;
	d->broken = result < 0;
	return result;
}

int detect_record(struct detect *d, uint32_t partition, uint64_t offset, struct slice octets, struct error *error)
{
	struct batch batch;
	bool valid = batch_open(&batch, octets, NULL) == 0;
	return detect_batch(d, partition, offset, valid ? &batch : NULL, error);
}

int detect_flush(struct detect *d, struct error *error)
{
	if (d->broken)
		return error_set(error, ERROR_MEMORY, "detect failed before and must be restored");
	for (uint32_t i = 0; i < d->config.matches_partitions; i++) {
		int result = match_writer_flush(&d->writers[i], i, &d->config.sink, error);
		if (result < 0)
			return result;
	}
	for (uint32_t i = 0; i < d->lane_count; i++) {
		int result = outbox_flush(&d->lanes[i].outbox, d->builder, &d->config.sink, error);
		if (result < 0)
			return result;
	}
	return 0;
}

void detect_stats(const struct detect *d, struct detect_stats *out)
{
	*out = d->stats;
	out->rules_tried = evaluator_tried(d->evaluator);
	out->values_tested = evaluator_tests(d->evaluator);
}
