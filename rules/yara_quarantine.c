/* Rules switched off. libyara passes over the condition of a rule that is, but goes on looking for its strings: these are
 * switched off anew at the begin of every scan, which forgets it. What stays is the walk over the octets. It is done in a copy
 * of the set, made when first needed: the sets of a ruleset never change. */
#include "rules/yara_watch.h"

#define TRIAL_NS \
	(5 * NS_PER_S) /* a shard is looked into for so long at most; who comes behind has its turn in a later span */

/* ---- copies ---- */

static size_t take(void *ptr, size_t size, size_t count, void *ctx)
{
	struct slice *left = ctx;
	size_t n = size == 0 ? 0 : left->len / size < count ? left->len / size : count;
	if (n > 0)
		memcpy(ptr, left->ptr, n * size);
	*left = slice_from(*left, n * size);
	return n;
}

static size_t give(const void *ptr, size_t size, size_t count, void *ctx)
{
	struct buffer *out = ctx;
	buffer_add(out, ptr, size * count);
	return out->failed ? 0 : count;
}

/* Null: no memory. */
static YR_RULES *copy_rules(const struct env *env, YR_RULES *rules)
{
	struct buffer octets;
	YR_RULES *copy = NULL;
	buffer_init(&octets, env);
	YR_STREAM out = {.user_data = &octets, .write = give};
	if (yr_rules_save_stream(rules, &out) == ERROR_SUCCESS && !octets.failed) {
		struct slice left = buffer_slice(&octets);
		YR_STREAM in = {.user_data = &left, .read = take};
		if (yr_rules_load_stream(&in, &copy) != ERROR_SUCCESS)
			copy = NULL;
	}
	buffer_free(&octets);
	return copy;
}

/* A scanner over a copy takes the place of *scanner. */
static int use_copy(struct yara_scanner *s, YR_RULES *rules, YR_RULES **copy, YR_SCANNER **scanner,
					YR_CALLBACK_FUNC callback)
{
	if (*copy)
		return 0;
	YR_RULES *made = copy_rules(s->env, rules);
	YR_SCANNER *over = made ? yara_scanner_make(made, callback, s) : NULL;
	if (!over) {
		if (made)
			yr_rules_destroy(made);
		return -ERROR_MEMORY;
	}
	yr_scanner_destroy(*scanner);
	*scanner = over;
	*copy = made;
	return 0;
}

static int copy_shard(struct yara_scanner *s, uint32_t shard)
{
	return use_copy(s, s->set->shards[shard].rules, &s->watch->shards[shard].copy, &s->shards[shard], yara_message);
}

static int copy_batch(struct yara_scanner *s)
{
	return s->batch ? use_copy(s, s->set->batch, &s->watch->batch_copy, &s->batch, yara_batch_message) : 0;
}

/* ---- switching ---- */

static void switch_rule(YR_RULES *rules, uint32_t at, bool on)
{
	if (on)
		yr_rule_enable(&rules->rules_table[at]);
	else
		yr_rule_disable(&rules->rules_table[at]);
}

static void switch_unit(struct yara_scanner *s, uint32_t unit, bool on)
{
	uint32_t number = s->set->units[unit].shard;
	const struct yara_shard *shard = &s->set->shards[number];
	for (uint32_t i = 0; i < shard->count; i++)
		if (s->set->entries[shard->entries[i]].unit == unit)
			switch_rule(s->watch->shards[number].copy, i, on);
}

static void switch_strings(struct yara_scanner *s, uint32_t unit, bool on)
{
	YR_RULES *batch = s->watch->batch_copy;
	for (uint32_t i = 0; batch && i < batch->num_rules; i++)
		if (s->set->entries[s->set->batch_entries[i]].unit == unit)
			switch_rule(batch, i, on);
}

/* All that are not in quarantine, or none. */
static void switch_shard(struct yara_scanner *s, uint32_t shard, bool on)
{
	uint32_t unit;
	for (uint32_t at = 0; (unit = yara_next_unit(s->set, shard, &at)) != NO_RULE;)
		switch_unit(s, unit, on && !s->watch->units[unit].quarantined);
}

/* ---- scanning with some of them off ---- */

