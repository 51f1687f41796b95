#include "ingest/positions.h"

#include <errno.h>
#include <stdio.h>

#define MAGIC "CRSF"
#define HEAD_BYTES 40u
#define RECORD_HEAD 16u
#define RECORD_MAX (RECORD_HEAD + 64u + POSITION_PATH_MAX + 8u)
#define FILE_BYTES_MAX (64u << 20)
#define RESERVED_BYTES (256u << 10) /* so that an ordinary day's records never need room on a full disk */

enum record_kind {
	RECORD_FILE = 1,
	RECORD_POSITION = 2,
	RECORD_FENCED = 3
};

static int fatal(struct positions *p, struct error *error, int result)
{
	p->broken = true;
	if (error != NULL) {
		error->flags &= ~ERROR_RETRIABLE;
		error->flags |= ERROR_FATAL;
	}
	return result;
}

int positions_init(struct positions *p, const struct env *env, const char *path, struct error *error)
{
	*p = (struct positions){.env = env, .fd = -1};
	if ((size_t)snprintf(p->path, sizeof(p->path), "%s", path) >= sizeof(p->path) - 4)
		return error_set(error, ERROR_USAGE, "the name of the file of positions is too long");
	int result = env->random.fill(env->random.ctx, &p->key, sizeof(p->key));
	return result < 0 ? error_io(error, result, "cannot read random octets") : 0;
}

/* ---- records ---- */

static size_t record_begin(struct buffer *out, enum record_kind kind, uint32_t id)
{
	size_t at = out->len;
	buffer_add_u32(out, 0);
	buffer_add_u32(out, kind);
	buffer_add_u32(out, id);
	buffer_add_u32(out, 0);
	return at;
}

static void record_end(const struct positions *p, struct buffer *out, size_t at)
{
	buffer_align8(out);
	if (out->failed)
		return;
	put_u32(out->ptr + at, (uint32_t)(out->len - at + 8));
	buffer_add_u64(out, xxh3_seeded(slice_of(out->ptr + at, out->len - at), p->key));
}

void positions_put_file(const struct positions *p, struct buffer *out, uint32_t id, const struct position_file *file)
{
	size_t at = record_begin(out, RECORD_FILE, id);
	buffer_add_u64(out, file->device);
	buffer_add_u64(out, file->inode);
	buffer_add(out, file->source, sizeof(file->source));
	buffer_add_u32(out, (uint32_t)file->path.len);
	buffer_add_u32(out, 0);
	buffer_add_slice(out, file->path);
	record_end(p, out, at);
}

void positions_put(const struct positions *p, struct buffer *out, uint32_t id, const struct position *position,
				   const struct fence *fence)
{
	size_t at = record_begin(out, fence != NULL ? RECORD_FENCED : RECORD_POSITION, id);
	buffer_add_u64(out, position->offset);
	buffer_add_u64(out, position->head_hash);
	buffer_add_u32(out, position->head_len);
	buffer_add_u32(out, fence != NULL ? fence->partition : 0);
	if (fence != NULL) {
		buffer_add_u64(out, fence->epoch);
		buffer_add_u64(out, fence->sequence);
		buffer_add_u64(out, fence->place);
	}
	record_end(p, out, at);
}

/* ---- reading ---- */

static int take_file(const struct positions_visitor *v, uint32_t id, struct reader *r)
{
	struct position_file file = {0};
	file.device = reader_u64(r);
	file.inode = reader_u64(r);
	struct slice source = reader_slice(r, sizeof(file.source));
	uint32_t len = reader_u32(r);
	(void)reader_u32(r);
	file.path = reader_slice(r, len);
	bool good = !r->failed && len > 0 && len < POSITION_PATH_MAX && memchr(file.path.ptr, 0, len) == NULL;
	if (!good)
		return -ERROR_FORMAT;
	memcpy(file.source, source.ptr, sizeof(file.source));
	return v->file(v->ctx, id, &file);
}

static int take_position(const struct positions_visitor *v, uint32_t id, bool fenced, struct reader *r,
						 struct error *error)
{
	struct position position = {0};
	struct fence fence = {0};
	position.offset = reader_u64(r);
	position.head_hash = reader_u64(r);
	position.head_len = reader_u32(r);
	fence.partition = reader_u32(r);
	if (fenced) {
		fence.epoch = reader_u64(r);
		fence.sequence = reader_u64(r);
		fence.place = reader_u64(r);
	}
	bool good = !r->failed && position.head_len <= LIMIT_follow_head_bytes && position.head_len <= position.offset;
	if (!good)
		return -ERROR_FORMAT;
	int holds = fenced ? v->arrived(v->ctx, &fence, error) : 1;
	return holds <= 0 ? holds : v->position(v->ctx, id, &position);
}

/* Octets of the record at `at`; 0 when there is none that is whole. */
static size_t record_size(struct slice octets, size_t at, uint64_t key)
{
	if (octets.len - at < RECORD_HEAD + 8)
		return 0;
	size_t size = get_u32(octets.ptr + at);
	if (size < RECORD_HEAD + 8 || size > RECORD_MAX || size % 8 != 0 || size > octets.len - at)
		return 0;
	uint64_t hash = xxh3_seeded(slice_of(octets.ptr + at, size - 8), key);
	return hash == get_u64(octets.ptr + at + size - 8) ? size : 0;
}

static int take_record(const struct positions_visitor *v, struct slice record, struct error *error)
{
	uint32_t kind = get_u32(record.ptr + 4), id = get_u32(record.ptr + 8);
	struct reader r = reader_of(slice_of(record.ptr + RECORD_HEAD, record.len - RECORD_HEAD - 8));
	if (id >= LIMIT_follow_files)
		return -ERROR_FORMAT;
	if (kind == RECORD_FILE)
		return take_file(v, id, &r);
	if (kind == RECORD_POSITION || kind == RECORD_FENCED)
		return take_position(v, id, kind == RECORD_FENCED, &r, error);
	return -ERROR_FORMAT;
}

