#include "cli/config.h"

#include "rules/yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_BYTES_MAX (1u << 20)
#define DEFAULT_PORT 5514
#define CONFIG_WINDOW_BYTES_MIN (UINT64_C(1) << 20)
#define CONFIG_STATE_BYTES_MAX (UINT64_C(1) << 40)

/* Where we are while reading: complaints go to `tell`, the first one is kept. */
struct reading {
	struct config *config;
	diagnostic_fn *tell;
	void *ctx;
	struct error first;
};

static void complain(struct reading *r, const struct tree_node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void complain(struct reading *r, const struct tree_node *at, const char *format, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	struct diagnostic d = {.level = DIAGNOSTIC_ERROR,
						   .id = "config",
						   .file = r->config->file,
						   .line = at ? at->line : 0,
						   .column = at ? at->column : 0,
						   .rule = "",
						   .text = text};
	if (r->tell)
		r->tell(r->ctx, &d);
	if (!r->first.code) {
		error_set(&r->first, ERROR_SYNTAX, "%s", text);
		error_at(&r->first, d.file, d.line, d.column);
	}
}

/* ---- values ---- */

static const char *read_str(struct reading *r, const struct tree_node *n, const char *key)
{
	if (!tree_is_scalar(n) || n->type == TREE_NULL) {
		complain(r, n, "%s is a text, not %s", key, tree_type_name(n));
		return NULL;
	}
	char *text = arena_string(&r->config->arena, n->text);
	if (!text)
		complain(r, n, "%s: the text holds a NUL", key);
	return text;
}

static uint64_t read_number(struct reading *r, const struct tree_node *n, const char *key, uint64_t least,
							uint64_t most, uint64_t fallback)
{
	if (n->type != TREE_INT || n->i64 < 0 || (uint64_t)n->i64 < least || (uint64_t)n->i64 > most) {
		complain(r, n, "%s is a whole number from %llu to %llu", key, (unsigned long long)least,
				 (unsigned long long)most);
		return fallback;
	}
	return (uint64_t)n->i64;
}

static bool read_bool(struct reading *r, const struct tree_node *n, const char *key)
{
	if (n->type != TREE_BOOL)
		complain(r, n, "%s is true or false", key);
	return n->type == TREE_BOOL && n->truth;
}

static int read_choice(struct reading *r, const struct tree_node *n, const char *key, const char *const *names,
					   int fallback)
{
	char all[256] = "";
	for (int i = 0; names[i]; i++) {
		if (tree_is_scalar(n) && slice_equal_nocase(n->text, slice_str(names[i])))
			return i;
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i]);
	}
	complain(r, n, "%s is one of: %s", key, all);
	return fallback;
}

/* A text or a list of texts. */
static const char **read_strs(struct reading *r, const struct tree_node *n, const char *key, uint32_t *count)
{
	uint32_t total = n->type == TREE_LIST ? n->count : 1;
	const char **out = arena_zalloc(&r->config->arena, (total + 1) * sizeof *out);
	*count = 0;
	for (uint32_t i = 0; out && i < total; i++) {
		const char *text = read_str(r, n->type == TREE_LIST ? n->items[i] : n, key);
		if (text)
			out[(*count)++] = text;
	}
	return out;
}

/* A table of keys, each with the function that takes its value. */
struct key {
	const char *name;
	void (*take)(struct reading *r, const struct tree_node *value, void *target);
};

/* Others build on these, wherever they stand: sources on defaults, own on partitions. */
static bool goes_first(const char *name)
{
	return strcmp(name, "defaults") == 0 || strcmp(name, "partitions") == 0;
}

static void read_map(struct reading *r, const struct tree_node *map, const char *what, const struct key *keys,
					 void *target)
{
	if (map->type != TREE_MAP) {
		complain(r, map, "%s is a map, not %s", what, tree_type_name(map));
		return;
	}
	for (uint32_t n = 0; n < 2 * map->count; n++) {
		bool first = n < map->count;
		const struct tree_pair *pair = &map->pairs[first ? n : n - map->count];
		const struct tree_node *name = pair->key;
		const struct key *k = keys;
		char known[512] = "";
		for (; k->name && !slice_equal(name->text, slice_str(k->name)); k++)
			snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", k == keys ? "" : ", ", k->name);
		if (k->name && goes_first(k->name) == first)
			k->take(r, pair->value, target);
		else if (!k->name && !first)
			complain(r, name, "unknown key '%.*s' in %s; known are: %s", SLICE_PRINT(name->text), what, known);
	}
}

