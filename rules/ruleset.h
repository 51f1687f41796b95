/* The inside of a ruleset: what rule text compiles to. Only files of rules/ include it.
 *
 * A detection is a tree: and, or, not over items; an item looks at one field (or at all of them: a keyword) and holds
 * matchers. Everything lives in the ruleset's arena and never changes after the load.
 */
#ifndef RULES_RULESET_H
#define RULES_RULESET_H

#include "rules/date_part.h"
#include "rules/pattern.h"
#include "rules/regex.h"
#include "rules/rules.h"

#include <stdatomic.h>

/* A field as a rule means it: its own name, then the names that mappings give it. The first present one counts. */
struct field_names {
	const uint32_t *ids; /* into ruleset.fields */
	uint32_t count;
	unsigned bits; /* chance.h: what a whole value says at most */
};

struct number {
	enum {
		NUMBER_NONE,
		NUMBER_I64,
		NUMBER_U64,
		NUMBER_F64
	} type; /* U64 only above INT64_MAX */
	int64_t i64;
	uint64_t u64;
	double f64;
};

enum matcher_kind {
	MATCH_TEXT, /* pattern */
	MATCH_REGEX,
	MATCH_NETWORK, /* cidr */
	MATCH_NUMBER, /* equal to a number literal */
	MATCH_COMPARE, /* lt lte gt gte */
	MATCH_BOOL,
	MATCH_NULL, /* missing or null */
	MATCH_EXISTS, /* present, null and empty included */
	MATCH_FIELD, /* fieldref */
	MATCH_DATE, /* a part of a time compared with a number */
};

enum text_place {
	PLACE_WHOLE,
	PLACE_START,
	PLACE_END,
	PLACE_INSIDE
};

struct matcher {
	enum matcher_kind kind;
	struct slice written; /* the value as in the rule */
	bool cased; /* TEXT, FIELD */
	bool truth; /* BOOL, EXISTS */
	enum compare compare; /* COMPARE, DATE */
	enum date_part part; /* DATE */
	bool own_time; /* DATE: where the field is missing, the time of the row itself counts */
	int32_t zone_minutes; /* DATE */
	enum text_place place; /* FIELD: where the other value must stand in this one */
	uint8_t bits, network[16]; /* NETWORK */
	struct number number; /* NUMBER, COMPARE, DATE */
	const struct pattern *pattern; /* of a REGEX its outline, or null */
	const struct regex *regex;
	bool outline_whole; /* REGEX: in a single line the outline says all */
	uint32_t regex_flags;
	struct slice regex_text;
	struct field_names other; /* FIELD */
};

struct item {
	struct slice field; /* name in the rule; empty for a keyword */
	struct slice written; /* the key as in the rule, modifiers and all; empty for bare keywords */
	uint32_t line; /* of the rule's file */
	struct field_names names;
	bool keyword, all;
	const struct matcher *matchers;
	uint32_t count;
	/* witness.h: how likely one of its witnesses is in a row, and how many there are */
	uint32_t promised;
	double chance;
};

enum node_kind {
	NODE_AND,
	NODE_OR,
	NODE_NOT,
	NODE_ITEM
};

struct node {
	enum node_kind kind;
	uint32_t count;
	const struct node **children;
	const struct item *item;
	struct slice selection; /* the name it has in the rule; empty: none */
};

struct columns;
struct witness;

struct detection {
	struct rule rule;
	const struct node *root;
	/* witness.h: the rule can only hold when one of these is in the row; count 0: no such promise */
	const struct witness *witnesses;
	uint32_t witness_count;
	const struct plan *plan; /* rules/pipeline.h; while rules are loaded */
};

struct yara_rules; /* rules/yara_rules.h */

struct regex_list {
	struct regex *regex;
	struct regex_list *next;
};

struct ruleset {
	const struct env *env;
	atomic_uint references;
	struct arena arena;
	struct dictionary fields; /* every field name that a rule, key or mapping looks at */
	struct rule **rules;
	uint32_t count, room;
	uint32_t yara_first, yara_count; /* the YARA rules stand together at the end */
	struct yara_rules *yara;
	struct regex_list *regexes;
	struct columns *columns; /* columns.h; null until all rules are there */
	uint8_t digest[32];
};

static inline const struct detection *rule_detection(const struct rule *r)
{
	return r->kind == RULE_DETECTION ? (const struct detection *)r : NULL;
}

static inline struct correlation *rule_correlation(struct rule *r)
{
	return r->kind == RULE_CORRELATION ? (struct correlation *)r : NULL;
}

/* Reads a decimal or JSON number; NUMBER_NONE when the text is none. "007" and "+1" are none: not canonical. */
struct number number_parse(struct slice text);
/* <0, 0, >0; exact between integers, by double otherwise. */
int number_order(const struct number *a, const struct number *b);

/* T17: fills the digests of the rules (YARA ones have theirs) and of the whole. */
int ruleset_make_digest(struct ruleset *r);
/* When all rules are there: what evaluators look for. cache: a folder, or null. -ERROR_MEMORY. */
int ruleset_make_columns(struct ruleset *r, const char *cache);

#endif
