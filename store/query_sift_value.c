/* A needle in the values of a column. */
#include "store/query_sift_word.h"

uint8_t needle_class(const struct needle *n, struct slice value, size_t at)
{
	uint8_t class = VALUE_HAS_NOT;
	for (; at != SIZE_MAX && class != VALUE_HAS_INSIDE; at = slice_find(value, n->text, at + 1)) {
		size_t end = at + n->text.len;
		bool left = !n->word_left || (at > 0 && !needle_word_octet(value.ptr[at - 1]));
		bool right = !n->word_right || (end < value.len && !needle_word_octet(value.ptr[end]));
		if (left && right)
			class = VALUE_HAS_INSIDE;
		else if ((left || at == 0) && (right || end == value.len))
			class = VALUE_HAS_BORDER;
	}
	return class;
}

static uint8_t *classes_of(struct asking *a, uint32_t number, uint32_t count)
{
	if (!a->classes[number])
		a->classes[number] = arena_zalloc(&a->s->arena, count);
	return (uint8_t *)(uintptr_t)a->classes[number];
}

/* All strings as one text: what is found over the end of one is not looked for. */
static int find_in_strings(struct asking *a, uint32_t number, const struct sift_column *c)
{
	const struct needle *n = &a->needle;
	struct slice all = slice_of(c->text, (size_t)c->starts[c->count]);
	uint32_t i = 0;
	for (size_t at = slice_find(all, n->text, 0); at != SIZE_MAX;) {
		while (c->starts[i + 1] <= at)
			i++;
		size_t begin = (size_t)c->starts[i], end = (size_t)c->starts[i + 1];
		if (at + n->text.len > end) {
			at = slice_find(all, n->text, at + 1);
			continue;
		}
		uint8_t *classes = classes_of(a, number, c->count);
		if (!classes)
			return -ERROR_MEMORY;
		classes[i] = needle_class(n, slice_of(c->text + begin, end - begin), at - begin);
		at = slice_find(all, n->text, end);
	}
	return 0;
}

static int ask_strings(struct asking *a, uint32_t number)
{
	const struct sift_column *c = &a->s->columns[number];
	struct crossing *crossing = &a->columns[number];
	for (uint32_t i = 0; i < c->count; i++)
		crossing_add(&a->needle, crossing, slice_of(c->text + c->starts[i], (size_t)(c->starts[i + 1] - c->starts[i])));
	return find_in_strings(a, number, c);
}

static bool only_of(struct slice text, const char *octets)
{
	for (size_t i = 0; i < text.len; i++)
		if (!memchr(octets, text.ptr[i], strlen(octets)))
			return false;
	return true;
}

static int class_each(struct asking *a, uint32_t number, uint32_t i, const struct values_view *v)
{
	uint8_t scratch[24];
	struct slice text = values_get(v, i, scratch);
	size_t at = slice_find(text, a->needle.text, 0);
	if (at == SIZE_MAX)
		return 0;
	uint8_t *classes = classes_of(a, number, v->count);
	if (!classes)
		return -ERROR_MEMORY;
	classes[i] = needle_class(&a->needle, text, at);
	return 0;
}

/* Could the number's digits hold these, of which there are as many as `power` has zeros? */
static inline bool may_have_digits(uint64_t n, uint64_t digits, uint64_t power)
{
	uint64_t least = power / 10;
	do
		if (n % power == digits)
			return true;
	while ((n /= 10) >= least && n > 0);
	return false;
}

/* Numbers are many and mostly do not hold the needle: only those that could are printed. */
static int find_in_decimals(struct asking *a, uint32_t number, const struct values_view *v)
{
	uint64_t power = 1, digits = 0;
	struct slice text = a->needle.text;
	bool short_enough = text.len <= 18;
	for (size_t i = 0; i < text.len && short_enough; i++, power *= 10)
		digits = digits * 10 + (text.ptr[i] - (unsigned)'0');
	for (uint32_t i = 0; i < v->count; i++)
		if ((!short_enough || may_have_digits(v->starts[i], digits, power)) && class_each(a, number, i, v) != 0)
			return -ERROR_MEMORY;
	return 0;
}

static int find_in_addresses(struct asking *a, uint32_t number, const struct values_view *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (class_each(a, number, i, v) != 0)
			return -ERROR_MEMORY;
	return 0;
}

/* Numbers and addresses are read only when the needle could be in one. */
static int ask_numbers(struct asking *a, uint32_t number, bool decimal, struct error *error)
{
	const char *octets = decimal ? "0123456789" : "0123456789.";
	const struct values_view *v = &a->s->g->columns[number];
	const struct sift_column *c;
	size_t most = decimal ? 20 : 15;
	crossing_add_octets(&a->needle, &a->columns[number], octets, most);
	if (a->needle.text.len > most || !only_of(a->needle.text, octets))
		return 0;
	int result = sift_column(a->s, number, &c, error);
	if (result != 0)
		return result;
	result = decimal ? find_in_decimals(a, number, v) : find_in_addresses(a, number, v);
	return result == 0 ? 0 : sift_no_memory(error);
}

int word_ask_column(struct asking *a, uint32_t number, struct error *error)
{
	const struct sift_column *c;
	if (crossing_room(a, &a->columns[number]) != 0)
		return sift_no_memory(error);
	if (a->s->encodings[number] == VALUES_DECIMAL || a->s->encodings[number] == VALUES_IPV4)
		return ask_numbers(a, number, a->s->encodings[number] == VALUES_DECIMAL, error);
	int result = sift_column(a->s, number, &c, error);
	return result != 0 ? result : ask_strings(a, number) == 0 ? 0 : sift_no_memory(error);
}