static bool map_has(const struct tree_node *map, const char *key)
{
	for (uint32_t i = 0; map->type == TREE_MAP && i < map->count; i++)
		if (slice_equal(map->pairs[i].key->text, slice_str(key)))
			return true;
	return false;
}

/* ---- sources ---- */

static const char *const charsets[] = {"utf-8", "gb18030", "big5", "latin-1", "auto", "utf8", "gbk", "latin1", NULL};

static void take_charset(struct reading *r, const struct tree_node *n, void *target)
{
	static const enum charset values[] = {CHARSET_UTF8, CHARSET_GB18030, CHARSET_BIG5,    CHARSET_LATIN1,
										  CHARSET_UTF8, CHARSET_UTF8,    CHARSET_GB18030, CHARSET_LATIN1};
	struct source_settings *s = target;
	int i = read_choice(r, n, "charset", charsets, 4);
	s->charset = values[i];
	s->charset_auto = i == 4;
}

static void take_timezone(struct reading *r, const struct tree_node *n, void *target)
{
	const char *text = read_str(r, n, "timezone");
	((struct source_settings *)target)->zone = text ? slice_str(text) : SLICE_NONE;
}

static void take_relay(struct reading *r, const struct tree_node *n, void *target)
{
	((struct source_settings *)target)->relay = read_bool(r, n, "relay");
}

static void take_decoder(struct reading *r, const struct tree_node *n, void *target)
{
	const char *text = read_str(r, n, "decoder");
	((struct source_settings *)target)->decoder = text ? slice_str(text) : SLICE_NONE;
}

static void take_host(struct reading *r, const struct tree_node *n, void *target)
{
	const char *text = read_str(r, n, "host");
	((struct source_settings *)target)->host = text ? slice_str(text) : SLICE_NONE;
}

static void take_network(struct reading *r, const struct tree_node *n, void *target)
{
	struct source_settings *s = target;
	bool host_bits;
	if (!tree_is_scalar(n) || !network_parse(n->text, s->network, &s->network_bits, &host_bits))
		complain(r, n, "network is an address or network such as 10.1.0.0/16 or 2001:db8::/32");
	else if (host_bits)
		complain(r, n, "network: '%.*s' has host bits set behind its prefix", SLICE_PRINT(n->text));
}

static void take_product(struct reading *r, const struct tree_node *n, void *target)
{
	const char *text = read_str(r, n, "product");
	((struct logsource *)target)->product = text ? slice_str(text) : SLICE_NONE;
}

static void take_category(struct reading *r, const struct tree_node *n, void *target)
{
	const char *text = read_str(r, n, "category");
	((struct logsource *)target)->category = text ? slice_str(text) : SLICE_NONE;
}

static void take_service(struct reading *r, const struct tree_node *n, void *target)
{
	const char *text = read_str(r, n, "service");
	((struct logsource *)target)->service = text ? slice_str(text) : SLICE_NONE;
}

static void take_logsource(struct reading *r, const struct tree_node *n, void *target)
{
	static const struct key keys[] = {
		{"product", take_product}, {"category", take_category}, {"service", take_service}, {NULL, NULL}};
	read_map(r, n, "logsource", keys, &((struct source_settings *)target)->logsource);
}

static const struct key source_keys[] = {
	{"network", take_network}, {"host", take_host},       {"charset", take_charset},     {"timezone", take_timezone},
	{"relay", take_relay},     {"decoder", take_decoder}, {"logsource", take_logsource}, {NULL, NULL}};

static void take_sources(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	if (n->type != TREE_LIST) {
		complain(r, n, "sources is a list");
		return;
	}
	c->sources = arena_zalloc(&c->arena, (n->count + 1) * sizeof *c->sources);
	for (uint32_t i = 0; c->sources && i < n->count; i++) {
		c->sources[i] = c->defaults;
		read_map(r, n->items[i], "a source", source_keys, &c->sources[i]);
		if (n->items[i]->type == TREE_MAP && !map_has(n->items[i], "network") && !map_has(n->items[i], "host"))
			complain(r, n->items[i], "a source is known by its network or host; for all others there are the defaults");
		c->source_count = i + 1;
	}
}

static void take_defaults(struct reading *r, const struct tree_node *n, void *target)
{
	read_map(r, n, "defaults", source_keys + 2, &((struct config *)target)->defaults);
}

/* ---- inputs ---- */

