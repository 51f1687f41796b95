/* Checkpoints of temporal: writing (docs/format-checkpoint.md). */
#include "correlate/sieve.h"
#include "correlate/spill.h"

static void save_text_number(struct buffer *out, const struct text *text)
{
	buffer_add_u32(out, text == NULL ? 0 : text->mark);
}

static void save_member(struct buffer *out, const struct member *m)
{
	buffer_add_u64(out, (uint64_t)m->when_ns);
	buffer_add_u64(out, m->sequence);
	save_text_number(out, m->origin);
	save_text_number(out, m->source);
	save_text_number(out, m->spelling);
	save_text_number(out, m->value);
	save_text_number(out, m->carried);
	buffer_add_u32(out, m->slot);
	buffer_add_u32(out, m->flags);
	buffer_add_u32(out, 0);
}

static void save_excursion(struct buffer *out, const struct excursion *e)
{
	save_member(out, &e->first);
	save_member(out, &e->last);
	buffer_add_u64(out, (uint64_t)e->start_ns);
	buffer_add_u64(out, e->firing_points);
	buffer_add_u64(out, e->folded);
	buffer_add_u64(out, e->told_size);
	buffer_add_u32(out, (uint32_t)e->continues | (uint32_t)e->changed << 1 | (uint32_t)e->ended << 2);
	buffer_add_u32(out, e->told_count);
	buffer_add_u32(out, e->evidence_count);
	buffer_add_u32(out, e->suppressed);
	if (e->told_count > 0)
		buffer_add(out, e->told, sizeof(*e->told) * e->told_count);
	for (uint32_t i = 0; i < e->evidence_count; i++)
		save_member(out, &e->evidence[i]);
}

static void save_sieve(struct buffer *out, const struct group *g)
{
	if (g->rule->list_count == 0)
		return;
	const struct sieve *s = sieve_of(g);
	for (uint32_t i = 0; i < s->waiting.count; i++)
		save_member(out, group_member(&s->waiting, i));
	for (uint32_t i = 0; i < g->rule->list_count; i++)
		buffer_add_u64(out, (uint64_t)s->on_ns[i]);
}

static void save_group(struct buffer *out, const struct group *g)
{
	size_t head = out->len;
	buffer_add_u32(out, 0);
	buffer_add_u32(out, g->entry->key_len);
	buffer_add(out, g->rule->digest, 32);
	buffer_add_u64(out, (uint64_t)(g->rule->mode == PLAN_LAID ? g->judged_ns : TIME_NONE));
	buffer_add_u64(out, (uint64_t)(g->rule->mode == PLAN_LAID ? TIME_NONE : g->judged_ns));
	buffer_add_u32(out, g->count);
	buffer_add_u32(out, g->excursion_count);
	buffer_add_u32(out, history_count(g));
	buffer_add_u32(out, g->rule->list_count > 0 ? sieve_of(g)->waiting.count : 0);
	buffer_add_slice(out, group_key(g));
	for (uint32_t i = 0; i < g->count; i++)
		save_member(out, group_member(g, i));
	for (uint32_t i = 0; i < g->excursion_count; i++)
		save_excursion(out, &g->excursions[i]);
	history_save(g, out);
	save_sieve(out, g);
	if (!out->failed)
		put_u32(out->ptr + head, (uint32_t)(out->len - head));
}

/* One that is packed is saved as the group that it stands for. */
static void save_entry(struct buffer *out, const struct part *part, uint32_t number)
{
	struct entry *e = entry_at(part, number);
	if (e->packed == 0) {
		save_group(out, e->group);
		return;
	}
	struct member members[PACKED_MAX];
	const struct plan_rule *rule = &part->temporal->plan->rules[e->rule];
	struct group g = {.rule = rule, .entry = e, .members = members, .judged_ns = TIME_NONE};
	g.count = entry_members(part, e, members);
	save_group(out, &g);
}

