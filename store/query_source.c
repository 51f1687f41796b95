#include "store/query_source.h"

static int source_open(void *ctx, const struct scan_hints *hints, void **scan, struct error *error)
{
	struct store_scan *s = NULL;
	int rc = store_scan_open(ctx, hints, &s, error);
	*scan = s;
	return rc;
}

static int source_next(void *scan, struct scan_block *block, struct error *error)
{
	return store_scan_next(scan, block, error);
}

static int source_whole(void *scan, const struct batch **batch, struct error *error)
{
	return store_scan_whole(scan, batch, error);
}

static void source_stats(const void *scan, struct scan_stats *out)
{
	store_scan_stats(scan, out);
}

static void source_close(void *scan)
{
	store_scan_close(scan);
}

static uint32_t source_partitions(void *ctx, struct store_partition *out, uint32_t max)
{
	return store_partitions(ctx, out, max);
}

static uint64_t source_end(void *ctx, struct store_partition partition)
{
	return store_next_offset(ctx, partition);
}

struct query_source query_source_store(struct store *s)
{
	return (struct query_source){source_open,  source_next,       source_whole, source_stats,
								 source_close, source_partitions, source_end,   s};
}
