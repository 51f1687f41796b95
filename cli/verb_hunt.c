/* hunt: rules over what the store keeps. The owner gives the rows, batch by batch in order of time (request_hunt.c); detect
 * and temporal run here, and their match records go round in memory.
 */
#include "cli/ask.h"
#include "cli/finding.h"
#include "cli/hunt_coverage.h"
#include "cli/match_loop.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

struct hunt {
	const struct args *args;
	struct ruleset *ruleset;
	struct detect *detect;
	struct temporal *temporal;
	struct coverage coverage;
	struct output output;
	struct finding_print print;
	struct buffer lines, octets, skip;
	struct match_loop loop;
	struct buffer silent; /* JSON strings, each behind a comma */
	uint64_t silent_count;
	int64_t from_ns, to_ns, bound_ns;
	bool late_too;
	struct error error;
};

/* ---- what the stages write ---- */

static void print_event(void *ctx, struct json_writer *w, const struct json_node *event)
{
	(void)ctx;
	json_raw(w, event->text);
}

static int on_rows(void *ctx, uint32_t partition, struct slice octets)
{
	struct hunt *h = ctx;
	struct batch batch;
	(void)partition;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	buffer_reset(&h->lines);
	finding_print(&h->print, &batch);
	output_lines(&h->output, buffer_slice(&h->lines));
	return h->lines.failed ? -ERROR_MEMORY : 0;
}

static int on_matches(void *ctx, uint32_t partition, struct slice record)
{
	(void)partition;
	return match_loop_add(&((struct hunt *)ctx)->loop, record);
}

static int correlate(struct hunt *h)
{
	return match_loop_run(&h->loop, h->detect, h->temporal, &h->error);
}

/* ---- what the owner gives ---- */

static bool unpack(struct buffer *to, struct slice base64)
{
	size_t len;
	buffer_reset(to);
	uint8_t *room = buffer_room(to, base64.len / 4 * 3 + 1);
	if (!room || !base64_parse(base64, room, &len))
		return false;
	to->len = len;
	return true;
}

static int damaged(struct hunt *h)
{
	return error_set(&h->error, ERROR_DAMAGED, "the owner of the data directory sent a block that does not validate");
}

static int take_block(struct hunt *h, const struct json_node *block)
{
	struct batch batch;
	struct slice skip = json_member_slice(block, "skip");
	if (!unpack(&h->octets, json_member_slice(block, "batch")) || batch_open(&batch, buffer_slice(&h->octets), NULL))
		return damaged(h);
	if (skip.len && (!unpack(&h->skip, skip) || h->skip.len < (batch.row_count + 63u) / 64 * 8))
		return damaged(h);
	struct detect_past rows = {.batch = &batch,
							   .skip = skip.len ? (const uint64_t *)(const void *)h->skip.ptr : NULL,
							   .from_ns = h->from_ns,
							   .to_ns = h->to_ns,
							   .late_too = h->late_too};
	coverage_add(&h->coverage, &rows);
	int result = detect_past(h->detect, &rows, &h->error);
	int64_t bound = json_member_i64(block, "bound_ns", INT64_MIN);
	if (!result && bound > h->bound_ns && bound != INT64_MAX)
		detect_past_bound(h->detect, h->bound_ns = bound);
	return result ? result : correlate(h);
}

static void progress(const struct hunt *h)
{
	char text[40];
	if (!isatty(2) || option_given(h->args, OPTION_QUIET) || h->bound_ns == INT64_MIN)
		return;
	clock_print(h->bound_ns, text);
	fprintf(stderr, "\r  %s  %" PRIu64 " events", text, h->coverage.events);
}

static int take_line(void *ctx, struct slice line)
{
	struct hunt *h = ctx;
	struct arena arena;
	arena_init(&arena, setup_env(), 0);
	const struct json_node *root = json_tree(&arena, line), *block = json_member(root, "block");
	int result = block ? take_block(h, block) : damaged(h);
	arena_free(&arena);
	progress(h);
	return result || h->output.failed || setup_stop ? 1 : 0;
}

