/* scan --logsource-field: the log sources that a JSON event counts as stand in one of its fields, as a list of [product,
 * category, service] with nulls. The field is taken out of the line before it becomes an event. One scan, main thread.
 */
#ifndef CLI_SCAN_LOGSOURCE_H
#define CLI_SCAN_LOGSOURCE_H

#include "common/common.h"

struct scan_logsources {
	const struct env *env;
	struct slice field;
	struct arena arena; /* texts */
	struct logsource *list; /* of all lines, one after the other */
	uint32_t *first; /* of line i; first[line_count] = the end */
	uint32_t list_count, list_room, line_count, line_room;
};

void scan_logsources_init(struct scan_logsources *s, const struct env *env, struct slice field);
/* Forgets the lines: a new file begins. */
void scan_logsources_reset(struct scan_logsources *s);
/* Appends the line without the field to out. A line that is no JSON object goes through as it is. */
int scan_logsources_line(struct scan_logsources *s, struct slice line, struct buffer *out);
/* Log sources of a line (from 0); none: the event's own hold. */
uint32_t scan_logsources_get(const struct scan_logsources *s, uint64_t line, const struct logsource **out);
void scan_logsources_free(struct scan_logsources *s);

#endif
