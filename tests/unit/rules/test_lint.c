/* The table of lints: every row says what it claims, what stands beside it is right, docs/lints.md is the table, and the
 * sources know no other id. Run from the root of the sources. */
#include "tests/unit/rules/sigma_rig.h"

#include "rules/lint.h"

#define BASE(id) \
	"title: R" id "\nid: " id "\nlogsource: {product: windows}\ndetection: {s: {a: 1}, condition: s}\n---\n"
#define COUNTED \
	"title: C\nid: c\ncorrelation: {type: event_count, rules: [a], timespan: 1m, condition: {gte: 5}}\n---\n"
#define ONE_RULE "title: T\nlogsource: {category: c}\ndetection: {s: {a: x}, condition: s}\n"

static const struct {
	const char *path, *before, *after;
	const char *what; /* in the page */
} frames[] = {
	[LINT_SELECTION] = {"/r/rules.yml", "title: T\nlogsource: {category: c}\ndetection:\n  s: ", "\n  condition: s\n",
						"selection"},
	[LINT_DETECTION] = {"/r/rules.yml", "title: T\nlogsource: {category: c}\ndetection: ", "\n", "detection"},
	[LINT_HEAD] = {"/r/rules.yml", "", "\ndetection: {s: {a: x}, condition: s}\n", "head"},
	[LINT_FILE] = {"/r/rules.yml", "", "", "file"},
	[LINT_FILTER] = {"/r/rules.yml", BASE("a") COUNTED "title: F\nlogsource: {product: windows}\nfilter: ", "\n",
					 "filter"},
	[LINT_CORRELATION] = {"/r/rules.yml", BASE("a") BASE("b") "title: D\nid: d\ncorrelation: ", "\n", "correlation"},
	[LINT_PIPELINE] = {"/p/p.yml", "", "", "pipeline"},
	[LINT_TRANSFORMATION] = {"/p/p.yml", "transformations:\n  - ", "\n", "transformation"},
	[LINT_MAPPING] = {"/m/m.yml", "", "", "mapping"},
	[LINT_YARA] = {"/r/rules.yar", "", "", "YARA"},
	[LINT_OUTSIDE] = {NULL, NULL, NULL, NULL},
};

/* ---- loading ---- */

struct heard {
	const char *id;
	unsigned told[2]; /* by level, of this id */
};

static void hear(void *ctx, const struct diagnostic *d)
{
	struct heard *h = ctx;
	h->told[d->level == DIAGNOSTIC_WARNING] += strcmp(d->id, h->id) == 0;
}

static void load(struct rig *rig, struct heard *h)
{
	static const char *const paths[] = {"/r"};
	static const struct slice pipelines[] = {SLICE("/p")}, mappings[] = {SLICE("/m")};
	const struct ruleset_options options = {
		.pipelines = pipelines, .pipeline_count = 1, .mappings = mappings, .mapping_count = 1, .yara = true};
	struct ruleset *set = NULL;
	struct error error = {0};
	h->told[0] = h->told[1] = 0;
	(void)ruleset_load(&rig->fake->env, paths, 1, &options, hear, h, &set, NULL, &error);
	ruleset_release(set);
}

static void load_text(const struct lint *lint, const char *text, struct heard *h)
{
	struct rig rig;
	char *file = malloc(strlen(text) + 2048);
	sprintf(file, "%s%s%s", frames[lint->frame].before, text, frames[lint->frame].after);
	rig_open(&rig);
	rig_put(&rig, "/r/rules.yml", ONE_RULE);
	rig_put(&rig, "/p/p.yml", "transformations: []\n");
	rig_put(&rig, "/m/m.yml", "mapping: {fields: {}}\n");
	rig_put(&rig, frames[lint->frame].path, file);
	load(&rig, h);
	free(file);
	rig_close(&rig);
}

