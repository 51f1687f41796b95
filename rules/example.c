#include "rules/example.h"

#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>

#define NAME_MAX_OCTETS 1024u

/* ---- JSON ---- */

static void json_value(struct json_writer *w, const struct tree_node *n)
{
	switch (n->type) {
	case TREE_NULL:
		json_null(w);
		return;
	case TREE_BOOL:
		json_bool(w, n->truth);
		return;
	case TREE_INT:
		json_i64(w, n->i64);
		return;
	case TREE_UINT:
		json_u64(w, n->u64);
		return;
	case TREE_FLOAT:
		json_f64(w, n->f64);
		return;
	case TREE_STRING:
		json_string(w, n->text);
		return;
	case TREE_LIST:
		json_array(w);
		for (uint32_t i = 0; i < n->count; i++)
			json_value(w, n->items[i]);
		json_array_end(w);
		return;
	case TREE_MAP:
		json_object(w);
		for (uint32_t i = 0; i < n->count; i++) {
			json_key_slice(w, n->pairs[i].key->text);
			json_value(w, n->pairs[i].value);
		}
		json_object_end(w);
		return;
	}
}

void example_json(const struct tree_node *map, struct buffer *out)
{
	struct json_writer w;
	json_writer_init(&w, out);
	json_value(&w, map);
}

/* ---- rows ---- */

struct example {
	struct batch_builder *b;
	struct dictionary *names;
	uint8_t name[NAME_MAX_OCTETS];
	size_t len;
};

static int add_scalar(struct example *x, const struct tree_node *n)
{
	static const enum value_type types[] = {
		[TREE_NULL] = VALUE_NULL, [TREE_BOOL] = VALUE_BOOL, [TREE_INT] = VALUE_I64,
		[TREE_UINT] = VALUE_U64,  [TREE_FLOAT] = VALUE_F64, [TREE_STRING] = VALUE_STRING,
	};
	char text[40];
	struct slice s = n->text;
	int len = 0;
	if (n->type == TREE_NULL)
		s = SLICE_NONE;
	else if (n->type == TREE_BOOL)
		s = n->truth ? SLICE("true") : SLICE("false");
	else if (n->type == TREE_INT)
		len = snprintf(text, sizeof text, "%" PRId64, n->i64);
	else if (n->type == TREE_UINT)
		len = snprintf(text, sizeof text, "%" PRIu64, n->u64);
	else if (n->type == TREE_FLOAT)
		len = snprintf(text, sizeof text, "%.17g", n->f64);
	if (len)
		s = slice_of(text, (size_t)len);
	uint32_t name = dictionary_intern(x->names, slice_of(x->name, x->len));
	return name == DICTIONARY_NONE ? -ERROR_LIMIT : batch_field_slice(x->b, name, types[n->type], s);
}

static int add_node(struct example *x, const struct tree_node *n)
{
	int rc = 0;
	if (tree_is_scalar(n))
		return add_scalar(x, n);
	if (n->type == TREE_LIST) {
		for (uint32_t i = 0; !rc && i < n->count; i++)
			rc = add_node(x, n->items[i]);
		return rc;
	}
	size_t outer = x->len;
	for (uint32_t i = 0; !rc && i < n->count; i++) {
		struct slice key = n->pairs[i].key->text;
		if (outer + 1 + key.len > sizeof x->name)
			return -ERROR_LIMIT;
		if (outer)
			x->name[x->len++] = '.';
		memcpy(x->name + x->len, key.ptr, key.len);
		x->len += key.len;
		rc = add_node(x, n->pairs[i].value);
		x->len = outer;
	}
	return rc;
}

int example_row(struct batch_builder *b, struct dictionary *names, const struct tree_node *map, struct slice original)
{
	struct example x = {.b = b, .names = names};
	int rc = batch_row(b, ROW_EVENT, 0, original);
	if (rc)
		return rc;
	batch_row_flags(b, 0, CHARSET_UTF8, FORMAT_JSON);
	rc = add_node(&x, map);
	if (rc) {
		batch_row_abandon(b);
		return rc;
	}
	return batch_row_end(b);
}
