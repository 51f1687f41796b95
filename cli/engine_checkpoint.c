/* The file of the engine's checkpoint (docs/format-checkpoint.md, "The file of the engine").
 *
 * DATA/engine/checkpoint-<generation>: common head "CRSE", then
 *
 *   octets  what
 *   8       length of all that follows, checksum included
 *   4       positions n
 *   n * 16  kind u32, partition u32, offset u64: what a feed reads next (kind: its duty), or one of engine_unfinished.c's
 *   32      digest of the ruleset
 *   8 + x   detect state: length, octets
 *   8 + y   temporal state: length, octets
 *   16 + z  what retires beside the ruleset (docs/format-checkpoint.md)
 *   8       XXH3-64 of everything before
 *
 * States can be as large as the windows: each is built once in memory, and written from there.
 */
#include "cli/engine.h"

#include <inttypes.h>
#include <stdio.h>

#define CHECKPOINT_MAX ((size_t)1 << 32)
#define LENGTH_BYTES 8u

void engine_checkpoint_path(const char *data, uint64_t generation, char *out, size_t size)
{
	snprintf(out, size, "%s/engine/checkpoint-%020" PRIu64, data, generation);
}

/* ---- reading ---- */

int engine_checkpoint_read(const struct env *env, const char *data, uint64_t generation, struct buffer *checkpoint,
						   struct error *error)
{
	char path[4300];
	uint8_t *octets;
	size_t len;
	engine_checkpoint_path(data, generation, path, sizeof path);
	int result = env_read_file(env, path, CHECKPOINT_MAX, &octets, &len);
	if (result)
		return error_io(error, result, "cannot read the checkpoint %s", path);
	if (len < FORMAT_HEAD_BYTES + 16 || xxh3(slice_of(octets, len - 8)) != get_u64(octets + len - 8)) {
		env_free(env, octets);
		return error_set(error, ERROR_DAMAGED, "the checkpoint %s is damaged: its checksum does not hold", path);
	}
	buffer_free(checkpoint);
	*checkpoint = (struct buffer){.env = env, .ptr = octets, .len = len - 8, .size = len};
	return 0;
}

int engine_checkpoint_open(struct slice octets, struct engine_saved *out, struct error *error)
{
	struct format_head head;
	int result = format_get_head(octets, "CRSE", 0, 0, &head, error);
	if (result)
		return result;
	struct reader r = reader_of(slice_from(octets, head.head_bytes));
	reader_u64(&r);
	out->position_count = reader_u32(&r);
	out->positions = reader_slice(&r, (size_t)out->position_count * ENGINE_POSITION_BYTES);
	out->digest = reader_slice(&r, 32);
	out->detect = reader_slice(&r, (size_t)reader_u64(&r));
	out->temporal = reader_slice(&r, (size_t)reader_u64(&r));
	out->observed_ns = out->passed_ns = INT64_MIN;
	out->retiring = SLICE_NONE;
	if (!r.failed && reader_left(&r) > 0) { /* one of a version before this part has none */
		out->observed_ns = (int64_t)reader_u64(&r);
		out->passed_ns = (int64_t)reader_u64(&r);
		out->retiring = reader_slice(&r, reader_left(&r));
	}
	return r.failed ? error_set(error, ERROR_FORMAT, "the checkpoint of the engine ends too early") : 0;
}

/* ---- writing ---- */

/* As they stand in the file, one behind the other. */
enum piece {
	PIECE_HEAD, /* up to the length of detect's state */
	PIECE_DETECT,
	PIECE_BETWEEN, /* the length of temporal's state */
	PIECE_TEMPORAL,
	PIECE_TAIL, /* with the checksum */
	PIECE_COUNT
};

struct pieces {
	struct buffer of[PIECE_COUNT];
};

static uint64_t pieces_len(const struct pieces *p)
{
	uint64_t len = 0;
	for (unsigned i = 0; i < PIECE_COUNT; i++)
		len += p->of[i].len;
	return len;
}

