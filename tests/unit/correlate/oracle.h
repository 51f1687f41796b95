/* The oracle: what the rules mean, by brute force over all matches at once (docs/correlation.md). It knows nothing of
 * streams, watermarks or state. Included once by a test program. */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

#include "tests/unit/correlate/pipeline.h"

#define EVENTS_MAX 256
#define FIELDS_MAX 5

struct seen {
	int64_t when_ns;
	int source; /* number; its collector has the same */
	uint32_t order; /* among the events of its source */
	bool late;
	const char *hits[3]; /* titles of base rules, ended by null */
	const char *user, *host, *amount; /* null = missing */
	uint32_t label;
};

/* A match of one correlation. */
struct item {
	const struct seen *event;
	uint32_t slot;
	char key[96], spelling[96], value[32], user[32], host[32], amount[32];
	bool fired;
	int64_t start_ns; /* of the set it completes */
	uint32_t from, to; /* that set */
};

struct items {
	struct item *at;
	uint32_t count;
};

static const struct ruleset *oracle_rules;

static const char *source_name(int source)
{
	static const char *const names[] = {"ip 10.0.0.1", "ip 10.0.0.2", "ip 10.0.0.3", "ip 10.0.0.4"};
	return names[source];
}

static int item_compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = strcmp(x->key, y->key);
	if (order != 0)
		return order;
	if (x->event->when_ns != y->event->when_ns)
		return x->event->when_ns < y->event->when_ns ? -1 : 1;
	if (x->event->source != y->event->source)
		return x->event->source < y->event->source ? -1 : 1;
	if (x->event->order != y->event->order)
		return x->event->order < y->event->order ? -1 : 1;
	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return strcmp(x->value, y->value);
}

static uint32_t oracle_distinct_values(const struct item *m, uint32_t from, uint32_t to)
{
	uint32_t n = 0;
	for (uint32_t i = from; i < to; i++) {
		uint32_t k = from;
		while (k < i && strcmp(m[k].value, m[i].value) != 0)
			k++;
		n += k == i;
	}
	return n;
}

static uint32_t oracle_distinct_rules(const struct item *m, uint32_t from, uint32_t to)
{
	uint32_t n = 0;
	for (uint32_t i = from; i < to; i++) {
		uint32_t k = from;
		while (k < i && m[k].slot != m[i].slot)
			k++;
		n += k == i;
	}
	return n;
}

/* May b follow a in a chain? */
static bool oracle_follows(const struct item *a, const struct item *b)
{
	if (a->event->when_ns != b->event->when_ns)
		return a->event->when_ns < b->event->when_ns;
	return a->event->source != b->event->source || a->event->order <= b->event->order;
}

/* Rules that the condition speaks of: one that ends windows stands behind them, then those that only write lists. */
static uint32_t oracle_listed(const struct correlation *c)
{
	return c->rule_count - c->writer_count - c->until;
}

/* May this match stand in place k of a chain? */
static bool oracle_stands(const struct correlation *c, const struct item *m, uint32_t k)
{
	return c->step_count > 0 ? (c->steps[k] & (UINT64_C(1) << m->slot)) != 0 : m->slot == k;
}

/* Is there a chain over the places before k among [from, to) that `last` can follow? Plain recursion. */
static bool oracle_chain(const struct correlation *c, const struct item *m, uint32_t from, uint32_t to, uint32_t last,
						 uint32_t k)
{
	if (k == 0)
		return true;
	for (uint32_t i = from; i < to; i++)
		if (oracle_stands(c, &m[i], k - 1) && oracle_follows(&m[i], &m[last]) && oracle_chain(c, m, from, to, i, k - 1))
			return true;
	return false;
}

/* Does `last` end a whole chain? */
static bool oracle_ends(const struct correlation *c, const struct item *m, uint32_t from, uint32_t to, uint32_t last)
{
	uint32_t places = c->step_count > 0 ? c->step_count : oracle_listed(c);
	return oracle_stands(c, &m[last], places - 1) && oracle_chain(c, m, from, to, last, places - 1);
}

static bool oracle_compare(const struct correlation_bound *b, double n, double threshold)
{
	switch (b->compare) {
	case COMPARE_GT:
		return n > threshold;
	case COMPARE_GTE:
		return n >= threshold;
	case COMPARE_LT:
		return n < threshold;
	case COMPARE_LTE:
		return n <= threshold;
	case COMPARE_EQ:
		return n == threshold;
	case COMPARE_NEQ:
		return n != threshold;
	}
	return false;
}

