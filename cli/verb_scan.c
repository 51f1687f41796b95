/* scan: rules over files. Detections stream; match records are kept in a spool and correlated at the end of the input. */
#include "cli/finding.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/scan_logsource.h"
#include "cli/setup.h"
#include "cli/verbs.h"
#include "correlate/correlate.h"

#include <limits.h>
#include <stdlib.h>

struct scan {
	const struct args *args;
	struct output output;
	struct buffer lines;
	struct finding_print print;
	struct ruleset *ruleset;
	struct detect *detect;
	struct temporal *temporal;
	struct scan_logsources logsources;
	bool logsources_on;
	FILE *spool; /* match records: length u64, octets */
	uint32_t file; /* of the files named, which is being read */
	uint64_t offset, events, bytes;
	struct error error;
};

/* The collector of file i: its number, so that a row's identity tells the file. */
static void file_identity(uint32_t file, uint8_t out[16])
{
	memset(out, 0, 16);
	put_u32(out, file + 1);
}

static void print_event(void *ctx, struct json_writer *w, const struct json_node *event)
{
	const struct scan *s = ctx;
	uint8_t collector[16] = {0};
	const char *hex = json_member_str(event, "collector", "");
	(void)hex_parse(slice_str(hex), collector, 16);
	uint32_t file = get_u32(collector);
	json_object(w);
	json_key(w, "file");
	json_str(w, file > 0 && file <= s->args->word_count ? s->args->words[file - 1] : "");
	json_key(w, "line");
	json_i64(w, json_member_i64(event, "sequence", -1) + 1);
	json_object_end(w);
}

/* Rows that detect and temporal would put into `incidents`. */
static int on_rows(void *ctx, uint32_t partition, struct slice octets)
{
	struct scan *s = ctx;
	struct batch batch;
	(void)partition;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	buffer_reset(&s->lines);
	finding_print(&s->print, &batch);
	output_lines(&s->output, buffer_slice(&s->lines));
	return s->lines.failed ? -ERROR_MEMORY : 0;
}

static int on_matches(void *ctx, uint32_t partition, struct slice record)
{
	struct scan *s = ctx;
	uint64_t len = record.len;
	(void)partition;
	if (fwrite(&len, sizeof len, 1, s->spool) != 1 || fwrite(record.ptr, 1, record.len, s->spool) != record.len)
		return error_set(&s->error, ERROR_IO, "cannot write the spool of matches");
	return 0;
}

static int on_batch(void *ctx, struct slice octets)
{
	struct scan *s = ctx;
	struct batch batch;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	s->events += batch.row_count;
	int result = detect_record(s->detect, 0, s->offset++, octets, &s->error);
	if (!result)
		result = detect_flush(s->detect, &s->error);
	return result ? result : s->output.failed;
}

static int on_line(void *ctx, struct slice line, struct buffer *out)
{
	return scan_logsources_line(&((struct scan *)ctx)->logsources, line, out);
}

static uint32_t row_logsources(void *ctx, const struct batch_identity *identity, uint32_t row,
							   const struct logsource **out)
{
	const struct scan *s = ctx;
	return scan_logsources_get(&s->logsources, identity->first_sequence + row, out);
}

static int open_stages(struct scan *s)
{
	static const uint32_t zero[1] = {0};
	struct correlate_sink sink = {on_matches, on_rows, s};
	const char *fire = s->args->value[OPTION_FIRE];
	struct detect_config d = {.ruleset = s->ruleset,
							  .matches_partitions = 1,
							  .incidents_partitions = 1,
							  .events_partitions = zero,
							  .events_count = 1,
							  .no_lateness = true,
							  .plain = option_given(s->args, OPTION_ORACLE),
							  .sink = sink};
	struct temporal_config t = {.ruleset = s->ruleset,
								.matches_partitions = 1,
								.incidents_partitions = 1,
								.owned = zero,
								.owned_count = 1,
								.final_only = true,
								.each = fire && strcmp(fire, "each") == 0,
								.sink = sink};
	if (s->logsources_on) {
		d.logsources = row_logsources;
		d.logsources_ctx = s;
	}
	s->spool = tmpfile();
	if (!s->spool)
		return error_set(&s->error, ERROR_IO, "cannot make a temporary file");
	int result = detect_new(setup_env(), &d, &s->detect, &s->error);
	return result ? result : temporal_new(setup_env(), &t, &s->temporal, &s->error);
}

