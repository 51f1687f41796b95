/* cresset run: a supervisor and three processes; and the same parts as stages of a cluster.
 *
 * The supervisor holds the lock, recovers the logs, binds the sockets, and restarts a child that died (after 1 s, doubling to
 * 30 s). ingest takes in and writes `events`; engine detects, correlates, stores and answers; seal holds no duty until there
 * is evidence to sign. Rows travel only through the logs.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/config.h"
#include "cli/engine.h"
#include "cli/sockets.h"

#include <limits.h>
#include <stdatomic.h>

/* One page that all processes see: what ingest counts, for status. Written by ingest only. */
struct run_shared {
	_Atomic uint64_t received, stored, truncated, dropped, quarantined, gaps, bytes, connections, connections_refused,
		header_invalid, undecoded, files, blocked;
	_Atomic uint64_t ingest_restarts, engine_restarts;
	_Atomic int64_t engine_ready_ns; /* 0: not yet */
	_Atomic bool engine_unfinished; /* it does not judge under the rules of the configuration yet */
	_Atomic bool engine_retiring; /* rules of before go on beside them */
};

struct run {
	const struct env *env;
	struct config config;
	const struct args *args;
	struct decoders *decoders;
	struct ruleset *ruleset;
	char ruleset_text[128];
	struct ruleset *shadow; /* null: none */
	struct config reread; /* of the last reload: the rules are named there */
	bool has_reread;
	struct bound_input inputs[64];
	struct run_shared *shared;
	unsigned unfinished_deaths; /* of engines, one after the other, that did not come to those rules */
	unsigned retiring_deaths; /* and that soon died while rules of before went on beside them */
	char data[4096];
	uint8_t uuid[16];
};

/* Configuration, --data, --syslog, --rules, decoders and rules with their diagnostics. Returns an exit code. */
int run_prepare(struct run *run, const struct args *args, bool stage);
void run_release(struct run *run);

/* run_rules.c: the rules of `run`. Into run->ruleset; an exit code. */
int run_load_rules(struct run *run, const struct args *args, bool quiet);
/* All or nothing: 1 when run->ruleset is another one now, 0 when nothing changes (told). */
int run_reload_rules(struct run *run, const struct args *args);
/* The paths that the configuration, or the command line, names; pipelines as they are given. */
struct rule_paths {
	char sigma[PATH_MAX], yara[PATH_MAX];
	const char *shipped[2];
	const char *const *paths;
	const char *const *pipelines;
	unsigned count, pipeline_count;
	bool with_yara;
};
void run_find_rules(const struct run *run, struct rule_paths *p);

/* run_kept.c: copies of the files that the ruleset was made of, DATA/rules/DIGEST/: what it judged can be judged again. Rule
 * files lie there, mappings and pipelines in the folders .mappings and .pipelines. */
int run_keep_rules(struct run *run, struct error *error);
/* The rules with that digest, from there. ERROR_CONFLICT: what is there makes others. */
int run_kept_rules(const struct run *run, const uint8_t digest[32], struct ruleset **out, struct error *error);

/* Those of its correlations that stand in `list`, and what they refer to, as far as they are in files of their own; else all. */
int run_kept_part(const struct run *run, const struct ruleset *whole, const struct retiring_list *list,
				  struct ruleset **out, struct error *error);

/* run_retiring.c: which correlations of before go on beside the rules of `config`; into `list` and `config`. */
int run_find_retiring(struct run *run, struct engine_config *config, struct bus *bus, struct retiring_list *list,
					  struct error *error);
/* Rules of before under which the engine died so many times running are given up. */
#define RUN_DEATHS_MAX 3

/* Exit code of an engine that ends because another one shall begin at once: what was begun under other rules is done. */
#define RUN_AGAIN 129
/* Loops until SIGTERM or SIGINT, then drains. They return the exit code of the process. */
int run_ingest(struct run *run, struct bus *bus, uint64_t epoch);
int run_engine(struct run *run, struct bus *bus, uint64_t epoch, unsigned duties, bool special);

/* The member "ingest" of status; ctx is a struct run. */
void run_status_ingest(void *ctx, struct json_writer *w);

/* The local bus of one process. */
int run_open_local(struct run *run, bool ingest, struct bus **out, struct error *error);
struct bus_local_config run_local_config(const struct run *run, char *dir, size_t size);
int run_stage(const struct args *args, const char *stage);

#endif
