/* Checkpoints of temporal: reading. What is read is told, not believed: every number is checked before it is used. */
#include "correlate/sieve.h"
#include "correlate/spill.h"

#define MEMBER_BYTES 48u
#define EXCURSION_BYTES 144u
#define GROUP_BYTES 72u /* before its key */
#define VALUE_BYTES 16u

struct restoring {
	struct part *part;
	struct reader reader;
	struct text **texts; /* by number, from 1 */
	uint32_t text_count;
	const struct plan_rule *rule;
	bool key_spelled; /* the group's key is a spelling too */
};

static bool bad(struct restoring *r)
{
	r->reader.failed = true;
	return false;
}

static int bad_format(struct restoring *r)
{
	r->reader.failed = true;
	return -ERROR_FORMAT;
}

/* A text by number, held once more. */
static bool restore_text(struct restoring *r, struct text **out)
{
	uint32_t number = reader_u32(&r->reader);
	if (r->reader.failed || number > r->text_count)
		return bad(r);
	*out = number == 0 ? NULL : text_hold(r->texts[number]);
	return true;
}

static bool member_holds(const struct restoring *r, const struct member *m)
{
	struct member_octets octets = {.slot = m->slot,
								   .origin = text_slice(m->origin),
								   .source = text_slice(m->source),
								   .spelling = text_slice(m->spelling),
								   .value = text_slice(m->value),
								   .carried = text_slice(m->carried)};
	return member_fits(r->rule, r->key_spelled, &octets) &&
		   (m->flags & ~(MEMBER_FIRED | (r->rule->history_ns > 0 ? MEMBER_NEW : 0))) == 0;
}

static bool restore_member(struct restoring *r, struct member *m)
{
	memset(m, 0, sizeof(*m));
	m->when_ns = (int64_t)reader_u64(&r->reader);
	m->sequence = reader_u64(&r->reader);
	bool whole = restore_text(r, &m->origin) && restore_text(r, &m->source) && restore_text(r, &m->spelling) &&
				 restore_text(r, &m->value) && restore_text(r, &m->carried);
	m->slot = reader_u32(&r->reader);
	m->flags = reader_u32(&r->reader);
	whole = reader_u32(&r->reader) == 0 && whole && !r->reader.failed && member_holds(r, m);
	if (!whole)
		member_release(r->part, m);
	return whole || bad(r);
}

static int restore_members(struct restoring *r, struct group *g, uint32_t count)
{
	if (count > reader_left(&r->reader) / MEMBER_BYTES)
		return bad_format(r);
	for (uint32_t i = 0; i < count; i++) {
		struct member m;
		uint32_t place;
		if (!restore_member(r, &m))
			return -ERROR_FORMAT;
		bool after = i == 0 || member_compare(group_member(g, i - 1), &m) < 0;
		int result = after ? group_insert(r->part, g, &m, &place) : -ERROR_FORMAT;
		if (result != 0) {
			member_release(r->part, &m);
			r->reader.failed |= !after;
			return result < 0 ? result : -ERROR_FORMAT;
		}
	}
	return 0;
}

static void *take_room(struct restoring *r, size_t size, uint32_t count)
{
	return count == 0 ? NULL : env_alloc(r->part->temporal->env, size * count);
}

static int restore_evidence(struct restoring *r, struct excursion *e, uint32_t count)
{
	if (count > (uint32_t)LIMIT_incident_events || count > reader_left(&r->reader) / MEMBER_BYTES)
		return bad_format(r);
	e->evidence = take_room(r, sizeof(*e->evidence), count);
	if (e->evidence == NULL && count > 0)
		return -ERROR_MEMORY;
	e->evidence_room = count;
	for (uint32_t i = 0; i < count; i++) {
		if (!restore_member(r, &e->evidence[i]))
			return -ERROR_FORMAT;
		e->evidence_count++;
		r->part->bytes += sizeof(*e->evidence);
	}
	return 0;
}

static int restore_told(struct restoring *r, struct excursion *e, uint32_t count)
{
	if (count > reader_left(&r->reader) / sizeof(*e->told))
		return bad_format(r);
	e->told = take_room(r, sizeof(*e->told), count);
	if (e->told == NULL && count > 0)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		memcpy(e->told[i], reader_slice(&r->reader, 16).ptr, 16);
	e->told_count = count;
	r->part->bytes += sizeof(*e->told) * count;
	return 0;
}

