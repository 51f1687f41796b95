/* Followed files: every line once, whatever becomes of the files and of the process. */
#include "tests/unit/ingest/follow_rig.h"

/* ---- files that only grow ---- */

static void what_is_there_and_what_comes(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_settle(&rig);
	assert_int_equal(ingest_follow_count(rig.follow), 0);
	rig_lines(&rig, "/log/a.log", 0, 50);
	rig_settle(&rig);
	rig_lines(&rig, "/log/a.log", 50, 120);
	rig_settle(&rig);
	rig_once(&rig, 0, 120);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 120);
	assert_int_equal(rig_count(&rig, ROW_AUDIT, "file_followed"), 1);
	assert_int_equal(ingest_follow_count(rig.follow), 1);
	rig_stop(&rig);
}

struct one_source {
	char line[128];
	unsigned n;
};

static void see_source(void *arg, const struct rig_row *row)
{
	struct one_source *s = arg;
	if (s->n++ == 0)
		memcpy(s->line, row->source, sizeof(s->line));
	assert_string_equal(s->line, row->source);
}

/* Also when the lines name hosts and the defaults say relay; it is SHA-256 over host and path. */
static void one_file_is_one_source(void **state)
{
	struct rig rig;
	struct one_source s = {.n = 0};
	uint8_t digest[32];
	char expected[80] = "file ";
	(void)state;
	struct sha256 *sha = sha256_new();
	sha256_start(sha);
	sha256_part(sha, SLICE("here"));
	sha256_part(sha, SLICE("/log/a.log"));
	sha256_end(sha, digest);
	sha256_free(sha);
	hex_print(digest, 32, expected + 5);
	rig_start(&rig, "/log/*.log");
	rig_append(&rig, "/log/a.log", "<13>Nov 24 00:08:25 h1 a: 1\n<13>Nov 24 00:08:25 h2 a: 2\n");
	rig_settle(&rig);
	rig_rename(&rig, "/log/a.log", "/log/a.old");
	rig_append(&rig, "/log/a.log", "<13>Nov 24 00:08:25 h3 a: 3\n");
	rig_kill(&rig, 0);
	rig_settle(&rig);
	rig_rows(&rig, see_source, &s);
	assert_string_equal(s.line, expected);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 3);
	rig_stop(&rig);
}

static void a_line_waits_for_its_end(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_append(&rig, "/log/a.log", "line 0.\nlin");
	rig_settle(&rig);
	rig_work(&rig, 60000);
	rig_settle(&rig);
	rig_once(&rig, 0, 1);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 1);
	rig_kill(&rig, 0);
	rig_append(&rig, "/log/a.log", "e 1.\nline 2.");
	rig_settle(&rig);
	rig_once(&rig, 0, 2);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 2);
	rig_stop(&rig);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
	struct rig rig;
	char piece[1001];
	(void)state;
	memset(piece, 'x', 1000);
	piece[1000] = 0;
	rig_init(&rig, "/log/a.log");
	rig.config.message_bytes = 5000;
	assert_int_equal(rig_begin(&rig, NULL), 0);
	for (int i = 0; i < 200; i++)
		rig_append(&rig, "/log/a.log", piece);
	rig_settle(&rig);
	rig_kill(&rig, 1000);
	rig_append(&rig, "/log/a.log", "\nline 0.\n");
	rig_settle(&rig);
	rig_kill(&rig, 1000);
	rig_settle(&rig);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 2);
	assert_int_equal(rig_count(&rig, ROW_EVENT, "xxxx"), 1);
	rig_once(&rig, 0, 1);
	rig_stop(&rig);
}

static void records_may_end_with_nul(void **state)
{
	struct rig rig;
	(void)state;
	rig_init(&rig, "/log/a.log");
	rig.inputs[0].framing = FRAMING_NUL;
	fake_file_put(rig.fake, "/log/a.log", "line 0.\0line 1.\0line 2.\nx", 25);
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig_settle(&rig);
	rig_once(&rig, 0, 2);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 2);
	rig_stop(&rig);
}

