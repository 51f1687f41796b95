/* Items in a heap by time; a segment is one item until it comes to the top, then it is opened and its row groups are
 * items. What the commit log and the footer say of time, kinds and sources decides what is read at all.
 */
#include "store/scan.h"
#include "common/hash.h"
#include "store/scan_block.h"

#include <stdio.h>

#define GROUP_NONE UINT32_MAX

/* A segment that was not opened yet (group none), a row group, or a batch of the tail. */
struct item {
	int64_t key; /* when_min; descending: the complement of when_max */
	struct store_partition partition;
	uint64_t offset;
	uint32_t segment, group; /* segment: index of scan->pinned */
	struct tail_batch *tail;
};

struct pinned {
	struct sealed sealed;
	struct segment segment;
	bool is_open;
	uint32_t groups_left;
};

struct store_scan {
	const struct env *env;
	struct scan_hints hints;
	char segments[440];
	struct pinned *pinned;
	uint32_t pinned_count;
	struct tail_batch **tail;
	uint32_t tail_count;
	struct item *heap;
	uint32_t heap_count, heap_room;
	struct item current;
	bool has_current, has_rows; /* has_rows: the current item is an open row group */
	struct segment_rows rows;
	uint8_t *verdicts; /* of the rows of a group; made when there is a sieve */
	struct scan_blocks *blocks;
	struct scan_stats stats;
};

/* ---- the heap ---- */

static bool before(const struct item *a, const struct item *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	if (a->partition.topic != b->partition.topic)
		return a->partition.topic < b->partition.topic;
	if (a->partition.partition != b->partition.partition)
		return a->partition.partition < b->partition.partition;
	return a->offset < b->offset;
}

static int heap_reserve(struct store_scan *c, size_t more)
{
	size_t needed = c->heap_count + more;
	if (needed <= c->heap_room)
		return 0;
	needed += needed / 2;
	struct item *heap = env_resize(c->env, c->heap, needed * sizeof *heap);
	if (!heap)
		return -ERROR_MEMORY;
	c->heap = heap;
	c->heap_room = (uint32_t)needed;
	return 0;
}

static void heap_push(struct store_scan *c, const struct item *item)
{
	uint32_t at = c->heap_count++;
	CHECK(at < c->heap_room);
	while (at > 0 && before(item, &c->heap[(at - 1) / 2])) {
		c->heap[at] = c->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	c->heap[at] = *item;
}

static struct item heap_pop(struct store_scan *c)
{
	struct item top = c->heap[0], last = c->heap[--c->heap_count];
	uint32_t at = 0;
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child >= c->heap_count)
			break;
		if (child + 1 < c->heap_count && before(&c->heap[child + 1], &c->heap[child]))
			child++;
		if (!before(&c->heap[child], &last))
			break;
		c->heap[at] = c->heap[child];
		at = child;
	}
	c->heap[at] = last;
	return top;
}

/* ---- passing over ---- */

static bool zone_wanted(const struct scan_hints *h, const struct zone *zone)
{
	return zone->when_max >= h->from_ns && zone->when_min < h->to_ns && (h->kinds == 0 || (zone->kinds & h->kinds));
}

static bool sources_wanted(const struct scan_hints *h, const struct segment_group *g)
{
	if (h->source_count == 0 || g->source_count == SEGMENT_SOURCES_UNLISTED)
		return true;
	for (uint32_t i = 0; i < h->source_count; i++) {
		uint64_t hash = hash_format(h->sources[i].ptr, h->sources[i].len);
		for (uint32_t k = 0; k < g->source_count; k++)
			if (g->sources[k] == hash)
				return true;
	}
	return false;
}

static bool filter_wanted(const struct scan_hints *h, struct slice filter)
{
	if (!filter_valid(filter))
		return true;
	for (uint32_t i = 0; i < h->literal_count; i++)
		if (filter_may_hold(filter, h->literals[i].folded, h->literals[i].whole_left, h->literals[i].whole_right))
			return true;
	return false;
}

