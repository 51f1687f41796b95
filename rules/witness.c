/* Choosing witnesses: for `and` the part that says most, for `or` those of all parts, for `not` none. */
#include "rules/witness.h"

#include <math.h>

#define WITNESSES_MAX 4096u
#define NOTHING WITNESS_KINDS

/* ---- keys ---- */

#define ONES UINT64_C(0x0101010101010101)

static uint64_t lower_eight(uint64_t v)
{
	uint64_t low = v & ONES * 0x7f;
	uint64_t upper = ((low + ONES * (0x80 - 'A')) ^ (low + ONES * (0x7f - 'Z'))) & ~v & ONES * 0x80;
	return v | upper >> 2;
}

static uint64_t read_short(const uint8_t *p, size_t len)
{
	if (len >= 4)
		return get_u32(p) | (uint64_t)get_u32(p + len - 4) << 8 * (len - 4);
	if (len == 0)
		return 0;
	return p[0] | (uint64_t)p[len / 2] << 8 * (len / 2) | (uint64_t)p[len - 1] << 8 * (len - 1);
}

void text_ends(struct slice text, struct text_ends *out)
{
	uint64_t head, tail;
	if (text.len >= 8) {
		head = get_u64(text.ptr);
		tail = get_u64(text.ptr + text.len - 8);
	} else {
		head = read_short(text.ptr, text.len);
		tail = text.len ? head << 8 * (8 - text.len) : 0;
	}
	*out = (struct text_ends){lower_eight(head), lower_eight(tail), text.len, ((head | tail) & ONES * 0x80) == 0};
}

/* Numbers that are equal have equal doubles. */
uint64_t number_key(const struct number *n)
{
	uint64_t key;
	double d = n->type == NUMBER_I64 ? (double)n->i64 : n->type == NUMBER_U64 ? (double)n->u64 : n->f64;
	d = d == 0 ? 0 : d; /* -0 */
	memcpy(&key, &d, sizeof key);
	return key;
}

/* ---- what a part promises ---- */

struct promise {
	enum witness_kind worst; /* NOTHING: no promise */
	uint32_t count;
};

static bool promise_better(struct promise a, struct promise b)
{
	return a.worst != b.worst ? a.worst < b.worst : a.count < b.count;
}

/* A cased pattern is compared with the value as it is, the others with its folded form: the ends of both are the same
 * when they are ASCII. */
static bool ends_hold(const struct pattern *p, const struct text_ends *e)
{
	return !p->cased || e->ascii;
}

static enum witness_kind by_length(size_t len, enum witness_kind whole, enum witness_kind part)
{
	return len >= WITNESS_LONG ? whole : len >= WITNESS_SHORT ? part : WITNESS_PRESENT;
}

static struct witness pattern_witness(const struct pattern *p)
{
	struct witness present = {.kind = WITNESS_PRESENT};
	struct text_ends e;
	if (p->count == 0) {
		text_ends(SLICE_NONE, &e);
		return p->open_start ? present : (struct witness){.kind = WITNESS_EXACT, .key = exact_key(&e)};
	}
	const struct segment *first = &p->segments[0], *last = &p->segments[p->count - 1];
	if (p->count == 1 && !p->open_start && !p->open_end && first->part_count == 0) {
		text_ends(first->literal, &e);
		return ends_hold(p, &e) ? (struct witness){.kind = WITNESS_EXACT, .key = exact_key(&e)} : present;
	}
	struct witness start = present, end = present;
	if (!p->open_start && first->part_count == 0) {
		text_ends(first->literal, &e);
		if (ends_hold(p, &e))
			start.kind = by_length(e.len, WITNESS_START, WITNESS_START_SHORT);
		start.key = start.kind == WITNESS_START ? e.head : start_short_key(&e);
	}
	if (!p->open_end && last->part_count == 0) {
		text_ends(last->literal, &e);
		if (ends_hold(p, &e))
			end.kind = by_length(e.len, WITNESS_END, WITNESS_END_SHORT);
		end.key = end.kind == WITNESS_END ? e.tail : end_short_key(&e);
	}
	return start.kind <= end.kind ? start : end;
}

