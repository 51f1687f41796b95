#include "common/commitlog_layout.h"

#include "common/check.h"
#include "common/limits.h"

#include <errno.h>

struct commitlog {
	const struct env *env;
	char *path, *beside; /* beside: where a new file is made before it takes the place */
	char kind[LOG_KIND_BYTES];
	int fd;
	bool dead;
	uint64_t first_sequence, count, size;
	uint8_t head[32];
	struct sha256 *sha;
	struct buffer scratch;
};

static char *joined(const struct env *env, const char *a, const char *b)
{
	size_t first = strlen(a), second = strlen(b);
	char *out = env_alloc(env, first + second + 1);
	if (out != NULL) {
		memcpy(out, a, first);
		memcpy(out + first, b, second + 1);
	}
	return out;
}

static void close_file(struct commitlog *log)
{
	if (log->fd >= 0)
		log->env->files.close(log->env->files.ctx, log->fd);
	log->fd = -1;
}

void commitlog_close(struct commitlog *log)
{
	if (log == NULL)
		return;
	close_file(log);
	buffer_free(&log->scratch);
	sha256_free(log->sha);
	env_free(log->env, log->path);
	env_free(log->env, log->beside);
	env_free(log->env, log);
}

static struct commitlog *log_new(const struct env *env, const char *path, const char *kind)
{
	struct commitlog *log = env_zalloc(env, sizeof *log);
	CHECK(strlen(kind) > 0 && strlen(kind) < LOG_KIND_BYTES);
	if (log == NULL)
		return NULL;
	log->env = env;
	log->fd = -1;
	log->dead = true;
	memcpy(log->kind, kind, strlen(kind));
	buffer_init(&log->scratch, env);
	log->path = joined(env, path, "");
	log->beside = joined(env, path, ".new");
	log->sha = sha256_new();
	if (log->path == NULL || log->beside == NULL || log->sha == NULL) {
		commitlog_close(log);
		return NULL;
	}
	return log;
}

static void hash_octets(struct commitlog *log, const uint8_t *ptr, size_t len)
{
	sha256_start(log->sha);
	sha256_add(log->sha, ptr, len);
	sha256_end(log->sha, log->head);
}

/* ---- a new file ---- */

/* Writes `scratch` as a file of its own and syncs it; returns the descriptor, or fails and leaves no file. */
static int write_beside(struct commitlog *log, struct error *error)
{
	const struct env_files *files = &log->env->files;
	int result = files->unlink(files->ctx, log->beside);
	if (result < 0 && result != -ENOENT)
		return error_io(error, result, "unlink %s", log->beside);
	int fd = files->open(files->ctx, log->beside, ENV_READ | ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE);
	if (fd < 0)
		return error_io(error, fd, "open %s", log->beside);
	result = env_write_all(log->env, fd, log->scratch.ptr, log->scratch.len, 0);
	if (result == 0)
		result = files->sync(files->ctx, fd);
	if (result == 0)
		return fd;
	files->close(files->ctx, fd);
	files->unlink(files->ctx, log->beside);
	return error_io(error, result, "write %s", log->beside);
}

/* Gives the file beside its place. From the rename on, nobody knows which of two files a power cut would leave: only
 * after the directory is synced is the log alive again. */
static int take_place(struct commitlog *log, int fd, bool replace, struct error *error)
{
	const struct env_files *files = &log->env->files;
	int result = files->rename(files->ctx, log->beside, log->path, replace);
	if (result < 0) {
		files->close(files->ctx, fd);
		files->unlink(files->ctx, log->beside);
		return error_io(error, result, "rename %s", log->beside);
	}
	close_file(log);
	log->fd = fd;
	log->dead = true;
	result = env_sync_parent(log->env, log->path);
	return result < 0 ? error_io(error, result, "sync the directory of %s", log->path) : 0;
}

