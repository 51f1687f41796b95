/* A ruleset that runs beside the one in force, on the same live events, and tells nobody: what it would have found is kept
 * in memory and compared with what was told, before it is promoted. It begins empty whenever the engine starts. Its mistakes
 * harm nothing: a shadow that fails is given up, and says so.
 *
 * The engine's thread.
 */
#ifndef CLI_SHADOW_H
#define CLI_SHADOW_H

#include "correlate/correlate.h"

struct shadow;

struct shadow_config {
	struct ruleset *ruleset; /* held */
	const uint32_t *events_partitions;
	uint32_t events_count;
	uint32_t events_partitions_all; /* of the topic: the watermark waits for those */
};

int shadow_new(const struct env *env, const struct shadow_config *config, struct shadow **out, struct error *error);
/* A record of an events partition, after detect has taken it. */
void shadow_record(struct shadow *s, uint32_t partition, uint64_t offset, struct slice octets);
/* One JSON line for each incident that only one of both has, or has otherwise, then a summary. `live` is the book of
 * incidents that were told; those whose newest event is older than the shadow are left out. */
int shadow_compare(const struct shadow *s, const struct incident_book *live, struct buffer *ndjson);
void shadow_free(struct shadow *s);

#endif
