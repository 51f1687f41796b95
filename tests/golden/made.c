/* The good files, by the production writers. */
#include "tests/golden/golden.h"

#include "bus/bus.h"
#include "correlate/match.h"
#include "store/segment.h"

struct maker {
	struct dictionary dictionary;
	struct batch_builder *b;
};

static void maker_init(struct maker *m, struct fake *fake)
{
	CHECK(dictionary_init(&m->dictionary, &fake->env, 0) == 0);
	m->b = batch_builder_new(&fake->env, &m->dictionary);
	CHECK(m->b != NULL);
}

static void maker_free(struct maker *m)
{
	batch_builder_free(m->b);
	dictionary_free(&m->dictionary);
}

static struct batch_identity identity(uint64_t first_sequence)
{
	struct batch_identity i = {.epoch = 3, .partition = 1, .first_sequence = first_sequence};
	for (uint8_t n = 0; n < 16; n++)
		i.collector[n] = (uint8_t)(0xa0 + n);
	return i;
}

static void put_file(struct fake *fake, const char *path, struct slice octets)
{
	fake_file_put(fake, path, octets.ptr, octets.len);
}

/* A field whose value stands in the original. */
static void field_in(struct maker *m, const char *name, enum value_type type, const char *value)
{
	size_t at = slice_find(batch_row_text(m->b), slice_str(value), 0);
	CHECK(at != SIZE_MAX);
	CHECK(batch_field(m->b, dictionary_intern(&m->dictionary, slice_str(name)), type, (uint32_t)at,
					  (uint32_t)strlen(value)) == 0);
}

static void field_derived(struct maker *m, const char *name, enum value_type type, const char *value)
{
	uint32_t at;
	CHECK(batch_row_derive(m->b, slice_str(value), &at) == 0);
	CHECK(batch_field(m->b, dictionary_intern(&m->dictionary, slice_str(name)), type, at, (uint32_t)strlen(value)) ==
		  0);
}

static void syslog_row(struct maker *m)
{
	uint16_t source, decoder, logsource;
	struct logsource linux_ssh = {SLICE("linux"), SLICE_NONE, SLICE("sshd")};
	CHECK(batch_row(m->b, ROW_EVENT, GOLDEN_START + 5,
					SLICE("<38>Jan  1 00:00:00 gw sshd[811]: Failed password for root from 192.0.2.7 port 22")) == 0);
	batch_row_time(m->b, GOLDEN_START, TIME_PRESENT | TIME_YEAR_INFERRED | TIME_ZONE_INFERRED);
	CHECK(batch_source(m->b, SLICE("ip 192.0.2.1"), &source) == 0);
	CHECK(batch_decoder(m->b, SLICE("openssh"), 4, &decoder) == 0);
	CHECK(batch_logsource(m->b, &linux_ssh, &logsource) == 0);
	batch_row_tables(m->b, source, decoder, logsource);
	batch_row_flags(m->b, ROW_LATE, CHARSET_UTF8, FORMAT_RFC3164);
	CHECK(batch_field_small(m->b, dictionary_intern(&m->dictionary, SLICE("log.syslog.priority")), 38) == 0);
	field_in(m, "host.hostname", VALUE_STRING, "gw");
	field_in(m, "process.pid", VALUE_U64, "811");
	field_in(m, "source.ip", VALUE_ADDRESS, "192.0.2.7");
	CHECK(batch_row_end(m->b) == 0);
}

static void json_row(struct maker *m)
{
	uint16_t source;
	CHECK(batch_row(m->b, ROW_EVENT, GOLDEN_START + 3 * NS_PER_S,
					SLICE("{\"n\":-7,\"r\":1.5e3,\"ok\":true,\"no\":null,\"at\":\"2026-01-01\",\"u\":\"\\u00e9\"}")) ==
		  0);
	CHECK(batch_source(m->b, SLICE("ip 2001:db8::5"), &source) == 0);
	batch_row_tables(m->b, source, BATCH_NO_INDEX, BATCH_NO_INDEX);
	batch_row_flags(m->b, 0, CHARSET_UTF8, FORMAT_JSON);
	field_in(m, "n", VALUE_I64, "-7");
	field_in(m, "r", VALUE_F64, "1.5e3");
	field_in(m, "ok", VALUE_BOOL, "true");
	CHECK(batch_field(m->b, dictionary_intern(&m->dictionary, SLICE("no")), VALUE_NULL, 0, 0) == 0);
	field_in(m, "at", VALUE_TIME, "2026-01-01");
	field_derived(m, "u", VALUE_STRING, "\xc3\xa9");
	CHECK(batch_row_end(m->b) == 0);
}