static int create(struct commitlog *log, struct error *error)
{
	static const uint8_t nothing[32];
	uint8_t *room = buffer_room(&log->scratch, LOG_HEAD_BYTES);
	if (room == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a commit log");
	log_write_head(room, log->kind, 0, nothing);
	log->scratch.len = LOG_HEAD_BYTES;
	int fd = write_beside(log, error);
	if (fd < 0)
		return fd;
	return take_place(log, fd, false, error);
}

/* ---- opening ---- */

static int read_whole(const struct env *env, int fd, const char *path, struct buffer *out, struct error *error)
{
	struct env_stat st;
	int result = env->files.fstat(env->files.ctx, fd, &st);
	if (result < 0)
		return error_io(error, result, "stat %s", path);
	if (st.size > (uint64_t)LIMIT_commitlog_bytes)
		return error_set(error, ERROR_LIMIT, "commit log of %llu octets; at most %lld", (unsigned long long)st.size,
						 (long long)LIMIT_commitlog_bytes);
	uint8_t *room = buffer_room(out, (size_t)st.size + 1);
	if (room == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a commit log of %llu octets", (unsigned long long)st.size);
	result = env_read_all(env, fd, room, (size_t)st.size, 0);
	if (result < 0)
		return error_io(error, result, "read %s", path);
	out->len = (size_t)st.size;
	return 0;
}

/* Cuts the torn tail and makes sure that what was read is on the medium: a process that was killed between write and
 * sync leaves a sound record that only the page cache knows. */
static int settle(struct commitlog *log, uint64_t good_bytes, uint64_t size, struct error *error)
{
	const struct env_files *files = &log->env->files;
	int result = good_bytes < size ? files->truncate(files->ctx, log->fd, good_bytes) : 0;
	if (result < 0)
		return error_io(error, result, "truncate %s", log->path);
	result = files->sync(files->ctx, log->fd);
	return result < 0 ? error_io(error, result, "sync %s", log->path) : 0;
}

static int load(struct commitlog *log, int (*each)(void *arg, const struct commitlog_record *record), void *arg,
				uint64_t *cut, struct error *error)
{
	struct log_scan scan;
	struct buffer file;
	buffer_init(&file, log->env);
	/* After a failed sync the cache may hold what the medium never got: read from the medium. */
	log->env->files.forget(log->env->files.ctx, log->fd);
	int result = read_whole(log->env, log->fd, log->path, &file, error);
	if (result == 0)
		result = log_scan(buffer_slice(&file), log->kind, log->sha, &scan, error);
	if (result == 0)
		result = settle(log, scan.good_bytes, file.len, error);
	if (result == 0)
		result = log_replay(buffer_slice(&file), &scan, each, arg);
	if (result == 0) {
		if (cut != NULL)
			*cut = file.len - scan.good_bytes;
		log->first_sequence = scan.first_sequence;
		log->count = scan.count;
		log->size = scan.good_bytes;
		memcpy(log->head, scan.head, 32);
		log->dead = false;
	}
	buffer_free(&file);
	return result;
}

static int open_or_create(struct commitlog *log, struct error *error)
{
	const struct env_files *files = &log->env->files;
	int fd = files->open(files->ctx, log->path, ENV_READ | ENV_WRITE);
	if (fd == -ENOENT)
		return create(log, error);
	if (fd < 0)
		return error_io(error, fd, "open %s", log->path);
	log->fd = fd;
	/* What a compaction left that did not come to its end. */
	int result = files->unlink(files->ctx, log->beside);
	return result < 0 && result != -ENOENT ? error_io(error, result, "unlink %s", log->beside) : 0;
}

int commitlog_open(const struct env *env, const char *path, const char *kind,
				   int (*each)(void *arg, const struct commitlog_record *record), void *arg, uint64_t *cut,
				   struct commitlog **out, struct error *error)
{
	struct commitlog *log = log_new(env, path, kind);
	*out = NULL;
	if (log == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a commit log");
	int result = open_or_create(log, error);
	if (result == 0)
		result = load(log, each, arg, cut, error);
	if (result != 0) {
		if (result < 0)
			error_at(error, path, 0, 0);
		commitlog_close(log);
		return result;
	}
	*out = log;
	return 0;
}

int commitlog_read(const struct env *env, const char *path, const char *kind,
				   int (*each)(void *arg, const struct commitlog_record *record), void *arg, uint64_t *torn,
				   struct error *error)
{
	struct log_scan scan;
	struct buffer file;
	struct sha256 *sha = sha256_new();
	int fd = env->files.open(env->files.ctx, path, ENV_READ), result = 0;
	buffer_init(&file, env);
	if (sha == NULL)
		result = error_set(error, ERROR_MEMORY, "no memory for a digest");
	else if (fd < 0)
		result = error_io(error, fd, "open %s", path);
	if (result == 0)
		result = read_whole(env, fd, path, &file, error);
	if (result == 0)
		result = log_scan(buffer_slice(&file), kind, sha, &scan, error);
	if (result == 0 && torn != NULL)
		*torn = file.len - scan.good_bytes;
	if (result < 0)
		error_at(error, path, 0, 0);
	else
		result = log_replay(buffer_slice(&file), &scan, each, arg);
	if (fd >= 0)
		env->files.close(env->files.ctx, fd);
	buffer_free(&file);
	sha256_free(sha);
	return result;
}

/* ---- writing ---- */

static int refuse_dead(const struct commitlog *log, struct error *error)
{
	if (!log->dead)
		return 0;
	error_set(error, ERROR_IO, "%s: an earlier write or sync failed; the log must be opened again", log->path);
	if (error != NULL)
		error->flags = ERROR_FATAL;
	return -ERROR_IO;
}

static int refuse_size(const struct commitlog *log, uint64_t size, struct slice body, struct error *error)
{
	if (body.len > (size_t)LIMIT_commit_bytes)
		return error_set(error, ERROR_LIMIT, "a commit log record of %zu octets; at most %lld", body.len,
						 (long long)LIMIT_commit_bytes);
	if (size + LOG_RECORD_LEAST + body.len + 8 > (uint64_t)LIMIT_commitlog_bytes)
		return error_set(error, ERROR_LIMIT, "%s: would be larger than %lld octets; compact it", log->path,
						 (long long)LIMIT_commitlog_bytes);
	return 0;
}

int commitlog_append(struct commitlog *log, struct slice body, uint64_t *sequence, struct error *error)
{
	const struct env_files *files = &log->env->files;
	int result = refuse_dead(log, error);
	if (result == 0)
		result = refuse_size(log, log->size, body, error);
	if (result != 0)
		return result;
	uint64_t next = log->first_sequence + log->count;
	buffer_reset(&log->scratch);
	log_write_record(&log->scratch, next, env_now(log->env), log->head, body);
	/* Dead until the sync has said yes: every way out below leaves it so. */
	log->dead = true;
	if (log->scratch.failed)
		return error_set(error, ERROR_MEMORY, "no memory for a commit log record of %zu octets", body.len);
	result = env_write_all(log->env, log->fd, log->scratch.ptr, log->scratch.len, log->size);
	if (result < 0)
		return error_io(error, result, "write %s", log->path);
	result = files->sync(files->ctx, log->fd);
	if (result < 0)
		return error_io(error, result, "sync %s", log->path);
	hash_octets(log, log->scratch.ptr, log->scratch.len);
	log->size += log->scratch.len;
	log->count++;
	log->dead = false;
	if (sequence != NULL)
		*sequence = next;
	return 0;
}

void commitlog_head(const struct commitlog *log, uint8_t out[32])
{
	memcpy(out, log->head, 32);
}

uint64_t commitlog_count(const struct commitlog *log)
{
	return log->count;
}

/* The new file in `scratch`: a head that names the hash it continues, and one record behind it. */
static bool compose(struct commitlog *log, uint64_t sequence, struct slice body)
{
	uint8_t prev[32];
	buffer_reset(&log->scratch);
	uint8_t *room = buffer_room(&log->scratch, LOG_HEAD_BYTES);
	if (room == NULL)
		return false;
	log_write_head(room, log->kind, sequence, log->head);
	log->scratch.len = LOG_HEAD_BYTES;
	sha256_of(buffer_slice(&log->scratch), prev);
	log_write_record(&log->scratch, sequence, env_now(log->env), prev, body);
	return !log->scratch.failed;
}

int commitlog_compact(struct commitlog *log, struct slice body, struct error *error)
{
	int result = refuse_dead(log, error);
	if (result == 0)
		result = refuse_size(log, LOG_HEAD_BYTES, body, error);
	if (result != 0)
		return result;
	uint64_t sequence = log->first_sequence + log->count;
	if (!compose(log, sequence, body))
		return error_set(error, ERROR_MEMORY, "no memory to compact a commit log");
	int fd = write_beside(log, error);
	if (fd < 0)
		return fd;
	result = take_place(log, fd, true, error);
	if (result != 0)
		return result;
	hash_octets(log, log->scratch.ptr + LOG_HEAD_BYTES, log->scratch.len - LOG_HEAD_BYTES);
	log->first_sequence = sequence;
	log->count = 1;
	log->size = log->scratch.len;
	log->dead = false;
	return 0;
}
