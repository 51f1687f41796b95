/* The JSON of the rows of `incidents`: the parts that findings, incidents and ledgers share (docs/format-match.md). */
#ifndef CORRELATE_ROW_H
#define CORRELATE_ROW_H

#include "correlate/plan.h"

void row_rule(struct json_writer *w, const struct rule *rule, const uint8_t digest[32]);
/* An object: identity of an event, its time and source line. */
void row_event(struct json_writer *w, const struct event_identity *event, int64_t when_ns, struct slice source);
const char *rule_level_name(enum rule_level level);
/* A value of a spelling tuple: text, or null when missing. */
void row_component(struct json_writer *w, enum key_tag tag, struct slice octets);

#endif