/* Whatever was read, the excursion can be told and dropped. */
static bool excursion_holds(const struct group *g, const struct excursion *e)
{
	uint32_t from, to, limit = (uint32_t)LIMIT_incident_events;
	excursion_range(g, e, &from, &to);
	uint64_t kept = e->folded < limit ? e->folded : limit;
	bool some = from < to || e->folded > 0;
	bool order = member_compare(&e->first, &e->last) <= 0 && e->start_ns <= e->first.when_ns;
	bool behind = e == g->excursions || member_compare(&(e - 1)->last, &e->first) < 0;
	if (e->ended)
		return order && e == g->excursions && e->folded == 0 && e->evidence_count == 0 && e->told_count == 0;
	return some && order && behind && kept == e->evidence_count && e->firing_points > 0;
}

static int restore_excursion(struct restoring *r, struct group *g, struct excursion *e)
{
	memset(e, 0, sizeof(*e));
	g->excursion_count++;
	r->part->bytes += sizeof(*e);
	if (!restore_member(r, &e->first) || !restore_member(r, &e->last))
		return -ERROR_FORMAT;
	e->start_ns = (int64_t)reader_u64(&r->reader);
	e->firing_points = reader_u64(&r->reader);
	e->folded = reader_u64(&r->reader);
	e->told_size = reader_u64(&r->reader);
	uint32_t flags = reader_u32(&r->reader), told = reader_u32(&r->reader), evidence = reader_u32(&r->reader);
	e->continues = (flags & 1) != 0;
	e->changed = (flags & 2) != 0;
	e->ended = (flags & 4) != 0;
	e->suppressed = reader_u32(&r->reader);
	if (flags > (g->rule->suppress_ns > 0 ? 7 : 3) || (e->suppressed > 0 && !e->ended))
		return bad_format(r);
	int result = restore_told(r, e, told);
	if (result == 0)
		result = restore_evidence(r, e, evidence);
	if (result == 0 && !excursion_holds(g, e))
		result = bad_format(r);
	return result;
}

static int restore_excursions(struct restoring *r, struct group *g, uint32_t count)
{
	if (count > reader_left(&r->reader) / EXCURSION_BYTES)
		return bad_format(r);
	g->excursions = take_room(r, sizeof(*g->excursions), count);
	if (g->excursions == NULL && count > 0)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		int result = restore_excursion(r, g, &g->excursions[i]);
		if (result < 0)
			return result;
	}
	return 0;
}

/* When each value was last there; each stands once. */
static int restore_values(struct restoring *r, struct group *g, uint32_t count)
{
	if (count > reader_left(&r->reader) / VALUE_BYTES || (count > 0 && g->rule->history_ns == 0))
		return bad_format(r);
	for (uint32_t i = 0; i < count; i++) {
		struct text *value;
		int64_t when = (int64_t)reader_u64(&r->reader);
		if (!restore_text(r, &value))
			return -ERROR_FORMAT;
		int result = value == NULL || reader_u32(&r->reader) != 0 ? 1 : history_restore(r->part, g, value, when);
		if (result == 0)
			continue;
		texts_release(&r->part->texts, value);
		return result < 0 ? result : bad_format(r);
	}
	return 0;
}

/* Matches ahead of the watermark, and what was written behind it. */
static int restore_sieve(struct restoring *r, struct group *g, uint32_t count)
{
	if (g->rule->list_count == 0)
		return count == 0 ? 0 : bad_format(r);
	struct sieve *s = sieve_of(g);
	int result = restore_members(r, &s->waiting, count);
	if (result < 0)
		return result;
	for (uint32_t i = 0; i < g->rule->list_count; i++)
		s->on_ns[i] = (int64_t)reader_u64(&r->reader);
	bool whole =
		!r->reader.failed && (g->count > 0 || g->excursion_count > 0 || history_count(g) > 0 || !sieve_empty(g));
	for (uint32_t i = 0; i < g->count; i++)
		whole &= group_member(g, i)->slot < g->rule->writer_slot;
	for (uint32_t i = 0; i < count; i++)
		whole &= group_member(&s->waiting, i)->flags == 0;
	if (count > 0)
		whole &= group_member(&s->waiting, 0)->when_ns >= r->part->levels[g->rule->level].watermark_ns;
	return whole ? 0 : bad_format(r);
}

