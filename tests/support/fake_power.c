/* What the disk holds after the power was cut, and the test's own hand on the disk. */
#include "tests/support/disk.h"

#include <stdlib.h>

#define SECTOR 512u

static bool coin(struct fake *fake)
{
	return fake_random(fake) & 1;
}

/* Each 512 octets of the medium that the write touches arrive or do not. */
static void tear(struct fake *fake, struct fake_bytes *bytes, const struct fake_change *change)
{
	size_t done = 0;
	while (done < change->len) {
		uint64_t at = change->offset + done;
		size_t part = SECTOR - at % SECTOR;
		if (part > change->len - done)
			part = change->len - done;
		if (coin(fake))
			disk_bytes_write(bytes, change->data + done, part, at);
		done += part;
	}
}

static void settle_inode(struct fake *fake, struct fake_inode *inode, enum fake_cut how)
{
	for (size_t i = 0; i < inode->change_count && how != FAKE_CUT_LOSE_ALL; i++) {
		const struct fake_change *change = &inode->changes[i];
		unsigned fate = how == FAKE_CUT_KEEP_ALL ? 0 : (unsigned)fake_random_below(fake, 3);
		if (fate == 0)
			disk_change_apply(&inode->medium, change);
		else if (fate == 1 && change->data)
			tear(fake, &inode->medium, change);
	}
	disk_changes_forget(inode);
	disk_bytes_copy(&inode->cache, &inode->medium);
	inode->lock_fd = -1;
}

static void names_copy(struct fake_names *to, const struct fake_names *from)
{
	while (to->count)
		free(to->items[--to->count].path);
	for (size_t i = 0; i < from->count; i++)
		disk_name_apply(to, NULL, from->items[i].path, from->items[i].inode);
}

/* A name whose directory did not arrive is not there either. */
static void drop_orphans(struct fake_names *names)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < names->count && !again; i++) {
			char *parent = disk_parent(names->items[i].path);
			if (!disk_find(names, parent)) {
				disk_name_apply(names, names->items[i].path, NULL, NULL);
				again = true;
			}
			free(parent);
		}
	}
}

static void settle_names(struct fake *fake, enum fake_cut how)
{
	struct fake_disk *disk = fake->disk;
	for (size_t i = 0; i < disk->change_count; i++) {
		struct fake_name_change *change = &disk->changes[i];
		if (how == FAKE_CUT_KEEP_ALL || (how == FAKE_CUT_RANDOM && coin(fake)))
			disk_name_apply(&disk->medium, change->removed, change->added, change->inode);
	}
	disk_names_forget(disk);
	drop_orphans(&disk->medium);
	names_copy(&disk->cache, &disk->medium);
}

void fake_power_cut(struct fake *fake, enum fake_cut how)
{
	for (size_t i = 0; i < fake->disk->inode_count; i++)
		settle_inode(fake, fake->disk->inodes[i], how);
	settle_names(fake, how);
	for (size_t i = 0; i < fake->disk->open_count; i++)
		fake->disk->open[i].inode = NULL;
	uint64_t capacity = fake->files.capacity;
	fake_files_reset(fake);
	fake->files.capacity = capacity;
}

void fake_file_settle(struct fake *fake)
{
	for (size_t i = 0; i < fake->disk->inode_count; i++) {
		disk_changes_forget(fake->disk->inodes[i]);
		disk_bytes_copy(&fake->disk->inodes[i]->medium, &fake->disk->inodes[i]->cache);
	}
	disk_names_forget(fake->disk);
	names_copy(&fake->disk->medium, &fake->disk->cache);
}

static void put_dirs(struct fake *fake, const char *path)
{
	char *parent = disk_parent(path);
	if (!disk_find(&fake->disk->cache, parent)) {
		put_dirs(fake, parent);
		struct fake_inode *inode = disk_inode(fake, true);
		disk_name_apply(&fake->disk->cache, NULL, parent, inode);
		disk_name_apply(&fake->disk->medium, NULL, parent, inode);
	}
	free(parent);
}

void fake_file_put(struct fake *fake, const char *path, const void *octets, size_t len)
{
	char *plain = disk_path(path);
	put_dirs(fake, plain);
	struct fake_inode *inode = disk_inode(fake, false);
	disk_bytes_write(&inode->cache, octets, len, 0);
	disk_bytes_copy(&inode->medium, &inode->cache);
	disk_name_apply(&fake->disk->cache, NULL, plain, inode);
	disk_name_apply(&fake->disk->medium, NULL, plain, inode);
	free(plain);
}

static struct fake_inode *inode_at(struct fake *fake, const char *path)
{
	char *plain = disk_path(path);
	struct fake_inode *inode = disk_find(&fake->disk->cache, plain);
	free(plain);
	return inode;
}

void fake_file_number(struct fake *fake, const char *path, uint64_t inode)
{
	inode_at(fake, path)->number = inode;
}

void fake_file_link(struct fake *fake, const char *path, bool is_link)
{
	inode_at(fake, path)->is_link = is_link;
}

void fake_file_close(struct fake *fake, const char *path, bool is_closed)
{
	inode_at(fake, path)->is_closed = is_closed;
}

uint8_t *fake_file_get(struct fake *fake, const char *path, size_t *len)
{
	struct fake_inode *inode = inode_at(fake, path);
	if (!inode || inode->is_dir)
		return NULL;
	if (!inode->cache.ptr)
		inode->cache.ptr = fake_must(calloc(1, inode->cache.size = 8));
	*len = inode->cache.len;
	return inode->cache.ptr;
}

void fake_file_resize(struct fake *fake, const char *path, size_t len)
{
	struct fake_inode *inode = inode_at(fake, path);
	if (!inode)
		return;
	disk_bytes_resize(&inode->cache, len);
	disk_changes_forget(inode);
	disk_bytes_copy(&inode->medium, &inode->cache);
}

bool fake_file_exists(struct fake *fake, const char *path)
{
	return inode_at(fake, path) != NULL;
}

unsigned fake_files_open(const struct fake *fake)
{
	unsigned n = 0;
	for (size_t i = 0; i < fake->disk->open_count; i++)
		n += fake->disk->open[i].inode != NULL;
	return n;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fake_file_each(struct fake *fake, int (*each)(void *arg, const char *path), void *arg)
{
	const struct fake_names *names = &fake->disk->cache;
	char **paths = fake_must(calloc(names->count + 1, sizeof(*paths)));
	size_t count = 0;
	for (size_t i = 0; i < names->count; i++)
		if (!names->items[i].inode->is_dir)
			paths[count++] = fake_must(strdup(names->items[i].path));
	qsort(paths, count, sizeof(*paths), compare);
	int result = 0;
	for (size_t i = 0; i < count; i++) {
		if (result == 0)
			result = each(arg, paths[i]);
		free(paths[i]);
	}
	free(paths);
	return result;
}

static void names_free(struct fake_names *names)
{
	while (names->count)
		free(names->items[--names->count].path);
	free(names->items);
}

void fake_files_free(struct fake *fake)
{
	struct fake_disk *disk = fake->disk;
	for (size_t i = 0; i < disk->inode_count; i++) {
		disk_changes_forget(disk->inodes[i]);
		free(disk->inodes[i]->changes);
		free(disk->inodes[i]->cache.ptr);
		free(disk->inodes[i]->medium.ptr);
		free(disk->inodes[i]);
	}
	free(disk->inodes);
	disk_names_forget(disk);
	free(disk->changes);
	names_free(&disk->cache);
	names_free(&disk->medium);
	free(disk->open);
	free(disk);
}
