#include "rules/decoder_reader.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 5, 0))) static void tell_at(struct decoder_reader *r, uint32_t line, uint32_t column,
														  const char *id, const char *format, va_list args)
{
	char text[512];
	vsnprintf(text, sizeof text, format, args);
	r->refused = true;
	if (r->tell != NULL)
		r->tell(r->ctx, &(struct diagnostic){DIAGNOSTIC_ERROR, id, r->file, line, column, r->name, text});
}

bool reader_refuse(struct decoder_reader *r, uint32_t line, uint32_t column, const char *id, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell_at(r, line, column, id, format, args);
	va_end(args);
	return false;
}

bool reader_refuse_node(struct decoder_reader *r, const struct tree_node *n, const char *id, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	tell_at(r, n->line, n->column, id, format, args);
	va_end(args);
	return false;
}

void *reader_room(struct decoder_reader *r, size_t count, size_t size)
{
	CHECK(size == 0 || count < SIZE_MAX / size);
	void *room = arena_zalloc(&r->d->arena, count * size);
	if (room == NULL)
		r->out_of_memory = true;
	return room;
}

bool reader_copy(struct decoder_reader *r, struct slice text, struct slice *out)
{
	*out = arena_copy(&r->d->arena, text);
	if (out->ptr == NULL)
		r->out_of_memory = true;
	return out->ptr != NULL;
}

bool reader_name(struct decoder_reader *r, struct slice name, uint16_t *out)
{
	uint32_t id = dictionary_intern(&r->d->names, name);
	if (id == DICTIONARY_NONE || id >= DECODER_NONE) {
		r->out_of_memory = true;
		return false;
	}
	*out = (uint16_t)id;
	return true;
}

bool reader_map_find(struct decoder_reader *r, struct slice name, uint16_t *out)
{
	for (uint32_t i = r->d->map_count; i-- > 0;) {
		if (name.len > 0 && slice_equal(r->d->maps[i].name, name)) {
			*out = (uint16_t)i;
			return true;
		}
	}
	return false;
}

static bool is_integer_name(struct slice name)
{
	static const char *const ends[] = {".port",     ".bytes", ".packets",  ".pid",   ".status_code",
									   ".severity", ".line",  ".duration", ".count", "body.bytes"};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (slice_ends(name, slice_str(ends[i])))
			return true;
	return false;
}

/* The name for what stands where an address should and is none: source.ip -> source.address. */
static bool other_name(struct decoder_reader *r, struct slice name, uint16_t *out)
{
	uint8_t text[256];
	static const char end[] = "address";
	if (name.len - 2 + sizeof end > sizeof text)
		return reader_refuse(r, 0, 0, "decoder-name", "a field name is at most 248 octets");
	memcpy(text, name.ptr, name.len - 2);
	memcpy(text + name.len - 2, end, sizeof end - 1);
	return reader_name(r, slice_of(text, name.len - 2 + sizeof end - 1), out);
}

bool reader_target(struct decoder_reader *r, struct slice text, uint32_t line, uint32_t column,
				   struct decoder_target *out)
{
	*out = (struct decoder_target){.name = DECODER_NONE, .other = DECODER_NONE, .map = DECODER_NONE};
	size_t colon = slice_find_octet(text, ':', 0);
	struct slice name = colon == SIZE_MAX ? text : slice_of(text.ptr, colon);
	if (colon != SIZE_MAX && !reader_map_find(r, slice_from(text, colon + 1), &out->map))
		return reader_refuse(r, line, column, "decoder-map", "no map is called '%.*s'",
							 SLICE_PRINT(slice_from(text, colon + 1)));
	if (name.len == 0 || slice_equal(name, SLICE("_")))
		return true;
	if (!reader_name(r, name, &out->name))
		return false;
	if (slice_ends(name, SLICE(".ip"))) {
		out->kind = TARGET_ADDRESS;
		return other_name(r, name, &out->other);
	}
	out->kind = is_integer_name(name) ? TARGET_INTEGER : TARGET_TEXT;
	return true;
}

