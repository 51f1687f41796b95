#include "rules/yara_watch.h"

#define SPAN_NS NS_PER_S /* of this thread's work with YARA rules: a span of work ends past it */
#define SPAN_EVENTS 8u /* and has at least so many events, or one alone would make a span */
#define STRIKES 2u /* behind the span that made its shard suspect */

/* ---- making and freeing ---- */

static void find_units(const struct yara_scanner *s, struct yara_watch *w)
{
	for (uint32_t i = 0; i < w->rule_count; i++)
		w->rules[i].unit = NO_RULE;
	for (uint32_t i = 0; i < s->set->count; i++)
		if (s->set->entries[i].rule != NO_RULE)
			w->rules[s->set->entries[i].rule].unit = s->set->entries[i].unit;
}

int yara_watch_new(struct yara_scanner *s, uint32_t rules, uint64_t budget_ns)
{
	struct yara_watch *w = env_zalloc(s->env, sizeof *w);
	CHECK(!s->watch);
	if (!w)
		return -ERROR_MEMORY;
	s->watch = w;
	w->budget_ns = budget_ns;
	w->rule_count = rules;
	buffer_init(&w->list, s->env);
	w->units = env_zalloc(s->env, (s->set->unit_count + 1) * sizeof *w->units);
	w->shards = env_zalloc(s->env, (s->set->shard_count + 1) * sizeof *w->shards);
	w->rules = env_zalloc(s->env, (rules + 1) * sizeof *w->rules);
	if (!w->units || !w->shards || !w->rules)
		return -ERROR_MEMORY;
	find_units(s, w);
	return 0;
}

/* The scanners are gone already. */
void yara_watch_free(struct yara_scanner *s)
{
	struct yara_watch *w = s->watch;
	if (!w)
		return;
	for (uint32_t i = 0; w->shards && i < s->set->shard_count; i++)
		if (w->shards[i].copy)
			yr_rules_destroy(w->shards[i].copy);
	if (w->batch_copy)
		yr_rules_destroy(w->batch_copy);
	env_free(s->env, w->units);
	env_free(s->env, w->shards);
	env_free(s->env, w->rules);
	buffer_free(&w->list);
	env_free(s->env, w);
	s->watch = NULL;
}

/* ---- what a scan cost, and whom ---- */

static bool is_asked(const struct yara_scanner *s, uint32_t unit)
{
	return s->unit_stamps[unit] == s->stamp;
}

static uint32_t count_judged(struct yara_scanner *s, uint32_t shard, uint64_t given_up)
{
	uint32_t n = 0, unit;
	for (uint32_t at = 0; (unit = yara_next_unit(s->set, shard, &at)) != NO_RULE;) {
		bool asked = is_asked(s, unit);
		s->watch->units[unit].judged += asked;
		s->watch->units[unit].given_up += asked ? given_up : 0;
		n += asked;
	}
	return n;
}

/* Once a span: what is learnt from one costly text holds for those like it. */
static bool must_look(const struct yara_watch *w, const struct yara_shard_watch *sh, int64_t spent, uint64_t given_up)
{
	if (w->budget_ns == 0 || sh->tried_ns > 0 || sh->given_up)
		return false;
	return given_up || (sh->suspect && spent > 0 && (uint64_t)spent > w->budget_ns);
}

static int64_t share(const struct yara_scanner *s, uint32_t shard, uint32_t unit, uint32_t asked, int64_t spent)
{
	const struct yara_watch *w = s->watch;
	int64_t all = w->shards[shard].tried_ns;
	if (all == 0)
		return is_asked(s, unit) ? spent / asked : 0;
	return (int64_t)((double)spent * ((double)w->units[unit].tried_ns / (double)all));
}

static void charge(struct yara_scanner *s, uint32_t shard, uint32_t asked, int64_t spent)
{
	struct yara_watch *w = s->watch;
	uint32_t unit;
	w->all.exact_ns += (uint64_t)spent;
	w->span_ns += spent;
	w->shards[shard].span_ns += spent;
	for (uint32_t at = 0; (unit = yara_next_unit(s->set, shard, &at)) != NO_RULE;) {
		int64_t part = share(s, shard, unit, asked, spent);
		w->units[unit].cost_ns += part;
		w->units[unit].span_ns += part;
	}
}

static int64_t since(const struct yara_scanner *s, int64_t before)
{
	int64_t spent = env_boot(s->env) - before;
	return spent > 0 ? spent : 0;
}

