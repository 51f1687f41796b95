/* The public rule set and real events, where they are at hand; the project does not carry them. */
#include "tests/unit/rules/sigma_rig.h"

#include <unistd.h>

#define EXAMPLES "../shared/examples"

struct ids {
	const struct ruleset *set;
	char text[65536];
};

static void note_id(void *ctx, uint32_t rule)
{
	struct ids *ids = ctx;
	struct slice id = ruleset_rule(ids->set, rule)->id;
	size_t n = strlen(ids->text);
	snprintf(ids->text + n, sizeof ids->text - n, "%.*s ", SLICE_PRINT(id));
}

static struct slice logsource_part(const struct tree_node *n)
{
	return n->type == TREE_NULL ? SLICE_NONE : n->text;
}

struct score {
	unsigned events, right, missed, extra;
	uint64_t judged, compared; /* rules, values */
};

static void score_line(struct rig *rig, struct slice line, struct score *score)
{
	static struct ids ids;
	struct yaml_tree tree;
	struct error error = {0};
	struct arena arena;
	arena_init(&arena, &rig->fake->env, 0);
	assert_int_equal(yaml_tree_parse(&arena, line, &tree, &error), 0);
	if (tree.count != 1 || !tree.documents[0].root) { /* JSON with a raw DEL in it is no YAML */
		arena_free(&arena);
		return;
	}
	const struct tree_node *root = tree.documents[0].root, *sources = tree_get(root, "logsources"),
						   *expected = tree_get(root, "expected");
	struct logsource list[32];
	uint32_t n = 0;
	for (; n < sources->count && n < COUNT(list); n++) {
		struct tree_node **parts = sources->items[n]->items;
		list[n] = (struct logsource){logsource_part(parts[0]), logsource_part(parts[1]), logsource_part(parts[2])};
	}
	static const struct batch_identity identity;
	struct slice octets;
	batch_begin(rig->builder, &identity, 0, 0);
	assert_int_equal(example_row(rig->builder, &rig->names, tree_get(root, "event"), SLICE("")), 0);
	assert_int_equal(batch_finish(rig->builder, &octets, &error), 0);
	assert_int_equal(batch_open(&rig->batch, octets, &error), 0);
	ids.set = rig->set;
	ids.text[0] = 0;
	score->judged -= evaluator_tried(rig->evaluator);
	score->compared -= evaluator_tests(rig->evaluator);
	assert_int_equal(evaluator_row(rig->evaluator, &rig->batch, 0, list, n, note_id, &ids, &error), 0);
	score->judged += evaluator_tried(rig->evaluator);
	score->compared += evaluator_tests(rig->evaluator);
	if (score->events % 8 == 0)
		rig_judge_as(rig, list, n);
	unsigned found = 0, all = 0;
	for (uint32_t i = 0; i < expected->count; i++)
		found += slice_find(slice_str(ids.text), expected->items[i]->text, 0) != SIZE_MAX;
	for (const char *p = ids.text; *p; p++)
		all += *p == ' ';
	score->events++;
	score->right += found;
	score->missed += expected->count - found;
	score->extra += all - found;
	arena_free(&arena);
}

static void score_command(struct rig *rig, const char *command, struct score *score)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *f = popen(command, "r");
	assert_non_null(f);
	while ((len = getline(&line, &room, f)) > 0)
		score_line(rig, slice_of(line, (size_t)len), score);
	pclose(f);
	free(line);
}

static void public_rules_and_events(void **state)
{
	struct rig rig;
	struct error error = {0};
	struct score score = {0};
	struct env env = env_system();
	char folder[] = "/tmp/cresset-sigma-XXXXXX", command[512];
	(void)state;
	if (access(EXAMPLES "/sigma-rules.tar.zst", R_OK) != 0) {
		printf("skipped: no " EXAMPLES "\n");
		skip();
	}
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof command, "zstd -dcq " EXAMPLES "/sigma-rules.tar.zst | tar -xf - -C %s", folder);
	assert_int_equal(system(command), 0);
	rig_open(&rig);
	const char *paths[] = {folder};
	if (ruleset_load(&env, paths, 1, NULL, rig_tell, &rig, &rig.set, &rig.counts, &error))
		fail_msg("%s", error.text);
	assert_int_equal(evaluator_new(&env, rig.set, &rig.evaluator, &error), 0);
	printf("%u of %u rules loaded\n", rig.counts.loaded, rig.counts.rules);
	assert_true(rig.counts.loaded * 100 >= rig.counts.rules * 99);
	score_command(&rig, "cat " EXAMPLES "/sigma-regression.jsonl", &score);
	score_command(&rig, "zstd -dcq " EXAMPLES "/sigma-windows-events.jsonl.zst | head -1500", &score);
	printf("%u events: %u right, %u missed, %u extra\n", score.events, score.right, score.missed, score.extra);
	assert_int_equal(score.missed, 0);
	assert_int_equal(score.extra, 0);
	assert_true(score.right > 150);
	printf("%.2f rules judged and %.2f values compared for an event\n", (double)score.judged / score.events,
		   (double)score.compared / score.events);
	assert_true(score.judged * 2 <= score.events * 7ull);
	assert_true(score.compared <= score.events * 11ull);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(public_rules_and_events)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
