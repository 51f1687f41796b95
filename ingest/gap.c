/* Gap rows: what was lost and what is known about it. */
#include "ingest/collector.h"

#include <stdio.h>

void gap_add(struct ingest *in, struct slice source, const char *reason, uint64_t count, const char *unit)
{
	char when[40];
	if (in->gap_count == GAPS_MAX) {
		in->gaps_unnamed++;
		return;
	}
	struct gap *gap = &in->gaps[in->gap_count++];
	CHECK(source.len < sizeof(gap->source));
	if (source.len > 0)
		memcpy(gap->source, source.ptr, source.len);
	gap->source[source.len] = 0;
	clock_print(ingest_now(in), when);
	int len =
		snprintf(gap->json, sizeof(gap->json), "{\"reason\":\"%s\",\"%s\":%llu,\"source\":\"%.*s\",\"noticed\":\"%s\"}",
				 reason, unit, (unsigned long long)count, SLICE_PRINT(source), when);
	CHECK(len > 0 && (size_t)len < sizeof(gap->json));
}

static bool gap_write(struct ingest *in, const char *json, const char *source)
{
	struct slice line = slice_str(source);
	struct partition *p = &in->partitions[line.len > 0 ? source_partition(in, line) : 0];
	return row_add_own(in, p, ROW_GAP, slice_str(json), line, ingest_now(in)) == 0;
}

bool gap_flush(struct ingest *in)
{
	while (in->gap_count > 0) {
		if (!gap_write(in, in->gaps[0].json, in->gaps[0].source))
			return false;
		in->gap_count--;
		memmove(&in->gaps[0], &in->gaps[1], in->gap_count * sizeof(in->gaps[0]));
	}
	if (in->gaps_unnamed > 0) {
		char json[96];
		snprintf(json, sizeof(json), "{\"reason\":\"more_gaps\",\"gaps\":%llu}", (unsigned long long)in->gaps_unnamed);
		if (!gap_write(in, json, ""))
			return false;
		in->gaps_unnamed = 0;
	}
	return true;
}
