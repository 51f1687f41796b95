/* T17: the digest of a rule is SHA-256 over what it was compiled to, not over its text.
 *
 * The parts of `and` and `or` count as sets: their digests are sorted, so that neither the order of keys nor the names of
 * selections nor white space change it. Who the rule is (id, else name, else title) counts, how it is described does not.
 */
#include "rules/ruleset.h"

#include <stdlib.h>

#define DIGEST_VERSION 1

static void add_u64(struct sha256 *s, uint64_t v)
{
	uint8_t octets[8];
	put_u64(octets, v);
	sha256_add(s, octets, sizeof octets);
}

static int by_octets(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* Digests of parts that count as a set. */
static void sort_digests(uint8_t *digests, uint32_t count)
{
	if (count > 1)
		qsort(digests, count, 32, by_octets);
}

/* ---- matchers ---- */

static void add_pattern(struct sha256 *s, const struct pattern *p)
{
	add_u64(s, (uint64_t)p->open_start | (uint64_t)p->open_end << 1 | (uint64_t)p->cased << 2);
	add_u64(s, p->count);
	for (uint32_t i = 0; i < p->count; i++) {
		const struct segment *g = &p->segments[i];
		add_u64(s, g->part_count);
		if (g->part_count == 0)
			sha256_part(s, g->literal);
		for (uint32_t k = 0; k < g->part_count; k++) {
			add_u64(s, g->parts[k].special);
			sha256_part(s, g->parts[k].literal);
		}
	}
}

static void add_number(struct sha256 *s, const struct number *n)
{
	uint64_t bits = (uint64_t)n->i64;
	if (n->type == NUMBER_U64)
		bits = n->u64;
	if (n->type == NUMBER_F64)
		memcpy(&bits, &n->f64, sizeof bits);
	add_u64(s, n->type);
	add_u64(s, bits);
}

static void add_names(struct sha256 *s, const struct field_names *names, const struct dictionary *fields)
{
	add_u64(s, names->count);
	for (uint32_t i = 0; i < names->count; i++)
		sha256_part(s, dictionary_name(fields, names->ids[i]));
}

static void matcher_digest(const struct matcher *m, const struct dictionary *fields, struct sha256 *s, uint8_t out[32])
{
	sha256_start(s);
	add_u64(s, m->kind);
	switch (m->kind) {
	case MATCH_TEXT:
		add_pattern(s, m->pattern);
		break;
	case MATCH_REGEX:
		add_u64(s, m->regex_flags);
		sha256_part(s, m->regex_text);
		break;
	case MATCH_NETWORK:
		add_u64(s, m->bits);
		sha256_add(s, m->network, sizeof m->network);
		break;
	case MATCH_NUMBER:
		add_number(s, &m->number);
		break;
	case MATCH_COMPARE:
		add_u64(s, m->compare);
		add_number(s, &m->number);
		break;
	case MATCH_BOOL:
	case MATCH_EXISTS:
		add_u64(s, m->truth);
		break;
	case MATCH_NULL:
		break;
	case MATCH_DATE:
		add_u64(s, m->part);
		add_u64(s, m->compare);
		add_u64(s, (uint64_t)m->zone_minutes);
		add_number(s, &m->number);
		break;
	case MATCH_FIELD:
		add_u64(s, (uint64_t)m->place << 1 | m->cased);
		add_names(s, &m->other, fields);
		break;
	}
	sha256_end(s, out);
}

/* ---- trees ---- */

struct digest_stack {
	const struct dictionary *fields;
	struct arena *arena;
	struct sha256 *sha;
	bool failed;
};

static void node_digest(struct digest_stack *d, const struct node *n, uint8_t out[32]);

static void item_digest(struct digest_stack *d, const struct item *item, uint8_t *parts)
{
	for (uint32_t i = 0; i < item->count; i++)
		matcher_digest(&item->matchers[i], d->fields, d->sha, parts + 32 * (size_t)i);
	sort_digests(parts, item->count);
	sha256_start(d->sha);
	add_u64(d->sha, NODE_ITEM);
	add_u64(d->sha, (uint64_t)item->keyword << 1 | (item->all && item->count > 1));
	add_names(d->sha, &item->names, d->fields);
	add_u64(d->sha, item->count);
	sha256_add(d->sha, parts, 32 * (size_t)item->count);
}

static void node_digest(struct digest_stack *d, const struct node *n, uint8_t out[32])
{
	uint32_t count = n->kind == NODE_ITEM ? n->item->count : n->count;
	if (n->kind != NODE_ITEM && n->kind != NODE_NOT &&
		n->count == 1) { /* `all of x` over one selection is the selection */
		node_digest(d, n->children[0], out);
		return;
	}
	uint8_t *parts = arena_alloc(d->arena, 32 * (size_t)count);
	if (!parts) {
		d->failed = true;
		memset(out, 0, 32);
		return;
	}
	if (n->kind == NODE_ITEM)
		item_digest(d, n->item, parts);
	else {
		for (uint32_t i = 0; i < count; i++)
			node_digest(d, n->children[i], parts + 32 * (size_t)i);
		sort_digests(parts, count);
		sha256_start(d->sha);
		add_u64(d->sha, n->kind);
		add_u64(d->sha, count);
		sha256_add(d->sha, parts, 32 * (size_t)count);
	}
	sha256_end(d->sha, out);
}

/* ---- rules ---- */

static struct slice identity(const struct rule *r, uint64_t *kind)
{
	*kind = r->id.len ? 0 : r->name.len ? 1 : 2;
	return r->id.len ? r->id : r->name.len ? r->name : r->title;
}

static void add_identity(struct sha256 *s, const struct rule *r)
{
	uint64_t kind;
	struct slice text = identity(r, &kind);
	add_u64(s, DIGEST_VERSION);
	add_u64(s, r->kind);
	add_u64(s, kind);
	sha256_part(s, text);
}

static void add_folded(struct sha256 *s, struct slice text)
{
	uint8_t folded[256];
	if (text.len == 0 || text.len > 128) {
		sha256_part(s, text);
		return;
	}
	sha256_part(s, slice_of(folded, fold(text, folded)));
}

static bool detection_digest(struct detection *d, struct digest_stack *stack)
{
	uint8_t root[32];
	node_digest(stack, d->root, root);
	struct sha256 *s = stack->sha;
	sha256_start(s);
	add_identity(s, &d->rule);
	add_folded(s, d->rule.logsource.product);
	add_folded(s, d->rule.logsource.category);
	add_folded(s, d->rule.logsource.service);
	sha256_add(s, root, sizeof root);
	sha256_end(s, d->rule.digest);
	return !stack->failed;
}

static void add_fields(struct sha256 *s, const struct correlation *c, const struct correlation_field *fields,
					   uint32_t count)
{
	add_u64(s, count);
	for (uint32_t i = 0; i < count; i++) {
		sha256_part(s, fields[i].name);
		for (uint32_t k = 0; k < c->rule_count; k++)
			sha256_part(s, fields[i].per_rule[k]);
	}
}

static void add_double(struct sha256 *s, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	add_u64(s, bits);
}

/* What most correlations do not have is added only when it is there. */
static void add_condition(struct sha256 *s, const struct correlation *c)
{
	bool numeric = c->type >= CORRELATION_VALUE_SUM;
	if (numeric)
		add_double(s, c->bound.number);
	if (c->type == CORRELATION_VALUE_PERCENTILE)
		add_double(s, c->percentile);
	if (c->ranged) {
		sha256_part(s, SLICE("range"));
		add_u64(s, c->upper.compare);
		add_u64(s, c->upper.count);
		add_double(s, numeric ? c->upper.number : 0);
	}
	if (c->expression_count > 0)
		sha256_part(s, SLICE("expression"));
	for (uint32_t i = 0; i < c->expression_count; i++)
		add_u64(s, (uint64_t)c->expression[i].kind << 32 | c->expression[i].rule);
	if (c->step_count > 0)
		sha256_part(s, SLICE("steps"));
	for (uint32_t i = 0; i < c->step_count; i++)
		add_u64(s, c->steps[i]);
	if (c->absent != 0)
		add_u64(s, c->absent);
}

static void add_span(struct sha256 *s, const char *what, int64_t span)
{
	if (span == 0)
		return;
	sha256_part(s, slice_str(what));
	add_u64(s, (uint64_t)span);
}

/* T13 is about what is told, not about what is found, but the windows remember it. */
static void add_window(struct sha256 *s, const struct correlation *c)
{
	add_span(s, "window", (int64_t)c->window);
	add_span(s, "gap", c->gap_ns);
	add_span(s, "pivot", c->window >= WINDOW_BEFORE ? (int64_t)c->pivot + 1 : 0);
	add_span(s, "until", c->until);
	add_span(s, "seen", c->seen_ns);
	add_span(s, "keys", c->key_count);
	for (uint32_t i = 0; i < c->key_count * c->group_count; i++)
		sha256_part(s, c->keys[i]);
	add_span(s, "history", c->history_ns);
	add_span(s, "suppress", c->suppress_ns);
}

static void add_lists(struct sha256 *s, const struct correlation *c)
{
	for (uint32_t i = 0; i < c->list_count; i++) {
		sha256_part(s, SLICE("list"));
		add_u64(s, c->lists[i].add);
		add_u64(s, c->lists[i].remove);
		add_u64(s, (uint64_t)c->lists[i].ttl_ns);
		add_u64(s, c->lists[i].absent);
	}
	add_span(s, "writers", c->writer_count);
}

static void correlation_digest(struct correlation *c, const struct ruleset *r, struct sha256 *s)
{
	sha256_start(s);
	add_identity(s, &c->rule);
	add_u64(s, c->type);
	add_u64(s, c->rule_count);
	for (uint32_t i = 0; i < c->rule_count; i++)
		sha256_add(s, r->rules[c->rules[i]]->digest, 32);
	add_fields(s, c, c->group_by, c->group_count);
	add_fields(s, c, c->values, c->value_count);
	add_u64(s, (uint64_t)c->timespan_ns);
	add_u64(s, c->bound.compare);
	add_u64(s, c->bound.count);
	add_u64(s, (uint64_t)c->distinct_events | (uint64_t)c->missing_group << 1 | (uint64_t)c->key_cased << 2);
	add_condition(s, c);
	add_window(s, c);
	add_lists(s, c);
	sha256_end(s, c->rule.digest);
}

/* ---- the ruleset ---- */

/* What is told with a match, beyond what decides it, belongs to the ruleset's digest. */
static void whole_digest(struct sha256 *s, const struct rule *r, uint8_t out[32])
{
	sha256_start(s);
	sha256_add(s, r->digest, 32);
	sha256_part(s, r->id);
	sha256_part(s, r->name);
	sha256_part(s, r->title);
	add_u64(s, (uint64_t)r->level << 2 | (uint64_t)r->told << 1 | r->referred);
	for (uint32_t i = 0; i < r->tag_count; i++)
		sha256_part(s, r->tags[i]);
	sha256_end(s, out);
}

static int digest_all(struct ruleset *r, struct sha256 *s, struct arena *arena)
{
	struct digest_stack stack = {&r->fields, arena, s, false};
	uint8_t *all = arena_alloc(arena, 32 * (size_t)r->count);
	if (!all)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < r->count; i++) { /* correlations stand behind what they refer to */
		struct rule *rule = r->rules[i];
		if (rule->kind == RULE_DETECTION && !detection_digest((struct detection *)rule, &stack))
			return -ERROR_MEMORY;
		if (rule->kind == RULE_CORRELATION)
			correlation_digest((struct correlation *)rule, r, s);
		whole_digest(s, rule, all + 32 * (size_t)i);
	}
	qsort(all, r->count, 32, by_octets);
	sha256_start(s);
	add_u64(s, DIGEST_VERSION);
	add_u64(s, r->count);
	sha256_add(s, all, 32 * (size_t)r->count);
	sha256_end(s, r->digest);
	return 0;
}

int ruleset_make_digest(struct ruleset *r)
{
	struct arena arena;
	struct sha256 *s = sha256_new();
	if (!s)
		return -ERROR_MEMORY;
	arena_init(&arena, r->env, 0);
	int rc = digest_all(r, s, &arena);
	arena_free(&arena);
	sha256_free(s);
	return rc;
}
