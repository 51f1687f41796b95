/* A correlation between being read and being resolved. Only files of rules/ include it. */
#ifndef RULES_CORRELATION_H
#define RULES_CORRELATION_H

#include "rules/load.h"

struct named_place {
	struct slice text;
	uint32_t line, column;
};

struct alias {
	struct slice name; /* of the alias */
	struct named_place reference; /* a rule */
	struct slice field; /* what it is called there */
};

enum pending_state {
	PENDING_WAITS,
	PENDING_DONE,
	PENDING_REFUSED
};

struct reference {
	struct named_place place;
	struct rule *rule; /* loaded already, or */
	struct pending_correlation *pending; /* to come */
};

/* Who writes a list: names, until the references are linked. */
struct pending_list {
	struct named_place place;
	struct named_place *add, *remove;
	uint32_t add_count, remove_count;
};

struct pending_correlation {
	struct correlation *c;
	enum pending_state state;
	const char *file;
	const char *title;
	uint32_t line, column;
	struct reference *references;
	uint32_t reference_count;
	struct named_place *groups, *values;
	uint32_t group_count, value_count;
	struct alias *aliases;
	uint32_t alias_count;
	struct expression *expression; /* EXPRESSION_RULE: place in names[] until it is resolved */
	uint32_t expression_count;
	struct named_place *names; /* identifiers of the expression */
	uint32_t name_count;
	uint32_t line_of_condition, column_of_condition;
	const struct tree_node *zero; /* a condition that only the absence of all matches fulfils */
	struct named_place pivot; /* empty: the first of the rules */
	struct correlation_list *lists; /* of c, and who writes them */
	struct pending_list *list_writers;
	struct pending_correlation *next;
};

/* correlation_condition.c: type, condition and timespan. */
int correlation_type_read(struct loader *l, const struct tree_node *body, struct correlation *c);
int correlation_timespan_read(struct loader *l, const struct tree_node *body, struct correlation *c);
int correlation_condition_read(struct loader *l, const struct tree_node *body, struct pending_correlation *p);
/* correlation_window.c: window, gap, and our own keys about them, of a map that may have them; null: no map. */
int correlation_window_read(struct loader *l, const struct tree_node *map, struct pending_correlation *p);
/* When everything is read: do they go together? */
int correlation_window_check(struct loader *l, const struct tree_node *body, struct pending_correlation *p);
int correlation_pivot_resolve(struct loader *l, struct pending_correlation *p);
/* The rules that a condition speaks of: they stand first, then that of `until`, then those that only write lists. */
uint32_t correlation_listed(const struct pending_correlation *p);
/* correlation_lists.c: lists, of a map that may have them. */
int correlation_lists_read(struct loader *l, const struct tree_node *map, struct pending_correlation *p);
int correlation_lists_check(struct loader *l, const struct tree_node *body, const struct pending_correlation *p);
/* When the other references are linked: who writes the lists joins them. */
int correlation_lists_link(struct loader *l, struct pending_correlation *p);
/* When the fields are resolved: what an inner correlation need not have. */
void correlation_lists_lint(struct loader *l, const struct pending_correlation *p);
/* correlation_resolve.c: who is meant. */
int correlation_reference(struct loader *l, struct reference *r);
/* A number of something and a unit, when the map has the key. */
int correlation_span(struct loader *l, const struct tree_node *map, const char *key, int64_t *out);
/* Keys that we do not know would change what a correlation means: they are refused, not ignored. */
int correlation_known_keys(struct loader *l, const struct tree_node *map, const char *where, const char *const *known);
/* A type over numbers: sum, average, percentile. */
bool correlation_numeric(const struct correlation *c);
/* correlation_expression.c: a condition over names of rules. Fills p->expression and p->names. */
int correlation_expression_read(struct loader *l, const struct tree_node *text, struct pending_correlation *p);
/* The rules of a correlation that names them in its condition alone. */
int correlation_expression_rules(struct loader *l, struct pending_correlation *p);
/* When the references are linked: names become places, and the condition what its type makes of it. */
int correlation_expression_resolve(struct loader *l, struct pending_correlation *p);
/* A string or a list of strings. */
int correlation_names(struct loader *l, const struct tree_node *node, const char *what, struct named_place **out,
					  uint32_t *count);

#endif
