/* Running steps over a text. A step that does not hold leaves nothing behind: fields are added only after its own part
 * (pattern, pairs, pieces) has held. */
#include "rules/decoder.h"

/* A name without a value so far may be one that a header gives. */
static __attribute__((noinline)) bool given_value(struct decode_run *run, uint16_t name)
{
	struct decoder_scratch *s = run->s;
	if (!s->given_pending || !s->of_header[name])
		return false;
	decoder_note_given(run); /* what was emitted meanwhile stands behind it in the row, and stays what it is */
	return s->values[name].stamp == s->stamp;
}

static inline bool has_value(struct decode_run *run, uint16_t name)
{
	return run->s->values[name].stamp == run->s->stamp || given_value(run, name);
}

static inline struct span value_span(const struct decode_run *run, uint16_t name)
{
	const struct decoder_value *v = &run->s->values[name];
	return (struct span){v->at, v->len};
}

bool decoder_condition_holds(struct decode_run *run, const struct decoder_condition *c)
{
	if (!has_value(run, c->name))
		return false;
	if (c->present)
		return true;
	struct slice value = decoder_span_text(run, value_span(run, c->name));
	uint64_t head = slice_head(value);
	for (uint16_t i = 0; i < c->value_count; i++) {
		const struct condition_value *v = &c->values[i];
		if (((head ^ v->head) & v->mask) == 0 && (v->open ? slice_starts(value, v->text) : slice_equal(value, v->text)))
			return true;
	}
	return false;
}

static bool conditions_hold(struct decode_run *run, const struct decoder_step *s)
{
	for (uint16_t i = 0; i < s->when_count; i++)
		if (!decoder_condition_holds(run, &s->when[i]))
			return false;
	return true;
}

/* ---- patterns ---- */

static void emit_capture(struct decode_run *run, const struct pattern_op *op, struct span value)
{
	if (op->kind == OP_TIME && op->target.name == FIELD_TIMESTAMP)
		decoder_emit_time(run, &run->decoder->zone, op->text, value, false);
	else
		decoder_emit_target(run, &op->target, (enum value_type)op->type, value);
}

/* Filling the filter costs as much as looking for a few literals: it is done when there are more. What is in no place of
 * the message is in no part of it. */
#define FILTER_WORTH 3u

bool decoder_filter_worth(struct decode_run *run)
{
	struct decoder_scratch *s = run->s;
	if (s->filter_asked < FILTER_WORTH) {
		s->filter_asked++;
		return false;
	}
	pair_filter_fill(&s->filter, decoder_span_text(run, run->message));
	s->filter_ready = true;
	return true;
}

/* Whether a literal of two octets or more may be in a text: exact, or by the filter of the message it lies in. */
static inline bool may_hold(struct decode_run *run, struct span text, struct slice literal, struct pair_places places)
{
	bool inside = text.at >= run->message.at && text.at + text.len <= run->message.at + run->message.len;
	if (!inside || !decoder_filter_ready(run))
		return slice_find(decoder_span_text(run, text), literal, 0) != SIZE_MAX;
	return pair_filter_may(&run->s->filter, places);
}

/* Whether the literal that the pattern cannot do without may be in the text. */
static bool has_needed(struct decode_run *run, const struct decoder_pattern *p, struct span text, struct slice s)
{
	if (p->needed.len <= 1)
		return p->needed.len == 0 || slice_find_octet(s, p->needed.ptr[0], 0) != SIZE_MAX;
	return may_hold(run, text, p->needed, p->needed_places);
}

static bool run_pattern(struct decode_run *run, const struct decoder_pattern *p, struct span text, uint32_t depth)
{
	struct slice s = decoder_span_text(run, text);
	struct captures *c = &run->s->captures[depth];
	if (!has_needed(run, p, text, s))
		return false;
	if (!decoder_pattern_match(p, s, c))
		return false;
	for (uint32_t i = 0; i < c->count; i++)
		emit_capture(run, &p->ops[c->list[i].op], (struct span){text.at + c->list[i].at, c->list[i].len});
	return true;
}

/* ---- renames ---- */

static inline void rename_one(struct decode_run *run, const struct rename_set *set, uint16_t name, enum value_type type,
							  struct span value)
{
	uint32_t at = ((uint32_t)name * 40503u >> 4) & set->mask;
	const struct rename_slot *slot = &set->slots[at];
	while (slot->count != 0 && slot->from != name)
		slot = &set->slots[at = (at + 1) & set->mask];
	const struct decoder_target *t = set->targets + slot->first;
	for (uint16_t left = slot->count; left > 0; left--)
		decoder_emit_target(run, t++, type, value);
}

