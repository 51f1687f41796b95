#include "store/query_parse.h"

#include <stdio.h>

static struct slice fold_copy(struct parser *p, struct slice s)
{
	uint8_t *room = arena_alloc(&p->q->arena, FOLD_ROOM(s.len));
	return room == NULL ? SLICE_NONE : slice_of(room, fold(s, room));
}

static struct node *field_node(struct parser *p, const struct field_ref *field, enum match_kind kind)
{
	struct node *node = arena_zalloc(&p->q->arena, sizeof(*node));
	if (node == NULL) {
		parse_memory(p);
		return NULL;
	}
	node->kind = NODE_FIELD;
	node->field = *field;
	node->match.kind = kind;
	return node;
}

static bool is_time(const struct field_ref *field)
{
	return field->special == SPECIAL_TIME || field->special == SPECIAL_OBSERVED || field->special == SPECIAL_WHEN;
}

static bool is_named(const struct field_ref *field)
{
	return field->special == SPECIAL_KIND || field->special == SPECIAL_FORMAT || field->special == SPECIAL_FLAG;
}

/* ---- one value ---- */

static int match_equal(struct parser *p, const struct atom *atom, struct match *m)
{
	bool host_bits;
	m->kind = MATCH_EQUAL;
	m->text = fold_copy(p, atom->marked);
	if (m->text.ptr == NULL)
		return parse_memory(p);
	m->has_number = !atom->quoted && query_number_parse(atom->marked, &m->number);
	m->has_address = address_parse(atom->marked, m->address);
	if (!m->has_address && !atom->quoted && slice_find_octet(atom->marked, '/', 0) != SIZE_MAX &&
		network_parse(atom->marked, m->address, &m->bits, &host_bits))
		m->kind = MATCH_NETWORK;
	return 0;
}

/* The i-th name that kind:, format: or flag: may take; null past the last. */
static const char *named_value_name(enum special special, size_t i)
{
	if (special == SPECIAL_FLAG)
		return i < QUERY_FLAG_COUNT ? query_flag_name((unsigned)i) : NULL;
	const char *name = special == SPECIAL_KIND ? row_kind_name((uint8_t)i) : row_format_name((uint8_t)i);
	return strcmp(name, "unknown") == 0 ? NULL : name;
}

static int match_named(struct parser *p, const struct field_ref *field, const struct atom *atom, struct match *m)
{
	const char *name;
	char list[200];
	size_t len = 0;
	for (size_t i = 0; (name = named_value_name(field->special, i)) != NULL; i++) {
		if (slice_equal_nocase(atom->marked, slice_str(name)))
			return match_equal(p, atom, m);
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i == 0 ? "" : ", ", name);
	}
	return parse_error(p, atom->start, "%.*s: is one of %s", SLICE_PRINT(field->name), list);
}

static int time_atom(struct parser *p, const struct field_ref *field, const struct atom *atom, int64_t *lo, int64_t *hi)
{
	if (!atom->wild && time_parse(atom->marked, p->q->options.now_ns, true, lo, hi))
		return 0;
	return parse_error(p, atom->start, "%.*s: takes a date, an RFC 3339 time, now, or back from now as -1h",
					   SLICE_PRINT(field->name));
}

static int atom_match(struct parser *p, const struct field_ref *field, const struct atom *atom, struct match *m)
{
	if (atom->wild) {
		if (pattern_make(&p->q->arena, atom->marked, &m->pattern) < 0)
			return parse_memory(p);
		m->kind = m->pattern.count == 0 ? MATCH_ANY : MATCH_PATTERN;
		if (m->kind == MATCH_ANY)
			return 0;
	}
	if (is_time(field)) {
		m->kind = MATCH_TIME;
		return time_atom(p, field, atom, &m->lo_ns, &m->hi_ns);
	}
	if (is_named(field))
		return match_named(p, field, atom, m);
	return atom->wild ? 0 : match_equal(p, atom, m);
}

