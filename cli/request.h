/* A request to the owner of a data directory (docs/control.md): one JSON object in, NDJSON lines out, the last of them
 * {"end":{"code":N,"error":...,"summary":{...}}}. The same code answers over the control socket and, when nobody owns the
 * directory, inside the verb itself. Bounded work per step. The engine's thread.
 */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "cli/engine.h"
#include "cli/json_tree.h"

struct decoders;

/* What requests need besides the engine. */
struct request_host {
	struct engine *engine;
	const struct env *env;
	const struct decoders *decoders;
	const struct source_settings *defaults; /* of imports */
	const char *ruleset_text; /* for status: "24 rules" */
	int64_t started_ns;
	void (*status)(void *ctx, struct json_writer *w); /* more members of status; may be null */
	void *ctx;
};

struct request;

#define REQUEST_DONE 0
#define REQUEST_MORE 1
#define REQUEST_WAITING 2 /* nothing to send now; goes on when the engine has read more */

/* `fd` is the file that came with it (import), -1: none; the request closes it. `who` names the peer ("uid 1000"). Never
 * fails: what is wrong comes out as the end line. Null only without memory. */
struct request *request_new(struct request_host *host, struct slice json, int fd, const char *who);
int request_step(struct request *r, struct buffer *out);
void request_free(struct request *r);

/* ---- between request*.c only ---- */
#define REQUEST_NOW_MAX (INT64_C(7258118400) * NS_PER_S) /* the year 2200: arithmetic with it stays inside 64 bits */

struct request {
	struct request_host *host;
	const struct request_kind *kind;
	struct arena arena;
	struct json_node *json;
	const char *who;
	int fd;
	struct error error;
	struct buffer summary; /* JSON object or empty */
	int code; /* exit code for the client */
	/* search, tail */
	struct query *query;
	struct query_run *run;
	struct engine_listener listener;
	bool listening, ended;
	struct buffer pending;
	uint64_t pending_lost, limit, given;
	/* import */
	struct import *import;
	/* hunt */
	struct store_scan *scan;
};

struct request_kind {
	const char *verb;
	bool audited;
	int (*open)(struct request *r); /* 0 or negative with r->error */
	int (*step)(struct request *r, struct buffer *out); /* REQUEST_*, or negative with r->error */
	void (*close)(struct request *r);
};

extern const struct request_kind request_search, request_fields, request_sources, request_tail, request_incidents_list,
	request_incidents_show, request_incidents_set, request_status, request_import, request_hunt,
	request_incidents_silence, request_rules_shadow, request_rules_cost;
void request_yara_status(struct json_writer *w, const struct engine *e); /* the member "yara"; with detect */
int request_query(struct request *r); /* compiles "query", "from", "to", "limit" */

#endif
