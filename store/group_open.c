/* Opening a row group: tables, runs and codes of which nothing is believed before it is checked. */
#include "store/group_reader.h"
#include "store/ints.h"

#define OBSERVED_BASE_MAX (INT64_MAX - INT64_C(4000000000)) /* of a batch (docs/format-batch.md) */
#define FLAGS_MAX 0xfffu
#define FORMAT_MAX 15u

void *group_room(struct group *g, size_t count, size_t size)
{
	if (count > GROUP_MEMORY_MAX / size || g->arena.used_bytes + count * size > GROUP_MEMORY_MAX)
		return NULL;
	return arena_alloc(&g->arena, count * size);
}

int group_bad(struct error *error, const char *what)
{
	return error_set(error, ERROR_FORMAT, "row group: %s", what);
}

static int no_memory(struct error *error)
{
	return error_set(error, ERROR_MEMORY, "row group: no memory, or more than %u MiB of tables",
					 GROUP_MEMORY_MAX >> 20);
}

static int fetch(struct group *g, enum column_kind kind, struct reader *r, struct error *error)
{
	struct slice octets;
	uint8_t encoding;
	int result = g->from.fetch(g->from.ctx, kind, 0, &g->arena, &octets, &encoding, error);
	if (result != 0)
		return result;
	*r = reader_of(octets);
	return encoding == 0 ? 0 : group_bad(error, "unknown encoding");
}

/* ---- tables ---- */

/* A count of entries that take at least `least` octets each. */
static bool read_count(struct reader *r, size_t least, uint32_t *out)
{
	uint64_t n = reader_varint(r);
	if (r->failed || n > reader_left(r) / least)
		return false;
	*out = (uint32_t)n;
	return true;
}

static struct slice read_text(struct reader *r)
{
	uint64_t len = reader_varint(r);
	if (len > reader_left(r)) {
		r->failed = true;
		return SLICE_NONE;
	}
	return reader_slice(r, (size_t)len);
}

static bool read_texts(struct group *g, struct reader *r, struct slice **out, uint32_t *count)
{
	if (!read_count(r, 1, count) || !(*out = group_room(g, *count, sizeof **out)))
		return false;
	for (uint32_t i = 0; i < *count; i++)
		(*out)[i] = read_text(r);
	return !r->failed;
}

static bool read_decoders(struct group *g, struct reader *r)
{
	if (!read_count(r, 2, &g->decoder_count) || !(g->decoders = group_room(g, g->decoder_count, sizeof *g->decoders)))
		return false;
	for (uint32_t i = 0; i < g->decoder_count; i++) {
		g->decoders[i].name = read_text(r);
		uint64_t version = reader_varint(r);
		r->failed |= version > UINT16_MAX;
		g->decoders[i].version = (uint16_t)version;
	}
	return !r->failed;
}

static bool read_logsources(struct group *g, struct reader *r)
{
	if (!read_count(r, 3, &g->logsource_count) ||
		!(g->logsources = group_room(g, g->logsource_count, sizeof *g->logsources)))
		return false;
	for (uint32_t i = 0; i < g->logsource_count; i++) {
		g->logsources[i].product = read_text(r);
		g->logsources[i].category = read_text(r);
		g->logsources[i].service = read_text(r);
	}
	return !r->failed;
}

static bool read_collectors(struct group *g, struct reader *r)
{
	if (!read_count(r, 16, &g->collector_count) ||
		!(g->collectors = group_room(g, g->collector_count, sizeof *g->collectors)))
		return false;
	for (uint32_t i = 0; i < g->collector_count; i++)
		g->collectors[i] = reader_slice(r, 16);
	return !r->failed;
}

static uint32_t read_u32(struct reader *r, uint64_t most)
{
	uint64_t v = reader_varint(r);
	r->failed |= v > most;
	return (uint32_t)v;
}

