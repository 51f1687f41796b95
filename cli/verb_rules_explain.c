/* rules explain: why rules hold for events or do not. On a terminal a tree in words, elsewhere one JSON object for each rule
 * and event.
 */
#include "cli/input.h"
#include "cli/json_tree.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/verbs.h"

#include <stdlib.h>

struct explaining {
	const struct args *args;
	struct output output;
	struct ruleset *ruleset;
	struct evaluator *evaluator;
	struct buffer line, text;
	uint64_t rows, limit; /* limit 0: none */
	struct error error;
};

/* ---- in words ---- */

static void indent(struct buffer *b, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buffer_add_str(b, "  ");
}

static const char *answer(const struct json_node *n)
{
	const struct json_node *holds = json_member(n, "holds");
	return !holds || holds->type == JSON_STRING ? "undecided" : holds->type == JSON_TRUE ? "yes" : "no";
}

static void say_seen(struct buffer *b, const struct json_node *seen, unsigned depth)
{
	indent(b, depth);
	if (!seen || seen->type == JSON_NULL) {
		buffer_add_str(b, "the field is missing\n");
		return;
	}
	buffer_add_str(b, "saw");
	for (const struct json_node *v = seen->first; v; v = v->next) {
		buffer_add_str(b, v == seen->first ? " " : ", ");
		if (v->type == JSON_STRING)
			text_escape_screen(b, v->text);
		else
			buffer_add_slice(b, v->text);
	}
	if (!seen->first)
		buffer_add_str(b, " no text");
	buffer_add_octet(b, '\n');
}

static void say_item(struct buffer *b, const struct json_node *n, unsigned depth)
{
	const struct json_node *all = json_member(n, "all_of"), *any = json_member(n, "any_of");
	struct slice item = json_member_slice(n, "item"), as = json_member_slice(n, "seen_as");
	text_escape_screen(b, item.len ? item : SLICE("keywords"));
	buffer_add_format(b, " (line %lld): %s\n", (long long)json_member_i64(n, "line", 0), answer(n));
	if (as.len) {
		indent(b, depth + 1);
		buffer_add_str(b, "as ");
		text_escape_screen(b, as);
		buffer_add_octet(b, '\n');
	}
	say_seen(b, json_member(n, "seen"), depth + 1);
	for (const struct json_node *v = all ? all->first : any ? any->first : NULL; v; v = v->next) {
		indent(b, depth + 1);
		buffer_add_str(b, all ? "must be " : "may be ");
		text_escape_screen(b, json_member_slice(v, "value"));
		buffer_add_format(b, ": %s\n", answer(v));
	}
}

static void say_node(struct buffer *b, const struct json_node *n, unsigned depth)
{
	static const char *const kinds[][2] = {{"and", "all of these"}, {"or", "one of these"}, {"not", "not"}};
	struct slice selection = json_member_slice(n, "selection");
	indent(b, depth);
	if (selection.len) {
		text_escape_screen(b, selection);
		buffer_add_str(b, ": ");
	}
	if (json_member(n, "item")) {
		say_item(b, n, depth);
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		const struct json_node *children = json_member(n, kinds[i][0]);
		if (!children)
			continue;
		buffer_add_format(b, "%s: %s\n", kinds[i][1], answer(n));
		for (const struct json_node *c = children->first; c; c = c->next)
			say_node(b, c, depth + 1);
	}
}

static void say(struct explaining *x, const struct json_node *root)
{
	const struct json_node *rule = json_member(root, "rule"), *logsource = json_member(root, "logsource");
	struct buffer *b = &x->text;
	buffer_reset(b);
	text_escape_screen(b, json_member_slice(rule, "title"));
	buffer_add_str(b, " for ");
	text_escape_screen(b, json_member_slice(root, "file"));
	buffer_add_format(b, " line %lld: %s\n", (long long)json_member_i64(root, "line", 0), answer(root));
	if (!json_member_true(logsource, "agrees")) {
		const struct json_node *r = json_member(logsource, "rule"), *e = json_member(logsource, "event");
		buffer_add_str(b, "  the rule is not tried: it is for ");
		text_escape_screen(b, r->text);
		buffer_add_str(b, ", the event is ");
		text_escape_screen(b, e->text);
		buffer_add_octet(b, '\n');
	}
	say_node(b, json_member(root, "why"), 1);
	fwrite(b->ptr, 1, b->len, stdout);
}

