#include "rules/rules_test.h"

#include "rules/example.h"
#include "rules/load.h"

#include <errno.h>

#define SEQUENCE_EVENTS 10000u

struct test_link {
	struct rule_test test;
	struct test_link *next;
};

struct rule_tests {
	const struct env *env;
	struct arena arena;
	struct rule_test *list;
	uint32_t count;
};

/* While reading. */
struct test_reader {
	struct loader l; /* for telling only; `set` is not used */
	struct rule_tests *tests;
	const struct ruleset *set;
	struct test_link *first, **tail;
	uint32_t failed;
};

static int test_wrong(struct test_reader *r, const struct tree_node *at, const char *text)
{
	loader_refuse_at(&r->l, "test", at, "%s", text);
	r->failed++;
	return REFUSED;
}

/* ---- events ---- */

static int event_read(struct test_reader *r, const struct tree_node *n, struct rule_test_event *e)
{
	e->line = n->line;
	e->column = n->column;
	const struct tree_node *line = n->type == TREE_MAP && n->count == 1 ? tree_get(n, "line") : NULL;
	if (line && line->type == TREE_STRING) {
		e->is_line = true;
		e->text = arena_copy(&r->tests->arena, line->text);
		return e->text.ptr ? 0 : NO_MEMORY;
	}
	if (n->type != TREE_MAP)
		return test_wrong(r, n, "an event is a map of fields, or a map with the one key 'line'");
	e->map = n;
	struct buffer json;
	buffer_init(&json, r->tests->env);
	example_json(n, &json);
	e->text = json.failed ? SLICE_NONE : arena_copy(&r->tests->arena, buffer_slice(&json));
	buffer_free(&json);
	return e->text.ptr ? 0 : NO_MEMORY;
}

static int test_add(struct test_reader *r, const struct rule_test *test)
{
	struct test_link *link = arena_zalloc(&r->tests->arena, sizeof *link);
	if (!link)
		return NO_MEMORY;
	link->test = *test;
	*r->tail = link;
	r->tail = &link->next;
	r->tests->count++;
	return 0;
}

static int examples_read(struct test_reader *r, const struct tree_node *list, struct rule_test test)
{
	if (!list)
		return 0;
	if (list->type != TREE_LIST)
		return test_wrong(r, list, "match and silent are lists of events");
	if (test.rule->kind == RULE_CORRELATION)
		return test_wrong(r, list, "a correlation is tried with a sequence, not with single events");
	struct rule_test_event *events = arena_zalloc(&r->tests->arena, (list->count ? list->count : 1) * sizeof *events);
	if (!events)
		return NO_MEMORY;
	test.events = events;
	for (uint32_t i = 0; i < list->count; i++) {
		int rc = event_read(r, list->items[i], &events[test.event_count]);
		if (rc == NO_MEMORY)
			return rc;
		test.event_count += rc == 0;
	}
	return test_add(r, &test);
}

/* ---- sequences ---- */

static bool span_or_zero(const struct tree_node *n, int64_t *ns)
{
	*ns = 0;
	if (!n)
		return true;
	if (!tree_is_scalar(n))
		return false;
	return slice_equal(n->text, SLICE("0s")) || slice_equal(n->text, SLICE("0")) || clock_parse_span(n->text, ns);
}

static uint32_t repeats(const struct tree_node *step)
{
	const struct tree_node *n = tree_get(step, "repeat");
	if (!n)
		return 1;
	return n->type == TREE_INT && n->i64 >= 1 && n->i64 <= SEQUENCE_EVENTS ? (uint32_t)n->i64 : 0;
}

/* The event of a step, or null when it has none or two. */
static struct tree_node *step_event(const struct tree_node *step, bool *is_line)
{
	struct tree_node *event = tree_get(step, "event"), *line = tree_get(step, "line");
	*is_line = line != NULL;
	if (line && line->type != TREE_STRING)
		return NULL;
	return event && line ? NULL : event ? event : line;
}

static int step_read(struct test_reader *r, const struct tree_node *step, struct rule_test_event *events,
					 uint32_t *count, uint32_t room)
{
	int64_t after, every;
	bool is_line;
	uint32_t n = repeats(step);
	const struct tree_node *event = step_event(step, &is_line);
	if (!event)
		return test_wrong(r, step, "a step has an 'event' (a map) or a 'line' (a string)");
	if (n == 0 || !span_or_zero(tree_get(step, "after"), &after) || !span_or_zero(tree_get(step, "every"), &every))
		return test_wrong(r, step,
						  "'after' and 'every' are spans such as 0s or 5m, 'repeat' is a number from 1 to 10000");
	struct rule_test_event e = {.is_line = is_line, .line = step->line, .column = step->column};
	int rc = 0;
	if (is_line)
		e.text = arena_copy(&r->tests->arena, event->text);
	else
		rc = event_read(r, event, &e);
	if (!rc && !e.text.ptr)
		rc = NO_MEMORY;
	for (uint32_t i = 0; !rc && i < n && *count < room; i++) {
		e.after_ns = after + (int64_t)i * every;
		events[(*count)++] = e;
	}
	return rc;
}

static int sequence_read(struct test_reader *r, const struct tree_node *list, const struct tree_node *fires,
						 struct rule_test test)
{
	if (!list)
		return 0;
	if (list->type != TREE_LIST || !fires || fires->type != TREE_INT || fires->i64 < 0 || fires->i64 > SEQUENCE_EVENTS)
		return test_wrong(r, list, "a sequence is a list of steps, and 'fires' beside it is a number");
	uint64_t total = 0;
	for (uint32_t i = 0; i < list->count; i++)
		total += repeats(list->items[i]);
	if (total > SEQUENCE_EVENTS)
		return test_wrong(r, list, "a sequence has at most 10000 events");
	struct rule_test_event *events = arena_zalloc(&r->tests->arena, (total ? total : 1) * sizeof *events);
	if (!events)
		return NO_MEMORY;
	for (uint32_t i = 0; i < list->count; i++) {
		int rc = step_read(r, list->items[i], events, &test.event_count, (uint32_t)total);
		if (rc)
			return rc;
	}
	test.events = events;
	test.fires = (uint32_t)fires->i64;
	return test_add(r, &test);
}