/* Of one matcher; kind NOTHING when it can hold without the field. */
static struct witness matcher_witness(const struct matcher *m)
{
	struct text_ends e;
	switch (m->kind) {
	case MATCH_TEXT:
		return pattern_witness(m->pattern);
	case MATCH_NUMBER:
		if (m->number.type == NUMBER_F64 && !isfinite(m->number.f64))
			break; /* no number is "unequal" to what is not one */
		return (struct witness){.kind = WITNESS_NUMBER, .key = number_key(&m->number)};
	case MATCH_BOOL:
		text_ends(m->truth ? SLICE("true") : SLICE("false"), &e);
		return (struct witness){.kind = WITNESS_EXACT, .key = exact_key(&e)};
	case MATCH_NULL:
		return (struct witness){.kind = NOTHING};
	case MATCH_EXISTS:
		return (struct witness){.kind = m->truth ? WITNESS_PRESENT : NOTHING};
	case MATCH_REGEX:
	case MATCH_NETWORK:
	case MATCH_COMPARE:
	case MATCH_FIELD:
		break;
	}
	return (struct witness){.kind = WITNESS_PRESENT};
}

/* Every value must hold: the one that says most. Else: the worst of them. */
static struct promise item_promise(const struct item *item)
{
	enum witness_kind worst = item->all ? NOTHING : WITNESS_NUMBER;
	if (item->keyword || item->count == 0)
		return (struct promise){NOTHING, 0};
	for (uint32_t i = 0; i < item->count; i++) {
		enum witness_kind kind = matcher_witness(&item->matchers[i]).kind;
		if (item->all ? kind < worst : kind > worst)
			worst = kind;
	}
	bool each = !item->all && worst < WITNESS_PRESENT && item->count <= WITNESSES_MAX / 4;
	if (!each && !item->all && worst < WITNESS_PRESENT)
		worst = WITNESS_PRESENT;
	return (struct promise){worst, item->names.count * (each ? item->count : 1)};
}

static struct promise node_promise(const struct node *n);

static const struct node *best_child(const struct node *n, struct promise *out)
{
	const struct node *best = NULL;
	*out = (struct promise){NOTHING, 0};
	for (uint32_t i = 0; i < n->count; i++) {
		struct promise p = node_promise(n->children[i]);
		if (p.worst == NOTHING || (best && !promise_better(p, *out)))
			continue;
		*out = p;
		best = n->children[i];
	}
	return best;
}

static struct promise any_promise(const struct node *n)
{
	struct promise sum = {WITNESS_NUMBER, 0};
	for (uint32_t i = 0; i < n->count; i++) {
		struct promise p = node_promise(n->children[i]);
		sum.count += p.count;
		if (p.worst > sum.worst)
			sum.worst = p.worst;
		if (p.worst == NOTHING || sum.count > WITNESSES_MAX)
			return (struct promise){NOTHING, 0};
	}
	return n->count ? sum : (struct promise){NOTHING, 0};
}

static struct promise node_promise(const struct node *n)
{
	struct promise best;
	switch (n->kind) {
	case NODE_ITEM:
		best = item_promise(n->item);
		return best.count > WITNESSES_MAX ? (struct promise){NOTHING, 0} : best;
	case NODE_AND:
		best_child(n, &best);
		return best;
	case NODE_OR:
		return any_promise(n);
	case NODE_NOT:
		break;
	}
	return (struct promise){NOTHING, 0};
}

/* ---- writing it down ---- */

struct witness_list {
	struct witness *list;
	uint32_t count;
};

static void add_matcher(struct witness_list *out, const struct field_names *names, struct witness w)
{
	for (uint32_t i = 0; i < names->count; i++) {
		w.field = names->ids[i];
		out->list[out->count++] = w;
	}
}

static void add_item(struct witness_list *out, const struct item *item)
{
	struct promise p = item_promise(item);
	if (p.worst == WITNESS_PRESENT) {
		add_matcher(out, &item->names, (struct witness){.kind = WITNESS_PRESENT});
		return;
	}
	for (uint32_t i = 0; i < item->count; i++) {
		struct witness w = matcher_witness(&item->matchers[i]);
		if (item->all && w.kind != p.worst)
			continue;
		add_matcher(out, &item->names, w);
		if (item->all)
			return;
	}
}

static void add_node(struct witness_list *out, const struct node *n)
{
	struct promise ignored;
	if (n->kind == NODE_ITEM)
		add_item(out, n->item);
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
	if (p.worst == NOTHING)
		return 0;
	struct witness_list all = {.list = arena_alloc(arena, p.count * sizeof *all.list)};
	if (!all.list)
		return -ERROR_MEMORY;
	add_node(&all, root);
	CHECK(all.count == p.count && all.count > 0);
	*out = all.list;
	*count = all.count;
	return 0;
}
