/* rules test: examples beside rules. Events given as maps are judged by the rules room itself; raw lines go through the whole
 * front end; sequences are played through detect and temporal, as live events would be.
 */
#include "cli/json_tree.h"
#include "cli/output.h"
#include "cli/rules_regression.h"
#include "cli/setup.h"
#include "cli/verbs.h"
#include "correlate/correlate.h"
#include "ingest/ingest.h"
#include "rules/rules_test.h"

#define SEQUENCE_START_NS (INT64_C(1767225600) * NS_PER_S) /* 2026-01-01: times of a sequence count from here */

struct player {
	const struct args *args;
	struct decoders *decoders;
	struct ruleset *ruleset;
	const struct rule_test *test;
	struct setup_told told;
	struct buffer json, spool, batches; /* diagnostics; match records; batches of events, each behind its u64 length */
	struct error error;
	uint32_t hits; /* rows on which the rule held, or its incidents */
	uint32_t passed, failed, skipped;
};

static int keep(struct buffer *out, struct slice octets)
{
	buffer_add_u64(out, octets.len);
	buffer_add_slice(out, octets);
	return out->failed ? -ERROR_MEMORY : 0;
}

/* The next kept octets, at *at; empty at the end. */
static struct slice kept(const struct buffer *b, size_t *at)
{
	if (*at + 8 > b->len)
		return SLICE_NONE;
	struct slice s = slice_of(b->ptr + *at + 8, (size_t)get_u64(b->ptr + *at));
	*at += 8 + s.len;
	return s;
}

static int on_batch(void *ctx, uint32_t partition, struct slice batch, uint32_t rows)
{
	(void)partition;
	(void)rows;
	return keep(&((struct player *)ctx)->batches, batch);
}

/* One line through the front end, its batch kept. */
static int ingest_line(struct player *p, struct slice line, uint64_t number)
{
	struct ingest_config c = {.partitions = 1,
							  .single_partition = true,
							  .decoders = p->decoders,
							  .emit = on_batch,
							  .ctx = p,
							  .defaults = {.charset_auto = true, .zone = SLICE("+00:00")},
							  .fixed_observed_ns = SEQUENCE_START_NS + 366 * NS_PER_DAY,
							  .year_from_ns = SEQUENCE_START_NS};
	struct ingest *ingest = NULL;
	struct ingest_stream *stream = NULL;
	size_t taken;
	put_u64(c.collector, number);
	int result = ingest_new(setup_env(), &c, &ingest, &p->error);
	if (!result)
		result = ingest_stream_new(ingest, SLICE("file test"), FRAMING_LF, &stream, &p->error);
	if (!result)
		result = ingest_stream_add(stream, line, &taken, &p->error);
	if (result >= 0)
		result = ingest_stream_end(stream, &p->error);
	if (result >= 0)
		(void)ingest_step(ingest, true, &p->error);
	if (stream)
		ingest_stream_free(stream);
	if (ingest)
		ingest_free(ingest);
	return result < 0 ? result : 0;
}

/* A map gets the time of its place in the sequence, unless it says one itself. */
static int ingest_event(struct player *p, const struct rule_test_event *e, uint64_t number)
{
	struct buffer line;
	char time[40];
	if (e->is_line)
		return ingest_line(p, e->text, number);
	buffer_init(&line, setup_env());
	size_t len = clock_print(SEQUENCE_START_NS + e->after_ns, time);
	if (slice_find(e->text, SLICE("\"@timestamp\""), 0) == SIZE_MAX && e->text.len > 2)
		buffer_add_format(&line, "{\"@timestamp\":\"%.*s\",", (int)len, time);
	else
		buffer_add_octet(&line, '{');
	buffer_add_slice(&line, slice_from(e->text, 1));
	int result = line.failed ? -ERROR_MEMORY : ingest_line(p, buffer_slice(&line), number);
	buffer_free(&line);
	return result;
}

static void say(struct player *p, const struct rule_test_event *at, const char *text)
{
	char title[256];
	snprintf(title, sizeof title, "%.*s", SLICE_PRINT(p->test->rule->title));
	struct diagnostic d = {.level = DIAGNOSTIC_ERROR,
						   .id = "test-failed",
						   .file = p->test->file,
						   .line = at ? at->line : p->test->line,
						   .column = at ? at->column : p->test->column,
						   .rule = title,
						   .text = text};
	p->failed++;
	setup_tell(&p->told, &d);
}

