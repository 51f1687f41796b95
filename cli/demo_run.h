/* What the demo runs: one `cresset run`, or the stages of a cluster over a broker that is there. Their folders, configurations and
 * processes. The children are this same program; they are stopped in order, or by the kernel when the demo dies. Main thread; waits.
 */
#ifndef CLI_DEMO_RUN_H
#define CLI_DEMO_RUN_H

#include "cli/demo_show.h"

#include <limits.h>
#include <sys/types.h>

#define DEMO_START_MS 20000

#define DEMO_STAGES 5

struct demo_stage {
	const char *name, *verb; /* name of its folder and log */
	const char *own; /* partitions that it keeps, as YAML; null: all */
	char folder[PATH_MAX / 2 + 32];
	pid_t pid; /* 0: not running */
};

struct demo_run {
	const struct env *env;
	char data[PATH_MAX / 2], program[PATH_MAX];
	bool made; /* the folder is ours to remove */
	uint16_t port;
	const char *bootstrap; /* of Kafka; null: the local log */
	struct demo_stage stages[DEMO_STAGES];
	unsigned stage_count;
};

/* The folder: `given`, which must be empty, or a new one under /tmp. 0 or an exit code, told on standard error. */
int demo_run_folder(struct demo_run *d, const struct env *env, const char *given);
/* Chooses the stages and tells the view their folders. */
void demo_run_plan(struct demo_run *d, const char *bootstrap, struct demo_view *view);
/* Configurations on a free port, processes, and their first answers. 0 or an exit code, told. */
int demo_run_start(struct demo_run *d, const struct demo_view *view);
/* True when one ended by itself; told, with what it wrote. */
bool demo_run_died(struct demo_run *d);
/* Drains and ends them, intake first; the highest exit code, EXIT_STORAGE when one had to be killed; told. */
int demo_run_stop(struct demo_run *d);
/* Removes the folder if it is ours. */
void demo_run_remove(struct demo_run *d);

/* "cresset demo: ..." on standard error; returns EXIT_USAGE. */
int demo_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void demo_nap(unsigned ms);
int64_t demo_elapsed_ms(const struct env *env, int64_t since_boot_ns);

#endif
