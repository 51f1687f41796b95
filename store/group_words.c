/* The words of a row that go over the ends of its fields. */
#include "store/group_writer.h"

/* A piece's words are added with the piece. What is missing are the words that a cut divides: of the whole text, and of
 * each field that goes over the cut. */
void group_add_divided_words(struct group_writer *g, const struct shape *s, uint32_t at, bool crossed)
{
	struct slice original = slice_of(g->text.ptr, g->original_len);
	if (at < g->original_len)
		words_add_around(&g->words, original, at);
	else if (at > g->original_len)
		words_add_around(&g->words, slice_from(g->text, g->original_len), at - g->original_len);
	for (uint32_t i = 0; i < s->field_count && crossed; i++) {
		uint32_t from = g->ends[END_FIELDS + 2 * i], to = g->ends[END_FIELDS + 2 * i + 1];
		if (from < at && at < to)
			words_add_around(&g->words, slice_of(g->text.ptr + from, to - from), at - from);
	}
}

/* Can the piece be other text in another row of the template? */
static bool varies(const struct shape *s, uint32_t piece)
{
	return s->key[KEY_PIECES + piece] & WORD_VARIES;
}

/* Joined bounds first .. last: are the words that go over them the same in all rows of the template? They are when the
 * pieces between are, and when nothing that varies can make them longer: the piece beside is none that varies, or ends
 * here with an octet that joins nothing. */
static bool is_fixed(const struct group_writer *g, const struct shape *s, uint32_t first, uint32_t last)
{
	uint32_t left = first - 1u, right = last + 1u;
	for (uint32_t k = left; k < right; k++)
		if (varies(s, k))
			return false;
	const uint8_t *text = g->text.ptr;
	if (!s->pieces[left].is_end && varies(s, left - 1) && (words_kinds[text[g->bounds[left]]] & WORDS_JOINS))
		return false;
	return s->pieces[right].is_end || !varies(s, right) || !(words_kinds[text[g->bounds[right] - 1]] & WORDS_JOINS);
}

/* Adds the words over joined bounds that are the row's own; leaves those that are the template's. */
void group_add_joined_words(struct group_writer *g, const struct shape *s)
{
	uint32_t kept = 0;
	for (uint32_t i = 0, end; i < g->joined_count; i = end) {
		for (end = i + 1; end < g->joined_count && g->joined[end] == g->joined[end - 1] + 1; end++)
			;
		bool fixed = is_fixed(g, s, g->joined[i], g->joined[end - 1]);
		for (uint32_t k = i; k < end; k++) {
			if (fixed)
				g->joined[kept++] = g->joined[k];
			else
				group_add_divided_words(g, s, g->bounds[g->joined[k]], s->pieces[g->joined[k]].crossed);
		}
	}
	g->joined_count = kept;
}
