/* Is what stands in the file what it was made from? Row by row, octet by octet. */
#include "store/segment.h"

struct check {
	struct segment segment;
	struct segment_rows rows;
	const struct segment_input *input;
	uint32_t group, group_run, run_used; /* run_used: rows of the group's run already taken */
	uint64_t row; /* for the message */
	/* What was found equal already, for the batch and the row group at hand: the name of the group for each name of the
	 * batch, + 1, and the last head with the indexes of the batch's row. */
	uint32_t *names;
	const struct batch *batch;
	const struct row_head *head;
	struct batch_row head_of;
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
	const struct batch_row *known = &c->head_of;
	if (c->head == head && known->source == row->source && known->decoder == row->decoder &&
		known->logsource == row->logsource)
		return true;
	c->head = head;
	c->head_of = *row;
	if (same_tables(&c->rows.group, head, b, row))
		return true;
	c->head = NULL;
	return false;
}

/* Two indexes of names mean the same name: compared once for each pair that follows another. */
static bool same_name(struct check *c, const struct batch *b, uint16_t in_group, uint16_t in_batch)
{
	if (c->names[in_batch] == in_group + 1u)
		return true;
	if (!slice_equal(c->rows.group.names[in_group], batch_name(b, in_batch)))
		return false;
	c->names[in_batch] = in_group + 1u;
	return true;
}

static bool same_fields(struct check *c, const struct group_row *row, const struct batch *b,
						const struct batch_row *from)
{
	if (row->field_count != from->field_count)
		return false;
	for (uint32_t i = 0; i < row->field_count; i++) {
		struct batch_value value;
		const struct group_field *field = &row->fields[i];
		batch_get_value(b, from, from->field_first + i, &value);
		if (field->type != value.type || field->small != value.small || field->len != value.text.len ||
			!same_name(c, b, field->name, value.name))
			return false;
		bool has_text = value.type != VALUE_SMALL && value.type != VALUE_NULL;
		if (has_text && field->offset != (size_t)(value.text.ptr - from->text.ptr))
			return false;
	}
	return true;
}

static void forget(struct check *c, const struct batch *b)
{
	c->batch = b;
	c->head = NULL;
	memset(c->names, 0, b->name_count * sizeof *c->names);
}

/* Fields are places in the text, so that equal text and equal places are equal values. */
static bool same_row(struct check *c, const struct group_row *row, const struct batch *b, uint32_t index)
{
	struct batch_row from;
	batch_get_row(b, index, &from);
	if (b != c->batch)
		forget(c, b);
	return row->time_ns == from.time_ns && row->observed_ns == from.observed_ns &&
		   row->original_len == from.original.len && slice_equal(row->text, from.text) &&
		   same_head(c, row->head, b, &from) && same_fields(c, row, b, &from);
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
	c->batch = NULL;
	return result == 0 ? group_load_all(&c->rows.group, error) : result;
}

static int check_row(struct check *c, const struct row_run *from, uint32_t done, struct error *error)
{
	struct group_row row;
	int result = next_group(c, error);
	if (result != 0)
		return result;
	struct group *g = &c->rows.group;
	if (c->run_used == g->runs[c->group_run].rows) {
		c->group_run++;
		c->run_used = 0;
	}
	CHECK(c->group_run < g->run_count);
	result = group_next(g, true, &row, error);
	if (result != 0)
		return result;
	if (!same_run(c, &g->runs[c->group_run], from, done) || !same_row(c, &row, from->batch, from->first + done))
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
	c.names = env_alloc(env, (UINT16_MAX + 1u) * sizeof *c.names);
	if (!c.names)
		result = error_set(error, ERROR_MEMORY, "no memory to verify a segment");
	else
		result =
			same ? check_all(&c, error) : error_set(error, ERROR_DAMAGED, "the new segment's head is not as given");
	env_free(env, c.names);
	segment_rows_close(&c.rows);
	segment_close(&c.segment);
	return result;
}
