/* A slab: many small blocks named by numbers of 32 bits.
 *
 * Blocks of one size share a page; a page whose last block goes is given back. A number is where the block lies, so it
 * stays good, and so does the pointer, until the block is given back; 0 names none. A block larger than a page can share has
 * a page of its own. One owner, one thread.
 */
#ifndef CORRELATE_SLAB_H
#define CORRELATE_SLAB_H

#include "common/common.h"

#define SLAB_GRANULE 8u /* octets: sizes are rounded up to it, and blocks aligned to it */
#define SLAB_PAGE_BITS 10u
#define SLAB_PAGE_GRANULES (1u << SLAB_PAGE_BITS)
#define SLAB_SHARED_GRANULES 64u /* the largest block that shares a page */

/* At the head of each page; numbers of blocks count granules of the page. */
struct slab_page {
	uint32_t granules; /* of a block; 0: the page is one block */
	uint32_t live;
	uint32_t fresh; /* blocks from here on were never handed out */
	uint32_t free; /* the block given back last, which names the one before it; 0: none */
	uint32_t before, after; /* pages of this size that have room */
};

struct slab {
	const struct env *env;
	struct slab_page **pages; /* null: the number is free */
	uint32_t *unused; /* numbers of pages that went */
	uint32_t page_count, page_room, unused_count;
	uint32_t open[SLAB_SHARED_GRANULES + 1]; /* for each size, the first page with room; SLAB_NONE */
};

#define SLAB_NONE UINT32_MAX

void slab_init(struct slab *s, const struct env *env);
void slab_free(struct slab *s); /* every block */
/* 0 when memory is out. The octets are as they come. */
uint32_t slab_take(struct slab *s, size_t bytes);
void slab_give(struct slab *s, uint32_t number);

static inline void *slab_at(const struct slab *s, uint32_t number)
{
	uint8_t *page = (uint8_t *)s->pages[number >> SLAB_PAGE_BITS];
	return page + (size_t)(number & (SLAB_PAGE_GRANULES - 1)) * SLAB_GRANULE;
}

#endif
