/* Where they go: bus and store of a configuration. */
#include "cli/config_read.h"

/* ---- bus ---- */

static void take_count(struct config_reading *r, const struct tree_node *n, uint32_t *out)
{
	*out = (uint32_t)config_number(r, n, "a number of partitions", 1, 1024, *out);
}

static void take_count_events(struct config_reading *r, const struct tree_node *n, void *target)
{
	take_count(r, n, &((struct config *)target)->partitions[TOPIC_EVENTS]);
}

static void take_count_matches(struct config_reading *r, const struct tree_node *n, void *target)
{
	take_count(r, n, &((struct config *)target)->partitions[TOPIC_MATCHES]);
}

static void take_count_incidents(struct config_reading *r, const struct tree_node *n, void *target)
{
	take_count(r, n, &((struct config *)target)->partitions[TOPIC_INCIDENTS]);
}

static void take_partitions(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const struct config_key keys[] = {{"events", take_count_events},
											 {"matches", take_count_matches},
											 {"incidents", take_count_incidents},
											 {NULL, NULL}};
	config_map(r, n, "partitions", keys, target);
}

static bool range_add(struct config_range *out, uint32_t id)
{
	for (uint32_t i = 0; i < out->count; i++)
		if (out->ids[i] == id)
			return false;
	out->ids[out->count++] = id;
	return true;
}

/* "0-3", "0-3,7", 5 */
static void take_range(struct config_reading *r, const struct tree_node *n, struct config_range *out, uint32_t count)
{
	struct slice text = tree_is_scalar(n) ? n->text : SLICE_NONE;
	out->ids = arena_alloc(&r->config->arena, (count ? count : 1) * sizeof *out->ids);
	for (size_t at = 0; out->ids && at < text.len;) {
		size_t end = slice_find_octet(text, ',', at);
		end = end == SIZE_MAX ? text.len : end;
		struct slice part = slice_trim(slice_of(text.ptr + at, end - at));
		size_t dash = slice_find_octet(part, '-', 0);
		uint64_t from, to;
		bool good = dash == SIZE_MAX ? slice_to_u64(part, &from) : slice_to_u64(slice_of(part.ptr, dash), &from);
		to = good ? from : 0;
		if (good && dash != SIZE_MAX)
			good = slice_to_u64(slice_from(part, dash + 1), &to);
		if (!good || to < from || to >= count || out->count + (to - from) >= count) {
			config_complain(r, n, "'%.*s' are no partitions: a range such as 0-%u", SLICE_PRINT(text), count - 1);
			return;
		}
		for (uint64_t id = from; id <= to; id++)
			if (!range_add(out, (uint32_t)id)) {
				config_complain(r, n, "partition %u is named twice", (unsigned)id);
				return;
			}
		at = end + 1;
	}
	if (!text.len)
		config_complain(r, n, "partitions are a range such as 0-%u", count - 1);
}

static void take_own_events(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	take_range(r, n, &c->own_events, c->partitions[TOPIC_EVENTS]);
}

static void take_own_matches(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	take_range(r, n, &c->own_matches, c->partitions[TOPIC_MATCHES]);
}

static void take_own_incidents(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	take_range(r, n, &c->own_incidents, c->partitions[TOPIC_INCIDENTS]);
}

static void take_own(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const struct config_key keys[] = {
		{"events", take_own_events}, {"matches", take_own_matches}, {"incidents", take_own_incidents}, {NULL, NULL}};
	config_map(r, n, "own", keys, target);
}

static void take_kind(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const char *const names[] = {"local", "kafka", NULL};
	((struct config *)target)->bus_kafka = config_choice(r, n, "bus.kind", names, 0) == 1;
}

static void take_bootstrap(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->bootstrap = config_str(r, n, "bus.bootstrap");
}

static void take_prefix(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->topic_prefix = config_str(r, n, "bus.topic_prefix");
}

static void take_replication(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->replication = (uint16_t)config_number(r, n, "bus.replication", 1, 32, 1);
}

static void take_sync(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->sync_ms = (uint32_t)config_number(r, n, "bus.sync_ms", 1, 10000, 100);
}

static void take_max(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->bus_max_bytes = config_number(r, n, "bus.max_bytes", 1u << 20, INT64_MAX, 0);
}

static void take_keep(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->bus_keep_bytes = config_number(r, n, "bus.keep_bytes", 1u << 20, INT64_MAX, 0);
}

static void take_file_bytes(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->log_file_bytes = config_number(r, n, "bus.file_bytes", 1u << 16, 1u << 30, 0);
}

static void take_options(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	if (n->type != TREE_MAP) {
		config_complain(r, n, "bus.options is a map of librdkafka settings");
		return;
	}
	c->bus_options = arena_zalloc(&c->arena, (2 * n->count + 1) * sizeof *c->bus_options);
	for (uint32_t i = 0; c->bus_options && i < n->count; i++) {
		c->bus_options[2 * i] = config_str(r, n->pairs[i].key, "bus.options");
		c->bus_options[2 * i + 1] = config_str(r, n->pairs[i].value, "bus.options");
	}
}

void config_take_bus(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const struct config_key keys[] = {{"kind", take_kind},
											 {"bootstrap", take_bootstrap},
											 {"topic_prefix", take_prefix},
											 {"replication", take_replication},
											 {"partitions", take_partitions},
											 {"own", take_own},
											 {"sync_ms", take_sync},
											 {"max_bytes", take_max},
											 {"keep_bytes", take_keep},
											 {"file_bytes", take_file_bytes},
											 {"options", take_options},
											 {NULL, NULL}};
	config_map(r, n, "bus", keys, target);
}

static void take_store_name(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->store_name = config_str(r, n, "store.name");
}

static void take_level(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->zstd_level = (int)config_number(r, n, "store.zstd_level", 1, 19, 3);
}

static void take_rows(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->segment_rows = (uint32_t)config_number(
		r, n, "store.segment_rows", 1, (uint64_t)LIMIT_segment_rows, (uint64_t)LIMIT_segment_rows);
}

static void take_age(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->segment_age_s = (uint32_t)config_number(r, n, "store.segment_age_s", 1, 86400, 60);
}

static void take_read_back(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->verify_read_back = config_bool(r, n, "store.verify_read_back");
}

void config_take_store(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const struct config_key keys[] = {
		{"name", take_store_name},   {"zstd_level", take_level},           {"segment_rows", take_rows},
		{"segment_age_s", take_age}, {"verify_read_back", take_read_back}, {NULL, NULL}};
	config_map(r, n, "store", keys, target);
}
