/* What fsck and segment show tell of a store that is well, and of one that is not. */
#include "store/store.h"
#include "tests/unit/store/sample.h"

struct story {
	struct fake *fake;
	char path[200];
	struct buffer out;
};

static int take_segment(void *arg, const char *path)
{
	char *out = arg;
	if (!slice_ends(slice_str(path), SLICE(".seg")))
		return 0;
	snprintf(out, 200, "%s", path);
	return 1;
}

static void begin(struct story *t)
{
	struct sample sample;
	struct store *s;
	struct error error;
	const struct store_partition p = {0, 0};
	memset(t, 0, sizeof *t);
	t->fake = fake_new(1);
	sample_init(&sample, &t->fake->env, 2);
	buffer_init(&t->out, &t->fake->env);
	struct store_config config = {.dir = "/s", .name = "s"};
	assert_int_equal(store_open(&t->fake->env, &config, &s, &error), 0);
	for (uint64_t i = 0; i < 2; i++) {
		struct batch_identity identity = sample_identity(1, 1, 0, i * 40);
		struct slice octets = sample_syslog_batch(&sample, &identity, 40, SAMPLE_START);
		assert_int_equal(store_append(s, p, i, octets, &error), 0);
		assert_int_equal(store_step(s, true, &error), 0);
		free((void *)(uintptr_t)octets.ptr);
	}
	store_close(s);
	sample_free(&sample);
	fake_file_settle(t->fake);
	fake_file_each(t->fake, take_segment, t->path);
}

static void end(struct story *t)
{
	buffer_free(&t->out);
	assert_int_equal(fake_files_open(t->fake), 0);
	assert_int_equal(t->fake->memory.outstanding, 0);
	fake_free(t->fake);
}

static int run_fsck(struct story *t)
{
	struct error error = {0};
	buffer_reset(&t->out);
	int result = store_fsck(&t->fake->env, "/s", NULL, NULL, &t->out, &error);
	if (result < 0)
		fail_msg("fsck: %s", error.text);
	buffer_add_octet(&t->out, 0);
	return result;
}

static bool said(const struct story *t, const char *what)
{
	return strstr((const char *)t->out.ptr, what) != NULL;
}

static void a_sound_store_has_no_findings(void **state)
{
	struct story t;
	(void)state;
	begin(&t);
	assert_int_equal(run_fsck(&t), 0);
	assert_int_equal(t.out.len, 1);
	fake_file_put(t.fake, "/s/segments/0000000000000007-0123456789abcdef.seg", "x", 1);
	assert_int_equal(run_fsck(&t), 0);
	assert_true(said(&t, "\"level\":\"note\"") && said(&t, "does not name this file"));
	end(&t);
}

static void damage_is_named(void **state)
{
	struct story t;
	size_t len;
	(void)state;
	begin(&t);
	uint8_t *octets = fake_file_get(t.fake, t.path, &len);
	octets[500] ^= 4;
	assert_int_equal(run_fsck(&t), 3); /* the file's hash, a block, the row group */
	assert_true(said(&t, strrchr(t.path, '/') + 1) && said(&t, "SHA-256") && said(&t, "\"group\":0"));
	octets[500] ^= 4;
	octets[len - 60] ^= 1; /* in the footer */
	assert_true(run_fsck(&t) >= 2);
	assert_true(said(&t, "checksum of the footer") && said(&t, "row groups are sound"));
	octets[len - 60] ^= 1;
	assert_int_equal(run_fsck(&t), 0);
	fake_file_resize(t.fake, t.path, len - 1);
	assert_true(run_fsck(&t) >= 2);
	assert_true(said(&t, "not as long"));
	assert_int_equal(t.fake->env.files.unlink(t.fake->env.files.ctx, t.path), 0);
	assert_int_equal(run_fsck(&t), 1);
	assert_true(said(&t, "the segment is missing"));
	octets = fake_file_get(t.fake, "/s/commit.log", &len);
	octets[len / 2] ^= 1;
	assert_true(run_fsck(&t) >= 1);
	end(&t);
}

static void a_segment_is_shown_in_text(void **state)
{
	struct story t;
	struct error error = {0};
	size_t len;
	(void)state;
	begin(&t);
	assert_int_equal(segment_show(&t.fake->env, t.path, true, &t.out, &error), 0);
	buffer_add_octet(&t.out, 0);
	assert_true(said(&t, "row group 0: 40 rows") && said(&t, "sequences 0 to 39") && said(&t, "source.ip = 10."));
	assert_true(said(&t, "offset 0 row 39 sequence 39 event") && said(&t, "Failed password for"));
	assert_false(said(&t, "DAMAGED"));
	uint8_t *octets = fake_file_get(t.fake, t.path, &len);
	octets[500] ^= 4;
	buffer_reset(&t.out);
	assert_int_equal(segment_show(&t.fake->env, t.path, true, &t.out, &error), 0);
	buffer_add_octet(&t.out, 0);
	assert_true(said(&t, "DAMAGED"));
	assert_true(segment_show(&t.fake->env, "/s/none.seg", true, &t.out, &error) < 0);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_store_has_no_findings),
		cmocka_unit_test(damage_is_named),
		cmocka_unit_test(a_segment_is_shown_in_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
