#include "common/format.h"

void format_put_head(uint8_t *p, const char magic[4], const struct format_head *head)
{
	memcpy(p, magic, 4);
	put_u16(p + 4, head->version);
	put_u16(p + 6, head->head_bytes);
	put_u32(p + 8, head->may_flags);
	put_u32(p + 12, head->must_flags);
	put_u64(p + 16, 0);
}

int format_get_head(struct slice octets, const char magic[4], uint16_t version_max, uint32_t known_must,
					struct format_head *out, struct error *error)
{
	if (octets.len < FORMAT_HEAD_BYTES)
		return error_set(error, ERROR_FORMAT, "%.4s: %zu octets are too few for a head", magic, octets.len);
	if (memcmp(octets.ptr, magic, 4) != 0)
		return error_set(error, ERROR_FORMAT, "%.4s: magic not found at offset 0", magic);
	out->version = get_u16(octets.ptr + 4);
	out->head_bytes = get_u16(octets.ptr + 6);
	out->may_flags = get_u32(octets.ptr + 8);
	out->must_flags = get_u32(octets.ptr + 12);
	if (out->version > version_max)
		return error_set(error, ERROR_VERSION, "%.4s: version %u at offset 4 is newer than %u", magic, out->version,
						 version_max);
	if (out->head_bytes < FORMAT_HEAD_BYTES || out->head_bytes > octets.len || (out->head_bytes & 7) != 0)
		return error_set(error, ERROR_FORMAT, "%.4s: head of %u octets at offset 6", magic, out->head_bytes);
	if ((out->must_flags & ~known_must) != 0)
		return error_set(error, ERROR_VERSION, "%.4s: unknown must-know flags %#x at offset 12", magic,
						 out->must_flags & ~known_must);
	if (get_u64(octets.ptr + 16) != 0)
		return error_set(error, ERROR_FORMAT, "%.4s: reserved octets at offset 16 are not zero", magic);
	return 0;
}