static int restore_group_body(struct restoring *r, struct group *g)
{
	int64_t laid = (int64_t)reader_u64(&r->reader), passed = (int64_t)reader_u64(&r->reader);
	g->judged_ns = g->rule->mode == PLAN_LAID ? laid : passed;
	uint32_t members = reader_u32(&r->reader), excursions = reader_u32(&r->reader);
	uint32_t values = reader_u32(&r->reader), waiting = reader_u32(&r->reader);
	reader_slice(&r->reader, g->entry->key_len);
	bool empty = members == 0 && excursions == 0 && values == 0;
	if (r->reader.failed || (empty && g->rule->list_count == 0))
		return bad_format(r);
	int result = restore_members(r, g, members);
	if (result == 0)
		result = restore_excursions(r, g, excursions);
	if (result == 0)
		result = restore_values(r, g, values);
	if (result == 0)
		result = restore_sieve(r, g, waiting);
	if (result == 0)
		result = condition_rebuild(r->part, g);
	if (result == 0)
		result = group_place(r->part, g, group_due(r->part, g));
	return result == 0 ? group_fold(r->part, g) : result;
}

static int restore_group(struct restoring *r)
{
	struct reader whole = r->reader;
	uint32_t bytes = reader_u32(&r->reader), key_len = reader_u32(&r->reader);
	struct slice digest = reader_slice(&r->reader, 32), group = reader_slice(&whole, bytes);
	if (r->reader.failed || whole.failed || bytes < GROUP_BYTES || key_len > bytes - GROUP_BYTES)
		return bad_format(r);
	struct slice key = slice_of(group.ptr + GROUP_BYTES, key_len);
	uint32_t components = 0;
	r->rule = plan_find(r->part->temporal->plan, digest.ptr);
	if (r->rule == NULL) { /* T17: a changed correlation starts empty */
		r->reader = whole;
		return 0;
	}
	if (key_len > MATCH_RECORD_BYTES_MAX || !tuple_check(key, &components) || components != r->rule->group_count)
		return bad_format(r);
	r->key_spelled = key_is_spelled(key);
	uint32_t number;
	int result = table_restore(r->part, r->rule, key, &number);
	if (result < 0)
		return result;
	if (entry_at(r->part, number)->packed > 0 || entry_at(r->part, number)->group != NULL)
		return bad_format(r); /* the same key once more */
	struct group *g = group_unfold_new(r->part, number);
	if (g == NULL)
		return -ERROR_MEMORY;
	r->reader.end = group.ptr + group.len;
	result = restore_group_body(r, g);
	r->reader.end = whole.end;
	if (result == 0 && reader_left(&r->reader) != reader_left(&whole))
		result = bad_format(r);
	return result == 0 ? spill_relieve(r->part) : result;
}

static int restore_texts(struct restoring *r, uint32_t count)
{
	if (count > reader_left(&r->reader) / 4)
		return bad_format(r);
	r->texts = env_zalloc(r->part->temporal->env, sizeof(*r->texts) * ((size_t)count + 1));
	if (r->texts == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 1; i <= count; i++) {
		uint32_t len = reader_u32(&r->reader);
		struct slice s = reader_slice(&r->reader, len);
		if (r->reader.failed)
			return -ERROR_FORMAT;
		r->texts[i] = texts_take(&r->part->texts, s);
		if (r->texts[i] == NULL)
			return -ERROR_MEMORY;
		r->text_count = i;
	}
	return 0;
}

/* The counts that numbering took; what no member holds goes. */
static void release_texts(struct restoring *r)
{
	for (uint32_t i = 1; i <= r->text_count; i++)
		texts_release(&r->part->texts, r->texts[i]);
	env_free(r->part->temporal->env, r->texts);
	r->texts = NULL;
	r->text_count = 0;
}

static int restore_refusals(struct restoring *r)
{
	uint32_t count = reader_u32(&r->reader);
	reader_u32(&r->reader);
	for (uint32_t i = 0; i < count && !r->reader.failed; i++) {
		struct slice digest = reader_slice(&r->reader, 32);
		struct refusal refusal = {.keys = reader_u64(&r->reader)};
		refusal.matches = reader_u64(&r->reader);
		const struct plan_rule *rule = r->reader.failed ? NULL : plan_find(r->part->temporal->plan, digest.ptr);
		if (rule != NULL)
			r->part->refusals[rule->index] = refusal;
	}
	return r->reader.failed ? -ERROR_FORMAT : 0;
}

