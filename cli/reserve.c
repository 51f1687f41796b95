#include "cli/reserve.h"

#include <errno.h>
#include <stdio.h>

#define MAGIC "CRSU"
#define HEAD_BYTES 40u
#define TEXT_MAX (RESERVE_BYTES - HEAD_BYTES)
#define TAIL_ROOM 512u /* for the line of what found no place */

/* ---- the file ---- */

static void head_put(uint8_t *out, struct slice text)
{
	format_put_head(out, MAGIC, &(struct format_head){.head_bytes = HEAD_BYTES});
	put_u64(out + 24, text.len);
	put_u64(out + 32, xxh3_seeded(text, text.len));
}

/* Written, not only reserved: what has its place on the medium can be written over when nothing is free. */
static int make(struct reserve *r, struct error *error)
{
	const struct env_files *files = &r->env->files;
	uint8_t *octets = env_zalloc(r->env, RESERVE_BYTES);
	if (!octets)
		return error_set(error, ERROR_MEMORY, "no memory for the reserve");
	head_put(octets, SLICE_NONE);
	int fd = files->open(files->ctx, r->path, ENV_READ | ENV_WRITE | ENV_CREATE);
	int result = fd < 0 ? fd : env_write_all(r->env, fd, octets, RESERVE_BYTES, 0);
	if (!result)
		result = files->sync(files->ctx, fd);
	if (fd >= 0)
		files->close(files->ctx, fd);
	if (!result)
		result = env_sync_parent(r->env, r->path);
	env_free(r->env, octets);
	return result ? error_io(error, result, "cannot take room on the disk for %s", r->path) : 0;
}

/* The text is whole, or it was never synced: then the process that wrote it has said so itself. */
static bool take(struct reserve *r, struct slice octets)
{
	struct format_head head;
	if (octets.len != RESERVE_BYTES || format_get_head(octets, MAGIC, 0, 0, &head, NULL))
		return false;
	uint64_t len = get_u64(octets.ptr + 24);
	if (head.head_bytes != HEAD_BYTES || len > TEXT_MAX)
		return false;
	struct slice text = slice_of(octets.ptr + HEAD_BYTES, (size_t)len);
	if (xxh3_seeded(text, len) != get_u64(octets.ptr + 32) || (len && text.ptr[len - 1] != '\n'))
		return false;
	buffer_add_slice(&r->text, text);
	return true;
}

int reserve_open(struct reserve *r, const struct env *env, const char *data, uint32_t partitions, struct error *error)
{
	uint8_t *octets;
	size_t len;
	*r = (struct reserve){.env = env, .partitions = partitions};
	snprintf(r->path, sizeof r->path, "%s/reserve", data);
	buffer_init(&r->text, env);
	r->tickets = env_zalloc(env, partitions * sizeof *r->tickets);
	r->sources = env_zalloc(env, RESERVE_SOURCES * sizeof *r->sources);
	if (!r->tickets || !r->sources)
		return error_set(error, ERROR_MEMORY, "no memory for the reserve");
	int result = env_read_file(env, r->path, RESERVE_BYTES, &octets, &len);
	if (result == -ENOENT || result == -EFBIG)
		return make(r, error);
	if (result)
		return error_io(error, result, "cannot read %s", r->path);
	bool good = take(r, slice_of(octets, len));
	env_free(env, octets);
	if (r->text.failed)
		return error_set(error, ERROR_MEMORY, "no memory for the reserve");
	return good ? 0 : make(r, error);
}

/* Text first would leave an old head over it; both are in one write, and the checksum says whether it is whole. */
static int overwrite(struct reserve *r, struct slice text, struct error *error)
{
	const struct env_files *files = &r->env->files;
	uint8_t *octets = env_zalloc(r->env, HEAD_BYTES + text.len);
	if (!octets)
		return error_set(error, ERROR_MEMORY, "no memory for the reserve");
	head_put(octets, text);
	if (text.len)
		memcpy(octets + HEAD_BYTES, text.ptr, text.len);
	int fd = files->open(files->ctx, r->path, ENV_READ | ENV_WRITE);
	int result = fd < 0 ? fd : env_write_all(r->env, fd, octets, HEAD_BYTES + text.len, 0);
	if (!result)
		result = files->sync(files->ctx, fd);
	if (fd >= 0)
		files->close(files->ctx, fd);
	env_free(r->env, octets);
	return result ? error_io(error, result, "cannot write %s", r->path) : 0;
}

/* ---- telling ---- */

bool reserve_next(const struct reserve *r, struct slice *source, struct slice *json)
{
	struct slice left = slice_from(buffer_slice(&r->text), r->told);
	size_t end = slice_find_octet(left, '\n', 0), tab = slice_find_octet(left, '\t', 0);
	if (!left.len || end == SIZE_MAX || tab > end)
		return false;
	*source = slice_of(left.ptr, tab);
	*json = slice_of(left.ptr + tab + 1, end - tab - 1);
	return true;
}

