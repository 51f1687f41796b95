/* The text of a row: cut at the ends of its fields, each piece put into the template or into a column. */
#include "store/group_writer.h"

#include "store/hash.h"

#include <stdio.h>

#define OWNER_NONE UINT32_MAX

/* ---- where the fields end ---- */

static uint32_t *bounds_of(struct group_writer *g)
{
	return (uint32_t *)(void *)g->bounds.ptr;
}

static struct place *places_of(struct group_writer *g)
{
	return (struct place *)(void *)g->places.ptr;
}

/* Into the sorted bounds, unless it is there. */
static void add_bound(struct group_writer *g, uint32_t at)
{
	uint32_t *bounds = bounds_of(g), i = g->bound_count;
	while (i > 0 && bounds[i - 1] > at)
		i--;
	if (i > 0 && bounds[i - 1] == at)
		return;
	memmove(bounds + i + 1, bounds + i, (g->bound_count - i) * sizeof *bounds);
	bounds[i] = at;
	g->bound_count++;
}

/* Texts that are not long have a bit for each place: fields come in any order, the bits are read in the text's. */
static void read_bound_bits(struct group_writer *g)
{
	uint32_t *bounds = bounds_of(g), n = 0;
	for (uint32_t word = 0; word <= g->text.len / 64; word++)
		for (uint64_t bits = g->bound_bits[word]; bits; bits &= bits - 1)
			bounds[n++] = word * 64 + (uint32_t)__builtin_ctzll(bits);
	g->bound_count = n;
}

static void mark_bound(struct group_writer *g, uint32_t at)
{
	if (g->text.len < BOUND_AT)
		g->bound_bits[at / 64] |= UINT64_C(1) << at % 64;
	else
		add_bound(g, at);
}

/* Does a cut at this place divide a word? Between original and derived text there is none. */
static bool divides_word(const struct group_writer *g, uint32_t at)
{
	return at > 0 && at < g->text.len && at != g->original_len && words_join(g->text.ptr[at - 1], g->text.ptr[at]);
}

