/* One followed file: found, told from others, looked at, let go. */
#include "ingest/follow.h"

#include <errno.h>

/* A file that a pattern named is never reached through a link: who may write into the folder could make us read what is not
 * his. A path that was written out is the operator's own word. */
int followed_open(struct ingest_follow *follow, const char *path, bool by_pattern, struct env_stat *st)
{
	const struct env_files *files = &follow->in->env->files;
	int fd = files->open(files->ctx, path, ENV_READ | ENV_PLAIN | (by_pattern ? ENV_NO_LINK : 0));
	if (fd < 0)
		return fd;
	int result = files->fstat(files->ctx, fd, st);
	if (result == 0)
		return fd;
	files->close(files->ctx, fd);
	return result;
}

int followed_is(struct ingest_follow *follow, struct followed *f, int fd, const struct position *position)
{
	CHECK(position->head_len <= FOLLOW_HEAD);
	int result = position->head_len > 0 ? env_read_all(follow->in->env, fd, f->head, position->head_len, 0) : 0;
	return result < 0 ? result : xxh3(slice_of(f->head, position->head_len)) == position->head_hash;
}

struct position followed_position(struct followed *f, uint64_t offset)
{
	struct position position = {.offset = offset};
	if (offset == POSITION_GONE)
		return position;
	CHECK(offset <= f->read_at);
	position.head_len = offset < FOLLOW_HEAD ? (uint32_t)offset : FOLLOW_HEAD;
	position.head_hash = xxh3(slice_of(f->head, position.head_len));
	return position;
}

void followed_attach(struct ingest_follow *follow, struct followed *f, int fd, const struct env_stat *st)
{
	f->fd = fd;
	f->device = st->device;
	f->inode = st->inode;
	f->size = st->size;
	f->mtime_ns = st->mtime_ns;
	f->changed_boot_ns = env_boot(follow->in->env);
	f->recalled = false;
	follow->open++;
}

void followed_unname(struct ingest_follow *follow, struct followed *f)
{
	if (!f->named)
		return;
	f->named = false;
	f->changed_boot_ns = env_boot(follow->in->env);
	follow->unnamed++;
}

static void rename_to(struct ingest_follow *follow, struct followed *f, const char *path)
{
	size_t size = strlen(path) + 1;
	char *copy = env_alloc(follow->in->env, size);
	if (copy == NULL)
		return; /* at the next look at the names */
	memcpy(copy, path, size);
	env_free(follow->in->env, f->path);
	f->path = copy;
	f->path_hash = xxh3(slice_str(path));
	f->named = true;
	follow->unnamed--;
	follow_record_name(follow, f);
}

/* ---- a new one ---- */

/* The first record that begins in the last octets: a line that somebody is writing now is not cut in two. */
static int end_find(struct ingest_follow *follow, struct followed *f, uint64_t *offset)
{
	struct ingest *in = follow->in;
	size_t len = f->size < READ_BYTES ? (size_t)f->size : READ_BYTES;
	uint8_t ends = f->framer.framing == FRAMING_NUL ? 0 : '\n';
	int result = env_read_all(in->env, f->fd, in->read_buf, len, f->size - len);
	*offset = f->size;
	for (size_t i = len; result == 0 && i > 0; i--) {
		if (in->read_buf[i - 1] == ends) {
			*offset = f->size - len + i;
			break;
		}
	}
	return result;
}

static int begin_at_end(struct ingest_follow *follow, struct followed *f)
{
	uint64_t offset = 0;
	int result = end_find(follow, f, &offset);
	if (result == 0 && offset > 0)
		result = env_read_all(follow->in->env, f->fd, f->head, offset < FOLLOW_HEAD ? (size_t)offset : FOLLOW_HEAD, 0);
	if (result == 0)
		f->read_at = f->added = f->handed = offset;
	return result;
}

static bool has_source(const struct ingest_follow *follow, const struct followed *f)
{
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		const struct followed *other = follow->files[i];
		if (other != NULL && other != f && memcmp(other->digest, f->digest, sizeof(f->digest)) == 0)
			return true;
	}
	return false;
}

/* Written down before anything is read: a file that begins at its end begins there once. */
static void adopt(struct ingest_follow *follow, uint32_t input, const char *path, int fd, const struct env_stat *st)
{
	struct ingest *in = follow->in;
	const struct follow_input *given = &follow->config.inputs[input];
	struct followed *f = follow_add(follow, path);
	if (f == NULL) {
		in->env->files.close(in->env->files.ctx, fd);
		follow_tell(follow, path, -ENFILE);
		return;
	}
	f->input = input;
	f->named = f->hole = true;
	framer_init(&f->framer, in->env, given->framing, true, in->config.message_bytes);
	followed_attach(follow, f, fd, st);
	int result = given->from_end && !follow->started && !has_source(follow, f) ? begin_at_end(follow, f) : 0;
	if (result == 0)
		result = follow_record(follow, f, NULL) < 0 ? -ENOSPC : 0;
	if (result < 0) {
		follow_tell(follow, path, result);
		follow_remove(follow, f);
		return;
	}
	f->notes |= NOTE_FOLLOWED;
}

/* ---- one of earlier times ---- */

/* Device numbers change when a machine starts, inodes do not; so the device may differ under the name that it had. */
static bool may_be(const struct followed *f, const char *path, const struct env_stat *st)
{
	return f->recalled && f->inode == st->inode && (f->device == st->device || strcmp(f->path, path) == 0);
}

