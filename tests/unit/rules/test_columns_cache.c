/* The cache of compiled literals: used when it is right, as if it were not there when anything about it is wrong. */
#include "tests/unit/rules/sigma_rig.h"

static const char rule[] =
	"title: T\nid: t\nlogsource: {category: test}\ndetection:\n  s: {a|contains: 'mimikatz'}\n  condition: s\n";
static const char other[] =
	"title: T\nid: t\nlogsource: {category: test}\ndetection:\n  s: {a|contains: 'meterpreter'}\n  condition: s\n";

static void load(struct rig *rig, const char *text)
{
	const char *paths[] = {"/r/rules.yml"};
	rig_put(rig, paths[0], text);
	rig_load_paths(rig, paths, 1, &(struct ruleset_options){.cache = "/c/cache"});
}

struct found {
	char path[4096];
	unsigned count;
};

static int take_name(void *arg, const char *path)
{
	struct found *f = arg;
	if (strstr(path, "c/cache/")) {
		snprintf(f->path, sizeof f->path, "%s", path);
		f->count++;
	}
	return 0;
}

/* The one file of the cache. */
static uint8_t *cache_file(struct rig *rig, size_t *len, char path[4096])
{
	struct found f = {.count = 0};
	fake_file_each(rig->fake, take_name, &f);
	assert_int_equal(f.count, 1);
	snprintf(path, 4096, "%s", f.path);
	return fake_file_get(rig->fake, f.path, len);
}

static bool finds(struct rig *rig, const char *value)
{
	char event[128];
	snprintf(event, sizeof event, "{\"a\": \"x %s x\"}", value);
	rig_event(rig, event);
	rig_judge_way(rig, false, NULL, 0);
	return rig->hit_count == 1;
}

/* What was compiled for other literals, under the key of ours: the rule misses, so it was not compiled again. */
static void what_is_cached_is_used(void **state)
{
	struct rig rig;
	char path[4096], other_path[4096];
	size_t len, other_len;
	(void)state;
	rig_open(&rig);
	load(&rig, other);
	uint8_t *octets = cache_file(&rig, &other_len, other_path);
	uint8_t *kept = malloc(other_len);
	memcpy(kept, octets, other_len);
	assert_int_equal(rig.fake->env.files.unlink(rig.fake->env.files.ctx, other_path), 0);
	load(&rig, rule);
	assert_true(finds(&rig, "mimikatz"));
	memcpy(kept + 8, cache_file(&rig, &len, path) + 8, 32);
	fake_file_put(rig.fake, path, kept, other_len);
	load(&rig, rule);
	assert_false(finds(&rig, "mimikatz"));
	free(kept);
	rig_close(&rig);
}

static void a_damaged_cache_is_made_again(void **state)
{
	struct rig rig;
	char path[4096];
	size_t len, again;
	(void)state;
	rig_open(&rig);
	load(&rig, rule);
	uint8_t *whole = malloc(1 << 20), *octets = cache_file(&rig, &len, path);
	assert_true(len > 72 && len < 1 << 20);
	memcpy(whole, octets, len);
	for (size_t at = 0; at < len; at += at < 80 ? 1 : len / 50 + 1) {
		whole[at] ^= 0x20;
		fake_file_put(rig.fake, path, whole, len);
		whole[at] ^= 0x20;
		load(&rig, rule);
		assert_true(finds(&rig, "mimikatz") && !finds(&rig, "meterpreter"));
		octets = cache_file(&rig, &again, path);
		assert_true(again == len && memcmp(octets, whole, len) == 0);
	}
	for (size_t cut = 0; cut < len; cut += len / 7 + 1) {
		fake_file_put(rig.fake, path, whole, cut);
		load(&rig, rule);
		assert_true(finds(&rig, "mimikatz"));
	}
	free(whole);
	rig_close(&rig);
}

/* A folder that cannot be written is no reason to refuse rules, and a folder keeps a few files only. */
static void the_cache_is_no_duty(void **state)
{
	struct rig rig;
	struct found f = {.count = 0};
	(void)state;
	rig_open(&rig);
	for (unsigned i = 0; i < 42; i++) {
		char text[512];
		rig.fake->files.fail_kinds = i < 40 ? FAKE_ALL_CALLS : FAKE_WRITING | FAKE_BIT(FAKE_LIST);
		rig.fake->files.calls = 0;
		rig.fake->files.fail_at = i >= 40;
		rig.fake->files.fail_forever = true;
		snprintf(
			text, sizeof text,
			"title: T\nid: t\nlogsource: {category: test}\ndetection:\n  s: {a|contains: 'word%03u'}\n  condition: s\n",
			i);
		load(&rig, text);
		assert_int_equal(rig.counts.loaded, 1);
	}
	fake_file_each(rig.fake, take_name, &f);
	assert_true(f.count > 0 && f.count <= 17);
	assert_true(rig.fake->files.failed > 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_cached_is_used),
		cmocka_unit_test(a_damaged_cache_is_made_again),
		cmocka_unit_test(the_cache_is_no_duty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
