/* From a message to the decoder that knows it. */
#include "rules/decoder.h"

/* ---- scratch ---- */

/* What ingest adds to a row before its body is looked at (ingest/row.c, header_fields and truncated_fields). */
static bool is_of_header(struct slice name)
{
	static const struct slice names[] = {SLICE("message"),
										 SLICE("log.syslog.priority"),
										 SLICE("log.syslog.facility.code"),
										 SLICE("log.syslog.msgid"),
										 SLICE("log.syslog.version"),
										 SLICE("log.syslog.severity.code"),
										 SLICE("host.hostname"),
										 SLICE("process.name"),
										 SLICE("process.pid"),
										 SLICE("event.original_length"),
										 SLICE("event.original_hash")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal(names[i], name))
			return true;
	return false;
}

static int bind_names(struct decoder_scratch *s, const struct decoders *d)
{
	for (uint32_t i = 0; i < d->names.count; i++) {
		s->ids[i] = dictionary_intern(s->dictionary, dictionary_name(&d->names, i));
		if (s->ids[i] == DICTIONARY_NONE)
			return -ERROR_MEMORY;
	}
	dictionary_keep(s->dictionary);
	s->id_count = s->dictionary->count;
	s->names = env_alloc(s->env, s->id_count * sizeof *s->names);
	if (s->names == NULL)
		return -ERROR_MEMORY;
	memset(s->names, 0xff, s->id_count * sizeof *s->names);
	for (uint32_t i = 0; i < d->names.count; i++) {
		struct slice name = dictionary_name(&d->names, i);
		s->names[s->ids[i]] = (uint16_t)i;
		s->of_header[i] = is_of_header(name);
		if (name.len > 0 && name.ptr[0] == '$')
			s->ids[i] = DICTIONARY_NONE;
	}
	return 0;
}

struct decoder_scratch *decoder_scratch_new(const struct decoders *d, const struct env *env,
											struct dictionary *dictionary)
{
	struct decoder_scratch *s = env_zalloc(env, sizeof *s);
	if (s == NULL)
		return NULL;
	s->env = env;
	s->dictionary = dictionary;
	json_fields_init(&s->json, env, dictionary);
	s->ids = env_zalloc(env, d->names.count * sizeof *s->ids);
	s->values = env_zalloc(env, d->names.count * sizeof *s->values);
	s->of_header = env_zalloc(env, d->names.count * sizeof *s->of_header);
	s->given = env_alloc(env, LIMIT_row_fields * sizeof *s->given);
	s->pairs = env_alloc(env, LIMIT_row_fields * sizeof *s->pairs);
	s->decoder_memos = env_zalloc(env, (d->count + 1) * sizeof *s->decoder_memos);
	s->logsource_memos = env_zalloc(env, (d->logsource_count + 1) * sizeof *s->logsource_memos);
	if (s->ids == NULL || s->values == NULL || s->of_header == NULL || s->given == NULL || s->pairs == NULL ||
		!s->decoder_memos || !s->logsource_memos || bind_names(s, d) != 0) {
		decoder_scratch_free(s);
		return NULL;
	}
	s->value_count = d->names.count;
	return s;
}

void decoder_scratch_free(struct decoder_scratch *s)
{
	if (s == NULL)
		return;
	json_fields_free(&s->json);
	env_free(s->env, s->ids);
	env_free(s->env, s->names);
	env_free(s->env, s->values);
	env_free(s->env, s->of_header);
	env_free(s->env, s->given);
	env_free(s->env, s->pairs);
	env_free(s->env, s->decoder_memos);
	env_free(s->env, s->logsource_memos);
	env_free(s->env, s->strips.ids);
	env_free(s->env, s);
}

/* ---- signs ---- */

