/* Names that are also known without a prefix. */
#include "rules/decoder.h"

/* The name without the first prefix that it has, or what says that it has none. */
static uint32_t strip_name(struct decode_run *run, const struct decoder_step *step, uint32_t id)
{
	struct dictionary *d = run->s->dictionary;
	struct slice name = dictionary_name(d, id);
	for (uint16_t k = 0; k < step->strip_count; k++) {
		if (!slice_starts(name, step->strip[k]) || name.len == step->strip[k].len)
			continue;
		uint32_t bare = dictionary_intern(d, slice_from(name, step->strip[k].len));
		return bare == DICTIONARY_NONE ? STRIP_LOST : bare + STRIP_ID;
	}
	return STRIP_WHOLE;
}

/* Forgets what was of another step, or of ids that are void now. False: no memory, and all is unknown each time. */
static bool strips_ready(struct decoder_scratch *s, const struct decoder_step *step)
{
	struct strip_memo *m = &s->strips;
	if (m->step != step || m->resets != s->dictionary->resets)
		m->count = 0;
	m->step = step;
	m->resets = s->dictionary->resets;
	if (m->count >= s->dictionary->count)
		return true;
	if (m->room < s->dictionary->room) {
		uint32_t *ids = env_resize(s->env, m->ids, s->dictionary->room * sizeof *ids);
		if (ids == NULL)
			return false;
		m->ids = ids;
		m->room = s->dictionary->room;
	}
	memset(m->ids + m->count, 0, (s->dictionary->count - m->count) * sizeof *m->ids);
	m->count = s->dictionary->count;
	return true;
}

static void emit_stripped(struct decode_run *run, uint32_t id, enum value_type type, struct span v)
{
	struct decoder_scratch *s = run->s;
	if (id < s->id_count && s->names[id] != DECODER_NONE && type != VALUE_NULL)
		decoder_emit(run, s->names[id], type, v);
	else if (batch_field(run->b, id, type, v.at, v.len) == -ERROR_MEMORY)
		run->error = -ERROR_MEMORY;
}

/* "winlog.event_data.Image" is also known as "Image". */
void decoder_strip_given(struct decode_run *run, const struct decoder_step *step)
{
	struct decoder_scratch *s = run->s;
	uint32_t count = decoder_given(run);
	bool ready = strips_ready(s, step);
	for (uint32_t i = 0; i < count; i++) {
		const struct given_field *g = &s->given[i];
		uint32_t strip = ready ? s->strips.ids[g->id] : STRIP_UNKNOWN;
		if (strip == STRIP_WHOLE || g->type == VALUE_SMALL)
			continue;
		if (strip < STRIP_ID)
			strip = strip_name(run, step, g->id);
		if (ready)
			s->strips.ids[g->id] = strip;
		if (strip != STRIP_WHOLE)
			emit_stripped(run, strip == STRIP_LOST ? DICTIONARY_NONE : strip - STRIP_ID, (enum value_type)g->type,
						  g->value);
	}
}
