#include "rules/yaml_block.h"

#include "common/check.h"
#include "common/digest.h"

#include <yaml.h>

struct anchor {
	struct slice name;
	struct tree_node *node; /* null while the node is still being read: an alias inside itself */
	struct anchor *next;
};

struct tree_parser {
	struct arena *arena;
	yaml_parser_t yaml;
	yaml_event_t event;
	bool has_event;
	struct anchor *anchors; /* of this document */
	struct error *error; /* of this document, or start */
	struct error start; /* of what stands between documents */
	bool cut;
};

/* ---- events ---- */

static int parser_fail(struct tree_parser *p, const yaml_mark_t *mark, const char *text)
{
	error_set(p->error, ERROR_SYNTAX, "%s", text);
	error_at(p->error, "", (uint32_t)mark->line + 1, (uint32_t)mark->column + 1);
	return -ERROR_SYNTAX;
}

static int parser_next(struct tree_parser *p)
{
	if (p->has_event)
		yaml_event_delete(&p->event);
	p->has_event = yaml_parser_parse(&p->yaml, &p->event) != 0;
	if (p->has_event)
		return 0;
	if (p->yaml.error == YAML_MEMORY_ERROR)
		return -ERROR_MEMORY;
	p->cut = true;
	yaml_mark_t mark = p->yaml.problem_mark;
	if (p->yaml.error == YAML_READER_ERROR)
		mark = p->yaml.mark;
	char text[256];
	snprintf(text, sizeof text, "not YAML: %s", p->yaml.problem ? p->yaml.problem : "unreadable");
	return parser_fail(p, &mark, text);
}

static struct tree_node *node_new(struct tree_parser *p, const yaml_mark_t *mark)
{
	struct tree_node *n = arena_zalloc(p->arena, sizeof *n);
	if (n) {
		n->line = (uint32_t)mark->line + 1;
		n->column = (uint32_t)mark->column + 1;
		n->weight = 1;
	}
	return n;
}

/* ---- anchors ---- */

static int anchor_add(struct tree_parser *p, const yaml_char_t *name, struct anchor **out)
{
	*out = NULL;
	if (!name)
		return 0;
	struct anchor *a = arena_zalloc(p->arena, sizeof *a);
	struct slice copy = arena_copy(p->arena, slice_str((const char *)name));
	if (!a || !copy.ptr)
		return -ERROR_MEMORY;
	a->name = copy;
	a->next = p->anchors;
	p->anchors = a;
	*out = a;
	return 0;
}

static int anchor_find(struct tree_parser *p, struct tree_node **out)
{
	struct slice name = slice_str((const char *)p->event.data.alias.anchor);
	for (struct anchor *a = p->anchors; a; a = a->next)
		if (slice_equal(a->name, name)) {
			if (!a->node)
				return parser_fail(p, &p->event.start_mark, "an alias inside the node it stands for");
			*out = a->node;
			return 0;
		}
	return parser_fail(p, &p->event.start_mark, "an alias without an anchor before it");
}

/* ---- nodes ---- */

static bool tag_is(const yaml_char_t *tag, const char *name)
{
	return tag && strcmp((const char *)tag, name) == 0;
}

static int read_scalar(struct tree_parser *p, struct tree_node **out)
{
	const yaml_event_t *e = &p->event;
	struct tree_node *n = node_new(p, &e->start_mark);
	if (!n)
		return -ERROR_MEMORY;
	n->text = arena_copy(p->arena, slice_of(e->data.scalar.value, e->data.scalar.length));
	if (!n->text.ptr)
		return -ERROR_MEMORY;
	yaml_scalar_style_t style = e->data.scalar.style;
	n->quoted = style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	n->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE ||
			   e->start_mark.line != e->end_mark.line;
	n->type = TREE_STRING;
	const yaml_char_t *tag = e->data.scalar.tag;
	if (tag && !tag_is(tag, "!") && !tag_is(tag, YAML_STR_TAG))
		return parser_fail(p, &e->start_mark, "only the tag !!str is understood here");
	if (!tag && e->data.scalar.plain_implicit)
		tree_resolve(n);
	*out = n;
	return 0;
}

static int read_node(struct tree_parser *p, unsigned depth, struct tree_node **out);

struct chain {
	struct tree_pair pair;
	struct chain *next;
};

/* Adds a child read at the end of the chain; counts its weight into the parent. */
static int chain_add(struct tree_parser *p, struct tree_node *parent, struct chain ***tail, struct tree_pair pair)
{
	struct chain *link = arena_zalloc(p->arena, sizeof *link);
	if (!link)
		return -ERROR_MEMORY;
	link->pair = pair;
	**tail = link;
	*tail = &link->next;
	parent->count++;
	uint64_t weight = (uint64_t)parent->weight + pair.value->weight + (pair.key ? 1 : 0);
	if (weight > YAML_TREE_NODES)
		return parser_fail(p, &p->event.start_mark, "too many nodes in one document (aliases count each time)");
	parent->weight = (uint32_t)weight;
	return 0;
}

