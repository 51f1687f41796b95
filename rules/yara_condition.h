/* What a YARA condition cannot hold without. Only files of rules/ include it.
 *
 * A condition becomes a tree of needs: strings that must be there (at least K of a set), constant guards (an integer read
 * at a fixed place, the size) that must hold, and `and` / `or` of these. Whatever else a condition says is left out, as if
 * it held: so the condition is false whenever its need is not met, and nothing is promised when it is met. That this stays
 * true is all that reading a condition has to take care of; when in doubt, a part becomes NEED_NOTHING.
 */
#ifndef RULES_YARA_CONDITION_H
#define RULES_YARA_CONDITION_H

#include "rules/yara_text.h"

enum yara_guard_kind {
	GUARD_SIZE, /* filesize */
	GUARD_READ, /* uint8(at), int16be(at), ... */
	GUARD_EXPRESSION, /* a comparison of expressions */
	GUARD_VARIABLE /* the external variable number `at` is not empty */
};
enum yara_relation {
	RELATION_EQ,
	RELATION_NE,
	RELATION_LT,
	RELATION_LE,
	RELATION_GT,
	RELATION_GE
};

enum yara_operation {
	OPERATION_NUMBER,
	OPERATION_SIZE,
	OPERATION_READ, /* at the place that `left` gives */
	OPERATION_OR,
	OPERATION_XOR,
	OPERATION_AND,
	OPERATION_LEFT,
	OPERATION_RIGHT,
	OPERATION_ADD,
	OPERATION_SUBTRACT
};

struct yara_expression;

struct yara_guard {
	enum yara_guard_kind kind;
	enum yara_relation relation;
	uint8_t width; /* octets read */
	bool is_signed, is_big;
	int64_t at, value;
	const struct yara_expression *left, *right;
};

struct yara_expression {
	enum yara_operation operation;
	int64_t value;
	struct yara_guard read; /* width, is_signed, is_big */
	const struct yara_expression *left, *right;
};

enum yara_need_kind {
	NEED_NOTHING, /* always met */
	NEED_NEVER,
	NEED_ALL, /* each of the children */
	NEED_ANY, /* one of them */
	NEED_STRINGS, /* at least `least` strings of the set */
	NEED_CURRENT, /* inside `for ... of`: the string that the loop stands at */
	NEED_RULE, /* what another rule needs, which is judged together with this one */
	NEED_GUARD
};

/* The external variables, which take their values from fields of the event. */
#define YARA_VARIABLES 5u
extern const char *const yara_variables[YARA_VARIABLES];

struct yara_need {
	enum yara_need_kind kind;
	uint32_t count, least;
	const struct yara_need **children; /* count of them */
	const uint64_t *set; /* a bit for each string of the rule */
	uint32_t words; /* of set */
	const struct yara_need *rule;
	struct yara_guard guard;
};

enum yara_strings {
	STRINGS_KNOWN,
	STRINGS_ALL,
	STRINGS_NONE
};
enum yara_guards {
	GUARDS_LOOK,
	GUARDS_HOLD,
	GUARDS_FAIL,
	GUARDS_ONE_FAILS,
	GUARDS_OCTET_FAIL /* those that the first octet decides */
};

/* What is known when a need is looked at. */
struct yara_known {
	enum yara_strings strings;
	enum yara_guards guards;
	const uint64_t *set; /* STRINGS_KNOWN: those that are there */
	uint32_t words; /* of set */
	struct slice octets; /* GUARDS_LOOK: what they look at */
	const struct yara_guard *failing; /* GUARDS_ONE_FAILS: it and those equal to it */
	uint32_t variables; /* a bit for each that is not empty */
	bool current_missing;
};

/* Fills the needs of all rules. False: no memory. */
bool yara_needs_read(struct arena *arena, struct yara_file_text *file);
bool yara_need_met(const struct yara_need *need, const struct yara_known *known);
bool yara_guard_holds(const struct yara_guard *guard, const struct yara_known *known);
/* The first octet that the guard asks for, or YARA_ANY_OCTET. */
#define YARA_ANY_OCTET 256u
uint32_t yara_guard_octet(const struct yara_guard *guard);
/* <0, 0, >0; 0: the same guard. */
int yara_guard_order(const struct yara_guard *a, const struct yara_guard *b);
bool yara_variable_find(struct slice name, int64_t *number);

static inline uint32_t yara_words(uint32_t strings)
{
	return strings / 64 + 1;
}

#endif
