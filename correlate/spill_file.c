/* Spill files: made, written to, read, and gone. */
#include "correlate/spill.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_AT_ONCE 512u
#define EXIST_TRIES 1000u
#define NAME_BYTES 40u

static void put_name(char *out, size_t size, uint32_t partition, uint64_t serial)
{
	snprintf(out, size, "spill-%" PRIu32 "-%016" PRIx64, partition, serial);
}

/* Is it a name as we write them? */
static bool read_name(const char *name, uint32_t *partition, uint64_t *serial)
{
	static const char begin[] = "spill-";
	char again[NAME_BYTES], *end;
	if (strncmp(name, begin, sizeof(begin) - 1) != 0)
		return false;
	*partition = (uint32_t)strtoul(name + sizeof(begin) - 1, &end, 10);
	*serial = *end == '-' ? strtoull(end + 1, NULL, 16) : 0;
	put_name(again, sizeof(again), *partition, *serial);
	return strcmp(name, again) == 0;
}

void spill_path(const struct part *part, uint64_t serial, char *out, size_t size)
{
	char name[NAME_BYTES];
	put_name(name, sizeof(name), part->partition, serial);
	snprintf(out, size, "%s/%s", part->spill->dir, name);
}

/* ---- made and dropped ---- */

/* Serials begin behind those that are there; what lies there counts until it is swept. */
static int take_name(void *arg, const char *name)
{
	const struct part *part = arg;
	struct spill *s = part->spill;
	const struct env_files *files = &part->temporal->env->files;
	uint32_t partition;
	uint64_t serial;
	char path[SPILL_PATH_BYTES];
	struct env_stat stat;
	if (!read_name(name, &partition, &serial) || partition != part->partition)
		return 0;
	if (serial >= s->next_serial && serial < UINT64_MAX / 2)
		s->next_serial = serial + 1;
	spill_path(part, serial, path, sizeof(path));
	if (files->stat(files->ctx, path, &stat) == 0)
		s->foreign += stat.size;
	return 0;
}

int spill_new(struct part *part)
{
	const struct temporal *t = part->temporal;
	const struct temporal_config *c = &t->config;
	struct spill *s = part->spill = env_zalloc(t->env, sizeof(*s));
	if (s == NULL)
		return -ERROR_MEMORY;
	uint64_t bytes = c->spill_bytes != 0 ? c->spill_bytes : (uint64_t)LIMIT_spill_bytes;
	s->budget = bytes / c->owned_count;
	s->keep = c->spill_keep;
	s->tail_file = SPILL_NONE;
	buffer_init(&s->tail, t->env);
	buffer_init(&s->read, t->env);
	size_t len = strlen(c->spill_dir) + 1;
	s->dir = env_alloc(t->env, len);
	s->rule_keys = env_zalloc(t->env, sizeof(*s->rule_keys) * (t->plan->count + 1));
	s->tried = env_zalloc(t->env, sizeof(*s->tried) * (t->plan->count + 1));
	if (s->dir == NULL || s->rule_keys == NULL || s->tried == NULL)
		return -ERROR_MEMORY;
	memcpy(s->dir, c->spill_dir, len);
	int result = t->env->files.list(t->env->files.ctx, s->dir, take_name, part);
	s->bytes = s->foreign;
	return result < 0 ? -ERROR_IO : 0;
}

static void file_remove(const struct part *part, uint64_t serial)
{
	const struct env_files *files = &part->temporal->env->files;
	char path[SPILL_PATH_BYTES];
	spill_path(part, serial, path, sizeof(path));
	(void)files->unlink(files->ctx, path); /* a leftover costs room until the next start */
}

static void file_close(const struct part *part, struct spill_file *f)
{
	const struct env *env = part->temporal->env;
	env->files.close(env->files.ctx, f->fd);
	env_free(env, f->alive);
	f->alive = NULL;
}

void spill_free(struct part *part)
{
	struct spill *s = part->spill;
	const struct env *env = part->temporal->env;
	if (s == NULL)
		return;
	for (uint32_t id = 0; id < SPILL_FILES; id++) {
		if (s->files[id].rule == NULL)
			continue;
		file_close(part, &s->files[id]);
		if (!s->files[id].named)
			file_remove(part, s->files[id].serial);
	}
	buffer_free(&s->tail);
	buffer_free(&s->read);
	env_free(env, s->dir);
	env_free(env, s->rule_keys);
	env_free(env, s->tried);
	env_free(env, s->leaving);
	env_free(env, s);
	part->spill = NULL;
}

/* ---- one file ---- */

/* Every file that is there may be leaving one day. */
static bool leaving_room(struct part *part)
{
	struct spill *s = part->spill;
	uint32_t wanted = s->leaving_count + SPILL_FILES;
	if (s->leaving_room >= wanted)
		return true;
	struct spill_leaving *leaving = env_resize(part->temporal->env, s->leaving, sizeof(*leaving) * (size_t)wanted * 2);
	if (leaving == NULL)
		return false;
	s->leaving = leaving;
	s->leaving_room = wanted * 2;
	return true;
}

