/* Flow style in the quick reader: [a, b] and {a: b} that end in the line they begin in, of scalars and of one another. */
#include "rules/yaml_block.h"

static void skip_blanks(struct block_reader *b)
{
	while (b->at < b->end && *b->at == ' ')
		b->at++;
}

static uint8_t octet_at(const struct block_reader *b, const uint8_t *at)
{
	return at < b->end ? *at : '\n';
}

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Where the plain text that begins at b->at ends: before one of ",]}", or a colon and a blank. Null: what stands there may
 * mean something else. */
static uint8_t *plain_end(const struct block_reader *b)
{
	for (uint8_t *at = b->at;; at++) {
		switch (octet_at(b, at)) {
		case ',':
		case ']':
		case '}':
			return at;
		case ':':
			if (octet_at(b, at + 1) == ' ')
				return at;
			if (memchr("\n,?[]{}", octet_at(b, at + 1), 7))
				return NULL;
			break;
		case '\n':
		case '[':
		case '{':
		case '?':
		case '#':
			return NULL;
		default:
			break;
		}
	}
}

static int flow_plain(struct block_reader *b, struct tree_node **out)
{
	bool begins = block_plain_end(b) && *b->at != ':' && (*b->at != '-' || is_alnum(octet_at(b, b->at + 1)));
	uint8_t *end = begins ? plain_end(b) : NULL;
	struct tree_node *n = end ? block_node(b) : NULL;
	if (!n)
		return end ? -ERROR_MEMORY : BLOCK_DECLINED;
	n->text.ptr = b->at;
	b->at = end;
	while (end[-1] == ' ')
		end--;
	n->text.len = (size_t)(end - n->text.ptr);
	tree_resolve(n);
	*out = n;
	return 0;
}

static int flow_scalar(struct block_reader *b, struct tree_node **out)
{
	uint8_t first = octet_at(b, b->at);
	return first == '\'' || first == '"' ? block_quoted(b, out) : first == '\n' ? BLOCK_DECLINED : flow_plain(b, out);
}

static int flow_node(struct block_reader *b, unsigned depth, struct tree_node **out)
{
	uint8_t first = octet_at(b, b->at);
	if (depth > YAML_TREE_DEPTH)
		return BLOCK_DECLINED;
	return first == '[' || first == '{' ? block_flow(b, depth, out) : flow_scalar(b, out);
}

/* "key: " */
static int flow_key(struct block_reader *b, struct tree_node **out)
{
	const uint8_t *from = b->at;
	int rc = flow_scalar(b, out);
	if (rc)
		return rc;
	skip_blanks(b);
	if (octet_at(b, b->at) != ':' || octet_at(b, b->at + 1) != ' ' || b->at - from > BLOCK_KEY_MAX ||
		block_key_merges(*out))
		return BLOCK_DECLINED;
	b->at++;
	skip_blanks(b);
	return 0;
}

/* Behind an entry: a comma and another entry, or the end. */
static int flow_goes_on(struct block_reader *b, uint8_t end, bool *more)
{
	skip_blanks(b);
	uint8_t next = octet_at(b, b->at);
	*more = next == ',';
	if (next != ',' && next != end)
		return BLOCK_DECLINED;
	b->at++;
	skip_blanks(b);
	return *more && octet_at(b, b->at) == end ? BLOCK_DECLINED : 0;
}

int block_flow(struct block_reader *b, unsigned depth, struct tree_node **out)
{
	struct tree_node *n = *out = block_node(b);
	bool map = *b->at == '{', more = true;
	uint8_t end = map ? '}' : ']';
	int rc = 0;
	if (!n)
		return -ERROR_MEMORY;
	n->type = map ? TREE_MAP : TREE_LIST;
	b->at++;
	skip_blanks(b);
	if (octet_at(b, b->at) == end) {
		b->at++;
		more = false;
	}
	while (!rc && more) {
		struct tree_pair pair = {0};
		rc = map ? flow_key(b, &pair.key) : 0;
		if (!rc)
			rc = flow_node(b, depth + 1, &pair.value);
		if (!rc)
			rc = block_add(b, n, pair);
		if (!rc)
			rc = flow_goes_on(b, end, &more);
	}
	return rc ? rc : block_close(b, n);
}
