/* Making the sieve from what libyara has compiled: its strings, and the atoms in its automaton. */
#include "rules/chance.h"
#include "rules/yara_sieve.h"

#include <stdlib.h>

#define DEPTH_MAX YR_MAX_ATOM_LENGTH
#define COST_NONE 1e9 /* of a string without a piece that can be looked for */
#define QUADS_MIN 16u

/* What is known of a string of the batch set. */
struct string_pieces {
	double cost; /* expected sightings in a record */
	uint32_t needle_count;
	bool weak;
	bool chosen;
};

struct maker {
	struct loader *l;
	const struct yara_rules *set;
	struct string_pieces *strings; /* by libyara's index */
	struct buffer needles; /* struct found_needle */
	struct buffer loose;
	uint32_t *of_bit; /* libyara's index of each string of the rule looked at */
	bool *is_chosen; /* for each of them */
	bool hooked; /* the rule is seen by other means where a guard holds that the first octet decides */
	bool failed;
};

struct found_needle {
	struct yara_needle needle;
	uint32_t string;
};

/* ---- pieces of strings ---- */

static double cost_of(struct slice folded)
{
	unsigned bits = text_bits(folded);
	return chance_of_bits(bits);
}

static void add_needle(struct maker *m, const YR_STRING *string, struct slice text, bool exact)
{
	struct string_pieces *pieces = &m->strings[string->idx];
	uint8_t *folded = arena_alloc(&m->l->set->arena, text.len + 1);
	struct slice copy = exact ? arena_copy(&m->l->set->arena, text) : SLICE_NONE;
	if (!folded || (exact && !copy.ptr)) {
		m->failed = true;
		return;
	}
	for (size_t i = 0; i < text.len; i++)
		folded[i] = yara_lower(text.ptr[i]);
	struct found_needle n = {{.folded = folded, .exact = copy.ptr, .len = (uint32_t)text.len}, string->idx};
	struct slice all = slice_of(folded, text.len);
	if (text.len >= 4)
		n.needle.at = text_rarest(all, 4);
	memcpy(&n.needle.key, folded + n.needle.at, text.len >= 4 ? 4 : 2);
	n.needle.key = text.len >= 4 ? n.needle.key : ((uint32_t)folded[0] | (uint32_t)folded[1] << 8);
	buffer_add(&m->needles, &n, sizeof n);
	pieces->needle_count++;
	pieces->cost += cost_of(all) + (text.len >= 4 ? 0 : 0.1); /* pairs cost a search of their own */
}

static void add_wide(struct maker *m, const YR_STRING *string)
{
	uint8_t wide[256];
	size_t n = 0;
	for (int32_t i = 0; i < string->length && n + 2 <= sizeof wide; i++) {
		wide[n++] = string->string[i];
		wide[n++] = 0;
	}
	add_needle(m, string, slice_of(wide, n), !STRING_IS_NO_CASE(string));
}

static bool is_plain(const YR_STRING *string)
{
	return STRING_IS_LITERAL(string) && !STRING_IS_XOR(string) && !STRING_IS_BASE64(string) &&
		   !STRING_IS_BASE64_WIDE(string) && !STRING_IS_CHAIN_PART(string) && string->length >= 2;
}

static void add_literals(struct maker *m)
{
	for (uint32_t i = 0; i < m->set->batch->num_strings; i++) {
		const YR_STRING *string = &m->set->batch->strings_table[i];
		if (!is_plain(string))
			continue;
		if (STRING_IS_WIDE(string))
			add_wide(m, string);
		if (STRING_IS_ASCII(string) || !STRING_IS_WIDE(string))
			add_needle(m, string, slice_of(string->string, (size_t)string->length), !STRING_IS_NO_CASE(string));
	}
}

/* ---- atoms ---- */

static bool state_has(const YR_RULES *rules, uint32_t state, const YR_AC_MATCH *match)
{
	uint32_t first = rules->ac_match_table[state];
	for (const YR_AC_MATCH *m = first ? &rules->ac_match_pool[first - 1] : NULL; m; m = m->next)
		if (m->string == match->string && m->backtrack == match->backtrack)
			return true;
	return false;
}

/* Strings that libyara tries where it has seen this path. What the state took over from a shorter path is found there. */
static void take_state(struct maker *m, uint32_t state, struct slice path)
{
	const YR_RULES *rules = m->set->batch;
	uint32_t fail = YR_AC_NEXT_STATE(rules->ac_transition_table[state]);
	uint32_t first = rules->ac_match_table[state];
	for (const YR_AC_MATCH *match = first ? &rules->ac_match_pool[first - 1] : NULL; match; match = match->next) {
		if (is_plain(match->string) || match->string->chained_to || (state != fail && state_has(rules, fail, match)))
			continue;
		if (path.len < 2)
			m->strings[match->string->idx].weak = true;
		else
			add_needle(m, match->string, path, false);
	}
}