/* Over all fields that are in the row now; those added on the way are not looked at again. */
static __attribute__((noinline)) void rename_given(struct decode_run *run, const struct rename_set *set)
{
	const struct given_field *given = run->s->given;
	uint32_t count = decoder_given(run);
	for (uint32_t i = 0; i < count; i++)
		if (given[i].name != DECODER_NONE)
			rename_one(run, set, given[i].name, (enum value_type)given[i].type, given[i].value);
}

/* ---- pairs ---- */

/* Apart, because its room is cleared whenever it is entered. */
static __attribute__((noinline)) uint32_t prefixed_name(struct decode_run *run, const struct decoder_kv *kv,
														struct slice key)
{
	uint8_t text[64 + 256];
	if (key.len > 256)
		return DICTIONARY_NONE;
	memcpy(text, kv->prefix.ptr, kv->prefix.len);
	memcpy(text + kv->prefix.len, key.ptr, key.len);
	return dictionary_intern(run->s->dictionary, slice_of(text, kv->prefix.len + key.len));
}

static uint32_t pair_name(struct decode_run *run, const struct decoder_kv *kv, struct slice key)
{
	return kv->prefix.len > 0 ? prefixed_name(run, kv, key)
							  : dictionary_intern_again(run->s->dictionary, &run->s->memo, key);
}

static uint16_t known_name(const struct decode_run *run, uint32_t id)
{
	return id < run->s->id_count ? run->s->names[id] : (uint16_t)DECODER_NONE;
}

static void emit_pair(struct decode_run *run, const struct decoder_step *s, struct slice key, struct span value)
{
	uint32_t id = pair_name(run, &s->kv, key);
	uint16_t name = known_name(run, id);
	if (s->kv.own && name == DECODER_NONE) {
		if (batch_field(run->b, id, VALUE_STRING, value.at, value.len) == -ERROR_MEMORY)
			run->error = -ERROR_MEMORY;
	} else if (s->kv.own) {
		decoder_emit(run, name, VALUE_STRING, value);
	}
	/* Renames speak of the sender's own key, without the prefix. */
	if (s->kv.prefix.len > 0) {
		id = dictionary_find(run->s->dictionary, key);
		name = known_name(run, id);
	}
	if (name != DECODER_NONE && s->renames.count > 0)
		rename_one(run, &s->renames, name, VALUE_STRING, value);
}

/* "a=1 b=2;c=3" is not separated by ';': a value in which a further " key=" begins says so. */
static bool holds_pair(const struct kv_pair *pair)
{
	struct slice v = pair->value;
	size_t word = SIZE_MAX;
	for (size_t i = 0; !pair->quoted && i < v.len; i++) {
		uint8_t c = v.ptr[i];
		if (c == ' ' || c == '\t')
			word = i + 1;
		else if (c == '=' && word != SIZE_MAX && i > word)
			return true;
		else if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
				 c < 0x80)
			word = SIZE_MAX;
	}
	return false;
}

/* How often the octet is in the text. Steps ask the same of the same text again and again. */
static uint32_t count_octet(struct decoder_scratch *s, struct span at, struct slice text, uint8_t octet)
{
	if (s->counted.at != at.at || s->counted.len != at.len) {
		memset(s->counts_known, 0, sizeof s->counts_known);
		s->counted = at;
	}
	if (!octets_hold(s->counts_known, octet)) {
		s->counts_known[octet / 64] |= UINT64_C(1) << octet % 64;
		/* Mostly there is none, which is told faster than how many there are. */
		bool any = slice_find_octet(text, octet, 0) != SIZE_MAX;
		s->counts[octet] = any ? (uint32_t)slice_count_octet(text, octet) : 0;
	}
	return s->counts[octet];
}

static bool occurs(struct decoder_scratch *s, struct span span, struct slice text, struct slice what, uint32_t times)
{
	if (what.len == 1)
		return count_octet(s, span, text, what.ptr[0]) >= times;
	if (what.len > 0 && times > 0 && count_octet(s, span, text, what.ptr[0]) < times)
		return false;
	for (size_t at = 0; times > 0; times--, at += what.len)
		if ((at = slice_find(text, what, at)) == SIZE_MAX)
			return false;
	return true;
}

