/* The door of following files: the table and the step. */
#include "ingest/follow.h"

#include <errno.h>
#include <stdio.h>

#define SCAN_NS NS_PER_S
#define BLOCKED_MS 10

/* ---- the table ---- */

struct followed *follow_by_path(struct ingest_follow *follow, const char *path)
{
	uint64_t hash = xxh3(slice_str(path));
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		struct followed *f = follow->files[i];
		if (f != NULL && f->named && f->path_hash == hash && strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

struct followed *follow_by_inode(struct ingest_follow *follow, const struct env_stat *st)
{
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		struct followed *f = follow->files[i];
		if (f != NULL && f->fd >= 0 && f->device == st->device && f->inode == st->inode)
			return f;
	}
	return NULL;
}

/* SHA-256 over the host's name and the path, each behind its length: the same after every rotation and restart. */
static int name_source(struct ingest_follow *follow, struct followed *f)
{
	struct sha256 *sha = sha256_new();
	if (sha == NULL)
		return -ERROR_MEMORY;
	sha256_start(sha);
	sha256_part(sha, follow->config.host);
	sha256_part(sha, slice_str(f->path));
	sha256_end(sha, f->digest);
	sha256_free(sha);
	return 0;
}

static void name_line(struct ingest_follow *follow, struct followed *f)
{
	memcpy(f->line, "file ", 5);
	hex_print(f->digest, sizeof(f->digest), f->line + 5);
	f->partition = source_partition(follow->in, slice_str(f->line));
}

static struct followed *add_at(struct ingest_follow *follow, uint32_t id, struct slice path)
{
	const struct env *env = follow->in->env;
	struct followed *f = env_zalloc(env, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->path = env_zalloc(env, path.len + 1);
	if (f->path == NULL) {
		env_free(env, f);
		return NULL;
	}
	memcpy(f->path, path.ptr, path.len);
	f->path_hash = xxh3(path);
	f->id = id;
	f->input = FOLLOW_NO_INPUT;
	f->fd = -1;
	f->written = FOLLOW_UNWRITTEN;
	follow->files[id] = f;
	return f;
}

/* A place that is free, or that of a file which no input asks for any more. */
static uint32_t place_find(struct ingest_follow *follow)
{
	uint32_t spare = UINT32_MAX;
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		const struct followed *f = follow->files[i];
		if (f == NULL)
			return i;
		if (follow->started && f->recalled && f->input == FOLLOW_NO_INPUT)
			spare = i;
	}
	if (spare != UINT32_MAX)
		follow_remove(follow, follow->files[spare]);
	return spare;
}

struct followed *follow_add(struct ingest_follow *follow, const char *path)
{
	uint32_t id = place_find(follow);
	struct followed *f = id == UINT32_MAX ? NULL : add_at(follow, id, slice_str(path));
	if (f != NULL && name_source(follow, f) < 0) {
		follow_remove(follow, f);
		return NULL;
	}
	if (f != NULL)
		name_line(follow, f);
	return f;
}

void follow_remove(struct ingest_follow *follow, struct followed *f)
{
	struct ingest *in = follow->in;
	/* A parked frame outlives its file. */
	if (in->parked && in->parked_origin.fixed == &f->source) {
		in->parked_source = f->source;
		in->parked_origin.fixed = &in->parked_source;
	}
	if (f->fd >= 0) {
		in->env->files.close(in->env->files.ctx, f->fd);
		follow->open--;
		follow->unnamed -= !f->named;
	}
	if (f->framer.env != NULL)
		framer_free(&f->framer);
	follow->files[f->id] = NULL;
	env_free(in->env, f->path);
	env_free(in->env, f);
}

/* ---- what a person should know, once ---- */

static uint64_t matter(const char *path, int result)
{
	return (xxh3(slice_str(path)) & ~(uint64_t)0xfff) | (uint64_t)(-result & 0xfff);
}

static const char *reason(int result)
{
	switch (result) {
	case -ELOOP:
		return "is a symbolic link, which a pattern does not follow: name what it leads to";
	case -EINVAL:
		return "is no regular file";
	case -ENFILE:
		return "is not followed yet: too many files (limit follow_files), or no memory";
	default:
		return strerror(-result);
	}
}

void follow_tell(struct ingest_follow *follow, const char *path, int result)
{
	uint64_t key = matter(path, result);
	for (uint32_t i = 0; i < FOLLOW_TOLD; i++)
		if (follow->told[i] == key)
			return;
	follow->told[follow->told_next++ % FOLLOW_TOLD] = key;
	if (follow->config.tell != NULL)
		follow->config.tell(follow->config.ctx, path, reason(result));
}

void follow_untell(struct ingest_follow *follow, const char *path)
{
	uint64_t key = matter(path, 0);
	for (uint32_t i = 0; i < FOLLOW_TOLD; i++)
		if ((follow->told[i] & ~(uint64_t)0xfff) == key)
			follow->told[i] = 0;
}

/* ---- the step ---- */

/* F3 */
static void forget(struct ingest_follow *follow, struct followed *f)
{
	if (!f->leaving || f->notes != 0 || follow_is_pending(follow, f) || f->settled.offset != followed_added(follow, f))
		return;
	if (f->settled.offset == POSITION_GONE || follow_record_gone(follow, f) == 0)
		follow_remove(follow, f);
}

static void look(struct ingest_follow *follow, int64_t boot)
{
	bool recalled = false;
	for (uint32_t i = 0; i < LIMIT_follow_files; i++)
		if (follow->files[i] != NULL)
			followed_look(follow, follow->files[i]);
	if (boot >= follow->scan_boot_ns) {
		follow->scan_boot_ns = boot + SCAN_NS;
		follow_scan(follow);
		for (uint32_t i = 0; i < LIMIT_follow_files && !recalled; i++)
			recalled = follow->files[i] != NULL && follow->files[i]->recalled;
		if (recalled)
			follow_search(follow);
		follow->started = true;
	}
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		if (follow->files[i] == NULL)
			continue;
		followed_notes(follow, follow->files[i]);
		forget(follow, follow->files[i]);
	}
	follow->busy = true;
	follow->look_boot_ns = boot + LIMIT_follow_look_ms * NS_PER_MS;
}

