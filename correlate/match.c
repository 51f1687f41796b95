#include "correlate/match.h"

#define ENTRY_HEAD 8u
#define ENTRY_MATCH 64u
#define ENTRY_CLOCK 32u
#define ENTRY_LEVEL 24u

static const char magic[4] = {'C', 'R', 'S', 'M'};

/* ---- writing ---- */

void match_writer_init(struct match_writer *w, const struct env *env)
{
	memset(w, 0, sizeof(*w));
	buffer_init(&w->digests, env);
	buffer_init(&w->origins, env);
	buffer_init(&w->entries, env);
	buffer_init(&w->record, env);
	w->last_clock = SIZE_MAX;
}

void match_writer_free(struct match_writer *w)
{
	buffer_free(&w->digests);
	buffer_free(&w->origins);
	buffer_free(&w->entries);
	buffer_free(&w->record);
}

void match_writer_reset(struct match_writer *w)
{
	buffer_reset(&w->digests);
	buffer_reset(&w->origins);
	buffer_reset(&w->entries);
	w->digest_count = w->origin_count = w->entry_count = 0;
	w->last_clock = SIZE_MAX;
}

bool match_writer_failed(const struct match_writer *w)
{
	return w->digests.failed || w->origins.failed || w->entries.failed;
}

size_t match_writer_bytes(const struct match_writer *w)
{
	return MATCH_HEAD_BYTES + w->digests.len + w->origins.len + w->entries.len + 8;
}

/* Index of 32 octets in a table; from the end, because neighbours repeat. */
static uint32_t table_search(struct buffer *table, uint32_t *count, const uint8_t octets[32])
{
	for (uint32_t i = *count; i > 0; i--)
		if (memcmp(table->ptr + (size_t)(i - 1) * 32, octets, 32) == 0)
			return i - 1;
	buffer_add(table, octets, 32);
	if (table->failed)
		return 0;
	return (*count)++;
}

/* Where octets with this beginning were found last is looked at first. */
static uint32_t table_index(struct buffer *table, uint32_t *count, uint32_t *seen, const uint8_t octets[32])
{
	uint32_t *last = &seen[octets[0] % MATCH_SEEN];
	if (*last >= *count || memcmp(table->ptr + (size_t)*last * 32, octets, 32) != 0)
		*last = table_search(table, count, octets);
	return *last;
}

static void put_entry_head(struct match_writer *w, size_t bytes, enum match_kind kind)
{
	buffer_add_u32(&w->entries, (uint32_t)bytes);
	buffer_add_u16(&w->entries, (uint16_t)kind);
	buffer_add_u16(&w->entries, 0);
	w->entry_count++;
}

static uint8_t *put_slice(uint8_t *to, struct slice s)
{
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	return to + s.len;
}

/* One look for room, then the octets where they belong: this is done for every match. */
static void add_match(struct match_writer *w, const struct match_entry *e)
{
	uint8_t origin[32] = {0};
	memcpy(origin, e->event.collector, 16);
	put_u64(origin + 16, e->event.epoch);
	put_u32(origin + 24, e->event.partition);
	uint32_t origin_index = table_index(&w->origins, &w->origin_count, w->origins_seen, origin);
	uint32_t correlation = table_index(&w->digests, &w->digest_count, w->digests_seen, e->correlation);
	uint32_t rule = table_index(&w->digests, &w->digest_count, w->digests_seen, e->rule);
	size_t text = e->source.len + e->key.len + e->spelling.len + e->value.len + e->carried.len;
	size_t bytes = (ENTRY_MATCH + text + 7) & ~(size_t)7;
	uint8_t *p = buffer_room(&w->entries, bytes);
	if (p == NULL)
		return;
	put_u32(p, (uint32_t)bytes);
	put_u16(p + 4, MATCH_ENTRY);
	put_u16(p + 6, 0);
	put_u64(p + 8, (uint64_t)e->when_ns);
	put_u64(p + 16, (uint64_t)e->observed_ns);
	put_u64(p + 24, e->event.sequence);
	put_u32(p + 32, origin_index);
	put_u32(p + 36, correlation);
	put_u32(p + 40, rule);
	const struct slice *texts[] = {&e->source, &e->key, &e->spelling, &e->value, &e->carried};
	uint8_t *to = p + ENTRY_MATCH;
	for (unsigned i = 0; i < 5; i++) {
		put_u32(p + 44 + 4 * i, (uint32_t)texts[i]->len);
		to = put_slice(to, *texts[i]);
	}
	memset(to, 0, (size_t)(p + bytes - to));
	w->entries.len += bytes;
	w->entry_count++;
	w->last_clock = SIZE_MAX;
}

/* A clock that directly follows one of the same partition takes its place: nothing lies between them that the older one
 * could speak of. */
