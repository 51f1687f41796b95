#include "cli/output.h"

#include "cli/json_tree.h"
#include "cli/setup.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define COLUMN_MAX 64
#define WIDTH_MAX 60

void output_open(struct output *o, const struct args *args)
{
	static const char *const names[] = {"ndjson", "json", "table", "csv"};
	const char *want = args->value[OPTION_OUTPUT];
	*o = (struct output){.file = stdout,
						 .mode = isatty(1) ? OUTPUT_TABLE : OUTPUT_NDJSON,
						 .color = setup_color(args, 1),
						 .env = setup_env()};
	for (int i = 0; want && i < 4; i++)
		if (strcmp(want, names[i]) == 0)
			o->mode = (enum output_mode)i;
}

/* The text of a cell: strings bare, everything else as JSON. May hold any octet, NUL too. */
static struct slice cell_text(const struct json_node *value)
{
	return !value || value->type == JSON_NULL ? SLICE_NONE : value->text;
}

/* A row that is left out or lacks a cell would pass for the whole answer: nothing more is written, and it is told. */
static void break_off(struct output *o, const char *why)
{
	if (!o->failed)
		fprintf(stderr, "cresset: cannot write the output: %s\n", why);
	o->failed = true;
}

static void add_column(struct output *o, const char *name)
{
	if (o->column_count == COLUMN_MAX)
		return;
	const char *copy = arena_string(&o->arena, slice_str(name));
	if (copy)
		o->columns[o->column_count++] = (struct output_column){copy, (unsigned)strlen(name)};
	else
		break_off(o, "no memory");
}

static void slice_name(struct slice key, char *out, size_t size)
{
	snprintf(out, size, "%.*s", SLICE_PRINT(key));
}

/* Objects one level down are spread out; deeper ones and `fields` of events stay JSON. */
static void choose_columns(struct output *o, const struct json_node *row)
{
	char name[256];
	arena_init(&o->arena, o->env, 0);
	o->columns = arena_zalloc(&o->arena, COLUMN_MAX * sizeof *o->columns);
	if (!o->columns) {
		break_off(o, "no memory");
		return;
	}
	for (const struct json_node *n = row->first; n; n = n->next) {
		slice_name(n->key, name, sizeof name);
		if (n->type != JSON_OBJECT || strcmp(name, "fields") == 0) {
			add_column(o, name);
			continue;
		}
		for (const struct json_node *inner = n->first; inner; inner = inner->next) {
			snprintf(name, sizeof name, "%.*s.%.*s", SLICE_PRINT(n->key), SLICE_PRINT(inner->key));
			add_column(o, name);
		}
	}
}

static const struct json_node *column_value(const struct json_node *row, const char *column)
{
	const struct json_node *value = json_member(row, column);
	const char *dot = value ? NULL : strchr(column, '.');
	if (!dot)
		return value;
	char first[256];
	snprintf(first, sizeof first, "%.*s", (int)(dot - column), column);
	return json_member(json_member(row, first), dot + 1);
}

/* What a spreadsheet takes for the beginning of a formula, in half and full width; a plain negative number is none. */
static bool is_formula(struct slice text)
{
	static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"}; /* = + - @ */
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (slice_starts(text, slice_str(wide[i])))
			return true;
	if (!text.len || !memchr("=+-@\t\r\n", text.ptr[0], 7))
		return false;
	for (size_t i = 1; text.ptr[0] == '-' && i < text.len; i++)
		if ((text.ptr[i] < '0' || text.ptr[i] > '9') && text.ptr[i] != '.')
			return true;
	return text.ptr[0] != '-' || text.len == 1;
}

/* RFC 4180; NUL, which spreadsheets do not take, as \0. */
static void csv_cell(FILE *file, struct slice text)
{
	bool formula = is_formula(text), quoted = formula;
	for (size_t i = 0; i < text.len && !quoted; i++)
		quoted = memchr(",\"\r\n", text.ptr[i], 4) != NULL;
	if (quoted)
		fputc('"', file);
	if (formula)
		fputc('\'', file);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			fputc('"', file);
		if (text.ptr[i] == '\0')
			fputs("\\0", file);
		else
			fputc(text.ptr[i], file);
	}
	if (quoted)
		fputc('"', file);
}