static uint32_t find_bound(struct group_writer *g, uint32_t at)
{
	const uint32_t *bounds = bounds_of(g);
	if (g->text.len < BOUND_AT)
		return g->bound_at[at];
	uint32_t low = 0, high = g->bound_count;
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;
		if (bounds[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	CHECK(bounds[low] == at);
	return low;
}

static bool has_text(const struct place *place)
{
	return place->type != VALUE_NULL && place->type != VALUE_SMALL;
}

static bool room_for_row(struct group_writer *g, uint32_t fields, size_t text_len)
{
	if (g->has_room && fields <= g->room_fields && text_len <= g->room_text) {
		g->key_next = (uint32_t *)(void *)g->key.ptr;
		g->literal_next = g->literals.ptr + sizeof(uint32_t);
		return true;
	}
	g->room_fields = fields = fields > g->room_fields ? fields : g->room_fields;
	g->room_text = text_len = text_len > g->room_text ? text_len : g->room_text;
	buffer_reset(&g->places);
	buffer_reset(&g->bounds);
	buffer_reset(&g->owners);
	size_t bounds = 2 * (size_t)fields + 8;
	buffer_reset(&g->piece_at);
	buffer_reset(&g->key);
	buffer_reset(&g->literals);
	/* Every piece may be split; a structure has a word a piece and three a field. */
	size_t pieces = bounds + text_len / 2 + 1;
	pieces = pieces < bounds * SPLIT_PIECES ? pieces : bounds * SPLIT_PIECES;
	g->key_next = (uint32_t *)(void *)buffer_room(&g->key, (4 + pieces + 3 * (size_t)fields) * sizeof(uint32_t));
	g->literal_next = buffer_room(&g->literals, 8 + text_len + 5 * pieces + 5 * (size_t)fields);
	g->has_room =
		g->key_next && g->literal_next && buffer_room(&g->places, ((size_t)fields + 1) * sizeof(struct place)) &&
		buffer_room(&g->bounds, bounds * sizeof(uint32_t)) && buffer_room(&g->owners, bounds * sizeof(uint32_t)) &&
		buffer_room(&g->piece_at, bounds * sizeof(uint32_t));
	if (g->has_room)
		g->literal_next += sizeof(uint32_t);
	return g->has_room;
}

static void gather_field(struct group_writer *g, const struct batch_row *row, const struct batch_value *value,
						 struct place *place)
{
	*place = (struct place){.name = g->name_map[value->name], .type = value->type, .small = value->small};
	if (!has_text(place))
		return;
	place->from = (uint32_t)(value->text.ptr - row->text.ptr);
	place->to = place->from + (uint32_t)value->text.len;
	g->words_cut |= divides_word(g, place->from) || divides_word(g, place->to) ||
					(place->from < g->original_len && g->original_len < place->to);
	mark_bound(g, place->from);
	mark_bound(g, place->to);
}

static void gather(struct group_writer *g, const struct batch *batch, const struct batch_row *row)
{
	struct place *places = places_of(g);
	g->place_count = row->field_count;
	g->bound_count = 0;
	g->words_cut = false;
	if (g->text.len < BOUND_AT)
		memset(g->bound_bits, 0, (g->text.len / 64 + 1) * sizeof *g->bound_bits);
	mark_bound(g, 0);
	mark_bound(g, (uint32_t)row->original.len);
	mark_bound(g, (uint32_t)row->text.len);
	for (uint32_t i = 0; i < row->field_count; i++) {
		struct batch_value value;
		batch_get_value(batch, row, row->field_first + i, &value);
		gather_field(g, row, &value, &places[i]);
	}
	if (g->text.len < BOUND_AT)
		read_bound_bits(g);
}

/* ---- the time of the header ---- */

/* A piece that no field is, or that a time field is: where in it a time may begin. */
static bool time_at(struct group_writer *g, uint32_t from, uint32_t to, int64_t time_ns)
{
	for (uint32_t at = from; at < from + 8 && at + 15 <= to; at++) {
		uint8_t c = g->text.ptr[at];
		if (!((c >= '0' && c <= '3') || (c >= 'A' && c <= 'S')) || (at > from && words_octet(g->text.ptr[at - 1])))
			continue;
		struct slice text = slice_of(g->text.ptr + at, to - at);
		size_t len = timetext_find(&g->times_printed, text, time_ns, &g->time_form);
		if (len == 0)
			continue;
		add_bound(g, at);
		add_bound(g, at + (uint32_t)len);
		g->time_piece = at + 1;
		return true;
	}
	return false;
}

static bool may_be_time(struct group_writer *g, uint32_t from, uint32_t to)
{
	const struct place *places = places_of(g);
	for (uint32_t i = 0; i < g->place_count; i++)
		if (has_text(&places[i]) && places[i].from == from && places[i].to == to)
			return places[i].type == VALUE_TIME;
	return true;
}

static void find_time(struct group_writer *g, const struct batch_row *row)
{
	g->time_piece = 0;
	if (!(row->quality & TIME_PRESENT))
		return;
	const uint32_t *bounds = bounds_of(g);
	uint32_t tried = 0;
	for (uint32_t k = 0; k + 1 < g->bound_count && tried < 4 && bounds[k + 1] <= g->original_len; k++) {
		if (bounds[k + 1] - bounds[k] < 15 || !may_be_time(g, bounds[k], bounds[k + 1]))
			continue;
		tried++;
		if (time_at(g, bounds[k], bounds[k + 1], row->time_ns))
			return;
	}
}

/* ---- words ---- */

/* A piece's words are added with the piece. What is missing are the words that a cut divides: of the whole text, and of
 * each field that goes over the cut. */
static void add_divided_words(struct group_writer *g, uint32_t at)
{
	const struct place *places = places_of(g);
	struct slice original = slice_of(g->text.ptr, g->original_len);
	if (at < g->original_len)
		words_add_around(&g->words, original, at);
	else if (at > g->original_len)
		words_add_around(&g->words, slice_from(g->text, g->original_len), at - g->original_len);
	for (uint32_t i = 0; i < g->place_count; i++) {
		const struct place *place = &places[i];
		struct slice field = slice_of(g->text.ptr + place->from, place->to - place->from);
		if (has_text(place) && place->from < at && at < place->to)
			words_add_around(&g->words, field, at - place->from);
	}
}

static void add_all_divided_words(struct group_writer *g)
{
	const uint32_t *bounds = bounds_of(g);
	for (uint32_t k = 1; k + 1 < g->bound_count; k++)
		if (words_join(g->text.ptr[bounds[k] - 1], g->text.ptr[bounds[k]]))
			add_divided_words(g, bounds[k]);
}

/* The time's text with what touches it ("...15Z"). */
static void add_time_words(struct group_writer *g, uint32_t from, uint32_t to)
{
	while (from > 0 && words_join(g->text.ptr[from - 1], g->text.ptr[from]))
		from--;
	while (to < g->original_len && words_join(g->text.ptr[to - 1], g->text.ptr[to]))
		to++;
	struct slice text = slice_of(g->text.ptr + from, to - from);
	if (slice_equal(text, slice_of(g->last_time_text, g->last_time_len)))
		return;
	g->last_time_len = text.len <= sizeof g->last_time_text ? (uint32_t)text.len : 0;
	memcpy(g->last_time_text, text.ptr, g->last_time_len);
	words_add(&g->words, text);
}

static void add_template_words(struct group_writer *g, struct slice literals)
{
	struct reader r = reader_of(literals);
	uint32_t left = g->literal_count;
	while (left-- > 0) {
		size_t len = (size_t)reader_varint(&r);
		words_add(&g->words, reader_slice(&r, len));
	}
	while (reader_left(&r) > 0) {
		char digits[24];
		int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)reader_varint(&r));
		words_add(&g->words, slice_of(digits, (size_t)len));
	}
}

