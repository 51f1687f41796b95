/* Choosing witnesses: for `and` the part whose witnesses are the rarest, for `or` those of all parts, for `not` its fields
 * where it is false without them. */
#include "rules/witness.h"

#include "rules/chance.h"
#include "rules/matcher.h"

#include <math.h>

#define WITNESSES_MAX 4096u
#define NEVER 2.0 /* above every chance: nothing is promised */
#define EVERYWHERE 0.9 /* of what a header gives: it is in nearly every row */
#define NEARLY 0.9
#define EDGE_BITS 3u
#define EXACT_BITS_MAX 12u

/* ---- what one matcher promises ---- */

struct choice {
	struct witness witness;
	double chance; /* that the witness is in a row; NEVER: the matcher can hold without the field */
	unsigned whole_bits; /* of a field's presence: what a whole value of it says at most */
};

static void prefer(struct choice *best, struct choice other)
{
	if (other.chance < best->chance)
		*best = other;
}

static struct choice choice_of(enum witness_kind kind, uint64_t key, struct slice text)
{
	return (struct choice){.witness = {.kind = kind, .key = key}, .chance = chance_of_bits(text_bits(text))};
}

/* Most fields that are compared whole hold one of a few words, however rare the word is elsewhere. */
static struct choice exact_choice(const struct text_ends *e, struct slice text, unsigned most)
{
	unsigned bits = 3 + text_bits(text);
	return (struct choice){.witness = {.kind = WITNESS_EXACT, .key = exact_key(e)},
						   .chance = chance_of_bits(bits < most ? bits : most)};
}

/* A cased pattern is compared with the value as it is, the others with its folded form: the ends of both are the same
 * when they are ASCII. */
static bool ends_hold(const struct pattern *p, const struct text_ends *e)
{
	return !p->cased || e->ascii;
}

static void prefer_start(struct choice *best, const struct pattern *p, struct slice literal)
{
	struct text_ends e;
	uint32_t len = literal.len < WITNESS_LONG ? (uint32_t)literal.len : WITNESS_LONG;
	text_ends(literal, &e);
	if (!ends_hold(p, &e))
		return;
	if (len == WITNESS_LONG)
		prefer(best, choice_of(WITNESS_START, e.head, slice_of(literal.ptr, len)));
	else
		prefer(best, choice_of(WITNESS_START_SHORT, start_short_key(&e, len), literal));
}

static void prefer_end(struct choice *best, const struct pattern *p, struct slice literal)
{
	struct text_ends e;
	uint32_t len = literal.len < WITNESS_LONG ? (uint32_t)literal.len : WITNESS_LONG;
	text_ends(literal, &e);
	if (!ends_hold(p, &e))
		return;
	if (len == WITNESS_LONG)
		prefer(best, choice_of(WITNESS_END, e.tail, slice_from(literal, literal.len - len)));
	else
		prefer(best, choice_of(WITNESS_END_SHORT, end_short_key(&e, len), literal));
}

/* A search walks the whole text, where a look at its ends or at its presence is nearly free: as if the literal were there
 * once in so many rows for nothing. A text that every row has is searched only where nothing else says as much. */
#define SEARCH_CHANCE (1.0 / 65536)
#define SEARCH_CHANCE_EVERYWHERE (1.0 / 1024)

struct search_cost {
	struct choice *best;
	double chance;
};

/* An edge says where in the text the literal is: as much as a rare octet. */
static void prefer_literal(const struct search_cost *s, struct slice literal, bool at_start, bool at_end)
{
	struct choice c = {.witness = {.kind = WITNESS_INSIDE, .literal = literal, .at_start = at_start, .at_end = at_end}};
	c.chance = chance_of_bits(text_bits(literal) + (at_start ? EDGE_BITS : 0) + (at_end ? EDGE_BITS : 0)) + s->chance;
	prefer(s->best, c);
}

static bool is_ascii(struct slice text)
{
	uint8_t all = 0;
	for (size_t i = 0; i < text.len; i++)
		all |= text.ptr[i];
	return all < 0x80;
}

static void prefer_run(const struct search_cost *s, struct slice run)
{
	if (run.len >= WITNESS_INSIDE_MIN)
		prefer_literal(s, run, false, false);
}

