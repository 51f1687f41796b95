/* Ledger rows and saved state of detect. */
#include "correlate/detector.h"

static int64_t minute_of(int64_t ns)
{
	int64_t rest = ns % NS_PER_MIN;
	return rest < 0 ? ns - rest - NS_PER_MIN : ns - rest;
}

static void ledger_number(struct json_writer *w, const char *name, uint64_t n)
{
	json_key(w, name);
	json_u64(w, n);
}

static void ledger_rules(struct detect *d, struct json_writer *w, struct ledger *l)
{
	json_key(w, "rules");
	json_array(w);
	for (uint32_t i = 0; i < ruleset_count(d->config.ruleset); i++) {
		if (l->rules[i] == 0)
			continue;
		const struct rule *rule = ruleset_rule(d->config.ruleset, i);
		json_object(w);
		json_key(w, "id");
		row_component(w, rule->id.len > 0 ? KEY_TEXT : KEY_MISSING, rule->id);
		json_key(w, "title");
		json_string(w, rule->title);
		json_key(w, "digest");
		json_hex(w, rule->digest, 32);
		ledger_number(w, "matches", l->rules[i]);
		json_object_end(w);
	}
	json_array_end(w);
}

static void ledger_tell(struct detect *d, struct detect_lane *lane)
{
	struct ledger *l = &lane->ledger;
	struct json_writer w;
	buffer_reset(&d->json);
	json_writer_init(&w, &d->json);
	json_object(&w);
	json_key(&w, "ledger");
	json_object(&w);
	json_key(&w, "stage");
	json_str(&w, "detect");
	ledger_number(&w, "partition", lane->partition);
	json_key(&w, "minute");
	json_time(&w, l->minute_ns);
	ledger_number(&w, "events", l->events);
	ledger_number(&w, "late", l->late);
	ledger_number(&w, "duplicates", l->duplicates);
	ledger_number(&w, "gaps", l->gaps);
	ledger_number(&w, "refused", l->refused);
	ledger_number(&w, "missing_key", l->missing_key);
	ledger_number(&w, "array_cut", l->array_cut);
	ledger_number(&w, "undecided", l->undecided);
	ledger_number(&w, "not_numeric", l->not_numeric);
	ledger_rules(d, &w, l);
	quarantine_print(d, &w);
	json_object_end(&w);
	json_object_end(&w);
	if (!d->json.failed)
		outbox_add(&lane->outbox, lane->partition % d->config.incidents_partitions, ROW_LEDGER,
				   l->minute_ns + NS_PER_MIN, l->minute_ns, buffer_slice(&d->json));
}

void ledger_reach(struct detect *d, struct detect_lane *lane, int64_t observed_ns)
{
	struct ledger *l = &lane->ledger;
	/* nearly always the minute is the one that it was: no division for those */
	if (l->minute_ns != MINUTE_NONE && sub_saturated(observed_ns, l->minute_ns) < NS_PER_MIN)
		return;
	int64_t minute = minute_of(observed_ns);
	if (l->minute_ns != MINUTE_NONE && minute <= l->minute_ns)
		return;
	if (l->minute_ns != MINUTE_NONE) {
		ledger_tell(d, lane);
		uint32_t *rules = l->rules;
		memset(rules, 0, sizeof(*rules) * ruleset_count(d->config.ruleset));
		*l = (struct ledger){.rules = rules};
	}
	l->minute_ns = minute;
}

/* ---- saved state ---- */

#define LEDGER_NUMBERS 9u

static void ledger_save(const struct detect *d, const struct ledger *l, struct buffer *out)
{
	const uint64_t numbers[] = {l->events,      l->late,      l->duplicates, l->gaps,       l->refused,
								l->missing_key, l->array_cut, l->undecided,  l->not_numeric};
	uint32_t rules = 0, count = ruleset_count(d->config.ruleset);
	buffer_add_u64(out, (uint64_t)l->minute_ns);
	for (unsigned i = 0; i < LEDGER_NUMBERS; i++)
		buffer_add_u64(out, numbers[i]);
	for (uint32_t i = 0; i < count; i++)
		rules += l->rules[i] != 0;
	buffer_add_u32(out, rules);
	for (uint32_t i = 0; i < count; i++)
		if (l->rules[i] != 0) {
			buffer_add(out, ruleset_rule(d->config.ruleset, i)->digest, 32);
			buffer_add_u32(out, l->rules[i]);
		}
}

