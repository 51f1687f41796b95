/* config show: what holds, defaults included, as YAML that can be read back. */
#include "cli/config.h"

/* A JSON string is a YAML one: quotes, backslashes and control characters of paths come back as they were. */
static void print_text(struct buffer *out, const char *before, struct slice text, const char *after)
{
	struct json_writer w;
	buffer_add_str(out, before);
	json_writer_init(&w, out);
	json_string(&w, text);
	buffer_add_str(out, after);
}

static void print_range(struct buffer *out, const char *key, const struct config_range *range, bool *any)
{
	if (!range->ids)
		return;
	buffer_add_format(out, "%s    %s: \"", *any ? "" : "  own:\n", key);
	for (uint32_t i = 0; i < range->count; i++)
		buffer_add_format(out, "%s%u", i ? "," : "", range->ids[i]);
	buffer_add_str(out, "\"\n");
	*any = true;
}

static void print_indented(struct buffer *out, const char *key, const char *const *list, uint32_t count)
{
	if (!list)
		return;
	buffer_add_format(out, "  %s:\n", key);
	for (uint32_t i = 0; i < count; i++)
		print_text(out, "    - ", slice_str(list[i]), "\n");
}

static void print_strs(struct buffer *out, const char *key, const char *const *list, uint32_t count)
{
	if (!list)
		return;
	buffer_add_format(out, "%s:\n", key);
	for (uint32_t i = 0; i < count; i++)
		print_text(out, "  - ", slice_str(list[i]), "\n");
}

/* All but relay, which a file does not have. */
static void print_settings(struct buffer *out, const struct source_settings *s, const char *indent)
{
	static const char *const names[] = {"utf-8", "gb18030", "big5", "latin-1"};
	buffer_add_format(out, "%scharset: %s\n", indent, s->charset_auto ? "auto" : names[s->charset & 3]);
	const struct slice logsource[] = {s->logsource.product, s->logsource.category, s->logsource.service};
	static const char *const parts[] = {"product: ", "category: ", "service: "};
	if (s->zone.len) {
		buffer_add_str(out, indent);
		print_text(out, "timezone: ", s->zone, "\n");
	}
	if (s->decoder.len) {
		buffer_add_str(out, indent);
		print_text(out, "decoder: ", s->decoder, "\n");
	}
	bool any = false;
	for (int i = 0; i < 3; i++)
		if (logsource[i].len) {
			buffer_add_format(out, "%s%s", any ? ", " : indent, any ? "" : "logsource: {");
			print_text(out, parts[i], logsource[i], "");
			any = true;
		}
	if (any)
		buffer_add_str(out, "}\n");
}

static void print_source(struct buffer *out, const struct source_settings *s, const char *indent)
{
	buffer_add_format(out, "%srelay: %s\n", indent, s->relay ? "true" : "false");
	print_settings(out, s, indent);
}

