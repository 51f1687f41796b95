#include "cli/match_loop.h"

void match_loop_init(struct match_loop *m, const struct env *env)
{
	*m = (struct match_loop){0};
	buffer_init(&m->waiting, env);
	buffer_init(&m->taken, env);
}

void match_loop_free(struct match_loop *m)
{
	buffer_free(&m->waiting);
	buffer_free(&m->taken);
}

int match_loop_add(struct match_loop *m, struct slice record)
{
	buffer_add_u64(&m->waiting, record.len);
	buffer_add_slice(&m->waiting, record);
	return m->waiting.failed ? -ERROR_MEMORY : 0;
}

int match_loop_run(struct match_loop *m, struct detect *detect, struct temporal *temporal, struct error *error)
{
	int result = detect_flush(detect, error);
	while (!result && m->waiting.len > 0) {
		struct buffer taken = m->waiting;
		m->waiting = m->taken;
		m->taken = taken;
		buffer_reset(&m->waiting);
		for (size_t at = 0; !result && at < m->taken.len;) {
			struct slice record = slice_of(m->taken.ptr + at + 8, (size_t)get_u64(m->taken.ptr + at));
			at += 8 + record.len;
			result = temporal_record(temporal, 0, m->offset++, record, error);
		}
		if (!result)
			result = temporal_flush(temporal, error);
	}
	return result;
}
