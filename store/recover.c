/* Opening: the commit log says what counts, the directory is brought to agree. A reader never comes here. */
#include "store/inside.h"

#include <errno.h>
#include <stdio.h>

bool store_reserve_sealed(struct store *s)
{
	if (s->sealed_count < s->sealed_room)
		return true;
	uint32_t room = s->sealed_room ? s->sealed_room * 2 : 64;
	struct sealed *sealed = env_resize(s->env, s->sealed, room * sizeof *sealed);
	if (!sealed)
		return false;
	s->sealed = sealed;
	s->sealed_room = room;
	return true;
}

void store_add_sealed(struct store *s, const struct commit *c)
{
	CHECK(s->sealed_count < s->sealed_room);
	struct sealed *sealed = &s->sealed[s->sealed_count++];
	*sealed = (struct sealed){.partition = c->partition,
							  .size = c->size,
							  .rows = c->rows,
							  .first_offset = c->first_offset,
							  .last_offset = c->last_offset,
							  .zone = c->zone};
	memcpy(sealed->name, c->name, sizeof sealed->name);
	s->stats.segments++;
	s->stats.rows += c->rows;
	s->stats.bytes_raw += c->raw_bytes;
	s->stats.bytes_stored += c->size;
}

/* ---- the commit log ---- */

struct replay {
	struct store *store;
	struct error *error;
};

static int apply_marks(struct store *s, struct partition *p, const struct commit *c, struct error *error)
{
	for (uint32_t i = 0; i < c->mark_count; i++) {
		struct segment_mark mark = commit_mark(c, i);
		bool is_new;
		uint32_t at = partition_mark(s->env, p, mark.collector, mark.epoch, &is_new);
		if (at == UINT32_MAX)
			return error_set(error, ERROR_MEMORY, "no memory for a mark");
		if (mark.next > p->marks[at].next)
			p->marks[at].next = mark.next;
	}
	return 0;
}

static int apply(void *arg, const struct commitlog_record *record)
{
	struct replay *replay = arg;
	struct store *s = replay->store;
	struct commit c;
	int result = commit_read(record->body, &c, replay->error);
	if (result != 0)
		return result;
	struct partition *p = partition_need(s, c.partition);
	if (!p || !store_reserve_sealed(s))
		return error_set(replay->error, ERROR_MEMORY, "no memory for the store's segments");
	if (c.next_offset < p->committed_offset || (c.type == COMMIT_SEGMENT && c.first_leaf != p->leaf_count))
		return error_set(replay->error, ERROR_DAMAGED, "commit record %llu does not follow the one before it",
						 (unsigned long long)record->sequence);
	p->committed_offset = p->next_offset = c.next_offset;
	p->leaf_count += c.rows;
	if (c.type == COMMIT_SEGMENT)
		store_add_sealed(s, &c);
	return apply_marks(s, p, &c, replay->error);
}

/* ---- the directory ---- */

static int add_name(void *arg, const char *name)
{
	struct buffer *names = arg;
	buffer_add(names, name, strlen(name) + 1);
	return names->failed ? -ENOMEM : 0;
}

static bool is_segment_name(const char *name)
{
	return slice_ends(slice_str(name), SLICE(".seg"));
}

static int list_names(struct store *s, struct buffer *names, struct error *error)
{
	int result = s->env->files.list(s->env->files.ctx, s->segments, add_name, names);
	return result != 0 ? error_io(error, result, "listing %s", s->segments) : 0;
}

