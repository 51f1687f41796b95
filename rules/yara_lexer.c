#include "rules/yara_lexer.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
	return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The octet `ahead` of the place, or 0 past the end: a YARA file holds none. */
static uint8_t peek(const struct yara_lexer *l, size_t ahead)
{
	return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : 0;
}

static bool skip_to(struct yara_lexer *l, struct slice what)
{
	size_t at = slice_find(l->text, what, l->at);
	l->at = at == SIZE_MAX ? l->text.len : at + what.len;
	return at != SIZE_MAX;
}

/* False: a comment without end. */
static bool skip_blank(struct yara_lexer *l)
{
	for (;;) {
		uint8_t c = peek(l, 0);
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			l->at++;
		} else if (c == '/' && peek(l, 1) == '/') {
			(void)skip_to(l, SLICE("\n"));
		} else if (c == '/' && peek(l, 1) == '*') {
			l->at += 2;
			if (!skip_to(l, SLICE("*/")))
				return false;
		} else {
			return true;
		}
	}
}

static struct slice since(const struct yara_lexer *l, size_t from)
{
	return slice_of(l->text.ptr + from, l->at - from);
}

/* Up to the closing octet, what a backslash stands before passed over; on one line. */
static bool lex_quoted(struct yara_lexer *l, uint8_t close)
{
	for (l->at++; l->at < l->text.len; l->at++) {
		uint8_t c = peek(l, 0);
		if (c == '\n')
			return false;
		if (c == '\\')
			l->at++;
		if (c == close) {
			l->at++;
			return true;
		}
	}
	return false;
}

static bool lex_regex(struct yara_lexer *l)
{
	if (!lex_quoted(l, '/'))
		return false;
	while (peek(l, 0) == 'i' || peek(l, 0) == 's')
		l->at++;
	return true;
}

static bool lex_hex(struct yara_lexer *l)
{
	for (l->at++; l->at < l->text.len; l->at++) {
		if (!skip_blank(l))
			return false;
		if (peek(l, 0) == '}') {
			l->at++;
			return true;
		}
	}
	return false;
}

static uint32_t digit_of(uint8_t c)
{
	return is_digit(c) ? (uint32_t)c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10u : 99;
}

/* Digits of a base; false when there is none or the number does not fit. */
static bool lex_digits(struct yara_lexer *l, uint32_t base, int64_t *value)
{
	size_t first = l->at;
	*value = 0;
	for (; digit_of(peek(l, 0)) < base; l->at++)
		if (__builtin_mul_overflow(*value, (int64_t)base, value) ||
			__builtin_add_overflow(*value, (int64_t)digit_of(peek(l, 0)), value))
			return false;
	return l->at > first;
}

static bool lex_unit(struct yara_lexer *l, int64_t *value)
{
	int64_t unit = peek(l, 1) != 'B' ? 1 : peek(l, 0) == 'K' ? 1024 : peek(l, 0) == 'M' ? 1048576 : 1;
	if (unit > 1)
		l->at += 2;
	return !__builtin_mul_overflow(*value, unit, value);
}

static bool lex_number(struct yara_lexer *l, struct yara_token *out)
{
	uint32_t base = peek(l, 0) != '0' ? 10 : peek(l, 1) == 'x' ? 16 : peek(l, 1) == 'o' ? 8 : 10;
	out->type = YARA_NUMBER;
	if (base != 10)
		l->at += 2;
	if (!lex_digits(l, base, &out->value))
		return false;
	if (base == 10 && peek(l, 0) == '.' && is_digit(peek(l, 1))) {
		int64_t rest;
		l->at++;
		out->type = YARA_DOUBLE;
		return lex_digits(l, 10, &rest);
	}
	return (base != 10 || lex_unit(l, &out->value)) && !is_word(peek(l, 0));
}

static void lex_word(struct yara_lexer *l)
{
	while (is_word(peek(l, 0)))
		l->at++;
}

static void lex_marked(struct yara_lexer *l, enum yara_token_type type, struct yara_token *out)
{
	l->at++;
	out->type = type;
	lex_word(l);
	if (type == YARA_STRING && peek(l, 0) == '*')
		l->at++;
	out->text = slice_of(l->text.ptr + out->at + 1, l->at - out->at - 1);
}

static bool lex_sign(struct yara_lexer *l, struct yara_token *out)
{
	static const char doubles[][3] = {"==", "!=", "<=", ">=", "<<", ">>", ".."};
	if (peek(l, 0) <= ' ' || peek(l, 0) >= 127)
		return false;
	size_t len = 1;
	for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
		if (peek(l, 0) == (uint8_t)doubles[i][0] && peek(l, 1) == (uint8_t)doubles[i][1])
			len = 2;
	out->type = YARA_SIGN;
	l->at += len;
	return true;
}

static bool lex_one(struct yara_lexer *l, bool value, struct yara_token *out)
{
	uint8_t c = peek(l, 0);
	if (c == '"' || c == '/') {
		out->type = c == '/' ? YARA_REGEX : YARA_TEXT;
		return c == '/' ? lex_regex(l) : lex_quoted(l, '"');
	}
	if (c == '{' && value) {
		out->type = YARA_HEX;
		return lex_hex(l);
	}
	if (is_digit(c))
		return lex_number(l, out);
	if (is_word(c)) {
		out->type = YARA_WORD;
		lex_word(l);
		return true;
	}
	return lex_sign(l, out);
}

bool yara_lex(struct yara_lexer *l, bool value, struct yara_token *out)
{
	if (!skip_blank(l))
		return false;
	*out = (struct yara_token){.type = YARA_END, .at = l->at};
	uint8_t c = peek(l, 0);
	if (l->at >= l->text.len)
		return true;
	if (c == '$' || c == '#' || c == '@' || (c == '!' && peek(l, 1) != '=')) {
		lex_marked(l, c == '$' ? YARA_STRING : c == '#' ? YARA_COUNT : c == '@' ? YARA_OFFSET : YARA_LENGTH, out);
		return true;
	}
	size_t from = l->at;
	if (!lex_one(l, value, out))
		return false;
	out->text = since(l, from);
	return true;
}
