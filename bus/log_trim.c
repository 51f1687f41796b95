#include "bus/log.h"

#include <stdio.h>

/* What is known of one partition while it is trimmed. */
struct trimming {
	struct log_writer *w;
	const char *log_dir;
	const struct log_trim *trim;
	struct log_files files;
	uint64_t *sizes; /* of the files, in octets */
	char suffix[64]; /* ".events.0" */
	uint64_t keep; /* nothing at or above it goes */
	uint64_t slowest; /* least committed */
	char slowest_name[LOG_NAME_MAX + 1];
	unsigned readers;
	struct error *error;
	int (*visit)(struct trimming *t, int fd, const char *name);
};

/* ---- octets ---- */

static uint64_t file_end(const struct trimming *t, size_t i)
{
	return i + 1 < t->files.count ? t->files.bases[i + 1] : t->w->written;
}

/* From `offset` to the end of the partition, by proportion inside the file it lies in. */
static uint64_t octets_behind(const struct trimming *t, uint64_t offset)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < t->files.count; i++) {
		uint64_t base = t->files.bases[i], end = file_end(t, i);
		if (offset >= end)
			continue;
		if (offset <= base)
			sum += t->sizes[i];
		else
			sum += (uint64_t)((double)t->sizes[i] * (double)(end - offset) / (double)(end - base));
	}
	return sum;
}

static int sizes_read(struct trimming *t)
{
	const struct env *env = t->w->env;
	t->sizes = env_alloc(env, (t->files.count + 1) * sizeof(*t->sizes));
	if (!t->sizes)
		return error_set(t->error, ERROR_MEMORY, "no memory for the list of log files");
	for (size_t i = 0; i < t->files.count; i++) {
		char path[LOG_PATH_MAX];
		struct env_stat st;
		log_file_path(&t->w->place, t->files.bases[i], path);
		int result = env->files.stat(env->files.ctx, path, &st);
		if (result < 0)
			return error_io(t->error, result, "cannot look at %s", path);
		t->sizes[i] = st.size;
	}
	return 0;
}

/* ---- positions ---- */

/* The reader whose position file this is, or false: another partition's, or no position at all. */
static bool reader_of_name(const struct trimming *t, const char *name, char out[LOG_NAME_MAX + 1])
{
	size_t len = strlen(name), tail = strlen(t->suffix);
	if (len <= tail || len - tail > LOG_NAME_MAX || strcmp(name + len - tail, t->suffix) != 0)
		return false;
	memcpy(out, name, len - tail);
	out[len - tail] = 0;
	return log_reader_name_check(out);
}

static int visit_name(void *arg, const char *name)
{
	struct trimming *t = arg;
	const struct env *env = t->w->env;
	char reader[LOG_NAME_MAX + 1], path[LOG_PATH_MAX];
	if (!reader_of_name(t, name, reader))
		return 0;
	log_position_path(t->log_dir, reader, &t->w->place, path);
	int fd = env->files.open(env->files.ctx, path, ENV_READ);
	if (fd < 0)
		return error_io(t->error, fd, "cannot open %s", path);
	int result = t->visit(t, fd, reader);
	env->files.close(env->files.ctx, fd);
	return result;
}

static int visit_all(struct trimming *t, int (*visit)(struct trimming *t, int fd, const char *name))
{
	char path[LOG_PATH_MAX];
	const struct env *env = t->w->env;
	log_positions_dir(t->log_dir, path);
	t->visit = visit;
	struct error none;
	struct error *error = t->error;
	if (!error)
		t->error = &none;
	t->error->code = ERROR_NONE;
	int result = env->files.list(env->files.ctx, path, visit_name, t);
	if (result < 0 && t->error->code == ERROR_NONE)
		result = error_io(t->error, result, "cannot list %s", path);
	t->error = error;
	return result;
}

