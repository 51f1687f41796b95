/* Kafka behind struct bus_ops: opening and closing, and what its parts share. The settings and why they are so:
 * docs/kafka.md.
 */
#include "bus/bus_kafka.h"

#include <stdio.h>

int kafka_not_there(enum bus_topic topic, uint32_t partition, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "there is no partition %u of topic %u on Kafka", partition,
					 (unsigned)topic);
}

void kafka_topic_name(const struct kafka *k, enum bus_topic topic, char out[KAFKA_TOPIC_NAME_MAX])
{
	snprintf(out, KAFKA_TOPIC_NAME_MAX, "%s%s", k->prefix, bus_topic_name(topic));
}

bool kafka_will_mend(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
		   code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE ||
		   code == RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
		   code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR || code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
		   code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

rd_kafka_resp_err_t kafka_ends_ask(struct kafka *k, rd_kafka_t *handle, enum bus_topic topic, uint32_t partition,
								   uint64_t *low, uint64_t *high)
{
	char name[KAFKA_TOPIC_NAME_MAX];
	int64_t first = 0, end = 0, until = env_boot(k->env) + KAFKA_WAIT_MS * NS_PER_MS;
	kafka_topic_name(k, topic, name);
	for (;;) {
		rd_kafka_resp_err_t code =
			rd_kafka_query_watermark_offsets(handle, name, (int32_t)partition, &first, &end, KAFKA_WAIT_MS);
		*low = (uint64_t)first;
		*high = (uint64_t)end;
		if (!kafka_will_mend(code) || env_boot(k->env) > until)
			return code;
		rd_kafka_poll(k->producer, 50);
	}
}

/* ---- settings ---- */

/* Ours come after the user's: what the guarantee rests on cannot be loosened. */
static int settings_apply(rd_kafka_conf_t *conf, const struct setting *settings, struct error *error)
{
	char text[256];
	for (; settings->name; settings++)
		if (rd_kafka_conf_set(conf, settings->name, settings->value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
			return error_set(error, ERROR_USAGE, "librdkafka: %s", text);
	return 0;
}

int kafka_conf_make(const struct kafka *k, const struct setting *own, rd_kafka_conf_t **out, struct error *error)
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

/* ---- open and close ---- */

/* Records that are still on their way are given up: nobody was told of them. They may arrive all the same. */
static void kafka_close(struct bus *bus)
{
	struct kafka *k = kafka_of(bus);
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
		result = kafka_producer_make(k, error);
	if (result == 0)
		result = kafka_topics_ensure(k, error);
	if (result == 0)
		result = kafka_partitions_open(k, error);
	if (result < 0) {
		kafka_close(&k->bus);
		return result;
	}
	*out = &k->bus;
	return 0;
}
