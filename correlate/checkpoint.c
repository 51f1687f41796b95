#include "correlate/checkpoint.h"

static const char magic[4] = {'C', 'R', 'S', 'C'};

void checkpoint_begin(struct buffer *out, enum checkpoint_stage stage, uint32_t parts, const uint8_t ruleset[32])
{
	struct format_head head = {.version = 0, .head_bytes = CHECKPOINT_HEAD_BYTES};
	uint8_t octets[CHECKPOINT_HEAD_BYTES] = {0};
	buffer_reset(out);
	format_put_head(octets, magic, &head);
	put_u32(octets + 24, (uint32_t)stage);
	put_u32(octets + 28, parts);
	memcpy(octets + 32, ruleset, 32);
	buffer_add(out, octets, sizeof(octets));
}

int checkpoint_end(struct buffer *out)
{
	if (out->failed)
		return -ERROR_MEMORY;
	buffer_align8(out);
	uint64_t sum = xxh3(buffer_slice(out));
	buffer_add_u64(out, sum);
	return out->failed ? -ERROR_MEMORY : 0;
}

int checkpoint_open(struct slice octets, enum checkpoint_stage stage, uint32_t *parts, uint8_t ruleset[32],
					struct reader *content, struct error *error)
{
	struct format_head head;
	int result = format_get_head(octets, magic, 0, 0, &head, error);
	if (result < 0)
		return result;
	if (head.head_bytes < CHECKPOINT_HEAD_BYTES || octets.len < head.head_bytes + 8u)
		return error_set(error, ERROR_FORMAT, "checkpoint: head of %u octets at offset 6", head.head_bytes);
	if (get_u64(octets.ptr + octets.len - 8) != xxh3(slice_of(octets.ptr, octets.len - 8)))
		return error_set(error, ERROR_DAMAGED, "checkpoint: checksum at offset %zu does not hold", octets.len - 8);
	if (get_u32(octets.ptr + 24) != (uint32_t)stage)
		return error_set(error, ERROR_FORMAT, "checkpoint of stage %u at offset 24, wanted %u",
						 get_u32(octets.ptr + 24), (unsigned)stage);
	*parts = get_u32(octets.ptr + 28);
	memcpy(ruleset, octets.ptr + 32, 32);
	*content = reader_of(slice_of(octets.ptr + head.head_bytes, octets.len - 8 - head.head_bytes));
	return 0;
}

int checkpoint_close(struct slice octets, struct reader *content, struct error *error)
{
	bool padding = reader_left(content) < 8;
	for (const uint8_t *p = content->ptr; padding && p < content->end; p++)
		padding = *p == 0;
	return padding ? 0 : checkpoint_damaged(octets, content, error);
}

int checkpoint_damaged(struct slice octets, const struct reader *content, struct error *error)
{
	return error_set(error, ERROR_FORMAT, "checkpoint: content does not hold at offset %zu",
					 (size_t)(content->ptr - octets.ptr));
}
