/* config show: what holds, defaults included, as YAML that can be read back. */
#include "cli/config.h"

static void print_strs(struct buffer *out, const char *key, const char *const *list, uint32_t count)
{
	if (!list)
		return;
	buffer_add_format(out, "%s:\n", key);
	for (uint32_t i = 0; i < count; i++)
		buffer_add_format(out, "  - \"%s\"\n", list[i]);
}

static void print_source(struct buffer *out, const struct source_settings *s, const char *indent)
{
	static const char *const names[] = {"utf-8", "gb18030", "big5", "latin-1"};
	buffer_add_format(out, "%scharset: %s\n", indent, s->charset_auto ? "auto" : names[s->charset & 3]);
	if (s->zone.len)
		buffer_add_format(out, "%stimezone: \"%.*s\"\n", indent, SLICE_PRINT(s->zone));
	buffer_add_format(out, "%srelay: %s\n", indent, s->relay ? "true" : "false");
	if (s->decoder.len)
		buffer_add_format(out, "%sdecoder: \"%.*s\"\n", indent, SLICE_PRINT(s->decoder));
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
			buffer_add_format(out, "    host: \"%.*s\"\n", SLICE_PRINT(s->host));
		print_source(out, s, "    ");
	}
}

static void print_bus(struct buffer *out, const struct config *c)
{
	buffer_add_format(out, "bus:\n  kind: %s\n", c->bus_kafka ? "kafka" : "local");
	if (c->bus_kafka)
		buffer_add_format(out, "  bootstrap: \"%s\"\n  topic_prefix: \"%s\"\n  replication: %u\n", c->bootstrap, c->topic_prefix,
		                  c->replication);
	buffer_add_format(out, "  partitions: {events: %u, matches: %u, incidents: %u}\n", c->partitions[TOPIC_EVENTS],
	                  c->partitions[TOPIC_MATCHES], c->partitions[TOPIC_INCIDENTS]);
	for (uint32_t i = 0; c->bus_options && c->bus_options[i]; i += 2)
		buffer_add_format(out, "%s    %s: \"%s\"\n", i ? "" : "  options:\n", c->bus_options[i], c->bus_options[i + 1]);
}

void config_print(const struct config *c, struct buffer *out)
{
	static const char *const framings[] = {"auto", "lf", "nul", "octet"};
	buffer_add_format(out, "data: \"%s\"\ninputs:\n", c->data);
	for (uint32_t i = 0; i < c->input_count; i++) {
		const struct config_input *in = &c->inputs[i];
		bool v6 = slice_find_octet(in->address, ':', 0) != SIZE_MAX;
		buffer_add_format(out, "  - syslog: \"%s%.*s%s:%u\"\n    transport: [%s%s%s]\n    framing: %s\n", v6 ? "[" : "",
		                  SLICE_PRINT(in->address), v6 ? "]" : "", in->port, in->udp ? "udp" : "", in->udp && in->tcp ? ", " : "",
		                  in->tcp ? "tcp" : "", framings[in->framing]);
	}
	print_sources(out, c);
	print_strs(out, "rules", c->rules, c->rule_count);
	print_strs(out, "decoders", c->decoders, c->decoder_count);
	buffer_add_format(out, "yara: %s\n", c->yara ? "true" : "false");
	print_bus(out, c);
	buffer_add_format(out, "store:\n  name: \"%s\"\n  zstd_level: %d\n  verify_read_back: %s\n", c->store_name, c->zstd_level,
	                  c->verify_read_back ? "true" : "false");
}