void reserve_given(struct reserve *r, uint32_t partition, uint64_t ticket)
{
	CHECK(partition < r->partitions);
	r->tickets[partition] = ticket;
	r->told += slice_find_octet(slice_from(buffer_slice(&r->text), r->told), '\n', 0) + 1;
}

int reserve_step(struct reserve *r, struct bus *bus, struct error *error)
{
	if (!r->told || r->told < r->text.len)
		return 0;
	for (uint32_t i = 0; i < r->partitions; i++) {
		uint64_t durable = 0;
		if (r->tickets[i] && (bus_durable(bus, TOPIC_EVENTS, i, &durable, NULL) || durable < r->tickets[i]))
			return 0;
	}
	int result = overwrite(r, SLICE_NONE, error);
	if (result)
		return result;
	buffer_reset(&r->text);
	r->told = 0;
	memset(r->tickets, 0, r->partitions * sizeof *r->tickets);
	return 0;
}

/* ---- counting ---- */

static void count_event(struct reserve *r, struct slice line)
{
	uint64_t hash = xxh3(line);
	for (uint32_t i = 0; i < r->source_count; i++)
		if (r->sources[i].hash == hash && slice_equal(slice_of(r->sources[i].line, r->sources[i].len), line)) {
			r->sources[i].count++;
			return;
		}
	if (r->source_count == RESERVE_SOURCES || line.len > RESERVE_LINE_MAX) {
		r->others++;
		return;
	}
	struct reserve_source *s = &r->sources[r->source_count++];
	*s = (struct reserve_source){.hash = hash, .count = 1, .len = line.len};
	if (line.len)
		memcpy(s->line, line.ptr, line.len);
}

static void add_line(struct reserve *r, struct slice source, struct slice json)
{
	buffer_add_slice(&r->text, source);
	buffer_add_octet(&r->text, '\t');
	buffer_add_slice(&r->text, json);
	buffer_add_octet(&r->text, '\n');
}

/* A gap row tells of a loss that nothing else tells of. Half the room is theirs. */
static void keep_gap(struct reserve *r, struct slice source, struct slice json)
{
	bool fits = r->text.len + source.len + json.len + 2 <= TEXT_MAX / 2;
	if (fits && slice_find_octet(json, '\n', 0) == SIZE_MAX)
		add_line(r, source, json);
	else
		r->gaps++;
}

int reserve_count(struct reserve *r, struct slice octets)
{
	struct batch batch;
	struct error error = {0};
	int result = batch_open(&batch, octets, &error);
	for (uint32_t i = 0; !result && i < batch.row_count; i++) {
		struct batch_row row;
		batch_get_row(&batch, i, &row);
		struct slice line = batch_source_line(&batch, row.source);
		if (row.kind == ROW_GAP)
			keep_gap(r, line, row.original);
		else if ((row.kind == ROW_EVENT || row.kind == ROW_QUARANTINE) && !slice_starts(line, SLICE("file ")))
			count_event(r, line);
	}
	return result;
}

static void gap_text(struct buffer *out, struct slice source, uint64_t count, uint64_t gaps, int64_t now)
{
	struct json_writer w;
	buffer_reset(out);
	json_writer_init(&w, out);
	json_object(&w);
	json_key(&w, "reason");
	json_str(&w, "stopped_while_full");
	json_key(&w, "count");
	json_u64(&w, count);
	if (gaps) {
		json_key(&w, "gap_rows");
		json_u64(&w, gaps);
	}
	json_key(&w, "source");
	json_string(&w, source);
	json_key(&w, "noticed");
	json_time(&w, now);
	json_object_end(&w);
}

/* One line for each source as far as they fit, one for all the rest. */
int reserve_write(struct reserve *r, uint64_t *events, struct error *error)
{
	struct buffer json;
	int64_t now = env_now(r->env);
	uint64_t rest = r->others;
	*events = r->others;
	buffer_init(&json, r->env);
	for (uint32_t i = 0; i < r->source_count; i++) {
		const struct reserve_source *s = &r->sources[i];
		struct slice line = slice_of(s->line, s->len);
		*events += s->count;
		gap_text(&json, line, s->count, 0, now);
		if (r->text.len + line.len + json.len + 2 + TAIL_ROOM <= TEXT_MAX)
			add_line(r, line, buffer_slice(&json));
		else
			rest += s->count;
	}
	if (rest || r->gaps) {
		gap_text(&json, SLICE_NONE, rest, r->gaps, now);
		add_line(r, SLICE_NONE, buffer_slice(&json));
	}
	bool failed = json.failed || r->text.failed;
	buffer_free(&json);
	if (failed)
		return error_set(error, ERROR_MEMORY, "no memory for the reserve");
	if (r->text.len > TEXT_MAX)
		return error_set(error, ERROR_FULL, "%s still holds what earlier stops left: the log has not taken it yet",
						 r->path);
	return overwrite(r, buffer_slice(&r->text), error);
}

void reserve_close(struct reserve *r)
{
	if (!r->env)
		return;
	buffer_free(&r->text);
	env_free(r->env, r->tickets);
	env_free(r->env, r->sources);
}
