/* Values as the query language compares them: numbers exactly, addresses as addresses, text folded. Any thread; no
 * state.
 */
#ifndef STORE_QUERY_VALUE_H
#define STORE_QUERY_VALUE_H

#include "common/common.h"

/* A JSON number. Whole ones of up to 64 bits are kept exactly, others as doubles. */
struct number {
	bool whole, negative;
	uint64_t magnitude; /* when whole */
	double real; /* when not */
};

/* The whole text is a JSON number of at most 400 octets. */
bool query_number_parse(struct slice text, struct number *out);
/* A total order, exact also between a whole number and a double. */
int number_compare(const struct number *a, const struct number *b);
double number_real(const struct number *n);

/* The value counts as a number: a numeric type, or text that is written as one. */
bool value_number(const struct batch_value *value, struct number *out);
/* The type class that tells values apart in groups: 'n'umber, 't'ruth, 's'tring, '0' null. */
uint8_t value_class(const struct batch_value *value);

/* A time as written in a query: a date (its whole day), RFC 3339 (width 1 ns), and with `relative` also now, -1h and
 * Unix numbers. False when it is none. The instants are lo <= t < hi. */
bool time_parse(struct slice text, int64_t now_ns, bool relative, int64_t *lo_ns, int64_t *hi_ns);

#endif
