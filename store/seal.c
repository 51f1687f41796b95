/* From tail to segment: the commit protocol.
 *
 *  1. make the file in memory, read it back from there against the rows
 *  2. write it under a temporary name, with its space reserved, and sync
 *  3. (verify_read_back) read it again from the medium
 *  4. rename to its name, never over another, and sync the directory
 *  5. append to the commit log: from here on it counts
 *  6. only then do offsets move
 *
 * A sync that failed says nothing of what is on the medium, and the next one may lie: the file is removed and another is
 * made from the rows, which are still here. After three failures in a row the store stops.
 */
#include "store/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct sealing {
	struct store *store;
	struct partition *partition;
	uint32_t batches; /* of the tail */
	uint64_t committed; /* offset after it */
	struct row_run *runs;
	struct segment_mark *marks;
	uint32_t run_count, mark_count;
	struct commit commit;
	char temporary[512], path[512];
};

/* ---- what goes in ---- */

static bool is_skipped(const struct tail_batch *t, uint32_t row)
{
	return t->skip && t->skip[row / 64] >> row % 64 & 1;
}

static uint32_t put_runs(const struct tail_batch *t, struct row_run *out)
{
	uint32_t count = 0, row = 0, rows = t->batch.row_count;
	while (row < rows) {
		while (row < rows && is_skipped(t, row))
			row++;
		uint32_t first = row;
		while (row < rows && !is_skipped(t, row))
			row++;
		if (row == first)
			continue;
		if (out)
			out[count] = (struct row_run){&t->batch, t->offset, first, row - first};
		count++;
	}
	return count;
}

static int collect_runs(struct sealing *x)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < x->batches; i++)
		count += put_runs(x->partition->tail[i], NULL);
	if (count == 0)
		return 0;
	x->runs = env_alloc(x->store->env, count * sizeof *x->runs);
	if (!x->runs)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < x->batches; i++)
		x->run_count += put_runs(x->partition->tail[i], x->runs + x->run_count);
	return 0;
}

static int by_identity(const void *a, const void *b)
{
	const struct segment_mark *x = a, *y = b;
	int order = memcmp(x->collector, y->collector, 16);
	if (order == 0 && x->epoch != y->epoch)
		order = x->epoch < y->epoch ? -1 : 1;
	if (order == 0 && x->first != y->first)
		order = x->first < y->first ? -1 : 1;
	return order;
}

static uint32_t moves_below(const struct partition *p, uint64_t offset)
{
	uint32_t n = 0;
	while (n < p->move_count && p->moves[n].offset < offset)
		n++;
	return n;
}

/* One mark for each (collector, epoch) that moved. */
static int collect_marks(struct sealing *x)
{
	const struct partition *p = x->partition;
	uint32_t n = moves_below(p, x->committed);
	if (n == 0)
		return 0;
	x->marks = env_alloc(x->store->env, n * sizeof *x->marks);
	if (!x->marks)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < n; i++) {
		const struct mark *mark = &p->marks[p->moves[i].mark];
		x->marks[i] = (struct segment_mark){.epoch = mark->epoch, .first = p->moves[i].first, .next = p->moves[i].next};
		memcpy(x->marks[i].collector, mark->collector, 16);
	}
	qsort(x->marks, n, sizeof *x->marks, by_identity);
	for (uint32_t i = 0; i < n; i++) {
		struct segment_mark *last = x->mark_count ? &x->marks[x->mark_count - 1] : NULL;
		if (last && last->epoch == x->marks[i].epoch && memcmp(last->collector, x->marks[i].collector, 16) == 0)
			last->next = x->marks[i].next;
		else
			x->marks[x->mark_count++] = x->marks[i];
	}
	return 0;
}

/* ---- the file ---- */

static int write_octets(struct sealing *x, int fd, struct slice file, struct error *error)
{
	const struct env *env = x->store->env;
	int result = env->files.reserve(env->files.ctx, fd, file.len);
	if (result < 0 && result != -EOPNOTSUPP)
		return error_io(error, result, "reserving %zu octets for %s", file.len, x->temporary);
	result = env_write_all(env, fd, file.ptr, file.len, 0);
	if (result < 0)
		return error_io(error, result, "writing %s", x->temporary);
	result = env->files.sync(env->files.ctx, fd);
	return result < 0 ? error_io(error, result, "syncing %s", x->temporary) : 0;
}

static int read_back(struct sealing *x, int fd, struct slice file, struct error *error)
{
	const struct env *env = x->store->env;
	uint8_t part[16384];
	env->files.forget(env->files.ctx, fd);
	for (size_t at = 0; at < file.len; at += sizeof part) {
		size_t len = file.len - at < sizeof part ? file.len - at : sizeof part;
		int result = env_read_all(env, fd, part, len, at);
		if (result < 0)
			return error_io(error, result, "reading back %s", x->temporary);
		if (memcmp(part, file.ptr + at, len) != 0)
			return error_set(error, ERROR_DAMAGED, "%s is not on the medium as it was written", x->temporary);
	}
	return 0;
}

