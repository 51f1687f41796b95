/* Followed files when the process is killed, the power goes, a call fails, memory is short or the bus refuses: every line
 * once. */
#include "tests/unit/ingest/follow_rig.h"

/* ---- kills and power cuts at any moment ---- */

struct world {
	struct rig rig;
	unsigned next, rotated[2];
};

static const char *const names[] = {"/log/a.log", "/log/b.log"};

static void rotate(struct world *w, unsigned which)
{
	char to[64];
	if (!fake_file_exists(w->rig.fake, names[which]))
		return;
	snprintf(to, sizeof(to), "%s.%u", names[which], ++w->rotated[which]);
	rig_rename(&w->rig, names[which], to);
}

static void cut_power(struct world *w)
{
	struct error error = {0};
	/* Behind the positions, the log may have any part of what was given. */
	unsigned keep = 0;
	if (fake_random_below(w->rig.fake, 2) == 0 && ingest_follow_sync(w->rig.follow, NULL) == 0)
		keep = (unsigned)fake_random_below(w->rig.fake, 1001);
	rig_end(&w->rig, keep);
	fake_power_cut(w->rig.fake, FAKE_CUT_RANDOM);
	if (rig_begin(&w->rig, &error) < 0)
		fail_msg("cannot begin again: %s", error.text);
}

static void act(struct world *w)
{
	struct rig *rig = &w->rig;
	unsigned which = (unsigned)fake_random_below(rig->fake, 2), n = (unsigned)fake_random_below(rig->fake, 40);
	switch (fake_random_below(rig->fake, 9)) {
	case 0:
	case 1:
	case 2:
		rig_lines(rig, names[which], w->next, w->next + n);
		w->next += n;
		break;
	case 3:
		rotate(w, which);
		break;
	case 4:
		rig_work(rig, (int64_t)n * 50);
		break;
	case 5:
		assert_int_equal(rig_sync(rig), 0);
		break;
	case 6:
		rig->refuse = n;
		break;
	case 7:
		rig_kill(rig, (unsigned)fake_random_below(rig->fake, 1001));
		break;
	default:
		cut_power(w);
	}
}

static void run_world(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	rig_start(&w->rig, "/log/*.log*");
	w->rig.fake->random = seed * 7919;
	for (int i = 0; i < 120; i++)
		act(w);
	w->rig.refuse = 0;
	rig_settle(&w->rig);
	rig_settle(&w->rig);
	rig_once(&w->rig, 0, w->next);
	assert_int_equal(rig_count(&w->rig, ROW_EVENT, NULL), w->next);
	assert_int_equal(rig_count(&w->rig, ROW_GAP, NULL), 0);
	rig_stop(&w->rig);
	free(w);
}

static void killed_at_any_moment(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		if (getenv("LOUD") != NULL)
			print_message("# seed %llu\n", (unsigned long long)seed);
		run_world(seed);
	}
}

/* A batch that is closed by a row that does not fit is given away while that row is in the hand. */
static void killed_between_a_full_batch_and_its_next_row(void **state)
{
	struct rig rig;
	(void)state;
	for (unsigned keep = 0; keep <= 1000; keep += 100) {
		rig_start(&rig, "/log/a.log");
		rig_lines(&rig, "/log/a.log", 0, 3 * (unsigned)LIMIT_batch_rows + 17);
		rig_work(&rig, 0);
		rig_kill(&rig, keep);
		rig_settle(&rig);
		rig_once(&rig, 0, 3 * (unsigned)LIMIT_batch_rows + 17);
		rig_stop(&rig);
	}
}