/* A cheap look: every pair has an assignment mark of its own, and a separator stands between two of them. */
static bool may_hold_pairs(struct decode_run *run, const struct decoder_kv *kv, struct span span)
{
	const struct kv_rules *r = &kv->rules;
	struct decoder_scratch *s = run->s;
	struct slice text = decoder_span_text(run, span);
	bool white = r->separator.len == 0 || (r->separator.len == 1 && r->separator.ptr[0] == ' ');
	if (!white && kv->min > 1 && !occurs(s, span, text, r->separator, kv->min - 1))
		return false;
	return r->assign.len == 0 || occurs(s, span, text, r->assign, kv->min);
}

/* All pairs of the text into the scratch; SIZE_MAX when it is none of this kind. Nothing is added before that is known. */
static size_t read_pairs(struct decode_run *run, const struct decoder_kv *kv, struct span span)
{
	struct slice text = decoder_span_text(run, span);
	struct kv_reader r;
	struct kv_pair pair;
	uint32_t n = 0;
	bool separated = kv->rules.separator.len > 0 && kv->rules.separator.ptr[0] != ' ' && kv->rules.assign.ptr[0] == '=';
	kv_reader_init(&r, &kv->rules, text);
	for (; n < LIMIT_row_fields && kv_next(&r, &pair); n++) {
		if (separated && n < kv->min && holds_pair(&pair))
			return SIZE_MAX;
		uint32_t at = pair.value.len == 0 ? 0 : (uint32_t)(pair.value.ptr - text.ptr);
		run->s->pairs[n] = (struct decoder_pair){(uint32_t)(pair.key.ptr - text.ptr), (uint32_t)pair.key.len, at,
												 (uint32_t)pair.value.len};
	}
	return n >= kv->min ? n : SIZE_MAX;
}

static __attribute__((noinline)) bool run_kv(struct decode_run *run, const struct decoder_step *s, struct span text)
{
	size_t count = read_pairs(run, &s->kv, text);
	if (count == SIZE_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct decoder_pair *p = &run->s->pairs[i];
		/* Looked up each time: the text moves when a mapped value is derived. */
		struct slice key = slice_of(decoder_span_text(run, text).ptr + p->key_at, p->key_len);
		emit_pair(run, s, key, (struct span){text.at + p->at, p->len});
	}
	return true;
}

/* ---- pieces ---- */

/* The end of the piece at `at`; a piece that begins with the quote ends behind its closing quote (doubled ones inside). */
static size_t piece_end(const struct decoder_split *s, struct slice text, size_t at)
{
	if (s->quote != 0 && at < text.len && text.ptr[at] == s->quote) {
		for (at++; at < text.len; at++) {
			if (text.ptr[at] != s->quote)
				continue;
			if (at + 1 < text.len && text.ptr[at + 1] == s->quote)
				at++;
			else
				break;
		}
	}
	size_t end = slice_find(text, s->by, at < text.len ? at : text.len);
	return end == SIZE_MAX ? text.len : end;
}

static uint32_t count_pieces(const struct decoder_split *s, struct slice text)
{
	uint32_t n = 0;
	for (size_t at = 0; at <= text.len && n < 4096; n++)
		at = piece_end(s, text, at) + s->by.len;
	return n;
}

static struct span unquoted(const struct decoder_split *s, const struct decode_run *run, struct span piece)
{
	struct slice t = decoder_span_text(run, piece);
	if (s->quote != 0 && t.len >= 2 && t.ptr[0] == s->quote && t.ptr[t.len - 1] == s->quote)
		return (struct span){piece.at + 1, piece.len - 2};
	return piece;
}

static __attribute__((noinline)) bool run_split(struct decode_run *run, const struct decoder_split *s, struct span text)
{
	struct slice t = decoder_span_text(run, text);
	uint32_t pieces = count_pieces(s, t);
	if (pieces < s->min || pieces > s->max)
		return false;
	size_t at = 0;
	for (uint32_t i = 0; i < s->count && at <= t.len; i++) {
		t = decoder_span_text(run, text);
		size_t end = piece_end(s, t, at);
		struct span piece = {text.at + (uint32_t)at, (uint32_t)(end - at)};
		decoder_emit_target(run, &s->targets[i], VALUE_STRING, unquoted(s, run, piece));
		at = end + s->by.len;
	}
	return true;
}

/* ---- JSON ---- */

/* From the first '{' or "[{" to the last bracket: a JSON text behind a few words. */
static struct slice seek_json(struct slice text)
{
	size_t from = slice_find_octet(text, '{', 0), to = text.len;
	if (from == SIZE_MAX)
		return SLICE_NONE;
	if (from > 0 && text.ptr[from - 1] == '[')
		from--;
	while (to > from && text.ptr[to - 1] != (text.ptr[from] == '[' ? ']' : '}'))
		to--;
	return slice_of(text.ptr + from, to - from);
}

