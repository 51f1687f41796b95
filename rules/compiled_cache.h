/* A cache of what takes long to compile. Only files of rules/ include it.
 *
 * One file for each thing: FOLDER/PREFIX-KEY, where the key says all that its content follows from (and the beginning of it
 * stands in the name). Octets:
 *
 *    0   8  magic of its kind
 *    8  32  the key, a SHA-256
 *   40  32  SHA-256 of what follows
 *   72      content
 *
 * It is written beside its name and renamed, and never synced: whatever is not as above is as if it were not there. Only
 * this machine reads it, so that the format is no treaty; but who may write into the folder may make the rules miss what
 * they look for, and the libraries trust what they read: it belongs to us alone.
 */
#ifndef RULES_COMPILED_CACHE_H
#define RULES_COMPILED_CACHE_H

#include "common/buffer.h"
#include "common/digest.h"

struct compiled_cache {
	const struct env *env;
	const char *folder; /* null: nothing is kept */
	const char *prefix; /* "literals" */
	const char *magic; /* 8 octets */
	uint32_t files_max; /* when there are as many, all go before another comes */
};

/* False: nothing of that key is there. What is given is freed with env_free(*octets). */
bool compiled_read(const struct compiled_cache *c, const uint8_t key[32], uint8_t **octets, struct slice *content);
/* Begins a file in an empty buffer; the content is added to it. */
void compiled_begin(struct buffer *file);
/* Failing is nothing that anybody need know. */
void compiled_write(const struct compiled_cache *c, const uint8_t key[32], struct buffer *file);

#endif
