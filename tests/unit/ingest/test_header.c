/* Headers: what the RFCs say and what devices send. The lines are our own, written after the formats. */
#include "ingest/header.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW "2026-03-10T12:00:00Z"

struct line {
	const char *text;
	enum format format;
	int priority; /* -1: none */
	const char *time, *host, *program, *pid, *message;
};

static const struct line lines[] = {
	/* RFC 3164 as it is written */
	{"<34>Oct 11 22:14:15 mymachine su: 'su root' failed", FORMAT_RFC3164, 34, "2025-10-11T22:14:15Z", "mymachine",
	 "su", "", "'su root' failed"},
	{"<30>Mar  9 07:01:02 gw dhcpd[77]: DHCPACK", FORMAT_RFC3164, 30, "2026-03-09T07:01:02Z", "gw", "dhcpd", "77",
	 "DHCPACK"},
	{"<0>Mar  9 07:01:02 gw k: x", FORMAT_RFC3164, 0, "2026-03-09T07:01:02Z", "gw", "k", "", "x"},
	{"<191>Mar  9 07:01:02 gw k: x", FORMAT_RFC3164, 191, "2026-03-09T07:01:02Z", "gw", "k", "", "x"},
	/* a space after <PRI>, spaces between the parts */
	{"<30> Mar  9 07:01:02  gw   ntpd[5]:   step", FORMAT_RFC3164, 30, "2026-03-09T07:01:02Z", "gw", "ntpd", "5",
	 "step"},
	/* the year in front, behind the day, behind the time */
	{"<189>2026 Mar 9 14:59:04 sw1 %%10SHELL/5/LOGIN(l): in", FORMAT_RFC3164, 189, "2026-03-09T14:59:04Z", "sw1", "",
	 "", "%%10SHELL/5/LOGIN(l): in"},
	{"<189>Mar 9 2019 14:59:04 sw1 %%01INFO/4/X(l):text", FORMAT_RFC3164, 189, "2019-03-09T14:59:04Z", "sw1", "", "",
	 "%%01INFO/4/X(l):text"},
	{"<189>Mar 9 14:59:04 2009 sw1 %%10SHELL/5/LOGIN(l): in", FORMAT_RFC3164, 189, "2009-03-09T14:59:04Z", "sw1", "",
	 "", "%%10SHELL/5/LOGIN(l): in"},
	/* fractions */
	{"<13>Mar 9 07:01:02.123 gw a: x", FORMAT_RFC3164, 13, "2026-03-09T07:01:02.123Z", "gw", "a", "", "x"},
	{"<13>Mar 9 07:01:02:809 2020 gw a: x", FORMAT_RFC3164, 13, "2020-03-09T07:01:02.809Z", "gw", "a", "", "x"},
	/* ISO stamps */
	{"<13>2026-03-09T07:01:02+08:00 gw a[1]: x", FORMAT_RFC3164, 13, "2026-03-08T23:01:02Z", "gw", "a", "1", "x"},
	{"<13>2026-03-09 07:01:02-0330 gw a: x", FORMAT_RFC3164, 13, "2026-03-09T10:31:02Z", "gw", "a", "", "x"},
	{"<13>2026-03-09 07:01:02,250 gw a: x", FORMAT_RFC3164, 13, "2026-03-09T07:01:02.250Z", "gw", "a", "", "x"},
	{"<13>2026-03-09T07:01:02+00:00Z gw a: x", FORMAT_RFC3164, 13, "2026-03-09T07:01:02Z", "gw", "a", "", "x"},
	{"<13>Nov 1 2024 00:00:00+08:00 gw a: x", FORMAT_RFC3164, 13, "2024-10-31T16:00:00Z", "gw", "a", "", "x"},
	/* whole names of months, days of the week */
	{"July 6 19:30:40 2018 box app: x", FORMAT_RFC3164, -1, "2018-07-06T19:30:40Z", "box", "app", "", "x"},
	{"<13>Fri Mar  6 19:30:40 2020 box app: x", FORMAT_RFC3164, 13, "2020-03-06T19:30:40Z", "box", "app", "", "x"},
	/* Cisco: sequence numbers, clocks that are not set, names in front, zones, uptimes */
	{"<166>%ASA-6-302013: Built", FORMAT_RFC3164, 166, "", "", "", "", "%ASA-6-302013: Built"},
	{"<166>Mar 09 2026 08:00:01 fw : %ASA-6-302013: Built", FORMAT_RFC3164, 166, "2026-03-09T08:00:01Z", "fw", "", "",
	 "%ASA-6-302013: Built"},
	{"<166>Mar 09 2026 08:00:01: %ASA-6-302013: Built", FORMAT_RFC3164, 166, "2026-03-09T08:00:01Z", "", "", "",
	 "%ASA-6-302013: Built"},
	{"<189>45: *Mar  1 00:00:09.123: %SYS-5-RESTART: up", FORMAT_RFC3164, 189, "2026-03-01T00:00:09.123Z", "", "", "",
	 "%SYS-5-RESTART: up"},
	{"<189>45: r1: 000046: .Mar  1 00:00:09 CET: %SYS-5-CONFIG_I: by x", FORMAT_RFC3164, 189, "2026-02-28T23:00:09Z",
	 "r1", "", "", "%SYS-5-CONFIG_I: by x"},
	{"<189>: 2026 Mar  1 10:00:00 UTC: %ETH-5-IF_UP: up", FORMAT_RFC3164, 189, "2026-03-01T10:00:00Z", "", "", "",
	 "%ETH-5-IF_UP: up"},
	{"<189>45: r2: 1d02h: %LINK-3-UPDOWN: x", FORMAT_RFC3164, 189, "", "r2", "", "", "%LINK-3-UPDOWN: x"},
	{"<189>101 21: %SYS-3-X: y", FORMAT_RFC3164, 189, "", "", "", "", "%SYS-3-X: y"},
	/* Hillstone: serial(vsys) where the host belongs, LF and NUL at the end (see the test below) */
	{"<190>Nov 25 13:34:03 2812239200(root) 44243630 Traffic@FLOW: x", FORMAT_RFC3164, 190, "2025-11-25T13:34:03Z",
	 "2812239200", "", "", "44243630 Traffic@FLOW: x"},
	/* no host: a tag follows the stamp */
	{"<133>Mar  9 16:33:35 haproxy[73411]: up", FORMAT_RFC3164, 133, "2026-03-09T16:33:35Z", "", "haproxy", "73411",
	 "up"},
	{"<133>Mar  9 16:33:35 last: message repeated", FORMAT_RFC3164, 133, "2026-03-09T16:33:35Z", "", "last", "",
	 "message repeated"},
	{"<12>Mar  9 16:33:35 (none) : {\"a\":1}", FORMAT_RFC3164, 12, "2026-03-09T16:33:35Z", "", "", "", "{\"a\":1}"},
	/* hosts */
	{"<13>Mar  9 16:33:35 10.1.2.3 sshd[1]: x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "10.1.2.3", "sshd", "1",
	 "x"},
	{"<13>Mar  9 16:33:35 fe80::1 sshd[1]: x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "fe80::1", "sshd", "1", "x"},
	{"<13>Mar  9 16:33:35 \xe5\x85\xb3 a: x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "\xe5\x85\xb3", "a", "", "x"},
	{"<13>Mar  9 16:33:35 gw 10.0.0.9 dhcpd[3]: x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "dhcpd", "3",
	 "x"},
	{"<13>Mar  9 16:33:35 gw", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "", "", ""},
	/* tags */
	{"<13>Mar  9 16:33:35 gw postfix/smtpd[9]: x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "postfix/smtpd",
	 "9", "x"},
	{"<13>Mar  9 16:33:35 mac Web Browser[9]: x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "mac", "Web Browser", "9",
	 "x"},
	{"<13>Mar  9 16:33:35 mac launchd[1] (com.x.y[88]): x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "mac",
	 "launchd[1] (com.x.y[88])", "1", "x"},
	{"<13>Mar  9 16:33:35 gw [358]: x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "", "358", "x"},
	{"<13>Mar  9 16:33:35 gw exporter -: CEF:0|a", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "exporter", "",
	 "CEF:0|a"},
	{"<13>Mar  9 16:33:35 gw exporter {\"a\":1}", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "exporter", "",
	 "{\"a\":1}"},
	/* what is no tag */
	{"<13>Mar  9 16:33:35 gw CEF:0|v|p|1|2|n|3|", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "", "",
	 "CEF:0|v|p|1|2|n|3|"},
	{"<13>Mar  9 16:33:35 gw CEF: 0|v|p|1|2|n|3|", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "", "",
	 "CEF: 0|v|p|1|2|n|3|"},
	{"<13>Mar  9 16:33:35 gw a=b c=d: e", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "", "", "a=b c=d: e"},
	{"<13>Mar  9 16:33:35 a=b c=d", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "", "", "", "a=b c=d"},
	{"<13>Mar  9 16:33:35 gw 10.0.0.1:80 x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "", "", "10.0.0.1:80 x"},
	/* no time at all */
	{"<13>{\"a\":1}", FORMAT_RFC3164, 13, "", "", "", "", "{\"a\":1}"},
	{"<30>dhclient[12]: bound", FORMAT_RFC3164, 30, "", "", "dhclient", "12", "bound"},
	{"<134> Login: admin|failed", FORMAT_RFC3164, 134, "", "", "", "", "Login: admin|failed"},
	{"<13>", FORMAT_RFC3164, 13, "", "", "", "", ""},
	/* no <PRI>: a relay's file */
	{"Mar  9 16:33:35 box nginx: 10.0.0.1 - -", FORMAT_RFC3164, -1, "2026-03-09T16:33:35Z", "box", "nginx", "",
	 "10.0.0.1 - -"},
	{"2026-03-09T16:33:35.5+01:00 box nginx[2]: x", FORMAT_RFC3164, -1, "2026-03-09T15:33:35.500Z", "box", "nginx", "2",
	 "x"},
	{"2026-03-09T16:33:35+01:00 mail.example.org 1,2,3", FORMAT_RFC3164, -1, "2026-03-09T15:33:35Z", "mail.example.org",
	 "", "", "1,2,3"},
	{"<invld>Mar  9 16:33:35 box app: x", FORMAT_RFC3164, -1, "2026-03-09T16:33:35Z", "box", "app", "", "x"},
	/* a priority that cannot be, in front of a good header */
	{"<902>Mar  9 16:33:35 box app: x", FORMAT_RFC3164, -1, "2026-03-09T16:33:35Z", "box", "app", "", "x"},
	/* two headers: the device's own wins */
	{"Dec 04 12:10:29 10.11.3.33 2012-01-06 01:35:32 IPS1 %%--IPS/WEB/3/LOG(l): x", FORMAT_RFC3164, -1,
	 "2012-01-06T01:35:32Z", "IPS1", "", "", "%%--IPS/WEB/3/LOG(l): x"},
	{"<188>Mar  9 13:32:44 WAF :2021-04-20 13:32:40 DDOS: a=b", FORMAT_RFC3164, 188, "2021-04-20T13:32:40Z", "WAF",
	 "DDOS", "", "a=b"},
	{"<13>Mar  9 16:33:35 relay <34>Mar  9 16:33:30 dev su[1]: x", FORMAT_RFC3164, 34, "2026-03-09T16:33:30Z", "dev",
	 "su", "1", "x"},
	{"<13>Mar  9 16:33:35 relay <34>1 2026-03-09T16:33:30Z dev su 1 - - x", FORMAT_RFC5424, 34, "2026-03-09T16:33:30Z",
	 "dev", "su", "1", "x"},
	/* a date at the beginning of a message is no second header */
	{"<13>Mar  9 16:33:35 gw 2021-04-20 13:32:40 ERROR it: x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "", "",
	 "2021-04-20 13:32:40 ERROR it: x"},
	{"<13>Mar  9 16:33:35 gw app: 2021-04-20 13:32:40 x", FORMAT_RFC3164, 13, "2026-03-09T16:33:35Z", "gw", "app", "",
	 "2021-04-20 13:32:40 x"},
	/* no header */
	{"", FORMAT_PLAIN, -1, "", "", "", "", ""},
	{"complete nonsense", FORMAT_PLAIN, -1, "", "", "", "", "complete nonsense"},
	{"{\"a\":1}", FORMAT_PLAIN, -1, "", "", "", "", "{\"a\":1}"},
	{"<Event xmlns='x'>", FORMAT_PLAIN, -1, "", "", "", "", "<Event xmlns='x'>"},
	{"2026/03/09 16:33:35 [error] 31#31: *46 x", FORMAT_PLAIN, -1, "2026-03-09T16:33:35Z", "", "", "",
	 "2026/03/09 16:33:35 [error] 31#31: *46 x"},
	{"2026-03-09T16:33:35Z ERROR app: x", FORMAT_PLAIN, -1, "2026-03-09T16:33:35Z", "", "", "",
	 "2026-03-09T16:33:35Z ERROR app: x"},
	{"2026-03-09 16:33:35 10.0.0.1 GET /", FORMAT_PLAIN, -1, "2026-03-09T16:33:35Z", "", "", "",
	 "2026-03-09 16:33:35 10.0.0.1 GET /"},
	{"10.0.0.1 - - [09/Mar/2026:16:33:35 +0000] \"GET /\" 200", FORMAT_PLAIN, -1, "", "", "", "",
	 "10.0.0.1 - - [09/Mar/2026:16:33:35 +0000] \"GET /\" 200"},
	/* RFC 5424 */
	{"<165>1 2026-03-09T22:14:15.003Z mymachine.example.com su 77 ID47 - text", FORMAT_RFC5424, 165,
	 "2026-03-09T22:14:15.003Z", "mymachine.example.com", "su", "77", "text"},
	{"<165>1 - - - - - -", FORMAT_RFC5424, 165, "", "", "", "", ""},
	{"<165>1 - - - - - - ", FORMAT_RFC5424, 165, "", "", "", "", ""},
	{"<165>999 - h a p m [x@1 k=\"v\"]", FORMAT_RFC5424, 165, "", "h", "a", "p", ""},
	{"<165>1 - h a p m [x k=\"v\"][y] text", FORMAT_RFC5424, 165, "", "h", "a", "p", "text"},
	{"<165>1 - h a p m [x k= \"v\" l=\"w\"] text", FORMAT_RFC5424, 165, "", "h", "a", "p", "text"},
	{"<165>1 - h a p m - \xef\xbb\xbftext", FORMAT_RFC5424, 165, "", "h", "a", "p", "text"},
	{"<165>1 2026-03-09T23:59:60Z h a p m - x", FORMAT_RFC5424, 165, "2026-03-09T23:59:59.999999999Z", "h", "a", "p",
	 "x"},
	{"<165>1 2026-03-09T01:00:00+00:00Z h a p m - x", FORMAT_RFC5424, 165, "2026-03-09T01:00:00Z", "h", "a", "p", "x"},
	{"<165>1 - h a p m - a\nb", FORMAT_RFC5424, 165, "", "h", "a", "p", "a\nb"},
};

static void expect_slice(const struct line *line, const char *what, struct slice got, const char *wanted)
{
	if (!slice_equal(got, slice_str(wanted)))
		fail_msg("\"%s\": %s is \"%.*s\" instead of \"%s\"", line->text, what, SLICE_PRINT(got), wanted);
}

/* From a heap copy of exact size, so that the sanitizer sees a look past the end. */
static uint8_t *copy_of(struct slice text)
{
	uint8_t *copy = malloc(text.len + (text.len == 0));
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	return copy;
}

static void headers(void **state)
{
	struct fake *fake = fake_new(1);
	struct zone *zone;
	int64_t now;
	(void)state;
	bool has_zone, leap;
	assert_true(clock_parse_iso(SLICE(NOW), &now, &has_zone, &leap) > 0);
	struct moment reference = moment_of(now);
	assert_int_equal(zone_open(&fake->env, SLICE_NONE, &zone, NULL), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct line *line = &lines[i];
		struct slice text = slice_str(line->text);
		uint8_t *copy = copy_of(text);
		struct header h;
		char time[40] = "";
		int64_t ns;
		uint32_t quality;
		header_parse(slice_of(copy, text.len), &h);
		if (h.has_stamp && stamp_resolve(&h.stamp, zone, &reference, &ns, &quality))
			clock_print(ns, time);
		expect_slice(line, "time", slice_str(time), line->time);
		expect_slice(line, "host", h.host, line->host);
		expect_slice(line, "program", h.program, line->program);
		expect_slice(line, "pid", h.pid, line->pid);
		expect_slice(line, "message", h.message, line->message);
		if (h.format != line->format || (h.has_priority ? h.priority : -1) != line->priority || h.invalid)
			fail_msg("\"%s\": format %d, priority %d, invalid %d", line->text, h.format,
					 h.has_priority ? h.priority : -1, h.invalid);
		free(copy);
	}
	zone_free(&fake->env, zone);
	fake_free(fake);
}

/* Lines that claim a header and break it are kept whole. */
static void broken_headers_are_kept_whole(void **state)
{
	static const char *const broken[] = {
		"<192>1 - - - - - -",
		"<002>1 - - - - - -",
		"<1a>x",
		"<19000>1 - - - - - -",
		"<1",
		"<1>1 ",
		"<1>1 -",
		"<1>1 - h a p m",
		"<1>1 - h a p m x",
		"<1>1 - h a p m -x",
		"<1>1 -  a p m -",
		"<1>1 - h\x01 a p m -",
		"<1>1234 - h a p m -x",
		"<1>1 2026-03-09T22:14:15 h a p m -",
		"<1>1 2026-03-09t22:14:15Z h a p m -",
		"<1>1 2026-03-09 22:14:15Z h a p m -",
		"<1>1 2026-02-29T22:14:15Z h a p m -",
		"<1>1 2026-13-01T22:14:15Z h a p m -",
		"<1>1 2026-03-09T24:14:15Z h a p m -",
		"<1>1 2026-03-09T22:14:15.1234567Z h a p m -",
		"<1>1 2026-03-09T22:14:15+24:00 h a p m -",
		"<1>1 2026-03-09T22:14:15+01:60 h a p m -",
		"<1>1 2026-03-09T22:14:15+0100 h a p m -",
		"<1>1 2026-03-09T22:14:15Z+01:00 h a p m -",
		"<1>1 - h a p m [",
		"<1>1 - h a p m []",
		"<1>1 - h a p m [=]",
		"<1>1 - h a p m [a",
		"<1>1 - h a p m [a b]",
		"<1>1 - h a p m [a b=]",
		"<1>1 - h a p m [a b=c]",
		"<1>1 - h a p m [a b=\"c]",
		"<1>1 - h a p m [a b=\"]\"]",
		"<1>1 - h a p m [a b=\"\"\"]",
		"<1>1 - h a p m [a b=\"\\\"]",
		"<1>1 - h a p m [a][a]",
		"<1>1 - h a p m [a b=\"1\"][c][a d=\"2\"]",
		"<1>1 - h a p m [a b=\"1\"]x",
		"<1>1 - h a p m [abcdefghijklmnopqrstuvwxyz0123456]",
		"<1>1 - h 1234567890123456789012345678901234567890123456789 p m -",
		"<1>1 - h a p 123456789012345678901234567890123 -",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct slice text = slice_str(broken[i]);
		uint8_t *copy = copy_of(text);
		struct header h;
		header_parse(slice_of(copy, text.len), &h);
		/* "<1>1234 ..." is no version of RFC 5424 and a message of RFC 3164. */
		bool bsd = text.len > 7 && memcmp(text.ptr, "<1>1234", 7) == 0;
		if (h.invalid == bsd || h.has_stamp || h.host.len + h.program.len > 0 ||
			(!bsd && !slice_equal(h.message, text)))
			fail_msg("\"%s\" was taken for a header", broken[i]);
		assert_int_equal(h.has_priority, bsd);
		free(copy);
	}
}

static void limits_of_5424(void **state)
{
	char line[1200], host[256], app[49], pid[129], msgid[33], sd[33];
	struct header h;
	(void)state;
	memset(host, 'h', 255), host[255] = 0;
	memset(app, 'a', 48), app[48] = 0;
	memset(pid, 'p', 128), pid[128] = 0;
	memset(msgid, 'm', 32), msgid[32] = 0;
	memset(sd, 's', 32), sd[32] = 0;
	int n = snprintf(line, sizeof(line), "<191>1 2026-12-31T23:59:59.999999-23:59 %s %s %s %s [%s] x", host, app, pid,
					 msgid, sd);
	header_parse(slice_of(line, (size_t)n), &h);
	assert_false(h.invalid);
	assert_int_equal(h.host.len, 255);
	assert_int_equal(h.program.len, 48);
	assert_int_equal(h.pid.len, 128);
	assert_int_equal(h.msgid.len, 32);
	n = snprintf(line, sizeof(line), "<191>1 - h%s a p m -", host);
	header_parse(slice_of(line, (size_t)n), &h);
	assert_true(h.invalid);
}

static void structured_data(void **state)
{
	static const char line[] = "<13>1 - h a - - [x@1 a=\"1\" b=\"\"][y][z c=\"q\\\"q\\\\q\\]q\\n\" a=\"2\"] text";
	static const char *const expected[] = {"x@1", "a", "1", "x@1", "b", "", "z", "c", "q\"q\\q]q\\n", "z", "a", "2"};
	struct header h;
	struct header_parameter parameter;
	struct slice id = SLICE_NONE;
	size_t at = 0, n = 0;
	uint8_t value[64];
	(void)state;
	header_parse(SLICE(line), &h);
	assert_false(h.invalid);
	while (header_next_parameter(h.structured, &at, &id, &parameter)) {
		struct line shown = {.text = line};
		assert_true(n < 12);
		expect_slice(&shown, "id", parameter.id, expected[n]);
		expect_slice(&shown, "name", parameter.name, expected[n + 1]);
		size_t len = header_unescape(parameter.value, value);
		expect_slice(&shown, "value", slice_of(value, len), expected[n + 2]);
		n += 3;
	}
	assert_int_equal(n, 12);
}

/* LF and NUL at the end of a datagram are no part of the message. */
static void endings(void **state)
{
	struct header h;
	(void)state;
	header_parse(slice_of("<13>Mar  9 16:33:35 gw a: x\n\0", 29), &h);
	assert_true(slice_equal(h.message, SLICE("x")));
	header_parse(slice_of("\n\0\r\n", 4), &h);
	assert_int_equal(h.message.len, 0);
}

/* Every prefix and every single changed octet of every line: nothing is read past the end, and the message stays inside. */
static void prefixes_and_damage(void **state)
{
	struct fake *fake = fake_new(9);
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct slice text = slice_str(lines[i].text);
		for (size_t len = 0; len <= text.len; len++) {
			struct header h;
			uint8_t *copy = copy_of(slice_of(text.ptr, len));
			header_parse(slice_of(copy, len), &h);
			assert_true(h.message.len == 0 || (h.message.ptr >= copy && h.message.ptr + h.message.len <= copy + len));
			if (len > 0)
				copy[fake_random_below(fake, len)] = (uint8_t)fake_random(fake);
			header_parse(slice_of(copy, len), &h);
			assert_true(h.message.len <= len);
			free(copy);
		}
	}
	fake_free(fake);
}

/* A line of nested headers is read one level deep. */
static void a_thousand_headers(void **state)
{
	char *line = malloc(40000);
	size_t n = 0;
	struct header h;
	(void)state;
	for (int i = 0; i < 1000; i++) {
		memcpy(line + n, "<13>Mar  9 16:33:35 gw ", 23);
		n += 23;
	}
	header_parse(slice_of(line, n), &h);
	assert_true(h.nested);
	assert_true(slice_starts(h.message, SLICE("<13>Mar")));
	free(line);
}

static uint32_t next_of(uint32_t *seed)
{
	return (*seed = *seed * 1103515245u + 12345u) >> 16;
}

/* Up to three octets become others that mean something in a header. */
static void damage(uint8_t *line, size_t len, uint32_t *seed)
{
	static const char octets[] = " :[]()<>%*.-_/@{}0127aZ\x80\xe4\t";
	for (uint32_t n = next_of(seed) % 4; n > 0; n--)
		line[next_of(seed) % len] = (uint8_t)octets[next_of(seed) % (sizeof octets - 1)];
}

static bool same_header(const struct header *a, const struct header *b)
{
	return a->format == b->format && a->nested == b->nested && a->priority == b->priority &&
		   a->stamp.second == b->stamp.second && slice_equal(a->host, b->host) && slice_equal(a->program, b->program) &&
		   slice_equal(a->pid, b->pid) && slice_equal(a->message, b->message) &&
		   slice_equal(a->stamp.zone_name, b->stamp.zone_name);
}

#define TEN "abcdefghij"
#define LONG_TAG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "abcdefghi"

/* One space more behind the stamp means nothing, and takes the line off the shortest way through it. */
static void the_short_way_reads_as_the_long_one(void **state)
{
	static const char *const usual[] = {
		"<34>Oct 11 22:14:15 mymachine su[77]: failed",
		"<34>Oct 11 22:14:15 a.b-c su: failed: twice",
		"<189>Oct  1 22:14:15 2026 sw1 %%01IFNET/4/X: y",
		"<166>Oct 11 22:14:15 asa1 : %ASA-6-302013: Built",
		"<13>Oct 11 22:14:15 h CEF[1]: x|y",
		/* one octet more than a tag may have */
		"<13>Oct 11 22:14:15 h " LONG_TAG ": x",
	};
	uint32_t seed = 7;
	unsigned compared = 0;
	(void)state;
	for (unsigned round = 0; round < 60000; round++) {
		uint8_t line[256], more[256];
		struct header a, b;
		struct stamp stamp;
		const char *from = usual[round % (sizeof usual / sizeof *usual)];
		size_t len = strlen(from), pri = (size_t)(strchr(from, '>') - from) + 1;
		memcpy(line, from, len);
		damage(line + pri, len - pri, &seed);
		len -= next_of(&seed) % 8 == 0 ? next_of(&seed) % 24 : 0;
		size_t n = stamp_parse(line + pri, line + len, &stamp);
		if (n == 0 || pri + n >= len || line[pri + n] != ' ')
			continue;
		memcpy(more, line, pri + n);
		more[pri + n] = ' ';
		memcpy(more + pri + n + 1, line + pri + n, len - pri - n);
		header_parse(slice_of(line, len), &a);
		header_parse(slice_of(more, len + 1), &b);
		if (!same_header(&a, &b))
			fail_msg("%.*s", (int)len, (const char *)line);
		compared++;
	}
	assert_true(compared > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(broken_headers_are_kept_whole),
		cmocka_unit_test(limits_of_5424),
		cmocka_unit_test(structured_data),
		cmocka_unit_test(endings),
		cmocka_unit_test(prefixes_and_damage),
		cmocka_unit_test(a_thousand_headers),
		cmocka_unit_test(the_short_way_reads_as_the_long_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
