/* The commit log: what was acknowledged is there, a torn tail is cut, damage is refused. */
#include "tests/unit/common/test.h"

#include "tests/support/support.h"

#include <errno.h>

#define PATH "data/log"

struct seen {
	uint64_t count, next;
	char bodies[64][24];
};

static int note(void *arg, const struct commitlog_record *record)
{
	struct seen *seen = arg;
	assert_true(seen->count == 0 || record->sequence == seen->next);
	assert_true(seen->count < COUNT(seen->bodies) && record->body.len < sizeof seen->bodies[0]);
	seen->next = record->sequence + 1;
	memset(seen->bodies[seen->count], 0, sizeof seen->bodies[0]);
	if (record->body.len > 0)
		memcpy(seen->bodies[seen->count], record->body.ptr, record->body.len);
	seen->count++;
	return 0;
}

static struct fake *begin(void)
{
	struct fake *fake = fake_new(1);
	assert_int_equal(env_make_dirs(&fake->env, "data"), 0);
	return fake;
}

static int open_log(struct fake *fake, struct seen *seen, uint64_t *cut, struct commitlog **log, struct error *error)
{
	memset(seen, 0, sizeof *seen);
	return commitlog_open(&fake->env, PATH, "test", note, seen, cut, log, error);
}

static void append_text(struct commitlog *log, unsigned i)
{
	char text[24];
	uint64_t sequence = UINT64_MAX;
	snprintf(text, sizeof text, "record %u", i);
	assert_int_equal(commitlog_append(log, slice_str(text), &sequence, NULL), 0);
	assert_int_equal(sequence, i);
}

static void check_bodies(const struct seen *seen, unsigned first)
{
	for (unsigned i = 0; i < seen->count; i++) {
		char text[24];
		snprintf(text, sizeof text, "record %u", first + i);
		assert_string_equal(seen->bodies[i], text);
	}
}

/* A file of `count` records, as octets. */
static uint8_t *make_file(unsigned count, size_t *len)
{
	struct fake *fake = begin();
	struct seen seen;
	struct commitlog *log;
	uint64_t cut;
	assert_int_equal(open_log(fake, &seen, &cut, &log, NULL), 0);
	for (unsigned i = 0; i < count; i++)
		append_text(log, i);
	commitlog_close(log);
	uint8_t *octets = fake_file_get(fake, PATH, len), *copy = malloc(*len);
	memcpy(copy, octets, *len);
	fake_free(fake);
	return copy;
}