/* The first offset that bus.keep_bytes still covers: a keep-from below it does not hold its files any more. */
static uint64_t keep_limit(const struct trimming *t)
{
	for (size_t i = 0; i < t->files.count; i++)
		if (octets_behind(t, t->files.bases[i]) <= t->trim->keep_bytes)
			return t->files.bases[i];
	return t->w->base;
}

static int see_position(struct trimming *t, int fd, const char *name)
{
	struct log_slots slots;
	int result = log_slots_read(t->w->env, fd, LOG_POSITION_MAGIC, &t->w->place, &slots, t->error);
	if (result < 0)
		return result;
	t->readers++;
	if (slots.generation == 0) { /* being made, or damaged: it may want everything */
		t->keep = 0;
		return 0;
	}
	uint64_t committed = slots.values[0], keep = slots.values[1], limit = keep_limit(t);
	if (committed < t->slowest) {
		t->slowest = committed;
		snprintf(t->slowest_name, sizeof(t->slowest_name), "%s", name);
	}
	if (keep < limit && keep < committed) {
		keep = limit < committed ? limit : committed;
		if (keep > t->files.bases[0])
			counter_add(t->trim->overtaken, 1);
	}
	if (keep < t->keep)
		t->keep = keep;
	return 0;
}

static int sync_position(struct trimming *t, int fd, const char *name)
{
	int result = t->w->env->files.sync(t->w->env->files.ctx, fd);
	return result < 0 ? error_io(t->error, result, "cannot sync the positions of %s", name) : 0;
}

/* ---- what follows from them ---- */

static void block(struct trimming *t)
{
	struct log_writer *w = t->w;
	uint64_t behind = t->slowest == UINT64_MAX ? 0 : octets_behind(t, t->slowest);
	w->blocked = behind > t->trim->max_bytes;
	if (w->blocked)
		snprintf(
			w->blocked_text, sizeof(w->blocked_text),
			"reader \"%s\" is %llu octets behind in %s%s (bus.max_bytes is %llu): intake waits until it has read on",
			t->slowest_name, (unsigned long long)behind, bus_topic_name(w->place.topic), strrchr(w->place.dir, '/'),
			(unsigned long long)t->trim->max_bytes);
}

/* L5: oldest first, each removal on the medium before the next. */
static int remove_files(struct trimming *t)
{
	const struct env *env = t->w->env;
	for (size_t i = 0; i + 1 < t->files.count && file_end(t, i) <= t->keep; i++) {
		char path[LOG_PATH_MAX];
		log_file_path(&t->w->place, t->files.bases[i], path);
		int result = env->files.unlink(env->files.ctx, path);
		if (result == 0)
			result = env->files.sync_dir(env->files.ctx, t->w->place.dir);
		if (result < 0)
			return error_io(t->error, result, "cannot remove %s", path);
		counter_add(t->trim->removed, 1);
	}
	return 0;
}

static int trim_known(struct trimming *t)
{
	int result = sizes_read(t);
	if (result == 0)
		result = visit_all(t, see_position);
	if (result < 0)
		return result;
	block(t);
	bool wanted = t->readers && t->files.count > 1 && file_end(t, 0) <= t->keep;
	if (!wanted)
		return 0;
	result = visit_all(t, sync_position);
	return result < 0 ? result : remove_files(t);
}

int log_trim(struct log_writer *w, const char *log_dir, const struct log_trim *trim, struct error *error)
{
	struct trimming t = {
		.w = w, .log_dir = log_dir, .trim = trim, .keep = UINT64_MAX, .slowest = UINT64_MAX, .error = error};
	char partition[16];
	log_partition_name(w->place.partition, partition);
	snprintf(t.suffix, sizeof(t.suffix), ".%s.%s", bus_topic_name(w->place.topic), partition);
	int result = log_files_list(w->env, &w->place, &t.files, error);
	if (result == 0 && t.files.count)
		result = trim_known(&t);
	env_free(w->env, t.sizes);
	log_files_free(&t.files);
	return result;
}
