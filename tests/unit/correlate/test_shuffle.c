/* The property: whatever the order of arrival inside the lateness, the cut into batches, the number of partitions, and
 * wherever it is stopped and started again, the final incidents are those of the oracle. Each seed makes a ruleset and a
 * stream, and runs the stream in several ways. SEEDS=n and SEED=first choose which; a failing seed is printed. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/oracle.h"

#define SOURCES 3

struct random {
	uint64_t state;
};

static uint64_t next(struct random *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(struct random *r, uint32_t n)
{
	return (uint32_t)(next(r) % n);
}

static bool chance(struct random *r, uint32_t percent)
{
	return below(r, 100) < percent;
}

/* ---- a ruleset ---- */

static const char *const titles[] = {"c0", "c1", "c2", "c3", "c4", "c5"};

static bool numeric(enum correlation_type type)
{
	return type == CORRELATION_VALUE_SUM || type == CORRELATION_VALUE_AVG || type == CORRELATION_VALUE_PERCENTILE;
}

static void random_bounds(struct random *r, struct correlation *c)
{
	static const enum compare all[] = {COMPARE_GT, COMPARE_GTE, COMPARE_LT, COMPARE_LTE, COMPARE_EQ, COMPARE_NEQ};
	static const double numbers[] = {0, 0.5, 2.25, 10, -1, 3, 100};
	c->bound.compare = chance(r, 35) ? all[below(r, 6)] : COMPARE_GTE;
	c->bound.count = c->type == CORRELATION_TEMPORAL ? 1 + below(r, oracle_listed(c)) : 1 + below(r, 4);
	c->bound.number = numbers[below(r, 7)];
	c->percentile = (double)below(r, 5) * 25;
	c->ranged = chance(r, 15);
	if (!c->ranged)
		return;
	c->bound.compare = all[below(r, 2)];
	c->upper = (struct correlation_bound){all[2 + below(r, 2)], c->bound.count + 1 + below(r, 3),
										  c->bound.number + below(r, 5)};
}

/* Every rule, some of them negated, joined at random. */
static void random_expression(struct random *r, struct correlation *c)
{
	struct expression *e = fake_must(calloc(16, sizeof(*e)));
	uint32_t n = 0, open = 0, joined = 0;
	while (joined + 1 < oracle_listed(c) || open == 0) {
		if (open < oracle_listed(c) && (open - joined < 2 || chance(r, 50))) {
			e[n++] = (struct expression){EXPRESSION_RULE, open++};
		} else {
			e[n++] = (struct expression){chance(r, 50) ? EXPRESSION_AND : EXPRESSION_OR, 0};
			joined++;
		}
		if (chance(r, 25))
			e[n++] = (struct expression){EXPRESSION_NOT, 0};
	}
	c->expression = e;
	c->expression_count = n;
}

static void random_steps(struct random *r, struct correlation *c)
{
	uint64_t *steps = fake_must(calloc(4, sizeof(*steps))), all = (UINT64_C(1) << oracle_listed(c)) - 1;
	c->step_count = 1 + below(r, 3);
	for (uint32_t i = 0; i < c->step_count; i++)
		steps[i] = 1 + below(r, (uint32_t)all);
	c->steps = steps;
	c->absent = chance(r, 40) ? next(r) & all : 0;
}

static const int64_t spans[] = {1, 5, 30, 60, 300, 3600, 90000};

/* What the sets are, before the condition is known. */
static void random_window(struct random *r, struct correlation *c)
{
	bool several = oracle_listed(c) > 1;
	switch (below(r, 10)) {
	case 0:
		c->window = WINDOW_TUMBLING;
		break;
	case 1:
		c->window = WINDOW_SESSION;
		c->gap_ns = spans[below(r, 7)] * NS_PER_S;
		break;
	case 2:
	case 3:
		c->window = several ? WINDOW_BEFORE + below(r, 2) : WINDOW_SLIDING;
		c->pivot = below(r, oracle_listed(c));
		break;
	case 4:
		c->window = WINDOW_TUMBLING + below(r, 2);
		c->gap_ns = 60 * NS_PER_S;
		c->until = several;
		break;
	case 5:
	case 6:
		c->until = several;
		break;
	default:
		break;
	}
}

