/* Marks and clocks of one partition: what was seen, and which time has been promised.
 *
 * A mark is the next sequence of a (collector, epoch); below it a row is a duplicate, beyond it rows are missing. The
 * clock is the least last tick of the partition's collectors and never falls; a newer epoch of a collector replaces the
 * older, and a collector whose last tick is more than 10 min behind the newest is left out until its next tick. Nothing
 * but the content of the partition goes in. One thread.
 */
#ifndef CORRELATE_MARKS_H
#define CORRELATE_MARKS_H

#include "common/common.h"

#define CLOCK_NONE INT64_MIN
#define TICK_SILENCE_NS (10 * NS_PER_MIN)

struct mark {
	uint8_t collector[16];
	uint64_t epoch, next;
};

struct tick {
	uint8_t collector[16];
	uint64_t epoch;
	int64_t last_ns;
};

struct marks {
	const struct env *env;
	struct mark *marks;
	uint32_t count, room, hint;
	struct tick *ticks;
	uint32_t tick_count, tick_room;
	int64_t newest_ns, clock_ns; /* CLOCK_NONE before the first tick */
};

void marks_init(struct marks *m, const struct env *env);
void marks_free(struct marks *m);
/* Moves the mark over a batch. *skip: rows already seen; *missing: rows that were jumped over. -ERROR_MEMORY. */
int marks_batch(struct marks *m, const struct batch_identity *identity, uint32_t rows, uint32_t *skip,
				uint64_t *missing);
/* A tick row. -ERROR_MEMORY; otherwise 1 when the clock moved, else 0. */
int marks_tick(struct marks *m, const struct batch_identity *identity, int64_t observed_ns);
void marks_save(const struct marks *m, struct buffer *out);
int marks_restore(struct marks *m, struct reader *reader);

#endif
