/* What a record of the events topic looks like on Kafka (docs/kafka.md): a head and one zstd frame, made by us so that all
 * sizes are known and capped before anything is allocated. One owner, one thread.
 *
 *	0   24  common head, magic CRSK, 32 octets
 *	24   4  octets of the payload before compression, at most batch_bytes_max
 *	28   4  zero
 *	32      one zstd frame that knows its content size, and nothing behind it
 */
#ifndef BUS_KAFKA_ENVELOPE_H
#define BUS_KAFKA_ENVELOPE_H

#include "common/common.h"

struct envelope {
	struct buffer out;
	void *compress, *decompress; /* contexts of zstd, made when first needed */
};

void envelope_init(struct envelope *e, const struct env *env);
void envelope_free(struct envelope *e);
/* Both results live in the envelope until the next call. */
int envelope_wrap(struct envelope *e, struct slice payload, struct slice *out, struct error *error);
int envelope_unwrap(struct envelope *e, struct slice octets, struct slice *out, struct error *error);

#endif