static bool pieces_failed(const struct pieces *p)
{
	bool failed = false;
	for (unsigned i = 0; i < PIECE_COUNT; i++)
		failed |= p->of[i].failed;
	return failed;
}

static void put_head(const struct engine *e, const uint8_t digest[32], struct buffer *out)
{
	struct format_head head = {.version = 0, .head_bytes = FORMAT_HEAD_BYTES};
	uint8_t *p = buffer_room(out, FORMAT_HEAD_BYTES);
	if (!p)
		return;
	format_put_head(p, "CRSE", &head);
	out->len += FORMAT_HEAD_BYTES;
	buffer_add_u64(out, 0);
	engine_put_positions(e, out);
	buffer_add(out, digest, 32);
}

/* The length at the front and the checksum at the end, when all else is there. */
static void pieces_close(struct pieces *p)
{
	struct slice slices[PIECE_COUNT];
	uint64_t before = FORMAT_HEAD_BYTES + LENGTH_BYTES;
	if (pieces_failed(p))
		return;
	put_u64(p->of[PIECE_HEAD].ptr + FORMAT_HEAD_BYTES, pieces_len(p) - before + 8);
	for (unsigned i = 0; i < PIECE_COUNT; i++)
		slices[i] = buffer_slice(&p->of[i]);
	buffer_add_u64(&p->of[PIECE_TAIL], xxh3_seeded_parts(slices, PIECE_COUNT, 0));
}

static int build(struct engine *e, const uint8_t digest[32], struct pieces *p, struct error *error)
{
	int result = 0;
	put_head(e, digest, &p->of[PIECE_HEAD]);
	if (e->detect)
		result = detect_save(e->detect, &p->of[PIECE_DETECT]);
	buffer_add_u64(&p->of[PIECE_HEAD], p->of[PIECE_DETECT].len);
	if (!result && e->temporal)
		result = temporal_save(e->temporal, &p->of[PIECE_TEMPORAL]);
	buffer_add_u64(&p->of[PIECE_BETWEEN], p->of[PIECE_TEMPORAL].len);
	engine_put_retiring(e, &p->of[PIECE_TAIL]);
	if (result == -ERROR_IO)
		return error_set(error, ERROR_IO, "cannot make durable what was spilled");
	if (result == -ERROR_DAMAGED)
		return error_set(error, ERROR_DAMAGED, "what was spilled is damaged: the windows are not whole");
	pieces_close(p);
	if (result || pieces_failed(p))
		return error_set(error, ERROR_MEMORY, "no memory for a checkpoint");
	return 0;
}

static int write_pieces(const struct engine *e, const char *path, const struct pieces *p, struct error *error)
{
	const struct env_files *f = &e->env->files;
	uint64_t at = 0;
	int result = 0, fd = f->open(f->ctx, path, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE);
	if (fd < 0)
		return error_io(error, fd, "cannot write %s", path);
	for (unsigned i = 0; !result && i < PIECE_COUNT; i++) {
		if (p->of[i].len > 0)
			result = env_write_all(e->env, fd, p->of[i].ptr, p->of[i].len, at);
		at += p->of[i].len;
	}
	if (!result)
		result = f->sync(f->ctx, fd);
	f->close(f->ctx, fd);
	if (!result) {
		char dir[4300];
		snprintf(dir, sizeof dir, "%s/engine", e->config.data);
		result = f->sync_dir(f->ctx, dir);
	}
	return result ? error_io(error, result, "cannot write %s", path) : 0;
}

int engine_checkpoint_write(struct engine *e, uint64_t generation, const uint8_t digest[32], struct error *error)
{
	char path[4300];
	struct pieces p;
	for (unsigned i = 0; i < PIECE_COUNT; i++)
		buffer_init(&p.of[i], e->env);
	int result = build(e, digest, &p, error);
	engine_checkpoint_path(e->config.data, generation, path, sizeof path);
	if (!result)
		result = write_pieces(e, path, &p, error);
	for (unsigned i = 0; i < PIECE_COUNT; i++)
		buffer_free(&p.of[i]);
	return result;
}