/* What the keys of the ends cannot hold. True: the literal is looked for, and needs no second look as one inside. */
static bool prefer_edge(const struct search_cost *s, const struct pattern *p, struct slice literal, bool at_start)
{
	bool looked_for = literal.len > WITNESS_LONG && (!p->cased || is_ascii(literal));
	if (looked_for)
		prefer_literal(s, literal, at_start, !at_start);
	return looked_for;
}

/* A literal of a folded pattern is in the folded value as it is. Of a cased one only the ASCII runs are, in lower case:
 * what is beside them may fold to something else. */
static void prefer_inside(const struct search_cost *s, bool cased, struct slice literal)
{
	size_t from = 0;
	if (!cased) {
		prefer_run(s, literal);
		return;
	}
	for (size_t i = 0; i <= literal.len; i++)
		if (i == literal.len || literal.ptr[i] >= 0x80) {
			prefer_run(s, slice_of(literal.ptr + from, i - from));
			from = i + 1;
		}
}

static void prefer_segment(const struct search_cost *s, bool cased, const struct segment *g)
{
	if (g->part_count == 0)
		prefer_inside(s, cased, g->literal);
	for (uint32_t i = 0; i < g->part_count; i++)
		if (g->parts[i].special == 0)
			prefer_inside(s, cased, g->parts[i].literal);
}

static struct choice pattern_choice(const struct pattern *p, struct choice present)
{
	struct choice best = present;
	struct search_cost search = {&best, present.chance == EVERYWHERE ? SEARCH_CHANCE_EVERYWHERE : SEARCH_CHANCE};
	struct text_ends e = {.ascii = true};
	const struct segment *first = p->segments, *last = first + p->count - (p->count > 0);
	bool first_done = false, last_done = false;
	bool closed = !p->open_start && !p->open_end, plain = p->count == 1 && closed && first->part_count == 0;
	if (p->count == 0 && p->open_start)
		return present;
	if (plain)
		text_ends(first->literal, &e);
	if ((plain || p->count == 0) && ends_hold(p, &e))
		return exact_choice(&e, plain ? first->literal : SLICE_NONE, present.whole_bits);
	if (!p->open_start && first->part_count == 0) {
		prefer_start(&best, p, first->literal);
		first_done = prefer_edge(&search, p, first->literal, true);
	}
	if (!p->open_end && last->part_count == 0) {
		prefer_end(&best, p, last->literal);
		last_done = prefer_edge(&search, p, last->literal, false);
	}
	for (const struct segment *g = first + first_done; g < first + p->count - last_done; g++)
		prefer_segment(&search, p->cased, g);
	return best;
}

/* Small numbers are everywhere; 200 is what web servers answer. */
static struct choice number_choice(const struct number *n, unsigned most)
{
	double size = n->type == NUMBER_I64 ? fabs((double)n->i64) : 1e9;
	unsigned bits = size < 10 || size == 200 ? 4 : size < 1000 ? 7 : 10;
	return (struct choice){.witness = {.kind = WITNESS_NUMBER, .key = number_key(n)},
						   .chance = chance_of_bits(bits < most ? bits : most)};
}

/* `present`: what the presence of the field says. */
static struct choice matcher_choice(const struct matcher *m, struct choice present)
{
	struct text_ends e;
	switch (m->kind) {
	case MATCH_TEXT:
		return pattern_choice(m->pattern, present);
	case MATCH_NUMBER:
		if (m->number.type == NUMBER_F64 && !isfinite(m->number.f64))
			break; /* no number is "unequal" to what is not one */
		return number_choice(&m->number, present.whole_bits);
	case MATCH_BOOL:
		text_ends(m->truth ? SLICE("true") : SLICE("false"), &e);
		return exact_choice(&e, SLICE_NONE, present.whole_bits);
	case MATCH_NULL:
		return (struct choice){.chance = NEVER};
	case MATCH_EXISTS:
		return m->truth ? present : (struct choice){.chance = NEVER};
	case MATCH_DATE:
		return m->own_time ? (struct choice){.chance = NEVER} : present;
	case MATCH_REGEX:
		return m->pattern ? pattern_choice(m->pattern, present) : present;
	case MATCH_NETWORK:
	case MATCH_COMPARE:
	case MATCH_FIELD:
		break;
	}
	return present;
}

