/* The door of bus/: durable, ordered records by topic and partition. Kafka and the local log are both behind it.
 *
 * A producer's record is durable once its offset is below bus_durable(); only then is anybody told. Readers see only
 * durable records, in offset order, and have two positions: `committed` (what they need not see again) and `keep_from`
 * (what they may want to re-read; <= committed). Offsets are dense record numbers from 0 in each (topic, partition).
 * Nothing here waits: bus_step drives group commit, callbacks and time. One thread per struct bus; several processes may
 * open the same local log directory, one of them writing a given partition.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "common/common.h"

enum bus_topic {
	TOPIC_EVENTS,
	TOPIC_MATCHES,
	TOPIC_INCIDENTS,
	TOPIC_CONTROL,
	TOPIC_COUNT,
};

#define PARTITION_IMPORT 0xfffffffeu /* events of imports, on the local bus */
#define PARTITION_AUDIT 0xffffffffu /* the store's own rows */

struct bus; /* opaque; begins with struct bus_ops */
struct bus_reader;

struct bus_record {
	enum bus_topic topic;
	uint32_t partition;
	uint64_t offset;
	int64_t appended_ns;
	struct slice payload; /* valid until the next poll of the same reader */
};

/* Told when partitions come and go. Both buses give every configured partition of every topic in the first bus_step: they
 * are owned by configuration. Called from bus_step. */
struct bus_listener {
	void (*given)(void *ctx, enum bus_topic topic, uint32_t partition);
	void (*taken)(void *ctx, enum bus_topic topic, uint32_t partition, bool lost);
	void *ctx;
};

struct bus_ops {
	int (*produce)(struct bus *bus, enum bus_topic topic, uint32_t partition, struct slice payload, uint64_t *ticket,
				   struct error *error);
	int (*step)(struct bus *bus, bool flush, struct error *error);
	int (*durable)(struct bus *bus, enum bus_topic topic, uint32_t partition, uint64_t *tickets, uint64_t *offset);
	int (*reader)(struct bus *bus, const char *name, enum bus_topic topic, uint32_t partition, struct bus_reader **out,
				  struct error *error);
	int (*poll)(struct bus_reader *reader, struct bus_record *out, struct error *error);
	int (*seek)(struct bus_reader *reader, uint64_t offset, struct error *error);
	void (*pass)(struct bus_reader *reader, uint64_t offset); /* null: this bus cannot */
	int (*commit)(struct bus_reader *reader, uint64_t committed, uint64_t keep_from, struct error *error);
	void (*position)(const struct bus_reader *reader, uint64_t *first, uint64_t *committed, uint64_t *keep_from,
					 uint64_t *next);
	void (*reader_close)(struct bus_reader *reader);
	void (*close)(struct bus *bus);
};

struct bus {
	const struct bus_ops *ops;
};

/* Queues a copy. *ticket (optional) numbers the records of this partition produced by this bus from 1 on: it is durable
 * once bus_durable reports at least that many tickets. ERROR_FULL (retriable): stop taking input until a step makes room.
 */
static inline int bus_produce(struct bus *bus, enum bus_topic topic, uint32_t partition, struct slice payload,
							  uint64_t *ticket, struct error *error)
{
	return bus->ops->produce(bus, topic, partition, payload, ticket, error);
}

/* Writes and syncs what is due (100 ms timer, 4 MiB, or `flush`), runs callbacks, trims. Returns ms until it wants to be
 * called again (BUS_IDLE: nothing pending), or a negative error: ERROR_FATAL means that the bus must be opened anew;
 * without it (disk full, ERROR_RETRIABLE) nothing queued is lost and the next step tries again. */
#define BUS_IDLE INT32_MAX
static inline int bus_step(struct bus *bus, bool flush, struct error *error)
{
	return bus->ops->step(bus, flush, error);
}

/* *offset: all records below it are durable (also those of other writers); *tickets: own records that are. */
static inline int bus_durable(struct bus *bus, enum bus_topic topic, uint32_t partition, uint64_t *tickets,
							  uint64_t *offset)
{
	return bus->ops->durable(bus, topic, partition, tickets, offset);
}

/* A reader by name ("store", "detect"; a-z 0-9 _ -): its positions are kept under that name and found again; a new one
 * starts at the first record there is. ERROR_BUSY while the same name reads the same partition elsewhere. A null name
 * keeps no positions and holds nothing back: for a look, not for a stage. */
