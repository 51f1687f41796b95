/* Loading documents: what kind each is, who refuses, what is counted. */
#include "rules/action.h"
#include "rules/correlation.h"
#include "rules/filter.h"
#include "rules/pipeline.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- telling ---- */

__attribute__((format(printf, 6, 0))) static void tell(struct loader *l, enum diagnostic_level level, const char *id,
													   uint32_t line, uint32_t column, const char *format, va_list args)
{
	char text[512];
	vsnprintf(text, sizeof text, format, args);
	struct diagnostic d = {level, id, l->file ? l->file : "", line, column, l->rule ? l->rule : "", text};
	if (l->tell)
		l->tell(l->ctx, &d);
	if (level == DIAGNOSTIC_WARNING)
		l->counts.warnings++;
}

int(loader_refuse)(struct loader *l, const char *id, uint32_t line, uint32_t column, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(l, DIAGNOSTIC_ERROR, id, line, column, format, args);
	va_end(args);
	return REFUSED;
}

int(loader_refuse_at)(struct loader *l, const char *id, const struct tree_node *at, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell(l, DIAGNOSTIC_ERROR, id, at->line, at->column, format, args);
	va_end(args);
	return REFUSED;
}

void loader_warn(struct loader *l, const char *id, const struct tree_node *at, const char *format, ...)
{
	va_list args;
	if (l->silent)
		return;
	va_start(args, format);
	tell(l, DIAGNOSTIC_WARNING, id, at->line, at->column, format, args);
	va_end(args);
}

/* ---- the loader ---- */

int loader_init(struct loader *l, const struct env *env, diagnostic_fn *fn, void *ctx)
{
	*l = (struct loader){.env = env, .tell = fn, .ctx = ctx, .file = "", .rule = ""};
	l->correlations_tail = &l->correlations;
	l->yara_tail = &l->yara;
	arena_init(&l->tree, env, 0);
	arena_init(&l->whole, env, 0);
	uint64_t seed = 0;
	if (env->random.fill(env->random.ctx, &seed, sizeof seed) < 0)
		seed = 0x9e3779b97f4a7c15; /* only guards against chosen collisions */
	struct ruleset *set = env_zalloc(env, sizeof *set);
	if (!set)
		return NO_MEMORY;
	set->env = env;
	atomic_init(&set->references, 1);
	arena_init(&set->arena, env, 262144);
	l->set = set;
	if (dictionary_init(&set->fields, env, seed) || dictionary_init(&l->names, env, seed)) {
		ruleset_release(set);
		l->set = NULL;
		return NO_MEMORY;
	}
	return 0;
}

void loader_free(struct loader *l)
{
	replace_free_all(l);
	regex_scratch_free(l->regex);
	while (l->kept) {
		struct arena arena = l->kept->arena;
		l->kept = l->kept->next;
		arena_free(&arena);
	}
	arena_free(&l->tree);
	arena_free(&l->whole);
	if (l->names.arena.env)
		dictionary_free(&l->names);
	env_free(l->env, l->named);
}

int loader_add(struct loader *l, struct rule *rule)
{
	struct ruleset *set = l->set;
	if (set->count >= LIMIT_rules)
		return loader_refuse(l, "rules-limit", rule->line, 0, "a ruleset has at most %d rules", (int)LIMIT_rules);
	if (set->count == set->room) {
		uint32_t room = set->room ? set->room * 2 : 256;
		struct rule **grown = env_resize(set->env, set->rules, room * sizeof *grown);
		if (!grown)
			return NO_MEMORY;
		set->rules = grown;
		set->room = room;
	}
	rule->index = set->count;
	rule->told = rule->told || rule->generate;
	set->rules[set->count++] = rule;
	return 0;
}

/* ---- documents ---- */

static int detection_read(struct loader *l, const struct tree_node *root)
{
	struct detection *d;
	int rc = sigma_rule(l, root, &d);
	if (!rc)
		rc = loader_name(l, &d->rule, NULL);
	return rc ? rc : loader_add(l, &d->rule);
}

