/* hunt: the rows of a time range, batch by batch, to a client that runs rules over them (docs/control.md). The rules stay
 * with the client: what they cost, and what may be wrong with them, does not concern the owner.
 */
#include "cli/request.h"
#include "store/scan.h"

static int read_range(struct request *r, struct scan_hints *hints)
{
	const char *from = json_member_str(r->json, "from", NULL), *to = json_member_str(r->json, "to", NULL);
	int64_t now = env_now(r->host->env);
	if (from && !clock_parse_option(slice_str(from), now, &hints->from_ns))
		return error_set(&r->error, ERROR_USAGE, "from: '%s' is no time (-1h, 2026-11-23, 2026-11-23T10:00:00Z)", from);
	if (to && !clock_parse_option(slice_str(to), now, &hints->to_ns))
		return error_set(&r->error, ERROR_USAGE, "to: '%s' is no time (-1h, 2026-11-23, 2026-11-23T10:00:00Z)", to);
	return 0;
}

static int hunt_open(struct request *r)
{
	struct scan_hints hints = {
		.from_ns = INT64_MIN, .to_ns = INT64_MAX, .kinds = 1u << ROW_EVENT | 1u << ROW_GAP, .all_columns = true};
	int result = read_range(r, &hints);
	if (!result && !r->host->engine->store)
		result = error_set(&r->error, ERROR_UNSUPPORTED, "this process keeps no store");
	return result ? result : store_scan_open(r->host->engine->store, &hints, &r->scan, &r->error);
}

static void print_block(const struct scan_block *block, struct buffer *out)
{
	struct json_writer w;
	size_t skip = ((size_t)block->batch->row_count + 63) / 64 * 8;
	json_writer_init(&w, out);
	json_object(&w);
	json_key(&w, "block");
	json_object(&w);
	json_key(&w, "bound_ns");
	json_i64(&w, block->bound);
	if (block->skip) {
		json_key(&w, "skip");
		json_base64(&w, slice_of((const uint8_t *)block->skip, skip));
	}
	json_key(&w, "batch");
	json_base64(&w, block->batch->octets);
	json_object_end(&w);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}

static void summary(struct request *r)
{
	struct scan_stats stats;
	struct json_writer w;
	store_scan_stats(r->scan, &stats);
	json_writer_init(&w, &r->summary);
	json_object(&w);
	json_key(&w, "segments");
	json_u64(&w, stats.segments);
	json_key(&w, "row_groups");
	json_u64(&w, stats.items);
	json_key(&w, "row_groups_passed_over");
	json_u64(&w, stats.items_passed_over);
	json_key(&w, "row_groups_damaged");
	json_u64(&w, stats.damaged);
	json_object_end(&w);
}

static int hunt_step(struct request *r, struct buffer *out)
{
	struct scan_block block;
	int result = store_scan_next(r->scan, &block, &r->error);
	if (result < 0)
		return result;
	if (result == 0) {
		summary(r);
		return REQUEST_DONE;
	}
	/* Incidents, audit rows and the like lie in other topics. */
	if (block.partition.topic == TOPIC_EVENTS)
		print_block(&block, out);
	return REQUEST_MORE;
}

static void hunt_close(struct request *r)
{
	if (r->scan)
		store_scan_close(r->scan);
	r->scan = NULL;
}

const struct request_kind request_hunt = {"hunt", true, hunt_open, hunt_step, hunt_close};
