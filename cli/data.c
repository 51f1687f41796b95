#include "cli/data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OWNER_BODY_BYTES 24 /* uuid 16, epoch u64 */

const char *data_path(const struct data *d, const char *below, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", d->path, below);
	return buf;
}

static long read_pid(const struct env *env, int fd)
{
	char text[32] = "";
	ssize_t n = env->files.pread(env->files.ctx, fd, text, sizeof text - 1, 0);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

bool data_owned(const struct env *env, const char *path, long *pid)
{
	char name[4200];
	snprintf(name, sizeof name, "%s/lock", path);
	int fd = env->files.open(env->files.ctx, name, ENV_READ | ENV_WRITE);
	if (fd < 0)
		return false;
	bool held = env->files.lock(env->files.ctx, fd) == -EWOULDBLOCK;
	*pid = held ? read_pid(env, fd) : 0;
	env->files.close(env->files.ctx, fd);
	return held;
}

static int take_lock(struct data *d, struct error *error)
{
	char name[4200], text[32];
	d->lock_fd = d->env->files.open(d->env->files.ctx, data_path(d, "lock", name, sizeof name),
									ENV_READ | ENV_WRITE | ENV_CREATE);
	if (d->lock_fd == -EACCES || d->lock_fd == -EPERM)
		return error_set(error, ERROR_USAGE, "the data directory %s is not yours to use: cannot open %s: %s", d->path,
						 name, strerror(-d->lock_fd));
	if (d->lock_fd < 0)
		return error_io(error, d->lock_fd, "cannot open %s", name);
	int result = d->env->files.lock(d->env->files.ctx, d->lock_fd);
	if (result == -EWOULDBLOCK)
		return error_set(error, ERROR_BUSY, "the data directory %s is owned by process %ld", d->path,
						 read_pid(d->env, d->lock_fd));
	if (result)
		return error_io(error, result, "cannot lock %s", name);
	int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	d->env->files.truncate(d->env->files.ctx, d->lock_fd, 0);
	result = env_write_all(d->env, d->lock_fd, text, (size_t)len, 0);
	return result ? error_io(error, result, "cannot write %s", name) : 0;
}

static int owner_record(void *arg, const struct commitlog_record *record)
{
	struct data *d = arg;
	if (record->body.len != OWNER_BODY_BYTES)
		return -ERROR_FORMAT;
	memcpy(d->uuid, record->body.ptr, 16);
	d->epoch = get_u64(record->body.ptr + 16);
	return 0;
}

static int append_owner(struct data *d, uint64_t epoch, struct error *error)
{
	uint8_t body[OWNER_BODY_BYTES];
	memcpy(body, d->uuid, 16);
	put_u64(body + 16, epoch);
	int result = commitlog_append(d->owner, slice_of(body, sizeof body), NULL, error);
	if (!result)
		d->epoch = epoch;
	return result;
}

int data_epoch(struct data *d, uint64_t *epoch, struct error *error)
{
	int result = append_owner(d, d->epoch + 1, error);
	*epoch = d->epoch;
	return result;
}

static int open_owner(struct data *d, struct error *error)
{
	char name[4200];
	uint64_t cut;
	int result = commitlog_open(d->env, data_path(d, "owner.log", name, sizeof name), "owner", owner_record, d, &cut,
								&d->owner, error);
	if (result || commitlog_count(d->owner) > 0)
		return result;
	if (d->env->random.fill(d->env->random.ctx, d->uuid, 16))
		return error_set(error, ERROR_IO, "no randomness for the uuid of %s", d->path);
	d->uuid[6] = (uint8_t)((d->uuid[6] & 0x0f) | 0x40); /* RFC 9562 version 4 */
	d->uuid[8] = (uint8_t)((d->uuid[8] & 0x3f) | 0x80);
	return append_owner(d, 0, error);
}

int data_own(struct data *d, const struct env *env, const char *path, bool create, struct error *error)
{
	*d = (struct data){.env = env, .lock_fd = -1};
	if ((size_t)snprintf(d->path, sizeof d->path, "%s", path) >= sizeof d->path)
		return error_set(error, ERROR_USAGE, "the name of the data directory is too long");
	struct env_stat st;
	int result = env->files.stat(env->files.ctx, path, &st);
	if (result == -ENOENT && !create)
		return error_set(error, ERROR_NOT_FOUND, "there is no data directory %s", path);
	if (result == -ENOENT)
		result = env_make_dirs(env, path);
	else if (!result && !st.is_dir)
		return error_set(error, ERROR_USAGE, "%s is no folder: a data directory is one", path);
	if (result == -EACCES || result == -EPERM || result == -ENOTDIR)
		return error_set(error, ERROR_USAGE, "cannot use the data directory %s: %s", path, strerror(-result));
	if (result)
		return error_io(error, result, "cannot use the data directory %s", path);
	result = take_lock(d, error);
	if (!result)
		result = open_owner(d, error);
	if (result)
		data_release(d);
	return result;
}

void data_release(struct data *d)
{
	if (d->owner)
		commitlog_close(d->owner);
	d->owner = NULL;
	if (d->lock_fd >= 0)
		d->env->files.close(d->env->files.ctx, d->lock_fd);
	d->lock_fd = -1;
}
