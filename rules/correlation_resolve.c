/* Resolving correlations: by id or name, chains from the inside out, cycles and depth told. */
#include "rules/correlation.h"

static void enter(struct loader *l, const struct pending_correlation *p)
{
	l->file = p->file;
	l->rule = p->title;
}

static int give_up(struct loader *l, struct pending_correlation *p, int rc)
{
	if (rc != REFUSED)
		return rc;
	p->state = PENDING_REFUSED;
	l->counts.refused++;
	struct named_rule *named[] = {loader_find(l, p->c->rule.id), loader_find(l, p->c->rule.name)};
	for (unsigned i = 0; i < 2; i++)
		if (named[i] && named[i]->pending == p)
			*named[i] = (struct named_rule){.refused_file = p->file, .refused_line = p->line};
	return 0;
}

/* ---- references ---- */

int correlation_reference(struct loader *l, struct reference *r)
{
	const struct named_rule *n = loader_find(l, r->place.text);
	if (!n)
		return loader_refuse(l, "correlation-reference", r->place.line, r->place.column,
							 "no rule has the id or name '%.*s'", SLICE_PRINT(r->place.text));
	if (n->refused_file)
		return loader_refuse(l, "correlation-refused", r->place.line, r->place.column,
							 "refers to '%.*s', which was refused (%s:%u)", SLICE_PRINT(r->place.text), n->refused_file,
							 n->refused_line);
	r->pending = n->pending;
	r->rule = n->rule;
	return 0;
}

static int link_reference(struct loader *l, struct pending_correlation *p, uint32_t i)
{
	struct reference *r = &p->references[i];
	int rc = correlation_reference(l, r);
	if (rc)
		return rc;
	for (uint32_t k = 0; k < i; k++)
		if (p->references[k].rule == r->rule)
			return loader_refuse(l, "correlation-names", r->place.line, r->place.column,
								 "'%.*s' is the same rule as '%.*s'", SLICE_PRINT(r->place.text),
								 SLICE_PRINT(p->references[k].place.text));
	return 0;
}

/* ---- fields ---- */

/* What field `name` is called in rule i: its alias there, or itself; with the names that mappings add. */
static int field_of_rule(struct loader *l, struct pending_correlation *p, struct slice name, uint32_t i,
						 struct slice *out)
{
	const struct rule *rule = p->references[i].rule;
	for (uint32_t k = 0; k < p->alias_count; k++) {
		const struct alias *a = &p->aliases[k];
		const struct named_rule *n = loader_find(l, a->reference.text);
		if (n && n->rule == rule && slice_equal(a->name, name)) {
			name = a->field;
			break;
		}
	}
	if (rule->kind != RULE_CORRELATION)
		return loader_key_field(l, name, rule, out);
	*out = name;
	return 0;
}

static int resolve_fields(struct loader *l, struct pending_correlation *p, const struct named_place *names,
						  uint32_t count, const struct correlation_field **out)
{
	struct correlation_field *fields = arena_zalloc(&l->set->arena, (count ? count : 1) * sizeof *fields);
	if (!fields)
		return NO_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		struct slice *per_rule = arena_zalloc(&l->set->arena, p->reference_count * sizeof *per_rule);
		if (!per_rule)
			return NO_MEMORY;
		fields[i] = (struct correlation_field){names[i].text, per_rule};
		for (uint32_t k = 0; k < p->reference_count; k++) {
			int rc = field_of_rule(l, p, names[i].text, k, &per_rule[k]);
			if (rc)
				return rc;
		}
	}
	*out = fields;
	return 0;
}

static int check_aliases(struct loader *l, const struct pending_correlation *p)
{
	for (uint32_t k = 0; k < p->alias_count; k++) {
		const struct named_place *place = &p->aliases[k].reference;
		const struct named_rule *n = loader_find(l, place->text);
		bool listed = false;
		for (uint32_t i = 0; n && i < p->reference_count; i++)
			listed |= p->references[i].rule == n->rule;
		if (!listed)
			return loader_refuse(l, "correlation-aliases", place->line, place->column,
								 "the alias names '%.*s', which is not among the rules", SLICE_PRINT(place->text));
	}
	return 0;
}

