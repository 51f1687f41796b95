/* Looking whether a need is met. */
#include "rules/yara_condition.h"

static bool relation_holds(enum yara_relation relation, int64_t a, int64_t b)
{
	switch (relation) {
	case RELATION_EQ:
		return a == b;
	case RELATION_NE:
		return a != b;
	case RELATION_LT:
		return a < b;
	case RELATION_LE:
		return a <= b;
	case RELATION_GT:
		return a > b;
	case RELATION_GE:
		return a >= b;
	}
	return true;
}

static int64_t read_at(const struct yara_guard *g, const uint8_t *p)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < g->width; i++)
		value |= (uint64_t)p[g->is_big ? g->width - 1 - i : i] << (8 * i);
	CHECK(g->width == 1 || g->width == 2 || g->width == 4);
	unsigned unused = 64u - 8u * g->width;
	return g->is_signed ? (int64_t)(value << unused) >> unused : (int64_t)value;
}

/* False: undefined, past the end. */
static bool read_defined(const struct yara_guard *g, int64_t at, struct slice octets, int64_t *value)
{
	if (at < 0 || octets.len < g->width || (uint64_t)at > octets.len - g->width)
		return false;
	*value = read_at(g, octets.ptr + at);
	return true;
}

static int64_t join_numbers(enum yara_operation operation, uint64_t a, uint64_t b)
{
	switch (operation) {
	case OPERATION_OR:
		return (int64_t)(a | b);
	case OPERATION_XOR:
		return (int64_t)(a ^ b);
	case OPERATION_AND:
		return (int64_t)(a & b);
	case OPERATION_LEFT:
		return (int64_t)(a << b);
	case OPERATION_RIGHT:
		return (int64_t)a >> b;
	case OPERATION_ADD:
		return (int64_t)(a + b);
	default:
		return (int64_t)(a - b);
	}
}

/* False: undefined, as is everything that is computed from it. */
static bool compute(const struct yara_expression *x, struct slice octets, int64_t *value)
{
	int64_t a, b;
	switch (x->operation) {
	case OPERATION_NUMBER:
		*value = x->value;
		return true;
	case OPERATION_SIZE:
		*value = (int64_t)octets.len;
		return true;
	case OPERATION_READ:
		return compute(x->left, octets, &a) && read_defined(&x->read, a, octets, value);
	default:
		break;
	}
	if (!compute(x->left, octets, &a) || !compute(x->right, octets, &b))
		return false;
	*value = join_numbers(x->operation, (uint64_t)a, (uint64_t)b);
	return true;
}

static bool comparison_holds(const struct yara_guard *g, struct slice octets)
{
	int64_t a, b;
	return compute(g->left, octets, &a) && compute(g->right, octets, &b) && relation_holds(g->relation, a, b);
}

/* No comparison with what is undefined holds. */
static bool read_holds(const struct yara_guard *g, struct slice octets)
{
	int64_t value;
	return read_defined(g, g->at, octets, &value) && relation_holds(g->relation, value, g->value);
}

bool yara_guard_holds(const struct yara_guard *guard, const struct yara_known *known)
{
	switch (guard->kind) {
	case GUARD_SIZE:
		return relation_holds(guard->relation, (int64_t)known->octets.len, guard->value);
	case GUARD_READ:
		return read_holds(guard, known->octets);
	case GUARD_EXPRESSION:
		return comparison_holds(guard, known->octets);
	case GUARD_VARIABLE:
		return known->variables >> guard->at & 1;
	}
	return true;
}

static bool strings_met(const struct yara_need *need, const struct yara_known *known)
{
	uint32_t n = 0;
	if (known->strings != STRINGS_KNOWN)
		return known->strings == STRINGS_ALL;
	for (uint32_t w = 0; w < known->words && n < need->least; w++)
		n += (uint32_t)__builtin_popcountll(need->set[w] & known->set[w]);
	return n >= need->least;
}

int yara_guard_order(const struct yara_guard *a, const struct yara_guard *b)
{
	int64_t left[] = {a->kind,   a->relation, a->width, a->is_signed,
					  a->is_big, a->at,       a->value, (int64_t)(uintptr_t)a->left};
	int64_t right[] = {b->kind,   b->relation, b->width, b->is_signed,
					   b->is_big, b->at,       b->value, (int64_t)(uintptr_t)b->left};
	for (unsigned i = 0; i < sizeof left / sizeof *left; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

uint32_t yara_guard_octet(const struct yara_guard *guard)
{
	if (guard->kind != GUARD_READ || guard->relation != RELATION_EQ || guard->at != 0)
		return YARA_ANY_OCTET;
	return (uint32_t)((uint64_t)guard->value >> (guard->is_big ? 8 * (guard->width - 1) : 0)) & 0xff;
}

static bool guard_met(const struct yara_need *need, const struct yara_known *known)
{
	switch (known->guards) {
	case GUARDS_LOOK:
		return yara_guard_holds(&need->guard, known);
	case GUARDS_HOLD:
		return true;
	case GUARDS_FAIL:
		return false;
	case GUARDS_ONE_FAILS:
		return yara_guard_order(&need->guard, known->failing) != 0;
	case GUARDS_OCTET_FAIL:
		return yara_guard_octet(&need->guard) == YARA_ANY_OCTET;
	}
	return true;
}

static bool children_met(const struct yara_need *need, const struct yara_known *known)
{
	bool all = need->kind == NEED_ALL;
	for (uint32_t i = 0; i < need->count; i++)
		if (yara_need_met(need->children[i], known) != all)
			return !all;
	return all;
}

bool yara_need_met(const struct yara_need *need, const struct yara_known *known)
{
	switch (need->kind) {
	case NEED_NOTHING:
		return true;
	case NEED_NEVER:
		return false;
	case NEED_CURRENT:
		return !known->current_missing;
	case NEED_STRINGS:
		return strings_met(need, known);
	case NEED_GUARD:
		return guard_met(need, known);
	case NEED_RULE: /* of the other rule's strings nothing is known here, unless it has none */
		return known->strings == STRINGS_KNOWN || yara_need_met(need->rule, known);
	case NEED_ALL:
	case NEED_ANY:
		return children_met(need, known);
	}
	return true;
}

const char *const yara_variables[YARA_VARIABLES] = {"filename", "filepath", "extension", "filetype", "owner"};

bool yara_variable_find(struct slice name, int64_t *number)
{
	for (*number = 0; *number < YARA_VARIABLES; ++*number)
		if (slice_equal(name, slice_str(yara_variables[*number])))
			return true;
	return false;
}
