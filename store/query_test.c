/* Testing one row against the tree: one of a batch, or one of a row group of which no batch was made. */
#include "store/group.h"
#include "store/query_sift.h"

/* One row while it is tested: folded texts are made once and only when a word asks for them. */
struct subject {
	struct query *q;
	const struct batch *batch;
	const struct batch_row *row; /* of `batch`, or made from `stored` with field_first 0 and without tables */
	const struct group *group; /* instead of a batch */
	const struct group_row *stored;
	bool have_original;
	struct slice original; /* folded */
	named_value *named; /* instead of a row */
	void *ctx;
};

static struct slice fold_into(struct query *q, struct buffer *scratch, struct slice s)
{
	scratch->len = 0;
	uint8_t *room = buffer_room(scratch, FOLD_ROOM(s.len));
	if (room == NULL) {
		q->out_of_memory = true;
		return SLICE_NONE;
	}
	return slice_of(room, fold(s, room));
}

static struct slice subject_value(const struct subject *s, uint32_t i, struct batch_value *out)
{
	if (s->group == NULL) {
		batch_get_value(s->batch, s->row, s->row->field_first + i, out);
		return batch_name(s->batch, out->name);
	}
	const struct group_field *f = &s->stored->fields[i];
	*out = (struct batch_value){.type = f->type,
								.in_original = f->offset + f->len <= s->stored->original_len,
								.text = f->len == 0 ? SLICE_NONE : slice_of(s->stored->text.ptr + f->offset, f->len),
								.small = f->small};
	return s->group->names[f->name];
}

static struct slice subject_source(const struct subject *s)
{
	if (s->group == NULL)
		return batch_source_line(s->batch, s->row->source);
	uint32_t source = s->stored->head->source;
	return source == 0 ? SLICE_NONE : s->group->sources[source - 1];
}

static struct slice subject_decoder(const struct subject *s)
{
	uint16_t version;
	if (s->group == NULL)
		return batch_decoder_name(s->batch, s->row->decoder, &version);
	uint32_t decoder = s->stored->head->decoder;
	return decoder == 0 ? SLICE_NONE : s->group->decoders[decoder - 1].name;
}

/* ---- words ---- */

static struct slice subject_original(struct subject *s)
{
	if (!s->have_original)
		s->original = fold_into(s->q, &s->q->scratch_row, s->row->original);
	s->have_original = true;
	return s->original;
}

/* False: no value that lies in the original holds the pattern. Boundaries aside, what is not in the whole is in no part of
 * it: a valid character is found at the same octets in both. A `?` is outside that argument, because a value may begin
 * inside a character. */
static bool may_lie_within(const struct pattern *p, struct slice folded)
{
	struct pattern bare = *p;
	bare.word_left = bare.word_right = false;
	for (uint32_t i = 0; i < p->count; i++)
		if (p->parts[i].has_one)
			return true;
	return pattern_occurs(&bare, folded);
}

static bool test_word(struct subject *s, const struct pattern *p)
{
	bool within = true;
	CHECK(s->row != NULL); /* the parser takes no word behind a table */
	if (query_charset_is_text(s->row->charset)) {
		struct slice original = subject_original(s);
		within = may_lie_within(p, original);
		if (within && pattern_occurs(p, original))
			return true;
	}
	for (uint32_t i = 0; i < s->row->field_count; i++) {
		struct batch_value value;
		(void)subject_value(s, i, &value);
		if (!query_type_is_text(value.type) || (value.in_original && !within))
			continue;
		if (pattern_occurs(p, fold_into(s->q, &s->q->scratch_value, value.text)))
			return true;
	}
	return false;
}

/* ---- values ---- */

/* Octet order of the folded text. */
static int fold_compare(struct query *q, struct slice text, struct slice folded)
{
	return slice_compare(fold_into(q, &q->scratch_value, text), folded);
}

static bool within_order(const struct bound *b, bool upper, int order)
{
	if (order == 0)
		return b->inclusive;
	return upper ? order < 0 : order > 0;
}

