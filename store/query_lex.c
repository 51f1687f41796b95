#include "store/query_parse.h"

#include <stdarg.h>
#include <stdio.h>

static uint32_t column_of(struct slice text, size_t at)
{
	uint32_t column = 1;
	for (size_t i = 0; i < at && i < text.len; i++)
		if ((text.ptr[i] & 0xc0) != 0x80)
			column++;
	return column;
}

int parse_error(struct parser *p, size_t at, const char *format, ...)
{
	char text[400];
	uint32_t column = column_of(p->text, at);
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(p->error, ERROR_SYNTAX, "%s, column %u", text, column);
	error_at(p->error, NULL, 1, column);
	return -ERROR_SYNTAX;
}

int parse_memory(struct parser *p)
{
	return error_set(p->error, ERROR_MEMORY, "no memory for the query");
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void parse_space(struct parser *p)
{
	while (p->at < p->text.len && is_space(p->text.ptr[p->at]))
		p->at++;
}

bool parse_end(const struct parser *p)
{
	return p->at >= p->text.len;
}

uint8_t parse_peek(const struct parser *p)
{
	return parse_end(p) ? 0 : p->text.ptr[p->at];
}

/* Octets that end a word wherever they stand. */
static bool ends_atom(uint8_t c)
{
	return is_space(c) || c == '(' || c == ')' || c == '"' || c == '|';
}

bool parse_word(struct parser *p, const char *word)
{
	size_t len = strlen(word);
	if (p->text.len - p->at < len || !slice_equal_nocase(slice_of(p->text.ptr + p->at, len), slice_of(word, len)))
		return false;
	uint8_t next = p->at + len < p->text.len ? p->text.ptr[p->at + len] : ' ';
	if (!ends_atom(next) && next != ',')
		return false;
	p->at += len;
	return true;
}

const char *parse_found(struct parser *p, char buf[16])
{
	uint32_t code_point;
	if (parse_end(p))
		return "the end of the query";
	unsigned n = utf8_decode(p->text.ptr + p->at, p->text.len - p->at, &code_point);
	if (n == 0 || code_point < 0x20 || code_point == 0x7f)
		return "a control character";
	snprintf(buf, 16, "'%.*s'", (int)n, (const char *)p->text.ptr + p->at);
	return buf;
}

/* A backslash in front of these takes their meaning away; elsewhere it is an ordinary character, as in Windows paths. */
static bool takes_escape(uint8_t c, bool quoted)
{
	if (quoted)
		return c == '"' || c == '\\';
	return c < 0x80 && !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) && c != '_';
}

size_t parse_find_plain(struct slice raw, uint8_t octet)
{
	for (size_t at = 0; at < raw.len; at++) {
		if (raw.ptr[at] == octet)
			return at;
		if (raw.ptr[at] == '\\' && at + 1 < raw.len && takes_escape(raw.ptr[at + 1], false))
			at++;
	}
	return SIZE_MAX;
}

static size_t atom_quoted_end(struct parser *p)
{
	for (size_t at = p->at + 1; at < p->text.len; at++) {
		if (p->text.ptr[at] == '"')
			return at + 1;
		if (p->text.ptr[at] == '\\' && at + 1 < p->text.len && takes_escape(p->text.ptr[at + 1], true))
			at++;
	}
	return SIZE_MAX;
}

static size_t atom_plain_end(struct parser *p, const char *stop)
{
	size_t at = p->at;
	while (at < p->text.len) {
		uint8_t c = p->text.ptr[at];
		if (ends_atom(c) || (c != 0 && strchr(stop, c) != NULL))
			break;
		at += c == '\\' && at + 1 < p->text.len && takes_escape(p->text.ptr[at + 1], false) ? 2 : 1;
	}
	return at;
}

static uint8_t *atom_unescape(const struct atom *atom, struct slice inner, uint8_t *out, bool *wild)
{
	for (size_t i = 0; i < inner.len; i++) {
		uint8_t c = inner.ptr[i];
		if (c == '\\' && i + 1 < inner.len && takes_escape(inner.ptr[i + 1], atom->quoted)) {
			*out++ = inner.ptr[++i];
		} else if (!atom->quoted && (c == '*' || c == '?')) {
			*out++ = c == '*' ? PATTERN_MANY : PATTERN_ONE;
			*wild = true;
		} else {
			*out++ = c;
		}
	}
	return out;
}

int parse_atom(struct parser *p, const char *stop, struct atom *out)
{
	*out = (struct atom){.start = p->at, .quoted = parse_peek(p) == '"'};
	size_t end = out->quoted ? atom_quoted_end(p) : atom_plain_end(p, stop);
	if (end == SIZE_MAX)
		return parse_error(p, p->at, "a phrase needs a closing \"");
	out->raw = slice_of(p->text.ptr + p->at, end - p->at);
	struct slice inner = out->quoted ? slice_of(out->raw.ptr + 1, out->raw.len - 2) : out->raw;
	uint8_t *room = arena_alloc(&p->q->arena, inner.len);
	if (room == NULL)
		return parse_memory(p);
	out->marked = slice_of(room, (size_t)(atom_unescape(out, inner, room, &out->wild) - room));
	p->at = end;
	return 0;
}
