/* The data directory: who owns it, and under which identity it writes.
 *
 *   DATA/lock          exclusive lock of the owner; holds the owner's pid
 *   DATA/owner.log     commit log "owner": uuid, and the epochs given out
 *   DATA/control.sock  the owner's control socket
 *   DATA/log/          the local bus
 *   DATA/engine/       commit log and checkpoints of detect and temporal; spill/: keys of windows that memory has no room for
 *   DATA/store/        segments and their commit log
 *   DATA/cache/        compiled rules; may be removed at any time
 *
 * One owner at a time. Directories 0700, files 0600.
 */
#ifndef CLI_DATA_H
#define CLI_DATA_H

#include "common/common.h"

struct data {
	const struct env *env;
	char path[4096];
	int lock_fd;
	uint8_t uuid[16];
	uint64_t epoch; /* the newest one given out */
	struct commitlog *owner; /* null for a reader */
};

/* Takes the lock (making the directory when `create`). ERROR_BUSY with the owner's pid when another holds it. */
int data_own(struct data *d, const struct env *env, const char *path, bool create, struct error *error);
/* A new epoch, durable before it is returned. */
int data_epoch(struct data *d, uint64_t *epoch, struct error *error);
/* True when some process holds the lock; *pid is what it wrote (0 unknown). */
bool data_owned(const struct env *env, const char *path, long *pid);
void data_release(struct data *d);
/* PATH/below in buf. */
const char *data_path(const struct data *d, const char *below, char *buf, size_t size);

#endif
