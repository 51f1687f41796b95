/* Opening segments and fetching columns. */
#include "store/segment.h"

#include <stdio.h>
#include <zstd.h>

static int read_at(struct segment *s, uint64_t offset, size_t len, struct slice *out, struct error *error)
{
	if (s->fd < 0) {
		*out = slice_of(s->image.ptr + offset, len);
		return 0;
	}
	buffer_reset(&s->scratch);
	uint8_t *room = buffer_room(&s->scratch, len + 1);
	if (!room)
		return error_set(error, ERROR_MEMORY, "no memory for %zu octets of %s", len, s->path);
	int result = env_read_all(s->env, s->fd, room, len, offset);
	if (result < 0)
		return error_io(error, result, "reading %s at %llu", s->path, (unsigned long long)offset);
	*out = slice_of(room, len);
	return 0;
}

static int read_index(struct segment *s, struct error *error)
{
	struct slice octets;
	struct segment_index *index = &s->index;
	if (index->file_bytes > (uint64_t)LIMIT_segment_bytes)
		return error_set(error, ERROR_LIMIT, "segment: more than %lld octets", (long long)LIMIT_segment_bytes);
	if (index->file_bytes < SEGMENT_HEAD_BYTES + SEGMENT_TRAILER_BYTES)
		return error_set(error, ERROR_FORMAT, "segment: too short");
	int result = read_at(s, 0, SEGMENT_HEAD_BYTES, &octets, error);
	if (result == 0)
		result = segment_read_head(octets, index, error);
	if (result == 0)
		result = read_at(s, index->file_bytes - SEGMENT_TRAILER_BYTES, SEGMENT_TRAILER_BYTES, &octets, error);
	uint64_t footer_offset = 0;
	uint32_t footer_len = 0;
	if (result == 0)
		result = segment_read_trailer(octets, index, &footer_offset, &footer_len, error);
	if (result == 0)
		result = read_at(s, footer_offset, footer_len, &octets, error);
	if (result == 0)
		result = segment_read_footer(octets, footer_offset, index, &s->arena, error);
	return result;
}

static int begin(struct segment *s, const struct env *env, const char *path)
{
	*s = (struct segment){.env = env, .fd = -1};
	snprintf(s->path, sizeof s->path, "%s", path);
	arena_init(&s->arena, env, 4096);
	buffer_init(&s->scratch, env);
	s->unzip = ZSTD_createDCtx();
	return s->unzip ? 0 : -ERROR_MEMORY;
}

static int finish(struct segment *s, int result, struct error *error)
{
	if (result == 0)
		return 0;
	error_at(error, s->path, 0, 0);
	segment_close(s);
	return result;
}

int segment_open(struct segment *s, const struct env *env, const char *path, struct error *error)
{
	struct env_stat stat;
	if (begin(s, env, path) != 0)
		return finish(s, error_set(error, ERROR_MEMORY, "no memory for a segment"), error);
	int fd = env->files.open(env->files.ctx, path, ENV_READ);
	if (fd < 0)
		return finish(s, error_io(error, fd, "opening the segment"), error);
	s->fd = fd;
	int result = env->files.fstat(env->files.ctx, fd, &stat);
	if (result < 0)
		return finish(s, error_io(error, result, "looking at the segment"), error);
	s->index.file_bytes = stat.size;
	return finish(s, read_index(s, error), error);
}

int segment_open_image(struct segment *s, const struct env *env, struct slice image, struct error *error)
{
	if (begin(s, env, "") != 0)
		return finish(s, error_set(error, ERROR_MEMORY, "no memory for a segment"), error);
	s->image = image;
	s->index.file_bytes = image.len;
	return finish(s, read_index(s, error), error);
}

void segment_close(struct segment *s)
{
	if (!s->env)
		return;
	if (s->fd >= 0)
		s->env->files.close(s->env->files.ctx, s->fd);
	ZSTD_freeDCtx(s->unzip);
	buffer_free(&s->scratch);
	arena_free(&s->arena);
	*s = (struct segment){.fd = -1};
}

/* ---- columns ---- */

/* One frame, of exactly the size that the block's head says, into room that was made for that size. */
static bool decompress(struct segment *s, const struct segment_block *block, const uint8_t *stored, uint8_t *out)
{
	if (block->stored == block->octets) {
		memcpy(out, stored, block->octets);
		return true;
	}
	if (ZSTD_getFrameContentSize(stored, block->stored) != block->octets ||
		ZSTD_findFrameCompressedSize(stored, block->stored) != block->stored)
		return false;
	return ZSTD_decompressDCtx(s->unzip, out, block->octets, stored, block->stored) == block->octets;
}

