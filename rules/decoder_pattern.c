/* Reading patterns: "Failed password for {user.name:last} from {source.ip:ip} port {source.port:int}{..}". */
#include "rules/decoder_reader.h"

#define OPS_MAX 200u
#define NESTING_MAX 8u

struct pattern_text {
	struct decoder_reader *r;
	struct slice source;
	size_t at;
	uint32_t line;
	struct pattern_op ops[OPS_MAX];
	uint32_t count, captures;
	uint32_t groups[NESTING_MAX];
	uint32_t depth;
	uint8_t literal[1024];
	size_t literal_len;
};

static bool wrong(struct pattern_text *p, const char *text)
{
	return reader_refuse(p->r, p->line, 0, "decoder-pattern", "pattern, octet %zu: %s", p->at + 1, text);
}

static struct pattern_op *add_op(struct pattern_text *p, enum op_kind kind)
{
	if (p->count == OPS_MAX) {
		wrong(p, "at most 200 parts");
		return NULL;
	}
	struct pattern_op *op = &p->ops[p->count++];
	*op = (struct pattern_op){.kind = (uint8_t)kind};
	op->target = (struct decoder_target){.name = DECODER_NONE, .other = DECODER_NONE, .map = DECODER_NONE};
	return op;
}

static bool flush_literal(struct pattern_text *p)
{
	if (p->literal_len == 0)
		return true;
	struct pattern_op *op = add_op(p, OP_LITERAL);
	size_t len = p->literal_len;
	p->literal_len = 0;
	return op != NULL && reader_copy(p->r, slice_of(p->literal, len), &op->text);
}

static bool add_octet(struct pattern_text *p, uint8_t c)
{
	if (p->literal_len == sizeof p->literal)
		return wrong(p, "a literal is at most 1,024 octets");
	p->literal[p->literal_len++] = c;
	return true;
}

static const struct {
	const char *name;
	enum op_kind kind;
	bool argument;
} types[] = {
	{"word", OP_WORD, false},  {"text", OP_TEXT, false}, {"last", OP_LAST, false},
	{"rest", OP_REST, false},  {"ip", OP_IP, false},     {"address", OP_ADDRESS, false},
	{"host", OP_HOST, false},  {"int", OP_INT, false},   {"number", OP_NUMBER, false},
	{"hex", OP_HEX, false},    {"mac", OP_MAC, false},   {"quoted", OP_QUOTED, false},
	{"until", OP_UNTIL, true}, {"one", OP_ONE, true},    {"time", OP_TIME, true},
};

static bool split_choices(struct pattern_text *p, struct pattern_op *op)
{
	uint16_t count = 1;
	for (size_t i = 0; i < op->text.len; i++)
		count = (uint16_t)(count + (op->text.ptr[i] == '|'));
	struct slice *list = reader_room(p->r, count, sizeof *list);
	if (list == NULL)
		return false;
	size_t from = 0;
	for (uint16_t i = 0; i < count; i++) {
		size_t to = slice_find_octet(op->text, '|', from);
		to = to == SIZE_MAX ? op->text.len : to;
		list[i] = slice_of(op->text.ptr + from, to - from);
		from = to + 1;
	}
	op->choices = list;
	op->choice_count = count;
	uint64_t *first = reader_room(p->r, 4, sizeof *first);
	if (first == NULL)
		return false;
	op->set = first;
	for (uint16_t i = 0; i < count; i++) {
		if (list[i].len == 0)
			op->set = NULL;
		else
			first[list[i].ptr[0] / 64] |= UINT64_C(1) << list[i].ptr[0] % 64;
	}
	return true;
}

