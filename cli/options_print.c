/* What is made from the table of verbs: --help, the man page, completion. */
#include "cli/options.h"

#include <string.h>

static void option_left(const struct option *o, char *out, size_t size)
{
	char letter[8] = "";
	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	snprintf(out, size, "%s--%s%s%s", letter, o->name, o->argument ? " " : "",
			 o->argument ? (o->choices ? o->choices : o->argument) : "");
}

static void help_verb(const struct verb *verb, FILE *out)
{
	fprintf(out, "cresset %s: %s\n\nUsage: cresset %s [options] %s\n\n%s\n\nOptions:\n", verb->name, verb->summary,
			verb->name, verb->words, verb->description);
	for (unsigned i = 0; i < verb->option_count; i++) {
		const struct option *o = &options[verb->options[i]];
		char left[128];
		option_left(o, left, sizeof left);
		fprintf(out, "  %-34s %s\n", left, o->help);
	}
	if (verb->example[0])
		fprintf(out, "\nExamples:\n%s\n", verb->example);
}

void options_help(const struct verb *verb, FILE *out)
{
	if (verb) {
		help_verb(verb, out);
		return;
	}
	fprintf(out,
			"cresset %s: takes in logs, finds incidents with Sigma and YARA rules, keeps the evidence\n\n"
			"Usage: cresset VERB [options] ...\n\n",
			CRESSET_VERSION);
	for (unsigned i = 0; i < verb_count; i++)
		fprintf(out, "  %-18s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(
		out,
		"\nFirst steps: 'cresset demo' shows it at work; 'cresset run' starts it; 'cresset VERB --help' tells more.\n"
		"Also: --version, --man (the manual page), --completion bash|zsh\n"
		"Exit codes: 0 done, 1 something failed its check, 2 rules refused, 3 usage or configuration, 74 storage failure\n");
}

/* Text for a man page: backslashes and leading dots are escaped. */
static void man_text(const char *text, FILE *out)
{
	bool line_start = true;
	for (const char *p = text; *p; p++) {
		if (line_start && (*p == '.' || *p == '\''))
			fputs("\\&", out);
		line_start = *p == '\n';
		if (*p == '\\')
			fputs("\\e", out);
		else if (*p == '-')
			fputs("\\-", out);
		else if (*p == '\n' && p[1] == '\n') {
			fputs("\n.PP\n", out);
			p++;
		} else
			fputc(*p, out);
	}
	fputc('\n', out);
}

static void man_verb(const struct verb *verb, FILE *out)
{
	fprintf(out, ".SS \"%s\"\n.B cresset %s\n.RI [ options ] \" %s\"\n.PP\n", verb->name, verb->name, verb->words);
	man_text(verb->description, out);
	for (unsigned i = 0; i < verb->option_count; i++) {
		const struct option *o = &options[verb->options[i]];
		char left[128];
		if (o->id == OPTION_HELP)
			continue;
		option_left(o, left, sizeof left);
		fputs(".TP\n.B ", out);
		man_text(left, out);
		man_text(o->help, out);
	}
	if (verb->example[0]) {
		fputs(".PP\n.nf\n", out);
		man_text(verb->example, out);
		fputs(".fi\n", out);
	}
}

void options_man(FILE *out)
{
	fprintf(
		out,
		".TH CRESSET 1 \"\" \"cresset %s\" \"Cresset\"\n.SH NAME\ncresset \\- log collection, correlation and evidence\n"
		".SH SYNOPSIS\n.B cresset\n.I verb\n.RI [ options ]\n.SH DESCRIPTION\n",
		CRESSET_VERSION);
	man_text(
		"Cresset takes in syslog and device logs, finds incidents in them with Sigma, correlation and YARA rules, and keeps "
		"every event as it was received in compressed, immutable segments that can be searched.\n\n"
		"Data goes to standard output, diagnostics and progress to standard error. Results are NDJSON in a pipe and a table "
		"on a terminal unless --output says otherwise. A file name of - is standard input.",
		out);
	fputs(".SH VERBS\n", out);
	for (unsigned i = 0; i < verb_count; i++)
		man_verb(&verbs[i], out);
	fputs(
		".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nfailed tests, lint, fsck\n.TP\n2\nrules were refused (rules check, or any verb with "
		"\\-\\-strict)\n.TP\n3\nusage, configuration, unreadable input, address in use, data directory owned by another\n.TP\n74\n"
		"storage failure\n.SH ENVIRONMENT\n.TP\nNO_COLOR\nno colors, as \\-\\-color never\n.TP\nCRESSET_LIBRARY\nfolder of shipped "
		"rules and decoders\n.SH SEE ALSO\n.BR cresset.conf (5),\n.BR cresset\\-rules (7),\n.BR cresset\\-decoders (7)\n",
		out);
}