static void every_row_says_it(void **state)
{
	unsigned wrong = 0;
	(void)state;
	for (unsigned i = 0; i < lint_count; i++) {
		const struct lint *x = &lints[i];
		struct heard h = {.id = x->id};
		if (x->frame == LINT_OUTSIDE)
			continue;
		load_text(x, x->example, &h);
		if (h.told[x->level == DIAGNOSTIC_WARNING] == 0)
			wrong++, print_error("%s is not said of %s\n", x->id, x->example);
		load_text(x, x->instead, &h);
		if (h.told[0] + h.told[1])
			wrong++, print_error("%s is said of what is right: %s\n", x->id, x->instead);
	}
	assert_int_equal(wrong, 0);
	assert_true(lint_count >= 100);
}

/* What only looks like a trap. */
static void good_rules_are_left_alone(void **state)
{
	static const char *const selections[] = {
		"{Path: '\\\\\\\\srv\\\\share'}",
		"{Path: '\\\\Windows\\\\Temp'}", /* all of them doubled */
		"{Path|contains: '\\\\pipe'}",
		"{Path: '\\\\\\*\\IPC$'}", /* an escaped backslash and an escaped star: no accident */
		"{Text: '\\*'}",
		"{Address: '10.*'}",
		"{Command: 'del *.*'}",
		"{Command|windash|contains: [' -a', word]}",
		"{Text|contains: \"\\u00a0\\u00a0\"}", /* looked for on purpose */
		"{Text|contains: '*'}",
		"{Text|contains|all: [a, b]}",
		"{Text|all: ['*a*', '*b*']}",
		"{'|all': [attack, break-in]}",
		"{Text|cased: [root, Root]}",
		"{Text|re: ['a.*b', 'A.*B']}",
		"{Text|wide|base64offset|contains: secret}",
	};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(selections); i++) {
		rig_load_selection(&rig, selections[i]);
		if (rig.told_count)
			fail_msg("%s is said of %s", rig.told[0].id, selections[i]);
	}
	rig_close(&rig);
}

/* ---- what no text of the table says ---- */

static void many_rules(struct rig *rig)
{
	static const char rule[] = "title: T\nlogsource: {category: c}\ndetection: {s: {a: x}, condition: s}\n---\n";
	size_t len = sizeof rule - 1, count = 4000;
	char *file = malloc(len * count + 1), path[32];
	for (size_t i = 0; i < count; i++)
		memcpy(file + i * len, rule, len);
	file[len * count] = 0;
	for (unsigned i = 0; i < 6; i++) {
		snprintf(path, sizeof path, "/r/%u.yml", i);
		rig_put(rig, path, file);
	}
	free(file);
}

static void deep_chain(struct rig *rig)
{
	char text[4096] = BASE("a") COUNTED;
	size_t len = strlen(text);
	for (int i = 0; i < 11; i++) {
		char below[16] = "c";
		if (i)
			snprintf(below, sizeof below, "l%d", i - 1);
		len += (size_t)snprintf(text + len, sizeof text - len,
								"title: L%d\nid: l%d\ncorrelation: {type: event_count, rules: [%s], timespan: 1m, "
								"condition: {gte: 2}}\n---\n",
								i, i, below);
	}
	rig_put(rig, "/r/rules.yml", text);
}

static void long_name(struct rig *rig, const char *before, const char *after)
{
	char text[4096];
	snprintf(text, sizeof text, "%s%0*d%s", before, 1500, 1, after);
	rig_put(rig, "/r/rules.yml", text);
}

