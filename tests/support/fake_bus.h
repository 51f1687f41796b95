/* A bus in memory with a seed: the same contract as the real ones, used to its limits. Records become durable late and in
 * parts, a poll may find nothing although there is something, producing is refused as full now and then, a reader that is
 * opened again begins some records before what it committed, and fake_bus_crash forgets what was not durable.
 *
 * One thread. The bus outlives `bus_close`: open it again with fake_bus_open and it holds what was durable.
 */
#ifndef TESTS_SUPPORT_FAKE_BUS_H
#define TESTS_SUPPORT_FAKE_BUS_H

#include "bus/bus.h"
#include "tests/support/support.h"

struct fake_bus_config {
	uint32_t partitions[TOPIC_COUNT]; /* events also has the two special ones */
	unsigned delay_percent; /* a step that could make a record durable does not */
	unsigned empty_percent; /* a poll that could give a record does not */
	unsigned full_percent; /* a produce is refused */
	unsigned repeat_records; /* a reopened reader begins at most so many before committed */
};

struct fake_bus;

/* Draws its randomness, time and memory from `fake`. */
struct fake_bus *fake_bus_new(struct fake *fake, const struct fake_bus_config *config);
void fake_bus_free(struct fake_bus *all);
/* At most one open at a time; readers are closed before bus_close. */
struct bus *fake_bus_open(struct fake_bus *all, const struct bus_listener *listener);
/* After bus_close, before the next open: what was queued and not durable is lost, but for a random part of its beginning. */
void fake_bus_crash(struct fake_bus *all);
/* Records of a partition, durable ones. */
uint64_t fake_bus_count(const struct fake_bus *all, enum bus_topic topic, uint32_t partition);
struct slice fake_bus_record(const struct fake_bus *all, enum bus_topic topic, uint32_t partition, uint64_t offset);
/* Drops the records below `first`, as trimming or retention would. */
void fake_bus_trim(struct fake_bus *all, enum bus_topic topic, uint32_t partition, uint64_t first);

#endif
