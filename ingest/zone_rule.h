/* The rule in the footer of a TZif file: POSIX TZ as RFC 8536 section 3.3.1 extends it. No state; any thread. */
#ifndef INGEST_ZONE_RULE_H
#define INGEST_ZONE_RULE_H

#include "common/common.h"

struct zone_change {
	enum {
		CHANGE_MONTH,
		CHANGE_JULIAN,
		CHANGE_DAY
	} kind; /* Mm.w.d, Jn (no 29 February), n (from 0) */
	int32_t month, week, day;
	int32_t second; /* of the day, local time before the change; -167 h to 167 h */
};

struct zone_rule {
	int32_t standard, daylight; /* seconds east of UTC */
	bool has_daylight;
	struct zone_change start, end; /* of daylight time */
};

bool zone_rule_parse(struct slice text, struct zone_rule *out);
/* The offset at utc, and the span [*from, *until) around it in which it holds. */
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc, int64_t *from, int64_t *until);

#endif