static bool oracle_count_holds(const struct correlation *c, uint32_t n)
{
	return oracle_compare(&c->bound, n, (double)c->bound.count) &&
		   (!c->ranged || oracle_compare(&c->upper, n, (double)c->upper.count));
}

static bool oracle_numeric(const struct correlation *c)
{
	return c->type == CORRELATION_VALUE_SUM || c->type == CORRELATION_VALUE_AVG ||
		   c->type == CORRELATION_VALUE_PERCENTILE;
}

/* All amounts of the tests are whole eighths, so that nothing is rounded here. */
static bool oracle_eighths(const char *amount, int64_t *out)
{
	char *end;
	double n = strtod(amount, &end);
	*out = (int64_t)(n * 8);
	return end != amount && *end == 0;
}

static int compare_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static double oracle_number(const struct correlation *c, const struct item *m, uint32_t from, uint32_t to)
{
	int64_t all[EVENTS_MAX * 4], sum = 0;
	uint32_t n = to - from;
	for (uint32_t i = 0; i < n; i++) {
		assert_true(oracle_eighths(m[from + i].amount, &all[i]));
		sum += all[i];
	}
	if (c->type == CORRELATION_VALUE_SUM)
		return (double)sum / 8;
	if (c->type == CORRELATION_VALUE_AVG)
		return (double)sum / 8 / n;
	qsort(all, n, sizeof(*all), compare_i64);
	double place = c->percentile * (n - 1) / 100;
	uint32_t below = (uint32_t)place, above = below + 1 < n ? below + 1 : below;
	return (double)all[below] / 8 + (double)(all[above] - all[below]) / 8 * (place - below);
}

/* The truth of the part of an expression that ends at *end, which moves before it. */
static bool oracle_truth(const struct correlation *c, const struct item *m, uint32_t from, uint32_t to, uint32_t *end)
{
	const struct expression *e = &c->expression[--*end];
	if (e->kind == EXPRESSION_NOT)
		return !oracle_truth(c, m, from, to, end);
	if (e->kind == EXPRESSION_RULE) {
		for (uint32_t i = from; i < to; i++)
			if (m[i].slot == e->rule)
				return true;
		return false;
	}
	bool right = oracle_truth(c, m, from, to, end), left = oracle_truth(c, m, from, to, end);
	return e->kind == EXPRESSION_AND ? left && right : left || right;
}

/* `last` is UINT32_MAX when any of the set may end a chain. */
static bool oracle_ordered(const struct correlation *c, const struct item *m, uint32_t from, uint32_t to, uint32_t last)
{
	bool found = false;
	for (uint32_t i = from; i < to; i++)
		if ((c->absent & (UINT64_C(1) << m[i].slot)) != 0)
			return false;
	for (uint32_t i = from; i < to; i++)
		found |= (last == UINT32_MAX || last == i) && oracle_ends(c, m, from, to, i);
	return found;
}

static bool oracle_judge(const struct correlation *c, const struct item *m, uint32_t from, uint32_t to, uint32_t last)
{
	uint32_t end = c->expression_count;
	if (c->type == CORRELATION_TEMPORAL_ORDERED)
		return oracle_ordered(c, m, from, to, last);
	if (oracle_numeric(c) && from == to)
		return false;
	if (oracle_numeric(c)) {
		double n = oracle_number(c, m, from, to);
		return oracle_compare(&c->bound, n, c->bound.number) &&
			   (!c->ranged || oracle_compare(&c->upper, n, c->upper.number));
	}
	if (c->type == CORRELATION_EVENT_COUNT)
		return oracle_count_holds(c, to - from);
	if (c->type == CORRELATION_VALUE_COUNT)
		return oracle_count_holds(c, oracle_distinct_values(m, from, to));
	return end > 0 ? oracle_truth(c, m, from, to, &end) : oracle_count_holds(c, oracle_distinct_rules(m, from, to));
}

static bool oracle_until(const struct correlation *c, const struct item *m)
{
	return c->until && m->slot == oracle_listed(c);
}

/* Was its value nowhere among the matches before it, as far as the rule looks back? */
static bool oracle_new(const struct correlation *c, const struct item *m, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++)
		if (strcmp(m[i].value, m[index].value) == 0 && m[i].event->when_ns >= m[index].event->when_ns - c->history_ns)
			return false;
	return true;
}

