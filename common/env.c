#include "common/env.h"

#include "common/check.h"

#include <errno.h>
#include <limits.h>

void *env_zalloc(const struct env *env, size_t size)
{
	void *room = env_alloc(env, size);
	if (room != NULL)
		memset(room, 0, size);
	return room;
}

int env_write_all(const struct env *env, int fd, const void *buf, size_t len, uint64_t offset)
{
	const uint8_t *from = buf;
	while (len > 0) {
		ssize_t written = env->files.pwrite(env->files.ctx, fd, from, len, offset);
		if (written == -EINTR)
			continue;
		if (written < 0)
			return (int)written;
		if (written == 0)
			return -EIO;
		CHECK((size_t)written <= len);
		from += written;
		len -= (size_t)written;
		offset += (uint64_t)written;
	}
	return 0;
}

/* Drops what was written from the front of the parts that are left. */
static void parts_advance(struct slice *parts, unsigned n, size_t written)
{
	for (unsigned i = 0; i < n && written > 0; i++) {
		size_t step = written < parts[i].len ? written : parts[i].len;
		parts[i] = slice_from(parts[i], step);
		written -= step;
	}
	CHECK(written == 0);
}

int env_write_parts(const struct env *env, int fd, const struct slice *parts, unsigned n, uint64_t offset)
{
	struct slice rest[ENV_PARTS_MAX];
	size_t len = 0;
	CHECK(n <= ENV_PARTS_MAX);
	for (unsigned i = 0; i < n; i++) {
		rest[i] = parts[i];
		len += parts[i].len;
	}
	while (len > 0) {
		ssize_t written = env->files.pwritev(env->files.ctx, fd, rest, n, offset);
		if (written == -EINTR)
			continue;
		if (written < 0)
			return (int)written;
		if (written == 0)
			return -EIO;
		CHECK((size_t)written <= len);
		parts_advance(rest, n, (size_t)written);
		len -= (size_t)written;
		offset += (uint64_t)written;
	}
	return 0;
}

int env_read_all(const struct env *env, int fd, void *buf, size_t len, uint64_t offset)
{
	uint8_t *to = buf;
	while (len > 0) {
		ssize_t got = env->files.pread(env->files.ctx, fd, to, len, offset);
		if (got == -EINTR)
			continue;
		if (got < 0)
			return (int)got;
		if (got == 0)
			return -EIO;
		CHECK((size_t)got <= len);
		to += got;
		len -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

static int read_open_file(const struct env *env, int fd, size_t limit, uint8_t **out, size_t *len)
{
	struct env_stat st;
	int result = env->files.fstat(env->files.ctx, fd, &st);
	if (result < 0)
		return result;
	if (st.is_dir)
		return -EISDIR;
	if (st.size > limit)
		return -EFBIG;
	uint8_t *room = env_alloc(env, st.size == 0 ? 1 : (size_t)st.size);
	if (room == NULL)
		return -ENOMEM;
	result = env_read_all(env, fd, room, (size_t)st.size, 0);
	if (result < 0) {
		env_free(env, room);
		return result;
	}
	*out = room;
	*len = (size_t)st.size;
	return 0;
}

int env_read_file(const struct env *env, const char *path, size_t limit, uint8_t **out, size_t *len)
{
	int fd = env->files.open(env->files.ctx, path, ENV_READ);
	if (fd < 0)
		return fd;
	int result = read_open_file(env, fd, limit, out, len);
	env->files.close(env->files.ctx, fd);
	return result;
}

/* The folder that holds `path`, in room for PATH_MAX. */
static void parent_of(const char *path, char *out)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);
	if (slash == NULL)
		out[len++] = '.';
	else if (len == 0)
		out[len++] = '/';
	else
		memcpy(out, path, len);
	out[len] = 0;
}

int env_sync_parent(const struct env *env, const char *path)
{
	char parent[PATH_MAX];
	if (strlen(path) >= sizeof parent)
		return -ENAMETOOLONG;
	parent_of(path, parent);
	return env->files.sync_dir(env->files.ctx, parent);
}

static int make_dir(const struct env *env, const char *path)
{
	int result = env->files.mkdir(env->files.ctx, path);
	if (result == -EEXIST)
		return 0;
	return result < 0 ? result : env_sync_parent(env, path);
}

int env_make_dirs(const struct env *env, const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	struct env_stat st;
	if (len == 0 || len >= sizeof part)
		return len == 0 ? -ENOENT : -ENAMETOOLONG;
	memcpy(part, path, len + 1);
	while (len > 1 && part[len - 1] == '/')
		part[--len] = 0;
	for (size_t i = 1; i < len; i++) {
		if (part[i] != '/' || part[i - 1] == '/')
			continue;
		part[i] = 0;
		/* Folders above that are there may be ones we may not write to: only make what is missing. */
		int result = env->files.stat(env->files.ctx, part, &st) == 0 ? 0 : make_dir(env, part);
		if (result < 0)
			return result;
		part[i] = '/';
	}
	int result = make_dir(env, part);
	if (result < 0)
		return result;
	result = env->files.stat(env->files.ctx, part, &st);
	return result < 0 ? result : st.is_dir ? 0 : -ENOTDIR;
}
