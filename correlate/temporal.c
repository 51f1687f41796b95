#include "correlate/sieve.h"
#include "correlate/spill.h"

#define PENDING_BYTES (1u << 20)

struct part *part_of(const struct temporal *t, uint32_t partition)
{
	for (uint32_t i = 0; i < t->part_count; i++)
		if (t->parts[i].partition == partition)
			return &t->parts[i];
	return NULL;
}

/* ---- matches ---- */

static struct text *take_origin(struct part *part, const struct event_identity *event)
{
	uint8_t octets[ORIGIN_BYTES];
	memcpy(octets, event->collector, 16);
	for (unsigned i = 0; i < 8; i++)
		octets[16 + i] = (uint8_t)(event->epoch >> (56 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		octets[24 + i] = (uint8_t)(event->partition >> (24 - 8 * i));
	return texts_take(&part->texts, slice_of(octets, sizeof(octets)));
}

static int take_member(struct part *part, const struct plan_rule *rule, const struct match_entry *e, struct member *m)
{
	m->origin = take_origin(part, &e->event);
	m->source = texts_take(&part->texts, e->source);
	bool whole = m->origin != NULL && m->source != NULL;
	if (!slice_equal(e->spelling, e->key)) {
		m->spelling = texts_take(&part->texts, e->spelling);
		whole &= m->spelling != NULL;
	}
	if (rule->values) {
		m->value = texts_take(&part->texts, e->value);
		whole &= m->value != NULL;
	}
	if (rule->carried_count > 0) {
		m->carried = texts_take(&part->texts, e->carried);
		whole &= m->carried != NULL;
	}
	if (!whole)
		member_release(part, m);
	return whole ? 0 : -ERROR_MEMORY;
}

/* T16: one hot key cannot take everything either. Where a checkpoint has to say so first, memory has an end all the same. */
static bool matches_refused(const struct part *part)
{
	const struct spill *s = part->spill;
	uint64_t bytes = part->bytes + part->texts.bytes, budget = part->temporal->part_bytes;
	return s != NULL && s->keep ? s->refused > 2 || bytes >= 4 * budget : bytes >= 2 * budget;
}

/* Where there are lists it waits for the watermark. */
static int join_listed(struct part *part, struct group *g, struct member *m)
{
	int result = sieve_join(part, g, m);
	if (result != 0)
		member_release(part, m);
	part->temporal->stats.duplicates += result > 0;
	return result < 0 ? result : group_fold(part, g);
}

int group_join(struct part *part, struct group *g, struct member *m)
{
	uint32_t place = 0;
	if (g->rule->list_count > 0)
		return join_listed(part, g, m);
	int result = group_insert(part, g, m, &place);
	if (result != 0)
		member_release(part, m);
	part->temporal->stats.duplicates += result > 0;
	if (result == 0)
		result = group_update(part, g, place);
	return result < 0 ? result : group_fold(part, g);
}

static int match_join(struct part *part, const struct upcoming *u, uint32_t slot)
{
	const struct plan_rule *rule = u->rule;
	const struct match_entry *entry = &u->entry;
	struct temporal *t = part->temporal;
	uint32_t number;
	int result = spill_relieve(part);
	if (result == 0)
		result = table_take(part, rule, entry->key, u->hash, &number);
	if (result < 0)
		return result;
	if (result > 0) {
		part->refusals[rule->index].keys++;
		t->stats.refused_keys++;
		return 0;
	}
	struct member m = {.when_ns = entry->when_ns, .sequence = entry->event.sequence, .slot = slot};
	if (entry_appends(part, entry_at(part, number), &m)) {
		if (take_member(part, rule, entry, &m) < 0)
			return -ERROR_MEMORY;
		result = entry_append(part, entry_at(part, number), &m);
		if (result < 0)
			member_release(part, &m);
		return result;
	}
	struct group *g = group_unfold_join(part, number);
	if (g == NULL || take_member(part, rule, entry, &m) < 0)
		return -ERROR_MEMORY;
	values_prefetch_value(g, m.value);
	return group_join(part, g, &m);
}

static int part_match(struct part *part, const struct upcoming *u)
{
	struct temporal *t = part->temporal;
	const struct match_entry *entry = &u->entry;
	const struct plan_rule *rule = u->rule;
	uint32_t slot = rule == NULL ? PLAN_NONE : plan_slot(t->plan, rule, entry->rule), count = 0;
	double number;
	if (slot == PLAN_NONE || !tuple_check(entry->key, &count) || count != rule->group_count ||
		(rule->numeric && plan_counts(rule, slot) && !tuple_number(entry->value, &number)))
		return 0; /* of another ruleset, whose correlations are not these */
	if (!plan_has_key(rule, entry->key) || entry->when_ns > rule->until_ns)
		return 0;
	t->stats.matches++;
	if (part->newest_ns == TIME_NONE || entry->when_ns < part->oldest_ns)
		part->oldest_ns = entry->when_ns;
	if (entry->when_ns > part->newest_ns)
		part->newest_ns = entry->when_ns;
	/* In time at its place, so it has been here before: a detector went back and told it again (W3). */
	if (entry->when_ns < part->levels[rule->level].watermark_ns) {
		t->stats.late++;
		part->late++;
		return 0;
	}
	if (matches_refused(part)) {
		part->refusals[rule->index].matches++;
		t->stats.refused_matches++;
		return 0;
	}
	return match_join(part, u, slot);
}

/* ---- clocks ---- */

static int clock_take(struct part *part, const struct match_entry *entry)
{
	for (uint32_t i = 0; i < part->clock_count; i++) {
		struct clock_entry *c = &part->clocks[i];
		if (c->partition == entry->partition && c->level == entry->level) {
			if (entry->clock_ns > c->clock_ns)
				c->clock_ns = entry->clock_ns;
			return 0;
		}
	}
	if (part->clock_count == part->clock_room) {
		uint32_t room = part->clock_room == 0 ? 8 : part->clock_room * 2;
		struct clock_entry *clocks = env_resize(part->temporal->env, part->clocks, sizeof(*clocks) * room);
		if (clocks == NULL)
			return -ERROR_MEMORY;
		part->clocks = clocks;
		part->clock_room = room;
	}
	part->clocks[part->clock_count++] = (struct clock_entry){entry->partition, entry->level, entry->clock_ns};
	return 0;
}

static int part_clock(struct part *part, const struct match_entry *entry)
{
	if (clock_take(part, entry) < 0)
		return -ERROR_MEMORY;
	for (uint32_t n = 1; n <= part->temporal->plan->level_max; n++) {
		int64_t watermark = chain_watermark(part, n);
		if (watermark <= part->levels[n].watermark_ns)
			continue;
		part->levels[n].watermark_ns = watermark;
		int result = population_begin(part, n, watermark);
		if (result == 0)
			result = level_advance(part, n);
		if (result < 0)
			return result;
	}
	chain_levels(part);
	return 0;
}

/* ---- records ---- */

static int part_observe(struct part *part, const struct match_entry *entry)
{
	int64_t observed = entry->kind == MATCH_ENTRY   ? entry->observed_ns
					   : entry->kind == MATCH_CLOCK ? entry->clock_ns
													: TIME_NONE;
	if (observed <= part->observed_ns)
		return 0;
	part->observed_ns = observed;
	int64_t minute = observed / NS_PER_MIN * NS_PER_MIN;
	if (minute <= part->minute_ns)
		return 0;
	int result = part->minute_ns == TIME_NONE ? 0 : tell_ledger(part);
	part->minute_ns = minute;
	return result;
}

int part_entry(struct part *part, const struct upcoming *u)
{
	int result = part_observe(part, &u->entry);
	if (result < 0)
		return result;
	return u->entry.kind == MATCH_ENTRY ? part_match(part, u) : part_clock(part, &u->entry);
}

static int sample_take(struct part *part, uint64_t offset)
{
	int64_t step = part->temporal->keep_span_ns / 64;
	if (part->sample_count > 0 &&
		sub_saturated(part->observed_ns, part->samples[part->sample_count - 1].newest_ns) < step)
		return 0;
	if (part->sample_count == part->sample_room) {
		uint32_t room = part->sample_room == 0 ? 8 : part->sample_room * 2;
		struct sample *samples = env_resize(part->temporal->env, part->samples, sizeof(*samples) * room);
		if (samples == NULL)
			return -ERROR_MEMORY;
		part->samples = samples;
		part->sample_room = room;
	}
	part->samples[part->sample_count++] = (struct sample){offset, part->observed_ns};
	return 0;
}

/* The time of the level that is furthest behind: an outer correlation waits for what the slowest partition forwards, and
 * that may be far behind the clocks. */
static int64_t least_watermark(const struct part *part)
{
	int64_t least = part->levels[1].watermark_ns;
	for (uint32_t n = 2; n <= part->temporal->plan->level_max; n++)
		if (part->levels[n].watermark_ns < least)
			least = part->levels[n].watermark_ns;
	return least;
}

/* Samples before the one that is good enough are not needed any more. */
static void sample_drop(struct part *part)
{
	int64_t watermark = least_watermark(part);
	int64_t back = sub_saturated(add_saturated(watermark, LATENESS_NS), part->temporal->keep_span_ns);
	uint32_t good = 0;
	if (watermark == TIME_NONE)
		return;
	while (good + 1 < part->sample_count && part->samples[good + 1].newest_ns <= back)
		good++;
	memmove(part->samples, part->samples + good, sizeof(*part->samples) * (part->sample_count - good));
	part->sample_count -= good;
}

uint64_t temporal_keep_from(const struct temporal *t, uint32_t partition)
{
	const struct part *part = part_of(t, partition);
	return part == NULL || part->sample_count == 0 ? 0 : part->samples[0].offset;
}

uint64_t temporal_position(const struct temporal *t, uint32_t partition)
{
	const struct part *part = part_of(t, partition);
	return part == NULL ? 0 : part->offset;
}

void temporal_rebuild(struct temporal *t, uint32_t partition, uint64_t offset)
{
	struct part *part = part_of(t, partition);
	CHECK(part != NULL && part->offset == 0);
	part->silent_until = offset;
}

static size_t pending_bytes(const struct temporal *t)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < t->config.matches_partitions; i++)
		bytes += t->writers[i].entries.len;
	for (uint32_t i = 0; i < t->part_count; i++)
		bytes += outbox_bytes(&t->parts[i].outbox);
	return bytes;
}