/* "type" or "type(argument)" at the head of text; *used: its octets. */
static bool read_type(struct pattern_text *p, struct slice text, struct pattern_op *op, size_t *used)
{
	size_t end = 0;
	while (end < text.len && text.ptr[end] != '(' && text.ptr[end] != ':')
		end++;
	struct slice name = slice_of(text.ptr, end);
	size_t i = 0, n = sizeof types / sizeof *types;
	while (i < n && !slice_equal(name, slice_str(types[i].name)))
		i++;
	if (i == n)
		return wrong(
			p, "no such type of capture; there are word, text, last, rest, ip, address, host, int, number, hex, mac, "
			   "quoted, until(octets), one(a|b), time(format)");
	op->kind = (uint8_t)types[i].kind;
	if (types[i].argument != (end < text.len && text.ptr[end] == '('))
		return wrong(p,
					 types[i].argument ? "this type needs an argument in parentheses" : "this type takes no argument");
	if (types[i].argument) {
		size_t close = end + 1;
		while (close < text.len && !(text.ptr[close] == ')' && (close + 1 == text.len || text.ptr[close + 1] == ':')))
			close++;
		if (close == text.len || close == end + 1)
			return wrong(p, "the argument is empty or its ')' is missing");
		if (!reader_copy(p->r, slice_of(text.ptr + end + 1, close - end - 1), &op->text))
			return false;
		end = close + 1;
	}
	*used = end;
	return op->kind != OP_ONE || split_choices(p, op);
}

/* The inside of {...}: name, name:type, name:type:map, :type. */
static bool read_capture(struct pattern_text *p, struct slice inside)
{
	struct pattern_op *op = add_op(p, OP_WORD);
	if (op == NULL)
		return false;
	size_t colon = slice_find_octet(inside, ':', 0);
	struct slice name = colon == SIZE_MAX ? inside : slice_of(inside.ptr, colon);
	struct slice rest = colon == SIZE_MAX ? SLICE("word") : slice_from(inside, colon + 1);
	size_t used = 0;
	if (!read_type(p, rest, op, &used))
		return false;
	if (!reader_target(p->r, name, p->line, 0, &op->target))
		return false;
	op->type = op->kind == OP_IP ? VALUE_ADDRESS : op->kind == OP_TIME ? VALUE_TIME : VALUE_STRING;
	/* Numbers with leading zeros and of more than 18 digits stay text. */
	if (op->kind == OP_INT)
		op->target.kind = TARGET_DIGITS;
	if (used < rest.len && !reader_map_find(p->r, slice_from(rest, used + 1), &op->target.map))
		return wrong(p, "there is no map of this name");
	if (name.len > 0 && ++p->captures > DECODER_CAPTURES_MAX)
		return wrong(p, "at most 48 captures");
	return true;
}

static bool open_group(struct pattern_text *p)
{
	if (p->depth == NESTING_MAX)
		return wrong(p, "optional parts are nested at most 8 deep");
	p->groups[p->depth++] = p->count;
	return add_op(p, OP_OPTIONAL) != NULL;
}

static bool close_group(struct pattern_text *p)
{
	if (p->depth == 0)
		return wrong(p, "'?}' without '{?'");
	uint32_t group = p->groups[--p->depth];
	if (group + 1 == p->count)
		return wrong(p, "an optional part must hold something");
	p->ops[group].jump = (uint16_t)p->count;
	return true;
}

static bool read_brace(struct pattern_text *p)
{
	struct slice rest = slice_from(p->source, p->at);
	if (!flush_literal(p))
		return false;
	if (slice_starts(rest, SLICE("{?"))) {
		p->at += 2;
		return open_group(p);
	}
	size_t close = 1;
	while (close < rest.len && rest.ptr[close] != '}')
		close++;
	if (close >= rest.len)
		return wrong(p, "'{' without '}'; a literal brace is written twice");
	struct slice inside = slice_of(rest.ptr + 1, close - 1);
	bool ok;
	if (slice_equal(inside, SLICE("~")))
		ok = add_op(p, OP_SPACE) != NULL;
	else if (slice_equal(inside, SLICE("..")))
		ok = add_op(p, p->at + close + 1 == p->source.len ? OP_REST : OP_TEXT) != NULL;
	else
		ok = read_capture(p, inside);
	p->at += close + 1;
	return ok;
}

