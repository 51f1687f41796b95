/* Our own keys about windows: which sets a correlation looks at, what ends them, and keys that ought to be there. */
#include "rules/correlation.h"

uint32_t correlation_listed(const struct pending_correlation *p)
{
	return p->reference_count - p->c->until - p->c->writer_count;
}

int correlation_span(struct loader *l, const struct tree_node *map, const char *key, int64_t *out)
{
	const struct tree_node *n = tree_get(map, key);
	if (!n)
		return 0;
	if (!tree_is_scalar(n) || !clock_parse_span(n->text, out))
		return loader_refuse_at(l, "correlation-timespan", n,
								"%s is a whole number and one of s, m, h, d, w, as in 90s or 15m", key);
	return 0;
}

static int read_word(struct loader *l, const struct tree_node *n, struct correlation *c)
{
	static const char *const words[] = {"sliding", "tumbling", "session"};
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (tree_is_scalar(n) && slice_equal(n->text, slice_str(words[i]))) {
			c->window = (enum correlation_window)i;
			return 0;
		}
	return loader_refuse_at(l, "correlation-window", n,
							"window is sliding, tumbling, session, or a map such as {pivot: after, rule: NAME}");
}

static int read_pivot(struct loader *l, const struct tree_node *n, struct pending_correlation *p)
{
	static const char *const known[] = {"pivot", "rule", NULL};
	const struct tree_node *side = tree_get(n, "pivot"), *rule = tree_get(n, "rule");
	int rc = correlation_known_keys(l, n, "window", known);
	if (rc)
		return rc;
	bool before = side && tree_is_scalar(side) && slice_equal(side->text, SLICE("before"));
	if (!before && !(side && tree_is_scalar(side) && slice_equal(side->text, SLICE("after"))))
		return loader_refuse_at(l, "correlation-window", side ? side : n, "pivot is before or after");
	p->c->window = before ? WINDOW_BEFORE : WINDOW_AFTER;
	if (!rule)
		return 0;
	if (!tree_is_scalar(rule) || rule->text.len == 0)
		return loader_refuse_at(l, "correlation-window", rule, "rule is the id or name of one of the rules");
	p->pivot = (struct named_place){loader_copy(l, rule->text), rule->line, rule->column};
	return p->pivot.text.ptr ? 0 : NO_MEMORY;
}

/* One more reference, behind those that the condition speaks of. */
static int read_until(struct loader *l, const struct tree_node *n, struct pending_correlation *p)
{
	if (!tree_is_scalar(n) || n->text.len == 0)
		return loader_refuse_at(l, "correlation-until", n, "until is the id or name of a rule");
	struct reference *all = arena_zalloc(&l->set->arena, (p->reference_count + 1) * sizeof *all);
	if (!all)
		return NO_MEMORY;
	memcpy(all, p->references, p->reference_count * sizeof *all);
	all[p->reference_count].place = (struct named_place){loader_copy(l, n->text), n->line, n->column};
	if (!all[p->reference_count].place.text.ptr)
		return NO_MEMORY;
	p->references = all;
	p->reference_count++;
	p->c->until = true;
	return 0;
}

/* A map with one key, which is a span. */
static int read_spanned(struct loader *l, const struct tree_node *map, const char *key, const char *inside,
						int64_t *out)
{
	const char *const known[] = {inside, NULL};
	const struct tree_node *n = tree_get(map, key);
	if (!n)
		return 0;
	if (n->type != TREE_MAP || !tree_get(n, inside))
		return loader_refuse_at(l, "correlation-extension", n, "%s is a map such as {%s: 7d}", key, inside);
	int rc = correlation_known_keys(l, n, key, known);
	return rc ? rc : correlation_span(l, n, inside, out);
}

static int add_key(struct loader *l, const struct tree_node *n, struct pending_correlation *p, struct slice *out)
{
	const struct tree_node *const one[] = {n};
	bool list = n->type == TREE_LIST;
	uint32_t count = list ? n->count : 1;
	if (count != p->group_count)
		return loader_refuse_at(l, "correlation-population", n, "a key has a value for each field of group-by");
	for (uint32_t i = 0; i < count; i++) {
		const struct tree_node *value = list ? n->items[i] : one[i];
		if (!tree_is_scalar(value) || value->type == TREE_NULL)
			return loader_refuse_at(l, "correlation-population", value, "a key is of texts and numbers");
		out[i] = loader_copy(l, value->text);
		if (!out[i].ptr)
			return NO_MEMORY;
	}
	return 0;
}