static bool oracle_counts(const struct correlation *c, const struct item *m, uint32_t index)
{
	bool pivot = c->window >= WINDOW_BEFORE && m[index].slot == c->pivot;
	if (oracle_until(c, &m[index]))
		return false;
	if (c->type == CORRELATION_TEMPORAL || c->type == CORRELATION_TEMPORAL_ORDERED)
		return true;
	return !pivot && (c->history_ns == 0 || oracle_new(c, m, index));
}

/* Does the condition hold for those of [from, to) that count? */
static bool oracle_holds(const struct correlation *c, const struct item *m, uint32_t from, uint32_t to, uint32_t last)
{
	struct item *counted = fake_must(malloc(sizeof(*counted) * (to - from + 1)));
	uint32_t n = 0, counted_last = UINT32_MAX;
	for (uint32_t i = from; i < to; i++) {
		if (!oracle_counts(c, m, i))
			continue;
		if (i == last)
			counted_last = n;
		counted[n++] = m[i];
	}
	bool holds = oracle_judge(c, counted, 0, n, counted_last);
	free(counted);
	return holds;
}

/* Is the set of a match what stands in the timespan before it? */
static bool oracle_slides(const struct correlation *c)
{
	bool negated = c->absent != 0;
	for (uint32_t i = 0; i < c->expression_count; i++)
		negated |= c->expression[i].kind == EXPRESSION_NOT;
	return !negated && !c->ranged && (c->bound.compare == COMPARE_GT || c->bound.compare == COMPARE_GTE);
}

static int64_t oracle_period(const struct correlation *c, int64_t when_ns)
{
	int64_t period = c->timespan_ns > NS_PER_DAY ? c->timespan_ns : NS_PER_DAY;
	return when_ns / period;
}

/* [from, to) holds, and its member `index` is told to have completed it; the first set that says so counts. */
static void oracle_mark(struct item *m, uint32_t index, uint32_t from, uint32_t to, int64_t start_ns)
{
	if (m[index].fired)
		return;
	m[index].fired = true;
	m[index].from = from;
	m[index].to = to;
	m[index].start_ns = start_ns;
}

static void oracle_sliding(const struct correlation *c, struct item *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = 0, to = i + 1;
		int64_t start = m[i].event->when_ns - c->timespan_ns;
		for (uint32_t k = 0; k < n; k++)
			if (oracle_until(c, &m[k]) && m[k].event->when_ns < m[i].event->when_ns && m[k].event->when_ns >= start)
				start = m[k].event->when_ns + 1;
		while (m[from].event->when_ns < start)
			from++;
		if (c->type == CORRELATION_TEMPORAL_ORDERED)
			while (to < n && m[to].event->when_ns == m[i].event->when_ns)
				to++;
		if (!oracle_until(c, &m[i]) && oracle_holds(c, m, from, to, i))
			oracle_mark(m, i, from, to, start);
	}
}

/* The last instant of the window that begins at this time with match `from`. */
static int64_t oracle_window_end(const struct correlation *c, const struct item *m, uint32_t n, uint32_t from)
{
	int64_t begin = m[from].event->when_ns, end = begin + c->timespan_ns, last = begin;
	if (c->window == WINDOW_TUMBLING)
		return begin / c->timespan_ns * c->timespan_ns + c->timespan_ns - 1;
	if (c->window == WINDOW_SLIDING)
		return end;
	while (oracle_period(c, end) != oracle_period(c, begin))
		end = oracle_period(c, end) * (c->timespan_ns > NS_PER_DAY ? c->timespan_ns : NS_PER_DAY) - 1;
	for (uint32_t i = from; i < n; i++) {
		int64_t when = m[i].event->when_ns;
		if (oracle_until(c, &m[i]))
			continue;
		if (when > end || when - last > c->gap_ns)
			break;
		last = when;
	}
	return last;
}

static void oracle_laid(const struct correlation *c, struct item *m, uint32_t n)
{
	int64_t next = INT64_MIN;
	for (;;) {
		uint32_t from = 0;
		while (from < n && (m[from].event->when_ns < next || oracle_until(c, &m[from])))
			from++;
		if (from == n)
			return;
		int64_t begin = m[from].event->when_ns, end = oracle_window_end(c, m, n, from);
		next = end + 1;
		for (uint32_t i = from; c->window == WINDOW_SLIDING && i < n && m[i].event->when_ns <= end; i++)
			if (oracle_period(c, m[i].event->when_ns) != oracle_period(c, begin)) {
				next = m[i].event->when_ns;
				break;
			}
		for (uint32_t i = n; i-- > 0;)
			if (oracle_until(c, &m[i]) && m[i].event->when_ns >= begin && m[i].event->when_ns <= end) {
				end = m[i].event->when_ns;
				next = end + 1;
			}
		uint32_t to = from;
		for (uint32_t i = from; i < n && m[i].event->when_ns <= end; i++)
			if (!oracle_until(c, &m[i]))
				to = i + 1;
		if (oracle_holds(c, m, from, to, UINT32_MAX))
			oracle_mark(m, to - 1, from, to, begin);
	}
}

