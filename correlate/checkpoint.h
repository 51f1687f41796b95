/* The frame of saved state (docs/format-checkpoint.md): head, stage, digest of the ruleset, checksum.
 *
 * `checkpoint_begin`, the stage's own content, `checkpoint_end`; `checkpoint_open` checks the frame and gives a reader
 * over the content, which each stage checks as it reads.
 */
#ifndef CORRELATE_CHECKPOINT_H
#define CORRELATE_CHECKPOINT_H

#include "common/common.h"

#define CHECKPOINT_HEAD_BYTES 64u

enum checkpoint_stage {
	CHECKPOINT_DETECT = 1,
	CHECKPOINT_TEMPORAL = 2
};

void checkpoint_begin(struct buffer *out, enum checkpoint_stage stage, uint32_t parts, const uint8_t ruleset[32]);
/* 0, or -ERROR_MEMORY when something did not fit. */
int checkpoint_end(struct buffer *out);
/* `ruleset`: the digest it was saved under. */
int checkpoint_open(struct slice octets, enum checkpoint_stage stage, uint32_t *parts, uint8_t ruleset[32],
					struct reader *content, struct error *error);
/* After the last part: refuses what is more than padding. */
int checkpoint_close(struct slice octets, struct reader *content, struct error *error);
/* The error of content that does not hold: names where reading stopped. */
int checkpoint_damaged(struct slice octets, const struct reader *content, struct error *error);

#endif
