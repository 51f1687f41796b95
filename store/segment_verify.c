/* Is what stands in the file what it was made from? Row by row, octet by octet. */
#include "store/segment.h"

#define COMPARE_CHUNK_BYTES (1u << 20)

/* The row with whose tables a head was compared last. */
struct known_tables {
	const struct batch *batch; /* null: not compared yet */
	uint16_t source, decoder, logsource;
};

struct check {
	struct segment segment;
	struct segment_rows rows;
	const struct segment_input *input;
	uint32_t group, group_run, run_used; /* run_used: rows of the group's run already taken */
	uint64_t row; /* for the message */
	struct arena arena; /* for compare and tables */
	struct group_compare compare;
	struct known_tables *tables; /* of each head of the group */
};

static bool same_tables(const struct group *g, const struct row_head *head, const struct batch *b,
						const struct batch_row *row)
{
	struct slice source = head->source ? g->sources[head->source - 1] : SLICE_NONE;
	struct group_decoder decoder =
		head->decoder ? g->decoders[head->decoder - 1] : (struct group_decoder){SLICE_NONE, 0};
	struct logsource logsource = {SLICE_NONE, SLICE_NONE, SLICE_NONE};
	if (head->logsource)
		logsource = g->logsources[head->logsource - 1];
	uint16_t version;
	struct slice name = batch_decoder_name(b, row->decoder, &version);
	struct logsource from = batch_get_logsource(b, row->logsource);
	return (head->source == 0) == (row->source == BATCH_NO_INDEX) &&
		   (head->decoder == 0) == (row->decoder == BATCH_NO_INDEX) &&
		   (head->logsource == 0) == (row->logsource == BATCH_NO_INDEX) &&
		   slice_equal(source, batch_source_line(b, row->source)) && slice_equal(decoder.name, name) &&
		   decoder.version == version && slice_equal(logsource.product, from.product) &&
		   slice_equal(logsource.category, from.category) && slice_equal(logsource.service, from.service);
}

static bool same_head(struct check *c, const struct row_head *head, const struct batch *b, const struct batch_row *row)
{
	if (head->kind != row->kind || head->charset != row->charset || head->format != row->format ||
		head->flags != row->flags || head->quality != row->quality)
		return false;
	struct known_tables *known = &c->tables[head - c->rows.group.heads];
	if (known->batch == b && known->source == row->source && known->decoder == row->decoder &&
		known->logsource == row->logsource)
		return true;
	if (!same_tables(&c->rows.group, head, b, row))
		return false;
	*known = (struct known_tables){b, row->source, row->decoder, row->logsource};
	return true;
}

/* Fields are places in the text, so that equal text and equal places are equal values. */
static int same_row(struct check *c, const struct batch *b, uint32_t index)
{
	struct batch_row from;
	struct group *g = &c->rows.group;
	uint32_t row = g->row;
	batch_get_row(b, index, &from);
	if ((int64_t)g->times[row] != from.time_ns || (int64_t)g->observed[row] != from.observed_ns ||
		!same_head(c, &g->heads[g->head_codes[row]], b, &from))
		return 0;
	return group_compare_next(&c->compare, b, &from);
}

static bool same_run(const struct check *c, const struct group_run *run, const struct row_run *from, uint32_t done)
{
	const struct batch *b = from->batch;
	return run->offset == from->offset && run->row_first == from->first + done - c->run_used &&
		   run->epoch == b->identity.epoch && memcmp(run->collector, b->identity.collector, 16) == 0 &&
		   run->first_sequence == b->identity.first_sequence + from->first + done - c->run_used &&
		   run->may_flags == b->may_flags && run->must_flags == b->must_flags &&
		   run->observed_base_ns == b->observed_base_ns;
}

/* The group in which the next row stands, opened when the one before is used up. */
static int next_group(struct check *c, struct error *error)
{
	if (c->rows.segment && c->rows.group.row < c->rows.group.from.rows)
		return 0;
	segment_rows_close(&c->rows);
	if (c->group == c->segment.index.group_count)
		return error_set(error, ERROR_DAMAGED, "the new segment has too few rows");
	int result = segment_rows_open(&c->rows, &c->segment, c->group++, error);
	c->group_run = c->run_used = 0;
	arena_reset(&c->arena);
	if (result == 0)
		result = group_load_all(&c->rows.group, error);
	if (result != 0)
		return result;
	c->tables = arena_zalloc(&c->arena, c->rows.group.head_count * sizeof *c->tables);
	if (!c->tables)
		return error_set(error, ERROR_MEMORY, "no memory to verify a segment");
	return group_compare_open(&c->compare, &c->rows.group, &c->arena, error);
}

static int check_row(struct check *c, const struct row_run *from, uint32_t done, struct error *error)
{
	int result = next_group(c, error);
	if (result != 0)
		return result;
	struct group *g = &c->rows.group;
	if (c->run_used == g->runs[c->group_run].rows) {
		c->group_run++;
		c->run_used = 0;
	}
	CHECK(c->group_run < g->run_count);
	/* Both runs go on by the same rows: what is the same at the beginning of either stays the same. */
	bool same = (done > 0 && c->run_used > 0) || same_run(c, &g->runs[c->group_run], from, done);
	result = same ? same_row(c, from->batch, from->first + done) : 0;
	if (result < 0)
		return error_set(error, ERROR_MEMORY, "no memory to verify a segment");
	if (result == 0)
		return error_set(error, ERROR_DAMAGED, "row %llu of the new segment does not come back as it was",
						 (unsigned long long)c->row);
	c->run_used++;
	c->row++;
	return 0;
}

static int check_all(struct check *c, struct error *error)
{
	for (uint32_t i = 0; i < c->input->run_count; i++)
		for (uint32_t k = 0; k < c->input->runs[i].count; k++) {
			int result = check_row(c, &c->input->runs[i], k, error);
			if (result != 0)
				return result;
		}
	if (c->row != c->segment.index.rows)
		return error_set(error, ERROR_DAMAGED, "the new segment has too many rows");
	return 0;
}

int segment_verify(const struct env *env, struct slice file, const struct segment_input *input, struct error *error)
{
	struct check c = {.input = input};
	int result = segment_open_image(&c.segment, env, file, error);
	if (result != 0)
		return result;
	const struct segment_index *index = &c.segment.index;
	bool same = memcmp(index->uuid, input->uuid, 16) == 0 && index->partition.topic == input->partition.topic &&
				index->partition.partition == input->partition.partition &&
				index->first_offset == input->first_offset && index->last_offset == input->last_offset &&
				index->first_leaf == input->first_leaf && index->mark_count == input->mark_count;
	arena_init(&c.arena, env, COMPARE_CHUNK_BYTES);
	result = same ? check_all(&c, error) : error_set(error, ERROR_DAMAGED, "the new segment's head is not as given");
	arena_free(&c.arena);
	segment_rows_close(&c.rows);
	segment_close(&c.segment);
	return result;
}
