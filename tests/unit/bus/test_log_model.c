/* Random lives of a log against a model that is obviously right: an array of serial numbers per partition.
 *
 * CRESSET_TEST_SEED=n runs one seed, CRESSET_TEST_SEEDS=n so many.
 */
#include "tests/unit/bus/rig.h"

#define READERS 3u

static uint64_t seed_now;

struct follower {
	struct bus_reader *reader;
	const char *name;
	uint32_t partition;
	uint64_t next, committed, keep; /* what the reader should say */
};

struct life {
	struct rig rig;
	struct follower followers[READERS];
};

static void follower_open(struct life *life, struct follower *f)
{
	struct error error;
	uint64_t first, committed, keep, next;
	rig_must(bus_open_reader(life->rig.bus, f->name, TOPIC_EVENTS, f->partition, &f->reader, &error), &error);
	f->reader->ops->position(f->reader, &first, &committed, &keep, &next);
	/* Positions are advisory: after a power cut an older one may come back, never a newer one. */
	assert_true(committed <= f->committed && keep <= f->keep && keep <= committed && next == committed);
	assert_true(first <= keep || f->committed == 0);
	f->next = f->committed = committed;
	f->keep = keep;
}

static void followers_open(struct life *life)
{
	for (unsigned i = 0; i < READERS; i++)
		follower_open(life, &life->followers[i]);
}

static void followers_close(struct life *life)
{
	for (unsigned i = 0; i < READERS; i++) {
		bus_reader_close(life->followers[i].reader);
		life->followers[i].reader = NULL;
	}
}

static void do_poll(struct life *life, struct follower *f)
{
	struct error error;
	struct bus_record record;
	uint64_t durable = life->rig.accounts[f->partition].durable;
	for (uint64_t n = fake_random_below(life->rig.fake, 20); n > 0; n--) {
		int result = bus_poll(f->reader, &record, &error);
		if (result == -ERROR_NOT_FOUND &&
			f->next < f->keep) { /* it went back behind what it keeps, and that was trimmed */
			rig_must(bus_seek(f->reader, f->keep, &error), &error);
			f->next = f->keep;
			continue;
		}
		rig_must(result, &error);
		assert_int_equal(result, f->next < durable);
		if (result == 0)
			return;
		assert_int_equal(record.offset, f->next);
		rig_check_record(&life->rig, &record);
		f->next++;
	}
}

static void do_seek(struct life *life, struct follower *f)
{
	struct error error;
	uint64_t first, committed, keep, next, durable = life->rig.accounts[f->partition].durable;
	f->reader->ops->position(f->reader, &first, &committed, &keep, &next);
	assert_int_equal(next, f->next);
	uint64_t offset = fake_random_below(life->rig.fake, durable + 2);
	int result = bus_seek(f->reader, offset, &error);
	if (offset < first || offset > durable) {
		assert_int_equal(result, -ERROR_NOT_FOUND);
		rig_must(bus_seek(f->reader, f->keep, &error), &error); /* what a reader keeps is always there */
		f->next = f->keep;
		return;
	}
	rig_must(result, &error);
	f->next = offset;
}

/* Another reader has read up to there; what a reader keeps is always there. */
static void do_pass(struct life *life, struct follower *f)
{
	uint64_t durable = life->rig.accounts[f->partition].durable;
	uint64_t offset = f->keep + fake_random_below(life->rig.fake, durable - f->keep + 1);
	bus_pass(f->reader, offset);
	f->next = offset;
}

static void do_commit(struct life *life, struct follower *f)
{
	struct error error;
	if (f->next < f->committed)
		return;
	uint64_t keep = f->keep + fake_random_below(life->rig.fake, f->next - f->keep + 1);
	rig_must(bus_commit(f->reader, f->next, keep, &error), &error);
	f->committed = f->next;
	f->keep = keep;
}

static void do_step(struct life *life)
{
	struct error error;
	fake_clock_advance(life->rig.fake, (int64_t)fake_random_below(life->rig.fake, 700) * NS_PER_MS);
	rig_must(rig_step(&life->rig, fake_random_below(life->rig.fake, 2), &error), &error);
}

static void do_restart(struct life *life)
{
	static const enum fake_cut ways[] = {FAKE_CUT_LOSE_ALL, FAKE_CUT_KEEP_ALL, FAKE_CUT_RANDOM};
	followers_close(life);
	rig_restart(&life->rig, ways[fake_random_below(life->rig.fake, 3)]);
	followers_open(life);
}

static void one_life(uint64_t seed)
{
	static const char *const names[READERS] = {"store", "detect", "store"};
	struct life life = {0};
	struct error error;
	rig_start(&life.rig, seed, 800 + seed % 7 * 700);
	life.rig.config.early_bytes = (uint32_t)(seed % 3) * 150;
	rig_begin(&life.rig);
	for (unsigned i = 0; i < READERS; i++)
		life.followers[i] = (struct follower){.name = names[i], .partition = i / 2};
	followers_open(&life);
	for (unsigned i = 0; i < 300; i++) {
		struct follower *f = &life.followers[fake_random_below(life.rig.fake, READERS)];
		switch (fake_random_below(life.rig.fake, 100)) {
		case 0 ... 44: {
			uint32_t partition = (uint32_t)fake_random_below(life.rig.fake, RIG_PARTITIONS);
			rig_must(rig_produce(&life.rig, partition, &error), &error);
			break;
		}
		case 45 ... 64:
			do_step(&life);
			break;
		case 65 ... 84:
			do_poll(&life, f);
			break;
		case 85 ... 88:
			do_seek(&life, f);
			break;
		case 89 ... 90:
			do_pass(&life, f);
			break;
		case 91 ... 97:
			do_commit(&life, f);
			break;
		default:
			do_restart(&life);
		}
	}
	followers_close(&life);
	rig_restart(&life.rig, FAKE_CUT_LOSE_ALL);
	rig_end(&life.rig);
}

static void a_random_life_equals_the_model(void **state)
{
	(void)state;
	const char *one = getenv("CRESSET_TEST_SEED"), *many = getenv("CRESSET_TEST_SEEDS");
	uint64_t from = one ? strtoull(one, NULL, 10) : 1, count = one ? 1 : many ? strtoull(many, NULL, 10) : 150;
	for (seed_now = from; seed_now < from + count; seed_now++)
		one_life(seed_now);
}

static int say_seed(void **state)
{
	(void)state;
	if (seed_now)
		print_message("last seed: CRESSET_TEST_SEED=%llu\n", (unsigned long long)seed_now);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_random_life_equals_the_model, say_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