/* ---- one correlation whose references are all done ---- */

static int resolve_one(struct loader *l, struct pending_correlation *p, uint32_t level)
{
	struct correlation *c = p->c;
	int rc = check_aliases(l, p);
	if (!rc)
		rc = correlation_expression_resolve(l, p);
	if (!rc)
		rc = correlation_pivot_resolve(l, p);
	if (!rc && level > LIMIT_chain_depth)
		rc = loader_refuse(l, "correlation-depth", p->line, p->column,
						   "correlations are chained at most %d levels deep", (int)LIMIT_chain_depth);
	if (!rc)
		rc = resolve_fields(l, p, p->groups, p->group_count, &c->group_by);
	if (!rc)
		rc = resolve_fields(l, p, p->values, p->value_count, &c->values);
	uint32_t *rules = arena_alloc(&l->set->arena, p->reference_count * sizeof *rules);
	if (!rc && !rules)
		rc = NO_MEMORY;
	if (rc)
		return rc;
	for (uint32_t i = 0; i < p->reference_count; i++) {
		struct rule *base = p->references[i].rule;
		rules[i] = base->index;
		if (i + c->writer_count >= p->reference_count)
			continue; /* who writes a list is told as ever */
		base->referred = true;
		base->told |= c->rule.generate;
	}
	c->rules = rules;
	c->rule_count = p->reference_count;
	c->group_count = p->group_count;
	c->value_count = p->value_count;
	c->level = level;
	p->state = PENDING_DONE;
	correlation_lists_lint(l, p);
	return loader_add(l, &c->rule);
}

/* Level of p when all it refers to is done, 0 when it must wait; refuses it when something it needs was refused. */
static int level_of(struct loader *l, struct pending_correlation *p, uint32_t *level)
{
	*level = 1;
	bool waits = false;
	for (uint32_t i = 0; i < p->reference_count; i++) {
		const struct reference *r = &p->references[i];
		if (!r->pending)
			continue;
		if (r->pending->state == PENDING_REFUSED)
			return loader_refuse(l, "correlation-refused", r->place.line, r->place.column,
								 "refers to '%.*s', which was refused (%s:%u)", SLICE_PRINT(r->place.text),
								 r->pending->file, r->pending->line);
		waits |= r->pending->state == PENDING_WAITS;
		if (r->pending->c->level >= *level)
			*level = r->pending->c->level + 1;
	}
	if (waits)
		*level = 0;
	return 0;
}

/* One round over those that wait; *moved tells whether any of them got further. */
static int resolve_round(struct loader *l, bool *moved)
{
	*moved = false;
	for (struct pending_correlation *p = l->correlations; p; p = p->next) {
		if (p->state != PENDING_WAITS)
			continue;
		uint32_t level;
		enter(l, p);
		int rc = level_of(l, p, &level);
		if (!rc && level == 0)
			continue;
		if (!rc)
			rc = resolve_one(l, p, level);
		*moved = true;
		rc = give_up(l, p, rc);
		if (rc)
			return rc;
	}
	return 0;
}

static int link_all(struct loader *l)
{
	for (struct pending_correlation *p = l->correlations; p; p = p->next) {
		enter(l, p);
		int rc = 0;
		for (uint32_t i = 0; !rc && i < p->reference_count; i++)
			rc = link_reference(l, p, i);
		if (!rc)
			rc = correlation_lists_link(l, p);
		rc = give_up(l, p, rc);
		if (rc)
			return rc;
	}
	return 0;
}

int correlations_resolve(struct loader *l)
{
	bool moved = true;
	int rc = link_all(l);
	while (!rc && moved)
		rc = resolve_round(l, &moved);
	for (struct pending_correlation *p = l->correlations; !rc && p; p = p->next) {
		if (p->state != PENDING_WAITS)
			continue;
		enter(l, p);
		rc = give_up(l, p,
					 loader_refuse(l, "correlation-cycle", p->line, p->column,
								   "this correlation refers to itself through others, or to such a one"));
	}
	return rc;
}
