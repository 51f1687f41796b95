#include "correlate/wheel.h"

struct place {
	uint32_t digit, at;
};

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

/* What is overdue lies where the wheel itself stands. */
static struct place place_of(const struct wheel *w, int64_t due_ns)
{
	uint64_t now = ordered(w->now_ns), due = due_ns < w->now_ns ? now : ordered(due_ns);
	uint32_t digit = differing_digit(now, due);
	return (struct place){digit, digit_of(due, digit)};
}

void wheel_init(struct wheel *w, struct slab *slab, int64_t now_ns)
{
	*w = (struct wheel){.slab = slab, .now_ns = now_ns};
}

void wheel_put(struct wheel *w, uint32_t number, int64_t due_ns)
{
	struct place p = place_of(w, due_ns);
	struct wheel_link *link = wheel_link(w->slab, number);
	uint32_t *head = &w->heads[p.digit][p.at];
	*link = (struct wheel_link){.after = *head, .due_ns = due_ns};
	if (*head != 0)
		wheel_link(w->slab, *head)->before = number;
	*head = number;
	w->used[p.digit] |= UINT64_C(1) << p.at;
}

void wheel_remove(struct wheel *w, uint32_t number)
{
	struct wheel_link *link = wheel_link(w->slab, number);
	struct place p = place_of(w, link->due_ns);
	uint32_t *head = &w->heads[p.digit][p.at];
	CHECK(link->before != WHEEL_OUT && (link->before != 0 || *head == number));
	if (link->after != 0)
		wheel_link(w->slab, link->after)->before = link->before;
	if (link->before != 0)
		wheel_link(w->slab, link->before)->after = link->after;
	else
		*head = link->after;
	if (*head == 0)
		w->used[p.digit] &= ~(UINT64_C(1) << p.at);
	link->before = WHEEL_OUT;
}

static uint32_t place_empty(struct wheel *w, uint32_t digit, uint32_t at)
{
	uint32_t head = w->heads[digit][at];
	w->heads[digit][at] = 0;
	w->used[digit] &= ~(UINT64_C(1) << at);
	return head;
}

static uint32_t chain_add(struct wheel *w, uint32_t chain, uint32_t number)
{
	struct wheel_link *link = wheel_link(w->slab, number);
	link->before = WHEEL_OUT;
	link->after = chain;
	return number;
}

/* All of a place. */
static uint32_t take_place(struct wheel *w, uint32_t digit, uint32_t at, uint32_t chain)
{
	for (uint32_t number = place_empty(w, digit, at), next; number != 0; number = next) {
		next = wheel_link(w->slab, number)->after;
		chain = chain_add(w, chain, number);
	}
	return chain;
}

/* Of the places in `which`, by their bits. */
static uint32_t take_places(struct wheel *w, uint32_t digit, uint64_t which, uint32_t chain)
{
	for (uint64_t left = w->used[digit] & which; left != 0; left &= left - 1)
		chain = take_place(w, digit, (uint32_t)__builtin_ctzll(left), chain);
	return chain;
}

/* The place that the wheel comes to stand in: what is due there later is put anew. */
static uint32_t take_part(struct wheel *w, uint32_t digit, uint32_t at, uint32_t chain)
{
	for (uint32_t number = place_empty(w, digit, at), next; number != 0; number = next) {
		int64_t due = wheel_link(w->slab, number)->due_ns;
		next = wheel_link(w->slab, number)->after;
		if (due < w->now_ns)
			chain = chain_add(w, chain, number);
		else
			wheel_put(w, number, due);
	}
	return chain;
}

/* Let d be the first digit in which the new time differs. What lies by a lower digit has the old time's digit d, so it is due
 * before; what lies by a higher one is due later still, and its place is the same. By digit d the places before the new
 * time's are due. */
uint32_t wheel_move(struct wheel *w, int64_t now_ns)
{
	if (now_ns <= w->now_ns)
		return 0;
	uint64_t now = ordered(now_ns);
	uint32_t digit = differing_digit(ordered(w->now_ns), now), at = digit_of(now, digit), chain = 0;
	for (uint32_t lower = 0; lower < digit; lower++)
		chain = take_places(w, lower, UINT64_MAX, chain);
	chain = take_places(w, digit, (UINT64_C(1) << at) - 1, chain);
	w->now_ns = now_ns;
	return take_part(w, digit, at, chain);
}
