/* Any octets as a batch, once as they are and once with a checksum that holds, so that what is behind it is reached. */
#include "common/common.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void read_all(const struct batch *batch)
{
	struct batch_row row;
	struct batch_value value;
	char scratch[12];
	uint16_t version;
	for (uint32_t i = 0; i < batch->row_count; i++) {
		batch_get_row(batch, i, &row);
		sink += xxh3(row.text) + xxh3(row.original) + (uint64_t)batch_row_when(&row);
		sink += xxh3(batch_source_line(batch, row.source)) + xxh3(batch_decoder_name(batch, row.decoder, &version));
		struct logsource known = batch_get_logsource(batch, row.logsource);
		sink += xxh3(known.product) + xxh3(known.category) + xxh3(known.service);
		for (uint32_t f = 0; f < row.field_count; f++) {
			batch_get_value(batch, &row, row.field_first + f, &value);
			sink += xxh3(batch_name(batch, value.name)) + xxh3(batch_value_text(&value, scratch));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct batch batch;
	struct error error;
	if (batch_open(&batch, slice_of(data, size), &error) == 0)
		read_all(&batch);
	if (size < 32)
		return 0;
	uint8_t *copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	put_u32(copy + 24, (uint32_t)size);
	put_u64(copy + size - 8, xxh3(slice_of(copy, size - 8)));
	if (batch_open(&batch, slice_of(copy, size), &error) == 0)
		read_all(&batch);
	free(copy);
	return 0;
}
