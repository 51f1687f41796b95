/* The columns of a row group, decompressed and past all checksums: what the decoder itself believes.
 *
 * Input: rows u8 + 1, then for the seven fixed columns length u16 and octets, then value columns until the end: encoding u8, values
 * u16, length u16, octets. Rows that decode are given to a scan's batch maker as well.
 */
#include "store/group.h"
#include "store/scan_block.h"

#define COLUMNS 32u

struct input {
	struct slice fixed[8];
	struct slice values[COLUMNS];
	uint8_t encodings[COLUMNS];
	uint32_t counts[COLUMNS], column_count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fetch(void *ctx, enum column_kind kind, uint32_t number, struct arena *arena, struct slice *octets,
				 uint8_t *encoding, struct error *error)
{
	const struct input *in = ctx;
	(void)error;
	struct slice from = kind == COLUMN_VALUES ? in->values[number] : in->fixed[kind];
	*encoding = kind == COLUMN_VALUES ? in->encodings[number] : 0;
	*octets = arena_copy(arena, from);
	return octets->ptr || from.len == 0 ? 0 : -ERROR_MEMORY;
}

static void read_input(struct reader *r, struct input *in)
{
	for (unsigned kind = COLUMN_TABLES; kind <= COLUMN_OBSERVED; kind++)
		in->fixed[kind] = reader_slice(r, reader_u16(r));
	while (!r->failed && reader_left(r) > 0 && in->column_count < COLUMNS) {
		uint32_t i = in->column_count++;
		in->encodings[i] = reader_u8(r);
		in->counts[i] = reader_u16(r);
		in->values[i] = reader_slice(r, reader_u16(r));
	}
}

static void read_rows(struct group *g)
{
	struct group_row row;
	struct error error;
	while (g->row < g->from.rows && group_next(g, true, &row, &error) == 0) {
		CHECK(row.original_len <= row.text.len);
		for (uint32_t i = 0; i < row.field_count; i++)
			CHECK(row.fields[i].offset + row.fields[i].len <= row.text.len && row.fields[i].name < g->name_count);
	}
}

static void make_batches(struct group *g)
{
	struct scan_blocks *blocks = scan_blocks_new(g->env);
	struct scan_block block;
	CHECK(blocks != NULL);
	g->row = 0;
	memset(g->cursors, 0, g->from.column_count * sizeof *g->cursors);
	scan_blocks_begin(blocks, g);
	while (scan_blocks_more(blocks) && scan_blocks_next(blocks, true, &block, NULL) == 0)
		CHECK(block.batch->row_count > 0);
	scan_blocks_free(blocks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env env = env_system();
	struct input in = {.column_count = 0};
	struct reader r = reader_of(slice_of(data, size));
	struct group g;
	uint32_t rows = 1u + reader_u8(&r);
	read_input(&r, &in);
	struct group_columns from = {fetch, &in, in.counts, in.column_count, 7, rows, 3, false};
	if (r.failed || group_open(&g, &env, &from, NULL) != 0)
		return 0;
	if (group_load_all(&g, NULL) == 0) {
		read_rows(&g);
		make_batches(&g);
	}
	group_close(&g);
	return 0;
}