uint32_t spill_id(struct part *part)
{
	uint32_t id = 0;
	while (id < SPILL_FILES && part->spill->files[id].rule != NULL)
		id++;
	return id < SPILL_FILES && leaving_room(part) ? id : SPILL_NONE;
}

void spill_file_gone(struct part *part, uint32_t id)
{
	struct spill *s = part->spill;
	struct spill_file *f = &s->files[id];
	CHECK(f->rule != NULL && f->live == 0);
	if (s->tail_file == id) {
		buffer_reset(&s->tail);
		s->tail_file = SPILL_NONE;
	}
	file_close(part, f);
	s->bytes -= f->bytes - f->written;
	if (f->named) {
		CHECK(s->leaving_count < s->leaving_room);
		s->leaving[s->leaving_count++] = (struct spill_leaving){.serial = f->serial, .bytes = f->written};
	} else {
		file_remove(part, f->serial);
		s->bytes -= f->written;
	}
	*f = (struct spill_file){0};
}

void spill_seal(struct part *part, uint32_t id)
{
	struct spill_file *f = &part->spill->files[id];
	f->writing = false;
	if (f->live == 0)
		spill_file_gone(part, id);
}

bool spill_alive(const struct spill_file *f, uint32_t record)
{
	return record < f->records && (f->alive[record / 8] >> record % 8 & 1) != 0;
}

bool spill_alive_room(const struct part *part, struct spill_file *f)
{
	if (f->records / 8 < f->alive_bytes)
		return true;
	size_t bytes = f->alive_bytes == 0 ? 64 : f->alive_bytes * 2;
	uint8_t *alive = env_resize(part->temporal->env, f->alive, bytes);
	if (alive == NULL)
		return false;
	memset(alive + f->alive_bytes, 0, bytes - f->alive_bytes);
	f->alive = alive;
	f->alive_bytes = bytes;
	return true;
}

/* ---- written to ---- */

int spill_flush(struct part *part)
{
	struct spill *s = part->spill;
	if (s->tail_file == SPILL_NONE)
		return 0;
	struct spill_file *f = &s->files[s->tail_file];
	if (env_write_all(part->temporal->env, f->fd, s->tail.ptr, s->tail.len, f->written) < 0) {
		s->failures++;
		s->stuck = true;
		return -ERROR_IO;
	}
	f->written = f->bytes;
	s->tail_first = f->records;
	buffer_reset(&s->tail);
	return 0;
}

static int open_new(const struct part *part, uint64_t *serial)
{
	struct spill *s = part->spill;
	const struct env_files *files = &part->temporal->env->files;
	char path[SPILL_PATH_BYTES];
	int fd = -EEXIST;
	for (uint32_t i = 0; fd == -EEXIST && i < EXIST_TRIES; i++) {
		*serial = s->next_serial++;
		spill_path(part, *serial, path, sizeof(path));
		fd = files->open(files->ctx, path, ENV_READ | ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE);
	}
	return fd;
}

static uint32_t file_new(struct part *part, const struct plan_rule *rule)
{
	struct spill *s = part->spill;
	uint64_t serial = 0;
	uint32_t id = spill_id(part);
	if (id == SPILL_NONE || s->bytes + SPILL_HEAD_BYTES > s->budget)
		return SPILL_NONE;
	int fd = open_new(part, &serial);
	if (fd < 0) {
		s->failures++;
		s->stuck = true;
		return SPILL_NONE;
	}
	s->dir_changed = true;
	s->files[id] = (struct spill_file){
		.rule = rule, .serial = serial, .fd = fd, .writing = true, .newest_ns = INT64_MIN, .first_ns = TIME_NONE};
	return id;
}

/* One that is full, or whose first key would have left by now, is left to leave as a whole. */
static bool file_takes(const struct part *part, const struct spill_file *f)
{
	int64_t watermark = part->levels[f->rule->level].watermark_ns;
	return f->bytes <= SPILL_FILE_BYTES - SPILL_RECORD_MAX &&
		   (f->first_ns == TIME_NONE || f->first_ns >= sub_saturated(watermark, f->rule->kept_ns));
}

static uint32_t find_writing(const struct part *part, const struct plan_rule *rule)
{
	const struct spill *s = part->spill;
	if (s->tail_file != SPILL_NONE && s->files[s->tail_file].rule == rule && s->files[s->tail_file].writing)
		return s->tail_file;
	for (uint32_t id = 0; id < SPILL_FILES; id++)
		if (s->files[id].rule == rule && s->files[id].writing)
			return id;
	return SPILL_NONE;
}