/* ---- sources that fell silent ---- */

/* One line of `sources`: known before the range, and nothing of it in the range. */
static int take_source(void *ctx, struct slice line)
{
	struct hunt *h = ctx;
	struct arena arena;
	int64_t first;
	struct json_writer w;
	arena_init(&arena, setup_env(), 0);
	const struct json_node *root = json_tree(&arena, line);
	struct slice source = json_member_slice(root, "source"), seen = json_member_slice(root, "first_seen");
	if (seen.len && clock_parse_option(seen, 0, &first) && first < h->from_ns &&
		coverage_is_silent(&h->coverage, source)) {
		if (h->silent_count++)
			buffer_add_octet(&h->silent, ',');
		json_writer_init(&w, &h->silent);
		json_string(&w, source);
	}
	arena_free(&arena);
	return 0;
}

static int ask(struct hunt *h, struct slice request, int (*line)(void *ctx, struct slice line), struct buffer *end)
{
	struct ask a = {.data = ask_data(h->args), .request = request, .fd = -1, .line = line, .ctx = h};
	int code = ask_owner(h->args, &a);
	*end = a.end;
	return code;
}

/* ---- the end ---- */

static void print_coverage(struct hunt *h, const struct json_node *summary)
{
	struct json_writer w;
	int64_t broken = json_member_i64(summary, "row_groups_damaged", 0);
	buffer_reset(&h->lines);
	json_writer_init(&w, &h->lines);
	json_object(&w);
	json_key(&w, "kind");
	json_str(&w, "coverage");
	coverage_print(&h->coverage, h->ruleset, &w);
	json_key(&w, "row_groups_damaged");
	json_i64(&w, broken);
	json_key(&w, "sources_silent");
	if (h->from_ns == INT64_MIN) {
		json_null(&w); /* without a beginning nobody was there before */
	} else {
		json_array(&w);
		json_raw(&w, buffer_slice(&h->silent));
		json_array_end(&w);
	}
	json_object_end(&w);
	buffer_add_octet(&h->lines, '\n');
	output_lines(&h->output, buffer_slice(&h->lines));
}

static int finish(struct hunt *h)
{
	int result = correlate(h);
	if (!result)
		result = temporal_end(h->temporal, &h->error);
	/* What ended windows tell outer correlations was taken inside. */
	return result ? result : temporal_flush(h->temporal, &h->error);
}

/* The times as they were read here: the owner's now is another. */
static void put_request(const struct hunt *h, struct buffer *b)
{
	struct json_writer w;
	buffer_init(b, setup_env());
	json_writer_init(&w, b);
	json_object(&w);
	json_key(&w, "verb");
	json_str(&w, "hunt");
	if (h->from_ns != INT64_MIN) {
		json_key(&w, "from");
		json_time(&w, h->from_ns);
	}
	if (h->to_ns != INT64_MAX) {
		json_key(&w, "to");
		json_time(&w, h->to_ns);
	}
	json_object_end(&w);
}

static int hunt_rows(struct hunt *h)
{
	struct buffer request, end = {0}, other = {0};
	struct arena arena;
	put_request(h, &request);
	int code = ask(h, buffer_slice(&request), take_line, &end);
	if (!code && !h->error.code && h->from_ns != INT64_MIN)
		code = ask(h, SLICE("{\"verb\":\"sources\"}"), take_source, &other);
	if (isatty(2) && !option_given(h->args, OPTION_QUIET))
		fputc('\n', stderr);
	if (!code && !h->error.code && !h->output.failed && !setup_stop)
		(void)finish(h);
	if (!code && h->coverage.failed)
		error_set(&h->error, ERROR_MEMORY, "no memory to count what was looked at");
	if (!code && !h->error.code && !setup_stop) {
		arena_init(&arena, setup_env(), 0);
		print_coverage(h, json_member(json_member(json_tree(&arena, buffer_slice(&end)), "end"), "summary"));
		arena_free(&arena);
	}
	buffer_free(&request);
	buffer_free(&end);
	buffer_free(&other);
	return h->error.code ? setup_fail(h->args, &h->error) : code;
}