static void put_outside(struct rig *rig, const char *id)
{
	char *big = NULL;
	if (strcmp(id, "file-size") == 0) {
		big = malloc((size_t)LIMIT_rule_file_bytes + 2);
		memset(big, '\n', (size_t)LIMIT_rule_file_bytes + 1);
		big[LIMIT_rule_file_bytes + 1] = 0;
		rig_put(rig, "/r/rules.yml", big);
	} else if (strcmp(id, "rules-limit") == 0)
		many_rules(rig);
	else if (strcmp(id, "correlation-depth") == 0)
		deep_chain(rig);
	else if (strcmp(id, "sigma-name") == 0)
		long_name(rig, "title: T\nname: n", "\nlogsource: {category: c}\ndetection: {s: {a: x}, condition: s}\n");
	else if (strcmp(id, "sigma-field-name") == 0)
		long_name(rig, "title: T\nlogsource: {category: c}\ndetection:\n  condition: s\n  s:\n    ? f", "\n    : x\n");
	free(big);
}

static void all_but_files(void **state)
{
	static const char *const ids[] = {"file-size", "rules-limit", "correlation-depth", "sigma-name",
									  "sigma-field-name"};
	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct rig rig;
		struct heard h = {.id = ids[i]};
		rig_open(&rig);
		rig_put(&rig, "/p/p.yml", "transformations: []\n");
		rig_put(&rig, "/m/m.yml", "mapping: {fields: {}}\n");
		put_outside(&rig, ids[i]);
		load(&rig, &h);
		if (h.told[0] == 0)
			fail_msg("%s is not said", ids[i]);
		rig_close(&rig);
	}
}

static void more_values_than_may_be(void **state)
{
	struct rig rig;
	struct heard h = {.id = "pipeline-values"};
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/m/m.yml", "mapping: {fields: {}}\n");
	rig_put(&rig, "/r/rules.yml",
			"title: T\nlogsource: {category: c}\ndetection: {s: {a|expand: '%v%%v%%v%%v%%v%'}, condition: s}\n");
	rig_put(&rig, "/p/p.yml",
			"vars: {v: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}\ntransformations: [{type: value_placeholders}]\n");
	load(&rig, &h);
	assert_int_equal(h.told[0], 1);
	rig_close(&rig);
}

/* Whichever of the three files cannot be read: it is said of each. */
static void files_that_cannot_be_read(void **state)
{
	unsigned told = 0;
	(void)state;
	for (uint64_t n = 1; n <= 3; n++) {
		struct rig rig;
		struct heard h = {.id = "file"};
		rig_open(&rig);
		rig_put(&rig, "/m/m.yml", "mapping: {fields: {}}\n");
		rig_put(&rig, "/r/rules.yml", ONE_RULE);
		rig_put(&rig, "/p/p.yml", "transformations: []\n");
		rig.fake->files.fail_kinds = FAKE_BIT(FAKE_OPEN);
		rig.fake->files.calls = 0;
		rig.fake->files.fail_at = n;
		load(&rig, &h);
		told += h.told[0];
		rig_close(&rig);
	}
	assert_int_equal(told, 3);
}

/* All that no text of the table shows is shown above. */
static void nothing_is_left_out(void **state)
{
	static const char *const shown[] = {
		"file-size", "rules-limit", "correlation-depth", "sigma-name", "sigma-field-name", "pipeline-values", "file"};
	unsigned outside = 0;
	(void)state;
	for (unsigned i = 0; i < lint_count; i++) {
		bool found = lints[i].frame != LINT_OUTSIDE;
		for (size_t k = 0; !found && k < COUNT(shown); k++)
			found = strcmp(lints[i].id, shown[k]) == 0;
		outside += lints[i].frame == LINT_OUTSIDE;
		if (!found)
			fail_msg("%s is never said", lints[i].id);
	}
	assert_int_equal(outside, COUNT(shown));
}

/* ---- the page ---- */

static const char *const head =
	"# Lints\n\nWhat `cresset rules check` says, each with an example and what is right instead. Errors refuse the document, "
	"warnings do not. Made from `rules/lint_table.c`; a test compares the two and loads every example.\n";

