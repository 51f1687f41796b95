/* Any message through the shipped decoders; and any text as a decoder file. The first octet chooses. */
#include "rules/decoders.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct env system_env;
static struct decoders *decoders;
static struct dictionary dictionary;
static struct decoder_scratch *scratch;
static struct batch_builder *builder;

static void set_up(void)
{
	static const char *const paths[] = {"rules/library/decoders"};
	struct error error;
	system_env = env_system();
	if (decoders_load(&system_env, paths, 1, NULL, NULL, &decoders, &error) != 0) {
		fprintf(stderr, "%s: run from the top of the tree\n", error.text);
		exit(1);
	}
	CHECK(dictionary_init(&dictionary, &system_env, 1) == 0);
	scratch = decoder_scratch_new(decoders, &system_env, &dictionary);
	builder = batch_builder_new(&system_env, &dictionary);
	CHECK(scratch != NULL && builder != NULL);
}

static void one_message(struct slice text, enum format format)
{
	struct decode_result result;
	struct slice octets;
	struct batch batch;
	struct error error;
	batch_begin(builder, &(struct batch_identity){0}, 0, 0);
	if (batch_row(builder, ROW_EVENT, 0, text) != 0)
		return;
	struct slice row = batch_row_text(builder);
	size_t space = slice_find_octet(row, ' ', 0);
	size_t program = space == SIZE_MAX || space > 40 ? 0 : space;
	struct decode_input in = {
		.program = slice_of(row.ptr, program), .message = slice_from(row, program), .format = format};
	CHECK(decoders_apply(decoders, scratch, builder, &in, &result) == 0);
	if (batch_row_end(builder) == 0 && batch_finish(builder, &octets, &error) == 0)
		CHECK(batch_open(&batch, octets, &error) == 0);
	dictionary_reset(&dictionary);
}

static void one_file(struct slice text)
{
	char path[] = "/tmp/fuzz-decoder-XXXXXX.yml";
	const char *const paths[] = {path};
	struct decoders *d;
	struct error error;
	uint32_t tests;
	int fd = mkstemps(path, 4);
	if (fd < 0)
		return;
	if (write(fd, text.ptr, text.len) == (ssize_t)text.len &&
		decoders_load(&system_env, paths, 1, NULL, NULL, &d, &error) == 0) {
		(void)decoders_test(d, &system_env, NULL, NULL, &tests);
		decoders_free(d);
	}
	close(fd);
	unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (builder == NULL)
		set_up();
	if (size == 0 || size > 65536)
		return 0;
	struct slice text = slice_of(data + 1, size - 1);
	if (data[0] == 'Y')
		one_file(text);
	else
		one_message(text, data[0] == 'J' ? FORMAT_JSON : FORMAT_RFC3164);
	return 0;
}
