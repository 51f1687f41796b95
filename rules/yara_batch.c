/* The batch scan: all blocks in one pass over the strings alone. What it yields are hints, which may be wrong, never what
 * holds. It leaves none out: a match lies inside a block, `^`, `$` and word boundaries are those of the block, and the
 * strings are the rules' own. Strings with long gaps may be joined across blocks: a hint too many. */
#include "rules/yara_sieve.h"
#include "rules/yara_watch.h"

#include <stdlib.h>

#define BLOCK_SHIFT 24 /* a block is no longer than this many bits count */

/* ---- blocks for libyara ---- */

static const uint8_t *fetch(YR_MEMORY_BLOCK *block)
{
	return block->context;
}

static bool is_kept(struct yara_scanner *s, struct slice octets)
{
	buffer_reset(&s->folded);
	uint8_t *folded = buffer_room(&s->folded, octets.len + 8);
	s->failed |= !folded;
	return folded && octets.len && yara_sieve_keeps(s->set->sieve, s->set, octets, folded);
}

/* The next one that the sieve keeps, from s->at on. An empty block holds no string. */
static YR_MEMORY_BLOCK *give_block(struct yara_scanner *s)
{
	while (s->at < yara_block_count(s) && !is_kept(s, yara_block_at(s, s->at)->octets))
		s->at++;
	if (s->at == yara_block_count(s))
		return NULL;
	struct slice octets = yara_block_at(s, s->at)->octets;
	s->block = (YR_MEMORY_BLOCK){octets.len, (uint64_t)s->at << BLOCK_SHIFT, (void *)(uintptr_t)octets.ptr, fetch};
	return &s->block;
}

static YR_MEMORY_BLOCK *first_block(YR_MEMORY_BLOCK_ITERATOR *i)
{
	struct yara_scanner *s = i->context;
	i->last_error = ERROR_SUCCESS;
	if (s->watch && s->watch->batch_copy)
		yara_strings_off(s->batch);
	s->at = 0;
	return give_block(s);
}

static YR_MEMORY_BLOCK *next_block(YR_MEMORY_BLOCK_ITERATOR *i)
{
	struct yara_scanner *s = i->context;
	i->last_error = ERROR_SUCCESS;
	s->at++;
	return give_block(s);
}

/* ---- what was found ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	return x < y ? -1 : x > y;
}

/* Blocks and strings of a rule that was found, in order. */
static void gather(struct yara_scanner *s, YR_SCAN_CONTEXT *context, const YR_RULE *rule)
{
	const YR_STRING *string;
	uint32_t strings = 0;
	buffer_reset(&s->found);
	yr_rule_strings_foreach(rule, string)
	{
		uint64_t last = UINT64_MAX;
		size_t before = s->found.len;
		for (const YR_MATCH *m = context->matches[string->idx].head; m; m = m->next) {
			uint64_t one = (uint64_t)m->base >> BLOCK_SHIFT << 32 | s->set->batch_bits[string->idx];
			if (one != last)
				buffer_add(&s->found, &one, sizeof one);
			last = one;
		}
		strings += s->found.len > before;
	}
	if (strings > 1)
		qsort(s->found.ptr, s->found.len / 8, 8, by_number);
}

/* The block holds the strings that are known: may the rule hold? */
static void weigh(struct yara_scanner *s, const struct yara_entry *e, uint32_t block)
{
	struct yara_known known = {.strings = STRINGS_KNOWN,
							   .guards = GUARDS_LOOK,
							   .set = s->known,
							   .words = yara_words(e->strings),
							   .octets = yara_block_at(s, block)->octets,
							   .variables = UINT32_MAX};
	struct yara_hint hint = {block, e->unit};
	if (yara_need_met(e->need, &known))
		buffer_add(&s->hints, &hint, sizeof hint);
	memset(s->known, 0, known.words * sizeof *s->known);
}

static void weigh_rule(struct yara_scanner *s, YR_SCAN_CONTEXT *context, const YR_RULE *rule)
{
	const struct yara_entry *e = &s->set->entries[s->set->batch_entries[rule - context->rules->rules_table]];
	gather(s, context, rule);
	const uint64_t *found = (const uint64_t *)s->found.ptr;
	size_t n = s->found.len / 8;
	for (size_t i = 0; i < n; i++) {
		uint32_t bit = (uint32_t)found[i];
		s->known[bit / 64] |= UINT64_C(1) << (bit % 64);
		if (i + 1 == n || found[i + 1] >> 32 != found[i] >> 32)
			weigh(s, e, (uint32_t)(found[i] >> 32));
	}
	s->failed |= s->found.failed || s->hints.failed;
}

int yara_batch_message(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx)
{
	if (message == CALLBACK_MSG_RULE_MATCHING)
		weigh_rule(ctx, context, data);
	return message == CALLBACK_MSG_TOO_MANY_MATCHES ? CALLBACK_ERROR : CALLBACK_CONTINUE;
}

/* ---- hints by block ---- */

static int sort_hints(struct yara_scanner *s)
{
	const struct yara_hint *hints = (const struct yara_hint *)s->hints.ptr;
	size_t n = s->hints.len / sizeof *hints;
	buffer_reset(&s->hinted);
	buffer_reset(&s->hinted_from);
	buffer_add_zeros(&s->hinted_from, (yara_block_count(s) + 2) * sizeof(uint32_t));
	buffer_add_zeros(&s->hinted, (n + 1) * sizeof(uint32_t));
	if (s->hinted.failed || s->hinted_from.failed)
		return -ERROR_MEMORY;
	uint32_t *from = (uint32_t *)s->hinted_from.ptr, *units = (uint32_t *)s->hinted.ptr;
	for (size_t i = 0; i < n; i++)
		from[hints[i].block + 2]++;
	for (uint32_t b = 2; b < yara_block_count(s) + 2; b++)
		from[b] += from[b - 1];
	for (size_t i = 0; i < n; i++)
		units[from[hints[i].block + 1]++] = hints[i].unit;
	return 0;
}

int yara_batch_scan(struct yara_scanner *s)
{
	YR_MEMORY_BLOCK_ITERATOR all = {.context = s, .first = first_block, .next = next_block};
	buffer_reset(&s->hints);
	s->given_up = s->failed = false;
	if (s->batch && yara_block_count(s) > 0)
		s->given_up = yr_scanner_scan_mem_blocks(s->batch, &all) != ERROR_SUCCESS;
	return s->failed ? -ERROR_MEMORY : sort_hints(s);
}