static void walk(struct maker *m, uint32_t state, uint8_t *path, size_t len)
{
	const YR_AC_TRANSITION *table = m->set->batch->ac_transition_table;
	take_state(m, state, slice_of(path, len));
	for (uint32_t octet = 0; len < DEPTH_MAX && octet < 256; octet++) {
		YR_AC_TRANSITION t = table[state + octet + 1];
		if (YR_AC_INVALID_TRANSITION(t, octet + 1))
			continue;
		path[len] = (uint8_t)octet;
		walk(m, YR_AC_NEXT_STATE(t), path, len + 1);
	}
}

/* ---- triggers ---- */

static double choose(struct maker *m, const struct yara_need *n, bool mark);

/* Of a set of which `least` must be there, all but least - 1 are enough: the rarest. */
static double choose_strings(struct maker *m, const struct yara_need *n, bool mark)
{
	uint32_t want = 0, words = n->words;
	double sum = 0, last = -1;
	for (uint32_t w = 0; w < words; w++)
		want += (uint32_t)__builtin_popcountll(n->set[w]);
	want = want < n->least ? 0 : want - n->least + 1;
	while (want > 0) {
		double next = COST_NONE * 2;
		uint32_t same = 0;
		for (uint32_t i = 0; i < words * 64; i++) {
			if (!(n->set[i / 64] >> (i % 64) & 1))
				continue;
			double cost = m->strings[m->of_bit[i]].cost;
			if (cost <= last || cost > next)
				continue;
			same = cost < next ? 1 : same + 1;
			next = cost;
		}
		if (same == 0)
			break;
		for (uint32_t i = 0; i < words * 64 && want > 0; i++)
			if (n->set[i / 64] >> (i % 64) & 1 && m->strings[m->of_bit[i]].cost == next) {
				sum += next;
				want--;
				if (mark)
					m->is_chosen[i] = true;
			}
		last = next;
	}
	return sum;
}

static double choose_children(struct maker *m, const struct yara_need *n, bool mark)
{
	double best = COST_NONE, sum = 0;
	uint32_t which = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		double cost = choose(m, n->children[i], mark && n->kind == NEED_ANY);
		sum += cost;
		if (cost < best)
			which = i;
		best = cost < best ? cost : best;
	}
	if (n->kind == NEED_ANY)
		return sum;
	return mark ? choose(m, n->children[which], true) : best;
}

static double choose(struct maker *m, const struct yara_need *n, bool mark)
{
	switch (n->kind) {
	case NEED_NEVER:
		return 0;
	case NEED_STRINGS:
		return choose_strings(m, n, mark);
	case NEED_ALL:
	case NEED_ANY:
		return choose_children(m, n, mark);
	case NEED_GUARD:
		return m->hooked && yara_guard_octet(&n->guard) != YARA_ANY_OCTET ? 0 : COST_NONE;
	default:
		return COST_NONE;
	}
}

/* A rule whose need also rests on others is loose: whatever speaks for them speaks for it. */
static void choose_of_rule(struct maker *m, const YR_RULE *rule)
{
	const YR_STRING *string;
	uint32_t entry = m->set->batch_entries[rule - m->set->batch->rules_table];
	const struct yara_need *need = m->set->entries[entry].need;
	uint32_t bits = m->set->entries[entry].strings;
	struct yara_known octet = {.strings = STRINGS_NONE, .guards = GUARDS_OCTET_FAIL};
	m->hooked = m->set->entries[entry].path == PATH_GUARDS && !yara_need_met(need, &octet); /* as in yara_hooks.c */
	memset(m->is_chosen, 0, bits * sizeof *m->is_chosen);
	yr_rule_strings_foreach(rule, string)
	{
		if (!string->chained_to)
			m->of_bit[m->set->batch_bits[string->idx]] = string->idx;
	}
	if (choose(m, need, false) >= COST_NONE) {
		buffer_add_u32(&m->loose, entry);
		return;
	}
	(void)choose(m, need, true);
	for (uint32_t i = 0; i < bits; i++)
		m->strings[m->of_bit[i]].chosen = m->is_chosen[i];
}

/* ---- tables ---- */

static int by_key(const void *a, const void *b)
{
	const struct found_needle *x = a, *y = b;
	if (x->needle.key != y->needle.key)
		return x->needle.key < y->needle.key ? -1 : 1;
	return x->needle.entry < y->needle.entry ? -1 : x->needle.entry > y->needle.entry;
}

static uint32_t log_of(uint32_t n)
{
	return 31 - (uint32_t)__builtin_clz(n | 1);
}

