#include "rules/filter.h"

#include "rules/pipeline.h"

struct filter_name {
	struct slice text;
	const struct tree_node *at;
	bool found, applied;
};

/* The filter as it was compiled for rules of one log source and one plan. */
struct filter_form {
	struct logsource logsource;
	const struct plan *plan;
	const struct node *node; /* null: refused */
	struct filter_form *next;
};

struct filter {
	struct logsource logsource; /* of the rules it narrows; empty: of all */
	struct filter_name *names; /* ids, names or titles */
	uint32_t count; /* 0: all rules */
	const struct tree_node *body; /* null: refused */
	const char *file, *title;
	uint32_t line;
	struct filter_form *forms;
	struct filter *next;
};

/* ---- reading ---- */

static int read_names(struct loader *l, const struct tree_node *rules, struct filter *f)
{
	bool list = rules && rules->type == TREE_LIST;
	uint32_t count = list ? rules->count : 1;
	if (!rules || rules->type == TREE_NULL || (!list && slice_equal(rules->text, SLICE("any"))))
		return 0;
	struct filter_name *names = arena_zalloc(&l->set->arena, (count ? count : 1) * sizeof *names);
	if (!names)
		return NO_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		const struct tree_node *one = list ? rules->items[i] : rules;
		if (!tree_is_scalar(one) || one->text.len == 0)
			return loader_refuse_at(l, "sigma-filter-rules", one,
									"rules of a filter are ids, names or titles of rules, or 'any'");
		names[i] = (struct filter_name){.text = one->text, .at = one};
	}
	f->names = names;
	f->count = count;
	return 0;
}

/* Whether a word of the condition is `not`. */
static bool condition_negates(struct slice text)
{
	for (size_t at = 0; (at = slice_find(text, SLICE("not"), at)) != SIZE_MAX; at++) {
		bool begins = at == 0 || text.ptr[at - 1] <= ' ' || text.ptr[at - 1] == '(';
		bool ends = at + 3 == text.len || text.ptr[at + 3] <= ' ' || text.ptr[at + 3] == '(';
		if (begins && ends)
			return true;
	}
	return false;
}

static int read_body(struct loader *l, const struct tree_node *body)
{
	const struct node *ignored;
	if (body->type != TREE_MAP)
		return loader_refuse_at(l, "sigma-filter", body, "filter must be a map, not %s", tree_type_name(body));
	const struct tree_node *condition = tree_get(body, "condition");
	if (condition && condition->type == TREE_LIST)
		return loader_refuse_at(l, "sigma-filter", condition, "a filter has one condition");
	int rc = sigma_filter_detection(l, body, &ignored);
	if (!rc && condition && !condition_negates(condition->text))
		loader_warn(l, "sigma-filter-keeps", condition,
					"this filter keeps only what it names: write 'not' before what it is to leave out");
	return rc;
}

static int read_filter(struct loader *l, const struct tree_node *root, struct filter *f)
{
	struct rule head = {0};
	const struct tree_node *logsource = tree_get(root, "logsource"), *body = tree_get(root, "filter");
	int rc = logsource ? sigma_logsource(l, logsource, &f->logsource) : 0;
	if (!rc)
		rc = read_names(l, tree_get(body, "rules"), f);
	if (!rc)
		rc = sigma_head(l, root, &head);
	l->logsource = f->logsource;
	l->checking = true;
	if (!rc)
		rc = read_body(l, body);
	l->checking = false;
	f->body = rc ? NULL : body;
	return rc;
}

int filter_read(struct loader *l, const struct tree_node *root)
{
	struct filter *f = arena_zalloc(&l->set->arena, sizeof *f);
	if (!f)
		return NO_MEMORY;
	f->file = l->file;
	f->line = root->line;
	f->title = arena_string(&l->set->arena, slice_str(l->rule));
	if (!f->title)
		return NO_MEMORY;
	l->keep_tree = true;
	int rc = read_filter(l, root, f);
	struct filter **tail = &l->filters;
	while (*tail)
		tail = &(*tail)->next;
	*tail = f;
	return rc;
}

/* ---- which rules ---- */

static bool filter_applies(struct filter *f, const struct rule *r)
{
	bool holds = logsource_holds(&f->logsource, &r->logsource), named = f->count == 0;
	for (uint32_t i = 0; i < f->count; i++) {
		struct filter_name *n = &f->names[i];
		if (!slice_equal(n->text, r->id) && !slice_equal(n->text, r->name) && !slice_equal(n->text, r->title))
			continue;
		n->found = named = true;
		n->applied |= holds;
	}
	return holds && named;
}

