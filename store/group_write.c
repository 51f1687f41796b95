/* Making a row group: what comes from a batch is gathered row by row; group_rows.c cuts the text of the row. */
#include "store/group_writer.h"
#include "store/ints.h"

#define NAMES_MAX 60000u /* below dictionary_names: a reader can name them all */

static void tables_init(struct group_writer *g)
{
	struct strings *copied[] = {&g->decoders, &g->logsources, &g->heads, &g->structures, &g->templates, &g->contexts};
	for (unsigned i = 0; i < sizeof copied / sizeof copied[0]; i++)
		strings_init(copied[i], g->env, &g->arena);
	strings_init(&g->several, g->env, &g->shape_arena);
	literals_init(&g->texts, g->env, &g->arena);
	struct strings *borrowed[] = {&g->names, &g->sources, &g->collectors};
	for (unsigned i = 0; i < sizeof borrowed / sizeof borrowed[0]; i++)
		strings_init(borrowed[i], g->env, NULL);
	struct buffer *buffers[] = {&g->runs,     &g->maps,      &g->shape_maps, &g->shape_fields,
								&g->literals, &g->structure, &g->bits,       &g->out};
	for (unsigned i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
		buffer_init(buffers[i], g->env);
}

struct group_writer *group_writer_new(const struct env *env)
{
	struct group_writer *g = env_zalloc(env, sizeof *g);
	if (!g)
		return NULL;
	g->env = env;
	arena_init(&g->arena, env, 0);
	arena_init(&g->shape_arena, env, SHAPE_CHUNK_BYTES);
	tables_init(g);
	memcpy(&g->key_factor, g->structures.secret, sizeof g->key_factor);
	g->key_factor |= 1;
	words_init(&g->words, env);
	values_work_init(&g->work, env);
	g->time = env_alloc(env, GROUP_ROWS_MAX * sizeof *g->time);
	g->observed = env_alloc(env, GROUP_ROWS_MAX * sizeof *g->observed);
	g->template_codes = env_alloc(env, GROUP_ROWS_MAX * sizeof *g->template_codes);
	g->head_codes = env_alloc(env, GROUP_ROWS_MAX * sizeof *g->head_codes);
	g->columns = env_zalloc(env, GROUP_COLUMNS_MAX * sizeof *g->columns);
	g->context_states = env_alloc(env, CONTEXTS_MAX * sizeof *g->context_states);
	if (!g->time || !g->observed || !g->template_codes || !g->head_codes || !g->columns || !g->context_states) {
		group_writer_free(g);
		return NULL;
	}
	group_begin(g, 0);
	return g;
}

void group_writer_free(struct group_writer *g)
{
	if (!g)
		return;
	struct strings *tables[] = {&g->decoders, &g->logsources, &g->heads,      &g->structures, &g->templates,
								&g->names,    &g->sources,    &g->collectors, &g->contexts};
	for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++)
		strings_free(tables[i]);
	strings_free(&g->several);
	literals_free(&g->texts);
	struct buffer *buffers[] = {&g->runs,     &g->maps,      &g->shape_maps, &g->shape_fields,
								&g->literals, &g->structure, &g->bits,       &g->out};
	for (unsigned i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
		buffer_free(buffers[i]);
	for (uint32_t i = 0; i < g->columns_made; i++)
		values_free(&g->columns[i].values);
	void *arrays[] = {g->time,        g->observed,       g->template_codes, g->head_codes, g->columns,
					  g->name_states, g->context_states, g->text_contexts,  g->slots};
	for (unsigned i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
		env_free(g->env, arrays[i]);
	words_free(&g->words);
	values_work_free(&g->work);
	arena_free(&g->arena);
	arena_free(&g->shape_arena);
	env_free(g->env, g);
}

void group_begin(struct group_writer *g, uint64_t rows_expected)
{
	struct strings *tables[] = {&g->decoders, &g->logsources, &g->heads,      &g->structures, &g->templates,
								&g->names,    &g->sources,    &g->collectors, &g->contexts};
	for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++)
		strings_reset(tables[i]);
	literals_reset(&g->texts);
	for (uint32_t i = 0; i < g->column_count; i++)
		values_reset(&g->columns[i].values);
	if (g->name_states)
		memset(g->name_states, 0, g->name_states_room * sizeof *g->name_states);
	arena_reset(&g->arena);
	words_reset(&g->words);
	buffer_reset(&g->runs);
	memset(g->context_states, 0, CONTEXTS_MAX * sizeof *g->context_states);
	uint64_t contexts = rows_expected / ROWS_PER_CONTEXT;
	group_forget_shapes(g);
	g->shape_count = 0;
	g->context_limit = contexts < 4 ? 0 : contexts < CONTEXTS_MAX ? (uint32_t)contexts : CONTEXTS_MAX;
	g->row_count = g->run_count = g->column_count = 0;
	g->anonymous = 0;
	g->text_bytes = g->batch_bytes = 0;
	g->literals_off = false;
	memset(g->known_heads, 0, sizeof g->known_heads);
	g->epoch = 1;
	g->last_time_len = 0;
	g->last_observed_base = 0;
	g->zone = ZONE_EMPTY;
}

bool group_fits(const struct group_writer *g, const struct batch *batch)
{
	if (g->row_count == 0)
		return true;
	return g->names.count + batch->name_count <= NAMES_MAX && g->text_bytes < GROUP_TEXT_BYTES &&
		   g->batch_bytes < GROUP_BATCH_BYTES;
}

uint32_t group_rows(const struct group_writer *g)
{
	return g->row_count;
}

const struct zone *group_zone(const struct group_writer *g)
{
	return &g->zone;
}

const struct strings *group_sources(const struct group_writer *g)
{
	return &g->sources;
}

void zone_join(struct zone *zone, const struct zone *other)
{
	zone->when_min = other->when_min < zone->when_min ? other->when_min : zone->when_min;
	zone->when_max = other->when_max > zone->when_max ? other->when_max : zone->when_max;
	zone->observed_min = other->observed_min < zone->observed_min ? other->observed_min : zone->observed_min;
	zone->observed_max = other->observed_max > zone->observed_max ? other->observed_max : zone->observed_max;
	zone->kinds |= other->kinds;
}

/* ---- the tables of a batch, as indexes of the group's ---- */

static uint32_t intern_decoder(struct group_writer *g, const struct batch *batch, uint16_t index)
{
	uint16_t version;
	struct slice name = batch_decoder_name(batch, index, &version);
	buffer_reset(&g->literals);
	buffer_add_varint(&g->literals, name.len);
	buffer_add_slice(&g->literals, name);
	buffer_add_varint(&g->literals, version);
	return g->literals.failed ? STRINGS_NONE : strings_intern(&g->decoders, buffer_slice(&g->literals), NULL);
}

static uint32_t intern_logsource(struct group_writer *g, const struct batch *batch, uint16_t index)
{
	struct logsource l = batch_get_logsource(batch, index);
	const struct slice parts[3] = {l.product, l.category, l.service};
	buffer_reset(&g->literals);
	for (unsigned i = 0; i < 3; i++) {
		buffer_add_varint(&g->literals, parts[i].len);
		buffer_add_slice(&g->literals, parts[i]);
	}
	return g->literals.failed ? STRINGS_NONE : strings_intern(&g->logsources, buffer_slice(&g->literals), NULL);
}

static bool grow_name_states(struct group_writer *g)
{
	if (g->names.count <= g->name_states_room)
		return true;
	uint32_t room = g->names.count + 64;
	struct name_state *states = env_resize(g->env, g->name_states, room * sizeof *states);
	if (!states)
		return false;
	memset(states + g->name_states_room, 0, (room - g->name_states_room) * sizeof *states);
	g->name_states = states;
	g->name_states_room = room;
	return true;
}

static bool map_tables(struct group_writer *g, const struct batch *b)
{
	size_t total = (size_t)b->name_count + b->source_count + b->decoder_count + b->logsource_count;
	buffer_reset(&g->maps);
	uint32_t *map = (uint32_t *)(void *)buffer_room(&g->maps, (total + 1) * sizeof *map);
	if (!map)
		return false;
	bool good = true;
	g->name_map = map;
	for (uint32_t i = 0; i < b->name_count; i++, map++)
		good &= (*map = strings_intern(&g->names, batch_name(b, (uint16_t)i), NULL)) != STRINGS_NONE;
	g->source_map = map;
	for (uint32_t i = 0; i < b->source_count; i++, map++)
		good &= (*map = strings_intern(&g->sources, batch_source_line(b, (uint16_t)i), NULL)) != STRINGS_NONE;
	g->decoder_map = map;
	for (uint32_t i = 0; i < b->decoder_count; i++, map++)
		good &= (*map = intern_decoder(g, b, (uint16_t)i)) != STRINGS_NONE;
	g->logsource_map = map;
	for (uint32_t i = 0; i < b->logsource_count; i++, map++)
		good &= (*map = intern_logsource(g, b, (uint16_t)i)) != STRINGS_NONE;
	return good && grow_name_states(g) && group_map_shapes(g, b);
}

static bool add_run(struct group_writer *g, const struct row_run *run)
{
	const struct batch *b = run->batch;
	uint32_t collector = strings_intern(&g->collectors, slice_of(b->identity.collector, 16), NULL);
	if (collector == STRINGS_NONE)
		return false;
	int64_t step = (int64_t)((uint64_t)b->observed_base_ns - (uint64_t)g->last_observed_base);
	g->last_observed_base = b->observed_base_ns;
	g->run_count++;
	buffer_add_varint(&g->runs, run->count);
	buffer_add_varint(&g->runs, collector);
	buffer_add_varint(&g->runs, b->identity.epoch);
	buffer_add_varint(&g->runs, b->identity.first_sequence + run->first);
	buffer_add_varint(&g->runs, run->offset);
	buffer_add_varint(&g->runs, run->first);
	buffer_add_varint(&g->runs, b->may_flags);
	buffer_add_varint(&g->runs, b->must_flags);
	buffer_add_varint(&g->runs, (uint64_t)step << 1 ^ (uint64_t)(step >> 63));
	return !g->runs.failed;
}

/* ---- rows ---- */

static uint32_t head_code(struct group_writer *g, const struct batch_row *row)
{
	struct row_head head = {row->kind, row->charset, row->format, row->flags, row->quality, 0, 0, 0};
	if (row->source != BATCH_NO_INDEX)
		head.source = g->source_map[row->source] + 1;
	if (row->decoder != BATCH_NO_INDEX)
		head.decoder = g->decoder_map[row->decoder] + 1;
	if (row->logsource != BATCH_NO_INDEX)
		head.logsource = g->logsource_map[row->logsource] + 1;
	uint32_t mixed = head.kind + head.format * 3 + head.flags * 5 + head.quality * 7 + head.source * 11 +
					 head.decoder * 13 + head.logsource * 29;
	struct known_head *known = &g->known_heads[mixed % HEADS_KNOWN];
	if (known->code != 0 && memcmp(&head, &known->head, sizeof head) == 0)
		return known->code - 1;
	uint32_t code = strings_intern(&g->heads, slice_of(&head, sizeof head), NULL);
	*known = (struct known_head){head, code + 1};
	return code;
}

static int add_row(struct group_writer *g, const struct batch *batch, uint32_t index)
{
	struct batch_row row;
	batch_get_row(batch, index, &row);
	uint32_t at = g->row_count, head = head_code(g, &row);
	if (head == STRINGS_NONE)
		return -ERROR_MEMORY;
	g->head_codes[at] = head;
	g->time[at] = (uint64_t)row.time_ns;
	g->observed[at] = (uint64_t)row.observed_ns;
	int64_t when = batch_row_when(&row);
	struct zone zone = {when, when, row.observed_ns, row.observed_ns, zone_kind_bit(row.kind)};
	zone_join(&g->zone, &zone);
	int result = group_add_text(g, batch, &row, &g->template_codes[at]);
	if (result != 0)
		return result;
	g->text_bytes += row.text.len;
	g->batch_bytes += row.text.len + 4 * (size_t)row.field_count + 40;
	g->row_count++;
	return 0;
}

int group_add(struct group_writer *g, const struct row_run *run, struct error *error)
{
	CHECK(run->count > 0 && run->first + run->count <= run->batch->row_count);
	CHECK(g->row_count + run->count <= GROUP_ROWS_MAX);
	if (!map_tables(g, run->batch) || !add_run(g, run))
		return error_set(error, ERROR_MEMORY, "no memory for a row group");
	for (uint32_t i = 0; i < run->count; i++)
		if (add_row(g, run->batch, run->first + i) != 0)
			return error_set(error, ERROR_MEMORY, "no memory for the rows of a row group");
	return 0;
}

/* ---- columns ---- */

static void put_texts(struct buffer *out, const struct strings *s)
{
	buffer_add_varint(out, s->count);
	for (uint32_t i = 0; i < s->count; i++) {
		buffer_add_varint(out, s->items[i].len);
		buffer_add_slice(out, s->items[i]);
	}
}

/* Entries that were interned in the form in which they are written. */
static void put_keys(struct buffer *out, const struct strings *s)
{
	buffer_add_varint(out, s->count);
	for (uint32_t i = 0; i < s->count; i++)
		buffer_add_slice(out, s->items[i]);
}

static void put_heads(struct buffer *out, const struct strings *s)
{
	buffer_add_varint(out, s->count);
	for (uint32_t i = 0; i < s->count; i++) {
		struct row_head head;
		memcpy(&head, s->items[i].ptr, sizeof head);
		buffer_add_octet(out, (uint8_t)head.kind);
		buffer_add_octet(out, (uint8_t)head.charset);
		buffer_add_octet(out, (uint8_t)head.format);
		const uint32_t rest[] = {head.flags, head.quality, head.source, head.decoder, head.logsource};
		for (unsigned k = 0; k < 5; k++)
			buffer_add_varint(out, rest[k]);
	}
}

static void fill_tables(struct group_writer *g)
{
	put_texts(&g->out, &g->names);
	put_texts(&g->out, &g->sources);
	put_keys(&g->out, &g->decoders);
	put_keys(&g->out, &g->logsources);
	put_keys(&g->out, &g->collectors);
	put_heads(&g->out, &g->heads);
}

/* Offsets were kept whole while the segment's first one was not known. */
static void fill_runs(struct group_writer *g, uint64_t offset_base)
{
	struct reader r = reader_of(buffer_slice(&g->runs));
	buffer_add_varint(&g->out, g->run_count);
	for (uint32_t i = 0; i < g->run_count; i++)
		for (unsigned k = 0; k < 9; k++) {
			uint64_t v = reader_varint(&r);
			buffer_add_varint(&g->out, k == 4 ? v - offset_base : v);
		}
	CHECK(!r.failed);
}

static int put_out(struct group_writer *g, group_put *put, void *ctx, enum column_kind kind)
{
	if (g->out.failed)
		return -ERROR_MEMORY;
	uint32_t values = kind == COLUMN_TABLES || kind == COLUMN_RUNS || kind == COLUMN_TEMPLATES ? 0 : g->row_count;
	int result = put(ctx, kind, 0, 0, kind == COLUMN_FILTER ? 0 : values, buffer_slice(&g->out));
	buffer_reset(&g->out);
	return result;
}

static int put_fixed(struct group_writer *g, uint64_t offset_base, group_put *put, void *ctx)
{
	for (enum column_kind kind = COLUMN_TABLES; kind <= COLUMN_OBSERVED; kind++) {
		if (kind == COLUMN_TABLES)
			fill_tables(g);
		else if (kind == COLUMN_RUNS)
			fill_runs(g, offset_base);
		else if (kind == COLUMN_TEMPLATES)
			group_fill_templates(g, &g->out);
		else if (kind == COLUMN_TEMPLATE_CODES)
			ints_encode_codes(&g->out, g->template_codes, g->row_count);
		else if (kind == COLUMN_HEAD_CODES)
			ints_encode_codes(&g->out, g->head_codes, g->row_count);
		else
			ints_encode(&g->out, kind == COLUMN_TIME ? g->time : g->observed, g->row_count);
		int result = put_out(g, put, ctx, kind);
		if (result != 0)
			return result;
	}
	return 0;
}

static int put_values(struct group_writer *g, group_put *put, void *ctx)
{
	for (uint32_t i = 0; i < g->column_count; i++) {
		struct column *column = &g->columns[i];
		enum values_encoding encoding;
		int result = values_encode(&column->values, &g->work, &g->words, &g->out, &encoding);
		if (result == 0)
			result =
				put(ctx, COLUMN_VALUES, (uint8_t)encoding, column->number, column->values.count, buffer_slice(&g->out));
		buffer_reset(&g->out);
		if (result != 0)
			return result;
	}
	return 0;
}

int group_finish(struct group_writer *g, uint64_t offset_base, group_put *put, void *ctx, struct error *error)
{
	CHECK(g->row_count > 0);
	buffer_reset(&g->out);
	int result = put_fixed(g, offset_base, put, ctx);
	if (result == 0)
		result = put_values(g, put, ctx);
	if (result == 0) {
		words_filter(&g->words, &g->out);
		result = put_out(g, put, ctx, COLUMN_FILTER);
	}
	return result == 0 ? 0
					   : error_set(error, (enum error_code) - result, "row group not finished: %s",
								   error_name((enum error_code) - result));
}
