/* The YAML that rules are written in, read in one pass. Only files of rules/ include it.
 *
 * Maps and lists in block style, or in flow style within a line; scalars that are plain, quoted within a line, or blocks:
 * what nearly every rule file is made of. The tree is the one that libyaml's tokens give (yaml_tree.c), to the line and column. Whatever is not surely so
 * (tags, tabs, anything that is wrong) is declined as a whole, and is then read with libyaml: nothing is
 * refused here. One thread.
 */
#ifndef RULES_YAML_BLOCK_H
#define RULES_YAML_BLOCK_H

#include "rules/yaml_tree.h"

#define BLOCK_DECLINED 1

/* 0; BLOCK_DECLINED, and the arena is as it was; -ERROR_MEMORY. */
int yaml_block_parse(struct arena *arena, struct slice text, struct yaml_tree *out);

/* ---- between yaml_block.c, yaml_block_scalar.c, yaml_block_flow.c and yaml_block_anchor.c ---- */

#define BLOCK_KEY_MAX 1000 /* octets up to the colon: libyaml takes 1024 characters */

struct block_reader {
	struct arena *arena;
	uint8_t *at, *end, *line_start; /* in a copy of the text, which nodes point into */
	uint32_t line; /* of `at`, from 1 */
	uint32_t column; /* of the token that `at` begins, in octets from 0: before it there are blanks and dashes */
	bool stop; /* no token in this document: `at` is the end of the text or begins a document */
	bool ascii;
	struct block_anchor *anchors; /* of this document */
	uint32_t anchor_count;
	struct tree_pair *open; /* children of the maps and lists being read */
	uint32_t open_count, open_room;
};

/* A node that begins at b->at; null: no memory. */
struct tree_node *block_node(struct block_reader *b);
/* After a value: nothing but blanks and a comment may follow in its line; on to the next token. */
int block_next(struct block_reader *b);
static inline bool block_blank_at(const struct block_reader *b, const uint8_t *at)
{
	return at >= b->end || *at == ' ' || *at == '\n';
}

/* A quoted scalar, up to behind its closing quote. */
int block_quoted(struct block_reader *b, struct tree_node **out);
/* Where the plain text that begins at b->at ends in its line: at ": ", " #" or the line's end. Null: no plain text. */
uint8_t *block_plain_end(const struct block_reader *b);
/* Adds a child (a list's has no key) to a map or list that is being read, which is closed when all are there. */
int block_add(struct block_reader *b, struct tree_node *parent, struct tree_pair pair);
int block_close(struct block_reader *b, struct tree_node *n);
bool block_key_merges(const struct tree_node *key); /* << */
/* The name behind & or *, up to behind it. */
int block_name(struct block_reader *b, struct slice *out);
int block_alias(struct block_reader *b, struct tree_node **out);
int block_anchor(struct block_reader *b, struct slice name, struct tree_node *node);
/* A map or list in flow style, up to behind its end. */
int block_flow(struct block_reader *b, unsigned depth, struct tree_node **out);
/* Any scalar as a value inside a map or list at column `indent`; then on to the next token. */
int block_scalar(struct block_reader *b, uint32_t indent, struct tree_node **out);

#endif
