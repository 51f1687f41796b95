/* Batches: what is put in comes out; what is not a batch is refused, whatever was done to it. */
#include "tests/unit/common/test.h"

#include "tests/support/support.h"

static const struct batch_identity identity = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 7, 3, 1000};
static const int64_t base = INT64_C(1795471445000000000);

struct maker {
	struct env env;
	struct dictionary dictionary;
	struct batch_builder *b;
};

static void maker_start(struct maker *m)
{
	m->env = env_system();
	assert_int_equal(dictionary_init(&m->dictionary, &m->env, 42), 0);
	m->b = batch_builder_new(&m->env, &m->dictionary);
	assert_non_null(m->b);
}

static void maker_end(struct maker *m)
{
	batch_builder_free(m->b);
	dictionary_free(&m->dictionary);
}

/* A batch of three rows that has one of everything. */
static struct slice sample(struct maker *m)
{
	static uint8_t wide[70000];
	struct slice out, original = SLICE("<13>Nov 23 22:04:05 host app[1]: x=1");
	uint16_t source, decoder, logsource, again;
	struct logsource known = {SLICE("linux"), SLICE_NONE, SLICE("sshd")};
	memset(wide, 'w', sizeof wide);
	batch_begin(m->b, &identity, BATCH_FLAG_BACKFILL, base);
	assert_int_equal(batch_source(m->b, SLICE("ip 10.0.0.1"), &source), 0);
	assert_int_equal(batch_source(m->b, SLICE("ip 10.0.0.1"), &again), 0);
	assert_int_equal(source, again);
	assert_int_equal(batch_decoder(m->b, SLICE("syslog"), 3, &decoder), 0);
	assert_int_equal(batch_decoder(m->b, SLICE("syslog"), 4, &again), 0);
	assert_int_not_equal(decoder, again);
	assert_int_equal(batch_logsource(m->b, &known, &logsource), 0);
	assert_int_equal(batch_row(m->b, ROW_EVENT, base + 5, original), 0);
	batch_row_time(m->b, base - 1, TIME_PRESENT | TIME_ZONE_INFERRED);
	batch_row_tables(m->b, source, decoder, logsource);
	batch_row_flags(m->b, ROW_CHARSET_INVALID, CHARSET_LATIN1, FORMAT_RFC3164);
	assert_int_equal(batch_field_small(m->b, FIELD_LOG_SYSLOG_PRIORITY, 13), 0);
	assert_int_equal(batch_field_slice(m->b, FIELD_HOST_HOSTNAME, VALUE_STRING, slice_of(original.ptr + 20, 4)), 0);
	assert_int_equal(batch_field_slice(m->b, FIELD_MESSAGE, VALUE_STRING, SLICE("derived")), 0);
	assert_int_equal(batch_field_slice(m->b, FIELD_USER_NAME, VALUE_STRING, slice_of(batch_row_text(m->b).ptr + 2, 3)),
					 0);
	assert_int_equal(batch_field_slice(m->b, FIELD_USER_NAME, VALUE_NULL, SLICE_NONE), 0);
	assert_int_equal(batch_row_end(m->b), 0);
	assert_int_equal(batch_row(m->b, ROW_GAP, base + 4 * NS_PER_S, SLICE_NONE), 0);
	assert_int_equal(batch_row_end(m->b), 0);
	assert_int_equal(batch_row(m->b, ROW_EVENT, base, slice_of(wide, sizeof wide)), 0);
	assert_int_equal(batch_field(m->b, FIELD_MESSAGE, VALUE_STRING, 69990, 10), 0);
	assert_int_equal(batch_field(m->b, FIELD_URL_ORIGINAL, VALUE_STRING, 0, 70000), 0);
	assert_int_equal(batch_row_end(m->b), 0);
	assert_int_equal(batch_finish(m->b, &out, NULL), 0);
	return out;
}

