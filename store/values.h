/* The values of one column while a row group is made, and read back (docs/format-segment.md, "Values").
 *
 * The writer keeps slices of the rows' text, which must live until values_encode. One owner, one thread.
 */
#ifndef STORE_VALUES_H
#define STORE_VALUES_H

#include "store/strings.h"

enum values_encoding {
	VALUES_STRINGS = 0,
	VALUES_DICTIONARY = 1,
	VALUES_DECIMAL = 2,
	VALUES_IPV4 = 3,
	VALUES_ENCODINGS,
};

struct values {
	const struct env *env;
	struct strings known; /* distinct values, while that pays */
	bool known_off;
	struct slice *items; /* every value */
	uint32_t *codes; /* index in known, while known is on */
	uint32_t count, room;
};

void values_init(struct values *v, const struct env *env);
/* *is_new: not seen before in this column, or nobody knows. -ERROR_MEMORY. */
int values_add(struct values *v, struct slice text, bool *is_new);
/* Appends the column's octets; the encoding chosen. */
int values_encode(struct values *v, struct buffer *out, enum values_encoding *encoding);
void values_reset(struct values *v);
void values_free(struct values *v);

/* ---- reading: `octets` must live as long as the view ---- */

struct values_view {
	enum values_encoding encoding;
	uint32_t count, known_count;
	const uint8_t *heap;
	uint64_t *starts; /* strings: count + 1; dictionary: known_count + 1; decimal: the numbers */
	uint32_t *codes;
};

int values_open(struct values_view *v, const struct env *env, uint8_t encoding, uint32_t count, struct slice octets);
/* Value i < count. Numbers and addresses are printed into `scratch` (at least 20 octets). */
struct slice values_get(const struct values_view *v, uint32_t i, uint8_t *scratch);
void values_close(struct values_view *v, const struct env *env);

#endif
