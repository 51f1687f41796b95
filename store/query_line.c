#include "store/query_line.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- values ---- */

static uint32_t one(struct batch_value *out, enum value_type type, struct slice text)
{
	*out = (struct batch_value){.type = (uint8_t)type, .text = text};
	return 1;
}

static uint32_t one_number(struct batch_value *out, uint64_t number, struct value_scratch *scratch)
{
	int len = snprintf(scratch->text, sizeof(scratch->text), "%" PRIu64, number);
	return one(out, VALUE_U64, slice_of(scratch->text, (size_t)len));
}

static uint32_t one_time(struct batch_value *out, int64_t ns, struct value_scratch *scratch)
{
	return one(out, VALUE_TIME, slice_of(scratch->text, clock_print(ns, scratch->text)));
}

static uint32_t some_text(struct batch_value *out, struct slice text)
{
	return text.len == 0 ? 0 : one(out, VALUE_STRING, text);
}

static uint32_t flag_values(uint32_t flags, struct batch_value *out, uint32_t max)
{
	uint32_t count = 0;
	for (unsigned i = 0; i < QUERY_FLAG_COUNT && count < max; i++)
		if ((flags & 1u << i) != 0)
			count += one(&out[count], VALUE_STRING, slice_str(query_flag_name(i)));
	return count;
}

static uint32_t special_values(const struct query_row *r, enum special special, struct batch_value *out, uint32_t max,
							   struct value_scratch *scratch)
{
	uint16_t version;
	switch (special) {
	case SPECIAL_KIND:
		return one(out, VALUE_STRING, slice_str(row_kind_name(r->row.kind)));
	case SPECIAL_SOURCE:
		return some_text(out, batch_source_line(r->batch, r->row.source));
	case SPECIAL_DECODER:
		return some_text(out, batch_decoder_name(r->batch, r->row.decoder, &version));
	case SPECIAL_TIME:
		return (r->row.quality & TIME_PRESENT) == 0 ? 0 : one_time(out, r->row.time_ns, scratch);
	case SPECIAL_OBSERVED:
		return one_time(out, r->row.observed_ns, scratch);
	case SPECIAL_WHEN:
		return one_time(out, r->when_ns, scratch);
	case SPECIAL_ORIGINAL:
		return one(out, VALUE_STRING, r->row.original);
	case SPECIAL_FORMAT:
		return one(out, VALUE_STRING, slice_str(row_format_name(r->row.format)));
	case SPECIAL_FLAG:
		return flag_values(r->row.flags, out, max);
	case SPECIAL_PARTITION:
		return one_number(out, r->partition.partition, scratch);
	case SPECIAL_OFFSET:
		return one_number(out, r->offset, scratch);
	case SPECIAL_ROW:
		return one_number(out, r->number, scratch);
	case SPECIAL_NONE:
		break;
	}
	return 0;
}

uint32_t row_values(const struct query_row *r, const struct field_ref *field, struct batch_value *out, uint32_t max,
					struct value_scratch *scratch)
{
	uint32_t count = 0;
	if (field->special != SPECIAL_NONE)
		return special_values(r, field->special, out, max, scratch);
	for (uint32_t i = 0; i < r->row.field_count && count < max; i++) {
		struct batch_value *value = &out[count];
		batch_get_value(r->batch, &r->row, r->row.field_first + i, value);
		count += slice_equal(batch_name(r->batch, value->name), field->name);
	}
	return count;
}

/* ---- order ---- */

static struct order_value order_time(int64_t ns)
{
	uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	return (struct order_value){.number = {.whole = true, .negative = ns < 0, .magnitude = magnitude}};
}

struct order_value order_of(const struct batch_value *value)
{
	struct order_value v = {.rank = 1, .text = value->text};
	int64_t lo, hi;
	if (value->type == VALUE_NULL)
		v.rank = 2;
	else if (value->type == VALUE_TIME && time_parse(value->text, 0, false, &lo, &hi))
		return order_time(lo);
	else if (value_number(value, &v.number))
		v.rank = 0;
	return v;
}

struct order_value order_of_row(const struct query_row *r, const struct field_ref *field, struct value_scratch *scratch)
{
	struct batch_value value;
	if (field->special == SPECIAL_TIME && (r->row.quality & TIME_PRESENT) != 0)
		return order_time(r->row.time_ns);
	if (field->special == SPECIAL_OBSERVED)
		return order_time(r->row.observed_ns);
	if (field->special == SPECIAL_WHEN)
		return order_time(r->when_ns);
	if (row_values(r, field, &value, 1, scratch) == 0)
		return (struct order_value){.rank = 2};
	return order_of(&value);
}

int order_compare(const struct order_value *a, const struct order_value *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->rank == 0)
		return number_compare(&a->number, &b->number);
	return a->rank == 1 ? slice_compare(a->text, b->text) : 0;
}

int order_compare_key(const struct order_value *a, const struct order_value *b, bool descending)
{
	int order = order_compare(a, b);
	return descending && a->rank != 2 && b->rank != 2 ? -order : order;
}

/* ---- lines ---- */

static void whole_line(struct json_writer *w, const struct query_row *r)
{
	row_json_time(w, &r->row);
	json_key(w, "observed");
	json_time(w, r->row.observed_ns);
	json_key(w, "kind");
	json_str(w, row_kind_name(r->row.kind));
	json_key(w, "partition");
	json_u64(w, r->partition.partition);
	json_key(w, "offset");
	json_u64(w, r->offset);
	json_key(w, "row");
	json_u64(w, r->number);
	json_key(w, "source");
	struct slice source = batch_source_line(r->batch, r->row.source);
	if (source.len == 0)
		json_null(w);
	else
		json_string(w, source);
	row_json_decoder(w, r->batch, &r->row);
	row_json_original(w, &r->row);
	row_json_fields(w, r->batch, &r->row);
}

/* Values of one name: null, the value, or an array. */
static void field_line(struct json_writer *w, const struct query_row *r, const struct field_ref *field)
{
	struct batch_value value[2];
	struct value_scratch scratch;
	json_key_slice(w, field->name);
	uint32_t count = row_values(r, field, value, 2, &scratch);
	if (count == 0) {
		json_null(w);
		return;
	}
	if (count == 1) {
		row_json_value(w, &value[0]);
		return;
	}
	json_array(w);
	if (field->special == SPECIAL_FLAG)
		for (unsigned i = 0; i < QUERY_FLAG_COUNT; i++)
			if ((r->row.flags & 1u << i) != 0)
				json_str(w, query_flag_name(i));
	for (uint32_t i = 0; field->special == SPECIAL_NONE && i < r->row.field_count; i++) {
		batch_get_value(r->batch, &r->row, r->row.field_first + i, &value[0]);
		if (slice_equal(batch_name(r->batch, value[0].name), field->name))
			row_json_value(w, &value[0]);
	}
	json_array_end(w);
}

void row_line(struct buffer *out, const struct query_row *r, const struct field_ref *fields, uint32_t field_count)
{
	struct json_writer w;
	json_writer_init(&w, out);
	json_object(&w);
	if (field_count == 0)
		whole_line(&w, r);
	for (uint32_t i = 0; i < field_count; i++) {
		if (fields[i].special == SPECIAL_ORIGINAL)
			row_json_original(&w, &r->row);
		else
			field_line(&w, r, &fields[i]);
	}
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}