static bool replace_clock(struct match_writer *w, const struct match_entry *e)
{
	if (w->last_clock == SIZE_MAX || w->entries.failed)
		return false;
	uint8_t *p = w->entries.ptr + w->last_clock;
	if (get_u16(p + 4) != e->kind || get_u32(p + 8) != e->partition)
		return false;
	if (e->kind == MATCH_LEVEL) {
		if (get_u32(p + 12) != e->level)
			return false;
		put_u64(p + 16, (uint64_t)e->clock_ns);
		return true;
	}
	put_u64(p + 16, e->offset);
	put_u64(p + 24, (uint64_t)e->clock_ns);
	return true;
}

static void add_clock(struct match_writer *w, const struct match_entry *e)
{
	if (replace_clock(w, e))
		return;
	w->last_clock = w->entries.len;
	put_entry_head(w, e->kind == MATCH_CLOCK ? ENTRY_CLOCK : ENTRY_LEVEL, e->kind);
	buffer_add_u32(&w->entries, e->partition);
	buffer_add_u32(&w->entries, e->kind == MATCH_CLOCK ? 0 : e->level);
	if (e->kind == MATCH_CLOCK)
		buffer_add_u64(&w->entries, e->offset);
	buffer_add_u64(&w->entries, (uint64_t)e->clock_ns);
}

void match_writer_add(struct match_writer *w, const struct match_entry *entry)
{
	if (entry->kind == MATCH_ENTRY)
		add_match(w, entry);
	else
		add_clock(w, entry);
}

int match_writer_finish(struct match_writer *w, struct slice *record, struct error *error)
{
	struct format_head head = {.version = 0, .head_bytes = MATCH_HEAD_BYTES};
	uint8_t octets[MATCH_HEAD_BYTES] = {0};
	format_put_head(octets, magic, &head);
	put_u32(octets + 24, w->entry_count);
	put_u32(octets + 28, w->digest_count);
	put_u32(octets + 32, w->origin_count);
	put_u32(octets + 36, (uint32_t)w->entries.len);
	buffer_reset(&w->record);
	buffer_add(&w->record, octets, sizeof(octets));
	buffer_add_slice(&w->record, buffer_slice(&w->digests));
	buffer_add_slice(&w->record, buffer_slice(&w->origins));
	buffer_add_slice(&w->record, buffer_slice(&w->entries));
	if (w->record.failed || match_writer_failed(w))
		return error_set(error, ERROR_MEMORY, "no memory for a match record");
	buffer_add_u64(&w->record, xxh3(buffer_slice(&w->record)));
	if (w->record.failed)
		return error_set(error, ERROR_MEMORY, "no memory for a match record");
	*record = buffer_slice(&w->record);
	return 0;
}

/* ---- reading ---- */

