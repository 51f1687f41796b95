/* An arena: memory that dies together.
 *
 * Chunks come from the environment; arena_reset keeps the first chunk, so a batch loop stops allocating once warm.
 * Pointers are valid until reset or free. One owner, one thread.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include "common/env.h"
#include "common/slice.h"

struct arena_chunk;

struct arena {
	const struct env *env;
	struct arena_chunk *first, *current;
	size_t chunk_bytes;
	size_t used_bytes; /* handed out since the last reset */
};

/* Allocates nothing yet. chunk_bytes 0 = 64 KiB. */
void arena_init(struct arena *arena, const struct env *env, size_t chunk_bytes);
/* 8-aligned, not cleared; null when memory is out. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
/* A copy; ptr null when memory is out. */
struct slice arena_copy(struct arena *arena, struct slice s);
/* A NUL-terminated copy, for the kernel and libraries; null when memory is out or the text holds a NUL. */
char *arena_string(struct arena *arena, struct slice s);
void arena_reset(struct arena *arena);

/* A place to go back to: arena_rewind makes invalid what was handed out after arena_mark, and keeps what came before.
 * Void after arena_reset. */
struct arena_mark {
	struct arena_chunk *chunk;
	size_t chunk_used, used_bytes;
};

struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

void arena_free(struct arena *arena);

#endif
