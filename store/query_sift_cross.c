/* What of a needle could lie over the borders of values and times. */
#include "store/query_sift_word.h"
#include "store/timetext.h"

/* ---- the needle ---- */

static void cut_needle(struct needle *n)
{
	size_t len = n->text.len;
	if (len <= SIFT_NEEDLE_MAX)
		return;
	for (len = SIFT_NEEDLE_MAX; (n->text.ptr[len] & 0xc0) == 0x80; len--)
		;
	n->text.len = len;
	n->exact = false;
}

void needle_make(struct needle *n, const struct pattern *p)
{
	*n = (struct needle){.pattern = p, .exact = p->count == 1 && !p->parts[0].has_one};
	n->text = n->exact ? p->parts[0].text : pattern_longest(p).text;
	cut_needle(n);
	n->word_left = n->exact && p->word_left;
	n->word_right = n->exact && p->word_right;
	for (size_t j = 1; j < n->text.len; j++) {
		n->by_first[n->text.ptr[j]] |= UINT64_C(1) << j;
		n->by_last[n->text.ptr[j - 1]] |= UINT64_C(1) << j;
	}
}

/* ---- over borders ---- */

static inline unsigned lowest(places *set)
{
	unsigned j = (unsigned)__builtin_ctzll(*set);
	*set &= *set - 1;
	return j;
}

/* Which first octets of the needle the text ends with. */
static inline places ends_of(const struct needle *n, struct slice text)
{
	places ends = 0, set = n->by_last[text.ptr[text.len - 1]];
	while (set) {
		unsigned j = lowest(&set);
		if (j <= text.len && memcmp(text.ptr + text.len - j, n->text.ptr, j) == 0)
			ends |= UINT64_C(1) << j;
	}
	return ends;
}

/* Where the needle goes on, of the places of `from`, at the beginning of the text: *whole when to its end; else, through
 * all of the text, to the places returned. */
static inline places go_through(const struct needle *n, struct slice text, places from, places *whole)
{
	places to = 0, set = from & n->by_first[text.ptr[0]];
	while (set) {
		unsigned j = lowest(&set);
		size_t left = n->text.len - j, len = left < text.len ? left : text.len;
		if (memcmp(text.ptr, n->text.ptr + j, len) != 0)
			continue;
		if (len == left)
			*whole |= UINT64_C(1) << j;
		else
			to |= UINT64_C(1) << (j + len);
	}
	return to;
}

int crossing_room(struct asking *a, struct crossing *c)
{
	c->through = arena_zalloc(&a->s->arena, a->needle.text.len * sizeof *c->through);
	return c->through ? 0 : -ERROR_MEMORY;
}

void crossing_add(const struct needle *n, struct crossing *c, struct slice text)
{
	if (text.len == 0) {
		c->has_empty = true;
		return;
	}
	c->ends |= ends_of(n, text);
	for (places set = n->by_first[text.ptr[0]]; set;) {
		unsigned j = lowest(&set);
		c->through[j] |= go_through(n, text, UINT64_C(1) << j, &c->begins);
	}
}

void crossing_add_octets(const struct needle *n, struct crossing *c, const char *octets, size_t most)
{
	size_t len = n->text.len;
	for (size_t j = 0; j < len; j++)
		for (size_t k = j; k < len && k - j < most && memchr(octets, n->text.ptr[k], strlen(octets)); k++) {
			if (j == 0 && k + 1 < len)
				c->ends |= UINT64_C(1) << (k + 1);
			else if (j > 0 && k + 1 == len)
				c->begins |= UINT64_C(1) << j;
			else if (j > 0)
				c->through[j] |= UINT64_C(1) << (k + 1);
		}
}

/* ---- times ---- */

/* Which octets (folded) a time can have at each place: of a day of one digit and one of two in each month, and any digit
 * for a digit. All texts of a form are of one length. */
struct layout {
	bool allowed[TIMETEXT_MAX][256];
	size_t len;
};

