/* collect, detect, correlate, store: one stage of a cluster, over Kafka. */
#include "cli/data.h"
#include "cli/run.h"
#include "cli/setup.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <sys/stat.h>

/* Positions in a store, and in the checkpoint of an engine, are offsets of one bus: those of a local log mean nothing here. */
static int refuse_local(const struct run *run, struct error *error)
{
	char path[4200];
	struct stat st;
	snprintf(path, sizeof path, "%s/log", run->data);
	if (stat(path, &st))
		return 0;
	return error_set(error, ERROR_USAGE,
					 "%s belongs to 'cresset run': it has a local log; a stage needs a folder of its own", run->data);
}

static int open_kafka(struct run *run, const char *stage, struct bus **out, struct error *error)
{
	const struct config *c = &run->config;
	char client[128];
	snprintf(client, sizeof client, "%s-%s", c->client_id, stage);
	struct bus_kafka_config k = {.bootstrap = c->bootstrap,
								 .topic_prefix = c->topic_prefix,
								 .client_id = client,
								 .replication = c->replication,
								 .options = c->bus_options};
	memcpy(k.partitions, c->partitions, sizeof k.partitions);
	return bus_kafka_open(run->env, &k, out, error);
}

static unsigned duty_of(const char *stage)
{
	return strcmp(stage, "detect") == 0 ? DUTY_DETECT : strcmp(stage, "correlate") == 0 ? DUTY_TEMPORAL : DUTY_STORE;
}

static int work(struct run *run, struct data *data, const char *stage, struct error *error)
{
	struct bus *bus = NULL;
	uint64_t epoch;
	bool collect = strcmp(stage, "collect") == 0;
	static struct run_shared counts;
	int result = collect ? sockets_bind(&run->config, run->inputs, error) : 0;
	if (!result)
		result = refuse_local(run, error);
	if (!result)
		result = data_own(data, run->env, run->data, true, error);
	if (!result)
		result = data_epoch(data, &epoch, error);
	if (!result)
		result = open_kafka(run, stage, &bus, error);
	if (result)
		return result;
	memcpy(run->uuid, data->uuid, 16);
	run->shared = collect ? &counts : NULL;
	fprintf(stderr, "cresset %s: over Kafka at %s; data in %s\n", stage, run->config.bootstrap, run->data);
	int code = collect ? run_ingest(run, bus, epoch) : run_engine(run, bus, epoch, duty_of(stage), false);
	bus_close(bus);
	return code;
}

int run_stage(const struct args *args, const char *stage)
{
	static struct run run;
	static struct data data;
	struct error error = {0};
	setup_signals();
	int code = run_prepare(&run, args, true);
	if (!code) {
		data = (struct data){.lock_fd = -1};
		int result = work(&run, &data, stage, &error);
		code = result < 0 ? setup_fail(args, &error) : result;
		data_release(&data);
		sockets_close(run.inputs, strcmp(stage, "collect") == 0 ? run.config.input_count : 0);
	}
	run_release(&run);
	return code;
}

int verb_collect(const struct args *args)
{
	return run_stage(args, "collect");
}

int verb_detect(const struct args *args)
{
	return run_stage(args, "detect");
}

int verb_correlate(const struct args *args)
{
	return run_stage(args, "correlate");
}

int verb_store(const struct args *args)
{
	return run_stage(args, "store");
}