static void random_absence(struct random *r, struct correlation *c)
{
	bool plain = c->window == WINDOW_SLIDING && !c->until;
	if (c->type == CORRELATION_EVENT_COUNT && plain && c->list_count == 0 && chance(r, 20)) {
		c->seen_ns = c->timespan_ns;
		c->bound = (struct correlation_bound){.compare = COMPARE_EQ};
		c->ranged = false;
	}
	if (c->type == CORRELATION_VALUE_COUNT && plain && chance(r, 30)) {
		c->history_ns = spans[below(r, 7)] * NS_PER_S;
		c->bound = (struct correlation_bound){.compare = COMPARE_GTE, .count = 1 + below(r, 2)};
		c->ranged = false;
	}
	if (c->window >= WINDOW_BEFORE && chance(r, 20))
		c->bound = (struct correlation_bound){.compare = COMPARE_EQ};
}

static uint32_t with_lists = 15; /* of a hundred correlations */

/* Up to two lists, written by rules that are counted and by such as are not. */
static void random_lists(struct random *r, struct correlation *c)
{
	struct correlation_list *lists = fake_must(calloc(2, sizeof(*lists)));
	c->writer_count = below(r, c->rule_count);
	c->list_count = 1 + chance(r, 30);
	c->lists = lists;
	for (uint32_t i = 0; i < c->list_count; i++) {
		lists[i].ttl_ns = spans[below(r, 7)] * NS_PER_S;
		lists[i].absent = chance(r, 40);
		do
			lists[i].add = next(r) & next(r) & ((UINT64_C(1) << c->rule_count) - 1);
		while (lists[i].add == 0);
		lists[i].remove = chance(r, 60) ? next(r) & ~lists[i].add & ((UINT64_C(1) << c->rule_count) - 1) : 0;
	}
}

static void random_condition(struct random *r, struct correlation *c)
{
	if (chance(r, with_lists))
		random_lists(r, c);
	if (chance(r, 50))
		random_window(r, c);
	if (chance(r, 15))
		c->suppress_ns = spans[below(r, 7)] * NS_PER_S;
	if (c->type != CORRELATION_TEMPORAL_ORDERED)
		random_bounds(r, c);
	if (c->type == CORRELATION_TEMPORAL && chance(r, 50))
		random_expression(r, c);
	if (c->expression_count > 0) {
		c->bound = (struct correlation_bound){.compare = COMPARE_GTE};
		c->ranged = false;
	}
	if (c->type == CORRELATION_TEMPORAL_ORDERED && chance(r, 50))
		random_steps(r, c);
	if (c->type != CORRELATION_TEMPORAL_ORDERED && c->expression_count == 0)
		random_absence(r, c);
}

static void random_correlation(struct random *r, struct ruleset *rules, const char *title, bool outer)
{
	static const char *const user[] = {"user", NULL}, *const host[] = {"host", NULL},
							 *const both[] = {"user", "host", NULL}, *const none[] = {NULL},
							 *const amount[] = {"amount", NULL};
	static const char *const *const groups[] = {user, host, both, none, user};
	uint32_t refers[3], n = 0, want = 1 + below(r, 3);
	for (uint32_t i = 0; n < want && i < 20; i++) {
		uint32_t pick = outer ? below(r, rules->count) : below(r, 3);
		bool again = false;
		for (uint32_t k = 0; k < n; k++)
			again |= refers[k] == pick;
		if (!again)
			refers[n++] = pick;
	}
	enum correlation_type type = (enum correlation_type)below(r, 7);
	struct correlation *c = rules_correlation(rules, title, type, refers, n, groups[below(r, 5)],
											  type == CORRELATION_VALUE_COUNT ? host
											  : numeric(type)                 ? amount
																			  : NULL,
											  spans[below(r, 7)] * NS_PER_S, COMPARE_GTE, n);
	random_condition(r, c);
	for (uint32_t i = 0; i < n; i++)
		if (rules->correlations[refers[i]] != NULL)
			rules->correlations[refers[i]]->rule.told = chance(r, 30);
	c->rule.told = true;
}

