/* A row as JSON: the one place that decides how rows look to people and programs (`parse`, `search`, `tail`).
 *
 * Each function writes keys into the object that is open in the writer; nothing is allocated but the buffer. Times are
 * RFC 3339 in UTC, null when unknown. Octets that are not UTF-8 stand under "original_base64" instead of "original".
 * Any thread.
 */
#ifndef COMMON_ROW_JSON_H
#define COMMON_ROW_JSON_H

#include "common/batch.h"
#include "common/json.h"

/* "time", "time_quality" (list of words, null without a time), "observed", "original" or "original_base64", "format",
 * "decoder" (null when none held), "fields": what `parse` prints behind file and line. */
void row_json(struct json_writer *w, const struct batch *batch, const struct batch_row *row);

/* The same piece by piece. */
void row_json_time(struct json_writer *w, const struct batch_row *row);
void row_json_time_quality(struct json_writer *w, const struct batch_row *row);
void row_json_original(struct json_writer *w, const struct batch_row *row);
void row_json_decoder(struct json_writer *w, const struct batch *batch, const struct batch_row *row);
/* "fields": {...} in the order of the row; a name that comes again makes an array at its first place. */
void row_json_fields(struct json_writer *w, const struct batch *batch, const struct batch_row *row);
/* One value, without a key: numbers as they were written when JSON has such numbers, otherwise as text. */
void row_json_value(struct json_writer *w, const struct batch_value *value);

/* "event", "gap", ...; "unknown" for kinds we do not know. */
const char *row_kind_name(uint8_t kind);
/* "plain", "rfc3164", "rfc5424", "json", "cef", "leef"; "unknown". */
const char *row_format_name(uint8_t format);
/* RFC 8259 section 6, the whole text. *whole (may be null): neither fraction nor exponent. */
bool json_is_number(struct slice text, bool *whole);

#endif
