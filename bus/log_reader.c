#include "bus/log.h"

#include <errno.h>
#include <stdio.h>

struct log_reader {
	struct bus_reader reader; /* first */
	const struct env *env;
	struct log_place place;
	bool keeps; /* has a name, keeps positions */
	int mark_fd, position_fd;
	int fd; /* the file being read, -1 = none yet */
	uint64_t base, size; /* of it; size 0 = may still grow */
	uint64_t at; /* octet of the frame of `next` */
	uint64_t next, first;
	struct log_slots mark, position;
	struct log_scan scan;
};

static struct log_reader *of(struct bus_reader *reader)
{
	return (struct log_reader *)reader;
}

static void file_close(struct log_reader *r)
{
	if (r->fd >= 0)
		r->env->files.close(r->env->files.ctx, r->fd);
	r->fd = -1;
}

static int refresh(struct log_reader *r, struct error *error)
{
	struct log_slots mark;
	int result = log_slots_read(r->env, r->mark_fd, LOG_MARK_MAGIC, &r->place, &mark, error);
	if (result < 0)
		return result;
	if (mark.generation == 0)
		return error_set(error, ERROR_DAMAGED, "the durable mark of %s does not hold", r->place.dir);
	r->mark = mark;
	return 0;
}

static int damaged(const struct log_reader *r, struct error *error)
{
	char path[LOG_PATH_MAX];
	log_file_path(&r->place, r->base, path);
	return error_set(error, ERROR_DAMAGED, "%s: octet %llu: the record of offset %llu is damaged", path,
					 (unsigned long long)r->at, (unsigned long long)r->next);
}

/* ---- finding the file and the frame ---- */

static int head_check(struct log_reader *r, uint64_t base, struct error *error)
{
	uint8_t octets[LOG_HEAD_BYTES];
	struct log_head head;
	char path[LOG_PATH_MAX];
	int result = env_read_all(r->env, r->fd, octets, sizeof(octets), 0);
	if (result < 0)
		return error_io(error, result, "cannot read a log file in %s", r->place.dir);
	log_file_path(&r->place, base, path);
	if (log_head_get(slice_of(octets, sizeof(octets)), &head, NULL) < 0 || head.base != base ||
		head.topic != r->place.topic || head.partition != r->place.partition)
		return error_set(error, ERROR_DAMAGED, "%s: octet 0: the head does not belong here", path);
	r->scan.key = head.key;
	r->scan.fd = r->fd;
	r->scan.window_len = 0;
	return 0;
}

static int file_open(struct log_reader *r, uint64_t base, struct error *error)
{
	char path[LOG_PATH_MAX];
	file_close(r);
	log_file_path(&r->place, base, path);
	int fd = r->env->files.open(r->env->files.ctx, path, ENV_READ);
	if (fd == -ENOENT)
		return error_set(error, ERROR_NOT_FOUND, "offset %llu of %s was trimmed away", (unsigned long long)base,
						 r->place.dir);
	if (fd < 0)
		return error_io(error, fd, "cannot open %s", path);
	r->fd = fd;
	r->base = base;
	r->size = 0;
	r->at = LOG_HEAD_BYTES;
	int result = head_check(r, base, error);
	if (result < 0)
		file_close(r);
	return result;
}

/* L2, L4: an older file ends where it ends, the newest at the mark. */
static int end_set(struct log_reader *r, struct error *error)
{
	struct env_stat st;
	if (r->base == r->mark.values[1]) {
		r->scan.end = r->mark.values[2];
		return 0;
	}
	if (r->size == 0) {
		int result = r->env->files.fstat(r->env->files.ctx, r->fd, &st);
		if (result < 0)
			return error_io(error, result, "cannot look at a log file in %s", r->place.dir);
		r->size = st.size;
	}
	r->scan.end = r->size;
	return 0;
}

/* The frame of r->next, in this file or as the first of the next one. 1, or a negative error. */
static int frame_next(struct log_reader *r, struct log_frame *out, struct error *error)
{
	int result = end_set(r, error);
	if (result == 0 && r->at == r->scan.end && r->base != r->mark.values[1]) {
		result = file_open(r, r->next, error);
		if (result == 0)
			result = end_set(r, error);
	}
	if (result < 0)
		return result;
	result = log_scan_frame(&r->scan, r->at, out, error);
	if (result < 0)
		return result;
	return result == LOG_SCAN_GOOD && out->offset == r->next ? 1 : damaged(r, error);
}

static void step_over(struct log_reader *r, const struct log_frame *frame)
{
	r->at += frame->size;
	r->next++;
}

