/* fsck: everything the store's files promise, asked of the files. Reads only, needs no lock; a store may be running. */
#include "store/commit.h"
#include "store/segment_check.h"

#include <errno.h>
#include <stdio.h>

#define FILE_PART 65536u

struct fsck {
	const struct env *env;
	char segments[440];
	struct buffer *out;
	int findings;
	struct buffer commits; /* bodies, each after its length (u32) */
	uint64_t commit_count, segment_count;
	struct error *error;
};

/* One line; a note is told but is not damage. */
static void line(struct fsck *f, bool note, const char *segment, int64_t group, const char *text)
{
	struct json_writer w;
	json_writer_init(&w, f->out);
	json_object(&w);
	json_key(&w, "level");
	json_str(&w, note ? "note" : "damage");
	json_key(&w, "segment");
	if (segment)
		json_str(&w, segment);
	else
		json_null(&w);
	if (group >= 0) {
		json_key(&w, "group");
		json_i64(&w, group);
	}
	json_key(&w, "what");
	json_str(&w, text);
	json_object_end(&w);
	buffer_add_octet(f->out, '\n');
	f->findings += !note;
}

static int keep_commit(void *arg, const struct commitlog_record *record)
{
	struct fsck *f = arg;
	struct commit c;
	struct error why = {0};
	if (commit_read(record->body, &c, &why) != 0) {
		line(f, false, NULL, -1, why.text);
		return 0;
	}
	f->commit_count++;
	f->segment_count += c.type == COMMIT_SEGMENT;
	buffer_add_u32(&f->commits, (uint32_t)record->body.len);
	buffer_add_slice(&f->commits, record->body);
	return f->commits.failed ? -ERROR_MEMORY : 0;
}

/* ---- the commit log against itself ---- */

struct follow {
	struct store_partition partition;
	uint64_t next_offset, leaf;
};

static struct follow *follow_of(struct buffer *list, struct store_partition p)
{
	struct follow *all = (struct follow *)(void *)list->ptr;
	size_t n = list->len / sizeof *all;
	for (size_t i = 0; i < n; i++)
		if (all[i].partition.topic == p.topic && all[i].partition.partition == p.partition)
			return &all[i];
	struct follow made = {p, 0, 0};
	buffer_add(list, &made, sizeof made);
	return list->failed ? NULL : (struct follow *)(void *)(list->ptr + list->len - sizeof made);
}

static bool next_commit(struct reader *r, struct commit *c)
{
	if (reader_left(r) == 0)
		return false;
	uint32_t len = reader_u32(r);
	CHECK(commit_read(reader_slice(r, len), c, NULL) == 0);
	return true;
}

static int check_chain(struct fsck *f)
{
	struct buffer list;
	struct commit c;
	buffer_init(&list, f->env);
	for (struct reader r = reader_of(buffer_slice(&f->commits)); next_commit(&r, &c);) {
		struct follow *follow = follow_of(&list, c.partition);
		if (!follow)
			break;
		bool is_segment = c.type == COMMIT_SEGMENT;
		if (c.next_offset < follow->next_offset || (is_segment && c.first_leaf != follow->leaf) ||
			(is_segment && (c.first_offset < follow->next_offset || c.last_offset >= c.next_offset)))
			line(f, false, is_segment ? c.name : NULL, -1,
				 "the commit record does not follow the one before it (offsets, leaves)");
		follow->next_offset = c.next_offset;
		follow->leaf += c.rows;
	}
	int result = list.failed ? error_set(f->error, ERROR_MEMORY, "no memory for fsck") : 0;
	buffer_free(&list);
	return result;
}

/* ---- one segment ---- */

static int hash_file(struct fsck *f, const char *path, uint64_t *size, uint8_t out[32], struct error *error)
{
	uint8_t *part = env_alloc(f->env, FILE_PART);
	struct sha256 *sha = sha256_new();
	int fd = f->env->files.open(f->env->files.ctx, path, ENV_READ), result = 0;
	if (!part || !sha)
		result = error_set(error, ERROR_MEMORY, "no memory for fsck");
	else if (fd < 0)
		result = error_io(error, fd, "opening %s", path);
	*size = 0;
	if (result == 0)
		sha256_start(sha);
	for (ssize_t n = 1; result == 0 && n > 0; *size += n > 0 ? (uint64_t)n : 0) {
		n = f->env->files.pread(f->env->files.ctx, fd, part, FILE_PART, *size);
		if (n < 0)
			result = error_io(error, (int)n, "reading %s", path);
		else
			sha256_add(sha, part, (size_t)n);
	}
	if (result == 0)
		sha256_end(sha, out);
	if (fd >= 0)
		f->env->files.close(f->env->files.ctx, fd);
	sha256_free(sha);
	env_free(f->env, part);
	return result;
}

static void check_index(struct fsck *f, const struct commit *c, const struct segment_index *index)
{
	bool same = index->partition.topic == c->partition.topic && index->partition.partition == c->partition.partition &&
				index->first_offset == c->first_offset && index->last_offset == c->last_offset &&
				index->rows == c->rows && index->first_leaf == c->first_leaf && index->file_bytes == c->size &&
				index->zone.when_min == c->zone.when_min && index->zone.when_max == c->zone.when_max &&
				index->zone.observed_min == c->zone.observed_min && index->zone.observed_max == c->zone.observed_max;
	if (!same)
		line(f, false, c->name, -1, "head and footer are not what the commit record says");
	bool marks = index->mark_count == c->mark_count;
	for (uint32_t i = 0; marks && i < c->mark_count; i++) {
		struct segment_mark mark = commit_mark(c, i);
		marks = memcmp(&mark, &index->marks[i], sizeof mark) == 0;
	}
	if (!marks)
		line(f, false, c->name, -1, "marks are not those of the commit record");
}

