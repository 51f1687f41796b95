/* Values into the row: types, maps, addresses, times. */
#include "rules/decoder.h"

static void note_error(struct decode_run *run, int result)
{
	if (result == -ERROR_MEMORY)
		run->error = result;
}

static inline void emit_value(struct decode_run *run, uint16_t name, enum value_type type, struct span value)
{
	struct decoder_scratch *s = run->s;
	s->values[name] = (struct decoder_value){value.at, value.len, s->stamp, (uint8_t)type};
	if (s->ids[name] != DICTIONARY_NONE)
		note_error(run, batch_field(run->b, s->ids[name], type, value.at, value.len));
}

void decoder_emit(struct decode_run *run, uint16_t name, enum value_type type, struct span value)
{
	emit_value(run, name, type, value);
}

/* What devices write where they have nothing to say. */
static bool is_nothing(struct slice s)
{
	if (s.len == 0)
		return true;
	if (s.len > 6)
		return false;
	switch (s.ptr[0]) {
	case '-':
		return s.len == 1 || slice_equal(s, SLICE("--")) || slice_equal(s, SLICE("---"));
	case '?':
		return s.len == 1;
	case 'N':
		return slice_equal(s, SLICE("N/A")) || slice_equal(s, SLICE("NULL")) || slice_equal(s, SLICE("None"));
	case 'n':
		return slice_equal(s, SLICE("n/a")) || slice_equal(s, SLICE("null")) || slice_equal(s, SLICE("none"));
	case '(':
		return slice_equal(s, SLICE("(null)")) || slice_equal(s, SLICE("(none)"));
	default:
		return false;
	}
}

static struct span trimmed(const struct decode_run *run, struct span value)
{
	struct slice s = decoder_span_text(run, value);
	if (s.len > 0 && s.ptr[0] > ' ' && s.ptr[s.len - 1] > ' ')
		return value;
	struct slice t = slice_trim(s);
	if (t.len == 0)
		return (struct span){value.at, 0};
	return (struct span){value.at + (uint32_t)(t.ptr - s.ptr), (uint32_t)t.len};
}

