/* A writer of own rows: gaps, audit entries, changes of incidents, activations. Each row is a batch of its own; raw is its
 * JSON text. The sequence is dense from 0 in (collector, epoch, partition): the epoch must never have been used before.
 * One thread.
 */
#ifndef CLI_OWN_ROWS_H
#define CLI_OWN_ROWS_H

#include "bus/bus.h"

struct own_writer {
	const struct env *env;
	struct bus *bus;
	enum bus_topic topic;
	struct dictionary dictionary;
	struct batch_builder *builder;
	struct batch_identity identity; /* first_sequence = the next one */
	struct slice source_line;
};

/* role ("audit", "changes") makes the collector's uuid together with that of the data directory. */
int own_writer_init(struct own_writer *w, const struct env *env, struct bus *bus, enum bus_topic topic,
					uint32_t partition, const uint8_t data_uuid[16], const char *role, uint64_t epoch);
/* Queued on the bus; ERROR_FULL is retriable. The batch stays readable until the next row (for feeding it back). */
int own_writer_row(struct own_writer *w, enum row_kind kind, struct slice json, struct slice *batch,
				   struct error *error);
/* A row that may be found again after a restart, since what it tells of was not sealed: its text is its identity, so that it
 * is kept once. */
int own_writer_once(struct own_writer *w, enum row_kind kind, struct slice json, struct error *error);
void own_writer_free(struct own_writer *w);
/* First 16 octets of SHA-256 over the parts: uuids of roles. */
void own_uuid(const uint8_t data_uuid[16], const char *role, uint8_t out[16]);

#endif
