/* Which correlations of before go on beside the rules of an engine that is about to open (T17). */
#include "cli/run.h"

#include <stdio.h>

static bool is_digest_of(const struct ruleset *rules, const uint8_t digest[32])
{
	uint8_t own[32];
	ruleset_digest(rules, own);
	return memcmp(own, digest, 32) == 0;
}

/* ---- their rules ---- */

/* Only what is needed is judged beside the rules in force. */
static void attach(const struct run *run, struct retiring_list *list, struct ruleset *whole)
{
	struct ruleset *part = NULL;
	struct error ignored = {0};
	if (run_kept_part(run, whole, list, &part, &ignored))
		part = ruleset_hold(whole);
	for (uint32_t i = 0; i < list->count; i++) {
		struct retiring_rule *r = &list->list[i];
		if (retiring_is_beside(r) && !r->loaded && is_digest_of(whole, r->ruleset))
			r->loaded = ruleset_hold(part);
	}
	ruleset_release(part);
}

static void lose(struct retiring_list *list, const uint8_t ruleset[32], const char *why)
{
	char hex[13];
	for (uint32_t i = 0; i < list->count; i++) {
		struct retiring_rule *r = &list->list[i];
		if (!retiring_is_beside(r) || (ruleset && memcmp(r->ruleset, ruleset, 32) != 0))
			continue;
		r->fate = RETIRING_LOST;
		hex_print(r->ruleset, 6, hex);
		fprintf(stderr, "cresset: %s of the rules before (%s) does not go on beside those in force: %s\n", r->label,
				hex, why);
	}
}

static void load_all(const struct run *run, struct retiring_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct retiring_rule *r = &list->list[i];
		struct ruleset *whole = NULL;
		struct error why = {0};
		if (!retiring_is_beside(r) || r->loaded)
			continue;
		if (run_kept_rules(run, r->ruleset, &whole, &why))
			lose(list, r->ruleset, why.text);
		else
			attach(run, list, whole);
		ruleset_release(whole);
	}
}

/* ---- who ---- */

static int add_changed(const struct run *run, const struct engine_past *past, const struct ruleset *now,
					   struct retiring_list *list, struct error *error)
{
	struct ruleset *before = NULL;
	struct error why = {0};
	char hex[13];
	if (past->observed_ns == INT64_MIN)
		return 0; /* nothing was ever seen */
	hex_print(past->digest, 6, hex);
	if (run_kept_rules(run, past->digest, &before, &why)) {
		fprintf(stderr, "cresset: no correlation of the rules before (%s) goes on beside those in force: %s\n", hex,
				why.text);
		return 0;
	}
	int result = retiring_add(list, before, now, past->observed_ns, error);
	retiring_review(list, now);
	attach(run, list, before);
	ruleset_release(before);
	return result;
}

static int review(struct run *run, struct engine_config *config, struct bus *bus, const struct engine_past *past,
				  struct retiring_list *list, struct error *error)
{
	if (run->unfinished_deaths >= RUN_DEATHS_MAX || run->retiring_deaths >= RUN_DEATHS_MAX) {
		lose(list, NULL, "the engine died beside them each time");
		return 0;
	}
	if (!is_digest_of(config->ruleset, past->digest)) {
		retiring_end(list, past->passed_ns);
		retiring_review(list, config->ruleset);
		return add_changed(run, past, config->ruleset, list, error);
	}
	/* What was judged beside them and not committed is judged again beside them, and makes the same rows. */
	int left = retiring_count(list, RETIRING_THROUGH) ? engine_left(run->env, config, bus, error) : 1;
	if (left == 0)
		retiring_end(list, INT64_MIN);
	return left < 0 ? left : 0;
}

static void say(const struct retiring_list *list)
{
	char time[64];
	int64_t until_ns = INT64_MIN;
	uint32_t n = retiring_count(list, RETIRING_ON);
	for (uint32_t i = 0; i < list->count; i++)
		if (list->list[i].fate == RETIRING_ON && list->list[i].until_ns > until_ns)
			until_ns = list->list[i].until_ns;
	if (n == 0)
		return;
	clock_print(until_ns, time);
	fprintf(stderr, "cresset: %u correlation%s of before go%s on beside the rules in force, until %s at the latest\n",
			n, n == 1 ? "" : "s", n == 1 ? "es" : "", time);
}

int run_find_retiring(struct run *run, struct engine_config *config, struct bus *bus, struct retiring_list *list,
					  struct error *error)
{
	struct engine_past past;
	int result = engine_past_open(run->env, run->data, &past, error);
	*list = past.retiring;
	retiring_init(&past.retiring, run->env);
	if (!result && past.any)
		result = review(run, config, bus, &past, list, error);
	if (!result)
		load_all(run, list);
	if (!result && past.any)
		config->begin_anew = is_digest_of(config->ruleset, past.digest) && retiring_beside(list) < list->count;
	config->retiring = list;
	say(list);
	engine_past_close(&past);
	return result;
}
