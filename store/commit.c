#include "store/commit.h"

#define MARK_BYTES 40u

void commit_write(struct buffer *out, const struct commit *c)
{
	buffer_add_octet(out, (uint8_t)c->type);
	buffer_add_octet(out, c->partition.topic);
	buffer_add_u16(out, (uint16_t)strlen(c->name));
	buffer_add_u32(out, c->partition.partition);
	buffer_add_u64(out, c->next_offset);
	buffer_add_u32(out, c->mark_count);
	buffer_add_u32(out, c->zone.kinds);
	const uint64_t numbers[] = {c->size,
								c->rows,
								c->raw_bytes,
								c->first_leaf,
								c->first_offset,
								c->last_offset,
								(uint64_t)c->zone.when_min,
								(uint64_t)c->zone.when_max,
								(uint64_t)c->zone.observed_min,
								(uint64_t)c->zone.observed_max};
	for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		buffer_add_u64(out, numbers[i]);
	buffer_add(out, c->sha256, 32);
	for (uint32_t i = 0; i < c->mark_count; i++) {
		buffer_add(out, c->marks[i].collector, 16);
		buffer_add_u64(out, c->marks[i].epoch);
		buffer_add_u64(out, c->marks[i].first);
		buffer_add_u64(out, c->marks[i].next);
	}
	buffer_add(out, c->name, strlen(c->name));
}

/* File names come from here and go to the kernel: only what seal_name makes. */
static bool name_valid(const struct commit *c)
{
	size_t len = strlen(c->name);
	if (c->type == COMMIT_POSITION)
		return len == 0;
	return len == 37 && strspn(c->name, "0123456789abcdef") == 16 && c->name[16] == '-' &&
		   strspn(c->name + 17, "0123456789abcdef") == 16 && strcmp(c->name + 33, ".seg") == 0;
}

int commit_read(struct slice body, struct commit *c, struct error *error)
{
	struct reader r = reader_of(body);
	*c = (struct commit){.type = (enum commit_type)reader_u8(&r)};
	c->partition.topic = reader_u8(&r);
	uint16_t name_len = reader_u16(&r);
	c->partition.partition = reader_u32(&r);
	c->next_offset = reader_u64(&r);
	c->mark_count = reader_u32(&r);
	c->zone.kinds = reader_u32(&r);
	c->size = reader_u64(&r);
	c->rows = reader_u64(&r);
	c->raw_bytes = reader_u64(&r);
	c->first_leaf = reader_u64(&r);
	c->first_offset = reader_u64(&r);
	c->last_offset = reader_u64(&r);
	c->zone.when_min = (int64_t)reader_u64(&r);
	c->zone.when_max = (int64_t)reader_u64(&r);
	c->zone.observed_min = (int64_t)reader_u64(&r);
	c->zone.observed_max = (int64_t)reader_u64(&r);
	struct slice sha256 = reader_slice(&r, 32);
	struct slice marks = reader_slice(&r, (size_t)c->mark_count * MARK_BYTES);
	struct slice name = reader_slice(&r, name_len);
	if (r.failed || reader_left(&r) != 0 || name_len >= COMMIT_NAME_MAX)
		return error_set(error, ERROR_FORMAT, "store commit record: lengths are wrong");
	memcpy(c->sha256, sha256.ptr, 32);
	if (name_len)
		memcpy(c->name, name.ptr, name_len);
	c->mark_octets = marks.ptr;
	if ((c->type != COMMIT_SEGMENT && c->type != COMMIT_POSITION) || !name_valid(c))
		return error_set(error, ERROR_VERSION, "store commit record: unknown type or name");
	return 0;
}

struct segment_mark commit_mark(const struct commit *c, uint32_t i)
{
	struct segment_mark mark;
	const uint8_t *p = c->mark_octets + (size_t)i * MARK_BYTES;
	CHECK(i < c->mark_count);
	memcpy(mark.collector, p, 16);
	mark.epoch = get_u64(p + 16);
	mark.first = get_u64(p + 24);
	mark.next = get_u64(p + 32);
	return mark;
}
