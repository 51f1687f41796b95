/* A log file of which we know nothing: recovery takes it or refuses it; what it takes can be read to the end, and a second
 * recovery changes nothing. The first octet of the input says how the rest is put into the file:
 *
 *	1  after a good head: frames whose checksums are made right, so that what stands behind them is reached
 *	2  the whole file, head included
 *	4  with a durable mark made of the next 24 octets
 *	0  after a good head, as it is
 */
#include "bus/log.h"
#include "tests/support/support.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY 0x6372657373657421u

static const struct bus_local_config config = {
	.dir = "log", .partitions = {0, 0, 0, 1}, .write_topics = 1u << TOPIC_CONTROL};

static void make_right(uint8_t *octets, size_t size)
{
	for (size_t at = 0; size - at >= LOG_FRAME_EXTRA;) {
		put_u32(octets + at, (uint32_t)KEY);
		size_t frame = log_frame_claim(octets + at, KEY);
		if (frame == 0 || frame > size - at)
			return;
		put_u64(octets + at + frame - 8, xxh3_seeded(slice_of(octets + at, frame - 8), KEY));
		at += frame;
	}
}

static void put_file(struct fake *fake, unsigned how, const uint8_t *data, size_t size)
{
	uint8_t *file = fake_must(malloc(LOG_HEAD_BYTES + size));
	log_head_put(file, &(struct log_head){.key = KEY, .previous_base = LOG_NO_BASE, .topic = TOPIC_CONTROL});
	if (size)
		memcpy(file + LOG_HEAD_BYTES, data, size);
	if (how & 1)
		make_right(file + LOG_HEAD_BYTES, size);
	size_t skip = how & 2 ? LOG_HEAD_BYTES : 0;
	fake_file_put(fake, "log/control/0/00000000000000000000.log", file + skip, LOG_HEAD_BYTES + size - skip);
	free(file);
}

static void put_mark(struct fake *fake, const uint8_t values[24])
{
	struct log_place place;
	struct log_slots slots = {.values = {get_u64(values), get_u64(values + 8), get_u64(values + 16)}};
	int fd = fake->env.files.open(fake, "log/control/0/durable", ENV_WRITE | ENV_TRUNCATE);
	CHECK(fd >= 0 && log_place_set(&place, "log", TOPIC_CONTROL, 0, NULL) == 0);
	CHECK(log_slots_write(&fake->env, fd, LOG_MARK_MAGIC, &place, &slots, NULL) == 0);
	fake->env.files.close(fake, fd);
	fake_file_settle(fake);
}

/* Every offset once; the mark that recovery wrote and the records agree. */
static void read_all(struct fake *fake)
{
	struct bus *bus;
	struct bus_reader *reader;
	struct bus_record record;
	uint64_t offset = 0, end;
	CHECK(bus_local_open(&fake->env, &config, &bus, NULL) == 0);
	CHECK(bus_open_reader(bus, "fuzz", TOPIC_CONTROL, 0, &reader, NULL) == 0);
	int result;
	for (; (result = bus_poll(reader, &record, NULL)) == 1; offset++)
		CHECK(record.offset == offset && record.payload.len <= (uint64_t)LIMIT_batch_bytes_max);
	CHECK(result == 0);
	CHECK(bus_durable(bus, TOPIC_CONTROL, 0, NULL, &end) == 0 && end == offset);
	CHECK(bus_produce(bus, TOPIC_CONTROL, 0, SLICE("next"), NULL, NULL) == 0 && bus_step(bus, true, NULL) >= 0);
	CHECK(bus_poll(reader, &record, NULL) == 1 && record.offset == offset);
	bus_reader_close(reader);
	bus_close(bus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 25)
		return 0;
	unsigned how = data[0];
	struct fake *fake = fake_new(1);
	uint64_t cut, again;
	CHECK(bus_local_recover(&fake->env, &config, NULL, NULL) == 0);
	fake_file_settle(fake);
	put_file(fake, how, data + 25, size - 25);
	if (how & 4)
		put_mark(fake, data + 1);
	int result = bus_local_recover(&fake->env, &config, &cut, NULL);
	if (result == 0) {
		CHECK(cut <= size);
		CHECK(bus_local_recover(&fake->env, &config, &again, NULL) == 0 && again == 0);
		read_all(fake);
	} else {
		CHECK(result == -ERROR_DAMAGED);
	}
	CHECK(fake->memory.outstanding == 0 && fake_files_open(fake) == 0);
	fake_free(fake);
	return 0;
}
