/* The interpreter of patterns. No allocation; choices are bounded by DECODER_ATTEMPTS_MAX, so a text made to be hard
 * costs at most that many short tries and then simply does not match. */
#include "rules/decoder.h"

struct matcher {
	const struct pattern_op *ops;
	struct slice text;
	struct captures *out;
	uint32_t attempts;
};

#define C_DIGIT 1u
#define C_HEX 2u
#define C_HOST 4u

static const uint8_t classes[256] = {
	['0' ... '9'] = C_DIGIT | C_HEX | C_HOST,
	['A' ... 'F'] = C_HEX | C_HOST,
	['a' ... 'f'] = C_HEX | C_HOST,
	['G' ... 'Z'] = C_HOST,
	['g' ... 'z'] = C_HOST,
	['.'] = C_HOST,
	['-'] = C_HOST,
	['_'] = C_HOST,
	[0x80 ... 0xff] = C_HOST,
};

static inline bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_hex(uint8_t c)
{
	return (classes[c] & C_HEX) != 0;
}

static inline bool is_host(uint8_t c)
{
	return (classes[c] & C_HOST) != 0;
}

bool decoder_is_host(uint8_t c)
{
	return is_host(c);
}

/* ---- lengths of typed captures at a place; 0 = it is none ---- */

/* One to three digits up to 255 at p; null: there are none. */
static inline const uint8_t *ipv4_part(const uint8_t *p, const uint8_t *end)
{
	unsigned value, next;
	if (p == end || (value = p[0] - (unsigned)'0') > 9)
		return NULL;
	if (++p == end || (next = p[0] - (unsigned)'0') > 9)
		return p;
	value = value * 10 + next;
	if (++p == end || (next = p[0] - (unsigned)'0') > 9)
		return p;
	return value * 10 + next > 255 ? NULL : p + 1;
}

static size_t ipv4_length(struct slice s)
{
	const uint8_t *p = s.ptr, *end = p + s.len;
	for (int part = 0; part < 3; part++)
		if ((p = ipv4_part(p, end)) == NULL || p == end || *p++ != '.')
			return 0;
	p = ipv4_part(p, end);
	return p == NULL || (p < end && is_digit(*p)) ? 0 : (size_t)(p - s.ptr);
}

static size_t ipv6_length(struct slice s)
{
	size_t end = 0;
	unsigned colons = 0;
	while (end < s.len && end < 46 && (is_hex(s.ptr[end]) || s.ptr[end] == ':' || s.ptr[end] == '.'))
		colons += s.ptr[end++] == ':';
	if (colons < 2 || (end < s.len && is_host(s.ptr[end]) && s.ptr[end] < 0x80))
		return 0;
	uint8_t address[16];
	/* "fe80::1: text" and "fe80::1." : the mark behind the address is not part of it. */
	if (address_parse(slice_of(s.ptr, end), address))
		return end;
	if ((s.ptr[end - 1] == ':' || s.ptr[end - 1] == '.') && address_parse(slice_of(s.ptr, end - 1), address))
		return end - 1;
	/* "2001:db8::1:50122": five digits are no group of an address, so they are a port. */
	for (size_t at = end; at-- > 2;)
		if (s.ptr[at] == ':')
			return address_parse(slice_of(s.ptr, at), address) ? at : 0;
	return 0;
}

size_t decoder_ip_length(struct slice s)
{
	size_t n = s.len == 0 ? 0 : ipv4_length(s); /* an empty text may have no place */
	return n > 0 || s.len == 0 ? n : ipv6_length(s);
}

static inline size_t run_of(struct slice s, uint8_t class)
{
	size_t n = 0;
	while (n < s.len && (classes[s.ptr[n]] & class))
		n++;
	return n;
}

static size_t int_length(struct slice s)
{
	size_t sign = s.len > 0 && s.ptr[0] == '-', n = sign;
	while (n < s.len && is_digit(s.ptr[n]))
		n++;
	return n == sign ? 0 : n;
}

static size_t number_length(struct slice s)
{
	size_t n = int_length(s);
	if (n > 0 && n + 1 < s.len && s.ptr[n] == '.' && is_digit(s.ptr[n + 1]))
		n += 1 + run_of(slice_from(s, n + 1), C_DIGIT);
	return n;
}

static size_t hex_length(struct slice s)
{
	size_t prefix = slice_starts(s, SLICE("0x")) || slice_starts(s, SLICE("0X")) ? 2 : 0;
	size_t digits = run_of(slice_from(s, prefix), C_HEX);
	return digits == 0 ? 0 : prefix + digits;
}

/* aa:bb:cc:dd:ee:ff, aa-bb-..., aabb.ccdd.eeff, aabb-ccdd-eeff, aabbccddeeff. */
static size_t mac_length(struct slice s)
{
	size_t digits = 0, at = 0;
	while (at < s.len && digits < 12) {
		if (is_hex(s.ptr[at]))
			digits++;
		else if (!(s.ptr[at] == ':' || s.ptr[at] == '-' || s.ptr[at] == '.') || digits == 0 || digits % 2 != 0)
			return 0;
		at++;
	}
	return digits == 12 && (at == s.len || !is_hex(s.ptr[at])) ? at : 0;
}

