/* The values of one column while a row group is made, and read back (docs/format-segment.md, "Values").
 *
 * While rows come, values are only put down, one behind the other; what they have in common is looked for when the column
 * is whole, one column after the other, so that each has the cache for itself. The writer keeps places in the rows' text,
 * which must live until values_encode. One owner, one thread.
 */
#ifndef STORE_VALUES_H
#define STORE_VALUES_H

#include "store/shorts.h"
#include "store/strings.h"
#include "store/words.h"

enum values_encoding {
	VALUES_STRINGS = 0,
	VALUES_DICTIONARY = 1,
	VALUES_DECIMAL = 2,
	VALUES_IPV4 = 3,
	VALUES_ENCODINGS,
};

/* Up to 16 octets: the text itself as two numbers (shorts.h). Longer: begin is its address, end its hash. */
struct value {
	uint64_t begin, end;
	uint32_t len;
	uint32_t code; /* set by values_encode: index among the distinct values */
};

struct values {
	const struct env *env;
	struct value *items;
	uint32_t count, room;
};

/* What values_encode needs besides: shared by all columns, kept from group to group. */
struct values_slot {
	uint32_t hash, item; /* item: the first of this text, + 1; 0 = free */
};

struct values_work {
	const struct env *env;
	struct values_slot *slots; /* open addressing */
	uint32_t slot_room, slot_count; /* slot_count: in use for the column at hand, a power of two */
	uint32_t *firsts, *codes; /* of each distinct value the first item; one number for each value */
	uint64_t *numbers, *spread; /* of each distinct value; of each value */
	uint32_t room, known; /* room: of each of the four arrays */
	uint8_t secret[STRINGS_SECRET_BYTES];
};

void values_work_init(struct values_work *work, const struct env *env);
void values_work_free(struct values_work *work);

void values_init(struct values *v, const struct env *env);
int values_grow(struct values *v);
/* Eight octets behind the text must be readable. -ERROR_MEMORY. */
static inline int values_add(struct values *v, struct slice text)
{
	if (v->count == v->room && values_grow(v) != 0)
		return -ERROR_MEMORY;
	struct value *item = &v->items[v->count++];
	item->len = (uint32_t)text.len;
	if (text.len <= SHORT_MAX)
		item->begin = shorts_load_ahead(text, &item->end);
	else
		item->begin = (uintptr_t)text.ptr;
	return 0;
}
/* Appends the column's octets; the encoding chosen. The words of all values go into `words`. */
int values_encode(struct values *v, struct values_work *work, struct words *words, struct buffer *out,
				  enum values_encoding *encoding);
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
