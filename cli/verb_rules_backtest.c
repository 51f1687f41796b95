/* rules backtest: rules over files of events, and whether each found as often as was expected (docs/backtest.md). */
#include "cli/json_tree.h"
#include "cli/output.h"
#include "cli/scan_job.h"
#include "cli/setup.h"
#include "cli/verbs.h"
#include "rules/yaml_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#define FILE_BYTES_MAX (1u << 20)
#define LIST_MAX 256u

enum bound {
	BOUND_EXACTLY,
	BOUND_AT_LEAST,
	BOUND_AT_MOST,
	BOUND_COUNT
};

static const char *const bound_names[BOUND_COUNT] = {"exactly", "at_least", "at_most"};

struct expectation {
	struct slice rule; /* as written; empty: the rules of which nothing is said */
	uint32_t line;
	uint32_t index; /* in the ruleset */
	bool given[BOUND_COUNT];
	uint64_t bound[BOUND_COUNT];
};

struct backtest {
	const struct args *args;
	const struct decoders *decoders;
	const char *file;
	struct arena arena, row;
	const char *rules[LIST_MAX], *events[LIST_MAX];
	unsigned rule_count, event_count;
	struct expectation *expectations, others;
	uint32_t expectation_count;
	bool has_others;
	struct ruleset *ruleset;
	uint64_t *found; /* by rule */
	bool *named;
	struct buffer lines, junit;
	uint64_t passed, failed;
	struct error error;
};

/* ---- the file ---- */

__attribute__((format(printf, 3, 4))) static int wrong(const struct backtest *b, const struct tree_node *at,
													   const char *format, ...)
{
	va_list args;
	fprintf(stderr, "%s:%u:%u: ", b->file, at ? at->line : 1, at ? at->column : 1);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

/* Beside the file, unless it is absolute. */
static const char *beside(struct backtest *b, struct slice name)
{
	const char *slash = strrchr(b->file, '/');
	struct buffer path;
	buffer_init(&path, setup_env());
	if (slash && name.ptr[0] != '/')
		buffer_add(&path, b->file, (size_t)(slash - b->file) + 1);
	buffer_add_slice(&path, name);
	const char *copy = path.failed ? NULL : arena_string(&b->arena, buffer_slice(&path));
	buffer_free(&path);
	return copy;
}

static int read_paths(struct backtest *b, const struct tree_node *body, const char *key, const char **out,
					  unsigned *count)
{
	const struct tree_node *list = tree_get(body, key);
	if (!list || list->type != TREE_LIST || list->count == 0 || list->count > LIST_MAX)
		return wrong(b, list ? list : body, "%s is a list of 1 to %u paths, as in [a.yml, b.yml]", key, LIST_MAX);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct tree_node *n = list->items[i];
		if (!tree_is_scalar(n) || n->text.len == 0 || memchr(n->text.ptr, 0, n->text.len))
			return wrong(b, n, "a path is a string");
		if (!(out[i] = beside(b, n->text)))
			return EXIT_STORAGE;
	}
	*count = list->count;
	return EXIT_OK;
}

static int read_bounds(struct backtest *b, const struct tree_node *map, struct expectation *e)
{
	bool any = false;
	for (uint32_t i = 0; i < map->count; i++) {
		const struct tree_pair *pair = &map->pairs[i];
		unsigned k = 0;
		if (slice_equal(pair->key->text, SLICE("rule")))
			continue;
		while (k < BOUND_COUNT && !slice_equal(pair->key->text, slice_str(bound_names[k])))
			k++;
		if (k == BOUND_COUNT)
			return wrong(b, pair->key, "an expectation knows rule, exactly, at_least and at_most, not '%.*s'",
						 SLICE_PRINT(pair->key->text));
		if (pair->value->type != TREE_INT || pair->value->i64 < 0)
			return wrong(b, pair->value, "%s is a whole number from 0", bound_names[k]);
		e->given[k] = any = true;
		e->bound[k] = (uint64_t)pair->value->i64;
	}
	e->line = map->line;
	return any ? EXIT_OK : wrong(b, map, "an expectation needs exactly, at_least or at_most");
}

