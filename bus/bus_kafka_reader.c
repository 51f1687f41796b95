/* Readers of a bus over Kafka: a consumer each, assigned to one partition; no group is joined. */
#include "bus/bus_kafka.h"

#include <stdio.h>

#define CLOSE_MS 3000 /* for one reader to close; when one did not, */
#define CLOSE_AGAIN_MS 100 /* no longer for the others */

struct kafka_reader {
	struct bus_reader reader; /* first */
	struct kafka *kafka;
	enum bus_topic topic;
	uint32_t partition;
	bool keeps;
	rd_kafka_t *consumer;
	rd_kafka_message_t *message; /* what the last poll gave points into it */
	uint64_t first, committed, keep_from, next;
	struct envelope envelope;
	bool stuck; /* the record at `next` cannot be given: until a seek */
	struct error stuck_by;
};

static struct kafka_reader *kreader(struct bus_reader *reader)
{
	return (struct kafka_reader *)reader;
}

static rd_kafka_topic_partition_list_t *place_list(const struct kafka_reader *r, int64_t offset)
{
	char name[KAFKA_TOPIC_NAME_MAX];
	kafka_topic_name(r->kafka, r->topic, name);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, name, (int32_t)r->partition)->offset = offset;
	return list;
}

static int marks_ask(struct kafka_reader *r, uint64_t *low, uint64_t *high, struct error *error)
{
	rd_kafka_resp_err_t code = kafka_ends_ask(r->kafka, r->consumer, r->topic, r->partition, low, high);
	if (code)
		return kafka_error(error, code, "cannot ask Kafka where a partition begins and ends");
	r->first = *low;
	struct kafka_partition *p = &r->kafka->partitions[r->topic][r->partition];
	if (*high > p->durable)
		p->durable = *high;
	return 0;
}

/* Assigning anew throws away what was fetched from another place. */
static int stand_at(struct kafka_reader *r, uint64_t offset, struct error *error)
{
	rd_kafka_topic_partition_list_t *list = place_list(r, (int64_t)offset);
	rd_kafka_resp_err_t code = rd_kafka_assign(r->consumer, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code)
		return kafka_error(error, code, "cannot take a partition");
	r->next = offset;
	r->stuck = false;
	return 0;
}

/* The advisory positions: the group's offset, and keep-from in its metadata. */
static int positions_ask(struct kafka_reader *r, struct error *error)
{
	rd_kafka_topic_partition_list_t *list = place_list(r, RD_KAFKA_OFFSET_INVALID);
	rd_kafka_topic_partition_t *place = &list->elems[0];
	int64_t until = env_boot(r->kafka->env) + KAFKA_WAIT_MS * NS_PER_MS;
	rd_kafka_resp_err_t code;
	for (;;) {
		code = rd_kafka_committed(r->consumer, list, KAFKA_WAIT_MS);
		if (!code)
			code = place->err;
		if (!kafka_will_mend(code) || env_boot(r->kafka->env) > until)
			break;
		rd_kafka_poll(r->kafka->producer, 50);
	}
	r->committed = r->keep_from = r->first;
	if (!code && place->offset >= 0) {
		r->committed = r->keep_from = (uint64_t)place->offset;
		uint64_t keep;
		if (place->metadata && slice_to_u64(slice_of(place->metadata, place->metadata_size), &keep) &&
			keep <= r->committed)
			r->keep_from = keep;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_error(error, code, "cannot ask Kafka for a reader's position") : 0;
}

static int consumer_make(struct kafka_reader *r, const char *name, struct error *error)
{
	char group[256], text[256];
	snprintf(group, sizeof(group), "%s%s", r->kafka->prefix, name ? name : "look");
	const struct setting settings[] = {
		{"group.id", group},
		{"enable.auto.commit", "false"},
		{"enable.auto.offset.store", "false"},
		{"auto.offset.reset", "error"},
		{"check.crcs", "true"},
		{"enable.partition.eof", "false"},
		{"isolation.level", "read_committed"},
		{"queued.max.messages.kbytes", "16384"},
		{"fetch.message.max.bytes", "8388608"},
		{"fetch.wait.max.ms", "100"},
		{NULL, NULL},
	};
	rd_kafka_conf_t *conf;
	int result = kafka_conf_make(r->kafka, settings, &conf, error);
	if (result < 0)
		return result;
	r->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!r->consumer) {
		rd_kafka_conf_destroy(conf);
		return error_set(error, ERROR_IO, "librdkafka: %s", text);
	}
	rd_kafka_poll_set_consumer(r->consumer);
	return 0;
}

