/* A timing wheel: blocks of a slab by the time they are due.
 *
 * A time is read as eleven digits of six bits. A block lies in the place of the first digit in which its time differs from the
 * wheel's own, so moving the wheel on touches only what has become due and the blocks of one place. A block begins with a
 * wheel_link, and is in at most one wheel. Nothing here takes memory. One owner, one thread.
 */
#ifndef CORRELATE_WHEEL_H
#define CORRELATE_WHEEL_H

#include "correlate/slab.h"

#define WHEEL_DIGIT_BITS 6u
#define WHEEL_PLACES (1u << WHEEL_DIGIT_BITS)
#define WHEEL_DIGITS 11u
#define WHEEL_OUT UINT32_MAX

struct wheel_link {
	uint32_t before, after; /* numbers of the blocks beside it, 0: none; before = WHEEL_OUT: it is in no wheel */
	int64_t due_ns;
};

struct wheel {
	struct slab *slab;
	int64_t now_ns;
	uint64_t used[WHEEL_DIGITS]; /* bit i: place i has blocks */
	uint32_t heads[WHEEL_DIGITS][WHEEL_PLACES];
};

void wheel_init(struct wheel *w, struct slab *slab, int64_t now_ns);
/* A block that is due before now goes out when the wheel is next moved on. */
void wheel_put(struct wheel *w, uint32_t number, int64_t due_ns);
void wheel_remove(struct wheel *w, uint32_t number);
/* Takes out all that is due before `now`: a chain by `after`, in no order; its first, or 0. Never goes back. */
uint32_t wheel_move(struct wheel *w, int64_t now_ns);

static inline struct wheel_link *wheel_link(const struct slab *slab, uint32_t number)
{
	return (struct wheel_link *)slab_at(slab, number);
}

#endif