static void holds_one_of_everything(void **state)
{
	(void)state;
	struct maker m;
	struct batch batch;
	struct batch_row row;
	struct batch_value value;
	struct error error;
	char scratch[12];
	uint16_t version;
	maker_start(&m);
	struct slice octets = sample(&m);
	if (batch_open(&batch, octets, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(batch.row_count, 3);
	assert_memory_equal(batch.identity.collector, identity.collector, 16);
	assert_true(batch.identity.epoch == 7 && batch.identity.partition == 3 && batch.identity.first_sequence == 1000);
	assert_int_equal(batch.must_flags, BATCH_FLAG_BACKFILL);
	assert_int_equal(batch.wide_count, 2);
	batch_get_row(&batch, 0, &row);
	assert_true(row.time_ns == base - 1 && row.observed_ns == base + 5);
	assert_slice(row.original, SLICE("<13>Nov 23 22:04:05 host app[1]: x=1"));
	assert_slice(row.text, SLICE("<13>Nov 23 22:04:05 host app[1]: x=1derived"));
	assert_int_equal(row.field_count, 5);
	assert_true(row.charset == CHARSET_LATIN1 && row.format == FORMAT_RFC3164 && row.flags == ROW_CHARSET_INVALID);
	assert_true(row.quality == (TIME_PRESENT | TIME_ZONE_INFERRED) && row.kind == ROW_EVENT);
	assert_slice(batch_source_line(&batch, row.source), SLICE("ip 10.0.0.1"));
	assert_slice(batch_decoder_name(&batch, row.decoder, &version), SLICE("syslog"));
	assert_int_equal(version, 3);
	struct logsource known = batch_get_logsource(&batch, row.logsource);
	assert_slice(known.product, SLICE("linux"));
	assert_slice(known.category, SLICE_NONE);
	assert_slice(known.service, SLICE("sshd"));
	assert_true(batch_find(&batch, &row, SLICE("log.syslog.priority"), &value));
	assert_slice(batch_value_text(&value, scratch), SLICE("13"));
	assert_true(batch_find(&batch, &row, SLICE("host.hostname"), &value));
	assert_slice(value.text, SLICE("host"));
	assert_true(value.in_original);
	assert_true(batch_find(&batch, &row, SLICE("message"), &value));
	assert_slice(value.text, SLICE("derived"));
	assert_false(value.in_original);
	assert_false(batch_find(&batch, &row, SLICE("source.ip"), &value));
	batch_get_value(&batch, &row, row.field_first + 4, &value);
	assert_true(value.type == VALUE_NULL && value.text.len == 0);
	batch_get_row(&batch, 1, &row);
	assert_true(row.kind == ROW_GAP && row.text.len == 0 && row.source == BATCH_NO_INDEX);
	assert_true(row.time_ns == 0 && batch_row_when(&row) == base + 4 * NS_PER_S);
	assert_slice(batch_source_line(&batch, row.source), SLICE_NONE);
	batch_get_row(&batch, 2, &row);
	assert_int_equal(row.original.len, 70000);
	batch_get_value(&batch, &row, row.field_first + 1, &value);
	assert_int_equal(value.text.len, 70000);
	maker_end(&m);
}

static void when_is_bounded_by_observed(void **state)
{
	(void)state;
	struct batch_row row = {.observed_ns = base, .time_ns = base + FUTURE_MAX_NS, .quality = TIME_PRESENT};
	assert_true(batch_row_when(&row) == base + FUTURE_MAX_NS);
	row.time_ns++;
	assert_true(batch_row_when(&row) == base);
	row.time_ns = INT64_MIN;
	assert_true(batch_row_when(&row) == INT64_MIN);
	row.quality = 0;
	assert_true(batch_row_when(&row) == base);
	row = (struct batch_row){.observed_ns = INT64_MAX, .time_ns = INT64_MAX, .quality = TIME_PRESENT};
	assert_true(batch_row_when(&row) == INT64_MAX);
}

/* ---- the property: random rows, kept as plainly as possible beside the builder ---- */

struct model_field {
	uint32_t name, small;
	uint8_t type;
	uint32_t len;
	uint8_t text[40];
};

struct model_row {
	int64_t time_ns, observed_ns;
	uint32_t quality, original_len, field_count;
	uint8_t original[300];
	struct model_field fields[12];
};

static void random_text(uint64_t *seed, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)random_next(seed);
}

static void add_random_field(struct maker *m, uint64_t *seed, struct model_row *row)
{
	struct model_field *f = &row->fields[row->field_count++];
	char name[24];
	snprintf(name, sizeof name, "field.%u", (unsigned)random_below(seed, 40));
	f->name = dictionary_intern(&m->dictionary, slice_str(name));
	f->type = (uint8_t)random_below(seed, VALUE_TYPE_COUNT);
	if (f->type == VALUE_SMALL) {
		f->small = (uint32_t)random_next(seed);
		assert_int_equal(batch_field_small(m->b, f->name, f->small), 0);
		return;
	}
	if (f->type == VALUE_NULL) {
		assert_int_equal(batch_field_slice(m->b, f->name, VALUE_NULL, SLICE("ignored")), 0);
		return;
	}
	struct slice value;
	f->len = (uint32_t)random_below(seed, sizeof f->text);
	if (random_below(seed, 2) != 0 && row->original_len >= f->len) {
		uint32_t at = (uint32_t)random_below(seed, row->original_len - f->len + 1);
		memcpy(f->text, row->original + at, f->len);
		value = slice_of(row->original + at, f->len);
	} else {
		random_text(seed, f->text, f->len);
		value = slice_of(f->text, f->len);
	}
	assert_int_equal(batch_field_slice(m->b, f->name, (enum value_type)f->type, value), 0);
}

static void add_random_row(struct maker *m, uint64_t *seed, struct model_row *row)
{
	memset(row, 0, sizeof *row);
	row->original_len = (uint32_t)random_below(seed, sizeof row->original);
	random_text(seed, row->original, row->original_len);
	row->observed_ns = base + (int64_t)random_below(seed, 4 * NS_PER_S + 1);
	row->quality = (uint32_t)random_below(seed, 256);
	row->time_ns = (row->quality & TIME_PRESENT) != 0 ? (int64_t)random_next(seed) : 0;
	assert_int_equal(batch_row(m->b, ROW_EVENT, row->observed_ns, slice_of(row->original, row->original_len)), 0);
	batch_row_time(m->b, row->time_ns, row->quality);
	for (uint64_t n = random_below(seed, COUNT(row->fields) + 1); n > 0; n--)
		add_random_field(m, seed, row);
}

/* What stands in the batch says the same as the value. */
static void expect_same_octets(const struct batch *batch, const struct batch_row *row, uint32_t index,
							   const struct batch_value *value)
{
	uint64_t octets = batch_value_octets(batch, row, index);
	assert_int_equal(octets & 0xffff, value->name);
	assert_int_equal(octets >> 16 & 0xff, value->type);
	if (value->type == VALUE_SMALL)
		assert_int_equal(octets >> 32, value->small);
	if (!batch_octets_short(octets)) {
		assert_true(value->type == VALUE_SMALL || value->type == VALUE_NULL || octets >> 24 & 1);
		return;
	}
	assert_int_equal(octets >> 32 & 0xffff, value->text.ptr - row->text.ptr);
	assert_int_equal(octets >> 48, value->text.len);
}

static void compare_row(const struct maker *m, const struct batch *batch, uint32_t i, const struct model_row *wanted)
{
	struct batch_row row;
	batch_get_row(batch, i, &row);
	assert_true(row.time_ns == wanted->time_ns && row.observed_ns == wanted->observed_ns);
	assert_true(row.quality == wanted->quality && row.field_count == wanted->field_count);
	assert_slice(row.original, slice_of(wanted->original, wanted->original_len));
	for (uint32_t f = 0; f < row.field_count; f++) {
		struct batch_value value;
		batch_get_value(batch, &row, row.field_first + f, &value);
		expect_same_octets(batch, &row, row.field_first + f, &value);
		assert_int_equal(value.type, wanted->fields[f].type);
		assert_int_equal(value.small, wanted->fields[f].small);
		assert_slice(value.text, slice_of(wanted->fields[f].text, wanted->fields[f].len));
		assert_slice(batch_name(batch, value.name), dictionary_name(&m->dictionary, wanted->fields[f].name));
	}
}

static void gives_back_random_rows(void **state)
{
	(void)state;
	static struct model_row rows[40];
	uint64_t seed = 2026;
	struct maker m;
	maker_start(&m);
	for (unsigned round = 0; round < 200; round++) {
		struct slice octets;
		struct batch batch;
		struct error error;
		uint32_t count = (uint32_t)random_below(&seed, COUNT(rows) + 1), kept = 0;
		batch_begin(m.b, &identity, 0, base);
		for (uint32_t i = 0; i < count; i++) {
			add_random_row(&m, &seed, &rows[kept]);
			if (random_below(&seed, 4) == 0) {
				batch_row_abandon(m.b);
				continue;
			}
			assert_int_equal(batch_row_end(m.b), 0);
			kept++;
		}
		assert_int_equal(batch_builder_rows(m.b), kept);
		size_t promised = batch_builder_bytes(m.b);
		assert_int_equal(batch_finish(m.b, &octets, &error), 0);
		assert_in_range(octets.len, promised >= 64 ? promised - 64 : 0, promised + 64);
		if (batch_open(&batch, octets, &error) != 0)
			fail_msg("round %u: %s", round, error.text);
		assert_int_equal(batch.row_count, kept);
		for (uint32_t i = 0; i < kept; i++)
			compare_row(&m, &batch, i, &rows[i]);
		if (round % 16 == 15)
			dictionary_reset(&m.dictionary);
	}
	maker_end(&m);
}

/* ---- damage ---- */

/* Reads everything there is: the address sanitizer and CHECK say when the check was too weak. */
static uint64_t touch(const struct batch *batch)
{
	uint64_t sum = 0;
	struct batch_row row;
	struct batch_value value;
	for (uint32_t i = 0; i < batch->row_count; i++) {
		uint16_t version;
		batch_get_row(batch, i, &row);
		sum += xxh3(row.original) + xxh3(row.text) + (uint64_t)batch_row_when(&row);
		sum += xxh3(batch_source_line(batch, row.source)) + xxh3(batch_decoder_name(batch, row.decoder, &version));
		struct logsource known = batch_get_logsource(batch, row.logsource);
		sum += xxh3(known.product) + xxh3(known.category) + xxh3(known.service);
		for (uint32_t f = 0; f < row.field_count; f++) {
			batch_get_value(batch, &row, row.field_first + f, &value);
			sum += xxh3(batch_name(batch, value.name)) + xxh3(value.text);
		}
	}
	for (uint32_t i = 0; i < batch->name_count; i++)
		sum += xxh3(batch_name(batch, (uint16_t)i));
	for (uint32_t i = 0; i < batch->source_count; i++)
		sum += xxh3(batch_source_line(batch, (uint16_t)i));
	return sum;
}

static uint8_t altered(uint8_t octet, unsigned way)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	return octet ^ flips[way];
}