static bool read_heads(struct group *g, struct reader *r)
{
	if (!read_count(r, 8, &g->head_count) || !(g->heads = group_room(g, g->head_count, sizeof *g->heads)))
		return false;
	for (uint32_t i = 0; i < g->head_count; i++) {
		struct row_head *head = &g->heads[i];
		head->kind = reader_u8(r);
		head->charset = reader_u8(r);
		head->format = reader_u8(r);
		r->failed |= head->format > FORMAT_MAX;
		head->flags = read_u32(r, FLAGS_MAX);
		head->quality = read_u32(r, UINT32_MAX);
		head->source = read_u32(r, g->source_count);
		head->decoder = read_u32(r, g->decoder_count);
		head->logsource = read_u32(r, g->logsource_count);
	}
	return !r->failed;
}

static int open_tables(struct group *g, struct error *error)
{
	struct reader r;
	int result = fetch(g, COLUMN_TABLES, &r, error);
	if (result != 0)
		return result;
	bool good = read_texts(g, &r, &g->names, &g->name_count) && read_texts(g, &r, &g->sources, &g->source_count) &&
				read_decoders(g, &r) && read_logsources(g, &r) && read_collectors(g, &r) && read_heads(g, &r);
	if (!good || reader_left(&r) != 0 || g->name_count > UINT16_MAX || g->source_count > UINT16_MAX)
		return group_bad(error, "tables are not what they should be");
	return 0;
}

/* ---- runs ---- */

static bool read_run(struct group *g, struct reader *r, struct group_run *run, int64_t *base)
{
	run->rows = read_u32(r, GROUP_ROWS_MAX);
	uint64_t collector = reader_varint(r);
	run->epoch = reader_varint(r);
	run->first_sequence = reader_varint(r);
	run->offset = reader_varint(r);
	run->row_first = read_u32(r, UINT32_MAX - GROUP_ROWS_MAX);
	run->may_flags = read_u32(r, UINT32_MAX);
	run->must_flags = read_u32(r, BATCH_FLAG_BACKFILL);
	uint64_t step = reader_varint(r);
	if (r->failed || run->rows == 0 || collector >= g->collector_count ||
		run->first_sequence > UINT64_MAX - run->rows ||
		__builtin_add_overflow(run->offset, g->from.offset_base, &run->offset))
		return false;
	memcpy(run->collector, g->collectors[collector].ptr, 16);
	*base = (int64_t)((uint64_t)*base + (step >> 1 ^ (~(step & 1) + 1)));
	run->observed_base_ns = *base;
	return *base <= OBSERVED_BASE_MAX;
}

static int open_runs(struct group *g, struct error *error)
{
	struct reader r;
	int result = fetch(g, COLUMN_RUNS, &r, error);
	if (result != 0)
		return result;
	if (!read_count(&r, 9, &g->run_count) || g->run_count > g->from.rows)
		return group_bad(error, "number of runs is wrong");
	g->runs = group_room(g, g->run_count, sizeof *g->runs);
	if (!g->runs)
		return no_memory(error);
	uint64_t rows = 0;
	int64_t base = 0;
	for (uint32_t i = 0; i < g->run_count; i++) {
		if (!read_run(g, &r, &g->runs[i], &base))
			return group_bad(error, "a run is wrong");
		rows += g->runs[i].rows;
	}
	return rows == g->from.rows && reader_left(&r) == 0 ? 0 : group_bad(error, "runs do not add up to the rows");
}

/* ---- one number a row ---- */

static int open_codes(struct group *g, enum column_kind kind, uint32_t **out, uint32_t limit, struct error *error)
{
	struct reader r;
	int result = fetch(g, kind, &r, error);
	if (result != 0)
		return result;
	*out = group_room(g, g->from.rows, sizeof **out);
	if (!*out)
		return no_memory(error);
	if (!ints_decode_codes(&r, *out, g->from.rows, limit) || reader_left(&r) != 0)
		return group_bad(error, "codes are wrong");
	return 0;
}

static int open_numbers(struct group *g, enum column_kind kind, uint64_t **out, struct error *error)
{
	struct reader r;
	int result = fetch(g, kind, &r, error);
	if (result != 0)
		return result;
	*out = group_room(g, g->from.rows, sizeof **out);
	if (!*out)
		return no_memory(error);
	if (!ints_decode(&r, *out, g->from.rows) || reader_left(&r) != 0)
		return group_bad(error, "times are wrong");
	return 0;
}

