#include "rules/columns_cache.h"

#include "common/digest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define MAGIC "CRSLITS0"
#define KEY_AT 8u
#define SUM_AT 40u
#define HEAD_BYTES 72u
#define CACHE_BYTES_MAX (256u << 20)
#define FILES_MAX 16u
#define PREFIX "literals-"

/* What the content follows from. False: no memory. */
static bool make_key(const struct columns *c, uint8_t key[32])
{
	struct sha256 *s = sha256_new();
	struct buffer platform;
	buffer_init(&platform, c->env);
	literal_set_platform(&platform);
	if (s) {
		sha256_start(s);
		sha256_part(s, buffer_slice(&platform));
		for (uint32_t i = 0; i < c->count; i++) {
			sha256_add(s, &c->list[i].literal_count, sizeof c->list[i].literal_count);
			for (uint32_t k = 0; k < c->list[i].literal_count; k++)
				sha256_part(s, c->literals[c->list[i].literal_first + k]);
		}
		sha256_end(s, key);
		sha256_free(s);
	}
	bool failed = platform.failed;
	buffer_free(&platform);
	return s && !failed;
}

static bool make_path(const char *folder, const uint8_t key[32], const char *suffix, char *path, size_t size)
{
	char hex[2 * 16 + 1];
	hex_print(key, 16, hex);
	int n = snprintf(path, size, "%s/" PREFIX "%s%s", folder, hex, suffix);
	return n > 0 && (size_t)n < size;
}

/* ---- reading ---- */

static void drop_sets(struct columns *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		literal_set_free(c->list[i].literals);
		c->list[i].literals = NULL;
	}
}

static bool read_sets(struct columns *c, struct slice content)
{
	struct reader r = reader_of(content);
	for (uint32_t i = 0; i < c->count; i++) {
		if (c->list[i].literal_count == 0)
			continue;
		struct slice one = reader_slice(&r, reader_u32(&r));
		if (r.failed || literal_set_restore(one, &c->list[i].literals))
			return false;
	}
	return reader_left(&r) == 0;
}

static bool read_file(struct columns *c, struct slice file, const uint8_t key[32])
{
	uint8_t sum[32];
	if (file.len < HEAD_BYTES || memcmp(file.ptr, MAGIC, 8) != 0 || memcmp(file.ptr + KEY_AT, key, 32) != 0)
		return false;
	sha256_of(slice_from(file, HEAD_BYTES), sum);
	return memcmp(file.ptr + SUM_AT, sum, 32) == 0 && read_sets(c, slice_from(file, HEAD_BYTES));
}

bool columns_cache_read(struct columns *c, const char *folder)
{
	uint8_t key[32], *octets = NULL;
	char path[PATH_MAX];
	size_t len;
	if (c->literal_count == 0 || !make_key(c, key) || !make_path(folder, key, "", path, sizeof path) ||
		env_read_file(c->env, path, CACHE_BYTES_MAX, &octets, &len))
		return false;
	bool good = read_file(c, slice_of(octets, len), key);
	if (!good)
		drop_sets(c);
	env_free(c->env, octets);
	return good;
}

/* ---- writing ---- */

/* False: no memory, or a column that this machine has no set for. */
static bool make_content(const struct columns *c, struct buffer *out)
{
	for (uint32_t i = 0; i < c->count; i++) {
		size_t at = out->len;
		if (c->list[i].literal_count == 0)
			continue;
		buffer_add_u32(out, 0);
		if (!c->list[i].literals || literal_set_save(c->list[i].literals, out))
			return false;
		put_u32(out->ptr + at, (uint32_t)(out->len - at - 4));
	}
	return !out->failed;
}

struct listing {
	const struct env *env;
	const char *folder;
	uint32_t count;
	bool remove;
};

static int look_at_name(void *ctx, const char *name)
{
	struct listing *l = ctx;
	char path[PATH_MAX];
	if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
		return 0;
	l->count++;
	if (l->remove && snprintf(path, sizeof path, "%s/%s", l->folder, name) < (int)sizeof path)
		(void)l->env->files.unlink(l->env->files.ctx, path);
	return 0;
}

/* Lists of rules come and go; what was made for those that went is nobody's. */
static void make_room(const struct columns *c, const char *folder)
{
	struct listing l = {.env = c->env, .folder = folder};
	const struct env_files *f = &c->env->files;
	if (f->list(f->ctx, folder, look_at_name, &l) == 0 && l.count >= FILES_MAX) {
		l.remove = true;
		(void)f->list(f->ctx, folder, look_at_name, &l);
	}
}

/* Two processes that write the same file at once write the same octets: who comes second finds the name beside it taken. */
static void write_file(const struct columns *c, const char *path, const char *beside, struct slice octets)
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

void columns_cache_write(const struct columns *c, const char *folder)
{
	uint8_t key[32];
	char path[PATH_MAX], beside[PATH_MAX];
	struct buffer file;
	if (c->literal_count == 0 || !make_key(c, key) || !make_path(folder, key, "", path, sizeof path) ||
		!make_path(folder, key, ".new", beside, sizeof beside) || env_make_dirs(c->env, folder))
		return;
	buffer_init(&file, c->env);
	buffer_add(&file, MAGIC, 8);
	buffer_add(&file, key, 32);
	buffer_add_zeros(&file, 32);
	if (make_content(c, &file)) {
		sha256_of(slice_of(file.ptr + HEAD_BYTES, file.len - HEAD_BYTES), file.ptr + SUM_AT);
		make_room(c, folder);
		write_file(c, path, beside, buffer_slice(&file));
	}
	buffer_free(&file);
}