static struct slice small_sample(struct maker *m)
{
	struct slice out, original = SLICE("user=root ip=10.0.0.1");
	uint16_t source;
	struct logsource known = {SLICE("linux"), SLICE_NONE, SLICE("sshd")};
	uint16_t logsource;
	batch_begin(m->b, &identity, 0, base);
	batch_source(m->b, SLICE("ip 10.0.0.1"), &source);
	batch_logsource(m->b, &known, &logsource);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(batch_row(m->b, ROW_EVENT, base + i, original), 0);
		batch_row_tables(m->b, source, BATCH_NO_INDEX, logsource);
		assert_int_equal(batch_field_slice(m->b, FIELD_USER_NAME, VALUE_STRING, slice_of(original.ptr + 5, 4)), 0);
		assert_int_equal(batch_field_slice(m->b, FIELD_SOURCE_IP, VALUE_ADDRESS, slice_of(original.ptr + 13, 8)), 0);
		assert_int_equal(batch_field_small(m->b, FIELD_SOURCE_PORT, 22), 0);
		assert_int_equal(batch_row_end(m->b), 0);
	}
	assert_int_equal(batch_finish(m->b, &out, NULL), 0);
	return out;
}

static void refuses_every_altered_octet(void **state)
{
	(void)state;
	struct maker m;
	struct batch batch;
	struct error error;
	unsigned accepted = 0;
	maker_start(&m);
	struct slice octets = small_sample(&m);
	for (size_t i = 0; i < octets.len; i++) {
		for (unsigned way = 0; way < 3; way++) {
			uint8_t *copy = malloc(octets.len);
			memcpy(copy, octets.ptr, octets.len);
			copy[i] = altered(copy[i], way);
			assert_true(batch_open(&batch, slice_of(copy, octets.len), &error) < 0);
			assert_true(error.code != ERROR_NONE && error.text[0] != 0);
			/* With a checksum that holds it may be another good batch, but never one that reads outside. */
			put_u64(copy + octets.len - 8, xxh3(slice_of(copy, octets.len - 8)));
			if (batch_open(&batch, slice_of(copy, octets.len), &error) == 0) {
				touch(&batch);
				accepted++;
			}
			free(copy);
		}
	}
	/* Texts, times and identity are free; sizes, offsets, counts, reserved octets are not. */
	assert_in_range(accepted, 1, octets.len * 3 / 2);
	maker_end(&m);
}

