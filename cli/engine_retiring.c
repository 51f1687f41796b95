/* Which rules judge, and what retires beside them (T17): told in `control`, and kept in the checkpoint. */
#include "cli/engine.h"

/* ---- before it opens ---- */

static int take_past(const struct engine_saved *saved, struct engine_past *out, struct error *error)
{
	struct reader r = reader_of(saved->retiring);
	out->any = true;
	memcpy(out->digest, saved->digest.ptr, 32);
	out->observed_ns = saved->observed_ns;
	out->passed_ns = saved->passed_ns;
	return saved->retiring.len ? retiring_read(&out->retiring, &r, error) : 0;
}

static int read_past(const struct env *env, const char *data, uint64_t generation, struct engine_past *out,
					 struct error *error)
{
	struct engine_saved saved;
	struct buffer octets;
	buffer_init(&octets, env);
	int result = engine_checkpoint_read(env, data, generation, &octets, error);
	if (!result)
		result = engine_checkpoint_open(buffer_slice(&octets), &saved, error);
	if (!result)
		result = take_past(&saved, out, error);
	buffer_free(&octets);
	return result;
}

int engine_past_open(const struct env *env, const char *data, struct engine_past *out, struct error *error)
{
	struct engine_newest newest;
	struct error why = {0};
	*out = (struct engine_past){.observed_ns = INT64_MIN, .passed_ns = INT64_MIN};
	retiring_init(&out->retiring, env);
	int result = engine_newest(env, data, &newest, error);
	if (result == -ERROR_NOT_FOUND || (!result && !newest.any))
		return 0;
	if (!result)
		result = read_past(env, data, newest.generation, out, &why);
	if (result == -ERROR_NOT_FOUND || result == -ERROR_DAMAGED)
		return 0; /* told by who opens */
	if (why.code != ERROR_NONE && error)
		*error = why;
	return result;
}

void engine_past_close(struct engine_past *past)
{
	retiring_free(&past->retiring);
}

/* ---- a start ---- */

static void put_offsets(const struct engine *e, struct json_writer *w)
{
	json_key(w, "from");
	json_array(w);
	for (unsigned i = 0; i < e->feed_count; i++) {
		if (e->feeds[i].duty != FEED_DETECT)
			continue;
		json_object(w);
		json_key(w, "partition");
		json_u64(w, e->feeds[i].partition);
		json_key(w, "offset");
		json_u64(w, e->feeds[i].next);
		json_object_end(w);
	}
	json_array_end(w);
}

/* T17: which rules judge from which offsets on. Their files are in DATA/rules/DIGEST (run_keep_rules). */
int engine_note_activation(struct engine *e, struct error *error)
{
	struct buffer json;
	struct json_writer w;
	uint8_t digest[32];
	if (!e->config.ruleset)
		return 0;
	ruleset_digest(e->config.ruleset, digest);
	buffer_init(&json, e->env);
	json_writer_init(&w, &json);
	json_object(&w);
	json_key(&w, "activation");
	json_object(&w);
	json_key(&w, "ruleset");
	json_hex(&w, digest, 32);
	json_key(&w, "epoch");
	json_u64(&w, e->correlate_epoch);
	json_key(&w, "rules");
	json_u64(&w, ruleset_count(e->config.ruleset));
	put_offsets(e, &w);
	json_key(&w, "retiring");
	retiring_print_all(e->config.retiring, true, &w);
	json_key(&w, "retired");
	retiring_print_all(e->config.retiring, false, &w);
	json_object_end(&w);
	json_object_end(&w);
	int result = json.failed ? error_set(error, ERROR_MEMORY, "no memory for the activation of the rules")
							 : own_writer_row(&e->control, ROW_AUDIT, buffer_slice(&json), NULL, error);
	buffer_free(&json);
	return result;
}

int engine_retiring_of(const struct engine *e, struct retiring **out, struct error *error)
{
	const struct retiring_list *l = e->config.retiring;
	uint32_t n = 0;
	*out = NULL;
	if (!l || retiring_beside(l) == 0)
		return 0;
	*out = env_alloc(e->env, sizeof **out * l->count);
	if (!*out)
		return error_set(error, ERROR_MEMORY, "no memory for retiring rules");
	for (uint32_t i = 0; i < l->count; i++) {
		const struct retiring_rule *r = &l->list[i];
		if (!retiring_is_beside(r))
			continue;
		CHECK(r->loaded != NULL);
		struct retiring *to = &(*out)[n++];
		*to = (struct retiring){.ruleset = r->loaded, .until_ns = r->until_ns};
		memcpy(to->digest, r->digest, 32);
	}
	return 0;
}

void engine_take_past(struct engine *e, const struct engine_saved *saved)
{
	e->observed_ns = saved->observed_ns;
	e->passed_ns = saved->passed_ns;
}

/* ---- a commit ---- */

static int note_end(struct engine *e, const struct retiring_rule *r)
{
	struct buffer json;
	struct json_writer w;
	struct error error = {0};
	buffer_init(&json, e->env);
	json_writer_init(&w, &json);
	json_object(&w);
	json_key(&w, "retired");
	retiring_print(r, &w);
	json_object_end(&w);
	int result =
		json.failed ? -ERROR_MEMORY : own_writer_row(&e->control, ROW_AUDIT, buffer_slice(&json), NULL, &error);
	buffer_free(&json);
	return result;
}

/* A temporal that was made again from the bus knows less at first: time does not go back. One that is through stays where it is,
 * since it does nothing, until the next start can leave it out; a row that is refused is written at the next commit. */
void engine_end_retiring(struct engine *e)
{
	struct retiring_rule *r;
	int64_t observed = e->temporal ? temporal_observed(e->temporal) : INT64_MIN;
	int64_t passed = e->temporal ? temporal_passed(e->temporal) : INT64_MIN;
	e->observed_ns = observed > e->observed_ns ? observed : e->observed_ns;
	e->passed_ns = passed > e->passed_ns ? passed : e->passed_ns;
	while (e->config.retiring && (r = retiring_next(e->config.retiring, e->passed_ns)) != NULL) {
		r->fate = RETIRING_THROUGH;
		if (note_end(e, r)) {
			r->fate = RETIRING_ON;
			return;
		}
	}
}

void engine_put_retiring(const struct engine *e, struct buffer *out)
{
	buffer_add_u64(out, (uint64_t)e->observed_ns);
	buffer_add_u64(out, (uint64_t)e->passed_ns);
	retiring_save(e->config.retiring, out);
}