/* 1 wanted, 0 not, negative: the filter cannot be read. */
static int literals_wanted(struct store_scan *c, struct segment *s, uint32_t group, struct error *error)
{
	const struct segment_column *column = segment_find(&s->index.groups[group], COLUMN_FILTER, 0);
	if (c->hints.literal_count == 0 || c->hints.literal_count > SCAN_LITERALS_MAX || column->octets == 0)
		return 1;
	struct arena arena;
	struct slice filter;
	arena_init(&arena, c->env, 0);
	int result = segment_fetch(s, group, column, &arena, &filter, error);
	if (result == 0)
		result = filter_wanted(&c->hints, filter);
	arena_free(&arena);
	return result;
}

/* ---- opening ---- */

static int64_t key_of(const struct store_scan *c, const struct zone *zone)
{
	return c->hints.descending ? ~zone->when_max : zone->when_min;
}

static int pin_sealed(struct store_scan *c, const struct store *s)
{
	c->stats.segments = s->sealed_count;
	c->pinned = env_alloc(c->env, ((size_t)s->sealed_count + 1) * sizeof *c->pinned);
	if (!c->pinned)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < s->sealed_count; i++) {
		const struct sealed *sealed = &s->sealed[i];
		if (!zone_wanted(&c->hints, &sealed->zone)) {
			c->stats.items++;
			c->stats.items_passed_over++;
			continue;
		}
		struct item item = {key_of(c, &sealed->zone), sealed->partition, sealed->first_offset,
							c->pinned_count,          GROUP_NONE,        NULL};
		c->pinned[c->pinned_count] = (struct pinned){.sealed = *sealed};
		c->pinned_count++;
		heap_push(c, &item);
	}
	return 0;
}

static int pin_tail(struct store_scan *c, const struct store *s, uint32_t batches)
{
	c->tail = env_alloc(c->env, ((size_t)batches + 1) * sizeof(struct tail_batch *));
	if (!c->tail)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < s->partition_count; i++)
		for (uint32_t k = 0; k < s->partitions[i]->tail_count; k++) {
			struct tail_batch *t = s->partitions[i]->tail[k];
			c->stats.items++;
			if (!zone_wanted(&c->hints, &t->zone)) {
				c->stats.items_passed_over++;
				continue;
			}
			struct item item = {key_of(c, &t->zone), s->partitions[i]->id, t->offset, 0, GROUP_NONE, t};
			t->references++;
			c->tail[c->tail_count++] = t;
			heap_push(c, &item);
		}
	return 0;
}

int store_scan_open(struct store *s, const struct scan_hints *hints, struct store_scan **out, struct error *error)
{
	uint32_t batches = 0;
	*out = NULL;
	for (uint32_t i = 0; i < s->partition_count; i++)
		batches += s->partitions[i]->tail_count;
	struct store_scan *c = env_zalloc(s->env, sizeof *c);
	if (!c)
		return error_set(error, ERROR_MEMORY, "no memory for a scan");
	c->env = s->env;
	c->hints = *hints;
	snprintf(c->segments, sizeof c->segments, "%s", s->segments);
	c->blocks = scan_blocks_new(s->env);
	int result = c->blocks ? heap_reserve(c, (size_t)s->sealed_count + batches + 1) : -ERROR_MEMORY;
	if (result == 0)
		result = pin_sealed(c, s);
	if (result == 0)
		result = pin_tail(c, s, batches);
	if (result != 0) {
		store_scan_close(c);
		return error_set(error, ERROR_MEMORY, "no memory for a scan");
	}
	*out = c;
	return 0;
}

static void leave_segment(struct store_scan *c, uint32_t number)
{
	struct pinned *p = &c->pinned[number];
	if (p->is_open && --p->groups_left == 0) {
		segment_close(&p->segment);
		p->is_open = false;
	}
}