void yara_strings_off(YR_SCANNER *scanner)
{
	const YR_RULES *rules = scanner->rules;
	const YR_STRING *string;
	for (uint32_t i = 0; i < rules->num_rules; i++) {
		const YR_RULE *rule = &rules->rules_table[i];
		if (!RULE_IS_DISABLED(rule))
			continue;
		yr_rule_strings_foreach(rule, string) yr_bitmask_set(scanner->strings_temp_disabled, string->idx);
	}
}

struct one_block {
	YR_SCANNER *scanner;
	YR_MEMORY_BLOCK block;
};

static const uint8_t *fetch(YR_MEMORY_BLOCK *block)
{
	return block->context;
}

static YR_MEMORY_BLOCK *first(YR_MEMORY_BLOCK_ITERATOR *i)
{
	struct one_block *one = i->context;
	i->last_error = ERROR_SUCCESS;
	yara_strings_off(one->scanner);
	return &one->block;
}

static YR_MEMORY_BLOCK *next(YR_MEMORY_BLOCK_ITERATOR *i)
{
	i->last_error = ERROR_SUCCESS;
	return NULL;
}

static uint64_t file_size(YR_MEMORY_BLOCK_ITERATOR *i)
{
	return ((const struct one_block *)i->context)->block.size;
}

int yara_scan_switched(YR_SCANNER *scanner, const uint8_t *text, size_t len)
{
	struct one_block one = {scanner, {len, 0, (void *)(uintptr_t)text, fetch}};
	YR_MEMORY_BLOCK_ITERATOR all = {.context = &one, .first = first, .next = next, .file_size = file_size};
	return yr_scanner_scan_mem_blocks(scanner, &all);
}

/* ---- by itself ---- */

static int64_t time_unit(struct yara_scanner *s, uint32_t shard, uint32_t unit, struct slice octets)
{
	switch_unit(s, unit, true);
	int64_t before = env_boot(s->env);
	(void)yara_scan(s, shard, octets); /* what holds was told when all were judged */
	int64_t spent = env_boot(s->env) - before;
	switch_unit(s, unit, false);
	return spent > 0 ? spent : 0;
}

int yara_try_units(struct yara_scanner *s, uint32_t shard, struct slice octets)
{
	struct yara_shard_watch *sh = &s->watch->shards[shard];
	uint32_t unit;
	int rc = copy_shard(s, shard);
	if (rc)
		return rc;
	s->trying = true;
	switch_shard(s, shard, false);
	for (uint32_t at = 0; sh->tried_ns < TRIAL_NS && (unit = yara_next_unit(s->set, shard, &at)) != NO_RULE;) {
		struct yara_unit_watch *u = &s->watch->units[unit];
		if (u->quarantined)
			continue;
		u->tried_ns = time_unit(s, shard, unit, octets);
		sh->tried_ns += u->tried_ns;
	}
	switch_shard(s, shard, true);
	s->trying = false;
	return 0;
}

/* ---- quarantine ---- */

static void list_rules(struct yara_scanner *s, uint32_t unit)
{
	struct yara_watch *w = s->watch;
	for (uint32_t i = 0; i < w->rule_count; i++) {
		struct yara_quarantine one = {i, (uint64_t)w->units[unit].span_ns, w->span_events};
		if (w->rules[i].unit == unit)
			buffer_add(&w->list, &one, sizeof one);
	}
}

int yara_quarantine_unit(struct yara_scanner *s, uint32_t unit)
{
	struct yara_watch *w = s->watch;
	size_t before = w->list.len;
	CHECK(!w->units[unit].quarantined);
	int rc = copy_shard(s, s->set->units[unit].shard);
	if (!rc)
		rc = copy_batch(s);
	if (rc)
		return rc;
	list_rules(s, unit);
	if (w->list.failed) {
		w->list.len = before;
		return -ERROR_MEMORY;
	}
	w->units[unit].quarantined = true;
	switch_unit(s, unit, false);
	switch_strings(s, unit, false);
	return 0;
}

void yara_quarantine_lift(struct yara_scanner *s)
{
	struct yara_watch *w = s->watch;
	for (uint32_t i = 0; i < s->set->unit_count; i++) {
		if (!w->units[i].quarantined)
			continue;
		w->units[i].quarantined = false;
		w->units[i].strikes = 0;
		switch_unit(s, i, true);
		switch_strings(s, i, true);
	}
	buffer_reset(&w->list);
}
