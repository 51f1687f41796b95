/* What the production readers tell of the good files. */
#include "tests/golden/golden.h"

#include "bus/bus.h"
#include "correlate/match.h"
#include "store/segment.h"

#define SHOWN 100u /* octets of a long text */

static struct slice file_get(struct fake *fake, const char *path)
{
	size_t len;
	uint8_t *octets = fake_file_get(fake, path, &len);
	return octets == NULL ? SLICE_NONE : slice_of(octets, len);
}

static void put_hex(struct buffer *out, const uint8_t *octets, size_t n)
{
	char text[65];
	CHECK(n <= 32);
	hex_print(octets, n, text);
	buffer_add_str(out, text);
}

static void put_text(struct buffer *out, const char *what, struct slice text)
{
	buffer_add_format(out, " %s(%zu)=", what, text.len);
	text_escape_screen(out, text.len > SHOWN ? slice_from(text, text.len - SHOWN) : text);
}

/* ---- batch ---- */

static void tell_value(struct buffer *out, const struct batch *batch, const struct batch_row *row, uint32_t index)
{
	struct batch_value v;
	batch_get_value(batch, row, index, &v);
	buffer_add_format(out, "    type %u in_original %u small %u", v.type, v.in_original, v.small);
	put_text(out, "name", batch_name(batch, v.name));
	put_text(out, "value", v.text);
	buffer_add_octet(out, '\n');
}

static void tell_row(struct buffer *out, const struct batch *batch, uint32_t index)
{
	struct batch_row row;
	uint16_t version = 0;
	batch_get_row(batch, index, &row);
	struct logsource known = batch_get_logsource(batch, row.logsource);
	buffer_add_format(out, "  row %u kind %u time %lld observed %lld quality %u flags %u charset %u format %u\n   ",
					  index, row.kind, (long long)row.time_ns, (long long)row.observed_ns, row.quality, row.flags,
					  row.charset, row.format);
	put_text(out, "source", batch_source_line(batch, row.source));
	put_text(out, "decoder", batch_decoder_name(batch, row.decoder, &version));
	buffer_add_format(out, " version %u", version);
	put_text(out, "product", known.product);
	put_text(out, "category", known.category);
	put_text(out, "service", known.service);
	buffer_add_str(out, "\n   ");
	put_text(out, "original", row.original);
	put_text(out, "derived", slice_from(row.text, row.original.len));
	buffer_add_octet(out, '\n');
	for (uint32_t i = 0; i < row.field_count; i++)
		tell_value(out, batch, &row, row.field_first + i);
}

void tell_rows(struct buffer *out, const struct batch *batch)
{
	buffer_add_str(out, "collector ");
	put_hex(out, batch->identity.collector, 16);
	buffer_add_format(out, " epoch %llu partition %u first %llu base %lld may %u must %u rows %u octets %zu\n",
					  (unsigned long long)batch->identity.epoch, batch->identity.partition,
					  (unsigned long long)batch->identity.first_sequence, (long long)batch->observed_base_ns,
					  batch->may_flags, batch->must_flags, batch->row_count, batch->octets.len);
	for (uint32_t i = 0; i < batch->row_count; i++)
		tell_row(out, batch, i);
}

int tell_batch(struct fake *fake, struct buffer *out, struct error *error)
{
	static const char *const files[] = {"batch/record", "batch/wide"};
	struct batch batch;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int result = batch_open(&batch, file_get(fake, files[i]), error);
		if (result < 0)
			return result;
		buffer_add_format(out, "%s: ", files[i]);
		tell_rows(out, &batch);
	}
	return 0;
}

/* ---- match record ---- */

static void tell_tuple(struct buffer *out, const char *what, struct slice tuple)
{
	struct reader r = reader_of(tuple);
	enum key_tag tag;
	struct slice octets;
	buffer_add_format(out, "    %s:", what);
	while (tuple_next(&r, &tag, &octets)) {
		buffer_add_format(out, " tag %d", (int)tag);
		put_text(out, "", octets);
	}
	buffer_add_str(out, r.failed ? " no tuple\n" : "\n");
}

static void tell_entry(struct buffer *out, const struct match_entry *e)
{
	if (e->kind != MATCH_ENTRY) {
		buffer_add_format(out, "  kind %d partition %u level %u offset %llu clock %lld\n", (int)e->kind, e->partition,
						  e->level, (unsigned long long)e->offset, (long long)e->clock_ns);
		return;
	}
	buffer_add_format(out, "  match when %lld observed %lld collector ", (long long)e->when_ns,
					  (long long)e->observed_ns);
	put_hex(out, e->event.collector, 16);
	buffer_add_format(out, " epoch %llu partition %u sequence %llu\n    correlation ",
					  (unsigned long long)e->event.epoch, e->event.partition, (unsigned long long)e->event.sequence);
	put_hex(out, e->correlation, 32);
	buffer_add_str(out, "\n    rule ");
	put_hex(out, e->rule, 32);
	put_text(out, "source", e->source);
	buffer_add_octet(out, '\n');
	tell_tuple(out, "key", e->key);
	tell_tuple(out, "spelling", e->spelling);
	tell_tuple(out, "value", e->value);
	tell_tuple(out, "carried", e->carried);
}