bool decoder_sign_names(const struct decoder_sign *s, struct slice program, uint64_t head)
{
	for (uint16_t i = 0; i < s->program_count; i++) {
		const struct condition_value *v = &s->program_values[i];
		if (((head ^ v->head) & v->mask) != 0 || (v->open ? program.len < v->text.len : program.len != v->text.len))
			continue;
		if (v->text.len <= 8 || slice_equal_nocase(slice_of(program.ptr, v->text.len), v->text))
			return true;
	}
	return false;
}

static bool any_program(const struct decode_run *run, const struct decoder_sign *s)
{
	return s->program_count == 0 || decoder_sign_names(s, run->in->program, run->s->program_head);
}

static bool any_start(const struct decoder_sign *s, struct slice text)
{
	for (uint16_t i = 0; i < s->start_count; i++)
		if (slice_starts(text, s->starts[i]))
			return true;
	return s->start_count == 0;
}

static bool any_msgid(const struct decoder_sign *s, struct slice msgid)
{
	for (uint16_t i = 0; i < s->msgid_count; i++)
		if (slice_equal(msgid, s->msgids[i]))
			return true;
	return s->msgid_count == 0;
}

/* The same of short literals that begin with one octet. */
static bool any_head(const struct decoder_sign *s, struct slice text)
{
	uint8_t octet = *s->contain_octet;
	for (size_t at = slice_find_octet(text, octet, 0); at != SIZE_MAX; at = slice_find_octet(text, octet, at + 1)) {
		struct slice rest = slice_from(text, at);
		uint64_t head = slice_head(rest);
		for (const struct condition_value *v = s->contain_heads; v < s->contain_heads + s->contain_count; v++)
			if (((head ^ v->head) & v->mask) == 0 && rest.len >= v->text.len)
				return true;
	}
	return false;
}

static bool any_contained(struct decode_run *run, const struct decoder_sign *s, struct slice text)
{
	if (s->contain_heads != NULL)
		return any_head(s, text);
	if (s->contain_octet != NULL && slice_find_octet(text, *s->contain_octet, 0) == SIZE_MAX)
		return false;
	for (uint16_t i = 0; i < s->contain_count; i++) {
		struct slice literal = s->contains[i];
		if (literal.len > 1 && decoder_filter_ready(run) && !pair_filter_may(&run->s->filter, s->contain_places[i]))
			continue;
		if (slice_find(text, literal, 0) != SIZE_MAX)
			return true;
	}
	return s->contain_count == 0;
}

/* A structured body was taken apart already: what looks at text has nothing to say about it, unless it asks for it. */
static bool format_fits(const struct decoder_sign *s, enum format format)
{
	if (s->has_format)
		return s->format == format;
	return format <= FORMAT_RFC5424 || s->field_count > 0;
}

static bool sign_holds(struct decode_run *run, const struct decoder_sign *s, struct slice text)
{
	if (!format_fits(s, run->in->format) || !any_program(run, s) || !any_start(s, text) ||
		!any_msgid(s, run->in->msgid) || !any_contained(run, s, text))
		return false;
	for (uint16_t i = 0; i < s->field_count; i++)
		if (!decoder_condition_holds(run, &s->fields[i]))
			return false;
	return true;
}

static const struct decoder_sign *sign_of(struct decode_run *run, const struct decoder *d, uint8_t class,
										  struct slice text)
{
	for (uint16_t i = 0; i < d->sign_count; i++)
		if (d->signs[i].class == class && sign_holds(run, &d->signs[i], text))
			return &d->signs[i];
	return NULL;
}

/* ---- the search ---- */

/* The message with its tag in front: both where they stand in the row, the tag at most a few octets before the message,
 * or else derived one behind the other. */
static struct span tagged_span(struct decode_run *run, struct slice program, struct span message)
{
	struct slice row = batch_row_text(run->b);
	size_t reach = program.len + 32, from = message.at > reach ? message.at - reach : 0;
	size_t tag = slice_find(slice_of(row.ptr, message.at), program, from);
	if (tag != SIZE_MAX)
		return (struct span){(uint32_t)tag, message.at - (uint32_t)tag + message.len};
	uint32_t first, next;
	int result = decoder_derive(run, program, &first);
	if (result == 0)
		result = decoder_derive(run, SLICE(": "), &next);
	if (result == 0)
		result = decoder_derive(run, decoder_span_text(run, message), &next);
	if (result == -ERROR_MEMORY)
		run->error = result;
	return result != 0 ? message : (struct span){first, next - first + message.len};
}

