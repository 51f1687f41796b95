/* The environment: the only way a room reaches time, files, sockets, randomness and memory.
 *
 * `cli` makes one from env_system(); tests hand in doubles (tests/support/) that count, fail the Nth call, cut the
 * power, or move the clock. A room keeps the pointer it was given and never copies it. All calls return 0 or a count,
 * or a negative errno; none is retried inside, EINTR included, unless said. A struct env belongs to one thread.
 */
#ifndef COMMON_ENV_H
#define COMMON_ENV_H

#include "common/slice.h"

#include <stdint.h>
#include <sys/types.h>

#define ENV_READ 1u /* open for reading */
#define ENV_WRITE 2u /* open for writing (pwrite and append) */
#define ENV_CREATE 4u /* make it when missing, mode 0600 */
#define ENV_EXCLUSIVE 8u /* with CREATE: fail with -EEXIST when it is there */
#define ENV_TRUNCATE 16u
#define ENV_APPEND 32u
#define ENV_PLAIN 64u /* a regular file, or -EINVAL: so that no pipe or device holds up who opens it */
#define ENV_NO_LINK 128u /* -ELOOP when the last place of the path is a symbolic link */

#define ENV_PARTS_MAX 4u

struct env_stat {
	uint64_t size;
	uint64_t device, inode;
	int64_t mtime_ns;
	uint32_t is_dir;
};

/* Paths are plain octet strings without NUL; symbolic links at the last place are never followed on write. */
struct env_files {
	int (*open)(void *ctx, const char *path, uint32_t flags); /* a descriptor >= 0 */
	int (*close)(void *ctx, int fd);
	ssize_t (*pread)(void *ctx, int fd, void *buf, size_t len, uint64_t offset);
	ssize_t (*pwrite)(void *ctx, int fd, const void *buf, size_t len, uint64_t offset); /* may be short */
	/* One write of what lies in up to ENV_PARTS_MAX places; may be short. */
	ssize_t (*pwritev)(void *ctx, int fd, const struct slice *parts, unsigned n, uint64_t offset);
	ssize_t (*read)(void *ctx, int fd, void *buf, size_t len); /* pipes, standard input */
	int (*sync)(void *ctx, int fd); /* fdatasync: content and size. An error is final: never sync this fd again */
	int (*sync_dir)(void *ctx, const char *path);
	int (*truncate)(void *ctx, int fd, uint64_t size);
	int (*reserve)(void *ctx, int fd, uint64_t size); /* posix_fallocate */
	int (*stat)(void *ctx, const char *path, struct env_stat *out);
	int (*fstat)(void *ctx, int fd, struct env_stat *out);
	int (*rename)(void *ctx, const char *from, const char *to, bool replace); /* replace = false: RENAME_NOREPLACE */
	int (*unlink)(void *ctx, const char *path);
	int (*mkdir)(void *ctx, const char *path); /* mode 0700; -EEXIST when there */
	/* Names without "." and "..", in no order; stops and returns what `each` returned when that is not 0. */
	int (*list)(void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg);
	int (*lock)(void *ctx, int fd); /* exclusive, does not wait: -EWOULDBLOCK when held */
	int (*forget)(void *ctx, int fd); /* POSIX_FADV_DONTNEED, so that a read comes from the medium */
	void *ctx;
};

struct env_clock {
	int64_t (*now_ns)(void *ctx); /* CLOCK_REALTIME, ns since 1970 */
	int64_t (*boot_ns)(void *ctx); /* CLOCK_BOOTTIME: never goes back; for intervals */
	void *ctx;
};

struct env_random {
	int (*fill)(void *ctx, void *buf, size_t len);
	void *ctx;
};

/* resize(NULL, n) allocates; sizes of 0 are not asked for. Null = out of memory, an operating condition. */
struct env_memory {
	void *(*resize)(void *ctx, void *ptr, size_t size);
	void (*release)(void *ctx, void *ptr); /* null allowed */
	void *ctx;
};

/* An address of a peer: 16 octets, IPv4 mapped (::ffff:a.b.c.d). */
struct env_address {
	uint8_t octets[16];
	uint16_t port;
};

struct env_datagram {
	void *buf; /* in: room for size octets */
	uint32_t size;
	uint32_t len; /* out: octets stored */
	uint32_t full_len; /* out: octets the datagram had (MSG_TRUNC) */
	struct env_address peer;
};

/* Sockets are made and bound outside the rooms; these never wait. -EAGAIN = nothing now. */
struct env_sockets {
	/* Up to n datagrams; *dropped is the socket's running count of datagrams the kernel dropped (SO_RXQ_OVFL,
	 * wraps at 2^32), unchanged when the kernel did not say. Returns the number received. */
	int (*receive)(void *ctx, int fd, struct env_datagram *datagrams, unsigned n, uint32_t *dropped);
	int (*accept)(void *ctx, int fd, struct env_address *peer); /* a non-blocking descriptor */
	ssize_t (*read)(void *ctx, int fd, void *buf, size_t len); /* 0 = the peer closed */
	ssize_t (*write)(void *ctx, int fd, const void *buf, size_t len);
	int (*close)(void *ctx, int fd);
	void *ctx;
};

struct env {
	struct env_files files;
	struct env_clock clock;
	struct env_random random;
	struct env_memory memory;
	struct env_sockets sockets;
};

/* The production environment: thin wrappers over the system calls, EINTR retried for files. */
struct env env_system(void);

static inline int64_t env_now(const struct env *env)
{
	return env->clock.now_ns(env->clock.ctx);
}

static inline int64_t env_boot(const struct env *env)
{
	return env->clock.boot_ns(env->clock.ctx);
}

static inline void *env_alloc(const struct env *env, size_t size)
{
	return env->memory.resize(env->memory.ctx, NULL, size);
}

static inline void *env_resize(const struct env *env, void *ptr, size_t size)
{
	return env->memory.resize(env->memory.ctx, ptr, size);
}

static inline void env_free(const struct env *env, void *ptr)
{
	env->memory.release(env->memory.ctx, ptr);
}

/* Zeroed room for one thing. */
void *env_zalloc(const struct env *env, size_t size);
/* Writes all of it (loops over short writes) or fails. */
int env_write_all(const struct env *env, int fd, const void *buf, size_t len, uint64_t offset);
int env_write_parts(const struct env *env, int fd, const struct slice *parts, unsigned n, uint64_t offset);
/* Reads exactly len octets; -EIO when the file ends before. */
int env_read_all(const struct env *env, int fd, void *buf, size_t len, uint64_t offset);
/* A whole file of at most `limit` octets into memory the caller frees with env_free; -EFBIG above the limit. */
int env_read_file(const struct env *env, const char *path, size_t limit, uint8_t **out, size_t *len);
/* Syncs the directory that holds `path`: what makes a created or renamed name durable. */
int env_sync_parent(const struct env *env, const char *path);
/* Makes a directory and those above it, each synced into its parent. */
int env_make_dirs(const struct env *env, const char *path);

#endif
