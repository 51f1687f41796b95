#include "cli/scan_job.h"

#include "cli/input.h"
#include "cli/setup.h"

#include <stdlib.h>

void scan_job_identity(unsigned file, uint8_t collector[16])
{
	memset(collector, 0, 16);
	put_u32(collector, file + 1);
}

size_t scan_job_file(const uint8_t collector[16])
{
	uint32_t number = get_u32(collector);
	return number == 0 ? SIZE_MAX : number - 1;
}

/* ---- what the stages write ---- */

static int on_rows(void *ctx, uint32_t partition, struct slice octets)
{
	struct scan_job *job = ctx;
	struct batch batch;
	(void)partition;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	int result = job->rows(job->ctx, &batch);
	job->stopped |= result > 0;
	return result < 0 ? result : 0;
}

static int on_matches(void *ctx, uint32_t partition, struct slice record)
{
	struct scan_job *job = ctx;
	uint64_t len = record.len;
	(void)partition;
	if (fwrite(&len, sizeof len, 1, job->spool) != 1 || fwrite(record.ptr, 1, record.len, job->spool) != record.len)
		return error_set(&job->error, ERROR_IO, "cannot write the spool of matches");
	return 0;
}

/* ---- files ---- */

static int on_batch(void *ctx, struct slice octets)
{
	struct scan_job *job = ctx;
	struct batch batch;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	job->events += batch.row_count;
	int result = detect_record(job->detect, 0, job->offset++, octets, &job->error);
	if (!result)
		result = detect_flush(job->detect, &job->error);
	return result ? result : job->stopped;
}

static int on_line(void *ctx, struct slice line, struct buffer *out)
{
	return scan_logsources_line(&((struct scan_job *)ctx)->logsources, line, out);
}

static uint32_t row_logsources(void *ctx, const struct batch_identity *identity, uint32_t row,
							   const struct logsource **out)
{
	const struct scan_job *job = ctx;
	return scan_logsources_get(&job->logsources, identity->first_sequence + row, out);
}

static int open_stages(struct scan_job *job)
{
	static const uint32_t zero[1] = {0};
	struct correlate_sink sink = {on_matches, on_rows, job};
	struct detect_config d = {.ruleset = job->ruleset,
							  .matches_partitions = 1,
							  .incidents_partitions = 1,
							  .events_partitions = zero,
							  .events_count = 1,
							  .no_lateness = true,
							  .plain = job->plain,
							  .sink = sink};
	struct temporal_config t = {.ruleset = job->ruleset,
								.matches_partitions = 1,
								.incidents_partitions = 1,
								.owned = zero,
								.owned_count = 1,
								.final_only = true,
								.each = job->each,
								.sink = sink};
	if (job->logsource_field) {
		d.logsources = row_logsources;
		d.logsources_ctx = job;
	}
	job->spool = tmpfile();
	if (!job->spool)
		return error_set(&job->error, ERROR_IO, "cannot make a temporary file");
	int result = detect_new(setup_env(), &d, &job->detect, &job->error);
	return result ? result : temporal_new(setup_env(), &t, &job->temporal, &job->error);
}

/* Correlations that refer to correlations append to the spool while it is read: it ends when nothing new came. */
static int correlate_spool(struct scan_job *job)
{
	uint64_t len, offset = 0;
	long at = 0;
	struct buffer record;
	int result = 0;
	buffer_init(&record, setup_env());
	for (;;) {
		if (fseek(job->spool, at, SEEK_SET) || fread(&len, sizeof len, 1, job->spool) != 1) {
			if (ferror(job->spool))
				result = error_set(&job->error, ERROR_IO, "cannot read the spool of matches");
			break;
		}
		buffer_reset(&record);
		uint8_t *room = buffer_room(&record, len);
		if (!room || fread(room, 1, len, job->spool) != len) {
			result = error_set(&job->error, ERROR_IO, "cannot read the spool of matches");
			break;
		}
		at = ftell(job->spool);
		(void)fseek(job->spool, 0, SEEK_END);
		result = temporal_record(job->temporal, 0, offset++, slice_of(room, len), &job->error);
		if (!result)
			result = temporal_flush(job->temporal, &job->error);
		if (result)
			break;
	}
	buffer_free(&record);
	return result;
}

static int finish(struct scan_job *job)
{
	int result = detect_flush(job->detect, &job->error);
	if (!result)
		result = correlate_spool(job);
	if (!result)
		result = temporal_end(job->temporal, &job->error);
	return result ? result : temporal_flush(job->temporal, &job->error);
}

static int scan_files(struct scan_job *job)
{
	int code = EXIT_OK;
	struct input_job input = {.args = job->args,
							  .decoders = job->decoders,
							  .batch = on_batch,
							  .ctx = job,
							  .line = job->logsource_field ? on_line : NULL};
	for (unsigned i = 0; i < job->file_count && !setup_stop && !job->stopped; i++) {
		scan_job_identity(i, input.collector);
		if (job->logsource_field)
			scan_logsources_reset(&job->logsources);
		int one = input_file(&input, job->files[i], &job->bytes);
		if (job->error.code)
			return setup_fail(job->args, &job->error);
		code = one > code ? one : code;
	}
	if (!job->stopped && finish(job))
		return setup_fail(job->args, &job->error);
	return code;
}

int scan_job_run(struct scan_job *job)
{
	scan_logsources_init(&job->logsources, setup_env(), slice_str(job->logsource_field ? job->logsource_field : ""));
	int code = open_stages(job) ? setup_fail(job->args, &job->error) : scan_files(job);
	if (job->detect)
		detect_free(job->detect);
	if (job->temporal)
		temporal_free(job->temporal);
	if (job->spool)
		fclose(job->spool);
	scan_logsources_free(&job->logsources);
	return code;
}
