/* import: a file becomes events of the partition `import`.
 *
 * The file is read twice: first for its SHA-256, which is its identity (reading it again cannot double anything), then for
 * its records. `observed` is the time of the import; batches carry the flag backfill.
 */
#include "cli/request.h"

#include "cli/import_options.h"

#include <errno.h>
#include <stdio.h>

#define CHUNK_BYTES (1u << 20)

enum import_phase {
	IMPORT_HASH,
	IMPORT_READ,
	IMPORT_WAIT
};

struct import {
	struct request *request;
	enum import_phase phase;
	uint64_t size, at, carried; /* octets: of the file, read so far; in chunk from the last step */
	uint8_t *chunk;
	size_t chunk_len, chunk_at;
	struct sha256 *sha;
	char source_line[80];
	struct ingest *ingest;
	struct ingest_stream *stream;
	struct ingest_config config;
	uint64_t mark, records, produced, ticket;
	bool again;
};

static struct store_partition import_partition(void)
{
	return (struct store_partition){TOPIC_EVENTS, PARTITION_IMPORT};
}

/* A closed batch. What the store has already is not put on the bus again. */
static int emit(void *ctx, uint32_t partition, struct slice octets, uint32_t rows)
{
	struct import *im = ctx;
	struct error error = {0};
	struct batch batch;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	uint64_t end = batch.identity.first_sequence + rows;
	int result = 0;
	if (end > im->mark)
		result = bus_produce(im->request->host->engine->bus, TOPIC_EVENTS, partition, octets, &im->ticket, &error);
	if (result)
		return result;
	im->records = end;
	return 0;
}

static int open_ingest(struct import *im, struct error *error)
{
	struct request *r = im->request;
	uint8_t digest[32], nonce[16];
	char hex[65];
	sha256_end(im->sha, digest);
	hex_print(digest, 32, hex);
	snprintf(im->source_line, sizeof im->source_line, "file %s", hex);
	memcpy(im->config.collector, digest, 16);
	if (im->again) {
		const struct env_random *random = &r->host->env->random;
		if (random->fill(random->ctx, nonce, 16))
			return error_set(error, ERROR_IO, "no randomness");
		memcpy(im->config.collector, nonce, 16);
	}
	im->mark = store_mark(r->host->engine->store, import_partition(), im->config.collector, 0);
	int result = ingest_new(r->host->env, &im->config, &im->ingest, error);
	if (!result)
		result = ingest_stream_new(im->ingest, slice_str(im->source_line), import_framing(r->json), &im->stream, error);
	return result;
}

static int import_open(struct request *r)
{
	struct import *im = arena_zalloc(&r->arena, sizeof *im);
	struct env_stat st;
	const struct env *env = r->host->env;
	if (!im)
		return -ERROR_MEMORY;
	r->import = im;
	im->request = r;
	if (!r->host->engine->store || !r->host->engine->config.special)
		return error_set(&r->error, ERROR_UNSUPPORTED,
						 "this process takes no imports: on Kafka an import is a collector");
	if (r->fd < 0 || env->files.fstat(env->files.ctx, r->fd, &st))
		return error_set(&r->error, ERROR_USAGE, "import: no file came with the request");
	if (st.is_dir)
		return error_set(&r->error, ERROR_USAGE, "import: a folder is no file");
	int64_t now = json_member_i64(r->json, "now_ns", env_now(env)),
			year_from = json_member_i64(r->json, "year_from_ns", st.mtime_ns);
	if (now < 0 || now > REQUEST_NOW_MAX || year_from < 0 || year_from > REQUEST_NOW_MAX)
		return error_set(&r->error, ERROR_USAGE, "import: times are nanoseconds since 1970, before 2200");
	im->size = st.size;
	im->again = json_member_true(r->json, "again");
	im->config = (struct ingest_config){.partitions = 1,
										.single_partition = true,
										.partition = PARTITION_IMPORT,
										.backfill = true,
										.defaults = *r->host->defaults,
										.decoders = r->host->decoders,
										.fixed_observed_ns = now,
										.year_from_ns = year_from};
	import_settings(r->json, &im->config.defaults);
	im->config.emit = emit;
	im->config.ctx = im;
	struct ingest *trial; /* a zone that is none is told before the file is read */
	int result = ingest_new(env, &im->config, &trial, &r->error);
	if (result)
		return result;
	ingest_free(trial);
	im->chunk = env_alloc(env, CHUNK_BYTES);
	im->sha = sha256_new();
	if (!im->chunk || !im->sha)
		return -ERROR_MEMORY;
	sha256_start(im->sha);
	return 0;
}

