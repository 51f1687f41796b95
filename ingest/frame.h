/* A frame: one message cut from a stream of octets. It never leaves ingest.
 *
 * RFC 6587 knows octet counting ("123 <34>...") and a trailer (LF, here also CRLF and NUL). FRAMING_AUTO decides for each
 * frame: it is counted when it begins with 1 to 10 digits, a space and "<PRI>" (once a stream has counted, digits and a
 * space are enough); otherwise it ends at LF or NUL. A count of more than 10 digits makes the stream fall back to LF. The
 * count is authoritative: what it covers is one frame whatever stands in it. The result does not depend on how the octets
 * were cut into pieces. A message above the limit is cut; the rest is read past and only counted and hashed.
 * One owner, one thread.
 */
#ifndef INGEST_FRAME_H
#define INGEST_FRAME_H

#include "ingest/ingest.h"

struct frame {
	struct slice octets; /* without its terminator; valid until the next call on the framer */
	uint32_t flags; /* ROW_TRUNCATED, ROW_PARTIAL */
	uint64_t full_len; /* of the whole message */
	uint8_t hash[32]; /* SHA-256 of the whole message, when truncated */
};

struct framer {
	const struct env *env;
	enum framing framing;
	bool is_file; /* an empty line is a record; the first record decides between LF and counting */
	bool counted; /* this stream has counted before */
	bool first; /* nothing was cut yet */
	uint8_t state;
	uint8_t head_len;
	uint8_t head[16]; /* the beginning of a frame, until it is known how it ends */
	uint64_t need; /* octets of a counted frame still to come */
	uint64_t total; /* octets of this frame so far, a trailing CR included */
	bool cr_held; /* the newest octet is a CR and not yet hashed */
	size_t limit; /* octets of a message that are kept */
	uint8_t *buf; /* the frame so far when it came in pieces; grows up to limit + 1 */
	size_t len, size;
	struct sha256 *sha; /* running digest of a frame above the limit; made when first needed */
	uint64_t empty; /* empty frames passed over */
};

void framer_init(struct framer *f, const struct env *env, enum framing framing, bool is_file, size_t limit);
void framer_free(struct framer *f);
/* Takes octets from *in until a frame is whole: 1, *out. 0: all of *in was taken and more is needed. -ERROR_MEMORY: nothing
 * is lost, try again with what *in still holds. */
int framer_next(struct framer *f, struct slice *in, struct frame *out);
/* The stream has ended. 1: there was a frame without its end: of a file's last line that is a whole record, otherwise it is
 * flagged ROW_PARTIAL. */
int framer_end(struct framer *f, struct frame *out);
/* True when octets of an unfinished frame are held. */
bool framer_inside(const struct framer *f);

/* For datagrams: the whole is one frame, cut at the limit. */
int frame_of_datagram(struct framer *f, struct slice octets, uint64_t full_len, struct frame *out);

#endif
