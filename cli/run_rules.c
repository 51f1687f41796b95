/* The rules of a running pipeline: loaded, and loaded again. */
#include "cli/run.h"
#include "cli/setup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_CPU_S 60 /* for loading rules that nobody has seen before */
#define PROBE_BYTES ((rlim_t)4 << 30)
/* Sanitizers take far more addresses than memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

/* ---- which ---- */

void run_find_rules(const struct run *run, struct rule_paths *p)
{
	const struct config *c = run->has_reread ? &run->reread : &run->config;
	const struct args *args = run->args;
	p->shipped[0] = setup_library_path("sigma", p->sigma, sizeof p->sigma);
	p->shipped[1] = setup_library_path("yara", p->yara, sizeof p->yara);
	p->with_yara = c->yara;
	p->pipelines = args->pipeline_count ? args->pipelines : c->pipelines;
	p->pipeline_count = args->pipeline_count ? args->pipeline_count : c->pipeline_count;
	p->paths = args->rule_count ? args->rules : c->rules ? c->rules : p->shipped;
	p->count = args->rule_count ? args->rule_count : c->rules ? c->rule_count : 2;
}

/* What is refused of it counts with the rest: a shadow that is not whole shows a difference that is none. */
static int load_shadow(struct run *run, const struct rule_paths *p, struct setup_told *told,
					   struct ruleset_counts *counts, struct error *error)
{
	const struct config *c = run->has_reread ? &run->reread : &run->config;
	struct ruleset_counts own = {0};
	if (!c->shadow)
		return 0;
	int result = setup_rules_piped(c->shadow, c->shadow_count, p->pipelines, p->pipeline_count, p->with_yara, told,
								   &run->shadow, &own, error);
	counts->refused += own.refused;
	return result;
}

static int load(struct run *run, bool quiet, struct ruleset_counts *counts)
{
	struct setup_told told = {.quiet = quiet};
	struct error error = {0};
	struct rule_paths p;
	char cache[PATH_MAX];
	run_find_rules(run, &p);
	if (snprintf(cache, sizeof cache, "%s/cache", run->data) < (int)sizeof cache)
		setup_cache(cache);
	int result = setup_rules_piped(p.paths, p.count, p.pipelines, p.pipeline_count, p.with_yara, &told, &run->ruleset,
								   counts, &error);
	if (!result)
		result = load_shadow(run, &p, &told, counts, &error);
	if (result)
		return setup_fail(run->args, &error);
	int len =
		snprintf(run->ruleset_text, sizeof run->ruleset_text, "%u rules, %u refused", counts->loaded, counts->refused);
	if (run->shadow)
		snprintf(run->ruleset_text + len, sizeof run->ruleset_text - (size_t)len, "; %u in the shadow",
				 ruleset_count(run->shadow));
	return EXIT_OK;
}

/* ---- loaded, and loaded again ---- */

#define EXIT_ENDED 128 /* no exit code of ours */

/* Loads in a process of its own, with an end to time and memory: hostile or broken rules harm nobody. An exit code. */
static int probe(struct run *run)
{
	int status;
	pid_t pid = fork();
	if (pid < 0)
		return EXIT_STORAGE;
	if (pid == 0) {
		struct rlimit cpu = {PROBE_CPU_S, PROBE_CPU_S}, memory = {PROBE_BYTES, PROBE_BYTES};
		struct ruleset_counts counts = {0};
		(void)setrlimit(RLIMIT_CPU, &cpu);
		if (!SANITIZED)
			(void)setrlimit(RLIMIT_AS, &memory);
		int code = load(run, false, &counts);
		_exit(code ? code : counts.refused ? EXIT_RULES : EXIT_OK);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_STORAGE;
		else if (setup_stop)
			kill(pid, SIGKILL);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	if (!setup_stop)
		fprintf(stderr,
				"cresset: loading the rules took more than %d s or too much memory, and was ended by signal %d\n",
				PROBE_CPU_S, WTERMSIG(status));
	return EXIT_ENDED;
}

/* Somebody may have written the rules to hurt. What the process before us compiled is in the cache, so this one is quick. */
int run_load_rules(struct run *run, const struct args *args, bool quiet)
{
	struct ruleset_counts counts = {0};
	int code = quiet ? EXIT_OK : probe(run);
	if (code == EXIT_ENDED)
		return EXIT_RULES;
	if (code == EXIT_OK || code == EXIT_RULES)
		code = load(run, true, &counts);
	if (!code && counts.refused && option_given(args, OPTION_STRICT)) {
		fprintf(stderr, "cresset: %u rules refused, and --strict was given\n", counts.refused);
		return EXIT_RULES;
	}
	return code;
}

/* Only the rules are taken from it: sockets, partitions and the like stay as they were. */
static int reread_config(struct run *run, struct config *out)
{
	struct error error = {0};
	struct setup_told told = {0};
	int result = config_defaults(out, run->env, &error);
	if (!result && option_given(run->args, OPTION_CONFIG))
		result = config_read(out, run->args->value[OPTION_CONFIG], setup_tell, &told, &error);
	if (result && !told.errors)
		setup_fail(run->args, &error);
	return result;
}

/* Puts back what was there. */
static int keep_old(struct run *run, const struct run *old, const char *why)
{
	if (run->ruleset && run->ruleset != old->ruleset)
		ruleset_release(run->ruleset);
	if (run->shadow && run->shadow != old->shadow)
		ruleset_release(run->shadow);
	if (run->has_reread)
		config_free(&run->reread);
	run->ruleset = old->ruleset;
	run->shadow = old->shadow;
	memcpy(run->ruleset_text, old->ruleset_text, sizeof run->ruleset_text);
	run->reread = old->reread;
	run->has_reread = old->has_reread;
	fprintf(stderr, "cresset: %s; %s stay in force\n", why, old->ruleset_text);
	return 0;
}

static bool same_digest(const struct ruleset *a, const struct ruleset *b)
{
	uint8_t x[32], y[32];
	if (!a || !b)
		return a == b;
	ruleset_digest(a, x);
	ruleset_digest(b, y);
	return memcmp(x, y, 32) == 0;
}

int run_reload_rules(struct run *run, const struct args *args)
{
	static struct run old;
	struct error error = {0};
	old = *run;
	run->has_reread = reread_config(run, &run->reread) == 0;
	if (!run->has_reread) {
		config_free(&run->reread);
		return keep_old(run, &old, "the configuration is not good");
	}
	if (probe(run) != EXIT_OK)
		return keep_old(run, &old, "a reload takes all rules or none, and not all of these are good");
	run->ruleset = run->shadow = NULL;
	if (run_load_rules(run, args, true))
		return keep_old(run, &old, "the new rules cannot be loaded");
	if (same_digest(run->ruleset, old.ruleset) && same_digest(run->shadow, old.shadow))
		return keep_old(run, &old, "the rules are the same as before");
	if (run_keep_rules(run, &error)) {
		setup_fail(args, &error);
		return keep_old(run, &old, "the new rules cannot be kept");
	}
	ruleset_release(old.ruleset);
	if (old.shadow)
		ruleset_release(old.shadow);
	if (old.has_reread)
		config_free(&old.reread);
	return 1;
}
