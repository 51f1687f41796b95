#include "common/arena.h"

#include "common/check.h"

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used; /* of octets[] */
	_Alignas(16) uint8_t octets[];
};

void arena_init(struct arena *arena, const struct env *env, size_t chunk_bytes)
{
	*arena = (struct arena){.env = env, .chunk_bytes = chunk_bytes == 0 ? 65536 : chunk_bytes};
}

static struct arena_chunk *chunk_new(struct arena *arena, size_t least)
{
	size_t size = least > arena->chunk_bytes ? least : arena->chunk_bytes;
	struct arena_chunk *chunk = env_alloc(arena->env, sizeof *chunk + size);
	if (chunk == NULL)
		return NULL;
	chunk->next = NULL;
	chunk->size = size;
	chunk->used = 0;
	if (arena->current == NULL)
		arena->first = chunk;
	else
		arena->current->next = chunk;
	arena->current = chunk;
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > PTRDIFF_MAX - 64)
		return NULL;
	size = size == 0 ? 8 : (size + 7) & ~(size_t)7;
	struct arena_chunk *chunk = arena->current;
	if (chunk == NULL || chunk->size - chunk->used < size) {
		chunk = chunk_new(arena, size);
		if (chunk == NULL)
			return NULL;
	}
	void *room = chunk->octets + chunk->used;
	chunk->used += size;
	arena->used_bytes += size;
	return room;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	void *room = arena_alloc(arena, size);
	if (room != NULL)
		memset(room, 0, size);
	return room;
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
	uint8_t *room = arena_alloc(arena, s.len);
	if (room == NULL)
		return SLICE_NONE;
	if (s.len > 0)
		memcpy(room, s.ptr, s.len);
	return slice_of(room, s.len);
}

char *arena_string(struct arena *arena, struct slice s)
{
	if (slice_find_octet(s, 0, 0) != SIZE_MAX)
		return NULL;
	char *room = arena_alloc(arena, s.len + 1);
	if (room == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(room, s.ptr, s.len);
	room[s.len] = 0;
	return room;
}

/* Frees the chunks after `chunk`. */
static void free_after(struct arena *arena, struct arena_chunk *chunk)
{
	struct arena_chunk *next = chunk->next;
	while (next != NULL) {
		struct arena_chunk *gone = next;
		next = gone->next;
		env_free(arena->env, gone);
	}
	chunk->next = NULL;
}

void arena_reset(struct arena *arena)
{
	arena->used_bytes = 0;
	arena->current = arena->first;
	if (arena->first == NULL)
		return;
	free_after(arena, arena->first);
	arena->first->used = 0;
}

struct arena_mark arena_mark(const struct arena *arena)
{
	size_t used = arena->current == NULL ? 0 : arena->current->used;
	return (struct arena_mark){arena->current, used, arena->used_bytes};
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
	if (mark.chunk == NULL) {
		arena_reset(arena);
		return;
	}
	CHECK(mark.used_bytes <= arena->used_bytes && mark.chunk_used <= mark.chunk->used);
	free_after(arena, mark.chunk);
	mark.chunk->used = mark.chunk_used;
	arena->current = mark.chunk;
	arena->used_bytes = mark.used_bytes;
}

void arena_free(struct arena *arena)
{
	if (arena->first != NULL) {
		free_after(arena, arena->first);
		env_free(arena->env, arena->first);
	}
	arena->first = NULL;
	arena->current = NULL;
	arena->used_bytes = 0;
}
