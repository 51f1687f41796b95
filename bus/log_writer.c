#include "bus/log.h"

#include <errno.h>

#define PENDING_MAX ((size_t)16 * 1024 * 1024)

static int fatal(struct error *error, int result)
{
	if (error) {
		error->flags &= ~ERROR_RETRIABLE;
		error->flags |= ERROR_FATAL;
	}
	return result;
}

static bool is_full(int result)
{
	return result == -ENOSPC || result == -EDQUOT;
}

/* ---- files ---- */

static int head_write(const struct env *env, int fd, const struct log_place *place, const struct log_head *head)
{
	uint8_t octets[LOG_HEAD_BYTES];
	log_head_put(octets, head);
	int result = env_write_all(env, fd, octets, sizeof(octets), 0);
	if (result == 0)
		result = env->files.sync(env->files.ctx, fd);
	return result ? result : env->files.sync_dir(env->files.ctx, place->dir);
}

/* A file that could not be made whole is taken away again; where even that fails, the next attempt writes over it
 * (`over`), which may be: nothing but a head was ever in it. */
int log_file_create(const struct env *env, const struct log_place *place, const struct log_head *head, bool over)
{
	char path[LOG_PATH_MAX];
	log_file_path(place, head->base, path);
	uint32_t flags = ENV_READ | ENV_WRITE | ENV_CREATE | (over ? ENV_TRUNCATE : ENV_EXCLUSIVE);
	int fd = env->files.open(env->files.ctx, path, flags);
	if (fd < 0)
		return fd;
	int result = head_write(env, fd, place, head);
	if (result == 0)
		return fd;
	env->files.close(env->files.ctx, fd);
	env->files.unlink(env->files.ctx, path);
	return result;
}

/* L2: what is in the old file is synced, then the new one is made and named. */
static int roll(struct log_writer *w, struct error *error)
{
	int result = log_writer_sync(w, error);
	if (result < 0)
		return result;
	/* So that the mark that survives a power cut is at most one file old, and recovery is short. */
	result = w->env->files.sync(w->env->files.ctx, w->mark_fd);
	if (result < 0)
		return fatal(error, error_io(error, result, "cannot sync %s/durable", w->place.dir));
	struct log_head head = {.base = w->written,
							.key = w->key,
							.previous_base = w->base,
							.previous_size = w->size,
							.topic = w->place.topic,
							.partition = w->place.partition};
	int fd = log_file_create(w->env, &w->place, &head, w->leftover);
	if (fd < 0) {
		w->leftover = true;
		result = error_io(error, fd, "cannot begin a log file in %s", w->place.dir);
		return is_full(fd) ? result : fatal(error, result);
	}
	w->env->files.close(w->env->files.ctx, w->fd);
	w->fd = fd;
	w->base = w->written;
	w->size = w->synced = LOG_HEAD_BYTES;
	w->leftover = false;
	return 0;
}

/* ---- queue ---- */

static int pending_room(struct log_writer *w, size_t more, struct error *error)
{
	if (w->pending_len + more > PENDING_MAX) {
		error_set(error, ERROR_FULL, "more than %zu octets wait to be written to %s", PENDING_MAX, w->place.dir);
		if (error)
			error->flags = ERROR_RETRIABLE;
		return -ERROR_FULL;
	}
	if (w->pending_len + more <= w->pending_size)
		return 0;
	size_t size = w->pending_size ? w->pending_size : (size_t)64 * 1024;
	while (size < w->pending_len + more)
		size *= 2;
	uint8_t *pending = env_resize(w->env, w->pending, size);
	if (!pending)
		return error_set(error, ERROR_MEMORY, "no memory to queue a record");
	w->pending = pending;
	w->pending_size = size;
	return 0;
}

static int length_check(struct slice payload, struct error *error)
{
	if (payload.len <= (uint64_t)LIMIT_batch_bytes_max)
		return 0;
	return error_set(error, ERROR_LIMIT, "a record has at most %lld octets, this one %zu",
					 (long long)LIMIT_batch_bytes_max, payload.len);
}

static struct log_frame frame_of(const struct log_writer *w, struct slice payload)
{
	return (struct log_frame){
		.offset = w->next, .durable = w->durable, .appended_ns = env_now(w->env), .payload = payload};
}

