#include "rules/candidates.h"

#include "common/text.h"

/* A text made of one key over and over must not cost more than trying everything: past this many comparisons in a row
 * every rule is a candidate. */
#define COMPARED_MAX 16384u

int candidates_init(struct candidates *c, const struct env *env, uint32_t rules)
{
	*c = (struct candidates){.words = (rules + 63) / 64};
	buffer_init(&c->folded, env);
	c->bits = env_zalloc(env, (c->words + 1) * sizeof *c->bits);
	c->touched = env_zalloc(env, (c->words / 64 + 1) * sizeof *c->touched);
	return c->bits && c->touched ? 0 : -ERROR_MEMORY;
}

void candidates_free(struct candidates *c, const struct env *env)
{
	if (!c->folded.env)
		return;
	buffer_free(&c->folded);
	env_free(env, c->bits);
	env_free(env, c->touched);
}

void candidates_clear(struct candidates *c)
{
	for (uint32_t t = 0; c->some && t <= c->words / 64; t++) {
		for (uint64_t left = c->touched[t]; left; left &= left - 1)
			c->bits[t * 64 + (uint32_t)__builtin_ctzll(left)] = 0;
		c->touched[t] = 0;
	}
	c->some = false;
	c->compared = 0;
}

/* The first word at or behind `from` that may be other than zero, or `words`. */
static uint32_t next_touched(const struct candidates *c, uint32_t from)
{
	for (uint32_t t = from / 64; t <= c->words / 64; t++) {
		uint64_t left = c->touched[t] & (t == from / 64 ? UINT64_MAX << (from % 64) : UINT64_MAX);
		if (left)
			return t * 64 + (uint32_t)__builtin_ctzll(left);
	}
	return c->words;
}

uint32_t candidates_next(const struct candidates *c, uint32_t from)
{
	uint64_t mask = UINT64_MAX << (from % 64);
	for (uint32_t w = next_touched(c, from / 64); w < c->words; w = next_touched(c, w + 1)) {
		uint64_t left = c->bits[w] & (w == from / 64 ? mask : UINT64_MAX);
		if (left)
			return w * 64 + (uint32_t)__builtin_ctzll(left);
	}
	return CANDIDATES_END;
}

static void add_one(struct candidates *c, uint32_t rule)
{
	uint32_t word = rule / 64;
	c->bits[word] |= UINT64_C(1) << (rule % 64);
	c->touched[word / 64] |= UINT64_C(1) << (word % 64);
	c->some = true;
}

void candidates_touch(struct candidates *c, uint32_t first, uint32_t count)
{
	for (uint32_t word = first / 64; count && word <= (first + count - 1) / 64; word++)
		c->touched[word / 64] |= UINT64_C(1) << (word % 64);
	c->some |= count > 0;
}

void candidates_add(struct candidates *c, const uint32_t *rules, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		add_one(c, rules[i]);
}

/* ---- literals inside a text ---- */

/* What is being searched: a folded text of one field. */
struct search {
	struct candidates *c;
	const struct route *route;
	uint32_t field;
	struct slice text;
};

/* The key of a kind stands at `at`: those whose whole literal stands around it are candidates. */
static void key_found(const struct search *s, enum witness_kind kind, uint32_t key, size_t at)
{
	const struct route_slot *slot = route_find(&s->route->literals, s->field, kind, key);
	for (uint32_t i = 0; slot && i < slot->count; i++) {
		const struct route_needle *n = &s->route->needles[slot->first + i];
		if (n->at <= at && n->len <= s->text.len - (at - n->at) &&
			memcmp(s->text.ptr + at - n->at, n->ptr, n->len) == 0)
			add_one(s->c, n->rule);
	}
	if (!slot || s->c->compared > COMPARED_MAX)
		return;
	s->c->compared += slot->count;
	if (s->c->compared > COMPARED_MAX)
		candidates_add(s->c, s->route->all, s->route->all_count);
}

/* How a kind reads its keys. */
struct search_kind {
	enum witness_kind kind;
	uint32_t width, mask;
};

static inline __attribute__((always_inline)) void key_at(const struct search *s, const struct route_filter *f,
														 struct search_kind k, uint32_t key, size_t at)
{
	if (f->octets[route_key_place(key & k.mask, f->shift)])
		key_found(s, k.kind, key & k.mask, at);
}

