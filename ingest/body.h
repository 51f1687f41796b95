/* A body: the message of an event when it has a structure of its own. JSON objects, CEF, LEEF 1 and 2.
 *
 * Fields keep the sender's own names; ECS names are added later by decoders. A body that breaks its format leaves nothing
 * behind and stays plain text. The scratch belongs to one thread.
 *
 * JSON: RFC 8259 (nested names joined by '.', arrays as repeated fields, numbers keep their text, duplicates kept).
 * CEF: header to cef.version, observer.vendor, observer.product, observer.version, event.code, cef.name, event.severity;
 * the extension under its own keys; a custom label (cs1Label=Policy cs1=x) adds a field of that name (Policy: x).
 * LEEF: header to leef.version and the same observer.* and event.code; a delimiter of its own as "^", "0x5E" or "x5E".
 */
#ifndef INGEST_BODY_H
#define INGEST_BODY_H

#include "common/common.h"

struct body_scratch;

/* Interns its names into `dictionary` and keeps them (dictionary_keep). Null when memory is out. */
struct body_scratch *body_scratch_new(const struct env *env, struct dictionary *dictionary);
void body_scratch_free(struct body_scratch *s);
/* `message`: a slice of the open row's text (batch_row_text). Sets *format to FORMAT_JSON, _CEF or _LEEF when the body
 * is one and its fields were added, else leaves it. 0, or -ERROR_MEMORY. */
int body_parse(struct body_scratch *s, struct batch_builder *b, struct slice message, enum format *format);

#endif
