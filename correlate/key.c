#include "correlate/key.h"

#define TAG_ROOM 11u /* a tag and the longest length */

static size_t put_tag(uint8_t *to, enum key_tag tag, size_t len)
{
	size_t n = 0;
	to[n++] = (uint8_t)tag;
	for (; len >= 0x80; len >>= 7)
		to[n++] = (uint8_t)(len | 0x80);
	to[n++] = (uint8_t)len;
	return n;
}

void tuple_add(struct buffer *out, enum key_tag tag, struct slice octets)
{
	uint8_t *room = buffer_room(out, TAG_ROOM + octets.len);
	if (room == NULL)
		return;
	size_t n = put_tag(room, tag, octets.len);
	if (octets.len > 0)
		memcpy(room + n, octets.ptr, octets.len);
	out->len += n + octets.len;
}

static bool integer_canonical(struct slice s)
{
	size_t i = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
	if (i == s.len || s.len - i > 20)
		return false;
	if (s.ptr[i] == '0')
		return s.len == 1;
	for (; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return true;
}

static bool address_likely(struct slice s)
{
	return s.len >= 2 && s.len <= 64 &&
		   (slice_find_octet(s, '.', 0) != SIZE_MAX || slice_find_octet(s, ':', 0) != SIZE_MAX);
}

/* The length comes before the octets: folded where they will stand when the length takes one octet, moved there else. */
static void tuple_add_folded(struct buffer *out, struct slice text)
{
	uint8_t *room = buffer_room(out, TAG_ROOM + FOLD_ROOM(text.len));
	if (room == NULL)
		return;
	size_t len = fold(text, room + 2);
	if (len >= 0x80) {
		uint8_t head[TAG_ROOM];
		size_t n = put_tag(head, KEY_TEXT, len);
		memmove(room + n, room + 2, len);
		memcpy(room, head, n);
		out->len += n + len;
		return;
	}
	out->len += put_tag(room, KEY_TEXT, len) + len;
}

void tuple_add_canonical(struct buffer *out, struct slice text, bool cased)
{
	uint8_t address[16];
	if (address_likely(text) && address_parse(text, address))
		tuple_add(out, KEY_ADDRESS, slice_of(address, sizeof(address)));
	else if (integer_canonical(text))
		tuple_add(out, KEY_INTEGER, text);
	else if (cased)
		tuple_add(out, KEY_TEXT, text);
	else
		tuple_add_folded(out, text);
}

bool tuple_next(struct reader *reader, enum key_tag *tag, struct slice *octets)
{
	if (reader->failed || reader_left(reader) == 0)
		return false;
	uint8_t t = reader_u8(reader);
	uint64_t len = reader_varint(reader);
	if (reader->failed || t > KEY_NUMBER || len > reader_left(reader) || (t == KEY_ADDRESS && len != 16) ||
		(t == KEY_MISSING && len != 0) || (t == KEY_NUMBER && len != 8)) {
		reader->failed = true;
		return false;
	}
	*tag = (enum key_tag)t;
	*octets = reader_slice(reader, (size_t)len);
	return !reader->failed;
}

/* -0 is 0: one number, one tuple. */
void tuple_add_number(struct buffer *out, double number)
{
	uint8_t octets[8];
	uint64_t bits;
	number = number == 0 ? 0 : number;
	memcpy(&bits, &number, 8);
	put_u64(octets, bits);
	tuple_add(out, KEY_NUMBER, slice_of(octets, 8));
}

bool tuple_number(struct slice tuple, double *number)
{
	if (tuple.len != 10 || tuple.ptr[0] != KEY_NUMBER || tuple.ptr[1] != 8)
		return false;
	uint64_t bits = get_u64(tuple.ptr + 2);
	memcpy(number, &bits, 8);
	return *number - *number == 0; /* finite */
}

bool tuple_check(struct slice tuple, uint32_t *count)
{
	struct reader reader = reader_of(tuple);
	enum key_tag tag;
	struct slice octets;
	uint32_t n = 0;
	while (tuple_next(&reader, &tag, &octets))
		if (++n > TUPLE_COMPONENTS_MAX)
			return false;
	if (count != NULL)
		*count = n;
	return !reader.failed;
}

struct slice tuple_at(struct slice tuple, uint32_t index, enum key_tag *tag)
{
	struct reader reader = reader_of(tuple);
	struct slice octets = SLICE_NONE;
	*tag = KEY_MISSING;
	for (uint32_t i = 0; i <= index; i++)
		if (!tuple_next(&reader, tag, &octets)) {
			*tag = KEY_MISSING;
			return SLICE_NONE;
		}
	return octets;
}

uint32_t key_partition(struct buffer *scratch, const uint8_t digest[32], struct slice key, uint32_t count)
{
	buffer_reset(scratch);
	buffer_add(scratch, digest, 32);
	buffer_add_slice(scratch, key);
	if (scratch->failed || count == 0)
		return 0;
	return (uint32_t)(xxh3(buffer_slice(scratch)) % count);
}

void match_id(struct sha256 *sha, const struct event_identity *event, const uint8_t digest[32], struct slice key,
			  uint8_t out[16])
{
	uint8_t number[8], full[32];
	sha256_start(sha);
	sha256_part(sha, slice_of(event->collector, 16));
	put_u64(number, event->epoch);
	sha256_part(sha, slice_of(number, 8));
	put_u32(number, event->partition);
	sha256_part(sha, slice_of(number, 4));
	put_u64(number, event->sequence);
	sha256_part(sha, slice_of(number, 8));
	sha256_part(sha, slice_of(digest, 32));
	sha256_part(sha, key);
	sha256_end(sha, full);
	memcpy(out, full, 16);
}

void incident_id(struct sha256 *sha, const uint8_t digest[32], struct slice key, const uint8_t match[16],
				 uint8_t out[16])
{
	uint8_t full[32];
	sha256_start(sha);
	sha256_part(sha, slice_of(digest, 32));
	sha256_part(sha, key);
	sha256_part(sha, slice_of(match, 16));
	sha256_end(sha, full);
	memcpy(out, full, 16);
}

void output_collector(const uint8_t collector[16], const char *topic, uint32_t partition, uint8_t out[16])
{
	uint8_t text[16 + 32 + 4], full[32];
	size_t len = strlen(topic);
	CHECK(len <= 32);
	memset(text, 0, sizeof(text));
	memcpy(text, collector, 16);
	memcpy(text + 16, topic, len);
	put_u32(text + 48, partition);
	sha256_of(slice_of(text, sizeof(text)), full);
	memcpy(out, full, 16);
}
