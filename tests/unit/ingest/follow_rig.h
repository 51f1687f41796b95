/* Followed files on a disk in memory, and a bus of which the test decides what has arrived: a kill keeps any whole beginning
 * of what was given to each partition. What has arrived is kept over restarts, as a store would. */
#ifndef TESTS_UNIT_INGEST_FOLLOW_RIG_H
#define TESTS_UNIT_INGEST_FOLLOW_RIG_H

#include "ingest/ingest.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RIG_PARTITIONS 2u
#define RIG_BATCHES 4096u

struct rig_batch {
	uint8_t *octets;
	size_t len;
};

struct rig_partition {
	struct rig_batch batches[RIG_BATCHES];
	uint64_t given, arrived, begin; /* begin: given when this process started */
};

struct rig {
	struct fake *fake;
	struct ingest *ingest;
	struct ingest_follow *follow;
	struct ingest_config config;
	struct follow_config files;
	struct follow_input inputs[4];
	struct source_settings sources[1];
	struct rig_partition partitions[RIG_PARTITIONS];
	uint64_t epoch;
	unsigned refuse; /* so many batches are refused first */
	unsigned told; /* matters told */
	char said[256]; /* the last of them */
};

static inline int rig_emit(void *ctx, uint32_t partition, struct slice octets, uint32_t rows)
{
	struct rig *rig = ctx;
	struct rig_partition *p = &rig->partitions[partition];
	if (ingest_follow_batch(rig->follow, partition, rows, p->given - p->begin + 1, p->given, NULL) < 0)
		return -1;
	if (rig->refuse > 0) {
		rig->refuse--;
		return -1;
	}
	assert_true(p->given < RIG_BATCHES);
	struct rig_batch *b = &p->batches[p->given++];
	b->octets = malloc(octets.len);
	b->len = octets.len;
	memcpy(b->octets, octets.ptr, octets.len);
	return 0;
}

static inline int rig_arrived(void *ctx, uint32_t partition, uint64_t epoch, uint64_t sequence, uint64_t place,
							  struct error *error)
{
	struct rig *rig = ctx;
	(void)error;
	assert_true(epoch < rig->epoch);
	/* Both ways of asking say the same: by place, and by the identity of the batch that is there. */
	bool is_there = place < rig->partitions[partition].arrived;
	uint64_t end = 0;
	for (uint64_t i = 0; i < rig->partitions[partition].arrived; i++) {
		struct batch batch;
		struct rig_batch *b = &rig->partitions[partition].batches[i];
		assert_int_equal(batch_open(&batch, slice_of(b->octets, b->len), NULL), 0);
		if (batch.identity.epoch == epoch)
			end = batch.identity.first_sequence + batch.row_count;
	}
	assert_int_equal(is_there, end >= sequence);
	return is_there;
}

static inline void rig_tell(void *ctx, const char *path, const char *text)
{
	struct rig *rig = ctx;
	rig->told++;
	snprintf(rig->said, sizeof(rig->said), "%s %s", path, text);
}

/* A process begins; negative when it cannot. */
static inline int rig_begin(struct rig *rig, struct error *error)
{
	rig->epoch++;
	rig->config.epoch = rig->epoch;
	for (uint32_t i = 0; i < RIG_PARTITIONS; i++)
		rig->partitions[i].begin = rig->partitions[i].given;
	int result = ingest_new(&rig->fake->env, &rig->config, &rig->ingest, error);
	return result < 0 ? result : ingest_follow_new(rig->ingest, &rig->files, &rig->follow, error);
}

static inline void rig_init(struct rig *rig, const char *pattern)
{
	*rig = (struct rig){.fake = fake_new(5)};
	rig->inputs[0] = (struct follow_input){.pattern = pattern, .framing = FRAMING_LF, .address = {1, [15] = 1}};
	rig->sources[0] = (struct source_settings){.network = {1, [15] = 1}, .network_bits = 128, .charset_auto = true};
	rig->config = (struct ingest_config){
		.partitions = RIG_PARTITIONS, .emit = rig_emit, .ctx = rig, .sources = rig->sources, .source_count = 1};
	rig->config.defaults.charset_auto = rig->config.defaults.relay = true;
	rig->files = (struct follow_config){.positions = "/data/positions",
										.inputs = rig->inputs,
										.input_count = 1,
										.host = SLICE("here"),
										.arrived = rig_arrived,
										.tell = rig_tell,
										.ctx = rig};
	fake_file_put(rig->fake, "/data/lock", "", 0);
	fake_file_put(rig->fake, "/log/.keep", "", 0);
}

static inline void rig_start(struct rig *rig, const char *pattern)
{
	struct error error = {0};
	rig_init(rig, pattern);
	if (rig_begin(rig, &error) < 0)
		fail_msg("cannot begin: %s", error.text);
}

/* What has arrived so far stays; of the rest the bus has `keep` of a thousand, by partition. */
static inline void rig_end(struct rig *rig, unsigned keep)
{
	ingest_follow_free(rig->follow);
	ingest_free(rig->ingest);
	rig->follow = NULL;
	rig->ingest = NULL;
	for (uint32_t i = 0; i < RIG_PARTITIONS; i++) {
		struct rig_partition *p = &rig->partitions[i];
		p->arrived += (p->given - p->arrived) * keep / 1000;
		while (p->given > p->arrived)
			free(p->batches[--p->given].octets);
	}
}

static inline void rig_kill(struct rig *rig, unsigned keep)
{
	struct error error = {0};
	rig_end(rig, keep);
	if (rig_begin(rig, &error) < 0)
		fail_msg("cannot begin again: %s", error.text);
}

