/* The calls of struct env_files over the disk in memory, each one counted and open to injection. */
#include "tests/support/disk.h"

#include <errno.h>
#include <stdlib.h>

/* 0, or the negative errno this call has to give. */
static int inject(struct fake *fake, enum fake_call call)
{
	struct fake_files *files = &fake->files;
	files->count[call]++;
	if (files->is_cut)
		return -EIO;
	if (!(files->fail_kinds & FAKE_BIT(call)))
		return 0;
	files->calls++;
	if (files->cut_at && files->calls >= files->cut_at) {
		files->is_cut = true;
		return -EIO;
	}
	if (files->fail_at && (files->calls == files->fail_at || (files->fail_forever && files->calls > files->fail_at))) {
		files->failed++;
		return -files->fail_errno;
	}
	return 0;
}

static struct fake_open *opened(struct fake *fake, int fd)
{
	size_t i = (size_t)fd - FAKE_FD_FIRST;
	if (fd < FAKE_FD_FIRST || i >= fake->disk->open_count || !fake->disk->open[i].inode)
		return NULL;
	return &fake->disk->open[i];
}

static int hand_out(struct fake_disk *disk, struct fake_inode *inode, uint32_t flags)
{
	size_t i = 0;
	while (i < disk->open_count && disk->open[i].inode)
		i++;
	if (i == disk->open_count) {
		disk->open = disk_grow(disk->open, disk->open_count, &disk->open_size, sizeof(*disk->open));
		disk->open_count++;
	}
	disk->open[i] = (struct fake_open){inode, flags, 0};
	return (int)i + FAKE_FD_FIRST;
}

/* The name's parent must be a directory. */
static int parent_check(struct fake_disk *disk, const char *path)
{
	char *parent = disk_parent(path);
	struct fake_inode *inode = disk_find(&disk->cache, parent);
	free(parent);
	return !inode ? -ENOENT : inode->is_dir ? 0 : -ENOTDIR;
}

static int open_path(struct fake *fake, const char *path, uint32_t flags)
{
	struct fake_disk *disk = fake->disk;
	struct fake_inode *inode = disk_find(&disk->cache, path);
	if (inode && (flags & ENV_CREATE) && (flags & ENV_EXCLUSIVE))
		return -EEXIST;
	if (inode && inode->is_dir && (flags & ENV_WRITE))
		return -EISDIR;
	if (inode && inode->is_dir && (flags & ENV_PLAIN))
		return -EINVAL;
	if (inode && inode->is_link && (flags & ENV_NO_LINK))
		return -ELOOP;
	if (inode && inode->is_closed)
		return -EACCES;
	if (!inode) {
		int result = parent_check(disk, path);
		if (result || !(flags & ENV_CREATE))
			return result ? result : -ENOENT;
		inode = disk_inode(fake, false);
		disk_name_change(disk, NULL, path, inode);
	}
	if ((flags & ENV_TRUNCATE) && inode->cache.len) {
		disk_bytes_resize(&inode->cache, 0);
		disk_change_add(inode, NULL, 0, 0);
	}
	return hand_out(disk, inode, flags);
}

static int call_open(void *ctx, const char *path, uint32_t flags)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_OPEN);
	if (result)
		return result;
	char *plain = disk_path(path);
	result = open_path(fake, plain, flags);
	free(plain);
	return result;
}

static int call_close(void *ctx, int fd)
{
	struct fake *fake = ctx;
	struct fake_open *open = opened(fake, fd);
	fake->files.count[FAKE_CLOSE]++;
	if (!open)
		return -EBADF;
	if (open->inode->lock_fd == fd)
		open->inode->lock_fd = -1;
	open->inode = NULL;
	return 0;
}

static ssize_t take(const struct fake_inode *inode, void *buf, size_t len, uint64_t offset)
{
	if (offset >= inode->cache.len)
		return 0;
	if (len > inode->cache.len - offset)
		len = inode->cache.len - offset;
	memcpy(buf, inode->cache.ptr + offset, len);
	return (ssize_t)len;
}

static ssize_t call_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_PREAD);
	if (result)
		return result;
	struct fake_open *open = opened(fake, fd);
	if (!open || !(open->flags & ENV_READ))
		return -EBADF;
	return open->inode->is_dir ? -EISDIR : take(open->inode, buf, len, offset);
}

static ssize_t call_read(void *ctx, int fd, void *buf, size_t len)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_READ);
	if (result)
		return result;
	struct fake_open *open = opened(fake, fd);
	if (!open || !(open->flags & ENV_READ))
		return -EBADF;
	ssize_t n = take(open->inode, buf, len, open->position);
	open->position += (uint64_t)n;
	return n;
}

