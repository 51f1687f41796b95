/* A slab: many small blocks named by numbers of 32 bits.
 *
 * Blocks of one size share a page; a page whose last block goes is given back. A number is where the block lies, so it
 * stays good, and so does the pointer, until the block is given back; 0 names none, and none has the top bit. A block larger than a page can share has
 * a page of its own. Blocks of 64 octets and its multiples lie on lines of the cache where the allocator gives pages that do.
 * One owner, one thread.
 */
#ifndef CORRELATE_SLAB_H
#define CORRELATE_SLAB_H

#include "common/common.h"

#define SLAB_GRANULE 8u /* octets: sizes are rounded up to it, and blocks aligned to it */
#define SLAB_PAGE_BITS 10u
#define SLAB_PAGE_GRANULES (1u << SLAB_PAGE_BITS)
#define SLAB_SHARED_GRANULES 64u /* the largest block that shares a page */

/* What is known of a page stands beside it: giving a block back does not touch the rest of its page. Numbers count granules. */
struct slab_page {
	uint16_t granules; /* of a block; 0: the page is one block */
	uint16_t live;
	uint16_t fresh; /* blocks from here on were never handed out */
	uint16_t free; /* the block given back last, which names the one before it; SLAB_FULL: none */
	uint32_t before, after; /* pages of this size that have room */
};

struct slab {
	const struct env *env;
	/* By themselves, so that those of many blocks stay close to the processor. Null: the number is free. There is no page 0, so that
	 * number 0 is no block's. */
	uint8_t **octets;
	struct slab_page *pages;
	uint32_t *unused; /* numbers of pages that went */
	uint32_t page_count, page_room, unused_count; /* page_count: with page 0 */
	uint32_t open[SLAB_SHARED_GRANULES + 1]; /* for each size, the first page with room; SLAB_NONE */
};

#define SLAB_NONE UINT32_MAX
#define SLAB_FULL UINT16_MAX

void slab_init(struct slab *s, const struct env *env);
void slab_free(struct slab *s); /* every block */
/* 0 when memory is out. The octets are as they come. */
uint32_t slab_take(struct slab *s, size_t bytes);
void slab_give(struct slab *s, uint32_t number);

static inline void *slab_at(const struct slab *s, uint32_t number)
{
	return s->octets[number >> SLAB_PAGE_BITS] + (size_t)(number & (SLAB_PAGE_GRANULES - 1)) * SLAB_GRANULE;
}

/* The block of so many granules that shares its page and has the octets at this number inside. */
static inline uint32_t slab_block(uint32_t inside, uint32_t granules)
{
	return inside - (inside & (SLAB_PAGE_GRANULES - 1)) % granules;
}

#endif