static void go_on(struct ingest_follow *follow, uint32_t input, struct followed *f, int fd, const struct env_stat *st,
				  bool same)
{
	struct ingest *in = follow->in;
	f->input = input;
	f->named = true;
	f->hole = !same || f->settled.offset == 0;
	framer_init(&f->framer, in->env, follow->config.inputs[input].framing, true, in->config.message_bytes);
	followed_attach(follow, f, fd, st);
	f->read_at = f->added = f->handed = same ? f->settled.offset : 0;
	f->written = same ? f->settled.offset : FOLLOW_UNWRITTEN;
	f->notes |= same ? 0 : NOTE_TRUNCATED;
	f->notes |= f->settled.offset == 0 ? NOTE_FOLLOWED : 0; /* that row may not have arrived */
}

/* Goes on where it was left; or, under its own name with other content, from the beginning. 1, 0 when it is not the file,
 * or a negative errno: then nothing is known. */
static int recall(struct ingest_follow *follow, uint32_t input, struct followed *f, const char *path, int fd,
				  const struct env_stat *st)
{
	bool own_name = strcmp(f->path, path) == 0, is_long = st->size >= f->settled.offset;
	int same = is_long ? followed_is(follow, f, fd, &f->settled) : 0;
	if (same < 0 || (same == 0 && !own_name))
		return same;
	go_on(follow, input, f, fd, st, same);
	if (!own_name) {
		followed_unname(follow, f);
		rename_to(follow, f, path);
	}
	follow_record_name(follow, f);
	return 1;
}

static int recall_any(struct ingest_follow *follow, uint32_t input, const char *path, int fd, const struct env_stat *st)
{
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < LIMIT_follow_files; i++) {
		struct followed *f = follow->files[i];
		if (f != NULL && may_be(f, path, st))
			result = recall(follow, input, f, path, fd, st);
	}
	return result;
}

void follow_candidate(struct ingest_follow *follow, uint32_t input, const char *path, bool by_pattern)
{
	const struct env_files *files = &follow->in->env->files;
	struct env_stat st;
	int result = files->stat(files->ctx, path, &st);
	if (result == -ENOENT || (result == 0 && st.is_dir && by_pattern))
		return;
	if (result == 0) {
		struct followed *f = follow_by_inode(follow, &st);
		if (f != NULL && !f->named)
			rename_to(follow, f, path);
		if (f != NULL) /* at most another name of what is followed already */
			return;
	}
	int fd = followed_open(follow, path, by_pattern, &st);
	if (fd < 0) {
		if (fd != -ENOENT)
			follow_tell(follow, path, fd);
		return;
	}
	follow_untell(follow, path);
	result = recall_any(follow, input, path, fd, &st);
	if (result == 0)
		adopt(follow, input, path, fd, &st);
	if (result < 0) {
		files->close(files->ctx, fd);
		follow_tell(follow, path, result);
	}
}

/* ---- looking ---- */

/* Growth is compared when it is read; a file of the same size can be another one as well. */
static bool is_other(struct ingest_follow *follow, struct followed *f, const struct env_stat *st)
{
	int same = st->mtime_ns != f->mtime_ns && st->size == f->read_at ? followed_begins(follow, f) : 1;
	if (same >= 0) /* otherwise it is asked again */
		f->mtime_ns = st->mtime_ns;
	return same == 0;
}

static void see_content(struct ingest_follow *follow, struct followed *f, const struct env_stat *st)
{
	if (st->size != f->size || st->mtime_ns != f->mtime_ns)
		f->changed_boot_ns = env_boot(follow->in->env);
	if (st->size < f->read_at || is_other(follow, f, st))
		followed_restart(follow, f, f->size > f->read_at ? f->size - f->read_at : 0);
	if (st->size >= f->read_at)
		f->size = st->size;
}

static void see_name(struct ingest_follow *follow, struct followed *f, struct env_stat *st)
{
	const struct env_files *files = &follow->in->env->files;
	int result = files->stat(files->ctx, f->path, st);
	if (result == 0 && st->device == f->device && st->inode == f->inode)
		return;
	if (result == 0 || result == -ENOENT)
		followed_unname(follow, f);
	if (result == 0)
		follow_candidate(follow, f->input, f->path, follow_pattern_magic(follow->config.inputs[f->input].pattern));
}

static bool is_over(struct ingest_follow *follow, const struct followed *f)
{
	int64_t quiet_ns = env_boot(follow->in->env) - f->changed_boot_ns;
	return !f->named && !followed_unread(f) && quiet_ns >= LIMIT_follow_rotated_s * NS_PER_S;
}

static void let_go(struct ingest_follow *follow, struct followed *f)
{
	const struct env_files *files = &follow->in->env->files;
	if (!followed_finish(follow, f))
		return;
	files->close(files->ctx, f->fd);
	f->fd = -1;
	f->leaving = true;
	follow->open--;
	follow->unnamed--;
}

void followed_look(struct ingest_follow *follow, struct followed *f)
{
	const struct env_files *files = &follow->in->env->files;
	struct env_stat st;
	if (f->fd < 0)
		return;
	if (f->named)
		see_name(follow, f, &st);
	if (files->fstat(files->ctx, f->fd, &st) == 0)
		see_content(follow, f, &st);
	if (is_over(follow, f))
		let_go(follow, f);
}
