/* A stamp: a time as a header writes it, before anybody knows the year or the zone.
 *
 * Forms read: RFC 5424 / ISO 8601 with 'T' or a space, "2021/12/01 13:53:33", "Oct  9 14:59:04" with the year before,
 * behind the day or behind the time, full month names, a day of the week in front, fractions after '.', ',' or (three
 * digits) ':', a zone as Z, +hh:mm, +hhmm, +hh. Any thread; no state.
 */
#ifndef INGEST_STAMP_H
#define INGEST_STAMP_H

#include "ingest/zone.h"

struct stamp {
	int32_t year; /* 0: not written */
	uint8_t month, day, hour, minute, second; /* second 60 is allowed here */
	bool has_zone;
	bool iso; /* year-month-day order */
	bool separator_t; /* 'T' between date and time */
	bool strict; /* as RFC 5424 section 6.2.3 writes it (leap second allowed) */
	uint32_t nanosecond;
	int32_t zone_s;
	struct slice zone_name; /* "CST", "UTC": set by who knows that a zone's name stands there; may be empty */
};

/* When "now" is, for years that are not written. */
struct moment {
	int64_t ns;
	int32_t year; /* UTC */
};

struct moment moment_of(int64_t ns);

/* Octets read, 0 when no stamp begins there. */
size_t stamp_parse(const uint8_t *p, const uint8_t *end, struct stamp *out);
/* Instant and TIME_ bits (without TIME_FUTURE). False when the calendar has no such time. */
/* Instant and TIME_ bits (without TIME_FUTURE). False when the calendar has no such time. */
bool stamp_resolve(const struct stamp *stamp, struct zone *zone, const struct moment *reference, int64_t *ns,
				   uint32_t *quality);
/* The last stamp of a header and what it was: within a second most lines have the same but for its fraction. Zeros at the
 * beginning; one thread. */
struct stamp_memo {
	struct stamp stamp; /* without its fraction */
	const struct zone *zone;
	int64_t reference_ns, ns;
	uint32_t quality;
};
bool stamp_resolve_again(struct stamp_memo *memo, const struct stamp *stamp, struct zone *zone,
						 const struct moment *reference, int64_t *ns, uint32_t *quality);

#endif