/* Octets of growth the disk still has room for, of `len` that begin at `offset`. */
static size_t room_for(struct fake *fake, const struct fake_inode *inode, size_t len, uint64_t offset)
{
	if (!fake->files.capacity || offset + len <= inode->cache.len)
		return len;
	uint64_t used = disk_used(fake->disk), end = inode->cache.len;
	uint64_t room = fake->files.capacity > used ? fake->files.capacity - used : 0;
	if (offset + len <= end + room)
		return len;
	return offset < end + room ? (size_t)(end + room - offset) : 0;
}

static ssize_t call_pwrite(void *ctx, int fd, const void *buf, size_t len, uint64_t offset)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_PWRITE);
	if (result)
		return result;
	struct fake_open *open = opened(fake, fd);
	if (!open || !(open->flags & ENV_WRITE))
		return -EBADF;
	if (open->flags & ENV_APPEND)
		offset = open->inode->cache.len;
	bool is_short = fake->files.short_at == UINT64_MAX || fake->files.short_at == fake->files.count[FAKE_PWRITE];
	if (is_short && fake->files.short_at && len > fake->files.short_octets)
		len = fake->files.short_octets;
	size_t taken = room_for(fake, open->inode, len, offset);
	if (taken == 0 && len)
		return -ENOSPC;
	disk_bytes_write(&open->inode->cache, buf, taken, offset);
	disk_change_add(open->inode, buf, taken, offset);
	open->inode->mtime_ns = fake->clock.now_ns;
	return (ssize_t)taken;
}

/* To the disk, and to what is injected, one write like any other. */
static ssize_t call_pwritev(void *ctx, int fd, const struct slice *parts, unsigned n, uint64_t offset)
{
	size_t len = 0;
	for (unsigned i = 0; i < n; i++)
		len += parts[i].len;
	uint8_t *octets = fake_must(malloc(len + 1));
	for (unsigned i = 0, at = 0; i < n; at += (unsigned)parts[i++].len)
		if (parts[i].len)
			memcpy(octets + at, parts[i].ptr, parts[i].len);
	ssize_t result = call_pwrite(ctx, fd, octets, len, offset);
	free(octets);
	return result;
}

/* After a failed sync the kernel holds the pages for clean: a second sync succeeds and the writes are still lost. */
static int call_sync(void *ctx, int fd)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_SYNC);
	struct fake_open *open = opened(fake, fd);
	if (!open)
		return -EBADF;
	struct fake_inode *inode = open->inode;
	if (fake->files.is_cut)
		return result;
	for (size_t i = 0; result == 0 && i < inode->change_count; i++)
		disk_change_apply(&inode->medium, &inode->changes[i]);
	disk_changes_forget(inode);
	return result;
}

static int call_sync_dir(void *ctx, const char *path)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_SYNC_DIR);
	if (result)
		return result;
	char *plain = disk_path(path);
	struct fake_inode *inode = disk_find(&fake->disk->cache, plain);
	if (inode && inode->is_dir)
		disk_names_sync(fake->disk, plain);
	free(plain);
	return !inode ? -ENOENT : inode->is_dir ? 0 : -ENOTDIR;
}

static int resize_to(struct fake *fake, int fd, uint64_t size, bool only_grow)
{
	struct fake_open *open = opened(fake, fd);
	if (!open || !(open->flags & ENV_WRITE))
		return -EBADF;
	struct fake_inode *inode = open->inode;
	if (only_grow && size <= inode->cache.len)
		return 0;
	if (size > inode->cache.len &&
		room_for(fake, inode, (size_t)(size - inode->cache.len), inode->cache.len) < size - inode->cache.len)
		return -ENOSPC;
	disk_bytes_resize(&inode->cache, size);
	disk_change_add(inode, NULL, 0, size);
	return 0;
}

static int call_truncate(void *ctx, int fd, uint64_t size)
{
	int result = inject(ctx, FAKE_TRUNCATE);
	return result ? result : resize_to(ctx, fd, size, false);
}

static int call_reserve(void *ctx, int fd, uint64_t size)
{
	int result = inject(ctx, FAKE_RESERVE);
	return result ? result : resize_to(ctx, fd, size, true);
}

static void stat_fill(const struct fake_inode *inode, struct env_stat *out)
{
	*out = (struct env_stat){.size = inode->cache.len,
							 .device = 1,
							 .inode = inode->number,
							 .mtime_ns = inode->mtime_ns,
							 .is_dir = inode->is_dir};
}

static int call_stat(void *ctx, const char *path, struct env_stat *out)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_STAT);
	if (result)
		return result;
	char *plain = disk_path(path);
	struct fake_inode *inode = disk_find(&fake->disk->cache, plain);
	free(plain);
	if (!inode)
		return -ENOENT;
	stat_fill(inode, out);
	return 0;
}

static int call_fstat(void *ctx, int fd, struct env_stat *out)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_FSTAT);
	if (result)
		return result;
	struct fake_open *open = opened(fake, fd);
	if (!open)
		return -EBADF;
	stat_fill(open->inode, out);
	return 0;
}

