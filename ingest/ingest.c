/* The door: making and freeing, the step that closes batches, ticks, and what is done when the bus refuses. */
#include "ingest/body.h"
#include "ingest/collector.h"

#include <stdio.h>

#define TICK_NS NS_PER_S
#define CLOCK_STEP_NS NS_PER_S

int64_t ingest_now(const struct ingest *in)
{
	int64_t now = in->config.fixed_observed_ns != 0 ? in->config.fixed_observed_ns : env_now(in->env);
	return now > in->floor_ns ? now : in->floor_ns;
}

static void reference_update(struct ingest *in)
{
	int64_t ns = in->config.year_from_ns != 0 ? in->config.year_from_ns : ingest_now(in);
	/* The year is only asked for once a minute: what is nearest does not change by that. */
	if (in->reference.year == 0 || ns < in->reference.ns || ns - in->reference.ns > NS_PER_MIN)
		in->reference = moment_of(ns);
}

/* A forced decoder that is not there would go unnoticed for ever. */
static int check_decoder(const struct ingest_config *c, const struct source_settings *s, struct error *error)
{
	if (s->decoder.len == 0 || c->decoders == NULL || decoders_know(c->decoders, s->decoder))
		return 0;
	return error_set(error, ERROR_USAGE, "there is no decoder \"%.*s\"", s->decoder.len > 64 ? 64 : (int)s->decoder.len,
					 (const char *)s->decoder.ptr);
}

static int check_decoders(const struct ingest_config *c, struct error *error)
{
	int result = check_decoder(c, &c->defaults, error);
	for (uint32_t i = 0; result == 0 && i < c->source_count; i++)
		result = check_decoder(c, &c->sources[i], error);
	return result;
}

static int check_config(const struct ingest_config *c, struct error *error)
{
	if (c->emit == NULL || (!c->single_partition && (c->partitions == 0 || c->partitions > 65536)))
		return error_set(error, ERROR_USAGE, "ingest needs 1 to 65536 partitions and somebody who takes batches");
	if (c->message_bytes > LIMIT_message_bytes_max)
		return error_set(error, ERROR_USAGE, "message_bytes is %u; at most %lld", c->message_bytes,
						 (long long)LIMIT_message_bytes_max);
	return check_decoders(c, error);
}