/* ---- opening ---- */

static int open_stages(struct hunt *h)
{
	static const uint32_t zero[1] = {0};
	const char *fire = h->args->value[OPTION_FIRE];
	struct correlate_sink sink = {on_matches, on_rows, h};
	struct detect_config d = {.ruleset = h->ruleset,
							  .matches_partitions = 1,
							  .incidents_partitions = 1,
							  .events_partitions = zero,
							  .events_count = 1,
							  .no_lateness = true,
							  .past = true,
							  .sink = sink};
	struct temporal_config t = {.ruleset = h->ruleset,
								.matches_partitions = 1,
								.incidents_partitions = 1,
								.owned = zero,
								.owned_count = 1,
								.final_only = true,
								.each = fire && strcmp(fire, "each") == 0,
								.sink = sink};
	int result = detect_new(setup_env(), &d, &h->detect, &h->error);
	return result ? result : temporal_new(setup_env(), &t, &h->temporal, &h->error);
}

static int load(struct hunt *h, struct ruleset_counts *counts)
{
	char sigma[PATH_MAX], yara[PATH_MAX];
	const char *shipped[2] = {setup_library_path("sigma", sigma, sizeof sigma),
							  setup_library_path("yara", yara, sizeof yara)};
	struct setup_told told = {.quiet = option_given(h->args, OPTION_QUIET)};
	bool own = h->args->rule_count > 0;
	return setup_rules_piped(own ? h->args->rules : shipped, own ? h->args->rule_count : 2, h->args->pipelines,
							 h->args->pipeline_count, true, &told, &h->ruleset, counts, &h->error);
}

static void hunt_close(struct hunt *h)
{
	struct buffer *buffers[] = {&h->lines, &h->octets, &h->skip, &h->silent};
	for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
		buffer_free(buffers[i]);
	if (h->detect)
		detect_free(h->detect);
	if (h->temporal)
		temporal_free(h->temporal);
	if (h->ruleset)
		ruleset_release(h->ruleset);
	match_loop_free(&h->loop);
	coverage_free(&h->coverage);
	arena_free(&h->print.arena);
}

static int run_hunt(struct hunt *h)
{
	struct ruleset_counts counts = {0};
	if (coverage_init(&h->coverage, setup_env()) || load(h, &counts) || open_stages(h))
		return h->error.code ? setup_fail(h->args, &h->error) : EXIT_STORAGE;
	output_open(&h->output, h->args);
	int code = hunt_rows(h), written = output_close(&h->output);
	code = written > code ? written : code;
	fprintf(stderr, "{\"events\":%" PRIu64 ",\"findings\":%" PRIu64 ",\"rules_loaded\":%u,\"rules_refused\":%u}\n",
			h->coverage.events, h->print.printed, counts.loaded, counts.refused);
	if (counts.refused && option_given(h->args, OPTION_STRICT) && code < EXIT_RULES)
		code = EXIT_RULES;
	return code;
}

int verb_hunt(const struct args *args)
{
	static struct hunt h;
	int64_t now;
	setup_signals();
	h = (struct hunt){.args = args, .bound_ns = INT64_MIN, .late_too = option_given(args, OPTION_LATE)};
	if (!setup_time(args, OPTION_NOW, 0, &now))
		return EXIT_USAGE;
	if (option_given(args, OPTION_NOW))
		setup_fix_now(now);
	if (!setup_time(args, OPTION_FROM, INT64_MIN, &h.from_ns) || !setup_time(args, OPTION_TO, INT64_MAX, &h.to_ns))
		return EXIT_USAGE;
	struct buffer *buffers[] = {&h.lines, &h.octets, &h.skip, &h.silent};
	for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
		buffer_init(buffers[i], setup_env());
	match_loop_init(&h.loop, setup_env());
	h.print = (struct finding_print){.event = print_event, .ctx = &h, .out = &h.lines, .incidents = true};
	arena_init(&h.print.arena, setup_env(), 0);
	int code = run_hunt(&h);
	hunt_close(&h);
	return code;
}