static bool read_part(struct pattern_text *p)
{
	struct slice rest = slice_from(p->source, p->at);
	if (slice_starts(rest, SLICE("{{")) || slice_starts(rest, SLICE("}}"))) {
		p->at += 2;
		return add_octet(p, rest.ptr[0]);
	}
	if (slice_starts(rest, SLICE("?}"))) {
		bool ok = flush_literal(p) && close_group(p);
		p->at += 2;
		return ok;
	}
	if (rest.ptr[0] == '{')
		return read_brace(p);
	if (rest.ptr[0] == '}')
		return wrong(p, "a literal brace is written twice");
	p->at++;
	return add_octet(p, rest.ptr[0]);
}

/* The longest literal outside optional parts: what must be in every text the pattern holds for. */
static struct slice needed_literal(const struct pattern_text *p)
{
	struct slice best = SLICE_NONE;
	const struct pattern_op *ops = p->ops;
	/* What begins with a literal, or with an optional part and literals after both ways, is decided as cheaply by trying. */
	if (ops[0].kind == OP_LITERAL ||
		(ops[0].kind == OP_OPTIONAL && ops[1].kind == OP_LITERAL && ops[ops[0].jump].kind == OP_LITERAL))
		return best;
	for (uint32_t i = 0; i < p->count; i++) {
		if (p->ops[i].kind == OP_OPTIONAL)
			i = p->ops[i].jump - 1u;
		else if (p->ops[i].kind == OP_LITERAL && p->ops[i].text.len > best.len)
			best = p->ops[i].text;
	}
	return best;
}

/* ---- sets of octets ---- */

static void set_add(uint64_t set[4], uint8_t c)
{
	set[c / 64] |= UINT64_C(1) << c % 64;
}

static void set_add_all(uint64_t set[4], struct slice octets)
{
	for (size_t i = 0; i < octets.len; i++)
		set_add(set, octets.ptr[i]);
}

/* Where a word may have to end: what stops_word of decoder_match.c looks at. */
static void add_stops(const struct pattern_op *ops, uint32_t i, uint64_t set[4])
{
	if (ops[i].kind == OP_LITERAL)
		set_add(set, ops[i].text.ptr[0]);
	if (ops[i].kind == OP_OPTIONAL) {
		add_stops(ops, i + 1, set);
		add_stops(ops, ops[i].jump, set);
	}
}

static bool add_all(uint64_t set[4], struct slice octets)
{
	set_add_all(set, octets);
	return true;
}

/* What the part at i may begin with when a text is left; false: anything. An empty text is the caller's matter. */
static bool add_firsts(const struct pattern_op *ops, uint32_t i, uint64_t set[4])
{
	switch ((enum op_kind)ops[i].kind) {
	case OP_LITERAL:
		set_add(set, ops[i].text.ptr[0]);
		return true;
	case OP_SPACE:
		set_add_all(set, SLICE(" \t\n\v\f\r"));
		return add_firsts(ops, i + 1, set);
	case OP_OPTIONAL:
		return add_firsts(ops, i + 1, set) && add_firsts(ops, ops[i].jump, set);
	case OP_ONE:
		for (unsigned k = 0; ops[i].set != NULL && k < 4; k++)
			set[k] |= ops[i].set[k];
		return ops[i].set != NULL;
	case OP_INT:
	case OP_NUMBER:
		return add_all(set, SLICE("0123456789-"));
	case OP_HEX:
	case OP_MAC:
		return add_all(set, SLICE("0123456789abcdefABCDEF"));
	case OP_IP:
		return add_all(set, SLICE("0123456789abcdefABCDEF:."));
	case OP_QUOTED:
		return add_all(set, SLICE("\"'"));
	case OP_END:
		return true;
	default:
		return false;
	}
}

