/* The quick reader: maps and lists by the columns of their keys and dashes. */
#include "rules/yaml_block.h"

#include "common/digest.h"
#include "common/text.h"

#define TWICE_MAX 16u /* keys of a map that are compared with each other */

/* ---- what is read at all ---- */

/* The characters that libyaml takes, but no line ends other than \n, no tabs and no mark of the byte order. */
static bool character_is_read(uint32_t c)
{
	return (c >= 0xa0 && c < 0xd800 && c != 0x2028 && c != 0x2029) || (c >= 0xe000 && c < 0xfffe && c != 0xfeff) ||
		   c >= 0x10000;
}

static bool text_is_read(struct slice text, bool *ascii)
{
	uint8_t control = 0, high = 0;
	for (size_t i = 0; i < text.len; i++) {
		control |= ((text.ptr[i] < ' ') & (text.ptr[i] != '\n')) | (text.ptr[i] == 0x7f);
		high |= text.ptr[i];
	}
	*ascii = high < 0x80;
	for (size_t i = 0; !control && !*ascii && i < text.len;) {
		uint32_t c;
		unsigned len = utf8_decode(text.ptr + i, text.len - i, &c);
		control = len == 0 || (c >= 0x80 && !character_is_read(c));
		i += len;
	}
	return !control;
}

/* ---- places ---- */

/* Columns are counted in characters. */
static uint32_t column_of(const struct block_reader *b)
{
	uint32_t tails = 0;
	for (const uint8_t *at = b->line_start; !b->ascii && at < b->at; at++)
		tails += (*at & 0xc0) == 0x80;
	return (uint32_t)(b->at - b->line_start) - tails + 1;
}

struct tree_node *block_node(struct block_reader *b)
{
	struct tree_node *n = arena_zalloc(b->arena, sizeof *n);
	if (n) {
		n->line = b->line;
		n->column = column_of(b);
		n->weight = 1;
	}
	return n;
}

/* "---" or "..." at the beginning of a line. */
static bool begins_document(const struct block_reader *b)
{
	return b->at == b->line_start && b->end - b->at >= 3 && block_blank_at(b, b->at + 3) &&
		   (memcmp(b->at, "---", 3) == 0 || memcmp(b->at, "...", 3) == 0);
}

int block_next(struct block_reader *b)
{
	const uint8_t *from = b->at;
	for (;;) {
		while (b->at < b->end && *b->at == ' ')
			b->at++;
		if (b->at < b->end && *b->at == '#') {
			if (b->at > b->line_start && b->at[-1] != ' ')
				return BLOCK_DECLINED;
			uint8_t *end = memchr(b->at, '\n', (size_t)(b->end - b->at));
			b->at = end ? end : b->end;
		}
		if (b->at == b->end || *b->at != '\n')
			break;
		b->line_start = ++b->at;
		b->line++;
	}
	b->column = (uint32_t)(b->at - b->line_start);
	b->stop = b->at == b->end || begins_document(b);
	return b->stop || b->line_start >= from ? 0 : BLOCK_DECLINED;
}

/* Over blanks inside a line. True: something stands in it that is no comment. */
static bool goes_on(struct block_reader *b)
{
	while (b->at < b->end && *b->at == ' ')
		b->at++;
	return !block_blank_at(b, b->at) && *b->at != '#';
}

static bool at_dash(const struct block_reader *b)
{
	return *b->at == '-' && block_blank_at(b, b->at + 1);
}

static bool at_quote(const struct block_reader *b)
{
	return *b->at == '\'' || *b->at == '"';
}

static bool at_colon(const struct block_reader *b)
{
	return b->at < b->end && *b->at == ':' && block_blank_at(b, b->at + 1);
}

/* ---- children ---- */

