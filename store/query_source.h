/* Where a query's rows come from: the scan of a store, or batches that a test made. One thread. */
#ifndef STORE_QUERY_SOURCE_H
#define STORE_QUERY_SOURCE_H

#include "store/scan.h"

struct query_source {
	int (*open)(void *ctx, const struct scan_hints *hints, void **scan, struct error *error);
	/* As store_scan_next and the like. */
	int (*next)(void *scan, struct scan_block *block, struct error *error);
	int (*whole)(void *scan, const struct batch **batch, struct error *error);
	void (*stats)(const void *scan, struct scan_stats *out);
	void (*close)(void *scan);
	uint32_t (*partitions)(void *ctx, struct store_partition *out, uint32_t max);
	/* The offset behind the last row that a partition has now. */
	uint64_t (*end)(void *ctx, struct store_partition partition);
	void *ctx;
};

struct query_source query_source_store(struct store *s);

/* One found row: the batch it is in and its place on the bus. */
struct query_row {
	const struct batch *batch;
	struct batch_row row;
	struct store_partition partition;
	uint64_t offset;
	uint32_t number; /* in the record of the bus */
	int64_t when_ns;
};

#endif
