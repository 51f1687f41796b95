#include "tests/unit/cli/rig.h"

#include "cli/config.h"

struct heard {
	char text[512];
	uint32_t line, column, count;
};

static void hear(void *ctx, const struct diagnostic *d)
{
	struct heard *h = ctx;
	if (h->count++ == 0) {
		snprintf(h->text, sizeof h->text, "%s", d->text);
		h->line = d->line;
		h->column = d->column;
	}
}

static int load(struct fake *fake, const char *text, struct config *c, struct heard *heard)
{
	struct error error = {0};
	*heard = (struct heard){0};
	fake_file_put(fake, "/c.yml", text, strlen(text));
	assert_int_equal(config_defaults(c, &fake->env, &error), 0);
	int result = config_read(c, "/c.yml", hear, heard, &error);
	assert_int_equal(result != 0, error.code != ERROR_NONE);
	if (heard->count) {
		assert_string_equal(error.text, heard->text);
		assert_int_equal(error.line, heard->line);
	}
	return result;
}

static const struct {
	const char *yaml, *says;
	uint32_t line, column;
} bad[] = {
	{"data: x\nknd: y\n", "unknown key 'knd'", 2, 1},
	{"data: [x]\n", "data is a text", 1, 7},
	{"rules: {path: x}\n", "unknown key 'path' in rules", 1, 9},
	{"rules: {pipelines: {a: b}}\n", "rules.pipelines is a text", 1, 20},
	{"data:\n", "data is a text", 1, 6},
	{"- x\n", "the configuration is a map", 1, 1},
	{"bus:\n  kind: pulsar\n", "bus.kind is one of: local, kafka", 2, 9},
	{"bus:\n  kind: kafka\n", "needs bus.bootstrap", 0, 0},
	{"bus:\n  bootstrap: x:1\n", "belong to bus.kind kafka", 0, 0},
	{"bus:\n  sync_ms: 0\n", "from 1 to 10000", 2, 12},
	{"bus:\n  sync_ms: 10001\n", "from 1 to 10000", 2, 12},
	{"bus:\n  max_bytes: -1\n", "whole number", 2, 14},
	{"bus:\n  partitions: {events: 0}\n", "from 1 to 1024", 2, 24},
	{"bus:\n  partitions: {events: 1025}\n", "from 1 to 1024", 2, 24},
	{"bus:\n  own: {events: 0-4}\n", "a range such as 0-3", 2, 17},
	{"bus:\n  own: {events: 3-1}\n", "a range such as 0-3", 2, 17},
	{"bus:\n  own: {events: '0-18446744073709551615'}\n", "a range such as 0-3", 2, 17},
	{"bus:\n  own: {events: '0-2,1'}\n", "partition 1 is named twice", 2, 17},
	{"bus:\n  own: {events: ''}\n", "partitions are a range", 2, 17},
	{"bus:\n  own: {events: [0]}\n", "partitions are a range", 2, 17},
	{"inputs: x\n", "inputs is a list", 1, 9},
	{"inputs:\n  - syslog: 127.0.0.1:0\n", "the port is a number from 1 to 65535", 2, 13},
	{"inputs:\n  - syslog: 127.0.0.1:65536\n", "the port is a number", 2, 13},
	{"inputs:\n  - syslog: '127.0.0.1:'\n", "the port is a number", 2, 13},
	{"inputs:\n  - syslog: '[::1]x'\n", "no ADDRESS:PORT", 2, 13},
	{"inputs:\n  - syslog: localhost:514\n", "no ADDRESS:PORT", 2, 13},
	{"inputs:\n  - transport: []\n", "transport is udp, tcp or both", 2, 16},
	{"inputs:\n  - transport: sctp\n", "transport is one of: udp, tcp", 2, 16},
	{"inputs:\n  - receive_buffer: 4095\n", "from 4096", 2, 21},
	{"inputs:\n  - file: log/a.log\n", "file is a path from the root", 2, 11},
	{"inputs:\n  - file: /a\n    syslog: 127.0.0.1:514\n", "unknown key 'syslog' in a file", 3, 5},
	{"inputs:\n  - syslog: 127.0.0.1:514\n    from: end\n", "unknown key 'from' in an input", 3, 5},
	{"inputs:\n  - {file: /a, from: middle}\n", "from is one of: beginning, end", 2, 22},
	{"inputs:\n  - {file: /a, framing: octet}\n", "the framing of a file is lf or nul", 2, 5},
	{"inputs:\n  - {file: /a, relay: true}\n", "unknown key 'relay' in a file", 2, 16},
	{"sources:\n  - network: 10.1.0.1/16\n", "host bits", 2, 14},
	{"sources:\n  - network: 10.1.0.0/33\n", "network is an address or network", 2, 14},
	{"sources:\n  - charset: gbk\n", "a source is known by its network or host", 2, 5},
	{"sources:\n  - host: x\n    charset: klingon\n", "charset is one of", 3, 14},
	{"defaults:\n  network: 10.0.0.0/8\n", "unknown key 'network' in defaults", 2, 3},
	{"defaults:\n  relay: maybe\n", "relay is true or false", 2, 10},
	{"message_bytes: 479\n", "from 480 to 1048576", 1, 16},
	{"message_bytes: 1048577\n", "from 480 to 1048576", 1, 16},
	{"store:\n  zstd_level: 20\n", "from 1 to 19", 2, 15},
	{"store:\n  segment_rows: 65537\n", "from 1 to 65536", 2, 17},
	{"store: {segment_age_s: 1.5}\n", "whole number", 1, 24},
	{"yara: {budget_ns_per_event: 1000000001}\n", "from 0 to 1000000000", 1, 29},
	{"yara: {enabled: 1}\n", "yara.enabled is true or false", 1, 17},
	{"yara: {budget: 1}\n", "unknown key 'budget' in yara; known are: enabled, budget_ns_per_event", 1, 8},
	{"correlation: {window_bytes: 1048575}\n", "from 1048576 to 1099511627776", 1, 29},
	{"correlation: {spill_bytes: 1099511627777}\n", "from 1048576 to 1099511627776", 1, 28},
	{"correlation: {memory: 1}\n", "unknown key 'memory' in correlation; known are: window_bytes, spill_bytes", 1, 15},
	{"correlation: 5\n", "correlation is a map", 1, 14},
};

