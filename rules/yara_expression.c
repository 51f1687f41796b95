/* Whole numbers that a condition computes from the record alone: reads at places that may be computed too, the size,
 * constants, sums and bits. Anything else is not read, and then nothing is said about the comparison it stands in. */
#include "rules/yara_reading.h"

#define NESTING_MAX 16u

struct expression_reader {
	struct reading *r;
	struct part left; /* of the text */
	uint32_t depth;
};

static const struct yara_expression *read_level(struct expression_reader *e, unsigned level);

static struct yara_expression *new_expression(struct expression_reader *e, enum yara_operation operation)
{
	struct yara_expression *x = arena_zalloc(e->r->arena, sizeof *x);
	e->r->failed |= !x;
	if (x)
		x->operation = operation;
	return x;
}

static bool take(struct expression_reader *e, const char *sign)
{
	bool there = is_at(e->left, 0, sign);
	e->left.first += there;
	return there;
}

static const struct yara_expression *read_inner(struct expression_reader *e)
{
	const struct yara_expression *x = e->depth++ < NESTING_MAX ? read_level(e, 0) : NULL;
	e->depth--;
	return x && take(e, ")") ? x : NULL;
}

static const struct yara_expression *read_term(struct expression_reader *e)
{
	const struct yara_token *t = token_at(e->left, 0);
	struct yara_guard read = {0};
	if (take(e, "("))
		return read_inner(e);
	e->left.first += t->type != YARA_END;
	if (t->type == YARA_NUMBER) {
		struct yara_expression *x = new_expression(e, OPERATION_NUMBER);
		if (x)
			x->value = t->value;
		return x;
	}
	if (yara_token_is(t, "filesize"))
		return new_expression(e, OPERATION_SIZE);
	if (t->type != YARA_WORD || !yara_read_width(t->text, &read) || !take(e, "("))
		return NULL;
	struct yara_expression *x = new_expression(e, OPERATION_READ);
	const struct yara_expression *at = read_inner(e);
	if (!x || !at)
		return NULL;
	x->read = read;
	x->left = at;
	return x;
}

/* From what binds least. */
static const struct {
	const char *sign;
	unsigned level;
	enum yara_operation operation;
} signs[] = {{"|", 0, OPERATION_OR},      {"^", 1, OPERATION_XOR},    {"&", 2, OPERATION_AND},
			 {"<<", 3, OPERATION_LEFT},   {">>", 3, OPERATION_RIGHT}, {"+", 4, OPERATION_ADD},
			 {"-", 4, OPERATION_SUBTRACT}};

static const struct yara_expression *read_level(struct expression_reader *e, unsigned level)
{
	if (level == 5)
		return read_term(e);
	const struct yara_expression *left = read_level(e, level + 1);
	for (unsigned i = 0; left && i < sizeof signs / sizeof *signs;) {
		if (signs[i].level != level || !take(e, signs[i].sign)) {
			i++;
			continue;
		}
		struct yara_expression *x = new_expression(e, signs[i].operation);
		const struct yara_expression *right = read_level(e, level + 1);
		bool shift = signs[i].level == 3; /* by a constant only */
		if (!x || !right || (shift && (right->operation != OPERATION_NUMBER || right->value > 62)))
			return NULL;
		x->left = left;
		x->right = right;
		left = x;
		i = 0;
	}
	return left;
}

const struct yara_expression *read_expression(struct reading *r, struct part p)
{
	struct expression_reader e = {r, p, 0};
	const struct yara_expression *x = read_level(&e, 0);
	return x && e.left.first == e.left.end ? x : NULL;
}
