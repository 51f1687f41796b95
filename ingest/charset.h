/* Charsets: octets as received to normalised UTF-8.
 *
 * Octets of a row are never changed; what is not valid UTF-8 is converted by iconv into a scratch buffer, and octets that
 * the charset does not have become U+FFFD. With `auto` it is decided per source, not per line: nearly a fifth of the usual
 * Chinese characters in GB18030 are valid UTF-8 when alone, so a short line means what the source has meant before.
 * One owner, one thread.
 */
#ifndef INGEST_CHARSET_H
#define INGEST_CHARSET_H

#include "common/common.h"

struct charset_converter {
	const struct env *env;
	void *descriptors[4]; /* iconv_t by enum charset, opened when first needed */
	bool failed[4]; /* this system does not have it */
	uint8_t *scratch;
	size_t size;
};

/* What a source has sent so far. Zero at first. */
struct charset_evidence {
	uint8_t utf8, gb18030; /* lines that can only be meant so; both halve when one is full */
};

void charset_init(struct charset_converter *c, const struct env *env);
void charset_free(struct charset_converter *c);

/* The charset this text is in, and takes note of what it shows. cut: the end may be missing (the row was truncated). */
enum charset charset_decide(struct charset_evidence *evidence, struct slice text, bool cut);
/* True when the text holds only octets below 0x80. */
bool charset_is_ascii(struct slice text);
/* Normalised text, valid until the next call. *replaced: octets became U+FFFD. -ERROR_MEMORY. */
int charset_convert(struct charset_converter *c, enum charset charset, struct slice text, struct slice *out,
					bool *replaced);

#endif
