/* Files as input of parse and scan: read in pieces and given to an ingest of their own. Main thread. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli/options.h"
#include "ingest/ingest.h"

struct input_job {
	const struct args *args;
	const struct decoders *decoders;
	/* A batch of the file, in order; sequence + 1 is the record's number. */
	int (*batch)(void *ctx, struct slice octets);
	void *ctx;
	/* Null, or a rewriting of the octets line by line before they are records (framing lf). */
	int (*line)(void *ctx, struct slice line, struct buffer *out);
	bool joined; /* with `line`: the whole file is one record (a JSON text over several lines) */
	uint8_t collector[16]; /* identity of the rows */
};

/* "-" is standard input. An exit code; what is wrong is told. *bytes grows by what was read. */
int input_file(const struct input_job *job, const char *name, uint64_t *bytes);

#endif
