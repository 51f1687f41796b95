/* Time texts that can be printed again from time_ns (docs/format-segment.md, "Time forms"). */
#ifndef STORE_TIMETEXT_H
#define STORE_TIMETEXT_H

#include "common/common.h"

#define TIMETEXT_MAX 32u /* the longest text has 29 octets */

/* A form and the distance of its clock from UTC. */
struct timetext {
	uint8_t form;
	int8_t quarters; /* of an hour */
};

/* Remembers the last seconds printed: most neighbours share one. One thread. */
struct timetext_second {
	int64_t second;
	uint8_t form, len;
	uint8_t text[TIMETEXT_MAX];
};

#define TIMETEXT_SECONDS 32u

struct timetext_cache {
	struct timetext_second seconds[TIMETEXT_SECONDS];
	struct timetext last_form, last_found;
	int64_t last_from; /* last_form was asked for last, for a time from here on and less than 1 s later: */
	uint32_t last; /* + 1: that second; 0 = none */
};

/* Does a time text that time_ns gives back exactly begin at text.ptr? Its length, and how; 0 when not. */
size_t timetext_find(struct timetext_cache *cache, struct slice text, int64_t time_ns, struct timetext *out);
/* Does timetext_print give exactly the octets at text.ptr, all of text.len? */
bool timetext_is(struct timetext_cache *cache, struct timetext form, int64_t time_ns, struct slice text);
bool timetext_known(uint8_t form);
/* Octets written, at most TIMETEXT_MAX; 0 when the time is outside the calendar. */
size_t timetext_print(struct timetext_cache *cache, struct timetext form, int64_t time_ns, uint8_t *out);

#endif