int config_address(struct config *c, struct slice text, struct slice *address, uint16_t *port, struct error *error)
{
	size_t colon = SIZE_MAX;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == ':')
			colon = i;
	struct slice host = text, number = SLICE_NONE;
	bool brackets = text.len && text.ptr[0] == '[';
	size_t close = brackets ? slice_find_octet(text, ']', 0) : SIZE_MAX;
	bool bare_v6 = !brackets && colon != SIZE_MAX && slice_find_octet(text, ':', 0) != colon;
	if (brackets && close != SIZE_MAX) {
		host = slice_of(text.ptr + 1, close - 1);
		number = slice_from(text, close + 1);
		if (number.len && number.ptr[0] != ':')
			host = text; /* no address */
		number = slice_from(number, 1);
	} else if (!bare_v6 && colon != SIZE_MAX) {
		host = slice_of(text.ptr, colon);
		number = slice_from(text, colon + 1);
	}
	uint64_t value = DEFAULT_PORT;
	uint8_t octets[16];
	bool mark = text.len && text.ptr[text.len - 1] == ':' && !bare_v6; /* a colon that no port follows */
	if ((number.len || mark) && (!slice_to_u64(number, &value) || value == 0 || value > 65535))
		return error_set(error, ERROR_USAGE, "'%.*s': the port is a number from 1 to 65535", SLICE_PRINT(text));
	if (host.len == 0)
		host = SLICE("127.0.0.1");
	if (!address_parse(host, octets))
		return error_set(error, ERROR_USAGE, "'%.*s' is no ADDRESS:PORT such as 127.0.0.1:5514 or [::1]:5514",
						 SLICE_PRINT(text));
	*address = arena_copy(&c->arena, host);
	*port = (uint16_t)value;
	return address->ptr ? 0 : error_set(error, ERROR_MEMORY, "no memory");
}

static void take_syslog(struct reading *r, const struct tree_node *n, void *target)
{
	struct config_input *in = target;
	struct error error = {0};
	const char *text = read_str(r, n, "syslog");
	if (text && config_address(r->config, slice_str(text), &in->address, &in->port, &error))
		complain(r, n, "%s", error.text);
}

static void take_transport(struct reading *r, const struct tree_node *n, void *target)
{
	static const char *const names[] = {"udp", "tcp", NULL};
	struct config_input *in = target;
	uint32_t total = n->type == TREE_LIST ? n->count : 1;
	in->udp = in->tcp = false;
	if (!total)
		complain(r, n, "transport is udp, tcp or both");
	for (uint32_t i = 0; i < total; i++) {
		int which = read_choice(r, n->type == TREE_LIST ? n->items[i] : n, "transport", names, 0);
		in->udp |= which == 0;
		in->tcp |= which == 1;
	}
}

static void take_framing(struct reading *r, const struct tree_node *n, void *target)
{
	static const char *const names[] = {"auto", "lf", "nul", "octet", NULL};
	((struct config_input *)target)->framing = (enum framing)read_choice(r, n, "framing", names, 0);
}

static void take_receive_buffer(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config_input *)target)->receive_buffer = (uint32_t)read_number(r, n, "receive_buffer", 4096, 1u << 30, 0);
}

static void take_file(struct reading *r, const struct tree_node *n, void *target)
{
	const char *text = read_str(r, n, "file");
	if (text && text[0] != '/')
		complain(r, n, "file is a path from the root, such as /var/log/app/*.log");
	if (text && strlen(text) >= CONFIG_PATH_MAX)
		complain(r, n, "file: a path has less than %d octets", CONFIG_PATH_MAX);
	((struct config_input *)target)->file = text;
}

static void take_from(struct reading *r, const struct tree_node *n, void *target)
{
	static const char *const names[] = {"beginning", "end", NULL};
	((struct config_input *)target)->from_end = read_choice(r, n, "from", names, 0) == 1;
}

static void take_file_charset(struct reading *r, const struct tree_node *n, void *target)
{
	take_charset(r, n, &((struct config_input *)target)->settings);
}

static void take_file_timezone(struct reading *r, const struct tree_node *n, void *target)
{
	take_timezone(r, n, &((struct config_input *)target)->settings);
}

static void take_file_decoder(struct reading *r, const struct tree_node *n, void *target)
{
	take_decoder(r, n, &((struct config_input *)target)->settings);
}

static void take_file_logsource(struct reading *r, const struct tree_node *n, void *target)
{
	take_logsource(r, n, &((struct config_input *)target)->settings);
}