static struct ruleset *random_rules(struct random *r)
{
	struct ruleset *rules = rules_new();
	rules_base(rules, "a", false, LEVEL_LOW);
	rules_base(rules, "b", false, LEVEL_LOW);
	rules_base(rules, "c", false, LEVEL_LOW);
	uint32_t n = 1 + below(r, 3), outer = chance(r, 50) ? 1 + below(r, 2) : 0;
	for (uint32_t i = 0; i < n + outer; i++)
		random_correlation(r, rules, titles[i], i >= n);
	return rules;
}

/* ---- a stream ---- */

struct stream {
	struct seen events[EVENTS_MAX];
	uint32_t count;
	int64_t end_ns;
};

static int by_when(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	if (x->when_ns != y->when_ns)
		return x->when_ns < y->when_ns ? -1 : 1;
	return x->label < y->label ? -1 : x->label > y->label;
}

static void random_stream(struct random *r, struct stream *s)
{
	static const char *const users[] = {"ann", "Ann", "BOB", "10.0.0.1", "::ffff:10.0.0.1"}, *const hosts[] = {
																								 "h1", "h2", "h3"};
	static const uint32_t scales[] = {10, 120, 900, 7200, 200000};
	uint32_t scale = scales[below(r, 5)];
	/* half of the streams lie across midnight, where excursions are cut */
	int64_t begin = chance(r, 50) ? T0 : T0 / NS_PER_DAY * NS_PER_DAY + NS_PER_DAY - scale / 2 * NS_PER_S;
	uint32_t next_order[SOURCES] = {0};
	/* some are long, so that groups grow past what is counted back */
	s->count = chance(r, 8) ? 120 + below(r, 130) : 3 + below(r, 38);
	uint32_t names = s->count > 100 ? 1 : 3;
	for (uint32_t i = 0; i < s->count; i++) {
		struct seen *e = &s->events[i];
		memset(e, 0, sizeof(*e));
		e->label = i;
		e->when_ns = begin + below(r, scale) * NS_PER_S;
		e->source = (int)below(r, SOURCES);
		e->user = chance(r, 92) ? users[below(r, names)] : NULL;
		e->host = chance(r, 92) ? hosts[below(r, 3)] : NULL;
		static const char *const amounts[] = {"1", "2.5", "-3", "1e3", "0.125", "many", "-0.5", "0", "7"};
		e->amount = chance(r, 92) ? amounts[below(r, 9)] : NULL;
		static const char *const bases[] = {"a", "b", "c", "x"};
		e->hits[0] = bases[below(r, 4)];
		e->hits[1] = chance(r, 15) ? bases[below(r, 3)] : NULL;
		if (e->hits[1] == e->hits[0])
			e->hits[1] = NULL;
		if (chance(r, 5))
			memcpy(e->hits, bases, sizeof(*bases) * 3);
	}
	qsort(s->events, s->count, sizeof(*s->events), by_when);
	for (uint32_t i = 0; i < s->count; i++) {
		struct seen *e = &s->events[i];
		e->order = next_order[e->source]++;
		/* rows of one source with equal time share their fate, so that they keep their order */
		struct random fate = {(uint64_t)e->when_ns * 31 + (uint64_t)e->source};
		e->late = below(&fate, 100) < 6;
	}
	s->end_ns = begin + scale * NS_PER_S;
}

/* ---- one way of running it ---- */

struct run {
	struct pipeline p;
	struct random r;
	const struct stream *stream;
	bool may_trim;
	uint32_t labels[SOURCES][LANES_MAX][4096]; /* by collector, partition, sequence */
};

struct arrival {
	int64_t observed_ns;
	const struct seen *event;
};

static int by_observed(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	if (x->observed_ns != y->observed_ns)
		return x->observed_ns < y->observed_ns ? -1 : 1;
	return x->event < y->event ? -1 : x->event > y->event;
}

static int64_t arrival_ns(struct run *run, const struct seen *e, uint64_t salt)
{
	struct random delay = {(uint64_t)e->when_ns * 1315423911u + (uint64_t)e->source * 77 + salt};
	if (e->late)
		return e->when_ns + LATENESS_NS + 1 + (int64_t)(next(&delay) % (uint64_t)(10 * NS_PER_MIN));
	(void)run;
	return e->when_ns + (int64_t)(next(&delay) % (uint64_t)(LATENESS_NS + 1));
}