/* {keys: [a, b]}, or with several fields {keys: [[a, x], [b, y]]}. */
static int read_keys(struct loader *l, const struct tree_node *keys, struct pending_correlation *p)
{
	struct correlation *c = p->c;
	if (keys->type != TREE_LIST || keys->count == 0 || p->group_count == 0)
		return loader_refuse_at(l, "correlation-population", keys, "keys is a list, of values of the group-by fields");
	struct slice *all = arena_zalloc(&l->set->arena, (size_t)keys->count * p->group_count * sizeof *all);
	if (!all)
		return NO_MEMORY;
	c->keys = all;
	for (; c->key_count < keys->count; c->key_count++) {
		int rc = add_key(l, keys->items[c->key_count], p, all + (size_t)c->key_count * p->group_count);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_absence(struct loader *l, const struct tree_node *map, struct pending_correlation *p)
{
	static const char *const known[] = {"seen", "keys", NULL};
	const struct tree_node *n = tree_get(map, "absence");
	if (!n)
		return 0;
	const struct tree_node *seen = tree_get(n, "seen"), *keys = tree_get(n, "keys");
	if (n->type != TREE_MAP || !seen == !keys)
		return loader_refuse_at(l, "correlation-extension", n, "absence is {seen: 7d} or {keys: [a, b]}");
	int rc = correlation_known_keys(l, n, "absence", known);
	if (rc)
		return rc;
	return seen ? correlation_span(l, n, "seen", &p->c->seen_ns) : read_keys(l, keys, p);
}

int correlation_window_read(struct loader *l, const struct tree_node *map, struct pending_correlation *p)
{
	struct correlation *c = p->c;
	const struct tree_node *window = tree_get(map, "window"), *until = tree_get(map, "until");
	int rc = 0;
	if (window)
		rc = window->type == TREE_MAP ? read_pivot(l, window, p) : read_word(l, window, c);
	if (!rc)
		rc = correlation_span(l, map, "gap", &c->gap_ns);
	if (!rc && until && c->until)
		rc = loader_refuse_at(l, "correlation-until", until, "until stands there already");
	if (!rc && until)
		rc = read_until(l, until, p);
	if (!rc)
		rc = read_absence(l, map, p);
	if (!rc)
		rc = read_spanned(l, map, "new_value", "history", &c->history_ns);
	if (!rc)
		rc = correlation_span(l, map, "suppress", &c->suppress_ns);
	return rc ? rc : correlation_lists_read(l, map, p);
}

/* ---- together ---- */

static int refuse(struct loader *l, const struct tree_node *at, const char *text)
{
	return loader_refuse_at(l, "correlation-window", at, "%s", text);
}

static int check_pivot(struct loader *l, const struct tree_node *at, const struct pending_correlation *p)
{
	if (p->c->window < WINDOW_BEFORE)
		return 0;
	if (p->c->until)
		return refuse(l, at, "a window around a pivot has its end: it knows no until");
	if (p->reference_count < 2)
		return refuse(l, at, "a window around a pivot needs a second rule");
	return 0;
}

static int check_absence(struct loader *l, const struct tree_node *at, const struct pending_correlation *p)
{
	const struct correlation *c = p->c;
	if (c->seen_ns == 0 && c->key_count == 0 && p->zero && c->window < WINDOW_BEFORE)
		return loader_refuse_at(
			l, "correlation-population", p->zero,
			"only the absence of all matches would fulfil this: that needs a population of keys, as "
			"in cresset: {absence: {seen: 7d}}");
	if (c->seen_ns == 0 && c->key_count == 0)
		return 0;
	if (c->type != CORRELATION_EVENT_COUNT || !p->zero)
		return loader_refuse_at(l, "correlation-population", at, "absence is of event_count with eq: 0");
	if (c->window != WINDOW_SLIDING || c->until)
		return refuse(l, at, "absence has windows of its own: from one match to the next");
	if (c->key_count == 0 && c->seen_ns < c->timespan_ns)
		return loader_refuse_at(l, "correlation-population", at,
								"keys are silent for a timespan before they are told: seen must be at least as long");
	return 0;
}

int correlation_window_check(struct loader *l, const struct tree_node *body, struct pending_correlation *p)
{
	const struct correlation *c = p->c;
	if ((c->window == WINDOW_SESSION) != (c->gap_ns > 0))
		return refuse(l, body, "a session needs a gap, and nothing else has one");
	if (c->history_ns > 0 && c->type != CORRELATION_VALUE_COUNT)
		return refuse(l, body, "new_value is of value_count: its field says which values");
	if (c->history_ns > 0 && (c->window != WINDOW_SLIDING || c->until || c->ranged ||
							  (c->bound.compare != COMPARE_GT && c->bound.compare != COMPARE_GTE)))
		return refuse(l, body, "new_value needs gt or gte, sliding windows and no until");
	int rc = check_pivot(l, body, p);
	if (!rc)
		rc = check_absence(l, body, p);
	return rc ? rc : correlation_lists_check(l, body, p);
}

int correlation_pivot_resolve(struct loader *l, struct pending_correlation *p)
{
	if (p->c->window < WINDOW_BEFORE || p->pivot.text.len == 0)
		return 0;
	const struct named_rule *n = loader_find(l, p->pivot.text);
	uint32_t i = 0;
	while (n && i < correlation_listed(p) && p->references[i].rule != n->rule)
		i++;
	if (!n || !n->rule || i == correlation_listed(p))
		return loader_refuse(l, "correlation-window", p->pivot.line, p->pivot.column,
							 "the pivot '%.*s' is not among the rules", SLICE_PRINT(p->pivot.text));
	p->c->pivot = i;
	return 0;
}