static __attribute__((noinline)) bool run_json(struct decode_run *run, const struct decoder_step *s, struct span text)
{
	bool added;
	struct slice t = slice_trim(decoder_span_text(run, text));
	int result = json_fields_add(&run->s->json, run->b, s->seek ? seek_json(t) : t, s->json_prefix, &added);
	decoder_row_moved(run);
	if (result != 0)
		run->error = result;
	if (added)
		decoder_note_given(run);
	return added;
}

/* ---- steps ---- */

/* Of a step that begins (step_begins). */
static bool run_step(struct decode_run *run, const struct decoder_step *s, struct span text, uint32_t depth);

/* What a step asks before it is begun: most of those behind `then` and `first` are not. *text becomes the field it reads. */
static inline bool step_begins(struct decode_run *run, const struct decoder_step *s, struct span *text)
{
	if (s->in != DECODER_NONE) {
		if (!has_value(run, s->in))
			return false;
		*text = value_span(run, s->in);
		if (s->field_mask != 0 && ((slice_head(decoder_span_text(run, *text)) ^ s->field_head) & s->field_mask) != 0)
			return false;
	}
	if (s->when_count > 0 && !conditions_hold(run, s))
		return false;
	return s->kind != STEP_KV || may_hold_pairs(run, &s->kv, *text);
}

bool decoder_steps_first(struct decode_run *run, const struct decoder_step *steps, uint32_t count, struct span text,
						 uint32_t depth)
{
	uint64_t head = slice_head(decoder_span_text(run, text));
	for (uint32_t i = 0; i < count; i++) {
		struct span own = text;
		if (((head ^ steps[i].head) & steps[i].head_mask) == 0 && step_begins(run, &steps[i], &own) &&
			run_step(run, &steps[i], own, depth))
			return true;
	}
	return false;
}

static bool run_switch(struct decode_run *run, const struct decoder_step *s, struct span text, uint32_t depth)
{
	if (!has_value(run, s->on))
		return false;
	struct slice value = decoder_span_text(run, value_span(run, s->on));
	uint32_t low = 0, high = s->case_count;
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		int order = slice_compare(s->cases[mid].value, value);
		if (order == 0)
			return decoder_steps_first(run, s->cases[mid].steps, s->cases[mid].step_count, text, depth + 1);
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static bool run_kind(struct decode_run *run, const struct decoder_step *s, struct span text, uint32_t depth)
{
	switch ((enum step_kind)s->kind) {
	case STEP_ALWAYS:
		return true;
	case STEP_PATTERN:
		return run_pattern(run, &s->pattern, text, depth);
	case STEP_KV:
		return run_kv(run, s, text);
	case STEP_SPLIT:
		return run_split(run, &s->split, text);
	case STEP_JSON:
		return run_json(run, s, text);
	case STEP_FIRST:
		return decoder_steps_first(run, s->steps, s->step_count, text, depth + 1);
	case STEP_SWITCH:
		return run_switch(run, s, text, depth);
	}
	return false;
}

static __attribute__((noinline)) void run_times(struct decode_run *run, const struct decoder_step *s)
{
	for (uint16_t i = 0; i < s->time_count; i++)
		if (has_value(run, s->times[i].field))
			decoder_emit_time(run, &s->times[i].zone, s->times[i].format, value_span(run, s->times[i].field), false);
}

static void run_effects(struct decode_run *run, const struct decoder_step *s)
{
	if (s->logsource != DECODER_NONE)
		run->logsource = s->logsource;
	decoder_set_constants(run, s->set, s->set_count);
	if (s->strip_count > 0)
		decoder_strip_given(run, s);
	if (s->given && s->renames.count > 0)
		rename_given(run, &s->renames);
	run_times(run, s);
}

static bool run_step(struct decode_run *run, const struct decoder_step *s, struct span text, uint32_t depth)
{
	CHECK(depth <= DECODER_DEPTH_MAX);
	if (!run_kind(run, s, text, depth))
		return false;
	if (s->effects)
		run_effects(run, s);
	for (uint16_t i = 0; i < s->then_count; i++) {
		struct span own = text;
		if (step_begins(run, &s->then[i], &own))
			run_step(run, &s->then[i], own, depth + 1);
	}
	return true;
}
