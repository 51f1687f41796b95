/* Rules over the past: the rows of a store instead of the records of a bus partition, with the same judgement. */
#include "correlate/detector.h"

#define PENDING_BYTES (1u << 20)

static bool is_left_out(const struct detect_past *p, uint32_t index, int64_t when_ns)
{
	if (p->skip != NULL && (p->skip[index / 64] >> index % 64 & 1) != 0)
		return true;
	return when_ns < p->from_ns || (when_ns >= p->to_ns && p->to_ns != INT64_MAX);
}

static bool is_late(const struct detect *d, const struct detect_past *p, int64_t when_ns)
{
	if (p->late_too || (p->batch->must_flags & BATCH_FLAG_BACKFILL) != 0)
		return false;
	return (d->row.flags & ROW_LATE) != 0 || sub_saturated(d->row.observed_ns, when_ns) > LATENESS_NS;
}

static int take_rows(struct detect *d, const struct detect_past *p, struct error *error)
{
	const struct batch_identity *identity = &p->batch->identity;
	memcpy(d->event.collector, identity->collector, 16);
	d->event.epoch = identity->epoch;
	d->event.partition = identity->partition;
	for (uint32_t i = 0; i < p->batch->row_count; i++) {
		batch_get_row(p->batch, i, &d->row);
		d->event.sequence = identity->first_sequence + i;
		int64_t when = batch_row_when(&d->row);
		if (is_left_out(p, i, when))
			continue;
		d->stats.rows++;
		int result = d->row.kind == ROW_EVENT ? detect_event(d, i, is_late(d, p, when), error) : 0;
		if (result < 0)
			return result;
	}
	return 0;
}

int detect_past(struct detect *d, const struct detect_past *rows, struct error *error)
{
	CHECK(d->config.past);
	if (d->broken)
		return error_set(error, ERROR_MEMORY, "detect failed before");
	int result = detect_pending(d) >= PENDING_BYTES ? detect_flush(d, error) : 0;
	if (result < 0)
		return result;
	d->lane = &d->lanes[0];
	d->batch = rows->batch;
	d->stats.batches++;
	result = evaluator_batch(d->evaluator, rows->batch, 0, error);
	if (result == 0)
		result = take_rows(d, rows, error);
	if (result == 0 && detect_failed(d))
		result = error_set(error, ERROR_MEMORY, "no memory for matches");
	(void)evaluator_batch(d->evaluator, NULL, 0, NULL);
	d->batch = NULL;
	d->broken = result < 0;
	return result;
}

void detect_past_bound(struct detect *d, int64_t when_ns)
{
	struct match_entry entry = {
		.kind = MATCH_CLOCK, .partition = d->lanes[0].partition, .clock_ns = add_saturated(when_ns, LATENESS_NS)};
	CHECK(d->config.past);
	for (uint32_t i = 0; i < d->config.matches_partitions; i++)
		match_writer_add(&d->writers[i], &entry);
}
