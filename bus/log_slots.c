#include "bus/log.h"

#include <errno.h>

#define USED 72u

static uint64_t place_word(const struct log_place *place)
{
	return (uint64_t)place->topic << 32 | place->partition;
}

static void slot_put(uint8_t out[LOG_SLOT_BYTES], const char magic[4], const struct log_place *place,
					 const struct log_slots *slots)
{
	memset(out, 0, LOG_SLOT_BYTES);
	format_put_head(out, magic, &(struct format_head){.version = 0, .head_bytes = USED});
	put_u64(out + 24, slots->generation);
	for (unsigned i = 0; i < 3; i++)
		put_u64(out + 32 + 8 * i, slots->values[i]);
	put_u64(out + 56, place_word(place));
	put_u64(out + 64, xxh3(slice_of(out, 64)));
}

static bool slot_get(const uint8_t *octets, const char magic[4], const struct log_place *place, struct log_slots *out)
{
	struct format_head head;
	if (format_get_head(slice_of(octets, LOG_SLOT_BYTES), magic, 0, 0, &head, NULL) < 0 || head.head_bytes != USED)
		return false;
	if (get_u64(octets + 64) != xxh3(slice_of(octets, 64)) || get_u64(octets + 56) != place_word(place))
		return false;
	out->generation = get_u64(octets + 24);
	for (unsigned i = 0; i < 3; i++)
		out->values[i] = get_u64(octets + 32 + 8 * i);
	return out->generation > 0 && out->generation < UINT64_MAX;
}

static int read_octets(const struct env *env, int fd, uint8_t *out, size_t len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t got = env->files.pread(env->files.ctx, fd, out + done, len - done, done);
		if (got == -EINTR)
			continue;
		if (got < 0)
			return (int)got;
		if (got == 0)
			return 0;
		done += (size_t)got;
	}
	return 0;
}

/* A slot that another process is just writing has a checksum that does not hold; then the other one counts. */
int log_slots_read(const struct env *env, int fd, const char magic[4], const struct log_place *place,
				   struct log_slots *out, struct error *error)
{
	uint8_t octets[2 * LOG_SLOT_BYTES] = {0};
	int result = read_octets(env, fd, octets, sizeof(octets));
	if (result < 0)
		return error_io(error, result, "cannot read positions in %s", place->dir);
	struct log_slots slot;
	*out = (struct log_slots){0};
	for (unsigned i = 0; i < 2; i++)
		if (slot_get(octets + i * LOG_SLOT_BYTES, magic, place, &slot) && slot.generation > out->generation)
			*out = slot;
	return 0;
}

/* Generation g stands in slot g & 1, so the one overwritten is never the newest. */
int log_slots_write(const struct env *env, int fd, const char magic[4], const struct log_place *place,
					struct log_slots *slots, struct error *error)
{
	uint8_t octets[LOG_SLOT_BYTES];
	struct log_slots next = *slots;
	next.generation++;
	slot_put(octets, magic, place, &next);
	int result = env_write_all(env, fd, octets, sizeof(octets), (next.generation & 1) * LOG_SLOT_BYTES);
	if (result < 0)
		return error_io(error, result, "cannot write positions in %s", place->dir);
	*slots = next;
	return 0;
}
