/* Loading: the state that the readers of rule files share, and how they refuse. Only files of rules/ include it.
 *
 * Convention of every reader here: 0; -ERROR_SYNTAX after the one diagnostic that says why this document is refused;
 * -ERROR_MEMORY, which ends the whole load.
 */
#ifndef RULES_LOAD_H
#define RULES_LOAD_H

#include "rules/ruleset.h"
#include "rules/yaml_tree.h"

#define REFUSED (-(int)ERROR_SYNTAX)
#define NO_MEMORY (-(int)ERROR_MEMORY)

struct field_mapping {
	struct logsource logsource;
	const struct slice *from, *to;
	uint32_t count;
	struct field_mapping *next; /* in the order of loading */
};

struct pending_correlation;

/* What an id or a name stands for: one of a loaded rule, a correlation to come, a refused document. */
struct named_rule {
	struct rule *rule;
	struct pending_correlation *pending;
	const char *refused_file; /* null: not refused */
	uint32_t refused_line;
};

/* A YARA file that was met on the way; they are loaded behind all others. */
struct met_file {
	const char *path;
	struct met_file *next;
};

/* The tree of a file that is still needed when all files are read. */
struct kept_tree {
	struct arena arena;
	struct kept_tree *next;
};

struct filter; /* rules/filter.h */
struct pipeline; /* rules/pipeline.h */
struct plan;
struct replace;
struct regex_scratch;

/* action.c: what documents of the file being read hand down to those behind them. */
struct action_state {
	const struct tree_node *global, *previous; /* in `tree`; null: none */
	bool global_refused;
	uint64_t nodes, compared; /* merged so far */
};

struct loader {
	const struct env *env;
	struct ruleset *set;
	struct arena tree; /* of the file being read; reset after it */
	struct arena whole; /* until everything is loaded */
	diagnostic_fn *tell;
	void *ctx;
	struct ruleset_counts counts;
	const char *cache; /* a folder, or null */
	const char *file; /* lives as long as the ruleset */
	const char *rule; /* title, id or name of the document being read, or "" */
	struct field_mapping *mappings;
	struct filter *filters; /* in the order of loading */
	struct kept_tree *kept;
	struct met_file *yara, **yara_tail; /* in the order of loading */
	bool keep_tree; /* of the file being read */
	bool no_rule; /* the document being read becomes no rule: a filter */
	bool silent; /* warnings were told already */
	struct dictionary names; /* ids and names of rules; named[] has an entry for each */
	struct named_rule *named;
	uint32_t named_room;
	struct pending_correlation *correlations, **correlations_tail;
	int32_t zone_minutes; /* of date parts */
	struct pipeline *pipelines; /* in the order of applying */
	uint32_t pipelines_refused;
	struct replace *replaces;
	struct regex_scratch *regex; /* null until a condition of a pipeline needs it */
	/* what the rule being compiled needs */
	struct logsource logsource;
	const struct plan *plan; /* null: none */
	uint32_t plan_from; /* what of it is passed over: a condition that a pipeline added passes what comes behind it */
	uint32_t splits; /* fields that the item has become */
	bool checking; /* a filter is only looked at: placeholders get their values in the rules it narrows */
	struct action_state action;
};

