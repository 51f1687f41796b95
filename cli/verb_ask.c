/* Verbs that ask the owner of a data directory: search, tail, fields, sources, incidents ..., status, import. */
#include "cli/ask.h"
#include "cli/json_tree.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct asking {
	struct output output;
	bool flush; /* tail: each line at once */
	bool progress; /* import: progress lines go to standard error */
};

static int show_progress(struct asking *a, struct slice line)
{
	struct arena arena;
	arena_init(&arena, setup_env(), 0);
	const struct json_node *p = json_member(json_tree(&arena, line), "progress");
	int64_t at = json_member_i64(p, "octets", 0), of = json_member_i64(p, "of", 0);
	if (a->progress && isatty(2))
		fprintf(stderr, "\r  %3lld %%  %lld records", (long long)(of ? at * 100 / of : 100),
				(long long)json_member_i64(p, "records", 0));
	arena_free(&arena);
	return 0;
}

static int take_line(void *ctx, struct slice line)
{
	struct asking *a = ctx;
	if (slice_starts(line, SLICE("{\"progress\":")))
		return show_progress(a, line);
	output_lines(&a->output, line);
	if (a->flush)
		fflush(stdout);
	return a->output.failed;
}

static void begin(struct buffer *b, struct json_writer *w, const char *verb)
{
	buffer_init(b, setup_env());
	json_writer_init(w, b);
	json_object(w);
	json_key(w, "verb");
	json_str(w, verb);
}

static void put_option(struct json_writer *w, const struct args *args, enum option_id id, const char *key)
{
	if (option_given(args, id)) {
		json_key(w, key);
		json_str(w, args->value[id]);
	}
}

/* False with a usage error told. */
static bool put_now(struct json_writer *w, const struct args *args)
{
	int64_t now;
	if (!setup_time(args, OPTION_NOW, 0, &now))
		return false;
	if (option_given(args, OPTION_NOW)) {
		json_key(w, "now_ns");
		json_i64(w, now);
	}
	return true;
}

/* An answer that is not whole says so, however quiet: what follows from it may be wrong. */
static void warn_cut(const struct args *args, const struct json_node *summary)
{
	const char *why = json_member_str(summary, "truncated", "");
	if (*why)
		fprintf(stderr, "cresset %s: the answer is not whole (%s): ask for less, by time or with more words\n",
				args->verb->name, why);
}

/* Sends what was written, prints the rows, then the summary on standard error. */
static int finish(const struct args *args, struct buffer *b, struct json_writer *w, bool summary, bool flush)
{
	struct asking a = {.flush = flush};
	json_object_end(w);
	struct ask ask = {.data = ask_data(args), .request = buffer_slice(b), .fd = -1, .line = take_line, .ctx = &a};
	setup_signals();
	output_open(&a.output, args);
	int code = ask_owner(args, &ask);
	int written = output_close(&a.output);
	code = written > code ? written : code;
	struct arena arena;
	arena_init(&arena, setup_env(), 0);
	const struct json_node *end = json_member(json_tree(&arena, buffer_slice(&ask.end)), "end"),
						   *s = json_member(end, "summary");
	if (summary && s && s->type == JSON_OBJECT && !option_given(args, OPTION_QUIET))
		fprintf(stderr, "%.*s\n", SLICE_PRINT(s->text));
	if (s && s->type == JSON_OBJECT)
		warn_cut(args, s);
	arena_free(&arena);
	buffer_free(&ask.end);
	buffer_free(b);
	return code;
}

/* Words of the command line are one query. */
static bool put_query(struct json_writer *w, const struct args *args)
{
	struct buffer text;
	buffer_init(&text, setup_env());
	for (unsigned i = 0; i < args->word_count; i++) {
		if (i)
			buffer_add_octet(&text, ' ');
		buffer_add_str(&text, args->words[i]);
	}
	json_key(w, "query");
	json_string(w, buffer_slice(&text));
	buffer_free(&text);
	put_option(w, args, OPTION_FROM, "from");
	put_option(w, args, OPTION_TO, "to");
	if (option_given(args, OPTION_LIMIT)) {
		json_key(w, "limit");
		json_u64(w, strtoull(args->value[OPTION_LIMIT], NULL, 10)); /* a number: the command line was read so */
	}
	return put_now(w, args);
}

