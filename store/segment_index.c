/* Head, footer, trailer and block heads, as a stranger's file says them. */
#include "common/hash.h"
#include "store/segment.h"

static int bad(struct error *error, const char *what)
{
	return error_set(error, ERROR_FORMAT, "segment: %s", what);
}

static int damaged(struct error *error, const char *what)
{
	return error_set(error, ERROR_DAMAGED, "segment: the checksum of the %s does not hold", what);
}

static bool zeros(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

int segment_read_head(struct slice octets, struct segment_index *index, struct error *error)
{
	struct format_head head;
	const uint8_t *p = octets.ptr;
	if (octets.len < SEGMENT_HEAD_BYTES)
		return bad(error, "shorter than its head");
	int result = format_get_head(octets, "CRSS", 0, 0, &head, error);
	if (result != 0)
		return result;
	if (get_u64(p + 88) != hash_format(p, 88))
		return damaged(error, "head");
	if (head.head_bytes != SEGMENT_HEAD_BYTES || !zeros(p + 41, 3) || !zeros(p + 72, 16))
		return bad(error, "reserved octets of the head are not zero");
	memcpy(index->uuid, p + 24, 16);
	index->partition = (struct store_partition){p[40], get_u32(p + 44)};
	index->first_offset = get_u64(p + 48);
	index->last_offset = get_u64(p + 56);
	index->made_ns = (int64_t)get_u64(p + 64);
	return index->first_offset <= index->last_offset ? 0 : bad(error, "first bus offset after the last");
}

int segment_read_trailer(struct slice octets, struct segment_index *index, uint64_t *footer_offset,
						 uint32_t *footer_len, struct error *error)
{
	const uint8_t *p = octets.ptr;
	CHECK(octets.len == SEGMENT_TRAILER_BYTES);
	if (memcmp(p, "CRSE", 4) != 0)
		return bad(error, "no trailer at the end");
	if (get_u64(p + 40) != hash_format(p, 40))
		return damaged(error, "trailer");
	*footer_len = get_u32(p + 4);
	*footer_offset = get_u64(p + 8);
	if (get_u64(p + 16) != index->file_bytes || get_u32(p + 28) != 0)
		return bad(error, "the file is not as long as its trailer says");
	if (*footer_offset < SEGMENT_HEAD_BYTES || *footer_offset > index->file_bytes ||
		index->file_bytes - *footer_offset != (uint64_t)*footer_len + SEGMENT_TRAILER_BYTES)
		return bad(error, "the footer is not where the trailer says");
	index->block_count = get_u32(p + 24);
	index->footer_hash = get_u64(p + 32);
	return 0;
}

/* ---- footer ---- */

static void read_zone(struct reader *r, struct zone *zone)
{
	zone->when_min = (int64_t)reader_u64(r);
	zone->when_max = (int64_t)reader_u64(r);
	zone->observed_min = (int64_t)reader_u64(r);
	zone->observed_max = (int64_t)reader_u64(r);
}

/* Room for n things that take at least `least` octets each of what is left. */
static void *room_for(struct arena *arena, struct reader *r, uint32_t n, size_t least, size_t size)
{
	if (r->failed || n > reader_left(r) / least)
		r->failed = true;
	return r->failed ? NULL : arena_alloc(arena, n * size);
}

static bool read_marks(struct reader *r, struct segment_index *index, struct arena *arena)
{
	index->marks = room_for(arena, r, index->mark_count, 40, sizeof *index->marks);
	for (uint32_t i = 0; index->marks && i < index->mark_count; i++) {
		struct slice collector = reader_slice(r, 16);
		if (r->failed)
			return false;
		memcpy(index->marks[i].collector, collector.ptr, 16);
		index->marks[i].epoch = reader_u64(r);
		index->marks[i].first = reader_u64(r);
		index->marks[i].next = reader_u64(r);
		if (index->marks[i].first > index->marks[i].next)
			return false;
	}
	return index->marks != NULL;
}

static bool read_column(struct reader *r, struct segment_column *c, uint64_t footer_offset)
{
	c->kind = reader_u8(r);
	c->encoding = reader_u8(r);
	c->number = reader_u16(r);
	c->values = reader_u32(r);
	c->offset = reader_u64(r);
	c->blocks = reader_u32(r);
	c->octets = reader_u32(r);
	c->stored = reader_u32(r);
	uint64_t block = (uint64_t)LIMIT_block_bytes;
	return !r->failed && c->octets <= GROUP_COLUMN_BYTES_MAX && c->blocks == (c->octets + block - 1) / block &&
		   c->offset >= SEGMENT_HEAD_BYTES && c->offset <= footer_offset && c->stored <= footer_offset - c->offset &&
		   c->stored <= (uint64_t)c->octets + (uint64_t)c->blocks * (SEGMENT_BLOCK_HEAD + 8);
}

static bool read_sources(struct reader *r, struct segment_group *g, struct arena *arena)
{
	if (g->source_count == SEGMENT_SOURCES_UNLISTED)
		return true;
	uint64_t *sources = room_for(arena, r, g->source_count, 8, sizeof *sources);
	for (uint32_t i = 0; sources && i < g->source_count; i++)
		sources[i] = reader_u64(r);
	g->sources = sources;
	return sources != NULL && !r->failed;
}

static bool read_columns(struct reader *r, struct segment_group *g, struct arena *arena, uint64_t footer_offset)
{
	struct segment_column *columns = room_for(arena, r, g->column_count, 28, sizeof *columns);
	if (!columns || g->column_count > GROUP_COLUMNS_MAX)
		return false;
	uint32_t seen = 0, fixed = 0;
	for (uint32_t i = 0; i < g->column_count; i++) {
		if (!read_column(r, &columns[i], footer_offset))
			return false;
		uint32_t kind = columns[i].kind;
		if (kind == COLUMN_VALUES || kind == 0 || kind > COLUMN_FILTER)
			continue;
		fixed += !(seen & 1u << kind);
		if (seen & 1u << kind)
			return false;
		seen |= 1u << kind;
	}
	g->columns = columns;
	return fixed == 8;
}

static bool read_group(struct reader *r, struct segment_group *g, struct arena *arena, uint64_t footer_offset)
{
	*g = (struct segment_group){0};
	g->rows = reader_u32(r);
	g->column_count = reader_u32(r);
	read_zone(r, &g->zone);
	g->zone.kinds = reader_u32(r);
	g->source_count = reader_u32(r);
	if (r->failed || g->rows == 0 || g->rows > GROUP_ROWS_MAX)
		return false;
	return read_sources(r, g, arena) && read_columns(r, g, arena, footer_offset);
}

static int read_groups(struct reader *r, struct segment_index *index, struct arena *arena, uint64_t footer_offset,
					   struct error *error)
{
	uint64_t rows = 0;
	index->groups = room_for(arena, r, index->group_count, 48, sizeof *index->groups);
	if (!index->groups)
		return r->failed ? bad(error, "footer too short") : error_set(error, ERROR_MEMORY, "no memory for a footer");
	for (uint32_t i = 0; i < index->group_count; i++) {
		if (!read_group(r, &index->groups[i], arena, footer_offset))
			return error_set(error, ERROR_FORMAT, "segment: the footer's row group %u is wrong", i);
		rows += index->groups[i].rows;
		index->zone.kinds |= index->groups[i].zone.kinds;
	}
	return rows == index->rows && reader_left(r) == 0 ? 0 : bad(error, "the footer's rows do not add up");
}

int segment_read_footer(struct slice octets, uint64_t footer_offset, struct segment_index *index, struct arena *arena,
						struct error *error)
{
	struct reader r = reader_of(octets);
	if (hash_format(octets.ptr, octets.len) != index->footer_hash)
		return damaged(error, "footer");
	index->group_count = reader_u32(&r);
	index->mark_count = reader_u32(&r);
	index->rows = reader_u64(&r);
	index->first_leaf = reader_u64(&r);
	uint64_t leaves = reader_u64(&r);
	read_zone(&r, &index->zone);
	struct slice salt = reader_slice(&r, 16);
	uint32_t level1 = reader_u32(&r), zero = reader_u32(&r);
	if (r.failed || index->group_count == 0 || index->group_count > SEGMENT_GROUPS_MAX ||
		index->mark_count > SEGMENT_MARKS_MAX || leaves != index->rows || level1 != 0 || zero != 0 ||
		index->first_leaf > UINT64_MAX - leaves)
		return bad(error, "the footer begins wrongly");
	memcpy(index->salt_key, salt.ptr, 16);
	if (!read_marks(&r, index, arena))
		return bad(error, "the footer's marks are wrong");
	return read_groups(&r, index, arena, footer_offset, error);
}

/* ---- blocks ---- */

int segment_read_block(struct slice octets, struct segment_block *block, size_t *used, struct error *error)
{
	const uint8_t *p = octets.ptr;
	if (octets.len < SEGMENT_BLOCK_HEAD || memcmp(p, "CSBK", 4) != 0)
		return bad(error, "no block where one should be");
	block->kind = p[4];
	block->encoding = p[5];
	block->group = get_u16(p + 6);
	block->column = get_u16(p + 8);
	block->block = get_u16(p + 10);
	block->octets = get_u32(p + 12);
	block->stored = get_u32(p + 16);
	block->number = get_u32(p + 20);
	size_t padded = SEGMENT_BLOCK_HEAD + (((size_t)block->stored + 7) & ~(size_t)7);
	if (block->octets == 0 || block->octets > (uint32_t)LIMIT_block_bytes || block->stored > block->octets ||
		padded > octets.len)
		return bad(error, "a block's lengths are wrong");
	XXH3_state_t state;
	XXH3_64bits_reset(&state);
	XXH3_64bits_update(&state, p, 24);
	XXH3_64bits_update(&state, p + SEGMENT_BLOCK_HEAD, block->stored);
	if (XXH3_64bits_digest(&state) != get_u64(p + 24))
		return damaged(error, "block");
	if (!zeros(p + SEGMENT_BLOCK_HEAD + block->stored, padded - SEGMENT_BLOCK_HEAD - block->stored))
		return bad(error, "padding of a block is not zero");
	*used = padded;
	return 0;
}
