/* What is written down about followed files: with every batch, at the end of one, and all of it anew. */
#include "ingest/follow.h"

#define COMPACT_BYTES (192u << 10) /* less than is reserved */

/* ---- records ---- */

static void put_file(struct ingest_follow *follow, struct buffer *out, const struct followed *f)
{
	struct position_file file = {.device = f->device, .inode = f->inode, .path = slice_str(f->path)};
	memcpy(file.source, f->digest, sizeof(file.source));
	positions_put_file(&follow->positions, out, f->id, &file);
}

static int append(struct ingest_follow *follow, struct error *error)
{
	if (follow->records.failed)
		return error_set(error, ERROR_MEMORY, "no memory for the positions of files");
	return positions_append(&follow->positions, buffer_slice(&follow->records), error);
}

void follow_record_name(struct ingest_follow *follow, const struct followed *f)
{
	buffer_reset(&follow->records);
	put_file(follow, &follow->records, f);
	(void)append(follow, NULL);
}

int follow_record(struct ingest_follow *follow, struct followed *f, struct error *error)
{
	struct position position = followed_position(f, f->added);
	buffer_reset(&follow->records);
	put_file(follow, &follow->records, f);
	positions_put(&follow->positions, &follow->records, f->id, &position, NULL);
	int result = append(follow, error);
	if (result < 0)
		return result;
	f->settled = position;
	f->written = position.offset;
	return 0;
}

int follow_record_gone(struct ingest_follow *follow, const struct followed *f)
{
	static const struct position gone = {.offset = POSITION_GONE};
	buffer_reset(&follow->records);
	positions_put(&follow->positions, &follow->records, f->id, &gone, NULL);
	return append(follow, NULL);
}

/* Everything that is known, in as few records as say it. */
int follow_snapshot(struct ingest_follow *follow, struct error *error)
{
	struct buffer *out = &follow->records;
	buffer_reset(out);
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		if (follow->files[i] == NULL)
			continue;
		put_file(follow, out, follow->files[i]);
		positions_put(&follow->positions, out, i, &follow->files[i]->settled, NULL);
	}
	for (size_t i = 0; i < follow->pending_count; i++) {
		const struct pending *p = &follow->pending[i];
		positions_put(&follow->positions, out, p->id, &p->position, &p->fence);
	}
	if (out->failed)
		return error_set(error, ERROR_MEMORY, "no memory for the positions of files");
	int result = positions_replace(&follow->positions, buffer_slice(out), error);
	follow->snapshot = follow->positions.size;
	return result;
}

/* ---- batches ---- */

static bool pending_room(struct ingest_follow *follow, size_t more)
{
	size_t size = follow->pending_size > 0 ? follow->pending_size : 64;
	while (size < follow->pending_count + more)
		size *= 2;
	if (size == follow->pending_size)
		return true;
	struct pending *pending = env_resize(follow->in->env, follow->pending, size * sizeof(*pending));
	if (pending == NULL)
		return false;
	follow->pending = pending;
	follow->pending_size = size;
	return true;
}

bool follow_is_pending(const struct ingest_follow *follow, const struct followed *f)
{
	for (size_t i = 0; i < follow->pending_count; i++)
		if (follow->pending[i].id == f->id)
			return true;
	return false;
}

/* Positions that this batch brings about, behind those that are pending; how many. */
static size_t pending_add(struct ingest_follow *follow, const struct fence *fence, uint64_t ticket)
{
	size_t count = 0;
	for (uint32_t i = 0; i < LIMIT_follow_files; i++) {
		struct followed *f = follow->files[i];
		if (f == NULL || f->recalled || follow->in->partitions[f->partition].number != fence->partition ||
			followed_added(follow, f) == f->written)
			continue;
		struct pending *p = &follow->pending[follow->pending_count + count++];
		*p = (struct pending){.id = i, .ticket = ticket, .position = followed_position(f, f->added), .fence = *fence};
		positions_put(&follow->positions, &follow->records, i, &p->position, fence);
	}
	return count;
}

int ingest_follow_batch(struct ingest_follow *follow, uint32_t partition, uint32_t rows, uint64_t ticket,
						uint64_t place, struct error *error)
{
	struct ingest *in = follow->in;
	struct fence fence = {.epoch = in->config.epoch, .place = place, .partition = partition};
	for (uint32_t i = 0; i < in->partition_count; i++)
		if (in->partitions[i].number == partition)
			fence.sequence = in->partitions[i].next_sequence + rows;
	if (!pending_room(follow, LIMIT_follow_files))
		return error_set(error, ERROR_MEMORY, "no memory for the positions of files");
	buffer_reset(&follow->records);
	size_t count = pending_add(follow, &fence, ticket);
	int result = count > 0 ? append(follow, error) : 0;
	if (result < 0)
		return result;
	for (size_t i = 0; i < count; i++) {
		const struct pending *p = &follow->pending[follow->pending_count + i];
		follow->files[p->id]->written = p->position.offset;
	}
	follow->pending_count += count;
	return 0;
}

void ingest_follow_durable(struct ingest_follow *follow, uint32_t partition, uint64_t tickets)
{
	size_t kept = 0;
	for (size_t i = 0; i < follow->pending_count; i++) {
		const struct pending *p = &follow->pending[i];
		if (p->fence.partition == partition && p->ticket <= tickets)
			follow->files[p->id]->settled = p->position;
		else
			follow->pending[kept++] = *p;
	}
	follow->pending_count = kept;
}

int ingest_follow_sync(struct ingest_follow *follow, struct error *error)
{
	int result = positions_sync(&follow->positions, error);
	if (result < 0 || follow->positions.size - follow->snapshot < COMPACT_BYTES)
		return result;
	/* A smaller file is a convenience, as long as the one in use is whole. */
	result = follow_snapshot(follow, error);
	return follow->positions.broken ? result : 0;
}

int ingest_follow_settle(struct ingest_follow *follow, struct error *error)
{
	return follow->pending_count == 0 ? follow_snapshot(follow, error) : 0;
}