int block_add(struct block_reader *b, struct tree_node *parent, struct tree_pair pair)
{
	if (b->open_count == b->open_room) {
		uint32_t room = b->open_room ? b->open_room * 2 : 64;
		struct tree_pair *grown = arena_alloc(b->arena, room * sizeof *grown);
		if (!grown)
			return -ERROR_MEMORY;
		if (b->open_count)
			memcpy(grown, b->open, b->open_count * sizeof *grown);
		b->open = grown;
		b->open_room = room;
	}
	b->open[b->open_count++] = pair;
	parent->count++;
	uint64_t weight = (uint64_t)parent->weight + pair.value->weight + (pair.key ? 1 : 0);
	parent->weight = (uint32_t)weight;
	return weight > YAML_TREE_NODES ? BLOCK_DECLINED : 0;
}

static bool key_twice(const struct tree_node *n)
{
	for (uint32_t i = 1; i < n->count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (slice_equal(n->pairs[i].key->text, n->pairs[k].key->text))
				return true;
	return false;
}

/* The same of many keys. */
static int hashed_twice(struct arena *arena, const struct tree_node *n, bool *twice)
{
	uint32_t slots = TWICE_MAX * 2;
	while (slots < n->count * 2)
		slots *= 2;
	const struct tree_node **table = arena_zalloc(arena, slots * sizeof *table);
	if (!table)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < n->count; i++) {
		struct slice text = n->pairs[i].key->text;
		uint32_t at = (uint32_t)xxh3(text) & (slots - 1);
		for (; table[at] && !slice_equal(table[at]->text, text); at = (at + 1) & (slots - 1))
			;
		*twice |= table[at] != NULL;
		table[at] = n->pairs[i].key;
	}
	return 0;
}

static int close_map(struct block_reader *b, struct tree_node *n)
{
	n->pairs = arena_alloc(b->arena, n->count * sizeof *n->pairs);
	if (!n->pairs)
		return -ERROR_MEMORY;
	if (n->count)
		memcpy(n->pairs, b->open + b->open_count, n->count * sizeof *n->pairs);
	bool twice = n->count <= TWICE_MAX && key_twice(n);
	int rc = n->count > TWICE_MAX ? hashed_twice(b->arena, n, &twice) : 0;
	return rc || !twice ? rc : BLOCK_DECLINED;
}

int block_close(struct block_reader *b, struct tree_node *n)
{
	b->open_count -= n->count;
	if (n->type == TREE_MAP)
		return close_map(b, n);
	n->items = arena_alloc(b->arena, n->count * sizeof *n->items);
	if (!n->items)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < n->count; i++)
		n->items[i] = b->open[b->open_count + i].value;
	return 0;
}

bool block_key_merges(const struct tree_node *key)
{
	return !key->quoted && slice_equal(key->text, SLICE("<<"));
}

/* ---- maps and lists ---- */

static int read_child(struct block_reader *b, uint32_t indent, unsigned depth, struct tree_node **out);
static int read_list(struct block_reader *b, uint32_t column, bool in_map, unsigned depth, struct tree_node **out);

/* A value that is not there: null, where it would begin. */
static int read_nothing(struct block_reader *b, struct tree_node **out)
{
	struct tree_node *n = block_node(b);
	if (!n)
		return -ERROR_MEMORY;
	n->text = slice_of(b->at, 0);
	tree_resolve(n);
	*out = n;
	return 0;
}

/* What belongs to a key or dash at `column` and is not in its line: deeper, or of a key a list that is as deep. */
static int read_below(struct block_reader *b, uint32_t column, bool in_map, unsigned depth, struct tree_node **out)
{
	int rc = read_nothing(b, out);
	if (!rc)
		rc = block_next(b);
	if (rc || b->stop || b->column < column)
		return rc;
	if (b->column > column)
		return read_child(b, column, depth, out);
	return in_map && at_dash(b) ? read_list(b, column, true, depth, out) : 0;
}

