/* Rows for the tests of the store: a mix as a utility's syslog has it, and rows that want to be trouble. */
#ifndef TESTS_UNIT_STORE_SAMPLE_H
#define TESTS_UNIT_STORE_SAMPLE_H

#include "common/common.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <cmocka.h>

#define SAMPLE_START INT64_C(1767225600000000000) /* 2026-01-01T00:00:00Z, as the fake clock */

struct sample {
	struct dictionary dictionary;
	struct batch_builder *builder;
	uint64_t state;
	struct buffer raw; /* the lines, for measuring */
};

static inline uint64_t sample_random(struct sample *s)
{
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return s->state;
}

static inline uint32_t sample_below(struct sample *s, uint32_t n)
{
	return (uint32_t)((sample_random(s) >> 20) % n);
}

static inline void sample_init(struct sample *s, const struct env *env, uint64_t seed)
{
	assert_int_equal(dictionary_init(&s->dictionary, env, seed), 0);
	s->builder = batch_builder_new(env, &s->dictionary);
	assert_non_null(s->builder);
	s->state = seed * 2654435761u + 88172645463325252u;
	buffer_init(&s->raw, env);
}

static inline void sample_free(struct sample *s)
{
	batch_builder_free(s->builder);
	dictionary_free(&s->dictionary);
	buffer_free(&s->raw);
}

static inline struct batch_identity sample_identity(uint8_t collector, uint64_t epoch, uint32_t partition,
													uint64_t sequence)
{
	struct batch_identity identity = {{0}, epoch, partition, sequence};
	memset(identity.collector, collector, 16);
	return identity;
}

static inline void sample_find_field(struct sample *s, uint32_t id, enum value_type type, struct slice line,
									 const char *value, size_t from)
{
	size_t at = slice_find(line, slice_str(value), from);
	assert_true(at != SIZE_MAX);
	assert_int_equal(batch_field(s->builder, id, type, (uint32_t)at, (uint32_t)strlen(value)), 0);
}

