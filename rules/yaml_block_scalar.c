/* Scalars of the quick reader. Their texts lie in the reader's copy of the file; lines that are folded or lose their indent
 * are moved together there, behind the line that is read. */
#include "rules/yaml_block.h"

/* ---- quoted ---- */

/* The octet that a quote or an escape at `from` stands for, and its length; 0: the end, or nothing that is known here. */
static unsigned quoted_octet(const struct block_reader *b, const uint8_t *from, uint8_t quote)
{
	uint8_t next = from + 1 < b->end ? from[1] : '\n';
	if (quote == '\'')
		return *from != '\'' ? 1 : next == '\'' ? 2 : 0;
	if (*from == '\\')
		return next == '\\' || next == '"' ? 2 : 0;
	return *from != '"';
}

/* Up to the closing quote; false: it is not in this line. */
static bool quoted_end(const struct block_reader *b, const uint8_t **out, uint32_t *escapes)
{
	const uint8_t *at = b->at + 1;
	uint8_t quote = *b->at;
	*escapes = 0;
	while (at < b->end && *at != '\n') {
		unsigned len = quoted_octet(b, at, quote);
		if (len == 0)
			break;
		*escapes += len - 1;
		at += len;
	}
	*out = at;
	return at < b->end && *at == quote;
}

/* Written elsewhere: columns of what follows in the line are counted in it as it was. */
static bool quoted_text(const struct block_reader *b, const uint8_t *end, uint32_t escapes, struct slice *out)
{
	const uint8_t *from = b->at + 1;
	*out = slice_of(from, (size_t)(end - from));
	if (escapes == 0)
		return true;
	uint8_t *to = arena_alloc(b->arena, out->len);
	*out = slice_of(to, out->len - escapes);
	while (to && from < end) {
		from += quoted_octet(b, from, *b->at);
		*to++ = from[-1];
	}
	return out->ptr != NULL;
}

int block_quoted(struct block_reader *b, struct tree_node **out)
{
	const uint8_t *end;
	uint32_t escapes;
	if (!quoted_end(b, &end, &escapes))
		return BLOCK_DECLINED;
	struct tree_node *n = block_node(b);
	if (!n || !quoted_text(b, end, escapes, &n->text))
		return -ERROR_MEMORY;
	n->type = TREE_STRING;
	n->quoted = true;
	b->at += end - b->at + 1;
	*out = n;
	return 0;
}

/* ---- plain ---- */

static bool plain_begins(const struct block_reader *b)
{
	static const bool never[256] = {
		[' '] = true,  ['\n'] = true, ['?'] = true, [','] = true, ['['] = true, [']'] = true, ['{'] = true,
		['}'] = true,  ['#'] = true,  ['&'] = true, ['*'] = true, ['!'] = true, ['|'] = true, ['>'] = true,
		['\''] = true, ['"'] = true,  ['%'] = true, ['@'] = true, ['`'] = true,
	};
	bool mark = *b->at == '-' || *b->at == ':';
	return !never[*b->at] && (!mark || !block_blank_at(b, b->at + 1));
}

static uint8_t *plain_end(const struct block_reader *b, uint8_t *at)
{
	static const bool looked_at[256] = {['\n'] = true, [':'] = true, ['#'] = true};
	for (;; at++) {
		while (at < b->end && !looked_at[*at])
			at++;
		if (at == b->end || *at == '\n' || (*at == ':' && block_blank_at(b, at + 1)) || (*at == '#' && at[-1] == ' '))
			return at;
	}
}

uint8_t *block_plain_end(const struct block_reader *b)
{
	return plain_begins(b) ? plain_end(b, b->at) : NULL;
}

/* From a line's end to the text that goes on behind it, deeper than `indent`. */
static bool plain_goes_on(struct block_reader *b, uint32_t indent)
{
	uint8_t *at = b->at, *start = b->line_start;
	uint32_t line = b->line;
	while (at < b->end && (*at == ' ' || *at == '\n'))
		if (*at++ == '\n') {
			start = at;
			line++;
		}
	if (at == b->end || (size_t)(at - start) <= indent || *at == '#')
		return false;
	b->at = at;
	b->line_start = start;
	b->line = line;
	return true;
}

/* One line's end is a blank, of several the first one counts for nothing; blanks beside them go. */
static size_t fold_lines(uint8_t *text, const uint8_t *end)
{
	uint8_t *to = text;
	for (const uint8_t *at = text; at < end;) {
		const uint8_t *blank = at;
		size_t lines = 0;
		while (*blank == ' ' || *blank == '\n') /* the last octet is neither */
			lines += *blank++ == '\n';
		if (lines == 0) {
			*to++ = *at++;
			continue;
		}
		at = blank;
		memset(to, lines == 1 ? ' ' : '\n', lines == 1 ? 1 : lines - 1);
		to += lines == 1 ? 1 : lines - 1;
	}
	return (size_t)(to - text);
}

static uint8_t *trim_end(uint8_t *from, uint8_t *end)
{
	while (end > from && end[-1] == ' ')
		end--;
	return end;
}