/* ---- what an item promises ---- */

struct promise {
	double chance; /* NEVER: no promise */
	uint32_t count;
};

static const struct promise none = {NEVER, 0};

/* Keywords are looked for in texts that are always there: their presence promises nothing. */
static struct choice item_present(const struct item *item)
{
	unsigned bits = item->keyword || item->names.bits > EXACT_BITS_MAX ? EXACT_BITS_MAX : item->names.bits;
	struct choice present = {{.kind = WITNESS_PRESENT}, item->keyword ? NEVER : 0.5, bits};
	for (uint32_t i = 0; !item->keyword && i < item->names.count; i++)
		if (item->names.ids[i] <= FIELD_PROCESS_PID)
			present.chance = EVERYWHERE;
	return present;
}

static uint32_t item_names(const struct item *item)
{
	return item->keyword ? 1 : item->names.count;
}

/* `all`: every matcher must hold, so one of them is enough. */
static struct choice best_matcher(const struct item *item)
{
	struct choice best = {.chance = NEVER};
	for (uint32_t i = 0; i < item->count; i++)
		prefer(&best, matcher_choice(&item->matchers[i], item_present(item)));
	return best;
}

/* A set that is no rarer than the field itself is the field, unless the field has a few words only: that one of these is
 * there is still less than that any is. Its count is 1 for each name. */
static struct promise item_promise(const struct item *item)
{
	struct choice present = item_present(item);
	double sum = 0;
	if (item->count == 0)
		return none;
	if (item->all) {
		double chance = best_matcher(item).chance;
		return chance < NEVER ? (struct promise){chance, item_names(item)} : none;
	}
	for (uint32_t i = 0; i < item->count; i++) {
		double chance = matcher_choice(&item->matchers[i], present).chance;
		if (chance >= NEVER)
			return none;
		sum += chance;
	}
	if (sum >= present.chance && present.whole_bits < EXACT_BITS_MAX)
		sum = present.chance * NEARLY;
	if (sum >= present.chance || item->count > WITNESSES_MAX / 4)
		return item->keyword ? none : (struct promise){present.chance, item_names(item)};
	return (struct promise){sum, item_names(item) * item->count};
}

void witness_weigh(struct item *item)
{
	struct promise p = item_promise(item);
	if (p.count > WITNESSES_MAX)
		p = none;
	item->chance = p.chance;
	item->promised = p.count;
}

/* ---- `not` ---- */

static uint32_t node_fields(const struct node *n)
{
	uint32_t count = n->kind == NODE_ITEM && !n->item->keyword ? n->item->names.count : 0;
	for (uint32_t i = 0; n->kind != NODE_ITEM && i < n->count && count <= WITNESSES_MAX; i++)
		count += node_fields(n->children[i]);
	return count;
}

/* `not`: false without the fields of what it negates where that is true without them. */
static struct promise not_promise(const struct node *n)
{
	uint32_t count = node_fields(n);
	if (node_absent(n) != VERDICT_FALSE || count == 0 || count > WITNESSES_MAX)
		return none;
	return (struct promise){1, count};
}

/* ---- what a tree promises ---- */

static struct promise node_promise(const struct node *n);

static bool promise_better(struct promise a, struct promise b)
{
	return a.chance != b.chance ? a.chance < b.chance : a.count < b.count;
}

static const struct node *best_child(const struct node *n, struct promise *out)
{
	const struct node *best = NULL;
	*out = none;
	for (uint32_t i = 0; i < n->count; i++) {
		struct promise p = node_promise(n->children[i]);
		if (p.count == 0 || (best && !promise_better(p, *out)))
			continue;
		*out = p;
		best = n->children[i];
	}
	return best;
}

static struct promise any_promise(const struct node *n)
{
	struct promise sum = {0, 0};
	for (uint32_t i = 0; i < n->count; i++) {
		struct promise p = node_promise(n->children[i]);
		if (p.count == 0 || sum.count + p.count > WITNESSES_MAX)
			return none;
		sum.count += p.count;
		sum.chance += p.chance;
	}
	return n->count ? sum : none;
}

