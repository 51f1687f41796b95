/* The parser of the query language: one pass over the text, no tokens in between, because what a character means depends
 * on where it stands. Used by query_parse.c and query_pipe.c only.
 */
#ifndef STORE_QUERY_PARSE_H
#define STORE_QUERY_PARSE_H

#include "store/query.h"

struct parser {
	struct query *q;
	struct slice text;
	size_t at;
	uint32_t depth, terms;
	struct error *error;
};

/* Fails at octet `at`: the column counts characters. */
int parse_error(struct parser *p, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
int parse_memory(struct parser *p);
void parse_space(struct parser *p);
bool parse_end(const struct parser *p);
uint8_t parse_peek(const struct parser *p); /* 0 at the end */
/* Takes `word` (any case) when it stands here and ends here. */
bool parse_word(struct parser *p, const char *word);
/* What stands here, for messages: one character or "the end of the query". Valid until the next call. */
const char *parse_found(struct parser *p, char buf[16]);

/* One term's text with escapes and quotes taken away. */
struct atom {
	size_t start;
	struct slice marked; /* PATTERN_MANY and PATTERN_ONE for wildcards */
	struct slice raw; /* as written */
	bool quoted, wild;
};

/* Up to a character of `stop`, white space, a parenthesis, a quote or a bar; or the whole quoted text. */
int parse_atom(struct parser *p, const char *stop, struct atom *out);
/* The first such octet of an unquoted atom that no backslash takes the meaning from; SIZE_MAX. */
size_t parse_find_plain(struct slice raw, uint8_t octet);

/* or-expression up to `)`, a bar or the end. */
int parse_expression(struct parser *p, struct node **out);
int parse_field(struct parser *p, struct field_ref *out);
/* The pipes, from the first bar to the end. */
int parse_pipes(struct parser *p);

/* query_parse_value.c: what stands behind the colon. */
int parse_field_value(struct parser *p, const struct field_ref *field, size_t colon, struct node **out);

#endif