static int read_expectations(struct backtest *b, const struct tree_node *body)
{
	const struct tree_node *list = tree_get(body, "expect"), *others = tree_get(body, "others");
	if (!list || list->type != TREE_LIST)
		return wrong(b, list ? list : body, "expect is a list such as [{rule: my_rule, exactly: 1}]");
	b->expectations = arena_zalloc(&b->arena, (list->count + 1) * sizeof *b->expectations);
	if (!b->expectations)
		return EXIT_STORAGE;
	for (uint32_t i = 0; i < list->count; i++) {
		const struct tree_node *rule = list->items[i]->type == TREE_MAP ? tree_get(list->items[i], "rule") : NULL;
		if (!rule || !tree_is_scalar(rule) || rule->text.len == 0)
			return wrong(b, list->items[i], "an expectation names a rule by id, name or title");
		struct expectation *e = &b->expectations[b->expectation_count++];
		e->rule = rule->text;
		int code = read_bounds(b, list->items[i], e);
		if (code)
			return code;
	}
	b->has_others = others != NULL;
	if (others && (others->type != TREE_MAP || tree_get(others, "rule")))
		return wrong(b, others, "others is a map such as {at_most: 0}");
	return others ? read_bounds(b, others, &b->others) : EXIT_OK;
}

static int read_body(struct backtest *b, const struct tree_node *root)
{
	static const char *const keys[] = {"rules", "events", "expect", "others"};
	const struct tree_node *body = root && root->type == TREE_MAP ? tree_get(root, "backtest") : NULL;
	if (!body || body->type != TREE_MAP || root->count != 1)
		return wrong(b, root, "the file is one map 'backtest' with rules, events and expect");
	for (uint32_t i = 0; i < body->count; i++) {
		size_t k = 0;
		while (k < 4 && !slice_equal(body->pairs[i].key->text, slice_str(keys[k])))
			k++;
		if (k == 4)
			return wrong(b, body->pairs[i].key, "backtest knows rules, events, expect and others, not '%.*s'",
						 SLICE_PRINT(body->pairs[i].key->text));
	}
	int code = read_paths(b, body, "rules", b->rules, &b->rule_count);
	if (!code)
		code = read_paths(b, body, "events", b->events, &b->event_count);
	return code ? code : read_expectations(b, body);
}

static int parse_text(struct backtest *b, struct slice text)
{
	struct yaml_tree tree = {0};
	struct error error = {0};
	if (yaml_tree_parse(&b->arena, text, &tree, &error))
		return EXIT_STORAGE;
	if (tree.count != 1)
		return wrong(b, NULL, "the file is one YAML document");
	const struct yaml_document *d = &tree.documents[0];
	if (d->root)
		return read_body(b, d->root);
	fprintf(stderr, "%s:%u:%u: %s\n", b->file, d->error.line, d->error.column, d->error.text);
	return EXIT_USAGE;
}

static int read_file(struct backtest *b)
{
	uint8_t *octets = NULL;
	size_t len;
	int result = env_read_file(setup_env(), b->file, FILE_BYTES_MAX, &octets, &len);
	if (result < 0) {
		fprintf(stderr, "cresset rules backtest: cannot read %s: %s\n", b->file,
				result == -ERANGE || result == -EFBIG ? "it is too large" : strerror(-result));
		return EXIT_USAGE;
	}
	int code = parse_text(b, slice_of(octets, len));
	env_free(setup_env(), octets);
	return code;
}

/* ---- rules ---- */

static bool is_named(const struct rule *r, struct slice name)
{
	return slice_equal(r->id, name) || slice_equal(r->name, name) || slice_equal(r->title, name);
}

static int find_rule(struct backtest *b, struct expectation *e)
{
	struct tree_node at = {.line = e->line, .column = 1};
	const struct rule *found = NULL;
	for (uint32_t i = 0; i < ruleset_count(b->ruleset); i++) {
		const struct rule *r = ruleset_rule(b->ruleset, i);
		if (!is_named(r, e->rule))
			continue;
		if (found)
			return wrong(b, &at, "two rules are called '%.*s': name it by its id", SLICE_PRINT(e->rule));
		found = r;
	}
	if (!found)
		return wrong(b, &at, "no rule has the id, name or title '%.*s'", SLICE_PRINT(e->rule));
	if (!found->told)
		return wrong(b, &at, "'%.*s' is only a part of correlations and tells nothing itself (generate: true)",
					 SLICE_PRINT(e->rule));
	e->index = found->index;
	b->named[found->index] = true;
	return EXIT_OK;
}

/* ---- what was found ---- */

