/* The rules of a running pipeline kept beside the data, and loaded from there.
 *
 *   DATA/rules/DIGEST/00000-name.yml              rule files, in the order of loading
 *   DATA/rules/DIGEST/.mappings/00000-name.yml    what else entered the digest; a load of the folder passes these two over
 *   DATA/rules/DIGEST/.pipelines/00000-name.yml
 *   DATA/rules/new/                               a copy that is not whole yet
 *
 * Whoever loads them compares the digest: a rule file that was written anew while it was copied, or a program that compiles it
 * to something else, is found so.
 */
#include "cli/run.h"
#include "cli/setup.h"

#include <errno.h>
#include <stdio.h>

#define KEPT_FILE_MAX ((size_t)8 << 20)

static void kept_folder(const struct run *run, const uint8_t digest[32], char *out, size_t size)
{
	char hex[65];
	hex_print(digest, 32, hex);
	snprintf(out, size, "%s/rules/%s", run->data, hex);
}

/* ---- kept ---- */

struct keeping {
	const struct env *env;
	char folder[4400];
	unsigned files;
	struct error *error;
};

static int write_copy(struct keeping *k, const char *path, struct slice octets)
{
	const struct env_files *f = &k->env->files;
	int fd = f->open(f->ctx, path, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE);
	if (fd < 0)
		return error_io(k->error, fd, "cannot write %s", path);
	int result = env_write_all(k->env, fd, octets.ptr, octets.len, 0);
	f->close(f->ctx, fd);
	return result ? error_io(k->error, result, "cannot write %s", path) : 0;
}

static int sync_file(void *ctx, const char *name)
{
	struct keeping *k = ctx;
	const struct env_files *f = &k->env->files;
	char path[4800];
	if (name[0] == '.')
		return 0;
	snprintf(path, sizeof path, "%s/%.200s", k->folder, name);
	int fd = f->open(f->ctx, path, ENV_WRITE);
	int result = fd < 0 ? fd : f->sync(f->ctx, fd);
	if (fd >= 0)
		f->close(f->ctx, fd);
	return result;
}

/* When all files are written: one after the other would wait for the medium each time, ten thousand rules for minutes. */
static int sync_folder(struct keeping *k)
{
	const struct env_files *f = &k->env->files;
	int result = f->list(f->ctx, k->folder, sync_file, k);
	return result < 0 ? result : f->sync_dir(f->ctx, k->folder);
}

/* The number keeps the order of loading and tells apart what has the same name in two folders. */
static int keep_file(void *ctx, const char *path)
{
	struct keeping *k = ctx;
	char copy[4800];
	uint8_t *octets;
	size_t len;
	const char *slash = strrchr(path, '/');
	int result = env_read_file(k->env, path, KEPT_FILE_MAX, &octets, &len);
	if (result)
		return error_io(k->error, result, "cannot read %s", path);
	snprintf(copy, sizeof copy, "%s/%05u-%.200s", k->folder, k->files++, slash ? slash + 1 : path);
	result = write_copy(k, copy, slice_of(octets, len));
	env_free(k->env, octets);
	return result;
}

static int remove_file(void *ctx, const char *name)
{
	struct keeping *k = ctx;
	char path[4800];
	snprintf(path, sizeof path, "%s/%.200s", k->folder, name);
	return name[0] == '.' ? 0 : k->env->files.unlink(k->env->files.ctx, path);
}

/* What a crash left there goes first. */
static int begin_folder(struct keeping *k, const char *folder)
{
	const struct env_files *f = &k->env->files;
	snprintf(k->folder, sizeof k->folder, "%s", folder);
	k->files = 0;
	int result = env_make_dirs(k->env, folder);
	if (result && result != -EEXIST)
		return error_io(k->error, result, "cannot make %s", folder);
	result = f->list(f->ctx, folder, remove_file, k);
	return result < 0 ? error_io(k->error, result, "cannot empty %s", folder) : 0;
}

static int keep_rule_files(struct keeping *k, const char *folder, const struct rule_paths *p)
{
	int result = begin_folder(k, folder);
	if (!result)
		result = ruleset_files(k->env, p->paths, p->count, p->with_yara, keep_file, k, k->error);
	return result ? result : sync_folder(k);
}

static int keep_mappings(struct keeping *k, const char *folder)
{
	char path[PATH_MAX], below[4400];
	struct env_stat st;
	const char *mappings = setup_library_path("mappings", path, sizeof path);
	snprintf(below, sizeof below, "%s/.mappings", folder);
	int result = begin_folder(k, below);
	if (!result && k->env->files.stat(k->env->files.ctx, mappings, &st) == 0)
		result = ruleset_files(k->env, &mappings, 1, false, keep_file, k, k->error);
	return result ? result : sync_folder(k);
}

static int keep_pipelines(struct keeping *k, const char *folder, const struct rule_paths *p)
{
	char below[4400];
	struct arena arena;
	snprintf(below, sizeof below, "%s/.pipelines", folder);
	int result = begin_folder(k, below);
	arena_init(&arena, k->env, 4096);
	for (unsigned i = 0; i < p->pipeline_count && !result; i++) {
		const char *path = setup_pipeline(&arena, p->pipelines[i]);
		result = path ? ruleset_files(k->env, &path, 1, false, keep_file, k, k->error)
					  : error_set(k->error, ERROR_MEMORY, "no memory for paths of pipelines");
	}
	arena_free(&arena);
	return result ? result : sync_folder(k);
}

