/* Match records that go from detect to temporal in memory, where there is no bus between them. What temporal writes for outer
 * correlations comes back the same way. One thread.
 */
#ifndef CLI_MATCH_LOOP_H
#define CLI_MATCH_LOOP_H

#include "correlate/correlate.h"

struct match_loop {
	struct buffer waiting, taken; /* records, each behind its u64 length: to come, and being read */
	uint64_t offset; /* of the next */
};

void match_loop_init(struct match_loop *m, const struct env *env);
void match_loop_free(struct match_loop *m);
/* For sink.matches; of matches partition 0 alone. */
int match_loop_add(struct match_loop *m, struct slice record);
/* Flushes detect and gives temporal all there is. 0 or a negative error. */
int match_loop_run(struct match_loop *m, struct detect *detect, struct temporal *temporal, struct error *error);

#endif