static const struct key socket_keys[] = {{"syslog", take_syslog},
										 {"transport", take_transport},
										 {"framing", take_framing},
										 {"receive_buffer", take_receive_buffer},
										 {NULL, NULL}};

static const struct key file_keys[] = {{"file", take_file},
									   {"from", take_from},
									   {"framing", take_framing},
									   {"charset", take_file_charset},
									   {"timezone", take_file_timezone},
									   {"decoder", take_file_decoder},
									   {"logsource", take_file_logsource},
									   {NULL, NULL}};

/* The records of a file are of one source, whoever wrote them into it: relay does not hold. */
static void take_file_input(struct reading *r, const struct tree_node *n, struct config_input *in)
{
	*in = (struct config_input){.framing = FRAMING_LF, .settings = r->config->defaults};
	in->settings.relay = false;
	read_map(r, n, "a file", file_keys, in);
	if (in->framing != FRAMING_LF && in->framing != FRAMING_NUL)
		complain(r, n, "the framing of a file is lf or nul");
}

static void take_inputs(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	if (n->type != TREE_LIST) {
		complain(r, n, "inputs is a list");
		return;
	}
	if (n->count > CONFIG_INPUTS)
		complain(r, n, "at most %d inputs", CONFIG_INPUTS);
	c->inputs = arena_zalloc(&c->arena, (n->count + 1) * sizeof *c->inputs);
	c->input_count = 0; /* an empty list means none, not the default one */
	for (uint32_t i = 0; c->inputs && i < n->count; i++) {
		c->inputs[i] =
			(struct config_input){.udp = true, .tcp = true, .address = SLICE("127.0.0.1"), .port = DEFAULT_PORT};
		if (map_has(n->items[i], "file"))
			take_file_input(r, n->items[i], &c->inputs[i]);
		else
			read_map(r, n->items[i], "an input", socket_keys, &c->inputs[i]);
		c->input_count = i + 1;
	}
}

/* ---- bus, store, the rest ---- */

static void take_count(struct reading *r, const struct tree_node *n, uint32_t *out)
{
	*out = (uint32_t)read_number(r, n, "a number of partitions", 1, 1024, *out);
}

static void take_count_events(struct reading *r, const struct tree_node *n, void *target)
{
	take_count(r, n, &((struct config *)target)->partitions[TOPIC_EVENTS]);
}

static void take_count_matches(struct reading *r, const struct tree_node *n, void *target)
{
	take_count(r, n, &((struct config *)target)->partitions[TOPIC_MATCHES]);
}

static void take_count_incidents(struct reading *r, const struct tree_node *n, void *target)
{
	take_count(r, n, &((struct config *)target)->partitions[TOPIC_INCIDENTS]);
}

static void take_partitions(struct reading *r, const struct tree_node *n, void *target)
{
	static const struct key keys[] = {{"events", take_count_events},
									  {"matches", take_count_matches},
									  {"incidents", take_count_incidents},
									  {NULL, NULL}};
	read_map(r, n, "partitions", keys, target);
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
static void take_range(struct reading *r, const struct tree_node *n, struct config_range *out, uint32_t count)
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
			complain(r, n, "'%.*s' are no partitions: a range such as 0-%u", SLICE_PRINT(text), count - 1);
			return;
		}
		for (uint64_t id = from; id <= to; id++)
			if (!range_add(out, (uint32_t)id)) {
				complain(r, n, "partition %u is named twice", (unsigned)id);
				return;
			}
		at = end + 1;
	}
	if (!text.len)
		complain(r, n, "partitions are a range such as 0-%u", count - 1);
}

static void take_own_events(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	take_range(r, n, &c->own_events, c->partitions[TOPIC_EVENTS]);
}

static void take_own_matches(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	take_range(r, n, &c->own_matches, c->partitions[TOPIC_MATCHES]);
}

static void take_own_incidents(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	take_range(r, n, &c->own_incidents, c->partitions[TOPIC_INCIDENTS]);
}

static void take_own(struct reading *r, const struct tree_node *n, void *target)
{
	static const struct key keys[] = {
		{"events", take_own_events}, {"matches", take_own_matches}, {"incidents", take_own_incidents}, {NULL, NULL}};
	read_map(r, n, "own", keys, target);
}

static void take_kind(struct reading *r, const struct tree_node *n, void *target)
{
	static const char *const names[] = {"local", "kafka", NULL};
	((struct config *)target)->bus_kafka = read_choice(r, n, "bus.kind", names, 0) == 1;
}

