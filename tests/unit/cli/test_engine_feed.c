/* Detect and store read one log: together while they are at the same place, each for itself while they are not, and every
 * record reaches both once, whoever refuses, whoever is behind.
 */
#include "tests/unit/cli/engine_rig.h"

#include "store/inside.h"

#include <errno.h>

static struct feed *feed_of(struct machine *m, enum feed_duty duty)
{
	for (unsigned i = 0; i < m->engine.feed_count; i++)
		if (m->engine.feeds[i].duty == duty && m->engine.feeds[i].topic == TOPIC_EVENTS &&
			m->engine.feeds[i].partition == 0)
			return &m->engine.feeds[i];
	fail_msg("no such feed");
	return NULL;
}

static void engine_turn(struct machine *m)
{
	struct error error = {0};
	fake_clock_advance(m->fake, NS_PER_S / 4);
	if (engine_step(&m->engine, &error) < 0)
		fail_msg("%s", error.text);
}

static uint64_t detected(const struct machine *m)
{
	struct detect_stats stats;
	detect_stats(m->engine.detect, &stats);
	return stats.events;
}

/* Events of partition 0 that the store has, sealed or not. */
static uint64_t stored(const struct machine *m)
{
	uint64_t rows = store_next_offset(m->engine.store, (struct store_partition){TOPIC_EVENTS, 0});
	struct store_stats stats;
	store_stats(m->engine.store, &stats);
	assert_int_equal(stats.duplicates, 0);
	return rows;
}

static void assert_together(struct machine *m, uint64_t at)
{
	struct feed *detect = feed_of(m, FEED_DETECT), *store = feed_of(m, FEED_STORE);
	assert_int_equal(detect->next, at);
	assert_int_equal(store->next, at);
	assert_false(detect->pending || store->pending);
	assert_null(store->held);
	assert_int_equal(stored(m), at);
}

/* ---- what is read ---- */

static ssize_t (*pread_under)(void *ctx, int fd, void *buf, size_t len, uint64_t offset);
static uint64_t octets_read;

static ssize_t counted_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	ssize_t got = pread_under(ctx, fd, buf, len, offset);
	octets_read += got > 2048 ? (uint64_t)got : 0; /* not marks and heads */
	return got;
}

static void count_reads(struct machine *m)
{
	pread_under = m->fake->env.files.pread;
	m->fake->env.files.pread = counted_pread;
	octets_read = 0;
}

static void a_record_is_read_once_for_both(void **state)
{
	struct machine m;
	(void)state;
	machine_open(&m);
	count_reads(&m);
	uint64_t before = fake_files_used(m.fake);
	for (int i = 0; i < 20; i++)
		events(&m, i, "z", "10.0.0.1", 100);
	uint64_t written = fake_files_used(m.fake) - before;
	engine_turn(&m);
	assert_together(&m, 20);
	assert_int_equal(detected(&m), 2000);
	assert_true(feed_of(&m, FEED_STORE)->passed);
	assert_in_range(octets_read, written * 9 / 10, written * 11 / 10);
	for (int i = 0; i < 100; i++) /* more than one step hands on */
		event(&m, 20, "z");
	engine_turn(&m);
	assert_together(&m, 84);
	engine_turn(&m);
	assert_together(&m, 120);
	machine_close(&m);
}

/* The store's reader rests, and what is trimmed meanwhile gives its room back. */
static void a_reader_that_rests_holds_no_file(void **state)
{
	struct machine m;
	struct error error = {0};
	(void)state;
	machine_open(&m);
	event(&m, 0, "z");
	drain(&m);
	stop(&m);
	assert_int_equal(start(&m, DUTY_ALL, &error), 0);
	event(&m, 1, "z");
	engine_turn(&m);
	assert_together(&m, 2);
	assert_false(feed_of(&m, FEED_STORE)->passed); /* it had to read the first one again */
	unsigned open = fake_files_open(m.fake);
	event(&m, 2, "z");
	engine_turn(&m);
	assert_true(feed_of(&m, FEED_STORE)->passed);
	assert_int_equal(fake_files_open(m.fake), open - 1);
	machine_close(&m);
}

/* ---- restarts ---- */

