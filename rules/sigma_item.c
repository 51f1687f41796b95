/* One item of a selection: a field (or the whole event), modifiers, values. */
#include "rules/lint.h"
#include "rules/outline.h"
#include "rules/pipeline.h"
#include "rules/witness.h"

struct node *node_new(struct arena *arena, enum node_kind kind, uint32_t children)
{
	struct node *n = arena_zalloc(arena, sizeof *n);
	if (!n)
		return NULL;
	n->kind = kind;
	n->children = arena_zalloc(arena, (children ? children : 1) * sizeof *n->children);
	return n->children ? n : NULL;
}

/* ---- values to literals ---- */

int literal_from(struct literals *v, const struct tree_node *node, struct literal *x)
{
	x->node = node;
	if (node->differs)
		loader_warn(v->l, "sigma-yaml-version", node,
					"YAML 1.1 and 1.2 read this value differently: quote it or write it out");
	switch (node->type) {
	case TREE_NULL:
		x->kind = LITERAL_NULL;
		return 0;
	case TREE_BOOL:
		x->kind = LITERAL_BOOL;
		x->truth = node->truth;
		return 0;
	case TREE_INT:
		x->kind = LITERAL_NUMBER;
		x->number = (struct number){.type = NUMBER_I64, .i64 = node->i64};
		return 0;
	case TREE_UINT:
		x->kind = LITERAL_NUMBER;
		x->number = (struct number){.type = NUMBER_U64, .u64 = node->u64};
		return 0;
	case TREE_FLOAT:
		x->kind = LITERAL_NUMBER;
		x->number = (struct number){.type = NUMBER_F64, .f64 = node->f64};
		return 0;
	case TREE_STRING:
		x->kind = LITERAL_TEXT;
		return unit_text_parse(literal_arena(v), node->text, &x->text) ? 0 : NO_MEMORY;
	default:
		return loader_refuse_at(v->l, "sigma-value", node, "a value must be a string, a number, a bool or null, not %s",
								tree_type_name(node));
	}
}

static int literals_from(struct literals *v, const struct tree_node *value)
{
	bool list = value->type == TREE_LIST;
	v->count = v->origins = list ? value->count : 1;
	if (v->count == 0)
		return loader_refuse_at(v->l, "sigma-empty-list", value,
								"an empty list of values: write at least one, or null for a missing field");
	v->list = arena_zalloc(literal_arena(v), v->count * sizeof *v->list);
	if (!v->list)
		return NO_MEMORY;
	for (uint32_t i = 0; i < v->count; i++) {
		const struct tree_node *node = list ? value->items[i] : value;
		v->list[i].origin = i;
		int rc = literal_from(v, node, &v->list[i]);
		if (rc)
			return rc;
		if (list && node->type == TREE_NULL)
			loader_warn(v->l, "sigma-null-in-list", node,
						"null inside a list: taken as 'missing, or one of the others'");
	}
	return 0;
}

/* ---- the key ---- */

static int apply_modifiers(struct literals *v, struct slice key, size_t at)
{
	bool places = !v->key->block;
	while (at < key.len) {
		size_t end = slice_find_octet(key, '|', at + 1);
		if (end == SIZE_MAX)
			end = key.len;
		struct slice name = slice_of(key.ptr + at + 1, end - at - 1);
		v->column = places ? v->key->column + (uint32_t)(at + 1) + v->key->quoted : v->key->column;
		int rc = modifier_apply(v, name);
		if (rc)
			return rc;
		at = end;
	}
	return 0;
}

/* ---- literals to matchers ---- */

static int add_outline(struct literals *v, struct matcher *m)
{
	struct outline outline;
	if (!outline_read(literal_arena(v), m->regex_text, m->regex_flags & REGEX_IGNORE_CASE, &outline))
		return NO_MEMORY;
	if (outline.units.count == 0)
		return 0;
	m->pattern = pattern_new(&v->l->set->arena, &outline.units, false);
	m->outline_whole = outline.whole && !(m->regex_flags & (REGEX_AT_START | REGEX_AT_END));
	return m->pattern ? 0 : NO_MEMORY;
}

