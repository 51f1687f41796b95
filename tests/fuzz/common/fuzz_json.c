/* Any octets as JSON. What the reader accepts is written again, and must be read as the same tokens. */
#include "common/common.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_token(struct json_writer *w, const struct json_token *token, uint8_t *scratch)
{
	size_t len = 0;
	if (token->type == JSON_KEY || token->type == JSON_STRING) {
		len = json_unescape(token->text, scratch);
		CHECK(len <= token->text.len);
	}
	switch (token->type) {
	case JSON_OBJECT:
		json_object(w);
		break;
	case JSON_OBJECT_END:
		json_object_end(w);
		break;
	case JSON_ARRAY:
		json_array(w);
		break;
	case JSON_ARRAY_END:
		json_array_end(w);
		break;
	case JSON_KEY:
		json_key_slice(w, slice_of(scratch, len));
		break;
	case JSON_STRING:
		json_string(w, slice_of(scratch, len));
		break;
	default:
		json_raw(w, token->text);
		break;
	}
}

/* Reads to the end, writing along; the number of tokens, 0 when it is no JSON. */
static size_t copy_json(struct slice text, struct buffer *out, uint8_t *scratch)
{
	struct json_reader r;
	struct json_writer w;
	struct json_token token;
	size_t count = 0;
	json_reader_init(&r, text);
	json_writer_init(&w, out);
	while (json_next(&r, &token) != JSON_END) {
		if (token.type == JSON_ERROR) {
			CHECK(r.error_at <= text.len);
			return 0;
		}
		write_token(&w, &token, scratch);
		count++;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env env = env_system();
	struct buffer once, twice;
	uint8_t *scratch = malloc(6 * size + 1);
	buffer_init(&once, &env);
	buffer_init(&twice, &env);
	if (scratch != NULL) {
		size_t count = copy_json(slice_of(data, size), &once, scratch);
		if (count > 0) {
			CHECK(utf8_valid(buffer_slice(&once)));
			CHECK(copy_json(buffer_slice(&once), &twice, scratch) == count);
			CHECK(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
		}
	}
	buffer_free(&once);
	buffer_free(&twice);
	free(scratch);
	return 0;
}
