/* What stands encoded in a text: base64, UTF-16, URL escapes, gzip and zlib, inside each other. Only files of rules/yara_*
 * include it.
 *
 * Told octets: depth, number and size of what comes out are limited (limits.h); what would pass the size is not looked at,
 * and said so. Each text that comes out is told once, the outer ones first, and lives in the arena.
 */
#ifndef RULES_YARA_DECODE_H
#define RULES_YARA_DECODE_H

#include "common/common.h"

struct yara_decoding {
	struct arena *arena;
	void (*each)(void *ctx, struct slice text);
	void *ctx;
	size_t left; /* octets that may still come out of this event */
	bool cut; /* they were not enough */
	bool failed; /* no memory */
};

void yara_decode(struct yara_decoding *d, struct slice text);

#endif
