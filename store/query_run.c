#include "store/query_run.h"

/* ---- rows of a scan ---- */

struct scan_hints query_hints(const struct query *q)
{
	return (struct scan_hints){.from_ns = q->from_ns,
							   .to_ns = q->to_ns,
							   .kinds = q->kinds == UINT32_MAX ? 0 : q->kinds,
							   .descending = q->options.descending,
							   .all_columns = q->all_columns,
							   .columns = q->columns,
							   .column_count = q->column_count,
							   .literals = q->literals,
							   .literal_count = q->literal_count};
}

bool query_block_row(const struct scan_block *block, uint32_t i, struct query_row *out)
{
	if (block->skip != NULL && (block->skip[i / 64] >> i % 64 & 1) != 0)
		return false;
	*out = (struct query_row){.batch = block->batch,
							  .partition = block->partition,
							  .offset = block->offset,
							  .number = block->row_first + (block->numbers == NULL ? i : block->numbers[i])};
	batch_get_row(block->batch, i, &out->row);
	out->when_ns = batch_row_when(&out->row);
	return true;
}

bool query_wants(struct query *q, const struct scan_block *block, const struct query_row *row)
{
	return row->when_ns >= q->from_ns && (row->when_ns < q->to_ns || q->to_ns == INT64_MAX) &&
		   (block->sifted || q->predicate.test(&q->predicate, row->batch, &row->row));
}

int query_each(const struct query_source *source, struct query *q, const struct scan_hints *hints, each_row *each,
			   void *ctx, struct scan_stats *stats, struct error *error)
{
	void *scan;
	struct scan_block block;
	struct query_row row;
	int rc = source->open(source->ctx, hints, &scan, error);
	if (rc < 0)
		return rc;
	while ((rc = source->next(scan, &block, error)) > 0) {
		for (uint32_t i = 0; i < block.batch->row_count && rc >= 0; i++)
			if (query_block_row(&block, i, &row) &&
				(q == NULL ? row.row.kind == ROW_EVENT : query_wants(q, &block, &row)))
				rc = each(ctx, scan, source, &row, error);
		if (rc < 0)
			break;
	}
	source->stats(scan, stats);
	source->close(scan);
	if (rc == 0 && q != NULL && q->out_of_memory)
		rc = error_set(error, ERROR_MEMORY, "no memory to test rows");
	return rc;
}

/* ---- opening ---- */

static int pin_ends(struct query_run *run, struct error *error)
{
	uint32_t count = run->source.partitions(run->source.ctx, NULL, 0);
	if (count == 0)
		return 0;
	struct store_partition *partitions = env_alloc(run->env, count * sizeof(*partitions));
	run->ends = env_alloc(run->env, count * sizeof(*run->ends));
	if (partitions == NULL || run->ends == NULL) {
		env_free(run->env, partitions);
		return error_set(error, ERROR_MEMORY, "no memory for the query");
	}
	run->source.partitions(run->source.ctx, partitions, count);
	for (uint32_t i = 0; i < count; i++)
		run->ends[i] = (struct run_end){partitions[i], run->source.end(run->source.ctx, partitions[i])};
	run->end_count = count;
	env_free(run->env, partitions);
	return 0;
}

/* One more than the limit of our own, so that we know whether something was left out. */
static void set_limits(struct query_run *run)
{
	const struct query *q = run->q;
	const struct stage *last = q->has_table ? &q->after : &q->rows;
	uint64_t asked = q->options.limit;
	if (last->has_limit && (asked == 0 || last->limit < asked))
		asked = last->limit;
	run->limit_is_ours = asked == 0 || asked > (uint64_t)LIMIT_result_rows;
	run->given_max = run->limit_is_ours ? (uint64_t)LIMIT_result_rows : asked;
	run->spent_max_ns = LIMIT_query_seconds * NS_PER_S;
}