static int read_list(struct tree_parser *p, unsigned depth, struct tree_node **out)
{
	struct tree_node *n = node_new(p, &p->event.start_mark);
	if (!n)
		return -ERROR_MEMORY;
	n->type = TREE_LIST;
	struct chain *first = NULL, **tail = &first;
	for (;;) {
		int rc = parser_next(p);
		if (rc)
			return rc;
		if (p->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		struct tree_pair pair = {0};
		rc = read_node(p, depth + 1, &pair.value);
		if (!rc)
			rc = chain_add(p, n, &tail, pair);
		if (rc)
			return rc;
	}
	n->items = arena_alloc(p->arena, n->count * sizeof *n->items);
	if (!n->items)
		return -ERROR_MEMORY;
	uint32_t i = 0;
	for (struct chain *c = first; c; c = c->next)
		n->items[i++] = c->pair.value;
	*out = n;
	return 0;
}

static int duplicate_key(struct tree_parser *p, const struct tree_node *key, const struct tree_node *before)
{
	error_set(p->error, ERROR_SYNTAX, "the key '%.*s' stands here again, first in line %u",
			  (int)(key->text.len > 80 ? 80 : key->text.len), (const char *)key->text.ptr, before->line);
	error_at(p->error, "", key->line, key->column);
	return -ERROR_SYNTAX;
}

/* Hash table over the keys, so that a hostile map of 100,000 keys costs what an honest one does. */
static int check_keys(struct tree_parser *p, const struct tree_node *n)
{
	uint32_t slots = 16;
	while (slots < n->count * 2)
		slots *= 2;
	uint32_t *table = arena_zalloc(p->arena, slots * sizeof *table);
	if (!table)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < n->count; i++) {
		const struct tree_node *key = n->pairs[i].key;
		uint32_t at = (uint32_t)xxh3(key->text) & (slots - 1);
		for (; table[at]; at = (at + 1) & (slots - 1))
			if (slice_equal(n->pairs[table[at] - 1].key->text, key->text))
				return duplicate_key(p, key, n->pairs[table[at] - 1].key);
		table[at] = i + 1;
	}
	return 0;
}

static int read_key(struct tree_parser *p, unsigned depth, struct tree_node **out)
{
	if (p->event.type != YAML_SCALAR_EVENT && p->event.type != YAML_ALIAS_EVENT)
		return parser_fail(p, &p->event.start_mark, "a key must be a scalar");
	int rc = read_node(p, depth, out);
	if (rc)
		return rc;
	if (!tree_is_scalar(*out))
		return parser_fail(p, &p->event.start_mark, "a key must be a scalar");
	if (!(*out)->quoted && slice_equal((*out)->text, SLICE("<<")))
		return parser_fail(p, &p->event.start_mark, "merge keys (<<) are not supported: write the keys out");
	return 0;
}

static int read_map(struct tree_parser *p, unsigned depth, struct tree_node **out)
{
	struct tree_node *n = node_new(p, &p->event.start_mark);
	if (!n)
		return -ERROR_MEMORY;
	n->type = TREE_MAP;
	struct chain *first = NULL, **tail = &first;
	for (;;) {
		struct tree_pair pair = {0};
		int rc = parser_next(p);
		if (!rc && p->event.type == YAML_MAPPING_END_EVENT)
			break;
		if (!rc)
			rc = read_key(p, depth + 1, &pair.key);
		if (!rc)
			rc = parser_next(p);
		if (!rc)
			rc = read_node(p, depth + 1, &pair.value);
		if (!rc)
			rc = chain_add(p, n, &tail, pair);
		if (rc)
			return rc;
	}
	n->pairs = arena_alloc(p->arena, n->count * sizeof *n->pairs);
	if (!n->pairs)
		return -ERROR_MEMORY;
	uint32_t i = 0;
	for (struct chain *c = first; c; c = c->next)
		n->pairs[i++] = c->pair;
	*out = n;
	return check_keys(p, n);
}

/* The event of the node is the current one; afterwards its last event is. */
static int read_node(struct tree_parser *p, unsigned depth, struct tree_node **out)
{
	if (depth > YAML_TREE_DEPTH)
		return parser_fail(p, &p->event.start_mark, "nested too deeply");
	struct anchor *anchor = NULL;
	int rc = 0;
	switch (p->event.type) {
	case YAML_ALIAS_EVENT:
		return anchor_find(p, out);
	case YAML_SCALAR_EVENT:
		rc = anchor_add(p, p->event.data.scalar.anchor, &anchor);
		if (!rc)
			rc = read_scalar(p, out);
		break;
	case YAML_SEQUENCE_START_EVENT:
		if (p->event.data.sequence_start.tag)
			return parser_fail(p, &p->event.start_mark, "only the tag !!str is understood here");
		rc = anchor_add(p, p->event.data.sequence_start.anchor, &anchor);
		if (!rc)
			rc = read_list(p, depth, out);
		break;
	case YAML_MAPPING_START_EVENT:
		if (p->event.data.mapping_start.tag)
			return parser_fail(p, &p->event.start_mark, "only the tag !!str is understood here");
		rc = anchor_add(p, p->event.data.mapping_start.anchor, &anchor);
		if (!rc)
			rc = read_map(p, depth, out);
		break;
	default:
		return parser_fail(p, &p->event.start_mark, "a value was expected");
	}
	if (!rc && anchor)
		anchor->node = *out;
	return rc;
}

