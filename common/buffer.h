/* A buffer: octets that grow.
 *
 * A failed growth sets `failed`, drops what follows and stays failed until buffer_reset: a writer appends without
 * looking and checks once at the end. One owner, one thread.
 */
#ifndef COMMON_BUFFER_H
#define COMMON_BUFFER_H

#include "common/env.h"
#include "common/slice.h"

struct buffer {
	const struct env *env;
	uint8_t *ptr;
	size_t len, size;
	bool failed;
};

void buffer_init(struct buffer *buffer, const struct env *env);
/* Room for n more octets, not yet counted in len; null when memory is out. */
uint8_t *buffer_room(struct buffer *buffer, size_t n);
void buffer_add(struct buffer *buffer, const void *ptr, size_t len);
void buffer_add_slice(struct buffer *buffer, struct slice s);
void buffer_add_str(struct buffer *buffer, const char *text);
void buffer_add_octet(struct buffer *buffer, uint8_t octet);
void buffer_add_zeros(struct buffer *buffer, size_t n);
void buffer_add_u16(struct buffer *buffer, uint16_t v); /* little-endian, as all fixed widths here */
void buffer_add_u32(struct buffer *buffer, uint32_t v);
void buffer_add_u64(struct buffer *buffer, uint64_t v);
void buffer_add_varint(struct buffer *buffer, uint64_t v); /* LEB128, at most 10 octets */
void buffer_add_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_align8(struct buffer *buffer); /* zeros up to a multiple of 8 of len */
void buffer_reset(struct buffer *buffer); /* keeps the memory */
void buffer_free(struct buffer *buffer);

static inline struct slice buffer_slice(const struct buffer *buffer)
{
	return slice_of(buffer->ptr, buffer->len);
}

/* Reading what we were told, without ever passing the end: a failed read returns 0 and sets failed. */
struct reader {
	const uint8_t *ptr, *end;
	bool failed;
};

static inline struct reader reader_of(struct slice s)
{
	return (struct reader){s.ptr, s.ptr + s.len, false};
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->ptr);
}

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
uint64_t reader_varint(struct reader *r);
struct slice reader_slice(struct reader *r, size_t len);

#endif
