/* The configuration: cresset.conf(5). YAML; unknown keys, wrong types and values out of range are errors with file, line and
 * column. A struct config owns its memory (one arena) and is not changed after loading. Main thread.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "bus/bus.h"
#include "ingest/ingest.h"

#define CONFIG_INPUTS 64
#define CONFIG_PATH_MAX 4096

struct config_input {
	const char *file; /* a path or pattern; null: sockets, and only what they use counts */
	bool from_end;
	struct source_settings settings; /* of the file's records */
	struct slice address; /* "127.0.0.1" or "::1", "0.0.0.0" */
	uint16_t port;
	bool udp, tcp;
	enum framing framing;
	uint32_t receive_buffer; /* octets asked for with SO_RCVBUF; 0 = the system's */
};

struct config_range {
	uint32_t *ids;
	uint32_t count; /* 0 and ids null: all */
};

struct config {
	const struct env *env;
	struct arena arena;
	const char *file; /* null: none was read */
	const char *data;
	const char *store_name;
	const char **rules, **decoders; /* null: the shipped ones */
	const char **shadow; /* rules that run beside and tell nobody; null: none */
	uint32_t shadow_count;
	uint32_t rule_count, decoder_count;
	const char **pipelines; /* paths, or names of shipped ones */
	uint32_t pipeline_count;
	bool yara;
	uint64_t yara_budget_ns; /* of a rule for each event; 0: none */
	uint64_t window_bytes, spill_bytes; /* of correlation state, in memory and on disk */
	struct config_input *inputs;
	uint32_t input_count;
	struct source_settings defaults;
	struct source_settings *sources;
	uint32_t source_count;
	uint32_t message_bytes;
	bool bus_kafka;
	const char *bootstrap, *topic_prefix, *client_id;
	const char **bus_options; /* name, value, ..., null */
	uint32_t partitions[TOPIC_COUNT];
	uint16_t replication;
	uint32_t sync_ms;
	uint64_t bus_max_bytes, bus_keep_bytes, log_file_bytes;
	struct config_range own_events, own_matches, own_incidents;
	int zstd_level;
	uint32_t segment_rows, segment_age_s;
	bool verify_read_back;
};

/* What holds without a file: data in ./cresset-data, UDP and TCP on 127.0.0.1:5514, shipped rules, local bus. */
int config_defaults(struct config *c, const struct env *env, struct error *error);
/* Reads the file over the defaults. Every complaint is told; the first one is the error. */
int config_read(struct config *c, const char *path, diagnostic_fn *tell, void *ctx, struct error *error);
/* "ADDR:PORT", "[v6]:PORT", "ADDR" (port 5514) or ":PORT". */
int config_address(struct config *c, struct slice text, struct slice *address, uint16_t *port, struct error *error);
/* The effective configuration as YAML. */
void config_print(const struct config *c, struct buffer *out);
void config_free(struct config *c);

#endif