static int add_regex(struct literals *v, const struct literal *x, struct matcher *m)
{
	struct error error = {0};
	struct regex *regex;
	struct regex_list *link = arena_zalloc(&v->l->set->arena, sizeof *link);
	m->regex_text = loader_copy(v->l, x->node->text);
	if (!link || !m->regex_text.ptr)
		return NO_MEMORY;
	int rc = regex_compile(v->l->env, x->node->text, x->regex_flags, &regex, &error);
	if (rc)
		return error.code == ERROR_MEMORY ? NO_MEMORY : literal_refuse(v, "sigma-regex", x, error.text);
	link->regex = regex;
	link->next = v->l->set->regexes;
	v->l->set->regexes = link;
	m->regex = regex;
	m->regex_flags = x->regex_flags;
	return add_outline(v, m);
}

static int matcher_from(struct literals *v, const struct literal *x, struct matcher *m)
{
	static const enum matcher_kind kinds[] = {
		[LITERAL_TEXT] = MATCH_TEXT,       [LITERAL_NUMBER] = MATCH_NUMBER,   [LITERAL_BOOL] = MATCH_BOOL,
		[LITERAL_NULL] = MATCH_NULL,       [LITERAL_REGEX] = MATCH_REGEX,     [LITERAL_FIELD] = MATCH_FIELD,
		[LITERAL_NETWORK] = MATCH_NETWORK, [LITERAL_COMPARE] = MATCH_COMPARE, [LITERAL_EXISTS] = MATCH_EXISTS,
		[LITERAL_DATE] = MATCH_DATE,
	};
	m->written = loader_copy(v->l, x->node->text);
	if (!m->written.ptr)
		return NO_MEMORY;
	m->kind = kinds[x->kind];
	m->cased = v->cased;
	m->truth = x->truth;
	m->compare = x->compare;
	m->part = x->part;
	m->zone_minutes = x->kind == LITERAL_DATE ? v->l->zone_minutes : 0;
	m->place = x->place;
	m->number = x->number;
	m->bits = x->bits;
	memcpy(m->network, x->network, sizeof m->network);
	if (m->kind == MATCH_REGEX)
		return add_regex(v, x, m);
	if (m->kind == MATCH_FIELD) {
		struct slice name = loader_copy(v->l, x->field);
		return name.ptr ? loader_field(v->l, name, &v->l->logsource, &m->other) : NO_MEMORY;
	}
	if (m->kind != MATCH_TEXT)
		return 0;
	m->pattern = pattern_new(&v->l->set->arena, &x->text, v->cased);
	return m->pattern ? 0 : NO_MEMORY;
}

/* Keywords are looked for anywhere in a text, whatever they are written as. */
static int keyword_literals(struct literals *v)
{
	for (uint32_t i = 0; i < v->count; i++) {
		struct literal *x = &v->list[i];
		int rc = 0;
		if (x->kind == LITERAL_NUMBER)
			rc = literal_to_text(v, x);
		else if (x->kind == LITERAL_BOOL) {
			x->kind = LITERAL_TEXT;
			rc = unit_text_plain(literal_arena(v), x->node->text, &x->text) ? 0 : NO_MEMORY;
		} else if (x->kind != LITERAL_TEXT && x->kind != LITERAL_REGEX)
			rc = literal_refuse(v, "sigma-keyword", x, "a keyword is a string or a regular expression");
		if (rc)
			return rc;
	}
	return v->placed ? 0 : modifier_apply(v, SLICE("contains"));
}

