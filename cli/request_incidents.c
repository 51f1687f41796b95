/* incidents list, show, set, note; status. */
#include "cli/request.h"

static int need_book(struct request *r)
{
	return r->host->engine->book ? 0 : error_set(&r->error, ERROR_UNSUPPORTED, "this process keeps no incidents");
}

static int list_step(struct request *r, struct buffer *out)
{
	return incident_book_list(r->host->engine->book, json_member_true(r->json, "open"), out);
}

static int show_step(struct request *r, struct buffer *out)
{
	int result =
		incident_book_show(r->host->engine->book, slice_str(json_member_str(r->json, "id", "")), out, &r->error);
	if (!result && (out->len == 0 || out->ptr[out->len - 1] != '\n'))
		buffer_add_octet(out, '\n');
	return result;
}

static bool read_status(const char *text, enum incident_status *out)
{
	static const char *const names[] = {"new", "in_progress", "on_hold", "resolved", "closed"};
	for (int i = 0; i < 5; i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum incident_status)i;
			return true;
		}
	return false;
}

/* A note alone keeps the status: it is read from the incident. */
static int wanted_status(struct request *r, struct slice id, enum incident_status *status, uint64_t *version)
{
	struct buffer json;
	const char *given = json_member_str(r->json, "status", NULL);
	buffer_init(&json, r->host->env);
	int result = incident_book_show(r->host->engine->book, id, &json, &r->error);
	struct json_node *now = result ? NULL : json_tree(&r->arena, arena_copy(&r->arena, buffer_slice(&json)));
	buffer_free(&json);
	if (result)
		return result;
	*version = (uint64_t)json_member_i64(r->json, "version", json_member_i64(now, "version", 0));
	if (!read_status(given ? given : json_member_str(now, "status", "new"), status))
		return error_set(&r->error, ERROR_USAGE, "status is new, in_progress, on_hold, resolved or closed");
	return 0;
}

static int set_step(struct request *r, struct buffer *out)
{
	enum incident_status status;
	uint64_t version;
	struct buffer row;
	struct slice id = slice_str(json_member_str(r->json, "id", ""));
	int result = wanted_status(r, id, &status, &version);
	if (result)
		return result;
	buffer_init(&row, r->host->env);
	result = incident_book_set(r->host->engine->book, id, version, status,
							   slice_str(json_member_str(r->json, "who", r->who)),
							   slice_str(json_member_str(r->json, "note", "")), env_now(r->host->env), &row, &r->error);
	if (!result)
		result = engine_change(r->host->engine, buffer_slice(&row), &r->error);
	if (!result)
		result = show_step(r, out);
	buffer_free(&row);
	return result;
}

/* ---- silences ---- */

/* Ending one keeps its terms: they are read from the row that is there. */
static int read_terms(struct request *r, struct slice terms[32], uint32_t *count)
{
	const struct json_node *list = json_member(r->json, "terms");
	*count = 0;
	for (const struct json_node *n = list ? list->first : NULL; n; n = n->next) {
		if (n->type != JSON_STRING || *count == 32)
			return error_set(&r->error, ERROR_USAGE, "terms is a list of at most 32 strings");
		terms[(*count)++] = n->text;
	}
	return 0;
}

static int silence_row(struct request *r, struct buffer *row)
{
	const struct env *env = r->host->env;
	struct slice terms[32];
	struct incident_silence s = {.terms = terms,
								 .who = slice_str(json_member_str(r->json, "who", r->who)),
								 .reason = json_member_slice(r->json, "reason")};
	struct slice id = json_member_slice(r->json, "id");
	const char *until = json_member_str(r->json, "until", "");
	int result = read_terms(r, terms, &s.term_count);
	if (result)
		return result;
	if (!clock_parse_option(slice_str(until), env_now(env), &s.until_ns))
		return error_set(&r->error, ERROR_USAGE, "until: '%s' is no time (+8h, 2026-11-30, 2026-11-23T10:00:00Z)",
						 until);
	if (id.len && !hex_parse(id, s.id, 16))
		return error_set(&r->error, ERROR_USAGE, "id: 32 hexadecimal digits");
	if (!id.len && env->random.fill(env->random.ctx, s.id, 16) < 0)
		return error_set(&r->error, ERROR_IO, "no randomness");
	return incident_silence_row(&s, env_now(env), row, &r->error);
}

static int silence_step(struct request *r, struct buffer *out)
{
	struct buffer row;
	buffer_init(&row, r->host->env);
	int result = json_member(r->json, "terms") ? silence_row(r, &row) : 0;
	if (!result && row.len)
		result = engine_change(r->host->engine, buffer_slice(&row), &r->error);
	if (!result)
		result = incident_book_silences(r->host->engine->book, out);
	buffer_free(&row);
	return result;
}

/* ---- shadow rules ---- */

static int shadow_step(struct request *r, struct buffer *out)
{
	struct engine *e = r->host->engine;
	if (!e->shadow)
		return error_set(&r->error, ERROR_UNSUPPORTED,
						 "no rules run in the shadow: name some under 'shadow' and start 'run'");
	int result = need_book(r);
	return result ? result : shadow_compare(e->shadow, e->book, out);
}

