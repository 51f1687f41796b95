/* Spill files in checkpoints (docs/format-checkpoint.md): named, with what of them is alive; their content stays on disk. */
#include "correlate/spill.h"

#include <stdio.h>

#define FILE_BYTES 56u
#define REFUSED_BYTES 40u
#define CHUNK_BYTES (2u * SPILL_RECORD_MAX)

/* ---- written ---- */

static int settle_files(struct part *part)
{
	struct spill *s = part->spill;
	const struct env_files *files = &part->temporal->env->files;
	for (uint32_t id = 0; id < SPILL_FILES; id++) {
		struct spill_file *f = &s->files[id];
		if (f->rule == NULL || f->synced == f->written)
			continue;
		if (files->sync(files->ctx, f->fd) < 0)
			return -ERROR_IO;
		f->synced = f->written;
	}
	if (s->dir_changed && files->sync_dir(files->ctx, s->dir) < 0)
		return -ERROR_IO;
	s->dir_changed = false;
	return 0;
}

static int settle_part(struct part *part)
{
	struct spill *s = part->spill;
	int result = spill_flush(part) < 0 ? spill_recall(part) : 0;
	if (result == 0 && budget_passed(part, &s->refused_rule) > 0)
		result = spill_search(part);
	if (result == 0 && spill_flush(part) < 0)
		result = spill_recall(part);
	if (result == 0)
		result = settle_files(part);
	s->refused = s->keep ? budget_passed(part, &s->refused_rule) : 0;
	return result;
}

int spill_settle(struct temporal *t)
{
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < t->part_count; i++)
		if (t->parts[i].spill != NULL)
			result = settle_part(&t->parts[i]);
	t->broken |= result < 0;
	return result;
}

static void save_file(struct buffer *out, const struct part *part, struct spill_file *f)
{
	buffer_add_u32(out, part->partition);
	buffer_add_u32(out, f->records);
	buffer_add_u64(out, f->serial);
	buffer_add_u64(out, f->written);
	buffer_add(out, f->rule->digest, 32);
	buffer_add(out, f->alive, (f->records + 7) / 8);
	f->named = true;
}

static void save_files(struct buffer *out, const struct part *part)
{
	struct spill *s = part->spill;
	for (uint32_t id = 0; id < SPILL_FILES; id++)
		if (s->files[id].live > 0)
			save_file(out, part, &s->files[id]);
	for (uint32_t i = 0; i < s->leaving_count; i++)
		s->leaving[i].spare = true;
}

static void save_refused(struct buffer *out, const struct part *part)
{
	buffer_add_u32(out, part->partition);
	buffer_add_u32(out, part->spill->refused);
	buffer_add(out, part->temporal->plan->rules[part->spill->refused_rule].digest, 32);
}

void spill_save(struct temporal *t, struct buffer *out)
{
	uint32_t files = 0, refused = 0;
	for (uint32_t i = 0; i < t->part_count; i++) {
		const struct spill *s = t->parts[i].spill;
		for (uint32_t id = 0; s != NULL && id < SPILL_FILES; id++)
			files += s->files[id].live > 0;
		refused += s != NULL && s->refused > 0;
	}
	if (files + refused > 0) {
		buffer_add_u32(out, files);
		buffer_add_u32(out, refused);
	}
	for (uint32_t i = 0; i < t->part_count; i++)
		if (t->parts[i].spill != NULL)
			save_files(out, &t->parts[i]);
	for (uint32_t i = 0; i < t->part_count; i++)
		if (t->parts[i].spill != NULL && t->parts[i].spill->refused > 0)
			save_refused(out, &t->parts[i]);
}

/* ---- read ---- */

/* A file being read from front to back. */
struct scan {
	struct part *part;
	struct spill_file *f;
	uint32_t id, record;
	const uint8_t *alive; /* as the checkpoint says */
	uint64_t offset; /* of the next record */
	struct slice chunk; /* what is in memory from there on */
};

/* A record at least, if there is one. */
static int scan_fill(struct scan *scan)
{
	struct spill *s = scan->part->spill;
	uint64_t left = scan->f->written - scan->offset;
	bool whole = scan->chunk.len >= SPILL_RECORD_HEAD && spill_record_bytes(scan->chunk.ptr) <= scan->chunk.len;
	if (whole || left == scan->chunk.len)
		return whole ? 0 : -ERROR_DAMAGED;
	size_t len = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
	buffer_reset(&s->read);
	uint8_t *p = buffer_room(&s->read, len);
	if (p == NULL)
		return -ERROR_MEMORY;
	if (env_read_all(scan->part->temporal->env, scan->f->fd, p, len, scan->offset) < 0)
		return -ERROR_DAMAGED;
	scan->chunk = slice_of(p, len);
	return len >= SPILL_RECORD_HEAD && spill_record_bytes(p) <= len ? 0 : -ERROR_DAMAGED;
}

static int take_alive(struct scan *scan, const struct spill_record *record, int64_t newest_ns)
{
	struct spill_file *f = scan->f;
	uint32_t number = PLACE_SPILLED | scan->id << SPILL_OFFSET_BITS | (uint32_t)(scan->offset / 8), at = record->number;
	if (table_put_spilled(scan->part, f->rule, record->key, number) < 0)
		return -ERROR_MEMORY;
	spill_count(scan->part, f->rule);
	f->alive[at / 8] |= (uint8_t)(1u << at % 8);
	f->live++;
	if (newest_ns > f->newest_ns)
		f->newest_ns = newest_ns;
	return 0;
}