static int take_record(struct part *part, uint64_t offset, struct slice octets)
{
	struct match_record record;
	struct error ignored;
	if (sample_take(part, offset) < 0)
		return -ERROR_MEMORY;
	part->offset = offset + 1;
	part->temporal->stats.records++;
	if (match_open(&record, octets, &ignored) < 0) {
		part->damaged++;
		part->temporal->stats.refused_records++;
		return 0;
	}
	int result = part_entries(part, &record);
	sample_drop(part);
	return result;
}

static int broken(struct error *error)
{
	return error_set(error, ERROR_MEMORY, "temporal failed before and must be restored");
}

int temporal_record(struct temporal *t, uint32_t partition, uint64_t offset, struct slice record, struct error *error)
{
	if (t->broken)
		return broken(error);
	if (pending_bytes(t) >= PENDING_BYTES) {
		int result = temporal_flush(t, error);
		if (result < 0)
			return result; /* nothing of this record was taken */
	}
	struct part *part = part_of(t, partition);
	if (part == NULL)
		return error_set(error, ERROR_USAGE, "matches partition %u is not owned here", partition);
	if (offset < part->offset)
		return 0;
	int result = take_record(part, offset, record);
	if (result < 0) {
		t->broken = true;
		return spill_failed(result)
				   ? error_set(error, (enum error_code) - result,
							   "what was spilled of matches partition %u does not come back", partition)
				   : error_set(error, (enum error_code) - result, "no memory for the windows of matches partition %u",
							   partition);
	}
	return 0;
}

