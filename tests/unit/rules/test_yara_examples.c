/* All files of the public sets load: what they need (external variables, modules) is there. And what a batch finds of them is
 * what libyara finds on each record alone, on the public events and on lines with strings of the rules in them. */
#include "rules/load.h"
#include "rules/yara_text.h"
#include "tests/unit/rules/yara_both.h"
#include "tests/unit/rules/yara_examples.h"

static const char *const events[] = {
	"cat " EXAMPLES "/device.jsonl",
	"zstd -dcq " EXAMPLES "/service-logs.jsonl.zst",
	"zstd -dcq " EXAMPLES "/sigma-windows-events.jsonl.zst | head -1500",
};

#define BATCH 512u

static void add(struct rig *rig, struct both *both, struct slice text)
{
	if (batch_builder_rows(both->builder) == 0)
		both_begin(both);
	both_add(both, text);
	if (batch_builder_rows(both->builder) < BATCH)
		return;
	both_finish(both, rig->set);
	both_begin(both);
}

static void judge_command(struct rig *rig, struct both *both, const char *command)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *f = popen(command, "r");
	assert_non_null(f);
	both_begin(both);
	while ((len = getline(&line, &room, f)) > 0)
		add(rig, both, slice_of(line, (size_t)len - 1));
	both_finish(both, rig->set);
	pclose(f);
	free(line);
}

/* A text string as it is written, with its commonest escapes undone. */
static void add_string(struct buffer *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\\' && i + 1 < text.len && (text.ptr[i + 1] == '\\' || text.ptr[i + 1] == '"'))
			i++;
		buffer_add_octet(out, text.ptr[i]);
	}
}

/* A line of all text strings of a rule, behind the first octets of a program file or not. */
static void add_planted(struct rig *rig, struct both *both, const struct yara_rule_text *rule, struct buffer *line)
{
	struct slice text = rule->head;
	buffer_reset(line);
	if (fake_random_below(rig->fake, 3) == 0)
		buffer_add_str(line, "MZ");
	size_t at = slice_find(text, SLICE("strings:"), 0);
	while (at < text.len) {
		size_t from = slice_find(text, SLICE("= \""), at), end = from;
		if (from == SIZE_MAX)
			break;
		for (end = from + 3; end < text.len && text.ptr[end] != '"'; end++)
			end += text.ptr[end] == '\\';
		if (fake_random_below(rig->fake, 8) != 0)
			add_string(line, slice_of(text.ptr + from + 3, end - from - 3));
		buffer_add_octet(line, ' ');
		at = end;
	}
	if (!line->failed && line->len < 60000)
		add(rig, both, buffer_slice(line));
}

struct planting {
	struct rig *rig;
	struct both *both;
	struct buffer line;
};

static int plant_file(void *ctx, const char *path)
{
	struct planting *p = ctx;
	struct arena arena;
	struct yara_file_text file;
	struct env env = env_system();
	uint8_t *octets;
	size_t len;
	bool failed;
	assert_int_equal(env_read_file(&env, path, 1 << 24, &octets, &len), 0);
	arena_init(&arena, &env, 0);
	assert_true(yara_file_cut(&arena, slice_of(octets, len), &file, &failed));
	for (uint32_t i = 0; i < file.rule_count; i++)
		if (fake_random_below(p->rig->fake, 9) == 0)
			add_planted(p->rig, p->both, &file.rules[i], &p->line);
	arena_free(&arena);
	env_free(&env, octets);
	return 0;
}

static void judge_planted(struct rig *rig, struct both *both, const char *folder)
{
	struct planting p = {.rig = rig, .both = both};
	struct env env = env_system();
	struct error error = {0};
	buffer_init(&p.line, &env);
	both_begin(both);
	assert_int_equal(rule_files_each(&env, &folder, 1, name_is_yara, plant_file, &p, &error), 0);
	both_finish(both, rig->set);
	buffer_free(&p.line);
}

static void public_sets_load(void **state)
{
	struct rig rig;
	struct env env = env_system();
	struct error error = {0};
	struct ruleset_options options = {.yara = true};
	struct both both;
	char folder[64];
	(void)state;
#if defined(__SANITIZE_THREAD__) /* one thread, and ten minutes long there */
	puts("skipped: the public YARA sets are not looked at under the thread sanitizer");
	skip();
#endif
	examples_unpack(folder);
	rig_open(&rig);
	const char *paths[] = {folder};
	if (ruleset_load(&env, paths, 1, &options, rig_tell, &rig, &rig.set, &rig.counts, &error))
		fail_msg("%s", error.text);
	printf("%u files, %u rules, %u loaded, %u warnings\n", rig.counts.files, rig.counts.rules, rig.counts.loaded,
		   rig.counts.warnings);
	for (unsigned i = 0; i < rig.told_count; i++)
		if (rig.told[i].level == DIAGNOSTIC_ERROR)
			print_error("%s:%u: %s\n", rig.told[i].file, rig.told[i].line, rig.told[i].text);
	assert_int_equal(rig.counts.refused, 0);
	assert_true(rig.counts.loaded > 6500);
	assert_int_equal(evaluator_new(&env, rig.set, &rig.evaluator, &error), 0);
	both_open(&both, rig.evaluator, rig.builder, ruleset_count(rig.set));
	for (unsigned i = 0; i < COUNT(events); i++)
		judge_command(&rig, &both, events[i]);
	uint64_t found = both.found;
	judge_planted(&rig, &both, folder);
	print_message("%llu records, %llu found, %llu of them planted\n", (unsigned long long)both.rows,
				  (unsigned long long)both.found, (unsigned long long)(both.found - found));
	assert_true(both.rows > 2500);
	assert_true(both.found - found > 150);
	both_close(&both);
	examples_remove(folder);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(public_sets_load)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