/* ---- raw lines ---- */

static void on_hit(void *ctx, uint32_t rule)
{
	struct player *p = ctx;
	p->hits += rule == p->test->rule->index;
}

static int evaluate(struct player *p)
{
	struct evaluator *evaluator = NULL;
	struct batch batch;
	size_t at = 0;
	struct slice octets;
	int result = evaluator_new(setup_env(), p->ruleset, &evaluator, &p->error);
	while (!result && (octets = kept(&p->batches, &at)).len) {
		result = batch_open(&batch, octets, &p->error);
		for (uint32_t i = 0; !result && i < batch.row_count; i++)
			result = evaluator_row(evaluator, &batch, i, NULL, 0, on_hit, p, &p->error);
	}
	if (evaluator)
		evaluator_free(evaluator);
	return result < 0 ? result : 0;
}

static int play_lines(struct player *p)
{
	bool want = p->test->kind == TEST_MATCH;
	int result = 0;
	for (uint32_t i = 0; i < p->test->event_count && !result; i++) {
		const struct rule_test_event *e = &p->test->events[i];
		if (!e->is_line)
			continue;
		p->hits = 0;
		buffer_reset(&p->batches);
		result = ingest_line(p, e->text, i);
		if (!result)
			result = evaluate(p);
		if (!result && (p->hits > 0) == want)
			p->passed++;
		else if (!result)
			say(p, e,
				want ? "the rule must hold for this line and does not"
					 : "the rule must not hold for this line and does");
	}
	return result;
}

/* ---- sequences ---- */

static int on_matches(void *ctx, uint32_t partition, struct slice record)
{
	(void)partition;
	return keep(&((struct player *)ctx)->spool, record);
}

static int on_rows(void *ctx, uint32_t partition, struct slice octets)
{
	struct player *p = ctx;
	struct batch batch;
	struct batch_row row;
	struct arena arena;
	char digest[65];
	(void)partition;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	hex_print(p->test->rule->digest, 32, digest);
	arena_init(&arena, setup_env(), 0);
	for (uint32_t i = 0; i < batch.row_count; i++) {
		batch_get_row(&batch, i, &row);
		const struct json_node *incident =
			row.kind == ROW_INCIDENT ? json_member(json_tree(&arena, row.original), "incident") : NULL;
		const struct json_node *rule = json_member(incident, "rule");
		p->hits += incident && strcmp(json_member_str(incident, "state", ""), "final") == 0 &&
				   strcmp(json_member_str(rule, "digest", ""), digest) == 0;
	}
	arena_free(&arena);
	return 0;
}

static int run_stages(struct player *p, struct detect *detect, struct temporal *temporal)
{
	size_t at = 0;
	uint64_t offset = 0;
	struct slice octets;
	int result = 0;
	while (!result && (octets = kept(&p->batches, &at)).len)
		result = detect_record(detect, 0, offset++, octets, &p->error);
	if (!result)
		result = detect_flush(detect, &p->error);
	at = offset = 0;
	/* The spool grows while it is read: firing points of inner correlations come back as matches. */
	while (!result && at < p->spool.len) {
		struct buffer copy;
		buffer_init(&copy, setup_env());
		buffer_add_slice(&copy, kept(&p->spool, &at));
		result = copy.failed ? -ERROR_MEMORY : temporal_record(temporal, 0, offset++, buffer_slice(&copy), &p->error);
		if (!result)
			result = temporal_flush(temporal, &p->error);
		buffer_free(&copy);
	}
	if (!result)
		result = temporal_end(temporal, &p->error);
	return result ? result : temporal_flush(temporal, &p->error);
}

