/* A segment file of a stranger. The checksums are made right first, so that what is behind them is reached; a first octet
 * that is odd leaves them as they are.
 */
#include "common/hash.h"
#include "store/segment_check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend_blocks(uint8_t *p, size_t end)
{
	size_t at = SEGMENT_HEAD_BYTES;
	while (end - at >= SEGMENT_BLOCK_HEAD && at < end) {
		size_t stored = get_u32(p + at + 16), padded = SEGMENT_BLOCK_HEAD + ((stored + 7) & ~(size_t)7);
		if (padded > end - at)
			return;
		XXH3_state_t state;
		XXH3_64bits_reset(&state);
		XXH3_64bits_update(&state, p + at, 24);
		XXH3_64bits_update(&state, p + at + SEGMENT_BLOCK_HEAD, stored);
		put_u64(p + at + 24, XXH3_64bits_digest(&state));
		at += padded;
	}
}

static void mend(uint8_t *p, size_t size)
{
	if (size < SEGMENT_HEAD_BYTES + SEGMENT_TRAILER_BYTES)
		return;
	uint8_t *trailer = p + size - SEGMENT_TRAILER_BYTES;
	uint64_t footer = get_u64(trailer + 8);
	if (footer >= SEGMENT_HEAD_BYTES && footer <= size - SEGMENT_TRAILER_BYTES) {
		mend_blocks(p, (size_t)footer);
		put_u64(trailer + 32, hash_format(p + footer, size - SEGMENT_TRAILER_BYTES - (size_t)footer));
	}
	put_u64(p + 88, hash_format(p, 88));
	put_u64(trailer + 40, hash_format(trailer, 40));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env env = env_system();
	struct segment s;
	if (size < 1 || size > 1 << 20)
		return 0;
	uint8_t *copy = malloc(size);
	CHECK(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	if (!(data[0] & 1))
		mend(copy, size - 1);
	if (segment_open_image(&s, &env, slice_of(copy, size - 1), NULL) == 0) {
		for (uint32_t i = 0; i < s.index.group_count; i++)
			segment_check_group(&s, i, NULL);
		segment_close(&s);
	}
	free(copy);
	return 0;
}
