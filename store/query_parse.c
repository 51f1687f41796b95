#include "store/query_parse.h"

static int parse_unary(struct parser *p, struct node **out);

static struct node *node_new(struct parser *p, enum node_kind kind)
{
	struct node *node = arena_zalloc(&p->q->arena, sizeof(*node));
	if (node == NULL)
		parse_memory(p);
	else
		node->kind = kind;
	return node;
}

enum special special_find(struct slice name)
{
	static const char *const names[] = {
#define X(id, text) text,
		SPECIAL_LIST(X)
#undef X
	};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_equal(name, slice_str(names[i])))
			return (enum special)(i + 1);
	return SPECIAL_NONE;
}

/* ---- terms ---- */

static bool name_begins(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@' || c >= 0x80;
}

/* The place of the colon that makes a field of the word at p->at, or SIZE_MAX: addresses and URLs are words. */
static size_t field_colon(struct parser *p, struct slice raw)
{
	uint8_t address[16];
	unsigned bits;
	bool host_bits;
	size_t colon = parse_find_plain(raw, ':');
	if (raw.len == 0 || !name_begins(raw.ptr[0]) || colon == SIZE_MAX)
		return SIZE_MAX;
	if (slice_starts(slice_from(raw, colon + 1), SLICE("//")) || address_parse(raw, address) ||
		network_parse(raw, address, &bits, &host_bits))
		return SIZE_MAX;
	return p->at + colon;
}

static int word_node(struct parser *p, const struct atom *atom, struct node **out)
{
	if (atom->marked.len == 0)
		return parse_error(p, atom->start, "an empty phrase is in every text; write * for everything");
	struct node *node = node_new(p, NODE_WORD);
	if (node == NULL || pattern_make(&p->q->arena, atom->marked, &node->pattern) < 0)
		return parse_memory(p);
	if (node->pattern.count == 0)
		node->kind = NODE_ALL;
	*out = node;
	return 0;
}

static int field_name(struct parser *p, const struct atom *atom, struct field_ref *out)
{
	if (atom->wild)
		return parse_error(p, atom->start, "a field name takes no wildcards; put a backslash in front of * and ?");
	if (atom->marked.len == 0)
		return parse_error(p, atom->start, "a field name is missing");
	out->name = atom->marked;
	out->special = atom->quoted ? SPECIAL_NONE : special_find(atom->marked);
	return 0;
}

int parse_field(struct parser *p, struct field_ref *out)
{
	struct atom atom;
	int rc = parse_atom(p, ",", &atom);
	return rc < 0 ? rc : field_name(p, &atom, out);
}

static int field_term(struct parser *p, size_t colon, struct node **out)
{
	struct field_ref field;
	struct atom atom;
	int rc = parse_atom(p, ":", &atom);
	if (rc == 0)
		rc = field_name(p, &atom, &field);
	if (rc < 0)
		return rc;
	p->at = colon + 1;
	return parse_field_value(p, &field, colon, out);
}

static int parse_term(struct parser *p, struct node **out)
{
	struct atom atom;
	size_t start = p->at;
	if (++p->terms > QUERY_TERMS_MAX)
		return parse_error(p, p->at, "a query has at most %u terms", QUERY_TERMS_MAX);
	int rc = parse_atom(p, "", &atom);
	if (rc < 0)
		return rc;
	size_t end = p->at, colon = SIZE_MAX;
	if (atom.quoted)
		colon = parse_peek(p) == ':' ? end : SIZE_MAX;
	p->at = start;
	if (!atom.quoted)
		colon = field_colon(p, atom.raw);
	if (colon != SIZE_MAX)
		return field_term(p, colon, out);
	p->at = end;
	return word_node(p, &atom, out);
}

/* ---- expressions ---- */

static int deeper(struct parser *p)
{
	if (++p->depth > QUERY_DEPTH_MAX)
		return parse_error(p, p->at, "parentheses and negations may be %u deep", QUERY_DEPTH_MAX);
	return 0;
}

static int parse_group(struct parser *p, struct node **out)
{
	size_t open = p->at++;
	int rc = deeper(p);
	if (rc == 0)
		rc = parse_expression(p, out);
	if (rc < 0)
		return rc;
	if (parse_peek(p) != ')')
		return parse_error(p, p->at, "the parenthesis of column %zu needs a closing one", open + 1);
	p->at++;
	p->depth--;
	return 0;
}

