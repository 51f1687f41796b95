#include "cli/setup.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

volatile int setup_stop;

static struct env the_env;
static int64_t fixed_now;

static int64_t fixed_clock(void *ctx)
{
	(void)ctx;
	return fixed_now;
}

const struct env *setup_env(void)
{
	static bool made;
	if (!made) {
		the_env = env_system();
		made = true;
	}
	return &the_env;
}

void setup_fix_now(int64_t now_ns)
{
	setup_env();
	fixed_now = now_ns;
	the_env.clock.now_ns = fixed_clock;
}

static bool is_folder(const char *path)
{
	struct env_stat st;
	const struct env *env = setup_env();
	return env->files.stat(env->files.ctx, path, &st) == 0 && st.is_dir;
}

const char *setup_library(void)
{
	static char found[PATH_MAX];
	static const char *const places[] = {"/../../rules/library", "/../share/cresset/library",
										 "/../../../rules/library"};
	const char *given = getenv("CRESSET_LIBRARY");
	char exe[PATH_MAX - 64];
	if (given && *given)
		return given;
	if (found[0])
		return found;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		snprintf(found, sizeof found, "%s%s", exe, places[i]);
		if (is_folder(found))
			return found;
	}
	snprintf(found, sizeof found, "/usr/share/cresset/library");
	return found;
}

const char *setup_library_path(const char *below, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", setup_library(), below);
	return buf;
}

static void tell_json(struct setup_told *told, const struct diagnostic *d)
{
	struct json_writer w;
	json_writer_init(&w, told->json);
	json_object(&w);
	json_key(&w, "level");
	json_str(&w, d->level == DIAGNOSTIC_ERROR ? "error" : "warning");
	json_key(&w, "id");
	json_str(&w, d->id ? d->id : "");
	json_key(&w, "file");
	json_str(&w, d->file ? d->file : "");
	json_key(&w, "line");
	json_u64(&w, d->line);
	json_key(&w, "column");
	json_u64(&w, d->column);
	json_key(&w, "rule");
	json_str(&w, d->rule ? d->rule : "");
	json_key(&w, "text");
	json_str(&w, d->text ? d->text : "");
	json_object_end(&w);
	buffer_add_octet(told->json, '\n');
}

/* File names and rule titles come from outside: nothing of them may steer the terminal. */
static void print_escaped(const char *text)
{
	struct buffer b;
	buffer_init(&b, setup_env());
	text_escape_screen(&b, slice_str(text));
	if (!b.failed)
		fwrite(b.ptr, 1, b.len, stderr);
	buffer_free(&b);
}

void setup_tell(void *ctx, const struct diagnostic *d)
{
	struct setup_told *told = ctx;
	if (d->level == DIAGNOSTIC_ERROR)
		told->errors++;
	else
		told->warnings++;
	if (told->json) {
		tell_json(told, d);
		return;
	}
	if (told->quiet)
		return;
	print_escaped(d->file ? d->file : "");
	fprintf(stderr, ":%u:%u: %s: ", d->line, d->column, d->level == DIAGNOSTIC_ERROR ? "error" : "warning");
	print_escaped(d->text ? d->text : "");
	if (d->rule && *d->rule) {
		fputs(" (rule '", stderr);
		print_escaped(d->rule);
		fputs("')", stderr);
	}
	fprintf(stderr, " [%s]\n", d->id ? d->id : "");
}

int setup_decoders(const struct args *args, struct setup_told *told, struct decoders **out, struct error *error)
{
	char path[PATH_MAX];
	const char *paths[1] = {args ? args->value[OPTION_DECODERS] : NULL};
	if (!paths[0])
		paths[0] = setup_library_path("decoders", path, sizeof path);
	return decoders_load(setup_env(), paths, 1, setup_tell, told, out, error);
}

/* ---- the cache of compiled rules ---- */

static char cache[PATH_MAX];

void setup_cache(const char *folder)
{
	if (folder && strlen(folder) < sizeof cache)
		snprintf(cache, sizeof cache, "%s", folder);
}

void setup_cache_of(const struct args *args)
{
	const char *given = args->value[OPTION_CACHE], *home = getenv("XDG_CACHE_HOME");
	char path[PATH_MAX];
	if (!given && home && home[0] == '/' && snprintf(path, sizeof path, "%s/cresset", home) < (int)sizeof path)
		given = path;
	setup_cache(given);
}

static bool exists(const char *path)
{
	struct env_stat st;
	const struct env *env = setup_env();
	return env->files.stat(env->files.ctx, path, &st) == 0;
}