static void allow(struct layout *l, const uint8_t *text)
{
	for (size_t i = 0; i < l->len; i++)
		if (text[i] >= '0' && text[i] <= '9')
			memset(&l->allowed[i]['0'], true, 10);
		else
			l->allowed[i][text[i]] = true;
}

static bool make_layout(struct sift *s, const struct structure_piece *piece, struct layout *l)
{
	struct timetext form = {piece->form, 0};
	for (int64_t day = 4; day < 366; day += 13) { /* of 1970: 5 January, 18 January, ... */
		uint8_t text[TIMETEXT_MAX], folded[FOLD_ROOM(TIMETEXT_MAX)];
		size_t len = timetext_print(&s->g->times_printed, form, day * 86400 * NS_PER_S, text);
		if (len == 0 || (l->len != 0 && len != l->len))
			return false;
		l->len = fold(slice_of(text, len), folded);
		allow(l, folded);
	}
	return true;
}

/* Do octets [from, to) of the needle fit from place `at` of the layout on? */
static bool fits(const struct layout *l, const struct needle *n, size_t from, size_t to, size_t at)
{
	for (size_t i = from; i < to; i++, at++)
		if (!l->allowed[at][n->text.ptr[i]])
			return false;
	return true;
}

static void gather_time(const struct needle *n, struct crossing *c, const struct layout *l, bool *inside)
{
	size_t len = n->text.len;
	for (size_t at = 0; at + len <= l->len; at++)
		*inside |= fits(l, n, 0, len, at);
	for (size_t j = 1; j < len; j++) {
		if (j <= l->len && fits(l, n, 0, j, l->len - j))
			c->ends |= UINT64_C(1) << j;
		if (len - j <= l->len && fits(l, n, j, len, 0))
			c->begins |= UINT64_C(1) << j;
		if (len - j > l->len && fits(l, n, j, j + l->len, 0))
			c->through[j] |= UINT64_C(1) << (j + l->len);
	}
}

static int ask_time(struct asking *a, const struct structure_piece *piece)
{
	struct layout *layout = arena_zalloc(&a->s->arena, sizeof *layout);
	struct crossing *c = arena_zalloc(&a->s->arena, sizeof *c);
	if (!c || !layout || crossing_room(a, c) != 0)
		return -ERROR_MEMORY;
	a->times[piece->form] = c;
	if (make_layout(a->s, piece, layout)) {
		gather_time(&a->needle, c, layout, &a->inside_time[piece->form]);
	} else {
		a->inside_time[piece->form] = true;
		c->ends = c->begins = UINT64_MAX;
	}
	a->any_time |= a->inside_time[piece->form];
	return 0;
}

int word_ask_times(struct asking *a)
{
	const struct group *g = a->s->g;
	for (uint32_t i = 0; i < g->structure_count; i++)
		for (uint32_t k = 0; k < g->structures[i].piece_count; k++) {
			const struct structure_piece *piece = &g->structures[i].pieces[k];
			if (piece->from == PIECE_TIME && !a->times[piece->form] && ask_time(a, piece) != 0)
				return -ERROR_MEMORY;
		}
	return 0;
}

/* ---- from piece to piece ---- */

/* Over what is no literal; false when the needle could end in it. */
static bool go_over(const struct asking *a, const struct structure_piece *piece, places *set)
{
	const struct crossing *c = piece->from == PIECE_TIME ? a->times[piece->form] : &a->columns[piece->column];
	if (*set & c->begins)
		return false;
	places to = c->ends | (c->has_empty ? *set : 0);
	for (places from = *set; from;)
		to |= c->through[lowest(&from)];
	*set = to;
	return true;
}

bool word_may_cross(const struct asking *a, const struct sift_template *t)
{
	places set = 0, whole = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct sift_span *span = &a->texts->spans[t->first + i];
		struct slice text = slice_of(a->texts->folded + span->begin, span->end - span->begin);
		if (text.len > 0)
			set = go_through(&a->needle, text, set, &whole) | ends_of(&a->needle, text);
		if (whole != 0 || (span->behind && !go_over(a, span->behind, &set)))
			return true;
	}
	return false;
}
