/* Any octets as a stream: the frames must not depend on where the stream was cut, and never pass the limit. */
#include "ingest/frame.h"

#include <stdlib.h>

struct sum {
	uint64_t hash, frames;
};

static void see(struct sum *sum, const struct frame *frame, size_t limit)
{
	CHECK(frame->octets.len <= limit && frame->full_len >= frame->octets.len);
	sum->hash = sum->hash * UINT64_C(0x9e3779b97f4a7c15) + xxh3(frame->octets) + frame->full_len * 3 + frame->flags +
				frame->hash[0];
	sum->frames++;
}

static struct sum run(const struct env *env, enum framing framing, bool is_file, size_t limit, struct slice all,
					  size_t step)
{
	struct framer f;
	struct frame frame;
	struct sum sum = {0, 0};
	framer_init(&f, env, framing, is_file, limit);
	for (size_t at = 0; at < all.len; at += step) {
		struct slice in = slice_of(all.ptr + at, all.len - at < step ? all.len - at : step);
		while (framer_next(&f, &in, &frame) == 1)
			see(&sum, &frame, limit);
		CHECK(in.len == 0);
	}
	if (framer_end(&f, &frame) == 1)
		see(&sum, &frame, limit);
	framer_free(&f);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env env = env_system();
	if (size < 2)
		return 0;
	enum framing framing = (enum framing)(data[0] & 3);
	bool is_file = (data[0] & 4) != 0;
	size_t limit = 16 + data[1];
	struct slice all = slice_of(data + 2, size - 2);
	struct sum whole = run(&env, framing, is_file, limit, all, all.len + 1);
	for (size_t step = 1; step <= 7; step += 3) {
		struct sum cut = run(&env, framing, is_file, limit, all, step);
		CHECK(cut.hash == whole.hash && cut.frames == whole.frames);
	}
	return 0;
}
