#include "bus/kafka_envelope.h"

#include <zstd.h>

#define MAGIC "CRSK"
#define HEAD_BYTES 32u
#define LEVEL 1

void envelope_init(struct envelope *e, const struct env *env)
{
	*e = (struct envelope){0};
	buffer_init(&e->out, env);
}

void envelope_free(struct envelope *e)
{
	ZSTD_freeCCtx(e->compress);
	ZSTD_freeDCtx(e->decompress);
	buffer_free(&e->out);
	e->compress = e->decompress = NULL;
}

static int no_memory(struct error *error)
{
	return error_set(error, ERROR_MEMORY, "no memory to pack or unpack a record");
}

int envelope_wrap(struct envelope *e, struct slice payload, struct slice *out, struct error *error)
{
	if (payload.len > (uint64_t)LIMIT_batch_bytes_max)
		return error_set(error, ERROR_LIMIT, "a record has at most %lld octets, this one %zu",
						 (long long)LIMIT_batch_bytes_max, payload.len);
	if (!e->compress && !(e->compress = ZSTD_createCCtx()))
		return no_memory(error);
	size_t room = ZSTD_compressBound(payload.len);
	buffer_reset(&e->out);
	uint8_t *p = buffer_room(&e->out, HEAD_BYTES + room);
	if (!p)
		return no_memory(error);
	format_put_head(p, MAGIC, &(struct format_head){.version = 0, .head_bytes = HEAD_BYTES});
	put_u32(p + 24, (uint32_t)payload.len);
	put_u32(p + 28, 0);
	size_t size = ZSTD_compressCCtx(e->compress, p + HEAD_BYTES, room, payload.ptr, payload.len, LEVEL);
	if (ZSTD_isError(size))
		return error_set(error, ERROR_MEMORY, "zstd: %s", ZSTD_getErrorName(size));
	*out = slice_of(p, HEAD_BYTES + size);
	return 0;
}

/* The frame and the head must agree on the size, and the frame must end where the record ends. */
static int frame_check(struct slice octets, struct slice frame, uint32_t raw, struct error *error)
{
	if (raw > (uint64_t)LIMIT_batch_bytes_max)
		return error_set(error, ERROR_LIMIT, "octet 24: %u octets are more than %lld", raw,
						 (long long)LIMIT_batch_bytes_max);
	if (get_u32(octets.ptr + 28) != 0)
		return error_set(error, ERROR_FORMAT, "octet 28: has to be zero");
	unsigned long long content = ZSTD_getFrameContentSize(frame.ptr, frame.len);
	if (content == ZSTD_CONTENTSIZE_UNKNOWN || content == ZSTD_CONTENTSIZE_ERROR || content != raw)
		return error_set(error, ERROR_FORMAT, "octet %u: the zstd frame does not hold %u octets", HEAD_BYTES, raw);
	size_t used = ZSTD_findFrameCompressedSize(frame.ptr, frame.len);
	if (ZSTD_isError(used) || used != frame.len)
		return error_set(error, ERROR_FORMAT, "octet %u: the zstd frame does not end with the record", HEAD_BYTES);
	return 0;
}

int envelope_unwrap(struct envelope *e, struct slice octets, struct slice *out, struct error *error)
{
	struct format_head head;
	int result = format_get_head(octets, MAGIC, 0, 0, &head, error);
	if (result < 0)
		return result;
	if (head.head_bytes < HEAD_BYTES || octets.len < head.head_bytes)
		return error_set(error, ERROR_FORMAT, "octet 6: a head has at least %u octets", HEAD_BYTES);
	uint32_t raw = get_u32(octets.ptr + 24);
	struct slice frame = slice_from(octets, head.head_bytes);
	result = frame_check(octets, frame, raw, error);
	if (result < 0)
		return result;
	if (!e->decompress && !(e->decompress = ZSTD_createDCtx()))
		return no_memory(error);
	buffer_reset(&e->out);
	uint8_t *p = buffer_room(&e->out, (size_t)raw + 8);
	if (!p)
		return no_memory(error);
	size_t size = ZSTD_decompressDCtx(e->decompress, p, raw, frame.ptr, frame.len);
	if (ZSTD_isError(size) || size != raw)
		return error_set(error, ERROR_FORMAT, "octet %u: the zstd frame cannot be read", HEAD_BYTES);
	*out = slice_of(p, raw);
	return 0;
}