/* ---- documents ---- */

static const struct rule *rule_named(const struct ruleset *set, struct slice name)
{
	for (uint32_t i = 0; i < set->count; i++) {
		const struct rule *r = set->rules[i];
		if (slice_equal(r->id, name) || slice_equal(r->name, name) || slice_equal(r->title, name))
			return r;
	}
	return NULL;
}

static int known_test_keys(struct test_reader *r, const struct tree_node *root)
{
	static const char *const known[] = {"rule", "match", "silent", "sequence", "fires"};
	for (uint32_t i = 0; i < root->count; i++) {
		unsigned k = 0;
		while (k < 5 && !slice_equal(root->pairs[i].key->text, slice_str(known[k])))
			k++;
		if (k == 5)
			return test_wrong(r, root->pairs[i].key, "a test knows the keys rule, match, silent, sequence and fires");
	}
	return 0;
}

static int document_tests(struct test_reader *r, const struct tree_node *root)
{
	const struct tree_node *name = root->type == TREE_MAP ? tree_get(root, "rule") : NULL;
	if (!name || !tree_is_scalar(name) || name->text.len == 0)
		return test_wrong(r, root, "a test begins with 'rule': the id, name or title of a rule");
	int rc = known_test_keys(r, root);
	if (rc)
		return rc;
	struct rule_test test = {
		.file = r->l.file, .line = root->line, .column = root->column, .rule = rule_named(r->set, name->text)};
	if (!test.rule)
		return test_wrong(r, name, "no rule that was loaded has this id, name or title");
	test.kind = TEST_MATCH;
	rc = examples_read(r, tree_get(root, "match"), test);
	test.kind = TEST_SILENT;
	if (!rc)
		rc = examples_read(r, tree_get(root, "silent"), test);
	test.kind = TEST_SEQUENCE;
	if (!rc)
		rc = sequence_read(r, tree_get(root, "sequence"), tree_get(root, "fires"), test);
	return rc;
}

static bool name_is_tests(const char *name)
{
	return name_ends(name, ".tests.yml") || name_ends(name, ".tests.yaml");
}

static int tests_text(struct test_reader *r, struct slice text)
{
	struct yaml_tree tree;
	int rc = yaml_tree_parse(&r->tests->arena, text, &tree, NULL) ? NO_MEMORY : 0;
	for (uint32_t i = 0; !rc && i < tree.count; i++) {
		const struct yaml_document *d = &tree.documents[i];
		struct tree_node at = {.line = d->error.line, .column = d->error.column};
		rc = d->root ? document_tests(r, d->root) : test_wrong(r, &at, d->error.text);
		if (rc == REFUSED)
			rc = 0;
	}
	return rc;
}

static int tests_file(void *ctx, const char *path)
{
	struct test_reader *r = ctx;
	uint8_t *octets = NULL;
	size_t len = 0;
	r->l.file = arena_string(&r->tests->arena, slice_str(path));
	if (!r->l.file)
		return NO_MEMORY;
	int rc = env_read_file(r->tests->env, path, (size_t)LIMIT_rule_file_bytes, &octets, &len);
	if (rc == -ENOMEM)
		return NO_MEMORY;
	if (rc) {
		struct tree_node at = {0};
		test_wrong(r, &at, rc == -EFBIG ? "a file of tests has at most 1 MiB" : strerror(-rc));
		return 0;
	}
	rc = tests_text(r, slice_of(octets, len));
	env_free(r->tests->env, octets);
	return rc;
}

int rule_tests_load(const struct env *env, const char *const *paths, size_t path_count, const struct ruleset *set,
					diagnostic_fn *tell, void *ctx, struct rule_tests **out, uint32_t *failed, struct error *error)
{
	struct rule_tests *t = env_zalloc(env, sizeof *t);
	if (!t)
		return error_set(error, ERROR_MEMORY, "no memory for tests of rules");
	t->env = env;
	arena_init(&t->arena, env, 0);
	struct test_reader r = {
		.l = {.env = env, .tell = tell, .ctx = ctx, .file = "", .rule = ""}, .tests = t, .set = set};
	struct error local = {0};
	r.tail = &r.first;
	int rc = rule_files_each(env, paths, path_count, name_is_tests, tests_file, &r, &local);
	t->list = rc ? NULL : arena_alloc(&t->arena, t->count * sizeof *t->list);
	if (!t->list) {
		rule_tests_free(t);
		if (local.code == ERROR_NONE)
			rc = error_set(&local, ERROR_MEMORY, "no memory for tests of rules");
		if (error)
			*error = local;
		return rc;
	}
	uint32_t i = 0;
	for (struct test_link *link = r.first; link; link = link->next)
		t->list[i++] = link->test;
	*failed += r.failed;
	*out = t;
	return 0;
}

void rule_tests_free(struct rule_tests *t)
{
	if (!t)
		return;
	const struct env *env = t->env;
	arena_free(&t->arena);
	env_free(env, t);
}

uint32_t rule_tests_count(const struct rule_tests *t)
{
	return t->count;
}

const struct rule_test *rule_tests_get(const struct rule_tests *t, uint32_t index)
{
	CHECK(index < t->count);
	return &t->list[index];
}
