#include "rules/compiled_cache.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define KEY_AT 8u
#define SUM_AT 40u
#define HEAD_BYTES 72u
#define CACHE_BYTES_MAX (256u << 20)

static bool make_path(const struct compiled_cache *c, const uint8_t key[32], const char *suffix, char *path,
					  size_t size)
{
	char hex[2 * 16 + 1];
	hex_print(key, 16, hex);
	int n = snprintf(path, size, "%s/%s-%s%s", c->folder, c->prefix, hex, suffix);
	return n > 0 && (size_t)n < size;
}

/* ---- reading ---- */

static bool holds(const struct compiled_cache *c, struct slice file, const uint8_t key[32])
{
	uint8_t sum[32];
	if (file.len < HEAD_BYTES || memcmp(file.ptr, c->magic, 8) != 0 || memcmp(file.ptr + KEY_AT, key, 32) != 0)
		return false;
	sha256_of(slice_from(file, HEAD_BYTES), sum);
	return memcmp(file.ptr + SUM_AT, sum, 32) == 0;
}

bool compiled_read(const struct compiled_cache *c, const uint8_t key[32], uint8_t **octets, struct slice *content)
{
	char path[PATH_MAX];
	size_t len;
	if (!c->folder || !make_path(c, key, "", path, sizeof path) ||
		env_read_file(c->env, path, CACHE_BYTES_MAX, octets, &len))
		return false;
	if (!holds(c, slice_of(*octets, len), key)) {
		env_free(c->env, *octets);
		return false;
	}
	*content = slice_of(*octets + HEAD_BYTES, len - HEAD_BYTES);
	return true;
}

/* ---- writing ---- */

struct listing {
	const struct compiled_cache *cache;
	uint32_t count;
	bool remove;
};

static int look_at_name(void *ctx, const char *name)
{
	struct listing *l = ctx;
	const struct env *env = l->cache->env;
	size_t len = strlen(l->cache->prefix);
	char path[PATH_MAX];
	if (strncmp(name, l->cache->prefix, len) != 0 || name[len] != '-')
		return 0;
	l->count++;
	if (l->remove && snprintf(path, sizeof path, "%s/%s", l->cache->folder, name) < (int)sizeof path)
		(void)env->files.unlink(env->files.ctx, path);
	return 0;
}

/* Rules come and go; what was made for those that went is nobody's. */
static void make_room(const struct compiled_cache *c)
{
	struct listing l = {.cache = c};
	const struct env_files *f = &c->env->files;
	if (f->list(f->ctx, c->folder, look_at_name, &l) == 0 && l.count >= c->files_max) {
		l.remove = true;
		(void)f->list(f->ctx, c->folder, look_at_name, &l);
	}
}

/* Two processes that write the same file at once write the same octets: who comes second finds the name beside it taken. */
static void write_file(const struct compiled_cache *c, const char *path, const char *beside, struct slice octets)
{
	const struct env_files *f = &c->env->files;
	int fd = f->open(f->ctx, beside, ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE | ENV_NO_LINK);
	if (fd == -EEXIST) { /* left behind, or being written: gone next time */
		(void)f->unlink(f->ctx, beside);
		return;
	}
	if (fd < 0)
		return;
	int rc = env_write_all(c->env, fd, octets.ptr, octets.len, 0);
	rc = f->close(f->ctx, fd) || rc;
	if (rc || f->rename(f->ctx, beside, path, true))
		(void)f->unlink(f->ctx, beside);
}

void compiled_begin(struct buffer *file)
{
	buffer_add_zeros(file, HEAD_BYTES);
}

void compiled_write(const struct compiled_cache *c, const uint8_t key[32], struct buffer *file)
{
	char path[PATH_MAX], beside[PATH_MAX];
	if (!c->folder || file->failed || !make_path(c, key, "", path, sizeof path) ||
		!make_path(c, key, ".new", beside, sizeof beside) || env_make_dirs(c->env, c->folder))
		return;
	memcpy(file->ptr, c->magic, 8);
	memcpy(file->ptr + KEY_AT, key, 32);
	sha256_of(slice_of(file->ptr + HEAD_BYTES, file->len - HEAD_BYTES), file->ptr + SUM_AT);
	make_room(c);
	write_file(c, path, beside, buffer_slice(file));
}
