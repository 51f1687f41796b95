/* Where events come from: sources and inputs of a configuration. */
#include "cli/config_read.h"

/* ---- sources ---- */

static const char *const charsets[] = {"utf-8", "gb18030", "big5", "latin-1", "auto", "utf8", "gbk", "latin1", NULL};

static void take_charset(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const enum charset values[] = {CHARSET_UTF8, CHARSET_GB18030, CHARSET_BIG5,    CHARSET_LATIN1,
										  CHARSET_UTF8, CHARSET_UTF8,    CHARSET_GB18030, CHARSET_LATIN1};
	struct source_settings *s = target;
	int i = config_choice(r, n, "charset", charsets, 4);
	s->charset = values[i];
	s->charset_auto = i == 4;
}

static void take_timezone(struct config_reading *r, const struct tree_node *n, void *target)
{
	const char *text = config_str(r, n, "timezone");
	((struct source_settings *)target)->zone = text ? slice_str(text) : SLICE_NONE;
}

static void take_relay(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct source_settings *)target)->relay = config_bool(r, n, "relay");
}

static void take_decoder(struct config_reading *r, const struct tree_node *n, void *target)
{
	const char *text = config_str(r, n, "decoder");
	((struct source_settings *)target)->decoder = text ? slice_str(text) : SLICE_NONE;
}

static void take_host(struct config_reading *r, const struct tree_node *n, void *target)
{
	const char *text = config_str(r, n, "host");
	((struct source_settings *)target)->host = text ? slice_str(text) : SLICE_NONE;
}

static void take_network(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct source_settings *s = target;
	bool host_bits;
	if (!tree_is_scalar(n) || !network_parse(n->text, s->network, &s->network_bits, &host_bits))
		config_complain(r, n, "network is an address or network such as 10.1.0.0/16 or 2001:db8::/32");
	else if (host_bits)
		config_complain(r, n, "network: '%.*s' has host bits set behind its prefix", SLICE_PRINT(n->text));
}

static void take_product(struct config_reading *r, const struct tree_node *n, void *target)
{
	const char *text = config_str(r, n, "product");
	((struct logsource *)target)->product = text ? slice_str(text) : SLICE_NONE;
}

static void take_category(struct config_reading *r, const struct tree_node *n, void *target)
{
	const char *text = config_str(r, n, "category");
	((struct logsource *)target)->category = text ? slice_str(text) : SLICE_NONE;
}

static void take_service(struct config_reading *r, const struct tree_node *n, void *target)
{
	const char *text = config_str(r, n, "service");
	((struct logsource *)target)->service = text ? slice_str(text) : SLICE_NONE;
}

static void take_logsource(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const struct config_key keys[] = {
		{"product", take_product}, {"category", take_category}, {"service", take_service}, {NULL, NULL}};
	config_map(r, n, "logsource", keys, &((struct source_settings *)target)->logsource);
}

static const struct config_key source_keys[] = {
	{"network", take_network}, {"host", take_host},       {"charset", take_charset},     {"timezone", take_timezone},
	{"relay", take_relay},     {"decoder", take_decoder}, {"logsource", take_logsource}, {NULL, NULL}};

void config_take_sources(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	if (n->type != TREE_LIST) {
		config_complain(r, n, "sources is a list");
		return;
	}
	c->sources = arena_zalloc(&c->arena, (n->count + 1) * sizeof *c->sources);
	for (uint32_t i = 0; c->sources && i < n->count; i++) {
		c->sources[i] = c->defaults;
		config_map(r, n->items[i], "a source", source_keys, &c->sources[i]);
		if (n->items[i]->type == TREE_MAP && !config_map_has(n->items[i], "network") &&
			!config_map_has(n->items[i], "host"))
			config_complain(r, n->items[i],
							"a source is known by its network or host; for all others there are the defaults");
		c->source_count = i + 1;
	}
}

