/* Lints: what is said of rules, and the table of it that docs/lints.md and its test are made from. Only files of rules/
 * include it.
 *
 * Each row shows how its complaint comes about and what is right instead; a test loads both. Errors refuse a document,
 * warnings do not.
 */
#ifndef RULES_LINT_H
#define RULES_LINT_H

#include "rules/load.h"

/* What stands around the text of a row. */
enum lint_frame {
	LINT_SELECTION, /* a selection of a rule */
	LINT_DETECTION, /* the detection of a rule */
	LINT_HEAD, /* the lines of a rule above its detection */
	LINT_FILE, /* a file of rules */
	LINT_FILTER, /* the filter of a document; rule `a` of product windows is there, and the correlation `c` */
	LINT_CORRELATION, /* the correlation of a document; rules `a` and `b` are there */
	LINT_PIPELINE, /* a file of pipelines; the rule looks at field a */
	LINT_TRANSFORMATION, /* one of a pipeline */
	LINT_MAPPING, /* a file of mappings */
	LINT_YARA, /* a file of YARA rules */
	LINT_OUTSIDE /* not told by a text: said in words */
};

struct lint {
	const char *id;
	enum diagnostic_level level;
	enum lint_frame frame;
	const char *what; /* is wrong, or what else it means */
	const char *example, *instead;
};

extern const struct lint lints[];
extern const unsigned lint_count;

/* sigma_lint.c: warnings about what loads. */
void lint_item(struct loader *l, const struct tree_node *key, const struct tree_node *value); /* key null: keywords */
void lint_condition(struct loader *l, const struct tree_node *node);
void lint_rule(struct loader *l, const struct tree_node *root);

#endif
