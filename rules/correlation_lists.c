/* Lists with a time to live (T18): rules put the key of their match on a list and take it off, and a correlation counts what
 * its condition speaks of only while the key is on it, or only while it is not.
 *
 * Who writes a list joins the references behind all others, once, whatever it writes; a rule that the condition speaks of may
 * write as well. The key is that of group-by, so aliases name its fields in the rules that write.
 */
#include "rules/correlation.h"

static int refuse(struct loader *l, const struct tree_node *at, const char *text)
{
	return loader_refuse_at(l, "correlation-list", at, "%s", text);
}

/* ---- read ---- */

static int read_name(struct loader *l, const struct tree_node *map, struct pending_correlation *p)
{
	const struct tree_node *n = tree_get(map, "name");
	struct correlation_list *list = &p->lists[p->c->list_count];
	if (!n || !tree_is_scalar(n) || n->type == TREE_NULL || n->text.len == 0)
		return refuse(l, n ? n : map, "a list needs a name, as in name: scanners");
	list->name = loader_copy(l, n->text);
	p->list_writers[p->c->list_count].place = (struct named_place){list->name, n->line, n->column};
	for (uint32_t i = 0; i < p->c->list_count; i++)
		if (slice_equal(p->lists[i].name, list->name))
			return refuse(l, n, "this correlation has a list of this name already");
	return list->name.ptr ? 0 : NO_MEMORY;
}

static int read_writers(struct loader *l, const struct tree_node *map, struct pending_list *w)
{
	const struct tree_node *add = tree_get(map, "add"), *remove = tree_get(map, "remove");
	if (!add)
		return refuse(l, map, "a list that no rule adds to is always empty: it needs add, with ids or names of rules");
	int rc = correlation_names(l, add, "add", &w->add, &w->add_count);
	if (!rc && w->add_count == 0)
		rc = refuse(l, add, "a list that no rule adds to is always empty: add needs an id or name");
	if (!rc && remove)
		rc = correlation_names(l, remove, "remove", &w->remove, &w->remove_count);
	return rc;
}

static int read_require(struct loader *l, const struct tree_node *map, bool *absent)
{
	const struct tree_node *n = tree_get(map, "require");
	*absent = n && tree_is_scalar(n) && slice_equal(n->text, SLICE("absent"));
	if (!n || *absent || (tree_is_scalar(n) && slice_equal(n->text, SLICE("present"))))
		return 0;
	return refuse(l, n, "require is present or absent");
}

static int read_list(struct loader *l, const struct tree_node *map, struct pending_correlation *p)
{
	static const char *const known[] = {"name", "add", "remove", "ttl", "require", NULL};
	struct correlation_list *list = &p->lists[p->c->list_count];
	if (map->type != TREE_MAP)
		return refuse(l, map, "a list is a map such as {name: scanners, add: [port_scan], ttl: 7d, require: present}");
	int rc = correlation_known_keys(l, map, "lists", known);
	if (!rc)
		rc = read_name(l, map, p);
	if (!rc)
		rc = read_writers(l, map, &p->list_writers[p->c->list_count]);
	if (!rc && !tree_get(map, "ttl"))
		rc = refuse(l, map, "a list needs a ttl, as in ttl: 7d: so long a key stays on it");
	if (!rc)
		rc = correlation_span(l, map, "ttl", &list->ttl_ns);
	if (!rc)
		rc = read_require(l, map, &list->absent);
	p->c->list_count += !rc;
	return rc;
}

int correlation_lists_read(struct loader *l, const struct tree_node *map, struct pending_correlation *p)
{
	const struct tree_node *n = tree_get(map, "lists");
	if (!n)
		return 0;
	bool several = n->type == TREE_LIST;
	uint32_t count = several ? n->count : 1;
	if (p->c->list_count > 0)
		return refuse(l, n, "lists stand there already");
	if (count == 0 || count > CORRELATION_LISTS_MAX)
		return loader_refuse_at(l, "correlation-list", n, "a correlation has 1 to %u lists", CORRELATION_LISTS_MAX);
	p->lists = arena_zalloc(&l->set->arena, count * sizeof *p->lists);
	p->list_writers = arena_zalloc(&l->set->arena, count * sizeof *p->list_writers);
	if (!p->lists || !p->list_writers)
		return NO_MEMORY;
	p->c->lists = p->lists;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < count; i++)
		rc = read_list(l, several ? n->items[i] : n, p);
	return rc;
}

