/* Rules over files, without a store: detections stream; match records are kept in a spool and correlated at the end of the
 * input. Main thread.
 */
#ifndef CLI_SCAN_JOB_H
#define CLI_SCAN_JOB_H

#include "cli/options.h"
#include "cli/scan_logsource.h"
#include "correlate/correlate.h"
#include "rules/decoders.h"

#include <stdio.h>

struct scan_job {
	/* the caller's */
	const struct args *args; /* how files are read (cli/input.h) */
	struct ruleset *ruleset;
	const struct decoders *decoders;
	const char *const *files;
	unsigned file_count;
	const char *logsource_field; /* null: the log source is the decoder's */
	bool each; /* a row for each firing point */
	bool plain; /* try every rule on every event */
	/* Rows that detect and temporal would put into `incidents`. Not 0: stop. */
	int (*rows)(void *ctx, const struct batch *batch);
	void *ctx;
	/* what came of it */
	uint64_t events, bytes;
	struct error error;
	/* inside */
	struct detect *detect;
	struct temporal *temporal;
	struct scan_logsources logsources;
	FILE *spool; /* match records: length u64, octets */
	uint64_t offset;
	bool stopped; /* rows said so */
};

/* The whole of it. The exit code; what is wrong is told. */
int scan_job_run(struct scan_job *job);
/* The collector id of file i in the rows, and back: SIZE_MAX when it is none. */
void scan_job_identity(unsigned file, uint8_t collector[16]);
size_t scan_job_file(const uint8_t collector[16]);

#endif