static bool is_of(const struct segment_block *block, uint32_t group, const struct segment_column *column, uint32_t n,
				  size_t left)
{
	size_t octets = left < (size_t)LIMIT_block_bytes ? left : (size_t)LIMIT_block_bytes;
	return block->kind == column->kind && block->encoding == column->encoding && block->group == group &&
		   block->block == n && block->octets == octets;
}

static int fetch_blocks(struct segment *s, uint32_t group, const struct segment_column *column, struct slice from,
						uint8_t *out, struct error *error)
{
	size_t done = 0;
	for (uint32_t n = 0; n < column->blocks; n++) {
		struct segment_block block;
		size_t used;
		int result = segment_read_block(from, &block, &used, error);
		if (result != 0)
			return result;
		CHECK(used >= SEGMENT_BLOCK_HEAD && used <= from.len);
		if (!is_of(&block, group, column, n, column->octets - done))
			return error_set(error, ERROR_FORMAT, "segment: a block of another column");
		if (!decompress(s, &block, from.ptr + SEGMENT_BLOCK_HEAD, out + done))
			return error_set(error, ERROR_FORMAT, "segment: a block does not decompress to what it says");
		done += block.octets;
		from = slice_from(from, used);
	}
	return from.len == 0 ? 0 : error_set(error, ERROR_FORMAT, "segment: octets after the blocks of a column");
}

int segment_fetch(struct segment *s, uint32_t group, const struct segment_column *column, struct arena *arena,
				  struct slice *octets, struct error *error)
{
	struct slice from;
	uint8_t *out = arena_alloc(arena, column->octets);
	if (!out)
		return error_set(error, ERROR_MEMORY, "no memory for a column of %u octets", column->octets);
	int result = read_at(s, column->offset, column->stored, &from, error);
	if (result == 0)
		result = fetch_blocks(s, group, column, from, out, error);
	*octets = slice_of(out, column->octets);
	if (result != 0)
		error_at(error, s->path, 0, 0);
	return result;
}

const struct segment_column *segment_find(const struct segment_group *group, enum column_kind kind, uint32_t number)
{
	for (uint32_t i = 0; i < group->column_count; i++)
		if (group->columns[i].kind == (uint8_t)kind && number-- == 0)
			return &group->columns[i];
	return NULL;
}

/* ---- a row group ---- */

static int fetch(void *ctx, enum column_kind kind, uint32_t number, struct arena *arena, struct slice *octets,
				 uint8_t *encoding, struct error *error)
{
	struct segment_rows *rows = ctx;
	const struct segment_group *group = &rows->segment->index.groups[rows->number];
	const struct segment_column *column = segment_find(group, kind, number);
	CHECK(column != NULL);
	*encoding = column->encoding;
	return segment_fetch(rows->segment, rows->number, column, arena, octets, error);
}

static int rows_open(struct segment_rows *rows, struct segment *s, uint32_t number, bool times_later,
					 struct error *error)
{
	CHECK(number < s->index.group_count);
	const struct segment_group *group = &s->index.groups[number];
	*rows = (struct segment_rows){.segment = s, .number = number};
	rows->value_counts = env_alloc(s->env, ((size_t)group->column_count + 1) * sizeof *rows->value_counts);
	if (!rows->value_counts)
		return error_set(error, ERROR_MEMORY, "no memory for a row group");
	struct group_columns from = {.fetch = fetch,
								 .ctx = rows,
								 .value_counts = rows->value_counts,
								 .offset_base = s->index.first_offset,
								 .rows = group->rows,
								 .partition = s->index.partition.partition,
								 .times_later = times_later};
	for (uint32_t i = 0; i < group->column_count; i++)
		if (group->columns[i].kind == COLUMN_VALUES)
			rows->value_counts[from.column_count++] = group->columns[i].values;
	int result = group_open(&rows->group, s->env, &from, error);
	if (result != 0) {
		error_at(error, s->path, 0, 0);
		env_free(s->env, rows->value_counts);
		*rows = (struct segment_rows){0};
	}
	return result;
}

int segment_rows_open(struct segment_rows *rows, struct segment *s, uint32_t number, struct error *error)
{
	return rows_open(rows, s, number, false, error);
}

int segment_rows_open_codes(struct segment_rows *rows, struct segment *s, uint32_t number, struct error *error)
{
	return rows_open(rows, s, number, true, error);
}

void segment_rows_close(struct segment_rows *rows)
{
	if (!rows->segment)
		return;
	group_close(&rows->group);
	env_free(rows->segment->env, rows->value_counts);
	*rows = (struct segment_rows){0};
}
