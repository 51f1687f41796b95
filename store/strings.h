/* An interning table: texts as dense integers, while a row group is made. One owner, one thread. */
#ifndef STORE_STRINGS_H
#define STORE_STRINGS_H

#include "common/common.h"

#define STRINGS_NONE UINT32_MAX /* memory is out */
#define STRINGS_SECRET_BYTES 136u

struct strings {
	const struct env *env;
	struct arena *arena; /* copies go here; null: the texts given live long enough */
	struct slice *items;
	uint32_t *hashes;
	uint32_t *slots;     /* index + 1, open addressing; 0 = free */
	uint32_t count, room, slot_count;
	uint8_t secret[STRINGS_SECRET_BYTES]; /* the texts come from senders: drawn, so that collisions cannot be chosen */
};

void strings_init(struct strings *s, const struct env *env, struct arena *arena);
/* The text's index; *is_new (optional) tells whether it was not there. STRINGS_NONE: no memory. */
uint32_t strings_intern(struct strings *s, struct slice text, bool *is_new);
void strings_reset(struct strings *s); /* keeps the memory */
void strings_free(struct strings *s);

#endif