static void refuses_every_length(void **state)
{
	(void)state;
	struct maker m;
	struct batch batch;
	maker_start(&m);
	struct slice octets = small_sample(&m);
	for (size_t len = 0; len < octets.len; len++) {
		uint8_t *copy = malloc(len == 0 ? 1 : len);
		memcpy(copy, octets.ptr, len);
		assert_true(batch_open(&batch, slice_of(copy, len), NULL) < 0);
		free(copy);
	}
	uint8_t *longer = calloc(1, octets.len + 8);
	memcpy(longer, octets.ptr, octets.len);
	assert_true(batch_open(&batch, slice_of(longer, octets.len + 8), NULL) < 0);
	free(longer);
	maker_end(&m);
}

static void survives_random_damage(void **state)
{
	(void)state;
	uint64_t seed = 7;
	struct maker m;
	struct batch batch;
	maker_start(&m);
	struct slice octets = small_sample(&m);
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t *copy = malloc(octets.len);
		memcpy(copy, octets.ptr, octets.len);
		for (uint64_t n = 1 + random_below(&seed, 4); n > 0; n--) {
			static const uint32_t nasty[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 40, 0xffff};
			size_t at = random_below(&seed, (octets.len - 8) / 4) * 4;
			put_u32(copy + at, nasty[random_below(&seed, COUNT(nasty))]);
		}
		put_u64(copy + octets.len - 8, xxh3(slice_of(copy, octets.len - 8)));
		if (batch_open(&batch, slice_of(copy, octets.len), NULL) == 0)
			touch(&batch);
		free(copy);
	}
	maker_end(&m);
}

