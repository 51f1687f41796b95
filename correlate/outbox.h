/* The outbox: rows made and not yet handed over, for each incidents partition.
 *
 * A row gets its sequence when it is made, so that it has the same one after a restart whatever the cut into batches.
 * Rows wait until a flush; batches of them are made by a builder that all outboxes of one stage share. One thread.
 */
#ifndef CORRELATE_OUTBOX_H
#define CORRELATE_OUTBOX_H

#include "correlate/correlate.h"
#include "correlate/key.h"
#include "correlate/match.h"

struct outbox_lane {
	uint64_t sequence; /* of the next row */
	uint32_t waiting;
	struct buffer rows;
};

struct outbox {
	const struct env *env;
	struct outbox_lane *lanes; /* one for each incidents partition */
	uint32_t count;
	uint8_t collector[16];
	uint64_t epoch;
	int64_t observed_ns; /* of the newest row: never falls, since rows of a batch stand in order */
};

int outbox_init(struct outbox *o, const struct env *env, uint32_t partitions, const uint8_t collector[16],
				uint64_t epoch);
void outbox_free(struct outbox *o);
void outbox_add(struct outbox *o, uint32_t partition, enum row_kind kind, int64_t observed_ns, int64_t time_ns,
				struct slice json);
bool outbox_failed(const struct outbox *o);
size_t outbox_bytes(const struct outbox *o);
bool outbox_empty(const struct outbox *o);
/* Hands over what waits. A refusal of the sink leaves the rest waiting: ERROR_FULL, retriable. */
int outbox_flush(struct outbox *o, struct batch_builder *builder, const struct correlate_sink *sink,
				 struct error *error);
/* The same for the match records of one partition. */
int match_writer_flush(struct match_writer *w, uint32_t partition, const struct correlate_sink *sink,
					   struct error *error);
/* Only when empty. */
void outbox_save(const struct outbox *o, struct buffer *out);
int outbox_restore(struct outbox *o, struct reader *reader, struct error *error);
/* From here on rows are numbered from 0 under this epoch, unless it is the one they have. Only when empty. */
void outbox_begin(struct outbox *o, uint64_t epoch);

#endif