int log_writer_queue(struct log_writer *w, struct slice payload, struct error *error)
{
	int result = length_check(payload, error);
	if (result < 0)
		return result;
	size_t size = log_frame_size(payload.len);
	result = pending_room(w, size, error);
	if (result < 0)
		return result;
	struct log_frame frame = frame_of(w, payload);
	log_frame_put(w->pending + w->pending_len, w->key, &frame);
	w->pending_len += size;
	w->next++;
	return 0;
}

bool log_writer_pending(const struct log_writer *w, size_t *at, struct slice *payload)
{
	struct log_frame frame;
	if (*at >= w->pending_len)
		return false;
	size_t size = log_frame_claim(w->pending + *at, w->key);
	CHECK(size > 0 && size <= w->pending_len - *at && log_frame_get(w->pending + *at, size, w->key, &frame));
	*payload = frame.payload;
	*at += size;
	return true;
}

/* Octets of whole frames from `at` on that still fit into the file, at least one when it is empty; *records of them. */
static size_t run_that_fits(const struct log_writer *w, size_t at, uint64_t *records)
{
	size_t run = 0;
	*records = 0;
	while (at + run < w->pending_len) {
		size_t size = log_frame_claim(w->pending + at + run, w->key);
		CHECK(size > 0 && size <= w->pending_len - at - run);
		bool fits = w->size + run + size <= w->file_bytes;
		bool is_first = w->size == LOG_HEAD_BYTES && run == 0;
		if (!fits && !is_first)
			break;
		run += size;
		++*records;
	}
	return run;
}

/* What follows from a write of whole frames that gave `result`. One that found no room is no failed sync: cut back to whole
 * frames and try again later. */
static int after_write(struct log_writer *w, int result, size_t run, uint64_t records, struct error *error)
{
	if (result == 0) {
		w->size += run;
		w->written += records;
		w->dirty = true;
		return 0;
	}
	int code = error_io(error, result, "cannot write to %s", w->place.dir);
	if (!is_full(result))
		return fatal(error, code);
	result = w->env->files.truncate(w->env->files.ctx, w->fd, w->size);
	if (result == 0)
		return code;
	return fatal(error, error_io(error, result, "cannot cut the log file in %s back", w->place.dir));
}

static int write_run(struct log_writer *w, size_t at, size_t run, uint64_t records, struct error *error)
{
	int result = env_write_all(w->env, w->fd, w->pending + at, run, w->size);
	return after_write(w, result, run, records, error);
}

/* A new file needs syncs (L2), which are the step's: what does not fit is queued. */
int log_writer_early(struct log_writer *w, struct slice payload, struct error *error)
{
	size_t size = log_frame_size(payload.len);
	bool fits = w->size + size <= w->file_bytes || w->size == LOG_HEAD_BYTES;
	if (w->pending_len || !fits || payload.len > (uint64_t)LIMIT_batch_bytes_max)
		return log_writer_queue(w, payload, error);
	CHECK(w->next == w->written);
	struct log_frame frame = frame_of(w, payload);
	struct log_frame_ends ends;
	struct error why = {0};
	log_frame_around(&ends, w->key, &frame);
	int result = env_write_parts(w->env, w->fd, ends.parts, 3, w->size);
	result = after_write(w, result, size, 1, &why);
	if (result == 0)
		w->next++;
	if (result == 0 || !(why.flags & ERROR_FATAL))
		return result == 0 ? 0 : log_writer_queue(w, payload, error);
	if (error)
		*error = why;
	return result;
}

int log_writer_write(struct log_writer *w, struct error *error)
{
	size_t at = 0;
	int result = 0;
	while (at < w->pending_len && result == 0) {
		uint64_t records;
		size_t run = run_that_fits(w, at, &records);
		if (run == 0) {
			result = roll(w, error);
			continue;
		}
		result = write_run(w, at, run, records, error);
		if (result == 0)
			at += run;
	}
	w->pending_len -= at;
	if (w->pending_len && at)
		memmove(w->pending, w->pending + at, w->pending_len);
	return result;
}

/* ---- durable ---- */

static int publish(struct log_writer *w, struct error *error)
{
	struct log_slots mark = {.generation = w->mark.generation, .values = {w->written, w->base, w->size}};
	int result = log_slots_write(w->env, w->mark_fd, LOG_MARK_MAGIC, &w->place, &mark, error);
	if (result < 0)
		return fatal(error, result);
	w->mark = mark;
	w->durable = w->written;
	w->synced = w->size;
	return 0;
}

