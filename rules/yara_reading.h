/* What the readers of a condition share. Only yara_condition.c and yara_relation.c include it. */
#ifndef RULES_YARA_READING_H
#define RULES_YARA_READING_H

#include "rules/yara_condition.h"

/* A run of tokens: parts of a condition are cut out first and read then, so that nothing that is not understood can shift
 * what stands behind it. */
struct part {
	const struct yara_token *first, *end;
};

struct reading {
	struct arena *arena;
	const struct yara_file_text *file;
	const struct yara_rule_text *rule;
	uint32_t rule_index, depth;
	bool failed; /* no memory */
};

static inline size_t part_len(struct part p)
{
	return (size_t)(p.end - p.first);
}

/* The token at i, or the end. */
static inline const struct yara_token *token_at(struct part p, size_t i)
{
	static const struct yara_token end = {.type = YARA_END};
	return i < part_len(p) ? p.first + i : &end;
}

static inline bool is_at(struct part p, size_t i, const char *text)
{
	return yara_token_is(token_at(p, i), text);
}

extern const struct yara_need yara_nothing;

/* Null: no memory, and failed is set. */
struct yara_need *need_make(struct reading *r, enum yara_need_kind kind);
const struct yara_need *need_join(struct reading *r, enum yara_need_kind kind, const struct yara_need *a,
								  const struct yara_need *b);
/* One string by name; the empty name is the one that a loop stands at. */
const struct yara_need *need_string(struct reading *r, struct slice name);
int depth_change(const struct yara_token *t);

/* All of p, or null. */
const struct yara_expression *read_expression(struct reading *r, struct part p);
bool yara_read_width(struct slice name, struct yara_guard *g);
/* A comparison or a call that needs something; else nothing. */
const struct yara_need *read_relation(struct reading *r, struct part p);
/* A value of the module pe that is undefined unless the octets begin as a PE file does. begins: p may go on. */
const struct yara_need *read_pe(struct reading *r, struct part p, bool begins);

#endif
