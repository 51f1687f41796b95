/* A piece of a row's text that is not what it was last: put into the template or into a column, whole or cut at the
 * variables in it. What becomes of it are words in g->made.
 */
#include "store/group_writer.h"

/* ---- literals ---- */

static inline void put_word(struct group_writer *g, uint32_t word)
{
	*g->made_next++ = word;
}

static bool text_contexts_room(struct group_writer *g)
{
	if (g->texts.count <= g->text_contexts_room)
		return true;
	uint32_t room = g->text_contexts_room ? g->text_contexts_room * 2 : 1024;
	uint32_t *contexts = env_resize(g->env, g->text_contexts, room * sizeof *contexts);
	if (!contexts)
		return false;
	g->text_contexts = contexts;
	g->text_contexts_room = room;
	return true;
}

static uint32_t number_of_new_text(struct group_writer *g, struct slice text, uint32_t owner)
{
	bool is_new;
	uint32_t number = literals_number(&g->texts, text, owner, &is_new);
	if (!is_new || number == LITERALS_NONE)
		return number;
	if (!text_contexts_room(g))
		return LITERALS_NONE;
	g->text_contexts[number] = 0;
	words_add(&g->words, text);
	return number;
}

static inline uint32_t number_of_text(struct group_writer *g, struct slice text, uint32_t owner)
{
	uint32_t number = literals_look(&g->texts, text, owner);
	return number != LITERALS_NONE ? number : number_of_new_text(g, text, owner);
}

static int put_literal(struct group_writer *g, uint32_t number)
{
	if (number == LITERALS_NONE)
		return -ERROR_MEMORY;
	put_word(g, (number + 1) << 2 | WORD_LITERAL);
	return 0;
}

/* ---- values ---- */

/* The column of a name, made when first needed; 0 when there are too many, else + 1. */
static uint32_t column_for(struct group_writer *g, uint32_t *known, uint16_t number)
{
	if (*known || g->column_count == GROUP_COLUMNS_MAX - 16)
		return *known;
	struct column *column = &g->columns[g->column_count];
	if (g->column_count == g->columns_made) {
		values_init(&column->values, g->env);
		g->columns_made++;
	}
	column->number = number;
	*known = ++g->column_count;
	return *known;
}

static inline int put_value(struct group_writer *g, uint32_t column, struct slice text)
{
	put_word(g, (column - 1) << 2 | WORD_VALUE);
	return values_add(&g->columns[column - 1].values, text);
}

/* Text that no state knows: into the template when it is short, else into the common column. */
static int put_plain(struct group_writer *g, struct slice text)
{
	uint32_t column = 0;
	if (text.len > LITERAL_BYTES || g->literals_off)
		column = column_for(g, &g->anonymous, COLUMN_ANONYMOUS);
	if (column)
		return put_value(g, column, text);
	return put_literal(g, number_of_text(g, text, 0));
}

static bool is_inline(const struct name_state *state, uint32_t number)
{
	for (unsigned i = 0; i < state->inline_count; i++)
		if (state->inline_texts[i] == number)
			return true;
	return false;
}

/* A value of which few different ones were seen; *put: it stays in the template. */
static int put_inline(struct group_writer *g, struct name_state *state, struct slice text, bool *put)
{
	*put = false;
	if (state->inline_off || g->literals_off)
		return 0;
	uint32_t number = text.len <= INLINE_BYTES ? number_of_text(g, text, 0) : 0;
	if (number == LITERALS_NONE)
		return -ERROR_MEMORY;
	*put = text.len <= INLINE_BYTES && is_inline(state, number);
	if (*put)
		return put_literal(g, number);
	if (text.len > INLINE_BYTES || state->inline_count == INLINE_VALUES) {
		state->inline_off = true;
		g->epoch++;
		return 0;
	}
	*put = true;
	state->inline_texts[state->inline_count++] = number;
	return put_literal(g, number);
}

static int put_known(struct group_writer *g, struct name_state *state, uint16_t number, struct slice text)
{
	bool put;
	int result = put_inline(g, state, text, &put);
	if (result != 0 || put)
		return result;
	uint32_t column = column_for(g, &state->column, number);
	return column ? put_value(g, column, text) : put_plain(g, text);
}

/* ---- variables inside of text ---- */

#define V_PART 1u
#define V_DIGIT 2u

static const uint8_t VARIABLE[256] = {
	['0' ... '9'] = V_PART | V_DIGIT,
	['A' ... 'Z'] = V_PART,
	['a' ... 'z'] = V_PART,
	['_'] = V_PART,
	['.'] = V_PART,
	[':'] = V_PART,
	['-'] = V_PART,
};

/* The place of the first digit, or end. Eight octets at a time: with bit 7 out of the way no sum carries into the next
 * octet, and it is set exactly when the octet is at least '0' and not more than '9'. */