static void write_event(struct run *run, const struct arrival *a)
{
	const struct seen *e = a->event;
	const char *fields[16];
	uint32_t n = 0, partition = (uint32_t)(e->source * 7 + 3) % run->p.events_count, collector = (uint32_t)e->source;
	for (uint32_t i = 0; i < 3 && e->hits[i] != NULL; i++) {
		fields[n++] = "hit";
		fields[n++] = e->hits[i];
	}
	if (e->user != NULL) {
		fields[n++] = "user";
		fields[n++] = e->user;
	}
	if (e->host != NULL) {
		fields[n++] = "host";
		fields[n++] = e->host;
	}
	if (e->amount != NULL) {
		fields[n++] = "amount";
		fields[n++] = e->amount;
	}
	fields[n] = NULL;
	uint64_t sequence =
		put_event(&run->p, partition, collector, source_name(e->source), e->when_ns, a->observed_ns, fields);
	run->labels[collector][partition][sequence] = e->label;
}

static void write_events(struct run *run)
{
	struct arrival arrivals[EVENTS_MAX];
	uint64_t salt = next(&run->r);
	for (uint32_t i = 0; i < run->stream->count; i++)
		arrivals[i] = (struct arrival){arrival_ns(run, &run->stream->events[i], salt), &run->stream->events[i]};
	qsort(arrivals, run->stream->count, sizeof(*arrivals), by_observed);
	for (uint32_t i = 0; i < run->stream->count; i++) {
		for (uint32_t c = 0; c < SOURCES; c++)
			for (uint32_t k = 0; k < run->p.events_count; k++)
				if (chance(&run->r, 40))
					put_tick(&run->p, k, c, arrivals[i].observed_ns);
		write_event(run, &arrivals[i]);
		if (chance(&run->r, 30))
			batch_close(&run->p);
	}
	tick_all(&run->p, SOURCES, run->stream->end_ns + 40 * NS_PER_DAY);
	batch_close(&run->p);
}

struct saved {
	struct buffer detect, temporal;
	uint32_t detected[LANES_MAX], correlated[LANES_MAX], kept[LANES_MAX], told[LANES_MAX];
};

static void flush_all(struct run *run)
{
	assert_int_equal(detect_flush(run->p.detect, NULL), 0);
	assert_int_equal(temporal_flush(run->p.temporal, NULL), 0);
}

static void save(struct run *run, struct saved *saved)
{
	flush_all(run);
	assert_int_equal(detect_save(run->p.detect, &saved->detect), 0);
	assert_int_equal(temporal_save(run->p.temporal, &saved->temporal), 0);
	memcpy(saved->detected, run->p.detected, sizeof(saved->detected));
	memcpy(saved->correlated, run->p.correlated, sizeof(saved->correlated));
	for (uint32_t i = 0; i < run->p.matches_count; i++) {
		uint64_t position = temporal_position(run->p.temporal, i); /* 0 until it has read a record */
		assert_true(position == run->p.correlated[i] || position == 0);
		saved->kept[i] = (uint32_t)temporal_keep_from(run->p.temporal, i);
		if (saved->told[i] < run->p.correlated[i])
			saved->told[i] = run->p.correlated[i];
	}
}

/* The process dies and its checkpoint is lost: what lies before the keep-from position has been trimmed, and the commit log
 * says how far rows were told. */
static void crash_trimmed(struct run *run, struct saved *saved)
{
	struct error error = {0};
	detect_free(run->p.detect);
	temporal_free(run->p.temporal);
	run->p.epoch = run->p.epoch > 0 ? run->p.epoch + 1 : 2;
	run->p.detect = pipeline_detect_new(&run->p);
	run->p.temporal = pipeline_temporal_new(&run->p);
	if (detect_restore(run->p.detect, buffer_slice(&saved->detect), &error) < 0)
		fail_msg("restore: %s", error.text);
	memcpy(run->p.detected, saved->detected, sizeof(saved->detected));
	for (uint32_t i = 0; i < run->p.matches_count; i++) {
		run->p.correlated[i] = saved->kept[i];
		temporal_rebuild(run->p.temporal, i, saved->told[i]);
	}
}

