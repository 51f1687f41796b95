/* A JSON text as fields of the open row: nested names joined by '.', arrays as repeated fields, duplicates kept.
 *
 * Numbers keep their text; a string without escapes is a slice of the row, one with escapes is derived. A text that
 * turns out to be broken, or to hold no object, leaves nothing in the row. One owner, one thread; the buffers grow and are
 * kept.
 */
#ifndef COMMON_JSON_FIELDS_H
#define COMMON_JSON_FIELDS_H

#include "common/batch.h"
#include "common/json.h"

struct json_fields {
	struct dictionary *dictionary;
	struct dictionary_memo memo;
	struct buffer name, text;
};

void json_fields_init(struct json_fields *f, const struct env *env, struct dictionary *dictionary);
void json_fields_free(struct json_fields *f);
/* `text` is a slice of the row's text. *added: an object (or an array that holds objects) was read. 0, or -ERROR_MEMORY.
 * `prefix` stands before every name, with its own '.', and may be empty. */
int json_fields_add(struct json_fields *f, struct batch_builder *b, struct slice text, struct slice prefix,
					bool *added);

#endif