static const uint8_t *find_digit(const uint8_t *p, const uint8_t *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	for (; end - p >= 8; p += 8) {
		uint64_t octets = get_u64(p), low = octets & ~high;
		uint64_t found = (low + ones * (0x80 - '0')) & ~(low + ones * (0x80 - '9' - 1)) & ~octets & high;
		if (found)
			return p + __builtin_ctzll(found) / 8;
	}
	while (p < end && !(VARIABLE[*p] & V_DIGIT))
		p++;
	return p;
}

/* The next run of letters, digits and . : - that holds a digit, without . : - at its ends: numbers, addresses, names of
 * interfaces. It begins and ends where words do. */
static bool next_variable(struct slice text, size_t *from, size_t *to)
{
	size_t digit = (size_t)(find_digit(text.ptr + *from, text.ptr + text.len) - text.ptr);
	if (digit == text.len)
		return false;
	size_t begin = digit, end = digit + 1;
	while (begin > *from && VARIABLE[text.ptr[begin - 1]])
		begin--;
	while (end < text.len && VARIABLE[text.ptr[end]])
		end++;
	while (!words_octet(text.ptr[begin]))
		begin++;
	while (!words_octet(text.ptr[end - 1]))
		end--;
	*from = begin;
	*to = end;
	return true;
}

#define CONTEXT_NONE UINT32_MAX /* there are too many */

/* Variables after the same text are of one kind ("port ", "SRC="). -ERROR_MEMORY or 0. */
static int find_context(struct group_writer *g, uint32_t owner, struct slice before, uint32_t *out)
{
	uint8_t key[CONTEXT_BYTES + 4];
	size_t len = before.len > CONTEXT_BYTES ? CONTEXT_BYTES : before.len;
	*out = CONTEXT_NONE;
	if (g->contexts.count >= g->context_limit)
		return 0;
	memcpy(key, &owner, 4);
	memcpy(key + 4, before.ptr + before.len - len, len);
	*out = strings_intern(&g->contexts, slice_of(key, 4 + len), NULL);
	return *out == STRINGS_NONE ? -ERROR_MEMORY : 0;
}

static int put_variable(struct group_writer *g, uint32_t context, struct slice text)
{
	if (context != CONTEXT_NONE)
		return put_known(g, &g->context_states[context], COLUMN_ANONYMOUS, text);
	uint32_t column = column_for(g, &g->anonymous, COLUMN_ANONYMOUS);
	return column ? put_value(g, column, text) : put_plain(g, text);
}

/* The text up to a variable; *context: of what kind that is. */
static int put_before(struct group_writer *g, uint32_t owner, struct slice text, uint32_t *context)
{
	if (text.len > LITERAL_BYTES) {
		int result = put_plain(g, text);
		return result == 0 ? find_context(g, owner, text, context) : result;
	}
	uint32_t number = number_of_text(g, text, owner + 1);
	int result = number == LITERALS_NONE ? -ERROR_MEMORY : 0;
	if (result == 0 && text.len > 0)
		result = put_literal(g, number);
	if (result == 0 && g->text_contexts[number] == 0) {
		result = find_context(g, owner, text, context);
		g->text_contexts[number] = *context + 1;
		return result;
	}
	*context = result == 0 ? g->text_contexts[number] - 1 : 0;
	return result;
}

static inline void add_words_at(struct group_writer *g, const struct shape *s, uint32_t at, bool crossed)
{
	if (words_join(g->text.ptr[at - 1], g->text.ptr[at]))
		group_add_divided_words(g, s, at, crossed);
}

/* Beside a variable is no octet of a word, but there may be a character that folds into one. */
static void add_words_beside(struct group_writer *g, const struct shape *s, uint32_t from, uint32_t to, uint32_t begin,
							 uint32_t end)
{
	if (begin > from)
		add_words_at(g, s, begin, true);
	if (end < to)
		add_words_at(g, s, end, true);
}

static int put_split(struct group_writer *g, const struct shape *s, uint32_t owner, struct slice text)
{
	size_t done = 0, from = 0, to;
	uint32_t *head = g->made_next++, *limit = head + SPLIT_PIECES - 3;
	uint32_t at = (uint32_t)(text.ptr - g->text.ptr), context;
	int result = 0;
	while (result == 0 && g->made_next < limit && next_variable(text, &from, &to)) {
		add_words_beside(g, s, at, at + (uint32_t)text.len, at + (uint32_t)from, at + (uint32_t)to);
		result = put_before(g, owner, slice_of(text.ptr + done, from - done), &context);
		if (result == 0)
			result = put_variable(g, context, slice_of(text.ptr + from, to - from));
		done = from = to;
	}
	*head = WORD_SEVERAL;
	if (result != 0 || done == text.len)
		return result;
	g->made_next -= done == 0;
	return put_plain(g, slice_from(text, done));
}

