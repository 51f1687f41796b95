/* The files under the paths a user names: recursively, sorted, so that a ruleset is the same wherever it is loaded. */
#include "rules/load.h"

#include <errno.h>
#include <stdlib.h>

#define FOLDER_DEPTH 32u

struct walk {
	const struct env *env;
	struct arena arena;
	bool (*wanted)(const char *name);
	int (*each)(void *ctx, const char *path);
	void *ctx;
	struct error *error;
};

struct name_list {
	struct walk *w;
	const char **names;
	uint32_t count, room;
};

bool name_ends(const char *name, const char *end)
{
	return slice_ends(slice_str(name), slice_str(end));
}

bool name_is_sigma(const char *name)
{
	if (name_ends(name, ".tests.yml") || name_ends(name, ".tests.yaml"))
		return false;
	return name_ends(name, ".yml") || name_ends(name, ".yaml");
}

bool name_is_yara(const char *name)
{
	return name_ends(name, ".yar") || name_ends(name, ".yara");
}

static int keep_name(void *arg, const char *name)
{
	struct name_list *list = arg;
	if (name[0] == '.')
		return 0;
	if (list->count == list->room) {
		uint32_t room = list->room ? list->room * 2 : 32;
		const char **grown = arena_alloc(&list->w->arena, room * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		if (list->count)
			memcpy(grown, list->names, list->count * sizeof *grown);
		list->names = grown;
		list->room = room;
	}
	list->names[list->count] = arena_string(&list->w->arena, slice_str(name));
	return list->names[list->count++] ? 0 : -ENOMEM;
}

static int by_octets(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *join(struct walk *w, const char *folder, const char *name)
{
	size_t a = strlen(folder), b = strlen(name);
	char *path = arena_alloc(&w->arena, a + b + 2);
	if (!path)
		return NULL;
	memcpy(path, folder, a);
	if (a && folder[a - 1] != '/')
		path[a++] = '/';
	memcpy(path + a, name, b + 1);
	return path;
}

static int walk_found(struct walk *w, const char *path, bool is_folder, unsigned depth);

static int walk_folder(struct walk *w, const char *path, unsigned depth)
{
	struct name_list list = {.w = w};
	if (depth > FOLDER_DEPTH)
		return error_set(w->error, ERROR_LIMIT, "folders of rules are nested more than %u deep at %s", FOLDER_DEPTH,
						 path);
	int rc = w->env->files.list(w->env->files.ctx, path, keep_name, &list);
	if (rc < 0)
		return error_io(w->error, rc, "reading the folder %s", path);
	if (list.count)
		qsort(list.names, list.count, sizeof *list.names, by_octets);
	for (uint32_t i = 0; i < list.count; i++) {
		struct env_stat st;
		const char *inner = join(w, path, list.names[i]);
		if (!inner)
			return error_set(w->error, ERROR_MEMORY, "no memory for names of files");
		rc = w->env->files.stat(w->env->files.ctx, inner, &st);
		if (rc < 0)
			return error_io(w->error, rc, "looking at %s", inner);
		if (!st.is_dir && !w->wanted(list.names[i]))
			continue;
		rc = walk_found(w, inner, st.is_dir, depth + 1);
		if (rc)
			return rc;
	}
	return 0;
}

static int walk_found(struct walk *w, const char *path, bool is_folder, unsigned depth)
{
	if (is_folder)
		return walk_folder(w, path, depth);
	return w->wanted(path) ? w->each(w->ctx, path) : 0;
}

static int walk_path(struct walk *w, const char *path)
{
	struct env_stat st;
	int rc = w->env->files.stat(w->env->files.ctx, path, &st);
	if (rc < 0)
		return error_io(w->error, rc, "looking at %s", path);
	return walk_found(w, path, st.is_dir, 0);
}

int rule_files_each(const struct env *env, const char *const *paths, size_t count, bool (*wanted)(const char *name),
					int (*each)(void *ctx, const char *path), void *ctx, struct error *error)
{
	struct walk w = {.env = env, .wanted = wanted, .each = each, .ctx = ctx, .error = error};
	int rc = 0;
	arena_init(&w.arena, env, 0);
	for (size_t i = 0; !rc && i < count; i++)
		rc = walk_path(&w, paths[i]);
	arena_free(&w.arena);
	return rc;
}

bool name_is_rules(const char *name)
{
	return name_is_sigma(name) || name_is_yara(name);
}

int ruleset_files(const struct env *env, const char *const *paths, size_t path_count, bool yara,
				  int (*each)(void *ctx, const char *path), void *ctx, struct error *error)
{
	return rule_files_each(env, paths, path_count, yara ? name_is_rules : name_is_sigma, each, ctx, error);
}
