/* The command line as one table: verbs, their options, what each says. Parsing, --help, man pages and completion all come
 * from it, so none can drift. Strings are static. Main thread.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "common/common.h"

#include <stdio.h>

/* Exit codes: the highest that applies wins. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FINDINGS = 1, /* failed tests, lint, verification, fsck, compare */
	EXIT_RULES = 2, /* rules refused (rules check, --strict) */
	EXIT_USAGE = 3, /* usage, configuration, unreadable input, address in use, owned by another */
	EXIT_STORAGE = 74,
};

/* One name for each option there is; the table says which verbs take it. */
enum option_id {
	OPTION_HELP,
	OPTION_DATA,
	OPTION_CONFIG,
	OPTION_OUTPUT,
	OPTION_COLOR,
	OPTION_NOW,
	OPTION_QUIET,
	OPTION_SYSLOG,
	OPTION_RULES,
	OPTION_PIPELINE,
	OPTION_DECODERS,
	OPTION_FRAMING,
	OPTION_FORMAT,
	OPTION_CHARSET,
	OPTION_TZ,
	OPTION_YEAR_FROM,
	OPTION_FIRE,
	OPTION_LOGSOURCE_FIELD,
	OPTION_STRICT,
	OPTION_FROM,
	OPTION_TO,
	OPTION_LIMIT,
	OPTION_FOLLOW,
	OPTION_AGAIN,
	OPTION_ROWS,
	OPTION_OPEN,
	OPTION_VERSION_OF,
	OPTION_STATUS,
	OPTION_NOTE,
	OPTION_WHO,
	OPTION_BUS,
	OPTION_RATE,
	OPTION_SEED,
	OPTION_KEEP,
	OPTION_LATE,
	OPTION_ORACLE,
	OPTION_JUNIT,
	OPTION_UNTIL,
	OPTION_REASON,
	OPTION_ID,
	OPTION_DOMAIN,
	OPTION_CACHE,
	OPTION_COUNT
};

struct option {
	enum option_id id;
	const char *name; /* "data" for --data */
	char letter; /* 'c' for -c, 0: none */
	const char *argument; /* "DIR"; null: a switch */
	const char *choices; /* "lf|nul|octet": what is allowed; null: anything */
	bool many; /* may be given again (--rules A --rules B), each time with one value */
	const char *help;
};

#define ARGS_MAX 256

struct args {
	const struct verb *verb;
	const char *value[OPTION_COUNT]; /* last one given; "" for a switch; null: not given */
	const char *rules[ARGS_MAX]; /* --rules, all of them */
	unsigned rule_count;
	const char *pipelines[ARGS_MAX]; /* --pipeline, all of them */
	unsigned pipeline_count;
	const char *words[ARGS_MAX]; /* what is not an option */
	unsigned word_count;
};

struct verb {
	const char *name; /* "search", "rules check" */
	const char *words; /* "QUERY", "FILE..." or "" */
	const char *summary; /* one line */
	const char *description; /* paragraphs, for the man page and --help */
	const char *example; /* whole command lines, one each line */
	const enum option_id *options;
	unsigned option_count;
	unsigned words_min, words_max;
	int (*run)(const struct args *args);
};

extern const struct verb verbs[];
extern const unsigned verb_count;
extern const struct option options[OPTION_COUNT];

/* Runs what the command line says; returns the exit code. */
int options_main(int argc, char **argv);
void options_help(const struct verb *verb, FILE *out); /* null: the whole program */
void options_man(FILE *out); /* cresset(1), in man macros */
int options_completion(const char *shell, FILE *out); /* "bash" or "zsh" */
/* A usage error on standard error, with a pointer to --help; returns EXIT_USAGE. */
int usage_error(const struct args *args, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool option_given(const struct args *args, enum option_id id)
{
	return args->value[id] != NULL;
}

#endif
