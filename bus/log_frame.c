#include "bus/log.h"

#define FILE_MAGIC "CRSL"

_Static_assert(LOG_HEAD_BYTES % 8 == 0 && LOG_FRAME_HEAD % 8 == 0, "frames lie at multiples of 8");

void log_head_put(uint8_t out[LOG_HEAD_BYTES], const struct log_head *head)
{
	memset(out, 0, LOG_HEAD_BYTES);
	format_put_head(out, FILE_MAGIC, &(struct format_head){.version = 0, .head_bytes = LOG_HEAD_BYTES});
	put_u64(out + 24, head->base);
	put_u64(out + 32, head->key);
	put_u64(out + 40, head->previous_base);
	put_u64(out + 48, head->previous_size);
	put_u32(out + 56, (uint32_t)head->topic);
	put_u32(out + 60, head->partition);
	put_u64(out + 64, xxh3(slice_of(out, 64)));
}

/* The head's size is part of the layout in version 0: frames begin right behind it. */
int log_head_get(struct slice octets, struct log_head *out, struct error *error)
{
	struct format_head common;
	if (octets.len < LOG_HEAD_BYTES)
		return error_set(error, ERROR_FORMAT, "a log file has a head of %u octets", LOG_HEAD_BYTES);
	int result = format_get_head(slice_of(octets.ptr, LOG_HEAD_BYTES), FILE_MAGIC, 0, 0, &common, error);
	if (result < 0)
		return result;
	if (common.head_bytes != LOG_HEAD_BYTES)
		return error_set(error, ERROR_FORMAT, "octet 6: a head of %u octets is expected", LOG_HEAD_BYTES);
	if (get_u64(octets.ptr + 64) != xxh3(slice_of(octets.ptr, 64)))
		return error_set(error, ERROR_FORMAT, "octet 64: the head's checksum does not hold");
	*out = (struct log_head){.base = get_u64(octets.ptr + 24),
							 .key = get_u64(octets.ptr + 32),
							 .previous_base = get_u64(octets.ptr + 40),
							 .previous_size = get_u64(octets.ptr + 48),
							 .partition = get_u32(octets.ptr + 60)};
	uint32_t topic = get_u32(octets.ptr + 56);
	if (topic >= TOPIC_COUNT)
		return error_set(error, ERROR_FORMAT, "octet 56: there is no topic %u", topic);
	out->topic = (enum bus_topic)topic;
	return 0;
}

static void frame_head_put(uint8_t out[LOG_FRAME_HEAD], uint64_t key, const struct log_frame *frame)
{
	CHECK(frame->payload.len <= (uint64_t)LIMIT_batch_bytes_max);
	put_u32(out, (uint32_t)key);
	put_u32(out + 4, (uint32_t)frame->payload.len);
	put_u64(out + 8, frame->offset);
	put_u64(out + 16, (uint64_t)frame->appended_ns);
	put_u64(out + 24, frame->durable);
}

void log_frame_around(struct log_frame_ends *out, uint64_t key, const struct log_frame *frame)
{
	size_t padding = log_frame_size(frame->payload.len) - LOG_FRAME_EXTRA - frame->payload.len;
	frame_head_put(out->head, key, frame);
	memset(out->tail, 0, sizeof(out->tail));
	out->parts[0] = slice_of(out->head, sizeof(out->head));
	out->parts[1] = frame->payload;
	out->parts[2] = slice_of(out->tail, padding);
	put_u64(out->tail + padding, xxh3_seeded_parts(out->parts, 3, key));
	out->parts[2].len += 8;
}

void log_frame_put(uint8_t *out, uint64_t key, const struct log_frame *frame)
{
	size_t size = log_frame_size(frame->payload.len);
	frame_head_put(out, key, frame);
	if (frame->payload.len)
		memcpy(out + LOG_FRAME_HEAD, frame->payload.ptr, frame->payload.len);
	size_t used = LOG_FRAME_HEAD + frame->payload.len;
	memset(out + used, 0, size - 8 - used);
	put_u64(out + size - 8, xxh3_seeded(slice_of(out, size - 8), key));
}

size_t log_frame_claim(const uint8_t *octets, uint64_t key)
{
	uint32_t len = get_u32(octets + 4);
	if (get_u32(octets) != (uint32_t)key || len > (uint64_t)LIMIT_batch_bytes_max)
		return 0;
	return log_frame_size(len);
}

/* The padding lies under the checksum; it is looked at all the same, so that one record has one form. */
bool log_frame_get(const uint8_t *octets, size_t size, uint64_t key, struct log_frame *out)
{
	size_t len = get_u32(octets + 4);
	CHECK(size == log_frame_size(len));
	if (get_u64(octets + size - 8) != xxh3_seeded(slice_of(octets, size - 8), key))
		return false;
	for (size_t i = LOG_FRAME_HEAD + len; i < size - 8; i++)
		if (octets[i])
			return false;
	*out = (struct log_frame){.offset = get_u64(octets + 8),
							  .appended_ns = (int64_t)get_u64(octets + 16),
							  .durable = get_u64(octets + 24),
							  .payload = slice_of(octets + LOG_FRAME_HEAD, len),
							  .size = size};
	return out->durable <= out->offset;
}