static bool keys_room(struct maker *m, struct yara_keys *k, uint32_t count)
{
	uint32_t slots = 2u << log_of(count * 2 > QUADS_MIN ? count * 2 : QUADS_MIN), filter = log_of(slots) + 3;
	filter = filter < 12 ? 12 : filter > 17 ? 17 : filter;
	k->mask = slots - 1;
	k->shift = 32 - filter;
	k->count = count;
	k->slots = arena_zalloc(&m->l->set->arena, slots * sizeof *k->slots);
	k->needles = arena_alloc(&m->l->set->arena, (count + 1) * sizeof *k->needles);
	k->filter = arena_zalloc(&m->l->set->arena, (size_t)1 << filter);
	return k->slots && k->needles && k->filter;
}

static void keys_add(struct yara_keys *k, uint32_t at, const struct yara_needle *needle)
{
	uint32_t place = yara_key_place(needle->key, k->shift) & k->mask;
	k->needles[at] = *needle;
	k->filter[yara_key_place(needle->key, k->shift)] = 1;
	k->firsts[needle->key & 0xff] |= (uint8_t)(1u << at % 8);
	k->seconds[needle->key >> 8 & 0xff] |= (uint8_t)(1u << at % 8);
	while (k->slots[place].count && k->slots[place].key != needle->key)
		place = (place + 1) & k->mask;
	if (!k->slots[place].count)
		k->slots[place] = (struct yara_slot){needle->key, at, 0};
	k->slots[place].count++;
}

/* Those of chosen strings, long or short ones. */
static bool make_keys(struct maker *m, struct yara_keys *k, bool quads)
{
	struct found_needle *all = (struct found_needle *)m->needles.ptr;
	uint32_t n = (uint32_t)(m->needles.len / sizeof *all), kept = 0;
	for (uint32_t turn = 0; turn < 2; turn++) {
		if (turn == 1 && (kept == 0 || !keys_room(m, k, kept)))
			return kept == 0;
		uint32_t at = 0;
		for (uint32_t i = 0; i < n; i++) {
			if ((all[i].needle.len >= 4) != quads || !m->strings[all[i].string].chosen)
				continue;
			if (turn == 1)
				keys_add(k, at, &all[i].needle);
			at++;
		}
		kept = at;
	}
	return true;
}

static void name_entries(struct maker *m)
{
	struct found_needle *all = (struct found_needle *)m->needles.ptr;
	for (size_t i = 0; i < m->needles.len / sizeof *all; i++)
		all[i].needle.entry = m->set->batch_entries[m->set->batch->strings_table[all[i].string].rule_idx];
	if (m->needles.len)
		qsort(all, m->needles.len / sizeof *all, sizeof *all, by_key);
}

static void gather(struct maker *m)
{
	const YR_RULE *rule;
	uint8_t path[DEPTH_MAX];
	add_literals(m);
	walk(m, YR_AC_ROOT_STATE, path, 0);
	for (uint32_t i = 0; i < m->set->batch->num_strings; i++)
		if (m->strings[i].weak || m->strings[i].needle_count == 0)
			m->strings[i].cost = COST_NONE;
	yr_rules_foreach(m->set->batch, rule) choose_of_rule(m, rule);
	name_entries(m);
}

struct yara_sieve *yara_sieve_make(struct loader *l, const struct yara_rules *set)
{
	struct maker m = {.l = l, .set = set};
	struct yara_sieve *sieve = arena_zalloc(&l->set->arena, sizeof *sieve);
	m.strings = env_zalloc(l->env, (set->batch->num_strings + 1) * sizeof *m.strings);
	m.of_bit = env_zalloc(l->env, ((size_t)set->words_max * 64 + 1) * sizeof *m.of_bit);
	m.is_chosen = env_zalloc(l->env, (size_t)set->words_max * 64 + 1);
	buffer_init(&m.needles, l->env);
	buffer_init(&m.loose, l->env);
	bool good = sieve && m.strings && m.of_bit && m.is_chosen;
	if (good)
		gather(&m);
	good = good && !m.failed && !m.needles.failed && !m.loose.failed && make_keys(&m, &sieve->quads, true) &&
		   make_keys(&m, &sieve->pairs, false);
	if (good) {
		sieve->loose_count = (uint32_t)(m.loose.len / sizeof *sieve->loose);
		sieve->loose = (uint32_t *)(uintptr_t)arena_copy(&l->set->arena, buffer_slice(&m.loose)).ptr;
		good = sieve->loose || !sieve->loose_count;
	}
	buffer_free(&m.needles);
	buffer_free(&m.loose);
	env_free(l->env, m.strings);
	env_free(l->env, m.of_bit);
	env_free(l->env, m.is_chosen);
	return good ? sieve : NULL;
}