uint32_t spill_writable(struct part *part, const struct plan_rule *rule)
{
	struct spill *s = part->spill;
	uint32_t id = find_writing(part, rule);
	bool takes = id != SPILL_NONE && file_takes(part, &s->files[id]);
	if (takes && s->tail_file == id)
		return id;
	if (spill_flush(part) < 0)
		return SPILL_NONE;
	s->tail_file = SPILL_NONE;
	if (id != SPILL_NONE && !takes)
		spill_seal(part, id);
	if (!takes)
		id = file_new(part, rule);
	if (id == SPILL_NONE)
		return id;
	s->tail_file = id;
	s->tail_first = s->files[id].records;
	if (s->files[id].bytes == 0) {
		spill_head_put(&s->tail, part->partition, s->files[id].serial, rule->digest);
		s->files[id].bytes = SPILL_HEAD_BYTES;
		s->bytes += SPILL_HEAD_BYTES;
	}
	if (!s->tail.failed)
		return id;
	spill_file_gone(part, id);
	s->tail.failed = false;
	return SPILL_NONE;
}

/* ---- read ---- */

static int read_written(struct part *part, const struct spill_file *f, uint64_t offset, struct slice *out)
{
	struct spill *s = part->spill;
	const struct env *env = part->temporal->env;
	uint64_t left = f->written - offset;
	size_t first = left < READ_AT_ONCE ? (size_t)left : READ_AT_ONCE;
	buffer_reset(&s->read);
	uint8_t *p = buffer_room(&s->read, READ_AT_ONCE);
	if (p == NULL)
		return -ERROR_MEMORY;
	if (first < SPILL_RECORD_HEAD)
		return -ERROR_DAMAGED;
	if (env_read_all(env, f->fd, p, first, offset) < 0)
		return -ERROR_IO;
	uint32_t bytes = spill_record_bytes(p);
	if (bytes == 0 || bytes > left)
		return -ERROR_DAMAGED;
	if (bytes > first) {
		p = buffer_room(&s->read, bytes);
		if (p == NULL)
			return -ERROR_MEMORY;
		if (env_read_all(env, f->fd, p, bytes, offset) < 0)
			return -ERROR_IO;
	}
	*out = slice_of(p, bytes);
	return 0;
}

int spill_read(struct part *part, const struct spill_file *f, uint64_t offset, struct slice *out)
{
	const struct spill *s = part->spill;
	if (offset < f->written)
		return read_written(part, f, offset, out);
	size_t at = (size_t)(offset - f->written);
	CHECK(f == &s->files[s->tail_file] && at + SPILL_RECORD_HEAD <= s->tail.len);
	*out = slice_of(s->tail.ptr + at, spill_record_bytes(s->tail.ptr + at));
	return 0;
}

/* ---- swept ---- */

struct sweep {
	const struct temporal *t;
	char names[32][NAME_BYTES];
	uint32_t count;
};

static bool is_known(const struct temporal *t, uint32_t partition, uint64_t serial)
{
	const struct part *part = part_of(t, partition);
	const struct spill *s = part == NULL ? NULL : part->spill;
	if (s == NULL)
		return false;
	for (uint32_t i = 0; i < SPILL_FILES; i++)
		if (s->files[i].rule != NULL && s->files[i].serial == serial)
			return true;
	for (uint32_t i = 0; i < s->leaving_count; i++)
		if (s->leaving[i].serial == serial)
			return true;
	return false;
}

static int sweep_name(void *arg, const char *name)
{
	struct sweep *sweep = arg;
	uint32_t partition;
	uint64_t serial;
	if (!read_name(name, &partition, &serial) || is_known(sweep->t, partition, serial))
		return 0;
	memcpy(sweep->names[sweep->count++], name, strlen(name) + 1);
	return sweep->count == sizeof(sweep->names) / sizeof(*sweep->names);
}

/* Nobody names them any more. */
static void sweep_foreign(struct temporal *t)
{
	const struct env_files *files = &t->env->files;
	struct sweep sweep = {.t = t};
	const struct spill *first = t->part_count > 0 ? t->parts[0].spill : NULL;
	bool some = first != NULL, failed = false;
	while (some && !failed) {
		const char *dir = first->dir;
		sweep.count = 0;
		failed = files->list(files->ctx, dir, sweep_name, &sweep) < 0;
		some = sweep.count > 0;
		for (uint32_t i = 0; i < sweep.count; i++) {
			char path[SPILL_PATH_BYTES];
			snprintf(path, sizeof(path), "%s/%s", dir, sweep.names[i]);
			failed |= files->unlink(files->ctx, path) < 0;
		}
	}
	for (uint32_t i = 0; i < t->part_count && !failed; i++) {
		struct spill *s = t->parts[i].spill;
		if (s != NULL) {
			s->bytes -= s->foreign;
			s->foreign = 0;
		}
	}
	t->swept = !failed;
}

void temporal_saved(struct temporal *t)
{
	for (uint32_t i = 0; i < t->part_count; i++) {
		struct spill *s = t->parts[i].spill;
		uint32_t kept = 0;
		for (uint32_t k = 0; s != NULL && k < s->leaving_count; k++) {
			if (!s->leaving[k].spare) {
				s->leaving[kept++] = s->leaving[k];
				continue;
			}
			file_remove(&t->parts[i], s->leaving[k].serial);
			s->bytes -= s->leaving[k].bytes;
		}
		if (s != NULL)
			s->leaving_count = kept;
	}
	if (!t->swept && t->config.spill_dir != NULL)
		sweep_foreign(t);
}