static int write_file(struct sealing *x, struct slice file, struct error *error)
{
	const struct env_files *files = &x->store->env->files;
	int fd = files->open(files->ctx, x->temporary, ENV_READ | ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE);
	if (fd < 0)
		return error_io(error, fd, "making %s", x->temporary);
	int result = write_octets(x, fd, file, error);
	if (result == 0 && x->store->config.verify_read_back)
		result = read_back(x, fd, file, error);
	files->close(files->ctx, fd);
	return result;
}

/* The name can only be taken by a file of ours that never counted. */
static int give_name(struct sealing *x, struct error *error)
{
	const struct env_files *files = &x->store->env->files;
	int result = files->rename(files->ctx, x->temporary, x->path, false);
	if (result == -EEXIST) {
		char aside[512];
		uint64_t random = 0;
		x->store->env->random.fill(x->store->env->random.ctx, &random, sizeof random);
		snprintf(aside, sizeof aside, "%.430s/%.40s.%016llx", x->store->orphans, x->commit.name,
				 (unsigned long long)random);
		result = files->rename(files->ctx, x->path, aside, false);
		if (result == 0)
			result = files->rename(files->ctx, x->temporary, x->path, false);
	}
	if (result < 0)
		return error_io(error, result, "giving %s its name", x->path);
	result = files->sync_dir(files->ctx, x->store->segments);
	return result < 0 ? error_io(error, result, "syncing %s", x->store->segments) : 0;
}

static int make_file(struct sealing *x, struct slice file, uint64_t footer_hash, struct error *error)
{
	struct store *s = x->store;
	uint64_t random[2] = {0, 0};
	s->env->random.fill(s->env->random.ctx, random, sizeof random);
	snprintf(x->commit.name, sizeof x->commit.name, "%016llx-%016llx.seg", (unsigned long long)commitlog_count(s->log),
			 (unsigned long long)footer_hash);
	snprintf(x->path, sizeof x->path, "%.440s/%.63s", s->segments, x->commit.name);
	snprintf(x->temporary, sizeof x->temporary, "%.440s/.tmp-%016llx%016llx", s->segments,
			 (unsigned long long)random[0], (unsigned long long)random[1]);
	int result = write_file(x, file, error);
	if (result == 0) {
		result = give_name(x, error);
		if (result != 0)
			s->env->files.unlink(s->env->files.ctx, x->path);
	}
	if (result != 0)
		s->env->files.unlink(s->env->files.ctx, x->temporary);
	return result;
}

/* ---- the commit log ---- */

static int nothing(void *arg, const struct commitlog_record *record)
{
	(void)arg;
	(void)record;
	return 0;
}

/* An append that failed has left the log unsure: the file is asked what it holds. */
static int ask_log(struct store *s, uint64_t before, int result, struct error *error)
{
	struct error why = {0};
	commitlog_close(s->log);
	s->log = NULL;
	int opened = commitlog_open(s->env, s->log_path, COMMIT_KIND, nothing, NULL, NULL, &s->log, &why);
	if (opened != 0)
		return store_fail(s, error, why.text);
	return commitlog_count(s->log) == before + 1 ? 0 : result;
}

static int commit(struct sealing *x, struct error *error)
{
	struct store *s = x->store;
	struct buffer body;
	buffer_init(&body, s->env);
	commit_write(&body, &x->commit);
	uint64_t before = commitlog_count(s->log);
	int result = body.failed ? error_set(error, ERROR_MEMORY, "no memory for a commit record")
							 : commitlog_append(s->log, buffer_slice(&body), NULL, error);
	if (result != 0 && !body.failed)
		result = ask_log(s, before, result, error);
	buffer_free(&body);
	return result;
}

static void committed(struct sealing *x)
{
	struct partition *p = x->partition;
	uint32_t moves = moves_below(p, x->committed);
	tail_drop(x->store, p, x->batches);
	p->move_count -= moves;
	if (p->move_count > 0)
		memmove(p->moves, p->moves + moves, p->move_count * sizeof *p->moves);
	p->committed_offset = x->committed;
	p->moved_boot_ns = env_boot(x->store->env);
	p->leaf_count += x->commit.rows;
	x->store->failures = 0;
	x->store->retry_boot_ns = INT64_MIN;
}

/* ---- a segment ---- */

static void describe(struct sealing *x, struct slice file)
{
	struct store *s = x->store;
	x->commit.type = COMMIT_SEGMENT;
	x->commit.size = file.len;
	x->commit.first_leaf = x->partition->leaf_count;
	x->commit.first_offset = x->partition->tail[0]->offset;
	x->commit.last_offset = x->partition->tail[x->batches - 1]->offset;
	x->commit.zone = *segment_writer_zone(s->writer);
	x->commit.rows = x->commit.raw_bytes = 0;
	for (uint32_t i = 0; i < x->batches; i++) {
		x->commit.rows += x->partition->tail[i]->rows;
		x->commit.raw_bytes += x->partition->tail[i]->raw_bytes;
	}
	sha256_start(s->sha);
	sha256_add(s->sha, file.ptr, file.len);
	sha256_end(s->sha, x->commit.sha256);
}

