/* The external variables of YARA rules, from the fields of an event. Only files of rules/yara_* include it.
 *
 * filename: file.name, else the last part of file.path; filepath: file.path; extension: file.extension, else that of the
 * name, with its point; filetype: file.type; owner: file.owner, else user.name. A variable without a field is empty.
 */
#ifndef RULES_YARA_FIELDS_H
#define RULES_YARA_FIELDS_H

#include "rules/yara_condition.h"

/* Fields whose values are looked at by themselves where they are not as they stand in the original text (escapes undone). */
#define YARA_TEXTS 5u
#define YARA_HAS_TEXTS 0x80u /* beside the bits of variables */

enum yara_field {
	YARA_FIELD_NAME,
	YARA_FIELD_PATH,
	YARA_FIELD_EXTENSION,
	YARA_FIELD_TYPE,
	YARA_FIELD_OWNER,
	YARA_FIELD_USER,
	YARA_FIELD_COUNT
};

/* Where these names stand in the name table of a batch. */
struct yara_fields {
	uint32_t names[YARA_FIELD_COUNT]; /* BATCH_NO_INDEX: not there */
	struct buffer texts; /* by name: 1 for those that are looked at by themselves */
	bool some;
	struct buffer known; /* by shape: a bit for each variable that may be other than empty, YARA_HAS_TEXTS */
};

struct yara_values {
	struct slice of[YARA_VARIABLES];
	char extension[64];
};

/* Adds nothing to `known` when no field is there; it is failed when memory is out. */
void yara_fields_bind(struct yara_fields *f, const struct batch *batch);
static inline uint32_t yara_fields_known(const struct yara_fields *f, const struct batch_row *row)
{
	return row->shape < f->known.len ? f->known.ptr[row->shape] : 0;
}
/* The i-th field of the row is such a text: its value. */
bool yara_fields_text(const struct yara_fields *f, const struct batch *batch, const struct batch_row *row, uint32_t i,
					  struct slice *out);
/* The values of the first field of each name; they lie in the batch, or in `out`. */
void yara_fields_values(const struct yara_fields *f, const struct batch *batch, const struct batch_row *row,
						struct yara_values *out);

#endif
