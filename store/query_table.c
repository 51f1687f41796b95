/* The table of finished groups: cells, order, what stands behind it, lines. */
#include "store/query_groups_inside.h"

#include <stdio.h>
#include <stdlib.h>

static struct batch_value cell_text(struct groups *g, enum value_type type, const char *text)
{
	struct batch_value cell = {.type = (uint8_t)type, .text = arena_copy(&g->arena, slice_str(text))};
	if (cell.text.ptr == NULL)
		cell.type = VALUE_NULL;
	return cell;
}

static struct batch_value cell_whole(struct groups *g, bool negative, unsigned __int128 magnitude)
{
	char text[48];
	size_t at = sizeof(text);
	text[--at] = 0;
	do
		text[--at] = (char)('0' + (int)(magnitude % 10));
	while ((magnitude /= 10) > 0);
	if (negative)
		text[--at] = '-';
	return cell_text(g, VALUE_F64, text + at);
}

static struct batch_value cell_real(struct groups *g, double value)
{
	char text[40];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		struct number back;
		if (query_number_parse(slice_str(text), &back) && number_real(&back) == value)
			break;
	}
	return cell_text(g, json_is_number(slice_str(text), NULL) ? VALUE_F64 : VALUE_STRING, text);
}

static struct batch_value cell_sum(struct groups *g, const struct gathered *from)
{
	unsigned __int128 sum = (unsigned __int128)from->sum_high << 64 | from->sum_low;
	if (from->count == 0)
		return (struct batch_value){.type = VALUE_NULL};
	if (from->real)
		return cell_real(g, from->sum);
	bool negative = from->sum_high >> 63 != 0;
	return cell_whole(g, negative, negative ? -sum : sum);
}

static struct batch_value cell_of(struct groups *g, enum function function, const struct gathered *from)
{
	switch (function) {
	case FUNCTION_COUNT:
	case FUNCTION_COUNT_FIELD:
		return cell_whole(g, false, from->count);
	case FUNCTION_DC:
		return cell_whole(g, false, from->set.count);
	case FUNCTION_MIN:
	case FUNCTION_MAX:
		return from->has_extreme ? from->extreme : (struct batch_value){.type = VALUE_NULL};
	case FUNCTION_SUM:
		return cell_sum(g, from);
	case FUNCTION_AVG:
		if (from->count > 0)
			return cell_real(g, from->sum / (double)from->count);
		break;
	}
	return (struct batch_value){.type = VALUE_NULL};
}

struct slice groups_column(const struct groups *g, uint32_t column)
{
	return column < g->spec->by_count ? g->spec->by[column].name : g->spec->functions[column - g->spec->by_count].name;
}

static struct batch_value *table_row(struct groups *g, const struct group *group)
{
	uint32_t by = g->spec->by_count;
	struct batch_value *cells = arena_alloc(&g->arena, (by + g->spec->function_count) * sizeof(*cells));
	if (cells == NULL)
		return NULL;
	for (uint32_t i = 0; i < by; i++)
		cells[i] = group->keys[i];
	for (uint32_t i = 0; i < g->spec->function_count; i++)
		cells[by + i] = cell_of(g, g->spec->functions[i].function, &group->functions[i]);
	return cells;
}

struct table_order {
	uint32_t column[QUERY_SORT_MAX];
	bool descending[QUERY_SORT_MAX];
	uint32_t count, columns;
};

/* Keys first, then all columns from the left: grouping values differ in one of them, so the order is total. */
static int compare_rows(const void *left, const void *right, void *ctx)
{
	struct batch_value *const *a = left, *const *b = right;
	const struct table_order *o = ctx;
	for (uint32_t i = 0; i < o->count + o->columns; i++) {
		uint32_t column = i < o->count ? o->column[i] : i - o->count;
		struct order_value x = order_of(&(*a)[column]), y = order_of(&(*b)[column]);
		int order = order_compare_key(&x, &y, i < o->count && o->descending[i]);
		if (order == 0)
			order = slice_compare((*a)[column].text, (*b)[column].text);
		if (order == 0)
			order = (*a)[column].type - (*b)[column].type;
		if (order != 0)
			return order;
	}
	return 0;
}