static void leave_current(struct store_scan *c)
{
	if (c->has_rows) {
		segment_rows_close(&c->rows);
		leave_segment(c, c->current.segment);
	}
	c->has_rows = c->has_current = false;
}

void store_scan_close(struct store_scan *c)
{
	if (!c)
		return;
	leave_current(c);
	for (uint32_t i = 0; i < c->pinned_count; i++)
		if (c->pinned[i].is_open)
			segment_close(&c->pinned[i].segment);
	for (uint32_t i = 0; i < c->tail_count; i++)
		tail_batch_release(c->tail[i]);
	scan_blocks_free(c->blocks);
	env_free(c->env, c->pinned);
	env_free(c->env, c->tail);
	env_free(c->env, c->heap);
	env_free(c->env, c->verdicts);
	env_free(c->env, c);
}

void store_scan_stats(const struct store_scan *c, struct scan_stats *out)
{
	*out = c->stats;
}

/* ---- going on ---- */

/* Memory is the query's error; anything else is damage of one place, and the rest can be read. */
static int damage(struct store_scan *c, const struct error *why, struct error *error)
{
	if (why->code == ERROR_MEMORY) {
		if (error)
			*error = *why;
		return -ERROR_MEMORY;
	}
	c->stats.damaged++;
	c->stats.damage = *why;
	return 0;
}

/* A segment came to the top: its row groups take its place. */
static int open_pinned(struct store_scan *c, const struct item *item, struct error *error)
{
	struct pinned *p = &c->pinned[item->segment];
	struct error why = {0};
	char path[512];
	snprintf(path, sizeof path, "%.440s/%.63s", c->segments, p->sealed.name);
	if (segment_open(&p->segment, c->env, path, &why) != 0)
		return damage(c, &why, error);
	p->is_open = true;
	p->groups_left = 1; /* ours, until all are in the heap */
	const struct segment_index *index = &p->segment.index;
	int result = heap_reserve(c, index->group_count);
	for (uint32_t i = 0; i < index->group_count && result == 0; i++) {
		const struct segment_group *g = &index->groups[i];
		c->stats.items++;
		if (!zone_wanted(&c->hints, &g->zone) || !sources_wanted(&c->hints, g)) {
			c->stats.items_passed_over++;
			continue;
		}
		struct item group = *item;
		group.key = key_of(c, &g->zone);
		group.group = i;
		p->groups_left++;
		heap_push(c, &group);
	}
	leave_segment(c, item->segment);
	return result == 0 ? 0 : error_set(error, ERROR_MEMORY, "no memory for a scan");
}

static int load_group(struct group *g, bool all, const struct slice *columns, uint32_t count, struct error *error)
{
	return all ? group_load_all(g, error) : group_load_names(g, columns, count, error);
}

/* What is read of the group besides is what the rows need that are wanted, and all of it when some must be tested. */
static int sift_group(struct store_scan *c, struct error *error)
{
	const struct scan_sieve *sieve = c->hints.sieve;
	struct group *g = &c->rows.group;
	uint32_t wanted = 0, tested = 0;
	if (!c->verdicts && !(c->verdicts = env_alloc(c->env, GROUP_ROWS_MAX)))
		return error_set(error, ERROR_MEMORY, "no memory for a scan");
	int result = sieve->sift(sieve->ctx, &c->rows, c->verdicts, error);
	for (uint32_t i = 0; i < g->from.rows && result == 0; i++) {
		wanted += c->verdicts[i] != SIFT_NO;
		tested += c->verdicts[i] == SIFT_MAYBE;
	}
	bool made = wanted > 0 && !sieve->count_only;
	if (result == 0 && (made || tested > 0))
		result = group_load_times(g, error);
	if (result == 0 && made)
		result = load_group(g, sieve->all_columns, sieve->columns, sieve->column_count, error);
	if (result == 0 && tested > 0)
		result = group_load_all(g, error);
	if (result == 0)
		scan_blocks_sift(c->blocks, &c->rows, sieve, c->verdicts, wanted);
	return result;
}