static int value_node(struct parser *p, const struct field_ref *field, const char *stop, struct node **out)
{
	struct atom atom;
	int rc = parse_atom(p, stop, &atom);
	if (rc < 0)
		return rc;
	if (!atom.quoted && atom.marked.len > 0 && atom.marked.ptr[0] == '~')
		return parse_error(p, atom.start,
						   "regular expressions are not in the language; quote a value that begins with ~");
	*out = field_node(p, field, MATCH_ANY);
	return *out == NULL ? -ERROR_MEMORY : atom_match(p, field, &atom, &(*out)->match);
}

/* ---- ranges ---- */

static int bound_times(struct parser *p, const struct field_ref *field, const struct atom *atom, struct bound *b,
					   int64_t *lo, int64_t *hi)
{
	if (is_time(field))
		return time_atom(p, field, atom, lo, hi);
	if (!time_parse(b->text, p->q->options.now_ns, false, lo, hi))
		return parse_error(p, atom->start,
						   "both ends of a range must be of one kind: numbers, addresses, times or text");
	return 0;
}

static enum range_kind bound_kind(struct parser *p, const struct field_ref *field, const struct atom *atom,
								  struct bound *b)
{
	int64_t lo, hi;
	if (is_time(field))
		return RANGE_TIME;
	if (!atom->quoted && query_number_parse(atom->marked, &b->number))
		return RANGE_NUMBER;
	if (address_parse(atom->marked, b->address))
		return RANGE_ADDRESS;
	return time_parse(atom->marked, p->q->options.now_ns, false, &lo, &hi) ? RANGE_TIME : RANGE_TEXT;
}

/* One end. `*` is no end. The first end that is one decides the kind of the range; -1 before. */
static int range_bound(struct parser *p, const struct field_ref *field, struct match *m, bool upper, const char *stop,
					   int *kind)
{
	struct atom atom;
	struct bound *b = upper ? &m->hi : &m->lo;
	int64_t lo = 0, hi = 0;
	int rc = parse_atom(p, stop, &atom);
	if (rc < 0)
		return rc;
	if (atom.marked.len == 0 && !atom.quoted)
		return parse_error(p, atom.start, "%.*s: needs a value at this end of the range, or *",
						   SLICE_PRINT(field->name));
	b->open = atom.marked.len == 1 && atom.marked.ptr[0] == PATTERN_MANY;
	if (b->open)
		return 0;
	if (atom.wild)
		return parse_error(p, atom.start, "the ends of a range take no wildcards");
	b->text = fold_copy(p, atom.marked);
	if (b->text.ptr == NULL)
		return parse_memory(p);
	enum range_kind here = bound_kind(p, field, &atom, b);
	if (*kind >= 0 && (enum range_kind) * kind != here)
		return parse_error(p, atom.start,
						   "both ends of a range must be of one kind: numbers, addresses, times or text");
	*kind = (int)here;
	if (here != RANGE_TIME)
		return 0;
	b->text = atom.marked;
	rc = bound_times(p, field, &atom, b, &lo, &hi);
	if (upper)
		m->hi_ns = b->inclusive ? hi : lo;
	else
		m->lo_ns = b->inclusive ? lo : hi;
	return rc;
}

static int range_check(struct parser *p, const struct field_ref *field, size_t start)
{
	if (is_named(field) || field->special == SPECIAL_SOURCE || field->special == SPECIAL_DECODER)
		return parse_error(p, start, "%.*s: has no order, so no ranges", SLICE_PRINT(field->name));
	return 0;
}

static struct node *range_node(struct parser *p, const struct field_ref *field)
{
	struct node *node = field_node(p, field, is_time(field) ? MATCH_TIME : MATCH_RANGE);
	if (node == NULL)
		return NULL;
	node->match.lo_ns = INT64_MIN;
	node->match.hi_ns = INT64_MAX;
	node->match.lo.open = node->match.hi.open = true;
	return node;
}

static void range_close(struct node *node, int kind)
{
	if (kind < 0)
		node->match.kind = MATCH_ANY;
	else
		node->match.range = (enum range_kind)kind;
}

