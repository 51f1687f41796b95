#include "correlate/slab.h"

#define PAGE_BYTES ((size_t)SLAB_PAGE_GRANULES * SLAB_GRANULE)
#define PAGES_MAX (1u << (31 - SLAB_PAGE_BITS)) /* the top bit of a number stays free */

_Static_assert(sizeof(struct slab_page) == 16, "pages are many");

void slab_init(struct slab *s, const struct env *env)
{
	*s = (struct slab){.env = env, .page_count = 1};
	for (uint32_t i = 0; i <= SLAB_SHARED_GRANULES; i++)
		s->open[i] = SLAB_NONE;
}

void slab_free(struct slab *s)
{
	for (uint32_t i = 1; i < s->page_count; i++)
		env_free(s->env, s->octets[i]);
	env_free(s->env, s->octets);
	env_free(s->env, s->pages);
	env_free(s->env, s->unused);
	slab_init(s, s->env);
}

/* ---- pages ---- */

/* Room for one page more, and for its number among the unused ones, so that giving back cannot fail. */
static int number_room(struct slab *s)
{
	if (s->unused_count > 0 || s->page_count < s->page_room)
		return 0;
	uint32_t room = s->page_room == 0 ? 16 : s->page_room * 2;
	if (room > PAGES_MAX)
		return -ERROR_MEMORY;
	struct slab_page *pages = env_resize(s->env, s->pages, sizeof(*pages) * room);
	if (pages == NULL)
		return -ERROR_MEMORY;
	s->pages = pages;
	uint8_t **octets = env_resize(s->env, s->octets, sizeof(*octets) * room);
	if (octets == NULL)
		return -ERROR_MEMORY;
	s->octets = octets;
	uint32_t *unused = env_resize(s->env, s->unused, sizeof(*unused) * room);
	if (unused == NULL)
		return -ERROR_MEMORY;
	s->unused = unused;
	s->page_room = room;
	return 0;
}

static uint32_t page_new(struct slab *s, uint16_t granules, size_t bytes)
{
	uint8_t *octets = number_room(s) < 0 ? NULL : env_alloc(s->env, bytes);
	if (octets == NULL)
		return SLAB_NONE;
	uint32_t number = s->unused_count > 0 ? s->unused[--s->unused_count] : s->page_count++;
	s->octets[number] = octets;
	s->pages[number] = (struct slab_page){granules, 0, 0, SLAB_FULL, SLAB_NONE, SLAB_NONE};
	return number;
}

static void page_drop(struct slab *s, uint32_t number)
{
	env_free(s->env, s->octets[number]);
	s->octets[number] = NULL;
	s->unused[s->unused_count++] = number;
}

static void page_open(struct slab *s, uint32_t number)
{
	struct slab_page *page = &s->pages[number];
	page->before = SLAB_NONE;
	page->after = s->open[page->granules];
	if (page->after != SLAB_NONE)
		s->pages[page->after].before = number;
	s->open[page->granules] = number;
}

static void page_close(struct slab *s, uint32_t number)
{
	const struct slab_page *page = &s->pages[number];
	if (page->after != SLAB_NONE)
		s->pages[page->after].before = page->before;
	if (page->before != SLAB_NONE)
		s->pages[page->before].after = page->after;
	else
		s->open[page->granules] = page->after;
}

static bool page_full(const struct slab_page *page)
{
	return page->free == SLAB_FULL && page->fresh + page->granules > SLAB_PAGE_GRANULES;
}

/* ---- blocks ---- */

static uint32_t block_number(uint32_t page, uint32_t granule)
{
	return page << SLAB_PAGE_BITS | granule;
}

static uint32_t take_own(struct slab *s, size_t bytes)
{
	uint32_t number = page_new(s, 0, bytes);
	return number == SLAB_NONE ? 0 : block_number(number, 0);
}

uint32_t slab_take(struct slab *s, size_t bytes)
{
	CHECK(bytes > 0);
	if (bytes > (size_t)SLAB_SHARED_GRANULES * SLAB_GRANULE)
		return take_own(s, bytes);
	uint16_t granules = (uint16_t)((bytes + SLAB_GRANULE - 1) / SLAB_GRANULE);
	uint32_t number = s->open[granules];
	if (number == SLAB_NONE) {
		number = page_new(s, granules, PAGE_BYTES);
		if (number == SLAB_NONE)
			return 0;
		page_open(s, number);
	}
	struct slab_page *page = &s->pages[number];
	uint32_t block = block_number(number, page->free != SLAB_FULL ? page->free : page->fresh);
	if (page->free != SLAB_FULL)
		memcpy(&page->free, slab_at(s, block), sizeof(page->free));
	else
		page->fresh = (uint16_t)(page->fresh + granules);
	page->live++;
	if (page_full(page))
		page_close(s, number);
	return block;
}

void slab_give(struct slab *s, uint32_t number)
{
	uint32_t at = number >> SLAB_PAGE_BITS;
	CHECK(number != 0 && at < s->page_count && s->octets[at] != NULL);
	struct slab_page *page = &s->pages[at];
	if (page->granules == 0) {
		page_drop(s, at);
		return;
	}
	CHECK(page->live > 0);
	bool full = page_full(page);
	memcpy(slab_at(s, number), &page->free, sizeof(page->free));
	page->free = number & (SLAB_PAGE_GRANULES - 1);
	if (full)
		page_open(s, at);
	if (--page->live == 0) {
		page_close(s, at);
		page_drop(s, at);
	}
}
