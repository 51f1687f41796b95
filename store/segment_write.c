/* Laying out a segment in memory: blocks as the groups give columns, then footer and trailer. */
#include "common/hash.h"
#include "store/segment.h"

#include <stdlib.h>
#include <zstd.h>

struct segment_writer {
	const struct env *env;
	int level;
	ZSTD_CCtx *zip;
	struct group_writer *group;
	struct buffer file, groups, columns; /* groups and columns: parts of the footer */
	uint32_t block_count, group_count, column_count, group_rows;
	uint64_t rows, rows_total, footer_hash;
	struct zone zone;
};

struct segment_writer *segment_writer_new(const struct env *env, int level)
{
	struct segment_writer *w = env_zalloc(env, sizeof *w);
	if (!w)
		return NULL;
	w->env = env;
	w->level = level ? level : 3;
	buffer_init(&w->file, env);
	buffer_init(&w->groups, env);
	buffer_init(&w->columns, env);
	w->zip = ZSTD_createCCtx();
	w->group = group_writer_new(env);
	if (!w->zip || !w->group) {
		segment_writer_free(w);
		return NULL;
	}
	return w;
}

void segment_writer_free(struct segment_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->zip);
	group_writer_free(w->group);
	buffer_free(&w->file);
	buffer_free(&w->groups);
	buffer_free(&w->columns);
	env_free(w->env, w);
}

const struct zone *segment_writer_zone(const struct segment_writer *w)
{
	return &w->zone;
}

uint64_t segment_writer_footer_hash(const struct segment_writer *w)
{
	return w->footer_hash;
}

static void put_head(struct segment_writer *w, const struct segment_input *in)
{
	uint8_t p[SEGMENT_HEAD_BYTES] = {0};
	struct format_head head = {0, SEGMENT_HEAD_BYTES, 0, 0};
	format_put_head(p, "CRSS", &head);
	memcpy(p + 24, in->uuid, 16);
	p[40] = in->partition.topic;
	put_u32(p + 44, in->partition.partition);
	put_u64(p + 48, in->first_offset);
	put_u64(p + 56, in->last_offset);
	put_u64(p + 64, (uint64_t)in->made_ns);
	put_u64(p + 88, hash_format(p, 88));
	buffer_add(&w->file, p, sizeof p);
}

/* ---- blocks ---- */

/* Stored octets behind the head's place; as they are when zstd does not make them fewer. */
static uint32_t compress(struct segment_writer *w, struct slice part, uint8_t *room)
{
	size_t n = ZSTD_compressCCtx(w->zip, room, ZSTD_compressBound(part.len), part.ptr, part.len, w->level);
	if (!ZSTD_isError(n) && n < part.len)
		return (uint32_t)n;
	memcpy(room, part.ptr, part.len);
	return (uint32_t)part.len;
}

static int put_block(struct segment_writer *w, enum column_kind kind, uint8_t encoding, uint16_t block,
					 struct slice part)
{
	uint8_t *p = buffer_room(&w->file, SEGMENT_BLOCK_HEAD + ZSTD_compressBound(part.len) + 8);
	if (!p)
		return -ERROR_MEMORY;
	uint32_t stored = compress(w, part, p + SEGMENT_BLOCK_HEAD);
	memcpy(p, "CSBK", 4);
	p[4] = (uint8_t)kind;
	p[5] = encoding;
	put_u16(p + 6, (uint16_t)w->group_count);
	put_u16(p + 8, (uint16_t)w->column_count);
	put_u16(p + 10, block);
	put_u32(p + 12, (uint32_t)part.len);
	put_u32(p + 16, stored);
	put_u32(p + 20, w->block_count++);
	uint8_t head[24];
	memcpy(head, p, 24);
	/* The sum covers head and octets, which stand on both sides of it. */
	XXH3_state_t state;
	XXH3_64bits_reset(&state);
	XXH3_64bits_update(&state, head, 24);
	XXH3_64bits_update(&state, p + SEGMENT_BLOCK_HEAD, stored);
	put_u64(p + 24, XXH3_64bits_digest(&state));
	w->file.len += SEGMENT_BLOCK_HEAD + stored;
	buffer_align8(&w->file);
	return 0;
}

