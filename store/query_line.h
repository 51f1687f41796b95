/* The values of a found row by name, the row's own properties included, and its line of JSON. Any thread; no state. */
#ifndef STORE_QUERY_LINE_H
#define STORE_QUERY_LINE_H

#include "store/query.h"
#include "store/query_source.h"

/* Room for texts that are made, not kept in the row. */
struct value_scratch {
	char text[64];
};

/* Up to `max` values of a field; returns how many. Texts live in the batch or in `scratch`. SMALL comes as a number with
 * text. */
uint32_t row_values(const struct query_row *row, const struct field_ref *field, struct batch_value *out, uint32_t max,
					struct value_scratch *scratch);

/* What `sort`, `min` and `max` compare: numbers by size, then text by octets, then nothing. Times of the row are numbers. */
struct order_value {
	uint8_t rank; /* 0 number, 1 text, 2 nothing */
	struct number number;
	struct slice text;
};

struct order_value order_of(const struct batch_value *value);
/* The first value of the field. */
struct order_value order_of_row(const struct query_row *row, const struct field_ref *field,
								struct value_scratch *scratch);
int order_compare(const struct order_value *a, const struct order_value *b);
/* The same for a sort key: what has no value comes last in either direction. */
int order_compare_key(const struct order_value *a, const struct order_value *b, bool descending);

/* One line, LF included: the whole row, or only `fields`. */
void row_line(struct buffer *out, const struct query_row *row, const struct field_ref *fields, uint32_t field_count);

#endif