/* Of correlations that have changed watching begins anew (T17). */
static int restore_populations(struct restoring *r)
{
	uint32_t count = reader_u32(&r->reader);
	reader_u32(&r->reader);
	for (uint32_t i = 0; i < count && !r->reader.failed; i++) {
		struct slice digest = reader_slice(&r->reader, 32);
		const struct plan_rule *rule = r->reader.failed ? NULL : plan_find(r->part->temporal->plan, digest.ptr);
		if (rule != NULL)
			r->part->begun[rule->index] = true;
	}
	return r->reader.failed ? -ERROR_FORMAT : 0;
}

static int restore_clocks(struct restoring *r, uint32_t clocks, uint32_t samples)
{
	struct part *part = r->part;
	for (uint32_t i = 1; i < LIMIT_LEVELS; i++) {
		part->levels[i].watermark_ns = (int64_t)reader_u64(&r->reader);
		part->levels[i].told_ns = (int64_t)reader_u64(&r->reader);
	}
	if (r->reader.failed || (uint64_t)clocks + samples > reader_left(&r->reader) / 16)
		return bad_format(r);
	part->clocks = take_room(r, sizeof(*part->clocks), clocks);
	part->samples = take_room(r, sizeof(*part->samples), samples);
	if ((part->clocks == NULL && clocks > 0) || (part->samples == NULL && samples > 0))
		return -ERROR_MEMORY;
	part->clock_count = part->clock_room = clocks;
	part->sample_count = part->sample_room = samples;
	for (uint32_t i = 0; i < clocks; i++) {
		part->clocks[i].partition = reader_u32(&r->reader);
		part->clocks[i].level = reader_u32(&r->reader);
		part->clocks[i].clock_ns = (int64_t)reader_u64(&r->reader);
	}
	for (uint32_t i = 0; i < samples; i++) {
		part->samples[i].offset = reader_u64(&r->reader);
		part->samples[i].newest_ns = (int64_t)reader_u64(&r->reader);
	}
	return 0;
}

static int restore_body(struct restoring *r, const uint32_t counts[4], struct error *error)
{
	int result = restore_clocks(r, counts[0], counts[1]);
	if (result == 0)
		result = outbox_restore(&r->part->outbox, &r->reader, error);
	if (result == 0)
		result = restore_refusals(r);
	if (result == 0)
		result = restore_populations(r);
	if (result == 0)
		result = restore_texts(r, counts[2]);
	for (uint32_t i = 0; result == 0 && i < counts[3]; i++)
		result = restore_group(r);
	if (r->texts != NULL)
		release_texts(r);
	return result;
}

static int restore_part(struct restoring *r, struct temporal *t, struct error *error)
{
	uint32_t partition = reader_u32(&r->reader), counts[4];
	for (unsigned i = 0; i < 4; i++)
		counts[i] = reader_u32(&r->reader);
	if (reader_u32(&r->reader) != 0 || r->reader.failed)
		return bad_format(r);
	r->part = part_of(t, partition);
	if (r->part == NULL || r->part->offset > 0 || r->part->group_count > 0 || r->part->clocks != NULL)
		return error_set(error, ERROR_CONFLICT, "checkpoint of matches partition %u, which is not owned and empty",
						 partition);
	r->part->offset = reader_u64(&r->reader);
	r->part->silent_until = reader_u64(&r->reader);
	r->part->observed_ns = (int64_t)reader_u64(&r->reader);
	r->part->minute_ns = (int64_t)reader_u64(&r->reader);
	r->part->late = reader_u64(&r->reader);
	r->part->damaged = reader_u64(&r->reader);
	return restore_body(r, counts, error);
}

int temporal_restore(struct temporal *t, struct slice checkpoint, struct error *error)
{
	uint32_t parts;
	uint8_t digest[32];
	struct restoring r = {0};
	int result = checkpoint_open(checkpoint, CHECKPOINT_TEMPORAL, &parts, digest, &r.reader, error);
	bool opened = result == 0;
	for (uint32_t i = 0; result == 0 && i < parts; i++)
		result = restore_part(&r, t, error);
	if (result == 0)
		result = spill_restore(t, &r.reader);
	if (result == 0)
		result = checkpoint_close(checkpoint, &r.reader, error);
	if (result == 0)
		return 0;
	t->broken = true;
	if (opened && spill_failed(result))
		return error_set(error, ERROR_DAMAGED, "a spill file that the checkpoint names is missing or damaged");
	if (result == -ERROR_MEMORY)
		return error_set(error, ERROR_MEMORY, "no memory for a checkpoint");
	if (r.reader.failed)
		return checkpoint_damaged(checkpoint, &r.reader, error);
	return result;
}