static int names_init(struct ingest *in, struct error *error)
{
	int result = in->env->random.fill(in->env->random.ctx, &in->seed, sizeof(in->seed));
	if (result < 0)
		return error_io(error, result, "cannot read random octets");
	if (dictionary_init(&in->dictionary, in->env, in->seed) < 0)
		return error_set(error, ERROR_MEMORY, "no memory for field names");
	in->field_length = dictionary_intern(&in->dictionary, SLICE("event.original_length"));
	in->field_hash = dictionary_intern(&in->dictionary, SLICE("event.original_hash"));
	if (in->config.decoders != NULL) {
		in->decoders = decoder_scratch_new(in->config.decoders, in->env, &in->dictionary);
		if (in->decoders == NULL)
			return error_set(error, ERROR_MEMORY, "no memory for decoders");
	}
	in->body = body_scratch_new(in->env, &in->dictionary);
	if (in->body == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for bodies");
	dictionary_keep(&in->dictionary);
	return 0;
}

static int parts_init(struct ingest *in, struct error *error)
{
	in->read_buf = env_alloc(in->env, READ_BYTES);
	in->parked_octets = env_alloc(in->env, in->config.message_bytes);
	if (in->read_buf == NULL || in->parked_octets == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for reading");
	int result = names_init(in, error);
	if (result == 0)
		result = sources_init(in, error);
	if (result == 0)
		result = partitions_init(in, error);
	return result;
}

int ingest_new(const struct env *env, const struct ingest_config *config, struct ingest **out, struct error *error)
{
	int result = check_config(config, error);
	if (result < 0)
		return result;
	struct ingest *in = env_zalloc(env, sizeof(*in));
	if (in == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for ingest");
	in->env = env;
	in->config = *config;
	json_fields_init(&in->own_fields, env, &in->dictionary);
	charset_init(&in->charset, env);
	if (in->config.message_bytes == 0)
		in->config.message_bytes = (uint32_t)LIMIT_message_bytes;
	result = parts_init(in, error);
	if (result < 0) {
		ingest_free(in);
		return result;
	}
	in->clock_difference = env_now(env) - env_boot(env);
	in->next_tick_boot_ns = env_boot(env) + TICK_NS;
	reference_update(in);
	*out = in;
	return 0;
}

void ingest_free(struct ingest *in)
{
	if (in == NULL)
		return;
	partitions_free(in);
	sources_free(in);
	if (in->decoders != NULL)
		decoder_scratch_free(in->decoders);
	if (in->body != NULL)
		body_scratch_free(in->body);
	json_fields_free(&in->own_fields);
	if (in->dictionary.arena.env != NULL)
		dictionary_free(&in->dictionary);
	charset_free(&in->charset);
	env_free(in->env, in->read_buf);
	env_free(in->env, in->unescape);
	env_free(in->env, in->parked_octets);
	env_free(in->env, in);
}

void ingest_stats(const struct ingest *in, struct ingest_stats *out)
{
	*out = in->stats;
}

/* ---- refused batches ---- */

static bool any_closed(const struct ingest *in)
{
	for (uint32_t i = 0; i < in->partition_count; i++) {
		if (in->partitions[i].closed)
			return true;
	}
	return false;
}

bool ingest_blocked(const struct ingest *in)
{
	return in->parked || in->memory_short || in->resume != NULL || any_closed(in);
}

void ingest_hold(struct ingest *in, bool (*resume)(void *ctx), void *ctx)
{
	CHECK(in->resume == NULL);
	in->resume = resume;
	in->resume_ctx = ctx;
}

static void park(struct ingest *in, const struct origin *origin, const struct frame *frame, int64_t observed_ns)
{
	CHECK(frame->octets.len <= in->config.message_bytes && origin->base.len <= sizeof(in->parked_base));
	if (frame->octets.len > 0)
		memmove(in->parked_octets, frame->octets.ptr, frame->octets.len);
	memmove(in->parked_base, origin->base.ptr, origin->base.len);
	in->parked_frame = *frame;
	in->parked_frame.octets = slice_of(in->parked_octets, frame->octets.len);
	in->parked_origin = *origin;
	in->parked_origin.base = slice_of(in->parked_base, origin->base.len);
	in->parked_origin.key = NULL; /* it may outlive the connection */
	in->parked_observed = observed_ns;
	in->parked = true;
}

void ingest_take(struct ingest *in, const struct origin *origin, const struct frame *frame, int64_t observed_ns)
{
	CHECK(!in->parked);
	if (observed_ns < in->floor_ns)
		observed_ns = in->floor_ns;
	int result = row_add(in, origin, frame, observed_ns);
	if (result == -ERROR_FULL || result == -ERROR_MEMORY) {
		park(in, origin, frame, observed_ns);
	} else if (result < 0) {
		in->stats.received++;
		in->stats.dropped++;
		gap_add(in, SLICE_NONE, "no_batch_holds_it", frame->full_len, "octets");
	}
	partitions_watch_names(in);
}

void ingest_unpark(struct ingest *in)
{
	if (in->parked && !any_closed(in)) {
		in->parked = false;
		ingest_take(in, &in->parked_origin, &in->parked_frame, in->parked_observed);
	}
	if (in->resume == NULL || in->parked || in->memory_short || any_closed(in))
		return;
	bool (*resume)(void *) = in->resume;
	void *ctx = in->resume_ctx;
	in->resume = NULL;
	if (!resume(ctx) && in->resume == NULL)
		ingest_hold(in, resume, ctx);
}

/* ---- the step ---- */

static bool close_due(struct ingest *in, struct partition *p, bool flush)
{
	if (p->closed)
		return true;
	if (!p->begun || batch_builder_rows(p->builder) == 0)
		return false;
	return flush || env_boot(in->env) - p->opened_boot_ns >= LIMIT_batch_age_ms * NS_PER_MS;
}

static void close_batches(struct ingest *in, bool flush)
{
	for (uint32_t i = 0; i < in->partition_count; i++) {
		if (close_due(in, &in->partitions[i], flush))
			partition_close(in, &in->partitions[i]);
	}
}

/* The promise of a tick: the open batch is closed first, and no later row of the partition is observed before it (I3). */
static void tick(struct ingest *in)
{
	int64_t boot = env_boot(in->env);
	if (!in->config.ticks || boot < in->next_tick_boot_ns || ingest_blocked(in))
		return;
	int64_t now = ingest_now(in);
	for (uint32_t i = 0; i < in->partition_count; i++) {
		struct partition *p = &in->partitions[i];
		if (partition_close(in, p) < 0 || row_add_own(in, p, ROW_TICK, SLICE_NONE, SLICE_NONE, now) < 0)
			continue; /* the next second has its own tick */
		partition_close(in, p);
	}
	in->floor_ns = now;
	in->next_tick_boot_ns = boot + TICK_NS;
}

/* A wall clock that was set is told in a row: times before and after do not compare. */
static void watch_clock(struct ingest *in)
{
	char json[128];
	if (in->config.fixed_observed_ns != 0)
		return;
	int64_t difference = env_now(in->env) - env_boot(in->env), step = difference - in->clock_difference;
	if (step < CLOCK_STEP_NS && step > -CLOCK_STEP_NS)
		return;
	snprintf(json, sizeof(json), "{\"action\":\"clock_step\",\"step_ms\":%lld}", (long long)(step / NS_PER_MS));
	if (row_add_own(in, &in->partitions[0], ROW_AUDIT, slice_str(json), SLICE_NONE, ingest_now(in)) == 0)
		in->clock_difference = difference;
}

static int next_call(const struct ingest *in)
{
	int64_t boot = env_boot(in->env), next = INT64_MAX;
	for (uint32_t i = 0; i < in->partition_count; i++) {
		const struct partition *p = &in->partitions[i];
		int64_t due = p->opened_boot_ns + LIMIT_batch_age_ms * NS_PER_MS;
		if (p->closed)
			due = boot + 10 * NS_PER_MS;
		if ((p->closed || (p->begun && batch_builder_rows(p->builder) > 0)) && due < next)
			next = due;
	}
	if (in->config.ticks && in->next_tick_boot_ns < next)
		next = in->next_tick_boot_ns;
	if ((in->gap_count > 0 || ingest_blocked(in)) && boot + 10 * NS_PER_MS < next)
		next = boot + 10 * NS_PER_MS;
	if (next == INT64_MAX)
		return -1;
	return next <= boot ? 0 : (int)((next - boot + NS_PER_MS - 1) / NS_PER_MS);
}

int ingest_step(struct ingest *in, bool flush, struct error *error)
{
	(void)error;
	reference_update(in);
	in->memory_short = false;
	close_batches(in, flush);
	ingest_unpark(in);
	watch_clock(in);
	for (struct ingest_udp *udp = in->sockets; udp != NULL; udp = udp_next(udp))
		udp_report_drops(udp, flush);
	gap_flush(in);
	tick(in);
	if (flush)
		close_batches(in, true);
	return next_call(in);
}

int ingest_own_row(struct ingest *in, uint32_t partition, enum row_kind kind, struct slice json, struct error *error)
{
	struct partition *p = NULL;
	for (uint32_t i = 0; i < in->partition_count; i++) {
		if (in->partitions[i].number == partition)
			p = &in->partitions[i];
	}
	if (p == NULL)
		return error_set(error, ERROR_USAGE, "there is no partition %u", partition);
	int result = row_add_own(in, p, kind, json, SLICE_NONE, ingest_now(in));
	if (result == -ERROR_FULL) {
		error_set(error, ERROR_FULL, "partition %u waits for the bus", partition);
		if (error != NULL)
			error->flags |= ERROR_RETRIABLE;
		return result;
	}
	if (result < 0)
		return error_set(error, (enum error_code) - result, "an own row of %zu octets is not written", json.len);
	return 0;
}
