/* The reader of records of spill files: refused, or every match can be walked, and what fits a rule lies inside. */
#include "correlate/spill.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SERIAL 7u

static void inside(struct slice part, struct slice whole)
{
	CHECK(part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void walk(struct slice octets)
{
	static const struct plan_rule plain = {.mode = PLAN_AT_ONCE, .group_count = 1, .rule_count = 2},
								  wide = {.mode = PLAN_AT_ONCE,
										  .group_count = 2,
										  .rule_count = 1,
										  .values = true,
										  .carried_count = 1};
	struct spill_record record;
	struct member_octets m;
	int64_t newest;
	if (spill_record_open(octets, SERIAL, &record) < 0)
		return;
	inside(record.key, octets);
	bool fits = spill_record_fits(record, &plain, &newest) || spill_record_fits(record, &wide, &newest);
	uint32_t count = 0;
	for (; spill_record_next(&record, &m); count++) {
		inside(m.origin, octets);
		inside(m.source, octets);
		inside(m.spelling, octets);
		inside(m.value, octets);
		inside(m.carried, octets);
		CHECK(!fits || (m.origin.len == ORIGIN_BYTES && m.when_ns <= newest));
	}
	CHECK(count <= PACKED_MAX && (!fits || count > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	walk(slice_of(data, size));
	if (size < SPILL_RECORD_HEAD)
		return 0;
	/* and as if somebody had computed length and checksum */
	uint8_t *copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	put_u32(copy + 8, (uint32_t)size);
	put_u64(copy, xxh3_seeded(slice_of(copy + 8, size - 8), SERIAL));
	walk(slice_of(copy, size));
	free(copy);
	return 0;
}