static int rename_paths(struct fake_disk *disk, const char *from, const char *to, bool replace)
{
	struct fake_inode *inode = disk_find(&disk->cache, from), *there = disk_find(&disk->cache, to);
	if (!inode)
		return -ENOENT;
	int result = parent_check(disk, to);
	if (result)
		return result;
	if (there && !replace)
		return -EEXIST;
	if (there && there->is_dir)
		return -EISDIR;
	disk_name_change(disk, from, to, inode);
	return 0;
}

static int call_rename(void *ctx, const char *from, const char *to, bool replace)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_RENAME);
	if (result)
		return result;
	char *a = disk_path(from), *b = disk_path(to);
	result = rename_paths(fake->disk, a, b, replace);
	free(a);
	free(b);
	return result;
}

static int call_unlink(void *ctx, const char *path)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_UNLINK);
	if (result)
		return result;
	char *plain = disk_path(path);
	struct fake_inode *inode = disk_find(&fake->disk->cache, plain);
	if (inode && !inode->is_dir)
		disk_name_change(fake->disk, plain, NULL, NULL);
	free(plain);
	return !inode ? -ENOENT : inode->is_dir ? -EISDIR : 0;
}

static int call_mkdir(void *ctx, const char *path)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_MKDIR);
	if (result)
		return result;
	char *plain = disk_path(path);
	if (disk_find(&fake->disk->cache, plain))
		result = -EEXIST;
	else if ((result = parent_check(fake->disk, plain)) == 0)
		disk_name_change(fake->disk, NULL, plain, disk_inode(fake, true));
	free(plain);
	return result;
}

/* The names are copied first: `each` may unlink. */
static int list_dir(struct fake_disk *disk, const char *dir, int (*each)(void *arg, const char *name), void *arg)
{
	char **names = fake_must(calloc(disk->cache.count + 1, sizeof(*names)));
	size_t count = 0, skip = *dir ? strlen(dir) + 1 : 0;
	for (size_t i = 0; i < disk->cache.count; i++) {
		const char *path = disk->cache.items[i].path;
		char *parent = disk_parent(path);
		if (*path && strcmp(parent, dir) == 0)
			names[count++] = fake_must(strdup(path + skip));
		free(parent);
	}
	int result = 0;
	for (size_t i = 0; i < count; i++) {
		if (result == 0)
			result = each(arg, names[i]);
		free(names[i]);
	}
	free(names);
	return result;
}

static int call_list(void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_LIST);
	if (result)
		return result;
	char *plain = disk_path(path);
	struct fake_inode *inode = disk_find(&fake->disk->cache, plain);
	result = !inode ? -ENOENT : !inode->is_dir ? -ENOTDIR : list_dir(fake->disk, plain, each, arg);
	free(plain);
	return result;
}

static int call_lock(void *ctx, int fd)
{
	struct fake *fake = ctx;
	int result = inject(fake, FAKE_LOCK);
	if (result)
		return result;
	struct fake_open *open = opened(fake, fd);
	if (!open)
		return -EBADF;
	if (open->inode->lock_fd >= 0 && open->inode->lock_fd != fd)
		return -EWOULDBLOCK;
	open->inode->lock_fd = fd;
	return 0;
}

/* The cache drops what it holds for clean, so that reads come from the medium: after a failed sync, older octets. */
static int call_forget(void *ctx, int fd)
{
	int result = inject(ctx, FAKE_FORGET);
	struct fake_open *open = opened(ctx, fd);
	if (result || !open)
		return result ? result : -EBADF;
	if (open->inode->change_count == 0)
		disk_bytes_copy(&open->inode->cache, &open->inode->medium);
	return 0;
}

uint64_t fake_files_used(const struct fake *fake)
{
	return disk_used(fake->disk);
}

void fake_files_reset(struct fake *fake)
{
	fake->files = (struct fake_files){.fail_kinds = FAKE_ALL_CALLS, .fail_errno = EIO, .capacity = 0};
}

void fake_files_init(struct fake *fake)
{
	fake_files_reset(fake);
	fake->disk = fake_must(calloc(1, sizeof(*fake->disk)));
	struct fake_inode *root = disk_inode(fake, true);
	disk_name_apply(&fake->disk->cache, NULL, "", root);
	disk_name_apply(&fake->disk->medium, NULL, "", root);
	fake->env.files = (struct env_files){.open = call_open,
										 .close = call_close,
										 .pread = call_pread,
										 .pwrite = call_pwrite,
										 .pwritev = call_pwritev,
										 .read = call_read,
										 .sync = call_sync,
										 .sync_dir = call_sync_dir,
										 .truncate = call_truncate,
										 .reserve = call_reserve,
										 .stat = call_stat,
										 .fstat = call_fstat,
										 .rename = call_rename,
										 .unlink = call_unlink,
										 .mkdir = call_mkdir,
										 .list = call_list,
										 .lock = call_lock,
										 .forget = call_forget,
										 .ctx = fake};
}
