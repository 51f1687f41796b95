/* A word asked of templates and values. */
#include "store/query_sift_word.h"
#include "store/timetext.h"

/* ---- templates ---- */

static bool is_border(const struct sift_texts *t, uint32_t at)
{
	return t->borders[at / 64] >> at % 64 & 1;
}

/* The needle lies at `at`. A side that touches another character of a word rules it out, unless a field could end there;
 * what stands beside a value is not known. */
static uint8_t verdict_at(const struct asking *a, const struct sift_template *t, uint32_t at)
{
	const struct sift_texts *texts = a->texts;
	const struct needle *n = &a->needle;
	uint32_t end = at + (uint32_t)n->text.len;
	uint8_t left = texts->folded[at == t->begin ? at : at - 1], right = texts->folded[end];
	bool left_free = !n->word_left || at == t->begin, right_free = !n->word_right || end == t->original_end;
	if (!n->exact)
		return SIFT_MAYBE;
	if (!left_free && needle_word_octet(left) && !is_border(texts, at))
		return SIFT_NO;
	if (!right_free && needle_word_octet(right) && !is_border(texts, end))
		return SIFT_NO;
	left_free |= left != 0xff && !needle_word_octet(left);
	right_free |= right != 0xff && !needle_word_octet(right);
	return left_free && right_free && end <= t->original_end ? SIFT_IN_TEXT : SIFT_MAYBE;
}

static void find_in_templates(const struct asking *a, uint8_t *verdicts)
{
	const struct sift_texts *texts = a->texts;
	const struct sift_template *t = texts->templates;
	struct slice all = slice_of(texts->folded, texts->len);
	for (size_t at = slice_find(all, a->needle.text, 0); at != SIZE_MAX;) {
		while (t->end <= at)
			t++;
		uint8_t verdict = verdict_at(a, t, (uint32_t)at), *best = &verdicts[t - texts->templates];
		*best = verdict > *best ? verdict : *best;
		at = slice_find(all, a->needle.text, *best == SIFT_IN_TEXT ? t->end : at + 1);
	}
}

/* Does a value of the structure's columns end inside a character? */
static bool has_torn(const struct asking *a, const struct group_structure *s)
{
	for (uint32_t i = 0; i < s->value_count; i++)
		if (a->s->columns[s->value_columns[i]].torn)
			return true;
	return false;
}

static void ask_templates(const struct asking *a, struct sift_rules *rules)
{
	find_in_templates(a, rules->templates);
	for (uint32_t i = 0; i < a->s->g->template_count; i++) {
		const struct sift_template *t = &a->texts->templates[i];
		rules->torn[i] = t->torn || has_torn(a, a->s->g->templates[i].structure);
		if (rules->torn[i] || (rules->templates[i] == SIFT_NO && word_may_cross(a, t)))
			rules->templates[i] = SIFT_MAYBE;
	}
}

/* ---- rows ---- */

/* Is this piece a field's text, all of it? Then nothing stands beside it there. */
static bool is_field(const struct group_structure *s, uint32_t piece)
{
	for (uint32_t i = 0; i < s->field_count; i++)
		if (query_type_is_text(s->fields[i].type) && s->fields[i].first == piece && s->fields[i].count == 1)
			return true;
	return false;
}

static uint8_t value_verdict(const struct asking *a, const struct group_structure *s, uint32_t piece, uint8_t class)
{
	if (class == VALUE_HAS_NOT || !a->needle.exact)
		return class == VALUE_HAS_NOT ? SIFT_NO : SIFT_MAYBE;
	if (is_field(s, piece))
		return SIFT_YES;
	return class == VALUE_HAS_INSIDE && piece < s->original_pieces ? SIFT_IN_TEXT : SIFT_MAYBE;
}

static void add_places(const struct asking *a, struct sift_rules *rules, uint32_t structure, uint32_t *used)
{
	const struct group_structure *s = &a->s->g->structures[structure];
	rules->first[structure] = *used;
	for (uint32_t k = 0; k < s->piece_count; k++) {
		if (s->pieces[k].from != PIECE_VALUE || !a->classes[s->pieces[k].column])
			continue;
		struct sift_place *place = &rules->places[(*used)++];
		*place = (struct sift_place){.column = s->pieces[k].column, .classes = a->classes[s->pieces[k].column]};
		place->verdicts[VALUE_HAS_BORDER] = value_verdict(a, s, k, VALUE_HAS_BORDER);
		place->verdicts[VALUE_HAS_INSIDE] = value_verdict(a, s, k, VALUE_HAS_INSIDE);
		rules->count[structure]++;
	}
}