/* What is missed is a key's silence, and a list leaves out matches: who is on it would be missed while it is heard. */
int correlation_lists_check(struct loader *l, const struct tree_node *body, const struct pending_correlation *p)
{
	const struct correlation *c = p->c;
	if (c->list_count > 0 && (c->seen_ns > 0 || c->key_count > 0))
		return refuse(l, body, "absence knows no lists: a key whose matches are left out would be missed");
	return 0;
}

/* ---- linked ---- */

/* One rule that writes: among those that are there, or behind them. */
static int link_writer(struct loader *l, struct pending_correlation *p, const struct named_place *name, uint64_t *bits)
{
	struct reference r = {.place = *name};
	uint32_t at = 0;
	int rc = correlation_reference(l, &r);
	if (rc)
		return rc;
	while (at < p->reference_count && p->references[at].rule != r.rule)
		at++;
	if (at >= EXPRESSION_RULES_MAX)
		return loader_refuse(l, "correlation-list", name->line, name->column,
							 "a correlation with lists has at most %u rules, those that write them included",
							 EXPRESSION_RULES_MAX);
	if (at == p->reference_count) {
		p->references[p->reference_count++] = r;
		p->c->writer_count++;
	}
	*bits |= UINT64_C(1) << at;
	return 0;
}

static int link_list(struct loader *l, struct pending_correlation *p, uint32_t index)
{
	const struct pending_list *w = &p->list_writers[index];
	struct correlation_list *list = &p->lists[index];
	int rc = 0;
	for (uint32_t i = 0; !rc && i < w->add_count; i++)
		rc = link_writer(l, p, &w->add[i], &list->add);
	for (uint32_t i = 0; !rc && i < w->remove_count; i++) {
		uint64_t bit = 0;
		rc = link_writer(l, p, &w->remove[i], &bit);
		list->remove |= bit;
		if (!rc && (list->add & bit))
			rc = loader_refuse(l, "correlation-list", w->remove[i].line, w->remove[i].column,
							   "'%.*s' adds to the list '%.*s' too, and what it adds would be taken off at once",
							   SLICE_PRINT(w->remove[i].text), SLICE_PRINT(list->name));
	}
	return rc;
}

int correlation_lists_link(struct loader *l, struct pending_correlation *p)
{
	uint32_t room = p->reference_count;
	for (uint32_t i = 0; i < p->c->list_count; i++)
		room += p->list_writers[i].add_count + p->list_writers[i].remove_count;
	if (room == p->reference_count)
		return 0;
	struct reference *all = arena_zalloc(&l->set->arena, room * sizeof *all);
	if (!all)
		return NO_MEMORY;
	memcpy(all, p->references, p->reference_count * sizeof *all);
	p->references = all;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < p->c->list_count; i++)
		rc = link_list(l, p, i);
	return rc;
}

/* ---- lint ---- */

static bool groups_by(const struct correlation *c, struct slice name)
{
	for (uint32_t i = 0; i < c->group_count; i++)
		if (slice_equal(c->group_by[i].name, name))
			return true;
	return false;
}

static void lint_writer(struct loader *l, const struct pending_correlation *p, const struct pending_list *w,
						uint32_t at)
{
	const struct correlation *inner = rule_correlation(p->references[at].rule);
	const struct tree_node place = {.line = w->place.line, .column = w->place.column};
	for (uint32_t f = 0; inner && f < p->c->group_count; f++) {
		struct slice field = p->c->group_by[f].per_rule[at];
		if (!groups_by(inner, field))
			loader_warn(
				l, "correlation-list-key", &place,
				"'%.*s' writes the list '%.*s' and is not grouped by '%.*s': it writes only where all its events "
				"have the same",
				SLICE_PRINT(p->references[at].place.text), SLICE_PRINT(w->place.text), SLICE_PRINT(field));
	}
}

void correlation_lists_lint(struct loader *l, const struct pending_correlation *p)
{
	for (uint32_t i = 0; i < p->c->list_count; i++)
		for (uint32_t at = 0; at < p->reference_count && at < EXPRESSION_RULES_MAX; at++)
			if ((p->lists[i].add | p->lists[i].remove) >> at & 1)
				lint_writer(l, p, &p->list_writers[i], at);
}
