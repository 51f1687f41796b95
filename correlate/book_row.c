#include "correlate/book_row.h"

#include <stddef.h>

/* The text of the value that the last token began: strings with their quotes, objects and arrays whole. */
static bool value_text(struct json_reader *r, const struct json_token *token, struct slice *out)
{
	const uint8_t *start = token->text.ptr;
	if (token->type == JSON_OBJECT || token->type == JSON_ARRAY) {
		start = r->ptr - 1;
		if (!json_skip(r))
			return false;
	} else if (token->type == JSON_STRING) {
		start--;
		*out = slice_of(start, token->text.len + 2);
		return true;
	} else if (token->type == JSON_ERROR || token->type == JSON_END) {
		return false;
	} else if (token->type != JSON_NUMBER) {
		*out = SLICE_NONE;
		return true;
	} else {
		*out = token->text;
		return true;
	}
	*out = slice_of(start, (size_t)(r->ptr - start));
	return true;
}

static struct slice unquoted(struct slice text)
{
	return text.len >= 2 && text.ptr[0] == '"' ? slice_of(text.ptr + 1, text.len - 2) : text;
}

static bool take_value(struct book_row *row, struct slice key, struct slice text)
{
	static const struct {
		const char *name;
		size_t at;
	} kept[] = {
		{"rule", offsetof(struct book_row, rule)},
		{"group", offsetof(struct book_row, group)},
		{"first_seen", offsetof(struct book_row, first_seen)},
		{"last_seen", offsetof(struct book_row, last_seen)},
		{"fired", offsetof(struct book_row, fired)},
		{"count", offsetof(struct book_row, count)},
		{"firing_points", offsetof(struct book_row, firing_points)},
		{"replaces", offsetof(struct book_row, replaces)},
		{"suppressed_by", offsetof(struct book_row, suppressed_by)},
	};
	for (unsigned i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (slice_equal(key, slice_str(kept[i].name)))
			memcpy((uint8_t *)row + kept[i].at, &text, sizeof(text));
	if (slice_equal(key, SLICE("id")))
		return hex_parse(unquoted(text), row->id, 16);
	if (slice_equal(key, SLICE("version")))
		return slice_to_u64(text, &row->version);
	if (slice_equal(key, SLICE("status")))
		row->status = unquoted(text);
	if (slice_equal(key, SLICE("state")))
		row->final = slice_equal(text, SLICE("\"final\""));
	return true;
}

static bool read_inner(struct json_reader *r, struct book_row *row)
{
	struct json_token token;
	const uint8_t *start = r->ptr - 1;
	while (json_next(r, &token) == JSON_KEY) {
		struct slice key = token.text, text;
		json_next(r, &token);
		if (!value_text(r, &token, &text) || !take_value(row, key, text))
			return false;
	}
	row->whole = slice_of(start, (size_t)(r->ptr - start));
	return token.type == JSON_OBJECT_END;
}

bool book_row_read(struct slice json, struct book_row *out)
{
	struct json_reader r;
	struct json_token token;
	static const uint8_t none[16];
	memset(out, 0, sizeof(*out));
	json_reader_init(&r, json);
	if (json_next(&r, &token) != JSON_OBJECT)
		return false;
	if (json_next(&r, &token) != JSON_KEY)
		return false;
	if (slice_equal(token.text, SLICE("incident")))
		out->kind = BOOK_ROW_INCIDENT;
	else if (slice_equal(token.text, SLICE("incident_change")))
		out->kind = BOOK_ROW_CHANGE;
	else if (slice_equal(token.text, SLICE("silence")))
		out->kind = BOOK_ROW_SILENCE;
	if (out->kind != BOOK_ROW_INCIDENT && out->kind != BOOK_ROW_CHANGE)
		return true;
	if (json_next(&r, &token) != JSON_OBJECT || !read_inner(&r, out))
		return false;
	return json_next(&r, &token) == JSON_OBJECT_END && memcmp(out->id, none, 16) != 0;
}

bool book_row_inner(struct slice json, struct book_row *out)
{
	struct json_reader r;
	struct json_token token;
	memset(out, 0, sizeof(*out));
	out->kind = BOOK_ROW_INCIDENT;
	json_reader_init(&r, json);
	return json_next(&r, &token) == JSON_OBJECT && read_inner(&r, out);
}

bool book_row_replaced(struct slice replaces, size_t *place, uint8_t id[16])
{
	size_t at = slice_find_octet(replaces, '"', *place);
	if (at == SIZE_MAX || replaces.len - at < 34)
		return false;
	*place = at + 34;
	return hex_parse(slice_of(replaces.ptr + at + 1, 32), id, 16);
}
