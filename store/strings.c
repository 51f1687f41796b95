#include "store/strings.h"
#include "common/hash.h"
#include "store/shorts.h"

_Static_assert(STRINGS_SECRET_BYTES == HASH_SECRET_BYTES, "the size that XXH3 asks for");

void strings_init(struct strings *s, const struct env *env, struct arena *arena)
{
	*s = (struct strings){.env = env, .arena = arena};
	/* Without randomness the table is as right, only easier to attack. */
	if (env->random.fill(env->random.ctx, s->secret, sizeof s->secret) != 0)
		for (unsigned i = 0; i < sizeof s->secret; i++)
			s->secret[i] = (uint8_t)(i * 151 + 7);
}

static bool grow_items(struct strings *s)
{
	uint32_t room = s->room ? s->room * 2 : 64;
	struct slice *items = env_resize(s->env, s->items, room * sizeof *items);
	if (!items)
		return false;
	s->items = items;
	s->room = room;
	return true;
}

static bool grow_slots(struct strings *s)
{
	uint32_t slot_count = s->slot_count ? s->slot_count * 2 : 128;
	struct strings_slot *slots = env_zalloc(s->env, slot_count * sizeof *slots);
	if (!slots)
		return false;
	for (uint32_t i = 0; i < s->slot_count; i++) {
		uint32_t at = s->slots[i].hash & (slot_count - 1);
		while (s->slots[i].index && slots[at].index)
			at = (at + 1) & (slot_count - 1);
		if (s->slots[i].index)
			slots[at] = s->slots[i];
	}
	env_free(s->env, s->slots);
	s->slots = slots;
	s->slot_count = slot_count;
	return true;
}

static uint32_t add(struct strings *s, struct slice text, uint32_t hash, uint32_t at)
{
	if (s->arena) {
		text = arena_copy(s->arena, text);
		if (!text.ptr)
			return STRINGS_NONE;
	}
	s->items[s->count] = text;
	s->slots[at] = (struct strings_slot){hash, ++s->count};
	return s->count - 1;
}

static inline uint32_t hash_text(const struct strings *s, struct slice text)
{
	if (text.len > SHORT_MAX)
		return (uint32_t)hash_secret(text, s->secret);
	uint64_t end, begin = shorts_load(text, &end);
	return shorts_hash(begin, end, text.len, s->secret);
}

static inline bool same(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	if (a.len > SHORT_MAX)
		return memcmp(a.ptr, b.ptr, a.len) == 0;
	uint64_t a_end, b_end;
	return shorts_load(a, &a_end) == shorts_load(b, &b_end) && a_end == b_end;
}

uint32_t strings_intern(struct strings *s, struct slice text, bool *is_new)
{
	return strings_intern_hashed(s, text, hash_text(s, text), is_new);
}

uint32_t strings_intern_hashed(struct strings *s, struct slice text, uint32_t hash, bool *is_new)
{
	if (is_new)
		*is_new = false;
	if ((s->count == s->room && !grow_items(s)) || (s->count * 2 >= s->slot_count && !grow_slots(s)))
		return STRINGS_NONE;
	uint32_t at = hash & (s->slot_count - 1);
	while (s->slots[at].index) {
		if (s->slots[at].hash == hash && same(s->items[s->slots[at].index - 1], text))
			return s->slots[at].index - 1;
		at = (at + 1) & (s->slot_count - 1);
	}
	if (is_new)
		*is_new = true;
	return add(s, text, hash, at);
}

void strings_reset(struct strings *s)
{
	s->count = 0;
	if (s->slots)
		memset(s->slots, 0, s->slot_count * sizeof *s->slots);
}

void strings_free(struct strings *s)
{
	env_free(s->env, s->items);
	env_free(s->env, s->slots);
	*s = (struct strings){0};
}