static void from_the_end_once(void **state)
{
	struct rig rig;
	(void)state;
	rig_init(&rig, "/log/*.log");
	rig.inputs[0].from_end = true;
	rig_append(&rig, "/log/a.log", "line 0.\nline 1.\nlin");
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig_work(&rig, 100);
	/* Killed before anything was read: the place is known all the same. */
	rig_append(&rig, "/log/a.log", "e 2.\n");
	rig_kill(&rig, 0);
	rig_settle(&rig);
	rig_once(&rig, 2, 3);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 1);
	/* Later files are read from their beginning: one that is new, and what comes after a rotation. */
	rig_lines(&rig, "/log/b.log", 3, 5);
	rig_settle(&rig);
	rig_end(&rig, 0);
	rig_rename(&rig, "/log/a.log", "/log/a.1");
	rig_lines(&rig, "/log/a.log", 5, 7);
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig_settle(&rig);
	rig_once(&rig, 2, 7);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 5);
	rig_stop(&rig);
}

/* ---- rotation ---- */

static void renamed_and_made_anew(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_lines(&rig, "/log/a.log", 10, 20); /* not seen before the name goes */
	rig_rename(&rig, "/log/a.log", "/log/a.log.1");
	rig_lines(&rig, "/log/a.log", 20, 30);
	rig_work(&rig, 1000);
	rig_lines(&rig, "/log/a.log.1", 30, 35); /* the writer has not noticed yet */
	rig_append(&rig, "/log/a.log.1", "line 35.");
	rig_work(&rig, 5000);
	rig_settle(&rig);
	rig_once(&rig, 0, 35);
	assert_int_equal(ingest_follow_count(rig.follow), 2);
	rig_work(&rig, LIMIT_follow_rotated_s * 1000);
	rig_settle(&rig);
	rig_once(&rig, 0, 36); /* the last line, which nothing ended, when the file is let go */
	assert_int_equal(ingest_follow_count(rig.follow), 1);
	rig_kill(&rig, 1000);
	rig_settle(&rig);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 36);
	assert_int_equal(rig_count(&rig, ROW_GAP, NULL), 0);
	rig_stop(&rig);
}

struct order {
	unsigned next;
};

static void see_order(void *arg, const struct rig_row *row)
{
	struct order *o = arg;
	unsigned n;
	if (sscanf(row->text, "line %u.", &n) == 1)
		assert_int_equal(n, o->next++);
}

static void the_old_file_comes_first(void **state)
{
	struct rig rig;
	struct order order = {0};
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 1);
	rig_settle(&rig);
	rig_lines(&rig, "/log/a.log", 1, 20000); /* more than one step reads */
	rig_rename(&rig, "/log/a.log", "/log/a.log.1");
	rig_lines(&rig, "/log/a.log", 20000, 20100);
	rig_settle(&rig);
	rig_rows(&rig, see_order, &order);
	assert_int_equal(order.next, 20100);
	rig_stop(&rig);
}

/* The pattern also names the rotated file: it is the same one, not a new one. */
static void the_pattern_names_the_rotated_file_too(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log*");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_rename(&rig, "/log/a.log", "/log/a.log.1");
	rig_lines(&rig, "/log/a.log", 10, 20);
	rig_settle(&rig);
	rig_work(&rig, 60000);
	rig_lines(&rig, "/log/a.log.1", 20, 25);
	rig_settle(&rig);
	rig_kill(&rig, 0);
	rig_rename(&rig, "/log/a.log.1", "/log/a.log.2");
	rig_rename(&rig, "/log/a.log", "/log/a.log.1");
	rig_lines(&rig, "/log/a.log", 25, 30);
	rig_settle(&rig);
	rig_once(&rig, 0, 30);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 30);
	rig_stop(&rig);
}

static void rotated_while_nobody_looked(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_end(&rig, 0);
	rig_lines(&rig, "/log/a.log", 10, 20);
	rig_rename(&rig, "/log/a.log", "/log/a.log.1");
	rig_lines(&rig, "/log/a.log", 20, 30);
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig_settle(&rig);
	rig_once(&rig, 0, 30);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 30);
	assert_int_equal(rig_count(&rig, ROW_GAP, NULL), 0);
	rig_stop(&rig);
}

