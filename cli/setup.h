/* What many verbs need first: the environment, the shipped library, decoders and rules with their diagnostics told on
 * standard error. Main thread.
 */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include "cli/options.h"
#include "rules/decoders.h"
#include "rules/rules.h"

/* The one environment of this process; --now gives it another clock. */
const struct env *setup_env(void);
void setup_fix_now(int64_t now_ns);

/* Folder of the shipped rules and decoders: $CRESSET_LIBRARY, beside the program in a source tree, or PREFIX/share. */
const char *setup_library(void);
/* LIBRARY/below, in static memory of the caller's. */
const char *setup_library_path(const char *below, char *buf, size_t size);

struct setup_told {
	uint32_t errors, warnings;
	bool quiet; /* count only */
	struct buffer *json; /* not null: one JSON object each instead of text on standard error */
};

/* A diagnostic_fn whose ctx is a struct setup_told. */
void setup_tell(void *told, const struct diagnostic *d);

/* --decoders PATH or the shipped ones. */
int setup_decoders(const struct args *args, struct setup_told *told, struct decoders **out, struct error *error);
/* Rules that are loaded from now on are kept compiled in this folder. */
void setup_cache(const char *folder);
/* --cache, or $XDG_CACHE_HOME/cresset, or none. */
void setup_cache_of(const struct args *args);
/* Rules of the given paths, with the shipped field mappings; behind pipelines: paths or names of shipped ones. */
int setup_rules_piped(const char *const *paths, unsigned count, const char *const *pipelines, unsigned pipeline_count,
					  bool yara, struct setup_told *told, struct ruleset **out, struct ruleset_counts *counts,
					  struct error *error);
int setup_rules(const char *const *paths, unsigned count, bool yara, struct setup_told *told, struct ruleset **out,
				struct ruleset_counts *counts, struct error *error);

/* Rules of these files and folders, with the mappings and the pipelines of two folders instead of shipped ones; nothing is told. */
int setup_rules_kept(const char *const *rules, size_t count, const char *mappings, const char *pipelines,
					 struct ruleset **out, struct error *error);
/* Where a pipeline lies: the path given, or that of a shipped one of this name (in the arena). Null: no memory. */
const char *setup_pipeline(struct arena *arena, const char *given);

/* Prints the error on standard error; returns the exit code that belongs to it. */
int setup_fail(const struct args *args, const struct error *error);
/* True when colors are wanted on that stream (--color, NO_COLOR, terminal). */
bool setup_color(const struct args *args, int fd);
/* Reads --now, --from, --to and the like; false with a usage error told. */
bool setup_time(const struct args *args, enum option_id id, int64_t fallback, int64_t *ns);
/* SIGINT and SIGTERM set this; long loops look at it. */
extern volatile int setup_stop;
void setup_signals(void);
/* For `run`: SIGHUP sets setup_hup (a reload), or setup_stop when the terminal it was started on is gone; SIGUSR1 sets
 * setup_hand_over. */
extern volatile int setup_hup, setup_hand_over;
void setup_reloads(void);

#endif