/* The greatest base that is not above `offset`. */
static int base_find(struct log_reader *r, uint64_t offset, uint64_t *base, struct error *error)
{
	struct log_files files;
	int result = log_files_list(r->env, &r->place, &files, error);
	if (result == 0 && files.count) {
		r->first = files.bases[0];
		*base = files.bases[0];
		for (size_t i = 0; i < files.count && files.bases[i] <= offset; i++)
			*base = files.bases[i];
	}
	if (result == 0 && (files.count == 0 || r->first > offset))
		result = error_set(error, ERROR_NOT_FOUND, "offset %llu of %s was trimmed away; the first is %llu",
						   (unsigned long long)offset, r->place.dir, (unsigned long long)r->first);
	log_files_free(&files);
	return result;
}

/* Makes r->at the octet of `offset`'s frame. On failure the reader stands at `offset` and finds it anew later. */
static int locate(struct log_reader *r, uint64_t offset, struct error *error)
{
	uint64_t base = 0;
	struct log_frame frame;
	bool ahead = r->fd >= 0 && r->next <= offset;
	int result = base_find(r, offset, &base, error);
	if (result == 0 && !(ahead && r->base == base)) {
		result = file_open(r, base, error);
		r->next = base;
	}
	while (result == 0 && r->next < offset) {
		result = frame_next(r, &frame, error);
		if (result == 1) {
			step_over(r, &frame);
			result = 0;
		}
	}
	if (result < 0)
		file_close(r);
	r->next = offset;
	return result;
}

/* ---- the operations ---- */

int log_reader_poll(struct bus_reader *reader, struct bus_record *out, struct error *error)
{
	struct log_reader *r = of(reader);
	struct log_frame frame;
	int result = 0;
	if (r->next >= r->mark.values[0])
		result = refresh(r, error);
	if (result < 0 || r->next >= r->mark.values[0])
		return result;
	result = r->fd < 0 ? locate(r, r->next, error) : 0;
	if (result < 0)
		return result;
	result = frame_next(r, &frame, error);
	if (result < 0)
		return result;
	*out = (struct bus_record){.topic = r->place.topic,
							   .partition = r->place.partition,
							   .offset = frame.offset,
							   .appended_ns = frame.appended_ns,
							   .payload = frame.payload};
	step_over(r, &frame);
	return 1;
}

int log_reader_seek(struct bus_reader *reader, uint64_t offset, struct error *error)
{
	struct log_reader *r = of(reader);
	int result = refresh(r, error);
	if (result < 0)
		return result;
	if (offset > r->mark.values[0])
		return error_set(error, ERROR_NOT_FOUND, "offset %llu of %s is not there yet; the next one is %llu",
						 (unsigned long long)offset, r->place.dir, (unsigned long long)r->mark.values[0]);
	if (offset < r->mark.values[0])
		return locate(r, offset, error);
	if (offset != r->next)
		file_close(r);
	r->next = offset;
	return 0;
}

/* The file is closed: one that is trimmed while somebody else reads must give its room back. */
void log_reader_pass(struct bus_reader *reader, uint64_t offset)
{
	struct log_reader *r = of(reader);
	file_close(r);
	r->next = offset;
}

int log_reader_commit(struct bus_reader *reader, uint64_t committed, uint64_t keep_from, struct error *error)
{
	struct log_reader *r = of(reader);
	if (!r->keeps)
		return error_set(error, ERROR_USAGE, "a reader without a name keeps no positions");
	int result = committed > r->mark.values[0] ? refresh(r, error) : 0;
	if (result < 0)
		return result;
	if (keep_from > committed || committed > r->mark.values[0])
		return error_set(error, ERROR_USAGE, "positions are out of order: keep-from %llu, committed %llu, durable %llu",
						 (unsigned long long)keep_from, (unsigned long long)committed,
						 (unsigned long long)r->mark.values[0]);
	if (committed == r->position.values[0] && keep_from == r->position.values[1])
		return 0;
	struct log_slots position = {.generation = r->position.generation, .values = {committed, keep_from, 0}};
	result = log_slots_write(r->env, r->position_fd, LOG_POSITION_MAGIC, &r->place, &position, error);
	if (result == 0)
		r->position = position;
	return result;
}

void log_reader_position(const struct bus_reader *reader, uint64_t *first, uint64_t *committed, uint64_t *keep_from,
						 uint64_t *next)
{
	const struct log_reader *r = (const struct log_reader *)reader;
	struct log_files files;
	*first = r->first;
	if (log_files_list(r->env, &r->place, &files, NULL) == 0 && files.count)
		*first = files.bases[0];
	log_files_free(&files);
	*committed = r->position.values[0];
	*keep_from = r->position.values[1];
	*next = r->next;
}