/* ---- status ---- */

static void status_store(struct json_writer *w, const struct engine *e)
{
	struct store_stats s;
	store_stats(e->store, &s);
	json_key(w, "store");
	json_object(w);
	json_member_u64(w, "segments", s.segments);
	json_member_u64(w, "rows", s.rows);
	json_member_u64(w, "rows_unsealed", s.rows_tail);
	json_member_u64(w, "bytes_raw", s.bytes_raw);
	json_member_u64(w, "bytes_stored", s.bytes_stored);
	json_member_u64(w, "duplicates", s.duplicates);
	json_member_u64(w, "gaps", s.gaps);
	json_member_u64(w, "quarantined", s.quarantined);
	json_object_end(w);
}

static void status_detect(struct json_writer *w, const struct engine *e)
{
	struct detect_stats s;
	detect_stats(e->detect, &s);
	json_key(w, "detect");
	json_object(w);
	json_member_u64(w, "events", s.events);
	json_member_u64(w, "matches", s.matches);
	json_member_u64(w, "findings", s.findings);
	json_member_u64(w, "late", s.late);
	json_member_u64(w, "duplicates", s.duplicates);
	json_member_u64(w, "gaps", s.gaps);
	json_member_u64(w, "refused", s.refused);
	json_member_u64(w, "rules_tried", s.rules_tried);
	json_object_end(w);
}

static void status_temporal(struct json_writer *w, const struct engine *e)
{
	struct temporal_stats s;
	temporal_stats(e->temporal, &s);
	json_key(w, "temporal");
	json_object(w);
	json_member_u64(w, "matches", s.matches);
	json_member_u64(w, "duplicates", s.duplicates);
	json_member_u64(w, "missing_key", s.missing_key);
	json_member_u64(w, "windows", s.windows);
	json_member_u64(w, "window_bytes", s.window_bytes);
	json_member_u64(w, "spilled_keys", s.spilled_keys);
	json_member_u64(w, "spill_bytes", s.spill_bytes);
	json_member_u64(w, "spill_failures", s.spill_failures);
	json_member_u64(w, "provisional", s.provisional);
	json_member_u64(w, "final", s.final);
	json_member_u64(w, "refused_keys", s.refused_keys);
	json_member_u64(w, "refused_matches", s.refused_matches);
	json_key(w, "watermark");
	if (s.watermark_ns > 0)
		json_time(w, s.watermark_ns);
	else
		json_null(w);
	json_object_end(w);
}

static void status_readers(struct json_writer *w, const struct engine *e)
{
	static const char *const duties[] = {"detect", "temporal", "store", "book"};
	json_key(w, "readers");
	json_array(w);
	for (unsigned i = 0; i < e->feed_count; i++) {
		const struct feed *f = &e->feeds[i];
		uint64_t first, committed, keep, next, tickets, durable = 0;
		f->reader->ops->position(f->reader, &first, &committed, &keep, &next);
		bus_durable(e->bus, f->topic, f->partition, &tickets, &durable);
		json_object(w);
		json_key(w, "reader");
		json_str(w, duties[f->duty]);
		json_key(w, "topic");
		json_str(w, bus_topic_name(f->topic));
		json_member_u64(w, "partition", f->partition);
		json_member_u64(w, "next", f->next);
		json_member_u64(w, "durable", durable);
		json_member_u64(w, "committed", committed);
		json_member_u64(w, "keep_from", keep);
		json_object_end(w);
	}
	json_array_end(w);
}

static int status_step(struct request *r, struct buffer *out)
{
	const struct engine *e = r->host->engine;
	struct json_writer w;
	json_writer_init(&w, out);
	json_object(&w);
	json_key(&w, "version");
	json_str(&w, CRESSET_VERSION);
	json_key(&w, "started");
	json_time(&w, r->host->started_ns);
	json_key(&w, "data");
	json_str(&w, e->config.data);
	json_key(&w, "ruleset");
	json_str(&w, r->host->ruleset_text ? r->host->ruleset_text : "none");
	json_key(&w, "retiring");
	retiring_print_all(e->config.retiring, true, &w);
	json_key(&w, "blocked");
	if (e->blocked)
		json_str(&w, e->blocked_text);
	else
		json_null(&w);
	if (e->store)
		status_store(&w, e);
	if (e->detect) {
		status_detect(&w, e);
		request_yara_status(&w, e);
	}
	if (e->temporal)
		status_temporal(&w, e);
	status_readers(&w, e);
	json_member_u64(&w, "audit_rows_lost", e->audit_lost);
	if (r->host->status)
		r->host->status(r->host->ctx, &w);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
	return 0;
}

const struct request_kind request_incidents_list = {"incidents list", true, need_book, list_step, NULL};
const struct request_kind request_incidents_show = {"incidents show", true, need_book, show_step, NULL};
const struct request_kind request_incidents_set = {"incidents set", true, need_book, set_step, NULL};
const struct request_kind request_incidents_silence = {"incidents silence", true, need_book, silence_step, NULL};
const struct request_kind request_rules_shadow = {"rules shadow", true, NULL, shadow_step, NULL};
const struct request_kind request_status = {"status", false, NULL, status_step, NULL};
