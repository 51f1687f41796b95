#include "correlate/outbox.h"

#define BATCH_SPAN_NS (4 * NS_PER_S)

int outbox_init(struct outbox *o, const struct env *env, uint32_t partitions, const uint8_t collector[16],
				uint64_t epoch)
{
	*o = (struct outbox){.env = env, .count = partitions, .epoch = epoch, .observed_ns = 0};
	memcpy(o->collector, collector, 16);
	o->lanes = env_zalloc(env, sizeof(*o->lanes) * partitions);
	if (o->lanes == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < partitions; i++)
		buffer_init(&o->lanes[i].rows, env);
	return 0;
}

void outbox_free(struct outbox *o)
{
	for (uint32_t i = 0; o->lanes != NULL && i < o->count; i++)
		buffer_free(&o->lanes[i].rows);
	if (o->lanes != NULL)
		env_free(o->env, o->lanes);
	o->lanes = NULL;
}

void outbox_add(struct outbox *o, uint32_t partition, enum row_kind kind, int64_t observed_ns, int64_t time_ns,
				struct slice json)
{
	CHECK(partition < o->count);
	struct outbox_lane *lane = &o->lanes[partition];
	if (observed_ns > o->observed_ns)
		o->observed_ns = observed_ns;
	buffer_add_u32(&lane->rows, (uint32_t)kind);
	buffer_add_u32(&lane->rows, (uint32_t)json.len);
	buffer_add_u64(&lane->rows, (uint64_t)o->observed_ns);
	buffer_add_u64(&lane->rows, (uint64_t)time_ns);
	buffer_add_slice(&lane->rows, json);
	lane->sequence++;
	lane->waiting++;
}

bool outbox_failed(const struct outbox *o)
{
	for (uint32_t i = 0; i < o->count; i++)
		if (o->lanes[i].rows.failed)
			return true;
	return false;
}

size_t outbox_bytes(const struct outbox *o)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < o->count; i++)
		bytes += o->lanes[i].rows.len;
	return bytes;
}

bool outbox_empty(const struct outbox *o)
{
	return outbox_bytes(o) == 0;
}

static int put_row(struct batch_builder *builder, struct reader *rows)
{
	enum row_kind kind = (enum row_kind)reader_u32(rows);
	uint32_t len = reader_u32(rows);
	int64_t observed = (int64_t)reader_u64(rows), time = (int64_t)reader_u64(rows);
	int result = batch_row(builder, kind, observed, reader_slice(rows, len));
	if (result < 0)
		return result;
	batch_row_time(builder, time, TIME_PRESENT | TIME_ZONE_EXPLICIT);
	batch_row_tables(builder, BATCH_NO_INDEX, BATCH_NO_INDEX, BATCH_NO_INDEX);
	batch_row_flags(builder, 0, CHARSET_UTF8, FORMAT_JSON);
	return batch_row_end(builder);
}

/* Takes rows while they fit one batch: count, octets, and the span of observed times that a batch may cover. */
static int fill(struct outbox_lane *lane, struct batch_builder *builder, struct reader *rows, uint32_t *taken)
{
	int64_t base = (int64_t)get_u64(rows->ptr + 8);
	for (*taken = 0; *taken < lane->waiting; ++*taken) {
		uint32_t len = get_u32(rows->ptr + 4);
		int64_t observed = (int64_t)get_u64(rows->ptr + 8);
		bool full = *taken >= LIMIT_batch_rows || observed >= base + BATCH_SPAN_NS ||
					batch_builder_bytes(builder) + len > (size_t)LIMIT_batch_bytes;
		if (*taken > 0 && full)
			return 0;
		int result = put_row(builder, rows);
		if (result < 0)
			return result;
	}
	return 0;
}

static int flush_lane(struct outbox *o, uint32_t partition, struct batch_builder *builder,
					  const struct correlate_sink *sink, struct error *error)
{
	struct outbox_lane *lane = &o->lanes[partition];
	while (lane->waiting > 0) {
		struct reader rows = reader_of(buffer_slice(&lane->rows));
		struct batch_identity identity = {.epoch = o->epoch, .partition = partition};
		memcpy(identity.collector, o->collector, 16);
		identity.first_sequence = lane->sequence - lane->waiting;
		batch_begin(builder, &identity, 0, (int64_t)get_u64(rows.ptr + 8));
		uint32_t taken;
		int result = fill(lane, builder, &rows, &taken);
		if (result < 0)
			return error_set(error, (enum error_code) - result, "a row for incidents cannot be put into a batch");
		struct slice octets;
		result = batch_finish(builder, &octets, error);
		if (result < 0)
			return result;
		if (sink->incidents != NULL && sink->incidents(sink->ctx, partition, octets) < 0) {
			error_set(error, ERROR_FULL, "incidents partition %u takes no rows now", partition);
			if (error != NULL)
				error->flags |= ERROR_RETRIABLE;
			return -ERROR_FULL;
		}
		size_t left = reader_left(&rows);
		memmove(lane->rows.ptr, rows.ptr, left);
		lane->rows.len = left;
		lane->waiting -= taken;
	}
	return 0;
}

int outbox_flush(struct outbox *o, struct batch_builder *builder, const struct correlate_sink *sink,
				 struct error *error)
{
	if (outbox_failed(o))
		return error_set(error, ERROR_MEMORY, "no memory for rows of incidents");
	for (uint32_t i = 0; i < o->count; i++) {
		int result = flush_lane(o, i, builder, sink, error);
		if (result < 0)
			return result;
	}
	return 0;
}

void outbox_save(const struct outbox *o, struct buffer *out)
{
	CHECK(outbox_empty(o));
	buffer_add_u32(out, o->count);
	buffer_add_u32(out, 0);
	buffer_add_u64(out, o->epoch);
	buffer_add_u64(out, (uint64_t)o->observed_ns);
	for (uint32_t i = 0; i < o->count; i++)
		buffer_add_u64(out, o->lanes[i].sequence);
}

int outbox_restore(struct outbox *o, struct reader *reader, struct error *error)
{
	uint32_t count = reader_u32(reader);
	reader_u32(reader);
	o->epoch = reader_u64(reader); /* what is made again must have the name it had */
	o->observed_ns = (int64_t)reader_u64(reader);
	if (reader->failed || count != o->count)
		return error_set(error, ERROR_CONFLICT, "saved for %u incidents partitions, there are %u", count, o->count);
	for (uint32_t i = 0; i < count; i++)
		o->lanes[i].sequence = reader_u64(reader);
	return reader->failed ? error_set(error, ERROR_FORMAT, "saved output positions end early") : 0;
}

void outbox_begin(struct outbox *o, uint64_t epoch)
{
	CHECK(outbox_empty(o));
	if (epoch == o->epoch)
		return;
	o->epoch = epoch;
	for (uint32_t i = 0; i < o->count; i++)
		o->lanes[i].sequence = 0;
}

int match_writer_flush(struct match_writer *w, uint32_t partition, const struct correlate_sink *sink,
					   struct error *error)
{
	struct slice record;
	if (w->entry_count == 0)
		return 0;
	int result = match_writer_finish(w, &record, error);
	if (result < 0)
		return result;
	if (sink->matches != NULL && sink->matches(sink->ctx, partition, record) < 0) {
		error_set(error, ERROR_FULL, "matches partition %u takes no records now", partition);
		if (error != NULL)
			error->flags |= ERROR_RETRIABLE;
		return -ERROR_FULL;
	}
	match_writer_reset(w);
	return 0;
}
