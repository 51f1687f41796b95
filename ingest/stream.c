/* Files and pipes: records in order, an empty line is one too. */
#include "ingest/collector.h"

struct ingest_stream {
	struct ingest *in;
	struct framer framer;
	struct source source;
	char line[128];
	size_t line_len;
};

int ingest_stream_new(struct ingest *in, struct slice source_line, enum framing framing, struct ingest_stream **out,
					  struct error *error)
{
	struct ingest_stream *s;
	if (source_line.len >= sizeof(s->line))
		return error_set(error, ERROR_USAGE, "a source line of %zu octets; at most %zu", source_line.len,
						 sizeof(s->line) - 1);
	s = env_zalloc(in->env, sizeof(*s));
	if (s == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a stream");
	s->in = in;
	s->line_len = source_line.len;
	if (source_line.len > 0)
		memcpy(s->line, source_line.ptr, source_line.len);
	framer_init(&s->framer, in->env, framing, true, in->config.message_bytes);
	*out = s;
	return 0;
}

static void take(struct ingest_stream *s, const struct frame *frame, int64_t observed_ns)
{
	struct origin origin = {.base = slice_of(s->line, s->line_len), .fixed = &s->source};
	ingest_take(s->in, &origin, frame, observed_ns);
}

int ingest_stream_add(struct ingest_stream *s, struct slice octets, size_t *taken, struct error *error)
{
	struct slice left = octets;
	struct frame frame;
	int64_t observed_ns = ingest_now(s->in);
	*taken = 0;
	while (left.len > 0 && !ingest_blocked(s->in)) {
		int result = framer_next(&s->framer, &left, &frame);
		*taken = octets.len - left.len;
		if (result < 0)
			return error_set(error, ERROR_MEMORY, "no memory for a record of more than %zu octets", s->framer.len);
		if (result == 0)
			break;
		take(s, &frame, observed_ns);
	}
	return 0;
}

int ingest_stream_end(struct ingest_stream *s, struct error *error)
{
	struct frame frame;
	if (ingest_blocked(s->in)) {
		error_set(error, ERROR_FULL, "the bus refuses: call ingest_step, then again");
		if (error != NULL)
			error->flags |= ERROR_RETRIABLE;
		return -ERROR_FULL;
	}
	int result = framer_end(&s->framer, &frame);
	if (result < 0)
		return error_set(error, ERROR_MEMORY, "no memory for the last record");
	if (result > 0)
		take(s, &frame, ingest_now(s->in));
	return 0;
}

void ingest_stream_free(struct ingest_stream *s)
{
	if (s == NULL)
		return;
	struct ingest *in = s->in;
	/* A parked frame outlives its stream. */
	if (in->parked && in->parked_origin.fixed == &s->source) {
		in->parked_source = s->source;
		in->parked_origin.fixed = &in->parked_source;
	}
	framer_free(&s->framer);
	env_free(in->env, s);
}