static void gap_row(struct maker *m)
{
	CHECK(batch_row(m->b, ROW_GAP, GOLDEN_START + 4 * NS_PER_S, SLICE("{\"gap\":{\"dropped\":2}}")) == 0);
	CHECK(batch_row_end(m->b) == 0);
}

static struct slice rows(struct maker *m, uint64_t first_sequence)
{
	struct slice octets;
	struct batch_identity i = identity(first_sequence);
	batch_begin(m->b, &i, 0, GOLDEN_START);
	syslog_row(m);
	json_row(m);
	gap_row(m);
	CHECK(batch_finish(m->b, &octets, NULL) == 0);
	return octets;
}

/* A value whose place does not fit in 16 bits, and the flag that must be known. */
static struct slice wide_row(struct maker *m)
{
	static uint8_t text[70000];
	struct slice octets;
	struct batch_identity i = identity(40);
	memset(text, 'w', sizeof text);
	memcpy(text + sizeof text - 4, "tail", 4);
	batch_begin(m->b, &i, BATCH_FLAG_BACKFILL, GOLDEN_START);
	CHECK(batch_row(m->b, ROW_EVENT, GOLDEN_START, slice_of(text, sizeof text)) == 0);
	batch_row_flags(m->b, ROW_TRUNCATED, CHARSET_LATIN1, FORMAT_PLAIN);
	field_in(m, "tail", VALUE_STRING, "tail");
	CHECK(batch_row_end(m->b) == 0);
	CHECK(batch_finish(m->b, &octets, NULL) == 0);
	return octets;
}

void make_batch(struct fake *fake)
{
	struct maker m;
	maker_init(&m, fake);
	put_file(fake, "batch/record", rows(&m, 17));
	put_file(fake, "batch/wide", wide_row(&m));
	maker_free(&m);
}

void make_match(struct fake *fake)
{
	static const uint8_t correlation[32] = "correlation digest of 32 octets",
						 rule[32] = "digest of a base rule, 32 octs.";
	struct match_writer w;
	struct buffer key, spelling;
	struct slice record;
	struct match_entry entry = {.kind = MATCH_ENTRY,
								.when_ns = GOLDEN_START,
								.observed_ns = GOLDEN_START + 5,
								.event = {.epoch = 3, .partition = 1, .sequence = 17},
								.correlation = correlation,
								.rule = rule,
								.source = SLICE("ip 192.0.2.1")};
	match_writer_init(&w, &fake->env);
	buffer_init(&key, &fake->env);
	buffer_init(&spelling, &fake->env);
	tuple_add_canonical(&key, SLICE("::ffff:192.0.2.7"), false);
	tuple_add_canonical(&key, SLICE("Root"), false);
	tuple_add(&spelling, KEY_TEXT, SLICE("::ffff:192.0.2.7"));
	tuple_add(&spelling, KEY_TEXT, SLICE("Root"));
	entry.key = buffer_slice(&key);
	entry.spelling = buffer_slice(&spelling);
	match_writer_add(&w, &entry);
	entry.event.sequence++;
	entry.value = entry.carried = entry.spelling;
	match_writer_add(&w, &entry);
	match_writer_add(&w, &(struct match_entry){
							 .kind = MATCH_CLOCK, .partition = 1, .offset = 9, .clock_ns = GOLDEN_START + NS_PER_S});
	match_writer_add(&w,
					 &(struct match_entry){.kind = MATCH_LEVEL, .partition = 2, .level = 1, .clock_ns = GOLDEN_START});
	CHECK(match_writer_finish(&w, &record, NULL) == 0);
	put_file(fake, "match/record", record);
	buffer_free(&key);
	buffer_free(&spelling);
	match_writer_free(&w);
}

