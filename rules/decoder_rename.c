/* Reading `rename`: a map of name: target or list of targets, the name of a shared map, or a list of these. */
#include "rules/decoder_reader.h"

struct rename_pair {
	uint16_t from;
	struct decoder_target to;
};

struct rename_list {
	struct rename_pair *pairs;
	uint32_t count, room;
};

static bool add_pair(struct decoder_reader *r, struct rename_list *l, uint16_t from, const struct tree_node *to)
{
	if (!tree_is_scalar(to))
		return reader_refuse_node(r, to, "decoder-type", "a target is 'field' or 'field:map'");
	if (l->count == l->room) {
		uint32_t room = l->room == 0 ? 32 : l->room * 2;
		struct rename_pair *pairs = reader_room(r, room, sizeof *pairs);
		if (pairs == NULL)
			return false;
		if (l->count > 0)
			memcpy(pairs, l->pairs, l->count * sizeof *pairs);
		l->pairs = pairs;
		l->room = room;
	}
	l->pairs[l->count].from = from;
	return reader_target(r, to->text, to->line, to->column, &l->pairs[l->count++].to);
}

/* A name in the map that came before (a decoder's own word after the shared ones) replaces what was said of it. */
static void drop_earlier(struct rename_list *l, uint32_t before, uint16_t from)
{
	for (uint32_t i = 0; i < before; i++)
		if (l->pairs[i].from == from)
			l->pairs[i].from = DECODER_NONE;
}

static bool read_map(struct decoder_reader *r, const struct tree_node *map, struct rename_list *l)
{
	if (map->count > 4096)
		return reader_refuse_node(r, map, "decoder-limit", "at most 4,096 names");
	uint32_t before = l->count;
	for (uint32_t i = 0; i < map->count; i++) {
		uint16_t from;
		const struct tree_node *to = map->pairs[i].value;
		if (!reader_name(r, map->pairs[i].key->text, &from))
			return false;
		drop_earlier(l, before, from);
		uint32_t items = to->type == TREE_LIST ? to->count : 1;
		for (uint32_t k = 0; k < items; k++)
			if (!add_pair(r, l, from, to->type == TREE_LIST ? to->items[k] : to))
				return false;
	}
	return true;
}

static bool read_any(struct decoder_reader *r, const struct tree_node *n, struct rename_list *l)
{
	if (n->type == TREE_MAP)
		return read_map(r, n, l);
	if (n->type == TREE_LIST) {
		for (uint32_t i = 0; i < n->count; i++)
			if (n->items[i]->type == TREE_LIST || !read_any(r, n->items[i], l))
				return r->out_of_memory || r->refused
						   ? false
						   : reader_refuse_node(r, n, "decoder-type", "a list inside a list");
		return true;
	}
	for (const struct shared_rename *s = r->shared; s != NULL; s = s->next)
		if (slice_equal(s->name, n->text))
			return read_map(r, s->map, l);
	return reader_refuse_node(r, n, "decoder-rename", "no shared renames are called '%.*s'", SLICE_PRINT(n->text));
}

static uint32_t hash_of(uint16_t name)
{
	return (uint32_t)name * 40503u >> 4;
}

static struct rename_slot *slot_of(const struct rename_set *set, uint16_t name)
{
	uint32_t at = hash_of(name) & set->mask;
	while (set->slots[at].count != 0 && set->slots[at].from != name)
		at = (at + 1) & set->mask;
	return &set->slots[at];
}

static bool build(struct decoder_reader *r, const struct rename_list *l, struct rename_set *out)
{
	uint32_t size = 4;
	while (size < 2 * l->count)
		size *= 2;
	out->slots = reader_room(r, size, sizeof *out->slots);
	out->targets = reader_room(r, l->count + 1, sizeof *out->targets);
	if (out->slots == NULL || out->targets == NULL)
		return false;
	out->mask = (uint16_t)(size - 1);
	for (uint32_t i = 0; i < l->count; i++) {
		if (l->pairs[i].from == DECODER_NONE || slot_of(out, l->pairs[i].from)->count != 0)
			continue;
		struct rename_slot *slot = slot_of(out, l->pairs[i].from);
		*slot = (struct rename_slot){l->pairs[i].from, out->count, 0};
		for (uint32_t k = i; k < l->count; k++)
			if (l->pairs[k].from == slot->from) {
				out->targets[out->count++] = l->pairs[k].to;
				slot->count++;
			}
	}
	return true;
}

bool reader_renames(struct decoder_reader *r, const struct tree_node *n, struct rename_set *out)
{
	struct rename_list l = {0};
	return read_any(r, n, &l) && build(r, &l, out);
}
