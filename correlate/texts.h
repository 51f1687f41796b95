/* Texts that many matches share: sources, origins, spellings, values. Each is kept once and counted; equal texts have
 * equal pointers. One owner, one thread.
 */
#ifndef CORRELATE_TEXTS_H
#define CORRELATE_TEXTS_H

#include "common/common.h"

struct text {
	struct text *next;
	uint32_t refs, len;
	uint32_t mark; /* the owner's scratch: numbers texts while saving */
	uint8_t octets[];
};

struct texts {
	const struct env *env;
	struct text **slots;
	uint32_t slot_count, count;
	uint64_t bytes; /* what the texts take, counted the same after a restart */
	uint64_t seed;
};

int texts_init(struct texts *t, const struct env *env, uint64_t seed);
void texts_free(struct texts *t); /* every text, whatever its count */
/* The text, counted once more; null when memory is out. */
struct text *texts_take(struct texts *t, struct slice s);
struct text *text_hold(struct text *text);
void texts_release(struct texts *t, struct text *text); /* null allowed */

static inline struct slice text_slice(const struct text *text)
{
	return text == NULL ? SLICE_NONE : slice_of(text->octets, text->len);
}

#endif
