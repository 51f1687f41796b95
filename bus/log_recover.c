/* Bringing one partition back to its durable content; the steps are those of docs/format-log.md. */
#include "bus/log.h"

#include <errno.h>

struct recovery {
	const struct env *env;
	const struct log_place *place;
	int mark_fd, fd;
	struct log_slots mark; /* generation 0: none that holds */
	struct log_files files;
	uint64_t key;
	struct log_scan scan;
	/* where the reading stands */
	uint64_t base, size, at, offset;
	uint64_t cut;
	struct error *error;
};

static int io(struct recovery *r, int result, const char *what)
{
	int code = error_io(r->error, result, "cannot %s in %s", what, r->place->dir);
	if (r->error && code == -ERROR_IO)
		r->error->flags |= ERROR_FATAL;
	return code;
}

static int damaged(struct recovery *r, const char *why)
{
	char path[LOG_PATH_MAX];
	log_file_path(r->place, r->base, path);
	return error_set(r->error, ERROR_DAMAGED, "%s: octet %llu (offset %llu): %s", path, (unsigned long long)r->at,
					 (unsigned long long)r->offset, why);
}

/* ---- 1. the chain of files ---- */

/* 1 and the head, 0 when there is none that holds; *size of the file. */
static int head_read(struct recovery *r, uint64_t base, struct log_head *head, uint64_t *size)
{
	char path[LOG_PATH_MAX];
	uint8_t octets[LOG_HEAD_BYTES];
	struct env_stat st;
	log_file_path(r->place, base, path);
	int fd = r->env->files.open(r->env->files.ctx, path, ENV_READ);
	if (fd < 0)
		return io(r, fd, "open a log file");
	int result = r->env->files.fstat(r->env->files.ctx, fd, &st);
	if (result == 0 && st.size >= sizeof(octets))
		result = env_read_all(r->env, fd, octets, sizeof(octets), 0);
	r->env->files.close(r->env->files.ctx, fd);
	if (result != 0)
		return io(r, result, "read a log file");
	*size = st.size;
	return st.size >= sizeof(octets) && log_head_get(slice_of(octets, sizeof(octets)), head, NULL) == 0;
}

/* 2. The newest file can be one that was being made when the power went: no more than a head, and that not whole. */
static int unfinished_drop(struct recovery *r)
{
	struct log_head head;
	char path[LOG_PATH_MAX];
	uint64_t base = r->files.bases[r->files.count - 1], size;
	int result = head_read(r, base, &head, &size);
	if (result != 0)
		return result < 0 ? result : 0;
	bool was_used = r->mark.generation && r->mark.values[1] >= base;
	if (size > LOG_HEAD_BYTES || r->files.count == 1 || was_used)
		return 0; /* damage: the chain check names it */
	log_file_path(r->place, base, path);
	result = r->env->files.unlink(r->env->files.ctx, path);
	if (result == 0)
		result = r->env->files.sync_dir(r->env->files.ctx, r->place->dir);
	if (result < 0)
		return io(r, result, "remove an unfinished log file");
	r->files.count--;
	r->cut += size;
	return 0;
}

static int chain_check(struct recovery *r)
{
	struct log_head head;
	uint64_t previous_base = LOG_NO_BASE, previous_size = 0, size;
	for (size_t i = 0; i < r->files.count; i++) {
		r->base = r->offset = r->files.bases[i];
		r->at = 0;
		int result = head_read(r, r->base, &head, &size);
		if (result < 0)
			return result;
		if (result == 0)
			return damaged(r, "the file's head does not hold");
		if (head.base != r->base || head.topic != r->place->topic || head.partition != r->place->partition)
			return damaged(r, "the file belongs elsewhere");
		if (i > 0 && head.key != r->key)
			return damaged(r, "the file is of another log");
		if (i > 0 && head.previous_base != previous_base)
			return damaged(r, "the file before it is missing");
		if (i > 0 && head.previous_size != previous_size)
			return damaged(r, "the file before it does not have the size it had");
		r->key = head.key;
		previous_base = r->base;
		previous_size = size;
	}
	return 0;
}

/* ---- 3. reading ---- */