/* A scalar or a thing in flow style. */
static int read_bare(struct block_reader *b, uint32_t indent, unsigned depth, struct tree_node **out)
{
	if (*b->at != '[' && *b->at != '{')
		return block_scalar(b, indent, out);
	int rc = block_flow(b, depth, out);
	return rc ? rc : block_next(b);
}

/* An anchor and what it names, which begins where the anchor does. */
static int read_anchored(struct block_reader *b, uint32_t column, bool in_map, unsigned depth, struct tree_node **out)
{
	uint32_t line = b->line, from = column_of(b);
	struct slice name;
	int rc = block_name(b, &name);
	if (rc)
		return rc;
	if (goes_on(b))
		rc = read_bare(b, column, depth, out);
	else {
		rc = read_below(b, column, in_map, depth, out);
		if (!rc && tree_is_scalar(*out))
			rc = BLOCK_DECLINED;
	}
	if (rc)
		return rc;
	(*out)->line = line;
	(*out)->column = from;
	return block_anchor(b, name, *out);
}

/* What stands in the line of its key or dash, if that is a node by itself. */
static int read_value(struct block_reader *b, uint32_t column, bool in_map, unsigned depth, struct tree_node **out)
{
	if (*b->at == '&')
		return read_anchored(b, column, in_map, depth, out);
	if (*b->at != '*')
		return read_bare(b, column, depth, out);
	int rc = block_alias(b, out);
	return rc ? rc : block_next(b);
}

/* A key and its colon; *out may be a quoted scalar that has been read. */
static int read_key(struct block_reader *b, struct tree_node **out)
{
	const uint8_t *from = b->at;
	if (!*out && at_quote(b)) {
		int rc = block_quoted(b, out);
		if (rc)
			return rc;
	} else if (!*out) {
		uint8_t *end = block_plain_end(b), *text = b->at;
		struct tree_node *n = block_node(b);
		if (!n)
			return -ERROR_MEMORY;
		if (!end || end == b->end || *end != ':')
			return BLOCK_DECLINED;
		b->at = end;
		while (end[-1] == ' ')
			end--;
		n->text = slice_of(text, (size_t)(end - text));
		tree_resolve(n);
		*out = n;
	}
	goes_on(b);
	if (!at_colon(b) || block_key_merges(*out) || b->at - from > BLOCK_KEY_MAX)
		return BLOCK_DECLINED;
	b->at++;
	return 0;
}

/* The node of a map begins where its first key does. */
static int read_map(struct block_reader *b, struct tree_node *n, struct tree_node *key, uint32_t column, unsigned depth)
{
	n->type = TREE_MAP;
	for (;; key = NULL) {
		struct tree_pair pair = {key, NULL};
		int rc = read_key(b, &pair.key);
		if (!rc)
			rc = goes_on(b) ? read_value(b, column, true, depth + 1, &pair.value) : 0;
		if (!rc && !pair.value) {
			while (b->at[-1] != ':') /* the place behind the colon */
				b->at--;
			rc = read_below(b, column, true, depth + 1, &pair.value);
		}
		if (!rc)
			rc = block_add(b, n, pair);
		if (rc)
			return rc;
		if (b->stop || b->column < column)
			return block_close(b, n);
		if (b->column > column)
			return BLOCK_DECLINED;
	}
}

static int read_list(struct block_reader *b, uint32_t column, bool in_map, unsigned depth, struct tree_node **out)
{
	struct tree_node *n = *out = block_node(b);
	if (!n)
		return -ERROR_MEMORY;
	if (depth >= YAML_TREE_DEPTH)
		return BLOCK_DECLINED;
	n->type = TREE_LIST;
	while (!b->stop && b->column == column && at_dash(b)) {
		struct tree_pair item = {0};
		uint8_t *behind = ++b->at;
		bool beside = goes_on(b);
		int rc;
		b->column = (uint32_t)(b->at - b->line_start);
		if (beside && (*b->at == '&' || *b->at == '*'))
			rc = read_value(b, column, false, depth + 1, &item.value);
		else if (beside)
			rc = read_child(b, column, depth + 1, &item.value);
		else {
			b->at = behind;
			rc = read_below(b, column, false, depth + 1, &item.value);
		}
		if (!rc)
			rc = block_add(b, n, item);
		if (rc)
			return rc;
	}
	/* another token as deep as the dashes: the next key of the map that the list is in */
	if (!b->stop && (b->column > column || (b->column == column && !in_map)))
		return BLOCK_DECLINED;
	return block_close(b, n);
}