/* ---- limits and failures ---- */

static void keeps_limits(void **state)
{
	(void)state;
	struct maker m;
	struct batch batch;
	struct batch_row row;
	struct slice out;
	maker_start(&m);
	batch_begin(m.b, &identity, 0, base);
	assert_int_equal(batch_row(m.b, ROW_EVENT, base - 1, SLICE("x")), -ERROR_LIMIT);
	assert_int_equal(batch_row(m.b, ROW_EVENT, base + 4 * NS_PER_S + 1, SLICE("x")), -ERROR_LIMIT);
	assert_int_equal(batch_row(m.b, ROW_EVENT, base, SLICE("x")), 0);
	for (unsigned i = 0; i < LIMIT_row_fields; i++)
		assert_int_equal(batch_field_small(m.b, FIELD_MESSAGE, i), 0);
	assert_int_equal(batch_field_small(m.b, FIELD_MESSAGE, 0), -ERROR_LIMIT);
	batch_row_flags(m.b, 0, CHARSET_UTF8, FORMAT_PLAIN);
	assert_int_equal(batch_row_end(m.b), 0);
	/* A row that would make the batch too large is refused and leaves no trace. */
	uint8_t *large = calloc(1, (size_t)LIMIT_batch_bytes_max);
	size_t before = batch_builder_bytes(m.b);
	assert_int_equal(batch_row(m.b, ROW_EVENT, base, slice_of(large, (size_t)LIMIT_batch_bytes_max)), -ERROR_LIMIT);
	size_t room = (size_t)LIMIT_batch_bytes_max - before - 40 - 8; /* the row, and a shape without fields */
	assert_int_equal(batch_row(m.b, ROW_EVENT, base, slice_of(large, room + 8)), 0);
	assert_int_equal(batch_row_end(m.b), -ERROR_LIMIT);
	assert_int_equal(batch_builder_bytes(m.b), before);
	assert_int_equal(batch_row(m.b, ROW_EVENT, base, slice_of(large, room)), 0);
	assert_int_equal(batch_row_end(m.b), 0);
	assert_int_equal(batch_finish(m.b, &out, NULL), 0);
	assert_int_equal(out.len, LIMIT_batch_bytes_max);
	assert_int_equal(batch_open(&batch, out, NULL), 0);
	batch_get_row(&batch, 0, &row);
	assert_int_equal(row.flags, ROW_FIELDS_DROPPED);
	assert_int_equal(batch.row_count, 2);
	free(large);
	maker_end(&m);
}