/* What nobody can read any more is told, once. */
static void gone_while_nobody_looked(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_end(&rig, 0);
	rig.fake->env.files.unlink(rig.fake, "/log/a.log");
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig_work(&rig, 1300);
	rig_kill(&rig, 0); /* the row did not arrive: told again */
	rig_settle(&rig);
	rig_kill(&rig, 0);
	rig_lines(&rig, "/log/a.log", 10, 20);
	rig_settle(&rig);
	assert_int_equal(rig_count(&rig, ROW_GAP, "\"reason\":\"file_gone\""), 1);
	rig_once(&rig, 0, 20);
	rig_stop(&rig);
}

static void a_folder_that_cannot_be_listed_proves_nothing(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_end(&rig, 0);
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig.fake->files.fail_kinds = FAKE_BIT(FAKE_STAT) | FAKE_BIT(FAKE_LIST);
	rig.fake->files.fail_at = 1;
	rig.fake->files.fail_forever = true;
	rig_work(&rig, 3000);
	fake_files_reset(rig.fake);
	rig_lines(&rig, "/log/a.log", 10, 20);
	rig_settle(&rig);
	rig_once(&rig, 0, 20);
	assert_int_equal(rig_count(&rig, ROW_GAP, NULL), 0);
	rig_stop(&rig);
}

/* ---- truncation ---- */

static void copied_and_truncated(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_truncate(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 10, 12);
	rig_settle(&rig);
	rig_truncate(&rig, "/log/a.log");
	rig_settle(&rig);
	rig_lines(&rig, "/log/a.log", 12, 60); /* larger than it was */
	rig_settle(&rig);
	rig_truncate(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 60, 160); /* and larger again before anybody looks */
	rig_settle(&rig);
	rig_kill(&rig, 0);
	rig_settle(&rig);
	rig_once(&rig, 0, 160);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 160);
	assert_int_equal(rig_count(&rig, ROW_AUDIT, "file_truncated"), 3);
	rig_stop(&rig);
}

static void rewritten_in_the_same_size(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 10, 20);
	rig_settle(&rig);
	rig_truncate(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 20, 30);
	rig_settle(&rig);
	rig_once(&rig, 10, 30);
	rig_stop(&rig);
}

static void truncated_while_nobody_looked(void **state)
{
	struct rig rig;
	(void)state;
	for (unsigned lines = 1; lines < 40; lines += 19) { /* shorter and longer than before */
		rig_start(&rig, "/log/a.log");
		rig_lines(&rig, "/log/a.log", 0, 10);
		rig_settle(&rig);
		rig_end(&rig, 0);
		rig_truncate(&rig, "/log/a.log");
		rig_lines(&rig, "/log/a.log", 10, 10 + lines);
		assert_int_equal(rig_begin(&rig, NULL), 0);
		rig_settle(&rig);
		rig_once(&rig, 0, 10 + lines);
		assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 10 + lines);
		rig_stop(&rig);
	}
}

/* Octets that were seen and not yet read are known to be lost. */
static void what_a_truncation_took_is_counted(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_lines(&rig, "/log/a.log", 10, 11);
	for (int i = 0; i < 8; i++) { /* looked at, and nothing may be read */
		ingest_follow_step(rig.follow, 0, NULL);
		fake_clock_advance(rig.fake, 50 * NS_PER_MS);
	}
	rig_truncate(&rig, "/log/a.log");
	rig_settle(&rig);
	assert_int_equal(rig_count(&rig, ROW_GAP, "\"octets_lost\":9,"), 1);
	rig_stop(&rig);
}

/* A writer that does not append leaves a hole in front of its next line. */
static void a_hole_is_no_line(void **state)
{
	struct rig rig;
	uint8_t octets[100000] = {0};
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_truncate(&rig, "/log/a.log");
	memcpy(octets + sizeof(octets) - 9, "line 10.\n", 9);
	fake_file_resize(rig.fake, "/log/a.log", sizeof(octets));
	memcpy(fake_file_get(rig.fake, "/log/a.log", &(size_t){0}), octets, sizeof(octets));
	rig_settle(&rig);
	rig_kill(&rig, 0);
	rig_settle(&rig);
	rig_once(&rig, 0, 11);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 11);
	rig_stop(&rig);
}

