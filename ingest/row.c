/* From a frame to a row: header, charset, time, body, decoder, source line. */
#include "ingest/body.h"
#include "ingest/collector.h"

#include <stdio.h>

/* What is known of the row that is being built. Slices of the header lie in `text`, which becomes the row's text from
 * `base` on. */
struct draft {
	struct ingest *in;
	const struct frame *frame;
	struct header header;
	struct slice text;
	uint32_t base;
	bool converted;
	enum charset charset;
	uint32_t flags;
	int64_t observed_ns;
	struct source *source;
	const struct setting *setting;
	struct partition *partition;
	char *line; /* of the ingest: too large to be cleared for every row */
	size_t line_len;
};

/* ---- fields ---- */

static uint32_t offset_of(const struct draft *d, struct slice s)
{
	return d->base + (uint32_t)(s.ptr - d->text.ptr);
}

/* Too many fields are dropped and flagged by the builder; only a lack of memory stops the row. */
static int unless_memory(int result)
{
	return result == -ERROR_MEMORY ? result : 0;
}

static int text_field(struct draft *d, uint32_t name, enum value_type type, struct slice value)
{
	if (value.len == 0)
		return 0;
	return unless_memory(batch_field(d->partition->builder, name, type, offset_of(d, value), (uint32_t)value.len));
}

static int small_field(struct draft *d, uint32_t name, uint32_t value)
{
	return unless_memory(batch_field_small(d->partition->builder, name, value));
}

/* A number as its sender wrote it, when it has one way to be written. */
static enum value_type type_of_pid(struct slice pid)
{
	uint64_t ignored;
	size_t digits = 0;
	while (digits < pid.len && pid.ptr[digits] >= '0' && pid.ptr[digits] <= '9')
		digits++;
	if (digits == 0 || digits < pid.len || (pid.len > 1 && pid.ptr[0] == '0'))
		return VALUE_STRING;
	return digits < 20 || slice_to_u64(pid, &ignored) ? VALUE_U64 : VALUE_STRING;
}

static int priority_fields(struct draft *d)
{
	int result = small_field(d, FIELD_LOG_SYSLOG_PRIORITY, d->header.priority);
	if (result == 0)
		result = small_field(d, FIELD_LOG_SYSLOG_FACILITY, d->header.priority >> 3);
	if (result == 0)
		result = small_field(d, FIELD_LOG_SYSLOG_SEVERITY, d->header.priority & 7);
	return result;
}

static uint8_t *unescape_room(struct ingest *in, size_t size)
{
	if (in->unescape_size < size) {
		uint8_t *p = env_resize(in->env, in->unescape, size);
		if (p == NULL)
			return NULL;
		in->unescape = p;
		in->unescape_size = size;
	}
	return in->unescape;
}

static int parameter_field(struct draft *d, const struct header_parameter *parameter)
{
	char name[72];
	CHECK(parameter->id.len + 1 + parameter->name.len <= sizeof(name));
	memcpy(name, parameter->id.ptr, parameter->id.len);
	name[parameter->id.len] = '.';
	memcpy(name + parameter->id.len + 1, parameter->name.ptr, parameter->name.len);
	uint32_t id = dictionary_intern(&d->in->dictionary, slice_of(name, parameter->id.len + 1 + parameter->name.len));
	struct batch_builder *b = d->partition->builder;
	if (!parameter->escaped)
		return unless_memory(
			batch_field(b, id, VALUE_STRING, offset_of(d, parameter->value), (uint32_t)parameter->value.len));
	uint8_t *room = unescape_room(d->in, parameter->value.len);
	if (room == NULL)
		return -ERROR_MEMORY;
	size_t len = header_unescape(parameter->value, room);
	return unless_memory(batch_field_slice(b, id, VALUE_STRING, slice_of(room, len)));
}

static int structured_fields(struct draft *d)
{
	struct header_parameter parameter;
	struct slice id = SLICE_NONE;
	size_t at = 0;
	while (header_next_parameter(d->header.structured, &at, &id, &parameter)) {
		int result = parameter_field(d, &parameter);
		if (result < 0)
			return result;
	}
	return 0;
}