static int document_read(struct loader *l, const struct tree_node *root)
{
	if (root->type != TREE_MAP)
		return loader_refuse_at(l, "sigma-document", root, "a rule is a map, not %s", tree_type_name(root));
	l->no_rule = tree_get(root, "filter") != NULL;
	if (l->no_rule)
		return filter_read(l, root);
	if (tree_get(root, "correlation"))
		return correlation_read(l, root);
	return detection_read(l, root);
}

/* The document's title, id or name, for what is said about it. */
static int document_title(struct loader *l, const struct tree_node *root)
{
	static const char *const keys[] = {"title", "id", "name"};
	l->rule = "";
	for (unsigned i = 0; i < 3; i++) {
		const struct tree_node *n = root ? tree_get(root, keys[i]) : NULL;
		if (!n || !tree_is_scalar(n) || n->text.len == 0 || memchr(n->text.ptr, 0, n->text.len))
			continue;
		l->rule = arena_string(&l->tree, n->text);
		return l->rule ? 0 : NO_MEMORY;
	}
	return 0;
}

static int document_refused(struct loader *l, const struct tree_node *root)
{
	l->counts.refused++;
	const struct tree_node *id = tree_get(root, "id"), *name = tree_get(root, "name");
	return loader_name_refused(l, id && tree_is_scalar(id) ? id->text : SLICE_NONE,
							   name && tree_is_scalar(name) ? name->text : SLICE_NONE, l->file, root->line);
}

/* Decoders, what they share, mappings and pipelines may lie in the same folders: other doors read them. */
static bool document_is_other(const struct tree_node *root)
{
	static const char *const others[] = {"mapping", "recognise",       "maps",
										 "renames", "transformations", "regression_tests_info"};
	static const char *const ours[] = {"detection", "correlation", "filter"};
	bool other = false;
	if (!root || root->type != TREE_MAP)
		return false;
	for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
		other |= tree_get(root, others[i]) != NULL;
	for (unsigned i = 0; i < sizeof ours / sizeof *ours; i++)
		other &= tree_get(root, ours[i]) == NULL;
	return other;
}

static int document_merged(struct loader *l, const struct tree_node *root)
{
	const struct tree_node *merged = root;
	int rc = action_merge(l, root, &merged);
	if (!rc && !merged) {
		l->no_rule = true;
		return 0;
	}
	if (!rc && merged != root)
		rc = document_title(l, merged);
	if (!rc)
		rc = document_read(l, merged);
	return rc == REFUSED ? document_refused(l, merged ? merged : root) : rc;
}

static int document_load(struct loader *l, const struct yaml_document *d)
{
	if (document_is_other(d->root))
		return 0;
	uint32_t refused = l->counts.refused;
	int rc = document_title(l, d->root);
	l->no_rule = false;
	if (!rc && d->root)
		rc = document_merged(l, d->root);
	else if (!rc) {
		loader_refuse(l, "yaml", d->error.line, d->error.column, "%s", d->error.text);
		l->counts.refused++;
	}
	l->counts.rules += !l->no_rule || l->counts.refused > refused;
	return rc;
}

/* The tree of a file whose documents are wanted when all files are read. */
int loader_keep_tree(struct loader *l)
{
	struct kept_tree *k = arena_alloc(&l->tree, sizeof *k); /* inside what it keeps */
	if (!k)
		return NO_MEMORY;
	*k = (struct kept_tree){l->tree, l->kept};
	l->kept = k;
	arena_init(&l->tree, l->env, 0);
	return 0;
}

int loader_text(struct loader *l, const char *file, struct slice text)
{
	struct yaml_tree tree;
	l->file = file;
	l->rule = "";
	l->keep_tree = false;
	action_begin_file(l);
	int rc = yaml_tree_parse(&l->tree, text, &tree, NULL) ? NO_MEMORY : 0;
	for (uint32_t i = 0; !rc && i < tree.count; i++)
		rc = document_load(l, &tree.documents[i]);
	l->rule = "";
	if (!rc && l->keep_tree)
		return loader_keep_tree(l);
	arena_reset(&l->tree);
	return rc;
}
