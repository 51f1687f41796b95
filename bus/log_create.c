#include "bus/log.h"

#include <errno.h>
#include <stdio.h>

#define COUNTS_MAGIC "CRSC"
#define COUNTS_BYTES 48u
#define PARTITIONS_MAX 4096u

_Static_assert(TOPIC_COUNT == 4, "the file of counts has room for four");

static void counts_path(const struct bus_local_config *config, const char *suffix, char out[LOG_PATH_MAX])
{
	int len = snprintf(out, LOG_PATH_MAX, "%s/partitions%s", config->dir, suffix);
	CHECK(len > 0 && len < (int)LOG_PATH_MAX);
}

static void counts_put(uint8_t out[COUNTS_BYTES], const struct bus_local_config *config)
{
	memset(out, 0, COUNTS_BYTES);
	format_put_head(out, COUNTS_MAGIC, &(struct format_head){.version = 0, .head_bytes = COUNTS_BYTES});
	for (unsigned t = 0; t < TOPIC_COUNT; t++)
		put_u32(out + 24 + 4 * t, config->partitions[t]);
	put_u64(out + 40, xxh3(slice_of(out, 40)));
}

static int counts_compare(const struct bus_local_config *config, struct slice octets, const char *path,
						  struct error *error)
{
	struct format_head head;
	int result = format_get_head(octets, COUNTS_MAGIC, 0, 0, &head, error);
	if (result == -ERROR_VERSION)
		return result;
	if (result < 0)
		return error_set(error, ERROR_DAMAGED, "%s: octet 0: the head does not hold", path);
	if (octets.len > COUNTS_BYTES)
		return error_set(error, ERROR_DAMAGED, "%s: octet %u: nothing should follow", path, COUNTS_BYTES);
	if (octets.len < COUNTS_BYTES || head.head_bytes != COUNTS_BYTES ||
		get_u64(octets.ptr + 40) != xxh3(slice_of(octets.ptr, 40)))
		return error_set(error, ERROR_DAMAGED, "%s: octet 40: the checksum does not hold", path);
	for (unsigned t = 0; t < TOPIC_COUNT; t++) {
		uint32_t count = get_u32(octets.ptr + 24 + 4 * t);
		if (count != config->partitions[t])
			return error_set(
				error, ERROR_CONFLICT,
				"%s has %u partitions of %s, the configuration says %u: a change needs a new data directory",
				config->dir, count, bus_topic_name((enum bus_topic)t), config->partitions[t]);
	}
	return 0;
}

int log_counts_check(const struct env *env, const struct bus_local_config *config, struct error *error)
{
	char path[LOG_PATH_MAX];
	uint8_t *octets;
	size_t len;
	counts_path(config, "", path);
	int result = env_read_file(env, path, 4096, &octets, &len);
	if (result == -EFBIG)
		return error_set(error, ERROR_DAMAGED, "%s: octet %u: nothing should follow", path, COUNTS_BYTES);
	if (result < 0)
		return error_io(error, result, "cannot read %s", path);
	result = counts_compare(config, slice_of(octets, len), path, error);
	env_free(env, octets);
	return result;
}

/* ---- making a log ---- */

static int counts_write_to(const struct env *env, const char *path, const uint8_t octets[COUNTS_BYTES])
{
	int fd = env->files.open(env->files.ctx, path, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE);
	if (fd < 0)
		return fd;
	int result = env_write_all(env, fd, octets, COUNTS_BYTES, 0);
	if (result == 0)
		result = env->files.sync(env->files.ctx, fd);
	env->files.close(env->files.ctx, fd);
	return result;
}

static int counts_write(const struct env *env, const struct bus_local_config *config, struct error *error)
{
	char path[LOG_PATH_MAX], beside[LOG_PATH_MAX];
	uint8_t octets[COUNTS_BYTES];
	counts_put(octets, config);
	counts_path(config, "", path);
	counts_path(config, ".tmp", beside);
	int result = counts_write_to(env, beside, octets);
	if (result == 0)
		result = env->files.rename(env->files.ctx, beside, path, true);
	if (result == 0)
		result = env->files.sync_dir(env->files.ctx, config->dir);
	return result < 0 ? error_io(error, result, "cannot write %s", path) : 0;
}

/* What an earlier, interrupted attempt left: heads without a record may go, a record may not. */
static int leftovers_remove(const struct env *env, const struct log_place *place, struct error *error)
{
	struct log_files files;
	int result = log_files_list(env, place, &files, error);
	for (size_t i = 0; result == 0 && i < files.count; i++) {
		char path[LOG_PATH_MAX];
		struct env_stat st;
		log_file_path(place, files.bases[i], path);
		result = env->files.stat(env->files.ctx, path, &st);
		if (result == 0 && st.size > LOG_HEAD_BYTES) {
			result =
				error_set(error, ERROR_DAMAGED, "%s holds records but the log's file \"partitions\" is missing", path);
			break;
		}
		if (result == 0)
			result = env->files.unlink(env->files.ctx, path);
		if (result < 0)
			result = error_io(error, result, "cannot remove %s", path);
	}
	log_files_free(&files);
	return result;
}

