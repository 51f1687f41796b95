#include "store/query_pattern.h"

/* One of [A-Za-z0-9_]. */
static bool word_octet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Octets of the character at `at`; what is not valid UTF-8 counts octet by octet. */
static size_t character_len(struct slice s, size_t at)
{
	uint32_t code_point;
	unsigned n = utf8_decode(s.ptr + at, s.len - at, &code_point);
	return n == 0 ? 1 : n;
}

/* ---- making ---- */

static void part_measure(struct pattern_part *part)
{
	for (size_t at = 0; at < part->text.len; part->characters++) {
		if (part->text.ptr[at] == PATTERN_ONE)
			part->has_one = true;
		at += character_len(part->text, at);
	}
}

static uint32_t parts_count(struct slice folded)
{
	uint32_t count = 0;
	for (size_t at = 0; at < folded.len; at++)
		if (folded.ptr[at] != PATTERN_MANY && (at == 0 || folded.ptr[at - 1] == PATTERN_MANY))
			count++;
	return count;
}

static void parts_cut(struct slice folded, struct pattern_part *parts)
{
	for (size_t at = 0; at < folded.len;) {
		size_t end = slice_find_octet(folded, PATTERN_MANY, at);
		if (end == SIZE_MAX)
			end = folded.len;
		if (end > at) {
			*parts = (struct pattern_part){.text = slice_of(folded.ptr + at, end - at)};
			part_measure(parts++);
		}
		at = end + 1;
	}
}

int pattern_make(struct arena *arena, struct slice marked, struct pattern *out)
{
	*out = (struct pattern){0};
	uint8_t *room = arena_alloc(arena, FOLD_ROOM(marked.len));
	if (room == NULL)
		return -ERROR_MEMORY;
	struct slice folded = slice_of(room, fold(marked, room));
	out->count = parts_count(folded);
	struct pattern_part *parts = arena_alloc(arena, out->count * sizeof(*parts));
	if (parts == NULL)
		return -ERROR_MEMORY;
	parts_cut(folded, parts);
	out->parts = parts;
	if (folded.len == 0)
		return 0;
	out->open_left = folded.ptr[0] == PATTERN_MANY;
	out->open_right = folded.ptr[folded.len - 1] == PATTERN_MANY;
	out->word_left = word_octet(folded.ptr[0]);
	out->word_right = word_octet(folded.ptr[folded.len - 1]);
	return 0;
}

/* ---- looking ---- */

static bool part_at(const struct pattern_part *part, struct slice text, size_t at, size_t *end)
{
	if (!part->has_one) {
		*end = at + part->text.len;
		return text.len - at >= part->text.len && memcmp(text.ptr + at, part->text.ptr, part->text.len) == 0;
	}
	for (size_t i = 0; i < part->text.len; i++) {
		if (at >= text.len)
			return false;
		if (part->text.ptr[i] == PATTERN_ONE)
			at += character_len(text, at);
		else if (part->text.ptr[i] == text.ptr[at])
			at++;
		else
			return false;
	}
	*end = at;
	return true;
}

/* The first place at or after `from`, which is a border between characters. */
static bool part_find(const struct pattern_part *part, struct slice text, size_t from, size_t *start, size_t *end)
{
	if (!part->has_one) {
		*start = from >= text.len ? SIZE_MAX : slice_find(text, part->text, from);
		*end = *start == SIZE_MAX ? 0 : *start + part->text.len;
		return *start != SIZE_MAX;
	}
	for (size_t at = from; at < text.len; at += character_len(text, at)) {
		if (part_at(part, text, at, end)) {
			*start = at;
			return true;
		}
	}
	return false;
}

static bool left_holds(const struct pattern *p, struct slice text, size_t start)
{
	return !p->word_left || start == 0 || !word_octet(text.ptr[start - 1]);
}

static bool right_holds(const struct pattern *p, struct slice text, size_t end)
{
	return !p->word_right || end == text.len || !word_octet(text.ptr[end]);
}

/* The first part with its left boundary, and its right one when it is also the last. */
static bool first_find(const struct pattern *p, struct slice text, size_t *end)
{
	size_t start;
	for (size_t from = 0; part_find(&p->parts[0], text, from, &start, end);) {
		if (left_holds(p, text, start) && (p->count > 1 || right_holds(p, text, *end)))
			return true;
		from = start + character_len(text, start);
	}
	return false;
}

/* Parts behind the first, each at its first place: a part has a fixed number of characters, so an earlier start never has
 * a later end, and the first place leaves most room for the rest. */
static bool rest_find(const struct pattern *p, struct slice text, size_t end)
{
	size_t start;
	for (uint32_t i = 1; i + 1 < p->count; i++)
		if (!part_find(&p->parts[i], text, end, &start, &end))
			return false;
	for (size_t from = end; part_find(&p->parts[p->count - 1], text, from, &start, &end);) {
		if (right_holds(p, text, end))
			return true;
		from = start + character_len(text, start);
	}
	return false;
}

bool pattern_occurs(const struct pattern *p, struct slice folded)
{
	size_t end;
	if (p->count == 0)
		return true;
	return first_find(p, folded, &end) && (p->count == 1 || rest_find(p, folded, end));
}

/* Octets of the character that ends at `end`. Going back finds the same borders as going forward: the lead octet of a
 * valid sequence never lies inside another one. */
static size_t character_before(struct slice s, size_t end)
{
	uint32_t code_point;
	for (size_t n = 2; n <= 4 && n <= end; n++)
		if (utf8_decode(s.ptr + end - n, n, &code_point) == n)
			return n;
	return 1;
}

/* Where the last part must start so that it ends with the text. */
static bool last_start(const struct pattern_part *part, struct slice text, size_t *start)
{
	size_t at = text.len;
	for (uint32_t i = 0; i < part->characters; i++) {
		if (at == 0)
			return false;
		at -= character_before(text, at);
	}
	*start = at;
	return true;
}

bool pattern_equals(const struct pattern *p, struct slice folded)
{
	if (p->count == 0)
		return p->open_left || folded.len == 0;
	size_t at = 0, start, end;
	uint32_t first = 0, last = p->count;
	if (!p->open_left) {
		if (!part_at(&p->parts[0], folded, 0, &at))
			return false;
		first = 1;
		if (p->count == 1)
			return p->open_right || at == folded.len;
	}
	if (!p->open_right)
		last--;
	for (uint32_t i = first; i < last; i++)
		if (!part_find(&p->parts[i], folded, at, &start, &at))
			return false;
	if (p->open_right)
		return true;
	return last_start(&p->parts[last], folded, &start) && start >= at &&
		   part_at(&p->parts[last], folded, start, &end) && end == folded.len;
}

/* ---- literals ---- */

static void literal_keep(struct pattern_literal *best, struct slice text, bool whole_left, bool whole_right)
{
	if (text.len > best->text.len)
		*best = (struct pattern_literal){text, whole_left, whole_right};
}

struct pattern_literal pattern_longest(const struct pattern *p)
{
	struct pattern_literal best = {0};
	for (uint32_t i = 0; i < p->count; i++) {
		struct slice text = p->parts[i].text;
		bool left_end = i == 0 && !p->open_left, right_end = i + 1 == p->count && !p->open_right;
		for (size_t at = 0; at <= text.len;) {
			size_t end = slice_find_octet(text, PATTERN_ONE, at);
			if (end == SIZE_MAX)
				end = text.len;
			literal_keep(&best, slice_of(text.ptr + at, end - at), at == 0 && left_end, end == text.len && right_end);
			at = end + 1;
		}
	}
	return best;
}