static bool at_operand(const struct parser *p)
{
	uint8_t c = parse_peek(p);
	return !parse_end(p) && c != ')' && c != '|';
}

static int parse_not(struct parser *p, size_t start, struct node **out)
{
	struct node *node = node_new(p, NODE_NOT);
	if (node == NULL)
		return -ERROR_MEMORY;
	int rc = deeper(p);
	parse_space(p);
	if (rc == 0 && !at_operand(p))
		rc = parse_error(p, start, "not needs a term behind it");
	if (rc == 0)
		rc = parse_unary(p, &node->first);
	p->depth--;
	*out = node;
	return rc;
}

static int parse_unary(struct parser *p, struct node **out)
{
	char found[16];
	size_t start = p->at;
	if (parse_word(p, "not"))
		return parse_not(p, start, out);
	if (parse_word(p, "and") || parse_word(p, "or"))
		return parse_error(p, start, "and, or need a term on both sides; to search for the word itself, quote it");
	uint8_t c = parse_peek(p);
	if (c == '-' && p->at + 1 < p->text.len && strchr(" \t\n\v\f\r)|", p->text.ptr[p->at + 1]) == NULL) {
		p->at++;
		return parse_not(p, start, out);
	}
	if (c == '(')
		return parse_group(p, out);
	if (!at_operand(p))
		return parse_error(p, p->at, "a term is needed here instead of %s", parse_found(p, found));
	return parse_term(p, out);
}

/* One node for several terms, the term itself for one. */
static int join(struct parser *p, enum node_kind kind, struct node *first, struct node **out)
{
	CHECK(first != NULL);
	*out = first;
	if (first->next == NULL)
		return 0;
	struct node *node = node_new(p, kind);
	if (node == NULL)
		return -ERROR_MEMORY;
	node->first = first;
	*out = node;
	return 0;
}

/* True at an `or` without taking it. */
static bool at_or(struct parser *p)
{
	size_t start = p->at;
	bool is = parse_word(p, "or");
	p->at = start;
	return is;
}

static int parse_and(struct parser *p, struct node **out)
{
	struct node *first = NULL, **tail = &first;
	do {
		int rc = parse_unary(p, tail);
		if (rc < 0)
			return rc;
		CHECK(*tail != NULL);
		tail = &(*tail)->next;
		parse_space(p);
		if (parse_word(p, "and")) {
			parse_space(p);
			if (!at_operand(p) || at_or(p))
				return parse_error(p, p->at, "and needs a term behind it");
		}
	} while (at_operand(p) && !at_or(p));
	return join(p, NODE_AND, first, out);
}

int parse_expression(struct parser *p, struct node **out)
{
	struct node *first = NULL, **tail = &first;
	do {
		parse_space(p);
		int rc = parse_and(p, tail);
		if (rc < 0)
			return rc;
		CHECK(*tail != NULL);
		tail = &(*tail)->next;
		parse_space(p);
	} while (parse_word(p, "or"));
	return join(p, NODE_OR, first, out);
}

/* ---- the whole ---- */

static int parse_filter(struct parser *p)
{
	parse_space(p);
	if (parse_end(p) || parse_peek(p) == '|') {
		p->q->root = node_new(p, NODE_ALL);
		return p->q->root == NULL ? -ERROR_MEMORY : 0;
	}
	int rc = parse_expression(p, &p->q->root);
	if (rc == 0 && parse_peek(p) == ')')
		rc = parse_error(p, p->at, "there is no open parenthesis for this one");
	return rc;
}

static int check_text(struct parser *p)
{
	uint32_t code_point;
	if (p->text.len > QUERY_BYTES_MAX)
		return error_set(p->error, ERROR_LIMIT, "a query has at most %u octets", QUERY_BYTES_MAX);
	for (size_t at = 0; at < p->text.len;) {
		unsigned n = utf8_decode(p->text.ptr + at, p->text.len - at, &code_point);
		if (n == 0)
			return parse_error(p, at, "the query must be UTF-8");
		at += n;
	}
	return 0;
}

int query_parse(struct query *q, struct slice text, struct error *error)
{
	struct parser p = {.q = q, .text = text, .error = error};
	int rc = check_text(&p);
	if (rc == 0)
		rc = parse_filter(&p);
	return rc < 0 ? rc : parse_pipes(&p);
}