static int mark_write(const struct env *env, const struct log_place *place, int fd, struct error *error)
{
	struct log_slots mark = {.values = {0, 0, LOG_HEAD_BYTES}};
	int result = 0;
	for (unsigned i = 0; i < 2 && result == 0; i++)
		result = log_slots_write(env, fd, LOG_MARK_MAGIC, place, &mark, error);
	if (result < 0)
		return result;
	result = env->files.sync(env->files.ctx, fd);
	return result < 0 ? error_io(error, result, "cannot sync the durable mark of %s", place->dir) : 0;
}

static int mark_create(const struct env *env, const struct log_place *place, struct error *error)
{
	char path[LOG_PATH_MAX];
	log_mark_path(place, path);
	int fd = env->files.open(env->files.ctx, path, ENV_READ | ENV_WRITE | ENV_CREATE | ENV_TRUNCATE);
	if (fd < 0)
		return error_io(error, fd, "cannot make %s", path);
	int result = mark_write(env, place, fd, error);
	env->files.close(env->files.ctx, fd);
	return result;
}

/* The mark first: log_file_create syncs the folder that both names are in. */
static int place_create(const struct env *env, const struct log_place *place, struct error *error)
{
	int result = env_make_dirs(env, place->dir);
	if (result < 0)
		return error_io(error, result, "cannot make %s", place->dir);
	result = leftovers_remove(env, place, error);
	if (result == 0)
		result = mark_create(env, place, error);
	if (result < 0)
		return result;
	struct log_head head = {
		.base = 0, .previous_base = LOG_NO_BASE, .topic = place->topic, .partition = place->partition};
	result = env->random.fill(env->random.ctx, &head.key, sizeof(head.key));
	int fd = result < 0 ? result : log_file_create(env, place, &head, false);
	if (fd < 0)
		return error_io(error, fd, "cannot make a log file in %s", place->dir);
	env->files.close(env->files.ctx, fd);
	return 0;
}

/* Above the log's own folders there may be some that we may not even read; those were not made by us. */
static int parents_sync(const struct env *env, const char *dir)
{
	char path[LOG_PATH_MAX];
	size_t octets = strlen(dir);
	CHECK(octets <= LOG_DIR_MAX); /* log_create has looked */
	memcpy(path, dir, octets + 1);
	for (size_t len = octets; len > 0;) {
		while (len > 1 && path[len - 1] == '/')
			path[--len] = 0;
		int result = env_sync_parent(env, path);
		if (result < 0 && result != -EACCES && result != -EPERM)
			return result;
		while (len > 0 && path[len - 1] != '/')
			path[--len] = 0;
		if (len == 1)
			break;
	}
	return 0;
}

/* Names made by an attempt that failed before it synced them are there and not on the medium: sync every folder. */
static int folders_sync(const struct env *env, const struct bus_local_config *config, struct error *error)
{
	char path[LOG_PATH_MAX];
	int result = 0;
	for (unsigned t = 0; t < TOPIC_COUNT && result == 0; t++) {
		snprintf(path, sizeof(path), "%s/%s", config->dir, bus_topic_name((enum bus_topic)t));
		result = env->files.sync_dir(env->files.ctx, path);
		if (result == -ENOENT && config->partitions[t] == 0)
			result = 0;
	}
	if (result == 0)
		result = env->files.sync_dir(env->files.ctx, config->dir);
	if (result == 0)
		result = parents_sync(env, config->dir);
	return result < 0 ? error_io(error, result, "cannot sync the folders of %s", config->dir) : 0;
}

static int create_all(const struct env *env, const struct bus_local_config *config, struct error *error)
{
	char path[LOG_PATH_MAX];
	struct log_place place;
	log_positions_dir(config->dir, path);
	int result = env_make_dirs(env, path);
	if (result < 0)
		return error_io(error, result, "cannot make %s", path);
	for (uint32_t i = 0; i < log_place_count(config) && result == 0; i++) {
		enum bus_topic topic;
		uint32_t partition;
		log_place_at(config, i, &topic, &partition);
		result = log_place_set(&place, config->dir, topic, partition, error);
		if (result == 0)
			result = place_create(env, &place, error);
	}
	if (result == 0)
		result = folders_sync(env, config, error);
	return result < 0 ? result : counts_write(env, config, error); /* L7 */
}

int log_create(const struct env *env, const struct bus_local_config *config, struct error *error)
{
	char path[LOG_PATH_MAX];
	struct env_stat st;
	size_t len = strlen(config->dir);
	if (len == 0 || len > LOG_DIR_MAX)
		return error_set(error, ERROR_USAGE, "the log's folder needs a path of 1 to %u octets", LOG_DIR_MAX);
	for (unsigned t = 0; t < TOPIC_COUNT; t++)
		if (config->partitions[t] > PARTITIONS_MAX)
			return error_set(error, ERROR_LIMIT, "a topic has at most %u partitions", PARTITIONS_MAX);
	counts_path(config, "", path);
	int result = env->files.stat(env->files.ctx, path, &st);
	if (result == -ENOENT)
		return create_all(env, config, error);
	/* It may be there because an earlier attempt failed after the rename: the name has to be on the medium. */
	if (result == 0)
		result = env->files.sync_dir(env->files.ctx, config->dir);
	return result < 0 ? error_io(error, result, "cannot look at %s", path) : log_counts_check(env, config, error);
}
