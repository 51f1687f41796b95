#include "store/scan_block.h"

struct maker {
	struct batch_builder *builder;
	struct batch batch;
};

struct scan_blocks {
	const struct env *env;
	struct dictionary dictionary;
	struct maker narrow, whole;
	struct group *group;
	uint32_t *name_ids; /* of the group's names; DICTIONARY_NONE = not asked yet */
	uint32_t name_room, run; /* run: the next one */
	const struct batch *given; /* whole already, or null */
	struct segment_rows *rows;
	const struct scan_sieve *sieve; /* null: all rows are given */
	uint8_t *verdicts;
	uint32_t wanted; /* of the rows from `run` on */
	uint32_t *numbers; /* of the run made last */
	uint32_t numbers_room;
	/* the head of the row before: its table indexes are valid in the batch being made */
	const struct row_head *head;
	uint16_t source, decoder, logsource;
};

struct scan_blocks *scan_blocks_new(const struct env *env)
{
	struct scan_blocks *b = env_zalloc(env, sizeof *b);
	uint64_t seed = 0;
	if (!b)
		return NULL;
	b->env = env;
	/* Without randomness the table is as right, only easier to attack. */
	if (env->random.fill(env->random.ctx, &seed, sizeof seed) != 0)
		seed = (uintptr_t)b;
	if (dictionary_init(&b->dictionary, env, seed) != 0) {
		env_free(env, b);
		return NULL;
	}
	b->narrow.builder = batch_builder_new(env, &b->dictionary);
	b->whole.builder = batch_builder_new(env, &b->dictionary);
	if (!b->narrow.builder || !b->whole.builder) {
		scan_blocks_free(b);
		return NULL;
	}
	return b;
}

void scan_blocks_free(struct scan_blocks *b)
{
	if (!b)
		return;
	batch_builder_free(b->narrow.builder);
	batch_builder_free(b->whole.builder);
	dictionary_free(&b->dictionary);
	env_free(b->env, b->name_ids);
	env_free(b->env, b->numbers);
	env_free(b->env, b);
}

void scan_blocks_begin(struct scan_blocks *b, struct group *g)
{
	b->rows = NULL;
	b->group = g;
	b->sieve = NULL;
	b->run = 0;
	b->given = NULL;
	dictionary_reset(&b->dictionary);
	for (uint32_t i = 0; i < b->name_room; i++)
		b->name_ids[i] = DICTIONARY_NONE;
}

void scan_blocks_sift(struct scan_blocks *b, struct segment_rows *rows, const struct scan_sieve *sieve,
					  uint8_t *verdicts, uint32_t wanted)
{
	scan_blocks_begin(b, &rows->group);
	b->rows = rows;
	b->sieve = sieve;
	b->verdicts = verdicts;
	b->wanted = wanted;
}

bool scan_blocks_more(const struct scan_blocks *b)
{
	return b->run < b->group->run_count;
}

static int reserve_names(struct scan_blocks *b)
{
	uint32_t count = b->group->name_count;
	if (count <= b->name_room)
		return 0;
	uint32_t *ids = env_resize(b->env, b->name_ids, count * sizeof *ids);
	if (!ids)
		return -ERROR_MEMORY;
	b->name_ids = ids;
	for (uint32_t i = b->name_room; i < count; i++)
		ids[i] = DICTIONARY_NONE;
	b->name_room = count;
	return 0;
}

static int put_tables(struct scan_blocks *b, struct batch_builder *builder, const struct row_head *head)
{
	const struct group *g = b->group;
	int result = 0;
	if (head == b->head)
		return 0;
	b->source = b->decoder = b->logsource = BATCH_NO_INDEX;
	if (head->source)
		result = batch_source(builder, g->sources[head->source - 1], &b->source);
	if (head->decoder && result == 0) {
		const struct group_decoder *decoder = &g->decoders[head->decoder - 1];
		result = batch_decoder(builder, decoder->name, decoder->version, &b->decoder);
	}
	if (head->logsource && result == 0)
		result = batch_logsource(builder, &g->logsources[head->logsource - 1], &b->logsource);
	b->head = result == 0 ? head : NULL;
	return result;
}