/* The store begins again at what was sealed, detect at its checkpoint. */
static void a_store_that_is_behind_reads_for_itself(void **state)
{
	struct machine m;
	(void)state;
	machine_open(&m);
	for (int i = 0; i < 10; i++)
		event(&m, i, i < 2 ? "x" : "z");
	drain(&m);
	assert_together(&m, 10);
	restart(&m, DUTY_ALL);
	assert_int_equal(feed_of(&m, FEED_DETECT)->next, 10);
	assert_int_equal(feed_of(&m, FEED_STORE)->next, 0);
	event(&m, 10, "z");
	event(&m, 11, "x");
	engine_turn(&m);
	assert_int_equal(detected(&m), 2);
	engine_turn(&m);
	assert_together(&m, 12);
	event(&m, 12, "z");
	engine_turn(&m);
	assert_together(&m, 13);
	assert_true(feed_of(&m, FEED_STORE)->passed);
	assert_int_equal(detected(&m), 3);
	machine_close(&m);
}

/* The checkpoint is gone: detect goes on from what its reader has committed; the store has sealed more. */
static void a_store_that_is_ahead_waits(void **state)
{
	struct machine m;
	struct error error = {0};
	(void)state;
	machine_open(&m);
	for (int i = 0; i < 10; i++)
		event(&m, i, "z");
	drain(&m);
	restart(&m, DUTY_STORE);
	for (int i = 10; i < 100; i++)
		event(&m, i, "z");
	assert_true(engine_drain(&m.engine, true, &error) >= 0);
	restart(&m, DUTY_ALL);
	assert_int_equal(feed_of(&m, FEED_DETECT)->next, 10);
	assert_int_equal(feed_of(&m, FEED_STORE)->next, 100);
	event(&m, 100, "z");
	engine_turn(&m);
	assert_int_equal(feed_of(&m, FEED_DETECT)->next, 74);
	assert_int_equal(feed_of(&m, FEED_STORE)->next, 100);
	engine_turn(&m);
	assert_together(&m, 101);
	assert_int_equal(detected(&m), 91);
	machine_close(&m);
}

/* ---- refusals ---- */

static void cannot_seal(struct machine *m, bool yes)
{
	fake_files_reset(m->fake);
	m->fake->files.fail_kinds = FAKE_BIT(FAKE_RESERVE);
	m->fake->files.fail_errno = ENOSPC;
	m->fake->files.fail_at = yes ? 1 : 0;
	m->fake->files.fail_forever = yes;
}

static void detect_goes_on_while_the_store_is_full(void **state)
{
	struct machine m;
	(void)state;
	machine_open(&m);
	m.engine.store->config.tail_bytes_max = 20000;
	cannot_seal(&m, true);
	for (int i = 0; i < 30; i++)
		events(&m, i, "z", "10.0.0.1", 20);
	engine_turn(&m);
	struct feed *detect = feed_of(&m, FEED_DETECT), *store = feed_of(&m, FEED_STORE);
	uint64_t at = store->next;
	assert_in_range(at, 1, 29);
	assert_true(store->pending && m.engine.blocked);
	assert_non_null(store->held);
	assert_int_equal(detect->next, 30);
	assert_int_equal(detected(&m), 600);
	assert_int_equal(stored(&m), at);
	engine_turn(&m); /* and again */
	assert_int_equal(store->next, at);
	event(&m, 30, "z");
	engine_turn(&m);
	assert_int_equal(detect->next, 31);
	cannot_seal(&m, false);
	for (int i = 0; i < 50; i++)
		engine_turn(&m);
	assert_false(m.engine.blocked);
	assert_together(&m, 31);
	event(&m, 31, "z");
	engine_turn(&m);
	assert_together(&m, 32);
	assert_true(store->passed);
	assert_int_equal(detected(&m), 602);
	machine_close(&m);
}

/* A restart in the middle of it: the held record was not taken, so it comes again. */
static void a_full_store_is_stopped(void **state)
{
	struct machine m;
	(void)state;
	machine_open(&m);
	m.engine.store->config.tail_bytes_max = 20000;
	cannot_seal(&m, true);
	for (int i = 0; i < 30; i++)
		events(&m, i, "z", "10.0.0.1", 20);
	engine_turn(&m);
	assert_non_null(feed_of(&m, FEED_STORE)->held);
	cannot_seal(&m, false);
	restart(&m, DUTY_ALL);
	for (int i = 0; i < 3; i++)
		engine_turn(&m);
	assert_together(&m, 30);
	struct store_stats stats;
	store_stats(m.engine.store, &stats);
	assert_int_equal(stats.rows + stats.rows_tail >= 600, 1);
	machine_close(&m);
}