/* What was written before the name went to another file comes before what was written after. */
static bool waits(const struct ingest_follow *follow, const struct followed *f)
{
	for (uint32_t i = 0; follow->unnamed > 0 && f->named && i < LIMIT_follow_files; i++) {
		const struct followed *older = follow->files[i];
		if (older != NULL && older->fd >= 0 && !older->named && followed_unread(older) &&
			memcmp(older->digest, f->digest, sizeof(f->digest)) == 0)
			return true;
	}
	return false;
}

/* Each file that has something in turn, so that a large one holds up no other. */
static size_t read_round(struct ingest_follow *follow, size_t budget)
{
	size_t used = 0;
	for (uint32_t n = 0; n < LIMIT_follow_files && used < budget && !ingest_blocked(follow->in); n++) {
		struct followed *f = follow->files[follow->turn];
		follow->turn = (follow->turn + 1) % (uint32_t)LIMIT_follow_files;
		if (f != NULL && followed_unread(f) && !waits(follow, f))
			used += followed_read(follow, f, budget - used);
	}
	return used;
}

int ingest_follow_step(struct ingest_follow *follow, size_t budget, struct error *error)
{
	int64_t boot = env_boot(follow->in->env);
	size_t left = budget;
	if (follow->positions.broken)
		return positions_sync(&follow->positions, error);
	if (ingest_blocked(follow->in))
		return BLOCKED_MS;
	if (boot >= follow->look_boot_ns)
		look(follow, boot);
	while (follow->busy && left > 0 && !ingest_blocked(follow->in)) {
		size_t used = read_round(follow, left);
		follow->busy = used > 0;
		left -= used;
	}
	if (follow->busy)
		return 0;
	return boot >= follow->look_boot_ns ? 0 : (int)((follow->look_boot_ns - boot + NS_PER_MS - 1) / NS_PER_MS);
}

