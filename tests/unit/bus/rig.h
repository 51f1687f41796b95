/* What the tests of the local log share: a log on a disk in memory, records that can be told apart, and an account of what
 * was acknowledged.
 */
#ifndef TESTS_UNIT_BUS_RIG_H
#define TESTS_UNIT_BUS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/log.h"
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define RIG_PARTITIONS 2u /* of events */
#define RIG_RECORDS 4096u
#define PAYLOAD_MAX 700u

/* What the test knows about one partition of events: which serial number stands at each offset. */
struct account {
	uint64_t serials[RIG_RECORDS];
	uint64_t produced; /* offsets below were queued */
	uint64_t durable; /* greatest durable offset that was ever reported */
};

struct rig {
	struct fake *fake;
	struct bus_local_config config;
	struct bus *bus;
	struct account accounts[RIG_PARTITIONS];
	uint64_t serial;
};

static inline void rig_start(struct rig *rig, uint64_t seed, uint64_t file_bytes)
{
	*rig = (struct rig){.fake = fake_new(seed)};
	rig->config = (struct bus_local_config){.dir = "data/log",
											.partitions = {RIG_PARTITIONS, 0, 0, 0},
											.write_topics = 1u << TOPIC_EVENTS,
											.file_bytes = file_bytes};
}

static inline int rig_recover(struct rig *rig, struct error *error)
{
	uint64_t cut;
	return bus_local_recover(&rig->fake->env, &rig->config, &cut, error);
}

static inline int rig_open(struct rig *rig, struct error *error)
{
	return bus_local_open(&rig->fake->env, &rig->config, &rig->bus, error);
}

static inline void rig_close(struct rig *rig)
{
	bus_close(rig->bus);
	rig->bus = NULL;
}

static inline void rig_must(int result, const struct error *error)
{
	if (result < 0)
		fail_msg("%s: %s", error_name(error->code), error->text);
}

static inline void rig_begin(struct rig *rig)
{
	struct error error;
	rig_must(rig_recover(rig, &error), &error);
	rig_must(rig_open(rig, &error), &error);
}

static inline void rig_end(struct rig *rig)
{
	rig_close(rig);
	assert_int_equal(rig->fake->memory.outstanding, 0);
	assert_int_equal(fake_files_open(rig->fake), 0);
	fake_free(rig->fake);
}

/* A record's octets follow from its serial number. */
static inline size_t rig_payload(uint64_t serial, uint8_t out[PAYLOAD_MAX])
{
	uint64_t z = serial * 0x9e3779b97f4a7c15u;
	size_t len = 8 + (size_t)(z >> 40) % (PAYLOAD_MAX - 8);
	if (serial % 5 == 0)
		len = 8;
	put_u64(out, serial);
	for (size_t i = 8; i < len; i++)
		out[i] = (uint8_t)(z >> (i % 7 * 8)) ^ (uint8_t)i;
	return len;
}

static inline int rig_produce(struct rig *rig, uint32_t partition, struct error *error)
{
	uint8_t payload[PAYLOAD_MAX];
	struct account *a = &rig->accounts[partition];
	size_t len = rig_payload(rig->serial + 1, payload);
	int result = bus_produce(rig->bus, TOPIC_EVENTS, partition, slice_of(payload, len), NULL, error);
	if (result == 0) {
		assert_true(a->produced < RIG_RECORDS);
		a->serials[a->produced++] = ++rig->serial;
	}
	return result;
}

/* Notes what the bus says is durable now. */
static inline void rig_note_durable(struct rig *rig)
{
	for (uint32_t p = 0; p < RIG_PARTITIONS; p++) {
		uint64_t offset;
		if (bus_durable(rig->bus, TOPIC_EVENTS, p, NULL, &offset) < 0)
			continue;
		assert_true(offset <= rig->accounts[p].produced);
		if (offset > rig->accounts[p].durable)
			rig->accounts[p].durable = offset;
	}
}

static inline int rig_step(struct rig *rig, bool flush, struct error *error)
{
	int result = bus_step(rig->bus, flush, error);
	rig_note_durable(rig);
	return result;
}

static inline void rig_check_record(const struct rig *rig, const struct bus_record *record)
{
	uint8_t payload[PAYLOAD_MAX];
	const struct account *a = &rig->accounts[record->partition];
	assert_true(record->offset < a->produced);
	size_t len = rig_payload(a->serials[record->offset], payload);
	assert_int_equal(record->payload.len, len);
	assert_memory_equal(record->payload.ptr, payload, len);
}

/* After a restart the log may end before what was queued, and never before what was acknowledged: go on from there. */
static inline void rig_resume(struct rig *rig)
{
	for (uint32_t p = 0; p < RIG_PARTITIONS; p++) {
		uint64_t end;
		struct account *a = &rig->accounts[p];
		assert_int_equal(bus_durable(rig->bus, TOPIC_EVENTS, p, NULL, &end), 0);
		assert_true(end >= a->durable && end <= a->produced);
		a->produced = a->durable = end;
	}
}

/* After a restart: everything that was reported durable is there, once, in order; what follows is a prefix of what was
 * queued. The account then says what the log says. */
static inline void rig_check_all(struct rig *rig)
{
	struct error error;
	for (uint32_t p = 0; p < RIG_PARTITIONS; p++) {
		struct account *a = &rig->accounts[p];
		struct bus_reader *reader;
		struct bus_record record;
		uint64_t first, committed, keep, next, end;
		rig_must(bus_open_reader(rig->bus, NULL, TOPIC_EVENTS, p, &reader, &error), &error);
		reader->ops->position(reader, &first, &committed, &keep, &next);
		assert_int_equal(next, first);
		int result;
		while ((result = bus_poll(reader, &record, &error)) == 1) {
			assert_int_equal(record.offset, next);
			rig_check_record(rig, &record);
			next++;
		}
		rig_must(result, &error);
		assert_true(next >= a->durable);
		rig_must(bus_durable(rig->bus, TOPIC_EVENTS, p, NULL, &end), &error);
		assert_int_equal(next, end);
		a->produced = a->durable = next;
		bus_reader_close(reader);
	}
}

/* The restart that follows any trouble: power, recovery, check. */
static inline void rig_restart(struct rig *rig, enum fake_cut how)
{
	rig_close(rig);
	fake_power_cut(rig->fake, how);
	rig->fake->memory.fail_at = 0;
	rig_begin(rig);
	rig_check_all(rig);
}

static inline void rig_file(char out[LOG_PATH_MAX], uint32_t partition, uint64_t base)
{
	snprintf(out, LOG_PATH_MAX, "data/log/events/%u/%020llu.log", partition, (unsigned long long)base);
}

/* Base of the newest file. */
static inline uint64_t rig_newest(struct rig *rig, uint32_t partition, size_t *count)
{
	struct log_place place;
	struct log_files files;
	assert_int_equal(log_place_set(&place, "data/log", TOPIC_EVENTS, partition, NULL), 0);
	assert_int_equal(log_files_list(&rig->fake->env, &place, &files, NULL), 0);
	uint64_t base = files.bases[files.count - 1];
	if (count)
		*count = files.count;
	log_files_free(&files);
	return base;
}

#endif
