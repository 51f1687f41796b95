#include "cli/rules_regression.h"

#include "cli/input.h"
#include "rules/yaml_tree.h"

#include <stdio.h>

#define INFO_BYTES_MAX (1u << 20)

/* ---- telling ---- */

static void say(struct regression *r, const struct tree_node *at, enum diagnostic_level level, const char *id,
				const char *text)
{
	char title[256] = "";
	if (r->rule)
		snprintf(title, sizeof title, "%.*s", SLICE_PRINT(r->rule->title));
	struct diagnostic d = {.level = level,
						   .id = id,
						   .file = r->file,
						   .line = at ? at->line : 1,
						   .column = at ? at->column : 1,
						   .rule = title,
						   .text = text};
	setup_tell(r->told, &d);
}

static int wrong(struct regression *r, const struct tree_node *at, const char *text)
{
	r->failed++;
	say(r, at, DIAGNOSTIC_ERROR, "test", text);
	return 0;
}

/* ---- one sample ---- */

static void on_hit(void *ctx, uint32_t rule)
{
	struct regression *r = ctx;
	r->hits += rule == r->rule->index;
}

static int on_batch(void *ctx, struct slice octets)
{
	struct regression *r = ctx;
	struct batch batch;
	int result = 0;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	for (uint32_t i = 0; i < batch.row_count && !result; i++)
		result = evaluator_row(r->evaluator, &batch, i, NULL, 0, on_hit, r, &r->error);
	return result;
}

static int same_line(void *ctx, struct slice line, struct buffer *out)
{
	(void)ctx;
	buffer_add_slice(out, line);
	return out->failed ? -ERROR_MEMORY : 0;
}

static bool is_there(const char *path)
{
	struct env_stat st;
	return setup_env()->files.stat(setup_env()->files.ctx, path, &st) == 0 && !st.is_dir;
}

/* Paths are written from the folder that holds regression_data on. */
static const char *sample_path(struct regression *r, struct slice path)
{
	const char *root = strstr(r->file, "regression_data/");
	struct buffer b;
	buffer_init(&b, setup_env());
	if (root && slice_starts(path, SLICE("regression_data/")))
		buffer_add(&b, r->file, (size_t)(root - r->file));
	buffer_add_slice(&b, path);
	const char *copy = b.failed ? NULL : arena_string(&r->arena, buffer_slice(&b));
	buffer_free(&b);
	return copy;
}

/* The JSON that stands for an EVTX sample; null when there is none. */
static const char *json_of(struct regression *r, const char *evtx)
{
	struct slice stem = slice_str(evtx);
	if (!slice_ends(stem, SLICE(".evtx")))
		return NULL;
	stem.len -= 5;
	struct buffer b;
	buffer_init(&b, setup_env());
	buffer_add_slice(&b, stem);
	buffer_add_str(&b, ".json");
	const char *path = b.failed ? NULL : arena_string(&r->arena, buffer_slice(&b));
	buffer_free(&b);
	return path && is_there(path) ? path : NULL;
}

static bool is_json_lines(struct slice type)
{
	return slice_equal(type, SLICE("ndjson")) || slice_equal(type, SLICE("jsonl"));
}

static int run_sample(struct regression *r, const struct tree_node *test, const char *path, bool lines)
{
	const struct tree_node *count = tree_get(test, "match_count");
	struct input_job job = {
		.args = r->args, .decoders = r->decoders, .batch = on_batch, .ctx = r, .line = same_line, .joined = !lines};
	uint64_t bytes = 0;
	char text[160];
	r->hits = 0;
	if (input_file(&job, path, &bytes) != EXIT_OK)
		return r->error.code ? -(int)r->error.code : wrong(r, test, "the sample cannot be read");
	uint64_t wanted = count && count->type == TREE_INT && count->i64 > 0 ? (uint64_t)count->i64 : 1;
	if (count && count->type == TREE_INT && count->i64 == 0 ? r->hits == 0 : r->hits >= wanted) {
		r->passed++;
		return 0;
	}
	snprintf(text, sizeof text, "the sample must make %lld matches and makes %llu", (long long)(count ? count->i64 : 1),
			 (unsigned long long)r->hits);
	return wrong(r, test, text);
}

