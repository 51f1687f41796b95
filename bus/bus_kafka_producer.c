/* Producing to Kafka: records on their way, and what is known to be durable. */
#include "bus/bus_kafka.h"

#define BUSY_MS 5 /* wanted back by a step while records are on their way */

static int give_broken(const struct kafka *k, struct error *error)
{
	if (error)
		*error = k->broken_by;
	return -(int)k->broken_by.code;
}

static void break_bus(struct kafka *k, const char *what, const char *why)
{
	if (k->broken)
		return;
	k->broken = true;
	error_set(&k->broken_by, ERROR_IO, "%s: %s", what, why);
	k->broken_by.flags = ERROR_FATAL;
}

/* Reports come in the order of producing, per partition. One that failed for good (retries have no end) ends this bus:
 * what follows it cannot be counted as durable. */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka *k = opaque;
	struct kafka_partition *p = message->_private;
	(void)producer;
	if (message->err) {
		break_bus(k, "a record was not taken by Kafka", rd_kafka_err2str(message->err));
		return;
	}
	if (k->broken)
		return;
	p->acknowledged++;
	if (message->offset >= 0 && (uint64_t)message->offset + 1 > p->durable)
		p->durable = (uint64_t)message->offset + 1;
}

static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
	(void)reason;
	char text[256];
	if (code == RD_KAFKA_RESP_ERR__FATAL && rd_kafka_fatal_error(handle, text, sizeof(text)))
		break_bus(opaque, "librdkafka", text);
}

int kafka_produce(struct bus *bus, enum bus_topic topic, uint32_t partition, struct slice payload, uint64_t *ticket,
				  struct error *error)
{
	struct kafka *k = kafka_of(bus);
	struct slice octets = payload;
	if (k->broken)
		return give_broken(k, error);
	if (!kafka_has(k, topic, partition))
		return kafka_not_there(topic, partition, error);
	if (payload.len > (uint64_t)LIMIT_batch_bytes_max)
		return error_set(error, ERROR_LIMIT, "a record has at most %lld octets, this one %zu",
						 (long long)LIMIT_batch_bytes_max, payload.len);
	int result = topic == TOPIC_EVENTS ? envelope_wrap(&k->envelope, payload, &octets, error) : 0;
	if (result < 0)
		return result;
	struct kafka_partition *p = &k->partitions[topic][partition];
	/* The text is copied; the cast away from const is librdkafka's. */
	if (rd_kafka_produce(k->topics[topic], (int32_t)partition, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)octets.ptr,
						 octets.len, NULL, 0, p) == 0) {
		p->produced++;
		if (ticket)
			*ticket = p->produced;
		return 0;
	}
	rd_kafka_resp_err_t code = rd_kafka_last_error();
	if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return kafka_error(error, code, "cannot queue a record for Kafka");
	error_set(error, ERROR_FULL, "the queue to Kafka is full: brokers are slow or away");
	if (error)
		error->flags = ERROR_RETRIABLE;
	return -ERROR_FULL;
}

static void tell_listener(struct kafka *k)
{
	k->told = true;
	for (unsigned t = 0; k->listener.given && t < TOPIC_COUNT; t++)
		for (uint32_t p = 0; p < k->counts[t]; p++)
			k->listener.given(k->listener.ctx, (enum bus_topic)t, p);
}

/* `flush` has nothing to add: librdkafka sends within linger.ms by itself. */
int kafka_step(struct bus *bus, bool flush, struct error *error)
{
	struct kafka *k = kafka_of(bus);
	(void)flush;
	if (!k->told)
		tell_listener(k);
	while (rd_kafka_poll(k->producer, 0) > 0 && !k->broken) {
	}
	if (k->broken)
		return give_broken(k, error);
	return rd_kafka_outq_len(k->producer) > 0 ? BUSY_MS : BUS_IDLE;
}

int kafka_durable(struct bus *bus, enum bus_topic topic, uint32_t partition, uint64_t *tickets, uint64_t *offset)
{
	struct kafka *k = kafka_of(bus);
	if (!kafka_has(k, topic, partition))
		return -ERROR_NOT_FOUND;
	if (tickets)
		*tickets = k->partitions[topic][partition].acknowledged;
	if (offset)
		*offset = k->partitions[topic][partition].durable;
	return 0;
}

int kafka_producer_make(struct kafka *k, struct error *error)
{
	static const struct setting settings[] = {
		{"acks", "all"},
		{"enable.idempotence", "true"},
		{"message.timeout.ms", "0"},
		{"queue.buffering.max.kbytes", "65536"},
		{"queue.buffering.max.messages", "100000"},
		{"message.max.bytes", "8388608"},
		{"compression.type", "none"},
		{"linger.ms", "5"},
		{NULL, NULL},
	};
	char text[256];
	rd_kafka_conf_t *conf;
	int result = kafka_conf_make(k, settings, &conf, error);
	if (result < 0)
		return result;
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (k->producer)
		return 0;
	rd_kafka_conf_destroy(conf);
	return error_set(error, ERROR_IO, "librdkafka: %s", text);
}
