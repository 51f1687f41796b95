/* JSON: a pull tokenizer for the ingest path and a writer for everything we print. No tree, no allocation.
 *
 * The reader takes what devices send: RFC 8259, plus duplicate keys (kept), lone surrogates (U+FFFD), any octets >= 0x80
 * inside strings. Depth and size are bounded (limits.h). One thread each.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/buffer.h"
#include "common/error.h"

enum json_type {
	JSON_END, /* the whole text was read */
	JSON_ERROR, /* see reader.error_at */
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_KEY, /* text: raw octets between the quotes */
	JSON_STRING, /* the same */
	JSON_NUMBER, /* text: as written */
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

struct json_token {
	enum json_type type;
	struct slice text;
	bool escaped; /* KEY, STRING: holds a backslash; see json_unescape */
};

struct json_reader {
	const uint8_t *start, *ptr, *end;
	uint64_t stack_objects; /* bit per depth */
	uint32_t depth, depth_max;
	uint8_t state;
	size_t error_at;
};

/* trailing white space is allowed, anything else after the first value is an error. */
void json_reader_init(struct json_reader *r, struct slice text);
enum json_type json_next(struct json_reader *r, struct json_token *token);
/* The next member of an object, in one step, when it is a plain one: a key without escapes and no object or array. False:
 * json_next goes on from where it was; every error is left to it. */
bool json_next_member(struct json_reader *r, struct slice *key, struct json_token *value);
/* After JSON_KEY's value token OBJECT or ARRAY: jumps behind its end. */
bool json_skip(struct json_reader *r);
/* Octets written; at most s.len. `out` has room for s.len and is not the text itself. */
size_t json_unescape(struct slice s, uint8_t *out);

/* The writer appends to a buffer and puts the commas. */
struct json_writer {
	struct buffer *out;
	uint64_t need_comma; /* bit per depth */
	uint32_t depth;
};

void json_writer_init(struct json_writer *w, struct buffer *out);
void json_object(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_slice(struct json_writer *w, struct slice key);
/* Invalid UTF-8 becomes U+FFFD; U+2028/9, C1 and bidi controls are escaped. */
void json_string(struct json_writer *w, struct slice s);
void json_str(struct json_writer *w, const char *s);
void json_u64(struct json_writer *w, uint64_t v);
void json_member_u64(struct json_writer *w, const char *key, uint64_t v);
void json_i64(struct json_writer *w, int64_t v);
void json_f64(struct json_writer *w, double v);
void json_bool(struct json_writer *w, bool v);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct slice json); /* trusted JSON text, as it is */
void json_time(struct json_writer *w, int64_t ns); /* RFC 3339 UTC */
void json_hex(struct json_writer *w, const uint8_t *octets, size_t n);
void json_base64(struct json_writer *w, struct slice s);

#endif
