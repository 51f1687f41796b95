/* The rows of temporal (docs/format-match.md). */
#include "correlate/window.h"

static void put_spelling(struct json_writer *w, const struct group *g, const struct member *m)
{
	const struct plan_rule *rule = g->rule;
	json_key(w, "group");
	json_object(w);
	for (uint32_t i = 0; i < rule->group_count; i++) {
		enum key_tag tag;
		struct slice octets = tuple_at(member_spelling(g, m), i, &tag);
		json_key_slice(w, plan_group_name(rule, i));
		row_component(w, tag, octets);
	}
	json_object_end(w);
}

static void put_event(struct json_writer *w, const struct member *m)
{
	if (member_is_beginning(m))
		return;
	struct event_identity event = member_event(m);
	row_event(w, &event, m->when_ns, text_slice(m->source));
}

static void put_time(struct json_writer *w, const char *name, int64_t ns)
{
	json_key(w, name);
	json_time(w, ns);
}

static void put_number(struct json_writer *w, const char *name, uint64_t n)
{
	json_key(w, name);
	json_u64(w, n);
}

/* The members of a set in order: what was folded, then those still in the group. */
struct evidence {
	const struct group *group;
	const struct excursion *excursion; /* null in mode each */
	uint32_t from, to;
	const struct member *completing[2];
	uint32_t completing_count;
};

static uint64_t evidence_count(const struct evidence *v)
{
	return (v->excursion != NULL ? v->excursion->folded : 0) + (v->to - v->from);
}

static const struct member *evidence_at(const struct evidence *v, uint64_t index)
{
	uint64_t folded = v->excursion != NULL ? v->excursion->folded : 0;
	if (index < folded)
		return &v->excursion->evidence[index];
	return group_member(v->group, v->from + (uint32_t)(index - folded));
}

/* All of them, or the first ones and the completing ones. A completing one that is among the first anyway is not named
 * again, and leaves its place to the next. */
static void put_events(struct json_writer *w, const struct evidence *v)
{
	uint64_t count = evidence_count(v), first = count, limit = (uint64_t)LIMIT_incident_events;
	bool behind[2] = {false, false};
	if (count > limit) {
		first = limit;
		for (uint32_t i = v->completing_count; i > 0; i--)
			if (member_compare(v->completing[i - 1], evidence_at(v, first - 1)) >= 0) {
				behind[i - 1] = true;
				first--;
			}
	}
	json_key(w, "events");
	json_array(w);
	for (uint64_t i = 0; i < first; i++)
		put_event(w, evidence_at(v, i));
	for (uint32_t i = 0; i < v->completing_count; i++)
		if (behind[i])
			put_event(w, v->completing[i]);
	json_array_end(w);
}

static void put_head(struct json_writer *w, const struct group *g, const uint8_t id[16], bool final)
{
	json_object(w);
	json_key(w, "incident");
	json_object(w);
	json_key(w, "id");
	json_hex(w, id, 16);
	json_key(w, "state");
	json_str(w, final ? "final" : "provisional");
	row_rule(w, g->rule->rule, g->rule->digest);
}

static int put_row(struct part *part, const struct group *g, enum row_kind kind, int64_t time_ns)
{
	struct temporal *t = part->temporal;
	if (t->json.failed)
		return -ERROR_MEMORY;
	if (part_silent(part))
		return 0;
	uint32_t partition = key_partition(&t->scratch, g->rule->digest, group_key(g), t->config.incidents_partitions);
	if (t->scratch.failed)
		return -ERROR_MEMORY;
	outbox_add(&part->outbox, partition, kind, part->observed_ns, time_ns, buffer_slice(&t->json));
	return outbox_failed(&part->outbox) ? -ERROR_MEMORY : 0;
}

static void identify(struct part *part, const struct group *g, const struct member *firing, uint8_t id[16])
{
	const struct temporal *t = part->temporal;
	uint8_t match[16];
	struct slice key = group_key(g);
	struct event_identity event = member_event(firing);
	const struct rule *base = plan_base(t->plan, g->rule->rules[firing->slot]);
	match_id(t->sha, &event, base->digest, key, match);
	incident_id(t->sha, g->rule->digest, key, match, id);
}

/* The id told last stands at the end; one told before and now right again moves there. */
static int remember_id(struct part *part, struct excursion *e, const uint8_t id[16])
{
	for (uint32_t i = 0; i < e->told_count; i++)
		if (memcmp(e->told[i], id, 16) == 0) {
			memmove(e->told[i], e->told[i + 1], sizeof(*e->told) * (e->told_count - i - 1));
			memcpy(e->told[e->told_count - 1], id, 16);
			return 0;
		}
	uint8_t(*told)[16] = env_resize(part->temporal->env, e->told, sizeof(*told) * (e->told_count + 1));
	if (told == NULL)
		return -ERROR_MEMORY;
	e->told = told;
	memcpy(e->told[e->told_count++], id, 16);
	part->bytes += sizeof(*told);
	return 0;
}

/* T13: told all the same, with the name of the one that keeps it quiet, and as the how manieth. */
static void put_suppressed(struct part *part, struct json_writer *w, const struct group *g, uint32_t index)
{
	uint32_t anchor = excursion_anchor(g, index);
	uint8_t id[16];
	if (anchor == index)
		return;
	identify(part, g, &g->excursions[anchor].first, id);
	json_key(w, "suppressed_by");
	json_hex(w, id, 16);
	put_number(w, "suppressed", (uint64_t)g->excursions[anchor].suppressed + (index - anchor));
}

