#include "store/strings.h"
#include "store/hash.h"

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
	uint32_t *hashes = env_resize(s->env, s->hashes, room * sizeof *hashes);
	if (!hashes)
		return false;
	s->hashes = hashes;
	s->room = room;
	return true;
}

static bool grow_slots(struct strings *s)
{
	uint32_t slot_count = s->slot_count ? s->slot_count * 2 : 128;
	uint32_t *slots = env_zalloc(s->env, slot_count * sizeof *slots);
	if (!slots)
		return false;
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t at = s->hashes[i] & (slot_count - 1);
		while (slots[at])
			at = (at + 1) & (slot_count - 1);
		slots[at] = i + 1;
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
	s->hashes[s->count] = hash;
	s->slots[at] = ++s->count;
	return s->count - 1;
}

uint32_t strings_intern(struct strings *s, struct slice text, bool *is_new)
{
	if (is_new)
		*is_new = false;
	if ((s->count == s->room && !grow_items(s)) || (s->count * 2 >= s->slot_count && !grow_slots(s)))
		return STRINGS_NONE;
	uint32_t hash = (uint32_t)hash_secret(text, s->secret);
	uint32_t at = hash & (s->slot_count - 1);
	while (s->slots[at]) {
		uint32_t i = s->slots[at] - 1;
		if (s->hashes[i] == hash && slice_equal(s->items[i], text))
			return i;
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
	env_free(s->env, s->hashes);
	env_free(s->env, s->slots);
	*s = (struct strings){0};
}