static inline int bus_open_reader(struct bus *bus, const char *name, enum bus_topic topic, uint32_t partition,
								  struct bus_reader **out, struct error *error)
{
	return bus->ops->reader(bus, name, topic, partition, out, error);
}

struct bus_reader {
	const struct bus_ops *ops;
};

/* 1 and a record, 0 when there is none yet, or a negative error (ERROR_DAMAGED names the offset). */
static inline int bus_poll(struct bus_reader *reader, struct bus_record *out, struct error *error)
{
	return reader->ops->poll(reader, out, error);
}

/* The next poll gives this offset. ERROR_NOT_FOUND when it was trimmed away: never a silent reset. */
static inline int bus_seek(struct bus_reader *reader, uint64_t offset, struct error *error)
{
	return reader->ops->seek(reader, offset, error);
}

/* Another reader of the same partition has read, and may go on to read, for this one: it holds no file meanwhile, and its next
 * poll gives this offset, which is looked for only then. */
static inline bool bus_can_pass(const struct bus *bus)
{
	return bus->ops->pass != NULL;
}

static inline void bus_pass(struct bus_reader *reader, uint64_t offset)
{
	reader->ops->pass(reader, offset);
}

/* Advisory positions, after the stage's own commit log has them. */
static inline int bus_commit(struct bus_reader *reader, uint64_t committed, uint64_t keep_from, struct error *error)
{
	return reader->ops->commit(reader, committed, keep_from, error);
}

static inline void bus_reader_close(struct bus_reader *reader)
{
	if (reader)
		reader->ops->reader_close(reader);
}

static inline void bus_close(struct bus *bus)
{
	if (bus)
		bus->ops->close(bus);
}

/* The durable local log (docs/format-log.md). */
struct bus_local_config {
	const char *dir; /* DATA/log */
	uint32_t partitions[TOPIC_COUNT]; /* counts; events also has PARTITION_IMPORT and PARTITION_AUDIT */
	/* Which topics this process writes: bit 1 << topic. Events can be split: ingest writes 0..n-1, the engine the two
	 * special partitions. */
	uint32_t write_topics;
	bool write_events_special; /* PARTITION_IMPORT and PARTITION_AUDIT */
	uint64_t file_bytes, max_bytes, keep_bytes; /* 0 = limits.h */
	uint32_t sync_ms; /* 0 = limits.h */
	/* A record of at least so many octets goes to its file when it is produced, not copied first; 0: none does. It is
	 * durable no sooner, but it may outlive the process, or a power cut, from then on. Not for who has to have something
	 * else on the medium before the record can be there: that belongs between bus_produce and bus_step. */
	uint32_t early_bytes;
	struct bus_listener listener;
};

/* Brings the log back to its durable content: cuts torn tails, refuses damage in the middle (ERROR_DAMAGED: file and
 * offset). Must run, by the owner of the data directory, before any bus_local_open. Creates the directory and writes the
 * partition counts when new; ERROR_CONFLICT when they differ from what is configured. *cut: octets removed. */
/* Brings back the partitions that `config` writes, or all when it writes none. */
int bus_local_recover(const struct env *env, const struct bus_local_config *config, uint64_t *cut, struct error *error);
int bus_local_open(const struct env *env, const struct bus_local_config *config, struct bus **out, struct error *error);
/* Records that were produced and are in no file (those written early are in one), in order: when they cannot be written, who ends can still say what they were.
 * Stops when each() returns other than 0, and returns that. */
int bus_local_unwritten(const struct bus *bus,
						int (*each)(void *ctx, enum bus_topic topic, uint32_t partition, struct slice payload),
						void *ctx);
/* "bus.produced", "bus.syncs", "bus.full", "bus.trimmed_files", "bus.keep_overtaken"; live as long as the bus. */
const struct counter *bus_local_counters(const struct bus *bus, size_t *count);

/* Kafka through librdkafka; the same contract (docs/kafka.md). */
struct bus_kafka_config {
	const char *bootstrap; /* "127.0.0.1:9092" */
	const char *topic_prefix; /* "cresset." */
	const char *client_id;
	uint32_t partitions[TOPIC_COUNT];
	uint16_t replication;
	const char *const *options; /* librdkafka name, value pairs, ended by null; live as long as the bus. What the
	                              * guarantee rests on is set after them and cannot be changed. */
	struct bus_listener listener;
};

int bus_kafka_open(const struct env *env, const struct bus_kafka_config *config, struct bus **out, struct error *error);
const char *bus_topic_name(enum bus_topic topic); /* "events" */

#endif