/* A node that begins with the token at b->at, in a map or list at column `indent`. */
static int read_child(struct block_reader *b, uint32_t indent, unsigned depth, struct tree_node **out)
{
	uint32_t column = b->column;
	struct tree_node *n, *quoted = NULL;
	const uint8_t *from = b->at;
	if (depth >= YAML_TREE_DEPTH) /* what is inside is one deeper */
		return BLOCK_DECLINED;
	if (at_dash(b))
		return read_list(b, column, false, depth, out);
	n = block_node(b);
	if (!n)
		return -ERROR_MEMORY;
	if (at_quote(b)) {
		int rc = block_quoted(b, &quoted);
		*out = quoted;
		if (rc || (goes_on(b), !at_colon(b)))
			return rc ? rc : block_next(b);
		if (b->at - from > BLOCK_KEY_MAX)
			return BLOCK_DECLINED;
	} else {
		const uint8_t *end = block_plain_end(b);
		if (!end || end == b->end || *end != ':')
			return read_bare(b, indent, depth, out);
	}
	*out = n;
	return read_map(b, n, quoted, column, depth);
}

/* ---- documents ---- */

/* Over "---" and nothing else in its line. */
static int read_marker(struct block_reader *b)
{
	if (*b->at != '-')
		return BLOCK_DECLINED;
	b->at += 3;
	return goes_on(b) ? BLOCK_DECLINED : block_next(b);
}

static int read_document(struct block_reader *b, struct yaml_tree *out, uint32_t *room)
{
	struct yaml_document d = {.line = b->line};
	int rc = begins_document(b) ? read_marker(b) : 0;
	if (rc || b->stop) /* an empty one is left out */
		return rc;
	b->anchors = NULL;
	b->anchor_count = 0;
	rc = read_child(b, 0, 1, &d.root);
	if (!rc && (!b->stop || d.root->type < TREE_LIST || out->count == YAML_TREE_DOCUMENTS))
		rc = BLOCK_DECLINED;
	if (!rc && out->count == *room) {
		*room = *room ? *room * 2 : 1;
		struct yaml_document *grown = arena_alloc(b->arena, *room * sizeof *grown);
		if (!grown)
			return -ERROR_MEMORY;
		if (out->count)
			memcpy(grown, out->documents, out->count * sizeof *grown);
		out->documents = grown;
	}
	if (!rc)
		out->documents[out->count++] = d;
	return rc;
}

static int read_documents(struct block_reader *b, struct yaml_tree *out)
{
	uint32_t room = 0;
	int rc = block_next(b);
	while (!rc && b->at < b->end)
		rc = read_document(b, out, &room);
	return rc;
}

int yaml_block_parse(struct arena *arena, struct slice text, struct yaml_tree *out)
{
	struct block_reader b = {.arena = arena, .line = 1};
	struct arena_mark mark = arena_mark(arena);
	*out = (struct yaml_tree){0};
	if (!text_is_read(text, &b.ascii))
		return BLOCK_DECLINED;
	struct slice copy = arena_copy(arena, text);
	if (!copy.ptr)
		return -ERROR_MEMORY;
	b.at = b.line_start = (uint8_t *)(uintptr_t)copy.ptr;
	b.end = b.at + copy.len;
	int rc = read_documents(&b, out);
	if (rc) {
		arena_rewind(arena, mark);
		*out = (struct yaml_tree){0};
	}
	return rc;
}
