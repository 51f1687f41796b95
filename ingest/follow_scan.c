/* From patterns to paths, and from files of earlier times to the names that they have now. */
#include "ingest/follow.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>

/* ---- patterns ---- */

/* The path as far as it is known, and what of the pattern is left. */
struct scan {
	struct ingest_follow *follow;
	uint32_t input;
	char path[POSITION_PATH_MAX];
	size_t len;
	const char *rest; /* behind a slash */
	bool matched; /* some name was found by a pattern */
};

static void expand(struct scan *scan);

bool follow_pattern_magic(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

static bool append(struct scan *scan, const char *name, size_t len)
{
	if (scan->len + 1 + len >= sizeof(scan->path))
		return false;
	scan->path[scan->len] = '/';
	memcpy(scan->path + scan->len + 1, name, len);
	scan->len += 1 + len;
	scan->path[scan->len] = 0;
	return true;
}

static void found(struct scan *scan)
{
	const struct followed *f = follow_by_path(scan->follow, scan->path);
	if (f == NULL || !f->named)
		follow_candidate(scan->follow, scan->input, scan->path, scan->matched);
}

/* A folder that a pattern named is no link either. */
static bool is_folder(const struct scan *scan)
{
	const struct env_files *files = &scan->follow->in->env->files;
	struct env_stat st;
	if (files->stat(files->ctx, scan->path, &st) < 0 || !st.is_dir)
		return false;
	int fd = files->open(files->ctx, scan->path, ENV_READ | ENV_NO_LINK);
	if (fd >= 0)
		files->close(files->ctx, fd);
	return fd >= 0;
}

static int visit(void *arg, const char *name)
{
	struct scan *scan = arg;
	char part[256];
	size_t len = strcspn(scan->rest, "/"), before = scan->len;
	const char *rest = scan->rest;
	if (len >= sizeof(part))
		return 0;
	memcpy(part, rest, len);
	part[len] = 0;
	if (fnmatch(part, name, FNM_PERIOD | FNM_NOESCAPE) != 0 || !append(scan, name, strlen(name)))
		return 0;
	bool matched = scan->matched;
	scan->matched = true;
	if (rest[len] == 0) {
		found(scan);
	} else if (is_folder(scan)) {
		scan->rest = rest + len + 1;
		expand(scan);
	}
	scan->rest = rest;
	scan->matched = matched;
	scan->len = before;
	scan->path[before] = 0;
	return 0;
}

/* Names without signs of a pattern are gone through; at the first other one its folder is listed. */
static void expand(struct scan *scan)
{
	const struct env_files *files = &scan->follow->in->env->files;
	for (;;) {
		size_t len = strcspn(scan->rest, "/");
		if (memchr(scan->rest, '*', len) || memchr(scan->rest, '?', len) || memchr(scan->rest, '[', len))
			break;
		if (!append(scan, scan->rest, len))
			return;
		if (scan->rest[len] == 0) {
			found(scan);
			return;
		}
		scan->rest += len + 1;
	}
	const char *folder = scan->len > 0 ? scan->path : "/";
	int result = files->list(files->ctx, folder, visit, scan);
	if (result < 0 && result != -ENOENT && result != -ENOTDIR)
		follow_tell(scan->follow, folder, result);
}

void follow_scan(struct ingest_follow *follow)
{
	for (uint32_t i = 0; i < follow->config.input_count; i++) {
		struct scan scan = {.follow = follow, .input = i, .rest = follow->config.inputs[i].pattern + 1};
		expand(&scan);
	}
}

/* ---- files of earlier times ---- */

struct search {
	struct ingest_follow *follow;
	char path[POSITION_PATH_MAX];
	size_t len; /* of the folder */
	bool unsure; /* some name could not be looked at */
};

static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? 0 : (size_t)(slash - path);
}

static bool is_in(const struct search *search, const struct followed *f)
{
	return f->recalled && f->input != FOLLOW_NO_INPUT && folder_len(f->path) == search->len &&
		   memcmp(f->path, search->path, search->len) == 0;
}

/* It was renamed while nobody looked: what it had more is read, then it is let go. */
static void go_on(struct ingest_follow *follow, struct followed *f, int fd, const struct env_stat *st)
{
	struct ingest *in = follow->in;
	framer_init(&f->framer, in->env, follow->config.inputs[f->input].framing, true, in->config.message_bytes);
	followed_attach(follow, f, fd, st);
	follow->unnamed++;
	f->read_at = f->added = f->handed = f->written = f->settled.offset;
	f->hole = f->read_at == 0;
}

static void recall_renamed(struct search *search, struct followed *f, uint64_t inode)
{
	struct ingest_follow *follow = search->follow;
	struct env_stat st;
	int fd = followed_open(follow, search->path, true, &st);
	int same = fd < 0 ? fd : 0;
	if (fd >= 0 && st.inode == inode && st.size >= f->settled.offset)
		same = followed_is(follow, f, fd, &f->settled);
	if (same > 0)
		go_on(follow, f, fd, &st);
	else if (fd >= 0)
		follow->in->env->files.close(follow->in->env->files.ctx, fd);
	search->unsure |= same < 0 && same != -ENOENT && same != -ELOOP;
}

static int search_name(void *arg, const char *name)
{
	struct search *search = arg;
	struct ingest_follow *follow = search->follow;
	const struct env_files *files = &follow->in->env->files;
	struct env_stat st;
	if (search->len + 1 + strlen(name) >= sizeof(search->path))
		return 0;
	snprintf(search->path + search->len, sizeof(search->path) - search->len, "/%s", name);
	int result = files->stat(files->ctx, search->path, &st);
	search->unsure |= result < 0 && result != -ENOENT && result != -ELOOP;
	if (result < 0 || st.is_dir || follow_by_inode(follow, &st) != NULL)
		return 0;
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		struct followed *f = follow->files[i];
		if (f != NULL && is_in(search, f) && f->inode == st.inode)
			recall_renamed(search, f, st.inode);
	}
	return 0;
}

/* What nothing in its folder is any more is told as lost, since nobody knows how much it had grown. */
static void tell_gone(struct search *search)
{
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		struct followed *f = search->follow->files[i];
		if (f == NULL || !is_in(search, f))
			continue;
		f->recalled = false;
		f->leaving = true;
		f->added = f->handed = f->read_at = f->settled.offset;
		f->notes |= NOTE_GONE;
	}
}

/* Some input names it, so it was not only left out of the configuration. */
static uint32_t input_of(const struct ingest_follow *follow, const char *path)
{
	for (uint32_t i = 0; i < follow->config.input_count; i++)
		if (fnmatch(follow->config.inputs[i].pattern, path, FNM_PATHNAME | FNM_PERIOD | FNM_NOESCAPE) == 0)
			return i;
	return FOLLOW_NO_INPUT;
}

void follow_search(struct ingest_follow *follow)
{
	const struct env_files *files = &follow->in->env->files;
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		if (follow->files[i] != NULL && follow->files[i]->recalled)
			follow->files[i]->input = input_of(follow, follow->files[i]->path);
	}
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		const struct followed *f = follow->files[i];
		struct search search = {.follow = follow};
		if (f == NULL || !f->recalled || f->input == FOLLOW_NO_INPUT)
			continue;
		search.len = folder_len(f->path);
		memcpy(search.path, f->path, search.len);
		const char *folder = search.len > 0 ? search.path : "/";
		/* A folder that cannot be listed now proves nothing. */
		if (files->list(files->ctx, folder, search_name, &search) == 0 && !search.unsure)
			tell_gone(&search);
	}
}
