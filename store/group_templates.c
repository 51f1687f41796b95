/* Templates: found by the words of the row at hand; a new one is written as structure and literals, as the format has
 * them, and found among those under which rows came before in other words.
 */
#include "store/group_writer.h"

/* ---- a new template ---- */

struct making {
	uint32_t *piece_at; /* of each bound the first piece */
	uint32_t *next; /* the structure: pieces, pieces of the original, each piece, fields, each field */
	uint8_t *literal; /* the next one's place in the key of the template */
	uint32_t pieces;
};

static uint8_t *put_varint(uint8_t *p, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static void add_piece(struct group_writer *g, struct making *m, uint32_t word)
{
	m->pieces++;
	if ((word & 3) == WORD_VALUE) {
		*m->next++ = PIECE_VALUE | word >> 2 << 8;
		return;
	}
	struct slice text = g->texts.items[(word >> 2) - 1];
	*m->next++ = PIECE_LITERAL;
	m->literal = put_varint(m->literal, (uint32_t)text.len);
	memcpy(m->literal, text.ptr, text.len);
	m->literal += text.len;
}

static const uint32_t *words_of(const struct group_writer *g, const struct shape *s, uint32_t k, uint32_t *count)
{
	const uint32_t *word = &s->key[KEY_PIECES + k];
	*count = 1;
	if (!(*word & WORD_SEVERAL))
		return word;
	struct slice all = g->several.items[*word >> 2];
	*count = (uint32_t)(all.len / sizeof *word);
	return (const uint32_t *)(const void *)all.ptr;
}

static uint32_t count_pieces(const struct group_writer *g, const struct shape *s)
{
	uint32_t pieces = 0, count;
	for (uint32_t k = 0; k + 1 < s->bound_count; k++, pieces += count)
		words_of(g, s, k, &count);
	return pieces;
}

static void add_pieces(struct group_writer *g, const struct shape *s, struct making *m)
{
	for (uint32_t k = 0; k + 1 < s->bound_count; k++) {
		m->piece_at[k] = m->pieces;
		if (k + 1 == s->time_piece) {
			*m->next++ = PIECE_TIME | (uint32_t)s->time_form.form << 8 | (uint32_t)(uint8_t)s->time_form.quarters << 16;
			m->pieces++;
			continue;
		}
		uint32_t count;
		const uint32_t *word = words_of(g, s, k, &count);
		while (count-- > 0)
			add_piece(g, m, *word++);
	}
	m->piece_at[s->bound_count - 1] = m->pieces;
}

static void add_fields(const struct shape *s, struct making *m)
{
	*m->next++ = s->field_count;
	for (uint32_t i = 0; i < s->field_count; i++) {
		*m->next++ = s->fields[i];
		if (!field_has_text(s->fields[i]))
			continue;
		uint32_t first = m->piece_at[s->end_bounds[END_FIELDS + 2 * i]];
		*m->next++ = first;
		*m->next++ = m->piece_at[s->end_bounds[END_FIELDS + 2 * i + 1]] - first;
	}
}

/* The words of a number are its digits. */
static void add_digits(struct group_writer *g, uint32_t v)
{
	uint8_t digits[10], *p = digits + sizeof digits;
	do
		*--p = (uint8_t)('0' + v % 10);
	while (v /= 10);
	words_add(&g->words, slice_of(p, (size_t)(digits + sizeof digits - p)));
}

static void add_smalls(struct group_writer *g, struct making *m)
{
	for (uint32_t i = 0; i < g->small_count; i++) {
		add_digits(g, g->smalls[i]);
		m->literal = put_varint(m->literal, g->smalls[i]);
	}
}

/* Its keys of structures and templates; the latter begins with four octets for the number of the structure. All literals
 * are text of the row. */
static bool make_keys(struct group_writer *g, const struct shape *s, struct slice *structure, struct slice *template)
{
	size_t pieces = count_pieces(g, s), words = pieces + 4 + 3 * (size_t)s->field_count;
	buffer_reset(&g->structure);
	buffer_reset(&g->literals);
	uint32_t *room = (uint32_t *)(void *)buffer_room(&g->structure, (words + s->bound_count) * sizeof *room);
	uint8_t *literals = buffer_room(&g->literals, 4 + g->text.len + 5 * (pieces + g->small_count));
	if (!room || !literals)
		return false;
	struct making m = {room + words, room + 2, literals + 4, 0};
	add_pieces(g, s, &m);
	add_fields(s, &m);
	add_smalls(g, &m);
	room[0] = m.pieces;
	room[1] = m.piece_at[s->end_bounds[END_ORIGINAL]];
	*structure = slice_of(room, (size_t)((uint8_t *)m.next - (uint8_t *)room));
	*template = slice_of(literals, (size_t)(m.literal - literals));
	return true;
}

static uint32_t make_template(struct group_writer *g, const struct shape *s)
{
	struct slice structure, template;
	if (!make_keys(g, s, &structure, &template))
		return STRINGS_NONE;
	uint32_t number = strings_intern(&g->structures, structure, NULL);
	if (number == STRINGS_NONE)
		return STRINGS_NONE;
	memcpy(g->literals.ptr, &number, sizeof number);
	return strings_intern(&g->templates, template, NULL);
}

/* ---- looking it up ---- */

/* Two lanes, for the products of one wait for each other. */
static uint64_t hash_key(const uint32_t *key, uint32_t words, uint64_t factor)
{
	uint64_t one = factor, two = ~factor;
	uint32_t i = 0;
	for (; i + 4 <= words; i += 4) {
		one = (one ^ (key[i] | (uint64_t)key[i + 1] << 32)) * factor;
		two = (two ^ (key[i + 2] | (uint64_t)key[i + 3] << 32)) * factor;
		one ^= one >> 32;
		two ^= two >> 32;
	}
	for (; i < words; i++)
		one = (one ^ key[i]) * factor;
	one ^= one >> 32 ^ (two << 21 | two >> 43);
	one *= factor;
	return one ^ one >> 32;
}

static bool grow_slots(struct group_writer *g)
{
	uint32_t slot_count = g->slot_count ? g->slot_count * 2 : 4096;
	struct template_slot *slots = env_zalloc(g->env, slot_count * sizeof *slots);
	if (!slots)
		return false;
	for (uint32_t i = 0; i < g->slot_count; i++) {
		uint32_t at = (uint32_t)g->slots[i].hash & (slot_count - 1);
		while (g->slots[i].key && slots[at].key)
			at = (at + 1) & (slot_count - 1);
		if (g->slots[i].key)
			slots[at] = g->slots[i];
	}
	env_free(g->env, g->slots);
	g->slots = slots;
	g->slot_count = slot_count;
	return true;
}

static int add_slot(struct group_writer *g, const struct shape *s, struct template_slot *slot, uint64_t hash)
{
	uint32_t code = make_template(g, s);
	struct slice key = arena_copy(&g->shape_arena, slice_of(s->key, s->key_words * sizeof *s->key));
	if (code == STRINGS_NONE || !key.ptr)
		return -ERROR_MEMORY;
	*slot = (struct template_slot){hash, (const uint32_t *)(const void *)key.ptr, s->key_words, code};
	g->slots_used++;
	return 0;
}

static int look_up(struct group_writer *g, const struct shape *s, uint32_t *code)
{
	if (g->slots_used * 2 >= g->slot_count && !grow_slots(g))
		return -ERROR_MEMORY;
	uint64_t hash = hash_key(s->key, s->key_words, g->key_factor);
	uint32_t at = (uint32_t)hash & (g->slot_count - 1);
	for (; g->slots[at].key; at = (at + 1) & (g->slot_count - 1)) {
		const struct template_slot *slot = &g->slots[at];
		if (slot->hash == hash && slot->words == s->key_words &&
			memcmp(slot->key, s->key, s->key_words * sizeof *s->key) == 0) {
			*code = slot->code;
			return 0;
		}
	}
	g->is_new = true;
	int result = add_slot(g, s, &g->slots[at], hash);
	*code = g->slots[at].code;
	return result;
}

int group_find_template(struct group_writer *g, struct shape *s, uint32_t *code)
{
	g->is_new = false;
	int result = g->changed ? look_up(g, s, code) : 0;
	if (result == 0 && g->changed)
		s->code = *code + 1;
	*code = s->code - 1;
	return result;
}

/* ---- the column ---- */

static void put_structure(struct buffer *out, struct slice key)
{
	const uint8_t *p = key.ptr;
	uint32_t v[3], pieces;
#define NEXT(into) (memcpy(&(into), p, 4), p += 4)
	NEXT(pieces);
	NEXT(v[0]);
	buffer_add_varint(out, pieces);
	buffer_add_varint(out, v[0]);
	while (pieces-- > 0) {
		NEXT(v[0]);
		buffer_add_octet(out, (uint8_t)v[0]);
		if ((uint8_t)v[0] == PIECE_VALUE)
			buffer_add_varint(out, v[0] >> 8);
		if ((uint8_t)v[0] == PIECE_TIME) {
			int8_t quarters = (int8_t)(v[0] >> 16);
			buffer_add_octet(out, (uint8_t)(v[0] >> 8));
			buffer_add_varint(out, (uint8_t)(quarters * 2 ^ (quarters >> 7)));
		}
	}
	uint32_t fields;
	NEXT(fields);
	buffer_add_varint(out, fields);
	while (fields-- > 0) {
		NEXT(v[0]);
		buffer_add_varint(out, v[0] & 0xffff);
		buffer_add_octet(out, (uint8_t)(v[0] >> 16));
		if (v[0] >> 16 == VALUE_NULL || v[0] >> 16 == VALUE_SMALL)
			continue;
		NEXT(v[1]);
		NEXT(v[2]);
		buffer_add_varint(out, v[1]);
		buffer_add_varint(out, v[2]);
	}
#undef NEXT
}

void group_fill_templates(struct group_writer *g, struct buffer *out)
{
	buffer_add_varint(out, g->structures.count);
	for (uint32_t i = 0; i < g->structures.count; i++)
		put_structure(out, g->structures.items[i]);
	buffer_add_varint(out, g->templates.count);
	for (uint32_t i = 0; i < g->templates.count; i++) {
		struct slice key = g->templates.items[i];
		uint32_t structure;
		memcpy(&structure, key.ptr, sizeof structure);
		buffer_add_varint(out, structure);
		buffer_add_slice(out, slice_from(key, sizeof structure));
	}
}
