/* Looking at what was gathered: the values of one column after the other, keys by value, literals all at once. */
#include "rules/gather.h"

#include "common/check.h"
#include "common/text.h"

/* One value must not cost more than trying everything: past so many literals found in it, all that hang on literals of its
 * column count as found, and the search goes on behind it. */
#define FOUND_MAX 1024u
#define TEXT_BYTES (1u << 20)

static void add_hit(struct gather *g, uint32_t value, struct rule_list rules)
{
	uint32_t column = g->column < g->columns->text_first ? g->column : GATHER_TEXTS;
	if (!gather_room_for(g->env, &g->hits, &g->hit_room, g->hit_count, sizeof *g->hits)) {
		g->failed = true;
		return;
	}
	g->hits[g->hit_count] = (struct gather_hit){rules, column, g->value_hits[value]};
	g->value_hits[value] = g->hit_count++;
}

/* ---- keys ---- */

static void look_up(struct gather *g, uint32_t value, enum witness_kind kind, uint64_t key)
{
	const struct rule_list *rules = columns_key(g->columns, g->column, kind, key);
	if (rules)
		add_hit(g, value, *rules);
}

static void look_up_number(struct gather *g, uint32_t value)
{
	const struct gather_value *v = &g->values[value];
	struct number n = {.type = NUMBER_I64, .i64 = v->small};
	if (!v->is_small) {
		/* numbers begin with a digit or a minus: most texts do not */
		if (v->text.len == 0 || (v->text.ptr[0] != '-' && v->text.ptr[0] - (unsigned)'0' > 9))
			return;
		n = number_parse(v->text);
	}
	if (n.type != NUMBER_NONE)
		look_up(g, value, WITNESS_NUMBER, number_key(&n));
}

static void look_up_ends(struct gather *g, uint32_t value, const struct column *column, const struct text_ends *ends)
{
	uint32_t kinds = column->kinds, lens = ends->len >= 7 ? 0xff : (1u << (ends->len + 1)) - 1;
	if (kinds & 1u << WITNESS_EXACT)
		look_up(g, value, WITNESS_EXACT, exact_key(ends));
	if (kinds & 1u << WITNESS_START && ends->len >= WITNESS_LONG)
		look_up(g, value, WITNESS_START, ends->head);
	if (kinds & 1u << WITNESS_END && ends->len >= WITNESS_LONG)
		look_up(g, value, WITNESS_END, ends->tail);
	for (uint32_t left = column->start_lens & lens; left; left &= left - 1)
		look_up(g, value, WITNESS_START_SHORT, start_short_key(ends, (uint32_t)__builtin_ctz(left)));
	for (uint32_t left = column->end_lens & lens; left; left &= left - 1)
		look_up(g, value, WITNESS_END_SHORT, end_short_key(ends, (uint32_t)__builtin_ctz(left)));
}

static bool fold_into(struct gather *g, struct slice text, struct slice *out)
{
	uint8_t *room = buffer_room(&g->text, FOLD_ROOM(text.len));
	if (room)
		*out = slice_of(room, fold(text, room));
	else
		g->failed = true;
	return room != NULL;
}

static struct slice text_of(const struct gather_value *v, char *small)
{
	struct batch_value value = {.type = v->is_small ? VALUE_SMALL : VALUE_STRING, .text = v->text, .small = v->small};
	return batch_value_text(&value, small);
}

/* Where the ends are ASCII, nothing need be folded (witness.h). */
static void look_up_keys(struct gather *g, uint32_t value, const struct column *column)
{
	char small[12];
	struct text_ends ends;
	struct slice folded, text = text_of(&g->values[value], small);
	if (column->kinds & 1u << WITNESS_NUMBER)
		look_up_number(g, value);
	if (!(column->kinds & ~(1u << WITNESS_NUMBER)))
		return;
	text_ends(text, &ends);
	if (!ends.ascii) {
		if (!fold_into(g, text, &folded))
			return;
		text_ends(folded, &ends);
	}
	look_up_ends(g, value, column, &ends);
}

/* ---- literals ---- */

/* Values of the column, folded, one behind the other, until there are TEXT_BYTES: values may share octets, so that all of
 * them together may be far more than the batch has. Returns the first that is not there. */
static uint32_t write_text(struct gather *g, uint32_t at)
{
	char small[12];
	struct slice folded;
	buffer_reset(&g->text);
	buffer_add_octet(&g->text, WITNESS_EDGE);
	g->end_count = 0;
	for (; at != GATHER_END && g->text.len < TEXT_BYTES; at = g->links[at].next) {
		uint32_t value = g->links[at].value;
		g->failed |= !gather_room_for(g->env, &g->ends, &g->end_room, g->end_count, sizeof *g->ends);
		if (g->failed || !fold_into(g, text_of(&g->values[value], small), &folded))
			return GATHER_END;
		g->text.len += folded.len;
		g->ends[g->end_count++] = (struct gather_end){(uint32_t)g->text.len, value};
		buffer_add_octet(&g->text, WITNESS_EDGE);
	}
	g->failed |= g->text.failed;
	return at;
}

/* The value whose edge is the first at or behind `at`. What is found comes in the order of the text; nobody promises it. */
static void go_to(struct gather *g, uint32_t at)
{
	bool back = g->end_at > 0 && g->ends[g->end_at - 1].at >= at;
	uint32_t low = back ? 0 : g->end_at, high = g->end_count - 1;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (g->ends[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low != g->end_at)
		g->found = 0;
	g->end_at = low;
}

struct look {
	struct gather *g;
	const struct column *column;
};

static int on_found(void *ctx, uint32_t literal, size_t end)
{
	const struct look *look = ctx;
	struct gather *g = look->g;
	literal += look->column->literal_first;
	CHECK(end > 0 && g->base + end <= g->text.len);
	go_to(g, (uint32_t)(g->base + end - 1));
	uint32_t value = g->ends[g->end_at].value;
	if (++g->found > FOUND_MAX)
		return 1;
	if (g->last[literal] == g->serial + value)
		return 0;
	g->last[literal] = g->serial + value;
	add_hit(g, value, g->columns->literal_rules[literal]);
	return g->failed ? 1 : 0;
}

static void search(struct gather *g, const struct column *column)
{
	struct look look = {g, column};
	struct slice text = buffer_slice(&g->text);
	g->found = g->end_at = 0;
	for (g->base = 0; !g->failed; g->base = g->ends[g->end_at].at) {
		if (literal_set_scan(column->literals, g->scratch, slice_from(text, g->base), on_found, &look) == 0)
			break;
		add_hit(g, g->ends[g->end_at].value, column->inside);
	}
}

static void look_for_literals(struct gather *g, const struct column *column, uint32_t head)
{
	uint32_t at = head;
	while (column->literals && at != GATHER_END && !g->failed) {
		at = write_text(g, at);
		if (!g->failed)
			search(g, column);
	}
	for (; !column->literals && at != GATHER_END; at = g->links[at].next)
		add_hit(g, g->links[at].value, column->inside);
}

int gather_look(struct gather *g)
{
	for (uint32_t i = 0; i < g->touched_count && !g->failed; i++) {
		g->column = g->touched[i];
		const struct column *column = &g->columns->list[g->column];
		uint32_t head = g->heads[g->column];
		for (uint32_t at = head; column->kinds && at != GATHER_END; at = g->links[at].next)
			look_up_keys(g, g->links[at].value, column);
		if (column->literal_count)
			look_for_literals(g, column, head);
	}
	return g->failed ? -ERROR_MEMORY : 0;
}
