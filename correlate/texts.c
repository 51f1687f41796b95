#include "correlate/texts.h"

int texts_init(struct texts *t, const struct env *env, struct slab *slab, uint64_t seed)
{
	*t = (struct texts){.env = env, .slab = slab, .slot_count = 64, .seed = seed};
	t->slots = env_zalloc(env, sizeof(*t->slots) * t->slot_count);
	return t->slots == NULL ? -ERROR_MEMORY : 0;
}

void texts_free(struct texts *t)
{
	if (t->slots != NULL)
		env_free(t->env, t->slots);
	t->slots = NULL;
}

static struct text **place(const struct texts *t, struct slice s)
{
	return &t->slots[xxh3_seeded(s, t->seed) & (t->slot_count - 1)];
}

/* Staying small is allowed when there is no memory: it is only slower. */
static void grow(struct texts *t)
{
	uint32_t old_count = t->slot_count;
	struct text **old = t->slots;
	struct text **slots = env_zalloc(t->env, sizeof(*slots) * old_count * 2);
	if (slots == NULL)
		return;
	t->slots = slots;
	t->slot_count = old_count * 2;
	for (uint32_t i = 0; i < old_count; i++)
		for (struct text *text = old[i], *next; text != NULL; text = next) {
			next = text->next;
			struct text **at = place(t, text_slice(text));
			text->next = *at;
			*at = text;
		}
	env_free(t->env, old);
}

static size_t text_bytes(size_t len)
{
	return offsetof(struct text, octets) + len;
}

struct text *texts_take(struct texts *t, struct slice s)
{
	for (struct text *text = *place(t, s); text != NULL; text = text->next)
		if (slice_equal(text_slice(text), s))
			return text_hold(text);
	if (s.len > UINT32_MAX)
		return NULL;
	if (t->count >= t->slot_count && t->slot_count < (1u << 30))
		grow(t);
	uint32_t number = slab_take(t->slab, text_bytes(s.len));
	if (number == 0)
		return NULL;
	struct text **at = place(t, s), *text = slab_at(t->slab, number);
	*text = (struct text){.next = *at, .refs = 1, .len = (uint32_t)s.len, .number = number};
	if (s.len > 0)
		memcpy(text->octets, s.ptr, s.len);
	*at = text;
	t->count++;
	t->bytes += text_bytes(s.len);
	return text;
}

struct text *text_hold(struct text *text)
{
	if (text != NULL)
		text->refs++;
	return text;
}

void texts_release(struct texts *t, struct text *text)
{
	if (text == NULL)
		return;
	CHECK(text->refs > 0);
	if (--text->refs > 0)
		return;
	struct text **at = place(t, text_slice(text));
	while (*at != text)
		at = &(*at)->next;
	*at = text->next;
	t->count--;
	t->bytes -= text_bytes(text->len);
	slab_give(t->slab, text->number);
}