/* The process dies: what was not handed over is gone. A stage comes back from what was saved, or from nothing. */
static void crash(struct run *run, struct saved *saved, bool with_state)
{
	struct error error = {0};
	detect_free(run->p.detect);
	temporal_free(run->p.temporal);
	run->p.detect = pipeline_detect_new(&run->p);
	run->p.temporal = pipeline_temporal_new(&run->p);
	memset(run->p.detected, 0, sizeof(run->p.detected));
	memset(run->p.correlated, 0, sizeof(run->p.correlated));
	if (!with_state)
		return;
	if (detect_restore(run->p.detect, buffer_slice(&saved->detect), &error) < 0 ||
		temporal_restore(run->p.temporal, buffer_slice(&saved->temporal), &error) < 0)
		fail_msg("restore: %s", error.text);
	memcpy(run->p.detected, saved->detected, sizeof(saved->detected));
	memcpy(run->p.correlated, saved->correlated, sizeof(saved->correlated));
}

static bool left_to_do(const struct run *run)
{
	for (uint32_t i = 0; i < run->p.events_count; i++)
		if (run->p.detected[i] < run->p.events[i].count)
			return true;
	for (uint32_t i = 0; i < run->p.matches_count; i++)
		if (run->p.correlated[i] < run->p.matches[i].count)
			return true;
	return false;
}

static void step(struct run *run)
{
	uint32_t what = below(&run->r, 100);
	if (what < 40)
		detect_one(&run->p, below(&run->r, run->p.events_count));
	else if (what < 80)
		correlate_one(&run->p, below(&run->r, run->p.matches_count));
	else if (what < 90)
		assert_int_equal(detect_flush(run->p.detect, NULL), 0);
	else
		assert_int_equal(temporal_flush(run->p.temporal, NULL), 0);
}

static void run_all(struct run *run, bool restarts)
{
	struct saved saved = {0};
	uint32_t crashes = restarts ? 1 + below(&run->r, 3) : 0;
	bool have = false;
	buffer_init(&saved.detect, &run->p.fake->env);
	buffer_init(&saved.temporal, &run->p.fake->env);
	for (;;) {
		while (left_to_do(run)) {
			step(run);
			if (crashes > 0 && chance(&run->r, 2)) {
				save(run, &saved);
				have = true;
			}
			if (crashes > 0 && chance(&run->r, 2)) {
				if (have && run->may_trim && chance(&run->r, 40))
					crash_trimmed(run, &saved);
				else
					crash(run, &saved, have && (run->p.epoch > 0 || chance(&run->r, 70)));
				crashes--;
			}
		}
		flush_all(run);
		if (!left_to_do(run))
			break;
	}
	buffer_free(&saved.detect);
	buffer_free(&saved.temporal);
}

/* ---- what it told ---- */

static void describe(const struct ruleset *rules)
{
	for (uint32_t i = 0; i < rules->count; i++) {
		const struct correlation *c = rules->correlations[i];
		if (c == NULL)
			continue;
		fprintf(stderr, "%.*s: type %d rules", SLICE_PRINT(c->rule.title), c->type);
		for (uint32_t k = 0; k < c->rule_count; k++)
			fprintf(stderr, " %u", c->rules[k]);
		fprintf(stderr, " span %llds bound %d %llu %g%s upper %d %llu %g percentile %g groups %u expression",
				(long long)(c->timespan_ns / NS_PER_S), c->bound.compare, (unsigned long long)c->bound.count,
				c->bound.number, c->ranged ? " ranged" : "", c->upper.compare, (unsigned long long)c->upper.count,
				c->upper.number, c->percentile, c->group_count);
		for (uint32_t k = 0; k < c->expression_count; k++)
			fprintf(stderr, " %d:%u", c->expression[k].kind, c->expression[k].rule);
		for (uint32_t k = 0; k < c->step_count; k++)
			fprintf(stderr, " step %llx", (unsigned long long)c->steps[k]);
		fprintf(stderr, " absent %llx window %d gap %lld pivot %u until %d seen %lld history %lld suppress %lld\n",
				(unsigned long long)c->absent, c->window, (long long)(c->gap_ns / NS_PER_S), c->pivot, c->until,
				(long long)(c->seen_ns / NS_PER_S), (long long)(c->history_ns / NS_PER_S),
				(long long)(c->suppress_ns / NS_PER_S));
		for (uint32_t k = 0; k < c->list_count; k++)
			fprintf(stderr, "  list add %llx remove %llx ttl %lld %s writers %u\n", (unsigned long long)c->lists[k].add,
					(unsigned long long)c->lists[k].remove, (long long)(c->lists[k].ttl_ns / NS_PER_S),
					c->lists[k].absent ? "absent" : "present", c->writer_count);
	}
}

