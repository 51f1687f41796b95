/* The tail: batches as they came, until they are sealed. */
#include "store/inside.h"

int32_t month_of(int64_t ns)
{
	struct calendar c;
	clock_to_calendar(ns, &c);
	return c.year * 12 + c.month - 1;
}

/* Copied: the caller's octets belong to the bus. What does not validate is kept all the same, for its row of quarantine. */
struct tail_batch *tail_batch_new(const struct env *env, struct slice octets)
{
	size_t head = (sizeof(struct tail_batch) + 15) & ~(size_t)15;
	struct tail_batch *t = env_alloc(env, head + octets.len + 1);
	if (!t)
		return NULL;
	*t = (struct tail_batch){.env = env, .references = 1, .bytes = head + octets.len};
	uint8_t *copy = (uint8_t *)t + head;
	if (octets.len)
		memcpy(copy, octets.ptr, octets.len);
	t->opened = batch_open(&t->batch, slice_of(copy, octets.len), NULL) == 0;
	t->batch.octets = slice_of(copy, octets.len);
	return t;
}

/* What an append that failed has left is forgotten, so that another counts no row twice. */
void tail_batch_begin(struct tail_batch *t, uint64_t offset, int64_t boot_ns)
{
	env_free(t->env, t->skip);
	t->skip = NULL;
	t->offset = offset;
	t->boot_ns = boot_ns;
	t->rows = 0;
	t->raw_bytes = 0;
	t->zone = ZONE_EMPTY;
}

void tail_batch_release(struct tail_batch *t)
{
	if (!t || --t->references > 0)
		return;
	env_free(t->env, t->skip);
	env_free(t->env, t);
}

uint64_t *tail_skip_alloc(const struct env *env, uint32_t rows)
{
	return env_zalloc(env, ((size_t)rows / 64 + 1) * sizeof(uint64_t));
}

int tail_reserve(struct store *s, struct partition *p)
{
	if (p->tail_count < p->tail_room)
		return 0;
	uint32_t room = p->tail_room ? p->tail_room * 2 : 64;
	struct tail_batch **tail = env_resize(s->env, p->tail, room * sizeof(struct tail_batch *));
	if (!tail)
		return -ERROR_MEMORY;
	p->tail = tail;
	p->tail_room = room;
	return 0;
}

void tail_push(struct store *s, struct partition *p, struct tail_batch *t)
{
	CHECK(p->tail_count < p->tail_room);
	t->references++;
	p->tail[p->tail_count++] = t;
	p->tail_rows += t->rows;
	s->tail_bytes += t->bytes;
	s->stats.rows_tail += t->rows;
}

void tail_drop(struct store *s, struct partition *p, uint32_t count)
{
	CHECK(count <= p->tail_count);
	for (uint32_t i = 0; i < count; i++) {
		p->tail_rows -= p->tail[i]->rows;
		s->tail_bytes -= p->tail[i]->bytes;
		s->stats.rows_tail -= p->tail[i]->rows;
		tail_batch_release(p->tail[i]);
	}
	p->tail_count -= count;
	if (p->tail_count > 0)
		memmove(p->tail, p->tail + count, p->tail_count * sizeof(struct tail_batch *));
}
