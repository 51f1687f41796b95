/* Open batches: begun by the first row, closed at a limit, offered until they are taken. */
#include "ingest/collector.h"

/* Rows of one batch are observed within 4 s (docs/format-batch.md); age closes it long before. */
#define OBSERVED_SPAN_NS (3 * NS_PER_S)

int partitions_init(struct ingest *in, struct error *error)
{
	uint32_t count = in->config.single_partition ? 1 : in->config.partitions;
	in->partitions = env_zalloc(in->env, count * sizeof(*in->partitions));
	if (in->partitions == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for %u partitions", count);
	in->partition_count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct partition *p = &in->partitions[i];
		p->number = in->config.single_partition ? in->config.partition : i;
		p->builder = batch_builder_new(in->env, &in->dictionary);
		if (p->builder == NULL)
			return error_set(error, ERROR_MEMORY, "no memory for the batches of %u partitions", count);
	}
	return 0;
}

void partitions_free(struct ingest *in)
{
	for (uint32_t i = 0; i < in->partition_count; i++)
		batch_builder_free(in->partitions[i].builder);
	env_free(in->env, in->partitions);
	in->partitions = NULL;
	in->partition_count = 0;
}

static void begin(struct ingest *in, struct partition *p, int64_t observed_ns)
{
	struct batch_identity identity = {
		.epoch = in->config.epoch, .partition = p->number, .first_sequence = p->next_sequence};
	memcpy(identity.collector, in->config.collector, sizeof(identity.collector));
	batch_begin(p->builder, &identity, in->config.backfill ? BATCH_FLAG_BACKFILL : 0, observed_ns);
	p->begun = true;
	p->base_ns = observed_ns;
	p->opened_boot_ns = env_boot(in->env);
	p->serial = ++in->serial;
	p->events = p->quarantined = 0;
}

/* A closed batch is offered as it is, under its identity, until it is taken. */
static int offer(struct ingest *in, struct partition *p)
{
	uint32_t rows = batch_builder_rows(p->builder);
	if (in->config.emit(in->config.ctx, p->number, p->ready, rows) < 0)
		return -ERROR_FULL;
	p->next_sequence += rows;
	in->stats.stored += p->events;
	in->stats.quarantined += p->quarantined;
	p->closed = p->begun = false;
	return 0;
}

int partition_close(struct ingest *in, struct partition *p)
{
	if (!p->closed) {
		if (!p->begun || batch_builder_rows(p->builder) == 0)
			return 0;
		struct error error;
		if (batch_finish(p->builder, &p->ready, &error) < 0) {
			/* batch_row_end has kept the size below the limit, so only memory can be short. */
			CHECK(error.code == ERROR_MEMORY);
			in->memory_short = true;
			return -ERROR_MEMORY;
		}
		p->closed = true;
	}
	return offer(in, p);
}

int partition_prepare(struct ingest *in, struct partition *p, int64_t observed_ns, size_t size)
{
	bool fits = p->begun && !p->closed && observed_ns >= p->base_ns && observed_ns - p->base_ns <= OBSERVED_SPAN_NS &&
				(batch_builder_rows(p->builder) == 0 ||
				 batch_builder_bytes(p->builder) + size <= (size_t)LIMIT_batch_bytes_max);
	if (fits)
		return 0;
	int result = partition_close(in, p);
	if (result < 0)
		return result;
	begin(in, p, observed_ns);
	return 0;
}

void partition_added(struct ingest *in, struct partition *p)
{
	if (batch_builder_rows(p->builder) >= (uint32_t)LIMIT_batch_rows ||
		batch_builder_bytes(p->builder) >= (size_t)LIMIT_batch_bytes)
		partition_close(in, p);
}

void partitions_watch_names(struct ingest *in)
{
	/* One message has at most 512 fields, so a reset in time never drops one for this reason. */
	if (in->dictionary.count + 2 * (uint32_t)LIMIT_row_fields < (uint32_t)LIMIT_dictionary_names)
		return;
	for (uint32_t i = 0; i < in->partition_count; i++) {
		if (partition_close(in, &in->partitions[i]) < 0)
			return;
		in->partitions[i].begun = false;
	}
	dictionary_reset(&in->dictionary);
}
