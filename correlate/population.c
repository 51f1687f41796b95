/* Keys that are missed though nobody has heard them (T5): each is taken for heard when its watching begins.
 *
 * Watching begins at the first watermark that the part has for the rule's level, and once: a checkpoint says for which rules
 * it has begun. What stands for the beginning is a match without an event; it is never named as evidence.
 */
#include "correlate/window.h"

bool member_is_beginning(const struct member *m)
{
	static const uint8_t none[ORIGIN_BYTES];
	return m->source->len == 0 && m->origin->len == ORIGIN_BYTES && memcmp(m->origin->octets, none, ORIGIN_BYTES) == 0;
}

/* No field of an event can be common to a set without one. */
static struct text *nothing_carried(struct part *part, const struct plan_rule *rule)
{
	struct buffer *carried = &part->temporal->carried;
	buffer_reset(carried);
	for (uint32_t i = 0; i < rule->carried_count; i++)
		tuple_add(carried, KEY_MISSING, SLICE_NONE);
	return carried->failed ? NULL : texts_take(&part->texts, buffer_slice(carried));
}

static int take_beginning(struct part *part, const struct plan_rule *rule, const struct plan_key *key, int64_t when_ns,
						  struct member *m)
{
	static const uint8_t none[ORIGIN_BYTES];
	*m = (struct member){.when_ns = when_ns};
	m->origin = texts_take(&part->texts, slice_of(none, ORIGIN_BYTES));
	m->source = texts_take(&part->texts, SLICE_NONE);
	bool whole = m->origin != NULL && m->source != NULL;
	if (!slice_equal(key->spelling, key->key)) {
		m->spelling = texts_take(&part->texts, key->spelling);
		whole &= m->spelling != NULL;
	}
	if (rule->carried_count > 0) {
		m->carried = nothing_carried(part, rule);
		whole &= m->carried != NULL;
	}
	if (!whole)
		member_release(part, m);
	return whole ? 0 : -ERROR_MEMORY;
}

static int begin_key(struct part *part, const struct plan_rule *rule, const struct plan_key *key, int64_t when_ns)
{
	struct temporal *t = part->temporal;
	uint32_t partition = key_partition(&t->scratch, rule->digest, key->key, t->config.matches_partitions);
	struct member m;
	if (t->scratch.failed)
		return -ERROR_MEMORY;
	if (partition != part->partition)
		return 0;
	uint32_t number; /* the list is the rule's: no budget is asked */
	int result = table_restore(part, rule, key->key, &number);
	if (result < 0)
		return result;
	struct group *g = group_unfold_join(part, number);
	if (g == NULL || take_beginning(part, rule, key, when_ns, &m) < 0)
		return -ERROR_MEMORY;
	return group_join(part, g, &m);
}

int population_begin(struct part *part, uint32_t level, int64_t when_ns)
{
	const struct plan *plan = part->temporal->plan;
	for (uint32_t i = 0; plan->key_count > 0 && i < plan->count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		if (rule->level != level || rule->key_count == 0 || part->begun[i])
			continue;
		part->begun[i] = true;
		for (uint32_t k = 0; k < rule->key_count; k++) {
			int result = begin_key(part, rule, &rule->keys[k], when_ns);
			if (result < 0)
				return result;
		}
	}
	return 0;
}