/* ---- documents ---- */

/* After a document that is YAML but not ours (a key twice): on to its end, so that the next one is read. */
static int skip_document(struct tree_parser *p)
{
	struct error *keep = p->error;
	struct error ignored = {0};
	p->error = &ignored;
	int rc = 0;
	while (!rc && !p->cut && p->event.type != YAML_DOCUMENT_END_EVENT && p->event.type != YAML_STREAM_END_EVENT)
		rc = parser_next(p);
	p->error = keep;
	return rc == -ERROR_MEMORY ? rc : 0;
}

static bool document_is_empty(const struct tree_node *root)
{
	return root->type == TREE_NULL && root->text.len == 0;
}

struct document_chain {
	struct yaml_document document;
	struct document_chain *next;
};

static int read_document(struct tree_parser *p, struct yaml_document *d)
{
	p->anchors = NULL;
	p->error = &d->error;
	d->line = (uint32_t)p->event.start_mark.line + 1;
	int rc = parser_next(p);
	if (!rc)
		rc = read_node(p, 1, &d->root);
	if (rc)
		d->root = NULL;
	if (rc && rc != -ERROR_MEMORY && !p->cut)
		rc = skip_document(p);
	else if (!rc)
		rc = parser_next(p);
	return rc == -ERROR_MEMORY ? rc : 0;
}

static int read_documents(struct tree_parser *p, struct yaml_tree *out)
{
	struct document_chain *first = NULL, **tail = &first;
	uint32_t count = 0;
	for (;;) {
		p->error = &p->start;
		int rc = p->cut ? -ERROR_SYNTAX : parser_next(p);
		if (rc == -ERROR_MEMORY)
			return rc;
		if (!rc && p->event.type == YAML_STREAM_END_EVENT)
			break;
		if (!rc && p->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (rc && p->start.code == ERROR_NONE)
			break; /* cut inside the document before: it has said so itself */
		struct document_chain *c = arena_zalloc(p->arena, sizeof *c);
		if (!c)
			return -ERROR_MEMORY;
		if (rc)
			c->document.error = p->start;
		else if (count >= YAML_TREE_DOCUMENTS) {
			parser_fail(p, &p->event.start_mark, "too many documents in one file");
			c->document.error = p->start;
			p->cut = true;
		} else if (read_document(p, &c->document))
			return -ERROR_MEMORY;
		if (c->document.root && document_is_empty(c->document.root) && c->document.error.code == ERROR_NONE)
			continue;
		*tail = c;
		tail = &c->next;
		count++;
		if (rc || c->document.error.code == ERROR_LIMIT)
			break;
	}
	out->cut = p->cut;
	out->documents = arena_zalloc(p->arena, (count ? count : 1) * sizeof *out->documents);
	if (!out->documents)
		return -ERROR_MEMORY;
	for (struct document_chain *c = first; c; c = c->next)
		out->documents[out->count++] = c->document;
	return 0;
}

int yaml_tree_parse(struct arena *arena, struct slice text, struct yaml_tree *out, struct error *error)
{
	int rc = yaml_block_parse(arena, text, out);
	if (rc == BLOCK_DECLINED)
		return yaml_tree_parse_any(arena, text, out, error);
	return rc ? error_set(error, ERROR_MEMORY, "no memory for a YAML tree") : 0;
}

int yaml_tree_parse_any(struct arena *arena, struct slice text, struct yaml_tree *out, struct error *error)
{
	struct tree_parser p = {.arena = arena};
	*out = (struct yaml_tree){0};
	if (!yaml_parser_initialize(&p.yaml))
		return error_set(error, ERROR_MEMORY, "no memory for a YAML reader");
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, text.ptr ? text.ptr : (const uint8_t *)"", text.len);
	int rc = read_documents(&p, out);
	if (p.has_event)
		yaml_event_delete(&p.event);
	yaml_parser_delete(&p.yaml);
	return rc ? error_set(error, ERROR_MEMORY, "no memory for a YAML tree") : 0;
}

/* ---- looking ---- */

struct tree_node *tree_get_slice(const struct tree_node *map, struct slice key)
{
	if (!map || map->type != TREE_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->count; i++)
		if (slice_equal(map->pairs[i].key->text, key))
			return map->pairs[i].value;
	return NULL;
}

const char *tree_type_name(const struct tree_node *n)
{
	static const char *const names[] = {
		[TREE_NULL] = "null",      [TREE_BOOL] = "a bool",     [TREE_INT] = "a number", [TREE_UINT] = "a number",
		[TREE_FLOAT] = "a number", [TREE_STRING] = "a string", [TREE_LIST] = "a list",  [TREE_MAP] = "a map",
	};
	return names[n->type];
}
