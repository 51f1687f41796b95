/* Texts that many matches share: sources, origins, spellings, values. Each is kept once and counted; equal texts have
 * equal pointers, and equal numbers. They lie in the slab of their owner. One thread.
 */
#ifndef CORRELATE_TEXTS_H
#define CORRELATE_TEXTS_H

#include "correlate/slab.h"

struct text {
	struct text *next;
	uint32_t refs, len;
	uint32_t mark; /* the owner's scratch: numbers texts while saving */
	uint32_t number; /* of its block */
	uint8_t octets[];
};

struct texts {
	const struct env *env;
	struct slab *slab;
	struct text **slots;
	uint32_t slot_count, count;
	uint64_t bytes; /* what the texts take, counted the same after a restart */
	uint64_t seed;
};

int texts_init(struct texts *t, const struct env *env, struct slab *slab, uint64_t seed);
void texts_free(struct texts *t); /* the texts themselves go with the slab */
/* The text, counted once more; null when memory is out. */
struct text *texts_take(struct texts *t, struct slice s);
struct text *text_hold(struct text *text);
void texts_release(struct texts *t, struct text *text); /* null allowed */

static inline uint32_t text_number(const struct text *text)
{
	return text == NULL ? 0 : text->number;
}

static inline struct text *text_at(const struct texts *t, uint32_t number)
{
	return number == 0 ? NULL : slab_at(t->slab, number);
}

static inline struct slice text_slice(const struct text *text)
{
	return text == NULL ? SLICE_NONE : slice_of(text->octets, text->len);
}

#endif