/* The names in the commit log ascend: they begin with the record's number. */
static struct sealed *find_sealed(struct store *s, const char *name)
{
	uint32_t low = 0, high = s->sealed_count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		int order = strcmp(s->sealed[middle].name, name);
		if (order == 0)
			return &s->sealed[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* A file that the log does not name never counted: its rows are read from the bus again. It is kept aside, since
 * nothing that might be evidence is deleted by guess. */
static int move_orphan(struct store *s, const char *name, struct error *error)
{
	char from[512], to[512];
	const struct env_files *files = &s->env->files;
	snprintf(from, sizeof from, "%.440s/%.63s", s->segments, name);
	snprintf(to, sizeof to, "%.440s/%.63s", s->orphans, name);
	int result = files->rename(files->ctx, from, to, false);
	if (result == -EEXIST) {
		uint64_t random = 0;
		s->env->random.fill(s->env->random.ctx, &random, sizeof random);
		snprintf(to, sizeof to, "%.430s/%.40s.%016llx", s->orphans, name, (unsigned long long)random);
		result = files->rename(files->ctx, from, to, false);
	}
	if (result < 0)
		return error_io(error, result, "moving %s aside", from);
	s->stats.orphans++;
	return 0;
}

static int remove_temporary(struct store *s, const char *name, struct error *error)
{
	char path[512];
	snprintf(path, sizeof path, "%.440s/%.63s", s->segments, name);
	int result = s->env->files.unlink(s->env->files.ctx, path);
	return result < 0 && result != -ENOENT ? error_io(error, result, "removing %s", path) : 0;
}

static int tidy(struct store *s, const struct buffer *names, struct error *error)
{
	bool moved = false;
	for (size_t at = 0; at < names->len;) {
		const char *name = (const char *)names->ptr + at;
		at += strlen(name) + 1;
		int result = 0;
		struct sealed *sealed = find_sealed(s, name);
		if (sealed) {
			sealed->missing = false;
		} else if (strncmp(name, ".tmp-", 5) == 0) {
			result = remove_temporary(s, name, error);
		} else if (is_segment_name(name)) {
			result = move_orphan(s, name, error);
			moved = true;
		}
		if (result != 0)
			return result;
	}
	int result = moved ? s->env->files.sync_dir(s->env->files.ctx, s->orphans) : 0;
	if (result == 0 && moved)
		result = s->env->files.sync_dir(s->env->files.ctx, s->segments);
	return result < 0 ? error_io(error, result, "syncing %s", s->orphans) : 0;
}

static int make_dirs(struct store *s, struct error *error)
{
	const char *const dirs[] = {s->segments, s->orphans};
	for (unsigned i = 0; i < 2; i++) {
		int result = env_make_dirs(s->env, dirs[i]);
		if (result < 0)
			return error_io(error, result, "making %s", dirs[i]);
	}
	return 0;
}

/* Segments without their log are a store whose truth was lost: starting anew over them would say that they never
 * counted. */
static int refuse_without_log(struct store *s, const struct buffer *names, struct error *error)
{
	struct env_stat stat;
	int result = s->env->files.stat(s->env->files.ctx, s->log_path, &stat);
	if (result == 0)
		return 0;
	if (result != -ENOENT)
		return error_io(error, result, "looking at %s", s->log_path);
	for (size_t at = 0; at < names->len; at += strlen((const char *)names->ptr + at) + 1)
		if (is_segment_name((const char *)names->ptr + at))
			return error_set(error, ERROR_DAMAGED,
							 "%s is missing but there are segments; put it back, or move the segments away",
							 s->log_path);
	return 0;
}

static int open_log(struct store *s, struct error *error)
{
	struct error inner = {0};
	struct replay replay = {s, &inner};
	int result = commitlog_open(s->env, s->log_path, COMMIT_KIND, apply, &replay, NULL, &s->log, error);
	if (result != 0 && inner.code != ERROR_NONE && error) {
		*error = inner;
		error_at(error, s->log_path, 0, 0);
	}
	return result;
}

int store_recover(struct store *s, struct error *error)
{
	struct buffer names;
	buffer_init(&names, s->env);
	int result = make_dirs(s, error);
	if (result == 0)
		result = list_names(s, &names, error);
	if (result == 0)
		result = refuse_without_log(s, &names, error);
	if (result == 0)
		result = open_log(s, error);
	for (uint32_t i = 0; i < s->sealed_count; i++)
		s->sealed[i].missing = true;
	if (result == 0)
		result = tidy(s, &names, error);
	for (uint32_t i = 0; i < s->sealed_count && result == 0; i++)
		if (s->sealed[i].missing)
			audit_segment(s, &s->sealed[i], "segment missing");
	buffer_free(&names);
	return result;
}
