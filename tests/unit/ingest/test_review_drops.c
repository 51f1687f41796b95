/* The end of a collector loses no count: what the kernel dropped in the last second is a gap row too. */
#include "tests/unit/ingest/collect.h"

static void drops_of_the_last_second(void **state)
{
	struct collect c;
	struct ingest_udp *udp;
	struct ingest_stats stats;
	struct env_address peer = fake_address("10.0.0.1", 514);
	uint64_t told = 0;
	(void)state;
	collect_start(&c, NULL);
	int fd = fake_datagram_socket(c.fake);
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	for (int i = 0; i < 2; i++) {
		fake_datagram_drop(c.fake, fd, 5);
		fake_datagram_push(c.fake, fd, &peer, "<13>a: 1", 8, 8);
		ingest_udp_step(udp, 10, NULL);
		fake_clock_advance(c.fake, 100 * NS_PER_MS);
	}
	/* What a caller does at the end: it flushes, then frees. */
	collect_flush(&c);
	for (size_t i = 0; i < c.count; i++)
		if (c.rows[i].row.kind == ROW_GAP && collect_has(&c.rows[i], "count=5;"))
			told += 5;
	ingest_stats(c.ingest, &stats);
	ingest_udp_free(udp);
	assert_int_equal(stats.dropped, 10);
	assert_int_equal(told, stats.dropped);
	collect_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(drops_of_the_last_second)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