/* ---- pieces ---- */

static bool add_inline(struct name_state *state, struct slice value)
{
	if (state->inline_off || value.len > INLINE_BYTES) {
		state->inline_off = true;
		return false;
	}
	uint64_t hash = hash_format(value.ptr, value.len);
	for (unsigned i = 0; i < state->inline_count; i++)
		if (state->inline_hashes[i] == hash)
			return true;
	if (state->inline_count == INLINE_VALUES) {
		state->inline_off = true;
		return false;
	}
	state->inline_hashes[state->inline_count++] = hash;
	return true;
}

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

static inline void put_key(struct group_writer *g, uint32_t word)
{
	*g->key_next++ = word;
	g->key_hash = (g->key_hash ^ word) * g->key_factor;
}

static void put_varint(struct group_writer *g, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		*g->literal_next++ = (uint8_t)(v | 0x80);
	*g->literal_next++ = (uint8_t)v;
}

static void put_literal(struct group_writer *g, struct slice text)
{
	put_key(g, PIECE_LITERAL);
	put_varint(g, (uint32_t)text.len);
	memcpy(g->literal_next, text.ptr, text.len);
	g->literal_next += text.len;
	g->literal_count++;
	g->piece_count++;
}

static int put_value(struct group_writer *g, uint32_t column, struct slice text)
{
	bool is_new;
	put_key(g, PIECE_VALUE | (column - 1) << 8);
	g->piece_count++;
	int result = values_add(&g->columns[column - 1].values, text, &is_new);
	if (result == 0 && is_new)
		words_add(&g->words, text);
	return result;
}

/* Text that no state knows: into the template when it is short, else into the common column. */
static int put_plain(struct group_writer *g, struct slice text)
{
	uint32_t column = 0;
	if (text.len > LITERAL_BYTES || g->literals_off)
		column = column_for(g, &g->anonymous, COLUMN_ANONYMOUS);
	if (column)
		return put_value(g, column, text);
	put_literal(g, text);
	return 0;
}

