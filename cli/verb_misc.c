/* segment show, fsck, config check and show, rules check and test. */
#include "cli/config.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/verbs.h"
#include "store/store.h"

#include <unistd.h>

int verb_segment_show(const struct args *args)
{
	struct buffer text;
	int code = EXIT_OK;
	for (unsigned i = 0; i < args->word_count; i++) {
		struct error error = {0};
		struct env_stat st;
		const struct env *env = setup_env();
		int one = EXIT_OK, there = env->files.stat(env->files.ctx, args->words[i], &st);
		buffer_init(&text, env);
		if (there || st.is_dir) {
			fprintf(stderr, "cresset segment show: cannot read %s: %s\n", args->words[i],
					there ? strerror(-there) : "it is a folder");
			one = EXIT_USAGE;
		} else if (segment_show(env, args->words[i], option_given(args, OPTION_ROWS), &text, &error)) {
			one = setup_fail(args, &error) == EXIT_STORAGE ? EXIT_STORAGE : EXIT_FINDINGS;
		}
		if (text.len)
			fwrite(text.ptr, 1, text.len, stdout);
		buffer_free(&text);
		code = one > code ? one : code;
	}
	return code;
}

static void fsck_progress(void *ctx, uint64_t done, uint64_t total)
{
	(void)ctx;
	if (isatty(2))
		fprintf(stderr, "\r  %llu of %llu segments", (unsigned long long)done, (unsigned long long)total);
}

int verb_fsck(const struct args *args)
{
	struct buffer ndjson;
	struct output output;
	struct error error = {0};
	char dir[4200];
	const char *data = option_given(args, OPTION_DATA) ? args->value[OPTION_DATA] : "./cresset-data";
	snprintf(dir, sizeof dir, "%s/store", args->word_count ? args->words[0] : data);
	buffer_init(&ndjson, setup_env());
	bool quiet = option_given(args, OPTION_QUIET);
	int found = store_fsck(setup_env(), dir, quiet ? NULL : fsck_progress, NULL, &ndjson, &error);
	if (isatty(2) && !quiet)
		fputc('\n', stderr);
	output_open(&output, args);
	output_lines(&output, buffer_slice(&ndjson));
	int written = output_close(&output);
	buffer_free(&ndjson);
	if (found < 0)
		return setup_fail(args, &error);
	if (written)
		return written;
	if (!quiet)
		fprintf(stderr, found ? "cresset fsck: %d findings\n" : "cresset fsck: nothing wrong\n", found);
	return found ? EXIT_FINDINGS : EXIT_OK;
}

static int with_config(const struct args *args, bool show)
{
	struct config config;
	struct error error = {0};
	struct setup_told told = {0};
	const char *file = args->word_count ? args->words[0] : args->value[OPTION_CONFIG];
	int result = config_defaults(&config, setup_env(), &error);
	if (!result && file)
		result = config_read(&config, file, setup_tell, &told, &error);
	if (result && !told.errors)
		setup_fail(args, &error);
	if (!result && show) {
		struct buffer out;
		buffer_init(&out, setup_env());
		config_print(&config, &out);
		fwrite(out.ptr, 1, out.len, stdout);
		buffer_free(&out);
	} else if (!result) {
		fprintf(stderr, "%s: good\n", file ? file : "the defaults");
	}
	config_free(&config);
	return result ? EXIT_USAGE : EXIT_OK;
}

int verb_config_check(const struct args *args)
{
	return with_config(args, false);
}

int verb_config_show(const struct args *args)
{
	return with_config(args, true);
}

static void print_summary(struct buffer *json, const struct ruleset *ruleset, const struct ruleset_counts *counts)
{
	struct ruleset_yara yara;
	ruleset_yara(ruleset, &yara);
	buffer_add_format(json, "{\"rules\":%u,\"loaded\":%u,\"refused\":%u,\"warnings\":%u", counts->rules, counts->loaded,
					  counts->refused, counts->warnings);
	if (yara.by_strings + yara.by_guards + yara.always)
		buffer_add_format(json, ",\"yara\":{\"by_strings\":%u,\"by_guards\":%u,\"always\":%u,\"shards\":%u}",
						  yara.by_strings, yara.by_guards, yara.always, yara.shards);
	buffer_add_str(json, "}\n");
}

int verb_rules_check(const struct args *args)
{
	struct buffer json;
	struct output output;
	struct error error = {0};
	struct ruleset *ruleset = NULL;
	struct ruleset_counts counts = {0};
	buffer_init(&json, setup_env());
	struct setup_told told = {.json = &json};
	setup_cache_of(args);
	int result = setup_rules_piped(args->words, args->word_count, args->pipelines, args->pipeline_count, true, &told,
								   &ruleset, &counts, &error);
	if (!result)
		print_summary(&json, ruleset, &counts);
	output_open(&output, args);
	output_lines(&output, buffer_slice(&json));
	int written = output_close(&output), code = counts.refused ? EXIT_RULES : EXIT_OK;
	buffer_free(&json);
	ruleset_release(ruleset);
	if (result)
		code = setup_fail(args, &error);
	return written > code ? written : code;
}
