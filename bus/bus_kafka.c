/* Kafka behind struct bus_ops. The only file that includes librdkafka.
 *
 * librdkafka makes threads of its own; none of them runs code of ours: delivery reports and errors are handed over in
 * bus_step, messages in bus_poll. Opening, opening a reader and seeking ask the brokers and wait for their answer (WAIT_MS
 * at most); nothing else waits. The settings and why they are so: docs/kafka.md.
 */
#include "bus/bus.h"
#include "bus/kafka_envelope.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS 30000
#define TOPIC_NAME_MAX 250u
#define CLOSE_MS 3000 /* for one reader to close; when one did not, */
#define CLOSE_AGAIN_MS 100 /* no longer for the others */
#define BUSY_MS 5 /* wanted back by a step while records are on their way */

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

static struct kafka *of(struct bus *bus)
{
	return (struct kafka *)bus;
}

static struct kafka_reader *kreader(struct bus_reader *reader)
{
	return (struct kafka_reader *)reader;
}

static bool is_there(const struct kafka *k, enum bus_topic topic, uint32_t partition)
{
	return (unsigned)topic < TOPIC_COUNT && partition < k->counts[topic];
}

static int not_there(enum bus_topic topic, uint32_t partition, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "there is no partition %u of topic %u on Kafka", partition,
					 (unsigned)topic);
}

static void topic_name(const struct kafka *k, enum bus_topic topic, char out[TOPIC_NAME_MAX])
{
	snprintf(out, TOPIC_NAME_MAX, "%s%s", k->prefix, bus_topic_name(topic));
}

static int kafka_error(struct error *error, rd_kafka_resp_err_t code, const char *what)
{
	error_set(error, ERROR_IO, "%s: %s", what, rd_kafka_err2str(code));
	if (error)
		error->flags = ERROR_RETRIABLE;
	return -ERROR_IO;
}