/* ---- which file it is ---- */

static void a_number_that_is_used_again(void **state)
{
	struct rig rig;
	struct env_stat st;
	(void)state;
	rig_start(&rig, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 0, 10);
	rig_settle(&rig);
	rig_end(&rig, 0);
	rig.fake->env.files.stat(rig.fake, "/log/a.log", &st);
	rig.fake->env.files.unlink(rig.fake, "/log/a.log");
	rig_lines(&rig, "/log/a.log", 10, 40); /* other content, longer than the position */
	fake_file_number(rig.fake, "/log/a.log", st.inode);
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig_settle(&rig);
	rig_once(&rig, 0, 40);
	/* And under another name: then it is a new file, and the old one is gone. */
	rig_end(&rig, 0);
	rig.fake->env.files.unlink(rig.fake, "/log/a.log");
	rig_lines(&rig, "/log/other", 100, 200);
	fake_file_number(rig.fake, "/log/other", st.inode);
	assert_int_equal(rig_begin(&rig, NULL), 0);
	rig_settle(&rig);
	assert_int_equal(rig_count(&rig, ROW_GAP, "file_gone"), 1);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 40);
	rig_stop(&rig);
}

/* The beginning that tells it from others grows with it. */
static void a_short_file_that_grows(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/a.log");
	for (unsigned n = 0; n < 300; n += 7) {
		rig_lines(&rig, "/log/a.log", n, n + 7);
		if (n % 3 == 0)
			rig_settle(&rig);
		else
			rig_work(&rig, 500);
		rig_kill(&rig, n * 37 % 1000);
	}
	rig_settle(&rig);
	rig_once(&rig, 0, 301);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 301);
	assert_int_equal(rig_count(&rig, ROW_AUDIT, "file_truncated"), 0);
	rig_stop(&rig);
}

/* A change behind the first 1,024 octets is none of ours. */
static void the_beginning_is_1024_octets(void **state)
{
	struct rig rig;
	size_t len;
	(void)state;
	for (int at = 1023; at <= 1024; at++) {
		rig_start(&rig, "/log/a.log");
		rig_lines(&rig, "/log/a.log", 0, 300);
		rig_settle(&rig);
		rig_end(&rig, 0);
		fake_file_get(rig.fake, "/log/a.log", &len)[at] ^= 1;
		assert_int_equal(rig_begin(&rig, NULL), 0);
		rig_settle(&rig);
		assert_int_equal(rig_count(&rig, ROW_AUDIT, "file_truncated"), at < 1024);
		rig_stop(&rig);
	}
}

/* ---- names ---- */

