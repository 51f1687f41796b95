#include "rules/pattern.h"

#include "common/check.h"
#include "common/text.h"

#define NO_MATCH SIZE_MAX

/* ---- matching ---- */

static size_t dash_length(struct slice s, size_t at)
{
	if (at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '/'))
		return 1;
	/* U+2013, U+2014, U+2015 */
	if (s.len - at >= 3 && s.ptr[at] == 0xe2 && s.ptr[at + 1] == 0x80 && s.ptr[at + 2] >= 0x93 && s.ptr[at + 2] <= 0x95)
		return 3;
	return 0;
}

static size_t one_length(struct slice s, size_t at)
{
	uint32_t code_point;
	if (at >= s.len)
		return 0;
	unsigned n = utf8_decode(s.ptr + at, s.len - at, &code_point);
	return n ? n : 1;
}

/* End of the segment when it begins at `at`, else NO_MATCH. */
static size_t segment_at(const struct segment *g, struct slice s, size_t at)
{
	if (g->part_count == 0) {
		bool same = s.len - at >= g->literal.len && memcmp(s.ptr + at, g->literal.ptr, g->literal.len) == 0;
		return same ? at + g->literal.len : NO_MATCH;
	}
	for (uint32_t i = 0; i < g->part_count; i++) {
		const struct segment_part *part = &g->parts[i];
		size_t n;
		if (part->special == UNIT_DASH)
			n = dash_length(s, at);
		else if (part->special == UNIT_ONE)
			n = one_length(s, at);
		else
			n = s.len - at >= part->literal.len && memcmp(s.ptr + at, part->literal.ptr, part->literal.len) == 0
					? part->literal.len
					: 0;
		if (n == 0)
			return NO_MATCH;
		at += n;
	}
	return at;
}

static size_t literal_find(const struct segment *g, struct slice s, size_t at)
{
	size_t found = slice_find_by(s, g->literal, at, g->rare[0], g->rare[1]);
	return found == SIZE_MAX ? NO_MATCH : found + g->literal.len;
}

/* The first place at or after `at`. Every part is one code point wide or literal, so the earliest beginning has the
 * earliest end and taking it loses nothing. */
static size_t segment_find(const struct segment *g, struct slice s, size_t at)
{
	if (g->part_count == 0)
		return literal_find(g, s, at);
	struct slice longest = g->parts[g->longest].literal;
	if (longest.len && slice_find(s, longest, at) == SIZE_MAX) /* mostly it is not there */
		return NO_MATCH;
	while (at < s.len) {
		size_t end = segment_at(g, s, at);
		if (end != NO_MATCH)
			return end;
		at += one_length(s, at);
	}
	return NO_MATCH;
}

/* Whether the segment can end where the value ends without beginning before `at`. */
static bool segment_ends(const struct segment *g, struct slice s, size_t at)
{
	if (g->part_count == 0)
		return s.len - at >= g->literal.len && slice_ends(s, g->literal);
	for (; at < s.len; at += one_length(s, at))
		if (segment_at(g, s, at) == s.len)
			return true;
	return false;
}

bool pattern_match(const struct pattern *p, struct slice s)
{
	if (s.len < p->len_min)
		return false;
	if (p->count == 0)
		return p->open_start || s.len == 0;
	const struct segment *whole = &p->segments[0];
	if (p->count == 1 && !p->open_start && !p->open_end && whole->part_count == 0)
		return s.len == whole->literal.len && memcmp(s.ptr, whole->literal.ptr, s.len) == 0;
	size_t at = 0;
	uint32_t i = 0, searched = p->open_end ? p->count : p->count - 1;
	if (!p->open_start) {
		at = segment_at(&p->segments[0], s, 0);
		if (at == NO_MATCH)
			return false;
		if (p->count == 1)
			return p->open_end || at == s.len;
		i = 1;
	}
	for (; i < searched; i++) {
		at = segment_find(&p->segments[i], s, at);
		if (at == NO_MATCH)
			return false;
	}
	return p->open_end || segment_ends(&p->segments[p->count - 1], s, at);
}

/* ---- hints ---- */

/* The last octets as a number: the last one is the highest, zeros before the first. */
static uint64_t slice_tail(struct slice s)
{
	return s.len >= 8 ? slice_head(slice_from(s, s.len - 8)) : s.len ? slice_head(s) << 8 * (8 - s.len) : 0;
}

static void hint_ends(struct pattern *p)
{
	const struct segment *first = p->segments, *last = first + p->count - 1;
	struct pattern_hint *h = &p->hint;
	if (!p->open_start && first->part_count == 0) {
		size_t len = first->literal.len;
		h->head = slice_head(first->literal);
		h->head_mask = len >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * len) - 1;
	}
	if (!p->open_end && last->part_count == 0 && last->literal.len) {
		size_t len = last->literal.len;
		h->tail = slice_tail(last->literal);
		h->tail_mask = len >= 8 ? UINT64_MAX : ~(UINT64_MAX >> 8 * len);
	}
}