static void put_excursion(struct part *part, struct json_writer *w, const struct group *g, uint32_t index)
{
	const struct excursion *e = &g->excursions[index];
	struct evidence v = {.group = g, .excursion = e, .completing = {&e->first, &e->last}};
	excursion_range(g, e, &v.from, &v.to);
	v.completing_count = member_compare(&e->first, &e->last) == 0 ? 1 : 2;
	put_spelling(w, g, evidence_at(&v, 0));
	put_time(w, "first_seen", evidence_at(&v, 0)->when_ns);
	put_time(w, "last_seen", e->last.when_ns);
	put_time(w, "fired", fired_ns(g->rule, &e->first));
	put_number(w, "count", evidence_count(&v) - member_is_beginning(&e->first));
	put_number(w, "firing_points", e->firing_points);
	if (excursion_continues(g, index)) {
		json_key(w, "continues");
		json_bool(w, true);
	}
	put_suppressed(part, w, g, index);
	if (e->told_count > 1) {
		json_key(w, "replaces");
		json_array(w);
		for (uint32_t i = 0; i + 1 < e->told_count; i++)
			json_hex(w, e->told[i], 16);
		json_array_end(w);
	}
	put_events(w, &v);
}

int tell_incident(struct part *part, struct group *g, uint32_t index, bool final)
{
	struct temporal *t = part->temporal;
	struct excursion *e = &g->excursions[index];
	e->changed = false;
	e->told_size = e->firing_points;
	if (!final && t->config.final_only)
		return 0;
	struct json_writer w;
	uint8_t id[16];
	identify(part, g, &e->first, id);
	if (remember_id(part, e, id) < 0)
		return -ERROR_MEMORY;
	buffer_reset(&t->json);
	json_writer_init(&w, &t->json);
	put_head(&w, g, id, final);
	put_excursion(part, &w, g, index);
	json_object_end(&w);
	json_object_end(&w);
	*(final ? &t->stats.final : &t->stats.provisional) += 1;
	return put_row(part, g, ROW_INCIDENT, e->first.when_ns);
}

int tell_firing(struct part *part, struct group *g, uint32_t from, uint32_t to, uint32_t index)
{
	struct temporal *t = part->temporal;
	const struct member *m = group_member(g, index);
	struct evidence v = {.group = g, .from = from, .to = to, .completing = {m}, .completing_count = 1};
	struct json_writer w;
	uint8_t id[16];
	identify(part, g, m, id);
	buffer_reset(&t->json);
	json_writer_init(&w, &t->json);
	put_head(&w, g, id, true);
	put_spelling(&w, g, group_member(g, from));
	put_time(&w, "first_seen", group_member(g, from)->when_ns);
	put_time(&w, "last_seen", m->when_ns);
	put_time(&w, "fired", fired_ns(g->rule, m));
	put_number(&w, "count", to - from - member_is_beginning(m));
	put_number(&w, "firing_points", 1);
	put_events(&w, &v);
	json_object_end(&w);
	json_object_end(&w);
	t->stats.final++;
	return put_row(part, g, ROW_INCIDENT, m->when_ns);
}

/* ---- ledger ---- */

static bool anything_given_up(const struct part *part)
{
	for (uint32_t i = 0; i < part->temporal->plan->count; i++)
		if (part->refusals[i].keys > 0 || part->refusals[i].matches > 0)
			return true;
	return part->late > 0 || part->damaged > 0;
}

static void put_refusals(struct json_writer *w, const struct part *part)
{
	json_key(w, "refused");
	json_array(w);
	for (uint32_t i = 0; i < part->temporal->plan->count; i++) {
		const struct plan_rule *rule = &part->temporal->plan->rules[i];
		const struct refusal *refusal = &part->refusals[i];
		if (refusal->keys == 0 && refusal->matches == 0)
			continue;
		json_object(w);
		json_key(w, "id");
		row_component(w, rule->rule->id.len > 0 ? KEY_TEXT : KEY_MISSING, rule->rule->id);
		json_key(w, "title");
		json_string(w, rule->rule->title);
		json_key(w, "digest");
		json_hex(w, rule->digest, 32);
		put_number(w, "keys", refusal->keys);
		put_number(w, "matches", refusal->matches);
		json_object_end(w);
	}
	json_array_end(w);
}

int tell_ledger(struct part *part)
{
	struct temporal *t = part->temporal;
	if (!anything_given_up(part))
		return 0;
	struct json_writer w;
	buffer_reset(&t->json);
	json_writer_init(&w, &t->json);
	json_object(&w);
	json_key(&w, "ledger");
	json_object(&w);
	json_key(&w, "stage");
	json_str(&w, "temporal");
	put_number(&w, "partition", part->partition);
	put_time(&w, "minute", part->minute_ns == TIME_NONE ? 0 : part->minute_ns);
	put_number(&w, "late", part->late);
	put_number(&w, "damaged", part->damaged);
	put_refusals(&w, part);
	json_object_end(&w);
	json_object_end(&w);
	if (t->json.failed)
		return -ERROR_MEMORY;
	if (!part_silent(part))
		outbox_add(&part->outbox, part->partition % t->config.incidents_partitions, ROW_LEDGER, part->observed_ns,
				   part->minute_ns == TIME_NONE ? 0 : part->minute_ns, buffer_slice(&t->json));
	part->late = part->damaged = 0;
	memset(part->refusals, 0, sizeof(*part->refusals) * t->plan->count);
	return outbox_failed(&part->outbox) ? -ERROR_MEMORY : 0;
}
