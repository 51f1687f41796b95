/* What the tree promises before any row is read: kinds, times, texts that must occur, fields that are looked at. Every
 * promise may be too wide, never too narrow.
 */
#include "store/query.h"

#include <stdio.h>

#define LITERALS_MAX SCAN_LITERALS_MAX
#define ALL_KINDS UINT32_MAX

/* ---- kinds ---- */

static bool names_kind(const struct node *node)
{
	if (node->kind == NODE_FIELD)
		return node->field.special == SPECIAL_KIND;
	for (const struct node *n = node->first; n != NULL; n = n->next)
		if (names_kind(n))
			return true;
	return false;
}

static uint32_t leaf_kinds(const struct node *node)
{
	if (node->field.special != SPECIAL_KIND || node->match.kind != MATCH_EQUAL)
		return ALL_KINDS;
	for (uint8_t kind = 0; kind < 32; kind++)
		if (fold_equal(node->match.text, slice_str(row_kind_name(kind))))
			return 1u << kind;
	return 0;
}

static uint32_t node_kinds(const struct node *node)
{
	uint32_t kinds = node->kind == NODE_AND ? ALL_KINDS : 0;
	switch (node->kind) {
	case NODE_FIELD:
		return leaf_kinds(node);
	case NODE_AND:
		for (const struct node *n = node->first; n != NULL; n = n->next)
			kinds &= node_kinds(n);
		return kinds;
	case NODE_OR:
		for (const struct node *n = node->first; n != NULL; n = n->next)
			kinds |= node_kinds(n);
		return kinds;
	default:
		return ALL_KINDS;
	}
}

/* ---- times ---- */

struct span {
	int64_t from, to;
};

/* `when` is never after `time`, so an upper end of time is one of when; a lower one is not. */
static struct span leaf_span(const struct node *node)
{
	struct span span = {INT64_MIN, INT64_MAX};
	if (node->match.kind != MATCH_TIME)
		return span;
	if (node->field.special == SPECIAL_WHEN)
		span.from = node->match.lo_ns;
	if (node->field.special == SPECIAL_WHEN || node->field.special == SPECIAL_TIME)
		span.to = node->match.hi_ns;
	return span;
}

static struct span span_join(struct span a, struct span b, bool all)
{
	if (all)
		return (struct span){a.from > b.from ? a.from : b.from, a.to < b.to ? a.to : b.to};
	return (struct span){a.from < b.from ? a.from : b.from, a.to > b.to ? a.to : b.to};
}

static struct span node_span(const struct node *node)
{
	bool all = node->kind == NODE_AND;
	if (node->kind == NODE_FIELD)
		return leaf_span(node);
	if (node->kind != NODE_AND && node->kind != NODE_OR)
		return (struct span){INT64_MIN, INT64_MAX};
	struct span span = node_span(node->first);
	for (const struct node *n = node->first->next; n != NULL; n = n->next)
		span = span_join(span, node_span(n), all);
	return span;
}

/* ---- literals ---- */

struct literals {
	struct scan_literal *items;
	uint32_t count; /* 0: no promise */
	size_t shortest;
};

static struct literals no_literals(void)
{
	return (struct literals){0};
}

static struct literals one_literal(struct arena *arena, struct slice text, bool whole_left, bool whole_right)
{
	struct scan_literal *item = text.len == 0 ? NULL : arena_alloc(arena, sizeof(*item));
	if (item == NULL)
		return no_literals();
	*item = (struct scan_literal){text, whole_left, whole_right};
	return (struct literals){item, 1, text.len};
}

static struct literals pattern_literals(struct arena *arena, const struct pattern *p)
{
	struct pattern_literal l = pattern_longest(p);
	return one_literal(arena, l.text, l.whole_left, l.whole_right);
}

