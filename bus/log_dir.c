#include "bus/log.h"

#include <stdio.h>
#include <stdlib.h>

void log_partition_name(uint32_t partition, char out[16])
{
	if (partition == PARTITION_IMPORT)
		snprintf(out, 16, "import");
	else if (partition == PARTITION_AUDIT)
		snprintf(out, 16, "audit");
	else
		snprintf(out, 16, "%u", partition);
}

int log_place_set(struct log_place *place, const char *log_dir, enum bus_topic topic, uint32_t partition,
				  struct error *error)
{
	char name[16];
	size_t len = strlen(log_dir);
	if (len == 0 || len > LOG_DIR_MAX)
		return error_set(error, ERROR_USAGE, "the log's folder needs a path of 1 to %u octets", LOG_DIR_MAX);
	log_partition_name(partition, name);
	place->topic = topic;
	place->partition = partition;
	snprintf(place->dir, sizeof(place->dir), "%s/%s/%s", log_dir, bus_topic_name(topic), name);
	return 0;
}

/* LOG_DIR_MAX leaves room for all of these names. */
static void path_join(char out[LOG_PATH_MAX], const char *dir, const char *name)
{
	int len = snprintf(out, LOG_PATH_MAX, "%s/%s", dir, name);
	CHECK(len > 0 && len < (int)LOG_PATH_MAX);
}

void log_file_path(const struct log_place *place, uint64_t base, char out[LOG_PATH_MAX])
{
	char name[32];
	snprintf(name, sizeof(name), "%020llu.log", (unsigned long long)base);
	path_join(out, place->dir, name);
}

void log_mark_path(const struct log_place *place, char out[LOG_PATH_MAX])
{
	path_join(out, place->dir, "durable");
}

void log_positions_dir(const char *log_dir, char out[LOG_PATH_MAX])
{
	path_join(out, log_dir, "positions");
}

bool log_reader_name_check(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len <= LOG_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

void log_position_path(const char *log_dir, const char *reader, const struct log_place *place, char out[LOG_PATH_MAX])
{
	char partition[16];
	log_partition_name(place->partition, partition);
	int len =
		snprintf(out, LOG_PATH_MAX, "%s/positions/%s.%s.%s", log_dir, reader, bus_topic_name(place->topic), partition);
	CHECK(len > 0 && len < (int)LOG_PATH_MAX);
}

static bool base_of(const char *name, uint64_t *base)
{
	return strlen(name) == 24 && strspn(name, "0123456789") == 20 && strcmp(name + 20, ".log") == 0 &&
		   slice_to_u64(slice_of(name, 20), base);
}

static int files_add(void *arg, const char *name)
{
	struct log_files *files = arg;
	uint64_t base;
	if (!base_of(name, &base))
		return 0;
	if (files->count == files->size) {
		size_t size = files->size ? files->size * 2 : 16;
		uint64_t *bases = env_resize(files->env, files->bases, size * sizeof(*bases));
		if (!bases)
			return -ERROR_MEMORY;
		files->bases = bases;
		files->size = size;
	}
	files->bases[files->count++] = base;
	return 0;
}

static int base_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The callback's only failure is memory; its code is also -EPERM, which opening the folder would have given before. */
int log_files_list(const struct env *env, const struct log_place *place, struct log_files *out, struct error *error)
{
	*out = (struct log_files){.env = env};
	int result = env->files.list(env->files.ctx, place->dir, files_add, out);
	if (result == -ERROR_MEMORY)
		return error_set(error, ERROR_MEMORY, "no memory for the list of log files");
	if (result < 0)
		return error_io(error, result, "cannot list %s", place->dir);
	if (out->count)
		qsort(out->bases, out->count, sizeof(*out->bases), base_compare);
	return 0;
}

void log_files_free(struct log_files *files)
{
	env_free(files->env, files->bases);
	files->bases = NULL;
	files->count = files->size = 0;
}

/* ---- which partitions there are ---- */

uint32_t log_place_count(const struct bus_local_config *config)
{
	uint32_t count = 2;
	for (unsigned topic = 0; topic < TOPIC_COUNT; topic++)
		count += config->partitions[topic];
	return count;
}

void log_place_at(const struct bus_local_config *config, uint32_t index, enum bus_topic *topic, uint32_t *partition)
{
	for (unsigned t = 0; t < TOPIC_COUNT; t++) {
		if (index < config->partitions[t]) {
			*topic = (enum bus_topic)t;
			*partition = index;
			return;
		}
		index -= config->partitions[t];
	}
	CHECK(index < 2);
	*topic = TOPIC_EVENTS;
	*partition = index == 0 ? PARTITION_IMPORT : PARTITION_AUDIT;
}

static bool is_special(enum bus_topic topic, uint32_t partition)
{
	return topic == TOPIC_EVENTS && (partition == PARTITION_IMPORT || partition == PARTITION_AUDIT);
}

bool log_place_has(const struct bus_local_config *config, enum bus_topic topic, uint32_t partition)
{
	return (unsigned)topic < TOPIC_COUNT && (partition < config->partitions[topic] || is_special(topic, partition));
}

bool log_place_written(const struct bus_local_config *config, enum bus_topic topic, uint32_t partition)
{
	if (is_special(topic, partition))
		return config->write_events_special;
	return config->write_topics & 1u << topic;
}