static void take_bootstrap(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->bootstrap = read_str(r, n, "bus.bootstrap");
}

static void take_prefix(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->topic_prefix = read_str(r, n, "bus.topic_prefix");
}

static void take_replication(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->replication = (uint16_t)read_number(r, n, "bus.replication", 1, 32, 1);
}

static void take_sync(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->sync_ms = (uint32_t)read_number(r, n, "bus.sync_ms", 1, 10000, 100);
}

static void take_max(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->bus_max_bytes = read_number(r, n, "bus.max_bytes", 1u << 20, INT64_MAX, 0);
}

static void take_keep(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->bus_keep_bytes = read_number(r, n, "bus.keep_bytes", 1u << 20, INT64_MAX, 0);
}

static void take_file_bytes(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->log_file_bytes = read_number(r, n, "bus.file_bytes", 1u << 16, 1u << 30, 0);
}

static void take_options(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	if (n->type != TREE_MAP) {
		complain(r, n, "bus.options is a map of librdkafka settings");
		return;
	}
	c->bus_options = arena_zalloc(&c->arena, (2 * n->count + 1) * sizeof *c->bus_options);
	for (uint32_t i = 0; c->bus_options && i < n->count; i++) {
		c->bus_options[2 * i] = read_str(r, n->pairs[i].key, "bus.options");
		c->bus_options[2 * i + 1] = read_str(r, n->pairs[i].value, "bus.options");
	}
}