static void cannot_write(struct machine *m, bool yes)
{
	fake_files_reset(m->fake);
	m->fake->files.fail_kinds = FAKE_BIT(FAKE_PWRITE);
	m->fake->files.fail_errno = ENOSPC;
	m->fake->files.fail_at = yes ? 1 : 0;
	m->fake->files.fail_forever = yes;
}

/* `matches` finds no room, and detect has more for it than it keeps; a store that seals nothing yet needs none. */
static void the_store_goes_on_while_detect_is_refused(void **state)
{
	struct machine m;
	char ip[1001];
	(void)state;
	machine_open(&m);
	m.engine.committed_boot_ns = INT64_MAX / 2; /* no commit now */
	memset(ip, '7', 1000);
	ip[1000] = 0;
	event(&m, 0, "x");
	cannot_write(&m, true);
	engine_turn(&m);
	engine_turn(&m); /* now the match is due on the disk */
	assert_true(m.engine.blocked);
	cannot_write(&m, false);
	for (int i = 1; i < 40; i++) {
		ip[0] = (char)('0' + i);
		events(&m, i, "x", ip, 100);
	}
	cannot_write(&m, true);
	for (int i = 0; i < 3; i++)
		engine_turn(&m);
	struct feed *detect = feed_of(&m, FEED_DETECT), *store = feed_of(&m, FEED_STORE);
	assert_true(detect->pending && m.engine.blocked);
	assert_in_range(detect->next, 2, 38);
	assert_int_equal(detected(&m), 1 + (detect->next - 1) * 100);
	assert_int_equal(store->next, 40);
	assert_int_equal(stored(&m), 40);
	assert_false(store->passed);
	cannot_write(&m, false);
	for (int i = 0; i < 10; i++)
		engine_turn(&m);
	assert_together(&m, 40);
	assert_int_equal(detected(&m), 3901);
	event(&m, 40, "z");
	engine_turn(&m);
	assert_together(&m, 41);
	assert_true(store->passed);
	machine_close(&m);
}

/* ---- what is no batch ---- */

struct listened {
	struct engine_listener listener;
	unsigned count;
	uint64_t octets;
};

static void listened(void *ctx, enum bus_topic topic, uint32_t partition, uint64_t offset, struct slice octets)
{
	struct listened *l = ctx;
	if (topic != TOPIC_EVENTS || partition != 0)
		return;
	assert_int_equal(offset, l->count);
	l->count++;
	l->octets += octets.len + octets.ptr[octets.len - 1] / 256;
}

static void what_does_not_validate_goes_to_quarantine_and_ledger(void **state)
{
	struct machine m;
	struct error error = {0};
	struct listened l = {.count = 0};
	struct detect_stats stats;
	struct store_stats kept;
	(void)state;
	machine_open(&m);
	l.listener = (struct engine_listener){.batch = listened, .ctx = &l};
	engine_listen(&m.engine, &l.listener);
	event(&m, 0, "z");
	assert_int_equal(bus_produce(m.ingest, TOPIC_EVENTS, 0, SLICE("no batch"), NULL, &error), 0);
	event(&m, 1, "z");
	engine_turn(&m);
	assert_together(&m, 3);
	detect_stats(m.engine.detect, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.events, 2);
	store_stats(m.engine.store, &kept);
	assert_int_equal(kept.quarantined, 1);
	assert_int_equal(l.count, 3);
	assert_true(l.octets > 8);
	engine_unlisten(&m.engine, &l.listener);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_once_for_both),
		cmocka_unit_test(a_reader_that_rests_holds_no_file),
		cmocka_unit_test(a_store_that_is_behind_reads_for_itself),
		cmocka_unit_test(a_store_that_is_ahead_waits),
		cmocka_unit_test(detect_goes_on_while_the_store_is_full),
		cmocka_unit_test(a_full_store_is_stopped),
		cmocka_unit_test(the_store_goes_on_while_detect_is_refused),
		cmocka_unit_test(what_does_not_validate_goes_to_quarantine_and_ledger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