static void count_row(struct backtest *b, const struct json_node *row)
{
	const struct json_node *rule = json_member(row, "rule");
	uint8_t digest[32];
	const char *hex = json_member_str(rule, "digest", "");
	if (!hex_parse(slice_str(hex), digest, 32))
		return;
	for (uint32_t i = 0; i < ruleset_count(b->ruleset); i++)
		if (memcmp(ruleset_rule(b->ruleset, i)->digest, digest, 32) == 0)
			b->found[i]++;
}

static int on_rows(void *ctx, const struct batch *batch)
{
	struct backtest *b = ctx;
	for (uint32_t i = 0; i < batch->row_count; i++) {
		struct batch_row row;
		batch_get_row(batch, i, &row);
		arena_reset(&b->row);
		const struct json_node *root =
			row.kind == ROW_FINDING || row.kind == ROW_INCIDENT ? json_tree(&b->row, row.original) : NULL;
		const struct json_node *incident = json_member(root, "incident");
		if (json_member(root, "finding"))
			count_row(b, json_member(root, "finding"));
		else if (strcmp(json_member_str(json_member(incident, "rule"), "kind", ""), "correlation") == 0)
			count_row(b, incident);
	}
	return 0;
}

/* ---- judging ---- */

static bool holds(const struct expectation *e, uint64_t found)
{
	return !(e->given[BOUND_EXACTLY] && found != e->bound[BOUND_EXACTLY]) &&
		   !(e->given[BOUND_AT_LEAST] && found < e->bound[BOUND_AT_LEAST]) &&
		   !(e->given[BOUND_AT_MOST] && found > e->bound[BOUND_AT_MOST]);
}

static void add_xml(struct buffer *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if (c == '<')
			buffer_add_str(out, "&lt;");
		else if (c == '&')
			buffer_add_str(out, "&amp;");
		else if (c == '"')
			buffer_add_str(out, "&quot;");
		else
			buffer_add_octet(out, c < 0x20 || c == 0x7f ? '?' : c);
	}
}

static void add_bounds(struct buffer *out, const struct expectation *e)
{
	bool any = false;
	for (unsigned k = 0; k < BOUND_COUNT; k++)
		if (e->given[k]) {
			buffer_add_format(out, "%s%s %" PRIu64, any ? ", " : "",
							  k == 0   ? "exactly"
							  : k == 1 ? "at least"
									   : "at most",
							  e->bound[k]);
			any = true;
		}
}

static void add_case(struct backtest *b, struct slice title, const struct expectation *e, uint64_t found, bool good)
{
	buffer_add_str(&b->junit, "  <testcase classname=\"");
	add_xml(&b->junit, slice_str(b->file));
	buffer_add_str(&b->junit, "\" name=\"");
	add_xml(&b->junit, title);
	if (good) {
		buffer_add_str(&b->junit, "\"/>\n");
		return;
	}
	buffer_add_format(&b->junit, "\"><failure message=\"found %" PRIu64 ", expected ", found);
	add_bounds(&b->junit, e);
	buffer_add_str(&b->junit, "\"/></testcase>\n");
}

static void judge(struct backtest *b, const struct expectation *e, uint32_t index)
{
	struct json_writer w;
	const struct rule *rule = ruleset_rule(b->ruleset, index);
	bool good = holds(e, b->found[index]);
	*(good ? &b->passed : &b->failed) += 1;
	json_writer_init(&w, &b->lines);
	json_object(&w);
	json_key(&w, "file");
	json_str(&w, b->file);
	json_key(&w, "line");
	json_u64(&w, e->line);
	json_key(&w, "rule");
	json_string(&w, rule->title);
	json_key(&w, "passed");
	json_bool(&w, good);
	json_key(&w, "found");
	json_u64(&w, b->found[index]);
	for (unsigned k = 0; k < BOUND_COUNT; k++)
		if (e->given[k]) {
			json_key(&w, bound_names[k]);
			json_u64(&w, e->bound[k]);
		}
	json_object_end(&w);
	buffer_add_octet(&b->lines, '\n');
	add_case(b, rule->title, e, b->found[index], good);
}

static void judge_all(struct backtest *b)
{
	for (uint32_t i = 0; i < b->expectation_count; i++)
		judge(b, &b->expectations[i], b->expectations[i].index);
	for (uint32_t i = 0; b->has_others && i < ruleset_count(b->ruleset); i++)
		if (!b->named[i] && ruleset_rule(b->ruleset, i)->told)
			judge(b, &b->others, i);
}

