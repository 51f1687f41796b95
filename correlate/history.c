/* New values: for each value of a group when it was last there, as far as matches are settled.
 *
 * Matches pass in order, so what is here does not depend on the order in which they arrived. A value whose last time lies
 * further back than the rule looks says the same as one that is not here; forgetting it changes no verdict.
 */
#include "correlate/window.h"

#define ENTRY_BYTES 32u /* what a value is charged with: its place, and as much room */

struct history {
	uint32_t size, count;
	int64_t newest_ns;
	struct history_place {
		struct text *value;
		int64_t when_ns;
	} places[];
};

static struct history_place *place_of(struct history *h, const struct text *value)
{
	uint32_t at = (uint32_t)(((uintptr_t)value >> 4) * 0x9e3779b97f4a7c15u >> 32) & (h->size - 1);
	while (h->places[at].value != NULL && h->places[at].value != value)
		at = (at + 1) & (h->size - 1);
	return &h->places[at];
}

/* Into a table of this size, without what was last there before `since`. */
static int resize(struct part *part, struct group *g, uint32_t size, int64_t since_ns)
{
	struct history *old = g->history, *h = env_zalloc(part->temporal->env, sizeof(*h) + sizeof(*h->places) * size);
	if (h == NULL)
		return -ERROR_MEMORY;
	h->size = size;
	h->newest_ns = old == NULL ? TIME_NONE : old->newest_ns;
	for (uint32_t i = 0; old != NULL && i < old->size; i++) {
		if (old->places[i].value == NULL)
			continue;
		if (old->places[i].when_ns < since_ns) {
			texts_release(&part->texts, old->places[i].value);
			part->bytes -= ENTRY_BYTES;
			continue;
		}
		*place_of(h, old->places[i].value) = old->places[i];
		h->count++;
	}
	env_free(part->temporal->env, old);
	g->history = h;
	return 0;
}

static int make_room(struct part *part, struct group *g)
{
	const struct history *h = g->history;
	if (h == NULL)
		return resize(part, g, 8, TIME_NONE);
	return h->count + 1 > h->size / 4 * 3 ? resize(part, g, h->size * 2, TIME_NONE) : 0;
}

static void put(struct part *part, struct group *g, struct history_place *place, struct text *value, int64_t when_ns)
{
	if (place->value == NULL) {
		place->value = value;
		g->history->count++;
		part->bytes += ENTRY_BYTES;
	}
	place->when_ns = when_ns;
	if (when_ns > g->history->newest_ns)
		g->history->newest_ns = when_ns;
}

int history_pass(struct part *part, struct group *g, const struct member *m)
{
	if (make_room(part, g) < 0)
		return -ERROR_MEMORY;
	struct history_place *place = place_of(g->history, m->value);
	bool fresh = place->value == NULL || place->when_ns < sub_saturated(m->when_ns, g->rule->history_ns);
	put(part, g, place, place->value == NULL ? text_hold(m->value) : place->value, m->when_ns);
	return fresh;
}

/* When it has grown to twice what it held after the last time; staying large is allowed when there is no memory. */
void history_forget(struct part *part, struct group *g, int64_t since_ns)
{
	struct history *h = g->history;
	if (h == NULL)
		return;
	if (h->newest_ns < since_ns) {
		history_free(part, g);
		return;
	}
	uint32_t live = 0, size = 8;
	if (h->count < h->size / 2)
		return;
	for (uint32_t i = 0; i < h->size; i++)
		live += h->places[i].value != NULL && h->places[i].when_ns >= since_ns;
	while (size / 2 <= live)
		size *= 2;
	if (live < h->count / 2)
		(void)resize(part, g, size, since_ns);
}

int64_t history_newest(const struct group *g)
{
	return g->rule->history_ns == 0 || g->history == NULL ? TIME_NONE : g->history->newest_ns;
}

void history_free(struct part *part, struct group *g)
{
	struct history *h = g->history;
	for (uint32_t i = 0; h != NULL && i < h->size; i++)
		if (h->places[i].value != NULL) {
			texts_release(&part->texts, h->places[i].value);
			part->bytes -= ENTRY_BYTES;
		}
	env_free(part->temporal->env, h);
	g->history = NULL;
}

uint32_t history_count(const struct group *g)
{
	return g->rule->history_ns == 0 || g->history == NULL ? 0 : g->history->count;
}

void history_save(const struct group *g, struct buffer *out)
{
	for (uint32_t i = 0; history_count(g) > 0 && i < g->history->size; i++)
		if (g->history->places[i].value != NULL) {
			buffer_add_u64(out, (uint64_t)g->history->places[i].when_ns);
			buffer_add_u32(out, g->history->places[i].value->mark);
			buffer_add_u32(out, 0);
		}
}

int history_restore(struct part *part, struct group *g, struct text *value, int64_t when_ns)
{
	if (make_room(part, g) < 0)
		return -ERROR_MEMORY;
	struct history_place *place = place_of(g->history, value);
	if (place->value != NULL)
		return 1;
	put(part, g, place, value, when_ns);
	return 0;
}