/* Correlations that refer to correlations append to the spool while it is read: it ends when nothing new came. */
static int correlate_spool(struct scan *s)
{
	uint64_t len, offset = 0;
	long at = 0;
	struct buffer record;
	int result = 0;
	buffer_init(&record, setup_env());
	for (;;) {
		if (fseek(s->spool, at, SEEK_SET) || fread(&len, sizeof len, 1, s->spool) != 1) {
			if (ferror(s->spool))
				result = error_set(&s->error, ERROR_IO, "cannot read the spool of matches");
			break;
		}
		buffer_reset(&record);
		uint8_t *room = buffer_room(&record, len);
		if (!room || fread(room, 1, len, s->spool) != len) {
			result = error_set(&s->error, ERROR_IO, "cannot read the spool of matches");
			break;
		}
		at = ftell(s->spool);
		(void)fseek(s->spool, 0, SEEK_END);
		result = temporal_record(s->temporal, 0, offset++, slice_of(room, len), &s->error);
		if (!result)
			result = temporal_flush(s->temporal, &s->error);
		if (result)
			break;
	}
	buffer_free(&record);
	return result;
}

static int finish(struct scan *s)
{
	int result = detect_flush(s->detect, &s->error);
	if (!result)
		result = correlate_spool(s);
	if (!result)
		result = temporal_end(s->temporal, &s->error);
	return result ? result : temporal_flush(s->temporal, &s->error);
}

static int scan_files(struct scan *s, const struct decoders *decoders)
{
	int code = EXIT_OK;
	struct input_job job = {
		.args = s->args, .decoders = decoders, .batch = on_batch, .ctx = s, .line = s->logsources_on ? on_line : NULL};
	for (unsigned i = 0; i < s->args->word_count && !setup_stop && !s->output.failed; i++) {
		s->file = i;
		file_identity(i, job.collector);
		if (s->logsources_on)
			scan_logsources_reset(&s->logsources);
		int one = input_file(&job, s->args->words[i], &s->bytes);
		if (s->error.code)
			return setup_fail(s->args, &s->error);
		code = one > code ? one : code;
	}
	if (!s->output.failed && finish(s))
		return setup_fail(s->args, &s->error);
	return code;
}

static int scan_rules(struct scan *s, struct setup_told *told, struct ruleset_counts *counts)
{
	char sigma[PATH_MAX], yara[PATH_MAX];
	const char *shipped[2] = {setup_library_path("sigma", sigma, sizeof sigma),
							  setup_library_path("yara", yara, sizeof yara)};
	return setup_rules(s->args->rule_count ? s->args->rules : shipped, s->args->rule_count ? s->args->rule_count : 2,
					   true, told, &s->ruleset, counts, &s->error);
}

static int run_scan(struct scan *s, const struct decoders *decoders, struct ruleset_counts *counts)
{
	struct setup_told told = {.quiet = option_given(s->args, OPTION_QUIET)};
	if (scan_rules(s, &told, counts) || open_stages(s))
		return setup_fail(s->args, &s->error);
	output_open(&s->output, s->args);
	int code = scan_files(s, decoders);
	int written = output_close(&s->output);
	code = written > code ? written : code;
	fprintf(stderr, "{\"events\":%llu,\"findings\":%llu,\"rules_loaded\":%u,\"rules_refused\":%u}\n",
			(unsigned long long)s->events, (unsigned long long)s->print.printed, counts->loaded, counts->refused);
	if (counts->refused && option_given(s->args, OPTION_STRICT) && code < EXIT_RULES)
		code = EXIT_RULES;
	return code;
}

static void scan_close(struct scan *s)
{
	if (s->detect)
		detect_free(s->detect);
	if (s->temporal)
		temporal_free(s->temporal);
	if (s->ruleset)
		ruleset_release(s->ruleset);
	if (s->spool)
		fclose(s->spool);
	scan_logsources_free(&s->logsources);
	buffer_free(&s->lines);
	arena_free(&s->print.arena);
}

int verb_scan(const struct args *args)
{
	static struct scan s;
	struct setup_told told = {0};
	struct ruleset_counts counts = {0};
	struct decoders *decoders = NULL;
	int64_t now;
	setup_signals();
	if (!setup_time(args, OPTION_NOW, 0, &now))
		return EXIT_USAGE;
	if (option_given(args, OPTION_NOW))
		setup_fix_now(now);
	s = (struct scan){.args = args};
	const char *field = args->value[OPTION_LOGSOURCE_FIELD];
	s.logsources_on = field != NULL;
	scan_logsources_init(&s.logsources, setup_env(), slice_str(field ? field : ""));
	buffer_init(&s.lines, setup_env());
	s.print = (struct finding_print){.event = print_event, .ctx = &s, .out = &s.lines};
	arena_init(&s.print.arena, setup_env(), 0);
	int code =
		setup_decoders(args, &told, &decoders, &s.error) ? setup_fail(args, &s.error) : run_scan(&s, decoders, &counts);
	scan_close(&s);
	if (decoders)
		decoders_free(decoders);
	return code;
}