/* Waits for a commit that is on its way, but not for ever, as rd_kafka_consumer_close does while brokers are away. */
static bool consumer_closed(struct kafka_reader *r)
{
	struct kafka *k = r->kafka;
	int64_t until = env_boot(k->env) + (k->left ? CLOSE_AGAIN_MS : CLOSE_MS) * NS_PER_MS;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(r->consumer);
	rd_kafka_error_t *error = rd_kafka_consumer_close_queue(r->consumer, queue);
	if (error)
		rd_kafka_error_destroy(error);
	while (!rd_kafka_consumer_closed(r->consumer) && env_boot(k->env) < until) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20);
		if (event)
			rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
	return rd_kafka_consumer_closed(r->consumer);
}

/* A consumer that does not close is left to the end of the process: positions are advisory, and destroying it would wait too. */
void kafka_reader_close(struct bus_reader *reader)
{
	struct kafka_reader *r = kreader(reader);
	if (r->message)
		rd_kafka_message_destroy(r->message);
	if (r->consumer)
		rd_kafka_assign(r->consumer, NULL);
	if (r->consumer && consumer_closed(r))
		rd_kafka_destroy(r->consumer);
	else if (r->consumer)
		r->kafka->left = true;
	envelope_free(&r->envelope);
	env_free(r->kafka->env, r);
}

static int reader_start(struct kafka_reader *r, const char *name, struct error *error)
{
	uint64_t low, high;
	int result = consumer_make(r, name, error);
	if (result == 0)
		result = marks_ask(r, &low, &high, error);
	if (result < 0)
		return result;
	r->keeps = name != NULL;
	r->committed = r->keep_from = low;
	if (name)
		result = positions_ask(r, error);
	if (result == 0 && r->committed > high)
		result = error_set(
			error, ERROR_DAMAGED, "reader \"%s\" has read up to offset %llu of %s/%u, which ends at %llu", name,
			(unsigned long long)r->committed, bus_topic_name(r->topic), r->partition, (unsigned long long)high);
	return result < 0 ? result : stand_at(r, r->committed, error);
}

int kafka_reader_open(struct bus *bus, const char *name, enum bus_topic topic, uint32_t partition,
					  struct bus_reader **out, struct error *error)
{
	struct kafka *k = kafka_of(bus);
	*out = NULL;
	if (!kafka_has(k, topic, partition))
		return kafka_not_there(topic, partition, error);
	struct kafka_reader *r = env_zalloc(k->env, sizeof(*r));
	if (!r)
		return error_set(error, ERROR_MEMORY, "no memory for a reader");
	r->reader.ops = bus->ops;
	r->kafka = k;
	r->topic = topic;
	r->partition = partition;
	envelope_init(&r->envelope, k->env);
	int result = reader_start(r, name, error);
	if (result < 0) {
		kafka_reader_close(&r->reader);
		return result;
	}
	*out = &r->reader;
	return 0;
}

static int stick(struct kafka_reader *r, enum error_code code, const char *why, struct error *error)
{
	r->stuck = true;
	error_set(&r->stuck_by, code, "%s/%u: offset %llu: %s", bus_topic_name(r->topic), r->partition,
			  (unsigned long long)r->next, why);
	if (error)
		*error = r->stuck_by;
	return -(int)code;
}

/* Brokers that are away come back: that is "nothing yet". What will not mend by itself is told. */
static int poll_error(struct kafka_reader *r, const rd_kafka_message_t *message, struct error *error)
{
	switch (message->err) {
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		return stick(r, ERROR_NOT_FOUND, "Kafka does not have it any more", error);
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
		return stick(r, ERROR_DAMAGED, rd_kafka_err2str(message->err), error);
	case RD_KAFKA_RESP_ERR__FATAL:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		return stick(r, ERROR_IO, rd_kafka_message_errstr(message), error);
	default:
		return 0;
	}
}

