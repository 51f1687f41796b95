/* Loading documents: what kind each is, who refuses, what is counted. */
#include "rules/correlation.h"

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
	va_start(args, format);
	tell(l, DIAGNOSTIC_WARNING, id, at->line, at->column, format, args);
	va_end(args);
}

/* ---- the loader ---- */

int loader_init(struct loader *l, const struct env *env, diagnostic_fn *fn, void *ctx)
{
	*l = (struct loader){.env = env, .tell = fn, .ctx = ctx, .file = "", .rule = ""};
	l->correlations_tail = &l->correlations;
	arena_init(&l->tree, env, 0);
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
	arena_free(&l->tree);
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

static int filter_read(struct loader *l, const struct tree_node *root)
{
	const struct tree_node *body = tree_get(root, "filter"), *rules = tree_get(body, "rules");
	const struct tree_node *logsource = tree_get(root, "logsource");
	struct refused_filter *f = arena_zalloc(&l->set->arena, sizeof *f);
	if (!f)
		return NO_MEMORY;
	int rc = loader_refuse_at(l, "sigma-unsupported", root,
							  "filters are not supported yet; the rules it names are refused with it");
	f->file = l->file;
	f->line = root->line;
	struct named_place *names = NULL;
	if (rules && rules->type != TREE_NULL && !(tree_is_scalar(rules) && slice_equal(rules->text, SLICE("any"))))
		if (correlation_names(l, rules, "rules", &names, &f->count) == NO_MEMORY)
			return NO_MEMORY;
	struct slice *texts = arena_zalloc(&l->set->arena, (f->count ? f->count : 1) * sizeof *texts);
	if (!texts)
		return NO_MEMORY;
	CHECK(f->count == 0 || names);
	for (uint32_t i = 0; i < f->count; i++)
		texts[i] = names[i].text;
	f->rules = texts;
	if (logsource && sigma_logsource(l, logsource, &f->logsource) == NO_MEMORY)
		return NO_MEMORY;
	f->next = l->filters;
	l->filters = f;
	return rc;
}

static int detection_read(struct loader *l, const struct tree_node *root)
{
	struct detection *d;
	if (l->after_global)
		return loader_refuse_at(l, "sigma-unsupported", root,
								"this rule needs the 'action: global' above it, which is not supported yet");
	int rc = sigma_rule(l, root, &d);
	if (!rc)
		rc = loader_name(l, &d->rule, NULL);
	return rc ? rc : loader_add(l, &d->rule);
}

static int action_read(struct loader *l, const struct tree_node *root, const struct tree_node *action)
{
	if (tree_is_scalar(action) && slice_equal(action->text, SLICE("global")))
		l->after_global = true;
	if (tree_is_scalar(action) && slice_equal(action->text, SLICE("reset")))
		l->after_global = false;
	return loader_refuse_at(l, "sigma-unsupported", root,
							"documents with 'action: global', 'repeat' or 'reset' are not supported yet");
}

static int document_read(struct loader *l, const struct tree_node *root)
{
	const struct tree_node *action = tree_get(root, "action");
	if (root->type != TREE_MAP)
		return loader_refuse_at(l, "sigma-document", root, "a rule is a map, not %s", tree_type_name(root));
	if (action)
		return action_read(l, root, action);
	if (tree_get(root, "filter"))
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
	if (!root)
		return 0;
	const struct tree_node *id = tree_get(root, "id"), *name = tree_get(root, "name");
	return loader_name_refused(l, id && tree_is_scalar(id) ? id->text : SLICE_NONE,
							   name && tree_is_scalar(name) ? name->text : SLICE_NONE, l->file, root->line);
}

/* Decoders, what they share, and mappings may lie in the same folders: other doors read them. */
static bool document_is_other(const struct tree_node *root)
{
	static const char *const others[] = {"mapping", "recognise", "maps", "renames"};
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

static int document_load(struct loader *l, const struct yaml_document *d)
{
	if (document_is_other(d->root))
		return 0;
	int rc = document_title(l, d->root);
	if (rc)
		return rc;
	l->counts.rules++;
	if (d->root)
		rc = document_read(l, d->root);
	else
		rc = loader_refuse(l, "yaml", d->error.line, d->error.column, "%s", d->error.text);
	return rc == REFUSED ? document_refused(l, d->root) : rc;
}

int loader_text(struct loader *l, const char *file, struct slice text)
{
	struct yaml_tree tree;
	l->file = file;
	l->rule = "";
	l->after_global = false;
	int rc = yaml_tree_parse(&l->tree, text, &tree, NULL) ? NO_MEMORY : 0;
	for (uint32_t i = 0; !rc && i < tree.count; i++)
		rc = document_load(l, &tree.documents[i]);
	arena_reset(&l->tree);
	l->rule = "";
	return rc;
}

/* ---- rules under refused filters ---- */

static bool filter_names(const struct refused_filter *f, const struct rule *r)
{
	if (!logsource_holds(&f->logsource, &r->logsource))
		return false;
	for (uint32_t i = 0; i < f->count; i++)
		if (slice_equal(f->rules[i], r->id) || slice_equal(f->rules[i], r->name) || slice_equal(f->rules[i], r->title))
			return true;
	return f->count == 0;
}

static int drop(struct loader *l, struct rule *r, const struct refused_filter *f)
{
	l->file = arena_string(&l->tree, r->file);
	l->rule = r->title.len ? arena_string(&l->tree, r->title) : "";
	if (!l->file)
		return NO_MEMORY;
	loader_refuse(l, "sigma-unsupported", r->line, 1,
				  "a filter narrows this rule (%s:%u), and filters are not supported yet", f->file, f->line);
	l->counts.refused++;
	struct named_rule *named[] = {loader_find(l, r->id), loader_find(l, r->name)};
	for (unsigned i = 0; i < 2; i++)
		if (named[i] && named[i]->rule == r)
			*named[i] = (struct named_rule){.refused_file = (const char *)r->file.ptr, .refused_line = r->line};
	return 0;
}

int loader_drop_filtered(struct loader *l)
{
	struct ruleset *set = l->set;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < set->count; i++) {
		struct rule *r = set->rules[i];
		const struct refused_filter *f = l->filters;
		while (f && !filter_names(f, r))
			f = f->next;
		if (f && drop(l, r, f))
			return NO_MEMORY;
		if (f)
			continue;
		r->index = kept;
		set->rules[kept++] = r;
	}
	set->count = kept;
	arena_reset(&l->tree);
	return 0;
}