static int header_fields(struct draft *d)
{
	const struct header *h = &d->header;
	int result = 0;
	if (h->has_priority)
		result = priority_fields(d);
	if (result == 0 && h->format == FORMAT_RFC5424)
		result = small_field(d, FIELD_LOG_SYSLOG_VERSION, h->version);
	if (result == 0)
		result = text_field(d, FIELD_HOST_HOSTNAME, VALUE_STRING, h->host);
	if (result == 0)
		result = text_field(d, FIELD_PROCESS_NAME, VALUE_STRING, h->program);
	if (result == 0)
		result = text_field(d, FIELD_PROCESS_PID, type_of_pid(h->pid), h->pid);
	if (result == 0)
		result = text_field(d, FIELD_LOG_SYSLOG_MSGID, VALUE_STRING, h->msgid);
	if (result == 0)
		result = text_field(d, FIELD_MESSAGE, VALUE_STRING, h->message);
	if (result == 0 && h->structured.len > 0)
		result = structured_fields(d);
	return result;
}

/* What was cut away: how long the message was and the digest of all of it (unknown when the kernel cut it). */
static int truncated_fields(struct draft *d)
{
	static const uint8_t none[32];
	char text[80];
	struct batch_builder *b = d->partition->builder;
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)d->frame->full_len);
	int result = unless_memory(batch_field_slice(b, d->in->field_length, VALUE_U64, slice_of(text, (size_t)len)));
	if (result < 0 || memcmp(d->frame->hash, none, 32) == 0)
		return result;
	hex_print(d->frame->hash, 32, text);
	return unless_memory(batch_field_slice(b, d->in->field_hash, VALUE_STRING, slice_of(text, 64)));
}

/* ---- time ---- */

static bool time_of_number(struct slice text, int64_t *ns)
{
	int64_t whole;
	size_t dot = slice_find_octet(text, '.', 0);
	struct slice integer = dot == SIZE_MAX ? text : slice_of(text.ptr, dot);
	if (!slice_to_i64(integer, &whole) || whole < 0)
		return false;
	int64_t unit = whole < INT64_C(100000000000)         ? NS_PER_S
				   : whole < INT64_C(100000000000000)    ? NS_PER_MS
				   : whole < INT64_C(100000000000000000) ? 1000
														 : 1;
	if (__builtin_mul_overflow(whole, unit, ns))
		return false;
	/* A fraction of a unit, as far as nanoseconds go. */
	for (size_t i = dot == SIZE_MAX ? text.len : dot + 1;
		 i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && unit >= 10; i++) {
		unit /= 10;
		*ns += (text.ptr[i] - '0') * unit;
	}
	return true;
}

static bool time_of_text(struct draft *d, struct slice text, int64_t *ns, uint32_t *quality)
{
	struct stamp stamp;
	text = slice_trim(text);
	if (time_of_number(text, ns)) {
		*quality = TIME_PRESENT | TIME_ZONE_EXPLICIT;
		return true;
	}
	size_t n = stamp_parse(text.ptr, text.ptr + text.len, &stamp);
	return n == text.len && n > 0 && stamp_resolve(&stamp, d->setting->zone, &d->in->reference, ns, quality);
}

/* The first field of that name which reads as a time. The names are few and rows of JSON bodies have tens of fields, so
 * one pass over the ids costs less than any table. */
static bool time_of_field(struct draft *d, uint32_t name, int64_t *ns, uint32_t *quality)
{
	const struct batch_builder *b = d->partition->builder;
	struct batch_row_look look = batch_row_look(b);
	uint32_t count = batch_row_field_count(b);
	for (uint32_t i = 0; name != DICTIONARY_NONE && i < count; i++) {
		uint32_t id, offset, len;
		enum value_type type;
		if (batch_look_name(&look, i) != name)
			continue;
		batch_look_field(&look, i, &id, &type, &offset, &len);
		if (len == 0 || type == VALUE_SMALL || type == VALUE_NULL || type == VALUE_BOOL)
			continue;
		if (time_of_text(d, slice_of(batch_row_text(b).ptr + offset, len), ns, quality))
			return true;
	}
	return false;
}

/* Of a JSON body: @timestamp, else what the decoder found, else timestamp, time, ts. */
static bool time_of_json(struct draft *d, const struct decode_result *decoded, int64_t *ns, uint32_t *quality)
{
	static const char *const names[] = {"timestamp", "time", "ts"};
	if (!decoded->no_timestamp && time_of_field(d, FIELD_TIMESTAMP, ns, quality))
		return true;
	if (decoded->has_time) {
		*ns = decoded->time_ns;
		*quality = decoded->time_quality;
		return true;
	}
	for (int i = 0; i < 3; i++) {
		if (time_of_field(d, dictionary_find(&d->in->dictionary, slice_str(names[i])), ns, quality))
			return true;
	}
	return false;
}