static void gives_back_what_was_appended(void **state)
{
	(void)state;
	struct fake *fake = begin();
	struct seen seen;
	struct commitlog *log;
	uint64_t cut = 9;
	uint8_t before[32], after[32];
	assert_int_equal(open_log(fake, &seen, &cut, &log, NULL), 0);
	assert_true(seen.count == 0 && cut == 0 && commitlog_count(log) == 0);
	commitlog_head(log, before);
	for (unsigned i = 0; i < 10; i++)
		append_text(log, i);
	commitlog_head(log, after);
	assert_memory_not_equal(before, after, 32);
	commitlog_close(log);
	fake_power_cut(fake, FAKE_CUT_LOSE_ALL);
	assert_int_equal(open_log(fake, &seen, &cut, &log, NULL), 0);
	assert_true(seen.count == 10 && cut == 0);
	check_bodies(&seen, 0);
	commitlog_head(log, before);
	assert_memory_equal(before, after, 32);
	append_text(log, 10);
	assert_int_equal(commitlog_append(log, SLICE_NONE, NULL, NULL), 0);
	commitlog_close(log);
	memset(&seen, 0, sizeof seen);
	assert_int_equal(commitlog_read(&fake->env, PATH, "test", note, &seen, &cut, NULL), 0);
	assert_true(seen.count == 12 && cut == 0);
	assert_int_equal(fake_files_open(fake), 0);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static int stop_at_second(void *arg, const struct commitlog_record *record)
{
	(void)arg;
	return record->sequence == 1 ? 17 : 0;
}

static void refuses_what_is_not_it(void **state)
{
	(void)state;
	struct fake *fake = begin();
	struct error error;
	struct commitlog *log;
	size_t len;
	uint8_t *octets = make_file(3, &len);
	fake_file_put(fake, PATH, octets, len);
	assert_int_equal(commitlog_open(&fake->env, PATH, "other", NULL, NULL, NULL, &log, &error), -ERROR_CONFLICT);
	assert_null(log);
	assert_int_equal(commitlog_open(&fake->env, PATH, "test", stop_at_second, NULL, NULL, &log, &error), 17);
	assert_null(log);
	assert_int_equal(commitlog_read(&fake->env, PATH, "test", stop_at_second, NULL, NULL, &error), 17);
	assert_int_equal(commitlog_read(&fake->env, "data/none", "test", NULL, NULL, NULL, &error), -ERROR_NOT_FOUND);
	for (size_t cut = 0; cut < 88; cut++) {
		fake_file_put(fake, PATH, octets, cut);
		assert_true(commitlog_open(&fake->env, PATH, "test", NULL, NULL, NULL, &log, &error) < 0);
	}
	assert_int_equal(fake_files_open(fake), 0);
	free(octets);
	fake_free(fake);
}

static void cuts_a_torn_tail_at_every_length(void **state)
{
	(void)state;
	size_t len, two;
	free(make_file(2, &two));
	uint8_t *octets = make_file(3, &len);
	for (size_t at = two; at < len; at++) {
		for (unsigned zeros = 0; zeros < 2; zeros++) {
			struct fake *fake = begin();
			struct seen seen;
			struct commitlog *log;
			uint64_t cut = 0;
			fake_file_put(fake, PATH, octets, at);
			/* A file that had grown before its content came: zeros where the rest would be. */
			if (zeros)
				fake_file_resize(fake, PATH, len + 100);
			memset(&seen, 0, sizeof seen);
			size_t wanted = (zeros ? len + 100 : at) - two;
			assert_int_equal(commitlog_read(&fake->env, PATH, "test", note, &seen, &cut, NULL), 0);
			assert_true(seen.count == 2 && cut == wanted);
			assert_int_equal(open_log(fake, &seen, &cut, &log, NULL), 0);
			assert_true(seen.count == 2 && cut == wanted);
			append_text(log, 2);
			commitlog_close(log);
			assert_int_equal(open_log(fake, &seen, &cut, &log, NULL), 0);
			assert_true(seen.count == 3 && cut == 0);
			check_bodies(&seen, 0);
			commitlog_close(log);
			fake_free(fake);
		}
	}
	free(octets);
}

static void refuses_damage_before_a_sound_record(void **state)
{
	(void)state;
	size_t len, two, three;
	free(make_file(2, &two));
	free(make_file(3, &three));
	uint8_t *octets = make_file(4, &len);
	for (size_t at = 0; at < len; at++) {
		struct fake *fake = begin();
		struct seen seen = {0};
		struct error error;
		char place[32];
		octets[at] ^= 0x10;
		fake_file_put(fake, PATH, octets, len);
		octets[at] ^= 0x10;
		int result = commitlog_read(&fake->env, PATH, "test", note, &seen, NULL, &error);
		if (at >= three) {
			/* In the last record: nobody can tell it from a torn one. */
			assert_true(result == 0 && seen.count == 3);
		} else {
			assert_true(result < 0 && seen.count == 0);
			snprintf(place, sizeof place, "offset %zu ", two);
			if (at >= two && (result != -ERROR_DAMAGED || strstr(error.text, place) == NULL))
				fail_msg("at %zu: %s", at, error.text);
		}
		fake_free(fake);
	}
	free(octets);
}

static void refuses_a_broken_chain(void **state)
{
	(void)state;
	/* A record taken out, with all checksums good. */
	size_t one, two, len;
	free(make_file(1, &one));
	free(make_file(2, &two));
	uint8_t *octets = make_file(3, &len);
	struct fake *fake = begin();
	struct error error;
	memmove(octets + one, octets + two, len - two);
	fake_file_put(fake, PATH, octets, len - (two - one));
	assert_int_equal(commitlog_read(&fake->env, PATH, "test", NULL, NULL, NULL, &error), -ERROR_DAMAGED);
	free(octets);
	/* The right number, but another past: the hash does not follow. */
	octets = make_file(2, &len);
	octets[one + 16] ^= 1; /* the time of record 1 */
	octets[one + 24] ^= 1; /* its previous hash */
	put_u32(octets + len - 4, crc32c(0, octets + one, len - one - 4));
	fake_file_put(fake, PATH, octets, len);
	assert_int_equal(commitlog_read(&fake->env, PATH, "test", NULL, NULL, NULL, &error), -ERROR_DAMAGED);
	free(octets);
	fake_free(fake);
}

static void compacts(void **state)
{
	(void)state;
	struct fake *fake = begin();
	struct seen seen;
	struct commitlog *log;
	uint64_t cut, sequence;
	size_t len;
	uint8_t old[32];
	assert_int_equal(open_log(fake, &seen, &cut, &log, NULL), 0);
	for (unsigned i = 0; i < 5; i++)
		append_text(log, i);
	commitlog_head(log, old);
	assert_int_equal(commitlog_compact(log, SLICE("record 5"), NULL), 0);
	assert_int_equal(commitlog_count(log), 1);
	assert_memory_equal(fake_file_get(fake, PATH, &len) + 48, old, 32);
	append_text(log, 6);
	commitlog_close(log);
	fake_power_cut(fake, FAKE_CUT_LOSE_ALL);
	assert_false(fake_file_exists(fake, PATH ".new"));
	assert_int_equal(open_log(fake, &seen, &cut, &log, NULL), 0);
	assert_int_equal(seen.count, 2);
	check_bodies(&seen, 5);
	assert_int_equal(commitlog_append(log, SLICE("x"), &sequence, NULL), 0);
	assert_int_equal(sequence, 7);
	commitlog_close(log);
	fake_free(fake);
}

static void refuses_too_large(void **state)
{
	(void)state;
	struct fake *fake = begin();
	struct seen seen;
	struct commitlog *log;
	uint64_t cut;
	uint8_t *large = calloc(1, (size_t)LIMIT_commit_bytes + 1);
	assert_int_equal(open_log(fake, &seen, &cut, &log, NULL), 0);
	assert_int_equal(commitlog_append(log, slice_of(large, (size_t)LIMIT_commit_bytes + 1), NULL, NULL), -ERROR_LIMIT);
	assert_int_equal(commitlog_append(log, slice_of(large, (size_t)LIMIT_commit_bytes), NULL, NULL), 0);
	commitlog_close(log);
	memset(&seen, 0, sizeof seen);
	assert_int_equal(commitlog_read(&fake->env, PATH, "test", NULL, NULL, NULL, NULL), 0);
	free(large);
	fake_free(fake);
}

/* Open, five records, a compaction, three more: stops at the first failure. Returns how many records were acknowledged,
 * counting the compacted state as one; the log must be dead after a failed append. */
static unsigned story(struct fake *fake)
{
	struct commitlog *log;
	unsigned done = 0;
	bool going = commitlog_open(&fake->env, PATH, "test", NULL, NULL, NULL, &log, NULL) == 0;
	for (unsigned i = 0; going && i < 9; i++) {
		char text[24];
		snprintf(text, sizeof text, "record %u", i);
		going = (i == 5 ? commitlog_compact(log, slice_str(text), NULL)
						: commitlog_append(log, slice_str(text), NULL, NULL)) == 0;
		done += going;
		if (!going && i != 5) {
			fake->files.fail_at = 0;
			fake->memory.fail_at = 0;
			assert_true(commitlog_append(log, SLICE("late"), NULL, NULL) < 0);
		}
	}
	commitlog_close(log);
	return done;
}

/* After whatever happened: everything acknowledged is there, at most the one in flight besides. */
static void check_story(struct fake *fake, unsigned done)
{
	struct seen seen;
	struct commitlog *log;
	struct error error;
	uint64_t cut;
	if (open_log(fake, &seen, &cut, &log, &error) != 0)
		fail_msg("after %u: %s", done, error.text);
	unsigned first = seen.count == 0 ? 0 : (unsigned)(seen.next - seen.count);
	assert_true(first == 0 || first == 5);
	assert_in_range(seen.next, done, done + 1);
	check_bodies(&seen, first);
	append_text(log, (unsigned)seen.next);
	commitlog_close(log);
}

static void survives_every_failed_call(void **state)
{
	(void)state;
	static const int numbers[] = {EIO, ENOSPC};
	for (unsigned way = 0; way < 6; way++) {
		for (uint64_t n = 1;; n++) {
			struct fake *fake = begin();
			fake_files_reset(fake);
			fake->files.fail_at = n;
			fake->files.fail_errno = numbers[way % 2];
			fake->files.fail_forever = way >= 3;
			unsigned done = story(fake);
			bool reached = fake->files.failed > 0;
			assert_int_equal(fake_files_open(fake), 0);
			fake_power_cut(fake, (enum fake_cut)(way % 3));
			check_story(fake, done);
			fake_free(fake);
			if (!reached) {
				assert_int_equal(done, 9);
				break;
			}
		}
	}
}

static void survives_every_power_cut(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 8; way++) {
		for (uint64_t n = 1;; n++) {
			struct fake *fake = begin();
			fake->random += way;
			fake_files_reset(fake);
			fake->files.cut_at = n;
			if (way >= 4) {
				fake->files.short_at = UINT64_MAX;
				fake->files.short_octets = 7 * way;
			}
			unsigned done = story(fake);
			bool reached = fake->files.is_cut;
			fake_power_cut(fake, way == 0 ? FAKE_CUT_LOSE_ALL : way == 1 ? FAKE_CUT_KEEP_ALL : FAKE_CUT_RANDOM);
			check_story(fake, done);
			fake_free(fake);
			if (!reached) {
				assert_int_equal(done, 9);
				break;
			}
		}
	}
}

static void survives_every_failed_allocation(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct fake *fake = begin();
		fake->memory.calls = 0;
		fake->memory.fail_at = n;
		unsigned done = story(fake);
		bool reached = fake->memory.failed > 0;
		assert_int_equal(fake->memory.outstanding, 0);
		fake->memory.fail_at = 0;
		check_story(fake, done);
		fake_free(fake);
		if (!reached)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_was_appended),
		cmocka_unit_test(refuses_what_is_not_it),
		cmocka_unit_test(cuts_a_torn_tail_at_every_length),
		cmocka_unit_test(refuses_damage_before_a_sound_record),
		cmocka_unit_test(refuses_a_broken_chain),
		cmocka_unit_test(compacts),
		cmocka_unit_test(refuses_too_large),
		cmocka_unit_test(survives_every_failed_call),
		cmocka_unit_test(survives_every_power_cut),
		cmocka_unit_test(survives_every_failed_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