static int ask_query(const struct args *args, const char *verb, bool summary, bool flush)
{
	struct buffer b;
	struct json_writer w;
	begin(&b, &w, verb);
	if (!put_query(&w, args)) {
		buffer_free(&b);
		return EXIT_USAGE;
	}
	return finish(args, &b, &w, summary, flush);
}

int verb_search(const struct args *args)
{
	return ask_query(args, "search", true, false);
}

int verb_tail(const struct args *args)
{
	return ask_query(args, "tail", false, true);
}

int verb_fields(const struct args *args)
{
	return ask_query(args, "fields", false, false);
}

int verb_sources(const struct args *args)
{
	return ask_query(args, "sources", false, false);
}

int verb_status(const struct args *args)
{
	return ask_query(args, "status", false, false);
}

int verb_rules_shadow(const struct args *args)
{
	return ask_query(args, "rules shadow", false, false);
}

int verb_rules_cost(const struct args *args)
{
	return ask_query(args, "rules cost", true, false);
}

int verb_incidents_list(const struct args *args)
{
	struct buffer b;
	struct json_writer w;
	begin(&b, &w, "incidents list");
	json_key(&w, "open");
	json_bool(&w, option_given(args, OPTION_OPEN));
	return finish(args, &b, &w, false, false);
}

static int ask_incident(const struct args *args, const char *verb, const char *status, const char *note)
{
	struct buffer b;
	struct json_writer w;
	begin(&b, &w, verb);
	json_key(&w, "id");
	json_str(&w, args->words[0]);
	if (status) {
		json_key(&w, "status");
		json_str(&w, status);
	}
	if (note) {
		json_key(&w, "note");
		json_str(&w, note);
	}
	put_option(&w, args, OPTION_WHO, "who");
	if (option_given(args, OPTION_VERSION_OF)) {
		json_key(&w, "version");
		json_u64(&w, strtoull(args->value[OPTION_VERSION_OF], NULL, 10));
	}
	return finish(args, &b, &w, false, false);
}

int verb_incidents_show(const struct args *args)
{
	return ask_incident(args, "incidents show", NULL, NULL);
}

int verb_incidents_set(const struct args *args)
{
	return ask_incident(args, "incidents set", args->words[1], args->value[OPTION_NOTE]);
}

int verb_incidents_note(const struct args *args)
{
	return ask_incident(args, "incidents set", NULL, args->words[1]);
}

/* ---- import ---- */

/* What cannot be read twice (standard input, a pipe) is spooled into an unnamed file first. A descriptor, or negative errno. */
static int spool(int from)
{
	char buf[65536];
	FILE *file = tmpfile();
	ssize_t n = 0;
	int fd = -1;
	if (!file)
		return -errno;
	while (!setup_stop && (n = read(from, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fwrite(buf, 1, (size_t)n, file) != (size_t)n)
			break;
	}
	int result = n || fflush(file) ? -errno : (fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3)) < 0 ? -errno : 0;
	fclose(file);
	return result ? result : fd;
}

/* A descriptor of a regular file, or negative errno; *mtime_ns is now for what has no time of its own. */
static int open_import(const char *name, int64_t *mtime_ns)
{
	struct stat st;
	bool input = strcmp(name, "-") == 0;
	int fd = input ? 0 : open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	*mtime_ns = S_ISREG(st.st_mode) ? st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec : env_now(setup_env());
	if (S_ISREG(st.st_mode) && !input)
		return fd;
	int spooled = S_ISDIR(st.st_mode) ? -EISDIR : spool(fd);
	if (!input)
		close(fd);
	return spooled;
}