/* ---- one file ---- */

static int load_rules(struct backtest *b)
{
	struct setup_told told = {0};
	struct ruleset_counts counts = {0};
	if (setup_rules(b->rules, b->rule_count, true, &told, &b->ruleset, &counts, &b->error))
		return setup_fail(b->args, &b->error);
	b->found = arena_zalloc(&b->arena, (ruleset_count(b->ruleset) + 1) * sizeof *b->found);
	b->named = arena_zalloc(&b->arena, ruleset_count(b->ruleset) + 1);
	if (!b->found || !b->named)
		return EXIT_STORAGE;
	for (uint32_t i = 0; i < b->expectation_count; i++) {
		int code = find_rule(b, &b->expectations[i]);
		if (code)
			return code;
	}
	return counts.refused ? EXIT_RULES : EXIT_OK;
}

static int backtest_file(struct backtest *b)
{
	int code = read_file(b), refused = EXIT_OK;
	if (!code) {
		code = load_rules(b);
		refused = code == EXIT_RULES ? EXIT_RULES : EXIT_OK;
	}
	if (code != refused)
		return code;
	struct scan_job job = {.args = b->args,
						   .ruleset = b->ruleset,
						   .decoders = b->decoders,
						   .files = b->events,
						   .file_count = b->event_count,
						   .logsource_field = b->args->value[OPTION_LOGSOURCE_FIELD],
						   .rows = on_rows,
						   .ctx = b};
	code = scan_job_run(&job);
	if (!code)
		judge_all(b);
	return code > refused ? code : refused;
}

/* ---- the verb ---- */

static int write_junit(struct backtest *b)
{
	struct buffer all;
	const char *path = b->args->value[OPTION_JUNIT];
	buffer_init(&all, setup_env());
	buffer_add_format(
		&all,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"cresset rules backtest\" tests=\"%" PRIu64
		"\" failures=\"%" PRIu64 "\">\n",
		b->passed + b->failed, b->failed);
	buffer_add_slice(&all, buffer_slice(&b->junit));
	buffer_add_str(&all, "</testsuite>\n");
	FILE *f = fopen(path, "we");
	bool good = f && !all.failed && !b->junit.failed && fwrite(all.ptr, 1, all.len, f) == all.len;
	good = f && fclose(f) == 0 && good;
	if (!good)
		fprintf(stderr, "cresset rules backtest: cannot write %s\n", path);
	buffer_free(&all);
	return good ? EXIT_OK : EXIT_STORAGE;
}

static int report(struct backtest *b, int code)
{
	struct output output;
	buffer_add_format(&b->lines, "{\"passed\":%" PRIu64 ",\"failed\":%" PRIu64 "}\n", b->passed, b->failed);
	output_open(&output, b->args);
	output_lines(&output, buffer_slice(&b->lines));
	int written = output_close(&output);
	code = written > code ? written : code;
	if (option_given(b->args, OPTION_JUNIT)) {
		int told = write_junit(b);
		code = told > code ? told : code;
	}
	return code == EXIT_OK && b->failed ? EXIT_FINDINGS : code;
}

int verb_rules_backtest(const struct args *args)
{
	static struct backtest b;
	struct setup_told told = {0};
	struct decoders *decoders = NULL;
	int code = EXIT_OK;
	setup_signals();
	b.args = args;
	buffer_init(&b.lines, setup_env());
	buffer_init(&b.junit, setup_env());
	if (setup_decoders(args, &told, &decoders, &b.error))
		code = setup_fail(args, &b.error);
	b.decoders = decoders;
	for (unsigned i = 0; i < args->word_count && decoders && !setup_stop; i++) {
		b.file = args->words[i];
		b.expectation_count = 0;
		b.ruleset = NULL;
		arena_init(&b.arena, setup_env(), 0);
		arena_init(&b.row, setup_env(), 0);
		b.others = (struct expectation){0};
		int one = backtest_file(&b);
		code = one > code ? one : code;
		if (b.ruleset)
			ruleset_release(b.ruleset);
		arena_free(&b.arena);
		arena_free(&b.row);
	}
	code = report(&b, code);
	if (decoders)
		decoders_free(decoders);
	buffer_free(&b.lines);
	buffer_free(&b.junit);
	return code;
}