static int correlate_events(struct player *p)
{
	static const uint32_t zero[1] = {0};
	struct correlate_sink sink = {on_matches, on_rows, p};
	struct detect_config d = {.ruleset = p->ruleset,
							  .matches_partitions = 1,
							  .incidents_partitions = 1,
							  .events_partitions = zero,
							  .events_count = 1,
							  .no_lateness = true,
							  .sink = sink};
	struct temporal_config t = {.ruleset = p->ruleset,
								.matches_partitions = 1,
								.incidents_partitions = 1,
								.owned = zero,
								.owned_count = 1,
								.final_only = true,
								.sink = sink};
	struct detect *detect = NULL;
	struct temporal *temporal = NULL;
	int result = detect_new(setup_env(), &d, &detect, &p->error);
	if (!result)
		result = temporal_new(setup_env(), &t, &temporal, &p->error);
	if (!result)
		result = run_stages(p, detect, temporal);
	if (temporal)
		temporal_free(temporal);
	if (detect)
		detect_free(detect);
	return result;
}

static int play_sequence(struct player *p)
{
	char text[128];
	int result = 0;
	p->hits = 0;
	buffer_reset(&p->batches);
	buffer_reset(&p->spool);
	for (uint32_t i = 0; i < p->test->event_count && !result; i++)
		result = ingest_event(p, &p->test->events[i], i);
	if (!result)
		result = correlate_events(p);
	if (result)
		return result;
	snprintf(text, sizeof text, "the sequence must make %u incidents and made %u", p->test->fires, p->hits);
	if (p->hits == p->test->fires)
		p->passed++;
	else
		say(p, NULL, text);
	return 0;
}

/* ---- all of them ---- */

/* What waits for the whole pipeline is played here: no word about it. */
static void tell_judged(void *ctx, const struct diagnostic *d)
{
	if (!d->id || strcmp(d->id, "test-pending") != 0)
		setup_tell(ctx, d);
}

static int play_all(struct player *p, const struct rule_tests *tests)
{
	int result = 0;
	for (uint32_t i = 0; i < rule_tests_count(tests) && !result; i++) {
		p->test = rule_tests_get(tests, i);
		result = p->test->kind == TEST_SEQUENCE ? play_sequence(p) : play_lines(p);
	}
	return result;
}

static int run_regression(struct player *p)
{
	struct regression r = {.args = p->args, .decoders = p->decoders, .ruleset = p->ruleset, .told = &p->told};
	int result = regression_run(&r);
	p->passed += r.passed;
	p->failed += r.failed;
	p->skipped += r.skipped;
	if (result)
		p->error = r.error;
	return result;
}

static int load_and_run(struct player *p, struct rule_tests **tests)
{
	const struct args *args = p->args;
	struct ruleset_counts counts = {0};
	uint32_t passed = 0, failed = 0, pending = 0, unread = 0;
	int result = setup_decoders(args, &p->told, &p->decoders, &p->error);
	if (!result)
		result = setup_rules_piped(args->words, args->word_count, args->pipelines, args->pipeline_count, true, &p->told,
								   &p->ruleset, &counts, &p->error);
	if (!result)
		result = rule_tests_load(setup_env(), args->words, args->word_count, p->ruleset, setup_tell, &p->told, tests,
								 &unread, &p->error);
	if (!result)
		result = rule_tests_run(*tests, setup_env(), p->ruleset, tell_judged, &p->told, &passed, &failed, &pending,
								&p->error);
	p->passed += passed;
	p->failed += failed + unread + counts.refused;
	if (!result)
		result = play_all(p, *tests);
	return result < 0 ? result : run_regression(p);
}

int verb_rules_test(const struct args *args)
{
	static struct player p;
	struct rule_tests *tests = NULL;
	struct output output;
	p = (struct player){.args = args};
	buffer_init(&p.json, setup_env());
	buffer_init(&p.spool, setup_env());
	buffer_init(&p.batches, setup_env());
	p.told.json = &p.json;
	int result = load_and_run(&p, &tests), code;
	buffer_add_format(&p.json, "{\"passed\":%u,\"failed\":%u,\"skipped\":%u}\n", p.passed, p.failed, p.skipped);
	output_open(&output, args);
	output_lines(&output, buffer_slice(&p.json));
	int written = output_close(&output);
	code = result < 0 ? setup_fail(args, &p.error) : p.failed ? EXIT_FINDINGS : EXIT_OK;
	code = written > code ? written : code;
	if (tests)
		rule_tests_free(tests);
	if (p.ruleset)
		ruleset_release(p.ruleset);
	if (p.decoders)
		decoders_free(p.decoders);
	buffer_free(&p.json);
	buffer_free(&p.spool);
	buffer_free(&p.batches);
	return code;
}