static bool bound_holds(struct query *q, const struct match *m, bool upper, struct slice text,
						const struct number *number, const uint8_t *address)
{
	const struct bound *b = upper ? &m->hi : &m->lo;
	if (b->open)
		return true;
	if (m->range == RANGE_NUMBER)
		return within_order(b, upper, number_compare(number, &b->number));
	if (m->range == RANGE_ADDRESS)
		return within_order(b, upper, memcmp(address, b->address, 16));
	return within_order(b, upper, fold_compare(q, text, b->text));
}

static bool match_range(struct query *q, const struct match *m, const struct batch_value *value, struct slice text)
{
	struct number number = {0};
	uint8_t address[16] = {0};
	int64_t lo, hi;
	if (value->type == VALUE_NULL)
		return false;
	switch (m->range) {
	case RANGE_TIME:
		return time_parse(text, 0, false, &lo, &hi) && lo >= m->lo_ns && lo < m->hi_ns;
	case RANGE_NUMBER:
		if (!value_number(value, &number))
			return false;
		break;
	case RANGE_ADDRESS:
		if (!address_parse(text, address))
			return false;
		break;
	case RANGE_TEXT:
		break;
	}
	return bound_holds(q, m, false, text, &number, address) && bound_holds(q, m, true, text, &number, address);
}

static bool match_equal(const struct match *m, const struct batch_value *value, struct slice text)
{
	struct number number;
	uint8_t address[16];
	if (value->type == VALUE_NULL)
		return slice_equal(m->text, SLICE("null"));
	if (fold_equal(text, m->text))
		return true;
	if (m->has_number && value_number(value, &number) && number_compare(&number, &m->number) == 0)
		return true;
	if (m->kind == MATCH_NETWORK)
		return address_parse(text, address) && network_holds(m->address, m->bits, address);
	return m->has_address && address_parse(text, address) && memcmp(address, m->address, 16) == 0;
}

bool match_value(struct query *q, const struct match *m, const struct batch_value *value)
{
	char scratch[16];
	struct slice text = batch_value_text(value, scratch);
	switch (m->kind) {
	case MATCH_ANY:
		return true;
	case MATCH_EQUAL:
	case MATCH_NETWORK:
		return match_equal(m, value, text);
	case MATCH_PATTERN:
		return value->type != VALUE_NULL && pattern_equals(&m->pattern, fold_into(q, &q->scratch_value, text));
	case MATCH_RANGE:
		return match_range(q, m, value, text);
	case MATCH_TIME: {
		int64_t lo, hi;
		return time_parse(text, 0, false, &lo, &hi) && lo >= m->lo_ns && lo < m->hi_ns;
	}
	}
	return false;
}

static bool match_text(struct query *q, const struct match *m, struct slice text)
{
	struct batch_value value = {.type = VALUE_STRING, .text = text};
	return match_value(q, m, &value);
}

/* ---- what every row has ---- */

/* The whole line, or the address, name or host in it: every second of its words. */
static bool match_source(struct query *q, const struct match *m, struct slice line)
{
	if (line.len == 0)
		return false;
	if (match_text(q, m, line))
		return true;
	bool named = false;
	for (size_t at = 0; at < line.len;) {
		size_t end = slice_find_octet(line, ' ', at);
		if (end == SIZE_MAX)
			end = line.len;
		if (named && match_text(q, m, slice_of(line.ptr + at, end - at)))
			return true;
		named = !named;
		at = end + 1;
	}
	return false;
}

const char *query_flag_name(unsigned bit)
{
	static const char *const names[QUERY_FLAG_COUNT] = {"truncated", "header_invalid", "charset_invalid",
														"partial",   "late",           "fields_dropped"};
	return names[bit];
}

static bool match_flag(struct query *q, const struct match *m, uint32_t flags)
{
	if (m->kind == MATCH_ANY)
		return flags != 0;
	for (unsigned i = 0; i < QUERY_FLAG_COUNT; i++)
		if ((flags & 1u << i) != 0 && match_text(q, m, slice_str(query_flag_name(i))))
			return true;
	return false;
}

