/* The disk in memory: inodes with what the medium holds, what the cache holds, and the writes between them; names with
 * the same three. Only for the files of the double.
 */
#ifndef TESTS_SUPPORT_DISK_H
#define TESTS_SUPPORT_DISK_H

#include "tests/support/support.h"

/* A write (data) or a change of size (data null) that was not synced. */
struct fake_change {
	uint8_t *data;
	uint64_t offset; /* or the new size */
	size_t len;
};

struct fake_bytes {
	uint8_t *ptr;
	size_t len, size;
};

struct fake_inode {
	uint64_t number;
	struct fake_bytes cache, medium;
	struct fake_change *changes;
	size_t change_count, change_size;
	int lock_fd; /* -1 = free */
	int64_t mtime_ns;
	bool is_dir;
	bool is_link, is_closed; /* a name that is a symbolic link to this; nobody may open it */
};

struct fake_name {
	char *path;
	struct fake_inode *inode;
};

struct fake_names {
	struct fake_name *items;
	size_t count, size;
};

/* A change of names that was not synced: `removed` goes, `added` comes to stand for inode. Either may be null. */
struct fake_name_change {
	char *removed, *added;
	struct fake_inode *inode;
};

struct fake_open {
	struct fake_inode *inode; /* null = closed */
	uint32_t flags;
	uint64_t position;
};

struct fake_disk {
	struct fake_inode **inodes;
	size_t inode_count, inode_size;
	struct fake_names cache, medium;
	struct fake_name_change *changes;
	size_t change_count, change_size;
	struct fake_open *open;
	size_t open_count, open_size;
};

#define FAKE_FD_FIRST 1000

/* Appends room for one item of `size` octets to a grown array. */
void *disk_grow(void *items, size_t count, size_t *room, size_t size);
/* Without "./", doubled and trailing slashes; the caller frees. The root and "." are "". */
char *disk_path(const char *path);
char *disk_parent(const char *path);
struct fake_inode *disk_find(const struct fake_names *names, const char *path);
struct fake_inode *disk_inode(struct fake *fake, bool is_dir);
void disk_name_apply(struct fake_names *names, const char *removed, const char *added, struct fake_inode *inode);
/* In the cache, remembered as not synced. */
void disk_name_change(struct fake_disk *disk, const char *removed, const char *added, struct fake_inode *inode);
void disk_names_sync(struct fake_disk *disk, const char *dir);
void disk_names_forget(struct fake_disk *disk);
void disk_bytes_write(struct fake_bytes *bytes, const void *data, size_t len, uint64_t offset);
void disk_bytes_resize(struct fake_bytes *bytes, uint64_t len);
void disk_bytes_copy(struct fake_bytes *to, const struct fake_bytes *from);
void disk_change_add(struct fake_inode *inode, const void *data, size_t len, uint64_t offset);
void disk_change_apply(struct fake_bytes *bytes, const struct fake_change *change);
void disk_changes_forget(struct fake_inode *inode);
uint64_t disk_used(const struct fake_disk *disk);

#endif
