/* The text of a YARA file, cut into tokens and rules. libyara keeps no syntax tree, and we need to know what a condition
 * rests on (yara_condition.h) and to compile rules apart from their file (yara_plan.h). Only files of rules/ include it.
 *
 * Read here is only text that libyara has compiled. Whatever is not understood makes the cutting fail, never guess: the
 * file's rules are then judged as they stand. Slices point into the text.
 */
#ifndef RULES_YARA_TEXT_H
#define RULES_YARA_TEXT_H

#include "common/common.h"

enum yara_token_type {
	YARA_END,
	YARA_WORD, /* names and keywords; and parts of a name are told apart by the octet '.' between them */
	YARA_NUMBER, /* whole: value */
	YARA_DOUBLE,
	YARA_TEXT,
	YARA_REGEX,
	YARA_HEX, /* a hex string, only where one may stand */
	YARA_STRING, /* $a, $a*, $ */
	YARA_COUNT, /* #a */
	YARA_OFFSET, /* @a */
	YARA_LENGTH, /* !a */
	YARA_SIGN /* one or two octets */
};

struct yara_token {
	enum yara_token_type type;
	struct slice text; /* as it stands; of $ # @ ! what stands behind the sign */
	int64_t value;
	size_t at;
};

struct yara_need;

struct yara_rule_text {
	struct slice name;
	struct slice whole; /* from what stands before "rule" to the closing brace */
	struct slice head; /* from "rule" to the colon behind "condition" */
	const struct yara_token *condition; /* ends with YARA_END */
	uint32_t condition_count; /* without the end */
	const struct slice *strings; /* their names without $, in the order of the text */
	uint32_t string_count;
	const struct yara_need *need; /* yara_condition.h */
	bool is_global, is_private;
	uint32_t unit; /* rules of a file that must be compiled together: the lowest index of them */
};

struct yara_file_text {
	const struct slice *imports; /* each as it stands */
	struct yara_rule_text *rules;
	uint32_t import_count, rule_count;
};

/* False: not understood, or no memory (then *failed). */
bool yara_file_cut(struct arena *arena, struct slice text, struct yara_file_text *out, bool *failed);

static inline bool yara_token_is(const struct yara_token *t, const char *text)
{
	return (t->type == YARA_WORD || t->type == YARA_SIGN) && slice_equal(t->text, slice_str(text));
}

#endif