int temporal_flush(struct temporal *t, struct error *error)
{
	if (t->broken)
		return broken(error);
	for (uint32_t i = 0; i < t->config.matches_partitions; i++) {
		int result = match_writer_flush(&t->writers[i], i, &t->config.sink, error);
		if (result < 0)
			return result;
	}
	for (uint32_t i = 0; i < t->part_count; i++) {
		int result = outbox_flush(&t->parts[i].outbox, t->builder, &t->config.sink, error);
		if (result < 0)
			return result;
	}
	return 0;
}

/* ---- the end of all input ---- */

/* What is for an owned partition does not go round by the bus any more. */
static int drain(struct temporal *t, bool *any)
{
	for (uint32_t i = 0; i < t->config.matches_partitions; i++) {
		struct match_writer *w = &t->writers[i];
		struct part *part = part_of(t, i);
		if (part == NULL || w->entry_count == 0)
			continue;
		struct match_writer taken = *w;
		struct match_record record;
		struct slice octets;
		match_writer_init(w, t->env);
		int result = match_writer_finish(&taken, &octets, NULL);
		if (result == 0)
			result = match_open(&record, octets, NULL);
		if (result == 0)
			result = part_entries(part, &record);
		match_writer_free(&taken);
		if (result < 0)
			return result;
		*any = true;
	}
	return 0;
}

