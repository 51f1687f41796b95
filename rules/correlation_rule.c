/* Reading a correlation document. Its references are resolved when all files are read (correlation_resolve.c). */
#include "rules/correlation.h"

int correlation_known_keys(struct loader *l, const struct tree_node *map, const char *where, const char *const *known)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct tree_node *key = map->pairs[i].key;
		const char *const *k = known;
		while (*k && !slice_equal(key->text, slice_str(*k)))
			k++;
		if (!*k)
			return loader_refuse_at(l, "correlation-unknown-key", key, "%s has no key '%.*s' that is supported", where,
									SLICE_PRINT(key->text));
	}
	return 0;
}

static int read_rules(struct loader *l, const struct tree_node *body, struct pending_correlation *p)
{
	const struct tree_node *n = tree_get(body, "rules"), *condition = tree_get(body, "condition");
	bool named = condition && condition->type == TREE_STRING;
	if (!n && named)
		return 0; /* the condition names them */
	if (!n)
		return loader_refuse_at(l, "correlation-rules", body, "a correlation needs rules: ids or names");
	struct named_place *names;
	uint32_t count;
	int rc = correlation_names(l, n, "rules", &names, &count);
	if (!rc && count == 0)
		rc = loader_refuse_at(l, "correlation-rules", n, "a correlation needs at least one rule");
	if (rc)
		return rc;
	p->references = arena_zalloc(&l->set->arena, count * sizeof *p->references);
	if (!p->references)
		return NO_MEMORY;
	p->reference_count = count;
	for (uint32_t i = 0; i < count; i++)
		p->references[i].place = names[i];
	return 0;
}

static int read_alias(struct loader *l, const struct tree_pair *pair, struct pending_correlation *p)
{
	if (pair->value->type != TREE_MAP)
		return loader_refuse_at(l, "correlation-aliases", pair->value, "an alias is a map of rule: field");
	struct slice name = loader_copy(l, pair->key->text);
	for (uint32_t i = 0; i < pair->value->count; i++) {
		const struct tree_pair *one = &pair->value->pairs[i];
		if (!tree_is_scalar(one->value) || one->value->text.len == 0)
			return loader_refuse_at(l, "correlation-aliases", one->value, "an alias names one field of each rule");
		struct alias *a = &p->aliases[p->alias_count++];
		a->name = name;
		a->reference = (struct named_place){loader_copy(l, one->key->text), one->key->line, one->key->column};
		a->field = loader_copy(l, one->value->text);
		if (!name.ptr || !a->reference.text.ptr || !a->field.ptr)
			return NO_MEMORY;
	}
	return 0;
}

static int read_aliases(struct loader *l, const struct tree_node *body, struct pending_correlation *p)
{
	const struct tree_node *n = tree_get(body, "aliases");
	if (!n || n->type == TREE_NULL)
		return 0;
	if (n->type != TREE_MAP)
		return loader_refuse_at(l, "correlation-aliases", n, "aliases must be a map, not %s", tree_type_name(n));
	uint32_t count = 0;
	for (uint32_t i = 0; i < n->count; i++)
		count += n->pairs[i].value->type == TREE_MAP ? n->pairs[i].value->count : 0;
	p->aliases = arena_zalloc(&l->set->arena, (count ? count : 1) * sizeof *p->aliases);
	int rc = p->aliases ? 0 : NO_MEMORY;
	for (uint32_t i = 0; !rc && i < n->count; i++)
		rc = read_alias(l, &n->pairs[i], p);
	return rc;
}

/* ---- our own keys ---- */

static int read_bool(struct loader *l, const struct tree_node *map, const char *key, bool *out)
{
	const struct tree_node *n = tree_get(map, key);
	if (!n)
		return 0;
	if (n->type != TREE_BOOL)
		return loader_refuse_at(l, "correlation-extension", n, "%s must be true or false", key);
	*out = n->truth;
	return 0;
}

static int read_extension(struct loader *l, const struct tree_node *block, struct pending_correlation *p)
{
	static const char *const known[] = {"distinct_events", "missing",   "key_cased", "window",   "gap", "until",
										"absence",         "new_value", "lists",     "suppress", NULL};
	struct correlation *c = p->c;
	if (!block)
		return 0;
	if (block->type != TREE_MAP)
		return loader_refuse_at(l, "correlation-extension", block, "cresset must be a map");
	int rc = correlation_known_keys(l, block, "cresset", known);
	if (!rc)
		rc = read_bool(l, block, "distinct_events", &c->distinct_events);
	if (!rc)
		rc = read_bool(l, block, "key_cased", &c->key_cased);
	const struct tree_node *missing = tree_get(block, "missing");
	if (!rc && missing && !(tree_is_scalar(missing) && slice_equal(missing->text, SLICE("group"))))
		rc = loader_refuse_at(l, "correlation-extension", missing, "missing knows the value 'group' only");
	c->missing_group |= missing != NULL;
	return rc ? rc : correlation_window_read(l, block, p);
}

/* ---- the document ---- */

static int read_body(struct loader *l, const struct tree_node *root, const struct tree_node *body,
					 struct pending_correlation *p)
{
	static const char *const known[] = {"type",     "rules",      "group-by", "timespan", "condition", "aliases",
										"generate", "percentile", "window",   "gap",      "cresset",   NULL};
	struct correlation *c = p->c;
	int rc = correlation_type_read(l, body, c);
	if (!rc)
		rc = correlation_known_keys(l, body, "correlation", known);
	if (!rc)
		rc = read_rules(l, body, p);
	if (!rc)
		rc = correlation_timespan_read(l, body, c);
	if (!rc)
		rc = correlation_condition_read(l, body, p);
	if (!rc && p->reference_count == 0)
		rc = correlation_expression_rules(l, p);
	const struct tree_node *groups = tree_get(body, "group-by");
	if (!rc && groups && groups->type != TREE_NULL)
		rc = correlation_names(l, groups, "group-by", &p->groups, &p->group_count);
	if (!rc)
		rc = read_aliases(l, body, p);
	if (!rc)
		rc = read_bool(l, body, "generate", &c->rule.generate);
	if (!rc)
		rc = read_extension(l, tree_get(root, "cresset"), p);
	if (!rc)
		rc = read_extension(l, tree_get(body, "cresset"), p);
	if (!rc)
		rc = correlation_window_read(l, body, p);
	return rc ? rc : correlation_window_check(l, body, p);
}

int correlation_read(struct loader *l, const struct tree_node *root)
{
	struct pending_correlation *p = arena_zalloc(&l->set->arena, sizeof *p);
	struct correlation *c = arena_zalloc(&l->set->arena, sizeof *c);
	if (!p || !c)
		return NO_MEMORY;
	const struct tree_node *body = tree_get(root, "correlation");
	p->c = c;
	p->file = l->file;
	p->line = root->line;
	p->column = root->column;
	c->rule.kind = RULE_CORRELATION;
	int rc = sigma_head(l, root, &c->rule);
	if (!rc && body->type != TREE_MAP)
		rc = loader_refuse_at(l, "correlation", body, "correlation must be a map, not %s", tree_type_name(body));
	if (!rc)
		rc = read_body(l, root, body, p);
	if (rc)
		return rc;
	p->title = arena_string(&l->set->arena, c->rule.title);
	if (!p->title)
		p->title = "";
	rc = loader_name(l, &c->rule, p);
	if (rc)
		return rc;
	*l->correlations_tail = p;
	l->correlations_tail = &p->next;
	return 0;
}
