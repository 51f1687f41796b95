/* A YAML text as a small tree: what every rule, decoder and mapping file is read into.
 *
 * libyaml gives the tokens where yaml_block.h does not read the text faster; the tree, the places and the types are ours. Every node knows its line and column (from 1).
 * Scalars get the types that YAML 1.1 readers see (yes/no/on/off are bools, 0x1f, 017 and 1:30 are integers), because
 * that is how the reference implementation of Sigma reads a rule; a quoted or block scalar is always a string. Aliases
 * are shared nodes: a tree never grows past its bounds by them. Merge keys (<<) and tags other than the core ones are
 * refused. Everything lives in the arena of the caller. One thread.
 */
#ifndef RULES_YAML_TREE_H
#define RULES_YAML_TREE_H

#include "common/arena.h"
#include "common/error.h"

#define YAML_TREE_DEPTH 64u /* deeper documents are refused */
#define YAML_TREE_NODES 262144u /* nodes of a document, aliases counted as often as they are used */
#define YAML_TREE_DOCUMENTS 4096u /* documents of a text */

enum tree_type {
	TREE_NULL,
	TREE_BOOL,
	TREE_INT,
	TREE_UINT,
	TREE_FLOAT,
	TREE_STRING,
	TREE_LIST,
	TREE_MAP
};

struct tree_pair;

struct tree_node {
	enum tree_type type;
	uint32_t line, column; /* of the first character, the quote included */
	bool quoted; /* '...', "..." : the text begins one column further right */
	bool block; /* | or >, or over several lines: columns inside the text are not known */
	bool differs; /* YAML 1.2 would give it another type */
	uint32_t weight; /* nodes below and including this one */
	struct slice text; /* scalars: as written, quotes and escapes resolved */
	bool truth; /* BOOL */
	int64_t i64; /* INT */
	uint64_t u64; /* UINT: above INT64_MAX */
	double f64; /* FLOAT */
	uint32_t count; /* LIST, MAP */
	struct tree_node **items;
	struct tree_pair *pairs;
};

struct tree_pair {
	struct tree_node *key; /* always a scalar */
	struct tree_node *value;
};

struct yaml_document {
	struct tree_node *root; /* null: refused, see error */
	struct error error; /* line and column set; file is the caller's */
	uint32_t line;
};

struct yaml_tree {
	struct yaml_document *documents; /* empty ones are left out */
	uint32_t count;
	bool cut; /* the text stopped being YAML: the last document says where, what follows it is unread */
};

/* -ERROR_MEMORY only: what is wrong with the text stands in the documents. */
int yaml_tree_parse(struct arena *arena, struct slice text, struct yaml_tree *out, struct error *error);
/* The same by libyaml alone: what anything faster is held against. */
int yaml_tree_parse_any(struct arena *arena, struct slice text, struct yaml_tree *out, struct error *error);

static inline bool tree_is_scalar(const struct tree_node *n)
{
	return n->type < TREE_LIST;
}

/* The value of a key of a map; null when the node is no map or has no such key. */
struct tree_node *tree_get_slice(const struct tree_node *map, struct slice key);
static inline struct tree_node *tree_get(const struct tree_node *map, const char *key)
{
	return tree_get_slice(map, slice_str(key));
}
/* "a map", "a list", "a string"... for messages. */
const char *tree_type_name(const struct tree_node *n);
/* Gives a plain scalar its type: fills type and value from n->text. Exposed for tests. */
void tree_resolve(struct tree_node *n);

#endif