void config_take_defaults(struct config_reading *r, const struct tree_node *n, void *target)
{
	config_map(r, n, "defaults", source_keys + 2, &((struct config *)target)->defaults);
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
	uint64_t value = CONFIG_DEFAULT_PORT;
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

static void take_syslog(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config_input *in = target;
	struct error error = {0};
	const char *text = config_str(r, n, "syslog");
	if (text && config_address(r->config, slice_str(text), &in->address, &in->port, &error))
		config_complain(r, n, "%s", error.text);
}

static void take_transport(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const char *const names[] = {"udp", "tcp", NULL};
	struct config_input *in = target;
	uint32_t total = n->type == TREE_LIST ? n->count : 1;
	in->udp = in->tcp = false;
	if (!total)
		config_complain(r, n, "transport is udp, tcp or both");
	for (uint32_t i = 0; i < total; i++) {
		int which = config_choice(r, n->type == TREE_LIST ? n->items[i] : n, "transport", names, 0);
		in->udp |= which == 0;
		in->tcp |= which == 1;
	}
}

static void take_framing(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const char *const names[] = {"auto", "lf", "nul", "octet", NULL};
	((struct config_input *)target)->framing = (enum framing)config_choice(r, n, "framing", names, 0);
}

static void take_receive_buffer(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config_input *)target)->receive_buffer =
		(uint32_t)config_number(r, n, "receive_buffer", 4096, 1u << 30, 0);
}

static void take_file(struct config_reading *r, const struct tree_node *n, void *target)
{
	const char *text = config_str(r, n, "file");
	if (text && text[0] != '/')
		config_complain(r, n, "file is a path from the root, such as /var/log/app/*.log");
	if (text && strlen(text) >= CONFIG_PATH_MAX)
		config_complain(r, n, "file: a path has less than %d octets", CONFIG_PATH_MAX);
	((struct config_input *)target)->file = text;
}

static void take_from(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const char *const names[] = {"beginning", "end", NULL};
	((struct config_input *)target)->from_end = config_choice(r, n, "from", names, 0) == 1;
}

static void take_file_charset(struct config_reading *r, const struct tree_node *n, void *target)
{
	take_charset(r, n, &((struct config_input *)target)->settings);
}

static void take_file_timezone(struct config_reading *r, const struct tree_node *n, void *target)
{
	take_timezone(r, n, &((struct config_input *)target)->settings);
}

static void take_file_decoder(struct config_reading *r, const struct tree_node *n, void *target)
{
	take_decoder(r, n, &((struct config_input *)target)->settings);
}

static void take_file_logsource(struct config_reading *r, const struct tree_node *n, void *target)
{
	take_logsource(r, n, &((struct config_input *)target)->settings);
}

static const struct config_key socket_keys[] = {{"syslog", take_syslog},
												{"transport", take_transport},
												{"framing", take_framing},
												{"receive_buffer", take_receive_buffer},
												{NULL, NULL}};

static const struct config_key file_keys[] = {{"file", take_file},
											  {"from", take_from},
											  {"framing", take_framing},
											  {"charset", take_file_charset},
											  {"timezone", take_file_timezone},
											  {"decoder", take_file_decoder},
											  {"logsource", take_file_logsource},
											  {NULL, NULL}};

/* The records of a file are of one source, whoever wrote them into it: relay does not hold. */
static void take_file_input(struct config_reading *r, const struct tree_node *n, struct config_input *in)
{
	*in = (struct config_input){.framing = FRAMING_LF, .settings = r->config->defaults};
	in->settings.relay = false;
	config_map(r, n, "a file", file_keys, in);
	if (in->framing != FRAMING_LF && in->framing != FRAMING_NUL)
		config_complain(r, n, "the framing of a file is lf or nul");
}

void config_take_inputs(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	if (n->type != TREE_LIST) {
		config_complain(r, n, "inputs is a list");
		return;
	}
	if (n->count > CONFIG_INPUTS)
		config_complain(r, n, "at most %d inputs", CONFIG_INPUTS);
	c->inputs = arena_zalloc(&c->arena, (n->count + 1) * sizeof *c->inputs);
	c->input_count = 0; /* an empty list means none, not the default one */
	for (uint32_t i = 0; c->inputs && i < n->count; i++) {
		c->inputs[i] =
			(struct config_input){.udp = true, .tcp = true, .address = SLICE("127.0.0.1"), .port = CONFIG_DEFAULT_PORT};
		if (config_map_has(n->items[i], "file"))
			take_file_input(r, n->items[i], &c->inputs[i]);
		else
			config_map(r, n->items[i], "an input", socket_keys, &c->inputs[i]);
		c->input_count = i + 1;
	}
}