static void each_mistake_has_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct fake *fake = fake_new(1);
		struct config c;
		struct heard heard;
		assert_int_not_equal(load(fake, bad[i].yaml, &c, &heard), 0);
		if (!strstr(heard.text, bad[i].says) || heard.line != bad[i].line || heard.column != bad[i].column)
			fail_msg("%s: said '%s' at %u:%u, not '%s' at %u:%u", bad[i].yaml, heard.text, heard.line, heard.column,
					 bad[i].says, bad[i].line, bad[i].column);
		config_free(&c);
		assert_int_equal(fake->memory.outstanding, 0);
		fake_free(fake);
	}
}

static void what_is_no_yaml_is_an_error(void **state)
{
	static const char *const texts[] = {"a: [\n", "a: 1\na: 2\n", "---\ndata: x\n---\ndata: y\n", "\xff\xfe"};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct fake *fake = fake_new(1);
		struct config c;
		struct heard heard;
		assert_int_not_equal(load(fake, texts[i], &c, &heard), 0);
		config_free(&c);
		fake_free(fake);
	}
}

static void a_missing_file_is_the_users_matter(void **state)
{
	struct fake *fake = fake_new(1);
	struct config c;
	struct error error = {0};
	(void)state;
	assert_int_equal(config_defaults(&c, &fake->env, &error), 0);
	assert_int_equal(config_read(&c, "/none.yml", NULL, NULL, &error), -ERROR_USAGE);
	config_free(&c);
	fake_free(fake);
}

static void limits_themselves_are_good(void **state)
{
	static const char *const good[] = {
		"",
		"# nothing\n",
		"bus: {sync_ms: 1}\n",
		"bus: {sync_ms: 10000}\n",
		"bus: {partitions: {events: 1024}}\n",
		"message_bytes: 480\n",
		"message_bytes: 1048576\n",
		"store: {zstd_level: 19, segment_rows: 65536}\n",
		"inputs: []\n",
		"inputs:\n  - syslog: 127.0.0.1:1\n  - syslog: '[::1]:65535'\n",
		"inputs:\n  - syslog: '::1'\n",
		"inputs:\n  - syslog: ':5515'\n",
		"sources:\n  - network: 0.0.0.0/0\n",
		"rules: a\n",
		"rules: [a, b]\n",
		"rules: {paths: [a, b], pipelines: windows-sysmon}\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct fake *fake = fake_new(1);
		struct config c;
		struct heard heard;
		if (load(fake, good[i], &c, &heard))
			fail_msg("%s: %s", good[i], heard.text);
		config_free(&c);
		fake_free(fake);
	}
}