/* Four keys at a time: nearly always the filter has none of them. */
static inline __attribute__((always_inline)) void search(const struct search *s, const struct route_filter *f,
														 struct search_kind k)
{
	const uint8_t *p = s->text.ptr, *octets = f->octets;
	uint32_t shift = f->shift;
	size_t at = 0;
	for (; at + 8 <= s->text.len && s->c->compared <= COMPARED_MAX; at += 4) {
		uint64_t eight = get_u64(p + at);
		uint8_t any = octets[route_key_place((uint32_t)eight & k.mask, shift)] |
					  octets[route_key_place((uint32_t)(eight >> 8) & k.mask, shift)] |
					  octets[route_key_place((uint32_t)(eight >> 16) & k.mask, shift)] |
					  octets[route_key_place((uint32_t)(eight >> 24) & k.mask, shift)];
		for (size_t i = 0; any && i < 4; i++)
			key_at(s, f, k, (uint32_t)(eight >> 8 * i), at + i);
	}
	for (; at + k.width <= s->text.len && s->c->compared <= COMPARED_MAX; at++) {
		uint32_t key = 0;
		memcpy(&key, p + at, k.width);
		key_at(s, f, k, get_u32((const uint8_t *)&key), at);
	}
}

static void search_quads(const struct search *s, const struct route_filter *f)
{
	search(s, f, (struct search_kind){WITNESS_INSIDE, WITNESS_QUAD, UINT32_MAX});
}

static void search_pairs(const struct search *s, const struct route_filter *f)
{
	search(s, f, (struct search_kind){WITNESS_INSIDE_SHORT, WITNESS_PAIR, UINT16_MAX});
}

/* ---- one value ---- */

static void look_up(struct candidates *c, const struct route *route, uint32_t field, enum witness_kind kind,
					uint64_t key)
{
	const struct route_slot *slot = route_find(&route->keys, field, kind, key);
	if (slot)
		candidates_add(c, route->hanging + slot->first, slot->count);
}

static void look_up_number(struct candidates *c, const struct route *route, uint32_t field,
						   const struct batch_value *value)
{
	struct number n = {.type = NUMBER_I64, .i64 = value->small};
	if (value->type == VALUE_BOOL)
		return;
	if (value->type != VALUE_SMALL) {
		/* numbers begin with a digit or a minus: most texts do not */
		if (value->text.len == 0 || (value->text.ptr[0] != '-' && value->text.ptr[0] - (unsigned)'0' > 9))
			return;
		n = number_parse(value->text);
	}
	if (n.type != NUMBER_NONE)
		look_up(c, route, field, WITNESS_NUMBER, number_key(&n));
}

static void look_up_ends(struct candidates *c, const struct route *route, uint32_t field, const struct text_ends *ends)
{
	const struct route_field *f = &route->fields[field];
	uint32_t kinds = f->kinds, lens = ends->len >= 7 ? 0xff : (1u << (ends->len + 1)) - 1;
	if (kinds & 1u << WITNESS_EXACT)
		look_up(c, route, field, WITNESS_EXACT, exact_key(ends));
	if (kinds & 1u << WITNESS_START && ends->len >= WITNESS_LONG)
		look_up(c, route, field, WITNESS_START, ends->head);
	if (kinds & 1u << WITNESS_END && ends->len >= WITNESS_LONG)
		look_up(c, route, field, WITNESS_END, ends->tail);
	for (uint32_t left = f->start_lens & lens; left; left &= left - 1)
		look_up(c, route, field, WITNESS_START_SHORT, start_short_key(ends, (uint32_t)__builtin_ctz(left)));
	for (uint32_t left = f->end_lens & lens; left; left &= left - 1)
		look_up(c, route, field, WITNESS_END_SHORT, end_short_key(ends, (uint32_t)__builtin_ctz(left)));
}

#define KINDS_INSIDE (1u << WITNESS_INSIDE | 1u << WITNESS_INSIDE_SHORT)
#define KINDS_ENDS \
	(1u << WITNESS_EXACT | 1u << WITNESS_START | 1u << WITNESS_END | 1u << WITNESS_START_SHORT | \
	 1u << WITNESS_END_SHORT)

static bool fold_text(struct candidates *c, struct slice text, struct slice *out)
{
	buffer_reset(&c->folded);
	uint8_t *room = buffer_room(&c->folded, FOLD_ROOM(text.len));
	if (room)
		*out = slice_of(room, fold(text, room));
	return room != NULL;
}

