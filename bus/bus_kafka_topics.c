/* The topics of a bus over Kafka: made when missing, checked, and where their partitions end. */
#include "bus/bus_kafka.h"

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
	rd_kafka_resp_err_t code = rd_kafka_metadata(k->producer, 1, NULL, &all, KAFKA_WAIT_MS);
	if (code)
		return kafka_error(error, code, "cannot ask Kafka for its topics");
	int result = 1;
	*missing = 0;
	for (unsigned t = 0; t < TOPIC_COUNT && result >= 0; t++) {
		char name[KAFKA_TOPIC_NAME_MAX];
		kafka_topic_name(k, (enum bus_topic)t, name);
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
	char name[KAFKA_TOPIC_NAME_MAX], text[256];
	kafka_topic_name(k, (enum bus_topic)t, name);
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
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_WAIT_MS);
	int result = created_look(event, error);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy_array(topics, count);
	return result;
}

/* What is made is not seen by every broker at once. */
int kafka_topics_ensure(struct kafka *k, struct error *error)
{
	unsigned missing;
	int result = topics_check(k, &missing, error);
	if (result != 0)
		return result < 0 ? result : 0;
	result = topics_create(k, missing, error);
	int64_t until = env_boot(k->env) + KAFKA_WAIT_MS * NS_PER_MS;
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

int kafka_partitions_open(struct kafka *k, struct error *error)
{
	for (unsigned t = 0; t < TOPIC_COUNT; t++) {
		char name[KAFKA_TOPIC_NAME_MAX];
		kafka_topic_name(k, (enum bus_topic)t, name);
		if (k->counts[t] == 0)
			continue;
		k->partitions[t] = env_zalloc(k->env, k->counts[t] * sizeof(*k->partitions[t]));
		k->topics[t] = rd_kafka_topic_new(k->producer, name, NULL);
		if (!k->partitions[t] || !k->topics[t])
			return error_set(error, ERROR_MEMORY, "no memory for topic %s", name);
		for (uint32_t p = 0; p < k->counts[t]; p++) {
			uint64_t low;
			rd_kafka_resp_err_t code =
				kafka_ends_ask(k, k->producer, (enum bus_topic)t, p, &low, &k->partitions[t][p].durable);
			if (code)
				return kafka_error(error, code, "cannot ask Kafka where a partition ends");
		}
	}
	return 0;
}