/* Rows with the same names and types share a shape, whatever their places; any difference makes another. */
static void rows_share_shapes(void **state)
{
	(void)state;
	struct maker m;
	struct batch batch;
	struct batch_row rows[5];
	struct slice out;
	static const struct {
		uint32_t first, second;
		enum value_type type;
	} cases[5] = {{FIELD_MESSAGE, FIELD_USER_NAME, VALUE_STRING},
				  {FIELD_MESSAGE, FIELD_USER_NAME, VALUE_STRING},
				  {FIELD_USER_NAME, FIELD_MESSAGE, VALUE_STRING},
				  {FIELD_MESSAGE, FIELD_USER_NAME, VALUE_ADDRESS},
				  {FIELD_MESSAGE, FIELD_SOURCE_IP, VALUE_STRING}};
	maker_start(&m);
	batch_begin(m.b, &identity, 0, base);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(batch_row(m.b, ROW_EVENT, base, SLICE("10.0.0.1 b")), 0);
		assert_int_equal(batch_field(m.b, cases[i].first, cases[i].type, 0, 8 - (i == 1)), 0);
		assert_int_equal(batch_field(m.b, cases[i].second, VALUE_STRING, 9, 1), 0);
		/* What is taken back leaves nothing in the shape. */
		struct batch_row_mark mark = batch_row_mark(m.b);
		assert_int_equal(batch_field_small(m.b, FIELD_EVENT_CODE, i), 0);
		batch_row_cut(m.b, &mark);
		assert_int_equal(batch_row_end(m.b), 0);
	}
	/* Nor does a row that is given up. */
	assert_int_equal(batch_row(m.b, ROW_EVENT, base, SLICE("x")), 0);
	assert_int_equal(batch_field_small(m.b, FIELD_LOG_LEVEL, 1), 0);
	batch_row_abandon(m.b);
	assert_int_equal(batch_finish(m.b, &out, NULL), 0);
	assert_int_equal(batch_open(&batch, out, NULL), 0);
	assert_int_equal(batch.shape_count, 4);
	assert_int_equal(batch.name_count, 3);
	for (unsigned i = 0; i < 5; i++)
		batch_get_row(&batch, i, &rows[i]);
	assert_int_equal(rows[0].shape, rows[1].shape);
	for (unsigned i = 2; i < 5; i++)
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(rows[i].shape, rows[k].shape);
	maker_end(&m);
}