static int run_start(struct query_run *run, size_t bytes_max, struct error *error)
{
	int rc = pin_ends(run, error);
	answer_init(&run->answer, run->q, run->env, run->given_max + (run->limit_is_ours ? 1 : 0), bytes_max);
	buffer_init(&run->line, run->env);
	run->streams = !run->q->has_table && run->q->rows.sort_count == 0;
	run->hints = query_hints(run->q);
	run->sift = sift_new(run->env, run->q);
	run->hints.sieve = sift_sieve(run->sift);
	if (rc == 0 && run->q->has_table) {
		rc = groups_init(&run->groups, run->q, run->env, bytes_max);
		if (rc < 0)
			error_set(error, (enum error_code) - rc, "the table of the query could not be made");
	}
	return rc < 0 ? rc : run->source.open(run->source.ctx, &run->hints, &run->scan, error);
}

int query_run_open(const struct env *env, const struct query_source *source, const struct query *q, size_t bytes_max,
				   struct query_run **out, struct error *error)
{
	struct query_run *run = env_zalloc(env, sizeof(*run));
	*out = NULL;
	if (run == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for the query");
	run->env = env;
	run->q = (struct query *)(uintptr_t)q; /* its scratch: one thread */
	run->source = *source;
	set_limits(run);
	int rc = run_start(run, bytes_max == 0 ? RUN_BYTES_MAX : bytes_max, error);
	if (rc < 0) {
		query_run_free(run);
		return rc;
	}
	*out = run;
	return 0;
}

int store_query(struct store *s, const struct query *q, struct query_run **out, struct error *error)
{
	struct query_source source = query_source_store(s);
	return query_run_open(store_env(s), &source, q, 0, out, error);
}

void query_run_free(struct query_run *run)
{
	if (run == NULL)
		return;
	const struct env *env = run->env;
	if (run->scan != NULL)
		run->source.close(run->scan);
	answer_free(&run->answer);
	if (run->q->has_table && run->groups.env != NULL)
		groups_free(&run->groups);
	buffer_free(&run->line);
	sift_free(run->sift);
	env_free(env, run->ends);
	env_free(env, run);
}

/* ---- looking at a block ---- */

/* The found row with everything it has. Fields alone were asked of the scan already. */
static int whole_row(struct query_run *run, struct query_row *row, const struct scan_block *block, uint32_t i,
					 struct error *error)
{
	if (run->q->rows.field_count > 0 || block->whole)
		return 0;
	if (run->whole == NULL) {
		int rc = run->source.whole(run->scan, &run->whole, error);
		if (rc < 0)
			return rc;
	}
	row->batch = run->whole;
	batch_get_row(row->batch, i, &row->row);
	return 0;
}

static int keep_row(struct query_run *run, struct query_row *row, const struct scan_block *block, uint32_t i,
					struct error *error)
{
	struct answer_entry key;
	struct order_value sort[QUERY_SORT_MAX];
	struct value_scratch scratch[QUERY_SORT_MAX];
	if (!answer_wants(&run->answer, row, &key, sort, scratch))
		return 0;
	int rc = whole_row(run, row, block, i, error);
	if (rc < 0)
		return rc;
	buffer_reset(&run->line);
	row_line(&run->line, row, run->q->rows.fields, run->q->rows.field_count);
	if (run->line.failed || answer_keep(&run->answer, &key, buffer_slice(&run->line)) < 0)
		return error_set(error, ERROR_MEMORY, "no memory for the rows of the answer");
	return 0;
}

static int found_row(struct query_run *run, struct query_row *row, const struct scan_block *block, uint32_t i,
					 struct error *error)
{
	run->rows_found += run->pass == 0;
	if (!run->q->has_table)
		return keep_row(run, row, block, i, error);
	if (groups_add(&run->groups, row) < 0)
		return error_set(error, ERROR_MEMORY, "no memory for the table of the query");
	return 0;
}

/* A later pass sees what the first could see. */
static bool was_there(const struct query_run *run, const struct scan_block *block)
{
	if (run->pass == 0)
		return true;
	for (uint32_t i = 0; i < run->end_count; i++) {
		const struct run_end *end = &run->ends[i];
		if (end->partition.topic == block->partition.topic && end->partition.partition == block->partition.partition)
			return block->offset < end->offset;
	}
	return false;
}

static int look_at(struct query_run *run, const struct scan_block *block, struct error *error)
{
	struct query_row row;
	int rc = 0;
	run->whole = NULL;
	if (!was_there(run, block))
		return 0;
	if (block->count > 0) {
		run->rows_found += block->count;
		if (groups_add_count(&run->groups, block->count) < 0)
			return error_set(error, ERROR_MEMORY, "no memory for the table of the query");
	}
	for (uint32_t i = 0; i < block->batch->row_count && rc == 0; i++)
		if (query_block_row(block, i, &row) && query_wants(run->q, block, &row))
			rc = found_row(run, &row, block, i, error);
	/* Damage in one place does not hide the rest; the summary tells it. */
	if (rc == -ERROR_DAMAGED) {
		run->lost++;
		run->damage = error == NULL ? (struct error){.text = "damaged"} : *error;
		rc = 0;
	}
	if (rc == 0 && run->q->out_of_memory)
		rc = error_set(error, ERROR_MEMORY, "no memory to test rows");
	return rc;
}

/* ---- passes ---- */

static void stats_now(const struct query_run *run, struct scan_stats *out)
{
	*out = run->stats;
	if (run->scan == NULL)
		return;
	struct scan_stats now;
	run->source.stats(run->scan, &now);
	out->rows += now.rows;
	if (run->pass > 0 && now.damaged <= out->damaged)
		return;
	out->items = run->pass == 0 ? now.items : out->items;
	out->items_passed_over = run->pass == 0 ? now.items_passed_over : out->items_passed_over;
	out->segments = run->pass == 0 ? now.segments : out->segments;
	out->damaged = now.damaged;
	out->damage = now.damage;
}

static void scan_close(struct query_run *run)
{
	struct scan_stats stats;
	stats_now(run, &stats);
	run->stats = stats;
	run->source.close(run->scan);
	run->scan = NULL;
}

static int scan_end(struct query_run *run, struct error *error)
{
	scan_close(run);
	run->scan_done = true;
	if (!run->q->has_table) {
		answer_release_all(&run->answer);
		return 0;
	}
	if (groups_finish(&run->groups, &run->table) < 0)
		return error_set(error, ERROR_MEMORY, "no memory for the table of the query");
	if (run->groups.truncated)
		run->truncated = "memory";
	run->table_done = true;
	return 0;
}

/* In the default order a later pass need not look at times before its floor. */
static int next_pass(struct query_run *run, struct error *error)
{
	run->pass++;
	run->scan_done = false;
	run->has_bound = false;
	if (run->streams && !run->q->options.descending)
		run->hints.from_ns = run->answer.floor.when_ns;
	else if (run->streams && run->answer.floor.when_ns < INT64_MAX)
		run->hints.to_ns = run->answer.floor.when_ns + 1;
	return run->source.open(run->source.ctx, &run->hints, &run->scan, error);
}

static int scan_step(struct query_run *run, struct error *error)
{
	struct scan_block block;
	uint64_t looked = 0;
	while (looked < RUN_ROWS_A_CALL) {
		int rc = run->source.next(run->scan, &block, error);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return scan_end(run, error);
		rc = look_at(run, &block, error);
		if (rc < 0)
			return rc;
		looked += block.rows + 1;
		if (run->streams && (!run->has_bound || block.bound != run->bound)) {
			run->bound = block.bound;
			run->has_bound = true;
			answer_release(&run->answer, run->bound);
			if (answer_line(&run->answer).len > 0)
				return 0;
		}
	}
	return 0;
}

/* ---- giving ---- */

/* False: no more may be given. */
static bool may_give(struct query_run *run)
{
	if (run->given < run->given_max)
		return true;
	if (run->limit_is_ours && run->truncated == NULL)
		run->truncated = "result_rows";
	run->done = true;
	return false;
}

static uint32_t give_rows(struct query_run *run, struct buffer *out, uint32_t max)
{
	uint32_t n = 0;
	for (; n < max; n++) {
		struct slice line = answer_line(&run->answer);
		if (line.len == 0 || !may_give(run))
			break;
		buffer_add_slice(out, line);
		answer_given(&run->answer);
		run->given++;
	}
	return n;
}

static uint32_t give_table(struct query_run *run, struct buffer *out, uint32_t max)
{
	uint32_t n = 0;
	for (; n < max && run->table_at < run->table.count && may_give(run); n++) {
		groups_line(&run->groups, run->table.rows[run->table_at++], out);
		run->given++;
	}
	return n;
}

static bool exhausted(const struct query_run *run)
{
	return run->q->has_table ? run->table_done && run->table_at == run->table.count
							 : answer_line(&run->answer).len == 0 && (run->scan_done || run->answer.wanted == 0);
}

/* All that is released is given: ends, or goes on looking. */
static int go_on(struct query_run *run, struct error *error)
{
	if (run->scan == NULL && !run->scan_done)
		return error_set(error, ERROR_USAGE, "the query has failed before");
	if (!run->scan_done && !(run->answer.wanted == 0 && !run->q->has_table))
		return scan_step(run, error);
	if (!run->q->has_table && run->truncated == NULL && answer_next_pass(&run->answer))
		return next_pass(run, error);
	run->done = exhausted(run);
	return 0;
}

/* Time is up: what was gathered so far is given, and the summary says that it is not all. */
static int give_up(struct query_run *run, struct error *error)
{
	run->truncated = "query_seconds";
	return run->scan == NULL ? 0 : scan_end(run, error);
}

static int next_lines(struct query_run *run, struct buffer *out, uint32_t max, struct error *error)
{
	uint32_t n = run->q->has_table ? give_table(run, out, max) : give_rows(run, out, max);
	if (out->failed)
		return error_set(error, ERROR_MEMORY, "no memory for the lines of the answer");
	if (n == max || run->done)
		return 0;
	if (run->spent_ns > run->spent_max_ns && !run->scan_done && run->truncated == NULL)
		return give_up(run, error);
	int rc = go_on(run, error);
	if (rc < 0)
		return rc;
	(void)(run->q->has_table ? give_table(run, out, max - n) : give_rows(run, out, max - n));
	return out->failed ? error_set(error, ERROR_MEMORY, "no memory for the lines of the answer") : 0;
}

int query_next(struct query_run *run, struct buffer *ndjson, uint32_t max, struct error *error)
{
	int64_t start = env_boot(run->env);
	if (run->done)
		return 0;
	int rc = next_lines(run, ndjson, max == 0 ? 1 : max, error);
	run->spent_ns += env_boot(run->env) - start;
	if (rc < 0 && run->scan != NULL)
		scan_close(run);
	return rc < 0 ? rc : run->done ? 0 : 1;
}

/* ---- the summary ---- */

static void summary_truncated(const struct query_run *run, const struct scan_stats *stats, struct json_writer *w)
{
	uint64_t damaged = (uint64_t)stats->damaged + run->lost;
	char text[800];
	json_key(w, "truncated");
	if (run->truncated != NULL)
		json_str(w, run->truncated);
	else if (damaged > 0)
		json_str(w, "damaged");
	else
		json_null(w);
	if (damaged == 0)
		return;
	json_key(w, "damaged");
	json_u64(w, damaged);
	json_key(w, "damage");
	json_str(w, error_print(run->lost > 0 ? &run->damage : &stats->damage, text, sizeof(text)));
}

int query_summary(const struct query_run *run, struct buffer *json)
{
	struct scan_stats stats;
	struct json_writer w;
	stats_now(run, &stats);
	json_writer_init(&w, json);
	json_object(&w);
	json_key(&w, "rows_read");
	json_u64(&w, stats.rows);
	json_key(&w, "rows_found");
	json_u64(&w, run->rows_found);
	json_key(&w, "segments");
	json_u64(&w, stats.segments);
	json_key(&w, "segments_skipped");
	json_u64(&w, stats.items_passed_over);
	summary_truncated(run, &stats, &w);
	json_object_end(&w);
	return json->failed ? -ERROR_MEMORY : 0;
}
