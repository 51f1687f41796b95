#include "store/query_answer.h"

#include <stdlib.h>

void answer_init(struct answer *a, const struct query *q, const struct env *env, uint64_t wanted, size_t bytes_max)
{
	*a = (struct answer){.q = q, .env = env, .wanted = wanted, .bytes_max = bytes_max};
}

/* ---- order ---- */

#define BY(a, b) ((a) < (b) ? -1 : (a) > (b))

static int compare_places(const struct answer_entry *a, const struct answer_entry *b)
{
	if (a->when_ns != b->when_ns)
		return BY(a->when_ns, b->when_ns);
	if (a->topic != b->topic)
		return BY(a->topic, b->topic);
	if (a->partition != b->partition)
		return BY(a->partition, b->partition);
	return a->offset != b->offset ? BY(a->offset, b->offset) : BY(a->number, b->number);
}

static int compare_entries(const void *left, const void *right, void *ctx)
{
	const struct answer_entry *a = left, *b = right;
	const struct query *q = ctx;
	for (uint32_t i = 0; i < q->rows.sort_count; i++) {
		int order = order_compare_key(&a->sort[i], &b->sort[i], q->rows.sort[i].descending);
		if (order != 0)
			return order;
	}
	return q->options.descending ? -compare_places(a, b) : compare_places(a, b);
}

static int compare(const struct answer *a, const struct answer_entry *x, const struct answer_entry *y)
{
	return compare_entries(x, y, (void *)(uintptr_t)a->q);
}

static void sort_pending(struct answer *a)
{
	if (a->count - a->ready > 1)
		qsort_r(a->entries + a->ready, a->count - a->ready, sizeof(*a->entries), compare_entries,
				(void *)(uintptr_t)a->q);
}

/* ---- keeping ---- */

bool answer_wants(struct answer *a, const struct query_row *row, struct answer_entry *key,
				  struct order_value sort[QUERY_SORT_MAX], struct value_scratch scratch[QUERY_SORT_MAX])
{
	*key = (struct answer_entry){.when_ns = row->when_ns,
								 .topic = row->partition.topic,
								 .partition = row->partition.partition,
								 .offset = row->offset,
								 .number = row->number,
								 .sort = sort};
	for (uint32_t i = 0; i < a->q->rows.sort_count; i++)
		sort[i] = order_of_row(row, &a->q->rows.sort[i].field, &scratch[i]);
	if (a->has_floor && compare(a, key, &a->floor) < 0)
		return false;
	return !a->has_cut || compare(a, key, &a->cut) < 0;
}

static void entry_free(struct answer *a, struct answer_entry *entry)
{
	a->bytes -= entry->bytes;
	env_free(a->env, entry->sort);
	entry->sort = NULL;
}

static size_t texts_len(const struct answer *a, const struct answer_entry *key)
{
	size_t len = 0;
	for (uint32_t i = 0; i < a->q->rows.sort_count; i++)
		len += key->sort[i].rank == 1 ? key->sort[i].text.len : 0;
	return len;
}

/* One allocation an entry: keys, then their texts, then the line. */
static bool entry_copy(struct answer *a, struct answer_entry *to, const struct answer_entry *key, struct slice line)
{
	size_t keys = a->q->rows.sort_count * sizeof(*to->sort);
	size_t bytes = keys + texts_len(a, key) + line.len;
	*to = *key;
	to->sort = env_alloc(a->env, bytes + 1);
	if (to->sort == NULL)
		return false;
	uint8_t *at = (uint8_t *)to->sort + keys;
	for (uint32_t i = 0; i < a->q->rows.sort_count; i++) {
		to->sort[i] = key->sort[i];
		if (key->sort[i].rank != 1 || key->sort[i].text.len == 0)
			continue;
		memcpy(at, key->sort[i].text.ptr, key->sort[i].text.len);
		to->sort[i].text.ptr = at;
		at += key->sort[i].text.len;
	}
	memcpy(at, line.ptr, line.len);
	to->line = at;
	to->line_len = (uint32_t)line.len;
	to->bytes = bytes + sizeof(*to);
	a->bytes += to->bytes;
	return true;
}

static void set_cut(struct answer *a, const struct answer_entry *entry)
{
	if (a->has_cut)
		entry_free(a, &a->cut);
	a->cut = *entry;
	a->has_cut = true;
}

/* Keeps at most `wanted` entries and, of what is not yet released, half the budget; always one, so that every pass
 * gives something. */
static void shrink(struct answer *a)
{
	size_t keep = a->ready, bytes = 0;
	sort_pending(a);
	while (keep < a->count && keep - a->head < a->wanted && (keep == a->ready || bytes <= a->bytes_max / 2))
		bytes += a->entries[keep++].bytes;
	if (keep == a->count)
		return;
	for (size_t i = keep + 1; i < a->count; i++)
		entry_free(a, &a->entries[i]);
	set_cut(a, &a->entries[keep]);
	a->count = keep;
}

static bool make_room(struct answer *a)
{
	if (a->head > 0 && a->head >= a->room / 2) {
		memmove(a->entries, a->entries + a->head, (a->count - a->head) * sizeof(*a->entries));
		a->ready -= a->head;
		a->count -= a->head;
		a->head = 0;
	}
	if (a->count < a->room)
		return true;
	size_t room = a->room == 0 ? 256 : a->room * 2;
	void *entries = env_resize(a->env, a->entries, room * sizeof(*a->entries));
	if (entries == NULL)
		return false;
	a->entries = entries;
	a->room = room;
	return true;
}

int answer_keep(struct answer *a, const struct answer_entry *key, struct slice line)
{
	if (line.len > UINT32_MAX || !make_room(a) || !entry_copy(a, &a->entries[a->count], key, line))
		return -ERROR_MEMORY;
	a->count++;
	size_t pending = a->count - a->ready;
	if (a->bytes > a->bytes_max || (pending > 1024 && pending / 2 > a->wanted))
		shrink(a);
	return 0;
}

/* ---- giving ---- */

void answer_release(struct answer *a, int64_t bound)
{
	sort_pending(a);
	for (; a->ready < a->count; a->ready++) {
		int64_t when = a->entries[a->ready].when_ns;
		if (a->q->options.descending ? when <= bound : when >= bound)
			break;
	}
}

void answer_release_all(struct answer *a)
{
	sort_pending(a);
	a->ready = a->count;
}

struct slice answer_line(const struct answer *a)
{
	if (a->head == a->ready || a->wanted == 0)
		return SLICE_NONE;
	return slice_of(a->entries[a->head].line, a->entries[a->head].line_len);
}

void answer_given(struct answer *a)
{
	CHECK(a->head < a->ready && a->wanted > 0);
	entry_free(a, &a->entries[a->head++]);
	a->wanted--;
}

bool answer_next_pass(struct answer *a)
{
	if (!a->has_cut || a->wanted == 0)
		return false;
	CHECK(a->head == a->count);
	if (a->has_floor)
		entry_free(a, &a->floor);
	a->floor = a->cut;
	a->has_floor = true;
	a->has_cut = false;
	return true;
}

void answer_free(struct answer *a)
{
	for (size_t i = a->head; i < a->count; i++)
		entry_free(a, &a->entries[i]);
	if (a->has_cut)
		entry_free(a, &a->cut);
	if (a->has_floor)
		entry_free(a, &a->floor);
	env_free(a->env, a->entries);
	a->entries = NULL;
}