/* ---- pieces ---- */

static bool is_prose(struct slice text)
{
	return text.len >= SPLIT_BYTES && memchr(text.ptr, ' ', text.len) != NULL;
}

static int put_text(struct group_writer *g, const struct shape *s, struct shape_piece *piece, struct slice text)
{
	bool split = g->context_limit > 0 && !g->literals_off;
	struct name_state *state = piece->owner == OWNER_NONE ? NULL : &g->name_states[piece->owner];
	if (split && (!state || is_prose(text)))
		return put_split(g, s, piece->owner, text);
	if (!state)
		return put_plain(g, text);
	if (!state->inline_off || !state->column)
		return put_known(g, state, (uint16_t)piece->owner, text);
	piece->column = state->column - 1;
	piece->column_below = piece->column_below > SPLIT_BYTES ? piece->column_below : SPLIT_BYTES;
	return put_value(g, state->column, text);
}

/* The one word that stands for all that were made; mostly what it was before. WORD_NONE: no memory. */
static uint32_t one_word(struct group_writer *g, uint32_t before)
{
	const uint32_t *made = g->made;
	if (made[0] != WORD_SEVERAL)
		return made[0];
	uint32_t varies = 0;
	for (const uint32_t *word = made + 1; word < g->made_next; word++)
		varies |= *word & WORD_VARIES;
	struct slice all = slice_of(made + 1, (size_t)(g->made_next - made - 1) * sizeof *made);
	if ((before & WORD_SEVERAL) && slice_equal(all, g->several.items[before >> 2]))
		return before;
	uint32_t number = strings_intern(&g->several, all, NULL);
	return number == STRINGS_NONE ? WORD_NONE : number << 2 | WORD_SEVERAL | varies;
}

/* What has no value in it will be known when it comes again. */
static void remember(const struct group_writer *g, struct shape_piece *piece, struct slice text, uint32_t word)
{
	piece->word = word;
	piece->epoch = g->epoch;
	piece->len = (uint32_t)text.len;
	if (text.len <= SHORT_MAX)
		piece->begin = shorts_load_ahead(text, &piece->end);
	else
		piece->begin = (uintptr_t)text.ptr;
}

static void add_time_words(struct group_writer *g, struct slice text)
{
	if (slice_equal(text, slice_of(g->last_time_text, g->last_time_len)))
		return;
	g->last_time_len = (uint32_t)text.len;
	memcpy(g->last_time_text, text.ptr, text.len);
	words_add(&g->words, text);
}

/* The piece is no more what it was. */
static void break_span(struct shape *s, uint32_t piece)
{
	s->pieces[piece].calm = 0;
	s->pieces[piece].changes++;
	if (s->pieces[piece].span_first)
		s->pieces[s->pieces[piece].span_first - 1].span = 0;
}

int group_put_other(struct group_writer *g, struct shape *s, uint32_t k, struct slice text)
{
	struct shape_piece *piece = &s->pieces[k];
	if (k + 1 == s->time_piece) {
		add_time_words(g, text);
		return 0;
	}
	g->made_next = g->made;
	break_span(s, k);
	int result = put_text(g, s, piece, text);
	if (result != 0)
		return result;
	uint32_t word = one_word(g, s->key[KEY_PIECES + k]);
	if (word == WORD_NONE)
		return -ERROR_MEMORY;
	group_set_word(g, s, k, word);
	if (!(word & WORD_VARIES))
		remember(g, piece, text, word);
	return 0;
}

/* The piece of a field that changed in most rows, if all of its text is in the template. */
static struct shape_piece *find_restless(const struct shape *s)
{
	struct shape_piece *most = NULL;
	for (uint32_t k = 0; k + 1 < s->bound_count; k++) {
		struct shape_piece *piece = &s->pieces[k];
		bool is_text = !(s->key[KEY_PIECES + k] & WORD_VARIES) && piece->owner != OWNER_NONE;
		if (is_text && piece->changes > (most ? most->changes : 0))
			most = piece;
	}
	return most;
}

/* Few values each in several fields make many templates: one row each, in the end. One of the fields less makes far
 * fewer. In small groups a column costs more than that. */
void group_spare_templates(struct group_writer *g, struct shape *s)
{
	if (++s->templates <= SHAPE_TEMPLATES || g->context_limit == 0)
		return;
	if (s->templates * ROWS_PER_TEMPLATE > s->rows - s->templates_from) {
		struct shape_piece *piece = find_restless(s);
		uint32_t column = piece ? column_for(g, &g->name_states[piece->owner].column, (uint16_t)piece->owner) : 0;
		if (column) {
			break_span(s, (uint32_t)(piece - s->pieces));
			piece->column = column - 1;
			piece->column_below = UINT32_MAX;
		}
	}
	s->templates = 0;
	s->templates_from = s->rows;
}
