/* CRC-32C (Castagnoli, reflected polynomial 0x82f63b78; RFC 3720 appendix B.4): by instruction where the processor has
 * it, else eight octets at a time by tables that are made at compile time. */
#include "common/digest.h"
#include "common/format.h"

#include "common/crc32c_table.h"

static uint32_t by_table(uint32_t crc, const uint8_t *p, size_t len)
{
	while (len >= 8) {
		uint64_t v = get_u64(p) ^ crc;
		crc = 0;
		for (unsigned i = 0; i < 8; i++)
			crc ^= crc32c_table[7 - i][v >> (8 * i) & 0xff];
		p += 8;
		len -= 8;
	}
	while (len-- > 0)
		crc = crc >> 8 ^ crc32c_table[0][(crc ^ *p++) & 0xff];
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t wide = crc;
	while (len >= 8) {
		wide = __builtin_ia32_crc32di(wide, get_u64(p));
		p += 8;
		len -= 8;
	}
	crc = (uint32_t)wide;
	while (len-- > 0)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *ptr, size_t len)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~by_instruction(~crc, ptr, len);
#endif
	return ~by_table(~crc, ptr, len);
}
