/* Reading ahead: the entries of a record are taken one by one, as ever (W5), but what the next ones will touch is asked for
 * while the present one is worked on. With many live keys a match waits for memory again and again: for its place in the table, the
 * entry, its packed matches, or the group, the newest members and what is counted of them; asked for early, the waits lie beside
 * each other. Nothing here changes anything.
 */
#include "correlate/window.h"

#define LINE_BYTES 64u
#define AHEAD 32u /* entries read ahead: a power of two */
#define AHEAD_ENTRY 24u
#define AHEAD_GROUP 16u
#define AHEAD_MEMBERS 8u
#define AHEAD_LEAVING 5u
#define AHEAD_COUNTED 2u

struct ahead {
	struct upcoming ring[AHEAD];
	uint32_t read, done;
};

static struct upcoming *upcoming_at(struct ahead *a, uint32_t distance)
{
	return distance < a->read - a->done ? &a->ring[(a->done + distance) % AHEAD] : NULL;
}

static void read_one(const struct part *part, struct upcoming *u)
{
	u->rule = NULL;
	u->number = 0;
	if (u->entry.kind != MATCH_ENTRY)
		return;
	u->rule = plan_find(part->temporal->plan, u->entry.correlation);
	if (u->rule == NULL)
		return;
	u->hash = key_hash(part, u->rule, u->entry.key);
	table_prefetch(part, u->hash);
}

static void ask_entry(const struct part *part, struct upcoming *u)
{
	if (u == NULL || u->rule == NULL)
		return;
	u->number = table_guess(part, u->hash);
	if (u->number == 0)
		return;
	entry_prefetch(entry_at(part, u->number));
}

static const struct entry *asked_entry(const struct part *part, const struct upcoming *u)
{
	return u == NULL || u->number == 0 ? NULL : entry_at(part, u->number);
}

void entry_prefetch(const struct entry *e)
{
	__builtin_prefetch(e, 1);
	__builtin_prefetch(e->octets + 16, 1);
}

void entry_prefetch_group(const struct part *part, const struct entry *e)
{
	if (e == NULL || e->packed == 1)
		return;
	if (e->packed > 1) {
		const uint8_t *block = slab_at(&part->slab, e->block);
		for (uint32_t at = 0; at <= e->packed * sizeof(struct packed_match); at += LINE_BYTES)
			__builtin_prefetch(block + at, 1);
	} else if (e->group != NULL) {
		__builtin_prefetch(e->group, 1);
		__builtin_prefetch(&e->group->number, 1);
	}
}

void entry_prefetch_members(const struct entry *e)
{
	const struct group *g = e == NULL || e->packed > 0 ? NULL : e->group;
	if (g == NULL || g->count == 0)
		return;
	__builtin_prefetch(group_member(g, g->count - 1), 1);
	__builtin_prefetch(group_member(g, 0), 1);
	values_prefetch(g, 0);
}

void entry_prefetch_values(const struct entry *e, unsigned step)
{
	const struct group *g = e == NULL || e->packed > 0 ? NULL : e->group;
	if (g != NULL && g->count > 0)
		values_prefetch(g, step);
}

static void ask_group(const struct part *part, const struct entry *e)
{
	if (e != NULL && e->packed > 1)
		packed_prefetch(part, e);
	else
		entry_prefetch_group(part, e);
}

/* What was found of the entries to come may be gone. */
static void forget_found(struct ahead *a)
{
	for (uint32_t i = 0; i < AHEAD; i++)
		a->ring[i].number = 0;
}

int part_entries(struct part *part, const struct match_record *record)
{
	struct ahead a = {.read = 0};
	uint32_t place = 0;
	for (bool more = true;;) {
		while (more && a.read - a.done < AHEAD) {
			struct upcoming *u = &a.ring[a.read % AHEAD];
			more = match_next(record, &place, &u->entry);
			if (more)
				read_one(part, u);
			a.read += more;
		}
		if (a.read == a.done)
			return 0;
		ask_entry(part, upcoming_at(&a, AHEAD_ENTRY));
		ask_group(part, asked_entry(part, upcoming_at(&a, AHEAD_GROUP)));
		entry_prefetch_members(asked_entry(part, upcoming_at(&a, AHEAD_MEMBERS)));
		entry_prefetch_values(asked_entry(part, upcoming_at(&a, AHEAD_LEAVING)), 1);
		entry_prefetch_values(asked_entry(part, upcoming_at(&a, AHEAD_COUNTED)), 2);
		const struct upcoming *u = &a.ring[a.done++ % AHEAD];
		int result = part_entry(part, u);
		if (result < 0)
			return result;
		if (u->entry.kind != MATCH_ENTRY || part->moved)
			forget_found(&a);
		part->moved = false;
	}
}
