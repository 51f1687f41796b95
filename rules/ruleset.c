/* The ruleset as a whole: loading paths, holding, looking. */
#include "rules/columns.h"
#include "rules/filter.h"
#include "rules/pipeline.h"
#include "rules/yara_rules.h"

#include <errno.h>

/* ---- files ---- */

static int sigma_file(void *ctx, const char *path)
{
	struct loader *l = ctx;
	uint8_t *octets = NULL;
	size_t len = 0;
	const char *kept = arena_string(&l->set->arena, slice_str(path));
	if (!kept)
		return NO_MEMORY;
	int rc = env_read_file(l->env, path, (size_t)LIMIT_rule_file_bytes, &octets, &len);
	l->counts.files++;
	l->file = kept;
	if (rc == 0) {
		rc = loader_text(l, kept, slice_of(octets, len));
		env_free(l->env, octets);
		return rc;
	}
	if (rc == -ENOMEM)
		return NO_MEMORY;
	l->counts.rules++;
	l->counts.refused++;
	if (rc == -EFBIG)
		loader_refuse(l, "file-size", 0, 0, "a rule file has at most %d octets", (int)LIMIT_rule_file_bytes);
	else
		loader_refuse(l, "file", 0, 0, "the file cannot be read: %s", strerror(-rc));
	return 0;
}

static int yara_met(struct loader *l, const char *path)
{
	struct met_file *met = arena_zalloc(&l->whole, sizeof *met);
	if (!met || !(met->path = arena_string(&l->set->arena, slice_str(path))))
		return NO_MEMORY;
	*l->yara_tail = met;
	l->yara_tail = &met->next;
	return 0;
}

static int rules_file(void *ctx, const char *path)
{
	return name_is_yara(path) ? yara_met(ctx, path) : sigma_file(ctx, path);
}

static int load_paths(struct loader *l, const struct slice *paths, uint32_t count, int (*each)(void *, const char *),
					  struct error *error)
{
	for (uint32_t i = 0; i < count; i++) {
		char *path = arena_string(&l->set->arena, paths[i]);
		if (!path)
			return error_set(error, ERROR_MEMORY, "no memory for a path");
		const char *list[] = {path};
		int rc = rule_files_each(l->env, list, 1, name_is_sigma, each, l, error);
		if (rc)
			return rc;
	}
	return 0;
}

/* Rules without a pipeline they were meant for would mean something else: a bad one ends the load. */
static int load_aids(struct loader *l, const struct ruleset_options *options, struct error *error)
{
	l->zone_minutes = options->zone_minutes;
	int rc = load_paths(l, options->mappings, options->mapping_count, mapping_file, error);
	if (!rc)
		rc = load_paths(l, options->pipelines, options->pipeline_count, pipeline_file, error);
	if (!rc && l->pipelines_refused)
		rc = error_set(error, ERROR_SYNTAX, "%u pipelines were refused", l->pipelines_refused);
	return rc;
}

static void settle(struct ruleset *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		struct rule *r = set->rules[i];
		r->told |= !r->referred;
		if (r->kind == RULE_DETECTION)
			((struct detection *)r)->plan = NULL;
	}
}

static int load_all(struct loader *l, const char *const *paths, size_t count, const struct ruleset_options *options,
					struct error *error)
{
	bool yara = options && options->yara;
	int rc = options ? load_aids(l, options, error) : 0;
	l->cache = options ? options->cache : NULL;
	if (!rc)
		rc = rule_files_each(l->env, paths, count, yara ? name_is_rules : name_is_sigma, rules_file, l, error);
	if (!rc)
		rc = filters_apply(l);
	if (!rc)
		rc = correlations_resolve(l);
	if (!rc && yara)
		rc = yara_rules_load(l);
	settle(l->set);
	if (!rc)
		rc = ruleset_make_columns(l->set, options ? options->cache : NULL);
	return rc ? rc : ruleset_make_digest(l->set);
}

int ruleset_load(const struct env *env, const char *const *paths, size_t path_count,
				 const struct ruleset_options *options, diagnostic_fn *tell, void *ctx, struct ruleset **out,
				 struct ruleset_counts *counts, struct error *error)
{
	struct loader l;
	struct error local = {0};
	int rc = loader_init(&l, env, tell, ctx);
	if (!rc)
		rc = load_all(&l, paths, path_count, options, &local);
	if (rc && local.code == ERROR_NONE)
		error_set(&local, ERROR_MEMORY, "no memory for the rules");
	if (rc && l.set)
		ruleset_release(l.set);
	if (rc && error)
		*error = local;
	loader_free(&l);
	if (rc)
		return rc;
	l.counts.loaded = l.set->count;
	if (counts)
		*counts = l.counts;
	*out = l.set;
	return 0;
}

int ruleset_make_columns(struct ruleset *r, const char *cache)
{
	CHECK(!r->columns);
	return columns_new(r, cache, &r->columns);
}

/* ---- holding ---- */

struct ruleset *ruleset_hold(struct ruleset *r)
{
	unsigned before = atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
	CHECK(before > 0 && before < UINT32_MAX);
	return r;
}

void ruleset_release(struct ruleset *r)
{
	if (!r || atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) != 1)
		return;
	for (struct regex_list *x = r->regexes; x; x = x->next)
		regex_free(x->regex);
	yara_rules_free(r->yara);
	columns_free(r->columns);
	if (r->fields.arena.env)
		dictionary_free(&r->fields);
	arena_free(&r->arena);
	env_free(r->env, r->rules);
	env_free(r->env, r);
}

/* ---- looking ---- */

void ruleset_digest(const struct ruleset *r, uint8_t out[32])
{
	memcpy(out, r->digest, 32);
}

uint32_t ruleset_count(const struct ruleset *r)
{
	return r->count;
}

const struct rule *ruleset_rule(const struct ruleset *r, uint32_t index)
{
	CHECK(index < r->count);
	return r->rules[index];
}

const struct correlation *ruleset_correlation(const struct ruleset *r, uint32_t index)
{
	CHECK(index < r->count);
	return rule_correlation(r->rules[index]);
}
