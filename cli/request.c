#include "cli/request.h"

#include <stdio.h>
#include <unistd.h>

static const struct request_kind *const kinds[] = {
	&request_search,         &request_fields,         &request_sources,           &request_tail,
	&request_incidents_list, &request_incidents_show, &request_incidents_set,     &request_status,
	&request_import,         &request_hunt,           &request_incidents_silence, &request_rules_shadow,
	&request_rules_cost};

/* Evidence is read only after the row that says who reads it and what. */
static void audit(struct request *r)
{
	struct buffer b;
	struct json_writer w;
	buffer_init(&b, r->host->env);
	json_writer_init(&w, &b);
	json_object(&w);
	json_key(&w, "access");
	json_object(&w);
	json_key(&w, "verb");
	json_str(&w, r->kind->verb);
	json_key(&w, "who");
	json_str(&w, r->who);
	json_key(&w, "request");
	json_raw(&w, r->json->text);
	json_object_end(&w);
	json_object_end(&w);
	if (!b.failed)
		engine_audit(r->host->engine, buffer_slice(&b));
	buffer_free(&b);
}

static int open_request(struct request *r, struct slice json)
{
	struct slice copy = arena_copy(&r->arena, json);
	r->json = copy.ptr ? json_tree(&r->arena, copy) : NULL;
	const char *verb = json_member_str(r->json, "verb", "");
	if (!r->json)
		return error_set(&r->error, ERROR_SYNTAX, "the request is no JSON object");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i]->verb, verb) == 0)
			r->kind = kinds[i];
	if (!r->kind)
		return error_set(&r->error, ERROR_SYNTAX, "unknown verb '%s' in the request", verb);
	if (r->kind->audited)
		audit(r);
	return r->kind->open ? r->kind->open(r) : 0;
}

struct request *request_new(struct request_host *host, struct slice json, int fd, const char *who)
{
	struct request *r = env_zalloc(host->env, sizeof *r);
	if (!r) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	r->host = host;
	r->fd = fd;
	arena_init(&r->arena, host->env, 0);
	buffer_init(&r->summary, host->env);
	buffer_init(&r->pending, host->env);
	r->who = arena_string(&r->arena, slice_str(who));
	if (!r->who)
		r->who = "";
	if (open_request(r, json) < 0 && !r->error.code)
		error_set(&r->error, ERROR_MEMORY, "no memory for the request");
	return r;
}

static int code_of(const struct request *r)
{
	switch (r->error.code) {
	case ERROR_NONE:
		return r->code;
	case ERROR_IO:
	case ERROR_FULL:
	case ERROR_DAMAGED:
		return 74;
	case ERROR_CONFLICT:
	case ERROR_NOT_FOUND:
		return 1;
	default:
		return 3;
	}
}

static void end_line(struct request *r, struct buffer *out)
{
	struct json_writer w;
	char text[1024];
	json_writer_init(&w, out);
	json_object(&w);
	json_key(&w, "end");
	json_object(&w);
	json_key(&w, "code");
	json_u64(&w, (uint64_t)code_of(r));
	json_key(&w, "error");
	if (r->error.code)
		json_str(&w, error_print(&r->error, text, sizeof text));
	else
		json_null(&w);
	json_key(&w, "summary");
	if (r->summary.len && !r->summary.failed)
		json_raw(&w, buffer_slice(&r->summary));
	else
		json_null(&w);
	json_object_end(&w);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
	r->ended = true;
}

int request_step(struct request *r, struct buffer *out)
{
	int result = REQUEST_DONE;
	if (r->ended)
		return REQUEST_DONE;
	if (!r->error.code)
		result = r->kind->step(r, out);
	if (result < 0 && !r->error.code)
		error_set(&r->error, ERROR_MEMORY, "no memory for the answer");
	if (result > 0 && !out->failed)
		return result;
	end_line(r, out);
	return REQUEST_DONE;
}

void request_free(struct request *r)
{
	if (!r)
		return;
	if (r->listening)
		engine_unlisten(r->host->engine, &r->listener);
	if (r->kind && r->kind->close)
		r->kind->close(r);
	if (r->run)
		query_run_free(r->run);
	if (r->query)
		query_free(r->query);
	if (r->fd >= 0)
		close(r->fd);
	buffer_free(&r->summary);
	buffer_free(&r->pending);
	arena_free(&r->arena);
	env_free(r->host->env, r);
}