static int open_rows(struct store_scan *c, struct segment *s, uint32_t group, struct error *error)
{
	const struct scan_hints *h = &c->hints;
	int result =
		h->sieve ? segment_rows_open_codes(&c->rows, s, group, error) : segment_rows_open(&c->rows, s, group, error);
	if (result != 0)
		return result;
	if (h->sieve)
		result = sift_group(c, error);
	else
		result = load_group(&c->rows.group, h->all_columns, h->columns, h->column_count, error);
	if (result != 0)
		segment_rows_close(&c->rows);
	else if (!h->sieve)
		scan_blocks_begin(c->blocks, &c->rows.group);
	return result;
}

static int open_group(struct store_scan *c, const struct item *item, struct error *error)
{
	struct segment *s = &c->pinned[item->segment].segment;
	struct error why = {0};
	int wanted = literals_wanted(c, s, item->group, &why);
	if (wanted == 0) {
		c->stats.items_passed_over++;
		leave_segment(c, item->segment);
		return 0;
	}
	int result = wanted < 0 ? wanted : open_rows(c, s, item->group, &why);
	if (result != 0) {
		leave_segment(c, item->segment);
		return damage(c, &why, error);
	}
	c->current = *item;
	c->has_current = c->has_rows = true;
	return 0;
}

/* 1: there is a current item; 0: nothing is left. */
static int next_item(struct store_scan *c, struct error *error)
{
	while (!c->has_current && c->heap_count > 0) {
		struct item item = heap_pop(c);
		int result = 0;
		if (item.tail) {
			c->current = item;
			c->has_current = true;
		} else if (item.group == GROUP_NONE) {
			result = open_pinned(c, &item, error);
		} else {
			result = open_group(c, &item, error);
		}
		if (result != 0)
			return result;
	}
	return c->has_current;
}

static int64_t bound_of(const struct store_scan *c)
{
	int64_t key = INT64_MAX;
	if (c->heap_count > 0)
		key = c->heap[0].key;
	if (c->has_current && c->current.key < key)
		key = c->current.key;
	return c->hints.descending ? ~key : key;
}

static void give_tail(struct store_scan *c, struct scan_block *block)
{
	struct tail_batch *t = c->current.tail;
	*block = (struct scan_block){
		.batch = &t->batch, .whole = true, .partition = c->current.partition, .offset = t->offset, .skip = t->skip};
	scan_blocks_whole_is(c->blocks, &t->batch);
	block->rows = t->batch.row_count;
	c->stats.rows += t->rows;
	leave_current(c);
	block->bound = bound_of(c);
}

int store_scan_next(struct store_scan *c, struct scan_block *block, struct error *error)
{
	for (;;) {
		if (c->has_rows && !scan_blocks_more(c->blocks))
			leave_current(c);
		int result = next_item(c, error);
		if (result != 1)
			return result;
		if (c->current.tail) {
			give_tail(c, block);
			return 1;
		}
		struct error why = {0};
		bool whole = c->hints.sieve ? c->hints.sieve->all_columns : c->hints.all_columns;
		*block = (struct scan_block){.sealed = true, .whole = whole, .partition = c->current.partition};
		if (scan_blocks_next(c->blocks, whole, block, &why) == 0) {
			c->stats.rows += block->rows;
			block->bound = bound_of(c);
			return 1;
		}
		leave_current(c);
		result = damage(c, &why, error);
		if (result != 0)
			return result;
	}
}

int store_scan_whole(struct store_scan *c, const struct batch **batch, struct error *error)
{
	struct error why = {0};
	int result = scan_blocks_whole(c->blocks, batch, &why);
	if (result == 1)
		return 1;
	damage(c, &why, NULL);
	if (error)
		*error = why;
	return result;
}
