/* parse: what the front end makes of lines, one JSON object for each record. */
#include "cli/input.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/verbs.h"
#include "common/row_json.h"

struct parsing {
	struct output output;
	struct buffer lines;
	const char *file;
};

static void print_row(struct parsing *p, const struct batch *batch, uint32_t index)
{
	struct batch_row row;
	struct json_writer w;
	batch_get_row(batch, index, &row);
	json_writer_init(&w, &p->lines);
	json_object(&w);
	json_key(&w, "file");
	json_str(&w, p->file);
	json_key(&w, "line");
	json_u64(&w, batch->identity.first_sequence + index + 1);
	row_json(&w, batch, &row);
	json_object_end(&w);
	buffer_add_octet(&p->lines, '\n');
}

static int on_batch(void *ctx, struct slice octets)
{
	struct parsing *p = ctx;
	struct batch batch;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	buffer_reset(&p->lines);
	for (uint32_t i = 0; i < batch.row_count; i++)
		print_row(p, &batch, i);
	output_lines(&p->output, buffer_slice(&p->lines));
	return p->output.failed || p->lines.failed;
}

int verb_parse(const struct args *args)
{
	struct parsing p = {0};
	struct setup_told told = {0};
	struct error error = {0};
	struct decoders *decoders = NULL;
	int64_t now;
	uint64_t bytes = 0;
	int code = EXIT_OK;
	setup_signals();
	if (!setup_time(args, OPTION_NOW, 0, &now))
		return EXIT_USAGE;
	if (option_given(args, OPTION_NOW))
		setup_fix_now(now);
	if (setup_decoders(args, &told, &decoders, &error))
		return setup_fail(args, &error);
	buffer_init(&p.lines, setup_env());
	output_open(&p.output, args);
	struct input_job job = {.args = args, .decoders = decoders, .batch = on_batch, .ctx = &p};
	for (unsigned i = 0; i < args->word_count && !setup_stop && !p.output.failed; i++) {
		p.file = args->words[i];
		int one = input_file(&job, p.file, &bytes);
		code = one > code ? one : code;
	}
	int written = output_close(&p.output);
	code = written > code ? written : code;
	buffer_free(&p.lines);
	decoders_free(decoders);
	if (told.errors && option_given(args, OPTION_STRICT) && code < EXIT_RULES)
		code = EXIT_RULES;
	return code;
}