static void ledger_restore(struct detect *d, struct ledger *l, struct reader *r)
{
	uint64_t *numbers[] = {&l->events,      &l->late,      &l->duplicates, &l->gaps,       &l->refused,
						   &l->missing_key, &l->array_cut, &l->undecided,  &l->not_numeric};
	l->minute_ns = (int64_t)reader_u64(r);
	for (unsigned i = 0; i < LEDGER_NUMBERS; i++)
		*numbers[i] = reader_u64(r);
	uint32_t rules = reader_u32(r);
	for (uint32_t i = 0; i < rules && !r->failed; i++) {
		struct slice digest = reader_slice(r, 32);
		uint32_t count = reader_u32(r);
		for (uint32_t k = 0; !r->failed && k < ruleset_count(d->config.ruleset); k++)
			if (memcmp(ruleset_rule(d->config.ruleset, k)->digest, digest.ptr, 32) == 0) {
				l->rules[k] = count;
				break;
			}
	}
}

int detect_save(const struct detect *d, struct buffer *out)
{
	uint8_t digest[32];
	for (uint32_t i = 0; i < d->config.matches_partitions; i++)
		if (d->writers[i].entry_count > 0)
			return -ERROR_BUSY;
	for (uint32_t i = 0; i < d->lane_count; i++)
		if (!outbox_empty(&d->lanes[i].outbox))
			return -ERROR_BUSY;
	ruleset_digest(d->config.ruleset, digest);
	checkpoint_begin(out, CHECKPOINT_DETECT, d->lane_count, digest);
	for (uint32_t i = 0; i < d->lane_count; i++) {
		buffer_add_u32(out, d->lanes[i].partition);
		buffer_add_u32(out, d->lanes[i].announced);
		marks_save(&d->lanes[i].marks, out);
		outbox_save(&d->lanes[i].outbox, out);
		ledger_save(d, &d->lanes[i].ledger, out);
	}
	quarantine_save(d, out);
	return checkpoint_end(out);
}

static int lane_restore(struct detect *d, struct slice state, struct reader *r, struct error *error)
{
	uint32_t partition = reader_u32(r), announced = reader_u32(r);
	struct detect_lane *lane = NULL;
	for (uint32_t i = 0; i < d->lane_count; i++)
		if (d->lanes[i].partition == partition)
			lane = &d->lanes[i];
	if (r->failed)
		return checkpoint_damaged(state, r, error);
	if (lane == NULL)
		return error_set(error, ERROR_CONFLICT, "saved state is of events partition %u, which is not owned", partition);
	lane->announced = announced != 0;
	marks_free(&lane->marks);
	int result = marks_restore(&lane->marks, r);
	if (result == -ERROR_MEMORY)
		return error_set(error, ERROR_MEMORY, "no memory for saved marks");
	result = result < 0 ? result : outbox_restore(&lane->outbox, r, error);
	if (result < 0 && !r->failed)
		return result;
	ledger_restore(d, &lane->ledger, r);
	return r->failed ? checkpoint_damaged(state, r, error) : 0;
}

/* Rows that other rules made after the state was saved may be out already, numbered on from it. These rules make other rows
 * of the same events: under the same numbers readers would pass over them. */
void detect_begin_series(struct detect *d)
{
	for (uint32_t i = 0; i < d->lane_count; i++)
		outbox_begin(&d->lanes[i].outbox, d->config.epoch);
}

int detect_restore(struct detect *d, struct slice state, struct error *error)
{
	uint32_t parts;
	struct reader r;
	uint8_t saved[32], digest[32];
	int result = checkpoint_open(state, CHECKPOINT_DETECT, &parts, saved, &r, error);
	for (uint32_t i = 0; result == 0 && i < parts; i++)
		result = lane_restore(d, state, &r, error);
	ruleset_digest(d->config.ruleset, digest);
	bool same = result == 0 && memcmp(digest, saved, 32) == 0;
	if (result == 0)
		result = quarantine_restore(d, state, &r, same, error);
	if (result == 0)
		result = checkpoint_close(state, &r, error);
	if (result == 0 && !same)
		detect_begin_series(d);
	d->broken |= result < 0;
	return result;
}
