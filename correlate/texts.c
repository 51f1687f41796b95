#include "correlate/texts.h"

int texts_init(struct texts *t, const struct env *env, uint64_t seed)
{
	*t = (struct texts){.env = env, .slot_count = 64, .seed = seed};
	t->slots = env_zalloc(env, sizeof(*t->slots) * t->slot_count);
	return t->slots == NULL ? -ERROR_MEMORY : 0;
}

void texts_free(struct texts *t)
{
	for (uint32_t i = 0; t->slots != NULL && i < t->slot_count; i++)
		for (struct text *text = t->slots[i], *next; text != NULL; text = next) {
			next = text->next;
			env_free(t->env, text);
		}
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

struct text *texts_take(struct texts *t, struct slice s)
{
	for (struct text *text = *place(t, s); text != NULL; text = text->next)
		if (slice_equal(text_slice(text), s))
			return text_hold(text);
	if (s.len > UINT32_MAX)
		return NULL;
	if (t->count >= t->slot_count && t->slot_count < (1u << 30))
		grow(t);
	struct text *text = env_alloc(t->env, sizeof(*text) + s.len);
	if (text == NULL)
		return NULL;
	struct text **at = place(t, s);
	*text = (struct text){.next = *at, .refs = 1, .len = (uint32_t)s.len};
	if (s.len > 0)
		memcpy(text->octets, s.ptr, s.len);
	*at = text;
	t->count++;
	t->bytes += sizeof(*text) + s.len;
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
	t->bytes -= sizeof(*text) + text->len;
	env_free(t->env, text);
}
