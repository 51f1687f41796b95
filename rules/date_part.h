/* Parts of a time: what the modifiers minute, hour, day, week, month and year look at. Only files of rules/ include it.
 *
 * A time is read from the texts that sources write: RFC 3339 and its likes, dates with slashes or names of months, seconds
 * (or ms, us, ns, told by size) since 1970. A text without a zone is in that of the ruleset, and the parts are read in it too,
 * so that one hour means the same for all sources. Any thread.
 */
#ifndef RULES_DATE_PART_H
#define RULES_DATE_PART_H

#include "common/clock.h"

enum date_part {
	DATE_NONE,
	DATE_MINUTE,
	DATE_HOUR,
	DATE_DAY, /* of the month */
	DATE_WEEK, /* of ISO 8601 */
	DATE_MONTH,
	DATE_YEAR
};

bool date_read(struct slice text, int32_t zone_minutes, int64_t *ns);
int32_t date_part(int64_t ns, int32_t zone_minutes, enum date_part part);
/* Least and greatest value of a part. */
void date_part_range(enum date_part part, int32_t *least, int32_t *most);

#endif
