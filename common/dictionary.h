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
	uint64_t seed, resets;
	struct arena_mark kept_mark;
};

/* With the well-known names in it; -ERROR_MEMORY. seed protects against chosen collisions. */
int dictionary_init(struct dictionary *d, const struct env *env, uint64_t seed);
uint32_t dictionary_intern(struct dictionary *d, struct slice name);
/* The same for names that come again and again (keys of JSON objects and of pairs): what was found last by such ends is
 * looked at before the table is asked. A memo begins as zeros and belongs to one reader of one dictionary. */
#define DICTIONARY_MEMOS 4096u
struct dictionary_again {
	uint64_t head, tail;
	uint32_t len, id; /* id + 1; 0: free */
};
struct dictionary_memo {
	struct dictionary_again names[DICTIONARY_MEMOS];
	uint64_t resets; /* of the dictionary */
};
uint32_t dictionary_intern_again(struct dictionary *d, struct dictionary_memo *memo, struct slice name);
uint32_t dictionary_find(const struct dictionary *d, struct slice name); /* DICTIONARY_NONE when unknown */
struct slice dictionary_name(const struct dictionary *d, uint32_t id);
/* Everything interned so far survives later resets (decoders call it after interning their names). */
void dictionary_keep(struct dictionary *d);
/* Back to the kept names: what a writer does between batches (after batch_finish, before batch_begin) when senders have
 * filled the dictionary. Ids of the others are void, and will be given to other names. */
void dictionary_reset(struct dictionary *d);
void dictionary_free(struct dictionary *d);

#endif