static int put_field(struct scan_blocks *b, struct batch_builder *builder, const struct group_field *field)
{
	uint32_t *id = &b->name_ids[field->name];
	if (*id == DICTIONARY_NONE)
		*id = dictionary_intern(&b->dictionary, b->group->names[field->name]);
	if (*id == DICTIONARY_NONE)
		return b->group->names[field->name].len > (size_t)LIMIT_field_name_bytes ? -ERROR_LIMIT : -ERROR_MEMORY;
	if (field->type == VALUE_SMALL)
		return batch_field_small(builder, *id, field->small);
	return batch_field(builder, *id, (enum value_type)field->type, field->offset, field->len);
}

static int put_open_row(struct scan_blocks *b, struct batch_builder *builder, const struct group_row *row)
{
	uint32_t offset;
	struct slice derived = slice_from(row->text, row->original_len);
	int result = put_tables(b, builder, row->head);
	if (result == 0 && derived.len > 0)
		result = batch_row_derive(builder, derived, &offset);
	if (result != 0)
		return result;
	batch_row_time(builder, row->time_ns, row->head->quality);
	batch_row_tables(builder, b->source, b->decoder, b->logsource);
	batch_row_flags(builder, row->head->flags, (enum charset)row->head->charset, (enum format)row->head->format);
	for (uint32_t i = 0; i < row->field_count && result == 0; i++)
		result = put_field(b, builder, &row->fields[i]);
	return result;
}

static int put_row(struct scan_blocks *b, struct batch_builder *builder, const struct group_row *row)
{
	struct slice original = slice_of(row->text.ptr, row->original_len);
	int result = batch_row(builder, (enum row_kind)row->head->kind, row->observed_ns, original);
	if (result != 0)
		return result;
	result = put_open_row(b, builder, row);
	if (result != 0) {
		batch_row_abandon(builder);
		return result;
	}
	return batch_row_end(builder);
}

static int put_row_or_say(struct scan_blocks *b, struct maker *maker, const struct group_row *row, struct error *error)
{
	int result = put_row(b, maker->builder, row);
	if (result != 0)
		return error_set(error, result == -ERROR_MEMORY ? ERROR_MEMORY : ERROR_FORMAT,
						 "row group: a row that no batch holds: %s", error_name((enum error_code) - result));
	return 0;
}

/* The next row of the group, when it is wanted. One that may be is there as a whole: it is tested before a batch has
 * it, and the verdict stands when the run is made again. */
static int put_next(struct scan_blocks *b, struct maker *maker, bool whole, bool *taken, struct error *error)
{
	struct group_row row;
	uint8_t *verdict = b->sieve ? &b->verdicts[b->group->row] : NULL;
	*taken = false;
	if (verdict && *verdict == SIFT_NO) {
		group_skip(b->group);
		return 0;
	}
	int result = group_next(b->group, whole || (verdict && *verdict == SIFT_MAYBE), &row, error);
	if (result == 0 && verdict && *verdict == SIFT_MAYBE)
		*verdict = b->sieve->test(b->sieve->ctx, b->rows, &row) ? SIFT_YES : SIFT_NO;
	if (result != 0 || (verdict && *verdict == SIFT_NO))
		return result;
	*taken = true;
	return put_row_or_say(b, maker, &row, error);
}

static int make(struct scan_blocks *b, struct maker *maker, const struct group_run *run, bool whole,
				struct error *error)
{
	struct batch_identity identity = {{0}, run->epoch, b->group->from.partition, run->first_sequence};
	memcpy(identity.collector, run->collector, 16);
	batch_begin(maker->builder, &identity, run->must_flags, run->observed_base_ns);
	b->head = NULL;
	uint32_t count = 0;
	for (uint32_t i = 0; i < run->rows; i++) {
		bool taken;
		int result = put_next(b, maker, whole, &taken, error);
		if (result != 0)
			return result;
		if (taken && b->sieve)
			b->numbers[count++] = i;
	}
	struct slice octets;
	int result = batch_finish(maker->builder, &octets, error);
	return result == 0 ? batch_open(&maker->batch, octets, error) : result;
}

