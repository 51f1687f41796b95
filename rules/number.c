/* Numbers of events and rules: exact as 64-bit integers, as doubles only when one side is none. */
#include "rules/ruleset.h"

#include <math.h>
#include <stdlib.h>

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool number_shape(struct slice t, bool *integer)
{
	size_t i = t.len && t.ptr[0] == '-', digits = i;
	while (i < t.len && t.ptr[i] >= '0' && t.ptr[i] <= '9')
		i++;
	if (i == digits || (t.ptr[digits] == '0' && i > digits + 1))
		return false;
	*integer = i == t.len;
	if (i < t.len && t.ptr[i] == '.') {
		size_t fraction = ++i;
		while (i < t.len && t.ptr[i] >= '0' && t.ptr[i] <= '9')
			i++;
		if (i == fraction)
			return false;
	}
	if (i < t.len && (t.ptr[i] | 32) == 'e') {
		i++;
		if (i < t.len && (t.ptr[i] == '+' || t.ptr[i] == '-'))
			i++;
		size_t exponent = i;
		while (i < t.len && t.ptr[i] >= '0' && t.ptr[i] <= '9')
			i++;
		if (i == exponent)
			return false;
	}
	return i == t.len;
}

#define NUMBER_OCTETS 400u

/* Apart, because its copy is large and most numbers are whole. */
static __attribute__((noinline)) struct number parse_double(struct slice t)
{
	struct number n = {.type = NUMBER_NONE};
	char copy[NUMBER_OCTETS];
	memcpy(copy, t.ptr, t.len);
	copy[t.len] = 0;
	n.f64 = strtod(copy, NULL);
	if (isfinite(n.f64))
		n.type = NUMBER_F64;
	return n;
}

struct number number_parse(struct slice t)
{
	struct number n = {.type = NUMBER_NONE};
	bool integer;
	if (t.len == 0 || t.len >= NUMBER_OCTETS || !number_shape(t, &integer))
		return n;
	if (integer && slice_to_i64(t, &n.i64))
		n.type = NUMBER_I64;
	else if (integer && slice_to_u64(t, &n.u64))
		n.type = NUMBER_U64;
	else
		n = parse_double(t);
	return n;
}

static double as_double(const struct number *n)
{
	return n->type == NUMBER_I64 ? (double)n->i64 : n->type == NUMBER_U64 ? (double)n->u64 : n->f64;
}

int number_order(const struct number *a, const struct number *b)
{
	if (a->type == NUMBER_I64 && b->type == NUMBER_I64)
		return (a->i64 > b->i64) - (a->i64 < b->i64);
	if (a->type == NUMBER_U64 && b->type == NUMBER_U64)
		return (a->u64 > b->u64) - (a->u64 < b->u64);
	if (a->type != NUMBER_F64 && b->type != NUMBER_F64)
		return a->type == NUMBER_U64 ? 1 : -1; /* U64 is above every I64 */
	double x = as_double(a), y = as_double(b);
	return (x > y) - (x < y);
}
