#include "correlate/wheel.h"

struct place {
	uint32_t digit, at;
};

struct wheel_slot {
	uint32_t number; /* 0: nobody is here */
	uint32_t rest; /* of the time, what the place does not tell; of an empty slot, the one emptied before it */
};

#define RUN_SLOTS 62u

/* Runs of a place: the first one has room, if any has much. */
struct run {
	uint32_t before, after; /* in the place; 0: none */
	uint8_t digit, at; /* the place */
	uint8_t used; /* slots from here on were never taken */
	uint8_t empty; /* the slot emptied last, counted from 1; 0: none */
	uint32_t live;
	struct wheel_slot slots[RUN_SLOTS];
};

#define RUN_HEAD_GRANULES ((uint32_t)(offsetof(struct run, slots) / SLAB_GRANULE))
_Static_assert(sizeof(struct wheel_slot) == SLAB_GRANULE && WHEEL_SLOT_BYTES == SLAB_GRANULE,
			   "a slot has a number of the slab");
_Static_assert(sizeof(struct run) == (size_t)SLAB_SHARED_GRANULES * SLAB_GRANULE, "runs share pages");

/* In the order of the times. */
static uint64_t ordered(int64_t ns)
{
	return (uint64_t)ns ^ UINT64_C(1) << 63;
}

static uint32_t digit_of(uint64_t time, uint32_t digit)
{
	return (uint32_t)(time >> (digit * WHEEL_DIGIT_BITS)) & (WHEEL_PLACES - 1);
}

static uint32_t differing_digit(uint64_t a, uint64_t b)
{
	return a == b ? 0 : (63 - (uint32_t)__builtin_clzll(a ^ b)) / WHEEL_DIGIT_BITS;
}

/* So many of the lowest bits below a digit are not kept. */
static uint32_t rounded_bits(uint32_t digit)
{
	return digit * WHEEL_DIGIT_BITS > 32 ? digit * WHEEL_DIGIT_BITS - 32 : 0;
}

/* Below a digit. */
static uint32_t rest_of(uint64_t time, uint32_t digit)
{
	uint64_t below = time & ((UINT64_C(1) << (digit * WHEEL_DIGIT_BITS)) - 1);
	return (uint32_t)(below >> rounded_bits(digit));
}

/* Above its digit a place has what the wheel's own time has. */
static int64_t time_of(const struct wheel *w, const struct run *run, uint32_t rest)
{
	uint32_t bits = run->digit * WHEEL_DIGIT_BITS, above = bits + WHEEL_DIGIT_BITS;
	uint64_t time = above < 64 ? ordered(w->now_ns) >> above << above : 0;
	time |= (uint64_t)run->at << bits | (uint64_t)rest << rounded_bits(run->digit);
	return (int64_t)(time ^ UINT64_C(1) << 63);
}

void wheel_init(struct wheel *w, struct slab *slab, int64_t now_ns)
{
	*w = (struct wheel){.slab = slab, .now_ns = now_ns};
}

/* ---- runs ---- */

static struct run *run_at(const struct wheel *w, uint32_t number)
{
	return slab_at(w->slab, number);
}

static void run_first(struct wheel *w, struct run *run, uint32_t number)
{
	uint32_t *head = &w->heads[run->digit][run->at];
	run->before = 0;
	run->after = *head;
	if (*head != 0)
		run_at(w, *head)->before = number;
	*head = number;
	w->used[run->digit] |= UINT64_C(1) << run->at;
}

static void run_unlink(struct wheel *w, const struct run *run)
{
	uint32_t *head = &w->heads[run->digit][run->at];
	if (run->after != 0)
		run_at(w, run->after)->before = run->before;
	if (run->before != 0)
		run_at(w, run->before)->after = run->after;
	else
		*head = run->after;
	if (*head == 0)
		w->used[run->digit] &= ~(UINT64_C(1) << run->at);
}

static bool run_full(const struct run *run)
{
	return run->empty == 0 && run->used == RUN_SLOTS;
}

/* The first run of a place, which has room; 0: no memory. */
static uint32_t run_with_room(struct wheel *w, struct place p)
{
	uint32_t number = w->heads[p.digit][p.at];
	if (number != 0 && !run_full(run_at(w, number)))
		return number;
	number = slab_take(w->slab, sizeof(struct run));
	if (number == 0)
		return 0;
	struct run *run = run_at(w, number);
	memset(run, 0, offsetof(struct run, slots));
	run->digit = (uint8_t)p.digit;
	run->at = (uint8_t)p.at;
	run_first(w, run, number);
	return number;
}

/* ---- blocks ---- */

