#include "cli/input.h"

#include "cli/import_options.h"
#include "cli/setup.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE_BYTES (1u << 20)
#define STOP_LOOK_MS 200

struct reading {
	const struct input_job *job;
	struct ingest *ingest;
	struct ingest_stream *stream;
	uint8_t *piece;
	struct buffer rest, lines; /* rewriting: an unfinished line, finished ones */
	struct error error;
	int result; /* of the batch callback */
};

static int emit(void *ctx, uint32_t partition, struct slice batch, uint32_t rows)
{
	struct reading *r = ctx;
	(void)partition;
	(void)rows;
	if (!r->result)
		r->result = r->job->batch(r->job->ctx, batch);
	return 0;
}

static int give(struct reading *r, struct slice octets)
{
	size_t taken;
	while (octets.len && !r->result) {
		if (ingest_stream_add(r->stream, octets, &taken, &r->error) < 0)
			return -1;
		octets = slice_from(octets, taken);
		if (octets.len)
			(void)ingest_step(r->ingest, true, &r->error);
	}
	return r->result;
}

static int rewrite(struct reading *r, struct slice piece, bool last)
{
	size_t at = 0, stop;
	buffer_add_slice(&r->rest, piece);
	buffer_reset(&r->lines);
	struct slice all = buffer_slice(&r->rest);
	while ((stop = slice_find_octet(all, '\n', at)) != SIZE_MAX || (last && at < all.len)) {
		size_t end = stop == SIZE_MAX ? all.len : stop;
		if (r->job->line(r->job->ctx, slice_of(all.ptr + at, end - at), &r->lines))
			return error_set(&r->error, ERROR_MEMORY, "no memory for a line");
		if (stop != SIZE_MAX)
			buffer_add_octet(&r->lines, r->job->joined ? ' ' : '\n');
		at = end + (stop != SIZE_MAX);
	}
	if (r->rest.failed || r->lines.failed)
		return error_set(&r->error, ERROR_MEMORY, "no memory for a line");
	int result = give(r, buffer_slice(&r->lines));
	if (at) {
		memmove(r->rest.ptr, r->rest.ptr + at, r->rest.len - at);
		r->rest.len -= at;
	}
	return result;
}

static int read_all(struct reading *r, int fd, const char *name, uint64_t *bytes)
{
	const struct env_files *f = &setup_env()->files;
	for (;;) {
		/* A terminal or pipe with nothing to give: Ctrl-C must end the wait. */
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		while (!setup_stop && poll(&wait, 1, STOP_LOOK_MS) <= 0)
			;
		if (setup_stop)
			return 0;
		ssize_t n = f->read(f->ctx, fd, r->piece, PIECE_BYTES);
		if (n < 0) {
			/* Unreadable input is the user's matter, not our storage. */
			return error_set(&r->error, ERROR_USAGE, "cannot read %s: %s", name, strerror((int)-n));
		}
		*bytes += (uint64_t)n;
		struct slice piece = slice_of(r->piece, (size_t)n);
		int result = r->job->line ? rewrite(r, piece, n == 0) : give(r, piece);
		if (result || n == 0 || setup_stop)
			return result;
	}
}

static int open_reading(struct reading *r, const char *name, int fd)
{
	struct ingest_config c = {
		.partitions = 1, .single_partition = true, .decoders = r->job->decoders, .emit = emit, .ctx = r};
	enum framing framing;
	struct env_stat st = {0};
	const struct env *env = setup_env();
	char source[4200];
	memcpy(c.collector, r->job->collector, 16);
	import_args(r->job->args, &framing, &c.defaults);
	if (r->job->line)
		framing = FRAMING_LF;
	env->files.fstat(env->files.ctx, fd, &st);
	c.fixed_observed_ns = env_now(env);
	if (!import_year_from(r->job->args, fd == 0 || !st.mtime_ns ? env_now(env) : st.mtime_ns, &c.year_from_ns))
		return -1;
	snprintf(source, sizeof source, "file %.100s", name);
	int result = ingest_new(env, &c, &r->ingest, &r->error);
	return result ? result : ingest_stream_new(r->ingest, slice_str(source), framing, &r->stream, &r->error);
}

static int read_input(struct reading *r, const char *name, int fd, uint64_t *bytes)
{
	int result = open_reading(r, name, fd);
	if (!result)
		result = read_all(r, fd, name, bytes);
	if (!result)
		result = ingest_stream_end(r->stream, &r->error);
	if (result >= 0)
		(void)ingest_step(r->ingest, true, &r->error);
	return result < 0 ? result : r->result;
}

int input_file(const struct input_job *job, const char *name, uint64_t *bytes)
{
	const struct env *env = setup_env();
	struct reading r = {.job = job, .piece = env_alloc(env, PIECE_BYTES)};
	bool input = strcmp(name, "-") == 0;
	int fd = input ? 0 : env->files.open(env->files.ctx, name, ENV_READ);
	if (fd < 0) {
		fprintf(stderr, "cresset %s: cannot read %s: %s\n", job->args->verb->name, name, strerror(-fd));
		env_free(env, r.piece);
		return EXIT_USAGE;
	}
	buffer_init(&r.rest, env);
	buffer_init(&r.lines, env);
	int result = r.piece ? read_input(&r, name, fd, bytes) : -ERROR_MEMORY, code = EXIT_OK;
	if (result && !r.result)
		code = r.error.code ? setup_fail(job->args, &r.error) : EXIT_USAGE;
	if (r.stream)
		ingest_stream_free(r.stream);
	if (r.ingest)
		ingest_free(r.ingest);
	buffer_free(&r.rest);
	buffer_free(&r.lines);
	env_free(env, r.piece);
	if (!input)
		env->files.close(env->files.ctx, fd);
	return code;
}