static int run_test(struct regression *r, const struct tree_node *test)
{
	const struct tree_node *type = test->type == TREE_MAP ? tree_get(test, "type") : NULL;
	const struct tree_node *path = test->type == TREE_MAP ? tree_get(test, "path") : NULL;
	if (!type || !path || !tree_is_scalar(type) || !tree_is_scalar(path) || memchr(path->text.ptr, 0, path->text.len))
		return wrong(r, test, "a test needs a type and a path");
	const char *sample = sample_path(r, path->text);
	if (!sample)
		return -ERROR_MEMORY;
	if (slice_equal(type->text, SLICE("evtx"))) {
		const char *json = json_of(r, sample);
		r->skipped += json == NULL;
		if (json == NULL)
			say(r, path, DIAGNOSTIC_WARNING, "test-skipped", "EVTX is not read, and there is no JSON of it beside it");
		return json ? run_sample(r, test, json, false) : 0;
	}
	if (!slice_equal(type->text, SLICE("json")) && !is_json_lines(type->text))
		return wrong(r, type, "type is evtx, json, ndjson or jsonl");
	return is_there(sample) ? run_sample(r, test, sample, is_json_lines(type->text))
							: wrong(r, path, "the sample is not there");
}

/* ---- one info.yml ---- */

static const struct rule *rule_of(const struct regression *r, const struct tree_node *root)
{
	const struct tree_node *list = tree_get(root, "rule_metadata");
	const struct tree_node *first = list && list->type == TREE_LIST && list->count ? list->items[0] : NULL;
	const struct tree_node *id = first && first->type == TREE_MAP ? tree_get(first, "id") : NULL;
	for (uint32_t i = 0; id && tree_is_scalar(id) && i < ruleset_count(r->ruleset); i++)
		if (slice_equal(ruleset_rule(r->ruleset, i)->id, id->text))
			return ruleset_rule(r->ruleset, i);
	return NULL;
}

static int run_info(struct regression *r, const struct tree_node *root)
{
	const struct tree_node *tests = root->type == TREE_MAP ? tree_get(root, "regression_tests_info") : NULL;
	int result = 0;
	if (!tests)
		return 0; /* another info.yml */
	r->rule = rule_of(r, root);
	if (!r->rule)
		return wrong(r, root, "rule_metadata names no rule that was loaded: give the rules' folder too");
	if (tests->type != TREE_LIST)
		return wrong(r, tests, "regression_tests_info is a list");
	for (uint32_t i = 0; i < tests->count && !result; i++)
		result = run_test(r, tests->items[i]);
	return result;
}

static int on_file(void *ctx, const char *path)
{
	struct regression *r = ctx;
	struct yaml_tree tree = {0};
	uint8_t *octets;
	size_t len;
	const char *slash = strrchr(path, '/');
	if (strcmp(slash ? slash + 1 : path, "info.yml") != 0)
		return 0;
	r->file = path;
	r->rule = NULL;
	if (env_read_file(setup_env(), path, INFO_BYTES_MAX, &octets, &len) < 0)
		return wrong(r, NULL, "it cannot be read");
	arena_init(&r->arena, setup_env(), 0);
	int result = yaml_tree_parse(&r->arena, slice_of(octets, len), &tree, &r->error);
	if (!result && tree.count == 1 && tree.documents[0].root)
		result = run_info(r, tree.documents[0].root);
	else if (!result)
		result = wrong(r, NULL, tree.count ? tree.documents[0].error.text : "it is empty");
	env_free(setup_env(), octets);
	arena_free(&r->arena);
	return result;
}

int regression_run(struct regression *r)
{
	int result = evaluator_new(setup_env(), r->ruleset, &r->evaluator, &r->error);
	if (!result)
		result = ruleset_files(setup_env(), r->args->words, r->args->word_count, false, on_file, r, &r->error);
	evaluator_free(r->evaluator);
	return result;
}
