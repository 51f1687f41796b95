/* The literals of a row group as dense numbers, while it is made. A text is known together with its owner, a number of
 * the caller's. Texts are copied into the arena. One owner, one thread.
 */
#ifndef STORE_LITERALS_H
#define STORE_LITERALS_H

#include "common/common.h"
#include "store/shorts.h"

#define LITERALS_NONE UINT32_MAX /* memory is out */
#define LITERALS_SECRET_BYTES 136u

/* Up to 16 octets as in shorts.h, so that one look finds them; longer: begin is a hash, end the address. */
struct literals_slot {
	uint64_t begin, end;
	uint32_t len, owner;
	uint32_t hash, number; /* number + 1; 0 = free */
};

struct literals {
	const struct env *env;
	struct arena *arena;
	struct slice *items;
	struct literals_slot *slots; /* open addressing */
	uint32_t count, room, slot_count;
	uint8_t secret[LITERALS_SECRET_BYTES]; /* drawn: texts come from senders */
};

void literals_init(struct literals *t, const struct env *env, struct arena *arena);
/* The text's number; *is_new: it was not there. Eight octets behind the text must be readable. LITERALS_NONE: no memory. */
uint32_t literals_number(struct literals *t, struct slice text, uint32_t owner, bool *is_new);

static inline uint32_t literals_hash(const struct literals *t, uint64_t begin, uint64_t end, uint32_t len,
									 uint32_t owner)
{
	return shorts_hash(begin, end, len ^ (uint64_t)owner << 32, t->secret);
}

/* The number of a short text that stands in the slot where it is looked for first, as most do; else LITERALS_NONE. */
static inline uint32_t literals_look(const struct literals *t, struct slice text, uint32_t owner)
{
	if (text.len > SHORT_MAX || t->slot_count == 0)
		return LITERALS_NONE;
	uint64_t end, begin = shorts_load_ahead(text, &end);
	uint32_t hash = literals_hash(t, begin, end, (uint32_t)text.len, owner);
	const struct literals_slot *slot = &t->slots[hash & (t->slot_count - 1)];
	bool same = slot->begin == begin && slot->end == end && slot->len == text.len && slot->owner == owner;
	return same ? slot->number - 1 : LITERALS_NONE; /* a free slot's number is 0 */
}

void literals_reset(struct literals *t); /* keeps the memory */
void literals_free(struct literals *t);

#endif
