/* A compiled query, as the files of the query see it (docs/query-language.md). Inside store/ only.
 *
 * The text becomes a tree of nodes and a list of pipes, all in the query's arena; a query is immutable after
 * query_compile, but testing rows uses its scratch: one thread.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "common/row_json.h"
#include "store/query_pattern.h"
#include "store/query_value.h"
#include "store/scan.h"

/* What one query may be; past it it is refused. */
#define QUERY_BYTES_MAX 65536u
#define QUERY_TERMS_MAX 4096u
#define QUERY_DEPTH_MAX 64u
#define QUERY_SORT_MAX 4u
#define QUERY_BY_MAX 8u
#define QUERY_FUNCTIONS_MAX 32u
#define QUERY_FIELDS_MAX 256u
/* Values of one field of one row that a group takes. */
#define QUERY_GROUP_VALUES_MAX 16u

/* What every row has. SPECIAL_NONE: a field of the event, by name. */
/* clang-format off */
#define SPECIAL_LIST(X) \
	X(KIND, "kind") \
	X(SOURCE, "source") \
	X(DECODER, "decoder") \
	X(TIME, "time") \
	X(OBSERVED, "observed") \
	X(WHEN, "when") \
	X(ORIGINAL, "original") \
	X(FORMAT, "format") \
	X(FLAG, "flag") \
	X(PARTITION, "partition") \
	X(OFFSET, "offset") \
	X(ROW, "row")
/* clang-format on */

enum special {
	SPECIAL_NONE = 0,
#define X(id, name) SPECIAL_##id,
	SPECIAL_LIST(X)
#undef X
};

struct field_ref {
	enum special special;
	struct slice name; /* as written; of a special too */
};

enum match_kind {
	MATCH_ANY, /* the field is there */
	MATCH_EQUAL,
	MATCH_PATTERN,
	MATCH_NETWORK, /* an address inside it, or the text itself */
	MATCH_RANGE,
	MATCH_TIME, /* times of every row: lo_ns <= t < hi_ns */
};

enum range_kind {
	RANGE_NUMBER,
	RANGE_ADDRESS,
	RANGE_TIME,
	RANGE_TEXT
};

struct bound {
	bool open; /* no end */
	bool inclusive;
	struct slice text; /* folded */
	struct number number;
	uint8_t address[16];
};

struct match {
	enum match_kind kind;
	struct slice text; /* folded: EQUAL, NETWORK */
	struct pattern pattern;
	bool has_number, has_address;
	struct number number;
	uint8_t address[16];
	unsigned bits;
	enum range_kind range;
	struct bound lo, hi;
	int64_t lo_ns, hi_ns; /* MATCH_TIME, RANGE_TIME */
};

enum node_kind {
	NODE_ALL,
	NODE_AND,
	NODE_OR,
	NODE_NOT,
	NODE_WORD,
	NODE_FIELD
};

struct node {
	enum node_kind kind;
	struct node *first, *next; /* children of AND, OR, NOT; the next child of the same parent */
	struct pattern pattern; /* WORD */
	struct field_ref field; /* FIELD */
	struct match match;
};

enum function {
	FUNCTION_COUNT,
	FUNCTION_COUNT_FIELD,
	FUNCTION_DC,
	FUNCTION_MIN,
	FUNCTION_MAX,
	FUNCTION_SUM,
	FUNCTION_AVG
};

struct aggregate {
	enum function function;
	struct field_ref field;
	struct slice name; /* of the column */
};

struct sort_key {
	struct field_ref field;
	bool descending;
};

/* What comes behind the bars; rows first, then, when `table`, the table. */
struct stage {
	struct node *where; /* null: none. For rows it is already part of the query's tree */
	struct sort_key sort[QUERY_SORT_MAX];
	uint32_t sort_count;
	bool has_limit;
	uint64_t limit;
	const struct field_ref *fields;
	uint32_t field_count; /* 0: all */
};

struct table_spec {
	struct field_ref by[QUERY_BY_MAX]; /* special WHEN with bin_ns: the bin */
	uint32_t by_count;
	int64_t bin_ns; /* 0: none; else by[bin_index] is the bin */
	uint32_t bin_index;
	struct aggregate functions[QUERY_FUNCTIONS_MAX];
	uint32_t function_count;
	uint64_t top; /* 0: all; else the most frequent, rows without the field left out */
};

struct query {
	const struct env *env;
	struct arena arena;
	struct query_options options;
	struct node *root; /* null: foreign */
	const struct predicate *foreign;
	struct predicate predicate;
	struct stage rows, after;
	bool has_table;
	struct table_spec table;
	/* for the scan */
	uint32_t kinds; /* bit per wanted kind, 0 = all */
	int64_t from_ns, to_ns;
	struct scan_literal *literals;
	uint32_t literal_count;
	const struct slice *columns; /* of the predicate and of the table */
	uint32_t column_count;
	bool all_columns;
	/* the same of rows that are known to be wanted: of the pipes alone */
	const struct slice *found_columns;
	uint32_t found_column_count;
	bool found_all;
	bool count_only; /* how many there are is all that is asked */
	/* for testing */
	struct buffer scratch_row, scratch_value;
	bool out_of_memory; /* a test could not be done: the run must say so */
};

/* query_parse.c: the tree and the pipes of `text` into q. */
int query_parse(struct query *q, struct slice text, struct error *error);
/* A name that stands for a row's own property. */
enum special special_find(struct slice name);

/* query_plan.c: kinds, time bounds, literals, columns of the tree. */
int query_plan(struct query *q, struct error *error);

/* query_test.c */
#define QUERY_FLAG_COUNT 6u
const char *query_flag_name(unsigned bit); /* of the row flag 1 << bit */
bool query_test(struct query *q, const struct node *node, const struct batch *batch, const struct batch_row *row);
bool match_value(struct query *q, const struct match *m, const struct batch_value *value);
/* The tree over named values instead of a row: for tables. `value` gives the i-th value of a name, false past the last. */
typedef bool named_value(void *ctx, struct slice name, uint32_t i, struct batch_value *out);
bool query_test_named(struct query *q, const struct node *node, named_value *value, void *ctx);

#endif
