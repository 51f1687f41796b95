/* Modifiers: what stands between the field name and the colon of a Sigma item. Only files of rules/ include it.
 *
 * They are applied to the list of values from left to right. A literal is a value on its way to a matcher.
 */
#ifndef RULES_MODIFIER_H
#define RULES_MODIFIER_H

#include "rules/load.h"

enum literal_kind {
	LITERAL_TEXT,
	LITERAL_NUMBER,
	LITERAL_BOOL,
	LITERAL_NULL,
	LITERAL_REGEX,
	LITERAL_FIELD,
	LITERAL_NETWORK,
	LITERAL_COMPARE,
	LITERAL_EXISTS,
	LITERAL_DATE,
};

struct literal {
	enum literal_kind kind;
	const struct tree_node *node;
	uint32_t origin; /* which value of the rule it came from: expansions of one value stay alternatives */
	bool encoded; /* base64 or utf16 was applied */
	struct unit_text text; /* TEXT */
	struct number number; /* NUMBER, COMPARE, DATE */
	bool truth; /* BOOL, EXISTS */
	enum compare compare; /* COMPARE, DATE */
	enum date_part part; /* DATE */
	enum text_place place; /* FIELD */
	struct slice field; /* FIELD */
	uint32_t regex_flags;
	uint8_t network[16], bits;
};

struct literals {
	struct loader *l;
	const struct tree_node *key; /* for places; the values for bare keywords */
	bool keyed; /* it is a key */
	uint32_t column; /* of the modifier being applied */
	struct literal *list;
	uint32_t count, origins, applied;
	struct slice *placeholders; /* names that units stand for */
	uint32_t placeholder_count;
	bool all, cased, negated, placed; /* placed: contains, startswith or endswith was given */
};

/* A placeholder waiting for its values: + its index in placeholders. It is above every other unit. */
#define UNIT_PLACEHOLDER 0x400000u

/* For texts and lists of literals: gone when the file is read. */
static inline struct arena *literal_arena(const struct literals *v)
{
	return &v->l->tree;
}

static inline struct slice literal_placeholder(const struct literals *v, uint32_t unit)
{
	return v->placeholders[unit - UNIT_PLACEHOLDER];
}

/* sigma_item.c: the values of an item with its modifiers applied, and the name of its field; what is built of them in the
 * end. */
int item_literals(struct loader *l, const struct tree_node *key, const struct tree_node *value, struct literals *v,
				  struct slice *field);
int item_build(struct literals *v, struct slice field, const struct node **out);
int literal_from(struct literals *v, const struct tree_node *node, struct literal *x);
/* Applies one modifier. */
int modifier_apply(struct literals *v, struct slice name);
/* A number as text, for modifiers that want a string. */
int literal_to_text(struct literals *v, struct literal *x);
static inline int literal_refuse(struct literals *v, const char *id, const struct literal *x, const char *text)
{
	return loader_refuse_at(v->l, id, x->node, "%s", text);
}

/* encoding.c: the modifiers that re-code text. */
int encode_utf16(struct literals *v, struct literal *x, bool big_endian, bool mark);
int encode_base64(struct literals *v, struct literal *x);
int encode_base64_offsets(struct literals *v);

#endif
