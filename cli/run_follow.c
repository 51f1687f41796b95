#include "cli/run_follow.h"

#include "cli/setup.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define LOOK_WAIT_MS 5
#define LOOK_TRIES 6000 /* times LOOK_WAIT_MS: 30 s for the brokers to give the next record */

/* ---- settings ---- */

/* An address that no sender has (RFC 6666, discard only), so that the input's settings are found by it. */
static void input_address(uint32_t index, uint8_t out[16])
{
	memset(out, 0, 16);
	out[0] = 1;
	out[14] = (uint8_t)((index + 1) >> 8);
	out[15] = (uint8_t)(index + 1);
}

static void add_input(struct run_follow *f, const struct config_input *given)
{
	struct follow_input *in = &f->inputs[f->input_count];
	struct source_settings *s = &f->sources[f->input_count];
	*in = (struct follow_input){.pattern = given->file, .framing = given->framing, .from_end = given->from_end};
	input_address(f->input_count, in->address);
	*s = given->settings;
	memcpy(s->network, in->address, 16);
	s->network_bits = 128;
	f->input_count++;
}

int run_follow_settings(struct run_follow *f, struct run *run, struct ingest_config *ic, struct error *error)
{
	const struct config *config = &run->config;
	*f = (struct run_follow){.run = run};
	memcpy(f->collector, ic->collector, 16);
	f->sources = env_alloc(run->env, (config->input_count + config->source_count + 1) * sizeof *f->sources);
	if (!f->sources)
		return error_set(error, ERROR_MEMORY, "no memory for the settings of inputs");
	for (uint32_t i = 0; i < config->input_count; i++)
		if (config->inputs[i].file)
			add_input(f, &config->inputs[i]);
	if (config->source_count)
		memcpy(f->sources + f->input_count, config->sources, config->source_count * sizeof *f->sources);
	ic->sources = f->sources;
	ic->source_count = f->input_count + config->source_count;
	return 0;
}

/* ---- what of earlier processes has arrived ---- */

static int look_open(struct run_follow *f, uint32_t partition, uint64_t place, struct bus_reader **out, uint64_t *at,
					 struct error *error)
{
	uint64_t first, committed, keep_from;
	int result = bus_open_reader(f->bus, NULL, TOPIC_EVENTS, partition, out, error);
	if (result)
		return result;
	(*out)->ops->position(*out, &first, &committed, &keep_from, at);
	if (place > *at)
		*at = place;
	result = bus_seek(*out, *at, error);
	if (result)
		bus_reader_close(*out);
	return result;
}

static void look_record(struct run_follow *f, const struct bus_record *record)
{
	struct batch batch;
	if (batch_open(&batch, record->payload, NULL) || batch.identity.epoch != f->found_epoch ||
		memcmp(batch.identity.collector, f->collector, 16) != 0)
		return;
	uint64_t end = batch.identity.first_sequence + batch.row_count;
	if (end > f->found_sequence)
		f->found_sequence = end;
}

/* Up to the end that the partition has now. What no one can read is passed over: it is not ours, or it will be told by
 * those who read it. */
static int look_through(struct run_follow *f, struct bus_reader *reader, uint64_t at, uint64_t end, struct error *error)
{
	int tries = 0;
	while (at < end && !setup_stop) {
		struct bus_record record;
		int result = bus_poll(reader, &record, error);
		if (result == -ERROR_DAMAGED) {
			result = bus_seek(reader, ++at, error);
		} else if (result > 0) {
			look_record(f, &record);
			at = record.offset + 1;
			tries = 0;
		} else if (result == 0 && tries++ < LOOK_TRIES) {
			usleep(LOOK_WAIT_MS * 1000);
		} else if (result == 0) {
			result = error_set(error, ERROR_IO, "partition %u of events gives no record at offset %llu",
							   f->found_partition, (unsigned long long)at);
		}
		if (result < 0)
			return result;
	}
	return setup_stop ? error_set(error, ERROR_BUSY, "stopped while looking for the newest batches") : 0;
}

static int look(struct run_follow *f, uint32_t partition, uint64_t epoch, uint64_t place, struct error *error)
{
	struct bus_reader *reader;
	uint64_t at;
	f->found = false;
	f->found_partition = partition;
	f->found_epoch = epoch;
	f->found_sequence = 0;
	int result = look_open(f, partition, place, &reader, &at, error);
	if (result)
		return result;
	result = look_through(f, reader, at, f->ends[partition], error);
	bus_reader_close(reader);
	f->found = result == 0;
	return result;
}

