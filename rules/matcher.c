#include "rules/matcher.h"

#include "common/text.h"

/* ---- one value ---- */

static enum verdict verdict_of(bool holds)
{
	return holds ? VERDICT_TRUE : VERDICT_FALSE;
}

static bool number_holds(const struct matcher *m, const struct number *n)
{
	if (n->type == NUMBER_NONE)
		return false;
	int order = number_order(n, &m->number);
	switch (m->compare) {
	case COMPARE_GT:
		return order > 0;
	case COMPARE_GTE:
		return order >= 0;
	case COMPARE_LT:
		return order < 0;
	case COMPARE_LTE:
		return order <= 0;
	case COMPARE_EQ:
		return order == 0;
	case COMPARE_NEQ:
		return order != 0;
	}
	return false;
}

static bool date_holds(const struct matcher *m, int64_t ns)
{
	struct number n = {.type = NUMBER_I64, .i64 = date_part(ns, m->zone_minutes, m->part)};
	return number_holds(m, &n);
}

static bool date_text_holds(const struct matcher *m, struct slice text)
{
	int64_t ns;
	return date_read(text, m->zone_minutes, &ns) && date_holds(m, ns);
}

static bool bool_holds(const struct matcher *m, const struct view_value *x)
{
	if (x->value.type != VALUE_BOOL && x->value.type != VALUE_STRING)
		return false;
	return slice_equal_nocase(x->text, m->truth ? SLICE("true") : SLICE("false"));
}

static enum verdict regex_verdict(const struct matcher *m, struct slice text, struct regex_scratch *scratch)
{
	switch (regex_search(m->regex, scratch, text)) {
	case REGEX_YES:
		return VERDICT_TRUE;
	case REGEX_NO:
		return VERDICT_FALSE;
	case REGEX_UNDECIDED:
		break;
	}
	return VERDICT_UNKNOWN;
}

/* A dot takes all but the end of a line and what is no UTF-8. */
static bool is_line(struct slice text)
{
	return slice_find_octet(text, '\n', 0) == SIZE_MAX && slice_find_octet(text, '\r', 0) == SIZE_MAX &&
		   utf8_valid(text);
}

/* What is not in the outline cannot match; where the outline is all there is to the expression, what is matches. */
static enum verdict outlined_verdict(const struct matcher *m, struct row_view *v, struct view_value *x,
									 struct regex_scratch *scratch)
{
	if (m->pattern && !view_matches(v, x, m->pattern))
		return VERDICT_FALSE;
	if (m->outline_whole && is_line(x->text))
		return VERDICT_TRUE;
	return regex_verdict(m, x->text, scratch);
}

static bool other_holds(const struct matcher *m, struct row_view *v, struct view_value *x, struct view_value *y)
{
	struct slice a = m->cased ? x->text : view_folded(v, x), b = m->cased ? y->text : view_folded(v, y);
	switch (m->place) {
	case PLACE_START:
		return slice_starts(a, b);
	case PLACE_END:
		return slice_ends(a, b);
	case PLACE_INSIDE:
		return slice_find(a, b, 0) != SIZE_MAX;
	case PLACE_WHOLE:
		break;
	}
	const struct number *p = view_number(x), *q = view_number(y);
	return slice_equal(a, b) || (p->type != NUMBER_NONE && q->type != NUMBER_NONE && number_order(p, q) == 0);
}

/* fieldref: any value of this field against any of the other; null is no value. */
static bool fieldref_holds(const struct matcher *m, struct row_view *v, struct view_value *x)
{
	for (uint32_t at = row_view_first(v, &m->other); at != NO_VALUE; at = v->links[at].next)
		if (row_view_value(v, at)->value.type != VALUE_NULL && other_holds(m, v, x, &v->values[at]))
			return true;
	return false;
}