bool reader_keys(struct decoder_reader *r, const struct tree_node *map, const char *const *known)
{
	if (map->type != TREE_MAP)
		return reader_refuse_node(r, map, "decoder-type", "this must be a map, it is %s", tree_type_name(map));
	for (uint32_t i = 0; i < map->count; i++) {
		struct slice key = map->pairs[i].key->text;
		size_t k = 0;
		while (known[k] != NULL && !slice_equal(key, slice_str(known[k])))
			k++;
		if (known[k] == NULL)
			return reader_refuse_node(r, map->pairs[i].key, "decoder-unknown-key", "'%.*s' is not a key here",
									  SLICE_PRINT(key));
	}
	return true;
}

bool reader_text(struct decoder_reader *r, const struct tree_node *n, struct slice *out)
{
	if (!tree_is_scalar(n) || n->type == TREE_NULL)
		return reader_refuse_node(r, n, "decoder-type", "this must be a text, it is %s", tree_type_name(n));
	return reader_copy(r, n->text, out);
}

bool reader_slices(struct decoder_reader *r, const struct tree_node *n, const struct slice **out, uint16_t *count)
{
	uint32_t items = n->type == TREE_LIST ? n->count : 1;
	if (items > UINT16_MAX)
		return reader_refuse_node(r, n, "decoder-limit", "at most 65,535 items");
	struct slice *list = reader_room(r, items, sizeof *list);
	if (list == NULL)
		return false;
	for (uint32_t i = 0; i < items; i++)
		if (!reader_text(r, n->type == TREE_LIST ? n->items[i] : n, &list[i]))
			return false;
	*out = list;
	*count = (uint16_t)items;
	return true;
}

static uint8_t constant_type(const struct tree_node *n)
{
	if (n->quoted)
		return VALUE_STRING;
	switch (n->type) {
	case TREE_NULL:
		return VALUE_NULL;
	case TREE_BOOL:
		return slice_equal(n->text, SLICE("true")) || slice_equal(n->text, SLICE("false")) ? VALUE_BOOL : VALUE_STRING;
	case TREE_INT:
		return VALUE_I64;
	default:
		return VALUE_STRING;
	}
}

/* Copies of the values, one behind the other (decoder_set_constants takes them as one text). */
static bool place_values(struct decoder_reader *r, struct decoder_constant *list, uint32_t count, size_t octets)
{
	uint8_t *to = reader_room(r, octets + 1, 1);
	if (to == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (list[i].value.len > 0)
			memcpy(to, list[i].value.ptr, list[i].value.len);
		list[i].value.ptr = to;
		to += list[i].value.len;
	}
	return true;
}

bool reader_constants(struct decoder_reader *r, const struct tree_node *map, const struct decoder_constant **out,
					  uint16_t *count)
{
	if (map->type != TREE_MAP)
		return reader_refuse_node(r, map, "decoder-type", "this must be a map of field: value");
	if (map->count > LIMIT_row_fields)
		return reader_refuse_node(r, map, "decoder-limit", "at most 512 fields");
	struct decoder_constant *list = reader_room(r, map->count, sizeof *list);
	if (list == NULL)
		return false;
	size_t octets = 0;
	for (uint32_t i = 0; i < map->count; i++) {
		const struct tree_node *value = map->pairs[i].value;
		if (!tree_is_scalar(value))
			return reader_refuse_node(r, value, "decoder-type", "a value must be a text or a number");
		list[i].type = constant_type(value);
		if (!reader_name(r, map->pairs[i].key->text, &list[i].name))
			return false;
		list[i].value = list[i].type == VALUE_NULL ? SLICE("") : value->text;
		octets += list[i].value.len;
	}
	if (!place_values(r, list, map->count, octets))
		return false;
	*out = list;
	*count = (uint16_t)map->count;
	return true;
}

