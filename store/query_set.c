#include "store/query_set.h"

static uint64_t *find(const struct value_set *s, uint64_t a, uint64_t b)
{
	for (uint64_t i = a & (s->slot_count - 1);; i = (i + 1) & (s->slot_count - 1)) {
		uint64_t *slot = s->slots[i];
		if ((slot[0] == a && slot[1] == b) || (slot[0] == 0 && slot[1] == 0))
			return slot;
	}
}

static enum set_result grow(struct value_set *s, const struct env *env, size_t *bytes_left)
{
	struct value_set larger = {.count = s->count, .slot_count = s->slot_count == 0 ? 8 : s->slot_count * 2};
	size_t bytes = larger.slot_count * sizeof(*larger.slots);
	if (bytes > *bytes_left)
		return SET_FULL;
	larger.slots = env_zalloc(env, bytes);
	if (larger.slots == NULL)
		return SET_MEMORY;
	for (uint64_t i = 0; i < s->slot_count; i++)
		if (s->slots[i][0] != 0 || s->slots[i][1] != 0)
			memcpy(find(&larger, s->slots[i][0], s->slots[i][1]), s->slots[i], sizeof(s->slots[i]));
	*bytes_left -= bytes - s->slot_count * sizeof(*s->slots);
	env_free(env, s->slots);
	*s = larger;
	return SET_ADDED;
}

enum set_result value_set_add(struct value_set *s, const struct env *env, uint64_t a, uint64_t b, size_t *bytes_left)
{
	if (a == 0 && b == 0)
		b = 1;
	if (s->slot_count > 0 && find(s, a, b)[0] == a && find(s, a, b)[1] == b)
		return SET_THERE;
	if (s->slot_count == 0 || s->count + 1 > s->slot_count / 4 * 3) {
		enum set_result grown = grow(s, env, bytes_left);
		if (grown != SET_ADDED)
			return grown;
	}
	uint64_t *slot = find(s, a, b);
	slot[0] = a;
	slot[1] = b;
	s->count++;
	return SET_ADDED;
}

void value_set_free(struct value_set *s, const struct env *env)
{
	env_free(env, s->slots);
	*s = (struct value_set){0};
}