/* A topic that was just made (also Kafka's own of positions), or whose leader moves: the answer comes a little later. */
static bool will_mend(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
		   code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE ||
		   code == RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
		   code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR || code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
		   code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

/* First and end offset of a partition, by its leader. The wait between two attempts serves the producer. */
static rd_kafka_resp_err_t ends_ask(struct kafka *k, rd_kafka_t *handle, enum bus_topic topic, uint32_t partition,
									uint64_t *low, uint64_t *high)
{
	char name[TOPIC_NAME_MAX];
	int64_t first = 0, end = 0, until = env_boot(k->env) + WAIT_MS * NS_PER_MS;
	topic_name(k, topic, name);
	for (;;) {
		rd_kafka_resp_err_t code =
			rd_kafka_query_watermark_offsets(handle, name, (int32_t)partition, &first, &end, WAIT_MS);
		*low = (uint64_t)first;
		*high = (uint64_t)end;
		if (!will_mend(code) || env_boot(k->env) > until)
			return code;
		rd_kafka_poll(k->producer, 50);
	}
}

/* ---- settings ---- */

struct setting {
	const char *name, *value;
};

/* Ours come after the user's: what the guarantee rests on cannot be loosened. */
static int settings_apply(rd_kafka_conf_t *conf, const struct setting *settings, struct error *error)
{
	char text[256];
	for (; settings->name; settings++)
		if (rd_kafka_conf_set(conf, settings->name, settings->value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
			return error_set(error, ERROR_USAGE, "librdkafka: %s", text);
	return 0;
}

static int conf_make(const struct kafka *k, const struct setting *own, rd_kafka_conf_t **out, struct error *error)
{
	const struct setting common[] = {
		{"bootstrap.servers", k->bootstrap},
		{"client.id", k->client_id},
		{"topic.metadata.refresh.interval.ms", "30000"},
		{"allow.auto.create.topics", "false"},
		{NULL, NULL},
	};
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);
	for (const char *const *o = k->options; o && o[0]; o += 2)
		if (rd_kafka_conf_set(conf, o[0], o[1], text, sizeof(text)) != RD_KAFKA_CONF_OK) {
			rd_kafka_conf_destroy(conf);
			return error_set(error, ERROR_USAGE, "bus.kafka.options: %s", text);
		}
	int result = settings_apply(conf, common, error);
	if (result == 0)
		result = settings_apply(conf, own, error);
	if (result < 0)
		rd_kafka_conf_destroy(conf);
	else
		*out = conf;
	return result;
}

/* ---- produce ---- */

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

static int kafka_produce(struct bus *bus, enum bus_topic topic, uint32_t partition, struct slice payload,
						 uint64_t *ticket, struct error *error)
{
	struct kafka *k = of(bus);
	struct slice octets = payload;
	if (k->broken)
		return give_broken(k, error);
	if (!is_there(k, topic, partition))
		return not_there(topic, partition, error);
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
static int kafka_step(struct bus *bus, bool flush, struct error *error)
{
	struct kafka *k = of(bus);
	(void)flush;
	if (!k->told)
		tell_listener(k);
	while (rd_kafka_poll(k->producer, 0) > 0 && !k->broken) {
	}
	if (k->broken)
		return give_broken(k, error);
	return rd_kafka_outq_len(k->producer) > 0 ? BUSY_MS : BUS_IDLE;
}

static int kafka_durable(struct bus *bus, enum bus_topic topic, uint32_t partition, uint64_t *tickets, uint64_t *offset)
{
	struct kafka *k = of(bus);
	if (!is_there(k, topic, partition))
		return -ERROR_NOT_FOUND;
	if (tickets)
		*tickets = k->partitions[topic][partition].acknowledged;
	if (offset)
		*offset = k->partitions[topic][partition].durable;
	return 0;
}

/* ---- topics ---- */

static const rd_kafka_metadata_topic_t *topic_find(const rd_kafka_metadata_t *all, const char *name)
{
	for (int i = 0; i < all->topic_cnt; i++)
		if (strcmp(all->topics[i].topic, name) == 0 && all->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
			return &all->topics[i];
	return NULL;
}

/* 1 when all wanted topics are there with the right counts, 0 when some are missing (their bits in *missing). */
static int topics_check(struct kafka *k, unsigned *missing, struct error *error)
{
	const rd_kafka_metadata_t *all;
	rd_kafka_resp_err_t code = rd_kafka_metadata(k->producer, 1, NULL, &all, WAIT_MS);
	if (code)
		return kafka_error(error, code, "cannot ask Kafka for its topics");
	int result = 1;
	*missing = 0;
	for (unsigned t = 0; t < TOPIC_COUNT && result >= 0; t++) {
		char name[TOPIC_NAME_MAX];
		topic_name(k, (enum bus_topic)t, name);
		const rd_kafka_metadata_topic_t *topic = topic_find(all, name);
		if (k->counts[t] == 0)
			continue;
		if (!topic) {
			*missing |= 1u << t;
			result = 0;
		} else if ((uint32_t)topic->partition_cnt != k->counts[t]) {
			result = error_set(error, ERROR_CONFLICT, "topic %s has %d partitions, the configuration says %u", name,
							   topic->partition_cnt, k->counts[t]);
		}
	}
	rd_kafka_metadata_destroy(all);
	return result;
}

/* LogAppendTime: the brokers' clock, so that retention by time cannot be fooled by what is inside. */
static rd_kafka_NewTopic_t *topic_describe(const struct kafka *k, unsigned t)
{
	char name[TOPIC_NAME_MAX], text[256];
	topic_name(k, (enum bus_topic)t, name);
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, (int)k->counts[t], k->replication, text, sizeof(text));
	if (!topic)
		return NULL;
	rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "LogAppendTime");
	rd_kafka_NewTopic_set_config(topic, "max.message.bytes", "8388608");
	rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "delete");
	rd_kafka_NewTopic_set_config(topic, "unclean.leader.election.enable", "false");
	rd_kafka_NewTopic_set_config(topic, "min.insync.replicas", k->replication >= 3 ? "2" : "1");
	return topic;
}

/* Another process may be making the same topics: that they exist is no error, the check that follows decides. */
static int created_look(rd_kafka_event_t *event, struct error *error)
{
	size_t count;
	rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (code)
		return kafka_error(error, code, "cannot make topics");
	const rd_kafka_topic_result_t **results =
		rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
	for (size_t i = 0; i < count; i++) {
		code = rd_kafka_topic_result_error(results[i]);
		if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			return error_set(error, ERROR_IO, "cannot make topic %s: %s", rd_kafka_topic_result_name(results[i]),
							 rd_kafka_topic_result_error_string(results[i]));
	}
	return 0;
}

static int topics_create(struct kafka *k, unsigned missing, struct error *error)
{
	rd_kafka_NewTopic_t *topics[TOPIC_COUNT];
	size_t count = 0;
	for (unsigned t = 0; t < TOPIC_COUNT; t++)
		if (missing & 1u << t && (topics[count] = topic_describe(k, t)))
			count++;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(k->producer);
	rd_kafka_CreateTopics(k->producer, topics, count, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
	int result = created_look(event, error);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy_array(topics, count);
	return result;
}

/* What is made is not seen by every broker at once. */
static int topics_ensure(struct kafka *k, struct error *error)
{
	unsigned missing;
	int result = topics_check(k, &missing, error);
	if (result != 0)
		return result < 0 ? result : 0;
	result = topics_create(k, missing, error);
	int64_t until = env_boot(k->env) + WAIT_MS * NS_PER_MS;
	while (result == 0) {
		int there = topics_check(k, &missing, error);
		if (there != 0)
			return there < 0 ? there : 0;
		if (env_boot(k->env) > until)
			result = error_set(error, ERROR_IO, "Kafka made the topics but does not show them");
		rd_kafka_poll(k->producer, 100);
	}
	return result;
}

static int partitions_open(struct kafka *k, struct error *error)
{
	for (unsigned t = 0; t < TOPIC_COUNT; t++) {
		char name[TOPIC_NAME_MAX];
		topic_name(k, (enum bus_topic)t, name);
		if (k->counts[t] == 0)
			continue;
		k->partitions[t] = env_zalloc(k->env, k->counts[t] * sizeof(*k->partitions[t]));
		k->topics[t] = rd_kafka_topic_new(k->producer, name, NULL);
		if (!k->partitions[t] || !k->topics[t])
			return error_set(error, ERROR_MEMORY, "no memory for topic %s", name);
		for (uint32_t p = 0; p < k->counts[t]; p++) {
			uint64_t low;
			rd_kafka_resp_err_t code =
				ends_ask(k, k->producer, (enum bus_topic)t, p, &low, &k->partitions[t][p].durable);
			if (code)
				return kafka_error(error, code, "cannot ask Kafka where a partition ends");
		}
	}
	return 0;
}

/* ---- readers ---- */

static rd_kafka_topic_partition_list_t *place_list(const struct kafka_reader *r, int64_t offset)
{
	char name[TOPIC_NAME_MAX];
	topic_name(r->kafka, r->topic, name);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, name, (int32_t)r->partition)->offset = offset;
	return list;
}

static int marks_ask(struct kafka_reader *r, uint64_t *low, uint64_t *high, struct error *error)
{
	rd_kafka_resp_err_t code = ends_ask(r->kafka, r->consumer, r->topic, r->partition, low, high);
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
	int64_t until = env_boot(r->kafka->env) + WAIT_MS * NS_PER_MS;
	rd_kafka_resp_err_t code;
	for (;;) {
		code = rd_kafka_committed(r->consumer, list, WAIT_MS);
		if (!code)
			code = place->err;
		if (!will_mend(code) || env_boot(r->kafka->env) > until)
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
	int result = conf_make(r->kafka, settings, &conf, error);
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
static void kafka_reader_close(struct bus_reader *reader)
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

static int kafka_reader_open(struct bus *bus, const char *name, enum bus_topic topic, uint32_t partition,
							 struct bus_reader **out, struct error *error)
{
	struct kafka *k = of(bus);
	*out = NULL;
	if (!is_there(k, topic, partition))
		return not_there(topic, partition, error);
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

static int kafka_poll(struct bus_reader *reader, struct bus_record *out, struct error *error)
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

static int kafka_seek(struct bus_reader *reader, uint64_t offset, struct error *error)
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

static int kafka_commit(struct bus_reader *reader, uint64_t committed, uint64_t keep_from, struct error *error)
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

static void kafka_position(const struct bus_reader *reader, uint64_t *first, uint64_t *committed, uint64_t *keep_from,
						   uint64_t *next)
{
	const struct kafka_reader *r = (const struct kafka_reader *)reader;
	*first = r->first;
	*committed = r->committed;
	*keep_from = r->keep_from;
	*next = r->next;
}

/* ---- open and close ---- */

/* Records that are still on their way are given up: nobody was told of them. They may arrive all the same. */
static void kafka_close(struct bus *bus)
{
	struct kafka *k = of(bus);
	for (unsigned t = 0; t < TOPIC_COUNT; t++)
		if (k->topics[t])
			rd_kafka_topic_destroy(k->topics[t]);
	if (k->producer) {
		rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		while (rd_kafka_poll(k->producer, 0) > 0) {
		}
		rd_kafka_destroy(k->producer);
	}
	for (unsigned t = 0; t < TOPIC_COUNT; t++)
		env_free(k->env, k->partitions[t]);
	envelope_free(&k->envelope);
	env_free(k->env, k);
}

static const struct bus_ops kafka_ops = {
	.produce = kafka_produce,
	.step = kafka_step,
	.durable = kafka_durable,
	.reader = kafka_reader_open,
	.poll = kafka_poll,
	.seek = kafka_seek,
	.commit = kafka_commit,
	.position = kafka_position,
	.reader_close = kafka_reader_close,
	.close = kafka_close,
};

static int producer_make(struct kafka *k, struct error *error)
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
	int result = conf_make(k, settings, &conf, error);
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

static bool text_copy(char *out, size_t size, const char *text)
{
	return (size_t)snprintf(out, size, "%s", text ? text : "") < size;
}

int bus_kafka_open(const struct env *env, const struct bus_kafka_config *config, struct bus **out, struct error *error)
{
	*out = NULL;
	struct kafka *k = env_zalloc(env, sizeof(*k));
	if (!k)
		return error_set(error, ERROR_MEMORY, "no memory for the bus");
	k->bus.ops = &kafka_ops;
	k->env = env;
	k->replication = config->replication ? config->replication : 1;
	k->options = config->options;
	k->listener = config->listener;
	memcpy(k->counts, config->partitions, sizeof(k->counts));
	envelope_init(&k->envelope, env);
	bool fits = text_copy(k->bootstrap, sizeof(k->bootstrap), config->bootstrap) &&
				text_copy(k->client_id, sizeof(k->client_id), config->client_id ? config->client_id : "cresset") &&
				text_copy(k->prefix, sizeof(k->prefix), config->topic_prefix);
	int result =
		fits ? 0 : error_set(error, ERROR_USAGE, "bus.kafka: bootstrap, client id or topic prefix is too long");
	if (result == 0)
		result = producer_make(k, error);
	if (result == 0)
		result = topics_ensure(k, error);
	if (result == 0)
		result = partitions_open(k, error);
	if (result < 0) {
		kafka_close(&k->bus);
		return result;
	}
	*out = &k->bus;
	return 0;
}