static int scan_record(struct scan *scan)
{
	struct spill_file *f = scan->f;
	struct spill_record record;
	int64_t newest;
	int result = scan_fill(scan);
	if (result < 0)
		return result;
	struct slice octets = slice_of(scan->chunk.ptr, spill_record_bytes(scan->chunk.ptr));
	result = spill_record_open(octets, f->serial, &record);
	if (result < 0 || record.number != scan->record || !spill_record_fits(record, f->rule, &newest))
		return -ERROR_DAMAGED;
	if (!spill_alive_room(scan->part, f))
		return -ERROR_MEMORY;
	bool alive = (scan->alive[scan->record / 8] >> scan->record % 8 & 1) != 0;
	result = alive ? take_alive(scan, &record, newest) : 0;
	f->records++;
	scan->record++;
	scan->offset += octets.len;
	scan->chunk = slice_from(scan->chunk, octets.len);
	return result;
}

static int scan_file(struct scan *scan, uint32_t records)
{
	uint8_t head[SPILL_HEAD_BYTES];
	const struct part *part = scan->part;
	const struct spill_file *f = scan->f;
	if (env_read_all(part->temporal->env, f->fd, head, sizeof(head), 0) < 0 ||
		!spill_head_holds(slice_of(head, sizeof(head)), part->partition, f->serial, f->rule->digest))
		return -ERROR_DAMAGED;
	int result = 0;
	scan->offset = SPILL_HEAD_BYTES;
	while (result == 0 && scan->record < records)
		result = scan_record(scan);
	return result == 0 && (scan->offset != f->written || f->live == 0) ? -ERROR_DAMAGED : result;
}

/* What the sweep counted as foreign is not. */
static void take_over(struct part *part, const struct spill_file *f)
{
	struct spill *s = part->spill;
	const struct env_files *files = &part->temporal->env->files;
	struct env_stat stat;
	if (files->fstat(files->ctx, f->fd, &stat) == 0 && stat.size <= s->foreign) {
		s->foreign -= stat.size;
		s->bytes -= stat.size;
	}
	s->bytes += f->written;
}

static int restore_file(struct part *part, const struct plan_rule *rule, uint64_t serial, uint64_t written,
						uint32_t records, const uint8_t *alive)
{
	struct spill *s = part->spill;
	const struct env_files *files = &part->temporal->env->files;
	char path[SPILL_PATH_BYTES];
	uint32_t id = spill_id(part);
	if (id == SPILL_NONE || written > SPILL_FILE_BYTES)
		return -ERROR_DAMAGED;
	spill_path(part, serial, path, sizeof(path));
	int fd = files->open(files->ctx, path, ENV_READ | ENV_PLAIN | ENV_NO_LINK);
	if (fd < 0)
		return -ERROR_DAMAGED;
	s->files[id] = (struct spill_file){.rule = rule,
									   .serial = serial,
									   .fd = fd,
									   .named = true,
									   .bytes = written,
									   .written = written,
									   .synced = written,
									   .newest_ns = INT64_MIN};
	take_over(part, &s->files[id]);
	struct scan scan = {.part = part, .f = &s->files[id], .id = id, .alive = alive};
	return scan_file(&scan, records);
}

static int bad_format(struct reader *r)
{
	r->failed = true;
	return -ERROR_FORMAT;
}

static int restore_named(struct temporal *t, struct reader *r)
{
	struct part *part = part_of(t, reader_u32(r));
	uint32_t records = reader_u32(r);
	uint64_t serial = reader_u64(r), written = reader_u64(r);
	struct slice digest = reader_slice(r, 32), alive = reader_slice(r, ((size_t)records + 7) / 8);
	if (r->failed || part == NULL || (records % 8 != 0 && alive.ptr[records / 8] >> records % 8 != 0))
		return bad_format(r);
	const struct plan_rule *rule = plan_find(t->plan, digest.ptr);
	if (rule == NULL)
		return 0; /* T17: a changed correlation starts empty; the file is swept */
	if (part->spill == NULL)
		return -ERROR_DAMAGED;
	return restore_file(part, rule, serial, written, records, alive.ptr);
}

static int restore_refused(struct temporal *t, struct reader *r)
{
	const struct part *part = part_of(t, reader_u32(r));
	uint32_t refused = reader_u32(r);
	struct slice digest = reader_slice(r, 32);
	if (r->failed || part == NULL || refused == 0 || refused > 3)
		return bad_format(r);
	const struct plan_rule *rule = plan_find(t->plan, digest.ptr);
	if (rule == NULL || part->spill == NULL)
		return 0;
	part->spill->refused = refused;
	part->spill->refused_rule = rule->index;
	return 0;
}

int spill_restore(struct temporal *t, struct reader *r)
{
	if (reader_left(r) < 8)
		return 0; /* nothing was spilled, and nothing refused */
	uint32_t files = reader_u32(r), refused = reader_u32(r);
	int result = files > reader_left(r) / FILE_BYTES || refused > reader_left(r) / REFUSED_BYTES ? bad_format(r) : 0;
	for (uint32_t i = 0; result == 0 && i < files; i++)
		result = restore_named(t, r);
	for (uint32_t i = 0; result == 0 && i < refused; i++)
		result = restore_refused(t, r);
	return result;
}
