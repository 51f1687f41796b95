#include "cli/json_tree.h"

/* Never without a pointer, an empty text neither, unless memory is out. */
static struct slice unescape(struct arena *arena, const struct json_token *token)
{
	uint8_t *out = arena_alloc(arena, token->text.len + 1);
	if (!out)
		return SLICE_NONE;
	size_t len = token->text.len;
	if (token->escaped)
		len = json_unescape(token->text, out);
	else if (len)
		memcpy(out, token->text.ptr, len);
	out[len] = '\0';
	return slice_of(out, len);
}

static struct json_node *new_node(struct arena *arena, const struct json_token *token)
{
	struct json_node *node = arena_zalloc(arena, sizeof *node);
	if (!node)
		return NULL;
	node->type = token->type;
	node->text = token->type == JSON_STRING ? unescape(arena, token) : token->text;
	return node->text.ptr ? node : NULL;
}

/* The open containers; the reader bounds the depth. */
struct builder {
	struct json_node *open[64], **tail[64];
	unsigned depth;
	struct slice key;
};

static bool add(struct builder *b, struct json_node *node, struct json_node **root)
{
	node->key = b->key;
	b->key = SLICE_NONE;
	if (b->depth == 0) {
		*root = node;
	} else {
		*b->tail[b->depth - 1] = node;
		b->tail[b->depth - 1] = &node->next;
	}
	if (node->type == JSON_OBJECT || node->type == JSON_ARRAY) {
		if (b->depth == 64)
			return false;
		b->open[b->depth] = node;
		b->tail[b->depth++] = &node->first;
	}
	return true;
}

/* Everything between the brackets, for containers. */
static void close_container(struct builder *b, const struct json_reader *r)
{
	CHECK(b->depth > 0); /* the reader gives an end only for what it has opened */
	struct json_node *node = b->open[--b->depth];
	node->text = slice_of(node->text.ptr, (size_t)(r->ptr - node->text.ptr));
}

struct json_node *json_tree(struct arena *arena, struct slice text)
{
	struct json_reader r;
	struct json_token token;
	struct builder b = {0};
	struct json_node *root = NULL, *node;
	json_reader_init(&r, text);
	for (;;) {
		switch (json_next(&r, &token)) {
		case JSON_ERROR:
			return NULL;
		case JSON_END:
			return root;
		case JSON_OBJECT_END:
		case JSON_ARRAY_END:
			close_container(&b, &r);
			break;
		case JSON_KEY:
			b.key = unescape(arena, &token);
			if (!b.key.ptr)
				return NULL;
			break;
		default:
			node = new_node(arena, &token);
			if (node && (node->type == JSON_OBJECT || node->type == JSON_ARRAY))
				node->text = slice_of(r.ptr - 1, 1);
			if (!node || !add(&b, node, &root))
				return NULL;
		}
	}
}

struct json_node *json_member(const struct json_node *object, const char *key)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (struct json_node *n = object->first; n; n = n->next)
		if (slice_equal(n->key, slice_str(key)))
			return n;
	return NULL;
}

const char *json_member_str(const struct json_node *object, const char *key, const char *fallback)
{
	const struct json_node *n = json_member(object, key);
	return n && n->type == JSON_STRING && n->text.ptr ? (const char *)n->text.ptr : fallback;
}

struct slice json_member_slice(const struct json_node *object, const char *key)
{
	const struct json_node *n = json_member(object, key);
	return n && n->type == JSON_STRING ? n->text : SLICE_NONE;
}

int64_t json_member_i64(const struct json_node *object, const char *key, int64_t fallback)
{
	const struct json_node *n = json_member(object, key);
	int64_t v;
	return n && n->type == JSON_NUMBER && slice_to_i64(n->text, &v) ? v : fallback;
}

bool json_member_true(const struct json_node *object, const char *key)
{
	const struct json_node *n = json_member(object, key);
	return n && n->type == JSON_TRUE;
}
