/* A segment in text, for a person: what it says of itself, and its rows. Damage is told in its place; the rest is shown.
 */
#include "store/segment_check.h"

static const char *const COLUMN_NAMES[] = {"?",          "tables", "runs",     "templates", "template codes",
										   "head codes", "time",   "observed", "values",    "filter"};
static const char *const ENCODING_NAMES[] = {"strings", "dictionary", "decimal", "ipv4"};
static const char *const KIND_NAMES[] = {"event",    "gap",    "quarantine", "finding",
										 "incident", "ledger", "audit",      "tick"};

static void put_time(struct buffer *out, const char *label, int64_t ns)
{
	char text[40];
	size_t len = clock_print(ns, text);
	buffer_add_format(out, "%s%.*s", label, (int)len, text);
}

static void put_hex(struct buffer *out, const uint8_t *octets, size_t n)
{
	char hex[65];
	hex_print(octets, n, hex);
	buffer_add_str(out, hex);
}

static void show_index(struct buffer *out, const char *path, const struct segment_index *index)
{
	buffer_add_format(out, "segment %s\n  uuid ", path);
	put_hex(out, index->uuid, 16);
	buffer_add_format(out, "\n  topic %u partition %u, bus offsets %llu to %llu\n", index->partition.topic,
					  index->partition.partition, (unsigned long long)index->first_offset,
					  (unsigned long long)index->last_offset);
	put_time(out, "  made ", index->made_ns);
	buffer_add_format(out, ", %llu octets, %u blocks\n", (unsigned long long)index->file_bytes, index->block_count);
	buffer_add_format(out, "  rows %llu, leaves from %llu\n", (unsigned long long)index->rows,
					  (unsigned long long)index->first_leaf);
	put_time(out, "  when ", index->zone.when_min);
	put_time(out, " to ", index->zone.when_max);
	put_time(out, "\n  observed ", index->zone.observed_min);
	put_time(out, " to ", index->zone.observed_max);
	buffer_add_format(out, "\n  footer XXH3 %016llx\n", (unsigned long long)index->footer_hash);
	for (uint32_t i = 0; i < index->mark_count; i++) {
		buffer_add_str(out, "  collector ");
		put_hex(out, index->marks[i].collector, 16);
		buffer_add_format(out, " epoch %llu: sequences %llu to %llu\n", (unsigned long long)index->marks[i].epoch,
						  (unsigned long long)index->marks[i].first, (unsigned long long)index->marks[i].next - 1);
	}
}

static void show_column(struct buffer *out, uint32_t number, const struct segment_column *c, const struct group *g)
{
	const char *kind = c->kind < 10 ? COLUMN_NAMES[c->kind] : "?";
	const char *encoding =
		c->kind == COLUMN_VALUES && c->encoding < VALUES_ENCODINGS ? ENCODING_NAMES[c->encoding] : "-";
	buffer_add_format(out, "    %4u  %-14s %-10s %8u values %9u octets in %9u  ", number, kind, encoding, c->values,
					  c->octets, c->stored);
	if (c->kind == COLUMN_VALUES && g && c->number < g->name_count)
		text_escape_screen(out, g->names[c->number]);
	else if (c->kind == COLUMN_VALUES)
		buffer_add_str(out, "(text between fields)");
	buffer_add_octet(out, '\n');
}

static void show_field(struct buffer *out, const struct group *g, const struct group_row *row,
					   const struct group_field *field)
{
	buffer_add_str(out, "        ");
	text_escape_screen(out, g->names[field->name]);
	buffer_add_str(out, " = ");
	if (field->type == VALUE_SMALL)
		buffer_add_format(out, "%u", field->small);
	else if (field->type == VALUE_NULL)
		buffer_add_str(out, "(null)");
	else
		text_escape_screen(out, slice_of(row->text.ptr + field->offset, field->len));
	buffer_add_octet(out, '\n');
}

static void show_row(struct buffer *out, const struct group *g, const struct group_run *run, uint32_t index,
					 const struct group_row *row)
{
	const struct row_head *head = row->head;
	buffer_add_format(out, "    offset %llu row %u sequence %llu %s", (unsigned long long)run->offset,
					  run->row_first + index, (unsigned long long)(run->first_sequence + index),
					  head->kind < 8 ? KIND_NAMES[head->kind] : "unknown kind");
	put_time(out, " observed ", row->observed_ns);
	if (head->quality & TIME_PRESENT)
		put_time(out, " time ", row->time_ns);
	buffer_add_format(out, " quality %u flags %u", head->quality, head->flags);
	if (head->source) {
		buffer_add_str(out, " source ");
		text_escape_screen(out, g->sources[head->source - 1]);
	}
	if (head->decoder) {
		buffer_add_str(out, " decoder ");
		text_escape_screen(out, g->decoders[head->decoder - 1].name);
	}
	buffer_add_str(out, "\n      ");
	text_escape_screen(out, slice_of(row->text.ptr, row->original_len));
	buffer_add_octet(out, '\n');
	for (uint32_t i = 0; i < row->field_count; i++)
		show_field(out, g, row, &row->fields[i]);
}

static int show_rows(struct buffer *out, struct group *g, struct error *error)
{
	int result = group_load_all(g, error);
	for (uint32_t r = 0; r < g->run_count && result == 0; r++)
		for (uint32_t i = 0; i < g->runs[r].rows && result == 0; i++) {
			struct group_row row;
			result = group_next(g, true, &row, error);
			if (result == 0)
				show_row(out, g, &g->runs[r], i, &row);
		}
	return result;
}

static void show_group(struct buffer *out, struct segment *s, uint32_t number, bool with_rows)
{
	const struct segment_group *from = &s->index.groups[number];
	struct segment_rows rows;
	struct error why = {0};
	int result = segment_rows_open(&rows, s, number, &why);
	buffer_add_format(out, "  row group %u: %u rows", number, from->rows);
	put_time(out, ", when ", from->zone.when_min);
	put_time(out, " to ", from->zone.when_max);
	buffer_add_octet(out, '\n');
	for (uint32_t i = 0; i < from->column_count; i++)
		show_column(out, i, &from->columns[i], result == 0 ? &rows.group : NULL);
	if (result == 0) {
		buffer_add_format(out, "    %u names, %u sources, %u runs, %u structures, %u templates\n",
						  rows.group.name_count, rows.group.source_count, rows.group.run_count,
						  rows.group.structure_count, rows.group.template_count);
		if (with_rows)
			result = show_rows(out, &rows.group, &why);
		segment_rows_close(&rows);
	}
	if (result != 0)
		buffer_add_format(out, "    DAMAGED: %s\n", why.text);
}

int segment_show(const struct env *env, const char *path, bool rows, struct buffer *text, struct error *error)
{
	struct segment s;
	int result = segment_open(&s, env, path, error);
	if (result != 0)
		return result;
	show_index(text, path, &s.index);
	for (uint32_t i = 0; i < s.index.group_count; i++)
		show_group(text, &s, i, rows);
	segment_close(&s);
	return text->failed ? error_set(error, ERROR_MEMORY, "no memory for the text") : 0;
}