/* A whole number that reads back as it is written: no leading zero, at most 18 digits. */
static bool is_integer(struct slice s)
{
	size_t sign = s.len > 0 && s.ptr[0] == '-';
	size_t digits = s.len - sign;
	if (digits == 0 || digits > 18 || (s.ptr[sign] == '0' && s.len > 1))
		return false;
	for (size_t i = sign; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return true;
}

static enum value_type integer_type(struct slice s)
{
	return is_integer(s) ? VALUE_I64 : VALUE_STRING;
}

/* The same of digits alone. */
static inline enum value_type digits_type(struct slice s)
{
	return s.len <= 18 && (s.ptr[0] != '0' || s.len == 1) ? VALUE_I64 : VALUE_STRING;
}

static bool map_value(struct decode_run *run, uint16_t map, struct slice from, struct slice *to)
{
	const struct decoder_map *m = &run->d->maps[map];
	uint32_t low = 0, high = m->count;
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		int order = slice_compare(m->from[mid], from);
		if (order == 0) {
			*to = m->to[mid];
			return true;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

int decoder_derive(struct decode_run *run, struct slice text, uint32_t *at)
{
	int result = batch_row_derive(run->b, text, at);
	decoder_row_moved(run);
	return result;
}

static void emit_derived(struct decode_run *run, uint16_t name, enum value_type type, struct slice text)
{
	uint32_t at = 0;
	int result = decoder_derive(run, text, &at);
	if (result != 0)
		note_error(run, result);
	else
		emit_value(run, name, type, (struct span){at, (uint32_t)text.len});
}

/* "[2001:db8::1]" and "192.0.2.1:80" hold an address too; what is none goes under the other name. */
static void emit_address(struct decode_run *run, const struct decoder_target *t, struct span value)
{
	struct slice s = decoder_span_text(run, value);
	size_t bracket = s.len > 2 && s.ptr[0] == '[' ? slice_find_octet(s, ']', 1) : SIZE_MAX;
	if (bracket != SIZE_MAX) {
		value = (struct span){value.at + 1, (uint32_t)bracket - 1};
		s = decoder_span_text(run, value);
	}
	size_t n = s.len == 0 ? 0 : decoder_ip_length(s);
	if (n > 0 && (n == s.len || memchr("%/:, ;)", s.ptr[n], 7) != NULL))
		emit_value(run, t->name, VALUE_ADDRESS, (struct span){value.at, (uint32_t)n});
	else
		emit_value(run, t->other, VALUE_STRING, value);
}

/* Neither white space at an end nor what is_nothing looks for: what most values are, told by two octets. */
static inline bool is_plain(struct slice s)
{
	static const uint8_t odd[256] = {[0 ... ' '] = 1, ['-'] = 1, ['?'] = 1, ['N'] = 1, ['n'] = 1, ['('] = 1};
	return s.len > 0 && !odd[s.ptr[0]] && s.ptr[s.len - 1] > ' ';
}

static __attribute__((noinline)) void emit_odd(struct decode_run *run, const struct decoder_target *t,
											   enum value_type type, struct span value);

void decoder_emit_target(struct decode_run *run, const struct decoder_target *t, enum value_type type,
						 struct span value)
{
	if (t->name == DECODER_NONE)
		return;
	struct slice s = decoder_span_text(run, value);
	bool whole = type == VALUE_ADDRESS || (is_plain(s) && (t->kind == TARGET_TEXT || t->kind == TARGET_DIGITS));
	if (t->map != DECODER_NONE || !whole) {
		emit_odd(run, t, type, value);
		return;
	}
	/* What is_plain knows begins with no '-', so that what was read as an integer is digits. */
	if (type != VALUE_ADDRESS && t->kind == TARGET_DIGITS)
		type = digits_type(s);
	emit_value(run, t->name, type, value);
}

static void emit_odd(struct decode_run *run, const struct decoder_target *t, enum value_type type, struct span value)
{
	value = trimmed(run, value);
	struct slice s = decoder_span_text(run, value), mapped;
	if (t->map != DECODER_NONE && map_value(run, t->map, s, &mapped)) {
		if (mapped.len > 0)
			emit_derived(run, t->name, t->kind >= TARGET_INTEGER ? integer_type(mapped) : VALUE_STRING, mapped);
		return;
	}
	if (is_nothing(s))
		return;
	if (t->kind == TARGET_ADDRESS)
		emit_address(run, t, value);
	else if (t->kind >= TARGET_INTEGER)
		emit_value(run, t->name, integer_type(s), value);
	else
		emit_value(run, t->name, type, value);
}

/* The event's time. The zone: what the text says, else the decoder's, else the source's. */
void decoder_emit_time(struct decode_run *run, const struct decoder_zone *zone, struct slice format, struct span value,
					   bool required)
{
	struct time_found found;
	struct slice s = slice_trim(decoder_span_text(run, value));
	size_t n = s.len == 0 ? 0 : decoder_time_read(format, s, run->in->observed_ns, &found);
	if (n == 0 || (required && n != s.len) || (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9'))
		return;
	uint32_t quality = TIME_PRESENT | TIME_FROM_BODY;
	int32_t offset = 0;
	if (found.has_zone) {
		quality |= TIME_ZONE_EXPLICIT;
	} else if (zone->known || run->in->zone_known) {
		quality |= TIME_ZONE_INFERRED;
		offset = zone->known ? zone->offset_s : run->in->zone_offset_s;
	}
	if (__builtin_sub_overflow(found.ns, (int64_t)offset * NS_PER_S, &run->out->time_ns))
		return;
	run->out->has_time = true;
	run->out->time_quality = quality | (found.year_inferred ? TIME_YEAR_INFERRED : 0) | (found.leap ? TIME_LEAP : 0);
}

void decoder_set_constants(struct decode_run *run, const struct decoder_constant *set, uint32_t count)
{
	if (count == 0)
		return;
	/* The values stand one behind the other (reader_constants), so that all are copied at once. */
	const uint8_t *from = set[0].value.ptr, *to = set[count - 1].value.ptr + set[count - 1].value.len;
	uint32_t at = 0;
	int result = decoder_derive(run, slice_of(from, (size_t)(to - from)), &at);
	note_error(run, result);
	for (uint32_t i = 0; result == 0 && i < count; i++)
		if (set[i].type != VALUE_NULL)
			emit_value(run, set[i].name, set[i].type,
					   (struct span){at + (uint32_t)(set[i].value.ptr - from), (uint32_t)set[i].value.len});
}

/* Fields are only added while a decoder runs (a JSON body that is cut off again ends where it began), so what was looked
 * at stays what it is. */
uint32_t decoder_given(struct decode_run *run)
{
	struct decoder_scratch *s = run->s;
	uint32_t count = batch_row_field_count(run->b);
	struct batch_row_look look = batch_row_look(run->b);
	for (uint32_t i = s->given_count; i < count; i++) {
		struct given_field *g = &s->given[i];
		enum value_type type;
		batch_look_field(&look, i, &g->id, &type, &g->value.at, &g->value.len);
		bool known = g->id < s->id_count && type != VALUE_SMALL && type != VALUE_NULL;
		g->name = known ? s->names[g->id] : (uint16_t)DECODER_NONE;
		g->type = (uint8_t)type;
	}
	s->given_count = count;
	return count;
}

/* The fields that are in the row already (a structured body, the header), so that conditions and renames see them. */
void decoder_note_given(struct decode_run *run)
{
	struct decoder_scratch *s = run->s;
	uint32_t count = decoder_given(run);
	s->given_pending = false;
	for (const struct given_field *g = s->given; g < s->given + count; g++)
		if (g->name != DECODER_NONE)
			s->values[g->name] = (struct decoder_value){g->value.at, g->value.len, s->stamp, g->type};
}