static int read_chunk(struct import *im)
{
	struct request *r = im->request;
	size_t want = im->size - im->at < CHUNK_BYTES ? (size_t)(im->size - im->at) : CHUNK_BYTES;
	int result = env_read_all(r->host->env, r->fd, im->chunk, want, im->at);
	if (result)
		/* The user's file, not our storage: it may have been cut, or be a pipe. */
		return error_set(&r->error, ERROR_USAGE, "cannot read the file at octet %llu: %s", (unsigned long long)im->at,
						 result == -EIO ? "it ends there or its medium fails" : strerror(-result));
	im->at += want;
	im->chunk_len = want;
	im->chunk_at = 0;
	return 0;
}

static int hash_step(struct import *im)
{
	for (int i = 0; i < 8 && im->at < im->size; i++) {
		if (read_chunk(im))
			return -1;
		sha256_add(im->sha, im->chunk, im->chunk_len);
	}
	if (im->at < im->size)
		return REQUEST_MORE;
	im->at = 0;
	im->chunk_len = im->chunk_at = 0;
	im->phase = IMPORT_READ;
	return open_ingest(im, &im->request->error) ? -1 : REQUEST_MORE;
}

/* Feeds what is left of the chunk; REQUEST_WAITING while the bus is full. */
static int feed(struct import *im)
{
	struct request *r = im->request;
	size_t taken = 0;
	if (ingest_blocked(im->ingest))
		(void)ingest_step(im->ingest, true, &r->error);
	if (ingest_blocked(im->ingest))
		return REQUEST_WAITING;
	if (ingest_stream_add(im->stream, slice_of(im->chunk + im->chunk_at, im->chunk_len - im->chunk_at), &taken,
						  &r->error) < 0)
		return -1;
	im->chunk_at += taken;
	return im->chunk_at < im->chunk_len ? REQUEST_WAITING : REQUEST_MORE;
}

static void progress(struct import *im, struct buffer *out)
{
	buffer_add_format(out, "{\"progress\":{\"octets\":%llu,\"of\":%llu,\"records\":%llu}}\n",
					  (unsigned long long)im->at, (unsigned long long)im->size, (unsigned long long)im->records);
}

static int read_step(struct import *im, struct buffer *out)
{
	for (int i = 0; i < 4; i++) {
		int result = im->chunk_at < im->chunk_len ? feed(im) : REQUEST_MORE;
		if (result != REQUEST_MORE)
			return result;
		if (im->at == im->size)
			break;
		if (read_chunk(im))
			return -1;
	}
	if (im->at % (32u * CHUNK_BYTES) < 4 * CHUNK_BYTES)
		progress(im, out);
	if (im->at < im->size || im->chunk_at < im->chunk_len)
		return REQUEST_MORE;
	/* The last record of the chunk may wait for room on the bus. */
	(void)ingest_step(im->ingest, false, &im->request->error);
	if (ingest_blocked(im->ingest))
		return REQUEST_WAITING;
	if (im->stream) {
		if (ingest_stream_end(im->stream, &im->request->error) < 0)
			return -1;
		ingest_stream_free(im->stream);
		im->stream = NULL;
	}
	(void)ingest_step(im->ingest, true, &im->request->error);
	if (ingest_blocked(im->ingest))
		return REQUEST_WAITING;
	im->phase = IMPORT_WAIT;
	return REQUEST_MORE;
}

/* Done when the store has read what was written: a search right after the import finds it. */
static int wait_step(struct import *im)
{
	struct request *r = im->request;
	struct engine *e = r->host->engine;
	uint64_t stored = im->records > im->mark ? im->records - im->mark : 0;
	if (store_mark(e->store, import_partition(), im->config.collector, 0) < im->records)
		return REQUEST_WAITING;
	buffer_add_format(&r->summary,
					  "{\"records\":%llu,\"stored\":%llu,\"already\":%llu,\"octets\":%llu,\"sha256\":\"%s\"}",
					  (unsigned long long)im->records, (unsigned long long)stored,
					  (unsigned long long)(im->records - stored), (unsigned long long)im->size, im->source_line + 5);
	return REQUEST_DONE;
}

static int import_step(struct request *r, struct buffer *out)
{
	switch (r->import->phase) {
	case IMPORT_HASH:
		return hash_step(r->import);
	case IMPORT_READ:
		return read_step(r->import, out);
	case IMPORT_WAIT:
		return wait_step(r->import);
	}
	return -1;
}

static void import_close(struct request *r)
{
	struct import *im = r->import;
	if (!im)
		return;
	if (im->stream)
		ingest_stream_free(im->stream);
	if (im->ingest)
		ingest_free(im->ingest);
	env_free(r->host->env, im->chunk);
	if (im->sha)
		sha256_free(im->sha);
}

const struct request_kind request_import = {"import", true, import_open, import_step, import_close};