static void completion_bash(FILE *out)
{
	fputs(
		"_cresset() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb=\"${COMP_WORDS[1]}\" two=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\"\n"
		"\tif [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W \"",
		out);
	for (unsigned i = 0; i < verb_count; i++) {
		const char *space = strchr(verbs[i].name, ' ');
		fprintf(out, "%.*s ", (int)(space ? space - verbs[i].name : (long)strlen(verbs[i].name)), verbs[i].name);
	}
	fputs("\" -- \"$cur\")); return; fi\n\tcase \"$two\" in\n", out);
	for (unsigned i = 0; i < verb_count; i++) {
		fprintf(out, "\t\"%s%s\"*) COMPREPLY=($(compgen -W \"", verbs[i].name, strchr(verbs[i].name, ' ') ? "" : " ");
		for (unsigned k = 0; k < verbs[i].option_count; k++)
			fprintf(out, "--%s ", options[verbs[i].options[k]].name);
		fputs("\" -- \"$cur\") $(compgen -f -- \"$cur\")) ;;\n", out);
	}
	for (unsigned i = 0; i < verb_count; i++) {
		const char *space = strchr(verbs[i].name, ' ');
		if (space && (i == 0 || strncmp(verbs[i - 1].name, verbs[i].name, (size_t)(space - verbs[i].name) + 1) != 0)) {
			fprintf(out, "\t\"%.*s\"*) COMPREPLY=($(compgen -W \"", (int)(space - verbs[i].name), verbs[i].name);
			for (unsigned k = i; k < verb_count; k++)
				if (strncmp(verbs[k].name, verbs[i].name, (size_t)(space - verbs[i].name) + 1) == 0)
					fprintf(out, "%s ", verbs[k].name + (space - verbs[i].name) + 1);
			fputs("\" -- \"$cur\")) ;;\n", out);
		}
	}
	fputs("\tesac\n}\ncomplete -F _cresset cresset\n", out);
}

/* Inside '...' of the shell and [...] of _arguments. */
static void zsh_text(const char *text, FILE *out)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\'')
			fputs("'\\''", out);
		else if (strchr("[]:\\", *p))
			fprintf(out, "\\%c", *p);
		else
			fputc(*p, out);
	}
}

static size_t first_word(const char *name)
{
	return strcspn(name, " ");
}

/* The first words of verbs, or the second ones of a group: name:what it does. */
static void zsh_verbs(const char *group, FILE *out)
{
	size_t len = group ? strlen(group) : 0;
	for (unsigned i = 0; i < verb_count; i++) {
		const char *name = verbs[i].name;
		size_t first = first_word(name);
		if (group && (first != len || strncmp(name, group, len) != 0 || !name[first]))
			continue;
		if (!group && name[first] && i > 0 && strncmp(verbs[i - 1].name, name, first + 1) == 0)
			continue;
		fprintf(out, " '%.*s:", group ? (int)strlen(name + len + 1) : (int)first, group ? name + len + 1 : name);
		zsh_text(!group && name[first] ? "several verbs" : verbs[i].summary, out);
		fputc('\'', out);
	}
}

static void zsh_options(const struct verb *verb, FILE *out)
{
	for (unsigned k = 0; k < verb->option_count; k++) {
		const struct option *o = &options[verb->options[k]];
		fprintf(out, " '%s--%s[", o->many ? "*" : "", o->name);
		zsh_text(o->help, out);
		fputc(']', out);
		if (o->argument) {
			fputc(':', out);
			zsh_text(o->argument, out);
			fputc(':', out);
			if (o->choices) {
				fputc('(', out);
				for (const char *p = o->choices; *p; p++)
					fputc(*p == '|' ? ' ' : *p, out);
				fputc(')', out);
			} else if (strcmp(o->argument, "FILE") == 0 || strcmp(o->argument, "DIR") == 0 ||
					   strcmp(o->argument, "PATH") == 0) {
				fputs("_files", out);
			}
		}
		fputc('\'', out);
	}
}

static void completion_zsh(FILE *out)
{
	fputs("#compdef cresset\n_cresset() {\n\tlocal -a verbs\n\tif (( CURRENT == 2 )); then\n\t\tverbs=(", out);
	zsh_verbs(NULL, out);
	fputs(")\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n\tif (( CURRENT == 3 )); then\n\t\tcase $words[2] in\n", out);
	for (unsigned i = 0; i < verb_count; i++) {
		size_t first = first_word(verbs[i].name);
		char group[64];
		if (!verbs[i].name[first] || (i > 0 && strncmp(verbs[i - 1].name, verbs[i].name, first + 1) == 0))
			continue;
		snprintf(group, sizeof group, "%.*s", (int)first, verbs[i].name);
		fprintf(out, "\t\t%s) verbs=(", group);
		zsh_verbs(group, out);
		fputs("); _describe verb verbs; return ;;\n", out);
	}
	fputs("\t\tesac\n\tfi\n\tcase \"$words[2] $words[3]\" in\n", out);
	for (unsigned i = 0; i < verb_count; i++) {
		bool two = verbs[i].name[first_word(verbs[i].name)] != '\0';
		fprintf(out, "\t'%s'%s) _arguments", verbs[i].name, two ? "" : "' '*");
		zsh_options(&verbs[i], out);
		fputs(" '*:file:_files' ;;\n", out);
	}
	fputs("\tesac\n}\n_cresset \"$@\"\n", out);
}

int options_completion(const char *shell, FILE *out)
{
	if (strcmp(shell, "bash") == 0)
		completion_bash(out);
	else if (strcmp(shell, "zsh") == 0)
		completion_zsh(out);
	else {
		fprintf(stderr, "cresset: --completion is for bash or zsh\n");
		return EXIT_USAGE;
	}
	return EXIT_OK;
}
