/* Any octets as a line: every slice of the header lies in the line, and a broken header sets nothing. */
#include "ingest/header.h"

static void inside(struct slice s, const uint8_t *data, size_t size)
{
	CHECK(s.len == 0 || (s.ptr >= data && s.ptr <= data + size && s.len <= (size_t)(data + size - s.ptr)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct header h;
	struct header_parameter parameter;
	struct slice id = SLICE_NONE;
	size_t at = 0;
	uint8_t room[4096];
	header_parse(slice_of(data, size), &h);
	inside(h.host, data, size);
	inside(h.program, data, size);
	inside(h.pid, data, size);
	inside(h.msgid, data, size);
	inside(h.structured, data, size);
	inside(h.message, data, size);
	CHECK(!h.invalid || (!h.has_priority && !h.has_stamp && h.host.len + h.program.len + h.structured.len == 0));
	CHECK(!h.has_priority || h.priority <= 191);
	while (header_next_parameter(h.structured, &at, &id, &parameter)) {
		CHECK(parameter.id.len > 0 && parameter.id.len <= 32 && parameter.name.len > 0 && parameter.name.len <= 32);
		if (parameter.value.len <= sizeof(room))
			CHECK(header_unescape(parameter.value, room) <= parameter.value.len);
	}
	return 0;
}
