#include "correlate/marks.h"

#include "correlate/key.h"

void marks_init(struct marks *m, const struct env *env)
{
	*m = (struct marks){.env = env, .newest_ns = CLOCK_NONE, .clock_ns = CLOCK_NONE};
}

void marks_free(struct marks *m)
{
	env_free(m->env, m->marks);
	env_free(m->env, m->ticks);
	marks_init(m, m->env);
}

static bool mark_is(const struct mark *mark, const struct batch_identity *identity)
{
	return mark->epoch == identity->epoch && memcmp(mark->collector, identity->collector, 16) == 0;
}

static struct mark *mark_add(struct marks *m, const uint8_t collector[16], uint64_t epoch)
{
	if (m->count == m->room) {
		uint32_t room = m->room == 0 ? 8 : m->room * 2;
		struct mark *marks = env_resize(m->env, m->marks, sizeof(*marks) * room);
		if (marks == NULL)
			return NULL;
		m->marks = marks;
		m->room = room;
	}
	struct mark *mark = &m->marks[m->count++];
	*mark = (struct mark){.epoch = epoch};
	memcpy(mark->collector, collector, 16);
	return mark;
}

static struct mark *mark_of(struct marks *m, const struct batch_identity *identity)
{
	if (m->hint < m->count && mark_is(&m->marks[m->hint], identity))
		return &m->marks[m->hint];
	for (m->hint = 0; m->hint < m->count; m->hint++)
		if (mark_is(&m->marks[m->hint], identity))
			return &m->marks[m->hint];
	return mark_add(m, identity->collector, identity->epoch);
}

int marks_batch(struct marks *m, const struct batch_identity *identity, uint32_t rows, uint32_t *skip,
				uint64_t *missing)
{
	struct mark *mark = mark_of(m, identity);
	*skip = 0;
	*missing = 0;
	if (mark == NULL)
		return -ERROR_MEMORY;
	uint64_t first = identity->first_sequence, end;
	if (__builtin_add_overflow(first, rows, &end))
		end = UINT64_MAX;
	if (first > mark->next)
		*missing = first - mark->next;
	else
		*skip = mark->next - first < rows ? (uint32_t)(mark->next - first) : rows;
	if (end > mark->next)
		mark->next = end;
	return 0;
}

static struct tick *tick_of(struct marks *m, const struct batch_identity *identity)
{
	for (uint32_t i = 0; i < m->tick_count; i++)
		if (memcmp(m->ticks[i].collector, identity->collector, 16) == 0)
			return &m->ticks[i];
	if (m->tick_count == m->tick_room) {
		uint32_t room = m->tick_room == 0 ? 4 : m->tick_room * 2;
		struct tick *ticks = env_resize(m->env, m->ticks, sizeof(*ticks) * room);
		if (ticks == NULL)
			return NULL;
		m->ticks = ticks;
		m->tick_room = room;
	}
	struct tick *tick = &m->ticks[m->tick_count++];
	*tick = (struct tick){.epoch = identity->epoch, .last_ns = CLOCK_NONE};
	memcpy(tick->collector, identity->collector, 16);
	return tick;
}

int marks_tick(struct marks *m, const struct batch_identity *identity, int64_t observed_ns)
{
	struct tick *tick = tick_of(m, identity);
	if (tick == NULL)
		return -ERROR_MEMORY;
	if (identity->epoch < tick->epoch)
		return 0; /* spooled rows of an older run: its promise is over */
	if (identity->epoch > tick->epoch || observed_ns > tick->last_ns)
		tick->last_ns = observed_ns;
	tick->epoch = identity->epoch;
	if (observed_ns > m->newest_ns)
		m->newest_ns = observed_ns;
	int64_t least = INT64_MAX;
	for (uint32_t i = 0; i < m->tick_count; i++)
		if (sub_saturated(m->newest_ns, m->ticks[i].last_ns) <= TICK_SILENCE_NS && m->ticks[i].last_ns < least)
			least = m->ticks[i].last_ns;
	if (least == INT64_MAX || least <= m->clock_ns)
		return 0;
	m->clock_ns = least;
	return 1;
}

void marks_save(const struct marks *m, struct buffer *out)
{
	buffer_add_u32(out, m->count);
	buffer_add_u32(out, m->tick_count);
	for (uint32_t i = 0; i < m->count; i++) {
		buffer_add(out, m->marks[i].collector, 16);
		buffer_add_u64(out, m->marks[i].epoch);
		buffer_add_u64(out, m->marks[i].next);
	}
	for (uint32_t i = 0; i < m->tick_count; i++) {
		buffer_add(out, m->ticks[i].collector, 16);
		buffer_add_u64(out, m->ticks[i].epoch);
		buffer_add_u64(out, (uint64_t)m->ticks[i].last_ns);
	}
	buffer_add_u64(out, (uint64_t)m->newest_ns);
	buffer_add_u64(out, (uint64_t)m->clock_ns);
}

int marks_restore(struct marks *m, struct reader *reader)
{
	uint32_t count = reader_u32(reader), ticks = reader_u32(reader);
	for (uint32_t i = 0; i < count && !reader->failed; i++) {
		struct slice collector = reader_slice(reader, 16);
		uint64_t epoch = reader_u64(reader), next = reader_u64(reader);
		if (reader->failed)
			break;
		struct mark *mark = mark_add(m, collector.ptr, epoch);
		if (mark == NULL)
			return -ERROR_MEMORY;
		mark->next = next;
	}
	for (uint32_t i = 0; i < ticks && !reader->failed; i++) {
		struct slice collector = reader_slice(reader, 16);
		struct batch_identity identity = {.epoch = reader_u64(reader)};
		int64_t last = (int64_t)reader_u64(reader);
		if (reader->failed)
			break;
		memcpy(identity.collector, collector.ptr, 16);
		struct tick *tick = tick_of(m, &identity);
		if (tick == NULL)
			return -ERROR_MEMORY;
		tick->last_ns = last;
	}
	m->newest_ns = (int64_t)reader_u64(reader);
	m->clock_ns = (int64_t)reader_u64(reader);
	return reader->failed ? -ERROR_FORMAT : 0;
}