static void tables_hold_many(void **state)
{
	(void)state;
	struct maker m;
	struct batch batch;
	struct slice out;
	char line[32];
	uint16_t index;
	maker_start(&m);
	batch_begin(m.b, &identity, 0, base);
	for (unsigned i = 0; i < BATCH_NO_INDEX; i++) {
		snprintf(line, sizeof line, "ip %u", i);
		assert_int_equal(batch_source(m.b, slice_str(line), &index), 0);
		assert_int_equal(index, i);
	}
	assert_int_equal(batch_source(m.b, SLICE("one more"), &index), -ERROR_LIMIT);
	assert_int_equal(batch_source(m.b, SLICE("ip 777"), &index), 0);
	assert_int_equal(index, 777);
	assert_int_equal(batch_finish(m.b, &out, NULL), 0);
	assert_int_equal(batch_open(&batch, out, NULL), 0);
	assert_slice(batch_source_line(&batch, 65534), SLICE("ip 65534"));
	batch_begin(m.b, &identity, 0, base);
	assert_int_equal(batch_source(m.b, SLICE("ip 777"), &index), 0);
	assert_int_equal(index, 0);
	maker_end(&m);
}

static void survives_every_failed_allocation(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct fake *fake = fake_new(1);
		struct dictionary d;
		struct slice out;
		fake->memory.calls = 0;
		fake->memory.fail_at = n;
		bool made = dictionary_init(&d, &fake->env, 1) == 0;
		struct batch_builder *b = made ? batch_builder_new(&fake->env, &d) : NULL;
		if (b != NULL) {
			batch_begin(b, &identity, 0, base);
			for (unsigned i = 0; i < 40; i++) {
				uint16_t source;
				char line[32];
				snprintf(line, sizeof line, "ip %u", i);
				if (batch_source(b, slice_str(line), &source) != 0)
					continue;
				if (batch_row(b, ROW_EVENT, base, SLICE("the text of a row")) != 0)
					continue;
				batch_row_tables(b, source, BATCH_NO_INDEX, BATCH_NO_INDEX);
				batch_field_slice(b, dictionary_intern(&d, slice_str(line)), VALUE_STRING, SLICE("elsewhere"));
				batch_row_end(b);
			}
			struct batch batch;
			if (batch_finish(b, &out, NULL) == 0) {
				assert_int_equal(batch_open(&batch, out, NULL), 0);
				touch(&batch);
			}
			batch_builder_free(b);
		}
		if (made)
			dictionary_free(&d);
		assert_int_equal(fake->memory.outstanding, 0);
		bool reached = fake->memory.failed > 0;
		fake_free(fake);
		if (!reached)
			break;
	}
}

static void does_not_allocate_once_warm(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	struct dictionary d;
	struct slice out;
	uint64_t calls = 0;
	assert_int_equal(dictionary_init(&d, &fake->env, 1), 0);
	struct batch_builder *b = batch_builder_new(&fake->env, &d);
	for (unsigned round = 0; round < 3; round++) {
		calls = fake->memory.calls;
		batch_begin(b, &identity, 0, base);
		for (unsigned i = 0; i < 500; i++) {
			uint16_t source;
			char line[32];
			snprintf(line, sizeof line, "ip %u", i % 100);
			assert_int_equal(batch_source(b, slice_str(line), &source), 0);
			assert_int_equal(batch_row(b, ROW_EVENT, base, SLICE("the text of a row")), 0);
			assert_int_equal(batch_field_slice(b, FIELD_MESSAGE, VALUE_STRING, SLICE("elsewhere")), 0);
			assert_int_equal(batch_row_end(b), 0);
		}
		assert_int_equal(batch_finish(b, &out, NULL), 0);
	}
	assert_int_equal(fake->memory.calls, calls);
	batch_builder_free(b);
	dictionary_free(&d);
	fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_one_of_everything),
		cmocka_unit_test(when_is_bounded_by_observed),
		cmocka_unit_test(gives_back_random_rows),
		cmocka_unit_test(refuses_every_altered_octet),
		cmocka_unit_test(refuses_every_length),
		cmocka_unit_test(survives_random_damage),
		cmocka_unit_test(keeps_limits),
		cmocka_unit_test(rows_share_shapes),
		cmocka_unit_test(tables_hold_many),
		cmocka_unit_test(survives_every_failed_allocation),
		cmocka_unit_test(does_not_allocate_once_warm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