const struct condition_value *reader_values(struct decoder_reader *r, const struct slice *texts, uint16_t count)
{
	struct condition_value *values = reader_room(r, count, sizeof *values);
	CHECK(texts != NULL || count == 0);
	for (uint16_t i = 0; values != NULL && i < count; i++) {
		struct slice t = texts[i];
		values[i].open = t.len > 0 && t.ptr[t.len - 1] == '*';
		t.len -= values[i].open;
		values[i].text = t;
		values[i].head = slice_head(t);
		values[i].mask = octets_head_mask(t.len);
	}
	return values;
}

static bool read_values(struct decoder_reader *r, const struct tree_node *n, struct decoder_condition *c)
{
	const struct slice *texts = NULL;
	if (!reader_slices(r, n, &texts, &c->value_count))
		return false;
	CHECK(texts != NULL || c->value_count == 0);
	c->present = c->value_count == 1 && slice_equal(texts[0], SLICE("*"));
	c->values = reader_values(r, texts, c->value_count);
	/* Alone a star is every value; among others it is only itself. */
	struct condition_value *values = (struct condition_value *)(uintptr_t)c->values; /* our own */
	for (uint16_t i = 0; values != NULL && i < c->value_count; i++)
		if (values[i].open && values[i].text.len == 0)
			values[i] = (struct condition_value){slice_head(SLICE("*")), 0xff, texts[i], false};
	return values != NULL;
}

bool reader_conditions(struct decoder_reader *r, const struct tree_node *map, const struct decoder_condition **out,
					   uint16_t *count)
{
	if (map->type != TREE_MAP || map->count > 64)
		return reader_refuse_node(r, map, "decoder-type",
								  "this must be a map of field: value or list of values, at most 64");
	struct decoder_condition *list = reader_room(r, map->count, sizeof *list);
	if (list == NULL)
		return false;
	for (uint32_t i = 0; i < map->count; i++) {
		if (!reader_name(r, map->pairs[i].key->text, &list[i].name) || !read_values(r, map->pairs[i].value, &list[i]))
			return false;
	}
	*out = list;
	*count = (uint16_t)map->count;
	return true;
}

static bool logsource_part(struct decoder_reader *r, const struct tree_node *map, const char *key, struct slice *out)
{
	const struct tree_node *n = tree_get(map, key);
	return n == NULL || reader_text(r, n, out);
}

static bool logsource_same(const struct logsource *a, const struct logsource *b)
{
	return slice_equal(a->product, b->product) && slice_equal(a->category, b->category) &&
		   slice_equal(a->service, b->service);
}

bool reader_logsource(struct decoder_reader *r, const struct tree_node *map, uint16_t *out)
{
	static const char *const known[] = {"product", "category", "service", NULL};
	struct logsource s = {0};
	if (!reader_keys(r, map, known) || !logsource_part(r, map, "product", &s.product) ||
		!logsource_part(r, map, "category", &s.category) || !logsource_part(r, map, "service", &s.service))
		return false;
	struct decoders *d = r->d;
	for (uint32_t i = 0; i < d->logsource_count; i++) {
		if (logsource_same(&d->logsources[i], &s)) {
			*out = (uint16_t)i;
			return true;
		}
	}
	if (d->logsource_count == d->logsource_room) {
		uint32_t room = d->logsource_room == 0 ? 64 : d->logsource_room * 2;
		struct logsource *list = room < DECODER_NONE ? reader_room(r, room, sizeof *list) : NULL;
		if (list == NULL)
			return false;
		if (d->logsource_count > 0)
			memcpy(list, d->logsources, d->logsource_count * sizeof *list);
		d->logsources = list;
		d->logsource_room = room;
	}
	*out = (uint16_t)d->logsource_count;
	d->logsources[d->logsource_count++] = s;
	return true;
}

bool reader_format(struct decoder_reader *r, const struct tree_node *n, uint8_t *out)
{
	static const char *const names[] = {"plain", "rfc3164", "rfc5424", "json", "cef", "leef"};
	for (uint8_t i = 0; i < 6; i++) {
		if (tree_is_scalar(n) && slice_equal(n->text, slice_str(names[i]))) {
			*out = i;
			return true;
		}
	}
	return reader_refuse_node(r, n, "decoder-format", "a format is one of plain, rfc3164, rfc5424, json, cef, leef");
}