/* Fences of a partition come in the order of their batches, so the first look begins early enough for all of them. */
static int arrived(void *ctx, uint32_t partition, uint64_t epoch, uint64_t sequence, uint64_t place,
				   struct error *error)
{
	struct run_follow *f = ctx;
	if (partition >= f->run->config.partitions[TOPIC_EVENTS])
		return error_set(error, ERROR_CONFLICT, "the positions of files name partition %u of events, of %u", partition,
						 f->run->config.partitions[TOPIC_EVENTS]);
	if (!f->run->config.bus_kafka)
		return place < f->ends[partition];
	bool known = f->found && f->found_partition == partition && f->found_epoch == epoch;
	int result = known ? 0 : look(f, partition, epoch, place, error);
	return result < 0 ? result : f->found_sequence >= sequence;
}

/* ---- opening ---- */

static void tell(void *ctx, const char *path, const char *text)
{
	struct buffer b;
	(void)ctx;
	buffer_init(&b, setup_env());
	text_escape_screen(&b, slice_str(path));
	if (!b.failed)
		fprintf(stderr, "cresset: %.*s: %s\n", SLICE_PRINT(buffer_slice(&b)), text);
	buffer_free(&b);
}

static int ends_find(struct run_follow *f, struct error *error)
{
	uint32_t count = f->run->config.partitions[TOPIC_EVENTS];
	f->ends = env_zalloc(f->run->env, count * sizeof *f->ends);
	f->given = env_zalloc(f->run->env, count * sizeof *f->given);
	if (!f->ends || !f->given)
		return error_set(error, ERROR_MEMORY, "no memory for the ends of %u partitions", count);
	for (uint32_t i = 0; i < count; i++)
		if (bus_durable(f->bus, TOPIC_EVENTS, i, NULL, &f->ends[i]))
			return error_set(error, ERROR_IO, "the end of partition %u of events is not known", i);
	return 0;
}

int run_follow_open(struct run_follow *f, struct bus *bus, struct ingest *ingest, struct error *error)
{
	char path[4200];
	f->bus = bus;
	int result = ends_find(f, error);
	if (result || !f->input_count)
		return result;
	if (gethostname(f->host, sizeof f->host - 1))
		return error_set(error, ERROR_IO, "this machine has no name: %s", strerror(errno));
	snprintf(path, sizeof path, "%s/positions", f->run->data);
	struct follow_config config = {.positions = path,
								   .inputs = f->inputs,
								   .input_count = f->input_count,
								   .host = slice_str(f->host),
								   .arrived = arrived,
								   .tell = tell,
								   .ctx = f};
	return ingest_follow_new(ingest, &config, &f->follow, error);
}

/* ---- batches ---- */

/* librdkafka sends by itself, so over Kafka the positions are on the medium before it has the batch. */
static int note(struct run_follow *f, uint32_t partition, uint32_t rows, struct error *error)
{
	uint64_t place = f->ends[partition] + f->given[partition];
	if (f->run->config.bus_kafka)
		(void)bus_durable(f->bus, TOPIC_EVENTS, partition, NULL, &place);
	int result = ingest_follow_batch(f->follow, partition, rows, f->given[partition] + 1, place, error);
	return result < 0 || !f->run->config.bus_kafka ? result : ingest_follow_sync(f->follow, error);
}

int run_follow_produce(struct run_follow *f, uint32_t partition, struct slice batch, uint32_t rows, struct error *error)
{
	uint64_t ticket;
	int result = f->follow ? note(f, partition, rows, error) : 0;
	if (!result)
		result = bus_produce(f->bus, TOPIC_EVENTS, partition, batch, &ticket, error);
	if (result)
		return result;
	f->given[partition]++;
	CHECK(ticket == f->given[partition]);
	return 0;
}

uint64_t run_follow_beside(struct run_follow *f, uint32_t partition)
{
	return ++f->given[partition];
}

int run_follow_step(struct run_follow *f, size_t budget, int *wait_ms, struct error *error)
{
	int result = f->follow ? ingest_follow_step(f->follow, budget, error) : 0;
	if (f->follow && result >= 0 && result < *wait_ms)
		*wait_ms = result;
	return result < 0 ? result : 0;
}

uint32_t run_follow_count(const struct run_follow *f)
{
	return f->follow ? ingest_follow_count(f->follow) : 0;
}

int run_follow_before(struct run_follow *f, struct error *error)
{
	return f->follow ? ingest_follow_sync(f->follow, error) : 0;
}

void run_follow_after(struct run_follow *f)
{
	for (uint32_t i = 0; f->follow && i < f->run->config.partitions[TOPIC_EVENTS]; i++) {
		uint64_t tickets;
		if (bus_durable(f->bus, TOPIC_EVENTS, i, &tickets, NULL) == 0)
			ingest_follow_durable(f->follow, i, tickets);
	}
}

void run_follow_close(struct run_follow *f, bool settled)
{
	if (f->follow && settled)
		(void)ingest_follow_settle(f->follow, NULL);
	ingest_follow_free(f->follow);
	f->follow = NULL;
	if (f->run) {
		env_free(f->run->env, f->sources);
		env_free(f->run->env, f->ends);
		env_free(f->run->env, f->given);
	}
}
