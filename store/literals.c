#include "store/literals.h"
#include "common/hash.h"

_Static_assert(LITERALS_SECRET_BYTES == HASH_SECRET_BYTES, "the size that XXH3 asks for");

void literals_init(struct literals *t, const struct env *env, struct arena *arena)
{
	*t = (struct literals){.env = env, .arena = arena};
	/* As in strings.c: without randomness as right, only easier to attack. */
	if (env->random.fill(env->random.ctx, t->secret, sizeof t->secret) != 0)
		for (unsigned i = 0; i < sizeof t->secret; i++)
			t->secret[i] = (uint8_t)(i * 193 + 11);
}

static bool grow_slots(struct literals *t)
{
	uint32_t slot_count = t->slot_count ? t->slot_count * 2 : 1024;
	struct literals_slot *slots = env_zalloc(t->env, slot_count * sizeof *slots);
	if (!slots)
		return false;
	for (uint32_t i = 0; i < t->slot_count; i++) {
		uint32_t at = t->slots[i].hash & (slot_count - 1);
		while (t->slots[i].number && slots[at].number)
			at = (at + 1) & (slot_count - 1);
		if (t->slots[i].number)
			slots[at] = t->slots[i];
	}
	env_free(t->env, t->slots);
	t->slots = slots;
	t->slot_count = slot_count;
	return true;
}

static bool make_room(struct literals *t)
{
	if (t->count == t->room) {
		uint32_t room = t->room ? t->room * 2 : 512;
		struct slice *items = env_resize(t->env, t->items, room * sizeof *items);
		if (!items)
			return false;
		t->items = items;
		t->room = room;
	}
	return t->count * 2 < t->slot_count || grow_slots(t);
}

/* The slot that is the text, or the free one where it belongs. */
static struct literals_slot *find(const struct literals *t, const struct literals_slot *key, struct slice text)
{
	uint32_t at = key->hash & (t->slot_count - 1);
	for (;; at = (at + 1) & (t->slot_count - 1)) {
		struct literals_slot *slot = &t->slots[at];
		if (slot->number == 0)
			return slot;
		if (slot->begin != key->begin || slot->len != key->len || slot->owner != key->owner)
			continue;
		if (text.len <= SHORT_MAX ? slot->end == key->end
								  : memcmp((const void *)(uintptr_t)slot->end, text.ptr, text.len) == 0)
			return slot;
	}
}

static uint32_t add(struct literals *t, struct literals_slot *slot, struct literals_slot key, struct slice text)
{
	struct slice copy = arena_copy(t->arena, text);
	if (!copy.ptr)
		return LITERALS_NONE;
	if (text.len > SHORT_MAX)
		key.end = (uintptr_t)copy.ptr;
	t->items[t->count] = copy;
	key.number = ++t->count;
	*slot = key;
	return key.number - 1;
}

uint32_t literals_number(struct literals *t, struct slice text, uint32_t owner, bool *is_new)
{
	*is_new = false;
	if ((t->count == t->room || t->count * 2 >= t->slot_count) && !make_room(t))
		return LITERALS_NONE;
	struct literals_slot key = {.len = (uint32_t)text.len, .owner = owner};
	if (text.len > SHORT_MAX)
		key.begin = hash_secret(text, t->secret);
	else
		key.begin = shorts_load_ahead(text, &key.end);
	key.hash = literals_hash(t, key.begin, key.end, key.len, owner);
	struct literals_slot *slot = find(t, &key, text);
	if (slot->number)
		return slot->number - 1;
	*is_new = true;
	return add(t, slot, key, text);
}

void literals_reset(struct literals *t)
{
	t->count = 0;
	if (t->slots)
		memset(t->slots, 0, t->slot_count * sizeof *t->slots);
}

void literals_free(struct literals *t)
{
	env_free(t->env, t->items);
	env_free(t->env, t->slots);
	*t = (struct literals){0};
}
