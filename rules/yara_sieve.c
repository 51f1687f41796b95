#include "rules/yara_sieve.h"

struct search {
	const struct yara_sieve *sieve;
	const struct yara_rules *set;
	struct slice octets;
	const uint8_t *folded;
};

/* Eight octets at once; no carry leaves one of them. */
static uint64_t lower_eight(uint64_t x)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t low = x & ones * 0x7f;
	uint64_t upper = (low + ones * (0x80 - 'A')) ^ (low + ones * (0x7f - 'Z'));
	return x | (upper & ~x & ones * 0x80) >> 2;
}

static void fold_ascii(struct slice octets, uint8_t *out)
{
	size_t at = 0;
	uint64_t eight;
	for (; at + 8 <= octets.len; at += 8) {
		memcpy(&eight, octets.ptr + at, 8);
		eight = lower_eight(eight);
		memcpy(out + at, &eight, 8);
	}
	for (; at < octets.len; at++)
		out[at] = yara_lower(octets.ptr[at]);
}

/* Whatever strings it has: do its guards allow it? */
static bool entry_may_hold(const struct search *s, uint32_t entry)
{
	struct yara_known known = {
		.strings = STRINGS_ALL, .guards = GUARDS_LOOK, .octets = s->octets, .variables = UINT32_MAX};
	return yara_need_met(s->set->entries[entry].need, &known);
}

static bool needle_stands(const struct search *s, const struct yara_needle *n, size_t at)
{
	if (at < n->at || n->len > s->octets.len - (at - n->at))
		return false;
	size_t first = at - n->at;
	return memcmp(s->folded + first, n->folded, n->len) == 0 &&
		   (!n->exact || memcmp(s->octets.ptr + first, n->exact, n->len) == 0);
}

static __attribute__((noinline)) bool key_found(const struct search *s, const struct yara_keys *k, uint32_t key,
												size_t at)
{
	uint32_t place = yara_key_place(key, k->shift) & k->mask;
	while (k->slots[place].count && k->slots[place].key != key)
		place = (place + 1) & k->mask;
	const struct yara_slot *slot = &k->slots[place];
	for (uint32_t i = slot->first; i < slot->first + slot->count; i++)
		if (needle_stands(s, &k->needles[i], at) && entry_may_hold(s, k->needles[i].entry))
			return true;
	return false;
}

static uint32_t quad_at(const uint8_t *p)
{
	uint32_t quad;
	memcpy(&quad, p, 4);
	return quad;
}

/* Four keys at a time: nearly always the filter has none of them. */
static bool search_quads(const struct search *s)
{
	const struct yara_keys *k = &s->sieve->quads;
	const uint8_t *p = s->folded, *filter = k->filter;
	uint32_t shift = k->shift;
	size_t at = 0, len = s->octets.len;
	for (; at + 7 <= len; at += 4) {
		uint8_t any =
			filter[yara_key_place(quad_at(p + at), shift)] | filter[yara_key_place(quad_at(p + at + 1), shift)] |
			filter[yara_key_place(quad_at(p + at + 2), shift)] | filter[yara_key_place(quad_at(p + at + 3), shift)];
		for (size_t i = at; any && i < at + 4; i++)
			if (filter[yara_key_place(quad_at(p + i), shift)] && key_found(s, k, quad_at(p + i), i))
				return true;
	}
	for (; at + 4 <= len; at++)
		if (filter[yara_key_place(quad_at(p + at), shift)] && key_found(s, k, quad_at(p + at), at))
			return true;
	return false;
}

static bool pair_found(const struct search *s, size_t at)
{
	const struct yara_keys *k = &s->sieve->pairs;
	uint32_t key = (uint32_t)s->folded[at] | (uint32_t)s->folded[at + 1] << 8;
	return k->filter[yara_key_place(key, k->shift)] && key_found(s, k, key, at);
}

static bool search_pairs(const struct search *s)
{
	const uint8_t *firsts = s->sieve->pairs.firsts, *seconds = s->sieve->pairs.seconds, *p = s->folded;
	size_t at = 0, len = s->octets.len;
	for (; at + 5 <= len; at += 4) {
		uint32_t any = (firsts[p[at]] & seconds[p[at + 1]]) | (firsts[p[at + 1]] & seconds[p[at + 2]]) |
					   (firsts[p[at + 2]] & seconds[p[at + 3]]) | (firsts[p[at + 3]] & seconds[p[at + 4]]);
		for (size_t i = at; any && i < at + 4; i++)
			if (pair_found(s, i))
				return true;
	}
	for (; at + 2 <= len; at++)
		if (pair_found(s, at))
			return true;
	return false;
}

bool yara_sieve_keeps(const struct yara_sieve *sieve, const struct yara_rules *set, struct slice octets,
					  uint8_t *folded)
{
	struct search s = {sieve, set, octets, folded};
	for (uint32_t i = 0; i < sieve->loose_count; i++)
		if (entry_may_hold(&s, sieve->loose[i]))
			return true;
	fold_ascii(octets, folded);
	return (sieve->quads.count && search_quads(&s)) || (sieve->pairs.count && search_pairs(&s));
}
