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

#define VALUES_KNOWN_MAX 65536u /* distinct values of a dictionary */
#define VALUE_SHORT_MAX 15u
#define VALUE_LONG (UINT64_C(255) << 56)

/* Up to 15 octets: the text itself as in shorts.h, its length in the last octet of `end`. Longer: begin is its address,
 * end its length and VALUE_LONG. There are many of them, and they are gone through more than once. */
struct value {
	uint64_t begin, end;
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
	uint32_t *firsts, *codes, *lengths; /* of each distinct value the first item; of each value its distinct one */
	uint64_t *numbers, *spread; /* of each distinct value; of each value */
	uint32_t room, known; /* room: of each of the five arrays */
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
	if (text.len <= VALUE_SHORT_MAX) {
		uint64_t end;
		item->begin = shorts_load_ahead(text, &end);
		item->end = end | (uint64_t)text.len << 56;
		return 0;
	}
	item->begin = (uintptr_t)text.ptr;
	item->end = text.len | VALUE_LONG;
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
/* Of a dictionary its i-th different string, else value i: i < known_count, count. */
struct slice values_known(const struct values_view *v, uint32_t i, uint8_t *scratch);
void values_close(struct values_view *v, const struct env *env);

#endif
