/* Matches packed into their entry, or a block that it names (W6). */
#include "correlate/window.h"

#define LINE_BYTES 64u /* of the processor's cache */

_Static_assert(PACKED_MAX *(sizeof(struct packed_match) + ENTRY_WIDE_BYTES) <=
				   (size_t)SLAB_SHARED_GRANULES * SLAB_GRANULE,
			   "blocks share pages");

static size_t packed_size(const struct entry *e)
{
	return sizeof(struct packed_match) + (e->wide ? ENTRY_WIDE_BYTES : 0);
}

size_t block_bytes(const struct entry *e, uint32_t count)
{
	uint32_t room = count <= 2 ? 2 : count <= 4 ? 4 : count <= 8 ? 8 : PACKED_MAX;
	return count < 2 ? 0 : room * packed_size(e);
}

static struct member unpack(const struct texts *texts, const struct packed_match *p, const uint8_t *wide)
{
	struct member m = {.when_ns = p->when_ns, .sequence = p->sequence, .slot = p->slot};
	m.origin = text_at(texts, p->origin);
	m.source = text_at(texts, p->source);
	m.spelling = text_at(texts, p->spelling);
	if (wide != NULL) {
		uint32_t numbers[2];
		memcpy(numbers, wide, ENTRY_WIDE_BYTES);
		m.value = text_at(texts, numbers[0]);
		m.carried = text_at(texts, numbers[1]);
	}
	return m;
}

static struct packed_match pack(const struct member *m, uint8_t *wide)
{
	struct packed_match p = {.when_ns = m->when_ns, .sequence = m->sequence, .slot = m->slot};
	p.origin = text_number(m->origin);
	p.source = text_number(m->source);
	p.spelling = text_number(m->spelling);
	if (wide != NULL) {
		uint32_t numbers[2] = {text_number(m->value), text_number(m->carried)};
		memcpy(wide, numbers, ENTRY_WIDE_BYTES);
	}
	return p;
}

static struct member lone_member(const struct part *part, const struct entry *e)
{
	struct packed_match p = {e->when_ns, e->sequence, e->origin, e->source, e->spelling, e->slot};
	return unpack(&part->texts, &p, e->wide ? e->octets : NULL);
}

uint32_t entry_members(const struct part *part, const struct entry *e, struct member *out)
{
	if (e->packed == 1) {
		out[0] = lone_member(part, e);
		return 1;
	}
	const uint8_t *at = e->packed > 0 ? slab_at(&part->slab, e->block) : NULL;
	for (uint32_t i = 0; i < e->packed; i++, at += packed_size(e)) {
		struct packed_match p;
		memcpy(&p, at, sizeof(p));
		out[i] = unpack(&part->texts, &p, e->wide ? at + sizeof(p) : NULL);
	}
	return e->packed;
}

static void pack_at(const struct entry *e, uint8_t *at, const struct member *m)
{
	struct packed_match p = pack(m, e->wide ? at + sizeof(p) : NULL);
	memcpy(at, &p, sizeof(p));
}

void pack_one(struct entry *e, const struct member *m)
{
	struct packed_match p = pack(m, e->wide ? e->octets : NULL);
	e->when_ns = p.when_ns;
	e->sequence = p.sequence;
	e->origin = p.origin;
	e->source = p.source;
	e->spelling = p.spelling;
	e->slot = (uint16_t)p.slot;
	e->packed = 1;
}

void pack_several(const struct part *part, struct entry *e, const struct member *members, uint32_t count,
				  uint32_t block)
{
	uint8_t *at = slab_at(&part->slab, block);
	for (uint32_t i = 0; i < count; i++, at += packed_size(e))
		pack_at(e, at, &members[i]);
	e->when_ns = members[count - 1].when_ns;
	e->block = block;
	e->packed = count & 15;
}

/* ---- a match more, without opening ---- */