static void import_summary(const struct args *args, struct output *output, const char *name, struct slice end_text)
{
	struct arena arena;
	arena_init(&arena, setup_env(), 0);
	const struct json_node *s = json_member(json_member(json_tree(&arena, end_text), "end"), "summary");
	int64_t records = json_member_i64(s, "records", 0), stored = json_member_i64(s, "stored", 0);
	if (s && s->type == JSON_OBJECT) {
		output_lines(output, s->text);
		if (!option_given(args, OPTION_QUIET))
			fprintf(stderr, "%s%s: %lld records, %lld stored%s\n", isatty(2) ? "\r" : "", name, (long long)records,
					(long long)stored,
					stored == records ? ""
					: stored          ? "; the others were there already"
									  : "; all of them were there already");
	}
	arena_free(&arena);
}

static bool import_request(const struct args *args, const char *name, int64_t mtime_ns, struct buffer *b)
{
	struct json_writer w;
	int64_t year_from;
	begin(b, &w, "import");
	json_key(&w, "name");
	json_str(&w, name);
	put_option(&w, args, OPTION_FRAMING, "framing");
	put_option(&w, args, OPTION_FORMAT, "format");
	put_option(&w, args, OPTION_CHARSET, "charset");
	put_option(&w, args, OPTION_TZ, "tz");
	if (!put_now(&w, args) || !setup_time(args, OPTION_YEAR_FROM, mtime_ns, &year_from))
		return false;
	json_key(&w, "year_from_ns");
	json_i64(&w, year_from);
	json_key(&w, "again");
	json_bool(&w, option_given(args, OPTION_AGAIN));
	json_object_end(&w);
	return true;
}

static int import_one(const struct args *args, struct asking *a, const char *name)
{
	struct buffer b;
	int64_t mtime_ns = 0;
	int code = EXIT_USAGE, fd = open_import(name, &mtime_ns);
	if (fd < 0) {
		fprintf(stderr, "cresset import: cannot read %s: %s\n", name, strerror(-fd));
		return EXIT_USAGE;
	}
	if (import_request(args, name, mtime_ns, &b) && !setup_stop) {
		struct ask ask = {.data = ask_data(args), .request = buffer_slice(&b), .fd = fd, .line = take_line, .ctx = a};
		code = ask_owner(args, &ask);
		if (code == EXIT_OK)
			import_summary(args, &a->output, name, buffer_slice(&ask.end));
		buffer_free(&ask.end);
	} else if (setup_stop) {
		code = EXIT_OK;
	}
	close(fd);
	buffer_free(&b);
	return code;
}

int verb_import(const struct args *args)
{
	struct asking a = {.progress = !option_given(args, OPTION_QUIET)};
	int code = EXIT_OK;
	setup_signals();
	output_open(&a.output, args);
	for (unsigned i = 0; i < args->word_count && !setup_stop && !a.output.failed; i++) {
		int one = import_one(args, &a, args->words[i]);
		code = one > code ? one : code;
	}
	int written = output_close(&a.output);
	return written > code ? written : code;
}

int verb_incidents_silence(const struct args *args)
{
	struct buffer b;
	struct json_writer w;
	int64_t until;
	if (args->word_count && (!option_given(args, OPTION_UNTIL) || !option_given(args, OPTION_REASON))) {
		fprintf(stderr, "cresset incidents silence: a silence needs --until TIME and --reason TEXT\n");
		return EXIT_USAGE;
	}
	if (!setup_time(args, OPTION_UNTIL, 0, &until))
		return EXIT_USAGE;
	begin(&b, &w, "incidents silence");
	if (args->word_count) {
		json_key(&w, "terms");
		json_array(&w);
		for (unsigned i = 0; i < args->word_count; i++)
			json_str(&w, args->words[i]);
		json_array_end(&w);
		put_option(&w, args, OPTION_UNTIL, "until");
		put_option(&w, args, OPTION_REASON, "reason");
		put_option(&w, args, OPTION_ID, "id");
		put_option(&w, args, OPTION_WHO, "who");
	}
	return finish(args, &b, &w, false, false);
}
