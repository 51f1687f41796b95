/* What running a correlation asks of rules/: numbers, and conditions over names. */
#include "rules/ruleset.h"

bool rules_number(struct slice text, double *out)
{
	struct number n = number_parse(text);
	if (n.type == NUMBER_NONE)
		return false;
	*out = n.type == NUMBER_I64 ? (double)n.i64 : n.type == NUMBER_U64 ? (double)n.u64 : n.f64;
	return true;
}

bool expression_holds(const struct expression *e, uint32_t count, uint64_t present)
{
	bool stack[EXPRESSION_PARTS_MAX];
	uint32_t top = 0;
	stack[0] = false;
	for (uint32_t i = 0; i < count; i++) {
		switch (e[i].kind) {
		case EXPRESSION_RULE:
			stack[top++] = present >> e[i].rule & 1;
			break;
		case EXPRESSION_NOT:
			CHECK(top >= 1);
			stack[top - 1] = !stack[top - 1];
			break;
		case EXPRESSION_AND:
			CHECK(top >= 2); /* what it joins stands before it */
			top--;
			stack[top - 1] &= stack[top];
			break;
		case EXPRESSION_OR:
			CHECK(top >= 2);
			top--;
			stack[top - 1] |= stack[top];
			break;
		}
	}
	return stack[0];
}
