/* The reserve: room on the disk that is taken while there is some, for what must be said when there is none
 * (docs/format-reserve.md). A collector that ends while the log takes nothing more writes down there what it had received and
 * could not keep; the next one turns it into gap rows of `events`. A row's text is its identity, so that it is kept
 * once, however often it is told. Ingest process.
 */
#ifndef CLI_RESERVE_H
#define CLI_RESERVE_H

#include "bus/bus.h"

#define RESERVE_BYTES (64u << 10)
#define RESERVE_SOURCES 128u
#define RESERVE_LINE_MAX 1024u /* octets of a source line that is named */

struct reserve {
	const struct env *env;
	char path[4200];
	struct buffer text; /* lines: source line, TAB, JSON of the gap row, LF */
	size_t told; /* octets of it whose rows the bus has */
	uint64_t *tickets; /* of the last such row, by partition */
	uint32_t partitions;
	/* while counting */
	struct reserve_source {
		uint64_t hash, count;
		char line[RESERVE_LINE_MAX];
		size_t len;
	} * sources;
	uint32_t source_count;
	uint64_t others, gaps; /* events of further sources; gap rows that found no room */
};

/* Takes the room when it is not taken, and reads what the last process left. */
int reserve_open(struct reserve *r, const struct env *env, const char *data, uint32_t partitions, struct error *error);
/* The next line that the bus does not have yet. */
bool reserve_next(const struct reserve *r, struct slice *source, struct slice *json);
void reserve_given(struct reserve *r, uint32_t partition, uint64_t ticket); /* that line, as a row */
/* Empties the reserve when all rows are durable. */
int reserve_step(struct reserve *r, struct bus *bus, struct error *error);

/* Counts a batch of `events` that nobody will have. Lines of followed files are not lost: they are read again. */
int reserve_count(struct reserve *r, struct slice batch);
/* Writes it all down. *events: how many. */
int reserve_write(struct reserve *r, uint64_t *events, struct error *error);
void reserve_close(struct reserve *r);

#endif