static void save_texts(struct buffer *out, const struct texts *texts)
{
	uint32_t number = 0;
	for (uint32_t i = 0; i < texts->slot_count; i++)
		for (struct text *text = texts->slots[i]; text != NULL; text = text->next) {
			text->mark = ++number;
			buffer_add_u32(out, text->len);
			buffer_add(out, text->octets, text->len);
		}
}

static void save_refusals(struct buffer *out, const struct part *part)
{
	const struct plan *plan = part->temporal->plan;
	uint32_t count = 0;
	for (uint32_t i = 0; i < plan->count; i++)
		count += part->refusals[i].keys > 0 || part->refusals[i].matches > 0;
	buffer_add_u32(out, count);
	buffer_add_u32(out, 0);
	for (uint32_t i = 0; i < plan->count; i++)
		if (part->refusals[i].keys > 0 || part->refusals[i].matches > 0) {
			buffer_add(out, plan->rules[i].digest, 32);
			buffer_add_u64(out, part->refusals[i].keys);
			buffer_add_u64(out, part->refusals[i].matches);
		}
}

static void save_populations(struct buffer *out, const struct part *part)
{
	const struct plan *plan = part->temporal->plan;
	uint32_t count = 0;
	for (uint32_t i = 0; i < plan->count; i++)
		count += part->begun[i];
	buffer_add_u32(out, count);
	buffer_add_u32(out, 0);
	for (uint32_t i = 0; i < plan->count; i++)
		if (part->begun[i])
			buffer_add(out, plan->rules[i].digest, 32);
}

static void save_clocks(struct buffer *out, const struct part *part)
{
	for (uint32_t i = 1; i < LIMIT_LEVELS; i++) {
		buffer_add_u64(out, (uint64_t)part->levels[i].watermark_ns);
		buffer_add_u64(out, (uint64_t)part->levels[i].told_ns);
	}
	for (uint32_t i = 0; i < part->clock_count; i++) {
		buffer_add_u32(out, part->clocks[i].partition);
		buffer_add_u32(out, part->clocks[i].level);
		buffer_add_u64(out, (uint64_t)part->clocks[i].clock_ns);
	}
	for (uint32_t i = 0; i < part->sample_count; i++) {
		buffer_add_u64(out, part->samples[i].offset);
		buffer_add_u64(out, (uint64_t)part->samples[i].newest_ns);
	}
}

static void save_part(struct buffer *out, const struct part *part)
{
	buffer_add_u32(out, part->partition);
	buffer_add_u32(out, part->clock_count);
	buffer_add_u32(out, part->sample_count);
	buffer_add_u32(out, part->texts.count);
	buffer_add_u32(out, part->group_count - (part->spill == NULL ? 0 : part->spill->keys));
	buffer_add_u32(out, 0);
	buffer_add_u64(out, part->offset);
	buffer_add_u64(out, part->silent_until);
	buffer_add_u64(out, (uint64_t)part->observed_ns);
	buffer_add_u64(out, (uint64_t)part->minute_ns);
	buffer_add_u64(out, part->late);
	buffer_add_u64(out, part->damaged);
	save_clocks(out, part);
	outbox_save(&part->outbox, out);
	save_refusals(out, part);
	save_populations(out, part);
	save_texts(out, &part->texts);
	struct table_walk walk = {0};
	for (uint32_t number; table_next(part, &walk, &number);)
		save_entry(out, part, number);
}

int temporal_save(struct temporal *t, struct buffer *out)
{
	uint8_t digest[32];
	if (t->broken)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < t->config.matches_partitions; i++)
		if (t->writers[i].entry_count > 0)
			return -ERROR_BUSY;
	for (uint32_t i = 0; i < t->part_count; i++)
		if (!outbox_empty(&t->parts[i].outbox))
			return -ERROR_BUSY;
	int result = spill_settle(t);
	if (result < 0)
		return result;
	ruleset_digest(t->config.ruleset, digest);
	checkpoint_begin(out, CHECKPOINT_TEMPORAL, t->part_count, digest);
	for (uint32_t i = 0; i < t->part_count; i++)
		save_part(out, &t->parts[i]);
	spill_save(t, out);
	return checkpoint_end(out);
}