/* The value is not null. */
static enum verdict value_judge(const struct matcher *m, struct row_view *v, struct view_value *x,
								struct regex_scratch *regex)
{
	const uint8_t *address;
	if (m->kind == MATCH_TEXT && !m->cased)
		return verdict_of(view_matches(v, x, m->pattern));
	v->tests++;
	switch (m->kind) {
	case MATCH_TEXT:
		return verdict_of(pattern_match(m->pattern, x->text));
	case MATCH_REGEX:
		return outlined_verdict(m, v, x, regex);
	case MATCH_NETWORK:
		return verdict_of(view_address(x, &address) && network_holds(m->network, m->bits, address));
	case MATCH_NUMBER:
		return verdict_of(view_number(x)->type != NUMBER_NONE && number_order(view_number(x), &m->number) == 0);
	case MATCH_COMPARE:
		return verdict_of(number_holds(m, view_number(x)));
	case MATCH_DATE:
		return verdict_of(date_text_holds(m, x->text));
	case MATCH_BOOL:
		return verdict_of(bool_holds(m, x));
	case MATCH_FIELD:
		return verdict_of(fieldref_holds(m, v, x));
	case MATCH_NULL:
	case MATCH_EXISTS:
		break;
	}
	return VERDICT_FALSE;
}

/* ---- one matcher over all values of its field ---- */

static enum verdict field_judge(const struct matcher *m, struct row_view *v, uint32_t first,
								struct regex_scratch *regex)
{
	if (m->kind == MATCH_EXISTS)
		return verdict_of((first != NO_VALUE) == m->truth);
	if (first == NO_VALUE)
		return verdict_of(m->kind == MATCH_NULL || (m->own_time && date_holds(m, batch_row_when(&v->row))));
	enum verdict best = VERDICT_FALSE;
	for (uint32_t at = first; at != NO_VALUE && best != VERDICT_TRUE; at = v->links[at].next) {
		struct view_value *x = row_view_value(v, at);
		bool null = x->value.type == VALUE_NULL;
		enum verdict one = m->kind == MATCH_NULL ? verdict_of(null)
						   : null                ? VERDICT_FALSE
												 : value_judge(m, v, x, regex);
		if (one > best)
			best = one;
	}
	return best;
}

static enum verdict keyword_judge(const struct matcher *m, struct row_view *v, struct regex_scratch *regex)
{
	enum verdict best = VERDICT_FALSE;
	if (row_view_texts(v)) {
		v->failed = true;
		return VERDICT_UNKNOWN;
	}
	for (uint32_t i = 0; i < v->text_count && best != VERDICT_TRUE; i++) {
		enum verdict one = value_judge(m, v, &v->texts[i], regex);
		if (one > best)
			best = one;
	}
	return best;
}

enum verdict item_judge(const struct item *item, struct row_view *v, struct regex_scratch *regex)
{
	enum verdict decides = item->all ? VERDICT_FALSE : VERDICT_TRUE, sum = item->all ? VERDICT_TRUE : VERDICT_FALSE;
	uint32_t first = item->keyword ? NO_VALUE : row_view_first(v, &item->names);
	for (uint32_t i = 0; i < item->count && sum != decides; i++) {
		const struct matcher *m = &item->matchers[i];
		enum verdict one = item->keyword ? keyword_judge(m, v, regex) : field_judge(m, v, first, regex);
		if (item->all ? one < sum : one > sum)
			sum = one;
	}
	return sum;
}

/* Depth is bounded by that of YAML and of parentheses. */
enum verdict node_judge(const struct node *n, struct row_view *v, struct regex_scratch *regex)
{
	if (n->kind == NODE_ITEM)
		return item_judge(n->item, v, regex);
	if (n->kind == NODE_NOT)
		return (enum verdict)(VERDICT_TRUE - node_judge(n->children[0], v, regex));
	bool all = n->kind == NODE_AND;
	enum verdict decides = all ? VERDICT_FALSE : VERDICT_TRUE, sum = all ? VERDICT_TRUE : VERDICT_FALSE;
	for (uint32_t i = 0; i < n->count && sum != decides; i++) {
		enum verdict one = node_judge(n->children[i], v, regex);
		if (all ? one < sum : one > sum)
			sum = one;
	}
	return sum;
}
