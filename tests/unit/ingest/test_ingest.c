/* The whole room: octets from sockets and streams become batches, and nothing is lost in silence. */
#include "tests/unit/ingest/collect.h"

#include <errno.h>

static void expect_original(const struct collected *row, const char *text)
{
	if (!slice_equal(row->row.original, slice_str(text)))
		fail_msg("\"%.*s\" instead of \"%s\"", SLICE_PRINT(row->row.original), text);
}

static void expect_field(const struct collected *row, const char *field)
{
	if (!collect_has(row, field))
		fail_msg("no %s in %s", field, row->fields);
}

static void push(struct collect *c, int fd, const char *peer, const char *text)
{
	struct env_address address = fake_address(peer, 514);
	fake_datagram_push(c->fake, fd, &address, text, strlen(text), 0);
}

/* ---- rows ---- */

static void a_line_becomes_a_row(void **state)
{
	struct collect c;
	(void)state;
	collect_start(&c, NULL);
	int fd = fake_datagram_socket(c.fake);
	struct ingest_udp *udp;
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	push(&c, fd, "10.1.2.3", "<34>Dec 31 22:14:15 gw su[77]: failed for root");
	assert_int_equal(ingest_udp_step(udp, 100, NULL), 1);
	assert_int_equal(c.count, 0);
	collect_flush(&c);
	assert_int_equal(c.count, 1);
	const struct collected *row = &c.rows[0];
	expect_original(row, "<34>Dec 31 22:14:15 gw su[77]: failed for root");
	assert_string_equal(row->fields,
						"log.syslog.priority=34;log.syslog.facility.code=4;log.syslog.severity.code=2;host.hostname=gw;"
						"process.name=su;process.pid=77;message=failed for root;");
	assert_string_equal(row->source, "ip 10.1.2.3");
	assert_int_equal(row->partition, xxh3(SLICE("ip 10.1.2.3")) % 4);
	assert_int_equal(row->row.kind, ROW_EVENT);
	assert_int_equal(row->row.format, FORMAT_RFC3164);
	assert_int_equal(row->row.charset, CHARSET_UTF8);
	assert_int_equal(row->row.flags, 0);
	assert_int_equal(row->row.quality, TIME_PRESENT | TIME_YEAR_INFERRED | TIME_ZONE_INFERRED);
	/* received on 1 January 2026: December is last year's */
	char time[40];
	clock_print(row->row.time_ns, time);
	assert_string_equal(time, "2025-12-31T22:14:15Z");
	assert_int_equal(row->row.observed_ns, c.fake->clock.now_ns);
	ingest_udp_free(udp);
	collect_stop(&c);
}

static void structured_data_become_fields(void **state)
{
	struct collect c;
	(void)state;
	collect_start(&c, NULL);
	collect_octets(&c, "file x", FRAMING_LF,
				   SLICE("<13>1 2026-01-01T00:00:00+08:00 h a p M1 [x@1 k=\"v\" q=\"a\\\"b\"] text\n"));
	collect_flush(&c);
	assert_int_equal(c.count, 1);
	expect_field(&c.rows[0],
				 "log.syslog.version=1;host.hostname=h;process.name=a;process.pid=p;log.syslog.msgid=M1;message=text;");
	expect_field(&c.rows[0], "x@1.k=v;x@1.q=a\"b;");
	assert_int_equal(c.rows[0].row.quality, TIME_PRESENT | TIME_ZONE_EXPLICIT);
	collect_stop(&c);
}

static void a_broken_header_is_flagged(void **state)
{
	struct collect c;
	struct ingest_stats stats;
	(void)state;
	collect_start(&c, NULL);
	collect_octets(&c, "file x", FRAMING_LF, SLICE("<13>1 - h a\nplain\n"));
	collect_flush(&c);
	assert_int_equal(c.rows[0].row.flags, ROW_HEADER_INVALID);
	assert_string_equal(c.rows[0].fields, "message=<13>1 - h a;");
	assert_int_equal(c.rows[1].row.flags, 0);
	ingest_stats(c.ingest, &stats);
	assert_int_equal(stats.header_invalid, 1);
	collect_stop(&c);
}

