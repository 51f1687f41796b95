/* Records of spill files (docs/format-spill.md). What is read is told, not believed. */
#include "correlate/spill.h"

#define MATCH_BYTES 40u
#define TEXTS 5u

static const char magic[4] = {'C', 'R', 'S', 'P'};

void spill_head_put(struct buffer *out, uint32_t partition, uint64_t serial, const uint8_t digest[32])
{
	struct format_head head = {.version = 0, .head_bytes = SPILL_HEAD_BYTES};
	uint8_t octets[SPILL_HEAD_BYTES] = {0};
	format_put_head(octets, magic, &head);
	put_u32(octets + 24, partition);
	put_u64(octets + 32, serial);
	memcpy(octets + 40, digest, 32);
	put_u64(octets + 72, xxh3(slice_of(octets, 72)));
	buffer_add(out, octets, sizeof(octets));
}

bool spill_head_holds(struct slice octets, uint32_t partition, uint64_t serial, const uint8_t digest[32])
{
	struct format_head head;
	if (octets.len < SPILL_HEAD_BYTES || format_get_head(octets, magic, 0, 0, &head, NULL) < 0)
		return false;
	return head.head_bytes == SPILL_HEAD_BYTES && get_u32(octets.ptr + 24) == partition &&
		   get_u32(octets.ptr + 28) == 0 && get_u64(octets.ptr + 32) == serial &&
		   memcmp(octets.ptr + 40, digest, 32) == 0 && get_u64(octets.ptr + 72) == xxh3(slice_of(octets.ptr, 72));
}

/* ---- written ---- */

static void put_match(struct buffer *out, const struct member *m)
{
	const struct text *texts[TEXTS] = {m->origin, m->source, m->spelling, m->value, m->carried};
	buffer_add_u64(out, (uint64_t)m->when_ns);
	buffer_add_u64(out, m->sequence);
	buffer_add_u32(out, m->slot);
	for (unsigned i = 0; i < TEXTS; i++)
		buffer_add_u32(out, texts[i] == NULL ? 0 : texts[i]->len + 1);
	for (unsigned i = 0; i < TEXTS; i++)
		buffer_add_slice(out, text_slice(texts[i]));
}

void spill_record_put(struct buffer *out, uint64_t serial, uint32_t number, struct slice key,
					  const struct member *members, uint32_t count)
{
	size_t begin = out->len;
	buffer_add_u64(out, 0);
	buffer_add_u32(out, 0);
	buffer_add_u32(out, (uint32_t)key.len);
	buffer_add_u32(out, count);
	buffer_add_u32(out, number);
	buffer_add_slice(out, key);
	for (uint32_t i = 0; i < count; i++)
		put_match(out, &members[i]);
	buffer_add_zeros(out, (8 - (out->len - begin) % 8) % 8);
	if (out->failed)
		return;
	uint8_t *record = out->ptr + begin;
	put_u32(record + 8, (uint32_t)(out->len - begin));
	put_u64(record, xxh3_seeded(slice_of(record + 8, out->len - begin - 8), serial));
}

/* ---- read ---- */

uint32_t spill_record_bytes(const uint8_t *head)
{
	uint32_t bytes = get_u32(head + 8);
	return bytes < SPILL_RECORD_HEAD || bytes > SPILL_RECORD_MAX || bytes % 8 != 0 ? 0 : bytes;
}

int spill_record_open(struct slice octets, uint64_t serial, struct spill_record *out)
{
	if (octets.len < SPILL_RECORD_HEAD || spill_record_bytes(octets.ptr) != octets.len)
		return -ERROR_DAMAGED;
	if (get_u64(octets.ptr) != xxh3_seeded(slice_from(octets, 8), serial))
		return -ERROR_DAMAGED;
	uint32_t key_len = get_u32(octets.ptr + 12);
	*out = (struct spill_record){
		.bytes = (uint32_t)octets.len,
		.number = get_u32(octets.ptr + 20),
		.matches = get_u32(octets.ptr + 16),
		.content = reader_of(slice_of(octets.ptr + SPILL_RECORD_HEAD, octets.len - SPILL_RECORD_HEAD))};
	out->key = reader_slice(&out->content, key_len);
	if (out->content.failed || out->matches == 0 || out->matches > PACKED_MAX)
		return -ERROR_DAMAGED;
	return 0;
}

static struct slice take_text(struct reader *r, uint32_t len)
{
	return len == 0 ? SLICE_NONE : reader_slice(r, len - 1);
}

bool spill_record_next(struct spill_record *record, struct member_octets *m)
{
	struct reader *r = &record->content;
	uint32_t lens[TEXTS];
	if (record->matches == 0)
		return false;
	record->matches--;
	m->when_ns = (int64_t)reader_u64(r);
	m->sequence = reader_u64(r);
	m->slot = reader_u32(r);
	for (unsigned i = 0; i < TEXTS; i++)
		lens[i] = reader_u32(r);
	m->origin = take_text(r, lens[0]);
	m->source = take_text(r, lens[1]);
	m->spelling = take_text(r, lens[2]);
	m->value = take_text(r, lens[3]);
	m->carried = take_text(r, lens[4]);
	return !r->failed;
}

static bool padding_holds(const struct reader *r)
{
	bool holds = reader_left(r) < 8;
	for (const uint8_t *p = r->ptr; holds && p < r->end; p++)
		holds = *p == 0;
	return holds;
}

bool spill_record_fits(struct spill_record record, const struct plan_rule *rule, int64_t *newest_ns)
{
	struct member_octets m;
	uint32_t components = 0;
	if (rule->mode != PLAN_AT_ONCE || rule->list_count > 0 || record.key.len > MATCH_RECORD_BYTES_MAX ||
		!tuple_check(record.key, &components) || components != rule->group_count)
		return false;
	bool spelled = key_is_spelled(record.key), holds = true;
	*newest_ns = INT64_MIN;
	while (holds && spill_record_next(&record, &m)) {
		holds = m.when_ns >= *newest_ns && member_fits(rule, spelled, &m);
		*newest_ns = m.when_ns;
	}
	return holds && !record.content.failed && padding_holds(&record.content);
}
