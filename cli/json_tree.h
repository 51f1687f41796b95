/* A JSON text as a tree, for requests, results and configuration: small things only. Lives in the arena it was read into.
 */
#ifndef CLI_JSON_TREE_H
#define CLI_JSON_TREE_H

#include "common/common.h"

struct json_node {
	enum json_type type; /* OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE, NULL */
	struct slice key; /* in an object: unescaped */
	struct slice text; /* STRING: unescaped and NUL-terminated behind; NUMBER: as written; others: the JSON text */
	struct json_node *first, *next;
};

/* Null when it is no JSON or memory is out. */
struct json_node *json_tree(struct arena *arena, struct slice text);
struct json_node *json_member(const struct json_node *object, const char *key);
/* The text of a string member, NUL-terminated; fallback when it is not there. */
const char *json_member_str(const struct json_node *object, const char *key, const char *fallback);
/* The same as octets, which may hold NUL; empty when it is no string. */
struct slice json_member_slice(const struct json_node *object, const char *key);
int64_t json_member_i64(const struct json_node *object, const char *key, int64_t fallback);
bool json_member_true(const struct json_node *object, const char *key);

#endif
