/* `sources`: for each source line what came, when, how it was read, and what is wrong with it. */
#include "store/query_run.h"

#include <stdlib.h>

#define SOURCES_MAX 100000u
#define DECODERS_MAX 16u
#define SKEWS_MAX 1024u /* a sample of them; when full every second one goes and every second one is taken */
#define SAMPLE_BYTES 300u

struct source_decoder {
	struct slice name;
	uint64_t events;
};

struct counted_source {
	struct counted_source *next; /* of the same slot */
	struct slice line;
	uint64_t events, undecoded, gaps, truncated, header_invalid, charset_invalid, partial, late;
	int64_t first_ns, last_ns; /* observed */
	struct source_decoder decoders[DECODERS_MAX];
	uint32_t decoder_count;
	uint64_t other_decoders;
	int64_t *skews;
	uint32_t skew_count;
	uint64_t skew_seen, skew_stride;
	struct slice sample; /* of an undecoded line */
};

#define SLOTS 4096u

struct source_counts {
	const struct env *env;
	struct arena arena;
	struct counted_source *slots[SLOTS];
	uint64_t seed;
	uint32_t count;
	bool truncated, damaged;
};

/* ---- counting ---- */

static struct counted_source *source_of(struct source_counts *c, struct slice line)
{
	struct counted_source **slot = &c->slots[xxh3_seeded(line, c->seed) & (SLOTS - 1)];
	for (struct counted_source *s = *slot; s != NULL; s = s->next)
		if (slice_equal(s->line, line))
			return s;
	if (c->count == SOURCES_MAX) {
		c->truncated = true;
		return NULL;
	}
	struct counted_source *s = arena_zalloc(&c->arena, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->line = arena_copy(&c->arena, line);
	s->first_ns = INT64_MAX;
	s->last_ns = INT64_MIN;
	s->skew_stride = 1;
	s->next = *slot;
	*slot = s;
	c->count++;
	return s;
}

static void count_decoder(struct source_counts *c, struct counted_source *s, struct slice name)
{
	if (name.len == 0) {
		s->undecoded++;
		return;
	}
	for (uint32_t i = 0; i < s->decoder_count; i++) {
		if (slice_equal(s->decoders[i].name, name)) {
			s->decoders[i].events++;
			return;
		}
	}
	struct slice own = s->decoder_count == DECODERS_MAX ? SLICE_NONE : arena_copy(&c->arena, name);
	if (own.ptr == NULL)
		s->other_decoders++;
	else
		s->decoders[s->decoder_count++] = (struct source_decoder){own, 1};
}

static void skews_halve(struct counted_source *s)
{
	for (uint32_t i = 0; i < SKEWS_MAX / 2; i++)
		s->skews[i] = s->skews[2 * i];
	s->skew_count = SKEWS_MAX / 2;
	s->skew_stride *= 2;
}

static int count_skew(struct source_counts *c, struct counted_source *s, const struct batch_row *row)
{
	if ((row->quality & TIME_PRESENT) == 0 || s->skew_seen++ % s->skew_stride != 0)
		return 0;
	if (s->skews == NULL)
		s->skews = arena_alloc(&c->arena, SKEWS_MAX * sizeof(*s->skews));
	if (s->skews == NULL)
		return -ERROR_MEMORY;
	int64_t skew;
	if (__builtin_sub_overflow(row->observed_ns, row->time_ns, &skew))
		skew = row->time_ns < 0 ? INT64_MAX : INT64_MIN;
	s->skews[s->skew_count++] = skew;
	if (s->skew_count == SKEWS_MAX)
		skews_halve(s);
	return 0;
}

static void count_flags(struct counted_source *s, uint32_t flags)
{
	s->truncated += (flags & ROW_TRUNCATED) != 0;
	s->header_invalid += (flags & ROW_HEADER_INVALID) != 0;
	s->charset_invalid += (flags & ROW_CHARSET_INVALID) != 0;
	s->partial += (flags & ROW_PARTIAL) != 0;
	s->late += (flags & ROW_LATE) != 0;
}

/* The first line that no decoder knew, as an example. Row numbers are the same in the whole batch. */
static int take_sample(struct source_counts *c, struct counted_source *s, void *scan, const struct query_source *source,
					   uint32_t index, struct error *error)
{
	const struct batch *whole;
	struct batch_row found;
	if (s->undecoded == 0 || s->sample.ptr != NULL)
		return 0;
	int rc = source->whole(scan, &whole, error);
	if (rc == -ERROR_DAMAGED)
		return 0;
	if (rc < 0)
		return rc;
	batch_get_row(whole, index, &found);
	if (found.original.len > SAMPLE_BYTES)
		found.original.len = SAMPLE_BYTES;
	s->sample = arena_copy(&c->arena, found.original);
	return 0;
}

static int count_event(struct source_counts *c, struct counted_source *s, const struct query_row *row)
{
	uint16_t version;
	s->events++;
	s->first_ns = row->row.observed_ns < s->first_ns ? row->row.observed_ns : s->first_ns;
	s->last_ns = row->row.observed_ns > s->last_ns ? row->row.observed_ns : s->last_ns;
	count_decoder(c, s, batch_decoder_name(row->batch, row->row.decoder, &version));
	count_flags(s, row->row.flags);
	return count_skew(c, s, &row->row);
}

static int count_row(struct source_counts *c, void *scan, const struct query_source *source,
					 const struct query_row *row, uint32_t index, struct error *error)
{
	if (row->row.kind != ROW_EVENT && row->row.kind != ROW_GAP)
		return 0;
	struct counted_source *s = source_of(c, batch_source_line(row->batch, row->row.source));
	if (s == NULL)
		return c->truncated ? 0 : error_set(error, ERROR_MEMORY, "no memory to count the sources");
	if (row->row.kind == ROW_GAP) {
		s->gaps++;
		return 0;
	}
	if (count_event(c, s, row) < 0)
		return error_set(error, ERROR_MEMORY, "no memory to count the sources");
	return take_sample(c, s, scan, source, index, error);
}

/* ---- telling ---- */

static int compare_skews(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void tell_skew(struct json_writer *w, struct counted_source *s)
{
	json_key(w, "skew_s"); /* observed - time, the middle one */
	if (s->skew_count == 0) {
		json_null(w);
		return;
	}
	qsort(s->skews, s->skew_count, sizeof(*s->skews), compare_skews);
	json_f64(w, (double)(s->skews[s->skew_count / 2] / NS_PER_MS) / 1000.0);
}

static void tell_rate(struct json_writer *w, const struct counted_source *s)
{
	json_key(w, "events_per_s");
	if (s->last_ns <= s->first_ns)
		json_null(w);
	else
		json_f64(w,
				 (double)(int64_t)((double)s->events * 1e9 / (double)(s->last_ns - s->first_ns) * 1000 + 0.5) / 1000);
}

static void tell_decoders(struct json_writer *w, const struct counted_source *s)
{
	json_key(w, "decoders");
	json_object(w);
	for (uint32_t i = 0; i < s->decoder_count; i++) {
		json_key_slice(w, s->decoders[i].name);
		json_u64(w, s->decoders[i].events);
	}
	json_object_end(w);
	if (s->other_decoders > 0) {
		json_key(w, "other_decoders");
		json_u64(w, s->other_decoders);
	}
}

static void tell_seen(struct json_writer *w, const char *key, const struct counted_source *s, int64_t ns)
{
	json_key(w, key);
	if (s->events == 0)
		json_null(w);
	else
		json_time(w, ns);
}

static void tell_source(struct counted_source *s, struct buffer *out)
{
	struct json_writer w;
	json_writer_init(&w, out);
	json_object(&w);
	json_key(&w, "source");
	if (s->line.len == 0)
		json_null(&w);
	else
		json_string(&w, s->line);
	json_member_u64(&w, "events", s->events);
	tell_seen(&w, "first_seen", s, s->first_ns);
	tell_seen(&w, "last_seen", s, s->last_ns);
	tell_rate(&w, s);
	tell_decoders(&w, s);
	json_member_u64(&w, "undecoded", s->undecoded);
	json_member_u64(&w, "header_invalid", s->header_invalid);
	json_member_u64(&w, "charset_invalid", s->charset_invalid);
	json_member_u64(&w, "truncated", s->truncated);
	json_member_u64(&w, "partial", s->partial);
	json_member_u64(&w, "late", s->late);
	json_member_u64(&w, "gaps", s->gaps);
	tell_skew(&w, s);
	json_key(&w, "sample");
	if (s->sample.ptr == NULL)
		json_null(&w);
	else
		json_string(&w, s->sample);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}

static int compare_lines(const void *left, const void *right)
{
	return slice_compare((*(struct counted_source *const *)left)->line, (*(struct counted_source *const *)right)->line);
}

/* In order of source line. */
static int tell(struct source_counts *c, struct buffer *out, struct error *error)
{
	struct counted_source **all = arena_alloc(&c->arena, c->count * sizeof(*all));
	uint32_t n = 0;
	if (all == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for the list of sources");
	for (uint32_t i = 0; i < SLOTS; i++)
		for (struct counted_source *s = c->slots[i]; s != NULL; s = s->next)
			all[n++] = s;
	if (n > 1)
		qsort(all, n, sizeof(struct counted_source *), compare_lines);
	for (uint32_t i = 0; i < n; i++)
		tell_source(all[i], out);
	if (c->truncated)
		buffer_add_str(out, "{\"truncated\":\"sources\"}\n");
	if (c->damaged)
		buffer_add_str(out, "{\"truncated\":\"damaged\"}\n");
	return out->failed ? error_set(error, ERROR_MEMORY, "no memory for the list of sources") : 0;
}

static int count_all(struct source_counts *c, const struct query_source *source, struct error *error)
{
	struct scan_hints hints = {.from_ns = INT64_MIN, .to_ns = INT64_MAX, .kinds = 1u << ROW_EVENT | 1u << ROW_GAP};
	struct scan_block block;
	struct query_row row;
	void *scan;
	int rc = source->open(source->ctx, &hints, &scan, error);
	if (rc < 0)
		return rc;
	while ((rc = source->next(scan, &block, error)) > 0) {
		for (uint32_t i = 0; i < block.batch->row_count && rc >= 0; i++)
			if (query_block_row(&block, i, &row))
				rc = count_row(c, scan, source, &row, i, error);
		if (rc < 0)
			break;
	}
	struct scan_stats stats;
	source->stats(scan, &stats);
	c->damaged = stats.damaged > 0;
	source->close(scan);
	return rc;
}

int query_sources(const struct env *env, const struct query_source *source, struct buffer *ndjson, struct error *error)
{
	struct source_counts *c = env_zalloc(env, sizeof(*c));
	if (c == NULL)
		return error_set(error, ERROR_MEMORY, "no memory to count the sources");
	c->env = env;
	arena_init(&c->arena, env, 0);
	int rc = env->random.fill(env->random.ctx, &c->seed, sizeof(c->seed)) < 0
				 ? error_set(error, ERROR_IO, "no randomness")
				 : 0;
	if (rc == 0)
		rc = count_all(c, source, error);
	if (rc == 0)
		rc = tell(c, ndjson, error);
	arena_free(&c->arena);
	env_free(env, c);
	return rc;
}

int store_sources(struct store *s, struct buffer *ndjson, struct error *error)
{
	struct query_source source = query_source_store(s);
	return query_sources(store_env(s), &source, ndjson, error);
}