static int file_open(struct recovery *r, uint64_t base, uint32_t flags)
{
	char path[LOG_PATH_MAX];
	struct env_stat st;
	log_file_path(r->place, base, path);
	r->fd = r->env->files.open(r->env->files.ctx, path, flags);
	if (r->fd < 0)
		return io(r, r->fd, "open a log file");
	int result = r->env->files.fstat(r->env->files.ctx, r->fd, &st);
	if (result < 0)
		return io(r, result, "look at a log file");
	r->base = base;
	r->size = st.size;
	r->at = LOG_HEAD_BYTES;
	r->offset = base;
	return 0;
}

static void file_close(struct recovery *r)
{
	if (r->fd >= 0)
		r->env->files.close(r->env->files.ctx, r->fd);
	r->fd = -1;
}

/* What a process that died left in the cache goes to the medium, content and name; what a failed sync left there only in
 * name is dropped from the cache, so that we read what the medium has (L6). */
static int newest_settle(struct recovery *r)
{
	int result = file_open(r, r->files.bases[r->files.count - 1], ENV_READ | ENV_WRITE);
	if (result < 0)
		return result;
	result = r->env->files.sync(r->env->files.ctx, r->fd);
	if (result == 0)
		result = r->env->files.forget(r->env->files.ctx, r->fd);
	if (result == 0)
		result = r->env->files.sync_dir(r->env->files.ctx, r->place->dir);
	file_close(r);
	return result < 0 ? io(r, result, "settle the newest log file") : 0;
}

/* 5. When the offset that the mark names is reached, it must lie where the mark says. */
static bool mark_holds(const struct recovery *r)
{
	const uint64_t *mark = r->mark.values;
	return r->mark.generation == 0 || r->offset != mark[0] || r->base != mark[1] || r->at == mark[2];
}

/* Frames from where r stands. LOG_SCAN_END, LOG_SCAN_BAD at r->at, or a negative error. */
static int frames_read(struct recovery *r)
{
	struct log_frame frame;
	log_scan_free(&r->scan);
	log_scan_open(&r->scan, r->env, r->fd, r->key, r->size);
	for (;;) {
		if (!mark_holds(r))
			return damaged(r, "the durable mark names another octet for this offset");
		int result = log_scan_frame(&r->scan, r->at, &frame, r->error);
		if (result != LOG_SCAN_GOOD)
			return result;
		if (frame.offset != r->offset)
			return damaged(r, "a record of another offset stands here");
		r->at += frame.size;
		r->offset++;
	}
}

/* L2: an older file is whole. Only what lies behind the mark was perhaps never read since it was written. */
static int older_read(struct recovery *r, size_t i)
{
	int result = file_open(r, r->files.bases[i], ENV_READ);
	if (result == 0 && r->base == r->mark.values[1]) {
		r->offset = r->mark.values[0];
		r->at = r->mark.values[2];
	}
	if (result == 0)
		result = frames_read(r);
	if (result == LOG_SCAN_BAD)
		result = damaged(r, "a record is damaged, and a later file follows");
	if (result == LOG_SCAN_END && r->offset != r->files.bases[i + 1])
		result = damaged(r, "the file ends before the next one begins");
	file_close(r);
	return result;
}

static int olders_read(struct recovery *r)
{
	size_t i = r->files.count - 1;
	uint64_t mark_base = r->mark.values[1];
	/* A mark older than the first file is one that fell back with the power, and its file was trimmed since. */
	if (r->mark.generation == 0 || mark_base < r->files.bases[0])
		return 0;
	while (i > 0 && r->files.bases[i] > mark_base)
		i--;
	if (r->files.bases[i] != mark_base) {
		r->base = mark_base;
		r->at = 0;
		return damaged(r, "the durable mark names this file, which is not there");
	}
	for (; i + 1 < r->files.count; i++) {
		int result = older_read(r, i);
		if (result < 0)
			return result;
	}
	return 0;
}

/* ---- 4. the tail ---- */

