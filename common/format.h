/* The head that every format of ours begins with, and what every reader does with it.
 *
 *   offset size
 *   0      4    magic, four ASCII letters
 *   4      2    version (0 until the first tagged release)
 *   6      2    octets of the head, this part included; a reader skips what it does not know
 *   8      4    flags a reader may ignore
 *   12     4    flags a reader must know: an unknown bit is refused
 *   16     8    reserved, zero: refused when not
 *
 * Little-endian, fixed widths, 8-octet aligned. Batch, match record, segment, commit log, checkpoint, local log.
 */
#ifndef COMMON_FORMAT_H
#define COMMON_FORMAT_H

#include "common/buffer.h"
#include "common/error.h"

#define FORMAT_HEAD_BYTES 24u

struct format_head {
	uint16_t version, head_bytes;
	uint32_t may_flags, must_flags;
};

static inline uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

static inline uint64_t get_u64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline void put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_u32(uint8_t *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	memcpy(p, &v, 4);
}

static inline void put_u64(uint8_t *p, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	memcpy(p, &v, 8);
}

void format_put_head(uint8_t *p, const char magic[4], const struct format_head *head);
/* Checks magic, version, head size, must flags (only bits of known_must) and reserved octets. */
int format_get_head(struct slice octets, const char magic[4], uint16_t version_max, uint32_t known_must,
					struct format_head *out, struct error *error);

#endif