int tell_match(struct fake *fake, struct buffer *out, struct error *error)
{
	struct match_record record;
	struct match_entry entry = {0};
	int result = match_open(&record, file_get(fake, "match/record"), error);
	if (result < 0)
		return result;
	buffer_add_format(out, "entries %u digests %u origins %u\n", record.entry_count, record.digest_count,
					  record.origin_count);
	for (uint32_t place = 0; match_next(&record, &place, &entry); entry = (struct match_entry){0})
		tell_entry(out, &entry);
	return 0;
}

/* ---- the local log ---- */

static int tell_partition(struct bus *bus, const char *name, enum bus_topic topic, uint32_t partition,
						  struct buffer *out, struct error *error)
{
	struct bus_reader *reader;
	struct bus_record r;
	uint64_t first, committed, keep_from, next;
	int result = bus_open_reader(bus, name, topic, partition, &reader, error);
	if (result < 0)
		return result;
	reader->ops->position(reader, &first, &committed, &keep_from, &next);
	buffer_add_format(out, "%s/%u, reader %s: first %llu committed %llu keep-from %llu next %llu\n",
					  bus_topic_name(topic), partition, name == NULL ? "without a name" : name,
					  (unsigned long long)first, (unsigned long long)committed, (unsigned long long)keep_from,
					  (unsigned long long)next);
	while ((result = bus_poll(reader, &r, error)) == 1) {
		buffer_add_format(out, "  %llu appended %lld", (unsigned long long)r.offset, (long long)r.appended_ns);
		put_text(out, "payload", r.payload);
		buffer_add_octet(out, '\n');
	}
	bus_reader_close(reader);
	return result;
}

int tell_log(struct fake *fake, struct buffer *out, struct error *error)
{
	struct bus_local_config config = {.dir = "log", .partitions = {1, 1, 1, 1}};
	struct bus *bus;
	uint64_t cut = 0;
	int result = bus_local_recover(&fake->env, &config, &cut, error);
	if (result == 0)
		result = bus_local_open(&fake->env, &config, &bus, error);
	if (result < 0)
		return result;
	buffer_add_format(out, "torn octets %llu\n", (unsigned long long)cut);
	result = tell_partition(bus, NULL, TOPIC_EVENTS, 0, out, error);
	if (result == 0)
		result = tell_partition(bus, "store", TOPIC_EVENTS, 0, out, error);
	if (result == 0)
		result = tell_partition(bus, NULL, TOPIC_EVENTS, PARTITION_IMPORT, out, error);
	if (result == 0)
		result = tell_partition(bus, NULL, TOPIC_MATCHES, 0, out, error);
	bus_close(bus);
	return result;
}

/* ---- commit log ---- */

static int tell_commit(void *arg, const struct commitlog_record *record)
{
	struct buffer *out = arg;
	buffer_add_format(out, "  %llu at %lld", (unsigned long long)record->sequence, (long long)record->time_ns);
	put_text(out, "body", record->body);
	buffer_add_octet(out, '\n');
	return 0;
}

int tell_commitlog(struct fake *fake, struct buffer *out, struct error *error)
{
	static const char *const files[][2] = {{"commitlog/plain", "store"}, {"commitlog/compacted", "temporal"}};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct commitlog *log;
		uint8_t hash[32];
		uint64_t cut = 0;
		buffer_add_format(out, "%s\n", files[i][0]);
		int result = commitlog_open(&fake->env, files[i][0], files[i][1], tell_commit, out, &cut, &log, error);
		if (result < 0)
			return result;
		commitlog_head(log, hash);
		buffer_add_format(out, "  torn octets %llu, hash ", (unsigned long long)cut);
		put_hex(out, hash, 32);
		buffer_add_octet(out, '\n');
		commitlog_close(log);
	}
	return 0;
}

/* ---- segment ---- */

/* segment_show goes on past what is damaged; this does not. */
static int fetch_all(struct fake *fake, struct segment *s, struct error *error)
{
	struct arena arena;
	struct slice octets;
	int result = 0;
	arena_init(&arena, &fake->env, 0);
	for (uint32_t g = 0; g < s->index.group_count && result == 0; g++)
		for (uint32_t c = 0; c < s->index.groups[g].column_count && result == 0; c++)
			result = segment_fetch(s, g, &s->index.groups[g].columns[c], &arena, &octets, error);
	arena_free(&arena);
	return result;
}

int tell_segment(struct fake *fake, struct buffer *out, struct error *error)
{
	struct segment s;
	int result = segment_open(&s, &fake->env, "segment/one.seg", error);
	if (result < 0)
		return result;
	result = fetch_all(fake, &s, error);
	segment_close(&s);
	return result < 0 ? result : segment_show(&fake->env, "segment/one.seg", true, out, error);
}
