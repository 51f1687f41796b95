/* A timing wheel: blocks of a slab by the time they are due.
 *
 * A time is read as eleven digits of six bits. A block lies in the place of the first digit in which its time differs from the
 * wheel's own, so moving the wheel on touches only what has become due and the blocks of one place. What lies in a place
 * stands in runs, one block's number behind the other, with what the place does not tell of its time: moving them looks at no
 * block. The time is kept to a four-thousand-millionth of what the digit spans, rounded down, so a block may come out that much
 * early. A block begins with a wheel_link, and is in at most one wheel. Runs lie in the same slab. One owner, one thread.
 */
#ifndef CORRELATE_WHEEL_H
#define CORRELATE_WHEEL_H

#include "correlate/slab.h"

#define WHEEL_DIGIT_BITS 6u
#define WHEEL_PLACES (1u << WHEEL_DIGIT_BITS)
#define WHEEL_DIGITS 11u
#define WHEEL_SLOT_BYTES 8u /* what a block takes in a run */

struct wheel_link {
	uint32_t slot; /* of a run, as a number of the slab; 0: it is in no wheel */
};

struct wheel {
	struct slab *slab;
	int64_t now_ns;
	uint32_t due; /* runs of what is due and was not taken yet */
	uint32_t due_slot; /* of the first of them, the next to be looked at */
	uint64_t used[WHEEL_DIGITS]; /* bit i: place i has blocks */
	uint32_t heads[WHEEL_DIGITS][WHEEL_PLACES]; /* the first run of each place */
};

void wheel_init(struct wheel *w, struct slab *slab, int64_t now_ns);
/* A block that is due before now goes out when the wheel is next moved on. 0, or -ERROR_MEMORY and it is in no wheel. */
int wheel_put(struct wheel *w, uint32_t number, int64_t due_ns);
void wheel_remove(struct wheel *w, uint32_t number);
/* Of a block that is in it: when it will come out, at the latest when it was put to be due. */
int64_t wheel_due(const struct wheel *w, uint32_t number);
/* What is due before `now` is ready to be taken, and all that was ready before has been taken. Never goes back. -ERROR_MEMORY. */
int wheel_move(struct wheel *w, int64_t now_ns);
/* A block that is due, in no order; 0: there are no more. It is not touched: whoever takes it says that it is out. */
uint32_t wheel_take(struct wheel *w);

static inline struct wheel_link *wheel_link(const struct slab *slab, uint32_t number)
{
	return (struct wheel_link *)slab_at(slab, number);
}

#endif
