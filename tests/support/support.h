/* Test doubles: an environment that a test holds in its hand.
 *
 * `struct fake` is a struct env whose clock the test moves, whose randomness has a seed, whose memory counts and fails,
 * whose disk lives in memory, forgets what was not synced when the power is cut, fails the Nth call, and whose sockets
 * are queues the test fills. One thread. Loops over every failure look like this:
 *
 *	for (uint64_t n = 1; ; n++) {
 *		struct fake *fake = fake_new(seed);
 *		fake->files.fail_at = n;
 *		fake->files.fail_errno = EIO;
 *		... drive the code ...
 *		bool reached = fake->files.failed > 0;
 *		fake_free(fake);
 *		if (!reached)
 *			break;
 *	}
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "common/env.h"

/* Kinds of file calls, for fake_files.fail_kinds and the counts. */
enum fake_call {
	FAKE_OPEN,
	FAKE_CLOSE,
	FAKE_PREAD,
	FAKE_PWRITE,
	FAKE_READ,
	FAKE_SYNC,
	FAKE_SYNC_DIR,
	FAKE_TRUNCATE,
	FAKE_RESERVE,
	FAKE_STAT,
	FAKE_FSTAT,
	FAKE_RENAME,
	FAKE_UNLINK,
	FAKE_MKDIR,
	FAKE_LIST,
	FAKE_LOCK,
	FAKE_FORGET,
	FAKE_CALL_COUNT
};

#define FAKE_BIT(call) (1u << (call))
#define FAKE_ALL_CALLS \
	((1u << FAKE_CALL_COUNT) - 1 - FAKE_BIT(FAKE_CLOSE)) /* close cannot fail in a way that matters */
#define FAKE_WRITING \
	(FAKE_BIT(FAKE_PWRITE) | FAKE_BIT(FAKE_SYNC) | FAKE_BIT(FAKE_SYNC_DIR) | FAKE_BIT(FAKE_TRUNCATE) | \
	 FAKE_BIT(FAKE_RESERVE) | FAKE_BIT(FAKE_RENAME) | FAKE_BIT(FAKE_UNLINK) | FAKE_BIT(FAKE_MKDIR))

struct fake_clock {
	int64_t now_ns, boot_ns;
	int64_t tick_ns; /* added to both at every look; 0 = time stands still */
};

struct fake_memory {
	uint64_t calls; /* allocations asked for */
	uint64_t fail_at; /* 0 = never; 1 = the next one after calls was set to 0 */
	bool fail_forever; /* and all after it */
	uint64_t failed; /* how many were refused */
	int64_t outstanding; /* allocated and not released; 0 at the end of a test */
};

struct fake_files {
	uint64_t calls; /* calls of the kinds in fail_kinds */
	uint64_t count[FAKE_CALL_COUNT];
	uint32_t fail_kinds; /* FAKE_BIT()s; FAKE_ALL_CALLS at start */
	uint64_t fail_at; /* the Nth counted call fails with fail_errno; 0 = never */
	bool fail_forever;
	int fail_errno; /* positive; EIO at start */
	uint64_t failed;
	uint64_t cut_at; /* the machine stops before the Nth counted call: it and all later ones give EIO */
	bool is_cut;
	uint64_t short_at; /* the Nth pwrite (or pwritev) stores only short_octets; UINT64_MAX = every one */
	size_t short_octets;
	uint64_t capacity; /* octets of all files together; 0 = no end */
};

struct fake_disk;
struct fake_sockets;

struct fake {
	struct env env; /* hand out &fake->env */
	struct fake_clock clock;
	uint64_t random; /* state */
	struct fake_memory memory;
	struct fake_files files;
	size_t read_max; /* octets that one socket read gives at most; 0 = no limit */
	struct fake_disk *disk;
	struct fake_sockets *sockets;
};

/* Clock at 2026-01-01T00:00:00Z, 1000 s after boot. An empty disk with the root and "." */
struct fake *fake_new(uint64_t seed);
/* Frees the doubles; does not look at memory.outstanding. */
void fake_free(struct fake *fake);