static int put_known(struct group_writer *g, struct name_state *state, uint16_t number, struct slice text)
{
	uint32_t column = 0;
	if (g->literals_off || !add_inline(state, text))
		column = column_for(g, &state->column, number);
	if (column)
		return put_value(g, column, text);
	return put_plain(g, text);
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

/* The next run of letters, digits and . : - that holds a digit, without . : - at its ends: numbers, addresses, names of
 * interfaces. It begins and ends where words do. */
static bool next_variable(struct slice text, size_t *from, size_t *to)
{
	size_t digit = *from;
	while (digit < text.len && !(VARIABLE[text.ptr[digit]] & V_DIGIT))
		digit++;
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

/* Variables after the same text are of one kind ("port ", "SRC="). */
static int put_variable(struct group_writer *g, uint32_t owner, struct slice text, size_t before, size_t from,
						size_t to)
{
	uint8_t key[CONTEXT_BYTES + 4];
	size_t begin = from - before > CONTEXT_BYTES ? from - CONTEXT_BYTES : before;
	memcpy(key, &owner, 4);
	memcpy(key + 4, text.ptr + begin, from - begin);
	struct slice value = slice_of(text.ptr + from, to - from);
	if (g->contexts.count >= g->context_limit) {
		uint32_t column = column_for(g, &g->anonymous, COLUMN_ANONYMOUS);
		return column ? put_value(g, column, value) : put_plain(g, value);
	}
	uint32_t context = strings_intern(&g->contexts, slice_of(key, 4 + from - begin), NULL);
	if (context == STRINGS_NONE)
		return -ERROR_MEMORY;
	return put_known(g, &g->context_states[context], COLUMN_ANONYMOUS, value);
}

static int put_split(struct group_writer *g, uint32_t owner, struct slice text)
{
	size_t done = 0, from = 0, to;
	uint32_t limit = g->piece_count + SPLIT_PIECES - 4;
	uint32_t at = (uint32_t)(text.ptr - g->text.ptr);
	int result = 0;
	while (result == 0 && g->piece_count < limit && next_variable(text, &from, &to)) {
		/* Beside it is no octet of a word, but there may be a character that folds into one. */
		if (from > 0 && words_join(text.ptr[from - 1], text.ptr[from]))
			add_divided_words(g, at + (uint32_t)from);
		if (to < text.len && words_join(text.ptr[to - 1], text.ptr[to]))
			add_divided_words(g, at + (uint32_t)to);
		if (from > done)
			result = put_plain(g, slice_of(text.ptr + done, from - done));
		if (result == 0)
			result = put_variable(g, owner, text, done, from, to);
		done = from = to;
	}
	if (result == 0 && done < text.len)
		result = put_plain(g, slice_from(text, done));
	return result;
}

static void put_time(struct group_writer *g, uint32_t from, uint32_t to)
{
	put_key(g, PIECE_TIME | (uint32_t)g->time_form.form << 8 | (uint32_t)(uint8_t)g->time_form.quarters << 16);
	g->piece_count++;
	add_time_words(g, from, to);
}

static bool is_prose(struct slice text)
{
	return text.len >= SPLIT_BYTES && memchr(text.ptr, ' ', text.len) != NULL;
}

static int put_piece(struct group_writer *g, uint32_t owner, uint32_t from, uint32_t to)
{
	struct slice text = slice_of(g->text.ptr + from, to - from);
	bool split = g->context_limit > 0 && !g->literals_off;
	if (g->time_piece == from + 1) {
		put_time(g, from, to);
		return 0;
	}
	if (owner == OWNER_NONE)
		return split ? put_split(g, OWNER_NONE, text) : put_plain(g, text);
	if (split && is_prose(text))
		return put_split(g, owner, text);
	return put_known(g, &g->name_states[owner], (uint16_t)owner, text);
}

/* ---- structure and template ---- */

/* Which field is exactly this piece: the first one. */
static void find_owners(struct group_writer *g)
{
	uint32_t *owners = (uint32_t *)(void *)g->owners.ptr;
	struct place *places = places_of(g);
	for (uint32_t i = 0; i < g->bound_count; i++)
		owners[i] = OWNER_NONE;
	for (uint32_t i = 0; i < g->bound_count && g->text.len < BOUND_AT; i++)
		g->bound_at[bounds_of(g)[i]] = (uint16_t)i;
	for (uint32_t i = 0; i < g->place_count; i++) {
		if (!has_text(&places[i]))
			continue;
		places[i].first = find_bound(g, places[i].from);
		places[i].last = places[i].first;
		if (places[i].from == places[i].to)
			continue;
		bool one = bounds_of(g)[places[i].first + 1] == places[i].to;
		places[i].last = one ? places[i].first + 1 : find_bound(g, places[i].to);
		if (one && owners[places[i].first] == OWNER_NONE)
			owners[places[i].first] = places[i].name;
	}
}

/* The structure begins with the numbers of pieces, which are known at the end. */
static int put_pieces(struct group_writer *g)
{
	const uint32_t *bounds = bounds_of(g), *owners = (const uint32_t *)(const void *)g->owners.ptr;
	uint32_t *piece_at = (uint32_t *)(void *)g->piece_at.ptr;
	g->key_next += 2;
	g->key_hash = g->key_factor;
	g->piece_count = g->literal_count = 0;
	for (uint32_t k = 0; k + 1 < g->bound_count; k++) {
		piece_at[k] = g->piece_count;
		int result = put_piece(g, owners[k], bounds[k], bounds[k + 1]);
		if (result != 0)
			return result;
	}
	piece_at[g->bound_count - 1] = g->piece_count;
	uint32_t *key = (uint32_t *)(void *)g->key.ptr;
	key[0] = g->piece_count;
	key[1] = piece_at[find_bound(g, g->original_len)];
	return 0;
}

static void put_fields(struct group_writer *g)
{
	const struct place *places = places_of(g);
	const uint32_t *piece_at = (const uint32_t *)(const void *)g->piece_at.ptr;
	put_key(g, g->place_count);
	for (uint32_t i = 0; i < g->place_count; i++) {
		put_key(g, places[i].name | (uint32_t)places[i].type << 16);
		if (places[i].type == VALUE_SMALL)
			put_varint(g, places[i].small);
		if (!has_text(&places[i]))
			continue;
		put_key(g, piece_at[places[i].first]);
		put_key(g, piece_at[places[i].last] - piece_at[places[i].first]);
	}
}

static void new_template(struct group_writer *g, struct slice literals)
{
	add_template_words(g, literals);
	g->literals_off = g->templates.count > TEMPLATES_FREE && g->templates.count > g->row_count / 2;
}

/* Structures are few and stay in the cache; a template is then known by the structure's number and its literals, which
 * were left room for in front. */
static int find_template(struct group_writer *g, uint32_t *code)
{
	struct slice structure = slice_of(g->key.ptr, (size_t)((uint8_t *)g->key_next - g->key.ptr));
	struct slice key = slice_of(g->literals.ptr, (size_t)(g->literal_next - g->literals.ptr));
	uint64_t hash = g->key_hash ^ g->key_hash >> 32;
	uint32_t number = strings_intern_hashed(&g->structures, structure, (uint32_t)(hash * g->key_factor >> 32), NULL);
	if (number == STRINGS_NONE)
		return -ERROR_MEMORY;
	memcpy(g->literals.ptr, &number, sizeof number);
	bool is_new;
	*code = strings_intern(&g->templates, key, &is_new);
	if (*code == STRINGS_NONE)
		return -ERROR_MEMORY;
	if (is_new)
		new_template(g, slice_from(key, sizeof number));
	return 0;
}

int group_add_text(struct group_writer *g, const struct batch *batch, const struct batch_row *row, uint32_t *code)
{
	if (!room_for_row(g, row->field_count, row->text.len))
		return -ERROR_MEMORY;
	g->text = row->text;
	g->original_len = (uint32_t)row->original.len;
	gather(g, batch, row);
	find_time(g, row);
	find_owners(g);
	int result = put_pieces(g);
	if (result != 0)
		return result;
	put_fields(g);
	if (g->words_cut)
		add_all_divided_words(g);
	if (row->charset == CHARSET_GB18030 || row->charset == CHARSET_BIG5)
		words_add_multibyte(&g->words, row->original);
	return find_template(g, code);
}
