/* The JSON reader: a state per place in the grammar, a bit per depth for what is open. Strings are passed eight octets
 * at a time; nothing is copied. */
#include "common/json.h"

#include "common/format.h"
#include "common/limits.h"
#include "common/text.h"

_Static_assert(sizeof(((struct json_reader *)0)->stack_objects) * 8 >= 64, "a bit per depth");

enum state {
	WANT_VALUE, /* at the start, after a key, after a comma in an array */
	WANT_FIRST, /* after '[': a value or ']' */
	WANT_FIRST_KEY, /* after '{': a key or '}' */
	WANT_KEY, /* after a comma in an object */
	AFTER_VALUE,
	BROKEN,
};

void json_reader_init(struct json_reader *r, struct slice text)
{
	static const uint8_t nothing[1];
	const uint8_t *start = text.len == 0 ? nothing : text.ptr;
	*r = (struct json_reader){.start = start, .ptr = start, .end = start + text.len, .depth_max = LIMIT_json_depth};
}

static enum json_type broken(struct json_reader *r, struct json_token *token, const uint8_t *at)
{
	r->error_at = (size_t)(at - r->start);
	r->state = BROKEN;
	token->text = SLICE_NONE;
	return token->type = JSON_ERROR;
}

static inline const uint8_t *behind_space(const uint8_t *p, const uint8_t *end)
{
	if (p<end && * p> ' ') /* mostly there is none */
		return p;
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static void skip_space(struct json_reader *r)
{
	r->ptr = behind_space(r->ptr, r->end);
}

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS (ONES << 7)

/* High bits of the octets that are zero; exact up to and including the first one, which is all that is asked. */
static uint64_t zero_octets(uint64_t v)
{
	return (v - ONES) & ~v & HIGHS;
}

#ifdef __SSE2__
#include <emmintrin.h>

/* Sixteen at a time; *hit: one was found. */
static inline const uint8_t *special_wide(const uint8_t *p, const uint8_t *end, bool *hit)
{
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
	for (*hit = false; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, control), v);
		uint32_t bits = (uint32_t)_mm_movemask_epi8(_mm_or_si128(marks, low));
		*hit = bits != 0;
		if (bits != 0)
			return p + __builtin_ctz(bits);
	}
	return p;
}
#else
static inline const uint8_t *special_wide(const uint8_t *p, const uint8_t *end, bool *hit)
{
	(void)end;
	*hit = false;
	return p;
}
#endif