/* Tells, and returns REFUSED. */
int loader_refuse(struct loader *l, const char *id, uint32_t line, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
int loader_refuse_at(struct loader *l, const char *id, const struct tree_node *at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#ifdef __clang_analyzer__ /* it sees one file at a time */
#define loader_refuse(...) ((loader_refuse)(__VA_ARGS__), REFUSED)
#define loader_refuse_at(...) ((loader_refuse_at)(__VA_ARGS__), REFUSED)
#endif
void loader_warn(struct loader *l, const char *id, const struct tree_node *at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The names under which a field of a rule with this log source is looked for (own, then mapped). */
int loader_field(struct loader *l, struct slice name, const struct logsource *logsource, struct field_names *out);
/* The same of a field of a loaded detection rule, behind its pipelines, as one text: names with a NUL octet between them,
 * for evaluator_values. */
int loader_key_field(struct loader *l, struct slice name, const struct rule *rule, struct slice *out);

/* sigma_item.c: one "field|modifiers: values" of a map, or the keyword item of bare values (key null). *out null: a
 * pipeline dropped it; who holds selections leaves it out. */
int sigma_item(struct loader *l, const struct tree_node *key, const struct tree_node *value, const struct node **out);
/* sigma_detection.c: a map, of which every item must hold; *out null when pipelines dropped all of them. */
int sigma_items(struct loader *l, const struct tree_node *map, const struct node **out);
/* sigma_detection.c: the whole `detection` map. */
int sigma_detection(struct loader *l, const struct tree_node *detection, const struct node **out);
/* The same of a filter, whose key `rules` is no selection. */
int sigma_filter_detection(struct loader *l, const struct tree_node *body, const struct node **out);
/* condition.c: text of a condition over named selections. */
struct selection {
	struct slice name;
	const struct node *node;
	const struct tree_node *at;
	bool used;
};
struct selections {
	struct selection *list;
	uint32_t count;
};
int condition_compile(struct loader *l, const struct tree_node *text, struct selections *selections,
					  const struct node **out);
struct node *node_new(struct arena *arena, enum node_kind kind, uint32_t children);

/* sigma_rule.c: the common head of a document; a detection rule. */
int sigma_head(struct loader *l, const struct tree_node *root, struct rule *rule);
int sigma_rule(struct loader *l, const struct tree_node *root, struct detection **out);
/* Puts cheap parts first and chooses witnesses: when the tree is whole. */
int detection_finish(struct loader *l, struct detection *d);
int sigma_logsource(struct loader *l, const struct tree_node *node, struct logsource *out);

/* correlation_rule.c: read when met, resolved when all files are read. */
int correlation_read(struct loader *l, const struct tree_node *root);
int correlations_resolve(struct loader *l);

/* names.c: ids and names. */
struct named_rule *loader_find(struct loader *l, struct slice reference); /* null: nobody */
/* Gives the rule's id and name to it; refuses what is taken. */
int loader_name(struct loader *l, struct rule *rule, struct pending_correlation *pending);
/* Remembers a refused document by its id and name, as far as nobody else has them. */
int loader_name_refused(struct loader *l, struct slice id, struct slice name, const char *file, uint32_t line);

/* load.c */
int loader_init(struct loader *l, const struct env *env, diagnostic_fn *tell, void *ctx);
void loader_free(struct loader *l); /* keeps the ruleset */
int loader_add(struct loader *l, struct rule *rule);
/* One document; REFUSED is counted already. */
int loader_text(struct loader *l, const char *file, struct slice text);
/* The tree of the file lives on until the loader is freed. */
int loader_keep_tree(struct loader *l);

/* rule_files.c: every file under the paths that `wanted` takes, sorted. */
int rule_files_each(const struct env *env, const char *const *paths, size_t count, bool (*wanted)(const char *name),
					int (*each)(void *ctx, const char *path), void *ctx, struct error *error);
bool name_ends(const char *name, const char *end);
bool name_is_sigma(const char *name); /* *.yml, *.yaml; not the tests beside them */
bool name_is_yara(const char *name);
bool name_is_rules(const char *name); /* either */

/* mapping.c */
/* A file of mappings, for rule_files_each; bad documents are told and left out. */
int mapping_file(void *ctx, const char *path);
/* `inner` has all that `outer` names. */
bool logsource_holds(const struct logsource *outer, const struct logsource *inner);

/* A text of the tree copied into the ruleset; ptr null: no memory. */
static inline struct slice loader_copy(struct loader *l, struct slice s)
{
	return arena_copy(&l->set->arena, s);
}

#endif