/* A row that begins another batch is in the hand while the one before it is given away, or refused. */
static void killed_with_a_row_in_the_hand(void **state)
{
	(void)state;
	for (unsigned refuse = 0; refuse <= 1; refuse++) {
		struct rig rig;
		rig_start(&rig, "/log/a.log");
		rig_lines(&rig, "/log/a.log", 0, 2);
		ingest_follow_step(rig.follow, 65536, NULL);
		fake_clock_advance(rig.fake, 3500 * NS_PER_MS); /* rows of one batch are observed within less */
		rig_lines(&rig, "/log/a.log", 2, 4);
		rig.refuse = refuse;
		ingest_follow_step(rig.follow, 65536, NULL);
		assert_int_equal(ingest_blocked(rig.ingest), refuse == 1);
		if (refuse)
			ingest_step(rig.ingest, false, NULL);
		rig_kill(&rig, 1000);
		rig_settle(&rig);
		rig_once(&rig, 0, 4);
		assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 4);
		rig_stop(&rig);
	}
}

/* ---- calls that fail ---- */

/* A process that lives again after whatever ended it. */
static void live(struct rig *rig, int64_t ms)
{
	for (int lives = 0; lives < 8; lives++) {
		if (rig->follow != NULL && rig_work(rig, ms) == 0) {
			for (int i = 0; i < 4; i++)
				ingest_step(rig->ingest, true, NULL);
			if (!ingest_blocked(rig->ingest) && rig_sync(rig) == 0)
				return;
		}
		rig_end(rig, 500);
		(void)rig_begin(rig, NULL);
	}
	fail_msg("no process lives");
}

static void story(struct rig *rig)
{
	(void)rig_begin(rig, NULL);
	rig_lines(rig, "/log/a.log", 0, 20);
	live(rig, 1300);
	rig_lines(rig, "/log/a.log", 20, 30);
	rig_rename(rig, "/log/a.log", "/log/a.log.1");
	rig_lines(rig, "/log/a.log", 30, 45);
	live(rig, 1300);
	rig_end(rig, 1000);
	rig_lines(rig, "/log/a.log", 45, 50);
	rig_rename(rig, "/log/a.log", "/log/a.log.2");
	rig_lines(rig, "/log/a.log", 50, 60);
	(void)rig_begin(rig, NULL);
	live(rig, 2600);
	live(rig, LIMIT_follow_rotated_s * 1000 + 1000);
	rig_truncate(rig, "/log/a.log");
	rig_lines(rig, "/log/a.log", 60, 100);
	live(rig, 1300);
	rig_lines(rig, "/log/a.log", 100, 110);
	live(rig, 1300);
}

static void verdict(struct rig *rig)
{
	fake_files_reset(rig->fake);
	rig->fake->memory.fail_at = 0;
	live(rig, 2600);
	rig_once(rig, 0, 110);
	assert_int_equal(rig_count(rig, ROW_EVENT, NULL), 110);
	assert_int_equal(rig_count(rig, ROW_GAP, NULL), 0);
}

static void every_file_call_fails_once(void **state)
{
	static const int why[] = {EIO, ENOSPC};
	(void)state;
	for (size_t e = 0; e < 2; e++) {
		for (uint64_t n = 1;; n++) {
			struct rig rig;
			rig_init(&rig, "/log/a.log");
			rig.fake->files.fail_at = n;
			rig.fake->files.fail_errno = why[e];
			if (getenv("LOUD") != NULL)
				print_message("# call %llu, errno %d\n", (unsigned long long)n, why[e]);
			story(&rig);
			bool reached = rig.fake->files.calls >= n;
			verdict(&rig);
			rig_stop(&rig);
			if (!reached)
				break;
		}
	}
}

static void every_allocation_fails_once(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct rig rig;
		rig_init(&rig, "/log/a.log");
		rig.fake->memory.calls = 0;
		rig.fake->memory.fail_at = n;
		story(&rig);
		bool reached = rig.fake->memory.failed > 0;
		verdict(&rig);
		rig_stop(&rig);
		if (!reached)
			break;
	}
}

/* ---- the file of positions ---- */

