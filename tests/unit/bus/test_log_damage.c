/* Damage: every octet of a log, cut off or changed, is found or does not matter; what is torn is cut, what was durable is
 * never given up in silence.
 */
#include "tests/unit/bus/rig.h"

#define RECORDS 12u

/* One partition with records that were each synced alone, all in one file or in several. */
static void build(struct rig *rig, uint64_t file_bytes, uint64_t starts[RECORDS + 1])
{
	struct error error;
	rig_start(rig, 1, file_bytes);
	rig_begin(rig);
	uint64_t at = LOG_HEAD_BYTES;
	for (unsigned i = 0; i < RECORDS; i++) {
		uint8_t payload[PAYLOAD_MAX];
		if (starts)
			starts[i] = at;
		at += log_frame_size(rig_payload(rig->serial + 1, payload));
		rig_must(rig_produce(rig, 0, &error), &error);
		rig_must(rig_step(rig, true, &error), &error);
	}
	if (starts)
		starts[RECORDS] = at;
	rig_close(rig);
	fake_file_settle(rig->fake);
}

#define MARK "data/log/events/0/durable"

/* The mark did not survive: what a power cut may do, since it is not synced with the records. */
static void forget_mark(struct rig *rig)
{
	static const uint8_t zeros[2 * LOG_SLOT_BYTES];
	fake_file_put(rig->fake, MARK, zeros, sizeof(zeros));
}

struct copy {
	uint8_t *octets;
	size_t len;
};

static struct copy copy_file(struct rig *rig, const char *path)
{
	struct copy copy;
	uint8_t *octets = fake_file_get(rig->fake, path, &copy.len);
	assert_non_null(octets);
	copy.octets = malloc(copy.len);
	memcpy(copy.octets, octets, copy.len);
	return copy;
}

static void put_back(struct rig *rig, const char *path, const struct copy *copy)
{
	fake_file_put(rig->fake, path, copy->octets, copy->len);
}

static void expect_records(struct rig *rig, uint64_t records)
{
	struct error error;
	uint64_t end;
	rig_must(rig_open(rig, &error), &error);
	rig->accounts[0].durable = 0;
	rig->accounts[0].produced = RECORDS;
	rig_check_all(rig);
	rig_must(bus_durable(rig->bus, TOPIC_EVENTS, 0, NULL, &end), &error);
	assert_int_equal(end, records);
	rig_close(rig);
}

static void a_tail_cut_at_any_octet_loses_only_what_is_cut(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	char path[LOG_PATH_MAX];
	uint64_t starts[RECORDS + 1], cut;
	build(&rig, 0, starts);
	rig_file(path, 0, 0);
	struct copy file = copy_file(&rig, path), mark = copy_file(&rig, MARK);
	assert_int_equal(file.len, starts[RECORDS]);
	for (size_t len = 0; len < file.len; len++) {
		unsigned whole = 0;
		while (whole < RECORDS && starts[whole + 1] <= len)
			whole++;
		put_back(&rig, path, &file);
		fake_file_resize(rig.fake, path, len);
		put_back(&rig, MARK, &mark);
		assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED); /* the mark knows better */
		assert_non_null(strstr(error.text, path));
		forget_mark(&rig);
		int result = bus_local_recover(&rig.fake->env, &rig.config, &cut, &error);
		if (len < LOG_HEAD_BYTES) {
			assert_int_equal(result, -ERROR_DAMAGED); /* the only file of a partition */
			continue;
		}
		rig_must(result, &error);
		assert_int_equal(cut, len - starts[whole]);
		expect_records(&rig, whole);
	}
	free(file.octets);
	free(mark.octets);
	rig_end(&rig);
}

static void any_changed_octet_is_refused_when_it_was_durable(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	char path[LOG_PATH_MAX];
	uint64_t starts[RECORDS + 1];
	static const uint8_t changes[] = {0x01, 0x80, 0xff};
	build(&rig, 0, starts);
	rig_file(path, 0, 0);
	struct copy file = copy_file(&rig, path), mark = copy_file(&rig, MARK);
	for (size_t at = 0; at < file.len; at++) {
		struct copy changed = {malloc(file.len), file.len};
		memcpy(changed.octets, file.octets, file.len);
		changed.octets[at] ^= changes[at % sizeof(changes)];
		unsigned hit = 0;
		while (at >= LOG_HEAD_BYTES && starts[hit + 1] <= at)
			hit++;
		put_back(&rig, path, &changed);
		put_back(&rig, MARK, &mark);
		assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED);
		assert_non_null(strstr(error.text, path));
		/* Without the mark the later records are witnesses; the last one has none and counts as torn. */
		forget_mark(&rig);
		int result = rig_recover(&rig, &error);
		if (at >= starts[RECORDS - 1]) {
			rig_must(result, &error);
			expect_records(&rig, RECORDS - 1);
		} else {
			assert_int_equal(result, -ERROR_DAMAGED);
		}
		free(changed.octets);
	}
	free(file.octets);
	free(mark.octets);
	rig_end(&rig);
}

