/* Any octets through the whole room: every batch is valid, every frame is a row, and the originals come back. */
#include "ingest/ingest.h"

struct taken {
	uint64_t rows, octets;
	unsigned calls;
};

static int emit(void *ctx, uint32_t partition, struct slice octets, uint32_t rows)
{
	struct taken *taken = ctx;
	struct batch batch;
	struct error error;
	/* Every third batch is refused once. */
	if (++taken->calls % 3 == 0)
		return -1;
	CHECK(batch_open(&batch, octets, &error) == 0);
	CHECK(batch.row_count == rows && batch.identity.partition == partition);
	for (uint32_t i = 0; i < rows; i++) {
		struct batch_row row;
		batch_get_row(&batch, i, &row);
		taken->octets += row.original.len;
	}
	taken->rows += rows;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env env = env_system();
	struct taken taken = {0};
	struct ingest_config config = {.partitions = 2, .emit = emit, .ctx = &taken, .message_bytes = 4096};
	struct ingest *ingest;
	struct ingest_stream *stream;
	struct ingest_stats stats;
	struct error error;
	if (size < 1)
		return 0;
	config.defaults.charset_auto = (data[0] & 4) == 0;
	config.defaults.charset = (enum charset)(data[0] >> 4 & 3);
	config.defaults.relay = (data[0] & 8) != 0;
	CHECK(ingest_new(&env, &config, &ingest, &error) == 0);
	CHECK(ingest_stream_new(ingest, SLICE("file 00"), (enum framing)(data[0] & 3), &stream, &error) == 0);
	for (struct slice left = slice_of(data + 1, size - 1); left.len > 0;) {
		size_t n;
		CHECK(ingest_stream_add(stream, left, &n, &error) == 0);
		left = slice_from(left, n);
		ingest_step(ingest, false, &error);
	}
	while (ingest_stream_end(stream, &error) < 0)
		ingest_step(ingest, true, &error);
	do
		ingest_step(ingest, true, &error);
	while (ingest_blocked(ingest));
	ingest_step(ingest, true, &error);
	ingest_stats(ingest, &stats);
	CHECK(stats.received == taken.rows && stats.stored + stats.quarantined == stats.received);
	CHECK(taken.octets <= size);
	ingest_stream_free(stream);
	ingest_free(ingest);
	return 0;
}