static void table_sort(struct table *t, const struct table_order *order)
{
	if (t->count > 1)
		qsort_r(t->rows, t->count, sizeof(*t->rows), compare_rows, (void *)(uintptr_t)order);
}

struct named_row {
	const struct groups *g;
	const struct batch_value *cells;
};

static bool named_cell(void *ctx, struct slice name, uint32_t i, struct batch_value *out)
{
	const struct named_row *row = ctx;
	for (uint32_t c = 0; c < row->g->spec->by_count + row->g->spec->function_count; c++) {
		if (!slice_equal(groups_column(row->g, c), name))
			continue;
		*out = row->cells[c];
		return i == 0 && out->type != VALUE_NULL;
	}
	return false;
}

static void table_where(struct groups *g, struct table *t)
{
	uint64_t kept = 0;
	for (uint64_t i = 0; g->q->after.where != NULL && i < t->count; i++) {
		struct named_row row = {g, t->rows[i]};
		if (query_test_named((struct query *)(uintptr_t)g->q, g->q->after.where, named_cell, &row))
			t->rows[kept++] = t->rows[i];
	}
	if (g->q->after.where != NULL)
		t->count = kept;
}

static void table_after(struct groups *g, struct table *t)
{
	const struct stage *after = &g->q->after;
	struct table_order order = {.columns = t->columns};
	table_where(g, t);
	for (uint32_t i = 0; i < after->sort_count; i++)
		for (uint32_t c = 0; c < t->columns; c++)
			if (slice_equal(groups_column(g, c), after->sort[i].field.name)) {
				order.column[order.count] = c;
				order.descending[order.count++] = after->sort[i].descending;
			}
	if (after->sort_count > 0)
		table_sort(t, &order);
	if (after->has_limit && t->count > after->limit)
		t->count = after->limit;
}

int groups_finish(struct groups *g, struct table *out)
{
	*out = (struct table){.columns = g->spec->by_count + g->spec->function_count};
	struct table_order order = {.columns = out->columns};
	if (g->spec->top != 0)
		order = (struct table_order){.column = {1}, .descending = {true}, .count = 1, .columns = out->columns};
	/* Without grouping there is one row even when nothing was found: count() of nothing is 0. */
	struct group *group;
	if (g->spec->by_count == 0 && g->count == 0 && group_find(g, NULL, &group) < 0)
		return -ERROR_MEMORY;
	out->rows = arena_alloc(&g->arena, g->count * sizeof(*out->rows));
	if (out->rows == NULL)
		return -ERROR_MEMORY;
	for (group = g->first; group != NULL; group = group->next)
		if ((out->rows[out->count++] = table_row(g, group)) == NULL)
			return -ERROR_MEMORY;
	table_sort(out, &order);
	if (g->spec->top != 0 && out->count > g->spec->top)
		out->count = g->spec->top;
	table_after(g, out);
	return 0;
}

/* ---- lines ---- */

static void cell_json(const struct groups *g, struct json_writer *w, uint32_t column, const struct batch_value *cells)
{
	json_key_slice(w, groups_column(g, column));
	row_json_value(w, &cells[column]);
}

void groups_line(const struct groups *g, const struct batch_value *cells, struct buffer *out)
{
	const struct stage *after = &g->q->after;
	uint32_t columns = g->spec->by_count + g->spec->function_count;
	struct json_writer w;
	json_writer_init(&w, out);
	json_object(&w);
	for (uint32_t c = 0; after->field_count == 0 && c < columns; c++)
		cell_json(g, &w, c, cells);
	for (uint32_t i = 0; i < after->field_count; i++)
		for (uint32_t c = 0; c < columns; c++)
			if (slice_equal(groups_column(g, c), after->fields[i].name))
				cell_json(g, &w, c, cells);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}
