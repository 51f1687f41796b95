/* A query being answered. Inside store/ only; store.h is the door. One thread. */
#ifndef STORE_QUERY_RUN_H
#define STORE_QUERY_RUN_H

#include "store/query_answer.h"
#include "store/query_groups.h"
#include "store/query_sift.h"

#define RUN_BYTES_MAX (256u << 20) /* octets of rows kept, or of a table */
#define RUN_ROWS_A_CALL 8192u /* rows looked at in one call of query_next, rounded up to whole blocks */

struct run_end {
	struct store_partition partition;
	uint64_t offset;
};

struct query_run {
	const struct env *env;
	struct query *q;
	struct query_source source;
	struct scan_hints hints;
	struct sift *sift; /* null: rows are tested one by one */
	void *scan;
	struct run_end *ends; /* what a later pass may see */
	uint32_t end_count, pass;
	struct answer answer;
	struct groups groups;
	struct table table;
	uint64_t table_at;
	bool streams, has_bound, scan_done, table_done, stop, done;
	int64_t bound;
	uint64_t given, given_max; /* lines; given_max UINT64_MAX: no limit of its own */
	bool limit_is_ours; /* not asked for: reaching it is a truncation */
	int64_t spent_ns, spent_max_ns;
	uint64_t rows_found;
	struct scan_stats stats; /* of finished passes */
	const char *truncated;
	uint32_t lost; /* blocks whose found rows could not be read whole */
	struct error damage;
	struct buffer line;
	const struct batch *whole; /* of the block being looked at; null: not asked for yet */
};

/* bytes_max 0: RUN_BYTES_MAX. */
int query_run_open(const struct env *env, const struct query_source *source, const struct query *q, size_t bytes_max,
				   struct query_run **out, struct error *error);

/* Each row of a scan that the query (null: every event) wants, for functions that look at all of them: rows narrow as the
 * hints made them. Stops when `each` gives something negative. */
typedef int each_row(void *ctx, void *scan, const struct query_source *source, const struct query_row *row,
					 struct error *error);
int query_each(const struct query_source *source, struct query *q, const struct scan_hints *hints, each_row *each,
			   void *ctx, struct scan_stats *stats, struct error *error);
/* store_fields and store_sources over any source. */
int query_fields(const struct env *env, const struct query_source *source, const struct query *q, struct buffer *ndjson,
				 struct error *error);
int query_sources(const struct env *env, const struct query_source *source, struct buffer *ndjson, struct error *error);
/* The hints that a query gives. */
struct scan_hints query_hints(const struct query *q);
/* Row i of a block; false when it is not one of the store's. */
bool query_block_row(const struct scan_block *block, uint32_t i, struct query_row *out);
/* Kind, time and tree; of a sifted block only the time is asked. */
bool query_wants(struct query *q, const struct scan_block *block, const struct query_row *row);

#endif