static int keep_into(struct run *run, struct keeping *k, const char *made, const char *folder)
{
	const struct env_files *f = &run->env->files;
	struct rule_paths p;
	run_find_rules(run, &p);
	int result = keep_mappings(k, made);
	if (!result)
		result = keep_pipelines(k, made, &p);
	if (!result)
		result = keep_rule_files(k, made, &p);
	if (!result)
		result = f->rename(f->ctx, made, folder, false);
	if (!result)
		result = env_sync_parent(run->env, folder);
	return result && k->error->code == ERROR_NONE ? error_io(k->error, result, "cannot keep the rules in %s", folder)
												  : result;
}

int run_keep_rules(struct run *run, struct error *error)
{
	struct keeping k = {.env = run->env, .error = error};
	char made[4300], folder[4300];
	struct env_stat st;
	uint8_t digest[32];
	ruleset_digest(run->ruleset, digest);
	kept_folder(run, digest, folder, sizeof folder);
	if (run->env->files.stat(run->env->files.ctx, folder, &st) == 0)
		return 0;
	/* A copy that a crash cut short has this name, and is made anew. */
	snprintf(made, sizeof made, "%s/rules/new", run->data);
	return keep_into(run, &k, made, folder);
}

/* ---- loaded from there ---- */

static int load_kept(const char *folder, const char *const *paths, size_t count, struct ruleset **out,
					 struct error *error)
{
	char mappings[4400], pipelines[4400];
	snprintf(mappings, sizeof mappings, "%s/.mappings", folder);
	snprintf(pipelines, sizeof pipelines, "%s/.pipelines", folder);
	return setup_rules_kept(paths, count, mappings, pipelines, out, error);
}

int run_kept_rules(const struct run *run, const uint8_t digest[32], struct ruleset **out, struct error *error)
{
	char folder[4300];
	const char *path = folder;
	uint8_t found[32];
	kept_folder(run, digest, folder, sizeof folder);
	int result = load_kept(folder, &path, 1, out, error);
	if (result)
		return result;
	ruleset_digest(*out, found);
	if (memcmp(found, digest, 32) == 0)
		return 0;
	ruleset_release(*out);
	*out = NULL;
	return error_set(error, ERROR_CONFLICT, "what is kept in %s makes other rules", folder);
}

/* ---- a part of them ---- */

/* Files of rules. */
struct part {
	const struct ruleset *whole;
	struct arena arena;
	const char **paths;
	size_t count;
};

static int add_file(struct part *p, struct slice file)
{
	for (size_t i = 0; i < p->count; i++)
		if (slice_equal(slice_str(p->paths[i]), file))
			return 0;
	char *path = arena_alloc(&p->arena, file.len + 1);
	if (!path)
		return -ERROR_MEMORY;
	memcpy(path, file.ptr, file.len);
	path[file.len] = 0;
	p->paths[p->count++] = path;
	return 0;
}

static int add_rule(struct part *p, uint32_t index)
{
	const struct correlation *c = ruleset_correlation(p->whole, index);
	int result = add_file(p, ruleset_rule(p->whole, index)->file);
	for (uint32_t i = 0; c && i < c->rule_count && !result; i++)
		result = add_rule(p, c->rules[i]);
	return result;
}

static bool retires(const struct retiring_list *l, const struct ruleset *rules, uint32_t index)
{
	for (uint32_t i = 0; i < l->count && ruleset_correlation(rules, index); i++)
		if (retiring_is_beside(&l->list[i]) && memcmp(l->list[i].digest, ruleset_rule(rules, index)->digest, 32) == 0)
			return true;
	return false;
}

static int find_files(struct part *p, const struct retiring_list *list)
{
	uint32_t n = ruleset_count(p->whole);
	int result = 0;
	p->paths = arena_alloc(&p->arena, ((size_t)n + 1) * sizeof *p->paths);
	if (!p->paths)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < n && !result; i++)
		if (retires(list, p->whole, i))
			result = add_rule(p, i);
	return result;
}

static uint32_t retiring_in(const struct retiring_list *list, const struct ruleset *rules)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < ruleset_count(rules); i++)
		n += retires(list, rules, i);
	return n;
}

int run_kept_part(const struct run *run, const struct ruleset *whole, const struct retiring_list *list,
				  struct ruleset **out, struct error *error)
{
	struct part p = {.whole = whole};
	char folder[4300];
	uint8_t digest[32];
	ruleset_digest(whole, digest);
	kept_folder(run, digest, folder, sizeof folder);
	arena_init(&p.arena, run->env, 4096);
	int result = find_files(&p, list);
	if (result)
		result = error_set(error, ERROR_MEMORY, "no memory for paths of rules");
	else
		result = load_kept(folder, p.paths, p.count, out, error);
	arena_free(&p.arena);
	/* A digest is over all that a rule depends on: what is missing here, a filter in another file, shows. */
	if (!result && retiring_in(list, *out) != retiring_in(list, whole)) {
		ruleset_release(*out);
		result = error_set(error, ERROR_CONFLICT, "rules of %s depend on what is in other files", folder);
	}
	return result;
}