static void oracle_pivots(const struct correlation *c, struct item *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int64_t when = m[i].event->when_ns;
		uint32_t from = i, to = i + 1;
		if (m[i].slot != c->pivot)
			continue;
		if (c->window == WINDOW_BEFORE)
			while (from > 0 && m[from - 1].event->when_ns >= when - c->timespan_ns)
				from--;
		else
			while (to < n && m[to].event->when_ns <= when + c->timespan_ns)
				to++;
		if (oracle_holds(c, m, from, to, UINT32_MAX))
			oracle_mark(m, to - 1, from, to, c->window == WINDOW_BEFORE ? when - c->timespan_ns : when);
	}
}

/* Matches [0, n) of one key, in order. */
static void oracle_fire(const struct correlation *c, struct item *m, uint32_t n)
{
	if (c->seen_ns > 0) {
		for (uint32_t i = 0; i < n; i++)
			if (i + 1 == n || m[i + 1].event->when_ns - m[i].event->when_ns > c->timespan_ns)
				oracle_mark(m, i, i, i + 1, m[i].event->when_ns);
	} else if (c->window >= WINDOW_BEFORE) {
		oracle_pivots(c, m, n);
	} else if (c->window == WINDOW_SLIDING && oracle_slides(c)) {
		oracle_sliding(c, m, n);
	} else {
		oracle_laid(c, m, n);
	}
}

/* ---- what is told, as lines of text ---- */

struct lines {
	char **at;
	uint32_t count;
};

static void lines_add(struct lines *l, char *text)
{
	l->at = fake_must(realloc(l->at, sizeof(*l->at) * (l->count + 1)));
	l->at[l->count++] = text;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void lines_free(struct lines *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->at[i]);
	free(l->at);
	*l = (struct lines){0};
}

static char *line_of(const char *title, const char *group, int64_t first_ns, int64_t last_ns, int64_t fired_ns,
					 uint32_t count, uint32_t firing_points, bool continues, uint32_t suppressed, uint32_t *labels,
					 uint32_t label_count)
{
	char *line = fake_must(malloc(4096)), times[3][40];
	clock_print(first_ns, times[0]);
	clock_print(last_ns, times[1]);
	clock_print(fired_ns, times[2]);
	int n = snprintf(line, 4096, "%s %s %s..%s fired %s count %u points %u%s suppressed %u events", title, group,
					 times[0], times[1], times[2], count, firing_points, continues ? " continues" : "", suppressed);
	qsort(labels, label_count, sizeof(*labels), compare_number);
	for (uint32_t i = 0; i < label_count && n < 4000; i++)
		n += snprintf(line + n, 4096 - (size_t)n, " %u", labels[i]);
	return line;
}

static void oracle_tell(struct lines *out, const struct correlation *c, const struct item *m, uint32_t from,
						uint32_t to, const struct item *first, const struct item *last, uint32_t points, bool continues,
						uint32_t suppressed)
{
	uint32_t labels[EVENTS_MAX * 4], n = 0;
	char title[64];
	for (uint32_t i = from; i < to; i++)
		labels[n++] = m[i].event->label;
	snprintf(title, sizeof(title), "%.*s", SLICE_PRINT(c->rule.title));
	int64_t fired_ns = first->event->when_ns + (c->seen_ns > 0 ? c->timespan_ns : 0);
	lines_add(out, line_of(title, m[from].spelling, m[from].event->when_ns, last->event->when_ns, fired_ns, to - from,
						   points, continues, suppressed, labels, n));
}