static void times_of_json_bodies(void **state)
{
	static const struct {
		const char *line, *time;
		bool from_body;
	} cases[] = {
		{"{\"@timestamp\":\"2026-01-01T01:00:00Z\",\"time\":\"2026-01-01T02:00:00Z\"}", "2026-01-01T01:00:00Z", true},
		{"{\"time\":\"2026-01-01T02:00:00Z\",\"timestamp\":\"2026-01-01T03:00:00Z\"}", "2026-01-01T03:00:00Z", true},
		{"{\"ts\":1767225600,\"time\":\"no time\"}", "2026-01-01T00:00:00Z", true},
		{"{\"ts\":1767225600.25}", "2026-01-01T00:00:00.250Z", true},
		{"{\"ts\":1767225600250}", "2026-01-01T00:00:00.250Z", true},
		{"{\"ts\":1767225600250001}", "2026-01-01T00:00:00.250001Z", true},
		{"{\"ts\":1767225600250001002}", "2026-01-01T00:00:00.250001002Z", true},
		{"{\"@timestamp\":\"1999-05-05 05:05:05.5\"}", "1999-05-04T21:05:05.500Z", true},
		{"<13>Jan  1 08:00:00 gw app: {\"a\":1}", "2026-01-01T00:00:00Z", false},
		{"<13>Jan  1 08:00:00 gw app: {\"time\":\"2026-01-01T02:00:00Z\"}", "2026-01-01T02:00:00Z", true},
		{"{\"a\":{\"time\":\"2026-01-01T02:00:00Z\"}}", "", false},
	};
	struct collect c;
	(void)state;
	collect_start(&c, NULL);
	struct ingest_config config = collect_config(&c);
	ingest_free(c.ingest);
	config.defaults.zone = SLICE("+08:00");
	config.single_partition = true;
	assert_int_equal(ingest_new(&c.fake->env, &config, &c.ingest, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		collect_octets(&c, "file x", FRAMING_LF, slice_str(cases[i].line));
		collect_flush(&c);
		char time[40] = "";
		if ((c.rows[i].row.quality & TIME_PRESENT) != 0)
			clock_print(c.rows[i].row.time_ns, time);
		if (strcmp(time, cases[i].time) != 0)
			fail_msg("%s: \"%s\" instead of \"%s\"", cases[i].line, time, cases[i].time);
		assert_int_equal((c.rows[i].row.quality & TIME_FROM_BODY) != 0, cases[i].from_body);
	}
	collect_stop(&c);
}

static void a_time_in_the_future_is_flagged(void **state)
{
	struct collect c;
	(void)state;
	collect_start(&c, NULL);
	collect_octets(&c, "file x", FRAMING_LF,
				   SLICE("<13>1 2026-01-01T00:05:00Z h a - - -\n<13>1 2026-01-01T00:05:01Z h a - - -\n"));
	collect_flush(&c);
	assert_int_equal(c.rows[0].row.quality & TIME_FUTURE, 0);
	assert_int_equal(c.rows[1].row.quality & TIME_FUTURE, TIME_FUTURE);
	assert_int_equal(batch_row_when(&c.rows[1].row), c.rows[1].row.observed_ns);
	collect_stop(&c);
}

/* ---- sources ---- */

static void two_sources_two_charsets(void **state)
{
	struct collect c;
	(void)state;
	collect_start(&c, NULL);
	int fd = fake_datagram_socket(c.fake);
	struct ingest_udp *udp;
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	/* "登录失败" and "模" in GB18030; the second alone is also valid UTF-8. */
	push(&c, fd, "10.0.0.1", "<13>Jan  1 00:00:00 gw a: \xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc");
	push(&c, fd, "10.0.0.2", "<13>Jan  1 00:00:00 gw a: \xe7\x99\xbb\xe5\xbd\x95\xe5\xa4\xb1\xe8\xb4\xa5");
	push(&c, fd, "10.0.0.1", "<13>Jan  1 00:00:00 gw a: \xc4\xa3");
	push(&c, fd, "10.0.0.2", "<13>Jan  1 00:00:00 gw a: \xc4\xa3");
	assert_int_equal(ingest_udp_step(udp, 100, NULL), 4);
	collect_flush(&c);
	assert_int_equal(c.count, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct collected *row = &c.rows[i];
		bool first = strcmp(row->source, "ip 10.0.0.1") == 0;
		assert_int_equal(row->row.charset, first ? CHARSET_GB18030 : CHARSET_UTF8);
		assert_int_equal(row->row.flags, 0);
		if (row->row.original.len > 30)
			expect_field(row, "message=\xe7\x99\xbb\xe5\xbd\x95\xe5\xa4\xb1\xe8\xb4\xa5;");
		else
			expect_field(row, first ? "message=\xe6\xa8\xa1;" : "message=\xc4\xa3;");
		expect_field(row, "host.hostname=gw;");
	}
	ingest_udp_free(udp);
	collect_stop(&c);
}

static void octets_outside_the_charset(void **state)
{
	struct collect c;
	(void)state;
	collect_start(&c, NULL);
	collect_octets(&c, "file x", FRAMING_LF, slice_of("<13>a: ok \xff\xfe\x80 end\n", 18));
	collect_flush(&c);
	assert_int_equal(c.rows[0].row.flags, ROW_CHARSET_INVALID);
	assert_true(slice_equal(c.rows[0].row.original, slice_of("<13>a: ok \xff\xfe\x80 end", 17)));
	expect_field(&c.rows[0], "message=ok \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd end;");
	collect_stop(&c);
}

static void settings_by_network_and_host(void **state)
{
	struct collect c;
	struct source_settings sources[3] = {0};
	(void)state;
	collect_start(&c, NULL);
	struct ingest_config config = collect_config(&c);
	ingest_free(c.ingest);
	bool host_bits;
	assert_true(network_parse(SLICE("10.0.0.0/8"), sources[0].network, &sources[0].network_bits, &host_bits));
	sources[0].zone = SLICE("+06:00");
	sources[0].relay = true;
	sources[1].host = SLICE("West");
	sources[1].zone = SLICE("-05:00");
	sources[1].logsource = (struct logsource){.product = SLICE("linux")};
	config.sources = sources;
	config.source_count = 2;
	assert_int_equal(ingest_new(&c.fake->env, &config, &c.ingest, NULL), 0);
	int fd = fake_datagram_socket(c.fake);
	struct ingest_udp *udp;
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	push(&c, fd, "10.9.9.9", "<13>Jan  1 06:00:00 GW-1 a: x");
	push(&c, fd, "10.9.9.9", "<13>Jan  1 06:00:00 \xc4\xa3% a: x");
	push(&c, fd, "10.9.9.9", "<13>no header");
	push(&c, fd, "192.168.0.1", "<13>Dec 31 19:00:00 wEST a: x");
	push(&c, fd, "192.168.0.1", "<13>Jan  1 00:00:00 east a: x");
	assert_int_equal(ingest_udp_step(udp, 100, NULL), 5);
	collect_flush(&c);
	unsigned seen = 0;
	for (size_t i = 0; i < c.count; i++) {
		const struct collected *row = &c.rows[i];
		assert_int_equal(row->partition, xxh3(slice_str(row->source)) % 4);
		if (row->row.quality != 0)
			assert_int_equal(row->row.time_ns, c.fake->clock.now_ns);
		seen |= strcmp(row->source, "ip 10.9.9.9 host gw-1") == 0 ? 1u : 0;
		seen |= strcmp(row->source, "ip 10.9.9.9 host %C4%A3%") == 0 ? 2u : 0;
		seen |= strcmp(row->source, "ip 10.9.9.9") == 0 ? 4u : 0;
		if (collect_has(row, "host.hostname=wEST"))
			assert_int_equal(row->row.logsource, 0);
		else
			assert_int_equal(row->row.logsource, BATCH_NO_INDEX);
	}
	assert_int_equal(seen, 7);
	ingest_udp_free(udp);
	collect_stop(&c);
}

/* ---- datagrams ---- */

static void kernel_drops_become_gap_rows(void **state)
{
	struct collect c;
	struct ingest_stats stats;
	(void)state;
	collect_start(&c, NULL);
	int fd = fake_datagram_socket(c.fake);
	struct ingest_udp *udp;
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	fake_datagram_drop(c.fake, fd, UINT32_MAX - 1);
	push(&c, fd, "10.0.0.1", "<13>a: 1");
	ingest_udp_step(udp, 10, NULL);
	/* The count wraps; what is lost within a second is told together. */
	for (int i = 0; i < 5; i++) {
		fake_datagram_drop(c.fake, fd, 3);
		push(&c, fd, "10.0.0.1", "<13>a: 2");
		ingest_udp_step(udp, 10, NULL);
		fake_clock_advance(c.fake, 100 * NS_PER_MS);
		ingest_step(c.ingest, false, NULL);
	}
	fake_clock_advance(c.fake, NS_PER_S);
	collect_flush(&c);
	unsigned gaps = 0;
	for (size_t i = 0; i < c.count; i++) {
		if (c.rows[i].row.kind != ROW_GAP)
			continue;
		expect_field(&c.rows[i], "reason=kernel_drop;");
		expect_field(&c.rows[i], gaps == 0 ? "count=4294967294;" : "count=15;");
		gaps++;
	}
	assert_int_equal(gaps, 2);
	ingest_stats(c.ingest, &stats);
	assert_int_equal(stats.dropped, (uint64_t)UINT32_MAX - 1 + 15);
	assert_int_equal(stats.received, 6);
	assert_int_equal(stats.stored, 6);
	assert_int_equal(stats.gaps, 2);
	ingest_udp_free(udp);
	collect_stop(&c);
}

static void a_datagram_cut_by_the_kernel(void **state)
{
	struct collect c;
	struct env_address peer = fake_address("10.0.0.1", 514);
	(void)state;
	collect_start(&c, NULL);
	int fd = fake_datagram_socket(c.fake);
	struct ingest_udp *udp;
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	fake_datagram_push(c.fake, fd, &peer, "<13>a: cut", 10, 70000);
	ingest_udp_step(udp, 10, NULL);
	collect_flush(&c);
	assert_int_equal(c.rows[0].row.flags, ROW_TRUNCATED);
	expect_field(&c.rows[0], "event.original_length=70000;");
	assert_false(collect_has(&c.rows[0], "event.original_hash"));
	ingest_udp_free(udp);
	collect_stop(&c);
}

static void a_long_message_is_cut_with_length_and_hash(void **state)
{
	struct collect c;
	uint8_t digest[32];
	char field[128] = "event.original_hash=", *text = malloc(70001);
	(void)state;
	memset(text, 'x', 70000);
	memcpy(text, "<13>a: ", 7);
	text[70000] = '\n';
	sha256_of(slice_of(text, 70000), digest);
	hex_print(digest, 32, field + 20);
	collect_start(&c, NULL);
	collect_octets(&c, "file x", FRAMING_LF, slice_of(text, 70001));
	collect_flush(&c);
	assert_int_equal(c.rows[0].row.flags, ROW_TRUNCATED);
	assert_int_equal(c.rows[0].row.original.len, 65536);
	free(text);
	struct ingest_stats stats;
	ingest_stats(c.ingest, &stats);
	assert_int_equal(stats.truncated, 1);
	assert_int_equal(stats.bytes, 70000);
	/* The message field is too long for the collected text: only its neighbours are looked at. */
	struct slice derived = slice_from(c.rows[0].row.text, 65536);
	assert_true(slice_find(derived, SLICE("70000"), 0) != SIZE_MAX);
	assert_true(slice_find(derived, slice_str(field + 20), 0) != SIZE_MAX);
	collect_stop(&c);
}

static void joined_records_of_one_datagram(void **state)
{
	struct collect c;
	struct buffer all;
	(void)state;
	collect_start(&c, NULL);
	int fd = fake_datagram_socket(c.fake);
	struct ingest_udp *udp;
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	static const char joined[] = "id=tos pri=6 msg=\"one\"\r\nid=tos pri=5 msg=\"two\"\r\nid=tos pri=4\r\n";
	static const char other[] = "id=tos pri=6 msg=\"one\"\r\nsecond line";
	push(&c, fd, "10.0.0.1", joined);
	push(&c, fd, "10.0.0.1", other);
	push(&c, fd, "10.0.0.1", "");
	ingest_udp_step(udp, 10, NULL);
	collect_flush(&c);
	assert_int_equal(c.count, 4);
	buffer_init(&all, &c.fake->env);
	for (int i = 0; i < 3; i++)
		buffer_add_slice(&all, c.rows[i].row.original);
	assert_true(slice_equal(buffer_slice(&all), SLICE(joined)));
	expect_field(&c.rows[1], "message=id=tos pri=5 msg=\"two\";");
	expect_original(&c.rows[3], other);
	struct ingest_stats stats;
	ingest_stats(c.ingest, &stats);
	assert_int_equal(stats.frames_empty, 1);
	buffer_free(&all);
	ingest_udp_free(udp);
	collect_stop(&c);
}

/* ---- connections ---- */

static struct ingest_connection *connect_to(struct collect *c, struct ingest_listener *l, int listener,
											const char *peer, int *fd)
{
	struct ingest_connection *connection;
	struct env_address address = fake_address(peer, 40000);
	*fd = fake_connect(c->fake, listener, &address);
	assert_int_equal(ingest_accept(l, &connection, NULL), 1);
	assert_int_equal(ingest_connection_fd(connection), *fd);
	return connection;
}

static void streams_of_three_framings_on_one_port(void **state)
{
	struct collect c;
	struct ingest_listener *l;
	int fd;
	(void)state;
	collect_start(&c, NULL);
	c.fake->read_max = 7;
	int listener = fake_listener(c.fake);
	assert_int_equal(ingest_listener_new(c.ingest, listener, FRAMING_AUTO, &l, NULL), 0);
	static const char *const streams[] = {"<13>a: 1\n<13>a: 2\r\n", "8 <13>a: 18 <13>a: 2", "<13>a: 1\0<13>a: 2\n"};
	static const size_t lens[] = {19, 20, 18};
	for (int i = 0; i < 3; i++) {
		struct ingest_connection *connection = connect_to(&c, l, listener, "10.0.0.1", &fd);
		fake_stream_push(c.fake, fd, streams[i], lens[i]);
		assert_int_equal(ingest_connection_step(connection, 1000, NULL), 1);
		fake_stream_end(c.fake, fd);
		assert_int_equal(ingest_connection_step(connection, 1000, NULL), 0);
		assert_true(fake_socket_closed(c.fake, fd));
	}
	collect_flush(&c);
	assert_int_equal(c.count, 6);
	for (size_t i = 0; i < 6; i++) {
		expect_original(&c.rows[i], i % 2 == 0 ? "<13>a: 1" : "<13>a: 2");
		assert_int_equal(c.rows[i].row.flags, 0);
	}
	ingest_listener_free(l);
	collect_stop(&c);
}

static void a_cut_connection_keeps_the_half_frame(void **state)
{
	struct collect c;
	struct ingest_listener *l;
	int fd;
	(void)state;
	collect_start(&c, NULL);
	int listener = fake_listener(c.fake);
	assert_int_equal(ingest_listener_new(c.ingest, listener, FRAMING_AUTO, &l, NULL), 0);
	struct ingest_connection *connection = connect_to(&c, l, listener, "10.0.0.1", &fd);
	fake_stream_push(c.fake, fd, "<13>a: 1\n40 <13>a: half", 23);
	fake_stream_break(c.fake, fd, ECONNRESET);
	while (ingest_connection_step(connection, 1000, NULL) == 1) {
	}
	collect_flush(&c);
	assert_int_equal(c.count, 3);
	expect_original(&c.rows[1], "<13>a: half");
	assert_int_equal(c.rows[1].row.flags, ROW_PARTIAL);
	assert_int_equal(c.rows[2].row.kind, ROW_GAP);
	expect_field(&c.rows[2], "reason=connection_broken;octets_kept=11;source=ip 10.0.0.1;");
	assert_string_equal(c.rows[2].source, "ip 10.0.0.1");
	ingest_listener_free(l);
	collect_stop(&c);
}

static void too_many_connections_are_refused(void **state)
{
	struct collect c;
	struct ingest_listener *l;
	struct ingest_connection *connection;
	struct ingest_stats stats;
	struct env_address address = fake_address("10.0.0.1", 1), other = fake_address("10.0.0.2", 1);
	(void)state;
	collect_start(&c, NULL);
	int listener = fake_listener(c.fake), fd;
	assert_int_equal(ingest_listener_new(c.ingest, listener, FRAMING_AUTO, &l, NULL), 0);
	for (int i = 0; i < LIMIT_connections_per_peer; i++)
		connect_to(&c, l, listener, "10.0.0.1", &fd);
	fd = fake_connect(c.fake, listener, &address);
	int third = fake_connect(c.fake, listener, &other);
	assert_int_equal(ingest_accept(l, &connection, NULL), 1);
	assert_int_equal(ingest_connection_fd(connection), third);
	assert_true(fake_socket_closed(c.fake, fd));
	ingest_stats(c.ingest, &stats);
	assert_int_equal(stats.connections_refused, 1);
	/* idle ones are closed */
	fake_clock_advance(c.fake, (LIMIT_connection_idle_s + 1) * NS_PER_S);
	assert_true(ingest_connection_idle(connection));
	ingest_connection_close(connection);
	assert_true(fake_socket_closed(c.fake, third));
	assert_int_equal(ingest_accept(l, &connection, NULL), 0);
	ingest_listener_free(l);
	collect_stop(&c);
}

/* ---- batches ---- */

static void batches_close_at_rows_bytes_and_age(void **state)
{
	struct collect c;
	struct ingest_stream *stream;
	size_t taken;
	char line[1100];
	(void)state;
	collect_start(&c, NULL);
	assert_int_equal(ingest_stream_new(c.ingest, SLICE("file x"), FRAMING_LF, &stream, NULL), 0);
	for (int i = 0; i < LIMIT_batch_rows + 1; i++)
		assert_int_equal(ingest_stream_add(stream, SLICE("a\n"), &taken, NULL), 0);
	assert_int_equal(c.batches, 1);
	assert_int_equal(c.count, LIMIT_batch_rows);
	int wait = ingest_step(c.ingest, false, NULL);
	assert_true(wait > 190 && wait <= 200);
	fake_clock_advance(c.fake, 199 * NS_PER_MS);
	assert_int_equal(ingest_step(c.ingest, false, NULL), 1);
	assert_int_equal(c.batches, 1);
	fake_clock_advance(c.fake, NS_PER_MS);
	assert_int_equal(ingest_step(c.ingest, false, NULL), -1);
	assert_int_equal(c.batches, 2);
	memset(line, 'x', sizeof(line));
	line[1099] = '\n';
	unsigned before = c.batches;
	for (int i = 0; i < 500; i++)
		assert_int_equal(ingest_stream_add(stream, slice_of(line, 1100), &taken, NULL), 0);
	assert_int_equal(c.batches, before + 1);
	ingest_stream_free(stream);
	collect_flush(&c);
	collect_stop(&c);
}

/* The bus refuses at every possible batch: every row comes, once, in order. */
static void a_refused_batch_loses_nothing(void **state)
{
	(void)state;
	for (unsigned refuse = 1; refuse < 40; refuse += 12) {
		struct collect c;
		struct ingest_listener *l;
		struct ingest_udp *udp;
		int fd, socket;
		char line[700];
		collect_start(&c, NULL);
		int listener = fake_listener(c.fake);
		assert_int_equal(ingest_listener_new(c.ingest, listener, FRAMING_AUTO, &l, NULL), 0);
		struct ingest_connection *connection = connect_to(&c, l, listener, "10.0.0.1", &fd);
		socket = fake_datagram_socket(c.fake);
		assert_int_equal(ingest_udp_new(c.ingest, socket, &udp, NULL), 0);
		for (int i = 0; i < 3000; i++) {
			int n = snprintf(line, sizeof(line), "<13>a: %04d %0500d", i, i);
			push(&c, socket, "10.0.0.2", line);
			line[n++] = '\n';
			fake_stream_push(c.fake, fd, line, (size_t)n);
		}
		fake_stream_end(c.fake, fd);
		c.refuse = refuse;
		bool open = true;
		for (int i = 0; i < 600; i++) {
			if (open && ingest_connection_step(connection, 20000, NULL) == 0)
				open = false;
			ingest_udp_step(udp, 100, NULL);
			ingest_step(c.ingest, false, NULL);
		}
		collect_flush(&c);
		assert_false(open);
		assert_int_equal(c.refused, refuse);
		assert_int_equal(c.count, 6000);
		int next[2] = {0, 0};
		for (size_t i = 0; i < c.count; i++) {
			int which = strcmp(c.rows[i].source, "ip 10.0.0.2") == 0;
			assert_int_equal(atoi((const char *)c.rows[i].text + 7), next[which]++);
		}
		struct ingest_stats stats;
		ingest_stats(c.ingest, &stats);
		assert_int_equal(stats.received, 6000);
		assert_int_equal(stats.stored, 6000);
		ingest_udp_free(udp);
		ingest_listener_free(l);
		collect_stop(&c);
	}
}

/* A sender of JSON may call its fields as it likes: the dictionary fills, is emptied between batches, and no row is lost. */
static void names_without_end(void **state)
{
	struct collect c;
	char line[128];
	(void)state;
	collect_start(&c, NULL);
	struct ingest_stream *stream;
	size_t taken;
	assert_int_equal(ingest_stream_new(c.ingest, SLICE("file x"), FRAMING_LF, &stream, NULL), 0);
	for (int i = 0; i < 70000; i++) {
		int n = snprintf(line, sizeof(line), "{\"name%d\":1}\n", i);
		assert_int_equal(ingest_stream_add(stream, slice_of(line, (size_t)n), &taken, NULL), 0);
	}
	ingest_stream_free(stream);
	collect_flush(&c);
	assert_int_equal(c.count, 70000);
	for (int i = 0; i < 70000; i += 997) {
		snprintf(line, sizeof(line), "name%d=1;", i);
		expect_field(&c.rows[i], line);
		assert_int_equal(c.rows[i].row.flags, 0);
	}
	collect_stop(&c);
}

static void one_partition_for_a_replayed_file(void **state)
{
	struct collect c;
	(void)state;
	collect_start(&c, NULL);
	struct ingest_config config = collect_config(&c);
	ingest_free(c.ingest);
	config.single_partition = true;
	config.partition = 9;
	config.backfill = true;
	config.fixed_observed_ns = INT64_C(1000) * NS_PER_S;
	assert_int_equal(ingest_new(&c.fake->env, &config, &c.ingest, NULL), 0);
	collect_octets(&c, "file 00", FRAMING_AUTO, SLICE("a\n\nb"));
	collect_flush(&c);
	assert_int_equal(c.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(c.rows[i].partition, 9);
		assert_int_equal(c.rows[i].sequence, i);
		assert_int_equal(c.rows[i].row.observed_ns, config.fixed_observed_ns);
		assert_string_equal(c.rows[i].source, "file 00");
	}
	assert_int_equal(c.rows[1].row.original.len, 0);
	collect_stop(&c);
}

/* A tick is a promise: it stands behind all rows before it, and no later row of its partition is observed before it. */
static void ticks(void **state)
{
	struct collect c;
	int64_t last[4] = {0};
	unsigned count[4] = {0};
	(void)state;
	collect_start(&c, NULL);
	struct ingest_config config = collect_config(&c);
	ingest_free(c.ingest);
	config.ticks = true;
	assert_int_equal(ingest_new(&c.fake->env, &config, &c.ingest, NULL), 0);
	int fd = fake_datagram_socket(c.fake);
	struct ingest_udp *udp;
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	for (int i = 0; i < 100; i++) {
		char peer[32];
		snprintf(peer, sizeof(peer), "10.0.0.%d", i % 7);
		push(&c, fd, peer, "<13>a: x");
		fake_clock_advance(c.fake, 100 * NS_PER_MS);
		/* The wall clock goes back in the middle. */
		if (i == 50)
			fake_clock_set(c.fake, c.fake->clock.now_ns - 30 * NS_PER_S);
		ingest_udp_step(udp, 10, NULL);
		int wait = ingest_step(c.ingest, false, NULL);
		assert_true(wait >= 0 && wait <= 1000);
	}
	collect_flush(&c);
	unsigned steps = 0;
	for (size_t i = 0; i < c.count; i++) {
		const struct collected *row = &c.rows[i];
		assert_true(row->row.observed_ns >= last[row->partition]);
		steps += row->row.kind == ROW_AUDIT;
		if (row->row.kind != ROW_TICK)
			continue;
		last[row->partition] = row->row.observed_ns;
		count[row->partition]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(count[i], 9, 10);
	assert_int_equal(steps, 1);
	ingest_udp_free(udp);
	collect_stop(&c);
}

static void own_rows(void **state)
{
	struct collect c;
	struct error error;
	(void)state;
	collect_start(&c, NULL);
	assert_int_equal(
		ingest_own_row(c.ingest, 2, ROW_AUDIT, SLICE("{\"action\":\"start\",\"n\":5,\"o\":{\"p\":true}}"), &error), 0);
	assert_true(ingest_own_row(c.ingest, 4, ROW_AUDIT, SLICE("{}"), &error) < 0);
	assert_int_equal(error.code, ERROR_USAGE);
	collect_flush(&c);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.rows[0].partition, 2);
	assert_int_equal(c.rows[0].row.kind, ROW_AUDIT);
	assert_string_equal(c.rows[0].fields, "action=start;n=5;o.p=true;");
	collect_stop(&c);
}

/* Memory fails at every allocation in turn: what was taken comes out, whole and once. */
static void memory_fails_at_every_point(void **state)
{
	static const char text[] =
		"<13>Jan  1 00:00:00 gw a: \xb5\xc7\xc2\xbc\n<13>1 - h a - - [x k=\"a\\\"b\"] t\n{\"q\":\"z\\n\"}\n";
	(void)state;
	for (uint64_t n = 1; n < 400; n++) {
		struct collect c = {.fake = fake_new(11)};
		struct ingest_config config = collect_config(&c);
		struct ingest_stream *stream = NULL;
		struct slice left = SLICE(text);
		c.fake->memory.fail_at = n;
		c.fake->memory.calls = 0;
		bool made = ingest_new(&c.fake->env, &config, &c.ingest, NULL) == 0;
		if (made && ingest_stream_new(c.ingest, SLICE("file x"), FRAMING_LF, &stream, NULL) == 0) {
			for (int i = 0; i < 50 && left.len > 0; i++) {
				size_t taken;
				ingest_stream_add(stream, left, &taken, NULL);
				left = slice_from(left, taken);
				ingest_step(c.ingest, false, NULL);
			}
			collect_flush(&c);
			assert_int_equal(c.count, 3);
			assert_int_equal(c.rows[0].row.charset, CHARSET_GB18030);
			ingest_stream_free(stream);
		}
		bool reached = c.fake->memory.failed > 0;
		if (made)
			ingest_free(c.ingest);
		for (size_t i = 0; i < c.count; i++)
			free(c.rows[i].text);
		free(c.rows);
		assert_int_equal(c.fake->memory.outstanding, 0);
		fake_free(c.fake);
		if (!reached)
			return;
	}
	fail_msg("400 allocations and more");
}

/* One source's decoder is settled, the other's found by content; one that is not there is refused at once. */
static void a_source_may_force_its_decoder(void **state)
{
	static const char yaml[] = "name: pairs\nversion: 1\nrecognise:\n  - starts: ['pairs ']\nsteps:\n  - kv: {min: 1}\n"
							   "    rename: {src: source.ip}\n"
							   "---\nname: words\nversion: 1\nrecognise:\n  - starts: ['a']\nsteps:\n"
							   "  - pattern: '{event.action:word} {..}'\n";
	static const char *const paths[] = {"/d/x.yml"};
	static const char line[] = "<34>Dec 31 22:14:15 gw app: allowed src=192.0.2.1";
	struct fake *fake = fake_new(2);
	struct decoders *decoders;
	struct collect c;
	struct error error = {0};
	unsigned host_bits;
	bool host_bits_set;
	(void)state;
	fake_file_put(fake, paths[0], yaml, strlen(yaml));
	assert_int_equal(decoders_load(&fake->env, paths, 1, NULL, NULL, &decoders, NULL), 0);
	struct source_settings forced = {.decoder = SLICE("pairs"), .charset_auto = true};
	assert_true(network_parse(SLICE("10.0.0.1"), forced.network, &host_bits, &host_bits_set));
	forced.network_bits = host_bits;
	struct ingest_config config = {.partitions = 4,
								   .collector = {1},
								   .epoch = 7,
								   .emit = collect_emit,
								   .ctx = &c,
								   .decoders = decoders,
								   .sources = &forced,
								   .source_count = 1};
	collect_start(&c, &config);
	int fd = fake_datagram_socket(c.fake);
	struct ingest_udp *udp;
	assert_int_equal(ingest_udp_new(c.ingest, fd, &udp, NULL), 0);
	push(&c, fd, "10.0.0.1", line);
	push(&c, fd, "10.0.0.2", line);
	assert_int_equal(ingest_udp_step(udp, 100, NULL), 2);
	collect_flush(&c);
	assert_int_equal(c.count, 2);
	const struct collected *first = &c.rows[strcmp(c.rows[0].source, "ip 10.0.0.1") != 0],
						   *second = &c.rows[first == c.rows];
	assert_string_equal(first->source, "ip 10.0.0.1");
	assert_true(collect_has(first, "source.ip=192.0.2.1"));
	assert_false(collect_has(first, "event.action=allowed"));
	assert_true(collect_has(second, "event.action=allowed"));
	assert_false(collect_has(second, "source.ip=192.0.2.1"));
	ingest_udp_free(udp);
	struct ingest *none;
	forced.decoder = SLICE("pears");
	assert_int_equal(ingest_new(&c.fake->env, &config, &none, &error), -ERROR_USAGE);
	assert_non_null(strstr(error.text, "pears"));
	collect_stop(&c);
	decoders_free(decoders);
	fake_free(fake);
}

/* "@timestamp" wins over what a decoder found, whether the body had it, an object inside, or a decoder named it so. */
static void a_timestamp_wins_over_a_decoder(void **state)
{
	static const char yaml[] = "name: j\nversion: 1\nrecognise:\n  - {format: json, field: {when: '*'}}\nsteps:\n"
							   "  - when: {when: '*'}\n    rename: {other: '@timestamp'}\n    strip: ['in.']\n"
							   "    time: [{field: when, format: iso}]\n";
	static const struct {
		const char *line, *time;
	} cases[] = {
		{"{\"when\":\"2026-01-01T02:00:00Z\"}", "2026-01-01T02:00:00Z"},
		{"{\"@timestamp\":\"2026-01-01T01:00:00Z\",\"when\":\"2026-01-01T02:00:00Z\"}", "2026-01-01T01:00:00Z"},
		{"{\"@timestamp\":null,\"when\":\"2026-01-01T02:00:00Z\"}", "2026-01-01T02:00:00Z"},
		{"{\"other\":\"2026-01-01T03:00:00Z\",\"when\":\"2026-01-01T02:00:00Z\"}", "2026-01-01T03:00:00Z"},
		{"{\"in\":{\"@timestamp\":\"2026-01-01T04:00:00Z\"},\"when\":\"2026-01-01T02:00:00Z\"}",
		 "2026-01-01T04:00:00Z"},
		{"{\"in\":{\"a\":1},\"when\":\"2026-01-01T02:00:00Z\"}", "2026-01-01T02:00:00Z"},
		{"{\"@timestamp\":\"2026-01-01T05:00:00Z\"}", "2026-01-01T05:00:00Z"},
	};
	static const char *const paths[] = {"/d/x.yml"};
	struct fake *fake = fake_new(2);
	struct decoders *decoders;
	struct collect c;
	(void)state;
	fake_file_put(fake, paths[0], yaml, strlen(yaml));
	assert_int_equal(decoders_load(&fake->env, paths, 1, NULL, NULL, &decoders, NULL), 0);
	struct ingest_config config = {
		.partitions = 1, .collector = {1}, .epoch = 7, .emit = collect_emit, .ctx = &c, .decoders = decoders};
	collect_start(&c, &config);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		collect_octets(&c, "file x", FRAMING_LF, slice_str(cases[i].line));
		collect_flush(&c);
		char time[40];
		clock_print(c.rows[i].row.time_ns, time);
		if (strcmp(time, cases[i].time) != 0)
			fail_msg("%s: %s instead of %s", cases[i].line, time, cases[i].time);
	}
	collect_stop(&c);
	decoders_free(decoders);
	fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_becomes_a_row),
		cmocka_unit_test(structured_data_become_fields),
		cmocka_unit_test(a_broken_header_is_flagged),
		cmocka_unit_test(times_of_json_bodies),
		cmocka_unit_test(a_timestamp_wins_over_a_decoder),
		cmocka_unit_test(a_time_in_the_future_is_flagged),
		cmocka_unit_test(two_sources_two_charsets),
		cmocka_unit_test(octets_outside_the_charset),
		cmocka_unit_test(settings_by_network_and_host),
		cmocka_unit_test(a_source_may_force_its_decoder),
		cmocka_unit_test(kernel_drops_become_gap_rows),
		cmocka_unit_test(a_datagram_cut_by_the_kernel),
		cmocka_unit_test(a_long_message_is_cut_with_length_and_hash),
		cmocka_unit_test(joined_records_of_one_datagram),
		cmocka_unit_test(streams_of_three_framings_on_one_port),
		cmocka_unit_test(a_cut_connection_keeps_the_half_frame),
		cmocka_unit_test(too_many_connections_are_refused),
		cmocka_unit_test(batches_close_at_rows_bytes_and_age),
		cmocka_unit_test(a_refused_batch_loses_nothing),
		cmocka_unit_test(names_without_end),
		cmocka_unit_test(one_partition_for_a_replayed_file),
		cmocka_unit_test(ticks),
		cmocka_unit_test(own_rows),
		cmocka_unit_test(memory_fails_at_every_point),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
