#include "cli/options.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct option *find_option(const struct verb *verb, const char *name, size_t len, char letter)
{
	for (unsigned i = 0; i < verb->option_count; i++) {
		const struct option *o = &options[verb->options[i]];
		if (letter ? o->letter == letter : strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

int usage_error(const struct args *args, const char *format, ...)
{
	va_list ap;
	fprintf(stderr, "cresset%s%s: ", args->verb ? " " : "", args->verb ? args->verb->name : "");
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\nTry: cresset %s%s--help\n", args->verb ? args->verb->name : "", args->verb ? " " : "");
	return EXIT_USAGE;
}

static bool choice_allowed(const char *choices, const char *value)
{
	size_t len = strlen(value);
	for (const char *p = choices; p && len; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (strncmp(p, value, len) == 0 && (p[len] == '|' || p[len] == '\0'))
			return true;
	return false;
}

/* One more of an option that may be given again. */
static int add_value(struct args *args, const struct option *o, const char *value, const char **list, unsigned *count)
{
	if (*count == ARGS_MAX)
		return usage_error(args, "--%s: at most %d paths", o->name, ARGS_MAX);
	list[(*count)++] = value;
	return 0;
}

static int set_option(struct args *args, const struct option *o, const char *value)
{
	uint64_t number;
	if (o->choices && !choice_allowed(o->choices, value))
		return usage_error(args, "--%s is one of %s, not '%s'", o->name, o->choices, value);
	if (o->argument && strcmp(o->argument, "N") == 0 &&
		(!slice_to_u64(slice_str(value), &number) || number > INT64_MAX))
		return usage_error(args, "--%s is a whole number, not '%s'", o->name, value);
	args->value[o->id] = value;
	if (o->id == OPTION_RULES)
		return add_value(args, o, value, args->rules, &args->rule_count);
	if (o->id == OPTION_PIPELINE)
		return add_value(args, o, value, args->pipelines, &args->pipeline_count);
	return 0;
}

static int add_word(struct args *args, const char *word)
{
	if (args->word_count == ARGS_MAX)
		return usage_error(args, "at most %d arguments", ARGS_MAX);
	args->words[args->word_count++] = word;
	return 0;
}

/* One "--name", "--name=value" or "-c value"; moves *i past what it took. */
static int take_option(struct args *args, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	bool is_long = word[1] == '-';
	const char *name = word + (is_long ? 2 : 1), *equals = is_long ? strchr(name, '=') : NULL;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option *o = find_option(args->verb, name, len, is_long ? 0 : word[1]);
	if (!o || (!is_long && word[2] && !o->argument))
		return usage_error(args, "unknown option '%s'", word);
	if (!o->argument)
		return equals ? usage_error(args, "--%s takes no value", o->name) : set_option(args, o, "");
	if (equals)
		return set_option(args, o, equals + 1);
	if (!is_long && word[2])
		return set_option(args, o, word + 2);
	if (*i + 1 >= argc)
		return usage_error(args, "--%s needs %s", o->name, o->argument);
	return set_option(args, o, argv[++*i]);
}

static int parse_words(struct args *args, int argc, char **argv, int first)
{
	bool only_words = false;
	for (int i = first; i < argc; i++) {
		const char *word = argv[i];
		int result;
		if (!only_words && strcmp(word, "--") == 0) {
			only_words = true;
			continue;
		}
		if (only_words || word[0] != '-' || word[1] == '\0')
			result = add_word(args, word);
		else
			result = take_option(args, argc, argv, &i);
		if (result)
			return result;
	}
	return 0;
}

/* "rules check" before "rules": two words first. */
static const struct verb *find_verb(int argc, char **argv, int *used)
{
	for (int words = argc > 2 ? 2 : 1; words > 0; words--) {
		char name[64];
		snprintf(name, sizeof name, words == 2 ? "%s %s" : "%s", argv[1], words == 2 ? argv[2] : "");
		for (unsigned i = 0; i < verb_count; i++)
			if (strcmp(verbs[i].name, name) == 0) {
				*used = 1 + words;
				return &verbs[i];
			}
	}
	return NULL;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "rules" alone is a mistake, "rules --help" a question. */
static int no_verb(const char *word, bool asked)
{
	struct args none = {0};
	bool group = false;
	size_t len = strlen(word);
	for (unsigned i = 0; i < verb_count; i++)
		if (strncmp(verbs[i].name, word, len) == 0 && verbs[i].name[len] == ' ') {
			if (!group)
				fprintf(asked ? stdout : stderr, "cresset: '%s' is a group of verbs:\n", word);
			group = true;
			fprintf(asked ? stdout : stderr, "  cresset %-22s %s\n", verbs[i].name, verbs[i].summary);
		}
	return group ? asked ? EXIT_OK : EXIT_USAGE : usage_error(&none, "unknown verb '%s'", word);
}

static bool top_level(int argc, char **argv, int *code)
{
	*code = EXIT_OK;
	if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		options_help(NULL, argc < 2 ? stderr : stdout);
		*code = argc < 2 ? EXIT_USAGE : EXIT_OK;
		return true;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		printf("cresset %s\n", CRESSET_VERSION);
		return true;
	}
	if (strcmp(argv[1], "--man") == 0) {
		options_man(stdout);
		return true;
	}
	if (strcmp(argv[1], "--completion") == 0) {
		*code = options_completion(argc > 2 ? argv[2] : "", stdout);
		return true;
	}
	return false;
}

/* Standard input comes once. */
static int check_words(const struct args *args)
{
	unsigned inputs = 0;
	for (unsigned i = 0; i < args->word_count && strstr(args->verb->words, "FILE..."); i++)
		inputs += strcmp(args->words[i], "-") == 0;
	return inputs > 1 ? usage_error(args, "standard input (-) can be read only once") : 0;
}

int options_main(int argc, char **argv)
{
	static struct args args;
	int used = 0, code;
	/* A reader of ours that goes away (head) is seen by the write that fails. */
	(void)signal(SIGPIPE, SIG_IGN);
	args = (struct args){0};
	if (top_level(argc, argv, &code))
		return code;
	const struct verb *verb = find_verb(argc, argv, &used);
	if (!verb)
		return no_verb(argv[1], argc > 2 && is_help(argv[2]));
	args.verb = verb;
	code = parse_words(&args, argc, argv, used);
	if (code)
		return code;
	if (option_given(&args, OPTION_HELP)) {
		options_help(verb, stdout);
		return EXIT_OK;
	}
	code = check_words(&args);
	if (code)
		return code;
	if (args.word_count < verb->words_min)
		return usage_error(&args, "needs %s", verb->words);
	if (args.word_count > verb->words_max)
		return usage_error(&args, "does not know what to do with '%s'", args.words[verb->words_max]);
	return verb->run(&args);
}