static int look_up_folded(struct candidates *c, const struct route *route, uint32_t field, struct slice text)
{
	const struct route_field *f = &route->fields[field];
	struct search s = {c, route, field, SLICE_NONE};
	struct text_ends ends;
	if (!fold_text(c, text, &s.text))
		return -ERROR_MEMORY;
	if (f->kinds & KINDS_ENDS) {
		text_ends(s.text, &ends);
		look_up_ends(c, route, field, &ends);
	}
	if (f->quads.octets)
		search_quads(&s, &f->quads);
	if (f->pairs.octets)
		search_pairs(&s, &f->pairs);
	return 0;
}

/* Where only the ends are asked for and are ASCII, nothing need be folded (witness.h). */
static int look_up_text(struct candidates *c, const struct route *route, uint32_t field, struct slice text)
{
	struct text_ends ends;
	if (route->fields[field].kinds & KINDS_INSIDE)
		return look_up_folded(c, route, field, text);
	text_ends(text, &ends);
	if (!ends.ascii)
		return look_up_folded(c, route, field, text);
	look_up_ends(c, route, field, &ends);
	return 0;
}

/* ---- a row ---- */

static int gather_field(struct candidates *c, const struct route *route, uint32_t field, const struct batch *batch,
						const struct batch_row *row, uint32_t index)
{
	const struct route_field *f = &route->fields[field];
	struct batch_value value;
	char small[12];
	candidates_add(c, route->hanging + f->first, f->count);
	if (!f->kinds)
		return 0;
	batch_get_value(batch, row, index, &value);
	if (value.type == VALUE_NULL)
		return 0;
	if (f->kinds & 1u << WITNESS_NUMBER)
		look_up_number(c, route, field, &value);
	return f->kinds & ~(1u << WITNESS_NUMBER) ? look_up_text(c, route, field, batch_value_text(&value, small)) : 0;
}

/* Mappings give the same octets several names: one search is enough. Who is pushed out is searched again. */
#define SEEN 64u
struct seen {
	const uint8_t *ptr[SEEN];
	size_t len[SEEN];
};

static bool seen_before(struct seen *s, struct slice text)
{
	size_t at = (uintptr_t)text.ptr % SEEN;
	bool seen = text.len && s->ptr[at] == text.ptr && s->len[at] == text.len;
	s->ptr[at] = text.ptr;
	s->len[at] = text.len;
	return seen;
}

/* The texts of row_view_texts: of a structured body every string, else what is named message, else all of it. */
static int structured_texts(struct candidates *c, const struct route *route, const struct batch *batch,
							const struct batch_row *row)
{
	struct seen seen = {0};
	for (uint32_t i = row->field_first; i < row->field_first + row->field_count; i++) {
		struct batch_value value;
		batch_get_value(batch, row, i, &value);
		if (value.type != VALUE_STRING && value.type != VALUE_ADDRESS && value.type != VALUE_TIME)
			continue;
		if (!seen_before(&seen, value.text) && look_up_text(c, route, route->texts, value.text))
			return -ERROR_MEMORY;
	}
	return 0;
}

static int message_texts(struct candidates *c, const struct route *route, const uint32_t *bound,
						 const struct batch *batch, const struct batch_row *row)
{
	bool message = false;
	for (uint32_t i = row->field_first; i < row->field_first + row->field_count; i++) {
		struct batch_value value;
		char small[12];
		if (bound[batch_value_name(row, i)] != FIELD_MESSAGE)
			continue;
		message = true;
		batch_get_value(batch, row, i, &value);
		if (look_up_text(c, route, route->texts, batch_value_text(&value, small)))
			return -ERROR_MEMORY;
	}
	return message ? 0 : look_up_text(c, route, route->texts, row->original);
}

int candidates_gather(struct candidates *c, const struct route *route, const uint32_t *names, const uint32_t *bound,
					  const struct batch *batch, const struct batch_row *row)
{
	uint32_t end = row->field_first + row->field_count;
	candidates_add(c, route->always, route->always_count);
	for (uint32_t i = row->field_first; i < end; i++) {
		uint32_t field = names[batch_value_name(row, i)];
		if (field != DICTIONARY_NONE && gather_field(c, route, field, batch, row, i))
			return -ERROR_MEMORY;
	}
	if (!route->fields[route->texts].kinds)
		return 0;
	if (row->format == FORMAT_JSON || row->format == FORMAT_CEF || row->format == FORMAT_LEEF)
		return structured_texts(c, route, batch, row);
	return message_texts(c, route, bound, batch, row);
}