static int reserve_numbers(struct scan_blocks *b, uint32_t count)
{
	if (count <= b->numbers_room)
		return 0;
	uint32_t *numbers = env_resize(b->env, b->numbers, count * sizeof *numbers);
	if (!numbers)
		return -ERROR_MEMORY;
	b->numbers = numbers;
	b->numbers_room = count;
	return 0;
}

static uint32_t wanted_rows(const struct scan_blocks *b, uint32_t rows)
{
	uint32_t count = 0;
	for (uint32_t i = b->group->row; i < b->group->row + rows; i++)
		count += b->verdicts[i] != SIFT_NO;
	return count;
}

/* Past runs of which nothing is wanted; past all of them when nothing is left. The rows gone by. */
static uint32_t skip_runs(struct scan_blocks *b)
{
	uint32_t rows = 0, wanted = 0;
	if (b->wanted == 0) {
		b->run = b->group->run_count;
		return b->group->from.rows - b->group->row;
	}
	while (wanted == 0) {
		CHECK(scan_blocks_more(b));
		uint32_t count = b->group->runs[b->run].rows;
		wanted = wanted_rows(b, count);
		if (wanted > 0)
			break;
		for (uint32_t i = 0; i < count; i++)
			group_skip(b->group);
		rows += count;
		b->run++;
	}
	b->wanted -= wanted;
	return rows;
}

/* Of a run how many rows are wanted: only those that may be are made, and no batch. */
static int count_run(struct scan_blocks *b, const struct group_run *run, struct scan_block *block, struct error *error)
{
	for (uint32_t i = 0; i < run->rows; i++) {
		struct group_row row;
		uint8_t verdict = b->verdicts[b->group->row];
		if (verdict != SIFT_MAYBE) {
			block->count += verdict == SIFT_YES;
			group_skip(b->group);
			continue;
		}
		int result = group_next(b->group, true, &row, error);
		if (result != 0)
			return result;
		block->count += b->sieve->test(b->sieve->ctx, b->rows, &row);
	}
	return 0;
}

int scan_blocks_next(struct scan_blocks *b, bool whole, struct scan_block *block, struct error *error)
{
	static const struct batch no_rows;
	CHECK(scan_blocks_more(b));
	b->given = NULL;
	if (b->sieve)
		block->rows = skip_runs(b);
	block->sifted = b->sieve != NULL;
	block->batch = b->given = &no_rows;
	if (!scan_blocks_more(b))
		return 0;
	const struct group_run *run = &b->group->runs[b->run++];
	block->offset = run->offset;
	block->row_first = run->row_first;
	block->rows += run->rows;
	if (b->sieve && b->sieve->count_only)
		return count_run(b, run, block, error);
	if (reserve_names(b) != 0 || (b->sieve && reserve_numbers(b, run->rows) != 0))
		return error_set(error, ERROR_MEMORY, "no memory for a scan");
	group_save(b->group);
	struct maker *maker = whole ? &b->whole : &b->narrow;
	int result = make(b, maker, run, whole, error);
	if (result != 0)
		return result;
	block->batch = &maker->batch;
	block->numbers = b->sieve ? b->numbers : NULL;
	b->given = whole ? &maker->batch : NULL;
	return 0;
}

int scan_blocks_whole(struct scan_blocks *b, const struct batch **batch, struct error *error)
{
	if (!b->given) {
		CHECK(b->group && b->run > 0);
		int result = group_load_all(b->group, error);
		if (result != 0)
			return result;
		group_restore(b->group);
		result = make(b, &b->whole, &b->group->runs[b->run - 1], true, error);
		if (result != 0) {
			/* Somewhere inside the run: what follows in this group cannot be found any more. */
			b->run = b->group->run_count;
			return result;
		}
		b->given = &b->whole.batch;
	}
	*batch = b->given;
	return 1;
}

void scan_blocks_whole_is(struct scan_blocks *b, const struct batch *batch)
{
	b->given = batch;
}
