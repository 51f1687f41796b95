/* A predicate: a question about one row, asked over batches.
 *
 * The query language compiles to it in store, rules/ compiles Sigma and YARA to it, cli hands it over: so a rule is also
 * a query and store never knows rules/. It names the fields it looks at, so that a columnar reader fetches only those,
 * and texts of which at least one must occur somewhere in the row, so that whole blocks can be passed over; then it
 * decides exactly. Immutable; shared between threads if `test` is free of state.
 */
#ifndef COMMON_PREDICATE_H
#define COMMON_PREDICATE_H

#include "common/batch.h"

struct predicate {
	const struct slice *columns; /* field names looked at */
	uint32_t column_count;
	bool all_columns; /* words and keywords: every string field and the text */
	/* Folded literals: a row can only match when it holds one of them (any case). None: no such promise. */
	const struct slice *literals;
	uint32_t literal_count;
	bool (*test)(const struct predicate *p, const struct batch *batch, const struct batch_row *row);
	void *ctx;
};

#endif