static struct promise node_promise(const struct node *n)
{
	struct promise best;
	switch (n->kind) {
	case NODE_ITEM:
		return (struct promise){n->item->chance, n->item->promised};
	case NODE_AND:
		best_child(n, &best);
		return best;
	case NODE_OR:
		return any_promise(n);
	case NODE_NOT:
		return not_promise(n);
	}
	return none;
}

double witness_chance(const struct node *n)
{
	struct promise p = node_promise(n);
	if (n->kind == NODE_NOT)
		return NEARLY; /* mostly what is left out is not there */
	return p.count == 0 ? 0.5 : p.chance < 1 ? p.chance : 1;
}

const struct node *witness_part(const struct node *n)
{
	struct promise ignored;
	return best_child(n, &ignored);
}

/* ---- writing it down ---- */

struct witness_list {
	struct arena *arena;
	struct witness *list;
	uint32_t count;
	bool failed;
};

/* The literal of a search in lower case, with its edges. Of what is too long, the part at the edge. */
static void lower_literal(struct witness_list *out, struct witness *w)
{
	uint8_t *octets = arena_alloc(out->arena, WITNESS_INSIDE_MAX + 2), *to = octets;
	struct slice text = w->literal;
	if (!octets) {
		out->failed = true;
		return;
	}
	if (text.len > WITNESS_INSIDE_MAX)
		text = w->at_end ? slice_from(text, text.len - WITNESS_INSIDE_MAX) : slice_of(text.ptr, WITNESS_INSIDE_MAX);
	if (w->at_start)
		*to++ = WITNESS_EDGE;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		*to++ = (uint8_t)(c | (c - (unsigned)'A' < 26 ? 0x20 : 0));
	}
	if (w->at_end)
		*to++ = WITNESS_EDGE;
	w->literal = slice_of(octets, (size_t)(to - octets));
}

static void add_choice(struct witness_list *out, const struct item *item, struct witness w)
{
	if (w.kind == WITNESS_INSIDE)
		lower_literal(out, &w);
	for (uint32_t i = 0; i < item_names(item); i++) {
		w.field = item->keyword ? WITNESS_TEXTS : item->names.ids[i];
		out->list[out->count++] = w;
	}
}

static void add_item(struct witness_list *out, const struct item *item)
{
	struct choice present = item_present(item);
	if (item->all)
		add_choice(out, item, best_matcher(item).witness);
	else if (item->chance == present.chance)
		add_choice(out, item, present.witness);
	else
		for (uint32_t i = 0; i < item->count; i++)
			add_choice(out, item, matcher_choice(&item->matchers[i], present).witness);
}

static void add_fields(struct witness_list *out, const struct node *n)
{
	if (n->kind == NODE_ITEM && !n->item->keyword)
		add_choice(out, n->item, (struct witness){.kind = WITNESS_PRESENT});
	for (uint32_t i = 0; n->kind != NODE_ITEM && i < n->count; i++)
		add_fields(out, n->children[i]);
}

static void add_node(struct witness_list *out, const struct node *n)
{
	struct promise ignored;
	if (n->kind == NODE_ITEM)
		add_item(out, n->item);
	else if (n->kind == NODE_NOT)
		add_fields(out, n);
	else if (n->kind == NODE_AND)
		add_node(out, best_child(n, &ignored));
	else
		for (uint32_t i = 0; i < n->count; i++)
			add_node(out, n->children[i]);
}

int witness_make(struct arena *arena, const struct node *root, const struct witness **out, uint32_t *count)
{
	struct promise p = node_promise(root);
	*out = NULL;
	*count = 0;
	if (p.count == 0)
		return 0;
	struct witness_list all = {.arena = arena, .list = arena_alloc(arena, p.count * sizeof *all.list)};
	if (!all.list)
		return -ERROR_MEMORY;
	add_node(&all, root);
	if (all.failed)
		return -ERROR_MEMORY;
	CHECK(all.count == p.count);
	*out = all.list;
	*count = all.count;
	return 0;
}
