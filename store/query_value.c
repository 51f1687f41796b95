#include "store/query_value.h"

#include "common/row_json.h"

#include <stdlib.h>

#define NUMBER_TEXT_MAX 400

bool query_number_parse(struct slice text, struct number *out)
{
	char buf[NUMBER_TEXT_MAX + 1];
	bool whole;
	if (text.len == 0 || text.len > NUMBER_TEXT_MAX || !json_is_number(text, &whole))
		return false;
	*out = (struct number){.whole = whole, .negative = text.ptr[0] == '-'};
	if (whole && slice_to_u64(slice_from(text, out->negative ? 1 : 0), &out->magnitude)) {
		if (out->magnitude == 0)
			out->negative = false;
		return true;
	}
	memcpy(buf, text.ptr, text.len);
	buf[text.len] = 0;
	*out = (struct number){.real = strtod(buf, NULL)};
	return true;
}

double number_real(const struct number *n)
{
	if (!n->whole)
		return n->real;
	return n->negative ? -(double)n->magnitude : (double)n->magnitude;
}

static __int128 number_integer(const struct number *n)
{
	return n->negative ? -(__int128)n->magnitude : (__int128)n->magnitude;
}

/* Beyond 2^64 the double decides alone; below it its whole part fits 128 bits and the fraction breaks the tie. */
static int whole_compare_real(const struct number *whole, double real)
{
	if (real >= 18446744073709551616.0)
		return -1;
	if (real <= -18446744073709551616.0)
		return 1;
	__int128 a = number_integer(whole), b = (__int128)real;
	if (a != b)
		return a < b ? -1 : 1;
	double fraction = real - (double)b;
	return fraction > 0 ? -1 : fraction < 0 ? 1 : 0;
}

int number_compare(const struct number *a, const struct number *b)
{
	if (a->whole && b->whole) {
		__int128 x = number_integer(a), y = number_integer(b);
		return x < y ? -1 : x > y ? 1 : 0;
	}
	if (a->whole)
		return whole_compare_real(a, b->real);
	if (b->whole)
		return -whole_compare_real(b, a->real);
	return a->real < b->real ? -1 : a->real > b->real ? 1 : 0;
}

bool value_number(const struct batch_value *value, struct number *out)
{
	switch (value->type) {
	case VALUE_SMALL:
		*out = (struct number){.whole = true, .magnitude = value->small};
		return true;
	case VALUE_STRING:
	case VALUE_I64:
	case VALUE_U64:
	case VALUE_F64:
		return query_number_parse(value->text, out);
	default:
		return false;
	}
}

uint8_t value_class(const struct batch_value *value)
{
	switch (value->type) {
	case VALUE_SMALL:
	case VALUE_I64:
	case VALUE_U64:
	case VALUE_F64:
		return 'n';
	case VALUE_BOOL:
		return 't';
	case VALUE_NULL:
		return '0';
	default:
		return 's';
	}
}

static bool date_parse(struct slice s, int64_t *ns)
{
	static const char shape[] = "dddd-dd-dd";
	if (s.len != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (shape[i] == 'd' ? s.ptr[i] < '0' || s.ptr[i] > '9' : s.ptr[i] != '-')
			return false;
	const uint8_t *p = s.ptr;
	struct calendar c = {.year = (p[0] - '0') * 1000 + (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0'),
						 .month = (uint8_t)((p[5] - '0') * 10 + (p[6] - '0')),
						 .day = (uint8_t)((p[8] - '0') * 10 + (p[9] - '0'))};
	return clock_from_calendar(&c, ns);
}

static int64_t add_capped(int64_t a, int64_t b)
{
	int64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

bool time_parse(struct slice text, int64_t now_ns, bool relative, int64_t *lo_ns, int64_t *hi_ns)
{
	bool has_zone, leap;
	if (date_parse(text, lo_ns)) {
		*hi_ns = add_capped(*lo_ns, NS_PER_DAY);
		return true;
	}
	if (text.len < 11 || clock_parse_iso(text, lo_ns, &has_zone, &leap) != text.len)
		if (!relative || !clock_parse_option(text, now_ns, lo_ns))
			return false;
	*hi_ns = add_capped(*lo_ns, 1);
	return true;
}