void fake_clock_set(struct fake *fake, int64_t now_ns); /* a step of the wall clock; boot time stands */
void fake_clock_advance(struct fake *fake, int64_t ns); /* both */
uint64_t fake_random(struct fake *fake);
uint64_t fake_random_below(struct fake *fake, uint64_t n); /* 0..n-1 */

/* ---- the disk ---- */

/* Sets every injection back to none and every count to 0; the content stays. */
void fake_files_reset(struct fake *fake);

enum fake_cut {
	FAKE_CUT_LOSE_ALL, /* exactly what was synced */
	FAKE_CUT_KEEP_ALL, /* everything: a crash of the process, not of the machine */
	FAKE_CUT_RANDOM, /* a random subset of what was not synced, writes torn at 512 octets */
};

/* The power goes and comes back: all descriptors and locks are gone, the disk holds what was synced (content by sync,
 * names by sync_dir of their directory) and what `how` adds. Counts and injections are reset. */
void fake_power_cut(struct fake *fake, enum fake_cut how);

/* Puts a whole file (and its directories), durable at once, outside all counting. */
void fake_file_put(struct fake *fake, const char *path, const void *octets, size_t len);
/* The octets a read would see now; null when there is no such file. Valid until the next call that writes. The test may
 * change octets in place: bit rot, seen by both the cache and the medium after fake_file_settle. */
uint8_t *fake_file_get(struct fake *fake, const char *path, size_t *len);
/* Cuts or grows (with zeros) a file, durable at once. */
void fake_file_resize(struct fake *fake, const char *path, size_t len);
/* The number that stat tells: as when the system uses one again. */
void fake_file_number(struct fake *fake, const char *path, uint64_t inode);
/* The name counts as a symbolic link (what is read through it is its own content). */
void fake_file_link(struct fake *fake, const char *path, bool is_link);
void fake_file_close(struct fake *fake, const char *path, bool is_closed); /* opening it is refused: -EACCES */
/* Makes the whole present content of the disk durable. */
void fake_file_settle(struct fake *fake);
uint64_t fake_files_used(const struct fake *fake); /* octets of all files, as counted against capacity */
bool fake_file_exists(struct fake *fake, const char *path);
unsigned fake_files_open(const struct fake *fake); /* descriptors open now */
/* Full paths of all files (not directories), in order; stops when each() returns non-zero. */
int fake_file_each(struct fake *fake, int (*each)(void *arg, const char *path), void *arg);

/* ---- sockets ---- */

int fake_datagram_socket(struct fake *fake);
/* full_len 0 = len: otherwise the datagram claims to have been longer than what is stored. */
void fake_datagram_push(struct fake *fake, int fd, const struct env_address *peer, const void *octets, size_t len,
						size_t full_len);
void fake_datagram_drop(struct fake *fake, int fd, uint32_t n); /* the kernel dropped n more */

int fake_listener(struct fake *fake);
/* A peer connects: the descriptor that the next accept of this listener gives. */
int fake_connect(struct fake *fake, int listener, const struct env_address *peer);
void fake_stream_push(struct fake *fake, int fd, const void *octets, size_t len);
void fake_stream_end(struct fake *fake, int fd); /* after what was pushed: closed by the peer */
void fake_stream_break(struct fake *fake, int fd, int error_number); /* after what was pushed: this error */
/* What the code under test has written; write_room limits what a write takes (SIZE_MAX at start). */
struct slice fake_stream_output(struct fake *fake, int fd);
void fake_stream_write_room(struct fake *fake, int fd, size_t room);
bool fake_socket_closed(struct fake *fake, int fd);
struct env_address fake_address(const char *dotted, uint16_t port); /* "10.0.0.1" */

/* For the other files of the double. */
void fake_files_init(struct fake *fake);
void fake_files_free(struct fake *fake);
void fake_sockets_init(struct fake *fake);
void fake_sockets_free(struct fake *fake);
void *fake_must(void *ptr); /* stops the test when the machine itself is out of memory */

#endif