static void produce(struct bus *bus, enum bus_topic topic, uint32_t partition, const char *payload)
{
	CHECK(bus_produce(bus, topic, partition, slice_str(payload), NULL, NULL) == 0);
}

void make_log(struct fake *fake)
{
	struct bus_local_config config = {.dir = "log",
									  .partitions = {1, 1, 1, 1},
									  .write_topics = 1u << TOPIC_EVENTS | 1u << TOPIC_MATCHES,
									  .write_events_special = true,
									  .file_bytes = 256};
	struct bus *bus;
	struct bus_reader *reader;
	struct bus_record record;
	uint64_t cut;
	CHECK(bus_local_recover(&fake->env, &(struct bus_local_config){.dir = "log", .partitions = {1, 1, 1, 1}}, &cut,
							NULL) == 0);
	CHECK(bus_local_open(&fake->env, &config, &bus, NULL) == 0);
	produce(bus, TOPIC_EVENTS, 0, "first");
	produce(bus, TOPIC_EVENTS, 0, "the second record of this partition");
	CHECK(bus_step(bus, true, NULL) >= 0);
	fake_clock_advance(fake, NS_PER_S);
	produce(bus, TOPIC_EVENTS, 0, "the third one: it does not fit in the first file any more, so it is in the second");
	produce(bus, TOPIC_EVENTS, PARTITION_IMPORT, "imported");
	CHECK(bus_step(bus, true, NULL) >= 0);
	CHECK(bus_open_reader(bus, "store", TOPIC_EVENTS, 0, &reader, NULL) == 0);
	CHECK(bus_poll(reader, &record, NULL) == 1 && bus_poll(reader, &record, NULL) == 1);
	CHECK(bus_commit(reader, 2, 1, NULL) == 0);
	bus_reader_close(reader);
	bus_close(bus);
}

static void append(struct commitlog *log, const char *body)
{
	CHECK(commitlog_append(log, slice_str(body), NULL, NULL) == 0);
}

void make_commitlog(struct fake *fake)
{
	struct commitlog *log;
	CHECK(fake->env.files.mkdir(fake->env.files.ctx, "commitlog") == 0);
	CHECK(commitlog_open(&fake->env, "commitlog/plain", "store", NULL, NULL, NULL, &log, NULL) == 0);
	append(log, "first");
	append(log, "");
	append(log, "a third record of more than one line of eight octets");
	commitlog_close(log);
	CHECK(commitlog_open(&fake->env, "commitlog/compacted", "temporal", NULL, NULL, NULL, &log, NULL) == 0);
	append(log, "gone after compaction");
	CHECK(commitlog_compact(log, SLICE("the whole state"), NULL) == 0);
	append(log, "and one after it");
	commitlog_close(log);
}

void make_segment(struct fake *fake)
{
	struct maker m;
	struct batch batch;
	struct slice file;
	maker_init(&m, fake);
	CHECK(batch_open(&batch, rows(&m, 17), NULL) == 0);
	struct row_run run = {&batch, 100, 0, batch.row_count};
	struct segment_mark mark = {.epoch = 3, .first = 17, .next = 20};
	memcpy(mark.collector, batch.identity.collector, 16);
	struct segment_input input = {.uuid = {0xde, 0xad, 0xbe, 0xef},
								  .partition = {0, 1},
								  .runs = &run,
								  .run_count = 1,
								  .marks = &mark,
								  .mark_count = 1,
								  .first_offset = 100,
								  .last_offset = 100,
								  .first_leaf = 7,
								  .made_ns = GOLDEN_START + NS_PER_MIN};
	struct segment_writer *w = segment_writer_new(&fake->env, 0);
	CHECK(w != NULL && segment_build(w, &input, &file, NULL) == 0);
	CHECK(segment_verify(&fake->env, file, &input, NULL) == 0);
	put_file(fake, "segment/one.seg", file);
	segment_writer_free(w);
	maker_free(&m);
}