void log_reader_close(struct bus_reader *reader)
{
	struct log_reader *r = of(reader);
	file_close(r);
	if (r->mark_fd >= 0)
		r->env->files.close(r->env->files.ctx, r->mark_fd);
	if (r->position_fd >= 0)
		r->env->files.close(r->env->files.ctx, r->position_fd);
	log_scan_free(&r->scan);
	env_free(r->env, r);
}

/* ---- open ---- */

/* Both slots are written at once, so that a later commit never needs room on the disk. */
static int position_make(struct log_reader *r, struct error *error)
{
	r->position.values[0] = r->position.values[1] = r->first;
	int result = 0;
	for (unsigned i = 0; i < 2 && result == 0; i++)
		result = log_slots_write(r->env, r->position_fd, LOG_POSITION_MAGIC, &r->place, &r->position, error);
	return result;
}

/* Each time, because an earlier attempt may have failed here: a reader that a power cut makes unknown would not hold back
 * trimming. */
static int position_settle(struct log_reader *r, const char *log_dir, struct error *error)
{
	char dir[LOG_PATH_MAX];
	log_positions_dir(log_dir, dir);
	int result = r->env->files.sync(r->env->files.ctx, r->position_fd);
	if (result == 0)
		result = r->env->files.sync_dir(r->env->files.ctx, dir);
	return result < 0 ? error_io(error, result, "cannot sync %s", dir) : 0;
}

static int position_open(struct log_reader *r, const char *log_dir, const char *name, struct error *error)
{
	char path[LOG_PATH_MAX];
	if (!log_reader_name_check(name))
		return error_set(error, ERROR_USAGE, "a reader's name has 1 to %u of a-z 0-9 _ -", LOG_NAME_MAX);
	log_position_path(log_dir, name, &r->place, path);
	r->position_fd = r->env->files.open(r->env->files.ctx, path, ENV_READ | ENV_WRITE | ENV_CREATE);
	if (r->position_fd < 0)
		return error_io(error, r->position_fd, "cannot open %s", path);
	int result = r->env->files.lock(r->env->files.ctx, r->position_fd);
	if (result == -EWOULDBLOCK)
		return error_set(error, ERROR_BUSY, "another reader has %s", path);
	if (result < 0)
		return error_io(error, result, "cannot lock %s", path);
	result = log_slots_read(r->env, r->position_fd, LOG_POSITION_MAGIC, &r->place, &r->position, error);
	if (result == 0 && r->position.generation == 0)
		result = position_make(r, error);
	return result < 0 ? result : position_settle(r, log_dir, error);
}

static int first_find(struct log_reader *r, struct error *error)
{
	struct log_files files;
	int result = log_files_list(r->env, &r->place, &files, error);
	if (result == 0 && files.count == 0)
		result = error_set(error, ERROR_DAMAGED, "%s has no log file", r->place.dir);
	if (result == 0)
		r->first = files.bases[0];
	log_files_free(&files);
	return result;
}

static int reader_start(struct log_reader *r, const char *log_dir, const char *name, struct error *error)
{
	char path[LOG_PATH_MAX];
	log_mark_path(&r->place, path);
	r->mark_fd = r->env->files.open(r->env->files.ctx, path, ENV_READ);
	if (r->mark_fd < 0)
		return error_io(error, r->mark_fd, "cannot open %s", path);
	int result = refresh(r, error);
	if (result == 0)
		result = first_find(r, error);
	if (result == 0 && name)
		result = position_open(r, log_dir, name, error);
	if (result < 0)
		return result;
	r->keeps = name != NULL;
	r->next = name ? r->position.values[0] : r->first;
	if (r->next > r->mark.values[0])
		return error_set(error, ERROR_DAMAGED, "reader \"%s\" has read up to offset %llu of %s, which ends at %llu",
						 name, (unsigned long long)r->next, r->place.dir, (unsigned long long)r->mark.values[0]);
	return 0;
}

struct bus_reader *log_reader_open(const struct env *env, const char *log_dir, const struct bus_ops *ops,
								   const struct log_place *place, const char *name, struct error *error)
{
	struct log_reader *r = env_zalloc(env, sizeof(*r));
	if (!r) {
		error_set(error, ERROR_MEMORY, "no memory for a reader");
		return NULL;
	}
	r->reader.ops = ops;
	r->env = env;
	r->place = *place;
	r->mark_fd = r->position_fd = r->fd = -1;
	log_scan_open(&r->scan, env, -1, 0, 0);
	if (reader_start(r, log_dir, name, error) < 0) {
		log_reader_close(&r->reader);
		return NULL;
	}
	return &r->reader;
}