/* The literals [first, first + count) as one item. */
static int item_from(struct literals *v, struct slice field, uint32_t first, uint32_t count, const struct node **out)
{
	struct arena *arena = &v->l->set->arena;
	struct item *item = arena_zalloc(arena, sizeof *item);
	struct matcher *matchers = arena_zalloc(arena, count * sizeof *matchers);
	struct node *n = node_new(arena, NODE_ITEM, 0);
	if (!item || !matchers || !n)
		return NO_MEMORY;
	item->keyword = field.len == 0;
	item->all = v->all && v->count == v->origins;
	item->matchers = matchers;
	item->count = count;
	item->line = v->key->line;
	int rc = 0;
	if (tree_is_scalar(v->key) && v->keyed) {
		item->written = loader_copy(v->l, v->key->text);
		rc = item->written.ptr ? 0 : NO_MEMORY;
	}
	if (!rc && !item->keyword) {
		item->field = loader_copy(v->l, field);
		rc = item->field.ptr ? loader_field(v->l, item->field, &v->l->logsource, &item->names) : NO_MEMORY;
	}
	for (uint32_t i = 0; !rc && i < count; i++) {
		rc = matcher_from(v, &v->list[first + i], &matchers[i]);
		matchers[i].own_time = matchers[i].kind == MATCH_DATE && slice_equal(field, SLICE("@timestamp"));
	}
	if (!rc)
		witness_weigh(item);
	n->item = item;
	*out = n;
	return rc;
}

/* `all` over values that were expanded: each value is an alternative of its own expansions. */
static int expanded_all(struct literals *v, struct slice field, const struct node **out)
{
	struct node *both = node_new(&v->l->set->arena, NODE_AND, v->origins);
	if (!both)
		return NO_MEMORY;
	for (uint32_t i = 0; i < v->count;) {
		uint32_t end = i;
		while (end < v->count && v->list[end].origin == v->list[i].origin)
			end++;
		int rc = item_from(v, field, i, end - i, &both->children[both->count++]);
		if (rc)
			return rc;
		i = end;
	}
	*out = both;
	return 0;
}

static int negate(struct loader *l, const struct node **out)
{
	struct node *n = node_new(&l->set->arena, NODE_NOT, 1);
	if (!n)
		return NO_MEMORY;
	n->children[n->count++] = *out;
	*out = n;
	return 0;
}

/* A placeholder that no pipeline gave values to makes the rule mean something else. */
static int check_placeholders(struct literals *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		for (uint32_t k = 0; v->list[i].kind == LITERAL_TEXT && k < v->list[i].text.count; k++) {
			uint32_t *unit = &v->list[i].text.units[k];
			if (*unit < UNIT_PLACEHOLDER)
				continue;
			if (!v->l->checking)
				return loader_refuse_at(v->l, "sigma-placeholder", v->list[i].node,
										"the placeholder %%%.*s%% has no values",
										SLICE_PRINT(literal_placeholder(v, *unit)));
			*unit = UNIT_STAR;
		}
	return 0;
}

int item_build(struct literals *v, struct slice field, const struct node **out)
{
	int rc = v->placeholder_count ? check_placeholders(v) : 0;
	if (rc)
		return rc;
	return v->all && v->count != v->origins ? expanded_all(v, field, out) : item_from(v, field, 0, v->count, out);
}

int item_literals(struct loader *l, const struct tree_node *key, const struct tree_node *value, struct literals *v,
				  struct slice *field)
{
	struct slice text = key ? key->text : SLICE_NONE;
	*v = (struct literals){.l = l, .key = key ? key : value, .keyed = key != NULL};
	int rc = literals_from(v, value);
	size_t bar = slice_find_octet(text, '|', 0);
	*field = text;
	if (!rc && bar != SIZE_MAX) {
		field->len = bar;
		rc = apply_modifiers(v, text, bar);
	}
	return !rc && field->len == 0 ? keyword_literals(v) : rc;
}

int sigma_item(struct loader *l, const struct tree_node *key, const struct tree_node *value, const struct node **out)
{
	struct literals v;
	struct slice field;
	int rc = item_literals(l, key, value, &v, &field);
	l->splits = 0;
	if (!rc)
		lint_item(l, key, value);
	if (!rc)
		rc = pipeline_item(&v, field, l->plan_from, out);
	return rc || !v.negated || !*out ? rc : negate(l, out);
}
