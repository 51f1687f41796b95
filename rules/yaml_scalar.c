/* The types of plain scalars, as YAML 1.1 readers see them. */
#include "rules/yaml_tree.h"

#include <math.h>
#include <stdlib.h>

/* What begins otherwise is a string: nearly all are. */
static bool may_be_other(struct slice s)
{
	static const bool begins[256] = {
		['~'] = true, ['n'] = true, ['N'] = true, ['t'] = true, ['T'] = true, ['f'] = true, ['F'] = true, ['y'] = true,
		['Y'] = true, ['o'] = true, ['O'] = true, ['-'] = true, ['+'] = true, ['.'] = true, ['0'] = true, ['1'] = true,
		['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true,
	};
	return s.len == 0 || begins[s.ptr[0]];
}

#define WORD_MAX 5u /* octets of the longest of the words */

static bool one_of(struct slice s, const char *const *words)
{
	for (; *words; words++)
		if (slice_equal(s, slice_str(*words)))
			return true;
	return false;
}

static bool resolve_word(struct tree_node *n)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE", NULL};
	static const char *const old_yes[] = {"yes", "Yes", "YES", "on", "On", "ON", NULL};
	static const char *const old_no[] = {"no", "No", "NO", "off", "Off", "OFF", NULL};
	if (n->text.len > WORD_MAX)
		return false;
	if (one_of(n->text, nulls)) {
		n->type = TREE_NULL;
		return true;
	}
	bool old = one_of(n->text, old_yes) || one_of(n->text, old_no);
	n->truth = one_of(n->text, yes) || one_of(n->text, old_yes);
	if (!n->truth && !old && !one_of(n->text, no))
		return false;
	n->type = TREE_BOOL;
	n->differs = old;
	return true;
}

/* Digits of a base with underscores; false when there is none, another character, or the value passes 64 bits. */
static bool digits(const uint8_t *s, size_t len, unsigned base, uint64_t *out)
{
	uint64_t v = 0;
	bool any = false;
	for (size_t i = 0; i < len; i++) {
		unsigned d;
		if (s[i] == '_')
			continue;
		if (s[i] >= '0' && s[i] <= '9')
			d = s[i] - '0';
		else if ((s[i] | 32) >= 'a' && (s[i] | 32) <= 'f')
			d = (unsigned)(s[i] | 32) - 'a' + 10;
		else
			return false;
		if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return false;
		any = true;
	}
	*out = v;
	return any;
}

/* 1:30:00: base 60, each group after the first below 60. */
static bool sexagesimal(const uint8_t *s, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	size_t at = 0;
	unsigned groups = 0;
	while (at <= len) {
		size_t end = at;
		while (end < len && s[end] != ':')
			end++;
		uint64_t group;
		if (!digits(s + at, end - at, 10, &group) || (groups && (group > 59 || end - at > 2)))
			return false;
		if (__builtin_mul_overflow(v, 60, &v) || __builtin_add_overflow(v, group, &v))
			return false;
		groups++;
		at = end + 1;
	}
	*out = v;
	return groups > 1;
}

static bool resolve_magnitude(struct tree_node *n, const uint8_t *s, size_t len, uint64_t *v)
{
	if (len == 0 || s[0] < '0' || s[0] > '9')
		return false;
	if (len > 2 && s[0] == '0' && s[1] == 'b') {
		n->differs = true;
		return digits(s + 2, len - 2, 2, v);
	}
	if (len > 2 && s[0] == '0' && s[1] == 'x')
		return digits(s + 2, len - 2, 16, v);
	if (len > 1 && s[0] == '0') {
		n->differs = true;
		return digits(s + 1, len - 1, 8, v);
	}
	if (memchr(s, ':', len)) {
		n->differs = true;
		return s[0] != '0' && sexagesimal(s, len, v);
	}
	n->differs = memchr(s, '_', len) != NULL;
	return digits(s, len, 10, v);
}

static bool resolve_int(struct tree_node *n)
{
	const uint8_t *s = n->text.ptr;
	size_t len = n->text.len;
	bool negative = len && s[0] == '-';
	if (len && (s[0] == '-' || s[0] == '+')) {
		s++;
		len--;
	}
	uint64_t v;
	if (!resolve_magnitude(n, s, len, &v) || (negative && v > (uint64_t)INT64_MAX + 1)) {
		n->differs = false;
		return false;
	}
	if (!negative && v > INT64_MAX) {
		n->type = TREE_UINT;
		n->u64 = v;
		return true;
	}
	n->type = TREE_INT;
	n->i64 = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* [-+]?digits.digits?([eE][-+]digits)? or .digits, as YAML 1.1 has it: 1e3 is a string there. */
static bool float_shape(struct slice t)
{
	size_t i = 0, before = 0, after = 0;
	if (i < t.len && (t.ptr[i] == '-' || t.ptr[i] == '+'))
		i++;
	for (; i < t.len && ((t.ptr[i] >= '0' && t.ptr[i] <= '9') || (before && t.ptr[i] == '_')); i++)
		before++;
	if (i >= t.len || t.ptr[i] != '.')
		return false;
	for (i++; i < t.len && ((t.ptr[i] >= '0' && t.ptr[i] <= '9') || t.ptr[i] == '_'); i++)
		after++;
	if (!before && !after)
		return false;
	if (i == t.len)
		return true;
	if ((t.ptr[i] | 32) != 'e' || i + 2 >= t.len || (t.ptr[i + 1] != '-' && t.ptr[i + 1] != '+'))
		return false;
	for (i += 2; i < t.len; i++)
		if (t.ptr[i] < '0' || t.ptr[i] > '9')
			return false;
	return true;
}

static bool resolve_float(struct tree_node *n)
{
	char copy[64];
	size_t len = 0;
	if (n->text.len >= sizeof copy || !float_shape(n->text))
		return false;
	for (size_t i = 0; i < n->text.len; i++)
		if (n->text.ptr[i] != '_')
			copy[len++] = (char)n->text.ptr[i];
	copy[len] = 0;
	n->f64 = strtod(copy, NULL);
	if (!isfinite(n->f64))
		return false;
	n->type = TREE_FLOAT;
	return true;
}

void tree_resolve(struct tree_node *n)
{
	n->type = TREE_STRING;
	if (may_be_other(n->text) && !resolve_word(n) && !resolve_int(n))
		resolve_float(n);
}
