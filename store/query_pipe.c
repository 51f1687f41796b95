#include "store/query_parse.h"

#include <stdio.h>

#define SPACE_IN_ARENA(p, n) arena_alloc(&(p)->q->arena, (n))

static struct stage *stage_of(struct parser *p)
{
	return p->q->has_table ? &p->q->after : &p->q->rows;
}

/* ---- columns of a table ---- */

static struct slice column_name(const struct table_spec *t, uint32_t i)
{
	return i < t->by_count ? t->by[i].name : t->functions[i - t->by_count].name;
}

/* Behind a table names are columns, and a wrong one is told at once. */
static int check_column(struct parser *p, size_t at, const struct field_ref *field)
{
	const struct table_spec *t = &p->q->table;
	char list[256];
	size_t len = 0;
	if (!p->q->has_table)
		return 0;
	list[0] = 0;
	for (uint32_t i = 0; i < t->by_count + t->function_count; i++) {
		struct slice name = column_name(t, i);
		if (slice_equal(name, field->name))
			return 0;
		if (len + name.len + 3 < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%.*s", len == 0 ? "" : ", ", SLICE_PRINT(name));
	}
	return parse_error(p, at, "the table has no column %.*s; it has %s",
					   (int)(field->name.len > 100 ? 100 : field->name.len), (const char *)field->name.ptr, list);
}

static int pipe_field(struct parser *p, struct field_ref *out)
{
	size_t at = p->at;
	int rc = parse_field(p, out);
	return rc < 0 ? rc : check_column(p, at, out);
}

static bool take_comma(struct parser *p)
{
	parse_space(p);
	if (parse_peek(p) != ',')
		return false;
	p->at++;
	parse_space(p);
	return true;
}

static int parse_count(struct parser *p, const char *pipe, uint64_t *out)
{
	struct atom atom;
	size_t at = p->at;
	int rc = parse_atom(p, ",", &atom);
	if (rc < 0)
		return rc;
	if (!slice_to_u64(atom.raw, out) || *out == 0)
		return parse_error(p, at, "%s needs a whole number from 1", pipe);
	return 0;
}

/* ---- where, sort, limit, fields ---- */

static int named_columns(struct parser *p, size_t at, struct node *node)
{
	for (struct node *n = node; n != NULL; n = n->next) {
		if (n->kind == NODE_WORD)
			return parse_error(p, at, "behind a table every term of where needs a column: name:value");
		int rc = n->kind == NODE_FIELD ? check_column(p, at, &n->field) : 0;
		if (rc == 0 && n->first != NULL)
			rc = named_columns(p, at, n->first);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int pipe_where(struct parser *p, size_t start)
{
	struct stage *stage = stage_of(p);
	struct node *node, **where = p->q->has_table ? &stage->where : &p->q->root;
	if (stage->has_limit)
		return parse_error(p, start, "where must stand before limit");
	int rc = parse_expression(p, &node);
	if (rc == 0 && parse_peek(p) == ')')
		rc = parse_error(p, p->at, "there is no open parenthesis for this one");
	if (rc == 0 && p->q->has_table)
		rc = named_columns(p, start, node);
	if (rc < 0 || *where == NULL) {
		*where = rc < 0 ? *where : node;
		return rc;
	}
	struct node *both = arena_zalloc(&p->q->arena, sizeof(*both));
	if (both == NULL)
		return parse_memory(p);
	both->kind = NODE_AND;
	both->first = *where;
	(*where)->next = node;
	*where = both;
	return 0;
}

static int pipe_sort(struct parser *p, size_t start)
{
	struct stage *stage = stage_of(p);
	if (stage->has_limit)
		return parse_error(p, start, "sort must stand before limit");
	if (stage->sort_count > 0)
		return parse_error(p, start, "one sort is enough: sort a, b desc");
	do {
		if (stage->sort_count == QUERY_SORT_MAX)
			return parse_error(p, p->at, "sort takes at most %u fields", QUERY_SORT_MAX);
		struct sort_key *key = &stage->sort[stage->sort_count++];
		int rc = pipe_field(p, &key->field);
		if (rc < 0)
			return rc;
		if (key->field.special == SPECIAL_FLAG && !p->q->has_table)
			return parse_error(p, start, "flag has no order");
		parse_space(p);
		key->descending = parse_word(p, "desc");
		if (!key->descending)
			parse_word(p, "asc");
	} while (take_comma(p));
	return 0;
}

static int pipe_limit(struct parser *p, size_t start)
{
	struct stage *stage = stage_of(p);
	if (stage->has_limit)
		return parse_error(p, start, "one limit is enough");
	stage->has_limit = true;
	return parse_count(p, "limit", &stage->limit);
}

static int pipe_fields(struct parser *p, size_t start)
{
	struct stage *stage = stage_of(p);
	if (stage->field_count > 0)
		return parse_error(p, start, "one fields is enough");
	struct field_ref *fields = SPACE_IN_ARENA(p, QUERY_FIELDS_MAX * sizeof(*fields));
	if (fields == NULL)
		return parse_memory(p);
	do {
		if (stage->field_count == QUERY_FIELDS_MAX)
			return parse_error(p, p->at, "fields takes at most %u names", QUERY_FIELDS_MAX);
		int rc = pipe_field(p, &fields[stage->field_count++]);
		if (rc < 0)
			return rc;
	} while (take_comma(p));
	stage->fields = fields;
	return 0;
}

/* ---- tables ---- */

static int table_begin(struct parser *p, size_t start)
{
	const struct stage *rows = &p->q->rows;
	if (p->q->has_table)
		return parse_error(p, start, "a query makes one table: stats, count, top or bin");
	if (rows->sort_count > 0 || rows->has_limit || rows->field_count > 0)
		return parse_error(p, start, "sort, limit and fields stand behind the pipe that makes the table");
	return 0;
}

static int table_bin(struct parser *p, struct slice span, size_t at)
{
	struct table_spec *t = &p->q->table;
	if (t->bin_ns != 0)
		return parse_error(p, at, "one bin is enough");
	if (!clock_parse_span(span, &t->bin_ns) || t->bin_ns <= 0)
		return parse_error(p, at, "a bin is a length of time as 30s, 5m, 1h, 1d");
	t->bin_index = t->by_count;
	t->by[t->by_count++] = (struct field_ref){SPECIAL_WHEN, SLICE("time")};
	return 0;
}

static int by_bin(struct parser *p)
{
	struct atom span;
	size_t open = p->at++;
	int rc = parse_atom(p, "", &span);
	if (rc < 0)
		return rc;
	if (parse_peek(p) != ')')
		return parse_error(p, p->at, "the parenthesis of column %zu needs a closing one", open + 1);
	p->at++;
	return table_bin(p, span.raw, span.start);
}

static int parse_by(struct parser *p)
{
	struct table_spec *t = &p->q->table;
	do {
		struct field_ref field;
		size_t at = p->at;
		if (t->by_count == QUERY_BY_MAX)
			return parse_error(p, p->at, "by takes at most %u fields", QUERY_BY_MAX);
		int rc = parse_field(p, &field);
		if (rc == 0 && parse_peek(p) == '(' && slice_equal(field.name, SLICE("bin")))
			rc = by_bin(p);
		else if (rc == 0)
			t->by[t->by_count++] = field;
		if (rc < 0)
			return rc;
		for (uint32_t i = 0; i + 1 < t->by_count; i++)
			if (slice_equal(t->by[i].name, t->by[t->by_count - 1].name))
				return parse_error(p, at, "by has a column %.*s already", SLICE_PRINT(t->by[i].name));
	} while (take_comma(p));
	return 0;
}

static int function_find(struct parser *p, const struct atom *name, enum function *out)
{
	static const char *const names[] = {"count", "count", "dc", "min", "max", "sum", "avg"};
	for (unsigned i = FUNCTION_COUNT_FIELD; i <= FUNCTION_AVG; i++) {
		if (slice_equal_nocase(name->raw, slice_str(names[i]))) {
			*out = (enum function)i;
			return 0;
		}
	}
	return parse_error(p, name->start, "stats knows count() count(f) dc(f) min(f) max(f) sum(f) avg(f)");
}

/* "count" or the text of the call. */
static int function_name(struct parser *p, struct aggregate *a, const struct atom *name)
{
	struct atom as;
	if (a->function == FUNCTION_COUNT)
		a->name = SLICE("count");
	else
		a->name = slice_of(name->raw.ptr, p->text.ptr + p->at - name->raw.ptr);
	a->name = arena_copy(&p->q->arena, a->name);
	if (a->name.ptr == NULL)
		return parse_memory(p);
	parse_space(p);
	if (!parse_word(p, "as"))
		return 0;
	parse_space(p);
	int rc = parse_atom(p, ",", &as);
	if (rc == 0 && (as.wild || as.marked.len == 0))
		rc = parse_error(p, as.start, "as needs a name");
	a->name = as.marked;
	return rc;
}

static int parse_function(struct parser *p, struct aggregate *a)
{
	struct atom name;
	int rc = parse_atom(p, ",", &name);
	if (rc == 0)
		rc = function_find(p, &name, &a->function);
	if (rc < 0)
		return rc;
	if (parse_peek(p) != '(')
		return parse_error(p, p->at, "%.*s needs parentheses: %.*s(%s)", SLICE_PRINT(name.raw), SLICE_PRINT(name.raw),
						   a->function == FUNCTION_COUNT_FIELD ? "" : "field");
	size_t open = p->at++;
	parse_space(p);
	if (parse_peek(p) == ')' && a->function == FUNCTION_COUNT_FIELD)
		a->function = FUNCTION_COUNT;
	else
		rc = parse_field(p, &a->field);
	if (rc < 0)
		return rc;
	parse_space(p);
	if (parse_peek(p) != ')')
		return parse_error(p, p->at, "the parenthesis of column %zu needs a closing one", open + 1);
	p->at++;
	return function_name(p, a, &name);
}

/* Two columns of one name would make JSON objects that readers take apart differently. */
static int check_names(struct parser *p, size_t start)
{
	const struct table_spec *t = &p->q->table;
	uint32_t count = t->by_count + t->function_count;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (slice_equal(column_name(t, i), column_name(t, j)))
				return parse_error(p, start, "two columns are called %.*s; name one with as",
								   SLICE_PRINT(column_name(t, i)));
	return 0;
}

static int pipe_stats(struct parser *p, size_t start)
{
	struct table_spec *t = &p->q->table;
	do {
		if (t->function_count == QUERY_FUNCTIONS_MAX)
			return parse_error(p, p->at, "stats takes at most %u functions", QUERY_FUNCTIONS_MAX);
		int rc = parse_function(p, &t->functions[t->function_count++]);
		if (rc < 0)
			return rc;
	} while (take_comma(p));
	int rc = 0;
	if (parse_word(p, "by")) {
		parse_space(p);
		rc = parse_by(p);
	}
	p->q->has_table = true;
	return rc < 0 ? rc : check_names(p, start);
}

static void table_count(struct parser *p)
{
	p->q->table.functions[0] = (struct aggregate){.function = FUNCTION_COUNT, .name = SLICE("count")};
	p->q->table.function_count = 1;
	p->q->has_table = true;
}

static int pipe_top(struct parser *p, size_t start)
{
	struct table_spec *t = &p->q->table;
	int rc = parse_count(p, "top", &t->top);
	parse_space(p);
	if (rc == 0)
		rc = parse_field(p, &t->by[0]);
	t->by_count = 1;
	table_count(p);
	return rc < 0 ? rc : check_names(p, start);
}

static int pipe_bin(struct parser *p, size_t start)
{
	struct atom span;
	int rc = parse_atom(p, ",", &span);
	if (rc == 0)
		rc = table_bin(p, span.raw, span.start);
	parse_space(p);
	if (rc == 0 && parse_word(p, "by")) {
		parse_space(p);
		rc = parse_by(p);
	}
	table_count(p);
	return rc < 0 ? rc : check_names(p, start);
}

static int pipe_count(struct parser *p, size_t start)
{
	(void)start;
	table_count(p);
	return 0;
}

/* ---- the list ---- */

static const struct {
	const char *name;
	bool table;
	int (*parse)(struct parser *p, size_t start);
} pipes[] = {
	{"where", false, pipe_where},   {"sort", false, pipe_sort},  {"limit", false, pipe_limit},
	{"fields", false, pipe_fields}, {"stats", true, pipe_stats}, {"count", true, pipe_count},
	{"top", true, pipe_top},        {"bin", true, pipe_bin},
};

static int parse_pipe(struct parser *p)
{
	size_t start = p->at;
	for (size_t i = 0; i < sizeof(pipes) / sizeof(pipes[0]); i++) {
		if (!parse_word(p, pipes[i].name))
			continue;
		int rc = pipes[i].table ? table_begin(p, start) : 0;
		parse_space(p);
		return rc < 0 ? rc : pipes[i].parse(p, start);
	}
	return parse_error(p, start, "behind a bar stands where, sort, limit, fields, stats, count, top or bin");
}

int parse_pipes(struct parser *p)
{
	char found[16];
	parse_space(p);
	while (!parse_end(p)) {
		if (parse_peek(p) != '|')
			return parse_error(p, p->at, "a bar or the end is needed here instead of %s", parse_found(p, found));
		p->at++;
		parse_space(p);
		int rc = parse_pipe(p);
		if (rc < 0)
			return rc;
		parse_space(p);
	}
	return 0;
}