static void table_cell(struct output *o, struct slice text, unsigned width, bool last)
{
	struct buffer b;
	buffer_init(&b, o->env);
	text_escape_screen(&b, text);
	if (b.failed)
		break_off(o, "no memory");
	size_t len = b.failed ? 0 : b.len, shown = last ? len : len > width ? width : len;
	while (shown < len && shown > 0 && (b.ptr[shown] & 0xc0) == 0x80)
		shown--;
	if (shown)
		fwrite(b.ptr, 1, shown, o->file);
	for (size_t i = shown; !last && i < width; i++)
		fputc(' ', o->file);
	fputs(last ? "\n" : "  ", o->file);
	buffer_free(&b);
}

static void table_head(struct output *o, const struct json_node *row)
{
	for (unsigned i = 0; i < o->column_count; i++) {
		size_t len = cell_text(column_value(row, o->columns[i].name)).len;
		if (len > o->columns[i].width)
			o->columns[i].width = len > WIDTH_MAX ? WIDTH_MAX : (unsigned)len;
	}
	if (o->color)
		fputs("\033[1m", o->file);
	for (unsigned i = 0; i < o->column_count; i++)
		table_cell(o, slice_str(o->columns[i].name), o->columns[i].width, i + 1 == o->column_count);
	if (o->color)
		fputs("\033[0m", o->file);
}

static void csv_head(struct output *o)
{
	for (unsigned i = 0; i < o->column_count; i++) {
		if (i)
			fputc(',', o->file);
		csv_cell(o->file, slice_str(o->columns[i].name));
	}
	fputs("\r\n", o->file);
}

static void output_cells(struct output *o, const struct json_node *row)
{
	if (!o->columns) {
		choose_columns(o, row);
		if (o->failed)
			return;
		if (o->mode == OUTPUT_TABLE)
			table_head(o, row);
		else
			csv_head(o);
	}
	for (unsigned i = 0; i < o->column_count && !o->failed; i++) {
		struct slice text = cell_text(column_value(row, o->columns[i].name));
		bool last = i + 1 == o->column_count;
		if (o->mode == OUTPUT_TABLE) {
			table_cell(o, text, o->columns[i].width, last);
		} else {
			csv_cell(o->file, text);
			fputs(last ? "\r\n" : ",", o->file);
		}
	}
}

static void output_line(struct output *o, struct slice line)
{
	if (o->mode == OUTPUT_NDJSON || o->mode == OUTPUT_JSON) {
		if (o->mode == OUTPUT_JSON)
			fputs(o->rows ? ",\n" : "[\n", o->file);
		fwrite(line.ptr, 1, line.len, o->file);
		if (o->mode == OUTPUT_NDJSON)
			fputc('\n', o->file);
	} else {
		struct arena arena;
		arena_init(&arena, o->env, 0);
		const struct json_node *row = json_tree(&arena, line);
		if (row && row->type == JSON_OBJECT)
			output_cells(o, row);
		else
			break_off(o, "no memory, or a row that is no JSON object");
		arena_free(&arena);
	}
	o->rows++;
}

/* A pipe or socket whose other end is closed says so; the error number of a write buffered by stdio may be gone by now. */
static bool reader_gone(FILE *file)
{
	struct pollfd p = {.fd = fileno(file), .events = POLLOUT};
	return errno == EPIPE || (poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)));
}

static void look(struct output *o)
{
	if (o->failed || !ferror(o->file))
		return;
	int why = errno;
	o->failed = true;
	o->gone = reader_gone(o->file);
	if (!o->gone)
		fprintf(stderr, "cresset: cannot write the output: %s\n", strerror(why));
}

void output_lines(struct output *o, struct slice ndjson)
{
	size_t at = 0;
	while (at < ndjson.len && !o->failed) {
		size_t end = slice_find_octet(ndjson, '\n', at);
		if (end == SIZE_MAX)
			end = ndjson.len;
		if (end > at)
			output_line(o, slice_of(ndjson.ptr + at, end - at));
		at = end + 1;
	}
	look(o);
}

int output_close(struct output *o)
{
	if (o->mode == OUTPUT_JSON && !o->failed)
		fputs(o->rows ? "\n]\n" : "[]\n", o->file);
	if (o->columns)
		arena_free(&o->arena);
	o->columns = NULL;
	o->column_count = 0;
	(void)fflush(o->file);
	look(o);
	return o->failed && !o->gone ? EXIT_STORAGE : EXIT_OK;
}
