/* Processing pipelines: what is done to detection rules between their text and what they are compiled to. Only files of
 * rules/ include it.
 *
 * A pipeline is a list of transformations in the YAML form of the reference implementation. Which of them concern a rule is
 * decided once for each rule and kept as its plan; an item of a selection then passes the plan from left to right. Pipelines
 * apply in order of priority, then as they were given. They live while rules are loaded.
 */
#ifndef RULES_PIPELINE_H
#define RULES_PIPELINE_H

#include "rules/modifier.h"

enum transformation_kind {
	/* what happens to items */
	CHANGE_FIELD_NAMES, /* pairs */
	CHANGE_FIELD_PREFIXES, /* pairs, of beginnings */
	CHANGE_FIELD_PREFIX, /* text */
	CHANGE_FIELD_SUFFIX, /* text */
	CHANGE_DROP,
	CHANGE_REPLACE, /* replace */
	CHANGE_VALUE, /* value */
	CHANGE_PLACEHOLDERS, /* names */
	CHANGE_PLACEHOLDERS_ANY, /* names */
	CHANGE_FAIL_ITEM, /* text */
	/* what happens to the rule */
	CHANGE_ADD_CONDITION, /* value, negated */
	CHANGE_LOGSOURCE, /* logsource */
	CHANGE_STATE, /* text, second */
	CHANGE_FAIL_RULE, /* text */
	CHANGE_NOTHING /* fields and attributes that only queries show */
};

static inline bool transformation_of_items(enum transformation_kind kind)
{
	return kind <= CHANGE_FAIL_ITEM;
}

struct condition_type;

struct pipeline_condition {
	const struct condition_type *type;
	struct logsource logsource;
	struct slice text, second; /* what they are depends on the type */
	const struct tree_node *value;
	struct slice *names;
	struct regex **regexes; /* instead of names */
	uint32_t count;
	int compare; /* enum compare */
	bool negated, all;
};

struct condition_list {
	struct pipeline_condition *list;
	uint32_t count; /* 0: holds */
	bool any, negated;
};

struct name_pair {
	struct slice from;
	struct slice *to;
	uint32_t count;
};

struct pipeline;

struct transformation {
	enum transformation_kind kind;
	const struct pipeline *pipeline;
	const struct tree_node *at;
	struct slice id;
	struct condition_list rule, item, field;
	struct name_pair *pairs;
	uint32_t pair_count;
	struct slice text, second;
	const struct tree_node *value;
	struct logsource logsource;
	struct slice *names; /* placeholders */
	uint32_t name_count;
	bool excludes; /* all placeholders but these */
	bool negated;
	struct replace *replace;
	struct transformation *next;
};

struct pipeline {
	const char *file;
	struct slice name;
	int64_t priority;
	const struct tree_node *vars; /* null: none */
	struct transformation *first;
	struct pipeline *next; /* in the order of applying */
};

/* What of the pipelines concerns a rule. */
struct addition {
	const struct transformation *by;
	uint32_t from; /* what of the plan its items pass */
};

struct plan {
	const struct transformation **list; /* of items */
	uint32_t count;
	struct addition *additions;
	uint32_t addition_count;
};

/* pipeline_read.c: a file of pipelines, for rule_files_each; a bad one is told, and *refused counted. */
int pipeline_file(void *ctx, const char *path);
/* Its text; l->file is set. */
int pipeline_text(struct loader *l, struct slice text);
/* pipeline_condition.c */
int pipeline_conditions_read(struct loader *l, const struct tree_node *transformation, const char *kind,
							 struct condition_list *out);
struct rule_state { /* of the rule while its plan is made */
	struct loader *l;
	const struct tree_node *root;
	struct rule *rule;
	const struct transformation **applied;
	uint32_t applied_count;
	struct plan *plan;
};
/* pipeline_contains.c: the field `text`, with `value` unless that is null. */
int rule_contains(struct rule_state *s, const struct pipeline_condition *c, bool *holds);
int rule_conditions_hold(struct rule_state *s, const struct condition_list *c, bool *holds);
int item_conditions_hold(struct literals *v, const struct condition_list *c, bool *holds);
int field_conditions_hold(struct loader *l, struct slice field, const struct condition_list *c, bool *holds);

/* pipeline_plan.c: the plan of a rule whose head and log source are read; changes the log source. REFUSED: a pipeline
 * refuses the rule. */
int plan_make(struct loader *l, const struct tree_node *root, struct rule *rule, const struct plan **out);
/* The conditions that the plan adds, joined to the rule's tree. */
int plan_add_conditions(struct loader *l, const struct plan *plan, const struct node **root);
bool plan_equal(const struct plan *a, const struct plan *b);
/* What a field is called behind the plan, apart from what depends on values; at most PLAN_NAMES. */
#define PLAN_NAMES 16u
int plan_names(struct loader *l, const struct plan *plan, struct slice field, struct slice out[PLAN_NAMES],
			   uint32_t *count);

/* pipeline_item.c: the item behind the plan from `at` on; *out null: it was dropped. */
int pipeline_item(struct literals *v, struct slice field, uint32_t at, const struct node **out);
/* The names that one transformation gives to a field; *count 0: it leaves it alone. */
int transformation_names(struct loader *l, const struct transformation *t, struct slice field, struct slice *out,
						 uint32_t room, uint32_t *count);

/* pipeline_replace.c: a regular expression and what is put in its place. */
int replace_read(struct loader *l, const struct tree_node *regex, const struct tree_node *with, struct replace **out);
/* The text with every match replaced, in `tree`. */
int replace_text(struct loader *l, const struct replace *r, const struct tree_node *at, struct slice text,
				 struct slice *out);
void replace_free_all(struct loader *l);

#endif