/* Three records of one group: written together, synced together. When the power goes in between, any of them may have
 * arrived, also the last without the first. That is a torn tail and no damage. */
static void a_group_that_was_never_synced_may_arrive_in_any_part(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	uint64_t end, ends[RECORDS + 4] = {0};
	for (uint64_t seed = 1; seed <= 300; seed++) {
		rig_start(&rig, seed, 0);
		rig_begin(&rig);
		for (unsigned i = 0; i < 3; i++)
			rig_must(rig_produce(&rig, 0, &error), &error);
		rig_must(rig_step(&rig, true, &error), &error);
		for (unsigned i = 0; i < 6; i++)
			rig_must(rig_produce(&rig, 0, &error), &error);
		rig.fake->files.fail_kinds = FAKE_BIT(FAKE_SYNC);
		rig.fake->files.calls = 0;
		rig.fake->files.cut_at = 1;
		assert_true(rig_step(&rig, true, &error) < 0);
		rig_restart(&rig, FAKE_CUT_RANDOM);
		end = rig.accounts[0].durable;
		assert_true(end >= 3 && end <= 9);
		ends[end]++;
		rig_end(&rig);
	}
	assert_true(ends[3] > 0 && ends[9] > 0 && ends[5] + ends[6] + ends[7] > 0);
}

static void a_stranger_cannot_plant_a_frame_in_a_payload(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	char path[LOG_PATH_MAX];
	uint8_t octets[400] = {0}, planted[200];
	build(&rig, 0, NULL);
	/* A whole frame that claims what he likes, by a key that he has to guess. */
	struct log_frame frame = {.offset = RECORDS + 5, .durable = RECORDS + 3, .payload = SLICE("planted")};
	log_frame_put(planted, 0x1122334455667788u, &frame);
	memcpy(octets + 8, planted, log_frame_size(7));
	rig_must(rig_open(&rig, &error), &error);
	rig_must(bus_produce(rig.bus, TOPIC_EVENTS, 0, slice_of(octets, sizeof(octets)), NULL, &error), &error);
	rig_must(bus_step(rig.bus, true, &error), &error);
	rig_close(&rig);
	rig_file(path, 0, 0);
	size_t len;
	fake_file_get(rig.fake, path, &len);
	fake_file_resize(rig.fake, path, len - 3); /* torn behind the planted frame */
	forget_mark(&rig);
	rig_must(rig_recover(&rig, &error), &error);
	expect_records(&rig, RECORDS);
	rig_end(&rig);
}

static void older_files_are_chained_and_checked_when_read(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	char path[LOG_PATH_MAX], other[LOG_PATH_MAX];
	struct log_place place;
	struct log_files files;
	build(&rig, 1200, NULL);
	assert_int_equal(log_place_set(&place, "data/log", TOPIC_EVENTS, 0, NULL), 0);
	assert_int_equal(log_files_list(&rig.fake->env, &place, &files, NULL), 0);
	assert_true(files.count >= 4);
	rig_file(path, 0, files.bases[1]);
	rig_file(other, 0, files.bases[2]);
	struct copy file = copy_file(&rig, path), next = copy_file(&rig, other);

	fake_file_resize(rig.fake, path, file.len - 1);
	assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED);
	assert_non_null(strstr(error.text, other));
	put_back(&rig, path, &next);
	assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED);
	assert_int_equal(rig.fake->env.files.unlink(rig.fake, path), 0);
	assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED);
	for (size_t at = 0; at < LOG_HEAD_BYTES; at++) {
		put_back(&rig, path, &file);
		size_t len;
		fake_file_get(rig.fake, path, &len)[at] ^= 0x10;
		assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED);
	}
	/* A record in the middle: start is quick and does not look there; the reader does. */
	for (size_t at = LOG_HEAD_BYTES; at < file.len; at += 7) {
		struct bus_reader *reader;
		struct bus_record record;
		size_t len;
		put_back(&rig, path, &file);
		fake_file_get(rig.fake, path, &len)[at] ^= 0x10;
		rig_begin(&rig);
		rig_must(bus_open_reader(rig.bus, NULL, TOPIC_EVENTS, 0, &reader, &error), &error);
		int result;
		uint64_t read = 0;
		for (; (result = bus_poll(reader, &record, &error)) == 1; read++)
			rig_check_record(&rig, &record);
		assert_int_equal(result, -ERROR_DAMAGED);
		assert_non_null(strstr(error.text, path));
		assert_true(read >= files.bases[1] && read < files.bases[2]);
		assert_int_equal(bus_poll(reader, &record, &error), -ERROR_DAMAGED); /* and again: it does not pass over */
		rig_must(bus_seek(reader, files.bases[2], &error), &error); /* the rest can be read on purpose */
		assert_int_equal(bus_poll(reader, &record, &error), 1);
		rig_check_record(&rig, &record);
		bus_reader_close(reader);
		rig_close(&rig);
	}
	free(file.octets);
	free(next.octets);
	log_files_free(&files);
	rig_end(&rig);
}