static int range_brackets(struct parser *p, const struct field_ref *field, struct node **out)
{
	int kind = -1;
	size_t start = p->at;
	int rc = range_check(p, field, start);
	struct node *node = rc < 0 ? NULL : range_node(p, field);
	if (node == NULL)
		return rc < 0 ? rc : -ERROR_MEMORY;
	node->match.lo.inclusive = p->text.ptr[p->at++] == '[';
	parse_space(p);
	rc = range_bound(p, field, &node->match, false, "]}", &kind);
	if (rc < 0)
		return rc;
	parse_space(p);
	if (!parse_word(p, "to"))
		return parse_error(p, p->at, "a range is written %.*s:[1 TO 5]", SLICE_PRINT(field->name));
	parse_space(p);
	size_t at = p->at;
	/* How the upper end is closed decides what its value means, and stands behind it. */
	struct atom ahead;
	rc = parse_atom(p, "]}", &ahead);
	if (rc < 0)
		return rc;
	parse_space(p);
	uint8_t close = parse_peek(p);
	if (close != ']' && close != '}')
		return parse_error(p, p->at, "the range of column %zu needs a closing ] or }", start + 1);
	node->match.hi.inclusive = close == ']';
	p->at = at;
	rc = range_bound(p, field, &node->match, true, "]}", &kind);
	parse_space(p);
	p->at++;
	range_close(node, kind);
	*out = node;
	return rc;
}

static int range_compare(struct parser *p, const struct field_ref *field, const char *stop, struct node **out)
{
	int kind = -1;
	int rc = range_check(p, field, p->at);
	struct node *node = rc < 0 ? NULL : range_node(p, field);
	if (node == NULL)
		return rc < 0 ? rc : -ERROR_MEMORY;
	bool upper = p->text.ptr[p->at++] == '<';
	struct bound *b = upper ? &node->match.hi : &node->match.lo;
	b->inclusive = parse_peek(p) == '=';
	if (b->inclusive)
		p->at++;
	rc = range_bound(p, field, &node->match, upper, stop, &kind);
	range_close(node, kind);
	*out = node;
	return rc;
}

/* ---- what stands behind the colon ---- */

static int one_value(struct parser *p, const struct field_ref *field, const char *stop, struct node **out)
{
	uint8_t c = parse_peek(p);
	if (c == '[' || c == '{')
		return range_brackets(p, field, out);
	if (c == '<' || c == '>')
		return range_compare(p, field, stop, out);
	return value_node(p, field, stop, out);
}

static void list_space(struct parser *p)
{
	do
		parse_space(p);
	while ((parse_peek(p) == ',' && ++p->at) || parse_word(p, "or"));
}

static int value_list(struct parser *p, const struct field_ref *field, struct node **out)
{
	struct node *node = field_node(p, field, MATCH_ANY), **tail;
	if (node == NULL)
		return -ERROR_MEMORY;
	node->kind = NODE_OR;
	tail = &node->first;
	p->at++;
	for (list_space(p); !parse_end(p) && parse_peek(p) != ')'; list_space(p)) {
		if (parse_peek(p) == '|' || parse_peek(p) == '(')
			break;
		if (++p->terms > QUERY_TERMS_MAX)
			return parse_error(p, p->at, "a query has at most %u terms", QUERY_TERMS_MAX);
		int rc = one_value(p, field, ",", tail);
		if (rc < 0)
			return rc;
		tail = &(*tail)->next;
	}
	if (parse_peek(p) != ')')
		return parse_error(p, p->at, "%.*s:( needs a closing parenthesis", SLICE_PRINT(field->name));
	if (node->first == NULL)
		return parse_error(p, p->at, "%.*s:( needs at least one value", SLICE_PRINT(field->name));
	p->at++;
	*out = node;
	return 0;
}

int parse_field_value(struct parser *p, const struct field_ref *field, size_t colon, struct node **out)
{
	uint8_t c = parse_peek(p);
	if (field->special == SPECIAL_PARTITION || field->special == SPECIAL_OFFSET || field->special == SPECIAL_ROW)
		return parse_error(p, colon, "%.*s is for pipes only; quote it to mean a field of the event",
						   SLICE_PRINT(field->name));
	if (c == '(')
		return value_list(p, field, out);
	if (parse_end(p) || c == ')' || c == '|' || c == ' ' || (c >= '\t' && c <= '\r'))
		return parse_error(p, p->at, "%.*s: needs a value right behind the colon", SLICE_PRINT(field->name));
	return one_value(p, field, "", out);
}