static void oracle_excursions(struct lines *out, const struct correlation *c, const struct item *m, uint32_t n,
							  bool each)
{
	const struct item *first = NULL, *last = NULL;
	const struct item *anchor = NULL;
	uint32_t points = 0, from = 0, suppressed = 0;
	bool continues = false;
	for (uint32_t i = 0; i <= n; i++) {
		if (i < n && !m[i].fired)
			continue;
		bool near = last != NULL && i < n && m[i].event->when_ns - last->event->when_ns <= c->timespan_ns;
		bool same = near && oracle_period(c, m[i].event->when_ns) == oracle_period(c, last->event->when_ns);
		if (last != NULL && (!same || each)) {
			for (from = each ? first->from : 0; m[from].event->when_ns < first->start_ns;)
				from++;
			bool quiet = !each && anchor != NULL && first->event->when_ns - anchor->event->when_ns <= c->suppress_ns;
			suppressed = quiet && c->suppress_ns > 0 ? suppressed + 1 : 0;
			if (suppressed == 0)
				anchor = first;
			oracle_tell(out, c, m, from, last->to, first, last, points, continues && !each, suppressed);
			first = NULL;
		}
		if (i == n)
			break;
		if (first == NULL) {
			first = &m[i];
			points = 0;
			continues = near;
		}
		points++;
		last = &m[i];
	}
}

static uint32_t oracle_groups_by(const struct correlation *c, const char *name)
{
	for (uint32_t i = 0; i < c->group_count; i++)
		if (slice_equal(c->group_by[i].name, slice_str(name)))
			return i + 1;
	return 0;
}

/* Fills keys from user and host; false when the correlation groups by one that is missing. */
static bool oracle_key(const struct correlation *c, struct item *item)
{
	item->key[0] = 0;
	strcpy(item->spelling, "{");
	for (uint32_t i = 0; i < c->group_count; i++) {
		const char *name = slice_equal(c->group_by[i].name, SLICE("user")) ? "user" : "host";
		const char *value = name[0] == 'u' ? item->user : item->host;
		if (value[0] == 0)
			return false;
		for (const char *p = value; *p != 0; p++) {
			size_t len = strlen(item->key);
			item->key[len] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
			item->key[len + 1] = 0;
		}
		strcat(item->key, "|");
		snprintf(item->spelling + strlen(item->spelling), sizeof(item->spelling) - strlen(item->spelling),
				 "%s\"%s\":\"%s\"", i > 0 ? "," : "", name, value);
	}
	strcat(item->spelling, "}");
	bool bare = item->slot >= oracle_listed(c) || (c->window >= WINDOW_BEFORE && item->slot == c->pivot);
	if (bare) {
		item->value[0] = 0;
		return true;
	}
	const char *told = oracle_numeric(c) ? item->amount : c->type == CORRELATION_VALUE_COUNT ? item->host : "";
	snprintf(item->value, sizeof(item->value), "%s", told); /* without a value, matches of one rule and event are one */
	int64_t eighths;
	if (oracle_numeric(c))
		return oracle_eighths(item->amount, &eighths);
	return c->type != CORRELATION_VALUE_COUNT || item->host[0] != 0;
}

static void oracle_add(struct items *items, const struct item *item)
{
	for (uint32_t i = 0; i < items->count; i++)
		if (item_compare(&items->at[i], item) == 0)
			return;
	items->at = fake_must(realloc(items->at, sizeof(*items->at) * (items->count + 1)));
	items->at[items->count++] = *item;
}

static void oracle_matches(const struct correlation *c, const struct seen *events, uint32_t count, struct items *fired,
						   struct items *out)
{
	for (uint32_t slot = 0; slot < c->rule_count; slot++) {
		const struct rule *rule = oracle_rules->rules[c->rules[slot]];
		for (uint32_t i = 0; i < count; i++) {
			struct item item = {.event = &events[i], .slot = slot};
			snprintf(item.user, sizeof(item.user), "%s", events[i].user != NULL ? events[i].user : "");
			snprintf(item.host, sizeof(item.host), "%s", events[i].host != NULL ? events[i].host : "");
			snprintf(item.amount, sizeof(item.amount), "%s", events[i].amount != NULL ? events[i].amount : "");
			bool hit = false;
			for (uint32_t h = 0; h < 3 && events[i].hits[h] != NULL; h++)
				hit |= slice_equal(slice_str(events[i].hits[h]), rule->title);
			if (hit && !events[i].late && oracle_key(c, &item))
				oracle_add(out, &item);
		}
		for (uint32_t i = 0; i < fired[c->rules[slot]].count; i++) {
			struct item item = fired[c->rules[slot]].at[i];
			item.slot = slot;
			item.fired = false;
			if (oracle_key(c, &item))
				oracle_add(out, &item);
		}
	}
	if (out->count > 0)
		qsort(out->at, out->count, sizeof(*out->at), item_compare);
}