static int record_give(struct kafka_reader *r, const rd_kafka_message_t *message, struct bus_record *out,
					   struct error *error)
{
	struct slice payload = slice_of(message->payload, message->len);
	struct error why;
	if ((uint64_t)message->offset > r->next)
		return stick(r, ERROR_NOT_FOUND, "Kafka went on with a later one", error);
	if (r->topic == TOPIC_EVENTS && envelope_unwrap(&r->envelope, payload, &payload, &why) < 0)
		return stick(r, why.code == ERROR_MEMORY ? ERROR_MEMORY : ERROR_DAMAGED, why.text, error);
	rd_kafka_timestamp_type_t kind;
	int64_t ms = rd_kafka_message_timestamp(message, &kind);
	*out = (struct bus_record){.topic = r->topic,
							   .partition = r->partition,
							   .offset = r->next,
							   .appended_ns = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : ms * NS_PER_MS,
							   .payload = payload};
	r->next++;
	struct kafka_partition *p = &r->kafka->partitions[r->topic][r->partition];
	if (r->next > p->durable)
		p->durable = r->next;
	return 1;
}

int kafka_poll(struct bus_reader *reader, struct bus_record *out, struct error *error)
{
	struct kafka_reader *r = kreader(reader);
	for (;;) {
		if (r->stuck) {
			if (error)
				*error = r->stuck_by;
			return -(int)r->stuck_by.code;
		}
		if (r->message)
			rd_kafka_message_destroy(r->message);
		r->message = rd_kafka_consumer_poll(r->consumer, 0);
		if (!r->message)
			return 0;
		if (r->message->err)
			return poll_error(r, r->message, error);
		if ((uint64_t)r->message->offset >= r->next)
			return record_give(r, r->message, out, error);
		/* Below: librdkafka may give a record again after a leader change. */
	}
}

int kafka_seek(struct bus_reader *reader, uint64_t offset, struct error *error)
{
	struct kafka_reader *r = kreader(reader);
	uint64_t low, high;
	int result = marks_ask(r, &low, &high, error);
	if (result < 0)
		return result;
	if (offset < low || offset > high)
		return error_set(error, ERROR_NOT_FOUND, "offset %llu of %s/%u is not there: Kafka has %llu to %llu",
						 (unsigned long long)offset, bus_topic_name(r->topic), r->partition, (unsigned long long)low,
						 (unsigned long long)high);
	return stand_at(r, offset, error);
}

/* librdkafka owns and frees the metadata with its own malloc. */
static void keep_attach(rd_kafka_topic_partition_t *place, uint64_t keep_from)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)keep_from);
	place->metadata = strdup(text);
	place->metadata_size = place->metadata ? (size_t)len : 0;
}

int kafka_commit(struct bus_reader *reader, uint64_t committed, uint64_t keep_from, struct error *error)
{
	struct kafka_reader *r = kreader(reader);
	if (!r->keeps)
		return error_set(error, ERROR_USAGE, "a reader without a name keeps no positions");
	uint64_t durable = r->kafka->partitions[r->topic][r->partition].durable;
	if (keep_from > committed || committed > durable)
		return error_set(error, ERROR_USAGE, "positions are out of order: keep-from %llu, committed %llu, durable %llu",
						 (unsigned long long)keep_from, (unsigned long long)committed, (unsigned long long)durable);
	if (committed == r->committed && keep_from == r->keep_from)
		return 0;
	rd_kafka_topic_partition_list_t *list = place_list(r, (int64_t)committed);
	keep_attach(&list->elems[0], keep_from);
	rd_kafka_resp_err_t code = rd_kafka_commit(r->consumer, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
	if (code)
		return kafka_error(error, code, "cannot hand a position to Kafka");
	r->committed = committed;
	r->keep_from = keep_from;
	return 0;
}

void kafka_position(const struct bus_reader *reader, uint64_t *first, uint64_t *committed, uint64_t *keep_from,
					uint64_t *next)
{
	const struct kafka_reader *r = (const struct kafka_reader *)reader;
	*first = r->first;
	*committed = r->committed;
	*keep_from = r->keep_from;
	*next = r->next;
}
