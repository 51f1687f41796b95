/* What query_groups.c gathers and query_table.c makes a table of. For these two only. */
#ifndef STORE_QUERY_GROUPS_INSIDE_H
#define STORE_QUERY_GROUPS_INSIDE_H

#include "store/query_groups.h"
#include "store/query_set.h"

/* What one function has gathered in one group. */
struct gathered {
	uint64_t count; /* rows or values */
	struct value_set set; /* dc */
	uint64_t sum_low, sum_high; /* a 128-bit whole sum, while every value was whole */
	double sum; /* otherwise */
	bool real;
	bool has_extreme;
	struct batch_value extreme; /* min, max; its text has room for text_room octets */
	size_t text_room;
};

struct group {
	struct group *next; /* in order of making */
	uint64_t hash;
	struct batch_value *keys; /* type: F64 for any number, BOOL, NULL, STRING, TIME for the bin */
	struct gathered functions[]; /* spec->function_count */
};

/* 1: *out is the group of these keys, made when it was not there; 0: the budget is used up and there is none. */
int group_find(struct groups *g, const struct batch_value *keys, struct group **out);

#endif
