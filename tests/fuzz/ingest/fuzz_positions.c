/* Any octets as a file of positions; and any octets as its records, with checksums that hold. */
#include "ingest/positions.h"
#include "tests/support/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATH "/positions"
#define HEAD_BYTES 40u

static int see_file(void *ctx, uint32_t id, const struct position_file *file)
{
	bool *known = ctx;
	CHECK(id < LIMIT_follow_files && file->path.len > 0 && file->path.len < POSITION_PATH_MAX);
	known[id] = true;
	return 0;
}

static int see_position(void *ctx, uint32_t id, const struct position *position)
{
	(void)ctx;
	CHECK(id < LIMIT_follow_files && position->head_len <= LIMIT_follow_head_bytes &&
		  position->head_len <= position->offset);
	return 0;
}

static int arrived(void *ctx, const struct fence *fence, struct error *error)
{
	(void)ctx;
	(void)error;
	return (int)(fence->place & 1);
}

static void load(struct fake *fake)
{
	static bool known[1024];
	struct positions p;
	struct error error = {0};
	struct positions_visitor v = {.file = see_file, .position = see_position, .arrived = arrived, .ctx = known};
	CHECK(positions_init(&p, &fake->env, PATH, &error) == 0);
	CHECK(positions_load(&p, &v, &error) == 0 || error.text[0] != 0);
	positions_close(&p);
}

/* The lengths are the input's, as far as there is room for a checksum behind each. */
static void seal(uint8_t *octets, size_t len)
{
	format_put_head(octets, "CRSF", &(struct format_head){.head_bytes = HEAD_BYTES});
	put_u64(octets + 24, 0);
	put_u64(octets + 32, xxh3(slice_of(octets, 32)));
	for (size_t at = HEAD_BYTES; at + 24 <= len;) {
		size_t size = get_u32(octets + at) & 0xff8;
		if (size < 24 || size > len - at)
			return;
		put_u32(octets + at, (uint32_t)size);
		put_u64(octets + at + size - 8, xxh3_seeded(slice_of(octets + at, size - 8), 0));
		at += size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake *fake = fake_new(1);
	struct buffer b;
	buffer_init(&b, &fake->env);
	fake_file_put(fake, PATH, data, size);
	load(fake);
	buffer_add_zeros(&b, HEAD_BYTES);
	buffer_add(&b, data, size);
	seal(b.ptr, b.len);
	fake_file_put(fake, PATH, b.ptr, b.len);
	load(fake);
	buffer_free(&b);
	CHECK(fake->memory.outstanding == 0);
	fake_free(fake);
	return 0;
}