/* Of each structure a piece that is a time and may hold the needle, + 1. A row has one time. */
static uint32_t *time_pieces(const struct asking *a)
{
	const struct group *g = a->s->g;
	uint32_t *pieces = arena_zalloc(&a->s->arena, g->structure_count * sizeof *pieces);
	for (uint32_t i = 0; pieces && i < g->structure_count; i++)
		for (uint32_t k = 0; k < g->structures[i].piece_count; k++) {
			const struct structure_piece *piece = &g->structures[i].pieces[k];
			if (piece->from == PIECE_TIME && a->inside_time[piece->form])
				pieces[i] = pieces[i] == 0 ? k + 1 : UINT32_MAX;
		}
	return pieces;
}

static uint8_t time_verdict(const struct asking *a, const struct group_structure *s, uint32_t piece, int64_t time_ns)
{
	uint8_t text[TIMETEXT_MAX], folded[FOLD_ROOM(TIMETEXT_MAX)];
	struct timetext form = {s->pieces[piece].form, s->pieces[piece].quarters};
	size_t len = timetext_print(&a->s->g->times_printed, form, time_ns, text);
	if (len == 0)
		return SIFT_MAYBE; /* found to be damaged when it is made */
	struct slice value = slice_of(folded, fold(slice_of(text, len), folded));
	size_t at = slice_find(value, a->needle.text, 0);
	return at == SIZE_MAX ? SIFT_NO : value_verdict(a, s, piece, needle_class(&a->needle, value, at));
}

/* Rows not known to hold the word by other pieces may do so by their time. */
static int sift_row_times(const struct asking *a, uint8_t *verdicts, struct error *error)
{
	struct group *g = a->s->g;
	const uint32_t *pieces = time_pieces(a);
	if (!pieces)
		return sift_no_memory(error);
	int result = group_load_times(g, error);
	for (uint32_t i = 0; i < g->from.rows && result == 0; i++) {
		const struct group_structure *s = g->templates[g->template_codes[i]].structure;
		uint32_t piece = pieces[s - g->structures];
		if (piece == 0 || verdicts[i] == SIFT_YES)
			continue;
		uint8_t verdict = piece == UINT32_MAX ? SIFT_MAYBE : time_verdict(a, s, piece - 1, (int64_t)g->times[i]);
		if (verdict == SIFT_IN_TEXT)
			verdict = query_charset_is_text(g->heads[g->head_codes[i]].charset) ? SIFT_YES : SIFT_MAYBE;
		verdicts[i] = verdict > verdicts[i] ? verdict : verdicts[i];
	}
	return result;
}

static int ask(struct asking *a, struct sift_rules *rules, struct error *error)
{
	struct group *g = a->s->g;
	int result = sift_texts(a->s, &a->texts, error);
	a->classes = arena_zalloc(&a->s->arena, g->from.column_count * sizeof(const uint8_t *));
	a->columns = arena_zalloc(&a->s->arena, g->from.column_count * sizeof *a->columns);
	if (!a->classes || !a->columns || word_ask_times(a) != 0)
		return sift_no_memory(error);
	for (uint32_t i = 0; i < g->from.column_count && result == 0; i++)
		result = word_ask_column(a, i, error);
	if (result == 0)
		result = sift_rules_init(a->s, rules, error);
	return result;
}

int sift_word(struct sift *s, const struct pattern *p, uint8_t *verdicts, struct error *error)
{
	struct asking *a = arena_zalloc(&s->arena, sizeof *a);
	struct sift_rules rules = {0};
	uint32_t used = 0;
	if (!a)
		return sift_no_memory(error);
	a->s = s;
	needle_make(&a->needle, p);
	if (a->needle.text.len == 0) {
		memset(verdicts, SIFT_MAYBE, s->g->from.rows);
		return 0;
	}
	int result = ask(a, &rules, error);
	if (result != 0)
		return result;
	CHECK(rules.templates != NULL);
	ask_templates(a, &rules);
	for (uint32_t i = 0; i < s->g->structure_count; i++)
		add_places(a, &rules, i, &used);
	sift_rows(s, &rules, verdicts);
	return a->any_time ? sift_row_times(a, verdicts, error) : 0;
}