/* Where the text begins. A tag that begins with '%' ("%ASA-6-302013:") belongs to the message. */
static struct span message_span(struct decode_run *run, const struct decode_input *in)
{
	struct slice row = batch_row_text(run->b), m = slice_trim(in->message);
	uintptr_t at = (uintptr_t)m.ptr - (uintptr_t)row.ptr;
	uint32_t derived;
	while (m.len > 0 && m.ptr[m.len - 1] == 0)
		m = slice_trim(slice_of(m.ptr, m.len - 1));
	if (m.len == 0)
		return (struct span){0, 0};
	if (at > row.len || m.len > row.len - at) {
		int result = decoder_derive(run, m, &derived);
		run->error = result == -ERROR_MEMORY ? result : 0;
		return (struct span){result == 0 ? derived : 0, result == 0 ? (uint32_t)m.len : 0};
	}
	struct span message = {(uint32_t)at, (uint32_t)m.len};
	bool tagged = in->program.len > 0 && in->program.ptr[0] == '%';
	return tagged ? tagged_span(run, in->program, message) : message;
}

/* Runs one decoder. True: it holds. run->claimed is set when it is recognised but none of its steps knows the text. */
static bool run_decoder(struct decode_run *run, const struct decoder *d, uint8_t class, struct span text)
{
	const struct decoder_sign *sign = sign_of(run, d, class, decoder_span_text(run, text));
	if (sign == NULL)
		return false;
	uint16_t logsource = sign->logsource != DECODER_NONE ? sign->logsource : d->logsource;
	run->decoder = d;
	run->logsource = logsource;
	if (d->step_count == 0 || decoder_steps_first(run, d->steps, d->step_count, text, 0)) {
		decoder_set_constants(run, d->set, d->set_count);
		return true;
	}
	if (class == CLASS_STRONG && run->claimed == NULL) {
		run->claimed = d;
		run->claimed_logsource = logsource;
	}
	return false;
}

static bool run_class(struct decode_run *run, const uint64_t *mask, uint32_t words, uint8_t class, struct span text)
{
	for (uint32_t w = 0; w < words; w++)
		for (uint64_t bits = mask[w]; bits != 0; bits &= bits - 1)
			if (run_decoder(run, run->d->list[w * 64 + (uint32_t)__builtin_ctzll(bits)], class, text))
				return true;
	return false;
}

static bool find_decoder(struct decode_run *run, struct span text)
{
	const struct decoder_index *x = run->d->index;
	uint32_t words = (run->d->count + 63) / 64;
	uint64_t mask[DECODER_WORDS];
	decoder_index_ask(run->d, run->s, run->in, decoder_span_text(run, text), words, mask);
	if (run_class(run, mask, words, CLASS_STRONG, text))
		return true;
	if (!run->s->filter_ready)
		pair_filter_fill(&run->s->filter, decoder_span_text(run, run->message));
	run->s->filter_ready = true;
	decoder_index_contains(x, &run->s->filter, words, mask);
	if (run_class(run, mask, words, CLASS_CONTAINS, text))
		return true;
	if (run->claimed != NULL) {
		run->decoder = run->claimed;
		run->logsource = run->claimed_logsource;
		decoder_set_constants(run, run->decoder->set, run->decoder->set_count);
		return true;
	}
	return run_class(run, x->weak[CLASS_GENERIC], words, CLASS_GENERIC, text);
}

/* ---- a forced one ---- */

static const struct decoder *decoder_named(const struct decoders *d, struct slice name)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (slice_equal(d->list[i]->name, name))
			return d->list[i];
	return NULL;
}