static void small_files_are_found_damaged_or_do_not_matter(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	size_t len;
	build(&rig, 0, NULL);
	struct copy counts = copy_file(&rig, "data/log/partitions"), mark = copy_file(&rig, MARK);
	for (size_t at = 0; at < counts.len; at++) {
		put_back(&rig, "data/log/partitions", &counts);
		fake_file_get(rig.fake, "data/log/partitions", &len)[at] ^= 0x01;
		int result = rig_recover(&rig, &error);
		assert_true(result == -ERROR_DAMAGED || result == -ERROR_VERSION);
	}
	for (size_t cut = 0; cut < counts.len; cut++) {
		put_back(&rig, "data/log/partitions", &counts);
		fake_file_resize(rig.fake, "data/log/partitions", cut);
		assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED);
	}
	assert_int_equal(rig.fake->env.files.unlink(rig.fake, "data/log/partitions"), 0);
	assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED); /* records, and nothing that says so: not a new log */
	put_back(&rig, "data/log/partitions", &counts);
	for (size_t at = 0; at < mark.len; at++) {
		put_back(&rig, MARK, &mark);
		fake_file_get(rig.fake, MARK, &len)[at] ^= 0x01;
		rig_must(rig_recover(&rig, &error), &error);
		expect_records(&rig, RECORDS);
	}
	char path[LOG_PATH_MAX];
	rig_file(path, 1, 0);
	struct copy other = copy_file(&rig, path);
	rig_file(path, 0, 0);
	put_back(&rig, path, &other); /* a file of another partition */
	forget_mark(&rig);
	assert_int_equal(rig_recover(&rig, &error), -ERROR_DAMAGED);
	free(counts.octets);
	free(mark.octets);
	free(other.octets);
	rig_end(&rig);
}

static void a_reader_ahead_of_the_log_is_told(void **state)
{
	(void)state;
	struct rig rig;
	struct error error;
	struct bus_reader *reader;
	char path[LOG_PATH_MAX];
	uint64_t starts[RECORDS + 1];
	build(&rig, 0, starts);
	rig_must(rig_open(&rig, &error), &error);
	rig_must(bus_open_reader(rig.bus, "store", TOPIC_EVENTS, 0, &reader, &error), &error);
	rig_must(bus_commit(reader, RECORDS, RECORDS, &error), &error);
	bus_reader_close(reader);
	rig_close(&rig);
	rig_file(path, 0, 0);
	fake_file_resize(rig.fake, path, starts[5]);
	forget_mark(&rig);
	rig_begin(&rig);
	assert_int_equal(bus_open_reader(rig.bus, "store", TOPIC_EVENTS, 0, &reader, &error), -ERROR_DAMAGED);
	assert_non_null(strstr(error.text, "store"));
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tail_cut_at_any_octet_loses_only_what_is_cut),
		cmocka_unit_test(any_changed_octet_is_refused_when_it_was_durable),
		cmocka_unit_test(a_group_that_was_never_synced_may_arrive_in_any_part),
		cmocka_unit_test(a_stranger_cannot_plant_a_frame_in_a_payload),
		cmocka_unit_test(older_files_are_chained_and_checked_when_read),
		cmocka_unit_test(small_files_are_found_damaged_or_do_not_matter),
		cmocka_unit_test(a_reader_ahead_of_the_log_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
