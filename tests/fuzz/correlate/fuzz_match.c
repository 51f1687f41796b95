/* The reader of match records: whatever comes, it is refused or every entry can be walked and its tuples read. */
#include "correlate/match.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct slice octets)
{
	struct match_record record;
	struct match_entry e;
	if (match_open(&record, octets, NULL) < 0)
		return;
	uint32_t count = 0;
	for (uint32_t place = 0; match_next(&record, &place, &e); count++) {
		if (e.kind != MATCH_ENTRY)
			continue;
		struct reader reader = reader_of(e.key);
		enum key_tag tag;
		struct slice component;
		while (tuple_next(&reader, &tag, &component))
			CHECK(component.len == 0 ||
				  (component.ptr >= e.key.ptr && component.ptr + component.len <= e.key.ptr + e.key.len));
		CHECK(!reader.failed && tuple_check(e.spelling, NULL) && tuple_check(e.value, NULL));
	}
	CHECK(count <= record.entry_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	walk(slice_of(data, size));
	if (size < 8)
		return 0;
	/* and as if somebody had computed the checksum */
	uint8_t *copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	put_u64(copy + size - 8, xxh3(slice_of(copy, size - 8)));
	walk(slice_of(copy, size));
	free(copy);
	return 0;
}