static int seal_once(struct sealing *x, struct error *error)
{
	struct store *s = x->store;
	struct partition *p = x->partition;
	struct segment_input input = {.partition = p->id,
								  .runs = x->runs,
								  .run_count = x->run_count,
								  .marks = x->marks,
								  .mark_count = x->mark_count,
								  .first_leaf = p->leaf_count,
								  .first_offset = p->tail[0]->offset,
								  .last_offset = p->tail[x->batches - 1]->offset,
								  .made_ns = env_now(s->env)};
	struct slice file;
	s->env->random.fill(s->env->random.ctx, input.uuid, sizeof input.uuid);
	int result = segment_build(s->writer, &input, &file, error);
	if (result == 0)
		result = segment_verify(s->env, file, &input, error);
	if (result != 0)
		return result;
	describe(x, file);
	/* Room for what the commit will need: after it nothing may fail. */
	if (!store_reserve_sealed(s))
		return error_set(error, ERROR_MEMORY, "no memory to list a segment");
	result = make_file(x, file, segment_writer_footer_hash(s->writer), error);
	if (result != 0)
		return result;
	result = commit(x, error);
	if (result != 0) {
		/* Does the log not name it, or do we not know? In doubt it stays: recovery decides. */
		if (!s->fatal)
			s->env->files.unlink(s->env->files.ctx, x->path);
		return result;
	}
	store_add_sealed(s, &x->commit);
	committed(x);
	return 0;
}

static bool is_disk_failure(int result)
{
	return result != -ERROR_FULL && result != -ERROR_MEMORY;
}

static int seal_trying(struct sealing *x, int (*once)(struct sealing *x, struct error *error), struct error *error)
{
	struct store *s = x->store;
	for (;;) {
		struct error why = {0};
		int result = once(x, &why);
		if (result != 0 && error)
			*error = why;
		if (result == 0 || s->fatal)
			return result;
		if (!is_disk_failure(result)) {
			if (error)
				error->flags |= ERROR_RETRIABLE;
			return result;
		}
		if (++s->failures >= STORE_FAILURES_MAX)
			return store_fail(s, error, why.text);
	}
}

static int position_once(struct sealing *x, struct error *error)
{
	x->commit.type = COMMIT_POSITION;
	int result = commit(x, error);
	if (result == 0)
		committed(x);
	return result;
}

static int seal(struct store *s, struct partition *p, uint32_t batches, struct error *error)
{
	struct sealing x = {.store = s, .partition = p, .batches = batches};
	x.committed = batches == p->tail_count ? p->next_offset : p->tail[batches]->offset;
	int result = collect_runs(&x);
	if (result == 0)
		result = collect_marks(&x);
	if (result == 0) {
		x.commit = (struct commit){
			.partition = p->id, .next_offset = x.committed, .marks = x.marks, .mark_count = x.mark_count};
		result = seal_trying(&x, batches ? seal_once : position_once, error);
	} else {
		result = error_set(error, ERROR_MEMORY, "no memory to seal");
	}
	env_free(s->env, x.runs);
	env_free(s->env, x.marks);
	return result;
}

/* ---- when ---- */

/* Batches of one month, as many as a segment takes; a batch is not divided. */
static uint32_t batches_of_segment(const struct store *s, const struct partition *p)
{
	uint64_t rows = 0;
	size_t bytes = 0;
	uint32_t n = 0;
	while (n < p->tail_count && n < STORE_MOVES_MAX) {
		const struct tail_batch *t = p->tail[n];
		if (n > 0 && (t->month != p->tail[0]->month || rows + t->rows > s->config.segment_rows ||
					  bytes + t->bytes > STORE_SEAL_BYTES))
			break;
		rows += t->rows;
		bytes += t->bytes;
		n++;
	}
	return n;
}

static bool is_due(const struct store *s, const struct partition *p, uint32_t batches, int64_t boot_ns)
{
	if (p->tail_count == 0)
		return p->next_offset > p->committed_offset &&
			   (p->move_count > STORE_MOVES_MAX || boot_ns - p->moved_boot_ns >= STORE_POSITION_NS);
	return batches < p->tail_count || p->tail_rows >= s->config.segment_rows || p->move_count > STORE_MOVES_MAX ||
		   boot_ns - p->tail[0]->boot_ns >= s->config.segment_age_s * NS_PER_S;
}

int seal_due(struct store *s, struct partition *p, bool flush, struct error *error)
{
	while (p->next_offset > p->committed_offset) {
		uint32_t batches = batches_of_segment(s, p);
		if (!flush && !is_due(s, p, batches, env_boot(s->env)))
			return 0;
		int result = seal(s, p, batches, error);
		if (result != 0)
			return result;
	}
	return 0;
}