static void patterns_find_new_files(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/*/app[0-9]?.log");
	fake_file_put(rig.fake, "/log/x/app1a.log", "line 0.\n", 8);
	fake_file_put(rig.fake, "/log/x/app1.log", "no\n", 3);
	fake_file_put(rig.fake, "/log/x/y/app1a.log", "no\n", 3);
	fake_file_put(rig.fake, "/log/.z/app1a.log", "no\n", 3);
	rig_settle(&rig);
	fake_file_put(rig.fake, "/log/y/app2b.log", "line 1.\n", 8);
	fake_file_put(rig.fake, "/log/app2b.log", "no\n", 3);
	rig_settle(&rig);
	rig_once(&rig, 0, 2);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 2);
	assert_int_equal(rig.told, 0);
	rig_stop(&rig);
}

static void links_are_for_names_written_out(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/*.log");
	rig.inputs[1] = rig.inputs[0];
	rig_lines(&rig, "/log/a.log", 0, 3);
	fake_file_link(rig.fake, "/log/a.log", true);
	rig_settle(&rig);
	rig_settle(&rig);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), 0);
	assert_int_equal(rig.told, 1);
	assert_non_null(strstr(rig.said, "symbolic link"));
	rig.inputs[0].pattern = "/log/a.log";
	rig_kill(&rig, 0);
	rig_settle(&rig);
	rig_once(&rig, 0, 3);
	rig_stop(&rig);
}

static void what_cannot_be_read_is_told_once_and_tried_again(void **state)
{
	struct rig rig;
	(void)state;
	rig_start(&rig, "/log/*.log");
	rig_lines(&rig, "/log/a.log", 0, 3);
	rig_lines(&rig, "/log/b.log", 3, 6);
	fake_file_close(rig.fake, "/log/a.log", true);
	rig_settle(&rig);
	rig_settle(&rig);
	rig_settle(&rig);
	assert_int_equal(rig.told, 1);
	assert_non_null(strstr(rig.said, "/log/a.log Permission denied"));
	rig_once(&rig, 3, 6);
	fake_file_close(rig.fake, "/log/a.log", false);
	rig_settle(&rig);
	rig_once(&rig, 0, 6);
	rig_stop(&rig);
}

static void as_many_files_as_the_limit(void **state)
{
	struct rig rig;
	char path[64];
	(void)state;
	rig_start(&rig, "/log/*.log");
	for (int i = 0; i <= LIMIT_follow_files; i++) {
		snprintf(path, sizeof(path), "/log/%05d.log", i);
		fake_file_put(rig.fake, path, "x\n", 2);
		if (i == LIMIT_follow_files - 1) {
			rig_settle(&rig);
			assert_int_equal(rig.told, 0);
			assert_int_equal(ingest_follow_count(rig.follow), LIMIT_follow_files);
		}
	}
	rig_settle(&rig);
	assert_int_equal(rig.told, 1);
	assert_non_null(strstr(rig.said, "follow_files"));
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), LIMIT_follow_files);
	/* One goes: its place is the other's. */
	rig.fake->env.files.unlink(rig.fake, "/log/00007.log");
	rig_work(&rig, LIMIT_follow_rotated_s * 1000 + 2000);
	rig_settle(&rig);
	rig_settle(&rig);
	assert_int_equal(rig_count(&rig, ROW_EVENT, NULL), LIMIT_follow_files + 1);
	rig_stop(&rig);
}

static void a_path_begins_at_the_root(void **state)
{
	struct rig rig;
	struct error error = {0};
	(void)state;
	rig_init(&rig, "log/a.log");
	assert_int_equal(rig_begin(&rig, &error), -ERROR_USAGE);
	rig_end(&rig, 0);
	rig.inputs[0] = (struct follow_input){.pattern = "/log/a.log", .framing = FRAMING_OCTET};
	assert_int_equal(rig_begin(&rig, &error), -ERROR_USAGE);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_and_what_comes),
		cmocka_unit_test(one_file_is_one_source),
		cmocka_unit_test(a_line_waits_for_its_end),
		cmocka_unit_test(a_line_that_is_too_long_is_cut),
		cmocka_unit_test(records_may_end_with_nul),
		cmocka_unit_test(from_the_end_once),
		cmocka_unit_test(renamed_and_made_anew),
		cmocka_unit_test(the_old_file_comes_first),
		cmocka_unit_test(the_pattern_names_the_rotated_file_too),
		cmocka_unit_test(rotated_while_nobody_looked),
		cmocka_unit_test(gone_while_nobody_looked),
		cmocka_unit_test(a_folder_that_cannot_be_listed_proves_nothing),
		cmocka_unit_test(copied_and_truncated),
		cmocka_unit_test(rewritten_in_the_same_size),
		cmocka_unit_test(truncated_while_nobody_looked),
		cmocka_unit_test(what_a_truncation_took_is_counted),
		cmocka_unit_test(a_hole_is_no_line),
		cmocka_unit_test(a_number_that_is_used_again),
		cmocka_unit_test(a_short_file_that_grows),
		cmocka_unit_test(the_beginning_is_1024_octets),
		cmocka_unit_test(patterns_find_new_files),
		cmocka_unit_test(links_are_for_names_written_out),
		cmocka_unit_test(what_cannot_be_read_is_told_once_and_tried_again),
		cmocka_unit_test(as_many_files_as_the_limit),
		cmocka_unit_test(a_path_begins_at_the_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