/* ---- lists ---- */

/* Does the event of a stand before that of b? */
static bool oracle_before(const struct item *a, const struct item *b)
{
	if (a->event->when_ns != b->event->when_ns)
		return a->event->when_ns < b->event->when_ns;
	if (a->event->source != b->event->source)
		return a->event->source < b->event->source;
	return a->event->order < b->event->order;
}

/* Is there a match before m, of its key and at most a time to live older, that puts the key on the list, and none from it on
 * before m that takes it off? */
static bool oracle_on(const struct correlation_list *list, const struct item *m, uint32_t n, const struct item *at)
{
	for (uint32_t a = 0; a < n; a++) {
		bool on = (list->add >> m[a].slot & 1) != 0 && strcmp(m[a].key, at->key) == 0 && oracle_before(&m[a], at) &&
				  at->event->when_ns - m[a].event->when_ns <= list->ttl_ns;
		for (uint32_t r = 0; on && r < n; r++)
			on = (list->remove >> m[r].slot & 1) == 0 || strcmp(m[r].key, at->key) != 0 ||
				 oracle_before(&m[r], &m[a]) || !oracle_before(&m[r], at);
		if (on)
			return true;
	}
	return false;
}

static bool oracle_stays(const struct correlation *c, const struct item *m, uint32_t n, const struct item *at)
{
	bool stays = at->slot < oracle_listed(c);
	if (oracle_until(c, at))
		return true;
	for (uint32_t i = 0; stays && i < c->list_count; i++)
		stays = oracle_on(&c->lists[i], m, n, at) != c->lists[i].absent;
	return stays;
}

/* Only what counts is left. */
static void oracle_lists(const struct correlation *c, struct items *matches)
{
	struct items left = {0};
	if (c->list_count == 0)
		return;
	for (uint32_t i = 0; i < matches->count; i++)
		if (oracle_stays(c, matches->at, matches->count, &matches->at[i]))
			oracle_add(&left, &matches->at[i]);
	free(matches->at);
	*matches = left;
}

/* A firing point as a match: its group, and what its set agrees on. */
static void oracle_forward(const struct correlation *c, const struct item *m, uint32_t index, struct items *fired)
{
	struct item item = m[index];
	uint32_t from = m[index].from;
	for (uint32_t i = from; i < m[index].to; i++) {
		if (!oracle_groups_by(c, "user") && strcasecmp(m[i].user, m[from].user) != 0)
			item.user[0] = 0;
		if (!oracle_groups_by(c, "host") && strcasecmp(m[i].host, m[from].host) != 0)
			item.host[0] = 0;
		if (strcasecmp(m[i].amount, m[from].amount) != 0)
			item.amount[0] = 0;
	}
	if (item.user[0] != 0 && !oracle_groups_by(c, "user"))
		strcpy(item.user, m[from].user);
	if (item.host[0] != 0 && !oracle_groups_by(c, "host"))
		strcpy(item.host, m[from].host);
	if (item.amount[0] != 0)
		strcpy(item.amount, m[from].amount);
	oracle_add(fired, &item);
}

/* Correlations of a ruleset stand after what they refer to. */
static void oracle_run(const struct ruleset *r, const struct seen *events, uint32_t count, bool each, struct lines *out)
{
	struct items fired[FAKE_RULES] = {0};
	oracle_rules = r;
	for (uint32_t k = 0; k < r->count; k++) {
		const struct correlation *c = r->correlations[k];
		struct items matches = {0};
		if (c == NULL)
			continue;
		oracle_matches(c, events, count, fired, &matches);
		oracle_lists(c, &matches);
		for (uint32_t from = 0, to; from < matches.count; from = to) {
			for (to = from + 1; to < matches.count && strcmp(matches.at[to].key, matches.at[from].key) == 0;)
				to++;
			struct item *m = &matches.at[from];
			oracle_fire(c, m, to - from);
			if (c->rule.told)
				oracle_excursions(out, c, m, to - from, each);
			for (uint32_t i = 0; i < to - from; i++)
				if (m[i].fired)
					oracle_forward(c, m, i, &fired[k]);
		}
		free(matches.at);
	}
	for (uint32_t k = 0; k < FAKE_RULES; k++)
		free(fired[k].at);
	if (out->count > 0)
		qsort(out->at, out->count, sizeof(*out->at), compare_text);
}

#endif
