/* Output of rows: NDJSON as it comes, one JSON array, a table, or CSV (docs/output.md).
 *
 * Rows arrive as JSON objects, one a line. Table and CSV take their columns from the first row; nested objects stand as
 * name.inner. Control characters are escaped in tables; CSV cells that could be formulas get an apostrophe in front.
 * Main thread.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/options.h"

enum output_mode {
	OUTPUT_NDJSON,
	OUTPUT_JSON,
	OUTPUT_TABLE,
	OUTPUT_CSV
};

struct output_column {
	const char *name;
	unsigned width; /* tables */
};

struct output {
	enum output_mode mode;
	FILE *file;
	const struct env *env;
	uint64_t rows;
	struct arena arena; /* of the columns */
	struct output_column *columns; /* table and CSV: of the first row */
	unsigned column_count;
	bool color;
	bool failed; /* nothing more can be written, or memory is out: stop */
	bool gone; /* because the reader went away (head), which is no failure */
};

/* --output, or table on a terminal and NDJSON elsewhere. */
void output_open(struct output *o, const struct args *args);
/* Any number of whole lines. */
void output_lines(struct output *o, struct slice ndjson);
/* Ends the array or table. EXIT_OK, also when the reader went away; EXIT_STORAGE when something could not be written, for
 * want of memory too (told). */
int output_close(struct output *o);

#endif
