/* Groups: the table that `stats`, `top`, `bin` and `count` make. A row of values per combination of the grouping fields.
 *
 * Memory has a budget: past it no new group and no new distinct value is taken, the ones that are there go on counting,
 * and `truncated` says so. One owner, one thread.
 */
#ifndef STORE_QUERY_GROUPS_H
#define STORE_QUERY_GROUPS_H

#include "store/query_line.h"

struct group;

struct groups {
	const struct query *q;
	const struct table_spec *spec;
	const struct env *env;
	struct arena arena;
	struct group **slots; /* open addressing */
	struct group *first, **last;
	uint64_t count, slot_count;
	uint64_t seed[2];
	size_t bytes_max, set_bytes;
	bool truncated;
};

/* Finished: rows of cells in the order of the columns (by, then functions), texts in the arena of the groups. */
struct table {
	struct batch_value **rows;
	uint64_t count;
	uint32_t columns;
};

int groups_init(struct groups *g, const struct query *q, const struct env *env, size_t bytes_max);
/* Counts a row. -ERROR_MEMORY. */
int groups_add(struct groups *g, const struct query_row *row);
/* Counts so many rows, of a table that only counts them all. -ERROR_MEMORY. */
int groups_add_count(struct groups *g, uint64_t rows);
/* The table, behind the pipes that follow it (where, sort, limit). */
int groups_finish(struct groups *g, struct table *out);
struct slice groups_column(const struct groups *g, uint32_t column);
/* One line of the table. */
void groups_line(const struct groups *g, const struct batch_value *cells, struct buffer *out);
void groups_free(struct groups *g);

#endif
