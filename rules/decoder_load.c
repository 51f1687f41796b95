/* Loading: folders and files, documents, one set. */
#include "rules/decoder_reader.h"

#include <stdio.h>
#include <stdlib.h>

struct path_list {
	struct arena *arena;
	const char **paths;
	const char *folder;
	uint32_t count, room;
	bool out_of_memory;
};

static bool is_yaml(struct slice name)
{
	return slice_ends(name, SLICE(".yml")) || slice_ends(name, SLICE(".yaml"));
}

static int add_path(struct path_list *l, const char *folder, const char *name)
{
	size_t len = strlen(folder) + strlen(name) + 2;
	char *path = arena_alloc(l->arena, len);
	if (l->count == l->room && path != NULL) {
		uint32_t room = l->room == 0 ? 64 : l->room * 2;
		const char **paths = arena_alloc(l->arena, room * sizeof *paths);
		if (paths != NULL && l->count > 0)
			memcpy(paths, l->paths, l->count * sizeof *paths);
		l->paths = paths;
		l->room = paths == NULL ? 0 : room;
	}
	if (path == NULL || l->paths == NULL) {
		l->out_of_memory = true;
		return -ERROR_MEMORY;
	}
	snprintf(path, len, "%s%s%s", folder, *folder ? "/" : "", name);
	l->paths[l->count++] = path;
	return 0;
}

static int add_listed(void *arg, const char *name)
{
	struct path_list *l = arg;
	return is_yaml(slice_str(name)) && name[0] != '.' ? add_path(l, l->folder, name) : 0;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int collect(const struct env *env, struct path_list *l, const char *path, struct error *error)
{
	struct env_stat st;
	int result = env->files.stat(env->files.ctx, path, &st);
	if (result != 0)
		return error_io(error, result, "cannot read %s", path);
	if (!st.is_dir)
		return add_path(l, "", path);
	uint32_t before = l->count;
	l->folder = path;
	result = env->files.list(env->files.ctx, path, add_listed, l);
	if (l->out_of_memory)
		return error_set(error, ERROR_MEMORY, "no memory for the names of decoder files");
	if (result != 0)
		return error_io(error, result, "cannot list %s", path);
	if (l->count > before)
		qsort(l->paths + before, l->count - before, sizeof *l->paths, compare_paths);
	return 0;
}

/* ---- documents ---- */

static bool name_is_taken(const struct decoders *d, struct slice name)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (slice_equal(d->list[i]->name, name))
			return true;
	return false;
}

static void read_document(struct decoder_reader *r, const struct yaml_document *doc)
{
	struct decoders *d = r->d;
	if (doc->root == NULL) {
		r->name[0] = 0;
		reader_refuse(r, doc->error.line, doc->error.column, "decoder-yaml", "%s", doc->error.text);
		return;
	}
	uint32_t maps = d->map_count;
	struct decoder *decoder = reader_decoder(r, doc->root);
	if (decoder == NULL) {
		d->map_count = r->name[0] != 0 ? maps : d->map_count;
		return;
	}
	/* A decoder's own maps are found by index from now on; their names are nobody else's. */
	for (uint32_t i = maps; i < d->map_count; i++)
		d->maps[i].name = SLICE_NONE;
	if (name_is_taken(d, decoder->name)) {
		reader_refuse_node(r, doc->root, "decoder-name", "another decoder has this name");
	} else if (d->count == DECODERS_MAX) {
		reader_refuse_node(r, doc->root, "decoder-limit", "at most %u decoders", DECODERS_MAX);
	} else {
		decoder->order = d->count;
		d->list[d->count++] = decoder;
	}
}

static int read_file(struct decoder_reader *r, struct arena *trees, const char *path, struct error *error)
{
	uint8_t *octets;
	size_t len;
	r->file = path;
	int result = env_read_file(r->d->env, path, (size_t)LIMIT_rule_file_bytes, &octets, &len);
	if (result != 0)
		return error_io(error, result, "cannot read %s", path);
	struct yaml_tree tree;
	result = yaml_tree_parse(trees, slice_of(octets, len), &tree, error);
	env_free(r->d->env, octets);
	for (uint32_t i = 0; result == 0 && i < tree.count && !r->out_of_memory; i++)
		read_document(r, &tree.documents[i]);
	if (result == 0 && r->out_of_memory)
		result = error_set(error, ERROR_MEMORY, "no memory for decoders");
	return result;
}

static int compare_decoders(const void *a, const void *b)
{
	const struct decoder *x = *(struct decoder *const *)a, *y = *(struct decoder *const *)b;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int load_all(struct decoders *d, struct arena *trees, const char *const *paths, size_t count,
					diagnostic_fn *tell, void *ctx, struct error *error)
{
	struct path_list files = {.arena = trees};
	struct decoder_reader r = {.d = d, .tell = tell, .ctx = ctx};
	for (size_t i = 0; i < count; i++) {
		int result = collect(d->env, &files, paths[i], error);
		if (result != 0)
			return result;
	}
	for (uint32_t i = 0; i < files.count; i++) {
		int result = read_file(&r, trees, files.paths[i], error);
		if (result != 0)
			return result;
	}
	if (d->count > 0)
		qsort(d->list, d->count, sizeof(struct decoder *), compare_decoders);
	if (decoder_index_build(d) != 0)
		return error_set(error, ERROR_MEMORY, "no memory for the index of decoders");
	return 0;
}

int decoders_load(const struct env *env, const char *const *paths, size_t count, diagnostic_fn *tell, void *ctx,
				  struct decoders **out, struct error *error)
{
	struct decoders *d = env_zalloc(env, sizeof *d);
	struct arena trees;
	*out = NULL;
	if (d == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for decoders");
	d->env = env;
	arena_init(&d->arena, env, 0);
	arena_init(&trees, env, 0);
	int result = dictionary_init(&d->names, env, 0);
	if (result == 0 && (d->list = arena_zalloc(&d->arena, DECODERS_MAX * sizeof *d->list)) == NULL)
		result = -ERROR_MEMORY;
	if (result != 0)
		error_set(error, ERROR_MEMORY, "no memory for decoders");
	else
		result = load_all(d, &trees, paths, count, tell, ctx, error);
	arena_free(&trees);
	if (result != 0) {
		decoders_free(d);
		return result;
	}
	*out = d;
	return 0;
}

void decoders_free(struct decoders *d)
{
	if (d == NULL)
		return;
	const struct env *env = d->env;
	dictionary_free(&d->names);
	arena_free(&d->arena);
	env_free(env, d);
}