static void take_bus(struct reading *r, const struct tree_node *n, void *target)
{
	static const struct key keys[] = {{"kind", take_kind},
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
	read_map(r, n, "bus", keys, target);
}

static void take_store_name(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->store_name = read_str(r, n, "store.name");
}

static void take_level(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->zstd_level = (int)read_number(r, n, "store.zstd_level", 1, 19, 3);
}

static void take_rows(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->segment_rows = (uint32_t)read_number(
		r, n, "store.segment_rows", 1, (uint64_t)LIMIT_segment_rows, (uint64_t)LIMIT_segment_rows);
}

static void take_age(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->segment_age_s = (uint32_t)read_number(r, n, "store.segment_age_s", 1, 86400, 60);
}

static void take_read_back(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->verify_read_back = read_bool(r, n, "store.verify_read_back");
}

static void take_store(struct reading *r, const struct tree_node *n, void *target)
{
	static const struct key keys[] = {
		{"name", take_store_name},   {"zstd_level", take_level},           {"segment_rows", take_rows},
		{"segment_age_s", take_age}, {"verify_read_back", take_read_back}, {NULL, NULL}};
	read_map(r, n, "store", keys, target);
}

static void take_data(struct reading *r, const struct tree_node *n, void *target)
{
	const char *text = read_str(r, n, "data");
	if (text)
		((struct config *)target)->data = text;
}

static void take_rule_paths(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	c->rules = read_strs(r, n, "rules", &c->rule_count);
}

static void take_pipelines(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	c->pipelines = read_strs(r, n, "rules.pipelines", &c->pipeline_count);
}

/* Paths, or a map with pipelines beside them. */
static void take_rules(struct reading *r, const struct tree_node *n, void *target)
{
	static const struct key keys[] = {{"paths", take_rule_paths}, {"pipelines", take_pipelines}, {NULL, NULL}};
	if (n->type == TREE_MAP)
		read_map(r, n, "rules", keys, target);
	else
		take_rule_paths(r, n, target);
}

static void take_shadow(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	c->shadow = read_strs(r, n, "shadow", &c->shadow_count);
}

static void take_decoders(struct reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	c->decoders = read_strs(r, n, "decoders", &c->decoder_count);
}

static void take_yara_on(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->yara = read_bool(r, n, "yara.enabled");
}

static void take_yara_budget(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->yara_budget_ns =
		read_number(r, n, "yara.budget_ns_per_event", 0, NS_PER_S, (uint64_t)LIMIT_yara_budget_ns);
}

/* true or false, or a map. */
static void take_yara(struct reading *r, const struct tree_node *n, void *target)
{
	static const struct key keys[] = {
		{"enabled", take_yara_on}, {"budget_ns_per_event", take_yara_budget}, {NULL, NULL}};
	if (n->type == TREE_MAP)
		read_map(r, n, "yara", keys, target);
	else
		((struct config *)target)->yara = read_bool(r, n, "yara");
}

static void take_window_bytes(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->window_bytes = read_number(r, n, "correlation.window_bytes", CONFIG_WINDOW_BYTES_MIN,
														  CONFIG_STATE_BYTES_MAX, (uint64_t)LIMIT_window_bytes);
}

static void take_spill_bytes(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->spill_bytes = read_number(r, n, "correlation.spill_bytes", CONFIG_WINDOW_BYTES_MIN,
														 CONFIG_STATE_BYTES_MAX, (uint64_t)LIMIT_spill_bytes);
}

static void take_correlation(struct reading *r, const struct tree_node *n, void *target)
{
	static const struct key keys[] = {
		{"window_bytes", take_window_bytes}, {"spill_bytes", take_spill_bytes}, {NULL, NULL}};
	read_map(r, n, "correlation", keys, target);
}

static void take_message_bytes(struct reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->message_bytes = (uint32_t)read_number(
		r, n, "message_bytes", 480, (uint64_t)LIMIT_message_bytes_max, (uint64_t)LIMIT_message_bytes);
}

static const struct key top_keys[] = {{"data", take_data},
									  {"inputs", take_inputs},
									  {"defaults", take_defaults},
									  {"sources", take_sources},
									  {"rules", take_rules},
									  {"shadow", take_shadow},
									  {"decoders", take_decoders},
									  {"yara", take_yara},
									  {"correlation", take_correlation},
									  {"bus", take_bus},
									  {"store", take_store},
									  {"message_bytes", take_message_bytes},
									  {NULL, NULL}};

int config_defaults(struct config *c, const struct env *env, struct error *error)
{
	*c = (struct config){.env = env,
						 .data = "./cresset-data",
						 .store_name = "main",
						 .yara = true,
						 .yara_budget_ns = (uint64_t)LIMIT_yara_budget_ns,
						 .window_bytes = (uint64_t)LIMIT_window_bytes,
						 .spill_bytes = (uint64_t)LIMIT_spill_bytes,
						 .replication = 1,
						 .partitions = {4, 4, 4, 1},
						 .topic_prefix = "cresset.",
						 .client_id = "cresset",
						 .zstd_level = 3};
	c->defaults.charset_auto = true;
	c->defaults.zone = SLICE("local");
	arena_init(&c->arena, env, 0);
	c->inputs = arena_zalloc(&c->arena, sizeof *c->inputs);
	if (!c->inputs)
		return error_set(error, ERROR_MEMORY, "no memory for the configuration");
	c->inputs[0] = (struct config_input){.address = SLICE("127.0.0.1"), .port = DEFAULT_PORT, .udp = true, .tcp = true};
	c->input_count = 1;
	return 0;
}

static void check_whole(struct reading *r)
{
	struct config *c = r->config;
	if (c->bus_kafka && !c->bootstrap)
		complain(r, NULL, "bus.kind kafka needs bus.bootstrap, such as 127.0.0.1:9092");
	if (!c->bus_kafka && (c->bootstrap || c->bus_options))
		complain(r, NULL, "bus.bootstrap and bus.options belong to bus.kind kafka");
}

int config_read(struct config *c, const char *path, diagnostic_fn *tell, void *ctx, struct error *error)
{
	struct reading r = {.config = c, .tell = tell, .ctx = ctx};
	struct yaml_tree tree;
	uint8_t *octets;
	size_t len;
	int result = env_read_file(c->env, path, CONFIG_BYTES_MAX, &octets, &len);
	if (result)
		return error_set(error, result == -ENOMEM ? ERROR_MEMORY : ERROR_USAGE, "cannot read the configuration %s: %s",
						 path, strerror(-result));
	c->file = arena_string(&c->arena, slice_str(path));
	struct slice text = arena_copy(&c->arena, slice_of(octets, len));
	env_free(c->env, octets);
	result = yaml_tree_parse(&c->arena, text, &tree, error);
	if (result)
		return result;
	if (tree.count > 1)
		complain(&r, tree.documents[1].root, "a configuration is one YAML document");
	if (tree.count && !tree.documents[0].root) {
		struct tree_node at = {.line = tree.documents[0].error.line, .column = tree.documents[0].error.column};
		complain(&r, &at, "%s", tree.documents[0].error.text);
	} else if (tree.count) {
		read_map(&r, tree.documents[0].root, "the configuration", top_keys, c);
		check_whole(&r);
	}
	if (r.first.code && error)
		*error = r.first;
	return r.first.code ? -(int)r.first.code : 0;
}

void config_free(struct config *c)
{
	arena_free(&c->arena);
	*c = (struct config){0};
}