static size_t address_length(struct slice s)
{
	size_t n = decoder_ip_length(s);
	return n > 0 ? n : run_of(s, C_HOST);
}

/* With both quotes; a backslash takes the next octet, a doubled quote is text. */
static size_t quoted_length(struct slice s)
{
	if (s.len < 2 || (s.ptr[0] != '"' && s.ptr[0] != '\''))
		return 0;
	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == s.ptr[0] && i + 1 < s.len && s.ptr[i + 1] == s.ptr[0])
			i++;
		else if (s.ptr[i] == s.ptr[0])
			return i + 1;
	}
	return 0;
}

static size_t until_length(struct slice s, const struct pattern_op *op)
{
	size_t n = 0;
	if (op->text.len == 1) {
		n = slice_find_octet(s, op->text.ptr[0], 0);
		return n == SIZE_MAX ? s.len : n;
	}
	while (n < s.len && !octets_hold(op->set, s.ptr[n]))
		n++;
	return n;
}

static size_t choice_length(struct slice s, const struct pattern_op *op)
{
	if (op->set != NULL && (s.len == 0 || !octets_hold(op->set, s.ptr[0])))
		return SIZE_MAX;
	for (uint16_t i = 0; i < op->choice_count; i++)
		if (slice_starts(s, op->choices[i]))
			return op->choices[i].len;
	return SIZE_MAX;
}

/* ---- the walk ---- */

static inline bool literal_at(const struct matcher *m, const struct pattern_op *op, size_t at)
{
	size_t left = m->text.len - at, len = op->text.len;
	const uint8_t *p = m->text.ptr + at;
	if (left < 8)
		return left >= len && p[0] == op->text.ptr[0] && memcmp(p, op->text.ptr, len) == 0;
	uint64_t head;
	memcpy(&head, p, 8);
	if (((head ^ op->head) & op->mask) != 0)
		return false;
	return len <= 8 || (left >= len && memcmp(p + 8, op->text.ptr + 8, len - 8) == 0);
}

/* Whether the part at op could begin at `at`: a cheap look before a try. */
static bool may_start(const struct matcher *m, uint32_t i, size_t at)
{
	const struct pattern_op *op = &m->ops[i];
	switch (op->kind) {
	case OP_LITERAL:
		return literal_at(m, op, at);
	case OP_OPTIONAL:
		return may_start(m, i + 1, at) || may_start(m, op->jump, at);
	case OP_SPACE:
		return (at < m->text.len && decoder_is_space(m->text.ptr[at])) || may_start(m, i + 1, at);
	case OP_END:
		return at == m->text.len;
	case OP_INT:
		return at < m->text.len && (is_digit(m->text.ptr[at]) || m->text.ptr[at] == '-');
	case OP_ONE:
		return choice_length(slice_from(m->text, at), op) != SIZE_MAX;
	default:
		return true;
	}
}

/* Whether a word must stop before `at` because what follows it begins there. */
static bool stops_word(const struct matcher *m, uint32_t i, size_t at)
{
	const struct pattern_op *op = &m->ops[i];
	if (op->kind == OP_LITERAL)
		return literal_at(m, op, at);
	return op->kind == OP_OPTIONAL && (stops_word(m, i + 1, at) || stops_word(m, op->jump, at));
}

static bool capture(struct matcher *m, uint32_t op, size_t at, size_t len)
{
	if (m->ops[op].target.name == DECODER_NONE)
		return true;
	if (m->out->count == DECODER_CAPTURES_MAX)
		return false;
	m->out->list[m->out->count++] = (struct capture){(uint32_t)at, (uint32_t)len, (uint16_t)op};
	return true;
}

static bool match_at(struct matcher *m, uint32_t i, size_t at);

static bool try_at(struct matcher *m, uint32_t i, size_t from, size_t at)
{
	uint32_t kept = m->out->count;
	if (m->attempts == 0)
		return false;
	m->attempts--;
	if (capture(m, i, from, at - from) && match_at(m, i + 1, at))
		return true;
	m->out->count = kept;
	return false;
}

static bool match_text(struct matcher *m, uint32_t i, size_t from)
{
	const struct pattern_op *next = &m->ops[i + 1];
	const uint64_t *set = m->ops[i].set;
	for (size_t at = from; at <= m->text.len && m->attempts > 0; at++) {
		if (next->kind == OP_LITERAL) {
			at = slice_find(m->text, m->ops[i].text, at);
			if (at == SIZE_MAX)
				return false;
		} else {
			while (set != NULL && at < m->text.len && !octets_hold(set, m->text.ptr[at]))
				at++;
			if (!may_start(m, i + 1, at))
				continue;
		}
		if (try_at(m, i, from, at))
			return true;
	}
	return false;
}

