/* search, tail, fields, sources: questions to the store. */
#include "cli/request.h"
#include "common/row_json.h"

#define ROWS_PER_STEP 512
#define PENDING_MAX (4u << 20) /* a tail whose reader is slower than that misses rows and is told so */

int request_query(struct request *r)
{
	struct query_options o = {.now_ns = env_now(r->host->env), .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	struct slice text = json_member_slice(r->json, "query");
	const char *from = json_member_str(r->json, "from", NULL), *to = json_member_str(r->json, "to", NULL);
	o.now_ns = json_member_i64(r->json, "now_ns", o.now_ns);
	if (from && !clock_parse_option(slice_str(from), o.now_ns, &o.from_ns))
		return error_set(&r->error, ERROR_USAGE, "from: '%s' is no time (-1h, 2026-11-23, 2026-11-23T10:00:00Z)", from);
	if (to && !clock_parse_option(slice_str(to), o.now_ns, &o.to_ns))
		return error_set(&r->error, ERROR_USAGE, "to: '%s' is no time (-1h, 2026-11-23, 2026-11-23T10:00:00Z)", to);
	if (json_member_i64(r->json, "limit", 0) < 0)
		return error_set(&r->error, ERROR_USAGE, "limit: a whole number from 0 (none)");
	if (o.now_ns < 0 || o.now_ns > REQUEST_NOW_MAX)
		return error_set(&r->error, ERROR_USAGE, "now_ns: nanoseconds since 1970, before 2200");
	o.limit = (uint64_t)json_member_i64(r->json, "limit", 0);
	o.descending = json_member_true(r->json, "descending");
	return query_compile(r->host->env, text, &o, &r->query, &r->error);
}

static int need_store(struct request *r)
{
	return r->host->engine->store ? 0 : error_set(&r->error, ERROR_UNSUPPORTED, "this process keeps no store");
}

static int search_open(struct request *r)
{
	int result = need_store(r);
	if (!result)
		result = request_query(r);
	return result ? result : store_query(r->host->engine->store, r->query, &r->run, &r->error);
}

static int search_step(struct request *r, struct buffer *out)
{
	int result = query_next(r->run, out, ROWS_PER_STEP, &r->error);
	if (result == 0)
		query_summary(r->run, &r->summary);
	return result > 0 ? REQUEST_MORE : result;
}

static int fields_step(struct request *r, struct buffer *out)
{
	return store_fields(r->host->engine->store, r->query, out, &r->error);
}

static int fields_open(struct request *r)
{
	int result = need_store(r);
	return result ? result : request_query(r);
}

static int sources_step(struct request *r, struct buffer *out)
{
	return store_sources(r->host->engine->store, out, &r->error);
}

/* ---- tail ---- */

static void print_row(struct request *r, const struct batch *batch, uint32_t index, enum bus_topic topic,
					  uint32_t partition, uint64_t offset)
{
	struct batch_row row;
	struct json_writer w;
	const struct predicate *p = query_predicate(r->query);
	batch_get_row(batch, index, &row);
	if (row.kind == ROW_TICK || !p->test(p, batch, &row))
		return;
	if (r->pending.len > PENDING_MAX) {
		r->pending_lost++;
		return;
	}
	(void)topic;
	json_writer_init(&w, &r->pending);
	json_object(&w);
	row_json_time(&w, &row);
	json_key(&w, "kind");
	json_str(&w, row_kind_name(row.kind));
	json_key(&w, "partition");
	json_u64(&w, partition);
	json_key(&w, "offset");
	json_u64(&w, offset);
	json_key(&w, "row");
	json_u64(&w, index);
	json_key(&w, "source");
	json_string(&w, batch_source_line(batch, row.source));
	row_json_decoder(&w, batch, &row);
	row_json_original(&w, &row);
	row_json_fields(&w, batch, &row);
	json_object_end(&w);
	buffer_add_octet(&r->pending, '\n');
}

static void on_batch(void *ctx, enum bus_topic topic, uint32_t partition, uint64_t offset, struct slice octets)
{
	struct request *r = ctx;
	struct batch batch;
	if (batch_open(&batch, octets, NULL))
		return;
	for (uint32_t i = 0; i < batch.row_count; i++)
		print_row(r, &batch, i, topic, partition, offset);
}

static int tail_open(struct request *r)
{
	int result = need_store(r);
	if (!result)
		result = request_query(r);
	if (result)
		return result;
	r->limit = (uint64_t)json_member_i64(r->json, "limit", 0);
	r->listener = (struct engine_listener){.batch = on_batch, .ctx = r};
	engine_listen(r->host->engine, &r->listener);
	r->listening = true;
	return 0;
}

/* Whole lines of `pending`, at most as many as the limit leaves. */
static size_t allowed(struct request *r)
{
	size_t at = 0;
	while (at < r->pending.len && !r->pending.failed && (!r->limit || r->given < r->limit)) {
		at = slice_find_octet(buffer_slice(&r->pending), '\n', at) + 1;
		r->given++;
	}
	return at;
}

static int tail_step(struct request *r, struct buffer *out)
{
	size_t n = allowed(r);
	if (r->pending.failed)
		return error_set(&r->error, ERROR_MEMORY, "no memory for the rows of a tail");
	buffer_add(out, r->pending.ptr, n);
	buffer_reset(&r->pending);
	if (r->pending_lost)
		buffer_add_format(out, "{\"missed\":%llu}\n", (unsigned long long)r->pending_lost);
	r->pending_lost = 0;
	return r->limit && r->given >= r->limit ? REQUEST_DONE : n ? REQUEST_MORE : REQUEST_WAITING;
}

const struct request_kind request_search = {"search", true, search_open, search_step, NULL};
const struct request_kind request_fields = {"fields", true, fields_open, fields_step, NULL};
const struct request_kind request_sources = {"sources", true, need_store, sources_step, NULL};
const struct request_kind request_tail = {"tail", true, tail_open, tail_step, NULL};
