/* The production environment, but for sockets: see env_sockets.c. */
#include "common/env.h"
#include "common/check.h"
#include "common/env_sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* -errno for a call that failed, else its value; again when a signal came between. */
#define RETRIED(call) \
	({ \
		long result_; \
		do \
			result_ = (long)(call); \
		while (result_ < 0 && errno == EINTR); \
		result_ < 0 ? -(long)errno : result_; \
	})

/* The descriptor when it is a regular file's; else it is closed. */
static int file_plain(int fd)
{
	struct stat st;
	int result = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? fd : -EINVAL;
	if (result < 0)
		close(fd);
	return result;
}

static int file_open(void *ctx, const char *path, uint32_t flags)
{
	int mode = (flags & ENV_WRITE) == 0 ? O_RDONLY : (flags & ENV_READ) != 0 ? O_RDWR : O_WRONLY;
	(void)ctx;
	mode |= O_CLOEXEC;
	mode |= (flags & (ENV_WRITE | ENV_CREATE | ENV_NO_LINK)) != 0 ? O_NOFOLLOW : 0;
	mode |= (flags & ENV_PLAIN) != 0 ? O_NONBLOCK | O_NOCTTY : 0;
	mode |= (flags & ENV_CREATE) != 0 ? O_CREAT : 0;
	mode |= (flags & ENV_EXCLUSIVE) != 0 ? O_EXCL : 0;
	mode |= (flags & ENV_TRUNCATE) != 0 ? O_TRUNC : 0;
	mode |= (flags & ENV_APPEND) != 0 ? O_APPEND : 0;
	int fd = (int)RETRIED(open(path, mode, 0600));
	return fd >= 0 && (flags & ENV_PLAIN) != 0 ? file_plain(fd) : fd;
}

static int file_close(void *ctx, int fd)
{
	(void)ctx;
	/* Not retried: on Linux the descriptor is gone even after EINTR. */
	return close(fd) < 0 ? -errno : 0;
}

static ssize_t file_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	(void)ctx;
	return RETRIED(pread(fd, buf, len, (off_t)offset));
}

static ssize_t file_pwrite(void *ctx, int fd, const void *buf, size_t len, uint64_t offset)
{
	(void)ctx;
	return RETRIED(pwrite(fd, buf, len, (off_t)offset));
}

static ssize_t file_pwritev(void *ctx, int fd, const struct slice *parts, unsigned n, uint64_t offset)
{
	struct iovec places[ENV_PARTS_MAX];
	(void)ctx;
	CHECK(n <= ENV_PARTS_MAX);
	for (unsigned i = 0; i < n; i++)
		places[i] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
	return RETRIED(pwritev(fd, places, (int)n, (off_t)offset));
}

static ssize_t file_read(void *ctx, int fd, void *buf, size_t len)
{
	(void)ctx;
	return RETRIED(read(fd, buf, len));
}

static int file_sync(void *ctx, int fd)
{
	(void)ctx;
	/* EINTR included, a failed sync is final: the kernel may have marked the pages clean. */
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int file_sync_dir(void *ctx, const char *path)
{
	(void)ctx;
	int fd = (int)RETRIED(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	int result = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return result;
}

static int file_truncate(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	return (int)RETRIED(ftruncate(fd, (off_t)size));
}

static int file_reserve(void *ctx, int fd, uint64_t size)
{
	int result;
	(void)ctx;
	if (size == 0)
		return 0;
	do
		result = posix_fallocate(fd, 0, (off_t)size);
	while (result == EINTR);
	return -result;
}

static void fill_stat(const struct stat *from, struct env_stat *to)
{
	to->size = (uint64_t)from->st_size;
	to->device = from->st_dev;
	to->inode = from->st_ino;
	to->mtime_ns = from->st_mtim.tv_sec * INT64_C(1000000000) + from->st_mtim.tv_nsec;
	to->is_dir = S_ISDIR(from->st_mode);
}

static int file_stat(void *ctx, const char *path, struct env_stat *out)
{
	struct stat st = {0};
	(void)ctx;
	int result = (int)RETRIED(stat(path, &st));
	if (result == 0)
		fill_stat(&st, out);
	return result;
}

static int file_fstat(void *ctx, int fd, struct env_stat *out)
{
	struct stat st = {0};
	(void)ctx;
	int result = (int)RETRIED(fstat(fd, &st));
	if (result == 0)
		fill_stat(&st, out);
	return result;
}

static int file_rename(void *ctx, const char *from, const char *to, bool replace)
{
	(void)ctx;
	return (int)RETRIED(renameat2(AT_FDCWD, from, AT_FDCWD, to, replace ? 0 : RENAME_NOREPLACE));
}

static int file_unlink(void *ctx, const char *path)
{
	(void)ctx;
	return (int)RETRIED(unlink(path));
}

static int file_mkdir(void *ctx, const char *path)
{
	(void)ctx;
	return (int)RETRIED(mkdir(path, 0700));
}

static int file_list(void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	int result = 0;
	struct dirent *entry;
	(void)ctx;
	DIR *dir = opendir(path);
	if (dir == NULL)
		return -errno;
	while (result == 0) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			result = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = each(arg, entry->d_name);
	}
	closedir(dir);
	return result;
}

static int file_lock(void *ctx, int fd)
{
	(void)ctx;
	return (int)RETRIED(flock(fd, LOCK_EX | LOCK_NB));
}

static int file_forget(void *ctx, int fd)
{
	(void)ctx;
	return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int64_t clock_ns(clockid_t which)
{
	struct timespec ts;
	clock_gettime(which, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int64_t clock_now(void *ctx)
{
	(void)ctx;
	return clock_ns(CLOCK_REALTIME);
}

static int64_t clock_boot(void *ctx)
{
	(void)ctx;
	return clock_ns(CLOCK_BOOTTIME);
}

static int random_fill(void *ctx, void *buf, size_t len)
{
	uint8_t *to = buf;
	(void)ctx;
	while (len > 0) {
		ssize_t got = RETRIED(getrandom(to, len, 0));
		if (got < 0)
			return (int)got;
		to += got;
		len -= (size_t)got;
	}
	return 0;
}

static void *memory_resize(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	return realloc(ptr, size);
}

static void memory_release(void *ctx, void *ptr)
{
	(void)ctx;
	free(ptr);
}

struct env env_system(void)
{
	return (struct env){
		.files = {.open = file_open,
				  .close = file_close,
				  .pread = file_pread,
				  .pwrite = file_pwrite,
				  .pwritev = file_pwritev,
				  .read = file_read,
				  .sync = file_sync,
				  .sync_dir = file_sync_dir,
				  .truncate = file_truncate,
				  .reserve = file_reserve,
				  .stat = file_stat,
				  .fstat = file_fstat,
				  .rename = file_rename,
				  .unlink = file_unlink,
				  .mkdir = file_mkdir,
				  .list = file_list,
				  .lock = file_lock,
				  .forget = file_forget},
		.clock = {.now_ns = clock_now, .boot_ns = clock_boot},
		.random = {.fill = random_fill},
		.memory = {.resize = memory_resize, .release = memory_release},
		.sockets = env_system_sockets(),
	};
}