static int put_column(void *ctx, enum column_kind kind, uint8_t encoding, uint16_t number, uint32_t values,
					  struct slice octets)
{
	struct segment_writer *w = ctx;
	size_t begin = w->file.len, done = 0;
	uint32_t blocks = 0;
	if (octets.len > GROUP_COLUMN_BYTES_MAX)
		return -ERROR_LIMIT;
	while (done < octets.len) {
		size_t left = octets.len - done, part = left < (size_t)LIMIT_block_bytes ? left : (size_t)LIMIT_block_bytes;
		int result = put_block(w, kind, encoding, (uint16_t)blocks++, slice_of(octets.ptr + done, part));
		if (result != 0)
			return result;
		done += part;
	}
	buffer_add_octet(&w->columns, (uint8_t)kind);
	buffer_add_octet(&w->columns, encoding);
	buffer_add_u16(&w->columns, number);
	buffer_add_u32(&w->columns, values);
	buffer_add_u64(&w->columns, begin);
	buffer_add_u32(&w->columns, blocks);
	buffer_add_u32(&w->columns, (uint32_t)octets.len);
	buffer_add_u32(&w->columns, (uint32_t)(w->file.len - begin));
	w->column_count++;
	return 0;
}

/* ---- groups ---- */

static void put_zone(struct buffer *out, const struct zone *zone)
{
	buffer_add_u64(out, (uint64_t)zone->when_min);
	buffer_add_u64(out, (uint64_t)zone->when_max);
	buffer_add_u64(out, (uint64_t)zone->observed_min);
	buffer_add_u64(out, (uint64_t)zone->observed_max);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void put_sources(struct buffer *out, const struct strings *sources)
{
	uint64_t hashes[GROUP_SOURCES_LISTED];
	if (sources->count > GROUP_SOURCES_LISTED) {
		buffer_add_u32(out, SEGMENT_SOURCES_UNLISTED);
		return;
	}
	for (uint32_t i = 0; i < sources->count; i++)
		hashes[i] = hash_format(sources->items[i].ptr, sources->items[i].len);
	qsort(hashes, sources->count, sizeof hashes[0], by_value);
	buffer_add_u32(out, sources->count);
	for (uint32_t i = 0; i < sources->count; i++)
		buffer_add_u64(out, hashes[i]);
}

static int finish_group(struct segment_writer *w, uint64_t offset_base, struct error *error)
{
	buffer_reset(&w->columns);
	w->column_count = 0;
	int result = group_finish(w->group, offset_base, put_column, w, error);
	if (result != 0)
		return result;
	const struct zone *zone = group_zone(w->group);
	zone_join(&w->zone, zone);
	w->rows += group_rows(w->group);
	buffer_add_u32(&w->groups, group_rows(w->group));
	buffer_add_u32(&w->groups, w->column_count);
	put_zone(&w->groups, zone);
	buffer_add_u32(&w->groups, zone->kinds);
	put_sources(&w->groups, group_sources(w->group));
	buffer_add_slice(&w->groups, buffer_slice(&w->columns));
	w->group_count++;
	group_begin(w->group, w->rows_total > w->rows ? w->rows_total - w->rows : 0);
	if (w->file.failed || w->groups.failed || w->columns.failed)
		return error_set(error, ERROR_MEMORY, "no memory for a segment");
	return w->group_count <= SEGMENT_GROUPS_MAX ? 0 : error_set(error, ERROR_LIMIT, "too many row groups");
}

/* A run longer than what the group still takes is cut. */
static int add_run(struct segment_writer *w, const struct row_run *run, uint64_t offset_base, struct error *error)
{
	struct row_run rest = *run;
	while (rest.count > 0) {
		uint32_t room = w->group_rows - group_rows(w->group);
		if (room == 0 || !group_fits(w->group, rest.batch)) {
			int result = finish_group(w, offset_base, error);
			if (result != 0)
				return result;
			continue;
		}
		struct row_run part = rest;
		part.count = rest.count < room ? rest.count : room;
		int result = group_add(w->group, &part, error);
		if (result != 0)
			return result;
		rest.first += part.count;
		rest.count -= part.count;
	}
	return 0;
}

/* ---- footer and trailer ---- */

static void put_footer(struct segment_writer *w, const struct segment_input *in)
{
	struct buffer *out = &w->file;
	buffer_add_u32(out, w->group_count);
	buffer_add_u32(out, in->mark_count);
	buffer_add_u64(out, w->rows);
	buffer_add_u64(out, in->first_leaf);
	buffer_add_u64(out, w->rows);
	put_zone(out, &w->zone);
	buffer_add_zeros(out, 16 + 4 + 4);
	for (uint32_t i = 0; i < in->mark_count; i++) {
		buffer_add(out, in->marks[i].collector, 16);
		buffer_add_u64(out, in->marks[i].epoch);
		buffer_add_u64(out, in->marks[i].first);
		buffer_add_u64(out, in->marks[i].next);
	}
	buffer_add_slice(out, buffer_slice(&w->groups));
}

static void put_trailer(struct segment_writer *w, size_t footer_at)
{
	uint8_t p[SEGMENT_TRAILER_BYTES] = {0};
	if (w->file.failed)
		return;
	size_t footer_len = w->file.len - footer_at;
	w->footer_hash = hash_format(w->file.ptr + footer_at, footer_len);
	memcpy(p, "CRSE", 4);
	put_u32(p + 4, (uint32_t)footer_len);
	put_u64(p + 8, footer_at);
	put_u64(p + 16, w->file.len + SEGMENT_TRAILER_BYTES);
	put_u32(p + 24, w->block_count);
	put_u64(p + 32, w->footer_hash);
	put_u64(p + 40, hash_format(p, 40));
	buffer_add(&w->file, p, sizeof p);
}

static void begin(struct segment_writer *w, const struct segment_input *input)
{
	w->rows_total = 0;
	for (uint32_t i = 0; i < input->run_count; i++)
		w->rows_total += input->runs[i].count;
	w->group_rows = input->group_rows ? input->group_rows : GROUP_ROWS_MAX;
	buffer_reset(&w->file);
	buffer_reset(&w->groups);
	buffer_reset(&w->columns);
	group_begin(w->group, w->rows_total < w->group_rows ? w->rows_total : w->group_rows);
	w->block_count = w->group_count = w->column_count = 0;
	w->rows = 0;
	w->zone = ZONE_EMPTY;
}

int segment_build(struct segment_writer *w, const struct segment_input *input, struct slice *file, struct error *error)
{
	CHECK(input->run_count > 0 && input->mark_count <= SEGMENT_MARKS_MAX && input->group_rows <= GROUP_ROWS_MAX);
	begin(w, input);
	put_head(w, input);
	for (uint32_t i = 0; i < input->run_count; i++) {
		int result = add_run(w, &input->runs[i], input->first_offset, error);
		if (result != 0)
			return result;
	}
	int result = finish_group(w, input->first_offset, error);
	if (result != 0)
		return result;
	size_t footer_at = w->file.len;
	put_footer(w, input);
	put_trailer(w, footer_at);
	if (w->file.failed)
		return error_set(error, ERROR_MEMORY, "no memory for a segment");
	if (w->file.len > (size_t)LIMIT_segment_bytes)
		return error_set(error, ERROR_LIMIT, "a segment of %zu octets; at most %lld", w->file.len,
						 (long long)LIMIT_segment_bytes);
	*file = buffer_slice(&w->file);
	return 0;
}
