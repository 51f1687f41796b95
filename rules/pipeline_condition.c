/* Conditions of transformations: of rules, of items of a selection, of names of fields. */
#include "rules/pipeline.h"

#include <stdio.h>

/* ---- reading ---- */

enum condition_scope {
	OF_RULE,
	OF_ITEM,
	OF_FIELD
};

struct condition_type {
	const char *name;
	enum condition_scope scope;
	int (*read)(struct loader *l, const struct tree_node *map, struct pipeline_condition *c);
	int (*rule)(struct rule_state *s, const struct pipeline_condition *c, bool *holds);
	bool (*value)(struct loader *l, const struct pipeline_condition *c, const struct literal *x);
};

static int needs(struct loader *l, const struct tree_node *map, const char *key, struct slice *out)
{
	const struct tree_node *n = tree_get(map, key);
	if (!n || !tree_is_scalar(n) || n->type == TREE_NULL)
		return loader_refuse_at(l, "pipeline-condition", n ? n : map, "this condition needs '%s'", key);
	*out = n->text;
	return 0;
}

static int read_regex(struct loader *l, const struct tree_node *n, struct regex **out)
{
	struct error error = {0};
	struct regex_list *link = arena_zalloc(&l->set->arena, sizeof *link);
	if (!link)
		return NO_MEMORY;
	int rc = regex_compile(l->env, n->text, REGEX_AT_START, &link->regex, &error);
	if (rc)
		return error.code == ERROR_MEMORY ? NO_MEMORY : loader_refuse_at(l, "pipeline-regex", n, "%s", error.text);
	link->next = l->set->regexes;
	l->set->regexes = link;
	*out = link->regex;
	return 0;
}

static int read_none(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	(void)l, (void)map, (void)c;
	return 0;
}

static int read_logsource(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	return sigma_logsource(l, map, &c->logsource);
}

static int read_field(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	return needs(l, map, "field", &c->text);
}

static int read_field_value(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	c->value = tree_get(map, "value");
	if (!c->value || !tree_is_scalar(c->value))
		return loader_refuse_at(l, "pipeline-condition", map, "this condition needs 'value'");
	return read_field(l, map, c);
}

static int read_tag(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	return needs(l, map, "tag", &c->text);
}

static int read_applied(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	return needs(l, map, "processing_item_id", &c->text);
}

static int read_op(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	static const char *const names[] = {"gt", "gte", "lt", "lte", "eq", "ne"};
	const struct tree_node *n = tree_get(map, "op");
	c->compare = COMPARE_EQ;
	for (int i = 0; n && i < 6; i++)
		if (tree_is_scalar(n) && slice_equal(n->text, slice_str(names[i]))) {
			c->compare = i;
			return 0;
		}
	return n ? loader_refuse_at(l, "pipeline-condition", n, "op is one of eq, ne, gt, gte, lt, lte") : 0;
}

static int read_attribute(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	int rc = needs(l, map, "attribute", &c->text);
	if (!rc)
		rc = needs(l, map, "value", &c->second);
	return rc ? rc : read_op(l, map, c);
}

static int read_state(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	int rc = needs(l, map, "key", &c->text);
	if (!rc)
		rc = needs(l, map, "val", &c->second);
	if (!rc)
		rc = read_op(l, map, c);
	if (!rc && c->compare != COMPARE_EQ && c->compare != COMPARE_NEQ)
		rc = loader_refuse_at(l, "pipeline-unsupported", tree_get(map, "op"), "processing_state knows eq and ne");
	return rc;
}

