/* scan: rules over files, printed as they are found. */
#include "cli/finding.h"
#include "cli/output.h"
#include "cli/scan_job.h"
#include "cli/setup.h"
#include "cli/verbs.h"

#include <limits.h>

struct scan {
	struct scan_job job;
	struct output output;
	struct buffer lines;
	struct finding_print print;
};

static void print_event(void *ctx, struct json_writer *w, const struct json_node *event)
{
	const struct scan *s = ctx;
	uint8_t collector[16] = {0};
	const char *hex = json_member_str(event, "collector", "");
	(void)hex_parse(slice_str(hex), collector, 16);
	size_t file = scan_job_file(collector);
	json_object(w);
	json_key(w, "file");
	json_str(w, file < s->job.file_count ? s->job.files[file] : "");
	json_key(w, "line");
	json_i64(w, json_member_i64(event, "sequence", -1) + 1);
	json_object_end(w);
}

static int on_rows(void *ctx, const struct batch *batch)
{
	struct scan *s = ctx;
	buffer_reset(&s->lines);
	finding_print(&s->print, batch);
	output_lines(&s->output, buffer_slice(&s->lines));
	return s->lines.failed ? -ERROR_MEMORY : s->output.failed;
}

static int load_rules(struct scan *s, struct setup_told *told, struct ruleset_counts *counts)
{
	char sigma[PATH_MAX], yara[PATH_MAX];
	const char *shipped[2] = {setup_library_path("sigma", sigma, sizeof sigma),
							  setup_library_path("yara", yara, sizeof yara)};
	const struct args *a = s->job.args;
	setup_cache_of(a);
	return setup_rules_piped(a->rule_count ? a->rules : shipped, a->rule_count ? a->rule_count : 2, a->pipelines,
							 a->pipeline_count, true, told, &s->job.ruleset, counts, &s->job.error);
}

static int run_scan(struct scan *s)
{
	const struct args *args = s->job.args;
	struct setup_told told = {.quiet = option_given(args, OPTION_QUIET)};
	struct ruleset_counts counts = {0};
	if (load_rules(s, &told, &counts))
		return setup_fail(args, &s->job.error);
	output_open(&s->output, args);
	int code = scan_job_run(&s->job), written = output_close(&s->output);
	code = written > code ? written : code;
	fprintf(stderr, "{\"events\":%llu,\"findings\":%llu,\"rules_loaded\":%u,\"rules_refused\":%u}\n",
			(unsigned long long)s->job.events, (unsigned long long)s->print.printed, counts.loaded, counts.refused);
	if (counts.refused && option_given(args, OPTION_STRICT) && code < EXIT_RULES)
		code = EXIT_RULES;
	return code;
}

int verb_scan(const struct args *args)
{
	static struct scan s;
	struct setup_told told = {0};
	struct decoders *decoders = NULL;
	const char *fire = args->value[OPTION_FIRE];
	int64_t now;
	setup_signals();
	if (!setup_time(args, OPTION_NOW, 0, &now))
		return EXIT_USAGE;
	if (option_given(args, OPTION_NOW))
		setup_fix_now(now);
	s.job = (struct scan_job){.args = args,
							  .files = args->words,
							  .file_count = args->word_count,
							  .logsource_field = args->value[OPTION_LOGSOURCE_FIELD],
							  .each = fire && strcmp(fire, "each") == 0,
							  .plain = option_given(args, OPTION_ORACLE),
							  .rows = on_rows,
							  .ctx = &s};
	buffer_init(&s.lines, setup_env());
	s.print = (struct finding_print){.event = print_event, .ctx = &s, .out = &s.lines};
	arena_init(&s.print.arena, setup_env(), 0);
	int code = setup_decoders(args, &told, &decoders, &s.job.error) ? setup_fail(args, &s.job.error) : EXIT_OK;
	s.job.decoders = decoders;
	if (!code)
		code = run_scan(&s);
	if (s.job.ruleset)
		ruleset_release(s.job.ruleset);
	buffer_free(&s.lines);
	arena_free(&s.print.arena);
	if (decoders)
		decoders_free(decoders);
	return code;
}