static void add_code(struct buffer *out, const char *text)
{
	size_t len = strlen(text);
	if (strchr(text, '\n')) {
		buffer_add_format(out, "\n```yaml\n%s%s```\n", text, text[len - 1] == '\n' ? "" : "\n");
		return;
	}
	buffer_add_format(out, "`` %s ``\n", text);
}

static void add_row(struct buffer *out, const struct lint *x)
{
	buffer_add_format(out, "\n## %s\n\n%s%s\n", x->id, x->level == DIAGNOSTIC_WARNING ? "Warning. " : "Error. ",
					  x->what);
	if (x->frame == LINT_OUTSIDE)
		return;
	buffer_add_format(out, "\n- %s: ", frames[x->frame].what);
	add_code(out, x->example);
	buffer_add_str(out, "- instead: ");
	add_code(out, x->instead);
}

static void the_page_is_the_table(void **state)
{
	struct env env = env_system();
	struct buffer wanted;
	uint8_t *page;
	size_t len;
	(void)state;
	buffer_init(&wanted, &env);
	buffer_add_str(&wanted, head);
	for (unsigned i = 0; i < lint_count; i++)
		add_row(&wanted, &lints[i]);
	assert_int_equal(env_read_file(&env, "docs/lints.md", 1 << 20, &page, &len), 0);
	if (!slice_equal(slice_of(page, len), buffer_slice(&wanted))) {
		fprintf(stderr, "docs/lints.md must be:\n%.*s", SLICE_PRINT(buffer_slice(&wanted)));
		fail_msg("docs/lints.md is not the table");
	}
	env_free(&env, page);
	buffer_free(&wanted);
}

/* ---- the sources ---- */

static bool known(struct slice id)
{
	for (unsigned i = 0; i < lint_count; i++)
		if (slice_equal(id, slice_str(lints[i].id)))
			return true;
	return false;
}

/* Strings such as "sigma-x" or "pipeline-x". */
static unsigned unknown_ids(const char *path)
{
	static const char *const begins[] = {"\"sigma-", "\"pipeline-", "\"mapping-"};
	struct env env = env_system();
	uint8_t *text;
	size_t len;
	unsigned unknown = 0;
	assert_int_equal(env_read_file(&env, path, 1 << 20, &text, &len), 0);
	struct slice all = slice_of(text, len);
	for (unsigned i = 0; i < 3; i++)
		for (size_t at = 0; (at = slice_find(all, slice_str(begins[i]), at)) != SIZE_MAX; at++) {
			size_t end = slice_find_octet(all, '"', at + 1);
			struct slice id = slice_of(all.ptr + at + 1, end - at - 1);
			if (!known(id))
				unknown++, print_error("%s: %.*s is not in the table\n", path, SLICE_PRINT(id));
		}
	env_free(&env, text);
	return unknown;
}

static void no_other_ids(void **state)
{
	static const char *const files[] = {"action.c",
										"condition.c",
										"encoding.c",
										"filter.c",
										"load.c",
										"mapping.c",
										"modifier.c",
										"names.c",
										"pipeline_read.c",
										"pipeline_condition.c",
										"pipeline_item.c",
										"pipeline_plan.c",
										"pipeline_replace.c",
										"ruleset.c",
										"sigma_detection.c",
										"sigma_item.c",
										"sigma_lint.c",
										"sigma_rule.c"};
	char path[64];
	unsigned unknown = 0;
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof path, "rules/%s", files[i]);
		unknown += unknown_ids(path);
	}
	assert_int_equal(unknown, 0);
	for (unsigned i = 0; i < lint_count; i++)
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(lints[i].id, lints[k].id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_says_it),
		cmocka_unit_test(good_rules_are_left_alone),
		cmocka_unit_test(all_but_files),
		cmocka_unit_test(more_values_than_may_be),
		cmocka_unit_test(files_that_cannot_be_read),
		cmocka_unit_test(nothing_is_left_out),
		cmocka_unit_test(the_page_is_the_table),
		cmocka_unit_test(no_other_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
