#include "common/buffer.h"

#include "common/format.h"

#include <stdarg.h>
#include <stdio.h>

void buffer_init(struct buffer *buffer, const struct env *env)
{
	*buffer = (struct buffer){.env = env};
}

uint8_t *buffer_room(struct buffer *buffer, size_t n)
{
	if (buffer->failed)
		return NULL;
	if (buffer->size - buffer->len >= n && buffer->ptr != NULL)
		return buffer->ptr + buffer->len;
	size_t wanted;
	if (__builtin_add_overflow(buffer->len, n, &wanted) || wanted > PTRDIFF_MAX / 2) {
		buffer->failed = true;
		return NULL;
	}
	size_t size = buffer->size < 256 ? 256 : buffer->size * 2;
	size = size < wanted ? wanted : size;
	uint8_t *ptr = env_resize(buffer->env, buffer->ptr, size);
	if (ptr == NULL) {
		buffer->failed = true;
		return NULL;
	}
	buffer->ptr = ptr;
	buffer->size = size;
	return ptr + buffer->len;
}

void buffer_add(struct buffer *buffer, const void *ptr, size_t len)
{
	uint8_t *room = len == 0 ? NULL : buffer_room(buffer, len);
	if (room == NULL)
		return;
	memcpy(room, ptr, len);
	buffer->len += len;
}

void buffer_add_slice(struct buffer *buffer, struct slice s)
{
	buffer_add(buffer, s.ptr, s.len);
}

void buffer_add_str(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, text, strlen(text));
}

void buffer_add_octet(struct buffer *buffer, uint8_t octet)
{
	uint8_t *room = buffer_room(buffer, 1);
	if (room == NULL)
		return;
	*room = octet;
	buffer->len++;
}

void buffer_add_zeros(struct buffer *buffer, size_t n)
{
	uint8_t *room = n == 0 ? NULL : buffer_room(buffer, n);
	if (room == NULL)
		return;
	memset(room, 0, n);
	buffer->len += n;
}

void buffer_add_u16(struct buffer *buffer, uint16_t v)
{
	uint8_t octets[2];
	put_u16(octets, v);
	buffer_add(buffer, octets, sizeof octets);
}

void buffer_add_u32(struct buffer *buffer, uint32_t v)
{
	uint8_t octets[4];
	put_u32(octets, v);
	buffer_add(buffer, octets, sizeof octets);
}

void buffer_add_u64(struct buffer *buffer, uint64_t v)
{
	uint8_t octets[8];
	put_u64(octets, v);
	buffer_add(buffer, octets, sizeof octets);
}

void buffer_add_varint(struct buffer *buffer, uint64_t v)
{
	uint8_t octets[10];
	size_t n = 0;
	while (v >= 0x80) {
		octets[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	octets[n++] = (uint8_t)v;
	buffer_add(buffer, octets, n);
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	/* vsnprintf wants room for the NUL too; it is not counted. */
	uint8_t *room = len < 0 ? NULL : buffer_room(buffer, (size_t)len + 1);
	if (room != NULL) {
		vsnprintf((char *)room, (size_t)len + 1, format, again);
		buffer->len += (size_t)len;
	}
	if (len < 0)
		buffer->failed = true;
	va_end(again);
}

void buffer_align8(struct buffer *buffer)
{
	buffer_add_zeros(buffer, (8 - (buffer->len & 7)) & 7);
}

void buffer_reset(struct buffer *buffer)
{
	buffer->len = 0;
	buffer->failed = false;
}

void buffer_free(struct buffer *buffer)
{
	if (buffer->ptr != NULL)
		env_free(buffer->env, buffer->ptr);
	buffer->ptr = NULL;
	buffer->len = 0;
	buffer->size = 0;
	buffer->failed = false;
}

/* The next n octets, or null with `failed` set. */
static const uint8_t *take(struct reader *r, size_t n)
{
	if (r->failed || reader_left(r) < n) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *at = r->ptr;
	r->ptr += n;
	return at;
}

uint8_t reader_u8(struct reader *r)
{
	const uint8_t *at = take(r, 1);
	return at == NULL ? 0 : *at;
}

uint16_t reader_u16(struct reader *r)
{
	const uint8_t *at = take(r, 2);
	return at == NULL ? 0 : get_u16(at);
}

uint32_t reader_u32(struct reader *r)
{
	const uint8_t *at = take(r, 4);
	return at == NULL ? 0 : get_u32(at);
}

uint64_t reader_u64(struct reader *r)
{
	const uint8_t *at = take(r, 8);
	return at == NULL ? 0 : get_u64(at);
}

uint64_t reader_varint(struct reader *r)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		const uint8_t *at = take(r, 1);
		if (at == NULL)
			return 0;
		/* The tenth octet has room for one bit. */
		if (shift == 63 && *at > 1)
			break;
		value |= (uint64_t)(*at & 0x7f) << shift;
		if (*at < 0x80)
			return value;
	}
	r->failed = true;
	return 0;
}

struct slice reader_slice(struct reader *r, size_t len)
{
	if (len == 0)
		return SLICE_NONE;
	const uint8_t *at = take(r, len);
	return at == NULL ? SLICE_NONE : slice_of(at, len);
}