int yara_watch_scan(struct yara_scanner *s, uint32_t shard, struct slice octets, uint64_t *out)
{
	struct yara_shard_watch *sh = &s->watch->shards[shard];
	int64_t before = env_boot(s->env);
	*out = yara_scan(s, shard, octets);
	int64_t spent = since(s, before);
	uint32_t asked = count_judged(s, shard, *out);
	CHECK(asked > 0); /* or nobody would have had it scanned */
	if (must_look(s->watch, sh, spent, *out)) {
		sh->given_up = *out > 0;
		before = env_boot(s->env);
		int rc = yara_try_units(s, shard, octets);
		if (rc)
			return rc;
		s->watch->all.trial_ns += (uint64_t)since(s, before);
	}
	charge(s, shard, asked, spent);
	return 0;
}

void yara_watch_shared(struct yara_scanner *s, int64_t before)
{
	int64_t spent = since(s, before);
	s->watch->all.shared_ns += (uint64_t)spent;
	s->watch->span_ns += spent;
	s->watch->all.shared_given_up += s->given_up;
}

/* ---- spans of work ---- */

static bool is_over(const struct yara_watch *w, int64_t span_ns)
{
	return span_ns > 0 && (uint64_t)span_ns / w->span_events > w->budget_ns;
}

/* W1 */
static int close_unit(struct yara_scanner *s, uint32_t unit, bool tried)
{
	struct yara_unit_watch *u = &s->watch->units[unit];
	bool over = tried && !u->quarantined && is_over(s->watch, u->span_ns);
	u->strikes = over ? u->strikes + 1 : 0;
	int rc = u->strikes >= STRIKES ? yara_quarantine_unit(s, unit) : 0;
	u->span_ns = u->tried_ns = 0;
	return rc;
}

static int close_shard(struct yara_scanner *s, uint32_t shard)
{
	struct yara_shard_watch *sh = &s->watch->shards[shard];
	uint32_t unit;
	int rc = 0;
	if (sh->span_ns == 0 && !sh->suspect)
		return 0;
	for (uint32_t at = 0; !rc && (unit = yara_next_unit(s->set, shard, &at)) != NO_RULE;)
		rc = close_unit(s, unit, sh->tried_ns > 0);
	sh->suspect = is_over(s->watch, sh->span_ns);
	sh->given_up = false;
	sh->span_ns = sh->tried_ns = 0;
	return rc;
}

static int close_span(struct yara_scanner *s)
{
	int rc = 0;
	for (uint32_t i = 0; !rc && s->watch->budget_ns > 0 && i < s->set->shard_count; i++)
		rc = close_shard(s, i);
	s->watch->span_ns = 0;
	s->watch->span_events = 0;
	return rc;
}

static void count_matches(struct yara_scanner *s)
{
	const uint32_t *hits = (const uint32_t *)s->hits.ptr;
	for (size_t i = 0; i < s->hits.len / sizeof *hits; i++) {
		struct yara_match_watch *m = &s->watch->rules[hits[i]];
		m->events += m->last != s->watch->all.events; /* it may hold for several texts of one event */
		m->last = s->watch->all.events;
	}
}

int yara_watch_row(struct yara_scanner *s)
{
	struct yara_watch *w = s->watch;
	w->all.events++;
	w->span_events++;
	if (s->hits.len)
		count_matches(s);
	return w->span_ns >= SPAN_NS && w->span_events >= SPAN_EVENTS ? close_span(s) : 0;
}

/* ---- told ---- */

void yara_scanner_costs(const struct yara_scanner *s, struct yara_costs *out)
{
	*out = s->watch ? s->watch->all : (struct yara_costs){0};
}

bool yara_scanner_cost(const struct yara_scanner *s, uint32_t rule, struct yara_cost *out)
{
	const struct yara_watch *w = s->watch;
	if (!w || rule >= w->rule_count || w->rules[rule].unit == NO_RULE)
		return false;
	const struct yara_unit_watch *u = &w->units[w->rules[rule].unit];
	*out = (struct yara_cost){.judged = u->judged,
							  .matched = w->rules[rule].events,
							  .given_up = u->given_up,
							  .cost_ns = (uint64_t)u->cost_ns,
							  .quarantined = u->quarantined};
	return true;
}

uint32_t yara_scanner_quarantined(const struct yara_scanner *s, const struct yara_quarantine **out)
{
	*out = s->watch ? (const struct yara_quarantine *)s->watch->list.ptr : NULL;
	return s->watch ? (uint32_t)(s->watch->list.len / sizeof **out) : 0;
}

int yara_scanner_quarantine(struct yara_scanner *s, uint32_t rule)
{
	CHECK(s->watch && rule < s->watch->rule_count && s->watch->rules[rule].unit != NO_RULE);
	uint32_t unit = s->watch->rules[rule].unit;
	return s->watch->units[unit].quarantined ? 0 : yara_quarantine_unit(s, unit);
}