/* It is made small again; what is pending then stays so, whether it has arrived or not when the process ends. */
static void the_file_of_positions_stays_small(void **state)
{
	struct rig rig;
	size_t before = 0, most = 0, made_small = 0;
	(void)state;
	rig_start(&rig, "/log/*.log");
	for (unsigned i = 0; i < 400; i++) {
		size_t len = 0;
		for (unsigned f = 0; f < 40; f++) {
			char path[64];
			snprintf(path, sizeof(path), "/log/%u.log", f);
			rig_lines(&rig, path, i * 40 + f, i * 40 + f + 1);
		}
		rig_work(&rig, 250);
		ingest_step(rig.ingest, true, NULL);
		assert_int_equal(i % 7 == 0 ? rig_sync(&rig) : ingest_follow_sync(rig.follow, NULL), 0);
		(void)fake_file_get(rig.fake, "/data/positions", &len);
		most = len > most ? len : most;
		if (len < before || rig.fake->files.count[FAKE_RENAME] > made_small + 1) {
			made_small = rig.fake->files.count[FAKE_RENAME];
			rig_kill(&rig, (unsigned)(made_small % 3) * 500);
		}
		before = len;
	}
	rig_settle(&rig);
	rig_once(&rig, 0, 16000);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 16000);
	assert_true(made_small > 4);
	assert_true(most < 600000);
	rig_stop(&rig);
}

static void a_torn_end_is_passed_over(void **state)
{
	struct rig rig;
	size_t len;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_lines(&rig, "/log/a.log", 10, 20);
	rig_work(&rig, 1300);
	ingest_step(rig.ingest, true, NULL);
	rig_end(&rig, 0);
	uint8_t *octets = fake_file_get(rig.fake, "/data/positions", &len);
	size_t last = len;
	while (last > 0 && octets[last - 1] == 0)
		last--;
	octets[last - 3] ^= 1;
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig_settle(&rig);
	rig_once(&rig, 0, 20);
	rig_stop(&rig);
}

static void a_damaged_head_is_refused(void **state)
{
	struct rig rig;
	struct error error = {0};
	size_t len;
	(void)state;
	for (size_t at = 0; at < 40; at += 3) {
		rig_start(&rig, "/log/a.log");
		rig_lines(&rig, "/log/a.log", 0, 10);
		rig_settle(&rig);
		rig_end(&rig, 0);
		fake_file_get(rig.fake, "/data/positions", &len)[at] ^= 1;
		assert_true(rig_begin(&rig, &error) < 0);
		assert_int_not_equal(error.text[0], 0);
		rig_stop(&rig);
	}
}

/* Every octet of it changed, one at a time: refused, or an end that is nearer; never out of bounds, never a line lost. */
static void no_octet_of_it_is_believed(void **state)
{
	struct rig rig;
	size_t len;
	(void)state;
	for (size_t at = 40;; at++) {
		rig_start(&rig, "/log/a.log");
		rig_lines(&rig, "/log/a.log", 0, 5);
		rig_settle(&rig);
		rig_end(&rig, 0);
		uint8_t *octets = fake_file_get(rig.fake, "/data/positions", &len);
		bool over = octets[at] == 0 && memcmp(octets + at, octets + at + 1, 300) == 0;
		octets[at] ^= 0x41;
		if (rig_begin(&rig, NULL) == 0) {
			rig_settle(&rig);
			assert_true(rig_count(&rig, ROW_EVENT, NULL) >= 5);
			for (unsigned i = 0; i < 5; i++) {
				char line[32];
				snprintf(line, sizeof(line), "line %u.", i);
				assert_true(rig_count(&rig, ROW_EVENT, line) >= 1);
			}
		}
		rig_stop(&rig);
		if (over)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_moment),          cmocka_unit_test(killed_between_a_full_batch_and_its_next_row),
		cmocka_unit_test(killed_with_a_row_in_the_hand), cmocka_unit_test(every_file_call_fails_once),
		cmocka_unit_test(every_allocation_fails_once),   cmocka_unit_test(the_file_of_positions_stays_small),
		cmocka_unit_test(a_torn_end_is_passed_over),     cmocka_unit_test(a_damaged_head_is_refused),
		cmocka_unit_test(no_octet_of_it_is_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