static void check_name(struct loader *l, const struct filter_name *n)
{
	const struct named_rule *other = loader_find(l, n->text);
	if (n->applied || (other && other->refused_file))
		return;
	if (n->found)
		loader_warn(l, "sigma-filter-logsource", n->at, "the log source of '%.*s' is not within that of this filter",
					SLICE_PRINT(n->text));
	else if (other && other->pending)
		loader_warn(l, "sigma-filter-correlation", n->at,
					"'%.*s' is a correlation: filters narrow detection rules only", SLICE_PRINT(n->text));
	else
		loader_warn(l, "sigma-filter-nobody", n->at, "no rule has the id, name or title '%.*s'", SLICE_PRINT(n->text));
}

static void check_names(struct loader *l)
{
	for (const struct filter *f = l->filters; f; f = f->next) {
		l->file = f->file;
		l->rule = f->title;
		for (uint32_t i = 0; f->body && i < f->count; i++)
			check_name(l, &f->names[i]);
	}
}

/* ---- narrowing ---- */

static bool same_logsource(const struct logsource *a, const struct logsource *b)
{
	return logsource_holds(a, b) && logsource_holds(b, a);
}

static int refuse_rule(struct loader *l, const struct rule *r, const struct filter *f)
{
	l->file = (const char *)r->file.ptr;
	l->rule = r->title.len ? arena_string(&l->tree, r->title) : "";
	if (!l->rule)
		l->rule = "";
	return loader_refuse(l, "sigma-filter-refused", r->line, 1, "a filter narrows this rule and was refused (%s:%u)",
						 f->file, f->line);
}

/* What it complains about was told when it was read: only refusals can be new, and one is enough for all rules of the
 * form. */
static int form_compile(struct loader *l, struct filter *f, const struct detection *d, struct filter_form *form)
{
	l->file = f->file;
	l->rule = f->title;
	l->logsource = form->logsource = d->rule.logsource;
	l->plan = form->plan = d->plan;
	l->silent = true;
	int rc = sigma_filter_detection(l, f->body, &form->node);
	l->silent = false;
	l->plan = NULL;
	form->node = rc ? NULL : form->node;
	form->next = f->forms;
	f->forms = form;
	return rc == NO_MEMORY ? rc : 0;
}

static int filter_compile(struct loader *l, struct filter *f, const struct detection *d, const struct node **out)
{
	struct filter_form *form = f->forms;
	while (form && !(same_logsource(&form->logsource, &d->rule.logsource) && plan_equal(form->plan, d->plan)))
		form = form->next;
	if (!form) {
		form = arena_zalloc(&l->set->arena, sizeof *form);
		if (!form || form_compile(l, f, d, form))
			return NO_MEMORY;
	}
	*out = form->node;
	return form->node ? 0 : refuse_rule(l, &d->rule, f);
}

static int narrow(struct loader *l, struct detection *d, uint32_t count)
{
	struct node *all = node_new(&l->set->arena, NODE_AND, count + 1);
	if (!all)
		return NO_MEMORY;
	all->children[all->count++] = d->root;
	for (struct filter *f = l->filters; f; f = f->next) {
		if (!filter_applies(f, &d->rule))
			continue;
		int rc = f->body ? filter_compile(l, f, d, &all->children[all->count]) : refuse_rule(l, &d->rule, f);
		if (rc)
			return rc;
		all->count++;
	}
	d->root = all;
	return detection_finish(l, d);
}

static int narrow_rule(struct loader *l, struct rule *r)
{
	uint32_t count = 0;
	for (struct filter *f = l->filters; f; f = f->next)
		count += filter_applies(f, r);
	return count ? narrow(l, (struct detection *)r, count) : 0;
}

/* Who refers to it is told that it was refused. */
static void forget_rule(struct loader *l, const struct rule *r)
{
	struct named_rule *named[] = {loader_find(l, r->id), loader_find(l, r->name)};
	l->counts.refused++;
	for (unsigned i = 0; i < 2; i++)
		if (named[i] && named[i]->rule == r)
			*named[i] = (struct named_rule){.refused_file = (const char *)r->file.ptr, .refused_line = r->line};
}

int filters_apply(struct loader *l)
{
	struct ruleset *set = l->set;
	uint32_t kept = 0;
	for (uint32_t i = 0; l->filters && i < set->count; i++) {
		struct rule *r = set->rules[i];
		int rc = narrow_rule(l, r);
		arena_reset(&l->tree);
		if (rc == NO_MEMORY)
			return rc;
		if (rc == REFUSED) {
			forget_rule(l, r);
			continue;
		}
		r->index = kept;
		set->rules[kept++] = r;
	}
	if (l->filters)
		set->count = kept;
	check_names(l);
	l->rule = "";
	return 0;
}