static int end_level(struct temporal *t, uint32_t level)
{
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < t->part_count; i++) {
		t->parts[i].levels[level].watermark_ns = INT64_MAX;
		if (t->parts[i].newest_ns != TIME_NONE)
			result = population_begin(&t->parts[i], level, t->parts[i].oldest_ns);
		if (result == 0)
			result = level_advance(&t->parts[i], level);
	}
	for (bool any = true; result == 0 && any;) {
		any = false;
		result = drain(t, &any);
	}
	return result;
}

int temporal_end(struct temporal *t, struct error *error)
{
	int result = t->broken ? -ERROR_MEMORY : 0;
	for (uint32_t level = 1; result == 0 && level <= t->plan->level_max; level++)
		result = end_level(t, level);
	for (uint32_t i = 0; result == 0 && i < t->part_count; i++)
		result = tell_ledger(&t->parts[i]);
	if (result < 0) {
		t->broken = true;
		return error_set(error, (enum error_code) - result,
						 spill_failed(result) ? "what was spilled does not come back" : "no memory to end the windows");
	}
	return temporal_flush(t, error);
}

int64_t temporal_observed(const struct temporal *t)
{
	int64_t newest = TIME_NONE;
	for (uint32_t i = 0; i < t->part_count; i++)
		if (t->parts[i].observed_ns > newest)
			newest = t->parts[i].observed_ns;
	return newest;
}

int64_t temporal_passed(const struct temporal *t)
{
	int64_t passed = t->part_count > 0 ? INT64_MAX : TIME_NONE;
	for (uint32_t i = 0; i < t->part_count; i++) {
		int64_t least = least_watermark(&t->parts[i]);
		if (least < passed)
			passed = least;
	}
	return passed;
}

void temporal_stats(const struct temporal *t, struct temporal_stats *out)
{
	*out = t->stats;
	out->window_bytes = 0;
	out->watermark_ns = t->part_count > 0 ? INT64_MAX : TIME_NONE;
	for (uint32_t i = 0; i < t->part_count; i++) {
		const struct part *part = &t->parts[i];
		out->window_bytes += part->bytes + part->texts.bytes;
		if (part->levels[1].watermark_ns < out->watermark_ns)
			out->watermark_ns = part->levels[1].watermark_ns;
		if (part->spill != NULL)
			spill_stats(part->spill, out);
	}
}
