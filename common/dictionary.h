/* A dictionary: field names as small integers.
 *
 * Ids are dense from 0 and never change while the dictionary lives. The well-known names of common/field.h always come
 * first, in that order, so `FIELD_SOURCE_IP` is the same number everywhere. Names told by hostile senders can fill it:
 * past the limits (limits.h: dictionary_names, field_name_bytes) dictionary_intern gives DICTIONARY_NONE. One owner, one thread; lookups
 * of a frozen dictionary may be shared.
 */
#ifndef COMMON_DICTIONARY_H
#define COMMON_DICTIONARY_H

#include "common/arena.h"

#define DICTIONARY_NONE UINT32_MAX

struct dictionary {
	struct arena arena;
	struct slice *names;
	uint32_t *slots; /* open addressing, id + 1; 0 = free */
	uint32_t count, room, slot_count, kept;
	uint64_t seed;
	struct arena_mark kept_mark;
};

/* With the well-known names in it; -ERROR_MEMORY. seed protects against chosen collisions. */
int dictionary_init(struct dictionary *d, const struct env *env, uint64_t seed);
uint32_t dictionary_intern(struct dictionary *d, struct slice name);
/* The same for names that come in an order they have come in before (keys of JSON objects and of pairs): the name that
 * followed the last one is compared before the table is asked. `guess` begins as zeros and belongs to one reader. */
#define DICTIONARY_GUESSES 1024u
struct dictionary_guess {
	uint32_t next[DICTIONARY_GUESSES]; /* by the id before, modulo the size: id + 1 */
	uint32_t last; /* id + 1; 0 at the beginning of a text */
};
uint32_t dictionary_intern_next(struct dictionary *d, struct dictionary_guess *guess, struct slice name);
uint32_t dictionary_find(const struct dictionary *d, struct slice name); /* DICTIONARY_NONE when unknown */
struct slice dictionary_name(const struct dictionary *d, uint32_t id);
/* Everything interned so far survives later resets (decoders call it after interning their names). */
void dictionary_keep(struct dictionary *d);
/* Back to the kept names: what a writer does between batches (after batch_finish, before batch_begin) when senders have
 * filled the dictionary. Ids of the others are void, and will be given to other names. */
void dictionary_reset(struct dictionary *d);
void dictionary_free(struct dictionary *d);

#endif