/* One line of a mixed syslog of about 150 octets, with the fields that a parser and a decoder give. */
static inline void sample_syslog_row(struct sample *s, int64_t observed_ns)
{
	static const char *const hosts[] = {"bj-oa-fw01", "bj-oa-core02",   "scada-gw-07", "dc1-web-03",
										"dc1-db-01",  "sub-110kv-rtu4", "vpn-edge-1",  "ntp-02"};
	static const char *const users[] = {"root", "admin", "zhangwei", "oper01", "backup", "nagios", "lifang", "guest"};
	static const char *const paths[] = {"/api/v1/telemetry/points",  "/login",  "/static/js/app.9f31c2.js",
										"/api/v1/alarms?station=12", "/health", "/index.html"};
	char line[512], time[40], ip[20], port[8], pid[8];
	int64_t time_ns = (observed_ns / NS_PER_S - sample_below(s, 2)) * NS_PER_S;
	struct calendar c;
	clock_to_calendar(time_ns + 8 * NS_PER_HOUR, &c);
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	snprintf(time, sizeof time, "%.3s %2u %02u:%02u:%02u", months + 3 * (c.month - 1), c.day, c.hour, c.minute,
			 c.second);
	snprintf(ip, sizeof ip, "10.%u.%u.%u", sample_below(s, 4), sample_below(s, 16), 1 + sample_below(s, 250));
	snprintf(port, sizeof port, "%u", 1024 + sample_below(s, 60000));
	snprintf(pid, sizeof pid, "%u", 800 + sample_below(s, 30000));
	const char *host = hosts[sample_below(s, 8)], *user = users[sample_below(s, 8)], *program, *message_end = "";
	char message[300];
	uint32_t kind = sample_below(s, 10), priority;
	bool decoded = false;
	if (kind < 3) {
		program = "sshd";
		priority = 38;
		decoded = true;
		snprintf(message, sizeof message, "Failed password for %s%s from %s port %s ssh2",
				 kind == 2 ? "invalid user " : "", user, ip, port);
	} else if (kind < 5) {
		program = "nginx";
		priority = 190;
		snprintf(message, sizeof message,
				 "%s - %s [request] \"GET %s HTTP/1.1\" 200 %u \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\" rt=0.%03u", ip,
				 user, paths[sample_below(s, 6)], sample_below(s, 90000), sample_below(s, 1000));
	} else if (kind < 8) {
		program = "kernel";
		priority = 4;
		snprintf(
			message, sizeof message,
			"[UFW BLOCK] IN=eth0 OUT= MAC=00:16:3e:5e:6c:%02x SRC=%s DST=10.0.0.5 LEN=%u TTL=%u ID=%u PROTO=TCP SPT=%s DPT=%u",
			sample_below(s, 256), ip, 40 + sample_below(s, 20) * 4, 40 + sample_below(s, 24), sample_below(s, 65536),
			port, sample_below(s, 2) ? 22 : 443);
	} else {
		program = kind == 8 ? "systemd" : "CRON";
		priority = kind == 8 ? 30 : 78;
		snprintf(message, sizeof message,
				 kind == 8 ? "Started Session %u of user %s."
						   : "(%2$s) CMD (run-parts --report /etc/cron.hourly #%1$u)",
				 sample_below(s, 100000), user);
	}
	int len =
		snprintf(line, sizeof line, "<%u>%s %s %s[%s]: %s%s", priority, time, host, program, pid, message, message_end);
	struct slice text = slice_of(line, (size_t)len);
	assert_int_equal(batch_row(s->builder, ROW_EVENT, observed_ns, text), 0);
	char number[8];
	snprintf(number, sizeof number, "%u", priority);
	sample_find_field(s, FIELD_LOG_SYSLOG_PRIORITY, VALUE_U64, text, number, 1);
	batch_field_small(s->builder, FIELD_LOG_SYSLOG_FACILITY, priority / 8);
	batch_field_small(s->builder, FIELD_LOG_SYSLOG_SEVERITY, priority % 8);
	size_t at = slice_find(text, slice_str(host), 18);
	sample_find_field(s, FIELD_HOST_HOSTNAME, VALUE_STRING, text, host, at);
	sample_find_field(s, FIELD_PROCESS_NAME, VALUE_STRING, text, program, at + strlen(host));
	size_t bracket = slice_find(text, SLICE("["), at);
	sample_find_field(s, FIELD_PROCESS_PID, VALUE_U64, text, pid, bracket);
	size_t from = slice_find(text, SLICE("]: "), bracket) + 3;
	batch_field(s->builder, FIELD_MESSAGE, VALUE_STRING, (uint32_t)from, (uint32_t)((size_t)len - from));
	if (decoded) {
		sample_find_field(s, FIELD_USER_NAME, VALUE_STRING, text, user,
						  slice_find(text, SLICE(" for "), from) + (kind == 2 ? 18 : 5));
		sample_find_field(s, FIELD_SOURCE_IP, VALUE_ADDRESS, text, ip, from);
		sample_find_field(s, FIELD_SOURCE_PORT, VALUE_U64, text, port, slice_find(text, SLICE(" port "), from));
	}
	char source[64];
	uint16_t source_index, decoder = BATCH_NO_INDEX;
	snprintf(source, sizeof source, "ip 10.9.0.%u", (unsigned)host[0] + (unsigned)host[strlen(host) - 1]);
	assert_int_equal(batch_source(s->builder, slice_str(source), &source_index), 0);
	if (decoded)
		assert_int_equal(batch_decoder(s->builder, SLICE("openssh"), 1, &decoder), 0);
	batch_row_time(s->builder, time_ns, TIME_PRESENT | TIME_ZONE_INFERRED | TIME_YEAR_INFERRED);
	batch_row_tables(s->builder, source_index, decoder, BATCH_NO_INDEX);
	batch_row_flags(s->builder, 0, CHARSET_UTF8, FORMAT_RFC3164);
	assert_int_equal(batch_row_end(s->builder), 0);
	buffer_add_slice(&s->raw, text);
	buffer_add_octet(&s->raw, '\n');
}

