#include "common/row_json.h"

#include "common/text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *row_kind_name(uint8_t kind)
{
	static const char *const names[] = {"event", "gap", "quarantine", "finding", "incident", "ledger", "audit", "tick"};
	return kind < COUNT_OF(names) ? names[kind] : "unknown";
}

const char *row_format_name(uint8_t format)
{
	static const char *const names[] = {"plain", "rfc3164", "rfc5424", "json", "cef", "leef"};
	return format < COUNT_OF(names) ? names[format] : "unknown";
}

/* ---- numbers ---- */

static size_t digits(struct slice s, size_t at)
{
	while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
		at++;
	return at;
}

/* Behind the whole part: takes ".digits"; SIZE_MAX when the digits are missing. */
static size_t fraction(struct slice s, size_t at)
{
	if (at >= s.len || s.ptr[at] != '.')
		return at;
	size_t end = digits(s, at + 1);
	return end == at + 1 ? SIZE_MAX : end;
}

static size_t exponent(struct slice s, size_t at)
{
	if (at >= s.len || (s.ptr[at] != 'e' && s.ptr[at] != 'E'))
		return at;
	at++;
	if (at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-'))
		at++;
	size_t end = digits(s, at);
	return end == at ? SIZE_MAX : end;
}

bool json_is_number(struct slice s, bool *whole)
{
	size_t start = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
	size_t at = digits(s, start);
	if (at == start || (s.ptr[start] == '0' && at - start > 1))
		return false;
	if (whole != NULL)
		*whole = at == s.len;
	at = fraction(s, at);
	if (at != SIZE_MAX)
		at = exponent(s, at);
	return at == s.len;
}

/* ---- values ---- */

void row_json_value(struct json_writer *w, const struct batch_value *value)
{
	switch (value->type) {
	case VALUE_NULL:
		json_null(w);
		return;
	case VALUE_SMALL:
		json_u64(w, value->small);
		return;
	case VALUE_BOOL:
		if (slice_equal(value->text, SLICE("true")) || slice_equal(value->text, SLICE("false"))) {
			json_raw(w, value->text);
			return;
		}
		break;
	case VALUE_I64:
	case VALUE_U64:
	case VALUE_F64:
		if (json_is_number(value->text, NULL)) {
			json_raw(w, value->text);
			return;
		}
		break;
	default:
		break;
	}
	json_string(w, value->text);
}

/* The place of the next value of this name from `from` on; UINT32_MAX when there is none. */
static uint32_t next_of_name(const struct batch *batch, const struct batch_row *row, uint16_t name, uint32_t from)
{
	struct batch_value value;
	for (uint32_t i = from; i < row->field_count; i++) {
		batch_get_value(batch, row, row->field_first + i, &value);
		if (value.name == name)
			return i;
	}
	return UINT32_MAX;
}

static bool is_first_of_name(const struct batch *batch, const struct batch_row *row, uint16_t name, uint32_t place)
{
	return next_of_name(batch, row, name, 0) == place;
}

static void field_json(struct json_writer *w, const struct batch *batch, const struct batch_row *row, uint32_t place)
{
	struct batch_value value;
	batch_get_value(batch, row, row->field_first + place, &value);
	if (!is_first_of_name(batch, row, value.name, place))
		return;
	uint32_t next = next_of_name(batch, row, value.name, place + 1);
	json_key_slice(w, batch_name(batch, value.name));
	if (next == UINT32_MAX) {
		row_json_value(w, &value);
		return;
	}
	json_array(w);
	row_json_value(w, &value);
	for (; next != UINT32_MAX; next = next_of_name(batch, row, value.name, next + 1)) {
		batch_get_value(batch, row, row->field_first + next, &value);
		row_json_value(w, &value);
	}
	json_array_end(w);
}

void row_json_fields(struct json_writer *w, const struct batch *batch, const struct batch_row *row)
{
	json_key(w, "fields");
	json_object(w);
	for (uint32_t i = 0; i < row->field_count; i++)
		field_json(w, batch, row, i);
	json_object_end(w);
}

/* ---- the rest of a row ---- */

void row_json_time(struct json_writer *w, const struct batch_row *row)
{
	json_key(w, "time");
	if ((row->quality & TIME_PRESENT) != 0)
		json_time(w, row->time_ns);
	else
		json_null(w);
}

void row_json_time_quality(struct json_writer *w, const struct batch_row *row)
{
	static const struct {
		uint32_t bit;
		const char *word;
	} words[] = {
		{TIME_ZONE_EXPLICIT, "zone_explicit"},
		{TIME_ZONE_INFERRED, "zone_inferred"},
		{TIME_YEAR_INFERRED, "year_inferred"},
		{TIME_AMBIGUOUS, "ambiguous"},
		{TIME_LEAP, "leap"},
		{TIME_FUTURE, "future"},
		{TIME_FROM_BODY, "from_body"},
	};
	json_key(w, "time_quality");
	if ((row->quality & TIME_PRESENT) == 0) {
		json_null(w);
		return;
	}
	json_array(w);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if ((row->quality & words[i].bit) != 0)
			json_str(w, words[i].word);
	json_array_end(w);
}

void row_json_original(struct json_writer *w, const struct batch_row *row)
{
	if (utf8_valid(row->original)) {
		json_key(w, "original");
		json_string(w, row->original);
	} else {
		json_key(w, "original_base64");
		json_base64(w, row->original);
	}
}

void row_json_decoder(struct json_writer *w, const struct batch *batch, const struct batch_row *row)
{
	uint16_t version;
	struct slice name = batch_decoder_name(batch, row->decoder, &version);
	json_key(w, "decoder");
	if (name.len == 0)
		json_null(w);
	else
		json_string(w, name);
}

void row_json(struct json_writer *w, const struct batch *batch, const struct batch_row *row)
{
	row_json_time(w, row);
	row_json_time_quality(w, row);
	json_key(w, "observed");
	json_time(w, row->observed_ns);
	row_json_original(w, row);
	json_key(w, "format");
	json_str(w, row_format_name(row->format));
	row_json_decoder(w, batch, row);
	row_json_fields(w, batch, row);
}