/* Pairs from all over the longest literal. */
static void hint_pairs(struct pattern *p)
{
	struct slice longest = SLICE_NONE;
	for (uint32_t i = 0; i < p->count; i++) {
		const struct segment *g = &p->segments[i];
		struct slice literal = g->part_count ? g->parts[g->longest].literal : g->literal;
		if (literal.len > longest.len)
			longest = literal;
	}
	size_t pairs = longest.len < 2 ? 0 : longest.len - 1;
	p->hint.pair_count = pairs < PATTERN_PAIRS ? (uint32_t)pairs : PATTERN_PAIRS;
	for (uint32_t i = 0; i < p->hint.pair_count; i++) {
		size_t at = p->hint.pair_count < 2 ? 0 : i * (pairs - 1) / (p->hint.pair_count - 1);
		p->hint.pairs[i] = pair_place(longest.ptr[at], longest.ptr[at + 1]);
	}
}

void pattern_text_ends(struct pattern_text *t, struct slice text)
{
	*t = (struct pattern_text){.head = slice_head(text), .tail = slice_tail(text)};
}

void pattern_text_pairs(struct pattern_text *t, struct slice text, uint64_t *bits, uint32_t mask)
{
	for (size_t i = 1; i < text.len; i++) {
		uint32_t place = pair_place(text.ptr[i - 1], text.ptr[i]) & mask;
		bits[place / 64] |= UINT64_C(1) << place % 64;
	}
	t->pairs = bits;
	t->pair_mask = mask;
}

/* ---- building ---- */

static bool unit_is_special(uint32_t u)
{
	return u == UNIT_ONE || u == UNIT_DASH;
}

static unsigned unit_octets(uint32_t u, uint8_t out[4])
{
	if (u < UNIT_OCTET)
		return utf8_encode(u, out);
	out[0] = (uint8_t)(u - UNIT_OCTET);
	return 1;
}

/* Folded, ASCII is as long as it was. */
static bool run_is_ascii(const uint32_t *units, uint32_t count)
{
	uint32_t all = 0;
	for (uint32_t i = 0; i < count; i++)
		all |= units[i];
	return all < 0x80;
}

static bool run_ascii(struct arena *arena, const uint32_t *units, uint32_t count, bool cased, struct slice *out)
{
	uint8_t *octets = arena_alloc(arena, count);
	if (!octets)
		return false;
	for (uint32_t i = 0; i < count; i++)
		octets[i] = (uint8_t)(units[i] | (!cased && units[i] - 'A' < 26 ? 0x20 : 0));
	*out = slice_of(octets, count);
	return true;
}

static bool run_literal(struct arena *arena, const uint32_t *units, uint32_t count, bool cased, struct slice *out)
{
	if (run_is_ascii(units, count))
		return run_ascii(arena, units, count, cased, out);
	uint8_t *octets = arena_alloc(arena, 4 * (size_t)count + 1);
	if (!octets)
		return false;
	size_t len = 0;
	for (uint32_t i = 0; i < count; i++)
		len += unit_octets(units[i], octets + len);
	*out = slice_of(octets, len);
	if (cased)
		return true;
	uint8_t *folded = arena_alloc(arena, FOLD_ROOM(len));
	if (!folded)
		return false;
	*out = slice_of(folded, fold(*out, folded));
	return true;
}

/* Common octets of paths, command lines and log text, the commonest first; what is not among them (0) is rare. */
static uint8_t rarity(uint8_t octet)
{
	static const uint8_t ranks[256] = {
		['e'] = 1,  [' '] = 2,  ['\\'] = 3, ['.'] = 4,  ['t'] = 5,  ['a'] = 6,  ['o'] = 7,   ['n'] = 8,  ['i'] = 9,
		['s'] = 10, ['r'] = 11, ['0'] = 12, ['/'] = 13, ['l'] = 14, ['c'] = 15, ['d'] = 16,  ['m'] = 17, ['1'] = 18,
		['p'] = 19, ['u'] = 20, ['-'] = 21, ['3'] = 22, ['2'] = 23, ['_'] = 24, [':'] = 25,  ['h'] = 26, ['w'] = 27,
		['f'] = 28, ['g'] = 29, ['b'] = 30, ['y'] = 31, ['v'] = 32, ['"'] = 33, ['\''] = 34, ['4'] = 35, ['5'] = 36,
		['8'] = 37, ['7'] = 38, ['6'] = 39, ['k'] = 40, ['9'] = 41, ['x'] = 42, ['='] = 43,  [','] = 44, ['('] = 45,
		[')'] = 46, ['z'] = 47, ['j'] = 48, ['q'] = 49,
	};
	return ranks[octet] ? ranks[octet] : UINT8_MAX;
}