static int check_open(struct fsck *f, const struct commit *c, struct segment *s)
{
	struct error why = {0};
	int result = 0;
	check_index(f, c, &s->index);
	if (segment_check_blocks(s, &why) != 0)
		line(f, false, c->name, -1, why.text);
	for (uint32_t i = 0; i < s->index.group_count && result == 0; i++) {
		why = (struct error){0};
		int bad = segment_check_group(s, i, &why);
		if (bad == -ERROR_MEMORY)
			result = error_set(f->error, ERROR_MEMORY, "%s", why.text);
		else if (bad != 0)
			line(f, false, c->name, i, why.text);
	}
	return result;
}

/* Without a footer nobody says where the columns are, but the blocks still stand one behind the other. */
static void salvage(struct fsck *f, const struct commit *c, const char *path)
{
	uint32_t good = 0, groups = 0;
	char text[120];
	if (segment_walk(f->env, path, &good, &groups) != 0)
		return;
	snprintf(text, sizeof text, "from the head on, %u blocks of %u row groups are sound", good, groups);
	line(f, true, c->name, -1, text);
}

static int check_segment(struct fsck *f, const struct commit *c)
{
	char path[512];
	struct error why = {0};
	struct segment segment;
	uint8_t sha256[32];
	uint64_t size;
	snprintf(path, sizeof path, "%.440s/%.63s", f->segments, c->name);
	int result = hash_file(f, path, &size, sha256, &why);
	if (result == -ERROR_MEMORY)
		return error_set(f->error, ERROR_MEMORY, "%s", why.text);
	if (result != 0) {
		line(f, false, c->name, -1, result == -ERROR_NOT_FOUND ? "the segment is missing" : why.text);
		return 0;
	}
	if (size != c->size || memcmp(sha256, c->sha256, 32) != 0)
		line(f, false, c->name, -1,
			 size != c->size ? "the file is not as long as the commit record says"
							 : "the file's SHA-256 is not that of the commit record");
	result = segment_open(&segment, f->env, path, &why);
	if (result == -ERROR_MEMORY)
		return error_set(f->error, ERROR_MEMORY, "%s", why.text);
	if (result != 0) {
		line(f, false, c->name, -1, why.text);
		salvage(f, c, path);
		return 0;
	}
	result = check_open(f, c, &segment);
	segment_close(&segment);
	return result;
}

/* ---- files that nobody names ---- */

static int unlisted(void *arg, const char *name)
{
	struct fsck *f = arg;
	struct commit c;
	for (struct reader r = reader_of(buffer_slice(&f->commits)); next_commit(&r, &c);)
		if (strcmp(c.name, name) == 0)
			return 0;
	line(f, true, name, -1, "the commit log does not name this file");
	return 0;
}

static int check_all(struct fsck *f, const char *log_path, void (*progress)(void *ctx, uint64_t done, uint64_t total),
					 void *ctx)
{
	uint64_t torn = 0, done = 0;
	struct error why = {0};
	struct commit c;
	int result = commitlog_read(f->env, log_path, COMMIT_KIND, keep_commit, f, &torn, &why);
	if (result == -ERROR_MEMORY)
		return error_set(f->error, ERROR_MEMORY, "no memory for fsck");
	if (result == -ERROR_NOT_FOUND || result == -ERROR_IO) {
		if (f->error)
			*f->error = why;
		return result;
	}
	if (result != 0)
		line(f, false, NULL, -1, why.text);
	if (torn)
		line(f, true, NULL, -1, "the commit log ends in a record that was not finished");
	result = check_chain(f);
	for (struct reader r = reader_of(buffer_slice(&f->commits)); result == 0 && next_commit(&r, &c);) {
		if (c.type != COMMIT_SEGMENT)
			continue;
		result = check_segment(f, &c);
		if (progress)
			progress(ctx, ++done, f->segment_count);
	}
	if (result == 0)
		f->env->files.list(f->env->files.ctx, f->segments, unlisted, f);
	return result;
}

int store_fsck(const struct env *env, const char *dir, void (*progress)(void *ctx, uint64_t done, uint64_t total),
			   void *ctx, struct buffer *ndjson, struct error *error)
{
	struct fsck f = {.env = env, .out = ndjson, .error = error};
	char log_path[440];
	int n = snprintf(f.segments, sizeof f.segments, "%s/segments", dir);
	if (n < 0 || (size_t)n >= sizeof f.segments)
		return error_set(error, ERROR_USAGE, "the path of the store is too long");
	snprintf(log_path, sizeof log_path, "%.420s/commit.log", dir);
	buffer_init(&f.commits, env);
	int result = check_all(&f, log_path, progress, ctx);
	buffer_free(&f.commits);
	if (result == 0 && ndjson->failed)
		result = error_set(error, ERROR_MEMORY, "no memory for fsck");
	return result == 0 ? f.findings : result;
}