/* Keys say the same wherever they stand. */
static void order_does_not_matter(void **state)
{
	struct fake *fake = fake_new(1);
	struct config c;
	struct heard heard;
	(void)state;
	assert_int_equal(load(fake,
						  "sources:\n  - host: a\n    relay: true\ndefaults: {timezone: '+08:00'}\n"
						  "bus: {own: {events: 0-7}, partitions: {events: 8}}\n",
						  &c, &heard),
					 0);
	assert_true(slice_equal(c.sources[0].zone, SLICE("+08:00")));
	assert_true(c.sources[0].relay && !c.defaults.relay);
	assert_int_equal(c.own_events.count, 8);
	config_free(&c);
	fake_free(fake);
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *address;
		uint16_t port;
	} good[] = {{"10.0.0.1:514", "10.0.0.1", 514},
				{"10.0.0.1", "10.0.0.1", 5514},
				{"[::1]:99", "::1", 99},
				{"[::1]", "::1", 5514},
				{"::1", "::1", 5514},
				{"2001:db8::1:514", "2001:db8::1:514", 5514},
				{":1", "127.0.0.1", 1},
				{"[::]:514", "::", 514}};
	static const char *const wrong[] = {
		"10.0.0.1:",   "[::1]:",        "[::1]5", "[::1", "x:1", "1.2.3:4", "10.0.0.1:99999999999999999999",
		"10.0.0.1:-1", "10.0.0.1:0x10", ":",      "[]:1 "};
	struct fake *fake = fake_new(1);
	struct config c;
	struct error error = {0};
	struct slice address;
	uint16_t port;
	(void)state;
	assert_int_equal(config_defaults(&c, &fake->env, &error), 0);
	for (size_t i = 0; i < COUNT(good); i++) {
		if (config_address(&c, slice_str(good[i].text), &address, &port, &error))
			fail_msg("%s: %s", good[i].text, error.text);
		assert_true(slice_equal(address, slice_str(good[i].address)));
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (!config_address(&c, slice_str(wrong[i]), &address, &port, &error))
			fail_msg("%s was taken", wrong[i]);
	config_free(&c);
	fake_free(fake);
}

static void yara_is_a_word_or_a_map(void **state)
{
	static const struct {
		const char *text;
		bool on;
		uint64_t budget_ns;
	} cases[] = {{"", true, (uint64_t)LIMIT_yara_budget_ns},
				 {"yara: false\n", false, (uint64_t)LIMIT_yara_budget_ns},
				 {"yara: {budget_ns_per_event: 0}\n", true, 0},
				 {"yara: {enabled: false, budget_ns_per_event: 70}\n", false, 70}};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fake *fake = fake_new(1);
		struct config c;
		struct heard heard;
		assert_int_equal(load(fake, cases[i].text, &c, &heard), 0);
		assert_int_equal(c.yara, cases[i].on);
		assert_int_equal(c.yara_budget_ns, cases[i].budget_ns);
		config_free(&c);
		fake_free(fake);
	}
}

/* config show can be read back, and shows the same again. */
static void what_is_shown_can_be_read(void **state)
{
	static const char *const texts[] = {
		"",
		"data: \"a \\\"b\\\\ c\"\nmessage_bytes: 9000\nrules: [\"x: y\", 'it''s']\nyara: false\n"
		"inputs:\n  - {syslog: '[::1]:1', transport: tcp, framing: octet, receive_buffer: 8192}\n"
		"sources:\n  - {network: 10.0.0.0/8, decoder: 'a', logsource: {product: p, service: 's,t'}}\n"
		"  - {network: 2001:db8::/32, charset: gb18030}\n  - {host: h, relay: true}\n"
		"bus: {sync_ms: 7, max_bytes: 9999999, partitions: {events: 8}, own: {events: '0-2,5'}}\n"
		"store: {segment_rows: 5, segment_age_s: 6, zstd_level: 9, verify_read_back: true, name: n}\n",
		("defaults: {relay: true}\ninputs:\n  - {file: '/var/log/*/a.log', from: end, framing: nul, charset: gbk, timezone: '+08:00', "
		 "decoder: d, logsource: {product: p}}\n  - file: /x\n  - syslog: ':1'\n"),
		"rules: {paths: [a, 'b: c'], pipelines: [windows-sysmon, ./p.yml]}\n",
		"rules: {pipelines: x}\n",
		"yara: {enabled: false, budget_ns_per_event: 70}\n",
		"correlation: {window_bytes: 1048576, spill_bytes: 1099511627776}\n",
		"inputs: []\nbus: {kind: kafka, bootstrap: 'a:1,b:2', options: {linger.ms: 5, 'x': \"q\\\"q\"}}\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct fake *fake = fake_new(1);
		struct config c;
		struct heard heard;
		struct buffer first, second;
		buffer_init(&first, &fake->env);
		buffer_init(&second, &fake->env);
		assert_int_equal(load(fake, texts[i], &c, &heard), 0);
		config_print(&c, &first);
		config_free(&c);
		if (load(fake, text_of(&first), &c, &heard))
			fail_msg("%s at %u:%u in\n%s", heard.text, heard.line, heard.column, text_of(&first));
		config_print(&c, &second);
		config_free(&c);
		assert_string_equal(text_of(&first), text_of(&second));
		buffer_free(&first);
		buffer_free(&second);
		assert_int_equal(fake->memory.outstanding, 0);
		fake_free(fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_has_its_place),
		cmocka_unit_test(what_is_no_yaml_is_an_error),
		cmocka_unit_test(a_missing_file_is_the_users_matter),
		cmocka_unit_test(limits_themselves_are_good),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(addresses),
		cmocka_unit_test(yara_is_a_word_or_a_map),
		cmocka_unit_test(what_is_shown_can_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