static void row_time(struct draft *d, enum format format, const struct decode_result *decoded)
{
	int64_t ns = 0;
	uint32_t quality = 0;
	bool known = format == FORMAT_JSON && time_of_json(d, decoded, &ns, &quality);
	if (!known && decoded->has_time) {
		ns = decoded->time_ns;
		quality = decoded->time_quality;
		known = true;
	}
	if (known)
		quality |= TIME_PRESENT | TIME_FROM_BODY;
	else
		known = d->header.has_stamp && stamp_resolve_again(&d->in->stamp_memo, &d->header.stamp, d->setting->zone,
														   &d->in->reference, &ns, &quality);
	if (!known)
		return;
	if (ns > d->observed_ns && ns - d->observed_ns > FUTURE_MAX_NS)
		quality |= TIME_FUTURE;
	batch_row_time(d->partition->builder, ns, quality);
}

/* ---- body ---- */

static int row_body(struct draft *d, enum format *format, struct decode_result *decoded)
{
	struct batch_builder *b = d->partition->builder;
	struct slice message = d->header.message;
	uint32_t offset = message.len > 0 ? offset_of(d, message) : 0;
	int result = 0;
	if (message.len > 0)
		result = body_parse(d->in->body, b, slice_of(batch_row_text(b).ptr + offset, message.len), format);
	if (result == -ERROR_MEMORY)
		return result;
	if (d->in->decoders == NULL || message.len == 0)
		return 0;
	struct decode_input input = {.program = d->header.program,
								 .msgid = d->header.msgid,
								 .host = d->header.host,
								 .forced = d->setting->given->decoder,
								 .format = *format,
								 .observed_ns = d->observed_ns,
								 .zone_known = true};
	input.message = slice_of(batch_row_text(b).ptr + offset, message.len);
	input.zone_offset_s = zone_offset_at(d->setting->zone, d->observed_ns / NS_PER_S);
	result = decoders_apply(d->in->config.decoders, d->in->decoders, b, &input, decoded);
	if (decoded->decoder == BATCH_NO_INDEX && *format <= FORMAT_RFC5424)
		d->in->stats.undecoded++;
	return unless_memory(result);
}

/* ---- charset ---- */

static bool needs_conversion(struct draft *d, struct slice octets)
{
	const struct source_settings *s = d->setting->given;
	bool cut = (d->frame->flags & (ROW_TRUNCATED | ROW_PARTIAL)) != 0;
	d->charset = CHARSET_UTF8;
	if (charset_is_ascii(octets)) /* the same in every charset, and no evidence for one */
		return false;
	d->charset = s->charset_auto ? charset_decide(&d->source->evidence, octets, cut) : s->charset;
	return d->charset != CHARSET_UTF8 || !utf8_valid(octets);
}

/* Header and normalised text. Headers are ASCII in every charset we know, so the source can be found before converting. */
static int read_frame(struct draft *d, const struct origin *origin)
{
	struct slice octets = d->frame->octets;
	bool replaced = false;
	header_parse(octets, &d->header);
	d->source = source_find(d->in, origin, d->header.host, d->line, &d->line_len);
	d->setting = &d->in->settings[d->source->setting];
	d->partition = &d->in->partitions[d->source->partition];
	d->text = octets;
	if (!needs_conversion(d, octets))
		return 0;
	int result = charset_convert(&d->in->charset, d->charset, octets, &d->text, &replaced);
	if (result < 0)
		return result;
	d->converted = true;
	d->flags |= replaced ? ROW_CHARSET_INVALID : 0;
	header_parse(d->text, &d->header);
	return 0;
}

/* ---- the row ---- */

/* Indexes into the tables of the open batch, looked up once per source and batch. */
static int row_tables(struct draft *d)
{
	struct source *s = d->source;
	const struct logsource *forced = &d->setting->given->logsource;
	if (s->serial == d->partition->serial)
		return 0;
	s->table_logsource = BATCH_NO_INDEX;
	int result = batch_source(d->partition->builder, slice_of(d->line, d->line_len), &s->table_source);
	if (result == 0 && forced->product.len + forced->category.len + forced->service.len > 0)
		result = batch_logsource(d->partition->builder, forced, &s->table_logsource);
	if (result == 0)
		s->serial = d->partition->serial;
	return result;
}