static uint32_t labels_of(const struct run *run, const char *json, uint32_t *labels)
{
	uint32_t n = 0;
	const char *at = strstr(json, "\"events\":[");
	assert_non_null(at);
	while ((at = strstr(at, "{\"collector\":\"")) != NULL) {
		unsigned collector;
		unsigned long long epoch, partition, sequence;
		at += 14 + 30;
		assert_int_equal(sscanf(at, "%2x\",\"epoch\":%llu,\"partition\":%llu,\"sequence\":%llu", &collector, &epoch,
								&partition, &sequence),
						 4);
		labels[n++] = run->labels[collector - 1][partition][sequence];
	}
	return n;
}

static int64_t time_of(const char *json, const char *name)
{
	char text[64];
	int64_t ns;
	bool zone, leap;
	assert_true(json_says(json, name, text, sizeof(text)));
	assert_true(clock_parse_iso(slice_of(text + 1, strlen(text) - 2), &ns, &zone, &leap) > 0);
	return ns;
}

/* Under a new epoch an incident may be told again: a reader keeps one of each id. */
static bool told_before(const struct tellings *t, uint32_t index)
{
	char id[64], other[64];
	assert_true(json_says(t->rows[index].json, "id", id, sizeof(id)));
	for (uint32_t i = 0; i < index; i++)
		if (t->rows[i].kind == ROW_INCIDENT && t->rows[i].final && t->rows[i].epoch != t->rows[index].epoch &&
			json_says(t->rows[i].json, "id", other, sizeof(other)) && strcmp(id, other) == 0)
			return true;
	return false;
}

static void read_finals(const struct run *run, const struct tellings *t, struct lines *out)
{
	for (uint32_t i = 0; i < t->count; i++) {
		char title[64], group[256], count[32], points[32], suppressed[32];
		uint32_t labels[EVENTS_MAX * 4], n;
		const char *json = t->rows[i].json;
		if (t->rows[i].kind != ROW_INCIDENT || !t->rows[i].final || told_before(t, i))
			continue;
		assert_true(json_says(json, "title", title, sizeof(title)));
		assert_true(json_says(json, "group", group, sizeof(group)));
		assert_true(json_says(json, "count", count, sizeof(count)));
		assert_true(json_says(json, "firing_points", points, sizeof(points)));
		n = labels_of(run, json, labels);
		uint32_t quiet = json_says(json, "suppressed", suppressed, sizeof(suppressed)) ? (uint32_t)atoi(suppressed) : 0;
		title[strlen(title) - 1] = 0;
		lines_add(out, line_of(title + 1, group, time_of(json, "first_seen"), time_of(json, "last_seen"),
							   time_of(json, "fired"), (uint32_t)atoi(count), (uint32_t)atoi(points),
							   strstr(json, "\"continues\":true") != NULL, quiet, labels, n));
	}
	if (out->count > 0)
		qsort(out->at, out->count, sizeof(*out->at), compare_text);
}

/* Every provisional incident ends as a final one or is named by one as replaced. */
static void check_provisional(const struct tellings *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		char id[64];
		bool ended = false;
		if (t->rows[i].kind != ROW_INCIDENT || t->rows[i].final)
			continue;
		assert_true(json_says(t->rows[i].json, "id", id, sizeof(id)));
		for (uint32_t k = 0; k < t->count && !ended; k++)
			ended = t->rows[k].final && strstr(t->rows[k].json, id) != NULL;
		if (!ended)
			fail_msg("provisional incident never ended: %s", t->rows[i].json);
	}
}

static void compare_lines(const struct lines *expected, const struct lines *got, uint64_t seed, uint32_t variant,
						  const struct ruleset *rules)
{
	bool same = expected->count == got->count;
	for (uint32_t i = 0; same && i < got->count; i++)
		same = strcmp(expected->at[i], got->at[i]) == 0;
	if (same)
		return;
	describe(rules);
	for (uint32_t i = 0; i < expected->count; i++)
		fprintf(stderr, "expected %s\n", expected->at[i]);
	for (uint32_t i = 0; i < got->count; i++)
		fprintf(stderr, "got      %s\n", got->at[i]);
	fail_msg("seed %llu, variant %u: %u expected, %u told", (unsigned long long)seed, variant, expected->count,
			 got->count);
}