static bool zeros(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static int check_frame(struct match_record *r, struct slice octets, struct format_head *head, struct error *error)
{
	if (octets.len > MATCH_RECORD_BYTES_MAX)
		return error_set(error, ERROR_LIMIT, "match record of %zu octets, at most %u", octets.len,
						 MATCH_RECORD_BYTES_MAX);
	int result = format_get_head(octets, magic, 0, 0, head, error);
	if (result < 0)
		return result;
	if (head->head_bytes < MATCH_HEAD_BYTES || head->head_bytes % 8 != 0 || octets.len < head->head_bytes + 8u)
		return error_set(error, ERROR_FORMAT, "match record: head of %u octets at offset 6", head->head_bytes);
	if (get_u64(octets.ptr + octets.len - 8) != xxh3(slice_of(octets.ptr, octets.len - 8)))
		return error_set(error, ERROR_DAMAGED, "match record: checksum at offset %zu does not hold", octets.len - 8);
	r->entry_count = get_u32(octets.ptr + 24);
	r->digest_count = get_u32(octets.ptr + 28);
	r->origin_count = get_u32(octets.ptr + 32);
	r->entries_bytes = get_u32(octets.ptr + 36);
	if (!zeros(octets.ptr + 40, 24))
		return error_set(error, ERROR_FORMAT, "match record: reserved octets at offset 40 are not zero");
	uint64_t need = (uint64_t)head->head_bytes + 32 * (uint64_t)r->digest_count + 32 * (uint64_t)r->origin_count +
					r->entries_bytes + 8;
	if (need != octets.len || r->entries_bytes % 8 != 0)
		return error_set(error, ERROR_FORMAT, "match record: sections of %llu octets in a record of %zu",
						 (unsigned long long)need, octets.len);
	r->digests = octets.ptr + head->head_bytes;
	r->origins = r->digests + (size_t)r->digest_count * 32;
	r->entries = r->origins + (size_t)r->origin_count * 32;
	return 0;
}

static bool match_holds(const struct match_record *r, const uint8_t *p, uint32_t bytes)
{
	if (bytes < ENTRY_MATCH || get_u32(p + 32) >= r->origin_count || get_u32(p + 36) >= r->digest_count ||
		get_u32(p + 40) >= r->digest_count)
		return false;
	uint64_t text = 0;
	for (unsigned i = 0; i < 5; i++)
		text += get_u32(p + 44 + 4 * i);
	if (((ENTRY_MATCH + text + 7) & ~(uint64_t)7) != bytes ||
		!zeros(p + ENTRY_MATCH + text, bytes - ENTRY_MATCH - text))
		return false;
	const uint8_t *at = p + ENTRY_MATCH + get_u32(p + 44);
	uint32_t counts[4];
	for (unsigned i = 0; i < 4; i++) {
		uint32_t len = get_u32(p + 48 + 4 * i);
		if (!tuple_check(slice_of(at, len), &counts[i]))
			return false;
		at += len;
	}
	return counts[0] == counts[1];
}

static bool entry_holds(const struct match_record *r, const uint8_t *p, uint32_t bytes)
{
	uint16_t kind = get_u16(p + 4), flags = get_u16(p + 6);
	if ((flags & ~MATCH_FLAG_MAY_IGNORE) != 0)
		return false;
	if (kind == MATCH_ENTRY)
		return match_holds(r, p, bytes);
	if (kind == MATCH_CLOCK)
		return bytes == ENTRY_CLOCK && get_u32(p + 12) == 0;
	if (kind == MATCH_LEVEL)
		return bytes == ENTRY_LEVEL && get_u32(p + 12) >= 1 && get_u32(p + 12) <= (uint32_t)LIMIT_chain_depth;
	return (flags & MATCH_FLAG_MAY_IGNORE) != 0;
}

int match_open(struct match_record *r, struct slice octets, struct error *error)
{
	struct format_head head;
	int result = check_frame(r, octets, &head, error);
	if (result < 0)
		return result;
	for (uint32_t i = 0; i < r->origin_count; i++)
		if (!zeros(r->origins + (size_t)i * 32 + 28, 4))
			return error_set(error, ERROR_FORMAT, "match record: origin %u is not padded with zeros", i);
	uint32_t place = 0, count = 0;
	for (; place < r->entries_bytes; count++) {
		const uint8_t *p = r->entries + place;
		uint32_t left = r->entries_bytes - place, bytes = left >= ENTRY_HEAD ? get_u32(p) : 0;
		if (bytes < ENTRY_HEAD || bytes > left || bytes % 8 != 0 || !entry_holds(r, p, bytes))
			return error_set(error, ERROR_FORMAT, "match record: entry %u at offset %zu does not hold", count,
							 (size_t)(p - octets.ptr));
		place += bytes;
	}
	if (count != r->entry_count)
		return error_set(error, ERROR_FORMAT, "match record: %u entries where the head says %u", count, r->entry_count);
	return 0;
}

static void get_match(const struct match_record *r, const uint8_t *p, struct match_entry *out)
{
	const uint8_t *origin = r->origins + (size_t)get_u32(p + 32) * 32;
	out->when_ns = (int64_t)get_u64(p + 8);
	out->observed_ns = (int64_t)get_u64(p + 16);
	memcpy(out->event.collector, origin, 16);
	out->event.epoch = get_u64(origin + 16);
	out->event.partition = get_u32(origin + 24);
	out->event.sequence = get_u64(p + 24);
	out->correlation = r->digests + (size_t)get_u32(p + 36) * 32;
	out->rule = r->digests + (size_t)get_u32(p + 40) * 32;
	struct slice *texts[] = {&out->source, &out->key, &out->spelling, &out->value, &out->carried};
	const uint8_t *at = p + ENTRY_MATCH;
	for (unsigned i = 0; i < 5; i++) {
		*texts[i] = slice_of(at, get_u32(p + 44 + 4 * i));
		at += texts[i]->len;
	}
}

bool match_next(const struct match_record *r, uint32_t *place, struct match_entry *out)
{
	while (*place < r->entries_bytes) {
		const uint8_t *p = r->entries + *place;
		uint16_t kind = get_u16(p + 4);
		*place += get_u32(p);
		if (kind < MATCH_ENTRY || kind > MATCH_LEVEL)
			continue;
		memset(out, 0, sizeof(*out));
		out->kind = (enum match_kind)kind;
		if (kind == MATCH_ENTRY) {
			get_match(r, p, out);
			return true;
		}
		out->partition = get_u32(p + 8);
		out->level = kind == MATCH_LEVEL ? get_u32(p + 12) : 0;
		out->offset = kind == MATCH_CLOCK ? get_u64(p + 16) : 0;
		out->clock_ns = (int64_t)get_u64(p + (kind == MATCH_CLOCK ? 24 : 16));
		return true;
	}
	return false;
}
