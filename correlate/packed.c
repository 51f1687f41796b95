/* Matches packed into their entry, or a block that it names (W6). */
#include "correlate/window.h"

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

uint32_t entry_members(const struct part *part, const struct entry *e, struct member *out)
{
	if (e->packed == 1) {
		struct packed_match p = {e->when_ns, e->sequence, e->origin, e->source, e->spelling, e->slot};
		out[0] = unpack(&part->texts, &p, e->wide ? e->octets : NULL);
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

static int64_t oldest_ns(const struct part *part, const struct entry *e)
{
	int64_t when = e->when_ns;
	if (e->packed > 1)
		memcpy(&when, slab_at(&part->slab, e->block), sizeof(when));
	return when;
}

/* Before a larger block is taken, what could leave goes: the entry is opened for that. */
bool entry_appends(const struct part *part, const struct entry *e, const struct member *m)
{
	const struct plan_rule *rule = &part->temporal->plan->rules[e->rule];
	uint32_t count = e->packed;
	if (count == 0 || count == PACKED_MAX || m->when_ns <= e->when_ns || can_fire(rule, count + 1, m->slot))
		return false;
	int64_t watermark = part->levels[rule->level].watermark_ns;
	return block_bytes(e, count) == block_bytes(e, count + 1) ||
		   oldest_ns(part, e) >= sub_saturated(watermark, rule->kept_ns);
}

static int block_grow(struct part *part, struct entry *e, size_t from, size_t to)
{
	uint32_t block = slab_take(&part->slab, to);
	if (block == 0)
		return -ERROR_MEMORY;
	if (e->packed == 1) {
		struct member m;
		(void)entry_members(part, e, &m);
		pack_at(e, slab_at(&part->slab, block), &m);
	} else {
		memcpy(slab_at(&part->slab, block), slab_at(&part->slab, e->block), from);
		slab_give(&part->slab, e->block);
	}
	e->block = block;
	part->bytes += to - from;
	return 0;
}

int entry_append(struct part *part, struct entry *e, const struct member *m)
{
	size_t from = block_bytes(e, e->packed), to = block_bytes(e, e->packed + 1u);
	if (from != to && block_grow(part, e, from, to) < 0)
		return -ERROR_MEMORY;
	pack_at(e, (uint8_t *)slab_at(&part->slab, e->block) + e->packed * packed_size(e), m);
	e->when_ns = m->when_ns;
	e->packed = (e->packed + 1u) & 15;
	return 0;
}

void packed_prefetch(const struct part *part, const struct entry *e)
{
	const uint8_t *block = slab_at(&part->slab, e->block);
	__builtin_prefetch(block, 1);
	__builtin_prefetch(block + e->packed * packed_size(e), 1);
}