uint32_t ingest_follow_count(const struct ingest_follow *follow)
{
	return follow->open;
}

/* ---- opening ---- */

static int load_file(void *ctx, uint32_t id, const struct position_file *file)
{
	struct ingest_follow *follow = ctx;
	struct followed *before = follow->files[id];
	struct position settled = {0};
	/* The same file under another name keeps its position. */
	if (before != NULL && before->inode == file->inode && memcmp(before->digest, file->source, 32) == 0)
		settled = before->settled;
	if (before != NULL)
		follow_remove(follow, before);
	struct followed *f = add_at(follow, id, file->path);
	if (f == NULL)
		return -ERROR_MEMORY;
	f->device = file->device;
	f->inode = file->inode;
	f->recalled = true;
	f->settled = settled;
	memcpy(f->digest, file->source, sizeof(f->digest));
	name_line(follow, f);
	return 0;
}

static int load_position(void *ctx, uint32_t id, const struct position *position)
{
	struct ingest_follow *follow = ctx;
	if (follow->files[id] == NULL)
		return -ERROR_FORMAT;
	if (position->offset == POSITION_GONE)
		follow_remove(follow, follow->files[id]);
	else
		follow->files[id]->settled = *position;
	return 0;
}

static int load_arrived(void *ctx, const struct fence *fence, struct error *error)
{
	struct ingest_follow *follow = ctx;
	return follow->config.arrived(follow->config.ctx, fence->partition, fence->epoch, fence->sequence, fence->place,
								  error);
}

static int check_input(const struct follow_input *input, struct error *error)
{
	if (input->pattern[0] != '/' || strlen(input->pattern) >= POSITION_PATH_MAX)
		return error_set(error, ERROR_USAGE, "a followed file is given by its path from the root, not \"%.100s\"",
						 input->pattern);
	if (input->framing != FRAMING_LF && input->framing != FRAMING_NUL)
		return error_set(error, ERROR_USAGE, "records of a followed file end with LF or with NUL");
	return 0;
}

static int open_all(struct ingest_follow *follow, struct error *error)
{
	struct positions_visitor visitor = {
		.file = load_file, .position = load_position, .arrived = load_arrived, .ctx = follow};
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < follow->config.input_count; i++)
		result = check_input(&follow->config.inputs[i], error);
	if (result == 0)
		result = positions_init(&follow->positions, follow->in->env, follow->config.positions, error);
	if (result == 0)
		result = positions_load(&follow->positions, &visitor, error);
	/* What the fences said is written down as known, before any batch can be taken for one of those they name. */
	return result < 0 ? result : follow_snapshot(follow, error);
}

int ingest_follow_new(struct ingest *ingest, const struct follow_config *config, struct ingest_follow **out,
					  struct error *error)
{
	struct ingest_follow *follow = env_zalloc(ingest->env, sizeof(*follow));
	CHECK(LIMIT_follow_head_bytes == FOLLOW_HEAD && LIMIT_follow_files == sizeof(follow->files) / sizeof(void *));
	if (follow == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for following files");
	follow->in = ingest;
	follow->config = *config;
	follow->positions.fd = -1;
	buffer_init(&follow->records, ingest->env);
	buffer_init(&follow->note, ingest->env);
	int result = open_all(follow, error);
	if (result < 0) {
		ingest_follow_free(follow);
		return result;
	}
	*out = follow;
	return 0;
}

void ingest_follow_free(struct ingest_follow *follow)
{
	if (follow == NULL)
		return;
	const struct env *env = follow->in->env;
	for (uint32_t i = 0; i < LIMIT_follow_files; i++)
		if (follow->files[i] != NULL)
			follow_remove(follow, follow->files[i]);
	if (follow->positions.env != NULL)
		positions_close(&follow->positions);
	buffer_free(&follow->records);
	buffer_free(&follow->note);
	env_free(env, follow->pending);
	env_free(env, follow);
}
