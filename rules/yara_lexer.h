/* Tokens of YARA text, one after the other. Only yara_lexer.c and yara_text.c include it. */
#ifndef RULES_YARA_LEXER_H
#define RULES_YARA_LEXER_H

#include "rules/yara_text.h"

struct yara_lexer {
	struct slice text;
	size_t at;
};

/* The next token; of type YARA_END at the end. `value`: a string's value is expected, so that a brace begins hex. False:
 * this is no YARA. */
bool yara_lex(struct yara_lexer *l, bool value, struct yara_token *out);

#endif