int log_writer_sync(struct log_writer *w, struct error *error)
{
	if (!w->dirty)
		return 0;
	int result = w->env->files.sync(w->env->files.ctx, w->fd);
	if (result < 0)
		return fatal(error, error_io(error, result, "cannot sync the log file in %s", w->place.dir));
	w->dirty = false;
	return publish(w, error);
}

/* ---- open and close ---- */

static int mark_open(struct log_writer *w, struct error *error)
{
	char path[LOG_PATH_MAX];
	log_mark_path(&w->place, path);
	w->mark_fd = w->env->files.open(w->env->files.ctx, path, ENV_READ | ENV_WRITE);
	if (w->mark_fd < 0)
		return error_io(error, w->mark_fd, "cannot open %s", path);
	int result = w->env->files.lock(w->env->files.ctx, w->mark_fd);
	if (result == -EWOULDBLOCK)
		return error_set(error, ERROR_BUSY, "another process writes %s", w->place.dir);
	if (result < 0)
		return error_io(error, result, "cannot lock %s", path);
	return log_slots_read(w->env, w->mark_fd, LOG_MARK_MAGIC, &w->place, &w->mark, error);
}

static int newest_open(struct log_writer *w, struct error *error)
{
	char path[LOG_PATH_MAX];
	uint8_t octets[LOG_HEAD_BYTES];
	struct log_head head;
	struct env_stat st;
	log_file_path(&w->place, w->mark.values[1], path);
	w->fd = w->env->files.open(w->env->files.ctx, path, ENV_READ | ENV_WRITE);
	int result = w->fd < 0 ? w->fd : env_read_all(w->env, w->fd, octets, sizeof(octets), 0);
	if (result == 0)
		result = w->env->files.fstat(w->env->files.ctx, w->fd, &st);
	if (result != 0)
		return error_io(error, result, "cannot open %s", path);
	result = log_head_get(slice_of(octets, sizeof(octets)), &head, error);
	if (result < 0)
		return result;
	if (st.size != w->mark.values[2] || head.base != w->mark.values[1])
		return error_set(error, ERROR_CONFLICT, "%s was not recovered: it has %llu octets, %llu are durable", path,
						 (unsigned long long)st.size, (unsigned long long)w->mark.values[2]);
	w->key = head.key;
	return 0;
}

static int newest_check(struct log_writer *w, struct error *error)
{
	struct log_files files;
	int result = log_files_list(w->env, &w->place, &files, error);
	if (result == 0 &&
		(files.count == 0 || w->mark.generation == 0 || files.bases[files.count - 1] != w->mark.values[1]))
		result = error_set(error, ERROR_CONFLICT, "%s was not recovered: its durable mark is not of the newest file",
						   w->place.dir);
	log_files_free(&files);
	return result;
}

int log_writer_open(const struct env *env, const struct log_place *place, uint64_t file_bytes, struct log_writer *out,
					struct error *error)
{
	*out = (struct log_writer){.env = env, .place = *place, .file_bytes = file_bytes, .mark_fd = -1, .fd = -1};
	int result = mark_open(out, error);
	if (result == 0)
		result = newest_check(out, error);
	if (result == 0)
		result = newest_open(out, error);
	if (result < 0) {
		log_writer_close(out, false);
		return result;
	}
	out->base = out->mark.values[1];
	out->size = out->synced = out->mark.values[2];
	out->first = out->next = out->written = out->durable = out->mark.values[0];
	return 0;
}

/* `settled`: the mark goes to the medium too, so that damage to the last records would be seen. What no step made durable is
 * given up, in the file as in memory; where it cannot be cut, recovery finds it whole or cuts it. */
void log_writer_close(struct log_writer *w, bool settled)
{
	if (w->mark_fd >= 0) {
		if (settled)
			w->env->files.sync(w->env->files.ctx, w->mark_fd);
		w->env->files.close(w->env->files.ctx, w->mark_fd);
	}
	if (w->fd >= 0 && settled && w->dirty)
		(void)w->env->files.truncate(w->env->files.ctx, w->fd, w->synced);
	if (w->fd >= 0)
		w->env->files.close(w->env->files.ctx, w->fd);
	env_free(w->env, w->pending);
	w->mark_fd = w->fd = -1;
	w->pending = NULL;
}