/* Whether what is bad at r->at was once durable: a later record that says so, or the mark. */
static int tail_check(struct recovery *r)
{
	struct log_frame frame;
	uint64_t at = r->at + 8;
	if (r->mark.generation && r->offset < r->mark.values[0])
		return damaged(r, "a record below the durable mark is damaged or missing");
	for (;;) {
		int result = log_scan_search(&r->scan, at, &frame, &at, r->error);
		if (result != LOG_SCAN_GOOD)
			return result;
		if (frame.durable > r->offset)
			return damaged(r, "a record is damaged, and later ones show that it was durable");
		at += frame.size;
	}
}

static int tail_cut(struct recovery *r)
{
	int result = r->env->files.truncate(r->env->files.ctx, r->fd, r->at);
	if (result == 0)
		result = r->env->files.sync(r->env->files.ctx, r->fd);
	if (result < 0)
		return io(r, result, "cut a torn tail");
	r->cut += r->size - r->at;
	r->size = r->at;
	return 0;
}

static int newest_read(struct recovery *r)
{
	int result = file_open(r, r->files.bases[r->files.count - 1], ENV_READ | ENV_WRITE);
	if (result == 0)
		result = frames_read(r);
	if (result == LOG_SCAN_BAD) {
		result = tail_check(r);
		if (result == 0)
			result = tail_cut(r);
	}
	if (result == 0 && r->mark.generation && r->offset < r->mark.values[0])
		result = damaged(r, "the file ends below the durable mark");
	file_close(r);
	return result;
}

/* ---- 6. the mark ---- */

static int mark_write(struct recovery *r)
{
	const uint64_t *old = r->mark.values;
	if (r->mark.generation && old[0] == r->offset && old[1] == r->base && old[2] == r->at)
		return 0;
	struct log_slots mark = {.generation = r->mark.generation, .values = {r->offset, r->base, r->at}};
	bool is_new = mark.generation == 0;
	int result = log_slots_write(r->env, r->mark_fd, LOG_MARK_MAGIC, r->place, &mark, r->error);
	if (result == 0 && is_new)
		result = log_slots_write(r->env, r->mark_fd, LOG_MARK_MAGIC, r->place, &mark, r->error);
	if (result < 0)
		return result;
	result = r->env->files.sync(r->env->files.ctx, r->mark_fd);
	if (result == 0 && is_new)
		result = r->env->files.sync_dir(r->env->files.ctx, r->place->dir);
	return result < 0 ? io(r, result, "sync the durable mark") : 0;
}

static int mark_open(struct recovery *r)
{
	char path[LOG_PATH_MAX];
	log_mark_path(r->place, path);
	r->mark_fd = r->env->files.open(r->env->files.ctx, path, ENV_READ | ENV_WRITE | ENV_CREATE);
	if (r->mark_fd < 0)
		return io(r, r->mark_fd, "open the durable mark");
	int result = r->env->files.lock(r->env->files.ctx, r->mark_fd);
	if (result == -EWOULDBLOCK)
		return error_set(r->error, ERROR_BUSY, "another process writes %s", r->place->dir);
	if (result < 0)
		return io(r, result, "lock the durable mark");
	return log_slots_read(r->env, r->mark_fd, LOG_MARK_MAGIC, r->place, &r->mark, r->error);
}

static int recover(struct recovery *r)
{
	int result = mark_open(r);
	if (result == 0)
		result = log_files_list(r->env, r->place, &r->files, r->error);
	if (result < 0)
		return result;
	if (r->files.count == 0)
		return error_set(r->error, ERROR_DAMAGED, "%s has no log file", r->place->dir);
	result = newest_settle(r);
	if (result == 0)
		result = unfinished_drop(r);
	if (result == 0)
		result = chain_check(r);
	if (result == 0)
		result = olders_read(r);
	if (result == 0)
		result = newest_read(r);
	return result < 0 ? result : mark_write(r);
}

int log_recover_partition(const struct env *env, const struct log_place *place, uint64_t *cut, struct error *error)
{
	struct recovery r = {.env = env, .place = place, .mark_fd = -1, .fd = -1, .files = {.env = env}, .error = error};
	log_scan_open(&r.scan, env, -1, 0, 0);
	int result = recover(&r);
	file_close(&r);
	log_scan_free(&r.scan);
	log_files_free(&r.files);
	if (r.mark_fd >= 0)
		env->files.close(env->files.ctx, r.mark_fd);
	*cut += r.cut;
	return result;
}