/* The rarest octet and the next one to it; of a single octet both are that one. */
static void find_rare(struct segment *g)
{
	struct slice l = g->literal;
	uint32_t first = 0, second;
	for (uint32_t i = 1; i < l.len; i++)
		if (rarity(l.ptr[i]) > rarity(l.ptr[first]))
			first = i;
	second = first == 0 && l.len > 1;
	for (uint32_t i = second + 1; i < l.len; i++)
		if (i != first && rarity(l.ptr[i]) > rarity(l.ptr[second]))
			second = i;
	g->rare[0] = first;
	g->rare[1] = second;
}

static bool segment_build(struct arena *arena, const uint32_t *units, uint32_t count, bool cased, struct segment *out,
						  size_t *len_min)
{
	bool special = false;
	for (uint32_t i = 0; i < count; i++)
		special |= unit_is_special(units[i]);
	if (!special) {
		*len_min += count; /* a folded code point may be shorter, but never empty */
		if (!run_literal(arena, units, count, cased, &out->literal))
			return false;
		find_rare(out);
		return true;
	}
	struct segment_part *parts = arena_zalloc(arena, count * sizeof *parts);
	if (!parts)
		return false;
	for (uint32_t i = 0; i < count;) {
		uint32_t end = i;
		while (end < count && !unit_is_special(units[end]))
			end++;
		struct segment_part *part = &parts[out->part_count++];
		if (end == i)
			part->special = units[i++];
		else if (!run_literal(arena, units + i, end - i, cased, &part->literal))
			return false;
		else
			i = end;
	}
	for (uint32_t i = 1; i < out->part_count; i++)
		if (parts[i].literal.len > parts[out->longest].literal.len)
			out->longest = i;
	out->parts = parts;
	*len_min += count;
	return true;
}

static uint32_t segment_count(const struct unit_text *t)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < t->count; i++)
		count += t->units[i] != UNIT_STAR && (i == 0 || t->units[i - 1] == UNIT_STAR);
	return count;
}

struct pattern *pattern_new(struct arena *arena, const struct unit_text *t, bool cased)
{
	uint32_t count = segment_count(t);
	struct pattern *p = arena_zalloc(arena, sizeof *p);
	struct segment *segments = arena_zalloc(arena, (count ? count : 1) * sizeof *segments);
	if (!p || !segments)
		return NULL;
	p->cased = cased;
	p->segments = segments;
	p->open_start = t->count && t->units[0] == UNIT_STAR;
	p->open_end = t->count && t->units[t->count - 1] == UNIT_STAR;
	for (uint32_t i = 0; i < t->count;) {
		uint32_t end = i;
		while (end < t->count && t->units[end] != UNIT_STAR)
			end++;
		if (end > i && !segment_build(arena, t->units + i, end - i, cased, &segments[p->count++], &p->len_min))
			return NULL;
		i = end + 1;
	}
	CHECK(p->count == count);
	if (!cased && p->count) {
		hint_ends(p);
		hint_pairs(p);
	}
	return p;
}

/* ---- texts ---- */

static bool text_units(struct arena *arena, struct slice text, bool escapes, struct unit_text *out)
{
	out->units = arena_alloc(arena, (text.len + 1) * sizeof *out->units);
	out->count = 0;
	if (!out->units)
		return false;
	for (size_t i = 0; i < text.len;) {
		uint32_t u = text.ptr[i];
		size_t n = 1;
		uint8_t next = i + 1 < text.len ? text.ptr[i + 1] : 0;
		if (escapes && u == '\\' && (next == '*' || next == '?' || next == '\\')) {
			u = next;
			n = 2;
		} else if (escapes && u == '*')
			u = UNIT_STAR;
		else if (escapes && u == '?')
			u = UNIT_ONE;
		else if (u >= 0x80 && (n = utf8_decode(text.ptr + i, text.len - i, &u)) == 0) {
			u = UNIT_OCTET + text.ptr[i];
			n = 1;
		}
		out->units[out->count++] = u;
		i += n;
	}
	return true;
}

bool unit_text_parse(struct arena *arena, struct slice text, struct unit_text *out)
{
	return text_units(arena, text, true, out);
}

bool unit_text_plain(struct arena *arena, struct slice text, struct unit_text *out)
{
	return text_units(arena, text, false, out);
}

bool unit_text_has_wildcard(const struct unit_text *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->units[i] >= UNIT_STAR)
			return true;
	return false;
}

bool unit_text_octets(struct arena *arena, const struct unit_text *t, struct slice *out)
{
	return run_literal(arena, t->units, t->count, true, out);
}