static inline void rig_stop(struct rig *rig)
{
	rig_end(rig, 0);
	for (uint32_t i = 0; i < RIG_PARTITIONS; i++)
		while (rig->partitions[i].given > 0)
			free(rig->partitions[i].batches[--rig->partitions[i].given].octets);
	assert_int_equal(rig->fake->memory.outstanding, 0);
	assert_int_equal(fake_files_open(rig->fake), 0);
	fake_free(rig->fake);
}

/* ---- a process at work ---- */

/* Reads for so long; nothing becomes durable. */
static inline int rig_work(struct rig *rig, int64_t ms)
{
	for (int64_t passed = 0; passed <= ms; passed += 50) {
		int result, rounds = 0;
		do
			result = ingest_follow_step(rig->follow, 65536, NULL);
		while (result == 0 && rounds++ < 200 && !ingest_blocked(rig->ingest));
		if (result < 0)
			return result;
		ingest_step(rig->ingest, false, NULL);
		fake_clock_advance(rig->fake, 50 * NS_PER_MS);
	}
	return 0;
}

/* What was given becomes durable, behind the positions. */
static inline int rig_sync(struct rig *rig)
{
	int result = ingest_follow_sync(rig->follow, NULL);
	if (result < 0)
		return result;
	for (uint32_t i = 0; i < RIG_PARTITIONS; i++) {
		struct rig_partition *p = &rig->partitions[i];
		p->arrived = p->given;
		ingest_follow_durable(rig->follow, i, p->arrived - p->begin);
	}
	return 0;
}

static inline void rig_settle(struct rig *rig)
{
	assert_int_equal(rig_work(rig, 1300), 0);
	for (int i = 0; i < 4; i++)
		ingest_step(rig->ingest, true, NULL);
	assert_int_equal(rig_sync(rig), 0);
}

/* ---- files ---- */

static inline void rig_append(struct rig *rig, const char *path, const char *text)
{
	const struct env_files *files = &rig->fake->env.files;
	struct fake_files injected = rig->fake->files;
	fake_files_reset(rig->fake);
	int fd = files->open(files->ctx, path, ENV_WRITE | ENV_CREATE | ENV_APPEND);
	assert_true(fd >= 0);
	if (*text != 0)
		assert_int_equal(files->pwrite(files->ctx, fd, text, strlen(text), 0), strlen(text));
	files->sync(files->ctx, fd);
	files->sync_dir(files->ctx, "/log");
	files->close(files->ctx, fd);
	rig->fake->files = injected;
}

static inline void rig_lines(struct rig *rig, const char *path, unsigned from, unsigned to)
{
	char line[64];
	for (unsigned i = from; i < to; i++) {
		snprintf(line, sizeof(line), "line %u.\n", i);
		rig_append(rig, path, line);
	}
}

static inline void rig_rename(struct rig *rig, const char *from, const char *to)
{
	const struct env_files *files = &rig->fake->env.files;
	struct fake_files injected = rig->fake->files;
	fake_files_reset(rig->fake);
	assert_int_equal(files->rename(files->ctx, from, to, true), 0);
	files->sync_dir(files->ctx, "/log");
	rig->fake->files = injected;
}

static inline void rig_truncate(struct rig *rig, const char *path)
{
	fake_file_resize(rig->fake, path, 0);
}

/* ---- what arrived ---- */

struct rig_row {
	struct batch_row row;
	char source[128], text[256];
};

typedef void rig_each(void *arg, const struct rig_row *row);

static inline void rig_rows(struct rig *rig, rig_each *each, void *arg)
{
	for (uint32_t p = 0; p < RIG_PARTITIONS; p++)
		for (uint64_t i = 0; i < rig->partitions[p].arrived; i++) {
			struct batch batch;
			struct rig_batch *b = &rig->partitions[p].batches[i];
			assert_int_equal(batch_open(&batch, slice_of(b->octets, b->len), NULL), 0);
			for (uint32_t r = 0; r < batch.row_count; r++) {
				struct rig_row row;
				batch_get_row(&batch, r, &row.row);
				struct slice line = batch_source_line(&batch, row.row.source), text = row.row.original;
				snprintf(row.source, sizeof(row.source), "%.*s", SLICE_PRINT(line));
				snprintf(row.text, sizeof(row.text), "%.*s", SLICE_PRINT(text));
				each(arg, &row);
			}
		}
}

struct rig_count {
	enum row_kind kind;
	const char *text; /* somewhere in it; null: all */
	unsigned n;
};

static inline void rig_count_row(void *arg, const struct rig_row *row)
{
	struct rig_count *c = arg;
	c->n += row->row.kind == c->kind && (c->text == NULL || strstr(row->text, c->text) != NULL);
}

static inline unsigned rig_count(struct rig *rig, enum row_kind kind, const char *text)
{
	struct rig_count c = {kind, text, 0};
	rig_rows(rig, rig_count_row, &c);
	return c.n;
}

struct rig_seen {
	unsigned *times, from, to;
};

static inline void rig_see(void *arg, const struct rig_row *row)
{
	struct rig_seen *seen = arg;
	unsigned n;
	if (row->row.kind == ROW_EVENT && sscanf(row->text, "line %u.", &n) == 1 && n >= seen->from && n < seen->to)
		seen->times[n - seen->from]++;
}

/* Every line with a number in [from, to) is there once. */
static inline void rig_once(struct rig *rig, unsigned from, unsigned to)
{
	struct rig_seen seen = {calloc(to - from + 1, sizeof(unsigned)), from, to};
	rig_rows(rig, rig_see, &seen);
	for (unsigned i = 0; i < to - from; i++)
		if (seen.times[i] != 1)
			fail_msg("line %u is there %u times", from + i, seen.times[i]);
	free(seen.times);
}

#endif
