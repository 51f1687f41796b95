/* Calendar arithmetic on nanoseconds since 1970 UTC. No time zone database here: see ingest/zone.h. Any thread.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include "common/slice.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_MIN (60 * NS_PER_S)
#define NS_PER_HOUR (3600 * NS_PER_S)
#define NS_PER_DAY (86400 * NS_PER_S)
#define FUTURE_MAX_NS (5 * NS_PER_MIN) /* past it, when = observed */
#define LATENESS_NS (5 * NS_PER_MIN) /* T3, default L */

struct calendar {
	int32_t year;
	uint8_t month, day, hour, minute, second; /* month, day from 1 */
	uint32_t nanosecond;
};

/* False when there is no such day or time (second 60 is refused: callers handle leaps) or outside 1678..2261. */
bool clock_from_calendar(const struct calendar *c, int64_t *ns);
void clock_to_calendar(int64_t ns, struct calendar *out);
int64_t clock_days_from_civil(int32_t year, unsigned month, unsigned day); /* days since 1970-01-01 */
/* "2026-11-23T22:04:05.123456789Z": fraction in as many groups of three digits as needed, none when zero. out >= 36. */
size_t clock_print(int64_t ns, char *out);
/* RFC 3339 / ISO 8601 whole: date, 'T' or space, time, optional fraction ('.' or ','), optional zone (Z, +hh:mm, +hhmm,
 * +hh). *has_zone tells whether it had one; without, the time is read as UTC. :60 is read as :59.999999999 and *leap
 * set. Returns the octets read, 0 when it is none. */
size_t clock_parse_iso(struct slice s, int64_t *ns, bool *has_zone, bool *leap);
/* "now", "-1h", "-15m", "-2d", "-30s", "+2h", RFC 3339, "2026-11-23", Unix seconds/ms/us/ns by size. For options and queries. */
bool clock_parse_option(struct slice s, int64_t now_ns, int64_t *ns);
/* "90s", "5m", "1h", "2d", "1w": a positive length. */
bool clock_parse_span(struct slice s, int64_t *ns);

#endif
