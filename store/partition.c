#include "store/inside.h"

static int compare(struct store_partition a, struct store_partition b)
{
	if (a.topic != b.topic)
		return a.topic < b.topic ? -1 : 1;
	return a.partition < b.partition ? -1 : a.partition > b.partition;
}

struct partition *partition_find(const struct store *s, struct store_partition id)
{
	for (uint32_t i = 0; i < s->partition_count; i++)
		if (compare(s->partitions[i]->id, id) == 0)
			return s->partitions[i];
	return NULL;
}

struct partition *partition_need(struct store *s, struct store_partition id)
{
	struct partition *p = partition_find(s, id);
	if (p)
		return p;
	struct partition **list = env_resize(s->env, s->partitions, (s->partition_count + 1) * sizeof *list);
	if (!list)
		return NULL;
	s->partitions = list;
	p = env_zalloc(s->env, sizeof *p);
	if (!p)
		return NULL;
	p->id = id;
	uint32_t at = s->partition_count++;
	for (; at > 0 && compare(list[at - 1]->id, id) > 0; at--)
		list[at] = list[at - 1];
	list[at] = p;
	return p;
}

void partition_free(const struct env *env, struct partition *p)
{
	for (uint32_t i = 0; i < p->tail_count; i++)
		tail_batch_release(p->tail[i]);
	env_free(env, p->tail);
	env_free(env, p->marks);
	env_free(env, p->moves);
	env_free(env, p);
}

static bool is_mark(const struct mark *mark, const uint8_t collector[16], uint64_t epoch)
{
	return mark->epoch == epoch && memcmp(mark->collector, collector, 16) == 0;
}

/* Batches of one collector follow each other: the last mark found is mostly the next. */
uint32_t partition_mark(const struct env *env, struct partition *p, const uint8_t collector[16], uint64_t epoch,
						bool *is_new)
{
	*is_new = false;
	if (p->mark_last < p->mark_count && is_mark(&p->marks[p->mark_last], collector, epoch))
		return p->mark_last;
	for (uint32_t i = p->mark_count; i-- > 0;)
		if (is_mark(&p->marks[i], collector, epoch))
			return p->mark_last = i;
	if (p->mark_count == p->mark_room) {
		uint32_t room = p->mark_room ? p->mark_room * 2 : 16;
		struct mark *marks = env_resize(env, p->marks, room * sizeof *marks);
		if (!marks)
			return UINT32_MAX;
		p->marks = marks;
		p->mark_room = room;
	}
	struct mark *mark = &p->marks[p->mark_count];
	memcpy(mark->collector, collector, 16);
	mark->epoch = epoch;
	mark->next = 0;
	*is_new = true;
	return p->mark_last = p->mark_count++;
}

int partition_move(const struct env *env, struct partition *p, const struct mark_move *move)
{
	if (p->move_count > 0) {
		struct mark_move *last = &p->moves[p->move_count - 1];
		/* Ticks alone must not fill the memory: what follows without a gap is one move. */
		if (last->mark == move->mark && last->next == move->first && p->tail_count == 0) {
			last->next = move->next;
			last->offset = move->offset;
			return 0;
		}
	}
	if (p->move_count == p->move_room) {
		uint32_t room = p->move_room ? p->move_room * 2 : 64;
		struct mark_move *moves = env_resize(env, p->moves, room * sizeof *moves);
		if (!moves)
			return -ERROR_MEMORY;
		p->moves = moves;
		p->move_room = room;
	}
	p->moves[p->move_count++] = *move;
	return 0;
}