static void print_sources(struct buffer *out, const struct config *c)
{
	char address[48];
	buffer_add_str(out, "defaults:\n");
	print_source(out, &c->defaults, "  ");
	if (c->source_count)
		buffer_add_str(out, "sources:\n");
	for (uint32_t i = 0; i < c->source_count; i++) {
		const struct source_settings *s = &c->sources[i];
		bool v4 = s->network_bits >= 96 && memcmp(s->network, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
		address_print(s->network, address);
		buffer_add_str(out, "  -\n");
		if (s->network_bits)
			buffer_add_format(out, "    network: \"%s/%u\"\n", address, v4 ? s->network_bits - 96 : s->network_bits);
		if (s->host.len)
			print_text(out, "    host: ", s->host, "\n");
		print_source(out, s, "    ");
	}
}

static void print_bus(struct buffer *out, const struct config *c)
{
	buffer_add_format(out, "bus:\n  kind: %s\n", c->bus_kafka ? "kafka" : "local");
	if (c->bus_kafka) {
		print_text(out, "  bootstrap: ", slice_str(c->bootstrap), "\n");
		print_text(out, "  topic_prefix: ", slice_str(c->topic_prefix), "\n");
		buffer_add_format(out, "  replication: %u\n", c->replication);
	}
	bool any = false;
	print_range(out, "events", &c->own_events, &any);
	print_range(out, "matches", &c->own_matches, &any);
	print_range(out, "incidents", &c->own_incidents, &any);
	buffer_add_format(out, "  sync_ms: %u\n  max_bytes: %llu\n  keep_bytes: %llu\n  file_bytes: %llu\n",
					  c->sync_ms ? c->sync_ms : (uint32_t)LIMIT_sync_ms,
					  (unsigned long long)(c->bus_max_bytes ? c->bus_max_bytes : (uint64_t)LIMIT_bus_max_bytes),
					  (unsigned long long)(c->bus_keep_bytes ? c->bus_keep_bytes : (uint64_t)LIMIT_bus_keep_bytes),
					  (unsigned long long)(c->log_file_bytes ? c->log_file_bytes : (uint64_t)LIMIT_log_file_bytes));
	buffer_add_format(out, "  partitions: {events: %u, matches: %u, incidents: %u}\n", c->partitions[TOPIC_EVENTS],
					  c->partitions[TOPIC_MATCHES], c->partitions[TOPIC_INCIDENTS]);
	for (uint32_t i = 0; c->bus_options && c->bus_options[i]; i += 2) {
		print_text(out, i ? "    " : "  options:\n    ", slice_str(c->bus_options[i]), ": ");
		print_text(out, "", slice_str(c->bus_options[i + 1]), "\n");
	}
}

static const char *const framings[] = {"auto", "lf", "nul", "octet"};

static void print_socket(struct buffer *out, const struct config_input *in)
{
	bool v6 = slice_find_octet(in->address, ':', 0) != SIZE_MAX;
	buffer_add_format(out, "  - syslog: \"%s%.*s%s:%u\"\n    transport: [%s%s%s]\n    framing: %s\n", v6 ? "[" : "",
					  SLICE_PRINT(in->address), v6 ? "]" : "", in->port, in->udp ? "udp" : "",
					  in->udp && in->tcp ? ", " : "", in->tcp ? "tcp" : "", framings[in->framing]);
	if (in->receive_buffer)
		buffer_add_format(out, "    receive_buffer: %u\n", in->receive_buffer);
}

static void print_file(struct buffer *out, const struct config_input *in)
{
	print_text(out, "  - file: ", slice_str(in->file), "\n");
	buffer_add_format(out, "    from: %s\n    framing: %s\n", in->from_end ? "end" : "beginning",
					  framings[in->framing]);
	print_settings(out, &in->settings, "    ");
}

void config_print(const struct config *c, struct buffer *out)
{
	print_text(out, "data: ", slice_str(c->data), c->input_count ? "\ninputs:\n" : "\ninputs: []\n");
	for (uint32_t i = 0; i < c->input_count; i++) {
		if (c->inputs[i].file)
			print_file(out, &c->inputs[i]);
		else
			print_socket(out, &c->inputs[i]);
	}
	print_sources(out, c);
	if (c->pipelines) {
		buffer_add_str(out, "rules:\n");
		print_indented(out, "paths", c->rules, c->rule_count);
		print_indented(out, "pipelines", c->pipelines, c->pipeline_count);
	} else
		print_strs(out, "rules", c->rules, c->rule_count);
	print_strs(out, "shadow", c->shadow, c->shadow_count);
	print_strs(out, "decoders", c->decoders, c->decoder_count);
	buffer_add_format(out, "yara:\n  enabled: %s\n  budget_ns_per_event: %llu\n", c->yara ? "true" : "false",
					  (unsigned long long)c->yara_budget_ns);
	buffer_add_format(out, "correlation:\n  window_bytes: %llu\n  spill_bytes: %llu\n",
					  (unsigned long long)c->window_bytes, (unsigned long long)c->spill_bytes);
	buffer_add_format(out, "message_bytes: %u\n", c->message_bytes ? c->message_bytes : (uint32_t)LIMIT_message_bytes);
	print_bus(out, c);
	print_text(out, "store:\n  name: ", slice_str(c->store_name), "\n");
	buffer_add_format(out, "  zstd_level: %d\n  segment_rows: %u\n  segment_age_s: %u\n  verify_read_back: %s\n",
					  c->zstd_level, c->segment_rows ? c->segment_rows : (uint32_t)LIMIT_segment_rows,
					  c->segment_age_s ? c->segment_age_s : (uint32_t)LIMIT_segment_age_s,
					  c->verify_read_back ? "true" : "false");
}