/* A row made to be awkward: any octets, any slices, any types. */
static inline void sample_wild_row(struct sample *s, int64_t observed_ns)
{
	static uint8_t text[300000];
	static const char alphabet[] = "abc XYZ019._-:[]{}\"=/\\\0\xff\xb0\xa1\xc5\xbf\xe2\x84\xaa\n";
	uint32_t size = sample_below(s, 20) ? sample_below(s, 200) : sample_below(s, 50) ? sample_below(s, 5000) : 250000;
	bool any = sample_below(s, 4) == 0;
	for (uint32_t i = 0; i < size; i++)
		text[i] = any ? (uint8_t)sample_random(s) : (uint8_t)alphabet[sample_below(s, sizeof alphabet)];
	enum row_kind kind = sample_below(s, 8) ? ROW_EVENT : (enum row_kind)sample_below(s, 7);
	assert_int_equal(batch_row(s->builder, kind, observed_ns, slice_of(text, size)), 0);
	uint32_t derived = sample_below(s, 3) ? 0 : sample_below(s, 100), offset;
	if (derived)
		assert_int_equal(batch_row_derive(s->builder, slice_of(text, derived < size ? derived : size), &offset), 0);
	uint32_t total = (uint32_t)batch_row_text(s->builder).len, fields = sample_below(s, 40) ? sample_below(s, 12) : 500;
	for (uint32_t i = 0; i < fields; i++) {
		char name[24];
		snprintf(name, sizeof name, "field.%u", sample_below(s, sample_below(s, 9) ? 9 : 400));
		uint32_t id = dictionary_intern(&s->dictionary, slice_str(name));
		enum value_type type = (enum value_type)sample_below(s, VALUE_TYPE_COUNT);
		if (type == VALUE_SMALL) {
			assert_int_equal(batch_field_small(s->builder, id, (uint32_t)sample_random(s) >> sample_below(s, 32)), 0);
			continue;
		}
		uint32_t from = sample_below(s, total + 1), len = sample_below(s, total - from + 1);
		len = sample_below(s, 2) && len > 20 ? len % 20 : len;
		assert_int_equal(batch_field(s->builder, id, type, from, len), 0);
	}
	uint16_t source = BATCH_NO_INDEX, decoder = BATCH_NO_INDEX, logsource = BATCH_NO_INDEX;
	char line[32];
	snprintf(line, sizeof line, "ip 10.0.0.%u", sample_below(s, 300));
	if (sample_below(s, 5))
		assert_int_equal(batch_source(s->builder, slice_str(line), &source), 0);
	if (sample_below(s, 2))
		assert_int_equal(batch_decoder(s->builder, slice_str(line), (uint16_t)sample_below(s, 9), &decoder), 0);
	struct logsource l = {SLICE("linux"), SLICE_NONE, slice_str(line)};
	if (sample_below(s, 2))
		assert_int_equal(batch_logsource(s->builder, &l, &logsource), 0);
	if (sample_below(s, 3))
		batch_row_time(s->builder, (int64_t)sample_random(s) >> sample_below(s, 20),
					   TIME_PRESENT | sample_below(s, 256));
	batch_row_tables(s->builder, source, decoder, logsource);
	batch_row_flags(s->builder, sample_below(s, 64), (enum charset)sample_below(s, 4), (enum format)sample_below(s, 6));
	assert_int_equal(batch_row_end(s->builder), 0);
}

/* The octets of a batch in memory of its own (free). */
static inline struct slice sample_take(struct sample *s)
{
	struct slice octets;
	struct error error;
	assert_int_equal(batch_finish(s->builder, &octets, &error), 0);
	uint8_t *copy = malloc(octets.len);
	assert_non_null(copy);
	memcpy(copy, octets.ptr, octets.len);
	return slice_of(copy, octets.len);
}

static inline struct slice sample_syslog_batch(struct sample *s, const struct batch_identity *identity, uint32_t rows,
											   int64_t observed_ns)
{
	batch_begin(s->builder, identity, 0, observed_ns);
	for (uint32_t i = 0; i < rows; i++)
		sample_syslog_row(s, observed_ns + (int64_t)(i / 16) * 300000);
	return sample_take(s);
}

#endif
