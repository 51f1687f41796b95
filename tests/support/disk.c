#include "tests/support/disk.h"

#include <stdlib.h>

void *disk_grow(void *items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return items;
	*room = *room ? *room * 2 : 8;
	return fake_must(realloc(items, *room * size));
}

char *disk_path(const char *path)
{
	char *out = fake_must(malloc(strlen(path) + 1)), *p = out;
	while (*path) {
		size_t part = strcspn(path, "/");
		if (part && !(part == 1 && path[0] == '.')) {
			if (p != out)
				*p++ = '/';
			memcpy(p, path, part);
			p += part;
		}
		path += part;
		path += strspn(path, "/");
	}
	*p = 0;
	return out;
}

char *disk_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	return fake_must(slash ? strndup(path, (size_t)(slash - path)) : strdup(""));
}

struct fake_inode *disk_find(const struct fake_names *names, const char *path)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].path, path) == 0)
			return names->items[i].inode;
	return NULL;
}

struct fake_inode *disk_inode(struct fake *fake, bool is_dir)
{
	struct fake_disk *disk = fake->disk;
	disk->inodes = disk_grow(disk->inodes, disk->inode_count, &disk->inode_size, sizeof(*disk->inodes));
	struct fake_inode *inode = fake_must(calloc(1, sizeof(*inode)));
	inode->number = disk->inode_count + 1;
	inode->lock_fd = -1;
	inode->is_dir = is_dir;
	inode->mtime_ns = fake->clock.now_ns;
	disk->inodes[disk->inode_count++] = inode;
	return inode;
}

static void name_remove(struct fake_names *names, const char *path)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].path, path) == 0) {
			free(names->items[i].path);
			names->items[i] = names->items[--names->count];
			return;
		}
}

static void name_set(struct fake_names *names, const char *path, struct fake_inode *inode)
{
	name_remove(names, path);
	names->items = disk_grow(names->items, names->count, &names->size, sizeof(*names->items));
	names->items[names->count++] = (struct fake_name){fake_must(strdup(path)), inode};
}

/* A directory that moves takes what is below it along. */
static void names_move_below(struct fake_names *names, const char *from, const char *to)
{
	size_t len = strlen(from);
	for (size_t i = 0; i < names->count; i++) {
		char *path = names->items[i].path;
		if (strncmp(path, from, len) != 0 || path[len] != '/')
			continue;
		char *moved = fake_must(malloc(strlen(to) + strlen(path + len) + 1));
		strcpy(moved, to);
		strcat(moved, path + len);
		names->items[i].path = moved;
		free(path);
	}
}

void disk_name_apply(struct fake_names *names, const char *removed, const char *added, struct fake_inode *inode)
{
	if (removed)
		name_remove(names, removed);
	if (added)
		name_set(names, added, inode);
	if (removed && added)
		names_move_below(names, removed, added);
}

void disk_name_change(struct fake_disk *disk, const char *removed, const char *added, struct fake_inode *inode)
{
	disk_name_apply(&disk->cache, removed, added, inode);
	disk->changes = disk_grow(disk->changes, disk->change_count, &disk->change_size, sizeof(*disk->changes));
	disk->changes[disk->change_count++] = (struct fake_name_change){removed ? fake_must(strdup(removed)) : NULL,
																	added ? fake_must(strdup(added)) : NULL, inode};
}

static bool is_in(const char *path, const char *dir)
{
	if (!path)
		return false;
	char *parent = disk_parent(path);
	bool in = strcmp(parent, dir) == 0;
	free(parent);
	return in;
}

/* A rename between two directories is taken as one thing: whichever of them is synced makes it durable. */
void disk_names_sync(struct fake_disk *disk, const char *dir)
{
	size_t kept = 0;
	for (size_t i = 0; i < disk->change_count; i++) {
		struct fake_name_change *change = &disk->changes[i];
		if (!is_in(change->removed, dir) && !is_in(change->added, dir)) {
			disk->changes[kept++] = *change;
			continue;
		}
		disk_name_apply(&disk->medium, change->removed, change->added, change->inode);
		free(change->removed);
		free(change->added);
	}
	disk->change_count = kept;
}

void disk_names_forget(struct fake_disk *disk)
{
	for (size_t i = 0; i < disk->change_count; i++) {
		free(disk->changes[i].removed);
		free(disk->changes[i].added);
	}
	disk->change_count = 0;
}

void disk_bytes_resize(struct fake_bytes *bytes, uint64_t len)
{
	if (len > bytes->size) {
		bytes->size = len + len / 2 + 64;
		bytes->ptr = fake_must(realloc(bytes->ptr, bytes->size));
	}
	if (len > bytes->len)
		memset(bytes->ptr + bytes->len, 0, len - bytes->len);
	bytes->len = len;
}

void disk_bytes_write(struct fake_bytes *bytes, const void *data, size_t len, uint64_t offset)
{
	if (len == 0)
		return;
	if (offset + len > bytes->len)
		disk_bytes_resize(bytes, offset + len);
	memcpy(bytes->ptr + offset, data, len);
}

void disk_bytes_copy(struct fake_bytes *to, const struct fake_bytes *from)
{
	to->len = 0;
	disk_bytes_write(to, from->ptr, from->len, 0);
}

void disk_change_add(struct fake_inode *inode, const void *data, size_t len, uint64_t offset)
{
	inode->changes = disk_grow(inode->changes, inode->change_count, &inode->change_size, sizeof(*inode->changes));
	struct fake_change *change = &inode->changes[inode->change_count++];
	*change = (struct fake_change){NULL, offset, len};
	if (data) {
		change->data = fake_must(malloc(len ? len : 1));
		memcpy(change->data, data, len);
	}
}

void disk_change_apply(struct fake_bytes *bytes, const struct fake_change *change)
{
	if (change->data)
		disk_bytes_write(bytes, change->data, change->len, change->offset);
	else
		disk_bytes_resize(bytes, change->offset);
}

void disk_changes_forget(struct fake_inode *inode)
{
	for (size_t i = 0; i < inode->change_count; i++)
		free(inode->changes[i].data);
	inode->change_count = 0;
}

/* Files without a name count as long as they are open; the double does not go into that. */
uint64_t disk_used(const struct fake_disk *disk)
{
	uint64_t used = 0;
	for (size_t i = 0; i < disk->cache.count; i++)
		used += disk->cache.items[i].inode->cache.len;
	return used;
}