/* The first quote, backslash or control at or after p; `end` when there is none. */
static inline const uint8_t *next_special(const uint8_t *p, const uint8_t *end)
{
	bool hit;
	p = special_wide(p, end, &hit);
	if (hit)
		return p;
	for (; end - p >= 8; p += 8) {
		uint64_t v = get_u64(p);
		uint64_t hits = zero_octets(v ^ ONES * '"') | zero_octets(v ^ ONES * '\\') | ((v - ONES * 0x20) & ~v & HIGHS);
		if (hits != 0)
			return p + (__builtin_ctzll(hits) >> 3);
	}
	while (p < end && *p != '"' && *p != '\\' && *p >= 0x20)
		p++;
	return p;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The 16 bits of four hex digits; -1 when they are not there. */
static int32_t hex_four(const uint8_t *p, const uint8_t *end)
{
	int32_t value = 0;
	if (end - p < 4)
		return -1;
	for (unsigned i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* Octets of the escape at p (a backslash); 0 when it is none. */
static inline size_t escape_len(const uint8_t *p, const uint8_t *end)
{
	static const uint8_t lens[256] = {
		['"'] = 2, ['\\'] = 2, ['/'] = 2, ['b'] = 2, ['f'] = 2, ['n'] = 2, ['r'] = 2, ['t'] = 2, ['u'] = 6};
	size_t len = end - p < 2 ? 0 : lens[p[1]];
	return len == 6 && hex_four(p + 2, end) < 0 ? 0 : len;
}

/* Where the string that begins at p (behind its quote) ends: at its closing quote, or at what it cannot hold. */
static inline const uint8_t *string_end(const uint8_t *p, const uint8_t *end, bool *escaped)
{
	*escaped = false;
	for (;;) {
		p = next_special(p, end);
		size_t len = p < end && *p == '\\' ? escape_len(p, end) : 0;
		if (len == 0)
			return p;
		*escaped = true;
		p += len;
	}
}

/* r->ptr is at the opening quote. */
static bool string(struct json_reader *r, struct json_token *token)
{
	const uint8_t *from = r->ptr + 1, *p = string_end(from, r->end, &token->escaped);
	if (p == r->end || *p != '"') {
		broken(r, token, p);
		return false;
	}
	token->text = slice_of(from, (size_t)(p - from));
	r->ptr = p + 1;
	return true;
}

static const uint8_t *digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (unsigned)*p - '0' < 10)
		p++;
	return p;
}

/* RFC 8259 section 6: its end; *good is false when that is where it breaks off. What follows is looked at by the next
 * state. */
static const uint8_t *number_end(const uint8_t *p, const uint8_t *end, bool *good)
{
	const uint8_t *from = p += *p == '-';
	p = p < end && *p == '0' ? p + 1 : digits(p, end);
	*good = p > from;
	if (*good && p < end && *p == '.') {
		from = ++p;
		p = digits(p, end);
		*good = p > from;
	}
	if (*good && p < end && (*p | 0x20) == 'e') {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		from = p;
		p = digits(p, end);
		*good = p > from;
	}
	return p;
}

static enum json_type number(struct json_reader *r, struct json_token *token)
{
	bool good;
	const uint8_t *p = number_end(r->ptr, r->end, &good);
	if (!good)
		return broken(r, token, p);
	token->text = slice_of(r->ptr, (size_t)(p - r->ptr));
	r->ptr = p;
	r->state = AFTER_VALUE;
	return token->type = JSON_NUMBER;
}

static enum json_type word(struct json_reader *r, struct json_token *token, struct slice wanted, enum json_type type)
{
	if (!slice_starts(slice_of(r->ptr, (size_t)(r->end - r->ptr)), wanted))
		return broken(r, token, r->ptr);
	token->text = slice_of(r->ptr, wanted.len);
	r->ptr += wanted.len;
	r->state = AFTER_VALUE;
	return token->type = type;
}

static enum json_type open_level(struct json_reader *r, struct json_token *token, bool object)
{
	if (r->depth >= r->depth_max || r->depth >= 64)
		return broken(r, token, r->ptr);
	uint64_t bit = UINT64_C(1) << r->depth++;
	r->stack_objects = object ? r->stack_objects | bit : r->stack_objects & ~bit;
	token->text = slice_of(r->ptr++, 1);
	r->state = object ? WANT_FIRST_KEY : WANT_FIRST;
	return token->type = object ? JSON_OBJECT : JSON_ARRAY;
}

static bool in_object(const struct json_reader *r)
{
	return r->depth > 0 && (r->stack_objects >> (r->depth - 1) & 1) != 0;
}

static enum json_type close_level(struct json_reader *r, struct json_token *token)
{
	bool object = in_object(r);
	token->text = slice_of(r->ptr++, 1);
	r->depth--;
	r->state = AFTER_VALUE;
	return token->type = object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static enum json_type value(struct json_reader *r, struct json_token *token)
{
	switch (*r->ptr) {
	case '"':
		if (!string(r, token))
			return JSON_ERROR;
		r->state = AFTER_VALUE;
		return token->type = JSON_STRING;
	case '{':
		return open_level(r, token, true);
	case '[':
		return open_level(r, token, false);
	case 't':
		return word(r, token, SLICE("true"), JSON_TRUE);
	case 'f':
		return word(r, token, SLICE("false"), JSON_FALSE);
	case 'n':
		return word(r, token, SLICE("null"), JSON_NULL);
	default:
		return number(r, token);
	}
}

static enum json_type key(struct json_reader *r, struct json_token *token)
{
	if (*r->ptr != '"')
		return broken(r, token, r->ptr);
	if (!string(r, token))
		return JSON_ERROR;
	skip_space(r);
	if (r->ptr == r->end || *r->ptr != ':')
		return broken(r, token, r->ptr);
	r->ptr++;
	r->state = WANT_VALUE;
	return token->type = JSON_KEY;
}

/* Behind a value: the end of the text, the end of a level, or a comma and what it promises. */
static enum json_type after_value(struct json_reader *r, struct json_token *token)
{
	uint8_t octet = *r->ptr;
	if (r->depth == 0)
		return broken(r, token, r->ptr);
	if (octet == (in_object(r) ? '}' : ']'))
		return close_level(r, token);
	if (octet != ',')
		return broken(r, token, r->ptr);
	r->ptr++;
	r->state = in_object(r) ? WANT_KEY : WANT_VALUE;
	skip_space(r);
	if (r->ptr == r->end)
		return broken(r, token, r->ptr);
	return r->state == WANT_KEY ? key(r, token) : value(r, token);
}

enum json_type json_next(struct json_reader *r, struct json_token *token)
{
	token->escaped = false;
	skip_space(r);
	if (r->state == BROKEN)
		return token->type = JSON_ERROR;
	if (r->ptr == r->end) {
		if (r->state != AFTER_VALUE || r->depth > 0)
			return broken(r, token, r->ptr);
		token->text = SLICE_NONE;
		return token->type = JSON_END;
	}
	switch ((enum state)r->state) {
	case AFTER_VALUE:
		return after_value(r, token);
	case WANT_FIRST_KEY:
		return *r->ptr == '}' ? close_level(r, token) : key(r, token);
	case WANT_FIRST:
		return *r->ptr == ']' ? close_level(r, token) : value(r, token);
	case WANT_KEY:
		return key(r, token);
	default:
		return value(r, token);
	}
}

/* ---- members ---- */

/* The quote of the next key: behind '{', or behind a value and a comma. Null: there is none. */
static inline const uint8_t *member_begins(const struct json_reader *r)
{
	const uint8_t *p = behind_space(r->ptr, r->end);
	if (r->state == AFTER_VALUE) {
		if (p == r->end || *p != ',' || !in_object(r))
			return NULL;
		p = behind_space(p + 1, r->end);
	} else if (r->state != WANT_FIRST_KEY) {
		return NULL;
	}
	return p < r->end && *p == '"' ? p : NULL;
}

static inline const uint8_t *word_end(const uint8_t *p, const uint8_t *end, enum json_type *type)
{
	struct slice rest = slice_of(p, (size_t)(end - p)), word = *p == 't' ? SLICE("true") : SLICE("null");
	*type = *p == 't' ? JSON_TRUE : JSON_NULL;
	if (*p == 'f') {
		word = SLICE("false");
		*type = JSON_FALSE;
	}
	return slice_starts(rest, word) ? p + word.len : NULL;
}

/* The end of a plain value, or null; *text of a string is what is between its quotes. */
static inline const uint8_t *plain_value(const uint8_t *p, const uint8_t *end, struct json_token *value)
{
	const uint8_t *from = p;
	bool good = true;
	value->escaped = false;
	if (*p == '"') {
		value->type = JSON_STRING;
		p = string_end(++from, end, &value->escaped);
		value->text = slice_of(from, (size_t)(p - from));
		return p < end && *p == '"' ? p + 1 : NULL;
	}
	if (*p == '-' || (unsigned)*p - '0' < 10) {
		value->type = JSON_NUMBER;
		p = number_end(p, end, &good);
	} else {
		p = word_end(p, end, &value->type);
	}
	value->text = slice_of(from, good && p != NULL ? (size_t)(p - from) : 0);
	return good ? p : NULL;
}

bool json_next_member(struct json_reader *r, struct slice *key, struct json_token *value)
{
	const uint8_t *from = member_begins(r);
	if (from == NULL)
		return false;
	const uint8_t *p = next_special(++from, r->end);
	if (p == r->end || *p != '"')
		return false;
	*key = slice_of(from, (size_t)(p - from));
	p = behind_space(p + 1, r->end);
	if (p == r->end || *p != ':')
		return false;
	p = behind_space(p + 1, r->end);
	p = p < r->end ? plain_value(p, r->end, value) : NULL;
	if (p == NULL)
		return false;
	r->ptr = p;
	r->state = AFTER_VALUE;
	return true;
}

bool json_skip(struct json_reader *r)
{
	struct json_token token;
	uint32_t depth = r->depth;
	while (r->depth >= depth) {
		enum json_type type = json_next(r, &token);
		if (type == JSON_ERROR || type == JSON_END)
			return false;
	}
	return true;
}

/* ---- unescape ---- */

static uint8_t short_escape(uint8_t letter)
{
	switch (letter) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return letter;
	}
}

/* The code point of the \u escape at p, with its second half when it is a pair; *len = octets read. */
static uint32_t unicode_escape(const uint8_t *p, const uint8_t *end, size_t *len)
{
	uint32_t first = (uint32_t)hex_four(p + 2, end);
	*len = 6;
	if (first < 0xd800 || first >= 0xe000)
		return first;
	if (first < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
		int32_t second = hex_four(p + 8, end);
		if (second >= 0xdc00 && second < 0xe000) {
			*len = 12;
			return 0x10000 + ((first - 0xd800) << 10) + ((uint32_t)second - 0xdc00);
		}
	}
	return 0xfffd;
}

/* Copies what is before the next backslash or the end and returns how much that is. `to` is not further in its room than p
 * in its text, so that sixteen octets fit where sixteen are left to read. */
static inline size_t copy_plain(const uint8_t *p, const uint8_t *end, uint8_t *to)
{
	size_t n = 0, left = (size_t)(end - p);
#ifdef __SSE2__
	const __m128i backslash = _mm_set1_epi8('\\');
	for (; left - n >= 16; n += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + n));
		uint32_t bits = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, backslash));
		_mm_storeu_si128((__m128i *)(void *)(to + n), v);
		if (bits != 0)
			return n + (size_t)__builtin_ctz(bits);
	}
#endif
	for (; n < left && p[n] != '\\'; n++)
		to[n] = p[n];
	return n;
}

size_t json_unescape(struct slice s, uint8_t *out)
{
	const uint8_t *p = s.ptr, *end = s.ptr + s.len;
	uint8_t *to = out;
	while (p < end) {
		size_t plain = copy_plain(p, end, to), len;
		to += plain;
		p += plain;
		if (p == end)
			break;
		len = escape_len(p, end);
		if (len == 6) {
			to += utf8_encode(unicode_escape(p, end, &len), to);
		} else {
			/* No escape: the reader would have refused it, so these octets did not come from there. Kept. */
			*to++ = len == 2 ? short_escape(p[1]) : '\\';
			len = len == 0 ? 1 : len;
		}
		p += len;
	}
	return (size_t)(to - out);
}
