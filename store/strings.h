/* An interning table: texts as dense integers, while a row group is made. One owner, one thread. */
#ifndef STORE_STRINGS_H
#define STORE_STRINGS_H

#include "common/common.h"

#define STRINGS_NONE UINT32_MAX /* memory is out */
#define STRINGS_SECRET_BYTES 136u

struct strings_slot {
	uint32_t hash, index; /* index + 1; 0 = free */
};

struct strings {
	const struct env *env;
	struct arena *arena; /* copies go here; null: the texts given live long enough */
	struct slice *items;
	struct strings_slot *slots; /* open addressing */
	uint32_t count, room, slot_count;
	uint8_t secret[STRINGS_SECRET_BYTES]; /* the texts come from senders: drawn, so that collisions cannot be chosen */
};

void strings_init(struct strings *s, const struct env *env, struct arena *arena);
/* The text's index; *is_new (optional) tells whether it was not there. STRINGS_NONE: no memory. */
uint32_t strings_intern(struct strings *s, struct slice text, bool *is_new);
/* The same with a hash that the caller made: equal for equal texts, and not for a sender to choose. */
uint32_t strings_intern_hashed(struct strings *s, struct slice text, uint32_t hash, bool *is_new);
void strings_reset(struct strings *s); /* keeps the memory */
void strings_free(struct strings *s);

#endif