/* What follows the last whole record was never synced: the batches it speaks of cannot have arrived (P1). */
static int take_records(struct positions *p, struct slice octets, const struct positions_visitor *v,
						struct error *error)
{
	struct format_head head;
	int result = format_get_head(octets, MAGIC, 0, 0, &head, error);
	if (result < 0)
		return result;
	if (head.head_bytes < HEAD_BYTES || head.head_bytes > octets.len ||
		xxh3(slice_of(octets.ptr, HEAD_BYTES - 8)) != get_u64(octets.ptr + HEAD_BYTES - 8))
		return error_set(error, ERROR_DAMAGED, "%s: octet 0: the head does not hold", p->path);
	uint64_t key = get_u64(octets.ptr + FORMAT_HEAD_BYTES);
	size_t at = head.head_bytes, size;
	while ((size = record_size(octets, at, key)) > 0) {
		result = take_record(v, slice_of(octets.ptr + at, size), error);
		if (result == -ERROR_FORMAT)
			return error_set(error, ERROR_DAMAGED, "%s: octet %zu: no record that this version writes", p->path, at);
		if (result == -ERROR_MEMORY)
			return error_set(error, ERROR_MEMORY, "no memory for the positions of files");
		if (result < 0)
			return result;
		at += size;
	}
	return 0;
}

int positions_load(struct positions *p, const struct positions_visitor *visitor, struct error *error)
{
	uint8_t *octets;
	size_t len;
	int result = env_read_file(p->env, p->path, FILE_BYTES_MAX, &octets, &len);
	if (result == -ENOENT)
		return 0;
	if (result < 0)
		return error_io(error, result, "cannot read %s", p->path);
	result = take_records(p, slice_of(octets, len), visitor, error);
	env_free(p->env, octets);
	return result;
}

/* ---- writing ---- */

int positions_append(struct positions *p, struct slice records, struct error *error)
{
	CHECK(p->fd >= 0);
	if (p->broken)
		return fatal(p, error, error_set(error, ERROR_IO, "%s failed: it has to be opened anew", p->path));
	int result = env_write_all(p->env, p->fd, records.ptr, records.len, p->size);
	if (result < 0) {
		/* Want of room: what was written is passed over by readers, and the next try writes over it. */
		int code = error_io(error, result, "cannot write to %s", p->path);
		return code == -ERROR_FULL ? code : fatal(p, error, code);
	}
	p->size += records.len;
	p->dirty = true;
	return 0;
}

int positions_sync(struct positions *p, struct error *error)
{
	if (p->broken)
		return fatal(p, error, error_set(error, ERROR_IO, "%s failed: it has to be opened anew", p->path));
	if (!p->dirty)
		return 0;
	int result = p->env->files.sync(p->env->files.ctx, p->fd);
	if (result < 0)
		return fatal(p, error, error_io(error, result, "cannot sync %s", p->path));
	p->dirty = false;
	return 0;
}

static int head_write(const struct positions *p, int fd)
{
	uint8_t head[HEAD_BYTES];
	format_put_head(head, MAGIC, &(struct format_head){.head_bytes = HEAD_BYTES});
	put_u64(head + FORMAT_HEAD_BYTES, p->key);
	put_u64(head + HEAD_BYTES - 8, xxh3(slice_of(head, HEAD_BYTES - 8)));
	return env_write_all(p->env, fd, head, sizeof(head), 0);
}

/* The descriptor of a synced file beside the old one, or a negative errno. */
static int beside(const struct positions *p, const char *path, struct slice records)
{
	const struct env_files *files = &p->env->files;
	int fd = files->open(files->ctx, path, ENV_READ | ENV_WRITE | ENV_CREATE | ENV_TRUNCATE);
	if (fd < 0)
		return fd;
	int result = files->reserve(files->ctx, fd, HEAD_BYTES + records.len + RESERVED_BYTES);
	if (result == -EOPNOTSUPP)
		result = 0;
	if (result == 0)
		result = head_write(p, fd);
	if (result == 0)
		result = env_write_all(p->env, fd, records.ptr, records.len, HEAD_BYTES);
	if (result == 0)
		result = files->sync(files->ctx, fd);
	if (result == 0)
		return fd;
	files->close(files->ctx, fd);
	files->unlink(files->ctx, path);
	return result;
}

int positions_replace(struct positions *p, struct slice records, struct error *error)
{
	const struct env_files *files = &p->env->files;
	char path[POSITION_PATH_MAX + 8];
	snprintf(path, sizeof(path), "%s.new", p->path);
	int fd = beside(p, path, records);
	if (fd < 0)
		return error_io(error, fd, "cannot write %s", path);
	int result = files->rename(files->ctx, path, p->path, true);
	if (result < 0) {
		files->close(files->ctx, fd);
		files->unlink(files->ctx, path);
		return error_io(error, result, "cannot rename %s", path);
	}
	if (p->fd >= 0)
		files->close(files->ctx, p->fd);
	p->fd = fd;
	p->size = HEAD_BYTES + records.len;
	p->dirty = false;
	/* Which of the two a power cut would leave is not known now: neither may be written to. */
	result = env_sync_parent(p->env, p->path);
	return result < 0 ? fatal(p, error, error_io(error, result, "cannot sync the folder of %s", p->path)) : 0;
}

void positions_close(struct positions *p)
{
	if (p->fd >= 0)
		p->env->files.close(p->env->files.ctx, p->fd);
	p->fd = -1;
}