/* To the end of a plain text, over all its lines. */
static int plain_lines(struct block_reader *b, uint32_t indent, uint8_t **end)
{
	do {
		uint8_t *from = b->at;
		b->at = plain_end(b, from);
		*end = trim_end(from, b->at);
		if (b->at < b->end && *b->at == ':')
			return BLOCK_DECLINED;
	} while (b->at < b->end && *b->at == '\n' && plain_goes_on(b, indent));
	return 0;
}

static int read_plain(struct block_reader *b, uint32_t indent, struct tree_node **out)
{
	uint8_t *start = b->at, *end = NULL;
	if (!plain_begins(b))
		return BLOCK_DECLINED;
	struct tree_node *n = block_node(b);
	if (!n)
		return -ERROR_MEMORY;
	int rc = plain_lines(b, indent, &end);
	if (rc)
		return rc;
	n->block = b->line != n->line;
	n->text = slice_of(start, n->block ? fold_lines(start, end) : (size_t)(end - start));
	tree_resolve(n);
	*out = n;
	return block_next(b);
}

/* ---- blocks ---- */

/* The column of the first line that is not blank; false: there is none, or a blank line before it is longer. */
static bool block_indent(const struct block_reader *b, uint32_t *out)
{
	const uint8_t *at = b->at, *start = at;
	size_t longest = 0;
	for (; at < b->end && (*at == ' ' || *at == '\n'); at++)
		if (*at == '\n') {
			longest = (size_t)(at - start) > longest ? (size_t)(at - start) : longest;
			start = at + 1;
		}
	*out = (uint32_t)(at - start);
	return at < b->end && longest <= *out;
}

struct block_text {
	uint8_t *to;
	bool folded;
	bool ended; /* a line's end has been read that is not written yet */
	bool indented; /* the line before began with a blank */
	size_t blanks; /* blank lines since */
};

/* What stands between the line before and one that begins with `first`. */
static void write_breaks(struct block_text *t, uint8_t first)
{
	bool joined = t->folded && t->ended && !t->indented && first != ' ';
	if (t->ended && (!joined || t->blanks == 0))
		*t->to++ = joined ? ' ' : '\n';
	memset(t->to, '\n', t->blanks);
	t->to += t->blanks;
	t->blanks = 0;
	t->indented = first == ' ';
}

static void write_line(struct block_reader *b, struct block_text *t)
{
	uint8_t *end = memchr(b->at, '\n', (size_t)(b->end - b->at));
	size_t len = (size_t)((end ? end : b->end) - b->at);
	write_breaks(t, *b->at);
	memmove(t->to, b->at, len);
	t->to += len;
	t->ended = end != NULL;
	b->at = end ? end + 1 : b->end;
}

static void next_line(struct block_reader *b, bool ended)
{
	b->line_start = b->at;
	b->line += ended;
}

static void read_lines(struct block_reader *b, uint32_t indent, struct block_text *t)
{
	for (;;) {
		while (b->at < b->end && *b->at == ' ' && (size_t)(b->at - b->line_start) < indent)
			b->at++;
		if (b->at == b->end)
			return;
		if (*b->at == '\n') {
			b->at++;
			t->blanks++;
			next_line(b, true);
		} else if ((size_t)(b->at - b->line_start) < indent) {
			b->at = b->line_start;
			return;
		} else {
			write_line(b, t);
			next_line(b, t->ended);
		}
	}
}

/* '|' or '>', and how its last lines' ends are kept; the text begins in the next line. */
static int read_header(struct block_reader *b, struct block_text *t, uint8_t *chomp)
{
	t->folded = *b->at++ == '>';
	*chomp = b->at < b->end && (*b->at == '-' || *b->at == '+') ? *b->at++ : 0;
	while (b->at < b->end && *b->at == ' ')
		b->at++;
	if (b->at == b->end || *b->at != '\n')
		return BLOCK_DECLINED;
	t->to = b->at++;
	b->line_start = b->at;
	b->line++;
	return 0;
}

static int read_block(struct block_reader *b, uint32_t indent, struct tree_node **out)
{
	struct tree_node *n = block_node(b);
	struct block_text t = {0};
	uint8_t chomp;
	uint32_t deeper;
	if (!n)
		return -ERROR_MEMORY;
	if (read_header(b, &t, &chomp) || !block_indent(b, &deeper) || deeper <= indent)
		return BLOCK_DECLINED;
	n->text.ptr = t.to;
	n->type = TREE_STRING;
	n->block = true;
	read_lines(b, deeper, &t);
	if (t.ended && chomp != '-')
		*t.to++ = '\n';
	if (chomp == '+') {
		memset(t.to, '\n', t.blanks);
		t.to += t.blanks;
	}
	n->text.len = (size_t)(t.to - n->text.ptr);
	*out = n;
	return block_next(b);
}

int block_scalar(struct block_reader *b, uint32_t indent, struct tree_node **out)
{
	int rc;
	switch (*b->at) {
	case '|':
	case '>':
		return read_block(b, indent, out);
	case '\'':
	case '"':
		rc = block_quoted(b, out);
		return rc ? rc : block_next(b);
	default:
		return read_plain(b, indent, out);
	}
}