static bool match_time(const struct match *m, bool present, int64_t ns)
{
	return present && (m->kind == MATCH_ANY || (ns >= m->lo_ns && ns < m->hi_ns));
}

static bool test_special(struct subject *s, const struct node *node)
{
	const struct match *m = &node->match;
	const struct batch_row *row = s->row;
	CHECK(row != NULL);
	switch (node->field.special) {
	case SPECIAL_KIND:
		return match_text(s->q, m, slice_str(row_kind_name(row->kind)));
	case SPECIAL_SOURCE:
		return match_source(s->q, m, subject_source(s));
	case SPECIAL_DECODER: {
		struct slice name = subject_decoder(s);
		return name.len > 0 && match_text(s->q, m, name);
	}
	case SPECIAL_TIME:
		return match_time(m, (row->quality & TIME_PRESENT) != 0, row->time_ns);
	case SPECIAL_OBSERVED:
		return match_time(m, true, row->observed_ns);
	case SPECIAL_WHEN:
		return match_time(m, true, batch_row_when(row));
	case SPECIAL_ORIGINAL:
		return match_text(s->q, m, row->original);
	case SPECIAL_FORMAT:
		return match_text(s->q, m, slice_str(row_format_name(row->format)));
	case SPECIAL_FLAG:
		return match_flag(s->q, m, row->flags);
	default:
		return false;
	}
}

/* ---- the tree ---- */

static bool test_named(struct subject *s, const struct node *node)
{
	struct batch_value value;
	for (uint32_t i = 0; s->named(s->ctx, node->field.name, i, &value); i++)
		if (match_value(s->q, &node->match, &value))
			return true;
	return false;
}

static bool test_field(struct subject *s, const struct node *node)
{
	if (s->named != NULL)
		return test_named(s, node);
	if (node->field.special != SPECIAL_NONE)
		return test_special(s, node);
	CHECK(s->row != NULL);
	for (uint32_t i = 0; i < s->row->field_count; i++) {
		struct batch_value value;
		struct slice name = subject_value(s, i, &value);
		if (slice_equal(name, node->field.name) && match_value(s->q, &node->match, &value))
			return true;
	}
	return false;
}

static bool test_node(struct subject *s, const struct node *node)
{
	switch (node->kind) {
	case NODE_ALL:
		return true;
	case NODE_AND:
		for (const struct node *n = node->first; n != NULL; n = n->next)
			if (!test_node(s, n))
				return false;
		return true;
	case NODE_OR:
		for (const struct node *n = node->first; n != NULL; n = n->next)
			if (test_node(s, n))
				return true;
		return false;
	case NODE_NOT:
		return !test_node(s, node->first);
	case NODE_WORD:
		return test_word(s, &node->pattern);
	case NODE_FIELD:
		return test_field(s, node);
	}
	return false;
}

bool query_test(struct query *q, const struct node *node, const struct batch *batch, const struct batch_row *row)
{
	struct subject s = {.q = q, .batch = batch, .row = row};
	return test_node(&s, node);
}

bool query_test_stored(struct query *q, const struct node *node, const struct group *g, const struct group_row *stored)
{
	const struct row_head *head = stored->head;
	struct batch_row row = {.time_ns = stored->time_ns,
							.observed_ns = stored->observed_ns,
							.original = slice_of(stored->text.ptr, stored->original_len),
							.text = stored->text,
							.field_count = stored->field_count,
							.source = BATCH_NO_INDEX,
							.decoder = BATCH_NO_INDEX,
							.logsource = BATCH_NO_INDEX,
							.quality = head->quality,
							.flags = head->flags,
							.kind = (uint8_t)head->kind,
							.charset = (uint8_t)head->charset,
							.format = (uint8_t)head->format};
	struct subject s = {.q = q, .row = &row, .group = g, .stored = stored};
	return test_node(&s, node);
}

bool query_test_named(struct query *q, const struct node *node, named_value *value, void *ctx)
{
	struct subject s = {.q = q, .named = value, .ctx = ctx};
	return test_node(&s, node);
}