/* With `count` matches, the newest of which is of this rule. */
static bool can_fire(const struct plan_rule *rule, uint32_t count, uint32_t slot)
{
	if (rule->mode != PLAN_AT_ONCE || (rule->type == CORRELATION_TEMPORAL && rule->correlation->expression_count > 0))
		return true;
	return rule->type == CORRELATION_TEMPORAL_ORDERED ? ordered_ends_with(rule, slot) : count >= rule->need;
}

/* The octets of one packed match of several. */
static uint8_t *packed_at(const struct part *part, const struct entry *e, uint32_t index)
{
	return (uint8_t *)slab_at(&part->slab, e->block) + index * packed_size(e);
}

static int64_t packed_when(const struct part *part, const struct entry *e, uint32_t index)
{
	int64_t when = e->when_ns;
	if (e->packed > 1)
		memcpy(&when, packed_at(part, e, index), sizeof(when));
	return when;
}

/* How many could have left (W3), when there is no room for another. */
static uint32_t packed_gone(const struct part *part, const struct entry *e)
{
	const struct plan_rule *rule = &part->temporal->plan->rules[e->rule];
	int64_t since = sub_saturated(part->levels[rule->level].watermark_ns, rule->kept_ns);
	uint32_t gone = 0;
	if (e->packed < PACKED_MAX && block_bytes(e, e->packed) == block_bytes(e, e->packed + 1u))
		return 0;
	while (gone < e->packed && packed_when(part, e, gone) < since)
		gone++;
	return gone;
}

bool entry_appends(const struct part *part, const struct entry *e, const struct member *m)
{
	const struct plan_rule *rule = &part->temporal->plan->rules[e->rule];
	uint32_t count = e->packed;
	if (count == 0 || m->when_ns <= e->when_ns || can_fire(rule, count + 1, m->slot))
		return false;
	return count < PACKED_MAX || packed_gone(part, e) > 0;
}

static void release_first(struct part *part, const struct entry *e, uint32_t count)
{
	struct member members[PACKED_MAX];
	if (count == 0)
		return;
	(void)entry_members(part, e, members);
	for (uint32_t i = 0; i < count; i++)
		member_release(part, &members[i]);
}

/* Those after the first `gone`, of which there is one at least, to the block, which may be theirs. */
static void move_behind(const struct part *part, struct entry *e, uint32_t gone, uint32_t block)
{
	uint8_t *to = slab_at(&part->slab, block);
	if (e->packed > 1) {
		memmove(to, packed_at(part, e, gone), (e->packed - gone) * packed_size(e));
		return;
	}
	struct member lone = lone_member(part, e);
	pack_at(e, to, &lone);
}

int entry_append(struct part *part, struct entry *e, const struct member *m)
{
	uint32_t gone = packed_gone(part, e), kept = e->packed - gone;
	size_t from = block_bytes(e, e->packed), to = block_bytes(e, kept + 1);
	uint32_t old = from > 0 ? e->block : 0, block = to == from ? old : 0;
	if (to != from && to > 0 && (block = slab_take(&part->slab, to)) == 0)
		return -ERROR_MEMORY;
	release_first(part, e, gone);
	if (kept > 0) {
		if (gone > 0 || block != old)
			move_behind(part, e, gone, block);
		e->block = block;
		pack_at(e, packed_at(part, e, kept), m);
		e->when_ns = m->when_ns;
		e->packed = (kept + 1) & 15;
	} else {
		pack_one(e, m);
	}
	if (old != 0 && block != old)
		slab_give(&part->slab, old);
	part->bytes += to - from;
	return 0;
}

/* What is put behind them touches the end; where there is no room, all of them are moved. */
void packed_prefetch(const struct part *part, const struct entry *e)
{
	const uint8_t *block = slab_at(&part->slab, e->block);
	size_t bytes = e->packed * packed_size(e);
	bool full = block_bytes(e, e->packed) != block_bytes(e, e->packed + 1u);
	__builtin_prefetch(block, 1);
	for (size_t at = full ? LINE_BYTES : bytes; at < bytes + !full; at += LINE_BYTES)
		__builtin_prefetch(block + at, 1);
}