bool decoders_know(const struct decoders *d, struct slice name)
{
	return decoder_named(d, name) != NULL;
}

/* Its signs only choose the log source. It holds even when none of its steps knows the text: somebody said that the
 * source speaks so. */
static bool run_forced(struct decode_run *run, const struct decoder *d, struct span text)
{
	const struct decoder_sign *sign = NULL;
	for (uint8_t class = CLASS_STRONG; class < CLASS_COUNT && sign == NULL; class ++)
		sign = sign_of(run, d, class, decoder_span_text(run, text));
	run->decoder = d;
	run->logsource = sign != NULL && sign->logsource != DECODER_NONE ? sign->logsource : d->logsource;
	decoder_steps_first(run, d->steps, d->step_count, text, 0);
	decoder_set_constants(run, d->set, d->set_count);
	return true;
}

static bool choose_decoder(struct decode_run *run, struct span text)
{
	const struct decoder *forced = run->in->forced.len > 0 ? decoder_named(run->d, run->in->forced) : NULL;
	return forced != NULL ? run_forced(run, forced, text) : find_decoder(run, text);
}

static void begin_values(struct decoder_scratch *s)
{
	if (++s->stamp == 0) {
		memset(s->values, 0, s->value_count * sizeof *s->values);
		s->stamp = 1;
	}
	s->given_count = 0;
	s->filter_ready = false;
	s->filter_asked = 0;
	s->counted = (struct span){0, 0};
	memset(s->counts_known, 0, sizeof s->counts_known);
}

static int put_decoder(struct decode_run *run, struct decode_result *out)
{
	struct table_memo *m = &run->s->decoder_memos[run->decoder->order];
	uint64_t serial = batch_serial(run->b);
	int result = 0;
	if (m->serial != serial) {
		result = batch_decoder(run->b, run->decoder->name, run->decoder->version, &m->index);
		m->serial = result == 0 ? serial : 0;
	}
	out->decoder = result == 0 ? m->index : BATCH_NO_INDEX;
	return result;
}

static int put_logsource(struct decode_run *run, struct decode_result *out)
{
	struct table_memo *m = &run->s->logsource_memos[run->logsource];
	uint64_t serial = batch_serial(run->b);
	int result = 0;
	if (m->serial != serial) {
		result = batch_logsource(run->b, &run->d->logsources[run->logsource], &m->index);
		m->serial = result == 0 ? serial : 0;
	}
	out->logsource = result == 0 ? m->index : BATCH_NO_INDEX;
	return result;
}

static int put_tables(struct decode_run *run, struct decode_result *out)
{
	int result = put_decoder(run, out);
	if (result != -ERROR_MEMORY && run->logsource != DECODER_NONE)
		result = put_logsource(run, out);
	return result == -ERROR_MEMORY ? result : 0;
}

int decoders_apply(const struct decoders *d, struct decoder_scratch *s, struct batch_builder *b,
				   const struct decode_input *in, struct decode_result *out)
{
	struct decode_run run = {.d = d, .s = s, .b = b, .in = in, .out = out};
	*out = (struct decode_result){.decoder = BATCH_NO_INDEX, .logsource = BATCH_NO_INDEX};
	decoder_row_moved(&run);
	begin_values(s);
	/* Of a plain line only the header was read, and few decoders ask for that. */
	s->given_pending = in->format == FORMAT_PLAIN || in->format == FORMAT_RFC3164;
	s->program_head = octets_lower(slice_head(in->program));
	if (!s->given_pending)
		decoder_note_given(&run);
	run.message = message_span(&run, in);
	bool held = run.error == 0 && choose_decoder(&run, run.message) && run.error == 0;
	/* All fields of a structured body were noted, and what was added since as well. */
	out->no_timestamp = !s->given_pending && s->values[FIELD_TIMESTAMP].stamp != s->stamp;
	return held ? put_tables(&run, out) : run.error;
}
