#include "correlate/window.h"

static int text_compare(const struct text *a, const struct text *b)
{
	return a == b ? 0 : slice_compare(text_slice(a), text_slice(b));
}

int member_compare(const struct member *a, const struct member *b)
{
	if (a->when_ns != b->when_ns)
		return a->when_ns < b->when_ns ? -1 : 1;
	int order = text_compare(a->source, b->source);
	if (order == 0)
		order = text_compare(a->origin, b->origin);
	if (order != 0)
		return order;
	if (a->sequence != b->sequence)
		return a->sequence < b->sequence ? -1 : 1;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	return text_compare(a->value, b->value);
}

bool key_is_spelled(struct slice key)
{
	struct reader r = reader_of(key);
	enum key_tag tag;
	struct slice octets;
	while (tuple_next(&r, &tag, &octets))
		if (tag != KEY_TEXT && tag != KEY_MISSING)
			return false;
	return !r.failed;
}

bool member_fits(const struct plan_rule *rule, bool key_spelled, const struct member_octets *m)
{
	uint32_t spelled = 0, carried = 0;
	double number;
	if (m->origin.len != ORIGIN_BYTES || m->source.ptr == NULL)
		return false;
	if (m->spelling.ptr == NULL ? !key_spelled : !tuple_check(m->spelling, &spelled) || spelled != rule->group_count)
		return false;
	if ((m->value.ptr != NULL) != rule->values || m->slot >= rule->rule_count)
		return false;
	if (rule->numeric && plan_counts(rule, m->slot) && !tuple_number(m->value, &number))
		return false;
	if ((m->carried.ptr != NULL) != (rule->carried_count > 0))
		return false;
	return m->carried.ptr == NULL || tuple_check(m->carried, &carried);
}

static uint64_t get_u64_big(const uint8_t *p)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

struct event_identity member_event(const struct member *m)
{
	struct event_identity event;
	const uint8_t *p = m->origin->octets;
	memcpy(event.collector, p, 16);
	event.epoch = get_u64_big(p + 16);
	event.partition = (uint32_t)p[24] << 24 | (uint32_t)p[25] << 16 | (uint32_t)p[26] << 8 | p[27];
	event.sequence = m->sequence;
	return event;
}

bool member_same_event(const struct member *a, const struct member *b)
{
	return a->sequence == b->sequence && a->origin == b->origin;
}

void member_hold(const struct member *m)
{
	text_hold(m->origin);
	text_hold(m->source);
	text_hold(m->spelling);
	text_hold(m->value);
	text_hold(m->carried);
}

void member_release(struct part *part, struct member *m)
{
	texts_release(&part->texts, m->origin);
	texts_release(&part->texts, m->source);
	texts_release(&part->texts, m->spelling);
	texts_release(&part->texts, m->value);
	texts_release(&part->texts, m->carried);
	m->origin = m->source = m->spelling = m->value = m->carried = NULL;
}

uint32_t group_lower(const struct group *g, int64_t when_ns)
{
	uint32_t low = 0, high = g->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (group_member(g, middle)->when_ns < when_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t group_upper(const struct group *g, int64_t when_ns)
{
	return when_ns == INT64_MAX ? g->count : group_lower(g, when_ns + 1);
}

/* First index whose member does not stand before `m`. */
static uint32_t order_lower(const struct group *g, const struct member *m)
{
	uint32_t low = 0, high = g->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (member_compare(group_member(g, middle), m) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Room for one more: what has left at the front is taken back before more is asked for. */
static int make_room(struct part *part, struct group *g)
{
	if (g->first + g->count < g->room)
		return 0;
	if (g->first > g->room / 2) {
		memmove(g->members, g->members + g->first, sizeof(*g->members) * g->count);
		g->first = 0;
		return 0;
	}
	uint32_t room = g->room == 0 ? 1 : g->room < 8 ? g->room * 2 : g->room + g->room / 2;
	struct member *members = env_resize(part->temporal->env, g->members, sizeof(*members) * room);
	if (members == NULL)
		return -ERROR_MEMORY;
	g->members = members;
	g->room = room;
	return 0;
}

int group_insert(struct part *part, struct group *g, const struct member *m, uint32_t *place)
{
	bool last = g->count == 0 || member_compare(group_member(g, g->count - 1), m) < 0;
	uint32_t at = last ? g->count : order_lower(g, m);
	if (at < g->count && member_compare(group_member(g, at), m) == 0)
		return 1;
	if (make_room(part, g) < 0)
		return -ERROR_MEMORY;
	struct member *slot = group_member(g, at);
	memmove(slot + 1, slot, sizeof(*slot) * (g->count - at));
	*slot = *m;
	g->count++;
	part->bytes += member_bytes(g);
	*place = at;
	return 0;
}
