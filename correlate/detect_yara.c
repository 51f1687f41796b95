/* YARA rules in quarantine, as detect tells and keeps them. */
#include "correlate/detector.h"

static uint32_t count_of(const struct detect *d)
{
	return (uint32_t)(d->quarantined.len / sizeof(struct detect_quarantine));
}

uint32_t detect_quarantined(const struct detect *d, const struct detect_quarantine **out)
{
	*out = (const struct detect_quarantine *)d->quarantined.ptr;
	return count_of(d);
}

const struct evaluator *detect_evaluator(const struct detect *d)
{
	return d->evaluator;
}

void detect_quarantine_told(struct detect *d, uint32_t i)
{
	CHECK(i < count_of(d));
	((struct detect_quarantine *)d->quarantined.ptr)[i].told = true;
}

void detect_lift(struct detect *d)
{
	evaluator_lift(d->evaluator);
	buffer_reset(&d->quarantined);
}

/* Partitions are read at different places: the one furthest back decides. */
static int64_t judged_until(const struct detect *d)
{
	int64_t least = INT64_MAX;
	for (uint32_t i = 0; i < d->lane_count; i++)
		if (d->lanes[i].seen_ns != MINUTE_NONE && d->lanes[i].seen_ns < least)
			least = d->lanes[i].seen_ns;
	return least;
}

int quarantine_look(struct detect *d)
{
	const struct yara_quarantine *list;
	uint32_t n = evaluator_quarantined(d->evaluator, &list), known = count_of(d);
	if (n == known)
		return 0;
	int64_t from = judged_until(d);
	for (uint32_t i = known; i < n; i++) {
		struct detect_quarantine one = {.rule = ruleset_rule(d->config.ruleset, list[i].rule),
										.spent_ns = list[i].spent_ns,
										.events = list[i].events,
										.from_ns = from};
		buffer_add(&d->quarantined, &one, sizeof(one));
	}
	return d->quarantined.failed ? -ERROR_MEMORY : 0;
}

void quarantine_print(const struct detect *d, struct json_writer *w)
{
	const struct detect_quarantine *list;
	uint32_t n = detect_quarantined(d, &list);
	if (n == 0)
		return;
	json_key(w, "not_judged");
	json_array(w);
	for (uint32_t i = 0; i < n; i++) {
		json_object(w);
		json_key(w, "id");
		row_component(w, list[i].rule->id.len > 0 ? KEY_TEXT : KEY_MISSING, list[i].rule->id);
		json_key(w, "title");
		json_string(w, list[i].rule->title);
		json_key(w, "digest");
		json_hex(w, list[i].rule->digest, 32);
		json_object_end(w);
	}
	json_array_end(w);
}

/* ---- saved state ---- */

void quarantine_save(const struct detect *d, struct buffer *out)
{
	const struct detect_quarantine *list;
	uint32_t n = detect_quarantined(d, &list);
	if (n == 0)
		return;
	buffer_add_u32(out, n);
	buffer_add_u32(out, 0);
	for (uint32_t i = 0; i < n; i++) {
		buffer_add(out, list[i].rule->digest, 32);
		buffer_add_u64(out, list[i].told);
		buffer_add_u64(out, list[i].spent_ns);
		buffer_add_u64(out, list[i].events);
		buffer_add_u64(out, (uint64_t)list[i].from_ns);
	}
}

static bool is_listed(const struct detect *d, const struct rule *rule)
{
	const struct detect_quarantine *list;
	uint32_t n = detect_quarantined(d, &list);
	for (uint32_t i = 0; i < n; i++)
		if (list[i].rule == rule)
			return true;
	return false;
}

/* Rules of equal files have equal digests: each has its turn. */
static const struct rule *find_rule(const struct detect *d, struct slice digest)
{
	for (uint32_t i = 0; i < ruleset_count(d->config.ruleset); i++) {
		const struct rule *rule = ruleset_rule(d->config.ruleset, i);
		if (rule->kind == RULE_YARA && memcmp(rule->digest, digest.ptr, 32) == 0 && !is_listed(d, rule))
			return rule;
	}
	return NULL;
}

static int restore_one(struct detect *d, struct reader *r, bool same, struct error *error)
{
	struct slice digest = reader_slice(r, 32);
	struct detect_quarantine one = {.told = reader_u64(r) != 0};
	one.spent_ns = reader_u64(r);
	one.events = reader_u64(r);
	one.from_ns = (int64_t)reader_u64(r);
	one.rule = same && !r->failed && d->config.watch ? find_rule(d, digest) : NULL;
	if (one.rule == NULL)
		return 0;
	buffer_add(&d->quarantined, &one, sizeof(one));
	if (d->quarantined.failed)
		return error_set(error, ERROR_MEMORY, "no memory for rules in quarantine");
	return evaluator_quarantine(d->evaluator, one.rule->index, error);
}

int quarantine_restore(struct detect *d, struct slice state, struct reader *r, bool same, struct error *error)
{
	int result = 0;
	if (reader_left(r) < 8)
		return 0; /* padding: there are none */
	uint32_t n = reader_u32(r);
	reader_u32(r);
	for (uint32_t i = 0; result == 0 && i < n && !r->failed; i++)
		result = restore_one(d, r, same, error);
	return result == 0 && r->failed ? checkpoint_damaged(state, r, error) : result;
}