int wheel_put(struct wheel *w, uint32_t number, int64_t due_ns)
{
	/* what is overdue lies where the wheel itself stands */
	uint64_t now = ordered(w->now_ns), due = due_ns < w->now_ns ? now : ordered(due_ns);
	uint32_t digit = differing_digit(now, due);
	uint32_t at = run_with_room(w, (struct place){digit, digit_of(due, digit)});
	struct wheel_link *link = wheel_link(w->slab, number);
	link->slot = 0;
	if (at == 0)
		return -ERROR_MEMORY;
	struct run *run = run_at(w, at);
	uint32_t slot = run->empty > 0 ? run->empty - 1u : run->used;
	if (run->empty > 0)
		run->empty = (uint8_t)run->slots[slot].rest;
	else
		run->used++;
	run->slots[slot] = (struct wheel_slot){number, rest_of(due, digit)};
	run->live++;
	link->slot = at + RUN_HEAD_GRANULES + slot;
	return 0;
}

void wheel_remove(struct wheel *w, uint32_t number)
{
	struct wheel_link *link = wheel_link(w->slab, number);
	uint32_t at = slab_block(link->slot, SLAB_SHARED_GRANULES), slot = link->slot - at - RUN_HEAD_GRANULES;
	struct run *run = run_at(w, at);
	CHECK(link->slot != 0 && slot < RUN_SLOTS && run->slots[slot].number == number);
	link->slot = 0;
	run->slots[slot] = (struct wheel_slot){0, run->empty};
	run->empty = (uint8_t)(slot + 1);
	if (--run->live == 0) {
		run_unlink(w, run);
		slab_give(w->slab, at);
	} else if (run->before != 0 && run->live < RUN_SLOTS / 2) {
		run_unlink(w, run);
		run_first(w, run, at);
	}
}

int64_t wheel_due(const struct wheel *w, uint32_t number)
{
	uint32_t slot = wheel_link(w->slab, number)->slot;
	CHECK(slot != 0);
	const struct wheel_slot *at = slab_at(w->slab, slot);
	return time_of(w, run_at(w, slab_block(slot, SLAB_SHARED_GRANULES)), at->rest);
}

/* ---- moving on ---- */

static uint32_t place_empty(struct wheel *w, uint32_t digit, uint32_t at)
{
	uint32_t head = w->heads[digit][at];
	w->heads[digit][at] = 0;
	w->used[digit] &= ~(UINT64_C(1) << at);
	return head;
}

static void run_due(struct wheel *w, uint32_t number)
{
	run_at(w, number)->after = w->due;
	w->due = number;
}

/* Of the places in `which`, by their bits, all. */
static void take_places(struct wheel *w, uint32_t digit, uint64_t which)
{
	for (uint64_t left = w->used[digit] & which; left != 0; left &= left - 1)
		for (uint32_t number = place_empty(w, digit, (uint32_t)__builtin_ctzll(left)), next; number != 0;
			 number = next) {
			next = run_at(w, number)->after;
			run_due(w, number);
		}
}

/* Of a run of the place that the wheel comes to stand in: what is due there later is put anew. */
static int sift_run(struct wheel *w, uint32_t number)
{
	struct run *run = run_at(w, number);
	for (uint32_t i = 0; i < run->used; i++) {
		struct wheel_slot *slot = &run->slots[i];
		int64_t due = time_of(w, run, slot->rest);
		if (slot->number == 0 || due < w->now_ns)
			continue;
		if (wheel_put(w, slot->number, due) < 0)
			return -ERROR_MEMORY;
		slot->number = 0;
		run->live--;
	}
	if (run->live > 0)
		run_due(w, number);
	else
		slab_give(w->slab, number);
	return 0;
}

static int take_part(struct wheel *w, uint32_t digit, uint32_t at)
{
	for (uint32_t number = place_empty(w, digit, at), next; number != 0; number = next) {
		next = run_at(w, number)->after;
		if (sift_run(w, number) < 0)
			return -ERROR_MEMORY;
	}
	return 0;
}

/* Let d be the first digit in which the new time differs. What lies by a lower digit has the old time's digit d, so it is due
 * before; what lies by a higher one is due later still, and its place is the same. By digit d the places before the new
 * time's are due. */
int wheel_move(struct wheel *w, int64_t now_ns)
{
	CHECK(w->due == 0);
	if (now_ns <= w->now_ns)
		return 0;
	uint64_t now = ordered(now_ns);
	uint32_t digit = differing_digit(ordered(w->now_ns), now), at = digit_of(now, digit);
	w->due_slot = 0;
	for (uint32_t lower = 0; lower < digit; lower++)
		take_places(w, lower, UINT64_MAX);
	take_places(w, digit, (UINT64_C(1) << at) - 1);
	w->now_ns = now_ns;
	return take_part(w, digit, at);
}

uint32_t wheel_take(struct wheel *w)
{
	while (w->due != 0) {
		uint32_t at = w->due;
		const struct run *run = run_at(w, at);
		while (w->due_slot < run->used) {
			uint32_t number = run->slots[w->due_slot++].number;
			if (number != 0)
				return number;
		}
		w->due = run->after;
		w->due_slot = 0;
		slab_give(w->slab, at);
	}
	return 0;
}
