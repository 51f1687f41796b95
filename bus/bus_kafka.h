/* Inside of the bus over Kafka: what the files bus_kafka*.c share. Only they include this header and librdkafka.
 *
 * librdkafka makes threads of its own; none of them runs code of ours: delivery reports and errors are handed over in
 * kafka_step, messages in kafka_poll. Opening, opening a reader and seeking ask the brokers and wait for their answer
 * (KAFKA_WAIT_MS at most); nothing else waits.
 */
#ifndef BUS_KAFKA_H
#define BUS_KAFKA_H

#include "bus/bus.h"
#include "bus/kafka_envelope.h"

#include <librdkafka/rdkafka.h>

#define KAFKA_WAIT_MS 30000
#define KAFKA_TOPIC_NAME_MAX 250u

struct kafka_partition {
	uint64_t produced, acknowledged; /* tickets */
	uint64_t durable; /* offsets below are known to be durable */
};

struct kafka {
	struct bus bus; /* first */
	const struct env *env;
	char bootstrap[512], client_id[128], prefix[128];
	uint32_t counts[TOPIC_COUNT];
	uint16_t replication;
	const char *const *options;
	struct bus_listener listener;
	rd_kafka_t *producer;
	rd_kafka_topic_t *topics[TOPIC_COUNT];
	struct kafka_partition *partitions[TOPIC_COUNT];
	struct envelope envelope;
	bool told, broken;
	bool left; /* a reader's consumer did not close in time */
	struct error broken_by;
};

static inline struct kafka *kafka_of(struct bus *bus)
{
	return (struct kafka *)bus;
}

static inline bool kafka_has(const struct kafka *k, enum bus_topic topic, uint32_t partition)
{
	return (unsigned)topic < TOPIC_COUNT && partition < k->counts[topic];
}

/* Always negative: a failure of librdkafka may mend. */
static inline int kafka_error(struct error *error, rd_kafka_resp_err_t code, const char *what)
{
	error_set(error, ERROR_IO, "%s: %s", what, rd_kafka_err2str(code));
	if (error)
		error->flags = ERROR_RETRIABLE;
	return -ERROR_IO;
}

/* ---- bus_kafka.c ---- */

int kafka_not_there(enum bus_topic topic, uint32_t partition, struct error *error);
void kafka_topic_name(const struct kafka *k, enum bus_topic topic, char out[KAFKA_TOPIC_NAME_MAX]);
/* A topic that was just made (also Kafka's own of positions), or whose leader moves: the answer comes a little later. */
bool kafka_will_mend(rd_kafka_resp_err_t code);
/* First and end offset of a partition, by its leader. The wait between two attempts serves the producer. */
rd_kafka_resp_err_t kafka_ends_ask(struct kafka *k, rd_kafka_t *handle, enum bus_topic topic, uint32_t partition,
								   uint64_t *low, uint64_t *high);

struct setting {
	const char *name, *value;
};

/* The common settings, the user's, then `own`, ended by a null name. */
int kafka_conf_make(const struct kafka *k, const struct setting *own, rd_kafka_conf_t **out, struct error *error);

/* ---- bus_kafka_producer.c ---- */

int kafka_producer_make(struct kafka *k, struct error *error);
int kafka_produce(struct bus *bus, enum bus_topic topic, uint32_t partition, struct slice payload, uint64_t *ticket,
				  struct error *error);
int kafka_step(struct bus *bus, bool flush, struct error *error);
int kafka_durable(struct bus *bus, enum bus_topic topic, uint32_t partition, uint64_t *tickets, uint64_t *offset);

/* ---- bus_kafka_topics.c ---- */

/* Makes the topics that are missing; the counts of the others must be those that are configured. */
int kafka_topics_ensure(struct kafka *k, struct error *error);
/* Where each partition ends now. */
int kafka_partitions_open(struct kafka *k, struct error *error);

/* ---- bus_kafka_reader.c ---- */

int kafka_reader_open(struct bus *bus, const char *name, enum bus_topic topic, uint32_t partition,
					  struct bus_reader **out, struct error *error);
void kafka_reader_close(struct bus_reader *reader);
int kafka_poll(struct bus_reader *reader, struct bus_record *out, struct error *error);
int kafka_seek(struct bus_reader *reader, uint64_t offset, struct error *error);
int kafka_commit(struct bus_reader *reader, uint64_t committed, uint64_t keep_from, struct error *error);
void kafka_position(const struct bus_reader *reader, uint64_t *first, uint64_t *committed, uint64_t *keep_from,
					uint64_t *next);

#endif