static void run_variant(uint64_t seed, uint32_t variant, struct ruleset *rules, const struct stream *stream,
						const struct lines *expected, bool each)
{
	struct run *run = fake_must(calloc(1, sizeof(*run)));
	struct tellings t = {0};
	struct lines got = {0};
	run->r.state = seed * 1000 + variant;
	run->stream = stream;
	run->p.each = each;
	uint32_t most = chance(&run->r, 25) ? LANES_MAX : 4;
	pipeline_open(&run->p, rules, 1 + below(&run->r, most), 1 + below(&run->r, most), 1 + below(&run->r, most));
	write_events(run);
	run->may_trim = variant == 3;
	run_all(run, variant >= 2);
	tellings_read(&run->p, &t);
	read_finals(run, &t, &got);
	if (getenv("DESCRIBE") != NULL)
		describe(rules);
	compare_lines(expected, &got, seed, variant, rules);
	check_provisional(&t);
	lines_free(&got);
	tellings_free(&t);
	pipeline_close(&run->p);
	free(run);
}

static void run_seed(uint64_t seed)
{
	struct random r = {seed};
	struct stream *stream = fake_must(calloc(1, sizeof(*stream)));
	struct ruleset *rules = random_rules(&r);
	random_stream(&r, stream);
	for (uint32_t mode = 0; mode < 2; mode++) {
		struct lines expected = {0};
		oracle_run(rules, stream->events, stream->count, mode == 1, &expected);
		for (uint32_t variant = mode; variant < 4; variant += 1 + mode)
			run_variant(seed, variant, rules, stream, &expected, mode == 1);
		lines_free(&expected);
	}
	rules_drop(rules);
	free(stream);
}

static void test_shuffled_and_restarted(void **state)
{
	const char *seeds = getenv("SEEDS"), *first = getenv("SEED");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	uint64_t count = 100;
#else
	uint64_t count = 400;
#endif
	uint64_t from = first != NULL ? strtoull(first, NULL, 10) : 1;
	(void)state;
	if (seeds != NULL)
		count = strtoull(seeds, NULL, 10);
	for (uint64_t seed = from; seed < from + count; seed++) {
		if (getenv("VERBOSE") != NULL)
			fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
		run_seed(seed);
	}
}

/* The same where every correlation has lists. */
static void test_lists_shuffled(void **state)
{
	uint32_t before = with_lists;
	with_lists = 100;
	test_shuffled_and_restarted(state);
	with_lists = before;
}

/* One busy key with many values: the tally of a large group, with matches leaving it all the time. */
static void test_many_values(void **state)
{
	static const char *const by_user[] = {"user", NULL}, *const by_host[] = {"host", NULL};
	static const char *const hosts[] = {"h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9", "h10", "h11"};
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct random r = {seed};
		struct lines expected = {0};
		struct stream *s = fake_must(calloc(1, sizeof(*s)));
		struct ruleset *rules = rules_new();
		uint32_t base[] = {rules_base(rules, "a", false, LEVEL_LOW)};
		rules_correlation(rules, "values", CORRELATION_VALUE_COUNT, base, 1, by_user, by_host, 150 * NS_PER_S,
						  COMPARE_GTE, 6 + below(&r, 5));
		s->count = 250;
		for (uint32_t i = 0; i < s->count; i++)
			s->events[i] = (struct seen){.when_ns = T0 + (int64_t)i * 4 * NS_PER_S,
										 .hits = {"a"},
										 .user = "ann",
										 .host = hosts[below(&r, 4 + i / 25 % 9)],
										 .label = i,
										 .order = i};
		s->end_ns = T0 + NS_PER_HOUR;
		oracle_run(rules, s->events, s->count, true, &expected);
		assert_true(expected.count > 0);
		for (uint32_t variant = 0; variant < 3; variant++)
			run_variant(seed, variant, rules, s, &expected, true);
		lines_free(&expected);
		rules_drop(rules);
		free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shuffled_and_restarted),
		cmocka_unit_test(test_lists_shuffled),
		cmocka_unit_test(test_many_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