static int read_fields(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	const struct tree_node *n = tree_get(map, "fields"), *mode = tree_get(map, "mode");
	bool regex = mode && tree_is_scalar(mode) && slice_equal(mode->text, SLICE("re"));
	if (mode && !regex && !(tree_is_scalar(mode) && slice_equal(mode->text, SLICE("plain"))))
		return loader_refuse_at(l, "pipeline-condition", mode, "mode is plain or re");
	if (!n || n->type != TREE_LIST)
		return loader_refuse_at(l, "pipeline-condition", n ? n : map, "fields is a list of names");
	c->names = arena_zalloc(&l->tree, (n->count ? n->count : 1) * sizeof *c->names);
	c->regexes = regex ? arena_zalloc(&l->tree, (n->count ? n->count : 1) * sizeof *c->regexes) : NULL;
	if (!c->names || (regex && !c->regexes))
		return NO_MEMORY;
	for (uint32_t i = 0; i < n->count; i++) {
		if (!tree_is_scalar(n->items[i]))
			return loader_refuse_at(l, "pipeline-condition", n->items[i], "fields is a list of names");
		c->names[c->count++] = n->items[i]->text;
		int rc = regex ? read_regex(l, n->items[i], &c->regexes[i]) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

static int read_excluded(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	c->negated = true;
	return read_fields(l, map, c);
}

static int read_any_or_all(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	struct slice cond = SLICE_NONE;
	int rc = needs(l, map, "cond", &cond);
	c->all = !rc && slice_equal(cond, SLICE("all"));
	if (!rc && !c->all && !slice_equal(cond, SLICE("any")))
		rc = loader_refuse_at(l, "pipeline-condition", tree_get(map, "cond"), "cond is any or all");
	return rc;
}

static int read_match_string(struct loader *l, const struct tree_node *map, struct pipeline_condition *c)
{
	const struct tree_node *negate = tree_get(map, "negate"), *pattern = tree_get(map, "pattern");
	int rc = read_any_or_all(l, map, c);
	if (!rc)
		rc = needs(l, map, "pattern", &c->text);
	if (!rc && negate && negate->type != TREE_BOOL)
		rc = loader_refuse_at(l, "pipeline-condition", negate, "negate is true or false");
	if (rc)
		return rc;
	c->negated = negate && negate->truth;
	c->regexes = arena_zalloc(&l->tree, sizeof *c->regexes);
	return c->regexes ? read_regex(l, pattern, &c->regexes[0]) : NO_MEMORY;
}

/* ---- rules ---- */

static int logsource_judge(struct rule_state *s, const struct pipeline_condition *c, bool *holds)
{
	*holds = logsource_holds(&c->logsource, &s->rule->logsource);
	return 0;
}

static int tag_judge(struct rule_state *s, const struct pipeline_condition *c, bool *holds)
{
	*holds = false;
	for (uint32_t i = 0; i < s->rule->tag_count; i++)
		*holds |= slice_equal_nocase(s->rule->tags[i], c->text);
	return 0;
}

static int always_judge(struct rule_state *s, const struct pipeline_condition *c, bool *holds)
{
	(void)s, (void)c;
	*holds = true;
	return 0;
}

static int never_judge(struct rule_state *s, const struct pipeline_condition *c, bool *holds)
{
	(void)s, (void)c;
	*holds = false;
	return 0;
}

static int applied_judge(struct rule_state *s, const struct pipeline_condition *c, bool *holds)
{
	*holds = false;
	for (uint32_t i = 0; i < s->applied_count; i++)
		*holds |= s->applied[i]->id.len && slice_equal(s->applied[i]->id, c->text);
	return 0;
}

/* The last one set counts. */
static int state_judge(struct rule_state *s, const struct pipeline_condition *c, bool *holds)
{
	bool equal = false;
	for (uint32_t i = 0; i < s->applied_count; i++)
		if (s->applied[i]->kind == CHANGE_STATE && slice_equal(s->applied[i]->text, c->text))
			equal = slice_equal(s->applied[i]->second, c->second);
	*holds = equal == (c->compare == COMPARE_EQ);
	return 0;
}

/* Levels and statuses by their rank, numbers as numbers, all else (dates among it) as text. */
static int attribute_rank(struct slice text)
{
	static const char *const ranks[] = {"informational", "low",        "medium",       "high", "critical",
										"unsupported",   "deprecated", "experimental", "test", "stable"};
	for (int i = 0; i < 10; i++)
		if (slice_equal_nocase(text, slice_str(ranks[i])))
			return i;
	return -1;
}

static int attribute_order(struct slice a, struct slice b)
{
	struct number x = number_parse(a), y = number_parse(b);
	int p = attribute_rank(a), q = attribute_rank(b);
	if (p >= 0 && q >= 0)
		return p - q;
	return x.type != NUMBER_NONE && y.type != NUMBER_NONE ? number_order(&x, &y) : slice_compare(a, b);
}

static int attribute_judge(struct rule_state *s, const struct pipeline_condition *c, bool *holds)
{
	const struct tree_node *n = tree_get_slice(s->root, c->text);
	*holds = false;
	if (!n || !tree_is_scalar(n))
		return 0;
	int order = attribute_order(n->text, c->second);
	*holds = c->compare == COMPARE_EQ    ? order == 0
			 : c->compare == COMPARE_NEQ ? order != 0
			 : c->compare == COMPARE_GT  ? order > 0
			 : c->compare == COMPARE_GTE ? order >= 0
			 : c->compare == COMPARE_LT  ? order < 0
										 : order <= 0;
	return 0;
}

/* ---- values ---- */

static bool null_judge(struct loader *l, const struct pipeline_condition *c, const struct literal *x)
{
	(void)l, (void)c;
	return x->kind == LITERAL_NULL;
}

static bool wildcard_judge(struct loader *l, const struct pipeline_condition *c, const struct literal *x)
{
	(void)l, (void)c;
	return x->kind == LITERAL_TEXT && unit_text_has_wildcard(&x->text);
}

/* The value as a rule would write it, wildcards as their characters. */
static bool string_judge(struct loader *l, const struct pipeline_condition *c, const struct literal *x)
{
	struct slice octets = SLICE_NONE;
	if (x->kind != LITERAL_TEXT)
		return c->negated;
	uint32_t *units = arena_alloc(&l->tree, (x->text.count ? x->text.count : 1) * sizeof *units);
	if (!units)
		return false;
	for (uint32_t i = 0; i < x->text.count; i++) {
		uint32_t u = x->text.units[i];
		units[i] = u < UNIT_STAR ? u : u == UNIT_STAR ? '*' : u == UNIT_DASH ? '-' : u == UNIT_ONE ? '?' : '%';
	}
	struct unit_text plain = {units, x->text.count};
	if (!unit_text_octets(&l->tree, &plain, &octets))
		return false;
	return (regex_search(c->regexes[0], l->regex, octets) == REGEX_YES) != c->negated;
}

/* ---- the table ---- */

static const struct condition_type types[] = {
	{"logsource", OF_RULE, read_logsource, logsource_judge, NULL},
	{"contains_field", OF_RULE, read_field, rule_contains, NULL},
	{"contains_detection_item", OF_RULE, read_field_value, rule_contains, NULL},
	{"is_sigma_rule", OF_RULE, read_none, always_judge, NULL},
	{"is_sigma_correlation_rule", OF_RULE, read_none, never_judge, NULL},
	{"tag", OF_RULE, read_tag, tag_judge, NULL},
	{"rule_attribute", OF_RULE, read_attribute, attribute_judge, NULL},
	{"processing_item_applied", OF_RULE, read_applied, applied_judge, NULL},
	{"processing_state", OF_RULE, read_state, state_judge, NULL},
	{"match_string", OF_ITEM, read_match_string, NULL, string_judge},
	{"contains_wildcard", OF_ITEM, read_any_or_all, NULL, wildcard_judge},
	{"is_null", OF_ITEM, read_any_or_all, NULL, null_judge},
	{"include_fields", OF_FIELD, read_fields, NULL, NULL},
	{"exclude_fields", OF_FIELD, read_excluded, NULL, NULL},
};

static int read_one(struct loader *l, const struct tree_node *map, enum condition_scope scope,
					struct pipeline_condition *c)
{
	const struct tree_node *type = map->type == TREE_MAP ? tree_get(map, "type") : NULL;
	if (!type || !tree_is_scalar(type))
		return loader_refuse_at(l, "pipeline-condition", map, "a condition is a map with a type");
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (types[i].scope != scope || !slice_equal(type->text, slice_str(types[i].name)))
			continue;
		c->type = &types[i];
		return types[i].read(l, map, c);
	}
	return loader_refuse_at(l, "pipeline-unsupported", type, "the condition '%.*s' is not supported here",
							SLICE_PRINT(type->text));
}

static int read_linking(struct loader *l, const struct tree_node *transformation, const char *kind,
						struct condition_list *out)
{
	char key[48];
	snprintf(key, sizeof key, "%s_cond_op", kind);
	const struct tree_node *op = tree_get(transformation, key);
	if (op && !(tree_is_scalar(op) && (slice_equal(op->text, SLICE("and")) || slice_equal(op->text, SLICE("or")))))
		return loader_refuse_at(l, "pipeline-condition", op, "%s is and, or", key);
	out->any = op && slice_equal(op->text, SLICE("or"));
	snprintf(key, sizeof key, "%s_cond_not", kind);
	const struct tree_node *negated = tree_get(transformation, key);
	if (negated && negated->type != TREE_BOOL)
		return loader_refuse_at(l, "pipeline-condition", negated, "%s is true or false", key);
	out->negated = negated && negated->truth;
	return 0;
}

int pipeline_conditions_read(struct loader *l, const struct tree_node *transformation, const char *kind,
							 struct condition_list *out)
{
	char key[48];
	snprintf(key, sizeof key, "%s_conditions", kind);
	const struct tree_node *list = tree_get(transformation, key);
	enum condition_scope scope = kind[0] == 'r' ? OF_RULE : kind[0] == 'd' ? OF_ITEM : OF_FIELD;
	int rc = read_linking(l, transformation, kind, out);
	if (rc || !list || list->type == TREE_NULL)
		return rc;
	if (list->type == TREE_MAP)
		return loader_refuse_at(l, "pipeline-unsupported", list,
								"conditions with names are not supported: write a list");
	if (list->type != TREE_LIST)
		return loader_refuse_at(l, "pipeline-condition", list, "%s is a list", key);
	out->list = arena_zalloc(&l->tree, (list->count ? list->count : 1) * sizeof *out->list);
	if (!out->list)
		return NO_MEMORY;
	for (uint32_t i = 0; !rc && i < list->count; i++)
		rc = read_one(l, list->items[i], scope, &out->list[out->count++]);
	return rc;
}

/* ---- judging lists ---- */

static bool linked(const struct condition_list *c, uint32_t held)
{
	bool holds = c->count == 0 || (c->any ? held > 0 : held == c->count);
	return holds != (c->negated && c->count);
}

int rule_conditions_hold(struct rule_state *s, const struct condition_list *c, bool *holds)
{
	uint32_t held = 0;
	for (uint32_t i = 0; i < c->count; i++) {
		bool one;
		int rc = c->list[i].type->rule(s, &c->list[i], &one);
		if (rc)
			return rc;
		held += one;
	}
	*holds = linked(c, held);
	return 0;
}

static bool values_hold(struct literals *v, const struct pipeline_condition *c)
{
	uint32_t held = 0;
	for (uint32_t i = 0; i < v->count; i++)
		held += c->type->value(v->l, c, &v->list[i]);
	return c->all ? held == v->count : held > 0;
}

/* Conditions that search need a place to search in. */
static int need_regex(struct loader *l, const struct condition_list *c)
{
	if (!l->regex && c->count)
		l->regex = regex_scratch_new(l->env);
	return l->regex || !c->count ? 0 : NO_MEMORY;
}

int item_conditions_hold(struct literals *v, const struct condition_list *c, bool *holds)
{
	uint32_t held = 0;
	int rc = need_regex(v->l, c);
	for (uint32_t i = 0; !rc && i < c->count; i++)
		held += values_hold(v, &c->list[i]);
	*holds = linked(c, held);
	return rc;
}

static bool field_holds(struct loader *l, const struct pipeline_condition *c, struct slice field)
{
	bool found = false;
	for (uint32_t i = 0; i < c->count && !found; i++)
		found =
			c->regexes ? regex_search(c->regexes[i], l->regex, field) == REGEX_YES : slice_equal(c->names[i], field);
	return found != c->negated;
}

int field_conditions_hold(struct loader *l, struct slice field, const struct condition_list *c, bool *holds)
{
	uint32_t held = 0;
	int rc = need_regex(l, c);
	for (uint32_t i = 0; !rc && i < c->count; i++)
		held += field_holds(l, &c->list[i], field);
	*holds = linked(c, held);
	return rc;
}
