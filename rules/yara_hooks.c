/* Guards that rules hang on: where rules have no strings that must be there, a constant guard says on most records that they
 * cannot hold. */
#include "rules/yara_set.h"

#include <stdlib.h>

struct hanging {
	struct yara_hook hook;
	uint32_t entry;
};

struct hanger {
	struct buffer list; /* struct hanging */
	const struct yara_rules *set;
	uint32_t entry;
};

/* The guards of a need, those of the rules it refers to as well. Stops when `each` says true. */
static bool each_guard(const struct yara_need *n, bool (*each)(struct hanger *h, const struct yara_guard *g),
					   struct hanger *h)
{
	if (n->kind == NEED_GUARD)
		return each(h, &n->guard);
	if (n->kind == NEED_RULE)
		return each_guard(n->rule, each, h);
	for (uint32_t i = 0; i < n->count; i++)
		if (each_guard(n->children[i], each, h))
			return true;
	return false;
}

static bool hang(struct hanger *h, const struct yara_guard *g)
{
	struct hanging one = {{.guard = *g, .octet = yara_guard_octet(g)}, h->entry};
	buffer_add(&h->list, &one, sizeof one);
	return false;
}

static bool is_enough(const struct yara_need *need, const struct yara_guard *g)
{
	struct yara_known without = {.strings = STRINGS_NONE, .guards = GUARDS_ONE_FAILS, .failing = g};
	return !yara_need_met(need, &without);
}

static bool hang_if_octet(struct hanger *h, const struct yara_guard *g)
{
	if (yara_guard_octet(g) != YARA_ANY_OCTET)
		hang(h, g);
	return false;
}

static bool hang_if_enough(struct hanger *h, const struct yara_guard *g)
{
	if (g->kind == GUARD_SIZE || !is_enough(h->set->entries[h->entry].need, g))
		return false;
	hang(h, g);
	return true;
}

/* On those that the first octet decides, when they are enough; on one other that is; else on all of them. */
static void hang_entry(struct hanger *h)
{
	const struct yara_need *need = h->set->entries[h->entry].need;
	struct yara_known octet = {.strings = STRINGS_NONE, .guards = GUARDS_OCTET_FAIL};
	if (!yara_need_met(need, &octet))
		each_guard(need, hang_if_octet, h);
	else if (!each_guard(need, hang_if_enough, h))
		each_guard(need, hang, h);
}

static int by_hook(const void *a, const void *b)
{
	const struct hanging *left = a, *right = b;
	if (left->hook.octet != right->hook.octet)
		return left->hook.octet < right->hook.octet ? -1 : 1;
	int order = yara_guard_order(&left->hook.guard, &right->hook.guard);
	if (order)
		return order;
	return left->entry < right->entry ? -1 : left->entry > right->entry;
}

static void join_equal(struct yara_rules *set, const struct hanging *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct yara_hook *last = set->hook_count ? &set->hooks[set->hook_count - 1] : NULL;
		if (!last || yara_guard_order(&last->guard, &list[i].hook.guard) != 0) {
			last = &set->hooks[set->hook_count++];
			*last = list[i].hook;
			last->first = i;
		}
		last->count++;
		set->hung[i] = list[i].entry; /* twice when the rule has the guard twice, which is harmless */
	}
}

static void count_octets(struct yara_rules *set)
{
	uint32_t at = 0;
	CHECK(set->hooks || set->hook_count == 0);
	for (uint32_t octet = 0; octet <= 257; octet++) {
		while (set->hooks && at < set->hook_count && set->hooks[at].octet < octet)
			at++;
		set->hooks_from[octet] = at;
	}
}

int yara_hooks_make(struct loader *l, struct yara_rules *set)
{
	struct hanger h = {.set = set};
	buffer_init(&h.list, l->env);
	for (h.entry = 0; h.entry < set->count; h.entry++)
		if (set->entries[h.entry].path == PATH_GUARDS)
			hang_entry(&h);
	uint32_t n = (uint32_t)(h.list.len / sizeof(struct hanging));
	set->hooks = arena_zalloc(&l->set->arena, (n + 1) * sizeof *set->hooks);
	set->hung = arena_alloc(&l->set->arena, (n + 1) * sizeof *set->hung);
	bool good = !h.list.failed && set->hooks && set->hung;
	if (good && n) {
		qsort(h.list.ptr, n, sizeof(struct hanging), by_hook);
		join_equal(set, (const struct hanging *)h.list.ptr, n);
	}
	if (good)
		count_octets(set);
	buffer_free(&h.list);
	return good ? 0 : NO_MEMORY;
}