/* ---- rows ---- */

static int explain(struct explaining *x, const char *file, const struct batch *batch, const struct batch_row *row,
				   const struct rule *rule)
{
	struct json_writer w;
	buffer_reset(&x->line);
	json_writer_init(&w, &x->line);
	json_object(&w);
	json_key(&w, "rule");
	json_object(&w);
	json_key(&w, "id");
	if (rule->id.len)
		json_string(&w, rule->id);
	else
		json_null(&w);
	json_key(&w, "title");
	json_string(&w, rule->title);
	json_object_end(&w);
	json_key(&w, "file");
	json_str(&w, file);
	json_key(&w, "line");
	json_u64(&w, x->rows);
	int result = evaluator_explain(x->evaluator, rule->index, batch, row, &w, &x->error);
	json_object_end(&w);
	buffer_add_octet(&x->line, '\n');
	if (result || x->line.failed)
		return result ? result : error_set(&x->error, ERROR_MEMORY, "no memory for an explanation");
	if (x->output.mode != OUTPUT_TABLE) {
		output_lines(&x->output, buffer_slice(&x->line));
		return x->output.failed;
	}
	struct arena arena;
	arena_init(&arena, setup_env(), 0);
	const struct json_node *root = json_tree(&arena, buffer_slice(&x->line));
	if (root)
		say(x, root);
	arena_free(&arena);
	return 0;
}

static int on_batch(void *ctx, struct slice octets)
{
	struct explaining *x = ctx;
	struct batch batch;
	int result = 0;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	for (uint32_t i = 0; i < batch.row_count && !result; i++) {
		struct batch_row row;
		if (x->limit && x->rows == x->limit)
			return 1;
		x->rows++;
		batch_get_row(&batch, i, &row);
		for (uint32_t k = 0; k < ruleset_count(x->ruleset) && !result; k++)
			if (ruleset_rule(x->ruleset, k)->kind == RULE_DETECTION)
				result = explain(x, x->args->words[1], &batch, &row, ruleset_rule(x->ruleset, k));
	}
	return result;
}

static int run(struct explaining *x, const struct decoders *decoders)
{
	struct input_job job = {.args = x->args, .decoders = decoders, .batch = on_batch, .ctx = x};
	uint64_t bytes = 0;
	if (option_given(x->args, OPTION_LIMIT))
		x->limit = strtoull(x->args->value[OPTION_LIMIT], NULL, 10);
	output_open(&x->output, x->args);
	int code = input_file(&job, x->args->words[1], &bytes), written = output_close(&x->output);
	code = x->error.code ? setup_fail(x->args, &x->error) : code;
	return written > code ? written : code;
}

int verb_rules_explain(const struct args *args)
{
	struct explaining x = {.args = args};
	struct setup_told told = {0};
	struct ruleset_counts counts = {0};
	struct decoders *decoders = NULL;
	int code = EXIT_OK;
	setup_signals();
	buffer_init(&x.line, setup_env());
	buffer_init(&x.text, setup_env());
	if (setup_decoders(args, &told, &decoders, &x.error) ||
		setup_rules_piped(args->words, 1, args->pipelines, args->pipeline_count, false, &told, &x.ruleset, &counts,
						  &x.error) ||
		evaluator_new(setup_env(), x.ruleset, &x.evaluator, &x.error))
		code = setup_fail(args, &x.error);
	else
		code = run(&x, decoders);
	evaluator_free(x.evaluator);
	if (x.ruleset)
		ruleset_release(x.ruleset);
	if (decoders)
		decoders_free(decoders);
	buffer_free(&x.line);
	buffer_free(&x.text);
	if (counts.refused && code < EXIT_RULES)
		code = EXIT_RULES;
	return code;
}