int group_load_times(struct group *g, struct error *error)
{
	int result = g->times ? 0 : open_numbers(g, COLUMN_TIME, &g->times, error);
	if (result == 0 && !g->observed)
		result = open_numbers(g, COLUMN_OBSERVED, &g->observed, error);
	return result;
}

/* ---- do the templates use up the values? ---- */

static int check_use(struct group *g, struct error *error)
{
	uint32_t *uses = group_room(g, (size_t)g->template_count + 1, sizeof *uses);
	uint64_t *used = group_room(g, (size_t)g->from.column_count + 1, sizeof *used);
	if (!uses || !used)
		return no_memory(error);
	memset(uses, 0, g->template_count * sizeof *uses);
	memset(used, 0, g->from.column_count * sizeof *used);
	for (uint32_t i = 0; i < g->from.rows; i++)
		uses[g->template_codes[i]]++;
	for (uint32_t t = 0; t < g->template_count; t++) {
		const struct group_structure *s = g->templates[t].structure;
		for (uint32_t k = 0; k < s->piece_count && uses[t]; k++)
			if (s->pieces[k].from == PIECE_VALUE)
				used[s->pieces[k].column] += uses[t];
	}
	for (uint32_t c = 0; c < g->from.column_count; c++)
		if (used[c] != g->from.value_counts[c])
			return group_bad(error, "a column has not as many values as the rows take");
	return 0;
}

static int make_room(struct group *g, struct error *error)
{
	uint32_t fields = 0, pieces = 0;
	for (uint32_t i = 0; i < g->structure_count; i++) {
		fields = g->structures[i].field_count > fields ? g->structures[i].field_count : fields;
		pieces = g->structures[i].piece_count > pieces ? g->structures[i].piece_count : pieces;
	}
	size_t columns = (size_t)g->from.column_count + 1;
	g->fields = group_room(g, (size_t)fields + 1, sizeof *g->fields);
	g->bounds = group_room(g, (size_t)pieces + 1, sizeof *g->bounds);
	g->columns = group_room(g, columns, sizeof *g->columns);
	g->loaded = group_room(g, columns, sizeof *g->loaded);
	g->cursors = group_room(g, columns, sizeof *g->cursors);
	g->saved = group_room(g, columns, sizeof *g->saved);
	if (!g->fields || !g->bounds || !g->columns || !g->loaded || !g->cursors || !g->saved) {
		g->loaded = NULL;
		return no_memory(error);
	}
	memset(g->loaded, 0, columns * sizeof *g->loaded);
	memset(g->cursors, 0, columns * sizeof *g->cursors);
	memset(g->saved, 0, columns * sizeof *g->saved);
	return 0;
}

static int open_all(struct group *g, struct error *error)
{
	int result = open_tables(g, error);
	if (result == 0)
		result = open_runs(g, error);
	struct reader r;
	if (result == 0)
		result = fetch(g, COLUMN_TEMPLATES, &r, error);
	if (result == 0)
		result = group_open_templates(g, slice_of(r.ptr, reader_left(&r)), error);
	if (result == 0)
		result = open_codes(g, COLUMN_TEMPLATE_CODES, &g->template_codes, g->template_count, error);
	if (result == 0)
		result = open_codes(g, COLUMN_HEAD_CODES, &g->head_codes, g->head_count, error);
	if (result == 0 && !g->from.times_later)
		result = group_load_times(g, error);
	if (result == 0)
		result = check_use(g, error);
	return result == 0 ? make_room(g, error) : result;
}

int group_open(struct group *g, const struct env *env, const struct group_columns *from, struct error *error)
{
	*g = (struct group){.env = env, .from = *from};
	arena_init(&g->arena, env, 0);
	buffer_init(&g->text, env);
	CHECK(from->rows > 0 && from->rows <= GROUP_ROWS_MAX && from->column_count <= GROUP_COLUMNS_MAX);
	int result = open_all(g, error);
	if (result != 0)
		group_close(g);
	return result;
}

void group_close(struct group *g)
{
	if (!g->env)
		return;
	for (uint32_t i = 0; g->loaded && i < g->from.column_count; i++)
		if (g->loaded[i])
			values_close(&g->columns[i], g->env);
	buffer_free(&g->text);
	arena_free(&g->arena);
	*g = (struct group){0};
}