static bool match_last(struct matcher *m, uint32_t i, size_t from)
{
	const struct pattern_op *next = &m->ops[i + 1];
	const uint64_t *set = m->ops[i].set;
	for (size_t at = m->text.len + 1; at > from && m->attempts > 0;) {
		at--;
		if (next->kind != OP_LITERAL && set != NULL && at < m->text.len && !octets_hold(set, m->text.ptr[at]))
			continue;
		if (next->kind == OP_LITERAL) {
			const uint8_t *p = at > from ? memrchr(m->text.ptr + from, next->text.ptr[0], at - from) : NULL;
			if (at < m->text.len && m->text.ptr[at] == next->text.ptr[0])
				p = m->text.ptr + at;
			if (p == NULL)
				return false;
			at = (size_t)(p - m->text.ptr);
		}
		if (may_start(m, i + 1, at) && try_at(m, i, from, at))
			return true;
	}
	return false;
}

/* Up to an octet that no word (or host) has, or to where what follows it begins. The set has both. */
static size_t word_length(const struct matcher *m, uint32_t i, size_t at)
{
	const struct pattern_op *op = &m->ops[i];
	size_t n = at;
	for (; n < m->text.len; n++) {
		uint8_t c = m->text.ptr[n];
		if (!octets_hold(op->set, c))
			continue;
		if (op->kind == OP_WORD ? decoder_is_space(c) : !is_host(c))
			break;
		if (n > at && stops_word(m, i + 1, n))
			break;
	}
	return n - at;
}

/* Apart, as are others with room for an address or a time: the walk itself is entered for every part. */
static __attribute__((noinline)) size_t time_length(struct slice format, struct slice s)
{
	struct time_found found;
	return decoder_time_read(format, s, 0, &found);
}

static inline size_t unless_none(size_t n)
{
	return n == 0 ? SIZE_MAX : n;
}

/* Octets that the typed part takes of s; SIZE_MAX when it does not hold there. */
static size_t part_length(const struct pattern_op *op, struct slice s)
{
	switch (op->kind) {
	case OP_IP:
		return unless_none(decoder_ip_length(s));
	case OP_ADDRESS:
		return unless_none(address_length(s));
	case OP_NUMBER:
		return unless_none(number_length(s));
	case OP_HEX:
		return unless_none(hex_length(s));
	case OP_MAC:
		return unless_none(mac_length(s));
	case OP_ONE:
		return choice_length(s, op);
	case OP_TIME:
		return unless_none(time_length(op->text, s));
	default:
		CHECK(op->kind == OP_QUOTED); /* there is no other part with a length */
		return unless_none(quoted_length(s));
	}
}

/* Whether the optional part at i is there; what was captured in vain is forgotten. */
static bool match_optional(struct matcher *m, uint32_t i, size_t at)
{
	uint32_t kept = m->out->count;
	/* Most optional parts begin with a literal and are not there. */
	if (m->ops[i + 1].kind == OP_LITERAL && !literal_at(m, &m->ops[i + 1], at))
		return false;
	m->attempts--;
	if (match_at(m, i + 1, at))
		return true;
	m->out->count = kept;
	return false;
}

static bool match_at(struct matcher *m, uint32_t i, size_t at)
{
	for (;; i++) {
		const struct pattern_op *op = &m->ops[i];
		size_t n, quote = 0;
		switch (op->kind) {
		case OP_END:
			return at == m->text.len;
		case OP_LITERAL:
			if (!literal_at(m, op, at))
				return false;
			at += op->text.len;
			continue;
		case OP_SPACE:
			while (at < m->text.len && decoder_is_space(m->text.ptr[at]))
				at++;
			continue;
		case OP_OPTIONAL:
			if (m->attempts == 0)
				return false;
			if (match_optional(m, i, at))
				return true;
			i = op->jump - 1u;
			continue;
		case OP_TEXT:
			return match_text(m, i, at);
		case OP_LAST:
			return match_last(m, i, at);
		case OP_WORD:
		case OP_HOST:
			n = unless_none(word_length(m, i, at));
			break;
		case OP_INT:
			n = unless_none(int_length(slice_from(m->text, at)));
			break;
		case OP_UNTIL:
			n = until_length(slice_from(m->text, at), op);
			break;
		case OP_REST:
			n = m->text.len - at;
			break;
		default:
			quote = op->kind == OP_QUOTED;
			n = part_length(op, slice_from(m->text, at));
		}
		if (n == SIZE_MAX || !capture(m, i, at + quote, n - 2 * quote))
			return false;
		at += n;
	}
}

bool decoder_pattern_match(const struct decoder_pattern *p, struct slice text, struct captures *out)
{
	struct matcher m = {p->ops, text, out, DECODER_ATTEMPTS_MAX};
	out->count = 0;
	return match_at(&m, 0, 0);
}
