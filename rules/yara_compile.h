/* YARA texts on their way to libyara: pieces, each in a namespace, compiled to one set. Only files of rules/yara_* include
 * it. libyara allocates by itself. */
#ifndef RULES_YARA_COMPILE_H
#define RULES_YARA_COMPILE_H

#include "rules/load.h"

#include <yara.h>

/* Texts in the order of compiling; each ends with a NUL. */
struct yara_pieces {
	struct buffer octets;
	struct buffer list; /* struct yara_piece */
	const char *cache; /* a folder (compiled_cache.h), or null */
};

struct yara_piece {
	const char *space; /* its namespace, lives longer than this */
	size_t at; /* in octets */
};

void yara_pieces_init(struct yara_pieces *p, const struct env *env, const char *cache);
void yara_pieces_reset(struct yara_pieces *p);
void yara_pieces_free(struct yara_pieces *p);
/* What is added belongs to the piece begun last. */
void yara_piece_begin(struct yara_pieces *p, const char *space);
void yara_piece_add(struct yara_pieces *p, struct slice text);

struct yara_told {
	YR_COMPILER_CALLBACK_FUNC tell; /* null: nobody wants to know */
	void *ctx;
	void (*entered)(void *ctx, uint32_t piece); /* null, or called before each piece */
};

/* 0; REFUSED: piece *bad does not compile; NO_MEMORY. out may be null: then it is only tried. */
int yara_compile(struct yara_pieces *p, const struct yara_told *told, YR_RULES **out, uint32_t *bad);

/* The same without a word, from the cache where it is there. *told: how much there would have been to say. */
int yara_compile_kept(struct yara_pieces *p, YR_RULES **out, uint32_t *bad, uint32_t *told);

#endif