static size_t common_start(const struct pattern_op *op)
{
	size_t same = op->choices[0].len;
	for (uint16_t i = 1; i < op->choice_count; i++) {
		size_t n = 0;
		while (n < same && n < op->choices[i].len && op->choices[i].ptr[n] == op->choices[0].ptr[n])
			n++;
		same = n;
	}
	return same;
}

/* The octets that must follow a text whose next part is a literal: that literal, those behind it ("{?{..} ?}%" asks for
 * " %"), and what all choices behind them begin with. */
static bool find_search(struct pattern_text *p, const struct pattern_op *ops, uint32_t i, struct slice *out)
{
	size_t len = 0;
	for (; ops[i].kind == OP_LITERAL && len + ops[i].text.len <= sizeof p->literal; i++) {
		memcpy(p->literal + len, ops[i].text.ptr, ops[i].text.len);
		len += ops[i].text.len;
	}
	size_t more = len > 0 && ops[i].kind == OP_ONE ? common_start(&ops[i]) : 0;
	if (len + more <= sizeof p->literal && more > 0) {
		memcpy(p->literal + len, ops[i].choices[0].ptr, more);
		len += more;
	}
	return len == 0 || reader_copy(p->r, slice_of(p->literal, len), out);
}

/* False: no memory. */
static bool find_set(struct pattern_text *p, struct pattern_op *ops, uint32_t i)
{
	struct pattern_op *op = &ops[i];
	bool word = op->kind == OP_WORD || op->kind == OP_HOST, text = op->kind == OP_TEXT || op->kind == OP_LAST;
	if (!word && !text && op->kind != OP_UNTIL)
		return true;
	uint64_t *set = reader_room(p->r, 4, sizeof *set);
	if (set == NULL)
		return false;
	op->set = set;
	if (op->kind == OP_UNTIL)
		set_add_all(set, op->text);
	for (unsigned c = 0; word && c < 256; c++)
		if (op->kind == OP_WORD ? decoder_is_space((uint8_t)c) : !decoder_is_host((uint8_t)c))
			set_add(set, (uint8_t)c);
	if (word)
		add_stops(ops, i + 1, set);
	if (text && !add_firsts(ops, i + 1, set))
		op->set = NULL;
	return op->kind != OP_TEXT || find_search(p, ops, i + 1, &op->text);
}

static bool finish(struct pattern_text *p, struct decoder_pattern *out)
{
	if (p->depth > 0)
		return wrong(p, "'{?' without '?}'");
	if (!flush_literal(p) || add_op(p, OP_END) == NULL)
		return false;
	if (p->count == 1)
		return wrong(p, "a pattern must hold something");
	struct pattern_op *ops = reader_room(p->r, p->count, sizeof *ops);
	if (ops == NULL)
		return false;
	memcpy(ops, p->ops, p->count * sizeof *ops);
	for (uint32_t i = 0; i < p->count; i++) {
		if (ops[i].kind == OP_LITERAL) {
			ops[i].head = slice_head(ops[i].text);
			ops[i].mask = octets_head_mask(ops[i].text.len);
		}
		if (!find_set(p, ops, i))
			return false;
	}
	*out = (struct decoder_pattern){.ops = ops, .count = (uint16_t)p->count, .needed = needed_literal(p)};
	if (out->needed.len > 1)
		out->needed_places = pair_places_of(out->needed);
	return true;
}

bool decoder_pattern_compile(struct decoder_reader *r, struct slice source, uint32_t line, struct decoder_pattern *out)
{
	if (r->pattern_room == NULL && (r->pattern_room = reader_room(r, 1, sizeof(struct pattern_text))) == NULL)
		return false;
	struct pattern_text *p = r->pattern_room;
	memset(p, 0, sizeof *p);
	p->r = r;
	p->source = source;
	p->line = line;
	while (p->at < p->source.len)
		if (!read_part(p))
			return false;
	return finish(p, out);
}
