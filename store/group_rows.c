/* The text of a row: cut at the ends of its fields, each piece put into the template or into a column. */
#include "store/group_writer.h"

/* ---- words ---- */

static inline void add_words_at(struct group_writer *g, const struct shape *s, uint32_t at, bool crossed)
{
	if (words_join(g->text.ptr[at - 1], g->text.ptr[at]))
		group_add_divided_words(g, s, at, crossed);
}

static void add_time_words(struct group_writer *g, struct slice text)
{
	if (slice_equal(text, slice_of(g->last_time_text, g->last_time_len)))
		return;
	g->last_time_len = (uint32_t)text.len;
	memcpy(g->last_time_text, text.ptr, text.len);
	words_add(&g->words, text);
}

/* ---- literals ---- */

static inline void put_word(struct group_writer *g, uint32_t word)
{
	*g->key_next++ = word;
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

/* ---- what a piece was last ---- */

static inline bool is_remembered(const struct group_writer *g, const struct shape_piece *piece, struct slice text)
{
	if (piece->len != text.len || piece->epoch != g->epoch)
		return false;
	if (text.len > SHORT_MAX)
		return memcmp((const void *)(uintptr_t)piece->begin, text.ptr, text.len) == 0;
	uint64_t end;
	return shorts_load_ahead(text, &end) == piece->begin && end == piece->end;
}

/* The words from `words` on are the piece's: kept when they are few and none of them is a value. */
static void remember(const struct group_writer *g, struct shape_piece *piece, struct slice text, const uint32_t *words)
{
	uint32_t count = (uint32_t)(g->key_next - words);
	if (count > PIECE_WORDS || g->varies[g->piece])
		return;
	memcpy(piece->words, words, count * sizeof *words);
	piece->word_count = (uint8_t)count;
	piece->epoch = g->epoch;
	piece->len = (uint32_t)text.len;
	if (text.len <= SHORT_MAX)
		piece->begin = shorts_load_ahead(text, &piece->end);
	else
		piece->begin = (uintptr_t)text.ptr;
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
	g->varies[g->piece] = true;
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
	uint32_t *head = g->key_next++, *limit = head + SPLIT_PIECES - 3;
	uint32_t at = (uint32_t)(text.ptr - g->text.ptr), context;
	int result = 0;
	while (result == 0 && g->key_next < limit && next_variable(text, &from, &to)) {
		add_words_beside(g, s, at, at + (uint32_t)text.len, at + (uint32_t)from, at + (uint32_t)to);
		result = put_before(g, owner, slice_of(text.ptr + done, from - done), &context);
		if (result == 0)
			result = put_variable(g, context, slice_of(text.ptr + from, to - from));
		done = from = to;
	}
	if (result != 0 || done == text.len) {
		*head = (uint32_t)(g->key_next - head - 1) << 2 | WORD_SEVERAL;
		return result;
	}
	g->key_next -= done == 0;
	if (done > 0)
		*head = (uint32_t)(g->key_next - head) << 2 | WORD_SEVERAL;
	return put_plain(g, slice_from(text, done));
}

/* ---- pieces ---- */

static bool is_prose(struct slice text)
{
	return text.len >= SPLIT_BYTES && memchr(text.ptr, ' ', text.len) != NULL;
}

/* A piece that was something else last. */
static int put_other(struct group_writer *g, const struct shape *s, struct shape_piece *piece, struct slice text)
{
	bool split = g->context_limit > 0 && !g->literals_off;
	struct name_state *state = piece->owner == OWNER_NONE ? NULL : &g->name_states[piece->owner];
	uint32_t *words = g->key_next;
	int result;
	if (split && (!state || is_prose(text)))
		result = put_split(g, s, piece->owner, text);
	else if (!state)
		result = put_plain(g, text);
	else if (state->inline_off && state->column)
		return put_value(g, state->column, text);
	else
		result = put_known(g, state, (uint16_t)piece->owner, text);
	if (result == 0)
		remember(g, piece, text, words);
	return result;
}

static inline int put_piece(struct group_writer *g, const struct shape *s, struct shape_piece *piece, struct slice text)
{
	if (!is_remembered(g, piece, text))
		return put_other(g, s, piece, text);
	put_word(g, piece->words[0]);
	for (uint32_t i = 1; i < piece->word_count; i++)
		put_word(g, piece->words[i]);
	return 0;
}

static int put_pieces(struct group_writer *g, const struct shape *s)
{
	const uint32_t piece_count = s->bound_count - 1, time_piece = s->time_piece - 1, *bounds = g->bounds;
	const uint8_t *start = g->text.ptr;
	g->key_next = g->key;
	g->joined_count = 0;
	memset(g->varies, 0, piece_count);
	put_word(g, s->number);
	for (uint32_t k = 0; k < piece_count; k++) {
		const uint8_t *p = start + bounds[k];
		struct slice text = slice_of(p, bounds[k + 1] - bounds[k]);
		if (k > 0 && words_join(p[-1], p[0]) && !group_is_end(g, s, k))
			g->joined[g->joined_count++] = (uint16_t)k;
		if (k == time_piece) {
			g->varies[k] = true;
			add_time_words(g, text);
			continue;
		}
		g->piece = k;
		int result = put_piece(g, s, &s->pieces[k], text);
		if (result != 0)
			return result;
	}
	memcpy(g->key_next, g->smalls, g->small_count * sizeof *g->smalls);
	g->key_next += g->small_count;
	return 0;
}

/* A field that is not a short slice: sets its ends. */
static void gather_other(struct group_writer *g, const struct batch *batch, const struct batch_row *row, uint32_t i)
{
	struct batch_value value;
	uint32_t *ends = g->ends + END_FIELDS + 2 * i;
	ends[0] = ends[1] = 0;
	if (g->fields[i] >> 16 == VALUE_SMALL)
		g->smalls[g->small_count++] = (uint32_t)(batch_value_octets(batch, row, row->field_first + i) >> 32);
	if (!field_has_text(g->fields[i]))
		return;
	batch_get_value(batch, row, row->field_first + i, &value);
	ends[0] = (uint32_t)(value.text.ptr - row->text.ptr);
	ends[1] = ends[0] + (uint32_t)value.text.len;
}

static struct shape_map map_shape(const struct group_writer *g, const uint8_t *fields, uint32_t count, uint32_t *out)
{
	struct shape_map m = {.hash = g->key_factor, .is_short = true};
	for (uint32_t i = 0; i < count; i++) {
		uint32_t field = get_u32(fields + (size_t)i * 4);
		m.is_short &= batch_octets_short(field);
		out[i] = g->name_map[field & 0xffff] | (field & 0xff0000);
		m.hash = (m.hash ^ out[i]) * g->key_factor;
	}
	m.hash ^= m.hash >> 32;
	return m;
}

bool group_map_shapes(struct group_writer *g, const struct batch *batch)
{
	uint32_t total = batch_shape_fields(batch), at = 0;
	buffer_reset(&g->shape_maps);
	buffer_reset(&g->shape_fields);
	struct shape_map *maps = (void *)buffer_room(&g->shape_maps, (batch->shape_count + 1) * sizeof *maps);
	uint32_t *fields = (void *)buffer_room(&g->shape_fields, ((size_t)total + 1) * sizeof *fields);
	for (uint32_t i = 0; maps && fields && i < batch->shape_count; i++) {
		uint32_t count;
		const uint8_t *from = batch_shape(batch, (uint16_t)i, &count);
		maps[i] = map_shape(g, from, count, fields + at);
		maps[i].first = at;
		at += count;
	}
	return maps && fields;
}

/* Ends of the row's fields. Returns the hash of the fields. */
static uint64_t gather(struct group_writer *g, const struct batch *batch, const struct batch_row *row)
{
	const struct shape_map *map = (const struct shape_map *)(const void *)g->shape_maps.ptr + row->shape;
	const uint8_t *places = batch->places + (size_t)row->field_first * 4;
	uint32_t *ends = g->ends + END_FIELDS;
	g->fields = (const uint32_t *)(const void *)g->shape_fields.ptr + map->first;
	for (uint32_t i = 0; i < row->field_count; i++) {
		uint32_t place = get_u32(places + (size_t)i * 4);
		ends[2 * i] = place & 0xffff;
		ends[2 * i + 1] = (place & 0xffff) + (place >> 16);
	}
	for (uint32_t i = 0; !map->is_short && i < row->field_count; i++)
		if (!batch_octets_short(get_u32(row->shape_fields + (size_t)i * 4)))
			gather_other(g, batch, row, i);
	return map->hash ^ ((row->quality & TIME_PRESENT) ? g->key_factor : 0);
}

static void begin_row(struct group_writer *g, const struct batch_row *row)
{
	CHECK(row->field_count <= ROW_FIELDS_MAX);
	g->has_time = row->quality & TIME_PRESENT;
	g->time_ns = row->time_ns;
	g->text = row->text;
	g->original_len = (uint32_t)row->original.len;
	g->field_count = row->field_count;
	g->small_count = 0;
	g->ends[END_ZERO] = 0;
	g->ends[END_ORIGINAL] = g->original_len;
	g->ends[END_TEXT] = (uint32_t)row->text.len;
}

/* The first row of its template: words that all others share, and whether there are templates enough now. */
static void add_new(struct group_writer *g, const struct shape *s)
{
	for (uint32_t i = 0; i < g->joined_count; i++)
		group_add_divided_words(g, s, g->bounds[g->joined[i]], s->pieces[g->joined[i]].crossed);
	if (g->literals_off || g->templates.count <= TEMPLATES_FREE || g->templates.count <= g->row_count / 2)
		return;
	/* What pieces were until now they are no more. */
	g->literals_off = true;
	group_forget_shapes(g);
}

int group_add_text(struct group_writer *g, const struct batch *batch, const struct batch_row *row, uint32_t *code)
{
	begin_row(g, row);
	const struct shape *shape = group_find_shape(g, gather(g, batch, row));
	if (!shape)
		return -ERROR_MEMORY;
	int result = put_pieces(g, shape);
	if (result != 0)
		return result;
	if (g->joined_count > 0)
		group_add_joined_words(g, shape);
	if (row->charset == CHARSET_GB18030 || row->charset == CHARSET_BIG5)
		words_add_multibyte(&g->words, row->original);
	result = group_find_template(g, shape, code);
	if (result == 0 && g->is_new)
		add_new(g, shape);
	return result;
}