static int build(struct draft *d)
{
	struct batch_builder *b = d->partition->builder;
	struct decode_result decoded = {.decoder = BATCH_NO_INDEX, .logsource = BATCH_NO_INDEX};
	enum format format = d->header.format;
	int result = 0;
	d->base = 0;
	if (d->converted)
		result = batch_row_derive(b, d->text, &d->base);
	if (result == 0)
		result = header_fields(d);
	if (result == 0 && (d->frame->flags & ROW_TRUNCATED) != 0)
		result = truncated_fields(d);
	if (result == 0)
		result = row_body(d, &format, &decoded);
	if (result < 0)
		return result;
	row_time(d, format, &decoded);
	batch_row_tables(b, d->source->table_source, decoded.decoder,
					 d->source->table_logsource != BATCH_NO_INDEX ? d->source->table_logsource : decoded.logsource);
	batch_row_flags(b, d->flags, d->charset, format);
	return 0;
}

/* 0; -ERROR_MEMORY; -ERROR_LIMIT: the row does not fit, the batch is as it was. */
static int try_row(struct draft *d)
{
	struct batch_builder *b = d->partition->builder;
	int result = row_tables(d);
	if (result < 0)
		return result;
	result = batch_row(b, ROW_EVENT, d->observed_ns, d->frame->octets);
	if (result < 0)
		return result;
	result = build(d);
	if (result < 0) {
		batch_row_abandon(b);
		return result;
	}
	return batch_row_end(b);
}

/* A single event too large for any batch: its octets as they are, without fields. */
static int try_quarantine(struct draft *d)
{
	struct batch_builder *b = d->partition->builder;
	int result = row_tables(d);
	if (result == 0)
		result = batch_row(b, ROW_QUARANTINE, d->observed_ns, d->frame->octets);
	if (result < 0)
		return result;
	batch_row_tables(b, d->source->table_source, BATCH_NO_INDEX, BATCH_NO_INDEX);
	batch_row_flags(b, d->flags, CHARSET_UNKNOWN, FORMAT_PLAIN);
	return batch_row_end(b);
}

static void count_row(struct draft *d, bool quarantine)
{
	struct ingest *in = d->in;
	in->stats.received++;
	in->stats.bytes += d->frame->full_len;
	in->stats.truncated += (d->frame->flags & ROW_TRUNCATED) != 0;
	in->stats.header_invalid += d->header.invalid;
	d->partition->events += !quarantine;
	d->partition->quarantined += quarantine;
	partition_added(in, d->partition);
}

int row_add(struct ingest *in, const struct origin *origin, const struct frame *frame, int64_t observed_ns)
{
	struct draft d = {.in = in, .frame = frame, .flags = frame->flags, .observed_ns = observed_ns, .line = in->line};
	int result = read_frame(&d, origin);
	if (result < 0)
		return result;
	d.flags |= d.header.invalid ? ROW_HEADER_INVALID : 0;
	/* The text, once more when it was converted, and something for fields; the builder checks exactly. */
	size_t estimate = frame->octets.len + (d.converted ? d.text.len : 0) + 512;
	result = partition_prepare(in, d.partition, observed_ns, estimate);
	if (result < 0)
		return result;
	result = try_row(&d);
	if (result == -ERROR_LIMIT && batch_builder_rows(d.partition->builder) > 0) {
		/* It may fit into an empty batch. */
		result = partition_close(in, d.partition);
		if (result == 0)
			result = partition_prepare(in, d.partition, observed_ns, estimate);
		if (result == 0)
			result = try_row(&d);
	}
	bool quarantine = result == -ERROR_LIMIT;
	if (quarantine)
		result = try_quarantine(&d);
	if (result == 0)
		count_row(&d, quarantine);
	return result;
}

/* ---- own rows ---- */

int row_add_own(struct ingest *in, struct partition *p, enum row_kind kind, struct slice json, struct slice source,
				int64_t observed_ns)
{
	uint16_t source_index = BATCH_NO_INDEX;
	int result = partition_prepare(in, p, observed_ns, json.len + 1024);
	if (result < 0)
		return result;
	struct batch_builder *b = p->builder;
	if (source.len > 0 && (result = batch_source(b, source, &source_index)) < 0)
		return result;
	if ((result = batch_row(b, kind, observed_ns, json)) < 0)
		return result;
	/* Its JSON also stands as fields, so that an own row can be searched like any other. */
	bool added;
	result = json_fields_add(&in->own_fields, b, batch_row_text(b), SLICE_NONE, &added);
	if (result == -ERROR_MEMORY) {
		batch_row_abandon(b);
		return result;
	}
	batch_row_tables(b, source_index, BATCH_NO_INDEX, BATCH_NO_INDEX);
	batch_row_flags(b, 0, CHARSET_UTF8, FORMAT_JSON);
	result = batch_row_end(b);
	if (result == 0) {
		in->stats.gaps += kind == ROW_GAP;
		partition_added(in, p);
	}
	return result;
}
