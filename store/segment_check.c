#include "store/segment_check.h"
#include "common/hash.h"

static int damaged(struct error *error, const char *what)
{
	return error_set(error, ERROR_DAMAGED, "%s", what);
}

/* ---- blocks, one behind the other ---- */

/* Reads the block at `at`; *used is 0 when it cannot be one. */
static int walk_block(const struct env *env, int fd, uint64_t at, uint64_t end, struct buffer *scratch,
					  struct segment_block *block, size_t *used, struct error *error)
{
	uint8_t head[SEGMENT_BLOCK_HEAD];
	if (end - at < SEGMENT_BLOCK_HEAD)
		return damaged(error, "octets that are no block");
	int result = env_read_all(env, fd, head, sizeof head, at);
	if (result < 0)
		return error_io(error, result, "reading a block");
	uint64_t len = SEGMENT_BLOCK_HEAD + (((uint64_t)get_u32(head + 16) + 7) & ~UINT64_C(7));
	if (len > end - at || len > (uint64_t)LIMIT_block_bytes + SEGMENT_BLOCK_HEAD)
		return damaged(error, "a block's lengths are wrong");
	buffer_reset(scratch);
	uint8_t *room = buffer_room(scratch, (size_t)len);
	if (!room)
		return error_set(error, ERROR_MEMORY, "no memory for a block");
	result = env_read_all(env, fd, room, (size_t)len, at);
	if (result < 0)
		return error_io(error, result, "reading a block");
	return segment_read_block(slice_of(room, (size_t)len), block, used, error);
}

int segment_check_blocks(struct segment *s, struct error *error)
{
	uint64_t end = SEGMENT_HEAD_BYTES, number = 0;
	for (uint32_t g = 0; g < s->index.group_count; g++)
		for (uint32_t c = 0; c < s->index.groups[g].column_count; c++) {
			const struct segment_column *column = &s->index.groups[g].columns[c];
			if (column->offset != end)
				return damaged(error, "columns do not follow each other");
			end += column->stored;
			number += column->blocks;
		}
	if (number != s->index.block_count)
		return damaged(error, "the number of blocks is not what the trailer says");
	int result = 0;
	number = 0;
	for (uint64_t at = SEGMENT_HEAD_BYTES; at < end && result == 0;) {
		struct segment_block block;
		size_t used = 0;
		result = walk_block(s->env, s->fd, at, end, &s->scratch, &block, &used, error);
		if (result == 0 && block.number != number++)
			return damaged(error, "blocks are not numbered in order");
		at += used;
	}
	return result;
}

int segment_walk(const struct env *env, const char *path, uint32_t *blocks, uint32_t *groups)
{
	struct env_stat stat;
	struct buffer scratch;
	*blocks = *groups = 0;
	int fd = env->files.open(env->files.ctx, path, ENV_READ);
	if (fd < 0)
		return fd;
	buffer_init(&scratch, env);
	int result = env->files.fstat(env->files.ctx, fd, &stat);
	for (uint64_t at = SEGMENT_HEAD_BYTES; result == 0 && at < stat.size;) {
		struct segment_block block;
		size_t used;
		if (walk_block(env, fd, at, stat.size, &scratch, &block, &used, NULL) != 0)
			break;
		at += used;
		++*blocks;
		*groups = block.group + 1u > *groups ? block.group + 1u : *groups;
	}
	env->files.close(env->files.ctx, fd);
	buffer_free(&scratch);
	return result;
}

/* ---- a row group ---- */

static bool run_in_marks(const struct segment_index *index, const struct group_run *run)
{
	static const uint8_t nobody[16];
	if (run->epoch == 0 && memcmp(run->collector, nobody, 16) == 0)
		return run->first_sequence == run->offset; /* a quarantined batch */
	for (uint32_t i = 0; i < index->mark_count; i++) {
		const struct segment_mark *mark = &index->marks[i];
		if (mark->epoch == run->epoch && memcmp(mark->collector, run->collector, 16) == 0)
			return run->first_sequence >= mark->first && run->first_sequence + run->rows <= mark->next;
	}
	return false;
}

static int check_runs(const struct segment *s, const struct group *g, struct error *error)
{
	for (uint32_t i = 0; i < g->run_count; i++) {
		if (g->runs[i].offset > s->index.last_offset)
			return damaged(error, "a run of a bus offset after the last");
		if (!run_in_marks(&s->index, &g->runs[i]))
			return damaged(error, "rows whose sequences are not in the marks");
	}
	return 0;
}

static int check_sources(const struct segment_group *from, const struct group *g, struct error *error)
{
	if (from->source_count == SEGMENT_SOURCES_UNLISTED)
		return 0;
	if (from->source_count != g->source_count)
		return damaged(error, "source hashes are not those of the sources");
	for (uint32_t i = 0; i < g->source_count; i++) {
		uint64_t hash = hash_format(g->sources[i].ptr, g->sources[i].len);
		uint32_t k = 0;
		while (k < from->source_count && from->sources[k] != hash)
			k++;
		if (k == from->source_count)
			return damaged(error, "a source is not among the source hashes");
	}
	return 0;
}

static int check_rows(const struct segment_group *from, struct group *g, struct error *error)
{
	struct zone zone = ZONE_EMPTY;
	for (uint32_t i = 0; i < g->from.rows; i++) {
		struct group_row row;
		int result = group_next(g, true, &row, error);
		if (result != 0)
			return result;
		struct batch_row as = {.time_ns = row.time_ns, .observed_ns = row.observed_ns, .quality = row.head->quality};
		int64_t when = batch_row_when(&as);
		struct zone one = {when, when, row.observed_ns, row.observed_ns, zone_kind_bit(row.head->kind)};
		zone_join(&zone, &one);
	}
	bool same = zone.when_min == from->zone.when_min && zone.when_max == from->zone.when_max &&
				zone.observed_min == from->zone.observed_min && zone.observed_max == from->zone.observed_max &&
				zone.kinds == from->zone.kinds;
	return same ? 0 : damaged(error, "zone maps are not those of the rows");
}

/* What no other check reads. */
static int check_filter(struct segment *s, uint32_t number, struct error *error)
{
	struct arena arena;
	struct slice filter;
	arena_init(&arena, s->env, 0);
	int result =
		segment_fetch(s, number, segment_find(&s->index.groups[number], COLUMN_FILTER, 0), &arena, &filter, error);
	if (result == 0 && !filter_valid(filter))
		result = damaged(error, "the filter has no whole blocks");
	arena_free(&arena);
	return result;
}

int segment_check_group(struct segment *s, uint32_t number, struct error *error)
{
	struct segment_rows rows;
	const struct segment_group *from = &s->index.groups[number];
	int result = check_filter(s, number, error);
	if (result != 0)
		return result;
	result = segment_rows_open(&rows, s, number, error);
	if (result != 0)
		return result;
	result = group_load_all(&rows.group, error);
	if (result == 0)
		result = check_runs(s, &rows.group, error);
	if (result == 0)
		result = check_sources(from, &rows.group, error);
	if (result == 0)
		result = check_rows(from, &rows.group, error);
	segment_rows_close(&rows);
	return result;
}
