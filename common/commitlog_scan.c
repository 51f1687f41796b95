/* The octets of a commit log: writing a head and a record, checking a whole file. No file is touched here. */
#include "common/commitlog_layout.h"

#include "common/check.h"
#include "common/limits.h"

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

void log_write_head(uint8_t out[LOG_HEAD_BYTES], const char *kind, uint64_t first_sequence, const uint8_t continues[32])
{
	struct format_head head = {LOG_VERSION, LOG_HEAD_BYTES, 0, 0};
	CHECK(strlen(kind) > 0 && strlen(kind) < LOG_KIND_BYTES);
	memset(out, 0, LOG_HEAD_BYTES);
	format_put_head(out, LOG_MAGIC, &head);
	memcpy(out + LOG_AT_KIND, kind, strlen(kind));
	put_u64(out + LOG_AT_FIRST, first_sequence);
	memcpy(out + LOG_AT_CONTINUES, continues, 32);
	put_u32(out + LOG_AT_CRC, crc32c(0, out, LOG_AT_CRC));
}

void log_write_record(struct buffer *out, uint64_t sequence, int64_t time_ns, const uint8_t prev[32], struct slice body)
{
	size_t from = out->len;
	CHECK(body.len <= (size_t)LIMIT_commit_bytes);
	if (buffer_room(out, LOG_RECORD_LEAST + padded(body.len)) == NULL)
		return;
	buffer_add_u32(out, (uint32_t)body.len);
	buffer_add_u32(out, 0);
	buffer_add_u64(out, sequence);
	buffer_add_u64(out, (uint64_t)time_ns);
	buffer_add(out, prev, 32);
	buffer_add_slice(out, body);
	buffer_add_zeros(out, padded(body.len) - body.len + 4);
	buffer_add_u32(out, crc32c(0, out->ptr + from, out->len - from));
}

static int check_head(struct slice file, const char *kind, struct log_scan *out, struct sha256 *sha,
					  struct error *error)
{
	struct format_head head = {0};
	uint8_t wanted[LOG_KIND_BYTES] = {0};
	int result = format_get_head(file, LOG_MAGIC, LOG_VERSION, 0, &head, error);
	if (result != 0)
		return result;
	if (head.head_bytes != LOG_HEAD_BYTES)
		return error_set(error, ERROR_FORMAT, "commit log: head of %u octets at offset 6; must be %u", head.head_bytes,
						 LOG_HEAD_BYTES);
	if (crc32c(0, file.ptr, LOG_AT_CRC) != get_u32(file.ptr + LOG_AT_CRC))
		return error_set(error, ERROR_DAMAGED, "commit log: checksum of the head at offset %u does not hold",
						 LOG_AT_CRC);
	if (get_u32(file.ptr + LOG_AT_ZERO) != 0)
		return error_set(error, ERROR_FORMAT, "commit log: reserved octets at offset %u are not zero", LOG_AT_ZERO);
	CHECK(strlen(kind) > 0 && strlen(kind) < LOG_KIND_BYTES);
	memcpy(wanted, kind, strlen(kind));
	if (memcmp(wanted, file.ptr + LOG_AT_KIND, LOG_KIND_BYTES) != 0)
		return error_set(error, ERROR_CONFLICT, "commit log: is not one of kind \"%s\"", kind);
	out->first_sequence = get_u64(file.ptr + LOG_AT_FIRST);
	out->good_bytes = LOG_HEAD_BYTES;
	sha256_start(sha);
	sha256_add(sha, file.ptr, LOG_HEAD_BYTES);
	sha256_end(sha, out->head);
	return 0;
}

/* Octets of the record at the start of s when its own checksum holds, else 0. */
static size_t sound_record(struct slice s)
{
	if (s.len < LOG_RECORD_LEAST || get_u32(s.ptr + RECORD_AT_ZERO) != 0)
		return 0;
	size_t body = get_u32(s.ptr + RECORD_AT_LEN);
	if (body > (size_t)LIMIT_commit_bytes)
		return 0;
	size_t total = LOG_RECORD_LEAST + padded(body);
	if (s.len < total || crc32c(0, s.ptr, total - 4) != get_u32(s.ptr + total - 4))
		return 0;
	return total;
}

/* Whether a sound record that could belong here stands anywhere from `at` on: then what is before it was not torn by an
 * interrupted append (nothing is written behind a record that is not yet synced) but damaged later. */
static bool sound_later(struct slice file, uint64_t at, uint64_t expected, uint64_t *found)
{
	for (; at + LOG_RECORD_LEAST <= file.len; at += 8) {
		struct slice rest = slice_of(file.ptr + at, file.len - (size_t)at);
		if (get_u64(rest.ptr + RECORD_AT_SEQUENCE) >= expected && sound_record(rest) != 0) {
			*found = at;
			return true;
		}
	}
	return false;
}

static int accept(struct slice record, uint64_t expected, uint64_t offset, const struct log_scan *scan,
				  struct error *error)
{
	if (get_u64(record.ptr + RECORD_AT_SEQUENCE) != expected)
		return error_set(error, ERROR_DAMAGED, "commit log: record at offset %llu has sequence %llu; must be %llu",
						 (unsigned long long)offset, (unsigned long long)get_u64(record.ptr + RECORD_AT_SEQUENCE),
						 (unsigned long long)expected);
	if (memcmp(record.ptr + RECORD_AT_PREV, scan->head, 32) != 0)
		return error_set(error, ERROR_DAMAGED, "commit log: record at offset %llu does not follow the one before it",
						 (unsigned long long)offset);
	return 0;
}

int log_scan(struct slice file, const char *kind, struct sha256 *sha, struct log_scan *out, struct error *error)
{
	uint64_t found;
	*out = (struct log_scan){0};
	int result = check_head(file, kind, out, sha, error);
	while (result == 0 && out->good_bytes < file.len) {
		uint64_t expected = out->first_sequence + out->count;
		struct slice rest = slice_from(file, (size_t)out->good_bytes);
		size_t len = sound_record(rest);
		if (len == 0) {
			if (sound_later(file, out->good_bytes + 8, expected, &found))
				return error_set(error, ERROR_DAMAGED,
								 "commit log: record at offset %llu is damaged: a sound one follows at %llu",
								 (unsigned long long)out->good_bytes, (unsigned long long)found);
			return 0;
		}
		result = accept(slice_of(rest.ptr, len), expected, out->good_bytes, out, error);
		if (result != 0)
			return result;
		sha256_start(sha);
		sha256_add(sha, rest.ptr, len);
		sha256_end(sha, out->head);
		out->good_bytes += len;
		out->count++;
	}
	return result;
}

int log_replay(struct slice file, const struct log_scan *scan,
			   int (*each)(void *arg, const struct commitlog_record *record), void *arg)
{
	size_t at = LOG_HEAD_BYTES;
	while (each != NULL && at < scan->good_bytes) {
		const uint8_t *p = file.ptr + at;
		size_t body = get_u32(p + RECORD_AT_LEN);
		struct commitlog_record record = {.sequence = get_u64(p + RECORD_AT_SEQUENCE),
										  .time_ns = (int64_t)get_u64(p + RECORD_AT_TIME),
										  .body = slice_of(p + LOG_RECORD_HEAD, body)};
		int result = each(arg, &record);
		if (result != 0)
			return result;
		at += LOG_RECORD_LEAST + padded(body);
	}
	return 0;
}
