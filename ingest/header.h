/* A header: what a syslog line says about itself in front of its message.
 *
 * RFC 5424 is read strictly by its grammar; a line that claims it ("<34>1 ...") and breaks it has no header: it is kept
 * whole as the message and flagged. RFC 3164 is read as devices send it. Slices lie in the text that was given. Any
 * thread; no state.
 */
#ifndef INGEST_HEADER_H
#define INGEST_HEADER_H

#include "ingest/stamp.h"

struct header {
	enum format format; /* PLAIN, RFC3164, RFC5424 */
	bool invalid; /* claims a header and breaks it: message is the whole text, nothing else is set */
	bool has_priority;
	bool has_stamp;
	bool nested; /* the header of the device, found behind that of a relay */
	uint16_t priority, version;
	struct slice host, program, pid, msgid;
	struct slice structured; /* RFC 5424 elements with their brackets, checked; empty for "-" */
	struct slice message;
	struct stamp stamp;
};

void header_parse(struct slice text, struct header *out);

/* RFC 5424 section 6. False when the text after <PRI> is not what the grammar says. */
bool header_5424(const uint8_t *p, const uint8_t *end, struct header *out);
/* What follows <PRI> in RFC 3164 and its relatives; also lines without <PRI>. */
void header_3164(const uint8_t *p, const uint8_t *end, struct header *out);
/* Octets of "<PRI>" at p, 0 when there is none. *priority above 191 is no priority, but devices send it. */
size_t header_priority(const uint8_t *p, const uint8_t *end, uint16_t *priority);
/* True when a stamp at p is followed by what only a header has; for lines without <PRI>. */
bool header_without_priority(const uint8_t *p, const uint8_t *end);
/* A word that names a level ("ERROR"), which no host is called. */
bool header_is_level(struct slice word);

/* Walks the parameters of `structured`: false at the end. `at` starts as 0. The value still holds its escapes. */
struct header_parameter {
	struct slice id, name, value;
	bool escaped;
};
bool header_next_parameter(struct slice structured, size_t *at, struct slice *id, struct header_parameter *out);
/* The value without the backslashes that RFC 5424 asks for; out has room for value.len. */
size_t header_unescape(struct slice value, uint8_t *out);

#endif