/* Each text is copied: arena text lives as long as the query. */
static struct literals join_any(struct arena *arena, struct literals a, struct literals b)
{
	if (a.count == 0 || b.count == 0 || a.count + b.count > LITERALS_MAX)
		return no_literals();
	struct scan_literal *items = arena_alloc(arena, (a.count + b.count) * sizeof(*items));
	if (items == NULL)
		return no_literals();
	memcpy(items, a.items, a.count * sizeof(*items));
	memcpy(items + a.count, b.items, b.count * sizeof(*items));
	return (struct literals){items, a.count + b.count, a.shortest < b.shortest ? a.shortest : b.shortest};
}

/* IPv4 is written dotted, or mapped with a group that can only be "ffff". */
static struct literals ipv4_literals(struct arena *arena, const uint8_t address[16])
{
	char text[46];
	size_t len = address_print(address, text);
	struct slice dotted = arena_copy(arena, slice_of(text, len));
	return join_any(arena, one_literal(arena, dotted, true, true), one_literal(arena, SLICE("ffff"), true, true));
}

/* A group of four hexadecimal digits has one spelling; the last two groups may also be written dotted. */
static struct literals address_literals(struct arena *arena, const uint8_t address[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	char text[8];
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return ipv4_literals(arena, address);
	for (int group = 5; group >= 0; group--) {
		unsigned value = (unsigned)address[2 * group] << 8 | address[2 * group + 1];
		if (value < 0x1000)
			continue;
		snprintf(text, sizeof(text), "%04x", value);
		return one_literal(arena, arena_copy(arena, slice_of(text, 4)), true, true);
	}
	return no_literals();
}

static struct literals leaf_literals(struct arena *arena, const struct node *node)
{
	const struct match *m = &node->match;
	if (node->field.special != SPECIAL_NONE)
		return no_literals();
	if (m->kind == MATCH_PATTERN)
		return pattern_literals(arena, &m->pattern);
	if (m->kind != MATCH_EQUAL || m->has_number || slice_equal(m->text, SLICE("null")))
		return no_literals();
	if (m->has_address)
		return address_literals(arena, m->address);
	return one_literal(arena, m->text, true, true);
}

/* All children hold, so the best of their promises does. */
static struct literals and_literals(struct arena *arena, const struct node *node);
static struct literals or_literals(struct arena *arena, const struct node *node);

static struct literals node_literals(struct arena *arena, const struct node *node)
{
	switch (node->kind) {
	case NODE_WORD:
		return pattern_literals(arena, &node->pattern);
	case NODE_FIELD:
		return leaf_literals(arena, node);
	case NODE_AND:
		return and_literals(arena, node);
	case NODE_OR:
		return or_literals(arena, node);
	default:
		return no_literals();
	}
}

static struct literals and_literals(struct arena *arena, const struct node *node)
{
	struct literals best = no_literals();
	for (const struct node *n = node->first; n != NULL; n = n->next) {
		struct literals l = node_literals(arena, n);
		if (l.count > 0 && (best.count == 0 || l.shortest > best.shortest))
			best = l;
	}
	return best;
}

static struct literals or_literals(struct arena *arena, const struct node *node)
{
	struct literals all = node_literals(arena, node->first);
	for (const struct node *n = node->first->next; n != NULL && all.count > 0; n = n->next)
		all = join_any(arena, all, node_literals(arena, n));
	return all;
}

/* ---- columns ---- */

struct columns {
	struct slice *names;
	uint32_t count, room;
	bool all;
};

static void column_add(struct columns *c, const struct field_ref *field)
{
	if (field->special == SPECIAL_ORIGINAL)
		c->all = true;
	if (field->special != SPECIAL_NONE)
		return;
	for (uint32_t i = 0; i < c->count; i++)
		if (slice_equal(c->names[i], field->name))
			return;
	CHECK(c->count < c->room);
	c->names[c->count++] = field->name;
}

static void node_columns(struct columns *c, const struct node *node)
{
	if (node->kind == NODE_WORD)
		c->all = true;
	if (node->kind == NODE_FIELD)
		column_add(c, &node->field);
	for (const struct node *n = node->first; n != NULL; n = n->next)
		node_columns(c, n);
}

static void pipe_columns(struct columns *c, const struct query *q)
{
	for (uint32_t i = 0; i < q->rows.sort_count; i++)
		column_add(c, &q->rows.sort[i].field);
	for (uint32_t i = 0; i < q->rows.field_count; i++)
		column_add(c, &q->rows.fields[i]);
	for (uint32_t i = 0; i < q->table.by_count; i++)
		column_add(c, &q->table.by[i]);
	for (uint32_t i = 0; i < q->table.function_count; i++)
		if (q->table.functions[i].function != FUNCTION_COUNT)
			column_add(c, &q->table.functions[i].field);
}

/* Rows that are printed as a whole need all they have. */
static int plan_found(struct query *q, struct error *error)
{
	struct columns c = {.room = QUERY_SORT_MAX + QUERY_BY_MAX + QUERY_FUNCTIONS_MAX + QUERY_FIELDS_MAX};
	c.names = arena_alloc(&q->arena, c.room * sizeof(*c.names));
	if (c.names == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for the query");
	pipe_columns(&c, q);
	q->found_columns = c.names;
	q->found_column_count = c.count;
	q->found_all = c.all || (!q->has_table && q->rows.field_count == 0);
	q->count_only = q->has_table && q->table.by_count == 0;
	for (uint32_t i = 0; i < q->table.function_count; i++)
		q->count_only &= q->table.functions[i].function == FUNCTION_COUNT;
	return 0;
}

/* ---- the whole ---- */

static int plan_columns(struct query *q, struct error *error)
{
	uint32_t foreign = q->foreign == NULL ? 0 : q->foreign->column_count;
	struct columns c = {.room = foreign + 2 * QUERY_TERMS_MAX + QUERY_SORT_MAX + QUERY_BY_MAX + QUERY_FUNCTIONS_MAX +
								QUERY_FIELDS_MAX};
	c.names = arena_alloc(&q->arena, c.room * sizeof(*c.names));
	if (c.names == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for the query");
	for (uint32_t i = 0; i < foreign; i++)
		c.names[c.count++] = q->foreign->columns[i];
	if (q->root != NULL)
		node_columns(&c, q->root);
	q->predicate.columns = c.names;
	q->predicate.column_count = c.count;
	q->predicate.all_columns = c.all || (q->foreign != NULL && q->foreign->all_columns);
	pipe_columns(&c, q);
	q->columns = c.names;
	q->column_count = c.count;
	q->all_columns = c.all || q->predicate.all_columns;
	return 0;
}

static int plan_literals(struct query *q, struct error *error)
{
	uint32_t count = q->foreign != NULL ? q->foreign->literal_count : 0;
	const struct node *root = q->root;
	struct literals l = root == NULL ? no_literals() : node_literals(&q->arena, root);
	if (root != NULL)
		count = l.count;
	q->literals = arena_zalloc(&q->arena, count * sizeof(*q->literals));
	struct slice *texts = arena_zalloc(&q->arena, count * sizeof(*texts));
	if (q->literals == NULL || texts == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for the query");
	CHECK(l.count == 0 || l.items != NULL);
	for (uint32_t i = 0; i < count; i++) {
		q->literals[i] = root != NULL ? l.items[i] : (struct scan_literal){.folded = q->foreign->literals[i]};
		texts[i] = q->literals[i].folded;
	}
	q->literal_count = q->predicate.literal_count = count;
	q->predicate.literals = texts;
	return 0;
}

int query_plan(struct query *q, struct error *error)
{
	struct span span = {INT64_MIN, INT64_MAX};
	q->kinds = 1u << ROW_EVENT;
	if (q->root != NULL) {
		span = node_span(q->root);
		if (names_kind(q->root))
			q->kinds = node_kinds(q->root);
	}
	span = span_join(span, (struct span){q->options.from_ns, q->options.to_ns}, true);
	q->from_ns = span.from;
	q->to_ns = span.to;
	int rc = plan_columns(q, error);
	if (rc == 0)
		rc = plan_found(q, error);
	return rc < 0 ? rc : plan_literals(q, error);
}
