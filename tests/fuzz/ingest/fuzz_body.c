/* Any text as a body: JSON, CEF, LEEF. What comes out must be a batch that opens. */
#include "ingest/body.h"

static struct env system_env;
static struct dictionary dictionary;
static struct body_scratch *scratch;
static struct batch_builder *builder;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum format format = FORMAT_PLAIN;
	struct slice octets;
	struct batch batch;
	struct error error;
	if (builder == NULL) {
		system_env = env_system();
		CHECK(dictionary_init(&dictionary, &system_env, 1) == 0);
		scratch = body_scratch_new(&system_env, &dictionary);
		builder = batch_builder_new(&system_env, &dictionary);
		CHECK(scratch != NULL && builder != NULL);
	}
	batch_begin(builder, &(struct batch_identity){0}, 0, 0);
	if (batch_row(builder, ROW_EVENT, 0, slice_of(data, size)) != 0)
		return 0;
	CHECK(body_parse(scratch, builder, batch_row_text(builder), &format) == 0);
	CHECK(format != FORMAT_PLAIN || batch_row_field_count(builder) == 0);
	if (batch_row_end(builder) == 0 && batch_finish(builder, &octets, &error) == 0)
		CHECK(batch_open(&batch, octets, &error) == 0);
	dictionary_reset(&dictionary);
	return 0;
}