/* A word that is no file names a shipped pipeline. */
const char *setup_pipeline(struct arena *arena, const char *given)
{
	char below[256], path[PATH_MAX];
	if (strchr(given, '/') || exists(given))
		return given;
	snprintf(below, sizeof below, "pipelines/%.200s.yml", given);
	setup_library_path(below, path, sizeof path);
	return exists(path) ? arena_string(arena, slice_str(path)) : given;
}

static int pipeline_paths(struct arena *arena, const char *const *pipelines, unsigned count, struct ruleset_options *o,
						  struct error *error)
{
	struct slice *paths = arena_alloc(arena, (count ? count : 1) * sizeof *paths);
	for (unsigned i = 0; paths && i < count; i++) {
		const char *path = setup_pipeline(arena, pipelines[i]);
		if (!path)
			return error_set(error, ERROR_MEMORY, "no memory for paths of pipelines");
		paths[i] = slice_str(path);
	}
	o->pipelines = paths;
	o->pipeline_count = count;
	return paths ? 0 : error_set(error, ERROR_MEMORY, "no memory for paths of pipelines");
}

int setup_rules_piped(const char *const *paths, unsigned count, const char *const *pipelines, unsigned pipeline_count,
					  bool yara, struct setup_told *told, struct ruleset **out, struct ruleset_counts *counts,
					  struct error *error)
{
	char path[PATH_MAX];
	struct slice mappings = slice_str(setup_library_path("mappings", path, sizeof path));
	struct ruleset_options o = {.yara = yara, .cache = cache[0] ? cache : NULL};
	struct arena arena;
	if (is_folder(path)) {
		o.mappings = &mappings;
		o.mapping_count = 1;
	}
	arena_init(&arena, setup_env(), 4096);
	int result = pipeline_paths(&arena, pipelines, pipeline_count, &o, error);
	if (!result)
		result = ruleset_load(setup_env(), paths, count, &o, setup_tell, told, out, counts, error);
	arena_free(&arena);
	return result;
}

int setup_rules(const char *const *paths, unsigned count, bool yara, struct setup_told *told, struct ruleset **out,
				struct ruleset_counts *counts, struct error *error)
{
	return setup_rules_piped(paths, count, NULL, 0, yara, told, out, counts, error);
}

int setup_rules_kept(const char *const *rules, size_t count, const char *mappings, const char *pipelines,
					 struct ruleset **out, struct error *error)
{
	struct slice m = slice_str(mappings), p = slice_str(pipelines);
	struct ruleset_options o = {.mappings = &m,
								.mapping_count = 1,
								.pipelines = &p,
								.pipeline_count = 1,
								.yara = true, /* only files that were wanted were kept */
								.cache = cache[0] ? cache : NULL};
	struct setup_told told = {.quiet = true};
	return ruleset_load(setup_env(), rules, count, &o, setup_tell, &told, out, NULL, error);
}

static int exit_of(const struct error *error)
{
	switch (error->code) {
	case ERROR_IO:
	case ERROR_FULL:
	case ERROR_DAMAGED:
		return EXIT_STORAGE;
	default:
		return EXIT_USAGE;
	}
}

int setup_fail(const struct args *args, const struct error *error)
{
	char text[1024];
	fprintf(stderr, "cresset%s%s: ", args ? " " : "", args ? args->verb->name : "");
	print_escaped(error_print(error, text, sizeof text));
	fputc('\n', stderr);
	return exit_of(error);
}

bool setup_color(const struct args *args, int fd)
{
	const char *how = args->value[OPTION_COLOR], *none = getenv("NO_COLOR");
	if (how && strcmp(how, "always") == 0)
		return true;
	if ((how && strcmp(how, "never") == 0) || (none && *none))
		return false;
	return isatty(fd);
}

bool setup_time(const struct args *args, enum option_id id, int64_t fallback, int64_t *ns)
{
	*ns = fallback;
	if (!option_given(args, id))
		return true;
	if (clock_parse_option(slice_str(args->value[id]), env_now(setup_env()), ns))
		return true;
	usage_error(args, "--%s: '%s' is no time (now, -1h, -2d, 2026-11-23, 2026-11-23T10:00:00Z)", options[id].name,
				args->value[id]);
	return false;
}

static void on_signal(int number)
{
	(void)number;
	setup_stop = 1;
}

void setup_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

volatile int setup_hup, setup_hand_over;
static volatile int had_terminal;

static void on_hup(int number)
{
	(void)number;
	if (had_terminal && !isatty(0))
		setup_stop = 1;
	else
		setup_hup = 1;
}

static void on_hand_over(int number)
{
	(void)number;
	setup_hand_over = 1;
}

void setup_reloads(void)
{
	struct sigaction hup = {.sa_handler = on_hup}, hand_over = {.sa_handler = on_hand_over};
	had_terminal = isatty(0);
	sigaction(SIGHUP, &hup, NULL);
	sigaction(SIGUSR1, &hand_over, NULL);
}
